/*
 * test_budget.c: the counter at its edges, and exact under eight threads.
 */
#include "test.h"

#include <pthread.h>

#include "../../src/core/budget.h"
#include "../../src/os/os.h"

enum { THREADS = 8 };

static void takes_up_to_the_limit(void)
{
	struct budget budget;
	budget_init(&budget, 1000, 0);
	EXPECT_EQ(budget_left(&budget), 1000);
	EXPECT(!budget_take(&budget, 1001));
	EXPECT_EQ(budget.used, 0);
	EXPECT(budget_take(&budget, 999));
	EXPECT(!budget_take(&budget, 2));
	EXPECT(budget_take(&budget, 1));
	EXPECT(budget_take(&budget, 0));
	EXPECT(!budget_take(&budget, 1));
	EXPECT(!budget_take(&budget, UINT64_MAX));
	EXPECT_EQ(budget_left(&budget), 0);
	budget_give(&budget, 1000);
	EXPECT_EQ(budget.used, 0);
}

static void takes_some(void)
{
	struct budget budget;
	budget_init(&budget, 1000, 0);
	EXPECT_EQ(budget_take_some(&budget, 100, 1), 100);
	EXPECT_EQ(budget_take_some(&budget, 10000, 512), 512);
	EXPECT_EQ(budget_take_some(&budget, 512, 512), 0);
	EXPECT_EQ(budget_take_some(&budget, 511, 512), 0);
	EXPECT_EQ(budget_take_some(&budget, UINT64_MAX, 100), 300);
	EXPECT_EQ(budget_take_some(&budget, 0, 1), 0);
	EXPECT_EQ(budget_take_some(&budget, UINT64_MAX, UINT64_MAX), 0);
	EXPECT_EQ(budget_take_some(&budget, 1000, 1), 88);
	EXPECT_EQ(budget.used, 1000);
}

static void force_goes_beyond(void)
{
	struct budget budget;
	budget_init(&budget, 100, 0);
	EXPECT(budget_take(&budget, 100));
	budget_force(&budget, 50);
	EXPECT_EQ(budget.used, 150);
	EXPECT_EQ(budget_left(&budget), 0);
	EXPECT(!budget_take(&budget, 1));
	EXPECT(!budget_take(&budget, UINT64_MAX - 149));
	EXPECT_EQ(budget_take_some(&budget, 100, 1), 0);
	EXPECT(budget_take(&budget, 0));
	budget_give(&budget, 51);
	EXPECT_EQ(budget_left(&budget), 1);
	EXPECT(budget_take(&budget, 1));
	budget_give(&budget, 100);
	EXPECT_EQ(budget.used, 0);
}

static void hostile_numbers_do_not_wrap(void)
{
	struct budget budget;
	budget_init(&budget, UINT64_MAX, UINT64_MAX);
	EXPECT(!budget_take(&budget, UINT64_MAX));
	uint64_t all = budget_left(&budget);
	EXPECT(all >= (uint64_t)1 << 62);
	EXPECT(budget_take(&budget, all));
	EXPECT(!budget_take(&budget, 1));
	budget_force(&budget, 4096);
	EXPECT(!budget_take(&budget, UINT64_MAX));
	EXPECT_EQ(budget_take_some(&budget, UINT64_MAX, 1), 0);
	budget_give(&budget, 4096);
	budget_give(&budget, all);
	EXPECT_EQ(budget.used, 0);
	EXPECT(budget_take_node(&budget));
	budget_give_node(&budget);
}

static void memory_is_the_limit_otherwise(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	uint64_t total = os_memory_total();
	uint64_t left = budget_left(&budget);
	EXPECT(left > 0);
	EXPECT(left < total);
	EXPECT(budget.reserve >= total / 16 || budget.reserve == total / 4);
	EXPECT(budget.reserve <= total / 4);
	EXPECT(budget.reserve > 0);
	EXPECT(!budget_take(&budget, total));
	EXPECT(!budget_take(&budget, UINT64_MAX));
	EXPECT(budget_take(&budget, 4096));
	budget_give(&budget, 4096);
	EXPECT_EQ(budget.used, 0);
}

