/*
 * model_metadata: the operations of the model test on what nodes carry: attributes and times, security
 * descriptors, EAs, reparse data, xattrs; and on the volume's label and limits.
 */
#include "model_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value & 0xFFFF);
	put16(at + 2, value >> 16);
}

static unsigned get16(const uint8_t *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) | (uint32_t)get16(at + 2) << 16;
}

/* ---- attributes and times ----------------------------------------------------------------- */

static struct mfs_time pick_time(struct run *run)
{
	struct mfs_time time = {(int64_t)random_below(&run->random, 1u << 31) - 100000,
				(uint32_t)random_below(&run->random, 1000000000)};

	return time;
}

static void set_exact(struct model_time *time, struct mfs_time value)
{
	time->known = MODEL_EXACT;
	time->value = value;
}

static void apply_set(struct model_node *node, const struct mfs_set *set)
{
	if (set->what & MFS_SET_ATTRIBUTES)
		node->attributes = set->attributes & MFS_A_SETTABLE;
	if (set->what & MFS_SET_MODE)
		node->mode = set->mode & 07777;
	if (set->what & MFS_SET_UID)
		node->uid = set->uid;
	if (set->what & MFS_SET_GID)
		node->gid = set->gid;
	if (set->what & MFS_SET_BIRTH)
		set_exact(&node->birth, set->birth);
	if (set->what & MFS_SET_ACCESS)
		set_exact(&node->access, set->access);
	else if (set->what & MFS_SET_ACCESS_NOW)
		node->access.known = MODEL_RECENT;
	if (set->what & MFS_SET_WRITE)
		set_exact(&node->write, set->write);
	else if (set->what & MFS_SET_WRITE_NOW)
		node->write.known = MODEL_RECENT;
	if (set->what & MFS_SET_CHANGE)
		set_exact(&node->change, set->change);
	else if (!(set->what & MFS_SET_KEEP_CHANGE))
		node->change.known = MODEL_RECENT;
}

void op_set(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	struct mfs_set set = {0};
	uint64_t faults = 0;

	set.what = (uint32_t)random_next(&run->random) & (uint32_t)random_next(&run->random) & 0x7FF;
	if (set.what & MFS_SET_ACCESS) /* the time and now at once is not said to be either */
		set.what &= ~MFS_SET_ACCESS_NOW;
	if (set.what & MFS_SET_WRITE)
		set.what &= ~MFS_SET_WRITE_NOW;
	if (set.what & MFS_SET_CHANGE)
		set.what &= ~MFS_SET_KEEP_CHANGE;
	set.attributes = (uint32_t)random_next(&run->random);
	set.mode = (uint32_t)random_next(&run->random);
	set.uid = (uint32_t)random_next(&run->random);
	set.gid = (uint32_t)random_next(&run->random);
	set.birth = pick_time(run);
	set.access = pick_time(run);
	set.write = pick_time(run);
	set.change = pick_time(run);
	if (set.what & MFS_SET_WRITE && random_percent(&run->random, 3)) {
		set.write.nanoseconds = 1000000000;
		faults |= RUN_BIT(MFS_INVALID);
	}
	run_say(run, "set %#x of %llu", set.what, (unsigned long long)node->number);
	if (run_outcome(run, mfs_node_set(run->volume, real, &set), faults, 0))
		apply_set(node, &set);
	run_check_info(run, node, real);
	run_drop(run, real);
}

void op_accessed(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	bool strict = random_percent(&run->random, 30);

	run_say(run, "accessed %llu%s", (unsigned long long)node->number, strict ? ", strict" : "");
	mfs_node_accessed(run->volume, real, strict);
	node->access.known = strict ? MODEL_RECENT : MODEL_ANY;
	run_drop(run, real);
}

void op_info(struct run *run)
{
	struct model_node *node = run_pick_node(run);

	run_say(run, "check %llu", (unsigned long long)node->number);
	run_check_node(run, node);
}

/* ---- security descriptors ------------------------------------------------------------------- */

