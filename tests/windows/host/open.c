/*
 * open.c: what driver and DLL do between a program's CreateFile and the file system's Create,
 * Open and Overwrite.
 *
 * The checks that need no token are made as they are made there, in that order, since they decide
 * which callback comes next and which status wins.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#define NAME_UNITS 1200
#define TAG_SYMLINK 0xA000000Cu
#define WRITE_RIGHTS (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD)

/* One create request on its way: what goes in, what the file system answered. */
struct opening {
	struct host_fs *fs;
	struct {
		struct fsp_request request;
		WCHAR name[NAME_UNITS];
	} message;
	WCHAR *name; /* in the message; written to, as the DLL does */
	size_t stream_at;
	ULONG disposition, options, attributes, desired;
	UINT64 allocation;
	const void *security, *extra;
	ULONG extra_size;
	bool extra_is_reparse, trailing_backslash, check_traverse, target_directory, main_of_stream;

	void *context;
	struct fsp_open_info opened;
	ULONG granted, information;
	struct host_answer *answer;
	WCHAR normalized[FSP_RESPONSE_BUFFER_MAX / sizeof(WCHAR)];
};

/* ---- names ------------------------------------------------------------------------------------- */

/* The index of the last component. */
static UINT32 suffix_index(const WCHAR *name)
{
	const WCHAR *slash = wcsrchr(name, L'\\');
	return slash ? (UINT32)(slash + 1 - name) : 0;
}

/* Copies the path of the directory that holds `name`. */
static void parent_of(const WCHAR *name, WCHAR parent[NAME_UNITS])
{
	size_t length = suffix_index(name);

	length = length > 1 ? length - 1 : 1;
	memcpy(parent, name, length * sizeof *name);
	parent[length] = 0;
}

/* ---- access check, without tokens ------------------------------------------------------------------ */

static NTSTATUS security_by_name(struct host_fs *fs, WCHAR *name, UINT32 *attributes, void **descriptor,
				 SIZE_T *size)
{
	for (;;) {
		SIZE_T given = *size;
		NTSTATUS status = host_note(
			fs, SLOT(get_security_by_name),
			fs->calls.get_security_by_name(&fs->api, name, attributes, *descriptor, size));
		if (status != STATUS_BUFFER_OVERFLOW) {
			if (status == STATUS_SUCCESS && *size > 0 &&
			    !host_descriptor_valid(*descriptor, *size))
				host_odd(fs, "GetSecurityByName: not a descriptor for %ls", name);
			return status;
		}
		if (*size <= given) {
			host_odd(fs, "GetSecurityByName: overflow without a larger size");
			return STATUS_INVALID_SECURITY_DESCR;
		}
		free(*descriptor);
		*descriptor = malloc(*size);
		if (!*descriptor)
			return STATUS_INSUFFICIENT_RESOURCES;
	}
}

/* Passes every directory on the way, as for a caller without the traverse privilege. */
static NTSTATUS traverse(struct host_fs *fs, WCHAR *name, UINT32 *index, void **descriptor, SIZE_T *size)
{
	for (WCHAR *at = wcschr(name, L'\\'); at; at = wcschr(at + 1, L'\\')) {
		WCHAR root[2] = L"\\", *prefix = at > name ? name : root;
		UINT32 attributes = 0;
		if (wcschr(name, L':') && at > wcschr(name, L':'))
			break;
		*at = 0;
		NTSTATUS status = security_by_name(fs, prefix, &attributes, descriptor, size);
		if (status == STATUS_SUCCESS && attributes & FILE_ATTRIBUTE_REPARSE_POINT) {
			*index = suffix_index(prefix);
			status = STATUS_REPARSE;
		} else if (status == STATUS_REPARSE) {
			*index = attributes;
		}
		*at = L'\\';
		if (status == STATUS_SUCCESS && !(attributes & FILE_ATTRIBUTE_DIRECTORY))
			return STATUS_OBJECT_PATH_NOT_FOUND;
		if (status != STATUS_SUCCESS)
			return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
	}
	return STATUS_SUCCESS;
}

enum looking_at { AT_TARGET, AT_PARENT, AT_MAIN };

