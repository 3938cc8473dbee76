/*
 * test_wire: EA lists, reparse buffers and security descriptors, well-formed and not.
 *
 * Every buffer is checked from a block of exactly its size, so a sanitizer sees the first
 * byte read too far.
 */
#include <uchar.h>

#include "test.h"

#include "../../src/core/bytes.h"
#include "../../src/core/wire.h"

/* ---- helpers -------------------------------------------------------------------- */

struct buffer {
	size_t size;
	uint8_t bytes[MFS_EA_LIST_MAX + 4096];
};

static void reset(struct buffer *b)
{
	b->size = 0;
	memset(b->bytes, 0xEE, sizeof b->bytes);
}

static void add(struct buffer *b, const void *from, size_t size)
{
	REQUIRE(size <= sizeof b->bytes - b->size);
	if (size != 0)
		memcpy(b->bytes + b->size, from, size);
	b->size += size;
}

static void add_u8(struct buffer *b, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	add(b, &byte, 1);
}

static void add_u16(struct buffer *b, unsigned value)
{
	uint8_t bytes[2];

	bytes_put_u16(bytes, (uint16_t)value);
	add(b, bytes, 2);
}

static void add_u32(struct buffer *b, uint32_t value)
{
	uint8_t bytes[4];

	bytes_put_u32(bytes, value);
	add(b, bytes, 4);
}

static void add_zeros(struct buffer *b, size_t count)
{
	while (count-- > 0)
		add_u8(b, 0);
}

static void *exactly(const void *bytes, size_t size)
{
	void *copy = malloc(size != 0 ? size : 1);

	REQUIRE(copy != NULL);
	if (size != 0)
		memcpy(copy, bytes, size);
	return copy;
}

typedef enum mfs_status check_fn(const void *bytes, size_t size);

static enum mfs_status checked(check_fn *check, const void *bytes, size_t size)
{
	void *copy = exactly(bytes, size);
	enum mfs_status status = check(copy, size);

	free(copy);
	return status;
}

/* ---- EAs: building ---------------------------------------------------------------- */

/* Appends an entry and chains the one before to it; *last is that one's offset. */
static void add_ea_sized(struct buffer *b, size_t *last, unsigned flags, const char *name, size_t name_size,
			 const void *value, size_t value_size)
{
	size_t at = (b->size + 3) & ~(size_t)3;

	if (b->size != 0) {
		bytes_put_u32(b->bytes + *last, (uint32_t)(at - *last));
		add_zeros(b, at - b->size);
	}
	*last = at;
	add_u32(b, 0);
	add_u8(b, flags);
	add_u8(b, (unsigned)name_size);
	add_u16(b, (unsigned)value_size);
	add(b, name, name_size);
	add_u8(b, 0);
	add(b, value, value_size);
}

static void add_ea(struct buffer *b, size_t *last, unsigned flags, const char *name, const char *value)
{
	add_ea_sized(b, last, flags, name, strlen(name), value, strlen(value));
}

/* The list as text: "NAME=value;" with "!" before a needed one. */
static void ea_text(const void *list, size_t size, char *to, size_t capacity)
{
	struct wire_ea ea;
	size_t used = 0;

	to[0] = '\0';
	for (size_t at = 0; wire_ea_next(list, size, &at, &ea);)
		used += (size_t)snprintf(to + used, capacity - used, "%s%.*s=%.*s;", ea.flags ? "!" : "",
					 ea.name_size, ea.name, ea.value_size, (const char *)ea.value);
}

static bool merges_to(const struct buffer *list, const struct buffer *change, const char *text)
{
	static char got[1 << 17];
	size_t size = 12345, again = 0;
	void *a = exactly(list->bytes, list->size), *b = exactly(change->bytes, change->size);
	uint8_t *to;
	bool same;

	EXPECT_EQ(wire_ea_merge(a, list->size, b, change->size, NULL, 0, &size), MFS_OK);
	REQUIRE(size <= MFS_EA_LIST_MAX);
	to = malloc(size + 1);
	REQUIRE(to != NULL);
	memset(to, 0x5A, size + 1);
	if (size != 0) {
		EXPECT_EQ(wire_ea_merge(a, list->size, b, change->size, to, size - 1, &again),
			  MFS_BUFFER_TOO_SMALL);
		EXPECT_EQ(again, size);
	}
	EXPECT_EQ(wire_ea_merge(a, list->size, b, change->size, to, size, &again), MFS_OK);
	EXPECT_EQ(again, size);
	EXPECT_EQ(to[size], 0x5A);
	EXPECT_EQ(checked(wire_ea_check, to, size), MFS_OK);
	ea_text(to, size, got, sizeof got);
	same = strcmp(got, text) == 0;
	if (!same)
		printf("# got %s\n# not %s\n", got, text);
	free(to);
	free(b);
	free(a);
	return same;
}

static struct buffer one, two;

/* ---- bytes ------------------------------------------------------------------------- */

static void numbers_are_little_endian_at_any_address(void)
{
	static const uint8_t bytes[9] = {0, 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0xF8};
	uint8_t to[9] = {0};

	EXPECT_EQ(bytes_get_u16(bytes + 1), 0x8201u);
	EXPECT_EQ(bytes_get_u32(bytes + 1), 0x84038201u);
	EXPECT_EQ(bytes_get_u64(bytes + 1), 0xF807860584038201u);
	bytes_put_u64(to + 1, 0xF807860584038201u);
	EXPECT(memcmp(to, bytes, sizeof to) == 0);
	bytes_put_u32(to + 1, 0x11223344u);
	bytes_put_u16(to + 5, 0x5566u);
	EXPECT(memcmp(to, "\0\x44\x33\x22\x11\x66\x55\x07\xF8", sizeof to) == 0);
}

/* ---- EAs: checking ------------------------------------------------------------------ */

