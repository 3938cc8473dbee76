/*
 * memefs.h: the engine's one door.
 *
 * A volume is a tree of nodes that lives in memory. Front ends (FUSE, WinFsp) see
 * nothing of the engine but this header; the engine knows neither of them, nor any
 * operating system.
 *
 * Conventions
 *  - Every function that can fail returns enum mfs_status; outputs are written only
 *    on MFS_OK unless a comment says otherwise. A failed call changed nothing.
 *  - Names and paths are bytes with a length, not terminated: UTF-8 that can also
 *    carry an unpaired UTF-16 surrogate (WTF-8). Sizes and offsets are in bytes.
 *  - Every function may be called from any thread.
 *  - Nodes and streams are counted references: a pointer handed out is the caller's
 *    to give back with mfs_node_drop / mfs_stream_drop. A node lives while a name,
 *    an open stream or a reference needs it.
 */
#ifndef MEMEFS_H
#define MEMEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mfs_volume;
struct mfs_node;
struct mfs_stream;

/* ---- status ---------------------------------------------------------------- */

/* Every outcome there is. Front ends turn it into errno or NTSTATUS by a table. */
enum mfs_status {
	MFS_OK = 0,
	MFS_NOT_FOUND,	    /* the last component does not exist */
	MFS_PATH_NOT_FOUND, /* an earlier component does not exist */
	MFS_EXISTS,	    /* the name is taken */
	MFS_NOT_DIRECTORY,  /* a directory is needed and this is none */
	MFS_IS_DIRECTORY,   /* this is a directory and must not be one */
	MFS_NOT_EMPTY,	    /* the directory has entries */
	MFS_NO_SPACE,	    /* the byte limit, or memory itself, is used up */
	MFS_NO_NODES,	    /* the node limit is used up */
	MFS_TOO_BIG,	    /* beyond the largest file */
	MFS_NAME_TOO_LONG,  /* over 255 bytes or, with unicode_names, UTF-16 units */
	MFS_NAME_INVALID,   /* empty, ".", "..", NUL or "/" inside, not WTF-8 where it must be */
	MFS_INVALID,	    /* an argument that makes no sense */
	MFS_LOOP,	    /* a directory would move into itself */
	MFS_TOO_MANY_LINKS,
	MFS_END_OF_FILE,      /* read at or past the end */
	MFS_NO_DATA,	      /* no data (or hole) at or after the offset */
	MFS_NO_ATTRIBUTE,     /* no such EA or xattr */
	MFS_BUFFER_TOO_SMALL, /* the needed size was written */
	MFS_TOO_LARGE,	      /* a list or value over its format's limit */
	MFS_REPARSE,	      /* an earlier component is a reparse point */
	MFS_NOT_REPARSE_POINT,
	MFS_TAG_INVALID,      /* reparse tag 0 or reserved */
	MFS_TAG_MISMATCH,     /* another tag is there */
	MFS_GUID_MISMATCH,    /* same tag, another GUID */
	MFS_REPARSE_INVALID,  /* reparse data that contradicts itself */
	MFS_EA_INVALID,	      /* an EA list that contradicts itself */
	MFS_EA_NAME_INVALID,  /* an EA name that NTFS does not take */
	MFS_SECURITY_INVALID, /* not a self-relative security descriptor */
	MFS_NOT_PERMITTED,    /* the object's kind does not take this */
	MFS_ACCESS_DENIED,    /* the caller's rights do not suffice: front ends' alone, the engine knows no
				 callers */
	MFS_READ_ONLY,	      /* the volume is read-only */
	MFS_NOT_SUPPORTED,
	MFS_STATUS_COUNT
};

/* A short English phrase for a status, for logs. Never NULL. */
const char *mfs_status_text(enum mfs_status status);

/* ---- numbers ------------------------------------------------------------------ */

#define MFS_SECTOR 512u		/* smallest piece of stored data */
#define MFS_NAME_MAX 255u	/* longest name: bytes, or UTF-16 units with unicode_names */
#define MFS_NAME_BYTES_MAX 765u /* longest name in bytes, any volume */
#define MFS_LABEL_MAX 32u	/* longest label in UTF-16 units */
#define MFS_SIZE_MAX INT64_MAX	/* largest stream */
#define MFS_LINKS_MAX 2147483647u
#define MFS_XATTR_MAX 65536u	/* largest xattr value, and list of names */
#define MFS_EA_LIST_MAX 65536u	/* largest EA list in wire form */
#define MFS_REPARSE_MAX 16384u	/* largest reparse buffer in wire form */
#define MFS_SECURITY_MAX 65536u /* largest security descriptor */

