/*
 * model_names: the operations of the model test that make, find, move, list and remove names.
 */
#include "model_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct model_node *only_named(const struct model_entry *entry)
{
	return entry ? entry->node : NULL;
}

/* What stands against using this directory for a new name. */
static uint64_t place_faults(struct run *run, const struct model_node *directory, const char *name,
			     size_t size)
{
	uint64_t faults = model_name_faults(&run->model, name, size);

	if (!directory->directory)
		faults |= RUN_BIT(MFS_NOT_DIRECTORY);
	else if (model_is_deleted(&run->model, directory))
		faults |= RUN_BIT(MFS_NOT_FOUND) | RUN_BIT(MFS_PATH_NOT_FOUND);
	return faults;
}

/* A directory as POSIX sees it: no junction, no symlink. */
static bool is_true_directory(const struct model_node *node)
{
	return node->directory && model_kind(node) == MFS_DIRECTORY;
}

/* The same for a name that is to come into it: nothing is made inside a junction. */
static uint64_t growth_faults(struct run *run, const struct model_node *directory, const char *name,
			      size_t size)
{
	return place_faults(run, directory, name, size) |
	       (is_true_directory(directory) ? 0 : RUN_BIT(MFS_NOT_DIRECTORY));
}

/* A directory, or now and then something that is none. */
static struct model_node *pick_parent(struct run *run)
{
	return random_percent(&run->random, 3) ? run_pick_node(run) : run_pick_directory(run);
}

/* A name in `directory`: of an entry that is there, or any. */
static size_t pick_name(struct run *run, const struct model_node *directory, unsigned existing, char to[1024])
{
	if (directory->entry_count && random_percent(&run->random, existing)) {
		struct model_entry *entry =
			directory->entries[random_below(&run->random, directory->entry_count)];

		return run_respell(run, entry->name.data, entry->name.size, to);
	}
	return run_name(run, to);
}

/* ---- lookup ------------------------------------------------------------------------------ */

void op_lookup(struct run *run)
{
	struct model_node *directory = pick_parent(run);
	struct mfs_node *real = run_reach(run, directory), *found = NULL;
	char name[1024];
	size_t size = pick_name(run, directory, 70, name);
	uint64_t faults = place_faults(run, directory, name, size);
	struct model_entry *entry = faults ? NULL : model_find(&run->model, directory, name, size);
	enum mfs_status status;

	run_say(run, "lookup %.*s in %llu", (int)size, name, (unsigned long long)directory->number);
	if (!entry)
		faults |= RUN_BIT(MFS_NOT_FOUND);
	status = mfs_lookup(run->volume, real, name, size, &found);
	if (run_outcome(run, status, faults, 0)) {
		RUN_SAME(run, mfs_node_number(found), entry->node->number);
		RUN_SAME(run, mfs_node_is_directory(found), entry->node->directory);
		run_drop(run, found);
	}
	run_drop(run, real);
}

/* ---- making -------------------------------------------------------------------------------- */

/* Room for the parts of a new node. */
struct parts {
	char target[4200];
	uint8_t security[2048], eas[MFS_EA_LIST_MAX], reparse[MFS_REPARSE_MAX + 8];
};

static enum mfs_kind pick_kind(struct run *run)
{
	static const enum mfs_kind rare[] = {MFS_SYMLINK, MFS_SYMLINK,	   MFS_FIFO,
					     MFS_SOCKET,  MFS_CHAR_DEVICE, MFS_BLOCK_DEVICE};
	unsigned kind = (unsigned)random_below(&run->random, 100);

	return kind < 70 ? MFS_FILE : kind < 85 ? MFS_DIRECTORY : rare[random_below(&run->random, 6)];
}

static uint64_t pick_target(struct run *run, struct mfs_new *what, char *to)
{
	what->target = to;
	what->target_size =
		(size_t)random_between(&run->random, 1, random_percent(&run->random, 5) ? 4095 : 60);
	memset(to, 'x', what->target_size);
	to[0] = random_percent(&run->random, 50) ? '/' : 'y';
	if (!random_percent(&run->random, 3))
		return 0;
	what->target_size = random_percent(&run->random, 50) ? 0 : 4096;
	return RUN_BIT(MFS_INVALID) | RUN_BIT(MFS_NAME_TOO_LONG) | RUN_BIT(MFS_TOO_LARGE);
}