/* A promise has no memory behind it, so a later sample of what is left must not hand it out twice. */
static void promises_hold_at_the_next_sample(void)
{
	struct budget budget;
	budget_init(&budget, 0, 0);
	uint64_t left = budget_left(&budget), part = left / 2;
	REQUIRE(budget_take(&budget, part));
	budget_promise(&budget, part);
	EXPECT_EQ(budget.promised, part);
	/* An old sample: the next question asks the system again. */
	budget.sampled_at = os_clock_milliseconds() - 1000;
	uint64_t rest = budget_left(&budget);
	EXPECT(os_clock_milliseconds() - budget.sampled_at < 900);
	/* Others use memory too; a quarter of slack is plenty. */
	EXPECT(rest <= left - part + left / 4);
	budget_redeem(&budget, part);
	budget_give(&budget, part);
	EXPECT_EQ(budget.promised, 0);
	EXPECT_EQ(budget.used, 0);
}

static void nodes_are_counted(void)
{
	struct budget budget;
	budget_init(&budget, 0, 3);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(budget_take_node(&budget));
	EXPECT(!budget_take_node(&budget));
	EXPECT_EQ(budget.nodes, 3);
	budget_give_node(&budget);
	EXPECT(budget_take_node(&budget));
	for (unsigned i = 0; i < 3; i++)
		budget_give_node(&budget);
	EXPECT_EQ(budget.nodes, 0);
	budget_init(&budget, 0, 0);
	for (unsigned i = 0; i < 1000; i++)
		EXPECT(budget_take_node(&budget));
	EXPECT_EQ(budget.nodes, 1000);
}

static void resizes(void)
{
	struct budget budget;
	budget_init(&budget, 1000, 10);
	EXPECT(budget_take(&budget, 500));
	EXPECT(budget_take_node(&budget));
	EXPECT(budget_take_node(&budget));
	EXPECT(!budget_resize(&budget, 499, 10));
	EXPECT(!budget_resize(&budget, 2000, 1));
	EXPECT_EQ(budget.byte_limit, 1000);
	EXPECT_EQ(budget.node_limit, 10);
	EXPECT(budget_resize(&budget, 500, 2));
	EXPECT(!budget_take(&budget, 1));
	EXPECT(!budget_take_node(&budget));
	EXPECT(budget_resize(&budget, 501, 3));
	EXPECT(budget_take(&budget, 1));
	EXPECT(budget_take_node(&budget));
	EXPECT(budget_resize(&budget, 0, 0));
	EXPECT(budget_left(&budget) > 0);
	EXPECT(budget_take(&budget, 1));
	EXPECT(budget_take_node(&budget));
	EXPECT(budget_resize(&budget, UINT64_MAX, UINT64_MAX));
	EXPECT_EQ(budget.used, 502);
}

struct stress {
	struct budget budget;
	_Atomic unsigned refused;
	_Atomic unsigned over;
};

static void *stress_body(void *argument)
{
	struct stress *stress = argument;
	struct budget *budget = &stress->budget;
	uint64_t mine = 0;
	uint32_t random;
	os_random(&random, sizeof random);
	for (unsigned i = 0; i < 50000; i++) {
		random = random * 1664525 + 1013904223;
		uint64_t bytes = random >> 22;
		if (random & 0x10000) {
			if (budget_take(budget, bytes))
				mine += bytes;
			else
				stress->refused++;
			mine += budget_take_some(budget, bytes, 16);
		} else {
			bytes = bytes * 3 < mine ? bytes * 3 : mine;
			budget_give(budget, bytes);
			mine -= bytes;
		}
		if (atomic_load(&budget->used) > 10000 || mine > 10000)
			stress->over++;
		if (budget_take_node(budget)) {
			if (atomic_load(&budget->nodes) > 5)
				stress->over++;
			budget_give_node(budget);
		}
	}
	budget_give(budget, mine);
	return NULL;
}

static void exact_under_threads(void)
{
	struct stress stress = {.refused = 0};
	budget_init(&stress.budget, 10000, 5);
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, stress_body, &stress) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(stress.budget.used, 0);
	EXPECT_EQ(stress.budget.nodes, 0);
	EXPECT_EQ(stress.over, 0);
	EXPECT(stress.refused > 0);
}

int main(void)
{
	RUN(takes_up_to_the_limit);
	RUN(takes_some);
	RUN(force_goes_beyond);
	RUN(hostile_numbers_do_not_wrap);
	RUN(memory_is_the_limit_otherwise);
	RUN(promises_hold_at_the_next_sample);
	RUN(nodes_are_counted);
	RUN(resizes);
	RUN(exact_under_threads);
	return tests_end();
}
