/*
 * data: reading, writing and sizing streams. The store keeps the bytes; here are the rules: what
 * the end of a stream means, what must fit, which times move.
 */
#include <stdlib.h>
#include <string.h>

#include "node.h"

#define STREAM_END ((uint64_t)1 << 63) /* behind every byte there can be */
#define COPY_STEP ((uint64_t)1 << 20)  /* bytes copied under one hold of the locks */
#define COPY_BUFFER ((size_t)32 << 10) /* bytes copied at once to or from a backing file, on the stack */

static uint64_t size_of(const struct mfs_stream *stream)
{
	return atomic_load_explicit(&stream->size, memory_order_relaxed);
}

static void size_set(struct mfs_stream *stream, uint64_t size)
{
	atomic_store_explicit(&stream->size, size, memory_order_release);
}

static bool is_directory_handle(const struct mfs_stream *stream)
{
	return mfs_stream_is_main(stream) && stream->node->kind == MFS_DIRECTORY;
}

/* Whether the data of this stream may be changed. */
static enum mfs_status may_change(const struct mfs_volume *volume, const struct mfs_stream *stream)
{
	if (volume->read_only)
		return MFS_READ_ONLY;
	return is_directory_handle(stream) ? MFS_IS_DIRECTORY : MFS_OK;
}

static uint64_t to_unit(const struct mfs_volume *volume, uint64_t size)
{
	return (size + volume->unit - 1) / volume->unit * volume->unit;
}

/* ---- reading -------------------------------------------------------------------- */

enum mfs_status mfs_read(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, void *to,
			 size_t size, size_t *done)
{
	enum mfs_status status = MFS_OK;
	uint64_t end;

	*done = 0;
	if (is_directory_handle(stream))
		return MFS_IS_DIRECTORY;
	if (size == 0)
		return MFS_OK;
	os_lock_shared(&stream->lock);
	end = size_of(stream);
	if (stream_is_backed(volume, stream)) {
		status = backed_read(volume, stream, offset, to, size, done);
	} else if (offset < end) {
		*done = end - offset < size ? (size_t)(end - offset) : size;
		sectors_read(&stream->sectors, offset, to, *done);
	} else {
		status = MFS_END_OF_FILE;
	}
	os_unlock_shared(&stream->lock);
	return status;
}

/* A backing file has no memory of ours to point to: the range is read into a buffer, a shorter one when there
 * is no memory for that. */
static int read_backed_pieces(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      size_t size, mfs_pieces_fn *use, void *context)
{
	unsigned char few[MFS_SECTOR], *buffer = size > sizeof few ? malloc(size) : NULL;
	struct mfs_piece piece = {.data = buffer ? buffer : few};
	int result;

	if (!buffer && size > sizeof few)
		size = sizeof few;
	os_lock_shared(&stream->lock);
	if (backed_read(volume, stream, offset, buffer ? buffer : few, size, &piece.size) != MFS_OK)
		piece.size = 0;
	os_unlock_shared(&stream->lock);
	result = use(context, &piece, piece.size ? 1 : 0, piece.size);
	free(buffer);
	return result;
}

int mfs_read_pieces(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, size_t size,
		    mfs_pieces_fn *use, void *context)
{
	struct mfs_piece pieces[MFS_PIECES];
	size_t count = 0, bytes = 0;
	uint64_t end;
	int result;

	if (stream_is_backed(volume, stream))
		return read_backed_pieces(volume, stream, offset, size, use, context);
	os_lock_shared(&stream->lock);
	end = size_of(stream);
	if (offset < end && !is_directory_handle(stream)) {
		size = end - offset < size ? (size_t)(end - offset) : size;
		count = sectors_pieces(&stream->sectors, offset, size, pieces, MFS_PIECES, &bytes);
	}
	result = use(context, pieces, count, bytes);
	os_unlock_shared(&stream->lock);
	return result;
}

/* The same for data and holes: where the stream's own bytes have the next one, UINT64_MAX: nowhere. */
static enum mfs_status next(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset, bool hole,
			    uint64_t *found)
{
	enum mfs_status status = MFS_OK;
	uint64_t end, at = UINT64_MAX;

	if (is_directory_handle(stream))
		return MFS_IS_DIRECTORY;
	os_lock_shared(&stream->lock);
	end = size_of(stream);
	if (stream_is_backed(volume, stream)) {
		status = backed_seek(volume, stream, offset, hole, found);
	} else {
		if (offset < end)
			at = hole ? sectors_next_hole(&stream->sectors, offset)
				  : sectors_next_data(&stream->sectors, offset);
		if (offset >= end || (!hole && at >= end))
			status = MFS_NO_DATA;
		else
			*found = at < end ? at : end; /* the end is a hole */
	}
	os_unlock_shared(&stream->lock);
	return status;
}

