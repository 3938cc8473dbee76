/*
 * xattrs: extended attributes. user.* are the node's named streams (streams.c), trusted.* and
 * security.* are kept by their full name; who may touch which is the kernel's to check. Of system.*
 * there is what ntfs.c has.
 */
#include "front.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "access.h"
#include "acl.h"
#include "flags.h"
#include "ntfs.h"
#include "privileges.h"
#include "reply.h"
#include "streams.h"

#define SMALL_VALUE 512u /* bytes of a value that need no allocation */

static const char trusted[] = "trusted.";

/* 0, or the errno for a name that is not stored here. */
static int check_name(const char *name)
{
	static const char *const spaces[] = {"user.", trusted, "security."};

	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		size_t size = strlen(spaces[i]);

		if (!strncmp(name, spaces[i], size))
			return name[size] ? 0 : EINVAL;
	}
	return ntfs_find(name) || acl_is_name(name) ? 0 : EOPNOTSUPP;
}

/* Answers what can be answered without the node; true when it was. ENOSYS makes the kernel stop
 * asking for the life of the mount. */
static bool refused(fuse_req_t req, const char *name)
{
	int error = front_of(req)->noxattr ? ENOSYS : name ? check_name(name) : 0;

	if (error)
		fuse_reply_err(req, error);
	return error != 0;
}

/* Where the kernel leaves permissions to us, user.* need them as data do; the other names' rules hold always.
 */
static enum mfs_status may_touch(fuse_req_t req, struct front *front, struct mfs_node *node, const char *name,
				 unsigned what)
{
	return strncmp(name, STREAMS_PREFIX, sizeof STREAMS_PREFIX - 1) ? MFS_OK
									: access_may(req, front, node, what);
}

/* A changed ACL may close a directory to whom it was open. */
static void reply_acl(fuse_req_t req, struct front *front, struct mfs_node *node, enum mfs_status status)
{
	if (status == MFS_OK)
		access_forget(front, node);
	reply_status(req, status);
}

/* A value (or list) of `size` bytes for a caller that has room for `capacity`; 0 asks the size. */
static void reply_value(fuse_req_t req, const void *value, size_t size, size_t capacity)
{
	if (!capacity)
		fuse_reply_xattr(req, size);
	else if (size > capacity)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, size);
}

static void get_value(fuse_req_t req, struct front *front, struct mfs_node *node, const char *name,
		      size_t capacity)
{
	char small[SMALL_VALUE], *value = small;
	size_t room = capacity < MFS_XATTR_MAX ? capacity : MFS_XATTR_MAX, size = 0;
	const char *stream;
	enum mfs_status status;

	if (room > sizeof small)
		value = malloc(room);
	if (!value) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	stream = streams_name(front, name);
	status = stream ? streams_get(front, node, stream, value, room, &size)
			: mfs_xattr_get(front->volume, node, name, strlen(name), value, room, &size);
	if (status == MFS_OK || (status == MFS_BUFFER_TOO_SMALL && !capacity))
		reply_value(req, value, size, capacity);
	else
		reply_status(req, status);
	if (value != small)
		front_wipe(value, size < room ? size : room);
	else
		explicit_bzero(small, room);
}

void xattrs_get(fuse_req_t req, fuse_ino_t number, const char *name, size_t size)
{
	struct front *front = front_of(req);
	const struct ntfs_attribute *ntfs;
	struct mfs_node *node;
	enum mfs_status status;

	if (refused(req, name))
		return;
	node = front_node(front, number);
	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	ntfs = ntfs_find(name);
	status = may_touch(req, front, node, name, ACCESS_READ);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (ntfs)
		ntfs_get(req, node, ntfs, size);
	else
		get_value(req, front, node, name, size);
	mfs_node_drop(front->volume, node);
}

static enum mfs_status set_once(struct front *front, struct mfs_node *node, const char *name,
				const char *value, size_t size, unsigned how)
{
	const char *stream = streams_name(front, name);

	return stream ? streams_set(front, node, stream, value, size, how)
		      : mfs_xattr_set(front->volume, node, name, strlen(name), value, size, how);
}

