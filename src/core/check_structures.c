/*
 * check_structures: the checker's view of trees, hash indexes and runs.
 */
#include <string.h>

#include "check_walk.h"
#include "sectors.h"
#include "tree_page.h"

/* ---- trees --------------------------------------------------------------------------- */

struct tree_walk {
	struct check *check;
	const struct tree *tree;
	const struct tree_kind *kind;
	check_item_fn *each;
	void *context;
	const void *last; /* the item before */
	uint64_t items;
	uint32_t pages;
};

static bool is_lone_leaf_size(unsigned bytes)
{
	return bytes >= PAGE_BYTES_LEAST && bytes <= PAGE_BYTES && (bytes & (bytes - 1)) == 0;
}

static bool walk_leaf(struct tree_walk *walk, const struct tree_page *page)
{
	for (unsigned slot = 0; slot < page->count; slot++) {
		const void *item = leaf_at(page, walk->kind, slot);

		if (walk->last && *(const uint64_t *)walk->last > *(const uint64_t *)item)
			return check_fault(walk->check, "a tree's keys go back");
		if (walk->last && !walk->kind->tie &&
		    *(const uint64_t *)walk->last == *(const uint64_t *)item)
			return check_fault(walk->check, "a tree has a key twice");
		if (!walk->each(walk->check, walk->context, walk->last, item))
			return false;
		walk->last = item;
		walk->items++;
	}
	return true;
}

/* The first item below a page. */
static const void *first_below(const struct tree_page *page, const struct tree_kind *kind, uint32_t levels)
{
	for (; levels > 1; levels--)
		page = inner_at(page, 0)->child;
	return leaf_at(page, kind, 0);
}

/* Whether the separator of a child leads to it, and no probe astray. */
static bool check_separator(struct tree_walk *walk, const struct inner *inner, uint32_t levels)
{
	const void *first = first_below(inner->child, walk->kind, levels);

	if (walk->kind->tie)
		return memcmp(inner, first, 16) == 0 ||
		       check_fault(walk->check, "a tree's separator is not the first item below");
	if (inner->key > *(const uint64_t *)first)
		return check_fault(walk->check, "a tree's separator is behind the first item below");
	return !walk->last || inner->key > *(const uint64_t *)walk->last ||
	       check_fault(walk->check, "a tree's separator is not behind what is left of it");
}

/* `levels` counts the page's own. Every leaf is equally deep by that count alone. */
static bool walk_page(struct tree_walk *walk, const struct tree_page *page, uint32_t levels)
{
	bool lone = walk->tree->height == 1;
	unsigned room = levels > 1 ? INNER_ROOM : leaf_room(walk->kind, page->bytes);

	walk->pages++;
	check_raw(walk->check, page, page->bytes);
	if (lone ? !is_lone_leaf_size(page->bytes) : page->bytes != PAGE_BYTES)
		return check_fault(walk->check, "a tree's page has %u bytes", page->bytes);
	if (page->count == 0 || page->count > room)
		return check_fault(walk->check, "a tree's page holds %u of %u", page->count, room);
	if (levels == 1)
		return walk_leaf(walk, page);
	for (unsigned slot = 0; slot < page->count; slot++) {
		const struct inner *inner = inner_at(page, slot);

		if (!inner->child)
			return check_fault(walk->check, "a tree's page has no child");
		if (!check_separator(walk, inner, levels - 1) || !walk_page(walk, inner->child, levels - 1))
			return false;
	}
	return true;
}

bool check_tree(struct check *check, const struct tree *tree, const struct tree_kind *kind,
		check_item_fn *each, void *context, uint64_t *count)
{
	struct tree_walk walk = {
		.check = check, .tree = tree, .kind = kind, .each = each, .context = context};

	*count = 0;
	if (tree->height == 0 || !tree->root)
		return (tree->height == 0 && !tree->root && tree->pages == 0) ||
		       check_fault(check, "an empty tree has pages");
	if (tree->height > TREE_HEIGHT_MAX)
		return check_fault(check, "a tree is %u high", (unsigned)tree->height);
	if (tree->height > 1 && tree->root->count < 2)
		return check_fault(check, "a tree's root has one child");
	if (!walk_page(&walk, tree->root, tree->height))
		return false;
	if (walk.pages != tree->pages)
		return check_fault(check, "a tree counts %u pages and has %u", (unsigned)tree->pages,
				   (unsigned)walk.pages);
	*count = walk.items;
	return true;
}

/* ---- indexes -------------------------------------------------------------------------- */

static struct index_link *const *bucket_at(const struct index *index, uint32_t number)
{
	if (number < INDEX_SEGMENT)
		return &index->first[number];
	return &index->more[number / INDEX_SEGMENT - 1][number % INDEX_SEGMENT];
}

