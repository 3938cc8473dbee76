/*
 * stream: a node's main stream and its named ones: finding, making, naming, dropping them.
 */
#include "node.h"

#include <string.h>

#include "name.h"

static struct named_stream *named(struct mfs_stream *stream)
{
	return (struct named_stream *)stream;
}

bool mfs_stream_is_main(const struct mfs_stream *stream)
{
	return stream == &stream->node->main;
}

struct mfs_stream *mfs_main_stream(struct mfs_node *node)
{
	return &mfs_node_hold(node)->main;
}

struct mfs_node *mfs_stream_node(const struct mfs_stream *stream)
{
	return stream->node;
}

/* ---- references ------------------------------------------------------------------ */

struct mfs_stream *mfs_stream_hold(struct mfs_stream *stream)
{
	mfs_node_hold(stream->node);
	if (!mfs_stream_is_main(stream))
		atomic_fetch_add_explicit(&named(stream)->references, 1, memory_order_relaxed);
	return stream;
}

void stream_free_data(struct mfs_volume *volume, struct mfs_stream *stream)
{
	if (stream_is_backed(volume, stream))
		backed_free(volume, stream);
	else
		sectors_free(&volume->store, &stream->sectors);
}

/* Gives one reference of a named stream back, not the node's. */
void stream_named_drop(struct mfs_volume *volume, struct named_stream *stream)
{
	if (atomic_fetch_sub_explicit(&stream->references, 1, memory_order_acq_rel) != 1)
		return;
	stream_free_data(volume, &stream->stream);
	pool_give(volume->pool, stream->name, stream->name_size);
	pool_give(volume->pool, stream, sizeof(*stream));
}

void streams_unlist_all(struct mfs_volume *volume, struct mfs_node *node)
{
	struct named_stream *stream;

	while (node->extras && (stream = node->extras->streams) != NULL) {
		node->extras->streams = stream->next;
		stream->next = NULL;
		stream_named_drop(volume, stream);
	}
}

/* ---- named streams ------------------------------------------------------------------ */

static enum mfs_status stream_name_check(const struct mfs_volume *volume, const char *name, size_t size)
{
	enum mfs_status status = name_check(name, size, volume->unicode_names);

	/* "." and ".." mean nothing among streams. */
	if (status == MFS_NAME_INVALID && (size == 1 || size == 2) && memcmp(name, "..", size) == 0)
		return MFS_OK;
	return status;
}

/* Where the stream with this name hangs, or where a new one would (node locked, extras there). */
static struct named_stream **find(const struct mfs_volume *volume, struct extras *extras, const char *name,
				  size_t size)
{
	struct named_stream **at = &extras->streams;

	while (*at && !name_equal((*at)->name, (*at)->name_size, name, size, volume->case_insensitive))
		at = &(*at)->next;
	return at;
}

enum mfs_status mfs_stream_open(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				size_t size, struct mfs_stream **stream)
{
	enum mfs_status status = stream_name_check(volume, name, size);
	struct named_stream *found = NULL;

	if (status != MFS_OK)
		return status;
	os_lock_shared(&node->lock);
	if (node->extras)
		found = *find(volume, node->extras, name, size);
	if (found)
		*stream = mfs_stream_hold(&found->stream);
	os_unlock_shared(&node->lock);
	return found ? MFS_OK : MFS_NOT_FOUND;
}

static struct named_stream *named_make(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				       size_t size)
{
	struct named_stream *new = pool_take_zeroed(volume->pool, sizeof(*new));

	if (!new)
		return NULL;
	new->name = pool_take(volume->pool, size);
	if (!new->name) {
		pool_give(volume->pool, new, sizeof(*new));
		return NULL;
	}
	memcpy(new->name, name, size);
	new->name_size = (uint32_t)size;
	new->stream.node = node;
	os_lock_is(&new->stream.lock, &order_stream);
	new->references = 1; /* the list's */
	return new;
}

