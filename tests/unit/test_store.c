/*
 * test_store.c: the sector store against plain bytes. After each step the whole map is gone through for
 * what its header promises: order of runs, pages, charges, zeros.
 */
#include "test.h"

#include "random.h"
#include "sectors.h"

enum { SECTORS = 2048, AREA = SECTORS * 512, PER_PAGE = 8, PAGE = 4096, RUN_CHARGE = 32 };

/* What the model knows of a sector. */
enum state {
	HOLE,	  /* nothing is stored */
	PROMISED, /* charged, no memory */
	DATA,	  /* written */
	MAYBE	  /* was written and cleared: zero, and stored or not */
};

static const struct tree_kind runs_kind = {.item_size = sizeof(struct run), .tie = NULL};

struct bench {
	struct budget budget;
	struct pool *pool;
	struct store store;
	struct sectors map;
	struct random random;
	size_t area;	      /* bytes that the test plays in */
	uint64_t base, shift; /* bytes charged apart from the map; sectors that all offsets are shifted by */
	unsigned char bytes[AREA], got[AREA];
	unsigned char state[SECTORS];
	const unsigned char *memory[SECTORS]; /* where a written sector is: it never moves */
};

static struct bench *bench_make(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	REQUIRE(bench);
	budget_init(&bench->budget, 0, 0);
	bench->pool = pool_create(&bench->budget);
	REQUIRE(bench->pool);
	bench->store = (struct store){bench->pool, &bench->budget};
	return bench;
}

static void bench_begin(struct bench *bench, uint64_t seed, size_t area, uint64_t shift)
{
	bench->map = (struct sectors){.runs = 0};
	bench->area = area;
	bench->shift = shift * 512;
	random_seed(&bench->random, seed);
	memset(bench->bytes, 0, area);
	memset(bench->state, HOLE, sizeof(bench->state));
	REQUIRE(budget_resize(&bench->budget, 0, 0));
}

static void bench_end(struct bench *bench)
{
	sectors_free(&bench->store, &bench->map);
	EXPECT_EQ(bench->map.runs, 0);
	EXPECT_EQ(bench->map.stored, 0);
	EXPECT_EQ(bench->budget.used, 0);
	EXPECT_EQ(bench->budget.promised, 0);
}

static void bench_free(struct bench *bench)
{
	pool_destroy(bench->pool);
	free(bench);
}

/* ---- invariants ------------------------------------------------------------------ */

static const struct run *first_run(const struct sectors *map, struct tree_place *place)
{
	if (map->runs < 2)
		return map->runs ? &map->one : NULL;
	tree_seek(&map->many, &runs_kind, 0, NULL, place);
	return tree_item(&map->many, &runs_kind, place);
}

static const struct run *next_run(const struct sectors *map, struct tree_place *place)
{
	return map->runs < 2 ? NULL : tree_next(&map->many, &runs_kind, place);
}

static void check_run(const struct run *run, uint64_t behind)
{
	EXPECT(run->start >= behind);
	EXPECT(run->count > 0);
	if (!run->memory) {
		EXPECT_EQ(run->room, 0);
		return;
	}
	EXPECT(run->room >= run->count);
	EXPECT_EQ((uintptr_t)run->memory % 16, 0);
	if (run->room >= PER_PAGE) {
		EXPECT_EQ(run->room % PER_PAGE, 0);
		EXPECT_EQ(run->start % PER_PAGE, 0);
		EXPECT_EQ((uintptr_t)run->memory % PAGE, 0);
	} else {
		EXPECT(run->start % PER_PAGE + run->count <= PER_PAGE);
	}
}

/* A stored sector is one that the model expects there, in the place where it always was. */
static void check_sector(struct bench *bench, uint64_t sector, const unsigned char *memory)
{
	REQUIRE(sector < SECTORS);
	switch (bench->state[sector]) {
	case HOLE:
		REQUIRE(!"stored");
		break;
	case PROMISED:
		EXPECT(!memory);
		break;
	case DATA:
		REQUIRE(memory);
		EXPECT(!bench->memory[sector] || bench->memory[sector] == memory);
		bench->memory[sector] = memory;
		break;
	default:
		EXPECT(memory);
	}
	if (memory)
		REQUIRE(memcmp(memory, bench->bytes + sector * 512, 512) == 0);
}

