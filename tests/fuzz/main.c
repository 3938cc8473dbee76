/*
 * main: a fuzz target as a program of its own, where there is no libFuzzer.
 *
 * fuzz_NAME FILE...                   runs the target on each file
 * fuzz_NAME --random COUNT [SEED]     on noise: the same rows of bytes for the same seed
 *
 * Ends with status 0 when all went well; a finding aborts.
 */
#include <string.h>

#include "fuzz.h"

enum { LONGEST = 4096 };

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t x = *state += 0x9E3779B97F4A7C15u;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

/* In a block of exactly its size. */
static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	MUST(copy);
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_random(unsigned long long count, uint64_t seed)
{
	static uint8_t bytes[LONGEST];

	for (unsigned long long i = 0; i < count; i++) {
		size_t size = (size_t)(next(&seed) % LONGEST);

		for (size_t at = 0; at < size; at++)
			bytes[at] = (uint8_t)next(&seed);
		run(bytes, size);
	}
	printf("%llu random inputs\n", count);
}

static int run_file(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	run(bytes, size);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc > 2 && strcmp(argv[1], "--random") == 0) {
		run_random(strtoull(argv[2], NULL, 0), argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		status |= run_file(argv[i]);
	printf("%d files\n", argc - 1);
	return status;
}
