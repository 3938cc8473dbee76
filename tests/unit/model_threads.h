/*
 * model_threads.h: what the threads of the model test share. For model_threads*.c only.
 */
#ifndef MEMEFS_TEST_MODEL_THREADS_H
#define MEMEFS_TEST_MODEL_THREADS_H

#include <stdatomic.h>

#include "model_run.h"

#define THREADS_MAX 64
#define SHARED_DIRECTORIES 4
#define STAYING 12   /* entries of each thread in each directory that never change */
#define OWN_NAMES 48 /* names of each thread that come and go */
#define OWN_BYTES 20000
#define SHARED_FILES 3
#define RECORD 64
#define SLOTS 256	 /* records in a shared file */
#define TREE 24		 /* directories in the tree that is moved about */
#define CLIMB_MAX 100000 /* far more steps than any climb takes, unless there is a cycle */

struct record {
	uint32_t thread, slot;
	uint64_t sequence, file;
	uint64_t noise[4];
	uint64_t sum;
};
_Static_assert(sizeof(struct record) == RECORD, "a record is one write");

struct own {
	bool there;
	unsigned directory;
	uint64_t number;
	uint32_t size; /* bytes in it; byte i is (seed + i) */
	uint8_t seed;
};

/* model_threads_others.c's. */
struct others {
	struct mfs_node *root, *place, *spare, *marked, *point;
	struct mfs_stream *scratch[2];
};

struct shared {
	struct mfs_volume *volume;
	const struct run_mode *mode;
	unsigned threads;
	uint64_t operations, seed;
	struct mfs_node *directory[SHARED_DIRECTORIES], *tree, *tree_node[TREE];
	struct mfs_stream *file[SHARED_FILES], *log;
	uint8_t security[4][2048];
	size_t security_size[4];
	_Atomic unsigned faults;
	_Atomic uint64_t logged[THREADS_MAX];
	_Atomic uint64_t last_number; /* of some node made lately */
	struct others others;
};

struct worker {
	struct shared *shared;
	unsigned index;
	struct random random;
	struct own own[OWN_NAMES];
	uint64_t step, sequence;
	uint8_t buffer[OWN_BYTES + RECORD * SLOTS];
	const char *doing;
};

/* Notes a fault; the first ones are told. */
void worker_fault(struct worker *worker, const char *file, int line, const char *what, long long value);

#define MUST(worker, condition)                                                  \
	do {                                                                     \
		if (!(condition))                                                \
			worker_fault(worker, __FILE__, __LINE__, #condition, 0); \
	} while (0)
#define MUST_BE(worker, actual, wanted)                                                                   \
	do {                                                                                              \
		long long actual_ = (long long)(actual);                                                  \
		if (actual_ != (long long)(wanted))                                                       \
			worker_fault(worker, __FILE__, __LINE__, #actual " should be " #wanted, actual_); \
	} while (0)

/* model_threads_others.c: what is not about names and bytes of one's own; each is one step of a worker. */
typedef void worker_operation(struct worker *worker);
worker_operation others_links, others_directories, others_scratch, others_metadata, others_reparse,
	others_volume;
void others_begin(struct shared *shared);
/* Gives back what begin took. */
void others_end(struct shared *shared);

#endif
