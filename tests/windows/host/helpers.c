/*
 * helpers.c: the exports that a file system calls to fill buffers and to judge reparse points.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists in buffers ---------------------------------------------------------------------------- */

/* Every entry begins with its size in 16 bits and is padded to 8; a lone zero size ends the list. */
static BOOLEAN add_entry(const void *entry, void *buffer, ULONG length, ULONG *used)
{
	static const UINT16 end = 0;
	UINT16 size = sizeof end;
	ULONG padded = sizeof end;

	if (entry) {
		memcpy(&size, entry, sizeof size);
		padded = (size + 7u) & ~7u;
	}
	if (*used > length || padded > length - *used)
		return FALSE;
	memcpy((UINT8 *)buffer + *used, entry ? entry : &end, size);
	*used += padded;
	return TRUE;
}

FSP_EXPORT BOOLEAN FspFileSystemAddDirInfo(struct fsp_dir_info *entry, void *buffer, ULONG length,
					   ULONG *used)
{
	return add_entry(entry, buffer, length, used);
}

FSP_EXPORT BOOLEAN FspFileSystemAddStreamInfo(struct fsp_stream_info *entry, void *buffer, ULONG length,
					      ULONG *used)
{
	return add_entry(entry, buffer, length, used);
}

FSP_EXPORT BOOLEAN FspFileSystemAddNotifyInfo(struct fsp_notify_info *entry, void *buffer, ULONG length,
					      ULONG *used)
{
	return add_entry(entry, buffer, length, used);
}

static ULONG ea_size(const struct fsp_ea *ea)
{
	return FSP_EA_HEADER + ea->name_length + 1u + ea->value_length;
}

FSP_EXPORT BOOLEAN FspFileSystemAddEa(struct fsp_ea *one, struct fsp_ea *list, ULONG length, ULONG *used)
{
	if (one) {
		ULONG at = (*used + 3u) & ~3u, size = ea_size(one);
		if (at > length || size > length - at)
			return FALSE;
		struct fsp_ea *to = (void *)((UINT8 *)list + at);
		memcpy(to, one, size);
		to->next = (size + 3u) & ~3u;
		*used = at + size;
	} else if (*used >= FSP_EA_HEADER) {
		ULONG at = 0;
		struct fsp_ea *last = list;
		while (at + last->next < *used) {
			at += last->next;
			last = (void *)((UINT8 *)list + at);
		}
		last->next = 0;
	}
	return TRUE;
}

FSP_EXPORT NTSTATUS FspFileSystemEnumerateEa(fsp_fs *fs, NTSTATUS (*each)(fsp_fs *, void *, struct fsp_ea *),
					     void *context, struct fsp_ea *list, ULONG length)
{
	NTSTATUS status = STATUS_SUCCESS;
	ULONG at = 0;

	while (NT_SUCCESS(status) && length - at >= FSP_EA_HEADER) {
		struct fsp_ea *one = (void *)((UINT8 *)list + at);
		status = each(fs, context, one);
		if (one->next == 0 || one->next > length - at)
			break;
		at += one->next;
	}
	return status;
}

/* ---- reparse points -------------------------------------------------------------------------------- */

#define TAG_SYMLINK 0xA000000Cu
#define TAG_MOUNT_POINT 0xA0000003u
#define TAG_IS_MICROSOFT(tag) ((tag)&0x80000000u)

FSP_EXPORT NTSTATUS FspFileSystemCanReplaceReparsePoint(void *now, SIZE_T now_size, void *then,
							SIZE_T then_size)
{
	const struct fsp_reparse_guid *a = now, *b = then;

	if (now_size < sizeof(ULONG) || then_size < sizeof(ULONG))
		return STATUS_IO_REPARSE_DATA_INVALID;
	if (a->tag != b->tag)
		return STATUS_IO_REPARSE_TAG_MISMATCH;
	if (!TAG_IS_MICROSOFT(a->tag) &&
	    (now_size < FSP_REPARSE_GUID_HEADER || then_size < FSP_REPARSE_GUID_HEADER ||
	     memcmp(&a->guid, &b->guid, sizeof a->guid) != 0))
		return STATUS_REPARSE_ATTRIBUTE_CONFLICT;
	return STATUS_SUCCESS;
}

