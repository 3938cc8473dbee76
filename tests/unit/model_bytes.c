/*
 * model_bytes: the operations of the model test on the contents of streams, and on named streams.
 */
#include "model_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any machine has: setting that much aside must be refused. */
#define NEVER ((uint64_t)1 << 50)
#define TOO_MUCH ((uint64_t)1 << 43)
/* Up to here it is tried for real; sizes between this and TOO_MUCH are not used for promises. */
#define SMALL ((uint64_t)1 << 22)

static uint64_t name_of(const struct model_stream *stream)
{
	return stream->node->number;
}

/* A place that is of interest in this stream. */
static uint64_t pick_offset(struct run *run, const struct model_data *data)
{
	unsigned kind = (unsigned)random_below(&run->random, 100);
	uint64_t near = data->size;

	if (kind < 35 && data->count)
		near = data->blocks[random_below(&run->random, data->count)].number * MODEL_BLOCK;
	if (kind < 35)
		return near + random_below(&run->random, near < data->size ? 2 * MODEL_BLOCK : 100);
	if (kind < 50)
		return random_below(&run->random, data->size + 1);
	if (kind < 65)
		return data->size;
	if (kind < 75)
		return data->size + random_below(&run->random, 5000);
	if (kind < 85)
		return random_below(&run->random, 300) * 512;
	if (kind < 94)
		return random_below(&run->random, 70000);
	if (kind < 97 && !run->mode->promise)
		return ((uint64_t)1 << random_between(&run->random, 20, 49)) +
		       random_below(&run->random, 3) * 511;
	return ((uint64_t)1 << random_between(&run->random, 51, 62)) - random_below(&run->random, 3) * 511;
}

/* What stands against this stream growing to a size. */
static uint64_t growth_faults(struct run *run, const struct model_data *data, uint64_t size)
{
	if (size > (uint64_t)MFS_SIZE_MAX)
		return RUN_BIT(MFS_TOO_BIG);
	if (run->mode->promise && size > data->size && size - data->size >= TOO_MUCH)
		return RUN_BIT(MFS_NO_SPACE);
	return 0;
}

/* A stream to change, kept from growing without end. */
static bool begin_change(struct run *run, struct run_use *use)
{
	if (!run_use_begin(run, use))
		return false;
	/* With few nodes about, streams may grow large enough for long runs. */
	if (use->model->data.count > (run->goal < 50 ? 9000 : 600)) {
		uint64_t size = random_below(&run->random, 200000);

		RUN_SAME(run, mfs_set_size(run->volume, use->stream, 0), MFS_OK);
		model_data_resize(&use->model->data, 0);
		use->model->promised = 0;
		if (mfs_set_size(run->volume, use->stream, size) == MFS_OK)
			model_data_resize(&use->model->data, size);
		run_written(use->model->node);
		run_mark(run);
	}
	return true;
}

/* After a change that was refused: all must be as it was. */
static void end_change(struct run *run, struct run_use *use, bool done)
{
	if (!done || random_percent(&run->random, 3))
		run_check_data(run, use->model, use->stream);
	if (use->model != &use->model->node->main)
		run_unsure(use->model->node);
	run_use_end(run, use);
}

/* After growing from `old`: that took nothing, and the new part is a hole. */
static void check_growth(struct run *run, const struct run_use *use, uint64_t old)
{
	struct mfs_space space;
	uint64_t found;

	if (use->model->data.size <= old)
		return;
	mfs_volume_space(run->volume, &space);
	if (!run->mode->promise)
		RUN_SAME(run, space.used_bytes, run->used_before);
	if (use->model->data.size - old > SMALL)
		RUN_SAME(run, mfs_next_data(run->volume, use->stream, old + SMALL / 2, &found), MFS_NO_DATA);
}

/* ---- reading ------------------------------------------------------------------------------ */

