/*
 * open.c: GetSecurityByName and Open.
 *
 * The DLL asks GetSecurityByName first, checks access, and follows reparse points; what then
 * reaches Open is a path without them.
 */
#include "open.h"

#include "info.h"
#include "status.h"

/* The path in its stored spelling, when that has the same length; else none is told, which the
 * driver takes as well. The driver compares the two spellings itself. */
static void normalize(struct front *front, const struct names_path *path, struct wfs_open_file_info *open)
{
	char stored[NAMES_PATH_BYTES];
	size_t size, room = open->normalized_name_size / sizeof(WCHAR);
	if (room > WFS_PATH_UNITS)
		room = WFS_PATH_UNITS;
	if (mfs_normalize(front->volume, path->bytes, path->size, '\\', stored, sizeof stored, &size) !=
	    MFS_OK)
		return;
	size_t units = mfs_name_to_utf16(stored, size, open->normalized_name, room);
	if (units == 0)
		return;
	if (path->stream) {
		if (units + 1 >= room)
			return;
		open->normalized_name[units++] = L':';
		size_t more = mfs_name_to_utf16(path->stream, path->stream_size,
						open->normalized_name + units, room - units);
		if (more == 0)
			return;
		units += more;
	}
	open->normalized_name_size = (UINT16)(units * sizeof(WCHAR));
}

void open_finish(struct front *front, const struct names_path *path, struct mfs_stream *stream,
		 void **context, struct wfs_file_info *info)
{
	*context = stream;
	info_of_stream(front->volume, stream, info);
	if (mfs_volume_case_insensitive(front->volume))
		normalize(front, path, (struct wfs_open_file_info *)info);
}

/* Copies the descriptor when there is room; the size that it has either way. */
static NTSTATUS tell_security(struct mfs_volume *volume, struct mfs_node *node,
			      PSECURITY_DESCRIPTOR descriptor, SIZE_T *size)
{
	size_t needed = 0;
	enum mfs_status status = mfs_security_get(volume, node, descriptor, descriptor ? *size : 0, &needed);
	if (status != MFS_OK && status != MFS_BUFFER_TOO_SMALL)
		return status_to_nt(status);
	bool fits = needed <= *size;
	*size = needed;
	return fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS tell_node(struct mfs_volume *volume, const struct names_path *path, struct mfs_node *node,
			  UINT32 *attributes, PSECURITY_DESCRIPTOR descriptor, SIZE_T *size)
{
	if (path->stream) {
		struct mfs_stream *stream;
		enum mfs_status status =
			mfs_stream_open(volume, node, path->stream, path->stream_size, &stream);
		if (status != MFS_OK)
			return status_to_nt(status);
		mfs_stream_drop(volume, stream);
	}
	if (attributes) {
		struct mfs_info info;
		mfs_node_info(volume, node, &info);
		*attributes = info.attributes;
		if (path->stream)
			*attributes &= ~MFS_A_DIRECTORY;
	}
	return size ? tell_security(volume, node, descriptor, size) : STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_get_security_by_name(struct wfs_file_system *fs, WCHAR *wide,
					     UINT32 *attributes_or_index, PSECURITY_DESCRIPTOR descriptor,
					     SIZE_T *size)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	struct names_path path;
	struct mfs_place place;
	NTSTATUS result = names_path(&path, wide);
	if (result != STATUS_SUCCESS)
		return result;
	enum mfs_status status = names_find(volume, &path, &place);
	if (status == MFS_OK) {
		result = tell_node(volume, &path, place.node, attributes_or_index, descriptor, size);
	} else if (status == MFS_REPARSE) {
		if (attributes_or_index)
			*attributes_or_index = names_component_index(&path, wide, place.reparse_at);
		result = STATUS_REPARSE;
	} else {
		result = names_walk_status(volume, &path, status);
	}
	mfs_place_drop(volume, &place);
	return result;
}

/* What the caller insists on. The DLL has checked it for programs, not for drivers. */
static NTSTATUS check_main(struct mfs_volume *volume, struct mfs_node *node, UINT32 options)
{
	bool directory = mfs_node_is_directory(node);
	if (options & FILE_DIRECTORY_FILE && !directory)
		return STATUS_NOT_A_DIRECTORY;
	if (options & FILE_NON_DIRECTORY_FILE && directory)
		return STATUS_FILE_IS_A_DIRECTORY;
	if (options & FILE_NO_EA_KNOWLEDGE && mfs_ea_needed(volume, node))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

static NTSTATUS open_node(struct mfs_volume *volume, const struct names_path *path, struct mfs_node *node,
			  UINT32 options, struct mfs_stream **stream)
{
	if (path->stream) {
		if (options & FILE_DIRECTORY_FILE)
			return STATUS_NOT_A_DIRECTORY;
		return status_to_nt(mfs_stream_open(volume, node, path->stream, path->stream_size, stream));
	}
	NTSTATUS result = check_main(volume, node, options);
	if (result == STATUS_SUCCESS)
		*stream = mfs_main_stream(node);
	return result;
}

NTSTATUS WFS_CALL front_open(struct wfs_file_system *fs, WCHAR *wide, UINT32 options, UINT32 access,
			     void **context, struct wfs_file_info *info)
{
	struct front *front = front_of(fs);
	struct names_path path;
	struct mfs_place place;
	struct mfs_stream *stream;
	(void)access; /* checked before by the DLL */

	NTSTATUS result = names_path(&path, wide);
	if (result != STATUS_SUCCESS)
		return result;
	enum mfs_status status = names_find(front->volume, &path, &place);
	if (status == MFS_OK)
		result = open_node(front->volume, &path, place.node, options, &stream);
	else
		result = names_walk_status(front->volume, &path, status);
	if (result == STATUS_SUCCESS)
		open_finish(front, &path, stream, context, info);
	mfs_place_drop(front->volume, &place);
	return result;
}
