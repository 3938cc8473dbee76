/*
 * fuzz_operations: bytes as operations on a volume, with the checker behind each of them.
 *
 * The first bytes choose what volume it is. Every answer must be one that its function can give; in the end
 * all is deleted, and the counters are where they began.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fuzz.h"
#include "node.h"
#include "operation.h"

/* ---- the volume and what is held of it ------------------------------------------------------- */

struct driver {
	struct mfs_volume *volume;
	struct mfs_stream *held[OPERATION_SLOTS]; /* NULL: nothing */
	uint64_t start;				  /* bytes used by the empty volume */
	bool by_name;
	unsigned every; /* operations between two checks */
	uint8_t *room;	/* ROOM bytes to read into */
};

enum { ROOM = 80000, DATA = 72000 };

static uint8_t data[DATA];

/* Everything by the same seed each time, so that the same bytes do the same. */
static void volume_begin(struct driver *driver, struct input *input)
{
	static const uint64_t bytes[] = {16 << 20, 64 << 10, 256 << 10, 1 << 20,
					 0,	   16 << 10, 4 << 20,	16 << 20};
	static const uint64_t nodes[] = {0, 0, 0, 8, 40, 1, 3, 0};
	uint8_t kind = input_byte(input), limits = input_byte(input);
	struct mfs_options options = {
		.max_bytes = bytes[limits & 7],
		.max_nodes = nodes[limits >> 3 & 7],
		.unit = kind & 0x40 ? 4096 : 0,
		.case_insensitive = kind & 1,
		.unicode_names = kind & 2,
		.size_is_promise = kind & 4,
		.order = kind & 8 ? MFS_BY_NAME : MFS_BY_POSITION,
		.read_only = (kind & 0xb0) == 0xb0,
	};

	MUST(mfs_volume_create(&options, &driver->volume) == MFS_OK);
	driver->volume->seed = 1; /* nothing was hashed yet */
	driver->volume->serial = 1;
	driver->start = driver->volume->budget.used;
	driver->by_name = options.order == MFS_BY_NAME;
	driver->every = kind & 0x80 && !options.read_only ? 8 : 1;
	driver->held[0] = mfs_main_stream(driver->volume->root);
}

static void check(struct driver *driver, const struct operation *operation)
{
	struct mfs_stream *streams[OPERATION_SLOTS];
	struct check_held held = {streams, 0};
	char text[CHECK_TEXT];

	for (unsigned i = 0; i < OPERATION_SLOTS; i++)
		if (driver->held[i])
			streams[held.count++] = driver->held[i];
	if (check_volume(driver->volume, &held, text))
		return;
	fprintf(stderr, "after %s: %s\n", operation ? operation_name(operation->kind) : "the end", text);
	abort();
}

/* What a slot holds; the root when it holds nothing. No reference. */
static struct mfs_stream *stream_in(const struct driver *driver, unsigned slot)
{
	return driver->held[slot] ? driver->held[slot] : &driver->volume->root->main;
}

static struct mfs_node *node_in(const struct driver *driver, unsigned slot)
{
	return stream_in(driver, slot)->node;
}

/* The slot takes over a reference. */
static void keep(struct driver *driver, unsigned slot, struct mfs_stream *stream)
{
	mfs_stream_drop(driver->volume, driver->held[slot]);
	driver->held[slot] = stream;
}

static void keep_node(struct driver *driver, unsigned slot, struct mfs_node *node)
{
	keep(driver, slot, &node->main);
}

static uint64_t number_of(const struct driver *driver, unsigned slot, uint64_t number, bool from_end)
{
	return from_end ? number + stream_in(driver, slot)->size : number;
}

/* ---- which answers there are ------------------------------------------------------------------ */

#define BIT(status) (UINT64_C(1) << (status))
#define ONE(a) BIT(MFS_##a)
#define NAMES (ONE(NAME_INVALID) | ONE(NAME_TOO_LONG))
#define SPACE (ONE(NO_SPACE) | ONE(READ_ONLY))
#define DATA_ANSWERS (ONE(IS_DIRECTORY) | ONE(TOO_BIG) | SPACE)
#define EAS (ONE(EA_INVALID) | ONE(EA_NAME_INVALID) | ONE(TOO_LARGE))
#define REPARSE (ONE(TAG_INVALID) | ONE(REPARSE_INVALID) | ONE(NOT_DIRECTORY))
#define CREATING                                                                                       \
	(ONE(NO_NODES) | SPACE | EAS | REPARSE | ONE(SECURITY_INVALID) | ONE(INVALID) | ONE(TOO_BIG) | \
	 ONE(NAME_TOO_LONG))

