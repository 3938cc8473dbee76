/*
 * directory: names to nodes. A hash index answers lookups, a tree keeps the order for listings:
 * by position on POSIX volumes, by name on NTFS ones. The callers hold the directory's lock.
 */
#include <string.h>

#include "name.h"
#include "node.h"

/* Charged for an entry's places in index and tree and its node's in the number index, so that the charge
 * depends on nothing but what is there. */
#define ENTRY_PLACES 32u

/* What the tree holds of an entry: 16 bytes, so that separators hold the same. */
struct ordered {
	uint64_t key;
	union {
		struct entry *entry;
		uint64_t filler;
	};
};

/* What to look for among entries whose names begin alike. */
struct name_probe {
	const char *name;
	size_t size;
};

static int tie_by_name(const void *item, const void *probe)
{
	const struct ordered *ordered = item;
	const struct name_probe *name = probe;

	return name_compare(ordered->entry->name, ordered->entry->link.own, name->name, name->size);
}

static const struct tree_kind by_position = {.item_size = sizeof(struct ordered), .tie = NULL};
static const struct tree_kind by_name = {.item_size = sizeof(struct ordered), .tie = tie_by_name};

static const struct tree_kind *kind_of(const struct mfs_volume *volume)
{
	return volume->order == MFS_BY_NAME ? &by_name : &by_position;
}

static uint64_t key_of(const struct mfs_volume *volume, const struct entry *entry)
{
	return volume->order == MFS_BY_NAME ? name_prefix(entry->name, entry->link.own) : entry->position;
}

uint32_t directory_hash(const struct mfs_volume *volume, const char *name, size_t size)
{
	return name_hash(name, size, volume->case_insensitive, volume->seed);
}

enum mfs_status directory_make(struct mfs_volume *volume, struct directory **directory)
{
	*directory = pool_take_zeroed(volume->pool, sizeof(**directory));
	if (!*directory)
		return MFS_NO_SPACE;
	(*directory)->next_position = 1;
	os_lock_is(&(*directory)->lock, &order_directory);
	return MFS_OK;
}

void directory_free(struct mfs_volume *volume, struct directory *directory)
{
	pool_give(volume->pool, directory, sizeof(*directory));
}

struct entry *directory_find(const struct mfs_volume *volume, const struct directory *directory,
			     const char *name, size_t size, uint32_t hash)
{
	struct index_link *link = index_chain(&directory->names, hash);

	for (; link; link = link->next) {
		struct entry *entry = (struct entry *)link;

		if (link->hash == hash &&
		    name_equal(entry->name, link->own, name, size, volume->case_insensitive))
			return entry;
	}
	return NULL;
}

static size_t entry_bytes(size_t name_size)
{
	return offsetof(struct entry, name) + name_size;
}

uint64_t entry_charge(size_t name_size)
{
	/* In one step: for the entry itself and for its places. */
	return pool_rounded(entry_bytes(name_size)) + ENTRY_PLACES;
}

struct entry *entry_make(struct mfs_volume *volume, const char *name, size_t size, struct mfs_node *node,
			 bool forced)
{
	struct entry *entry;

	if (forced)
		budget_force(&volume->budget, entry_charge(size));
	else if (!budget_take(&volume->budget, entry_charge(size)))
		return NULL;
	entry = pool_take_raw(volume->pool, entry_bytes(size));
	if (!entry) {
		budget_give(&volume->budget, entry_charge(size));
		return NULL;
	}
	entry->link = (struct index_link){.hash = directory_hash(volume, name, size), .own = (uint32_t)size};
	entry->node = node;
	entry->position = 0;
	memcpy(entry->name, name, size);
	return entry;
}

void entry_free(struct mfs_volume *volume, struct entry *entry)
{
	uint64_t charge = entry_charge(entry->link.own);

	pool_give_raw(volume->pool, entry, entry_bytes(entry->link.own));
	budget_give(&volume->budget, charge);
}

