/*
 * personality: sets an extended attribute as another user, without being that user: by io_uring, which
 * lends a request the rights that somebody registered. "personality USER PATH NAME VALUE", run as root,
 * prints the name of the errno, or "worked". NFS servers act in the same way, as kernel threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	printf("cannot %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *map(int ring, size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

	if (at == MAP_FAILED)
		die("map the ring");
	return at;
}

/* The rights of this user, as the ring knows them. */
static int register_user(int ring, uid_t user)
{
	int number;

	if (setegid(user) || seteuid(user))
		die("become the user");
	number = (int)syscall(SYS_io_uring_register, ring, IORING_REGISTER_PERSONALITY, NULL, 0);
	if (number < 0)
		die("register rights");
	if (seteuid(0) || setegid(0))
		die("become root again");
	return number;
}

/* Submits one request and waits for its result. */
static int submit(int ring, const struct io_uring_params *params, const struct io_uring_sqe *request)
{
	char *submissions =
		map(ring, params->sq_off.array + params->sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	char *completions = map(ring, params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe),
				IORING_OFF_CQ_RING);
	struct io_uring_sqe *requests = map(ring, params->sq_entries * sizeof *requests, IORING_OFF_SQES);
	const struct io_uring_cqe *results = (void *)(completions + params->cq_off.cqes);

	requests[0] = *request;
	*(unsigned *)(submissions + params->sq_off.array) = 0;
	__atomic_store_n((unsigned *)(submissions + params->sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("submit");
	return results[0].res;
}

int main(int argc, char *argv[])
{
	struct io_uring_params params = {0};
	struct io_uring_sqe request = {.opcode = IORING_OP_SETXATTR};
	int ring, result;

	if (argc != 5)
		return 2;
	ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		die("set io_uring up");
	request.personality = (unsigned short)register_user(ring, (uid_t)atoi(argv[1]));
	request.addr3 = (unsigned long)argv[2];
	request.addr = (unsigned long)argv[3];
	request.addr2 = (unsigned long)argv[4];
	request.len = (unsigned)strlen(argv[4]);
	result = submit(ring, &params, &request);
	printf("%s\n", result < 0 ? strerrorname_np(-result) : "worked");
	return 0;
}
