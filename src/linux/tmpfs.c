/*
 * tmpfs: made with the mount API of Linux 5.2, and never attached to the tree. A size that is changed
 * (a remount, in effect) is checked by the kernel against what is used, so no file can come between.
 */
#include "tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE 4096u
#define NAME_BYTES 12
#define FILE_MODE 0600

/* ---- the file system ------------------------------------------------------------------------- */

static bool set(int context, const char *key, const char *value)
{
	return !fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

/* A size of 0 would mean none at all. */
static bool set_size(int context, uint64_t bytes)
{
	uint64_t pages = bytes / PAGE + (bytes % PAGE > 0);
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, (pages ? pages : 1) * PAGE);
	return set(context, "size", text);
}

static bool configure(int context, uint64_t bytes, enum cli_huge huge, bool locked)
{
	static const char *const words[] = {
		[CLI_HUGE_ALWAYS] = "always",
		[CLI_HUGE_WITHIN_SIZE] = "within_size",
		[CLI_HUGE_ADVISE] = "advise",
	};

	/* Nodes are counted by the engine. */
	return set_size(context, bytes) && set(context, "nr_inodes", "0") && set(context, "mode", "0700") &&
	       (huge == CLI_HUGE_NEVER || set(context, "huge", words[huge])) &&
	       (!locked || !fsconfig(context, FSCONFIG_SET_FLAG, "noswap", NULL, 0)) &&
	       !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static bool pick(struct tmpfs *tmpfs)
{
	if (tmpfs->change < 0)
		tmpfs->change = fspick(tmpfs->mount, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	return tmpfs->change >= 0;
}

bool tmpfs_make(struct tmpfs *tmpfs, uint64_t bytes, enum cli_huge huge, enum cli_atime atime, bool locked)
{
	/* Every read is to be seen; relatime's rule is the engine's. */
	unsigned times = atime == CLI_ATIME_NEVER ? MOUNT_ATTR_NOATIME : MOUNT_ATTR_STRICTATIME;
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC), error;

	tmpfs->mount = tmpfs->change = tmpfs->clock = -1;
	if (context < 0)
		return false;
	if (configure(context, bytes, huge, locked))
		tmpfs->mount =
			fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | times);
	error = errno;
	close(context);
	errno = error;
	if (tmpfs->mount < 0)
		return false;
	tmpfs->clock = openat(tmpfs->mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_MODE);
	if (tmpfs->clock >= 0 && pick(tmpfs))
		return true;
	error = errno;
	tmpfs_end(tmpfs);
	errno = error;
	return false;
}

void tmpfs_end(struct tmpfs *tmpfs)
{
	if (tmpfs->change >= 0)
		close(tmpfs->change);
	if (tmpfs->clock >= 0)
		close(tmpfs->clock);
	if (tmpfs->mount >= 0)
		close(tmpfs->mount);
	tmpfs->mount = tmpfs->change = tmpfs->clock = -1;
}

bool tmpfs_limit(struct tmpfs *tmpfs, uint64_t bytes)
{
	if (!pick(tmpfs))
		return false;
	if (set_size(tmpfs->change, bytes) &&
	    !fsconfig(tmpfs->change, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		return true;
	/* A context in which a change has failed takes no other. */
	close(tmpfs->change);
	tmpfs->change = -1;
	return false;
}

uint64_t tmpfs_used(const struct tmpfs *tmpfs)
{
	struct statfs stat;

	if (fstatfs(tmpfs->mount, &stat))
		return 0;
	return (uint64_t)(stat.f_blocks - stat.f_bfree) * (uint64_t)stat.f_bsize;
}

/* ---- files ---------------------------------------------------------------------------------------- */

static void spell(uint32_t number, char name[NAME_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	int length = 1;

	for (uint32_t rest = number >> 4; rest; rest >>= 4)
		length++;
	name[length] = 0;
	for (; length > 0; number >>= 4)
		name[--length] = digits[number & 15];
}

static const struct timespec never[2] = {{0, 0}, {0, 0}};

static int create(const struct tmpfs *tmpfs, const char *name)
{
	return openat(tmpfs->mount, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_LARGEFILE,
		      FILE_MODE);
}

int tmpfs_create(const struct tmpfs *tmpfs, uint32_t number)
{
	char name[NAME_BYTES];
	int file, error;

	spell(number, name);
	file = create(tmpfs, name);
	/* One that could not be removed below. */
	if (file < 0 && errno == EEXIST && tmpfs_remove(tmpfs, number))
		file = create(tmpfs, name);
	if (file < 0 || !futimens(file, never))
		return file;
	error = errno;
	close(file);
	tmpfs_remove(tmpfs, number);
	errno = error;
	return -1;
}

int tmpfs_open(const struct tmpfs *tmpfs, uint32_t number)
{
	char name[NAME_BYTES];

	spell(number, name);
	return openat(tmpfs->mount, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_LARGEFILE | O_NOATIME);
}

bool tmpfs_empty(const struct tmpfs *tmpfs, uint32_t number)
{
	int file = tmpfs_open(tmpfs, number), error = 0;

	if (file < 0)
		return false;
	if (ftruncate(file, 0) || futimens(file, never))
		error = errno;
	close(file);
	errno = error;
	return !error;
}

bool tmpfs_stat(const struct tmpfs *tmpfs, uint32_t number, struct stat *stat)
{
	char name[NAME_BYTES];

	spell(number, name);
	return !fstatat(tmpfs->mount, name, stat, AT_SYMLINK_NOFOLLOW);
}

bool tmpfs_reset(const struct tmpfs *tmpfs, uint32_t number, bool accessed, bool written)
{
	const struct timespec times[2] = {{.tv_nsec = accessed ? 0 : UTIME_OMIT},
					  {.tv_nsec = written ? 0 : UTIME_OMIT}};
	char name[NAME_BYTES];

	spell(number, name);
	return !utimensat(tmpfs->mount, name, times, AT_SYMLINK_NOFOLLOW);
}

bool tmpfs_now(const struct tmpfs *tmpfs, struct timespec *now)
{
	struct stat stat;

	/* The kernel's clock for files cannot be read, only be made to stamp something. */
	if (futimens(tmpfs->clock, NULL) || fstat(tmpfs->clock, &stat))
		return false;
	*now = stat.st_mtim;
	return true;
}

bool tmpfs_remove(const struct tmpfs *tmpfs, uint32_t number)
{
	char name[NAME_BYTES];

	spell(number, name);
	return !unlinkat(tmpfs->mount, name, 0);
}
