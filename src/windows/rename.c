/*
 * rename.c: CanDelete, SetDelete and Rename.
 *
 * Readonly files are the DLL's business: only it knows whether the caller said to ignore that.
 */
#include "front.h"
#include "names.h"
#include "status.h"

NTSTATUS WFS_CALL front_can_delete(struct wfs_file_system *fs, void *context, WCHAR *path)
{
	struct mfs_node *node = mfs_stream_node(context);
	(void)path;
	if (!mfs_stream_is_main(context))
		return STATUS_SUCCESS;
	if (mfs_node_number(node) == ROOT_NUMBER)
		return STATUS_CANNOT_DELETE;
	return status_to_nt(mfs_can_remove(front_of(fs)->volume, node));
}

NTSTATUS WFS_CALL front_set_delete(struct wfs_file_system *fs, void *context, WCHAR *path, BOOLEAN wanted)
{
	/* The mark itself is the driver's; Cleanup deletes. */
	return wanted ? front_can_delete(fs, context, path) : STATUS_SUCCESS;
}

static NTSTATUS rename_status(enum mfs_status status)
{
	/* NTFS never replaces a directory, nor moves one into itself. */
	return status == MFS_IS_DIRECTORY || status == MFS_NOT_EMPTY ? STATUS_ACCESS_DENIED
								     : status_to_nt(status);
}

static NTSTATUS rename_places(struct mfs_volume *volume, struct mfs_node *node, const struct mfs_place *from,
			      const struct mfs_place *to, bool replace)
{
	if (from->parent == NULL)
		return STATUS_ACCESS_DENIED; /* the root */
	if (to->parent == NULL)
		return replace ? STATUS_ACCESS_DENIED : STATUS_OBJECT_NAME_COLLISION;
	unsigned flags = MFS_RENAME_FILES_ONLY | (replace ? MFS_RENAME_REPLACE : 0);
	return rename_status(mfs_rename(volume, from->parent, from->name, from->name_size, to->parent,
					to->name, to->name_size, flags, node));
}

NTSTATUS WFS_CALL front_rename(struct wfs_file_system *fs, void *context, WCHAR *wide, WCHAR *new_wide,
			       BOOLEAN replace)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	struct names_path path, new_path;
	struct mfs_place from, to;
	NTSTATUS result = names_path(&path, wide);
	if (result == STATUS_SUCCESS)
		result = names_path(&new_path, new_wide);
	if (result != STATUS_SUCCESS)
		return result;
	if (!mfs_stream_is_main(context) || path.stream || new_path.stream)
		return STATUS_INVALID_PARAMETER; /* streams keep their names */

	enum mfs_status walked_from = names_walk(volume, &path, &from);
	enum mfs_status walked_to = names_walk(volume, &new_path, &to);
	if (walked_from != MFS_OK)
		result = names_walk_status(volume, &path, walked_from);
	else if (walked_to != MFS_OK && walked_to != MFS_NOT_FOUND)
		result = names_walk_status(volume, &new_path, walked_to);
	else
		result = rename_places(volume, mfs_stream_node(context), &from, &to, replace);
	mfs_place_drop(volume, &to);
	mfs_place_drop(volume, &from);
	return result;
}
