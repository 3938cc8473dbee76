/*
 * check.c: the runner of the cases and the short ways they use.
 */
#include "check.h"

#include <shellapi.h>
#include <stdarg.h>

/* ---- paths and expectations -------------------------------------------------------------------- */

const WCHAR *in_format(struct check *c, const WCHAR *format, ...)
{
	WCHAR *path = c->paths[c->turn++ % 8];
	va_list arguments;

	wcscpy(path, c->home);
	wcscat(path, L"\\");
	va_start(arguments, format);
	vswprintf(path + wcslen(path), 1000, format, arguments);
	va_end(arguments);
	return path;
}

const WCHAR *in(struct check *c, const WCHAR *name)
{
	WCHAR *path = c->paths[c->turn++ % 8];

	wcscpy(path, c->home);
	wcscat(path, L"\\");
	wcscat(path, name);
	return path;
}

bool want(NTSTATUS got, NTSTATUS wanted, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return got == wanted ? report_check(true, "%s", text)
			     : report_check(false, "%s (got %08lX, not %08lX)", text, (unsigned long)got,
					    (unsigned long)wanted);
}

bool want_number(UINT64 got, UINT64 wanted, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return got == wanted ? report_check(true, "%s", text)
			     : report_check(false, "%s (got %llu, not %llu)", text, got, wanted);
}

/* ---- opening ------------------------------------------------------------------------------------- */

struct host_file *opened(struct check *c, const WCHAR *name, ULONG disposition, ULONG options)
{
	struct host_open how = {.name = name, .disposition = disposition, .options = options};
	struct host_file *file;

	NTSTATUS status = host_open(c->fs, &how, &file, NULL);
	if (status == STATUS_SUCCESS)
		return file;
	report_check(false, "opening %ls: %08lX", name, (unsigned long)status);
	return NULL;
}

struct host_file *made_file(struct check *c, const WCHAR *name)
{
	return opened(c, name, FILE_CREATE, FILE_NON_DIRECTORY_FILE);
}

struct host_file *made_directory(struct check *c, const WCHAR *name)
{
	return opened(c, name, FILE_CREATE, FILE_DIRECTORY_FILE);
}

struct host_file *existing(struct check *c, const WCHAR *name)
{
	return opened(c, name, FILE_OPEN, 0);
}

void shut(struct host_file *file)
{
	if (file)
		host_close(file);
}

void make_file(struct check *c, const WCHAR *name)
{
	shut(made_file(c, name));
}

void make_directory(struct check *c, const WCHAR *name)
{
	shut(made_directory(c, name));
}

void make_filled(struct check *c, const WCHAR *name, const char *text)
{
	struct host_file *file = made_file(c, name);

	put_text(file, 0, text);
	shut(file);
}

NTSTATUS try_open(struct check *c, const WCHAR *name, ULONG disposition, ULONG options)
{
	struct host_open how = {.name = name, .disposition = disposition, .options = options};
	struct host_file *file;

	NTSTATUS status = host_open(c->fs, &how, &file, NULL);
	shut(file);
	return status;
}

bool exists(struct check *c, const WCHAR *name)
{
	return try_open(c, name, FILE_OPEN, FILE_OPEN_REPARSE_POINT) == STATUS_SUCCESS;
}

NTSTATUS delete_path(struct host_fs *fs, const WCHAR *name)
{
	struct host_open how = {.name = name, .disposition = FILE_OPEN, .options = FILE_OPEN_REPARSE_POINT};
	struct host_file *file;

	NTSTATUS status = host_open(fs, &how, &file, NULL);
	if (status != STATUS_SUCCESS)
		return status;
	status = host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX | HOST_DELETE_READONLY);
	host_close(file);
	return status;
}

void delete_tree(struct host_fs *fs, const WCHAR *name)
{
	struct host_open how = {.name = name, .disposition = FILE_OPEN, .options = FILE_OPEN_REPARSE_POINT};
	struct host_listing listing;
	struct host_file *file;

	if (host_open(fs, &how, &file, NULL) != STATUS_SUCCESS)
		return;
	struct fsp_file_info info = info_of(file);
	bool tree = info.attributes & FILE_ATTRIBUTE_DIRECTORY &&
		    !(info.attributes & FILE_ATTRIBUTE_REPARSE_POINT);
	NTSTATUS status = tree ? host_list(file, HOST_LIST_MAX, &listing) : STATUS_UNSUCCESSFUL;
	host_close(file);
	if (status == STATUS_SUCCESS) {
		for (unsigned i = 0; i < listing.count; i++) {
			WCHAR path[1400];
			if (wcscmp(listing.entries[i].name, L".") == 0 ||
			    wcscmp(listing.entries[i].name, L"..") == 0)
				continue;
			swprintf(path, 1400, L"%ls\\%ls", name, listing.entries[i].name);
			delete_tree(fs, path);
		}
		host_listing_free(&listing);
	}
	delete_path(fs, name);
}

/* ---- data ---------------------------------------------------------------------------------------------- */