static size_t put_sid(uint8_t *to, uint32_t last)
{
	static const uint8_t head[8] = {1, 2, 0, 0, 0, 0, 0, 5};

	memcpy(to, head, 8);
	put32(to + 8, 32);
	put32(to + 12, last);
	return 16;
}

/* Owner, group and a list of up to six grants; one of few, so that many nodes share one. */
size_t run_security(struct run *run, uint8_t *to, uint64_t *faults)
{
	unsigned grants = (unsigned)random_below(&run->random, 7);
	size_t size = 20;

	memset(to, 0, 20);
	to[0] = 1;
	put16(to + 2, 0x8004);
	put32(to + 4, (uint32_t)size);
	size += put_sid(to + size, 544);
	put32(to + 8, (uint32_t)size);
	size += put_sid(to + size, 545 + (uint32_t)random_below(&run->random, 3));
	put32(to + 16, (uint32_t)size);
	memset(to + size, 0, 8);
	to[size] = 2;
	put16(to + size + 2, 8 + grants * 24);
	put16(to + size + 4, grants);
	size += 8;
	for (unsigned i = 0; i < grants; i++) {
		put32(to + size, 0x00180000u); /* access allowed, 24 bytes */
		put32(to + size + 4, 0x1F01FF);
		put_sid(to + size + 8, 1000 + i);
		size += 24;
	}
	if (!random_percent(&run->random, 3))
		return size;
	*faults |= RUN_BIT(MFS_SECURITY_INVALID);
	switch (random_below(&run->random, 4)) {
	case 0:
		return size - 1;
	case 1:
		to[0] = 2;
		return size;
	case 2:
		put16(to + 2, 0x0004);
		return size;
	default:
		put32(to + 16, (uint32_t)size);
		return size;
	}
}

void op_security(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	uint8_t bytes[2048];
	uint64_t faults = 0;
	size_t size = run_security(run, bytes, &faults);

	if (node == run->model.root) { /* nothing could take it off again: the counters would stay up */
		run_drop(run, real);
		return;
	}
	run_say(run, "set security of %llu (%zu bytes)", (unsigned long long)node->number, size);
	if (run_outcome(run, mfs_security_set(run->volume, real, bytes, size), faults, 0)) {
		model_bytes_set(&node->security, bytes, size);
		node->change.known = MODEL_ANY;
	}
	run_check_metadata(run, node, real);
	run_drop(run, real);
}

/* ---- EAs ------------------------------------------------------------------------------------------ */

static size_t pick_ea_name(struct run *run, char *to)
{
	static const char *const names[] = {"A", "b", "Key", "kEY2", "x.y-z", "SOMEWHAT.LONGER NAME"};
	unsigned which = (unsigned)random_below(&run->random, 8);

	if (which < 6) {
		strcpy(to, names[which]);
		if (random_percent(&run->random, 30))
			to[0] ^= 0x20; /* the other case */
		return strlen(to);
	}
	if (which == 6)
		return (size_t)sprintf(to, "n%u", (unsigned)random_below(&run->random, 30));
	memset(to, 'q', 254);
	return (size_t)random_between(&run->random, 200, 254);
}

static void spoil_eas(struct run *run, uint8_t *list, size_t *size, uint64_t *faults)
{
	switch (random_below(&run->random, 4)) {
	case 0:
		*faults |= RUN_BIT(MFS_EA_INVALID);
		--*size;
		break;
	case 1:
		*faults |= RUN_BIT(MFS_EA_INVALID);
		list[4] = 0x40;
		break;
	case 2:
		*faults |= RUN_BIT(MFS_EA_NAME_INVALID);
		list[8] = '*';
		break;
	default:
		*faults |= RUN_BIT(MFS_EA_INVALID);
		put32(list, 6);
		break;
	}
}