static void note_buckets(struct check *check, const struct index *index)
{
	uint32_t first = index->buckets < INDEX_SEGMENT ? index->buckets : INDEX_SEGMENT;

	if (index->buckets > 0)
		check_raw(check, index->first, first * sizeof(*index->first));
	if (index->buckets <= INDEX_SEGMENT)
		return;
	check_raw(check, index->more, index->more_room * sizeof(*index->more));
	for (uint32_t at = INDEX_SEGMENT; at < index->buckets; at += INDEX_SEGMENT)
		check_raw(check, index->more[at / INDEX_SEGMENT - 1],
			  INDEX_SEGMENT * sizeof(struct index_link *));
}

bool check_index(struct check *check, const struct index *index, check_link_fn *each, void *context)
{
	uint32_t count = 0;

	if (index->count == 0)
		return (index->buckets == 0 && !index->first && !index->more && index->more_room == 0) ||
		       check_fault(check, "an empty index has memory");
	if (index->buckets == 0 || !index->first)
		return check_fault(check, "an index of %u has no buckets", (unsigned)index->count);
	note_buckets(check, index);
	for (uint32_t i = 0; i < index->buckets; i++) {
		struct index_link *const *bucket = bucket_at(index, i);

		for (struct index_link *link = *bucket; link; link = link->next) {
			if (++count > index->count)
				return check_fault(check, "an index has more than its %u links",
						   (unsigned)index->count);
			if (index_chain(index, link->hash) != *bucket)
				return check_fault(check, "a link stands in a bucket of another hash");
			if (!each(check, context, link))
				return false;
		}
	}
	return count == index->count || check_fault(check, "an index counts %u links and has %u",
						    (unsigned)index->count, (unsigned)count);
}

/* ---- runs ------------------------------------------------------------------------------ */

#define PER_PAGE 8u

static const struct tree_kind runs_kind = {.item_size = sizeof(struct run), .tie = NULL};

struct run_walk {
	const struct sectors *map;
	uint64_t size, stored, promised;
};

/* Whether bytes that lie behind the stream's end are zero. */
static bool is_zero_behind(const struct run *run, uint64_t size)
{
	uint64_t start = run->start * MFS_SECTOR, end = start + (uint64_t)run->count * MFS_SECTOR;

	for (uint64_t at = size > start ? size : start; at < end; at++)
		if (run->memory[at - start])
			return false;
	return true;
}

static bool check_memory(struct check *check, const struct run_walk *walk, const struct run *run)
{
	check_raw(check, run->memory, (size_t)run->room * MFS_SECTOR);
	if (run->room < run->count)
		return check_fault(check, "a run of %u sectors has memory for %u", run->count, run->room);
	if (run->room >= PER_PAGE && (run->start % PER_PAGE != 0 || run->room % PER_PAGE != 0))
		return check_fault(check, "a run of pages does not begin or end at one");
	if (run->room < PER_PAGE && run->start % PER_PAGE + run->room > PER_PAGE)
		return check_fault(check, "a short run crosses a page");
	if (run->room >= PER_PAGE && run->room / PER_PAGE > (run->count + PER_PAGE - 1) / PER_PAGE &&
	    !walk->map->roomy)
		return check_fault(check, "a run has room that no trim would give back");
	return is_zero_behind(run, walk->size) ||
	       check_fault(check, "there are bytes behind the end of a stream");
}

static bool check_run(struct check *check, void *context, const void *before, const void *item)
{
	const struct run *run = item, *last = before;
	struct run_walk *walk = context;

	if (run->count == 0)
		return check_fault(check, "a run of no sectors");
	if (run->start > (uint64_t)MFS_SIZE_MAX / MFS_SECTOR + 1 ||
	    run->start + run->count > (uint64_t)MFS_SIZE_MAX / MFS_SECTOR + 1)
		return check_fault(check, "a run lies behind the largest offset");
	if (last && last->start + last->count > run->start)
		return check_fault(check, "two runs overlap");
	walk->stored += run->count;
	if (run->memory)
		return check_memory(check, walk, run);
	walk->promised += run->count;
	return run->room == 0 || check_fault(check, "a promise has room");
}

bool check_sectors(struct check *check, const struct sectors *map, uint64_t size)
{
	struct run_walk walk = {.map = map, .size = size};
	uint64_t runs = map->runs;

	if (map->runs == 1 && !check_run(check, &walk, NULL, &map->one))
		return false;
	if (map->runs > 1 && !check_tree(check, &map->many, &runs_kind, check_run, &walk, &runs))
		return false;
	if (runs != map->runs)
		return check_fault(check, "a stream counts %u runs and has %u", map->runs, (unsigned)runs);
	if (walk.stored != map->stored)
		return check_fault(check, "a stream counts %llu sectors and has %llu",
				   (unsigned long long)map->stored, (unsigned long long)walk.stored);
	check->promised += walk.promised * MFS_SECTOR;
	check->charged += walk.stored * MFS_SECTOR;
	if (runs > 1)
		check->charged += (runs - 1) * SECTORS_RUN_COST;
	return true;
}
