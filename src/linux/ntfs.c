/*
 * ntfs: the system.ntfs_* attributes. A table says what each is; the engine keeps and checks what
 * they hold. Changes of reparse data, which change what a node is for Linux, are changed.c's to tell.
 */
#include "ntfs.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "access.h"
#include "changed.h"
#include "descriptor.h"
#include "privileges.h"
#include "reply.h"

#define VALUE_MOST MFS_XATTR_MAX /* no format's limit is higher */
#define TICKS 10000000		 /* FILETIME's units in a second */
#define EPOCH_1601 INT64_C(11644473600)
#define TIMES 4
#define TAG_MOUNT_POINT 0xA0000003u
#define TAG_SYMLINK 0xA000000Cu
#define TAG_LX_SYMLINK 0xA000001Du

static_assert(MFS_SECURITY_MAX <= VALUE_MOST && MFS_EA_LIST_MAX <= VALUE_MOST &&
		      MFS_REPARSE_MAX <= VALUE_MOST,
	      "one buffer takes every value");

/* `big`: numbers are big-endian, else the machine's own. `steps`: a smaller buffer gets as many whole
 * numbers as fit. `set` and `remove` give an errno; `remove` NULL: it is always there (EPERM). */
struct ntfs_attribute {
	const char *name;
	bool big;
	bool steps;
	enum mfs_status (*get)(struct front *front, struct mfs_node *node, bool big, void *to, size_t *size);
	int (*set)(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		   int flags);
	int (*remove)(struct front *front, struct mfs_node *node);
};

/* ---- numbers ------------------------------------------------------------------------------ */

static void put_u32(void *to, uint32_t number, bool big)
{
	number = big ? htobe32(number) : number;
	memcpy(to, &number, sizeof number);
}

static uint32_t get_u32(const void *from, bool big)
{
	uint32_t number;

	memcpy(&number, from, sizeof number);
	return big ? be32toh(number) : number;
}

/* A time that FILETIME cannot tell becomes its nearest. */
static void put_time(void *to, struct mfs_time time, bool big)
{
	uint64_t ticks;

	if (time.seconds < -EPOCH_1601)
		ticks = 0;
	else if (time.seconds > INT64_MAX / TICKS - EPOCH_1601 - 1)
		ticks = INT64_MAX;
	else
		ticks = (uint64_t)(time.seconds + EPOCH_1601) * TICKS + time.nanoseconds / 100;
	ticks = big ? htobe64(ticks) : ticks;
	memcpy(to, &ticks, sizeof ticks);
}

static struct mfs_time get_time(const void *from, bool big)
{
	uint64_t ticks;

	memcpy(&ticks, from, sizeof ticks);
	ticks = big ? be64toh(ticks) : ticks;
	return (struct mfs_time){.seconds = (int64_t)(ticks / TICKS) - EPOCH_1601,
				 .nanoseconds = (uint32_t)(ticks % TICKS) * 100};
}

/* What is always there can be replaced but not created. */
static int check_fixed(size_t size, size_t least, int too_small, int flags)
{
	if (size < least)
		return too_small;
	return flags & XATTR_CREATE ? EEXIST : 0;
}

/* ---- attributes and times ------------------------------------------------------------------- */

static enum mfs_status get_attrib(struct front *front, struct mfs_node *node, bool big, void *to,
				  size_t *size)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	put_u32(to, info.attributes, big);
	*size = sizeof info.attributes;
	return MFS_OK;
}

static int set_attrib(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		      int flags)
{
	struct mfs_set set = {.what = MFS_SET_ATTRIBUTES};
	int error = check_fixed(size, sizeof set.attributes, EINVAL, flags);

	if (error)
		return error;
	set.attributes = get_u32(value, big);
	return reply_errno(mfs_node_set(front->volume, node, &set));
}

static enum mfs_status get_times(struct front *front, struct mfs_node *node, bool big, void *to, size_t *size)
{
	uint8_t *bytes = to;
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	put_time(bytes, info.birth, big);
	put_time(bytes + 8, info.write, big);
	put_time(bytes + 16, info.access, big);
	put_time(bytes + 24, info.change, big);
	*size = TIMES * sizeof(uint64_t);
	return MFS_OK;
}