size_t run_eas(struct run *run, uint8_t *to, uint64_t *faults)
{
	unsigned count = (unsigned)random_between(&run->random, 1, 5);
	size_t at = 0, size = 0;

	for (unsigned i = 0; i < count; i++) {
		char name[260];
		size_t name_size = pick_ea_name(run, name), value = (size_t)random_below(&run->random, 60);

		if (random_percent(&run->random, 20))
			value = 0;
		if (random_percent(&run->random, 2))
			value = (size_t)random_below(&run->random, 40000);
		if (i) {
			size_t next = (size + 3) / 4 * 4;

			if (next + 8 + name_size + 1 + value > 60000)
				break;
			memset(to + size, 0, next - size);
			put32(to + at, (uint32_t)(next - at));
			at = next;
		}
		put32(to + at, 0);
		to[at + 4] = random_percent(&run->random, 20) ? 0x80 : 0;
		to[at + 5] = (uint8_t)name_size;
		put16(to + at + 6, (unsigned)value);
		memcpy(to + at + 8, name, name_size);
		to[at + 8 + name_size] = 0;
		random_fill(&run->random, to + at + 9 + name_size, value);
		size = at + 9 + name_size + value;
	}
	if (random_percent(&run->random, 3))
		spoil_eas(run, to, &size, faults);
	return size;
}

/* Calls back for each entry of a well-formed list. */
static void each_ea(const uint8_t *list, size_t size, void (*each)(void *context, const uint8_t *entry),
		    void *context)
{
	for (size_t at = 0; at < size; at += get32(list + at)) {
		each(context, list + at);
		if (!get32(list + at))
			break;
	}
}

static struct model_ea *find_ea(const struct model_node *node, const char *upper, size_t size)
{
	for (size_t i = 0; i < node->ea_count; i++)
		if (node->eas[i].name_size == size && !memcmp(node->eas[i].name, upper, size))
			return &node->eas[i];
	return NULL;
}

/* Puts, replaces or (no value) deletes one. */
static void apply_ea(void *context, const uint8_t *entry)
{
	struct model_node *node = context;
	struct model_ea *ea;
	char upper[256];
	size_t size = entry[5], value = get16(entry + 6);

	for (size_t i = 0; i < size; i++)
		upper[i] =
			(char)(entry[8 + i] >= 'a' && entry[8 + i] <= 'z' ? entry[8 + i] - 32 : entry[8 + i]);
	ea = find_ea(node, upper, size);
	if (!value) {
		if (ea) {
			free(ea->value.data);
			*ea = node->eas[--node->ea_count];
		}
		return;
	}
	if (!ea) {
		node->eas = realloc(node->eas, (node->ea_count + 1) * sizeof(*node->eas));
		ea = &node->eas[node->ea_count++];
		memset(ea, 0, sizeof(*ea));
		memcpy(ea->name, upper, size);
		ea->name_size = (uint8_t)size;
	}
	ea->flags = entry[4];
	model_bytes_set(&ea->value, entry + 9 + size, value);
}

static void clear_eas(struct model_node *node)
{
	while (node->ea_count)
		free(node->eas[--node->ea_count].value.data);
}

void run_eas_apply(struct model_node *node, const uint8_t *list, size_t size, bool replace)
{
	if (replace)
		clear_eas(node);
	each_ea(list, size, apply_ea, node);
}

enum run_ea_fit run_eas_fit(const struct model_node *node, const uint8_t *list, size_t size, bool replace)
{
	struct model_node trial = {0};
	size_t least = 0, most = 0;

	for (size_t i = 0; i < node->ea_count && !replace; i++) {
		trial.eas = realloc(trial.eas, (i + 1) * sizeof(*trial.eas));
		trial.eas[i] = node->eas[i];
		trial.eas[i].value = (struct model_bytes){0};
		model_bytes_set(&trial.eas[i].value, node->eas[i].value.data, node->eas[i].value.size);
		trial.ea_count++;
	}
	run_eas_apply(&trial, list, size, false);
	for (size_t i = 0; i < trial.ea_count; i++) {
		size_t entry = 9u + trial.eas[i].name_size + trial.eas[i].value.size;

		most += (entry + 3) / 4 * 4;
	}
	least = most >= 3 ? most - 3 : 0; /* the last one may go without its padding */
	clear_eas(&trial);
	free(trial.eas);
	return most <= MFS_EA_LIST_MAX	 ? RUN_EA_FITS
	       : least > MFS_EA_LIST_MAX ? RUN_EA_TOO_LARGE
					 : RUN_EA_UNSURE;
}

