/*
 * abi.h: the binary interface of WinFsp's user mode DLL, in our own words.
 *
 * WinFsp's header is neither shipped by any package nor usable with every compiler,
 * so what crosses the border is declared here: the layout of each structure, the
 * numbers, and the type of each function that is looked up in the DLL at run time.
 * Every size and offset that matters is asserted below, for 64 and for 32 bits.
 * There are no bit fields: compilers disagree about those, masks are the same for all.
 *
 * This file must never know the engine, and holds no code.
 */
#ifndef MEMEFS_WINDOWS_ABI_H
#define MEMEFS_WINDOWS_ABI_H

#ifndef WIN32_NO_STATUS
#	define WIN32_NO_STATUS
#endif
#include <windows.h>
#undef WIN32_NO_STATUS
#include <winternl.h>
#include <ntstatus.h>
#include <stddef.h>
#include <stdint.h>

/* Callbacks and exports are C functions of the platform's C compiler. */
#define WFS_CALL __cdecl

#ifdef _WIN64
#	define WFS_SIZE(bits64, bits32) (bits64)
#else
#	define WFS_SIZE(bits64, bits32) (bits32)
#endif

/* ---- names and places ----------------------------------------------------------- */

#if defined(__aarch64__) || defined(_M_ARM64)
#	define WFS_DLL_NAME L"winfsp-a64.dll"
#elif defined(_WIN64)
#	define WFS_DLL_NAME L"winfsp-x64.dll"
#else
#	define WFS_DLL_NAME L"winfsp-x86.dll"
#endif

/* Under HKEY_LOCAL_MACHINE, always opened with KEY_WOW64_32KEY. */
#define WFS_REGISTRY_KEY L"SOFTWARE\\WinFsp"
#define WFS_REGISTRY_INSTALL_DIR L"InstallDir"
#define WFS_REGISTRY_SERVICES L"SOFTWARE\\WinFsp\\Services"
/* The Windows service that WinFsp installs; its driver's service has no fixed name. */
#define WFS_LAUNCHER_SERVICE L"WinFsp.Launcher"

#define WFS_DISK_DEVICE L"WinFsp.Disk"
#define WFS_NET_DEVICE L"WinFsp.Net"

/* FspVersion's number: major << 16 | minor. */
#define WFS_VERSION(major, minor) ((UINT32)(major) << 16 | (UINT32)(minor))

/* ---- volume parameters ------------------------------------------------------------ */

#define WFS_PREFIX_UNITS 192 /* \Server\Share with its terminator */
#define WFS_FSNAME_UNITS 16  /* file system name with its terminator */
#define WFS_VOLUME_NAME_UNITS (64 + WFS_PREFIX_UNITS)
#define WFS_PATH_UNITS 1024 /* longest path in a request */
#define WFS_LABEL_UNITS 32
#define WFS_COMPONENT_UNITS 255 /* longest component that can be told in a directory entry */

/* wfs_volume_params.flags */
#define WFS_CASE_SENSITIVE_SEARCH (1u << 0)
#define WFS_CASE_PRESERVED_NAMES (1u << 1)
#define WFS_UNICODE_ON_DISK (1u << 2)
#define WFS_PERSISTENT_ACLS (1u << 3)
#define WFS_REPARSE_POINTS (1u << 4)
#define WFS_REPARSE_POINTS_ACCESS_CHECK (1u << 5)
#define WFS_NAMED_STREAMS (1u << 6)
#define WFS_HARD_LINKS (1u << 7) /* not implemented by WinFsp: keep 0 */
#define WFS_EXTENDED_ATTRIBUTES (1u << 8)
#define WFS_READ_ONLY_VOLUME (1u << 9)
#define WFS_POST_CLEANUP_WHEN_MODIFIED_ONLY (1u << 10)
#define WFS_PASS_QUERY_DIRECTORY_PATTERN (1u << 11)
#define WFS_ALWAYS_USE_DOUBLE_BUFFERING (1u << 12)
#define WFS_PASS_QUERY_DIRECTORY_FILE_NAME (1u << 13) /* enables get_dir_info_by_name */
#define WFS_FLUSH_AND_PURGE_ON_CLEANUP (1u << 14)
#define WFS_DEVICE_CONTROL (1u << 15)
#define WFS_UM_CONTEXT_IS_USER_CONTEXT2 (1u << 16)
#define WFS_UM_CONTEXT_IS_FULL_CONTEXT (1u << 17)
#define WFS_UM_NO_REPARSE_POINTS_DIR_CHECK (1u << 18)
/* bits 19..23 are reserved for the user mode DLL */
#define WFS_ALLOW_OPEN_IN_KERNEL_MODE (1u << 24)
#define WFS_CASE_PRESERVED_EXTENDED_ATTRIBUTES (1u << 25) /* else EA names are upper-cased */
#define WFS_WSL_FEATURES (1u << 26)
#define WFS_DIRECTORY_MARKER_AS_NEXT_OFFSET (1u << 27)
#define WFS_REJECT_IRP_PRIOR_TO_TRANSACT0 (1u << 28)
#define WFS_SUPPORTS_POSIX_UNLINK_RENAME (1u << 29)
#define WFS_POST_DISPOSITION_WHEN_NECESSARY_ONLY (1u << 30)