/* Fills in a new node at random; returns what is wrong with it. */
static uint64_t pick_new(struct run *run, struct mfs_new *what, struct parts *parts)
{
	uint64_t faults = 0;

	memset(what, 0, sizeof(*what));
	what->kind = pick_kind(run);
	what->attributes = (uint32_t)random_next(&run->random) & MFS_A_SETTABLE;
	what->mode = (uint32_t)random_below(&run->random, 010000);
	what->uid = (uint32_t)random_below(&run->random, 3) * 1000;
	what->gid = (uint32_t)random_next(&run->random);
	if (what->kind == MFS_CHAR_DEVICE || what->kind == MFS_BLOCK_DEVICE)
		what->device = random_next(&run->random);
	if (what->kind == MFS_SYMLINK)
		faults |= pick_target(run, what, parts->target);
	if (random_percent(&run->random, 30)) {
		what->security_size = run_security(run, parts->security, &faults);
		what->security = parts->security;
	}
	if (random_percent(&run->random, 10)) {
		what->eas_size = run_eas(run, parts->eas, &faults);
		what->eas = parts->eas;
	}
	if (what->kind <= MFS_DIRECTORY && random_percent(&run->random, 4)) {
		what->reparse_size = run_reparse(run, what->kind == MFS_DIRECTORY, parts->reparse, &faults);
		what->reparse = parts->reparse;
	}
	if (what->kind == MFS_FILE && random_percent(&run->random, 5)) {
		what->allocation = random_below(&run->random, 100000);
		if (random_percent(&run->random, 10)) {
			what->allocation += (uint64_t)1 << random_between(&run->random, 50, 61);
			faults |= RUN_BIT(MFS_NO_SPACE);
		}
	}
	return faults;
}

/* The model's node for what was made. */
static struct model_node *make_node(struct run *run, const struct mfs_new *what, struct mfs_node *real)
{
	bool symlink = what->kind == MFS_SYMLINK;
	struct model_node *node =
		model_node_new(&run->model, what->kind == MFS_DIRECTORY, symlink ? MFS_FILE : what->kind);

	node->number = mfs_node_number(real);
	run_number_new(run, node->number);
	node->attributes = what->attributes;
	node->mode = what->mode;
	node->uid = what->uid;
	node->gid = what->gid;
	node->device = what->device;
	node->main.promised = what->allocation;
	node->birth.known = node->access.known = node->write.known = node->change.known = MODEL_RECENT;
	model_bytes_set(&node->security, what->security, what->security_size);
	model_bytes_set(&node->reparse, what->reparse, what->reparse_size);
	if (what->eas_size)
		run_eas_apply(node, what->eas, what->eas_size, true);
	if (symlink) { /* a symlink is a file with WSL's symlink reparse data */
		uint16_t length = (uint16_t)(what->target_size + 4);
		uint8_t buffer[8 + 4 + 4096] = {0x1D, 0, 0, 0xA0, (uint8_t)length, (uint8_t)(length >> 8),
						0,    0, 2};

		memcpy(buffer + 12, what->target, what->target_size);
		model_bytes_set(&node->reparse, buffer, 8 + (size_t)length);
	}
	return node;
}

void op_create(struct run *run)
{
	struct model_node *directory = pick_parent(run);
	struct mfs_node *real, *made = NULL;
	struct parts parts;
	struct mfs_new what;
	char name[1024];
	size_t size = pick_name(run, directory, 10, name);
	uint64_t faults = growth_faults(run, directory, name, size);
	bool wanted = random_percent(&run->random, 80);
	enum mfs_status status;

	if (run->model.node_count > run->goal) /* enough of them */
		return;
	real = run_reach(run, directory);
	if (!faults && model_find(&run->model, directory, name, size))
		faults |= RUN_BIT(MFS_EXISTS);
	faults |= pick_new(run, &what, &parts);
	run_say(run, "create %.*s (%zu bytes) in %llu, kind %d", (int)size, name, size,
		(unsigned long long)directory->number, (int)what.kind);
	status = mfs_create(run->volume, real, name, size, &what, wanted ? &made : NULL);
	if (run_outcome(run, status, faults, what.allocation)) {
		struct model_node *node;

		if (!wanted)
			RUN_SAME(run, mfs_lookup(run->volume, real, name, size, &made), MFS_OK);
		node = make_node(run, &what, made);
		model_enter(&run->model, directory, node, name, size);
		run_written(directory);
		if (random_percent(&run->random, 10))
			run_check_node(run, node);
		run_drop(run, made);
	}
	run_drop(run, real);
}

void op_nameless(struct run *run)
{
	struct parts parts;
	struct mfs_new what;
	struct mfs_node *made;
	uint64_t faults;
	struct model_node *node;

	if (run->model.node_count > run->goal)
		return;
	faults = pick_new(run, &what, &parts);
	if (what.kind != MFS_FILE)
		return;
	run_say(run, "create nameless");
	if (!run_outcome(run, mfs_create_nameless(run->volume, &what, &made), faults, what.allocation))
		return;
	node = make_node(run, &what, made);
	run_handle_add(run, mfs_main_stream(made), &node->main);
	run_drop(run, made);
}

void op_link(struct run *run)
{
	struct model_node *node = run_pick_node(run), *directory = pick_parent(run);
	struct mfs_node *real, *place;
	char name[1024];
	size_t size = pick_name(run, directory, 10, name);
	uint64_t faults = growth_faults(run, directory, name, size);

	if (run->handle_count && random_percent(&run->random, 30)) /* where the nameless are */
		node = run->handles[random_below(&run->random, run->handle_count)].model->node;
	if (!faults && model_find(&run->model, directory, name, size))
		faults |= RUN_BIT(MFS_EXISTS);
	if (node->directory)
		faults |= RUN_BIT(MFS_NOT_PERMITTED);
	if (model_is_deleted(&run->model, node))
		faults |= RUN_BIT(MFS_NOT_FOUND);
	run_say(run, "link %llu as %.*s in %llu", (unsigned long long)node->number, (int)size, name,
		(unsigned long long)directory->number);
	real = run_reach(run, node);
	place = run_reach(run, directory);
	if (run_outcome(run, mfs_link(run->volume, real, place, name, size), faults, 0)) {
		model_enter(&run->model, directory, node, name, size);
		run_written(directory);
		run_changed(node);
	}
	run_drop(run, real);
	run_drop(run, place);
}

