/*
 * requests.c: what driver and DLL do with an open file, request by request.
 *
 * Each function is one request of a program: the driver's checks and locks, the one callback the
 * DLL makes of it, and what the driver remembers of the answer.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

/* ---- what the driver learns -------------------------------------------------------------------- */

void host_learn(struct host_fs *fs, struct host_node *node, const struct fsp_file_info *info, const char *by)
{
	UINT64 unit = host_unit(fs);

	if (info->attributes == 0 || info->attributes == INVALID_FILE_ATTRIBUTES)
		host_odd(fs, "%s: attributes %lx", by, (unsigned long)info->attributes);
	if (info->attributes & FILE_ATTRIBUTE_NORMAL && info->attributes != FILE_ATTRIBUTE_NORMAL)
		host_odd(fs, "%s: NORMAL is not alone in %lx", by, (unsigned long)info->attributes);
	if (info->allocation % unit != 0 || info->allocation < info->size)
		host_odd(fs, "%s: size %llu, allocation %llu", by, info->size, info->allocation);
	if (!(info->attributes & FILE_ATTRIBUTE_REPARSE_POINT) != !info->reparse_tag)
		host_odd(fs, "%s: attributes %lx, tag %lx", by, (unsigned long)info->attributes,
			 (unsigned long)info->reparse_tag);
	if (!info->creation || !info->access || !info->write || !info->change)
		host_odd(fs, "%s: a time is 0", by);
	if (info->index == 0 || info->links != 0)
		host_odd(fs, "%s: index %llu, links %lu", by, info->index, (unsigned long)info->links);
	if (!node)
		return;
	if (info->index != node->index)
		host_odd(fs, "%s: %ls changed its index", by, node->name);
	if (!node->main && !(info->attributes & FILE_ATTRIBUTE_DIRECTORY) == node->directory)
		host_odd(fs, "%s: %ls changed its kind", by, node->name);
	node->info = *info;
}

/* As above, for answers after which the last cleanup resets the allocation size. */
static void learn_size(struct host_file *file, const struct fsp_file_info *info, const char *by)
{
	struct fsp_file_info old = file->node->info;

	host_learn(file->fs, file->node, info, by);
	if (old.size != info->size || old.allocation != info->allocation)
		file->node->truncate_on_close = true;
}

void *host_context(struct host_file *file)
{
	return file->node->context;
}

const WCHAR *host_name(struct host_file *file)
{
	return file->node->name;
}

/* Most requests: exclusive node lock around one operation. */
static void begin(struct host_file *file, enum fsp_kind kind)
{
	AcquireSRWLockExclusive(&file->node->lock);
	host_enter(file->fs, &file->request, kind);
}

static NTSTATUS end(struct host_file *file, NTSTATUS status)
{
	host_leave(file->fs, &file->request, status);
	ReleaseSRWLockExclusive(&file->node->lock);
	return status;
}

/* ---- data ------------------------------------------------------------------------------------------ */

NTSTATUS host_read(struct host_file *file, UINT64 offset, void *to, ULONG length, ULONG *done)
{
	struct host_fs *fs = file->fs;
	struct fsp_request request = {0};

	*done = 0;
	AcquireSRWLockShared(&file->node->lock);
	host_enter(fs, &request, FSP_READ);
	NTSTATUS status = host_note(fs, SLOT(read),
				    fs->calls.read(&fs->api, file->node->context, to, offset, length, done));
	host_leave(fs, &request, status);
	ReleaseSRWLockShared(&file->node->lock);
	if (NT_SUCCESS(status) && *done > length)
		host_odd(fs, "Read: %lu bytes of %lu", (unsigned long)*done, (unsigned long)length);
	if (!NT_SUCCESS(status))
		*done = 0;
	return status;
}

static NTSTATUS write_locked(struct host_file *file, UINT64 offset, const void *from, ULONG length,
			     bool constrained, ULONG *done)
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info;

	memset(&info, 0xcd, sizeof info); /* the DLL does not clear it: the program fills all of it */
	*done = 0;
	NTSTATUS status = host_note(fs, SLOT(write),
				    fs->calls.write(&fs->api, file->node->context, (void *)from, offset,
						    length, offset == HOST_AT_END, constrained, done, &info));
	if (!NT_SUCCESS(status)) {
		*done = 0;
		return status;
	}
	if (*done > length)
		host_odd(fs, "Write: %lu bytes of %lu", (unsigned long)*done, (unsigned long)length);
	learn_size(file, &info, "Write");
	if (!constrained)
		file->modified = true;
	return status;
}

