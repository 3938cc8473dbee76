/*
 * tmpfs: a kernel tmpfs that is mounted nowhere, and numbered files in it. Nobody else can reach it, and it
 * ends with the last descriptor of it.
 */
#ifndef MEMEFS_LINUX_TMPFS_H
#define MEMEFS_LINUX_TMPFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "options.h"

struct tmpfs {
	int mount;  /* its root directory */
	int change; /* a file system context that changes its size; -1: to be had again */
	int clock;  /* a file without a name, to see what time it is stamped with */
};

/* Makes it, with room for `bytes`. False: errno says why, *lacks what (EPERM: the right to mount). Huge pages
 * and access times as asked for; `locked`: never swapped. */
bool tmpfs_make(struct tmpfs *tmpfs, uint64_t bytes, enum cli_huge huge, enum cli_atime atime, bool locked);
void tmpfs_end(struct tmpfs *tmpfs);

/* Sets the most bytes that all files may take together, rounded up to pages. False: they take more already.
 */
bool tmpfs_limit(struct tmpfs *tmpfs, uint64_t bytes);
/* Bytes that all files take. */
uint64_t tmpfs_used(const struct tmpfs *tmpfs);

/* An empty file with both times 0, opened for reading and writing. -1: errno. */
int tmpfs_create(const struct tmpfs *tmpfs, uint32_t number);
int tmpfs_open(const struct tmpfs *tmpfs, uint32_t number);
/* What it is, without opening it. */
bool tmpfs_stat(const struct tmpfs *tmpfs, uint32_t number, struct stat *stat);
/* What its clock says: files that are changed from now on are not older. */
bool tmpfs_now(const struct tmpfs *tmpfs, struct timespec *now);
/* Makes its times 0 again. */
bool tmpfs_reset(const struct tmpfs *tmpfs, uint32_t number, bool accessed, bool written);
/* Makes a file again what tmpfs_create makes. False: errno. */
bool tmpfs_empty(const struct tmpfs *tmpfs, uint32_t number);
bool tmpfs_remove(const struct tmpfs *tmpfs, uint32_t number);

#endif
