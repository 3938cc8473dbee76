/*
 * tree: a B+tree of small items in order, over the pool.
 *
 * Items have a fixed size and begin with a 64-bit key. Where keys may tie, the kind's
 * `tie` decides. One tree serves a directory's order (key: position, or prefix of the
 * name) and a stream's runs (key: first sector). The owner's lock guards it; a place is
 * good until the tree changes.
 */
#ifndef MEMEFS_TREE_H
#define MEMEFS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

#define TREE_HEIGHT_MAX 12

/* What a kind of tree holds; constant. */
struct tree_kind {
	uint16_t item_size; /* bytes, a multiple of 8, 16 to 64 */
	/* Order of an item (or of its first 16 bytes) against a probe with the same key:
	 * negative, 0, positive. NULL: keys are unique. */
	int (*tie)(const void *item, const void *probe);
};

struct tree_page;

/* All zero: empty. */
struct tree {
	struct tree_page *root;
	uint32_t height; /* 0: empty; 1: the root is a leaf */
	uint32_t pages;
};

struct tree_place {
	struct tree_page *page[TREE_HEIGHT_MAX]; /* from the root down */
	uint16_t slot[TREE_HEIGHT_MAX];
};

/* Finds the first item that is not before (key, probe). True when it is equal. */
bool tree_seek(const struct tree *tree, const struct tree_kind *kind, uint64_t key, const void *probe,
	       struct tree_place *place);
/* The same when it is likely to belong behind all others: tries that first. */
bool tree_seek_last(const struct tree *tree, const struct tree_kind *kind, uint64_t key, const void *probe,
		    struct tree_place *place);

/* The item at a place; NULL behind the last. */
void *tree_item(const struct tree *tree, const struct tree_kind *kind, const struct tree_place *place);
/* The item before or behind a place, to which the place moves; NULL: there is none, place as it was. */
void *tree_previous(const struct tree *tree, const struct tree_kind *kind, struct tree_place *place);
void *tree_next(const struct tree *tree, const struct tree_kind *kind, struct tree_place *place);

/* Inserts an item at the place that a seek found for it. False, nothing changed: memory itself is used
 * up (pages are not charged: the owner charges by the item). The place is then no longer good. */
bool tree_insert(struct tree *tree, const struct tree_kind *kind, struct pool *pool, struct tree_place *place,
		 const void *item);
/* Takes the item at a place out; never fails. The place is then no longer good. */
void tree_remove(struct tree *tree, const struct tree_kind *kind, struct pool *pool,
		 struct tree_place *place);

/* Adds `delta` to every key from `from` on; the order must stay the same. */
void tree_shift(struct tree *tree, const struct tree_kind *kind, uint64_t from, int64_t delta);

/* Frees all pages; the items' own things are the caller's. */
void tree_clear(struct tree *tree, struct pool *pool);

#endif
