/*
 * budget.c: the counter that everything is charged to before it is taken.
 *
 * Atomics only, no lock. It counts; it must never know what the bytes are for.
 */
#include "budget.h"

#include <assert.h>

#include "../os/os.h"

enum { SAMPLE_MILLISECONDS = 100 };

/* No charge rises above this, so that forced charges on top cannot wrap around. */
#define USED_MAX ((uint64_t)INT64_MAX)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* a - b, but never below 0. */
static uint64_t beyond(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void sample(struct budget *budget)
{
	/* The lesser of before and after: what is given back meanwhile is counted once. */
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	uint64_t left = os_memory_left();
	used = least(used, atomic_load_explicit(&budget->used, memory_order_relaxed));

	uint64_t promised = atomic_load_explicit(&budget->promised, memory_order_relaxed);
	uint64_t room = beyond(beyond(left, budget->reserve), promised);
	uint64_t ceiling = used >= USED_MAX || room >= USED_MAX - used ? USED_MAX : used + room;
	atomic_store_explicit(&budget->ceiling, ceiling, memory_order_relaxed);
}

/* What `used` may rise to now. */
static uint64_t bound(struct budget *budget)
{
	uint64_t limit = atomic_load_explicit(&budget->byte_limit, memory_order_acquire);
	if (limit != 0)
		return least(limit, USED_MAX);

	/* One thread takes the sample; the others go by the last one. */
	uint64_t now = os_clock_milliseconds();
	uint64_t then = atomic_load_explicit(&budget->sampled_at, memory_order_relaxed);
	if (now - then >= SAMPLE_MILLISECONDS &&
	    atomic_compare_exchange_strong_explicit(&budget->sampled_at, &then, now, memory_order_relaxed,
						    memory_order_relaxed))
		sample(budget);
	return atomic_load_explicit(&budget->ceiling, memory_order_relaxed);
}

void budget_init(struct budget *budget, uint64_t byte_limit, uint64_t node_limit)
{
	uint64_t total = os_memory_total();
	uint64_t reserve = total / 16;
	if (reserve < (uint64_t)64 << 20)
		reserve = (uint64_t)64 << 20;
	budget->reserve = least(reserve, total / 4);

	atomic_init(&budget->byte_limit, byte_limit);
	atomic_init(&budget->node_limit, node_limit);
	atomic_init(&budget->used, 0);
	atomic_init(&budget->promised, 0);
	atomic_init(&budget->nodes, 0);
	atomic_init(&budget->sampled_at, os_clock_milliseconds());
	atomic_init(&budget->ceiling, 0);
	sample(budget);
}

bool budget_take(struct budget *budget, uint64_t bytes)
{
	if (bytes == 0)
		return true;
	uint64_t most = bound(budget);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	do {
		if (bytes > beyond(most, used))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}

uint64_t budget_take_some(struct budget *budget, uint64_t bytes, uint64_t step)
{
	assert(step > 0);
	uint64_t most = bound(budget);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	uint64_t count;
	do {
		count = least(bytes, beyond(most, used));
		count -= count % step;
		if (count == 0)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + count,
							memory_order_relaxed, memory_order_relaxed));
	return count;
}

void budget_force(struct budget *budget, uint64_t bytes)
{
	atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
}

void budget_give(struct budget *budget, uint64_t bytes)
{
	uint64_t used = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	assert(used >= bytes);
	(void)used;
}

void budget_promise(struct budget *budget, uint64_t bytes)
{
	atomic_fetch_add_explicit(&budget->promised, bytes, memory_order_relaxed);
}

void budget_redeem(struct budget *budget, uint64_t bytes)
{
	uint64_t promised = atomic_fetch_sub_explicit(&budget->promised, bytes, memory_order_relaxed);
	assert(promised >= bytes);
	(void)promised;
}

bool budget_take_node(struct budget *budget)
{
	uint64_t limit = atomic_load_explicit(&budget->node_limit, memory_order_relaxed);
	uint64_t nodes = atomic_load_explicit(&budget->nodes, memory_order_relaxed);
	do {
		if (limit != 0 && nodes >= limit)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&budget->nodes, &nodes, nodes + 1,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}

void budget_give_node(struct budget *budget)
{
	uint64_t nodes = atomic_fetch_sub_explicit(&budget->nodes, 1, memory_order_relaxed);
	assert(nodes > 0);
	(void)nodes;
}

uint64_t budget_left(struct budget *budget)
{
	uint64_t most = bound(budget);
	return beyond(most, atomic_load_explicit(&budget->used, memory_order_relaxed));
}

static bool within(struct budget *budget, uint64_t byte_limit, uint64_t node_limit)
{
	return (byte_limit == 0 || atomic_load(&budget->used) <= byte_limit) &&
	       (node_limit == 0 || atomic_load(&budget->nodes) <= node_limit);
}

bool budget_resize(struct budget *budget, uint64_t byte_limit, uint64_t node_limit)
{
	if (!within(budget, byte_limit, node_limit))
		return false;
	uint64_t old_bytes = atomic_load(&budget->byte_limit);
	uint64_t old_nodes = atomic_load(&budget->node_limit);
	if (byte_limit == 0 && old_bytes != 0) {
		/* The sample rested while a limit stood. */
		atomic_store_explicit(&budget->sampled_at, os_clock_milliseconds(), memory_order_relaxed);
		sample(budget);
	}
	atomic_store(&budget->byte_limit, byte_limit);
	atomic_store(&budget->node_limit, node_limit);
	/* Someone may have charged more between the look and the change. */
	if (within(budget, byte_limit, node_limit))
		return true;
	atomic_store(&budget->byte_limit, old_bytes);
	atomic_store(&budget->node_limit, old_nodes);
	return false;
}
