/*
 * contract.h: WinFsp's binary contract, as the test host reads it.
 *
 * Written from the public API pages and header, apart from the program's own
 * declaration on purpose: two independent readings of the same contract meet in
 * every test run, so that a slip in either shows. Only the names that the host needs.
 */
#ifndef HOST_CONTRACT_H
#define HOST_CONTRACT_H

#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <winternl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef NT_SUCCESS
#	define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)
#endif

#define FSP_EXPORT __declspec(dllexport)

NTSYSAPI WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR unit);

/* ---- volume -------------------------------------------------------------------- */

/* Bits of fsp_volume_params.flags. */
#define FSP_CASE_SENSITIVE 0x00000001u
#define FSP_CASE_PRESERVED 0x00000002u
#define FSP_UNICODE 0x00000004u
#define FSP_PERSISTENT_ACLS 0x00000008u
#define FSP_REPARSE_POINTS 0x00000010u
#define FSP_REPARSE_ACCESS_CHECK 0x00000020u
#define FSP_NAMED_STREAMS 0x00000040u
#define FSP_HARD_LINKS 0x00000080u
#define FSP_EXTENDED_ATTRIBUTES 0x00000100u
#define FSP_READ_ONLY 0x00000200u
#define FSP_CLEANUP_WHEN_MODIFIED 0x00000400u
#define FSP_PASS_PATTERN 0x00000800u
#define FSP_DOUBLE_BUFFERING 0x00001000u
#define FSP_PASS_FILE_NAME 0x00002000u
#define FSP_FLUSH_AND_PURGE 0x00004000u
#define FSP_DEVICE_CONTROL 0x00008000u
#define FSP_CONTEXT_IS_2 0x00010000u
#define FSP_CONTEXT_IS_FULL 0x00020000u
#define FSP_NO_REPARSE_DIR_CHECK 0x00040000u
#define FSP_UM_RESERVED 0x00f80000u
#define FSP_KERNEL_OPEN 0x01000000u
#define FSP_CASE_PRESERVED_EAS 0x02000000u
#define FSP_WSL_FEATURES 0x04000000u
#define FSP_MARKER_IS_OFFSET 0x08000000u
#define FSP_REJECT_EARLY 0x10000000u
#define FSP_POSIX_UNLINK_RENAME 0x20000000u
#define FSP_DISPOSITION_WHEN_NEEDED 0x40000000u
#define FSP_KM_RESERVED 0x80000000u

/* Bits of fsp_volume_params.valid. */
#define FSP_VOLUME_TIMEOUT_VALID 1u
#define FSP_DIR_TIMEOUT_VALID 2u
#define FSP_SECURITY_TIMEOUT_VALID 4u
#define FSP_STREAM_TIMEOUT_VALID 8u
#define FSP_EA_TIMEOUT_VALID 16u

struct fsp_volume_params {
	UINT16 version; /* 0 (the first 456 bytes) or 504 */
	UINT16 sector_size;
	UINT16 sectors_per_unit;
	UINT16 max_component; /* in UTF-16 units */
	UINT64 creation_time;
	UINT32 serial;
	UINT32 transact_timeout, irp_timeout, irp_capacity;
	UINT32 file_info_timeout; /* milliseconds, as all timeouts */
	UINT32 flags;
	WCHAR prefix[192];
	WCHAR file_system_name[16];
	UINT32 valid;
	UINT32 volume_info_timeout, dir_info_timeout, security_timeout, stream_info_timeout, ea_timeout;
	UINT32 extension_code;
	UINT32 reserved32;
	UINT64 reserved64[2];
};
_Static_assert(sizeof(struct fsp_volume_params) == 504, "volume parameters");
_Static_assert(offsetof(struct fsp_volume_params, flags) == 36, "flags");
_Static_assert(offsetof(struct fsp_volume_params, valid) == 456, "second part");

struct fsp_volume_info {
	UINT64 total, free;
	UINT16 label_bytes;
	WCHAR label[32];
};
_Static_assert(sizeof(struct fsp_volume_info) == 88, "volume information");

