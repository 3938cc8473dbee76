/*
 * dirs: listing directories, with or without the attributes of what is in them.
 *
 * The offset of an entry is where to go on behind it: 1 and 2 are "." and "..", then the engine's
 * positions, which stay valid while the directory changes. Directories have no handles.
 */
#include "front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "reply.h"

#define DOTS 2 /* offsets that stand before the engine's positions */

struct listing {
	fuse_req_t req;
	struct front *front;
	struct mfs_node *directory;
	bool plus; /* with attributes, and a reference for each entry */
	char *buffer;
	size_t size, used;	/* bytes */
	struct mfs_node **held; /* plus: nodes that the kernel gets a reference to */
	size_t held_count;
};

/* Smallest entry with attributes: struct fuse_direntplus, and a name rounded up to 8. */
#define PLUS_ENTRY_LEAST 160u

/* Adds one entry; false when it does not fit. */
static bool add(struct listing *listing, const char *name, struct fuse_entry_param *entry, off_t next)
{
	char *to = listing->buffer + listing->used;
	size_t left = listing->size - listing->used, size;

	if (listing->plus)
		size = fuse_add_direntry_plus(listing->req, to, left, name, entry, next);
	else
		size = fuse_add_direntry(listing->req, to, left, name, &entry->attr, next);
	if (size > left)
		return false;
	listing->used += size;
	return true;
}

/* "." and "..": a number and a type, never a reference (the node of the entry stays 0). */
static bool add_dots(struct listing *listing, const char *name, struct mfs_node *node, off_t next)
{
	struct fuse_entry_param entry;

	reply_fill_entry(listing->front, NULL, node, &entry);
	entry.ino = 0;
	return add(listing, name, &entry, next);
}

static bool add_entry(void *context, const struct mfs_entry *found)
{
	struct listing *listing = context;
	struct fuse_entry_param entry;
	char name[MFS_NAME_BYTES_MAX + 1];

	memcpy(name, found->name, found->name_size);
	name[found->name_size] = 0;
	reply_fill_entry(listing->front, listing->directory, found->node, &entry);
	if (!add(listing, name, &entry, (off_t)(found->position + DOTS)))
		return false;
	if (listing->plus)
		listing->held[listing->held_count++] = mfs_node_hold(found->node);
	return true;
}

static enum mfs_status list_dots(struct listing *listing, struct mfs_node *node, off_t offset, bool *full)
{
	struct mfs_node *parent;

	*full = false;
	if (offset < 1 && !add_dots(listing, ".", node, 1))
		*full = true;
	if (offset < 2 && !*full) {
		if (mfs_parent(listing->front->volume, node, &parent) != MFS_OK)
			parent = mfs_node_hold(node);
		*full = !add_dots(listing, "..", parent, 2);
		mfs_node_drop(listing->front->volume, parent);
	}
	return *full && !listing->used ? MFS_INVALID : MFS_OK;
}

static enum mfs_status list(struct listing *listing, struct mfs_node *node, off_t offset)
{
	uint64_t position = offset < DOTS ? 0 : (uint64_t)offset - DOTS;
	bool full, at_end;
	enum mfs_status status;

	if (offset < 0)
		return MFS_INVALID;
	if (!mfs_node_is_directory(node))
		return MFS_NOT_DIRECTORY;
	status = list_dots(listing, node, offset, &full);
	if (status != MFS_OK || full)
		return status;
	status = mfs_list_after_position(listing->front->volume, node, position, add_entry, listing, &at_end);
	/* An empty answer means the end: a buffer that takes not even one entry must not look so. */
	return status == MFS_OK && !listing->used && !at_end ? MFS_INVALID : status;
}

static void readdir_and_reply(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, bool plus)
{
	struct front *front = front_of(req);
	struct mfs_node *node = front_node(front, number);
	struct listing listing = {.req = req, .front = front, .directory = node, .plus = plus, .size = size};
	enum mfs_status status = MFS_NO_SPACE;

	if (!node) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	listing.buffer = malloc(size ? size : 1);
	if (plus)
		listing.held = malloc((size / PLUS_ENTRY_LEAST + 1) * sizeof *listing.held);
	if (listing.buffer && (!plus || listing.held))
		status = access_may(req, front, node, ACCESS_READ);
	if (status == MFS_OK)
		status = list(&listing, node, offset);
	if (status == MFS_OK && !front->no_dir_atime)
		front_accessed(front, node);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (!fuse_reply_buf(req, listing.buffer, listing.used))
		listing.held_count = 0; /* they are the kernel's now */
	/* Who was let in by a capability leaves no listing for who would not be. */
	access_forget_listing(front, node);
	for (size_t i = 0; i < listing.held_count; i++)
		mfs_node_drop(front->volume, listing.held[i]);
	mfs_node_drop(front->volume, node);
	free(listing.held);
	free(listing.buffer);
}

/* ENOSYS makes the kernel open directories by itself from then on, and keep their listings. */
void dirs_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	bool cached = !front_of(req)->ask_always;

	(void)number;
	if (front_of(req)->no_opendir && cached) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	info->cache_readdir = cached;
	info->keep_cache = cached;
	fuse_reply_open(req, info);
}

void dirs_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
	(void)info;
	readdir_and_reply(req, number, size, offset, false);
}

void dirs_readdirplus(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
		      struct fuse_file_info *info)
{
	(void)info;
	readdir_and_reply(req, number, size, offset, true);
}
