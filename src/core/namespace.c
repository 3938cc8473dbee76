/*
 * namespace: finding, making, linking, removing and moving names.
 */
#include <string.h>

#include "name.h"
#include "node.h"
#include "wire.h"

/* A name as a caller gave it. */
struct asked {
	struct mfs_node *directory;
	const char *name;
	size_t size;
	uint32_t hash;
};

static enum mfs_status ask(const struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, struct asked *asked)
{
	enum mfs_status status;

	if (directory->kind != MFS_DIRECTORY)
		return MFS_NOT_DIRECTORY;
	status = name_check(name, size, volume->unicode_names);
	if (status == MFS_OK)
		*asked = (struct asked){directory, name, size, directory_hash(volume, name, size)};
	return status;
}

static struct entry *find(const struct mfs_volume *volume, const struct asked *asked)
{
	return directory_find(volume, asked->directory->directory, asked->name, asked->size, asked->hash);
}

/* A directory that POSIX sees as one: no symlink, no junction. */
static bool is_true_directory(const struct mfs_node *node)
{
	uint32_t tag = node->reparse_tag;

	return node->kind == MFS_DIRECTORY && tag != WIRE_TAG_MOUNT_POINT && tag != WIRE_TAG_SYMLINK &&
	       tag != WIRE_TAG_LX_SYMLINK;
}

/* Whether names may come into a directory (locked). */
static enum mfs_status may_grow(const struct mfs_node *directory)
{
	if (!directory->directory->parent)
		return MFS_NOT_FOUND;
	return is_true_directory(directory) ? MFS_OK : MFS_NOT_DIRECTORY;
}

/* ---- looking ------------------------------------------------------------------- */

enum mfs_status mfs_lookup(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, struct mfs_node **node)
{
	struct entry *entry;
	struct asked asked;
	enum mfs_status status = ask(volume, directory, name, size, &asked);

	if (status != MFS_OK)
		return status;
	os_lock_shared(&directory->directory->lock);
	entry = find(volume, &asked);
	if (entry)
		*node = mfs_node_hold(entry->node);
	os_unlock_shared(&directory->directory->lock);
	return entry ? MFS_OK : MFS_NOT_FOUND;
}

enum mfs_status mfs_spelling(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			     size_t size, char *to, size_t *to_size)
{
	struct entry *entry;
	struct asked asked;
	enum mfs_status status = ask(volume, directory, name, size, &asked);

	if (status != MFS_OK)
		return status;
	os_lock_shared(&directory->directory->lock);
	entry = find(volume, &asked);
	if (entry) {
		*to_size = entry->link.own;
		memcpy(to, entry->name, entry->link.own);
	}
	os_unlock_shared(&directory->directory->lock);
	return entry ? MFS_OK : MFS_NOT_FOUND;
}

enum mfs_status mfs_parent(struct mfs_volume *volume, struct mfs_node *directory, struct mfs_node **parent)
{
	struct mfs_node *found;

	(void)volume;
	if (directory->kind != MFS_DIRECTORY)
		return MFS_NOT_DIRECTORY;
	os_lock_shared(&directory->directory->lock);
	found = directory->directory->parent;
	if (found)
		*parent = mfs_node_hold(found);
	os_unlock_shared(&directory->directory->lock);
	return found ? MFS_OK : MFS_NOT_FOUND;
}

enum mfs_status mfs_can_remove(struct mfs_volume *volume, struct mfs_node *node)
{
	if (volume->read_only)
		return MFS_READ_ONLY;
	if (node == volume->root)
		return MFS_NOT_PERMITTED;
	if (node->kind == MFS_DIRECTORY &&
	    atomic_load_explicit(&node->directory->entries, memory_order_relaxed) > 0)
		return MFS_NOT_EMPTY;
	return MFS_OK;
}

/* ---- making ---------------------------------------------------------------------- */

/* Counts one name more; a node whose names are all gone gets none again. */
static enum mfs_status link_add(struct mfs_node *node, bool *nameless)
{
	enum mfs_status status = MFS_OK;

