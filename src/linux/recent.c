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

/* The protocol's numbers; not every linux/fuse.h has them. */
#define OPCODE_TMPFILE 51
#define OPCODE_STATX 52

/* ---- O_TMPFILE ------------------------------------------------------------------------------------- */

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)

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

static void take_tmpfile(struct fuse_in_header *head, size_t size)
{
	(void)head, (void)size;
}

#endif

/* ---- statx -------------------------------------------------------------------------------------------- */

/* What is known of a node, and for how long the kernel may believe it (seconds). 0 or an errno: ESTALE when
 * the node is gone, or is not what the kernel takes it for. */
static int known(struct front *front, fuse_ino_t number, struct mfs_info *info, double *valid)
{
	struct mfs_node *node;
	int error;

	*valid = 0;
	if (colon_info(front, number, info))
		return 0;
	node = front_node(front, number);
	if (!node)
		return ESTALE;
	mfs_node_info(front->volume, node, info);
	error = front_stale(number, info) ? ESTALE : info->unseen == MFS_UNSEEN_ALL ? ENOMEM : 0;
	targets_info(front, node, info);
	mfs_node_drop(front->volume, node);
	*valid = reply_valid(front, info);
	return error;
}

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 18)

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

static void answer_statx(struct front *front, int fd, const struct fuse_in_header *head)
{
	struct sx_answer answer = {.head = {.len = sizeof answer, .unique = head->unique}};
	struct mfs_info info;
	double valid;

	/* libfuse's own check of allow_root does not see this request. */
	if (front->ask_always && head->uid != 0 && head->uid != getuid())
		answer.head.error = -EACCES;
	else
		answer.head.error = -known(front, head->nodeid, &info, &valid);
	if (answer.head.error)
		answer.head.len = sizeof answer.head;
	else
		fill(&info, valid, &answer);
	/* Fails only when the request was interrupted or the mount is gone: nobody waits then. */
	while (write(fd, &answer, answer.head.len) < 0 && errno == EINTR)
		;
}

#else

static void answer_statx(struct front *front, int fd, const struct fuse_in_header *head)
{
	(void)front, (void)fd, (void)head;
}

static struct statx_timestamp sx_time_of(struct timespec time)
{
	return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec};
}

static void fill(const struct mfs_info *info, struct statx *to)
{
	struct stat stat;

	reply_stat(info, &stat);
	*to = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME,
		.stx_blksize = (uint32_t)stat.st_blksize,
		.stx_nlink = (uint32_t)stat.st_nlink,
		.stx_uid = stat.st_uid,
		.stx_gid = stat.st_gid,
		.stx_mode = (uint16_t)stat.st_mode,
		.stx_ino = stat.st_ino,
		.stx_size = (uint64_t)stat.st_size,
		.stx_blocks = (uint64_t)stat.st_blocks,
		.stx_atime = sx_time_of(stat.st_atim),
		.stx_mtime = sx_time_of(stat.st_mtim),
		.stx_ctime = sx_time_of(stat.st_ctim),
		.stx_btime = {.tv_sec = info->birth.seconds, .tv_nsec = info->birth.nanoseconds},
		.stx_rdev_major = major(stat.st_rdev),
		.stx_rdev_minor = minor(stat.st_rdev),
	};
}

void recent_statx(fuse_req_t req, fuse_ino_t number, int flags, int mask, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_info about;
	struct statx answer;
	double valid;
	int error = known(front, number, &about, &valid);

	(void)flags;
	(void)mask;
	(void)info;
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	fill(&about, &answer);
	fuse_reply_statx(req, 0, &answer, valid);
}

#endif

bool recent_take(struct front *front, int fd, void *message, size_t size)
{
	struct fuse_in_header *head = message;

	if (size < sizeof *head)
		return false;
	if (FUSE_VERSION < FUSE_MAKE_VERSION(3, 17) && head->opcode == OPCODE_TMPFILE)
		take_tmpfile(head, size);
	if (FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18) || head->opcode != OPCODE_STATX)
		return false;
	counts_add(&front->counts, OPCODE_STATX);
	answer_statx(front, fd, head);
	return true;
}
