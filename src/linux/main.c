/*
 * main: the program memefs on Linux: reads the command line, makes the volume, leaves the terminal,
 * serves, and ends with a status that tells what became of it.
 */
#include "front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "background.h"
#include "backing.h"
#include "log.h"
#include "mount.h"
#include "remount.h"
#include "rings.h"
#include "session.h"

#ifndef MEMEFS_VERSION
#	error "MEMEFS_VERSION is the build's to define"
#endif

#define FOREVER 1e9 /* seconds that kernel caches may be trusted */
#define ROOT_MODE 0755
#define EXIT_BROKEN 1 /* it was mounted, and then something failed */

struct program {
	const struct cli_options *options;
	const char *point; /* absolute */
	struct front front;
	struct background background;
};

static void fill_front(struct front *front, const struct cli_options *options, const char *point)
{
	double timeout = FOREVER;

	if (options->timeout_given && options->timeout != UINT32_MAX)
		timeout = options->timeout / 1000.0;
	/* Root's own mount is root's anyway. */
	front->ask_always = options->allow_root && geteuid() != 0;
	if (front->ask_always)
		timeout = 0;
	front->attr_timeout = timeout;
	/* Where one entry has many spellings the kernel cannot know which of its names a change meant. */
	front->entry_timeout = options->case_insensitive ? 0 : timeout;
	front->negative = !options->case_insensitive && !front->ask_always;
	front->noxattr = options->noxattr;
	front->atime = options->atime;
	front->no_dir_atime = options->no_dir_atime;
	front->generation = mfs_volume_serial(front->volume);
	front->point = point;
	pthread_rwlock_init(&front->streams_lock, NULL);
	changed_init(&front->changed);
}

static void ready(void *context)
{
	struct program *program = context;
	struct front *front = &program->front;
	const char *store = front->backing ? "tmpfs" : "sector";

	if (front->rings && !rings_used(front))
		front->rings_lack = "libfuse or the kernel could not start it";
	fuse_log(FUSE_LOG_INFO, "memefs: %s store%s%s%s%s%s\n", store,
		 front->store_lacks ? ", no tmpfs store: " : "", front->store_lacks ? front->store_lacks : "",
		 rings_used(front) ? ", io_uring" : "", front->rings_lack ? ", no io_uring: " : "",
		 front->rings_lack ? front->rings_lack : "");
	if (program->options->verbose) {
		struct mfs_space space;

		mfs_volume_space(front->volume, &space);
		fprintf(stderr, "memefs: mounted on %s: up to %llu MiB, %s store%s, process %d\n",
			program->point, (unsigned long long)(space.total_bytes >> 20), store,
			rings_used(front) ? ", io_uring" : "", (int)getpid());
		if (front->store_lacks)
			fprintf(stderr, "memefs: no tmpfs store: %s\n", front->store_lacks);
	}
	if (front->rings_lack)
		fprintf(stderr, "memefs: no io_uring: %s\n", front->rings_lack);
	background_ready(&program->background);
}

/* Huge pages are the tmpfs store's, so they ask for it. */
static bool prepare_store(struct front *front, const struct cli_options *options)
{
	front->backing_wanted = options->store == CLI_STORE_TMPFS || options->huge != CLI_HUGE_NEVER;
	if (options->store != CLI_STORE_SECTORS)
		front->backing = backing_make(options, &front->store_lacks);
	if (front->backing || !front->backing_wanted)
		return true;
	log_error("no tmpfs store: %s", front->store_lacks);
	return false;
}

/* Everything that the process has, or will have, once it is touched. */
static bool lock_memory(void)
{
	if (!mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return true;
	log_error("cannot lock memory: %s%s", strerror(errno),
		  errno == ENOMEM || errno == EPERM ? " (ulimit -l says how much a user may)" : "");
	return false;
}

static int serve(struct program *program)
{
	const struct cli_options *options = program->options;
	struct mfs_options volume = {.order = MFS_BY_POSITION};
	enum mfs_status status;
	bool good, mounted;

	cli_volume_options(options, &volume);
	if (options->lock_memory && !lock_memory())
		return CLI_EXIT_WRONG;
	status = mfs_volume_create(&volume, &program->front.volume);
	if (status != MFS_OK) {
		log_error("cannot make the volume: %s", mfs_status_text(status));
		return CLI_EXIT_WRONG;
	}
	fill_front(&program->front, options, program->point);
	if (!prepare_store(&program->front, options)) {
		mfs_volume_destroy(program->front.volume);
		return CLI_EXIT_WRONG;
	}
	good = session_run(&program->front, options, program->point, ready, program, &mounted);
	mfs_volume_destroy(program->front.volume);
	backing_free(program->front.backing);
	return good ? 0 : mounted ? EXIT_BROKEN : CLI_EXIT_WRONG;
}

static int mount_volume(const struct cli_options *options)
{
	char *point = mount_check(options->target, options->nonempty);
	struct program program = {.options = options, .point = point};
	const char *log = options->debug_log ? options->debug_log : options->debug_flags ? "-" : NULL;
	int status = CLI_EXIT_WRONG;

	if (!point)
		return CLI_EXIT_WRONG;
	if ((!log || log_open(log)) && background_enter(&program.background, options->foreground, &status)) {
		/* A daemon that stands in a directory keeps it from being unmounted: its own, too. */
		if (chdir("/"))
			log_error("cannot leave the working directory");
		else
			status = serve(&program);
	}
	free(point);
	return status;
}

static struct cli_capabilities capabilities(void)
{
	return (struct cli_capabilities){
		.honours = CLI_TIMEOUT | CLI_DEBUG | CLI_MOUNT_WORDS | CLI_SOURCE | CLI_UNMOUNT_BY_US |
			   CLI_STATUS_BY_US | CLI_TMPFS,
		.without_effect = CLI_FLUSH | CLI_FILESYSTEM_NAME | CLI_ROOT_SDDL | CLI_VOLUME_PREFIX,
		.root_mode = ROOT_MODE,
		.root_uid = geteuid(),
		.root_gid = getegid(),
	};
}

static int act(const struct cli_capabilities *can, const struct cli_options *options)
{
	char system[64];
	const struct cli_program program = {.version = MEMEFS_VERSION, .system = system};

	snprintf(system, sizeof system, "Linux, libfuse %s", fuse_pkgversion());
	switch (options->action) {
	case CLI_MOUNT:
		return options->remount ? remount(options) ? 0 : CLI_EXIT_WRONG : mount_volume(options);
	case CLI_UNMOUNT:
		return mount_remove(options->target) ? 0 : CLI_EXIT_WRONG;
	case CLI_STATUS:
		return mount_status(options->target) ? 0 : CLI_EXIT_WRONG;
	case CLI_STATS:
		return mount_stats(options->target) ? 0 : CLI_EXIT_WRONG;
	case CLI_HELP:
		cli_help(stdout, can, &program);
		return 0;
	case CLI_VERSION:
		cli_version(stdout, &program);
		return 0;
	case CLI_NOTHING:
		return 0;
	default:
		log_error("not available on this system");
		return CLI_EXIT_WRONG;
	}
}

int main(int argc, char *argv[])
{
	const struct cli_capabilities can = capabilities();
	struct cli_options options;
	char message[CLI_MESSAGE_BYTES];
	bool right = cli_parse(argc, argv, &can, &options, message);

	fputs(message, stderr);
	return right ? act(&can, &options) : CLI_EXIT_WRONG;
}
