/*
 * test_backed.c: files whose bytes are in backing files: a place of them in memory, which others (the test)
 * read and write behind the engine's back, and which keeps to what it is lent.
 */
#include "test.h"

#include "check.h"
#include "memefs.h"

#define FILES 512
#define CHARGE 1000
#define MIB ((uint64_t)1 << 20)

struct file {
	bool taken, seen;
	unsigned char *bytes;
	uint64_t size, room;
	int64_t written, accessed;
};

struct scene {
	struct mfs_backing place;
	struct file files[FILES]; /* 0 is never used */
	uint64_t limit, used;
	uint64_t said_stored; /* of the file that was removed last */
	int64_t clock;
	int64_t now; /* what tell_now says; 0: nothing */
	unsigned asked;
	unsigned made, removed, reclaimed, infos;
	bool refuse; /* to make files */
	bool silent; /* tells nothing of them */
	struct mfs_volume *volume;
	struct mfs_node *root;
};

/* ---- a place ------------------------------------------------------------------------------------ */

static bool grow(struct scene *scene, struct file *file, uint64_t to)
{
	uint64_t pages = (to + 4095) / 4096 * 4096;

	if (pages > file->room) {
		if (pages - file->room > scene->limit - scene->used)
			return false;
		scene->used += pages - file->room;
		file->bytes = realloc(file->bytes, pages);
		memset(file->bytes + file->room, 0, pages - file->room);
		file->room = pages;
	}
	return true;
}

static void shrink(struct scene *scene, struct file *file, uint64_t to)
{
	uint64_t pages = (to + 4095) / 4096 * 4096;

	if (pages < file->room) {
		scene->used -= file->room - pages;
		file->room = pages;
	}
	if (to < file->room)
		memset(file->bytes + to, 0, file->room - to);
}

static void tell(const struct file *file, struct mfs_backing_info *info)
{
	*info = (struct mfs_backing_info){file->size, file->room, file->written, file->accessed};
}

static enum mfs_status make(void *context, uint64_t *number)
{
	struct scene *scene = context;

	for (uint64_t i = 1; i < FILES && !scene->refuse; i++)
		if (!scene->files[i].taken) {
			scene->files[i] = (struct file){.taken = true};
			scene->made++;
			*number = i;
			return MFS_OK;
		}
	return MFS_NO_SPACE;
}

static void remove_file(void *context, uint64_t number, uint64_t stored)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	scene->said_stored = stored;
	shrink(scene, file, 0);
	free(file->bytes);
	*file = (struct file){0};
	scene->removed++;
}

static bool reclaim(void *context, uint64_t number)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	if (file->seen || file->written || file->size)
		return false;
	file->taken = false;
	scene->reclaimed++;
	return true;
}

static enum mfs_status info(void *context, uint64_t number, struct mfs_backing_info *told)
{
	struct scene *scene = context;

	scene->infos++;
	if (scene->silent)
		return MFS_NO_SPACE;
	tell(&scene->files[number], told);
	return MFS_OK;
}

static enum mfs_status read_file(void *context, uint64_t number, uint64_t offset, void *to, size_t size,
				 size_t *done)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	*done = offset >= file->size ? 0 : file->size - offset < size ? file->size - offset : size;
	for (size_t i = 0; i < *done; i++)
		((unsigned char *)to)[i] = offset + i < file->room ? file->bytes[offset + i] : 0;
	file->accessed = ++scene->clock;
	return MFS_OK;
}

static enum mfs_status write_file(void *context, uint64_t number, uint64_t offset, const void *from,
				  size_t size, size_t *done, struct mfs_backing_info *told)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	if (!grow(scene, file, offset + size))
		return MFS_NO_SPACE;
	memcpy(file->bytes + offset, from, size);
	if (offset + size > file->size)
		file->size = offset + size;
	file->written = ++scene->clock;
	*done = size;
	tell(file, told);
	return MFS_OK;
}

static enum mfs_status resize(void *context, uint64_t number, uint64_t size, struct mfs_backing_info *told)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	shrink(scene, file, size < file->size ? size : file->size);
	file->size = size;
	file->written = ++scene->clock;
	tell(file, told);
	return MFS_OK;
}

static enum mfs_status allocate(void *context, uint64_t number, uint64_t offset, uint64_t size,
				unsigned flags, struct mfs_backing_info *told)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	if (flags & (MFS_FALLOCATE_COLLAPSE | MFS_FALLOCATE_INSERT))
		return MFS_NOT_SUPPORTED;
	if (!(flags & MFS_FALLOCATE_PUNCH) && !grow(scene, file, offset + size))
		return MFS_NO_SPACE;
	if (!(flags & (MFS_FALLOCATE_KEEP_SIZE | MFS_FALLOCATE_PUNCH)) && offset + size > file->size)
		file->size = offset + size;
	file->written = ++scene->clock;
	tell(file, told);
	return MFS_OK;
}

