/*
 * backed: main streams whose bytes are in backing files (struct mfs_backing), outside the engine. Others read
 * and write these files unseen, so what the engine knows of size and times is looked up again when it
 * may be out of date. How a file is read and written is the front end's; what it means is decided here.
 */
#include <stdlib.h>

#include "node.h"

static const struct mfs_backing *place_of(const struct mfs_volume *volume)
{
	return volume->backing;
}

static uint64_t file_of(const struct mfs_stream *stream)
{
	return atomic_load_explicit(&stream->backed.file, memory_order_acquire);
}

/* ---- beginning and ending ------------------------------------------------------------------- */

enum mfs_status backed_make(struct mfs_volume *volume, struct mfs_stream *stream)
{
	const struct mfs_backing *place = place_of(volume);
	enum mfs_status status;
	uint64_t file;

	if (file_of(stream))
		return MFS_OK;
	if (!budget_take(&volume->budget, place->charge))
		return MFS_NO_SPACE;
	status = place->make(place->context, &file);
	if (status == MFS_OK)
		atomic_store_explicit(&stream->backed.file, file, memory_order_release);
	else
		budget_give(&volume->budget, place->charge);
	return status;
}

void backed_free(struct mfs_volume *volume, struct mfs_stream *stream)
{
	const struct mfs_backing *place = place_of(volume);
	uint64_t file = file_of(stream);

	if (!file)
		return;
	place->remove(place->context, file,
		      atomic_load_explicit(&stream->backed.stored, memory_order_relaxed));
	budget_give(&volume->budget, place->charge);
}

enum mfs_status mfs_stream_backing(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t *file)
{
	enum mfs_status status;

	*file = 0;
	if (!stream_is_backed(volume, stream))
		return MFS_OK;
	/* Under the lock, so that the last close does not take the file away meanwhile. */
	os_lock_exclusive(&stream->lock);
	status = backed_make(volume, stream);
	if (status == MFS_OK)
		*file = file_of(stream);
	os_unlock_exclusive(&stream->lock);
	return status;
}

bool mfs_stream_opened(struct mfs_volume *volume, struct mfs_stream *stream, bool reads, bool writes)
{
	bool maps = reads && writes;
	uint64_t before;

	if (writes)
		atomic_fetch_add_explicit(&stream->node->writers, 1, memory_order_relaxed);
	if (!stream_is_backed(volume, stream))
		return false;
	if (writes)
		atomic_fetch_add_explicit(&volume->writing, 1, memory_order_relaxed);
	atomic_fetch_add(&stream->backed.use, BACKED_OPEN + (maps ? BACKED_MAPPER : 0));
	before = atomic_fetch_or(&stream->backed.use, BACKED_STALE | (maps ? BACKED_MAPPED : 0));
	return maps && !(before & BACKED_MAPPED);
}

/* ---- looking at the file --------------------------------------------------------------------- */

/* Size and room as they are now. */
static void know(struct mfs_stream *stream, const struct mfs_backing_info *info)
{
	atomic_store_explicit(&stream->size, info->size, memory_order_release);
	atomic_store_explicit(&stream->backed.stored, info->stored, memory_order_relaxed);
}

/* The engine itself changed the file: its times say nothing new. `size`: what it should have now. */
static void know_own(struct mfs_stream *stream, const struct mfs_backing_info *info, uint64_t size)
{
	if (info->size == MFS_BACKING_UNSEEN) {
		atomic_store_explicit(&stream->size, size, memory_order_release);
		atomic_fetch_or(&stream->backed.use, BACKED_STALE);
		return;
	}
	know(stream, info);
	stream->backed.written = info->written;
}

/* The size of a stream of which something up to `end` was written. */
static uint64_t reaching(const struct mfs_stream *stream, uint64_t end)
{
	uint64_t size = atomic_load_explicit(&stream->size, memory_order_relaxed);

	return end > size ? end : size;
}

static void set_accessed(struct mfs_node *node, int64_t to)
{
	node->seconds[ACCESS] = to / 1000000000;
	node->nanoseconds[ACCESS] = (uint32_t)(to % 1000000000);
}