static void check_runs(struct bench *bench)
{
	uint64_t stored = 0, promised = 0, behind = 0, runs = 0, at = 0;
	struct tree_place place;
	const struct run *run = first_run(&bench->map, &place);

	for (; run; run = next_run(&bench->map, &place), runs++) {
		check_run(run, behind);
		for (uint32_t i = 0; i < run->count; i++) {
			uint64_t sector = run->start + i - bench->shift / 512;

			for (; at < sector; at++)
				EXPECT(bench->state[at] == HOLE || bench->state[at] == MAYBE);
			check_sector(bench, sector, run->memory ? run->memory + (size_t)i * 512 : NULL);
			at++;
		}
		behind = run->start + run->count;
		stored += run->count;
		promised += run->memory ? 0 : run->count;
	}
	for (; at < SECTORS; at++)
		EXPECT(bench->state[at] == HOLE || bench->state[at] == MAYBE);
	EXPECT_EQ(runs, bench->map.runs);
	EXPECT_EQ(stored, bench->map.stored);
	EXPECT_EQ(promised * 512, bench->budget.promised);
	EXPECT_EQ(bench->budget.used, stored * 512 + (runs > 1 ? (runs - 1) * RUN_CHARGE : 0));
}

static void check_read(struct bench *bench, size_t offset, size_t size)
{
	struct mfs_piece pieces[16];
	size_t bytes, at = 0, count, most = random_between(&bench->random, 1, 16);

	memset(bench->got, 0xee, size);
	sectors_read(&bench->map, bench->shift + offset, bench->got, size);
	REQUIRE(memcmp(bench->got, bench->bytes + offset, size) == 0);
	count = sectors_pieces(&bench->map, bench->shift + offset, size, pieces, most, &bytes);
	REQUIRE(count <= most && bytes <= size && (count == most || bytes == size));
	for (size_t i = 0; i < count; at += pieces[i++].size) {
		EXPECT(pieces[i].size > 0);
		REQUIRE(memcmp(pieces[i].data, bench->bytes + offset + at, pieces[i].size) == 0);
	}
	EXPECT_EQ(at, bytes);
}

static bool stored_as(const struct bench *bench, size_t sector, bool data)
{
	return data ? bench->state[sector] == DATA
		    : bench->state[sector] == HOLE || bench->state[sector] == PROMISED;
}

/* What next_data and next_hole tell is what the sectors are; what may be either is not passed over wrongly.
 */
static void check_next(const struct bench *bench, size_t offset, bool data)
{
	uint64_t told = data ? sectors_next_data(&bench->map, bench->shift + offset)
			     : sectors_next_hole(&bench->map, bench->shift + offset);
	size_t sector = offset / 512, end = bench->area / 512;
	uint64_t found = told == UINT64_MAX ? UINT64_MAX : told - bench->shift;

	for (; sector < end && sector < found / 512; sector++)
		EXPECT(!stored_as(bench, sector, data));
	if (told == UINT64_MAX) {
		EXPECT(data);
		return;
	}
	EXPECT(found >= offset);
	EXPECT(found == offset || found % 512 == 0);
	if (found / 512 < end)
		EXPECT(!stored_as(bench, found / 512, !data));
	else
		EXPECT(!data);
}

static void check(struct bench *bench)
{
	size_t offset = random_below(&bench->random, bench->area);

	check_runs(bench);
	check_read(bench, 0, bench->area);
	check_read(bench, offset, random_between(&bench->random, 1, bench->area - offset));
	check_next(bench, offset, true);
	check_next(bench, offset, false);
}

/* ---- steps -------------------------------------------------------------------------- */

/* A range: often small, often at borders of sectors or pages. */
static void range(struct bench *bench, size_t *offset, size_t *size)
{
	static const size_t grains[] = {1, 1, 512, PAGE};
	size_t grain = grains[random_below(&bench->random, 4)];
	size_t most = random_percent(&bench->random, 70) ? 3 * PAGE : bench->area;

	*offset = random_below(&bench->random, bench->area / grain) * grain;
	*size = random_between(&bench->random, 1, most);
	if (random_percent(&bench->random, 50))
		*size = (*size + grain - 1) / grain * grain;
	if (*size > bench->area - *offset)
		*size = bench->area - *offset;
}

/* Sets how much more may be charged. */
static void limit(struct bench *bench, uint64_t more)
{
	REQUIRE(budget_resize(&bench->budget, bench->budget.used + more + 1, 0));
}

