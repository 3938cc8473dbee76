/*
 * test_pool.c: objects of every size against a shadow; charges exact; memory given back.
 */
#include "test.h"

#include <pthread.h>

#include "../../src/core/pool.h"
#include "../../src/os/os.h"

static uint32_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

static void rounds_by_class(void)
{
	size_t last = 0;
	for (size_t size = 1; size <= 20000; size++) {
		size_t rounded = pool_rounded(size);
		EXPECT(rounded >= size);
		EXPECT(rounded >= last);
		EXPECT_EQ(rounded % 16, 0);
		EXPECT_EQ(pool_rounded(rounded), rounded);
		EXPECT(rounded - size < (size <= 256	? 16U
					 : size <= 512	? 64U
					 : size <= 1024 ? 128U
					 : size <= 3584 ? 512U
							: 4096U));
		last = rounded;
	}
	EXPECT_EQ(pool_rounded(200), 208);
	EXPECT_EQ(pool_rounded(257), 320);
	EXPECT_EQ(pool_rounded(513), 640);
	EXPECT_EQ(pool_rounded(1025), 1536);
	EXPECT_EQ(pool_rounded(3585), 4096);
	EXPECT_EQ(pool_rounded(4097), 8192);
}

/* Every size up to some pages: writable to the last byte, aligned, apart, charged as rounded. */
static void every_size(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	enum { MOST = 9000 };
	static unsigned char *objects[MOST + 1];
	uint64_t sum = 0;
	for (size_t size = 1; size <= MOST; size++) {
		objects[size] = pool_take(pool, size);
		REQUIRE(objects[size] != NULL);
		EXPECT_EQ((uintptr_t)objects[size] & 15, 0);
		memset(objects[size], (int)(size % 251), size);
		sum += pool_rounded(size);
		EXPECT_EQ(budget.used, sum);
	}
	for (size_t size = 1; size <= MOST; size++) {
		unsigned wrong = 0;
		for (size_t i = 0; i < size; i++)
			wrong += objects[size][i] != size % 251;
		EXPECT_EQ(wrong, 0);
		pool_give(pool, objects[size], size);
	}
	EXPECT_EQ(budget.used, 0);
	pool_destroy(pool);
}

static void zeroed_is_zero(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	static const size_t sizes[] = {1, 16, 100, 700, 3584, 5000, 100000};
	for (unsigned i = 0; i < 7; i++) {
		unsigned char *object = pool_take(pool, sizes[i]);
		REQUIRE(object != NULL);
		memset(object, 0xAA, sizes[i]);
		pool_give(pool, object, sizes[i]);
		object = pool_take_zeroed(pool, sizes[i]);
		REQUIRE(object != NULL);
		unsigned wrong = 0;
		for (size_t k = 0; k < sizes[i]; k++)
			wrong += object[k] != 0;
		EXPECT_EQ(wrong, 0);
		pool_give(pool, object, sizes[i]);
	}
	pool_give(pool, NULL, 100);
	pool_give_raw(pool, NULL, 100);
	EXPECT_EQ(budget.used, 0);
	pool_destroy(pool);
}

static void charges_and_limits(void)
{
	struct budget budget;
	budget_init(&budget, 10000, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	char *a = pool_take(pool, 5000);
	REQUIRE(a != NULL);
	EXPECT_EQ(budget.used, 8192);
	EXPECT(pool_take(pool, 1800) == NULL); /* 2048 do not fit, 1808 would */
	EXPECT(pool_take_zeroed(pool, 4000) == NULL);
	EXPECT_EQ(budget.used, 8192);
	char *b = pool_take(pool, 1536);
	REQUIRE(b != NULL);
	EXPECT_EQ(budget.used, 9728);
	char *c = pool_take_forced(pool, 1000);
	REQUIRE(c != NULL);
	EXPECT_EQ(budget.used, 10752);
	EXPECT(pool_take(pool, 1) == NULL);
	char *d = pool_take_raw(pool, 100);
	char *e = pool_take_raw(pool, 50000);
	REQUIRE(d != NULL && e != NULL);
	memset(e, 1, 50000);
	EXPECT_EQ(budget.used, 10752);
	pool_give_raw(pool, d, 100);
	pool_give_raw(pool, e, 50000);
	pool_give(pool, c, 1000);
	pool_give(pool, a, 5000);
	pool_give(pool, b, 1536);
	EXPECT_EQ(budget.used, 0);
	pool_destroy(pool);
}

/* What the system cannot give is not charged either. */
static void memory_failure_undoes_the_charge(void)
{
	struct budget budget;
	budget_init(&budget, UINT64_MAX, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, SIZE_MAX / 4};
	for (unsigned i = 0; i < 4; i++) {
		EXPECT(pool_take(pool, sizes[i]) == NULL);
		EXPECT(pool_take_forced(pool, sizes[i]) == NULL);
		EXPECT(pool_take_raw(pool, sizes[i]) == NULL);
		EXPECT_EQ(budget.used, 0);
	}
	pool_destroy(pool);
	pool_destroy(NULL);
}

static void dense_and_given_back(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	enum { COUNT = 100000 };
	void **objects = calloc(COUNT, sizeof *objects);
	REQUIRE(objects != NULL);
	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = pool_take(pool, 200);
		REQUIRE(objects[i] != NULL);
		memset(objects[i], 1, 200);
	}
	EXPECT_EQ(budget.used, (uint64_t)208 * COUNT);
	EXPECT(pages_held(pool_pages(pool)) < (uint64_t)208 * COUNT / 100 * 103);
	/* Every second, then the rest: slabs fall empty only now. */
	for (unsigned i = 0; i < COUNT; i += 2)
		pool_give(pool, objects[i], 200);
	for (unsigned i = 1; i < COUNT; i += 2)
		pool_give(pool, objects[i], 200);
	EXPECT_EQ(budget.used, 0);
	EXPECT(pages_held(pool_pages(pool)) <= 6 << 20);
	free(objects);
	pool_destroy(pool);
}

