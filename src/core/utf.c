/*
 * utf.c: between UTF-16 and WTF-8, the bytes that names are kept in.
 *
 * WTF-8 is UTF-8 in which half a surrogate pair may stand alone, so that every row of UTF-16 units
 * goes there and back. It is as strict: no overlong forms, nothing above U+10FFFF, and a whole pair
 * only as one character of four bytes. Must never know what a name may be.
 */
#include "utf.h"

#include <string.h>

#include "memefs.h"

static inline bool is_lead(uint32_t unit)
{
	return (unit & 0xFC00) == 0xD800;
}

static inline bool is_trail(uint32_t unit)
{
	return (unit & 0xFC00) == 0xDC00;
}

static inline bool goes_on(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

uint32_t utf_next_long(struct utf_cursor *cursor)
{
	const unsigned char *p = cursor->bytes + cursor->at;
	size_t left = cursor->size - cursor->at;
	bool after_lead = cursor->lead;

	cursor->lead = false;
	if (p[0] >= 0xC2 && p[0] < 0xE0 && left >= 2 && goes_on(p[1])) {
		cursor->at += 2;
		return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
	}
	if ((p[0] & 0xF0) == 0xE0 && left >= 3 && goes_on(p[1]) && goes_on(p[2])) {
		uint32_t unit = (p[0] & 0xFu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
		if (unit >= 0x800 && !(after_lead && is_trail(unit))) {
			cursor->at += 3;
			cursor->lead = is_lead(unit);
			return unit;
		}
	} else if ((p[0] & 0xF8) == 0xF0 && left >= 4 && goes_on(p[1]) && goes_on(p[2]) && goes_on(p[3])) {
		uint32_t point =
			(p[0] & 7u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
		if (point >= 0x10000 && point <= 0x10FFFF) {
			cursor->at += 4;
			cursor->rest = (uint16_t)(0xDC00 | (point & 0x3FF));
			return 0xD800 + ((point - 0x10000) >> 10);
		}
	}
	cursor->at++;
	return UTF_BAD + p[0];
}

/* Copies eight units (bytes) if all are ASCII, the same in both forms. */
static inline bool copy_ascii_units(const uint16_t from[8], char to[8])
{
	uint64_t words[2];

	memcpy(words, from, sizeof words);
	if ((words[0] | words[1]) & UINT64_C(0xFF80FF80FF80FF80))
		return false;
	for (int i = 0; i < 8; i++)
		to[i] = (char)from[i];
	return true;
}

static inline bool copy_ascii_bytes(const char from[8], uint16_t to[8])
{
	uint64_t word;

	memcpy(&word, from, sizeof word);
	if (word & UINT64_C(0x8080808080808080))
		return false;
	for (int i = 0; i < 8; i++)
		to[i] = (uint16_t)from[i];
	return true;
}

/* Encodes the character at `from`; `*taken` becomes its units. Returns its bytes. */
static size_t put_character(const uint16_t *from, size_t units, unsigned char to[4], size_t *taken)
{
	*taken = 1;
	if (!is_lead(from[0]) || units < 2 || !is_trail(from[1]))
		return utf_put(from[0], to);
	uint32_t point = 0x10000 + ((from[0] & 0x3FFu) << 10 | (from[1] & 0x3FFu));
	*taken = 2;
	to[0] = (unsigned char)(0xF0 | point >> 18);
	to[1] = (unsigned char)(0x80 | (point >> 12 & 0x3F));
	to[2] = (unsigned char)(0x80 | (point >> 6 & 0x3F));
	to[3] = (unsigned char)(0x80 | (point & 0x3F));
	return 4;
}

size_t mfs_utf16_to_name(const uint16_t *from, size_t units, char *to, size_t capacity)
{
	size_t at = 0, written = 0;

	while (at < units) {
		if (units - at >= 8 && capacity - written >= 8 && copy_ascii_units(from + at, to + written)) {
			at += 8;
			written += 8;
			continue;
		}
		/* Up to eight characters before the next try at eight together. */
		for (size_t stop = units - at > 8 ? at + 8 : units; at < stop;) {
			if (from[at] < 0x80 && written < capacity) {
				to[written++] = (char)from[at++];
				continue;
			}
			unsigned char bytes[4];
			size_t taken, size = put_character(from + at, units - at, bytes, &taken);
			if (size > capacity - written)
				return 0;
			memcpy(to + written, bytes, size);
			at += taken;
			written += size;
		}
	}
	return written;
}

size_t mfs_name_to_utf16(const char *from, size_t size, uint16_t *to, size_t capacity)
{
	struct utf_cursor cursor = {.bytes = (const unsigned char *)from, .size = size};
	size_t written = 0;

	for (;;) {
		if (cursor.rest == 0 && size - cursor.at >= 8 && capacity - written >= 8 &&
		    copy_ascii_bytes(from + cursor.at, to + written)) {
			cursor.at += 8;
			cursor.lead = false;
			written += 8;
			continue;
		}
		uint32_t unit = utf_next(&cursor);
		if (unit == UTF_END)
			return written;
		if (unit >= UTF_BAD || written == capacity)
			return 0;
		to[written++] = (uint16_t)unit;
	}
}
