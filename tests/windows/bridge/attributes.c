/*
 * attributes.c: what stat asks and chmod, chown, truncate and utimes set; and the volume.
 */
#include "bridge.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int answer_attr(struct bridge_request *request, struct bridge_open *open)
{
	struct fuse_attr_out *out = request->out;
	memset(out, 0, sizeof *out);
	out->attr_valid = request->bridge->insensitive ? 0 : 1;
	request->out_size = sizeof *out;
	return metadata_attr(request->bridge, open, &out->attr);
}

int op_getattr(struct bridge_request *request)
{
	struct bridge_open open;
	int error = driver_open_node(request->bridge, request_node(request), 0, DRIVER_READ_ONLY, &open);
	if (error != 0)
		return error;
	error = answer_attr(request, &open);
	driver_close(request->bridge, &open);
	return error;
}

/* ---- setting ---------------------------------------------------------------------------------- */

static int set_owner(struct bridge *bridge, void *context, const struct fuse_setattr_in *in)
{
	struct bridge_owner owner;
	struct wfs_file_info info;
	NTSTATUS status = call_get_file_info(bridge, context, &info);
	int error = text_errno(status);
	if (error == 0)
		error = metadata_owner(bridge, context, &info, &owner);
	if (error != 0)
		return error;
	if (in->valid & FATTR_MODE)
		owner.mode = (owner.mode & S_IFMT) | (in->mode & 07777);
	if (in->valid & FATTR_UID)
		owner.uid = in->uid;
	if (in->valid & FATTR_GID)
		owner.gid = in->gid;
	return metadata_set_owner(bridge, context, &owner);
}

static int set_size(struct bridge *bridge, struct bridge_open *open, UINT64 size)
{
	struct wfs_file_info info;
	NTSTATUS status = call_set_file_size(bridge, open->context, size, FALSE, &info);
	if (status == STATUS_SUCCESS && info.file_size != size)
		bridge_odd("SetFileSize: a size of %llu, not %llu", (unsigned long long)info.file_size,
			   (unsigned long long)size);
	if (status == STATUS_SUCCESS)
		open->node->may_trim = true;
	return text_errno(status);
}

/* Zero times are left alone. The change time moves in any case. */
static int set_times(struct bridge *bridge, struct bridge_open *open, const struct fuse_setattr_in *in)
{
	struct bridge_node *node = open->node;
	UINT64 now = time_now(), access = 0, write = node->written;
	struct wfs_file_info info;
	if (in->valid & FATTR_ATIME)
		access = in->valid & FATTR_ATIME_NOW ? now : time_to_nt(in->atime, in->atimensec);
	if (in->valid & FATTR_SIZE)
		write = now;
	if (in->valid & FATTR_MTIME)
		write = in->valid & FATTR_MTIME_NOW ? now : time_to_nt(in->mtime, in->mtimensec);
	if ((in->valid & FATTR_ATIME && access == 0) || (in->valid & FATTR_MTIME && write == 0))
		return EINVAL;
	NTSTATUS status = call_set_times(bridge, open->context, access, write, now, &info);
	if (status != STATUS_SUCCESS)
		return text_errno(status);
	if ((write != 0 && info.last_write_time != write) || (access != 0 && info.last_access_time != access))
		bridge_odd("SetBasicInfo: other times than those that were set");
	node->written = 0;
	node->access_told = in->valid & FATTR_ATIME;
	return 0;
}

static int set(struct bridge *bridge, struct bridge_open *open, const struct fuse_setattr_in *in)
{
	int error = 0;
	pthread_rwlock_wrlock(&open->node->lock);
	if (in->valid & FATTR_SIZE)
		error = set_size(bridge, open, in->size);
	if (error == 0 && in->valid & (FATTR_MODE | FATTR_UID | FATTR_GID))
		error = set_owner(bridge, open->context, in);
	if (error == 0)
		error = set_times(bridge, open, in);
	pthread_rwlock_unlock(&open->node->lock);
	return error;
}

int op_setattr(struct bridge_request *request)
{
	const struct fuse_setattr_in *in = request->body;
	struct bridge *bridge = request->bridge;
	struct bridge_open open;
	int error = driver_open_node(bridge, request_node(request), 0, DRIVER_EVERYTHING, &open);
	if (error != 0)
		return error;
	error = set(bridge, &open, in);
	if (error == 0)
		error = answer_attr(request, &open);
	driver_close(bridge, &open);
	return error;
}

/* ---- the volume --------------------------------------------------------------------------------- */

int op_statfs(struct bridge_request *request)
{
	struct bridge *bridge = request->bridge;
	struct fuse_statfs_out *out = request->out;
	struct wfs_volume_info info;
	NTSTATUS status = call_get_volume_info(bridge, &info);
	if (status != STATUS_SUCCESS)
		return text_errno(status);
	if (info.free_size > info.total_size)
		bridge_odd("GetVolumeInfo: more free than there is");
	memset(out, 0, sizeof *out);
	out->st.bsize = bridge_unit(bridge);
	out->st.frsize = out->st.bsize;
	out->st.blocks = info.total_size / out->st.bsize;
	out->st.bfree = info.free_size / out->st.bsize;
	out->st.bavail = out->st.bfree;
	out->st.namelen = bridge->params.max_component_length;
	request->out_size = sizeof *out;
	return 0;
}

int op_syncfs(struct bridge_request *request)
{
	struct bridge *bridge = request->bridge;
	struct wfs_file_info info;
	return text_errno(call_flush(bridge, NULL, &info));
}
