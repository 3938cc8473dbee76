/*
 * check: the walk over a volume: nodes by their numbers, what each has, the tree of names, and in the end
 * all that was counted against what is written down.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "check_walk.h"
#include "name.h"
#include "node.h"
#include "wire.h"

static void note(struct check *check, const void ***list, size_t *count, size_t *room, const void *what)
{
	const void **larger = check_grow(check, *list, *count, room, sizeof(*larger));

	if (!larger)
		return;
	*list = larger;
	larger[(*count)++] = what;
}

/* ---- nodes by number ------------------------------------------------------------------------ */

static bool list_node(struct check *check, void *context, struct index_link *link)
{
	const struct mfs_node *node =
		(const void *)((const char *)link - offsetof(struct mfs_node, by_number));
	unsigned shard = *(const unsigned *)context;
	struct check_tally *tally = check_tally(check, node);

	if (tally->listed)
		return check_fault(check, "node %llu is listed twice", (unsigned long long)node->number);
	tally->listed = true;
	if (node->number % NUMBER_SHARDS != shard || link->hash != (uint32_t)(node->number / NUMBER_SHARDS))
		return check_fault(check, "node %llu cannot be found", (unsigned long long)node->number);
	if (node->number != ROOT_NUMBER &&
	    (node->number < NUMBER_SHARDS || node->number >= check->volume->shards[shard].next + shard))
		return check_fault(check, "node %llu has a number that was not given out",
				   (unsigned long long)node->number);
	for (const struct index_link *other = link->next; other; other = other->next)
		if (((const struct mfs_node *)(const void *)((const char *)other -
							     offsetof(struct mfs_node, by_number)))
			    ->number == node->number)
			return check_fault(check, "two nodes have the number %llu",
					   (unsigned long long)node->number);
	note(check, &check->nodes, &check->node_count, &check->node_room, node);
	return true;
}

static bool list_nodes(struct check *check)
{
	for (unsigned i = 0; i < NUMBER_SHARDS; i++)
		if (!check_index(check, &check->volume->shards[i].nodes, list_node, &i))
			return false;
	return true;
}

/* ---- streams ---------------------------------------------------------------------------------- */

static bool check_data(struct check *check, const struct mfs_stream *stream)
{
	if (stream->size > (uint64_t)MFS_SIZE_MAX)
		return check_fault(check, "a stream is larger than the largest");
	if (stream_is_backed(check->volume, stream)) {
		check->charged += stream->backed.file ? check->volume->backing->charge : 0;
		return stream->backed.file || !stream->size ||
		       check_fault(check, "a stream has bytes and no backing file");
	}
	return check_sectors(check, &stream->sectors, stream->size);
}

/* A named stream, in its node's list or (removed and open) in none. */
static bool check_named(struct check *check, const struct named_stream *stream)
{
	enum mfs_status status = name_check(stream->name, stream->name_size, check->volume->unicode_names);

	check_charged(check, stream, sizeof(*stream));
	check_charged(check, stream->name, stream->name_size);
	note(check, &check->streams, &check->stream_count, &check->stream_room, stream);
	/* "." and ".." mean nothing among streams. */
	if (status != MFS_OK && (stream->name_size > 2 || memcmp(stream->name, "..", stream->name_size) != 0))
		return check_fault(check, "a stream's name is none");
	return check_data(check, &stream->stream);
}

static bool check_streams(struct check *check, const struct mfs_node *node)
{
	for (const struct named_stream *at = node->extras->streams; at; at = at->next) {
		if (at->stream.node != node)
			return check_fault(check, "a stream is listed by another node than its own");
		if (check_tally(check, at)->listed)
			return check_fault(check, "a stream is listed twice");
		check_tally(check, at)->listed = true;
		for (const struct named_stream *other = node->extras->streams; other != at;
		     other = other->next)
			if (name_equal(at->name, at->name_size, other->name, other->name_size,
				       check->volume->case_insensitive))
				return check_fault(check, "two streams of a node have one name");
		if (!check_named(check, at))
			return false;
	}
	return true;
}

/* ---- metadata ----------------------------------------------------------------------------------- */

static bool check_xattrs(struct check *check, const struct extras *extras)
{
	size_t names = 0;

	for (const struct xattr *at = extras->xattrs; at; at = at->next) {
		check_charged(check, at, sizeof(*at) + at->name_size + at->size);
		if (at->name_size == 0 || at->name_size > 255 || at->size > MFS_XATTR_MAX)
			return check_fault(check, "an xattr is larger than may be");
		for (const struct xattr *other = extras->xattrs; other != at; other = other->next)
			if (other->name_size == at->name_size &&
			    memcmp(other->bytes, at->bytes, at->name_size) == 0)
				return check_fault(check, "two xattrs of a node have one name");
		names += at->name_size + 1;
	}
	return names <= MFS_XATTR_MAX || check_fault(check, "the names of xattrs are too many");
}

