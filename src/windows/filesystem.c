/*
 * filesystem.c: volume parameters, mounting, and the threads that serve.
 */
#include "filesystem.h"

#include <sddl.h>
#include <string.h>

#include "info.h"
#include "loader.h"
#include "options.h"
#include "text.h"

#define DEFAULT_ROOT_SDDL "O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)"
#define DEFAULT_FILE_SYSTEM_NAME "MEMEFS"

static void WFS_CALL dispatcher_stopped(struct wfs_file_system *fs, BOOLEAN normally)
{
	/* The driver may go away on its own (WinFsp uninstalled): then the program ends too. */
	const struct wfs_api *api = front_of(fs)->api;
	if (api->stop_service_if_necessary)
		api->stop_service_if_necessary(fs, normally);
}

static const struct wfs_interface callbacks = {
	.get_volume_info = front_get_volume_info,
	.set_volume_label = front_set_volume_label,
	.get_security_by_name = front_get_security_by_name,
	.create = front_create,
	.open = front_open,
	.overwrite = front_overwrite,
	.cleanup = front_cleanup,
	.close = front_close,
	.read = front_read,
	.write = front_write,
	.flush = front_flush,
	.get_file_info = front_get_file_info,
	.set_basic_info = front_set_basic_info,
	.set_file_size = front_set_file_size,
	.can_delete = front_can_delete,
	.rename = front_rename,
	.get_security = front_get_security,
	.set_security = front_set_security,
	.read_directory = front_read_directory,
	.resolve_reparse_points = front_resolve_reparse_points,
	.get_reparse_point = front_get_reparse_point,
	.set_reparse_point = front_set_reparse_point,
	.delete_reparse_point = front_delete_reparse_point,
	.get_stream_info = front_get_stream_info,
	.get_dir_info_by_name = front_get_dir_info_by_name,
	.control = front_control,
	.set_delete = front_set_delete,
	.create_ex = front_create_ex,
	.overwrite_ex = front_overwrite_ex,
	.get_ea = front_get_ea,
	.set_ea = front_set_ea,
	.dispatcher_stopped = dispatcher_stopped,
};

/* ---- the volume -------------------------------------------------------------------------- */

static NTSTATUS create_volume(const struct wfs_api *api, const struct cli_options *options,
			      struct mfs_volume **volume)
{
	const char *sddl = options->root_sddl ? options->root_sddl : DEFAULT_ROOT_SDDL;
	PSECURITY_DESCRIPTOR security = NULL;
	ULONG security_size = 0;
	WCHAR wide[4096];
	if (!text_to_wide(sddl, wide, sizeof wide / sizeof wide[0]) ||
	    !ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, &security,
								  &security_size)) {
		text_log(api, EVENTLOG_ERROR_TYPE, "-S: '%s' is not a security descriptor in SDDL.", sddl);
		return STATUS_INVALID_PARAMETER;
	}
	struct mfs_options how = {0};
	cli_volume_options(options, &how);
	how.size_is_promise = true; /* SetFileSize must not succeed when the space is not there */
	how.order = MFS_BY_NAME;    /* listings go on behind a name */
	how.unicode_names = true;   /* as long as NTFS's */
	how.root_security = security;
	how.root_security_size = security_size;
	enum mfs_status status = mfs_volume_create(&how, volume);
	LocalFree(security);
	if (status == MFS_OK)
		return STATUS_SUCCESS;
	text_log(api, EVENTLOG_ERROR_TYPE, "The volume cannot be made: %s.", mfs_status_text(status));
	return STATUS_INSUFFICIENT_RESOURCES;
}

/*
 * Every change passes through the driver, which then forgets what it knew of the file or the
 * directory. So what it knows never gets old by itself, and all but one of the timeouts are
 * endless (which also lets Windows cache data). The free space is what files elsewhere on the
 * volume, and other programs on the machine, leave: it is asked for every time.
 */
static void set_timeouts(const struct cli_options *options, struct wfs_volume_params *params)
{
	UINT32 timeout = options->timeout_given ? options->timeout : WFS_TIMEOUT_NEVER;
	params->file_info_timeout = timeout;
	params->dir_info_timeout = timeout;
	params->security_timeout = timeout;
	params->stream_info_timeout = timeout;
	params->ea_timeout = timeout;
	params->volume_info_timeout = 0;
	params->valid = WFS_VOLUME_INFO_TIMEOUT_VALID | WFS_DIR_INFO_TIMEOUT_VALID |
			WFS_SECURITY_TIMEOUT_VALID | WFS_STREAM_INFO_TIMEOUT_VALID | WFS_EA_TIMEOUT_VALID;
}

