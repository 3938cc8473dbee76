/*
 * streams: named streams as the extended attributes user.NAME. A name that NTFS has no stream for
 * (it has a "/", or on a case-insensitive volume is not UTF-8) is an ordinary attribute.
 */
#ifndef MEMEFS_LINUX_STREAMS_H
#define MEMEFS_LINUX_STREAMS_H

#include "front.h"

#define STREAMS_PREFIX "user."
#define STREAMS_NAME_MOST (MFS_NAME_MAX - (sizeof STREAMS_PREFIX - 1)) /* bytes of NAME */

/* The stream's name in an attribute's; NULL: it is no stream. */
const char *streams_name(struct front *front, const char *attribute);

/* What getxattr, setxattr and removexattr mean for a stream. Reads and changes by these are whole: none
 * sees half of another's. get: MFS_BUFFER_TOO_SMALL with the size, which may be beyond 64 KiB. */
enum mfs_status streams_get(struct front *front, struct mfs_node *node, const char *name, void *to,
			    size_t capacity, size_t *size);
enum mfs_status streams_set(struct front *front, struct mfs_node *node, const char *name, const void *value,
			    size_t size, unsigned flags);
enum mfs_status streams_remove(struct front *front, struct mfs_node *node, const char *name);
/* Appends "user.NAME" with a NUL for every stream; *used goes on counting when there is no room. */
void streams_list(struct front *front, struct mfs_node *node, char *to, size_t capacity, size_t *used);

#endif
