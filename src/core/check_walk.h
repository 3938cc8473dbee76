/*
 * check_walk: what the files of the checker share: one walk under way.
 *
 * Each check_... function returns false when it has found a fault, which the text then tells.
 */
#ifndef MEMEFS_CHECK_WALK_H
#define MEMEFS_CHECK_WALK_H

#include "index.h"
#include "pages.h"
#include "pool.h"
#include "tree.h"

struct mfs_volume;
struct sectors;

/* Memory that belongs to something. */
struct check_piece {
	const void *at;
	size_t size;
};

/* What was counted of a node, a named stream or a descriptor. */
struct check_tally {
	const void *key;
	uint64_t names; /* entries, or users, seen */
	uint64_t held;	/* references of the caller */
	bool listed;	/* seen where its kind is listed */
};

struct check {
	struct mfs_volume *volume;
	char *text;
	bool no_memory; /* of ours: nothing can be said then */
	struct check_piece *pieces;
	size_t piece_count, piece_room;
	struct check_tally *tallies; /* open addressing */
	struct check_tally nowhere;  /* when there is no memory for another */
	size_t tally_count, tally_room;
	const void **nodes, **streams; /* all nodes, and all named streams */
	size_t node_count, node_room, stream_count, stream_room;
	uint64_t charged, promised;
};

/* Writes the text and returns false. */
#ifdef __MINGW_PRINTF_FORMAT
bool check_fault(struct check *check, const char *format, ...)
	__attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
#else
bool check_fault(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif

/* Room in an array for one more; NULL: no memory of ours. */
void *check_grow(struct check *check, void *array, size_t count, size_t *room, size_t size);

/* Notes a piece of the pool as taken by size `size`, and what it was charged. */
void check_raw(struct check *check, const void *at, size_t size);
void check_charged(struct check *check, const void *at, size_t size);

/* The tally of a thing, made when it is new. */
struct check_tally *check_tally(struct check *check, const void *key);

/* Calls `each` for the items in order, with the one before (NULL: the first). */
typedef bool check_item_fn(struct check *check, void *context, const void *before, const void *item);
bool check_tree(struct check *check, const struct tree *tree, const struct tree_kind *kind,
		check_item_fn *each, void *context, uint64_t *count);

typedef bool check_link_fn(struct check *check, void *context, struct index_link *link);
bool check_index(struct check *check, const struct index *index, check_link_fn *each, void *context);

/* A stream's runs. */
bool check_sectors(struct check *check, const struct sectors *map, uint64_t size);

/* Whether the pool has given out exactly the pieces that were noted. */
bool check_pool(struct check *check, struct pool *pool);
/* Whether exactly these pages are taken; each range once, by address. */
bool check_pages(struct check *check, const struct pages *pages, const struct check_piece *ranges,
		 size_t count);

#endif
