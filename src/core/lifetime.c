/*
 * lifetime: how nodes begin and how they end. A node lives while a name, an open or a reference needs it;
 * the last one to let go frees it here with all that it has.
 */
#include <string.h>

#include "node.h"
#include "wire.h"

/* ---- ending ------------------------------------------------------------------ */

/* Frees all extras of a node that nobody has any more. */
static void extras_free(struct mfs_volume *volume, struct mfs_node *node)
{
	struct extras *extras = node->extras;

	if (!extras)
		return;
	streams_unlist_all(volume, node);
	blob_free(volume, extras->eas);
	blob_free(volume, extras->reparse);
	xattrs_free(volume, extras);
	node->extras = NULL;
	pool_give(volume->pool, extras, sizeof(*extras));
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
	if (node && references > 0 && !node_is_root(node) &&
	    atomic_fetch_sub_explicit(&node->references, references, memory_order_acq_rel) == references) {
		if (node->by_number.own)
			node_number_remove(volume, node);
		node_end(volume, node);
	}
}

void mfs_node_drop(struct mfs_volume *volume, struct mfs_node *node)
{
	mfs_node_drop_many(volume, node, 1);
}

void mfs_stream_drop(struct mfs_volume *volume, struct mfs_stream *stream)
{
	struct mfs_node *node;

	if (!stream)
		return;
	node = stream->node;
	if (!mfs_stream_is_main(stream))
		stream_named_drop(volume, (struct named_stream *)stream);
	mfs_node_drop(volume, node);
}

/* ---- beginning ---------------------------------------------------------------- */

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
	if (status == MFS_OK && what->backed && stream_is_backed(volume, &node->main))
		status = backed_make(volume, &node->main);
	return status;
}

/* Each thread's lane counts by itself, in steps of the number of lanes, which is that of the shards: threads
 * that make nodes side by side then meet in none of them. */
static uint64_t next_number(struct mfs_volume *volume)
{
	unsigned lane = os_thread_lane() % NUMBER_SHARDS;

	if (!volume->root)
		return ROOT_NUMBER;
	return atomic_fetch_add_explicit(&volume->shards[lane].next, NUMBER_SHARDS, memory_order_relaxed) +
	       lane;
}

/* ---- making ------------------------------------------------------------------------ */

static struct mfs_node *node_bare(struct mfs_volume *volume, const struct mfs_new *what)
{
	struct mfs_node *node = pool_take_zeroed(volume->pool, sizeof(*node));

	if (!node)
		return NULL;
	node->main.node = node;
	os_lock_is(&node->main.lock, &order_stream);
	os_lock_is(&node->lock, &order_node);
	node->number = next_number(volume);
	node->references = 1;
	node->attributes = what->attributes & MFS_A_SETTABLE;
	node->flags = (uint8_t)(what->flags & NODE_FLAGS);
	node->mode = what->mode & 07777;
	node->uid = what->uid;
	node->gid = what->gid;
	node->kind = what->kind == MFS_SYMLINK ? MFS_FILE : (uint8_t)what->kind;
	node_touch_locked(volume, node, (1u << TIMES) - 1);
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
	/* Last, for from here on others may find it. A directory is not whole before it has a parent. */
	if (status == MFS_OK && what->kind != MFS_DIRECTORY && !node_number_insert(volume, node))
		status = MFS_NO_SPACE;
	if (status == MFS_OK)
		*made = node;
	else
		node_end(volume, node);
	return status;
}
