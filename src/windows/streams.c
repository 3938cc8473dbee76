/*
 * streams.c: GetStreamInfo.
 */
#include "front.h"
#include "info.h"
#include "loader.h"

struct listing {
	const struct wfs_api *api;
	void *buffer;
	ULONG size;
	ULONG *done;
	bool full;
};

union entry {
	struct wfs_stream_info info;
	BYTE bytes[sizeof(struct wfs_stream_info) + MFS_NAME_BYTES_MAX * sizeof(WCHAR)];
};

static bool add(void *context, const struct mfs_stream_entry *from)
{
	struct listing *listing = context;
	union entry entry;
	size_t units = 0;
	if (from->name_size != 0)
		units = mfs_name_to_utf16(from->name, from->name_size, entry.info.name, MFS_NAME_BYTES_MAX);
	entry.info.size = (UINT16)(sizeof entry.info + units * sizeof(WCHAR));
	entry.info.stream_size = from->size;
	entry.info.allocation_size = from->allocation;
	if (!listing->api->add_stream_info(&entry.info, listing->buffer, listing->size, listing->done))
		listing->full = true;
	return !listing->full;
}

NTSTATUS WFS_CALL front_get_stream_info(struct wfs_file_system *fs, void *context, void *buffer, ULONG size,
					ULONG *done)
{
	struct front *front = front_of(fs);
	struct mfs_node *node = mfs_stream_node(context);
	struct listing listing = {.api = front->api, .buffer = buffer, .size = size, .done = done};
	if (!mfs_node_is_directory(node)) {
		struct wfs_file_info info;
		info_of_node(front->volume, node, &info);
		const struct mfs_stream_entry main_stream = {
			.name = "", .size = info.file_size, .allocation = info.allocation_size};
		add(&listing, &main_stream);
	}
	if (!listing.full)
		mfs_streams_each(front->volume, node, add, &listing);
	/* There is no way to ask for the rest, and a short list would look like a whole one. */
	if (listing.full)
		return STATUS_INSUFFICIENT_RESOURCES;
	front->api->add_stream_info(NULL, buffer, size, done);
	return STATUS_SUCCESS;
}