/* ---- volume -------------------------------------------------------------------- */

/* How a directory's entries are listed and resumed. One per volume. */
enum mfs_order {
	MFS_BY_POSITION, /* by a number given at insertion: stable telldir (POSIX) */
	MFS_BY_NAME	 /* by upper-cased UTF-16 units: resume after a name (NTFS) */
};

struct mfs_options {
	uint64_t max_bytes; /* everything counts; 0: what the system has left */
	uint64_t max_nodes; /* 0: bounded by bytes alone */
	uint32_t unit; /* allocation unit in bytes, a multiple of MFS_SECTOR up to 64 KiB; 0: MFS_SECTOR */
	bool case_insensitive; /* names compare by NTFS's upper-case table; must be WTF-8 */
	bool unicode_names; /* names must be WTF-8, at most 255 UTF-16 units; else any 255 bytes. Insensitive
			       ones are */
	bool size_is_promise; /* growing a stream's size charges it at once (NTFS), else holes are free */
	bool read_only;
	bool lock_memory; /* all of it stays out of the system's swap; what does not is MFS_NO_SPACE */
	enum mfs_order order;
	const char *label; /* WTF-8; copied; NULL: empty */
	size_t label_size;
	uint32_t serial;    /* 0: chosen at random */
	uint32_t root_mode; /* POSIX permission bits of the root */
	uint32_t root_uid, root_gid;
	const void *root_security; /* self-relative descriptor, copied; NULL: none */
	size_t root_security_size;
};

/* Makes a volume. MFS_INVALID / MFS_NAME_TOO_LONG (label) / MFS_SECURITY_INVALID /
 * MFS_NO_SPACE. */
enum mfs_status mfs_volume_create(const struct mfs_options *options, struct mfs_volume **volume);

/* Frees a volume with everything in it. No reference may be used afterwards and
 * no other call may be running; references still held die with it. */
void mfs_volume_destroy(struct mfs_volume *volume);

struct mfs_space {
	/* total = used + free; with backing files also a little that is kept for names and nodes. */
	uint64_t total_bytes, free_bytes;
	uint64_t used_bytes;		  /* exact, back at its start when all is deleted */
	uint64_t total_nodes, free_nodes; /* without a node limit: what the free bytes could hold */
	uint64_t used_nodes;
	uint64_t held_bytes; /* address space committed from the system, for statistics */
};
void mfs_volume_space(struct mfs_volume *volume, struct mfs_space *space);

/* Changes the limits of a live volume; 0 as in mfs_options. MFS_INVALID when less
 * than what is used now. */
enum mfs_status mfs_volume_resize(struct mfs_volume *volume, uint64_t max_bytes, uint64_t max_nodes);
/* The limits as they were given last. */
void mfs_volume_limits(struct mfs_volume *volume, uint64_t *max_bytes, uint64_t *max_nodes);

uint32_t mfs_volume_serial(const struct mfs_volume *volume);
uint32_t mfs_volume_unit(const struct mfs_volume *volume);
bool mfs_volume_case_insensitive(const struct mfs_volume *volume);

/* Copies the label (at most 96 bytes) and returns its size in bytes. */
size_t mfs_volume_label(struct mfs_volume *volume, char to[96]);
/* MFS_NAME_TOO_LONG: over MFS_LABEL_MAX units; MFS_NAME_INVALID: not WTF-8. */
enum mfs_status mfs_volume_set_label(struct mfs_volume *volume, const char *label, size_t size);

/* The root directory, with a reference for the caller. */
struct mfs_node *mfs_volume_root(struct mfs_volume *volume);

/* ---- backing files ---------------------------------------------------------------- */

/* What a backing file has. Times are nanoseconds since 1970-01-01 UTC. */
struct mfs_backing_info {
	uint64_t size, stored; /* bytes; stored: those that take memory */
	int64_t written, accessed;
};
/* The size of a file that was changed, but could not be looked at then. */
#define MFS_BACKING_UNSEEN UINT64_MAX

/* A place outside the engine for the bytes of files, each in a file of its own (a "backing file"), which
 * others may then read and write without asking the engine. It holds the main streams of MFS_FILE nodes; all
 * other data stays inside. A file is told by a number, never 0, which is the place's to choose. Statuses are
 * those of the functions of the same purpose below. Called with the stream locked; must call nothing of the
 * engine. */
