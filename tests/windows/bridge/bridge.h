/*
 * bridge.h: a stand-in for WinFsp's DLL that mounts a Windows file system program on Linux.
 *
 * It is a winelib DLL: the unmodified memefs.exe loads it under Wine, and the Linux kernel's FUSE
 * requests, read from /dev/fuse by several threads, become the calls that WinFsp's driver and
 * DLL would make for them. So ordinary programs use the Windows program as a directory, at once
 * and from several processors.
 *
 * What it does as the driver does: paths from a tree of names, one context for all opens of a
 * file and one Close for each, Cleanup only for what was modified or is deleted, deletes and
 * renames of open files, Overwrite as a second step behind Open, a main file kept open under its
 * streams, one lock for each file (shared to read, exclusive to change), a lock that keeps
 * renames away from everything that is underway with a path, listings that go on behind a name.
 *
 * What it does not emulate:
 *  - access checks, sharing modes, oplocks, byte-range locks, opening by file id, change
 *    notices, security descriptors that are merged or inherited (new files get a copy of their
 *    directory's), SetSecurity, the following of reparse points, DeviceIoControl, labels;
 *  - WinFsp's own guard around callbacks: a program that relies on it is refused;
 *  - Windows' cache manager: the Linux page cache is in front and writes through; with
 *    MEMEFS_BRIDGE_CACHED set, writes arrive as from Windows' cache (size first, then pages),
 *    but at once; else only those of mapped files do;
 *  - several changes at once in one directory: the Linux kernel lets one at a time into it, but
 *    listings and everything elsewhere go on meanwhile;
 *  - the service manager and the launcher: the program runs as a console program, and the
 *    volume's end is the unmounting of the directory.
 *
 * What it adds, as WSL does: owner, group, mode and device number are kept in the extended
 * attributes $LXUID, $LXGID, $LXMOD and $LXDEV of each file, symbolic links and special files are
 * reparse points with WSL's tags, characters that Windows forbids in names are moved to U+F000,
 * and user.NAME among Linux's extended attributes is the named stream NAME. There are no hard
 * links, no ACLs and no setgid directories.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "abi.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define BRIDGE_THREADS 16u		/* at most */
#define BRIDGE_DATA_MAX (1024u * 1024u) /* of one read or write */
#define BRIDGE_NAME_BYTES (3u * WFS_COMPONENT_UNITS + 1)

/* ---- the mounted file system ------------------------------------------------------------- */

#define BRIDGE_BUCKETS 16384u

struct bridge_node;

struct bridge {
	struct wfs_file_system api;	 /* first: what the program holds */
	struct wfs_interface calls;	 /* constant */
	struct wfs_volume_params params; /* constant */
	WCHAR mount_point[320];
	bool insensitive; /* constant */
	bool cached;	  /* writes as the cache manager does; constant */

	/* session.c */
	const char *directory; /* where it is mounted; constant */
	int device;	       /* /dev/fuse; -1: not mounted */
	int stop_signal;       /* readable: the threads end */
	HANDLE threads[BRIDGE_THREADS];
	unsigned thread_count;
	atomic_uint running;
	atomic_bool stopping;  /* the program asked for the end */
	atomic_bool unmounted; /* the kernel asks no more */

	/* Shared while a path is in use, exclusive for a rename. Before any lock below. */
	pthread_rwlock_t tree;
	pthread_mutex_t table_lock;
	struct bridge_node *table[BRIDGE_BUCKETS]; /* (table_lock) by number */
	struct bridge_node *root;		   /* constant once opened */
};

/* The allocation unit in bytes. */
static inline uint32_t bridge_unit(const struct bridge *bridge)
{
	return (uint32_t)bridge->params.sector_size * bridge->params.sectors_per_allocation_unit;
}

/* An answer of the program that contradicts the contract: told on stderr, and counted, so that
 * the process ends with a status other than 0. */
