/*
 * model_threads: several threads at once on one volume, each checking what must hold whatever the others do.
 *
 * Every thread owns a prefix of names in shared directories and knows exactly what is there; shared
 * files hold records that tell who wrote them and whether they are whole; a shared tree of
 * directories is moved about by all while all climb and walk in it.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "model_threads.h"

/* ---- reporting --------------------------------------------------------------------------- */

void worker_fault(struct worker *worker, const char *file, int line, const char *what, long long value)
{
	/* The first faults tell the most; then only their number. */
	if (atomic_fetch_add(&worker->shared->faults, 1) < 20)
		printf("# seed %llu, thread %u, step %llu (%s): %s (%lld) at %s:%d\n",
		       (unsigned long long)worker->shared->seed, worker->index,
		       (unsigned long long)worker->step, worker->doing, what, value, file, line);
}

static size_t own_name(const struct worker *worker, unsigned which, char to[32])
{
	return (size_t)sprintf(to, "t%u-%u", worker->index, which);
}

static size_t staying_name(unsigned thread, unsigned which, char to[32])
{
	return (size_t)sprintf(to, "stay%u-%u", thread, which);
}

/* ---- names of one's own ------------------------------------------------------------------------ */

static void own_create(struct worker *worker, unsigned which)
{
	static const uint8_t one_ea[] = {0, 0, 0, 0, 0, 1, 3, 0, 'E', 0, 1, 2, 3};
	struct own *own = &worker->own[which];
	struct mfs_new what = {.kind = which % 8 ? MFS_FILE : MFS_DIRECTORY, .mode = 0644};
	struct mfs_node *node;
	char name[32];

	worker->doing = "create";
	if (random_percent(&worker->random, 40)) { /* more to fill in: by_number may meet it half made */
		unsigned security = (unsigned)random_below(&worker->random, 4);

		what.security = worker->shared->security[security];
		what.security_size = worker->shared->security_size[security];
		what.eas = one_ea;
		what.eas_size = sizeof(one_ea);
	}
	own->directory = (unsigned)random_below(&worker->random, SHARED_DIRECTORIES);
	MUST_BE(worker,
		mfs_create(worker->shared->volume, worker->shared->directory[own->directory], name,
			   own_name(worker, which, name), &what, &node),
		MFS_OK);
	own->there = true;
	own->number = mfs_node_number(node);
	own->size = 0;
	own->seed = (uint8_t)random_next(&worker->random);
	atomic_store(&worker->shared->last_number, own->number);
	mfs_node_drop(worker->shared->volume, node);
}

static struct mfs_node *own_find(struct worker *worker, unsigned which)
{
	struct own *own = &worker->own[which];
	struct mfs_node *node = NULL;
	char name[32];

	MUST_BE(worker,
		mfs_lookup(worker->shared->volume, worker->shared->directory[own->directory], name,
			   own_name(worker, which, name), &node),
		MFS_OK);
	if (node)
		MUST_BE(worker, mfs_node_number(node), own->number);
	return node;
}

static void own_lookup(struct worker *worker, unsigned which)
{
	struct own *own = &worker->own[which];
	char name[32];

	worker->doing = "lookup";
	for (unsigned i = 0; i < SHARED_DIRECTORIES; i++) {
		struct mfs_node *node = NULL;
		enum mfs_status status = mfs_lookup(worker->shared->volume, worker->shared->directory[i],
						    name, own_name(worker, which, name), &node);

		MUST_BE(worker, status, own->there && own->directory == i ? MFS_OK : MFS_NOT_FOUND);
		if (node)
			MUST_BE(worker, mfs_node_number(node), own->number);
		mfs_node_drop(worker->shared->volume, node);
	}
}

static void own_unlink(struct worker *worker, unsigned which)
{
	struct own *own = &worker->own[which];
	char name[32];

	worker->doing = "unlink";
	MUST_BE(worker,
		mfs_unlink(worker->shared->volume, worker->shared->directory[own->directory], name,
			   own_name(worker, which, name), MFS_REMOVE_ANY, NULL),
		MFS_OK);
	own->there = false;
}