static void set_written(struct mfs_volume *volume, struct mfs_node *node, int64_t to)
{
	int64_t seconds = to / 1000000000;
	uint32_t nanoseconds = (uint32_t)(to % 1000000000);

	node_stamped(volume, seconds, nanoseconds);
	node_not_before(node, &seconds, &nanoseconds);
	for (enum node_time which = WRITE; which <= CHANGE; which++) {
		node->seconds[which] = seconds;
		node->nanoseconds[which] = nanoseconds;
	}
}

static bool time_before(const struct mfs_node *node, enum node_time a, enum node_time b)
{
	if (node->seconds[a] != node->seconds[b])
		return node->seconds[a] < node->seconds[b];
	return node->nanoseconds[a] <= node->nanoseconds[b];
}

/* Whether a read moves the access time: relatime's rule, with the read's own time. */
static bool access_counts(const struct mfs_volume *volume, const struct mfs_node *node, int64_t at)
{
	if (node->flags & MFS_F_NOATIME)
		return false;
	return volume->backing->strict || time_before(node, ACCESS, WRITE) ||
	       time_before(node, ACCESS, CHANGE) || at / 1000000000 - node->seconds[ACCESS] >= 24 * 60 * 60;
}

/* Times move on (stream and node locked exclusively). */
static void adopt(struct mfs_volume *volume, struct mfs_stream *stream, const struct mfs_backing_info *info)
{
	struct mfs_node *node = stream->node;

	if (info->accessed != stream->backed.accessed && access_counts(volume, node, info->accessed))
		set_accessed(node, info->accessed);
	if (info->written != stream->backed.written)
		set_written(volume, node, info->written);
	stream->backed.accessed = info->accessed;
	stream->backed.written = info->written;
}

/* (s) is held exclusively, (n) is not. False: the file could not be looked at. */
static bool look(struct mfs_volume *volume, struct mfs_stream *stream)
{
	const struct mfs_backing *place = place_of(volume);
	struct mfs_backing_info info;

	/* Before the look: what happens behind it counts as new. */
	atomic_fetch_and(&stream->backed.use, ~BACKED_STALE);
	if (place->info(place->context, file_of(stream), &info) != MFS_OK) {
		atomic_fetch_or(&stream->backed.use, BACKED_STALE);
		return false;
	}
	know(stream, &info);
	if (info.written == stream->backed.written && info.accessed == stream->backed.accessed)
		return true;
	os_lock_exclusive(&stream->node->lock);
	adopt(volume, stream, &info);
	os_unlock_exclusive(&stream->node->lock);
	return true;
}

static bool may_be_stale(const struct mfs_stream *stream)
{
	uint64_t use = atomic_load(&stream->backed.use);

	return use && file_of(stream);
}

bool backed_is_known(const struct mfs_stream *stream)
{
	return !(atomic_load(&stream->backed.use) & BACKED_STALE);
}

void backed_look(struct mfs_volume *volume, struct mfs_stream *stream)
{
	if (may_be_stale(stream))
		look(volume, stream);
}

bool backed_sync(struct mfs_volume *volume, struct mfs_stream *stream)
{
	bool seen;

	if (!may_be_stale(stream))
		return true;
	os_lock_exclusive(&stream->lock);
	seen = look(volume, stream);
	os_unlock_exclusive(&stream->lock);
	return seen;
}

void backed_times_set(struct mfs_volume *volume, struct mfs_stream *stream, bool access, bool write)
{
	const struct mfs_backing *place = place_of(volume);
	bool unseen;

	if (!file_of(stream))
		return;
	os_lock_exclusive(&stream->lock);
	/* When the file could not be looked at, what it says later is from before. */
	unseen = atomic_load(&stream->backed.use) & BACKED_STALE;
	access = access && (unseen || stream->backed.accessed);
	write = write && (unseen || (place->coarse && stream->backed.written));
	if ((access || write) && !place->reset(place->context, file_of(stream), access, write))
		access = write = false;
	if (access)
		stream->backed.accessed = 0;
	if (write)
		stream->backed.written = 0;
	os_unlock_exclusive(&stream->lock);
}

/* ---- the last close ------------------------------------------------------------------------------ */

