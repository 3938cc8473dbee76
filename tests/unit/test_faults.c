/*
 * test_faults.c: every allocation fails, once and from then on. A call that fails for want of memory or space
 * leaves the volume as it was, loses nothing, and succeeds when it is called again; after each the checker
 * finds every structure sound and every charge accounted for.
 *
 * The system's pages, the heap and who asks the C library for memory are compiled in here under other
 * names; what the engine calls stands in front of them and can be told to fail.
 */
#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif
#include "os.h"
#include "pages.h"
#include "pool.h"

#define os_pages_reserve real_pages_reserve
#define os_pages_commit real_pages_commit
#define os_pages_lock real_pages_lock
void *real_pages_reserve(size_t size, size_t align);
bool real_pages_commit(void *at, size_t size);
bool real_pages_lock(void *at, size_t size);
#ifdef _WIN32
#	include "../../src/os/win32.c"
#else
#	include "../../src/os/posix.c"
#endif
#undef os_pages_reserve
#undef os_pages_commit
#undef os_pages_lock

/* The two share a few names, and one with the system's headers. */
#undef near
#undef far
#define LONG KIND_LONG
#define HUGE KIND_HUGE
#define CLASSES PAGE_CLASSES
#define class_of pages_class_of
#define pages_take real_pages_take
void *real_pages_take(struct pages *pages, size_t want, size_t least, size_t align, size_t *got);
static void *failing_calloc(size_t count, size_t size);
static void *failing_realloc(void *old, size_t size);
#define calloc failing_calloc
#define realloc failing_realloc
#include "../../src/core/pages.c"
#undef LONG
#undef HUGE
#undef CLASSES
#undef class_of
#undef pages_take

#define pool_take_raw real_pool_take_raw
#define pool_take real_pool_take
#define pool_take_forced real_pool_take_forced
#define pool_take_zeroed real_pool_take_zeroed
void *real_pool_take_raw(struct pool *pool, size_t size);
void *real_pool_take(struct pool *pool, size_t size);
void *real_pool_take_forced(struct pool *pool, size_t size);
void *real_pool_take_zeroed(struct pool *pool, size_t size);
#include "../../src/core/pool.c"
#undef pool_take_raw
#undef pool_take
#undef pool_take_forced
#undef pool_take_zeroed

#include "../../src/core/volume.c"
#undef calloc
#undef realloc

#include "check.h"
#include "index.h"
#include "memefs.h"
#include "node.h"
#include "test.h"
#include "tree.h"

/* What watches every access makes it slow: then only some of the many late faults are tried. */
#if defined(__SANITIZE_THREAD__)
#	define STRIDE 7
#	define DENSE 2
#elif defined(__has_feature)
#	if __has_feature(thread_sanitizer)
#		define STRIDE 7
#		define DENSE 2
#	endif
#endif
#ifndef STRIDE
#	define STRIDE 1
#	define DENSE 8 /* this many of the first faults are all tried */
#endif

/* ---- what fails ------------------------------------------------------------------------- */

struct source {
	const char *name;
	bool armed;
	bool and_on;   /* all after the one as well */
	unsigned at;   /* which call fails, from 1 */
	unsigned seen; /* calls so far */
	bool hit;
};

/* The engine's own heap, the pages of the system, the C library's memory. */
static struct source heap = {.name = "heap"}, pages_of_system = {.name = "page"},
		     library = {.name = "library"};
static unsigned long faults_injected;
static bool no_more_regions;

static bool fails(struct source *source)
{
	if (!source->armed)
		return false;
	++source->seen;
	if (source->seen != source->at && !(source->and_on && source->seen > source->at))
		return false;
	faults_injected += !source->hit;
	source->hit = true;
	return true;
}

void *os_pages_reserve(size_t size, size_t align)
{
	return no_more_regions || fails(&pages_of_system) ? NULL : real_pages_reserve(size, align);
}

bool os_pages_commit(void *at, size_t size)
{
	return !fails(&pages_of_system) && real_pages_commit(at, size);
}

/* Not really: who runs the tests may lock little. */
bool os_pages_lock(void *at, size_t size)
{
	(void)at;
	(void)size;
	return !fails(&pages_of_system);
}

static void *failing_calloc(size_t count, size_t size)
{
	return fails(&library) ? NULL : calloc(count, size);
}

static void *failing_realloc(void *old, size_t size)
{
	return fails(&library) ? NULL : realloc(old, size);
}

void *pages_take(struct pages *pages, size_t want, size_t least, size_t align, size_t *got)
{
	return fails(&heap) ? NULL : real_pages_take(pages, want, least, align, got);
}

void *pool_take_raw(struct pool *pool, size_t size)
{
	return fails(&heap) ? NULL : real_pool_take_raw(pool, size);
}

void *pool_take(struct pool *pool, size_t size)
{
	return fails(&heap) ? NULL : real_pool_take(pool, size);
}

void *pool_take_forced(struct pool *pool, size_t size)
{
	return fails(&heap) ? NULL : real_pool_take_forced(pool, size);
}

void *pool_take_zeroed(struct pool *pool, size_t size)
{
	return fails(&heap) ? NULL : real_pool_take_zeroed(pool, size);
}

static void arm_source(struct source *source, unsigned at, bool and_on)
{
	source->armed = true;
	source->and_on = and_on;
	source->at = at;
	source->seen = 0;
	source->hit = false;
}

static void arm(unsigned at, bool and_on)
{
	arm_source(&heap, at, and_on);
}

/* ---- a volume with a bit of everything ----------------------------------------------------- */

#define S(text) text, sizeof(text) - 1

enum { PAGE = 4096, HOLES = 37, LONG_FILE = 250 * 1024 };

struct scene {
	bool ntfs;
	struct mfs_volume *volume;
	struct mfs_node *root, *directory, *file, *sparse, *large;
	struct mfs_stream *file_main, *sparse_main, *large_main;
	uint64_t start; /* bytes used when it was empty */
};

static const unsigned char an_ea[] = {0, 0, 0, 0, 0, 1, 2, 0, 'A', 0, '1', '2'};
static const unsigned char other_ea[] = {0, 0, 0, 0, 0, 1, 2, 0, 'B', 0, '1', '2'};
static const unsigned char a_tag[24] = {0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};
static const unsigned char a_descriptor[32] = {1, 0, 0, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					       0, 0, 0, 0,    0,  1, 1, 0, 0, 0, 0, 0, 5, 18};
static const unsigned char other_descriptor[32] = {1, 0, 0, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						   0, 0, 0, 0,	  0,  1, 1, 0, 0, 0, 0, 0, 5, 19};
static unsigned char data[400 * 1024];