/* wfs_volume_params.valid: which of the timeouts behind file_info_timeout count */
#define WFS_VOLUME_INFO_TIMEOUT_VALID (1u << 0)
#define WFS_DIR_INFO_TIMEOUT_VALID (1u << 1)
#define WFS_SECURITY_TIMEOUT_VALID (1u << 2)
#define WFS_STREAM_INFO_TIMEOUT_VALID (1u << 3)
#define WFS_EA_TIMEOUT_VALID (1u << 4)

/* Timeouts in milliseconds; UINT32_MAX never expires and lets Windows cache file data. */
#define WFS_TIMEOUT_NEVER UINT32_MAX

struct wfs_volume_params {
	UINT16 version; /* size of this structure */
	UINT16 sector_size;
	UINT16 sectors_per_allocation_unit;
	UINT16 max_component_length; /* units */
	UINT64 volume_creation_time; /* FILETIME */
	UINT32 volume_serial_number;
	UINT32 transact_timeout;  /* no longer used: 0 */
	UINT32 irp_timeout;	  /* milliseconds; 0: default */
	UINT32 irp_capacity;	  /* 0: default */
	UINT32 file_info_timeout; /* also the default of the timeouts below */
	UINT32 flags;
	WCHAR prefix[WFS_PREFIX_UNITS];
	WCHAR file_system_name[WFS_FSNAME_UNITS];
	UINT32 valid;
	UINT32 volume_info_timeout;
	UINT32 dir_info_timeout;
	UINT32 security_timeout;
	UINT32 stream_info_timeout;
	UINT32 ea_timeout;
	UINT32 fsext_control_code; /* kernel mode extensions: 0 */
	UINT32 reserved32[1];
	UINT64 reserved64[2];
};
_Static_assert(sizeof(struct wfs_volume_params) == 504, "volume parameters");
_Static_assert(offsetof(struct wfs_volume_params, volume_creation_time) == 8, "creation time");
_Static_assert(offsetof(struct wfs_volume_params, volume_serial_number) == 16, "serial number");
_Static_assert(offsetof(struct wfs_volume_params, file_info_timeout) == 32, "file info timeout");
_Static_assert(offsetof(struct wfs_volume_params, flags) == 36, "flags");
_Static_assert(offsetof(struct wfs_volume_params, prefix) == 40, "prefix");
_Static_assert(offsetof(struct wfs_volume_params, file_system_name) == 424, "file system name");
_Static_assert(offsetof(struct wfs_volume_params, valid) == 456, "valid timeouts");
_Static_assert(offsetof(struct wfs_volume_params, ea_timeout) == 476, "EA timeout");
_Static_assert(offsetof(struct wfs_volume_params, reserved64) == 488, "tail");

/* ---- what callbacks fill in ----------------------------------------------------------- */

