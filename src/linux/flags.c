/*
 * flags: the attributes of chattr(1) that a memory file system can keep: immutable, append-only, no
 * dump, no access time. They are the ones that tmpfs has; asking for others is EOPNOTSUPP.
 */
#include "flags.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>

#include "privileges.h"
#include "reply.h"

#define FROZEN (MFS_F_IMMUTABLE | MFS_F_APPEND)
#define INHERITED (MFS_F_NODUMP | MFS_F_NOATIME)

static enum mfs_status unless(bool forbidden)
{
	return forbidden ? MFS_NOT_PERMITTED : MFS_OK;
}

/* ---- what they forbid ---------------------------------------------------------------------- */

enum mfs_status flags_may_add(const struct mfs_node *directory)
{
	return unless(mfs_node_flags(directory) & MFS_F_IMMUTABLE);
}

enum mfs_status flags_may_take(struct front *front, struct mfs_node *directory, const char *name)
{
	struct mfs_node *node;
	uint32_t flags;

	if (mfs_node_flags(directory) & FROZEN)
		return MFS_NOT_PERMITTED;
	if (mfs_lookup(front->volume, directory, name, strlen(name), &node) != MFS_OK)
		return MFS_OK;
	flags = mfs_node_flags(node);
	mfs_node_drop(front->volume, node);
	return unless(flags & FROZEN);
}

enum mfs_status flags_may_link(const struct mfs_node *node)
{
	return unless(mfs_node_flags(node) & FROZEN);
}

enum mfs_status flags_may_set(const struct mfs_node *node)
{
	return unless(mfs_node_flags(node) & FROZEN);
}

enum mfs_status flags_may_setattr(const struct mfs_node *node, int what)
{
	const int set = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_SIZE;
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
	const int now = FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
	uint32_t flags = mfs_node_flags(node);

	if (!(flags & FROZEN))
		return MFS_OK;
	/* Touching with the present time needs no more than writing, which append-only allows. */
	if (flags & MFS_F_IMMUTABLE)
		return unless(what & (set | times | now));
	return unless(what & set || (what & times && (what & now) != now));
}

enum mfs_status flags_may_open(const struct mfs_node *node, int how)
{
	uint32_t flags = mfs_node_flags(node);
	bool writes = (how & O_ACCMODE) != O_RDONLY;

	if (flags & MFS_F_IMMUTABLE && (writes || how & O_TRUNC))
		return MFS_NOT_PERMITTED;
	return unless(flags & MFS_F_APPEND && ((writes && !(how & O_APPEND)) || how & O_TRUNC));
}

enum mfs_status flags_may_write(struct front *front, struct mfs_stream *stream, uint64_t offset, bool mapped)
{
	uint32_t flags = mfs_node_flags(mfs_stream_node(stream));
	struct mfs_info info;

	if (!(flags & FROZEN))
		return MFS_OK;
	if (flags & MFS_F_IMMUTABLE)
		return unless(!mapped); /* what was stored before it became immutable comes late */
	mfs_stream_info(front->volume, stream, &info);
	return unless(offset < info.size);
}

enum mfs_status flags_may_allocate(const struct mfs_node *node, int mode)
{
	uint32_t flags = mfs_node_flags(node);

	return unless(flags & MFS_F_IMMUTABLE || (flags & MFS_F_APPEND && mode & ~FALLOC_FL_KEEP_SIZE));
}

uint32_t flags_inherited(uint32_t directory)
{
	return directory & INHERITED;
}

/* ---- getting and setting ---------------------------------------------------------------------- */

/* One attribute: here, in FS_IOC_GETFLAGS, in FS_IOC_FSGETXATTR. */
static const struct {
	uint32_t ours, flag, xflag;
} words[] = {
	{MFS_F_IMMUTABLE, FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE},
	{MFS_F_APPEND, FS_APPEND_FL, FS_XFLAG_APPEND},
	{MFS_F_NODUMP, FS_NODUMP_FL, FS_XFLAG_NODUMP},
	{MFS_F_NOATIME, FS_NOATIME_FL, FS_XFLAG_NOATIME},
};
#define WORDS (sizeof words / sizeof *words)

