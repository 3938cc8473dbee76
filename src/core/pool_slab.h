/*
 * pool_slab: the books of pool.c, for it and for who checks them.
 */
#ifndef MEMEFS_POOL_SLAB_H
#define MEMEFS_POOL_SLAB_H

#include "../os/os.h"
#include "pool.h"

enum {
	LANES = 4,	/* a power of two */
	CLASSES = 29,	/* 16 up to 256, 4 up to 512, 4 up to 1024, 5 up to 3584 */
	LARGEST = 3584, /* larger objects take whole pages */
	TICKETS = 32,	/* lanes that may keep a slab though it is empty */
	CACHE_LINE = 64,
};

#define SLAB_BYTES (PAGES_BLOCK * OS_PAGE_SIZE)

/* Lives in the note of its block. (l) the lane's lock; (c) constant while an object is taken. */
struct slab {
	struct slab *next, *previous; /* (l) ring of the lane's slabs with room */
	void *free;		      /* (l) objects given back, each begins with a link to the next */
	uint32_t size;		      /* (c) bytes of an object */
	uint16_t total;		      /* (c) objects */
	uint16_t used;		      /* (l) objects taken */
	uint16_t fresh;		      /* (l) objects from here on were never taken */
	uint16_t class;		      /* (c) */
	uint16_t lane;		      /* (c) */
};

_Static_assert(sizeof(struct slab) <= PAGES_NOTE, "the books of a slab fit into a note");

struct lane {
	os_lock lock;
	struct slab *partial; /* (l) slabs with room, the one to take from first */
	bool ticket;	      /* (l) may keep an empty slab */
	char apart[CACHE_LINE - sizeof(os_lock) - 2 * sizeof(void *)];
};

struct pool {
	struct budget *budget; /* (c) */
	struct pages *pages;   /* (c) */
	_Atomic int tickets;   /* not yet given to a lane */
	struct lane lanes[LANES][CLASSES];
};

static inline unsigned class_of(size_t size)
{
	if (size <= 256)
		return (unsigned)((size + 15) / 16) - (size != 0);
	if (size <= 512)
		return 16 + (unsigned)((size - 256 - 1) / 64);
	if (size <= 1024)
		return 20 + (unsigned)((size - 512 - 1) / 128);
	return 24 + (unsigned)((size - 1024 - 1) / 512);
}

#endif