void op_ea(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	uint8_t list[MFS_EA_LIST_MAX];
	bool replace = random_percent(&run->random, 30);
	uint64_t faults = 0;
	size_t size = random_percent(&run->random, 5) ? 0 : run_eas(run, list, &faults);

	if (!faults) {
		enum run_ea_fit fit = run_eas_fit(node, list, size, replace);

		if (fit != RUN_EA_FITS)
			faults |= RUN_BIT(MFS_TOO_LARGE) | (fit == RUN_EA_UNSURE ? RUN_BIT(MFS_OK) : 0);
	}
	run_say(run, "set EAs of %llu (%zu bytes)%s", (unsigned long long)node->number, size,
		replace ? ", replace" : "");
	if (run_outcome(run, mfs_ea_set(run->volume, real, list, size, replace), faults, size)) {
		run_eas_apply(node, list, size, replace);
		node->change.known = MODEL_ANY;
	}
	run_check_metadata(run, node, real);
	run_drop(run, real);
}

/* ---- reparse data ------------------------------------------------------------------------------------- */

static size_t put_utf16(uint8_t *to, const char *text)
{
	size_t size = 0;

	for (; *text; text++, size += 2)
		put16(to + size, (unsigned char)*text);
	return size;
}

/* A symlink's or mount point's buffer, with substitute and print name. */
static size_t put_link(uint8_t *to, uint32_t tag)
{
	size_t at = tag == 0xA000000Cu ? 20 : 16, first, second;

	memset(to, 0, at);
	put32(to, tag);
	first = put_utf16(to + at, "\\??\\C:\\target");
	second = put_utf16(to + at + first, "shown");
	put16(to + 8, 0);
	put16(to + 10, (unsigned)first);
	put16(to + 12, (unsigned)first);
	put16(to + 14, (unsigned)second);
	if (at == 20)
		put32(to + 16, 1);
	put16(to + 4, (unsigned)(at - 8 + first + second));
	return at + first + second;
}

static size_t put_other(struct run *run, uint8_t *to, bool microsoft)
{
	size_t head = microsoft ? 8 : 24, size = (size_t)random_below(&run->random, 200);

	memset(to, 0, head);
	put32(to, microsoft ? 0x80000013u : 0x1234u);
	put16(to + 4, (unsigned)size);
	if (!microsoft)
		memset(to + 8, (int)random_below(&run->random, 2) + 1, 16);
	random_fill(&run->random, to + head, size);
	return head + size;
}

size_t run_reparse(struct run *run, bool directory, uint8_t *to, uint64_t *faults)
{
	size_t size = 0;

	switch (random_below(&run->random, 6)) {
	case 0:
		size = 12 + (size_t)random_between(&run->random, 1, 300);
		memset(to, 'l', size);
		put32(to, 0xA000001Du);
		put16(to + 4, (unsigned)size - 8);
		put16(to + 6, 0);
		put32(to + 8, 2);
		break;
	case 1:
		size = put_link(to, 0xA000000Cu);
		break;
	case 2:
		size = put_link(to, 0xA0000003u);
		*faults |= directory ? 0 : RUN_BIT(MFS_NOT_DIRECTORY);
		break;
	case 3:
		size = put_other(run, to, true);
		break;
	default:
		size = put_other(run, to, false);
		break;
	}
	if (!random_percent(&run->random, 4))
		return size;
	switch (random_below(&run->random, 3)) {
	case 0:
		*faults |= RUN_BIT(MFS_REPARSE_INVALID);
		return size - 1;
	case 1:
		*faults |= RUN_BIT(MFS_REPARSE_INVALID);
		to[size] = 0;
		return size + 1;
	default:
		*faults |= RUN_BIT(MFS_TAG_INVALID) | RUN_BIT(MFS_REPARSE_INVALID);
		put32(to, 0);
		return size;
	}
}

