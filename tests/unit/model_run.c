/*
 * model_run: what every operation of the model test needs: picking, judging, comparing.
 */
#include "model_run.h"

#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- saying and failing ------------------------------------------------------------------ */

void run_say(struct run *run, const char *format, ...)
{
	char *to = run->said[run->step % RUN_SAID];
	va_list list;

	va_start(list, format);
	vsnprintf(to, sizeof(run->said[0]), format, list);
	va_end(list);
}

_Noreturn void run_fail(struct run *run, const char *file, int line, const char *format, ...)
{
	uint64_t first = run->step >= RUN_SAID ? run->step - RUN_SAID + 1 : 0;
	va_list list;

	printf("# seed %" PRIu64 " (%s), step %" PRIu64 ": ", run->seed, run->mode->text, run->step);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n# at %s:%d; the last operations:\n", file, line);
	for (uint64_t step = first; step <= run->step; step++) {
		printf("#   %" PRIu64 ": ", step);
		for (const char *at = run->said[step % RUN_SAID]; *at; at++) /* names hold any byte */
			printf((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7F ? "\\x%02X" : "%c",
			       (unsigned char)*at);
		printf("\n");
	}
	fflush(stdout);
	longjmp(run->failed, 1);
}

bool run_limited(const struct run *run)
{
	return run->max_bytes || run->max_nodes;
}

void run_mark(struct run *run)
{
	struct mfs_space space;

	mfs_volume_space(run->volume, &space);
	run->used_before = space.used_bytes;
}

bool run_outcome(struct run *run, enum mfs_status status, uint64_t refusals, uint64_t bytes)
{
	struct mfs_space space;

	if (status == MFS_OK) {
		if (refusals && !(refusals & RUN_BIT(MFS_OK)))
			run_fail(run, __FILE__, __LINE__, "succeeded, but must be refused (set %#" PRIx64 ")",
				 refusals);
		return true;
	}
	mfs_volume_space(run->volume, &space);
	RUN_SAME(run, space.used_bytes, run->used_before);
	if (refusals & RUN_BIT(status))
		return false;
	if (status == MFS_NO_SPACE && run->max_bytes && bytes != RUN_FREES &&
	    space.free_bytes < bytes + (256u << 10))
		return false;
	if (status == MFS_NO_NODES && run->max_nodes && bytes != RUN_FREES &&
	    space.used_nodes == run->max_nodes)
		return false;
	run_fail(run, __FILE__, __LINE__, "answered \"%s\" (%d), right would be the set %#" PRIx64,
		 mfs_status_text(status), (int)status, refusals);
}

/* ---- names --------------------------------------------------------------------------------- */

/* Pieces that names are made of; a pair is one letter in its two cases. */
struct letter {
	const char *lower, *upper;
};
static const struct letter letters[] = {
	{"a", "A"},
	{"b", "B"},
	{"m", "M"},
	{"z", "Z"},
	{"\xC3\xA9", "\xC3\x89"},	  /* e acute */
	{"\xC3\xBF", "\xC5\xB8"},	  /* y diaeresis: the upper case is far away */
	{"\xCF\x83", "\xCE\xA3"},	  /* sigma */
	{"\xD1\x8F", "\xD0\xAF"},	  /* ya */
	{"\xEF\xBD\x81", "\xEF\xBC\xA1"}, /* fullwidth a */
	{"\xCF\x82", NULL},		  /* final sigma: no upper case in NTFS */
	{"\xC3\x9F", NULL},		  /* sharp s */
	{"\xC4\xB1", NULL},		  /* dotless i */
	{"_", NULL},
	{"~", NULL},
	{" ", NULL},
	{"-", NULL},
	{"[", NULL},
	{"\xF0\x9F\x98\x80", NULL},		  /* beyond the BMP */
	{"\xF0\x90\x90\xA8", "\xF0\x90\x90\xA8"}, /* a small letter there: stays as it is */
	{"\xED\xA0\xBD", NULL},			  /* a lone surrogate */
	{"\xEF\xBF\xBF", NULL},			  /* the last unit */
};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

/* Names that no volume takes, or only a sensitive one. */
static size_t bad_name(struct run *run, char *to)
{
	static const struct {
		const char *name;
		size_t size;
	} bad[] = {{"", 0},
		   {".", 1},
		   {"..", 2},
		   {"a/b", 3},
		   {"a\0b", 3},
		   {"/", 1},
		   {"\xFF", 1},
		   {"a\x80", 2},
		   {"\xC3", 1},
		   {"b\xC3"
		    "b",
		    3},
		   {"\xC0\x80", 2}};
	size_t which = (size_t)random_below(&run->random, sizeof(bad) / sizeof(bad[0]));

	memcpy(to, bad[which].name, bad[which].size);
	return bad[which].size;
}

static size_t add_letter(struct run *run, char *to)
{
	const struct letter *letter = &letters[random_below(&run->random, LETTERS)];
	const char *text = letter->upper && random_percent(&run->random, 50) ? letter->upper : letter->lower;

	strcpy(to, text);
	return strlen(text);
}

size_t run_name(struct run *run, char to[1024])
{
	size_t size = 0, pieces = (size_t)random_between(&run->random, 0, 2);
	unsigned kind = (unsigned)random_below(&run->random, 100);

	if (kind < 2)
		return bad_name(run, to);
	if (kind < 5) { /* near the limits of 255 bytes and 255 units */
		size_t goal = kind == 2	  ? 250
			      : kind == 3 ? 254
					  : (size_t)random_between(&run->random, 200, 780);
		size_t same = (size_t)random_below(&run->random, LETTERS);

		while (size < goal)
			size += (size_t)sprintf(to + size, "%s", letters[same].lower);
		size += (size_t)sprintf(to + size, "%u", (unsigned)random_below(&run->random, 100));
		return size;
	}
	while (pieces--)
		size += add_letter(run, to + size);
	return size +
	       (size_t)sprintf(to + size, "%u", (unsigned)random_below(&run->random, 1 + run->goal / 4));
}

size_t run_respell(struct run *run, const char *name, size_t size, char to[1024])
{
	size_t at = 0, out = 0;

	if (!run->mode->insensitive || random_percent(&run->random, 50)) {
		memcpy(to, name, size);
		return size;
	}
	while (at < size) {
		const char *from = NULL, *into = NULL;

		for (size_t i = 0; i < LETTERS && !from; i++) {
			size_t lower = strlen(letters[i].lower),
			       upper = letters[i].upper ? strlen(letters[i].upper) : 0;

			if (upper && size - at >= lower && !memcmp(name + at, letters[i].lower, lower))
				from = letters[i].lower, into = letters[i].upper;
			else if (upper && size - at >= upper && !memcmp(name + at, letters[i].upper, upper))
				from = letters[i].upper, into = letters[i].lower;
		}
		if (!from || random_percent(&run->random, 50)) {
			to[out++] = name[at++];
			continue;
		}
		memcpy(to + out, into, strlen(into));
		out += strlen(into);
		at += strlen(from);
	}
	return out;
}

/* ---- picking ---------------------------------------------------------------------------------- */

struct model_node *run_pick_node(struct run *run)
{
	return run->model.nodes[random_below(&run->random, run->model.node_count)];
}

struct model_node *run_pick_directory(struct run *run)
{
	if (random_percent(&run->random, run->goal > 1000 ? 80 : 25)) /* a crowd belongs in one place */
		return run->model.root;
	for (int tries = 0; tries < 40; tries++) {
		struct model_node *node = run_pick_node(run);

		if (node->directory && (node->name_count || random_percent(&run->random, 20)))
			return node;
	}
	return run->model.root;
}

bool run_has_data(const struct model_node *node)
{
	return !node->directory && node->kind == MFS_FILE && !node->reparse.size;
}

struct model_node *run_pick_file(struct run *run)
{
	for (int tries = 0; tries < 20; tries++) {
		struct model_node *node = run_pick_node(run);

		if (run_has_data(node))
			return node;
	}
	return NULL;
}

struct model_entry *run_pick_entry(struct run *run)
{
	for (int tries = 0; tries < 40; tries++) {
		struct model_node *node = run_pick_node(run);

		if (node->name_count)
			return node->names[random_below(&run->random, node->name_count)];
	}
	return NULL;
}

size_t run_data_size(struct run *run)
{
	unsigned kind = (unsigned)random_below(&run->random, 100);

	if (run->filling)
		return run->filling < RUN_BUFFER ? (size_t)run->filling : RUN_BUFFER;
	if (kind < 4)
		return 0;
	if (kind < 45)
		return (size_t)random_between(&run->random, 1, 100);
	if (kind < 80)
		return (size_t)random_between(&run->random, 1, 5000);
	if (kind < 85)
		return 512 * (size_t)random_between(&run->random, 1, 64);
	if (kind < 99 && (run->goal >= 50 || kind < 94))
		return (size_t)random_between(&run->random, 1, 70000);
	if (run->goal < 50)
		return (size_t)random_between(&run->random, 300000, RUN_BUFFER);
	return (size_t)random_between(&run->random, 1, 600000);
}

void run_bytes(struct run *run, uint8_t *to, size_t size)
{
	random_fill(&run->random, to, size);
	if (random_percent(&run->random, 5))
		memset(to, 0, size);
}

/* ---- reaching ------------------------------------------------------------------------------------ */

/* The path of a named node, from behind; returns where it begins in run->path, NULL: too long. */
static const char *path_of(struct run *run, struct model_node *node, size_t *size)
{
	size_t at = RUN_PATH;

	while (node != run->model.root) {
		struct model_entry *entry = node->names[random_below(&run->random, node->name_count)];

		if (at < entry->name.size + 1)
			return NULL;
		at -= entry->name.size;
		memcpy(run->path + at, entry->name.data, entry->name.size);
		run->path[--at] = '/';
		node = entry->directory;
	}
	*size = RUN_PATH - at;
	return run->path + at;
}

static struct mfs_node *reach_by_path(struct run *run, struct model_node *node, bool by_walk)
{
	size_t size = 0, at = 0;
	const char *path = path_of(run, node, &size);
	struct mfs_node *real = mfs_volume_root(run->volume);
	struct mfs_place place;

	if (path && by_walk) {
		enum mfs_status status = mfs_walk(run->volume, path, size, '/', &place);
		struct mfs_node *found = status == MFS_OK ? mfs_node_hold(place.node) : NULL;

		RUN_CHECK(run, status == MFS_OK || status == MFS_REPARSE);
		mfs_place_drop(run->volume, &place);
		mfs_node_drop(run->volume, real);
		return found;
	}
	while (path && at < size) { /* one lookup for each component */
		const char *name = path + at + 1, *slash = memchr(name, '/', size - at - 1);
		size_t length = slash ? (size_t)(slash - name) : size - at - 1;
		struct mfs_node *next;

		RUN_SAME(run, mfs_lookup(run->volume, real, name, length, &next), MFS_OK);
		mfs_node_drop(run->volume, real);
		real = next;
		at += 1 + length;
	}
	if (!path) {
		mfs_node_drop(run->volume, real);
		return NULL;
	}
	return real;
}

struct mfs_node *run_reach(struct run *run, struct model_node *node)
{
	struct mfs_node *real = NULL;
	unsigned way = (unsigned)random_below(&run->random, 4);

	for (size_t i = 0; i < run->handle_count && node->opens && way == 0; i++)
		if (run->handles[i].model->node == node)
			real = real ? real : mfs_node_hold(mfs_stream_node(run->handles[i].stream));
	if (way >= 2 && (node->name_count || node == run->model.root))
		real = reach_by_path(run, node, way == 2);
	if (!real)
		real = mfs_node_by_number(run->volume, node->number);
	RUN_CHECK(run, real);
	RUN_SAME(run, mfs_node_number(real), node->number);
	return real;
}

void run_drop(struct run *run, struct mfs_node *node)
{
	mfs_node_drop(run->volume, node);
}

bool run_use_begin(struct run *run, struct run_use *use)
{
	struct model_node *node;
	struct mfs_node *real;

	for (int tries = 0; tries < 4 && run->handle_count && random_percent(&run->random, 40); tries++) {
		struct run_handle *handle = &run->handles[random_below(&run->random, run->handle_count)];

		if (handle->model == &handle->model->node->main && !run_has_data(handle->model->node))
			continue;
		use->model = handle->model;
		use->stream = mfs_stream_hold(handle->stream);
		return true;
	}
	node = run_pick_file(run);
	if (!node)
		return false;
	real = run_reach(run, node);
	use->model = &node->main;
	if (node->stream_count && random_percent(&run->random, 25)) {
		use->model = node->streams[random_below(&run->random, node->stream_count)];
		RUN_SAME(run,
			 mfs_stream_open(run->volume, real, use->model->name.data, use->model->name.size,
					 &use->stream),
			 MFS_OK);
	} else {
		use->stream = mfs_main_stream(real);
	}
	run_drop(run, real);
	return true;
}

void run_use_end(struct run *run, struct run_use *use)
{
	mfs_stream_drop(run->volume, use->stream);
}

void run_handle_add(struct run *run, struct mfs_stream *stream, struct model_stream *model)
{
	model->opens++; /* first, so that nothing of it goes with another handle */
	model->node->opens++;
	if (run->handle_count == RUN_HANDLES)
		run_handle_close(run, (size_t)random_below(&run->random, RUN_HANDLES));
	run->handles[run->handle_count++] = (struct run_handle){stream, model};
}

void run_handle_close(struct run *run, size_t index)
{
	struct run_handle handle = run->handles[index];
	struct model_node *node = handle.model->node;

	run->handles[index] = run->handles[--run->handle_count];
	handle.model->opens--;
	node->opens--;
	mfs_stream_drop(run->volume, handle.stream);
	if (handle.model != &node->main)
		model_stream_settle(handle.model);
	model_node_settle(&run->model, node);
}

void run_number_new(struct run *run, uint64_t number)
{
	size_t mask, at;

	if (run->number_count * 2 >= run->number_capacity) {
		uint64_t *old = run->numbers;
		size_t capacity = run->number_capacity;

		run->number_capacity = capacity ? capacity * 2 : 1024;
		run->numbers = calloc(run->number_capacity, sizeof(*run->numbers));
		run->number_count = 0;
		for (size_t i = 0; i < capacity; i++)
			if (old[i])
				run_number_new(run, old[i]);
		free(old);
	}
	RUN_CHECK(run, number);
	mask = run->number_capacity - 1;
	at = (size_t)((number * 0x9E3779B97F4A7C15u) >> 20) & mask;
	while (run->numbers[at] && run->numbers[at] != number)
		at = (at + 1) & mask;
	RUN_CHECK(run, run->numbers[at] != number);
	run->numbers[at] = number;
	run->number_count++;
}

void run_changed(struct model_node *node)
{
	node->change.known = MODEL_RECENT;
}

void run_written(struct model_node *node)
{
	node->write.known = node->change.known = MODEL_RECENT;
}

void run_unsure(struct model_node *node)
{
	node->write.known = node->change.known = MODEL_ANY;
}

/* ---- checking ---------------------------------------------------------------------------------------- */

static void check_time(struct run *run, const struct model_time *time, const struct mfs_time *real,
		       const char *what)
{
	RUN_CHECK(run, real->nanoseconds < 1000000000u);
	if (time->known == MODEL_EXACT) {
		if (real->seconds != time->value.seconds || real->nanoseconds != time->value.nanoseconds)
			run_fail(run, __FILE__, __LINE__, "%s time is %" PRId64 ".%u, not %" PRId64 ".%u",
				 what, real->seconds, real->nanoseconds, time->value.seconds,
				 time->value.nanoseconds);
	} else if (time->known == MODEL_RECENT) {
		RUN_CHECK(run, real->seconds >= run->start_seconds - 1);
		RUN_CHECK(run, real->seconds < run->start_seconds + 86400);
	}
}

static uint32_t model_attributes(const struct model_node *node)
{
	uint32_t attributes = node->attributes | (node->directory ? MFS_A_DIRECTORY : 0) |
			      (node->reparse.size ? MFS_A_REPARSE_POINT : 0);

	return attributes ? attributes : MFS_A_NORMAL;
}

static uint32_t model_links(const struct model_node *node, const struct model *model)
{
	uint32_t links = 2;

	if (!node->directory || model_kind(node) == MFS_SYMLINK)
		return (uint32_t)node->name_count;
	if (model_is_deleted(model, node) || (node != model->root && !node->name_count))
		return 0;
	for (size_t i = 0; i < node->entry_count; i++)
		links += node->entries[i]->node->directory;
	return links;
}

static void check_sizes(struct run *run, const struct model_stream *stream, const struct mfs_info *info)
{
	uint32_t unit = mfs_volume_unit(run->volume);
	uint64_t size = stream->data.size;

	RUN_SAME(run, info->size, size);
	RUN_SAME(run, info->allocation % unit, 0);
	RUN_CHECK(run, info->allocation >= size);
	if (run->mode->promise) /* elsewhere, copying a hole gives back what was set aside */
		RUN_CHECK(run, info->allocation >= stream->promised);
}

void run_check_info(struct run *run, struct model_node *node, struct mfs_node *real)
{
	struct mfs_info info;

	mfs_node_info(run->volume, real, &info);
	RUN_SAME(run, info.number, node->number);
	RUN_SAME(run, info.kind, model_kind(node));
	RUN_SAME(run, info.directory, node->directory);
	RUN_SAME(run, info.attributes & ~MFS_A_SPARSE, model_attributes(node));
	RUN_SAME(run, info.reparse_tag, model_reparse_tag(node));
	RUN_SAME(run, info.links, model_links(node, &run->model));
	RUN_SAME(run, info.mode, node->mode);
	RUN_SAME(run, info.uid, node->uid);
	RUN_SAME(run, info.gid, node->gid);
	if (node->kind == MFS_CHAR_DEVICE || node->kind == MFS_BLOCK_DEVICE)
		RUN_SAME(run, info.device, node->device);
	RUN_SAME(run, info.entries, node->entry_count);
	if (run_has_data(node))
		check_sizes(run, &node->main, &info);
	check_time(run, &node->birth, &info.birth, "birth");
	check_time(run, &node->access, &info.access, "access");
	check_time(run, &node->write, &info.write, "write");
	check_time(run, &node->change, &info.change, "change");
	if (node->birth.known != MODEL_EXACT) { /* from now on it stays */
		node->birth.value = info.birth;
		node->birth.known = MODEL_EXACT;
	}
}

/* Reads a range in full and compares. */
static void check_range(struct run *run, struct model_stream *model, struct mfs_stream *stream,
			uint64_t offset, uint64_t end)
{
	while (offset < end) {
		size_t size = end - offset < RUN_BUFFER ? (size_t)(end - offset) : RUN_BUFFER, done = 0;

		RUN_SAME(run, mfs_read(run->volume, stream, offset, run->buffer, size, &done), MFS_OK);
		RUN_SAME(run, done, size);
		model_data_read(&model->data, offset, run->expected, size);
		if (memcmp(run->buffer, run->expected, size)) {
			size_t at = 0;

			while (run->buffer[at] == run->expected[at])
				at++;
			run_fail(run, __FILE__, __LINE__, "byte %" PRIu64 " of %" PRIu64 " is %02x, not %02x",
				 offset + at, model->data.size, run->buffer[at], run->expected[at]);
		}
		offset += size;
	}
}

/* Walks over data and holes to the end: holes must be zero, and they must take turns. */
static void check_holes(struct run *run, struct model_stream *model, struct mfs_stream *stream)
{
	uint64_t at = 0, data, hole, size = model->data.size;

	while (at < size) {
		enum mfs_status status = mfs_next_data(run->volume, stream, at, &data);

		if (status == MFS_NO_DATA)
			data = size;
		else
			RUN_SAME(run, status, MFS_OK);
		RUN_CHECK(run, data >= at && data <= size && (status != MFS_OK || data < size));
		RUN_CHECK(run, model_data_is_zero(&model->data, at, data));
		if (data > at) { /* inside a hole, the next hole is right here */
			RUN_SAME(run, mfs_next_hole(run->volume, stream, at, &hole), MFS_OK);
			RUN_SAME(run, hole, at);
		}
		if (data == size)
			break;
		RUN_SAME(run, mfs_next_hole(run->volume, stream, data, &hole), MFS_OK);
		RUN_CHECK(run, hole > data && hole <= size);
		at = hole;
	}
}

void run_check_data(struct run *run, struct model_stream *model, struct mfs_stream *stream)
{
	const struct model_data *data = &model->data;
	struct mfs_info info;
	size_t done;

	mfs_stream_info(run->volume, stream, &info);
	check_sizes(run, model, &info);
	for (size_t i = 0; i < data->count; i++) { /* with the neighbourhood, which is often a hole */
		uint64_t start = data->blocks[i].number * MODEL_BLOCK;
		uint64_t end =
			start + MODEL_BLOCK + 600 < data->size ? start + MODEL_BLOCK + 600 : data->size;

		check_range(run, model, stream, start >= 600 ? start - 600 : 0, end);
	}
	if (data->size)
		check_range(run, model, stream, data->size > 3000 ? data->size - 3000 : 0, data->size);
	RUN_SAME(run, mfs_read(run->volume, stream, data->size, run->buffer, 1, &done), MFS_END_OF_FILE);
	check_holes(run, model, stream);
}

struct stream_seen {
	struct run *run;
	struct model_node *node;
	size_t count;
};

static bool check_stream_entry(void *context, const struct mfs_stream_entry *entry)
{
	struct stream_seen *seen = context;
	struct run *run = seen->run;
	struct model_stream *stream;

	RUN_CHECK(run, seen->count < seen->node->stream_count);
	stream = seen->node->streams[seen->count++];
	RUN_CHECK(run, model_bytes_equal(&stream->name, entry->name, entry->name_size));
	RUN_SAME(run, entry->size, stream->data.size);
	RUN_CHECK(run, entry->allocation >= stream->data.size);
	return true;
}

static void check_streams(struct run *run, struct model_node *node, struct mfs_node *real)
{
	struct stream_seen seen = {run, node, 0};

	mfs_streams_each(run->volume, real, check_stream_entry, &seen);
	RUN_SAME(run, seen.count, node->stream_count);
	for (size_t i = 0; i < node->stream_count; i++) {
		struct model_stream *model = node->streams[i];
		struct mfs_stream *stream;

		RUN_SAME(run, mfs_stream_open(run->volume, real, model->name.data, model->name.size, &stream),
			 MFS_OK);
		RUN_CHECK(run, mfs_stream_node(stream) == real && !mfs_stream_is_main(stream));
		run_check_data(run, model, stream);
		mfs_stream_drop(run->volume, stream);
	}
}

void run_check_node(struct run *run, struct model_node *node)
{
	struct mfs_node *real = run_reach(run, node);

	run_check_info(run, node, real);
	if (run_has_data(node)) {
		struct mfs_stream *stream = mfs_main_stream(real);

		RUN_CHECK(run, mfs_stream_node(stream) == real && mfs_stream_is_main(stream));
		run_check_data(run, &node->main, stream);
		mfs_stream_drop(run->volume, stream);
	}
	check_streams(run, node, real);
	run_check_metadata(run, node, real);
	if (node->directory)
		run_check_entries(run, node, real);
	run_drop(run, real);
}

void run_check_structures(struct run *run)
{
	struct mfs_stream *streams[RUN_HANDLES + RUN_CURSORS];
	struct check_held held = {streams, 0};
	char text[CHECK_TEXT];

	for (size_t i = 0; i < run->handle_count; i++)
		streams[held.count++] = run->handles[i].stream;
	for (size_t i = 0; i < RUN_CURSORS; i++)
		if (run->cursors[i].directory) /* a node's first member is its main stream */
			streams[held.count++] = (struct mfs_stream *)(void *)run->cursors[i].held;
	if (!check_volume(run->volume, &held, text))
		run_fail(run, __FILE__, __LINE__, "%s", text);
}

void run_check_all(struct run *run)
{
	struct mfs_space space;

	run_check_structures(run);
	for (size_t i = 0; i < run->model.node_count; i++)
		run_check_node(run, run->model.nodes[i]);
	for (size_t i = 0; i < run->handle_count; i++) {
		struct run_handle *handle = &run->handles[i];

		if (handle->model != &handle->model->node->main || run_has_data(handle->model->node))
			run_check_data(run, handle->model, handle->stream);
	}
	mfs_volume_space(run->volume, &space);
	RUN_SAME(run, space.used_nodes - run->start.used_nodes, run->model.node_count - 1);
	RUN_SAME(run, space.total_bytes, space.used_bytes + space.free_bytes);
	if (run->max_bytes) { /* freeing a part may need a few bytes even at the limit */
		uint64_t over = space.used_bytes > run->max_bytes ? space.used_bytes - run->max_bytes : 0;

		RUN_SAME(run, space.total_bytes, run->max_bytes + over);
		RUN_CHECK(run, over < 64 << 10);
	}
	if (run->max_nodes)
		RUN_SAME(run, space.total_nodes, run->max_nodes);
}