static enum mfs_status set_value(struct front *front, struct mfs_node *node, const char *name,
				 const char *value, size_t size, unsigned how)
{
	enum mfs_status status = set_once(front, node, name, value, size, how);

	if (front_again(front, status))
		status = set_once(front, node, name, value, size, how);
	return status;
}

void xattrs_set(fuse_req_t req, fuse_ino_t number, const char *name, const char *value, size_t size,
		int flags)
{
	struct front *front = front_of(req);
	const struct ntfs_attribute *ntfs;
	struct mfs_node *node;
	enum mfs_status status;
	unsigned how = (flags & XATTR_CREATE ? MFS_XATTR_CREATE : 0) |
		       (flags & XATTR_REPLACE ? MFS_XATTR_REPLACE : 0);

	if (refused(req, name))
		return;
	node = front_node(front, number);
	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	ntfs = ntfs_find(name);
	status = may_touch(req, front, node, name, ACCESS_WRITE);
	if (status == MFS_OK)
		status = flags_may_set(node);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (acl_is_name(name))
		reply_acl(req, front, node, acl_set(req, node, name, value, size));
	else if (ntfs)
		ntfs_set(req, node, ntfs, value, size, flags);
	else
		reply_status(req, set_value(front, node, name, value, size, how));
	mfs_node_drop(front->volume, node);
}

void xattrs_remove(fuse_req_t req, fuse_ino_t number, const char *name)
{
	struct front *front = front_of(req);
	const struct ntfs_attribute *ntfs;
	const char *stream;
	struct mfs_node *node;
	enum mfs_status status;

	if (refused(req, name))
		return;
	node = front_node(front, number);
	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	ntfs = ntfs_find(name);
	stream = streams_name(front, name);
	status = may_touch(req, front, node, name, ACCESS_WRITE);
	if (status == MFS_OK)
		status = flags_may_set(node);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (acl_is_name(name))
		reply_acl(req, front, node, acl_remove(req, node, name));
	else if (ntfs)
		ntfs_remove(req, node, ntfs);
	else if (stream)
		reply_status(req, streams_remove(front, node, stream));
	else
		reply_status(req, mfs_xattr_remove(front->volume, node, name, strlen(name)));
	mfs_node_drop(front->volume, node);
}

/* Takes the names out that only an administrator may see; returns the size that is left. */
static size_t hide_trusted(fuse_req_t req, char *names, size_t size)
{
	size_t kept = 0, length;
	bool asked = false, visible = false;

	for (size_t at = 0; at < size; at += length) {
		length = strlen(names + at) + 1;
		if (!strncmp(names + at, trusted, sizeof trusted - 1)) {
			if (!asked)
				visible = privileges_caller_has(req, CAP_SYS_ADMIN);
			asked = true;
			if (!visible)
				continue;
		}
		memmove(names + kept, names + at, length);
		kept += length;
	}
	return kept;
}

static enum mfs_status list_names(struct front *front, struct mfs_node *node, char *to, size_t capacity,
				  size_t *size)
{
	enum mfs_status status = mfs_xattr_list(front->volume, node, to, capacity, size);

	if (status != MFS_OK && status != MFS_BUFFER_TOO_SMALL)
		return status;
	streams_list(front, node, to, capacity, size);
	return *size > capacity ? MFS_BUFFER_TOO_SMALL : MFS_OK;
}

void xattrs_list(fuse_req_t req, fuse_ino_t number, size_t capacity)
{
	struct front *front = front_of(req);
	struct mfs_node *node;
	char *names = NULL;
	size_t size = 0;
	enum mfs_status status;

	if (refused(req, NULL))
		return;
	node = front_node(front, number);
	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = list_names(front, node, NULL, 0, &size);
	if (status == MFS_BUFFER_TOO_SMALL) {
		names = malloc(MFS_XATTR_MAX);
		status = names ? list_names(front, node, names, MFS_XATTR_MAX, &size) : MFS_NO_SPACE;
	}
	mfs_node_drop(front->volume, node);
	if (status == MFS_OK)
		reply_value(req, names, names ? hide_trusted(req, names, size) : 0, capacity);
	else
		reply_status(req, status == MFS_BUFFER_TOO_SMALL ? MFS_TOO_LARGE : status);
	front_wipe(names, size < MFS_XATTR_MAX ? size : MFS_XATTR_MAX);
}
