/*
 * test_name.c: the name room: case, checking, equality, hash, order, and the way to UTF-16 and back.
 *
 * Much is checked against a second, plain implementation below that shares no code with the first.
 */
#include "test.h"

#include "core/memefs.h"
#include "core/name.h"

#define SIZE(text) (sizeof(text) - 1)
#define S(text) text, SIZE(text)

/* ---- helpers ------------------------------------------------------------------------ */

static uint64_t random_state = 1;

/* A number below `bound`, the same row in every run. */
static uint32_t pick(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 11) % bound);
}

/* A copy that ends where its memory ends, for a sanitizer to see each byte read beyond. */
static char *exact(const char *name, size_t size)
{
	char *copy = malloc(size ? size : 1);
	REQUIRE(copy);
	if (size)
		memcpy(copy, name, size);
	return copy;
}

/* Units from sets that make all sorts of trouble likely. */
static uint16_t pick_unit(void)
{
	static const uint16_t odd[] = {0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0x7F,   0x80,   0x7FF, 0x800,  0xFFFF,
				       0xFFFE, 0xE000, 0xE9,   0xC9,   0x250,  0x2C6F, 0x131, 0x1D79, 0xA77D,
				       0xFF41, 0x430,  0x410,  0x4E00, 0xFFFD, 0x3C3,  0x3C2};
	switch (pick(6)) {
	case 0:
		return odd[pick(sizeof odd / sizeof *odd)];
	case 1:
		return (uint16_t)pick(0x10000);
	case 2:
		return (uint16_t)(0xD800 + pick(0x800));
	case 3:
		return (uint16_t)(0xC0 + pick(0x100));
	default:
		return (uint16_t)(0x20 + pick(0x5F));
	}
}

static size_t pick_units(uint16_t *units, size_t most)
{
	size_t count = pick((uint32_t)most + 1);
	bool ascii = pick(3) == 0;
	for (size_t i = 0; i < count; i++)
		units[i] = ascii ? (uint16_t)(0x40 + pick(0x40)) : pick_unit();
	return count;
}

/* Bytes of any kind: WTF-8, or WTF-8 with damage, or noise. At most 3 * `most`. */
static size_t pick_bytes(char *to, size_t most)
{
	uint16_t units[64];
	size_t size = mfs_utf16_to_name(units, pick_units(units, most), to, 3 * most);
	switch (pick(4)) {
	case 0:
		for (size_t i = 0; i < size; i++)
			to[i] = (char)pick(256);
		break;
	case 1:
		if (size)
			to[pick((uint32_t)size)] = (char)pick(256);
		break;
	case 2:
		if (size)
			size = pick((uint32_t)size + 1);
		break;
	}
	return size;
}

/* The plain decoder: every form by the table in the Unicode standard (well-formed byte
 * sequences), with ED A0..BF let in unless the two halves of a pair would touch. A byte that does
 * not fit becomes 0x10000 + byte. Returns the units; `*bad` the number of such bytes. */
static size_t plain_units(const char *name, size_t size, uint32_t *units, size_t *bad)
{
	const uint8_t *p = (const uint8_t *)name;
	size_t count = 0, half_at = SIZE_MAX;

	*bad = 0;
	for (size_t i = 0; i < size;) {
		uint32_t point = p[i];
		size_t length = p[i] < 0x80   ? 1
				: p[i] < 0xC2 ? 0
				: p[i] < 0xE0 ? 2
				: p[i] < 0xF0 ? 3
				: p[i] < 0xF5 ? 4
					      : 0;
		if (length > size - i)
			length = 0;
		if (length > 1) {
			uint8_t low = p[i] == 0xE0 ? 0xA0 : p[i] == 0xF0 ? 0x90 : 0x80;
			uint8_t high = p[i] == 0xF4 ? 0x8F : 0xBF;
			point = p[i] & (0xFFu >> (length + 1));
			if (p[i + 1] < low || p[i + 1] > high)
				length = 0;
			for (size_t k = 1; k < length; k++) {
				point = point << 6 | (p[i + k] & 0x3F);
				if (k > 1 && (p[i + k] < 0x80 || p[i + k] > 0xBF))
					length = 0;
			}
			if (length == 3 && point >= 0xDC00 && point <= 0xDFFF && half_at == i)
				length = 0;
		}
		if (length == 0) {
			units[count++] = 0x10000u + p[i++];
			++*bad;
			continue;
		}
		i += length;
		if (point >= 0xD800 && point <= 0xDBFF)
			half_at = i;
		if (point >= 0x10000) {
			units[count++] = 0xD800 + ((point - 0x10000) >> 10);
			units[count++] = 0xDC00 + ((point - 0x10000) & 0x3FF);
		} else {
			units[count++] = point;
		}
	}
	return count;
}

