/*
 * access: the rules of permission, as path_resolution(7), chmod(2), chown(2) and utimensat(2) have them.
 * Owner bits are looked at first, for nearly every request is by the owner of the node; groups and
 * capabilities are asked of the kernel only when they matter.
 */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#include "acl.h"
#include "privileges.h"

#define FOR_EXEC 0x20 /* in the flags of an open for execve(2); the kernel's own */

/* ---- permission bits ------------------------------------------------------------------------ */

/* What one class of users has: owner 6, group 3, others 0. */
static bool grants(const struct mfs_owner *owner, unsigned shift, unsigned what)
{
	return (owner->mode >> shift & what) == what;
}

static bool bits_allow(fuse_req_t req, const struct mfs_owner *owner, unsigned what)
{
	bool group = grants(owner, 3, what), others = grants(owner, 0, what);

	/* Who is in the group matters only if it makes a difference. */
	if (group == others)
		return group;
	if (privileges_is_member(req, owner->gid))
		return group;
	return others && privileges_known(req);
}

/* What root has in spite of the bits; execution only of what anybody may execute. */
static bool overrides(fuse_req_t req, const struct mfs_node *node, const struct mfs_owner *owner,
		      unsigned what)
{
	bool directory = mfs_node_is_directory(node);

	if (directory && !(what & ACCESS_WRITE) && privileges_caller_has(req, CAP_DAC_READ_SEARCH))
		return true;
	if (!directory && what == ACCESS_READ && privileges_caller_has(req, CAP_DAC_READ_SEARCH))
		return true;
	if (!directory && what & ACCESS_EXEC && !(owner->mode & 0111))
		return false;
	return privileges_caller_has(req, CAP_DAC_OVERRIDE);
}

/* As in the kernel, a list whose mask grants nothing is not looked at. */
static bool has_list(const struct front *front, const struct mfs_owner *owner)
{
	return front->acls && owner->xattrs && owner->mode & 070;
}

bool access_allows(fuse_req_t req, struct front *front, struct mfs_node *node, unsigned what)
{
	struct mfs_owner owner;
	bool listed = false, granted;

	mfs_node_owner(node, &owner);
	if (fuse_req_ctx(req)->uid == owner.uid)
		granted = grants(&owner, 6, what);
	else if (has_list(front, &owner) && acl_allows(req, front, node, &owner, what, &listed))
		return true;
	else if (listed)
		granted = false;
	else
		granted = bits_allow(req, &owner, what);
	return granted || overrides(req, node, &owner, what);
}

enum mfs_status access_may(fuse_req_t req, struct front *front, struct mfs_node *node, unsigned what)
{
	return !front->checks || access_allows(req, front, node, what) ? MFS_OK : MFS_ACCESS_DENIED;
}

/* The mount's owner could be denied it, whatever groups his process is in, and whoever a list names. */
static bool could_be_denied(const struct front *front, struct mfs_node *node, unsigned what)
{
	struct mfs_owner owner;

	mfs_node_owner(node, &owner);
	if (owner.uid == front->owner)
		return !grants(&owner, 6, what);
	return owner.xattrs || !grants(&owner, 3, what) || !grants(&owner, 0, what);
}

bool access_closed(struct front *front, struct mfs_node *directory)
{
	return front->checks && could_be_denied(front, directory, ACCESS_EXEC);
}

void access_forget_listing(struct front *front, struct mfs_node *directory)
{
	/* Takes no lock that somebody waits for us with: a listing is filled in when the answer is there. */
	if (front->checks && could_be_denied(front, directory, ACCESS_READ))
		fuse_lowlevel_notify_inval_inode(front->session, mfs_node_number(directory), 0, 0);
}

void access_forget(struct front *front, struct mfs_node *node)
{
	if (!front->checks || !mfs_node_is_directory(node))
		return;
	if (could_be_denied(front, node, ACCESS_EXEC))
		changed_look_up_again(front);
	access_forget_listing(front, node);
}

/* ---- operations --------------------------------------------------------------------------------- */

enum mfs_status access_may_open(fuse_req_t req, struct front *front, struct mfs_node *node, int flags)
{
	unsigned what = 0;

	if (flags & FOR_EXEC)
		what = ACCESS_EXEC;
	else if ((flags & O_ACCMODE) == O_RDONLY)
		what = ACCESS_READ;
	else
		what = (flags & O_ACCMODE) == O_WRONLY ? ACCESS_WRITE : ACCESS_READ | ACCESS_WRITE;
	if (flags & O_TRUNC)
		what |= ACCESS_WRITE;
	return access_may(req, front, node, what);
}

static bool may_own(fuse_req_t req, const struct mfs_owner *owner, const struct stat *to, int what)
{
	bool mine = fuse_req_ctx(req)->uid == owner->uid;

	if (what & FUSE_SET_ATTR_UID && !(mine && to->st_uid == owner->uid) &&
	    !privileges_caller_has(req, CAP_CHOWN))
		return false;
	return !(what & FUSE_SET_ATTR_GID) ||
	       (mine && (to->st_gid == owner->gid || privileges_is_member(req, to->st_gid))) ||
	       privileges_caller_has(req, CAP_CHOWN);
}

/* The node's owner, or who stands above him. */
static bool is_owner(fuse_req_t req, const struct mfs_owner *owner)
{
	return fuse_req_ctx(req)->uid == owner->uid || privileges_caller_has(req, CAP_FOWNER);
}

enum mfs_status access_may_setattr(fuse_req_t req, struct front *front, struct mfs_node *node,
				   const struct stat *to, int what, bool opened)
{
	const int now = FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
	struct mfs_owner owner;

	if (!front->checks)
		return MFS_OK;
	mfs_node_owner(node, &owner);
	if (what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) && !may_own(req, &owner, to, what))
		return MFS_NOT_PERMITTED;
	if (what & FUSE_SET_ATTR_MODE && !is_owner(req, &owner))
		return MFS_NOT_PERMITTED;
	/* A change of size brings its time along. */
	if (what & FUSE_SET_ATTR_SIZE)
		return opened ? MFS_OK : access_may(req, front, node, ACCESS_WRITE);
	if (!(what & (times | now)) || is_owner(req, &owner))
		return MFS_OK;
	return (what & now) == now ? access_may(req, front, node, ACCESS_WRITE) : MFS_NOT_PERMITTED;
}

enum mfs_status access_may_move(fuse_req_t req, struct front *front, struct mfs_node *from, const char *name,
				struct mfs_node *to)
{
	struct mfs_node *node;
	enum mfs_status status = MFS_OK;

	if (!front->checks || from == to ||
	    mfs_lookup(front->volume, from, name, strlen(name), &node) != MFS_OK)
		return MFS_OK;
	if (mfs_node_is_directory(node))
		status = access_may(req, front, node, ACCESS_WRITE);
	mfs_node_drop(front->volume, node);
	return status;
}
