/*
 * tree: the B+tree. What its pages hold is told in tree_page.h.
 */
#include "tree.h"

#include <string.h>

#include "tree_page.h"

static int compare(const struct tree_kind *kind, const void *item, uint64_t key, const void *probe)
{
	uint64_t own = *(const uint64_t *)item;

	if (own != key)
		return own < key ? -1 : 1;
	return kind->tie ? kind->tie(item, probe) : 0;
}

/* The last child whose first item is not behind the probe (the first child at the least). */
static unsigned inner_slot(const struct tree_page *page, const struct tree_kind *kind, uint64_t key,
			   const void *probe)
{
	unsigned low = 1, high = page->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (compare(kind, inner_at(page, middle), key, probe) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* The first item that is not before the probe. */
static unsigned leaf_slot(const struct tree_page *page, const struct tree_kind *kind, uint64_t key,
			  const void *probe, bool *equal)
{
	unsigned low = 0, high = page->count;

	*equal = false;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = compare(kind, leaf_at(page, kind, middle), key, probe);

		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
			*equal = order == 0;
		}
	}
	return low;
}

/* Moves a place that stands behind its leaf's last item to the next leaf's first, if there is one. */
static void settle(const struct tree *tree, struct tree_place *place)
{
	unsigned leaf = tree->height - 1;
	unsigned level = leaf;

	if (place->slot[leaf] < place->page[leaf]->count)
		return;
	while (level > 0 && place->slot[level - 1] + 1u >= place->page[level - 1]->count)
		level--;
	if (level == 0)
		return;
	place->slot[level - 1]++;
	for (; level <= leaf; level++) {
		place->page[level] = inner_at(place->page[level - 1], place->slot[level - 1])->child;
		place->slot[level] = 0;
	}
}

static bool descend(const struct tree *tree, const struct tree_kind *kind, uint64_t key, const void *probe,
		    struct tree_place *place)
{
	struct tree_page *page = tree->root;
	unsigned level;
	bool equal;

	for (level = 0; level + 1 < tree->height; level++) {
		place->page[level] = page;
		place->slot[level] = (uint16_t)inner_slot(page, kind, key, probe);
		page = inner_at(page, place->slot[level])->child;
	}
	place->page[level] = page;
	place->slot[level] = (uint16_t)leaf_slot(page, kind, key, probe, &equal);
	return equal;
}

bool tree_seek(const struct tree *tree, const struct tree_kind *kind, uint64_t key, const void *probe,
	       struct tree_place *place)
{
	bool equal;

	if (tree->height == 0)
		return false;
	equal = descend(tree, kind, key, probe, place);
	if (!equal && place->slot[tree->height - 1] == place->page[tree->height - 1]->count) {
		/* The equal item cannot be in the next leaf: its separator would have led there. */
		settle(tree, place);
	}
	return equal;
}

bool tree_seek_last(const struct tree *tree, const struct tree_kind *kind, uint64_t key, const void *probe,
		    struct tree_place *place)
{
	struct tree_page *page = tree->root;
	unsigned level;

	if (tree->height == 0)
		return false;
	for (level = 0; level + 1 < tree->height; level++) {
		place->page[level] = page;
		place->slot[level] = (uint16_t)(page->count - 1);
		page = inner_at(page, place->slot[level])->child;
	}
	place->page[level] = page;
	place->slot[level] = page->count;
	if (compare(kind, leaf_at(page, kind, page->count - 1u), key, probe) < 0)
		return false;
	return tree_seek(tree, kind, key, probe, place);
}

void *tree_item(const struct tree *tree, const struct tree_kind *kind, const struct tree_place *place)
{
	unsigned leaf;

	if (tree->height == 0)
		return NULL;
	leaf = tree->height - 1;
	if (place->slot[leaf] >= place->page[leaf]->count)
		return NULL;
	return leaf_at(place->page[leaf], kind, place->slot[leaf]);
}

