/*
 * changed: the epoch (Linux 6.16) makes the kernel look every name up again; older kernels have no word
 * for "all names of this node", and learn it from ESTALE when they next ask for attributes. Cached
 * attributes and symlink targets are told to be out of date. That may have to wait for requests under
 * way, so a thread of its own does it, which then answers.
 */
#include "changed.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"
#include "waiting.h"

#define PATIENCE_MS 20

#define NOTIFY_INC_EPOCH 8 /* linux/fuse.h of 6.16 */

void changed_init(struct changed *changed)
{
	pthread_mutex_init(&changed->lock, NULL);
	waiting_init(&changed->done);
	changed->running = 0;
}

void changed_end(struct changed *changed)
{
	pthread_mutex_lock(&changed->lock);
	while (changed->running)
		pthread_cond_wait(&changed->done, &changed->lock);
	pthread_mutex_unlock(&changed->lock);
	pthread_cond_destroy(&changed->done);
	pthread_mutex_destroy(&changed->lock);
}

struct changed_kind changed_before(struct front *front, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	return (struct changed_kind){.kind = info.kind};
}

/* ---- telling the kernel ------------------------------------------------------------------------ */

struct telling {
	fuse_req_t req; /* NULL: it is answered by who waits for this */
	struct front *front;
	uint64_t number;
	bool told, left; /* what is left alone by who waited (changed->lock) */
};

/* The kernel only counts up: this never waits. */
void changed_look_up_again(struct front *front)
{
	const struct fuse_out_header epoch = {.len = sizeof epoch, .error = NOTIFY_INC_EPOCH};

	/* EINVAL: an older kernel. */
	if (write(fuse_session_fd(front->session), &epoch, sizeof epoch) < 0 && errno != EINVAL)
		fuse_log(FUSE_LOG_DEBUG, "cannot tell the kernel to look up again: %s\n", strerror(errno));
}

static void tell(const struct telling *telling)
{
	struct fuse_session *session = telling->front->session;

	changed_look_up_again(telling->front);
	fuse_lowlevel_notify_inval_inode(session, telling->number, 0, 0);
	if (telling->req)
		fuse_reply_err(telling->req, 0);
}

static void *tell_apart(void *argument)
{
	struct telling *telling = argument;
	struct changed *changed = &telling->front->changed;
	bool waited_for = !telling->req;

	tell(telling);
	pthread_mutex_lock(&changed->lock);
	telling->told = true;
	if (!waited_for || telling->left)
		free(telling);
	changed->running--;
	pthread_cond_broadcast(&changed->done);
	pthread_mutex_unlock(&changed->lock);
	return NULL;
}

/* With its own copy; NULL: it could not be. */
static struct telling *start(const struct telling *telling)
{
	struct changed *changed = &telling->front->changed;
	struct telling *copy = malloc(sizeof *copy);
	pthread_t thread;

	if (!copy)
		return NULL;
	*copy = *telling;
	pthread_mutex_lock(&changed->lock);
	changed->running++;
	pthread_mutex_unlock(&changed->lock);
	if (!pthread_create(&thread, NULL, tell_apart, copy)) {
		pthread_detach(thread);
		return copy;
	}
	pthread_mutex_lock(&changed->lock);
	changed->running--;
	pthread_mutex_unlock(&changed->lock);
	free(copy);
	return NULL;
}

/* With rings a request is answered by the thread that took it, for which others may wait: who reads the
 * target, for one. They will read the new one, so it is enough to wait for those that read the old one. */
static void tell_and_wait(struct telling *telling)
{
	struct changed *changed = &telling->front->changed;
	fuse_req_t req = telling->req;
	struct telling *apart;

	telling->req = NULL;
	apart = start(telling);
	if (apart) {
		pthread_mutex_lock(&changed->lock);
		for (int looks = 0; looks < PATIENCE_MS && !apart->told; looks++)
			waiting_for(&changed->done, &changed->lock, 1);
		apart->left = !apart->told;
		if (apart->told)
			free(apart);
		pthread_mutex_unlock(&changed->lock);
	} else {
		tell(telling);
	}
	fuse_reply_err(req, 0);
}

void changed_reply(fuse_req_t req, struct mfs_node *node, const struct changed_kind *before, int error)
{
	struct front *front = front_of(req);
	struct telling telling = {.req = req, .front = front, .number = front_number(node, before->kind)};
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	if (error || (info.kind == before->kind && info.kind != MFS_SYMLINK))
		fuse_reply_err(req, error);
	else if (front->rings)
		tell_and_wait(&telling);
	else if (!start(&telling))
		tell(&telling);
}