/* Removes the name under an open handle and goes on using it. */
static void own_unlink_open(struct worker *worker, unsigned which)
{
	struct mfs_node *node = own_find(worker, which);
	struct mfs_stream *stream;
	struct mfs_info info;
	char text[8] = "";
	size_t done;

	if (!node)
		return;
	stream = mfs_main_stream(node);
	mfs_node_drop(worker->shared->volume, node);
	own_unlink(worker, which);
	worker->doing = "use after unlink";
	if (!mfs_node_is_directory(mfs_stream_node(stream))) {
		MUST_BE(worker, mfs_write(worker->shared->volume, stream, 5000, "deleted", 7, 0, &done),
			MFS_OK);
		MUST_BE(worker, mfs_read(worker->shared->volume, stream, 5000, text, 7, &done), MFS_OK);
		MUST(worker, !memcmp(text, "deleted", 7));
	}
	mfs_stream_info(worker->shared->volume, stream, &info);
	MUST_BE(worker, info.links, 0);
	mfs_stream_drop(worker->shared->volume, stream);
}

/* To another directory, perhaps over another of one's own names. */
static void own_rename(struct worker *worker, unsigned which)
{
	struct own *own = &worker->own[which];
	unsigned other = (unsigned)random_below(&worker->random, OWN_NAMES), to;
	struct own *target = &worker->own[other];
	char from_name[32], to_name[32];
	enum mfs_status status, wanted = MFS_OK;

	worker->doing = "rename";
	to = target->there && random_percent(&worker->random, 50)
		     ? target->directory
		     : (unsigned)random_below(&worker->random, SHARED_DIRECTORIES);
	if (target->there && target->directory != to)
		return; /* one name of ours in two directories would confuse us */
	if (other == which && to == own->directory)
		return;
	if (other != which && target->there && !(which % 8) != !(other % 8))
		wanted = which % 8 ? MFS_IS_DIRECTORY : MFS_NOT_DIRECTORY;
	status = mfs_rename(worker->shared->volume, worker->shared->directory[own->directory], from_name,
			    own_name(worker, which, from_name), worker->shared->directory[to], to_name,
			    own_name(worker, other, to_name), MFS_RENAME_REPLACE, NULL);
	MUST_BE(worker, status, wanted);
	if (status != MFS_OK)
		return;
	if (other == which) {
		own->directory = to;
		return;
	}
	/* Which names are directories is fixed: only the node has moved over there. */
	*target = *own;
	target->directory = to;
	own->there = false;
	if (!(which % 8) != !(other % 8)) { /* make it so again */
		worker->doing = "rename back";
		MUST_BE(worker,
			mfs_unlink(worker->shared->volume, worker->shared->directory[to], to_name,
				   own_name(worker, other, to_name), MFS_REMOVE_ANY, NULL),
			MFS_OK);
		target->there = false;
	}
}

static void own_write(struct worker *worker, unsigned which)
{
	struct own *own = &worker->own[which];
	struct mfs_node *node = own_find(worker, which);
	struct mfs_stream *stream;
	uint32_t size = (uint32_t)random_between(&worker->random, 1, OWN_BYTES);
	size_t done = 0;

	worker->doing = "write and read";
	if (!node)
		return;
	stream = mfs_main_stream(node);
	for (uint32_t i = 0; i < size; i++)
		worker->buffer[i] = (uint8_t)(own->seed + i);
	if (random_percent(&worker->random, 20)) {
		MUST_BE(worker, mfs_set_size(worker->shared->volume, stream, size / 2), MFS_OK);
		own->size = own->size < size / 2 ? own->size : size / 2;
	}
	if (random_percent(&worker->random, 50)) {
		uint32_t from = own->size < size ? own->size : 0;

		MUST_BE(worker,
			mfs_write(worker->shared->volume, stream, from, worker->buffer + from, size - from, 0,
				  &done),
			MFS_OK);
		MUST_BE(worker, done, size - from);
		own->size = size > own->size ? size : own->size;
	}
	memset(worker->buffer, 0xEE, OWN_BYTES);
	if (own->size) {
		MUST_BE(worker, mfs_read(worker->shared->volume, stream, 0, worker->buffer, own->size, &done),
			MFS_OK);
		MUST_BE(worker, done, own->size);
		for (uint32_t i = 0; i < own->size; i++) {
			if (worker->buffer[i] != (uint8_t)(own->seed + i)) {
				worker_fault(worker, __FILE__, __LINE__, "wrong byte", i);
				break;
			}
		}
	}
	mfs_stream_drop(worker->shared->volume, stream);
	mfs_node_drop(worker->shared->volume, node);
}

/* ---- listing --------------------------------------------------------------------------------------- */

struct thread_listing {
	struct worker *worker;
	unsigned char staying[THREADS_MAX][STAYING], own[OWN_NAMES]; /* how often each was seen */
	uint64_t position;
	char name[MFS_NAME_BYTES_MAX];
	size_t name_size, limit, taken;
};