static uint32_t plain_upper(uint32_t unit)
{
	return unit <= 0xFFFF ? name_upper((uint16_t)unit) : unit;
}

/* The order of two rows of units; -1, 0, 1. */
static int plain_order(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count, bool upper)
{
	for (size_t i = 0; i < a_count && i < b_count; i++) {
		uint32_t a_unit = upper ? plain_upper(a[i]) : a[i], b_unit = upper ? plain_upper(b[i]) : b[i];
		if (a_unit != b_unit)
			return a_unit < b_unit ? -1 : 1;
	}
	return (a_count > b_count) - (a_count < b_count);
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

/* ---- case ----------------------------------------------------------------------------- */

static void upper_has_973_entries(void)
{
	unsigned count = 0;
	uint32_t sum = 0;

	for (uint32_t unit = 0; unit <= 0xFFFF; unit++) {
		uint16_t upper = name_upper((uint16_t)unit);
		count += upper != unit;
		EXPECT_EQ(name_upper(upper), upper);
		sum = (sum ^ (upper & 0xFF)) * 16777619u;
		sum = (sum ^ upper >> 8) * 16777619u;
	}
	EXPECT_EQ(count, 973);
	/* All 65536 together, summed from the Unicode data by another program. */
	EXPECT_EQ(sum, 0x0D5C680A);
}

static void upper_knows_these(void)
{
	static const struct {
		uint16_t lower, upper;
	} pairs[] = {
		{'a', 'A'},	  {'z', 'Z'},	    {0xE0, 0xC0},     {0xE9, 0xC9},	{0xFF, 0x178},
		{0x101, 0x100},	  {0x180, 0x243},   {0x19A, 0x23D},   {0x1C6, 0x1C4},	{0x1DD, 0x18E},
		{0x250, 0x2C6F},  {0x26B, 0x2C62},  {0x271, 0x2C6E},  {0x371, 0x370},	{0x3AC, 0x386},
		{0x3C3, 0x3A3},	  {0x3C9, 0x3A9},   {0x430, 0x410},   {0x451, 0x401},	{0x523, 0x522},
		{0x561, 0x531},	  {0x1D79, 0xA77D}, {0x1D7D, 0x2C63}, {0x1EFF, 0x1EFE}, {0x1F00, 0x1F08},
		{0x1F80, 0x1F88}, {0x1FB3, 0x1FBC}, {0x214E, 0x2132}, {0x2170, 0x2160}, {0x2184, 0x2183},
		{0x24D0, 0x24B6}, {0x2C30, 0x2C00}, {0x2D25, 0x10C5}, {0xA641, 0xA640}, {0xA78C, 0xA78B},
		{0xFF41, 0xFF21}, {0xFF5A, 0xFF3A},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		EXPECT_EQ(name_upper(pairs[i].lower), pairs[i].upper);
		EXPECT_EQ(name_upper(pairs[i].upper), pairs[i].upper);
	}
}

static void upper_leaves_these_alone(void)
{
	static const uint16_t alone[] = {
		/* excluded */
		0x00B5, 0x0131, 0x017F, 0x01C5, 0x01C8, 0x01CB, 0x01F2, 0x0345, 0x03C2, 0x03D0, 0x03D1,
		0x03D5, 0x03D6, 0x03F0, 0x03F1, 0x03F5, 0x1E9B, 0x1FBE,
		/* newer than 5.1, without one upper case, or no letters at all */
		0x0525, 0x0265, 0x00DF, 0x0149, 0x1FB2, 0xFB00, 0x10D0, 0x13F8, '@', '[', '`', '{', 0x7F,
		0xD7, 0xF7, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xFFFF, 0};
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
		EXPECT_EQ(name_upper(alone[i]), alone[i]);
}

/* ---- checking -------------------------------------------------------------------------- */

static enum mfs_status check(const char *name, size_t size, bool insensitive)
{
	char *copy = exact(name, size);
	enum mfs_status status = name_check(copy, size, insensitive);
	free(copy);
	return status;
}

static void check_both(const char *name, size_t size, enum mfs_status status)
{
	EXPECT_EQ(check(name, size, false), status);
	EXPECT_EQ(check(name, size, true), status);
}

static void check_knows_what_is_no_name(void)
{
	check_both(S(""), MFS_NAME_INVALID);
	check_both(S("."), MFS_NAME_INVALID);
	check_both(S(".."), MFS_NAME_INVALID);
	check_both(S("..."), MFS_OK);
	check_both(S(".a"), MFS_OK);
	check_both(S("a."), MFS_OK);
	check_both(S(".. "), MFS_OK);
	check_both(S("a"), MFS_OK);
	check_both(S("\\:*?\"<>|\x01\x7F"), MFS_OK);
	/* The forbidden bytes at each place of each short size, and no other byte. */
	for (size_t size = 1; size <= 40; size++) {
		for (size_t at = 0; at < size; at++) {
			char name[40];
			memset(name, 'x', size);
			name[at] = '/';
			check_both(name, size, MFS_NAME_INVALID);
			name[at] = 0;
			check_both(name, size, MFS_NAME_INVALID);
			for (int byte = 1; byte < 256; byte += size < 20 ? 1 : 23) {
				if (byte == '/' || (size <= 2 && byte == '.'))
					continue;
				name[at] = (char)byte;
				EXPECT_EQ(check(name, size, false), MFS_OK);
				EXPECT_EQ(check(name, size, true), byte < 0x80 ? MFS_OK : MFS_NAME_INVALID);
			}
		}
	}
}

static void check_knows_the_limits(void)
{
	char name[1200];

	memset(name, 'x', sizeof name);
	check_both(name, 255, MFS_OK);
	check_both(name, 256, MFS_NAME_TOO_LONG);
	check_both(name, 765, MFS_NAME_TOO_LONG);
	check_both(name, 766, MFS_NAME_TOO_LONG);
	check_both(name, sizeof name, MFS_NAME_TOO_LONG);
	for (size_t i = 0; i + 3 <= sizeof name; i += 3)
		memcpy(name + i, "\xE4\xB8\x80", 3);
	EXPECT_EQ(check(name, 255, false), MFS_OK);
	EXPECT_EQ(check(name, 258, false), MFS_NAME_TOO_LONG);
	EXPECT_EQ(check(name, 765, true), MFS_OK);
	EXPECT_EQ(check(name, 768, true), MFS_NAME_TOO_LONG);
	EXPECT_EQ(check(name, 764, true), MFS_NAME_INVALID);
	for (size_t i = 0; i + 4 <= sizeof name; i += 4)
		memcpy(name + i, "\xF0\x9F\x98\x80", 4);
	EXPECT_EQ(check(name, 508, true), MFS_OK);
	EXPECT_EQ(check(name, 512, true), MFS_NAME_TOO_LONG);
	name[508] = 'x';
	EXPECT_EQ(check(name, 509, true), MFS_OK);
	name[509] = 'x';
	EXPECT_EQ(check(name, 510, true), MFS_NAME_TOO_LONG);
}

static void units_are_counted(void)
{
	EXPECT_EQ(name_units(S("")), 0);
	EXPECT_EQ(name_units(NULL, 0), 0);
	EXPECT_EQ(name_units(S("abc")), 3);
	EXPECT_EQ(name_units(S("a\0b")), 3);
	EXPECT_EQ(name_units(S("caf\xC3\xA9")), 4);
	EXPECT_EQ(name_units(S("\xE4\xB8\x80")), 1);
	EXPECT_EQ(name_units(S("\xF0\x9F\x98\x80")), 2);
	EXPECT_EQ(name_units(S("12345678\xF0\x9F\x98\x80"
			       "12345678")),
		  18);
	EXPECT_EQ(name_units(S("\xF4\x8F\xBF\xBF")), 2);
	EXPECT_EQ(name_units(S("\xEF\xBF\xBF")), 1);
	/* Halves of pairs, alone or in an order that makes no pair. */
	EXPECT_EQ(name_units(S("\xED\xA0\x80")), 1);
	EXPECT_EQ(name_units(S("\xED\xBF\xBF")), 1);
	EXPECT_EQ(name_units(S("\xED\xB0\x80\xED\xA0\x80")), 2);
	EXPECT_EQ(name_units(S("\xED\xA0\x80x\xED\xB0\x80")), 3);
	EXPECT_EQ(name_units(S("\xED\xA0\x80"
			       "12345678\xED\xB0\x80")),
		  10);
	EXPECT_EQ(name_units(S("\xF0\x9F\x98\x80\xED\xB0\x80")), 3);
	EXPECT_EQ(name_units(S("\xED\xA0\x80\xF0\x9F\x98\x80")), 3);
	EXPECT_EQ(name_units(S("\xED\xA0\x80\xED\xA0\x80")), 2);
}

static void units_refuse_what_is_not_wtf8(void)
{
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = {
		{S("\x80")},
		{S("\xBF")},
		{S("a\x80")},
		{S("\xC0\x80")},
		{S("\xC1\xBF")},
		{S("\xC3")},
		{S("\xC3(")},
		{S("\xC3\xA9\xA9")},
		{S("\xE0\x80\x80")},
		{S("\xE0\x9F\xBF")},
		{S("\xE4\xB8")},
		{S("\xE4\xB8x")},
		{S("\xE4x\x80")},
		{S("\xF0\x80\x80\x80")},
		{S("\xF0\x8F\xBF\xBF")},
		{S("\xF0\x9F\x98")},
		{S("\xF0\x9F\x98x")},
		{S("\xF4\x90\x80\x80")},
		{S("\xF5\x80\x80\x80")},
		{S("\xF7\xBF\xBF\xBF")},
		{S("\xF8\x88\x80\x80\x80")},
		{S("\xFC\x84\x80\x80\x80\x80")},
		{S("\xFE")},
		{S("\xFF")},
		{S("\xED\xA0\x80\xED\xB0\x80")},
		{S("12345678\xED\xAF\xBF\xED\xBF\xBF"
		   "12345678")},
	};
	uint16_t units[40];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *copy = exact(bad[i].bytes, bad[i].size);
		EXPECT_EQ(name_units(copy, bad[i].size), SIZE_MAX);
		EXPECT_EQ(name_check(copy, bad[i].size, true), MFS_NAME_INVALID);
		EXPECT_EQ(name_check(copy, bad[i].size, false), MFS_OK);
		EXPECT_EQ(mfs_name_to_utf16(copy, bad[i].size, units, 40), 0);
		free(copy);
	}
}

