/*
 * test_tree.c: the B+tree against a sorted array: every item size, names that tie, orders that fill and
 * empty it, and shifts. What happens without memory is in test_faults.c.
 */
#include "test.h"

#include "random.h"
#include "tree.h"

enum { MOST = 6000, PAGE = 1024, WORDS = 8 };

/* An item as the tests know it: the key and what follows it. */
struct shadow {
	uint64_t word[WORDS];
};

struct bench {
	struct budget budget;
	struct pool *pool;
	struct tree tree;
	struct tree_kind kind;
	struct random random;
	struct shadow *items; /* in order */
	size_t count;
};

static void begin(struct bench *bench, unsigned item_size, uint64_t seed)
{
	*bench = (struct bench){.kind = {.item_size = (uint16_t)item_size}};
	budget_init(&bench->budget, 0, 0);
	bench->pool = pool_create(&bench->budget);
	REQUIRE(bench->pool);
	bench->items = calloc(MOST, sizeof(*bench->items));
	REQUIRE(bench->items);
	random_seed(&bench->random, seed);
}

static void end(struct bench *bench)
{
	tree_clear(&bench->tree, bench->pool);
	EXPECT_EQ(bench->tree.height, 0);
	EXPECT_EQ(bench->tree.pages, 0);
	EXPECT_EQ(bench->budget.used, 0);
	pool_destroy(bench->pool);
	free(bench->items);
}