/* ---- removing ------------------------------------------------------------------------------- */

void run_unlink_entry(struct run *run, struct model_entry *entry)
{
	struct model_node *node = entry->node;

	run_written(entry->directory);
	run_changed(node);
	model_leave(&run->model, entry);
	model_node_settle(&run->model, node);
}

/* What unlinking with this kind says to this node. A junction is a directory and a symlink at once. */
static uint64_t kind_faults(const struct model_node *node, enum mfs_remove kind)
{
	uint64_t either = node->directory && model_kind(node) == MFS_SYMLINK ? RUN_BIT(MFS_OK) : 0;
	uint64_t faults = 0;

	if (kind == MFS_REMOVE_FILE && node->directory)
		faults = RUN_BIT(MFS_IS_DIRECTORY) | either;
	if (kind == MFS_REMOVE_DIRECTORY && (!node->directory || either))
		faults = RUN_BIT(MFS_NOT_DIRECTORY) | either;
	if (node->entry_count)
		faults = (faults & ~RUN_BIT(MFS_OK)) | RUN_BIT(MFS_NOT_EMPTY);
	return faults;
}

void op_unlink(struct run *run)
{
	struct model_entry *entry = run_pick_entry(run);
	struct model_node *directory = entry ? entry->directory : run->model.root;
	struct mfs_node *real, *only = NULL;
	enum mfs_remove kind = random_percent(&run->random, 40)	 ? MFS_REMOVE_ANY
			       : entry && entry->node->directory ? MFS_REMOVE_DIRECTORY
								 : MFS_REMOVE_FILE;
	char name[1024];
	size_t size;
	uint64_t faults;

	if (entry && !random_percent(&run->random, 10)) {
		size = run_respell(run, entry->name.data, entry->name.size, name);
	} else {
		directory = pick_parent(run);
		size = pick_name(run, directory, 30, name);
		kind = (enum mfs_remove)random_below(&run->random, 3);
	}
	faults = place_faults(run, directory, name, size);
	entry = faults ? NULL : model_find(&run->model, directory, name, size);
	faults |= entry ? kind_faults(entry->node, kind) : RUN_BIT(MFS_NOT_FOUND);
	real = run_reach(run, directory);
	if (random_percent(&run->random, 40)) {
		const struct model_node *named = only_named(entry);
		struct model_node *chosen =
			entry && random_percent(&run->random, 80) ? entry->node : run_pick_node(run);

		only = run_reach(run, chosen);
		if (chosen != named)
			faults = (faults & ~RUN_BIT(MFS_OK)) | RUN_BIT(MFS_NOT_FOUND);
	}
	run_say(run, "unlink %.*s from %llu, kind %d%s", (int)size, name,
		(unsigned long long)directory->number, (int)kind, only ? ", only" : "");
	if (run_outcome(run, mfs_unlink(run->volume, real, name, size, kind, only), faults, RUN_FREES)) {
		entry->node->opens += only != NULL; /* `only` keeps it for a moment longer */
		if (only) {
			struct model_node *node = entry->node;

			run_unlink_entry(run, entry);
			run_check_info(run, node, only);
			run_drop(run, only);
			only = NULL;
			node->opens--;
			model_node_settle(&run->model, node);
		} else {
			run_unlink_entry(run, entry);
		}
	}
	if (only)
		run_drop(run, only);
	run_drop(run, real);
}

void op_can_remove(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);

	run_say(run, "can_remove %llu", (unsigned long long)node->number);
	run_outcome(run, mfs_can_remove(run->volume, real),
		    (node->entry_count ? RUN_BIT(MFS_NOT_EMPTY) : 0) |
			    (node == run->model.root ? RUN_BIT(MFS_NOT_PERMITTED) : 0),
		    0);
	run_drop(run, real);
}

/* ---- moving ------------------------------------------------------------------------------------ */

struct move {
	struct model_node *from, *to;
	char from_name[1024], to_name[1024];
	size_t from_size, to_size;
	struct model_entry *source, *target; /* NULL: there is none */
	struct model_node *only;
	unsigned flags;
	uint64_t faults;
	bool nothing; /* right is to leave all as it is */
};