/* The order of judgements on what GetSecurityByName told. */
static NTSTATUS judge(struct opening *o, enum looking_at what, const WCHAR *name, UINT32 attributes,
		      ULONG desired, UINT32 *index)
{
	bool link = attributes & FILE_ATTRIBUTE_REPARSE_POINT,
	     directory = attributes & FILE_ATTRIBUTE_DIRECTORY;

	if (what == AT_TARGET && o->trailing_backslash && !directory)
		return STATUS_OBJECT_NAME_INVALID;
	if (link && (what == AT_PARENT || !(o->options & FILE_OPEN_REPARSE_POINT))) {
		*index = suffix_index(name);
		return STATUS_REPARSE;
	}
	if (what == AT_PARENT && !directory)
		return STATUS_NOT_A_DIRECTORY;
	if (what == AT_TARGET && !(link && o->fs->params.flags & FSP_NO_REPARSE_DIR_CHECK)) {
		if (o->options & FILE_DIRECTORY_FILE && !directory)
			return STATUS_NOT_A_DIRECTORY;
		if (o->options & FILE_NON_DIRECTORY_FILE && directory)
			return STATUS_FILE_IS_A_DIRECTORY;
	}
	if (attributes & FILE_ATTRIBUTE_READONLY) {
		if (!directory && desired & WRITE_RIGHTS)
			return STATUS_ACCESS_DENIED;
		if (o->options & FILE_DELETE_ON_CLOSE)
			return STATUS_CANNOT_DELETE;
		if (!directory)
			o->granted &= ~(ULONG)WRITE_RIGHTS;
	}
	return STATUS_SUCCESS;
}

/* Asks for attributes and descriptor, judges them. With `descriptor`, hands it out (free it). */
static NTSTATUS access_check(struct opening *o, enum looking_at what, bool may_traverse, ULONG desired,
			     UINT32 *index, void **descriptor)
{
	WCHAR name[NAME_UNITS];
	SIZE_T size = 1024;
	UINT32 attributes = 0;
	void *found = malloc(size);

	if (what == AT_PARENT && wcscmp(o->name, L"\\") == 0) {
		free(found);
		return STATUS_INVALID_PARAMETER;
	}
	if (!found)
		return STATUS_INSUFFICIENT_RESOURCES;
	wcscpy(name, o->name);
	if (what == AT_PARENT)
		parent_of(o->name, name);
	else if (what == AT_MAIN)
		name[o->stream_at] = 0;

	NTSTATUS status = STATUS_SUCCESS;
	o->granted = desired & MAXIMUM_ALLOWED || desired == 0 ? HOST_DEFAULT_ACCESS : desired;
	if (may_traverse && o->check_traverse && wcscmp(name, L"\\") != 0)
		status = traverse(o->fs, name, index, &found, &size);
	if (status == STATUS_SUCCESS) {
		status = security_by_name(o->fs, name, &attributes, &found, &size);
		if (status == STATUS_REPARSE)
			*index = attributes;
		else if (NT_SUCCESS(status))
			status = judge(o, what, name, attributes, desired, index);
	}
	if (what == AT_PARENT && status == STATUS_OBJECT_NAME_NOT_FOUND)
		status = STATUS_OBJECT_PATH_NOT_FOUND;
	if (descriptor && status == STATUS_SUCCESS && size > 0)
		*descriptor = found;
	else
		free(found);
	return status;
}

/* ---- callbacks ------------------------------------------------------------------------------------- */

static NTSTATUS resolve(struct opening *o, UINT32 index)
{
	IO_STATUS_BLOCK io = {0};

	if (!o->fs->calls.resolve_reparse_points)
		return STATUS_INVALID_DEVICE_REQUEST;
	o->answer->reparse_size = sizeof o->answer->reparse;
	NTSTATUS status =
		host_note(o->fs, SLOT(resolve_reparse_points),
			  o->fs->calls.resolve_reparse_points(&o->fs->api, o->name, index,
							      !(o->options & FILE_OPEN_REPARSE_POINT), &io,
							      &o->answer->reparse, &o->answer->reparse_size));
	if (!NT_SUCCESS(status))
		return status;
	o->information = (ULONG)io.Information;
	return STATUS_REPARSE;
}

static void prepare_answer(struct opening *o)
{
	o->context = NULL;
	memset(&o->opened, 0, sizeof o->opened);
	o->opened.normalized = o->normalized;
	o->opened.normalized_bytes = FSP_RESPONSE_BUFFER_MAX;
}

static NTSTATUS opened(struct opening *o, NTSTATUS status, const char *by)
{
	if (!NT_SUCCESS(status))
		return status;
	InterlockedIncrement64(&o->fs->opened);
	if (!o->context)
		host_odd(o->fs, "%s succeeded without a context", by);
	host_learn(o->fs, NULL, &o->opened.info, by);
	return STATUS_SUCCESS;
}

