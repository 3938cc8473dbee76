/*
 * unmount: taking a mounted volume down from outside, and asking it about itself. The daemon is found by
 * an ioctl on the volume's root.
 */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "log.h"
#include "mountinfo.h"

#define BUSY_TRIES 10
#define BUSY_NANOSECONDS 20000000

/* How long a daemon may take to free a volume of any size. */
#define END_MILLISECONDS (60 * 1000)

/* The absolute path of a mount point that may be dead: only its parent is walked then. */
static char *resolve(const char *point)
{
	char *path = realpath(point, NULL), *copy, *parent, *last;

	if (path || errno == ENOENT || errno == ENOTDIR)
		return path;
	copy = strdup(point);
	last = strdup(point);
	parent = copy ? realpath(dirname(copy), NULL) : NULL;
	if (parent && last && asprintf(&path, "%s/%s", strcmp(parent, "/") ? parent : "", basename(last)) < 0)
		path = NULL;
	free(parent);
	free(last);
	free(copy);
	return path;
}

/* The daemon's own words; false when nobody answers. */
static bool ask(const char *path, struct volume_status *status)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool answers;

	if (directory < 0)
		return false;
	answers = !ioctl(directory, VOLUME_STATUS_IOCTL, status);
	close(directory);
	status->text[sizeof status->text - 1] = 0;
	return answers;
}

/* Finds the mount; prints why there is none of ours. */
static char *find(const char *point, bool *answers, struct volume_status *status)
{
	char *path = resolve(point);
	struct mountinfo mounted;

	*answers = false;
	if (!path) {
		log_error("'%s': %s", point, strerror(errno));
		return NULL;
	}
	if (!mountinfo_find(path, &mounted)) {
		log_error("nothing is mounted on '%s'", point);
		free(path);
		return NULL;
	}
	if (!strncmp(mounted.type, "fuse", 4))
		*answers = ask(path, status);
	if (*answers || !strcmp(mounted.type, "fuse.memefs"))
		return path;
	log_error("what is mounted on '%s' is not memefs (%s)", point, mounted.type);
	free(path);
	return NULL;
}

/* ---- unmounting ------------------------------------------------------------------------------ */

static int open_daemon(const char *text)
{
	const char *line = strstr(text, "\npid: ");
	int pid = line ? atoi(line + 6) : 0;

	return pid > 0 && pid != getpid() ? pidfd_open(pid, 0) : -1;
}

/* An ordinary user's way; 0 or what fusermount3 ended with. It prints its own line. */
static int by_helper(const char *path, bool lazily)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return errno;
	if (!child) {
		execlp("fusermount3", "fusermount3", lazily ? "-uz" : "-u", "--", path, (char *)NULL);
		log_error("cannot run fusermount3: %s", strerror(errno));
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* Asks what no cache of the kernel's answers. ECONNABORTED: it dies while it is asked. */
static bool is_dead(const char *path)
{
	struct statvfs space;

	return statvfs(path, &space) && (errno == ENOTCONN || errno == ECONNABORTED);
}

/* A mount can be in use for a moment when nobody uses it: the kernel lets go of files behind their close, and
 * of names while it drops caches. */
static bool unmounted(const char *path, int flags)
{
	const struct timespec pause = {.tv_nsec = BUSY_NANOSECONDS};

	for (int try = 0; try < BUSY_TRIES; try++) {
		if (!umount2(path, flags))
			return true;
		if (errno != EBUSY)
			return false;
		nanosleep(&pause, NULL);
	}
	errno = EBUSY;
	return false;
}

/* Nobody can do anything with a dead mount any more, also who still has files open there: it goes
 * though it is in use. */
static bool take_down(const char *point, const char *path, bool dead)
{
	if (geteuid() != 0)
		return by_helper(path, dead) == 0;
	if (unmounted(path, UMOUNT_NOFOLLOW | (dead ? MNT_DETACH : 0)))
		return true;
	if (errno == EBUSY)
		log_error("'%s' is in use: a program has a file open there, or works in it", point);
	else
		log_error("cannot unmount '%s': %s", point, strerror(errno));
	return false;
}

static void wait_for_end(int daemon)
{
	struct pollfd event = {.fd = daemon, .events = POLLIN};
	int count;

	do
		count = poll(&event, 1, END_MILLISECONDS);
	while (count < 0 && errno == EINTR);
	if (count == 0)
		log_error("unmounted; the daemon is still freeing memory");
}

bool mount_remove(const char *point)
{
	struct volume_status status;
	bool answers, done;
	char *path = find(point, &answers, &status);
	int daemon;

	if (!path)
		return false;
	daemon = answers ? open_daemon(status.text) : -1;
	done = take_down(point, path, !answers && is_dead(path));
	if (daemon >= 0) {
		if (done)
			wait_for_end(daemon);
		close(daemon);
	}
	free(path);
	return done;
}

bool mount_clear_dead(const char *point)
{
	char *path = resolve(point);
	struct mountinfo mounted;
	bool clear = true;

	while (clear && path && mountinfo_find(path, &mounted) && !strcmp(mounted.type, "fuse.memefs") &&
	       is_dead(path)) {
		clear = take_down(point, path, true);
		if (clear)
			log_error("took a dead mount away from '%s': what it held went with its daemon",
				  point);
		else
			log_error("'%s' has a dead mount on it: its owner, or root, can mount over it",
				  point);
	}
	free(path);
	return clear;
}

/* ---- status ------------------------------------------------------------------------------------ */

bool mount_stats(const char *point)
{
	struct volume_status status;
	struct volume_counts counts;
	bool answers;
	char *path = find(point, &answers, &status);
	int directory = path && answers ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool told = directory >= 0 && !ioctl(directory, VOLUME_COUNTS_IOCTL, &counts);

	if (told) {
		counts.text[sizeof counts.text - 1] = 0;
		fputs(counts.text, stdout);
	} else if (path) {
		log_error("nobody answers for '%s' (a dead mount?)", point);
	}
	if (directory >= 0)
		close(directory);
	free(path);
	return told;
}

bool mount_status(const char *point)
{
	struct volume_status status;
	bool answers;
	char *path = find(point, &answers, &status);

	if (!path)
		return false;
	if (answers)
		printf("mount point: %s\n%s", path, status.text);
	else
		log_error(is_dead(path) ? "the mount on '%s' is dead: its daemon has ended"
					: "nobody answers for '%s' (is it another user's mount?)",
			  point);
	free(path);
	return answers;
}
