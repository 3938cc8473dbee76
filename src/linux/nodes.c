/*
 * nodes: finding nodes, letting go of them, their attributes, and where symlinks point.
 */
#include "front.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#include "access.h"
#include "acl.h"
#include "flags.h"
#include "privileges.h"
#include "reply.h"
#include "respell.h"
#include "targets.h"

/* Both of these names come only from file handles being opened (NFS, open_by_handle_at). */
static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* A handle does not bring a deleted node back that the kernel is about to forget. */
static enum mfs_status lookup_itself(struct front *front, struct mfs_node *node, struct mfs_node **found)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	if (info.links == 0)
		return MFS_NOT_FOUND;
	*found = mfs_node_hold(node);
	return MFS_OK;
}

static enum mfs_status lookup(struct front *front, struct mfs_node *parent, const char *name,
			      struct mfs_node **node)
{
	if (!is_dots(name))
		return mfs_lookup(front->volume, parent, name, strlen(name), node);
	if (name[1])
		return mfs_parent(front->volume, parent, node);
	return lookup_itself(front, parent, node);
}

void nodes_lookup(fuse_req_t req, fuse_ino_t parent_number, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_node *parent = front_node(front, parent_number), *node;
	enum mfs_status status;

	if (!parent) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = is_dots(name) ? MFS_OK : access_may(req, front, parent, ACCESS_EXEC);
	if (status == MFS_OK)
		status = lookup(front, parent, name, &node);
	if (status == MFS_OK && respell_wanted(req, parent, name)) {
		mfs_node_drop(front->volume, node);
		status = MFS_NOT_FOUND;
	}
	if (status == MFS_OK) {
		reply_found(req, front, parent, node);
	} else if (status == MFS_NOT_FOUND && front->negative) {
		/* An entry without a node: the kernel remembers that there is none. */
		struct fuse_entry_param missing = {.entry_timeout = reply_name_valid(front, parent)};

		fuse_reply_entry(req, &missing);
	} else {
		reply_status(req, status);
	}
	mfs_node_drop(front->volume, parent);
}

static void forget(struct front *front, fuse_ino_t number, uint64_t lookups)
{
	struct mfs_node *node = front_node(front, number);

	if (node)
		mfs_node_drop_many(front->volume, node, lookups + 1);
}

void nodes_forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups)
{
	struct front *front = front_of(req);

	forget(front, number, lookups);
	front_settled(front);
	fuse_reply_none(req);
}

void nodes_forget_many(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct front *front = front_of(req);

	for (size_t i = 0; i < count; i++)
		forget(front, forgets[i].ino, forgets[i].nlookup);
	front_settled(front);
	fuse_reply_none(req);
}

void nodes_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);

	(void)info;
	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	reply_attributes(req, front, number, node);
	mfs_node_drop(front->volume, node);
}

/* access(2) and chdir(2), where the kernel leaves permissions to us. */
void nodes_access(fuse_req_t req, fuse_ino_t number, int what)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);

	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	reply_status(req, access_may(req, front, node, (unsigned)what & 7));
	mfs_node_drop(front->volume, node);
}

/* ---- setting ---------------------------------------------------------------------------- */

