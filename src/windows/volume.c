/*
 * volume.c: GetVolumeInfo and SetVolumeLabel.
 */
#include "front.h"
#include "status.h"

static void fill(struct mfs_volume *volume, struct wfs_volume_info *info)
{
	struct mfs_space space;
	char label[96];
	mfs_volume_space(volume, &space);
	size_t size = mfs_volume_label(volume, label);
	size_t units = size ? mfs_name_to_utf16(label, size, info->label, WFS_LABEL_UNITS) : 0;
	info->total_size = space.total_bytes;
	info->free_size = space.free_bytes;
	info->label_size = (UINT16)(units * sizeof(WCHAR));
}

NTSTATUS WFS_CALL front_get_volume_info(struct wfs_file_system *fs, struct wfs_volume_info *info)
{
	fill(front_of(fs)->volume, info);
	return STATUS_SUCCESS;
}

/* What is longer than a label can be is cut, as WinFsp's tests have it; no pair is cut in two. */
static size_t label_units(const WCHAR *label)
{
	size_t units = wcsnlen(label, WFS_LABEL_UNITS + 1);
	if (units <= WFS_LABEL_UNITS)
		return units;
	units = WFS_LABEL_UNITS;
	if (IS_HIGH_SURROGATE(label[units - 1]) && IS_LOW_SURROGATE(label[units]))
		units--;
	return units;
}

NTSTATUS WFS_CALL front_set_volume_label(struct wfs_file_system *fs, WCHAR *label,
					 struct wfs_volume_info *info)
{
	struct mfs_volume *volume = front_of(fs)->volume;
	char bytes[3 * WFS_LABEL_UNITS];
	size_t units = label_units(label);
	size_t size = units ? mfs_utf16_to_name(label, units, bytes, sizeof bytes) : 0;
	enum mfs_status status = mfs_volume_set_label(volume, bytes, size);
	if (status != MFS_OK)
		return status_to_nt(status);
	fill(volume, info);
	return STATUS_SUCCESS;
}
