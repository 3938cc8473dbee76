/*
 * opens: how an opened file is answered: by the daemon's own reads and writes, or, with the tmpfs store, by
 * the kernel itself (passthrough).
 */
#ifndef MEMEFS_LINUX_OPENS_H
#define MEMEFS_LINUX_OPENS_H

#include "front.h"

/* Opens the main stream of a node as info->flags ask for: fills info, and takes a reference to the node,
 * which opens_end gives back. `created`: the kernel does not know it yet. 0 or an errno. */
int opens_begin(struct front *front, struct mfs_node *node, bool created, struct fuse_file_info *info,
		int32_t *backing_id);
void opens_end(struct front *front, struct fuse_file_info *info);

/* Answer an OPEN, or a CREATE, that opens_begin went before. Not 0: the kernel did not take it. */
int opens_reply(fuse_req_t req, const struct fuse_file_info *info, int32_t backing_id);
int opens_reply_create(fuse_req_t req, const struct fuse_entry_param *entry,
		       const struct fuse_file_info *info, int32_t backing_id);

#endif
