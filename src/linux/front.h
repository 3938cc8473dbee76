/*
 * front: what every room of the FUSE front end works on, and the operations that they answer.
 *
 * A FUSE node number is the engine's node number, with one bit more for a symlink: a file or directory
 * becomes one when it gets a reparse point, and the kernel wants a node to keep its type. Named
 * streams have numbers of their own (colon.c). The kernel's lookup count and its open
 * files hold references to nodes, so a number the kernel may use always finds its node.
 */
#ifndef MEMEFS_LINUX_FRONT_H
#define MEMEFS_LINUX_FRONT_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <sys/ioctl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "changed.h"
#include "counts.h"
#include "memefs.h"
#include "options.h"

/* One mounted volume. Written before INIT is answered, then only read. */
struct front {
	struct mfs_volume *volume;
	struct fuse_session *session;
	double entry_timeout; /* seconds that the kernel may trust a name */
	double attr_timeout;  /* seconds that it may trust attributes */
	bool checks;	      /* permissions are ours to check (access.h): only the owner may enter */
	uid_t owner;	      /* who mounted */
	bool negative;	      /* the kernel may remember that a name is missing */
	bool noxattr;	      /* no extended attributes on this mount */
	bool acls;	      /* the kernel checks POSIX ACLs, and leaves the umask to us */
	bool no_opendir;      /* the kernel opens directories by itself when told so */
	bool ask_always; /* allow_root: libfuse asks who it is at each request, the kernel's caches do not */
	enum cli_atime atime; /* how reading moves the access time */
	bool no_dir_atime;    /* and not at all that of directories */
	const char *point;    /* where it is mounted: where Windows's absolute links lead */
	uint64_t generation;  /* tells this volume's numbers from an earlier one's in file handles */
	/* Requests under way that give something back and that nobody waits for (forget, release): counted
	 * by transport.c (or rings.c) when they are read, taken off when they are done. statfs waits for
	 * them. */
	_Atomic(uint32_t) settling;
	_Atomic(unsigned) waiting; /* requests that wait for what was deleted (volume_gives) */
	_Atomic(uint64_t) removed; /* names that were taken away, */
	_Atomic(uint64_t) given; /* and how many of them had given their room back when that was seen last */
	pthread_rwlock_t streams_lock; /* streams.c's: exclusively: a stream is being set as an attribute */
	struct changed changed;
	struct counts counts;	 /* transport.c's, or rings.c's */
	struct serving *serving; /* NULL: there are rings */
	struct rings *rings;	 /* rings.c's; NULL: requests are read one by one */
	const char *rings_lack;	 /* why there are no rings; NULL: none were asked for, or there are */
	struct colon *colon;	 /* colon.c's, NULL: streams have no paths */
	/* The tmpfs store, NULL: data is in the engine's sectors. Prepared before INIT, kept if the kernel
	 * can. */
	struct backing *backing;
	bool backing_wanted;	 /* a kernel that cannot is an error */
	const char *store_lacks; /* why there is no tmpfs store; NULL: none was asked for, or there is one */
	bool can_passthrough, can_killpriv; /* transport.c's: the kernel said so in INIT */
	/* transport.c's: the number of the INIT request, set once, before there is another request. */
	_Atomic(uint64_t) init_unique;
};

/* libfuse hands the user data of the session to every request. */
static inline struct front *front_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

#define FRONT_UNBACKED UINT64_C(1)	  /* in a handle: the kernel does not use its backing file */
#define FRONT_SYMLINK (UINT64_C(1) << 62) /* in the FUSE number of a symlink */

/* The FUSE number of a node that is of this kind. */
static inline fuse_ino_t front_number(const struct mfs_node *node, enum mfs_kind kind)
{
	return mfs_node_number(node) | (kind == MFS_SYMLINK ? FRONT_SYMLINK : 0);
}

/* The node of a request, with a reference; NULL when it is gone (a stale file handle). */
static inline struct mfs_node *front_node(struct front *front, fuse_ino_t number)
{
	return mfs_node_by_number(front->volume, number & ~FRONT_SYMLINK);
}

/* The number is that of what the node was before it became a symlink, or ceased to be one: ESTALE makes
 * the kernel look the name up again. */
static inline bool front_stale(fuse_ino_t number, const struct mfs_info *info)
{
	return !(number & FRONT_SYMLINK) != (info->kind != MFS_SYMLINK);
}

/* An open file carries a reference to its main stream as its handle. */
static inline struct mfs_stream *front_stream(const struct fuse_file_info *info)
{
	return (struct mfs_stream *)(uintptr_t)(info->fh & ~FRONT_UNBACKED);
}

