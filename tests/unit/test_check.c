/*
 * test_check.c: the checker says that a sound volume is sound, and of each damage what it is.
 */
#include "check.h"
#include "node.h"
#include "pages_region.h"
#include "poison.h"
#include "test.h"
#include "tree_page.h"

#define S(text) text, sizeof(text) - 1

/* ---- a volume with a bit of everything ------------------------------------------------------ */

struct scene {
	struct mfs_volume *volume;
	struct mfs_node *root, *directory, *below, *file, *other, *link;
	struct mfs_stream *stream, *removed;
	struct mfs_stream *held[16];
	struct check_held all;
	char text[CHECK_TEXT];
};

static const unsigned char an_ea[] = {0, 0, 0, 0, 0, 1, 2, 0, 'A', 0, '1', '2'};
static const unsigned char a_tag[24] = {0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};
/* Owner S-1-5-18 at 20. */
static const unsigned char a_descriptor[32] = {
	[0] = 1, [3] = 0x80, [4] = 20, [20] = 1, [21] = 1, [27] = 5, [28] = 18};

static void hold(struct scene *scene, struct mfs_stream *stream)
{
	scene->held[scene->all.count++] = stream;
}

static struct mfs_node *make(struct scene *scene, struct mfs_node *directory, const char *name,
			     enum mfs_kind kind)
{
	const struct mfs_new what = {.kind = kind,
				     .mode = 0644,
				     .target = kind == MFS_SYMLINK ? "target" : NULL,
				     .target_size = 6};
	struct mfs_node *node;

	REQUIRE(mfs_create(scene->volume, directory, name, strlen(name), &what, &node) == MFS_OK);
	hold(scene, &node->main);
	return node;
}

/* Names enough for two levels of order and a few buckets. */
static void fill(struct scene *scene)
{
	const struct mfs_new plain = {.kind = MFS_FILE};
	char name[16];

	for (unsigned i = 0; i < 200; i++) {
		size_t size = (size_t)snprintf(name, sizeof(name), "filler%u", i);

		REQUIRE(mfs_create(scene->volume, scene->root, name, size, &plain, NULL) == MFS_OK);
	}
}

static void write_runs(struct scene *scene)
{
	static const unsigned char bytes[600] = {1};
	size_t done;

	for (uint64_t i = 0; i < 40; i++)
		REQUIRE(mfs_write(scene->volume, &scene->file->main, i * 8192, bytes, 600, 0, &done) ==
			MFS_OK);
	REQUIRE(mfs_fallocate(scene->volume, &scene->file->main, 40 * 8192, 5000, 0) == MFS_OK);
	REQUIRE(mfs_write(scene->volume, &scene->other->main, 0, "little", 6, 0, &done) == MFS_OK);
}

static void scene_begin(struct scene *scene, bool by_name)
{
	const struct mfs_options options = {.order = by_name ? MFS_BY_NAME : MFS_BY_POSITION,
					    .case_insensitive = by_name};

	*scene = (struct scene){.all.streams = scene->held};
	REQUIRE(mfs_volume_create(&options, &scene->volume) == MFS_OK);
	scene->root = mfs_volume_root(scene->volume);
	hold(scene, &scene->root->main);
	scene->directory = make(scene, scene->root, "directory", MFS_DIRECTORY);
	scene->below = make(scene, scene->directory, "below", MFS_DIRECTORY);
	scene->file = make(scene, scene->root, "file", MFS_FILE);
	scene->other = make(scene, scene->below, "other", MFS_FILE);
	scene->link = make(scene, scene->root, "link", MFS_SYMLINK);
	fill(scene);
	write_runs(scene);
	REQUIRE(mfs_link(scene->volume, scene->file, scene->below, S("file")) == MFS_OK);
	REQUIRE(mfs_stream_create(scene->volume, scene->file, S("stream"), &scene->stream) == MFS_OK);
	hold(scene, scene->stream);
	REQUIRE(mfs_stream_create(scene->volume, scene->file, S("removed"), &scene->removed) == MFS_OK);
	REQUIRE(mfs_stream_remove(scene->volume, scene->file, S("removed"), NULL) == MFS_OK);
	hold(scene, scene->removed);
	REQUIRE(mfs_stream_create(scene->volume, scene->file, S("second"), &scene->stream) == MFS_OK);
	mfs_stream_drop(scene->volume, scene->stream);
	REQUIRE(mfs_xattr_set(scene->volume, scene->file, S("x"), "value", 5, 0) == MFS_OK);
	REQUIRE(mfs_xattr_set(scene->volume, scene->file, S("y"), "value", 5, 0) == MFS_OK);
	REQUIRE(mfs_ea_set(scene->volume, scene->file, an_ea, sizeof(an_ea), false) == MFS_OK);
	REQUIRE(mfs_security_set(scene->volume, scene->file, a_descriptor, sizeof(a_descriptor)) == MFS_OK);
	REQUIRE(mfs_reparse_set(scene->volume, scene->other, a_tag, sizeof(a_tag), 0) == MFS_OK);
}

