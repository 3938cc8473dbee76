/*
 * metadata: what a node carries besides its fields: security descriptor, EAs, xattrs, reparse
 * data. The formats are wire's; here they are kept, charged and shared.
 */
#include <string.h>

#include "name.h"
#include "node.h"
#include "wire.h"

/* Copies a blob out; NULL is an empty one. */
static enum mfs_status blob_copy(const struct blob *blob, void *to, size_t capacity, size_t *size)
{
	*size = blob ? blob->size : 0;
	if (*size > capacity)
		return MFS_BUFFER_TOO_SMALL;
	if (blob)
		memcpy(to, blob->bytes, blob->size);
	return MFS_OK;
}

/* ---- security descriptors --------------------------------------------------------- */

/* The descriptor with these bytes, with a reference; one whose last reference is going counts as gone. The
 * table is locked. */
static struct security *security_find(const struct mfs_volume *volume, const void *bytes, size_t size,
				      uint32_t hash)
{
	struct index_link *link = index_chain(&volume->securities, hash);

	for (; link; link = link->next) {
		struct security *security = (struct security *)link;
		uint64_t now = atomic_load_explicit(&security->references, memory_order_relaxed);

		if (link->hash != hash || security->size != size || memcmp(security->bytes, bytes, size) != 0)
			continue;
		while (now > 0)
			if (atomic_compare_exchange_weak_explicit(&security->references, &now, now + 1,
								  memory_order_relaxed, memory_order_relaxed))
				return security;
	}
	return NULL;
}

static struct security *security_make(struct mfs_volume *volume, const void *bytes, size_t size,
				      uint32_t hash)
{
	struct security *security = pool_take(volume->pool, sizeof(*security) + size);

	if (!security)
		return NULL;
	*security = (struct security){.link = {.hash = hash}, .references = 1, .size = (uint32_t)size};
	memcpy(security->bytes, bytes, size);
	if (index_insert(&volume->securities, volume->pool, &security->link))
		return security;
	pool_give(volume->pool, security, sizeof(*security) + size);
	return NULL;
}

struct security *security_share(struct mfs_volume *volume, const void *bytes, size_t size)
{
	uint32_t hash = name_hash(bytes, size, false, volume->seed);
	struct security *security;

	os_lock_shared(&volume->security_lock);
	security = security_find(volume, bytes, size, hash);
	os_unlock_shared(&volume->security_lock);
	if (security)
		return security;
	os_lock_exclusive(&volume->security_lock);
	security = security_find(volume, bytes, size, hash);
	if (!security)
		security = security_make(volume, bytes, size, hash);
	os_unlock_exclusive(&volume->security_lock);
	return security;
}

void security_drop(struct mfs_volume *volume, struct security *security)
{
	if (!security || atomic_fetch_sub_explicit(&security->references, 1, memory_order_acq_rel) != 1)
		return;
	os_lock_exclusive(&volume->security_lock);
	index_remove(&volume->securities, volume->pool, &security->link);
	os_unlock_exclusive(&volume->security_lock);
	pool_give(volume->pool, security, sizeof(*security) + security->size);
}

enum mfs_status mfs_security_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				 size_t *size)
{
	enum mfs_status status = MFS_OK;

	(void)volume;
	os_lock_shared(&node->lock);
	*size = node->security ? node->security->size : 0;
	if (*size > capacity)
		status = MFS_BUFFER_TOO_SMALL;
	else if (*size > 0)
		memcpy(to, node->security->bytes, *size);
	os_unlock_shared(&node->lock);
	return status;
}

enum mfs_status mfs_security_set(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				 size_t size)
{
	enum mfs_status status = wire_security_check(from, size);
	struct security *new, *old;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	new = security_share(volume, from, size);
	if (!new)
		return MFS_NO_SPACE;
	os_lock_exclusive(&node->lock);
	old = node->security;
	node->security = new;
	node_touch_locked(volume, node, TOUCH_CHANGE);
	os_unlock_exclusive(&node->lock);
	security_drop(volume, old);
	return MFS_OK;
}