static const uint64_t answers[OP_KINDS] = {
	[OP_LOOKUP] = ONE(NOT_FOUND) | ONE(NOT_DIRECTORY) | NAMES,
	[OP_CREATE] = CREATING | NAMES | ONE(EXISTS) | ONE(NOT_FOUND) | ONE(NOT_DIRECTORY),
	[OP_NAMELESS] = CREATING,
	[OP_LINK] = NAMES | SPACE | ONE(EXISTS) | ONE(NOT_FOUND) | ONE(NOT_DIRECTORY) | ONE(NOT_PERMITTED),
	[OP_UNLINK] = NAMES | ONE(READ_ONLY) | ONE(NOT_FOUND) | ONE(NOT_EMPTY) | ONE(IS_DIRECTORY) |
		      ONE(NOT_DIRECTORY),
	[OP_RENAME] = NAMES | SPACE | ONE(NO_NODES) | ONE(EXISTS) | ONE(NOT_FOUND) | ONE(NOT_DIRECTORY) |
		      ONE(IS_DIRECTORY) | ONE(NOT_EMPTY) | ONE(LOOP) | ONE(INVALID),
	[OP_CAN_REMOVE] = ONE(READ_ONLY) | ONE(NOT_PERMITTED) | ONE(NOT_EMPTY),
	[OP_WALK] = NAMES | ONE(NOT_FOUND) | ONE(PATH_NOT_FOUND) | ONE(NOT_DIRECTORY) | ONE(REPARSE) |
		    ONE(BUFFER_TOO_SMALL),
	[OP_PARENT] = ONE(NOT_FOUND) | ONE(NOT_DIRECTORY),
	[OP_LIST] = ONE(NOT_DIRECTORY) | ONE(NOT_SUPPORTED) | ONE(NAME_TOO_LONG),
	[OP_STREAM_OPEN] = NAMES | ONE(NOT_FOUND),
	[OP_STREAM_CREATE] = NAMES | SPACE | ONE(EXISTS),
	[OP_STREAM_REMOVE] = ONE(READ_ONLY) | ONE(NOT_FOUND),
	[OP_STREAM_RENAME] = NAMES | SPACE | ONE(NOT_FOUND) | ONE(EXISTS),
	[OP_READ] = ONE(END_OF_FILE) | ONE(IS_DIRECTORY),
	[OP_WRITE] = DATA_ANSWERS,
	[OP_SIZE] = DATA_ANSWERS,
	[OP_ALLOCATION] = DATA_ANSWERS,
	[OP_OVERWRITE] = DATA_ANSWERS | EAS,
	[OP_FALLOCATE] = DATA_ANSWERS | ONE(INVALID),
	[OP_SEEK] = ONE(IS_DIRECTORY) | ONE(NO_DATA),
	[OP_COPY] = DATA_ANSWERS | ONE(INVALID),
	[OP_SET] = ONE(READ_ONLY) | ONE(INVALID),
	[OP_SECURITY_GET] = ONE(BUFFER_TOO_SMALL),
	[OP_SECURITY_SET] = SPACE | ONE(SECURITY_INVALID),
	[OP_EA_GET] = ONE(BUFFER_TOO_SMALL),
	[OP_EA_SET] = SPACE | EAS,
	[OP_REPARSE_GET] = ONE(BUFFER_TOO_SMALL) | ONE(NOT_REPARSE_POINT),
	[OP_REPARSE_SET] = SPACE | REPARSE | ONE(EXISTS) | ONE(NOT_REPARSE_POINT) | ONE(TAG_MISMATCH) |
			   ONE(GUID_MISMATCH) | ONE(NOT_EMPTY) | ONE(NOT_PERMITTED),
	[OP_REPARSE_REMOVE] =
		ONE(READ_ONLY) | REPARSE | ONE(NOT_REPARSE_POINT) | ONE(TAG_MISMATCH) | ONE(GUID_MISMATCH),
	[OP_TARGET] = ONE(BUFFER_TOO_SMALL) | ONE(INVALID),
	[OP_XATTR_GET] = ONE(BUFFER_TOO_SMALL) | ONE(NO_ATTRIBUTE),
	[OP_XATTR_SET] = SPACE | ONE(EXISTS) | ONE(NO_ATTRIBUTE) | ONE(TOO_LARGE) | ONE(NAME_TOO_LONG),
	[OP_XATTR_REMOVE] = ONE(READ_ONLY) | ONE(NO_ATTRIBUTE),
	[OP_XATTR_LIST] = ONE(BUFFER_TOO_SMALL),
	[OP_LABEL] = NAMES | ONE(READ_ONLY),
	[OP_RESIZE] = ONE(INVALID),
};

/* ---- names ------------------------------------------------------------------------------------------ */

