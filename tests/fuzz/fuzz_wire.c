/*
 * fuzz_wire: any bytes at all into every function of wire.h, and what must hold afterwards.
 *
 * With -DFUZZ_FORMAT=0 (EAs), 1 (reparse buffers) or 2 (security descriptors) a fuzz target. With
 * -DFUZZ_MAIN it is a program of its own that runs `fuzz_wire [inputs [seed]]`: well-formed
 * buffers, most of them damaged a little, and plain noise. Inputs depend on the seed alone. Build
 * it with sanitizers: each buffer is a heap block of exactly its size.
 *
 * Input: a u16 that says where the first of two buffers ends, the buffers.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "wire.h"

static void *exactly(const void *bytes, size_t size)
{
	void *copy = malloc(size != 0 ? size : 1);

	MUST(copy != NULL);
	if (size != 0)
		memcpy(copy, bytes, size);
	return copy;
}

/* ---- EAs -------------------------------------------------------------------------- */

static int fold(char c)
{
	return c >= 'a' && c <= 'z' ? c - 32 : c;
}

static bool same_name(const struct wire_ea *a, const struct wire_ea *b)
{
	if (a->name_size != b->name_size)
		return false;
	for (unsigned i = 0; i < a->name_size; i++)
		if (fold(a->name[i]) != fold(b->name[i]))
			return false;
	return true;
}

/* Whether a list has an entry of this name at or behind `at`. */
static bool has_later(const uint8_t *list, size_t size, size_t at, const struct wire_ea *ea)
{
	struct wire_ea later;

	while (wire_ea_next(list, size, &at, &later))
		if (same_name(ea, &later))
			return true;
	return false;
}

struct span {
	const uint8_t *bytes;
	size_t size;
};

/* Steps through the entries of `from` that must be in the result, and finds them there. */
static void expect_survivors(struct span from, struct span later, struct span result, size_t *at)
{
	struct wire_ea ea, got;

	for (size_t from_at = 0; wire_ea_next(from.bytes, from.size, &from_at, &ea);) {
		if (has_later(from.bytes, from.size, from_at, &ea) ||
		    has_later(later.bytes, later.size, 0, &ea) || ea.value_size == 0)
			continue;
		MUST(wire_ea_next(result.bytes, result.size, at, &got));
		MUST(same_name(&ea, &got) && ea.flags == got.flags && ea.value_size == got.value_size);
		MUST(memcmp(ea.value, got.value, ea.value_size) == 0);
	}
}

static void expect_canonical(const uint8_t *list, size_t size)
{
	struct wire_ea ea;
	size_t at = 0, end = 0;
	uint32_t sum = 0;
	bool needed = false;

	while (wire_ea_next(list, size, &at, &ea)) {
		const uint8_t *entry = (const uint8_t *)ea.name - 8;
		size_t start = (size_t)(entry - list);

		MUST(start == ((end + 3) & ~(size_t)3));
		for (size_t i = end; i < start; i++)
			MUST(list[i] == 0);
		end = start + 9u + ea.name_size + ea.value_size;
		for (unsigned i = 0; i < ea.name_size; i++)
			MUST(fold(ea.name[i]) == ea.name[i]);
		MUST((bytes_get_u32(entry) == 0) == (end == size));
		sum += 5u + ea.name_size + ea.value_size;
		needed |= ea.flags != 0;
	}
	MUST(end == size);
	MUST(wire_ea_size(list, size) == sum);
	MUST(wire_ea_needed(list, size) == needed);
}

static void merge(struct span list, struct span change)
{
	static const struct span nothing = {NULL, 0};
	size_t needed = 0, again = 0, at = 0;
	uint8_t *to, *copy;
	struct span result;

	if (wire_ea_merge(list.bytes, list.size, change.bytes, change.size, NULL, 0, &needed) != MFS_OK) {
		MUST(list.size + change.size > MFS_EA_LIST_MAX / 2);
		return;
	}
	to = exactly(NULL, 0);
	MUST(needed == 0 || wire_ea_merge(list.bytes, list.size, change.bytes, change.size, to, 0, &again) ==
				    MFS_BUFFER_TOO_SMALL);
	free(to);
	to = malloc(needed != 0 ? needed : 1);
	MUST(to != NULL);
	MUST(wire_ea_merge(list.bytes, list.size, change.bytes, change.size, to, needed, &again) == MFS_OK);
	MUST(again == needed);
	result = (struct span){to, needed};
	MUST(wire_ea_check(to, needed) == MFS_OK);
	expect_canonical(to, needed);
	expect_survivors(list, change, result, &at);
	expect_survivors(change, nothing, result, &at);
	MUST(at == needed);

	copy = malloc(needed != 0 ? needed : 1);
	MUST(copy != NULL);
	MUST(wire_ea_merge(to, needed, NULL, 0, copy, needed, &again) == MFS_OK);
	MUST(again == needed && memcmp(to, copy, needed) == 0);
	free(copy);
	free(to);
}

