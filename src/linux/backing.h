/*
 * backing: the tmpfs store. Each file's data is a file of a tmpfs that the kernel reads and writes by itself
 * (FUSE passthrough): it knows the file by a "backing id". Here are these files and ids: some are made
 * ahead, ids are kept over the last close, and what is deleted goes a moment later, all by a keeper thread.
 */
#ifndef MEMEFS_LINUX_BACKING_H
#define MEMEFS_LINUX_BACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "memefs.h"
#include "options.h"

struct backing;

/* Makes the place, empty. NULL: *why says what is missing (a phrase). */
struct backing *backing_make(const struct cli_options *options, const char **why);
/* Ends it; the session and the volume are gone. NULL is fine. */
void backing_free(struct backing *backing);

/* For mfs_volume_back. */
const struct mfs_backing *backing_place(const struct backing *backing);

/* Starts the keeper, once; `device` is the session's /dev/fuse. 0 or an errno. The keeper fits the volume's
 * limit to the machine's memory now and then (mfs_volume_tend). */
int backing_start(struct backing *backing, int device, struct mfs_volume *volume);
void backing_stop(struct backing *backing);

/* A file is opened by the kernel: tells the id that it knows it by, valid until backing_close. 0 or an errno.
 */
int backing_open(struct backing *backing, uint64_t file, bool reads, int32_t *id);
void backing_close(struct backing *backing, uint64_t file);
/* The kernel has the file open. */
bool backing_is_open(struct backing *backing, uint64_t file);

/* More than half of the room is taken. */
bool backing_is_tight(struct backing *backing);
/* Returns when what was deleted before is gone. */
void backing_settle(struct backing *backing);

#endif