void *tree_previous(const struct tree *tree, const struct tree_kind *kind, struct tree_place *place)
{
	unsigned leaf = tree->height - 1, level = leaf;

	if (tree->height == 0)
		return NULL;
	while (place->slot[level] == 0) {
		if (level == 0)
			return NULL;
		level--;
	}
	place->slot[level]--;
	for (level++; level <= leaf; level++) {
		place->page[level] = inner_at(place->page[level - 1], place->slot[level - 1])->child;
		place->slot[level] = (uint16_t)(place->page[level]->count - 1);
	}
	return leaf_at(place->page[leaf], kind, place->slot[leaf]);
}

void *tree_next(const struct tree *tree, const struct tree_kind *kind, struct tree_place *place)
{
	struct tree_place saved;
	void *item;

	if (!tree_item(tree, kind, place))
		return NULL;
	if (place->slot[tree->height - 1] + 1u < place->page[tree->height - 1]->count) {
		place->slot[tree->height - 1]++;
		return tree_item(tree, kind, place);
	}
	saved = *place;
	place->slot[tree->height - 1]++;
	settle(tree, place);
	item = tree_item(tree, kind, place);
	if (!item)
		*place = saved;
	return item;
}

/* ---- inserting ------------------------------------------------------------- */

static struct tree_page *page_make(struct pool *pool, size_t bytes)
{
	struct tree_page *page = pool_take_raw(pool, bytes);

	if (page) {
		page->count = 0;
		page->bytes = (uint16_t)bytes;
		page->unused = 0;
	}
	return page;
}

/* A lone leaf grows by doubling until it is a whole page. */
static bool leaf_grow(struct tree *tree, struct pool *pool, struct tree_place *place)
{
	struct tree_page *old = tree->root, *page = page_make(pool, old->bytes * 2u);

	if (!page)
		return false;
	memcpy(page->words, old->words, old->bytes - sizeof(*old));
	page->count = old->count;
	pool_give_raw(pool, old, old->bytes);
	tree->root = place->page[0] = page;
	return true;
}

static void leaf_put(struct tree_page *page, const struct tree_kind *kind, unsigned slot, const void *item)
{
	unsigned char *at = leaf_at(page, kind, slot);

	memmove(at + kind->item_size, at, (size_t)(page->count - slot) * kind->item_size);
	memcpy(at, item, kind->item_size);
	page->count++;
}

static void inner_put(struct tree_page *page, unsigned slot, const void *first, struct tree_page *child)
{
	struct inner *at = inner_at(page, slot);

	memmove(at + 1, at, (page->count - slot) * sizeof(*at));
	memcpy(at, first, 16);
	at->child = child;
	page->count++;
}

/* The first item below has changed at a level: tells the separators above. */
static void refresh(struct tree_place *place, unsigned level, const void *first)
{
	while (level > 0) {
		level--;
		memcpy(inner_at(place->page[level], place->slot[level]), first, 16);
		if (place->slot[level] != 0)
			return;
	}
}

/* How many of a full page's `count` entries stay left when one more goes in at `slot`: all of
 * them when it goes behind the last one of the whole tree (items that come in order fill pages). */
static unsigned split_at(unsigned count, unsigned slot, bool rightmost)
{
	return rightmost && slot == count ? count : count / 2;
}

static bool is_rightmost(const struct tree_place *place, unsigned level)
{
	while (level > 0) {
		level--;
		if (place->slot[level] + 1u < place->page[level]->count)
			return false;
	}
	return true;
}

/* Splits the inner page at a level and puts the child in; returns the new right page. */
static struct tree_page *inner_split(struct tree_page *page, unsigned slot, const void *first,
				     struct tree_page *child, bool rightmost, struct tree_page *right)
{
	unsigned keep = split_at(page->count, slot, rightmost);

	right->count = (uint16_t)(page->count - keep);
	memcpy(right->words, inner_at(page, keep), right->count * sizeof(struct inner));
	page->count = (uint16_t)keep;
	if (slot <= keep && !(slot == keep && right->count == 0))
		inner_put(page, slot, first, child);
	else
		inner_put(right, slot - keep, first, child);
	return right;
}

