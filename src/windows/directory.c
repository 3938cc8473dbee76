/*
 * directory.c: ReadDirectory and GetDirInfoByName.
 *
 * A listing goes on behind the marker, the name that the driver took last, in the volume's
 * order; the name may be gone by then. "." and ".." come first, and not in the root.
 */
#include "front.h"

#include <string.h>

#include "info.h"
#include "loader.h"
#include "names.h"
#include "status.h"

union entry {
	struct wfs_dir_info info;
	BYTE bytes[sizeof(struct wfs_dir_info) + WFS_COMPONENT_UNITS * sizeof(WCHAR)];
};

struct listing {
	struct front *front;
	void *buffer;
	ULONG size;
	ULONG *done;
};

/* False: a name that has no UTF-16 form of at most 255 units; such names cannot be made here. */
static bool fill(struct mfs_volume *volume, struct mfs_node *node, const char *name, size_t name_size,
		 struct wfs_dir_info *to)
{
	size_t units = mfs_name_to_utf16(name, name_size, to->name, WFS_COMPONENT_UNITS);
	if (units == 0)
		return false;
	info_of_node(volume, node, &to->info);
	memset(to->padding, 0, sizeof to->padding);
	to->size = (UINT16)(sizeof *to + units * sizeof(WCHAR));
	return true;
}

static bool add(struct listing *listing, struct mfs_node *node, const char *name, size_t name_size)
{
	union entry entry;
	if (!fill(listing->front->volume, node, name, name_size, &entry.info))
		return true;
	return listing->front->api->add_dir_info(&entry.info, listing->buffer, listing->size, listing->done);
}

static bool add_entry(void *context, const struct mfs_entry *entry)
{
	return add(context, entry->node, entry->name, entry->name_size);
}

static bool add_parent(struct listing *listing, struct mfs_node *directory)
{
	struct mfs_node *parent;
	/* A deleted directory that is still open has none: it stands in itself. */
	if (mfs_parent(listing->front->volume, directory, &parent) != MFS_OK)
		return add(listing, directory, "..", 2);
	bool added = add(listing, parent, "..", 2);
	mfs_node_drop(listing->front->volume, parent);
	return added;
}

static bool is_dots(const WCHAR *marker, size_t dots)
{
	for (size_t i = 0; i < dots; i++)
		if (marker[i] != L'.')
			return false;
	return marker[dots] == L'\0';
}

/* The dot entries that come behind the marker. False: the buffer is full. */
static bool add_dots(struct listing *listing, struct mfs_node *directory, const WCHAR **marker)
{
	if (mfs_node_number(directory) == ROOT_NUMBER)
		return true;
	if (*marker == NULL && !add(listing, directory, ".", 1))
		return false;
	if (*marker == NULL || is_dots(*marker, 1)) {
		*marker = NULL;
		return add_parent(listing, directory);
	}
	if (is_dots(*marker, 2))
		*marker = NULL;
	return true;
}

NTSTATUS WFS_CALL front_read_directory(struct wfs_file_system *fs, void *context, WCHAR *pattern,
				       WCHAR *marker, void *buffer, ULONG size, ULONG *done)
{
	struct front *front = front_of(fs);
	struct mfs_node *directory = mfs_stream_node(context);
	struct listing listing = {.front = front, .buffer = buffer, .size = size, .done = done};
	char after[NAMES_NAME_BYTES];
	size_t after_size = 0;
	bool at_end = false;
	(void)pattern; /* the driver matches names itself */

	if (!mfs_stream_is_main(context) || !mfs_node_is_directory(directory))
		return STATUS_NOT_A_DIRECTORY;
	const WCHAR *behind = marker;
	if (!add_dots(&listing, directory, &behind))
		return STATUS_SUCCESS;
	if (behind) {
		after_size = names_component(behind, after);
		if (after_size == 0)
			return STATUS_INVALID_PARAMETER;
	}
	enum mfs_status status = mfs_list_after_name(front->volume, directory, after, after_size, add_entry,
						     &listing, &at_end);
	if (status != MFS_OK)
		return status_to_nt(status);
	if (at_end)
		front->api->add_dir_info(NULL, buffer, size, done);
	return STATUS_SUCCESS;
}

/* ---- one entry by its name ------------------------------------------------------------------ */

static NTSTATUS tell_dots(struct mfs_volume *volume, struct mfs_node *directory, const WCHAR *name,
			  struct wfs_dir_info *entry)
{
	struct mfs_node *parent;
	if (mfs_node_number(directory) == ROOT_NUMBER)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (is_dots(name, 1))
		return fill(volume, directory, ".", 1, entry) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
	if (mfs_parent(volume, directory, &parent) != MFS_OK)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	fill(volume, parent, "..", 2, entry);
	mfs_node_drop(volume, parent);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_get_dir_info_by_name(struct wfs_file_system *fs, void *context, WCHAR *wide,
					     struct wfs_dir_info *entry)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	struct mfs_node *directory = mfs_stream_node(context), *node;
	char name[NAMES_NAME_BYTES];

	if (!mfs_stream_is_main(context) || !mfs_node_is_directory(directory))
		return STATUS_NOT_A_DIRECTORY;
	if (is_dots(wide, 1) || is_dots(wide, 2))
		return tell_dots(volume, directory, wide, entry);
	size_t size = names_component(wide, name);
	if (size == 0)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	enum mfs_status status = mfs_lookup(volume, directory, name, size, &node);
	if (status == MFS_NAME_INVALID || status == MFS_NAME_TOO_LONG)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (status != MFS_OK)
		return status_to_nt(status);
	/* As it is stored, which may be another spelling. */
	status = mfs_spelling(volume, directory, name, size, name, &size);
	if (status == MFS_OK)
		fill(volume, node, name, size, entry);
	mfs_node_drop(volume, node);
	return status_to_nt(status);
}