void op_read(struct run *run)
{
	struct run_use use;
	size_t size = run_data_size(run), done = 12345, wanted;
	uint64_t offset;

	if (!run_use_begin(run, &use))
		return;
	offset = pick_offset(run, &use.model->data);
	wanted = offset >= use.model->data.size		? 0
		 : use.model->data.size - offset < size ? (size_t)(use.model->data.size - offset)
							: size;
	run_say(run, "read %zu at %llu of %llu (size %llu)", size, (unsigned long long)offset,
		(unsigned long long)name_of(use.model), (unsigned long long)use.model->data.size);
	memset(run->buffer, 0xAA, size);
	if (run_outcome(run, mfs_read(run->volume, use.stream, offset, run->buffer, size, &done),
			size && !wanted ? RUN_BIT(MFS_END_OF_FILE) : 0, 0)) {
		RUN_SAME(run, done, wanted);
		model_data_read(&use.model->data, offset, run->expected, wanted);
		RUN_CHECK(run, !memcmp(run->buffer, run->expected, wanted));
		for (size_t i = wanted; i < size && i < wanted + 64; i++)
			RUN_CHECK(run, run->buffer[i] == 0xAA);
	}
	run_use_end(run, &use);
}

struct gathered {
	struct run *run;
	const struct model_data *data;
	uint64_t offset;
	size_t bytes, calls;
};

static int gather_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	struct gathered *to = context;
	size_t sum = 0;

	RUN_CHECK(to->run, count <= MFS_PIECES);
	for (size_t i = 0; i < count; i++) {
		RUN_CHECK(to->run, pieces[i].size && sum + pieces[i].size <= RUN_BUFFER);
		model_data_read(to->data, to->offset + sum, to->run->expected, pieces[i].size);
		RUN_CHECK(to->run, !memcmp(to->run->expected, pieces[i].data, pieces[i].size));
		sum += pieces[i].size;
	}
	RUN_SAME(to->run, sum, bytes);
	to->bytes = bytes;
	to->calls++;
	return 4711;
}

void op_pieces(struct run *run)
{
	struct run_use use;
	struct gathered gathered = {.run = run};
	size_t size = run_data_size(run), wanted;

	if (!run_use_begin(run, &use))
		return;
	gathered.data = &use.model->data;
	gathered.offset = pick_offset(run, &use.model->data);
	wanted = gathered.offset >= use.model->data.size ? 0
		 : use.model->data.size - gathered.offset < size
			 ? (size_t)(use.model->data.size - gathered.offset)
			 : size;
	run_say(run, "read pieces of %zu at %llu of %llu", size, (unsigned long long)gathered.offset,
		(unsigned long long)name_of(use.model));
	RUN_SAME(run,
		 mfs_read_pieces(run->volume, use.stream, gathered.offset, size, gather_pieces, &gathered),
		 4711);
	RUN_SAME(run, gathered.calls, 1);
	RUN_CHECK(run, gathered.bytes <= wanted);
	RUN_CHECK(run, gathered.bytes || !wanted);
	if (size < 64 * 512) /* 256 pieces reach further than this, however it is split */
		RUN_SAME(run, gathered.bytes, wanted);
	run_use_end(run, &use);
}

void op_seek(struct run *run)
{
	struct run_use use;
	uint64_t at, data = 0, hole = 0, size;
	enum mfs_status found;

	if (!run_use_begin(run, &use))
		return;
	size = use.model->data.size;
	at = pick_offset(run, &use.model->data);
	run_say(run, "seek from %llu of %llu (size %llu)", (unsigned long long)at,
		(unsigned long long)name_of(use.model), (unsigned long long)size);
	found = mfs_next_data(run->volume, use.stream, at, &data);
	run_outcome(run, found, at >= size ? RUN_BIT(MFS_NO_DATA) : RUN_BIT(MFS_NO_DATA) | RUN_BIT(MFS_OK),
		    0);
	if (found != MFS_OK)
		data = size;
	if (at < size) {
		RUN_CHECK(run, data >= at && (data < size || found != MFS_OK));
		RUN_CHECK(run, model_data_is_zero(&use.model->data, at, data));
	}
	if (run_outcome(run, mfs_next_hole(run->volume, use.stream, at, &hole),
			at >= size ? RUN_BIT(MFS_NO_DATA) : 0, 0)) {
		RUN_CHECK(run, hole >= at && hole <= size);
		RUN_CHECK(run, (hole == at) == (data > at));
	}
	run_use_end(run, &use);
}