static void ea_lists_that_are_well_formed(void)
{
	size_t last = 0;

	EXPECT_EQ(wire_ea_check(NULL, 0), MFS_OK);
	EXPECT_EQ(wire_ea_size(NULL, 0), 0);
	EXPECT(!wire_ea_needed(NULL, 0));

	reset(&one);
	add_ea(&one, &last, 0, "Alpha", "12345");
	EXPECT_EQ(one.size, 8 + 6 + 5);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(wire_ea_size(one.bytes, one.size), 5 + 5 + 5);
	EXPECT(!wire_ea_needed(one.bytes, one.size));
	add_ea(&one, &last, 0x80, "b", "");
	add_ea(&one, &last, 0, "name with space\x7F\xE4.~!#$%&'()-@^_`{}", "z");
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(wire_ea_size(one.bytes, one.size), 15 + 5 + 1 + 5 + 34 + 1);
	EXPECT(wire_ea_needed(one.bytes, one.size));
}

static void ea_lists_are_stepped_through(void)
{
	size_t last = 0, at = 0;
	struct wire_ea ea;

	reset(&one);
	add_ea(&one, &last, 0x80, "ab", "xyz");
	add_ea(&one, &last, 0, "c", "");
	REQUIRE(wire_ea_next(one.bytes, one.size, &at, &ea));
	EXPECT_EQ(ea.flags, 0x80);
	EXPECT(ea.name_size == 2 && memcmp(ea.name, "ab", 3) == 0);
	EXPECT(ea.value_size == 3 && memcmp(ea.value, "xyz", 3) == 0);
	EXPECT_EQ(at, 16);
	REQUIRE(wire_ea_next(one.bytes, one.size, &at, &ea));
	EXPECT_EQ(ea.flags, 0);
	EXPECT(ea.name_size == 1 && ea.value_size == 0 && ea.name[0] == 'c');
	EXPECT(!wire_ea_next(one.bytes, one.size, &at, &ea));
	EXPECT(!wire_ea_next(one.bytes, one.size, &at, &ea));
}

static void ea_lists_cut_short(void)
{
	size_t last = 0;

	reset(&one);
	add_ea(&one, &last, 0, "abc", "value");
	add_ea(&one, &last, 0, "defg", "v");
	for (size_t size = 1; size < one.size; size++)
		if (size != last) /* where it is a list of one, chained to the end */
			EXPECT_EQ(checked(wire_ea_check, one.bytes, size), MFS_EA_INVALID);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
}

static enum mfs_status with_next(uint32_t next, size_t size)
{
	bytes_put_u32(one.bytes, next);
	return checked(wire_ea_check, one.bytes, size);
}

static void ea_next_offsets(void)
{
	size_t last = 0;

	reset(&one);
	add_ea(&one, &last, 0, "abc", "value"); /* 17 bytes, next at 20 */
	add_ea(&one, &last, 0, "d", "v");	/* 11 bytes */
	EXPECT_EQ(with_next(20, one.size), MFS_OK);
	EXPECT_EQ(with_next(0, one.size), MFS_OK); /* what follows is ignored */
	EXPECT_EQ(with_next(1, one.size), MFS_EA_INVALID);
	EXPECT_EQ(with_next(8, one.size), MFS_EA_INVALID);
	EXPECT_EQ(with_next(16, one.size), MFS_EA_INVALID); /* inside itself */
	EXPECT_EQ(with_next(18, one.size), MFS_EA_INVALID);
	EXPECT_EQ(with_next(32, one.size), MFS_EA_INVALID); /* behind the end */
	EXPECT_EQ(with_next(24, one.size), MFS_EA_INVALID); /* too little left */
	EXPECT_EQ(with_next(0xFFFFFFFC, one.size), MFS_EA_INVALID);
	EXPECT_EQ(with_next(0x80000000, one.size), MFS_EA_INVALID);
	EXPECT_EQ(with_next(20, 20), MFS_OK); /* chained to the very end */
	EXPECT_EQ(with_next(24, 20), MFS_EA_INVALID);
	EXPECT_EQ(with_next(20, 17), MFS_EA_INVALID);
	EXPECT_EQ(with_next(20, 20 + 7), MFS_EA_INVALID);
}

/* Offsets that lead to what would be a fine entry, were it allowed to begin there. */
static void ea_next_offsets_to_odd_places(void)
{
	reset(&one);
	add(&one,
	    "\x0C\0\0\0\0\3\x0A\0abc\0"
	    "\0\0\0\0\0\1\0\0x\0",
	    22);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_EA_INVALID); /* inside itself */
	one.bytes[0] = 0;
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
	reset(&one);
	add(&one,
	    "\x0E\0\0\0\0\3\0\0abc\0\0\0"
	    "\0\0\0\0\0\1\0\0x\0",
	    24);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_EA_INVALID); /* not aligned */
}

static void ea_chained_to_the_end_is_one_entry(void)
{
	size_t last = 0, at = 0, count = 0;
	struct wire_ea ea;

	reset(&one);
	add_ea(&one, &last, 0, "abc", "v");
	bytes_put_u32(one.bytes, 16);
	add_zeros(&one, 16 - one.size);
	while (wire_ea_next(one.bytes, one.size, &at, &ea))
		count++;
	EXPECT_EQ(count, 1);
	EXPECT_EQ(wire_ea_size(one.bytes, one.size), 5 + 3 + 1);
	reset(&two);
	EXPECT(merges_to(&one, &two, "ABC=v;"));
}

static void ea_flags_and_terminators(void)
{
	size_t last = 0;

	reset(&one);
	add_ea(&one, &last, 0, "abc", "value");
	for (unsigned flags = 0; flags < 256; flags++) {
		one.bytes[4] = (uint8_t)flags;
		EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size),
			  flags == 0 || flags == 0x80 ? MFS_OK : MFS_EA_INVALID);
	}
	one.bytes[4] = 0;
	one.bytes[8 + 3] = 'x';
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_EA_INVALID);
}

static void ea_names_that_windows_refuses(void)
{
	static const char refused[] = "\\/:*?\"<>|,+=[];";
	char name[256];
	size_t last;

	for (unsigned c = 0; c < 256; c++) {
		char text[3] = {'a', (char)c, 'b'};
		bool bad = c < 0x20 || strchr(refused, (int)c) != NULL;

		reset(&one);
		add_ea_sized(&one, &last, 0, text, 3, "v", 1);
		EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), bad ? MFS_EA_NAME_INVALID : MFS_OK);
	}
	reset(&one);
	add_ea_sized(&one, &last, 0, "", 0, "v", 1);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_EA_NAME_INVALID);
	memset(name, 'n', sizeof name);
	for (size_t size = 253; size <= 255; size++) {
		reset(&one);
		add_ea_sized(&one, &last, 0, name, size, "v", 1);
		EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size),
			  size <= 254 ? MFS_OK : MFS_EA_NAME_INVALID);
	}
	/* A bad name in a later entry. */
	reset(&one);
	add_ea(&one, &last, 0, "fine", "v");
	add_ea(&one, &last, 0, "a:b", "v");
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_EA_NAME_INVALID);
}

