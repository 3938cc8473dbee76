/*
 * fuzz_names: any bytes as names and any units as UTF-16, and what must hold of both.
 *
 * Input: a byte that says where the first of three names ends, another for the second, the names. All of
 * it together is taken for UTF-16 as well.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "memefs.h"
#include "name.h"

struct text {
	char *bytes; /* a block of exactly its size */
	size_t size;
	size_t units; /* SIZE_MAX: not WTF-8 */
};

static struct text text_of(const uint8_t *bytes, size_t size)
{
	struct text text = {malloc(size ? size : 1), size, 0};

	MUST(text.bytes);
	if (size)
		memcpy(text.bytes, bytes, size);
	text.units = name_units(text.bytes, size);
	return text;
}

/* ---- one name ------------------------------------------------------------------------------ */

static void try_check(const struct text *text)
{
	enum mfs_status plain = name_check(text->bytes, text->size, false);
	enum mfs_status wide = name_check(text->bytes, text->size, true);
	bool dots = text->size <= 2 && memcmp(text->bytes, "..", text->size) == 0;
	bool bad = text->size == 0 || dots || memchr(text->bytes, 0, text->size) ||
		   memchr(text->bytes, '/', text->size);

	if (plain == MFS_OK)
		MUST(!bad && text->size <= MFS_NAME_MAX);
	else
		MUST(plain == MFS_NAME_INVALID ? bad
					       : plain == MFS_NAME_TOO_LONG && text->size > MFS_NAME_MAX);
	if (wide == MFS_OK)
		MUST(!bad && text->units <= MFS_NAME_MAX);
	else if (wide == MFS_NAME_INVALID)
		MUST(bad || text->units == SIZE_MAX);
	else
		MUST(wide == MFS_NAME_TOO_LONG &&
		     (text->units > MFS_NAME_MAX || text->size > MFS_NAME_BYTES_MAX));
}

/* To UTF-16 and back: the same bytes, when they were WTF-8. */
static void try_units(const struct text *text)
{
	uint16_t *units = malloc(text->size ? text->size * 2 : 2);
	size_t count = mfs_name_to_utf16(text->bytes, text->size, units, text->size);
	char *back;

	MUST(units);
	MUST(count == (text->units == SIZE_MAX ? 0 : text->units));
	if (count > 0) {
		MUST(mfs_name_to_utf16(text->bytes, text->size, units, count) == count);
		MUST(mfs_name_to_utf16(text->bytes, text->size, units, count - 1) == 0);
		back = malloc(text->size);
		MUST(back);
		MUST(mfs_utf16_to_name(units, count, back, text->size) == text->size);
		MUST(memcmp(back, text->bytes, text->size) == 0);
		MUST(mfs_utf16_to_name(units, count, back, text->size - 1) == 0);
		free(back);
	}
	free(units);
}

/* From UTF-16 and back: the same units, whatever they are. */
static void try_wide(const uint8_t *bytes, size_t size)
{
	size_t count = size / 2, written;
	uint16_t *units = malloc(count ? count * 2 : 2), *back = malloc(count ? count * 2 : 2);
	char *name = malloc(count ? count * 3 : 1);

	MUST(units && back && name);
	memcpy(units, bytes, count * 2);
	written = mfs_utf16_to_name(units, count, name, count * 3);
	MUST((written == 0) == (count == 0));
	if (written > 0) {
		MUST(name_units(name, written) == count);
		MUST(mfs_name_to_utf16(name, written, back, count) == count);
		MUST(memcmp(units, back, count * 2) == 0);
	}
	free(name);
	free(back);
	free(units);
}

/* Upper case is a letter's last case, and no name of its own. */
static void try_upper(const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 1 < size; at += 2) {
		uint16_t unit = (uint16_t)(bytes[at] | bytes[at + 1] << 8);

		MUST(name_upper(name_upper(unit)) == name_upper(unit));
		MUST((unit < 0xD800 || unit > 0xDFFF) || name_upper(unit) == unit);
	}
}

/* ---- two and three --------------------------------------------------------------------------- */

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static int compare(const struct text *a, const struct text *b)
{
	return sign(name_compare(a->bytes, a->size, b->bytes, b->size));
}

static bool same(const struct text *a, const struct text *b, bool insensitive)
{
	return name_equal(a->bytes, a->size, b->bytes, b->size, insensitive);
}

static void try_two(const struct text *a, const struct text *b)
{
	bool bytes = a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
	uint64_t first = name_prefix(a->bytes, a->size), second = name_prefix(b->bytes, b->size);
	int order = compare(a, b);

	MUST(compare(b, a) == -order && (order == 0) == bytes);
	MUST(first == second || (first < second ? order < 0 : order > 0));
	MUST(same(a, b, false) == bytes && same(b, a, true) == same(a, b, true));
	MUST(!bytes || same(a, b, true));
	for (unsigned insensitive = 0; insensitive < 2; insensitive++)
		if (same(a, b, insensitive) && (!insensitive || a->size <= MFS_NAME_BYTES_MAX))
			MUST(name_hash(a->bytes, a->size, insensitive, 7) ==
			     name_hash(b->bytes, b->size, insensitive, 7));
}

static void try_three(const struct text *a, const struct text *b, const struct text *c)
{
	if (compare(a, b) <= 0 && compare(b, c) <= 0)
		MUST(compare(a, c) <= 0);
	if (same(a, b, true) && same(b, c, true))
		MUST(same(a, c, true));
	/* Names that are the same stand side by side. */
	if (same(a, c, true) && compare(a, b) < 0 && compare(b, c) < 0)
		MUST(same(a, b, true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text texts[3];
	size_t first, second;

	if (size < 2 || size > 2048)
		return 0;
	first = 2 + data[0] * (size - 2) / 255;
	second = first + data[1] * (size - first) / 255;
	texts[0] = text_of(data + 2, first - 2);
	texts[1] = text_of(data + first, second - first);
	texts[2] = text_of(data + second, size - second);
	for (unsigned i = 0; i < 3; i++) {
		try_check(&texts[i]);
		try_units(&texts[i]);
		for (unsigned j = 0; j < 3; j++)
			try_two(&texts[i], &texts[j]);
	}
	for (unsigned i = 0; i < 27; i++)
		try_three(&texts[i % 3], &texts[i / 3 % 3], &texts[i / 9]);
	try_wide(data + 2, size - 2);
	try_upper(data + 2, size - 2);
	for (unsigned i = 0; i < 3; i++)
		free(texts[i].bytes);
	return 0;
}