static struct tree_page *leaf_split(const struct tree_kind *kind, struct tree_page *page, unsigned slot,
				    const void *item, bool rightmost, struct tree_page *right)
{
	unsigned keep = split_at(page->count, slot, rightmost);

	right->count = (uint16_t)(page->count - keep);
	memcpy(right->words, leaf_at(page, kind, keep), (size_t)right->count * kind->item_size);
	page->count = (uint16_t)keep;
	if (slot <= keep && !(slot == keep && right->count == 0))
		leaf_put(page, kind, slot, item);
	else
		leaf_put(right, kind, slot - keep, item);
	return right;
}

/* Takes all pages that a split up to a free level needs, so that nothing fails half-way. */
static bool take_spares(struct tree *tree, struct pool *pool, const struct tree_place *place,
			struct tree_page **spares, unsigned *taken)
{
	unsigned level = tree->height - 1, need = 1;

	while (level > 0 && place->page[level - 1]->count == INNER_ROOM) {
		level--;
		need++;
	}
	if (level == 0)
		need++; /* a new root */
	if (level == 0 && tree->height == TREE_HEIGHT_MAX)
		return false;
	for (*taken = 0; *taken < need; (*taken)++) {
		spares[*taken] = page_make(pool, PAGE_BYTES);
		if (!spares[*taken]) {
			while (*taken > 0)
				pool_give_raw(pool, spares[--*taken], PAGE_BYTES);
			return false;
		}
	}
	return true;
}

static bool split_insert(struct tree *tree, const struct tree_kind *kind, struct pool *pool,
			 struct tree_place *place, const void *item)
{
	struct tree_page *spares[TREE_HEIGHT_MAX + 1], *right, *root;
	unsigned taken, next = 0, level = tree->height - 1;
	unsigned char first[16];

	if (!take_spares(tree, pool, place, spares, &taken))
		return false;
	tree->pages += taken;
	right = leaf_split(kind, place->page[level], place->slot[level], item, is_rightmost(place, level),
			   spares[next++]);
	if (place->slot[level] == 0)
		refresh(place, level, leaf_at(place->page[level], kind, 0));
	memcpy(first, right->words, 16);
	while (level > 0) {
		struct tree_page *page = place->page[--level];
		unsigned slot = place->slot[level] + 1u;

		if (page->count < INNER_ROOM) {
			inner_put(page, slot, first, right);
			return true;
		}
		right = inner_split(page, slot, first, right, is_rightmost(place, level), spares[next++]);
		memcpy(first, right->words, 16);
	}
	root = spares[next];
	inner_put(root, 0, tree->root->words, tree->root);
	inner_put(root, 1, first, right);
	tree->root = root;
	tree->height++;
	return true;
}

bool tree_insert(struct tree *tree, const struct tree_kind *kind, struct pool *pool, struct tree_place *place,
		 const void *item)
{
	struct tree_page *leaf;
	unsigned level;

	if (tree->height == 0) {
		tree->root = page_make(pool, kind->item_size > ITEM_LARGE ? PAGE_BYTES_LEAST * 2
									  : PAGE_BYTES_LEAST);
		if (!tree->root)
			return false;
		tree->height = 1;
		tree->pages = 1;
		leaf_put(tree->root, kind, 0, item);
		return true;
	}
	level = tree->height - 1;
	leaf = place->page[level];
	if (leaf->count == leaf_room(kind, leaf->bytes)) {
		if (leaf->bytes == PAGE_BYTES)
			return split_insert(tree, kind, pool, place, item);
		if (!leaf_grow(tree, pool, place))
			return false;
		leaf = place->page[level];
	}
	leaf_put(leaf, kind, place->slot[level], item);
	if (place->slot[level] == 0)
		refresh(place, level, leaf_at(leaf, kind, 0));
	return true;
}

/* ---- removing ---------------------------------------------------------------- */

static void page_drop(struct tree *tree, struct pool *pool, struct tree_page *page)
{
	tree->pages--;
	pool_give_raw(pool, page, page->bytes);
}

static void inner_cut(struct tree_page *page, unsigned slot)
{
	struct inner *at = inner_at(page, slot);

	memmove(at, at + 1, (page->count - slot - 1u) * sizeof(*at));
	page->count--;
}

static unsigned page_room(const struct tree_kind *kind, bool leaf)
{
	return leaf ? leaf_room(kind, PAGE_BYTES) : INNER_ROOM;
}