struct mfs_backing {
	void *context;	 /* handed to every function */
	uint64_t charge; /* bytes that a file costs beside its data */
	bool strict;	 /* every read moves the access time, not only those of relatime's rule */
	/* Two writes within a tick of the clock may have one time, even when it was looked at between them.
	 */
	bool coarse;
	/* An empty file with both times 0. MFS_NO_SPACE. */
	enum mfs_status (*make)(void *context, uint64_t *file);
	/* Takes back a file that no stream has any more; `stored` bytes of data were in it when last seen. */
	void (*remove)(void *context, uint64_t file, uint64_t stored);
	/* The same with a file that nobody has open and that is as it was made, if it cannot be mapped; else
	 * false. */
	bool (*reclaim)(void *context, uint64_t file);
	enum mfs_status (*info)(void *context, uint64_t file, struct mfs_backing_info *info);
	/* Reads up to the end: *done 0 there. */
	enum mfs_status (*read)(void *context, uint64_t file, uint64_t offset, void *to, size_t size,
				size_t *done);
	/* These change the file, and tell what it is then. A write that is cut short is MFS_OK. */
	enum mfs_status (*write)(void *context, uint64_t file, uint64_t offset, const void *from, size_t size,
				 size_t *done, struct mfs_backing_info *info);
	enum mfs_status (*resize)(void *context, uint64_t file, uint64_t size, struct mfs_backing_info *info);
	enum mfs_status (*allocate)(void *context, uint64_t file, uint64_t offset, uint64_t size,
				    unsigned flags, struct mfs_backing_info *info);
	/* Makes times 0 again, so that the next read or write shows even within the same tick of the clock.
	 * False: they are as they were. */
	bool (*reset)(void *context, uint64_t file, bool accessed, bool written);
	enum mfs_status (*seek)(void *context, uint64_t file, uint64_t offset, bool hole, uint64_t *found);
	/* What the clock that stamps files says, in nanoseconds since 1970; files that are changed from now
	 * on are not older. Called with any lock held. False: it cannot be told. NULL: it is the system's. */
	bool (*now)(void *context, int64_t *now);
	/* Bytes that all data takes. */
	uint64_t (*used)(void *context);
	/* From now on all data may take so many bytes. False, nothing changed: it takes more already. */
	bool (*limit)(void *context, uint64_t bytes);
};

/* Gives a volume a place for its files' data; `backing` must outlive the volume. Only while it has nothing
 * but its root, and never with size_is_promise: MFS_INVALID. MFS_NO_SPACE: the limit does not take. */
enum mfs_status mfs_volume_back(struct mfs_volume *volume, const struct mfs_backing *backing);
/* Fits what backing files may take to what the machine has left; for volumes without a byte limit, now and
 * then. Does nothing for others. */
void mfs_volume_tend(struct mfs_volume *volume);

/* ---- nodes --------------------------------------------------------------------- */

enum mfs_kind {
	MFS_FILE,
	MFS_DIRECTORY,
	MFS_SYMLINK,
	MFS_FIFO,
	MFS_SOCKET,
	MFS_CHAR_DEVICE,
	MFS_BLOCK_DEVICE
};

/* Attribute bits: NTFS's numbers. DIRECTORY and REPARSE_POINT are kept by the engine. */
#define MFS_A_READONLY 0x1u
#define MFS_A_HIDDEN 0x2u
#define MFS_A_SYSTEM 0x4u
#define MFS_A_DIRECTORY 0x10u
#define MFS_A_ARCHIVE 0x20u
#define MFS_A_NORMAL 0x80u
#define MFS_A_TEMPORARY 0x100u
#define MFS_A_SPARSE 0x200u
#define MFS_A_REPARSE_POINT 0x400u
#define MFS_A_OFFLINE 0x1000u
#define MFS_A_NOT_INDEXED 0x2000u
/* The bits that a caller may set; others are ignored. */
#define MFS_A_SETTABLE                                                                                    \
	(MFS_A_READONLY | MFS_A_HIDDEN | MFS_A_SYSTEM | MFS_A_ARCHIVE | MFS_A_TEMPORARY | MFS_A_OFFLINE | \
	 MFS_A_NOT_INDEXED)

/* What POSIX programs ask of a node by FS_IOC_SETFLAGS. The engine only keeps them; the front end acts by
 * them. */