static NTSTATUS call_open(struct opening *o, WCHAR *name, ULONG options)
{
	prepare_answer(o);
	return opened(o,
		      host_note(o->fs, SLOT(open),
				o->fs->calls.open(&o->fs->api, name, options, o->granted, &o->context,
						  &o->opened.info)),
		      "Open");
}

static NTSTATUS call_create(struct opening *o, void *security)
{
	struct host_fs *fs = o->fs;
	ULONG options = o->options | o->disposition << 24;
	NTSTATUS status;

	prepare_answer(o);
	if (fs->calls.create_ex)
		status = host_note(fs, SLOT(create_ex),
				   fs->calls.create_ex(&fs->api, o->name, options, o->granted, o->attributes,
						       security, o->allocation, (void *)o->extra,
						       o->extra_size, o->extra_is_reparse, &o->context,
						       &o->opened.info));
	else
		status = host_note(fs, SLOT(create),
				   fs->calls.create(&fs->api, o->name, options, o->granted, o->attributes,
						    security, o->allocation, &o->context, &o->opened.info));
	return opened(o, status, "Create");
}

/* Checks the parent (or the main file) and creates; with the descriptor that is inherited. */
static NTSTATUS check_and_create(struct opening *o, bool may_traverse)
{
	void *above = NULL, *security = NULL;
	UINT32 index = 0;

	if (o->trailing_backslash && (o->stream_at || !(o->options & FILE_DIRECTORY_FILE)))
		return STATUS_OBJECT_NAME_INVALID;
	if (!o->stream_at && o->attributes & FILE_ATTRIBUTE_READONLY && o->options & FILE_DELETE_ON_CLOSE)
		return STATUS_CANNOT_DELETE;
	NTSTATUS status = access_check(o, o->stream_at ? AT_MAIN : AT_PARENT, may_traverse,
				       o->stream_at ? o->desired | FILE_WRITE_DATA : FILE_WRITE_DATA, &index,
				       o->stream_at ? NULL : &above);
	if (status == STATUS_REPARSE)
		return resolve(o, index);
	if (!NT_SUCCESS(status))
		return status;
	o->granted = o->desired & MAXIMUM_ALLOWED || o->desired == 0 ? HOST_DEFAULT_ACCESS : o->desired;
	if (!o->stream_at)
		status = host_descriptor_create(above, o->security, o->options & FILE_DIRECTORY_FILE,
						&security);
	free(above);
	if (NT_SUCCESS(status))
		status = call_create(o, security);
	host_descriptor_free(security);
	if (NT_SUCCESS(status))
		o->information = FILE_CREATED;
	return status;
}

/* Checks the target and opens it. `extra` are rights that the disposition needs. */
static NTSTATUS check_and_open(struct opening *o, ULONG extra, ULONG information)
{
	UINT32 index = 0;
	ULONG desired = (o->desired ? o->desired : MAXIMUM_ALLOWED) | extra;

	if (o->options & FILE_DELETE_ON_CLOSE)
		desired |= DELETE;
	NTSTATUS status = access_check(o, AT_TARGET, true, desired, &index, NULL);
	if (status == STATUS_REPARSE)
		return resolve(o, index);
	if (!NT_SUCCESS(status))
		return status;
	status = call_open(o, o->name, o->options | o->disposition << 24);
	if (NT_SUCCESS(status))
		o->information = information;
	return status;
}

static NTSTATUS open_target_directory(struct opening *o)
{
	WCHAR parent[NAME_UNITS];
	UINT32 index = 0;

	NTSTATUS status = access_check(o, AT_PARENT, true, o->desired, &index, NULL);
	if (status == STATUS_REPARSE)
		return resolve(o, index);
	if (!NT_SUCCESS(status))
		return status;
	parent_of(o->name, parent);
	status = call_open(o, parent, (o->options | FILE_DIRECTORY_FILE) & ~(ULONG)FILE_NON_DIRECTORY_FILE);
	if (!NT_SUCCESS(status))
		return status;
	NTSTATUS exists =
		host_note(o->fs, SLOT(get_security_by_name),
			  o->fs->calls.get_security_by_name(&o->fs->api, o->name, NULL, NULL, NULL));
	o->information = NT_SUCCESS(exists) ? FILE_EXISTS : FILE_DOES_NOT_EXIST;
	return STATUS_SUCCESS;
}