bool put(struct host_file *file, UINT64 offset, const void *data, ULONG size)
{
	ULONG done;
	return file && host_write(file, offset, data, size, &done) == STATUS_SUCCESS && done == size;
}

void put_text(struct host_file *file, UINT64 offset, const char *text)
{
	if (!put(file, offset, text, (ULONG)strlen(text)))
		report_check(false, "writing \"%.20s\"", text);
}

bool holds(struct host_file *file, UINT64 offset, const void *data, ULONG size)
{
	UINT8 *buffer = malloc(size + 1);
	ULONG done = 0;

	bool same = file && buffer && host_read(file, offset, buffer, size, &done) == STATUS_SUCCESS &&
		    done == size && memcmp(buffer, data, size) == 0;
	free(buffer);
	return same;
}

bool holds_text(struct host_file *file, UINT64 offset, const char *text)
{
	return holds(file, offset, text, (ULONG)strlen(text));
}

bool holds_byte(struct host_file *file, UINT64 offset, UINT64 size, UINT8 byte)
{
	static const ULONG step = 65536;
	UINT8 *buffer = malloc(step);
	bool same = buffer != NULL;

	for (UINT64 at = 0; same && at < size; at += step) {
		ULONG length = size - at < step ? (ULONG)(size - at) : step, done = 0;
		same = host_read(file, offset + at, buffer, length, &done) == STATUS_SUCCESS &&
		       done == length;
		for (ULONG i = 0; same && i < length; i++)
			same = buffer[i] == byte;
	}
	free(buffer);
	return same;
}

struct fsp_file_info info_of(struct host_file *file)
{
	struct fsp_file_info info = {0};

	if (!file || host_info(file, &info) != STATUS_SUCCESS)
		report_check(false, "file information");
	return info;
}

UINT64 bytes_used(struct host_fs *fs)
{
	struct fsp_volume_info info;

	return host_volume(fs, &info) == STATUS_SUCCESS ? info.total - info.free : UINT64_MAX;
}

