/*
 * extras: the few things that few nodes have, and the bytes of which they are.
 */
#include <string.h>

#include "node.h"

/* ---- blobs and extras ------------------------------------------------------------ */

struct blob *blob_make(struct mfs_volume *volume, const void *bytes, size_t size)
{
	struct blob *blob = pool_take(volume->pool, sizeof(*blob) + size);

	if (blob) {
		blob->size = (uint32_t)size;
		memcpy(blob->bytes, bytes, size);
	}
	return blob;
}

void blob_free(struct mfs_volume *volume, struct blob *blob)
{
	if (blob)
		pool_give(volume->pool, blob, sizeof(*blob) + blob->size);
}

struct extras *extras_get(struct mfs_volume *volume, struct mfs_node *node)
{
	if (!node->extras)
		node->extras = pool_take_zeroed(volume->pool, sizeof(*node->extras));
	return node->extras;
}

void extras_prune(struct mfs_volume *volume, struct mfs_node *node)
{
	struct extras *extras = node->extras;

	if (extras && !extras->eas && !extras->reparse && !extras->xattrs && !extras->streams) {
		node->extras = NULL;
		pool_give(volume->pool, extras, sizeof(*extras));
	}
}