struct wfs_volume_info {
	UINT64 total_size;
	UINT64 free_size;
	UINT16 label_size; /* bytes */
	WCHAR label[WFS_LABEL_UNITS];
};
_Static_assert(sizeof(struct wfs_volume_info) == 88, "volume info");
_Static_assert(offsetof(struct wfs_volume_info, label) == 18, "label");

struct wfs_file_info {
	UINT32 attributes;
	UINT32 reparse_tag;
	UINT64 allocation_size;
	UINT64 file_size;
	UINT64 creation_time; /* FILETIMEs */
	UINT64 last_access_time;
	UINT64 last_write_time;
	UINT64 change_time;
	UINT64 index_number;
	UINT32 hard_links; /* not implemented by WinFsp: keep 0 */
	UINT32 ea_size;
};
_Static_assert(sizeof(struct wfs_file_info) == 72, "file info");
_Static_assert(offsetof(struct wfs_file_info, allocation_size) == 8, "allocation size");
_Static_assert(offsetof(struct wfs_file_info, creation_time) == 24, "creation time");
_Static_assert(offsetof(struct wfs_file_info, index_number) == 56, "index number");
_Static_assert(offsetof(struct wfs_file_info, ea_size) == 68, "EA size");

/* Create and Open are told `struct wfs_file_info *`, but get one of these. */
struct wfs_open_file_info {
	struct wfs_file_info info;
	WCHAR *normalized_name;	     /* the caller's buffer */
	UINT16 normalized_name_size; /* bytes: in capacity, out what was written, no terminator;
					left alone (over 2 * WFS_PATH_UNITS): none told */
};
_Static_assert(offsetof(struct wfs_open_file_info, normalized_name) == 72, "normalized name");
_Static_assert(offsetof(struct wfs_open_file_info, normalized_name_size) == WFS_SIZE(80, 76), "its size");
_Static_assert(sizeof(struct wfs_open_file_info) == WFS_SIZE(88, 80), "open file info");

/* A directory entry in ReadDirectory's buffer: begins at a multiple of 8; a lone 16-bit 0
 * behind the last one tells that the directory has no more. */
struct wfs_dir_info {
	UINT16 size; /* of header and name in bytes, without padding */
	struct wfs_file_info info;
	union {
		UINT64 next_offset;
		UINT8 padding[24];
	};
	WCHAR name[]; /* not terminated */
};
_Static_assert(sizeof(struct wfs_dir_info) == 104, "directory entry");
_Static_assert(offsetof(struct wfs_dir_info, info) == 8, "its info");
_Static_assert(offsetof(struct wfs_dir_info, name) == 104, "its name");

struct wfs_stream_info {
	UINT16 size; /* of header and name in bytes */
	UINT64 stream_size;
	UINT64 allocation_size;
	WCHAR name[]; /* without ':' and type; empty for the main stream */
};
_Static_assert(sizeof(struct wfs_stream_info) == 24, "stream info");
_Static_assert(offsetof(struct wfs_stream_info, stream_size) == 8, "stream size");
_Static_assert(offsetof(struct wfs_stream_info, name) == 24, "stream name");

/* An EA in a list, as Windows has it: each begins at a multiple of 4; next 0 ends the list. */
struct wfs_ea {
	UINT32 next;
	UINT8 flags;
	UINT8 name_size; /* without its terminator */
	UINT16 value_size;
	char name[]; /* terminated, then the value */
};
_Static_assert(sizeof(struct wfs_ea) == 8, "EA");
_Static_assert(offsetof(struct wfs_ea, name) == 8, "EA name");
#define WFS_EA_NEED 0x80u /* wfs_ea.flags */

/* ---- the callbacks --------------------------------------------------------------------- */

struct wfs_file_system;

/* Cleanup's flags */
#define WFS_CLEANUP_DELETE 0x01u
#define WFS_CLEANUP_SET_ALLOCATION_SIZE 0x02u
#define WFS_CLEANUP_SET_ARCHIVE 0x10u
#define WFS_CLEANUP_SET_ACCESS_TIME 0x20u
#define WFS_CLEANUP_SET_WRITE_TIME 0x40u
#define WFS_CLEANUP_SET_CHANGE_TIME 0x80u

typedef NTSTATUS WFS_CALL wfs_reserved_fn(void);

