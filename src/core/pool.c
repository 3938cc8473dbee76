/*
 * pool.c: size classes over blocks of pages.
 *
 * A slab is one block of pages with objects of one class; its books are kept in the
 * block's note, so that objects fill whole pages. Each class has a list of slabs with
 * room for each lane, under a lock of its own. It must never know what the objects are.
 */
#include "pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../os/os.h"
#include "order.h"
#include "poison.h"
#include "pool_slab.h"

/* ---- classes ------------------------------------------------------------------- */

static size_t round_up(size_t size, size_t unit)
{
	/* What cannot be rounded up stays a size that nothing can fulfil. */
	return size > SIZE_MAX - (unit - 1) ? SIZE_MAX & ~(unit - 1) : (size + unit - 1) & ~(unit - 1);
}

size_t pool_rounded(size_t size)
{
	if (size <= 256)
		return round_up(size + (size == 0), 16);
	if (size <= 512)
		return round_up(size, 64);
	if (size <= 1024)
		return round_up(size, 128);
	return round_up(size, size <= LARGEST ? 512 : OS_PAGE_SIZE);
}

/* ---- slabs ----------------------------------------------------------------------- */

/* Puts a slab at the end of the ring, so that the others fill up and it may fall empty. */
static void ring_add(struct lane *lane, struct slab *slab)
{
	struct slab *first = lane->partial;
	if (first == NULL) {
		slab->next = slab->previous = slab;
		lane->partial = slab;
		return;
	}
	slab->next = first;
	slab->previous = first->previous;
	first->previous->next = slab;
	first->previous = slab;
}

static void ring_remove(struct lane *lane, struct slab *slab)
{
	if (slab->next == slab) {
		lane->partial = NULL;
		return;
	}
	slab->next->previous = slab->previous;
	slab->previous->next = slab->next;
	if (lane->partial == slab)
		lane->partial = slab->next;
}

/* Opens a slab for a lane whose lock is held. NULL: no memory. */
static struct slab *slab_open(struct pool *pool, struct lane *lane, unsigned number, unsigned class,
			      size_t size)
{
	size_t got;
	void *block = pages_take(pool->pages, PAGES_BLOCK, PAGES_BLOCK, PAGES_BLOCK, &got);
	if (block == NULL)
		return NULL;
	struct slab *slab = pages_note(block);
	*slab = (struct slab){
		.size = (uint32_t)size,
		.total = (uint16_t)(SLAB_BYTES / size),
		.class = (uint16_t) class,
		.lane = (uint16_t)number,
	};
	ring_add(lane, slab);
	poison(block, SLAB_BYTES);
	return slab;
}

/* Whether the lane may keep its last slab, empty, for the next object. */
static bool lane_keeps(struct pool *pool, struct lane *lane)
{
	if (!lane->ticket && atomic_load_explicit(&pool->tickets, memory_order_relaxed) > 0) {
		if (atomic_fetch_sub_explicit(&pool->tickets, 1, memory_order_relaxed) > 0)
			lane->ticket = true;
		else
			atomic_fetch_add_explicit(&pool->tickets, 1, memory_order_relaxed);
	}
	return lane->ticket;
}

static void *slab_take(struct pool *pool, size_t size)
{
	unsigned class = class_of(size);
	unsigned number = os_thread_lane() % LANES;
	struct lane *lane = &pool->lanes[number][class];
	void *object = NULL;
	os_lock_exclusive(&lane->lock);
	struct slab *slab = lane->partial;
	if (slab == NULL)
		slab = slab_open(pool, lane, number, class, pool_rounded(size));
	if (slab != NULL) {
		object = slab->free;
		if (object == NULL)
			object = (char *)pages_noted(slab) + (size_t)slab->size * slab->fresh++;
		unpoison(object, slab->size);
		if (object == slab->free)
			memcpy(&slab->free, object, sizeof slab->free);
		poison((char *)object + size, slab->size - size);
		if (++slab->used == slab->total)
			ring_remove(lane, slab);
	}
	os_unlock_exclusive(&lane->lock);
	return object;
}

static void slab_give(struct pool *pool, void *object, size_t size)
{
	struct slab *slab = pages_note(object);
	assert(slab->class == class_of(size));
	(void)size;
	struct lane *lane = &pool->lanes[slab->lane][slab->class];
	bool empty = false;
	os_lock_exclusive(&lane->lock);
	assert(slab->used > 0);
	unpoison(object, slab->size);
	memcpy(object, &slab->free, sizeof slab->free);
	poison(object, slab->size);
	slab->free = object;
	if (slab->used-- == slab->total)
		ring_add(lane, slab);
	if (slab->used == 0 && (slab->next != slab || !lane_keeps(pool, lane))) {
		ring_remove(lane, slab);
		empty = true;
	}
	os_unlock_exclusive(&lane->lock);
	if (empty)
		pages_give(pool->pages, pages_noted(slab), PAGES_BLOCK);
}

/* ---- objects ----------------------------------------------------------------------- */

void *pool_take_raw(struct pool *pool, size_t size)
{
	if (size <= LARGEST)
		return slab_take(pool, size);
	size_t count = pool_rounded(size) / OS_PAGE_SIZE, got;
	return pages_take(pool->pages, count, count, 1, &got);
}

void pool_give_raw(struct pool *pool, void *object, size_t size)
{
	if (object == NULL)
		return;
	if (size <= LARGEST)
		slab_give(pool, object, size);
	else
		pages_give(pool->pages, object, pool_rounded(size) / OS_PAGE_SIZE);
}

void *pool_take(struct pool *pool, size_t size)
{
	size_t bytes = pool_rounded(size);
	if (!budget_take(pool->budget, bytes))
		return NULL;
	void *object = pool_take_raw(pool, size);
	if (object == NULL)
		budget_give(pool->budget, bytes);
	return object;
}

void *pool_take_forced(struct pool *pool, size_t size)
{
	void *object = pool_take_raw(pool, size);
	if (object != NULL)
		budget_force(pool->budget, pool_rounded(size));
	return object;
}

void *pool_take_zeroed(struct pool *pool, size_t size)
{
	void *object = pool_take(pool, size);
	if (object != NULL)
		memset(object, 0, size);
	return object;
}

void pool_give(struct pool *pool, void *object, size_t size)
{
	if (object == NULL)
		return;
	pool_give_raw(pool, object, size);
	budget_give(pool->budget, pool_rounded(size));
}

/* ---- the whole --------------------------------------------------------------------- */

struct pool *pool_create(struct budget *budget)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return NULL;
	pool->budget = budget;
	atomic_init(&pool->tickets, TICKETS);
	for (unsigned i = 0; i < LANES * CLASSES; i++)
		os_lock_is(&pool->lanes[i / CLASSES][i % CLASSES].lock, &order_pool);
	pool->pages = pages_create();
	if (pool->pages == NULL) {
		free(pool);
		return NULL;
	}
	return pool;
}

void pool_destroy(struct pool *pool)
{
	if (pool == NULL)
		return;
	pages_destroy(pool->pages);
	free(pool);
}

struct pages *pool_pages(struct pool *pool)
{
	return pool->pages;
}
