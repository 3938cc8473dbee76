/*
 * pool: the volume's private heap, size classes over pages.
 *
 * Sizes are the caller's to remember, so that objects carry no header. Threads are spread
 * over lanes, each with its own lock. What is taken through pool_take is charged to the
 * budget by its rounded size.
 */
#ifndef MEMEFS_POOL_H
#define MEMEFS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "budget.h"
#include "pages.h"

struct pool;

/* The budget must outlive the pool. NULL: no memory. */
struct pool *pool_create(struct budget *budget);
void pool_destroy(struct pool *pool); /* gives everything back, taken or not */

/* What an object of this size really takes. */
size_t pool_rounded(size_t size);

/* An object of `size` bytes (1 and up, any size), not cleared, 16-aligned. Charged.
 * NULL: it does not fit into the budget or memory is used up. */
void *pool_take(struct pool *pool, size_t size);
/* The same, charged beyond the limit if need be; NULL only when memory itself is used up. */
void *pool_take_forced(struct pool *pool, size_t size);
/* The same, cleared. */
void *pool_take_zeroed(struct pool *pool, size_t size);
void pool_give(struct pool *pool, void *object, size_t size); /* NULL is fine */

/* The same without any charge: for data, which the store charges by the sector. */
void *pool_take_raw(struct pool *pool, size_t size);
void pool_give_raw(struct pool *pool, void *object, size_t size); /* NULL is fine */

/* The pages below, for runs of data. */
struct pages *pool_pages(struct pool *pool);

#endif