/* ---- writing ---------------------------------------------------------------------------------- */

void op_write(struct run *run)
{
	static const unsigned kinds[] = {0,
					 0,
					 0,
					 MFS_WRITE_APPEND,
					 MFS_WRITE_APPEND,
					 MFS_WRITE_CONSTRAINED,
					 MFS_WRITE_ALL,
					 MFS_WRITE_ALL | MFS_WRITE_APPEND,
					 MFS_WRITE_KEEP_TIMES};
	struct run_use use;
	unsigned flags = kinds[random_below(&run->random, sizeof(kinds) / sizeof(kinds[0]))];
	size_t size = run_data_size(run), wanted = size, done = 0;
	uint64_t offset, asked, faults = 0;
	struct model_data *data;
	bool cut = false, changed;

	if (!begin_change(run, &use))
		return;
	data = &use.model->data;
	asked = offset = pick_offset(run, data);
	if (flags & MFS_WRITE_APPEND)
		offset = data->size;
	if (flags & MFS_WRITE_CONSTRAINED)
		wanted = offset >= data->size	      ? 0
			 : data->size - offset < size ? (size_t)(data->size - offset)
						      : size;
	if (wanted && offset >= (uint64_t)MFS_SIZE_MAX)
		faults = RUN_BIT(MFS_TOO_BIG);
	else if (wanted && offset + wanted > (uint64_t)MFS_SIZE_MAX)
		faults = RUN_BIT(MFS_TOO_BIG) | (flags & MFS_WRITE_ALL ? 0 : RUN_BIT(MFS_OK)), cut = true;
	else if (wanted)
		faults = growth_faults(run, data, offset + wanted);
	run_say(run, "write %zu at %llu of %llu, flags %u (size %llu)", size, (unsigned long long)asked,
		(unsigned long long)name_of(use.model), flags, (unsigned long long)data->size);
	run_bytes(run, run->buffer, size);
	changed = run_outcome(run, mfs_write(run->volume, use.stream, asked, run->buffer, size, flags, &done),
			      faults,
			      wanted + (run->mode->promise && offset > data->size ? offset - data->size : 0));
	if (changed) {
		RUN_CHECK(run, done <= wanted && (done || !wanted));
		if (flags & MFS_WRITE_ALL || (!run_limited(run) && !cut))
			RUN_SAME(run, done, wanted);
		model_data_write(data, offset, run->buffer, done);
		if (done && !(flags & MFS_WRITE_KEEP_TIMES))
			run_written(use.model->node);
		else if (!done)
			run_unsure(use.model->node);
	}
	end_change(run, &use, changed);
}

void op_size(struct run *run)
{
	struct run_use use;
	uint64_t size, old;
	bool changed;

	if (!begin_change(run, &use))
		return;
	old = use.model->data.size;
	size = random_percent(&run->random, 15) ? 0 : pick_offset(run, &use.model->data);
	if (random_percent(&run->random, 1))
		size = (uint64_t)MFS_SIZE_MAX + random_below(&run->random, 3);
	run_say(run, "set size of %llu to %llu (was %llu)", (unsigned long long)name_of(use.model),
		(unsigned long long)size, (unsigned long long)use.model->data.size);
	changed = run_outcome(run, mfs_set_size(run->volume, use.stream, size),
			      growth_faults(run, &use.model->data, size),
			      size <= use.model->data.size ? RUN_FREES
			      : run->mode->promise	   ? size - use.model->data.size
							   : 0);
	if (changed) {
		if (size <= use.model->data.size)
			use.model->promised = 0;
		if (size != use.model->data.size)
			run_written(use.model->node);
		else
			run_unsure(use.model->node);
		model_data_resize(&use.model->data, size);
		check_growth(run, &use, old);
	}
	end_change(run, &use, changed);
}

