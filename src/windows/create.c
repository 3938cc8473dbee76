/*
 * create.c: Create and Overwrite, with extended attributes or reparse data.
 */
#include "info.h"
#include "open.h"
#include "status.h"

/* What was asked for, besides where. */
struct wanted {
	UINT32 options, attributes;
	PSECURITY_DESCRIPTOR descriptor; /* self-relative; NULL: none */
	UINT64 allocation;
	const void *extra; /* EAs or reparse data; NULL: none */
	ULONG extra_size;
	bool extra_is_reparse_point;
};

static enum mfs_status create_file(struct mfs_volume *volume, const struct mfs_place *place,
				   const struct wanted *wanted, struct mfs_stream **stream)
{
	bool directory = wanted->options & FILE_DIRECTORY_FILE;
	struct mfs_new what = {
		.kind = directory ? MFS_DIRECTORY : MFS_FILE,
		.attributes = (wanted->attributes & MFS_A_SETTABLE) | (directory ? 0 : MFS_A_ARCHIVE),
		.mode = directory ? 0755 : 0644,
		.security = wanted->descriptor,
		.security_size = wanted->descriptor ? GetSecurityDescriptorLength(wanted->descriptor) : 0,
		.allocation = directory ? 0 : wanted->allocation,
	};
	if (wanted->extra_is_reparse_point) {
		what.reparse = wanted->extra;
		what.reparse_size = wanted->extra_size;
	} else {
		what.eas = wanted->extra;
		what.eas_size = wanted->extra_size;
	}
	struct mfs_node *node;
	enum mfs_status status =
		mfs_create(volume, place->parent, place->name, place->name_size, &what, &node);
	if (status != MFS_OK)
		return status;
	*stream = mfs_main_stream(node);
	mfs_node_drop(volume, node);
	return MFS_OK;
}

/* A stream belongs to its file: so do EAs that come with it, and it has no descriptor. */
static enum mfs_status create_stream(struct mfs_volume *volume, const struct names_path *path,
				     struct mfs_node *node, const struct wanted *wanted,
				     struct mfs_stream **stream)
{
	enum mfs_status status = mfs_stream_create(volume, node, path->stream, path->stream_size, stream);
	if (status != MFS_OK)
		return status;
	if (wanted->allocation != 0)
		status = mfs_set_allocation(volume, *stream, wanted->allocation);
	if (status == MFS_OK && wanted->extra && wanted->extra_is_reparse_point)
		status = MFS_INVALID;
	else if (status == MFS_OK && wanted->extra)
		status = mfs_ea_set(volume, node, wanted->extra, wanted->extra_size, false);
	if (status != MFS_OK) {
		mfs_stream_remove(volume, node, path->stream, path->stream_size, *stream);
		mfs_stream_drop(volume, *stream);
	}
	return status;
}

static NTSTATUS create_at(struct mfs_volume *volume, const struct names_path *path,
			  const struct mfs_place *place, enum mfs_status walked, const struct wanted *wanted,
			  struct mfs_stream **stream)
{
	if (path->stream) {
		if (wanted->options & FILE_DIRECTORY_FILE)
			return STATUS_NOT_A_DIRECTORY;
		if (walked == MFS_OK)
			return status_to_nt(create_stream(volume, path, place->node, wanted, stream));
	} else {
		if (walked == MFS_OK)
			return STATUS_OBJECT_NAME_COLLISION;
		if (walked == MFS_NOT_FOUND)
			return status_to_nt(create_file(volume, place, wanted, stream));
	}
	return names_walk_status(volume, path, walked);
}

static NTSTATUS create(struct front *front, const WCHAR *wide, const struct wanted *wanted, void **context,
		       struct wfs_file_info *info)
{
	struct names_path path;
	struct mfs_place place;
	struct mfs_stream *stream;
	if (wanted->options & FILE_DIRECTORY_FILE && wanted->attributes & MFS_A_TEMPORARY)
		return STATUS_INVALID_PARAMETER;
	if (!wanted->extra_is_reparse_point && wanted->extra_size > FRONT_ANSWER_MAX)
		return STATUS_EA_TOO_LARGE; /* GetEa could never tell them */
	NTSTATUS result = names_path(&path, wide);
	if (result != STATUS_SUCCESS)
		return result;
	enum mfs_status walked = names_walk(front->volume, &path, &place);
	result = create_at(front->volume, &path, &place, walked, wanted, &stream);
	if (result == STATUS_SUCCESS)
		open_finish(front, &path, stream, context, info);
	mfs_place_drop(front->volume, &place);
	return result;
}

NTSTATUS WFS_CALL front_create_ex(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access,
				  UINT32 attributes, PSECURITY_DESCRIPTOR descriptor, UINT64 allocation,
				  void *extra, ULONG extra_size, BOOLEAN extra_is_reparse_point,
				  void **context, struct wfs_file_info *info)
{
	(void)access; /* granted already */
	const struct wanted wanted = {
		.options = options,
		.attributes = attributes,
		.descriptor = descriptor,
		.allocation = allocation,
		.extra = extra_size ? extra : NULL,
		.extra_size = extra ? extra_size : 0,
		.extra_is_reparse_point = extra && extra_size && extra_is_reparse_point,
	};
	return create(front_of(fs), path, &wanted, context, info);
}

NTSTATUS WFS_CALL front_create(struct wfs_file_system *fs, WCHAR *path, UINT32 options, UINT32 access,
			       UINT32 attributes, PSECURITY_DESCRIPTOR descriptor, UINT64 allocation,
			       void **context, struct wfs_file_info *info)
{
	return front_create_ex(fs, path, options, access, attributes, descriptor, allocation, NULL, 0, FALSE,
			       context, info);
}

NTSTATUS WFS_CALL front_overwrite_ex(struct wfs_file_system *fs, void *context, UINT32 attributes,
				     BOOLEAN replace_attributes, UINT64 allocation, struct wfs_ea *eas,
				     ULONG eas_size, struct wfs_file_info *info)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	const struct mfs_overwrite how = {
		.attributes = (attributes & MFS_A_SETTABLE) | MFS_A_ARCHIVE,
		.replace_attributes = replace_attributes,
		.allocation = allocation,
		.eas = eas_size ? eas : NULL,
		.eas_size = eas ? eas_size : 0,
	};
	if (how.eas_size > FRONT_ANSWER_MAX)
		return STATUS_EA_TOO_LARGE;
	/* When it fails, the DLL closes the file by itself. */
	enum mfs_status status = mfs_overwrite(volume, context, &how);
	if (status != MFS_OK)
		return status_to_nt(status);
	info_of_stream(volume, context, info);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL front_overwrite(struct wfs_file_system *fs, void *context, UINT32 attributes,
				  BOOLEAN replace_attributes, UINT64 allocation, struct wfs_file_info *info)
{
	return front_overwrite_ex(fs, context, attributes, replace_attributes, allocation, NULL, 0, info);
}
