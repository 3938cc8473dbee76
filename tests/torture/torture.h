/*
 * torture: what the programs that work a mounted file system hard share: chance, time, and how they fail.
 * A file system has failed when it does what it must not; then the program ends with status 1 and says
 * what, with the seed that its run can be repeated with.
 */
#ifndef TORTURE_H
#define TORTURE_H

#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* xorshift64*: never 0. */
struct chance {
	uint64_t state;
};

static inline struct chance chance_of(uint64_t seed)
{
	struct chance chance = {seed * UINT64_C(0x9E3779B97F4A7C15) | 1};

	return chance;
}

static inline uint32_t any(struct chance *chance)
{
	uint64_t x = chance->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	chance->state = x;
	return (uint32_t)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 32);
}

static inline uint32_t below(struct chance *chance, uint32_t limit)
{
	return any(chance) % limit;
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* For what is not the file system's fault: the program cannot do its work. */
static inline _Noreturn void cannot(const char *what)
{
	fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
	exit(2);
}

#endif
