/*
 * respell: renaming by case only, on a case-insensitive volume.
 */
#ifndef MEMEFS_LINUX_RESPELL_H
#define MEMEFS_LINUX_RESPELL_H

#include "front.h"

/* A LOOKUP found an entry: true when it comes from a rename that is to change only this entry's spelling,
 * and `name` is the new one. */
bool respell_wanted(fuse_req_t req, struct mfs_node *parent, const char *name);

/* A rename may take the place of this name of a sticky directory: asked where the kernel may have been
 * told that there is none. MFS_OK or MFS_NOT_PERMITTED. */
enum mfs_status respell_may_replace(fuse_req_t req, struct mfs_node *directory, const char *name);

#endif