#define MFS_F_IMMUTABLE 0x1u
#define MFS_F_APPEND 0x2u
#define MFS_F_NODUMP 0x4u
#define MFS_F_NOATIME 0x8u

struct mfs_time {
	int64_t seconds;      /* since 1970-01-01 UTC */
	uint32_t nanoseconds; /* 0..999999999 */
};

/* Whether a backing file may be changed by a shared mapping, which nobody is told of. */
enum mfs_unseen {
	MFS_UNSEEN_NEVER,
	MFS_UNSEEN_RARELY, /* it was open for reading and writing: a mapping may be left */
	MFS_UNSEEN_NOW,	   /* it is open so */
	MFS_UNSEEN_ALL	   /* it could not be looked at: size and times may be of before */
};

/* What is known of a node, or of a named stream (then sizes are the stream's). */
struct mfs_info {
	uint64_t number;      /* never used twice in a volume; the root's is 1 */
	enum mfs_kind kind;   /* as POSIX sees it: a symlink or junction reparse point is MFS_SYMLINK */
	bool directory;	      /* as NTFS sees it: a junction is a directory */
	uint32_t attributes;  /* NTFS bits; 0 is told as NORMAL; DIRECTORY and REPARSE_POINT included */
	uint32_t reparse_tag; /* 0: none */
	uint32_t links;	      /* POSIX: a directory's is 2 + its subdirectories; 0: deleted but open */
	uint32_t mode;	      /* permission bits, 07777; no file type */
	uint32_t uid, gid;
	uint32_t flags;	     /* MFS_F_... */
	uint64_t device;     /* device nodes: major << 32 | minor */
	uint64_t size;	     /* a symlink's: length of its target in bytes */
	uint64_t data_size;  /* bytes of the stream itself: a symlink has mostly none */
	uint64_t allocation; /* what is set aside: at least size rounded up to the unit */
	uint64_t stored;     /* bytes held or promised: sectors in use, for st_blocks */
	uint64_t entries;    /* a directory's number of entries */
	uint32_t ea_size;    /* as NTFS counts it: sum of 5 + name + value */
	enum mfs_unseen unseen;
	struct mfs_time birth, access, write, change;
};

struct mfs_node *mfs_node_hold(struct mfs_node *node); /* one more reference; returns node */
void mfs_node_drop_many(struct mfs_volume *volume, struct mfs_node *node, uint64_t references);
void mfs_node_drop(struct mfs_volume *volume, struct mfs_node *node); /* NULL is fine */

/* The node with this number, if it still lives, with a reference. NULL: none. */
struct mfs_node *mfs_node_by_number(struct mfs_volume *volume, uint64_t number);

uint64_t mfs_node_number(const struct mfs_node *node);
bool mfs_node_is_directory(const struct mfs_node *node);
uint32_t mfs_node_flags(const struct mfs_node *node);  /* MFS_F_..., without a lock */
bool mfs_node_is_written(const struct mfs_node *node); /* somebody has its main stream open to write */
void mfs_node_info(struct mfs_volume *volume, struct mfs_node *node, struct mfs_info *info);
/* The same right after mfs_node_set or mfs_set_size: without another look at the backing file, if these could
 * look. */
void mfs_node_known(struct mfs_volume *volume, struct mfs_node *node, struct mfs_info *info);

/* Of it what permissions are decided by. */
struct mfs_owner {
	uint32_t mode, uid, gid;
	bool xattrs; /* it has some (an ACL may be among them) */
};
void mfs_node_owner(struct mfs_node *node, struct mfs_owner *owner);

/* What to set. Only fields whose bit is in `what` are read. */
#define MFS_SET_ATTRIBUTES 0x01u
#define MFS_SET_MODE 0x02u
#define MFS_SET_UID 0x04u
#define MFS_SET_GID 0x08u
#define MFS_SET_BIRTH 0x10u
#define MFS_SET_ACCESS 0x20u
#define MFS_SET_WRITE 0x40u
#define MFS_SET_CHANGE 0x80u
#define MFS_SET_ACCESS_NOW 0x100u
#define MFS_SET_WRITE_NOW 0x200u
#define MFS_SET_FLAGS 0x800u
#define MFS_SET_KEEP_CHANGE 0x400u /* leave the change time alone (else it becomes now unless set) */
struct mfs_set {
	uint32_t what;
	uint32_t attributes, mode, uid, gid;
	uint32_t flags; /* MFS_F_...; other bits are ignored */
	struct mfs_time birth, access, write, change;
};
enum mfs_status mfs_node_set(struct mfs_volume *volume, struct mfs_node *node, const struct mfs_set *set);

