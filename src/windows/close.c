/*
 * close.c: Cleanup, when a handle is closed, and Close, when its file object goes.
 *
 * Between the two the file may still be read and written: the memory manager does. Cleanup
 * comes only for what was modified or is to be deleted, and cannot fail.
 */
#include "front.h"
#include "names.h"

static void remove_file(struct mfs_volume *volume, struct mfs_node *node, const struct names_path *path)
{
	struct mfs_place place;
	enum mfs_status status = names_walk(volume, path, &place);
	/* The engine refuses a directory with entries, and a name that means another node by now. */
	if ((status == MFS_OK || status == MFS_NOT_FOUND) && place.parent)
		mfs_unlink(volume, place.parent, place.name, place.name_size, MFS_REMOVE_ANY, node);
	mfs_place_drop(volume, &place);
}

static void remove_name(struct mfs_volume *volume, struct mfs_stream *stream, const WCHAR *wide)
{
	struct names_path path;
	if (names_path(&path, wide) != STATUS_SUCCESS)
		return;
	struct mfs_node *node = mfs_stream_node(stream);
	if (mfs_stream_is_main(stream))
		remove_file(volume, node, &path);
	else if (path.stream)
		mfs_stream_remove(volume, node, path.stream, path.stream_size, stream);
}

/* Each time is the present one when asked for, and otherwise what it was before. */
static void set_what_changed(struct mfs_volume *volume, struct mfs_stream *stream, ULONG flags)
{
	struct mfs_info info;
	mfs_stream_info(volume, stream, &info);
	struct mfs_set set = {.what = MFS_SET_WRITE, .write = info.write};
	if (flags & WFS_CLEANUP_SET_ALLOCATION_SIZE && !info.directory) {
		/* Below what is stored nothing is lost: this gives back what was set aside beyond. */
		mfs_set_allocation(volume, stream, info.size);
		set.what |= MFS_SET_WRITE;
	}
	if (flags & WFS_CLEANUP_SET_ARCHIVE && !mfs_node_is_directory(mfs_stream_node(stream))) {
		set.what |= MFS_SET_ATTRIBUTES;
		set.attributes = info.attributes | MFS_A_ARCHIVE;
	}
	if (flags & WFS_CLEANUP_SET_ACCESS_TIME)
		set.what |= MFS_SET_ACCESS_NOW;
	if (flags & WFS_CLEANUP_SET_WRITE_TIME)
		set.what = (set.what & ~MFS_SET_WRITE) | MFS_SET_WRITE_NOW;
	if (!(flags & WFS_CLEANUP_SET_CHANGE_TIME)) {
		set.what |= MFS_SET_CHANGE;
		set.change = info.change;
	}
	mfs_node_set(volume, mfs_stream_node(stream), &set);
}

void WFS_CALL front_cleanup(struct wfs_file_system *fs, void *context, WCHAR *path, ULONG flags)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	if (flags & ~WFS_CLEANUP_DELETE)
		set_what_changed(volume, context, flags);
	if (flags & WFS_CLEANUP_DELETE && path)
		remove_name(volume, context, path);
}

void WFS_CALL front_close(struct wfs_file_system *fs, void *context)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	mfs_stream_trim(volume, context);
	mfs_stream_drop(volume, context);
}