/* ---- EAs: merging ---------------------------------------------------------------------- */

static void ea_merge_adds_replaces_deletes(void)
{
	size_t last = 0;

	reset(&one);
	reset(&two);
	EXPECT(merges_to(&one, &two, ""));
	add_ea(&one, &last, 0, "A", "1");
	add_ea(&one, &last, 0x80, "B", "2");
	add_ea(&one, &last, 0, "C", "3");
	EXPECT(merges_to(&one, &two, "A=1;!B=2;C=3;"));
	EXPECT(merges_to(&two, &one, "A=1;!B=2;C=3;"));
	add_ea(&two, &last, 0, "d", "44");
	EXPECT(merges_to(&one, &two, "A=1;!B=2;C=3;D=44;"));
	add_ea(&two, &last, 0, "b", "22"); /* the flag goes too */
	EXPECT(merges_to(&one, &two, "A=1;C=3;D=44;B=22;"));
	add_ea(&two, &last, 0, "a", "");
	EXPECT(merges_to(&one, &two, "C=3;D=44;B=22;"));
	add_ea(&two, &last, 0, "none", "");
	EXPECT(merges_to(&one, &two, "C=3;D=44;B=22;"));
	add_ea(&two, &last, 0x80, "A", "new");
	EXPECT(merges_to(&one, &two, "C=3;D=44;B=22;!A=new;"));
	add_ea(&two, &last, 0, "B", "");
	add_ea(&two, &last, 0, "c", "");
	add_ea(&two, &last, 0, "D", "");
	add_ea(&two, &last, 0, "A", "");
	EXPECT(merges_to(&one, &two, ""));
}

static void ea_merge_folds_ascii_alone(void)
{
	size_t last = 0;

	reset(&one);
	reset(&two);
	add_ea(&one, &last, 0, "m\xE4z@", "1");
	add_ea(&one, &last, 0, "same", "1");
	add_ea(&two, &last, 0, "M\xC4Z@", "2");
	add_ea(&two, &last, 0, "SaMe", "2");
	add_ea(&two, &last, 0, "M\xE4Z`", "3");
	EXPECT(merges_to(&one, &two, "M\xE4Z@=1;M\xC4Z@=2;SAME=2;M\xE4Z`=3;"));
}

static void ea_merge_prefixes_are_other_names(void)
{
	size_t last = 0;

	reset(&one);
	reset(&two);
	add_ea(&one, &last, 0, "AB", "1");
	add_ea(&one, &last, 0, "ABC", "1");
	add_ea(&two, &last, 0, "A", "2");
	add_ea(&two, &last, 0, "ABCD", "2");
	EXPECT(merges_to(&one, &two, "AB=1;ABC=1;A=2;ABCD=2;"));
}

static void ea_merge_makes_a_canonical_list(void)
{
	uint8_t to[64];
	size_t last = 0, size;

	/* A gap, a stray byte behind the end, duplicates and an empty value in the first list. */
	reset(&one);
	reset(&two);
	add_ea(&one, &last, 0, "x", "1");
	bytes_put_u32(one.bytes, 24);
	add(&one, "garbage garbage", 24 - one.size);
	last = 24;
	one.size = 24;
	add_u32(&one, 0);
	add_u8(&one, 0);
	add_u8(&one, 2);
	add_u16(&one, 3);
	add(&one, "yz\0abc", 6);
	add_ea(&one, &last, 0, "gone", "");
	add_ea(&one, &last, 0, "X", "2");
	add(&one, "tail", 4);
	EXPECT(merges_to(&one, &two, "YZ=abc;X=2;"));
	memset(to, 0x5A, sizeof to);
	REQUIRE(wire_ea_merge(one.bytes, one.size, NULL, 0, to, sizeof to, &size) == MFS_OK);
	EXPECT_EQ(size, 16 + 11);
	EXPECT(memcmp(to,
		      "\x10\0\0\0\0\2\3\0YZ\0abc\0\0\0\0\0\0\0\1\1\0X\0"
		      "2",
		      size) == 0);
}

static void ea_merge_limits(void)
{
	static char value[65535];
	size_t last = 0, size = 77;

	memset(value, 'v', sizeof value);
	/* 8 + 2 + 65526 fills the list. */
	reset(&one);
	reset(&two);
	add_ea_sized(&one, &last, 0, "a", 1, value, 65526);
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, NULL, 0, NULL, 0, &size), MFS_OK);
	EXPECT_EQ(size, MFS_EA_LIST_MAX);
	add_ea(&two, &last, 0, "b", "1");
	size = 77;
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, two.bytes, two.size, NULL, 0, &size), MFS_TOO_LARGE);
	EXPECT_EQ(size, 77);
	/* Making room in the same change is fine. */
	add_ea(&two, &last, 0, "A", "");
	EXPECT(merges_to(&one, &two, "B=1;"));
	/* To the byte: 65524 + 12 fits, one more does not. */
	reset(&one);
	reset(&two);
	add_ea_sized(&one, &last, 0, "a", 1, value, 65513);
	add_ea(&two, &last, 0, "b", "12");
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, two.bytes, two.size, NULL, 0, &size), MFS_OK);
	EXPECT_EQ(size, MFS_EA_LIST_MAX);
	add_ea(&two, &last, 0, "b", "123");
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, two.bytes, two.size, NULL, 0, &size), MFS_TOO_LARGE);
	/* A list too long in itself. */
	reset(&one);
	add_ea_sized(&one, &last, 0, "a", 1, value, 65527);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, NULL, 0, NULL, 0, &size), MFS_TOO_LARGE);
	EXPECT_EQ(wire_ea_merge(NULL, 0, one.bytes, one.size, NULL, 0, &size), MFS_TOO_LARGE);
	/* Even if little would remain of it. */
	reset(&one);
	add_ea(&one, &last, 0, "a", "1");
	add_zeros(&one, MFS_EA_LIST_MAX - one.size);
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, NULL, 0, NULL, 0, &size), MFS_OK);
	add_zeros(&one, 1);
	EXPECT_EQ(wire_ea_merge(one.bytes, one.size, NULL, 0, NULL, 0, &size), MFS_TOO_LARGE);
	EXPECT_EQ(wire_ea_merge(NULL, 0, one.bytes, one.size, NULL, 0, &size), MFS_TOO_LARGE);
}