/* ---- EAs ----------------------------------------------------------------------------- */

enum mfs_status ea_apply(struct mfs_volume *volume, const struct blob *present, const void *change,
			 size_t size, struct blob **result)
{
	const void *list = present ? present->bytes : NULL;
	size_t list_size = present ? present->size : 0, needed;
	enum mfs_status status = wire_ea_check(change, size);

	if (status == MFS_OK)
		status = wire_ea_merge(list, list_size, change, size, NULL, 0, &needed);
	if (status != MFS_OK)
		return status;
	*result = NULL;
	if (needed == 0)
		return MFS_OK;
	*result = pool_take(volume->pool, sizeof(**result) + needed);
	if (!*result)
		return MFS_NO_SPACE;
	(*result)->size = (uint32_t)needed;
	status = wire_ea_merge(list, list_size, change, size, (*result)->bytes, needed, &needed);
	if (status != MFS_OK) {
		blob_free(volume, *result);
		*result = NULL;
	}
	return status;
}

enum mfs_status mfs_ea_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
			   size_t *size)
{
	enum mfs_status status;

	(void)volume;
	os_lock_shared(&node->lock);
	status = blob_copy(node->extras ? node->extras->eas : NULL, to, capacity, size);
	os_unlock_shared(&node->lock);
	return status;
}

enum mfs_status mfs_ea_set(struct mfs_volume *volume, struct mfs_node *node, const void *list, size_t size,
			   bool replace)
{
	struct blob *old = NULL, *new = NULL;
	enum mfs_status status;
	struct extras *extras;

	if (volume->read_only)
		return MFS_READ_ONLY;
	os_lock_exclusive(&node->lock);
	extras = node->extras;
	status = ea_apply(volume, extras && !replace ? extras->eas : NULL, list, size, &new);
	if (status != MFS_OK)
		goto out;
	if (new)
		extras = extras_get(volume, node);
	if (new && !extras) {
		status = MFS_NO_SPACE;
		old = new;
		goto out;
	}
	if (extras) {
		old = extras->eas;
		extras->eas = new;
		extras_prune(volume, node);
	}
	node_touch_locked(volume, node, TOUCH_CHANGE);
out:
	os_unlock_exclusive(&node->lock);
	blob_free(volume, old);
	return status;
}

bool mfs_ea_needed(struct mfs_volume *volume, struct mfs_node *node)
{
	bool needed;

	(void)volume;
	os_lock_shared(&node->lock);
	needed = node->extras && node->extras->eas &&
		 wire_ea_needed(node->extras->eas->bytes, node->extras->eas->size);
	os_unlock_shared(&node->lock);
	return needed;
}

/* ---- reparse data ------------------------------------------------------------------------ */

enum mfs_status mfs_reparse_get(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				size_t *size)
{
	enum mfs_status status = MFS_NOT_REPARSE_POINT;

	(void)volume;
	os_lock_shared(&node->lock);
	if (node->extras && node->extras->reparse)
		status = blob_copy(node->extras->reparse, to, capacity, size);
	os_unlock_shared(&node->lock);
	return status;
}

static enum mfs_status may_set_reparse(const struct mfs_node *node, const void *from, size_t size,
				       unsigned flags)
{
	const struct blob *present = node->extras ? node->extras->reparse : NULL;

	if (present && flags & MFS_REPARSE_CREATE)
		return MFS_EXISTS;
	if (!present && flags & MFS_REPARSE_REPLACE)
		return MFS_NOT_REPARSE_POINT;
	if (present && !(flags & MFS_REPARSE_ANY_TAG))
		return wire_reparse_matches(present->bytes, present->size, from, size);
	return MFS_OK;
}

/* Sets reparse data; the directory, if it is one, is locked against new entries. */
static enum mfs_status set_reparse(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				   size_t size, unsigned flags)
{
	struct blob *new = blob_make(volume, from, size), *old = new;
	struct extras *extras;
	enum mfs_status status;

