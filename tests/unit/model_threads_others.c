/*
 * model_threads_others: links, directories that come and go, bytes that move about, metadata and the volume
 * itself, by all threads at once. See model_threads.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_threads.h"

#define SCRATCH 0xA5u	     /* every byte that is written to a scratch file */
#define SCRATCH_MOST 300000u /* about how large they may get */

static size_t others_name(const struct worker *worker, unsigned which, char to[32])
{
	return (size_t)sprintf(to, "k%u-%u", worker->index, which);
}

/* One of a set of statuses: 1 << status. */
#define MUST_BE_ONE(worker, actual, set)                                                        \
	do {                                                                                    \
		long long actual_ = (long long)(actual);                                        \
		if (!((set) >> actual_ & 1))                                                    \
			worker_fault(worker, __FILE__, __LINE__, #actual " answered", actual_); \
	} while (0)

/* ---- links ---------------------------------------------------------------------------------- */

static void expect_links(struct worker *worker, struct mfs_node *node, uint32_t links)
{
	struct mfs_info info;

	mfs_node_info(worker->shared->volume, node, &info);
	MUST_BE(worker, info.links, links);
}

/* A node that gets its names one after the other and loses them again; all of them are ours. */
void others_links(struct worker *worker)
{
	struct mfs_volume *volume = worker->shared->volume;
	struct mfs_node *place = worker->shared->others.place, *spare = worker->shared->others.spare, *node;
	const struct mfs_new plain = {.kind = MFS_FILE, .mode = 0600};
	char a[32], b[32], c[32], spelled[MFS_NAME_BYTES_MAX];
	size_t a_size = others_name(worker, 0, a), b_size = others_name(worker, 1, b), size;
	size_t c_size = others_name(worker, 2, c);

	worker->doing = "link";
	MUST_BE(worker, mfs_create_nameless(volume, &plain, &node), MFS_OK);
	expect_links(worker, node, 0);
	MUST_BE(worker, mfs_link(volume, node, place, a, a_size), MFS_OK);
	MUST_BE(worker, mfs_link(volume, node, spare, b, b_size), MFS_OK);
	MUST_BE(worker, mfs_link(volume, node, spare, b, b_size), MFS_EXISTS);
	MUST_BE(worker, mfs_spelling(volume, spare, b, b_size, spelled, &size), MFS_OK);
	MUST(worker, size == b_size && !memcmp(spelled, b, size));
	expect_links(worker, node, 2);
	MUST_BE(worker, mfs_rename(volume, place, a, a_size, spare, b, b_size, MFS_RENAME_EXCHANGE, NULL),
		MFS_OK);
	worker->doing = "whiteout";
	MUST_BE(worker, mfs_rename(volume, place, a, a_size, spare, c, c_size, MFS_RENAME_WHITEOUT, node),
		MFS_OK);
	expect_links(worker, node, 2);
	MUST_BE(worker, mfs_unlink(volume, place, a, a_size, MFS_REMOVE_FILE, node), MFS_NOT_FOUND);
	MUST_BE(worker, mfs_unlink(volume, place, a, a_size, MFS_REMOVE_FILE, NULL), MFS_OK);
	worker->doing = "replace a name of its own";
	MUST_BE(worker, mfs_rename(volume, spare, b, b_size, spare, c, c_size, MFS_RENAME_REPLACE, NULL),
		MFS_OK);
	MUST_BE(worker, mfs_unlink(volume, spare, b, b_size, MFS_REMOVE_ANY, NULL), MFS_OK);
	MUST_BE(worker, mfs_can_remove(volume, node), MFS_OK);
	MUST_BE(worker, mfs_unlink(volume, spare, c, c_size, MFS_REMOVE_FILE, node), MFS_OK);
	expect_links(worker, node, 0);
	MUST_BE(worker, mfs_link(volume, node, place, a, a_size), MFS_NOT_FOUND);
	mfs_node_drop_many(volume, mfs_node_hold(node), 2);
}

/* ---- directories that all make and remove ---------------------------------------------------------- */

#define BIT(status) (1ull << MFS_##status)

/* Makes one, or something in it. */
static void grow_directory(struct worker *worker, const char *name, size_t size)
{
	struct mfs_volume *volume = worker->shared->volume;
	const struct mfs_new directory = {.kind = MFS_DIRECTORY}, file = {.kind = MFS_FILE};
	struct mfs_node *place = worker->shared->others.place, *node = NULL;

	worker->doing = "make a shared directory";
	MUST_BE_ONE(worker, mfs_create(volume, place, name, size, &directory, NULL), BIT(OK) | BIT(EXISTS));
	if (random_percent(&worker->random, 50) && mfs_lookup(volume, place, name, size, &node) == MFS_OK) {
		MUST_BE_ONE(worker, mfs_create(volume, node, "x", 1, &file, NULL),
			    BIT(OK) | BIT(EXISTS) | BIT(NOT_FOUND));
		mfs_node_drop(volume, node);
	}
}

static void empty_directory(struct worker *worker, const char *name, size_t size)
{
	struct mfs_volume *volume = worker->shared->volume;
	struct mfs_node *place = worker->shared->others.place, *node = NULL;

	worker->doing = "remove a shared directory";
	if (mfs_lookup(volume, place, name, size, &node) == MFS_OK) {
		MUST_BE_ONE(worker, mfs_unlink(volume, node, "x", 1, MFS_REMOVE_FILE, NULL),
			    BIT(OK) | BIT(NOT_FOUND));
		mfs_node_drop(volume, node);
	}
	MUST_BE_ONE(worker, mfs_unlink(volume, place, name, size, MFS_REMOVE_DIRECTORY, NULL),
		    BIT(OK) | BIT(NOT_FOUND) | BIT(NOT_EMPTY));
}

void others_directories(struct worker *worker)
{
	struct mfs_volume *volume = worker->shared->volume;
	struct mfs_node *place = worker->shared->others.place, *to;
	char name[32], other[32];
	size_t size = (size_t)sprintf(name, "s%u", (unsigned)random_below(&worker->random, 4));
	size_t other_size = (size_t)sprintf(other, "s%u", (unsigned)random_below(&worker->random, 4));

	if (random_percent(&worker->random, 40)) {
		grow_directory(worker, name, size);
		return;
	}
	if (random_percent(&worker->random, 50)) {
		empty_directory(worker, name, size);
		return;
	}
	worker->doing = "replace a shared directory";
	to = random_percent(&worker->random, 50) ? place : worker->shared->others.spare;
	MUST_BE_ONE(worker,
		    mfs_rename(volume, place, name, size, to, other, other_size, MFS_RENAME_REPLACE, NULL),
		    BIT(OK) | BIT(NOT_FOUND) | BIT(NOT_EMPTY));
	/* Back, so that the other place does not fill up. */
	if (to != place)
		MUST_BE_ONE(worker,
			    mfs_rename(volume, to, other, other_size, place, other, other_size, 0, NULL),
			    BIT(OK) | BIT(NOT_FOUND) | BIT(EXISTS));
}

/* ---- bytes that move about -------------------------------------------------------------------------------
 */

static int check_scratch(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	(void)bytes;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = pieces[i].data;

		for (size_t j = 0; j < pieces[i].size; j++)
			if (at[j] != 0 && at[j] != SCRATCH) {
				worker_fault(context, __FILE__, __LINE__, "a byte that nobody wrote", at[j]);
				return 1;
			}
	}
	return 0;
}