static bool sound(struct scene *scene)
{
	bool good = check_volume(scene->volume, &scene->all, scene->text);

	if (!good)
		printf("# %s\n", scene->text);
	return good;
}

static bool says(struct scene *scene, const char *said)
{
	bool good = check_volume(scene->volume, &scene->all, scene->text);

	if (good || !strstr(scene->text, said))
		printf("# instead of \"%s\": \"%s\"\n", said, scene->text);
	return !good && strstr(scene->text, said);
}

static void soundness(void)
{
	for (unsigned by_name = 0; by_name < 2; by_name++) {
		struct scene scene;

		scene_begin(&scene, by_name);
		EXPECT(sound(&scene));
		mfs_volume_destroy(scene.volume);
	}
}

/* ---- damages -------------------------------------------------------------------------------- */

/* Each one is undone by being done again with the other sign. */
typedef void damage_fn(struct scene *scene, int by);

static struct entry *entry_of(struct scene *scene, struct mfs_node *directory, const char *name)
{
	struct entry *entry = directory_find(scene->volume, directory->directory, name, strlen(name),
					     directory_hash(scene->volume, name, strlen(name)));

	REQUIRE(entry);
	return entry;
}

static struct tree_page *first_leaf(const struct tree *tree)
{
	struct tree_page *page = tree->root;

	for (uint32_t level = tree->height; level > 1; level--)
		page = inner_at(page, 0)->child;
	return page;
}

static struct named_stream *first_stream(struct scene *scene)
{
	return scene->file->extras->streams;
}

static struct run *a_run(struct scene *scene, unsigned which)
{
	return (struct run *)(void *)first_leaf(&scene->file->main.sectors.many)->words + which;
}

static void used(struct scene *scene, int by)
{
	scene->volume->budget.used += (uint64_t)(int64_t)by;
}

static void nodes(struct scene *scene, int by)
{
	scene->volume->budget.nodes += (uint64_t)(int64_t)by;
}

static void promised(struct scene *scene, int by)
{
	scene->volume->budget.promised += (uint64_t)(int64_t)by;
}

static void links(struct scene *scene, int by)
{
	scene->file->links += (uint32_t)by;
}

static void references(struct scene *scene, int by)
{
	scene->file->references += (uint64_t)(int64_t)by;
}

static void stream_references(struct scene *scene, int by)
{
	first_stream(scene)->references += (uint64_t)(int64_t)by;
}

static void removed_references(struct scene *scene, int by)
{
	((struct named_stream *)scene->removed)->references += (uint64_t)(int64_t)by;
}

static void security_references(struct scene *scene, int by)
{
	scene->file->security->references += (uint64_t)(int64_t)by;
}

static void security_hash(struct scene *scene, int by)
{
	scene->file->security->bytes[28] ^= (unsigned char)(by & 1);
}

static void subdirectories(struct scene *scene, int by)
{
	scene->directory->directory->subdirectories += (uint32_t)by;
}

static void entries(struct scene *scene, int by)
{
	scene->below->directory->entries += (uint32_t)by;
}

static void parent(struct scene *scene, int by)
{
	scene->below->directory->parent = by > 0 ? scene->root : scene->directory;
}

/* A directory below itself: its name is its child's, and nothing leads there. */
static void circle(struct scene *scene, int by)
{
	struct entry *entry = entry_of(scene, scene->root, "directory");
	struct entry *inner = entry_of(scene, scene->directory, "below");

	entry->node = by > 0 ? scene->below : scene->directory;
	inner->node = by > 0 ? scene->directory : scene->below;
	scene->below->directory->parent = by > 0 ? scene->root : scene->directory;
	scene->directory->directory->parent = by > 0 ? scene->directory : scene->root;
}

static void number(struct scene *scene, int by)
{
	scene->file->number += (uint64_t)(int64_t)by;
}

static void number_unknown(struct scene *scene, int by)
{
	scene->file->number += (uint64_t)(int64_t)by << 40;
	scene->file->by_number.hash = (uint32_t)(scene->file->number / NUMBER_SHARDS);
}

/* What a name's bytes say changes its hash: found by what it had. */
static void entry_name(struct scene *scene, int by)
{
	static struct entry *entry;

	if (by > 0)
		entry = entry_of(scene, scene->below, "other");
	entry->name[0] ^= '/' ^ 'o';
}