	os_lock_exclusive(&node->lock);
	*nameless = node->nameless;
	if (node->links == 0 && !node->nameless)
		status = MFS_NOT_FOUND;
	else if (node->links == MFS_LINKS_MAX)
		status = MFS_TOO_MANY_LINKS;
	if (status == MFS_OK) {
		node->links++;
		node->nameless = false;
	}
	os_unlock_exclusive(&node->lock);
	return status;
}

static void link_undo(struct mfs_node *node, bool nameless)
{
	os_lock_exclusive(&node->lock);
	node->links--;
	node->nameless = nameless;
	os_unlock_exclusive(&node->lock);
}

static void link_cut(struct mfs_node *node, int64_t stamp)
{
	os_lock_exclusive(&node->lock);
	node->links--;
	os_unlock_exclusive(&node->lock);
	node_touch_too(node, TOUCH_CHANGE, stamp);
}

static void count_subdirectory(struct mfs_node *parent, int by)
{
	atomic_fetch_add_explicit(&parent->directory->subdirectories, (uint32_t)by, memory_order_relaxed);
}

enum mfs_status mfs_create_nameless(struct mfs_volume *volume, const struct mfs_new *what,
				    struct mfs_node **node)
{
	if (what->kind == MFS_DIRECTORY)
		return MFS_INVALID;
	return node_create(volume, what, 0, node);
}

/* Whether the name is free in a directory that takes names (locked). */
static enum mfs_status may_enter(const struct mfs_volume *volume, const struct asked *asked)
{
	enum mfs_status status = may_grow(asked->directory);

	return status == MFS_OK && find(volume, asked) ? MFS_EXISTS : status;
}

/* A new directory has its entry: gives it its parent. Only then can it be found by its number. */
static enum mfs_status settle(struct mfs_volume *volume, struct mfs_node *parent, struct entry *entry)
{
	struct mfs_node *node = entry->node;

	node->directory->parent = parent;
	if (!node_number_insert(volume, node)) {
		directory_remove(volume, parent->directory, entry);
		return MFS_NO_SPACE;
	}
	count_subdirectory(parent, 1);
	return MFS_OK;
}

/* Puts a new node's entry into its directory if the name is free. */
static enum mfs_status enter(struct mfs_volume *volume, const struct asked *asked, struct entry *entry)
{
	struct directory *directory = asked->directory->directory;
	int64_t stamp = node_made(entry->node);
	enum mfs_status status;

	os_lock_exclusive(&directory->lock);
	status = may_enter(volume, asked);
	if (status == MFS_OK && !directory_insert(volume, directory, entry))
		status = MFS_NO_SPACE;
	if (status == MFS_OK && entry->node->kind == MFS_DIRECTORY)
		status = settle(volume, asked->directory, entry);
	os_unlock_exclusive(&directory->lock);
	if (status == MFS_OK)
		node_touch_too(asked->directory, TOUCH_DATA, stamp);
	return status;
}

/* Makes a node and its entry, and puts that in. */
static enum mfs_status create(struct mfs_volume *volume, const struct asked *asked,
			      const struct mfs_new *what, struct mfs_node **node)
{
	struct mfs_node *made;
	struct entry *entry;
	enum mfs_status status = node_create(volume, what, 1, &made);

	if (status != MFS_OK)
		return status;
	mfs_node_hold(made); /* the entry's */
	entry = entry_make(volume, asked->name, asked->size, made, false);
	status = entry ? enter(volume, asked, entry) : MFS_NO_SPACE;
	if (status != MFS_OK) {
		if (entry)
			entry_free(volume, entry);
		mfs_node_drop_many(volume, made, 2);
		return status;
	}
	*node = made;
	return MFS_OK;
}

enum mfs_status mfs_create(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, const struct mfs_new *what, struct mfs_node **node)
{
	struct mfs_node *made;
	struct asked asked;
	enum mfs_status status = ask(volume, directory, name, size, &asked);

