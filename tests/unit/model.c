/*
 * model: the plain tree that the engine is compared with. See model.h.
 *
 * It must never call the engine, nor grow clever: what is here should be right at a glance.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory: a test that has none can't go on ------------------------------------------ */

static void *need(void *memory)
{
	if (!memory) {
		printf("Bail out! out of memory\n");
		abort();
	}
	return memory;
}

/* Room for one more pointer. */
static void grow(void *array, size_t count, size_t *capacity)
{
	void **at = array;

	if (count < *capacity)
		return;
	*capacity = *capacity ? *capacity * 2 : 8;
	*at = need(realloc(*at, *capacity * sizeof(void *)));
}

void model_bytes_set(struct model_bytes *bytes, const void *from, size_t size)
{
	void *copy = need(malloc(size + 1));

	if (size)
		memcpy(copy, from, size);
	free(bytes->data);
	bytes->data = copy;
	bytes->size = size;
}

bool model_bytes_equal(const struct model_bytes *bytes, const void *other, size_t size)
{
	return bytes->size == size && (!size || !memcmp(bytes->data, other, size));
}

/* ---- bytes ----------------------------------------------------------------------------- */

/* Index of the first block whose number is at least this. */
static size_t block_index(const struct model_data *data, uint64_t number)
{
	size_t low = 0, high = data->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (data->blocks[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct model_block *block_find(const struct model_data *data, uint64_t number)
{
	size_t at = block_index(data, number);

	return at < data->count && data->blocks[at].number == number ? &data->blocks[at] : NULL;
}

static struct model_block *block_make(struct model_data *data, uint64_t number)
{
	size_t at = block_index(data, number);

	if (at < data->count && data->blocks[at].number == number)
		return &data->blocks[at];
	if (data->count == data->capacity) {
		data->capacity = data->capacity ? data->capacity * 2 : 4;
		data->blocks = need(realloc(data->blocks, data->capacity * sizeof(*data->blocks)));
	}
	memmove(data->blocks + at + 1, data->blocks + at, (data->count - at) * sizeof(*data->blocks));
	data->count++;
	data->blocks[at].number = number;
	data->blocks[at].bytes = need(calloc(1, MODEL_BLOCK));
	return &data->blocks[at];
}

/* Drops the blocks [first, last) of the array. */
static void blocks_drop(struct model_data *data, size_t first, size_t last)
{
	for (size_t i = first; i < last; i++)
		free(data->blocks[i].bytes);
	if (first < last)
		memmove(data->blocks + first, data->blocks + last,
			(data->count - last) * sizeof(*data->blocks));
	data->count -= last - first;
}

/* What of a range lies in one block. */
static size_t piece(uint64_t offset, uint64_t size)
{
	uint64_t room = MODEL_BLOCK - offset % MODEL_BLOCK;

	return (size_t)(size < room ? size : room);
}

void model_data_read(const struct model_data *data, uint64_t offset, void *to, size_t size)
{
	uint8_t *at = to;

	while (size) {
		size_t part = piece(offset, size);
		struct model_block *block = block_find(data, offset / MODEL_BLOCK);

		if (block)
			memcpy(at, block->bytes + offset % MODEL_BLOCK, part);
		else
			memset(at, 0, part);
		at += part;
		offset += part;
		size -= part;
	}
}

void model_data_write(struct model_data *data, uint64_t offset, const void *from, size_t size)
{
	const uint8_t *at = from;

	if (size && offset + size > data->size)
		data->size = offset + size;
	while (size) {
		size_t part = piece(offset, size);

		memcpy(block_make(data, offset / MODEL_BLOCK)->bytes + offset % MODEL_BLOCK, at, part);
		at += part;
		offset += part;
		size -= part;
	}
}

void model_data_zero(struct model_data *data, uint64_t offset, uint64_t size)
{
	uint64_t end = offset + size;
	uint64_t first = (offset + MODEL_BLOCK - 1) / MODEL_BLOCK, last = end / MODEL_BLOCK;

	if (!size)
		return;
	if (first < last)
		blocks_drop(data, block_index(data, first), block_index(data, last));
	while (offset < end) {
		size_t part = piece(offset, end - offset);
		struct model_block *block =
			part < MODEL_BLOCK ? block_find(data, offset / MODEL_BLOCK) : NULL;

		if (block)
			memset(block->bytes + offset % MODEL_BLOCK, 0, part);
		/* Whole blocks are gone already: step over them at once. */
		offset = part == MODEL_BLOCK && first < last ? last * MODEL_BLOCK : offset + part;
	}
}

void model_data_resize(struct model_data *data, uint64_t size)
{
	if (size < data->size)
		model_data_zero(data, size, data->size - size);
	data->size = size;
}

void model_data_collapse(struct model_data *data, uint64_t offset, uint64_t size)
{
	uint64_t gone = size / MODEL_BLOCK;

	model_data_zero(data, offset, size);
	for (size_t i = block_index(data, offset / MODEL_BLOCK); i < data->count; i++)
		data->blocks[i].number -= gone;
	data->size -= size;
}

void model_data_insert(struct model_data *data, uint64_t offset, uint64_t size)
{
	for (size_t i = block_index(data, offset / MODEL_BLOCK); i < data->count; i++)
		data->blocks[i].number += size / MODEL_BLOCK;
	data->size += size;
}

bool model_data_is_zero(const struct model_data *data, uint64_t from, uint64_t to)
{
	for (size_t i = block_index(data, from / MODEL_BLOCK); i < data->count; i++) {
		uint64_t start = data->blocks[i].number * MODEL_BLOCK;

		if (start >= to)
			break;
		for (size_t j = 0; j < MODEL_BLOCK; j++)
			if (data->blocks[i].bytes[j] && start + j >= from && start + j < to)
				return false;
	}
	return true;
}

void model_data_free(struct model_data *data)
{
	blocks_drop(data, 0, data->count);
	free(data->blocks);
	memset(data, 0, sizeof(*data));
}

/* ---- names ------------------------------------------------------------------------------ */

/* Length and value of the well-formed sequence at `name`, or 0. */
static size_t decode(const uint8_t *name, size_t size, uint32_t *value)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = name[0] < 0x80	     ? 1
			: name[0] >> 5 == 6  ? 2
			: name[0] >> 4 == 14 ? 3
			: name[0] >> 3 == 30 ? 4
					     : 0;

	if (!length || length > size)
		return 0;
	*value = length == 1 ? name[0] : name[0] & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (name[i] >> 6 != 2)
			return 0;
		*value = *value << 6 | (name[i] & 0x3F);
	}
	return *value < least[length] || *value > 0x10FFFF ? 0 : length;
}

size_t model_units(const char *name, size_t size, uint32_t *to)
{
	const uint8_t *at = (const uint8_t *)name;
	size_t count = 0;

	while (size) {
		uint32_t value;
		size_t length = decode(at, size, &value);

		if (!length) {
			to[count++] = 0x10000 + *at;
			length = 1;
		} else if (value >= 0x10000) {
			to[count++] = 0xD800 + ((value - 0x10000) >> 10);
			to[count++] = 0xDC00 + ((value - 0x10000) & 0x3FF);
		} else {
			to[count++] = value;
		}
		at += length;
		size -= length;
	}
	return count;
}

uint32_t model_upper(uint32_t unit)
{
	if ((unit >= 'a' && unit <= 'z') || (unit >= 0xE0 && unit <= 0xFE && unit != 0xF7) ||
	    (unit >= 0x3B1 && unit <= 0x3C9 && unit != 0x3C2) || (unit >= 0x430 && unit <= 0x44F) ||
	    (unit >= 0xFF41 && unit <= 0xFF5A))
		return unit - 0x20;
	return unit == 0xFF ? 0x178 : unit;
}

/* Compares arrays of numbers as strings are compared. */
static int compare_units(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count, bool upper)
{
	for (size_t i = 0; i < a_count && i < b_count; i++) {
		uint32_t x = upper ? model_upper(a[i]) : a[i], y = upper ? model_upper(b[i]) : b[i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a_count < b_count ? -1 : a_count > b_count;
}

int model_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	uint32_t a_units[MFS_NAME_BYTES_MAX], b_units[MFS_NAME_BYTES_MAX];
	size_t a_count = model_units(a, a_size, a_units), b_count = model_units(b, b_size, b_units);
	int order = compare_units(a_units, a_count, b_units, b_count, true);

	if (!order)
		order = compare_units(a_units, a_count, b_units, b_count, false);
	if (!order)
		order = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return order ? order : a_size < b_size ? -1 : a_size > b_size;
}

/* What a name is found by: itself, or its upper-cased units. */
static void make_key(const struct model *model, struct model_bytes *key, const char *name, size_t size)
{
	uint32_t units[MFS_NAME_BYTES_MAX];
	size_t count;

	if (!model->insensitive) {
		model_bytes_set(key, name, size);
		return;
	}
	count = model_units(name, size, units);
	for (size_t i = 0; i < count; i++)
		units[i] = model_upper(units[i]);
	model_bytes_set(key, units, count * sizeof(units[0]));
}

bool model_same_name(const struct model *model, const char *a, size_t a_size, const char *b, size_t b_size)
{
	struct model_bytes a_key = {0}, b_key = {0};
	bool same;

	make_key(model, &a_key, a, a_size);
	make_key(model, &b_key, b, b_size);
	same = model_bytes_equal(&a_key, b_key.data, b_key.size);
	free(a_key.data);
	free(b_key.data);
	return same;
}

uint64_t model_name_faults(const struct model *model, const char *name, size_t size)
{
	uint32_t units[2048];
	size_t count = size;
	uint64_t faults = 0;

	if (!size || (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'))))
		faults |= 1u << MFS_NAME_INVALID;
	if (memchr(name, '/', size) || memchr(name, 0, size))
		faults |= 1u << MFS_NAME_INVALID;
	if (model->insensitive && size <= 2048) {
		count = model_units(name, size, units);
		for (size_t i = 0; i < count; i++)
			if (units[i] >= 0x10000)
				faults |= 1u << MFS_NAME_INVALID;
	}
	if (count > MFS_NAME_MAX)
		faults |= 1u << MFS_NAME_TOO_LONG;
	return faults;
}

/* ---- nodes ------------------------------------------------------------------------------- */

struct model_node *model_node_new(struct model *model, bool directory, enum mfs_kind kind)
{
	struct model_node *node = need(calloc(1, sizeof(*node)));

	node->directory = directory;
	node->kind = kind;
	node->main.node = node;
	node->index = model->node_count;
	grow(&model->nodes, model->node_count, &model->node_capacity);
	model->nodes[model->node_count++] = node;
	return node;
}

static void stream_free(struct model_stream *stream)
{
	model_data_free(&stream->data);
	free(stream->name.data);
	free(stream->key.data);
	free(stream);
}

static void node_free(struct model_node *node)
{
	for (size_t i = 0; i < node->stream_count; i++)
		stream_free(node->streams[i]);
	for (size_t i = 0; i < node->ea_count; i++)
		free(node->eas[i].value.data);
	for (size_t i = 0; i < node->xattr_count; i++) {
		free(node->xattrs[i].name.data);
		free(node->xattrs[i].value.data);
	}
	model_data_free(&node->main.data);
	free(node->streams);
	free(node->eas);
	free(node->xattrs);
	free(node->security.data);
	free(node->reparse.data);
	free(node->names);
	free(node->entries);
	free(node);
}

void model_node_settle(struct model *model, struct model_node *node)
{
	if (node == model->root || node->name_count || node->opens)
		return;
	model->nodes[node->index] = model->nodes[--model->node_count];
	model->nodes[node->index]->index = node->index;
	node_free(node);
}

bool model_is_deleted(const struct model *model, const struct model_node *node)
{
	return node != model->root && !node->name_count && node->named_once;
}

void model_begin(struct model *model, bool insensitive)
{
	memset(model, 0, sizeof(*model));
	model->insensitive = insensitive;
	model->root = model_node_new(model, true, MFS_DIRECTORY);
	model->root->named_once = true;
}

void model_end(struct model *model)
{
	for (size_t i = 0; i < model->node_count; i++) {
		struct model_node *node = model->nodes[i];

		for (size_t j = 0; j < node->entry_count; j++) {
			free(node->entries[j]->name.data);
			free(node->entries[j]->key.data);
			free(node->entries[j]);
		}
	}
	for (size_t i = 0; i < model->node_count; i++)
		node_free(model->nodes[i]);
	free(model->nodes);
}

/* ---- entries ------------------------------------------------------------------------------ */

struct model_entry *model_find(const struct model *model, const struct model_node *directory,
			       const char *name, size_t size)
{
	struct model_bytes key = {0};
	struct model_entry *found = NULL;

	if (!size || size > MFS_NAME_BYTES_MAX)
		return NULL;
	make_key(model, &key, name, size);
	for (size_t i = 0; i < directory->entry_count && !found; i++)
		if (model_bytes_equal(&key, directory->entries[i]->key.data, directory->entries[i]->key.size))
			found = directory->entries[i];
	free(key.data);
	return found;
}

struct model_entry *model_enter(struct model *model, struct model_node *directory, struct model_node *node,
				const char *name, size_t size)
{
	struct model_entry *entry = need(calloc(1, sizeof(*entry)));

	entry->directory = directory;
	entry->node = node;
	entry->id = ++model->next_id;
	model_bytes_set(&entry->name, name, size);
	make_key(model, &entry->key, name, size);
	grow(&directory->entries, directory->entry_count, &directory->entry_capacity);
	directory->entries[directory->entry_count++] = entry;
	grow(&node->names, node->name_count, &node->name_capacity);
	node->names[node->name_count++] = entry;
	node->named_once = true;
	return entry;
}

static void drop_pointer(struct model_entry **array, size_t *count, const struct model_entry *entry)
{
	size_t at = 0;

	while (array[at] != entry)
		at++;
	memmove(array + at, array + at + 1, (*count - at - 1) * sizeof(*array));
	--*count;
}

void model_leave(struct model *model, struct model_entry *entry)
{
	(void)model;
	drop_pointer(entry->directory->entries, &entry->directory->entry_count, entry);
	drop_pointer(entry->node->names, &entry->node->name_count, entry);
	free(entry->name.data);
	free(entry->key.data);
	free(entry);
}

void model_respell(struct model *model, struct model_entry *entry, const char *name, size_t size)
{
	model_bytes_set(&entry->name, name, size);
	make_key(model, &entry->key, name, size);
	entry->id = ++model->next_id;
	entry->position = 0;
}

bool model_is_below(const struct model_node *inner, const struct model_node *outer)
{
	while (inner != outer && inner->name_count)
		inner = inner->names[0]->directory;
	return inner == outer;
}

/* ---- streams -------------------------------------------------------------------------------- */

struct model_stream *model_stream_find(const struct model *model, const struct model_node *node,
				       const char *name, size_t size)
{
	for (size_t i = 0; i < node->stream_count; i++)
		if (model_same_name(model, name, size, node->streams[i]->name.data,
				    node->streams[i]->name.size))
			return node->streams[i];
	return NULL;
}

struct model_stream *model_stream_add(struct model *model, struct model_node *node, const char *name,
				      size_t size)
{
	struct model_stream *stream = need(calloc(1, sizeof(*stream)));

	stream->node = node;
	model_bytes_set(&stream->name, name, size);
	make_key(model, &stream->key, name, size);
	grow(&node->streams, node->stream_count, &node->stream_capacity);
	node->streams[node->stream_count++] = stream;
	return stream;
}

void model_stream_rename(const struct model *model, struct model_stream *stream, const char *name,
			 size_t size)
{
	model_bytes_set(&stream->name, name, size);
	make_key(model, &stream->key, name, size);
}

void model_stream_settle(struct model_stream *stream)
{
	if (stream->removed && !stream->opens)
		stream_free(stream);
}

void model_stream_remove(struct model_stream *stream)
{
	struct model_node *node = stream->node;
	size_t at = 0;

	while (node->streams[at] != stream)
		at++;
	memmove(node->streams + at, node->streams + at + 1,
		(node->stream_count - at - 1) * sizeof(*node->streams));
	node->stream_count--;
	stream->removed = true;
	model_stream_settle(stream);
}

/* ---- kinds ------------------------------------------------------------------------------------ */

uint32_t model_reparse_tag(const struct model_node *node)
{
	const uint8_t *at = node->reparse.data;

	if (!node->reparse.size)
		return 0;
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

enum mfs_kind model_kind(const struct model_node *node)
{
	switch (model_reparse_tag(node)) {
	case 0xA0000003u: /* mount point */
	case 0xA000000Cu: /* symbolic link */
	case 0xA000001Du: /* WSL's symbolic link */
		return MFS_SYMLINK;
	default:
		return node->kind;
	}
}