/* Appends the right page's entries to the left one's. */
static void join(const struct tree_kind *kind, bool leaf, struct tree_page *left,
		 const struct tree_page *right)
{
	if (leaf)
		memcpy(leaf_at(left, kind, left->count), right->words,
		       (size_t)right->count * kind->item_size);
	else
		memcpy(inner_at(left, left->count), right->words, right->count * sizeof(struct inner));
	left->count = (uint16_t)(left->count + right->count);
}

/* A page that has become small joins a neighbour when both fit with room to spare. Returns
 * whether a slot of the parent went away. */
static bool rejoin(struct tree *tree, const struct tree_kind *kind, struct pool *pool,
		   struct tree_place *place, unsigned level)
{
	bool leaf = level == tree->height - 1;
	struct tree_page *page = place->page[level], *parent = place->page[level - 1], *other;
	unsigned slot = place->slot[level - 1], room = page_room(kind, leaf), most = room - room / 8;

	if (page->count == 0) {
		inner_cut(parent, slot);
		page_drop(tree, pool, page);
		if (slot == 0 && parent->count > 0)
			refresh(place, level - 1, inner_at(parent, 0));
		return true;
	}
	if (page->count > room / 3)
		return false;
	if (slot > 0) {
		other = inner_at(parent, slot - 1)->child;
		if (other->count + page->count <= most) {
			join(kind, leaf, other, page);
			inner_cut(parent, slot);
			page_drop(tree, pool, page);
			return true;
		}
	}
	if (slot + 1u < parent->count) {
		other = inner_at(parent, slot + 1)->child;
		if (other->count + page->count <= most) {
			join(kind, leaf, page, other);
			inner_cut(parent, slot + 1);
			page_drop(tree, pool, other);
			return true;
		}
	}
	return false;
}

void tree_remove(struct tree *tree, const struct tree_kind *kind, struct pool *pool, struct tree_place *place)
{
	unsigned level = tree->height - 1;
	struct tree_page *page = place->page[level];
	unsigned slot = place->slot[level];
	unsigned char *at = leaf_at(page, kind, slot);

	memmove(at, at + kind->item_size, (size_t)(page->count - slot - 1u) * kind->item_size);
	page->count--;
	if (slot == 0 && page->count > 0)
		refresh(place, level, page->words);
	while (level > 0 && rejoin(tree, kind, pool, place, level))
		level--;
	while (tree->height > 1 && tree->root->count == 1) {
		page = tree->root;
		tree->root = inner_at(page, 0)->child;
		tree->height--;
		page_drop(tree, pool, page);
	}
	if (tree->root->count == 0)
		tree_clear(tree, pool);
}

/* ---- the whole tree ---------------------------------------------------------- */

static void shift_page(struct tree_page *page, const struct tree_kind *kind, unsigned levels, uint64_t from,
		       int64_t delta)
{
	for (unsigned slot = 0; slot < page->count; slot++) {
		if (levels > 1) {
			struct inner *at = inner_at(page, slot);

			/* A child that ends before `from` has nothing to shift. */
			if (slot + 1u < page->count && at[1].key <= from)
				continue;
			shift_page(at->child, kind, levels - 1, from, delta);
			memcpy(at, at->child->words, 16); /* exact, so that no low key is left behind */
		} else {
			uint64_t *key = (uint64_t *)(void *)leaf_at(page, kind, slot);

			if (*key >= from)
				*key += (uint64_t)delta;
		}
	}
}

void tree_shift(struct tree *tree, const struct tree_kind *kind, uint64_t from, int64_t delta)
{
	if (tree->height > 0)
		shift_page(tree->root, kind, tree->height, from, delta);
}

static void clear_page(struct tree_page *page, struct pool *pool, unsigned levels)
{
	if (levels > 1)
		for (unsigned slot = 0; slot < page->count; slot++)
			clear_page(inner_at(page, slot)->child, pool, levels - 1);
	pool_give_raw(pool, page, page->bytes);
}

void tree_clear(struct tree *tree, struct pool *pool)
{
	if (tree->height > 0)
		clear_page(tree->root, pool, tree->height);
	*tree = (struct tree){0};
}