void op_allocation(struct run *run)
{
	struct run_use use;
	struct model_data *data;
	uint64_t size, faults = 0;
	bool changed;

	if (!begin_change(run, &use))
		return;
	data = &use.model->data;
	size = random_below(&run->random, data->size < SMALL ? 2 * data->size + 5000 : SMALL);
	if (random_percent(&run->random, 5))
		size = NEVER * 2 + random_below(&run->random, 1000);
	if (size > data->size && size - data->size >= TOO_MUCH)
		faults |= RUN_BIT(MFS_NO_SPACE);
	else if (size > data->size && size - data->size > SMALL)
		return end_change(run, &use, true);
	run_say(run, "set allocation of %llu to %llu (size %llu)", (unsigned long long)name_of(use.model),
		(unsigned long long)size, (unsigned long long)data->size);
	changed = run_outcome(run, mfs_set_allocation(run->volume, use.stream, size), faults, size);
	if (changed) {
		use.model->promised = use.model->sparse ? 0 : size;
		if (size < data->size)
			model_data_resize(data, size);
		run_unsure(use.model->node);
	}
	end_change(run, &use, changed);
}

/* A range for fallocate: `coarse` in steps of 4096 that often lie inside the stream. */
static void pick_range(struct run *run, const struct model_data *data, bool coarse, uint64_t *offset,
		       uint64_t *size)
{
	uint64_t blocks = data->size / MODEL_BLOCK;

	*offset = pick_offset(run, data);
	*size = random_between(&run->random, 1, 100000);
	if (!coarse || random_percent(&run->random, 10))
		return;
	if (blocks && blocks < 100000)
		*offset = random_below(&run->random, blocks + 1) * MODEL_BLOCK;
	else
		*offset -= *offset % MODEL_BLOCK;
	*size = random_between(&run->random, 1, 20) * MODEL_BLOCK;
}

/* What stands against it; `grown` is the size afterwards. */
static uint64_t fallocate_faults(struct run *run, const struct model_data *data, uint64_t offset,
				 uint64_t size, unsigned flags, uint64_t *grown)
{
	bool collapse = flags & MFS_FALLOCATE_COLLAPSE, insert = flags & MFS_FALLOCATE_INSERT;
	uint64_t faults = 0;

	*grown = data->size;
	if (!size)
		faults |= RUN_BIT(MFS_INVALID);
	if ((collapse || insert) && (offset % MODEL_BLOCK || size % MODEL_BLOCK))
		faults |= RUN_BIT(MFS_INVALID);
	if (offset > (uint64_t)MFS_SIZE_MAX || size > (uint64_t)MFS_SIZE_MAX - offset)
		return faults | RUN_BIT(MFS_TOO_BIG) | RUN_BIT(MFS_INVALID);
	if (collapse && offset + size >= data->size)
		faults |= RUN_BIT(MFS_INVALID);
	if (insert && offset >= data->size)
		faults |= RUN_BIT(MFS_INVALID);
	if (insert) {
		*grown = data->size + size;
		if (*grown > (uint64_t)MFS_SIZE_MAX)
			return faults | RUN_BIT(MFS_TOO_BIG);
		/* Where sizes are promises, a hole of any size may be one, or not. */
		return growth_faults(run, data, *grown)
			       ? faults | RUN_BIT(MFS_NO_SPACE) | (faults ? 0 : RUN_BIT(MFS_OK))
			       : faults;
	}
	if (collapse || flags & MFS_FALLOCATE_PUNCH)
		return faults;
	if (!(flags & MFS_FALLOCATE_KEEP_SIZE) && offset + size > data->size)
		*grown = offset + size;
	if (size >= NEVER)
		faults |= RUN_BIT(MFS_NO_SPACE);
	return faults | growth_faults(run, data, *grown);
}

