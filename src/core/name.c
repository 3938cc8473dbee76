/*
 * name.c: what may be a name, which names are the same, and in which order they stand.
 *
 * On the way of every open, so ASCII, the common case, is handled eight bytes at a time; anything
 * else goes through utf.h, one unit at a time. Must never know directories or nodes.
 */
#include "name.h"

#include <string.h>

#include "upcase.h"
#include "utf.h"

/* ---- eight bytes in a word ------------------------------------------------------ */

#define ONES UINT64_C(0x0101010101010101)
#define HIGH_BITS (ONES << 7)

static inline uint64_t load_64(const unsigned char *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof word);
	return word;
}

/* 1..7 bytes as a word that holds each of them; what is left over is ASCII and no letter. */
static inline uint64_t load_few(const unsigned char *from, size_t size)
{
	if (size >= 4) {
		uint32_t first, last;

		memcpy(&first, from, sizeof first);
		memcpy(&last, from + size - 4, sizeof last);
		return (uint64_t)last << 32 | first;
	}
	return UINT64_C(0x3030303030000000) | (uint64_t)from[size - 1] << 16 | (uint64_t)from[size / 2] << 8 |
	       from[0];
}

/* The word at `at` of a name of `size` bytes, at < size: eight bytes from there, or what is left
 * of them, perhaps with some before them. Never touches a byte outside the name. */
static inline uint64_t load_at(const unsigned char *name, size_t size, size_t at)
{
	if (size < 8)
		return load_few(name, size);
	return load_64(name + (size - at >= 8 ? at : size - 8));
}

/* Eight ASCII characters in upper case. */
static inline uint64_t upper_64(uint64_t word)
{
	uint64_t from_a = word + ONES * (0x80 - 'a');
	uint64_t beyond_z = word + ONES * (0x7F - 'z');

	return word ^ (from_a & ~beyond_z & HIGH_BITS) >> 2;
}

/* Whether one of eight bytes is 0. */
static inline bool has_zero(uint64_t word)
{
	return ((word - ONES) & ~word & HIGH_BITS) != 0;
}

/* ---- case ----------------------------------------------------------------------- */

/* For units below 0x80. */
static inline uint32_t upper_ascii(uint32_t unit)
{
	return unit - ((uint32_t)(unit - 'a' < 26) << 5);
}

/* For all that utf_next gives; what is no unit stays as it is. */
static inline uint32_t upper(uint32_t unit)
{
	if (unit < 0x80)
		return upper_ascii(unit);
	if (unit > 0xFFFF)
		return unit;
	return (uint16_t)(unit + upcase_add[upcase_index[unit >> 8]][unit & 0xFF]);
}

uint16_t name_upper(uint16_t unit)
{
	return (uint16_t)upper(unit);
}

/* ---- what may be a name ---------------------------------------------------------- */

size_t name_units(const char *name, size_t size)
{
	struct utf_cursor cursor = {.bytes = (const unsigned char *)name, .size = size};
	size_t units = 0;

	for (;;) {
		while (cursor.rest == 0 && size - cursor.at >= 8 &&
		       !(load_64(cursor.bytes + cursor.at) & HIGH_BITS)) {
			cursor.at += 8;
			cursor.lead = false;
			units += 8;
		}
		uint32_t unit = utf_next(&cursor);
		if (unit == UTF_END)
			return units;
		if (unit >= UTF_BAD)
			return SIZE_MAX;
		units++;
	}
}

enum mfs_status name_check(const char *name, size_t size, bool insensitive)
{
	const unsigned char *bytes = (const unsigned char *)name;
	uint64_t seen = 0;

	if (size == 0)
		return MFS_NAME_INVALID;
	if (size > (insensitive ? MFS_NAME_BYTES_MAX : MFS_NAME_MAX))
		return MFS_NAME_TOO_LONG;
	if (bytes[0] == '.' && (size == 1 || (size == 2 && bytes[1] == '.')))
		return MFS_NAME_INVALID;
	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = load_at(bytes, size, at);
		if (has_zero(word) || has_zero(word ^ ONES * '/'))
			return MFS_NAME_INVALID;
		seen |= word;
	}
	if (!insensitive)
		return MFS_OK;
	size_t units = seen & HIGH_BITS ? name_units(name, size) : size;
	if (units == SIZE_MAX)
		return MFS_NAME_INVALID;
	return units > MFS_NAME_MAX ? MFS_NAME_TOO_LONG : MFS_OK;
}

/* ---- the same name ------------------------------------------------------------------- */

/* Whether two names are the same unit by unit, in upper case. */
static bool equal_units(const unsigned char *a, size_t a_size, const unsigned char *b, size_t b_size)
{
	struct utf_cursor a_cursor = {.bytes = a, .size = a_size};
	struct utf_cursor b_cursor = {.bytes = b, .size = b_size};

	for (;;) {
		uint32_t a_unit = utf_next(&a_cursor), b_unit = utf_next(&b_cursor);
		if (upper(a_unit) != upper(b_unit))
			return false;
		if (a_unit == UTF_END)
			return true;
	}
}

bool name_equal(const char *a, size_t a_size, const char *b, size_t b_size, bool insensitive)
{
	const unsigned char *a_bytes = (const unsigned char *)a, *b_bytes = (const unsigned char *)b;

	if (!insensitive)
		return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
	/* Beyond ASCII, a letter's two cases can differ in size. */
	if (a_size != b_size)
		return equal_units(a_bytes, a_size, b_bytes, b_size);
	for (size_t at = 0; at < a_size; at += 8) {
		uint64_t a_word = load_at(a_bytes, a_size, at), b_word = load_at(b_bytes, a_size, at);
		if ((a_word | b_word) & HIGH_BITS)
			return memcmp(a, b, a_size) == 0 || equal_units(a_bytes, a_size, b_bytes, a_size);
		if (upper_64(a_word) != upper_64(b_word))
			return false;
	}
	return true;
}

