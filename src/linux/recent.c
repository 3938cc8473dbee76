/*
 * recent: O_TMPFILE and birth times for a libfuse that has no words for them. Works on messages as the
 * kernel sends them (linux/fuse.h), of which it trusts no size.
 */
#include "recent.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "colon.h"
#include "reply.h"
#include "targets.h"

/* ---- O_TMPFILE ------------------------------------------------------------------------------------- */

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)

#	define OPCODE_TMPFILE 51

/* The message is that of CREATE, with a name that means nothing. */
static void take_tmpfile(struct fuse_in_header *head, size_t size)
{
	static const char nameless[] = RECENT_NAMELESS;
	char *name = (char *)(head + 1) + sizeof(struct fuse_create_in);

	if (size < sizeof *head + sizeof(struct fuse_create_in) + sizeof nameless)
		return;
	memcpy(name, nameless, sizeof nameless);
	head->opcode = FUSE_CREATE;
}

#else

#	define OPCODE_TMPFILE UINT32_MAX
static void take_tmpfile(struct fuse_in_header *head, size_t size)
{
	(void)head, (void)size;
}

#endif

/* ---- statx -------------------------------------------------------------------------------------------- */

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 18)

#	define OPCODE_STATX 52

/* The protocol's, since 7.39; older headers do not have them. */
struct sx_time {
	int64_t seconds;
	uint32_t nanoseconds, spare;
};

struct sx_answer {
	struct fuse_out_header head;
	uint64_t valid_seconds;
	uint32_t valid_nanoseconds, flags;
	uint64_t spare[2];
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare_mode;
	uint64_t ino, size, blocks, attributes_mask;
	struct sx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare_end[14];
};

static struct sx_time sx_time_of(struct timespec time)
{
	return (struct sx_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

/* `valid`: for how many seconds. */
static void fill(const struct mfs_info *info, double valid, struct sx_answer *answer)
{
	struct stat stat;

	reply_stat(info, &stat);
	answer->valid_seconds = (uint64_t)valid;
	answer->valid_nanoseconds = (uint32_t)((valid - (double)answer->valid_seconds) * 1000000000.0);
	answer->mask = STATX_BASIC_STATS | STATX_BTIME;
	answer->blksize = (uint32_t)stat.st_blksize;
	answer->nlink = (uint32_t)stat.st_nlink;
	answer->uid = stat.st_uid;
	answer->gid = stat.st_gid;
	answer->mode = (uint16_t)stat.st_mode;
	answer->ino = stat.st_ino;
	answer->size = (uint64_t)stat.st_size;
	answer->blocks = (uint64_t)stat.st_blocks;
	answer->atime = sx_time_of(stat.st_atim);
	answer->mtime = sx_time_of(stat.st_mtim);
	answer->ctime = sx_time_of(stat.st_ctim);
	answer->btime.seconds = info->birth.seconds;
	answer->btime.nanoseconds = info->birth.nanoseconds;
	answer->rdev_major = major(stat.st_rdev);
	answer->rdev_minor = minor(stat.st_rdev);
}

/* False: the node is gone, or is not what the kernel takes it for. */
static bool node_info(struct front *front, uint64_t number, struct mfs_info *info)
{
	struct mfs_node *node = front_node(front, number);
	bool good;

	if (!node)
		return false;
	mfs_node_info(front->volume, node, info);
	good = !front_stale(number, info);
	targets_info(front, node, info);
	mfs_node_drop(front->volume, node);
	return good;
}

static void answer_statx(struct front *front, int fd, const struct fuse_in_header *head)
{
	struct sx_answer answer = {.head = {.len = sizeof answer, .unique = head->unique}};
	struct mfs_info info;

	if (colon_info(front, head->nodeid, &info)) {
		fill(&info, 0, &answer);
	} else if (node_info(front, head->nodeid, &info)) {
		fill(&info, front->attr_timeout, &answer);
	} else {
		answer.head.len = sizeof answer.head;
		answer.head.error = -ESTALE;
	}
	/* Fails only when the request was interrupted or the mount is gone: nobody waits then. */
	while (write(fd, &answer, answer.head.len) < 0 && errno == EINTR)
		;
}

#else

#	define OPCODE_STATX UINT32_MAX
static void answer_statx(struct front *front, int fd, const struct fuse_in_header *head)
{
	(void)front, (void)fd, (void)head;
}

#endif

bool recent_take(struct front *front, int fd, void *message, size_t size)
{
	struct fuse_in_header *head = message;

	if (size < sizeof *head)
		return false;
	if (head->opcode == OPCODE_TMPFILE)
		take_tmpfile(head, size);
	if (head->opcode != OPCODE_STATX)
		return false;
	answer_statx(front, fd, head);
	return true;
}