/* A stream was asked for through a symbolic link. */
static NTSTATUS not_found(struct opening *o)
{
	UINT32 attributes = 0, index;

	if (!o->stream_at || o->options & FILE_OPEN_REPARSE_POINT)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	o->name[o->stream_at] = 0;
	NTSTATUS status =
		host_note(o->fs, SLOT(get_security_by_name),
			  o->fs->calls.get_security_by_name(&o->fs->api, o->name, &attributes, NULL, NULL));
	index = suffix_index(o->name);
	o->name[o->stream_at] = L':';
	if (status != STATUS_SUCCESS || !(attributes & FILE_ATTRIBUTE_REPARSE_POINT))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return resolve(o, index) == STATUS_REPARSE ? STATUS_REPARSE : STATUS_OBJECT_NAME_NOT_FOUND;
}

static NTSTATUS collided(struct opening *o)
{
	UINT32 attributes = 0;

	NTSTATUS status =
		host_note(o->fs, SLOT(get_security_by_name),
			  o->fs->calls.get_security_by_name(&o->fs->api, o->name, &attributes, NULL, NULL));
	if (status != STATUS_SUCCESS)
		return STATUS_OBJECT_NAME_COLLISION;
	if (o->options & FILE_NON_DIRECTORY_FILE && attributes & FILE_ATTRIBUTE_DIRECTORY)
		return STATUS_FILE_IS_A_DIRECTORY;
	if (o->options & FILE_OPEN_REPARSE_POINT || !(attributes & FILE_ATTRIBUTE_REPARSE_POINT))
		return STATUS_OBJECT_NAME_COLLISION;
	return resolve(o, suffix_index(o->name)) == STATUS_REPARSE ? STATUS_REPARSE
								   : STATUS_OBJECT_NAME_COLLISION;
}

static NTSTATUS by_disposition(struct opening *o)
{
	NTSTATUS status;

	if (o->target_directory)
		return open_target_directory(o);
	switch (o->disposition) {
	case FILE_CREATE:
		return check_and_create(o, true);
	case FILE_OPEN:
		return check_and_open(o, 0, FILE_OPENED);
	case FILE_OPEN_IF:
		status = check_and_open(o, 0, FILE_OPENED);
		return status == STATUS_OBJECT_NAME_NOT_FOUND ? check_and_create(o, false) : status;
	case FILE_OVERWRITE:
		return check_and_open(o, FILE_WRITE_DATA, FILE_OVERWRITTEN);
	case FILE_OVERWRITE_IF:
		status = check_and_open(o, FILE_WRITE_DATA, FILE_OVERWRITTEN);
		return status == STATUS_OBJECT_NAME_NOT_FOUND ? check_and_create(o, false) : status;
	case FILE_SUPERSEDE:
		status = check_and_open(o, DELETE, FILE_SUPERSEDED);
		return status == STATUS_OBJECT_NAME_NOT_FOUND ? check_and_create(o, false) : status;
	default:
		return STATUS_INVALID_PARAMETER;
	}
}

static NTSTATUS request_create(struct opening *o)
{
	struct fsp_request *request = &o->message.request;

	request->name_size = (UINT16)((wcslen(o->name) + 1) * sizeof *o->name);
	request->size = (UINT16)(sizeof *request + request->name_size);
	request->create.options = o->options | o->disposition << 24;
	request->create.attributes = o->attributes;
	request->create.token = (UINT64)GetCurrentProcessId() << 32;
	request->create.flags = o->fs->params.flags & FSP_CASE_SENSITIVE ? FSP_REQUEST_CASE_SENSITIVE : 0;
	host_enter(o->fs, request, FSP_CREATE);
	NTSTATUS status = by_disposition(o);
	if (status == STATUS_OBJECT_NAME_NOT_FOUND)
		status = not_found(o);
	else if (status == STATUS_OBJECT_NAME_COLLISION)
		status = collided(o);
	host_leave(o->fs, request, status);
	if (status == STATUS_SUCCESS && o->target_directory) {
		WCHAR parent[NAME_UNITS];
		parent_of(o->name, parent);
		wcscpy(o->name, parent);
	}
	return status;
}

/* ---- the driver: after the answer ---------------------------------------------------------------------- */