enum mfs_status mfs_next_data(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t *found)
{
	return next(volume, stream, offset, false, found);
}

enum mfs_status mfs_next_hole(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t *found)
{
	return next(volume, stream, offset, true, found);
}

/* ---- writing ---------------------------------------------------------------------- */

/* Cuts a write to what it may touch, under the lock. */
static enum mfs_status write_range(const struct mfs_stream *stream, uint64_t *offset, size_t *size,
				   unsigned flags)
{
	uint64_t end = size_of(stream);

	if (flags & MFS_WRITE_APPEND)
		*offset = end;
	if (flags & MFS_WRITE_CONSTRAINED) {
		if (*offset >= end)
			*size = 0;
		else if (end - *offset < *size)
			*size = (size_t)(end - *offset);
	}
	if (*size == 0)
		return MFS_OK;
	if (*offset >= (uint64_t)MFS_SIZE_MAX)
		return MFS_TOO_BIG;
	if (*size > (uint64_t)MFS_SIZE_MAX - *offset) {
		if (flags & MFS_WRITE_ALL)
			return MFS_TOO_BIG;
		*size = (size_t)((uint64_t)MFS_SIZE_MAX - *offset);
	}
	return MFS_OK;
}

/* Writes under the lock; *size becomes what was written. */
static enum mfs_status write_locked(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
				    const void *from, size_t *size, bool all)
{
	uint64_t end = size_of(stream);

	if (*size == 0)
		return MFS_OK;
	if (stream_is_backed(volume, stream))
		return backed_write(volume, stream, offset, from, size, all);
	/* A gap counts as written where sizes are promises, and at least a byte must fit behind it. */
	if (volume->size_is_promise && offset > end &&
	    !sectors_promise(&volume->store, &stream->sectors, end, offset + (all ? *size : 1)))
		return MFS_NO_SPACE;
	*size = sectors_write(&volume->store, &stream->sectors, offset, from, *size, all);
	if (*size == 0)
		return MFS_NO_SPACE;
	if (offset + *size > end)
		size_set(stream, offset + *size);
	return MFS_OK;
}

enum mfs_status mfs_write(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			  const void *from, size_t size, unsigned flags, size_t *done)
{
	enum mfs_status status = may_change(volume, stream);

	*done = 0;
	if (status != MFS_OK)
		return status;
	os_lock_exclusive(&stream->lock);
	if (stream_is_backed(volume, stream) && flags & (MFS_WRITE_APPEND | MFS_WRITE_CONSTRAINED))
		backed_look(volume, stream);
	status = write_range(stream, &offset, &size, flags);
	if (status == MFS_OK)
		status = write_locked(volume, stream, offset, from, &size, flags & MFS_WRITE_ALL);
	os_unlock_exclusive(&stream->lock);
	if (status != MFS_OK)
		return status;
	*done = size;
	if (size > 0 && !(flags & MFS_WRITE_KEEP_TIMES))
		node_touch(volume, stream->node, TOUCH_DATA);
	return MFS_OK;
}

/* ---- sizes -------------------------------------------------------------------------- */

enum mfs_status stream_resize(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size)
{
	uint64_t end = size_of(stream);

	if (size > (uint64_t)MFS_SIZE_MAX)
		return MFS_TOO_BIG;
	if (stream_is_backed(volume, stream))
		return backed_resize(volume, stream, size);
	if (size > end && volume->size_is_promise) {
		if (!sectors_promise(&volume->store, &stream->sectors, end, size))
			return MFS_NO_SPACE;
	} else if (size < end || size == 0) {
		sectors_clear(&volume->store, &stream->sectors, size, STREAM_END);
	}
	size_set(stream, size);
	return MFS_OK;
}

enum mfs_status mfs_set_size(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size)
{
	enum mfs_status status = may_change(volume, stream);

	if (status != MFS_OK)
		return status;
	os_lock_exclusive(&stream->lock);
	status = stream_resize(volume, stream, size);
	os_unlock_exclusive(&stream->lock);
	if (status == MFS_OK)
		node_touch(volume, stream->node, TOUCH_DATA);
	return status;
}

enum mfs_status mfs_set_allocation(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t size)
{
	enum mfs_status status = may_change(volume, stream);