static void pick_move(struct run *run, struct move *move)
{
	struct model_entry *entry = run_pick_entry(run);
	unsigned kind = (unsigned)random_below(&run->random, 100);

	if (entry && !random_percent(&run->random, 4)) {
		move->from = entry->directory;
		move->from_size = run_respell(run, entry->name.data, entry->name.size, move->from_name);
	} else {
		move->from = pick_parent(run);
		move->from_size = pick_name(run, move->from, 50, move->from_name);
	}
	if (kind < 20) { /* the same name, perhaps in another spelling */
		move->to = move->from;
		move->to_size = run_respell(run, move->from_name, move->from_size, move->to_name);
	} else if (kind < 40 && (entry = run_pick_entry(run))) { /* over something */
		move->to = entry->directory;
		move->to_size = run_respell(run, entry->name.data, entry->name.size, move->to_name);
	} else if (kind < 45 && entry && entry->node->directory) { /* into itself */
		move->to = entry->node;
		move->to_size = run_name(run, move->to_name);
	} else {
		move->to = pick_parent(run);
		move->to_size = pick_name(run, move->to, 20, move->to_name);
	}
}

/* Finds both ends and the faults that every kind of move shares. */
static void judge_ends(struct run *run, struct move *move)
{
	uint64_t from = place_faults(run, move->from, move->from_name, move->from_size);
	uint64_t to = place_faults(run, move->to, move->to_name, move->to_size);

	move->source = from ? NULL : model_find(&run->model, move->from, move->from_name, move->from_size);
	move->target = to ? NULL : model_find(&run->model, move->to, move->to_name, move->to_size);
	move->faults = from | to | growth_faults(run, move->to, move->to_name, move->to_size);
	if (!move->source || (move->only && move->source->node != move->only))
		move->faults |= RUN_BIT(MFS_NOT_FOUND);
	if (!move->source)
		return;
	if (move->source->node->directory && move->to->directory &&
	    model_is_below(move->to, move->source->node))
		move->faults |= RUN_BIT(MFS_LOOP);
}

static void judge_rename(struct move *move)
{
	const struct model_node *source, *target;
	bool replace = move->flags & MFS_RENAME_REPLACE;

	if (!move->source || !move->target)
		return;
	source = move->source->node;
	target = move->target->node;
	if (move->source == move->target) {
		move->nothing = model_bytes_equal(&move->source->name, move->to_name, move->to_size);
		if (move->nothing && !replace)
			move->faults |= RUN_BIT(MFS_EXISTS) | RUN_BIT(MFS_OK);
		return;
	}
	if (source == target) { /* two names of one node */
		move->nothing = true;
		if (!replace)
			move->faults |= RUN_BIT(MFS_EXISTS) | RUN_BIT(MFS_OK);
		return;
	}
	if (!replace)
		move->faults |= RUN_BIT(MFS_EXISTS);
	if (target->directory && move->flags & MFS_RENAME_FILES_ONLY)
		move->faults |= RUN_BIT(MFS_IS_DIRECTORY);
	if (is_true_directory(target) && !is_true_directory(source))
		move->faults |= RUN_BIT(MFS_IS_DIRECTORY);
	if (is_true_directory(source) && !is_true_directory(target))
		move->faults |= RUN_BIT(MFS_NOT_DIRECTORY) |
				(move->flags & MFS_RENAME_FILES_ONLY && !move->faults ? RUN_BIT(MFS_OK) : 0);
	if (target->entry_count)
		move->faults |= RUN_BIT(MFS_NOT_EMPTY);
}

/* What a whiteout leaves behind, under the name as it was stored. */
static void leave_whiteout(struct run *run, struct move *move, struct mfs_node *from)
{
	struct mfs_node *made;
	struct mfs_info info;
	struct model_node *node = model_node_new(&run->model, false, MFS_CHAR_DEVICE);

	RUN_SAME(run, mfs_lookup(run->volume, from, move->from_name, move->from_size, &made), MFS_OK);
	mfs_node_info(run->volume, made, &info);
	node->number = info.number;
	run_number_new(run, node->number);
	node->mode = info.mode;
	node->uid = info.uid;
	node->gid = info.gid;
	node->attributes = info.attributes & MFS_A_SETTABLE;
	model_enter(&run->model, move->from, node, move->from_name, move->from_size);
	run_check_info(run, node, made);
	run_drop(run, made);
}

static void apply_rename(struct run *run, struct move *move, struct mfs_node *from)
{
	struct model_node *node = move->source->node;

	run_changed(node);
	run_written(move->from);
	run_written(move->to);
	if (move->source == move->target) {
		model_respell(&run->model, move->source, move->to_name, move->to_size);
		return;
	}
	if (move->target)
		run_unlink_entry(run, move->target);
	move->from_size = move->source->name.size;
	memcpy(move->from_name, move->source->name.data, move->from_size);
	/* First the new name, so that a node never seems to be without one. */
	model_enter(&run->model, move->to, node, move->to_name, move->to_size);
	model_leave(&run->model, move->source);
	if (move->flags & MFS_RENAME_WHITEOUT)
		leave_whiteout(run, move, from);
}

