/*
 * check_notes: what a walk of the checker writes down: the first fault, memory that belongs to something,
 * what was charged, and a tally for each thing that is referred to.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "check_walk.h"

/* ---- one walk ---------------------------------------------------------------------------- */

bool check_fault(struct check *check, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(check->text, CHECK_TEXT, format, list);
	va_end(list);
	return false;
}

/* Room for one more; NULL: no memory of ours. */
void *check_grow(struct check *check, void *array, size_t count, size_t *room, size_t size)
{
	void *larger;

	if (count < *room)
		return array;
	larger = realloc(array, (*room ? *room * 2 : 256) * size);
	if (!larger) {
		check->no_memory = true;
		return NULL;
	}
	*room = *room ? *room * 2 : 256;
	return larger;
}

void check_raw(struct check *check, const void *at, size_t size)
{
	struct check_piece *pieces =
		check_grow(check, check->pieces, check->piece_count, &check->piece_room, sizeof(*pieces));

	if (!pieces)
		return;
	check->pieces = pieces;
	pieces[check->piece_count++] = (struct check_piece){at, size};
}

void check_charged(struct check *check, const void *at, size_t size)
{
	check_raw(check, at, size);
	check->charged += pool_rounded(size);
}

static struct check_tally *tally_place(struct check_tally *tallies, size_t room, const void *key)
{
	size_t at = (size_t)(((uintptr_t)key >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (room - 1);

	while (tallies[at].key && tallies[at].key != key)
		at = (at + 1) & (room - 1);
	return &tallies[at];
}

static bool tallies_grow(struct check *check)
{
	size_t room = check->tally_room ? check->tally_room * 2 : 256;
	struct check_tally *tallies = calloc(room, sizeof(*tallies));

	if (!tallies) {
		check->no_memory = true;
		return check->tally_room > check->tally_count + 1;
	}
	for (size_t i = 0; i < check->tally_room; i++)
		if (check->tallies[i].key)
			*tally_place(tallies, room, check->tallies[i].key) = check->tallies[i];
	free(check->tallies);
	check->tallies = tallies;
	check->tally_room = room;
	return true;
}

struct check_tally *check_tally(struct check *check, const void *key)
{
	struct check_tally *tally;

	if (check->tally_count * 2 >= check->tally_room && !tallies_grow(check))
		return &check->nowhere;
	tally = tally_place(check->tallies, check->tally_room, key);
	check->tally_count += !tally->key;
	tally->key = key;
	return tally;
}
