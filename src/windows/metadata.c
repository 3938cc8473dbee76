/*
 * metadata.c: GetFileInfo, SetBasicInfo, GetSecurity and SetSecurity.
 *
 * All of it belongs to the node, also when it comes through a named stream.
 */
#include "front.h"

#include <stdlib.h>

#include "info.h"
#include "loader.h"
#include "status.h"

NTSTATUS WFS_CALL front_get_file_info(struct wfs_file_system *fs, void *context, struct wfs_file_info *info)
{
	info_of_stream(front_of(fs)->volume, context, info);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_set_basic_info(struct wfs_file_system *fs, void *context, UINT32 attributes,
				       UINT64 creation, UINT64 access, UINT64 write, UINT64 change,
				       struct wfs_file_info *info)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	struct mfs_node *node = mfs_stream_node(context);
	struct mfs_set set = {.what = 0};

	if (attributes != INVALID_FILE_ATTRIBUTES) {
		if (attributes & MFS_A_TEMPORARY && mfs_node_is_directory(node))
			return STATUS_INVALID_PARAMETER;
		/* 0 and NORMAL alone clear all; what the engine keeps itself stays. */
		set.what |= MFS_SET_ATTRIBUTES;
		set.attributes = attributes & MFS_A_SETTABLE;
	}
	if (creation != 0) {
		set.what |= MFS_SET_BIRTH;
		set.birth = info_time_from_nt(creation);
	}
	if (access != 0) {
		set.what |= MFS_SET_ACCESS;
		set.access = info_time_from_nt(access);
	}
	if (write != 0) {
		set.what |= MFS_SET_WRITE;
		set.write = info_time_from_nt(write);
	}
	if (change != 0) {
		set.what |= MFS_SET_CHANGE;
		set.change = info_time_from_nt(change);
	} else {
		set.what |= MFS_SET_KEEP_CHANGE; /* Cleanup moves it */
	}
	enum mfs_status status = mfs_node_set(volume, node, &set);
	if (status != MFS_OK)
		return status_to_nt(status);
	info_of_stream(volume, context, info);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_get_security(struct wfs_file_system *fs, void *context,
				     PSECURITY_DESCRIPTOR descriptor, SIZE_T *size)
{
	struct mfs_node *node = mfs_stream_node(context);
	size_t needed = 0;
	enum mfs_status status =
		mfs_security_get(front_of(fs)->volume, node, descriptor, descriptor ? *size : 0, &needed);
	if (status != MFS_OK && status != MFS_BUFFER_TOO_SMALL)
		return status_to_nt(status);
	bool fits = needed <= *size;
	*size = needed;
	return fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

/* The node's descriptor as WinFsp's function wants it; *present is to be freed. */
static NTSTATUS read_security(struct mfs_volume *volume, struct mfs_node *node, void **present)
{
	size_t size = 0;
	*present = NULL;
	for (;;) {
		size_t room = size;
		enum mfs_status status = mfs_security_get(volume, node, *present, room, &size);
		if (status == MFS_OK && size == 0)
			return STATUS_NO_SECURITY_ON_OBJECT;
		if (status == MFS_OK && *present)
			return STATUS_SUCCESS;
		if (status != MFS_OK && status != MFS_BUFFER_TOO_SMALL)
			return status_to_nt(status);
		free(*present);
		*present = malloc(size);
		if (*present == NULL)
			return STATUS_INSUFFICIENT_RESOURCES;
	}
}

static NTSTATUS change_security(struct front *front, struct mfs_node *node, SECURITY_INFORMATION what,
				PSECURITY_DESCRIPTOR change)
{
	const struct wfs_api *api = front->api;
	PSECURITY_DESCRIPTOR result = NULL;
	void *present;
	NTSTATUS status = read_security(front->volume, node, &present);
	if (status == STATUS_SUCCESS)
		status = api->set_security(present, what, change, &result);
	free(present);
	if (status != STATUS_SUCCESS)
		return status;

	/* The DLL asks for the function that made the descriptor, to free it in the same way. */
	void *made_by;
	_Static_assert(sizeof made_by == sizeof api->set_security, "function pointers");
	__builtin_memcpy(&made_by, &api->set_security, sizeof made_by);
	enum mfs_status set =
		mfs_security_set(front->volume, node, result, GetSecurityDescriptorLength(result));
	api->delete_security(result, made_by);
	return status_to_nt(set);
}

NTSTATUS WFS_CALL front_set_security(struct wfs_file_system *fs, void *context, SECURITY_INFORMATION what,
				     PSECURITY_DESCRIPTOR change)
{
	struct front *front = front_of(fs);
	/* The driver serializes by file object's file; a file and its streams are several. */
	AcquireSRWLockExclusive(&front->changes);
	NTSTATUS status = change_security(front, mfs_stream_node(context), what, change);
	ReleaseSRWLockExclusive(&front->changes);
	return status;
}