	if (!new)
		return MFS_NO_SPACE;
	os_lock_exclusive(&node->lock);
	status = may_set_reparse(node, from, size, flags);
	if (status == MFS_OK) {
		extras = extras_get(volume, node);
		if (extras) {
			old = extras->reparse;
			extras->reparse = new;
			node->reparse_tag = wire_reparse_tag(from);
			node_touch_locked(volume, node, TOUCH_CHANGE);
		} else {
			status = MFS_NO_SPACE;
		}
	}
	os_unlock_exclusive(&node->lock);
	blob_free(volume, old);
	return status;
}

enum mfs_status mfs_reparse_set(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				size_t size, unsigned flags)
{
	enum mfs_status status = wire_reparse_check(from, size);

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	if (node->kind != MFS_DIRECTORY) {
		if (wire_reparse_tag(from) == WIRE_TAG_MOUNT_POINT)
			return MFS_NOT_DIRECTORY;
		return set_reparse(volume, node, from, size, flags);
	}
	os_lock_exclusive(&node->directory->lock);
	if (node == volume->root)
		status = MFS_NOT_PERMITTED;
	else if (node->directory->names.count > 0)
		status = MFS_NOT_EMPTY;
	else
		status = set_reparse(volume, node, from, size, flags);
	os_unlock_exclusive(&node->directory->lock);
	return status;
}

enum mfs_status mfs_reparse_remove(struct mfs_volume *volume, struct mfs_node *node, const void *from,
				   size_t size)
{
	enum mfs_status status = MFS_NOT_REPARSE_POINT;
	struct blob *old = NULL;

	if (volume->read_only)
		return MFS_READ_ONLY;
	os_lock_exclusive(&node->lock);
	if (node->extras && node->extras->reparse) {
		old = node->extras->reparse;
		status = from ? wire_reparse_matches(old->bytes, old->size, from, size) : MFS_OK;
	}
	if (status == MFS_OK) {
		node->extras->reparse = NULL;
		node->reparse_tag = 0;
		extras_prune(volume, node);
		node_touch_locked(volume, node, TOUCH_CHANGE);
	} else {
		old = NULL;
	}
	os_unlock_exclusive(&node->lock);
	blob_free(volume, old);
	return status;
}

enum mfs_status mfs_symlink_target(struct mfs_volume *volume, struct mfs_node *node, char *to,
				   size_t capacity, size_t *size)
{
	enum mfs_status status = MFS_INVALID;

	(void)volume;
	os_lock_shared(&node->lock);
	if (node->extras && node->extras->reparse)
		status = wire_reparse_target(node->extras->reparse->bytes, node->extras->reparse->size, to,
					     capacity, size);
	os_unlock_shared(&node->lock);
	return status;
}

/* ---- xattrs --------------------------------------------------------------------------------- */

static void xattr_free(struct mfs_volume *volume, struct xattr *xattr)
{
	pool_give(volume->pool, xattr, sizeof(*xattr) + xattr->name_size + xattr->size);
}

void xattrs_free(struct mfs_volume *volume, struct extras *extras)
{
	struct xattr *xattr;

	while ((xattr = extras->xattrs) != NULL) {
		extras->xattrs = xattr->next;
		xattr_free(volume, xattr);
	}
}

/* Where the xattr with this name hangs, or where a new one would. */
static struct xattr **xattr_find(struct extras *extras, const char *name, size_t size)
{
	struct xattr **at = &extras->xattrs;

	while (*at && ((*at)->name_size != size || memcmp((*at)->bytes, name, size) != 0))
		at = &(*at)->next;
	return at;
}

enum mfs_status mfs_xattr_get(struct mfs_volume *volume, struct mfs_node *node, const char *name,
			      size_t name_size, void *to, size_t capacity, size_t *size)
{
	enum mfs_status status = MFS_NO_ATTRIBUTE;
	const struct xattr *xattr = NULL;

	(void)volume;
	os_lock_shared(&node->lock);
	if (node->extras)
		xattr = *xattr_find(node->extras, name, name_size);
	if (xattr) {
		*size = xattr->size;
		status = xattr->size > capacity ? MFS_BUFFER_TOO_SMALL : MFS_OK;
		if (status == MFS_OK)
			memcpy(to, xattr->bytes + xattr->name_size, xattr->size);
	}
	os_unlock_shared(&node->lock);
	return status;
}