/* Calls the engine; `only` is picked here. True: it was done. */
static bool do_move(struct run *run, struct move *move, struct mfs_node *from, struct mfs_node *to)
{
	struct mfs_node *only = move->only ? run_reach(run, move->only) : NULL;
	enum mfs_status status;

	run_say(run, "rename %.*s from %llu to %.*s in %llu, flags %u%s", (int)move->from_size,
		move->from_name, (unsigned long long)move->from->number, (int)move->to_size, move->to_name,
		(unsigned long long)move->to->number, move->flags, only ? ", only" : "");
	status = mfs_rename(run->volume, from, move->from_name, move->from_size, to, move->to_name,
			    move->to_size, move->flags, only);
	if (only)
		run_drop(run, only);
	return run_outcome(run, status, move->faults, 0);
}

static void pick_only(struct run *run, struct move *move)
{
	struct model_entry *entry;

	if (!random_percent(&run->random, 25) || !move->from->directory)
		return;
	entry = model_find(&run->model, move->from, move->from_name, move->from_size);
	move->only = entry && random_percent(&run->random, 80) ? entry->node : run_pick_node(run);
}

void op_rename(struct run *run)
{
	static const unsigned flags[] = {0,
					 MFS_RENAME_REPLACE,
					 MFS_RENAME_REPLACE,
					 MFS_RENAME_WHITEOUT,
					 MFS_RENAME_REPLACE | MFS_RENAME_WHITEOUT,
					 MFS_RENAME_FILES_ONLY,
					 MFS_RENAME_REPLACE | MFS_RENAME_FILES_ONLY};
	struct move move = {0};
	struct mfs_node *from, *to;

	pick_move(run, &move);
	move.flags = flags[random_below(&run->random, sizeof(flags) / sizeof(flags[0]))];
	pick_only(run, &move);
	judge_ends(run, &move);
	if (move.source && move.source == move.target)
		move.flags &= ~MFS_RENAME_WHITEOUT;
	judge_rename(&move);
	from = run_reach(run, move.from);
	to = run_reach(run, move.to);
	if (do_move(run, &move, from, to) && !move.nothing)
		apply_rename(run, &move, from);
	else if (move.nothing)
		run_unsure(move.source->node), run_unsure(move.from), run_unsure(move.to);
	run_drop(run, from);
	run_drop(run, to);
}

/* The same two names, each on the other's node. */
static void apply_exchange(struct run *run, struct move *move)
{
	struct model_node *a = move->source->node, *b = move->target->node;
	struct model_bytes from = {0}, to = {0};

	model_bytes_set(&from, move->source->name.data, move->source->name.size);
	model_bytes_set(&to, move->target->name.data, move->target->name.size);
	run_changed(a);
	run_changed(b);
	run_written(move->from);
	run_written(move->to);
	a->opens++; /* neither may go while it has no name */
	b->opens++;
	model_leave(&run->model, move->source);
	model_leave(&run->model, move->target);
	model_enter(&run->model, move->from, b, from.data, from.size);
	model_enter(&run->model, move->to, a, to.data, to.size);
	a->opens--;
	b->opens--;
	free(from.data);
	free(to.data);
}

void op_exchange(struct run *run)
{
	struct move move = {0};
	struct mfs_node *from, *to;
	struct model_entry *entry = run_pick_entry(run);

	pick_move(run, &move);
	if (entry && random_percent(&run->random, 80)) {
		move.to = entry->directory;
		move.to_size = run_respell(run, entry->name.data, entry->name.size, move.to_name);
	}
	move.flags = MFS_RENAME_EXCHANGE;
	pick_only(run, &move);
	judge_ends(run, &move);
	if (!move.target)
		move.faults |= RUN_BIT(MFS_NOT_FOUND);
	if (move.source && move.target) {
		if (move.target->node->directory && model_is_below(move.from, move.target->node))
			move.faults |= RUN_BIT(MFS_LOOP);
		move.nothing = move.source->node == move.target->node;
	}
	from = run_reach(run, move.from);
	to = run_reach(run, move.to);
	if (do_move(run, &move, from, to)) {
		if (!move.nothing)
			apply_exchange(run, &move);
		else
			run_unsure(move.source->node), run_unsure(move.from), run_unsure(move.to);
	}
	run_drop(run, from);
	run_drop(run, to);
}

/* ---- listing -------------------------------------------------------------------------------------- */

struct listed {
	char *name;
	size_t size;
	uint64_t number, position;
};

struct listing {
	struct run *run;
	size_t limit; /* how many it takes */
	bool stopped, at_end;
	struct listed *items;
	size_t count, capacity;
};

static bool take_entry(void *context, const struct mfs_entry *entry)
{
	struct listing *list = context;
	struct listed *item;

	RUN_CHECK(list->run, !list->stopped);
	if (list->count == list->limit) {
		list->stopped = true;
		return false;
	}
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 64;
		list->items = realloc(list->items, list->capacity * sizeof(*list->items));
	}
	item = &list->items[list->count++];
	item->name = malloc(entry->name_size + 1);
	memcpy(item->name, entry->name, entry->name_size);
	item->size = entry->name_size;
	item->number = mfs_node_number(entry->node);
	item->position = entry->position;
	return true;
}

static void listing_free(struct listing *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}