static bool thread_take(void *context, const struct mfs_entry *entry)
{
	struct thread_listing *list = context;
	unsigned thread, which;
	char name[64];

	if (list->taken == list->limit)
		return false;
	list->taken++;
	list->position = entry->position;
	list->name_size = entry->name_size;
	memcpy(list->name, entry->name, entry->name_size);
	if (entry->name_size >= sizeof(name)) {
		worker_fault(list->worker, __FILE__, __LINE__, "a name that nobody made",
			     (long long)entry->name_size);
		return true;
	}
	memcpy(name, entry->name, entry->name_size);
	name[entry->name_size] = 0;
	if (sscanf(name, "stay%u-%u", &thread, &which) == 2 && thread < THREADS_MAX && which < STAYING) {
		list->staying[thread][which]++;
	} else if (sscanf(name, "t%u-%u", &thread, &which) == 2 && thread < THREADS_MAX &&
		   which < OWN_NAMES) {
		if (thread == list->worker->index) {
			list->own[which]++;
			MUST_BE(list->worker, mfs_node_number(entry->node), list->worker->own[which].number);
		} else {
			struct mfs_info info;

			mfs_node_info(list->worker->shared->volume, entry->node, &info);
			MUST_BE(list->worker, info.number, mfs_node_number(entry->node));
		}
	} else {
		worker_fault(list->worker, __FILE__, __LINE__, "a name that nobody made", 0);
	}
	return true;
}

static void list_shared(struct worker *worker)
{
	struct shared *shared = worker->shared;
	unsigned which = (unsigned)random_below(&worker->random, SHARED_DIRECTORIES);
	struct thread_listing *list = calloc(1, sizeof(*list));
	bool at_end = false;

	worker->doing = "list";
	list->worker = worker;
	list->limit = random_percent(&worker->random, 30) ? SIZE_MAX
							  : (size_t)random_between(&worker->random, 1, 40);
	while (!at_end) {
		enum mfs_status status;

		list->taken = 0;
		if (shared->mode->by_name)
			status = mfs_list_after_name(shared->volume, shared->directory[which], list->name,
						     list->name_size, thread_take, list, &at_end);
		else
			status = mfs_list_after_position(shared->volume, shared->directory[which],
							 list->position, thread_take, list, &at_end);
		MUST_BE(worker, status, MFS_OK);
		if (status != MFS_OK)
			break;
	}
	for (unsigned thread = 0; thread < shared->threads; thread++)
		for (unsigned i = 0; i < STAYING; i++)
			MUST_BE(worker, list->staying[thread][i], 1);
	for (unsigned i = 0; i < OWN_NAMES; i++)
		MUST_BE(worker, list->own[i], worker->own[i].there && worker->own[i].directory == which);
	free(list);
}

/* ---- shared files ---------------------------------------------------------------------------------------
 */

static uint64_t record_sum(const struct record *record)
{
	uint64_t sum = 0x9E3779B97F4A7C15u;

	for (size_t i = 0; i < offsetof(struct record, sum) / 8; i++) {
		uint64_t word;

		memcpy(&word, (const char *)record + i * 8, 8);
		sum = (sum ^ word) * 0x100000001B3u;
	}
	return sum;
}

static void record_fill(struct worker *worker, struct record *record, uint64_t file, uint32_t slot)
{
	record->thread = worker->index;
	record->slot = slot;
	record->file = file;
	record->sequence = ++worker->sequence;
	random_fill(&worker->random, record->noise, sizeof(record->noise));
	record->sum = record_sum(record);
}

static bool is_zero(const struct record *record)
{
	static const struct record zero;

	return !memcmp(record, &zero, sizeof(zero));
}

static void file_write(struct worker *worker)
{
	uint64_t file = random_below(&worker->random, SHARED_FILES);
	uint32_t slot = (uint32_t)random_below(&worker->random, SLOTS);
	struct record record;
	size_t done = 0;

	worker->doing = "write a record";
	record_fill(worker, &record, file, slot);
	MUST_BE(worker,
		mfs_write(worker->shared->volume, worker->shared->file[file], (uint64_t)slot * RECORD,
			  &record, RECORD, MFS_WRITE_ALL, &done),
		MFS_OK);
	MUST_BE(worker, done, RECORD);
}

static void check_records(struct worker *worker, const uint8_t *bytes, size_t size, uint64_t file,
			  uint32_t slot)
{
	for (size_t at = 0; at + RECORD <= size; at += RECORD, slot++) {
		struct record record;

		memcpy(&record, bytes + at, RECORD);
		if (is_zero(&record))
			continue;
		if (record.sum != record_sum(&record) || record.slot != slot || record.file != file ||
		    record.thread >= worker->shared->threads)
			worker_fault(worker, __FILE__, __LINE__, "a record is torn or misplaced", slot);
	}
}

