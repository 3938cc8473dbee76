/*
 * order: the kinds of the engine's locks, in the order in which they are taken, for builds that watch over it
 * (MEMEFS_LOCK_ORDER, see os.h). node.h says what each of them guards.
 */
#ifndef MEMEFS_ORDER_H
#define MEMEFS_ORDER_H

#include "os.h"

#ifdef MEMEFS_LOCK_ORDER
extern const struct os_lock_kind order_moving, order_directory, order_stream, order_node, order_shard,
	order_security, order_label, order_pool, order_pages;
#endif

#endif