static enum mfs_status do_lookup(struct driver *driver, const struct operation *op)
{
	char spelled[MFS_NAME_BYTES_MAX];
	struct mfs_node *node;
	size_t size = 0;
	enum mfs_status status =
		mfs_lookup(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size, &node);

	MUST(mfs_spelling(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size, spelled,
			  &size) == status);
	if (status == MFS_OK) {
		MUST(size > 0);
		keep_node(driver, op->other, node);
	}
	return status;
}

static struct mfs_new new_of(const struct operation *op)
{
	struct mfs_new new = {
		.kind = (enum mfs_kind)(op->flags & 7), .mode = op->flags, .attributes = op->flags};

	switch (op->flags >> 6) {
	case 0:
		new.eas = op->payload;
		new.eas_size = op->payload_size;
		break;
	case 1:
		new.reparse = op->payload_size ? op->payload : NULL;
		new.reparse_size = op->payload_size;
		break;
	case 2:
		new.security = op->payload;
		new.security_size = op->payload_size;
		break;
	default:
		new.target = (const char *)op->payload;
		new.target_size = op->payload_size;
	}
	if (new.kind == MFS_SYMLINK && !new.target) {
		new.target = "target";
		new.target_size = 6;
	}
	if (op->flags & 0x20)
		new.allocation = op->size;
	return new;
}

static enum mfs_status do_create(struct driver *driver, const struct operation *op)
{
	const struct mfs_new new = new_of(op);
	struct mfs_node *node, *wanted = NULL;
	bool keeps = !(op->flags & 8);
	enum mfs_status status = mfs_create(driver->volume, node_in(driver, op->slot), op->name.bytes,
					    op->name.size, &new, keeps ? &wanted : NULL);

	if (status != MFS_OK)
		return status;
	MUST(mfs_lookup(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size, &node) ==
	     MFS_OK);
	MUST(!keeps || node == wanted);
	mfs_node_drop(driver->volume, node);
	if (keeps)
		keep_node(driver, op->other, wanted);
	return status;
}

static enum mfs_status do_nameless(struct driver *driver, const struct operation *op)
{
	const struct mfs_new new = new_of(op);
	struct mfs_node *node;
	enum mfs_status status = mfs_create_nameless(driver->volume, &new, &node);

	if (status == MFS_OK)
		keep_node(driver, op->other, node);
	return status;
}

static enum mfs_status do_link(struct driver *driver, const struct operation *op)
{
	return mfs_link(driver->volume, node_in(driver, op->other), node_in(driver, op->slot), op->name.bytes,
			op->name.size);
}

static enum mfs_status do_unlink(struct driver *driver, const struct operation *op)
{
	return mfs_unlink(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size,
			  (enum mfs_remove)(op->flags % 3),
			  op->flags & 0x80 ? node_in(driver, op->other) : NULL);
}

static enum mfs_status do_rename(struct driver *driver, const struct operation *op)
{
	return mfs_rename(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size,
			  node_in(driver, op->other), op->to.bytes, op->to.size, op->flags & 0xf,
			  op->flags & 0x80 ? node_in(driver, op->flags >> 4 & 7) : NULL);
}

static enum mfs_status do_can_remove(struct driver *driver, const struct operation *op)
{
	return mfs_can_remove(driver->volume, node_in(driver, op->slot));
}

/* Two names make a path, with separators more than it needs. */
static enum mfs_status do_walk(struct driver *driver, const struct operation *op)
{
	static const char *const joints[] = {"/", "//", "/./", "", "\\"};
	const char *joint = joints[op->flags % 5];
	char path[2 * OPERATION_NAME_MAX + 8];
	size_t size = 0, needed = 0;
	struct mfs_place place;
	enum mfs_status status;

	path[size++] = '/';
	memcpy(path + size, op->name.bytes, op->name.size);
	size += op->name.size;
	memcpy(path + size, joint, strlen(joint));
	size += strlen(joint);
	memcpy(path + size, op->to.bytes, op->to.size);
	size += op->to.size;
	status = mfs_find(driver->volume, path, size, '/', &place);
	mfs_place_drop(driver->volume, &place);
	MUST(mfs_walk(driver->volume, path, size, '/', &place) == status);
	MUST(place.node || (status != MFS_OK && status != MFS_REPARSE));
	MUST(place.reparse_at <= size);
	if (status == MFS_OK && op->flags & 0x80)
		keep_node(driver, op->other, mfs_node_hold(place.node));
	mfs_place_drop(driver->volume, &place);
	mfs_normalize(driver->volume, path, size, '/', (char *)driver->room, ROOM, &needed);
	if (status == MFS_OK) {
		char *exact = malloc(needed);

		MUST(exact && needed > 0);
		MUST(mfs_normalize(driver->volume, path, size, '/', exact, needed, &needed) == MFS_OK);
		free(exact);
	}
	return status;
}

