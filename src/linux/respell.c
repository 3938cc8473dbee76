/*
 * respell: renaming by case only. The kernel looks up both names before it asks for a rename, and when
 * both are one file it does nothing and reports success. So the second of these lookups has to find
 * nothing. No request says that it belongs to a rename; what the caller is doing is read from
 * /proc/PID/syscall and from its memory, which only happens when a name was asked for in another
 * spelling than it has. Where that cannot be read the rename changes nothing, as without this.
 *
 * A caller that changes its arguments meanwhile can make the kernel believe that a name is free which is
 * not; the one check that the kernel then leaves out is made by respell_may_replace.
 */
#include "respell.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "privileges.h"

#define TRIES 100 /* until a caller that has just sent its request sleeps */
#define PAGE 4096u

/* A rename that is under way. */
struct renaming {
	int64_t from_directory, to_directory; /* as given: descriptors */
	char from[PATH_MAX], to[PATH_MAX];
};

/* ---- what the caller is doing -------------------------------------------------------------------------- */

/* Which arguments of a system call are what; no call: directories -1. */
struct form {
	long number;
	int from_directory, from, to_directory, to; /* -1: the working directory */
	int flags;				    /* -1: none */
};

/* The numbers of 32-bit programs are among them where these run; as numbers of 64-bit programs they
 * mean calls that look nothing up. */
static const struct form forms[] = {
#ifdef SYS_rename
	{SYS_rename, -1, 0, -1, 1, -1},
#endif
#ifdef SYS_renameat
	{SYS_renameat, 0, 1, 2, 3, -1},
#endif
	{SYS_renameat2, 0, 1, 2, 3, 4},
#ifdef __x86_64__
	{38, -1, 0, -1, 1, -1},		{302, 0, 1, 2, 3, -1}, {353, 0, 1, 2, 3, 4},
#elif defined __aarch64__
	{329, 0, 1, 2, 3, -1},
	{382, 0, 1, 2, 3, 4},
#endif
};

/* The system call that a thread sleeps in: its number and arguments. */
static bool sleeping_in(pid_t thread, long *number, uint64_t arguments[6])
{
	char path[64], line[256];
	int file, filled = 0;
	ssize_t size;

	snprintf(path, sizeof path, "/proc/%d/syscall", (int)thread);
	for (int i = 0; i < TRIES && filled < 7; i++) {
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return false;
		size = read(file, line, sizeof line - 1);
		close(file);
		if (size <= 0)
			return false;
		line[size] = 0;
		filled = sscanf(line,
				"%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
				" 0x%" SCNx64,
				number, &arguments[0], &arguments[1], &arguments[2], &arguments[3],
				&arguments[4], &arguments[5]);
		if (filled < 7)
			sched_yield(); /* "running" */
	}
	return filled == 7;
}

/* A terminated string of the caller's, page by page: behind its end there may be nothing. */
static bool read_string(pid_t thread, uint64_t address, char *to, size_t capacity)
{
	size_t done = 0;

	while (done < capacity) {
		size_t step = PAGE - (address + done) % PAGE;
		struct iovec here = {.iov_base = to + done,
				     .iov_len = step < capacity - done ? step : capacity - done};
		struct iovec there = {.iov_base = (void *)(uintptr_t)(address + done),
				      .iov_len = here.iov_len};
		ssize_t size = process_vm_readv(thread, &here, 1, &there, 1, 0);

		if (size <= 0)
			return false;
		if (memchr(to + done, 0, (size_t)size))
			return true;
		done += (size_t)size;
	}
	return false;
}

static bool is_renaming(pid_t thread, struct renaming *renaming)
{
	uint64_t arguments[6];
	long number;

	if (thread <= 0 || !sleeping_in(thread, &number, arguments))
		return false;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const struct form *form = &forms[i];

		if (form->number != number)
			continue;
		if (form->flags >= 0 && arguments[form->flags] & RENAME_EXCHANGE)
			return false;
		renaming->from_directory =
			form->from_directory < 0 ? AT_FDCWD : (int32_t)arguments[form->from_directory];
		renaming->to_directory =
			form->to_directory < 0 ? AT_FDCWD : (int32_t)arguments[form->to_directory];
		return read_string(thread, arguments[form->from], renaming->from, sizeof renaming->from) &&
		       read_string(thread, arguments[form->to], renaming->to, sizeof renaming->to);
	}
	return false;
}