/* Every row of up to three bytes, and four-byte rows at the edges, against the plain decoder. */
static void units_agree_with_the_plain_decoder(void)
{
	static const uint8_t edges[] = {0,    'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xAF,
					0xB0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
					0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
	const size_t count = sizeof edges;
	uint32_t units[8];
	size_t bad;

	for (uint32_t bytes = 0; bytes < 1u << 24; bytes++) {
		char name[3] = {(char)(bytes >> 16), (char)(bytes >> 8), (char)bytes};
		size_t size = bytes >> 16 ? 3 : bytes >> 8 ? 2 : 1;
		size_t plain = plain_units(name + 3 - size, size, units, &bad);
		if (name_units(name + 3 - size, size) != (bad ? SIZE_MAX : plain))
			tests.faults++;
	}
	for (size_t n = 0; n < count * count * count * count; n++) {
		char name[4] = {(char)edges[n % count], (char)edges[n / count % count],
				(char)edges[n / count / count % count],
				(char)edges[n / count / count / count]};
		size_t plain = plain_units(name, 4, units, &bad);
		if (name_units(name, 4) != (bad ? SIZE_MAX : plain))
			tests.faults++;
	}
}

/* ---- UTF-16 and back --------------------------------------------------------------------- */

static void every_unit_goes_there_and_back(void)
{
	for (uint32_t unit = 0; unit <= 0xFFFF; unit++) {
		uint16_t from = (uint16_t)unit, back[3];
		char bytes[3];
		size_t size = mfs_utf16_to_name(&from, 1, bytes, 3);
		EXPECT_EQ(size, unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3);
		EXPECT_EQ(mfs_name_to_utf16(bytes, size, back, 3), 1);
		EXPECT_EQ(back[0], unit);
		EXPECT_EQ(name_units(bytes, size), 1);
	}
}

static void every_pair_is_one_character(void)
{
	for (uint32_t point = 0x10000; point <= 0x10FFFF; point++) {
		uint16_t from[2] = {(uint16_t)(0xD800 + ((point - 0x10000) >> 10)),
				    (uint16_t)(0xDC00 + (point & 0x3FF))};
		uint8_t want[4] = {(uint8_t)(0xF0 + (point >> 18)), (uint8_t)(0x80 + (point >> 12 & 63)),
				   (uint8_t)(0x80 + (point >> 6 & 63)), (uint8_t)(0x80 + (point & 63))};
		uint16_t back[4];
		char bytes[6];
		if (mfs_utf16_to_name(from, 2, bytes, 6) != 4 || memcmp(bytes, want, 4) != 0 ||
		    mfs_name_to_utf16(bytes, 4, back, 4) != 2 || memcmp(back, from, 4) != 0)
			tests.faults++;
	}
}

/* Random units, with capacities exact, one short, and none; nothing is written beyond them. */
static void units_survive_the_round_trip(void)
{
	for (int round = 0; round < 100000; round++) {
		uint16_t units[64];
		size_t count = pick_units(units, 60), bad;
		char wide[200];
		uint32_t plain[200];
		size_t size = mfs_utf16_to_name(units, count, wide, sizeof wide);

		char *bytes = exact(wide, size);
		EXPECT_EQ(plain_units(bytes, size, plain, &bad), count);
		EXPECT_EQ(bad, 0);
		EXPECT_EQ(name_units(bytes, size), count);
		for (size_t i = 0; i < count; i++)
			EXPECT_EQ(plain[i], units[i]);
		memset(bytes, 'x', size);
		EXPECT_EQ(mfs_utf16_to_name(units, count, bytes, size), size);
		EXPECT(size == 0 || memcmp(bytes, wide, size) == 0);

		uint16_t *back = malloc(count ? 2 * count : 1);
		REQUIRE(back);
		EXPECT_EQ(mfs_name_to_utf16(bytes, size, back, count), count);
		EXPECT(count == 0 || memcmp(back, units, 2 * count) == 0);
		free(back);
		free(bytes);
		if (count) {
			char *narrow = malloc(size - 1 ? size - 1 : 1);
			back = malloc(count - 1 ? 2 * (count - 1) : 1);
			REQUIRE(narrow && back);
			EXPECT_EQ(mfs_utf16_to_name(units, count, narrow, size - 1), 0);
			EXPECT_EQ(mfs_name_to_utf16(wide, size, back, count - 1), 0);
			EXPECT_EQ(mfs_utf16_to_name(units, count, narrow, 0), 0);
			EXPECT_EQ(mfs_name_to_utf16(wide, size, back, 0), 0);
			free(narrow);
			free(back);
		}
	}
	EXPECT_EQ(mfs_utf16_to_name(NULL, 0, NULL, 0), 0);
	EXPECT_EQ(mfs_name_to_utf16(NULL, 0, NULL, 0), 0);
}

/* Any bytes: converted exactly when they are WTF-8, and then back to the same bytes. */
static void bytes_survive_the_round_trip(void)
{
	unsigned good = 0, refused = 0;

	for (int round = 0; round < 200000; round++) {
		char wide[200], back[200];
		uint16_t units[200];
		uint32_t plain[200];
		size_t size = pick_bytes(wide, 20), bad;
		size_t count = plain_units(wide, size, plain, &bad);
		char *bytes = exact(wide, size);
		size_t converted = mfs_name_to_utf16(bytes, size, units, 200);
		EXPECT_EQ(converted, bad ? 0 : count);
		EXPECT_EQ(name_units(bytes, size), bad ? SIZE_MAX : count);
		if (!bad) {
			EXPECT_EQ(mfs_utf16_to_name(units, converted, back, sizeof back), size);
			EXPECT(size == 0 || memcmp(back, bytes, size) == 0);
		}
		good += !bad;
		refused += bad != 0;
		free(bytes);
	}
	EXPECT(good > 10000 && refused > 10000);
}

/* ---- equality and hash --------------------------------------------------------------------- */

static void expect_same(const char *a, size_t a_size, const char *b, size_t b_size, bool same)
{
	char *a_copy = exact(a, a_size), *b_copy = exact(b, b_size);
	bool bytes = a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);

	EXPECT_EQ(name_equal(a_copy, a_size, b_copy, b_size, true), same);
	EXPECT_EQ(name_equal(b_copy, b_size, a_copy, a_size, true), same);
	EXPECT_EQ(name_equal(a_copy, a_size, b_copy, b_size, false), bytes);
	EXPECT_EQ(name_hash(a_copy, a_size, true, 7) == name_hash(b_copy, b_size, true, 7), same);
	EXPECT_EQ(name_hash(a_copy, a_size, false, 7) == name_hash(b_copy, b_size, false, 7), bytes);
	free(a_copy);
	free(b_copy);
}