static void write_scratch(struct worker *worker, struct mfs_stream *stream)
{
	uint64_t offset = random_below(&worker->random, SCRATCH_MOST);
	size_t size = (size_t)random_between(&worker->random, 1, OWN_BYTES), done;

	worker->doing = "write to a scratch file";
	memset(worker->buffer, SCRATCH, size);
	MUST_BE(worker, mfs_write(worker->shared->volume, stream, offset, worker->buffer, size, 0, &done),
		MFS_OK);
}

static void shape_scratch(struct worker *worker, struct mfs_stream *stream)
{
	struct mfs_volume *volume = worker->shared->volume;
	uint64_t offset = random_below(&worker->random, SCRATCH_MOST) & ~UINT64_C(4095);
	uint64_t size = random_between(&worker->random, 1, 8) * 4096, found;
	const struct mfs_overwrite how = {.attributes = MFS_A_ARCHIVE, .allocation = size};
	static const unsigned modes[] = {MFS_FALLOCATE_COLLAPSE, MFS_FALLOCATE_INSERT, MFS_FALLOCATE_PUNCH,
					 MFS_FALLOCATE_ZERO, MFS_FALLOCATE_KEEP_SIZE};

	worker->doing = "shape a scratch file";
	switch (random_below(&worker->random, 6)) {
	case 0:
		MUST_BE(worker, mfs_overwrite(volume, stream, &how), MFS_OK);
		break;
	case 1:
		MUST_BE(worker, mfs_set_allocation(volume, stream, offset), MFS_OK);
		break;
	case 2:
		MUST_BE_ONE(worker, mfs_next_hole(volume, stream, offset, &found), BIT(OK) | BIT(NO_DATA));
		mfs_stream_trim(volume, stream);
		break;
	case 3: /* insertions must not make it grow for ever */
		MUST_BE(worker, mfs_set_size(volume, stream, offset), MFS_OK);
		break;
	default:
		MUST_BE_ONE(
			worker,
			mfs_fallocate(volume, stream, offset, size, modes[random_below(&worker->random, 5)]),
			BIT(OK) | BIT(INVALID));
	}
}