static void file_read(struct worker *worker)
{
	uint64_t file = random_below(&worker->random, SHARED_FILES);
	uint32_t slot = (uint32_t)random_below(&worker->random, SLOTS);
	size_t size = (size_t)random_between(&worker->random, 1, SLOTS - slot) * RECORD, done = 0;
	enum mfs_status status = mfs_read(worker->shared->volume, worker->shared->file[file],
					  (uint64_t)slot * RECORD, worker->buffer, size, &done);

	worker->doing = "read records";
	MUST(worker, status == MFS_OK || status == MFS_END_OF_FILE);
	MUST(worker, status != MFS_OK || done % RECORD == 0);
	if (status == MFS_OK)
		check_records(worker, worker->buffer, done, file, slot);
}

/* Cuts, grows, punches and fills: always by whole records, so that none is ever torn. */
static void file_shape(struct worker *worker)
{
	uint64_t file = random_below(&worker->random, SHARED_FILES);
	struct mfs_stream *stream = worker->shared->file[file];
	struct mfs_volume *volume = worker->shared->volume;
	uint64_t slot = random_below(&worker->random, SLOTS),
		 count = random_between(&worker->random, 1, SLOTS - slot);
	uint64_t found;
	size_t done;

	worker->doing = "shape a shared file";
	switch (random_below(&worker->random, 6)) {
	case 0:
		MUST_BE(worker, mfs_set_size(volume, stream, slot * RECORD), MFS_OK);
		break;
	case 1:
		MUST_BE(worker,
			mfs_fallocate(volume, stream, slot * RECORD, count * RECORD, MFS_FALLOCATE_PUNCH),
			MFS_OK);
		break;
	case 2:
		MUST_BE(worker,
			mfs_fallocate(volume, stream, slot * RECORD, count * RECORD, MFS_FALLOCATE_ZERO),
			MFS_OK);
		break;
	case 3:
		MUST_BE(worker, mfs_fallocate(volume, stream, slot * RECORD, count * RECORD, 0), MFS_OK);
		break;
	case 4:
		if (mfs_next_data(volume, stream, slot * RECORD, &found) == MFS_OK)
			MUST(worker, found >= slot * RECORD);
		mfs_stream_trim(volume, stream);
		break;
	default: /* records of another file: their own number gives them away, so only zeros are copied */
		memset(worker->buffer, 0, RECORD);
		MUST_BE(worker,
			mfs_write(volume, stream, slot * RECORD, worker->buffer, RECORD,
				  MFS_WRITE_CONSTRAINED, &done),
			MFS_OK);
		break;
	}
}

static void log_append(struct worker *worker)
{
	struct record record;
	size_t done = 0;

	worker->doing = "append";
	record_fill(worker, &record, SHARED_FILES, 0);
	record.sequence = atomic_fetch_add(&worker->shared->logged[worker->index], 1);
	record.sum = record_sum(&record);
	MUST_BE(worker,
		mfs_write(worker->shared->volume, worker->shared->log, 0, &record, RECORD,
			  MFS_WRITE_APPEND | MFS_WRITE_ALL, &done),
		MFS_OK);
	MUST_BE(worker, done, RECORD);
}

/* ---- metadata of shared nodes ----------------------------------------------------------------------------
 */

static void shared_metadata(struct worker *worker)
{
	struct shared *shared = worker->shared;
	struct mfs_node *node = mfs_stream_node(shared->log);
	uint64_t value = random_next(&worker->random), got = 0;
	uint8_t security[2048];
	unsigned which = (unsigned)random_below(&worker->random, 4);
	char name[32];
	size_t size = own_name(worker, which, name), taken = 0;
	bool known = false;

	worker->doing = "xattr";
	MUST_BE(worker, mfs_xattr_set(shared->volume, node, name, size, &value, 8, 0), MFS_OK);
	MUST_BE(worker, mfs_xattr_get(shared->volume, node, name, size, &got, 8, &taken), MFS_OK);
	MUST(worker, taken == 8 && got == value);
	if (random_percent(&worker->random, 30))
		MUST_BE(worker, mfs_xattr_remove(shared->volume, node, name, size), MFS_OK);
	worker->doing = "security";
	MUST_BE(worker,
		mfs_security_set(shared->volume, node, shared->security[which], shared->security_size[which]),
		MFS_OK);
	MUST_BE(worker, mfs_security_get(shared->volume, node, security, sizeof(security), &taken), MFS_OK);
	for (unsigned i = 0; i < 4; i++)
		known |= taken == shared->security_size[i] && !memcmp(security, shared->security[i], taken);
	MUST(worker, known);
}

