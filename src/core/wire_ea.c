/*
 * wire_ea: extended attributes as a FILE_FULL_EA_INFORMATION list (MS-FSCC 2.4.15).
 *
 * Checks, walks and merges lists in place; owns no memory and never knows which node a
 * list belongs to.
 *
 * Taken from outside: the last entry's next offset is 0, or leads exactly to the end of the
 * list (some writers chain the last one too). What lies behind a last entry whose next
 * offset is 0 is ignored, and so are gaps between entries. A name has at most 254 bytes, as
 * Windows has it. Code pages are unknown here, so a byte that Windows would take as the
 * second half of a double-byte character counts as itself.
 *
 * Made here: next offsets as small as alignment allows, 0 in the last, padding bytes 0,
 * nothing behind the last value.
 */
#include <assert.h>
#include <string.h>

#include "bytes.h"
#include "wire.h"

#define EA_HEADER 8u
#define EA_FLAGS_AT 4u
#define EA_NAME_SIZE_AT 5u
#define EA_VALUE_SIZE_AT 6u
#define EA_ALIGNMENT 4u
#define EA_NEED 0x80u
#define EA_NAME_MAX 254u

/* The smallest entry (name of 1, NUL, no value) takes 12 bytes with its padding. */
#define EA_ENTRIES_MAX (MFS_EA_LIST_MAX / 12 + 1)

static size_t aligned(size_t size)
{
	return (size + EA_ALIGNMENT - 1) & ~(size_t)(EA_ALIGNMENT - 1);
}

