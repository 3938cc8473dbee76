/*
 * tree.c: the nodes that the kernel knows, with the names by which the program knows them.
 *
 * A node is found by the program's index number, so that two spellings of a name, or a name
 * that was deleted and made again, are told apart. The kernel's number is the node's address.
 */
#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bridge_node *tree_node(struct bridge *bridge, uint64_t id)
{
	return id == FUSE_ROOT_ID ? bridge->root : (struct bridge_node *)(uintptr_t)id;
}

uint64_t tree_id(struct bridge *bridge, struct bridge_node *node)
{
	return node == bridge->root ? FUSE_ROOT_ID : (uint64_t)(uintptr_t)node;
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* Writes the path from its end; `end` is one behind it. NULL: deleted, or too long. */
static WCHAR *write_backwards(struct bridge *bridge, const struct bridge_node *node, WCHAR *begin, WCHAR *end,
			      int *error)
{
	for (; node != bridge->root; node = node->parent) {
		*error = ENOENT;
		if (node->parent == NULL)
			return NULL;
		size_t units = text_units(node->name);
		*error = ENAMETOOLONG;
		if ((size_t)(end - begin) < units + 1)
			return NULL;
		end -= units;
		memcpy(end, node->name, units * sizeof *end);
		*--end = '\\';
	}
	return end;
}

static int build(struct bridge *bridge, struct bridge_node *node, const WCHAR *name, size_t units,
		 struct bridge_path *path)
{
	WCHAR backwards[WFS_PATH_UNITS], *end = backwards + WFS_PATH_UNITS - 1;
	int error = ENAMETOOLONG;
	*end = 0;
	if (name != NULL) {
		end -= units;
		memcpy(end, name, units * sizeof *end);
		*--end = '\\';
	}
	pthread_mutex_lock(&bridge->table_lock);
	WCHAR *begin = write_backwards(bridge, node, backwards, end, &error);
	path->parent = name != NULL ? node : node->parent;
	pthread_mutex_unlock(&bridge->table_lock);
	if (begin == NULL)
		return error;
	path->units = (size_t)(backwards + WFS_PATH_UNITS - 1 - begin);
	if (path->units == 0) {
		*--begin = '\\';
		path->units = 1;
	}
	memcpy(path->text, begin, (path->units + 1) * sizeof *begin);
	path->leaf = path->text + path->units;
	while (path->leaf[-1] != '\\')
		path->leaf--;
	return 0;
}

int tree_path(struct bridge *bridge, struct bridge_node *node, struct bridge_path *path)
{
	return build(bridge, node, NULL, 0, path);
}

int tree_path_in(struct bridge *bridge, struct bridge_node *directory, const char *name,
		 struct bridge_path *path)
{
	WCHAR wide[WFS_COMPONENT_UNITS + 1];
	int error = EINVAL;
	size_t units = name != NULL ? text_to_wide(name, strlen(name), wide, &error) : 0;
	return units == 0 ? error : build(bridge, directory, wide, units, path);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static struct bridge_node **bucket(struct bridge *bridge, UINT64 number)
{
	return &bridge->table[(number * 0x9E3779B97F4A7C15u) >> 50];
}
_Static_assert(BRIDGE_BUCKETS == 1u << 14, "bucket takes the 14 upper bits");

static WCHAR *copy_name(const WCHAR *name)
{
	size_t bytes = (text_units(name) + 1) * sizeof *name;
	WCHAR *copy = malloc(bytes);
	return copy != NULL ? memcpy(copy, name, bytes) : NULL;
}

static struct bridge_node *make(const struct bridge_path *path, const struct wfs_file_info *info)
{
	struct bridge_node *node = calloc(1, sizeof *node);
	if (node == NULL)
		return NULL;
	if (path->parent != NULL && (node->name = copy_name(path->leaf)) == NULL) {
		free(node);
		return NULL;
	}
	node->number = info->index_number;
	node->directory = info->attributes & FILE_ATTRIBUTE_DIRECTORY;
	node->parent = path->parent;
	pthread_mutex_init(&node->state, NULL);
	pthread_rwlock_init(&node->lock, NULL);
	return node;
}

struct bridge_node *tree_get(struct bridge *bridge, const struct bridge_path *path,
			     const struct wfs_file_info *info)
{
	struct bridge_node **head = bucket(bridge, info->index_number), *node;
	pthread_mutex_lock(&bridge->table_lock);
	for (node = *head; node != NULL && node->number != info->index_number; node = node->next)
		;
	if (node == NULL && (node = make(path, info)) != NULL) {
		node->next = *head;
		*head = node;
		if (node->parent != NULL)
			node->parent->references++;
	}
	if (node != NULL)
		node->references++;
	pthread_mutex_unlock(&bridge->table_lock);
	return node;
}

void tree_hold(struct bridge *bridge, struct bridge_node *node, uint64_t references)
{
	pthread_mutex_lock(&bridge->table_lock);
	node->references += references;
	pthread_mutex_unlock(&bridge->table_lock);
}

static void destroy(struct bridge *bridge, struct bridge_node *node)
{
	struct bridge_node **at = bucket(bridge, node->number);
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	pthread_mutex_destroy(&node->state);
	pthread_rwlock_destroy(&node->lock);
	free(node->name);
	free(node);
}

/* With the table locked. A node that goes may take its parents along. */
static void drop(struct bridge *bridge, struct bridge_node *node, uint64_t references)
{
	while (node != NULL && (node->references -= references) == 0) {
		struct bridge_node *parent = node->parent;
		destroy(bridge, node);
		node = parent;
		references = 1;
	}
}

void tree_drop(struct bridge *bridge, struct bridge_node *node, uint64_t references)
{
	pthread_mutex_lock(&bridge->table_lock);
	drop(bridge, node, references);
	pthread_mutex_unlock(&bridge->table_lock);
}

void tree_deleted(struct bridge *bridge, struct bridge_node *node)
{
	pthread_mutex_lock(&bridge->table_lock);
	struct bridge_node *parent = node->parent;
	node->parent = NULL;
	node->deleted = true;
	if (parent != NULL)
		drop(bridge, parent, 1);
	pthread_mutex_unlock(&bridge->table_lock);
}

void tree_moved(struct bridge *bridge, struct bridge_node *node, const struct bridge_path *to)
{
	WCHAR *name = copy_name(to->leaf);
	if (name == NULL)
		abort(); /* the program has renamed already */
	pthread_mutex_lock(&bridge->table_lock);
	struct bridge_node *parent = node->parent;
	WCHAR *before = node->name;
	to->parent->references++;
	node->parent = to->parent;
	node->name = name;
	if (parent != NULL)
		drop(bridge, parent, 1);
	pthread_mutex_unlock(&bridge->table_lock);
	free(before);
}