static void entry_hash(struct scene *scene, int by)
{
	static struct entry *entry;

	if (by > 0)
		entry = entry_of(scene, scene->below, "other");
	entry->link.hash ^= UINT32_C(1) << 31;
}

static void next_position(struct scene *scene, int by)
{
	scene->below->directory->next_position -= (uint64_t)(int64_t)by;
}

static void order(struct scene *scene, int by)
{
	uint64_t *words = first_leaf(&scene->root->directory->order)->words, first[2];

	(void)by;
	memcpy(first, words, 16);
	memcpy(words, words + 2, 16);
	memcpy(words + 2, first, 16);
}

static void order_page_count(struct scene *scene, int by)
{
	scene->below->directory->order.pages += (uint32_t)by;
}

static void separator(struct scene *scene, int by)
{
	struct inner *inner = inner_at(scene->root->directory->order.root, 1);

	REQUIRE(scene->root->directory->order.height == 2);
	inner->key += (uint64_t)(int64_t)by;
}

static void index_count(struct scene *scene, int by)
{
	scene->volume->shards[1].nodes.count += (uint32_t)by;
}

static void index_bucket(struct scene *scene, int by)
{
	struct index *names = &scene->root->directory->names;
	static unsigned which;
	struct index_link *first;

	for (which = by > 0 ? 0 : which; by > 0 && !names->first[which];)
		which++;
	first = names->first[which];
	names->first[which] = names->first[which + 1];
	names->first[which + 1] = first;
}

static void tag(struct scene *scene, int by)
{
	scene->other->reparse_tag += (uint32_t)by;
}

static void reparse(struct scene *scene, int by)
{
	scene->other->extras->reparse->bytes[4] += (unsigned char)by;
}

static void ea(struct scene *scene, int by)
{
	scene->file->extras->eas->bytes[6] += (unsigned char)by;
}

static void ea_case(struct scene *scene, int by)
{
	(void)by;
	scene->file->extras->eas->bytes[8] ^= 'a' ^ 'A';
}

static void xattr_twice(struct scene *scene, int by)
{
	scene->file->extras->xattrs->bytes[0] += (char)by; /* "x" becomes "y" */
}

static void extras_empty(struct scene *scene, int by)
{
	static struct extras kept;

	if (by > 0) {
		kept = *scene->other->extras;
		*scene->other->extras = (struct extras){0};
		scene->other->reparse_tag = 0;
	} else {
		*scene->other->extras = kept;
		scene->other->reparse_tag = 0x1234;
	}
}

static void attributes(struct scene *scene, int by)
{
	(void)by;
	scene->file->attributes ^= MFS_A_DIRECTORY;
}

static void nanoseconds(struct scene *scene, int by)
{
	scene->file->nanoseconds[WRITE] += (uint32_t)by * 1000000000u;
}

static void stream_name(struct scene *scene, int by)
{
	(void)by;
	first_stream(scene)->name[0] ^= 's' ^ '/';
}

static void stream_owner(struct scene *scene, int by)
{
	first_stream(scene)->stream.node = by > 0 ? scene->other : scene->file;
}

static void stored(struct scene *scene, int by)
{
	scene->file->main.sectors.stored += (uint64_t)(int64_t)by;
}

static void runs_overlap(struct scene *scene, int by)
{
	a_run(scene, 1)->start -= (uint64_t)(int64_t)by * 15;
}

static void runs_order(struct scene *scene, int by)
{
	a_run(scene, 1)->start += (uint64_t)(int64_t)by * 24;
}

static void runs_count(struct scene *scene, int by)
{
	scene->file->main.sectors.runs += (uint32_t)by;
}

static void run_room(struct scene *scene, int by)
{
	a_run(scene, 3)->count += (uint32_t)by * 9;
}

static void run_crosses(struct scene *scene, int by)
{
	a_run(scene, 3)->start += (uint64_t)(int64_t)by * 7;
	a_run(scene, 3)->count += (uint32_t)by;
	a_run(scene, 3)->room += (uint32_t)by;
}

static void bytes_behind(struct scene *scene, int by)
{
	scene->other->main.sectors.one.memory[100] += (unsigned char)by;
}

static void lost_object(struct scene *scene, int by)
{
	static void *lost;

	if (by > 0)
		lost = pool_take_raw(scene->volume->pool, 40);
	else
		pool_give_raw(scene->volume->pool, lost, 40);
}

static void lost_pages(struct scene *scene, int by)
{
	static void *lost;
	size_t got;

	if (by > 0)
		lost = pages_take(pool_pages(scene->volume->pool), 3, 3, 1, &got);
	else
		pages_give(pool_pages(scene->volume->pool), lost, 3);
}

static void page_books(struct scene *scene, int by)
{
	pool_pages(scene->volume->pool)->spare += (uint64_t)(int64_t)by;
}