UINT64 now_100ns(void)
{
	FILETIME time;

	GetSystemTimeAsFileTime(&time);
	return (UINT64)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

/* ---- reparse data, EAs, streams ------------------------------------------------------------------------ */

SIZE_T symlink_data(void *to, const WCHAR *target, bool relative)
{
	struct fsp_reparse *data = to;
	USHORT bytes = (USHORT)(wcslen(target) * sizeof *target);

	memset(data, 0, sizeof *data);
	data->tag = TAG_SYMLINK;
	data->data_length = (USHORT)(12 + bytes * 2);
	data->symlink.target_length = data->symlink.print_length = data->symlink.print_offset = bytes;
	data->symlink.flags = relative;
	memcpy(data->symlink.path, target, bytes);
	memcpy((UINT8 *)data->symlink.path + bytes, target, bytes);
	return FSP_REPARSE_HEADER + data->data_length;
}

SIZE_T guid_data(void *to, ULONG tag, UINT8 guid, const void *bytes, USHORT size)
{
	struct fsp_reparse_guid *data = to;

	memset(data, 0, FSP_REPARSE_GUID_HEADER);
	data->tag = tag;
	data->data_length = size;
	memset(&data->guid, guid, sizeof data->guid);
	if (size > 0)
		memcpy(data->data, bytes, size);
	return FSP_REPARSE_GUID_HEADER + size;
}

void make_symlink(struct check *c, const WCHAR *name, const WCHAR *target, bool directory)
{
	UINT8 data[4096];
	struct host_file *file = directory ? made_directory(c, name) : made_file(c, name);

	SIZE_T size = symlink_data(data, target, target[0] != L'\\' || target[1] != L'?');
	if (file && host_set_reparse(file, data, size) != STATUS_SUCCESS)
		report_check(false, "making the link %ls", name);
	shut(file);
}

void add_ea(void *list, ULONG *used, const char *name, const void *value, USHORT size, UINT8 flags)
{
	UINT8 *bytes = list;
	ULONG at = (*used + 3) & ~3u;

	if (*used > 0) {
		ULONG last = 0;
		while (((struct fsp_ea *)(bytes + last))->next)
			last += ((struct fsp_ea *)(bytes + last))->next;
		((struct fsp_ea *)(bytes + last))->next = at - last;
	}
	struct fsp_ea *ea = (void *)(bytes + at);
	ea->next = 0;
	ea->flags = flags;
	ea->name_length = (UCHAR)strlen(name);
	ea->value_length = size;
	memcpy(ea->name, name, strlen(name) + 1);
	if (size > 0)
		memcpy(ea->name + ea->name_length + 1, value, size);
	*used = at + FSP_EA_HEADER + ea->name_length + 1u + size;
}

int ea_value(struct host_file *file, const char *name, void *value, unsigned capacity)
{
	UINT8 *list = malloc(FSP_RESPONSE_BUFFER_MAX);
	ULONG size = 0, at = 0;
	int found = -1;

	if (list && file && host_ea(file, list, FSP_RESPONSE_BUFFER_MAX, &size) == STATUS_SUCCESS)
		while (at + FSP_EA_HEADER < size && found < 0) {
			struct fsp_ea *ea = (void *)(list + at);
			if (_stricmp(ea->name, name) == 0) {
				found = ea->value_length;
				if (value)
					memcpy(value, ea->name + ea->name_length + 1,
					       ea->value_length < capacity ? ea->value_length : capacity);
			}
			if (ea->next == 0)
				break;
			at += ea->next;
		}
	free(list);
	return found;
}

/* Walks the stream list; `name` NULL counts. */
static INT64 walk_streams(struct host_file *file, const WCHAR *name)
{
	UINT8 *list = malloc(FSP_RESPONSE_BUFFER_MAX);
	ULONG size = 0, at = 0;
	INT64 count = 0, found = -1;

	if (list && file && host_streams(file, list, FSP_RESPONSE_BUFFER_MAX, &size) == STATUS_SUCCESS)
		while (at + 2 <= size) {
			const struct fsp_stream_info *one = (const void *)(list + at);
			UINT16 bytes;
			memcpy(&bytes, one, 2);
			if (bytes == 0)
				break;
			unsigned units = (unsigned)((bytes - sizeof *one) / 2);
			if (name && wcslen(name) == units && memcmp(name, one->name, units * 2) == 0)
				found = (INT64)one->stream_size;
			count++;
			at += (bytes + 7u) & ~7u;
		}
	free(list);
	return name ? found : count;
}

int stream_count(struct host_file *file)
{
	return (int)walk_streams(file, NULL);
}

INT64 stream_size(struct host_file *file, const WCHAR *name)
{
	return walk_streams(file, name);
}

/* ---- running
 * ----------------------------------------------------------------------------------------------- */

static UINT64 size_with_suffix(const WCHAR *text)
{
	WCHAR *end;
	UINT64 size = _wcstoui64(text, &end, 0);

	switch (*end) {
	case L'k':
	case L'K':
		return size << 10;
	case L'm':
	case L'M':
		return size << 20;
	case L'g':
	case L'G':
		return size << 30;
	default:
		return size;
	}
}

struct check_mode check_mode_now(void)
{
	struct check_mode mode = {0};
	int count = 0;
	WCHAR **arguments = CommandLineToArgvW(GetCommandLineW(), &count);

	for (int i = 1; arguments && i < count; i++) {
		mode.insensitive |= wcscmp(arguments[i], L"-i") == 0;
		mode.flush |= wcscmp(arguments[i], L"-f") == 0;
		if (wcscmp(arguments[i], L"-n") == 0 && i + 1 < count)
			mode.nodes = size_with_suffix(arguments[i + 1]);
		if (wcscmp(arguments[i], L"-s") == 0 && i + 1 < count && !wcschr(arguments[i + 1], L'%')) {
			mode.limited = true;
			mode.limit = size_with_suffix(arguments[i + 1]);
		}
	}
	LocalFree(arguments);
	return mode;
}

/* Every callback that a case claims to be about was called meanwhile. */
static void check_claims(struct host_fs *fs, const char *claimed, const LONG64 before[HOST_SLOTS])
{
	char names[300];

	snprintf(names, sizeof names, "%s", claimed);
	for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
		unsigned slot = 0;
		while (slot < HOST_SLOTS && strcmp(host_slot_name(slot), name) != 0)
			slot++;
		if (slot == HOST_SLOTS || fs->count[slot] == before[slot])
			report_check(false, "calls %s", name);
	}
}

static void run_case(struct check *c, const struct check_case *one, unsigned number)
{
	LONG64 before[HOST_SLOTS];
	struct host_fs *fs = c->fs;

	report_case(one->name);
	for (unsigned i = 0; i < HOST_SLOTS; i++)
		before[i] = fs->count[i];
	UINT64 used = bytes_used(fs);
	LONG odd = fs->oddities;
	swprintf(c->home, 32, L"\\case%u", number);
	shut(made_directory(c, c->home));
	one->run(c);
	delete_tree(fs, c->home);
	yes(bytes_used(fs) == used && fs->opened == fs->closed && fs->oddities == odd,
	    "every byte and context comes back (%lld bytes, %lld contexts, %ld oddities)",
	    (long long)(bytes_used(fs) - used), (long long)(fs->opened - fs->closed),
	    (long)(fs->oddities - odd));
	check_claims(fs, one->callbacks, before);
}

void checks_run(struct host_fs *fs)
{
	static const struct check_case *const tables[] = {
		volume_cases, create_cases, open_cases,	  data_cases, info_cases,     delete_cases,
		rename_cases, list_cases,   stream_cases, ea_cases,   security_cases, reparse_cases,
	};
	const char *only = host_setting("MEMEFS_HOST_ONLY");
	struct check *c = calloc(1, sizeof *c);
	unsigned number = 0;

	if (!c)
		abort();
	c->fs = fs;
	c->mode = check_mode_now();
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct check_case *one = tables[i]; one->name && !fs->stopping; one++, number++)
			if (!only || strstr(one->name, only))
				run_case(c, one, number);
	free(c);
}
