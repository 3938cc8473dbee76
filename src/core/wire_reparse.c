/*
 * wire_reparse: reparse buffers (MS-FSCC 2.1.2), and symlink targets as POSIX reads them.
 *
 * Judges bytes; never follows a link and never knows where a buffer is stored.
 */
#include <assert.h>
#include <string.h>

#include "bytes.h"
#include "wire.h"

#define TAG_MICROSOFT 0x80000000u
#define TAG_RESERVED 0x0FFF0000u

#define DATA_SIZE_AT 4u
#define GUID_AT 8u
#define GUID_SIZE 16u
#define HEADER 8u			 /* tag, data length, reserved */
#define GUID_HEADER (HEADER + GUID_SIZE) /* of tags that are not Microsoft's */

/* In the data of a mount point or symlink: four u16 (offset and length of the substitute
 * name, then of the print name, counted from the path buffer), in a symlink also u32
 * flags, then the path buffer. */
#define NAMES_SIZE 8u
#define FLAGS_SIZE 4u
#define SUBSTITUTE_AT (HEADER + 0u)
#define PRINT_AT (HEADER + 4u)

#define LX_VERSION 2u
#define LX_VERSION_SIZE 4u
#define LX_TARGET_MAX 4095u

static_assert(HEADER + LX_VERSION_SIZE + LX_TARGET_MAX <= MFS_REPARSE_MAX, "every target fits");

static bool is_microsoft(uint32_t tag)
{
	return (tag & TAG_MICROSOFT) != 0;
}

static bool tag_valid(uint32_t tag)
{
	return tag > 1 && (is_microsoft(tag) || (tag & TAG_RESERVED) == 0);
}

/* The size of what precedes the path buffer, header included. */
static size_t path_at(uint32_t tag)
{
	return HEADER + NAMES_SIZE + (tag == WIRE_TAG_SYMLINK ? FLAGS_SIZE : 0);
}

/* A UTF-16 name in a path buffer of `room` bytes, described at `at`. */
static bool name_valid(const uint8_t *at, size_t room)
{
	size_t offset = bytes_get_u16(at), size = bytes_get_u16(at + 2);

	return offset % 2 == 0 && size % 2 == 0 && offset <= room && size <= room - offset;
}

static bool names_valid(const uint8_t *bytes, size_t size, uint32_t tag)
{
	size_t room;

	if (size < path_at(tag))
		return false;
	room = size - path_at(tag);
	return name_valid(bytes + SUBSTITUTE_AT, room) && name_valid(bytes + PRINT_AT, room);
}

/* Beyond the contract: a name at an odd offset and an LX symlink without its version are
 * MFS_REPARSE_INVALID too. The reserved field is ignored, as MS-FSCC says. */
enum mfs_status wire_reparse_check(const void *buffer, size_t size)
{
	const uint8_t *bytes = buffer;
	uint32_t tag;
	size_t header;
	bool valid = true;

	if (size < HEADER || size > MFS_REPARSE_MAX)
		return MFS_REPARSE_INVALID;
	tag = wire_reparse_tag(bytes);
	if (!tag_valid(tag))
		return MFS_TAG_INVALID;
	header = is_microsoft(tag) ? HEADER : GUID_HEADER;
	if (size != header + bytes_get_u16(bytes + DATA_SIZE_AT))
		return MFS_REPARSE_INVALID;
	if (tag == WIRE_TAG_SYMLINK || tag == WIRE_TAG_MOUNT_POINT)
		valid = names_valid(bytes, size, tag);
	else if (tag == WIRE_TAG_LX_SYMLINK)
		valid = size >= HEADER + LX_VERSION_SIZE;
	return valid ? MFS_OK : MFS_REPARSE_INVALID;
}

uint32_t wire_reparse_tag(const void *buffer)
{
	return bytes_get_u32(buffer);
}

/* MFS_REPARSE_INVALID when either is too short for its header. To remove, a bare header
 * (with the GUID, for a tag that is not Microsoft's) is enough. */
enum mfs_status wire_reparse_matches(const void *present, size_t present_size, const void *change,
				     size_t size)
{
	const uint8_t *old = present, *new = change;

	if (present_size < HEADER || size < HEADER)
		return MFS_REPARSE_INVALID;
	if (wire_reparse_tag(old) != wire_reparse_tag(new))
		return MFS_TAG_MISMATCH;
	if (is_microsoft(wire_reparse_tag(old)))
		return MFS_OK;
	if (present_size < GUID_HEADER || size < GUID_HEADER)
		return MFS_REPARSE_INVALID;
	return memcmp(old + GUID_AT, new + GUID_AT, GUID_SIZE) == 0 ? MFS_OK : MFS_GUID_MISMATCH;
}

/* ---- targets ------------------------------------------------------------------- */

/* UTF-16, little-endian, inside a buffer. */
struct units {
	const uint8_t *at;
	size_t count;
};

static uint16_t unit(const struct units *units, size_t index)
{
	return bytes_get_u16(units->at + 2 * index);
}

static struct units name_at(const uint8_t *bytes, size_t description, uint32_t tag)
{
	struct units name = {
		bytes + path_at(tag) + bytes_get_u16(bytes + description),
		bytes_get_u16(bytes + description + 2) / 2u,
	};