void op_fallocate(struct run *run)
{
	static const unsigned kinds[] = {0,
					 MFS_FALLOCATE_KEEP_SIZE,
					 MFS_FALLOCATE_PUNCH,
					 MFS_FALLOCATE_PUNCH,
					 MFS_FALLOCATE_PUNCH | MFS_FALLOCATE_KEEP_SIZE,
					 MFS_FALLOCATE_ZERO,
					 MFS_FALLOCATE_ZERO | MFS_FALLOCATE_KEEP_SIZE,
					 MFS_FALLOCATE_COLLAPSE,
					 MFS_FALLOCATE_COLLAPSE,
					 MFS_FALLOCATE_INSERT,
					 MFS_FALLOCATE_INSERT};
	unsigned flags = kinds[random_below(&run->random, sizeof(kinds) / sizeof(kinds[0]))];
	struct run_use use;
	struct model_data *data;
	uint64_t offset, size, grown, faults;
	bool changed;

	if (!begin_change(run, &use))
		return;
	data = &use.model->data;
	pick_range(run, data, flags >= MFS_FALLOCATE_COLLAPSE, &offset, &size);
	if (random_percent(&run->random, 3))
		size = random_percent(&run->random, 30) ? 0 : NEVER << random_below(&run->random, 13);
	faults = fallocate_faults(run, data, offset, size, flags, &grown);
	run_say(run, "fallocate %llu at %llu of %llu, flags %u (size %llu)", (unsigned long long)size,
		(unsigned long long)offset, (unsigned long long)name_of(use.model), flags,
		(unsigned long long)data->size);
	changed = run_outcome(run, mfs_fallocate(run->volume, use.stream, offset, size, flags), faults,
			      flags & MFS_FALLOCATE_PUNCH
				      ? RUN_FREES
				      : size + (run->mode->promise ? grown - data->size : 0));
	if (changed) {
		if (flags & MFS_FALLOCATE_COLLAPSE) {
			model_data_collapse(data, offset, size);
		} else if (flags & MFS_FALLOCATE_INSERT) {
			model_data_insert(data, offset, size);
		} else if (flags) {
			uint64_t end = offset + size < data->size ? offset + size : data->size;

			if (flags & (MFS_FALLOCATE_PUNCH | MFS_FALLOCATE_ZERO) && offset < end)
				model_data_zero(data, offset, end - offset);
		}
		if (flags & ~MFS_FALLOCATE_KEEP_SIZE) {
			use.model->promised = 0;
			use.model->sparse = true;
		}
		if (!(flags & MFS_FALLOCATE_COLLAPSE) && grown > data->size)
			model_data_resize(data, grown);
		run_unsure(use.model->node);
	}
	end_change(run, &use, changed);
}

/* The model's copy. A long one (never inside one stream) goes from block to block. */
static void copy_model(struct run *run, struct model_data *from, uint64_t from_offset, struct model_data *to,
		       uint64_t to_offset, uint64_t size)
{
	if (size <= RUN_BUFFER) {
		model_data_read(from, from_offset, run->expected, (size_t)size);
		model_data_write(to, to_offset, run->expected, (size_t)size);
		return;
	}
	if (to_offset + size > to->size)
		to->size = to_offset + size;
	model_data_zero(to, to_offset, size);
	for (size_t i = 0; i < from->count; i++) {
		uint64_t start = from->blocks[i].number * MODEL_BLOCK, end = start + MODEL_BLOCK;

		start = start < from_offset ? from_offset : start;
		end = end > from_offset + size ? from_offset + size : end;
		if (start >= end)
			continue;
		model_data_read(from, start, run->expected, (size_t)(end - start));
		model_data_write(to, to_offset + (start - from_offset), run->expected, (size_t)(end - start));
	}
}