/* What listxattr would return at most, with a name more. */
static bool xattr_names_fit(const struct extras *extras, size_t more)
{
	for (const struct xattr *xattr = extras->xattrs; xattr; xattr = xattr->next)
		more += xattr->name_size + 1;
	return more <= MFS_XATTR_MAX;
}

static enum mfs_status xattr_put(struct mfs_volume *volume, struct mfs_node *node, struct xattr *new,
				 unsigned flags)
{
	struct extras *extras = extras_get(volume, node);
	struct xattr **at, *old;
	enum mfs_status status = MFS_OK;

	if (!extras)
		return MFS_NO_SPACE;
	at = xattr_find(extras, new->bytes, new->name_size);
	old = *at;
	if (old && flags & MFS_XATTR_CREATE)
		status = MFS_EXISTS;
	else if (!old && flags & MFS_XATTR_REPLACE)
		status = MFS_NO_ATTRIBUTE;
	else if (!old && !xattr_names_fit(extras, new->name_size + 1))
		status = MFS_TOO_LARGE;
	if (status != MFS_OK) {
		extras_prune(volume, node);
		return status;
	}
	new->next = old ? old->next : NULL;
	*at = new;
	if (old)
		xattr_free(volume, old);
	node_touch_locked(volume, node, TOUCH_CHANGE);
	return MFS_OK;
}

enum mfs_status mfs_xattr_set(struct mfs_volume *volume, struct mfs_node *node, const char *name,
			      size_t name_size, const void *value, size_t size, unsigned flags)
{
	enum mfs_status status;
	struct xattr *new;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (name_size == 0 || name_size > 255)
		return MFS_NAME_TOO_LONG;
	if (size > MFS_XATTR_MAX)
		return MFS_TOO_LARGE;
	new = pool_take(volume->pool, sizeof(*new) + name_size + size);
	if (!new)
		return MFS_NO_SPACE;
	*new = (struct xattr){.name_size = (uint32_t)name_size, .size = (uint32_t)size};
	memcpy(new->bytes, name, name_size);
	if (size)
		memcpy(new->bytes + name_size, value, size);
	os_lock_exclusive(&node->lock);
	status = xattr_put(volume, node, new, flags);
	os_unlock_exclusive(&node->lock);
	if (status != MFS_OK)
		xattr_free(volume, new);
	return status;
}

enum mfs_status mfs_xattr_remove(struct mfs_volume *volume, struct mfs_node *node, const char *name,
				 size_t name_size)
{
	struct xattr **at, *old = NULL;

	if (volume->read_only)
		return MFS_READ_ONLY;
	os_lock_exclusive(&node->lock);
	if (node->extras) {
		at = xattr_find(node->extras, name, name_size);
		old = *at;
		if (old) {
			*at = old->next;
			extras_prune(volume, node);
			node_touch_locked(volume, node, TOUCH_CHANGE);
		}
	}
	os_unlock_exclusive(&node->lock);
	if (!old)
		return MFS_NO_ATTRIBUTE;
	xattr_free(volume, old);
	return MFS_OK;
}

enum mfs_status mfs_xattr_list(struct mfs_volume *volume, struct mfs_node *node, char *to, size_t capacity,
			       size_t *size)
{
	enum mfs_status status = MFS_OK;
	const struct xattr *xattr;

	(void)volume;
	*size = 0;
	os_lock_shared(&node->lock);
	for (xattr = node->extras ? node->extras->xattrs : NULL; xattr; xattr = xattr->next) {
		if (capacity - *size > xattr->name_size && status == MFS_OK) {
			memcpy(to + *size, xattr->bytes, xattr->name_size);
			to[*size + xattr->name_size] = 0;
		} else {
			status = MFS_BUFFER_TOO_SMALL;
		}
		*size += xattr->name_size + 1;
	}
	os_unlock_shared(&node->lock);
	return status;
}
