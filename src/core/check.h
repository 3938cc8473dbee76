/*
 * check: walks every structure of a volume and says what is wrong first.
 *
 * For tests: it takes no lock, so no other call may be running, and it is slow. It trusts nothing but that
 * pointers lead to memory: orders, counts, links and references, names, sizes, what is stored where, and that
 * all charges together are what the budget says. Memory as well: each piece of the pool belongs to one thing,
 * and nothing is taken that belongs to none.
 */
#ifndef MEMEFS_CHECK_H
#define MEMEFS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "memefs.h"

#define CHECK_TEXT 256

/* Every reference that the caller holds: streams, one for each reference; a node's is its main stream's. */
struct check_held {
	struct mfs_stream *const *streams;
	size_t count;
};

/* True: all is well. False: `text` says what is not. */
bool check_volume(struct mfs_volume *volume, const struct check_held *held, char text[CHECK_TEXT]);

#endif
