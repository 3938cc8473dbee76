/*
 * recent: requests that the kernel sends and that libfuse before 3.17 (O_TMPFILE) and 3.18 (statx) does
 * not know.
 */
#ifndef MEMEFS_LINUX_RECENT_H
#define MEMEFS_LINUX_RECENT_H

#include "front.h"

/* Looks at a message from the kernel before libfuse gets it. TMPFILE is turned into a CREATE of
 * RECENT_NAMELESS; STATX is answered at once, which is when this says true: the message is used up. */
bool recent_take(struct front *front, int fd, void *message, size_t size);

/* No name of a file: the kernel never sends it by itself. */
#define RECENT_NAMELESS "/"

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
void recent_statx(fuse_req_t req, fuse_ino_t number, int flags, int mask, struct fuse_file_info *info);
#endif

#endif