void bridge_odd(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned bridge_oddities(void);

/* ---- nodes: tree.c -------------------------------------------------------------------------- */

/* A file or directory that the kernel knows, or that is open. */
struct bridge_node {
	struct bridge_node *next;   /* (table_lock) */
	UINT64 number;		    /* the program's index number; constant */
	bool directory;		    /* constant */
	uint64_t references;	    /* (table_lock) lookups, opens, and nodes that it is the parent of */
	struct bridge_node *parent; /* (table_lock) NULL: the root, or deleted */
	WCHAR *name;		    /* (table_lock) terminated */
	bool deleted;		    /* (lock, written with table_lock as well) */

	pthread_mutex_t state;
	void *context;	    /* (state) the first open's, for all of them */
	unsigned opens;	    /* (state) Closes to come */
	unsigned borrowers; /* (state) who use the context without an open of their own */
	unsigned put_off;   /* (state) Closes that wait for the borrowers */

	/* The driver's lock of the file: shared to read, exclusive to change. */
	pthread_rwlock_t lock;
	UINT64 written;	  /* (lock) when it was last written; 0: the program knows */
	bool access_told; /* (lock) the access time was set and is to stay */
	bool may_trim;	  /* (lock) room may be set aside behind the end */
};

/* Paths as the program gets them. */
struct bridge_path {
	struct bridge_node *parent; /* of `leaf`; NULL: the root */
	const WCHAR *leaf;	    /* the last component, inside `text` */
	size_t units;
	WCHAR text[WFS_PATH_UNITS]; /* terminated */
};

struct bridge_node *tree_node(struct bridge *bridge, uint64_t id); /* FUSE's number to the node */
uint64_t tree_id(struct bridge *bridge, struct bridge_node *node);

/* The path of a node, or of a name in a directory. ENOENT: deleted. ENAMETOOLONG, EILSEQ. */
int tree_path(struct bridge *bridge, struct bridge_node *node, struct bridge_path *path);
int tree_path_in(struct bridge *bridge, struct bridge_node *directory, const char *name,
		 struct bridge_path *path);

/* The node with this number, made when it is new; with a reference. NULL: no memory. */
struct bridge_node *tree_get(struct bridge *bridge, const struct bridge_path *path,
			     const struct wfs_file_info *info);
void tree_hold(struct bridge *bridge, struct bridge_node *node, uint64_t references);
void tree_drop(struct bridge *bridge, struct bridge_node *node, uint64_t references);
void tree_deleted(struct bridge *bridge, struct bridge_node *node);
void tree_moved(struct bridge *bridge, struct bridge_node *node, const struct bridge_path *to);

/* ---- callbacks as requests: calls.c ------------------------------------------------------------ */

/* A request as the program's guard sees it. */
struct bridge_call {
	struct wfs_request request;
	WCHAR name[WFS_PATH_UNITS]; /* request.buffer */
};
_Static_assert(offsetof(struct bridge_call, name) == offsetof(struct wfs_request, buffer), "buffer");

/* The guard's word; another than STATUS_SUCCESS: call_leave is not to follow. */
NTSTATUS call_enter(struct bridge *bridge, struct bridge_call *call, UINT32 kind);
NTSTATUS call_enter_create(struct bridge *bridge, struct bridge_call *call, UINT32 options,
			   const struct bridge_path *path);
void call_leave(struct bridge *bridge, struct bridge_call *call);

/* One request each. GetSecurityByName, Create and Open are parts of one, in driver.c. */
void call_cleanup(struct bridge *bridge, void *context, const struct bridge_path *deleted, ULONG flags);
void call_close(struct bridge *bridge, void *context);
NTSTATUS call_read(struct bridge *bridge, void *context, void *buffer, UINT64 offset, ULONG size,
		   ULONG *done);
NTSTATUS call_write(struct bridge *bridge, void *context, const void *buffer, UINT64 offset, ULONG size,
		    bool to_end, bool constrained, ULONG *done, struct wfs_file_info *info);
NTSTATUS call_flush(struct bridge *bridge, void *context, struct wfs_file_info *info);
NTSTATUS call_get_file_info(struct bridge *bridge, void *context, struct wfs_file_info *info);
/* 0: left alone. */
NTSTATUS call_set_times(struct bridge *bridge, void *context, UINT64 access, UINT64 write, UINT64 change,
			struct wfs_file_info *info);
NTSTATUS call_set_file_size(struct bridge *bridge, void *context, UINT64 size, bool allocation,
			    struct wfs_file_info *info);
NTSTATUS call_set_delete(struct bridge *bridge, void *context, const struct bridge_path *path);
NTSTATUS call_rename(struct bridge *bridge, void *context, const struct bridge_path *from,
		     const struct bridge_path *to, bool replace);
NTSTATUS call_read_directory(struct bridge *bridge, void *context, WCHAR *marker, void *buffer, ULONG size,
			     ULONG *done);
NTSTATUS call_get_dir_info_by_name(struct bridge *bridge, void *context, const WCHAR *name,
				   struct wfs_dir_info *entry);
NTSTATUS call_get_reparse_point(struct bridge *bridge, void *context, void *buffer, SIZE_T *size);
NTSTATUS call_set_reparse_point(struct bridge *bridge, void *context, void *buffer, SIZE_T size);
NTSTATUS call_get_stream_info(struct bridge *bridge, void *context, void *buffer, ULONG size, ULONG *done);
NTSTATUS call_get_ea(struct bridge *bridge, void *context, void *list, ULONG size, ULONG *done);
NTSTATUS call_set_ea(struct bridge *bridge, void *context, void *list, ULONG size,
		     struct wfs_file_info *info);
NTSTATUS call_overwrite(struct bridge *bridge, void *context, void *eas, ULONG eas_size,
			struct wfs_file_info *info);
NTSTATUS call_get_volume_info(struct bridge *bridge, struct wfs_volume_info *info);

/* ---- what the driver does: driver.c ------------------------------------------------------------ */

/* One open of a node. */
struct bridge_open {
	struct bridge_node *node; /* with a reference */
	void *context;
	struct wfs_file_info info; /* when it was opened */
	bool borrowed;		   /* the context of somebody else's open of a deleted file */
};

/* What a new file is to be. */
struct bridge_new {
	UINT32 options; /* FILE_DIRECTORY_FILE .. */
	UINT32 attributes;
	void *extra; /* EAs or reparse data */
	ULONG extra_size;
	bool extra_is_reparse_point;
	bool or_open; /* what is there already */
};

#define DRIVER_READ_ONLY (FILE_READ_ATTRIBUTES | FILE_READ_EA | SYNCHRONIZE)
#define DRIVER_EVERYTHING 0x001f01ffu

/* What exists. Returns an errno; the caller holds the tree lock. */
int driver_open(struct bridge *bridge, const struct bridge_path *path, UINT32 options, UINT32 access,
		struct bridge_open *open);
/* With what->or_open, opens what is there already. */
int driver_create(struct bridge *bridge, const struct bridge_path *path, const struct bridge_new *what,
		  struct bridge_open *open);
/* A node, also one that is deleted and still open. ESTALE: neither, or its path means another. */
int driver_open_node(struct bridge *bridge, struct bridge_node *node, UINT32 options, UINT32 access,
		     struct bridge_open *open);
void driver_close(struct bridge *bridge, struct bridge_open *open);

/* Takes the name away and closes. `posted`: the program is asked first, as for directories. */
int driver_delete(struct bridge *bridge, const struct bridge_path *path, UINT32 options, bool posted);
int driver_rename(struct bridge *bridge, const struct bridge_path *from, const struct bridge_path *to,
		  bool replace);

/* Tells the program when the file was written, when that is still due; locked exclusively. */
int driver_tell_written(struct bridge *bridge, struct bridge_node *node, void *context);

/* Empties a file by Overwrite; an open that failed so is to be closed. Locked exclusively. */
int driver_overwrite(struct bridge *bridge, struct bridge_open *open);

/* A named stream of an open file. Closed with driver_close_stream. */
int driver_open_stream(struct bridge *bridge, struct bridge_node *node, const WCHAR *name, bool create,
		       bool exclusive, void **context, struct wfs_file_info *info);
void driver_close_stream(struct bridge *bridge, void *context);
int driver_delete_stream(struct bridge *bridge, struct bridge_node *node, const WCHAR *name);

/* ---- metadata: metadata.c --------------------------------------------------------------------------- */

struct bridge_owner {
	uint32_t uid, gid, mode; /* mode with the kind of file */
	uint32_t major, minor;
};
#define OWNER_BYTES 128u /* room for its EA list */

/* Owner and mode as EAs: `to` with room for OWNER_BYTES; returns the size. */
ULONG metadata_to_eas(const struct bridge_owner *owner, void *to);
int metadata_owner(struct bridge *bridge, void *context, const struct wfs_file_info *info,
		   struct bridge_owner *owner);
int metadata_set_owner(struct bridge *bridge, void *context, const struct bridge_owner *owner);
/* Everything that stat tells. */
int metadata_attr(struct bridge *bridge, struct bridge_open *open, struct fuse_attr *attr);

UINT64 time_now(void);
/* 0: before 1601 or too far away. */
UINT64 time_to_nt(uint64_t seconds, uint32_t nanoseconds);

/* WSL's reparse tags, and the reparse buffer without a GUID. */
#define TAG_AF_UNIX 0x80000023u
#define TAG_FIFO 0x80000024u
#define TAG_CHAR_DEVICE 0x80000025u
#define TAG_BLOCK_DEVICE 0x80000026u
#define TAG_SYMLINK 0xA000001Du
#define SYMLINK_VERSION 2u

struct bridge_reparse {
	UINT32 tag;
	UINT16 data_size;
	UINT16 reserved;
	UINT32 version; /* of a symbolic link; then its target */
	char target[4096];
};
#define REPARSE_HEADER 8u
#define SYMLINK_HEADER 12u

/* The target's size in bytes, or -1 with errno set in *error. */
int metadata_target(struct bridge *bridge, void *context, struct bridge_reparse *buffer, int *error);

/* ---- names and statuses: text.c ----------------------------------------------------------------------- */

/* A component from UTF-8. Returns its units, terminated in `to`; 0: *error says why. */
size_t text_to_wide(const char *name, size_t size, WCHAR to[WFS_COMPONENT_UNITS + 1], int *error);
size_t text_from_wide(const WCHAR *from, size_t units, char to[BRIDGE_NAME_BYTES]);
size_t text_units(const WCHAR *text);
int text_errno(NTSTATUS status);

/* ---- serving: session.c and the requests ----------------------------------------------------------------
 */

struct bridge_request {
	struct bridge *bridge;
	const struct fuse_in_header *header;
	void *body; /* with room for a page behind it */
	size_t body_size;
	void *out; /* BRIDGE_DATA_MAX bytes and more */
	size_t out_size;
	bool silent; /* nobody waits for an answer */
};

/* An errno; 0: out and out_size are the answer. */
typedef int bridge_handler(struct bridge_request *request);

struct bridge_operation {
	const char *name;
	bridge_handler *handler;
	size_t body_min;
	bool names_path; /* holds the tree lock shared */
};
/* NULL: unknown. */
const struct bridge_operation *operation_find(uint32_t opcode);

/* The n-th string of the body behind `skip` bytes. NULL: not there. */
const char *request_string(const struct bridge_request *request, size_t skip, unsigned index);
static inline struct bridge_node *request_node(const struct bridge_request *request)
{
	return tree_node(request->bridge, request->header->nodeid);
}
/* Answers with an entry for what is open, adding the kernel's reference. */
int request_entry(struct bridge_request *request, struct bridge_open *open, struct fuse_entry_out *entry);

bridge_handler op_lookup, op_forget, op_batch_forget, op_mknod, op_mkdir, op_symlink, op_unlink, op_rmdir,
	op_rename, op_rename2, op_readlink; /* names.c */
bridge_handler op_open, op_create, op_read, op_write, op_flush, op_release, op_fsync,
	op_fallocate;						       /* files.c */
bridge_handler op_opendir, op_readdir, op_releasedir, op_fsyncdir;     /* directories.c */
bridge_handler op_getattr, op_setattr, op_statfs, op_syncfs;	       /* attributes.c */
bridge_handler op_setxattr, op_getxattr, op_listxattr, op_removexattr; /* xattrs.c */
bridge_handler op_init, op_destroy, op_interrupt;		       /* session.c */

/* An open of the kernel's. Its address is the number that the kernel has. */
struct bridge_handle {
	struct bridge_open open;
	bool modified; /* (node's lock) */

	pthread_mutex_t listing;
	WCHAR **told; /* (listing) names in the order in which they were told; directories only */
	size_t told_count, told_capacity;
};
struct bridge_handle *handle_new(const struct bridge_open *open);
static inline struct bridge_handle *handle_of(uint64_t number)
{
	return (struct bridge_handle *)(uintptr_t)number;
}
/* O_TRUNC, for what was just opened. */
int handle_truncate(struct bridge *bridge, struct bridge_open *open);
/* Cleanup and Close. */
void handle_free(struct bridge *bridge, struct bridge_handle *handle);

int session_start(struct bridge *bridge, unsigned threads);
void session_stop(struct bridge *bridge); /* unmounts and waits for the threads */

/* Ends the service from inside, as CTRL-C would. */
void service_end(void);
/* A line for the debug log. */
void service_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