/* The end of the component that begins at or behind `at`; *begin is set to its first unit. */
static WCHAR *component_end(WCHAR *at, WCHAR **begin)
{
	while (*at == L'\\')
		at++;
	*begin = at;
	while (*at != L'\\' && *at != L':' && *at)
		at++;
	return at;
}

FSP_EXPORT BOOLEAN FspFileSystemFindReparsePoint(fsp_fs *fs, fsp_reparse_by_name_fn *by_name, void *context,
						 WCHAR *name, UINT32 *index)
{
	WCHAR *begin, *end = name;

	for (;;) {
		end = component_end(end, &begin);
		if (*end != L'\\')
			return FALSE;
		*end = 0;
		NTSTATUS status = by_name(fs, context, name, TRUE, NULL, NULL);
		*end = L'\\';
		if (status == STATUS_NOT_A_REPARSE_POINT)
			continue;
		if (!NT_SUCCESS(status))
			return FALSE;
		if (index)
			*index = (UINT32)(begin - name);
		return TRUE;
	}
}

/* State of one resolution: a path that is rewritten in place, in units. */
struct resolving {
	fsp_fs *fs;
	fsp_reparse_by_name_fn *by_name;
	void *context;
	WCHAR *path;
	size_t capacity; /* units of path, terminator included */
	struct fsp_reparse *found;
	SIZE_T found_size;
	ULONG flags; /* of the result: 1 relative */
};

/* Replaces the units from `from` to `to` by others; the terminator moves along. */
static bool splice(struct resolving *r, WCHAR *from, WCHAR *to, const WCHAR *insert, size_t units)
{
	size_t rest = wcslen(to) + 1;

	if ((size_t)(from - r->path) + units + rest > r->capacity)
		return false;
	memmove(from + units, to, rest * sizeof *to);
	memcpy(from, insert, units * sizeof *from);
	return true;
}

/* Takes "." or ".." away, with the component before the latter; returns where to go on. */
static WCHAR *drop_dots(struct resolving *r, WCHAR *begin, WCHAR *end)
{
	WCHAR *to = begin;
	unsigned up = end - begin == 2 ? 2 : 1;

	while (up-- > 0 && to > r->path) {
		while (to > r->path && to[-1] == L'\\')
			to--;
		while (up > 0 && to > r->path && to[-1] != L'\\')
			to--;
	}
	splice(r, to, end, L"", 0);
	return to;
}

static bool is_dots(const WCHAR *begin, const WCHAR *end)
{
	return (end - begin == 1 && begin[0] == L'.') ||
	       (end - begin == 2 && begin[0] == L'.' && begin[1] == L'.');
}

enum step { STEP_ON, STEP_DONE, STEP_FOREIGN, STEP_FAIL };

/* Puts a symbolic link's target in the place of its name, or of the whole path. */
static enum step follow(struct resolving *r, WCHAR *begin, WCHAR *end, WCHAR **next)
{
	const struct fsp_reparse *link = r->found;

	if (link->tag != TAG_SYMLINK)
		return STEP_FOREIGN;
	const WCHAR *target = link->symlink.path + link->symlink.target_offset / sizeof(WCHAR);
	size_t units = link->symlink.target_length / sizeof(WCHAR);
	bool absolute = units > 0 && target[0] == L'\\';
	*next = absolute ? r->path : begin;
	if (!splice(r, *next, end, target, units))
		return STEP_FAIL;
	if (absolute && !(link->symlink.flags & 1u)) {
		r->flags = 0;
		return STEP_DONE;
	}
	return STEP_ON;
}

static NTSTATUS ask(struct resolving *r, WCHAR *end)
{
	WCHAR kept = *end;

	*end = 0;
	r->found_size = FSP_RESPONSE_BUFFER_MAX;
	NTSTATUS status = r->by_name(r->fs, r->context, r->path, kept == L'\\', r->found, &r->found_size);
	*end = kept;
	return status;
}

