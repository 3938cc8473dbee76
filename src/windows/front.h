/*
 * front.h: one mounted volume as the callbacks see it, and the list of the callbacks.
 *
 * The context of every open is a `struct mfs_stream *`: a file's main stream or a named one.
 * The driver keeps the first open's context for all handles of a file and sends one Close for
 * each open, so a context carries nothing of a handle, and each open holds one reference.
 * The engine has its own locks; those here only make several of its calls one.
 */
#ifndef MEMEFS_WINDOWS_FRONT_H
#define MEMEFS_WINDOWS_FRONT_H

#include "abi.h"
#include "memefs.h"

struct wfs_api;

#define FRONT_GUARDS 64u

struct front {
	const struct wfs_api *api;    /* constant */
	struct mfs_volume *volume;    /* constant; locks itself */
	struct wfs_file_system *fs;   /* constant while the dispatcher runs */
	SRWLOCK changes;	      /* held while a descriptor or an EA list is read, changed and written */
	SRWLOCK guards[FRONT_GUARDS]; /* one is held from the look for a name to its creation */
};

static inline struct front *front_of(const struct wfs_file_system *fs)
{
	return fs->user_context;
}

/* What fits into the DLL's answer to a request. */
#define FRONT_ANSWER_MAX (WFS_RESPONSE_MAX - WFS_RESPONSE_HEADER)

#define ROOT_NUMBER 1u /* the root's mfs_info.number */

/* guard.c */
NTSTATUS WFS_CALL guard_enter(struct wfs_file_system *fs, struct wfs_request *request,
			      struct wfs_response *response);
NTSTATUS WFS_CALL guard_leave(struct wfs_file_system *fs, struct wfs_request *request,
			      struct wfs_response *response);

/* volume.c */
NTSTATUS WFS_CALL front_get_volume_info(struct wfs_file_system *fs, struct wfs_volume_info *info);
NTSTATUS WFS_CALL front_set_volume_label(struct wfs_file_system *fs, WCHAR *label,
					 struct wfs_volume_info *info);

/* open.c */
NTSTATUS WFS_CALL front_get_security_by_name(struct wfs_file_system *fs, WCHAR *path,
					     UINT32 *attributes_or_index, PSECURITY_DESCRIPTOR descriptor,
					     SIZE_T *size);
NTSTATUS WFS_CALL front_open(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access,
			     void **context, struct wfs_file_info *info);

/* create.c */
NTSTATUS WFS_CALL front_create(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access,
			       UINT32 attributes, PSECURITY_DESCRIPTOR descriptor, UINT64 allocation,
			       void **context, struct wfs_file_info *info);
NTSTATUS WFS_CALL front_create_ex(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access,
				  UINT32 attributes, PSECURITY_DESCRIPTOR descriptor, UINT64 allocation,
				  void *extra, ULONG extra_size, BOOLEAN extra_is_reparse_point,
				  void **context, struct wfs_file_info *info);
NTSTATUS WFS_CALL front_overwrite(struct wfs_file_system *fs, void *context, UINT32 attributes,
				  BOOLEAN replace_attributes, UINT64 allocation, struct wfs_file_info *info);
NTSTATUS WFS_CALL front_overwrite_ex(struct wfs_file_system *fs, void *context, UINT32 attributes,
				     BOOLEAN replace_attributes, UINT64 allocation, struct wfs_ea *eas,
				     ULONG eas_size, struct wfs_file_info *info);

/* close.c */
void WFS_CALL front_cleanup(struct wfs_file_system *fs, void *context, WCHAR *path, ULONG flags);
void WFS_CALL front_close(struct wfs_file_system *fs, void *context);

/* io.c */
NTSTATUS WFS_CALL front_read(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset,
			     ULONG size, ULONG *done);
NTSTATUS WFS_CALL front_write(struct wfs_file_system *fs, void *context, void *buffer, UINT64 offset,
			      ULONG size, BOOLEAN to_end, BOOLEAN constrained, ULONG *done,
			      struct wfs_file_info *info);
NTSTATUS WFS_CALL front_flush(struct wfs_file_system *fs, void *context, struct wfs_file_info *info);
NTSTATUS WFS_CALL front_set_file_size(struct wfs_file_system *fs, void *context, UINT64 size,
				      BOOLEAN allocation, struct wfs_file_info *info);

/* metadata.c */
NTSTATUS WFS_CALL front_get_file_info(struct wfs_file_system *fs, void *context, struct wfs_file_info *info);
NTSTATUS WFS_CALL front_set_basic_info(struct wfs_file_system *fs, void *context, UINT32 attributes,
				       UINT64 creation, UINT64 access, UINT64 write, UINT64 change,
				       struct wfs_file_info *info);
NTSTATUS WFS_CALL front_get_security(struct wfs_file_system *fs, void *context,
				     PSECURITY_DESCRIPTOR descriptor, SIZE_T *size);
NTSTATUS WFS_CALL front_set_security(struct wfs_file_system *fs, void *context, SECURITY_INFORMATION what,
				     PSECURITY_DESCRIPTOR change);

/* rename.c */
NTSTATUS WFS_CALL front_can_delete(struct wfs_file_system *fs, void *context, WCHAR *path);
NTSTATUS WFS_CALL front_set_delete(struct wfs_file_system *fs, void *context, WCHAR *path, BOOLEAN wanted);
NTSTATUS WFS_CALL front_rename(struct wfs_file_system *fs, void *context, WCHAR *path, WCHAR *new_path,
			       BOOLEAN replace);

/* directory.c */
NTSTATUS WFS_CALL front_read_directory(struct wfs_file_system *fs, void *context, WCHAR *pattern,
				       WCHAR *marker, void *buffer, ULONG size, ULONG *done);
NTSTATUS WFS_CALL front_get_dir_info_by_name(struct wfs_file_system *fs, void *context, WCHAR *name,
					     struct wfs_dir_info *entry);

/* streams.c */
NTSTATUS WFS_CALL front_get_stream_info(struct wfs_file_system *fs, void *context, void *buffer, ULONG size,
					ULONG *done);

/* ea.c */
NTSTATUS WFS_CALL front_get_ea(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size,
			       ULONG *done);
NTSTATUS WFS_CALL front_set_ea(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size,
			       struct wfs_file_info *info);

/* reparse.c */
NTSTATUS WFS_CALL front_resolve_reparse_points(struct wfs_file_system *fs, WCHAR *path, UINT32 index,
					       BOOLEAN resolve_last, IO_STATUS_BLOCK *status, void *buffer,
					       SIZE_T *size);
NTSTATUS WFS_CALL front_get_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					  void *buffer, SIZE_T *size);
NTSTATUS WFS_CALL front_set_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					  void *buffer, SIZE_T size);
NTSTATUS WFS_CALL front_delete_reparse_point(struct wfs_file_system *fs, void *context, WCHAR *path,
					     void *buffer, SIZE_T size);

/* control.c */
NTSTATUS WFS_CALL front_control(struct wfs_file_system *fs, void *context, UINT32 code, void *in,
				ULONG in_size, void *out, ULONG out_size, ULONG *done);

#endif
