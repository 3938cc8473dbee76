/*
 * operation.c: the decoder. A table says which fields a kind of operation has.
 */
#include "operation.h"

#include <string.h>

uint8_t input_byte(struct input *input)
{
	return input->at < input->size ? input->bytes[input->at++] : 0;
}

/* ---- offsets and sizes -------------------------------------------------------------------- */

static const uint64_t edges[] = {
	0,
	1,
	64,
	511,
	512,
	1024,
	4095,
	4096,
	8192,
	12288,
	32768,
	65536,
	131072,
	262144,
	1 << 20,
	2 << 20,
	8 << 20,
	32 << 20,
	UINT64_C(0x7fffffff),
	UINT64_C(0xffffffff),
	UINT64_C(0x100000000),
	UINT64_C(0x1fffffff000),
	UINT64_C(1) << 40,
	(UINT64_C(1) << 63) - 4096,
	(UINT64_C(1) << 63) - 512,
	(UINT64_C(1) << 63) - 1,
	UINT64_C(1) << 63,
	UINT64_MAX - 4095,
	UINT64_MAX,
};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

/* An edge, or the end of the stream, and a step or two beside it. */
static uint64_t take_number(struct input *input, bool *from_end)
{
	static const uint64_t steps[] = {1, 512, 4096, 65536};
	uint8_t base = input_byte(input), beside;
	uint64_t number = 0;

	*from_end = base >= 0xe0;
	if (!*from_end)
		number = edges[base % EDGES];
	if (base & 1) {
		beside = input_byte(input);
		number += steps[beside >> 6] * ((uint64_t)(beside & 0x3f) - 32);
	}
	return number;
}

