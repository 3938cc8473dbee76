/*
 * transport: reads and writes the session's messages in libfuse's place, for two things that libfuse
 * has no word for. It counts the requests that give something back when they are read, so that
 * statfs can wait for them. And, before 3.17, it asks the kernel for HANDLE_KILLPRIV_V2 and for passthrough
 * by adding their bits to the answer to INIT: without the first the kernel asks for security.capability
 * before every single write. No other message is looked into.
 */
#include "transport.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "recent.h"

#define SHORT_BYTES 512 /* an answer without data is never longer */

#ifdef FUSE_CAP_PASSTHROUGH

static void look_for_init(struct front *front, const struct fuse_in_header *head, size_t size)
{
	(void)front, (void)head, (void)size;
}

static void add_to_init(struct front *front, struct iovec *answer)
{
	(void)front, (void)answer;
}

#else

/* The protocol's, since 7.36 and 7.40: the request's and the answer's fields behind `flags`. */
struct init_in {
	uint32_t major, minor, max_readahead, flags, flags2;
};
struct init_out {
	uint32_t major, minor, max_readahead, flags;
	uint16_t max_background, congestion_threshold;
	uint32_t max_write, time_gran;
	uint16_t max_pages, map_alignment;
	uint32_t flags2, max_stack_depth;
};
#	define INIT_EXT (UINT32_C(1) << 30)
#	define INIT2_PASSTHROUGH (UINT32_C(1) << 5)

/* Remembers the INIT request, and what this kernel knows and libfuse does not. */
static void look_for_init(struct front *front, const struct fuse_in_header *head, size_t size)
{
	struct init_in init = {0};

	size -= sizeof *head;
	memcpy(&init, head + 1, size < sizeof init ? size : sizeof init);
	front->can_passthrough = init.flags & INIT_EXT && init.flags2 & INIT2_PASSTHROUGH;
	front->can_killpriv = init.flags & FUSE_HANDLE_KILLPRIV_V2;
	atomic_store_explicit(&front->init_unique, head->unique, memory_order_relaxed);
}

/* What was asked for, and is to be had. */
static void add_to_init(struct front *front, struct iovec *answer)
{
	struct init_out *init = answer->iov_base;

	if (front->can_killpriv && answer->iov_len >= offsetof(struct init_out, flags) + sizeof init->flags)
		init->flags |= FUSE_HANDLE_KILLPRIV_V2;
	if (front->backing && answer->iov_len >= sizeof *init) {
		init->flags |= INIT_EXT;
		init->flags2 |= INIT2_PASSTHROUGH;
		init->max_stack_depth = 1; /* the tmpfs stands on nothing */
	}
}

#endif

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
	counts_add(&front->counts, head->opcode);
	if (head->opcode == FUSE_FORGET || head->opcode == FUSE_BATCH_FORGET || head->opcode == FUSE_RELEASE)
		atomic_fetch_add_explicit(&front->settling, 1, memory_order_relaxed);
	else if (head->opcode == FUSE_INIT)
		look_for_init(front, head, (size_t)size);
	return size;
}

static size_t length(const struct iovec *vector, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += vector[i].iov_len;
	return size;
}

/* In one piece: the kernel holds a page of ours in memory for each. */
static ssize_t write_short(int fd, const struct iovec *vector, int count)
{
	char answer[SHORT_BYTES];
	size_t size = 0;
	ssize_t written;

	for (int i = 0; i < count; i++) {
		memcpy(answer + size, vector[i].iov_base, vector[i].iov_len);
		size += vector[i].iov_len;
	}
	written = write(fd, answer, size);
	/* People's data may have stood in it: none of a core dump's business. */
	explicit_bzero(answer, size);
	return written;
}

static ssize_t send_answer(int fd, struct iovec *vector, int count, void *user)
{
	struct front *front = user;
	const struct fuse_out_header *head = vector[0].iov_base;
	uint64_t init = atomic_load_explicit(&front->init_unique, memory_order_relaxed);

	if (init && head->unique == init && !head->error && count > 1)
		add_to_init(front, &vector[1]);
	if (length(vector, count) > SHORT_BYTES)
		return writev(fd, vector, count);
	return write_short(fd, vector, count);
}

int transport_attach(struct fuse_session *session)
{
	static const struct fuse_custom_io io = {.read = receive, .writev = send_answer};

	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