/* Returns how many of the buffers were well-formed; so do the others below. */
static unsigned try_eas(struct span a, struct span b)
{
	bool a_good = wire_ea_check(a.bytes, a.size) == MFS_OK;
	bool b_good = wire_ea_check(b.bytes, b.size) == MFS_OK;

	if (a_good)
		merge(a, (struct span){NULL, 0});
	if (b_good)
		merge((struct span){NULL, 0}, b);
	if (a_good && b_good)
		merge(a, b);
	return a_good + b_good;
}

/* ---- reparse buffers ----------------------------------------------------------------- */

static void try_target(struct span buffer, enum mfs_status checked)
{
	size_t needed = SIZE_MAX, again = 0;
	enum mfs_status status = wire_reparse_target(buffer.bytes, buffer.size, NULL, 0, &needed);
	char *to;

	if (checked != MFS_OK) {
		MUST(status == checked && needed == SIZE_MAX);
		return;
	}
	if (status == MFS_INVALID)
		return;
	MUST(status == (needed == 0 ? MFS_OK : MFS_BUFFER_TOO_SMALL));
	MUST(needed <= buffer.size / 2 * 3);
	to = malloc(needed != 0 ? needed : 1);
	MUST(to != NULL);
	MUST(wire_reparse_target(buffer.bytes, buffer.size, to, needed, &again) == MFS_OK);
	MUST(again == needed);
	MUST(memchr(to, 0, needed) == NULL);
	free(to);
}

static void try_from_target(struct span text)
{
	size_t size = text.size < 4095 ? text.size : 4095, needed = 0;
	const uint8_t *end;
	uint8_t *buffer;
	char *back;

	if (size == 0)
		return;
	buffer = malloc(12 + size);
	back = malloc(size);
	MUST(buffer != NULL && back != NULL);
	MUST(wire_reparse_from_target((const char *)text.bytes, size, buffer) == 12 + size);
	MUST(wire_reparse_check(buffer, 12 + size) == MFS_OK);
	MUST(wire_reparse_target(buffer, 12 + size, back, size, &needed) == MFS_OK);
	end = memchr(text.bytes, 0, size);
	MUST(needed == (end != NULL ? (size_t)(end - text.bytes) : size));
	MUST(memcmp(back, text.bytes, needed) == 0);
	free(back);
	free(buffer);
}

static unsigned try_reparse(struct span a, struct span b)
{
	enum mfs_status a_status = wire_reparse_check(a.bytes, a.size);
	enum mfs_status b_status = wire_reparse_check(b.bytes, b.size);
	enum mfs_status match = wire_reparse_matches(a.bytes, a.size, b.bytes, b.size);

	try_target(a, a_status);
	try_target(b, b_status);
	MUST(wire_reparse_matches(b.bytes, b.size, a.bytes, a.size) == match);
	if (a_status == MFS_OK) {
		MUST(wire_reparse_matches(a.bytes, a.size, a.bytes, a.size) == MFS_OK);
		if (b_status == MFS_OK) {
			bool same = wire_reparse_tag(a.bytes) == wire_reparse_tag(b.bytes);

			MUST(match == MFS_OK || match == (same ? MFS_GUID_MISMATCH : MFS_TAG_MISMATCH));
		}
	}
	try_from_target(b);
	return (a_status == MFS_OK) + (b_status == MFS_OK);
}

/* ---- security descriptors ------------------------------------------------------------- */

static void expect_sid(struct span all, size_t at)
{
	if (at == 0)
		return;
	MUST(at >= 20 && at + 8 <= all.size && all.bytes[at] == 1);
	MUST(at + 8 + 4u * all.bytes[at + 1] <= all.size);
}

static void expect_acl(struct span all, size_t at)
{
	size_t end, ace;

	if (at == 0)
		return;
	MUST(at >= 20 && at + 8 <= all.size);
	end = at + bytes_get_u16(all.bytes + at + 2);
	MUST(end <= all.size);
	ace = at + 8;
	for (unsigned i = bytes_get_u16(all.bytes + at + 4); i > 0; i--) {
		MUST(ace + 4 <= end);
		if (all.bytes[ace] <= 3)
			expect_sid((struct span){all.bytes, end}, ace + 8);
		ace += bytes_get_u16(all.bytes + ace + 2);
		MUST(ace <= end);
	}
}