static void request_close(struct host_fs *fs, void *context)
{
	struct fsp_request request = {0};

	host_enter(fs, &request, FSP_CLOSE);
	host_note(fs, SLOT(close), STATUS_SUCCESS);
	fs->calls.close(&fs->api, context);
	InterlockedIncrement64(&fs->closed);
	host_leave(fs, &request, STATUS_SUCCESS);
}

/* On a case-insensitive volume the file system may tell how the name is really spelled. */
static NTSTATUS take_normalized(struct opening *o)
{
	size_t units = o->opened.normalized_bytes / sizeof(WCHAR);

	if (o->fs->params.flags & FSP_CASE_SENSITIVE)
		return STATUS_SUCCESS;
	if (o->opened.normalized_bytes > FSP_PATH_BYTES_MAX || units == 0) {
		for (WCHAR *at = o->name; *at; at++)
			*at = RtlUpcaseUnicodeChar(*at);
		return STATUS_SUCCESS;
	}
	o->normalized[units] = 0;
	if (o->opened.normalized_bytes % sizeof(WCHAR) != 0 || wcslen(o->normalized) != units ||
	    host_compare(o->fs, o->normalized, o->name) != 0) {
		host_odd(o->fs, "normalized name of %ls is %ls", o->name, o->normalized);
		return STATUS_OBJECT_NAME_INVALID;
	}
	wcscpy(o->name, o->normalized);
	return STATUS_SUCCESS;
}

static struct host_node *fresh_node(struct opening *o, struct host_file *main)
{
	struct host_node *node = calloc(1, sizeof *node);

	if (!node)
		abort();
	node->name = host_copy_name(o->name, wcslen(o->name));
	node->context = o->context;
	node->index = o->opened.info.index;
	node->directory = o->opened.info.attributes & FILE_ATTRIBUTE_DIRECTORY;
	node->root = node->directory && wcscmp(o->name, L"\\") == 0;
	node->info = o->opened.info;
	node->references = 1;
	InitializeSRWLock(&node->lock);
	InterlockedIncrement(&o->fs->nodes);
	EnterCriticalSection(&o->fs->table_lock);
	if (main) {
		node->main = main->node;
		main->node->references++;
	}
	LeaveCriticalSection(&o->fs->table_lock);
	return node;
}

/* Overwrite is a second request; when it fails, the DLL closes and no cleanup follows. */
static NTSTATUS request_overwrite(struct opening *o, struct host_file *file)
{
	struct host_fs *fs = o->fs;
	struct fsp_file_info info = {0};
	ULONG attributes = o->attributes & ~(ULONG)FILE_ATTRIBUTE_DIRECTORY;
	ULONG now = o->opened.info.attributes;
	NTSTATUS status;

	if (now & ~attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM))
		return STATUS_ACCESS_DENIED;
	if (file->node->directory)
		attributes |= FILE_ATTRIBUTE_DIRECTORY;
	BOOLEAN replace = o->information == FILE_SUPERSEDED;
	AcquireSRWLockExclusive(&file->node->lock);
	host_enter(fs, &file->request, FSP_OVERWRITE);
	if (fs->calls.overwrite_ex)
		status = host_note(fs, SLOT(overwrite_ex),
				   fs->calls.overwrite_ex(
					   &fs->api, file->node->context, attributes, replace, o->allocation,
					   o->extra_is_reparse ? NULL : (struct fsp_ea *)o->extra,
					   o->extra_is_reparse ? 0 : o->extra_size, &info));
	else
		status = host_note(fs, SLOT(overwrite),
				   fs->calls.overwrite(&fs->api, file->node->context, attributes, replace,
						       o->allocation, &info));
	host_leave(fs, &file->request, status);
	if (NT_SUCCESS(status))
		host_learn(fs, file->node, &info, "Overwrite");
	ReleaseSRWLockExclusive(&file->node->lock);
	return status;
}

/* Takes a file that never came to be apart again; the program closes its context. */
static void undo_open(struct host_file *file)
{
	struct host_fs *fs = file->fs;
	struct host_node *node = file->node;

	request_close(fs, node->context);
	EnterCriticalSection(&fs->table_lock);
	node->handle_count--;
	if (--node->open_count == 0 && node->listed)
		host_table_take_out(fs, node);
	host_table_drop(fs, node);
	LeaveCriticalSection(&fs->table_lock);
	free(file);
}