static void shared_streams(struct worker *worker)
{
	struct shared *shared = worker->shared;
	struct mfs_node *node = mfs_stream_node(shared->log);
	struct mfs_stream *stream = NULL;
	uint64_t value = random_next(&worker->random), got = 0;
	char name[32], other[32];
	size_t size = own_name(worker, 0, name), done = 0;

	worker->doing = "named stream";
	MUST_BE(worker, mfs_stream_create(shared->volume, node, name, size, &stream), MFS_OK);
	if (!stream)
		return;
	MUST_BE(worker, mfs_write(shared->volume, stream, 1000, &value, 8, 0, &done), MFS_OK);
	MUST_BE(worker,
		mfs_stream_rename(shared->volume, node, name, size, other, own_name(worker, 1, other), true),
		MFS_OK);
	mfs_stream_drop(shared->volume, stream);
	MUST_BE(worker, mfs_stream_open(shared->volume, node, other, strlen(other), &stream), MFS_OK);
	MUST_BE(worker, mfs_stream_remove(shared->volume, node, other, strlen(other), stream), MFS_OK);
	MUST_BE(worker, mfs_read(shared->volume, stream, 1000, &got, 8, &done), MFS_OK);
	MUST(worker, got == value);
	mfs_stream_drop(shared->volume, stream);
}

/* A number that was given out lately, or is about to be: the node is there and whole, or there is none. */
static void by_number(struct worker *worker)
{
	/* Each thread's numbers lie 16 apart. */
	uint64_t number = atomic_load(&worker->shared->last_number) + 16 * random_below(&worker->random, 3) +
			  (random_percent(&worker->random, 20) ? random_below(&worker->random, 8) : 0);
	struct mfs_node *node = mfs_node_by_number(worker->shared->volume, number), *parent = NULL;
	struct mfs_info info;
	size_t size;

	worker->doing = "by number";
	if (!node)
		return;
	if (mfs_node_is_directory(node)) {
		enum mfs_status status = mfs_parent(worker->shared->volume, node, &parent);

		MUST(worker, status == MFS_OK || status == MFS_NOT_FOUND);
		MUST(worker, (status == MFS_OK) == (parent != NULL));
		mfs_node_drop(worker->shared->volume, parent);
	}
	mfs_node_info(worker->shared->volume, node, &info);
	MUST_BE(worker, info.number, number);
	MUST_BE(worker,
		mfs_ea_get(worker->shared->volume, node, worker->buffer, sizeof(worker->buffer), &size),
		MFS_OK);
	/* The marked node has what all threads set. */
	MUST(worker, size == 0 || size == 13 || node == worker->shared->others.marked);
	MUST_BE(worker,
		mfs_security_get(worker->shared->volume, node, worker->buffer, sizeof(worker->buffer), &size),
		MFS_OK);
	mfs_node_drop(worker->shared->volume, node);
}

/* ---- the tree that is moved about -------------------------------------------------------------------------
 */

static size_t tree_name(unsigned which, char to[32])
{
	return (size_t)sprintf(to, "n%u", which);
}

static void tree_move(struct worker *worker)
{
	struct shared *shared = worker->shared;
	unsigned which = (unsigned)random_below(&worker->random, TREE);
	unsigned under = (unsigned)random_below(&worker->random, TREE + 1);
	unsigned other = (unsigned)random_below(&worker->random, TREE);
	struct mfs_node *to = under == TREE ? shared->tree : shared->tree_node[under], *from = NULL,
			*place = NULL;
	char name[32], with[32];
	enum mfs_status status;

	worker->doing = "move a directory";
	MUST_BE(worker, mfs_parent(shared->volume, shared->tree_node[which], &from), MFS_OK);
	if (!from)
		return;
	if (random_percent(&worker->random, 70)) {
		status = mfs_rename(shared->volume, from, name, tree_name(which, name), to, name,
				    tree_name(which, name), 0,
				    random_percent(&worker->random, 50) ? shared->tree_node[which] : NULL);
		/* Moved by another meanwhile: not found; already there: exists, or nothing to do. */
		if (status != MFS_OK && status != MFS_LOOP && status != MFS_NOT_FOUND && status != MFS_EXISTS)
			worker_fault(worker, __FILE__, __LINE__, "moving answered", status);
	} else if (mfs_parent(shared->volume, shared->tree_node[other], &place) == MFS_OK) {
		status = mfs_rename(shared->volume, from, name, tree_name(which, name), place, with,
				    tree_name(other, with), MFS_RENAME_EXCHANGE, NULL);
		/* Names and nodes would part: change back at once, unless others came between. */
		if (status == MFS_OK)
			status = mfs_rename(shared->volume, from, name, tree_name(which, name), place, with,
					    tree_name(other, with), MFS_RENAME_EXCHANGE, NULL);
		if (status != MFS_OK && status != MFS_LOOP && status != MFS_NOT_FOUND)
			worker_fault(worker, __FILE__, __LINE__, "exchanging answered", status);
		mfs_node_drop(shared->volume, place);
	}
	mfs_node_drop(shared->volume, from);
}

