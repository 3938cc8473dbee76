/*
 * pages_region: the books of pages.c, for it and for who checks them.
 */
#ifndef MEMEFS_PAGES_REGION_H
#define MEMEFS_PAGES_REGION_H

#include "../os/os.h"
#include "pages.h"

enum {
	REGION_PAGES = 8192,
	WORD_PAGES = 64,   /* pages in a word of a bitmap; also what small takes commit at once */
	LONG_RUN = 64,	   /* pages: from here on a run is a long one */
	HUGE_PAGES = 512,  /* pages in a huge page */
	NOTE_PAGES = 16,   /* pages at the start of a small region that hold its notes */
	WARM_PAGES = 1024, /* free pages that may stay with us, and a share of what is taken: */
	WARM_SHARE = 16,
	TRIM_SLACK = 256,      /* pages that a trim goes below the limit, so that not every give trims */
	CLASSES = 14,	       /* powers of two up to REGION_PAGES */
	BLOCK_CLASS = CLASSES, /* aligned blocks have a class of their own */
	MISFITS = 32,	       /* regions searched in vain, for alignment, before a new one is opened */
};

_Static_assert(REGION_PAGES *OS_PAGE_SIZE == PAGES_REGION, "regions are found by their addresses");
_Static_assert(REGION_PAGES / PAGES_BLOCK * PAGES_NOTE == NOTE_PAGES * OS_PAGE_SIZE, "a note for each block");

enum kind { SMALL, LONG, HUGE, KINDS, GIANT = KINDS /* one run of its own, longer than a region */ };

/* All fields: (p) the lock of struct pages; (c) constant. */
struct region {
	char *base;	 /* (c) */
	size_t count;	 /* (c) pages */
	size_t words;	 /* (c) words in each bitmap */
	enum kind kind;	 /* (c) */
	size_t index;	 /* (p) place on the shelf */
	size_t taken;	 /* (p) pages, without the notes */
	size_t spare;	 /* (p) pages that are free and warm */
	size_t low;	 /* (p) words below this have no free page */
	uint32_t huge;	 /* (p) kind HUGE: which huge pages are advised as such */
	uint64_t *warm;	 /* (p) bitmap: committed; taken pages always are */
	uint64_t used[]; /* (p) bitmap: taken */
};

struct slot {
	struct region *region;
	uint32_t longest; /* no free run is longer than this */
	uint32_t block;	  /* words below this have no free block */
};

/* The regions of one kind, by address. */
struct shelf {
	struct slot *slots;
	size_t count, room;
	size_t first[CLASSES + 1]; /* by class: regions below this have no run of 2^class pages */
	struct region *idle;	   /* the one region kept though all of it is free */
	size_t cursor;		   /* regions below this are next to be trimmed */
};

struct table_entry {
	uintptr_t key; /* address / PAGES_REGION; 0: free */
	struct region *region;
};

struct pages {
	os_lock lock;
	struct shelf shelves[KINDS]; /* (p) */
	struct table_entry *table;   /* (p) open addressing: which region an address belongs to */
	size_t table_room;	     /* (p) a power of two, or 0 */
	size_t table_count;	     /* (p) */
	uint64_t taken;		     /* (p) pages */
	uint64_t spare;		     /* (p) pages that are free and warm */
	uint64_t notes;		     /* (p) pages that hold notes */
	bool locked;		     /* constant once the first page is taken: kept out of swap */
};

#endif