static struct mfs_node *make(struct scene *scene, struct mfs_node *directory, const char *name,
			     enum mfs_kind kind)
{
	const struct mfs_new what = {.kind = kind, .mode = 0644};
	struct mfs_node *node;

	REQUIRE(mfs_create(scene->volume, directory, name, strlen(name), &what, &node) == MFS_OK);
	return node;
}

static uint64_t used(const struct scene *scene)
{
	struct mfs_space space;

	mfs_volume_space(scene->volume, &space);
	return space.used_bytes;
}

/* Leaves bytes in the memory that the volume will use, to be seen where they should not be. */
static void dirty_memory(struct scene *scene)
{
	struct mfs_node *node = make(scene, scene->root, "dirt", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(node);
	size_t done;

	for (unsigned i = 0; i < 4; i++)
		REQUIRE(mfs_write(scene->volume, stream, 0, data, sizeof(data), MFS_WRITE_APPEND, &done) ==
			MFS_OK);
	/* Short runs come from elsewhere. */
	for (uint64_t i = 0; i < 200; i++)
		REQUIRE(mfs_write(scene->volume, stream, (i + 1000) * 4 * PAGE + 1024, data,
				  3072 + i % 3 * PAGE, 0, &done) == MFS_OK);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	REQUIRE(mfs_unlink(scene->volume, scene->root, S("dirt"), MFS_REMOVE_FILE, NULL) == MFS_OK);
}

static void scene_begin(struct scene *scene, bool ntfs)
{
	struct mfs_options options = {.order = ntfs ? MFS_BY_NAME : MFS_BY_POSITION,
				      .case_insensitive = ntfs,
				      .size_is_promise = ntfs,
				      .lock_memory = ntfs};
	struct mfs_stream *stream;
	size_t done;
	char name[16];

	*scene = (struct scene){.ntfs = ntfs};
	REQUIRE(mfs_volume_create(&options, &scene->volume) == MFS_OK);
	scene->root = mfs_volume_root(scene->volume);
	scene->start = used(scene);
	dirty_memory(scene);
	scene->directory = make(scene, scene->root, "directory", MFS_DIRECTORY);
	scene->file = make(scene, scene->root, "file", MFS_FILE);
	scene->sparse = make(scene, scene->directory, "sparse", MFS_FILE);
	scene->large = make(scene, scene->root, "large", MFS_FILE);
	scene->file_main = mfs_main_stream(scene->file);
	scene->sparse_main = mfs_main_stream(scene->sparse);
	scene->large_main = mfs_main_stream(scene->large);
	/* As many names as the tree's leaf and the index's table hold, so that the next makes both grow. */
	for (unsigned i = 0; i < 63 - 3; i++) {
		snprintf(name, sizeof(name), "filler%u", i);
		mfs_node_drop(scene->volume, make(scene, scene->root, name, MFS_FILE));
	}
	REQUIRE(mfs_write(scene->volume, scene->file_main, 0, data, 700, 0, &done) == MFS_OK);
	for (unsigned i = 0; i < HOLES; i++)
		REQUIRE(mfs_write(scene->volume, scene->sparse_main, (uint64_t)i * 2 * PAGE, data + i, 600, 0,
				  &done) == MFS_OK);
	REQUIRE(mfs_write(scene->volume, scene->large_main, 0, data, LONG_FILE, 0, &done) == MFS_OK);
	REQUIRE(mfs_stream_create(scene->volume, scene->file, S("stream"), &stream) == MFS_OK);
	REQUIRE(mfs_write(scene->volume, stream, 0, "of the stream", 13, 0, &done) == MFS_OK);
	mfs_stream_drop(scene->volume, stream);
	REQUIRE(mfs_xattr_set(scene->volume, scene->file, S("x"), "value", 5, 0) == MFS_OK);
	REQUIRE(mfs_ea_set(scene->volume, scene->file, an_ea, sizeof(an_ea), false) == MFS_OK);
	REQUIRE(mfs_security_set(scene->volume, scene->file, a_descriptor, sizeof(a_descriptor)) == MFS_OK);
}

static bool first_name(void *context, const struct mfs_entry *entry)
{
	char *to = context;

	memcpy(to + 1, entry->name, entry->name_size);
	to[0] = (char)(unsigned char)entry->name_size;
	return false;
}

static void delete_all(struct scene *scene, struct mfs_node *directory)
{
	char name[256];

	for (;;) {
		struct mfs_node *node;
		bool at_end;

		if (scene->ntfs)
			mfs_list_after_name(scene->volume, directory, NULL, 0, first_name, name, &at_end);
		else
			mfs_list_after_position(scene->volume, directory, 0, first_name, name, &at_end);
		if (at_end)
			return;
		REQUIRE(mfs_lookup(scene->volume, directory, name + 1, (size_t)(unsigned char)name[0],
				   &node) == MFS_OK);
		if (mfs_node_is_directory(node))
			delete_all(scene, node);
		mfs_node_drop(scene->volume, node);
		REQUIRE(mfs_unlink(scene->volume, directory, name + 1, (size_t)(unsigned char)name[0],
				   MFS_REMOVE_ANY, NULL) == MFS_OK);
	}
}

/* Every structure is sound, and nothing is held but what the scene holds. */
static void expect_sound(struct scene *scene)
{
	/* A node's first member is its main stream; three of the nodes have one of their own. */
	struct mfs_stream *streams[] = {(struct mfs_stream *)(void *)scene->root,
					(struct mfs_stream *)(void *)scene->directory,
					scene->file_main,
					scene->file_main,
					scene->sparse_main,
					scene->sparse_main,
					scene->large_main,
					scene->large_main};
	const struct check_held held = {streams, sizeof(streams) / sizeof(streams[0])};
	char text[CHECK_TEXT];

	if (check_volume(scene->volume, &held, text))
		return;
	printf("# %s\n", text);
	EXPECT(!"sound");
}

/* When all is deleted, everything that was charged is back. */
static void scene_end(struct scene *scene)
{
	struct mfs_space space;

	expect_sound(scene);
	mfs_stream_drop(scene->volume, scene->file_main);
	mfs_stream_drop(scene->volume, scene->sparse_main);
	mfs_stream_drop(scene->volume, scene->large_main);
	mfs_node_drop(scene->volume, scene->file);
	mfs_node_drop(scene->volume, scene->sparse);
	mfs_node_drop(scene->volume, scene->large);
	mfs_node_drop(scene->volume, scene->directory);
	delete_all(scene, scene->root);
	mfs_volume_space(scene->volume, &space);
	EXPECT_EQ(space.used_nodes, 1);
	EXPECT_EQ(space.used_bytes, scene->start);
	mfs_node_drop(scene->volume, scene->root);
	mfs_volume_destroy(scene->volume);
}

/* ---- what there is, as one number ---------------------------------------------------------- */

struct digest {
	struct scene *scene;
	uint64_t value; /* of all names, contents and metadata */
	uint64_t sum;	/* of what is stored */
};

static void mix_in(struct digest *digest, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;

	digest->value = (digest->value ^ size) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < size; i++)
		digest->value = (digest->value ^ from[i]) * UINT64_C(0x100000001b3);
}