/* ---- files ---------------------------------------------------------------------- */

struct fsp_file_info {
	UINT32 attributes, reparse_tag;
	UINT64 allocation, size;
	UINT64 creation, access, write, change; /* 100 ns since 1601 */
	UINT64 index;
	UINT32 links; /* 0 */
	UINT32 ea_size;
};
_Static_assert(sizeof(struct fsp_file_info) == 72, "file information");

/* What the info pointer of Create and Open points to. */
struct fsp_open_info {
	struct fsp_file_info info;
	WCHAR *normalized;
	UINT16 normalized_bytes; /* in: capacity; out: size, above 2048 when none was given */
};

struct fsp_dir_info {
	UINT16 size; /* 104 and the name, without padding */
	struct fsp_file_info info;
	union {
		UINT64 next_offset;
		UINT8 padding[24];
	};
	WCHAR name[];
};
_Static_assert(sizeof(struct fsp_dir_info) == 104, "directory information");

struct fsp_stream_info {
	UINT16 size;
	UINT64 stream_size, stream_allocation;
	WCHAR name[];
};
_Static_assert(sizeof(struct fsp_stream_info) == 24, "stream information");

struct fsp_notify_info {
	UINT16 size;
	UINT32 filter, action;
	WCHAR name[];
};
_Static_assert(sizeof(struct fsp_notify_info) == 12, "notify information");

struct fsp_ea {
	ULONG next;
	UCHAR flags;
	UCHAR name_length; /* without the terminator */
	USHORT value_length;
	CHAR name[1];
};
#define FSP_EA_HEADER 8u
#define FSP_EA_NEEDED 0x80u

struct fsp_reparse {
	ULONG tag;
	USHORT data_length;
	USHORT reserved;
	union {
		struct {
			USHORT target_offset, target_length, print_offset, print_length;
			ULONG flags; /* 1: relative */
			WCHAR path[1];
		} symlink;
		struct {
			USHORT target_offset, target_length, print_offset, print_length;
			WCHAR path[1];
		} mount;
		UCHAR data[1];
	};
};
struct fsp_reparse_guid {
	ULONG tag;
	USHORT data_length;
	USHORT reserved;
	GUID guid;
	UCHAR data[1];
};
#define FSP_REPARSE_HEADER 8u
#define FSP_REPARSE_GUID_HEADER 24u

/* Flags of Cleanup. */
#define FSP_CLEANUP_DELETE 0x01u
#define FSP_CLEANUP_ALLOCATION 0x02u
#define FSP_CLEANUP_ARCHIVE 0x10u
#define FSP_CLEANUP_ACCESS 0x20u
#define FSP_CLEANUP_WRITE 0x40u
#define FSP_CLEANUP_CHANGE 0x80u

/* ---- the file system and its callbacks ---------------------------------------------- */

struct fsp_file_system;
typedef struct fsp_file_system fsp_fs;

