/*
 * opens: with the tmpfs store every open of a file names its backing file, and the kernel reads, writes and
 * maps that. Only what is written to an append-only file (chattr) is sent to us. The kernel wants all opens
 * of a file alike, so when others have it open by then, its backing file is named all the same.
 *
 * libfuse has words for this from 3.17 on. Before, the answers are put together here, as linux/fuse.h
 * lays them out.
 */
#include "opens.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backing.h"
#include "reply.h"

/* The protocol's, since 7.40; older headers do not have it. */
#define OPEN_PASSTHROUGH (1u << 7)

/* How long a close may take that is under way: looks, in all and while there is no sign of one. */
#define CLOSING_MOST 2500
#define CLOSING_LOOKS 40
#define CLOSING_NANOSECONDS 20000

static bool reads(const struct fuse_file_info *info)
{
	return (info->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct fuse_file_info *info)
{
	return (info->flags & O_ACCMODE) != O_RDONLY;
}

/* Writes must come to us, for a program can take O_APPEND back; and a mapping knows no end to append to. */
static bool must_see_writes(const struct mfs_node *node, const struct fuse_file_info *info)
{
	return writes(info) && mfs_node_flags(node) & MFS_F_APPEND;
}

/* The kernel will write without asking us: what was deleted should have given its room back by then. */
static void make_room(struct front *front)
{
	uint64_t removed = atomic_load_explicit(&front->removed, memory_order_relaxed);

	if (atomic_load_explicit(&front->given, memory_order_relaxed) >= removed)
		return;
	/* Where there is much room, what comes back a moment later is not missed. */
	if (!backing_is_tight(front->backing) || volume_gives(front))
		atomic_store_explicit(&front->given, removed, memory_order_relaxed);
}

/* Before this nobody could change the file unseen, and the kernel may have been told that it need not ask
 * again. */
static void forget_attributes(struct front *front, const struct mfs_node *node)
{
	/* Below 0: attributes only, which never waits. */
	fuse_lowlevel_notify_inval_inode(front->session, front_number(node, MFS_FILE), -1, 0);
}

/* Whether others have it open. A close(2) does not wait until we know: where it came before this open,
 * another thread may still be busy with it. */
static bool is_open(struct front *front, uint64_t file)
{
	const struct timespec pause = {.tv_nsec = CLOSING_NANOSECONDS};

	for (int look = 0; backing_is_open(front->backing, file); look++) {
		bool closing = atomic_load_explicit(&front->settling, memory_order_acquire) > 0;

		if (look >= (closing ? CLOSING_MOST : CLOSING_LOOKS))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int begin(struct front *front, struct mfs_node *node, bool created, struct fuse_file_info *info,
		 int32_t *backing_id)
{
	struct mfs_stream *stream = mfs_main_stream(node);
	uint64_t file = 0;
	int error = 0;

	*backing_id = 0;
	info->fh = (uintptr_t)stream;
	info->noflush = 1;
	if (mfs_stream_opened(front->volume, stream, reads(info), writes(info)) && !created)
		forget_attributes(front, node);
	if (front->backing && writes(info))
		make_room(front);
	if (front->backing)
		error = reply_errno(mfs_stream_backing(front->volume, stream, &file));
	if (!file) {
		info->keep_cache = 1; /* nobody but the kernel changes this file */
	} else {
		info->direct_io = must_see_writes(node, info);
		if (info->direct_io && !is_open(front, file))
			info->fh |= FRONT_UNBACKED;
		else
			error = backing_open(front->backing, file, reads(info), backing_id);
	}
	if (error) {
		mfs_stream_closed(front->volume, stream, reads(info), writes(info));
		mfs_stream_drop(front->volume, stream);
	}
	return error;
}

/* O_TRUNC comes with the open (ATOMIC_O_TRUNC): the kernel sends no truncation of its own. */
static int empty(struct front *front, struct mfs_node *node)
{
	struct mfs_stream *stream = mfs_main_stream(node);
	enum mfs_status status = mfs_set_size(front->volume, stream, 0);

	mfs_stream_drop(front->volume, stream);
	return reply_errno(status);
}

/* There is nothing to lose; such a file needs no backing file in order to be emptied. */
static bool is_empty(struct front *front, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	return !info.size && !info.stored;
}

int opens_begin(struct front *front, struct mfs_node *node, bool created, struct fuse_file_info *info,
		int32_t *backing_id)
{
	bool empties = info->flags & O_TRUNC, early = empties && is_empty(front, node);
	int error = early ? empty(front, node) : 0;

	if (!error)
		error = begin(front, node, created, info, backing_id);
	if (error || !empties || early)
		return error;
	/* Not before: what could not be opened is not emptied either. */
	error = empty(front, node);
	if (error)
		opens_end(front, info);
	return error;
}

void opens_end(struct front *front, struct fuse_file_info *info)
{
	struct mfs_stream *stream = front_stream(info);
	uint64_t file = 0;

	if (front->backing && !(info->fh & FRONT_UNBACKED) &&
	    mfs_stream_backing(front->volume, stream, &file) == MFS_OK && file)
		backing_close(front->backing, file);
	mfs_stream_closed(front->volume, stream, reads(info), writes(info));
	mfs_stream_drop(front->volume, stream);
}

/* ---- answers ------------------------------------------------------------------------------------- */

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)

int opens_reply(fuse_req_t req, const struct fuse_file_info *info, int32_t backing_id)
{
	struct fuse_file_info with = *info;

	with.backing_id = backing_id;
	return fuse_reply_open(req, &with);
}

int opens_reply_create(fuse_req_t req, const struct fuse_entry_param *entry,
		       const struct fuse_file_info *info, int32_t backing_id)
{
	struct fuse_file_info with = *info;

	with.backing_id = backing_id;
	return fuse_reply_create(req, entry, &with);
}

#else

static void fill_open(const struct fuse_file_info *info, int32_t backing_id, struct fuse_open_out *to)
{
	*to = (struct fuse_open_out){.fh = info->fh, .padding = (uint32_t)backing_id};
	to->open_flags = FOPEN_NOFLUSH | (info->direct_io ? FOPEN_DIRECT_IO : 0) | OPEN_PASSTHROUGH;
}

static uint64_t whole(double seconds)
{
	return (uint64_t)seconds;
}

static uint32_t rest(double seconds)
{
	return (uint32_t)((seconds - (double)whole(seconds)) * 1e9);
}

static void fill_entry(const struct fuse_entry_param *entry, struct fuse_entry_out *to)
{
	const struct stat *from = &entry->attr;

	*to = (struct fuse_entry_out){
		.nodeid = entry->ino,
		.generation = entry->generation,
		.entry_valid = whole(entry->entry_timeout),
		.entry_valid_nsec = rest(entry->entry_timeout),
		.attr_valid = whole(entry->attr_timeout),
		.attr_valid_nsec = rest(entry->attr_timeout),
	};
	to->attr = (struct fuse_attr){
		.ino = from->st_ino,
		.size = (uint64_t)from->st_size,
		.blocks = (uint64_t)from->st_blocks,
		.atime = (uint64_t)from->st_atim.tv_sec,
		.mtime = (uint64_t)from->st_mtim.tv_sec,
		.ctime = (uint64_t)from->st_ctim.tv_sec,
		.atimensec = (uint32_t)from->st_atim.tv_nsec,
		.mtimensec = (uint32_t)from->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)from->st_ctim.tv_nsec,
		.mode = from->st_mode,
		.nlink = (uint32_t)from->st_nlink,
		.uid = from->st_uid,
		.gid = from->st_gid,
		.rdev = (uint32_t)from->st_rdev,
		.blksize = (uint32_t)from->st_blksize,
	};
}

int opens_reply(fuse_req_t req, const struct fuse_file_info *info, int32_t backing_id)
{
	struct fuse_open_out open;

	if (!backing_id)
		return fuse_reply_open(req, info);
	fill_open(info, backing_id, &open);
	return fuse_reply_buf(req, (const char *)&open, sizeof open);
}

int opens_reply_create(fuse_req_t req, const struct fuse_entry_param *entry,
		       const struct fuse_file_info *info, int32_t backing_id)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} answer;

	if (!backing_id)
		return fuse_reply_create(req, entry, info);
	fill_entry(entry, &answer.entry);
	fill_open(info, backing_id, &answer.open);
	return fuse_reply_buf(req, (const char *)&answer, sizeof answer);
}

#endif