/* Is there a byte in both ranges? */
static bool overlaps(uint64_t a, uint64_t b, uint64_t size)
{
	return size && a < b + size && b < a + size;
}

void op_copy(struct run *run)
{
	struct run_use from, to;
	uint64_t size = run_data_size(run), real, from_offset, to_offset, done = 0, faults = 0;
	bool changed, cut = false;

	if (!begin_change(run, &to))
		return;
	if (random_percent(&run->random, 30)) {
		from = to;
		mfs_stream_hold(from.stream);
	} else if (!run_use_begin(run, &from)) {
		run_use_end(run, &to);
		return;
	}
	from_offset = pick_offset(run, &from.model->data);
	to_offset = pick_offset(run, &to.model->data);
	if (random_percent(&run->random, 4) && !run->mode->promise && from.model != to.model)
		size = (uint64_t)1 << random_between(&run->random, 24, 31);
	real = from_offset >= from.model->data.size ? 0 : from.model->data.size - from_offset;
	real = size < real ? size : real;
	if (from.model == to.model && overlaps(from_offset, to_offset, size))
		faults |=
			RUN_BIT(MFS_INVALID) | (overlaps(from_offset, to_offset, real) ? 0 : RUN_BIT(MFS_OK));
	if (real && to_offset + real > (uint64_t)MFS_SIZE_MAX)
		faults |= RUN_BIT(MFS_TOO_BIG) |
			  (faults || to_offset >= (uint64_t)MFS_SIZE_MAX ? 0 : RUN_BIT(MFS_OK)),
			cut = true;
	else if (real && growth_faults(run, &to.model->data, to_offset + real))
		faults = (faults & ~RUN_BIT(MFS_OK)) | RUN_BIT(MFS_NO_SPACE);
	if (size && !real)
		faults |= RUN_BIT(MFS_END_OF_FILE) | (faults & RUN_BIT(MFS_INVALID) ? 0 : RUN_BIT(MFS_OK));
	if (to_offset >= (uint64_t)MFS_SIZE_MAX || from_offset > (uint64_t)MFS_SIZE_MAX)
		faults |= RUN_BIT(MFS_TOO_BIG) | (size ? 0 : RUN_BIT(MFS_OK));
	run_say(run, "copy %llu from %llu of %llu to %llu of %llu%s (sizes %llu, %llu)",
		(unsigned long long)size, (unsigned long long)from_offset,
		(unsigned long long)name_of(from.model), (unsigned long long)to_offset,
		(unsigned long long)name_of(to.model), from.model == to.model ? ", the same stream" : "",
		(unsigned long long)from.model->data.size, (unsigned long long)to.model->data.size);
	changed = run_outcome(
		run, mfs_copy(run->volume, from.stream, from_offset, to.stream, to_offset, size, &done),
		faults, real + (run->mode->promise ? to_offset : 0));
	if (changed) {
		RUN_CHECK(run, done <= real && (done || !real));
		if (!run_limited(run) && !cut)
			RUN_SAME(run, done, real);
		copy_model(run, &from.model->data, from_offset, &to.model->data, to_offset, done);
		if (done)
			run_written(to.model->node);
		else
			run_unsure(to.model->node);
	}
	run_use_end(run, &from);
	end_change(run, &to, changed);
}

void op_trim(struct run *run)
{
	struct run_use use;

	if (!run_use_begin(run, &use))
		return;
	run_say(run, "trim %llu", (unsigned long long)name_of(use.model));
	mfs_stream_trim(run->volume, use.stream);
	use.model->promised = 0;
	end_change(run, &use, true);
}