static void names_are_the_same_or_not(void)
{
	expect_same(S("readme.txt"), S("README.TXT"), true);
	expect_same(S("readme.txt"), S("readme.txt"), true);
	expect_same(S("readme.txt"), S("readme.txu"), false);
	expect_same(S("readme.txt"), S("readme.tx"), false);
	expect_same(S("A Long Name, Longer Than Sixteen"), S("a lONG nAME, lONGER tHAN sIXTEEN"), true);
	expect_same(S("[\\]^_"), S("{|}~\x7F"), false);
	expect_same(S("@`"), S("`@"), false);
	expect_same(S("\xC3\x89t\xC3\xA9"), S("\xC3\xA9T\xC3\x89"), true);
	expect_same(S("12345678\xC3\x89"), S("12345678\xC3\xA9"), true);
	expect_same(S("caf\xC3\xA9"), S("cafe"), false);
	expect_same(S("\xC3\xBF"), S("\xC5\xB8"), true);
	/* Two and three bytes for the two cases of one letter. */
	expect_same(S("\xC9\x90"
		      "abcdefgh"),
		    S("\xE2\xB1\xAF"
		      "ABCDEFGH"),
		    true);
	expect_same(S("abcdefgh\xC9\x90"), S("ABCDEFGH\xE2\xB1\xAF"), true);
	/* Sharp s, dotless i and final sigma stay apart; so do characters beyond the BMP. */
	expect_same(S("stra\xC3\x9F"
		      "e"),
		    S("STRASSE"), false);
	expect_same(S("\xC4\xB1"), S("I"), false);
	expect_same(S("\xCF\x82"), S("\xCE\xA3"), false);
	expect_same(S("\xCF\x83"), S("\xCE\xA3"), true);
	expect_same(S("\xF0\x90\x90\xA8"), S("\xF0\x90\x90\x80"), false);
	expect_same(S("x\xF0\x90\x90\xA8"), S("X\xF0\x90\x90\xA8"), true);
	expect_same(S("\xED\xA0\x80x"), S("\xED\xA0\x80X"), true);
	expect_same(S("\xED\xA0\x80"), S("\xED\xA0\x81"), false);
}

