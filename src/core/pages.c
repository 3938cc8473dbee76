/*
 * pages.c: runs of whole pages, from regions of 32 MiB that the system reserved for us.
 *
 * Small runs, long runs and runs for huge pages live in regions of their own kind, so
 * that they do not fragment each other. In every kind low addresses go first, so that
 * memory stays dense and whole regions fall empty. It must never know what the pages
 * are for, nor charge them to anyone.
 */
#include "pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../os/os.h"
#include "order.h"
#include "pages_region.h"
#include "poison.h"

/* ---- bitmaps ---------------------------------------------------------------- */

static inline unsigned lowest_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

static inline unsigned highest_bit(uint64_t word)
{
	return 63 - (unsigned)__builtin_clzll(word);
}

static inline unsigned count_bits(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

/* The bits of page `at` up to `end` within the word of `at`. */
static inline uint64_t mask_of(size_t at, size_t end)
{
	size_t count = WORD_PAGES - at % WORD_PAGES;
	if (count > end - at)
		count = end - at;
	return (UINT64_MAX >> (WORD_PAGES - count)) << at % WORD_PAGES;
}

static inline size_t next_word(size_t at)
{
	return (at | (WORD_PAGES - 1)) + 1;
}

/* The first page from `at` below `end` that is taken (or free); `end` when there is none. */
static size_t next_page(const struct region *region, size_t at, size_t end, bool taken)
{
	uint64_t flip = taken ? 0 : UINT64_MAX;
	for (; at < end; at = next_word(at)) {
		uint64_t hits = (region->used[at / WORD_PAGES] ^ flip) & mask_of(at, end);
		if (hits != 0)
			return at / WORD_PAGES * WORD_PAGES + lowest_bit(hits);
	}
	return end;
}

/* The first page after the last taken one below `end`; 0 when all are free. */
static size_t run_start(const struct region *region, size_t end)
{
	while (end > 0) {
		size_t word = (end - 1) / WORD_PAGES;
		uint64_t hits = region->used[word] & mask_of(word * WORD_PAGES, end);
		if (hits != 0)
			return word * WORD_PAGES + highest_bit(hits) + 1;
		end = word * WORD_PAGES;
	}
	return 0;
}

/* One more than the last page below `end` that is free and warm; 0 when there is none. */
static size_t spare_end(const struct region *region, size_t end)
{
	while (end > 0) {
		size_t word = (end - 1) / WORD_PAGES;
		uint64_t hits = region->warm[word] & ~region->used[word] & mask_of(word * WORD_PAGES, end);
		if (hits != 0)
			return word * WORD_PAGES + highest_bit(hits) + 1;
		end = word * WORD_PAGES;
	}
	return 0;
}

static inline unsigned class_of(size_t count)
{
	return highest_bit(count);
}

/* ---- which region an address belongs to --------------------------------------- */

static size_t table_place(const struct pages *pages, uintptr_t key)
{
	return (size_t)(((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (pages->table_room - 1);
}

static struct region *region_of(const struct pages *pages, const void *at)
{
	uintptr_t key = (uintptr_t)at / PAGES_REGION;
	for (size_t i = table_place(pages, key);; i = (i + 1) & (pages->table_room - 1)) {
		if (pages->table[i].key == key)
			return pages->table[i].region;
		assert(pages->table[i].key != 0);
	}
}

static void table_put(struct pages *pages, struct table_entry entry)
{
	size_t i = table_place(pages, entry.key);
	while (pages->table[i].key != 0)
		i = (i + 1) & (pages->table_room - 1);
	pages->table[i] = entry;
	pages->table_count++;
}

/* Makes room for `count` more entries, at most half full. */
static bool table_grow(struct pages *pages, size_t count)
{
	size_t room = pages->table_room != 0 ? pages->table_room : 64;
	while (room / 2 < pages->table_count + count)
		room *= 2;
	if (room == pages->table_room)
		return true;
	struct table_entry *old = pages->table;
	size_t old_room = pages->table_room;
	struct table_entry *table = calloc(room, sizeof *table);
	if (table == NULL)
		return false;
	pages->table = table;
	pages->table_room = room;
	pages->table_count = 0;
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].key != 0)
			table_put(pages, old[i]);
	}
	free(old);
	return true;
}

static void table_remove(struct pages *pages, uintptr_t key)
{
	size_t mask = pages->table_room - 1;
	size_t hole = table_place(pages, key);
	while (pages->table[hole].key != key)
		hole = (hole + 1) & mask;
	/* Pull back those that could not stand nearer to their place because of this one. */
	for (size_t i = (hole + 1) & mask; pages->table[i].key != 0; i = (i + 1) & mask) {
		size_t place = table_place(pages, pages->table[i].key);
		if (((i - place) & mask) >= ((i - hole) & mask)) {
			pages->table[hole] = pages->table[i];
			hole = i;
		}
	}
	pages->table[hole] = (struct table_entry){0};
	pages->table_count--;
}

static size_t slices_of(const struct region *region)
{
	return (region->count + REGION_PAGES - 1) / REGION_PAGES;
}

/* ---- shelves ------------------------------------------------------------------ */

static struct slot *slot_of(struct pages *pages, const struct region *region)
{
	return &pages->shelves[region->kind].slots[region->index];
}

static bool shelf_grow(struct shelf *shelf)
{
	if (shelf->count < shelf->room)
		return true;
	size_t room = shelf->room != 0 ? shelf->room * 2 : 16;
	struct slot *slots = realloc(shelf->slots, room * sizeof *slots);
	if (slots == NULL)
		return false;
	shelf->slots = slots;
	shelf->room = room;
	return true;
}

static void shelf_insert(struct shelf *shelf, struct region *region, size_t longest)
{
	size_t i = shelf->count++;
	for (; i > 0 && shelf->slots[i - 1].region->base > region->base; i--) {
		shelf->slots[i] = shelf->slots[i - 1];
		shelf->slots[i].region->index = i;
	}
	shelf->slots[i] = (struct slot){.region = region, .longest = (uint32_t)longest};
	region->index = i;
	for (unsigned class = 0; class <= BLOCK_CLASS; class ++) {
		if (shelf->first[class] > i)
			shelf->first[class] = i;
	}
}

static void shelf_remove(struct shelf *shelf, struct region *region)
{
	size_t at = region->index;
	shelf->count--;
	for (size_t i = at; i < shelf->count; i++) {
		shelf->slots[i] = shelf->slots[i + 1];
		shelf->slots[i].region->index = i;
	}
	for (unsigned class = 0; class <= BLOCK_CLASS; class ++) {
		if (shelf->first[class] > at)
			shelf->first[class]--;
	}
	if (shelf->cursor > at)
		shelf->cursor--;
	if (shelf->idle == region)
		shelf->idle = NULL;
}

/* ---- regions ------------------------------------------------------------------ */

/* Some of the range may be in use: what cannot be locked stays as it is, and is committed again later. */
static bool commit(const struct pages *pages, void *at, size_t size)
{
	return os_pages_commit(at, size) && (!pages->locked || os_pages_lock(at, size));
}

/* Sets up the notes of a small region: taken forever, but by nobody. */
static bool notes_open(struct pages *pages, struct region *region)
{
	if (!commit(pages, region->base, NOTE_PAGES * OS_PAGE_SIZE))
		return false;
	region->used[0] |= mask_of(0, NOTE_PAGES);
	region->warm[0] |= mask_of(0, NOTE_PAGES);
	pages->notes += NOTE_PAGES;
	return true;
}

/* Opens a region of `count` pages. NULL: no memory. */
static struct region *region_open(struct pages *pages, enum kind kind, size_t count)
{
	size_t words = (count + WORD_PAGES - 1) / WORD_PAGES;
	struct region *region = NULL;
	if (count > SIZE_MAX / 2 / OS_PAGE_SIZE || (kind < KINDS && !shelf_grow(&pages->shelves[kind])) ||
	    !table_grow(pages, (count + REGION_PAGES - 1) / REGION_PAGES))
		return NULL;
	char *base = os_pages_reserve(count * OS_PAGE_SIZE, PAGES_REGION);
	if (base == NULL)
		return NULL;
	region = calloc(1, sizeof *region + 2 * words * sizeof(uint64_t));
	if (region == NULL)
		goto out;
	region->base = base;
	region->count = count;
	region->words = words;
	region->kind = kind;
	region->warm = region->used + words;
	if (kind == SMALL && !notes_open(pages, region))
		goto out;
	/* Elsewhere a huge page would hold more than what was taken, and fill holes again. */
	os_pages_huge(base, count * OS_PAGE_SIZE, kind == HUGE);
	region->huge = kind == HUGE ? (1U << (REGION_PAGES / HUGE_PAGES)) - 1 : 0;
	if (kind < KINDS)
		shelf_insert(&pages->shelves[kind], region, kind == SMALL ? count - NOTE_PAGES : count);
	for (size_t i = 0; i < slices_of(region); i++)
		table_put(pages, (struct table_entry){(uintptr_t)base / PAGES_REGION + i, region});
	return region;
out:
	os_pages_release(base, count * OS_PAGE_SIZE);
	free(region);
	return NULL;
}

/* Takes a region that is all free out of the books; region_close does the rest, unlocked. */
static void region_unlink(struct pages *pages, struct region *region)
{
	pages->spare -= region->spare;
	if (region->kind == SMALL)
		pages->notes -= NOTE_PAGES;
	if (region->kind < KINDS)
		shelf_remove(&pages->shelves[region->kind], region);
	for (size_t i = 0; i < slices_of(region); i++)
		table_remove(pages, (uintptr_t)region->base / PAGES_REGION + i);
}

static void region_close(struct region *region)
{
	/* The system may give the same addresses to another. */
	unpoison(region->base, region->count * OS_PAGE_SIZE);
	os_pages_release(region->base, region->count * OS_PAGE_SIZE);
	free(region);
}

/* Advises one huge page of a region, if that is news. */
static void region_advise(struct region *region, size_t block, bool wanted)
{
	uint32_t bit = (uint32_t)1 << block;
	if (((region->huge & bit) != 0) == wanted)
		return;
	os_pages_huge(region->base + block * HUGE_PAGES * OS_PAGE_SIZE, HUGE_PAGES * OS_PAGE_SIZE, wanted);
	region->huge ^= bit;
}

/* Commits a range that is about to be taken, and for small runs the words around it. */
static bool region_commit(struct pages *pages, struct region *region, size_t at, size_t end)
{
	bool all = true;
	for (size_t i = at; i < end && all; i = next_word(i))
		all = (~region->warm[i / WORD_PAGES] & mask_of(i, end)) == 0;
	if (all)
		return true;
	size_t from = at, to = end;
	if (region->kind == SMALL) {
		from -= from % WORD_PAGES;
		to = next_word(to - 1);
	}
	if (!commit(pages, region->base + from * OS_PAGE_SIZE, (to - from) * OS_PAGE_SIZE)) {
		from = at;
		to = end;
		if (region->kind != SMALL ||
		    !commit(pages, region->base + from * OS_PAGE_SIZE, (to - from) * OS_PAGE_SIZE))
			return false;
	}
	for (size_t i = from; i < to; i = next_word(i)) {
		uint64_t fresh = mask_of(i, to) & ~region->warm[i / WORD_PAGES];
		region->warm[i / WORD_PAGES] |= fresh;
		region->spare += count_bits(fresh);
		pages->spare += count_bits(fresh);
	}
	return true;
}

/* Takes a range that is free. */
static void *region_take(struct pages *pages, struct region *region, size_t at, size_t count)
{
	size_t end = at + count;
	if (!region_commit(pages, region, at, end))
		return NULL;
	for (size_t i = at; i < end; i = next_word(i))
		region->used[i / WORD_PAGES] |= mask_of(i, end);
	region->taken += count;
	region->spare -= count;
	pages->taken += count;
	pages->spare -= count;
	if (region->kind < KINDS && pages->shelves[region->kind].idle == region)
		pages->shelves[region->kind].idle = NULL;
	if (region->kind == HUGE) {
		/* A huge page at the edge would hold more than what was taken. */
		for (size_t i = at / HUGE_PAGES; i <= (end - 1) / HUGE_PAGES; i++)
			region_advise(region, i, i * HUGE_PAGES >= at && (i + 1) * HUGE_PAGES <= end);
	}
	unpoison(region->base + at * OS_PAGE_SIZE, count * OS_PAGE_SIZE);
	return region->base + at * OS_PAGE_SIZE;
}

/* Finds a free run of `want` pages or else the longest of at least `need`; its length, or 0. */
static size_t region_find(struct slot *slot, size_t need, size_t want, size_t align, size_t *found)
{
	struct region *region = slot->region;
	size_t longest = 0, best = 0;
	for (size_t at = region->low * WORD_PAGES; at < region->count;) {
		size_t start = next_page(region, at, region->count, false);
		if (longest == 0)
			region->low = start / WORD_PAGES;
		if (start == region->count)
			break;
		size_t aligned = (start + align - 1) & ~(align - 1);
		size_t limit = region->count - aligned < want ? region->count : aligned + want;
		if (aligned >= region->count)
			limit = region->count;
		size_t end = next_page(region, start, limit, true);
		size_t length = end > aligned ? end - aligned : 0;
		if (length > best) {
			best = length;
			*found = aligned;
			if (length >= want)
				return want;
		}
		if (end - start > longest)
			longest = end - start;
		at = end;
	}
	/* All runs were seen, none cut off. */
	slot->longest = (uint32_t)longest;
	return best >= need ? best : 0;
}

/* Finds an aligned block of PAGES_BLOCK free pages. */
static size_t region_find_block(struct slot *slot, size_t *found)
{
	const struct region *region = slot->region;
	for (; slot->block < region->words; slot->block++) {
		uint64_t free = ~region->used[slot->block];
		free &= free >> 1;
		free &= free >> 2;
		free &= free >> 4;
		free &= UINT64_C(0x0101010101010101);
		if (free != 0) {
			*found = slot->block * (size_t)WORD_PAGES + lowest_bit(free);
			return PAGES_BLOCK;
		}
	}
	return 0;
}

/* Of the regions that are all free one of a kind stays; the one to close, or NULL. */
static struct region *region_retire(struct pages *pages, struct region *region)
{
	if (region->taken > 0)
		return NULL;
	if (region->kind < KINDS) {
		struct shelf *shelf = &pages->shelves[region->kind];
		struct region *idle = shelf->idle;
		if (idle == NULL || idle->base > region->base) {
			shelf->idle = region;
			region = idle;
		}
	}
	if (region != NULL)
		region_unlink(pages, region);
	return region;
}

/* ---- taking ---------------------------------------------------------------------- */

/* Finds a run on a shelf as region_find does; its length, or 0. */
static size_t shelf_find(struct shelf *shelf, size_t need, size_t want, size_t align, struct region **region,
			 size_t *found)
{
	unsigned class = class_of(need);
	bool leading = true;
	unsigned misfits = 0;
	for (size_t i = shelf->first[class]; i < shelf->count && misfits < MISFITS; i++) {
		struct slot *slot = &shelf->slots[i];
		if (slot->longest >= need) {
			size_t length = region_find(slot, need, want, align, found);
			*region = slot->region;
			if (length > 0)
				return length;
			misfits += slot->longest >= need;
		}
		leading = leading && slot->longest >> class == 0;
		if (leading)
			shelf->first[class] = i + 1;
	}
	return 0;
}

static size_t shelf_find_block(struct shelf *shelf, struct region **region, size_t *found)
{
	for (; shelf->first[BLOCK_CLASS] < shelf->count; shelf->first[BLOCK_CLASS]++) {
		struct slot *slot = &shelf->slots[shelf->first[BLOCK_CLASS]];
		*region = slot->region;
		if (region_find_block(slot, found) > 0)
			return PAGES_BLOCK;
	}
	return 0;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* The same, and if need be from a new region, or else as little as `least`. */
static size_t kind_find(struct pages *pages, enum kind kind, size_t least, size_t want, size_t align,
			struct region **region, size_t *found)
{
	struct shelf *shelf = &pages->shelves[kind];
	bool block = want == PAGES_BLOCK && least == want && align == want;
	size_t length = block ? shelf_find_block(shelf, region, found)
			      : shelf_find(shelf, want, want, align, region, found);
	/* Half of what is wanted is better than another region, but crumbs are not. */
	size_t half = larger(least, want - want / 2);
	if (kind == HUGE)
		half = (half + HUGE_PAGES - 1) & ~(size_t)(HUGE_PAGES - 1);
	if (length == 0 && half < want)
		length = shelf_find(shelf, half, want, align, region, found);
	if (length > 0)
		return kind == HUGE && length < want ? length & ~(size_t)(HUGE_PAGES - 1) : length;
	*region = region_open(pages, kind, REGION_PAGES);
	if (*region != NULL)
		return region_find(slot_of(pages, *region), least, want, align, found);
	/* No address space or memory: whatever there is. Blocks need a small region for their notes. */
	length = least < half ? shelf_find(shelf, least, want, align, region, found) : 0;
	for (unsigned other = kind == SMALL ? KINDS : SMALL; length == 0 && other < KINDS; other++)
		length = shelf_find(&pages->shelves[other], least, want, align, region, found);
	return length;
}

static void *take_giant(struct pages *pages, size_t want)
{
	/* What the machine could never hold is not worth any books. */
	if (want > os_memory_total() / OS_PAGE_SIZE)
		return NULL;
	struct region *region = region_open(pages, GIANT, want);
	if (region == NULL)
		return NULL;
	void *at = region_take(pages, region, 0, want);
	if (at == NULL) {
		region_unlink(pages, region);
		region_close(region);
	}
	return at;
}

void *pages_take(struct pages *pages, size_t want, size_t least, size_t align, size_t *got)
{
	assert(least >= 1 && least <= want && align >= 1 && (align & (align - 1)) == 0);
	if (align > REGION_PAGES)
		return NULL;
	void *at = NULL;
	struct region *closed = NULL;
	os_lock_exclusive(&pages->lock);
	/* A small region has its notes at the start, and so no room for the widest alignments. */
	bool apart = align > REGION_PAGES / 2;
	if (least > REGION_PAGES) {
		at = take_giant(pages, want);
		*got = want;
	} else {
		want = want < REGION_PAGES ? want : REGION_PAGES;
		enum kind kind = want < LONG_RUN && !apart		     ? SMALL
				 : want >= HUGE_PAGES && align >= HUGE_PAGES ? HUGE
									     : LONG;
		struct region *region = NULL;
		size_t found;
		size_t length = kind_find(pages, kind, least, want, align, &region, &found);
		if (length > 0) {
			at = region_take(pages, region, found, length);
			*got = length;
			if (at == NULL)
				closed = region_retire(pages, region);
		}
	}
	os_unlock_exclusive(&pages->lock);
	if (closed != NULL)
		region_close(closed);
	return at;
}

/* ---- giving back ------------------------------------------------------------------- */

/* How many free pages may stay warm when `taken` pages are taken. */
static uint64_t warm_limit(uint64_t taken)
{
	return WARM_PAGES + taken / WARM_SHARE;
}

/* Gives `count` warm free pages of a region back to the system, from its end, or a few more so
 * that no word and no huge page is split. */
static void region_trim(struct pages *pages, struct region *region, size_t count)
{
	size_t done = 0;
	size_t end = region->count;
	while (done < count && region->spare > 0) {
		end = spare_end(region, end);
		/* The whole free run, cold pages in it included: one call instead of many. */
		size_t start = run_start(region, end), from = end, gone = 0;
		while (from > start &&
		       (done + gone < count || (region->kind == HUGE && from % HUGE_PAGES != 0))) {
			size_t word = (from - 1) / WORD_PAGES;
			size_t begin = larger(word * WORD_PAGES, start);
			uint64_t mask = mask_of(begin, from) & region->warm[word];
			region->warm[word] &= ~mask;
			gone += count_bits(mask);
			from = begin;
		}
		os_pages_decommit(region->base + from * OS_PAGE_SIZE, (end - from) * OS_PAGE_SIZE);
		region->spare -= gone;
		pages->spare -= gone;
		done += gone;
		end = from;
	}
}

/* Trims warm free pages to the limit: the long runs' regions first, round and round. */
static void trim(struct pages *pages)
{
	uint64_t limit = warm_limit(pages->taken);
	if (pages->spare <= limit)
		return;
	uint64_t goal = limit - TRIM_SLACK;
	for (unsigned kind = KINDS; kind-- > 0;) {
		struct shelf *shelf = &pages->shelves[kind];
		for (size_t rounds = shelf->count; rounds > 0; rounds--) {
			if (pages->spare <= goal)
				return;
			if (shelf->cursor == 0)
				shelf->cursor = shelf->count;
			struct region *region = shelf->slots[shelf->cursor - 1].region;
			if (region->spare > 0)
				region_trim(pages, region, (size_t)(pages->spare - goal));
			if (region->spare == 0)
				shelf->cursor--;
		}
	}
}

/* Notes in the slot that there is a free range. */
static void slot_raise(struct pages *pages, struct region *region, size_t at, size_t end)
{
	struct shelf *shelf = &pages->shelves[region->kind];
	struct slot *slot = slot_of(pages, region);
	size_t word = at / WORD_PAGES;
	if (region->low > word)
		region->low = word;
	if (slot->block > word)
		slot->block = (uint32_t)word;
	if (shelf->first[BLOCK_CLASS] > region->index)
		shelf->first[BLOCK_CLASS] = region->index;

	/* Look for the ends of the free run a word or two away; farther, be generous. */
	size_t near = word > 0 ? (word - 1) * WORD_PAGES : 0;
	size_t far = next_word(end - 1) + WORD_PAGES;
	far = far < region->count ? far : region->count;
	size_t stop = next_page(region, end, far, true);
	size_t start = at;
	for (size_t i = at; i > near;) {
		size_t begin = (i - 1) / WORD_PAGES * WORD_PAGES;
		uint64_t hits = region->used[begin / WORD_PAGES] & mask_of(begin, i);
		if (hits != 0) {
			start = begin + highest_bit(hits) + 1;
			break;
		}
		start = i = begin;
	}
	size_t length = stop - start;
	if ((start == near && near > 0) || (stop == far && far < region->count))
		length = region->count - region->taken;
	if (slot->longest >= length)
		return;
	slot->longest = (uint32_t)length;
	for (unsigned class = 0; class <= class_of(length); class ++) {
		if (shelf->first[class] > region->index)
			shelf->first[class] = region->index;
	}
}

/* Where, in a range that is given back, the pages begin that do not stay warm. */
static size_t warm_end(const struct pages *pages, const struct region *region, size_t at, size_t end)
{
	if (region->kind == GIANT)
		return at;
	if (end - at < LONG_RUN)
		return end; /* trim will see to it */
	uint64_t limit = warm_limit(pages->taken - (end - at));
	uint64_t room = limit > pages->spare ? limit - pages->spare : 0;
	if (room >= end - at)
		return end;
	size_t cut = at + (size_t)room;
	if (region->kind == HUGE)
		cut = larger(at, cut - cut % HUGE_PAGES);
	return cut;
}

/* Huge pages of which a part stays taken must not be filled up again. */
static void give_advice(struct region *region, size_t at, size_t end)
{
	for (size_t i = at / HUGE_PAGES; i <= (end - 1) / HUGE_PAGES; i++) {
		size_t first = i * HUGE_PAGES, last = first + HUGE_PAGES;
		if ((first < at && next_page(region, first, at, true) < at) ||
		    (end < last && next_page(region, end, last, true) < last))
			region_advise(region, i, false);
	}
}

/* Marks a range free, of which the pages up to `cut` stay warm. */
static void region_give(struct pages *pages, struct region *region, size_t at, size_t cut, size_t end)
{
	for (size_t i = at; i < end; i = next_word(i)) {
		assert((~region->used[i / WORD_PAGES] & mask_of(i, end)) == 0);
		region->used[i / WORD_PAGES] &= ~mask_of(i, end);
	}
	for (size_t i = cut; i < end; i = next_word(i))
		region->warm[i / WORD_PAGES] &= ~mask_of(i, end);
	poison(region->base + at * OS_PAGE_SIZE, (end - at) * OS_PAGE_SIZE);
	region->taken -= end - at;
	region->spare += cut - at;
	pages->taken -= end - at;
	pages->spare += cut - at;
}

/* Gives back as much of the range as lies in one region; how many pages. */
static size_t give_part(struct pages *pages, char *from, size_t count)
{
	os_lock_exclusive(&pages->lock);
	struct region *region = region_of(pages, from);
	size_t at = (size_t)(from - region->base) / OS_PAGE_SIZE;
	if (count > region->count - at)
		count = region->count - at;
	size_t end = at + count;
	size_t cut = warm_end(pages, region, at, end);
	if (region->kind == HUGE)
		give_advice(region, at, end);
	if (cut < end) {
		/* Still marked as taken, so nobody touches them meanwhile. */
		os_unlock_exclusive(&pages->lock);
		os_pages_decommit(region->base + cut * OS_PAGE_SIZE, (end - cut) * OS_PAGE_SIZE);
		os_lock_exclusive(&pages->lock);
	}
	region_give(pages, region, at, cut, end);
	if (region->kind < KINDS)
		slot_raise(pages, region, at, end);
	struct region *closed = region_retire(pages, region);
	trim(pages);
	os_unlock_exclusive(&pages->lock);
	if (closed != NULL)
		region_close(closed);
	return count;
}

void pages_give(struct pages *pages, void *at, size_t count)
{
	for (char *from = at; count > 0;) {
		size_t done = give_part(pages, from, count);
		from += done * OS_PAGE_SIZE;
		count -= done;
	}
}

/* ---- the whole --------------------------------------------------------------------- */

struct pages *pages_create(void)
{
	struct pages *pages = calloc(1, sizeof(struct pages));
	if (pages != NULL)
		os_lock_is(&pages->lock, &order_pages);
	return pages;
}

void pages_lock(struct pages *pages)
{
	pages->locked = true;
}

void pages_destroy(struct pages *pages)
{
	if (pages == NULL)
		return;
	for (size_t i = 0; i < pages->table_room; i++) {
		/* A giant stands in the table once for each slice: close it at its first. */
		struct table_entry *entry = &pages->table[i];
		if (entry->key != 0 && entry->key != (uintptr_t)entry->region->base / PAGES_REGION)
			entry->key = 0;
	}
	for (size_t i = 0; i < pages->table_room; i++) {
		if (pages->table[i].key != 0)
			region_close(pages->table[i].region);
	}
	for (unsigned kind = 0; kind < KINDS; kind++)
		free(pages->shelves[kind].slots);
	free(pages->table);
	free(pages);
}

uint64_t pages_held(struct pages *pages)
{
	os_lock_shared(&pages->lock);
	uint64_t held = (pages->taken + pages->spare + pages->notes) * OS_PAGE_SIZE;
	os_unlock_shared(&pages->lock);
	return held;
}