/* Whether data with this head may take the place of what is there. */
static uint64_t match_faults(const struct model_node *node, const uint8_t *head)
{
	const uint8_t *present = node->reparse.data;

	if (get32(present) != get32(head))
		return RUN_BIT(MFS_TAG_MISMATCH);
	if (!(get32(head) & 0x80000000u) && memcmp(present + 8, head + 8, 16))
		return RUN_BIT(MFS_GUID_MISMATCH);
	return 0;
}

static void reparse_set(struct run *run, struct model_node *node, struct mfs_node *real)
{
	static const unsigned kinds[] = {0,
					 0,
					 MFS_REPARSE_CREATE,
					 MFS_REPARSE_REPLACE,
					 MFS_REPARSE_ANY_TAG,
					 MFS_REPARSE_ANY_TAG | MFS_REPARSE_REPLACE};
	uint8_t bytes[MFS_REPARSE_MAX];
	unsigned flags = kinds[random_below(&run->random, 6)];
	uint64_t faults = 0;
	size_t size = run_reparse(run, node->directory, bytes, &faults);

	if (node->entry_count)
		faults |= RUN_BIT(MFS_NOT_EMPTY);
	if (node == run->model.root)
		faults |= RUN_BIT(MFS_NOT_PERMITTED);
	if (node->reparse.size && flags & MFS_REPARSE_CREATE)
		faults |= RUN_BIT(MFS_EXISTS);
	if (!node->reparse.size && flags & MFS_REPARSE_REPLACE)
		faults |= RUN_BIT(MFS_NOT_REPARSE_POINT);
	if (node->reparse.size && !(flags & MFS_REPARSE_ANY_TAG))
		faults |= match_faults(node, bytes);
	run_say(run, "set reparse data of %llu, tag %#x, %zu bytes, flags %u",
		(unsigned long long)node->number, (unsigned)get32(bytes), size, flags);
	if (run_outcome(run, mfs_reparse_set(run->volume, real, bytes, size, flags), faults, 0)) {
		model_bytes_set(&node->reparse, bytes, size);
		node->change.known = MODEL_ANY;
	}
}

static void reparse_remove(struct run *run, struct model_node *node, struct mfs_node *real)
{
	uint8_t head[24] = {0};
	size_t size = 0;
	bool named = random_percent(&run->random, 70);
	uint64_t faults = node->reparse.size ? 0 : RUN_BIT(MFS_NOT_REPARSE_POINT);

	if (named) {
		if (node->reparse.size && random_percent(&run->random, 70)) {
			memcpy(head, node->reparse.data, node->reparse.size < 24 ? node->reparse.size : 24);
		} else {
			put32(head, random_percent(&run->random, 50) ? 0x1234u : 0xA000000Cu);
			memset(head + 8, 2, 16);
		}
		size = get32(head) & 0x80000000u ? 8 : 24;
		put16(head + 4, 0);
		if (node->reparse.size)
			faults |= match_faults(node, head);
	}
	run_say(run, "remove reparse data of %llu%s", (unsigned long long)node->number,
		named ? ", by tag" : "");
	if (run_outcome(run, mfs_reparse_remove(run->volume, real, named ? head : NULL, size), faults,
			RUN_FREES)) {
		model_bytes_set(&node->reparse, "", 0);
		node->change.known = MODEL_ANY;
	}
}

void op_reparse(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real;

	for (int tries = 0; tries < 20 && node->kind > MFS_DIRECTORY; tries++)
		node = run_pick_node(run);
	if (node->kind > MFS_DIRECTORY)
		return;
	real = run_reach(run, node);
	if (random_percent(&run->random, node->reparse.size ? 30 : 90))
		reparse_set(run, node, real);
	else
		reparse_remove(run, node, real);
	run_check_info(run, node, real);
	run_check_metadata(run, node, real);
	run_drop(run, real);
}

/* ---- xattrs
 * ------------------------------------------------------------------------------------------------ */