/* Each letter's two cases, at each place of each short size, with both kinds around it. */
static void case_never_matters_to_the_hash(void)
{
	for (uint32_t unit = 1; unit <= 0xFFFF; unit++) {
		if (name_upper((uint16_t)unit) == unit)
			continue;
		for (size_t count = 1; count <= 34; count += unit < 0x100 ? 1 : 11) {
			size_t at = pick((uint32_t)count);
			uint16_t a[40], b[40];
			char a_name[120], b_name[120];
			for (size_t i = 0; i < count; i++) {
				a[i] = (uint16_t)(unit % 2 ? 0x40 + pick(0x40) : pick_unit());
				b[i] = pick(2) ? name_upper(a[i]) : a[i];
			}
			a[at] = (uint16_t)unit;
			b[at] = name_upper((uint16_t)unit);
			size_t a_size = mfs_utf16_to_name(a, count, a_name, sizeof a_name);
			size_t b_size = mfs_utf16_to_name(b, count, b_name, sizeof b_name);
			expect_same(a_name, a_size, b_name, b_size, true);
		}
	}
}

/* Any two names, often near each other: equal exactly when the plain units say so, and then of one
 * hash. Also for bytes that no check would let through. */
static void equality_agrees_with_units_and_hash(void)
{
	unsigned same = 0, clashes = 0;

	for (int round = 0; round < 300000; round++) {
		char a[200], b[200];
		uint32_t a_units[200], b_units[200];
		size_t a_size = pick_bytes(a, 1 + pick(40)), b_size = a_size, bad;
		if (pick(4) == 0) {
			b_size = pick_bytes(b, 4);
		} else {
			memcpy(b, a, a_size);
			for (uint32_t edits = pick(3); edits && b_size; edits--)
				b[pick((uint32_t)b_size)] ^= 0x20;
		}
		size_t a_count = plain_units(a, a_size, a_units, &bad);
		size_t b_count = plain_units(b, b_size, b_units, &bad);
		bool equal = plain_order(a_units, a_count, b_units, b_count, true) == 0;
		char *a_copy = exact(a, a_size), *b_copy = exact(b, b_size);
		EXPECT_EQ(name_equal(a_copy, a_size, b_copy, b_size, true), equal);
		bool hashes = name_hash(a_copy, a_size, true, 99) == name_hash(b_copy, b_size, true, 99);
		EXPECT(hashes || !equal);
		clashes += hashes && !equal;
		same += equal && (a_size != b_size || memcmp(a, b, a_size) != 0);
		free(a_copy);
		free(b_copy);
	}
	EXPECT(same > 10000);
	EXPECT(clashes <= 2);
}

