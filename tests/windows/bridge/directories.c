/*
 * directories.c: listings.
 *
 * The program goes on behind a name, Linux behind a number: each handle remembers the names
 * that it has told, and the number of an entry is its place among them.
 */
#include "bridge.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int op_opendir(struct bridge_request *request)
{
	struct fuse_open_out *out = request->out;
	struct bridge_open open;
	int error = driver_open_node(request->bridge, request_node(request), FILE_DIRECTORY_FILE,
				     FILE_LIST_DIRECTORY | SYNCHRONIZE, &open);
	if (error == 0 && open.borrowed) {
		driver_close(request->bridge, &open);
		error = ESTALE;
	}
	if (error != 0)
		return error;
	struct bridge_handle *handle = handle_new(&open);
	if (handle == NULL) {
		driver_close(request->bridge, &open);
		return ENOMEM;
	}
	memset(out, 0, sizeof *out);
	out->fh = (uintptr_t)handle;
	request->out_size = sizeof *out;
	return 0;
}

int op_releasedir(struct bridge_request *request)
{
	return op_release(request);
}

int op_fsyncdir(struct bridge_request *request)
{
	return op_fsync(request);
}

/* ---- names told ------------------------------------------------------------------------------- */

static void forget_behind(struct bridge_handle *handle, size_t count)
{
	while (handle->told_count > count)
		free(handle->told[--handle->told_count]);
}

static bool remember(struct bridge_handle *handle, const WCHAR *name, size_t units)
{
	if (handle->told_count == handle->told_capacity) {
		size_t capacity = handle->told_capacity ? 2 * handle->told_capacity : 64;
		WCHAR **told = realloc(handle->told, capacity * sizeof *told);
		if (told == NULL)
			return false;
		handle->told = told;
		handle->told_capacity = capacity;
	}
	WCHAR *copy = malloc((units + 1) * sizeof *copy);
	if (copy == NULL)
		return false;
	memcpy(copy, name, units * sizeof *copy);
	copy[units] = 0;
	handle->told[handle->told_count++] = copy;
	return true;
}

/* ---- one request ---------------------------------------------------------------------------------- */

static unsigned char kind_of(const struct wfs_file_info *info)
{
	switch (info->reparse_tag) {
	case TAG_SYMLINK:
		return DT_LNK;
	case TAG_FIFO:
		return DT_FIFO;
	case TAG_AF_UNIX:
		return DT_SOCK;
	case TAG_CHAR_DEVICE:
		return DT_CHR;
	case TAG_BLOCK_DEVICE:
		return DT_BLK;
	default:
		return info->attributes & FILE_ATTRIBUTE_DIRECTORY ? DT_DIR : DT_REG;
	}
}

/* Appends an entry to the answer. False: it is full, or memory is. */
static bool put(struct bridge_request *request, struct bridge_handle *handle, size_t room, const WCHAR *name,
		size_t units, uint64_t number, unsigned char kind)
{
	char bytes[BRIDGE_NAME_BYTES];
	size_t size = text_from_wide(name, units, bytes), padded = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + size);
	struct fuse_dirent *entry = (void *)((char *)request->out + request->out_size);
	if (room - request->out_size < padded || !remember(handle, name, units))
		return false;
	memset(entry, 0, padded);
	entry->ino = number;
	entry->off = handle->told_count;
	entry->namelen = (uint32_t)size;
	entry->type = kind;
	memcpy(entry->name, bytes, size);
	request->out_size += padded;
	return true;
}

/* WinFsp has none in the root. */
static bool put_root_dots(struct bridge_request *request, struct bridge_handle *handle, size_t room)
{
	static const WCHAR dots[] = {'.', '.'};
	UINT64 number = handle->open.node->number;
	return (handle->told_count > 0 || put(request, handle, room, dots, 1, number, DT_DIR)) &&
	       (handle->told_count > 1 || put(request, handle, room, dots, 2, number, DT_DIR));
}

/* An entry that is whole and not the one behind which the listing was to go on. */
static bool entry_good(const struct wfs_dir_info *entry, ULONG room, const WCHAR *marker)
{
	if (entry->size < sizeof *entry || entry->size > room) {
		bridge_odd("ReadDirectory: an entry of %u bytes in %u", entry->size, room);
		return false;
	}
	size_t units = (entry->size - sizeof *entry) / sizeof(WCHAR);
	if (marker != NULL && text_units(marker) == units &&
	    memcmp(marker, entry->name, units * sizeof *marker) == 0) {
		bridge_odd("ReadDirectory: the marker's own entry again");
		return false;
	}
	return true;
}

/* *more: the page was used up and is not the last. */
static NTSTATUS put_page(struct bridge_request *request, struct bridge_handle *handle, size_t room,
			 void *page, ULONG page_size, bool *more)
{
	struct bridge *bridge = request->bridge;
	bool root = handle->open.node == bridge->root;
	WCHAR *marker = handle->told_count > (root ? 2 : 0) ? handle->told[handle->told_count - 1] : NULL;
	ULONG done = 0, at = 0;
	*more = false;
	NTSTATUS status = call_read_directory(bridge, handle->open.context, marker, page, page_size, &done);
	if (status != STATUS_SUCCESS)
		return status;
	while (at + sizeof(UINT16) <= done) {
		const struct wfs_dir_info *entry = (const void *)((char *)page + at);
		if (entry->size == 0)
			return STATUS_SUCCESS;
		if (!entry_good(entry, done - at, marker))
			return STATUS_INTERNAL_ERROR;
		if (!put(request, handle, room, entry->name, (entry->size - sizeof *entry) / sizeof(WCHAR),
			 entry->info.index_number, kind_of(&entry->info)))
			return STATUS_SUCCESS;
		at += (entry->size + 7u) & ~7u;
	}
	if (at == 0) {
		bridge_odd("ReadDirectory: neither an entry nor the end in %u bytes", page_size);
		return STATUS_INTERNAL_ERROR;
	}
	*more = true;
	return STATUS_SUCCESS;
}

int op_readdir(struct bridge_request *request)
{
	const struct fuse_read_in *in = request->body;
	struct bridge_handle *handle = handle_of(in->fh);
	struct bridge_node *node = handle->open.node;
	size_t room = in->size < BRIDGE_DATA_MAX ? in->size : BRIDGE_DATA_MAX;
	/* About as much as fits into the answer, whose entries are smaller. */
	ULONG page_size = room < 1024 ? 1024 : room > 16384 ? 65536 : (ULONG)room * 3;
	void *page = malloc(page_size);
	NTSTATUS status = STATUS_SUCCESS;
	if (page == NULL)
		return ENOMEM;
	pthread_mutex_lock(&handle->listing);
	if (in->offset > handle->told_count) {
		pthread_mutex_unlock(&handle->listing);
		free(page);
		return EINVAL;
	}
	forget_behind(handle, in->offset);
	bool more = node != request->bridge->root || put_root_dots(request, handle, room);
	pthread_rwlock_wrlock(&node->lock); /* the driver lets one listing at a time */
	while (more && status == STATUS_SUCCESS)
		status = put_page(request, handle, room, page, page_size, &more);
	pthread_rwlock_unlock(&node->lock);
	pthread_mutex_unlock(&handle->listing);
	free(page);
	/* What was listed before a failure is told; the failure comes with the next request. */
	return request->out_size != 0 ? 0 : text_errno(status);
}