static enum mfs_status do_parent(struct driver *driver, const struct operation *op)
{
	struct mfs_node *node;
	enum mfs_status status = mfs_parent(driver->volume, node_in(driver, op->slot), &node);

	if (status == MFS_OK)
		keep_node(driver, op->other, node);
	return status;
}

struct listing {
	struct driver *driver;
	unsigned left;
	char name[MFS_NAME_BYTES_MAX];
	size_t name_size;
	uint64_t position;
	uint64_t count;
};

static bool list_one(void *context, const struct mfs_entry *entry)
{
	struct listing *listing = context;
	struct mfs_info info;

	if (listing->left == 0)
		return false;
	listing->left--;
	listing->count++;
	MUST(entry->name_size > 0 && entry->name_size <= MFS_NAME_BYTES_MAX);
	MUST(entry->position > listing->position || listing->driver->by_name);
	listing->position = entry->position;
	memcpy(listing->name, entry->name, listing->name_size = entry->name_size);
	mfs_node_info(listing->driver->volume, entry->node, &info);
	return true;
}

/* From a name, or in pages of a few entries, all of which together are all. */
static enum mfs_status do_list(struct driver *driver, const struct operation *op)
{
	struct listing listing = {.driver = driver};
	struct mfs_node *node = node_in(driver, op->slot);
	unsigned page = op->flags % 7 + 1;
	bool at_end = false, all = !(op->flags & 0x80);
	enum mfs_status status = MFS_OK;
	struct mfs_info info;

	if (!all && driver->by_name) {
		listing.left = UINT32_MAX;
		return mfs_list_after_name(driver->volume, node, op->name.bytes, op->name.size, list_one,
					   &listing, &at_end);
	}
	if (!all)
		return mfs_list_after_position(driver->volume, node,
					       (uint64_t)op->name.size << op->flags % 64, list_one, &listing,
					       &at_end);
	while (status == MFS_OK && !at_end) {
		listing.left = page;
		status = driver->by_name ? mfs_list_after_name(driver->volume, node, listing.name,
							       listing.name_size, list_one, &listing, &at_end)
					 : mfs_list_after_position(driver->volume, node, listing.position,
								   list_one, &listing, &at_end);
	}
	mfs_node_info(driver->volume, node, &info);
	MUST(status != MFS_OK || info.kind == MFS_SYMLINK || listing.count == info.entries);
	return status;
}

static enum mfs_status do_number(struct driver *driver, const struct operation *op)
{
	uint64_t number = mfs_node_number(node_in(driver, op->slot)) + op->flags - (op->flags & 1 ? 128 : 0);
	struct mfs_node *node = mfs_node_by_number(driver->volume, number);

	if (node) {
		MUST(mfs_node_number(node) == number);
		keep_node(driver, op->other, node);
	}
	return MFS_OK;
}

/* ---- references and streams --------------------------------------------------------------------------- */

static enum mfs_status do_hold(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream = mfs_stream_hold(stream_in(driver, op->slot));

	if (op->flags & 1) {
		mfs_node_hold(stream->node);
		mfs_node_hold(stream->node);
		mfs_node_drop_many(driver->volume, stream->node, 2);
	}
	keep(driver, op->other, stream);
	return MFS_OK;
}

static enum mfs_status do_drop(struct driver *driver, const struct operation *op)
{
	keep(driver, op->slot, NULL);
	return MFS_OK;
}

static enum mfs_status do_stream_open(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream;
	enum mfs_status status = mfs_stream_open(driver->volume, node_in(driver, op->slot), op->name.bytes,
						 op->name.size, &stream);

	if (status == MFS_OK)
		keep(driver, op->other, stream);
	return status;
}

static enum mfs_status do_stream_create(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream;
	enum mfs_status status = mfs_stream_create(driver->volume, node_in(driver, op->slot), op->name.bytes,
						   op->name.size, &stream);

	if (status == MFS_OK)
		keep(driver, op->other, stream);
	return status;
}

static enum mfs_status do_stream_remove(struct driver *driver, const struct operation *op)
{
	return mfs_stream_remove(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size,
				 op->flags & 1 ? stream_in(driver, op->other) : NULL);
}

static enum mfs_status do_stream_rename(struct driver *driver, const struct operation *op)
{
	return mfs_stream_rename(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size,
				 op->to.bytes, op->to.size, op->flags & 1);
}

static bool count_stream(void *context, const struct mfs_stream_entry *entry)
{
	unsigned *left = context;

	MUST(entry->name_size > 0 && entry->allocation >= entry->size);
	return (*left)-- > 0;
}