/* The longest names there are, whose upper case may be longer still. */
static void long_names_are_hashed_to_the_end(void)
{
	static const uint16_t fill[] = {'x', 0xE9, 0x250, 0x4E00, 0xD800};

	for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
		uint16_t units[255];
		char a[765], b[765];
		for (size_t k = 0; k < 255; k++)
			units[k] = fill[i];
		size_t a_size = mfs_utf16_to_name(units, 255, a, sizeof a);
		EXPECT_EQ(name_check(a, a_size, true), MFS_OK);
		for (size_t k = 0; k < 255; k++)
			units[k] = name_upper(fill[i]);
		size_t b_size = mfs_utf16_to_name(units, 255, b, sizeof b);
		expect_same(a, a_size, b, b_size, true);
		units[254] = '!';
		b_size = mfs_utf16_to_name(units, 255, b, sizeof b);
		expect_same(a, a_size, b, b_size, false);
	}
}

/* Rows of one letter, where only the length tells names apart. */
static void length_counts_in_the_hash(void)
{
	char name[255];
	uint32_t hashes[2][256];

	memset(name, 'a', sizeof name);
	for (size_t size = 0; size <= sizeof name; size++) {
		for (int insensitive = 0; insensitive < 2; insensitive++) {
			hashes[insensitive][size] = name_hash(name, size, insensitive, 3);
			for (size_t k = 0; k < size; k++)
				EXPECT(hashes[insensitive][k] != hashes[insensitive][size]);
		}
	}
}