/* The change time is the clock's alone: a fourth number is taken and has no effect. */
static int set_times(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		     int flags)
{
	struct mfs_set set = {.what = MFS_SET_BIRTH};
	const uint8_t *bytes = value;
	int error = check_fixed(size, 8, ERANGE, flags);

	if (error)
		return error;
	set.birth = get_time(bytes, big);
	if (size >= 16) {
		set.what |= MFS_SET_WRITE;
		set.write = get_time(bytes + 8, big);
	}
	if (size >= 24) {
		set.what |= MFS_SET_ACCESS;
		set.access = get_time(bytes + 16, big);
	}
	return reply_errno(mfs_node_set(front->volume, node, &set));
}

static enum mfs_status get_crtime(struct front *front, struct mfs_node *node, bool big, void *to,
				  size_t *size)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	put_time(to, info.birth, big);
	*size = sizeof(uint64_t);
	return MFS_OK;
}

static int set_crtime(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		      int flags)
{
	return set_times(front, node, big, value, size < 8 ? size : 8, flags);
}

/* ---- the security descriptor ------------------------------------------------------------------ */

static enum mfs_status get_acl(struct front *front, struct mfs_node *node, bool big, void *to, size_t *size)
{
	enum mfs_status status = mfs_security_get(front->volume, node, to, VALUE_MOST, size);
	struct mfs_info info;

	(void)big;
	if (status != MFS_OK || *size)
		return status;
	mfs_node_info(front->volume, node, &info);
	*size = descriptor_from_mode(&info, to);
	return MFS_OK;
}

static int set_acl(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		   int flags)
{
	int error = check_fixed(size, 1, EINVAL, flags);

	(void)big;
	return error ? error : reply_errno(mfs_security_set(front->volume, node, value, size));
}

/* ---- reparse data ------------------------------------------------------------------------------- */

static enum mfs_status get_reparse(struct front *front, struct mfs_node *node, bool big, void *to,
				   size_t *size)
{
	(void)big;
	return mfs_reparse_get(front->volume, node, to, VALUE_MOST, size);
}

static int set_reparse(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		       int flags)
{
	unsigned how = MFS_REPARSE_ANY_TAG | (flags & XATTR_CREATE ? MFS_REPARSE_CREATE : 0) |
		       (flags & XATTR_REPLACE ? MFS_REPARSE_REPLACE : 0);
	struct mfs_info info;
	enum mfs_status status;

	(void)big;
	mfs_node_info(front->volume, node, &info);
	/* A device, fifo or socket would become a link that unlinks as something else. */
	if (info.kind != MFS_FILE && info.kind != MFS_DIRECTORY && info.kind != MFS_SYMLINK)
		return EPERM;
	status = mfs_reparse_set(front->volume, node, value, size, how);
	/* A mount point on a file: an argument that makes no sense. */
	return status == MFS_NOT_DIRECTORY ? EINVAL : reply_errno(status);
}

static int remove_reparse(struct front *front, struct mfs_node *node)
{
	return reply_errno(mfs_reparse_remove(front->volume, node, NULL, 0));
}

/* ---- EAs ------------------------------------------------------------------------------------------ */

static enum mfs_status get_ea(struct front *front, struct mfs_node *node, bool big, void *to, size_t *size)
{
	enum mfs_status status = mfs_ea_get(front->volume, node, to, VALUE_MOST, size);

	(void)big;
	return status == MFS_OK && !*size ? MFS_NO_ATTRIBUTE : status;
}

static bool has_ea(struct front *front, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	return info.ea_size != 0;
}

static int set_ea(struct front *front, struct mfs_node *node, bool big, const void *value, size_t size,
		  int flags)
{
	bool there = has_ea(front, node);

	(void)big;
	if (!size)
		return EINVAL;
	if (there && flags & XATTR_CREATE)
		return EEXIST;
	if (!there && flags & XATTR_REPLACE)
		return ENODATA;
	return reply_errno(mfs_ea_set(front->volume, node, value, size, true));
}

static int remove_ea(struct front *front, struct mfs_node *node)
{
	if (!has_ea(front, node))
		return ENODATA;
	return reply_errno(mfs_ea_set(front->volume, node, NULL, 0, true));
}

/* ---- the table -------------------------------------------------------------------------------------- */

