/*
 * files: the data of regular files. A handle is a reference to the main stream, so reading and
 * writing look nothing up.
 */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "access.h"
#include "flags.h"
#include "opens.h"
#include "privileges.h"
#include "reply.h"

/* How much one call of the engine copies: locks are held no longer than for a large write. */
#define COPY_STEP (1u << 20)
/* How much one request copies, so that a signal is answered in time; callers go on by themselves. */
#define COPY_MOST (256u << 20)

/* ---- open and close ---------------------------------------------------------------------- */

void files_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);
	enum mfs_status status = MFS_OK;
	int32_t backing_id;
	int error;

	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = access_may_open(req, front, node, info->flags);
	if (status == MFS_OK)
		status = flags_may_open(node, info->flags);
	error = status == MFS_OK ? opens_begin(front, node, false, info, &backing_id) : reply_errno(status);
	if (!error && info->flags & O_TRUNC)
		privileges_written(req, front, node);
	if (error)
		fuse_reply_err(req, error);
	else if (opens_reply(req, info, backing_id))
		opens_end(front, info);
	mfs_node_drop(front->volume, node);
}

void files_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);

	(void)number;
	if ((info->flags & O_ACCMODE) != O_RDONLY)
		mfs_stream_trim(front->volume, front_stream(info));
	opens_end(front, info);
	fuse_reply_err(req, 0);
	front_settled(front); /* after: what was deleted is forgotten by the kernel when it is answered */
}

/* ---- reading and writing ----------------------------------------------------------------- */

/* The kernel copies from the store itself, while the stream is locked against writing. */
static int reply_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	fuse_req_t req = context;
	struct iovec vector[MFS_PIECES];

	if (count <= 1)
		return fuse_reply_buf(req, count ? pieces->data : NULL, bytes);
	for (size_t i = 0; i < count; i++)
		vector[i] = (struct iovec){.iov_base = (void *)(uintptr_t)pieces[i].data,
					   .iov_len = pieces[i].size};
	return fuse_reply_iov(req, vector, (int)count);
}

void files_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_stream *stream = front_stream(info);

	(void)number;
	if (offset < 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (!(info->flags & O_NOATIME))
		front_accessed(front, mfs_stream_node(stream));
	/* Once the answer is sent the file may be closed and the node forgotten, while the
	 * engine still holds its lock. */
	mfs_stream_hold(stream);
	mfs_read_pieces(front->volume, stream, (uint64_t)offset, size, reply_pieces, req);
	mfs_stream_drop(front->volume, stream);
}

/* As much as there is room for, also for what is being given back. */
static enum mfs_status write_all(struct front *front, struct mfs_stream *stream, uint64_t offset,
				 const char *from, size_t size, size_t *done)
{
	enum mfs_status status = mfs_write(front->volume, stream, offset, from, size, 0, done);
	size_t more = 0;

	if (status == MFS_OK && *done == size)
		return MFS_OK;
	if (!front_again(front, status == MFS_OK ? MFS_NO_SPACE : status))
		return status;
	if (mfs_write(front->volume, stream, offset + *done, from + *done, size - *done, 0, &more) == MFS_OK)
		status = MFS_OK;
	*done += more;
	return status;
}

void files_write(fuse_req_t req, fuse_ino_t number, const char *from, size_t size, off_t offset,
		 struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status = MFS_INVALID;
	size_t done = 0;

	(void)number;
	if (offset >= 0)
		status = flags_may_write(front, front_stream(info), (uint64_t)offset, info->writepage);
	if (status == MFS_OK)
		status = write_all(front, front_stream(info), (uint64_t)offset, from, size, &done);
	if (status == MFS_OK)
		fuse_reply_write(req, done);
	else
		reply_status(req, status);
}

/* ---- space --------------------------------------------------------------------------------- */