/* A file that was made for an open that wrote nothing is not kept (locked). */
static void reclaim(struct mfs_volume *volume, struct mfs_stream *stream)
{
	const struct mfs_backing *place = place_of(volume);

	if (atomic_load_explicit(&stream->size, memory_order_relaxed) || stream->backed.written ||
	    atomic_load_explicit(&stream->backed.stored, memory_order_relaxed) ||
	    !place->reclaim(place->context, file_of(stream)))
		return;
	atomic_store(&stream->backed.file, 0);
	atomic_fetch_and(&stream->backed.use, ~BACKED_STALE);
	budget_give(&volume->budget, place->charge);
}

/* What was written is known from now on; without a look at each question, when this was the last. */
static void closed_writer(struct mfs_volume *volume, struct mfs_stream *stream)
{
	const uint64_t kept = BACKED_OPENS | BACKED_MAPPED | BACKED_STALE;

	os_lock_exclusive(&stream->lock);
	if (file_of(stream)) {
		look(volume, stream);
		if (!(atomic_load(&stream->backed.use) & kept))
			reclaim(volume, stream);
	}
	os_unlock_exclusive(&stream->lock);
	atomic_fetch_sub_explicit(&volume->writing, 1, memory_order_relaxed);
}

void mfs_stream_closed(struct mfs_volume *volume, struct mfs_stream *stream, bool reads, bool writes)
{
	uint64_t close = BACKED_OPEN + (reads && writes ? BACKED_MAPPER : 0);

	if (writes)
		atomic_fetch_sub_explicit(&stream->node->writers, 1, memory_order_relaxed);
	if (!stream_is_backed(volume, stream))
		return;
	atomic_fetch_or(&stream->backed.use, BACKED_STALE);
	atomic_fetch_sub(&stream->backed.use, close);
	if (writes)
		closed_writer(volume, stream);
}

/* ---- reading and writing ------------------------------------------------------------------------ */

enum mfs_status backed_read(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, void *to,
			    size_t size, size_t *done)
{
	const struct mfs_backing *place = place_of(volume);
	enum mfs_status status = MFS_OK;

	*done = 0;
	if (file_of(stream))
		status = place->read(place->context, file_of(stream), offset, to, size, done);
	return status == MFS_OK && *done == 0 ? MFS_END_OF_FILE : status;
}

enum mfs_status backed_write(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			     const void *from, size_t *size, bool all)
{
	const struct mfs_backing *place = place_of(volume);
	enum mfs_status status = backed_make(volume, stream);
	struct mfs_backing_info info;
	size_t wanted = *size, done;

	*size = 0;
	/* What is to be written as a whole gets its room first. */
	if (status == MFS_OK && all && wanted)
		status = place->allocate(place->context, file_of(stream), offset, wanted,
					 MFS_FALLOCATE_KEEP_SIZE, &info);
	if (status == MFS_OK && wanted)
		status = place->write(place->context, file_of(stream), offset, from, wanted, &done, &info);
	if (status != MFS_OK || !wanted)
		return status;
	know_own(stream, &info, reaching(stream, offset + done));
	*size = done;
	return MFS_OK;
}

enum mfs_status backed_resize(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size)
{
	const struct mfs_backing *place = place_of(volume);
	struct mfs_backing_info info;
	enum mfs_status status;

	if (size > (uint64_t)MFS_SIZE_MAX)
		return MFS_TOO_BIG;
	if (!size && !file_of(stream))
		return MFS_OK;
	status = backed_make(volume, stream);
	if (status == MFS_OK)
		status = place->resize(place->context, file_of(stream), size, &info);
	if (status == MFS_OK)
		know_own(stream, &info, size);
	return status;
}

enum mfs_status backed_allocate(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
				uint64_t size, unsigned flags)
{
	const struct mfs_backing *place = place_of(volume);
	const unsigned keeps = MFS_FALLOCATE_KEEP_SIZE | MFS_FALLOCATE_PUNCH;
	enum mfs_status status = backed_make(volume, stream);
	struct mfs_backing_info info;

	if (status == MFS_OK)
		status = place->allocate(place->context, file_of(stream), offset, size, flags, &info);
	if (status == MFS_OK)
		know_own(stream, &info,
			 flags & keeps ? reaching(stream, 0) : reaching(stream, offset + size));
	return status;
}

enum mfs_status backed_seek(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, bool hole,
			    uint64_t *found)
{
	const struct mfs_backing *place = place_of(volume);

	return file_of(stream) ? place->seek(place->context, file_of(stream), offset, hole, found)
			       : MFS_NO_DATA;
}