static NTSTATUS driver_complete(struct opening *o, struct host_file *main, struct host_file **result)
{
	struct host_file *file = calloc(1, sizeof *file);

	if (!file)
		abort();
	NTSTATUS status = take_normalized(o);
	if (!NT_SUCCESS(status)) {
		request_close(o->fs, o->context);
		free(file);
		return status;
	}
	file->fs = o->fs;
	file->granted = o->granted;
	file->delete_on_close = o->options & FILE_DELETE_ON_CLOSE;
	file->node = host_table_open(o->fs, fresh_node(o, main), &status);
	if (!file->node) {
		request_close(o->fs, o->context);
		free(file);
		return status;
	}
	if (o->information == FILE_OVERWRITTEN || o->information == FILE_SUPERSEDED) {
		status = request_overwrite(o, file);
		if (!NT_SUCCESS(status)) {
			undo_open(file);
			return status;
		}
	}
	file->main = main;
	*result = file;
	return STATUS_SUCCESS;
}

/* ---- the driver: before the request ----------------------------------------------------------------------
 */

static bool eas_valid(const void *list, ULONG size)
{
	for (ULONG at = 0;;) {
		const struct fsp_ea *one = (const void *)((const UINT8 *)list + at);
		if (size - at < FSP_EA_HEADER + 1 ||
		    FSP_EA_HEADER + one->name_length + 1u + one->value_length > size - at ||
		    one->name_length == 0 || one->name[one->name_length] != 0)
			return false;
		if (one->next == 0)
			return true;
		if (one->next % 4 != 0 ||
		    one->next < FSP_EA_HEADER + one->name_length + 1u + one->value_length ||
		    one->next >= size - at)
			return false;
		at += one->next;
	}
}

static NTSTATUS options_check(struct opening *o)
{
	bool root = wcscmp(o->name, L"\\") == 0;

	if (o->extra && !o->extra_is_reparse && o->options & FILE_NO_EA_KNOWLEDGE)
		return STATUS_ACCESS_DENIED;
	if (o->extra && !o->extra_is_reparse && !eas_valid(o->extra, o->extra_size))
		return STATUS_EA_LIST_INCONSISTENT;
	if (o->options & FILE_NON_DIRECTORY_FILE && o->options & FILE_DIRECTORY_FILE)
		return STATUS_INVALID_PARAMETER;
	if (o->options & FILE_DIRECTORY_FILE && o->attributes & FILE_ATTRIBUTE_TEMPORARY &&
	    (o->disposition == FILE_CREATE || o->disposition == FILE_OPEN_IF))
		return STATUS_INVALID_PARAMETER;
	if (root && ((o->disposition != FILE_OPEN && o->disposition != FILE_OPEN_IF) || o->target_directory))
		return STATUS_ACCESS_DENIED;
	if (root && o->options & FILE_DELETE_ON_CLOSE)
		return STATUS_CANNOT_DELETE;
	return STATUS_SUCCESS;
}

static NTSTATUS name_check(struct opening *o, const WCHAR *name)
{
	size_t keep;
	bool data_type;

	if (wcslen(name) >= NAME_UNITS || !host_name_valid(o->fs, name, &keep, &o->stream_at, &data_type))
		return STATUS_OBJECT_NAME_INVALID;
	memcpy(o->name, name, keep * sizeof *name);
	o->name[keep] = 0;
	if (keep > 1 && o->name[keep - 1] == L'\\') {
		o->trailing_backslash = true;
		o->name[keep - 1] = 0;
	}
	if ((data_type || o->stream_at) && o->options & FILE_DIRECTORY_FILE)
		return STATUS_NOT_A_DIRECTORY;
	if (o->stream_at && o->target_directory)
		return STATUS_OBJECT_NAME_INVALID;
	return STATUS_SUCCESS;
}

static NTSTATUS open_one(struct host_fs *fs, const struct host_open *how, bool main_of_stream,
			 struct host_file **file, struct host_answer *answer);

/* The driver opens (or makes) a stream's file first and keeps it open. */
static NTSTATUS open_main(struct opening *o, struct host_file **main)
{
	WCHAR name[NAME_UNITS];
	struct host_open how = {
		.name = name, .options = FILE_OPEN_REPARSE_POINT, .access = FILE_READ_ATTRIBUTES};
	struct host_answer *answer = malloc(sizeof *answer);

	if (!answer)
		return STATUS_INSUFFICIENT_RESOURCES;
	wcscpy(name, o->name);
	name[o->stream_at] = 0;
	how.disposition =
		o->disposition == FILE_OPEN || o->disposition == FILE_OVERWRITE ? FILE_OPEN : FILE_OPEN_IF;
	how.attributes = o->attributes;
	how.security = o->security;
	NTSTATUS status = open_one(o->fs, &how, true, main, answer);
	free(answer);
	o->security = NULL;
	o->attributes = 0;
	o->extra = NULL;
	o->extra_size = 0;
	o->extra_is_reparse = false;
	return status;
}