enum mfs_status mfs_stream_create(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, struct mfs_stream **stream)
{
	enum mfs_status status = stream_name_check(volume, name, size);
	struct named_stream *new, **at;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	new = named_make(volume, node, name, size);
	if (!new)
		return MFS_NO_SPACE;
	os_lock_exclusive(&node->lock);
	if (!extras_get(volume, node)) {
		status = MFS_NO_SPACE;
	} else if (*(at = find(volume, node->extras, name, size)) != NULL) {
		status = MFS_EXISTS;
	} else {
		*at = new;
		*stream = mfs_stream_hold(&new->stream);
		node_touch_locked(volume, node, TOUCH_CHANGE);
	}
	os_unlock_exclusive(&node->lock);
	if (status != MFS_OK)
		stream_named_drop(volume, new);
	return status;
}

enum mfs_status mfs_stream_remove(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, struct mfs_stream *only)
{
	struct named_stream **at, *found = NULL;

	if (volume->read_only)
		return MFS_READ_ONLY;
	os_lock_exclusive(&node->lock);
	if (node->extras) {
		at = find(volume, node->extras, name, size);
		found = *at;
		if (found && only && only != &found->stream)
			found = NULL;
		if (found) {
			*at = found->next;
			found->next = NULL;
			extras_prune(volume, node);
			node_touch_locked(volume, node, TOUCH_CHANGE);
		}
	}
	os_unlock_exclusive(&node->lock);
	if (!found)
		return MFS_NOT_FOUND;
	stream_named_drop(volume, found);
	return MFS_OK;
}

enum mfs_status mfs_stream_rename(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				  size_t size, const char *to, size_t to_size, bool replace)
{
	enum mfs_status status = stream_name_check(volume, to, to_size);
	struct named_stream *stream = NULL, *victim = NULL, **at;
	char *new;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	new = pool_take(volume->pool, to_size);
	if (!new)
		return MFS_NO_SPACE;
	memcpy(new, to, to_size);
	os_lock_exclusive(&node->lock);
	if (node->extras)
		stream = *find(volume, node->extras, name, size);
	if (!stream) {
		status = MFS_NOT_FOUND;
	} else {
		at = find(volume, node->extras, to, to_size);
		victim = *at == stream ? NULL : *at;
		if (victim && !replace) {
			status = MFS_EXISTS;
			victim = NULL;
		} else if (victim) {
			*at = victim->next;
			victim->next = NULL;
		}
	}
	if (status == MFS_OK) {
		char *old = stream->name;

		stream->name = new;
		new = old;
		size = stream->name_size;
		stream->name_size = (uint32_t)to_size;
		to_size = size;
		node_touch_locked(volume, node, TOUCH_CHANGE);
	}
	os_unlock_exclusive(&node->lock);
	pool_give(volume->pool, new, to_size);
	if (victim)
		stream_named_drop(volume, victim);
	return status;
}

uint64_t stream_stored(const struct mfs_volume *volume, const struct mfs_stream *stream)
{
	if (stream_is_backed(volume, stream))
		return atomic_load_explicit(&stream->backed.stored, memory_order_relaxed);
	return atomic_load_explicit(&stream->sectors.stored, memory_order_relaxed) * MFS_SECTOR;
}

uint64_t stream_allocation(const struct mfs_volume *volume, const struct mfs_stream *stream, uint64_t size)
{
	uint64_t stored = stream_stored(volume, stream);

	if (stored > size)
		size = stored;
	return (size + volume->unit - 1) / volume->unit * volume->unit;
}

void mfs_streams_each(struct mfs_volume *volume, struct mfs_node *node, mfs_stream_fn *each, void *context)
{
	const struct named_stream *stream;

	os_lock_shared(&node->lock);
	for (stream = node->extras ? node->extras->streams : NULL; stream; stream = stream->next) {
		uint64_t size = atomic_load_explicit(&stream->stream.size, memory_order_relaxed);
		struct mfs_stream_entry told = {stream->name, stream->name_size, size,
						stream_allocation(volume, &stream->stream, size)};

		if (!each(context, &told))
			break;
	}
	os_unlock_shared(&node->lock);
}
