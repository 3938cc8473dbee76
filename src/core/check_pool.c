/*
 * check_pool: whether the pool has given out exactly what belongs to something.
 *
 * Every piece that was found is looked up in the books of its slab; what the books count as taken, and
 * was not found, is lost memory.
 */
#include <stdlib.h>

#include "check_walk.h"
#include "poison.h"
#include "pool_slab.h"

/* The pieces by address, of which the slabs become their blocks. */
struct pool_walk {
	struct check *check;
	struct pool *pool;
	struct check_piece *ranges; /* of pages */
	size_t range_count;
	size_t partial; /* slabs with pieces and with room */
};

static int by_address(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t)((const struct check_piece *)a)->at;
	uintptr_t right = (uintptr_t)((const struct check_piece *)b)->at;

	return left < right ? -1 : left > right;
}

static size_t number_in(const struct slab *slab, const void *object)
{
	return (size_t)((const char *)object - (const char *)pages_noted(slab)) / slab->size;
}

/* The objects that were given back: none of them among the pieces, and as many as the books say. */
static bool check_free(struct pool_walk *walk, const struct slab *slab, const uint64_t *found)
{
	const void *object = slab->free;
	unsigned count = 0;

	for (; object; count++) {
		size_t number;

		if (count == slab->total || pages_note(object) != slab ||
		    ((const char *)object - (const char *)pages_noted(slab)) % slab->size != 0)
			return check_fault(walk->check, "a slab's list of free objects leads astray");
		number = number_in(slab, object);
		if (number >= slab->fresh || found[number / 64] >> number % 64 & 1)
			return check_fault(walk->check, "an object is free and in use");
		unpoison(object, sizeof(object));
		object = *(void *const *)object;
	}
	return count + slab->used == slab->fresh ||
	       check_fault(walk->check, "a slab of objects of %u bytes has %u taken and %u free of %u",
			   slab->size, slab->used, count, slab->fresh);
}

/* All pieces of one slab, which begin at `piece`. */
static bool check_slab(struct pool_walk *walk, const struct check_piece *piece, size_t count)
{
	const struct slab *slab = pages_note(piece->at);
	uint64_t found[SLAB_BYTES / 16 / 64] = {0};

	for (size_t i = 0; i < count; i++) {
		size_t offset = (size_t)((const char *)piece[i].at - (const char *)pages_noted(slab)), number;

		if (slab->class != class_of(piece[i].size) || slab->size != pool_rounded(piece[i].size))
			return check_fault(walk->check, "an object of %u bytes lies in a slab for %u",
					   (unsigned)piece[i].size, slab->size);
		number = offset / slab->size;
		if (offset % slab->size != 0 || number >= slab->fresh)
			return check_fault(walk->check, "an object lies where none was ever taken");
		if (found[number / 64] >> number % 64 & 1)
			return check_fault(walk->check, "one object of %u bytes belongs to two", slab->size);
		found[number / 64] |= UINT64_C(1) << number % 64;
	}
	if (slab->used != count)
		return check_fault(walk->check,
				   "%u objects of %u bytes are taken, of which %u belong to something",
				   slab->used, slab->size, (unsigned)count);
	if (slab->total != SLAB_BYTES / slab->size || slab->fresh > slab->total)
		return check_fault(walk->check, "a slab has %u objects", slab->total);
	walk->partial += slab->used < slab->total;
	return check_free(walk, slab, found);
}

/* The slabs with room that a lane has. Those that are empty have no pieces. */
static bool check_lane(struct pool_walk *walk, unsigned number, unsigned class, size_t *partial)
{
	const struct lane *lane = &walk->pool->lanes[number][class];
	const struct slab *slab = lane->partial;
	unsigned empty = 0;

	if (!slab)
		return true;
	do {
		if (slab->lane != number || slab->class != class || slab->used >= slab->total)
			return check_fault(walk->check, "a slab is in the wrong ring");
		if (slab->next->previous != slab)
			return check_fault(walk->check, "a ring of slabs is broken");
		*partial += slab->used > 0;
		if (slab->used == 0) {
			static const uint64_t none[SLAB_BYTES / 16 / 64];

			if (!lane->ticket || ++empty > 1)
				return check_fault(walk->check, "an empty slab is kept");
			if (!check_free(walk, slab, none))
				return false;
			walk->ranges[walk->range_count++] =
				(struct check_piece){pages_noted(slab), SLAB_BYTES};
		}
		slab = slab->next;
	} while (slab != lane->partial);
	return true;
}

static bool check_lanes(struct pool_walk *walk)
{
	size_t partial = 0;

	for (unsigned number = 0; number < LANES; number++)
		for (unsigned class = 0; class < CLASSES; class ++)
			if (!check_lane(walk, number, class, &partial))
				return false;
	return partial == walk->partial ||
	       check_fault(walk->check, "%u slabs have room, of which %u are known", (unsigned)walk->partial,
			   (unsigned)partial);
}

static bool check_pieces(struct pool_walk *walk)
{
	const struct check *check = walk->check;

	for (size_t i = 0, next; i < check->piece_count; i = next) {
		const struct check_piece *piece = &check->pieces[i];

		next = i + 1;
		if (piece->size > LARGEST) {
			walk->ranges[walk->range_count++] =
				(struct check_piece){piece->at, pool_rounded(piece->size)};
			continue;
		}
		while (next < check->piece_count && check->pieces[next].size <= LARGEST &&
		       pages_note(check->pieces[next].at) == pages_note(piece->at))
			next++;
		if (!check_slab(walk, piece, next - i))
			return false;
		walk->ranges[walk->range_count++] =
			(struct check_piece){pages_noted(pages_note(piece->at)), SLAB_BYTES};
	}
	return true;
}

bool check_pool(struct check *check, struct pool *pool)
{
	struct pool_walk walk = {.check = check, .pool = pool};
	bool good;

	if (check->piece_count == 0)
		return check_fault(check, "nothing is there");
	qsort(check->pieces, check->piece_count, sizeof(*check->pieces), by_address);
	walk.ranges = malloc((check->piece_count + LANES * CLASSES) * sizeof(*walk.ranges));
	if (!walk.ranges) {
		check->no_memory = true;
		return true;
	}
	good = check_pieces(&walk) && check_lanes(&walk);
	if (good) {
		qsort(walk.ranges, walk.range_count, sizeof(*walk.ranges), by_address);
		good = check_pages(check, pool->pages, walk.ranges, walk.range_count);
	}
	free(walk.ranges);
	return good;
}