/* Lists on from a place; checks that the order rises and that the end is told rightly. */
static void list_from(struct run *run, struct mfs_node *real, struct listing *list, uint64_t position,
		      const char *name, size_t size)
{
	enum mfs_status status, other;
	bool end = false;

	if (run->mode->by_name) {
		status = mfs_list_after_name(run->volume, real, name, size, take_entry, list, &list->at_end);
		other = mfs_list_after_position(run->volume, real, 0, take_entry, list, &end);
	} else {
		status =
			mfs_list_after_position(run->volume, real, position, take_entry, list, &list->at_end);
		other = mfs_list_after_name(run->volume, real, "", 0, take_entry, list, &end);
	}
	RUN_SAME(run, status, MFS_OK);
	RUN_SAME(run, other, MFS_NOT_SUPPORTED);
	RUN_SAME(run, list->at_end, !list->stopped);
	for (size_t i = 0; i < list->count; i++) {
		const struct listed *item = &list->items[i];

		if (run->mode->by_name && (i || size))
			RUN_CHECK(run, model_compare(i ? item[-1].name : name, i ? item[-1].size : size,
						     item->name, item->size) < 0);
		if (!run->mode->by_name)
			RUN_CHECK(run, item->position > (i ? item[-1].position : position) &&
					       item->position < (uint64_t)1 << 62);
	}
}

/* The model's entry for a listed one, which must be exactly it. */
static struct model_entry *listed_entry(struct run *run, struct model_node *node, const struct listed *item)
{
	struct model_entry *entry = model_find(&run->model, node, item->name, item->size);

	if (!entry || !model_bytes_equal(&entry->name, item->name, item->size))
		run_fail(run, __FILE__, __LINE__, "listed %.*s in %llu, which is not there", (int)item->size,
			 item->name, (unsigned long long)node->number);
	RUN_SAME(run, item->number, entry->node->number);
	if (!run->mode->by_name && entry->position)
		RUN_SAME(run, item->position, entry->position);
	entry->position = item->position;
	return entry;
}

static int by_bytes(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int order = memcmp(x->name, y->name, x->size < y->size ? x->size : y->size);

	return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

static int entries_by_bytes(const void *a, const void *b)
{
	const struct model_entry *x = *(struct model_entry *const *)a, *y = *(struct model_entry *const *)b;
	const struct listed one = {x->name.data, x->name.size, 0, 0},
			    two = {y->name.data, y->name.size, 0, 0};

	return by_bytes(&one, &two);
}

/* The whole directory against the model, both sorted by bytes. */
void run_check_entries(struct run *run, struct model_node *node, struct mfs_node *real)
{
	struct listing list = {.run = run, .limit = SIZE_MAX};
	struct model_entry **entries = malloc((node->entry_count + 1) * sizeof(struct model_entry *));

	list_from(run, real, &list, 0, "", 0);
	RUN_SAME(run, list.count, node->entry_count);
	if (list.count) {
		memcpy(entries, node->entries, list.count * sizeof(*entries));
		qsort(entries, list.count, sizeof(*entries), entries_by_bytes);
		qsort(list.items, list.count, sizeof(*list.items), by_bytes);
	}
	for (size_t i = 0; i < list.count; i++) {
		struct listed *item = &list.items[i];

		if (!model_bytes_equal(&entries[i]->name, item->name, item->size))
			run_fail(run, __FILE__, __LINE__, "%llu lists %.*s, not %.*s",
				 (unsigned long long)node->number, (int)item->size, item->name,
				 (int)entries[i]->name.size, (const char *)entries[i]->name.data);
		RUN_SAME(run, item->number, entries[i]->node->number);
		if (!run->mode->by_name && entries[i]->position)
			RUN_SAME(run, item->position, entries[i]->position);
		entries[i]->position = item->position;
	}
	listing_free(&list);
	free(entries);
}

void op_list(struct run *run)
{
	struct model_node *node = run_pick_directory(run);
	struct mfs_node *real = run_reach(run, node);

	run_say(run, "list %llu", (unsigned long long)node->number);
	run_check_entries(run, node, real);
	run_drop(run, real);
}

/* Listing from behind any name or position, whether it exists or not. */
void op_list_after(struct run *run)
{
	struct model_node *node = run_pick_directory(run);
	struct mfs_node *real = run_reach(run, node);
	struct listing list = {.run = run, .limit = SIZE_MAX};
	char name[1024];
	size_t size = pick_name(run, node, 50, name), wanted = 0;
	uint64_t position = 0, most = 1;

	if (model_name_faults(&run->model, name, size))
		size = 0;
	run_check_entries(run, node, real); /* now all positions are known */
	for (size_t i = 0; i < node->entry_count; i++)
		most = node->entries[i]->position > most ? node->entries[i]->position : most;
	position = random_below(&run->random, most + 2);
	run_say(run, "list %llu after %.*s / %llu", (unsigned long long)node->number, (int)size, name,
		(unsigned long long)position);
	list_from(run, real, &list, position, name, size);
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct model_entry *entry = node->entries[i];

		wanted += run->mode->by_name ? !size || (model_compare(entry->name.data, entry->name.size,
								       name, size) > 0 &&
							 !model_same_name(&run->model, entry->name.data,
									  entry->name.size, name, size))
					     : entry->position > position;
	}
	RUN_SAME(run, list.count, wanted);
	for (size_t i = 0; i < list.count; i++)
		listed_entry(run, node, &list.items[i]);
	listing_free(&list);
	run_drop(run, real);
}

