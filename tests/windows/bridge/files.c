/*
 * files.c: requests on open files.
 */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

struct bridge_handle *handle_new(const struct bridge_open *open)
{
	struct bridge_handle *handle = calloc(1, sizeof *handle);
	if (handle == NULL)
		return NULL;
	handle->open = *open;
	pthread_mutex_init(&handle->listing, NULL);
	return handle;
}

/* The driver's rules for what Cleanup is to change. 0: nothing. Locked exclusively. */
static ULONG cleanup_flags(struct bridge_handle *handle)
{
	struct bridge_node *node = handle->open.node;
	ULONG flags = handle->modified ? WFS_CLEANUP_SET_ARCHIVE : 0;
	pthread_mutex_lock(&node->state);
	bool last = node->opens - node->put_off == 1;
	pthread_mutex_unlock(&node->state);
	if (node->written != 0)
		flags |= WFS_CLEANUP_SET_WRITE_TIME | WFS_CLEANUP_SET_CHANGE_TIME;
	if (last && node->may_trim) {
		flags |= WFS_CLEANUP_SET_ALLOCATION_SIZE;
		node->may_trim = false;
	}
	return flags;
}

#define CLOCK_STEP 1000000u /* two clocks may differ by so much: 0.1 s */

/* A time that was to be set is the present one, another is what it was. */
static bool time_right(bool was_set, UINT64 now, UINT64 before, UINT64 after)
{
	return was_set ? after + CLOCK_STEP >= now : after == before;
}

static void check_cleaned(ULONG flags, UINT64 now, UINT64 unit, const struct wfs_file_info *before,
			  const struct wfs_file_info *after)
{
	if (!time_right(flags & WFS_CLEANUP_SET_WRITE_TIME, now, before->last_write_time,
			after->last_write_time) ||
	    !time_right(flags & WFS_CLEANUP_SET_ACCESS_TIME, now, before->last_access_time,
			after->last_access_time) ||
	    (flags & WFS_CLEANUP_SET_CHANGE_TIME && after->change_time + CLOCK_STEP < now))
		bridge_odd("Cleanup with flags %x: wrong times", flags);
	if (flags & WFS_CLEANUP_SET_ARCHIVE && !(after->attributes & FILE_ATTRIBUTE_ARCHIVE))
		bridge_odd("Cleanup: no archive attribute");
	bool kept_too_much =
		flags & WFS_CLEANUP_SET_ALLOCATION_SIZE && after->allocation_size >= after->file_size + unit;
	if (after->file_size != before->file_size || after->allocation_size > before->allocation_size ||
	    kept_too_much)
		bridge_odd("Cleanup with flags %x: size %llu of %llu became %llu of %llu", flags,
			   (unsigned long long)before->file_size, (unsigned long long)before->allocation_size,
			   (unsigned long long)after->file_size, (unsigned long long)after->allocation_size);
}

/* A handle is closed; Cleanup comes when there is something to change. Locked exclusively. */
static void cleanup(struct bridge *bridge, struct bridge_handle *handle)
{
	struct bridge_node *node = handle->open.node;
	void *context = handle->open.context;
	struct wfs_file_info before, after;
	ULONG flags = cleanup_flags(handle);
	if (flags == 0 && bridge->params.flags & WFS_POST_CLEANUP_WHEN_MODIFIED_ONLY)
		return;
	if (!node->access_told)
		flags |= WFS_CLEANUP_SET_ACCESS_TIME;
	node->written = 0;
	UINT64 now = time_now();
	NTSTATUS status = call_get_file_info(bridge, context, &before);
	call_cleanup(bridge, context, NULL, flags);
	if (status == STATUS_SUCCESS && call_get_file_info(bridge, context, &after) == STATUS_SUCCESS)
		check_cleaned(flags, now, bridge_unit(bridge), &before, &after);
}

void handle_free(struct bridge *bridge, struct bridge_handle *handle)
{
	pthread_rwlock_wrlock(&handle->open.node->lock);
	cleanup(bridge, handle);
	pthread_rwlock_unlock(&handle->open.node->lock);
	driver_close(bridge, &handle->open);
	for (size_t i = 0; i < handle->told_count; i++)
		free(handle->told[i]);
	free(handle->told);
	pthread_mutex_destroy(&handle->listing);
	free(handle);
}

/* ---- opening ----------------------------------------------------------------------------------- */

