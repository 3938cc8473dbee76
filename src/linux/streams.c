/*
 * streams: see streams.h. A stream that is replaced stays the same stream, so that who has it open as
 * file:stream goes on with the new contents.
 */
#include "streams.h"

#include <string.h>
#include <sys/stat.h>

const char *streams_name(struct front *front, const char *attribute)
{
	const char *name = attribute + sizeof STREAMS_PREFIX - 1;
	uint16_t units[MFS_NAME_MAX];

	if (strncmp(attribute, STREAMS_PREFIX, sizeof STREAMS_PREFIX - 1) || !*name || strchr(name, '/'))
		return NULL;
	if (mfs_volume_case_insensitive(front->volume) &&
	    !mfs_name_to_utf16(name, strlen(name), units, MFS_NAME_MAX))
		return NULL;
	return name;
}

struct listing {
	char *to;
	size_t capacity, used;
};

static bool list_one(void *context, const struct mfs_stream_entry *entry)
{
	struct listing *listing = context;
	size_t prefix = sizeof STREAMS_PREFIX - 1, size = prefix + entry->name_size + 1;

	if (listing->used + size <= listing->capacity) {
		char *at = listing->to + listing->used;

		memcpy(at, STREAMS_PREFIX, prefix);
		memcpy(at + prefix, entry->name, entry->name_size);
		at[size - 1] = 0;
	}
	listing->used += size;
	return true;
}

static enum mfs_status absent(enum mfs_status status)
{
	return status == MFS_NOT_FOUND ? MFS_NO_ATTRIBUTE : status;
}

enum mfs_status streams_get(struct front *front, struct mfs_node *node, const char *name, void *to,
			    size_t capacity, size_t *size)
{
	struct mfs_stream *stream;
	struct mfs_info info;
	enum mfs_status status;

	pthread_rwlock_rdlock(&front->streams_lock);
	status = absent(mfs_stream_open(front->volume, node, name, strlen(name), &stream));
	if (status == MFS_OK) {
		mfs_stream_info(front->volume, stream, &info);
		*size = info.size;
		if (info.size > capacity)
			status = MFS_BUFFER_TOO_SMALL;
		else if (info.size)
			status = mfs_read(front->volume, stream, 0, to, info.size, size);
		if (status == MFS_END_OF_FILE) { /* truncated as file:stream meanwhile */
			status = MFS_OK;
			*size = 0;
		}
		mfs_stream_drop(front->volume, stream);
	}
	pthread_rwlock_unlock(&front->streams_lock);
	return status;
}

/* Whether listxattr can tell one name more. */
static bool list_has_room(struct front *front, struct mfs_node *node, size_t name_size)
{
	struct listing listing = {.used = sizeof STREAMS_PREFIX + name_size};
	size_t others = 0;

	mfs_xattr_list(front->volume, node, NULL, 0, &others);
	mfs_streams_each(front->volume, node, list_one, &listing);
	return listing.used + others <= MFS_XATTR_MAX;
}

/* The stream to be set: what is there, or a new one. */
static enum mfs_status open_or_create(struct front *front, struct mfs_node *node, const char *name,
				      unsigned flags, struct mfs_stream **stream, bool *created)
{
	enum mfs_status status;

	/* Again when it was made meanwhile, as "file:stream". */
	do {
		status = mfs_stream_open(front->volume, node, name, strlen(name), stream);
		*created = false;
		if (status == MFS_OK && flags & MFS_XATTR_CREATE) {
			mfs_stream_drop(front->volume, *stream);
			return MFS_EXISTS;
		}
		if (status != MFS_NOT_FOUND || flags & MFS_XATTR_REPLACE)
			return absent(status);
		if (!list_has_room(front, node, strlen(name)))
			return MFS_TOO_LARGE;
		*created = true;
		status = mfs_stream_create(front->volume, node, name, strlen(name), stream);
	} while (status == MFS_EXISTS && !(flags & MFS_XATTR_CREATE));
	return status;
}

/* An attribute moves the change time, but not the time of writing that data moves. */
static void restore_times(struct front *front, struct mfs_node *node, const struct mfs_info *before)
{
	struct mfs_set set = {.what = MFS_SET_WRITE, .write = before->write};

	mfs_node_set(front->volume, node, &set);
}

/* All or nothing: what can fail, for want of space, comes before anything is lost. */
static enum mfs_status replace(struct front *front, struct mfs_stream *stream, const void *value, size_t size)
{
	enum mfs_status status = MFS_OK;
	size_t done;

	if (size)
		status = mfs_write(front->volume, stream, 0, value, size,
				   MFS_WRITE_ALL | MFS_WRITE_KEEP_TIMES, &done);
	if (status == MFS_OK)
		status = mfs_set_size(front->volume, stream, size);
	if (status == MFS_OK)
		mfs_stream_trim(front->volume, stream);
	return status;
}

enum mfs_status streams_set(struct front *front, struct mfs_node *node, const char *name, const void *value,
			    size_t size, unsigned flags)
{
	struct mfs_stream *stream;
	struct mfs_info before;
	enum mfs_status status;
	bool created;

	pthread_rwlock_wrlock(&front->streams_lock);
	status = open_or_create(front, node, name, flags, &stream, &created);
	if (status == MFS_OK) {
		mfs_node_info(front->volume, node, &before);
		status = replace(front, stream, value, size);
		if (status == MFS_OK)
			restore_times(front, node, &before);
		else if (created)
			mfs_stream_remove(front->volume, node, name, strlen(name), stream);
		mfs_stream_drop(front->volume, stream);
	}
	pthread_rwlock_unlock(&front->streams_lock);
	return status;
}

enum mfs_status streams_remove(struct front *front, struct mfs_node *node, const char *name)
{
	enum mfs_status status;

	pthread_rwlock_wrlock(&front->streams_lock);
	status = absent(mfs_stream_remove(front->volume, node, name, strlen(name), NULL));
	pthread_rwlock_unlock(&front->streams_lock);
	return status;
}

void streams_list(struct front *front, struct mfs_node *node, char *to, size_t capacity, size_t *used)
{
	struct listing listing = {.to = to, .capacity = capacity, .used = *used};

	/* A stream that is being set for the first time is not there yet. */
	pthread_rwlock_rdlock(&front->streams_lock);
	mfs_streams_each(front->volume, node, list_one, &listing);
	pthread_rwlock_unlock(&front->streams_lock);
	*used = listing.used;
}
