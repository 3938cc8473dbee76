/*
 * exports.c: the exports that make and mount a file system, and that fill its lists.
 */
#include "bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

NTSTATUS __stdcall FspVersion(UINT32 *version)
{
	*version = WFS_VERSION(2, 2);
	return STATUS_SUCCESS;
}

static bool is_device(const WCHAR *device)
{
	static const char *const known[] = {"WinFsp.Disk", "WinFsp.Net"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t at = 0;
		while (known[i][at] != '\0' && device[at] == (WCHAR)known[i][at])
			at++;
		if (known[i][at] == '\0' && device[at] == 0)
			return true;
	}
	return false;
}

NTSTATUS __stdcall FspFileSystemPreflight(WCHAR *device, WCHAR *mount_point)
{
	(void)mount_point;
	return is_device(device) ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}

/* ---- making and unmaking ----------------------------------------------------------------------- */

/* What stands for WinFsp's own guard until the program puts its own in its place, or none. */
static NTSTATUS WFS_CALL default_guard(struct wfs_file_system *fs, struct wfs_request *request,
				       struct wfs_response *response)
{
	(void)fs, (void)request, (void)response;
	return STATUS_NOT_IMPLEMENTED;
}

static void init_locks(struct bridge *bridge)
{
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	/* Else a rename never gets its turn while names are looked up all the time. */
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&bridge->tree, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	pthread_mutex_init(&bridge->table_lock, NULL);
}