struct job {
	struct pool *pool;
	_Atomic unsigned broken;
	os_lock lock;
	struct object {
		unsigned char *at;
		size_t size;
		unsigned char mark;
	} shared[64]; /* (lock) given back by other threads than took them */
};

static bool intact(const struct object *object)
{
	for (size_t i = 0; i < object->size; i++) {
		if (object->at[i] != object->mark)
			return false;
	}
	return true;
}

static struct object take_one(struct job *job, uint64_t *state)
{
	struct object object = {.size = 1 + next(state) % (next(state) % 16 == 0 ? 20000 : 600),
				.mark = (unsigned char)next(state)};
	object.at = pool_take(job->pool, object.size);
	REQUIRE(object.at != NULL);
	if (((uintptr_t)object.at & 15) != 0)
		job->broken++;
	memset(object.at, object.mark, object.size);
	return object;
}

static void give_one(struct job *job, struct object *object)
{
	if (object->at == NULL)
		return;
	if (!intact(object))
		job->broken++;
	pool_give(job->pool, object->at, object->size);
	object->at = NULL;
}

static void *churn(void *argument)
{
	struct job *job = argument;
	uint64_t state;
	os_random(&state, sizeof state);
	struct object mine[100] = {0};
	for (unsigned i = 0; i < 20000; i++) {
		struct object *object = &mine[next(&state) % 100];
		if (object->at == NULL) {
			*object = take_one(job, &state);
			continue;
		}
		if (next(&state) % 4 == 0) {
			struct object *other = &job->shared[next(&state) % 64];
			os_lock_exclusive(&job->lock);
			struct object swap = *other;
			*other = *object;
			*object = swap;
			os_unlock_exclusive(&job->lock);
		}
		give_one(job, object);
	}
	for (unsigned i = 0; i < 100; i++)
		give_one(job, &mine[i]);
	return NULL;
}

static void eight_threads(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	struct job job = {.pool = pool_create(&budget)};
	REQUIRE(job.pool != NULL);
	pthread_t threads[8];
	for (unsigned i = 0; i < 8; i++)
		REQUIRE(pthread_create(&threads[i], NULL, churn, &job) == 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 64; i++)
		give_one(&job, &job.shared[i]);
	EXPECT_EQ(job.broken, 0);
	EXPECT_EQ(budget.used, 0);
	/* 4 MiB warm, the notes, and 32 slabs that lanes keep. */
	EXPECT(pages_held(pool_pages(job.pool)) <= 6 << 20);
	pool_destroy(job.pool);
}

static void destroys_what_is_taken(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	struct pool *pool = pool_create(&budget);
	REQUIRE(pool != NULL);
	uint64_t state = 5;
	struct job job = {.pool = pool};
	for (unsigned i = 0; i < 5000; i++)
		take_one(&job, &state);
	pool_destroy(pool);
}

int main(void)
{
	RUN(rounds_by_class);
	RUN(every_size);
	RUN(zeroed_is_zero);
	RUN(charges_and_limits);
	RUN(memory_failure_undoes_the_charge);
	RUN(dense_and_given_back);
	RUN(eight_threads);
	RUN(destroys_what_is_taken);
	return tests_end();
}
