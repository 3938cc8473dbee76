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
	to->file_size = from->data_size; /* a link is as long as its target to POSIX only */
	to->creation_time = info_time_to_nt(from->birth);
	to->last_access_time = info_time_to_nt(from->access);
	to->last_write_time = info_time_to_nt(from->write);
	to->change_time = info_time_to_nt(from->change);
	to->index_number = from->number;
	to->hard_links = 0;
	to->ea_size = from->ea_size;
}

void info_of_node(struct mfs_volume *volume, struct mfs_node *node, struct wfs_file_info *to)
{
	struct mfs_info info;
	mfs_node_info(volume, node, &info);
	encode(&info, to);
}

void info_of_stream(struct mfs_volume *volume, struct mfs_stream *stream, struct wfs_file_info *to)
{
	struct mfs_info info;
	mfs_stream_info(volume, stream, &info);
	encode(&info, to);
	if (mfs_stream_is_main(stream))
		return;
	to->attributes &= ~MFS_A_DIRECTORY;
	if (to->attributes == 0)
		to->attributes = MFS_A_NORMAL;
}
