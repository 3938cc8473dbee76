/*
 * privileges: what the caller of a request may do beyond its user's rights, and the
 * set-user-id and set-group-id bits that depend on it.
 */
#ifndef MEMEFS_LINUX_PRIVILEGES_H
#define MEMEFS_LINUX_PRIVILEGES_H

#include "front.h"

/* True when the caller has the capability (CAP_..., linux/capability.h) in our user
 * namespace. A few system calls: for rare cases. False when it can't be known. */
bool privileges_caller_has(fuse_req_t req, unsigned capability);

/* True when it can be known in which groups the caller is. */
bool privileges_known(fuse_req_t req);

/* True when the caller is in the group, as far as that is known. */
bool privileges_is_member(fuse_req_t req, gid_t group);

/* The same, or the caller stands above it (CAP_FSETID). */
bool privileges_in_group(fuse_req_t req, gid_t group);

/* The mode that a regular file keeps after it was written, or its owner changed: without
 * set-user-id, and without set-group-id if the group may execute it or the caller is no
 * member of the file's group. */
uint32_t privileges_kept(fuse_req_t req, const struct mfs_info *info);

/* A file was written: takes its set-id bits unless the caller has CAP_FSETID. Cheap when
 * there are none. */
void privileges_written(fuse_req_t req, struct front *front, struct mfs_node *node);

#endif