/* Walks the path from `at`; every link found starts it again from the place it changed. */
static NTSTATUS resolve_path(struct resolving *r, size_t at, bool resolve_last, enum step *how, WCHAR **rest)
{
	WCHAR *begin, *end = r->path + at;
	int links = 32;
	bool last_left = resolve_last;

	for (;;) {
		end = component_end(end, &begin);
		if (*end != L'\\') {
			*how = STEP_DONE;
			if (!last_left || begin == end)
				return STATUS_SUCCESS;
			last_left = false;
		}
		if (is_dots(begin, end)) {
			end = drop_dots(r, begin, end);
			last_left = resolve_last;
			continue;
		}
		NTSTATUS status = ask(r, end);
		if (status == STATUS_NOT_A_REPARSE_POINT)
			continue;
		if (status == STATUS_OBJECT_NAME_NOT_FOUND && *end != L'\\')
			return STATUS_SUCCESS;
		if (!NT_SUCCESS(status))
			return status == STATUS_OBJECT_NAME_NOT_FOUND ? status : STATUS_OBJECT_PATH_NOT_FOUND;
		*rest = end;
		*how = follow(r, begin, end, &end);
		if (*how == STEP_FAIL || (*how == STEP_ON && --links == 0))
			return STATUS_REPARSE_POINT_NOT_RESOLVED;
		if (*how != STEP_ON)
			return STATUS_SUCCESS;
		last_left = resolve_last;
	}
}

static NTSTATUS resolve_inside(struct resolving *r, const WCHAR *name, size_t index, bool resolve_last,
			       struct fsp_reparse *result, SIZE_T *size, IO_STATUS_BLOCK *io)
{
	enum step how = STEP_DONE;
	WCHAR *rest = NULL;
	size_t header = offsetof(struct fsp_reparse, symlink.path);

	if (*size < header || (wcslen(name) + 1) * sizeof(WCHAR) > *size - header)
		return STATUS_REPARSE_POINT_NOT_RESOLVED;
	memset(result, 0, header);
	r->path = result->symlink.path;
	r->capacity = (*size - header) / sizeof(WCHAR);
	r->flags = 1;
	wcscpy(r->path, name);
	NTSTATUS status = resolve_path(r, index, resolve_last, &how, &rest);
	if (!NT_SUCCESS(status))
		return status;
	io->Status = STATUS_REPARSE;
	if (how == STEP_FOREIGN) {
		size_t remaining = wcslen(rest) * sizeof(WCHAR);
		if (r->found_size > *size)
			return STATUS_IO_REPARSE_DATA_INVALID;
		memcpy(result, r->found, r->found_size);
		if (result->tag == TAG_MOUNT_POINT)
			result->reserved = (USHORT)remaining;
		*size = r->found_size;
	} else {
		USHORT bytes = (USHORT)(wcslen(r->path) * sizeof(WCHAR));
		result->tag = TAG_SYMLINK;
		result->symlink.flags = r->flags;
		result->symlink.target_length = result->symlink.print_length = bytes;
		result->data_length = (USHORT)(header - FSP_REPARSE_HEADER + bytes);
		*size = FSP_REPARSE_HEADER + result->data_length;
	}
	io->Information = result->tag;
	return STATUS_REPARSE;
}

FSP_EXPORT NTSTATUS FspFileSystemResolveReparsePoints(fsp_fs *fs, fsp_reparse_by_name_fn *by_name,
						      void *context, WCHAR *name, UINT32 index,
						      BOOLEAN resolve_last, IO_STATUS_BLOCK *io, void *buffer,
						      SIZE_T *size)
{
	struct resolving r = {.fs = fs, .by_name = by_name, .context = context};

	r.found = malloc(FSP_RESPONSE_BUFFER_MAX);
	if (!r.found)
		return STATUS_INSUFFICIENT_RESOURCES;
	NTSTATUS status = resolve_inside(&r, name, index, resolve_last, buffer, size, io);
	free(r.found);
	return status;
}
