/*
 * test_model: random operations on a volume and on a plain model of one; they must never differ.
 *
 * test_model [--seed N] [--operations N] [--threads N] [--insensitive] [--by-name] [--promise] [--full]
 *            [--max-bytes N] [--max-nodes N]
 *
 * Without arguments it runs eight fixed seeds, each in another mode, and then several threads at once.
 * With any of the mode's arguments every seed runs in that mode; with --threads N above 1 only the
 * threads run. A failure prints the seed, the step and the last operations: the same arguments
 * bring it back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model_run.h"
#include "test.h"

#define SEEDS 8
#define THREADS_BY_DEFAULT 8

/* ---- which operation ------------------------------------------------------------------------ */

struct weight {
	run_operation *operation;
	unsigned weight;
};

static const struct weight weights[] = {
	{op_lookup, 60},	{op_create, 120},
	{op_nameless, 6},	{op_link, 30},
	{op_unlink, 80},	{op_rename, 70},
	{op_exchange, 15},	{op_list, 4},
	{op_cursor, 30},	{op_list_after, 4},
	{op_walk, 40},		{op_normalize, 20},
	{op_parent, 10},	{op_open, 40},
	{op_close, 50},		{op_can_remove, 6},
	{op_read, 90},		{op_pieces, 20},
	{op_write, 110},	{op_size, 40},
	{op_allocation, 20},	{op_fallocate, 50},
	{op_seek, 40},		{op_copy, 30},
	{op_trim, 10},		{op_overwrite, 6},
	{op_stream_open, 15},	{op_stream_create, 20},
	{op_stream_remove, 10}, {op_stream_rename, 10},
	{op_set, 40},		{op_accessed, 15},
	{op_security, 25},	{op_ea, 25},
	{op_reparse, 25},	{op_xattr, 30},
	{op_xattr_read, 20},	{op_label, 2},
	{op_resize, 5},		{op_info, 12},
};
#define WEIGHTS (sizeof(weights) / sizeof(weights[0]))

/* Whether next to nothing fits any more; else says how much does. */
static bool is_full(struct run *run, uint64_t *free)
{
	struct mfs_space space;

	mfs_volume_space(run->volume, &space);
	*free = space.free_bytes;
	return (run->max_bytes && space.free_bytes < 4096) || (run->max_nodes && space.free_nodes == 0);
}

/* Fills up what is free, most of the time. False: there was nothing to fill. */
static bool fill_up(struct run *run)
{
	uint64_t free;

	if (is_full(run, &free)) {
		run->full++;
		return false;
	}
	if (random_percent(&run->random, 15))
		return false;
	if (run->max_nodes) {
		op_create(run);
		return true;
	}
	run->filling = free;
	op_write(run);
	run->filling = 0;
	return true;
}

static void one_operation(struct run *run)
{
	uint64_t at = random_below(&run->random, run->weight);
	size_t which = 0;

	run_say(run, "(nothing)");
	run_mark(run);
	if (run->mode->full && fill_up(run))
		return;
	while (at >= weights[which].weight)
		at -= weights[which++].weight;
	/* Far from the goal, more goes or comes. */
	if (run->model.node_count > run->goal && random_percent(&run->random, 20))
		op_unlink(run);
	else if (run->model.node_count < run->goal / 2 && random_percent(&run->random, 40))
		op_create(run);
	else
		weights[which].operation(run);
}

/* ---- one run ------------------------------------------------------------------------------------ */

static bool run_begin(struct run *run, const struct run_mode *mode, uint64_t seed)
{
	struct mfs_options options = {.max_bytes = mode->max_bytes,
				      .max_nodes = mode->max_nodes,
				      .case_insensitive = mode->insensitive,
				      .size_is_promise = mode->promise,
				      .order = mode->by_name ? MFS_BY_NAME : MFS_BY_POSITION,
				      .root_mode = 0755};
	struct mfs_node *root;
	struct mfs_info info;

	memset(run, 0, sizeof(*run));
	run->mode = mode;
	run->seed = seed;
	run->max_bytes = mode->max_bytes;
	run->max_nodes = mode->max_nodes;
	run->start_seconds = (int64_t)time(NULL);
	for (size_t i = 0; i < WEIGHTS; i++)
		run->weight += weights[i].weight;
	random_seed(&run->random, seed);
	options.unit = seed % 2 ? 0 : 4096;
	run->buffer = malloc(RUN_BUFFER);
	run->expected = malloc(RUN_BUFFER);
	run->path = malloc(RUN_PATH);
	model_begin(&run->model, mode->insensitive);
	if (mfs_volume_create(&options, &run->volume) != MFS_OK)
		return false;
	root = mfs_volume_root(run->volume);
	mfs_node_info(run->volume, root, &info);
	run->model.root->number = info.number;
	run->model.root->mode = 0755;
	run_number_new(run, info.number);
	mfs_node_drop(run->volume, root);
	mfs_volume_space(run->volume, &run->start);
	return true;
}

