/*
 * pages: runs of whole pages, from regions that the system reserved for us.
 *
 * Any part of a run can be given back on its own. Freed pages stay with the process
 * only up to a small share of what is in use; the rest, and every empty region, goes
 * back to the system. Contents of what is taken are unspecified: old data may stand
 * there, so the taker clears what it does not overwrite.
 */
#ifndef MEMEFS_PAGES_H
#define MEMEFS_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct pages;

struct pages *pages_create(void);	 /* NULL: no memory */
void pages_lock(struct pages *pages);	 /* what is taken from now on is kept out of swap; before the first */
void pages_destroy(struct pages *pages); /* gives everything back, taken or not */

/* Takes a run of `want` pages or, where none so long is free, a shorter one of at least
 * `least` (1..want). The run begins on a multiple of `align` pages (a power of two, at most
 * 8192). *got tells the length: never over 8192 pages unless `least` is. Runs of at least 512
 * pages aligned to 512 are backed by huge pages where the system has them. NULL: the system
 * has no memory, or the alignment is too wide. */
void *pages_take(struct pages *pages, size_t want, size_t least, size_t align, size_t *got);

/* Gives back pages, any part of what was taken. */
void pages_give(struct pages *pages, void *at, size_t count);

/* Runs taken with want = least = align = PAGES_BLOCK come with a note: PAGES_NOTE bytes, apart
 * from the pages, that the taker may use while it has the run. Contents unspecified at first. */
#define PAGES_BLOCK ((size_t)8)
#define PAGES_NOTE ((size_t)64)
#define PAGES_REGION ((uintptr_t)32 << 20) /* every region begins on a multiple of this */

/* The note of the block that this address, any within it, belongs to. */
static inline void *pages_note(const void *at)
{
	uintptr_t offset = (uintptr_t)at & (PAGES_REGION - 1);
	return (char *)at - offset + offset / (PAGES_BLOCK * 4096) * PAGES_NOTE;
}

/* The block that this note belongs to. */
static inline void *pages_noted(const void *note)
{
	uintptr_t offset = (uintptr_t)note & (PAGES_REGION - 1);
	return (char *)note - offset + offset / PAGES_NOTE * (PAGES_BLOCK * 4096);
}

/* Bytes committed from the system now (taken, and kept for reuse). */
uint64_t pages_held(struct pages *pages);

#endif