static struct mfs_time time_of(struct timespec time)
{
	return (struct mfs_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

/* What the request asks of the metadata; the size is apart. */
static void collect(const struct stat *to, int what, struct mfs_set *set)
{
	if (what & FUSE_SET_ATTR_MODE) {
		set->what |= MFS_SET_MODE;
		set->mode = to->st_mode & 07777;
	}
	if (what & FUSE_SET_ATTR_UID) {
		set->what |= MFS_SET_UID;
		set->uid = to->st_uid;
	}
	if (what & FUSE_SET_ATTR_GID) {
		set->what |= MFS_SET_GID;
		set->gid = to->st_gid;
	}
	if (what & FUSE_SET_ATTR_ATIME_NOW) {
		set->what |= MFS_SET_ACCESS_NOW;
	} else if (what & FUSE_SET_ATTR_ATIME) {
		set->what |= MFS_SET_ACCESS;
		set->access = time_of(to->st_atim);
	}
	if (what & FUSE_SET_ATTR_MTIME_NOW) {
		set->what |= MFS_SET_WRITE_NOW;
	} else if (what & FUSE_SET_ATTR_MTIME) {
		set->what |= MFS_SET_WRITE;
		set->write = time_of(to->st_mtim);
	}
	if (what & FUSE_SET_ATTR_CTIME) {
		set->what |= MFS_SET_CHANGE;
		set->change = time_of(to->st_ctim);
	}
}

/* The set-id bits that the kernel leaves to us: a change of owner takes them always, a change of
 * size when the kernel says so, and a request that asks for nothing comes only for their sake (or, with
 * root writing, for that of a security.capability, which is not told apart). */
static void collect_privileges(fuse_req_t req, struct front *front, struct mfs_node *node, int what,
			       struct mfs_set *set)
{
	struct mfs_info info;

	if (set->what & MFS_SET_MODE ||
	    (what && !(what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_KILL_SUID))))
		return;
	mfs_node_info(front->volume, node, &info);
	if (info.kind == MFS_DIRECTORY || !(info.mode & (S_ISUID | S_ISGID)))
		return;
	set->what |= MFS_SET_MODE;
	set->mode = privileges_kept(req, &info);
}

/* A mode that is set by someone outside the group has no set-group-id bit, which the kernel sees to where it
 * checks permissions. */
static void keep_group_bit(fuse_req_t req, struct front *front, struct mfs_node *node, struct mfs_set *set)
{
	struct mfs_owner owner;

	if (!front->checks || !(set->mode & S_ISGID))
		return;
	mfs_node_owner(node, &owner);
	if (!privileges_in_group(req, set->what & MFS_SET_GID ? set->gid : owner.gid))
		set->mode &= ~(uint32_t)S_ISGID;
}

/* A request that asks for nothing is a write's, or chown(2)'s that names neither owner nor group. Who may do
 * neither must not take the set-id bits of somebody's program; but a descriptor that writes may have come
 * from somebody who may. */
static bool may_collect_privileges(fuse_req_t req, struct front *front, struct mfs_node *node, int what)
{
	struct mfs_info info;

	if (what & ~FUSE_SET_ATTR_KILL_SUID)
		return true;
	mfs_node_info(front->volume, node, &info);
	return info.kind == MFS_DIRECTORY || mfs_node_is_written(node) ||
	       privileges_kept(req, &info) == info.mode || fuse_req_ctx(req)->uid == info.uid ||
	       access_allows(req, front, node, ACCESS_WRITE) || privileges_caller_has(req, CAP_FOWNER);
}

static enum mfs_status set_size(struct front *front, struct mfs_node *node, off_t size)
{
	struct mfs_stream *stream;
	enum mfs_status status;

	if (size < 0)
		return MFS_INVALID;
	stream = mfs_main_stream(node);
	status = mfs_set_size(front->volume, stream, (uint64_t)size);
	mfs_stream_drop(front->volume, stream);
	return status;
}

void nodes_setattr(fuse_req_t req, fuse_ino_t number, struct stat *to, int what, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);
	struct mfs_set set = {0};
	enum mfs_status status = MFS_OK;

	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	collect(to, what, &set);
	collect_privileges(req, front, node, what, &set);
	status = access_may_setattr(req, front, node, to, what, info != NULL);
	if (status == MFS_OK && !may_collect_privileges(req, front, node, what))
		status = MFS_NOT_PERMITTED;
	if (status == MFS_OK)
		status = flags_may_setattr(node, what);
	if (status == MFS_OK && what & FUSE_SET_ATTR_MODE)
		keep_group_bit(req, front, node, &set);
	if (status == MFS_OK && what & FUSE_SET_ATTR_MODE)
		status = acl_chmod(front, node, set.mode);
	if (status == MFS_OK && what & FUSE_SET_ATTR_SIZE)
		status = set_size(front, node, to->st_size);
	if (status == MFS_OK && set.what)
		status = mfs_node_set(front->volume, node, &set);
	if (status == MFS_OK && what & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		access_forget(front, node);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (set.what || what & FUSE_SET_ATTR_SIZE)
		reply_known(req, front, number, node);
	else
		reply_attributes(req, front, number, node);
	mfs_node_drop(front->volume, node);
}

void nodes_readlink(fuse_req_t req, fuse_ino_t number)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);
	char target[TARGET_MOST + 1];
	size_t size;
	enum mfs_status status;

	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = targets_read(front, node, target, &size);
	if (status == MFS_OK) {
		front_accessed(front, node);
		target[size] = 0;
		fuse_reply_readlink(req, target);
	} else {
		/* MFS_INVALID: it was a link when the kernel last looked. */
		fuse_reply_err(req, status == MFS_BUFFER_TOO_SMALL ? ENAMETOOLONG
				    : status == MFS_INVALID	   ? ESTALE
								   : reply_errno(status));
	}
	mfs_node_drop(front->volume, node);
}