static void do_write(struct bench *bench, bool all, uint64_t more)
{
	size_t offset, size, done;

	range(bench, &offset, &size);
	random_fill(&bench->random, bench->got, size);
	limit(bench, more);
	done = sectors_write(&bench->store, &bench->map, bench->shift + offset, bench->got, size, all);
	EXPECT(done <= size && (!all || done == 0 || done == size));
	/* What did not fit had no room: less than a sector and a run's charge is left. */
	if (done < size && !all)
		EXPECT(budget_left(&bench->budget) < 512 + RUN_CHARGE);
	memcpy(bench->bytes + offset, bench->got, done);
	for (size_t sector = offset / 512; done && sector <= (offset + done - 1) / 512; sector++) {
		if (bench->state[sector] != DATA)
			bench->memory[sector] = NULL;
		bench->state[sector] = DATA;
	}
}

static void do_promise(struct bench *bench, uint64_t more)
{
	size_t offset, size, need = 0, maybe = 0;
	bool done;

	range(bench, &offset, &size);
	limit(bench, more);
	done = sectors_promise(&bench->store, &bench->map, bench->shift + offset,
			       bench->shift + offset + size);
	for (size_t sector = offset / 512; sector <= (offset + size - 1) / 512; sector++) {
		need += bench->state[sector] == HOLE;
		maybe += bench->state[sector] == MAYBE;
		if (done && bench->state[sector] == HOLE)
			bench->state[sector] = PROMISED;
		/* A sector that was cleared is now either still in memory or promised. */
		if (done && bench->state[sector] == MAYBE) {
			uint64_t at = bench->shift + sector * 512;

			bench->state[sector] = sectors_next_data(&bench->map, at) == at ? MAYBE : PROMISED;
		}
	}
	EXPECT(done || (need + maybe) * 512 > more);
	if (need * 512 > more + 1)
		EXPECT(!done);
}

/* The model of a clear: whole pages go, what is less may stay in memory. */
static void model_clear(struct bench *bench, size_t offset, size_t size)
{
	size_t first = (offset + 511) / 512, last = (offset + size) / 512;

	memset(bench->bytes + offset, 0, size);
	for (size_t sector = first; sector < last; sector++) {
		size_t page = sector / PER_PAGE * PER_PAGE;
		bool whole = page >= first && page + PER_PAGE <= last;

		if (whole || bench->state[sector] == PROMISED)
			bench->state[sector] = HOLE;
		else if (bench->state[sector] != HOLE)
			bench->state[sector] = MAYBE;
	}
}

static void do_clear(struct bench *bench)
{
	size_t offset, size;

	range(bench, &offset, &size);
	if (random_percent(&bench->random, 25))
		size = bench->area - offset;
	limit(bench, 0);
	sectors_clear(&bench->store, &bench->map, bench->shift + offset, bench->shift + offset + size);
	model_clear(bench, offset, size);
	/* To the end, everything goes that is not within the first sector. */
	if (offset + size == bench->area)
		for (size_t sector = (offset + 511) / 512; sector < bench->area / 512; sector++)
			bench->state[sector] = HOLE;
}

static void model_move(struct bench *bench, size_t to, size_t from)
{
	size_t end = bench->area - (to > from ? to : from);

	memmove(bench->bytes + to, bench->bytes + from, end);
	memmove(bench->state + to / 512, bench->state + from / 512, end / 512);
	memmove(bench->memory + to / 512, bench->memory + from / 512, end / 512 * sizeof(bench->memory[0]));
}

static void do_collapse(struct bench *bench)
{
	size_t pages = bench->area / PAGE, at = random_below(&bench->random, pages - 1) * PAGE;
	size_t size = random_between(&bench->random, 1, (bench->area - at) / PAGE - 1) * PAGE;

	sectors_clear(&bench->store, &bench->map, bench->shift + at, bench->shift + at + size);
	model_clear(bench, at, size);
	limit(bench, 0);
	REQUIRE(sectors_shift(&bench->store, &bench->map, bench->shift + at + size, -(int64_t)size));
	model_move(bench, at, at + size);
	memset(bench->bytes + bench->area - size, 0, size);
	memset(bench->state + (bench->area - size) / 512, HOLE, size / 512);
}