static const struct {
	damage_fn *damage;
	const char *said; /* part of what the checker must say */
	bool by_position; /* only there */
} damages[] = {
	{used, "bytes are charged", false},
	{nodes, "nodes are charged", false},
	{promised, "bytes are promised", false},
	{links, "links", false},
	{references, "references", false},
	{stream_references, "a stream counts", false},
	{removed_references, "a stream counts", false},
	{security_references, "a descriptor counts", false},
	{security_hash, "a descriptor cannot be found", false},
	{subdirectories, "subdirectories", false},
	{entries, "counts", false},
	{parent, "in another than its parent", false},
	{circle, "below the root", false},
	{number, "cannot be found", false},
	{number_unknown, "not given out", false},
	{entry_name, "name is none", false},
	{entry_hash, "hash", false},
	{next_position, "never given out", false},
	{order, "go back", true},
	{order_page_count, "pages", false},
	{separator, "separator", false},
	{index_count, "index", false},
	{index_bucket, "bucket", false},
	{tag, "tag", false},
	{reparse, "reparse data", false},
	{ea, "EAs", false},
	{ea_case, "upper case", false},
	{xattr_twice, "two xattrs", false},
	{attributes, "attributes", false},
	{nanoseconds, "nanoseconds", false},
	{stream_name, "stream's name", false},
	{stream_owner, "another node", false},
	{stored, "sectors", false},
	{runs_overlap, "overlap", false},
	{runs_order, "go back", false},
	{runs_count, "runs", false},
	{run_room, "memory for", false},
	{run_crosses, "crosses", false},
	{bytes_behind, "behind the end", false},
	{extras_empty, "hold nothing", false},
	{lost_object, "belong to something", false},
	{lost_pages, "belong to something", false},
	{page_books, "spare", false},
};

static void damage(void)
{
	for (unsigned by_name = 0; by_name < 2; by_name++) {
		struct scene scene;

		scene_begin(&scene, by_name);
		REQUIRE(sound(&scene));
		for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
			if (by_name && damages[i].by_position)
				continue;
			damages[i].damage(&scene, 1);
			EXPECT(says(&scene, damages[i].said));
			damages[i].damage(&scene, -1);
			REQUIRE(sound(&scene));
		}
		mfs_volume_destroy(scene.volume);
	}
}

/* The name of a stream is another's memory. */
static void two_owners(void)
{
	struct named_stream *stream;
	struct scene scene;

	scene_begin(&scene, false);
	stream = first_stream(&scene);
	stream->name = stream->next->name;
	stream->name_size = stream->next->name_size;
	EXPECT(says(&scene, "one name"));
	stream->next->name_size--;
	EXPECT(says(&scene, "belongs to two"));
	mfs_volume_destroy(scene.volume);
}

/* A reference that the caller does not tell of, and one that he does not have. */
static void held(void)
{
	struct scene scene;

	scene_begin(&scene, false);
	scene.all.count--;
	EXPECT(!check_volume(scene.volume, &scene.all, scene.text));
	scene.all.count += 2;
	scene.held[scene.all.count - 1] = &scene.other->main;
	EXPECT(says(&scene, "references"));
	mfs_volume_destroy(scene.volume);
}

/* A node whose last reference is gone is in the index a moment longer: nobody may take it from there. */
static void dying_node(void)
{
	struct mfs_node *found;
	uint64_t references;
	struct scene scene;

	scene_begin(&scene, false);
	references = scene.other->references;
	scene.other->references = 0;
	EXPECT(!mfs_node_by_number(scene.volume, scene.other->number));
	EXPECT_EQ(scene.other->references, 0);
	scene.other->references = references;
	found = mfs_node_by_number(scene.volume, scene.other->number);
	EXPECT(found == scene.other && scene.other->references == references + 1);
	mfs_node_drop(scene.volume, found);
	EXPECT(sound(&scene));
	mfs_volume_destroy(scene.volume);
}

#ifndef MEMEFS_POISON /* which sees it by itself */
static void free_in_use(void)
{
	struct scene scene;
	struct run *run;

	scene_begin(&scene, false);
	run = &scene.other->main.sectors.one;
	pool_give_raw(scene.volume->pool, run->memory, (size_t)run->room * MFS_SECTOR);
	memset(run->memory + sizeof(void *), 0, MFS_SECTOR - sizeof(void *));
	EXPECT(!check_volume(scene.volume, &scene.all, scene.text));
	mfs_volume_destroy(scene.volume);
}
#endif

int main(void)
{
	RUN(soundness);
	RUN(damage);
	RUN(two_owners);
	RUN(held);
	RUN(dying_node);
#ifndef MEMEFS_POISON
	RUN(free_in_use);
#endif
	return tests_end();
}