void others_scratch(struct worker *worker)
{
	struct shared *shared = worker->shared;
	unsigned which = (unsigned)random_below(&worker->random, 2);
	struct mfs_stream *stream = shared->others.scratch[which];
	uint64_t offset = random_below(&worker->random, SCRATCH_MOST), done;
	struct mfs_info info;

	switch (random_below(&worker->random, 4)) {
	case 0:
		write_scratch(worker, stream);
		break;
	case 1:
		shape_scratch(worker, stream);
		break;
	case 2:
		worker->doing = "copy a scratch file";
		MUST_BE(worker,
			mfs_copy(shared->volume, stream, offset, shared->others.scratch[!which],
				 random_below(&worker->random, SCRATCH_MOST), OWN_BYTES, &done),
			MFS_OK);
		break;
	default:
		worker->doing = "read a scratch file";
		mfs_read_pieces(shared->volume, stream, offset, 65536, check_scratch, worker);
		mfs_stream_info(shared->volume, stream, &info);
		MUST(worker, info.allocation % mfs_volume_unit(shared->volume) == 0);
	}
}

/* ---- metadata
 * ---------------------------------------------------------------------------------------------- */

/* One EA "T" and the thread, with a number that only we set. */
static void set_ea(struct worker *worker, struct mfs_node *node)
{
	struct mfs_volume *volume = worker->shared->volume;
	uint8_t list[32] = {[5] = 3, [6] = 8};
	uint64_t value = random_next(&worker->random), got = 0;
	size_t size;

	worker->doing = "EAs";
	sprintf((char *)list + 8, "T%02u", worker->index);
	memcpy(list + 12, &value, 8);
	MUST_BE(worker, mfs_ea_set(volume, node, list, 20, false), MFS_OK);
	MUST_BE(worker, mfs_ea_get(volume, node, worker->buffer, sizeof(worker->buffer), &size), MFS_OK);
	for (size_t at = 0; at + 20 <= size; at += 20) /* all are equally long */
		if (!memcmp(worker->buffer + at + 8, list + 8, 3))
			memcpy(&got, worker->buffer + at + 12, 8);
	MUST(worker, got == value);
	MUST(worker, !mfs_ea_needed(volume, node));
}

static bool count_streams(void *context, const struct mfs_stream_entry *entry)
{
	(void)entry;
	++*(unsigned *)context;
	return true;
}

void others_metadata(struct worker *worker)
{
	struct mfs_volume *volume = worker->shared->volume;
	struct mfs_node *node = worker->shared->others.marked;
	struct mfs_set set = {.what = MFS_SET_MODE | MFS_SET_UID | MFS_SET_FLAGS | MFS_SET_WRITE,
			      .mode = worker->index,
			      .uid = worker->index,
			      .flags = MFS_F_NODUMP,
			      .write = {1000 + worker->index, worker->index}};
	struct mfs_owner owner;
	struct mfs_info info;
	unsigned streams = 0;
	size_t size;

	if (random_percent(&worker->random, 50)) {
		set_ea(worker, node);
		return;
	}
	worker->doing = "attributes";
	MUST_BE(worker, mfs_node_set(volume, node, &set), MFS_OK);
	mfs_node_accessed(volume, node, true);
	mfs_node_info(volume, node, &info);
	/* All that one thread sets is seen together. */
	MUST(worker, info.mode == info.uid && info.write.seconds == 1000 + (int64_t)info.uid);
	mfs_node_owner(node, &owner);
	MUST(worker, owner.mode == owner.uid);
	MUST_BE(worker, mfs_node_flags(node), MFS_F_NODUMP);
	worker->doing = "lists of a shared node";
	MUST_BE(worker,
		mfs_xattr_list(volume, mfs_stream_node(worker->shared->log), (char *)worker->buffer,
			       sizeof(worker->buffer), &size),
		MFS_OK);
	mfs_streams_each(volume, mfs_stream_node(worker->shared->log), count_streams, &streams);
	MUST(worker, streams <= 2 * worker->shared->threads);
}

