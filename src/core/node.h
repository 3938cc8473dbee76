/*
 * node: what the engine's rooms share of nodes, streams, entries and volumes.
 *
 * Locks, in the order in which they are taken; letters mark the fields they guard:
 *   (m) volume.moving     exclusively: a rename between directories; shared: ending a directory
 *   (d) directory.lock    a directory's entries; ancestors before descendants, else as `moving` allows
 *   (s) stream.lock       a stream's data; two streams: by address
 *   (n) node.lock         a node's metadata and its list of named streams
 *   (x) leaf locks: a shard of the number index, the security table, the label, pool, pages
 *   (a) atomic            (c) constant once made
 * No lock is held over more than one request's copy.
 */
#ifndef MEMEFS_NODE_H
#define MEMEFS_NODE_H

#include <stdatomic.h>

#include "budget.h"
#include "index.h"
#include "memefs.h"
#include "order.h"
#include "os.h"
#include "pool.h"
#include "sectors.h"
#include "tree.h"

/* What is known of a stream's backing file. Others write to it unseen: true only after backed_sync. */
struct backed {
	_Atomic uint64_t file;	   /* (a) written once, under (s); 0: none yet, which is an empty one */
	_Atomic uint64_t stored;   /* (a) written under (s): bytes */
	int64_t written, accessed; /* (s) the file's times when they were last looked at */
	_Atomic uint64_t use;	   /* (a) BACKED_...: opens by others, and what follows from them */
};
#define BACKED_OPEN UINT64_C(1)		  /* 31 bits: opens */
#define BACKED_MAPPER (UINT64_C(1) << 31) /* 31 bits: of these, those that may map it for writing */
#define BACKED_MAPPED (UINT64_C(1) << 62) /* there was such an open */
#define BACKED_STALE (UINT64_C(1) << 63)  /* the file may have changed since it was looked at */
#define BACKED_OPENS (BACKED_MAPPER - 1)
#define BACKED_MAPPERS (BACKED_OPENS << 31)

struct mfs_stream {
	struct mfs_node *node; /* (c) */
	os_lock lock;
	_Atomic uint64_t size; /* (a), written under (s) */
	union {
		struct sectors sectors; /* (s) */
		struct backed backed;	/* where stream_is_backed says so */
	};
};

struct named_stream {
	struct mfs_stream stream;    /* first: the two pointers are one */
	struct named_stream *next;   /* (n) in the node's list, oldest first */
	_Atomic uint64_t references; /* (a) opens, and one for the list; an open holds the node too */
	uint32_t name_size;	     /* (n) */
	char *name;		     /* (n) */
};

/* Bytes that a node owns: an EA list, reparse data. */
struct blob {
	uint32_t size;
	unsigned char bytes[];
};

struct xattr {
	struct xattr *next;
	uint32_t name_size, size;
	char bytes[]; /* name, then value */
};

/* What few nodes have; made when the first of it comes, gone with the last. (n) throughout. */
struct extras {
	struct blob *eas;
	struct blob *reparse;
	struct xattr *xattrs;
	struct named_stream *streams;
};

/* A security descriptor, one for all nodes that have the same. */
struct security {
	struct index_link link;	     /* (x) */
	_Atomic uint64_t references; /* (a) never again above 0 once it was 0 */
	uint32_t size;		     /* (c) */
	unsigned char bytes[];	     /* (c) */
};

struct directory {
	os_lock lock;
	struct index names;		 /* (d) entries by hash of the name */
	struct tree order;		 /* (d) entries by position or by name */
	uint64_t next_position;		 /* (d) */
	struct mfs_node *parent;	 /* (d) and (m): either to read, both to write. NULL: deleted */
	_Atomic uint32_t subdirectories; /* (a), written under (d) */
	_Atomic uint32_t entries;	 /* (a) names.count, for those who ask without the lock */
};

struct entry {
	struct index_link link; /* (d) own: size of the name */
	struct mfs_node *node;	/* (d) a reference */
	uint64_t position;	/* (d) */
	char name[];		/* (c) */
};

enum node_time { BIRTH, ACCESS, WRITE, CHANGE, TIMES };