	if (status == MFS_OK)
		status = create(volume, &asked, what, &made);
	/* Where nothing more fits, what is there is there all the same. */
	if ((status == MFS_NO_SPACE || status == MFS_NO_NODES) &&
	    mfs_lookup(volume, directory, name, size, &made) == MFS_OK) {
		mfs_node_drop(volume, made);
		return MFS_EXISTS;
	}
	if (status == MFS_OK && node)
		*node = made;
	else if (status == MFS_OK)
		mfs_node_drop(volume, made);
	return status;
}

/* Puts another entry of a node into a directory if the name is free. */
static enum mfs_status enter_link(struct mfs_volume *volume, const struct asked *asked, struct entry *entry)
{
	struct directory *directory = asked->directory->directory;
	struct mfs_node *node = entry->node;
	enum mfs_status status;
	bool nameless;

	os_lock_exclusive(&directory->lock);
	status = may_enter(volume, asked);
	if (status == MFS_OK)
		status = link_add(node, &nameless);
	if (status == MFS_OK && !directory_insert(volume, directory, entry)) {
		link_undo(node, nameless);
		status = MFS_NO_SPACE;
	}
	os_unlock_exclusive(&directory->lock);
	if (status == MFS_OK)
		node_touch_too(asked->directory, TOUCH_DATA, node_touch(volume, node, TOUCH_CHANGE));
	return status;
}

enum mfs_status mfs_link(struct mfs_volume *volume, struct mfs_node *node, struct mfs_node *directory,
			 const char *name, size_t size)
{
	struct entry *entry;
	struct asked asked;
	enum mfs_status status = ask(volume, directory, name, size, &asked);

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	if (node->kind == MFS_DIRECTORY)
		return MFS_NOT_PERMITTED;
	entry = entry_make(volume, name, size, node, false);
	if (!entry)
		return MFS_NO_SPACE;
	mfs_node_hold(node); /* the entry's */
	status = enter_link(volume, &asked, entry);
	if (status != MFS_OK) {
		mfs_node_drop(volume, node);
		entry_free(volume, entry);
	}
	return status;
}

/* ---- removing ---------------------------------------------------------------------- */

/* Ends a directory: it must be empty, and stays so. Its parent's lock is held, and `moving`. */
static enum mfs_status end_directory(struct mfs_node *node)
{
	enum mfs_status status = MFS_OK;

	os_lock_exclusive(&node->directory->lock);
	if (node->directory->names.count > 0)
		status = MFS_NOT_EMPTY;
	else
		node->directory->parent = NULL;
	os_unlock_exclusive(&node->directory->lock);
	return status;
}

/* A directory that was ended lives on after all; its parent's lock was held all the time. */
static void revive(struct mfs_node *node, struct mfs_node *parent)
{
	os_lock_exclusive(&node->directory->lock);
	node->directory->parent = parent;
	os_unlock_exclusive(&node->directory->lock);
}

static enum mfs_status may_remove(const struct mfs_node *node, enum mfs_remove kind,
				  const struct mfs_node *only)
{
	if (only && only != node)
		return MFS_NOT_FOUND;
	if (kind == MFS_REMOVE_FILE && is_true_directory(node))
		return MFS_IS_DIRECTORY;
	if (kind == MFS_REMOVE_DIRECTORY && !is_true_directory(node))
		return MFS_NOT_DIRECTORY;
	return MFS_OK;
}

static enum mfs_status unlink_locked(struct mfs_volume *volume, const struct asked *asked,
				     enum mfs_remove kind, const struct mfs_node *only,
				     struct entry **removed)
{
	struct entry *entry = find(volume, asked);
	enum mfs_status status;

	if (!entry)
		return MFS_NOT_FOUND;
	status = may_remove(entry->node, kind, only);
	if (status == MFS_OK && entry->node->kind == MFS_DIRECTORY)
		status = end_directory(entry->node);
	if (status != MFS_OK)
		return status;
	directory_remove(volume, asked->directory->directory, entry);
	if (entry->node->kind == MFS_DIRECTORY)
		count_subdirectory(asked->directory, -1);
	*removed = entry;
	return MFS_OK;
}