/* Deletes everything there is: the counters must be back where they began. */
static void run_empty(struct run *run)
{
	struct mfs_space space;

	run_say(run, "delete everything");
	for (size_t i = 0; i < RUN_CURSORS; i++)
		run_cursor_end(run, &run->cursors[i]);
	while (run->handle_count)
		run_handle_close(run, (size_t)random_below(&run->random, run->handle_count));
	while (run->model.node_count > 1) {
		struct model_node *node = run->model.nodes[run->model.node_count - 1];
		struct model_entry *entry;
		struct mfs_node *real;

		while (node->entry_count)
			node = node->entries[0]->node;
		entry = node->names[0];
		real = run_reach(run, entry->directory);
		RUN_SAME(run,
			 mfs_unlink(run->volume, real, entry->name.data, entry->name.size, MFS_REMOVE_ANY,
				    NULL),
			 MFS_OK);
		run_drop(run, real);
		run_unlink_entry(run, entry);
	}
	/* What the root itself carries. */
	{
		struct model_node *root = run->model.root;
		struct mfs_node *real = mfs_volume_root(run->volume);

		while (root->stream_count) {
			RUN_SAME(run,
				 mfs_stream_remove(run->volume, real, root->streams[0]->name.data,
						   root->streams[0]->name.size, NULL),
				 MFS_OK);
			model_stream_remove(root->streams[0]);
		}
		while (root->xattr_count) {
			struct model_xattr *xattr = &root->xattrs[--root->xattr_count];

			RUN_SAME(run, mfs_xattr_remove(run->volume, real, xattr->name.data, xattr->name.size),
				 MFS_OK);
			free(xattr->name.data);
			free(xattr->value.data);
		}
		RUN_SAME(run, mfs_ea_set(run->volume, real, NULL, 0, true), MFS_OK);
		run_eas_apply(root, NULL, 0, true);
		run_unsure(root);
		mfs_node_drop(run->volume, real);
	}
	run_check_all(run);
	mfs_volume_space(run->volume, &space);
	RUN_SAME(run, space.used_nodes, run->start.used_nodes);
	RUN_SAME(run, space.used_bytes, run->start.used_bytes);
}

static void run_end(struct run *run)
{
	for (size_t i = 0; i < RUN_CURSORS; i++)
		free(run->cursors[i].seen);
	for (size_t i = 0; i < run->model.node_count;
	     i++) /* nothing that is removed but open may be left behind */
		run->model.nodes[i]->opens = 0;
	model_end(&run->model);
	mfs_volume_destroy(run->volume);
	free(run->buffer);
	free(run->expected);
	free(run->path);
	free(run->numbers);
}

/* How many nodes to steer to next: few and many take turns, now and then all goes. */
static void next_phase(struct run *run)
{
	static const size_t goals[] = {20, 20, 60, 200, 600, 2000, 6000};

	run->goal = goals[random_below(&run->random, sizeof(goals) / sizeof(goals[0]))];
	if (run->mode->full && run->goal < 2 * run->mode->max_nodes) /* names enough for all */
		run->goal = (size_t)run->mode->max_nodes * 2;
	run->phase_end = run->step + 8192 + 3 * run->goal;
	if (run->step && random_percent(&run->random, 30)) {
		run_check_all(run);
		run_empty(run);
	}
}

/* A full volume was what it is called for more than half of the time. */
static bool was_full(const struct run *run)
{
	if (!run->mode->full)
		return true;
	printf("# figure: full volume (%s): full in %" PRIu64 " of %" PRIu64 " operations\n", run->mode->text,
	       run->full, run->step);
	return run->full > run->step / 2;
}

static bool model_seed(const struct run_mode *mode, uint64_t seed, uint64_t operations)
{
	struct run *run = malloc(sizeof(*run));
	bool good;

	printf("# seed %" PRIu64 ", %" PRIu64 " operations, %s\n", seed, operations, mode->text);
	fflush(stdout);
	if (!run_begin(run, mode, seed)) {
		printf("# no volume\n");
		free(run);
		return false;
	}
	/* After a failure the volume may be in any state: it is left, and what belongs to it. */
	if (setjmp(run->failed) == 0) {
		for (; run->step < operations; run->step++) {
			if (run->step == run->phase_end)
				next_phase(run);
			one_operation(run);
			if (run->step % 499 == 0)
				run_check_structures(run);
			if (run->step % 30011 == 30010)
				run_check_all(run);
		}
		run_check_all(run);
		run_empty(run);
		good = was_full(run);
		run_end(run);
		free(run);
		return good;
	}
	return false;
}