struct mfs_node {
	struct mfs_stream main;	     /* first: the two pointers are one */
	struct index_link by_number; /* (x) own: whether it is in the index */
	uint64_t number;	     /* (c) */
	_Atomic uint64_t references; /* (a) names, opens, and whoever holds one */
	os_lock lock;
	uint32_t attributes;	      /* (n) settable bits only */
	uint32_t mode, uid, gid;      /* (n) */
	_Atomic uint32_t links;	      /* (a) names; written under (n) */
	_Atomic uint32_t reparse_tag; /* (a), written under (n) */
	uint8_t kind;		      /* (c) enum mfs_kind; a symlink is MFS_FILE with a tag */
	bool nameless;		      /* (n) made without a name, and never had one */
	_Atomic uint8_t flags;	      /* (a) MFS_F_..., written under (n) */
	_Atomic uint32_t writers;     /* (a) opens that may write, as mfs_stream_opened was told */
	uint32_t nanoseconds[TIMES];  /* (n) */
	int64_t seconds[TIMES];	      /* (n) */
	struct security *security;    /* (n) NULL: none */
	struct extras *extras;	      /* (n) NULL: none */
	union {
		struct directory *directory; /* (c) kind MFS_DIRECTORY */
		uint64_t device;	     /* (c) device nodes */
	};
};

/* The flags there are; others are dropped. */
#define NODE_FLAGS (MFS_F_IMMUTABLE | MFS_F_APPEND | MFS_F_NODUMP | MFS_F_NOATIME)

#define NUMBER_SHARDS 16
#define ROOT_NUMBER 1

struct mfs_volume {
	struct budget budget;
	struct pool *pool;		   /* (c) */
	struct store store;		   /* (c) */
	const struct mfs_backing *backing; /* (c) once there are files; NULL: none */
	uint64_t seed;			   /* (c) of name hashes */
	uint32_t serial, unit;		   /* (c) */
	bool case_insensitive;		   /* (c) */
	bool unicode_names;		   /* (c) */
	bool size_is_promise;		   /* (c) */
	bool read_only;			   /* (c) */
	enum mfs_order order;		   /* (c) */
	struct mfs_node *root;		   /* (c) */
	_Atomic int64_t stamped;	   /* (a) last time that backing files' clock told: nanoseconds */
	_Atomic uint64_t writing;	   /* (a) opens that may have written what nobody has looked at */
	os_lock moving;
	struct {
		os_lock lock;
		struct index nodes;    /* (x) */
		_Atomic uint64_t next; /* (a) the next number of this lane, less the lane */
		char apart[64];	       /* shards do not share cache lines */
	} shards[NUMBER_SHARDS];
	os_lock security_lock;
	struct index securities; /* (x) */
	os_lock label_lock;
	uint32_t label_size; /* (x) */
	char label[96];	     /* (x) */
};

/* ---- nodes ------------------------------------------------------------------- */

/* Makes a node with one reference, in no directory. `links` is 1 for one that gets its name at once, 0 for
 * one that may get it later. Its times are now. A directory cannot be found by its number yet. */
enum mfs_status node_create(struct mfs_volume *volume, const struct mfs_new *what, unsigned links,
			    struct mfs_node **node);
/* The root lives as long as its volume: nobody counts its references. */
static inline bool node_is_root(const struct mfs_node *node)
{
	return node->number == ROOT_NUMBER;
}

/* Makes a node findable by its number; false: no memory. Takes it out again. */
bool node_number_insert(struct mfs_volume *volume, struct mfs_node *node);
void node_number_remove(struct mfs_volume *volume, struct mfs_node *node);
/* One more reference if there still is one. */
bool node_try_hold(struct mfs_node *node);
/* A time that another clock told becomes the node's change time, when it lies a few ticks before that: times
 * do not run back (locked). */
void node_not_before(const struct mfs_node *node, int64_t *seconds, uint32_t *nanoseconds);
/* Another clock has stamped something of the volume: what is touched from now on is not older. */
void node_stamped(struct mfs_volume *volume, int64_t seconds, uint32_t nanoseconds);
/* Moves times to now, under the node's lock: a mask of 1 << enum node_time. Returns what else the same
 * operation touches is not to be older than. */
int64_t node_touch(struct mfs_volume *volume, struct mfs_node *node, unsigned times);
void node_touch_locked(struct mfs_volume *volume, struct mfs_node *node, unsigned times);
/* The same for what an operation touches next. */
void node_touch_too(struct mfs_node *node, unsigned times, int64_t stamp);
/* That of a node that was just made, and that nobody else has yet. */
int64_t node_made(const struct mfs_node *node);

#define TOUCH_CHANGE (1u << CHANGE)
#define TOUCH_DATA (1u << WRITE | 1u << CHANGE)

/* ---- streams -------------------------------------------------------------------- */

/* Frees a stream's data; nobody else has it any more. */
void stream_free_data(struct mfs_volume *volume, struct mfs_stream *stream);
/* Gives one reference of a named stream back, not its node's. */
void stream_named_drop(struct mfs_volume *volume, struct named_stream *stream);
/* Takes every named stream off the node (locked exclusively); those that are open live on. */
void streams_unlist_all(struct mfs_volume *volume, struct mfs_node *node);
/* Bytes that are charged for its data. */
uint64_t stream_stored(const struct mfs_volume *volume, const struct mfs_stream *stream);
/* For the size that is told beside it: without a lock, the stream's may be another by now. */
uint64_t stream_allocation(const struct mfs_volume *volume, const struct mfs_stream *stream, uint64_t size);
/* Sets the size under the stream's lock. */
enum mfs_status stream_resize(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size);