/* The node was read: moves the access time by relatime's rule (only when it is not
 * after write or change, or a day old), or always with `strict`. */
void mfs_node_accessed(struct mfs_volume *volume, struct mfs_node *node, bool strict);

/* ---- names ----------------------------------------------------------------------- */

/* What a new node begins with. Zero-filled is a plain empty file. */
struct mfs_new {
	enum mfs_kind kind;  /* MFS_SYMLINK needs target */
	uint32_t attributes; /* NTFS bits; only settable ones count */
	uint32_t mode, uid, gid;
	uint32_t flags;	      /* MFS_F_... */
	uint64_t device;      /* device nodes: major << 32 | minor */
	const char *target;   /* symlink target, bytes as given */
	size_t target_size;   /* 1..4095 */
	const void *security; /* self-relative descriptor, or NULL */
	size_t security_size;
	const void *eas; /* FILE_FULL_EA_INFORMATION list, or NULL */
	size_t eas_size;
	const void *reparse; /* reparse buffer, or NULL */
	size_t reparse_size;
	uint64_t allocation; /* bytes to promise at once, usually 0 */
	bool backed;	     /* a file: it gets its backing file at once, if the volume has such */
};

/* The entry `name` of a directory, with a reference. MFS_NOT_FOUND,
 * MFS_NOT_DIRECTORY, MFS_NAME_TOO_LONG, MFS_NAME_INVALID. "." and ".." are not names;
 * mfs_parent tells the parent. */
enum mfs_status mfs_lookup(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, struct mfs_node **node);

/* How the entry that `name` means is spelled: at most MFS_NAME_BYTES_MAX bytes to `to`, no terminator.
 * Errors of mfs_lookup. */
enum mfs_status mfs_spelling(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			     size_t size, char *to, size_t *to_size);

/* The directory that a directory is in (the root: itself), with a reference.
 * MFS_NOT_FOUND when it was deleted. */
enum mfs_status mfs_parent(struct mfs_volume *volume, struct mfs_node *directory, struct mfs_node **parent);

/* Makes a node and its name. MFS_EXISTS, MFS_NO_SPACE, MFS_NO_NODES and all of lookup's.
 * `node` may be NULL when no reference is wanted. */
enum mfs_status mfs_create(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, const struct mfs_new *what, struct mfs_node **node);

/* Makes a node without a name (O_TMPFILE); mfs_link can give it one. */
enum mfs_status mfs_create_nameless(struct mfs_volume *volume, const struct mfs_new *what,
				    struct mfs_node **node);

/* Gives a node another name. Directories: MFS_NOT_PERMITTED. A deleted node
 * (no name left): MFS_NOT_FOUND, unless it was made nameless and never named. */
enum mfs_status mfs_link(struct mfs_volume *volume, struct mfs_node *node, struct mfs_node *directory,
			 const char *name, size_t size);

enum mfs_remove { MFS_REMOVE_FILE, MFS_REMOVE_DIRECTORY, MFS_REMOVE_ANY };
/* Takes a name away; the node lives on while it is open. With `only`, acts only if the
 * name still means that node (else MFS_NOT_FOUND). MFS_NOT_EMPTY, MFS_IS_DIRECTORY,
 * MFS_NOT_DIRECTORY. */
enum mfs_status mfs_unlink(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, enum mfs_remove kind, struct mfs_node *only);

#define MFS_RENAME_REPLACE 1u  /* the target may exist and is replaced; else MFS_EXISTS */
#define MFS_RENAME_EXCHANGE 2u /* both exist and change places */
#define MFS_RENAME_WHITEOUT 4u /* leave a 0:0 character device behind */
#define MFS_RENAME_FILES_ONLY \
	8u /* replace any file, also by a directory, never a directory (NTFS): MFS_IS_DIRECTORY */
/* Moves a name. With `only` as in mfs_unlink. MFS_LOOP, MFS_NOT_EMPTY,
 * MFS_IS_DIRECTORY, MFS_NOT_DIRECTORY. Renaming to another spelling of the same
 * name changes the spelling; two names of one node: nothing happens (POSIX). */
enum mfs_status mfs_rename(struct mfs_volume *volume, struct mfs_node *from, const char *from_name,
			   size_t from_size, struct mfs_node *to, const char *to_name, size_t to_size,
			   unsigned flags, struct mfs_node *only);
