/*
 * budget: the one counter that everything is charged to before it is taken.
 *
 * Bytes and nodes, 64-bit and exact: what is given back equals what was taken, so
 * an emptied volume is back at its start. Without a byte limit the bound is what
 * the machine has left, asked for at most every 100 ms.
 *
 * A part of the limit may be lent to someone else, who keeps to it by himself (the place of
 * backing files): then what is charged here may rise to what is granted, in steps, and the
 * rest is lent. So the two together never pass the limit.
 */
#ifndef MEMEFS_BUDGET_H
#define MEMEFS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../os/os.h"

/* Who part of the limit is lent to. */
struct budget_borrower {
	void *context;
	uint64_t (*used)(void *context);
	/* May use so many bytes from now on. False, nothing changed: uses more already. */
	bool (*limit)(void *context, uint64_t bytes);
};

struct budget {
	_Atomic uint64_t byte_limit;	 /* 0: none but memory itself */
	_Atomic uint64_t node_limit;	 /* 0: none */
	_Atomic uint64_t used;		 /* bytes charged */
	_Atomic uint64_t promised;	 /* part of used that no memory stands behind yet */
	_Atomic uint64_t nodes;		 /* nodes charged */
	_Atomic uint64_t sampled_at;	 /* os_clock_milliseconds of the sample below; 0: none yet */
	_Atomic uint64_t ceiling;	 /* what `used` may rise to, by the last sample of memory left */
	uint64_t reserve;		 /* bytes of the machine's memory never touched (constant) */
	struct budget_borrower borrower; /* constant once lending; limit NULL: nothing is lent */
	os_lock lending;
	_Atomic uint64_t granted; /* what `used` may rise to at once; written under lending */
	_Atomic uint64_t lent;	  /* what the borrower was told last; written under lending */
};

/* Zero limits as in mfs_options. */
void budget_init(struct budget *budget, uint64_t byte_limit, uint64_t node_limit);

/* Charges bytes, all or nothing. False: they do not fit. */
bool budget_take(struct budget *budget, uint64_t bytes);
/* Charges as many bytes as fit, a multiple of `step`, at most `bytes`; returns how many. */
uint64_t budget_take_some(struct budget *budget, uint64_t bytes, uint64_t step);
/* Charges even beyond the limit: for the few bytes that freeing something needs. */
void budget_force(struct budget *budget, uint64_t bytes);
void budget_give(struct budget *budget, uint64_t bytes);

/* Moves charged bytes between promised (no memory yet) and backed. */
void budget_promise(struct budget *budget, uint64_t bytes);
void budget_redeem(struct budget *budget, uint64_t bytes);

bool budget_take_node(struct budget *budget);
void budget_give_node(struct budget *budget);

/* Bytes that could be taken now; never negative. */
uint64_t budget_left(struct budget *budget);
/* Of these, what the borrower could take; without one, all. */
uint64_t budget_room(struct budget *budget);
/* Bytes used by all, what is lent included. */
uint64_t budget_used(struct budget *budget);

/* Begins to lend; once, before another thread uses the budget. False: the borrower does not take it. */
bool budget_lend(struct budget *budget, const struct budget_borrower *borrower);
/* Fits what is lent to the present limit. Does nothing when nothing is lent. */
void budget_tend(struct budget *budget);

/* False, nothing changed: the new limits are below what is used. */
bool budget_resize(struct budget *budget, uint64_t byte_limit, uint64_t node_limit);

#endif