/* ---- listing while the directory changes ------------------------------------------------------------ */

static void cursor_begin(struct run *run, struct run_cursor *cursor)
{
	cursor->directory = run_pick_directory(run);
	cursor->held = run_reach(run, cursor->directory);
	cursor->directory->opens++;
	cursor->first_id = run->model.next_id + 1;
	cursor->position = 0;
	cursor->name_size = 0;
	cursor->seen_count = 0;
}

void run_cursor_end(struct run *run, struct run_cursor *cursor)
{
	struct model_node *node = cursor->directory;

	if (!node)
		return;
	cursor->directory = NULL;
	node->opens--;
	run_drop(run, cursor->held);
	model_node_settle(&run->model, node);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All were listed: none twice, and none missed that was there all the time. */
static void cursor_judge(struct run *run, struct run_cursor *cursor)
{
	const struct model_node *node = cursor->directory;

	if (cursor->seen_count)
		qsort(cursor->seen, cursor->seen_count, sizeof(*cursor->seen), by_number);
	for (size_t i = 1; i < cursor->seen_count; i++)
		RUN_CHECK(run, cursor->seen[i] != cursor->seen[i - 1]);
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct model_entry *entry = node->entries[i];

		if (entry->id < cursor->first_id &&
		    (!cursor->seen_count || !bsearch(&entry->id, cursor->seen, cursor->seen_count,
						     sizeof(*cursor->seen), by_number)))
			run_fail(run, __FILE__, __LINE__, "the listing of %llu missed %.*s",
				 (unsigned long long)node->number, (int)entry->name.size,
				 (const char *)entry->name.data);
	}
}

static void cursor_see(struct run_cursor *cursor, uint64_t id)
{
	if (cursor->seen_count == cursor->seen_capacity) {
		cursor->seen_capacity = cursor->seen_capacity ? cursor->seen_capacity * 2 : 64;
		cursor->seen = realloc(cursor->seen, cursor->seen_capacity * sizeof(*cursor->seen));
	}
	cursor->seen[cursor->seen_count++] = id;
}

void op_cursor(struct run *run)
{
	struct run_cursor *cursor = &run->cursors[random_below(&run->random, RUN_CURSORS)];
	struct listing list = {.run = run};

	if (!cursor->directory)
		cursor_begin(run, cursor);
	list.limit = (size_t)random_between(&run->random, 0, 1 + cursor->directory->entry_count / 3);
	run_say(run, "list %llu on by %zu, after %.*s / %llu", (unsigned long long)cursor->directory->number,
		list.limit, (int)cursor->name_size, cursor->name, (unsigned long long)cursor->position);
	list_from(run, cursor->held, &list, cursor->position, cursor->name, cursor->name_size);
	for (size_t i = 0; i < list.count; i++) {
		const struct listed *item = &list.items[i];

		cursor_see(cursor, listed_entry(run, cursor->directory, item)->id);
		cursor->position = item->position;
		memcpy(cursor->name, item->name, item->size);
		cursor->name_size = item->size;
	}
	if (list.at_end) {
		cursor_judge(run, cursor);
		run_cursor_end(run, cursor);
	}
	listing_free(&list);
}

/* ---- paths ------------------------------------------------------------------------------------------ */

#define PARTS_MAX 40

struct path {
	char bytes[PARTS_MAX * 1025];
	size_t size;
	struct {
		size_t at, size;
	} part[PARTS_MAX];
	size_t count;
	char separator;
};

static void path_add(struct path *path, const char *name, size_t size)
{
	if (path->count == PARTS_MAX)
		return;
	path->bytes[path->size++] = path->separator;
	path->part[path->count].at = path->size;
	path->part[path->count++].size = size;
	memcpy(path->bytes + path->size, name, size);
	path->size += size;
}

/* The path of some node, in some spelling, often with a part more that exists or not. */
static void pick_path(struct run *run, struct path *path)
{
	struct model_entry *chain[PARTS_MAX], *entry = run_pick_entry(run);
	size_t depth = 0;
	char name[1024];

	path->separator = random_percent(&run->random, 50) ? '/' : '\\';
	path->size = path->count = 0;
	while (entry && depth < PARTS_MAX - 3) {
		struct model_node *directory = entry->directory;

		chain[depth++] = entry;
		entry = directory->name_count ? directory->names[0] : NULL;
	}
	while (depth && !entry) {
		entry = chain[--depth];
		path_add(path, name, run_respell(run, entry->name.data, entry->name.size, name));
		entry = NULL;
	}
	while (random_percent(&run->random, 30)) {
		size_t size = run_name(run, name);

		if (!model_name_faults(&run->model, name, size))
			path_add(path, name, size);
	}
	if (!path->count)
		path->bytes[path->size++] = path->separator;
}

/* Where the model comes to. */
struct way {
	enum mfs_status status;
	struct model_node *parent, *node;
	size_t reparse_at;
	char stored[PARTS_MAX * 1025]; /* the path as its names are stored */
	size_t stored_size;
};