/* The same, told what MFS_RENAME_WHITEOUT makes in the old place: no directory (MFS_INVALID). NULL: a device
 * with owner, group and mode 0. */
enum mfs_status mfs_rename_whiteout(struct mfs_volume *volume, struct mfs_node *from, const char *from_name,
				    size_t from_size, struct mfs_node *to, const char *to_name,
				    size_t to_size, unsigned flags, struct mfs_node *only,
				    const struct mfs_new *whiteout);

/* MFS_NOT_EMPTY when this is a directory with entries. */
enum mfs_status mfs_can_remove(struct mfs_volume *volume, struct mfs_node *node);

/* A path from the root, components separated by `separator`, as WinFsp has it. */
struct mfs_place {
	struct mfs_node
		*parent;  /* directory of the last component, with a reference; NULL for the root itself */
	const char *name; /* the last component, inside `path`; as asked, not as stored */
	size_t name_size;
	struct mfs_node *node; /* the node, with a reference; NULL: none */
	size_t reparse_at;     /* MFS_REPARSE: offset in `path` just behind the component that is the reparse
				  point */
};
/* MFS_OK: node found. MFS_NOT_FOUND: only the last component is missing; parent and name
 * are set. MFS_PATH_NOT_FOUND: an earlier one is missing. MFS_NOT_DIRECTORY: an earlier one
 * is a file. MFS_REPARSE: an earlier one is a reparse point; node is that node.
 * A last component that is a reparse point is MFS_OK. mfs_place_drop gives all references
 * back, whatever the status was. `place` is always written. */
enum mfs_status mfs_walk(struct mfs_volume *volume, const char *path, size_t size, char separator,
			 struct mfs_place *place);
/* The same for who only wants the node: with MFS_OK the parent stays NULL. Cheaper. */
enum mfs_status mfs_find(struct mfs_volume *volume, const char *path, size_t size, char separator,
			 struct mfs_place *place);
void mfs_place_drop(struct mfs_volume *volume, struct mfs_place *place);

/* Writes the path as the names are stored (other spelling on a case-insensitive volume), same
 * separator, no terminator; a last component that does not exist stays as asked.
 * MFS_BUFFER_TOO_SMALL with the needed size; statuses of mfs_walk for what is missing earlier. */
enum mfs_status mfs_normalize(struct mfs_volume *volume, const char *path, size_t size, char separator,
			      char *to, size_t capacity, size_t *needed);

/* ---- listing --------------------------------------------------------------------- */

struct mfs_entry {
	const char *name; /* valid during the callback */
	size_t name_size;
	struct mfs_node *node; /* valid during the callback; hold it to keep it */
	uint64_t position;     /* resume after it with mfs_list_after_position; 0 is the start; < 2^62 */
};
/* Returns false to stop; that entry then counts as not taken. */
typedef bool mfs_list_fn(void *context, const struct mfs_entry *entry);

/* Calls `each` for the entries behind a position / behind a name in the volume's order,
 * with the directory locked for reading (never call a naming function inside; mfs_node_info
 * is fine). "." and ".." are the front end's. MFS_NOT_SUPPORTED when the volume has the
 * other order. `at_end` tells whether every entry was taken. The name need not exist
 * (any more); size 0: from the start. A deleted directory is empty. */
enum mfs_status mfs_list_after_position(struct mfs_volume *volume, struct mfs_node *directory,
					uint64_t position, mfs_list_fn *each, void *context, bool *at_end);
enum mfs_status mfs_list_after_name(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
				    size_t size, mfs_list_fn *each, void *context, bool *at_end);

/* ---- streams --------------------------------------------------------------------- */

/* The main stream of a node: a node has exactly one, and its references are the node's
 * (mfs_stream_drop(main) is mfs_node_drop(node)). Takes a reference. Directories have one
 * too, as a handle; its data functions answer MFS_IS_DIRECTORY. */
struct mfs_stream *mfs_main_stream(struct mfs_node *node);
struct mfs_node *mfs_stream_node(const struct mfs_stream *stream); /* no new reference */
bool mfs_stream_is_main(const struct mfs_stream *stream);

struct mfs_stream *mfs_stream_hold(struct mfs_stream *stream);
void mfs_stream_drop(struct mfs_volume *volume, struct mfs_stream *stream); /* NULL is fine */

