/*
 * volume: making and ending a volume, its limits, its label.
 */
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "node.h"

/* What an empty file with a name of a dozen bytes costs, about: for telling how many would fit. */
#define NODE_COST (sizeof(struct mfs_node) + sizeof(struct entry) + 48)

static enum mfs_status label_check(const char *label, size_t size)
{
	size_t units;

	if (size > sizeof(((struct mfs_volume *)0)->label))
		return MFS_NAME_TOO_LONG;
	if (size == 0)
		return MFS_OK;
	units = name_units(label, size);
	if (units == SIZE_MAX || memchr(label, 0, size))
		return MFS_NAME_INVALID;
	return units > MFS_LABEL_MAX ? MFS_NAME_TOO_LONG : MFS_OK;
}

static bool unit_valid(uint32_t unit)
{
	return unit % MFS_SECTOR == 0 && unit <= 65536 && (unit & (unit - 1)) == 0;
}

static enum mfs_status make_root(struct mfs_volume *volume, const struct mfs_options *options)
{
	const struct mfs_new root = {
		.kind = MFS_DIRECTORY,
		.mode = options->root_mode,
		.uid = options->root_uid,
		.gid = options->root_gid,
		.security = options->root_security,
		.security_size = options->root_security_size,
	};
	enum mfs_status status = node_create(volume, &root, 1, &volume->root);

	if (status != MFS_OK)
		return status;
	volume->root->directory->parent = volume->root;
	return node_number_insert(volume, volume->root) ? MFS_OK : MFS_NO_SPACE;
}

static void name_locks(struct mfs_volume *volume)
{
	os_lock_is(&volume->moving, &order_moving);
	for (unsigned i = 0; i < NUMBER_SHARDS; i++)
		os_lock_is(&volume->shards[i].lock, &order_shard);
	os_lock_is(&volume->security_lock, &order_security);
	os_lock_is(&volume->label_lock, &order_label);
}

enum mfs_status mfs_volume_create(const struct mfs_options *options, struct mfs_volume **made)
{
	enum mfs_status status = label_check(options->label, options->label ? options->label_size : 0);
	struct mfs_volume *volume;

	if (status != MFS_OK)
		return status;
	if (!unit_valid(options->unit ? options->unit : MFS_SECTOR))
		return MFS_INVALID;
	volume = calloc(1, sizeof(*volume));
	if (!volume)
		return MFS_NO_SPACE;
	budget_init(&volume->budget, options->max_bytes, options->max_nodes);
	volume->pool = pool_create(&volume->budget);
	if (!volume->pool) {
		free(volume);
		return MFS_NO_SPACE;
	}
	if (options->lock_memory)
		pages_lock(pool_pages(volume->pool));
	volume->store = (struct store){volume->pool, &volume->budget};
	volume->unit = options->unit ? options->unit : MFS_SECTOR;
	volume->case_insensitive = options->case_insensitive;
	volume->unicode_names = options->unicode_names || options->case_insensitive;
	volume->size_is_promise = options->size_is_promise;
	volume->order = options->order;
	for (unsigned i = 0; i < NUMBER_SHARDS; i++)
		volume->shards[i].next = NUMBER_SHARDS;
	name_locks(volume);
	volume->serial = options->serial;
	while (volume->serial == 0)
		os_random(&volume->serial, sizeof(volume->serial));
	os_random(&volume->seed, sizeof(volume->seed));
	if (options->label)
		memcpy(volume->label, options->label, volume->label_size = (uint32_t)options->label_size);
	status = make_root(volume, options);
	if (status != MFS_OK) {
		mfs_volume_destroy(volume);
		return status;
	}
	volume->read_only = options->read_only;
	*made = volume;
	return MFS_OK;
}

void mfs_volume_destroy(struct mfs_volume *volume)
{
	if (!volume)
		return;
	pool_destroy(volume->pool); /* all that the volume holds came from there */
	free(volume);
}

void mfs_volume_space(struct mfs_volume *volume, struct mfs_space *space)
{
	struct budget *budget = &volume->budget;
	uint64_t limit = atomic_load_explicit(&budget->node_limit, memory_order_relaxed);

	budget_tend(budget);
	space->used_bytes = budget_used(budget);
	space->free_bytes = budget_room(budget);
	space->total_bytes = atomic_load_explicit(&budget->byte_limit, memory_order_relaxed);
	if (space->total_bytes < space->used_bytes + space->free_bytes)
		space->total_bytes = space->used_bytes + space->free_bytes;
	space->used_nodes = atomic_load_explicit(&budget->nodes, memory_order_relaxed);
	space->total_nodes = limit ? limit : space->used_nodes + space->free_bytes / NODE_COST;
	space->free_nodes =
		space->total_nodes > space->used_nodes ? space->total_nodes - space->used_nodes : 0;
	space->held_bytes = pages_held(pool_pages(volume->pool));
}

enum mfs_status mfs_volume_resize(struct mfs_volume *volume, uint64_t max_bytes, uint64_t max_nodes)
{
	return budget_resize(&volume->budget, max_bytes, max_nodes) ? MFS_OK : MFS_INVALID;
}

void mfs_volume_limits(struct mfs_volume *volume, uint64_t *max_bytes, uint64_t *max_nodes)
{
	*max_bytes = atomic_load(&volume->budget.byte_limit);
	*max_nodes = atomic_load(&volume->budget.node_limit);
}

enum mfs_status mfs_volume_back(struct mfs_volume *volume, const struct mfs_backing *backing)
{
	const struct budget_borrower borrower = {backing->context, backing->used, backing->limit};

	if (volume->size_is_promise || volume->backing || atomic_load(&volume->budget.nodes) != 1)
		return MFS_INVALID;
	if (!budget_lend(&volume->budget, &borrower))
		return MFS_NO_SPACE;
	volume->backing = backing;
	return MFS_OK;
}

void mfs_volume_tend(struct mfs_volume *volume)
{
	if (!atomic_load_explicit(&volume->budget.byte_limit, memory_order_relaxed))
		budget_tend(&volume->budget);
}

uint32_t mfs_volume_serial(const struct mfs_volume *volume)
{
	return volume->serial;
}

uint32_t mfs_volume_unit(const struct mfs_volume *volume)
{
	return volume->unit;
}

bool mfs_volume_case_insensitive(const struct mfs_volume *volume)
{
	return volume->case_insensitive;
}

size_t mfs_volume_label(struct mfs_volume *volume, char to[96])
{
	size_t size;

	os_lock_shared(&volume->label_lock);
	size = volume->label_size;
	memcpy(to, volume->label, size);
	os_unlock_shared(&volume->label_lock);
	return size;
}

enum mfs_status mfs_volume_set_label(struct mfs_volume *volume, const char *label, size_t size)
{
	enum mfs_status status = label_check(label, size);

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	os_lock_exclusive(&volume->label_lock);
	if (size)
		memcpy(volume->label, label, size);
	volume->label_size = (uint32_t)size;
	os_unlock_exclusive(&volume->label_lock);
	return MFS_OK;
}

struct mfs_node *mfs_volume_root(struct mfs_volume *volume)
{
	return mfs_node_hold(volume->root);
}
