/*
 * session: one FUSE session: what the kernel is asked for, the threads, the signals, the end.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing.h"
#include "colon.h"
#include "log.h"
#include "mountinfo.h"
#include "recent.h"
#include "rights.h"
#include "rings.h"
#include "serving.h"
#include "transport.h"

#define REQUEST_BYTES (1u << 20) /* largest read and write request: what libfuse's buffers take */
#define READAHEAD_KIB "1024"
#define BACKGROUND_REQUESTS 64 /* read-ahead requests under way at once */
#define THREADS_MOST 16
#define THREADS_FEWEST 4 /* may have to be: some can be waiting for what others do */
#define FUSE_MAJOR 10	 /* /dev/fuse */
#define FUSE_MINOR 229

/* ---- what the kernel is asked for ------------------------------------------------------------ */

static void want(struct fuse_conn_info *connection, unsigned capabilities)
{
	connection->want |= connection->capable & capabilities;
}

/* There is no store of the kind that was asked for: the session is about to end. */
static bool gave_up(const struct front *front)
{
	return front->backing_wanted && front->store_lacks;
}

/* The tmpfs store was prepared if we have the right to use it. Whether the kernel can is known now. */
static void choose_store(struct front *front, struct fuse_conn_info *connection)
{
	enum mfs_status status = MFS_NOT_SUPPORTED;

#ifdef FUSE_CAP_PASSTHROUGH
	front->can_passthrough = fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH);
	connection->max_backing_stack_depth = 1;
#else
	(void)connection;
#endif
	if (!front->backing)
		return;
	/* The volume last: it cannot be without its place again. */
	if (front->can_passthrough)
		status = backing_start(front->backing, fuse_session_fd(front->session), front->volume)
				 ? MFS_NO_SPACE
				 : mfs_volume_back(front->volume, backing_place(front->backing));
	if (status == MFS_OK)
		return;
	front->store_lacks = status == MFS_NOT_SUPPORTED ? "this kernel has no passthrough (Linux 6.9 has)"
							 : mfs_status_text(status);
	backing_stop(front->backing);
	backing_free(front->backing);
	front->backing = NULL;
	if (gave_up(front))
		fuse_session_exit(front->session);
}

static void init(void *user, struct fuse_conn_info *connection)
{
	struct front *front = user;

	front->no_opendir = connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	want(connection, FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_EXPORT_SUPPORT |
				 FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
				 FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_DIO | FUSE_CAP_IOCTL_DIR);
	/* Only the kernel changes this tree, so its caches are never out of date. Writes go through, so
	 * that a full volume is told at the write, and df is exact. */
	connection->want &=
		~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV |
			    FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	want(connection, FUSE_CAP_HANDLE_KILLPRIV_V2); /* else transport.c asks for it */
#endif
	/* With ACLs the umask counts only where a directory has no default ACL: acl.c knows. To have the
	 * kernel check them is to have it check everything. */
	front->acls = !front->noxattr && connection->capable & FUSE_CAP_POSIX_ACL &&
		      connection->capable & FUSE_CAP_DONT_MASK;
	if (front->acls)
		want(connection, FUSE_CAP_DONT_MASK | (front->checks ? 0 : FUSE_CAP_POSIX_ACL));
	choose_store(front, connection);
	rings_init(front, connection);
	connection->max_write = REQUEST_BYTES;
	connection->max_background = BACKGROUND_REQUESTS;
	connection->time_gran = 1;
}

/* Not there, so that the kernel stops asking (ENOSYS): flush, fsync and fsyncdir, which mean nothing to
 * memory; locks, which the kernel keeps by itself. */
static const struct fuse_lowlevel_ops operations = {
	.init = init,
	.lookup = nodes_lookup,
	.forget = nodes_forget,
	.forget_multi = nodes_forget_many,
	.getattr = nodes_getattr,
	.setattr = nodes_setattr,
	.readlink = nodes_readlink,
	.create = names_create,
	.mknod = names_mknod,
	.mkdir = names_mkdir,
	.symlink = names_symlink,
	.link = names_link,
	.unlink = names_unlink,
	.rmdir = names_rmdir,
	.rename = names_rename,
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
	.tmpfile = names_tmpfile,
#endif
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
	.statx = recent_statx,
#endif
	.access = nodes_access,
	.open = files_open,
	.release = files_release,
	.read = files_read,
	.write = files_write,
	.fallocate = files_fallocate,
	.lseek = files_lseek,
	.copy_file_range = files_copy,
	.opendir = dirs_opendir,
	.readdir = dirs_readdir,
	.readdirplus = dirs_readdirplus,
	.getxattr = xattrs_get,
	.setxattr = xattrs_set,
	.listxattr = xattrs_list,
	.removexattr = xattrs_remove,
	.statfs = volume_statfs,
	.ioctl = ioctls_handle,
};