/* O_TRUNC is Windows' overwriting; only that would drop named streams, which are xattrs here. */
int handle_truncate(struct bridge *bridge, struct bridge_open *open)
{
	char streams[512] __attribute__((aligned(8)));
	struct bridge_node *node = open->node;
	struct wfs_file_info info;
	ULONG size = 0;
	int error;
	pthread_rwlock_wrlock(&node->lock);
	NTSTATUS status = call_get_stream_info(bridge, open->context, streams, sizeof streams, &size);
	const struct wfs_stream_info *first = (const void *)streams;
	bool only_main = status == STATUS_SUCCESS && size >= sizeof *first && first->size == sizeof *first &&
			 *(const UINT16 *)(first + 1) == 0;
	if (only_main)
		error = driver_overwrite(bridge, open);
	else
		error = text_errno(call_set_file_size(bridge, open->context, 0, FALSE, &info));
	if (error == 0)
		node->written = time_now();
	pthread_rwlock_unlock(&node->lock);
	return error;
}

int op_open(struct bridge_request *request)
{
	const struct fuse_open_in *in = request->body;
	struct fuse_open_out *out = request->out;
	struct bridge *bridge = request->bridge;
	struct bridge_open open;
	int error = driver_open_node(bridge, request_node(request), FILE_NON_DIRECTORY_FILE,
				     DRIVER_EVERYTHING, &open);
	if (error == 0 && open.borrowed) {
		driver_close(bridge, &open);
		error = ESTALE; /* nothing opens a deleted file again */
	}
	if (error != 0)
		return error;
	if (in->flags & O_TRUNC)
		error = handle_truncate(bridge, &open);
	struct bridge_handle *handle = error == 0 ? handle_new(&open) : NULL;
	if (handle == NULL) {
		driver_close(bridge, &open);
		return error != 0 ? error : ENOMEM;
	}
	handle->modified = in->flags & O_TRUNC;
	memset(out, 0, sizeof *out);
	out->fh = (uintptr_t)handle;
	request->out_size = sizeof *out;
	return 0;
}

int op_release(struct bridge_request *request)
{
	const struct fuse_release_in *in = request->body;
	handle_free(request->bridge, handle_of(in->fh));
	return 0;
}

/* close() waits for this, but not for the release. Times set after it must stay. */
int op_flush(struct bridge_request *request)
{
	const struct fuse_flush_in *in = request->body;
	struct bridge_open *open = &handle_of(in->fh)->open;
	pthread_rwlock_wrlock(&open->node->lock);
	int error = driver_tell_written(request->bridge, open->node, open->context);
	pthread_rwlock_unlock(&open->node->lock);
	return error;
}

int op_fsync(struct bridge_request *request)
{
	const struct fuse_fsync_in *in = request->body;
	struct bridge_open *open = &handle_of(in->fh)->open;
	struct wfs_file_info info;
	pthread_rwlock_wrlock(&open->node->lock);
	NTSTATUS status = call_flush(request->bridge, open->context, &info);
	pthread_rwlock_unlock(&open->node->lock);
	return text_errno(status);
}

#define PAGE 4096u

/* ---- data --------------------------------------------------------------------------------------- */

int op_read(struct bridge_request *request)
{
	const struct fuse_read_in *in = request->body;
	struct bridge_open *open = &handle_of(in->fh)->open;
	ULONG done = 0;
	if (in->size > BRIDGE_DATA_MAX)
		return EINVAL;
	pthread_rwlock_rdlock(&open->node->lock);
	NTSTATUS status =
		call_read(request->bridge, open->context, request->out, in->offset, in->size, &done);
	pthread_rwlock_unlock(&open->node->lock);
	if (status == STATUS_END_OF_FILE)
		return 0;
	if (status == STATUS_SUCCESS && (done > in->size || (done == 0 && in->size != 0)))
		bridge_odd("Read: %u bytes of %u", done, in->size);
	request->out_size = done;
	return text_errno(status);
}

static void check_written(const struct fuse_write_in *in, ULONG done, const struct wfs_file_info *info)
{
	if (done != in->size || info->file_size < in->offset + done)
		bridge_odd("Write: %u bytes of %u at %llu, size %llu afterwards", done, in->size,
			   (unsigned long long)in->offset, (unsigned long long)info->file_size);
}

/* As an uncached handle writes, or one that appends. */
static NTSTATUS write_at_once(struct bridge *bridge, struct bridge_open *open, const struct fuse_write_in *in)
{
	struct wfs_file_info info;
	bool to_end = in->flags & O_APPEND;
	ULONG done = 0;
	NTSTATUS status = call_write(bridge, open->context, in + 1, to_end ? UINT64_MAX : in->offset,
				     in->size, to_end, false, &done, &info);
	if (status == STATUS_SUCCESS)
		check_written(in, done, &info);
	return status;
}