struct fsp_interface {
	NTSTATUS (*get_volume_info)(fsp_fs *, struct fsp_volume_info *);
	NTSTATUS (*set_volume_label)(fsp_fs *, WCHAR *, struct fsp_volume_info *);
	NTSTATUS (*get_security_by_name)(fsp_fs *, WCHAR *, UINT32 *, void *, SIZE_T *);
	NTSTATUS(*create)
	(fsp_fs *, WCHAR *, UINT32, UINT32, UINT32, void *, UINT64, void **, struct fsp_file_info *);
	NTSTATUS (*open)(fsp_fs *, WCHAR *, UINT32, UINT32, void **, struct fsp_file_info *);
	NTSTATUS (*overwrite)(fsp_fs *, void *, UINT32, BOOLEAN, UINT64, struct fsp_file_info *);
	void (*cleanup)(fsp_fs *, void *, WCHAR *, ULONG);
	void (*close)(fsp_fs *, void *);
	NTSTATUS (*read)(fsp_fs *, void *, void *, UINT64, ULONG, ULONG *);
	NTSTATUS(*write)
	(fsp_fs *, void *, void *, UINT64, ULONG, BOOLEAN, BOOLEAN, ULONG *, struct fsp_file_info *);
	NTSTATUS (*flush)(fsp_fs *, void *, struct fsp_file_info *);
	NTSTATUS (*get_file_info)(fsp_fs *, void *, struct fsp_file_info *);
	NTSTATUS(*set_basic_info)
	(fsp_fs *, void *, UINT32, UINT64, UINT64, UINT64, UINT64, struct fsp_file_info *);
	NTSTATUS (*set_file_size)(fsp_fs *, void *, UINT64, BOOLEAN, struct fsp_file_info *);
	NTSTATUS (*can_delete)(fsp_fs *, void *, WCHAR *);
	NTSTATUS (*rename)(fsp_fs *, void *, WCHAR *, WCHAR *, BOOLEAN);
	NTSTATUS (*get_security)(fsp_fs *, void *, void *, SIZE_T *);
	NTSTATUS (*set_security)(fsp_fs *, void *, SECURITY_INFORMATION, void *);
	NTSTATUS (*read_directory)(fsp_fs *, void *, WCHAR *, WCHAR *, void *, ULONG, ULONG *);
	NTSTATUS(*resolve_reparse_points)
	(fsp_fs *, WCHAR *, UINT32, BOOLEAN, IO_STATUS_BLOCK *, void *, SIZE_T *);
	NTSTATUS (*get_reparse_point)(fsp_fs *, void *, WCHAR *, void *, SIZE_T *);
	NTSTATUS (*set_reparse_point)(fsp_fs *, void *, WCHAR *, void *, SIZE_T);
	NTSTATUS (*delete_reparse_point)(fsp_fs *, void *, WCHAR *, void *, SIZE_T);
	NTSTATUS (*get_stream_info)(fsp_fs *, void *, void *, ULONG, ULONG *);
	NTSTATUS (*get_dir_info_by_name)(fsp_fs *, void *, WCHAR *, struct fsp_dir_info *);
	NTSTATUS (*control)(fsp_fs *, void *, UINT32, void *, ULONG, void *, ULONG, ULONG *);
	NTSTATUS (*set_delete)(fsp_fs *, void *, WCHAR *, BOOLEAN);
	NTSTATUS(*create_ex)
	(fsp_fs *, WCHAR *, UINT32, UINT32, UINT32, void *, UINT64, void *, ULONG, BOOLEAN, void **,
	 struct fsp_file_info *);
	NTSTATUS(*overwrite_ex)
	(fsp_fs *, void *, UINT32, BOOLEAN, UINT64, struct fsp_ea *, ULONG, struct fsp_file_info *);
	NTSTATUS (*get_ea)(fsp_fs *, void *, struct fsp_ea *, ULONG, ULONG *);
	NTSTATUS (*set_ea)(fsp_fs *, void *, struct fsp_ea *, ULONG, struct fsp_file_info *);
	NTSTATUS (*obsolete)(void);
	void (*dispatcher_stopped)(fsp_fs *, BOOLEAN);
	NTSTATUS (*reserved[31])(void);
};
_Static_assert(sizeof(struct fsp_interface) == 64 * sizeof(void *), "64 callbacks");

/* Kinds of requests: bit numbers of the debug log's mask. */
enum fsp_kind {
	FSP_CREATE = 1,
	FSP_OVERWRITE,
	FSP_CLEANUP,
	FSP_CLOSE,
	FSP_READ,
	FSP_WRITE,
	FSP_QUERY_INFORMATION,
	FSP_SET_INFORMATION,
	FSP_QUERY_EA,
	FSP_SET_EA,
	FSP_FLUSH,
	FSP_QUERY_VOLUME,
	FSP_SET_VOLUME,
	FSP_QUERY_DIRECTORY,
	FSP_FILE_SYSTEM_CONTROL,
	FSP_DEVICE_CONTROL_KIND,
	FSP_SHUTDOWN,
	FSP_LOCK_CONTROL,
	FSP_QUERY_SECURITY,
	FSP_SET_SECURITY,
	FSP_QUERY_STREAMS,
	FSP_KINDS
};