static int mix_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	struct digest *digest = context;
	uint64_t hash = digest->value;

	/* As one run of bytes, wherever it is cut. */
	for (size_t i = 0; i < count; i++) {
		const unsigned char *from = pieces[i].data;

		for (size_t at = 0; at < pieces[i].size; at++)
			hash = (hash ^ from[at]) * UINT64_C(0x100000001b3);
	}
	digest->value = hash;
	return (int)bytes;
}

static void mix_stream(struct digest *digest, struct mfs_stream *stream)
{
	struct mfs_info info;
	uint64_t at = 0;

	mfs_stream_info(digest->scene->volume, stream, &info);
	mix_in(digest, &info.size, sizeof(info.size));
	digest->sum += info.stored;
	/* A symlink's size is its target's. */
	while (info.kind != MFS_SYMLINK && at < info.size) {
		int part = mfs_read_pieces(digest->scene->volume, stream, at, 1 << 20, mix_pieces, digest);

		REQUIRE(part > 0);
		at += (uint64_t)part;
	}
}

struct names {
	char name[8][64];
	size_t size[8];
	unsigned count;
};

static bool note_stream(void *context, const struct mfs_stream_entry *entry)
{
	struct names *names = context;

	REQUIRE(names->count < 8 && entry->name_size < 64);
	memcpy(names->name[names->count], entry->name, entry->name_size);
	names->size[names->count++] = entry->name_size;
	return true;
}

static void mix_node(struct digest *digest, struct mfs_node *node)
{
	struct mfs_volume *volume = digest->scene->volume;
	static unsigned char bytes[70000];
	struct names names = {.count = 0};
	struct mfs_stream *stream;
	struct mfs_info info;
	size_t size;

	mfs_node_info(volume, node, &info);
	mix_in(digest, &info.kind, sizeof(info.kind));
	mix_in(digest, &info.links, sizeof(info.links));
	mix_in(digest, &info.attributes, sizeof(info.attributes));
	mix_in(digest, &info.entries, sizeof(info.entries));
	if (!info.directory) {
		stream = mfs_main_stream(node);
		mix_stream(digest, stream);
		mfs_stream_drop(volume, stream);
	}
	mfs_streams_each(volume, node, note_stream, &names);
	for (unsigned i = 0; i < names.count; i++) {
		mix_in(digest, names.name[i], names.size[i]);
		REQUIRE(mfs_stream_open(volume, node, names.name[i], names.size[i], &stream) == MFS_OK);
		mix_stream(digest, stream);
		mfs_stream_drop(volume, stream);
	}
	REQUIRE(mfs_ea_get(volume, node, bytes, sizeof(bytes), &size) == MFS_OK);
	mix_in(digest, bytes, size);
	REQUIRE(mfs_security_get(volume, node, bytes, sizeof(bytes), &size) == MFS_OK);
	mix_in(digest, bytes, size);
	if (mfs_reparse_get(volume, node, bytes, sizeof(bytes), &size) == MFS_OK)
		mix_in(digest, bytes, size);
	REQUIRE(mfs_xattr_list(volume, node, (char *)bytes, sizeof(bytes), &size) == MFS_OK);
	mix_in(digest, bytes, size);
	if (mfs_xattr_get(volume, node, S("x"), bytes, sizeof(bytes), &size) == MFS_OK)
		mix_in(digest, bytes, size);
}

struct below {
	struct digest *digest;
	struct mfs_node *directories[8];
	unsigned count;
};

static bool mix_entry(void *context, const struct mfs_entry *entry)
{
	struct below *below = context;

	mix_in(below->digest, entry->name, entry->name_size);
	mix_node(below->digest, entry->node);
	if (mfs_node_is_directory(entry->node)) {
		REQUIRE(below->count < 8);
		below->directories[below->count++] = mfs_node_hold(entry->node);
	}
	return true;
}

static void mix_directory(struct digest *digest, struct mfs_node *directory)
{
	struct mfs_volume *volume = digest->scene->volume;
	struct below below = {.digest = digest};
	bool at_end;

	if (digest->scene->ntfs)
		mfs_list_after_name(volume, directory, NULL, 0, mix_entry, &below, &at_end);
	else
		mfs_list_after_position(volume, directory, 0, mix_entry, &below, &at_end);
	while (below.count > 0) {
		mix_directory(digest, below.directories[--below.count]);
		mfs_node_drop(volume, below.directories[below.count]);
	}
}

/* Names, contents and metadata; `sum` is what is stored. */
static struct digest digest_of(struct scene *scene)
{
	struct digest digest = {.scene = scene, .value = UINT64_C(0xcbf29ce484222325)};

	mix_node(&digest, scene->root);
	mix_directory(&digest, scene->root);
	mix_node(&digest, scene->file);
	mix_node(&digest, scene->directory);
	return digest;
}

/* ---- the calls -------------------------------------------------------------------------------- */

static enum mfs_status op_create(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_FILE,
				     .security = other_descriptor,
				     .security_size = sizeof(other_descriptor),
				     .eas = an_ea,
				     .eas_size = sizeof(an_ea),
				     .reparse = a_tag,
				     .reparse_size = sizeof(a_tag),
				     .allocation = 5000};

	return mfs_create(s->volume, s->root, S("a name"), &what, NULL);
}

static enum mfs_status op_create_directory(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_DIRECTORY};

	return mfs_create(s->volume, s->directory, S("a directory"), &what, NULL);
}

static enum mfs_status op_create_symlink(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_SYMLINK, .target = "somewhere", .target_size = 9};

	return mfs_create(s->volume, s->root, S("a symlink"), &what, NULL);
}

static enum mfs_status op_nameless(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_FILE};
	struct mfs_node *node;
	enum mfs_status status = mfs_create_nameless(s->volume, &what, &node);

	if (status != MFS_OK)
		return status;
	status = mfs_link(s->volume, node, s->root, S("named"));
	mfs_node_drop(s->volume, node);
	return status;
}

static enum mfs_status op_link(struct scene *s)
{
	return mfs_link(s->volume, s->file, s->directory, S("another name"));
}

static enum mfs_status op_rename(struct scene *s)
{
	return mfs_rename(s->volume, s->root, S("directory"), s->root, S("moved"), 0, NULL);
}

static enum mfs_status op_rename_across(struct scene *s)
{
	return mfs_rename(s->volume, s->directory, S("sparse"), s->root, S("sparse"), 0, NULL);
}

