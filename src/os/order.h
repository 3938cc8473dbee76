/*
 * order.h: where the locks of posix.c and win32.c tell what is taken, for who watches over the order.
 *
 * Nothing without MEMEFS_LOCK_ORDER.
 */
#ifndef MEMEFS_OS_ORDER_H
#define MEMEFS_OS_ORDER_H

#include "os.h"

#ifdef MEMEFS_LOCK_ORDER
void order_asks(const os_lock *lock);		       /* is about to be taken */
void order_has(const os_lock *lock, bool exclusive);   /* was taken */
void order_gives(const os_lock *lock, bool exclusive); /* is about to be let go */
#else
static inline void order_asks(const os_lock *lock)
{
	(void)lock;
}
static inline void order_has(const os_lock *lock, bool exclusive)
{
	(void)lock;
	(void)exclusive;
}
static inline void order_gives(const os_lock *lock, bool exclusive)
{
	(void)lock;
	(void)exclusive;
}
#endif

#endif
