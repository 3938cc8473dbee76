/*
 * colon: named streams as paths, "file:stream", for a mount with -o streams=colon. A ":" in a name then
 * always parts the two; the stream is a regular file with its file's owner and permissions. It is
 * in no listing: listxattr of the file tells its streams (as user.STREAM).
 */
#ifndef MEMEFS_LINUX_COLON_H
#define MEMEFS_LINUX_COLON_H

#include "front.h"

/* Makes front->colon, and operations that know streams and hand everything else on to the plain ones,
 * which must live as long. False: no memory. */
bool colon_attach(struct front *front, const struct fuse_lowlevel_ops *plain, struct fuse_lowlevel_ops *with);
/* What is known of the stream with this node number, as a regular file. False: the number is no stream's. */
bool colon_info(struct front *front, uint64_t number, struct mfs_info *info);
/* Gives everything back; the volume still stands, the session serves no more. */
void colon_free(struct front *front);

#endif
