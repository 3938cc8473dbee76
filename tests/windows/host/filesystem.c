/*
 * filesystem.c: the exports that make, mount and run a file system.
 *
 * There is no driver underneath: the dispatcher is a thread that runs the script. What the
 * script then asks for is turned into calls elsewhere.
 */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const slot_names[HOST_SLOTS] = {
	"GetVolumeInfo",
	"SetVolumeLabel",
	"GetSecurityByName",
	"Create",
	"Open",
	"Overwrite",
	"Cleanup",
	"Close",
	"Read",
	"Write",
	"Flush",
	"GetFileInfo",
	"SetBasicInfo",
	"SetFileSize",
	"CanDelete",
	"Rename",
	"GetSecurity",
	"SetSecurity",
	"ReadDirectory",
	"ResolveReparsePoints",
	"GetReparsePoint",
	"SetReparsePoint",
	"DeleteReparsePoint",
	"GetStreamInfo",
	"GetDirInfoByName",
	"Control",
	"SetDelete",
	"CreateEx",
	"OverwriteEx",
	"GetEa",
	"SetEa",
	"Obsolete0",
	"DispatcherStopped",
};

const char *host_slot_name(unsigned slot)
{
	return slot < HOST_SLOTS ? slot_names[slot] : "?";
}

NTSTATUS host_note(struct host_fs *fs, unsigned slot, NTSTATUS status)
{
	InterlockedIncrement64(&fs->count[slot]);
	for (unsigned i = 0; i < HOST_STATUSES; i++) {
		LONG old = fs->seen[slot][i];
		if (old == -1)
			old = InterlockedCompareExchange(&fs->seen[slot][i], status, -1);
		if (old == -1 || old == status)
			break;
	}
	return status;
}

void host_odd(struct host_fs *fs, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (InterlockedIncrement(&fs->oddities) <= 50)
		report_line("odd: %s", text);
}

UINT64 host_unit(const struct host_fs *fs)
{
	return (UINT64)fs->params.sector_size * fs->params.sectors_per_unit;
}

/* A failure that a test run asked for: MEMEFS_HOST_FAIL names the step. */
static bool must_fail(const char *step)
{
	const char *asked = host_setting("MEMEFS_HOST_FAIL");
	return asked && strcmp(asked, step) == 0;
}

/* ---- operation guard and context ------------------------------------------------------------ */

static __thread struct fsp_operation_context operation;

struct fsp_operation_context *host_operation_context(void)
{
	return operation.request ? &operation : NULL;
}

FSP_EXPORT struct fsp_operation_context *FspFileSystemGetOperationContext(void)
{
	return host_operation_context();
}

/* The guard that a file system gets when it does not ask for another: one lock, shared or
 * exclusive by the kind of operation. The kind travels in `hint`. */
enum { GUARD_NONE, GUARD_SHARED, GUARD_EXCLUSIVE };

static UINT64 guard_kind(const struct fsp_request *request)
{
	switch (request->kind) {
	case FSP_CREATE:
		return request->create.options >> 24 == FILE_OPEN ? GUARD_SHARED : GUARD_EXCLUSIVE;
	case FSP_OVERWRITE:
	case FSP_SET_VOLUME:
		return GUARD_EXCLUSIVE;
	case FSP_QUERY_DIRECTORY:
	case FSP_QUERY_VOLUME:
		return GUARD_SHARED;
	default:
		return request->hint;
	}
}

