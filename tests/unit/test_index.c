/*
 * test_index.c: the hash index against plain counts: growing and shrinking over every size of its
 * table, and hashes that collide. What happens without memory is in test_faults.c.
 */
#include "test.h"

#include "index.h"
#include "random.h"

enum { MOST = 20000 };

struct thing {
	struct index_link link; /* first: the two pointers are one */
	bool in;
};

struct bench {
	struct budget budget;
	struct pool *pool;
	struct index index;
	struct thing *things;
	size_t in;
};

static void begin(struct bench *bench)
{
	*bench = (struct bench){.in = 0};
	budget_init(&bench->budget, 0, 0);
	bench->pool = pool_create(&bench->budget);
	bench->things = calloc(MOST, sizeof(*bench->things));
	REQUIRE(bench->pool && bench->things);
}

static void end(struct bench *bench)
{
	for (size_t i = 0; i < MOST; i++)
		if (bench->things[i].in)
			index_remove(&bench->index, bench->pool, &bench->things[i].link);
	EXPECT_EQ(bench->index.count, 0);
	EXPECT_EQ(bench->index.buckets, 0);
	EXPECT(!bench->index.first && !bench->index.more);
	EXPECT_EQ(bench->budget.used, 0);
	EXPECT(!index_chain(&bench->index, 5));
	pool_destroy(bench->pool);
	free(bench->things);
}

/* How often a thing is found by its hash. */
static unsigned found(const struct bench *bench, const struct thing *thing)
{
	unsigned times = 0;

	for (struct index_link *link = index_chain(&bench->index, thing->link.hash); link; link = link->next)
		times += link == &thing->link;
	return times;
}

static bool put(struct bench *bench, size_t at, uint32_t hash)
{
	bench->things[at].link = (struct index_link){.hash = hash, .own = (uint32_t)at};
	bench->things[at].in = index_insert(&bench->index, bench->pool, &bench->things[at].link);
	bench->in += bench->things[at].in;
	return bench->things[at].in;
}

static void take(struct bench *bench, size_t at)
{
	index_remove(&bench->index, bench->pool, &bench->things[at].link);
	bench->things[at].in = false;
	bench->in--;
}

/* Everything is found once, nothing else is, and the table is as big as it should be. */
static void check(const struct bench *bench, size_t most)
{
	for (size_t i = 0; i < most; i++) {
		const struct thing *thing = &bench->things[i];

		REQUIRE(found(bench, thing) == thing->in);
		EXPECT(!thing->in || thing->link.own == i);
	}
	EXPECT_EQ(bench->index.count, bench->in);
	EXPECT(bench->index.buckets <= 8 || bench->index.buckets <= 8 * (bench->in + 1));
}

static void grows_and_shrinks(void)
{
	struct bench bench;

	begin(&bench);
	for (uint32_t i = 0; i < MOST; i++) {
		EXPECT(put(&bench, i, i * UINT32_C(2654435761)));
		if (i < 40 || (i & (i - 1)) == 0 || (i + 1) % 512 == 0 || i % 512 == 0)
			check(&bench, i + 1);
	}
	/* Chains are short: no more buckets than links, and no fewer than half as many. */
	EXPECT(bench.index.buckets >= MOST / 2 && bench.index.buckets <= MOST);
	for (uint32_t i = MOST; i-- > 0;) {
		take(&bench, i);
		if (i < 40 || (i & (i - 1)) == 0 || i % 512 < 2)
			check(&bench, i + 1);
	}
	EXPECT_EQ(bench.budget.used, 0);
	end(&bench);
}

/* Waves of growth and decay around the sizes where segments come and go, with few or no distinct hashes. */
static void random_waves(void)
{
	for (uint64_t seed = 0; seed < 24; seed++) {
		static const uint32_t masks[] = {UINT32_MAX, 0xffff, 0x3ff, 0xfffffc00, 0x7};
		uint32_t mask = masks[seed % 5];
		size_t most = mask == 0x7 ? 600 : 5000;
		struct random random;
		struct bench bench;

		begin(&bench);
		random_seed(&random, seed);
		for (unsigned wave = 0; wave < 6; wave++) {
			size_t goal = random_below(&random, wave % 2 ? most / 16 : most / 4 * 3);

			while (bench.in != goal) {
				size_t at = random_below(&random, most);
				bool grow = random_percent(&random, 15) ? bench.in > goal : bench.in < goal;

				if (bench.in == 0 || bench.in == most)
					grow = bench.in == 0;
				while (bench.things[at].in == grow)
					at = (at + 1) % most;
				if (grow)
					EXPECT(put(&bench, at, (uint32_t)random_next(&random) & mask));
				else
					take(&bench, at);
			}
			check(&bench, most);
		}
		end(&bench);
	}
}

int main(void)
{
	RUN(grows_and_shrinks);
	RUN(random_waves);
	return tests_end();
}