static void do_insert(struct bench *bench)
{
	size_t pages = bench->area / PAGE, at = random_below(&bench->random, pages - 1) * PAGE;
	size_t size = random_between(&bench->random, 1, (bench->area - at) / PAGE - 1) * PAGE;

	/* What would be pushed out goes first. */
	sectors_clear(&bench->store, &bench->map, bench->shift + bench->area - size, UINT64_C(1) << 63);
	model_clear(bench, bench->area - size, size);
	limit(bench, 0);
	REQUIRE(sectors_shift(&bench->store, &bench->map, bench->shift + at, (int64_t)size));
	model_move(bench, at + size, at);
	memset(bench->bytes + at, 0, size);
	memset(bench->state + at / 512, HOLE, size / 512);
}

static void step(struct bench *bench)
{
	uint64_t more = random_percent(&bench->random, 80) ? UINT64_C(1) << 40
							   : random_below(&bench->random, 8 * PAGE);

	switch (random_below(&bench->random, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		do_write(bench, false, more);
		break;
	case 4:
	case 5:
		do_write(bench, true, more);
		break;
	case 6:
		do_promise(bench, more);
		break;
	case 7:
	case 8:
		do_clear(bench);
		break;
	case 9:
		do_collapse(bench);
		break;
	case 10:
		do_insert(bench);
		break;
	default:
		sectors_trim(&bench->store, &bench->map);
	}
}

static void one_run(struct bench *bench, uint64_t seed, size_t area, unsigned steps, uint64_t shift)
{
	unsigned before = tests.faults;

	bench_begin(bench, seed, area, shift);
	for (unsigned i = 0; i < steps && tests.faults == before; i++) {
		step(bench);
		check(bench);
	}
	if (tests.faults != before)
		printf("# seed %" PRIu64 ", %zu bytes\n", seed, area);
	bench_end(bench);
}

/* ---- tests --------------------------------------------------------------------------- */

static void random_small(void)
{
	struct bench *bench = bench_make();

	for (uint64_t seed = 0; seed < 2500 && !tests.faults; seed++)
		one_run(bench, seed, 8 * PAGE, 25, 0);
	for (uint64_t seed = 0; seed < 400 && !tests.faults; seed++)
		one_run(bench, 10000 + seed, 32 * PAGE, 60, seed % 2 ? (UINT64_C(1) << 54) - SECTORS : 0);
	bench_free(bench);
}

static void random_large(void)
{
	struct bench *bench = bench_make();

	for (uint64_t seed = 0; seed < 40 && !tests.faults; seed++)
		one_run(bench, 20000 + seed, AREA, 60, seed % 2 ? UINT64_C(1) << 33 : 0);
	bench_free(bench);
}

/* A run for every other sector: hundreds of runs, then holes and memory in all orders. */
static void many_runs(void)
{
	struct bench *bench = bench_make();

	for (uint64_t seed = 0; seed < 12 && !tests.faults; seed++) {
		bench_begin(bench, seed, AREA, 0);
		for (size_t i = 0; i < SECTORS / 2; i++) {
			size_t sector = seed % 3 == 0	? 2 * i
					: seed % 3 == 1 ? SECTORS - 2 - 2 * i
							: i * 646 % SECTORS;

			random_fill(&bench->random, bench->bytes + sector * 512, 512);
			EXPECT_EQ(sectors_write(&bench->store, &bench->map, sector * 512,
						bench->bytes + sector * 512, 512, i % 2),
				  512);
			bench->memory[sector] = NULL;
			bench->state[sector] = DATA;
		}
		check(bench);
		EXPECT(bench->map.runs >= SECTORS / 16);
		for (unsigned i = 0; i < 50 && !tests.faults; i++) {
			step(bench);
			check(bench);
		}
		bench_end(bench);
	}
	bench_free(bench);
}

/* What a promise is redeemed by, from the front, the back and the middle; a promise longer than a run can
 * count. */
static void promises(void)
{
	struct bench *bench = bench_make();
	uint64_t huge = UINT64_C(5) << 40;
	unsigned char byte = 7;

	for (uint64_t seed = 0; seed < 300 && !tests.faults; seed++) {
		bench_begin(bench, seed, 64 * PAGE, 0);
		EXPECT(sectors_promise(&bench->store, &bench->map, 0, bench->area));
		memset(bench->state, PROMISED, bench->area / 512);
		check(bench);
		for (unsigned i = 0; i < 30; i++) {
			uint64_t used = bench->budget.used - (bench->map.runs - 1) * RUN_CHARGE;

			/* Writing to what is promised needs no more than the runs' own charges. */
			do_write(bench, i % 2, 0);
			EXPECT_EQ(bench->budget.used - (bench->map.runs - 1) * RUN_CHARGE, used);
			check(bench);
		}
		bench_end(bench);
	}
	bench_begin(bench, 1, AREA, 0);
	REQUIRE(budget_resize(&bench->budget, UINT64_C(1) << 50, 0));
	EXPECT(sectors_promise(&bench->store, &bench->map, 0, huge));
	EXPECT_EQ(bench->map.stored, huge / 512);
	EXPECT_EQ(bench->budget.promised, huge);
	EXPECT(!sectors_promise(&bench->store, &bench->map, 0, UINT64_C(1) << 60));
	EXPECT_EQ(bench->budget.promised, huge);
	EXPECT_EQ(sectors_write(&bench->store, &bench->map, huge / 2, &byte, 1, true), 1);
	EXPECT_EQ(sectors_next_data(&bench->map, 0), huge / 2);
	EXPECT_EQ(bench->budget.promised, huge - 512);
	bench_end(bench);
	bench_free(bench);
}

/* A big append is few runs; growing keeps room, which a trim gives back. */
static void appends(void)
{
	enum { PIECE = 128 * 1024, PIECES = 320 };
	struct bench *bench = bench_make();
	unsigned char *piece = malloc(PIECE), *back = malloc(PIECE);
	uint64_t held;

	REQUIRE(piece && back);
	bench_begin(bench, 3, AREA, 0);
	for (unsigned i = 0; i < PIECES; i++) {
		memset(piece, (int)(i % 251) + 1, PIECE);
		EXPECT_EQ(sectors_write(&bench->store, &bench->map, (uint64_t)i * PIECE, piece, PIECE, i % 2),
			  PIECE);
	}
	EXPECT(bench->map.runs <= 64);
	EXPECT_EQ(bench->map.stored * 512, (uint64_t)PIECE * PIECES);
	EXPECT_EQ(bench->budget.used, (uint64_t)PIECE * PIECES + (bench->map.runs - 1) * RUN_CHARGE);
	sectors_trim(&bench->store, &bench->map);
	EXPECT(!bench->map.roomy);
	held = pages_held(pool_pages(bench->pool));
	EXPECT(held < (uint64_t)PIECE * PIECES * 9 / 8);
	for (unsigned i = 0; i < PIECES; i++) {
		memset(piece, (int)(i % 251) + 1, PIECE);
		sectors_read(&bench->map, (uint64_t)i * PIECE, back, PIECE);
		REQUIRE(memcmp(piece, back, PIECE) == 0);
	}
	bench_end(bench);
	/* Byte by byte at the end, as a log does. */
	bench_begin(bench, 4, AREA, 0);
	for (uint64_t i = 0; i < 20000; i++) {
		unsigned char byte = (unsigned char)(i * 7);

		REQUIRE(sectors_write(&bench->store, &bench->map, i, &byte, 1, false) == 1);
	}
	for (uint64_t i = 0; i < 20000; i++) {
		unsigned char byte;

		sectors_read(&bench->map, i, &byte, 1);
		EXPECT_EQ(byte, (unsigned char)(i * 7));
	}
	EXPECT_EQ(bench->map.stored, (20000 + 511) / 512);
	EXPECT(bench->map.runs < 16);
	bench_end(bench);
	free(piece);
	free(back);
	bench_free(bench);
}

/* Memory that held something else before never shows: not behind a short write, a cut, nor in room to grow.
 */
static void stale_bytes(void)
{
	struct bench *bench = bench_make();

	for (uint64_t seed = 0; seed < 200 && !tests.faults; seed++) {
		struct sectors dirty = {.runs = 0};

		bench_begin(bench, seed, 16 * PAGE, 0);
		memset(bench->got, 0xdd, bench->area);
		for (unsigned i = 0; i < 8; i++) {
			size_t size = random_between(&bench->random, 1, bench->area);

			REQUIRE(sectors_write(&bench->store, &dirty, 0, bench->got, size, false) == size);
			sectors_free(&bench->store, &dirty);
		}
		for (unsigned i = 0; i < 12; i++) {
			do_write(bench, i % 3 == 0, UINT64_C(1) << 40);
			check_read(bench, 0, bench->area);
			do_clear(bench);
			check(bench);
		}
		bench_end(bench);
	}
	bench_free(bench);
}

int main(void)
{
	RUN(random_small);
	RUN(random_large);
	RUN(many_runs);
	RUN(promises);
	RUN(appends);
	RUN(stale_bytes);
	return tests_end();
}
