/*
 * node: making, holding and ending nodes; what is known of them and what can be set.
 */
#include "node.h"

#include <string.h>

#include "wire.h"

#define NODE_FLAGS (MFS_F_IMMUTABLE | MFS_F_APPEND | MFS_F_NODUMP | MFS_F_NOATIME)

/* ---- times ------------------------------------------------------------------- */

void node_touch_locked(struct mfs_node *node, unsigned times)
{
	int64_t seconds;
	uint32_t nanoseconds;

	os_clock_wall(&seconds, &nanoseconds);
	for (unsigned i = 0; i < TIMES; i++) {
		if (times & 1u << i) {
			node->seconds[i] = seconds;
			node->nanoseconds[i] = nanoseconds;
		}
	}
}

void node_touch(struct mfs_node *node, unsigned times)
{
	os_lock_exclusive(&node->lock);
	node_touch_locked(node, times);
	os_unlock_exclusive(&node->lock);
}

static bool is_before(const struct mfs_node *node, enum node_time a, enum node_time b)
{
	if (node->seconds[a] != node->seconds[b])
		return node->seconds[a] < node->seconds[b];
	return node->nanoseconds[a] <= node->nanoseconds[b];
}

void mfs_node_accessed(struct mfs_volume *volume, struct mfs_node *node, bool strict)
{
	int64_t now;
	uint32_t nanoseconds;
	bool due;

	if (volume->read_only)
		return;
	os_lock_shared(&node->lock);
	os_clock_wall(&now, &nanoseconds);
	due = strict || is_before(node, ACCESS, WRITE) || is_before(node, ACCESS, CHANGE) ||
	      now - node->seconds[ACCESS] >= 24 * 60 * 60;
	os_unlock_shared(&node->lock);
	if (due)
		node_touch(node, 1u << ACCESS);
}

/* ---- numbers ------------------------------------------------------------------- */

/* The numbers rise by one: spread them over shards and buckets. */
static unsigned shard_of(uint64_t number)
{
	return (unsigned)number % NUMBER_SHARDS;
}

static bool number_insert(struct mfs_volume *volume, struct mfs_node *node)
{
	unsigned shard = shard_of(node->number);
	bool done;

	node->by_number.hash = (uint32_t)(node->number / NUMBER_SHARDS);
	os_lock_exclusive(&volume->shards[shard].lock);
	done = index_insert(&volume->shards[shard].nodes, volume->pool, &node->by_number);
	os_unlock_exclusive(&volume->shards[shard].lock);
	return done;
}

static void number_remove(struct mfs_volume *volume, struct mfs_node *node)
{
	unsigned shard = shard_of(node->number);

	os_lock_exclusive(&volume->shards[shard].lock);
	index_remove(&volume->shards[shard].nodes, volume->pool, &node->by_number);
	os_unlock_exclusive(&volume->shards[shard].lock);
}

static struct mfs_node *from_link(struct index_link *link)
{
	return (struct mfs_node *)(void *)((char *)link - offsetof(struct mfs_node, by_number));
}

struct mfs_node *mfs_node_by_number(struct mfs_volume *volume, uint64_t number)
{
	unsigned shard = shard_of(number);
	struct mfs_node *found = NULL;
	struct index_link *link;

	os_lock_shared(&volume->shards[shard].lock);
	link = index_chain(&volume->shards[shard].nodes, (uint32_t)(number / NUMBER_SHARDS));
	for (; link; link = link->next) {
		if (from_link(link)->number == number) {
			if (node_try_hold(from_link(link)))
				found = from_link(link);
			break;
		}
	}
	os_unlock_shared(&volume->shards[shard].lock);
	return found;
}

/* ---- references ------------------------------------------------------------------ */

/* The root lives as long as its volume: nobody counts its references. */
static bool is_root(const struct mfs_node *node)
{
	return node->number == ROOT_NUMBER;
}