enum mfs_status mfs_unlink(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			   size_t size, enum mfs_remove kind, struct mfs_node *only)
{
	/* Ending a directory must not run beside a move that looks at its ancestors. A junction
	 * that POSIX unlinks as a file is a directory too, but has nothing above or below to look at. */
	struct asked asked;
	struct entry *entry = NULL;
	enum mfs_status status = ask(volume, directory, name, size, &asked);

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (status != MFS_OK)
		return status;
	os_lock_shared(&volume->moving);
	os_lock_exclusive(&directory->directory->lock);
	status = unlink_locked(volume, &asked, kind, only, &entry);
	os_unlock_exclusive(&directory->directory->lock);
	os_unlock_shared(&volume->moving);
	if (status != MFS_OK)
		return status;
	link_cut(entry->node, node_touch(volume, directory, TOUCH_DATA));
	mfs_node_drop(volume, entry->node);
	entry_free(volume, entry);
	return MFS_OK;
}

/* ---- moving --------------------------------------------------------------------------- */

/* A move under way, with both directories locked. */
struct move {
	struct mfs_volume *volume;
	struct asked from, to;
	unsigned flags;
	const struct mfs_new *leaves;  /* with MFS_RENAME_WHITEOUT: what to make for the old place */
	struct entry *source, *target; /* target NULL: free */
	struct entry *fresh;	       /* a new entry for the target's name, if one is needed */
	struct mfs_node *whiteout;     /* what stays in the old place, or NULL */
	struct mfs_node *victim;       /* what was replaced: its name's reference */
	struct entry *gone[2];	       /* entries to free */
	int64_t stamp;		       /* what else is touched is not to be older than */
};

/* Whether `node` is `below` or a directory above it (moving held exclusively). */
static bool is_above(const struct mfs_node *node, const struct mfs_node *below)
{
	for (; below; below = below->directory->parent) {
		if (below == node)
			return true;
		if (below->directory->parent == below)
			return false;
	}
	return false;
}

static void lock_directories(struct mfs_volume *volume, struct mfs_node *from, struct mfs_node *to)
{
	struct mfs_node *first = from, *second = to;

	if (from == to) {
		os_lock_shared(&volume->moving);
		os_lock_exclusive(&from->directory->lock);
		return;
	}
	os_lock_exclusive(&volume->moving);
	if (is_above(to, from) || (!is_above(from, to) && to->number < from->number)) {
		first = to;
		second = from;
	}
	os_lock_exclusive(&first->directory->lock);
	os_lock_exclusive(&second->directory->lock);
}

static void unlock_directories(struct mfs_volume *volume, struct mfs_node *from, struct mfs_node *to)
{
	os_unlock_exclusive(&from->directory->lock);
	if (from == to) {
		os_unlock_shared(&volume->moving);
		return;
	}
	os_unlock_exclusive(&to->directory->lock);
	os_unlock_exclusive(&volume->moving);
}

/* A directory gets another parent; both parents are locked. */
static void set_parent(struct mfs_node *node, struct mfs_node *from, struct mfs_node *to)
{
	if (node->kind != MFS_DIRECTORY || from == to)
		return;
	os_lock_exclusive(&node->directory->lock);
	node->directory->parent = to;
	os_unlock_exclusive(&node->directory->lock);
	count_subdirectory(from, -1);
	count_subdirectory(to, 1);
}

static bool would_loop(const struct mfs_node *node, const struct mfs_node *from, const struct mfs_node *to)
{
	return node->kind == MFS_DIRECTORY && from != to && is_above(node, to);
}

static bool same_spelling(const struct entry *entry, const struct asked *asked)
{
	return entry->link.own == asked->size && memcmp(entry->name, asked->name, asked->size) == 0;
}

static enum mfs_status exchange(struct move *move)
{
	struct mfs_node *a = move->source->node, *b;

	if (!move->target)
		return MFS_NOT_FOUND;
	b = move->target->node;
	if (would_loop(a, move->from.directory, move->to.directory) ||
	    would_loop(b, move->to.directory, move->from.directory))
		return MFS_LOOP;
	move->source->node = b;
	move->target->node = a;
	set_parent(a, move->from.directory, move->to.directory);
	set_parent(b, move->to.directory, move->from.directory);
	move->stamp = node_touch(move->volume, a, TOUCH_CHANGE);
	node_touch_too(b, TOUCH_CHANGE, move->stamp);
	return MFS_OK;
}