struct fsp_request {
	UINT16 version, size;
	UINT32 kind;
	UINT64 hint;
	union {
		struct {
			UINT32 options, attributes;
			UINT16 security_offset, security_size;
			UINT64 allocation, token;
			UINT32 desired, granted, share;
			UINT16 ea_offset, ea_size;
			UINT32 flags; /* bit 5: names compare with case */
			UINT16 stream_at;
		} create;
		struct {
			UINT64 context, context2, address;
			UINT32 length;
			UINT16 pattern_offset, pattern_size, marker_offset, marker_size;
			UINT32 flags; /* bit 0: names compare with case */
		} directory;
	};
	UINT16 name_offset, name_size; /* bytes, terminator included; the name is behind the request */
};
_Static_assert(sizeof(struct fsp_request) == 80, "request");
#define FSP_REQUEST_CASE_SENSITIVE 0x20u

struct fsp_operation_context {
	struct fsp_request *request;
	void *response;
};

typedef NTSTATUS fsp_guard_fn(fsp_fs *, struct fsp_request *, void *);

struct fsp_file_system {
	UINT16 version;
	void *user_context;
	WCHAR volume_name[256];
	HANDLE volume_handle;
	fsp_guard_fn *enter, *leave;
	fsp_guard_fn *operations[FSP_KINDS];
	const struct fsp_interface *interface_;
	HANDLE dispatcher_thread;
	ULONG dispatcher_threads;
	LONG dispatcher_result;
	WCHAR *mount_point;
	HANDLE mount_handle;
	UINT32 debug_log;
	INT32 guard_strategy;
	SRWLOCK guard_lock;
	BOOLEAN context_is_2, context_is_full;
	UINT16 um_flags;
};
_Static_assert(sizeof(struct fsp_file_system) == (sizeof(void *) == 8 ? 792 : 660), "file system");

struct fsp_service;
typedef NTSTATUS fsp_start_fn(struct fsp_service *, ULONG, WCHAR **);
typedef NTSTATUS fsp_stop_fn(struct fsp_service *);
typedef NTSTATUS fsp_control_fn(struct fsp_service *, ULONG, ULONG, void *);
struct fsp_service {
	UINT16 version;
	void *user_context;
	fsp_start_fn *on_start;
	fsp_stop_fn *on_stop;
	fsp_control_fn *on_control;
	ULONG accept;
	ULONG exit_code;
	SERVICE_STATUS_HANDLE status_handle;
	SERVICE_STATUS status;
	CRITICAL_SECTION status_guard, stop_guard;
	BOOLEAN console_allowed;
	WCHAR name[];
};

typedef NTSTATUS fsp_reparse_by_name_fn(fsp_fs *, void *, WCHAR *, BOOLEAN, void *, SIZE_T *);

/* What the driver and the DLL agree on. */
#define FSP_PATH_BYTES_MAX 2048u       /* largest normalized name */
#define FSP_RESPONSE_BUFFER_MAX 16256u /* room for descriptors, EAs, streams, reparse data in a response */
#define FSP_REQUEST_BUFFER_MAX 16240u

/* ---- exports used between the host's own files ---------------------------------------- */

FSP_EXPORT NTSTATUS FspFileSystemResolveReparsePoints(fsp_fs *fs, fsp_reparse_by_name_fn *by_name,
						      void *context, WCHAR *name, UINT32 index,
						      BOOLEAN resolve_last, IO_STATUS_BLOCK *io, void *buffer,
						      SIZE_T *size);
FSP_EXPORT BOOLEAN FspServiceIsInteractive(void);
FSP_EXPORT NTSTATUS FspFileSystemOpEnter(fsp_fs *fs, struct fsp_request *request, void *response);
FSP_EXPORT void FspServiceStop(struct fsp_service *service);
FSP_EXPORT void FspServiceLog(ULONG type, WCHAR *format, ...);
FSP_EXPORT void FspDebugLog(const char *format, ...);
FSP_EXPORT ULONG FspWin32FromNtStatus(NTSTATUS status);
FSP_EXPORT NTSTATUS FspNtStatusFromWin32(DWORD error);

#endif