/* The first item of the array that is not before the key. */
static size_t shadow_seek(const struct bench *bench, uint64_t key)
{
	size_t low = 0, high = bench->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (bench->items[middle].word[0] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same(const struct bench *bench, const void *item, size_t at)
{
	return item && at < bench->count && memcmp(item, &bench->items[at], bench->kind.item_size) == 0;
}

/* Every item forwards and backwards, and what the pages cost. */
static void check_all(const struct bench *bench)
{
	struct tree_place place;
	void *item;
	size_t at = 0;

	tree_seek(&bench->tree, &bench->kind, 0, NULL, &place);
	for (item = tree_item(&bench->tree, &bench->kind, &place); item;
	     item = tree_next(&bench->tree, &bench->kind, &place))
		REQUIRE(same(bench, item, at++));
	REQUIRE(at == bench->count);
	EXPECT_EQ(bench->tree.height == 0, bench->count == 0);
	if (bench->tree.height == 1)
		EXPECT_EQ(bench->tree.pages, 1);
	if (bench->count == 0)
		return;
	/* What tree_next could not pass is still a place: the last item. */
	REQUIRE(same(bench, tree_item(&bench->tree, &bench->kind, &place), bench->count - 1));
	for (at = bench->count - 1; at > 0;)
		REQUIRE(same(bench, tree_previous(&bench->tree, &bench->kind, &place), --at));
	EXPECT(!tree_previous(&bench->tree, &bench->kind, &place));
	REQUIRE(same(bench, tree_item(&bench->tree, &bench->kind, &place), 0));
}

static void check_seek(const struct bench *bench, uint64_t key)
{
	size_t at = shadow_seek(bench, key);
	bool equal = at < bench->count && bench->items[at].word[0] == key;
	struct tree_place place, last;
	void *item;

	EXPECT_EQ(tree_seek(&bench->tree, &bench->kind, key, NULL, &place), equal);
	item = tree_item(&bench->tree, &bench->kind, &place);
	REQUIRE(at < bench->count ? same(bench, item, at) : !item);
	EXPECT_EQ(tree_seek_last(&bench->tree, &bench->kind, key, NULL, &last), equal);
	EXPECT(tree_item(&bench->tree, &bench->kind, &last) == item);
	if (at > 0)
		REQUIRE(same(bench, tree_previous(&bench->tree, &bench->kind, &place), at - 1));
}

static bool put(struct bench *bench, uint64_t key)
{
	size_t at = shadow_seek(bench, key);
	struct tree_place place;
	struct shadow item;

	REQUIRE(bench->count < MOST);
	item.word[0] = key;
	for (unsigned i = 1; i < WORDS; i++)
		item.word[i] = random_next(&bench->random);
	if (random_percent(&bench->random, 50))
		tree_seek(&bench->tree, &bench->kind, key, NULL, &place);
	else
		tree_seek_last(&bench->tree, &bench->kind, key, NULL, &place);
	if (!tree_insert(&bench->tree, &bench->kind, bench->pool, &place, &item))
		return false;
	memmove(&bench->items[at + 1], &bench->items[at], (bench->count - at) * sizeof(item));
	bench->items[at] = item;
	bench->count++;
	return true;
}

static void take(struct bench *bench, size_t at)
{
	struct tree_place place;

	REQUIRE(tree_seek(&bench->tree, &bench->kind, bench->items[at].word[0], NULL, &place));
	tree_remove(&bench->tree, &bench->kind, bench->pool, &place);
	bench->count--;
	memmove(&bench->items[at], &bench->items[at + 1], (bench->count - at) * sizeof(struct shadow));
}

static bool has(const struct bench *bench, uint64_t key)
{
	size_t at = shadow_seek(bench, key);

	return at < bench->count && bench->items[at].word[0] == key;
}

/* ---- tests ----------------------------------------------------------------------- */

static void empty_tree(void)
{
	struct tree_place place;
	struct bench bench;

	begin(&bench, 16, 1);
	EXPECT(!tree_seek(&bench.tree, &bench.kind, 5, NULL, &place));
	EXPECT(!tree_seek_last(&bench.tree, &bench.kind, 5, NULL, &place));
	EXPECT(!tree_item(&bench.tree, &bench.kind, &place));
	EXPECT(!tree_next(&bench.tree, &bench.kind, &place));
	EXPECT(!tree_previous(&bench.tree, &bench.kind, &place));
	tree_shift(&bench.tree, &bench.kind, 0, 5);
	end(&bench);
}

/* Items that come in order fill their pages; a lone item costs little. */
static void in_order(void)
{
	struct bench bench;

	for (unsigned item_size = 16; item_size <= 64; item_size += 8) {
		size_t room = (PAGE - 8) / item_size, leaves = (5000 + room - 1) / room;

		begin(&bench, item_size, item_size);
		EXPECT(put(&bench, 7));
		take(&bench, 0);
		EXPECT_EQ(bench.tree.pages, 0);
		for (uint64_t key = 0; key < 5000; key++)
			EXPECT(put(&bench, key * 3));
		check_all(&bench);
		EXPECT(bench.tree.pages <= leaves + leaves / 30 + 3);
		for (uint64_t key = 0; key < 15000; key += 7)
			check_seek(&bench, key);
		while (bench.count)
			take(&bench, 0);
		EXPECT_EQ(bench.tree.pages, 0);
		for (uint64_t key = 5000; key > 0; key--)
			EXPECT(put(&bench, key));
		check_all(&bench);
		while (bench.count)
			take(&bench, bench.count - 1);
		EXPECT_EQ(bench.tree.pages, 0);
		end(&bench);
	}
}

/* A tree that begins to grow keeps to its own memory, whatever the size of its items. */
static void keeps_to_itself(void)
{
	enum { AROUND = 64, SIZE = 64 };

	for (unsigned item_size = 16; item_size <= 64; item_size += 8) {
		unsigned char *around[AROUND], whole[SIZE];
		struct bench bench;

		begin(&bench, item_size, item_size);
		memset(whole, 0xa5, SIZE);
		for (unsigned i = 0; i < AROUND; i++) {
			around[i] = pool_take(bench.pool, SIZE);
			REQUIRE(around[i]);
			memset(around[i], 0xa5, SIZE);
		}
		for (unsigned i = 0; i < AROUND; i += 2)
			pool_give(bench.pool, around[i], SIZE);
		for (uint64_t key = 0; key < 10; key++)
			EXPECT(put(&bench, key));
		check_all(&bench);
		for (unsigned i = 1; i < AROUND; i += 2) {
			EXPECT(memcmp(around[i], whole, SIZE) == 0);
			pool_give(bench.pool, around[i], SIZE);
		}
		end(&bench);
	}
}

/* Grows to some size and shrinks to another, over and over, checked now and then. */
static void one_random(unsigned item_size, uint64_t seed, size_t most, uint64_t keys)
{
	struct bench bench;

	begin(&bench, item_size, seed);
	for (unsigned wave = 0; wave < 6; wave++) {
		size_t goal = random_below(&bench.random, most);
		unsigned step = 0;

		while (bench.count != goal) {
			uint64_t key = random_below(&bench.random, keys);
			bool grow = bench.count < goal;

			if (random_percent(&bench.random, 25) && bench.count > 0)
				grow = !grow;
			if (grow && !has(&bench, key))
				EXPECT(put(&bench, key));
			else if (!grow && bench.count)
				take(&bench, random_below(&bench.random, bench.count));
			check_seek(&bench, random_below(&bench.random, keys));
			if (++step % 251 == 0)
				check_all(&bench);
		}
		check_all(&bench);
	}
	/* Half-empty pages have joined: what is left costs what it should, four times at most. */
	while (bench.count > 200)
		take(&bench, random_below(&bench.random, bench.count));
	check_all(&bench);
	EXPECT(bench.tree.pages * (size_t)PAGE <= 4 * (bench.count * item_size + 2 * PAGE));
	while (bench.count)
		take(&bench, random_below(&bench.random, bench.count));
	EXPECT_EQ(bench.tree.pages, 0);
	end(&bench);
}

static void random_runs(void)
{
	for (uint64_t seed = 0; seed < 30; seed++)
		one_random(16 + (unsigned)(seed % 7) * 8, seed, 400, 700);
	for (uint64_t seed = 0; seed < 7; seed++)
		one_random(16 + (unsigned)seed * 8, 100 + seed, 5500, UINT64_MAX);
}

/* A whole stretch goes, as a directory or a cut would do it, from either side or the middle. */
static void stretches(void)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct bench bench;

		begin(&bench, 24, 900 + seed);
		for (uint64_t key = 0; key < 3000; key++)
			EXPECT(put(&bench, key * 5));
		while (bench.count) {
			size_t from = random_below(&bench.random, bench.count);
			size_t many = random_between(&bench.random, 1, bench.count - from);
			bool backwards = random_percent(&bench.random, 50);

			while (many-- > 0)
				take(&bench, backwards ? from + many : from);
			check_all(&bench);
		}
		EXPECT_EQ(bench.tree.pages, 0);
		end(&bench);
	}
}