/* Whether the target may be replaced; ends it when it is a directory. */
static enum mfs_status end_victim(struct move *move)
{
	struct mfs_node *node = move->source->node, *victim = move->target->node;

	if (!(move->flags & MFS_RENAME_REPLACE))
		return MFS_EXISTS;
	/* NTFS asks only what is replaced. */
	if (move->flags & MFS_RENAME_FILES_ONLY)
		return victim->kind == MFS_DIRECTORY ? MFS_IS_DIRECTORY : MFS_OK;
	if (is_true_directory(node) && !is_true_directory(victim))
		return MFS_NOT_DIRECTORY;
	if (!is_true_directory(node) && is_true_directory(victim))
		return MFS_IS_DIRECTORY;
	if (victim->kind != MFS_DIRECTORY)
		return MFS_OK;
	if (move->from.directory != move->to.directory && is_above(victim, move->from.directory))
		return MFS_NOT_EMPTY;
	return end_directory(victim);
}

/* Makes what the move needs beforehand, so that nothing fails half-way. */
static enum mfs_status prepare(struct move *move)
{
	enum mfs_status status;

	if (move->flags & MFS_RENAME_WHITEOUT) {
		status = node_create(move->volume, move->leaves, 1, &move->whiteout);
		if (status != MFS_OK)
			return status;
	}
	move->fresh = entry_make(move->volume, move->to.name, move->to.size, NULL, true);
	return move->fresh ? MFS_OK : MFS_NO_SPACE;
}

static void remove_entry(struct move *move, const struct asked *asked, struct entry *entry)
{
	directory_remove(move->volume, asked->directory->directory, entry);
	if (!move->gone[0])
		move->gone[0] = entry;
	else
		move->gone[1] = entry;
}

/* Gives the moved node the target's name: in the entry that is there, when that is spelled the same. */
static enum mfs_status take_name(struct move *move)
{
	struct mfs_node *node = move->source->node;

	if (move->target && move->target != move->source && same_spelling(move->target, &move->to)) {
		move->victim = move->target->node;
		move->target->node = node;
		return MFS_OK;
	}
	move->fresh->node = node;
	if (!directory_insert(move->volume, move->to.directory->directory, move->fresh))
		return MFS_NO_SPACE;
	move->fresh = NULL;
	if (move->target && move->target != move->source) {
		move->victim = move->target->node;
		remove_entry(move, &move->to, move->target);
	}
	return MFS_OK;
}

/* A new name in the same directory, over nothing: the entry changes, its place does not. */
static enum mfs_status rename_in_place(struct move *move)
{
	move->fresh->node = move->source->node;
	if (!directory_replace(move->volume, move->from.directory->directory, move->source, move->fresh))
		return MFS_NO_SPACE;
	move->fresh = NULL;
	move->gone[0] = move->source;
	move->stamp = node_touch(move->volume, move->source->node, TOUCH_CHANGE);
	return MFS_OK;
}

static enum mfs_status move_locked(struct move *move)
{
	struct mfs_node *from = move->from.directory, *to = move->to.directory, *node = move->source->node;
	bool replaces = move->target && move->target != move->source;
	enum mfs_status status;

	if (would_loop(node, from, to))
		return MFS_LOOP;
	if (from == to && !replaces && !move->whiteout)
		return rename_in_place(move);
	if (replaces) {
		status = end_victim(move);
		if (status != MFS_OK)
			return status;
	}
	status = take_name(move);
	if (status != MFS_OK) {
		if (replaces && move->target->node->kind == MFS_DIRECTORY)
			revive(move->target->node, to);
		return status;
	}
	if (move->victim && move->victim->kind == MFS_DIRECTORY)
		count_subdirectory(to, -1);
	set_parent(node, from, to);
	if (move->whiteout) {
		move->source->node = move->whiteout;
		move->whiteout = NULL;
	} else {
		remove_entry(move, &move->from, move->source);
	}
	move->stamp = node_touch(move->volume, node, TOUCH_CHANGE);
	return MFS_OK;
}