/* ---- whether it is this name ------------------------------------------------------------------------------
 */

/* Where the last component of a path begins; slashes behind it are cut off. */
static size_t last_component(char *path)
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	path[end] = 0;
	while (end > 0 && path[end - 1] != '/')
		end--;
	return end;
}

/* A component before the last one has this name: the lookup may have been for that one. */
static bool has_component(const char *path, size_t size, const char *name)
{
	size_t name_size = strlen(name);

	for (size_t at = 0; at < size;) {
		const char *slash = memchr(path + at, '/', size - at);
		size_t length = slash ? (size_t)(slash - path) - at : size - at;

		if (length == name_size && !memcmp(path + at, name, length))
			return true;
		at += length + 1;
	}
	return false;
}

static bool is_directory(struct front *front, struct mfs_node *parent, const char *name)
{
	struct mfs_node *node;
	bool directory = true;

	if (mfs_lookup(front->volume, parent, name, strlen(name), &node) == MFS_OK) {
		directory = mfs_node_is_directory(node);
		mfs_node_drop(front->volume, node);
	}
	return directory;
}

/* Both names are in the directory that the paths agree in, and mean the same entry of it. */
static bool is_respelling(struct front *front, struct renaming *renaming, struct mfs_node *parent,
			  const char *name)
{
	size_t from = last_component(renaming->from), to = last_component(renaming->to), size, other_size;
	char spelling[MFS_NAME_BYTES_MAX], other[MFS_NAME_BYTES_MAX];
	const char *old = renaming->from + from;

	if (renaming->from_directory != renaming->to_directory || from != to ||
	    strncasecmp(renaming->from, renaming->to, to) != 0)
		return false;
	if (strcmp(renaming->to + to, name) != 0 || !strcmp(old, name) ||
	    (is_directory(front, parent, name) && has_component(renaming->to, to, name)))
		return false;
	return mfs_spelling(front->volume, parent, name, strlen(name), spelling, &size) == MFS_OK &&
	       mfs_spelling(front->volume, parent, old, strlen(old), other, &other_size) == MFS_OK &&
	       size == other_size && !memcmp(spelling, other, size);
}

bool respell_wanted(fuse_req_t req, struct mfs_node *parent, const char *name)
{
	struct front *front = front_of(req);
	char spelling[MFS_NAME_BYTES_MAX];
	struct renaming renaming;
	size_t size;

	if (!mfs_volume_case_insensitive(front->volume) ||
	    mfs_spelling(front->volume, parent, name, strlen(name), spelling, &size) != MFS_OK ||
	    (size == strlen(name) && !memcmp(spelling, name, size)))
		return false;
	return is_renaming(fuse_req_ctx(req)->pid, &renaming) &&
	       is_respelling(front, &renaming, parent, name);
}

enum mfs_status respell_may_replace(fuse_req_t req, struct mfs_node *directory, const char *name)
{
	struct front *front = front_of(req);
	uid_t caller = fuse_req_ctx(req)->uid;
	struct mfs_node *node;
	struct mfs_info above, info;

	if (!mfs_volume_case_insensitive(front->volume) ||
	    mfs_lookup(front->volume, directory, name, strlen(name), &node) != MFS_OK)
		return MFS_OK;
	mfs_node_info(front->volume, directory, &above);
	mfs_node_info(front->volume, node, &info);
	mfs_node_drop(front->volume, node);
	if (!(above.mode & S_ISVTX) || caller == info.uid || caller == above.uid ||
	    privileges_caller_has(req, CAP_FOWNER))
		return MFS_OK;
	return MFS_NOT_PERMITTED;
}