static struct model_xattr *find_xattr(const struct model_node *node, const char *name, size_t size)
{
	for (size_t i = 0; i < node->xattr_count; i++)
		if (model_bytes_equal(&node->xattrs[i].name, name, size))
			return &node->xattrs[i];
	return NULL;
}

static size_t pick_xattr_name(struct run *run, char to[260], uint64_t *faults)
{
	if (random_percent(&run->random, 2)) {
		memset(to, 'x', 256);
		*faults |= RUN_BIT(MFS_NAME_TOO_LONG) | RUN_BIT(MFS_NAME_INVALID) | RUN_BIT(MFS_INVALID);
		return random_percent(&run->random, 50) ? 0 : 256;
	}
	if (random_percent(&run->random, 5)) {
		memset(to, 'L', 255);
		return 255;
	}
	return (size_t)sprintf(to, "user.%c%u", random_percent(&run->random, 50) ? 'a' : 'A',
			       (unsigned)random_below(&run->random, 12));
}

static void xattr_drop(struct model_node *node, struct model_xattr *xattr)
{
	free(xattr->name.data);
	free(xattr->value.data);
	*xattr = node->xattrs[--node->xattr_count];
}

void op_xattr(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	struct model_xattr *xattr;
	char name[260];
	uint64_t faults = 0;
	size_t size = pick_xattr_name(run, name, &faults), value = (size_t)random_below(&run->random, 200);
	unsigned flags = (unsigned)random_below(&run->random, 3);

	xattr = find_xattr(node, name, size);
	if (random_percent(&run->random, 25)) {
		run_say(run, "remove xattr %.*s of %llu", (int)size, name, (unsigned long long)node->number);
		faults |= xattr ? 0 : RUN_BIT(MFS_NO_ATTRIBUTE);
		if (run_outcome(run, mfs_xattr_remove(run->volume, real, name, size), faults, RUN_FREES)) {
			xattr_drop(node, xattr);
			run_changed(node);
		}
		run_drop(run, real);
		return;
	}
	if (random_percent(&run->random, 2))
		value = 65530 + (size_t)random_below(&run->random, 12);
	if (value > MFS_XATTR_MAX)
		faults |= RUN_BIT(MFS_TOO_LARGE);
	if (xattr && flags == MFS_XATTR_CREATE)
		faults |= RUN_BIT(MFS_EXISTS);
	if (!xattr && flags == MFS_XATTR_REPLACE)
		faults |= RUN_BIT(MFS_NO_ATTRIBUTE);
	random_fill(&run->random, run->buffer, value);
	run_say(run, "set xattr %.*s of %llu to %zu bytes, flags %u", (int)size, name,
		(unsigned long long)node->number, value, flags);
	if (run_outcome(run, mfs_xattr_set(run->volume, real, name, size, run->buffer, value, flags), faults,
			value)) {
		if (!xattr) {
			node->xattrs = realloc(node->xattrs, (node->xattr_count + 1) * sizeof(*xattr));
			xattr = &node->xattrs[node->xattr_count++];
			memset(xattr, 0, sizeof(*xattr));
			model_bytes_set(&xattr->name, name, size);
		}
		model_bytes_set(&xattr->value, run->buffer, value);
		run_changed(node);
	}
	run_drop(run, real);
}

void op_xattr_read(struct run *run)
{
	struct model_node *node = run_pick_node(run);
	struct mfs_node *real = run_reach(run, node);
	char name[260];
	uint64_t faults = 0;
	size_t size = pick_xattr_name(run, name, &faults), got = 0, capacity = RUN_BUFFER;
	struct model_xattr *xattr = find_xattr(node, name, size);

	if (random_percent(&run->random, 30))
		capacity = (size_t)random_below(&run->random, 100);
	if (!xattr)
		faults |= RUN_BIT(MFS_NO_ATTRIBUTE);
	else if (capacity < xattr->value.size)
		faults |= RUN_BIT(MFS_BUFFER_TOO_SMALL);
	run_say(run, "get xattr %.*s of %llu", (int)size, name, (unsigned long long)node->number);
	if (run_outcome(run, mfs_xattr_get(run->volume, real, name, size, run->buffer, capacity, &got),
			faults, 0))
		RUN_CHECK(run, model_bytes_equal(&xattr->value, run->buffer, got));
	if (xattr)
		RUN_SAME(run, got, xattr->value.size);
	run_drop(run, real);
}

