/*
 * sectors: the sector store. One run stands in the map itself, more in a tree.
 */
#include "sectors.h"

#include <string.h>

#define PER_PAGE 8u		 /* sectors in a page */
#define RUN_PAGES 512u		 /* longest run of new memory: 2 MiB */
#define TAIL_FROM 128u		 /* sectors stored from which a short tail takes whole pages */
#define HUGE_FROM 16384u	 /* sectors stored from which runs are huge pages: at most a fifth more */
#define PROMISE_MOST 0xfffffff8u /* longest promised run, in sectors */

static const struct tree_kind runs_kind = {.item_size = sizeof(struct run), .tie = NULL};

static const unsigned char zeros[32768];

static uint64_t run_end(const struct run *run)
{
	return run->start + run->count;
}

static bool is_paged(const struct run *run)
{
	return run->memory && run->room >= PER_PAGE;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t up_to_page(uint64_t sector)
{
	return (sector + PER_PAGE - 1) / PER_PAGE * PER_PAGE;
}

/* ---- the map --------------------------------------------------------------- */

/* The run that has the sector or, failing that, the first behind it. NULL: none. */
static struct run *run_at(const struct sectors *map, uint64_t sector, struct tree_place *place)
{
	struct tree_place before;
	struct run *run;

	if (map->runs < 2) {
		run = (struct run *)(uintptr_t)&map->one;
		return map->runs == 1 && run_end(run) > sector ? run : NULL;
	}
	if (tree_seek(&map->many, &runs_kind, sector, NULL, place))
		return tree_item(&map->many, &runs_kind, place);
	before = *place;
	run = tree_previous(&map->many, &runs_kind, &before);
	if (run && run_end(run) > sector) {
		*place = before;
		return run;
	}
	return tree_item(&map->many, &runs_kind, place);
}

/* The run that ends where the sector begins. NULL: none. */
static struct run *run_ending_at(const struct sectors *map, uint64_t sector)
{
	struct tree_place place;
	struct run *run = sector ? run_at(map, sector - 1, &place) : NULL;

	return run && run_end(run) == sector ? run : NULL;
}

static struct run *run_next(const struct sectors *map, struct tree_place *place)
{
	return map->runs < 2 ? NULL : tree_next(&map->many, &runs_kind, place);
}

static bool run_enter(const struct store *store, struct sectors *map, const struct run *run)
{
	struct tree_place place;

	if (map->runs == 0) {
		map->one = *run;
		map->runs = 1;
		return true;
	}
	if (map->runs == 1) {
		struct run one = map->one;

		map->many = (struct tree){0};
		if (!tree_insert(&map->many, &runs_kind, store->pool, &place, &one)) {
			map->one = one;
			return false;
		}
		tree_seek_last(&map->many, &runs_kind, run->start, NULL, &place);
		if (!tree_insert(&map->many, &runs_kind, store->pool, &place, run)) {
			tree_clear(&map->many, store->pool);
			map->one = one;
			return false;
		}
		map->runs = 2;
		return true;
	}
	tree_seek_last(&map->many, &runs_kind, run->start, NULL, &place);
	if (!tree_insert(&map->many, &runs_kind, store->pool, &place, run))
		return false;
	map->runs++;
	return true;
}

/* Puts a run in. False: it does not fit into the budget or, with `forced`, memory is used up. */
static bool run_insert(const struct store *store, struct sectors *map, const struct run *run, bool forced)
{
	if (map->runs > 0) {
		if (forced)
			budget_force(store->budget, SECTORS_RUN_COST);
		else if (!budget_take(store->budget, SECTORS_RUN_COST))
			return false;
	}
	if (run_enter(store, map, run))
		return true;
	if (map->runs > 0)
		budget_give(store->budget, SECTORS_RUN_COST);
	return false;
}

static void run_remove(const struct store *store, struct sectors *map, struct tree_place *place)
{
	struct run last;

	if (map->runs < 2) {
		map->runs = 0;
		return;
	}
	tree_remove(&map->many, &runs_kind, store->pool, place);
	budget_give(store->budget, SECTORS_RUN_COST);
	if (--map->runs > 1)
		return;
	tree_seek(&map->many, &runs_kind, 0, NULL, place);
	last = *(struct run *)tree_item(&map->many, &runs_kind, place);
	tree_clear(&map->many, store->pool);
	map->one = last;
}

/* ---- memory and charges ------------------------------------------------------- */

static void memory_give(const struct store *store, unsigned char *memory, uint32_t room)
{
	if (!memory)
		return;
	if (room < PER_PAGE)
		pool_give_raw(store->pool, memory, (size_t)room * MFS_SECTOR);
	else
		pages_give(pool_pages(store->pool), memory, room / PER_PAGE);
}

static void charge_add(struct sectors *map, uint64_t count)
{
	atomic_fetch_add_explicit(&map->stored, count, memory_order_relaxed);
}

static void charge_give(const struct store *store, struct sectors *map, uint64_t count, bool promised)
{
	atomic_fetch_sub_explicit(&map->stored, count, memory_order_relaxed);
	if (promised)
		budget_redeem(store->budget, count * MFS_SECTOR);
	budget_give(store->budget, count * MFS_SECTOR);
}

static uint64_t stored(const struct sectors *map)
{
	return atomic_load_explicit(&map->stored, memory_order_relaxed);
}

/* Takes memory for `count` sectors from `at`. A piece that is less than a page, or a small stream's
 * tail, takes just its sectors; the rest takes pages. With `grow` more comes along, in proportion to
 * what the stream has, up to `limit` sectors. Tells the room; count may be more than that. */
static unsigned char *memory_take(const struct store *store, const struct sectors *map, uint64_t at,
				  uint64_t count, uint64_t limit, bool grow, uint32_t *room)
{
	uint64_t in_page = at % PER_PAGE, have = stored(map), pages, want;
	bool whole_tail = have + count >= TAIL_FROM && (grow || count >= PER_PAGE);
	unsigned char *memory;
	size_t got;

	if (in_page != 0 || (count < PER_PAGE && !whole_tail)) {
		uint64_t rest = least(PER_PAGE - in_page, limit);

		count = least(count, rest);
		if (grow)
			count = least(rest, most(count, in_page ? in_page : least(have, PER_PAGE)));
		*room = (uint32_t)count;
		if (count < PER_PAGE)
			return pool_take_raw(store->pool, (size_t)count * MFS_SECTOR);
	}
	pages = least(whole_tail ? up_to_page(count) / PER_PAGE : most(count / PER_PAGE, 1), RUN_PAGES);
	want = grow ? least(most(pages, least(have / PER_PAGE, RUN_PAGES)), up_to_page(limit) / PER_PAGE)
		    : pages;
	memory = pages_take(pool_pages(store->pool), want, most(pages / 4, 1),
			    want == RUN_PAGES && have >= HUGE_FROM ? RUN_PAGES : 1, &got);
	*room = memory ? (uint32_t)got * PER_PAGE : 0;
	return memory;
}

/* ---- writing ------------------------------------------------------------------- */

/* One write under way: the sectors it touches, and which of them it covers only in part. */
struct writing {
	const struct store *store;
	struct sectors *map;
	uint64_t first, end;
	bool part_first, part_last;
	bool all;
	uint64_t prepaid; /* sectors charged ahead (with all) */
	struct {
		uint64_t start, count;
		bool promised;
	} added[32]; /* what was added (with all), to take it back */
	unsigned additions;
};

/* New memory stands for sectors from `at`: clears those that the write covers only in part. */
static void wipe_parts(const struct writing *w, unsigned char *memory, uint64_t at, uint64_t count)
{
	if (w->part_first && at == w->first)
		memset(memory, 0, MFS_SECTOR);
	if (w->part_last && at + count == w->end)
		memset(memory + (count - 1) * MFS_SECTOR, 0, MFS_SECTOR);
}

/* Notes what was added, so that it can be taken back. What cannot be noted is cleared: should it have to
 * stay, it reads as before. */
static void note_addition(struct writing *w, uint64_t start, uint64_t count, unsigned char *memory,
			  bool promised)
{
	unsigned last = w->additions - 1;

	if (!w->all)
		return;
	if (w->additions > 0 && w->added[last].start + w->added[last].count == start &&
	    w->added[last].promised == promised) {
		w->added[last].count += count;
	} else if (w->additions < sizeof(w->added) / sizeof(w->added[0])) {
		w->added[w->additions].start = start;
		w->added[w->additions].count = count;
		w->added[w->additions++].promised = promised;
	} else {
		memset(memory, 0, (size_t)count * MFS_SECTOR);
	}
}

static uint64_t charge_take(struct writing *w, uint64_t count)
{
	if (w->all) {
		w->prepaid -= count;
		return count;
	}
	return budget_take_some(w->store->budget, count * MFS_SECTOR, MFS_SECTOR) / MFS_SECTOR;
}

static void charge_undo(struct writing *w, uint64_t count)
{
	if (w->all)
		w->prepaid += count;
	else
		budget_give(w->store->budget, count * MFS_SECTOR);
}

/* Puts a new run in whose sectors are charged. One of them goes back when the run's own charge needs
 * its place: a write gets in what fits. */
static bool insert_charged(struct writing *w, struct run *new)
{
	if (run_insert(w->store, w->map, new, w->all))
		return true;
	if (w->all || new->count < 2)
		return false;
	new->count--;
	charge_undo(w, 1);
	return run_insert(w->store, w->map, new, false);
}

/* Stores some of the hole [at, limit); `last` when nothing lies behind it. Returns how many sectors. */
static uint64_t fill_hole(struct writing *w, uint64_t at, uint64_t limit, bool last)
{
	struct run *before = run_ending_at(w->map, at), new = {.start = at};
	bool grow = last && at == w->first && before && before->memory;
	uint64_t count = least(limit, w->end) - at;

	if (before && before->memory && before->room > before->count) {
		count = charge_take(w, least(count, before->room - before->count));
		wipe_parts(w, before->memory + (size_t)before->count * MFS_SECTOR, at, count);
		before->count += (uint32_t)count;
		charge_add(w->map, count);
		note_addition(w, at, count, before->memory + (size_t)(before->count - count) * MFS_SECTOR,
			      false);
		return count;
	}
	new.memory =
		memory_take(w->store, w->map, at, count, last ? UINT64_MAX / 2 : limit - at, grow, &new.room);
	if (!new.memory)
		return 0;
	count = charge_take(w, least(count, new.room));
	new.count = (uint32_t)count;
	if (count == 0 || !insert_charged(w, &new)) {
		charge_undo(w, new.count);
		memory_give(w->store, new.memory, new.room);
		return 0;
	}
	count = new.count;
	w->map->roomy |= new.room >= up_to_page(count) + PER_PAGE;
	wipe_parts(w, new.memory, at, count);
	charge_add(w->map, count);
	note_addition(w, at, count, new.memory, false);
	return count;
}

/* Cuts a promised run so that [at, at + new->count) is free for a run with memory, and puts that in. */
static bool redeem_run(struct writing *w, struct run *run, struct tree_place *place, const struct run *new)
{
	struct run old = *run, tail = {.start = new->start + new->count};

	tail.count = (uint32_t)(run_end(&old) - tail.start);
	if (new->start == old.start && tail.count == 0) {
		*run = *new;
		return true;
	}
	if (new->start == old.start) {
		run->start = tail.start;
		run->count = tail.count;
		if (run_insert(w->store, w->map, new, true))
			return true;
		*run_at(w->map, tail.start, place) = old;
		return false;
	}
	run->count = (uint32_t)(new->start - old.start);
	if (!run_insert(w->store, w->map, new, true)) {
		run_at(w->map, old.start, place)->count = old.count;
		return false;
	}
	if (tail.count == 0 || run_insert(w->store, w->map, &tail, true))
		return true;
	run_at(w->map, new->start, place);
	run_remove(w->store, w->map, place);
	run_at(w->map, old.start, place)->count = old.count;
	return false;
}

/* Puts memory behind some of a promised run from `at` on. Returns for how many sectors. */
static uint64_t back_promise(struct writing *w, struct run *run, struct tree_place *place, uint64_t at)
{
	struct run *before = at == run->start ? run_ending_at(w->map, at) : NULL, new = {.start = at};
	uint64_t rest = run_end(run) - at, count = least(rest, w->end - at);
	unsigned char *memory;

	if (before && before->memory && before->room > before->count) {
		count = least(count, before->room - before->count);
		memory = before->memory + (size_t)before->count * MFS_SECTOR;
		before->count += (uint32_t)count;
		run->start += count;
		run->count -= (uint32_t)count;
		if (run->count == 0)
			run_remove(w->store, w->map, place);
	} else {
		new.memory =
			memory_take(w->store, w->map, at, count, rest, before && before->memory, &new.room);
		if (!new.memory)
			return 0;
		count = least(count, new.room);
		new.count = (uint32_t)count;
		if (!redeem_run(w, run, place, &new)) {
			memory_give(w->store, new.memory, new.room);
			return 0;
		}
		w->map->roomy |= new.room >= up_to_page(count) + PER_PAGE;
		memory = new.memory;
	}
	wipe_parts(w, memory, at, count);
	budget_redeem(w->store->budget, count * MFS_SECTOR);
	note_addition(w, at, count, memory, true);
	return count;
}

/* Puts memory behind the sectors of a write; returns the sector up to which there is some. */
static uint64_t back(struct writing *w)
{
	struct tree_place place;
	uint64_t at = w->first, got;

	while (at < w->end) {
		struct run *run = run_at(w->map, at, &place);

		if (run && run->start <= at && run->memory)
			got = run_end(run) - at;
		else if (run && run->start <= at)
			got = back_promise(w, run, &place, at);
		else
			got = fill_hole(w, at, run ? run->start : UINT64_MAX / 2, !run);
		if (got == 0)
			break;
		at += got;
	}
	return least(at, w->end);
}

/* Sectors of [first, end) that nothing stands for. */
static uint64_t missing(const struct sectors *map, uint64_t first, uint64_t end)
{
	struct tree_place place;
	struct run *run = run_at(map, first, &place);
	uint64_t count = 0;

	for (; run && run->start < end; run = run_next(map, &place)) {
		if (run->start > first)
			count += run->start - first;
		first = run_end(run);
	}
	return first < end ? count + end - first : count;
}

static void take_back(struct writing *w)
{
	while (w->additions > 0) {
		uint64_t start = w->added[--w->additions].start, count = w->added[w->additions].count;

		sectors_clear(w->store, w->map, start * MFS_SECTOR, (start + count) * MFS_SECTOR);
		if (w->added[w->additions].promised)
			sectors_promise_again(w->store, w->map, start * MFS_SECTOR,
					      (start + count) * MFS_SECTOR);
	}
}

static void copy_in(const struct sectors *map, uint64_t offset, const unsigned char *from, size_t size)
{
	struct tree_place place;
	struct run *run = run_at(map, offset / MFS_SECTOR, &place);

	while (size > 0) {
		uint64_t in = offset - run->start * MFS_SECTOR;
		size_t part = (size_t)least(size, (uint64_t)run->count * MFS_SECTOR - in);

		memcpy(run->memory + in, from, part);
		from += part;
		offset += part;
		size -= part;
		if (size > 0)
			run = run_next(map, &place);
	}
}

size_t sectors_write(const struct store *store, struct sectors *map, uint64_t offset, const void *from,
		     size_t size, bool all)
{
	struct writing w = {.store = store, .map = map, .all = all};
	uint64_t end = offset + size, backed;
	struct tree_place place;
	struct run *run;

	if (size == 0)
		return 0;
	w.first = offset / MFS_SECTOR;
	w.end = (end + MFS_SECTOR - 1) / MFS_SECTOR;
	run = run_at(map, w.first, &place);
	if (run && run->start <= w.first && run_end(run) >= w.end && run->memory) {
		memcpy(run->memory + (offset - run->start * MFS_SECTOR), from, size);
		return size;
	}
	w.part_first = offset % MFS_SECTOR != 0 || end < (w.first + 1) * MFS_SECTOR;
	w.part_last = end % MFS_SECTOR != 0;
	if (all) {
		w.prepaid = missing(map, w.first, w.end);
		if (!budget_take(store->budget, w.prepaid * MFS_SECTOR))
			return 0;
	}
	backed = back(&w);
	if (all && backed < w.end) {
		take_back(&w);
		budget_give(store->budget, w.prepaid * MFS_SECTOR);
		return 0;
	}
	if (backed * MFS_SECTOR < end)
		size = backed * MFS_SECTOR > offset ? (size_t)(backed * MFS_SECTOR - offset) : 0;
	copy_in(map, offset, from, size);
	return size;
}

/* ---- reading --------------------------------------------------------------------- */

/* The next stretch of a range: where its bytes are (NULL: zeros) and how long it is. */
static const unsigned char *stretch(const struct run *run, uint64_t offset, size_t size, size_t *length)
{
	uint64_t start;

	if (!run) {
		*length = size;
		return NULL;
	}
	start = run->start * MFS_SECTOR;
	if (start > offset) {
		*length = (size_t)least(size, start - offset);
		return NULL;
	}
	*length = (size_t)least(size, start + (uint64_t)run->count * MFS_SECTOR - offset);
	return run->memory ? run->memory + (offset - start) : NULL;
}

void sectors_read(const struct sectors *map, uint64_t offset, void *to, size_t size)
{
	struct tree_place place;
	struct run *run = run_at(map, offset / MFS_SECTOR, &place);
	unsigned char *at = to;

	while (size > 0) {
		size_t part;
		const unsigned char *from = stretch(run, offset, size, &part);

		if (from)
			memcpy(at, from, part);
		else
			memset(at, 0, part);
		at += part;
		offset += part;
		size -= part;
		if (run && size > 0 && run_end(run) * MFS_SECTOR <= offset)
			run = run_next(map, &place);
	}
}

size_t sectors_pieces(const struct sectors *map, uint64_t offset, size_t size, struct mfs_piece *pieces,
		      size_t capacity, size_t *bytes)
{
	struct tree_place place;
	struct run *run = run_at(map, offset / MFS_SECTOR, &place);
	size_t count = 0;

	for (*bytes = 0; size > 0 && count < capacity; count++) {
		size_t part;
		const unsigned char *from = stretch(run, offset, size, &part);

		if (!from) {
			from = zeros;
			part = part < sizeof(zeros) ? part : sizeof(zeros);
		}
		pieces[count] = (struct mfs_piece){from, part};
		*bytes += part;
		offset += part;
		size -= part;
		if (run && run_end(run) * MFS_SECTOR <= offset)
			run = run_next(map, &place);
	}
	return count;
}

/* The first byte at or behind the offset that is (not) in memory. */
static uint64_t next_that(const struct sectors *map, uint64_t offset, bool data)
{
	struct tree_place place;
	struct run *run = run_at(map, offset / MFS_SECTOR, &place);

	for (; run; run = run_next(map, &place)) {
		if (run->start * MFS_SECTOR > offset && !data)
			return offset;
		if (run->memory && data)
			return most(offset, run->start * MFS_SECTOR);
		if (!run->memory && !data)
			return most(offset, run->start * MFS_SECTOR);
		offset = run_end(run) * MFS_SECTOR;
	}
	return data ? UINT64_MAX : offset;
}

uint64_t sectors_next_data(const struct sectors *map, uint64_t offset)
{
	return next_that(map, offset, true);
}

uint64_t sectors_next_hole(const struct sectors *map, uint64_t offset)
{
	return next_that(map, offset, false);
}

/* ---- promising --------------------------------------------------------------------- */

/* Puts promised runs into the hole [first, end). */
static bool promise_hole(const struct store *store, struct sectors *map, uint64_t first, uint64_t end)
{
	while (first < end) {
		struct run *before = run_ending_at(map, first), new = {.start = first};
		uint64_t count = end - first;

		if (before && !before->memory && before->count < PROMISE_MOST) {
			count = least(count, PROMISE_MOST - before->count);
			before->count += (uint32_t)count;
		} else {
			count = least(count, PROMISE_MOST);
			new.count = (uint32_t)count;
			if (!run_insert(store, map, &new, true))
				return false;
		}
		charge_add(map, count);
		first += count;
	}
	return true;
}

/* Puts promised runs into all holes of [first, end), which were charged. Returns how many sectors got none
 * because memory itself is used up. */
static uint64_t promise_holes(const struct store *store, struct sectors *map, uint64_t first, uint64_t end,
			      uint64_t need)
{
	struct tree_place place;

	while (need > 0) {
		struct run *run = run_at(map, first, &place);
		uint64_t hole_end = run ? least(run->start, end) : end, before = stored(map);
		bool done = true;

		if (!run || run->start > first) {
			done = promise_hole(store, map, first, hole_end);
			need -= stored(map) - before;
			first = hole_end;
		} else {
			first = run_end(run);
		}
		if (!done)
			break;
	}
	return need;
}

static bool promise(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end,
		    bool forced)
{
	uint64_t first = offset / MFS_SECTOR, last = (end + MFS_SECTOR - 1) / MFS_SECTOR, need;

	need = offset < end ? missing(map, first, last) : 0;
	if (need == 0)
		return true;
	if (forced)
		budget_force(store->budget, need * MFS_SECTOR);
	else if (!budget_take(store->budget, need * MFS_SECTOR))
		return false;
	budget_promise(store->budget, need * MFS_SECTOR);
	need = promise_holes(store, map, first, last, need);
	if (need > 0) {
		budget_redeem(store->budget, need * MFS_SECTOR);
		budget_give(store->budget, need * MFS_SECTOR);
	}
	return need == 0;
}

bool sectors_promise(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end)
{
	return promise(store, map, offset, end, false);
}

void sectors_promise_again(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end)
{
	promise(store, map, offset, end, true);
}

/* ---- giving back ---------------------------------------------------------------------- */

/* Clears the bytes of [offset, end), which lie in one sector, where that has memory. */
static void wipe(struct sectors *map, uint64_t offset, uint64_t end)
{
	struct tree_place place;
	struct run *run;

	if (offset >= end)
		return;
	run = run_at(map, offset / MFS_SECTOR, &place);
	if (run && run->memory && run->start <= offset / MFS_SECTOR)
		memset(run->memory + (offset - run->start * MFS_SECTOR), 0, (size_t)(end - offset));
}

static void wipe_sectors(struct run *run, uint64_t from, uint64_t to)
{
	if (from < to)
		memset(run->memory + (from - run->start) * MFS_SECTOR, 0, (size_t)(to - from) * MFS_SECTOR);
}

/* The end of a run, from `from` on, goes. */
static void cut_tail(const struct store *store, struct sectors *map, struct run *run,
		     struct tree_place *place, uint64_t from)
{
	uint32_t keep = (uint32_t)(from - run->start);

	charge_give(store, map, run->count - keep, !run->memory);
	if (keep == 0) {
		memory_give(store, run->memory, run->room);
		run_remove(store, map, place);
		return;
	}
	run->count = keep;
	if (is_paged(run)) {
		uint32_t room = (uint32_t)up_to_page(keep);

		if (run->room > room)
			pages_give(pool_pages(store->pool), run->memory + (size_t)room * MFS_SECTOR,
				   (run->room - room) / PER_PAGE);
		run->room = room;
	}
}

/* The sectors [from, to) go out of a run that goes on behind them; a run with memory gives whole
 * pages and clears the rest. */
static void cut_inside(const struct store *store, struct sectors *map, struct run *run, uint64_t from,
		       uint64_t to)
{
	uint64_t first = run->memory ? up_to_page(from) : from;
	uint64_t last = run->memory ? to / PER_PAGE * PER_PAGE : to;
	struct run tail = {.start = last, .count = (uint32_t)(run_end(run) - last)};
	unsigned char *hole = NULL;

	if (run->memory && (!is_paged(run) || first >= last)) {
		wipe_sectors(run, from, to);
		return;
	}
	if (run->memory) {
		hole = run->memory + (first - run->start) * MFS_SECTOR;
		tail.memory = run->memory + (last - run->start) * MFS_SECTOR;
		tail.room = run->room - (uint32_t)(last - run->start);
		wipe_sectors(run, from, first);
		wipe_sectors(run, last, to);
	}
	if (first == run->start) {
		*run = tail;
	} else {
		struct run old = *run;

		run->count = run->room = (uint32_t)(first - run->start);
		if (!old.memory)
			run->room = 0;
		if (!run_insert(store, map, &tail, true)) {
			struct tree_place place;

			run = run_at(map, old.start, &place);
			*run = old; /* no memory to divide it: it stays whole, and zero */
			if (old.memory)
				wipe_sectors(run, first, last);
			return;
		}
	}
	charge_give(store, map, last - first, !hole);
	if (hole)
		pages_give(pool_pages(store->pool), hole, (size_t)(last - first) / PER_PAGE);
}

void sectors_clear(const struct store *store, struct sectors *map, uint64_t offset, uint64_t end)
{
	uint64_t first = (offset + MFS_SECTOR - 1) / MFS_SECTOR, last = end / MFS_SECTOR;
	struct tree_place place;
	struct run *run;

	if (offset >= end)
		return;
	if (first > last) { /* inside one sector */
		wipe(map, offset, end);
		return;
	}
	wipe(map, offset, first * MFS_SECTOR);
	wipe(map, last * MFS_SECTOR, end);
	while (first < last && (run = run_at(map, first, &place)) != NULL && run->start < last) {
		uint64_t from = most(first, run->start), to = least(last, run_end(run));

		if (to == run_end(run))
			cut_tail(store, map, run, &place, from);
		else
			cut_inside(store, map, run, from, to);
		first = to;
	}
}

void sectors_free(const struct store *store, struct sectors *map)
{
	struct tree_place place;
	struct run *run = run_at(map, 0, &place);

	for (; run; run = run_next(map, &place)) {
		charge_give(store, map, run->count, !run->memory);
		memory_give(store, run->memory, run->room);
	}
	if (map->runs > 1) {
		tree_clear(&map->many, store->pool);
		budget_give(store->budget, (uint64_t)(map->runs - 1) * SECTORS_RUN_COST);
	}
	map->runs = 0;
	map->roomy = false;
}

void sectors_trim(const struct store *store, struct sectors *map)
{
	struct tree_place place;
	struct run *run;

	if (!map->roomy)
		return;
	map->roomy = false;
	for (run = run_at(map, 0, &place); run; run = run_next(map, &place)) {
		uint32_t room = (uint32_t)up_to_page(run->count);

		if (!is_paged(run) || run->room <= room)
			continue;
		pages_give(pool_pages(store->pool), run->memory + (size_t)room * MFS_SECTOR,
			   (run->room - room) / PER_PAGE);
		run->room = room;
	}
}

bool sectors_shift(const struct store *store, struct sectors *map, uint64_t offset, int64_t delta)
{
	uint64_t from = offset / MFS_SECTOR;
	int64_t by = delta / (int64_t)MFS_SECTOR;
	struct tree_place place;
	struct run *run = run_at(map, from, &place), tail;

	if (run && run->start < from) {
		uint32_t keep = (uint32_t)(from - run->start);

		tail = *run;
		tail.start = from;
		tail.count -= keep;
		if (tail.memory) {
			tail.memory += (size_t)keep * MFS_SECTOR;
			tail.room -= keep;
		}
		if (!run_insert(store, map, &tail, true))
			return false;
		run = run_at(map, from - keep, &place);
		run->count = keep;
		run->room = run->memory ? keep : 0;
	}
	if (map->runs > 1)
		tree_shift(&map->many, &runs_kind, from, by);
	else if (map->runs == 1 && map->one.start >= from)
		map->one.start += (uint64_t)by;
	return true;
}