static NTSTATUS open_prepared(struct opening *o, const struct host_open *how, struct host_file **file)
{
	struct host_file *main = NULL;

	NTSTATUS status = name_check(o, how->name);
	if (NT_SUCCESS(status))
		status = options_check(o);
	if (!NT_SUCCESS(status))
		return status;
	UINT64 unit = host_unit(o->fs);
	o->allocation = (how->allocation + unit - 1) / unit * unit;
	o->attributes &=
		~(ULONG)(FILE_ATTRIBUTE_NORMAL | FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT);
	if (o->options & FILE_DIRECTORY_FILE)
		o->attributes |= FILE_ATTRIBUTE_DIRECTORY;
	if (!o->main_of_stream)
		AcquireSRWLockShared(&o->fs->rename_lock);
	if (o->stream_at)
		status = open_main(o, &main);
	if (status == STATUS_SUCCESS)
		status = request_create(o);
	if (status == STATUS_SUCCESS)
		status = driver_complete(o, main, file);
	if (!o->main_of_stream)
		ReleaseSRWLockShared(&o->fs->rename_lock);
	if (status != STATUS_SUCCESS && main)
		host_close(main);
	return status;
}

static NTSTATUS open_one(struct host_fs *fs, const struct host_open *how, bool main_of_stream,
			 struct host_file **file, struct host_answer *answer)
{
	struct opening *o = calloc(1, sizeof *o);

	if (!o)
		return STATUS_INSUFFICIENT_RESOURCES;
	o->fs = fs;
	o->name = o->message.name;
	o->disposition = how->disposition;
	o->options = how->options & 0x00ffffffu;
	o->attributes = how->attributes;
	o->desired = how->access;
	o->security = how->security;
	o->extra = how->extra;
	o->extra_size = how->extra_size;
	o->extra_is_reparse = how->extra_is_reparse;
	o->check_traverse = how->check_traverse;
	o->target_directory = how->target_directory;
	o->main_of_stream = main_of_stream;
	o->answer = answer;
	NTSTATUS status = open_prepared(o, how, file);
	answer->information = o->information;
	free(o);
	return status;
}

/* Follows a symbolic link that leads on within the volume; false when it leads out. */
static bool follow(const struct host_answer *answer, WCHAR name[NAME_UNITS])
{
	const struct fsp_reparse *data = &answer->reparse.data;
	size_t units = data->symlink.target_length / sizeof(WCHAR);
	const WCHAR *target = data->symlink.path + data->symlink.target_offset / sizeof(WCHAR);

	if (answer->information != TAG_SYMLINK || !(data->symlink.flags & 1u))
		return false;
	if (units == 0 || units >= NAME_UNITS || target[0] != L'\\')
		return false;
	memmove(name, target, units * sizeof *target);
	name[units] = 0;
	return true;
}

NTSTATUS host_open(struct host_fs *fs, const struct host_open *how, struct host_file **file,
		   struct host_answer *answer)
{
	struct host_answer *own = answer ? answer : calloc(1, sizeof *own);
	WCHAR name[NAME_UNITS];
	struct host_open now = *how;
	NTSTATUS status;

	*file = NULL;
	if (!own)
		return STATUS_INSUFFICIENT_RESOURCES;
	int links = 64;
	do {
		status = open_one(fs, &now, false, file, own);
		now.name = name;
	} while (status == STATUS_REPARSE && links-- > 0 && follow(own, name));
	if (!answer)
		free(own);
	return status;
}

/* ---- the end of a file ------------------------------------------------------------------------------------
 */

