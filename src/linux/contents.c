/*
 * contents: a backing file is opened by its number in the tmpfs, and closed again: no descriptor is kept.
 */
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tmpfs.h"

enum mfs_status contents_status(int error)
{
	switch (error) {
	case 0:
		return MFS_OK;
	case EFBIG:
	case EOVERFLOW:
		return MFS_TOO_BIG;
	case ENXIO:
		return MFS_NO_DATA;
	case EINVAL:
		return MFS_INVALID;
	case EOPNOTSUPP:
		return MFS_NOT_SUPPORTED;
	default: /* ENOSPC, ENOMEM, and descriptors or memory that the kernel lacks */
		return MFS_NO_SPACE;
	}
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void tell(const struct stat *stat, struct mfs_backing_info *info)
{
	info->size = (uint64_t)stat->st_size;
	info->stored = (uint64_t)stat->st_blocks * 512;
	info->written = nanoseconds(stat->st_mtim);
	info->accessed = nanoseconds(stat->st_atim);
}

enum mfs_status contents_info(void *context, uint64_t file, struct mfs_backing_info *info)
{
	struct stat stat;

	if (!tmpfs_stat(context, (uint32_t)file, &stat))
		return contents_status(errno);
	tell(&stat, info);
	return MFS_OK;
}

static int open_file(const struct tmpfs *tmpfs, uint64_t number)
{
	return tmpfs_open(tmpfs, (uint32_t)number);
}

/* Closes it, and tells what it is now. */
static enum mfs_status finish(int file, int error, struct mfs_backing_info *info)
{
	struct stat stat;

	info->size = MFS_BACKING_UNSEEN;
	if (!error && !fstat(file, &stat))
		tell(&stat, info);
	close(file);
	return contents_status(error);
}

enum mfs_status contents_read(void *context, uint64_t number, uint64_t offset, void *to, size_t size,
			      size_t *done)
{
	int file = open_file(context, number);
	ssize_t got;

	if (file < 0)
		return contents_status(errno);
	got = offset > INT64_MAX ? 0 : pread(file, to, size, (off_t)offset);
	*done = got > 0 ? (size_t)got : 0;
	got = got < 0 ? errno : 0;
	close(file);
	return contents_status((int)got);
}

enum mfs_status contents_write(void *context, uint64_t number, uint64_t offset, const void *from, size_t size,
			       size_t *done, struct mfs_backing_info *info)
{
	int file = open_file(context, number);
	ssize_t put;

	if (file < 0)
		return contents_status(errno);
	put = pwrite(file, from, size, (off_t)offset);
	*done = put > 0 ? (size_t)put : 0;
	return finish(file, put < 0 ? errno : put == 0 ? ENOSPC : 0, info);
}

enum mfs_status contents_resize(void *context, uint64_t number, uint64_t size, struct mfs_backing_info *info)
{
	int file = open_file(context, number);

	if (file < 0)
		return contents_status(errno);
	return finish(file, ftruncate(file, (off_t)size) ? errno : 0, info);
}

/* Zeros without a mode of the kernel's: room first, so that nothing is lost when there is none. */
static int zero(int file, int keep, off_t offset, off_t size)
{
	if (fallocate(file, keep, offset, size) ||
	    fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size))
		return errno;
	/* The room was there a moment ago; without it the range is a hole, and reads the same. */
	if (fallocate(file, FALLOC_FL_KEEP_SIZE, offset, size))
		errno = 0;
	return 0;
}

enum mfs_status contents_allocate(void *context, uint64_t number, uint64_t offset, uint64_t size,
				  unsigned flags, struct mfs_backing_info *info)
{
	int file = open_file(context, number), error;
	int keep = flags & MFS_FALLOCATE_KEEP_SIZE ? FALLOC_FL_KEEP_SIZE : 0;

	if (file < 0)
		return contents_status(errno);
	if (flags & MFS_FALLOCATE_ZERO)
		error = zero(file, keep, (off_t)offset, (off_t)size);
	else if (flags & (MFS_FALLOCATE_COLLAPSE | MFS_FALLOCATE_INSERT))
		error = EOPNOTSUPP;
	else if (flags & MFS_FALLOCATE_PUNCH)
		error = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
				  (off_t)size)
				? errno
				: 0;
	else
		error = fallocate(file, keep, (off_t)offset, (off_t)size) ? errno : 0;
	return finish(file, error, info);
}

bool contents_reset(void *context, uint64_t file, bool accessed, bool written)
{
	return tmpfs_reset(context, (uint32_t)file, accessed, written);
}

bool contents_now(void *context, int64_t *now)
{
	struct timespec time;

	if (!tmpfs_now(context, &time))
		return false;
	*now = nanoseconds(time);
	return true;
}

enum mfs_status contents_seek(void *context, uint64_t number, uint64_t offset, bool hole, uint64_t *found)
{
	int file = open_file(context, number), error = 0;
	off_t at;

	if (file < 0)
		return contents_status(errno);
	at = lseek(file, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
	if (at < 0)
		error = errno;
	else
		*found = (uint64_t)at;
	close(file);
	return contents_status(error);
}