static bool reset(void *context, uint64_t number, bool accessed, bool written)
{
	struct scene *scene = context;

	if (accessed)
		scene->files[number].accessed = 0;
	if (written)
		scene->files[number].written = 0;
	return true;
}

static enum mfs_status seek(void *context, uint64_t number, uint64_t offset, bool hole, uint64_t *found)
{
	struct scene *scene = context;
	struct file *file = &scene->files[number];

	if (offset >= file->size)
		return MFS_NO_DATA;
	*found = hole ? file->size : offset;
	return MFS_OK;
}

static uint64_t used(void *context)
{
	return ((struct scene *)context)->used;
}

static bool limit(void *context, uint64_t bytes)
{
	struct scene *scene = context;

	if (bytes < scene->used)
		return false;
	scene->limit = bytes;
	return true;
}

/* ---- scenes ------------------------------------------------------------------------------------------ */

static struct scene *begin(uint64_t max_bytes)
{
	struct scene *scene = calloc(1, sizeof *scene);
	const struct mfs_options options = {.max_bytes = max_bytes, .root_mode = 0755};

	REQUIRE(scene);
	scene->place = (struct mfs_backing){
		.context = scene,
		.charge = CHARGE,
		.make = make,
		.remove = remove_file,
		.reclaim = reclaim,
		.info = info,
		.read = read_file,
		.write = write_file,
		.resize = resize,
		.allocate = allocate,
		.reset = reset,
		.seek = seek,
		.used = used,
		.limit = limit,
	};
	scene->clock = 1000;
	REQUIRE(mfs_volume_create(&options, &scene->volume) == MFS_OK);
	REQUIRE(mfs_volume_back(scene->volume, &scene->place) == MFS_OK);
	scene->root = mfs_volume_root(scene->volume);
	return scene;
}

static struct mfs_space space_of(struct scene *scene)
{
	struct mfs_space space;

	mfs_volume_space(scene->volume, &space);
	return space;
}

static struct mfs_info info_of(struct scene *scene, struct mfs_node *node)
{
	struct mfs_info told;

	mfs_node_info(scene->volume, node, &told);
	return told;
}

static bool sound(struct scene *scene, struct mfs_node *held)
{
	char text[CHECK_TEXT] = "";
	struct mfs_stream *stream = held ? mfs_main_stream(held) : NULL;
	const struct check_held all = {.streams = &stream, .count = held ? 1 : 0};
	bool good;

	if (held)
		mfs_node_drop(scene->volume, held); /* the caller's own counts, this one did not */
	good = check_volume(scene->volume, &all, text);
	if (!good)
		printf("# %s\n", text);
	return good;
}

static void end(struct scene *scene)
{
	EXPECT(sound(scene, NULL));
	mfs_volume_destroy(scene->volume);
	for (unsigned i = 0; i < FILES; i++)
		free(scene->files[i].bytes);
	free(scene);
}

static struct mfs_node *new_file(struct scene *scene, const char *name)
{
	const struct mfs_new what = {.kind = MFS_FILE, .mode = 0644, .backed = true};
	struct mfs_node *node;

	REQUIRE(mfs_create(scene->volume, scene->root, name, strlen(name), &what, &node) == MFS_OK);
	return node;
}

