/*
 * tree_page: what a page of a tree holds, for the tree and for who checks it.
 *
 * Pages are 1 KiB (a lone leaf begins smaller); an inner page holds, for each child, the first 16 bytes of
 * the child's first item and the child. Integer separators may be lower than the child's first key, never
 * higher; with ties they are exact, because they are compared through what the item points to.
 */
#ifndef MEMEFS_TREE_PAGE_H
#define MEMEFS_TREE_PAGE_H

#include "tree.h"

#define PAGE_BYTES 1024
#define PAGE_BYTES_LEAST 64
#define ITEM_LARGE (PAGE_BYTES_LEAST - sizeof(struct tree_page)) /* larger items begin with a larger page */

struct tree_page {
	uint16_t count;
	uint16_t bytes; /* size of this page */
	uint32_t unused;
	uint64_t words[];
};

struct inner {
	uint64_t key, rest; /* first 16 bytes of the first item below */
	struct tree_page *child;
};

static inline unsigned leaf_room(const struct tree_kind *kind, size_t bytes)
{
	return (unsigned)((bytes - sizeof(struct tree_page)) / kind->item_size);
}

#define INNER_ROOM ((unsigned)((PAGE_BYTES - sizeof(struct tree_page)) / sizeof(struct inner)))

static inline unsigned char *leaf_at(const struct tree_page *page, const struct tree_kind *kind,
				     unsigned slot)
{
	return (unsigned char *)page->words + (size_t)slot * kind->item_size;
}

static inline struct inner *inner_at(const struct tree_page *page, unsigned slot)
{
	return (struct inner *)(void *)page->words + slot;
}

#endif