void op_overwrite(struct run *run)
{
	uint8_t eas[MFS_EA_LIST_MAX];
	struct mfs_overwrite how = {0};
	struct model_node *node = run_pick_file(run);
	struct mfs_stream *stream;
	struct mfs_node *real;
	uint64_t faults = 0;

	if (!node)
		return;
	how.attributes = (uint32_t)random_next(&run->random) & MFS_A_SETTABLE;
	how.replace_attributes = random_percent(&run->random, 50);
	if (random_percent(&run->random, 40)) {
		how.eas_size = run_eas(run, eas, &faults);
		how.eas = eas;
	}
	if (random_percent(&run->random, 40))
		how.allocation = random_below(&run->random, 100000);
	if (random_percent(&run->random, 3))
		how.allocation = NEVER * 2, faults |= RUN_BIT(MFS_NO_SPACE);
	real = run_reach(run, node);
	stream = mfs_main_stream(real);
	run_say(run, "overwrite %llu, allocation %llu, %zu bytes of EAs", (unsigned long long)node->number,
		(unsigned long long)how.allocation, how.eas_size);
	if (run_outcome(run, mfs_overwrite(run->volume, stream, &how), faults, how.allocation)) {
		model_data_resize(&node->main.data, 0);
		node->main.promised = how.allocation;
		node->main.sparse = false;
		while (node->stream_count)
			model_stream_remove(node->streams[0]);
		node->attributes = how.attributes | (how.replace_attributes ? 0 : node->attributes);
		run_eas_apply(node, eas, how.eas_size, true);
		run_written(node);
		node->access.known = MODEL_ANY;
	}
	mfs_stream_drop(run->volume, stream);
	run_drop(run, real);
	run_check_node(run, node);
}

/* ---- named streams ----------------------------------------------------------------------------- */

/* A node that may have named streams. */
static struct model_node *pick_owner(struct run *run)
{
	for (int tries = 0; tries < 20; tries++) {
		struct model_node *node = run_pick_node(run);

		if (node->kind <= MFS_DIRECTORY && (!node->reparse.size || node->directory))
			return node;
	}
	return run->model.root;
}

static size_t pick_stream_name(struct run *run, const struct model_node *node, unsigned existing,
			       char to[1024])
{
	if (node->stream_count && random_percent(&run->random, existing)) {
		const struct model_stream *stream =
			node->streams[random_below(&run->random, node->stream_count)];

		return run_respell(run, stream->name.data, stream->name.size, to);
	}
	return run_name(run, to);
}

/* What is wrong with a stream's name. "." and ".." are not said to be: both answers pass. */
static uint64_t stream_faults(struct run *run, const char *name, size_t size)
{
	uint64_t faults = model_name_faults(&run->model, name, size);
	uint32_t units[1024];

	if (size && (size == 1 || (size == 2 && name[1] == '.')) && name[0] == '.')
		faults |= RUN_BIT(MFS_OK) | RUN_BIT(MFS_NOT_FOUND);
	if (faults & RUN_BIT(MFS_NAME_TOO_LONG) && model_units(name, size, units) <= MFS_NAME_MAX)
		faults |= RUN_BIT(MFS_OK) | RUN_BIT(MFS_NOT_FOUND);
	return faults;
}

void op_stream_create(struct run *run)
{
	struct model_node *node = pick_owner(run);
	struct mfs_node *real;
	struct mfs_stream *stream = NULL;
	char name[1024];
	size_t size = pick_stream_name(run, node, 10, name);
	uint64_t faults = stream_faults(run, name, size);

	if (node->stream_count > 20 || faults & RUN_BIT(MFS_OK))
		return;
	if (!faults && model_stream_find(&run->model, node, name, size))
		faults |= RUN_BIT(MFS_EXISTS);
	real = run_reach(run, node);
	run_say(run, "create stream %.*s of %llu", (int)size, name, (unsigned long long)node->number);
	if (run_outcome(run, mfs_stream_create(run->volume, real, name, size, &stream), faults, 0)) {
		struct model_stream *model = model_stream_add(&run->model, node, name, size);

		RUN_CHECK(run, mfs_stream_node(stream) == real && !mfs_stream_is_main(stream));
		run_changed(node);
		node->change.known = MODEL_ANY;
		run_drop(run, real); /* the stream keeps its node */
		real = NULL;
		if (random_percent(&run->random, 50))
			run_handle_add(run, stream, model);
		else
			mfs_stream_drop(run->volume, stream);
	}
	if (real)
		run_drop(run, real);
}