struct mfs_node *mfs_node_hold(struct mfs_node *node)
{
	if (!is_root(node))
		atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
	return node;
}

bool node_try_hold(struct mfs_node *node)
{
	uint64_t now = atomic_load_explicit(&node->references, memory_order_relaxed);

	if (is_root(node))
		return true;
	while (now > 0)
		if (atomic_compare_exchange_weak_explicit(&node->references, &now, now + 1,
							  memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

/* Frees a node that nobody can find. */
static void node_end(struct mfs_volume *volume, struct mfs_node *node)
{
	stream_free_data(volume, &node->main);
	extras_free(volume, node);
	security_drop(volume, node->security);
	if (node->kind == MFS_DIRECTORY && node->directory)
		directory_free(volume, node->directory);
	pool_give(volume->pool, node, sizeof(*node));
	budget_give_node(&volume->budget);
}

void mfs_node_drop_many(struct mfs_volume *volume, struct mfs_node *node, uint64_t references)
{
	if (node && references > 0 && !is_root(node) &&
	    atomic_fetch_sub_explicit(&node->references, references, memory_order_acq_rel) == references) {
		number_remove(volume, node);
		node_end(volume, node);
	}
}

void mfs_node_drop(struct mfs_volume *volume, struct mfs_node *node)
{
	mfs_node_drop_many(volume, node, 1);
}

uint64_t mfs_node_number(const struct mfs_node *node)
{
	return node->number;
}

bool mfs_node_is_directory(const struct mfs_node *node)
{
	return node->kind == MFS_DIRECTORY;
}

uint32_t mfs_node_flags(const struct mfs_node *node)
{
	return atomic_load_explicit(&node->flags, memory_order_relaxed);
}

/* ---- making ------------------------------------------------------------------------ */

/* The reparse data of a new node: what is given, or a symlink's target. */
static enum mfs_status new_reparse(struct mfs_volume *volume, const struct mfs_new *what, struct blob **blob)
{
	enum mfs_status status;

	*blob = NULL;
	if (what->kind == MFS_SYMLINK) {
		if (what->reparse || !what->target || what->target_size == 0)
			return MFS_INVALID;
		if (what->target_size > 4095)
			return MFS_NAME_TOO_LONG;
		*blob = pool_take(volume->pool, sizeof(**blob) + 12 + what->target_size);
		if (!*blob)
			return MFS_NO_SPACE;
		(*blob)->size =
			(uint32_t)wire_reparse_from_target(what->target, what->target_size, (*blob)->bytes);
		return MFS_OK;
	}
	if (!what->reparse)
		return MFS_OK;
	status = wire_reparse_check(what->reparse, what->reparse_size);
	if (status != MFS_OK)
		return status;
	if (wire_reparse_tag(what->reparse) == WIRE_TAG_MOUNT_POINT && what->kind != MFS_DIRECTORY)
		return MFS_NOT_DIRECTORY;
	*blob = blob_make(volume, what->reparse, what->reparse_size);
	return *blob ? MFS_OK : MFS_NO_SPACE;
}

/* Gives a new node what `what` says beyond plain fields. */
static enum mfs_status fill_in(struct mfs_volume *volume, struct mfs_node *node, const struct mfs_new *what)
{
	struct blob *reparse, *eas = NULL;
	enum mfs_status status = new_reparse(volume, what, &reparse);

	if (status != MFS_OK)
		return status;
	if (what->eas_size > 0)
		status = ea_apply(volume, NULL, what->eas, what->eas_size, &eas);
	if (status == MFS_OK && (reparse || eas)) {
		struct extras *extras = extras_get(volume, node);

		if (extras) {
			extras->reparse = reparse;
			extras->eas = eas;
			node->reparse_tag = reparse ? wire_reparse_tag(reparse->bytes) : 0;
			reparse = eas = NULL;
		} else {
			status = MFS_NO_SPACE;
		}
	}
	blob_free(volume, reparse);
	blob_free(volume, eas);
	if (status == MFS_OK && what->security_size > 0) {
		status = wire_security_check(what->security, what->security_size);
		if (status == MFS_OK) {
			node->security = security_share(volume, what->security, what->security_size);
			status = node->security ? MFS_OK : MFS_NO_SPACE;
		}
	}
	if (status == MFS_OK && what->allocation > 0 && what->kind != MFS_DIRECTORY)
		status = mfs_set_allocation(volume, &node->main, what->allocation);
	return status;
}

/* Each thread's lane counts by itself, in steps of the number of lanes, which is that of the shards: threads
 * that make nodes side by side then meet in none of them. */
static uint64_t next_number(struct mfs_volume *volume)
{
	unsigned lane = os_thread_lane() % NUMBER_SHARDS;

	if (!volume->root)
		return ROOT_NUMBER;
	return atomic_fetch_add_explicit(&volume->shards[lane].next, NUMBER_SHARDS, memory_order_relaxed) + lane;
}

static struct mfs_node *node_bare(struct mfs_volume *volume, const struct mfs_new *what)
{
	struct mfs_node *node = pool_take_zeroed(volume->pool, sizeof(*node));

	if (!node)
		return NULL;
	node->main.node = node;
	node->number = next_number(volume);
	node->references = 1;
	node->attributes = what->attributes & MFS_A_SETTABLE;
	node->flags = (uint8_t)(what->flags & NODE_FLAGS);
	node->mode = what->mode & 07777;
	node->uid = what->uid;
	node->gid = what->gid;
	node->kind = what->kind == MFS_SYMLINK ? MFS_FILE : (uint8_t)what->kind;
	node_touch_locked(node, (1u << TIMES) - 1);
	return node;
}

enum mfs_status node_create(struct mfs_volume *volume, const struct mfs_new *what, unsigned links,
			    struct mfs_node **made)
{
	enum mfs_status status = MFS_NO_SPACE;
	struct mfs_node *node;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if ((unsigned)what->kind > MFS_BLOCK_DEVICE)
		return MFS_INVALID;
	if (!budget_take_node(&volume->budget))
		return MFS_NO_NODES;
	node = node_bare(volume, what);
	if (!node) {
		budget_give_node(&volume->budget);
		return MFS_NO_SPACE;
	}
	node->links = links;
	node->nameless = links == 0;
	if (what->kind == MFS_CHAR_DEVICE || what->kind == MFS_BLOCK_DEVICE)
		node->device = what->device;
	status = what->kind == MFS_DIRECTORY ? directory_make(volume, &node->directory) : MFS_OK;
	if (status == MFS_OK)
		status = fill_in(volume, node, what);
	/* Last, for from here on others may find it. */
	if (status == MFS_OK && !number_insert(volume, node))
		status = MFS_NO_SPACE;
	if (status == MFS_OK)
		*made = node;
	else
		node_end(volume, node);
	return status;
}

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
	info->stored = atomic_load_explicit(&stream->sectors.stored, memory_order_relaxed) * MFS_SECTOR;
	info->allocation = stream_allocation(volume, stream);
}

void mfs_stream_info(struct mfs_volume *volume, struct mfs_stream *stream, struct mfs_info *info)
{
	struct mfs_node *node = stream->node;
	const struct extras *extras;
	size_t target = 0;

	*info = (struct mfs_info){.number = node->number, .directory = node->kind == MFS_DIRECTORY};
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

void mfs_node_info(struct mfs_volume *volume, struct mfs_node *node, struct mfs_info *info)
{
	mfs_stream_info(volume, &node->main, info);
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
	node_touch_locked(node, now);
	if (set->what & MFS_SET_CHANGE)
		set_time(node, CHANGE, &set->change);
	os_unlock_exclusive(&node->lock);
	return MFS_OK;
}
