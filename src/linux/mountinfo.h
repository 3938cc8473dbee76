/*
 * mountinfo: what is mounted, without touching what is mounted (it may be dead).
 */
#ifndef MEMEFS_LINUX_MOUNTINFO_H
#define MEMEFS_LINUX_MOUNTINFO_H

#include <stdbool.h>

struct mountinfo {
	unsigned major, minor; /* its device number */
	char type[64];	       /* "fuse.memefs" */
};

/* What is mounted (topmost) on exactly this absolute path. False: nothing is. */
bool mountinfo_find(const char *path, struct mountinfo *found);

#endif