static enum mfs_status op_respell(struct scene *s)
{
	return mfs_rename(s->volume, s->root, S("file"), s->root, S("File"), 0, NULL);
}

static enum mfs_status op_replace(struct scene *s)
{
	return mfs_rename(s->volume, s->directory, S("sparse"), s->root, S("FILLER7"), MFS_RENAME_REPLACE,
			  NULL);
}

static enum mfs_status op_whiteout(struct scene *s)
{
	return mfs_rename(s->volume, s->root, S("file"), s->directory, S("file"), MFS_RENAME_WHITEOUT, NULL);
}

static enum mfs_status op_exchange(struct scene *s)
{
	return mfs_rename(s->volume, s->root, S("file"), s->directory, S("sparse"), MFS_RENAME_EXCHANGE,
			  NULL);
}

static enum mfs_status op_unlink(struct scene *s)
{
	return mfs_unlink(s->volume, s->root, S("filler9"), MFS_REMOVE_FILE, NULL);
}

static enum mfs_status write_all(struct scene *s, struct mfs_stream *stream, uint64_t offset, size_t size)
{
	size_t done = 0;
	enum mfs_status status = mfs_write(s->volume, stream, offset, data, size, MFS_WRITE_ALL, &done);

	EXPECT_EQ(done, status == MFS_OK ? size : 0);
	return status;
}

static enum mfs_status op_write(struct scene *s)
{
	return write_all(s, s->file_main, 300, 9000);
}

static enum mfs_status op_append(struct scene *s)
{
	return write_all(s, s->large_main, LONG_FILE, sizeof(data));
}

/* More pieces than the store notes for taking back. */
static enum mfs_status op_write_over_holes(struct scene *s)
{
	return write_all(s, s->sparse_main, 100, HOLES * 2 * PAGE - 5000);
}

/* Behind a gap that is charged where sizes are promises. */
static enum mfs_status op_write_behind(struct scene *s)
{
	return write_all(s, s->file_main, 100000, 20000);
}

static enum mfs_status op_set_size(struct scene *s)
{
	return mfs_set_size(s->volume, s->file_main, 700000);
}

static enum mfs_status op_cut(struct scene *s)
{
	return mfs_set_size(s->volume, s->sparse_main, 50 * PAGE + 77);
}

static enum mfs_status op_set_allocation(struct scene *s)
{
	return mfs_set_allocation(s->volume, s->file_main, 700000);
}

static enum mfs_status op_allocate(struct scene *s)
{
	return mfs_fallocate(s->volume, s->sparse_main, 0, HOLES * 2 * PAGE, 0);
}

static enum mfs_status op_zero(struct scene *s)
{
	return mfs_fallocate(s->volume, s->large_main, 100, 50 * PAGE, MFS_FALLOCATE_ZERO);
}

static enum mfs_status op_punch(struct scene *s)
{
	return mfs_fallocate(s->volume, s->large_main, 10 * PAGE + 9, 50 * PAGE, MFS_FALLOCATE_PUNCH);
}

static enum mfs_status op_collapse(struct scene *s)
{
	return mfs_fallocate(s->volume, s->large_main, 10 * PAGE, 50 * PAGE, MFS_FALLOCATE_COLLAPSE);
}

static enum mfs_status op_insert(struct scene *s)
{
	return mfs_fallocate(s->volume, s->large_main, 10 * PAGE, 50 * PAGE, MFS_FALLOCATE_INSERT);
}

static enum mfs_status op_overwrite(struct scene *s)
{
	const struct mfs_overwrite how = {.allocation = 100000,
					  .eas = other_ea,
					  .eas_size = sizeof(other_ea),
					  .attributes = MFS_A_HIDDEN};

	return mfs_overwrite(s->volume, s->sparse_main, &how);
}

static enum mfs_status op_stream(struct scene *s)
{
	struct mfs_stream *stream;
	enum mfs_status status = mfs_stream_create(s->volume, s->sparse, S("new"), &stream);

	if (status == MFS_OK)
		mfs_stream_drop(s->volume, stream);
	return status;
}

static enum mfs_status op_stream_rename(struct scene *s)
{
	return mfs_stream_rename(s->volume, s->file, S("stream"), S("a much longer name for it"), true);
}

static enum mfs_status op_xattr(struct scene *s)
{
	return mfs_xattr_set(s->volume, s->sparse, S("x"), data, 3000, 0);
}

static enum mfs_status op_xattr_replace(struct scene *s)
{
	return mfs_xattr_set(s->volume, s->file, S("x"), data, 9000, 0);
}

static enum mfs_status op_eas(struct scene *s)
{
	return mfs_ea_set(s->volume, s->file, other_ea, sizeof(other_ea), false);
}

static enum mfs_status op_security(struct scene *s)
{
	return mfs_security_set(s->volume, s->file, other_descriptor, sizeof(other_descriptor));
}

static enum mfs_status op_reparse(struct scene *s)
{
	return mfs_reparse_set(s->volume, s->sparse, a_tag, sizeof(a_tag), 0);
}

static enum mfs_status op_reparse_replace(struct scene *s)
{
	static const unsigned char link[] = {0x1d, 0, 0, 0xa0, 7, 0, 0, 0, 2, 0, 0, 0, 'l', 't', 'o'};
	enum mfs_status status = mfs_reparse_set(s->volume, s->file, link, sizeof(link), 0);

	if (status == MFS_OK)
		status = mfs_reparse_set(s->volume, s->file, a_tag, sizeof(a_tag), MFS_REPARSE_ANY_TAG);
	if (status == MFS_NO_SPACE) /* as it was: the first half has happened */
		mfs_reparse_remove(s->volume, s->file, NULL, 0);
	return status;
}

static enum mfs_status op_eas_replace(struct scene *s)
{
	return mfs_ea_set(s->volume, s->file, other_ea, sizeof(other_ea), true);
}

/* Data and holes, into other holes. */
static enum mfs_status op_copy(struct scene *s)
{
	uint64_t done = 0;
	enum mfs_status status =
		mfs_copy(s->volume, s->sparse_main, 0, s->file_main, 3000, HOLES * 2 * PAGE, &done);

	/* It may be cut short: what is missing is asked for again. */
	while (status == MFS_OK && done < HOLES * 2 * PAGE - PAGE - 3496) {
		uint64_t more = 0;

		status = mfs_copy(s->volume, s->sparse_main, done, s->file_main, 3000 + done,
				  HOLES * 2 * PAGE - done, &more);
		done += more;
	}
	return status;
}

static enum mfs_status op_stream_write(struct scene *s)
{
	struct mfs_stream *stream;
	enum mfs_status status;

	REQUIRE(mfs_stream_open(s->volume, s->file, S("stream"), &stream) == MFS_OK);
	status = write_all(s, stream, 100, 30000);
	mfs_stream_drop(s->volume, stream);
	return status;
}