/* Numbered names spread evenly, by the low and by the high bits; a seed changes everything. */
static void hashes_spread(void)
{
	enum { NAMES = 1 << 18, SLOTS = 1 << 12 };
	static uint32_t low[SLOTS], high[SLOTS];
	static const char *const forms[] = {"%d", "file%07d.txt", "a rather long name that ends with %d",
					    "\xC3\xA9t\xC3\xA9-%d", "%08d-and-a-tail-after-it"};

	for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
		for (int insensitive = 0; insensitive < 2; insensitive++) {
			uint32_t unmoved = 0;
			memset(low, 0, sizeof low);
			memset(high, 0, sizeof high);
			for (int i = 0; i < NAMES; i++) {
				char name[64];
				size_t size = (size_t)snprintf(name, sizeof name, forms[form], i);
				uint32_t hash = name_hash(name, size, insensitive, 5);
				low[hash % SLOTS]++;
				high[hash / (UINT32_C(0x80000000) / SLOTS * 2)]++;
				unmoved += hash == name_hash(name, size, insensitive, 6);
			}
			/* Chi-square with 4095 degrees of freedom: 4095, give or take 90. */
			double low_sum = 0, high_sum = 0, mean = (double)NAMES / SLOTS;
			for (int i = 0; i < SLOTS; i++) {
				low_sum += (low[i] - mean) * (low[i] - mean) / mean;
				high_sum += (high[i] - mean) * (high[i] - mean) / mean;
			}
			EXPECT(low_sum > 3600 && low_sum < 4600);
			EXPECT(high_sum > 3600 && high_sum < 4600);
			EXPECT(unmoved <= 2);
		}
	}
}

/* ---- order ------------------------------------------------------------------------------------ */

static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	char *a_copy = exact(a, a_size), *b_copy = exact(b, b_size);
	int order = sign(name_compare(a_copy, a_size, b_copy, b_size));

	EXPECT_EQ(sign(name_compare(b_copy, b_size, a_copy, a_size)), -order);
	free(a_copy);
	free(b_copy);
	return order;
}

static void order_is_that_of_ntfs(void)
{
	/* Each stands before the next. */
	static const struct {
		const char *bytes;
		size_t size;
	} row[] = {
		{S("")},
		{S("\0")},
		{S("!")},
		{S("-")},
		{S(".")},
		{S("..")},
		{S("0")},
		{S("10")},
		{S("9")},
		{S("A")},
		{S("a")},
		{S("A1")},
		{S("a1")},
		{S("aardvark")},
		{S("AB")},
		{S("Ab")},
		{S("aB")},
		{S("ab")},
		{S("AB\0")},
		{S("abcdefgh1")},
		{S("ABCDEFGH2")},
		{S("AC")},
		{S("Z")},
		{S("z")},
		{S("[")},
		{S("_")},
		{S("`")},
		{S("{")},
		{S("~")},
		{S("\xC3\x89t\xC3\x89")},
		{S("\xC3\x89t\xC3\xA9")},
		{S("\xC3\xA9t\xC3\xA9")},
		{S("\xC3\xA9t\xC3\xA9s")},
		{S("\xC3\xBF")},
		{S("\xC5\xB8")},
		{S("\xD0\xAF")},
		{S("\xD1\x8F")},
		{S("\xE4\xB8\x80")},
		{S("\xED\xA0\x80")},
		/* By units, not by characters: what lies beyond the BMP comes before U+E000. */
		{S("\xF0\x90\x80\x80")},
		{S("\xF4\x8F\xBF\xBF")},
		{S("\xED\xB0\x80")},
		{S("\xEE\x80\x80")},
		{S("\xEF\xBC\xA1")},
		{S("\xEF\xBD\x81")},
		{S("\xEF\xBF\xBF")},
		{S("\xEF\xBF\xBFz")},
		{S("\x80")},
		{S("\x80"
		   "a")},
		{S("\xFF")},
		{S("\xFF\xFF")},
	};
	const size_t count = sizeof row / sizeof *row;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++)
			EXPECT(compare(row[i].bytes, row[i].size, row[k].bytes, row[k].size) ==
			       (i > k) - (i < k));
}

/* Names that share much, so that order is decided late, by case, or not at all. */
static size_t pick_near(char *to)
{
	static const char *const parts[] = {"a",
					    "A",
					    "b",
					    "B",
					    "abcdefgh",
					    "ABCDEFGH",
					    "\xC3\xA9",
					    "\xC3\x89",
					    "\xC9\x90",
					    "\xE2\xB1\xAF",
					    "\xEF\xBF\xBF",
					    "\xED\xA0\x80",
					    "\xED\xB0\x80",
					    "\x80",
					    "\xFF",
					    "\xF0\x90\x80\x80",
					    "[",
					    "",
					    "\xEE\x80\x80"};
	size_t size = 0;
	for (uint32_t left = pick(5); left; left--) {
		const char *part = parts[pick(sizeof parts / sizeof *parts)];
		memcpy(to + size, part, strlen(part));
		size += strlen(part);
	}
	return size;
}

static size_t pick_any(char *to)
{
	return pick(2) ? pick_near(to) : pick_bytes(to, 1 + pick(20));
}

