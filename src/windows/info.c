/*
 * info.c: times, and file information.
 */
#include "info.h"

#define EPOCH_SECONDS 11644473600 /* from 1601 to 1970 */
#define TICKS 10000000		  /* in a second */

UINT64 info_time_to_nt(struct mfs_time time)
{
	const int64_t last = (int64_t)(UINT64_MAX / TICKS) - EPOCH_SECONDS;
	if (time.seconds < -EPOCH_SECONDS)
		return 0;
	if (time.seconds > last)
		return UINT64_MAX;
	UINT64 whole = (UINT64)(time.seconds + EPOCH_SECONDS) * TICKS;
	UINT64 part = time.nanoseconds / 100;
	return whole > UINT64_MAX - part ? UINT64_MAX : whole + part;
}

struct mfs_time info_time_from_nt(UINT64 time)
{
	return (struct mfs_time){
		.seconds = (int64_t)(time / TICKS) - EPOCH_SECONDS,
		.nanoseconds = (uint32_t)(time % TICKS) * 100,
	};
}

UINT64 info_now(void)
{
	FILETIME now;
	GetSystemTimeAsFileTime(&now);
	return (UINT64)now.dwHighDateTime << 32 | now.dwLowDateTime;
}

static void encode(const struct mfs_info *from, struct wfs_file_info *to)
{
	to->attributes = from->attributes;
	to->reparse_tag = from->reparse_tag;
	to->allocation_size = from->allocation;
	to->file_size = from->size;
	to->creation_time = info_time_to_nt(from->birth);
	to->last_access_time = info_time_to_nt(from->access);
	to->last_write_time = info_time_to_nt(from->write);
	to->change_time = info_time_to_nt(from->change);
	to->index_number = from->number;
	to->hard_links = 0;
	to->ea_size = from->ea_size;
}

/* Where a main stream ends: the least offset at which there is not even a hole. */
static UINT64 end_of_data(struct mfs_volume *volume, struct mfs_stream *stream)
{
	UINT64 within = 0, behind = MFS_SIZE_MAX, found;
	if (mfs_next_hole(volume, stream, 0, &found) != MFS_OK)
		return 0;
	while (behind - within > 1) {
		UINT64 middle = within + (behind - within) / 2;
		if (mfs_next_hole(volume, stream, middle, &found) == MFS_OK)
			within = middle;
		else
			behind = middle;
	}
	return behind;
}

/* To the engine a symbolic link is as long as its target; to NTFS its size is that of its
 * data, and there is hardly ever any. */
static void correct_size(struct mfs_volume *volume, struct mfs_stream *stream, const struct mfs_info *from,
			 UINT64 *size)
{
	if (from->kind == MFS_SYMLINK)
		*size = from->allocation ? end_of_data(volume, stream) : 0;
}

void info_of_node(struct mfs_volume *volume, struct mfs_node *node, struct wfs_file_info *to)
{
	struct mfs_info info;
	mfs_node_info(volume, node, &info);
	encode(&info, to);
	if (info.kind == MFS_SYMLINK) {
		struct mfs_stream *stream = mfs_main_stream(node);
		correct_size(volume, stream, &info, &to->file_size);
		mfs_stream_drop(volume, stream);
	}
}

void info_of_stream(struct mfs_volume *volume, struct mfs_stream *stream, struct wfs_file_info *to)
{
	struct mfs_info info;
	mfs_stream_info(volume, stream, &info);
	encode(&info, to);
	if (mfs_stream_is_main(stream)) {
		correct_size(volume, stream, &info, &to->file_size);
		return;
	}
	to->attributes &= ~MFS_A_DIRECTORY;
	if (to->attributes == 0)
		to->attributes = MFS_A_NORMAL;
}
