/*
 * mount: what must be so before a volume can be mounted. The mount itself is libfuse's.
 */
#include "mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mountinfo.h"

/* ---- the mount point ------------------------------------------------------------------------ */

static bool check_empty(const char *point)
{
	DIR *directory = opendir(point);
	const struct dirent *entry;
	bool empty = true;

	if (!directory) {
		log_error("cannot read mount point '%s': %s", point, strerror(errno));
		return false;
	}
	while (empty && (entry = readdir(directory)))
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(directory);
	if (!empty)
		log_error("mount point '%s' is not empty (-o nonempty mounts over it)", point);
	return empty;
}

static bool check_point(const char *point, const char *path, bool nonempty)
{
	struct mountinfo mounted;
	struct stat stat_;

	if (mountinfo_find(path, &mounted)) {
		log_error("mount point '%s' is already mounted (%s)", point, mounted.type);
		return false;
	}
	if (stat(path, &stat_)) {
		log_error("mount point '%s': %s", point, strerror(errno));
		return false;
	}
	if (!S_ISDIR(stat_.st_mode)) {
		log_error("mount point '%s' is not a directory", point);
		return false;
	}
	return nonempty || check_empty(point);
}

/* ---- the right to mount ------------------------------------------------------------------------ */

static bool in_path(const char *program)
{
	const char *path = getenv("PATH"), *end;
	char file[4096];

	for (; path && *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		if (snprintf(file, sizeof file, "%.*s/%s", (int)(end - path), path, program) <
			    (int)sizeof file &&
		    !access(file, X_OK))
			return true;
	}
	snprintf(file, sizeof file, "/usr/bin/%s", program);
	return !access(file, X_OK);
}

/* libfuse opens the device with our rights, also where fusermount3 then mounts it. */
static bool check_rights(void)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (device < 0) {
		if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
			log_error("there is no /dev/fuse: load the kernel's module (modprobe fuse), or give "
				  "the "
				  "container the device (--device /dev/fuse)");
		else
			log_error("cannot open /dev/fuse: %s%s", strerror(errno),
				  errno == EACCES ? " (be root, or let users open it: chmod 666 /dev/fuse)"
						  : "");
		return false;
	}
	close(device);
	if (geteuid() != 0 && !in_path("fusermount3")) {
		log_error("no right to mount: be root, or install fusermount3 (package fuse3)");
		return false;
	}
	return true;
}

char *mount_check(const char *point, bool nonempty)
{
	char *path;

	if (!mount_clear_dead(point))
		return NULL;
	path = realpath(point, NULL);
	if (!path) {
		if (errno == ENOENT)
			log_error("mount point '%s' does not exist", point);
		else if (errno == ENOTCONN)
			log_error("mount point '%s' has a dead mount on it, which has to be unmounted",
				  point);
		else
			log_error("mount point '%s': %s", point, strerror(errno));
		return NULL;
	}
	if (check_point(point, path, nonempty) && check_rights())
		return path;
	free(path);
	return NULL;
}