bool directory_insert(struct mfs_volume *volume, struct directory *directory, struct entry *entry)
{
	const struct tree_kind *kind = kind_of(volume);
	struct name_probe probe = {entry->name, entry->link.own};
	struct ordered ordered = {.filler = 0};
	struct tree_place place;

	entry->position = directory->next_position;
	ordered.key = key_of(volume, entry);
	ordered.entry = entry;
	if (!index_insert(&directory->names, volume->pool, &entry->link))
		return false;
	tree_seek_last(&directory->order, kind, ordered.key, &probe, &place);
	if (!tree_insert(&directory->order, kind, volume->pool, &place, &ordered)) {
		index_remove(&directory->names, volume->pool, &entry->link);
		return false;
	}
	directory->next_position++;
	atomic_store_explicit(&directory->entries, directory->names.count, memory_order_relaxed);
	return true;
}

void directory_remove(struct mfs_volume *volume, struct directory *directory, struct entry *entry)
{
	const struct tree_kind *kind = kind_of(volume);
	struct name_probe probe = {entry->name, entry->link.own};
	struct tree_place place;

	if (tree_seek(&directory->order, kind, key_of(volume, entry), &probe, &place))
		tree_remove(&directory->order, kind, volume->pool, &place);
	index_remove(&directory->names, volume->pool, &entry->link);
	atomic_store_explicit(&directory->entries, directory->names.count, memory_order_relaxed);
}

bool directory_replace(struct mfs_volume *volume, struct directory *directory, struct entry *old,
		       struct entry *new)
{
	struct tree_place place;
	struct ordered *ordered;

	if (volume->order == MFS_BY_NAME) {
		if (!directory_insert(volume, directory, new))
			return false;
		directory_remove(volume, directory, old);
		return true;
	}
	if (!index_insert(&directory->names, volume->pool, &new->link))
		return false;
	index_remove(&directory->names, volume->pool, &old->link);
	new->position = old->position;
	tree_seek(&directory->order, &by_position, old->position, NULL, &place);
	ordered = tree_item(&directory->order, &by_position, &place);
	ordered->entry = new;
	return true;
}

/* ---- listing ---------------------------------------------------------------------- */

/* Hands the entries from a place on to the callback. */
static bool hand_over(const struct directory *directory, const struct tree_kind *kind,
		      struct tree_place *place, mfs_list_fn *each, void *context)
{
	const struct ordered *ordered = tree_item(&directory->order, kind, place);

	for (; ordered; ordered = tree_next(&directory->order, kind, place)) {
		const struct entry *entry = ordered->entry;
		struct mfs_entry told = {entry->name, entry->link.own, entry->node, entry->position};

		if (!each(context, &told))
			return false;
	}
	return true;
}

enum mfs_status mfs_list_after_position(struct mfs_volume *volume, struct mfs_node *node, uint64_t position,
					mfs_list_fn *each, void *context, bool *at_end)
{
	struct directory *directory = node->directory;
	struct tree_place place;

	if (node->kind != MFS_DIRECTORY)
		return MFS_NOT_DIRECTORY;
	if (volume->order != MFS_BY_POSITION)
		return MFS_NOT_SUPPORTED;
	if (position == UINT64_MAX) {
		*at_end = true;
		return MFS_OK;
	}
	os_lock_shared(&directory->lock);
	tree_seek(&directory->order, &by_position, position + 1, NULL, &place);
	*at_end = hand_over(directory, &by_position, &place, each, context);
	os_unlock_shared(&directory->lock);
	return MFS_OK;
}

enum mfs_status mfs_list_after_name(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				    size_t size, mfs_list_fn *each, void *context, bool *at_end)
{
	struct directory *directory = node->directory;
	struct name_probe probe = {name, size};
	const struct ordered *ordered;
	struct tree_place place;

	if (node->kind != MFS_DIRECTORY)
		return MFS_NOT_DIRECTORY;
	if (volume->order != MFS_BY_NAME)
		return MFS_NOT_SUPPORTED;
	if (size > MFS_NAME_BYTES_MAX)
		return MFS_NAME_TOO_LONG;
	os_lock_shared(&directory->lock);
	*at_end = true;
	tree_seek(&directory->order, &by_name, size ? name_prefix(name, size) : 0, &probe, &place);
	ordered = tree_item(&directory->order, &by_name, &place);
	/* The name itself was listed already, be it in another spelling by now. */
	if (ordered && size &&
	    name_equal(ordered->entry->name, ordered->entry->link.own, name, size, volume->case_insensitive))
		ordered = tree_next(&directory->order, &by_name, &place);
	if (ordered)
		*at_end = hand_over(directory, &by_name, &place, each, context);
	os_unlock_shared(&directory->lock);
	return MFS_OK;
}
