/*
 * check_pages: whether exactly those pages are taken that belong to something, and the books of the regions.
 */
#include "check_walk.h"
#include "pages_region.h"

static unsigned count_bits(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

static bool is_set(const uint64_t *words, size_t at)
{
	return words[at / WORD_PAGES] >> at % WORD_PAGES & 1;
}

/* The region that an address belongs to; NULL: none. */
static const struct region *region_at(const struct pages *pages, const void *at)
{
	uintptr_t key = (uintptr_t)at / PAGES_REGION;

	for (size_t i = 0; i < pages->table_room; i++)
		if (pages->table[i].key == key)
			return pages->table[i].region;
	return NULL;
}

static bool check_range(struct check *check, const struct pages *pages, const struct check_piece *range)
{
	const struct region *region = region_at(pages, range->at);
	size_t from, count = range->size / OS_PAGE_SIZE;

	if (!region)
		return check_fault(check, "memory lies in no region");
	from = (size_t)((const char *)range->at - region->base) / OS_PAGE_SIZE;
	if (((const char *)range->at - region->base) % OS_PAGE_SIZE != 0)
		return check_fault(check, "pages begin inside a page");
	if (from + count > region->count || (region->kind == SMALL && from < NOTE_PAGES))
		return check_fault(check, "pages lie outside of their region");
	for (size_t i = from; i < from + count; i++)
		if (!is_set(region->used, i))
			return check_fault(check, "a page is in use and free");
	return true;
}

static bool check_ranges(struct check *check, const struct pages *pages, const struct check_piece *ranges,
			 size_t count)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < count; i++) {
		/* What the runs of one stream share out among themselves may lie in two regions, side by
		 * side. */
		if (i > 0 && (const char *)ranges[i - 1].at + ranges[i - 1].size > (const char *)ranges[i].at)
			return check_fault(check, "a page belongs to two");
		if (!check_range(check, pages, &ranges[i]))
			return false;
		taken += ranges[i].size / OS_PAGE_SIZE;
	}
	return taken == pages->taken ||
	       check_fault(check, "%llu pages are taken, of which %llu belong to something",
			   (unsigned long long)pages->taken, (unsigned long long)taken);
}

/* The longest free run of a region. */
static size_t longest_run(const struct region *region)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < region->count; i++) {
		uint64_t word = region->used[i / WORD_PAGES];

		if (i % WORD_PAGES == 0 && (word == 0 || word == UINT64_MAX)) {
			run = word ? 0 : run + WORD_PAGES;
			i += WORD_PAGES - 1;
		} else {
			run = is_set(region->used, i) ? 0 : run + 1;
		}
		if (run > longest)
			longest = run;
	}
	return longest;
}

static bool has_block_below(const struct region *region, size_t words)
{
	for (size_t i = 0; i < words; i++)
		for (unsigned at = 0; at < WORD_PAGES; at += PAGES_BLOCK)
			if ((region->used[i] >> at & 0xFF) == 0)
				return true;
	return false;
}

/* What a shelf believes of a region's free runs, so that nothing is looked for in vain or not at all. */
static bool check_slot(struct check *check, const struct shelf *shelf, size_t index)
{
	const struct slot *slot = &shelf->slots[index];
	const struct region *region = slot->region;
	size_t longest = longest_run(region);

	if (region->index != index || (index > 0 && shelf->slots[index - 1].region->base >= region->base))
		return check_fault(check, "a region is in the wrong place on its shelf");
	if (slot->longest < longest)
		return check_fault(check, "a region has a free run of %u pages and tells of %u",
				   (unsigned)longest, slot->longest);
	for (unsigned class = 0; class < CLASSES; class ++)
		if (index < shelf->first[class] && longest >> class)
			return check_fault(check, "a region with room is never looked at");
	for (size_t i = 0; i < region->low; i++)
		if (region->used[i] != UINT64_MAX)
			return check_fault(check, "a free page is never looked at");
	if (region->kind == SMALL &&
	    has_block_below(region, index < shelf->first[BLOCK_CLASS] ? region->words : slot->block))
		return check_fault(check, "a free block is never looked at");
	return region->taken > 0 || shelf->idle == region ||
	       check_fault(check, "a region is kept that nobody uses");
}

static bool check_region(struct check *check, const struct pages *pages, const struct region *region,
			 uint64_t sums[3])
{
	size_t notes = region->kind == SMALL ? NOTE_PAGES : 0, used = 0, spare = 0;

	for (size_t i = 0; i < region->words; i++) {
		if (region->used[i] & ~region->warm[i])
			return check_fault(check, "a page is taken that was given back to the system");
		used += count_bits(region->used[i]);
		spare += count_bits(region->warm[i] & ~region->used[i]);
	}
	if (used != region->taken + notes || spare != region->spare)
		return check_fault(check, "a region counts %u pages taken and %u spare, and has %u and %u",
				   (unsigned)region->taken, (unsigned)region->spare, (unsigned)(used - notes),
				   (unsigned)spare);
	sums[0] += region->taken;
	sums[1] += region->spare;
	sums[2] += notes;
	return region->kind == GIANT || check_slot(check, &pages->shelves[region->kind], region->index);
}

bool check_pages(struct check *check, const struct pages *pages, const struct check_piece *ranges,
		 size_t count)
{
	uint64_t sums[3] = {0};
	size_t entries = 0;

	for (size_t i = 0; i < pages->table_room; i++) {
		const struct table_entry *entry = &pages->table[i];

		entries += entry->key != 0;
		/* A giant stands there once for each slice. */
		if (entry->key != 0 && entry->key == (uintptr_t)entry->region->base / PAGES_REGION &&
		    !check_region(check, pages, entry->region, sums))
			return false;
	}
	if (entries != pages->table_count)
		return check_fault(check, "the table of regions counts wrong");
	if (sums[0] != pages->taken || sums[1] != pages->spare || sums[2] != pages->notes)
		return check_fault(check, "pages taken, spare and with notes are counted wrong");
	return check_ranges(check, pages, ranges, count);
}