NTSTATUS host_write(struct host_file *file, UINT64 offset, const void *from, ULONG length, ULONG *done)
{
	begin(file, FSP_WRITE);
	return end(file, write_locked(file, offset, from, length, false, done));
}

NTSTATUS host_write_paging(struct host_file *file, UINT64 offset, const void *from, ULONG length, ULONG *done)
{
	begin(file, FSP_WRITE);
	return end(file, write_locked(file, offset, from, length, true, done));
}

static NTSTATUS set_size_locked(struct host_file *file, UINT64 size, bool allocation)
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info = {0};

	NTSTATUS status =
		host_note(fs, SLOT(set_file_size),
			  fs->calls.set_file_size(&fs->api, file->node->context, size, allocation, &info));
	if (NT_SUCCESS(status)) {
		learn_size(file, &info, "SetFileSize");
		file->modified = true;
	}
	return status;
}

/* One page of a cached write: what the cache holds of it, written back whole. */
static NTSTATUS write_page(struct host_file *file, UINT64 page, UINT64 offset, const UINT8 *from,
			   ULONG length, UINT8 tail)
{
	struct host_fs *fs = file->fs;
	UINT8 bytes[PAGE];
	ULONG done = 0;
	UINT64 begin_at = offset > page ? offset - page : 0;
	UINT64 end_at = offset + length - page < PAGE ? offset + length - page : PAGE;

	memset(bytes, tail, sizeof bytes);
	UINT64 size = file->node->info.size;
	if (page < size) {
		NTSTATUS status =
			host_note(fs, SLOT(read),
				  fs->calls.read(&fs->api, file->node->context, bytes, page, PAGE, &done));
		if (!NT_SUCCESS(status))
			return status;
		if (done < PAGE)
			memset(bytes + done, tail, PAGE - done);
	}
	memcpy(bytes + begin_at, from + (page + begin_at - offset), (size_t)(end_at - begin_at));
	NTSTATUS status = write_locked(file, page, bytes, PAGE, true, &done);
	if (NT_SUCCESS(status) && done != (size - page < PAGE ? size - page : PAGE) && done != PAGE)
		host_odd(fs, "Write: a constrained page of a %llu byte file at %llu wrote %lu", size, page,
			 (unsigned long)done);
	return status;
}

NTSTATUS host_write_cached(struct host_file *file, UINT64 offset, const void *from, ULONG length, UINT8 tail)
{
	NTSTATUS status = STATUS_SUCCESS;

	if (length == 0)
		return STATUS_SUCCESS;
	begin(file, FSP_WRITE);
	if (offset == HOST_AT_END)
		offset = file->node->info.size;
	if (offset + length > file->node->info.size)
		status = set_size_locked(file, offset + length, false);
	for (UINT64 page = offset / PAGE * PAGE; NT_SUCCESS(status) && page < offset + length; page += PAGE)
		status = write_page(file, page, offset, from, length, tail);
	file->modified = true;
	return end(file, status);
}

NTSTATUS host_flush(struct host_file *file)
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info = {0};

	begin(file, FSP_FLUSH);
	NTSTATUS status = host_note(fs, SLOT(flush), fs->calls.flush(&fs->api, file->node->context, &info));
	if (NT_SUCCESS(status))
		host_learn(fs, file->node, &info, "Flush");
	return end(file, status);
}

/* ---- information ------------------------------------------------------------------------------------- */

NTSTATUS host_info(struct host_file *file, struct fsp_file_info *info)
{
	struct host_fs *fs = file->fs;

	memset(info, 0, sizeof *info);
	begin(file, FSP_QUERY_INFORMATION);
	NTSTATUS status = host_note(fs, SLOT(get_file_info),
				    fs->calls.get_file_info(&fs->api, file->node->context, info));
	if (NT_SUCCESS(status))
		host_learn(fs, file->node, info, "GetFileInfo");
	return end(file, status);
}