/* ---- the loop ---------------------------------------------------------------------------------- */

static int run_loop(struct front *front)
{
	return front->rings ? rings_run(front) : serving_run(front->serving);
}

/* From another thread. */
static void end_loop(struct front *front)
{
	if (front->rings)
		fuse_session_exit(front->session);
	else
		serving_end(front->serving);
}

/* ---- the keeper: readiness and signals --------------------------------------------------------- */

struct keeper {
	struct front *front;
	const char *point;
	session_ready_fn *ready;
	void *context;
	pthread_t thread;
	atomic_bool left;  /* the loop has ended */
	atomic_bool stood; /* the mount has answered */
	bool told;	   /* why it has not (until the thread has ended: its own) */
};

static void no_action(int signal)
{
	(void)signal;
}

/* The first request through the kernel shows that INIT was taken and the root is there. Another process makes
 * it, which does not hold the connection: if this one were killed while its own request is under way, it
 * could neither answer nor end, and everybody would wait for ever. */
static bool root_answers(struct keeper *keeper)
{
	pid_t child = fork();
	struct stat root;
	int status;

	if (child == 0) {
		close_range(0, ~0U, 0);
		_exit(stat(keeper->point, &root) || root.st_ino != FUSE_ROOT_ID);
	}
	if (child < 0) {
		log_error("cannot fork: %s", strerror(errno));
		keeper->told = true;
		return false;
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Others may have used it, and unmounted it, before our own request came. */
static bool stands(struct keeper *keeper)
{
	bool used = root_answers(keeper) || counts_any(&keeper->front->counts);

	return used && !gave_up(keeper->front);
}

/* The read-ahead that the kernel allows by INIT is small; root may ask for more. */
static void set_readahead(const char *point)
{
	struct mountinfo mounted;
	char path[64];
	int file;

	if (!mountinfo_find(point, &mounted))
		return;
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", mounted.major, mounted.minor);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return; /* an ordinary user's mount keeps the kernel's default */
	if (write(file, READAHEAD_KIB, sizeof READAHEAD_KIB - 1) < 0)
		fuse_log(FUSE_LOG_DEBUG, "cannot set %s: %s\n", path, strerror(errno));
	close(file);
}

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static void *keep(void *argument)
{
	struct keeper *keeper = argument;
	sigset_t set;
	int signal;

	if (stands(keeper)) {
		set_readahead(keeper->point);
		log_fuse_release();
		atomic_store(&keeper->stood, true);
		keeper->ready(keeper->context);
	} else if (!atomic_load(&keeper->left)) {
		end_loop(keeper->front);
		return NULL;
	}
	ending_signals(&set);
	while (sigwait(&set, &signal))
		;
	if (!atomic_load(&keeper->left))
		end_loop(keeper->front);
	return NULL;
}

/* The ending signals are blocked in every thread and waited for by the keeper. */
static bool start_keeper(struct keeper *keeper)
{
	struct sigaction action = {.sa_handler = no_action};
	sigset_t set;
	int error;

	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	ending_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	error = pthread_create(&keeper->thread, NULL, keep, keeper);
	if (error)
		log_error("cannot start a thread: %s", strerror(error));
	return !error;
}

static void end_keeper(struct keeper *keeper)
{
	pthread_kill(keeper->thread, SIGTERM);
	pthread_join(keeper->thread, NULL);
}

/* ---- the session ------------------------------------------------------------------------------- */

/* Whether permissions can be checked here instead of by the kernel (access.h): nobody but the owner may
 * enter, and the kernel can be told to look up every name again (Linux 6.16). */
static bool may_check(const struct cli_options *options)
{
	unsigned major_number = 0, minor_number = 0;
	struct utsname system;

	if (options->allow_other || options->allow_root || options->default_permissions ||
	    options->streams == CLI_STREAMS_COLON)
		return false;
	return !uname(&system) && sscanf(system.release, "%u.%u", &major_number, &minor_number) == 2 &&
	       (major_number > 6 || (major_number == 6 && minor_number >= 16));
}

/* What answers, by the mount's options. */
static bool choose_operations(struct front *front, const struct cli_options *options,
			      struct fuse_lowlevel_ops *chosen)
{
	bool made = true;

	*chosen = operations;
	if (options->streams == CLI_STREAMS_COLON)
		made = colon_attach(front, &operations, chosen);
	if (options->rings)
		front->rings_lack = rings_lack();
	if (made && options->rings && !front->rings_lack)
		made = rings_attach(front, chosen);
	if (!made)
		log_error("out of memory");
	return made;
}

/* libfuse parses its own words out of this list. */
static struct fuse_session *new_session(struct front *front, const struct cli_options *options)
{
	char words[CLI_WORDS_BYTES + 128], program[] = "memefs", dash_o[] = "-o";
	char *argv[] = {program, dash_o, words, NULL};
	struct fuse_args arguments = FUSE_ARGS_INIT(3, argv);
	struct fuse_lowlevel_ops chosen;
	struct fuse_session *session;

	if (!choose_operations(front, options, &chosen))
		return NULL;
	front->owner = geteuid();
	front->checks = may_check(options);
	/* libfuse forbids devices and set-id programs by itself; root's tmpfs has them, and so has ours. */
	snprintf(words, sizeof words, "%s%s%s%s%s%s", front->checks ? "" : "default_permissions,",
		 geteuid() == 0 ? "dev,suid," : "", front->ask_always ? "allow_root," : "",
		 options->debug_flags ? "debug," : "", front->rings ? RINGS_WORDS : "", options->mount_words);
	session = fuse_session_new(&arguments, &chosen, sizeof chosen, front);
	fuse_opt_free_args(&arguments);
	if (!session)
		log_error("libfuse refuses the options: %s", log_fuse_last());
	return session;
}

/* libfuse 3.14 calls it a success when it has no memory to mount with, and gives descriptor 0. */
static bool has_device(struct fuse_session *session)
{
	struct stat device;

	return fstat(fuse_session_fd(session), &device) ||
	       (S_ISCHR(device.st_mode) && device.st_rdev == makedev(FUSE_MAJOR, FUSE_MINOR));
}

/* Mounts; when that fails, says in one line what libfuse or fusermount3 had to say. */
static bool mount_session(struct fuse_session *session, const char *point)
{
	char line[256];
	const char *reason;
	struct log_divert divert;
	int status;

	log_divert(&divert);
	status = fuse_session_mount(session, point);
	if (!status && !has_device(session))
		status = -1;
	log_divert_end(&divert, line, sizeof line);
	reason = *line ? line : log_fuse_last();
	if (status)
		log_error("cannot mount on '%s'%s%s", point, *reason ? ": " : "", reason);
	return status == 0;
}

static unsigned threads_most(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < THREADS_FEWEST)
		return THREADS_FEWEST;
	return processors > THREADS_MOST ? THREADS_MOST : (unsigned)processors;
}

/* Who reads the requests: libfuse, if they come through io_uring. */
static bool prepare_loop(struct front *front)
{
	if (front->rings)
		return true;
	front->serving = serving_make(front->session, threads_most());
	if (front->serving && !transport_attach(front->session))
		return true;
	log_error("out of memory");
	return false;
}

static bool prepare(struct front *front, const struct cli_options *options, struct keeper *keeper)
{
	return prepare_loop(front) && rights_drop(options) && start_keeper(keeper);
}

static bool serve(struct front *front, const struct cli_options *options, const char *point,
		  session_ready_fn *ready, void *context, bool *mounted)
{
	struct keeper keeper = {.front = front, .point = point, .ready = ready, .context = context};
	int error;
	bool good;

	if (!prepare(front, options, &keeper)) {
		fuse_session_unmount(front->session);
		serving_free(front->serving);
		return false;
	}
	error = run_loop(front);
	if (error)
		log_error("reading requests failed: %s", strerror(error));
	good = !error;
	atomic_store(&keeper.left, true);
	/* Before the keeper is waited for: its first request may be under way and never be answered. */
	fuse_session_unmount(front->session);
	end_keeper(&keeper);
	serving_free(front->serving);
	backing_stop(front->backing);
	*mounted = atomic_load(&keeper.stood);
	if (good && !*mounted && gave_up(front))
		log_error("no tmpfs store: %s", front->store_lacks);
	else if (good && !*mounted && !keeper.told)
		log_error("the mount on '%s' does not answer", point);
	return good && *mounted;
}

bool session_run(struct front *front, const struct cli_options *options, const char *point,
		 session_ready_fn *ready, void *context, bool *mounted)
{
	bool good = false;

	*mounted = false;
	log_take_fuse();
	front->session = new_session(front, options);
	if (front->session && mount_session(front->session, point))
		good = serve(front, options, point, ready, context, mounted);
	changed_end(&front->changed);
	colon_free(front);
	if (front->session)
		fuse_session_destroy(front->session);
	rings_free(front);
	front->session = NULL;
	return good;
}