static enum mfs_status do_streams(struct driver *driver, const struct operation *op)
{
	unsigned left = op->flags;

	mfs_streams_each(driver->volume, node_in(driver, op->slot), count_stream, &left);
	return MFS_OK;
}

/* ---- data -----------------------------------------------------------------------------------------------
 */

static enum mfs_status do_read(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream = stream_in(driver, op->slot);
	uint64_t offset = number_of(driver, op->slot, op->offset, op->offset_from_end);
	uint8_t *to = malloc(op->length + 1);
	size_t done = 1;
	enum mfs_status status;

	MUST(to);
	status = mfs_read(driver->volume, stream, offset, to, op->length, &done);
	MUST(done <= op->length && (status == MFS_OK || done == 0));
	MUST(done == 0 || offset + done <= stream->size);
	free(to);
	return status;
}

struct piece_sum {
	uint64_t bytes, sum;
};

static int sum_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	struct piece_sum *sum = context;

	MUST(count <= MFS_PIECES);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = pieces[i].data;

		MUST(pieces[i].size > 0);
		sum->bytes += pieces[i].size;
		sum->sum += at[0] + at[pieces[i].size - 1];
	}
	MUST(sum->bytes == bytes);
	return 7;
}

static enum mfs_status do_pieces(struct driver *driver, const struct operation *op)
{
	struct piece_sum sum = {0};
	uint64_t size = number_of(driver, op->slot, op->size, op->size_from_end);
	size_t most = size < (64 << 20) ? (size_t)size : 64 << 20;

	MUST(mfs_read_pieces(driver->volume, stream_in(driver, op->slot),
			     number_of(driver, op->slot, op->offset, op->offset_from_end), most, sum_pieces,
			     &sum) == 7);
	MUST(sum.bytes <= most);
	return MFS_OK;
}

static enum mfs_status do_write(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream = stream_in(driver, op->slot);
	uint64_t offset = number_of(driver, op->slot, op->offset, op->offset_from_end), end = stream->size;
	unsigned flags = op->flags & 0xf;
	size_t done = 1;
	enum mfs_status status = mfs_write(driver->volume, stream, offset, data + (op->flags >> 4) * 100,
					   op->length, flags, &done);

	MUST(done <= op->length && (status == MFS_OK || done == 0));
	if (flags & MFS_WRITE_APPEND)
		offset = end;
	if (status != MFS_OK || flags & MFS_WRITE_CONSTRAINED)
		MUST(stream->size == end);
	else if (done > 0)
		MUST(stream->size == (offset + done > end ? offset + done : end));
	if (status == MFS_OK && flags & MFS_WRITE_ALL && !(flags & MFS_WRITE_CONSTRAINED))
		MUST(done == op->length);
	if (done > 0) {
		size_t again = 0;

		MUST(mfs_read(driver->volume, stream, offset, driver->room, done, &again) == MFS_OK);
		MUST(again == done && memcmp(driver->room, data + (op->flags >> 4) * 100, done) == 0);
	}
	return status;
}

static enum mfs_status do_size(struct driver *driver, const struct operation *op)
{
	uint64_t size = number_of(driver, op->slot, op->size, op->size_from_end);
	enum mfs_status status = mfs_set_size(driver->volume, stream_in(driver, op->slot), size);

	MUST(status != MFS_OK || stream_in(driver, op->slot)->size == size);
	return status;
}

static enum mfs_status do_allocation(struct driver *driver, const struct operation *op)
{
	return mfs_set_allocation(driver->volume, stream_in(driver, op->slot),
				  number_of(driver, op->slot, op->size, op->size_from_end));
}

static enum mfs_status do_overwrite(struct driver *driver, const struct operation *op)
{
	const struct mfs_overwrite how = {.attributes = op->flags,
					  .replace_attributes = op->flags & 1,
					  .allocation = op->flags & 2 ? op->size : 0,
					  .eas = op->payload,
					  .eas_size = op->flags & 4 ? op->payload_size : 0};
	enum mfs_status status = mfs_overwrite(driver->volume, stream_in(driver, op->slot), &how);

	MUST(status != MFS_OK || stream_in(driver, op->slot)->size == 0);
	return status;
}

static enum mfs_status do_fallocate(struct driver *driver, const struct operation *op)
{
	static const unsigned modes[] = {0, 1, 2, 3, 4, 5, 8, 16};
	unsigned mode = op->flags & 0x80 ? op->flags & 0x3f : modes[op->flags & 7];
	uint64_t offset = number_of(driver, op->slot, op->offset, op->offset_from_end);
	uint64_t size = number_of(driver, op->slot, op->size, op->size_from_end);

