/*
 * descriptor: the security descriptor that a node has while none was set: what its owner, group and
 * permission bits say, in Windows's words.
 */
#ifndef MEMEFS_LINUX_DESCRIPTOR_H
#define MEMEFS_LINUX_DESCRIPTOR_H

#include <stddef.h>

#include "memefs.h"

#define DESCRIPTOR_MOST 256u /* bytes that one takes at most */

/* Writes it (self-relative) and returns its size. */
size_t descriptor_from_mode(const struct mfs_info *info, void *to);

#endif