static NTSTATUS fill_params(const struct wfs_api *api, const struct cli_options *options,
			    const struct mfs_volume *volume, struct wfs_volume_params *params)
{
	const char *name = options->filesystem_name ? options->filesystem_name : DEFAULT_FILE_SYSTEM_NAME;
	memset(params, 0, sizeof *params);
	params->version = sizeof *params;
	params->sector_size = MFS_SECTOR;
	params->sectors_per_allocation_unit = (UINT16)(mfs_volume_unit(volume) / MFS_SECTOR);
	params->max_component_length = WFS_COMPONENT_UNITS;
	params->volume_creation_time = info_now();
	params->volume_serial_number = mfs_volume_serial(volume);
	set_timeouts(options, params);
	params->flags = WFS_CASE_PRESERVED_NAMES | WFS_UNICODE_ON_DISK | WFS_PERSISTENT_ACLS |
			WFS_REPARSE_POINTS | WFS_NAMED_STREAMS | WFS_EXTENDED_ATTRIBUTES |
			WFS_POST_CLEANUP_WHEN_MODIFIED_ONLY | WFS_PASS_QUERY_DIRECTORY_FILE_NAME |
			WFS_DEVICE_CONTROL | WFS_ALLOW_OPEN_IN_KERNEL_MODE | WFS_WSL_FEATURES |
			WFS_REJECT_IRP_PRIOR_TO_TRANSACT0 | WFS_SUPPORTS_POSIX_UNLINK_RENAME |
			WFS_POST_DISPOSITION_WHEN_NECESSARY_ONLY;
	if (!options->case_insensitive)
		params->flags |= WFS_CASE_SENSITIVE_SEARCH;
	if (options->flush_and_purge)
		params->flags |= WFS_FLUSH_AND_PURGE_ON_CLEANUP;
	if (options->read_only)
		params->flags |= WFS_READ_ONLY_VOLUME;
	if (!text_to_wide(name, params->file_system_name, WFS_FSNAME_UNITS)) {
		text_log(api, EVENTLOG_ERROR_TYPE, "-F: '%s' has more than %d characters.", name,
			 WFS_FSNAME_UNITS - 1);
		return STATUS_INVALID_PARAMETER;
	}
	if (options->volume_prefix &&
	    !text_to_wide(options->volume_prefix, params->prefix, WFS_PREFIX_UNITS)) {
		text_log(api, EVENTLOG_ERROR_TYPE,
			 "-u: '%.40s...' is too long: a prefix has at most %d characters.",
			 options->volume_prefix, WFS_PREFIX_UNITS - 1);
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

/* ---- WinFsp's side --------------------------------------------------------------------------- */

static NTSTATUS create_file_system(struct filesystem *filesystem, const struct cli_options *options)
{
	struct front *front = &filesystem->front;
	const struct wfs_api *api = front->api;
	struct wfs_volume_params params;
	WCHAR disk[] = WFS_DISK_DEVICE, net[] = WFS_NET_DEVICE;
	NTSTATUS result = fill_params(api, options, front->volume, &params);
	if (result != STATUS_SUCCESS)
		return result;
	struct wfs_file_system *fs = NULL;
	result = api->create(options->volume_prefix ? net : disk, &params, &callbacks, &fs);
	if (result < 0) {
		text_log(api, EVENTLOG_ERROR_TYPE, "WinFsp cannot create the file system (status %lx)%s.",
			 result, result == STATUS_NO_SUCH_DEVICE ? ": its driver is not running" : "");
		return result;
	}
	fs->user_context = front;
	fs->enter = guard_enter;
	fs->leave = guard_leave;
	fs->debug_log = options->debug_flags;
	front->fs = fs;
	return STATUS_SUCCESS;
}

static NTSTATUS open_debug_log(struct filesystem *filesystem, const struct cli_options *options)
{
	const struct wfs_api *api = filesystem->front.api;
	WCHAR path[WFS_PATH_UNITS];
	if (!options->debug_log)
		return STATUS_SUCCESS;
	if (strcmp(options->debug_log, "-") == 0) {
		api->debug_log_set_handle(GetStdHandle(STD_ERROR_HANDLE));
		return STATUS_SUCCESS;
	}
	HANDLE file = INVALID_HANDLE_VALUE;
	if (text_to_wide(options->debug_log, path, WFS_PATH_UNITS))
		file = CreateFileW(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
				   OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	if (file == INVALID_HANDLE_VALUE) {
		text_log(api, EVENTLOG_ERROR_TYPE, "-D: '%s' cannot be opened (error %lu).",
			 options->debug_log, GetLastError());
		return STATUS_INVALID_PARAMETER;
	}
	filesystem->debug_log = file;
	api->debug_log_set_handle(file);
	return STATUS_SUCCESS;
}

static const char *mount_hint(NTSTATUS status)
{
	switch (status) {
	case STATUS_OBJECT_NAME_COLLISION:
		return ": it is in use";
	case STATUS_ACCESS_DENIED:
		return ": \\\\.\\X: needs an administrator or a service";
	case STATUS_NO_SUCH_DEVICE:
		return ": no drive letter is free";
	default:
		return "";
	}
}

static NTSTATUS mount(struct front *front, const struct cli_options *options)
{
	WCHAR point[WFS_PATH_UNITS];
	if (!options->target || !*options->target)
		return STATUS_SUCCESS; /* a network file system needs none */
	bool any = strcmp(options->target, "*") == 0;
	if (!any && !text_to_wide(options->target, point, WFS_PATH_UNITS)) {
		text_log(front->api, EVENTLOG_ERROR_TYPE,
			 "-m: '%.40s...' is too long, or no text: a mount point has at most %d characters.",
			 options->target, WFS_PATH_UNITS - 1);
		return STATUS_OBJECT_NAME_INVALID;
	}
	NTSTATUS result = front->api->set_mount_point(front->fs, any ? NULL : point);
	if (result < 0)
		text_log(front->api, EVENTLOG_ERROR_TYPE, "'%s' cannot be mounted (status %lx)%s.",
			 options->target, result, mount_hint(result));
	return result < 0 ? result : STATUS_SUCCESS;
}

static void tell_start(const struct front *front, const struct cli_options *options)
{
	char point[3 * WFS_PATH_UNITS] = "";
	const struct wfs_api *api = front->api;
	const WCHAR *wide = front->fs->mount_point;
	if (wide)
		point[mfs_utf16_to_name(wide, wcsnlen(wide, WFS_PATH_UNITS), point, sizeof point - 1)] = '\0';
	text_log(api, EVENTLOG_INFORMATION_TYPE, "memefs %s%s%s%s%s", options->volume_prefix ? "-u " : "",
		 options->volume_prefix ? options->volume_prefix : "",
		 options->volume_prefix && wide ? " " : "", wide ? "-m " : "", point);
	if (api->version < WFS_VERSION_RECOMMENDED)
		text_log(api, EVENTLOG_WARNING_TYPE,
			 "WinFsp %u.%u has known vulnerabilities: install 2.2 or later from "
			 "https://winfsp.dev/rel/.",
			 api->version >> 16, api->version & 0xFFFFu);
	if (!options->verbose)
		return;
	struct mfs_space space;
	mfs_volume_space(front->volume, &space);
	text_log(api, EVENTLOG_INFORMATION_TYPE,
		 "WinFsp %u.%u; %llu bytes of %llu free; allocation unit %u bytes; names %s; file info "
		 "timeout %u ms",
		 api->version >> 16, api->version & 0xFFFFu, (unsigned long long)space.free_bytes,
		 (unsigned long long)space.total_bytes, mfs_volume_unit(front->volume),
		 options->case_insensitive ? "case-insensitive" : "case-sensitive",
		 options->timeout_given ? options->timeout : WFS_TIMEOUT_NEVER);
}

/* ---- start and stop ------------------------------------------------------------------------------ */

NTSTATUS filesystem_start(struct filesystem *filesystem, const struct wfs_api *api,
			  const struct cli_options *options)
{
	struct front *front = &filesystem->front;
	memset(filesystem, 0, sizeof *filesystem);
	front->api = api;
	InitializeSRWLock(&front->changes);
	for (unsigned i = 0; i < FRONT_GUARDS; i++)
		InitializeSRWLock(&front->guards[i]);

	NTSTATUS result = open_debug_log(filesystem, options);
	if (result == STATUS_SUCCESS)
		result = create_volume(api, options, &front->volume);
	if (result == STATUS_SUCCESS)
		result = create_file_system(filesystem, options);
	if (result == STATUS_SUCCESS)
		result = mount(front, options);
	if (result == STATUS_SUCCESS) {
		result = api->start_dispatcher(front->fs, 0);
		if (result < 0)
			text_log(api, EVENTLOG_ERROR_TYPE, "Serving cannot start (status %lx).", result);
		else
			tell_start(front, options);
	}
	if (result < 0)
		filesystem_stop(filesystem);
	return result < 0 ? result : STATUS_SUCCESS;
}

void filesystem_stop(struct filesystem *filesystem)
{
	struct front *front = &filesystem->front;
	if (front->fs) {
		front->api->stop_dispatcher(front->fs); /* does nothing when it was never started */
		front->api->delete_(front->fs);		/* unmounts as well */
	}
	/* Files that are still open elsewhere have no one to close them any more. */
	if (front->volume)
		mfs_volume_destroy(front->volume);
	if (filesystem->debug_log) {
		front->api->debug_log_set_handle(INVALID_HANDLE_VALUE);
		CloseHandle(filesystem->debug_log);
	}
	memset(filesystem, 0, sizeof *filesystem);
}
