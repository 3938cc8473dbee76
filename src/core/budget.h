/*
 * budget: the one counter that everything is charged to before it is taken.
 *
 * Bytes and nodes, 64-bit and exact: what is given back equals what was taken, so
 * an emptied volume is back at its start. Without a byte limit the bound is what
 * the machine has left, asked for at most every 100 ms.
 */
#ifndef MEMEFS_BUDGET_H
#define MEMEFS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	_Atomic uint64_t byte_limit; /* 0: none but memory itself */
	_Atomic uint64_t node_limit; /* 0: none */
	_Atomic uint64_t used;	     /* bytes charged */
	_Atomic uint64_t promised;   /* part of used that no memory stands behind yet */
	_Atomic uint64_t nodes;	     /* nodes charged */
	_Atomic uint64_t sampled_at; /* os_clock_milliseconds of the sample below; 0: none yet */
	_Atomic uint64_t ceiling;    /* what `used` may rise to, by the last sample of memory left */
	uint64_t reserve;	     /* bytes of the machine's memory never touched (constant) */
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

/* False, nothing changed: the new limits are below what is used. */
bool budget_resize(struct budget *budget, uint64_t byte_limit, uint64_t node_limit);

#endif
