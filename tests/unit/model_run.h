/*
 * model_run.h: one run of the model test: a volume, the model beside it, and the handles between.
 *
 * Shared by the model_*.c files and test_model.c only. An operation picks things at random, says with
 * run_say what it is about to do, asks the engine, and hands the answer to run_outcome with the
 * set of refusals that the model finds right.
 */
#ifndef MEMEFS_TEST_MODEL_RUN_H
#define MEMEFS_TEST_MODEL_RUN_H

#include <setjmp.h>
#include <stdio.h>

#include "memefs.h"
#include "model.h"
#include "random.h"

/* Which printf the compiler has to check against. */
#ifdef __MINGW_PRINTF_FORMAT
#	define RUN_PRINTF __MINGW_PRINTF_FORMAT
#else
#	define RUN_PRINTF printf
#endif

#define RUN_HANDLES 48
#define RUN_CURSORS 4
#define RUN_SAID 24
#define RUN_BUFFER ((size_t)1 << 20)
#define RUN_PATH ((size_t)1 << 16)

/* One status as a member of a set; 0 (MFS_OK) may be one too. */
#define RUN_BIT(status) ((uint64_t)1 << (status))

struct run_mode {
	const char *text;
	bool insensitive, by_name, promise;
	bool full; /* what is free is filled up at once, most of the time */
	uint64_t max_bytes, max_nodes; /* 0: none */
};

struct run_handle {
	struct mfs_stream *stream;
	struct model_stream *model;
};

/* A listing that goes on while the directory changes. */
struct run_cursor {
	struct model_node *directory; /* NULL: not in use; kept alive by `held` */
	struct mfs_node *held;
	uint64_t first_id; /* entries with a lower id were there at the start */
	uint64_t position;
	char name[MFS_NAME_BYTES_MAX];
	size_t name_size;
	uint64_t *seen; /* ids */
	size_t seen_count, seen_capacity;
};

struct run {
	const struct run_mode *mode;
	uint64_t seed, step;
	struct random random;
	struct mfs_volume *volume;
	struct model model;
	struct mfs_space start;	       /* of the empty volume */
	uint64_t used_before;	       /* bytes used before the operation */
	uint64_t max_bytes, max_nodes; /* present limits */
	int64_t start_seconds;
	unsigned weight;    /* of all operations together */
	size_t goal;	    /* how many nodes this phase steers to */
	uint64_t filling;   /* bytes to be written now, 0: as many as may be */
	uint64_t full;	    /* steps that found the volume full */
	uint64_t phase_end; /* the step at which the next one begins */
	struct run_handle handles[RUN_HANDLES];
	size_t handle_count;
	struct run_cursor cursors[RUN_CURSORS];
	uint64_t *numbers; /* every node number ever seen: an open hash set */
	size_t number_count, number_capacity;
	char label[128];
	size_t label_size;
	char said[RUN_SAID][200];
	uint8_t *buffer, *expected; /* RUN_BUFFER each */
	char *path;		    /* RUN_PATH */
	jmp_buf failed;
};

/* ---- saying and failing ---------------------------------------------------------------- */

/* Notes what is about to be done, for the report of a failure. */
void run_say(struct run *run, const char *format, ...) __attribute__((format(RUN_PRINTF, 2, 3)));
/* Prints the seed, the step and the last operations, and ends the run. */
_Noreturn void run_fail(struct run *run, const char *file, int line, const char *format, ...)
	__attribute__((format(RUN_PRINTF, 4, 5)));