	if (status != MFS_OK)
		return status;
	if (size > (uint64_t)MFS_SIZE_MAX)
		return MFS_TOO_BIG;
	os_lock_exclusive(&stream->lock);
	if (stream_is_backed(volume, stream))
		backed_look(volume, stream);
	if (size < size_of(stream)) {
		status = stream_resize(volume, stream, size);
	} else if (stream_is_backed(volume, stream)) {
		if (size > 0)
			status = backed_allocate(volume, stream, 0, size, MFS_FALLOCATE_KEEP_SIZE);
	} else if (!sectors_promise(&volume->store, &stream->sectors, size_of(stream),
				    to_unit(volume, size))) {
		status = MFS_NO_SPACE;
	} else {
		sectors_clear(&volume->store, &stream->sectors, to_unit(volume, size), STREAM_END);
	}
	os_unlock_exclusive(&stream->lock);
	if (status == MFS_OK)
		node_touch(volume, stream->node, TOUCH_DATA);
	return status;
}

void mfs_stream_trim(struct mfs_volume *volume, struct mfs_stream *stream)
{
	if (is_directory_handle(stream) || stream_is_backed(volume, stream))
		return;
	os_lock_exclusive(&stream->lock);
	sectors_trim(&volume->store, &stream->sectors);
	os_unlock_exclusive(&stream->lock);
}

/* ---- overwriting ---------------------------------------------------------------------- */

/* Whether an emptied stream can have this much set aside, under its lock. */
static bool can_set_aside(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t allocation)
{
	if (!stream_is_backed(volume, stream))
		return sectors_promise(&volume->store, &stream->sectors, 0, allocation);
	return !allocation ||
	       backed_allocate(volume, stream, 0, allocation, MFS_FALLOCATE_KEEP_SIZE) == MFS_OK;
}

/* Everything that can fail was done: empties the stream, under its lock. */
static void empty_locked(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t allocation)
{
	if (stream_is_backed(volume, stream)) {
		backed_resize(volume, stream, 0);
		if (allocation)
			backed_allocate(volume, stream, 0, allocation, MFS_FALLOCATE_KEEP_SIZE);
		return;
	}
	sectors_clear(&volume->store, &stream->sectors, 0, STREAM_END);
	size_set(stream, 0);
	sectors_promise_again(&volume->store, &stream->sectors, 0, allocation);
}

enum mfs_status mfs_overwrite(struct mfs_volume *volume, struct mfs_stream *stream,
			      const struct mfs_overwrite *how)
{
	struct mfs_node *node = stream->node;
	enum mfs_status status = may_change(volume, stream);
	bool whole = mfs_stream_is_main(stream);
	struct blob *eas = NULL, *old = NULL;

	if (status == MFS_OK && how->allocation > (uint64_t)MFS_SIZE_MAX)
		status = MFS_TOO_BIG;
	if (status == MFS_OK && whole && how->eas_size > 0)
		status = ea_apply(volume, NULL, how->eas, how->eas_size, &eas);
	if (status != MFS_OK)
		return status;
	os_lock_exclusive(&stream->lock);
	os_lock_exclusive(&node->lock);
	if ((eas && !extras_get(volume, node)) ||
	    !can_set_aside(volume, stream, to_unit(volume, how->allocation)))
		status = MFS_NO_SPACE;
	if (status == MFS_OK) {
		empty_locked(volume, stream, to_unit(volume, how->allocation));
		node->attributes =
			(how->replace_attributes ? 0 : node->attributes) | (how->attributes & MFS_A_SETTABLE);
		if (whole && node->extras) {
			streams_unlist_all(volume, node);
			old = node->extras->eas;
			node->extras->eas = eas;
			eas = NULL;
			extras_prune(volume, node);
		}
		node_touch_locked(volume, node, TOUCH_DATA | 1u << ACCESS);
	} else {
		extras_prune(volume, node);
	}
	os_unlock_exclusive(&node->lock);
	os_unlock_exclusive(&stream->lock);
	blob_free(volume, eas);
	blob_free(volume, old);
	return status;
}

/* ---- ranges ------------------------------------------------------------------------------ */