/* As the cache manager writes: the size is set first, then pages come that never move the end. The
 * last one is whole, and what lies behind the end in it must not be seen again. */
static NTSTATUS write_by_cache(struct bridge *bridge, struct bridge_open *open, struct fuse_write_in *in)
{
	struct wfs_file_info info;
	UINT64 end = in->offset + in->size;
	ULONG done = 0, size = in->size;
	NTSTATUS status = call_get_file_info(bridge, open->context, &info);
	if (status == STATUS_SUCCESS && info.file_size < end)
		status = call_set_file_size(bridge, open->context, end, false, &info);
	if (status != STATUS_SUCCESS)
		return status;
	if (info.file_size == end && end % PAGE != 0) {
		ULONG tail = (ULONG)(PAGE - end % PAGE);
		memset((char *)(in + 1) + size, 0xa5, tail);
		size += tail;
	}
	status = call_write(bridge, open->context, in + 1, in->offset, size, false, true, &done, &info);
	if (status == STATUS_SUCCESS && info.file_size < end)
		bridge_odd("constrained Write: a size of %llu, not %llu", (unsigned long long)info.file_size,
			   (unsigned long long)end);
	return status;
}

/* Pages of a mapped file come late; what lies behind the end by then is dropped. */
static NTSTATUS write_mapped(struct bridge *bridge, struct bridge_open *open, const struct fuse_write_in *in)
{
	struct wfs_file_info info;
	ULONG done = 0;
	return call_write(bridge, open->context, in + 1, in->offset, in->size, false, true, &done, &info);
}

int op_write(struct bridge_request *request)
{
	struct fuse_write_in *in = request->body;
	struct fuse_write_out *out = request->out;
	struct bridge *bridge = request->bridge;
	struct bridge_handle *handle = handle_of(in->fh);
	struct bridge_open *open = &handle->open;
	NTSTATUS status;
	if (request->body_size - sizeof *in < in->size || in->size > BRIDGE_DATA_MAX)
		return EINVAL;
	pthread_rwlock_wrlock(&open->node->lock);
	if (in->write_flags & FUSE_WRITE_CACHE)
		status = write_mapped(bridge, open, in);
	else if (bridge->cached && in->size != 0)
		status = write_by_cache(bridge, open, in);
	else
		status = write_at_once(bridge, open, in);
	if (status == STATUS_SUCCESS) {
		open->node->written = time_now();
		open->node->access_told = false;
		open->node->may_trim = true;
		handle->modified = true;
	}
	pthread_rwlock_unlock(&open->node->lock);
	memset(out, 0, sizeof *out);
	out->size = in->size;
	request->out_size = sizeof *out;
	return text_errno(status);
}

/* Room is set aside, and the file grows unless it is to keep its size. */
static NTSTATUS reserve(struct bridge *bridge, struct bridge_open *open, UINT64 end, bool keep_size)
{
	struct wfs_file_info info;
	NTSTATUS status = call_get_file_info(bridge, open->context, &info);
	/* A smaller allocation would cut the file. */
	if (status == STATUS_SUCCESS && info.allocation_size < end)
		status = call_set_file_size(bridge, open->context, end, TRUE, &info);
	if (status == STATUS_SUCCESS && info.allocation_size < end)
		bridge_odd("SetFileSize: %llu bytes allocated, not %llu",
			   (unsigned long long)info.allocation_size, (unsigned long long)end);
	if (status == STATUS_SUCCESS && !keep_size && info.file_size < end)
		status = call_set_file_size(bridge, open->context, end, FALSE, &info);
	return status;
}

int op_fallocate(struct bridge_request *request)
{
	const struct fuse_fallocate_in *in = request->body;
	struct bridge_handle *handle = handle_of(in->fh);
	struct bridge_node *node = handle->open.node;
	if (in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE)
		return EOPNOTSUPP;
	pthread_rwlock_wrlock(&node->lock);
	NTSTATUS status = reserve(request->bridge, &handle->open, in->offset + in->length,
				  in->mode & FALLOC_FL_KEEP_SIZE);
	if (status == STATUS_SUCCESS) {
		node->written = time_now();
		node->may_trim = true;
		handle->modified = true;
	}
	pthread_rwlock_unlock(&node->lock);
	return text_errno(status);
}
