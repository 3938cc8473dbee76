/*
 * rings: requests that come through io_uring (-o io_uring): from Linux 6.14 on, where the system has it
 * switched on, with a libfuse that has it (3.18). A thread of each processor then takes what comes from
 * there: no other processor has to be woken.
 */
#ifndef MEMEFS_LINUX_RINGS_H
#define MEMEFS_LINUX_RINGS_H

#include "front.h"

/* libfuse's words for it. One request at a time for each processor: its thread handles no more, and what it
 * had answered would not be sent off while it handles the next, which may wait for what the kernel does then.
 */
#define RINGS_WORDS "io_uring,io_uring_q_depth=1,"

/* Whether they are to be had: NULL, or why not. */
const char *rings_lack(void);

/* Makes front->rings (rings_free), which the operations go through from now on. False: out of memory. */
bool rings_attach(struct front *front, struct fuse_lowlevel_ops *operations);

/* At INIT: what the kernel and libfuse are told. */
void rings_init(struct front *front, struct fuse_conn_info *connection);

/* A request has come through one. */
bool rings_used(const struct front *front);

/* libfuse's own loop, which ends its threads. 0 or an errno. */
int rings_run(struct front *front);

void rings_free(struct front *front);

#endif
