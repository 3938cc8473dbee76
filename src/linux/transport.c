/*
 * transport: reads and writes the session's messages in libfuse's place, for two things that libfuse
 * has no word for. It counts the requests that give something back when they are read, so that
 * statfs can wait for them. And, before 3.17, it asks the kernel for HANDLE_KILLPRIV_V2 by adding
 * its bit to the answer to INIT: without it the kernel asks for security.capability before every
 * single write. No other message is looked into.
 */
#include "transport.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

#include "recent.h"

/* Remembers the INIT request of a kernel that knows the flag, where libfuse does not. */
static void look_for_init(struct front *front, const struct fuse_in_header *head, size_t size)
{
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	(void)front, (void)head, (void)size;
#else
	const struct fuse_init_in *init = (const void *)(head + 1);

	if (size >= sizeof *head + offsetof(struct fuse_init_in, flags) + sizeof init->flags &&
	    init->flags & FUSE_HANDLE_KILLPRIV_V2)
		atomic_store_explicit(&front->init_unique, head->unique, memory_order_relaxed);
#endif
}

static ssize_t receive(int fd, void *buffer, size_t capacity, void *user)
{
	const struct fuse_in_header *head = buffer;
	struct front *front = user;
	ssize_t size;

	do
		size = read(fd, buffer, capacity);
	while (size > 0 && recent_take(front, fd, buffer, (size_t)size));

	if (size < (ssize_t)sizeof *head)
		return size;
	if (head->opcode == FUSE_FORGET || head->opcode == FUSE_BATCH_FORGET || head->opcode == FUSE_RELEASE)
		atomic_fetch_add_explicit(&front->settling, 1, memory_order_relaxed);
	else if (head->opcode == FUSE_INIT)
		look_for_init(front, head, (size_t)size);
	return size;
}

static ssize_t send_answer(int fd, struct iovec *vector, int count, void *user)
{
	struct front *front = user;
	const struct fuse_out_header *head = vector[0].iov_base;
	uint64_t init = atomic_load_explicit(&front->init_unique, memory_order_relaxed);

	if (init && head->unique == init && !head->error && count > 1 &&
	    vector[1].iov_len >= offsetof(struct fuse_init_out, flags) + sizeof(uint32_t)) {
		struct fuse_init_out *answer = vector[1].iov_base;

		answer->flags |= FUSE_HANDLE_KILLPRIV_V2;
	}
	return writev(fd, vector, count);
}

int transport_attach(struct fuse_session *session)
{
	static const struct fuse_custom_io io = {.read = receive, .writev = send_answer};

	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