static enum mfs_status op_replace_directory(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_DIRECTORY};
	enum mfs_status status = mfs_create(s->volume, s->directory, S("victim"), &what, NULL);

	if (status == MFS_OK)
		status = mfs_create(s->volume, s->root, S("mover"), &what, NULL);
	if (status == MFS_OK)
		status = mfs_rename(s->volume, s->root, S("mover"), s->directory, S("Victim"),
				    MFS_RENAME_REPLACE, NULL);
	if (status == MFS_NO_SPACE) {
		mfs_unlink(s->volume, s->directory, S("victim"), MFS_REMOVE_DIRECTORY, NULL);
		mfs_unlink(s->volume, s->root, S("mover"), MFS_REMOVE_DIRECTORY, NULL);
	}
	return status;
}

static enum mfs_status op_device(struct scene *s)
{
	const struct mfs_new what = {.kind = MFS_BLOCK_DEVICE, .device = 7};
	char name[255];

	memset(name, 'n', sizeof(name));
	return mfs_create(s->volume, s->root, name, sizeof(name), &what, NULL);
}

/* LOOSE: when memory itself runs out half-way, what is set aside (never what is there) may differ.
 * CUT_SHORT: what was done until then stays. */
enum { EXACT, LOOSE, CUT_SHORT };

