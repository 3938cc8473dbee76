/*
 * session: one FUSE session, from the mount to its end.
 */
#ifndef MEMEFS_LINUX_SESSION_H
#define MEMEFS_LINUX_SESSION_H

#include "front.h"

/* Called once, from another thread, when the mount answers. */
typedef void session_ready_fn(void *context);

/* Mounts front->volume on `point` (absolute) and serves it until it is unmounted or SIGINT, SIGTERM or
 * SIGHUP comes; then it is unmounted. The whole volume stays for the caller to destroy. True: all
 * ended well. False: an error was printed; *mounted tells whether it ever stood. */
bool session_run(struct front *front, const struct cli_options *options, const char *point,
		 session_ready_fn *ready, void *context, bool *mounted);

#endif
