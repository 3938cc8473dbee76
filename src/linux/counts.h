/*
 * counts: how many requests of each kind the kernel has sent, for --stats. Each costs a round trip, so
 * this is what tells where the time of a mount goes.
 */
#ifndef MEMEFS_LINUX_COUNTS_H
#define MEMEFS_LINUX_COUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTS 64 /* the protocol's numbers, and some to come; the last one is for all above */

struct counts {
	_Atomic uint64_t of[COUNTS];
};

static inline void counts_add(struct counts *counts, uint32_t opcode)
{
	atomic_fetch_add_explicit(&counts->of[opcode < COUNTS ? opcode : COUNTS - 1], 1,
				  memory_order_relaxed);
}

/* Somebody has used the mount. */
bool counts_any(const struct counts *counts);

/* "NAME: number" lines of those that came, with a NUL behind them; cut off at the capacity. */
void counts_tell(const struct counts *counts, char *to, size_t capacity);

#endif