	/* These two want whole pages. */
	if (mode >= MFS_FALLOCATE_COLLAPSE && !(op->flags & 0x40)) {
		offset -= offset % 4096;
		size -= size % 4096;
	}
	return mfs_fallocate(driver->volume, stream_in(driver, op->slot), offset, size, mode);
}

static enum mfs_status do_seek(struct driver *driver, const struct operation *op)
{
	struct mfs_stream *stream = stream_in(driver, op->slot);
	uint64_t offset = number_of(driver, op->slot, op->offset, op->offset_from_end), found = 0;
	enum mfs_status status = op->flags & 1 ? mfs_next_data(driver->volume, stream, offset, &found)
					       : mfs_next_hole(driver->volume, stream, offset, &found);

	MUST(status != MFS_OK || (found >= offset && found <= stream->size));
	return status;
}

static enum mfs_status do_copy(struct driver *driver, const struct operation *op)
{
	uint64_t size = number_of(driver, op->slot, op->size, op->size_from_end), done = 1;
	enum mfs_status status = mfs_copy(
		driver->volume, stream_in(driver, op->slot),
		number_of(driver, op->slot, op->offset, op->offset_from_end), stream_in(driver, op->other),
		number_of(driver, op->other, op->second, op->second_from_end), size, &done);

	MUST(done <= size && (status == MFS_OK || done == 0));
	return status;
}

static enum mfs_status do_trim(struct driver *driver, const struct operation *op)
{
	mfs_stream_trim(driver->volume, stream_in(driver, op->slot));
	return MFS_OK;
}

/* ---- metadata
 * ----------------------------------------------------------------------------------------------- */

static enum mfs_status do_set(struct driver *driver, const struct operation *op)
{
	const struct mfs_time time = {(int64_t)op->size, (uint32_t)op->size % 1100000000};
	const struct mfs_set set = {.what = (uint32_t)op->flags * 17,
				    .attributes = (uint32_t)op->size,
				    .mode = (uint32_t)op->size,
				    .flags = (uint32_t)op->size,
				    .birth = time,
				    .access = time,
				    .write = time,
				    .change = time};

	return mfs_node_set(driver->volume, node_in(driver, op->slot), &set);
}

static enum mfs_status do_accessed(struct driver *driver, const struct operation *op)
{
	mfs_node_accessed(driver->volume, node_in(driver, op->slot), op->flags & 1);
	return MFS_OK;
}

static enum mfs_status do_info(struct driver *driver, const struct operation *op)
{
	struct mfs_info info;

	mfs_stream_info(driver->volume, stream_in(driver, op->slot), &info);
	MUST(info.number == mfs_node_number(node_in(driver, op->slot)));
	MUST(info.attributes != 0 && info.allocation % mfs_volume_unit(driver->volume) == 0);
	MUST(info.stored % MFS_SECTOR == 0);
	MUST(mfs_node_is_directory(node_in(driver, op->slot)) == info.directory);
	MUST(mfs_node_flags(node_in(driver, op->slot)) == info.flags);
	return MFS_OK;
}

/* What a getter says of a short buffer must hold for one that is as long as it says. */
typedef enum mfs_status getter(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
			       size_t *size);

static enum mfs_status get(struct driver *driver, const struct operation *op, getter *how)
{
	struct mfs_node *node = node_in(driver, op->slot);
	size_t size = 0, again = 0;
	uint8_t *to = malloc(op->length + 1), *exact;
	enum mfs_status status;

	MUST(to);
	status = how(driver->volume, node, to, op->length, &size);
	free(to);
	MUST(status != MFS_OK || size <= op->length);
	if (status != MFS_BUFFER_TOO_SMALL)
		return status;
	MUST(size > op->length);
	exact = malloc(size);
	MUST(exact && how(driver->volume, node, exact, size, &again) == MFS_OK && again == size);
	free(exact);
	return status;
}

static enum mfs_status get_target(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				  size_t *size)
{
	return mfs_symlink_target(volume, node, to, capacity, size);
}

static enum mfs_status get_list(struct mfs_volume *volume, struct mfs_node *node, void *to, size_t capacity,
				size_t *size)
{
	return mfs_xattr_list(volume, node, to, capacity, size);
}

static enum mfs_status do_security_get(struct driver *driver, const struct operation *op)
{
	return get(driver, op, mfs_security_get);
}

static enum mfs_status do_ea_get(struct driver *driver, const struct operation *op)
{
	mfs_ea_needed(driver->volume, node_in(driver, op->slot));
	return get(driver, op, mfs_ea_get);
}

static enum mfs_status do_reparse_get(struct driver *driver, const struct operation *op)
{
	return get(driver, op, mfs_reparse_get);
}