/* Decides under the table's lock what the file system is told at cleanup. */
static ULONG cleanup_flags(struct host_file *file)
{
	struct host_node *node = file->node;
	ULONG flags = 0;

	if (file->delete_on_close)
		node->delete_pending = true;
	bool single = node->handle_count == 1;
	if (!node->posix_delete) {
		if (file->posix_delete || (single && node->delete_pending))
			flags |= FSP_CLEANUP_DELETE;
	}
	if (single && !node->delete_pending && node->truncate_on_close)
		flags |= FSP_CLEANUP_ALLOCATION;
	if ((file->modified || file->set_security) && !file->set_attributes)
		flags |= FSP_CLEANUP_ARCHIVE;
	if (!file->set_access)
		flags |= FSP_CLEANUP_ACCESS;
	if (file->modified && !file->set_write)
		flags |= FSP_CLEANUP_WRITE;
	if ((file->modified || file->set_metadata) && !file->set_change)
		flags |= FSP_CLEANUP_CHANGE;
	return flags;
}

static void request_cleanup(struct host_file *file, ULONG flags)
{
	struct host_fs *fs = file->fs;
	WCHAR *name = NULL;

	if (fs->params.flags & FSP_CLEANUP_WHEN_MODIFIED && !(flags & ~FSP_CLEANUP_ACCESS))
		return;
	if (flags & FSP_CLEANUP_DELETE) {
		EnterCriticalSection(&fs->table_lock);
		name = host_copy_name(file->node->name, wcslen(file->node->name));
		LeaveCriticalSection(&fs->table_lock);
	}
	file->request.hint = flags & FSP_CLEANUP_DELETE ? 2 : 0;
	host_enter(fs, &file->request, FSP_CLEANUP);
	host_note(fs, SLOT(cleanup), STATUS_SUCCESS);
	fs->calls.cleanup(&fs->api, file->node->context, name, flags);
	host_leave(fs, &file->request, STATUS_SUCCESS);
	free(name);
}

/* A deleted file leaves the table, and its streams that are cleaned up but not closed with it. */
static void forget_deleted(struct host_file *file)
{
	struct host_fs *fs = file->fs;
	struct host_node *node = file->node;

	if (node->listed)
		host_table_take_out(fs, node);
	node->open_count = 0;
	if (node->main)
		return;
	for (size_t i = 0; i < sizeof fs->table / sizeof *fs->table; i++)
		for (struct host_node *at = fs->table[i], *next; at; at = next) {
			next = at->next;
			if (at->main == node) {
				host_table_take_out(fs, at);
				at->open_count = 0;
			}
		}
}

/* Takes the node's lock and, for a delete, the rename lock before it: an open whose answer is on
 * its way must not meet a node of the same name that was made after the delete. */
static ULONG lock_for_cleanup(struct host_file *file, bool *deletes)
{
	struct host_fs *fs = file->fs;

	*deletes = false;
	for (;;) {
		if (*deletes)
			AcquireSRWLockExclusive(&fs->rename_lock);
		AcquireSRWLockExclusive(&file->node->lock);
		EnterCriticalSection(&fs->table_lock);
		ULONG flags = cleanup_flags(file);
		if (*deletes || !(flags & FSP_CLEANUP_DELETE)) {
			file->node->posix_delete |= file->posix_delete;
			LeaveCriticalSection(&fs->table_lock);
			return flags;
		}
		LeaveCriticalSection(&fs->table_lock);
		ReleaseSRWLockExclusive(&file->node->lock);
		*deletes = true;
	}
}

void host_cleanup(struct host_file *file)
{
	struct host_fs *fs = file->fs;
	struct host_node *node = file->node;
	bool deletes;

	if (file->cleaned)
		return;
	ULONG flags = lock_for_cleanup(file, &deletes);
	request_cleanup(file, flags);
	EnterCriticalSection(&fs->table_lock);
	if (flags & FSP_CLEANUP_DELETE)
		forget_deleted(file);
	if (--node->handle_count == 0)
		node->truncate_on_close = false;
	LeaveCriticalSection(&fs->table_lock);
	ReleaseSRWLockExclusive(&node->lock);
	if (deletes)
		ReleaseSRWLockExclusive(&fs->rename_lock);
	file->cleaned = true;
	if (file->main)
		host_cleanup(file->main);
}

void host_close(struct host_file *file)
{
	struct host_fs *fs = file->fs;
	struct host_node *node = file->node;
	struct host_file *main = file->main;

	host_cleanup(file);
	request_close(fs, node->context);
	EnterCriticalSection(&fs->table_lock);
	if (node->open_count > 0 && --node->open_count == 0 && node->listed)
		host_table_take_out(fs, node);
	host_table_drop(fs, node);
	LeaveCriticalSection(&fs->table_lock);
	free(file);
	if (main)
		host_close(main);
}