static uint64_t file_of(struct scene *scene, struct mfs_node *node)
{
	struct mfs_stream *stream = mfs_main_stream(node);
	uint64_t file = 0;

	EXPECT_EQ(mfs_stream_backing(scene->volume, stream, &file), MFS_OK);
	mfs_stream_drop(scene->volume, stream);
	return file;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void bytes_are_in_the_backing_file(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	char back[16] = "";
	uint64_t found = 0;
	size_t done;

	EXPECT_EQ(mfs_write(scene->volume, stream, 5, "hello", 5, 0, &done), MFS_OK);
	EXPECT_EQ(done, 5);
	EXPECT_EQ(file->size, 10);
	EXPECT(!memcmp(file->bytes, "\0\0\0\0\0hello", 10));
	EXPECT_EQ(mfs_read(scene->volume, stream, 6, back, sizeof back, &done), MFS_OK);
	EXPECT(done == 4 && !memcmp(back, "ello", 4));
	EXPECT_EQ(mfs_read(scene->volume, stream, 10, back, 1, &done), MFS_END_OF_FILE);
	EXPECT_EQ(mfs_write(scene->volume, stream, 0, "!", 1, MFS_WRITE_APPEND, &done), MFS_OK);
	EXPECT_EQ(file->size, 11);
	EXPECT_EQ(mfs_write(scene->volume, stream, 9, "xyz", 3, MFS_WRITE_CONSTRAINED, &done), MFS_OK);
	EXPECT_EQ(done, 2);
	EXPECT_EQ(mfs_next_data(scene->volume, stream, 3, &found), MFS_OK);
	EXPECT_EQ(found, 3);
	EXPECT_EQ(mfs_next_hole(scene->volume, stream, 3, &found), MFS_OK);
	EXPECT_EQ(found, 11);
	EXPECT_EQ(mfs_next_data(scene->volume, stream, 11, &found), MFS_NO_DATA);
	EXPECT_EQ(mfs_set_size(scene->volume, stream, 3), MFS_OK);
	EXPECT_EQ(file->size, 3);
	EXPECT_EQ(info_of(scene, node).size, 3);
	EXPECT_EQ(mfs_fallocate(scene->volume, stream, 0, 8192, 0), MFS_OK);
	EXPECT_EQ(info_of(scene, node).size, 8192);
	EXPECT_EQ(info_of(scene, node).stored, 8192);
	EXPECT_EQ(mfs_fallocate(scene->volume, stream, 0, 4096, MFS_FALLOCATE_COLLAPSE), MFS_NOT_SUPPORTED);
	EXPECT_EQ(mfs_set_size(scene->volume, stream, (uint64_t)INT64_MAX + 1), MFS_TOO_BIG);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void what_others_write_is_taken_over(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	uint64_t number = file_of(scene, node);
	struct mfs_backing_info told;
	struct mfs_info now;
	size_t done;

	EXPECT(mfs_stream_opened(scene->volume, stream, true, true));
	EXPECT(!mfs_stream_opened(scene->volume, stream, true, true));
	mfs_stream_closed(scene->volume, stream, true, true);
	EXPECT_EQ(info_of(scene, node).unseen, MFS_UNSEEN_NOW);
	EXPECT_EQ(write_file(scene, number, 0, "others", 6, &done, &told), MFS_OK);
	scene->files[number].written = 5000000000007;
	now = info_of(scene, node);
	EXPECT_EQ(now.size, 6);
	EXPECT_EQ(now.stored, 4096);
	EXPECT(now.write.seconds == 5000 && now.write.nanoseconds == 7);
	EXPECT(now.change.seconds == 5000 && now.change.nanoseconds == 7);
	mfs_stream_closed(scene->volume, stream, true, true);
	EXPECT_EQ(info_of(scene, node).unseen, MFS_UNSEEN_RARELY);

	/* Nobody has it open: nothing is looked up, but for what may be mapped. */
	scene->infos = 0;
	info_of(scene, node);
	EXPECT_EQ(scene->infos, 1);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static int64_t nanoseconds_of(struct mfs_time time)
{
	return time.seconds * 1000000000 + time.nanoseconds;
}

/* Who stamps the files has a finer clock than ours. */
static void times_do_not_run_back(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	int64_t birth = nanoseconds_of(info_of(scene, node).birth), before;

	mfs_stream_opened(scene->volume, stream, false, true);
	file->written = birth + 15000000;
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).write), birth + 15000000);
	for (unsigned round = 0; round < 3; round++) {
		before = nanoseconds_of(info_of(scene, node).change);
		EXPECT_EQ(mfs_set_size(scene->volume, stream, round), MFS_OK);
		EXPECT(nanoseconds_of(info_of(scene, node).write) >= before);
		EXPECT(nanoseconds_of(info_of(scene, node).change) >= before);
	}
	/* Nor in the other direction. */
	before = nanoseconds_of(info_of(scene, node).change);
	file->written = before - 5000000;
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).write), before);
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).change), before);
	/* But when the clock was set back. */
	file->written = birth + 3600 * INT64_C(1000000000);
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).write), birth + 3600 * INT64_C(1000000000));
	EXPECT_EQ(mfs_set_size(scene->volume, stream, 7), MFS_OK);
	EXPECT(nanoseconds_of(info_of(scene, node).write) < birth + 1800 * INT64_C(1000000000));
	mfs_stream_closed(scene->volume, stream, false, true);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

