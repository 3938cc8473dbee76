/*
 * host.h: the driver's side of WinFsp's contract, for scripts that run inside a mounted program.
 *
 * A script asks for what a Windows program would ask for (open this path with that disposition,
 * write here, close) and the host turns it into the calls that the driver and the DLL would
 * make: which callback, in which order, with which buffers. What it leaves out is listed in
 * docs/windows-tests.md: access checks, sharing modes, oplocks, byte-range locks, the cache.
 */
#ifndef HOST_H
#define HOST_H

#include "contract.h"

/* ---- the file system as the host sees it ----------------------------------------------- */

#define HOST_SLOTS 33	 /* callbacks with a meaning */
#define HOST_STATUSES 64 /* different statuses that one callback may return */

struct host_node;
struct host_file;

struct host_fs {
	struct fsp_file_system api; /* first: what the program holds */
	struct fsp_interface calls; /* the program's callbacks, copied */
	struct fsp_volume_params params;
	bool network;
	WCHAR mount_point[320];

	CRITICAL_SECTION table_lock;
	struct host_node *table[1024]; /* (table_lock) open nodes by name */
	SRWLOCK rename_lock;	       /* shared by opens, exclusive for renames, as the driver has it */

	HANDLE script_thread;
	volatile LONG stopping;

	/* What the callbacks did; interlocked. */
	volatile LONG64 count[HOST_SLOTS];
	volatile LONG64 opened, closed; /* contexts handed out and given back */
	volatile LONG nodes;		/* entries in the table or still referenced */
	volatile LONG oddities;		/* answers that contradict the contract */
	volatile LONG seen[HOST_SLOTS][HOST_STATUSES];
};

/* One slot number for each callback: its index in struct fsp_interface. */
#define SLOT(member) (offsetof(struct fsp_interface, member) / sizeof(void *))
const char *host_slot_name(unsigned slot);

/* Notes that a callback returned a status, and returns it. */
NTSTATUS host_note(struct host_fs *fs, unsigned slot, NTSTATUS status);
/* An answer that contradicts the contract: counted, and told once in the output. */
void host_odd(struct host_fs *fs, const char *format, ...);

/* ---- opening and closing ------------------------------------------------------------------ */

/* Zero-filled but for the name is "open what exists". */
struct host_open {
	const WCHAR *name; /* from the root, with a stream part perhaps */
	ULONG disposition; /* FILE_SUPERSEDE .. FILE_OVERWRITE_IF; see HOST_OPEN below */
	ULONG options;	   /* FILE_DIRECTORY_FILE .. */
	ULONG attributes;
	ULONG access; /* 0: everything */
	UINT64 allocation;
	const void *security; /* self-relative */
	const void *extra;    /* EA list, or reparse data */
	ULONG extra_size;
	bool extra_is_reparse;
	bool check_traverse;   /* the caller lacks the privilege to pass directories unchecked */
	bool target_directory; /* open the parent, as for the target of a rename */
};

/* What a failed or redirected open tells besides its status. */
struct host_answer {
	ULONG information; /* FILE_CREATED ..; with STATUS_REPARSE the tag */
	SIZE_T reparse_size;
	union {
		struct fsp_reparse data;
		UINT8 bytes[FSP_RESPONSE_BUFFER_MAX];
	} reparse;
};

/* Performs a whole open: main file first for a stream, dispositions, symbolic links that stay
 * on the volume (followed like the I/O manager does), the overwrite that follows, delete
 * pending. `answer` may be NULL. */
NTSTATUS host_open(struct host_fs *fs, const struct host_open *how, struct host_file **file,
		   struct host_answer *answer);

void host_cleanup(struct host_file *file); /* the last handle is gone */
void host_close(struct host_file *file);   /* frees the file; cleans up first when that is still due */

/* ---- files ------------------------------------------------------------------------------- */

#define HOST_AT_END UINT64_MAX

NTSTATUS host_read(struct host_file *file, UINT64 offset, void *to, ULONG length, ULONG *done);
NTSTATUS host_write(struct host_file *file, UINT64 offset, const void *from, ULONG length, ULONG *done);
/* As the cache manager writes: the size is set first, then whole pages arrive constrained, with
 * `tail` in the bytes behind the end. */
