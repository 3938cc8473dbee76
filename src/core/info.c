/*
 * info: what is known of a node or a stream, told at once, and what can be set of it.
 */
#include "node.h"
#include "wire.h"

/* ---- info ---------------------------------------------------------------------------- */

static struct mfs_time time_of(const struct mfs_node *node, enum node_time which)
{
	return (struct mfs_time){node->seconds[which], node->nanoseconds[which]};
}

static enum mfs_kind kind_of(const struct mfs_node *node, uint32_t tag)
{
	if (tag == WIRE_TAG_SYMLINK || tag == WIRE_TAG_LX_SYMLINK || tag == WIRE_TAG_MOUNT_POINT)
		return MFS_SYMLINK;
	return (enum mfs_kind)node->kind;
}

static void data_info(const struct mfs_volume *volume, const struct mfs_stream *stream, struct mfs_info *info)
{
	info->size = info->data_size = atomic_load_explicit(&stream->size, memory_order_acquire);
	info->stored = stream_stored(volume, stream);
	info->allocation = stream_allocation(volume, stream, info->size);
}

static enum mfs_unseen unseen(const struct mfs_stream *stream)
{
	uint64_t use = atomic_load_explicit(&stream->backed.use, memory_order_relaxed);

	if (use & BACKED_MAPPERS)
		return MFS_UNSEEN_NOW;
	return use & BACKED_MAPPED ? MFS_UNSEEN_RARELY : MFS_UNSEEN_NEVER;
}

static void tell(struct mfs_volume *volume, struct mfs_stream *stream, struct mfs_info *info)
{
	struct mfs_node *node = stream->node;
	const struct extras *extras;
	size_t target = 0;

	*info = (struct mfs_info){.number = node->number, .directory = node->kind == MFS_DIRECTORY};
	if (stream_is_backed(volume, stream))
		info->unseen = unseen(stream);
	os_lock_shared(&node->lock);
	extras = node->extras;
	info->reparse_tag = node->reparse_tag;
	info->kind = kind_of(node, info->reparse_tag);
	info->attributes = node->attributes | (info->directory ? MFS_A_DIRECTORY : 0) |
			   (info->reparse_tag ? MFS_A_REPARSE_POINT : 0);
	info->mode = node->mode;
	info->uid = node->uid;
	info->gid = node->gid;
	info->flags = node->flags;
	info->ea_size = extras && extras->eas ? wire_ea_size(extras->eas->bytes, extras->eas->size) : 0;
	if (info->kind == MFS_SYMLINK && stream == &node->main)
		wire_reparse_target(extras->reparse->bytes, extras->reparse->size, NULL, 0, &target);
	info->birth = time_of(node, BIRTH);
	info->access = time_of(node, ACCESS);
	info->write = time_of(node, WRITE);
	info->change = time_of(node, CHANGE);
	os_unlock_shared(&node->lock);
	if (info->attributes == 0)
		info->attributes = MFS_A_NORMAL;
	info->links = atomic_load_explicit(&node->links, memory_order_relaxed);
	data_info(volume, stream, info);
	if (info->kind == MFS_SYMLINK && stream == &node->main)
		info->size = target;
	if (info->directory && info->kind == MFS_DIRECTORY) {
		info->entries = atomic_load_explicit(&node->directory->entries, memory_order_relaxed);
		if (info->links > 0)
			info->links = 2 + atomic_load_explicit(&node->directory->subdirectories,
							       memory_order_relaxed);
	} else if (info->kind == MFS_CHAR_DEVICE || info->kind == MFS_BLOCK_DEVICE) {
		info->device = node->device;
	}
}

static void tell_if(bool seen, struct mfs_volume *volume, struct mfs_stream *stream, struct mfs_info *info)
{
	tell(volume, stream, info);
	if (!seen)
		info->unseen = MFS_UNSEEN_ALL;
}

void mfs_stream_info(struct mfs_volume *volume, struct mfs_stream *stream, struct mfs_info *info)
{
	tell_if(!stream_is_backed(volume, stream) || backed_sync(volume, stream), volume, stream, info);
}

void mfs_node_info(struct mfs_volume *volume, struct mfs_node *node, struct mfs_info *info)
{
	mfs_stream_info(volume, &node->main, info);
}

void mfs_node_known(struct mfs_volume *volume, struct mfs_node *node, struct mfs_info *info)
{
	struct mfs_stream *stream = &node->main;

	tell_if(!stream_is_backed(volume, stream) || backed_is_known(stream) || backed_sync(volume, stream),
		volume, stream, info);
}

/* ---- setting --------------------------------------------------------------------------- */

static void set_time(struct mfs_node *node, enum node_time which, const struct mfs_time *to)
{
	node->seconds[which] = to->seconds;
	node->nanoseconds[which] = to->nanoseconds;
}

static bool times_valid(const struct mfs_set *set)
{
	return (!(set->what & MFS_SET_BIRTH) || set->birth.nanoseconds < 1000000000) &&
	       (!(set->what & MFS_SET_ACCESS) || set->access.nanoseconds < 1000000000) &&
	       (!(set->what & MFS_SET_WRITE) || set->write.nanoseconds < 1000000000) &&
	       (!(set->what & MFS_SET_CHANGE) || set->change.nanoseconds < 1000000000);
}

enum mfs_status mfs_node_set(struct mfs_volume *volume, struct mfs_node *node, const struct mfs_set *set)
{
	unsigned now = 0;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (!times_valid(set))
		return MFS_INVALID;
	/* What was read and written until now has its times; what is set comes behind it. */
	if (stream_is_backed(volume, &node->main)) {
		backed_sync(volume, &node->main);
		/* MFS_F_NOATIME, too, says what the next read means. */
		backed_times_set(volume, &node->main,
				 set->what & (MFS_SET_ACCESS | MFS_SET_ACCESS_NOW | MFS_SET_FLAGS),
				 set->what & (MFS_SET_WRITE | MFS_SET_WRITE_NOW));
	}
	os_lock_exclusive(&node->lock);
	if (set->what & MFS_SET_ATTRIBUTES)
		node->attributes = set->attributes & MFS_A_SETTABLE;
	if (set->what & MFS_SET_MODE)
		node->mode = set->mode & 07777;
	if (set->what & MFS_SET_UID)
		node->uid = set->uid;
	if (set->what & MFS_SET_GID)
		node->gid = set->gid;
	if (set->what & MFS_SET_FLAGS)
		node->flags = (uint8_t)(set->flags & NODE_FLAGS);
	if (set->what & MFS_SET_BIRTH)
		set_time(node, BIRTH, &set->birth);
	if (set->what & MFS_SET_ACCESS)
		set_time(node, ACCESS, &set->access);
	if (set->what & MFS_SET_WRITE)
		set_time(node, WRITE, &set->write);
	if (set->what & MFS_SET_ACCESS_NOW)
		now |= 1u << ACCESS;
	if (set->what & MFS_SET_WRITE_NOW)
		now |= 1u << WRITE;
	if (!(set->what & (MFS_SET_CHANGE | MFS_SET_KEEP_CHANGE)))
		now |= 1u << CHANGE;
	node_touch_locked(volume, node, now);
	if (set->what & MFS_SET_CHANGE)
		set_time(node, CHANGE, &set->change);
	os_unlock_exclusive(&node->lock);
	return MFS_OK;
}