NTSTATUS __stdcall FspFileSystemCreate(WCHAR *device, const struct wfs_volume_params *params,
				       const struct wfs_interface *interface_, struct wfs_file_system **fs)
{
	*fs = NULL;
	if (!is_device(device))
		return STATUS_NO_SUCH_DEVICE;
	if (params->version != sizeof *params || params->sector_size == 0 ||
	    params->sectors_per_allocation_unit == 0 || params->max_component_length > WFS_COMPONENT_UNITS)
		return STATUS_INVALID_PARAMETER;
	struct bridge *bridge = calloc(1, sizeof *bridge);
	if (bridge == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	bridge->params = *params;
	bridge->calls = *interface_;
	bridge->insensitive = !(params->flags & WFS_CASE_SENSITIVE_SEARCH);
	bridge->cached = getenv("MEMEFS_BRIDGE_CACHED") != NULL;
	bridge->device = bridge->stop_signal = -1;
	init_locks(bridge);
	InitializeSRWLock(&bridge->api.guard_lock);
	bridge->api.version = sizeof bridge->api;
	bridge->api.volume_handle = INVALID_HANDLE_VALUE;
	bridge->api.interface_ = interface_;
	bridge->api.enter = default_guard;
	bridge->api.leave = default_guard;
	*fs = &bridge->api;
	return STATUS_SUCCESS;
}

void __stdcall FspFileSystemDelete(struct wfs_file_system *fs)
{
	struct bridge *bridge = (struct bridge *)fs;
	if (bridge->thread_count != 0)
		bridge_odd("FspFileSystemDelete before FspFileSystemStopDispatcher");
	/* Nodes that the kernel had no time to forget stay: the process ends. */
	pthread_rwlock_destroy(&bridge->tree);
	pthread_mutex_destroy(&bridge->table_lock);
	free(bridge);
}

/* The Windows mount point is only remembered: the Linux directory is what is mounted on. */
NTSTATUS __stdcall FspFileSystemSetMountPoint(struct wfs_file_system *fs, WCHAR *mount_point)
{
	struct bridge *bridge = (struct bridge *)fs;
	static const WCHAR any[] = {'Z', ':', 0};
	const WCHAR *point = mount_point != NULL ? mount_point : any;
	size_t units = text_units(point);
	if (fs->mount_point != NULL)
		return STATUS_INVALID_PARAMETER;
	if (units >= sizeof bridge->mount_point / sizeof *point)
		return STATUS_OBJECT_NAME_INVALID;
	memcpy(bridge->mount_point, point, (units + 1) * sizeof *point);
	fs->mount_point = bridge->mount_point;
	return STATUS_SUCCESS;
}

void __stdcall FspFileSystemRemoveMountPoint(struct wfs_file_system *fs)
{
	fs->mount_point = NULL;
}

/* ---- serving -------------------------------------------------------------------------------------- */

static unsigned thread_count(ULONG asked)
{
	const char *setting = getenv("MEMEFS_BRIDGE_THREADS");
	unsigned long count = setting != NULL ? strtoul(setting, NULL, 10) : asked != 0 ? asked : 8;
	return count < 1 ? 1 : count > BRIDGE_THREADS ? BRIDGE_THREADS : (unsigned)count;
}

NTSTATUS __stdcall FspFileSystemStartDispatcher(struct wfs_file_system *fs, ULONG threads)
{
	struct bridge *bridge = (struct bridge *)fs;
	bridge->directory = getenv("MEMEFS_BRIDGE_MOUNT");
	if (bridge->directory == NULL) {
		dprintf(2, "bridge: MEMEFS_BRIDGE_MOUNT names no directory\n");
		return STATUS_INVALID_PARAMETER;
	}
	if (fs->enter == default_guard || fs->leave == default_guard) {
		dprintf(2, "bridge: the program relies on WinFsp's guard\n");
		return STATUS_NOT_SUPPORTED;
	}
	int error = session_start(bridge, thread_count(threads));
	if (error == 0)
		return STATUS_SUCCESS;
	dprintf(2, "bridge: mounting on %s: %s\n", bridge->directory, strerror(error));
	return error == EBUSY ? STATUS_OBJECT_NAME_COLLISION : STATUS_UNSUCCESSFUL;
}

void __stdcall FspFileSystemStopDispatcher(struct wfs_file_system *fs)
{
	session_stop((struct bridge *)fs);
}

/* ---- lists in buffers --------------------------------------------------------------------------------- */

/* Every entry begins with its size in 16 bits and is padded to 8; a lone size of 0 ends the list. */
static BOOLEAN add(const void *entry, void *buffer, ULONG room, ULONG *used)
{
	UINT16 end = 0, size = sizeof end;
	ULONG padded = sizeof end;
	if (entry != NULL) {
		memcpy(&size, entry, sizeof size);
		padded = (size + 7u) & ~7u;
	}
	if (*used > room || padded > room - *used)
		return FALSE;
	memcpy((char *)buffer + *used, entry != NULL ? entry : &end, size);
	*used += padded;
	return TRUE;
}

BOOLEAN __stdcall FspFileSystemAddDirInfo(struct wfs_dir_info *entry, void *buffer, ULONG room, ULONG *used)
{
	return add(entry, buffer, room, used);
}

BOOLEAN __stdcall FspFileSystemAddStreamInfo(struct wfs_stream_info *entry, void *buffer, ULONG room,
					     ULONG *used)
{
	return add(entry, buffer, room, used);
}

/* ---- what Linux programs have no use for ------------------------------------------------------------------
 */

NTSTATUS __stdcall FspFileSystemResolveReparsePoints(struct wfs_file_system *fs,
						     wfs_reparse_by_name_fn *by_name, void *context,
						     WCHAR *path, UINT32 index, BOOLEAN resolve_last,
						     IO_STATUS_BLOCK *status, void *buffer, SIZE_T *size)
{
	(void)fs, (void)by_name, (void)context, (void)path, (void)index, (void)resolve_last, (void)status;
	(void)buffer, (void)size;
	bridge_odd("FspFileSystemResolveReparsePoints was called, though Linux follows links itself");
	return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS __stdcall FspSetSecurityDescriptor(PSECURITY_DESCRIPTOR input, SECURITY_INFORMATION what,
					    PSECURITY_DESCRIPTOR change, PSECURITY_DESCRIPTOR *output)
{
	(void)input, (void)what, (void)change, (void)output;
	bridge_odd("FspSetSecurityDescriptor was called, though nobody sets security");
	return STATUS_NOT_IMPLEMENTED;
}

void __stdcall FspDeleteSecurityDescriptor(PSECURITY_DESCRIPTOR descriptor, void *made_by)
{
	(void)descriptor, (void)made_by;
	bridge_odd("FspDeleteSecurityDescriptor was called, though no descriptor was made");
}