/* What comes later is not older, in other files either: the clock that stamps one may be ahead of ours. */
static void times_of_others_do_not_run_back(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f"), *other;
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	int64_t birth = nanoseconds_of(info_of(scene, node).birth);
	struct mfs_info info;

	mfs_stream_opened(scene->volume, stream, false, true);
	file->written = birth + 15000000;
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).write), birth + 15000000);
	other = new_file(scene, "g");
	info = info_of(scene, other);
	EXPECT(nanoseconds_of(info.birth) >= birth + 15000000);
	EXPECT(nanoseconds_of(info.change) >= birth + 15000000);
	mfs_node_drop(scene->volume, other);
	/* But one that was set by hand moves none. */
	file->written = birth + 3600 * INT64_C(1000000000);
	EXPECT_EQ(nanoseconds_of(info_of(scene, node).write), birth + 3600 * INT64_C(1000000000));
	other = new_file(scene, "h");
	EXPECT(nanoseconds_of(info_of(scene, other).birth) < birth + 1800 * INT64_C(1000000000));
	mfs_node_drop(scene->volume, other);
	mfs_stream_closed(scene->volume, stream, false, true);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static bool tell_now(void *context, int64_t *now)
{
	struct scene *scene = context;

	scene->asked++;
	*now = scene->now;
	return scene->now != 0;
}

static int64_t changed_now(struct scene *scene, const char *name)
{
	struct mfs_node *node = new_file(scene, name);
	int64_t changed = nanoseconds_of(info_of(scene, node).change);

	mfs_node_drop(scene->volume, node);
	return changed;
}

