/*
 * acl: POSIX access control lists, in the wire form in which the kernel sends and asks for them:
 * a version, then entries of tag, permissions and id, all little-endian, in the order user, named
 * users, group, named groups, mask, other.
 */
#include "acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>

#include "privileges.h"

static const char access_name[] = "system.posix_acl_access";
static const char default_name[] = "system.posix_acl_default";

#define ALL 07u /* read, write, execute */

typedef struct posix_acl_xattr_header acl_header;
typedef struct posix_acl_xattr_entry acl_entry;

/* An ACL that lies in someone's buffer. */
struct acl {
	acl_entry *entries;
	size_t count;
	/* Where the entries are whose permissions the mode shows; NULL: no mask. */
	acl_entry *user, *group, *mask, *other;
};

static unsigned permissions(const acl_entry *entry)
{
	return le16toh(entry->e_perm);
}

static void permit(acl_entry *entry, unsigned permissions)
{
	entry->e_perm = htole16((uint16_t)permissions);
}

/* The entry that shows in the group bits of the mode. */
static acl_entry *group_class(const struct acl *acl)
{
	return acl->mask ? acl->mask : acl->group;
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* Where a tag stands in the order; 0: no tag. */
static unsigned rank(unsigned tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
		return 1;
	case ACL_USER:
		return 2;
	case ACL_GROUP_OBJ:
		return 3;
	case ACL_GROUP:
		return 4;
	case ACL_MASK:
		return 5;
	case ACL_OTHER:
		return 6;
	default:
		return 0;
	}
}

static bool take_entry(struct acl *acl, acl_entry *entry, unsigned *last)
{
	unsigned tag = le16toh(entry->e_tag), at = rank(tag);
	bool named = tag == ACL_USER || tag == ACL_GROUP;

	/* In order, and only named ones more than once. */
	if (!at || at < *last || (at == *last && !named) || permissions(entry) & ~ALL)
		return false;
	if (named && le32toh(entry->e_id) == (uint32_t)ACL_UNDEFINED_ID)
		return false;
	*last = at;
	if (tag == ACL_USER_OBJ)
		acl->user = entry;
	else if (tag == ACL_GROUP_OBJ)
		acl->group = entry;
	else if (tag == ACL_MASK)
		acl->mask = entry;
	else if (tag == ACL_OTHER)
		acl->other = entry;
	return true;
}

/* Reads a whole, valid ACL; false: it is none. */
static bool read_acl(unsigned char *value, size_t size, struct acl *acl)
{
	const acl_header *header = (const void *)value;
	unsigned last = 0;

	*acl = (struct acl){0};
	if (size < sizeof *header || le32toh(header->a_version) != POSIX_ACL_XATTR_VERSION ||
	    (size - sizeof *header) % sizeof(acl_entry))
		return false;
	acl->entries = (acl_entry *)(void *)(value + sizeof *header);
	acl->count = (size - sizeof *header) / sizeof(acl_entry);
	for (size_t i = 0; i < acl->count; i++)
		if (!take_entry(acl, &acl->entries[i], &last))
			return false;
	return acl->user && acl->group && acl->other && (acl->mask || acl->count == 3);
}

/* The ACL of a node in `value`, of ACL_BYTES; MFS_NO_ATTRIBUTE: it has none. */
static enum mfs_status get(struct front *front, struct mfs_node *node, const char *name, unsigned char *value,
			   size_t *size)
{
	return mfs_xattr_get(front->volume, node, name, strlen(name), value, ACL_BYTES, size);
}

static enum mfs_status put(struct front *front, struct mfs_node *node, const char *name,
			   const unsigned char *value, size_t size)
{
	return mfs_xattr_set(front->volume, node, name, strlen(name), value, size, 0);
}

bool acl_is_name(const char *name)
{
	return !strcmp(name, access_name) || !strcmp(name, default_name);
}

/* ---- setting --------------------------------------------------------------------------------------- */

static uint32_t mode_of(const struct acl *acl)
{
	return permissions(acl->user) << 6 | permissions(group_class(acl)) << 3 | permissions(acl->other);
}

/* A change of the access ACL by someone outside the file's group takes the set-group-id bit. */
static enum mfs_status set_mode(fuse_req_t req, struct front *front, struct mfs_node *node,
				const struct mfs_info *info, uint32_t mode)
{
	struct mfs_set set = {.what = MFS_SET_MODE, .mode = mode};

	if (mode & S_ISGID && !privileges_in_group(req, info->gid))
		set.mode &= ~(uint32_t)S_ISGID;
	return mfs_node_set(front->volume, node, &set);
}

static enum mfs_status drop(struct front *front, struct mfs_node *node, const char *name)
{
	enum mfs_status status = mfs_xattr_remove(front->volume, node, name, strlen(name));

	return status == MFS_NO_ATTRIBUTE ? MFS_OK : status;
}

static enum mfs_status set_access(fuse_req_t req, struct mfs_node *node, const struct acl *acl,
				  const unsigned char *value, size_t size)
{
	struct front *front = front_of(req);
	struct mfs_info info;
	enum mfs_status status;

	if (acl->count > 3)
		status = put(front, node, access_name, value, size);
	else
		status = drop(front, node, access_name);
	if (status != MFS_OK)
		return status;
	mfs_node_info(front->volume, node, &info);
	return set_mode(req, front, node, &info, (info.mode & ~(uint32_t)ACCESSPERMS) | mode_of(acl));
}