/* As many entries as 64 KiB hold, in both lists. */
static void ea_merge_of_full_lists(void)
{
	static uint8_t to[MFS_EA_LIST_MAX];
	struct wire_ea ea;
	size_t last = 0, last_two = 0, count = 0, size;

	reset(&one);
	reset(&two);
	for (unsigned i = 0; ((one.size + 3) & ~3u) + 10 <= MFS_EA_LIST_MAX; i++) {
		char name[2] = {(char)(0x80 + i % 128), (char)(0x80 + i / 128 % 128)};

		add_ea_sized(&one, &last, 0, name, 1 + (i < 5000), "1", i < 5000);
		add_ea_sized(&two, &last_two, 0, name, 1 + (i < 5000), "2", i < 5000 && i % 2);
	}
	REQUIRE(one.size <= MFS_EA_LIST_MAX && two.size <= MFS_EA_LIST_MAX);
	EXPECT_EQ(checked(wire_ea_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(checked(wire_ea_check, two.bytes, two.size), MFS_OK);
	REQUIRE(wire_ea_merge(one.bytes, one.size, two.bytes, two.size, to, sizeof to, &size) == MFS_OK);
	for (size_t at = 0; wire_ea_next(to, size, &at, &ea); count++) {
		unsigned i = (unsigned)(2 * count + 1);

		EXPECT_EQ((uint8_t)ea.name[0], 0x80 + i % 128);
		EXPECT_EQ((uint8_t)ea.name[1], 0x80 + i / 128 % 128);
		EXPECT_EQ(*(const char *)ea.value, '2');
	}
	EXPECT_EQ(count, 2500);
}

/* ---- reparse buffers: building --------------------------------------------------------- */

static const uint8_t guid_a[16] = "0123456789abcdef", guid_b[16] = "0123456789abcdeF";

static void make_reparse(struct buffer *b, uint32_t tag, const uint8_t *guid, const void *data, size_t size)
{
	reset(b);
	add_u32(b, tag);
	add_u16(b, (unsigned)size);
	add_u16(b, 0);
	if (guid != NULL)
		add(b, guid, 16);
	add(b, data, size);
}

static size_t units_of(const char16_t *text)
{
	size_t count = 0;

	while (text[count] != 0)
		count++;
	return count;
}

static void add_units(struct buffer *b, const char16_t *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_u16(b, text[i]);
}

/* Offsets as Windows lays them out: substitute name, then print name. */
static void make_link_sized(struct buffer *b, uint32_t tag, const char16_t *substitute,
			    size_t substitute_count, const char16_t *print, size_t print_count)
{
	reset(b);
	add_u32(b, tag);
	add_u16(b, 0);
	add_u16(b, 0);
	add_u16(b, 0);
	add_u16(b, 2 * (unsigned)substitute_count);
	add_u16(b, 2 * (unsigned)substitute_count + 2);
	add_u16(b, 2 * (unsigned)print_count);
	if (tag == WIRE_TAG_SYMLINK)
		add_u32(b, 1);
	add_units(b, substitute, substitute_count);
	add_u16(b, 0);
	add_units(b, print, print_count);
	add_u16(b, 0);
	bytes_put_u16(b->bytes + 4, (uint16_t)(b->size - 8));
}

static void make_link(struct buffer *b, uint32_t tag, const char16_t *substitute, const char16_t *print)
{
	make_link_sized(b, tag, substitute, units_of(substitute), print, units_of(print));
}

static bool has_target_sized(const struct buffer *b, const char *text, size_t size)
{
	static char to[65536];
	void *copy = exactly(b->bytes, b->size);
	size_t needed = 4711;
	bool same;

	memset(to, 0x5A, sizeof to);
	if (size != 0) {
		EXPECT_EQ(wire_reparse_target(copy, b->size, NULL, 0, &needed), MFS_BUFFER_TOO_SMALL);
		EXPECT_EQ(needed, size);
		EXPECT_EQ(wire_reparse_target(copy, b->size, to, size - 1, &needed), MFS_BUFFER_TOO_SMALL);
		EXPECT_EQ(to[0], 0x5A);
	}
	EXPECT_EQ(wire_reparse_target(copy, b->size, to, size, &needed), MFS_OK);
	EXPECT_EQ(to[size], 0x5A);
	same = needed == size && memcmp(to, text, size) == 0;
	if (!same)
		printf("# got %.*s\n# not %.*s\n", (int)(needed < 200 ? needed : 200), to,
		       (int)(size < 200 ? size : 200), text);
	free(copy);
	return same;
}

static bool has_target(const struct buffer *b, const char *text)
{
	return has_target_sized(b, text, strlen(text));
}

/* ---- reparse buffers: checking ------------------------------------------------------------ */

static void reparse_sizes_must_match(void)
{
	static uint8_t data[MFS_REPARSE_MAX];
	size_t needed;

	make_reparse(&one, 0x80000017, NULL, "data", 4);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(wire_reparse_tag(one.bytes), 0x80000017u);
	for (size_t size = 0; size < one.size; size++)
		EXPECT_EQ(checked(wire_reparse_check, one.bytes, size), MFS_REPARSE_INVALID);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size + 1), MFS_REPARSE_INVALID);
	bytes_put_u16(one.bytes + 6, 0xFFFF); /* reserved: ignored */
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	EXPECT_EQ(wire_reparse_target(one.bytes, one.size, NULL, 0, &needed), MFS_INVALID);

	make_reparse(&one, 0x00001234, guid_a, "data", 4);
	EXPECT_EQ(one.size, 28);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	for (size_t size = 0; size < one.size; size++)
		EXPECT_EQ(checked(wire_reparse_check, one.bytes, size), MFS_REPARSE_INVALID);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size + 1), MFS_REPARSE_INVALID);
	/* 12 bytes would do for a Microsoft tag, not for this one. */
	make_reparse(&one, 0x00001234, NULL, "data", 4);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_REPARSE_INVALID);

	make_reparse(&one, WIRE_TAG_AF_UNIX, NULL, NULL, 0);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	make_reparse(&one, 0x80000017, NULL, data, MFS_REPARSE_MAX - 8);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	make_reparse(&one, 0x80000017, NULL, data, MFS_REPARSE_MAX - 7);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_REPARSE_INVALID);
	make_reparse(&one, 0x1234, guid_a, data, MFS_REPARSE_MAX - 24);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
}

