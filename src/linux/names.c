/*
 * names: making, linking, removing and renaming the entries of directories.
 */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "access.h"
#include "acl.h"
#include "flags.h"
#include "opens.h"
#include "recent.h"
#include "reply.h"
#include "respell.h"

/* ---- making ------------------------------------------------------------------------------- */

static bool kind_of(mode_t mode, enum mfs_kind *kind)
{
	switch (mode & S_IFMT) {
	case 0: /* mknod(2): no type is a regular file */
	case S_IFREG:
		*kind = MFS_FILE;
		return true;
	case S_IFDIR:
		*kind = MFS_DIRECTORY;
		return true;
	case S_IFLNK:
		*kind = MFS_SYMLINK;
		return true;
	case S_IFIFO:
		*kind = MFS_FIFO;
		return true;
	case S_IFSOCK:
		*kind = MFS_SOCKET;
		return true;
	case S_IFCHR:
		*kind = MFS_CHAR_DEVICE;
		return true;
	case S_IFBLK:
		*kind = MFS_BLOCK_DEVICE;
		return true;
	default:
		return false;
	}
}

/* Owner, group and mode of a new node. A set-group-id directory gives its group, and to
 * directories the bit as well. The kernel has applied the umask. */
static void own(fuse_req_t req, struct front *front, struct mfs_node *parent, mode_t mode,
		struct mfs_new *new)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	struct mfs_info info;

	new->attributes = MFS_A_ARCHIVE; /* as NTFS: it wants to be backed up */
	new->mode = mode & 07777;
	new->uid = caller->uid;
	new->gid = caller->gid;
	mfs_node_info(front->volume, parent, &info);
	new->flags = flags_inherited(info.flags);
	if (!(info.mode & S_ISGID))
		return;
	new->gid = info.gid;
	if (new->kind == MFS_DIRECTORY)
		new->mode |= S_ISGID;
}

static enum mfs_status may_add(fuse_req_t req, struct front *front, struct mfs_node *directory)
{
	enum mfs_status status = access_may(req, front, directory, ACCESS_CHANGE);

	return status == MFS_OK ? flags_may_add(directory) : status;
}

static enum mfs_status may_take(fuse_req_t req, struct front *front, struct mfs_node *directory,
				const char *name)
{
	enum mfs_status status = access_may(req, front, directory, ACCESS_CHANGE);

	return status == MFS_OK ? flags_may_take(front, directory, name) : status;
}

/* What was just made is not to be. */
static void unmake(struct front *front, struct mfs_node *parent, const char *name, struct mfs_node *node)
{
	mfs_unlink(front->volume, parent, name, strlen(name), MFS_REMOVE_ANY, node);
	mfs_node_drop(front->volume, node);
}

/* Makes a node in the directory `parent_number`; `new` has what is the kind's own. */
static enum mfs_status make(fuse_req_t req, struct front *front, fuse_ino_t parent_number, const char *name,
			    mode_t mode, struct mfs_new *new, struct mfs_node **node)
{
	struct mfs_node *parent = front_node(front, parent_number);
	struct acl_inherited inherited;
	enum mfs_status status;

	if (!parent)
		return MFS_NOT_FOUND;
	own(req, front, parent, mode, new);
	status = may_add(req, front, parent);
	if (status == MFS_OK)
		status = acl_inherit(req, parent, new, &inherited);
	if (status == MFS_OK) {
		status = mfs_create(front->volume, parent, name, strlen(name), new, node);
		if (front_again(front, status))
			status = mfs_create(front->volume, parent, name, strlen(name), new, node);
	}
	if (status == MFS_OK) {
		status = acl_bestow(front, *node, &inherited);
		if (status != MFS_OK)
			unmake(front, parent, name, *node);
	}
	mfs_node_drop(front->volume, parent);
	return status;
}

static void make_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			   struct mfs_new *new)
{
	struct front *front = front_of(req);
	struct mfs_node *node;
	enum mfs_status status = make(req, front, parent, name, mode, new, &node);
	struct mfs_node *directory;

	if (status != MFS_OK) {
		reply_status(req, status);
		return;
	}
	directory = front_node(front, parent);
	reply_entry(req, front, directory, node);
	mfs_node_drop(front->volume, directory);
}

void names_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct mfs_new new = {.device = (uint64_t)major(device) << 32 | minor(device)};

	if (!kind_of(mode, &new.kind) || new.kind == MFS_DIRECTORY || new.kind == MFS_SYMLINK) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (new.kind != MFS_CHAR_DEVICE &&new.kind != MFS_BLOCK_DEVICE)
		new.device = 0;
	make_and_reply(req, parent, name, mode, &new);
}