/* While what was written may not be known yet the files' own clock is asked. */
static void the_clock_of_files_is_asked(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct mfs_info root;
	int64_t birth = nanoseconds_of(info_of(scene, node).birth);

	scene->place.now = tell_now;
	scene->now = birth + 15000000;
	EXPECT(changed_now(scene, "g") < birth + 15000000);
	mfs_stream_opened(scene->volume, stream, true, false);
	EXPECT_EQ(scene->asked, 0);
	mfs_stream_opened(scene->volume, stream, true, true);
	EXPECT(changed_now(scene, "h") >= birth + 15000000);
	EXPECT_EQ(scene->asked, 1); /* for the file and for its directory */
	mfs_node_info(scene->volume, scene->root, &root);
	EXPECT(nanoseconds_of(root.change) >= birth + 15000000);
	/* It cannot be told, or says what makes no sense: the system's clock holds. */
	scene->now = 0;
	EXPECT(changed_now(scene, "i") >= birth);
	scene->now = birth + 3600 * INT64_C(1000000000);
	EXPECT(changed_now(scene, "j") < birth + 1800 * INT64_C(1000000000));
	EXPECT_EQ(scene->asked, 3);
	mfs_stream_closed(scene->volume, stream, true, true);
	mfs_stream_closed(scene->volume, stream, true, false);
	EXPECT(changed_now(scene, "k") >= birth);
	EXPECT_EQ(scene->asked, 3);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void times_that_are_set_stay(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	uint64_t number = file_of(scene, node);
	const struct mfs_set set = {
		.what = MFS_SET_WRITE | MFS_SET_ACCESS, .write = {77, 1}, .access = {1 << 30, 2}};
	struct mfs_backing_info told;
	size_t done;
	char byte;

	mfs_stream_opened(scene->volume, stream, false, true);
	EXPECT_EQ(write_file(scene, number, 0, "x", 1, &done, &told), MFS_OK);
	EXPECT_EQ(mfs_node_set(scene->volume, node, &set), MFS_OK);
	EXPECT(info_of(scene, node).write.seconds == 77);
	EXPECT(info_of(scene, node).access.seconds == 1 << 30);
	mfs_stream_closed(scene->volume, stream, false, true);
	EXPECT(info_of(scene, node).write.seconds == 77);

	/* A read moves the access time by relatime's rule, once. */
	mfs_stream_opened(scene->volume, stream, true, false);
	EXPECT_EQ(read_file(scene, number, 0, &byte, 1, &done), MFS_OK);
	scene->files[number].accessed = INT64_C(4000000000) * 1000000000;
	EXPECT(info_of(scene, node).access.seconds == 4000000000);
	scene->files[number].accessed += 5;
	EXPECT(info_of(scene, node).access.nanoseconds == 0);
	mfs_stream_closed(scene->volume, stream, true, false);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void together_they_keep_to_the_limit(void)
{
	struct scene *scene = begin(MIB);
	struct mfs_space first = space_of(scene), full;
	struct mfs_node *node = new_file(scene, "data");
	struct mfs_stream *stream = mfs_main_stream(node);
	static unsigned char page[4096];
	uint64_t offset = 0, held;
	unsigned names = 0;
	char name[16];
	size_t done;

	/* Data as much as fits; then names, until nothing fits at all. */
	while (mfs_write(scene->volume, stream, offset, page, sizeof page, 0, &done) == MFS_OK)
		offset += done;
	EXPECT(offset > MIB - 3 * 4096 - CHARGE && offset < MIB);
	full = space_of(scene);
	EXPECT_EQ(full.free_bytes / 4096, 0);
	EXPECT(full.used_bytes <= MIB);
	EXPECT_EQ(mfs_set_size(scene->volume, stream, MIB / 2), MFS_OK);
	for (;; names++) {
		const struct mfs_new what = {.kind = MFS_DIRECTORY};

		snprintf(name, sizeof name, "%u", names);
		if (mfs_create(scene->volume, scene->root, name, strlen(name), &what, NULL) != MFS_OK)
			break;
		EXPECT(scene->limit >= scene->used);
		EXPECT(space_of(scene).used_bytes <= MIB);
	}
	EXPECT(names > 500);
	EXPECT_EQ(mfs_write(scene->volume, stream, offset, page, sizeof page, 0, &done), MFS_NO_SPACE);

	/* What names give back is lent again, but for a few pages. */
	while (names-- > 0) {
		snprintf(name, sizeof name, "%u", names);
		EXPECT_EQ(mfs_unlink(scene->volume, scene->root, name, strlen(name), MFS_REMOVE_ANY, NULL),
			  MFS_OK);
	}
	EXPECT_EQ(mfs_write(scene->volume, stream, offset - (uint64_t)4 * 4096, page, sizeof page, 0, &done),
		  MFS_OK);
	mfs_stream_drop(scene->volume, stream);
	EXPECT(sound(scene, node));
	held = scene->used;
	EXPECT_EQ(mfs_unlink(scene->volume, scene->root, "data", 4, MFS_REMOVE_FILE, NULL), MFS_OK);
	mfs_node_drop(scene->volume, node);
	EXPECT_EQ(scene->said_stored, held);
	EXPECT_EQ(space_of(scene).used_bytes, first.used_bytes);
	EXPECT_EQ(space_of(scene).free_bytes, first.free_bytes);
	EXPECT_EQ(scene->used, 0);
	EXPECT_EQ(scene->removed, 1);
	end(scene);
}

static void limits_change_while_it_lives(void)
{
	struct scene *scene = begin(4 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	static unsigned char page[4096];
	size_t done;

	for (unsigned i = 0; i < 256; i++)
		EXPECT_EQ(mfs_write(scene->volume, stream, i * 4096, page, sizeof page, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_volume_resize(scene->volume, MIB / 2, 0), MFS_INVALID);
	EXPECT_EQ(space_of(scene).total_bytes, 4 * MIB);
	EXPECT_EQ(mfs_volume_resize(scene->volume, 2 * MIB, 0), MFS_OK);
	EXPECT_EQ(space_of(scene).total_bytes, 2 * MIB);
	EXPECT(scene->limit <= 2 * MIB);
	EXPECT_EQ(mfs_volume_resize(scene->volume, 8 * MIB, 0), MFS_OK);
	EXPECT(scene->limit > 7 * MIB && scene->limit < 8 * MIB);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void a_file_that_cannot_be_made_leaves_nothing(void)
{
	struct scene *scene = begin(4 * MIB);
	const struct mfs_new what = {.kind = MFS_FILE, .backed = true}, plain = {.kind = MFS_FILE};
	struct mfs_space first = space_of(scene);
	struct mfs_node *node;
	size_t done;

	scene->refuse = true;
	EXPECT_EQ(mfs_create(scene->volume, scene->root, "f", 1, &what, &node), MFS_NO_SPACE);
	EXPECT_EQ(space_of(scene).used_bytes, first.used_bytes);
	EXPECT_EQ(space_of(scene).used_nodes, 1);
	REQUIRE(mfs_create(scene->volume, scene->root, "g", 1, &plain, &node) == MFS_OK);
	struct mfs_stream *stream = mfs_main_stream(node);
	EXPECT_EQ(mfs_write(scene->volume, stream, 0, "x", 1, 0, &done), MFS_NO_SPACE);
	EXPECT_EQ(mfs_set_size(scene->volume, stream, 10), MFS_NO_SPACE);
	EXPECT_EQ(mfs_set_size(scene->volume, stream, 0), MFS_OK);
	EXPECT_EQ(info_of(scene, node).size, 0);
	scene->refuse = false;
	EXPECT_EQ(mfs_set_size(scene->volume, stream, 10), MFS_OK);
	EXPECT_EQ(scene->made, 1);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void an_empty_file_keeps_none(void)
{
	struct scene *scene = begin(4 * MIB);
	struct mfs_space first = space_of(scene);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct mfs_backing_info told;
	uint64_t number = file_of(scene, node), used_by_node;
	size_t done;

	mfs_stream_opened(scene->volume, stream, false, true);
	mfs_stream_opened(scene->volume, stream, false, true);
	mfs_stream_closed(scene->volume, stream, false, true);
	EXPECT_EQ(scene->reclaimed, 0);
	mfs_stream_closed(scene->volume, stream, false, true);
	EXPECT_EQ(scene->reclaimed, 1);
	used_by_node = space_of(scene).used_bytes - first.used_bytes;
	EXPECT(used_by_node < CHARGE);

	mfs_stream_opened(scene->volume, stream, false, true);
	number = file_of(scene, node);
	EXPECT_EQ(scene->made, 2);
	EXPECT_EQ(space_of(scene).used_bytes - first.used_bytes, used_by_node + CHARGE);
	EXPECT_EQ(write_file(scene, number, 0, "x", 1, &done, &told), MFS_OK);
	mfs_stream_closed(scene->volume, stream, false, true);
	EXPECT_EQ(scene->reclaimed, 1);
	EXPECT_EQ(info_of(scene, node).size, 1);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void copies_pass_between_the_kinds(void)
{
	struct scene *scene = begin(4 * MIB);
	struct mfs_node *a = new_file(scene, "a"), *b = new_file(scene, "b");
	struct mfs_stream *from = mfs_main_stream(a), *to = mfs_main_stream(b), *named;
	static unsigned char bytes[100000], back[100000];
	uint64_t copied = 0, file = 1;
	size_t done;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	REQUIRE(mfs_stream_create(scene->volume, a, "s", 1, &named) == MFS_OK);
	EXPECT_EQ(mfs_stream_backing(scene->volume, named, &file), MFS_OK);
	EXPECT_EQ(file, 0); /* named streams are the engine's */
	EXPECT_EQ(mfs_write(scene->volume, from, 0, bytes, sizeof bytes, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_copy(scene->volume, from, 0, to, 10, MIB, &copied), MFS_OK);
	EXPECT_EQ(copied, sizeof bytes);
	EXPECT_EQ(mfs_copy(scene->volume, to, 10, named, 0, MIB, &copied), MFS_OK);
	EXPECT_EQ(copied, sizeof bytes);
	EXPECT_EQ(mfs_read(scene->volume, named, 0, back, sizeof back, &done), MFS_OK);
	EXPECT(done == sizeof bytes && !memcmp(back, bytes, sizeof bytes));
	EXPECT_EQ(mfs_copy(scene->volume, named, 5, from, 0, 7, &copied), MFS_OK);
	EXPECT_EQ(mfs_read(scene->volume, from, 0, back, 8, &done), MFS_OK);
	EXPECT(!memcmp(back, bytes + 5, 7) && back[7] == bytes[7]);
	mfs_stream_drop(scene->volume, named);
	mfs_stream_drop(scene->volume, from);
	mfs_stream_drop(scene->volume, to);
	mfs_node_drop(scene->volume, a);
	mfs_node_drop(scene->volume, b);
	end(scene);
}

static void a_place_is_for_empty_volumes(void)
{
	struct scene *scene = begin(4 * MIB);
	struct mfs_options options = {.max_bytes = MIB, .size_is_promise = true};
	struct mfs_volume *other;

	EXPECT_EQ(mfs_volume_back(scene->volume, &scene->place), MFS_INVALID);
	REQUIRE(mfs_volume_create(&options, &other) == MFS_OK);
	EXPECT_EQ(mfs_volume_back(other, &scene->place), MFS_INVALID);
	mfs_volume_destroy(other);
	end(scene);
}

#define DAY (INT64_C(24) * 60 * 60 * 1000000000)

/* Which reads move the access time, and that no read goes unseen. */
static void access_times_follow_reads(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	const struct mfs_set past = {.what = MFS_SET_WRITE | MFS_SET_ACCESS | MFS_SET_CHANGE,
				     .access = {1000, 5},
				     .write = {1000, 4},
				     .change = {1000, 4}},
			     none = {.what = MFS_SET_FLAGS | MFS_SET_KEEP_CHANGE, .flags = MFS_F_NOATIME};
	struct mfs_set set = past;
	int64_t tick;

	EXPECT_EQ(mfs_node_set(scene->volume, node, &past), MFS_OK);
	mfs_stream_opened(scene->volume, stream, true, false);
	EXPECT_EQ(info_of(scene, node).unseen, MFS_UNSEEN_NEVER);
	file->accessed = 1001 * INT64_C(1000000000); /* read since it was written, and that is no day ago */
	EXPECT_EQ(info_of(scene, node).access.seconds, 1000);
	/* A nanosecond decides. */
	set.access.nanoseconds = 4;
	EXPECT_EQ(mfs_node_set(scene->volume, node, &set), MFS_OK);
	EXPECT_EQ(file->accessed, 0); /* so that a read within the same tick shows */
	file->accessed = 1001 * INT64_C(1000000000);
	EXPECT_EQ(info_of(scene, node).access.seconds, 1001);
	file->accessed += DAY - 1000000000;
	EXPECT_EQ(info_of(scene, node).access.seconds, 1001);
	file->accessed += 1000000000;
	EXPECT_EQ(info_of(scene, node).access.seconds, 1001 + 24 * 60 * 60);
	/* What was read behind the last look is seen when it was closed. */
	file->accessed += 2 * DAY;
	mfs_stream_closed(scene->volume, stream, true, false);
	EXPECT_EQ(info_of(scene, node).access.seconds, 1001 + 3 * 24 * 60 * 60);
	EXPECT_EQ(mfs_node_set(scene->volume, node, &none), MFS_OK);
	mfs_stream_opened(scene->volume, stream, true, false);
	tick = file->accessed = 1001 * INT64_C(1000000000) + 5 * DAY;
	EXPECT_EQ(info_of(scene, node).access.seconds, 1001 + 3 * 24 * 60 * 60);
	/* The next read counts again, also within the same tick as the last that did not. */
	set = (struct mfs_set){.what = MFS_SET_FLAGS | MFS_SET_KEEP_CHANGE};
	EXPECT_EQ(mfs_node_set(scene->volume, node, &set), MFS_OK);
	file->accessed = tick;
	EXPECT_EQ(info_of(scene, node).access.seconds, tick / 1000000000);
	mfs_stream_closed(scene->volume, stream, true, false);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

/* Where the clock is coarse the time of a write is made 0 as well when one is set. */
static void coarse_times_are_reset(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	const struct mfs_set set = {.what = MFS_SET_WRITE, .write = {77, 1}};
	struct mfs_backing_info told;
	size_t done;

	for (unsigned coarse = 0; coarse < 2; coarse++) {
		scene->place.coarse = coarse;
		mfs_stream_opened(scene->volume, stream, false, true);
		EXPECT_EQ(write_file(scene, file_of(scene, node), 0, "x", 1, &done, &told), MFS_OK);
		EXPECT_EQ(mfs_node_set(scene->volume, node, &set), MFS_OK);
		EXPECT_EQ(file->written == 0, coarse);
		EXPECT_EQ(info_of(scene, node).write.seconds, 77);
		mfs_stream_closed(scene->volume, stream, false, true);
		EXPECT_EQ(info_of(scene, node).write.seconds, 77);
	}
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

/* What could not be looked at is looked at again. */
static void a_look_that_fails_is_repeated(void)
{
	struct scene *scene = begin(64 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node), *named;
	uint64_t number = file_of(scene, node);
	struct mfs_backing_info told;
	struct mfs_info known;
	size_t done;

	EXPECT(!mfs_node_is_written(node));
	mfs_stream_opened(scene->volume, stream, false, true);
	EXPECT(mfs_node_is_written(node));
	EXPECT_EQ(write_file(scene, number, 0, "x", 1, &done, &told), MFS_OK);
	scene->silent = true;
	EXPECT_EQ(info_of(scene, node).size, 0);
	mfs_stream_closed(scene->volume, stream, false, true);
	EXPECT(!mfs_node_is_written(node));
	mfs_node_known(scene->volume, node, &known);
	EXPECT_EQ(known.unseen, MFS_UNSEEN_ALL);
	scene->silent = false;
	mfs_node_known(scene->volume, node, &known);
	EXPECT_EQ(known.size, 1);
	EXPECT_EQ(known.unseen, MFS_UNSEEN_NEVER);
	EXPECT_EQ(info_of(scene, node).size, 1);
	/* Of a named stream only its writers are noted. */
	REQUIRE(mfs_stream_create(scene->volume, node, "s", 1, &named) == MFS_OK);
	mfs_stream_opened(scene->volume, named, true, true);
	EXPECT(mfs_node_is_written(node));
	mfs_stream_closed(scene->volume, named, true, true);
	EXPECT(!mfs_node_is_written(node));
	mfs_stream_drop(scene->volume, named);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static int take_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	EXPECT(count == (bytes > 0) && (!count || pieces[0].size == bytes));
	if (count)
		memcpy(context, pieces[0].data, bytes);
	return (int)bytes;
}

static void pieces_come_from_the_file(void)
{
	struct scene *scene = begin(4 * MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	static unsigned char bytes[5000], back[8000];
	size_t done;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	EXPECT_EQ(mfs_read_pieces(scene->volume, stream, 0, 100, take_pieces, back), 0);
	EXPECT_EQ(mfs_write(scene->volume, stream, 0, bytes, sizeof bytes, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_read_pieces(scene->volume, stream, 10, 100, take_pieces, back), 100);
	EXPECT(!memcmp(back, bytes + 10, 100));
	EXPECT_EQ(mfs_read_pieces(scene->volume, stream, 1000, sizeof back, take_pieces, back), 4000);
	EXPECT(!memcmp(back, bytes + 1000, 4000));
	EXPECT_EQ(mfs_read_pieces(scene->volume, stream, sizeof bytes, 10, take_pieces, back), 0);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

static void room_is_set_aside_in_the_file(void)
{
	struct scene *scene = begin(MIB);
	struct mfs_node *node = new_file(scene, "f");
	struct mfs_stream *stream = mfs_main_stream(node);
	struct file *file = &scene->files[file_of(scene, node)];
	static unsigned char bytes[100000];
	struct mfs_overwrite how = {.allocation = 2 * MIB};
	size_t done;

	EXPECT_EQ(mfs_write(scene->volume, stream, 0, bytes, 5000, MFS_WRITE_ALL, &done), MFS_OK);
	EXPECT(done == 5000 && file->size == 5000 && file->room == 8192);
	EXPECT_EQ(mfs_write(scene->volume, stream, MIB - 50000, bytes, sizeof bytes, MFS_WRITE_ALL, &done),
		  MFS_NO_SPACE);
	EXPECT(done == 0 && file->size == 5000 && file->room == 8192);
	EXPECT_EQ(mfs_set_allocation(scene->volume, stream, 50000), MFS_OK);
	EXPECT(file->size == 5000 && file->room == 53248);
	EXPECT_EQ(mfs_set_allocation(scene->volume, stream, 2 * MIB), MFS_NO_SPACE);
	EXPECT_EQ(mfs_set_allocation(scene->volume, stream, 1000), MFS_OK);
	EXPECT(file->size == 1000 && file->room == 4096);
	EXPECT_EQ(mfs_overwrite(scene->volume, stream, &how), MFS_NO_SPACE);
	EXPECT(file->size == 1000);
	how.allocation = 20000;
	EXPECT_EQ(mfs_overwrite(scene->volume, stream, &how), MFS_OK);
	EXPECT(file->size == 0 && file->room == 20480);
	EXPECT_EQ(info_of(scene, node).stored, 20480);
	how.allocation = 0;
	EXPECT_EQ(mfs_overwrite(scene->volume, stream, &how), MFS_OK);
	EXPECT_EQ(mfs_set_allocation(scene->volume, stream, 0), MFS_OK);
	EXPECT(file->size == 0 && file->room == 0);
	mfs_stream_drop(scene->volume, stream);
	mfs_node_drop(scene->volume, node);
	end(scene);
}

/* A limit that leaves no page to lend; and none at all, which follows the memory that is left. */
static void what_cannot_be_lent_is_not(void)
{
	struct scene *scene = begin(0);
	struct mfs_options options = {.max_bytes = 4200};
	struct mfs_volume *other;

	mfs_volume_tend(scene->volume);
	EXPECT(scene->limit > 0 && scene->limit % 4096 == 0);
	REQUIRE(mfs_volume_create(&options, &other) == MFS_OK);
	EXPECT_EQ(mfs_volume_back(other, &scene->place), MFS_NO_SPACE);
	mfs_volume_tend(other);
	EXPECT_EQ(mfs_volume_resize(other, MIB, 0), MFS_OK);
	mfs_volume_destroy(other);
	end(scene);
}

int main(void)
{
	RUN(bytes_are_in_the_backing_file);
	RUN(what_others_write_is_taken_over);
	RUN(times_do_not_run_back);
	RUN(times_of_others_do_not_run_back);
	RUN(the_clock_of_files_is_asked);
	RUN(times_that_are_set_stay);
	RUN(together_they_keep_to_the_limit);
	RUN(limits_change_while_it_lives);
	RUN(a_file_that_cannot_be_made_leaves_nothing);
	RUN(an_empty_file_keeps_none);
	RUN(copies_pass_between_the_kinds);
	RUN(a_place_is_for_empty_volumes);
	RUN(access_times_follow_reads);
	RUN(coarse_times_are_reset);
	RUN(a_look_that_fails_is_repeated);
	RUN(pieces_come_from_the_file);
	RUN(room_is_set_aside_in_the_file);
	RUN(what_cannot_be_lent_is_not);
	return tests_end();
}
