/*
 * reply: from the engine's answers to FUSE's.
 */
#ifndef MEMEFS_LINUX_REPLY_H
#define MEMEFS_LINUX_REPLY_H

#include "front.h"

/* The errno (positive) that a status is told as; 0 for MFS_OK. */
int reply_errno(enum mfs_status status);

/* Answers with a status alone, success included. */
void reply_status(fuse_req_t req, enum mfs_status status);

void reply_stat(const struct mfs_info *info, struct stat *stat);
/* For how many seconds the kernel may believe it. A mapped file changes without the kernel's taking notice.
 */
double reply_valid(const struct front *front, const struct mfs_info *info);

/* For how many seconds the kernel may believe a name in this directory. */
double reply_name_valid(struct front *front, struct mfs_node *directory);
/* Fills an entry for a node in a directory (NULL: no name at all); takes no reference. False: size and times
 * may be old. */
bool reply_fill_entry(struct front *front, struct mfs_node *directory, struct mfs_node *node,
		      struct fuse_entry_param *entry);

/* Answer with a node. The caller's reference becomes the kernel's lookup (or is given back
 * when the kernel did not get the answer). */
void reply_entry(fuse_req_t req, struct front *front, struct mfs_node *directory, struct mfs_node *node);

/* The same for a node that was looked up: refuses when its size is not known. */
void reply_found(fuse_req_t req, struct front *front, struct mfs_node *directory, struct mfs_node *node);

/* Answers with the attributes as they are now of the node that the request had this number for; keeps no
 * reference. */
void reply_attributes(fuse_req_t req, struct front *front, fuse_ino_t number, struct mfs_node *node);
/* The same right after they were set: nothing is looked up again. */
void reply_known(fuse_req_t req, struct front *front, fuse_ino_t number, struct mfs_node *node);
#endif
