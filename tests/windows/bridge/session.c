/*
 * session.c: the mount, and the threads that read the kernel's requests and answer them.
 */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADERS_BYTES 8192u /* of requests and answers, and a page, besides data */

int op_init(struct bridge_request *request)
{
	const struct fuse_init_in *in = request->body;
	struct fuse_init_out *out = request->out;
	memset(out, 0, sizeof *out);
	out->major = FUSE_KERNEL_VERSION;
	out->minor = FUSE_KERNEL_MINOR_VERSION;
	out->max_readahead = in->max_readahead;
	out->flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC |
				  FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_ASYNC_DIO);
	out->max_background = BRIDGE_THREADS;
	out->congestion_threshold = BRIDGE_THREADS;
	out->max_write = BRIDGE_DATA_MAX;
	out->max_pages = BRIDGE_DATA_MAX / 4096;
	out->time_gran = 100;
	request->out_size = sizeof *out;
	return in->major == FUSE_KERNEL_VERSION ? 0 : EPROTO;
}

int op_destroy(struct bridge_request *request)
{
	(void)request;
	return 0;
}

/* Every request is short: the answer comes anyway. */
int op_interrupt(struct bridge_request *request)
{
	request->silent = true;
	return 0;
}

const char *request_string(const struct bridge_request *request, size_t skip, unsigned index)
{
	const char *at = request->body, *end = at + request->body_size;
	if (skip > request->body_size)
		return NULL;
	at += skip;
	for (;; index--) {
		const char *stop = memchr(at, '\0', (size_t)(end - at));
		if (stop == NULL || index == 0)
			return stop != NULL ? at : NULL;
		at = stop + 1;
	}
}

/* ---- one request -------------------------------------------------------------------------------- */

static int perform(struct bridge_request *request, const struct bridge_operation *operation)
{
	struct bridge *bridge = request->bridge;
	if (operation == NULL)
		return ENOSYS;
	if (request->body_size < operation->body_min)
		return EINVAL;
	if (operation->names_path)
		pthread_rwlock_rdlock(&bridge->tree);
	int error = operation->handler(request);
	if (operation->names_path)
		pthread_rwlock_unlock(&bridge->tree);
	return error;
}

static void answer(const struct bridge_request *request, int error)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof header + (error == 0 ? request->out_size : 0)),
		.error = -error,
		.unique = request->header->unique,
	};
	struct iovec parts[] = {{&header, sizeof header}, {request->out, header.len - sizeof header}};
	/* ENOENT: interrupted meanwhile; ENODEV: unmounted. */
	if (writev(request->bridge->device, parts, header.len > sizeof header ? 2 : 1) < 0 &&
	    errno != ENOENT && errno != ENODEV)
		bridge_odd("the kernel refuses an answer of %u bytes: %s", header.len, strerror(errno));
}

static void serve(struct bridge *bridge, void *in, size_t size, void *out)
{
	struct bridge_request request = {
		.bridge = bridge,
		.header = in,
		.body = (char *)in + sizeof(struct fuse_in_header),
		.body_size = size - sizeof(struct fuse_in_header),
		.out = out,
	};
	const struct bridge_operation *operation = operation_find(request.header->opcode);
	int error = perform(&request, operation);
	if (bridge->api.debug_log != 0)
		service_debug("[TID=%04x]: %s(%u) of %llx: %s\n", GetCurrentThreadId(),
			      operation != NULL ? operation->name : "?", request.header->opcode,
			      (unsigned long long)request.header->nodeid, strerror(error));
	if (!request.silent)
		answer(&request, error);
}

/* ---- threads ----------------------------------------------------------------------------------------- */

/* The size of the next request; 0: there will be no more. */
static size_t next_request(struct bridge *bridge, void *in, size_t room)
{
	struct pollfd wait[] = {{.fd = bridge->device, .events = POLLIN},
				{.fd = bridge->stop_signal, .events = POLLIN}};
	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (wait[1].revents != 0)
			return 0;
		ssize_t size = read(bridge->device, in, room);
		if (size >= (ssize_t)sizeof(struct fuse_in_header))
			return (size_t)size;
		if (size < 0 && errno == ENODEV) {
			bridge->unmounted = true;
			return 0;
		}
		if (size >= 0 || (errno != EAGAIN && errno != EINTR && errno != ENOENT)) {
			bridge_odd("reading a request: %s", size < 0 ? strerror(errno) : "too short");
			return 0;
		}
	}
}

