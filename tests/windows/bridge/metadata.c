/*
 * metadata.c: what stat tells, from file information, WSL's extended attributes and reparse data.
 */
#include "bridge.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- times --------------------------------------------------------------------------------- */

#define EPOCH_SECONDS 11644473600u /* from 1601 to 1970 */
#define TICKS 10000000u		   /* in a second */

UINT64 time_to_nt(uint64_t seconds, uint32_t nanoseconds)
{
	int64_t since = (int64_t)seconds;
	if (since <= -(int64_t)EPOCH_SECONDS || since > INT64_MAX / TICKS - (int64_t)EPOCH_SECONDS)
		return 0;
	return (uint64_t)(since + (int64_t)EPOCH_SECONDS) * TICKS + nanoseconds / 100;
}

UINT64 time_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return time_to_nt((uint64_t)now.tv_sec, (uint32_t)now.tv_nsec);
}

static void time_from_nt(UINT64 time, uint64_t *seconds, uint32_t *nanoseconds)
{
	*seconds = time / TICKS - EPOCH_SECONDS;
	*nanoseconds = (uint32_t)(time % TICKS) * 100;
}

/* ---- owner and mode, as WSL keeps them -------------------------------------------------------- */

struct ea_name {
	const char *name;
	size_t offset; /* in struct bridge_owner */
	UINT16 size;
};

static const struct ea_name ea_names[] = {
	{"$LXUID", offsetof(struct bridge_owner, uid), 4},
	{"$LXGID", offsetof(struct bridge_owner, gid), 4},
	{"$LXMOD", offsetof(struct bridge_owner, mode), 4},
	{"$LXDEV", offsetof(struct bridge_owner, major), 8},
};
#define EA_NAMES (sizeof ea_names / sizeof ea_names[0])

ULONG metadata_to_eas(const struct bridge_owner *owner, void *to)
{
	bool device = S_ISCHR(owner->mode) || S_ISBLK(owner->mode);
	size_t count = EA_NAMES - !device;
	char *at = to;
	for (size_t i = 0; i < count; i++) {
		const struct ea_name *from = &ea_names[i];
		struct wfs_ea *ea = (struct wfs_ea *)at;
		ea->flags = 0;
		ea->name_size = (UINT8)strlen(from->name);
		ea->value_size = from->size;
		memcpy(ea->name, from->name, ea->name_size + 1u);
		memcpy(ea->name + ea->name_size + 1, (const char *)owner + from->offset, from->size);
		ULONG size = sizeof *ea + ea->name_size + 1u + from->size;
		ea->next = i + 1 < count ? (size + 3) & ~3u : 0;
		at += ea->next != 0 ? ea->next : size;
	}
	return (ULONG)(at - (char *)to);
}

static void take_ea(const struct wfs_ea *ea, struct bridge_owner *owner)
{
	for (size_t i = 0; i < EA_NAMES; i++)
		if (ea->value_size == ea_names[i].size && strcmp(ea->name, ea_names[i].name) == 0)
			memcpy((char *)owner + ea_names[i].offset, ea->name + ea->name_size + 1,
			       ea->value_size);
}

/* Reads a list; what contradicts itself is odd, and so is a list without an owner. */
static void take_eas(const char *list, ULONG size, struct bridge_owner *owner)
{
	ULONG at = 0;
	for (;;) {
		const struct wfs_ea *ea = (const struct wfs_ea *)(list + at);
		ULONG room = size - at;
		if (room < sizeof *ea || room - sizeof *ea < ea->name_size + 1u + ea->value_size ||
		    ea->name[ea->name_size] != '\0') {
			bridge_odd("GetEa: a list of %u bytes that contradicts itself", size);
			return;
		}
		take_ea(ea, owner);
		if (ea->next == 0)
			return;
		if (ea->next % 4 != 0 || ea->next > room) {
			bridge_odd("GetEa: the next entry lies %u bytes on", ea->next);
			return;
		}
		at += ea->next;
	}
}

