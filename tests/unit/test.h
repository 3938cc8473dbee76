/*
 * test.h: what a test program needs, in TAP.
 *
 * A program is a row of RUN(function) between tests_begin and `return tests_end();`.
 * EXPECT notes a failure with file and line and goes on; the function then counts as failed.
 */
#ifndef MEMEFS_TEST_H
#define MEMEFS_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned run, failed;
	_Atomic unsigned faults; /* of the running test */
} tests;

#define EXPECT(condition)                                                                                    \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
			tests.faults++;                                                                      \
		}                                                                                            \
	} while (0)

#define EXPECT_EQ(actual, expected)                                                                          \
	do {                                                                                                 \
		uintmax_t actual_ = (uintmax_t)(actual), expected_ = (uintmax_t)(expected);                  \
		if (actual_ != expected_) {                                                                  \
			printf("# %s:%d: %s is %" PRIuMAX ", not %" PRIuMAX "\n", __FILE__, __LINE__, #actual, \
			       actual_, expected_);                                                          \
			tests.faults++;                                                                      \
		}                                                                                            \
	} while (0)

/* For what the rest of a test stands on. */
#define REQUIRE(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			printf("# %s:%d: %s (required)\nBail out!\n", __FILE__, __LINE__, #condition);       \
			fflush(stdout);                                                                      \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

#define RUN(function)                                                                                        \
	do {                                                                                                 \
		tests.faults = 0;                                                                            \
		function();                                                                                  \
		tests.run++;                                                                                 \
		tests.failed += tests.faults != 0;                                                           \
		printf("%sok %u - %s\n", tests.faults ? "not " : "", tests.run, #function);                  \
		fflush(stdout);                                                                              \
	} while (0)

static inline int tests_end(void)
{
	printf("1..%u\n", tests.run);
	return tests.failed != 0;
}

#endif