#define RUN_CHECK(run, condition)                                            \
	do {                                                                 \
		if (!(condition))                                            \
			run_fail(run, __FILE__, __LINE__, "%s", #condition); \
	} while (0)
#define RUN_SAME(run, actual, wanted)                                                       \
	do {                                                                                \
		uint64_t actual_ = (uint64_t)(actual), wanted_ = (uint64_t)(wanted);        \
		if (actual_ != wanted_)                                                     \
			run_fail(run, __FILE__, __LINE__, "%s is %llu, not %llu", #actual,  \
				 (unsigned long long)actual_, (unsigned long long)wanted_); \
	} while (0)

/* Judges an answer. `refusals`: statuses that are right; empty: it must succeed. With MFS_OK in the set both
 * are right. On a limited volume NO_SPACE and NO_NODES may come as well, when the limit is near enough to
 * `bytes` more. A refusal must have changed no counter. Returns whether it was MFS_OK. */
#define RUN_FREES UINT64_MAX /* as `bytes`: it needs none, and must work on a full volume */
bool run_outcome(struct run *run, enum mfs_status status, uint64_t refusals, uint64_t bytes);
/* Takes the counters down anew, for a second change in one operation. */
void run_mark(struct run *run);
bool run_limited(const struct run *run);

/* ---- picking ----------------------------------------------------------------------------- */

struct model_node *run_pick_node(struct run *run);	/* any */
struct model_node *run_pick_directory(struct run *run); /* with a name, or now and then a deleted one */
struct model_node *run_pick_file(struct run *run);	/* something whose data can be used, or NULL */
struct model_entry *run_pick_entry(struct run *run);	/* NULL: the volume is empty */
/* A name that may or may not exist, be good or bad; returns its size, up to 1024. */
size_t run_name(struct run *run, char to[1024]);
/* The same name in another case, on an insensitive volume; else as it is. */
size_t run_respell(struct run *run, const char *name, size_t size, char to[1024]);
/* Fills the buffer: mostly random bytes, at times zeros. */
void run_bytes(struct run *run, uint8_t *to, size_t size);
size_t run_data_size(struct run *run);

/* The engine's node, by a way chosen at random, with a reference. */
struct mfs_node *run_reach(struct run *run, struct model_node *node);
void run_drop(struct run *run, struct mfs_node *node);

/* A stream to work on for one operation: one of the handles, or opened for it. */
struct run_use {
	struct model_stream *model;
	struct mfs_stream *stream;
};
bool run_use_begin(struct run *run, struct run_use *use);
void run_use_end(struct run *run, struct run_use *use);

/* Whether this node's data functions work as a file's now. */
bool run_has_data(const struct model_node *node);

/* Adds / takes a handle. */
void run_handle_add(struct run *run, struct mfs_stream *stream, struct model_stream *model);
void run_handle_close(struct run *run, size_t index);

/* The number was never used before. */
void run_number_new(struct run *run, uint64_t number);

/* What happened to a node's times. */
void run_changed(struct model_node *node); /* change is recent */
void run_written(struct model_node *node); /* write and change are recent */
void run_unsure(struct model_node *node);  /* write and change may have moved */

/* ---- checking ------------------------------------------------------------------------------- */

void run_check_info(struct run *run, struct model_node *node, struct mfs_node *real);
void run_check_data(struct run *run, struct model_stream *model, struct mfs_stream *stream);
void run_check_entries(struct run *run, struct model_node *node, struct mfs_node *real);
/* All that there is to a node. */
void run_check_node(struct run *run, struct model_node *node);
/* The engine's own structures, with every reference accounted for. */
void run_check_structures(struct run *run);
/* Every node, the counters, and every handle. */
void run_check_all(struct run *run);

/* ---- operations --------------------------------------------------------------------------- */

typedef void run_operation(struct run *run);

/* model_names.c */
run_operation op_lookup, op_create, op_nameless, op_link, op_unlink, op_rename, op_exchange, op_list,
	op_cursor, op_list_after, op_walk, op_normalize, op_parent, op_open, op_close, op_can_remove;
void run_cursor_end(struct run *run, struct run_cursor *cursor);
void run_unlink_entry(struct run *run, struct model_entry *entry);

/* model_bytes.c */
run_operation op_read, op_pieces, op_write, op_size, op_allocation, op_fallocate, op_seek, op_copy, op_trim,
	op_overwrite, op_stream_open, op_stream_create, op_stream_remove, op_stream_rename;

/* model_metadata.c */
run_operation op_set, op_accessed, op_security, op_ea, op_reparse, op_xattr, op_xattr_read, op_label,
	op_resize, op_info;
/* Random parts of a new node; each says in `faults` what is wrong with it, in set form. */
size_t run_security(struct run *run, uint8_t *to, uint64_t *faults);
size_t run_eas(struct run *run, uint8_t *to, uint64_t *faults);
size_t run_reparse(struct run *run, bool directory, uint8_t *to, uint64_t *faults);
/* Applies a good list to the model's. Returns false, nothing changed, when it would be over the limit. */
enum run_ea_fit { RUN_EA_FITS, RUN_EA_UNSURE, RUN_EA_TOO_LARGE };
enum run_ea_fit run_eas_fit(const struct model_node *node, const uint8_t *list, size_t size, bool replace);
void run_eas_apply(struct model_node *node, const uint8_t *list, size_t size, bool replace);
void run_check_metadata(struct run *run, struct model_node *node, struct mfs_node *real);

/* model_threads.c */
/* Returns the number of faults; each was printed. */
unsigned run_threads(const struct run_mode *mode, uint64_t seed, unsigned threads, uint64_t operations);

#endif
