/*
 * flags: what the attributes of chattr(1) forbid. The kernel's FUSE does not know them, so every
 * operation asks here.
 */
#ifndef MEMEFS_LINUX_FLAGS_H
#define MEMEFS_LINUX_FLAGS_H

#include "front.h"

/* Each answers MFS_OK or MFS_NOT_PERMITTED (EPERM). */

/* A name may come into the directory. */
enum mfs_status flags_may_add(const struct mfs_node *directory);
/* This name of the directory may go, or be moved or replaced. A name that is not there is another's
 * concern: MFS_OK. */
enum mfs_status flags_may_take(struct front *front, struct mfs_node *directory, const char *name);
/* The node may get another name. */
enum mfs_status flags_may_link(const struct mfs_node *node);
/* The node's owner, mode, times and attributes may be set. */
enum mfs_status flags_may_set(const struct mfs_node *node);
/* What a SETATTR request asks for (FUSE_SET_ATTR_...) may be done. */
enum mfs_status flags_may_setattr(const struct mfs_node *node, int what);
/* The file may be opened with these flags (open(2)). */
enum mfs_status flags_may_open(const struct mfs_node *node, int how);
/* Data may be written from this offset on; `mapped`: by a shared mapping. */
enum mfs_status flags_may_write(struct front *front, struct mfs_stream *stream, uint64_t offset, bool mapped);
/* fallocate(2) may act in this mode. */
enum mfs_status flags_may_allocate(const struct mfs_node *node, int mode);

/* What a new node takes over from its directory. */
uint32_t flags_inherited(uint32_t directory);

/* FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR and FSSETXATTR; false: the command is none of these. */
bool flags_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, const void *in, size_t in_size,
		 size_t out_size);

#endif
