/*
 * calls.c: each callback as one of the driver's requests, with the program's guard around it.
 */
#include "bridge.h"

#include <string.h>

NTSTATUS call_enter(struct bridge *bridge, struct bridge_call *call, UINT32 kind)
{
	call->request.size = sizeof call->request;
	call->request.kind = kind;
	call->request.name_size = 0;
	if (bridge->api.enter == NULL)
		return STATUS_SUCCESS;
	return bridge->api.enter(&bridge->api, &call->request, NULL);
}

NTSTATUS call_enter_create(struct bridge *bridge, struct bridge_call *call, UINT32 options,
			   const struct bridge_path *path)
{
	size_t bytes = (path->units + 1) * sizeof(WCHAR);
	call->request.size = (UINT16)(sizeof call->request + bytes);
	call->request.kind = WFS_KIND_CREATE;
	call->request.create_options = options;
	call->request.name_offset = 0;
	call->request.name_size = (UINT16)bytes;
	memcpy(call->name, path->text, bytes);
	if (bridge->api.enter == NULL)
		return STATUS_SUCCESS;
	return bridge->api.enter(&bridge->api, &call->request, NULL);
}

void call_leave(struct bridge *bridge, struct bridge_call *call)
{
	if (bridge->api.leave != NULL)
		bridge->api.leave(&bridge->api, &call->request, NULL);
}

#define REQUEST(kind, callback, ...)                                \
	struct bridge_call call;                                    \
	NTSTATUS status = call_enter(bridge, &call, kind);          \
	if (status != STATUS_SUCCESS)                               \
		return status;                                      \
	status = bridge->calls.callback(&bridge->api, __VA_ARGS__); \
	call_leave(bridge, &call);                                  \
	return status

/* Neither can fail: what the guard says is only told. */
void call_cleanup(struct bridge *bridge, void *context, const struct bridge_path *deleted, ULONG flags)
{
	struct bridge_call call;
	NTSTATUS status = call_enter(bridge, &call, WFS_KIND_CLEANUP);
	if (status != STATUS_SUCCESS)
		bridge_odd("the guard refuses Cleanup (status %08x)", (unsigned)status);
	bridge->calls.cleanup(&bridge->api, context, deleted != NULL ? (WCHAR *)deleted->text : NULL, flags);
	call_leave(bridge, &call);
}

void call_close(struct bridge *bridge, void *context)
{
	struct bridge_call call;
	NTSTATUS status = call_enter(bridge, &call, WFS_KIND_CLOSE);
	if (status != STATUS_SUCCESS)
		bridge_odd("the guard refuses Close (status %08x)", (unsigned)status);
	bridge->calls.close(&bridge->api, context);
	call_leave(bridge, &call);
}

NTSTATUS call_read(struct bridge *bridge, void *context, void *buffer, UINT64 offset, ULONG size, ULONG *done)
{
	REQUEST(WFS_KIND_READ, read, context, buffer, offset, size, done);
}

NTSTATUS call_write(struct bridge *bridge, void *context, const void *buffer, UINT64 offset, ULONG size,
		    bool to_end, bool constrained, ULONG *done, struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_WRITE, write, context, (void *)buffer, offset, size, to_end, constrained, done,
		info);
}

NTSTATUS call_flush(struct bridge *bridge, void *context, struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_FLUSH_BUFFERS, flush, context, info);
}

NTSTATUS call_get_file_info(struct bridge *bridge, void *context, struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_QUERY_INFORMATION, get_file_info, context, info);
}

NTSTATUS call_set_times(struct bridge *bridge, void *context, UINT64 access, UINT64 write, UINT64 change,
			struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_SET_INFORMATION, set_basic_info, context, INVALID_FILE_ATTRIBUTES, 0, access, write,
		change, info);
}

NTSTATUS call_set_file_size(struct bridge *bridge, void *context, UINT64 size, bool allocation,
			    struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_SET_INFORMATION, set_file_size, context, size, allocation, info);
}

NTSTATUS call_set_delete(struct bridge *bridge, void *context, const struct bridge_path *path)
{
	if (bridge->calls.set_delete != NULL) {
		REQUEST(WFS_KIND_SET_INFORMATION, set_delete, context, (WCHAR *)path->text, TRUE);
	}
	REQUEST(WFS_KIND_SET_INFORMATION, can_delete, context, (WCHAR *)path->text);
}

NTSTATUS call_rename(struct bridge *bridge, void *context, const struct bridge_path *from,
		     const struct bridge_path *to, bool replace)
{
	REQUEST(WFS_KIND_SET_INFORMATION, rename, context, (WCHAR *)from->text, (WCHAR *)to->text, replace);
}

NTSTATUS call_read_directory(struct bridge *bridge, void *context, WCHAR *marker, void *buffer, ULONG size,
			     ULONG *done)
{
	REQUEST(WFS_KIND_QUERY_DIRECTORY, read_directory, context, NULL, marker, buffer, size, done);
}

NTSTATUS call_get_dir_info_by_name(struct bridge *bridge, void *context, const WCHAR *name,
				   struct wfs_dir_info *entry)
{
	REQUEST(WFS_KIND_QUERY_DIRECTORY, get_dir_info_by_name, context, (WCHAR *)name, entry);
}

NTSTATUS call_get_reparse_point(struct bridge *bridge, void *context, void *buffer, SIZE_T *size)
{
	REQUEST(WFS_KIND_FILE_SYSTEM_CONTROL, get_reparse_point, context, NULL, buffer, size);
}

NTSTATUS call_set_reparse_point(struct bridge *bridge, void *context, void *buffer, SIZE_T size)
{
	REQUEST(WFS_KIND_FILE_SYSTEM_CONTROL, set_reparse_point, context, NULL, buffer, size);
}

NTSTATUS call_get_stream_info(struct bridge *bridge, void *context, void *buffer, ULONG size, ULONG *done)
{
	REQUEST(WFS_KIND_QUERY_STREAM_INFORMATION, get_stream_info, context, buffer, size, done);
}

NTSTATUS call_get_ea(struct bridge *bridge, void *context, void *list, ULONG size, ULONG *done)
{
	REQUEST(WFS_KIND_QUERY_EA, get_ea, context, list, size, done);
}

NTSTATUS call_set_ea(struct bridge *bridge, void *context, void *list, ULONG size, struct wfs_file_info *info)
{
	REQUEST(WFS_KIND_SET_EA, set_ea, context, list, size, info);
}

NTSTATUS call_overwrite(struct bridge *bridge, void *context, void *eas, ULONG eas_size,
			struct wfs_file_info *info)
{
	if (bridge->calls.overwrite_ex != NULL) {
		REQUEST(WFS_KIND_OVERWRITE, overwrite_ex, context, FILE_ATTRIBUTE_NORMAL, FALSE, 0, eas,
			eas_size, info);
	}
	REQUEST(WFS_KIND_OVERWRITE, overwrite, context, FILE_ATTRIBUTE_NORMAL, FALSE, 0, info);
}

NTSTATUS call_get_volume_info(struct bridge *bridge, struct wfs_volume_info *info)
{
	REQUEST(WFS_KIND_QUERY_VOLUME_INFORMATION, get_volume_info, info);
}