/* Keys from one on move; keys inside the tree may also be raised in place by the owner. */
static void shifts(void)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct bench bench;

		begin(&bench, 24, 2000 + seed);
		while (bench.count < 1500) {
			uint64_t key = random_below(&bench.random, 1u << 20) * 16;

			if (!has(&bench, key))
				EXPECT(put(&bench, key));
		}
		for (unsigned step = 0; step < 60; step++) {
			size_t at = random_below(&bench.random, bench.count);
			uint64_t from = bench.items[at].word[0] - random_below(&bench.random, 2);
			uint64_t gap, by = random_below(&bench.random, 1u << 16);
			struct tree_place place;

			at = shadow_seek(&bench, from);
			gap = at ? bench.items[at].word[0] - bench.items[at - 1].word[0] - 1
				 : bench.items[0].word[0];
			if (step % 2 && gap)
				by = 0 - random_between(&bench.random, 1, gap);
			tree_shift(&bench.tree, &bench.kind, from, (int64_t)by);
			for (size_t i = at; i < bench.count; i++)
				bench.items[i].word[0] += by;
			/* An owner raises a key without passing the next item. */
			at = random_below(&bench.random, bench.count - 1);
			gap = bench.items[at + 1].word[0] - bench.items[at].word[0] - 1;
			REQUIRE(tree_seek(&bench.tree, &bench.kind, bench.items[at].word[0], NULL, &place));
			bench.items[at].word[0] += gap / 2;
			*(uint64_t *)tree_item(&bench.tree, &bench.kind, &place) += gap / 2;
			check_all(&bench);
			check_seek(&bench, bench.items[at].word[0]);
			check_seek(&bench, bench.items[at].word[0] - 1);
			if (!has(&bench, bench.items[at].word[0] + 1))
				EXPECT(put(&bench, bench.items[at].word[0] + 1));
			take(&bench, random_below(&bench.random, bench.count));
		}
		check_all(&bench);
		end(&bench);
	}
}

/* ---- names that begin alike --------------------------------------------------------- */

/* What ties are decided by: the key is its first bytes, many have the same. */
struct label {
	uint64_t key;
	uint64_t rest;
};

struct labelled {
	uint64_t key;
	const struct label *label;
};

static int by_label(const void *item, const void *probe)
{
	const struct labelled *labelled = item;
	const struct label *label = probe;

	return labelled->label->rest < label->rest ? -1 : labelled->label->rest > label->rest;
}

static const struct tree_kind labels_kind = {.item_size = sizeof(struct labelled), .tie = by_label};

static int order_of(const void *a, const void *b)
{
	const struct label *const *x = a, *const *y = b;

	if ((*x)->key != (*y)->key)
		return (*x)->key < (*y)->key ? -1 : 1;
	return (*x)->rest < (*y)->rest ? -1 : (*x)->rest > (*y)->rest;
}