/* Up to the root: each step must lead to a directory, and it must end. */
static void tree_climb(struct worker *worker)
{
	struct shared *shared = worker->shared;
	struct mfs_node *at = mfs_node_hold(shared->tree_node[random_below(&worker->random, TREE)]);
	unsigned steps = 0;

	worker->doing = "climb";
	while (at && mfs_node_number(at) != 1 && steps++ < CLIMB_MAX) {
		struct mfs_node *parent = NULL;

		MUST_BE(worker, mfs_parent(shared->volume, at, &parent), MFS_OK);
		mfs_node_drop(shared->volume, at);
		at = parent;
	}
	MUST(worker, steps < CLIMB_MAX);
	mfs_node_drop(shared->volume, at);
}

static void tree_walk(struct worker *worker)
{
	char path[256] = "/tree", to[256];
	size_t size = 5, needed;
	struct mfs_place place;
	enum mfs_status status;

	worker->doing = "walk";
	for (unsigned depth = (unsigned)random_below(&worker->random, 6); depth; depth--)
		size += (size_t)sprintf(path + size, "/n%u", (unsigned)random_below(&worker->random, TREE));
	status = mfs_walk(worker->shared->volume, path, size, '/', &place);
	if (status != MFS_OK && status != MFS_NOT_FOUND && status != MFS_PATH_NOT_FOUND)
		worker_fault(worker, __FILE__, __LINE__, "walking answered", status);
	MUST(worker, (status == MFS_OK) == (place.node != NULL));
	mfs_place_drop(worker->shared->volume, &place);
	status = mfs_normalize(worker->shared->volume, path, size, '/', to, sizeof(to), &needed);
	if (status == MFS_OK || status == MFS_NOT_FOUND)
		MUST(worker, needed == size && !memcmp(path, to, size));
}

/* ---- all of it --------------------------------------------------------------------------------------------
 */

static void other_step(struct worker *worker)
{
	static worker_operation *const operations[] = {others_links,	others_directories, others_scratch,
						       others_metadata, others_reparse,	    others_volume};

	operations[random_below(&worker->random, sizeof(operations) / sizeof(operations[0]))](worker);
}

static void worker_step(struct worker *worker)
{
	unsigned which = (unsigned)random_below(&worker->random, OWN_NAMES);
	bool there = worker->own[which].there;
	unsigned kind = (unsigned)random_below(&worker->random, 100);

	if (kind < 22 && !there)
		own_create(worker, which);
	else if (kind < 8)
		own_unlink(worker, which);
	else if (kind < 12)
		own_unlink_open(worker, which);
	else if (kind < 22)
		own_rename(worker, which);
	else if (kind < 30 && there && which % 8)
		own_write(worker, which);
	else if (kind < 35)
		own_lookup(worker, which);
	else if (kind < 39)
		list_shared(worker);
	else if (kind < 47)
		file_write(worker);
	else if (kind < 52)
		file_read(worker);
	else if (kind < 62)
		other_step(worker);
	else if (kind < 66)
		file_shape(worker);
	else if (kind < 70)
		log_append(worker);
	else if (kind < 74)
		shared_metadata(worker);
	else if (kind < 77)
		shared_streams(worker);
	else if (kind < 82)
		by_number(worker);
	else if (kind < 90)
		tree_move(worker);
	else if (kind < 95)
		tree_climb(worker);
	else
		tree_walk(worker);
}

static void *worker_main(void *context)
{
	struct worker *worker = context;
	uint64_t steps = worker->shared->operations / worker->shared->threads;

	for (worker->step = 0; worker->step < steps && atomic_load(&worker->shared->faults) < 20;
	     worker->step++)
		worker_step(worker);
	return NULL;
}