/* ---- comparing what a node carries
 * ---------------------------------------------------------------------------- */

static void check_security(struct run *run, struct model_node *node, struct mfs_node *real)
{
	size_t size = 0;

	if (node->security.size) {
		RUN_SAME(run,
			 mfs_security_get(run->volume, real, run->buffer, node->security.size - 1, &size),
			 MFS_BUFFER_TOO_SMALL);
		RUN_SAME(run, size, node->security.size);
	}
	RUN_SAME(run, mfs_security_get(run->volume, real, run->buffer, RUN_BUFFER, &size), MFS_OK);
	RUN_CHECK(run, model_bytes_equal(&node->security, run->buffer, size));
}

struct ea_check {
	struct run *run;
	struct model_node *node;
	size_t count;
};

static void check_ea(void *context, const uint8_t *entry)
{
	struct ea_check *check = context;
	struct model_ea *ea = find_ea(check->node, (const char *)entry + 8, entry[5]);

	RUN_CHECK(check->run, ea);
	RUN_SAME(check->run, entry[4], ea->flags);
	RUN_CHECK(check->run, model_bytes_equal(&ea->value, entry + 9 + entry[5], get16(entry + 6)));
	check->count++;
}

static void check_eas(struct run *run, struct model_node *node, struct mfs_node *real)
{
	struct ea_check check = {run, node, 0};
	struct mfs_info info;
	uint32_t sum = 0;
	bool needed = false;
	size_t size = 0;

	for (size_t i = 0; i < node->ea_count; i++) {
		sum += 5 + node->eas[i].name_size + (uint32_t)node->eas[i].value.size;
		needed |= node->eas[i].flags & 0x80;
	}
	mfs_node_info(run->volume, real, &info);
	RUN_SAME(run, info.ea_size, sum);
	RUN_SAME(run, mfs_ea_needed(run->volume, real), needed);
	RUN_SAME(run, mfs_ea_get(run->volume, real, run->buffer, RUN_BUFFER, &size), MFS_OK);
	if (!node->ea_count) {
		RUN_SAME(run, size, 0);
		return;
	}
	each_ea(run->buffer, size, check_ea, &check);
	RUN_SAME(run, check.count, node->ea_count);
	RUN_SAME(run, mfs_ea_get(run->volume, real, run->buffer, size - 1, &size), MFS_BUFFER_TOO_SMALL);
}

static void check_reparse(struct run *run, struct model_node *node, struct mfs_node *real)
{
	size_t size = 0;
	struct mfs_info info;

	if (!node->reparse.size) {
		RUN_SAME(run, mfs_reparse_get(run->volume, real, run->buffer, RUN_BUFFER, &size),
			 MFS_NOT_REPARSE_POINT);
		RUN_SAME(run, mfs_symlink_target(run->volume, real, run->path, RUN_PATH, &size), MFS_INVALID);
		return;
	}
	RUN_SAME(run, mfs_reparse_get(run->volume, real, run->buffer, RUN_BUFFER, &size), MFS_OK);
	RUN_CHECK(run, model_bytes_equal(&node->reparse, run->buffer, size));
	RUN_SAME(run, mfs_reparse_get(run->volume, real, run->buffer, size - 1, &size), MFS_BUFFER_TOO_SMALL);
	RUN_SAME(run, size, node->reparse.size);
	if (model_kind(node) != MFS_SYMLINK)
		return;
	RUN_SAME(run, mfs_symlink_target(run->volume, real, run->path, RUN_PATH, &size), MFS_OK);
	mfs_node_info(run->volume, real, &info);
	RUN_SAME(run, info.size, size);
	if (model_reparse_tag(node) == 0xA000001Du)
		RUN_CHECK(run, size + 12 == node->reparse.size &&
				       !memcmp(run->path, (char *)node->reparse.data + 12, size));
	else
		RUN_CHECK(run, size == 9 && !memcmp(run->path, "C:/target", 9));
}

