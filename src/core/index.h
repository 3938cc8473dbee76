/*
 * index: a hash index of things that carry their own link.
 *
 * Linear hashing: it grows and shrinks by one bucket at a time, so no insertion pays for all,
 * and an emptied index holds no memory. Buckets are not charged: the owner charges by the
 * link. Only the first insertion can fail (without memory to
 * grow, an index gets slower). The owner's lock guards it.
 */
#ifndef MEMEFS_INDEX_H
#define MEMEFS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

/* Embedded in what is indexed. */
struct index_link {
	struct index_link *next;
	uint32_t hash;
	uint32_t own; /* the owner's to use */
};

#define INDEX_SEGMENT 512u /* buckets in a segment */

/* All zero: empty. */
struct index {
	struct index_link **first; /* buckets 0..511, or fewer while small */
	struct index_link ***more; /* further segments of 512 buckets */
	uint32_t count;
	uint32_t buckets;
	uint32_t more_room;
};

/* False: no memory for the first buckets; nothing changed. */
bool index_insert(struct index *index, struct pool *pool, struct index_link *link);
/* The link must be in the index. */
void index_remove(struct index *index, struct pool *pool, struct index_link *link);
/* The chain in which links with this hash stand, others among them. */
struct index_link *index_chain(const struct index *index, uint32_t hash);

#endif