static struct mfs_node *make(struct shared *shared, struct mfs_node *parent, const char *name, size_t size,
			     enum mfs_kind kind)
{
	struct mfs_new what = {.kind = kind, .mode = 0700};
	struct mfs_node *node = NULL;

	if (mfs_create(shared->volume, parent, name, size, &what, &node) != MFS_OK) {
		printf("Bail out! can't make %.*s\n", (int)size, name);
		abort();
	}
	return node;
}

static void shared_begin(struct shared *shared, struct mfs_node *root)
{
	struct random random;
	struct run run;
	uint64_t faults;
	char name[32];

	for (unsigned i = 0; i < SHARED_DIRECTORIES; i++) {
		shared->directory[i] =
			make(shared, root, name, (size_t)sprintf(name, "d%u", i), MFS_DIRECTORY);
		for (unsigned thread = 0; thread < shared->threads; thread++)
			for (unsigned j = 0; j < STAYING; j++)
				mfs_node_drop(shared->volume, make(shared, shared->directory[i], name,
								   staying_name(thread, j, name), MFS_FILE));
	}
	for (unsigned i = 0; i < SHARED_FILES; i++)
		shared->file[i] =
			mfs_main_stream(make(shared, root, name, (size_t)sprintf(name, "f%u", i), MFS_FILE));
	shared->log = mfs_main_stream(make(shared, root, "log", 3, MFS_FILE));
	shared->tree = make(shared, root, "tree", 4, MFS_DIRECTORY);
	for (unsigned i = 0; i < TREE; i++)
		shared->tree_node[i] = make(shared, shared->tree, name, tree_name(i, name), MFS_DIRECTORY);
	others_begin(shared);
	random_seed(&random, shared->seed);
	run.random = random;
	for (unsigned i = 0; i < 4; i++) {
		do {
			faults = 0;
			shared->security_size[i] = run_security(&run, shared->security[i], &faults);
		} while (faults);
	}
}

/* Every record that was appended is there, each thread's in its order. */
static void check_log(struct worker *worker)
{
	struct shared *shared = worker->shared;
	uint64_t next[THREADS_MAX] = {0};
	struct mfs_info info;
	uint64_t total = 0;

	worker->doing = "check the log";
	mfs_stream_info(shared->volume, shared->log, &info);
	for (uint64_t at = 0; at < info.size; at += RECORD) {
		struct record record;
		size_t done;

		MUST_BE(worker, mfs_read(shared->volume, shared->log, at, &record, RECORD, &done), MFS_OK);
		MUST(worker, record.sum == record_sum(&record) && record.thread < shared->threads);
		if (record.thread < shared->threads)
			MUST_BE(worker, record.sequence, next[record.thread]++);
	}
	for (unsigned i = 0; i < shared->threads; i++) {
		MUST_BE(worker, next[i], shared->logged[i]);
		total += next[i];
	}
	MUST_BE(worker, info.size, total * RECORD);
}

/* Removes all that is below a directory and counts it. */
static size_t remove_below(struct worker *worker, struct mfs_node *node);

struct first_entry {
	char name[MFS_NAME_BYTES_MAX];
	size_t size;
	struct mfs_node *node;
};

static bool take_first(void *context, const struct mfs_entry *entry)
{
	struct first_entry *first = context;

	if (first->node)
		return false;
	memcpy(first->name, entry->name, entry->name_size);
	first->size = entry->name_size;
	first->node = mfs_node_hold(entry->node);
	return true;
}

static size_t remove_below(struct worker *worker, struct mfs_node *node)
{
	struct shared *shared = worker->shared;
	size_t count = 0;

	for (;;) {
		struct first_entry first = {.node = NULL};
		bool end;

		if (shared->mode->by_name)
			mfs_list_after_name(shared->volume, node, "", 0, take_first, &first, &end);
		else
			mfs_list_after_position(shared->volume, node, 0, take_first, &first, &end);
		if (!first.node)
			return count;
		if (mfs_node_is_directory(first.node))
			count += remove_below(worker, first.node);
		count++;
		MUST_BE(worker,
			mfs_unlink(shared->volume, node, first.name, first.size, MFS_REMOVE_ANY, first.node),
			MFS_OK);
		mfs_node_drop(shared->volume, first.node);
		if (shared->faults >= 20)
			return count;
	}
}

