/*
 * volume: what df and --status show.
 */
#include "front.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "backing.h"
#include "rings.h"
#include "serving.h"

#define BLOCK_SIZE 4096u
#define SETTLE_BUSY 40	 /* looks, while ever more requests come */
#define SETTLE_MOST 2500 /* looks in all: freeing a large file takes its time */
#define SETTLE_NANOSECONDS 20000
/* Looks that show nothing before it is believed: a thread that has read a request may not have come to count
 * it; and nobody sees what waits in another processor's ring. */
#define SETTLE_SEEN 8
#define SETTLE_UNSEEN 40

/* What was deleted and closed before is not to show any more. The kernel hands out requests before
 * what it forgets, so this waits until its queue is empty and other threads are done with what was
 * in it; under load, when the queue is never empty, only for a moment. */
static void settle(struct front *front, int enough)
{
	struct pollfd queue = {.fd = fuse_session_fd(front->session), .events = POLLIN};
	const struct timespec pause = {.tv_nsec = SETTLE_NANOSECONDS};
	int quiet = 0, busy = 0;

	for (int round = 0; round < SETTLE_MOST && busy < SETTLE_BUSY && quiet < enough; round++) {
		if (poll(&queue, 1, 0) != 0)
			busy++, quiet = 0;
		else if (atomic_load_explicit(&front->settling, memory_order_acquire) == 0)
			quiet++;
		else
			quiet = 0;
		if (quiet && !front->rings)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
}

/* Waits in a request, when threads are left that handle what is waited for; or anyway. A thread that takes
 * requests from a ring of its own is missed by that ring, so only one may wait. */
static bool wait_for_others(struct front *front, int enough, bool anyway)
{
	unsigned waiting = atomic_fetch_add(&front->waiting, 1) + 1;
	bool others = front->rings ? waiting == 1 : serving_help(front->serving, waiting);

	if (others || anyway)
		settle(front, enough);
	atomic_fetch_sub(&front->waiting, 1);
	if ((others || anyway) && front->backing)
		backing_settle(front->backing);
	return others;
}

bool volume_gives(struct front *front)
{
	return wait_for_others(front, front->rings ? SETTLE_UNSEEN : SETTLE_SEEN, false);
}

void volume_statfs(fuse_req_t req, fuse_ino_t number)
{
	struct front *front = front_of(req);
	struct mfs_space space;
	struct statvfs stat = {.f_bsize = BLOCK_SIZE, .f_frsize = BLOCK_SIZE, .f_namemax = MFS_NAME_MAX};

	(void)number;
	wait_for_others(front, SETTLE_SEEN, true);
	mfs_volume_space(front->volume, &space);
	stat.f_blocks = space.total_bytes / BLOCK_SIZE;
	stat.f_bfree = stat.f_bavail = space.free_bytes / BLOCK_SIZE;
	stat.f_files = space.total_nodes;
	stat.f_ffree = stat.f_favail = space.free_nodes;
	fuse_reply_statfs(req, &stat);
}

static void tell(struct front *front, struct volume_status *status)
{
	struct mfs_space space;
	char label[96];
	size_t label_size = mfs_volume_label(front->volume, label);

	if (front->backing)
		backing_settle(front->backing);
	mfs_volume_space(front->volume, &space);
	snprintf(status->text, sizeof status->text,
		 "label: %.*s\nserial: %08" PRIX32 "\nstore: %s\nio_uring: %s\ncase: %s\nbytes: %" PRIu64
		 "\nbytes used: %" PRIu64 "\nbytes free: %" PRIu64 "\nnodes: %" PRIu64
		 "\nnodes used: %" PRIu64 "\nnodes free: %" PRIu64 "\npid: %d\n",
		 (int)label_size, label, mfs_volume_serial(front->volume),
		 front->backing ? "tmpfs" : "sectors", rings_used(front) ? "yes" : "no",
		 mfs_volume_case_insensitive(front->volume) ? "insensitive" : "sensitive", space.total_bytes,
		 space.used_bytes, space.free_bytes, space.total_nodes, space.used_nodes, space.free_nodes,
		 (int)getpid());
}

/* 0 or an errno. */
static int change(fuse_req_t req, const struct volume_change *to)
{
	struct front *front = front_of(req);
	uid_t user = fuse_req_ctx(req)->uid;
	uint64_t bytes, nodes;

	if (user != 0 && user != front->owner)
		return EPERM;
	if ((to->what & VOLUME_CHANGE_ATIME && to->atime != (uint32_t)front->atime) ||
	    (to->what & VOLUME_CHANGE_DIR_ATIME && !front->no_dir_atime))
		return EOPNOTSUPP;
	mfs_volume_limits(front->volume, &bytes, &nodes);
	if (to->what & VOLUME_CHANGE_BYTES)
		bytes = to->bytes;
	if (to->what & VOLUME_CHANGE_NODES)
		nodes = to->nodes;
	/* What was deleted is not to stand in the way. */
	wait_for_others(front, SETTLE_SEEN, true);
	return mfs_volume_resize(front->volume, bytes, nodes) == MFS_OK ? 0 : EINVAL;
}

void volume_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, void *argument,
		  struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
		  size_t out_size)
{
	struct volume_status status = {{0}};
	struct volume_counts counts;
	struct volume_change wanted;
	int error;

	(void)number;
	(void)argument;
	(void)info;
	(void)flags;
	if (command == VOLUME_STATUS_IOCTL && out_size >= sizeof status) {
		tell(front_of(req), &status);
		fuse_reply_ioctl(req, 0, &status, sizeof status);
	} else if (command == VOLUME_COUNTS_IOCTL && out_size >= sizeof counts) {
		counts_tell(&front_of(req)->counts, counts.text, sizeof counts.text);
		fuse_reply_ioctl(req, 0, &counts, sizeof counts);
	} else if (command == VOLUME_CHANGE_IOCTL && in_size >= sizeof wanted) {
		memcpy(&wanted, in, sizeof wanted);
		error = change(req, &wanted);
		if (error)
			fuse_reply_err(req, error);
		else
			fuse_reply_ioctl(req, 0, NULL, 0);
	} else {
		fuse_reply_err(req, ENOTTY);
	}
}
