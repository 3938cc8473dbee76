/*
 * index: linear hashing over chained links. The buckets stand in segments; the first segment is as
 * small as the index is.
 */
#include "index.h"

#include <string.h>

#define LEAST 8u

/* The smallest power of two that is not below the number of buckets, by which hashes are cut. */
static uint32_t ceiling(uint32_t buckets)
{
	return buckets <= LEAST ? LEAST : 1u << (32 - __builtin_clz(buckets - 1));
}

static struct index_link **bucket(const struct index *index, uint32_t number)
{
	if (number < INDEX_SEGMENT)
		return &index->first[number];
	return &index->more[number / INDEX_SEGMENT - 1][number % INDEX_SEGMENT];
}

static struct index_link **home(const struct index *index, uint32_t hash)
{
	uint32_t power = ceiling(index->buckets), number = hash & (power - 1);

	if (number >= index->buckets)
		number = hash & (power / 2 - 1);
	return bucket(index, number);
}

struct index_link *index_chain(const struct index *index, uint32_t hash)
{
	return index->buckets ? *home(index, hash) : NULL;
}

/* Moves the links that belong there from one bucket to a new one. */
static void divide(struct index_link **from, struct index_link **to, uint32_t bit)
{
	struct index_link *link;

	*to = NULL;
	while ((link = *from) != NULL) {
		if (link->hash & bit) {
			*from = link->next;
			link->next = *to;
			*to = link;
		} else {
			from = &link->next;
		}
	}
}

/* Gives the small first segment twice (or half) its buckets. False: no memory. */
static bool resize_first(struct index *index, struct pool *pool, uint32_t buckets)
{
	struct index_link **old = index->first, *link;
	struct index_link **new = pool_take_raw(pool, buckets * sizeof(*new));

	if (!new)
		return false;
	memset(new, 0, buckets * sizeof(*new));
	for (uint32_t i = 0; i < index->buckets; i++) {
		while ((link = old[i]) != NULL) {
			old[i] = link->next;
			link->next = new[link->hash & (buckets - 1)];
			new[link->hash & (buckets - 1)] = link;
		}
	}
	if (old)
		pool_give_raw(pool, old, index->buckets * sizeof(*old));
	index->first = new;
	index->buckets = buckets;
	return true;
}

static bool add_segment(struct index *index, struct pool *pool)
{
	uint32_t number = index->buckets / INDEX_SEGMENT - 1;
	struct index_link **segment;

	if (number == index->more_room) {
		uint32_t room = number ? number * 2 : 4;
		struct index_link ***more = pool_take_raw(pool, room * sizeof(*more));

		if (!more)
			return false;
		if (number)
			memcpy(more, index->more, number * sizeof(*more));
		if (number)
			pool_give_raw(pool, index->more, index->more_room * sizeof(*more));
		index->more = more;
		index->more_room = room;
	}
	segment = pool_take_raw(pool, INDEX_SEGMENT * sizeof(struct index_link *));
	if (!segment)
		return false;
	index->more[number] = segment;
	return true;
}

static void grow(struct index *index, struct pool *pool)
{
	uint32_t half = ceiling(index->buckets + 1) / 2;

	if (index->buckets < INDEX_SEGMENT) {
		resize_first(index, pool, index->buckets ? index->buckets * 2 : LEAST);
		return;
	}
	if (index->buckets % INDEX_SEGMENT == 0 && !add_segment(index, pool))
		return;
	divide(bucket(index, index->buckets - half), bucket(index, index->buckets), half);
	index->buckets++;
}

static void shrink(struct index *index, struct pool *pool)
{
	uint32_t last = index->buckets - 1, half = ceiling(index->buckets) / 2;
	struct index_link **to;

	if (index->buckets <= INDEX_SEGMENT) {
		if (index->buckets > LEAST)
			resize_first(index, pool, index->buckets / 2);
		return;
	}
	for (to = bucket(index, last - half); *to; to = &(*to)->next)
		;
	*to = *bucket(index, last);
	index->buckets--;
	if (last % INDEX_SEGMENT == 0)
		pool_give_raw(pool, index->more[last / INDEX_SEGMENT - 1],
			      INDEX_SEGMENT * sizeof(struct index_link *));
	if (last == INDEX_SEGMENT) {
		pool_give_raw(pool, index->more, index->more_room * sizeof(*index->more));
		index->more = NULL;
		index->more_room = 0;
	}
}

static void free_all(struct index *index, struct pool *pool)
{
	while (index->buckets > INDEX_SEGMENT)
		shrink(index, pool);
	pool_give_raw(pool, index->first, index->buckets * sizeof(*index->first));
	*index = (struct index){0};
}

bool index_insert(struct index *index, struct pool *pool, struct index_link *link)
{
	struct index_link **to;

	if (index->count >= index->buckets)
		grow(index, pool);
	if (index->buckets == 0)
		return false;
	to = home(index, link->hash);
	link->next = *to;
	*to = link;
	index->count++;
	return true;
}

void index_remove(struct index *index, struct pool *pool, struct index_link *link)
{
	struct index_link **at = home(index, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	index->count--;
	if (index->count == 0) {
		free_all(index, pool);
		return;
	}
	/* As many steps as keep pace with removals. */
	for (int steps = 0; steps < 8 && index->count < index->buckets / 4; steps++)
		shrink(index, pool);
}
