/*
 * options: the command line that both programs share.
 *
 * One parser; a front end says in cli_capabilities what it honours. Nothing here knows FUSE,
 * WinFsp or an operating system, nothing is printed, and nothing below this floor knows an option.
 */
#ifndef MEMEFS_CLI_OPTIONS_H
#define MEMEFS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "memefs.h"

/* ---- what a front end can do -------------------------------------------------------- */

/* One bit for each option, or group of options, that not every system honours. What is not
 * listed here (-i -s -n -l -m --foreground --verbose --unit --help --version) both do. */
#define CLI_FLUSH (1u << 0)	      /* -f */
#define CLI_FILESYSTEM_NAME (1u << 1) /* -F */
#define CLI_ROOT_SDDL (1u << 2)	      /* -S */
#define CLI_VOLUME_PREFIX (1u << 3)   /* -u; with it a mount point may be missing */
#define CLI_TIMEOUT (1u << 4)	      /* -t */
#define CLI_DEBUG (1u << 5)	      /* -d and -D */
#define CLI_MOUNT_WORDS (1u << 6)     /* -o */
#define CLI_SOURCE (1u << 7)	      /* SOURCE MOUNTPOINT, and being called as mount.memefs */
#define CLI_UNMOUNT_BY_US (1u << 8)   /* --unmount */
#define CLI_STATUS_BY_US (1u << 9)    /* --status, --stats */
#define CLI_SERVICE (1u << 10)	      /* --install-service, --remove-service */
#define CLI_LAUNCHER (1u << 11)	      /* --register-launcher, --unregister-launcher */
#define CLI_TMPFS (1u << 12)	      /* --store=tmpfs and -o huge= */

/* An option whose bit is in neither set is refused. */
struct cli_capabilities {
	uint32_t honours;	 /* bits of options that have their effect */
	uint32_t without_effect; /* bits of options that are taken, and said to have none here */
	uint64_t memory_total;	 /* bytes that a size of 100% means; 0: os_memory_total() is asked */
	/* The root directory's permission bits, owner and group when none are given: those of
	 * whoever mounts. When that is user 0, mount_words begin with dev,suid. */
	uint32_t root_mode, root_uid, root_gid;
};

/* ---- what was asked for --------------------------------------------------------------- */

enum cli_action {
	CLI_MOUNT,
	CLI_UNMOUNT,		/* target: the mount point */
	CLI_STATUS,		/* target: the mount point */
	CLI_STATS,		/* target: the mount point */
	CLI_HELP,		/* call cli_help */
	CLI_VERSION,		/* call cli_version */
	CLI_NOTHING,		/* mount(8) asked for a check only (-f): succeed */
	CLI_INSTALL_SERVICE,	/* target: the name; the other options are the service's */
	CLI_REMOVE_SERVICE,	/* target: the name */
	CLI_REGISTER_LAUNCHER,	/* target: the name; the other options are the instances' */
	CLI_UNREGISTER_LAUNCHER /* target: the name */
};

enum cli_store { CLI_STORE_AUTO, CLI_STORE_TMPFS, CLI_STORE_SECTORS };
enum cli_huge { CLI_HUGE_NEVER, CLI_HUGE_ALWAYS, CLI_HUGE_WITHIN_SIZE, CLI_HUGE_ADVISE };
enum cli_atime { CLI_ATIME_RELATIVE, CLI_ATIME_NEVER, CLI_ATIME_STRICT };
enum cli_streams { CLI_STREAMS_XATTR, CLI_STREAMS_COLON };

#define CLI_LABEL_BYTES 97 /* 32 UTF-16 units as bytes, and a NUL */
#define CLI_WORDS_BYTES 2048

/* Strings point into argv unless they are arrays; all end with a NUL. */
struct cli_options {
	enum cli_action action;
	const char *target; /* what the action is about: a mount point or a name; CLI_MOUNT: as point */
	const char *point;  /* where to mount, also for a service or launcher entry to be made; NULL: none */
	int action_at;	    /* argv index of --install-service / --register-launcher ..., 0: none */
	int action_words;   /* how many words of argv that option takes: 1 (--x=NAME) or 2 */

