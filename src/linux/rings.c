/*
 * rings: libfuse reads these requests by itself, so transport.c does not see them: what it does when a
 * message is read is done here when an operation begins. Threads are libfuse's, one of each processor, which
 * also answers: an io_uring request that another thread has sent off is cancelled when that thread ends.
 */
#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)

struct rings {
	struct fuse_lowlevel_ops plain;
	atomic_bool used;
};

const char *rings_lack(void)
{
	int file = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);
	char state = 'N';

	if (file < 0)
		return "this kernel does not have it (Linux 6.14 does)";
	if (read(file, &state, 1) != 1)
		state = 'N';
	close(file);
	return state == 'Y' ? NULL : "it is switched off (/sys/module/fuse/parameters/enable_uring)";
}

/* ---- operations -------------------------------------------------------------------------------------- */

/* libfuse ends its threads by cancelling them, wherever they are: not while locks are held. What waits in a
 * ring is woken by an event as well. */
static const struct fuse_lowlevel_ops *begin(fuse_req_t req, uint32_t opcode)
{
	struct front *front = front_of(req);
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	counts_add(&front->counts, opcode);
	if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_RELEASE)
		atomic_fetch_add_explicit(&front->settling, 1, memory_order_relaxed);
	if (!atomic_load_explicit(&front->rings->used, memory_order_relaxed) && fuse_req_is_uring(req))
		atomic_store_explicit(&front->rings->used, true, memory_order_relaxed);
	return &front->rings->plain;
}

#	define INFO struct fuse_file_info *info

/* operation, opcode, parameters and arguments behind the request */
#	define OPERATIONS(_)                                                                               \
		_(lookup, 1, (fuse_req_t req, fuse_ino_t at, const char *name), (req, at, name))            \
		_(forget, 2, (fuse_req_t req, fuse_ino_t at, uint64_t lookups), (req, at, lookups))         \
		_(getattr, 3, (fuse_req_t req, fuse_ino_t at, INFO), (req, at, info))                       \
		_(setattr, 4, (fuse_req_t req, fuse_ino_t at, struct stat * to, int what, INFO),            \
		  (req, at, to, what, info))                                                                \
		_(readlink, 5, (fuse_req_t req, fuse_ino_t at), (req, at))                                  \
		_(symlink, 6, (fuse_req_t req, const char *target, fuse_ino_t at, const char *name),        \
		  (req, target, at, name))                                                                  \
		_(mknod, 8, (fuse_req_t req, fuse_ino_t at, const char *name, mode_t mode, dev_t device),   \
		  (req, at, name, mode, device))                                                            \
		_(mkdir, 9, (fuse_req_t req, fuse_ino_t at, const char *name, mode_t mode),                 \
		  (req, at, name, mode))                                                                    \
		_(unlink, 10, (fuse_req_t req, fuse_ino_t at, const char *name), (req, at, name))           \
		_(rmdir, 11, (fuse_req_t req, fuse_ino_t at, const char *name), (req, at, name))            \
		_(rename, 12,                                                                               \
		  (fuse_req_t req, fuse_ino_t from, const char *from_name, fuse_ino_t to,                   \
		   const char *to_name, unsigned flags),                                                    \
		  (req, from, from_name, to, to_name, flags))                                               \
		_(link, 13, (fuse_req_t req, fuse_ino_t at, fuse_ino_t to, const char *name),               \
		  (req, at, to, name))                                                                      \
		_(open, 14, (fuse_req_t req, fuse_ino_t at, INFO), (req, at, info))                         \
		_(read, 15, (fuse_req_t req, fuse_ino_t at, size_t size, off_t offset, INFO),               \
		  (req, at, size, offset, info))                                                            \
		_(write, 16,                                                                                \
		  (fuse_req_t req, fuse_ino_t at, const char *from, size_t size, off_t offset, INFO),       \
		  (req, at, from, size, offset, info))                                                      \
		_(statfs, 17, (fuse_req_t req, fuse_ino_t at), (req, at))                                   \
		_(release, 18, (fuse_req_t req, fuse_ino_t at, INFO), (req, at, info))                      \
		_(setxattr, 21,                                                                             \
		  (fuse_req_t req, fuse_ino_t at, const char *name, const char *value, size_t size,         \
		   int flags),                                                                              \
		  (req, at, name, value, size, flags))                                                      \
		_(getxattr, 22, (fuse_req_t req, fuse_ino_t at, const char *name, size_t size),             \
		  (req, at, name, size))                                                                    \
		_(listxattr, 23, (fuse_req_t req, fuse_ino_t at, size_t size), (req, at, size))             \
		_(removexattr, 24, (fuse_req_t req, fuse_ino_t at, const char *name), (req, at, name))      \
		_(opendir, 27, (fuse_req_t req, fuse_ino_t at, INFO), (req, at, info))                      \
		_(readdir, 28, (fuse_req_t req, fuse_ino_t at, size_t size, off_t offset, INFO),            \
		  (req, at, size, offset, info))                                                            \
		_(access, 34, (fuse_req_t req, fuse_ino_t at, int what), (req, at, what))                   \
		_(create, 35, (fuse_req_t req, fuse_ino_t at, const char *name, mode_t mode, INFO),         \
		  (req, at, name, mode, info))                                                              \
		_(ioctl, 39,                                                                                \
		  (fuse_req_t req, fuse_ino_t at, unsigned command, void *argument, INFO, unsigned flags,   \
		   const void *in, size_t in_size, size_t out_size),                                        \
		  (req, at, command, argument, info, flags, in, in_size, out_size))                         \
		_(forget_multi, 42, (fuse_req_t req, size_t count, struct fuse_forget_data * forgets),      \
		  (req, count, forgets))                                                                    \
		_(fallocate, 43, (fuse_req_t req, fuse_ino_t at, int mode, off_t offset, off_t size, INFO), \
		  (req, at, mode, offset, size, info))                                                      \
		_(readdirplus, 44, (fuse_req_t req, fuse_ino_t at, size_t size, off_t offset, INFO),        \
		  (req, at, size, offset, info))                                                            \
		_(lseek, 46, (fuse_req_t req, fuse_ino_t at, off_t offset, int whence, INFO),               \
		  (req, at, offset, whence, info))                                                          \
		_(copy_file_range, 47,                                                                      \
		  (fuse_req_t req, fuse_ino_t at, off_t offset, INFO, fuse_ino_t to, off_t to_offset,       \
		   struct fuse_file_info * to_info, size_t size, int flags),                                \
		  (req, at, offset, info, to, to_offset, to_info, size, flags))                             \
		_(tmpfile, 51, (fuse_req_t req, fuse_ino_t at, mode_t mode, INFO), (req, at, mode, info))   \
		_(statx, 52, (fuse_req_t req, fuse_ino_t at, int flags, int mask, INFO),                    \
		  (req, at, flags, mask, info))