static void reparse_tags_that_are_reserved(void)
{
	static const uint32_t bad[] = {0, 1, 0x00010002, 0x08000002, 0x2FFF0005};
	static const uint32_t good[] = {2, 0x10001234, 0x20001234, 0x7000FFFF};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		make_reparse(&one, bad[i], guid_a, "data", 4);
		EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_TAG_INVALID);
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		make_reparse(&one, good[i], guid_a, "data", 4);
		EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	}
	make_reparse(&one, 0x9000701A, NULL, "data", 4); /* cloud files */
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
}

static enum mfs_status with_name(size_t at, unsigned offset, unsigned size)
{
	uint8_t saved[4];
	enum mfs_status status;

	memcpy(saved, one.bytes + at, 4);
	bytes_put_u16(one.bytes + at, (uint16_t)offset);
	bytes_put_u16(one.bytes + at + 2, (uint16_t)size);
	status = checked(wire_reparse_check, one.bytes, one.size);
	memcpy(one.bytes + at, saved, 4);
	return status;
}

static void check_link_names(uint32_t tag, unsigned fixed)
{
	make_link(&one, tag, u"ab", u"cde"); /* path buffer: 6 + 8 = 14 bytes */
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	for (size_t at = 8; at <= 12; at += 4) {
		EXPECT_EQ(with_name(at, 0, 14), MFS_OK);
		EXPECT_EQ(with_name(at, 14, 0), MFS_OK);
		EXPECT_EQ(with_name(at, 0, 0), MFS_OK);
		EXPECT_EQ(with_name(at, 12, 2), MFS_OK);
		EXPECT_EQ(with_name(at, 0, 16), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 2, 14), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 14, 2), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 16, 0), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 0, 3), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 1, 2), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 0xFFFE, 0xFFFE), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 0xFFFE, 2), MFS_REPARSE_INVALID);
		EXPECT_EQ(with_name(at, 0, 0xFFFE), MFS_REPARSE_INVALID);
	}
	/* No room for the fixed part. */
	for (size_t size = 0; size < fixed; size++) {
		static const uint8_t zeros[12];

		make_reparse(&one, tag, NULL, zeros, size);
		EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_REPARSE_INVALID);
	}
}

static void reparse_names_lie_inside(void)
{
	check_link_names(WIRE_TAG_SYMLINK, 12);
	check_link_names(WIRE_TAG_MOUNT_POINT, 8);
}

static void reparse_lx_symlinks_have_a_version(void)
{
	make_reparse(&one, WIRE_TAG_LX_SYMLINK, NULL, "\2\0\0", 3);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_REPARSE_INVALID);
	make_reparse(&one, WIRE_TAG_LX_SYMLINK, NULL, "\2\0\0\0", 4);
	EXPECT_EQ(checked(wire_reparse_check, one.bytes, one.size), MFS_OK);
	EXPECT(has_target(&one, ""));
}

/* ---- reparse buffers: replacing and removing ---------------------------------------------- */

static enum mfs_status matches(const struct buffer *present, const struct buffer *change, size_t size)
{
	void *a = exactly(present->bytes, present->size), *b = exactly(change->bytes, size);
	enum mfs_status status = wire_reparse_matches(a, present->size, b, size);

	free(b);
	free(a);
	return status;
}

static void reparse_change_must_match(void)
{
	make_reparse(&one, 0x80000017, NULL, "old", 3);
	make_reparse(&two, 0x80000017, NULL, "new data", 8);
	EXPECT_EQ(matches(&one, &two, two.size), MFS_OK);
	make_reparse(&two, 0x80000017, NULL, NULL, 0); /* as FSCTL_DELETE_REPARSE_POINT has it */
	EXPECT_EQ(matches(&one, &two, two.size), MFS_OK);
	for (size_t size = 0; size < 8; size++)
		EXPECT_EQ(matches(&one, &two, size), MFS_REPARSE_INVALID);
	make_reparse(&two, 0x80000018, NULL, NULL, 0);
	EXPECT_EQ(matches(&one, &two, two.size), MFS_TAG_MISMATCH);
	make_reparse(&two, 0x80000017, guid_a, NULL, 0); /* the long header is fine too */
	EXPECT_EQ(matches(&one, &two, two.size), MFS_OK);

	make_reparse(&one, 0x1234, guid_a, "old", 3);
	make_reparse(&two, 0x1234, guid_a, "new", 3);
	EXPECT_EQ(matches(&one, &two, two.size), MFS_OK);
	make_reparse(&two, 0x1234, guid_a, NULL, 0);
	EXPECT_EQ(matches(&one, &two, 24), MFS_OK);
	for (size_t size = 0; size < 24; size++)
		EXPECT_EQ(matches(&one, &two, size), MFS_REPARSE_INVALID);
	make_reparse(&two, 0x1234, guid_b, NULL, 0);
	EXPECT_EQ(matches(&one, &two, two.size), MFS_GUID_MISMATCH);
	make_reparse(&two, 0x1235, guid_a, NULL, 0);
	EXPECT_EQ(matches(&one, &two, two.size), MFS_TAG_MISMATCH);
	EXPECT_EQ(matches(&one, &two, 8), MFS_TAG_MISMATCH);
	for (size_t i = 0; i < 16; i++) {
		make_reparse(&two, 0x1234, guid_a, NULL, 0);
		two.bytes[8 + i] ^= 0x40;
		EXPECT_EQ(matches(&one, &two, two.size), MFS_GUID_MISMATCH);
	}
}

/* ---- reparse buffers: targets ---------------------------------------------------------------- */