/* ---- hash ------------------------------------------------------------------------------ */

/* The product of two words, its halves folded together. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 uint128;
	uint128 product = (uint128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
	uint64_t low = a_low * b_low, cross = a_high * b_low + (low >> 32);
	uint64_t middle = a_low * b_high + (uint32_t)cross;

	return (middle << 32 | (uint32_t)low) ^ (a_high * b_high + (cross >> 32) + (middle >> 32));
#endif
}

/* Hashes bytes, in upper case if asked to (right only when all are ASCII); `*seen` gets the bits
 * that any byte had. Both factors of each product hold something of the seed: an outsider cannot
 * choose bytes that make one of them 0 and so wipe out what came before. */
static inline uint32_t hash_bytes(const unsigned char *bytes, size_t size, uint64_t seed, bool to_upper,
				  uint64_t *seen)
{
	uint64_t key = seed ^ UINT64_C(0x9E3779B97F4A7C15);
	uint64_t state = (seed << 32 | seed >> 32) ^ UINT64_C(0xD6E8FEB86659FD93);
	uint64_t bits = 0;
	size_t left = size;

	for (;;) {
		uint64_t first = 0, last = 0;
		if (left >= 8) {
			first = load_64(bytes);
			last = load_64(bytes + (left > 16 ? 8 : left - 8));
		} else if (left) {
			first = load_few(bytes, left);
		}
		bits |= first | last;
		state = mix((to_upper ? upper_64(first) : first) ^ key,
			    (to_upper ? upper_64(last) : last) ^ state);
		if (left <= 16)
			break;
		bytes += 16;
		left -= 16;
	}
	*seen = bits;
	state = mix(state ^ key, size ^ UINT64_C(0xA0761D6478BD642F));
	return (uint32_t)(state ^ state >> 32);
}

/* A name in upper case as bytes, the same for equal names: each unit by itself, half a pair too.
 * Stops at `capacity`, which any checked name fits in. Returns the size. */
static size_t fold(const unsigned char *name, size_t size, unsigned char *to, size_t capacity)
{
	struct utf_cursor cursor = {.bytes = name, .size = size};
	size_t written = 0;

	while (capacity - written >= 3) {
		uint32_t unit = utf_next(&cursor);
		if (unit == UTF_END)
			break;
		if (unit >= UTF_BAD)
			to[written++] = (unsigned char)unit;
		else
			written += utf_put((uint16_t)upper(unit), to + written);
	}
	return written;
}

static uint32_t hash_units(const unsigned char *name, size_t size, uint64_t seed)
{
	unsigned char folded[MFS_NAME_BYTES_MAX];
	uint64_t seen;

	return hash_bytes(folded, fold(name, size, folded, sizeof folded), seed, false, &seen);
}

uint32_t name_hash(const char *name, size_t size, bool insensitive, uint64_t seed)
{
	const unsigned char *bytes = (const unsigned char *)name;
	uint64_t seen;

	if (!insensitive)
		return hash_bytes(bytes, size, seed, false, &seen);
	uint32_t hash = hash_bytes(bytes, size, seed, true, &seen);
	return seen & HIGH_BITS ? hash_units(bytes, size, seed) : hash;
}

/* ---- order ----------------------------------------------------------------------------- */

/* How many bytes two names begin with that are ASCII and the same in upper case. */
static size_t same_ascii(const unsigned char *a, const unsigned char *b, size_t size)
{
	size_t at = 0;

	for (; size - at >= 8; at += 8) {
		uint64_t a_word = load_64(a + at), b_word = load_64(b + at);
		if ((a_word | b_word) & HIGH_BITS || upper_64(a_word) != upper_64(b_word))
			break;
	}
	while (at < size && (a[at] | b[at]) < 0x80 && upper_ascii(a[at]) == upper_ascii(b[at]))
		at++;
	return at;
}

static int compare_units(struct utf_cursor a, struct utf_cursor b, bool to_upper)
{
	for (;;) {
		uint32_t a_unit = utf_next(&a), b_unit = utf_next(&b);
		if (to_upper) {
			a_unit = upper(a_unit);
			b_unit = upper(b_unit);
		}
		/* The end stands before everything: UTF_END + 1 is 0. */
		if (a_unit != b_unit)
			return a_unit + 1 < b_unit + 1 ? -1 : 1;
		if (a_unit == UTF_END)
			return 0;
	}
}

int name_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	struct utf_cursor a_cursor = {.bytes = (const unsigned char *)a, .size = a_size};
	struct utf_cursor b_cursor = {.bytes = (const unsigned char *)b, .size = b_size};

	a_cursor.at = b_cursor.at =
		same_ascii(a_cursor.bytes, b_cursor.bytes, a_size < b_size ? a_size : b_size);
	int order = compare_units(a_cursor, b_cursor, true);
	if (order != 0)
		return order;
	/* Plain units settle the rest: equal ones are equal bytes. */
	a_cursor.at = b_cursor.at = 0;
	return compare_units(a_cursor, b_cursor, false);
}

uint64_t name_prefix(const char *name, size_t size)
{
	struct utf_cursor cursor = {.bytes = (const unsigned char *)name, .size = size};
	uint64_t prefix = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t unit = utf_next(&cursor);
		if (unit == UTF_END)
			break;
		/* From the first unit that is cut down on, nothing more can be told. */
		if (unit >= 0xFFFF)
			return prefix | UINT64_MAX >> (48 - shift);
		prefix |= (uint64_t)upper(unit) << shift;
	}
	return prefix;
}