/* ---- arguments ------------------------------------------------------------------------------------ */

struct arguments {
	uint64_t seed, operations;
	unsigned threads;
	bool seed_given, mode_given;
	struct run_mode mode;
};

static bool parse_number(const char *text, uint64_t *number)
{
	char *end = NULL;

	*number = text ? strtoull(text, &end, 0) : 0;
	return text && *text && !*end;
}

static bool parse(int count, char **values, struct arguments *to)
{
	for (int i = 1; i < count; i++) {
		const char *name = values[i];
		uint64_t number = 0;

		if (!strcmp(name, "--insensitive")) {
			to->mode_given = to->mode.insensitive = true;
			continue;
		} else if (!strcmp(name, "--by-name")) {
			to->mode_given = to->mode.by_name = true;
			continue;
		} else if (!strcmp(name, "--promise")) {
			to->mode_given = to->mode.promise = true;
			continue;
		} else if (!strcmp(name, "--full")) {
			to->mode_given = to->mode.full = true;
			continue;
		}
		if (!parse_number(values[++i], &number))
			return false;
		if (!strcmp(name, "--seed"))
			to->seed = number, to->seed_given = true;
		else if (!strcmp(name, "--operations"))
			to->operations = number;
		else if (!strcmp(name, "--threads") && number >= 1 && number <= 64)
			to->threads = (unsigned)number;
		else if (!strcmp(name, "--max-bytes"))
			to->mode.max_bytes = number, to->mode_given = true;
		else if (!strcmp(name, "--max-nodes"))
			to->mode.max_nodes = number, to->mode_given = true;
		else
			return false;
	}
	return true;
}

/* One point of the test. */
static void point(const char *what, const struct run_mode *mode, uint64_t seed, bool good)
{
	tests.run++;
	tests.failed += !good;
	printf("%sok %u - %s seed %" PRIu64 ", %s\n", good ? "" : "not ", tests.run, what, seed, mode->text);
	fflush(stdout);
}

static const struct run_mode modes[SEEDS] = {
	{.text = "sensitive, by position"},
	{.text = "insensitive, by name, promises", .insensitive = true, .by_name = true, .promise = true},
	{.text = "sensitive, by position, 3 MiB, 500 nodes", .max_bytes = 3 << 20, .max_nodes = 500},
	{.text = "insensitive, by name, promises, 6 MiB",
	 .insensitive = true,
	 .by_name = true,
	 .promise = true,
	 .max_bytes = 6 << 20},
	{.text = "sensitive, by name", .by_name = true},
	{.text = "sensitive, by position, full at 1 MiB", .max_bytes = 1 << 20, .full = true},
	{.text = "insensitive, by name, promises, full at 2 MiB",
	 .insensitive = true,
	 .by_name = true,
	 .promise = true,
	 .max_bytes = 2 << 20,
	 .full = true},
	{.text = "sensitive, by name, full at 100 nodes", .by_name = true, .max_nodes = 100, .full = true},
};

int main(int count, char **values)
{
	static const uint64_t seeds[SEEDS] = {1, 2, 20240229, 0xC0FFEE, 987654321, 5, 6, 7};
	struct arguments arguments = {.operations = 100000, .mode = {.text = "mode as given"}};

	if (!parse(count, values, &arguments)) {
		printf("Bail out! wrong arguments: --seed, --operations, --threads (1..64), --max-bytes, "
		       "--max-nodes "
		       "take a number; --insensitive, --by-name, --promise, --full none\n");
		return 2;
	}
	for (size_t i = 0; i < SEEDS && arguments.threads < 2; i++) {
		const struct run_mode *mode = arguments.mode_given ? &arguments.mode : &modes[i];
		uint64_t seed = arguments.seed_given ? arguments.seed : seeds[i];

		point("model,", mode, seed, model_seed(mode, seed, arguments.operations));
		if (arguments.seed_given && arguments.mode_given)
			break;
	}
	if (arguments.threads != 1) {
		unsigned threads = arguments.threads ? arguments.threads : THREADS_BY_DEFAULT;

		for (size_t i = 0; i < 2; i++) {
			const struct run_mode *mode = arguments.mode_given ? &arguments.mode : &modes[i];
			uint64_t seed = arguments.seed_given ? arguments.seed : seeds[i];

			printf("# seed %" PRIu64 ", %u threads, %s\n", seed, threads, mode->text);
			point("threads,", mode, seed,
			      run_threads(mode, seed, threads, arguments.operations) == 0);
			if (arguments.mode_given)
				break;
		}
	}
	return tests_end();
}