void host_known_info(struct host_file *file, struct fsp_file_info *info)
{
	AcquireSRWLockShared(&file->node->lock);
	*info = file->node->info;
	ReleaseSRWLockShared(&file->node->lock);
}

NTSTATUS host_set_basic(struct host_file *file, ULONG attributes, const INT64 times[4])
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info = {0};
	UINT64 told[4];

	if (file->node->directory && attributes & FILE_ATTRIBUTE_TEMPORARY)
		return STATUS_INVALID_PARAMETER;
	if (attributes != 0) {
		attributes &= ~(ULONG)(FILE_ATTRIBUTE_NORMAL | FILE_ATTRIBUTE_DIRECTORY);
		if (file->node->directory)
			attributes |= FILE_ATTRIBUTE_DIRECTORY;
	} else {
		attributes = INVALID_FILE_ATTRIBUTES;
	}
	for (int i = 0; i < 4; i++)
		told[i] = times && times[i] != -1 ? (UINT64)times[i] : 0;
	begin(file, FSP_SET_INFORMATION);
	NTSTATUS status = host_note(fs, SLOT(set_basic_info),
				    fs->calls.set_basic_info(&fs->api, file->node->context, attributes,
							     told[0], told[1], told[2], told[3], &info));
	if (NT_SUCCESS(status)) {
		host_learn(fs, file->node, &info, "SetBasicInfo");
		file->set_attributes |= attributes != INVALID_FILE_ATTRIBUTES;
		file->set_access |= told[1] != 0;
		file->set_write |= told[2] != 0;
		file->set_change |= told[3] != 0;
		file->set_metadata = true;
	}
	return end(file, status);
}

NTSTATUS host_set_size(struct host_file *file, UINT64 size)
{
	begin(file, FSP_SET_INFORMATION);
	return end(file, set_size_locked(file, size, false));
}

NTSTATUS host_set_allocation(struct host_file *file, UINT64 size)
{
	UINT64 unit = host_unit(file->fs);

	/* What cannot be rounded up would not get this far: the file system is to judge it as it is. */
	if (size <= UINT64_MAX - unit)
		size = (size + unit - 1) / unit * unit;
	begin(file, FSP_SET_INFORMATION);
	return end(file, set_size_locked(file, size, true));
}

/* ---- delete and rename -----------------------------------------------------------------------------------
 */

static void mark_delete(struct host_file *file, ULONG flags)
{
	EnterCriticalSection(&file->fs->table_lock);
	file->node->delete_pending = flags & HOST_DELETE;
	if (!(flags & HOST_DELETE))
		file->posix_delete = false;
	else if (flags & HOST_DELETE_POSIX)
		file->posix_delete = true;
	LeaveCriticalSection(&file->fs->table_lock);
}

/* The DLL's part: the read-only check, then SetDelete or CanDelete. */
static NTSTATUS request_delete(struct host_file *file, ULONG flags)
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info = {0};

	if ((flags & (HOST_DELETE | HOST_DELETE_READONLY)) == HOST_DELETE) {
		NTSTATUS status = host_note(fs, SLOT(get_file_info),
					    fs->calls.get_file_info(&fs->api, file->node->context, &info));
		if (!NT_SUCCESS(status))
			return status;
		if (info.attributes & FILE_ATTRIBUTE_READONLY)
			return STATUS_CANNOT_DELETE;
	}
	if (fs->calls.set_delete)
		return host_note(fs, SLOT(set_delete),
				 fs->calls.set_delete(&fs->api, file->node->context, file->node->name,
						      flags & HOST_DELETE));
	if (fs->calls.can_delete)
		return flags & HOST_DELETE ? host_note(fs, SLOT(can_delete),
						       fs->calls.can_delete(&fs->api, file->node->context,
									    file->node->name))
					   : STATUS_SUCCESS;
	return STATUS_INVALID_DEVICE_REQUEST;
}