/* Finds both names and decides what kind of move this is. */
static enum mfs_status move_found(struct move *move, const struct mfs_node *only, bool *nothing)
{
	enum mfs_status status = may_grow(move->to.directory);

	move->source = find(move->volume, &move->from);
	move->target = find(move->volume, &move->to);
	if (!move->source || (only && move->source->node != only))
		return MFS_NOT_FOUND;
	if (status != MFS_OK)
		return status;
	if (move->target && move->target->node == move->source->node) {
		if (move->target == move->source && move->flags & MFS_RENAME_WHITEOUT &&
		    !same_spelling(move->source, &move->to))
			return MFS_INVALID; /* two spellings of one name cannot both stay */
		if (move->target != move->source &&
		    !(move->flags & (MFS_RENAME_REPLACE | MFS_RENAME_EXCHANGE)))
			return MFS_EXISTS;
		*nothing = move->target != move->source || same_spelling(move->source, &move->to) ||
			   move->flags & MFS_RENAME_EXCHANGE;
		if (*nothing)
			return MFS_OK;
	}
	return move->flags & MFS_RENAME_EXCHANGE ? exchange(move) : move_locked(move);
}

static void move_clean(struct move *move)
{
	for (unsigned i = 0; i < 2; i++)
		if (move->gone[i])
			entry_free(move->volume, move->gone[i]);
	if (move->fresh)
		entry_free(move->volume, move->fresh);
	mfs_node_drop(move->volume, move->whiteout);
	if (move->victim) {
		link_cut(move->victim, move->stamp);
		mfs_node_drop(move->volume, move->victim);
	}
}

static enum mfs_status rename_asked(struct move *move, const struct mfs_node *only)
{
	struct mfs_volume *volume = move->volume;
	struct mfs_node *from = move->from.directory, *to = move->to.directory;
	unsigned flags = move->flags;
	enum mfs_status status = ask(volume, from, move->from.name, move->from.size, &move->from);
	bool nothing = false;

	if (volume->read_only)
		return MFS_READ_ONLY;
	if (flags & MFS_RENAME_EXCHANGE && flags & (MFS_RENAME_REPLACE | MFS_RENAME_WHITEOUT))
		return MFS_INVALID;
	if (status == MFS_OK)
		status = ask(volume, to, move->to.name, move->to.size, &move->to);
	if (status == MFS_OK && !(flags & MFS_RENAME_EXCHANGE))
		status = prepare(move);
	if (status == MFS_OK) {
		lock_directories(volume, from, to);
		status = move_found(move, only, &nothing);
		unlock_directories(volume, from, to);
	}
	if (status == MFS_OK && !nothing) {
		node_touch_too(from, TOUCH_DATA, move->stamp);
		if (from != to)
			node_touch_too(to, TOUCH_DATA, move->stamp);
	}
	move_clean(move);
	return status;
}

enum mfs_status mfs_rename_whiteout(struct mfs_volume *volume, struct mfs_node *from, const char *from_name,
				    size_t from_size, struct mfs_node *to, const char *to_name,
				    size_t to_size, unsigned flags, struct mfs_node *only,
				    const struct mfs_new *whiteout)
{
	const struct mfs_new nobodys = {.kind = MFS_CHAR_DEVICE};
	struct move move = {.volume = volume,
			    .from = {.directory = from, .name = from_name, .size = from_size},
			    .to = {.directory = to, .name = to_name, .size = to_size},
			    .flags = flags,
			    .leaves = whiteout ? whiteout : &nobodys};

	if (move.leaves->kind == MFS_DIRECTORY)
		return MFS_INVALID;
	return rename_asked(&move, only);
}

enum mfs_status mfs_rename(struct mfs_volume *volume, struct mfs_node *from, const char *from_name,
			   size_t from_size, struct mfs_node *to, const char *to_name, size_t to_size,
			   unsigned flags, struct mfs_node *only)
{
	return mfs_rename_whiteout(volume, from, from_name, from_size, to, to_name, to_size, flags, only,
				   NULL);
}