	/* the volume */
	bool case_insensitive;			/* -i */
	bool bytes_given, nodes_given;		/* -s, -n */
	uint64_t max_bytes;			/* -s, 0: what the machine has left */
	uint64_t max_nodes;			/* -n, 0: no limit of its own */
	uint32_t unit_sectors;			/* --unit: 1, 2, 4 ... 128 */
	char label[CLI_LABEL_BYTES];		/* -l, "MEMEFS" when not given */
	uint32_t root_mode, root_uid, root_gid; /* -o mode= uid= gid=, or the capabilities' */
	bool read_only;				/* -o ro */
	enum cli_store store;			/* --store */
	enum cli_huge huge;			/* -o huge= */
	bool lock_memory;			/* --lock-memory */

	/* the program */
	bool foreground; /* --foreground */
	bool verbose;	 /* --verbose */

	/* Windows */
	bool flush_and_purge;	     /* -f */
	const char *filesystem_name; /* -F, at most 15 UTF-16 units; NULL: not given */
	const char *root_sddl;	     /* -S, not checked here; NULL: not given */
	const char *volume_prefix;   /* -u, \Server\Share, at most 191 UTF-16 units; NULL: not given or "" */
	bool timeout_given;
	uint32_t timeout;      /* -t, milliseconds; UINT32_MAX: for ever */
	uint32_t debug_flags;  /* -d, 0: no log */
	const char *debug_log; /* -D, "-" is stderr; NULL: not given */

	/* Linux */
	const char *source;	  /* mount(8)'s first word; NULL: none */
	bool nonempty;		  /* -o nonempty: mount over a directory that has entries */
	bool noxattr;		  /* -o noxattr */
	enum cli_streams streams; /* -o streams=: xattr (also when not given), colon: file:stream as well */
	bool allow_other, allow_root;
	bool default_permissions;
	bool auto_unmount;
	bool rings;	      /* -o io_uring */
	enum cli_atime atime; /* -o relatime (also when not given), noatime, strictatime */
	bool no_dir_atime;    /* -o nodiratime */
	bool remount;	      /* -o remount: change what is mounted */
	/* Every -o word that is libfuse's or mount(2)'s business (ro, noexec, allow_other, fsname=,
	 * subtype=, max_read=, auto_unmount, noatime, ...), checked, separated by commas, to be handed
	 * to libfuse as they are. Always has fsname= and subtype=. Not in it: what only the program
	 * itself can honour and has a field above (nonempty, noxattr, default_permissions). */
	char mount_words[CLI_WORDS_BYTES];
	size_t own_words; /* where in it that begins which the program did not put there by itself */
};

/* The exit status that a wrong command line, and a wrong mount point, ends with. */
#define CLI_EXIT_WRONG 2

#define CLI_MESSAGE_BYTES 2048

/* Reads a command line, in UTF-8; argv is not changed. True: `options` is filled, and `message`
 * has the lines to print on stderr (each with its line end; mostly none) about options without
 * effect.
 * False: the command line is wrong, `message` is the one line that says why (with its line
 * end), and the program ends with CLI_EXIT_WRONG. Not for two threads at once (getopt). */
bool cli_parse(int argc, char *const argv[], const struct cli_capabilities *can, struct cli_options *options,
	       char message[CLI_MESSAGE_BYTES]);

/* The end of the word that begins a list: a comma that no backslash or quotes hide. */
size_t cli_word_length(const char *list);

/* Sets what the command line decides of a volume: limits, unit, case, label, read-only, the
 * root's mode and owner. The rest (order, size_is_promise, serial, root_security) is the front
 * end's and stays as it is. `options` must outlive the call of mfs_volume_create. */
void cli_volume_options(const struct cli_options *options, struct mfs_options *volume);

/* ---- texts ------------------------------------------------------------------------------- */

struct cli_program {
	const char *version; /* "1.0.0" */
	const char *system;  /* what it was built for and on: "Linux, libfuse 3.14.0" */
	const char *notice;  /* further lines with their line ends (other people's notices); NULL: none */
};

/* --help: only the options that `can` honours or takes. --version: one line, licence, notice. */
void cli_help(FILE *to, const struct cli_capabilities *can, const struct cli_program *program);
void cli_version(FILE *to, const struct cli_program *program);

#endif
