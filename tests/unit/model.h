/*
 * model.h: what a volume should be, in the plainest way there is.
 *
 * Arrays, linear search, blocks of bytes: slow and easy to see through. It shares no code with the
 * engine and knows it only by the numbers and types of its public header. Never threaded.
 */
#ifndef MEMEFS_TEST_MODEL_H
#define MEMEFS_TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memefs.h"

/* ---- bytes --------------------------------------------------------------------------- */

#define MODEL_BLOCK 4096u

struct model_block {
	uint64_t number; /* offset / MODEL_BLOCK */
	uint8_t *bytes;
};

/* A stream's contents. What no block covers is zero; so is what lies behind the size. */
struct model_data {
	uint64_t size;
	struct model_block *blocks; /* by rising number */
	size_t count, capacity;
};

void model_data_read(const struct model_data *data, uint64_t offset, void *to, size_t size);
void model_data_write(struct model_data *data, uint64_t offset, const void *from, size_t size);
void model_data_resize(struct model_data *data, uint64_t size);
void model_data_zero(struct model_data *data, uint64_t offset, uint64_t size);
void model_data_collapse(struct model_data *data, uint64_t offset, uint64_t size);
void model_data_insert(struct model_data *data, uint64_t offset, uint64_t size);
/* Whether every byte of [from, to) is zero. */
bool model_data_is_zero(const struct model_data *data, uint64_t from, uint64_t to);
void model_data_free(struct model_data *data);

/* ---- small things -------------------------------------------------------------------- */

struct model_bytes {
	void *data;
	size_t size;
};
void model_bytes_set(struct model_bytes *bytes, const void *from, size_t size);
bool model_bytes_equal(const struct model_bytes *bytes, const void *other, size_t size);

/* A time that the model knows exactly, knows to be recent, or knows nothing of. */
enum model_known { MODEL_ANY, MODEL_RECENT, MODEL_EXACT };
struct model_time {
	enum model_known known;
	struct mfs_time value;
};

struct model_ea {
	char name[256]; /* upper case */
	uint8_t name_size, flags;
	struct model_bytes value;
};

struct model_xattr {
	struct model_bytes name, value;
};

/* ---- the tree ------------------------------------------------------------------------ */

struct model_node;

struct model_stream {
	struct model_node *node;
	struct model_bytes name; /* empty: the main stream */
	struct model_bytes key;	 /* what names are compared by */
	struct model_data data;
	uint64_t promised; /* at least this much was set aside */
	bool sparse;	   /* holes were made: what is set aside is no longer known */
	unsigned opens;	   /* handles of the test on it */
	bool removed;	   /* no longer found by name */
};

struct model_entry {
	struct model_node *directory, *node;
	struct model_bytes name, key;
	uint64_t id;	   /* never used twice: another name, another entry */
	uint64_t position; /* 0: not seen in a listing yet */
};

struct model_node {
	uint64_t number;
	size_t index; /* in model.nodes */
	bool directory;
	enum mfs_kind kind; /* as it was made; reparse data may make it look otherwise */
	bool named_once;    /* had a name at some time */
	unsigned opens;	    /* handles of the test on any of its streams */
	struct model_entry **names;
	size_t name_count, name_capacity;
	struct model_entry **entries;
	size_t entry_count, entry_capacity;
	struct model_stream main;
	struct model_stream **streams; /* named ones, oldest first */
	size_t stream_count, stream_capacity;
	uint32_t attributes, mode, uid, gid;
	uint64_t device;
	struct model_bytes security, reparse;
	struct model_ea *eas;
	size_t ea_count;
	struct model_xattr *xattrs;
	size_t xattr_count;
	struct model_time birth, access, write, change;
};

struct model {
	bool insensitive;
	struct model_node *root;
	struct model_node **nodes; /* all that live, the root first */
	size_t node_count, node_capacity;
	uint64_t next_id;
};

void model_begin(struct model *model, bool insensitive);
void model_end(struct model *model);

/* A node without a name. */
struct model_node *model_node_new(struct model *model, bool directory, enum mfs_kind kind);
/* Frees the node when no name and no handle is left. */
void model_node_settle(struct model *model, struct model_node *node);

struct model_entry *model_find(const struct model *model, const struct model_node *directory,
			       const char *name, size_t size);
struct model_entry *model_enter(struct model *model, struct model_node *directory, struct model_node *node,
				const char *name, size_t size);
/* Takes an entry away and frees it; the node is left for model_node_settle. */
void model_leave(struct model *model, struct model_entry *entry);
/* The same entry under another spelling, in place. */
void model_respell(struct model *model, struct model_entry *entry, const char *name, size_t size);
/* Whether `inner` is `outer` or lies below it. */
bool model_is_below(const struct model_node *inner, const struct model_node *outer);
/* No name left, and not merely one that never had any. The root is never deleted. */
bool model_is_deleted(const struct model *model, const struct model_node *node);

struct model_stream *model_stream_find(const struct model *model, const struct model_node *node,
				       const char *name, size_t size);
struct model_stream *model_stream_add(struct model *model, struct model_node *node, const char *name,
				      size_t size);
void model_stream_rename(const struct model *model, struct model_stream *stream, const char *name,
			 size_t size);
/* Takes the stream off the list; frees it when no handle is on it. */
void model_stream_remove(struct model_stream *stream);
/* A handle was closed: frees a removed stream that has none left. */
void model_stream_settle(struct model_stream *stream);

uint32_t model_reparse_tag(const struct model_node *node);
/* What POSIX calls this node now. */
enum mfs_kind model_kind(const struct model_node *node);

/* ---- names --------------------------------------------------------------------------- */

/* Decodes bytes to UTF-16 units, 0x10000 + byte for what is not WTF-8; `to` must hold one for each
 * byte. Returns the number of units. */
size_t model_units(const char *name, size_t size, uint32_t *to);
/* NTFS's upper case, for the characters that the tests use. */
uint32_t model_upper(uint32_t unit);
/* The volume's order by name: negative, 0, positive. */
int model_compare(const char *a, size_t a_size, const char *b, size_t b_size);
bool model_same_name(const struct model *model, const char *a, size_t a_size, const char *b, size_t b_size);
/* MFS_OK, MFS_NAME_TOO_LONG or MFS_NAME_INVALID, as a set of bits (1 << status): several may apply.
 * 0: a good name. */
uint64_t model_name_faults(const struct model *model, const char *name, size_t size);

#endif
