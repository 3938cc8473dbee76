/*
 * io.c: Read, Write, Flush and SetFileSize.
 *
 * Times stay as they are: data that Windows has cached comes late, after the program may have
 * set the times itself, so Cleanup tells which ones are to change.
 */
#include "front.h"
#include "info.h"
#include "status.h"

NTSTATUS WFS_CALL front_read(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset,
			     ULONG size, ULONG *done)
{
	size_t read = 0;
	enum mfs_status status = mfs_read(front_of(fs)->volume, context, offset, buffer, size, &read);
	if (status != MFS_OK)
		return status_to_nt(status);
	*done = (ULONG)read;
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_write(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset,
			      ULONG size, BOOLEAN to_end, BOOLEAN constrained, ULONG *done,
			      struct wfs_file_info *info)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	unsigned flags = MFS_WRITE_ALL | MFS_WRITE_KEEP_TIMES;
	if (constrained)
		flags |= MFS_WRITE_CONSTRAINED;
	else if (to_end)
		flags |= MFS_WRITE_APPEND;
	size_t written = 0;
	enum mfs_status status = mfs_write(volume, context, offset, buffer, size, flags, &written);
	if (status != MFS_OK)
		return status_to_nt(status);
	*done = (ULONG)written;
	info_of_stream(volume, context, info);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_flush(struct wfs_file_system *fs, void *context, struct wfs_file_info *info)
{
	/* Nothing is held back. No context: the whole volume. */
	if (context)
		info_of_stream(front_of(fs)->volume, context, info);
	return STATUS_SUCCESS;
}

/* Sets a size, and the times back to what they were. */
static enum mfs_status resize(struct mfs_volume *volume, struct mfs_stream *stream, UINT64 size,
			      bool allocation)
{
	struct mfs_info info;
	mfs_stream_info(volume, stream, &info);
	enum mfs_status status =
		allocation ? mfs_set_allocation(volume, stream, size) : mfs_set_size(volume, stream, size);
	if (status != MFS_OK)
		return status;
	const struct mfs_set times = {
		.what = MFS_SET_WRITE | MFS_SET_CHANGE, .write = info.write, .change = info.change};
	return mfs_node_set(volume, mfs_stream_node(stream), &times);
}

NTSTATUS WFS_CALL front_set_file_size(struct wfs_file_system *fs, void *context, UINT64 size,
				      BOOLEAN allocation, struct wfs_file_info *info)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	enum mfs_status status = resize(volume, context, size, allocation);
	if (status != MFS_OK)
		return status_to_nt(status);
	info_of_stream(volume, context, info);
	return STATUS_SUCCESS;
}