NTSTATUS host_set_delete(struct host_file *file, ULONG flags)
{
	struct host_fs *fs = file->fs;
	bool plain = (flags & ~HOST_DELETE_POSIX) == HOST_DELETE;
	NTSTATUS status;

	if (file->node->root)
		return STATUS_CANNOT_DELETE;
	begin(file, FSP_SET_INFORMATION);
	if (file->node->posix_delete) {
		status = STATUS_FILE_DELETED;
	} else if (plain && file->disposition_status != STATUS_SUCCESS) {
		status = file->disposition_status;
	} else if (!file->node->directory && fs->params.flags & FSP_DISPOSITION_WHEN_NEEDED) {
		file->disposition_status = STATUS_SUCCESS;
		status = plain && file->node->info.attributes & FILE_ATTRIBUTE_READONLY ? STATUS_CANNOT_DELETE
											: STATUS_SUCCESS;
	} else {
		status = request_delete(file, flags);
		file->disposition_status = STATUS_SUCCESS;
		if (plain && (status == STATUS_ACCESS_DENIED || status == STATUS_DIRECTORY_NOT_EMPTY ||
			      status == STATUS_CANNOT_DELETE))
			file->disposition_status = status;
	}
	if (NT_SUCCESS(status))
		mark_delete(file, flags);
	return end(file, status);
}

/* What the driver refuses before the file system hears of a rename. */
static NTSTATUS rename_check(struct host_file *file, const WCHAR *to, ULONG flags, bool *nothing)
{
	struct host_fs *fs = file->fs;
	bool posix = flags & HOST_RENAME_POSIX;

	*nothing = false;
	if (file->node->posix_delete)
		return STATUS_ACCESS_DENIED;
	if (host_table_busy(fs, file->node->name, file->node, false) && !posix)
		return STATUS_ACCESS_DENIED;
	if (host_compare(fs, file->node->name, to) != 0) {
		if (host_table_busy(fs, to, file->node, true))
			return STATUS_ACCESS_DENIED;
		return host_table_busy(fs, to, file->node, false) && !posix ? STATUS_ACCESS_DENIED
									    : STATUS_SUCCESS;
	}
	*nothing = wcscmp(file->node->name, to) == 0;
	return STATUS_SUCCESS;
}

/* The DLL's check of what would be replaced. A missing target is fine. */
static NTSTATUS replace_check(struct host_fs *fs, const WCHAR *to, ULONG flags)
{
	WCHAR name[1200];
	UINT32 attributes = 0;
	SIZE_T size = 0;

	wcscpy(name, to);
	NTSTATUS status = host_note(fs, SLOT(get_security_by_name),
				    fs->calls.get_security_by_name(&fs->api, name, &attributes, NULL, &size));
	if (status == STATUS_SUCCESS || status == STATUS_BUFFER_OVERFLOW)
		return attributes & FILE_ATTRIBUTE_READONLY && !(flags & HOST_RENAME_READONLY)
			       ? STATUS_CANNOT_DELETE
			       : STATUS_SUCCESS;
	if (status == STATUS_REPARSE || status == STATUS_OBJECT_NAME_NOT_FOUND ||
	    status == STATUS_OBJECT_PATH_NOT_FOUND)
		return STATUS_SUCCESS;
	return status;
}

static NTSTATUS request_rename(struct host_file *file, const WCHAR *to, ULONG flags)
{
	struct host_fs *fs = file->fs;
	WCHAR old[1200], target[1200];
	NTSTATUS status = STATUS_SUCCESS;

	wcscpy(old, file->node->name);
	wcscpy(target, to);
	file->request.hint = 2;
	host_enter(fs, &file->request, FSP_SET_INFORMATION);
	if (flags & HOST_RENAME_REPLACE)
		status = replace_check(fs, to, flags);
	if (NT_SUCCESS(status))
		status = host_note(fs, SLOT(rename),
				   fs->calls.rename(&fs->api, file->node->context, old, target,
						    (BOOLEAN)(flags & HOST_RENAME_REPLACE)));
	host_leave(fs, &file->request, status);
	file->request.hint = 0;
	return status;
}

NTSTATUS host_rename(struct host_file *file, const WCHAR *to, ULONG flags)
{
	struct host_fs *fs = file->fs;
	size_t keep, stream_at;
	bool data_type, nothing;
	WCHAR old[1200];

	if (file->node->root || file->node->main || wcslen(to) >= 1200)
		return STATUS_INVALID_PARAMETER;
	if (!host_name_valid(fs, to, &keep, &stream_at, &data_type) || stream_at || data_type || to[1] == 0)
		return STATUS_INVALID_PARAMETER;
	AcquireSRWLockExclusive(&fs->rename_lock);
	AcquireSRWLockExclusive(&file->node->lock);
	NTSTATUS status = rename_check(file, to, flags, &nothing);
	if (NT_SUCCESS(status) && !nothing) {
		status = request_rename(file, to, flags);
		if (NT_SUCCESS(status)) {
			wcscpy(old, file->node->name);
			host_table_rename(fs, old, to);
		}
	}
	ReleaseSRWLockExclusive(&file->node->lock);
	ReleaseSRWLockExclusive(&fs->rename_lock);
	return status;
}

