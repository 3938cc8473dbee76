/*
 * xattrs.c: user.NAME among Linux's extended attributes is the named stream NAME.
 *
 * The driver opens the main file before each of its streams and keeps it open meanwhile.
 */
#include "bridge.h"

#include <errno.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX XATTR_USER_PREFIX

/* The stream's name. ENODATA or EOPNOTSUPP for what is none. */
static int stream_name(const char *name, WCHAR to[WFS_COMPONENT_UNITS + 1])
{
	int error = 0;
	if (name == NULL)
		return EINVAL;
	if (strncmp(name, PREFIX, XATTR_USER_PREFIX_LEN) != 0)
		return EOPNOTSUPP;
	name += XATTR_USER_PREFIX_LEN;
	if (strchr(name, '/') != NULL)
		return EINVAL; /* not even a stream may have it */
	text_to_wide(name, strlen(name), to, &error);
	return error;
}

static int no_data(int error)
{
	return error == ENOENT ? ENODATA : error;
}

/* ---- setting ----------------------------------------------------------------------------------- */

static int write_value(struct bridge *bridge, void *stream, const void *value, uint32_t size)
{
	struct wfs_file_info info;
	ULONG done = 0;
	NTSTATUS status = call_set_file_size(bridge, stream, size, FALSE, &info);
	if (status == STATUS_SUCCESS && size != 0)
		status = call_write(bridge, stream, (void *)value, 0, size, FALSE, FALSE, &done, &info);
	if (status == STATUS_SUCCESS && (done != size || info.file_size != size))
		bridge_odd("Write to a stream: %u bytes of %u, size %llu", done, size,
			   (unsigned long long)info.file_size);
	return text_errno(status);
}

static int set(struct bridge *bridge, struct bridge_node *node, const WCHAR *name, uint32_t flags,
	       const void *value, uint32_t size)
{
	struct wfs_file_info info;
	void *stream;
	int error = driver_open_stream(bridge, node, name, !(flags & XATTR_REPLACE), flags & XATTR_CREATE,
				       &stream, &info);
	if (error != 0)
		return no_data(error);
	error = write_value(bridge, stream, value, size);
	call_cleanup(bridge, stream, NULL,
		     WFS_CLEANUP_SET_ARCHIVE | WFS_CLEANUP_SET_CHANGE_TIME | WFS_CLEANUP_SET_ALLOCATION_SIZE);
	driver_close_stream(bridge, stream);
	return error;
}

int op_setxattr(struct bridge_request *request)
{
	/* The short form of the header: the long one is not asked for. */
	const struct fuse_setxattr_in *in = request->body;
	const char *name = request_string(request, FUSE_COMPAT_SETXATTR_IN_SIZE, 0);
	WCHAR wide[WFS_COMPONENT_UNITS + 1];
	struct bridge_open open;
	int error = stream_name(name, wide);
	if (error != 0)
		return error;
	const char *value = name + strlen(name) + 1;
	if ((size_t)((const char *)request->body + request->body_size - value) < in->size)
		return EINVAL;
	error = driver_open_node(request->bridge, request_node(request), 0, DRIVER_EVERYTHING, &open);
	if (error != 0)
		return error;
	pthread_rwlock_wrlock(&open.node->lock);
	error = set(request->bridge, open.node, wide, in->flags, value, in->size);
	pthread_rwlock_unlock(&open.node->lock);
	driver_close(request->bridge, &open);
	return error;
}

int op_removexattr(struct bridge_request *request)
{
	WCHAR wide[WFS_COMPONENT_UNITS + 1];
	struct bridge_open open;
	int error = stream_name(request_string(request, 0, 0), wide);
	if (error == 0)
		error = driver_open_node(request->bridge, request_node(request), 0, DRIVER_EVERYTHING, &open);
	if (error != 0)
		return error;
	pthread_rwlock_wrlock(&open.node->lock);
	error = no_data(driver_delete_stream(request->bridge, open.node, wide));
	pthread_rwlock_unlock(&open.node->lock);
	driver_close(request->bridge, &open);
	return error;
}

/* ---- asking --------------------------------------------------------------------------------------- */

