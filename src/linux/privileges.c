/*
 * privileges: what the caller of a request may do beyond its user's rights. The kernel checks
 * permissions; it leaves to us only to clear set-id bits (HANDLE_KILLPRIV_V2) and to hide the
 * names of trusted attributes.
 */
#include "privileges.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "Uid:" and its four numbers: the last is the one that files are reached with. */
static bool has_uid(const char *value, uint64_t number)
{
	char *end = NULL;

	for (int i = 0; i < 4; i++, value = end)
		if (strtoull(value, &end, 10) == number && i == 3)
			return end != value;
	return false;
}

/* Calls `use` for the caller's /proc/.../status line that begins with `field`; false: not there, or the
 * caller acts with rights that are not its own (nfsd, io_uring's personalities), of which nothing is known.
 */
static bool caller_field(fuse_req_t req, const char *field, bool (*use)(const char *value, uint64_t wanted),
			 uint64_t wanted)
{
	char path[64], *text = NULL;
	size_t capacity = 0, size = strlen(field);
	pid_t pid = fuse_req_ctx(req)->pid;
	bool found = false;
	FILE *status;

	if (pid <= 0)
		return false;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return false;
	while (getline(&text, &capacity, status) > 0) {
		if (!strncmp(text, "Uid:", 4) && !has_uid(text + 4, fuse_req_ctx(req)->uid))
			break;
		if (!strncmp(text, field, size)) {
			found = use(text + size, wanted);
			break;
		}
	}
	free(text);
	fclose(status);
	return found;
}

static bool has_number(const char *value, uint64_t number)
{
	char *end;

	for (;; value = end) {
		uint64_t one = strtoull(value, &end, 10);

		if (end == value)
			return false;
		if (one == number)
			return true;
	}
}

static bool always(const char *value, uint64_t wanted)
{
	(void)value;
	(void)wanted;
	return true;
}

/* /proc/PID belongs to whom the process acts as; for a quick answer. */
static bool caller_is_itself(fuse_req_t req)
{
	char path[64];
	struct stat process;

	snprintf(path, sizeof path, "/proc/%d", (int)fuse_req_ctx(req)->pid);
	return !stat(path, &process) && process.st_uid == fuse_req_ctx(req)->uid;
}

/* Root in a user namespace of its own has no rights over us. */
static bool caller_in_our_namespace(fuse_req_t req)
{
	char path[64];
	struct stat ours, theirs;

	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)fuse_req_ctx(req)->pid);
	return !stat("/proc/self/ns/user", &ours) && !stat(path, &theirs) && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

bool privileges_caller_has(fuse_req_t req, unsigned capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, fuse_req_ctx(req)->pid};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	/* 0 would be ourselves. */
	if (header.pid <= 0 || syscall(SYS_capget, &header, sets) ||
	    !(sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)))
		return false;
	return (caller_is_itself(req) || caller_field(req, "Groups:", always, 0)) &&
	       caller_in_our_namespace(req);
}

bool privileges_is_member(fuse_req_t req, gid_t group)
{
	return fuse_req_ctx(req)->gid == group || caller_field(req, "Groups:", has_number, group);
}

bool privileges_known(fuse_req_t req)
{
	return caller_field(req, "Groups:", always, 0);
}

bool privileges_in_group(fuse_req_t req, gid_t group)
{
	return privileges_is_member(req, group) || privileges_caller_has(req, CAP_FSETID);
}

uint32_t privileges_kept(fuse_req_t req, const struct mfs_info *info)
{
	uint32_t mode = info->mode & ~(uint32_t)S_ISUID;

	if (!(mode & S_ISGID))
		return mode;
	if (mode & S_IXGRP || !privileges_in_group(req, info->gid))
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}

void privileges_written(fuse_req_t req, struct front *front, struct mfs_node *node)
{
	struct mfs_info info;
	struct mfs_set set = {.what = MFS_SET_MODE};

	mfs_node_info(front->volume, node, &info);
	if (info.kind != MFS_FILE || !(info.mode & (S_ISUID | S_ISGID)) ||
	    privileges_caller_has(req, CAP_FSETID))
		return;
	set.mode = privileges_kept(req, &info);
	if (set.mode != info.mode)
		mfs_node_set(front->volume, node, &set);
}