/* The engine's own structures, when all threads have ended. */
static void check_structures(struct worker *worker, struct mfs_node *root)
{
	struct shared *shared = worker->shared;
	const struct others *others = &shared->others;
	struct mfs_node *nodes[] = {root,	   shared->tree,   others->root, others->place,
				    others->spare, others->marked, others->point};
	struct mfs_stream *streams[64];
	struct check_held held = {streams, 0};
	char text[CHECK_TEXT];

	/* A node's first member is its main stream. */
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		streams[held.count++] = (struct mfs_stream *)(void *)nodes[i];
	for (unsigned i = 0; i < TREE; i++)
		streams[held.count++] = (struct mfs_stream *)(void *)shared->tree_node[i];
	for (unsigned i = 0; i < SHARED_DIRECTORIES; i++)
		streams[held.count++] = (struct mfs_stream *)(void *)shared->directory[i];
	for (unsigned i = 0; i < 2 * SHARED_FILES; i++) /* made with two references, as the log */
		streams[held.count++] = shared->file[i / 2];
	streams[held.count++] = shared->log;
	streams[held.count++] = shared->log;
	streams[held.count++] = others->scratch[0];
	streams[held.count++] = others->scratch[1];
	worker->doing = "check";
	if (!check_volume(shared->volume, &held, text))
		worker_fault(worker, __FILE__, __LINE__, text, 0);
}

/* Gives every reference back, deletes everything: the counters must be where they were. */
static void shared_end(struct worker *workers, struct mfs_node *root, const struct mfs_space *start)
{
	struct worker *worker = &workers[0];
	struct shared *shared = worker->shared;
	size_t own = 0, count;
	struct mfs_space space;

	worker->doing = "end";
	for (unsigned i = 0; i < TREE; i++)
		mfs_node_drop(shared->volume, shared->tree_node[i]);
	MUST_BE(worker, remove_below(worker, shared->tree), TREE);
	mfs_node_drop(shared->volume, shared->tree);
	for (unsigned i = 0; i < SHARED_DIRECTORIES; i++)
		mfs_node_drop(shared->volume, shared->directory[i]);
	for (unsigned i = 0; i < SHARED_FILES; i++) /* made with two references, of which `make` left one */
		mfs_node_drop_many(shared->volume, mfs_stream_node(shared->file[i]), 2);
	mfs_node_drop_many(shared->volume, mfs_stream_node(shared->log), 2);
	remove_below(worker, shared->others.root);
	others_end(shared);
	for (unsigned thread = 0; thread < shared->threads; thread++)
		for (unsigned i = 0; i < OWN_NAMES; i++)
			own += workers[thread].own[i].there;
	count = remove_below(worker, root);
	MUST_BE(worker, count, own + SHARED_DIRECTORIES * (1 + shared->threads * STAYING) + SHARED_FILES + 3);
	mfs_volume_space(shared->volume, &space);
	MUST_BE(worker, space.used_nodes, start->used_nodes);
	MUST_BE(worker, space.used_bytes, start->used_bytes);
}

unsigned run_threads(const struct run_mode *mode, uint64_t seed, unsigned threads, uint64_t operations)
{
	struct mfs_options options = {.case_insensitive = mode->insensitive,
				      .size_is_promise = mode->promise,
				      .order = mode->by_name ? MFS_BY_NAME : MFS_BY_POSITION};
	struct shared *shared = calloc(1, sizeof(*shared));
	struct worker *workers = calloc(threads, sizeof(*workers));
	pthread_t *handles = calloc(threads, sizeof(*handles));
	struct mfs_node *root;
	struct mfs_space start;
	unsigned faults;

	if (!shared || !workers || !handles || mfs_volume_create(&options, &shared->volume) != MFS_OK) {
		printf("Bail out! no volume for the threads\n");
		abort();
	}
	mfs_volume_space(shared->volume, &start);
	shared->mode = mode;
	shared->threads = threads;
	shared->operations = operations;
	shared->seed = seed;
	root = mfs_volume_root(shared->volume);
	shared_begin(shared, root);
	for (unsigned i = 0; i < threads; i++) {
		workers[i].shared = shared;
		workers[i].index = i;
		random_seed(&workers[i].random, seed * 1000 + i);
		if (pthread_create(&handles[i], NULL, worker_main, &workers[i]) != 0) {
			printf("Bail out! no thread\n");
			abort();
		}
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(handles[i], NULL);
	check_log(&workers[0]);
	check_structures(&workers[0], root);
	if (shared->faults == 0) {
		shared_end(workers, root, &start);
		mfs_node_drop(shared->volume, root);
	}
	faults = shared->faults;
	mfs_volume_destroy(shared->volume);
	free(workers);
	free(handles);
	free(shared);
	return faults;
}
