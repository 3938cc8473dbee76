/*
 * transport: how requests and answers pass between libfuse and the kernel.
 */
#ifndef MEMEFS_LINUX_TRANSPORT_H
#define MEMEFS_LINUX_TRANSPORT_H

#include "front.h"

/* Puts itself between a mounted session and /dev/fuse, to ask for what this libfuse cannot ask
 * for (HANDLE_KILLPRIV_V2). Does nothing where libfuse can. 0 or a negative errno. */
int transport_attach(struct fuse_session *session);

#endif