NTSTATUS host_write_cached(struct host_file *file, UINT64 offset, const void *from, ULONG length, UINT8 tail);
/* One constrained (paging) write as it is. */
NTSTATUS host_write_paging(struct host_file *file, UINT64 offset, const void *from, ULONG length,
			   ULONG *done);
NTSTATUS host_flush(struct host_file *file);

NTSTATUS host_info(struct host_file *file, struct fsp_file_info *info);
/* What the driver last heard of the file, without asking. */
void host_known_info(struct host_file *file, struct fsp_file_info *info);
/* times: creation, access, write, change; 0: leave alone, -1: leave alone and do not touch later.
 * attributes 0: leave alone. */
NTSTATUS host_set_basic(struct host_file *file, ULONG attributes, const INT64 times[4]);
NTSTATUS host_set_size(struct host_file *file, UINT64 size);
NTSTATUS host_set_allocation(struct host_file *file, UINT64 size);

#define HOST_DELETE 1u
#define HOST_DELETE_POSIX 2u
#define HOST_DELETE_READONLY 0x10u
NTSTATUS host_set_delete(struct host_file *file, ULONG flags);

#define HOST_RENAME_REPLACE 1u
#define HOST_RENAME_POSIX 2u
#define HOST_RENAME_READONLY 0x40u
/* `to` is a path from the root. */
NTSTATUS host_rename(struct host_file *file, const WCHAR *to, ULONG flags);

NTSTATUS host_security(struct host_file *file, void *to, SIZE_T *size);
NTSTATUS host_set_security(struct host_file *file, SECURITY_INFORMATION which, void *descriptor);
NTSTATUS host_streams(struct host_file *file, void *to, ULONG capacity, ULONG *size);
NTSTATUS host_ea(struct host_file *file, void *to, ULONG capacity, ULONG *size);
NTSTATUS host_set_ea(struct host_file *file, const void *list, ULONG size);
NTSTATUS host_reparse(struct host_file *file, void *to, SIZE_T *size);
NTSTATUS host_set_reparse(struct host_file *file, const void *data, SIZE_T size);
NTSTATUS host_delete_reparse(struct host_file *file, const void *data, SIZE_T size);
NTSTATUS host_control(struct host_file *file, UINT32 code, const void *in, ULONG in_size, void *out,
		      ULONG out_size, ULONG *done);

/* The context that the program gave for the node, and its name as the driver knows it. */
void *host_context(struct host_file *file);
const WCHAR *host_name(struct host_file *file);

/* ---- directories --------------------------------------------------------------------------- */

#define HOST_LIST_MIN 616u   /* the smallest buffer the driver uses: one entry with the longest name */
#define HOST_LIST_MAX 65536u /* and the largest */

/* One request; `marker` NULL: from the start. */
NTSTATUS host_list_page(struct host_file *file, const WCHAR *pattern, const WCHAR *marker, void *to,
			ULONG length, ULONG *size);
/* The entry at *at of a page, or NULL: no further one. *end: the page says that the listing is over. */
const struct fsp_dir_info *host_list_next(struct host_fs *fs, const void *page, ULONG size, ULONG *at,
					  bool *end);
unsigned host_list_name(const struct fsp_dir_info *entry,
			WCHAR name[256]); /* terminated; returns its length */

struct host_listing {
	struct host_listed {
		WCHAR name[256];
		struct fsp_file_info info;
	} * entries;
	unsigned count, capacity, pages;
};
/* Everything, in pages of `length` bytes. Free with host_listing_free. */
NTSTATUS host_list(struct host_file *file, ULONG length, struct host_listing *listing);
void host_listing_free(struct host_listing *listing);
/* A pattern without wildcards: asks for one name, as FindFirstFile on a full name does. */
NTSTATUS host_find(struct host_file *directory, const WCHAR *name, struct fsp_file_info *info,
		   WCHAR found[256]);

/* ---- the volume ------------------------------------------------------------------------------ */

NTSTATUS host_volume(struct host_fs *fs, struct fsp_volume_info *info);
NTSTATUS host_set_label(struct host_fs *fs, const WCHAR *label, struct fsp_volume_info *info);
NTSTATUS host_flush_volume(struct host_fs *fs);

