/*
 * node: what a node is by itself: its times, its number, its references, its owner.
 */
#include "node.h"

#include <string.h>

#define SECOND 1000000000 /* nanoseconds */

/* ---- times ------------------------------------------------------------------- */

/* How far our clock may be behind the one that stamps backing files: that one is exact where it must be
 * (Linux 6.13), ours moves by ticks. */
#define TICKS 20000000 /* nanoseconds */

/* Nanoseconds since 1970; what is too far off for these 64 bits is the last one. */
static int64_t in_nanoseconds(int64_t seconds, uint32_t nanoseconds)
{
	const int64_t most = INT64_MAX / SECOND - 1;

	if (seconds > most || seconds < -most)
		return seconds < 0 ? INT64_MIN + 2 * TICKS : INT64_MAX - 2 * TICKS;
	return seconds * SECOND + nanoseconds;
}

static bool is_behind(int64_t time, int64_t other)
{
	return time < other && time >= other - TICKS;
}

void node_not_before(const struct mfs_node *node, int64_t *seconds, uint32_t *nanoseconds)
{
	if (!is_behind(in_nanoseconds(*seconds, *nanoseconds),
		       in_nanoseconds(node->seconds[CHANGE], node->nanoseconds[CHANGE])))
		return;
	*seconds = node->seconds[CHANGE];
	*nanoseconds = node->nanoseconds[CHANGE];
}