/* ---- metadata in lists and blocks -------------------------------------------------------------------------
 */

NTSTATUS host_security(struct host_file *file, void *to, SIZE_T *size)
{
	struct host_fs *fs = file->fs;

	begin(file, FSP_QUERY_SECURITY);
	NTSTATUS status = host_note(fs, SLOT(get_security),
				    fs->calls.get_security(&fs->api, file->node->context, to, size));
	if (NT_SUCCESS(status) && to && *size > 0 && !host_descriptor_valid(to, *size))
		host_odd(fs, "GetSecurity: not a descriptor");
	return end(file, status);
}

NTSTATUS host_set_security(struct host_file *file, SECURITY_INFORMATION which, void *descriptor)
{
	struct host_fs *fs = file->fs;

	begin(file, FSP_SET_SECURITY);
	NTSTATUS status = host_note(fs, SLOT(set_security),
				    fs->calls.set_security(&fs->api, file->node->context, which, descriptor));
	if (NT_SUCCESS(status))
		file->set_security = file->set_metadata = true;
	return end(file, status);
}

NTSTATUS host_streams(struct host_file *file, void *to, ULONG capacity, ULONG *size)
{
	struct host_fs *fs = file->fs;

	*size = 0;
	begin(file, FSP_QUERY_STREAMS);
	NTSTATUS status =
		host_note(fs, SLOT(get_stream_info),
			  fs->calls.get_stream_info(&fs->api, file->node->context, to, capacity, size));
	if (NT_SUCCESS(status) && *size > capacity)
		host_odd(fs, "GetStreamInfo: %lu bytes of %lu", (unsigned long)*size,
			 (unsigned long)capacity);
	return end(file, status);
}

NTSTATUS host_ea(struct host_file *file, void *to, ULONG capacity, ULONG *size)
{
	struct host_fs *fs = file->fs;

	*size = 0;
	begin(file, FSP_QUERY_EA);
	NTSTATUS status = host_note(fs, SLOT(get_ea),
				    fs->calls.get_ea(&fs->api, file->node->context, to, capacity, size));
	if (NT_SUCCESS(status) && *size > capacity)
		host_odd(fs, "GetEa: %lu bytes of %lu", (unsigned long)*size, (unsigned long)capacity);
	return end(file, status);
}

NTSTATUS host_set_ea(struct host_file *file, const void *list, ULONG size)
{
	struct host_fs *fs = file->fs;
	struct fsp_file_info info = {0};

	if (size > FSP_REQUEST_BUFFER_MAX)
		return STATUS_INVALID_PARAMETER;
	begin(file, FSP_SET_EA);
	NTSTATUS status = host_note(
		fs, SLOT(set_ea),
		fs->calls.set_ea(&fs->api, file->node->context, (struct fsp_ea *)list, size, &info));
	if (NT_SUCCESS(status)) {
		host_learn(fs, file->node, &info, "SetEa");
		file->set_metadata = true;
	}
	return end(file, status);
}

NTSTATUS host_reparse(struct host_file *file, void *to, SIZE_T *size)
{
	struct host_fs *fs = file->fs;

	begin(file, FSP_FILE_SYSTEM_CONTROL);
	NTSTATUS status = host_note(
		fs, SLOT(get_reparse_point),
		fs->calls.get_reparse_point(&fs->api, file->node->context, file->node->name, to, size));
	return end(file, status);
}

/* The shape that the driver demands of reparse data before the file system sees it. */
static NTSTATUS reparse_check(const struct fsp_reparse *data, SIZE_T size)
{
	bool microsoft = size >= 4 && data->tag & 0x80000000u;
	SIZE_T header = microsoft ? FSP_REPARSE_HEADER : FSP_REPARSE_GUID_HEADER;

	if (size < header || size > 16384 || data->data_length != size - header)
		return STATUS_IO_REPARSE_DATA_INVALID;
	return data->tag < 2 ? STATUS_IO_REPARSE_TAG_INVALID : STATUS_SUCCESS;
}

