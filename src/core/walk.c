/*
 * walk: paths from the root, as WinFsp has them.
 */
#include <string.h>

#include "name.h"
#include "node.h"

/* The next component at or behind *at; false: none is left. */
static bool component(const char *path, size_t size, char separator, size_t *at, const char **name,
		      size_t *name_size)
{
	const char *end;

	while (*at < size && path[*at] == separator)
		++*at;
	if (*at == size)
		return false;
	*name = path + *at;
	end = memchr(*name, separator, size - *at);
	*name_size = end ? (size_t)(end - *name) : size - *at;
	*at += *name_size;
	return true;
}

/* Whether only separators follow. */
static bool is_last(const char *path, size_t size, char separator, size_t at)
{
	while (at < size && path[at] == separator)
		at++;
	return at == size;
}

/* Goes one component down. With `stored` (765 bytes) tells the name as it is stored. */
static enum mfs_status step(struct mfs_volume *volume, struct mfs_node *node, const char *name, size_t size,
			    struct mfs_node **child, char *stored, size_t *stored_size)
{
	enum mfs_status status = name_check(name, size, volume->unicode_names);
	struct directory *directory = node->directory;
	struct entry *entry;

	if (status != MFS_OK)
		return status;
	os_lock_shared(&directory->lock);
	entry = directory_find(volume, directory, name, size, directory_hash(volume, name, size));
	if (entry) {
		*child = mfs_node_hold(entry->node);
		if (stored) {
			memcpy(stored, entry->name, entry->link.own);
			*stored_size = entry->link.own;
		}
	}
	os_unlock_shared(&directory->lock);
	return entry ? MFS_OK : MFS_NOT_FOUND;
}

/* The node that a name means in a directory that is locked; no reference. NULL unless MFS_OK. */
static enum mfs_status find(const struct mfs_volume *volume, const struct mfs_node *directory,
			    const char *name, size_t size, struct mfs_node **node)
{
	enum mfs_status status = name_check(name, size, volume->unicode_names);
	const struct entry *entry = NULL;

	if (status == MFS_OK)
		entry = directory_find(volume, directory->directory, name, size,
				       directory_hash(volume, name, size));
	*node = entry ? entry->node : NULL;
	return status == MFS_OK && !entry ? MFS_NOT_FOUND : status;
}

/* Whether the walk may go on through a node. */
static enum mfs_status may_pass(const struct mfs_node *node)
{
	if (node->reparse_tag)
		return MFS_REPARSE;
	return node->kind == MFS_DIRECTORY ? MFS_OK : MFS_NOT_DIRECTORY;
}

void mfs_place_drop(struct mfs_volume *volume, struct mfs_place *place)
{
	mfs_node_drop(volume, place->parent);
	mfs_node_drop(volume, place->node);
	*place = (struct mfs_place){0};
}

/* Goes down with one directory locked at a time, the next one locked before the last is let go: that keeps
 * what lies between alive without counting references to it. */
static enum mfs_status walk(struct mfs_volume *volume, const char *path, size_t size, char separator,
			    bool with_parent, struct mfs_place *place)
{
	struct mfs_node *directory = volume->root, *child;
	enum mfs_status status;
	size_t at = 0;

	*place = (struct mfs_place){0};
	if (!component(path, size, separator, &at, &place->name, &place->name_size)) {
		*place = (struct mfs_place){.node = mfs_volume_root(volume)};
		return MFS_OK;
	}
	os_lock_shared(&directory->directory->lock);
	for (;;) {
		bool last = is_last(path, size, separator, at);

		status = find(volume, directory, place->name, place->name_size, &child);
		if (status == MFS_NOT_FOUND && !last)
			status = MFS_PATH_NOT_FOUND;
		if (status != MFS_OK || last)
			break;
		status = may_pass(child);
		if (status != MFS_OK)
			break;
		os_lock_shared(&child->directory->lock);
		os_unlock_shared(&directory->directory->lock);
		directory = child;
		component(path, size, separator, &at, &place->name, &place->name_size);
	}
	if (child)
		place->node = mfs_node_hold(child);
	if (with_parent || status != MFS_OK)
		place->parent = mfs_node_hold(directory);
	if (status == MFS_REPARSE)
		place->reparse_at = at;
	os_unlock_shared(&directory->directory->lock);
	return status;
}

enum mfs_status mfs_walk(struct mfs_volume *volume, const char *path, size_t size, char separator,
			 struct mfs_place *place)
{
	return walk(volume, path, size, separator, true, place);
}

enum mfs_status mfs_find(struct mfs_volume *volume, const char *path, size_t size, char separator,
			 struct mfs_place *place)
{
	return walk(volume, path, size, separator, false, place);
}

/* Adds a component to what was written, or only counts it when there is no room. */
static void append(char *to, size_t capacity, size_t *needed, char separator, const char *name, size_t size)
{
	if (*needed < capacity && size < capacity - *needed) {
		to[*needed] = separator;
		memcpy(to + *needed + 1, name, size);
	}
	*needed += 1 + size;
}

enum mfs_status mfs_normalize(struct mfs_volume *volume, const char *path, size_t size, char separator,
			      char *to, size_t capacity, size_t *needed)
{
	struct mfs_node *node = mfs_volume_root(volume), *child;
	enum mfs_status status = MFS_OK;
	char stored[MFS_NAME_BYTES_MAX];
	size_t at = 0, stored_size, name_size;
	const char *name;

	*needed = 0;
	while (component(path, size, separator, &at, &name, &name_size)) {
		status = may_pass(node);
		if (status != MFS_OK)
			break;
		status = step(volume, node, name, name_size, &child, stored, &stored_size);
		if (status == MFS_NOT_FOUND && is_last(path, size, separator, at)) {
			append(to, capacity, needed, separator, name, name_size);
			status = MFS_OK;
			break;
		}
		if (status != MFS_OK) {
			status = status == MFS_NOT_FOUND ? MFS_PATH_NOT_FOUND : status;
			break;
		}
		append(to, capacity, needed, separator, stored, stored_size);
		mfs_node_drop(volume, node);
		node = child;
	}
	mfs_node_drop(volume, node);
	if (status == MFS_OK && *needed == 0)
		append(to, capacity, needed, separator, "", 0);
	return status == MFS_OK && *needed > capacity ? MFS_BUFFER_TOO_SMALL : status;
}
