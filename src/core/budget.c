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

static bool lends(const struct budget *budget)
{
	return budget->borrower.limit;
}

static uint64_t lent_used(struct budget *budget)
{
	return lends(budget) ? budget->borrower.used(budget->borrower.context) : 0;
}

static void sample(struct budget *budget)
{
	/* The lesser of before and after: what is given back meanwhile is counted once. */
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	uint64_t left = os_memory_left();
	used = least(used, atomic_load_explicit(&budget->used, memory_order_relaxed));

	uint64_t promised = atomic_load_explicit(&budget->promised, memory_order_relaxed);
	uint64_t room = beyond(beyond(left, budget->reserve), promised);
	used += lent_used(budget);
	uint64_t ceiling = used >= USED_MAX || room >= USED_MAX - used ? USED_MAX : used + room;
	atomic_store_explicit(&budget->ceiling, ceiling, memory_order_relaxed);
}

/* What all together may use now. */
static uint64_t whole(struct budget *budget)
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

/* ---- lending -------------------------------------------------------------------------- */

/* The borrower counts in pages, and has one at least. */
#define LEND_UNIT ((uint64_t)4096)

/* What is granted at once, more than is needed now: a step costs a few system calls. */
static uint64_t step_of(uint64_t limit)
{
	uint64_t step = limit / 4096;
	return step < LEND_UNIT ? LEND_UNIT : least(step / LEND_UNIT * LEND_UNIT, (uint64_t)1 << 20);
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* Lends what the limit has beyond `grant` (lending). False: it is used already, nothing changed. */
static bool lend_beyond(struct budget *budget, uint64_t limit, uint64_t grant)
{
	uint64_t rest = beyond(limit, grant) / LEND_UNIT * LEND_UNIT;

	if (rest < LEND_UNIT)
		return false;
	if (rest != budget->lent && !budget->borrower.limit(budget->borrower.context, rest))
		return false;
	budget->lent = rest;
	atomic_store_explicit(&budget->granted, grant, memory_order_relaxed);
	return true;
}

/* More is to be charged than is granted. True: try again. */
static bool grant(struct budget *budget, uint64_t bytes)
{
	bool done = true;

	os_lock_exclusive(&budget->lending);
	uint64_t limit = whole(budget);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	if (bytes > beyond(limit, used)) {
		done = false;
	} else if (used + bytes > atomic_load_explicit(&budget->granted, memory_order_relaxed)) {
		uint64_t step = step_of(limit);
		done = lend_beyond(budget, limit, round_up(used + bytes, step)) ||
		       lend_beyond(budget, limit, used + bytes);
	}
	os_unlock_exclusive(&budget->lending);
	return done;
}

void budget_tend(struct budget *budget)
{
	if (!lends(budget))
		return;
	os_lock_exclusive(&budget->lending);
	uint64_t limit = whole(budget);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	/* When the machine has become short of memory, what is used stays, and no more is taken. */
	if (!lend_beyond(budget, limit, round_up(used, step_of(limit))) && !lend_beyond(budget, limit, used))
		lend_beyond(budget, used + round_up(lent_used(budget), LEND_UNIT) + LEND_UNIT, used);
	os_unlock_exclusive(&budget->lending);
}

bool budget_lend(struct budget *budget, const struct budget_borrower *borrower)
{
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);

	budget->borrower = *borrower;
	uint64_t limit = whole(budget);
	if (lend_beyond(budget, limit, round_up(used, step_of(limit))) || lend_beyond(budget, limit, used))
		return true;
	budget->borrower.limit = NULL;
	return false;
}

/* What `used` may rise to at once. */
static uint64_t bound(struct budget *budget)
{
	if (lends(budget))
		return atomic_load_explicit(&budget->granted, memory_order_relaxed);
	return whole(budget);
}

/* ---- charging ------------------------------------------------------------------------- */

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
	budget->borrower = (struct budget_borrower){0};
	atomic_init(&budget->lending.word, 0);
	atomic_init(&budget->granted, 0);
	budget->lent = 0;
	sample(budget);
}

bool budget_take(struct budget *budget, uint64_t bytes)
{
	if (bytes == 0)
		return true;
	uint64_t most = bound(budget);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	do {
		while (bytes > beyond(most, used)) {
			if (!lends(budget) || !grant(budget, bytes))
				return false;
			most = bound(budget);
			used = atomic_load_explicit(&budget->used, memory_order_relaxed);
		}
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}

uint64_t budget_take_some(struct budget *budget, uint64_t bytes, uint64_t step)
{
	assert(step > 0);
	if (lends(budget) && bytes > budget_left(budget))
		bytes = budget_left(budget);
	if (lends(budget) && bytes >= step)
		grant(budget, bytes - bytes % step);
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
	used -= bytes;
	/* What is granted and not used is missing to the borrower. */
	if (lends(budget)) {
		uint64_t granted = atomic_load_explicit(&budget->granted, memory_order_relaxed);

		if (granted > used && granted - used > 2 * step_of(used + budget->lent))
			budget_tend(budget);
	}
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
	return beyond(whole(budget), budget_used(budget));
}

uint64_t budget_used(struct budget *budget)
{
	return atomic_load_explicit(&budget->used, memory_order_relaxed) + lent_used(budget);
}

uint64_t budget_room(struct budget *budget)
{
	if (!lends(budget))
		return budget_left(budget);
	return least(budget_left(budget),
		     beyond(atomic_load_explicit(&budget->lent, memory_order_relaxed), lent_used(budget)));
}

static bool within(struct budget *budget, uint64_t byte_limit, uint64_t node_limit)
{
	return (byte_limit == 0 || budget_used(budget) <= byte_limit) &&
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
	budget_tend(budget);
	/* Someone may have charged more between the look and the change. */
	if (within(budget, byte_limit, node_limit))
		return true;
	atomic_store(&budget->byte_limit, old_bytes);
	atomic_store(&budget->node_limit, old_nodes);
	budget_tend(budget);
	return false;
}