NTSTATUS host_set_reparse(struct host_file *file, const void *data, SIZE_T size)
{
	struct host_fs *fs = file->fs;

	NTSTATUS status = reparse_check(data, size);
	if (!NT_SUCCESS(status))
		return status;
	begin(file, FSP_FILE_SYSTEM_CONTROL);
	status = host_note(fs, SLOT(set_reparse_point),
			   fs->calls.set_reparse_point(&fs->api, file->node->context, file->node->name,
						       (void *)data, size));
	file->set_metadata |= NT_SUCCESS(status);
	return end(file, status);
}

NTSTATUS host_delete_reparse(struct host_file *file, const void *data, SIZE_T size)
{
	struct host_fs *fs = file->fs;

	NTSTATUS status = ((const struct fsp_reparse *)data)->data_length == 0
				  ? reparse_check(data, size)
				  : STATUS_IO_REPARSE_DATA_INVALID;
	if (!NT_SUCCESS(status))
		return status;
	begin(file, FSP_FILE_SYSTEM_CONTROL);
	status = host_note(fs, SLOT(delete_reparse_point),
			   fs->calls.delete_reparse_point(&fs->api, file->node->context, file->node->name,
							  (void *)data, size));
	file->set_metadata |= NT_SUCCESS(status);
	return end(file, status);
}

NTSTATUS host_control(struct host_file *file, UINT32 code, const void *in, ULONG in_size, void *out,
		      ULONG out_size, ULONG *done)
{
	struct host_fs *fs = file->fs;

	*done = 0;
	if (!(fs->params.flags & FSP_DEVICE_CONTROL))
		return STATUS_INVALID_DEVICE_REQUEST;
	begin(file, FSP_DEVICE_CONTROL_KIND);
	NTSTATUS status = host_note(fs, SLOT(control),
				    fs->calls.control(&fs->api, file->node->context, code, (void *)in,
						      in_size, out, out_size, done));
	if (NT_SUCCESS(status) && *done > out_size)
		host_odd(fs, "Control: %lu bytes of %lu", (unsigned long)*done, (unsigned long)out_size);
	return end(file, status == STATUS_BUFFER_OVERFLOW ? STATUS_BUFFER_TOO_SMALL : status);
}

/* ---- volume
 * ------------------------------------------------------------------------------------------------ */

NTSTATUS host_volume(struct host_fs *fs, struct fsp_volume_info *info)
{
	struct fsp_request request = {0};

	memset(info, 0, sizeof *info);
	host_enter(fs, &request, FSP_QUERY_VOLUME);
	NTSTATUS status = host_note(fs, SLOT(get_volume_info), fs->calls.get_volume_info(&fs->api, info));
	host_leave(fs, &request, status);
	if (NT_SUCCESS(status) && (info->label_bytes > sizeof info->label || info->label_bytes % 2 != 0))
		host_odd(fs, "GetVolumeInfo: a label of %u bytes", info->label_bytes);
	if (NT_SUCCESS(status) && info->free > info->total)
		host_odd(fs, "GetVolumeInfo: %llu free of %llu", info->free, info->total);
	return status;
}

NTSTATUS host_set_label(struct host_fs *fs, const WCHAR *label, struct fsp_volume_info *info)
{
	struct fsp_request request = {0};
	WCHAR copy[300];

	if (wcslen(label) >= 300)
		return STATUS_INVALID_PARAMETER;
	wcscpy(copy, label);
	memset(info, 0, sizeof *info);
	host_enter(fs, &request, FSP_SET_VOLUME);
	NTSTATUS status =
		host_note(fs, SLOT(set_volume_label), fs->calls.set_volume_label(&fs->api, copy, info));
	host_leave(fs, &request, status);
	return status;
}

NTSTATUS host_flush_volume(struct host_fs *fs)
{
	struct fsp_request request = {0};
	struct fsp_file_info info = {0};

	host_enter(fs, &request, FSP_FLUSH);
	NTSTATUS status = host_note(fs, SLOT(flush), fs->calls.flush(&fs->api, NULL, &info));
	host_leave(fs, &request, status);
	return status;
}