static unsigned try_security(struct span a)
{
	unsigned control;

	if (wire_security_check(a.bytes, a.size) != MFS_OK)
		return 0;
	control = bytes_get_u16(a.bytes + 2);
	MUST(a.bytes[0] == 1 && (control & 0x8000));
	expect_sid(a, bytes_get_u32(a.bytes + 4));
	expect_sid(a, bytes_get_u32(a.bytes + 8));
	if (control & 0x10)
		expect_acl(a, bytes_get_u32(a.bytes + 12));
	if (control & 4)
		expect_acl(a, bytes_get_u32(a.bytes + 16));
	return 1;
}

/* ---- one input --------------------------------------------------------------------------- */

static unsigned run(unsigned format, const uint8_t *data, size_t size)
{
	size_t first;
	struct span a, b;
	uint8_t *a_copy, *b_copy;
	unsigned good;

	if (size < 2)
		return 0;
	first = bytes_get_u16(data);
	if (first > size - 2)
		first = size - 2;
	a_copy = exactly(data + 2, first);
	b_copy = exactly(data + 2 + first, size - 2 - first);
	a = (struct span){a_copy, first};
	b = (struct span){b_copy, size - 2 - first};
	switch (format) {
	case 0:
		good = try_eas(a, b);
		break;
	case 1:
		good = try_reparse(a, b);
		break;
	default:
		good = try_security(a) + try_security(b);
	}
	free(b_copy);
	free(a_copy);
	return good;
}

#ifdef FUZZ_FORMAT

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(FUZZ_FORMAT, data, size);
	return 0;
}

#endif

/* ---- a program of its own ----------------------------------------------------------------- */

#ifdef FUZZ_MAIN

struct random {
	uint64_t state;
};

/* splitmix64 */
static uint64_t next(struct random *random)
{
	uint64_t x = random->state += 0x9E3779B97F4A7C15u;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

static unsigned below(struct random *random, unsigned bound)
{
	return (unsigned)(next(random) % bound);
}

enum { PART_MAX = 600 };

static void fill(struct random *random, uint8_t *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)next(random);
}

static size_t make_eas(struct random *random, uint8_t *to)
{
	static const char letters[] = "aAbBc.D_\xE4";
	size_t size = 0, last = 0;

	for (unsigned left = below(random, 8); left > 0; left--) {
		size_t at = (size + 3) & ~(size_t)3, name = 1 + below(random, 2), value = below(random, 9);

		memset(to + size, 0, at - size);
		if (size != 0)
			bytes_put_u32(to + last, (uint32_t)(at - last));
		last = at;
		bytes_put_u32(to + at, 0);
		to[at + 4] = below(random, 4) == 0 ? 0x80 : 0;
		to[at + 5] = (uint8_t)name;
		bytes_put_u16(to + at + 6, (uint16_t)value);
		for (size_t i = 0; i < name; i++)
			to[at + 8 + i] = (uint8_t)letters[below(random, sizeof letters - 1)];
		to[at + 8 + name] = 0;
		fill(random, to + at + 9 + name, value);
		size = at + 9 + name + value;
	}
	return size;
}

static size_t make_link(struct random *random, uint8_t *to, uint32_t tag)
{
	static const char *const starts[] = {"", "\\??\\", "\\??\\UNC\\", "\\", "..\\", "C:\\"};
	size_t at = tag == WIRE_TAG_SYMLINK ? 20 : 16;

	bytes_put_u32(to, tag);
	memset(to + 6, 0, at - 6);
	for (size_t name = 8, from = at; name <= 12; name += 4, from = at) {
		const char *start = starts[below(random, sizeof starts / sizeof starts[0])];

		for (; *start != '\0'; start++, at += 2)
			bytes_put_u16(to + at, (unsigned char)*start);
		for (unsigned left = below(random, 20); left > 0; left--, at += 2)
			bytes_put_u16(to + at, (uint16_t)(next(random) >> below(random, 14)));
		bytes_put_u16(to + name, (uint16_t)(from - (tag == WIRE_TAG_SYMLINK ? 20 : 16)));
		bytes_put_u16(to + name + 2, (uint16_t)(at - from));
	}
	bytes_put_u16(to + 4, (uint16_t)(at - 8));
	return at;
}

