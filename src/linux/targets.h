/*
 * targets: where links point, as Linux reads them. Windows's absolute targets are places in this
 * volume: \??\X:\dir, X:\dir and \dir lead to dir below the mount point, whatever the letter.
 */
#ifndef MEMEFS_LINUX_TARGETS_H
#define MEMEFS_LINUX_TARGETS_H

#include "front.h"

#define TARGET_MOST 4095u /* the longest that Linux takes */

/* The target of a link, no terminator. MFS_INVALID: the node is none; MFS_BUFFER_TOO_SMALL: over TARGET_MOST,
 * *size the size. */
enum mfs_status targets_read(struct front *front, struct mfs_node *node, char to[TARGET_MOST], size_t *size);

/* What stat(2) shows of a link: the size that targets_read gives, and no permission bits of its own. */
void targets_info(struct front *front, struct mfs_node *node, struct mfs_info *info);

#endif