int metadata_owner(struct bridge *bridge, void *context, const struct wfs_file_info *info,
		   struct bridge_owner *owner)
{
	char list[4096] __attribute__((aligned(8)));
	ULONG size = 0;
	bool directory = info->attributes & FILE_ATTRIBUTE_DIRECTORY;
	*owner = (struct bridge_owner){.mode = directory ? S_IFDIR | 0755 : S_IFREG | 0644};
	if (info->ea_size == 0)
		return 0;
	NTSTATUS status = call_get_ea(bridge, context, (struct wfs_ea *)list, sizeof list, &size);
	if (status != STATUS_SUCCESS)
		return text_errno(status);
	if (size == 0)
		bridge_odd("GetEa: nothing, with an EA size of %u", info->ea_size);
	else
		take_eas(list, size, owner);
	return 0;
}

int metadata_set_owner(struct bridge *bridge, void *context, const struct bridge_owner *owner)
{
	char list[OWNER_BYTES] __attribute__((aligned(8)));
	struct wfs_file_info info;
	ULONG size = metadata_to_eas(owner, list);
	NTSTATUS status = call_set_ea(bridge, context, (struct wfs_ea *)list, size, &info);
	if (status == STATUS_SUCCESS && info.ea_size == 0)
		bridge_odd("SetEa: an EA size of 0 afterwards");
	return text_errno(status);
}

/* ---- links and special files ---------------------------------------------------------------------- */

int metadata_target(struct bridge *bridge, void *context, struct bridge_reparse *buffer, int *error)
{
	SIZE_T size = sizeof *buffer;
	NTSTATUS status = call_get_reparse_point(bridge, context, buffer, &size);
	if (status != STATUS_SUCCESS) {
		*error = text_errno(status);
		return -1;
	}
	if (size < SYMLINK_HEADER || size > sizeof *buffer || buffer->data_size + REPARSE_HEADER != size ||
	    buffer->tag != TAG_SYMLINK || buffer->version != SYMLINK_VERSION) {
		bridge_odd("GetReparsePoint: no symbolic link in %zu bytes", (size_t)size);
		*error = EIO;
		return -1;
	}
	return (int)(size - SYMLINK_HEADER);
}

static uint32_t kind_of(const struct wfs_file_info *info, uint32_t otherwise)
{
	switch (info->reparse_tag) {
	case TAG_SYMLINK:
		return S_IFLNK;
	case TAG_FIFO:
		return S_IFIFO;
	case TAG_AF_UNIX:
		return S_IFSOCK;
	case TAG_CHAR_DEVICE:
		return S_IFCHR;
	case TAG_BLOCK_DEVICE:
		return S_IFBLK;
	default:
		return info->attributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR : otherwise;
	}
}

int metadata_attr(struct bridge *bridge, struct bridge_open *open, struct fuse_attr *attr)
{
	struct bridge_node *node = open->node;
	struct bridge_owner owner;
	struct bridge_reparse reparse;
	struct wfs_file_info info;
	int error = 0, target = 0;

	memset(attr, 0, sizeof *attr);
	pthread_rwlock_rdlock(&node->lock);
	NTSTATUS status = call_get_file_info(bridge, open->context, &info);
	if (status == STATUS_SUCCESS && info.index_number != node->number)
		bridge_odd("GetFileInfo: the index number has changed");
	error = text_errno(status);
	if (error == 0)
		error = metadata_owner(bridge, open->context, &info, &owner);
	if (error == 0 && info.reparse_tag == TAG_SYMLINK)
		target = metadata_target(bridge, open->context, &reparse, &error);
	UINT64 written = node->written;
	attr->nlink = !node->deleted;
	pthread_rwlock_unlock(&node->lock);
	if (error != 0)
		return error;

	attr->ino = node->number;
	attr->mode = kind_of(&info, S_IFREG) | (owner.mode & 07777);
	attr->uid = owner.uid;
	attr->gid = owner.gid;
	attr->rdev = (owner.minor & 0xFF) | owner.major << 8 | (owner.minor & ~0xFFu) << 12;
	attr->size = info.reparse_tag == TAG_SYMLINK ? (uint64_t)target : info.file_size;
	attr->blocks = info.allocation_size / 512;
	attr->blksize = 4096;
	time_from_nt(info.last_access_time, &attr->atime, &attr->atimensec);
	time_from_nt(written ? written : info.last_write_time, &attr->mtime, &attr->mtimensec);
	time_from_nt(written ? written : info.change_time, &attr->ctime, &attr->ctimensec);
	return 0;
}
