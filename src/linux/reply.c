/*
 * reply: from the engine's answers to FUSE's. The one place where a status becomes an errno
 * and where a node becomes what stat(2) shows.
 */
#include "reply.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "access.h"
#include "targets.h"

#define BLOCK_SIZE 4096 /* st_blksize: what suits the page cache */
#define STAT_BLOCK 512	/* the unit of st_blocks */

static const int errnos[MFS_STATUS_COUNT] = {
	[MFS_OK] = 0,
	[MFS_NOT_FOUND] = ENOENT,
	[MFS_PATH_NOT_FOUND] = ENOENT,
	[MFS_EXISTS] = EEXIST,
	[MFS_NOT_DIRECTORY] = ENOTDIR,
	[MFS_IS_DIRECTORY] = EISDIR,
	[MFS_NOT_EMPTY] = ENOTEMPTY,
	[MFS_NO_SPACE] = ENOSPC,
	[MFS_NO_NODES] = ENOSPC,
	[MFS_TOO_BIG] = EFBIG,
	[MFS_NAME_TOO_LONG] = ENAMETOOLONG,
	[MFS_NAME_INVALID] = EILSEQ, /* the kernel sends no empty name: it is not WTF-8 */
	[MFS_INVALID] = EINVAL,
	[MFS_LOOP] = EINVAL,
	[MFS_TOO_MANY_LINKS] = EMLINK,
	[MFS_END_OF_FILE] = ENODATA,
	[MFS_NO_DATA] = ENXIO,
	[MFS_NO_ATTRIBUTE] = ENODATA,
	[MFS_BUFFER_TOO_SMALL] = ERANGE,
	[MFS_TOO_LARGE] = E2BIG,
	[MFS_REPARSE] = ELOOP,
	[MFS_NOT_REPARSE_POINT] = ENODATA,
	[MFS_TAG_INVALID] = EINVAL,
	[MFS_TAG_MISMATCH] = EINVAL,
	[MFS_GUID_MISMATCH] = EINVAL,
	[MFS_REPARSE_INVALID] = EINVAL,
	[MFS_EA_INVALID] = EINVAL,
	[MFS_EA_NAME_INVALID] = EINVAL,
	[MFS_SECURITY_INVALID] = EINVAL,
	[MFS_NOT_PERMITTED] = EPERM,
	[MFS_ACCESS_DENIED] = EACCES,
	[MFS_READ_ONLY] = EROFS,
	[MFS_NOT_SUPPORTED] = EOPNOTSUPP,
};

int reply_errno(enum mfs_status status)
{
	if ((unsigned)status >= MFS_STATUS_COUNT)
		return EIO;
	return status != MFS_OK && !errnos[status] ? EIO : errnos[status];
}

void reply_status(fuse_req_t req, enum mfs_status status)
{
	fuse_reply_err(req, reply_errno(status));
}

static mode_t type_of(enum mfs_kind kind)
{
	static const mode_t types[] = {
		[MFS_FILE] = S_IFREG,	      [MFS_DIRECTORY] = S_IFDIR, [MFS_SYMLINK] = S_IFLNK,
		[MFS_FIFO] = S_IFIFO,	      [MFS_SOCKET] = S_IFSOCK,	 [MFS_CHAR_DEVICE] = S_IFCHR,
		[MFS_BLOCK_DEVICE] = S_IFBLK,
	};

	return types[kind];
}

static struct timespec time_of(struct mfs_time time)
{
	return (struct timespec){.tv_sec = time.seconds, .tv_nsec = time.nanoseconds};
}

void reply_stat(const struct mfs_info *info, struct stat *stat)
{
	memset(stat, 0, sizeof *stat);
	stat->st_ino = info->number;
	stat->st_mode = type_of(info->kind) | info->mode;
	stat->st_nlink = info->links;
	stat->st_uid = info->uid;
	stat->st_gid = info->gid;
	stat->st_rdev = makedev(info->device >> 32, info->device & UINT32_MAX);
	stat->st_size = (off_t)info->size;
	stat->st_blksize = BLOCK_SIZE;
	stat->st_blocks = (blkcnt_t)(info->stored / STAT_BLOCK);
	stat->st_atim = time_of(info->access);
	stat->st_mtim = time_of(info->write);
	stat->st_ctim = time_of(info->change);
}

double reply_valid(const struct front *front, const struct mfs_info *info)
{
	if (info->unseen == MFS_UNSEEN_NOW || info->unseen == MFS_UNSEEN_ALL)
		return 0;
	return info->unseen == MFS_UNSEEN_RARELY && front->attr_timeout > 1 ? 1 : front->attr_timeout;
}

double reply_name_valid(struct front *front, struct mfs_node *directory)
{
	return access_closed(front, directory) ? 0 : front->entry_timeout;
}

bool reply_fill_entry(struct front *front, struct mfs_node *directory, struct mfs_node *node,
		      struct fuse_entry_param *entry)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	targets_info(front, node, &info);
	memset(entry, 0, sizeof *entry);
	entry->ino = front_number(node, info.kind);
	/* The kernel has the root before any lookup, as generation 0. */
	entry->generation = info.number == FUSE_ROOT_ID ? 0 : front->generation;
	entry->entry_timeout = directory ? reply_name_valid(front, directory) : 0;
	entry->attr_timeout = reply_valid(front, &info);
	reply_stat(&info, &entry->attr);
	return info.unseen != MFS_UNSEEN_ALL;
}

void reply_found(fuse_req_t req, struct front *front, struct mfs_node *directory, struct mfs_node *node)
{
	struct fuse_entry_param entry;

	if (!reply_fill_entry(front, directory, node, &entry)) {
		fuse_reply_err(req, ENOMEM);
		mfs_node_drop(front->volume, node);
	} else if (fuse_reply_entry(req, &entry)) {
		mfs_node_drop(front->volume, node);
	}
}

void reply_entry(fuse_req_t req, struct front *front, struct mfs_node *directory, struct mfs_node *node)
{
	struct fuse_entry_param entry;

	reply_fill_entry(front, directory, node, &entry);
	if (fuse_reply_entry(req, &entry))
		mfs_node_drop(front->volume, node);
}

static void reply_info(fuse_req_t req, struct front *front, fuse_ino_t number, struct mfs_node *node,
		       struct mfs_info *info)
{
	struct stat stat;

	if (front_stale(number, info)) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	targets_info(front, node, info);
	reply_stat(info, &stat);
	fuse_reply_attr(req, &stat, reply_valid(front, info));
}

void reply_attributes(fuse_req_t req, struct front *front, fuse_ino_t number, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	if (info.unseen == MFS_UNSEEN_ALL)
		fuse_reply_err(req, ENOMEM); /* the kernel would take an old size for the file's */
	else
		reply_info(req, front, number, node, &info);
}

void reply_known(fuse_req_t req, struct front *front, fuse_ino_t number, struct mfs_node *node)
{
	struct mfs_info info;

	/* Also when it could not be looked at: what was asked for is done. The kernel is to ask again. */
	mfs_node_known(front->volume, node, &info);
	reply_info(req, front, number, node, &info);
}