/* Named streams. Names: 1..255 units, any bytes but NUL and '/'; compared as the volume
 * compares names. */
enum mfs_status mfs_stream_open(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				size_t size, struct mfs_stream **stream);
/* MFS_EXISTS. */
enum mfs_status mfs_stream_create(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, struct mfs_stream **stream);
/* With `only` as in mfs_unlink. The stream lives on while it is open. */
enum mfs_status mfs_stream_remove(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, struct mfs_stream *only);
enum mfs_status mfs_stream_rename(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, const char *to, size_t to_size, bool replace);
/* Info of the node with the stream's sizes. */
void mfs_stream_info(struct mfs_volume *volume, struct mfs_stream *stream, struct mfs_info *info);

struct mfs_stream_entry {
	const char *name; /* valid during the callback */
	size_t name_size;
	uint64_t size, allocation;
};
typedef bool mfs_stream_fn(void *context, const struct mfs_stream_entry *entry);
/* The named streams of a node, oldest first; not the main stream. The node is locked
 * meanwhile: call nothing of this node inside. */
void mfs_streams_each(struct mfs_volume *volume, struct mfs_node *node, mfs_stream_fn *each, void *context);

/* ---- data -------------------------------------------------------------------------- */

/* MFS_END_OF_FILE when offset is at or past the end and size is not 0. */
enum mfs_status mfs_read(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, void *to,
			 size_t size, size_t *done);

/* Reads without a copy: `use` is called once with the pieces that make up the range (cut at
 * the end of the stream; none there), while the stream is locked against writing. Its return
 * value comes back. At most `MFS_PIECES` pieces: a very fragmented range is cut short. */
#define MFS_PIECES 256
struct mfs_piece {
	const void *data;
	size_t size;
};
typedef int mfs_pieces_fn(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes);
int mfs_read_pieces(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, size_t size,
		    mfs_pieces_fn *use, void *context);

#define MFS_WRITE_APPEND 1u	 /* at the end, whatever offset says */
#define MFS_WRITE_CONSTRAINED 2u /* never beyond the present end; what lies there is dropped */
#define MFS_WRITE_ALL 4u	 /* all or nothing; else what fits is written, MFS_NO_SPACE when nothing */
#define MFS_WRITE_KEEP_TIMES 8u
enum mfs_status mfs_write(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			  const void *from, size_t size, unsigned flags, size_t *done);

/* Sets the size; what is gained reads as zero, what is lost is gone. */
enum mfs_status mfs_set_size(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size);
/* Sets what is set aside: below the size cuts the size; above promises the bytes. */
enum mfs_status mfs_set_allocation(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size);
/* Empties a file for being overwritten: size 0, named streams (those not open go, open ones
 * are unlinked) and EAs dropped, new EAs set, attributes replaced or merged. */
struct mfs_overwrite {
	uint32_t attributes;
	bool replace_attributes; /* else they are added */
	uint64_t allocation;
	const void *eas;
	size_t eas_size;
};
enum mfs_status mfs_overwrite(struct mfs_volume *volume, struct mfs_stream *stream,
			      const struct mfs_overwrite *how);

#define MFS_FALLOCATE_KEEP_SIZE 1u
#define MFS_FALLOCATE_PUNCH 2u	  /* frees the range (implies keep size); needs no space */
#define MFS_FALLOCATE_ZERO 4u	  /* reads as zero, stays or becomes allocated */
#define MFS_FALLOCATE_COLLAPSE 8u /* removes the range, multiples of 4096, must end before the end */
#define MFS_FALLOCATE_INSERT \
	16u /* inserts a hole (never charged), multiples of 4096, must begin before the end */
enum mfs_status mfs_fallocate(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t size, unsigned flags);

/* The next offset at or after `offset` with (without) data, as SEEK_DATA and SEEK_HOLE mean
 * it; the end of the stream is a hole. MFS_NO_DATA: none, or offset at or past the end. */
enum mfs_status mfs_next_data(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t *found);
enum mfs_status mfs_next_hole(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t *found);

/* Copies between two streams or inside one (overlap: MFS_INVALID); stops at the source's end. */
enum mfs_status mfs_copy(struct mfs_volume *volume, struct mfs_stream *from, uint64_t from_offset,
			 struct mfs_stream *to, uint64_t to_offset, uint64_t size, uint64_t *done);