static const struct {
	const char *name;
	enum mfs_status (*run)(struct scene *scene);
	int strict;
	bool makes; /* another node */
} ops[] = {
	{"create", op_create, EXACT, true},
	{"create a directory", op_create_directory, EXACT, true},
	{"create a symlink", op_create_symlink, EXACT, true},
	{"nameless, then linked", op_nameless, EXACT, true},
	{"link", op_link, EXACT, false},
	{"rename", op_rename, EXACT, false},
	{"rename across", op_rename_across, EXACT, false},
	{"rename to another spelling", op_respell, EXACT, false},
	{"rename over a file", op_replace, EXACT, false},
	{"rename with whiteout", op_whiteout, EXACT, true},
	{"exchange", op_exchange, EXACT, false},
	{"unlink", op_unlink, EXACT, false},
	{"write", op_write, EXACT, false},
	{"append", op_append, EXACT, false},
	{"write over holes", op_write_over_holes, LOOSE, false},
	{"write behind", op_write_behind, LOOSE, false},
	{"set size", op_set_size, EXACT, false},
	{"cut", op_cut, EXACT, false},
	{"set allocation", op_set_allocation, EXACT, false},
	{"allocate", op_allocate, LOOSE, false},
	{"zero", op_zero, LOOSE, false},
	{"punch", op_punch, EXACT, false},
	{"collapse", op_collapse, LOOSE, false},
	{"insert", op_insert, EXACT, false},
	{"overwrite", op_overwrite, LOOSE, false},
	{"create a stream", op_stream, EXACT, false},
	{"rename a stream", op_stream_rename, EXACT, false},
	{"set an xattr", op_xattr, EXACT, false},
	{"replace an xattr", op_xattr_replace, EXACT, false},
	{"set EAs", op_eas, EXACT, false},
	{"set security", op_security, EXACT, false},
	{"set a reparse point", op_reparse, EXACT, false},
	{"replace a reparse point", op_reparse_replace, EXACT, false},
	{"replace EAs", op_eas_replace, EXACT, false},
	{"copy", op_copy, CUT_SHORT, false},
	{"write to a stream", op_stream_write, LOOSE, false},
	{"rename over a directory", op_replace_directory, EXACT, true},
	{"create a device with a long name", op_device, EXACT, true},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

/* What an operation leads to when nothing fails. */
static uint64_t outcome(size_t op, bool ntfs)
{
	struct scene scene;
	uint64_t value;

	scene_begin(&scene, ntfs);
	EXPECT_EQ(ops[op].run(&scene), MFS_OK);
	value = digest_of(&scene).value;
	scene_end(&scene);
	return value;
}

/* All pages that the regions have left, so that whoever wants one needs another region. */
struct squeezed {
	struct {
		void *at;
		size_t count;
	} taken[4096];
	size_t count;
};

static void squeeze(struct scene *scene, struct squeezed *squeezed)
{
	struct pages *pages = pool_pages(scene->volume->pool);
	size_t got;
	void *at;

	squeezed->count = 0;
	no_more_regions = true;
	while ((at = real_pages_take(pages, 4096, 1, 1, &got)) != NULL) {
		REQUIRE(squeezed->count < sizeof(squeezed->taken) / sizeof(squeezed->taken[0]));
		squeezed->taken[squeezed->count].at = at;
		squeezed->taken[squeezed->count++].count = got;
	}
	no_more_regions = false;
}

static void let_go(struct scene *scene, struct squeezed *squeezed)
{
	while (squeezed->count > 0) {
		squeezed->count--;
		pages_give(pool_pages(scene->volume->pool), squeezed->taken[squeezed->count].at,
			   squeezed->taken[squeezed->count].count);
	}
}

/* A call that failed for want of memory has left everything as it was. */
static void expect_unchanged(struct scene *scene, int strict, const struct digest *before, uint64_t bytes)
{
	struct digest after = digest_of(scene);

	if (strict == CUT_SHORT)
		return;
	EXPECT(after.value == before->value);
	if (strict == EXACT) {
		EXPECT_EQ(after.sum, before->sum);
		EXPECT_EQ(used(scene), bytes);
	}
}

/* One operation with one fault. True when the fault was met. */
static bool with_fault(struct source *source, size_t op, bool ntfs, unsigned at, bool and_on,
		       const struct digest *before, uint64_t expected)
{
	static struct squeezed squeezed;
	enum mfs_status status;
	struct scene scene;
	uint64_t bytes;

	scene_begin(&scene, ntfs);
	bytes = used(&scene);
	if (source != &heap)
		squeeze(&scene, &squeezed);
	arm_source(source, at, and_on);
	status = ops[op].run(&scene);
	source->armed = false;
	if (source != &heap)
		let_go(&scene, &squeezed);
	EXPECT(status == MFS_OK || (source->hit && status == MFS_NO_SPACE));
	expect_sound(&scene);
	if (status != MFS_OK) {
		expect_unchanged(&scene, ops[op].strict, before, bytes);
		EXPECT_EQ(ops[op].run(&scene), MFS_OK);
	}
	EXPECT(digest_of(&scene).value == expected);
	scene_end(&scene);
	return source->hit;
}

static void every_fault(struct source *source)
{
	for (unsigned ntfs = 0; ntfs < (source != &heap && STRIDE > 1 ? 1 : 2); ntfs++) {
		struct digest begin;
		struct scene scene;

		scene_begin(&scene, ntfs);
		begin = digest_of(&scene);
		scene_end(&scene);
		for (size_t op = 0; op < OPS; op++) {
			uint64_t expected = outcome(op, ntfs);

			for (unsigned at = 1;; at += at < DENSE ? 1 : STRIDE) {
				unsigned before = tests.faults;
				bool hit = with_fault(source, op, ntfs, at, false, &begin, expected);

				hit |= with_fault(source, op, ntfs, at, true, &begin, expected);
				if (tests.faults != before)
					printf("# %s, %s allocation %u, %s\n", ops[op].name, source->name, at,
					       ntfs ? "by name" : "by position");
				if (!hit || tests.faults > 20)
					break;
			}
		}
	}
}

static void every_allocation(void)
{
	every_fault(&heap);
}

static void every_page(void)
{
	every_fault(&pages_of_system);
}

static void every_library_call(void)
{
	every_fault(&library);
}

/* A volume that there is no memory for is not made, and leaves nothing behind. */
static void every_volume(void)
{
	struct source *const sources[] = {&heap, &pages_of_system, &library};
	const struct mfs_options options = {.order = MFS_BY_POSITION,
					    .root_security = a_descriptor,
					    .root_security_size = sizeof(a_descriptor)};

	for (unsigned i = 0; i < 6; i++) {
		struct source *source = sources[i / 2];

		for (unsigned at = 1;; at++) {
			struct mfs_volume *volume = NULL;
			enum mfs_status status;

			arm_source(source, at, i & 1);
			status = mfs_volume_create(&options, &volume);
			source->armed = false;
			EXPECT(status == MFS_OK || (source->hit && status == MFS_NO_SPACE && !volume));
			mfs_volume_destroy(volume);
			if (!source->hit)
				break;
			REQUIRE(at < 1000);
		}
	}
}

/* Every budget below what an operation needs: it fails exactly, whatever it had charged by then. */
static void every_budget(void)
{
	for (unsigned ntfs = 0; ntfs < 2; ntfs++)
		for (size_t op = 0; op < OPS; op++) {
			uint64_t expected = outcome(op, ntfs), bytes, more = 0;
			struct digest before;
			enum mfs_status status;
			struct scene scene;
			unsigned faults = tests.faults;

			scene_begin(&scene, ntfs);
			before = digest_of(&scene);
			bytes = used(&scene);
			for (;; more += more < 4096 ? 16 * STRIDE : more / 8 / 16 * 16) {
				REQUIRE(mfs_volume_resize(scene.volume, bytes + more, 0) == MFS_OK);
				status = ops[op].run(&scene);
				if (status == MFS_OK || tests.faults > faults)
					break;
				EXPECT_EQ(status, MFS_NO_SPACE);
				expect_sound(&scene);
				expect_unchanged(&scene, ops[op].strict == CUT_SHORT ? CUT_SHORT : EXACT,
						 &before, bytes);
				if (ops[op].strict == CUT_SHORT)
					bytes = used(&scene);
				REQUIRE(more < sizeof(data) * 2);
			}
			EXPECT_EQ(status, MFS_OK);
			EXPECT(digest_of(&scene).value == expected);
			if (tests.faults != faults)
				printf("# %s with %" PRIu64 " bytes\n", ops[op].name, more);
			REQUIRE(mfs_volume_resize(scene.volume, 0, 0) == MFS_OK);
			scene_end(&scene);
		}
}

/* At the limit of nodes, what makes one is refused, and what makes none is not. */
static void node_limit(void)
{
	for (unsigned ntfs = 0; ntfs < 2; ntfs++)
		for (size_t op = 0; op < OPS; op++) {
			struct digest before;
			struct mfs_space space;
			enum mfs_status status;
			struct scene scene;
			uint64_t bytes;

			scene_begin(&scene, ntfs);
			before = digest_of(&scene);
			bytes = used(&scene);
			mfs_volume_space(scene.volume, &space);
			REQUIRE(mfs_volume_resize(scene.volume, 0, space.used_nodes) == MFS_OK);
			status = ops[op].run(&scene);
			mfs_volume_space(scene.volume, &space);
			EXPECT(space.used_nodes <= space.total_nodes);
			EXPECT_EQ(status, ops[op].makes ? MFS_NO_NODES : MFS_OK);
			expect_sound(&scene);
			if (ops[op].makes)
				expect_unchanged(&scene, EXACT, &before, bytes);
			scene_end(&scene);
		}
}

static bool count_one(void *context, const struct mfs_entry *entry)
{
	(void)entry;
	++*(unsigned *)context;
	return true;
}

/* What takes away or only looks needs no memory at all. */
static void freeing_needs_nothing(void)
{
	static unsigned char got[4 * PAGE];

	for (unsigned ntfs = 0; ntfs < 2; ntfs++) {
		static struct squeezed squeezed;
		struct mfs_stream *stream;
		struct scene scene;
		unsigned count = 0;
		bool at_end;
		size_t done;

		scene_begin(&scene, ntfs);
		REQUIRE(mfs_stream_open(scene.volume, scene.file, S("stream"), &stream) == MFS_OK);
		REQUIRE(mfs_reparse_set(scene.volume, scene.file, a_tag, sizeof(a_tag), 0) == MFS_OK);
		squeeze(&scene, &squeezed);
		arm_source(&heap, 1, true);
		arm_source(&pages_of_system, 1, true);
		arm_source(&library, 1, true);
		if (ntfs)
			mfs_list_after_name(scene.volume, scene.root, NULL, 0, count_one, &count, &at_end);
		else
			mfs_list_after_position(scene.volume, scene.root, 0, count_one, &count, &at_end);
		EXPECT_EQ(count, 63);
		EXPECT_EQ(mfs_xattr_remove(scene.volume, scene.file, S("x")), MFS_OK);
		EXPECT_EQ(mfs_ea_set(scene.volume, scene.file, NULL, 0, true), MFS_OK);
		EXPECT_EQ(mfs_reparse_remove(scene.volume, scene.file, NULL, 0), MFS_OK);
		EXPECT_EQ(mfs_stream_remove(scene.volume, scene.file, S("stream"), NULL), MFS_OK);
		EXPECT_EQ(mfs_set_size(scene.volume, stream, 3), MFS_OK);
		mfs_stream_drop(scene.volume, stream);
		/* Inside a run that there is no memory to divide: it reads as zero all the same. */
		EXPECT_EQ(mfs_fallocate(scene.volume, scene.large_main, 9 * PAGE, 4 * PAGE,
					MFS_FALLOCATE_PUNCH),
			  MFS_OK);
		EXPECT_EQ(mfs_read(scene.volume, scene.large_main, 9 * PAGE, got, sizeof(got), &done),
			  MFS_OK);
		for (size_t i = 0; i < sizeof(got) && !tests.faults; i++)
			EXPECT_EQ(got[i], 0);
		EXPECT_EQ(mfs_set_size(scene.volume, scene.large_main, 5 * PAGE), MFS_OK);
		EXPECT_EQ(mfs_set_size(scene.volume, scene.sparse_main, 0), MFS_OK);
		mfs_stream_trim(scene.volume, scene.large_main);
		EXPECT_EQ(
			mfs_unlink(scene.volume, scene.directory, S("sparse"), MFS_REMOVE_FILE, scene.sparse),
			MFS_OK);
		EXPECT_EQ(mfs_unlink(scene.volume, scene.root, S("directory"), MFS_REMOVE_DIRECTORY, NULL),
			  MFS_OK);
		EXPECT_EQ(mfs_unlink(scene.volume, scene.root, S("file"), MFS_REMOVE_FILE, NULL), MFS_OK);
		heap.armed = pages_of_system.armed = library.armed = false;
		let_go(&scene, &squeezed);
		scene_end(&scene);
	}
}

/* A directory that a move was to replace, and did not, lives on. A page of the order that is full lets
 * the move fail late; with one name more each time, it comes by. */
static void replaced_directory(void)
{
	const struct mfs_new what = {.kind = MFS_DIRECTORY};
	struct mfs_node *victim, *node;
	unsigned failures = 0;
	struct scene scene;
	char name[16];

	scene_begin(&scene, true);
	REQUIRE(mfs_create(scene.volume, scene.root, S("victim"), &what, &victim) == MFS_OK);
	for (unsigned i = 0; i < 80; i++) {
		enum mfs_status status;

		snprintf(name, sizeof(name), "victil%02u", i);
		mfs_node_drop(scene.volume, make(&scene, scene.root, name, MFS_FILE));
		arm(2, true);
		status = mfs_rename(scene.volume, scene.root, S("directory"), scene.root, S("VICTIM"),
				    MFS_RENAME_REPLACE, NULL);
		heap.armed = false;
		if (status == MFS_OK) {
			EXPECT_EQ(mfs_rename(scene.volume, scene.root, S("victim"), scene.root,
					     S("directory"), 0, NULL),
				  MFS_OK);
			mfs_node_drop(scene.volume, victim);
			REQUIRE(mfs_create(scene.volume, scene.root, S("victim"), &what, &victim) == MFS_OK);
			continue;
		}
		EXPECT_EQ(status, MFS_NO_SPACE);
		failures++;
		REQUIRE(mfs_lookup(scene.volume, scene.root, S("victim"), &node) == MFS_OK);
		EXPECT(node == victim);
		mfs_node_drop(scene.volume, node);
		EXPECT_EQ(mfs_create(scene.volume, victim, S("x"), &what, NULL), MFS_OK);
		EXPECT_EQ(mfs_unlink(scene.volume, victim, S("x"), MFS_REMOVE_ANY, NULL), MFS_OK);
		EXPECT_EQ(mfs_parent(scene.volume, victim, &node), MFS_OK);
		EXPECT(node == scene.root);
		mfs_node_drop(scene.volume, node);
	}
	EXPECT(failures > 0);
	mfs_node_drop(scene.volume, victim);
	scene_end(&scene);
}

/* The one region that is kept though it is free, when the system has no memory for it any more. */
static void idle_region_without_memory(void)
{
	struct pages *pages = pages_create();
	const struct shelf *shelf;
	size_t got;
	void *at;

	REQUIRE(pages);
	shelf = &pages->shelves[KIND_LONG];
	for (unsigned i = 0; i < 2; i++) {
		at = real_pages_take(pages, REGION_PAGES, REGION_PAGES, 1, &got);
		REQUIRE(at && got == REGION_PAGES);
		pages_give(pages, at, got);
		EXPECT(shelf->count == 1 && shelf->idle == shelf->slots[0].region);
		pages_of_system = (struct source){.name = "page", .armed = true, .and_on = true, .at = 1};
		EXPECT(!real_pages_take(pages, REGION_PAGES, REGION_PAGES, 1, &got));
		pages_of_system.armed = false;
		EXPECT(pages_of_system.hit && shelf->count == 0 && !shelf->idle);
	}
	pages_destroy(pages);
}

/* A node without a name whose naming failed half-way can be named later. */
static void nameless_can_be_named_later(void)
{
	const struct mfs_new what = {.kind = MFS_FILE};
	unsigned failures = 0;
	struct scene scene;
	char name[16];

	scene_begin(&scene, true);
	for (unsigned i = 0; i < 80; i++) {
		struct mfs_node *node;
		enum mfs_status status;

		REQUIRE(mfs_create_nameless(scene.volume, &what, &node) == MFS_OK);
		snprintf(name, sizeof(name), "named%02u", i);
		arm(2, true); /* behind the entry: where it is put in */
		status = mfs_link(scene.volume, node, scene.root, name, strlen(name));
		heap.armed = false;
		if (status != MFS_OK) {
			EXPECT_EQ(status, MFS_NO_SPACE);
			EXPECT_EQ(mfs_link(scene.volume, node, scene.root, name, strlen(name)), MFS_OK);
			failures++;
		}
		mfs_node_drop(scene.volume, node);
	}
	EXPECT(failures > 0);
	scene_end(&scene);
}

/* A write that may be cut short tells how far it came, and that is what is there. */
static void short_writes(void)
{
	for (unsigned ntfs = 0; ntfs < 2; ntfs++)
		for (unsigned at = 1; at < 12; at++) {
			static unsigned char got[sizeof(data)];
			struct mfs_info info;
			struct scene scene;
			enum mfs_status status;
			size_t done, read;

			scene_begin(&scene, ntfs);
			arm(at, true);
			status = mfs_write(scene.volume, scene.sparse_main, 50, data, sizeof(data), 0, &done);
			heap.armed = false;
			EXPECT(status == MFS_OK ? done > 0 : status == MFS_NO_SPACE && done == 0);
			mfs_stream_info(scene.volume, scene.sparse_main, &info);
			EXPECT_EQ(mfs_read(scene.volume, scene.sparse_main, 50, got, sizeof(got), &read),
				  MFS_OK);
			EXPECT(read >= done && memcmp(got, data, done) == 0);
			EXPECT_EQ(read + 50, info.size < sizeof(data) + 50 ? info.size : sizeof(data) + 50);
			scene_end(&scene);
		}
}

/* ---- the rooms below ---------------------------------------------------------------------------- */

static const struct tree_kind kind = {.item_size = 24, .tie = NULL};

static void trees(void)
{
	struct budget budget;
	struct pool *pool;
	struct tree tree = {.height = 0};
	struct tree_place place;
	uint64_t item[3] = {0, 1, 2}, *found;

	budget_init(&budget, 0, 0);
	pool = pool_create(&budget);
	REQUIRE(pool);
	for (unsigned i = 0; i < 4000; i++) {
		struct tree before = tree;
		unsigned at = 1;

		item[0] = (uint64_t)i * 2654435761u % 4001;
		for (;; at++) {
			REQUIRE(!tree_seek_last(&tree, &kind, item[0], NULL, &place));
			arm(at, false);
			if (tree_insert(&tree, &kind, pool, &place, item))
				break;
			EXPECT(heap.hit && memcmp(&tree, &before, sizeof(tree)) == 0);
		}
		heap.armed = false;
		EXPECT(!heap.hit);
	}
	tree_seek(&tree, &kind, 0, NULL, &place);
	found = tree_item(&tree, &kind, &place);
	for (uint64_t last = 0, i = 0; i < 4000; i++, found = tree_next(&tree, &kind, &place)) {
		REQUIRE(found && (i == 0 || *found > last));
		last = *found;
	}
	EXPECT(!found);
	tree_clear(&tree, pool);
	pool_destroy(pool);
}

/* An index that cannot grow gets slower, not wrong; one that cannot shrink stays as it is. */
static void indexes(void)
{
	enum { LINKS = 5000 };
	static struct index_link links[LINKS];
	struct budget budget;
	struct pool *pool;

	budget_init(&budget, 0, 0);
	pool = pool_create(&budget);
	REQUIRE(pool);
	for (unsigned at = 0; at < 40; at += at < 16 ? 1 : 5) {
		struct index index = {.count = 0};

		arm(1, false);
		EXPECT(!index_insert(&index, pool, &links[0]));
		EXPECT(index.count == 0 && index.buckets == 0);
		heap.armed = false;
		for (unsigned i = 0; i < LINKS; i++) {
			links[i] = (struct index_link){.hash = i * 2654435761u};
			if (i == 1)
				arm(at + 1, true);
			if (i == LINKS / 2)
				heap.armed = false;
			EXPECT(index_insert(&index, pool, &links[i]));
		}
		arm(at + 1, true);
		for (unsigned i = 0; i < LINKS; i++) {
			struct index_link *link = index_chain(&index, links[i].hash);

			while (link && link != &links[i])
				link = link->next;
			REQUIRE(link);
			index_remove(&index, pool, link);
			for (link = index_chain(&index, links[i].hash); link; link = link->next)
				REQUIRE(link != &links[i]);
		}
		heap.armed = false;
		EXPECT(index.count == 0 && index.buckets == 0 && !index.first && !index.more);
	}
	pool_destroy(pool);
}

/* A volume that the system has no memory for is not made; one that runs out later says so. */
static void without_system_memory(void)
{
	const struct mfs_options options = {.order = MFS_BY_POSITION};
	const struct mfs_new plain = {.kind = MFS_FILE};
	struct mfs_volume *volume = NULL;
	struct scene scene;
	uint64_t value, bytes, end = LONG_FILE;
	size_t done;

	for (unsigned at = 1;; at++) {
		enum mfs_status status;

		pages_of_system.armed = true;
		pages_of_system.and_on = true;
		pages_of_system.at = at;
		pages_of_system.seen = 0;
		status = mfs_volume_create(&options, &volume);
		pages_of_system.armed = false;
		if (status == MFS_OK)
			break;
		EXPECT_EQ(status, MFS_NO_SPACE);
		EXPECT(!volume);
		REQUIRE(at < 1000);
	}
	mfs_volume_destroy(volume);

	scene_begin(&scene, false);
	pages_of_system.armed = true;
	pages_of_system.at = 1;
	pages_of_system.seen = 0;
	/* Until what is kept in reserve is used up. */
	while (write_all(&scene, scene.large_main, end, sizeof(data)) == MFS_OK)
		REQUIRE((end += sizeof(data)) < 1 << 30);
	value = digest_of(&scene).value;
	bytes = used(&scene);
	EXPECT_EQ(write_all(&scene, scene.large_main, UINT64_C(1) << 40, sizeof(data)), MFS_NO_SPACE);
	EXPECT(digest_of(&scene).value == value);
	EXPECT_EQ(used(&scene), bytes);
	/* Small things find room for a while; then they say so as well. */
	for (unsigned i = 0; i < 1000000; i++) {
		char name[16];
		int size = snprintf(name, sizeof(name), "n%u", i);
		enum mfs_status status =
			mfs_create(scene.volume, scene.root, name, (size_t)size, &plain, NULL);

		if (status == MFS_OK)
			continue;
		EXPECT_EQ(status, MFS_NO_SPACE);
		EXPECT_EQ(mfs_write(scene.volume, scene.file_main, 1 << 20, data, sizeof(data), 0, &done),
			  done ? MFS_OK : MFS_NO_SPACE);
		break;
	}
	EXPECT(pages_of_system.hit);
	pages_of_system.armed = false;
	EXPECT_EQ(write_all(&scene, scene.large_main, end, sizeof(data)), MFS_OK);
	scene_end(&scene);
}

/* Pages beside those that cannot be locked are somebody's: when a range is refused a page of it can be had.
 */
static void refused_locks_harm_nobody(void)
{
	enum { PAGES = 200 };
	struct pages *pages = pages_create();
	unsigned char *taken[PAGES];
	size_t got;

	REQUIRE(pages != NULL);
	pages_lock(pages);
	taken[0] = real_pages_take(pages, 1, 1, 1, &got);
	memset(taken[0], 1, OS_PAGE_SIZE);
	for (unsigned i = 1; i < PAGES; i++) {
		pages_of_system = (struct source){.name = "page", .armed = true, .at = 2};
		taken[i] = real_pages_take(pages, 1, 1, 1, &got);
		pages_of_system.armed = false;
		REQUIRE(taken[i] != NULL);
		memset(taken[i], (int)(i % 251 + 1), OS_PAGE_SIZE);
	}
	for (unsigned i = 0; i < PAGES; i++)
		for (unsigned k = 0; k < OS_PAGE_SIZE; k++)
			REQUIRE(taken[i][k] == i % 251 + 1);
	pages_destroy(pages);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i % 251 + i / 4096) | 1;
	RUN(every_allocation);
	RUN(every_page);
	RUN(every_library_call);
	RUN(every_volume);
	RUN(every_budget);
	RUN(node_limit);
	RUN(freeing_needs_nothing);
	RUN(replaced_directory);
	RUN(idle_region_without_memory);
	RUN(refused_locks_harm_nobody);
	RUN(nameless_can_be_named_later);
	RUN(short_writes);
	RUN(trees);
	RUN(indexes);
	RUN(without_system_memory);
	printf("# figure: %lu faults injected\n", faults_injected);
	return tests_end();
}