void names_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct mfs_new new = {.kind = MFS_DIRECTORY};

	make_and_reply(req, parent, name, mode, &new);
}

void names_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct mfs_new new = {.kind = MFS_SYMLINK, .target = target, .target_size = strlen(target)};

	make_and_reply(req, parent, name, 0777, &new);
}

/* Answers with a node and an open file of it; the caller's reference becomes the kernel's lookup. An errno:
 * it could not be opened, nothing was answered. */
static int reply_create(fuse_req_t req, struct front *front, fuse_ino_t parent, struct mfs_node *node,
			bool created, struct fuse_file_info *info)
{
	struct mfs_node *directory = front_node(front, parent);
	bool empties = info->flags & O_TRUNC;
	struct fuse_entry_param entry;
	int32_t backing_id;
	int error;

	/* An open file has to be looked at, a new one has not. */
	if (!empties)
		reply_fill_entry(front, directory, node, &entry);
	error = opens_begin(front, node, created, info, &backing_id);
	if (!error && empties)
		reply_fill_entry(front, directory, node, &entry);
	mfs_node_drop(front->volume, directory);
	if (error)
		return error;
	if (front->backing && (info->flags & O_ACCMODE) == O_RDWR)
		entry.attr_timeout = 0; /* it may be mapped */
	if (opens_reply_create(req, &entry, info, backing_id)) {
		opens_end(front, info);
		mfs_node_drop(front->volume, node);
	}
	return 0;
}

/* O_CREAT without O_EXCL on a name that the kernel had not seen: open what is there. */
static void open_existing(fuse_req_t req, struct front *front, fuse_ino_t parent_number, const char *name,
			  struct fuse_file_info *info)
{
	struct mfs_node *parent = front_node(front, parent_number), *node = NULL;
	enum mfs_status status = MFS_NOT_FOUND;
	int error;

	if (parent)
		status = access_may(req, front, parent, ACCESS_EXEC);
	if (parent && status == MFS_OK)
		status = mfs_lookup(front->volume, parent, name, strlen(name), &node);
	mfs_node_drop(front->volume, parent);
	if (status == MFS_OK)
		status = access_may_open(req, front, node, info->flags);
	if (status == MFS_OK)
		status = flags_may_open(node, info->flags);
	error = status == MFS_OK ? reply_create(req, front, parent_number, node, false, info)
				 : reply_errno(status);
	if (error) {
		mfs_node_drop(front->volume, node);
		fuse_reply_err(req, error);
	}
}

/* A file that could not be opened was not made either. */
static void open_new(fuse_req_t req, struct front *front, fuse_ino_t parent_number, const char *name,
		     struct mfs_node *node, struct fuse_file_info *info)
{
	struct mfs_node *parent;
	int error;

	info->flags &= ~O_TRUNC; /* there is nothing in it */
	error = reply_create(req, front, parent_number, node, true, info);
	if (!error)
		return;
	parent = front_node(front, parent_number);
	if (parent && name)
		unmake(front, parent, name, node);
	else
		mfs_node_drop(front->volume, node);
	mfs_node_drop(front->volume, parent);
	fuse_reply_err(req, error);
}

void names_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_new new = {.kind = MFS_FILE, .backed = true};
	struct mfs_node *node;
	enum mfs_status status;

	if (!strcmp(name, RECENT_NAMELESS)) {
		names_tmpfile(req, parent, mode, info);
		return;
	}
	status = make(req, front, parent, name, mode, &new, &node);
	if (status == MFS_OK)
		open_new(req, front, parent, name, node, info);
	else if (status == MFS_EXISTS && !(info->flags & O_EXCL))
		open_existing(req, front, parent, name, info);
	else
		reply_status(req, status);
}

void names_tmpfile(fuse_req_t req, fuse_ino_t parent_number, mode_t mode, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_node *parent = front_node(front, parent_number), *node;
	struct mfs_new new = {.kind = MFS_FILE, .backed = true};
	struct acl_inherited inherited;
	enum mfs_status status;

	if (!parent) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	own(req, front, parent, mode, &new);
	status = may_add(req, front, parent);
	if (status == MFS_OK)
		status = acl_inherit(req, parent, &new, &inherited);
	mfs_node_drop(front->volume, parent);
	if (status == MFS_OK) {
		status = mfs_create_nameless(front->volume, &new, &node);
		if (front_again(front, status))
			status = mfs_create_nameless(front->volume, &new, &node);
	}
	if (status == MFS_OK) {
		status = acl_bestow(front, node, &inherited);
		if (status != MFS_OK)
			mfs_node_drop(front->volume, node);
	}
	if (status == MFS_OK)
		open_new(req, front, parent_number, NULL, node, info);
	else
		reply_status(req, status);
}

