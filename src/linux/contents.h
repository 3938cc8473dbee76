/*
 * contents: what the engine does to the data of a backing file (struct mfs_backing): reading, changing,
 * looking. The `context` of each begins with the struct tmpfs.
 */
#ifndef MEMEFS_LINUX_CONTENTS_H
#define MEMEFS_LINUX_CONTENTS_H

#include "memefs.h"

/* What an errno of the tmpfs means; MFS_NO_SPACE for whatever the kernel lacks. */
enum mfs_status contents_status(int error);

enum mfs_status contents_info(void *context, uint64_t file, struct mfs_backing_info *info);
enum mfs_status contents_read(void *context, uint64_t file, uint64_t offset, void *to, size_t size,
			      size_t *done);
enum mfs_status contents_write(void *context, uint64_t file, uint64_t offset, const void *from, size_t size,
			       size_t *done, struct mfs_backing_info *info);
enum mfs_status contents_resize(void *context, uint64_t file, uint64_t size, struct mfs_backing_info *info);
enum mfs_status contents_allocate(void *context, uint64_t file, uint64_t offset, uint64_t size,
				  unsigned flags, struct mfs_backing_info *info);
bool contents_reset(void *context, uint64_t file, bool accessed, bool written);
bool contents_now(void *context, int64_t *now);
enum mfs_status contents_seek(void *context, uint64_t file, uint64_t offset, bool hole, uint64_t *found);

#endif