static bool check_eas(struct check *check, const struct blob *eas)
{
	struct wire_ea ea;
	size_t at = 0;

	check_charged(check, eas, sizeof(*eas) + eas->size);
	if (eas->size == 0 || eas->size > MFS_EA_LIST_MAX || wire_ea_check(eas->bytes, eas->size) != MFS_OK)
		return check_fault(check, "a list of EAs contradicts itself");
	while (wire_ea_next(eas->bytes, eas->size, &at, &ea))
		for (unsigned i = 0; i < ea.name_size; i++)
			if (ea.name[i] >= 'a' && ea.name[i] <= 'z')
				return check_fault(check, "the name of an EA is not in upper case");
	return true;
}

static bool check_reparse(struct check *check, const struct mfs_node *node)
{
	const struct blob *reparse = node->extras ? node->extras->reparse : NULL;
	uint32_t tag = 0;

	if (reparse) {
		check_charged(check, reparse, sizeof(*reparse) + reparse->size);
		if (wire_reparse_check(reparse->bytes, reparse->size) != MFS_OK)
			return check_fault(check, "reparse data contradicts itself");
		tag = wire_reparse_tag(reparse->bytes);
		if (tag == WIRE_TAG_MOUNT_POINT && node->kind != MFS_DIRECTORY)
			return check_fault(check, "a mount point is no directory");
		if (node == check->volume->root)
			return check_fault(check, "the root is a reparse point");
	}
	return node->reparse_tag == tag || check_fault(check, "a node's tag is not that of its reparse data");
}

static bool check_extras(struct check *check, const struct mfs_node *node)
{
	const struct extras *extras = node->extras;

	if (!check_reparse(check, node))
		return false;
	if (!extras)
		return true;
	check_charged(check, extras, sizeof(*extras));
	if (!extras->eas && !extras->reparse && !extras->xattrs && !extras->streams)
		return check_fault(check, "a node keeps extras that hold nothing");
	return (!extras->eas || check_eas(check, extras->eas)) && check_xattrs(check, extras) &&
	       check_streams(check, node);
}

static bool check_security(struct check *check, void *context, struct index_link *link)
{
	const struct security *security = (const struct security *)link;

	(void)context;
	check_charged(check, security, sizeof(*security) + security->size);
	if (wire_security_check(security->bytes, security->size) != MFS_OK)
		return check_fault(check, "a descriptor contradicts itself");
	if (link->hash !=
	    name_hash((const char *)security->bytes, security->size, false, check->volume->seed))
		return check_fault(check, "a descriptor cannot be found");
	for (const struct index_link *other = link->next; other; other = other->next) {
		const struct security *same = (const struct security *)other;

		if (same->size == security->size && memcmp(same->bytes, security->bytes, same->size) == 0)
			return check_fault(check, "a descriptor is there twice");
	}
	if (security->references != check_tally(check, security)->names)
		return check_fault(check, "a descriptor counts %llu users and has %llu",
				   (unsigned long long)security->references,
				   (unsigned long long)check_tally(check, security)->names);
	check_tally(check, security)->listed = true;
	return true;
}

/* ---- directories ------------------------------------------------------------------------------------ */

/* What directory.c puts into its tree. */
struct ordered {
	uint64_t key;
	const struct entry *entry;
};

static int tie_by_name(const void *item, const void *probe)
{
	(void)item;
	(void)probe;
	return 0; /* only its being there counts: the checker compares by itself */
}

static const struct tree_kind by_position = {.item_size = 16, .tie = NULL};
static const struct tree_kind by_name = {.item_size = 16, .tie = tie_by_name};

struct directory_walk {
	const struct mfs_node *node;
	uint32_t subdirectories;
};

static bool in_index(const struct directory *directory, const struct entry *entry)
{
	const struct index_link *link = index_chain(&directory->names, entry->link.hash);

	while (link && link != &entry->link)
		link = link->next;
	return link != NULL;
}

static bool check_order(struct check *check, const struct ordered *before, const struct ordered *ordered)
{
	const struct entry *entry = ordered->entry, *last = before ? before->entry : NULL;

	if (check->volume->order == MFS_BY_POSITION)
		return ordered->key == entry->position ||
		       check_fault(check, "an entry is listed at another position than its own");
	if (ordered->key != name_prefix(entry->name, entry->link.own))
		return check_fault(check, "an entry is listed under another name than its own");
	return !last || name_compare(last->name, last->link.own, entry->name, entry->link.own) < 0 ||
	       check_fault(check, "entries are not in the order of their names");
}

