/*
 * sectors: the sector store, where the bytes of one stream live.
 *
 * Sparse: a map from sectors to runs of memory. What was never written costs nothing and
 * reads as zero. A run may be promised: charged, without memory until it is written. Data
 * never moves once it is written; growing adds runs, longer ones as the stream grows.
 *
 * Kept at all times: bytes of a stored sector that were never written, or that a cut took away,
 * are zero. A run of whole pages begins at a page of the stream; a shorter one lies inside a
 * page. The owner (stream) guards it with its lock: reading functions want it shared, others
 * exclusive. Offsets are in bytes and below 2^63 unless they are named sectors.
 */
#ifndef MEMEFS_SECTORS_H
#define MEMEFS_SECTORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memefs.h"
#include "pool.h"
#include "tree.h"

#define SECTORS_RUN_COST 32u /* bytes charged for each run but the first */

struct run {
	uint64_t start;	       /* first sector */
	unsigned char *memory; /* NULL: promised */
	uint32_t count;	       /* sectors of the stream that it stands for */
	uint32_t room;	       /* sectors of memory; the rest is room to grow, its contents unspecified */
};

/* All zero: empty. */
struct sectors {
	union {
		struct run one;	  /* runs == 1 */
		struct tree many; /* runs >= 2 */
	};
	_Atomic uint64_t stored; /* sectors charged; read without the lock */
	uint32_t runs;
	bool roomy; /* some run may have whole pages of room: sectors_trim has work */
};

/* Where memory and the right to it come from: a volume's. */
struct store {
	struct pool *pool;
	struct budget *budget;
};

/* Reads bytes; unstored ones are zero. */
void sectors_read(const struct sectors *map, uint64_t offset, void *to, size_t size);
/* The same as pieces of memory, at most `most`; *bytes tells how far they reach. */
size_t sectors_pieces(const struct sectors *map, uint64_t offset, size_t size, struct mfs_piece *pieces,
		      size_t most, size_t *bytes);

/* Writes bytes, as many from the start as fit; with `all`, all or (0) nothing. Returns how many. */
size_t sectors_write(const struct store *store, struct sectors *map, uint64_t offset, const void *from,
		     size_t size, bool all);

/* Promises what is not yet stored in [offset, end), widened to whole sectors. Charges all or nothing;
 * when memory itself runs out half-way, what was promised until then stays. */
bool sectors_promise(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end);
/* The same beyond the limit if need be: for what was given back a moment ago. */
void sectors_promise_again(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end);

/* Makes [offset, end) read as zero and gives back the whole sectors (of long runs: pages) in it. */
void sectors_clear(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end);

/* Gives back everything. */
void sectors_free(const struct store *store, struct sectors *map);

/* Gives back the memory that was kept for growing. */
void sectors_trim(const struct store *store, struct sectors *map);

/* Moves everything from `offset` (a multiple of 4096) on by `delta` bytes (likewise). What lies
 * in a gap that closes must have been cleared. False: no memory, nothing changed. */
bool sectors_shift(const struct store *store, struct sectors *map, uint64_t offset, int64_t delta);

/* The next byte at or behind `offset` that is stored and written (has no memory), UINT64_MAX: none. */
uint64_t sectors_next_data(const struct sectors *map, uint64_t offset);
uint64_t sectors_next_hole(const struct sectors *map, uint64_t offset);

#endif
