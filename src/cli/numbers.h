/*
 * numbers: digits on a command line, with suffixes. No sign, no blanks, no overflow.
 */
#ifndef MEMEFS_CLI_NUMBERS_H
#define MEMEFS_CLI_NUMBERS_H

#include <stdint.h>

enum number { NUMBER_OK, NUMBER_WRONG, NUMBER_TOO_BIG };

/* All of `text` as digits of base 8, 10 or 16, at most `most`. */
enum number number_plain(const char *text, unsigned base, uint64_t most, uint64_t *value);

/* Decimal, or hexadecimal behind 0x; "-1" means UINT32_MAX. */
enum number number_u32(const char *text, uint32_t *value);

/* A count: digits with k, m, g or t of any case (powers of 1024), at most INT64_MAX. */
enum number number_count(const char *text, uint64_t *value);

/* A size in bytes: a count, or 1% to 100% of `total`. */
enum number number_size(const char *text, uint64_t total, uint64_t *value);

#endif