static bool check_child(struct check *check, struct directory_walk *walk, const struct entry *entry)
{
	const struct mfs_node *child = entry->node;
	struct check_tally *tally;

	if (!child)
		return check_fault(check, "an entry has no node");
	tally = check_tally(check, child);
	tally->names++;
	if (!tally->listed)
		return check_fault(check, "an entry's node is not among the nodes");
	if (child->kind != MFS_DIRECTORY)
		return true;
	walk->subdirectories++;
	return child->directory->parent == walk->node ||
	       check_fault(check, "directory %llu is in another than its parent",
			   (unsigned long long)child->number);
}

static bool check_entry(struct check *check, void *context, const void *before, const void *item)
{
	struct directory_walk *walk = context;
	const struct directory *directory = walk->node->directory;
	const struct ordered *ordered = item;
	const struct entry *entry = ordered->entry;
	size_t size = entry->link.own;

	check_raw(check, entry, offsetof(struct entry, name) + size);
	check->charged += entry_charge(size);
	if (size > MFS_NAME_BYTES_MAX ||
	    name_check(entry->name, size, check->volume->unicode_names) != MFS_OK)
		return check_fault(check, "an entry's name is none");
	if (entry->link.hash != directory_hash(check->volume, entry->name, size))
		return check_fault(check, "an entry's hash is not its name's");
	if (!in_index(directory, entry))
		return check_fault(check, "an entry is listed and cannot be found");
	if (directory_find(check->volume, directory, entry->name, size, entry->link.hash) != entry)
		return check_fault(check, "a directory has a name twice");
	if (entry->position == 0 || entry->position >= directory->next_position)
		return check_fault(check, "an entry's position was never given out");
	return check_order(check, before, ordered) && check_child(check, walk, entry);
}

static bool any_link(struct check *check, void *context, struct index_link *link)
{
	(void)check;
	(void)context;
	(void)link;
	return true;
}