/* A value, or only its size when there is no room to be filled. */
static int answer_sized(struct bridge_request *request, uint32_t room, size_t size)
{
	struct fuse_getxattr_out *out = request->out;
	if (room != 0 && size > room)
		return ERANGE;
	if (room == 0) {
		memset(out, 0, sizeof *out);
		out->size = (uint32_t)size;
	}
	request->out_size = room == 0 ? sizeof *out : size;
	return 0;
}

static int get(struct bridge_request *request, struct bridge_node *node, const WCHAR *name, uint32_t room)
{
	struct bridge *bridge = request->bridge;
	struct wfs_file_info info;
	void *stream;
	ULONG done = 0;
	int error = driver_open_stream(bridge, node, name, false, false, &stream, &info);
	if (error != 0)
		return no_data(error);
	if (info.file_size > XATTR_SIZE_MAX)
		error = E2BIG;
	if (error == 0 && info.file_size <= room && info.file_size != 0)
		error = text_errno(call_read(bridge, stream, request->out, 0, (ULONG)info.file_size, &done));
	driver_close_stream(bridge, stream);
	if (error == 0 && info.file_size <= room && done != info.file_size)
		bridge_odd("Read of a stream: %u bytes of %llu", done, (unsigned long long)info.file_size);
	return error != 0 ? error : answer_sized(request, room, info.file_size);
}

int op_getxattr(struct bridge_request *request)
{
	const struct fuse_getxattr_in *in = request->body;
	WCHAR wide[WFS_COMPONENT_UNITS + 1];
	struct bridge_open open;
	int error = stream_name(request_string(request, sizeof *in, 0), wide);
	if (error == 0)
		error = driver_open_node(request->bridge, request_node(request), 0, DRIVER_READ_ONLY, &open);
	if (error != 0)
		return error;
	pthread_rwlock_rdlock(&open.node->lock);
	error = get(request, open.node, wide, in->size);
	pthread_rwlock_unlock(&open.node->lock);
	driver_close(request->bridge, &open);
	return error;
}

/* The names in a list of streams, without the main one. Returns their size. */
static size_t names_of(const char *list, ULONG size, char *to, size_t room)
{
	size_t used = 0;
	for (ULONG at = 0; at + sizeof(UINT16) <= size;) {
		const struct wfs_stream_info *entry = (const void *)(list + at);
		char name[BRIDGE_NAME_BYTES];
		if (entry->size == 0)
			break;
		if (entry->size < sizeof *entry || entry->size > size - at) {
			bridge_odd("GetStreamInfo: an entry of %u bytes in %u", entry->size, size - at);
			break;
		}
		size_t units = (entry->size - sizeof *entry) / sizeof(WCHAR);
		size_t bytes = text_from_wide(entry->name, units, name) + 1;
		if (units != 0 && used + XATTR_USER_PREFIX_LEN + bytes <= room) {
			memcpy(to + used, PREFIX, XATTR_USER_PREFIX_LEN);
			memcpy(to + used + XATTR_USER_PREFIX_LEN, name, bytes);
		}
		used += units != 0 ? XATTR_USER_PREFIX_LEN + bytes : 0;
		at += (entry->size + 7u) & ~7u;
	}
	return used;
}

#define STREAMS_BYTES (FUSE_MIN_READ_BUFFER * 8u)

int op_listxattr(struct bridge_request *request)
{
	const struct fuse_getxattr_in *in = request->body;
	struct bridge *bridge = request->bridge;
	struct bridge_open open;
	ULONG size = 0;
	char *list = malloc(STREAMS_BYTES);
	int error = list != NULL ? driver_open_node(bridge, request_node(request), 0, DRIVER_READ_ONLY, &open)
				 : ENOMEM;
	if (error != 0) {
		free(list);
		return error;
	}
	pthread_rwlock_rdlock(&open.node->lock);
	NTSTATUS status = call_get_stream_info(bridge, open.context, list, STREAMS_BYTES, &size);
	pthread_rwlock_unlock(&open.node->lock);
	driver_close(bridge, &open);
	error = text_errno(status);
	if (error == 0)
		error = answer_sized(request, in->size, names_of(list, size, request->out, BRIDGE_DATA_MAX));
	free(list);
	return error;
}