/* The node was read. */
static inline void front_accessed(struct front *front, struct mfs_node *node)
{
	if (front->atime != CLI_ATIME_NEVER && !(mfs_node_flags(node) & MFS_F_NOATIME))
		mfs_node_accessed(front->volume, node, front->atime == CLI_ATIME_STRICT);
}

/* Frees a buffer that people's data stood in: it is not to be found in a core dump. */
static inline void front_wipe(void *buffer, size_t size)
{
	if (buffer)
		explicit_bzero(buffer, size);
	free(buffer);
}

/* A request that gives something back is done. */
static inline void front_settled(struct front *front)
{
	atomic_fetch_sub_explicit(&front->settling, 1, memory_order_release);
}

/* volume.c: what was deleted is given back when the kernel forgets it, a moment later: waits for that. False:
 * so many requests do already that it cannot. */
bool volume_gives(struct front *front);

/* There was no room. True: there may be some now, it is worth another try. */
static inline bool front_again(struct front *front, enum mfs_status status)
{
	return (status == MFS_NO_SPACE || status == MFS_NO_NODES) && volume_gives(front);
}

/* nodes.c */
void nodes_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void nodes_forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups);
void nodes_forget_many(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void nodes_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info);
void nodes_setattr(fuse_req_t req, fuse_ino_t number, struct stat *to, int what, struct fuse_file_info *info);
void nodes_readlink(fuse_req_t req, fuse_ino_t number);
void nodes_access(fuse_req_t req, fuse_ino_t number, int what);

/* names.c */
void names_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *info);
void names_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void names_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void names_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void names_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *info);
void names_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char *name);
void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_rename(fuse_req_t req, fuse_ino_t from, const char *from_name, fuse_ino_t to, const char *to_name,
		  unsigned flags);

/* files.c */
void files_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info);
void files_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info);
void files_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info);
void files_write(fuse_req_t req, fuse_ino_t number, const char *from, size_t size, off_t offset,
		 struct fuse_file_info *info);
void files_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t size,
		     struct fuse_file_info *info);
/* fallocate(2)'s mode as MFS_FALLOCATE_... False: there is no such mode. */
bool files_fallocate_flags(int mode, unsigned *flags);
void files_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, struct fuse_file_info *info);
void files_copy(fuse_req_t req, fuse_ino_t from_number, off_t from_offset, struct fuse_file_info *from,
		fuse_ino_t to_number, off_t to_offset, struct fuse_file_info *to, size_t size, int flags);

/* dirs.c */
void dirs_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info);
void dirs_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info);
void dirs_readdirplus(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
		      struct fuse_file_info *info);

/* xattrs.c */
void xattrs_get(fuse_req_t req, fuse_ino_t number, const char *name, size_t size);
void xattrs_set(fuse_req_t req, fuse_ino_t number, const char *name, const char *value, size_t size,
		int flags);
void xattrs_list(fuse_req_t req, fuse_ino_t number, size_t size);
void xattrs_remove(fuse_req_t req, fuse_ino_t number, const char *name);

/* ioctls.c */
void ioctls_handle(fuse_req_t req, fuse_ino_t number, unsigned command, void *argument,
		   struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
		   size_t out_size);

/* volume.c */
void volume_statfs(fuse_req_t req, fuse_ino_t number);
/* ioctl: VOLUME_STATUS_IOCTL and VOLUME_COUNTS_IOCTL, on whatever is in the volume, tell about it (--status,
 * --unmount, --stats). */
void volume_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, void *argument,
		  struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
		  size_t out_size);

/* "name: value" lines with a NUL behind them. */
struct volume_status {
	char text[512];
};
#define VOLUME_STATUS_IOCTL _IOR('m', 0xf5, struct volume_status)

/* The same for the requests that were counted. */
struct volume_counts {
	char text[2048];
};
#define VOLUME_COUNTS_IOCTL _IOR('m', 0xf6, struct volume_counts)

/* Changes what can be changed while it is mounted; root's and the mount's owner's. */
struct volume_change {
	uint64_t bytes, nodes; /* limits, 0: none */
	uint32_t what;	       /* VOLUME_CHANGE_... */
	uint32_t atime;	       /* enum cli_atime, which has to be what it is */
};
#define VOLUME_CHANGE_BYTES 1u
#define VOLUME_CHANGE_NODES 2u
#define VOLUME_CHANGE_ATIME 4u
#define VOLUME_CHANGE_DIR_ATIME 8u /* that of directories must not move, and does not */
#define VOLUME_CHANGE_IOCTL _IOW('m', 0xf7, struct volume_change)

#endif
