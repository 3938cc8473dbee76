/*
 * remount: limits are the daemon's and changed by an ioctl, flags are the kernel's and changed by mount(2).
 * mount(8) hands on all that is in fstab or true of the mount (and says relatime where it does not know
 * better), so words that change nothing are no mistake.
 */
#include "remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "front.h"
#include "log.h"

#define NO_SYMLINKS_TOLD 0x2000ul /* statfs's, since 5.10; not every statvfs.h has it */

/* ---- flags ------------------------------------------------------------------------------------------ */

static const struct {
	const char *word;
	unsigned long set, clear;
} words[] = {
	{"ro", MS_RDONLY, 0},	      {"rw", 0, MS_RDONLY},	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},	      {"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},	      {"dev", 0, MS_NODEV},	{"sync", MS_SYNCHRONOUS, 0},
	{"async", 0, MS_SYNCHRONOUS},
};

static void take_word(const char *word, size_t size, unsigned long *flags)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i].word) == size && !memcmp(words[i].word, word, size))
			*flags = (*flags & ~words[i].clear) | words[i].set;
}

static void take_words(const char *list, unsigned long *flags)
{
	while (*list) {
		size_t size = cli_word_length(list);

		take_word(list, size, flags);
		list += size + (list[size] != 0);
	}
}

/* What mount(2) would otherwise take away. */
static unsigned long flags_of(const struct statvfs *state)
{
	static const struct {
		unsigned long told, flag;
	} pairs[] = {
		{ST_RDONLY, MS_RDONLY},
		{ST_NOSUID, MS_NOSUID},
		{ST_NODEV, MS_NODEV},
		{ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME},
		{ST_NODIRATIME, MS_NODIRATIME},
		{ST_RELATIME, MS_RELATIME},
		{ST_SYNCHRONOUS, MS_SYNCHRONOUS},
		{NO_SYMLINKS_TOLD, MS_NOSYMFOLLOW},
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (state->f_flag & pairs[i].told)
			flags |= pairs[i].flag;
	return flags;
}

static bool set_flags(const char *path, unsigned long flags)
{
	return !mount("none", path, NULL, MS_REMOUNT | flags, NULL);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static bool change(int root, const struct cli_options *options)
{
	struct volume_change change = {
		.bytes = options->max_bytes,
		.nodes = options->max_nodes,
		.atime = options->atime,
		.what = (options->bytes_given ? VOLUME_CHANGE_BYTES : 0) |
			(options->nodes_given ? VOLUME_CHANGE_NODES : 0) |
			(options->no_dir_atime ? VOLUME_CHANGE_DIR_ATIME : 0) |
			(options->atime != CLI_ATIME_RELATIVE ? VOLUME_CHANGE_ATIME : 0),
	};

	if (!change.what || !ioctl(root, VOLUME_CHANGE_IOCTL, &change))
		return true;
	if (errno == EINVAL)
		log_error("'%s' holds more than that", options->target);
	else if (errno == EOPNOTSUPP)
		log_error("'%s': how access times move cannot be changed while it is mounted",
			  options->target);
	else
		log_error("cannot change '%s': %s", options->target, strerror(errno));
	return false;
}

static bool change_all(const char *path, int root, const struct cli_options *options)
{
	struct statvfs state;
	unsigned long before, flags;

	if (fstatvfs(root, &state)) {
		log_error("'%s': %s", options->target, strerror(errno));
		return false;
	}
	flags = before = flags_of(&state);
	take_words(options->mount_words + options->own_words, &flags);
	if (flags != before && !set_flags(path, flags)) {
		log_error("cannot change the flags of '%s': %s%s", options->target, strerror(errno),
			  errno == EBUSY ? " (a file is open for writing)" : "");
		return false;
	}
	if (change(root, options))
		return true;
	if (flags != before && !set_flags(path, before))
		log_error("the flags of '%s' have changed all the same: %s", options->target,
			  strerror(errno));
	return false;
}

bool remount(const struct cli_options *options)
{
	char *path = realpath(options->target, NULL);
	int root = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct volume_status status;
	struct stat state;
	bool good = false;

	if (root < 0 || fstat(root, &state))
		log_error("'%s': %s", options->target, strerror(errno));
	else if (state.st_ino != FUSE_ROOT_ID || ioctl(root, VOLUME_STATUS_IOCTL, &status))
		log_error("nothing of memefs is mounted on '%s'", options->target);
	else
		good = change_all(path, root, options);
	if (root >= 0)
		close(root);
	free(path);
	return good;
}
