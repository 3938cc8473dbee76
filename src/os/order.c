/*
 * order.c: watches over the order of locks, in builds that ask for it (MEMEFS_LOCK_ORDER).
 *
 * Each thread knows what it holds. A lock that comes out of turn ends the program: some day it would have
 * stood still instead.
 */
#include "order.h"

#ifdef MEMEFS_LOCK_ORDER

#	include <stdio.h>
#	include <stdlib.h>

enum { HELD_MOST = 16 };

struct held {
	const os_lock *lock;
	bool exclusive;
};

static _Thread_local struct {
	struct held held[HELD_MOST];
	unsigned count;
} own;

static _Noreturn void out_of_order(const os_lock *lock, const char *what)
{
	fprintf(stderr, "lock order: %s %s; held:", lock->kind ? lock->kind->name : "a lock", what);
	for (unsigned i = 0; i < own.count; i++)
		fprintf(stderr, " %s%s", own.held[i].lock->kind ? own.held[i].lock->kind->name : "a lock",
			own.held[i].exclusive ? "" : " (shared)");
	fprintf(stderr, "\n");
	abort();
}

void os_lock_is(os_lock *lock, const struct os_lock_kind *kind)
{
	lock->kind = kind;
}

bool os_lock_held(const struct os_lock_kind *kind, bool exclusive)
{
	for (unsigned i = 0; i < own.count; i++)
		if (own.held[i].lock->kind == kind && (own.held[i].exclusive || !exclusive))
			return true;
	return false;
}

/* Before it is taken, for a wait might have no end. */
void order_asks(const os_lock *lock)
{
	for (unsigned i = 0; i < own.count; i++) {
		const struct os_lock_kind *held = own.held[i].lock->kind;

		if (!lock->kind || !held)
			continue;
		if (own.held[i].lock == lock)
			out_of_order(lock, "is taken twice");
		if (held->rank > lock->kind->rank)
			out_of_order(lock, "is taken too late");
		if (held->rank == lock->kind->rank && !lock->kind->beside)
			out_of_order(lock, "is taken beside another of its kind");
	}
}

/* When it is taken: what decides between two of a kind may be read only now. */
void order_has(const os_lock *lock, bool exclusive)
{
	for (unsigned i = 0; i < own.count; i++) {
		const struct os_lock_kind *held = own.held[i].lock->kind;

		if (lock->kind && held && held->rank == lock->kind->rank &&
		    !lock->kind->beside(own.held[i].lock, lock))
			out_of_order(lock, "is taken beside one that must come after it");
	}
	if (own.count == HELD_MOST)
		out_of_order(lock, "is one lock too many");
	own.held[own.count++] = (struct held){lock, exclusive};
}

void order_gives(const os_lock *lock, bool exclusive)
{
	unsigned at = own.count;

	while (at > 0 && own.held[at - 1].lock != lock)
		at--;
	if (at == 0)
		out_of_order(lock, "is let go and was not held");
	if (own.held[at - 1].exclusive != exclusive)
		out_of_order(lock, "is let go in another way than it was taken");
	for (own.count--; at <= own.count; at++)
		own.held[at - 1] = own.held[at];
}

#endif