/* ---- linking and removing ----------------------------------------------------------------- */

void names_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent_number, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number), *parent = front_node(front, parent_number);
	enum mfs_status status = MFS_NOT_FOUND;

	if (node && parent)
		status = flags_may_link(node) != MFS_OK ? MFS_NOT_PERMITTED : may_add(req, front, parent);
	if (node && parent && status == MFS_OK) {
		status = mfs_link(front->volume, node, parent, name, strlen(name));
		if (front_again(front, status))
			status = mfs_link(front->volume, node, parent, name, strlen(name));
	}
	if (status == MFS_OK) {
		reply_entry(req, front, parent, node);
	} else {
		mfs_node_drop(front->volume, node);
		reply_status(req, status);
	}
	mfs_node_drop(front->volume, parent);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent_number, const char *name, enum mfs_remove kind)
{
	struct front *front = front_of(req);
	struct mfs_node *parent = front_node(front, parent_number);
	enum mfs_status status = MFS_NOT_FOUND;

	if (parent)
		status = may_take(req, front, parent, name);
	if (parent && status == MFS_OK)
		status = mfs_unlink(front->volume, parent, name, strlen(name), kind, NULL);
	if (status == MFS_OK)
		atomic_fetch_add_explicit(&front->removed, 1, memory_order_relaxed);
	mfs_node_drop(front->volume, parent);
	reply_status(req, status);
}

void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, MFS_REMOVE_FILE);
}

void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, MFS_REMOVE_DIRECTORY);
}

/* ---- renaming ------------------------------------------------------------------------------ */

static bool rename_flags(unsigned flags, unsigned *to)
{
	switch (flags) {
	case 0:
		*to = MFS_RENAME_REPLACE;
		return true;
	case RENAME_NOREPLACE:
		*to = 0;
		return true;
	case RENAME_EXCHANGE:
		*to = MFS_RENAME_EXCHANGE;
		return true;
	case RENAME_WHITEOUT:
		*to = MFS_RENAME_REPLACE | MFS_RENAME_WHITEOUT;
		return true;
	case RENAME_WHITEOUT | RENAME_NOREPLACE:
		*to = MFS_RENAME_WHITEOUT;
		return true;
	default:
		return false;
	}
}

/* What chattr(1) has to say: the old name goes, and a new one comes, maybe in another's place. */
static enum mfs_status may_move(fuse_req_t req, struct front *front, struct mfs_node *from,
				const char *from_name, struct mfs_node *to, const char *to_name)
{
	struct mfs_node *victim;
	enum mfs_status status = may_take(req, front, from, from_name);

	if (status == MFS_OK)
		status = access_may_move(req, front, from, from_name, to);
	if (status == MFS_OK)
		status = may_add(req, front, to);
	if (status != MFS_OK || mfs_lookup(front->volume, to, to_name, strlen(to_name), &victim) != MFS_OK)
		return status;
	mfs_node_drop(front->volume, victim);
	return flags_may_take(front, to, to_name);
}

void names_rename(fuse_req_t req, fuse_ino_t from_number, const char *from_name, fuse_ino_t to_number,
		  const char *to_name, unsigned flags)
{
	struct front *front = front_of(req);
	struct mfs_new whiteout = {.kind = MFS_CHAR_DEVICE};
	struct mfs_node *from, *to;
	enum mfs_status status = MFS_NOT_FOUND;
	unsigned how;

	if (!rename_flags(flags, &how)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	from = front_node(front, from_number);
	to = front_node(front, to_number);
	if (from && to)
		status = may_move(req, front, from, from_name, to, to_name);
	if (from && to && status == MFS_OK && how & MFS_RENAME_EXCHANGE)
		status = access_may_move(req, front, to, to_name, from);
	if (from && to && status == MFS_OK)
		status = respell_may_replace(req, to, to_name);
	if (from && to && status == MFS_OK) {
		if (how & MFS_RENAME_WHITEOUT)
			own(req, front, from, 0, &whiteout); /* it is the caller's, as any new node */
		status = mfs_rename_whiteout(front->volume, from, from_name, strlen(from_name), to, to_name,
					     strlen(to_name), how, NULL, &whiteout);
		if (front_again(front, status))
			status = mfs_rename_whiteout(front->volume, from, from_name, strlen(from_name), to,
						     to_name, strlen(to_name), how, NULL, &whiteout);
	}
	if (status == MFS_OK)
		atomic_fetch_add_explicit(&front->removed, 1, memory_order_relaxed); /* maybe */
	mfs_node_drop(front->volume, from);
	mfs_node_drop(front->volume, to);
	reply_status(req, status);
}
