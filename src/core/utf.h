/*
 * utf.h: bytes read as UTF-16 units.
 *
 * The one decoder that comparing, hashing, counting and converting share, so that they cannot
 * disagree about what a name says. Knows nothing of case, nor of what a name may be.
 */
#ifndef MEMEFS_UTF_H
#define MEMEFS_UTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF_END UINT32_MAX /* no more units */
#define UTF_BAD 0x10000u   /* plus the byte: a byte that belongs to no character of WTF-8 */

/* Begins as {.bytes = ..., .size = ...}; the caller's own, no lock. */
struct utf_cursor {
	const unsigned char *bytes;
	size_t size;
	size_t at;     /* next byte */
	uint16_t rest; /* second half of a pair, still to be told; 0: none */
	bool lead;     /* the unit before was the first half of a pair, alone */
};

/* For utf_next alone: what begins with a byte of 0x80 or more. */
uint32_t utf_next_long(struct utf_cursor *cursor);

/* The next unit, UTF_BAD + byte, or UTF_END. Different bytes never give the same row. */
static inline uint32_t utf_next(struct utf_cursor *cursor)
{
	if (cursor->rest) {
		uint16_t rest = cursor->rest;
		cursor->rest = 0;
		return rest;
	}
	if (cursor->at == cursor->size)
		return UTF_END;
	if (cursor->bytes[cursor->at] >= 0x80)
		return utf_next_long(cursor);
	cursor->lead = false;
	return cursor->bytes[cursor->at++];
}

/* Writes a unit that is no half of a pair, or stands alone, and returns the bytes: 1..3. */
static inline size_t utf_put(uint16_t unit, unsigned char to[3])
{
	if (unit < 0x80) {
		to[0] = (unsigned char)unit;
		return 1;
	}
	if (unit < 0x800) {
		to[0] = (unsigned char)(0xC0 | unit >> 6);
		to[1] = (unsigned char)(0x80 | (unit & 0x3F));
		return 2;
	}
	to[0] = (unsigned char)(0xE0 | unit >> 12);
	to[1] = (unsigned char)(0x80 | (unit >> 6 & 0x3F));
	to[2] = (unsigned char)(0x80 | (unit & 0x3F));
	return 3;
}

#endif