void others_reparse(struct worker *worker)
{
	static const uint8_t link[] = {0x1d, 0, 0, 0xa0, 7, 0, 0, 0, 2, 0, 0, 0, 'l', 't', 'o'};
	static const uint8_t other[28] = {0x34, 0x12, 0, 0, 4, 0, 0, 0, 1, [24] = 'd', 'a', 't', 'a'};
	struct mfs_volume *volume = worker->shared->volume;
	struct mfs_node *node = worker->shared->others.point;
	enum mfs_status status;
	uint8_t got[64];
	size_t size = 0;

	worker->doing = "reparse data";
	switch (random_below(&worker->random, 4)) {
	case 0:
		MUST_BE(worker, mfs_reparse_set(volume, node, link, sizeof(link), MFS_REPARSE_ANY_TAG),
			MFS_OK);
		break;
	case 1:
		MUST_BE_ONE(worker, mfs_reparse_set(volume, node, other, sizeof(other), 0),
			    BIT(OK) | BIT(TAG_MISMATCH));
		break;
	case 2:
		MUST_BE_ONE(worker, mfs_reparse_remove(volume, node, NULL, 0),
			    BIT(OK) | BIT(NOT_REPARSE_POINT));
		break;
	default:
		status = mfs_reparse_get(volume, node, got, sizeof(got), &size);
		MUST(worker, status == MFS_NOT_REPARSE_POINT ||
				     (size == sizeof(link) && !memcmp(got, link, size)) ||
				     (size == sizeof(other) && !memcmp(got, other, size)));
		status = mfs_symlink_target(volume, node, (char *)got, sizeof(got), &size);
		MUST(worker, status == MFS_INVALID || (size == 3 && !memcmp(got, "lto", 3)));
	}
}

/* ---- the volume
 * ---------------------------------------------------------------------------------------------- */

void others_volume(struct worker *worker)
{
	struct mfs_volume *volume = worker->shared->volume;
	char label[96], path[64];
	struct mfs_place place;
	struct mfs_space space;
	unsigned number = 0;
	size_t size;

	worker->doing = "label";
	for (unsigned i = 0; i < 8; i++) { /* so often that two of us meet */
		size = (size_t)sprintf(label, "thread %u", worker->index);
		MUST_BE(worker, mfs_volume_set_label(volume, label, size), MFS_OK);
		size = mfs_volume_label(volume, label);
		label[size < 95 ? size : 95] = 0;
		MUST(worker, sscanf(label, "thread %u", &number) == 1 && number < worker->shared->threads);
	}
	worker->doing = "space";
	MUST_BE(worker, mfs_volume_resize(volume, 0, 0), MFS_OK);
	mfs_volume_space(volume, &space);
	MUST(worker, space.total_bytes >= space.used_bytes && space.used_nodes > 0);
	worker->doing = "find";
	size = (size_t)sprintf(path, "/others/place/s%u", worker->index % 4);
	MUST_BE_ONE(worker, mfs_find(volume, path, size, '/', &place), BIT(OK) | BIT(NOT_FOUND));
	mfs_place_drop(volume, &place);
}

/* ---- beginning and end
 * ----------------------------------------------------------------------------------------- */

static struct mfs_node *make(struct shared *shared, struct mfs_node *parent, const char *name,
			     enum mfs_kind kind)
{
	const struct mfs_new what = {.kind = kind};
	struct mfs_node *node = NULL;

	if (mfs_create(shared->volume, parent, name, strlen(name), &what, &node) != MFS_OK) {
		printf("Bail out! can't make %s\n", name);
		abort();
	}
	return node;
}

void others_begin(struct shared *shared)
{
	struct others *others = &shared->others;
	const struct mfs_set plain = {
		.what = MFS_SET_FLAGS | MFS_SET_WRITE, .flags = MFS_F_NODUMP, .write = {1000, 0}};
	struct mfs_node *root = mfs_volume_root(shared->volume);

	others->root = make(shared, root, "others", MFS_DIRECTORY);
	others->place = make(shared, others->root, "place", MFS_DIRECTORY);
	others->spare = make(shared, others->root, "spare", MFS_DIRECTORY);
	others->scratch[0] = mfs_main_stream(make(shared, others->root, "scratch", MFS_FILE));
	others->scratch[1] = mfs_main_stream(make(shared, others->root, "other scratch", MFS_FILE));
	others->marked = make(shared, others->root, "marked", MFS_FILE);
	others->point = make(shared, others->root, "point", MFS_FILE);
	for (unsigned i = 0; i < 2; i++) /* the stream's reference is enough */
		mfs_node_drop(shared->volume, mfs_stream_node(others->scratch[i]));
	mfs_node_set(shared->volume, others->marked, &plain);
	mfs_node_drop(shared->volume, root);
}

void others_end(struct shared *shared)
{
	struct others *others = &shared->others;

	mfs_node_drop(shared->volume, others->root);
	mfs_node_drop(shared->volume, others->place);
	mfs_node_drop(shared->volume, others->spare);
	mfs_stream_drop(shared->volume, others->scratch[0]);
	mfs_stream_drop(shared->volume, others->scratch[1]);
	mfs_node_drop(shared->volume, others->marked);
	mfs_node_drop(shared->volume, others->point);
}