static void reparse_targets_of_windows_links(void)
{
	static const struct {
		const char16_t *substitute, *print;
		const char *target;
	} cases[] = {
		{u"..\\a\\b", u"..\\a\\b", "../a/b"},
		{u"a", u"", "a"},
		{u"", u"", ""},
		{u"\\x\\y", u"", "/x/y"},
		{u"\\x", u"\\x", "/x"},
		{u"\\??\\C:\\x\\y", u"C:\\x\\y", "C:/x/y"},
		{u"\\??\\C:\\x\\y", u"", "C:/x/y"},
		{u"\\??\\C:\\", u"\\??\\C:\\", "C:/"},
		{u"\\??\\UNC\\server\\share\\d", u"", "//server/share/d"},
		{u"\\??\\unc\\server\\share", u"\\\\server\\share", "//server/share"},
		{u"\\??\\unc\\server\\share", u"", "//server/share"},
		{u"\\??\\UNCLE\\x", u"", "UNCLE/x"},
		{u"\\??\\UNC", u"", "UNC"},
		{u"\\??\\Volume{0123-45}\\", u"", "Volume{0123-45}/"},
		{u"\\??\\", u"", ""},
		{u"\\??", u"",
		 "/?"
		 "?"},
		{u"\\__\\x", u"", "/__/x"},
		{u"|"
		 u"?"
		 u"?|x",
		 u"",
		 "|"
		 "?"
		 "?|x"},
		{u"\\?\\x", u"", "/?/x"},
		{u"\\??\\\\??\\x", u"",
		 "/?"
		 "?/x"},
		{u"substitute wins", u"other", "substitute wins"},
		{u"\\??\\C:\\x", u"D:\\y", "C:/x"},
		{u"", u"only\\shown", "only/shown"},
		{u"already/so", u"", "already/so"},
		{u"\u00E4\u20AC\U0001F600", u"", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make_link(&one, WIRE_TAG_SYMLINK, cases[i].substitute, cases[i].print);
		EXPECT(has_target(&one, cases[i].target));
		make_link(&one, WIRE_TAG_MOUNT_POINT, cases[i].substitute, cases[i].print);
		EXPECT(has_target(&one, cases[i].target));
	}
}

static void reparse_targets_end_at_nul(void)
{
	make_link_sized(&one, WIRE_TAG_SYMLINK, u"", 0, u"ab\0cd", 5);
	EXPECT(has_target(&one, "ab"));
	make_link_sized(&one, WIRE_TAG_SYMLINK, u"\0cd", 3, u"shown", 5);
	EXPECT(has_target(&one, "shown"));
	make_reparse(&one, WIRE_TAG_LX_SYMLINK, NULL, "\2\0\0\0ab\0cd", 9);
	EXPECT(has_target(&one, "ab"));
}

static void reparse_targets_keep_lone_surrogates(void)
{
	static const char16_t lone[] = {'a', 0xD800, 'b', 0xDC00, 0xDBFF};

	make_link_sized(&one, WIRE_TAG_SYMLINK, u"", 0, lone, 5);
	EXPECT(has_target(&one, "a\xED\xA0\x80"
				"b\xED\xB0\x80\xED\xAF\xBF"));
}

/* Pairs at every place of a long name, so that none is torn apart. */
static void reparse_targets_long_names(void)
{
	static char16_t name[4000];
	static char text[3 * 4000];

	for (size_t shift = 0; shift < 2; shift++) {
		size_t units = 0, bytes = 0;

		for (; units < shift; units++)
			text[bytes++] = (char)(name[units] = 'x');
		for (; units + 2 <= 4000; units += 2, bytes += 4) {
			name[units] = 0xD83D;
			name[units + 1] = 0xDE00;
			memcpy(text + bytes, "\xF0\x9F\x98\x80", 4);
		}
		make_link_sized(&one, WIRE_TAG_SYMLINK, u"", 0, name, units);
		EXPECT(has_target_sized(&one, text, bytes));
		/* All high: none may be lost where pieces meet. */
		for (size_t i = 0; i < 4000; i++) {
			name[i] = 0xD83D;
			memcpy(text + 3 * i, "\xED\xA0\xBD", 3);
		}
		make_link_sized(&one, WIRE_TAG_MOUNT_POINT, name, 4000, u"", 0);
		EXPECT(has_target_sized(&one, text, 3 * 4000));
	}
}

static void reparse_targets_of_bad_buffers(void)
{
	char to[16];
	size_t needed = 99;

	make_link(&one, WIRE_TAG_SYMLINK, u"ab", u"");
	EXPECT_EQ(wire_reparse_target(one.bytes, one.size - 1, to, sizeof to, &needed), MFS_REPARSE_INVALID);
	bytes_put_u32(one.bytes, 1);
	EXPECT_EQ(wire_reparse_target(one.bytes, one.size, to, sizeof to, &needed), MFS_TAG_INVALID);
	make_reparse(&one, WIRE_TAG_LX_FIFO, NULL, NULL, 0);
	EXPECT_EQ(wire_reparse_target(one.bytes, one.size, to, sizeof to, &needed), MFS_INVALID);
	EXPECT_EQ(needed, 99);
}

static void reparse_from_posix_targets(void)
{
	static const size_t sizes[] = {1, 2, 255, 4095};
	static char target[4095];

	memset(target, '/', sizeof target);
	target[1] = '\\'; /* stays what it is */
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t *to = malloc(12 + sizes[i]);

		REQUIRE(to != NULL);
		reset(&one);
		EXPECT_EQ(wire_reparse_from_target(target, sizes[i], to), 12 + sizes[i]);
		add(&one, to, 12 + sizes[i]);
		EXPECT_EQ(wire_reparse_tag(to), WIRE_TAG_LX_SYMLINK);
		EXPECT(memcmp(to + 6, "\0\0\2\0\0\0", 6) == 0);
		EXPECT_EQ(checked(wire_reparse_check, to, 12 + sizes[i]), MFS_OK);
		EXPECT(has_target_sized(&one, target, sizes[i]));
		free(to);
	}
}

/* ---- security descriptors ----------------------------------------------------------------------- */

static void add_sid(struct buffer *b, unsigned count)
{
	add_u8(b, 1);
	add_u8(b, count);
	add(b, "\0\0\0\0\0\5", 6);
	for (unsigned i = 0; i < count; i++)
		add_u32(b, 32 + i);
}