static void told(uint32_t ours, unsigned *flags, uint32_t *xflags)
{
	*flags = 0;
	*xflags = 0;
	for (size_t i = 0; i < WORDS; i++)
		if (ours & words[i].ours) {
			*flags |= words[i].flag;
			*xflags |= words[i].xflag;
		}
}

static bool take_flags(unsigned flags, uint32_t *ours)
{
	*ours = 0;
	for (size_t i = 0; i < WORDS; i++)
		if (flags & words[i].flag) {
			*ours |= words[i].ours;
			flags &= ~words[i].flag;
		}
	return flags == 0;
}

static bool take_xattr(const struct fsxattr *xattr, uint32_t *ours)
{
	uint32_t xflags = xattr->fsx_xflags;

	*ours = 0;
	for (size_t i = 0; i < WORDS; i++)
		if (xflags & words[i].xflag) {
			*ours |= words[i].ours;
			xflags &= ~words[i].xflag;
		}
	return xflags == 0 && !xattr->fsx_extsize && !xattr->fsx_projid && !xattr->fsx_cowextsize;
}

/* Newer kernels have checked both; older ones hand the command through as it is. */
static bool may_change(fuse_req_t req, const struct mfs_info *info, uint32_t to)
{
	uid_t caller = fuse_req_ctx(req)->uid;

	if ((info->flags ^ to) & FROZEN && !privileges_caller_has(req, CAP_LINUX_IMMUTABLE))
		return false;
	return caller == 0 || caller == info->uid || privileges_caller_has(req, CAP_FOWNER);
}

static void set(fuse_req_t req, struct front *front, struct mfs_node *node, uint32_t to)
{
	const struct mfs_set set = {.what = MFS_SET_FLAGS, .flags = to};
	struct mfs_info info;
	enum mfs_status status = MFS_NOT_PERMITTED;

	mfs_node_info(front->volume, node, &info);
	if (may_change(req, &info, to))
		status = mfs_node_set(front->volume, node, &set);
	if (status == MFS_OK) {
		/* The change time has moved, which the kernel does not expect of an ioctl. */
		fuse_lowlevel_notify_inval_inode(front->session, info.number, -1, 0);
		fuse_reply_ioctl(req, 0, NULL, 0);
	}
	if (status != MFS_OK)
		reply_status(req, status);
}

/* The kernel says FS_IOC_GETFLAGS's size as long, and means int. */
static void act(fuse_req_t req, struct front *front, struct mfs_node *node, unsigned command, const void *in,
		size_t in_size, size_t out_size)
{
	struct fsxattr xattr = {0};
	unsigned flags;
	uint32_t to;
	bool known = false;

	told(mfs_node_flags(node), &flags, &xattr.fsx_xflags);
	if (command == FS_IOC_GETFLAGS && out_size >= sizeof flags) {
		fuse_reply_ioctl(req, 0, &flags, sizeof flags);
	} else if (command == FS_IOC_FSGETXATTR && out_size >= sizeof xattr) {
		fuse_reply_ioctl(req, 0, &xattr, sizeof xattr);
	} else if (command == FS_IOC_SETFLAGS && in_size >= sizeof flags) {
		memcpy(&flags, in, sizeof flags);
		known = take_flags(flags, &to);
	} else if (command == FS_IOC_FSSETXATTR && in_size >= sizeof xattr) {
		memcpy(&xattr, in, sizeof xattr);
		known = take_xattr(&xattr, &to);
	} else {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (command != FS_IOC_SETFLAGS && command != FS_IOC_FSSETXATTR)
		return;
	if (known)
		set(req, front, node, to);
	else
		fuse_reply_err(req, EOPNOTSUPP);
}

bool flags_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, const void *in, size_t in_size,
		 size_t out_size)
{
	struct front *front = front_of(req);
	struct mfs_node *node;

	if (command != FS_IOC_GETFLAGS && command != FS_IOC_SETFLAGS && command != FS_IOC_FSGETXATTR &&
	    command != FS_IOC_FSSETXATTR)
		return false;
	node = front_node(front, number);
	if (node)
		act(req, front, node, command, in, in_size, out_size);
	else
		fuse_reply_err(req, ESTALE);
	mfs_node_drop(front->volume, node);
	return true;
}