/* The last thread tells the program that its volume has gone, when it was not the program's wish. */
static void thread_ends(struct bridge *bridge)
{
	if (atomic_fetch_sub(&bridge->running, 1) != 1)
		return;
	bool normally = bridge->stopping;
	if (bridge->calls.dispatcher_stopped != NULL)
		bridge->calls.dispatcher_stopped(&bridge->api, normally);
	else if (!normally)
		service_end();
}

static DWORD WINAPI thread_main(void *context)
{
	struct bridge *bridge = context;
	size_t room = BRIDGE_DATA_MAX + HEADERS_BYTES, size;
	char *in = malloc(room), *out = malloc(room);
	if (in == NULL || out == NULL)
		bridge_odd("no memory for a thread");
	while (in != NULL && out != NULL && (size = next_request(bridge, in, room)) != 0)
		serve(bridge, in, size, out);
	free(out);
	free(in);
	thread_ends(bridge);
	return 0;
}

static int start_threads(struct bridge *bridge, unsigned count)
{
	bridge->running = count;
	for (; bridge->thread_count < count; bridge->thread_count++) {
		HANDLE thread = CreateThread(NULL, 0, thread_main, bridge, 0, NULL);
		if (thread == NULL) {
			bridge->running -= count - bridge->thread_count;
			return EAGAIN;
		}
		bridge->threads[bridge->thread_count] = thread;
	}
	return 0;
}

/* ---- the mount --------------------------------------------------------------------------------------- */

static int open_root(struct bridge *bridge)
{
	struct bridge_path path = {.units = 1, .text = {'\\', 0}};
	struct bridge_open open;
	path.leaf = path.text + 1;
	int error = driver_open(bridge, &path, FILE_DIRECTORY_FILE, DRIVER_READ_ONLY, &open);
	if (error != 0)
		return error;
	bridge->root = open.node;
	tree_hold(bridge, open.node, 1);
	driver_close(bridge, &open);
	return 0;
}

static int mount_on(struct bridge *bridge)
{
	char options[200];
	bridge->device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (bridge->device < 0)
		return errno;
	snprintf(options, sizeof options,
		 "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions,allow_other", bridge->device,
		 S_IFDIR, (unsigned)geteuid(), (unsigned)getegid());
	unsigned long flags = MS_NODEV | MS_NOSUID;
	if (bridge->params.flags & WFS_READ_ONLY_VOLUME)
		flags |= MS_RDONLY;
	return mount("memefs.exe", bridge->directory, "fuse.memefs-bridge", flags, options) == 0 ? 0 : errno;
}

int session_start(struct bridge *bridge, unsigned threads)
{
	int error = open_root(bridge);
	if (error != 0)
		return error;
	bridge->stop_signal = eventfd(0, EFD_CLOEXEC);
	if (bridge->stop_signal < 0)
		return errno;
	error = mount_on(bridge);
	if (error != 0)
		bridge->unmounted = true;
	else
		error = start_threads(bridge, threads);
	if (error != 0)
		session_stop(bridge);
	return error;
}

void session_stop(struct bridge *bridge)
{
	uint64_t one = 1;
	if (bridge->stop_signal < 0)
		return;
	bridge->stopping = true;
	if (!bridge->unmounted && umount2(bridge->directory, MNT_DETACH) != 0)
		bridge_odd("unmounting %s: %s", bridge->directory, strerror(errno));
	if (write(bridge->stop_signal, &one, sizeof one) != sizeof one)
		abort();
	while (bridge->thread_count > 0) {
		HANDLE thread = bridge->threads[--bridge->thread_count];
		WaitForSingleObject(thread, INFINITE);
		CloseHandle(thread);
	}
	close(bridge->stop_signal);
	bridge->stop_signal = -1;
	if (bridge->device >= 0)
		close(bridge->device);
	bridge->device = -1;
}