static enum mfs_status do_target(struct driver *driver, const struct operation *op)
{
	return get(driver, op, get_target);
}

static enum mfs_status do_xattr_list(struct driver *driver, const struct operation *op)
{
	return get(driver, op, get_list);
}

/* A payload in a block of exactly its size. */
static uint8_t *exactly(const struct operation *op)
{
	uint8_t *copy = malloc(op->payload_size ? op->payload_size : 1);

	MUST(copy);
	memcpy(copy, op->payload, op->payload_size);
	return copy;
}

static enum mfs_status do_security_set(struct driver *driver, const struct operation *op)
{
	uint8_t *payload = exactly(op);
	enum mfs_status status =
		mfs_security_set(driver->volume, node_in(driver, op->slot), payload, op->payload_size);

	free(payload);
	return status;
}

static enum mfs_status do_ea_set(struct driver *driver, const struct operation *op)
{
	uint8_t *payload = exactly(op);
	enum mfs_status status = mfs_ea_set(driver->volume, node_in(driver, op->slot), payload,
					    op->payload_size, op->flags & 1);

	free(payload);
	return status;
}

static enum mfs_status do_reparse_set(struct driver *driver, const struct operation *op)
{
	uint8_t *payload = exactly(op);
	enum mfs_status status = mfs_reparse_set(driver->volume, node_in(driver, op->slot), payload,
						 op->payload_size, op->flags & 7);

	free(payload);
	return status;
}

static enum mfs_status do_reparse_remove(struct driver *driver, const struct operation *op)
{
	uint8_t *payload = exactly(op);
	enum mfs_status status = mfs_reparse_remove(driver->volume, node_in(driver, op->slot),
						    op->flags & 1 ? NULL : payload, op->payload_size);

	free(payload);
	return status;
}

static enum mfs_status do_xattr_get(struct driver *driver, const struct operation *op)
{
	size_t size = 0;
	enum mfs_status status = mfs_xattr_get(driver->volume, node_in(driver, op->slot), op->name.bytes,
					       op->name.size, driver->room, op->length, &size);

	MUST(status != MFS_OK || size <= op->length);
	MUST(status != MFS_BUFFER_TOO_SMALL || size > op->length);
	return status;
}

static enum mfs_status do_xattr_set(struct driver *driver, const struct operation *op)
{
	size_t size = 0;
	enum mfs_status status = mfs_xattr_set(driver->volume, node_in(driver, op->slot), op->name.bytes,
					       op->name.size, op->payload, op->payload_size, op->flags & 3);

	if (status == MFS_OK) {
		MUST(mfs_xattr_get(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size,
				   driver->room, ROOM, &size) == MFS_OK);
		MUST(size == op->payload_size && memcmp(driver->room, op->payload, size) == 0);
	}
	return status;
}

static enum mfs_status do_xattr_remove(struct driver *driver, const struct operation *op)
{
	return mfs_xattr_remove(driver->volume, node_in(driver, op->slot), op->name.bytes, op->name.size);
}

/* ---- the volume
 * --------------------------------------------------------------------------------------------- */

static enum mfs_status do_label(struct driver *driver, const struct operation *op)
{
	char label[96];
	enum mfs_status status = mfs_volume_set_label(driver->volume, op->name.bytes, op->name.size);

	MUST(mfs_volume_label(driver->volume, label) <= sizeof(label));
	return status;
}

static enum mfs_status do_resize(struct driver *driver, const struct operation *op)
{
	static const uint64_t nodes[] = {0, 0, 100, 1000, 5, 1, 0, 0};

	/* What is there must be known in the end: less than some memory, or no limit. */
	return mfs_volume_resize(driver->volume, op->size % (64 << 20), nodes[op->flags & 7]);
}

static enum mfs_status do_space(struct driver *driver, const struct operation *op)
{
	struct mfs_space space;

	(void)op;
	mfs_volume_space(driver->volume, &space);
	MUST(space.total_bytes == space.used_bytes + space.free_bytes);
	MUST(space.free_nodes <= space.total_nodes);
	return MFS_OK;
}

/* ---- one input
 * -------------------------------------------------------------------------------------------------- */