/* ---- backing files ---------------------------------------------------------------- */

/* The stream's bytes are in a backing file, or will be when there are any. */
static inline bool stream_is_backed(const struct mfs_volume *volume, const struct mfs_stream *stream)
{
	return volume->backing && stream == &stream->node->main && stream->node->kind == MFS_FILE;
}
/* Takes over what others did to the backing file; takes (s) and (n). Cheap when nobody could. */
/* False: it could not be looked at. */
bool backed_sync(struct mfs_volume *volume, struct mfs_stream *stream);
/* It was looked at, and nobody has opened or closed it since. */
bool backed_is_known(const struct mfs_stream *stream);
/* The node's times were set by hand, after backed_sync. */
void backed_times_set(struct mfs_volume *volume, struct mfs_stream *stream, bool access, bool write);
/* The last one to have the stream frees it. */
void backed_free(struct mfs_volume *volume, struct mfs_stream *stream);

/* What data.c does for other streams, with the stream locked: (s) shared to read, else exclusively. */
enum mfs_status backed_make(struct mfs_volume *volume, struct mfs_stream *stream);
/* The size as it is now. */
void backed_look(struct mfs_volume *volume, struct mfs_stream *stream);
enum mfs_status backed_read(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, void *to,
			    size_t size, size_t *done);
enum mfs_status backed_write(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			     const void *from, size_t *size, bool all);
enum mfs_status backed_resize(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size);
enum mfs_status backed_allocate(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
				uint64_t size, unsigned flags);
enum mfs_status backed_seek(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, bool hole,
			    uint64_t *found);

/* ---- metadata --------------------------------------------------------------------- */

/* The extras of a node (locked exclusively), made when there are none. NULL: no space. */
struct extras *extras_get(struct mfs_volume *volume, struct mfs_node *node);
/* Frees extras that hold nothing (node locked exclusively). */
void extras_prune(struct mfs_volume *volume, struct mfs_node *node);
/* Frees all xattrs. */
void xattrs_free(struct mfs_volume *volume, struct extras *extras);

/* A checked copy of bytes as a blob. NULL: no space. */
struct blob *blob_make(struct mfs_volume *volume, const void *bytes, size_t size);
void blob_free(struct mfs_volume *volume, struct blob *blob); /* NULL is fine */
/* The present list with a change applied; *result NULL when nothing is left. */
enum mfs_status ea_apply(struct mfs_volume *volume, const struct blob *present, const void *change,
			 size_t size, struct blob **result);

/* A counted descriptor with these (checked) bytes; NULL: no space. */
struct security *security_share(struct mfs_volume *volume, const void *bytes, size_t size);
void security_drop(struct mfs_volume *volume, struct security *security); /* NULL is fine */

/* ---- directories -------------------------------------------------------------------- */

enum mfs_status directory_make(struct mfs_volume *volume, struct directory **directory);
void directory_free(struct mfs_volume *volume, struct directory *directory);

/* The entry with this name (directory locked). NULL: none. */
struct entry *directory_find(const struct mfs_volume *volume, const struct directory *directory,
			     const char *name, size_t size, uint32_t hash);
uint32_t directory_hash(const struct mfs_volume *volume, const char *name, size_t size);

/* What an entry costs. */
uint64_t entry_charge(size_t name_size);
/* Makes an entry, in no directory yet, that takes over the caller's reference to the node. NULL: no space;
 * with `forced` only when memory itself is used up. */
struct entry *entry_make(struct mfs_volume *volume, const char *name, size_t size, struct mfs_node *node,
			 bool forced);
/* Frees an entry that is in no directory; the reference to its node is the caller's again. */
void entry_free(struct mfs_volume *volume, struct entry *entry);
/* Puts an entry in (directory locked exclusively); its name is not there yet. False: memory is used up. */
bool directory_insert(struct mfs_volume *volume, struct directory *directory, struct entry *entry);
void directory_remove(struct mfs_volume *volume, struct directory *directory, struct entry *entry);
/* Puts an entry in the place of another, which goes (directory locked exclusively); by position it keeps that
 * one's, so that a listing under way does not meet it again. False: memory is used up, nothing changed. */
bool directory_replace(struct mfs_volume *volume, struct directory *directory, struct entry *old,
		       struct entry *new);

#endif