static size_t make_reparse(struct random *random, uint8_t *to)
{
	static const uint32_t tags[] = {WIRE_TAG_LX_SYMLINK, WIRE_TAG_AF_UNIX, 0x1234, 2, 0};
	uint32_t tag;
	size_t header, data;

	if (below(random, 2))
		return make_link(random, to, below(random, 2) ? WIRE_TAG_SYMLINK : WIRE_TAG_MOUNT_POINT);
	tag = tags[below(random, sizeof tags / sizeof tags[0])];
	header = tag >> 31 ? 8 : 24;
	data = below(random, 40);
	memset(to, 'g', header);
	bytes_put_u32(to, tag);
	bytes_put_u16(to + 4, (uint16_t)data);
	fill(random, to + header, data);
	return header + data;
}

static size_t put_sid(struct random *random, uint8_t *to)
{
	unsigned count = below(random, 5);

	fill(random, to, 8 + 4 * count);
	to[0] = 1;
	to[1] = (uint8_t)count;
	return 8 + 4 * count;
}

static size_t put_acl(struct random *random, uint8_t *to)
{
	size_t size = 8;
	unsigned aces = below(random, 6);

	for (unsigned i = 0; i < aces; i++) {
		uint8_t *ace = to + size;
		unsigned type = below(random, 0x17);
		bool object = (0x000199E0u >> type & 1) != 0;
		size_t length = 8;

		memset(ace, 0, 12);
		ace[0] = (uint8_t)type;
		if (object) {
			ace[8] = (uint8_t)below(random, 4);
			length = 12 + 16u * ((ace[8] & 1) + (ace[8] >> 1));
			memset(ace + 12, 'g', length - 12);
		}
		length += put_sid(random, ace + length);
		bytes_put_u16(ace + 2, (uint16_t)length);
		size += length;
	}
	bytes_put_u16(to, (uint16_t)(2 + below(random, 3)));
	bytes_put_u16(to + 2, (uint16_t)size);
	bytes_put_u16(to + 4, (uint16_t)aces);
	bytes_put_u16(to + 6, 0);
	return size;
}

static size_t make_security(struct random *random, uint8_t *to)
{
	size_t size = 20;

	memset(to, 0, size);
	to[0] = 1;
	bytes_put_u16(to + 2, (uint16_t)(0x8000 | below(random, 0x20)));
	for (size_t field = 4; field < 20; field += 4) {
		if (below(random, 5) == 0)
			continue;
		bytes_put_u32(to + field, (uint32_t)size);
		size += field < 12 ? put_sid(random, to + size) : put_acl(random, to + size);
	}
	return size;
}

/* Damages up to 3 places, and now and then the size. */
static size_t damage(struct random *random, uint8_t *bytes, size_t size)
{
	static const uint8_t edges[] = {0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFE, 0xFF};

	for (unsigned left = below(random, 4); left > 0 && size > 0; left--) {
		uint8_t *at = bytes + below(random, (unsigned)size);

		switch (below(random, 4)) {
		case 0:
			*at ^= (uint8_t)(1u << below(random, 8));
			break;
		case 1:
			*at = edges[below(random, sizeof edges)];
			break;
		case 2:
			*at = (uint8_t)(*at + 4 - below(random, 9));
			break;
		default:
			*at = (uint8_t)next(random);
		}
	}
	if (size > 0 && below(random, 6) == 0)
		size -= 1 + below(random, (unsigned)size);
	return size;
}

static size_t make_part(struct random *random, unsigned kind, uint8_t *to)
{
	size_t size;

	if (below(random, 20) == 0) {
		size = below(random, 64);
		fill(random, to, size);
		return size;
	}
	size = kind == 0   ? make_eas(random, to)
	       : kind == 1 ? make_reparse(random, to)
			   : make_security(random, to);
	MUST(size <= 4 * PART_MAX);
	return damage(random, to, size);
}

int main(int argc, char **argv)
{
	uint64_t inputs = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000, good = 0;
	struct random random = {argc > 2 ? strtoull(argv[2], NULL, 0) : 1};
	static uint8_t input[2 + 8 * PART_MAX];

	for (uint64_t i = 0; i < inputs; i++) {
		unsigned kind = below(&random, 3);
		size_t first = make_part(&random, kind, input + 2);
		size_t second = make_part(&random, kind, input + 2 + first);

		bytes_put_u16(input, (uint16_t)first);
		good += run(kind, input, 2 + first + second);
	}
	printf("%llu inputs, %llu well-formed buffers\n", (unsigned long long)inputs,
	       (unsigned long long)good);
	/* A generator that makes nothing but junk, or no junk, tests nothing. */
	return inputs >= 1000 && (good < inputs / 4 || good > inputs * 7 / 4);
}

#endif