/* ---- scripts ----------------------------------------------------------------------------------- */

/* A setting from the environment, or from winfsp-host.conf beside the DLL (NAME=VALUE lines). NULL: none. */
const char *host_setting(const char *name);
unsigned long long host_setting_number(const char *name, unsigned long long otherwise);

/* Runs the script that MEMEFS_HOST_SCRIPT names. True: stop the service afterwards. */
bool script_run(struct host_fs *fs);

/* ---- inside the host --------------------------------------------------------------------------- */

struct host_node {
	struct host_node *next; /* (table_lock) chain of the table */
	struct host_node *main; /* of a stream: its file, with a reference */
	WCHAR *name;		/* (table_lock, rename_lock) as the table has it */
	void *context;		/* of the first open */
	UINT64 index;
	bool directory, root;
	bool listed;		      /* (table_lock) in the table */
	int references;		      /* (table_lock) files that hold it, and streams of it */
	int open_count, handle_count; /* (table_lock) */
	bool delete_pending, posix_delete, truncate_on_close; /* (table_lock) */
	struct fsp_file_info info;			      /* (lock) last heard */
	SRWLOCK lock; /* the driver's node lock: shared to read, exclusive to change */
};

struct host_file {
	struct host_fs *fs;
	struct host_node *node;
	struct host_file *main; /* of a stream: the main file, kept open by the driver */
	ULONG granted;
	bool delete_on_close, posix_delete, cleaned;
	bool modified, set_attributes, set_access, set_write, set_change, set_metadata, set_security;
	NTSTATUS disposition_status;
	struct fsp_request request; /* what the program sees as the current operation */
};

#define HOST_DEFAULT_ACCESS 0x001f01ffu

/* Enters and leaves an operation: operation context, guard, debug log. */
void host_enter(struct host_fs *fs, struct fsp_request *request, enum fsp_kind kind);
void host_leave(struct host_fs *fs, struct fsp_request *request, NTSTATUS status);
struct fsp_operation_context *host_operation_context(void);

/* Judges a file information that a callback returned and, with a node, remembers it. */
void host_learn(struct host_fs *fs, struct host_node *node, const struct fsp_file_info *info, const char *by);
UINT64 host_unit(const struct host_fs *fs);

WCHAR *host_copy_name(const WCHAR *name, size_t length);
int host_compare(struct host_fs *fs, const WCHAR *a, const WCHAR *b); /* as the volume compares */
bool host_name_valid(struct host_fs *fs, const WCHAR *path, size_t *keep, size_t *stream_at, bool *data_type);

struct host_node *host_table_open(struct host_fs *fs, struct host_node *fresh, NTSTATUS *status);
void host_table_take_out(struct host_fs *fs, struct host_node *node); /* (table_lock) */
void host_table_drop(struct host_fs *fs, struct host_node *node);     /* (table_lock) one reference less */
void host_table_rename(struct host_fs *fs, const WCHAR *from, const WCHAR *to); /* (rename_lock exclusive) */
/* True when a node other than `self` under this name has handles; posix: ignores them. */
bool host_table_busy(struct host_fs *fs, const WCHAR *name, struct host_node *self, bool below_only);

/* Security descriptors, merged as Windows does it; free with host_descriptor_free. */
NTSTATUS host_descriptor_create(const void *parent, const void *creator, bool directory, void **result);
NTSTATUS host_descriptor_merge(const void *old, SECURITY_INFORMATION which, void *change, void **result);
void host_descriptor_free(void *descriptor);
bool host_descriptor_valid(const void *descriptor, SIZE_T size);

/* The process-wide report of a script: TAP lines. */
void report_open(void);
void report_line(const char *format, ...);
/* One counted check; returns what it was given. */
bool report_check(bool passed, const char *format, ...);
void report_case(const char *name);	/* prefix of the lines that follow */
void report_finish(struct host_fs *fs); /* last checks and the plan, once */
bool report_started(void);

/* Ends the service from inside, as CTRL-C would. */
void host_stop_service(void);
/* As if the user had pressed CTRL-C or CTRL-BREAK: the console handler's way to the stop. */
void host_press(DWORD type);

#endif