static void add_ace(struct buffer *b, unsigned type, unsigned sid_count)
{
	add_u8(b, type);
	add_u8(b, 3);
	add_u16(b, 8 + 8 + 4 * sid_count);
	add_u32(b, 0x001F01FF);
	add_sid(b, sid_count);
}

static void add_acl(struct buffer *b, unsigned aces)
{
	size_t at = b->size;

	add_u8(b, 2);
	add_u8(b, 0);
	add_u16(b, 0);
	add_u16(b, aces);
	add_u16(b, 0);
	for (unsigned i = 0; i < aces; i++)
		add_ace(b, i % 2, 1 + i % 3);
	bytes_put_u16(b->bytes + at + 2, (uint16_t)(b->size - at));
}

enum { OWNER = 4, GROUP = 8, SACL = 12, DACL = 16 };

static size_t part_at(size_t field)
{
	return bytes_get_u32(one.bytes + field);
}

static void begin_part(size_t field)
{
	bytes_put_u32(one.bytes + field, (uint32_t)one.size);
}

/* Owner, group, SACL with 1 ACE, DACL with 3, the DACL last. */
static void make_descriptor(void)
{
	reset(&one);
	add_u8(&one, 1);
	add_u8(&one, 0);
	add_u16(&one, 0x8014);
	add_zeros(&one, 16);
	begin_part(OWNER);
	add_sid(&one, 2);
	begin_part(GROUP);
	add_sid(&one, 1);
	begin_part(SACL);
	add_acl(&one, 1);
	begin_part(DACL);
	add_acl(&one, 3);
}

static enum mfs_status descriptor_status(void)
{
	return checked(wire_security_check, one.bytes, one.size);
}

static void security_well_formed(void)
{
	make_descriptor();
	EXPECT_EQ(descriptor_status(), MFS_OK);
	one.size += 3; /* slack behind is nobody's */
	EXPECT_EQ(descriptor_status(), MFS_OK);

	reset(&one);
	add(&one, "\1\0\0\x80", 4);
	add_zeros(&one, 16);
	EXPECT_EQ(descriptor_status(), MFS_OK); /* nothing in it */
	one.bytes[2] = 0x14;
	EXPECT_EQ(descriptor_status(), MFS_OK); /* NULL ACLs */
	begin_part(DACL);
	add_acl(&one, 0);
	EXPECT_EQ(descriptor_status(), MFS_OK); /* an empty one */
	begin_part(OWNER);
	bytes_put_u32(one.bytes + GROUP, (uint32_t)one.size); /* shared */
	add_sid(&one, 15);
	EXPECT_EQ(descriptor_status(), MFS_OK);
}

static void security_cut_short(void)
{
	make_descriptor();
	for (size_t size = 0; size < one.size; size++)
		EXPECT_EQ(checked(wire_security_check, one.bytes, size), MFS_SECURITY_INVALID);
}

static void security_header(void)
{
	make_descriptor();
	one.bytes[0] = 2;
	EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
	make_descriptor();
	one.bytes[3] = 0; /* not self-relative */
	EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
	make_descriptor();
	one.bytes[1] = 0x77; /* the resource manager's */
	EXPECT_EQ(descriptor_status(), MFS_OK);
	make_descriptor();
	add_zeros(&one, MFS_SECURITY_MAX - one.size);
	EXPECT_EQ(descriptor_status(), MFS_OK);
	add_zeros(&one, 1);
	EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
}

static void security_offsets(void)
{
	static const size_t fields[] = {OWNER, GROUP, SACL, DACL};

	for (size_t i = 0; i < 4; i++) {
		static const uint32_t bad[] = {1, 4, 16, 0xFFFFFFFC, 0x80000000, 0xFFFFFFFF};

		make_descriptor();
		for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
			bytes_put_u32(one.bytes + fields[i], bad[j]);
			EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
		}
		bytes_put_u32(one.bytes + fields[i], (uint32_t)one.size);
		EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
		bytes_put_u32(one.bytes + fields[i], (uint32_t)one.size - 4);
		EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
		bytes_put_u32(one.bytes + fields[i], 0);
		EXPECT_EQ(descriptor_status(), MFS_OK);
	}
	/* A SID made of the header's own last field. */
	reset(&one);
	add(&one, "\1\0\0\x80", 4);
	add_zeros(&one, 12);
	add(&one, "\1\0\0\0\0\0\0\5", 8);
	EXPECT_EQ(descriptor_status(), MFS_OK);
	bytes_put_u32(one.bytes + OWNER, 16);
	EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
	/* Well-formed, but off the grid of 4. */
	make_descriptor();
	add_zeros(&one, 2);
	begin_part(OWNER);
	add_sid(&one, 1);
	EXPECT_EQ(descriptor_status(), MFS_SECURITY_INVALID);
	/* An absent ACL's offset means nothing. */
	make_descriptor();
	bytes_put_u32(one.bytes + SACL, 0xFFFFFFFC);
	one.bytes[2] = 0x04;
	EXPECT_EQ(descriptor_status(), MFS_OK);
	bytes_put_u32(one.bytes + DACL, 3);
	one.bytes[2] = 0;
	EXPECT_EQ(descriptor_status(), MFS_OK);
}

static enum mfs_status with_byte(size_t at, unsigned value)
{
	uint8_t saved = one.bytes[at];
	enum mfs_status status;

	one.bytes[at] = (uint8_t)value;
	status = descriptor_status();
	one.bytes[at] = saved;
	return status;
}

static enum mfs_status with_u16(size_t at, unsigned value)
{
	unsigned saved = bytes_get_u16(one.bytes + at);
	enum mfs_status status;

	bytes_put_u16(one.bytes + at, (uint16_t)value);
	status = descriptor_status();
	bytes_put_u16(one.bytes + at, (uint16_t)saved);
	return status;
}

static void security_sids(void)
{
	make_descriptor();
	for (size_t field = OWNER; field <= GROUP; field += 4) {
		EXPECT_EQ(with_byte(part_at(field), 0), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(part_at(field), 2), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(part_at(field) + 1, 16), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(part_at(field) + 1, 255), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(part_at(field) + 1, 0), MFS_OK);
	}
	/* The last thing in the buffer, so one more does not fit. */
	begin_part(OWNER);
	add_sid(&one, 3);
	EXPECT_EQ(descriptor_status(), MFS_OK);
	EXPECT_EQ(with_byte(part_at(OWNER) + 1, 4), MFS_SECURITY_INVALID);
}