static const struct ntfs_attribute attributes[] = {
	{"system.ntfs_attrib", false, false, get_attrib, set_attrib, NULL},
	{"system.ntfs_attrib_be", true, false, get_attrib, set_attrib, NULL},
	{"system.ntfs_times", false, true, get_times, set_times, NULL},
	{"system.ntfs_times_be", true, true, get_times, set_times, NULL},
	{"system.ntfs_crtime", false, true, get_crtime, set_crtime, NULL},
	{"system.ntfs_crtime_be", true, true, get_crtime, set_crtime, NULL},
	{"system.ntfs_acl", false, false, get_acl, set_acl, NULL},
	{"system.ntfs_reparse_data", false, false, get_reparse, set_reparse, remove_reparse},
	{"system.ntfs_ea", false, false, get_ea, set_ea, remove_ea},
};

const struct ntfs_attribute *ntfs_find(const char *name)
{
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (!strcmp(name, attributes[i].name))
			return &attributes[i];
	return NULL;
}

void ntfs_get(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute, size_t capacity)
{
	void *value = malloc(VALUE_MOST);
	size_t size = 0;
	enum mfs_status status;

	if (!value) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	status = attribute->get(front_of(req), node, attribute->big, value, &size);
	if (attribute->steps && capacity && capacity < size)
		size = capacity < sizeof(uint64_t) ? size : capacity - capacity % sizeof(uint64_t);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (!capacity)
		fuse_reply_xattr(req, size);
	else if (size > capacity)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, size);
	front_wipe(value, size < VALUE_MOST ? size : VALUE_MOST);
}

static bool allowed(fuse_req_t req, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front_of(req)->volume, node, &info);
	return fuse_req_ctx(req)->uid == info.uid || privileges_caller_has(req, CAP_FOWNER);
}

/* What this reparse data makes of a node, or takes from it: a link. */
static bool is_link(const char *value, size_t size)
{
	uint32_t tag = 0;

	if (size >= sizeof tag)
		memcpy(&tag, value, sizeof tag);
	tag = le32toh(tag);
	return tag == TAG_MOUNT_POINT || tag == TAG_SYMLINK || tag == TAG_LX_SYMLINK;
}

/* A name that turns into a link, or back, is as good as another file in its place; whoever trusts a directory
 * that only he may write to does not expect that of the file's owner. So it needs leave to write to the
 * directory. A file does not know its directories: there only who mounted, and root, may. */
static bool may_relink(fuse_req_t req, struct mfs_node *node)
{
	struct front *front = front_of(req);
	struct mfs_node *parent;
	bool may = fuse_req_ctx(req)->uid == geteuid() || privileges_caller_has(req, CAP_DAC_OVERRIDE);

	if (may || !mfs_node_is_directory(node) || mfs_parent(front->volume, node, &parent) != MFS_OK)
		return may;
	may = access_allows(req, front, parent, ACCESS_CHANGE);
	mfs_node_drop(front->volume, parent);
	return may;
}

/* Sets reparse data, or with `value` NULL removes it. */
static void relink(fuse_req_t req, struct mfs_node *node, const char *value, size_t size, int flags)
{
	struct front *front = front_of(req);
	struct changed_kind before = changed_before(front, node);
	int error;

	if ((before.kind == MFS_SYMLINK || (value && is_link(value, size))) && !may_relink(req, node))
		error = EPERM;
	else if (value)
		error = set_reparse(front, node, false, value, size, flags);
	else
		error = remove_reparse(front, node);
	changed_reply(req, node, &before, error);
}

void ntfs_set(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute,
	      const char *value, size_t size, int flags)
{
	if (!allowed(req, node))
		fuse_reply_err(req, EPERM);
	else if (attribute->set == set_reparse)
		relink(req, node, value, size, flags);
	else
		fuse_reply_err(req, attribute->set(front_of(req), node, attribute->big, value, size, flags));
}

void ntfs_remove(fuse_req_t req, struct mfs_node *node, const struct ntfs_attribute *attribute)
{
	if (!attribute->remove || !allowed(req, node))
		fuse_reply_err(req, EPERM);
	else if (attribute->remove == remove_reparse)
		relink(req, node, NULL, 0, 0);
	else
		fuse_reply_err(req, attribute->remove(front_of(req), node));
}
