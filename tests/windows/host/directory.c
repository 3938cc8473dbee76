/*
 * directory.c: listing a directory as the driver does: pages, markers, end, one name.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

/* Copies a terminated name for a callback that may write to it. */
static WCHAR *given(const WCHAR *name, WCHAR to[512])
{
	if (!name || wcslen(name) >= 512)
		return NULL;
	return wcscpy(to, name);
}

NTSTATUS host_list_page(struct host_file *file, const WCHAR *pattern, const WCHAR *marker, void *to,
			ULONG length, ULONG *size)
{
	struct host_fs *fs = file->fs;
	struct fsp_request request = {0};
	WCHAR pattern_copy[512], marker_copy[512];

	*size = 0;
	request.directory.flags = fs->params.flags & FSP_CASE_SENSITIVE ? 1 : 0;
	AcquireSRWLockShared(&file->node->lock);
	host_enter(fs, &request, FSP_QUERY_DIRECTORY);
	NTSTATUS status = host_note(fs, SLOT(read_directory),
				    fs->calls.read_directory(&fs->api, file->node->context,
							     given(pattern, pattern_copy),
							     given(marker, marker_copy), to, length, size));
	host_leave(fs, &request, status);
	ReleaseSRWLockShared(&file->node->lock);
	if (NT_SUCCESS(status) && *size > length)
		host_odd(fs, "ReadDirectory: %lu bytes of %lu", (unsigned long)*size, (unsigned long)length);
	return status;
}

const struct fsp_dir_info *host_list_next(struct host_fs *fs, const void *page, ULONG size, ULONG *at,
					  bool *end)
{
	UINT16 bytes;

	*end = false;
	if (*at + sizeof bytes > size)
		return NULL;
	const struct fsp_dir_info *entry = (const void *)((const UINT8 *)page + *at);
	memcpy(&bytes, entry, sizeof bytes);
	if (bytes == 0) {
		*end = true;
		return NULL;
	}
	if (bytes <= sizeof *entry || bytes > size - *at || (bytes - sizeof *entry) % 2 != 0 ||
	    bytes - sizeof *entry > 510) {
		host_odd(fs, "ReadDirectory: an entry of %u bytes at %lu of %lu", bytes, (unsigned long)*at,
			 (unsigned long)size);
		return NULL;
	}
	host_learn(fs, NULL, &entry->info, "ReadDirectory");
	*at += (bytes + 7u) & ~7u;
	return entry;
}

unsigned host_list_name(const struct fsp_dir_info *entry, WCHAR name[256])
{
	unsigned units = (unsigned)((entry->size - sizeof *entry) / sizeof(WCHAR));

	memcpy(name, entry->name, units * sizeof *name);
	name[units] = 0;
	return units;
}

static void keep(struct host_listing *listing, const struct fsp_dir_info *entry)
{
	if (listing->count == listing->capacity) {
		unsigned capacity = listing->capacity ? listing->capacity * 2 : 64;
		void *more = realloc(listing->entries, capacity * sizeof *listing->entries);
		if (!more)
			abort();
		listing->entries = more;
		listing->capacity = capacity;
	}
	struct host_listed *to = &listing->entries[listing->count++];
	host_list_name(entry, to->name);
	to->info = entry->info;
}

void host_listing_free(struct host_listing *listing)
{
	free(listing->entries);
	memset(listing, 0, sizeof *listing);
}

NTSTATUS host_list(struct host_file *file, ULONG length, struct host_listing *listing)
{
	UINT8 *page = malloc(length);
	bool end = false;
	NTSTATUS status = STATUS_SUCCESS;

	memset(listing, 0, sizeof *listing);
	while (page && !end && NT_SUCCESS(status)) {
		const WCHAR *marker = listing->count ? listing->entries[listing->count - 1].name : NULL;
		const struct fsp_dir_info *entry;
		ULONG size, at = 0;
		unsigned before = listing->count;

		status = host_list_page(file, NULL, marker, page, length, &size);
		if (!NT_SUCCESS(status))
			break;
		listing->pages++;
		while ((entry = host_list_next(file->fs, page, size, &at, &end)) != NULL)
			keep(listing, entry);
		if (!end && listing->count == before) {
			host_odd(file->fs,
				 "ReadDirectory: a page of %lu bytes has neither an entry nor the end",
				 (unsigned long)length);
			break;
		}
	}
	free(page);
	return status;
}

NTSTATUS host_find(struct host_file *directory, const WCHAR *name, struct fsp_file_info *info,
		   WCHAR found[256])
{
	struct host_fs *fs = directory->fs;
	struct fsp_request request = {0};
	union {
		struct fsp_dir_info entry;
		UINT8 bytes[sizeof(struct fsp_dir_info) + 255 * sizeof(WCHAR)];
	} one;
	WCHAR copy[512];

	memset(&one, 0, sizeof one);
	AcquireSRWLockShared(&directory->node->lock);
	host_enter(fs, &request, FSP_QUERY_DIRECTORY);
	NTSTATUS status = host_note(fs, SLOT(get_dir_info_by_name),
				    fs->calls.get_dir_info_by_name(&fs->api, directory->node->context,
								   given(name, copy), &one.entry));
	host_leave(fs, &request, status);
	ReleaseSRWLockShared(&directory->node->lock);
	if (!NT_SUCCESS(status))
		return status;
	if (one.entry.size <= sizeof one.entry || one.entry.size > sizeof one) {
		host_odd(fs, "GetDirInfoByName: an entry of %u bytes", one.entry.size);
		return STATUS_INTERNAL_ERROR;
	}
	host_learn(fs, NULL, &one.entry.info, "GetDirInfoByName");
	*info = one.entry.info;
	host_list_name(&one.entry, found);
	return status;
}