void op_stream_open(struct run *run)
{
	struct model_node *node = pick_owner(run);
	struct mfs_node *real = run_reach(run, node);
	struct mfs_stream *stream = NULL;
	char name[1024];
	size_t size = pick_stream_name(run, node, 80, name);
	uint64_t faults = stream_faults(run, name, size) & ~RUN_BIT(MFS_OK);
	struct model_stream *model = faults ? NULL : model_stream_find(&run->model, node, name, size);

	if (!model)
		faults |= RUN_BIT(MFS_NOT_FOUND);
	run_say(run, "open stream %.*s of %llu", (int)size, name, (unsigned long long)node->number);
	if (run_outcome(run, mfs_stream_open(run->volume, real, name, size, &stream), faults, 0))
		run_handle_add(run, stream, model);
	run_drop(run, real);
}

void op_stream_remove(struct run *run)
{
	struct model_node *node = pick_owner(run);
	struct mfs_node *real = run_reach(run, node);
	struct mfs_stream *only = NULL;
	char name[1024];
	size_t size = pick_stream_name(run, node, 80, name);
	uint64_t faults = stream_faults(run, name, size) & ~RUN_BIT(MFS_OK);
	struct model_stream *model = faults ? NULL : model_stream_find(&run->model, node, name, size);

	if (!model)
		faults |= RUN_BIT(MFS_NOT_FOUND);
	if (run->handle_count && random_percent(&run->random, 30)) {
		const struct run_handle *handle =
			&run->handles[random_below(&run->random, run->handle_count)];

		only = mfs_stream_hold(handle->stream);
		if (handle->model != model)
			faults |= RUN_BIT(MFS_NOT_FOUND);
	}
	run_say(run, "remove stream %.*s of %llu%s", (int)size, name, (unsigned long long)node->number,
		only ? ", only" : "");
	if (run_outcome(run, mfs_stream_remove(run->volume, real, name, size, only), faults, RUN_FREES)) {
		model_stream_remove(model);
		node->change.known = MODEL_ANY;
	}
	mfs_stream_drop(run->volume, only);
	run_drop(run, real);
}

void op_stream_rename(struct run *run)
{
	struct model_node *node = pick_owner(run);
	struct mfs_node *real = run_reach(run, node);
	char name[1024], to[1024];
	size_t size = pick_stream_name(run, node, 90, name), to_size = pick_stream_name(run, node, 40, to);
	bool replace = random_percent(&run->random, 50);
	uint64_t faults = (stream_faults(run, name, size) | stream_faults(run, to, to_size));
	struct model_stream *model, *target;

	if (faults & RUN_BIT(MFS_OK)) {
		run_drop(run, real);
		return;
	}
	model = faults ? NULL : model_stream_find(&run->model, node, name, size);
	target = faults ? NULL : model_stream_find(&run->model, node, to, to_size);
	if (!model)
		faults |= RUN_BIT(MFS_NOT_FOUND);
	else if (target && target != model && !replace)
		faults |= RUN_BIT(MFS_EXISTS);
	else if (target == model && !replace)
		faults |= model_bytes_equal(&model->name, to, to_size) ? RUN_BIT(MFS_EXISTS) | RUN_BIT(MFS_OK)
								       : 0;
	run_say(run, "rename stream %.*s of %llu to %.*s%s", (int)size, name,
		(unsigned long long)node->number, (int)to_size, to, replace ? ", replace" : "");
	if (run_outcome(run, mfs_stream_rename(run->volume, real, name, size, to, to_size, replace), faults,
			0)) {
		if (target && target != model)
			model_stream_remove(target);
		model_stream_rename(&run->model, model, to, to_size);
		node->change.known = MODEL_ANY;
	}
	run_drop(run, real);
}