FSP_EXPORT NTSTATUS FspFileSystemOpEnter(fsp_fs *fs, struct fsp_request *request, void *response)
{
	(void)response;
	UINT64 kind = fs->guard_strategy == 1 ? GUARD_EXCLUSIVE : guard_kind(request);
	if (kind == GUARD_EXCLUSIVE)
		AcquireSRWLockExclusive(&fs->guard_lock);
	else if (kind == GUARD_SHARED)
		AcquireSRWLockShared(&fs->guard_lock);
	return STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemOpLeave(fsp_fs *fs, struct fsp_request *request, void *response)
{
	(void)response;
	UINT64 kind = fs->guard_strategy == 1 ? GUARD_EXCLUSIVE : guard_kind(request);
	if (kind == GUARD_EXCLUSIVE)
		ReleaseSRWLockExclusive(&fs->guard_lock);
	else if (kind == GUARD_SHARED)
		ReleaseSRWLockShared(&fs->guard_lock);
	return STATUS_SUCCESS;
}

static const char *kind_name(UINT32 kind)
{
	static const char *const names[FSP_KINDS] = {
		"Reserved",
		"Create",
		"Overwrite",
		"Cleanup",
		"Close",
		"Read",
		"Write",
		"QueryInformation",
		"SetInformation",
		"QueryEa",
		"SetEa",
		"FlushBuffers",
		"QueryVolumeInformation",
		"SetVolumeInformation",
		"QueryDirectory",
		"FileSystemControl",
		"DeviceControl",
		"Shutdown",
		"LockControl",
		"QuerySecurity",
		"SetSecurity",
		"QueryStreamInformation",
	};
	return kind < FSP_KINDS ? names[kind] : "?";
}

void host_enter(struct host_fs *fs, struct fsp_request *request, enum fsp_kind kind)
{
	request->kind = kind;
	operation.request = request;
	operation.response = request;
	if (fs->api.debug_log & (1u << kind))
		FspDebugLog("[TID=%04lx]: %p: >>%s\n", (unsigned long)GetCurrentThreadId(), (void *)request,
			    kind_name(kind));
	if (fs->api.enter)
		fs->api.enter(&fs->api, request, request);
}

void host_leave(struct host_fs *fs, struct fsp_request *request, NTSTATUS status)
{
	if (fs->api.leave)
		fs->api.leave(&fs->api, request, request);
	if (fs->api.debug_log & (1u << request->kind))
		FspDebugLog("[TID=%04lx]: %p: <<%s Status=%lx\n", (unsigned long)GetCurrentThreadId(),
			    (void *)request, kind_name(request->kind), (unsigned long)status);
	operation.request = NULL;
}

FSP_EXPORT void FspFileSystemSetOperationGuardF(fsp_fs *fs, fsp_guard_fn *enter, fsp_guard_fn *leave)
{
	fs->enter = enter;
	fs->leave = leave;
}

FSP_EXPORT void FspFileSystemSetOperationGuardStrategyF(fsp_fs *fs, INT32 strategy)
{
	fs->guard_strategy = strategy;
}

FSP_EXPORT NTSTATUS FspFileSystemEnterOperationF(fsp_fs *fs, struct fsp_request *request, void *response)
{
	return fs->enter ? fs->enter(fs, request, response) : STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemLeaveOperationF(fsp_fs *fs, struct fsp_request *request, void *response)
{
	return fs->leave ? fs->leave(fs, request, response) : STATUS_SUCCESS;
}

FSP_EXPORT void FspFileSystemSetDebugLogF(fsp_fs *fs, UINT32 mask)
{
	fs->debug_log = mask;
}

FSP_EXPORT BOOLEAN FspFileSystemIsOperationCaseSensitiveF(void)
{
	const struct fsp_request *request = operation.request;
	return request &&
	       ((request->kind == FSP_CREATE && request->create.flags & FSP_REQUEST_CASE_SENSITIVE) ||
		(request->kind == FSP_QUERY_DIRECTORY && request->directory.flags & 1u));
}

FSP_EXPORT UINT32 FspFileSystemOperationProcessIdF(void)
{
	return operation.request && operation.request->kind == FSP_CREATE
		       ? (UINT32)(operation.request->create.token >> 32)
		       : 0;
}

FSP_EXPORT void FspFileSystemGetDispatcherResultF(fsp_fs *fs, NTSTATUS *result)
{
	*result = fs->dispatcher_result;
}

FSP_EXPORT void FspFileSystemSetDispatcherResultF(fsp_fs *fs, NTSTATUS result)
{
	if (!NT_SUCCESS(result))
		InterlockedCompareExchange(&fs->dispatcher_result, result, 0);
}

/* ---- life of a file system --------------------------------------------------------------------- */

FSP_EXPORT NTSTATUS FspVersion(UINT32 *version)
{
	*version = (UINT32)host_setting_number("MEMEFS_HOST_VERSION", 2u << 16 | 2u);
	return must_fail("version") ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

FSP_EXPORT WCHAR *FspSxsIdent(void)
{
	return L"";
}

static NTSTATUS params_check(const struct fsp_volume_params *params)
{
	if (params->version != 0 && params->version != 456 && params->version != sizeof *params)
		return STATUS_INVALID_PARAMETER;
	if (params->sector_size == 0 || params->sectors_per_unit == 0)
		return STATUS_INVALID_PARAMETER;
	if (params->flags & FSP_CONTEXT_IS_2 && params->flags & FSP_CONTEXT_IS_FULL)
		return STATUS_INVALID_PARAMETER;
	return STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemPreflight(WCHAR *device, WCHAR *mount_point)
{
	(void)mount_point;
	if (wcscmp(device, L"WinFsp.Disk") != 0 && wcscmp(device, L"WinFsp.Net") != 0)
		return STATUS_NO_SUCH_DEVICE;
	return must_fail("preflight") ? STATUS_NO_SUCH_DEVICE : STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemCreate(WCHAR *device, const struct fsp_volume_params *params,
					const struct fsp_interface *callbacks, fsp_fs **result)
{
	*result = NULL;
	bool network = wcscmp(device, L"WinFsp.Net") == 0;
	if ((!network && wcscmp(device, L"WinFsp.Disk") != 0) || must_fail("create"))
		return STATUS_NO_SUCH_DEVICE;
	NTSTATUS status = params_check(params);
	if (!NT_SUCCESS(status))
		return status;
	if (network && params->prefix[0] == 0)
		return STATUS_INVALID_PARAMETER;

	struct host_fs *fs = calloc(1, sizeof *fs);
	if (!fs)
		return STATUS_INSUFFICIENT_RESOURCES;
	memcpy(&fs->params, params, params->version == sizeof *params ? sizeof *params : 456);
	fs->network = network;
	fs->calls = *callbacks;
	memset((void *)fs->seen, 0xff, sizeof fs->seen);
	InitializeCriticalSection(&fs->table_lock);
	InitializeSRWLock(&fs->rename_lock);
	InitializeSRWLock(&fs->api.guard_lock);
	swprintf(fs->api.volume_name, 256, L"\\Device\\Volume{host-%lx}",
		 (unsigned long)GetCurrentProcessId());
	fs->api.volume_handle = INVALID_HANDLE_VALUE;
	fs->api.enter = FspFileSystemOpEnter;
	fs->api.leave = FspFileSystemOpLeave;
	fs->api.interface_ = callbacks;
	*result = &fs->api;
	return STATUS_SUCCESS;
}

FSP_EXPORT void FspFileSystemRemoveMountPoint(fsp_fs *api)
{
	api->mount_point = NULL;
}

FSP_EXPORT void FspFileSystemDelete(fsp_fs *api)
{
	struct host_fs *fs = (struct host_fs *)api;

	FspFileSystemRemoveMountPoint(api);
	if (fs->script_thread)
		host_odd(fs, "deleted while its dispatcher runs");
	report_finish(fs);
	DeleteCriticalSection(&fs->table_lock);
	free(fs);
}

/* ---- mount points ---------------------------------------------------------------------------------- */

static bool is_drive(const WCHAR *text)
{
	return ((text[0] >= L'A' && text[0] <= L'Z') || (text[0] >= L'a' && text[0] <= L'z')) &&
	       text[1] == L':' && text[2] == 0;
}

/* A directory that is not there yet, in one that is. */
static NTSTATUS directory_check(const WCHAR *path)
{
	WCHAR parent[MAX_PATH];
	const WCHAR *slash = wcsrchr(path, L'\\');

	if (!slash || slash - path >= MAX_PATH)
		return STATUS_OBJECT_NAME_INVALID;
	if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES)
		return STATUS_OBJECT_NAME_COLLISION;
	memcpy(parent, path, (size_t)(slash - path) * sizeof *path);
	parent[slash - path] = 0;
	if (slash > path && parent[slash - path - 1] == L':')
		wcscat(parent, L"\\");
	return GetFileAttributesW(parent) == INVALID_FILE_ATTRIBUTES ? STATUS_OBJECT_PATH_NOT_FOUND
								     : STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemSetMountPointEx(fsp_fs *api, WCHAR *point, void *security)
{
	struct host_fs *fs = (struct host_fs *)api;
	NTSTATUS status = STATUS_SUCCESS;

	(void)security;
	if (api->mount_point)
		return STATUS_INVALID_PARAMETER;
	if (must_fail("mount"))
		return STATUS_OBJECT_NAME_COLLISION;
	if (!point || wcscmp(point, L"*") == 0 || wcscmp(point, L"*:") == 0)
		point = L"Z:";
	else if (wcsncmp(point, L"\\\\.\\", 4) == 0 || wcsncmp(point, L"\\\\?\\", 4) == 0)
		status = is_drive(point + 4) || wcscmp(point + 4, L"*:") == 0 || wcscmp(point + 4, L"*") == 0
				 ? STATUS_SUCCESS
				 : directory_check(point + 4);
	else if (!is_drive(point))
		status = directory_check(point);
	if (!NT_SUCCESS(status))
		return status;
	if (wcslen(point) >= sizeof fs->mount_point / sizeof *fs->mount_point)
		return STATUS_OBJECT_NAME_INVALID;
	wcscpy(fs->mount_point, point);
	api->mount_point = fs->mount_point;
	return STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemSetMountPoint(fsp_fs *api, WCHAR *point)
{
	return FspFileSystemSetMountPointEx(api, point, NULL);
}

FSP_EXPORT WCHAR *FspFileSystemMountPointF(fsp_fs *api)
{
	return api->mount_point;
}

/* ---- dispatcher ---------------------------------------------------------------------------------- */

static DWORD WINAPI script_main(void *context)
{
	struct host_fs *fs = context;

	if (script_run(fs))
		host_stop_service();
	return 0;
}

FSP_EXPORT NTSTATUS FspFileSystemStartDispatcher(fsp_fs *api, ULONG threads)
{
	struct host_fs *fs = (struct host_fs *)api;

	if (fs->script_thread)
		return STATUS_INVALID_PARAMETER;
	if (must_fail("dispatcher"))
		return STATUS_INSUFFICIENT_RESOURCES;
	api->dispatcher_threads = threads;
	fs->script_thread = CreateThread(NULL, 0, script_main, fs, 0, NULL);
	if (!fs->script_thread)
		return FspNtStatusFromWin32(GetLastError());
	api->dispatcher_thread = fs->script_thread;
	return STATUS_SUCCESS;
}

FSP_EXPORT void FspFileSystemStopDispatcher(fsp_fs *api)
{
	struct host_fs *fs = (struct host_fs *)api;

	if (!fs->script_thread)
		return;
	InterlockedExchange(&fs->stopping, 1);
	Sleep(1000 * (DWORD)host_setting_number("MEMEFS_HOST_STOP_SECONDS", 0)); /* as one request may take */
	WaitForSingleObject(fs->script_thread, INFINITE);
	CloseHandle(fs->script_thread);
	fs->script_thread = NULL;
	api->dispatcher_thread = NULL;
	if (fs->calls.dispatcher_stopped) {
		InterlockedIncrement64(&fs->count[SLOT(dispatcher_stopped)]);
		fs->calls.dispatcher_stopped(api, TRUE);
	}
}

/* Nobody listens for changes here: the messages are only checked for their shape. */
FSP_EXPORT NTSTATUS FspFileSystemNotifyBegin(fsp_fs *api, ULONG timeout)
{
	(void)api, (void)timeout;
	return STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemNotifyEnd(fsp_fs *api)
{
	(void)api;
	return STATUS_SUCCESS;
}

FSP_EXPORT NTSTATUS FspFileSystemNotify(fsp_fs *api, struct fsp_notify_info *list, SIZE_T size)
{
	(void)api;
	SIZE_T at = 0;
	while (at + sizeof *list <= size) {
		const struct fsp_notify_info *one = (const void *)((const UINT8 *)list + at);
		if (one->size < sizeof *one || one->size > size - at)
			return STATUS_INVALID_PARAMETER;
		at += (one->size + 7u) & ~(SIZE_T)7u;
	}
	return STATUS_SUCCESS;
}