static enum mfs_status collapse(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
				uint64_t size)
{
	uint64_t end = size_of(stream);

	if (offset % 4096 || size % 4096 || offset + size >= end)
		return MFS_INVALID;
	/* Divides what crosses the borders first (a shift by nothing), so that the rest cannot fail. */
	if (!sectors_shift(&volume->store, &stream->sectors, offset, 0) ||
	    !sectors_shift(&volume->store, &stream->sectors, offset + size, 0))
		return MFS_NO_SPACE;
	sectors_clear(&volume->store, &stream->sectors, offset, offset + size);
	sectors_shift(&volume->store, &stream->sectors, offset + size, -(int64_t)size);
	size_set(stream, end - size);
	return MFS_OK;
}

static enum mfs_status insert(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t size)
{
	uint64_t end = size_of(stream);

	if (offset % 4096 || size % 4096 || offset >= end)
		return MFS_INVALID;
	if (size > (uint64_t)MFS_SIZE_MAX - end)
		return MFS_TOO_BIG;
	if (!sectors_shift(&volume->store, &stream->sectors, offset, 0))
		return MFS_NO_SPACE;
	/* What is set aside behind the end could be pushed beyond the largest offset. */
	sectors_clear(&volume->store, &stream->sectors, (end + 4095) / 4096 * 4096, STREAM_END);
	sectors_shift(&volume->store, &stream->sectors, offset, (int64_t)size); /* divided by now */
	size_set(stream, end + size);
	return MFS_OK;
}

static enum mfs_status allocate(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
				uint64_t size, unsigned flags)
{
	uint64_t end = size_of(stream), to = offset + size;
	bool grows = to > end && !(flags & MFS_FALLOCATE_KEEP_SIZE);
	/* A gap in front counts as well where sizes are promises. */
	uint64_t from = grows && volume->size_is_promise && offset > end ? end : offset;

	if (!sectors_promise(&volume->store, &stream->sectors, from, to))
		return MFS_NO_SPACE;
	if (flags & MFS_FALLOCATE_ZERO) {
		sectors_clear(&volume->store, &stream->sectors, offset, to);
		sectors_promise_again(&volume->store, &stream->sectors, offset, to);
	}
	if (grows)
		size_set(stream, to);
	return MFS_OK;
}

enum mfs_status mfs_fallocate(struct mfs_volume *volume, struct mfs_stream *stream, uint64_t offset,
			      uint64_t size, unsigned flags)
{
	enum mfs_status status = may_change(volume, stream);
	unsigned mode = flags & ~MFS_FALLOCATE_KEEP_SIZE;

	if (status != MFS_OK)
		return status;
	if (size == 0 || mode & (mode - 1) || mode > MFS_FALLOCATE_INSERT)
		return MFS_INVALID;
	if (offset > (uint64_t)MFS_SIZE_MAX || size > (uint64_t)MFS_SIZE_MAX - offset)
		return MFS_TOO_BIG;
	os_lock_exclusive(&stream->lock);
	if (stream_is_backed(volume, stream))
		status = backed_allocate(volume, stream, offset, size, flags);
	else if (mode == MFS_FALLOCATE_PUNCH)
		sectors_clear(&volume->store, &stream->sectors, offset, offset + size);
	else if (mode == MFS_FALLOCATE_COLLAPSE)
		status = collapse(volume, stream, offset, size);
	else if (mode == MFS_FALLOCATE_INSERT)
		status = insert(volume, stream, offset, size);
	else
		status = allocate(volume, stream, offset, size, flags);
	os_unlock_exclusive(&stream->lock);
	if (status == MFS_OK)
		node_touch(volume, stream->node, TOUCH_DATA);
	return status;
}

/* ---- copying ------------------------------------------------------------------------------- */

static void lock_pair(struct mfs_stream *from, struct mfs_stream *to)
{
	if (from == to) {
		os_lock_exclusive(&to->lock);
	} else if (from < to) {
		os_lock_shared(&from->lock);
		os_lock_exclusive(&to->lock);
	} else {
		os_lock_exclusive(&to->lock);
		os_lock_shared(&from->lock);
	}
}

static void unlock_pair(struct mfs_stream *from, struct mfs_stream *to)
{
	os_unlock_exclusive(&to->lock);
	if (from != to)
		os_unlock_shared(&from->lock);
}

/* Copies a hole: zeros that cost nothing. */
static enum mfs_status copy_hole(struct mfs_volume *volume, struct mfs_stream *to, uint64_t offset,
				 uint64_t size)
{
	uint64_t end = size_of(to), from = offset < end ? offset : end;

	if (volume->size_is_promise && !sectors_promise(&volume->store, &to->sectors, from, offset + size))
		return MFS_NO_SPACE;
	sectors_clear(&volume->store, &to->sectors, offset, offset + size);
	if (volume->size_is_promise)
		sectors_promise_again(&volume->store, &to->sectors, offset, offset + size);
	return offset + size > size_of(to) ? stream_resize(volume, to, offset + size) : MFS_OK;
}