/* Against the plain units; and the prefix never says otherwise. */
static void order_agrees_with_units_and_prefix(void)
{
	unsigned told = 0, equal = 0;

	for (int round = 0; round < 500000; round++) {
		char a[200], b[200];
		uint32_t a_units[200], b_units[200];
		size_t a_size = pick_any(a), b_size = pick_any(b), bad;
		size_t a_count = plain_units(a, a_size, a_units, &bad);
		size_t b_count = plain_units(b, b_size, b_units, &bad);
		int upper = plain_order(a_units, a_count, b_units, b_count, true);
		int want = upper ? upper : plain_order(a_units, a_count, b_units, b_count, false);
		int order = compare(a, a_size, b, b_size);
		EXPECT(order == want);
		EXPECT_EQ(order == 0, a_size == b_size && memcmp(a, b, a_size) == 0);
		EXPECT_EQ(upper == 0, name_equal(a, a_size, b, b_size, true));
		char *a_copy = exact(a, a_size), *b_copy = exact(b, b_size);
		uint64_t a_prefix = name_prefix(a_copy, a_size), b_prefix = name_prefix(b_copy, b_size);
		if (a_prefix != b_prefix)
			EXPECT(order == (a_prefix < b_prefix ? -1 : 1));
		if (upper == 0)
			EXPECT_EQ(a_prefix, b_prefix);
		told += a_prefix != b_prefix;
		equal += order == 0;
		free(a_copy);
		free(b_copy);
	}
	EXPECT(told > 100000 && equal > 1000);
}

static void order_is_transitive(void)
{
	for (int round = 0; round < 500000; round++) {
		char a[200], b[200], c[200];
		size_t a_size = pick_any(a), b_size = pick_any(b), c_size = pick_any(c);
		int ab = sign(name_compare(a, a_size, b, b_size));
		int bc = sign(name_compare(b, b_size, c, c_size));
		int ac = sign(name_compare(a, a_size, c, c_size));
		if (ab == bc || bc == 0)
			EXPECT(ac == ab);
		else if (ab == 0)
			EXPECT(ac == bc);
	}
}

static void prefix_is_four_units(void)
{
	EXPECT_EQ(name_prefix(NULL, 0), 0);
	EXPECT_EQ(name_prefix(S("a")), UINT64_C(0x0041000000000000));
	EXPECT_EQ(name_prefix(S("aBcDe")), UINT64_C(0x0041004200430044));
	EXPECT_EQ(name_prefix(S("\xC3\xBF"
				"\xF0\x9F\x98\x80\xED\xA0\x80")),
		  UINT64_C(0x0178D83DDE00D800));
	EXPECT_EQ(name_prefix(S("a\xEF\xBF\xBF"
				"bc")),
		  UINT64_C(0x0041FFFFFFFFFFFF));
	EXPECT_EQ(name_prefix(S("abc\x80")), UINT64_C(0x004100420043FFFF));
	EXPECT_EQ(name_prefix(S("\xFF")), UINT64_MAX);
}

/* ---- status -------------------------------------------------------------------------------------- */

static void every_status_has_its_own_text(void)
{
	const char *none = mfs_status_text(MFS_STATUS_COUNT);

	EXPECT(none && *none);
	EXPECT(mfs_status_text((enum mfs_status)12345) == none);
	for (int i = 0; i < MFS_STATUS_COUNT; i++) {
		const char *text = mfs_status_text((enum mfs_status)i);
		EXPECT(text && *text);
		EXPECT(strcmp(text, none) != 0);
		for (int k = 0; k < i; k++)
			EXPECT(strcmp(text, mfs_status_text((enum mfs_status)k)) != 0);
	}
}

int main(void)
{
	RUN(upper_has_973_entries);
	RUN(upper_knows_these);
	RUN(upper_leaves_these_alone);
	RUN(check_knows_what_is_no_name);
	RUN(check_knows_the_limits);
	RUN(units_are_counted);
	RUN(units_refuse_what_is_not_wtf8);
	RUN(units_agree_with_the_plain_decoder);
	RUN(every_unit_goes_there_and_back);
	RUN(every_pair_is_one_character);
	RUN(units_survive_the_round_trip);
	RUN(bytes_survive_the_round_trip);
	RUN(names_are_the_same_or_not);
	RUN(case_never_matters_to_the_hash);
	RUN(equality_agrees_with_units_and_hash);
	RUN(long_names_are_hashed_to_the_end);
	RUN(length_counts_in_the_hash);
	RUN(hashes_spread);
	RUN(order_is_that_of_ntfs);
	RUN(order_agrees_with_units_and_prefix);
	RUN(order_is_transitive);
	RUN(prefix_is_four_units);
	RUN(every_status_has_its_own_text);
	return tests_end();
}