	for (size_t i = 0; i < name.count; i++)
		if (unit(&name, i) == 0)
			name.count = i;
	return name;
}

/* Whether the units begin with these upper-case ASCII characters, in any case. */
static bool begins(const struct units *units, const char *with)
{
	size_t i;

	for (i = 0; with[i] != '\0' && i < units->count; i++) {
		uint16_t u = unit(units, i);

		if (u != (unsigned char)with[i] && (u < 'a' || u > 'z' || u - 'a' + 'A' != with[i]))
			return false;
	}
	return with[i] == '\0';
}

static void skip(struct units *units, size_t count)
{
	units->at += 2 * count;
	units->count -= count;
}

/* The name as WTF-8 with slashes, written to `to` unless that is NULL. Returns its size. */
static size_t put_units(const struct units *name, char *to)
{
	enum { CHUNK = 256 };
	uint16_t units[CHUNK];
	char text[3 * CHUNK];
	size_t size = 0;

	for (size_t done = 0; done < name->count;) {
		size_t count = 0, bytes;

		while (count < CHUNK && done < name->count) {
			uint16_t u = unit(name, done++);

			units[count++] = u == '\\' ? '/' : u;
		}
		/* A high surrogate waits for what follows it. */
		if (done < name->count && (units[count - 1] & 0xFC00) == 0xD800) {
			count--;
			done--;
		}
		bytes = mfs_utf16_to_name(units, count, text, sizeof text);
		if (to != NULL)
			memcpy(to + size, text, bytes);
		size += bytes;
	}
	return size;
}

/* What precedes the name in the target; takes the NT prefix off the name. */
static const char *take_prefix(struct units *name)
{
	if (begins(name, "\\??\\UNC\\")) {
		skip(name, 8);
		return "//";
	}
	if (begins(name, "\\??\\"))
		skip(name, 4);
	return "";
}

static size_t put_names(const uint8_t *bytes, uint32_t tag, char *to)
{
	struct units name = name_at(bytes, SUBSTITUTE_AT, tag);
	const char *prefix;
	size_t prefix_size;

	/* The substitute name says where the link leads; the print name is there to be shown. */
	if (name.count == 0)
		name = name_at(bytes, PRINT_AT, tag);
	prefix = take_prefix(&name);
	prefix_size = strlen(prefix);
	if (to != NULL) {
		memcpy(to, prefix, prefix_size);
		to += prefix_size;
	}
	return prefix_size + put_units(&name, to);
}

static size_t put_lx(const uint8_t *bytes, size_t size, char *to)
{
	const uint8_t *target = bytes + HEADER + LX_VERSION_SIZE;
	size_t room = size - HEADER - LX_VERSION_SIZE;
	const uint8_t *end = room != 0 ? memchr(target, 0, room) : NULL;
	size_t length = end != NULL ? (size_t)(end - target) : room;

	if (to != NULL)
		memcpy(to, target, length);
	return length;
}

static size_t put_target(const uint8_t *bytes, size_t size, char *to)
{
	uint32_t tag = wire_reparse_tag(bytes);

	return tag == WIRE_TAG_LX_SYMLINK ? put_lx(bytes, size, to) : put_names(bytes, tag, to);
}

/*
 * Checks the buffer first and returns what wire_reparse_check says. Any target ends before a
 * first NUL, since POSIX has none in a path. Of a symlink or mount point:
 *
 *   substitute name (else print)      target
 *   ..\a                              ../a
 *   \x                                /x
 *   C:\x, \??\C:\x                    C:/x
 *   \\server\share                    //server/share
 *   \??\UNC\server\share              //server/share
 *   \??\Volume{...}\                  Volume{...}/
 *
 * MFS_BUFFER_TOO_SMALL writes nothing but *needed. `to` may be NULL when capacity is 0.
 */
enum mfs_status wire_reparse_target(const void *buffer, size_t size, char *to, size_t capacity,
				    size_t *needed)
{
	enum mfs_status status = wire_reparse_check(buffer, size);
	uint32_t tag;
	size_t length;

	if (status != MFS_OK)
		return status;
	tag = wire_reparse_tag(buffer);
	if (tag != WIRE_TAG_LX_SYMLINK && tag != WIRE_TAG_SYMLINK && tag != WIRE_TAG_MOUNT_POINT)
		return MFS_INVALID;
	length = put_target(buffer, size, NULL);
	*needed = length;
	if (length > capacity)
		return MFS_BUFFER_TOO_SMALL;
	if (length != 0)
		put_target(buffer, size, to);
	return MFS_OK;
}

size_t wire_reparse_from_target(const char *target, size_t size, void *to)
{
	uint8_t *bytes = to;

	assert(size >= 1 && size <= LX_TARGET_MAX);
	bytes_put_u32(bytes, WIRE_TAG_LX_SYMLINK);
	bytes_put_u16(bytes + DATA_SIZE_AT, (uint16_t)(LX_VERSION_SIZE + size));
	bytes_put_u16(bytes + DATA_SIZE_AT + 2, 0);
	bytes_put_u32(bytes + HEADER, LX_VERSION);
	memcpy(bytes + HEADER + LX_VERSION_SIZE, target, size);
	return HEADER + LX_VERSION_SIZE + size;
}