#	define TAKE(operation, opcode, parameters, arguments)   \
		static void take_##operation parameters          \
		{                                                \
			begin(req, opcode)->operation arguments; \
		}
OPERATIONS(TAKE)

bool rings_attach(struct front *front, struct fuse_lowlevel_ops *operations)
{
	struct rings *rings = calloc(1, sizeof *rings);

	if (!rings)
		return false;
	rings->plain = *operations;
	front->rings = rings;
#	define WITH(operation, opcode, parameters, arguments) \
		if (operations->operation)                     \
			operations->operation = take_##operation;
	OPERATIONS(WITH)
	return true;
}

/* ---- the session ----------------------------------------------------------------------------------------
 */

void rings_init(struct front *front, struct fuse_conn_info *connection)
{
	if (!front->rings)
		return;
	counts_add(&front->counts, FUSE_INIT);
#	ifdef FUSE_CONN_FLAG_SINGLE_ISSUER
	fuse_set_conn_flag(connection, FUSE_CONN_FLAG_SINGLE_ISSUER);
#	endif
	/* What is written stands in libfuse's buffers: none of a core dump's business. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool rings_used(const struct front *front)
{
	return front->rings && atomic_load_explicit(&front->rings->used, memory_order_relaxed);
}

int rings_run(struct front *front)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result;

	if (!config)
		return ENOMEM;
	result = fuse_session_loop_mt(front->session, config);
	fuse_loop_cfg_destroy(config);
	return result < 0 ? -result : result;
}

#else

const char *rings_lack(void)
{
	return "this libfuse does not have it (3.18 does)";
}

bool rings_attach(struct front *front, struct fuse_lowlevel_ops *operations)
{
	(void)front, (void)operations;
	return false;
}

void rings_init(struct front *front, struct fuse_conn_info *connection)
{
	(void)front, (void)connection;
}

bool rings_used(const struct front *front)
{
	(void)front;
	return false;
}

int rings_run(struct front *front)
{
	(void)front;
	return ENOSYS;
}

#endif

void rings_free(struct front *front)
{
	free(front->rings);
	front->rings = NULL;
}