bool files_fallocate_flags(int mode, unsigned *flags)
{
	switch (mode) {
	case 0:
		*flags = 0;
		return true;
	case FALLOC_FL_KEEP_SIZE:
		*flags = MFS_FALLOCATE_KEEP_SIZE;
		return true;
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
		*flags = MFS_FALLOCATE_PUNCH;
		return true;
	case FALLOC_FL_ZERO_RANGE:
		*flags = MFS_FALLOCATE_ZERO;
		return true;
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		*flags = MFS_FALLOCATE_ZERO | MFS_FALLOCATE_KEEP_SIZE;
		return true;
	case FALLOC_FL_COLLAPSE_RANGE:
		*flags = MFS_FALLOCATE_COLLAPSE;
		return true;
	case FALLOC_FL_INSERT_RANGE:
		*flags = MFS_FALLOCATE_INSERT;
		return true;
	default:
		return false;
	}
}

static enum mfs_status allocate(struct front *front, struct mfs_stream *stream, uint64_t offset,
				uint64_t size, unsigned flags)
{
	enum mfs_status status = mfs_fallocate(front->volume, stream, offset, size, flags);

	if (front_again(front, status))
		status = mfs_fallocate(front->volume, stream, offset, size, flags);
	return status;
}

void files_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t size,
		     struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status = MFS_INVALID;
	unsigned flags;

	(void)number;
	if (!files_fallocate_flags(mode, &flags)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (offset >= 0 && size > 0)
		status = flags_may_allocate(mfs_stream_node(front_stream(info)), mode);
	if (offset >= 0 && size > 0 && status == MFS_OK)
		status = allocate(front, front_stream(info), (uint64_t)offset, (uint64_t)size, flags);
	reply_status(req, status);
}

void files_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_stream *stream = front_stream(info);
	enum mfs_status status = MFS_INVALID;
	uint64_t found = 0;

	(void)number;
	if (offset < 0)
		status = MFS_NO_DATA;
	else if (whence == SEEK_DATA)
		status = mfs_next_data(front->volume, stream, (uint64_t)offset, &found);
	else if (whence == SEEK_HOLE)
		status = mfs_next_hole(front->volume, stream, (uint64_t)offset, &found);
	if (status == MFS_OK)
		fuse_reply_lseek(req, (off_t)found);
	else
		reply_status(req, status);
}

/* ---- copying inside the volume -------------------------------------------------------------- */

void files_copy(fuse_req_t req, fuse_ino_t from_number, off_t from_offset, struct fuse_file_info *from,
		fuse_ino_t to_number, off_t to_offset, struct fuse_file_info *to, size_t size, int flags)
{
	struct front *front = front_of(req);
	enum mfs_status status = MFS_OK;
	uint64_t total = 0;

	(void)from_number;
	(void)to_number;
	if (front->backing) {
		/* From then on the kernel copies from backing file to backing file by itself. */
		fuse_reply_err(req, ENOSYS);
		return;
	}
	if (flags || from_offset < 0 || to_offset < 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	status = flags_may_write(front, front_stream(to), (uint64_t)to_offset, false);
	if (status != MFS_OK) {
		reply_status(req, status);
		return;
	}
	if (size > COPY_MOST)
		size = COPY_MOST;
	while (total < size && !fuse_req_interrupted(req)) {
		uint64_t done = 0, step = size - total < COPY_STEP ? size - total : COPY_STEP;

		status = mfs_copy(front->volume, front_stream(from), (uint64_t)from_offset + total,
				  front_stream(to), (uint64_t)to_offset + total, step, &done);
		if (!done && front_again(front, status))
			status = mfs_copy(front->volume, front_stream(from), (uint64_t)from_offset + total,
					  front_stream(to), (uint64_t)to_offset + total, step, &done);
		total += done;
		if (status != MFS_OK || done < step)
			break;
	}
	if (total || status == MFS_OK || status == MFS_END_OF_FILE)
		fuse_reply_write(req, total);
	else
		reply_status(req, status);
}
