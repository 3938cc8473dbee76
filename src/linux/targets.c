/*
 * targets: the engine turns a reparse point's names into a path; here its absolute ones get the mount
 * point in front. A relative path would be right wherever the volume is seen, but would change when
 * a directory above the link is moved, which the kernel's copy of the target would not.
 */
#include "targets.h"

#include <string.h>

#define TAG_LX_SYMLINK 0xA000001Du /* made by POSIX programs, for POSIX programs */

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "//server/share" of another machine would be a path of this one: as one name with Windows's separators it
 * can be read, and leads nowhere. */
static bool is_elsewhere(const char *target, size_t size)
{
	return size >= 2 && target[0] == '/' && target[1] == '/';
}

static void spell_elsewhere(char *name, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (name[i] == '/')
			name[i] = '\\';
}

/* How many bytes of a target stand for the mount point: those of "X:"; 0 of "/dir", and -1: relative. */
static int before_path(const char *target, size_t size)
{
	if (size >= 2 && is_letter(target[0]) && target[1] == ':' && (size == 2 || target[2] == '/'))
		return 2;
	if (size >= 1 && target[0] == '/')
		return 0;
	return -1;
}

enum mfs_status targets_read(struct front *front, struct mfs_node *node, char to[TARGET_MOST], size_t *size)
{
	enum mfs_status status = mfs_symlink_target(front->volume, node, to, TARGET_MOST, size);
	size_t point = strlen(front->point);
	struct mfs_info info;
	bool elsewhere;
	int skipped;

	if (status != MFS_OK)
		return status;
	mfs_node_info(front->volume, node, &info);
	skipped = info.reparse_tag == TAG_LX_SYMLINK ? -1 : before_path(to, *size);
	if (skipped < 0)
		return MFS_OK;
	elsewhere = is_elsewhere(to, *size);
	point += elsewhere; /* and the separator */
	if (*size - (size_t)skipped + point > TARGET_MOST) {
		*size = *size - (size_t)skipped + point;
		return MFS_BUFFER_TOO_SMALL;
	}
	*size -= (size_t)skipped;
	memmove(to + point, to + skipped, *size);
	memcpy(to, front->point, point - elsewhere);
	if (elsewhere) {
		to[point - 1] = '/';
		spell_elsewhere(to + point, *size);
	}
	*size += point;
	return MFS_OK;
}

void targets_info(struct front *front, struct mfs_node *node, struct mfs_info *info)
{
	char target[TARGET_MOST];
	size_t size;
	enum mfs_status status;

	if (info->kind != MFS_SYMLINK)
		return;
	info->mode = 0777;
	if (info->reparse_tag == TAG_LX_SYMLINK)
		return;
	status = targets_read(front, node, target, &size);
	if (status == MFS_OK || status == MFS_BUFFER_TOO_SMALL)
		info->size = size;
}