static enum mfs_status (*const run[OP_KINDS])(struct driver *driver, const struct operation *op) = {
	[OP_LOOKUP] = do_lookup,
	[OP_CREATE] = do_create,
	[OP_NAMELESS] = do_nameless,
	[OP_LINK] = do_link,
	[OP_UNLINK] = do_unlink,
	[OP_RENAME] = do_rename,
	[OP_CAN_REMOVE] = do_can_remove,
	[OP_WALK] = do_walk,
	[OP_PARENT] = do_parent,
	[OP_LIST] = do_list,
	[OP_NUMBER] = do_number,
	[OP_HOLD] = do_hold,
	[OP_DROP] = do_drop,
	[OP_STREAM_OPEN] = do_stream_open,
	[OP_STREAM_CREATE] = do_stream_create,
	[OP_STREAM_REMOVE] = do_stream_remove,
	[OP_STREAM_RENAME] = do_stream_rename,
	[OP_STREAMS] = do_streams,
	[OP_READ] = do_read,
	[OP_PIECES] = do_pieces,
	[OP_WRITE] = do_write,
	[OP_SIZE] = do_size,
	[OP_ALLOCATION] = do_allocation,
	[OP_OVERWRITE] = do_overwrite,
	[OP_FALLOCATE] = do_fallocate,
	[OP_SEEK] = do_seek,
	[OP_COPY] = do_copy,
	[OP_TRIM] = do_trim,
	[OP_SET] = do_set,
	[OP_ACCESSED] = do_accessed,
	[OP_INFO] = do_info,
	[OP_SECURITY_GET] = do_security_get,
	[OP_SECURITY_SET] = do_security_set,
	[OP_EA_GET] = do_ea_get,
	[OP_EA_SET] = do_ea_set,
	[OP_REPARSE_GET] = do_reparse_get,
	[OP_REPARSE_SET] = do_reparse_set,
	[OP_REPARSE_REMOVE] = do_reparse_remove,
	[OP_TARGET] = do_target,
	[OP_XATTR_GET] = do_xattr_get,
	[OP_XATTR_SET] = do_xattr_set,
	[OP_XATTR_REMOVE] = do_xattr_remove,
	[OP_XATTR_LIST] = do_xattr_list,
	[OP_LABEL] = do_label,
	[OP_RESIZE] = do_resize,
	[OP_SPACE] = do_space,
};

static void one(struct driver *driver, const struct operation *op)
{
	uint64_t used = driver->volume->budget.used, nodes = driver->volume->budget.nodes;
	enum mfs_status status = run[op->kind](driver, op);

	if (status == MFS_OK)
		return;
	if (!(answers[op->kind] & BIT(status))) {
		fprintf(stderr, "%s answered \"%s\"\n", operation_name(op->kind), mfs_status_text(status));
		abort();
	}
	/* A failed call changed nothing. */
	MUST(driver->volume->budget.nodes == nodes);
	MUST(driver->volume->budget.used == used);
}

static void delete_below(struct driver *driver, struct mfs_node *node)
{
	for (;;) {
		struct listing listing = {.driver = driver, .left = 1};
		struct mfs_node *child;
		bool at_end;

		if (driver->by_name)
			mfs_list_after_name(driver->volume, node, NULL, 0, list_one, &listing, &at_end);
		else
			mfs_list_after_position(driver->volume, node, 0, list_one, &listing, &at_end);
		if (listing.count == 0)
			return;
		MUST(mfs_lookup(driver->volume, node, listing.name, listing.name_size, &child) == MFS_OK);
		if (mfs_node_is_directory(child))
			delete_below(driver, child);
		mfs_node_drop(driver->volume, child);
		MUST(mfs_unlink(driver->volume, node, listing.name, listing.name_size, MFS_REMOVE_ANY,
				NULL) == MFS_OK);
	}
}

/* What the root carries besides names goes with an overwritten one. */
static void clean_root(struct driver *driver)
{
	struct mfs_node *root = driver->volume->root;

	streams_unlist_all(driver->volume, root);
	if (root->extras)
		xattrs_free(driver->volume, root->extras);
	MUST(mfs_ea_set(driver->volume, root, NULL, 0, true) == MFS_OK);
	extras_prune(driver->volume, root);
	security_drop(driver->volume, root->security);
	root->security = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct driver driver = {0};
	struct input input = {bytes, size, 0};
	static struct operation operation;
	unsigned count = 0;

	if (data[0] == 0)
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(i % 251) | 1;
	driver.room = malloc(ROOM);
	MUST(driver.room);
	volume_begin(&driver, &input);
	while (operation_next(&input, &operation)) {
		one(&driver, &operation);
		if (++count % driver.every == 0)
			check(&driver, &operation);
	}
	for (unsigned i = 0; i < OPERATION_SLOTS; i++)
		keep(&driver, i, NULL);
	check(&driver, NULL);
	if (!driver.volume->read_only) {
		delete_below(&driver, driver.volume->root);
		clean_root(&driver);
		MUST(driver.volume->budget.nodes == 1);
		MUST(driver.volume->budget.used == driver.start);
		check(&driver, NULL);
	}
	mfs_volume_destroy(driver.volume);
	free(driver.room);
	return 0;
}
