/*
 * os.h: all that the engine asks of an operating system.
 *
 * One header, one file per system (posix.c, win32.c); nothing above this floor
 * knows which system it runs on. No operating system header is included here.
 */
#ifndef MEMEFS_OS_H
#define MEMEFS_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- memory -------------------------------------------------------------- */

/* The unit of all page functions; every size and address below is a multiple. */
#define OS_PAGE_SIZE ((size_t)4096)

/* Reserves address space (no memory yet) of `size` bytes, aligned to `align`
 * (a power of two, at least a page). NULL when there is none. */
void *os_pages_reserve(size_t size, size_t align);

/* Makes reserved pages usable; their contents are unspecified. False when the
 * system has no memory for them; then nothing changed. */
bool os_pages_commit(void *at, size_t size);

/* Keeps committed pages out of the system's swap until they are decommitted. False: it does not let us. */
bool os_pages_lock(void *at, size_t size);

/* Gives the memory of committed pages back; the address space stays reserved.
 * To be committed again before use. */
void os_pages_decommit(void *at, size_t size);

/* Gives a whole reservation back, as os_pages_reserve returned it. */
void os_pages_release(void *at, size_t size);

/* Advice: whether this range should be backed by huge pages. May do nothing. */
void os_pages_huge(void *at, size_t size, bool wanted);

/* Bytes of memory of this machine, or of the control group when that is less. */
uint64_t os_memory_total(void);

/* Bytes that could still be taken without hurting others: what the machine (or
 * its control group) has left. Costs a system call or more: cache the answer. */
uint64_t os_memory_left(void);

/* ---- locks ---------------------------------------------------------------- */

/* A reader/writer lock, one word, all zero when free; nothing to destroy. Not
 * recursive. Short waits spin, long ones sleep. */
typedef struct os_lock {
	_Atomic(uintptr_t) word;
#ifdef MEMEFS_LOCK_ORDER
	const struct os_lock_kind *kind; /* NULL: was not told */
#endif
} os_lock;

void os_lock_exclusive(os_lock *lock);
void os_unlock_exclusive(os_lock *lock);
void os_lock_shared(os_lock *lock);
void os_unlock_shared(os_lock *lock);

/* Builds with MEMEFS_LOCK_ORDER watch over the order in which locks are taken: a thread may take one only
 * while all that it holds are of lower rank, or `beside` allows another of the same. Locks of no kind are
 * not watched. Other builds have none of this. */
#ifdef MEMEFS_LOCK_ORDER
struct os_lock_kind {
	const char *name;
	unsigned rank;
	/* Whether `taken`, which is held by now, could be taken beside `held`. NULL: never. */
	bool (*beside)(const os_lock *held, const os_lock *taken);
};

/* Before the lock is first taken. */
void os_lock_is(os_lock *lock, const struct os_lock_kind *kind);
/* Whether this thread holds a lock of a kind; with `exclusive`, only exclusively counts. */
bool os_lock_held(const struct os_lock_kind *kind, bool exclusive);
#else
#	define os_lock_is(lock, kind) ((void)(lock))
#endif

/* ---- the rest ---------------------------------------------------------------- */

/* Wall clock: seconds since 1970-01-01 UTC and nanoseconds (0..999999999). Cheap
 * rather than fine: may tick every few milliseconds, never goes back on its own. */
void os_clock_wall(int64_t *seconds, uint32_t *nanoseconds);

/* Milliseconds since some fixed moment; never goes back. Cheap. */
uint64_t os_clock_milliseconds(void);

/* Fills a buffer with random bytes from the system. */
void os_random(void *to, size_t size);

/* A small number that stays the same for a thread and tends to differ between
 * threads; for spreading load, not for identity. */
unsigned os_thread_lane(void);

#endif
