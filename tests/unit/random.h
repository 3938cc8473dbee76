/*
 * random.h: a small seeded generator, so that a failing run can be repeated exactly.
 *
 * The state is four words; it is filled from one seed by a mixer of its own. Nothing here
 * is fit for secrets.
 */
#ifndef MEMEFS_TEST_RANDOM_H
#define MEMEFS_TEST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct random {
	uint64_t word[4];
};

/* splitmix64: spreads even a seed of 0 or 1 over all bits. */
static inline uint64_t random_mix(uint64_t *state)
{
	uint64_t value = *state += 0x9E3779B97F4A7C15u;

	value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
	value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
	return value ^ (value >> 31);
}

static inline void random_seed(struct random *random, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		random->word[i] = random_mix(&seed);
}

static inline uint64_t random_rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

/* xoshiro256**: 64 fresh bits. */
static inline uint64_t random_next(struct random *random)
{
	uint64_t *word = random->word;
	uint64_t result = random_rotate(word[1] * 5, 7) * 9;
	uint64_t shifted = word[1] << 17;

	word[2] ^= word[0];
	word[3] ^= word[1];
	word[1] ^= word[2];
	word[0] ^= word[3];
	word[2] ^= shifted;
	word[3] = random_rotate(word[3], 45);
	return result;
}

/* 0 .. limit - 1; 0 for a limit of 0. The tiny bias of the remainder does not matter here. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return limit ? random_next(random) % limit : 0;
}

/* low .. high, both included. */
static inline uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
	return low + random_below(random, high - low + 1);
}

/* True in `percent` of 100 cases. */
static inline bool random_percent(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

static inline void random_fill(struct random *random, void *to, size_t size)
{
	unsigned char *at = to;

	while (size >= sizeof(uint64_t)) {
		uint64_t value = random_next(random);

		memcpy(at, &value, sizeof(value));
		at += sizeof(value);
		size -= sizeof(value);
	}
	for (uint64_t value = random_next(random); size; size--, value >>= 8)
		*at++ = (unsigned char)value;
}

#endif
