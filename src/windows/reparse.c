/*
 * reparse.c: reparse points. The DLL follows them; the engine keeps and compares them.
 */
#include "front.h"
#include "loader.h"
#include "names.h"
#include "status.h"

static NTSTATUS tell(struct mfs_volume *volume, struct mfs_node *node, void *buffer, SIZE_T *size)
{
	size_t needed = 0;
	enum mfs_status status = mfs_reparse_get(volume, node, buffer, *size, &needed);
	if (status == MFS_BUFFER_TOO_SMALL)
		return STATUS_BUFFER_TOO_SMALL;
	if (status != MFS_OK)
		return status_to_nt(status);
	*size = needed;
	return STATUS_SUCCESS;
}

/* For the DLL, which asks for one component after the other; without a buffer it only asks
 * whether there is a reparse point. */
static NTSTATUS WFS_CALL by_name(struct wfs_file_system *fs, void *context, WCHAR *wide, BOOLEAN directory,
				 void *buffer, SIZE_T *size)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	struct names_path path;
	struct mfs_place place;
	(void)context;
	(void)directory;
	NTSTATUS result = names_path(&path, wide);
	if (result != STATUS_SUCCESS)
		return result;
	enum mfs_status status = names_walk(volume, &path, &place);
	if (status != MFS_OK) {
		result = status_to_nt(status);
	} else if (buffer) {
		result = tell(volume, place.node, buffer, size);
	} else {
		struct mfs_info info;
		mfs_node_info(volume, place.node, &info);
		result = info.reparse_tag ? STATUS_SUCCESS : STATUS_NOT_A_REPARSE_POINT;
	}
	mfs_place_drop(volume, &place);
	return result;
}

NTSTATUS WFS_CALL front_resolve_reparse_points(struct wfs_file_system *fs, WCHAR *path, UINT32 index,
					       BOOLEAN resolve_last, IO_STATUS_BLOCK *status, void *buffer,
					       SIZE_T *size)
{
	return front_of(fs)->api->resolve_reparse_points(fs, by_name, NULL, path, index, resolve_last, status,
							 buffer, size);
}

NTSTATUS WFS_CALL front_get_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					  void *buffer, SIZE_T *size)
{
	(void)path;
	return tell(front_of(fs)->volume, mfs_stream_node(context), buffer, size);
}

NTSTATUS WFS_CALL front_set_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					  void *buffer, SIZE_T size)
{
	(void)path;
	return status_to_nt(mfs_reparse_set(front_of(fs)->volume, mfs_stream_node(context), buffer, size, 0));
}

NTSTATUS WFS_CALL front_delete_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					     void *buffer, SIZE_T size)
{
	(void)path;
	return status_to_nt(mfs_reparse_remove(front_of(fs)->volume, mfs_stream_node(context), buffer, size));
}
