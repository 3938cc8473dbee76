/*
 * access: permissions. The kernel checks them (default_permissions) where several users may enter. A mount
 * that only its owner may enter (front.checks) is checked here instead: the kernel's check asks for the
 * attributes of a directory anew after each change in it, which is a third of what a change costs.
 *
 * What the kernel walks by itself is what it has cached: names. So no name may be cached in a directory that
 * the owner could be kept out of (access_closed); the kernel then asks each time, and is answered by who
 * asks. Everything else it asks for anyway.
 *
 * Each function that has a status answers MFS_OK, or MFS_ACCESS_DENIED (EACCES) or MFS_NOT_PERMITTED
 * (EPERM), as the kernel's own checks would; where the kernel checks, always MFS_OK.
 */
#ifndef MEMEFS_LINUX_ACCESS_H
#define MEMEFS_LINUX_ACCESS_H

#include "front.h"

#define ACCESS_EXEC 1u
#define ACCESS_WRITE 2u
#define ACCESS_READ 4u
#define ACCESS_CHANGE (ACCESS_WRITE | ACCESS_EXEC) /* names of a directory may come and go */

/* Whether the caller may, whoever checks otherwise. */
bool access_allows(fuse_req_t req, struct front *front, struct mfs_node *node, unsigned what);
enum mfs_status access_may(fuse_req_t req, struct front *front, struct mfs_node *node, unsigned what);
/* An open with these flags (open(2)). */
enum mfs_status access_may_open(fuse_req_t req, struct front *front, struct mfs_node *node, int flags);
/* What a SETATTR request asks for (FUSE_SET_ATTR_...). */
enum mfs_status access_may_setattr(fuse_req_t req, struct front *front, struct mfs_node *node,
				   const struct stat *to, int what, bool opened);
/* The same in another directory: a directory's ".." is written, too. */
enum mfs_status access_may_move(fuse_req_t req, struct front *front, struct mfs_node *from, const char *name,
				struct mfs_node *to);

/* The mount's owner, whoever of his processes it is, could be kept from searching this directory. */
bool access_closed(struct front *front, struct mfs_node *directory);

/* The node's permissions were changed, and the answer is not yet sent: makes the kernel forget the names and
 * listings that it must not use by itself any more. */
void access_forget(struct front *front, struct mfs_node *node);

/* A listing was answered: the same. */
void access_forget_listing(struct front *front, struct mfs_node *directory);

#endif
