/*
 * test_pages.c: runs of pages against a shadow: no overlap, no loss, memory given back.
 */
#include "test.h"

#include <pthread.h>

#include "../../src/core/pages.h"
#include "../../src/os/os.h"
#include "random.h"

#ifdef __linux__
#	include <unistd.h>
#endif

#if defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#		define SANITIZED
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANITIZED
#endif

enum { MIB_PAGES = 256, HELD_MOST = 6 << 20 };

/* Bytes of memory the process holds; 0 where that cannot be told. */
static uint64_t resident(void)
{
	unsigned long long size = 0, pages = 0;
#if defined(__linux__) && !defined(SANITIZED)
	FILE *file = fopen("/proc/self/statm", "r");
	if (file != NULL) {
		if (fscanf(file, "%llu %llu", &size, &pages) != 2)
			pages = 0;
		fclose(file);
		pages *= (unsigned long long)sysconf(_SC_PAGESIZE);
	}
#endif
	(void)size;
	return pages;
}

struct run {
	uint64_t *at;
	size_t count;
	uint64_t mark;
};

/* Marks each page at its start and its end. */
static void mark(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		run->at[i * 512] = run->mark + i;
		run->at[i * 512 + 511] = ~(run->mark + i);
	}
}

static bool marked(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		if (run->at[i * 512] != run->mark + i || run->at[i * 512 + 511] != ~(run->mark + i))
			return false;
	}
	return true;
}

static uint32_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

static size_t random_size(uint64_t *state)
{
	switch (next(state) % 8) {
	case 0:
		return 1 + next(state) % 2000;
	case 1:
	case 2:
		return 1 + next(state) % 200;
	case 3:
		return 8;
	default:
		return 1 + next(state) % 8;
	}
}

struct job {
	struct pages *pages;
	uint64_t seed;
	unsigned rounds;
	_Atomic unsigned broken;
};

enum { RUNS = 60 };

/* Takes a run and marks it. */
static void take_one(struct job *job, struct run *run, uint64_t *state)
{
	size_t want = random_size(state);
	size_t least = next(state) % 2 ? want : 1 + next(state) % want;
	size_t align = (size_t)1 << next(state) % 10;
	if (next(state) % 4 == 0) {
		want = least = align = PAGES_BLOCK;
	}
	run->at = pages_take(job->pages, want, least, align, &run->count);
	REQUIRE(run->at != NULL);
	if (((uintptr_t)run->at & (align * OS_PAGE_SIZE - 1)) != 0 || run->count < least || run->count > want)
		job->broken++;
	run->mark = (uint64_t)next(state) << 32;
	mark(run);
}

/* Gives back the head or the tail of a run. */
static void give_some(struct job *job, struct run *run, uint64_t *state)
{
	if (!marked(run))
		job->broken++;
	size_t part = 1 + next(state) % run->count;
	if (next(state) % 2) {
		pages_give(job->pages, run->at, part);
		run->at += part * 512;
		run->mark += part;
		run->count -= part;
	} else {
		run->count -= part;
		pages_give(job->pages, run->at + run->count * 512, part);
	}
}

static void *churn(void *argument)
{
	struct job *job = argument;
	uint64_t state = job->seed + (uint64_t)(uintptr_t)&state;
	struct run runs[RUNS] = {0};
	for (unsigned i = 0; i < job->rounds; i++) {
		struct run *run = &runs[next(&state) % RUNS];
		if (run->count == 0)
			take_one(job, run, &state);
		else
			give_some(job, run, &state);
	}
	for (unsigned i = 0; i < RUNS; i++) {
		if (runs[i].count > 0 && !marked(&runs[i]))
			job->broken++;
		if (runs[i].count > 0)
			pages_give(job->pages, runs[i].at, runs[i].count);
	}
	return NULL;
}

static void random_against_shadow(void)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		struct job job = {.pages = pages_create(), .seed = seed, .rounds = 6000};
		REQUIRE(job.pages != NULL);
		churn(&job);
		EXPECT_EQ(job.broken, 0);
		EXPECT(pages_held(job.pages) <= HELD_MOST);
		pages_destroy(job.pages);
	}
}

