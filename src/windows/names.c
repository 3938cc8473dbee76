/*
 * names.c: from UTF-16 with backslashes to the engine's bytes.
 *
 * It knows how Windows writes a path with a stream behind it, and nothing of what is there.
 */
#include "names.h"

#include <string.h>

#include "status.h"

static size_t wide_units(const WCHAR *wide, size_t most)
{
	size_t units = 0;
	while (units < most && wide[units] != L'\0')
		units++;
	return units;
}

/* Drops the backslashes that say nothing; UTF-8 has none inside a character. */
static size_t squeeze(char *bytes, size_t size)
{
	size_t kept = 0;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\\' && kept > 0 && bytes[kept - 1] == '\\')
			continue;
		bytes[kept++] = bytes[i];
	}
	if (kept > 1 && bytes[kept - 1] == '\\')
		kept--;
	return kept;
}

static bool is_data_type(const char *type, size_t size)
{
	static const char data[] = "$DATA";
	if (size != sizeof data - 1)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((type[i] >= 'a' && type[i] <= 'z' ? type[i] - 'a' + 'A' : type[i]) != data[i])
			return false;
	return true;
}

/* Takes ":stream" or ":stream:$DATA" off the end of the path. */
static NTSTATUS split_stream(struct names_path *path, const char *colon)
{
	const char *end = path->bytes + path->size;
	const char *name = colon + 1;
	const char *type = memchr(name, ':', (size_t)(end - name));
	size_t name_size = (size_t)((type ? type : end) - name);

	if (memchr(name, '\\', (size_t)(end - name)))
		return STATUS_OBJECT_NAME_INVALID;
	if (type && !is_data_type(type + 1, (size_t)(end - type) - 1))
		return STATUS_OBJECT_NAME_INVALID;
	if (!type && name_size == 0)
		return STATUS_OBJECT_NAME_INVALID;
	path->size = (size_t)(colon - path->bytes);
	if (name_size != 0) {
		path->stream = name;
		path->stream_size = name_size;
	}
	return STATUS_SUCCESS;
}

/* Most paths are ASCII: converts, squeezes and looks for the colon in one pass. False: this one
 * is not, or is too long. */
static bool ascii_path(struct names_path *path, const WCHAR *wide, const char **colon)
{
	char *to = path->bytes, last = 0;
	*colon = NULL;
	for (size_t i = 0; wide[i] != L'\0'; i++) {
		if (wide[i] >= 0x80 || i == WFS_PATH_UNITS)
			return false;
		char byte = (char)wide[i];
		if (byte == '\\' && last == '\\')
			continue;
		if (byte == ':' && *colon == NULL)
			*colon = to;
		*to++ = last = byte;
	}
	path->size = (size_t)(to - path->bytes);
	if (path->size > 1 && last == '\\')
		path->size--;
	return path->size != 0;
}

static NTSTATUS any_path(struct names_path *path, const WCHAR *wide, const char **colon)
{
	size_t units = wide_units(wide, WFS_PATH_UNITS + 1);
	if (units == 0 || units > WFS_PATH_UNITS)
		return STATUS_OBJECT_NAME_INVALID;
	path->size = mfs_utf16_to_name(wide, units, path->bytes, sizeof path->bytes);
	if (path->size == 0)
		return STATUS_OBJECT_NAME_INVALID;
	path->size = squeeze(path->bytes, path->size);
	*colon = memchr(path->bytes, ':', path->size);
	return STATUS_SUCCESS;
}

NTSTATUS names_path(struct names_path *path, const WCHAR *wide)
{
	const char *colon;
	path->stream = NULL;
	path->stream_size = 0;
	if (!ascii_path(path, wide, &colon)) {
		NTSTATUS result = any_path(path, wide, &colon);
		if (result != STATUS_SUCCESS)
			return result;
	}
	return colon ? split_stream(path, colon) : STATUS_SUCCESS;
}

size_t names_component(const WCHAR *wide, char to[NAMES_NAME_BYTES])
{
	size_t units = wide_units(wide, WFS_COMPONENT_UNITS + 1);
	if (units == 0 || units > WFS_COMPONENT_UNITS)
		return 0;
	return mfs_utf16_to_name(wide, units, to, NAMES_NAME_BYTES);
}

enum mfs_status names_walk(struct mfs_volume *volume, const struct names_path *path, struct mfs_place *place)
{
	return mfs_walk(volume, path->bytes, path->size, '\\', place);
}

enum mfs_status names_find(struct mfs_volume *volume, const struct names_path *path, struct mfs_place *place)
{
	return mfs_find(volume, path->bytes, path->size, '\\', place);
}

NTSTATUS names_walk_status(struct mfs_volume *volume, const struct names_path *path, enum mfs_status status)
{
	if (status != MFS_NOT_DIRECTORY)
		return status_to_nt(status);

	/* NTFS speaks of a directory only when the very parent is a file. */
	size_t parent = path->size;
	while (parent > 0 && path->bytes[parent - 1] != '\\')
		parent--;
	if (parent > 1)
		parent--;
	struct mfs_place place;
	status = mfs_walk(volume, path->bytes, parent, '\\', &place);
	mfs_place_drop(volume, &place);
	return status == MFS_OK ? STATUS_NOT_A_DIRECTORY : STATUS_OBJECT_PATH_NOT_FOUND;
}

UINT32 names_component_index(const struct names_path *path, const WCHAR *wide, size_t behind)
{
	/* The n-th component is found again by counting, as both spellings have the same. */
	size_t component = 0;
	for (size_t i = 0; i < behind && i < path->size; i++)
		if (path->bytes[i] != '\\' && (i == 0 || path->bytes[i - 1] == '\\'))
			component++;
	UINT32 index = 0;
	for (;;) {
		while (wide[index] == L'\\')
			index++;
		if (component <= 1 || wide[index] == L'\0')
			return index;
		component--;
		while (wide[index] != L'\\' && wide[index] != L'\0')
			index++;
	}
}
