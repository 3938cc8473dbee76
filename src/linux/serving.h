/*
 * serving: the threads that take a session's requests: as few as keep up.
 */
#ifndef MEMEFS_LINUX_SERVING_H
#define MEMEFS_LINUX_SERVING_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdbool.h>

struct serving;

/* At most `most` threads (1 or more). NULL: out of memory. The caller frees it. */
struct serving *serving_make(struct fuse_session *session, unsigned most);
void serving_free(struct serving *serving);

/* Takes requests until the file system is unmounted, serving_end is called, or a request has called
 * fuse_session_exit. SIGUSR1 must have a handler: it wakes the threads. 0 or an errno. */
int serving_run(struct serving *serving);

/* From another thread: ends the run, also one that has not begun. */
void serving_end(struct serving *serving);

/* At least one thread takes requests while the caller, and others beside it (waiting in all), handle one each
 * and wait. False: there are not so many threads. NULL: nothing is done, and true. */
bool serving_help(struct serving *serving, unsigned waiting);

#endif