enum mfs_status acl_set(fuse_req_t req, struct mfs_node *node, const char *name, const void *value,
			size_t size)
{
	struct front *front = front_of(req);
	_Alignas(acl_header) unsigned char copy[ACL_BYTES];
	struct mfs_info info;
	struct acl acl;

	if (!front->acls)
		return MFS_NOT_SUPPORTED;
	if (size > sizeof copy)
		return MFS_TOO_LARGE;
	if (size == sizeof(acl_header))
		return acl_remove(req, node, name); /* an empty list is none */
	if (size)
		memcpy(copy, value, size);
	if (!read_acl(copy, size, &acl))
		return MFS_INVALID;
	mfs_node_info(front->volume, node, &info);
	if (info.kind == MFS_SYMLINK)
		return MFS_NOT_SUPPORTED;
	if (!strcmp(name, access_name))
		return set_access(req, node, &acl, copy, size);
	return info.kind == MFS_DIRECTORY ? put(front, node, default_name, copy, size) : MFS_INVALID;
}

enum mfs_status acl_remove(fuse_req_t req, struct mfs_node *node, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_info info;
	enum mfs_status status = front->acls ? drop(front, node, name) : MFS_NOT_SUPPORTED;

	if (status != MFS_OK || strcmp(name, access_name) != 0)
		return status;
	mfs_node_info(front->volume, node, &info);
	return set_mode(req, front, node, &info, info.mode);
}

enum mfs_status acl_chmod(struct front *front, struct mfs_node *node, uint32_t mode)
{
	_Alignas(acl_header) unsigned char value[ACL_BYTES];
	struct acl acl;
	size_t size;
	enum mfs_status status = front->acls ? get(front, node, access_name, value, &size) : MFS_NO_ATTRIBUTE;

	if (status == MFS_NO_ATTRIBUTE)
		return MFS_OK;
	if (status != MFS_OK)
		return status;
	if (!read_acl(value, size, &acl))
		return MFS_INVALID;
	permit(acl.user, mode >> 6 & ALL);
	permit(group_class(&acl), mode >> 3 & ALL);
	permit(acl.other, mode & ALL);
	return put(front, node, access_name, value, size);
}

/* ---- checking ---------------------------------------------------------------------------------------- */

/* acl(5), "access check algorithm", from the second step on. */
static bool decide(fuse_req_t req, const struct acl *acl, const struct mfs_owner *owner, unsigned what)
{
	unsigned mask = acl->mask ? permissions(acl->mask) : ALL;
	bool member = false;

	for (size_t i = 0; i < acl->count; i++) {
		const acl_entry *entry = &acl->entries[i];
		unsigned tag = le16toh(entry->e_tag);
		gid_t group = tag == ACL_GROUP ? le32toh(entry->e_id) : owner->gid;

		if (tag == ACL_USER && le32toh(entry->e_id) == fuse_req_ctx(req)->uid)
			return (permissions(entry) & mask & what) == what;
		if ((tag != ACL_GROUP_OBJ && tag != ACL_GROUP) || !privileges_is_member(req, group))
			continue;
		member = true;
		if ((permissions(entry) & mask & what) == what)
			return true;
	}
	/* A group may be shut out of what others may do. */
	return !member && (permissions(acl->other) & what) == what && privileges_known(req);
}

bool acl_allows(fuse_req_t req, struct front *front, struct mfs_node *node, const struct mfs_owner *owner,
		unsigned what, bool *listed)
{
	_Alignas(acl_header) unsigned char value[ACL_BYTES];
	struct acl acl;
	size_t size;

	*listed = front->acls && get(front, node, access_name, value, &size) == MFS_OK;
	/* One that cannot be read lets nobody in. */
	return *listed && read_acl(value, size, &acl) && decide(req, &acl, owner, what);
}

/* ---- inheriting --------------------------------------------------------------------------------------- */

/* The access ACL of a new node: no more than the mode asks for, and the mode no more than it gives. */
static void narrow(const struct acl *acl, struct mfs_new *new)
{
	unsigned user = permissions(acl->user) & new->mode >> 6;
	unsigned group = permissions(group_class(acl)) & new->mode >> 3;
	unsigned other = permissions(acl->other) & new->mode;

	permit(acl->user, user);
	permit(group_class(acl), group);
	permit(acl->other, other);
	new->mode = (new->mode & ~(uint32_t)ACCESSPERMS) | user << 6 | group << 3 | other;
}

enum mfs_status acl_inherit(fuse_req_t req, struct mfs_node *parent, struct mfs_new *new,
			    struct acl_inherited *inherited)
{
	struct front *front = front_of(req);
	struct acl acl;
	size_t size;
	enum mfs_status status;

	inherited->access = inherited->whole = 0;
	if (!front->acls || new->kind == MFS_SYMLINK)
		return MFS_OK;
	status = get(front, parent, default_name, inherited->whole_value, &size);
	if (status == MFS_NO_ATTRIBUTE) {
		new->mode &= ~(uint32_t)fuse_req_ctx(req)->umask;
		return MFS_OK;
	}
	if (status != MFS_OK)
		return status;
	memcpy(inherited->access_value, inherited->whole_value, size);
	if (!read_acl(inherited->access_value, size, &acl))
		return MFS_INVALID;
	narrow(&acl, new);
	if (acl.count > 3)
		inherited->access = size;
	if (new->kind == MFS_DIRECTORY)
		inherited->whole = size;
	return MFS_OK;
}

enum mfs_status acl_bestow(struct front *front, struct mfs_node *node, const struct acl_inherited *inherited)
{
	enum mfs_status status = MFS_OK;

	if (inherited->access)
		status = put(front, node, access_name, inherited->access_value, inherited->access);
	if (status == MFS_OK && inherited->whole)
		status = put(front, node, default_name, inherited->whole_value, inherited->whole);
	return status;
}