/* Lengths of data: mostly small. */
static size_t take_length(struct input *input)
{
	uint8_t byte = input_byte(input);

	if (byte < 0x80)
		return byte;
	if (byte < 0xc0)
		return (size_t)(byte - 0x7f) * 67;
	return (size_t)(byte - 0xbf) * 1061;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Good names, spelled in two ways, then what is long, and what no volume or only some take. */
static const struct {
	const char *bytes;
	size_t size;
} names[] = {
	{"a", 1},
	{"A", 1},
	{"b", 1},
	{"B", 1},
	{"c", 1},
	{"directory", 9},
	{"DIRECTORY", 9},
	{"file", 4},
	{"File", 4},
	{"\xC3\xA9t\xC3\xA9", 5},
	{"\xC3\x89T\xC3\x89", 5},
	{"\xCF\x83", 2},
	{"\xCF\x82", 2},
	{"\xF0\x9F\x98\x80", 4},
	{"\xED\xA0\xBD", 3},
	{"\xEF\xBF\xBF", 3},
	{"aa", 2},
	{"ab", 2},
	{"zz", 2},
	{"", 0},
	{".", 1},
	{"..", 2},
	{"a/b", 3},
	{"a\0b", 3},
	{"a\\b", 3},
	{"a:b", 3},
	{"\xFF", 1},
	{"\xC0\x80", 2},
	{"\xED\xA0\xBD\xED\xB8\x80", 6},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void take_name(struct input *input, struct operation_text *to)
{
	uint8_t byte = input_byte(input);

	to->size = 0;
	if (byte < 0xa0) { /* one of the table, mostly a good one */
		size_t which = byte < 0x80 ? byte % 19 : byte % NAMES;

		memcpy(to->bytes, names[which].bytes, to->size = names[which].size);
	} else if (byte < 0xc0) { /* around the limits of 255 bytes and 255 units */
		static const unsigned sizes[] = {254, 255, 256, 765, 766, 768, 799, 800};
		unsigned size = sizes[byte & 7], width = byte & 8 ? 3 : 1;

		while (to->size + width <= size) {
			memcpy(to->bytes + to->size, width == 3 ? "\xE2\x82\xAC" : "x", width);
			to->size += width;
		}
	} else { /* as it is */
		for (unsigned left = byte & 0x1f; left > 0; left--)
			to->bytes[to->size++] = (char)input_byte(input);
	}
}

/* ---- payloads --------------------------------------------------------------------------------- */

static const uint8_t eas[][40] = {
	{0, 0, 0, 0, 0, 1, 2, 0, 'A', 0, '1', '2'},
	{0, 0, 0, 0, 0x80, 1, 1, 0, 'b', 0, '3'},
	{12, 0, 0, 0, 0, 1, 2, 0, 'a', 0, '1', '2', 0, 0, 0, 0, 0, 2, 1, 0, 'C', 'd', 0, '4'},
	{0, 0, 0, 0, 0, 1, 0, 0, 'A', 0},
	{12, 0, 0, 0, 0, 1, 0, 0, 'B', 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 'a', 0, '5', '6', '7'},
};
static const uint8_t ea_sizes[] = {12, 11, 24, 10, 25};

static const uint8_t reparses[][48] = {
	{0x34, 0x12, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 'd', 'a', 't', 'a'},
	{0x34, 0x12, 0, 0, 0, 0, 0, 0, 9, 9, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7},
	{0x1d, 0, 0, 0xa0, 6, 0, 0, 0, 2, 0, 0, 0, 't', 'o'},
	{0x0c, 0, 0, 0xa0, 16, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 1, 0, 0, 0, 'a', 0, 'b', 0},
	{0x03, 0, 0, 0xa0, 16, 0, 0, 0, 0, 0, 2, 0, 4, 0, 2, 0, 'a', 0, 0, 0, 'b', 0, 0, 0},
	{0x23, 0, 0, 0x80, 0, 0, 0, 0},
	{0x24, 0, 0, 0x80, 0, 0, 0, 0},
};
static const uint8_t reparse_sizes[] = {28, 24, 14, 24, 24, 8, 8};

/* Owner S-1-5-18; the second has a DACL of one entry as well. */
static const uint8_t securities[][72] = {
	{[0] = 1, [3] = 0x80, [4] = 20, [20] = 1, [21] = 1, [27] = 5, [28] = 18},
	{[0] = 1,
	 [2] = 4,
	 [3] = 0x80,
	 [4] = 20,
	 [16] = 32,
	 [20] = 1,
	 [21] = 1,
	 [27] = 5,
	 [28] = 18,
	 [32] = 2,
	 [34] = 28,
	 [36] = 1,
	 [42] = 20,
	 [44] = 0xff,
	 [48] = 1,
	 [49] = 1,
	 [55] = 1},
	{[0] = 1, [3] = 0x80, [4] = 20, [20] = 1, [21] = 1, [27] = 5, [28] = 19},
};
static const uint8_t security_sizes[] = {32, 60, 32};

size_t operation_payload(enum operation_kind kind, unsigned which, uint8_t to[OPERATION_BYTES_MAX])
{
	size_t size;

	switch (kind) {
	case OP_EA_SET:
	case OP_OVERWRITE:
		which %= sizeof(ea_sizes);
		memcpy(to, eas[which], size = ea_sizes[which]);
		return size;
	case OP_REPARSE_SET:
	case OP_REPARSE_REMOVE:
		which %= sizeof(reparse_sizes);
		memcpy(to, reparses[which], size = reparse_sizes[which]);
		return size;
	case OP_SECURITY_SET:
		which %= sizeof(security_sizes);
		memcpy(to, securities[which], size = security_sizes[which]);
		return size;
	default:
		size = which * 37 % 600;
		memset(to, 'v', size);
		return size;
	}
}

/* Which kind of payload comes with a creation. */
static enum operation_kind payload_kind(const struct operation *operation)
{
	static const enum operation_kind kinds[] = {OP_EA_SET, OP_REPARSE_SET, OP_SECURITY_SET, OP_XATTR_SET};

	if (operation->kind == OP_CREATE || operation->kind == OP_NAMELESS)
		return kinds[operation->flags >> 6 & 3];
	return operation->kind;
}

static void take_payload(struct input *input, struct operation *operation)
{
	uint8_t byte = input_byte(input);

	if (byte < 0xc0) {
		operation->payload_size =
			operation_payload(payload_kind(operation), byte & 0x0f, operation->payload);
		/* Damaged in up to three places. */
		for (unsigned left = byte >> 4 & 3; left > 0 && operation->payload_size > 0; left--) {
			size_t at = input_byte(input) % operation->payload_size;

			operation->payload[at] ^= input_byte(input);
		}
		return;
	}
	operation->payload_size = 0;
	if (byte == 0xff) { /* at the limits */
		operation->payload_size = OPERATION_BYTES_MAX;
		memset(operation->payload, input_byte(input), OPERATION_BYTES_MAX);
		return;
	}
	for (unsigned left = byte & 0x3f; left > 0; left--)
		operation->payload[operation->payload_size++] = input_byte(input);
}

/* ---- operations ---------------------------------------------------------------------------------- */

enum {
	SLOT = 1,
	OTHER = 2,
	FLAGS = 4,
	NAME = 8,
	TO = 16,
	OFFSET = 32,
	SECOND = 64,
	SIZE = 128,
	LENGTH = 256,
	PAYLOAD = 512
};

static const struct {
	const char *name;
	unsigned fields;
} kinds[OP_KINDS] = {
	[OP_LOOKUP] = {"lookup", SLOT | OTHER | NAME},
	[OP_CREATE] = {"create", SLOT | OTHER | FLAGS | NAME | SIZE | PAYLOAD},
	[OP_NAMELESS] = {"nameless", OTHER | FLAGS | PAYLOAD},
	[OP_LINK] = {"link", SLOT | OTHER | NAME},
	[OP_UNLINK] = {"unlink", SLOT | OTHER | FLAGS | NAME},
	[OP_RENAME] = {"rename", SLOT | OTHER | FLAGS | NAME | TO},
	[OP_CAN_REMOVE] = {"can_remove", SLOT},
	[OP_WALK] = {"walk", OTHER | FLAGS | NAME | TO},
	[OP_PARENT] = {"parent", SLOT | OTHER},
	[OP_LIST] = {"list", SLOT | FLAGS | NAME},
	[OP_NUMBER] = {"number", SLOT | OTHER | FLAGS},
	[OP_HOLD] = {"hold", SLOT | OTHER | FLAGS},
	[OP_DROP] = {"drop", SLOT},
	[OP_STREAM_OPEN] = {"stream_open", SLOT | OTHER | NAME},
	[OP_STREAM_CREATE] = {"stream_create", SLOT | OTHER | NAME},
	[OP_STREAM_REMOVE] = {"stream_remove", SLOT | OTHER | FLAGS | NAME},
	[OP_STREAM_RENAME] = {"stream_rename", SLOT | FLAGS | NAME | TO},
	[OP_STREAMS] = {"streams", SLOT | FLAGS},
	[OP_READ] = {"read", SLOT | OFFSET | LENGTH},
	[OP_PIECES] = {"pieces", SLOT | OFFSET | SIZE},
	[OP_WRITE] = {"write", SLOT | FLAGS | OFFSET | LENGTH},
	[OP_SIZE] = {"size", SLOT | SIZE},
	[OP_ALLOCATION] = {"allocation", SLOT | SIZE},
	[OP_OVERWRITE] = {"overwrite", SLOT | FLAGS | SIZE | PAYLOAD},
	[OP_FALLOCATE] = {"fallocate", SLOT | FLAGS | OFFSET | SIZE},
	[OP_SEEK] = {"seek", SLOT | FLAGS | OFFSET},
	[OP_COPY] = {"copy", SLOT | OTHER | OFFSET | SECOND | SIZE},
	[OP_TRIM] = {"trim", SLOT},
	[OP_SET] = {"set", SLOT | FLAGS | SIZE},
	[OP_ACCESSED] = {"accessed", SLOT | FLAGS},
	[OP_INFO] = {"info", SLOT},
	[OP_SECURITY_GET] = {"security_get", SLOT | LENGTH},
	[OP_SECURITY_SET] = {"security_set", SLOT | FLAGS | PAYLOAD},
	[OP_EA_GET] = {"ea_get", SLOT | LENGTH},
	[OP_EA_SET] = {"ea_set", SLOT | FLAGS | PAYLOAD},
	[OP_REPARSE_GET] = {"reparse_get", SLOT | LENGTH},
	[OP_REPARSE_SET] = {"reparse_set", SLOT | FLAGS | PAYLOAD},
	[OP_REPARSE_REMOVE] = {"reparse_remove", SLOT | FLAGS | PAYLOAD},
	[OP_TARGET] = {"target", SLOT | LENGTH},
	[OP_XATTR_GET] = {"xattr_get", SLOT | NAME | LENGTH},
	[OP_XATTR_SET] = {"xattr_set", SLOT | FLAGS | NAME | PAYLOAD},
	[OP_XATTR_REMOVE] = {"xattr_remove", SLOT | NAME},
	[OP_XATTR_LIST] = {"xattr_list", SLOT | LENGTH},
	[OP_LABEL] = {"label", NAME},
	[OP_RESIZE] = {"resize", FLAGS | SIZE},
	[OP_SPACE] = {"space", 0},
};

const char *operation_name(enum operation_kind kind)
{
	return kinds[kind].name;
}

static void take_fields(struct input *input, struct operation *operation, unsigned fields)
{
	if (fields & SLOT)
		operation->slot = input_byte(input) % OPERATION_SLOTS;
	if (fields & OTHER)
		operation->other = input_byte(input) % OPERATION_SLOTS;
	if (fields & FLAGS)
		operation->flags = input_byte(input);
	if (fields & NAME)
		take_name(input, &operation->name);
	if (fields & TO)
		take_name(input, &operation->to);
	if (fields & OFFSET)
		operation->offset = take_number(input, &operation->offset_from_end);
	if (fields & SECOND)
		operation->second = take_number(input, &operation->second_from_end);
	if (fields & SIZE)
		operation->size = take_number(input, &operation->size_from_end);
	if (fields & LENGTH)
		operation->length = take_length(input);
	if (fields & PAYLOAD)
		take_payload(input, operation);
}

bool operation_next(struct input *input, struct operation *operation)
{
	if (!input_left(input))
		return false;
	/* Fields that the kind has not stay empty; the payload's bytes behind its size are nobody's. */
	memset(operation, 0, offsetof(struct operation, payload));
	operation->payload_size = 0;
	operation->kind = (enum operation_kind)(input_byte(input) % OP_KINDS);
	take_fields(input, operation, kinds[operation->kind].fields);
	return true;
}