/* One that was set by hand is no stamp, when it lies ahead; and the clock may have been set back. */
static void raise_stamp(struct mfs_volume *volume, int64_t stamp)
{
	int64_t seconds, now, before;
	uint32_t nanoseconds;

	os_clock_wall(&seconds, &nanoseconds);
	now = in_nanoseconds(seconds, nanoseconds);
	if (stamp < 0 || !is_behind(now, stamp))
		return;
	before = atomic_load_explicit(&volume->stamped, memory_order_relaxed);
	while ((before < stamp || !is_behind(now, before)) &&
	       !atomic_compare_exchange_weak_explicit(&volume->stamped, &before, stamp, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

void node_stamped(struct mfs_volume *volume, int64_t seconds, uint32_t nanoseconds)
{
	raise_stamp(volume, in_nanoseconds(seconds, nanoseconds));
}

/* Not before what backing files were stamped with, as far as that is known; where it is not, their clock is
 * asked. */
static int64_t last_stamp(struct mfs_volume *volume)
{
	const struct mfs_backing *place = volume->backing;
	int64_t now;

	if (place && place->now && atomic_load_explicit(&volume->writing, memory_order_relaxed) &&
	    place->now(place->context, &now))
		raise_stamp(volume, now);
	return atomic_load_explicit(&volume->stamped, memory_order_relaxed);
}

/* Not before the stamp, if that is near (locked). */
static void touch(struct mfs_node *node, unsigned times, int64_t stamp)
{
	int64_t seconds;
	uint32_t nanoseconds;

	os_clock_wall(&seconds, &nanoseconds);
	if (is_behind(in_nanoseconds(seconds, nanoseconds), stamp)) {
		seconds = stamp / SECOND;
		nanoseconds = (uint32_t)(stamp % SECOND);
	}
	node_not_before(node, &seconds, &nanoseconds);
	for (unsigned i = 0; i < TIMES; i++) {
		if (times & 1u << i) {
			node->seconds[i] = seconds;
			node->nanoseconds[i] = nanoseconds;
		}
	}
}

void node_touch_locked(struct mfs_volume *volume, struct mfs_node *node, unsigned times)
{
	touch(node, times, last_stamp(volume));
}

int64_t node_touch(struct mfs_volume *volume, struct mfs_node *node, unsigned times)
{
	int64_t stamp = last_stamp(volume);

	node_touch_too(node, times, stamp);
	return stamp;
}

void node_touch_too(struct mfs_node *node, unsigned times, int64_t stamp)
{
	os_lock_exclusive(&node->lock);
	touch(node, times, stamp);
	os_unlock_exclusive(&node->lock);
}

int64_t node_made(const struct mfs_node *node)
{
	return in_nanoseconds(node->seconds[BIRTH], node->nanoseconds[BIRTH]);
}

static bool is_before(const struct mfs_node *node, enum node_time a, enum node_time b)
{
	if (node->seconds[a] != node->seconds[b])
		return node->seconds[a] < node->seconds[b];
	return node->nanoseconds[a] <= node->nanoseconds[b];
}

void mfs_node_accessed(struct mfs_volume *volume, struct mfs_node *node, bool strict)
{
	int64_t now;
	uint32_t nanoseconds;
	bool due;

	if (volume->read_only)
		return;
	os_lock_shared(&node->lock);
	os_clock_wall(&now, &nanoseconds);
	due = strict || is_before(node, ACCESS, WRITE) || is_before(node, ACCESS, CHANGE) ||
	      now - node->seconds[ACCESS] >= 24 * 60 * 60;
	os_unlock_shared(&node->lock);
	if (due)
		node_touch(volume, node, 1u << ACCESS);
}

/* ---- numbers ------------------------------------------------------------------- */

/* The numbers rise by one: spread them over shards and buckets. */
static unsigned shard_of(uint64_t number)
{
	return (unsigned)number % NUMBER_SHARDS;
}

bool node_number_insert(struct mfs_volume *volume, struct mfs_node *node)
{
	unsigned shard = shard_of(node->number);
	bool done;

	node->by_number.hash = (uint32_t)(node->number / NUMBER_SHARDS);
	os_lock_exclusive(&volume->shards[shard].lock);
	done = index_insert(&volume->shards[shard].nodes, volume->pool, &node->by_number);
	node->by_number.own = done;
	os_unlock_exclusive(&volume->shards[shard].lock);
	return done;
}

void node_number_remove(struct mfs_volume *volume, struct mfs_node *node)
{
	unsigned shard = shard_of(node->number);

	os_lock_exclusive(&volume->shards[shard].lock);
	index_remove(&volume->shards[shard].nodes, volume->pool, &node->by_number);
	os_unlock_exclusive(&volume->shards[shard].lock);
}

static struct mfs_node *from_link(struct index_link *link)
{
	return (struct mfs_node *)(void *)((char *)link - offsetof(struct mfs_node, by_number));
}

struct mfs_node *mfs_node_by_number(struct mfs_volume *volume, uint64_t number)
{
	unsigned shard = shard_of(number);
	struct mfs_node *found = NULL;
	struct index_link *link;

	os_lock_shared(&volume->shards[shard].lock);
	link = index_chain(&volume->shards[shard].nodes, (uint32_t)(number / NUMBER_SHARDS));
	for (; link; link = link->next) {
		if (from_link(link)->number == number) {
			if (node_try_hold(from_link(link)))
				found = from_link(link);
			break;
		}
	}
	os_unlock_shared(&volume->shards[shard].lock);
	return found;
}

/* ---- references ------------------------------------------------------------------ */

struct mfs_node *mfs_node_hold(struct mfs_node *node)
{
	if (!node_is_root(node))
		atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
	return node;
}

bool node_try_hold(struct mfs_node *node)
{
	uint64_t now = atomic_load_explicit(&node->references, memory_order_relaxed);

	if (node_is_root(node))
		return true;
	while (now > 0)
		if (atomic_compare_exchange_weak_explicit(&node->references, &now, now + 1,
							  memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

uint64_t mfs_node_number(const struct mfs_node *node)
{
	return node->number;
}

bool mfs_node_is_directory(const struct mfs_node *node)
{
	return node->kind == MFS_DIRECTORY;
}

uint32_t mfs_node_flags(const struct mfs_node *node)
{
	return atomic_load_explicit(&node->flags, memory_order_relaxed);
}

bool mfs_node_is_written(const struct mfs_node *node)
{
	return atomic_load_explicit(&node->writers, memory_order_relaxed) > 0;
}

void mfs_node_owner(struct mfs_node *node, struct mfs_owner *owner)
{
	os_lock_shared(&node->lock);
	*owner = (struct mfs_owner){.mode = node->mode,
				    .uid = node->uid,
				    .gid = node->gid,
				    .xattrs = node->extras && node->extras->xattrs};
	os_unlock_shared(&node->lock);
}