#define WFS_INTERFACE_SLOTS 64
#define WFS_INTERFACE_USED 33

/* One slot for each callback, in WinFsp's order; NULL: not supported. `context` is what
 * create and open gave back, the same for all handles of one file. */
struct wfs_interface {
	/* 0 */
	NTSTATUS(WFS_CALL *get_volume_info)(struct wfs_file_system *fs, struct wfs_volume_info *info);
	NTSTATUS(WFS_CALL *set_volume_label)
	(struct wfs_file_system *fs, WCHAR *label, struct wfs_volume_info *info);
	NTSTATUS(WFS_CALL *get_security_by_name)
	(struct wfs_file_system *fs, WCHAR *path, UINT32 *attributes_or_index,
	 PSECURITY_DESCRIPTOR descriptor, SIZE_T *size);
	NTSTATUS(WFS_CALL *create)
	(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access, UINT32 attributes,
	 PSECURITY_DESCRIPTOR descriptor, UINT64 allocation, void **context, struct wfs_file_info *info);
	/* 4 */
	NTSTATUS(WFS_CALL *open)
	(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access, void **context,
	 struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *overwrite)
	(struct wfs_file_system *fs, void *context, UINT32 attributes, BOOLEAN replace_attributes,
	 UINT64 allocation, struct wfs_file_info *info);
	void(WFS_CALL *cleanup)(struct wfs_file_system *fs, void *context, WCHAR *path, ULONG flags);
	void(WFS_CALL *close)(struct wfs_file_system *fs, void *context);
	/* 8 */
	NTSTATUS(WFS_CALL *read)
	(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset, ULONG size, ULONG *done);
	NTSTATUS(WFS_CALL *write)
	(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset, ULONG size, BOOLEAN to_end,
	 BOOLEAN constrained, ULONG *done, struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *flush)(struct wfs_file_system *fs, void *context, struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *get_file_info)
	(struct wfs_file_system *fs, void *context, struct wfs_file_info *info);
	/* 12 */
	NTSTATUS(WFS_CALL *set_basic_info)
	(struct wfs_file_system *fs, void *context, UINT32 attributes, UINT64 creation, UINT64 access,
	 UINT64 write, UINT64 change, struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *set_file_size)
	(struct wfs_file_system *fs, void *context, UINT64 size, BOOLEAN allocation,
	 struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *can_delete)(struct wfs_file_system *fs, void *context, WCHAR *path);
	NTSTATUS(WFS_CALL *rename)
	(struct wfs_file_system *fs, void *context, WCHAR *path, WCHAR *new_path, BOOLEAN replace);
	/* 16 */
	NTSTATUS(WFS_CALL *get_security)
	(struct wfs_file_system *fs, void *context, PSECURITY_DESCRIPTOR descriptor, SIZE_T *size);
	NTSTATUS(WFS_CALL *set_security)
	(struct wfs_file_system *fs, void *context, SECURITY_INFORMATION what, PSECURITY_DESCRIPTOR change);
	NTSTATUS(WFS_CALL *read_directory)
	(struct wfs_file_system *fs, void *context, WCHAR *pattern, WCHAR *marker, void *buffer, ULONG size,
	 ULONG *done);
	NTSTATUS(WFS_CALL *resolve_reparse_points)
	(struct wfs_file_system *fs, WCHAR *path, UINT32 index, BOOLEAN resolve_last, IO_STATUS_BLOCK *status,
	 void *buffer, SIZE_T *size);
	/* 20 */
	NTSTATUS(WFS_CALL *get_reparse_point)
	(struct wfs_file_system *fs, void *context, WCHAR *path, void *buffer, SIZE_T *size);
	NTSTATUS(WFS_CALL *set_reparse_point)
	(struct wfs_file_system *fs, void *context, WCHAR *path, void *buffer, SIZE_T size);
	NTSTATUS(WFS_CALL *delete_reparse_point)
	(struct wfs_file_system *fs, void *context, WCHAR *path, void *buffer, SIZE_T size);
	NTSTATUS(WFS_CALL *get_stream_info)
	(struct wfs_file_system *fs, void *context, void *buffer, ULONG size, ULONG *done);
	/* 24 */
	NTSTATUS(WFS_CALL *get_dir_info_by_name)
	(struct wfs_file_system *fs, void *context, WCHAR *name, struct wfs_dir_info *entry);
	NTSTATUS(WFS_CALL *control)
	(struct wfs_file_system *fs, void *context, UINT32 code, void *in, ULONG in_size, void *out,
	 ULONG out_size, ULONG *done);
	NTSTATUS(WFS_CALL *set_delete)
	(struct wfs_file_system *fs, void *context, WCHAR *path, BOOLEAN wanted);
	NTSTATUS(WFS_CALL *create_ex)
	(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access, UINT32 attributes,
	 PSECURITY_DESCRIPTOR descriptor, UINT64 allocation, void *extra, ULONG extra_size,
	 BOOLEAN extra_is_reparse_point, void **context, struct wfs_file_info *info);
	/* 28 */
	NTSTATUS(WFS_CALL *overwrite_ex)
	(struct wfs_file_system *fs, void *context, UINT32 attributes, BOOLEAN replace_attributes,
	 UINT64 allocation, struct wfs_ea *eas, ULONG eas_size, struct wfs_file_info *info);
	NTSTATUS(WFS_CALL *get_ea)
	(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size, ULONG *done);
	NTSTATUS(WFS_CALL *set_ea)
	(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size,
	 struct wfs_file_info *info);
	wfs_reserved_fn *obsolete0;
	/* 32: WinFsp 2.0 and later */
	void(WFS_CALL *dispatcher_stopped)(struct wfs_file_system *fs, BOOLEAN normally);
	wfs_reserved_fn *reserved[WFS_INTERFACE_SLOTS - WFS_INTERFACE_USED];
};
_Static_assert(sizeof(struct wfs_interface) == WFS_INTERFACE_SLOTS * sizeof(void *), "64 slots");
#define WFS_SLOT(field, slot) \
	_Static_assert(offsetof(struct wfs_interface, field) == (slot) * sizeof(void *), #field)
WFS_SLOT(create, 3);
WFS_SLOT(open, 4);
WFS_SLOT(read, 8);
WFS_SLOT(set_basic_info, 12);
WFS_SLOT(get_security, 16);
WFS_SLOT(get_reparse_point, 20);
WFS_SLOT(get_dir_info_by_name, 24);
WFS_SLOT(create_ex, 27);
WFS_SLOT(overwrite_ex, 28);
WFS_SLOT(dispatcher_stopped, 32);
#undef WFS_SLOT

/* ---- the file system object ------------------------------------------------------------ */

/* Kinds of requests: index of `operations`, and bit of the debug log mask. */
enum wfs_kind {
	WFS_KIND_RESERVED,
	WFS_KIND_CREATE,
	WFS_KIND_OVERWRITE,
	WFS_KIND_CLEANUP,
	WFS_KIND_CLOSE,
	WFS_KIND_READ,
	WFS_KIND_WRITE,
	WFS_KIND_QUERY_INFORMATION,
	WFS_KIND_SET_INFORMATION,
	WFS_KIND_QUERY_EA,
	WFS_KIND_SET_EA,
	WFS_KIND_FLUSH_BUFFERS,
	WFS_KIND_QUERY_VOLUME_INFORMATION,
	WFS_KIND_SET_VOLUME_INFORMATION,
	WFS_KIND_QUERY_DIRECTORY,
	WFS_KIND_FILE_SYSTEM_CONTROL,
	WFS_KIND_DEVICE_CONTROL,
	WFS_KIND_SHUTDOWN,
	WFS_KIND_LOCK_CONTROL,
	WFS_KIND_QUERY_SECURITY,
	WFS_KIND_SET_SECURITY,
	WFS_KIND_QUERY_STREAM_INFORMATION,
	WFS_KIND_COUNT
};
_Static_assert(WFS_KIND_COUNT == 22, "kinds of requests");

/* The driver's request, as far as a guard has to look at it; what is left out differs by kind. */
struct wfs_request {
	UINT16 version;
	UINT16 size; /* of all, with `buffer` */
	UINT32 kind; /* enum wfs_kind */
	UINT64 hint;
	UINT32 create_options; /* WFS_KIND_CREATE: disposition << 24 | options */
	UINT32 others[15];
	UINT16 name_offset; /* in `buffer`, bytes */
	UINT16 name_size;   /* bytes, with the terminator; 0: no name */
	UINT32 padding;
	BYTE buffer[];
};
_Static_assert(offsetof(struct wfs_request, create_options) == 16, "create options");
_Static_assert(offsetof(struct wfs_request, name_offset) == 80, "file name");
_Static_assert(offsetof(struct wfs_request, buffer) == 88, "buffer");
_Static_assert(sizeof(struct wfs_request) == 88, "request");

/* The DLL's answer: its header, then at most 16 KiB in all. */
struct wfs_response;
#define WFS_RESPONSE_MAX 16384u
#define WFS_RESPONSE_HEADER 128u

/* Called around each request; NULL in the object: no guard. */
typedef NTSTATUS WFS_CALL wfs_guard_fn(struct wfs_file_system *fs, struct wfs_request *request,
				       struct wfs_response *response);

/* Made by FspFileSystemCreate. WinFsp's header gives programs inline functions that write
 * enter, leave, debug_log and guard_strategy, so these offsets are part of its contract. */
struct wfs_file_system {
	UINT16 version;
	void *user_context; /* the program's own */
	WCHAR volume_name[WFS_VOLUME_NAME_UNITS];
	HANDLE volume_handle;
	wfs_guard_fn *enter;
	wfs_guard_fn *leave;
	wfs_guard_fn *operations[WFS_KIND_COUNT];
	const struct wfs_interface *interface_;
	HANDLE dispatcher_thread;
	ULONG dispatcher_thread_count;
	LONG dispatcher_result; /* NTSTATUS */
	WCHAR *mount_point;
	HANDLE mount_handle;
	UINT32 debug_log; /* bit 1 << wfs_kind: log such requests; UINT32_MAX: all */
	UINT32 guard_strategy;
	SRWLOCK guard_lock;
	BOOLEAN context_is_user_context2;
	BOOLEAN context_is_full_context;
	UINT16 private_flags;
};
_Static_assert(sizeof(struct wfs_file_system) == WFS_SIZE(792, 660), "file system object");
_Static_assert(offsetof(struct wfs_file_system, user_context) == WFS_SIZE(8, 4), "user context");
_Static_assert(offsetof(struct wfs_file_system, volume_name) == WFS_SIZE(16, 8), "volume name");
_Static_assert(offsetof(struct wfs_file_system, volume_handle) == WFS_SIZE(528, 520), "volume handle");
_Static_assert(offsetof(struct wfs_file_system, enter) == WFS_SIZE(536, 524), "guard");
_Static_assert(offsetof(struct wfs_file_system, operations) == WFS_SIZE(552, 532), "operations");
_Static_assert(offsetof(struct wfs_file_system, interface_) == WFS_SIZE(728, 620), "interface");
_Static_assert(offsetof(struct wfs_file_system, mount_point) == WFS_SIZE(752, 636), "mount point");
_Static_assert(offsetof(struct wfs_file_system, debug_log) == WFS_SIZE(768, 644), "debug log");
_Static_assert(offsetof(struct wfs_file_system, guard_strategy) == WFS_SIZE(772, 648), "guard strategy");
_Static_assert(offsetof(struct wfs_file_system, guard_lock) == WFS_SIZE(776, 652), "guard lock");

/* ---- the service object ------------------------------------------------------------------- */

struct wfs_service;
typedef NTSTATUS WFS_CALL wfs_service_start_fn(struct wfs_service *service, ULONG argc, WCHAR **argv);
typedef NTSTATUS WFS_CALL wfs_service_stop_fn(struct wfs_service *service);
typedef NTSTATUS WFS_CALL wfs_service_control_fn(struct wfs_service *service, ULONG control, ULONG event_type,
						 void *event_data);

struct wfs_service {
	UINT16 version;
	void *user_context; /* FspServiceRunEx's last argument */
	wfs_service_start_fn *on_start;
	wfs_service_stop_fn *on_stop;
	wfs_service_control_fn *on_control;
	ULONG accept_control;
	ULONG exit_code;
	SERVICE_STATUS_HANDLE status_handle;
	SERVICE_STATUS service_status;
	CRITICAL_SECTION status_guard;
	CRITICAL_SECTION stop_guard;
	BOOLEAN allow_console_mode;
	WCHAR service_name[];
};
_Static_assert(offsetof(struct wfs_service, user_context) == WFS_SIZE(8, 4), "service's user context");
_Static_assert(offsetof(struct wfs_service, accept_control) == WFS_SIZE(40, 20), "accepted controls");
_Static_assert(offsetof(struct wfs_service, exit_code) == WFS_SIZE(44, 24), "exit code");
_Static_assert(offsetof(struct wfs_service, service_status) == WFS_SIZE(56, 32), "service status");

/* ---- functions of the DLL -------------------------------------------------------------------- */

/* Tells the reparse data of one path. STATUS_NOT_A_REPARSE_POINT: there is none here. */
typedef NTSTATUS WFS_CALL wfs_reparse_by_name_fn(struct wfs_file_system *fs, void *context, WCHAR *path,
						 BOOLEAN directory, void *buffer, SIZE_T *size);

typedef NTSTATUS WFS_CALL wfs_version_fn(UINT32 *version);
typedef NTSTATUS WFS_CALL wfs_create_fn(WCHAR *device, const struct wfs_volume_params *params,
					const struct wfs_interface *interface_, struct wfs_file_system **fs);
typedef void WFS_CALL wfs_delete_fn(struct wfs_file_system *fs);
/* NULL: the next free drive letter, downwards from Z. */
typedef NTSTATUS WFS_CALL wfs_set_mount_point_fn(struct wfs_file_system *fs, WCHAR *mount_point);
/* 0 threads: the DLL's default. */
typedef NTSTATUS WFS_CALL wfs_start_dispatcher_fn(struct wfs_file_system *fs, ULONG threads);
typedef void WFS_CALL wfs_stop_dispatcher_fn(struct wfs_file_system *fs);
typedef void WFS_CALL wfs_stop_service_if_necessary_fn(struct wfs_file_system *fs, BOOLEAN normally);
/* NULL: the end marker. FALSE: no room. */
typedef BOOLEAN WFS_CALL wfs_add_dir_info_fn(struct wfs_dir_info *entry, void *buffer, ULONG size,
					     ULONG *done);
typedef BOOLEAN WFS_CALL wfs_add_stream_info_fn(struct wfs_stream_info *entry, void *buffer, ULONG size,
						ULONG *done);
typedef NTSTATUS WFS_CALL wfs_resolve_reparse_points_fn(struct wfs_file_system *fs,
							wfs_reparse_by_name_fn *by_name, void *context,
							WCHAR *path, UINT32 index, BOOLEAN resolve_last,
							IO_STATUS_BLOCK *status, void *buffer, SIZE_T *size);
typedef NTSTATUS WFS_CALL wfs_set_security_fn(PSECURITY_DESCRIPTOR input, SECURITY_INFORMATION what,
					      PSECURITY_DESCRIPTOR change, PSECURITY_DESCRIPTOR *output);
/* `made_by` names the function that made the descriptor: for us always FspSetSecurityDescriptor. */
typedef void WFS_CALL wfs_delete_security_fn(PSECURITY_DESCRIPTOR descriptor, void *made_by);
/* Returns the exit code of the process. */
typedef ULONG WFS_CALL wfs_service_run_fn(WCHAR *name, wfs_service_start_fn *start, wfs_service_stop_fn *stop,
					  wfs_service_control_fn *control, void *user_context);
/* type: EVENTLOG_*_TYPE; format: as wsprintfW has it, 1,024 units at most. */
typedef void WFS_CALL wfs_service_log_fn(ULONG type, WCHAR *format, ...);
typedef void WFS_CALL wfs_debug_log_set_handle_fn(HANDLE handle);

#endif