static void walk_model(struct run *run, const struct path *path, struct way *way)
{
	struct model_node *at = run->model.root;

	memset(way, 0, offsetof(struct way, stored));
	way->stored_size = 0;
	for (size_t i = 0; i < path->count; i++) {
		const char *name = path->bytes + path->part[i].at;
		size_t size = path->part[i].size;
		struct model_entry *entry;

		if (i && at->reparse.size) {
			way->status = MFS_REPARSE;
			way->node = at;
			way->reparse_at = path->part[i].at - 1;
			return;
		}
		if (!at->directory) {
			way->status = MFS_NOT_DIRECTORY;
			return;
		}
		entry = model_find(&run->model, at, name, size);
		way->parent = at;
		way->stored[way->stored_size++] = path->separator;
		memcpy(way->stored + way->stored_size, entry ? entry->name.data : name,
		       entry ? entry->name.size : size);
		way->stored_size += entry ? entry->name.size : size;
		if (!entry) {
			way->status = i + 1 == path->count ? MFS_NOT_FOUND : MFS_PATH_NOT_FOUND;
			return;
		}
		at = entry->node;
	}
	way->node = at;
	if (!path->count)
		way->stored[way->stored_size++] = path->separator;
}

void op_walk(struct run *run)
{
	static _Thread_local struct path path;
	static _Thread_local struct way way;
	struct mfs_place place;
	enum mfs_status status;

	pick_path(run, &path);
	walk_model(run, &path, &way);
	run_say(run, "walk %.*s", (int)path.size, path.bytes);
	status = mfs_walk(run->volume, path.bytes, path.size, path.separator, &place);
	RUN_SAME(run, status, way.status);
	if (status == MFS_OK || status == MFS_REPARSE)
		RUN_SAME(run, mfs_node_number(place.node), way.node->number);
	if (status == MFS_NOT_FOUND)
		RUN_CHECK(run, !place.node);
	if (status == MFS_REPARSE)
		RUN_SAME(run, place.reparse_at, way.reparse_at);
	if ((status == MFS_OK || status == MFS_NOT_FOUND) && path.count) {
		RUN_SAME(run, mfs_node_number(place.parent), way.parent->number);
		RUN_CHECK(run, place.name == path.bytes + path.part[path.count - 1].at);
		RUN_SAME(run, place.name_size, path.part[path.count - 1].size);
	} else if (status == MFS_OK) {
		RUN_CHECK(run, !place.parent);
	}
	mfs_place_drop(run->volume, &place);
}

void op_normalize(struct run *run)
{
	static _Thread_local struct path path;
	static _Thread_local struct way way;
	size_t needed = 0, capacity;
	uint64_t refusals;

	pick_path(run, &path);
	walk_model(run, &path, &way);
	capacity = random_percent(&run->random, 20) ? (size_t)random_below(&run->random, way.stored_size + 1)
						    : way.stored_size + random_below(&run->random, 2);
	run_say(run, "normalize %.*s", (int)path.size, path.bytes);
	refusals = way.status == MFS_OK || way.status == MFS_NOT_FOUND ? 0 : RUN_BIT(way.status);
	if (!refusals && capacity < way.stored_size)
		refusals = RUN_BIT(MFS_BUFFER_TOO_SMALL);
	if (run_outcome(run,
			mfs_normalize(run->volume, path.bytes, path.size, path.separator, run->path, capacity,
				      &needed),
			refusals, 0))
		RUN_CHECK(run, !memcmp(run->path, way.stored, way.stored_size));
	if (!refusals || refusals == RUN_BIT(MFS_BUFFER_TOO_SMALL))
		RUN_SAME(run, needed, way.stored_size);
}

void op_parent(struct run *run)
{
	struct model_node *node =
		random_percent(&run->random, 80) ? run_pick_directory(run) : run_pick_node(run);
	struct mfs_node *real = run_reach(run, node), *parent;
	struct model_node *wanted = node == run->model.root ? node
				    : node->name_count	    ? node->names[0]->directory
							    : NULL;
	uint64_t refusals = 0;

	if (!node->directory)
		refusals |= RUN_BIT(MFS_NOT_DIRECTORY);
	if (!wanted)
		refusals |= RUN_BIT(MFS_NOT_FOUND);
	run_say(run, "parent of %llu", (unsigned long long)node->number);
	if (run_outcome(run, mfs_parent(run->volume, real, &parent), refusals, 0)) {
		RUN_SAME(run, mfs_node_number(parent), wanted->number);
		run_drop(run, parent);
	}
	run_drop(run, real);
}

/* ---- handles ------------------------------------------------------------------------------------------ */

void op_open(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);

	run_say(run, "open %llu", (unsigned long long)node->number);
	run_handle_add(run, mfs_main_stream(real), &node->main);
	run_drop(run, real);
}

void op_close(struct run *run)
{
	if (!run->handle_count)
		return;
	run_say(run, "close a handle");
	run_handle_close(run, (size_t)random_below(&run->random, run->handle_count));
}