static void check_labels(const struct tree *tree, struct label **labels, size_t count)
{
	const struct labelled *item;
	struct tree_place place;
	const struct label least = {0, 0};
	size_t at = 0;

	qsort(labels, count, sizeof(*labels), order_of);
	tree_seek(tree, &labels_kind, 0, &least, &place);
	for (item = tree_item(tree, &labels_kind, &place); item;
	     item = tree_next(tree, &labels_kind, &place)) {
		REQUIRE(at < count && item->label == labels[at]);
		at++;
	}
	REQUIRE(at == count);
	for (at = 0; at < count; at += 3) {
		struct label behind = {labels[at]->key, labels[at]->rest + 1};

		REQUIRE(tree_seek(tree, &labels_kind, labels[at]->key, labels[at], &place));
		item = tree_item(tree, &labels_kind, &place);
		REQUIRE(item && item->label == labels[at]);
		REQUIRE(!tree_seek(tree, &labels_kind, behind.key, &behind, &place));
		item = tree_item(tree, &labels_kind, &place);
		REQUIRE(at + 1 < count ? item && item->label == labels[at + 1] : !item);
	}
}

/* Labels are freed as soon as they are out: a separator that still pointed to one would be found out. */
static void ties(void)
{
	for (uint64_t seed = 0; seed < 24; seed++) {
		static struct label *labels[MOST];
		uint64_t keys = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 7 : 200;
		struct budget budget;
		struct pool *pool;
		struct tree tree = {0};
		struct random random;
		size_t count = 0;

		budget_init(&budget, 0, 0);
		pool = pool_create(&budget);
		REQUIRE(pool);
		random_seed(&random, seed);
		for (unsigned step = 0; step < 6000; step++) {
			struct tree_place place;

			if (random_percent(&random, step / 1500 % 2 ? 25 : 75)) {
				struct label *label = malloc(sizeof(*label));
				struct labelled item;

				REQUIRE(label);
				/* Even numbers only, never twice: the count is in the low bits. */
				*label = (struct label){random_below(&random, keys),
							random_below(&random, 1000) << 20 | step << 1};
				item = (struct labelled){label->key, label};
				REQUIRE(!tree_seek_last(&tree, &labels_kind, label->key, label, &place));
				EXPECT(tree_insert(&tree, &labels_kind, pool, &place, &item));
				labels[count++] = label;
			} else if (count > 0) {
				size_t at = random_below(&random, count);
				struct label *label = labels[at];

				REQUIRE(tree_seek(&tree, &labels_kind, label->key, label, &place));
				tree_remove(&tree, &labels_kind, pool, &place);
				labels[at] = labels[--count];
				label->key = label->rest = UINT64_MAX;
				free(label);
			}
			if (step % 499 == 0)
				check_labels(&tree, labels, count);
		}
		check_labels(&tree, labels, count);
		tree_clear(&tree, pool);
		EXPECT_EQ(budget.used, 0);
		pool_destroy(pool);
		while (count > 0)
			free(labels[--count]);
	}
}

/* Full pages beside each other are emptied from the front, so that none joins another: what led to a page
 * that goes leads to its neighbour then, two levels up as well. */
static void emptied_pages(void)
{
	static struct label *labels[MOST];

	for (size_t from = 0; from < 70; from++) { /* among them the border of two pages */
		struct budget budget;
		struct pool *pool;
		struct tree tree = {0};
		struct tree_place place;

		budget_init(&budget, 0, 0);
		pool = pool_create(&budget);
		REQUIRE(pool);
		for (size_t i = 0; i < MOST; i++) {
			struct labelled item;

			labels[i] = malloc(sizeof(*labels[i]));
			REQUIRE(labels[i]);
			*labels[i] = (struct label){1, i << 1};
			item = (struct labelled){1, labels[i]};
			REQUIRE(!tree_seek_last(&tree, &labels_kind, 1, labels[i], &place));
			EXPECT(tree_insert(&tree, &labels_kind, pool, &place, &item));
		}
		REQUIRE(tree.height >= 3);
		for (size_t i = from; i < from + MOST / 2; i++) {
			REQUIRE(tree_seek(&tree, &labels_kind, 1, labels[i], &place));
			tree_remove(&tree, &labels_kind, pool, &place);
			labels[i]->rest = UINT64_MAX;
			free(labels[i]);
		}
		memmove(labels + from, labels + from + MOST / 2, (MOST / 2 - from) * sizeof(labels[0]));
		check_labels(&tree, labels, MOST / 2);
		tree_clear(&tree, pool);
		pool_destroy(pool);
		for (size_t i = 0; i < MOST / 2; i++)
			free(labels[i]);
	}
}

int main(void)
{
	RUN(empty_tree);
	RUN(in_order);
	RUN(keeps_to_itself);
	RUN(random_runs);
	RUN(stretches);
	RUN(shifts);
	RUN(ties);
	RUN(emptied_pages);
	return tests_end();
}