static bool check_directory(struct check *check, const struct mfs_node *node)
{
	struct directory_walk walk = {.node = node};
	const struct directory *directory = node->directory;
	bool named = check->volume->order == MFS_BY_NAME;
	uint64_t count;

	if (!directory)
		return check_fault(check, "a directory has no entries' place");
	check_charged(check, directory, sizeof(*directory));
	if (node->main.size != 0 || node->main.sectors.runs != 0)
		return check_fault(check, "a directory has data");
	if (!check_index(check, &directory->names, any_link, NULL) ||
	    !check_tree(check, &directory->order, named ? &by_name : &by_position, check_entry, &walk,
			&count))
		return false;
	if (count != directory->names.count || count != directory->entries)
		return check_fault(check, "a directory lists %u, finds %u and counts %u entries",
				   (unsigned)count, (unsigned)directory->names.count,
				   (unsigned)directory->entries);
	if (walk.subdirectories != directory->subdirectories)
		return check_fault(check, "a directory counts %u subdirectories and has %u",
				   (unsigned)directory->subdirectories, (unsigned)walk.subdirectories);
	if (!directory->parent && count > 0)
		return check_fault(check, "a deleted directory has entries");
	return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static bool check_fields(struct check *check, const struct mfs_node *node)
{
	if (node->main.node != node)
		return check_fault(check, "a node's stream is another's");
	if (node->kind > MFS_BLOCK_DEVICE || node->kind == MFS_SYMLINK)
		return check_fault(check, "a node is of no kind");
	if (node->attributes & ~MFS_A_SETTABLE || node->mode & ~07777u || node->flags & ~NODE_FLAGS)
		return check_fault(check, "a node has attributes, a mode or flags that there are not");
	for (unsigned i = 0; i < TIMES; i++)
		if (node->nanoseconds[i] > 999999999)
			return check_fault(check, "a time has too many nanoseconds");
	return true;
}

static bool check_node(struct check *check, const struct mfs_node *node)
{
	check_charged(check, node, sizeof(*node));
	if (node->security)
		check_tally(check, node->security)->names++;
	return check_fields(check, node) && check_extras(check, node) && check_data(check, &node->main) &&
	       (node->kind != MFS_DIRECTORY || check_directory(check, node));
}

/* Links and references, when all names are counted. */
static bool check_counts(struct check *check, const struct mfs_node *node)
{
	const struct check_tally *tally = check_tally(check, node);
	uint64_t names = tally->names + (node == check->volume->root);
	bool directory = node->kind == MFS_DIRECTORY;

	if (node->links != names)
		return check_fault(check, "node %llu counts %u links and has %llu names",
				   (unsigned long long)node->number, (unsigned)node->links,
				   (unsigned long long)names);
	if (node->nameless && (names > 0 || directory))
		return check_fault(check, "node %llu has a name and is nameless",
				   (unsigned long long)node->number);
	if (directory && (names > 1 || (names == 0) != !node->directory->parent))
		return check_fault(check, "directory %llu has %llu names", (unsigned long long)node->number,
				   (unsigned long long)names);
	if (node != check->volume->root && node->references != tally->names + tally->held)
		return check_fault(check, "node %llu counts %llu references, of which %llu are known",
				   (unsigned long long)node->number, (unsigned long long)node->references,
				   (unsigned long long)(tally->names + tally->held));
	return true;
}

static bool check_stream_counts(struct check *check, const struct named_stream *stream)
{
	const struct check_tally *tally = check_tally(check, stream);

	return stream->references == tally->held + tally->listed ||
	       check_fault(check, "a stream counts %llu references, of which %llu are known",
			   (unsigned long long)stream->references,
			   (unsigned long long)(tally->held + tally->listed));
}

/* What the caller holds; streams that only he still has are seen here first. */
static bool check_held(struct check *check, const struct check_held *held)
{
	for (size_t i = 0; i < held->count; i++) {
		const struct mfs_stream *stream = held->streams[i];
		struct check_tally *tally = check_tally(check, stream->node);

		tally->held++;
		if (!tally->listed)
			return check_fault(check, "a node that is held is not among the nodes");
		if (mfs_stream_is_main(stream))
			continue;
		tally = check_tally(check, stream);
		if (tally->held++ == 0 && !tally->listed &&
		    !check_named(check, (const struct named_stream *)stream))
			return false;
	}
	return true;
}

static bool check_all_counts(struct check *check)
{
	for (size_t i = 0; i < check->node_count; i++)
		if (!check_counts(check, check->nodes[i]))
			return false;
	for (size_t i = 0; i < check->stream_count; i++)
		if (!check_stream_counts(check, check->streams[i]))
			return false;
	for (size_t i = 0; i < check->node_count; i++) {
		const struct mfs_node *node = check->nodes[i];

		if (node->security && !check_tally(check, node->security)->listed)
			return check_fault(check, "a node's descriptor is not among the descriptors");
	}
	return true;
}

/* Every directory with a name hangs below the root: one that did not would hang in a circle. */
static bool check_circles(struct check *check)
{
	for (size_t i = 0; i < check->node_count; i++) {
		const struct mfs_node *node = check->nodes[i], *at = node;
		size_t steps = 0;

		if (node->kind != MFS_DIRECTORY || !node->directory->parent)
			continue;
		while (at && at != check->volume->root && steps++ < check->node_count)
			at = at->directory->parent;
		if (at != check->volume->root)
			return check_fault(check, "directory %llu hangs in no way below the root",
					   (unsigned long long)node->number);
	}
	return true;
}

/* ---- the volume ---------------------------------------------------------------------------------------- */

static bool check_budget(struct check *check)
{
	const struct budget *budget = &check->volume->budget;

	if (budget->nodes != check->node_count)
		return check_fault(check, "%llu nodes are charged and %llu there",
				   (unsigned long long)budget->nodes, (unsigned long long)check->node_count);
	if (budget->used != check->charged)
		return check_fault(check, "%llu bytes are charged and %llu there",
				   (unsigned long long)budget->used, (unsigned long long)check->charged);
	return budget->promised == check->promised ||
	       check_fault(check, "%llu bytes are promised and %llu there",
			   (unsigned long long)budget->promised, (unsigned long long)check->promised);
}

static bool check_all(struct check *check, const struct check_held *held)
{
	const struct mfs_volume *volume = check->volume;

	if (!list_nodes(check))
		return false;
	if (!check_tally(check, volume->root)->listed || volume->root->kind != MFS_DIRECTORY ||
	    volume->root->directory->parent != volume->root)
		return check_fault(check, "the root is none");
	for (size_t i = 0; i < check->node_count; i++)
		if (!check_node(check, check->nodes[i]))
			return false;
	return check_held(check, held) && check_index(check, &volume->securities, check_security, NULL) &&
	       check_all_counts(check) && check_circles(check) && check_budget(check) &&
	       check_pool(check, volume->pool);
}

bool check_volume(struct mfs_volume *volume, const struct check_held *held, char text[CHECK_TEXT])
{
	struct check check = {.volume = volume, .text = text};
	bool good;

	text[0] = 0;
	good = check_all(&check, held);
	if (check.no_memory)
		good = check_fault(&check, "no memory for checking");
	free(check.pieces);
	free(check.tallies);
	free(check.nodes);
	free(check.streams);
	return good;
}