static void eight_threads(void)
{
	struct job job = {.pages = pages_create(), .seed = 99, .rounds = 3000};
	REQUIRE(job.pages != NULL);
	pthread_t threads[8];
	for (unsigned i = 0; i < 8; i++)
		REQUIRE(pthread_create(&threads[i], NULL, churn, &job) == 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(job.broken, 0);
	EXPECT(pages_held(job.pages) <= HELD_MOST);
	pages_destroy(job.pages);
}

/* Fills memory with runs of one shape, then gives them back in an order that fragments. */
static void fill_and_give(struct pages *pages, size_t count, size_t align, unsigned runs)
{
	uint64_t start = resident();
	void **at = calloc(runs, sizeof *at);
	size_t got;
	REQUIRE(at != NULL);
	for (unsigned i = 0; i < runs; i++) {
		at[i] = pages_take(pages, count, count, align, &got);
		REQUIRE(at[i] != NULL);
		EXPECT_EQ(got, count);
		memset(at[i], (int)i, count * OS_PAGE_SIZE);
	}
	uint64_t full = (uint64_t)runs * count * OS_PAGE_SIZE;
	EXPECT(pages_held(pages) >= full);
	EXPECT(pages_held(pages) <= full + full / 8 + HELD_MOST);
	if (start != 0)
		EXPECT(resident() >= start + full / 10 * 9);
	for (unsigned i = 0; i < runs; i += 2)
		pages_give(pages, at[i], count);
	/* Half is free now, in holes; what is kept warm is a sixteenth of the rest and 4 MiB. */
	uint64_t half = (uint64_t)(runs / 2) * count * OS_PAGE_SIZE;
	EXPECT(pages_held(pages) <= half + half / 16 + HELD_MOST);
	if (start != 0)
		EXPECT(resident() <= start + half + half / 16 + HELD_MOST + (2 << 20));
	for (unsigned i = 1; i < runs; i += 2) {
		EXPECT_EQ(((unsigned char *)at[i])[count * OS_PAGE_SIZE - 1], i & 255);
		pages_give(pages, at[i], count);
	}
	EXPECT(pages_held(pages) <= HELD_MOST);
	if (start != 0)
		EXPECT(resident() <= start + HELD_MOST);
	free(at);
}

static void memory_comes_back(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	EXPECT_EQ(pages_held(pages), 0);
	fill_and_give(pages, 1, 1, 20000);
	fill_and_give(pages, 8, 8, 4000);
	fill_and_give(pages, 100, 1, 400);
	fill_and_give(pages, 512, 512, 80);
	fill_and_give(pages, 700, 512, 40);
	pages_destroy(pages);
}

/* Half of each huge page is given back: the other half stays, the memory goes, and stays away. */
static void huge_pages_are_split(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	uint64_t start = resident();
	char *at[40];
	size_t got;
	for (unsigned i = 0; i < 40; i++) {
		at[i] = pages_take(pages, 512, 512, 512, &got);
		REQUIRE(at[i] != NULL);
		EXPECT_EQ((uintptr_t)at[i] & ((2 << 20) - 1), 0);
		memset(at[i], (int)i, 2 << 20);
	}
	for (unsigned i = 0; i < 40; i++)
		pages_give(pages, at[i] + (1 << 20), MIB_PAGES);
	EXPECT(pages_held(pages) <= (40 << 20) + (40 << 20) / 16 + HELD_MOST);
	if (start != 0)
		EXPECT(resident() <= start + (40 << 20) + (40 << 20) / 16 + HELD_MOST + (2 << 20));
	for (unsigned i = 0; i < 40; i++) {
		EXPECT_EQ(at[i][0], i);
		EXPECT_EQ(at[i][(1 << 20) - 1], i);
		pages_give(pages, at[i], MIB_PAGES);
	}
	EXPECT(pages_held(pages) <= HELD_MOST);
	pages_destroy(pages);
}

static void shorter_rather_than_more(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	size_t got;
	/* A region has one end: 40 * 200 pages leave 192. */
	char *at[40];
	for (unsigned i = 0; i < 40; i++) {
		at[i] = pages_take(pages, 200, 1, 1, &got);
		REQUIRE(at[i] != NULL);
		EXPECT_EQ(got, 200);
	}
	char *rest = pages_take(pages, 200, 100, 1, &got);
	REQUIRE(rest != NULL);
	EXPECT_EQ(got, 192);
	EXPECT_EQ((uintptr_t)rest / PAGES_REGION, (uintptr_t)at[0] / PAGES_REGION);
	pages_give(pages, rest, got);
	/* The hole in the middle is found again. */
	pages_give(pages, at[20], 200);
	char *again = pages_take(pages, 200, 200, 1, &got);
	EXPECT(again == at[20]);
	/* No crumbs: less than half of what is wanted is not taken while there is more. */
	rest = pages_take(pages, 1000, 1, 1, &got);
	REQUIRE(rest != NULL);
	EXPECT_EQ(got, 1000);
	pages_give(pages, rest, got);
	rest = pages_take(pages, 200, 200, 1, &got);
	REQUIRE(rest != NULL);
	EXPECT_EQ(got, 200);
	pages_give(pages, rest, got);
	pages_destroy(pages);
}

static void whole_regions_and_beyond(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	size_t got = 0;
	struct run run = {.mark = 1};
	/* More than a region, all of it or nothing. */
	run.at = pages_take(pages, 20000, 20000, 1, &run.count);
	REQUIRE(run.at != NULL);
	EXPECT_EQ(run.count, 20000);
	mark(&run);
	char *other = pages_take(pages, 8192, 8192, 8192, &got);
	REQUIRE(other != NULL);
	EXPECT_EQ(got, 8192);
	EXPECT_EQ((uintptr_t)other & (PAGES_REGION - 1), 0);
	memset(other, 1, 8192 * OS_PAGE_SIZE);
	EXPECT(marked(&run));
	/* In parts, across the middle. */
	pages_give(pages, run.at + 512 * (size_t)7000, 6000);
	EXPECT(run.at[6999 * 512] == run.mark + 6999 && run.at[13000 * 512] == run.mark + 13000);
	EXPECT_EQ(pages_held(pages), (uint64_t)(14000 + 8192) * OS_PAGE_SIZE);
	pages_give(pages, run.at, 7000);
	pages_give(pages, run.at + 512 * (size_t)13000, 7000);
	pages_give(pages, other, 8192);
	EXPECT(pages_held(pages) <= HELD_MOST);
	/* More wanted than a region has, but less will do. */
	other = pages_take(pages, SIZE_MAX, 1, 1, &got);
	REQUIRE(other != NULL);
	EXPECT(got >= 1 && got <= 8192);
	pages_give(pages, other, got);
	EXPECT(pages_take(pages, SIZE_MAX, SIZE_MAX, 1, &got) == NULL);
	EXPECT(pages_take(pages, SIZE_MAX / OS_PAGE_SIZE, SIZE_MAX / OS_PAGE_SIZE, 1, &got) == NULL);
	EXPECT(pages_take(pages, 1, 1, (size_t)1 << 20, &got) == NULL);
	EXPECT(pages_held(pages) <= HELD_MOST);
	pages_destroy(pages);
}

static void every_alignment(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	for (size_t align = 1; align <= 8192; align *= 2) {
		static const size_t sizes[] = {1, 8, 63, 64, 512, 4096};
		for (unsigned i = 0; i < 6; i++) {
			size_t got;
			char *at = pages_take(pages, sizes[i], sizes[i], align, &got);
			REQUIRE(at != NULL);
			EXPECT_EQ((uintptr_t)at & (align * OS_PAGE_SIZE - 1), 0);
			at[0] = at[got * OS_PAGE_SIZE - 1] = 1;
		}
	}
	pages_destroy(pages); /* with all of it taken */
}

static void notes_stay_apart(void)
{
	struct pages *pages = pages_create();
	REQUIRE(pages != NULL);
	enum { BLOCKS = 3000 };
	static char *at[BLOCKS];
	size_t got;
	for (unsigned i = 0; i < BLOCKS; i++) {
		at[i] = pages_take(pages, PAGES_BLOCK, PAGES_BLOCK, PAGES_BLOCK, &got);
		REQUIRE(at[i] != NULL);
		memset(at[i], 0xFF, PAGES_BLOCK * OS_PAGE_SIZE);
		memset(pages_note(at[i]), (int)(i % 251), PAGES_NOTE);
		EXPECT(pages_noted(pages_note(at[i])) == at[i]);
		EXPECT(pages_note(at[i] + PAGES_BLOCK * OS_PAGE_SIZE - 1) == pages_note(at[i]));
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned char *note = pages_note(at[i]);
		EXPECT_EQ(note[0], i % 251);
		EXPECT_EQ(note[PAGES_NOTE - 1], i % 251);
		EXPECT_EQ((unsigned char)at[i][0], 0xFF);
		EXPECT_EQ((unsigned char)at[i][PAGES_BLOCK * OS_PAGE_SIZE - 1], 0xFF);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		pages_give(pages, at[i], PAGES_BLOCK);
	EXPECT(pages_held(pages) <= HELD_MOST);
	pages_destroy(pages);
	pages_destroy(NULL);
}

/* Regions far apart from each other, whose places in the table of regions collide. */
static void regions_far_apart(void)
{
	enum { REGIONS = 30, ROUNDS = 40 };
	struct pages *pages = pages_create();
	char *at[REGIONS], *between[REGIONS];
	size_t size[REGIONS], got;
	struct random random;

	REQUIRE(pages != NULL);
	random_seed(&random, 11);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < REGIONS; i++) {
			size[i] = (size_t)random_between(&random, 1, 24) * PAGES_REGION;
			between[i] = os_pages_reserve(size[i], PAGES_REGION);
			at[i] = pages_take(pages, 8192, 8192, 1, &got);
			REQUIRE(at[i] != NULL && got == 8192);
			at[i][0] = at[i][8192 * OS_PAGE_SIZE - 1] = (char)(round + i);
		}
		for (unsigned left = REGIONS; left > 0; left--) {
			unsigned which = (unsigned)random_below(&random, left);

			EXPECT_EQ(at[which][0], at[which][8192 * OS_PAGE_SIZE - 1]);
			pages_give(pages, at[which], 8192);
			at[which] = at[left - 1];
		}
		for (unsigned i = 0; i < REGIONS; i++)
			if (between[i] != NULL)
				os_pages_release(between[i], size[i]);
	}
	EXPECT(pages_held(pages) <= HELD_MOST);
	pages_destroy(pages);
}

int main(void)
{
	RUN(every_alignment);
	RUN(shorter_rather_than_more);
	RUN(whole_regions_and_beyond);
	RUN(notes_stay_apart);
	RUN(regions_far_apart);
	RUN(memory_comes_back);
	RUN(huge_pages_are_split);
	RUN(random_against_shadow);
	RUN(eight_threads);
	return tests_end();
}