/* Of a whole header. */
static size_t entry_size(const uint8_t *entry)
{
	return EA_HEADER + entry[EA_NAME_SIZE_AT] + 1u + bytes_get_u16(entry + EA_VALUE_SIZE_AT);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* What may not be in a name is what may not be in a FAT name, wildcards included. */
static bool name_valid(const uint8_t *name, size_t size)
{
	if (size == 0 || size > EA_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (name[i] < 0x20 || strchr("\\/:*?\"<>|,+=[];", name[i]))
			return false;
	return true;
}

enum mfs_status wire_ea_check(const void *list, size_t size)
{
	const uint8_t *bytes = list;

	for (size_t at = 0; at < size;) {
		const uint8_t *entry = bytes + at;
		size_t left = size - at;
		uint32_t next;

		if (left < EA_HEADER || left < entry_size(entry))
			return MFS_EA_INVALID;
		if ((entry[EA_FLAGS_AT] & ~EA_NEED) != 0 || entry[EA_HEADER + entry[EA_NAME_SIZE_AT]] != 0)
			return MFS_EA_INVALID;
		next = bytes_get_u32(entry);
		if (next != 0 && (next % EA_ALIGNMENT != 0 || next < entry_size(entry) || next > left))
			return MFS_EA_INVALID;
		if (!name_valid(entry + EA_HEADER, entry[EA_NAME_SIZE_AT]))
			return MFS_EA_NAME_INVALID;
		if (next == 0)
			break;
		at += next;
	}
	return MFS_OK;
}

bool wire_ea_next(const void *list, size_t size, size_t *at, struct wire_ea *ea)
{
	const uint8_t *entry;
	uint32_t next;

	if (*at >= size)
		return false;
	entry = (const uint8_t *)list + *at;
	ea->flags = entry[EA_FLAGS_AT];
	ea->name_size = entry[EA_NAME_SIZE_AT];
	ea->value_size = bytes_get_u16(entry + EA_VALUE_SIZE_AT);
	ea->name = (const char *)entry + EA_HEADER;
	ea->value = ea->name + ea->name_size + 1;
	next = bytes_get_u32(entry);
	*at = next == 0 ? size : *at + next;
	return true;
}

/* ---- merging ----------------------------------------------------------------
 *
 * Of all entries of one name, in the first list and then the second, only the last counts.
 * To find it in n log n steps (the lists are a stranger's), the entries' places are sorted
 * by name, thinned out, and sorted back. A place is an entry's offset in units of 4, with
 * SECOND for the second list, so places order as the entries do. */

#define SECOND (MFS_EA_LIST_MAX / EA_ALIGNMENT)

struct merge {
	const uint8_t *lists[2];
	size_t count;
	uint16_t places[2 * EA_ENTRIES_MAX];
};

static_assert(2 * SECOND - 1 <= UINT16_MAX, "a place fits");

static const uint8_t *entry_at(const struct merge *merge, uint16_t place)
{
	return merge->lists[place / SECOND] + (size_t)(place % SECOND) * EA_ALIGNMENT;
}

static int compare_names(const uint8_t *a, const uint8_t *b)
{
	int sizes = a[EA_NAME_SIZE_AT] - b[EA_NAME_SIZE_AT];

	if (sizes != 0)
		return sizes;
	for (size_t i = EA_HEADER; i < EA_HEADER + a[EA_NAME_SIZE_AT]; i++) {
		int letters = upper((char)a[i]) - upper((char)b[i]);

		if (letters != 0)
			return letters;
	}
	return 0;
}

typedef bool before_fn(const struct merge *merge, uint16_t a, uint16_t b);

static bool before_by_place(const struct merge *merge, uint16_t a, uint16_t b)
{
	(void)merge;
	return a < b;
}

static bool before_by_name(const struct merge *merge, uint16_t a, uint16_t b)
{
	int names = compare_names(entry_at(merge, a), entry_at(merge, b));

	return names != 0 ? names < 0 : a < b;
}

/* Lets the value at `top` sink to where it belongs in the heap of the first `count`. */
static void sift(struct merge *merge, size_t top, size_t count, before_fn *before)
{
	uint16_t *heap = merge->places, value = heap[top];

	for (size_t child; (child = 2 * top + 1) < count; top = child) {
		if (child + 1 < count && before(merge, heap[child], heap[child + 1]))
			child++;
		if (!before(merge, value, heap[child]))
			break;
		heap[top] = heap[child];
	}
	heap[top] = value;
}

/* Heapsort: no memory, and no input makes it slow. */
static void sort(struct merge *merge, before_fn *before)
{
	for (size_t top = merge->count / 2; top-- > 0;)
		sift(merge, top, merge->count, before);
	for (size_t end = merge->count; end-- > 1;) {
		uint16_t last = merge->places[0];

		merge->places[0] = merge->places[end];
		merge->places[end] = last;
		sift(merge, 0, end, before);
	}
}

static void collect(struct merge *merge, unsigned which, const void *list, size_t size)
{
	struct wire_ea ea;
	size_t at = 0, here = 0;

	merge->lists[which] = list;
	while (wire_ea_next(list, size, &at, &ea)) {
		merge->places[merge->count++] = (uint16_t)(which * SECOND + here / EA_ALIGNMENT);
		here = at;
	}
}

/* Leaves the last entry of each name, and none whose value is empty, in the order of the lists. */
static void thin(struct merge *merge)
{
	size_t kept = 0;

	sort(merge, before_by_name);
	for (size_t i = 0; i < merge->count; i++) {
		const uint8_t *entry = entry_at(merge, merge->places[i]);

		if (i + 1 < merge->count && compare_names(entry, entry_at(merge, merge->places[i + 1])) == 0)
			continue;
		if (bytes_get_u16(entry + EA_VALUE_SIZE_AT) != 0)
			merge->places[kept++] = merge->places[i];
	}
	merge->count = kept;
	sort(merge, before_by_place);
}

static size_t merged_size(const struct merge *merge)
{
	size_t size = 0;

	for (size_t i = 0; i < merge->count; i++)
		size = aligned(size) + entry_size(entry_at(merge, merge->places[i]));
	return size;
}

static void write_merged(const struct merge *merge, uint8_t *to)
{
	for (size_t i = 0; i < merge->count; i++) {
		const uint8_t *entry = entry_at(merge, merge->places[i]);
		size_t size = entry_size(entry), next = i + 1 < merge->count ? aligned(size) : 0;

		memcpy(to, entry, size);
		bytes_put_u32(to, (uint32_t)next);
		for (size_t j = EA_HEADER; j < EA_HEADER + entry[EA_NAME_SIZE_AT]; j++)
			to[j] = (uint8_t)upper((char)to[j]);
		if (next != 0)
			memset(to + size, 0, next - size);
		to += next;
	}
}

/* A replaced entry moves to the end, as on NTFS, where it is removed and added. A list that is
 * itself over MFS_EA_LIST_MAX is MFS_TOO_LARGE too; MFS_BUFFER_TOO_SMALL tells the size and
 * writes nothing. The buffers must not overlap. */
enum mfs_status wire_ea_merge(const void *list, size_t size, const void *change, size_t change_size, void *to,
			      size_t capacity, size_t *needed)
{
	struct merge merge;
	size_t total;

	if (size > MFS_EA_LIST_MAX || change_size > MFS_EA_LIST_MAX)
		return MFS_TOO_LARGE;
	merge.count = 0;
	collect(&merge, 0, list, size);
	collect(&merge, 1, change, change_size);
	thin(&merge);
	total = merged_size(&merge);
	if (total > MFS_EA_LIST_MAX)
		return MFS_TOO_LARGE;
	*needed = total;
	if (to == NULL)
		return MFS_OK;
	if (capacity < total)
		return MFS_BUFFER_TOO_SMALL;
	write_merged(&merge, to);
	return MFS_OK;
}

uint32_t wire_ea_size(const void *list, size_t size)
{
	struct wire_ea ea;
	uint32_t sum = 0;

	for (size_t at = 0; wire_ea_next(list, size, &at, &ea);)
		sum += 5u + ea.name_size + ea.value_size;
	return sum;
}

bool wire_ea_needed(const void *list, size_t size)
{
	struct wire_ea ea;

	for (size_t at = 0; wire_ea_next(list, size, &at, &ea);)
		if (ea.flags & EA_NEED)
			return true;
	return false;
}