/* The backing file of a stream, made when there is none yet; 0: this stream's bytes are the engine's own. */
enum mfs_status mfs_stream_backing(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t *file);
/* A file is about to be opened (before its backing file is asked for), or was closed again: by someone who,
 * if it has one, reads and writes that without the engine. With the last close an empty stream may lose its
 * backing file. True: from now on it may be mapped and change unseen (MFS_UNSEEN_RARELY), which it could not
 * before. */
bool mfs_stream_opened(struct mfs_volume *volume, struct mfs_stream *stream, bool reads, bool writes);
void mfs_stream_closed(struct mfs_volume *volume, struct mfs_stream *stream, bool reads, bool writes);

/* Gives back room that was kept for growing; call it when the last user closes. */
void mfs_stream_trim(struct mfs_volume *volume, struct mfs_stream *stream);

/* ---- metadata ------------------------------------------------------------------------ */

/* Security descriptors: self-relative, checked, shared between nodes that have the same.
 * get: MFS_BUFFER_TOO_SMALL with *size the needed size; *size 0: none was set. */
enum mfs_status mfs_security_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				 size_t *size);
enum mfs_status mfs_security_set(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				 size_t size);

/* Extended attributes (NTFS's), as a FILE_FULL_EA_INFORMATION list. An empty list: *size 0.
 * set merges (an empty value deletes) or replaces all. Names keep NTFS's upper case. */
enum mfs_status mfs_ea_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
			   size_t *size);
enum mfs_status mfs_ea_set(struct mfs_volume *volume, struct mfs_node *node, const void *list, size_t size,
			   bool replace);
/* True when an EA of the node demands to be known (FILE_NEED_EA). */
bool mfs_ea_needed(struct mfs_volume *volume, struct mfs_node *node);

/* Reparse data, as a REPARSE_DATA_BUFFER: u32 tag, u16 length, u16 reserved, (GUID,) data. */
enum mfs_status mfs_reparse_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				size_t *size);
#define MFS_REPARSE_CREATE 1u  /* MFS_EXISTS when there is one */
#define MFS_REPARSE_REPLACE 2u /* MFS_NOT_REPARSE_POINT when there is none */
#define MFS_REPARSE_ANY_TAG 4u /* do not demand the present tag (and GUID) */
/* MFS_TAG_MISMATCH / MFS_GUID_MISMATCH: another is there. A mount point on a file:
 * MFS_NOT_DIRECTORY; any on a directory with entries: MFS_NOT_EMPTY. */
enum mfs_status mfs_reparse_set(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				size_t size, unsigned flags);
/* `from` names the tag (and GUID) to remove, as FSCTL_DELETE_REPARSE_POINT; NULL: whatever is there. */
enum mfs_status mfs_reparse_remove(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				   size_t size);
/* The target of a symlink as POSIX reads it. MFS_INVALID when this is none. */
enum mfs_status mfs_symlink_target(struct mfs_volume *volume, struct mfs_node *node, char *to,
				   size_t capacity, size_t *size);

/* Extended attributes (POSIX's): any name of 1..255 bytes, any value up to MFS_XATTR_MAX. */
#define MFS_XATTR_CREATE 1u  /* MFS_EXISTS */
#define MFS_XATTR_REPLACE 2u /* MFS_NO_ATTRIBUTE */
enum mfs_status mfs_xattr_get(struct mfs_volume *volume, struct mfs_node *node, const char *name,
			      size_t name_size, void *to, size_t capacity, size_t *size);
enum mfs_status mfs_xattr_set(struct mfs_volume *volume, struct mfs_node *node, const char *name,
			      size_t name_size, const void *value, size_t size, unsigned flags);
enum mfs_status mfs_xattr_remove(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				 size_t name_size);
/* All names, each with a NUL behind it, as listxattr has it. */
enum mfs_status mfs_xattr_list(struct mfs_volume *volume, struct mfs_node *node, char *to, size_t capacity,
			       size_t *size);

/* ---- names, for front ends ------------------------------------------------------------- */

/* UTF-16 (native order) to WTF-8 and back, any input; a pair of surrogates becomes one
 * character, a lone one is kept. Return the size written (bytes / units), or 0 with nothing
 * promised when it does not fit in capacity or, to UTF-16, when the bytes are not WTF-8.
 * An input of n units needs at most 3n bytes, n bytes at most n units. */
size_t mfs_utf16_to_name(const uint16_t *from, size_t units, char *to, size_t capacity);
size_t mfs_name_to_utf16(const char *from, size_t size, uint16_t *to, size_t capacity);

#endif