/* Copies at most `size` bytes, one stretch of data or hole, under both locks. */
static enum mfs_status copy_stretch(struct mfs_volume *volume, struct mfs_stream *from, uint64_t from_offset,
				    struct mfs_stream *to, uint64_t to_offset, uint64_t *size)
{
	uint64_t end = size_of(from), data, hole;
	enum mfs_status status;
	struct mfs_piece piece;
	size_t bytes;

	if (from_offset >= end) {
		*size = 0;
		return MFS_OK;
	}
	if (*size > end - from_offset)
		*size = end - from_offset;
	data = sectors_next_data(&from->sectors, from_offset);
	if (data > from_offset) {
		hole = data - from_offset;
		*size = *size < hole ? *size : hole;
		return copy_hole(volume, to, to_offset, *size);
	}
	sectors_pieces(&from->sectors, from_offset, *size < COPY_STEP ? (size_t)*size : (size_t)COPY_STEP,
		       &piece, 1, &bytes);
	status = write_locked(volume, to, to_offset, piece.data, &bytes, false);
	*size = bytes;
	return status;
}

/* The same where one of the two is a backing file: through a buffer. */
static enum mfs_status copy_through(struct mfs_volume *volume, struct mfs_stream *from, uint64_t from_offset,
				    struct mfs_stream *to, uint64_t to_offset, uint64_t *size)
{
	unsigned char buffer[COPY_BUFFER];
	size_t most = *size < sizeof buffer ? (size_t)*size : sizeof buffer, bytes;
	enum mfs_status status = mfs_read(volume, from, from_offset, buffer, most, &bytes);

	*size = 0;
	if (status == MFS_END_OF_FILE)
		return MFS_OK;
	if (status != MFS_OK)
		return status;
	os_lock_exclusive(&to->lock);
	status = write_locked(volume, to, to_offset, buffer, &bytes, false);
	os_unlock_exclusive(&to->lock);
	*size = bytes;
	return status;
}

static enum mfs_status copy_part(struct mfs_volume *volume, struct mfs_stream *from, uint64_t from_offset,
				 struct mfs_stream *to, uint64_t to_offset, uint64_t *size)
{
	enum mfs_status status;

	if (stream_is_backed(volume, from) || stream_is_backed(volume, to))
		return copy_through(volume, from, from_offset, to, to_offset, size);
	lock_pair(from, to);
	status = copy_stretch(volume, from, from_offset, to, to_offset, size);
	unlock_pair(from, to);
	return status;
}

enum mfs_status mfs_copy(struct mfs_volume *volume, struct mfs_stream *from, uint64_t from_offset,
			 struct mfs_stream *to, uint64_t to_offset, uint64_t size, uint64_t *done)
{
	enum mfs_status status = may_change(volume, to);

	*done = 0;
	if (status != MFS_OK)
		return status;
	if (is_directory_handle(from))
		return MFS_IS_DIRECTORY;
	if (from_offset > (uint64_t)MFS_SIZE_MAX || to_offset > (uint64_t)MFS_SIZE_MAX ||
	    (size > 0 && to_offset == (uint64_t)MFS_SIZE_MAX))
		return MFS_TOO_BIG;
	if (size > (uint64_t)MFS_SIZE_MAX - to_offset)
		size = (uint64_t)MFS_SIZE_MAX - to_offset;
	if (size > (uint64_t)MFS_SIZE_MAX - from_offset)
		size = (uint64_t)MFS_SIZE_MAX - from_offset;
	if (stream_is_backed(volume, from))
		backed_sync(volume, from);
	if (from == to) {
		uint64_t end = size_of(from); /* it may grow below, which is not what was asked for */

		if (from_offset < to_offset + size && to_offset < from_offset + size)
			return MFS_INVALID;
		size = from_offset >= end ? 0 : size < end - from_offset ? size : end - from_offset;
	}
	while (*done < size && status == MFS_OK) {
		uint64_t part = size - *done;

		status = copy_part(volume, from, from_offset + *done, to, to_offset + *done, &part);
		if (status == MFS_OK && part == 0)
			break;
		if (status == MFS_OK)
			*done += part;
	}
	if (*done > 0) {
		node_touch(volume, to->node, TOUCH_DATA);
		return MFS_OK;
	}
	return status;
}