static void security_acls(void)
{
	make_descriptor();
	for (size_t field = SACL; field <= DACL; field += 4) {
		size_t at = part_at(field), size = bytes_get_u16(one.bytes + at + 2);
		unsigned aces = bytes_get_u16(one.bytes + at + 4);

		for (unsigned revision = 0; revision < 8; revision++)
			EXPECT_EQ(with_byte(at, revision),
				  revision >= 2 && revision <= 4 ? MFS_OK : MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 2, 0), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 2, 7), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 2, (unsigned)size - 1), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 2, 0xFFFF), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 4, aces + 1), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 4, 0xFFFF), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(at + 4, aces - 1), MFS_OK); /* slack behind the last ACE */
	}
}

static void security_aces(void)
{
	size_t ace;

	make_descriptor();
	ace = part_at(DACL) + 8;
	EXPECT_EQ(with_u16(ace + 2, 0), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 3), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 4), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 16), MFS_SECURITY_INVALID); /* its SID sticks out */
	EXPECT_EQ(with_u16(ace + 2, 21), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 22), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 0xFFFC), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_byte(ace + 8, 2), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_byte(ace + 9, 2), MFS_SECURITY_INVALID);
	for (unsigned type = 0; type < 256; type++) {
		/* Object ACEs have their SID elsewhere: the mask's and SID's bytes make no sense there. */
		bool object =
			(type >= 5 && type <= 8) || type == 0xB || type == 0xC || type == 0xF || type == 0x10;

		EXPECT_EQ(with_byte(ace, type), object ? MFS_SECURITY_INVALID : MFS_OK);
	}
	EXPECT_EQ(with_byte(ace, 0x20), MFS_OK);
	/* An unknown type is opaque, but has an even size and a header. */
	one.bytes[ace] = 0x60;
	EXPECT_EQ(with_byte(ace + 8, 9), MFS_OK);
	EXPECT_EQ(with_u16(ace + 2, 2), MFS_SECURITY_INVALID);
	EXPECT_EQ(with_u16(ace + 2, 19), MFS_SECURITY_INVALID);
}

/* A DACL of one ACE, the last thing in the buffer. */
static enum mfs_status single_ace(unsigned type, unsigned size)
{
	static const uint8_t zeros[64];

	reset(&one);
	add(&one, "\1\0\4\x80", 4);
	add_zeros(&one, 16);
	begin_part(DACL);
	add_u16(&one, 2);
	add_u16(&one, 8 + (size < 4 ? 4 : size));
	add_u32(&one, 1);
	add_u8(&one, type);
	add_u8(&one, 0);
	add_u16(&one, size);
	add(&one, zeros, size < 4 ? 0 : size - 4);
	return descriptor_status();
}

static void security_short_aces(void)
{
	static const unsigned types[] = {0, 5, 9, 0x10, 0x15};

	for (unsigned size = 0; size < 20; size++) {
		for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
			EXPECT_EQ(single_ace(types[i], size), MFS_SECURITY_INVALID);
		EXPECT_EQ(single_ace(0x60, size), size >= 4 && size % 2 == 0 ? MFS_OK : MFS_SECURITY_INVALID);
	}
}

static void security_object_aces(void)
{
	for (unsigned flags = 0; flags < 4; flags++) {
		size_t guids = 16 * ((flags & 1) + (flags >> 1)), acl, ace;

		reset(&one);
		add(&one, "\1\0\4\x80", 4);
		add_zeros(&one, 16);
		begin_part(DACL);
		acl = one.size;
		add_u32(&one, 4);
		add_u32(&one, 1);
		ace = one.size;
		add(&one, "\5\0\0\0", 4);
		add_u32(&one, 0x10);
		add_u32(&one, flags);
		add_zeros(&one, guids);
		add_sid(&one, 1);
		bytes_put_u16(one.bytes + ace + 2, (uint16_t)(one.size - ace));
		bytes_put_u16(one.bytes + acl + 2, (uint16_t)(one.size - acl));
		EXPECT_EQ(descriptor_status(), MFS_OK);
		EXPECT_EQ(with_byte(ace + 12 + guids, 7), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(ace + 13 + guids, 2), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(ace + 2, 8), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_u16(ace + 2, 12), MFS_SECURITY_INVALID);
		EXPECT_EQ(with_byte(ace + 8, flags ^ 1), MFS_SECURITY_INVALID);
	}
}

int main(void)
{
	RUN(numbers_are_little_endian_at_any_address);
	RUN(ea_lists_that_are_well_formed);
	RUN(ea_lists_are_stepped_through);
	RUN(ea_lists_cut_short);
	RUN(ea_next_offsets);
	RUN(ea_next_offsets_to_odd_places);
	RUN(ea_chained_to_the_end_is_one_entry);
	RUN(ea_flags_and_terminators);
	RUN(ea_names_that_windows_refuses);
	RUN(ea_merge_adds_replaces_deletes);
	RUN(ea_merge_folds_ascii_alone);
	RUN(ea_merge_prefixes_are_other_names);
	RUN(ea_merge_makes_a_canonical_list);
	RUN(ea_merge_limits);
	RUN(ea_merge_of_full_lists);
	RUN(reparse_sizes_must_match);
	RUN(reparse_tags_that_are_reserved);
	RUN(reparse_names_lie_inside);
	RUN(reparse_lx_symlinks_have_a_version);
	RUN(reparse_change_must_match);
	RUN(reparse_targets_of_windows_links);
	RUN(reparse_targets_end_at_nul);
	RUN(reparse_targets_keep_lone_surrogates);
	RUN(reparse_targets_long_names);
	RUN(reparse_targets_of_bad_buffers);
	RUN(reparse_from_posix_targets);
	RUN(security_well_formed);
	RUN(security_cut_short);
	RUN(security_header);
	RUN(security_offsets);
	RUN(security_sids);
	RUN(security_acls);
	RUN(security_aces);
	RUN(security_short_aces);
	RUN(security_object_aces);
	return tests_end();
}