static void check_xattrs(struct run *run, struct model_node *node, struct mfs_node *real)
{
	size_t size = 0, sum = 0, count = 0;
	const char *at = (const char *)run->expected;

	for (size_t i = 0; i < node->xattr_count; i++)
		sum += node->xattrs[i].name.size + 1;
	RUN_SAME(run, mfs_xattr_list(run->volume, real, (char *)run->expected, RUN_BUFFER, &size), MFS_OK);
	RUN_SAME(run, size, sum);
	for (; at < (const char *)run->expected + size; at += strlen(at) + 1, count++) {
		struct model_xattr *xattr = find_xattr(node, at, strlen(at));
		size_t got = 0;

		RUN_CHECK(run, xattr);
		RUN_SAME(run, mfs_xattr_get(run->volume, real, at, strlen(at), run->buffer, RUN_BUFFER, &got),
			 MFS_OK);
		RUN_CHECK(run, model_bytes_equal(&xattr->value, run->buffer, got));
	}
	RUN_SAME(run, count, node->xattr_count);
	if (sum) {
		RUN_SAME(run, mfs_xattr_list(run->volume, real, (char *)run->expected, sum - 1, &size),
			 MFS_BUFFER_TOO_SMALL);
		RUN_SAME(run, size, sum);
	}
}

void run_check_metadata(struct run *run, struct model_node *node, struct mfs_node *real)
{
	check_security(run, node, real);
	check_eas(run, node, real);
	check_reparse(run, node, real);
	check_xattrs(run, node, real);
}

/* ---- the volume
 * ------------------------------------------------------------------------------------------------- */

void op_label(struct run *run)
{
	static const struct {
		const char *label;
		uint64_t faults;
	} labels[] = {
		{"", 0},
		{"MEMEFS", 0},
		{"\xC3\x84nderung", 0},
		{"12345678901234567890123456789012", 0},
		{"123456789012345678901234567890123", RUN_BIT(MFS_NAME_TOO_LONG)},
		{"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F"
		 "\x98\x80"
		 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F"
		 "\x98\x80"
		 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80x",
		 RUN_BIT(MFS_NAME_TOO_LONG)},
		{"\xFF", RUN_BIT(MFS_NAME_INVALID)},
	};
	size_t which = (size_t)random_below(&run->random, sizeof(labels) / sizeof(labels[0]));
	const char *label = labels[which].label;
	char now[96];

	run_say(run, "set label %zu", which);
	if (run_outcome(run, mfs_volume_set_label(run->volume, label, strlen(label)), labels[which].faults,
			0)) {
		strcpy(run->label, label);
		run->label_size = strlen(label);
	}
	RUN_SAME(run, mfs_volume_label(run->volume, now), run->label_size);
	RUN_CHECK(run, !memcmp(now, run->label, run->label_size));
}

void op_resize(struct run *run)
{
	struct mfs_space space;
	uint64_t bytes = run->mode->max_bytes, nodes = run->mode->max_nodes, faults = 0;

	if (!run_limited(run))
		return;
	mfs_volume_space(run->volume, &space);
	if (bytes)
		bytes = bytes / 2 + random_below(&run->random, bytes);
	if (nodes)
		nodes = nodes / 2 + random_below(&run->random, nodes);
	if ((bytes && bytes < space.used_bytes) || (nodes && nodes < space.used_nodes))
		faults = RUN_BIT(MFS_INVALID);
	run_say(run, "resize to %llu bytes, %llu nodes (used %llu, %llu)", (unsigned long long)bytes,
		(unsigned long long)nodes, (unsigned long long)space.used_bytes,
		(unsigned long long)space.used_nodes);
	if (run_outcome(run, mfs_volume_resize(run->volume, bytes, nodes), faults, 0)) {
		run->max_bytes = bytes;
		run->max_nodes = nodes;
	}
}
