/*
 * changed: nodes that have become something else while the kernel knew them: a file or directory that
 * a reparse point makes a symlink, and back, and symlinks that lead elsewhere. The kernel would take
 * the new type of a node it knows for an error (EIO), so symlinks have other numbers (front.h); and it goes
 * on using old names and targets until it is told.
 */
#ifndef MEMEFS_LINUX_CHANGED_H
#define MEMEFS_LINUX_CHANGED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "memefs.h"

struct front;

/* The threads that tell the kernel. */
struct changed {
	pthread_mutex_t lock;
	pthread_cond_t done; /* one has told it */
	unsigned running;    /* lock */
};

void changed_init(struct changed *changed);
/* Waits for the threads. The session still stands. */
void changed_end(struct changed *changed);

/* Makes the kernel look up every name again that it knows (from Linux 6.16 on). */
void changed_look_up_again(struct front *front);

/* What a node was before a change of its reparse data. */
struct changed_kind {
	enum mfs_kind kind;
};
struct changed_kind changed_before(struct front *front, struct mfs_node *node);

/* The change is done, or failed with `error`: makes the kernel forget what is no longer so, then
 * answers the request. */
void changed_reply(fuse_req_t req, struct mfs_node *node, const struct changed_kind *before, int error);

#endif
