/*
 * ntfs: what NTFS knows of a node, as extended attributes by ntfs-3g's convention: system.ntfs_attrib,
 * _times, _crtime, _acl, _reparse_data, _ea. They are not listed; whoever can name a file may read
 * them, its owner and CAP_FOWNER may set them.
 */
#ifndef MEMEFS_LINUX_NTFS_H
#define MEMEFS_LINUX_NTFS_H

#include "front.h"

struct ntfs_attribute;

/* The attribute of this name; NULL: none of ours. */
const struct ntfs_attribute *ntfs_find(const char *name);

/* They answer the request. `flags`: XATTR_CREATE, XATTR_REPLACE. */
void ntfs_get(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute, size_t capacity);
void ntfs_set(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute,
	      const char *value, size_t size, int flags);
void ntfs_remove(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute);

#endif
