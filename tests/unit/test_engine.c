/*
 * test_engine.c: the engine through its one door, a rule of memefs.h at a time. What long random
 * runs find is test_model.c's; here stands what each function promises.
 */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "memefs.h"
#include "random.h"

#define S(text) text, sizeof(text) - 1

enum { PAGE = 4096 };

static struct mfs_volume *volume_with(const struct mfs_options *options)
{
	struct mfs_volume *volume = NULL;

	REQUIRE(mfs_volume_create(options, &volume) == MFS_OK);
	return volume;
}

static struct mfs_volume *posix_volume(void)
{
	const struct mfs_options options = {.order = MFS_BY_POSITION, .root_mode = 0755};

	return volume_with(&options);
}

static struct mfs_volume *ntfs_volume(void)
{
	const struct mfs_options options = {
		.order = MFS_BY_NAME, .case_insensitive = true, .size_is_promise = true, .unit = PAGE};

	return volume_with(&options);
}

static uint64_t used_bytes(struct mfs_volume *volume)
{
	struct mfs_space space;

	mfs_volume_space(volume, &space);
	return space.used_bytes;
}

static struct mfs_info info_of(struct mfs_volume *volume, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(volume, node, &info);
	return info;
}

static struct mfs_node *make(struct mfs_volume *volume, struct mfs_node *directory, const char *name,
			     enum mfs_kind kind)
{
	const struct mfs_new what = {.kind = kind, .mode = 0644, .target = "target", .target_size = 6};
	struct mfs_node *node = NULL;

	REQUIRE(mfs_create(volume, directory, name, strlen(name), &what, &node) == MFS_OK);
	return node;
}

static enum mfs_status unlink_any(struct mfs_volume *volume, struct mfs_node *directory, const char *name)
{
	return mfs_unlink(volume, directory, name, strlen(name), MFS_REMOVE_ANY, NULL);
}

static enum mfs_status move(struct mfs_volume *volume, struct mfs_node *from, const char *name,
			    struct mfs_node *to, const char *to_name, unsigned flags)
{
	return mfs_rename(volume, from, name, strlen(name), to, to_name, strlen(to_name), flags, NULL);
}

/* What a name means: the node's number, 0 for nothing. */
static uint64_t number_of(struct mfs_volume *volume, struct mfs_node *directory, const char *name)
{
	struct mfs_node *node = NULL;
	uint64_t number;

	if (mfs_lookup(volume, directory, name, strlen(name), &node) != MFS_OK)
		return 0;
	number = mfs_node_number(node);
	mfs_node_drop(volume, node);
	return number;
}

/* Writes a file's data through its main stream. */
static enum mfs_status write_at(struct mfs_volume *volume, struct mfs_node *node, uint64_t offset,
				const void *from, size_t size, unsigned flags, size_t *done)
{
	struct mfs_stream *stream = mfs_main_stream(node);
	enum mfs_status status = mfs_write(volume, stream, offset, from, size, flags, done);

	mfs_stream_drop(volume, stream);
	return status;
}

/* ---- listing ------------------------------------------------------------------------- */

struct listing {
	char text[20000]; /* names, each with a comma behind it */
	size_t size;
	unsigned most; /* how many to take */
	uint64_t position;
	char last[256];
	size_t last_size;
};

static bool list_one(void *context, const struct mfs_entry *entry)
{
	struct listing *listing = context;

	if (listing->most == 0)
		return false;
	listing->most--;
	REQUIRE(listing->size + entry->name_size + 1 < sizeof(listing->text));
	memcpy(listing->text + listing->size, entry->name, entry->name_size);
	listing->size += entry->name_size;
	listing->text[listing->size++] = ',';
	listing->text[listing->size] = 0;
	listing->position = entry->position;
	memcpy(listing->last, entry->name, entry->name_size);
	listing->last_size = entry->name_size;
	return true;
}

static const char *list(struct mfs_volume *volume, struct mfs_node *directory, struct listing *listing)
{
	bool at_end = false;

	*listing = (struct listing){.most = UINT32_MAX};
	if (mfs_list_after_position(volume, directory, 0, list_one, listing, &at_end) == MFS_NOT_SUPPORTED)
		EXPECT(mfs_list_after_name(volume, directory, NULL, 0, list_one, listing, &at_end) == MFS_OK);
	EXPECT(at_end);
	return listing->text;
}

#define EXPECT_LIST(volume, directory, names)                                   \
	do {                                                                    \
		struct listing listing_;                                        \
		EXPECT(strcmp(list(volume, directory, &listing_), names) == 0); \
	} while (0)

static void lists_by_position(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file;
	struct listing listing = {.most = 3};
	bool at_end;

	for (char name[] = "z"; name[0] >= 'p'; name[0]--)
		mfs_node_drop(volume, make(volume, root, name, MFS_FILE));
	EXPECT_LIST(volume, root, "z,y,x,w,v,u,t,s,r,q,p,");
	EXPECT_EQ(mfs_list_after_position(volume, root, 0, list_one, &listing, &at_end), MFS_OK);
	EXPECT(!at_end && strcmp(listing.text, "z,y,x,") == 0);
	/* The entry that a listing stopped at goes, others come and go: no name twice, none forgotten. */
	EXPECT_EQ(unlink_any(volume, root, "x"), MFS_OK);
	EXPECT_EQ(unlink_any(volume, root, "w"), MFS_OK);
	mfs_node_drop(volume, make(volume, root, "a", MFS_FILE));
	listing.most = 100;
	EXPECT_EQ(mfs_list_after_position(volume, root, listing.position, list_one, &listing, &at_end),
		  MFS_OK);
	EXPECT(at_end && strcmp(listing.text, "z,y,x,v,u,t,s,r,q,p,a,") == 0);
	EXPECT(listing.position < UINT64_C(1) << 62);
	EXPECT_EQ(mfs_list_after_position(volume, root, UINT64_MAX, list_one, &listing, &at_end), MFS_OK);
	EXPECT(at_end);
	EXPECT_EQ(mfs_list_after_name(volume, root, S("a"), list_one, &listing, &at_end), MFS_NOT_SUPPORTED);
	file = make(volume, root, "file", MFS_FILE);
	EXPECT_EQ(mfs_list_after_position(volume, file, 0, list_one, &listing, &at_end), MFS_NOT_DIRECTORY);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void lists_by_name(void)
{
	static const char *const names[] = {"b10", "B1",       "a",	   "Z",	      "_",
					    "b2",  "abcdefgh", "ABCDEFGG", "\xc3\xa4"};
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume);
	struct listing listing = {.most = 3};
	bool at_end;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		mfs_node_drop(volume, make(volume, root, names[i], MFS_FILE));
	EXPECT_LIST(volume, root, "a,ABCDEFGG,abcdefgh,B1,b10,b2,Z,_,\xc3\xa4,");
	EXPECT_EQ(mfs_list_after_name(volume, root, NULL, 0, list_one, &listing, &at_end), MFS_OK);
	EXPECT(!at_end && listing.last_size == 8);
	/* The marker is deleted; or was respelled; or never was there. */
	EXPECT_EQ(unlink_any(volume, root, "ABCDEFGH"), MFS_OK);
	listing.size = 0, listing.most = 1;
	EXPECT_EQ(mfs_list_after_name(volume, root, S("abcdefgh"), list_one, &listing, &at_end), MFS_OK);
	EXPECT(!at_end && strcmp(listing.text, "B1,") == 0);
	EXPECT_EQ(move(volume, root, "b1", root, "b1", 0), MFS_OK);
	listing.size = 0, listing.most = 9;
	EXPECT_EQ(mfs_list_after_name(volume, root, S("B1"), list_one, &listing, &at_end), MFS_OK);
	EXPECT(at_end && strcmp(listing.text, "b10,b2,Z,_,\xc3\xa4,") == 0);
	EXPECT_EQ(move(volume, root, "b1", root, "B1", 0), MFS_OK);
	listing.size = 0, listing.most = 9;
	EXPECT_EQ(mfs_list_after_name(volume, root, S("b1"), list_one, &listing, &at_end), MFS_OK);
	EXPECT(at_end && strcmp(listing.text, "b10,b2,Z,_,\xc3\xa4,") == 0);
	listing.size = 0, listing.text[0] = 0;
	EXPECT_EQ(mfs_list_after_name(volume, root, S("\xef\xbf\xbf"), list_one, &listing, &at_end), MFS_OK);
	EXPECT(at_end && listing.size == 0);
	EXPECT_EQ(mfs_list_after_position(volume, root, 0, list_one, &listing, &at_end), MFS_NOT_SUPPORTED);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Thousands of entries come and go; the listing, cut into pieces at random, tells each that stays once. */
static void large_directories(void)
{
	for (unsigned order = 0; order < 2; order++) {
		struct mfs_volume *volume = order ? ntfs_volume() : posix_volume();
		struct mfs_node *root = mfs_volume_root(volume);
		static unsigned char there[6000], told[6000];
		uint64_t start = used_bytes(volume);
		struct listing listing = {.position = 0};
		struct random random;
		char name[32];
		bool at_end = false;

		random_seed(&random, order);
		memset(there, 0, sizeof(there));
		memset(told, 0, sizeof(told));
		for (unsigned i = 0; i < 24000; i++) {
			unsigned at = (unsigned)random_below(&random, 6000);

			snprintf(name, sizeof(name), "samestart%u", at);
			if (!there[at])
				mfs_node_drop(volume, make(volume, root, name, MFS_FILE));
			else
				EXPECT_EQ(unlink_any(volume, root, name), MFS_OK);
			there[at] ^= 1;
		}
		while (!at_end) {
			unsigned most = (unsigned)random_between(&random, 1, 400), at;

			listing.size = 0;
			listing.most = most;
			if (order)
				mfs_list_after_name(volume, root, listing.last, listing.last_size, list_one,
						    &listing, &at_end);
			else
				mfs_list_after_position(volume, root, listing.position, list_one, &listing,
							&at_end);
			for (char *from = listing.text, *comma; listing.size; from = comma + 1) {
				comma = strchr(from, ',');
				if (!comma)
					break;
				at = (unsigned)atoi(from + 9);
				told[at]++;
				/* Some that were told go, the last one told among them. */
				if (random_percent(&random, 20) || comma[1] == 0) {
					snprintf(name, sizeof(name), "samestart%u", at);
					EXPECT_EQ(unlink_any(volume, root, name), MFS_OK);
					there[at] = 2;
				}
			}
		}
		for (unsigned at = 0; at < 6000; at++)
			EXPECT_EQ(told[at], there[at] != 0);
		for (unsigned at = 0; at < 6000; at++) {
			snprintf(name, sizeof(name), "samestart%u", at);
			EXPECT_EQ(number_of(volume, root, name) != 0, there[at] == 1);
			EXPECT_EQ(unlink_any(volume, root, name), there[at] == 1 ? MFS_OK : MFS_NOT_FOUND);
		}
		EXPECT_EQ(info_of(volume, root).entries, 0);
		EXPECT_EQ(used_bytes(volume), start);
		mfs_node_drop(volume, root);
		mfs_volume_destroy(volume);
	}
}

/* ---- names ------------------------------------------------------------------------------ */

static void bad_names(void)
{
	char longest[300];
	const struct mfs_new file = {.kind = MFS_FILE};

	memset(longest, 'n', sizeof(longest));
	for (unsigned insensitive = 0; insensitive < 2; insensitive++) {
		struct mfs_volume *volume = insensitive ? ntfs_volume() : posix_volume();
		struct mfs_node *root = mfs_volume_root(volume), *node = root;
		uint64_t used = used_bytes(volume);

		EXPECT_EQ(mfs_create(volume, root, "", 0, &file, NULL), MFS_NAME_INVALID);
		EXPECT_EQ(mfs_create(volume, root, S("."), &file, NULL), MFS_NAME_INVALID);
		EXPECT_EQ(mfs_create(volume, root, S(".."), &file, NULL), MFS_NAME_INVALID);
		EXPECT_EQ(mfs_create(volume, root, S("a/b"), &file, NULL), MFS_NAME_INVALID);
		EXPECT_EQ(mfs_create(volume, root, S("a\0b"), &file, NULL), MFS_NAME_INVALID);
		EXPECT_EQ(mfs_create(volume, root, longest, 256, &file, NULL), MFS_NAME_TOO_LONG);
		EXPECT_EQ(mfs_create(volume, root, S("\xff"), &file, NULL),
			  insensitive ? MFS_NAME_INVALID : MFS_OK);
		EXPECT_EQ(mfs_unlink(volume, root, S("\xff"), MFS_REMOVE_ANY, NULL),
			  insensitive ? MFS_NAME_INVALID : MFS_OK);
		EXPECT_EQ(mfs_lookup(volume, root, longest, 256, &node), MFS_NAME_TOO_LONG);
		EXPECT(node == root);
		EXPECT_EQ(used_bytes(volume), used);
		EXPECT_EQ(mfs_create(volume, root, longest, 255, &file, NULL), MFS_OK);
		EXPECT_EQ(mfs_unlink(volume, root, longest, 255, MFS_REMOVE_FILE, NULL), MFS_OK);
		EXPECT_EQ(used_bytes(volume), used);
		mfs_node_drop(volume, root);
		mfs_volume_destroy(volume);
	}
}

static void makes_and_removes(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *directory, *file, *inner, *found = NULL;
	const struct mfs_new plain = {.kind = MFS_FILE};
	uint64_t start = used_bytes(volume), number;

	directory = make(volume, root, "d", MFS_DIRECTORY);
	file = make(volume, directory, "f", MFS_FILE);
	EXPECT_EQ(mfs_create(volume, directory, S("f"), &plain, NULL), MFS_EXISTS);
	EXPECT_EQ(mfs_create(volume, file, S("x"), &plain, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(mfs_lookup(volume, file, S("x"), &found), MFS_NOT_DIRECTORY);
	EXPECT_EQ(info_of(volume, root).links, 3);
	EXPECT_EQ(info_of(volume, directory).links, 2);
	EXPECT_EQ(info_of(volume, directory).entries, 1);
	EXPECT_EQ(mfs_unlink(volume, root, S("d"), MFS_REMOVE_FILE, NULL), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_unlink(volume, directory, S("f"), MFS_REMOVE_DIRECTORY, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(mfs_unlink(volume, root, S("d"), MFS_REMOVE_DIRECTORY, NULL), MFS_NOT_EMPTY);
	EXPECT_EQ(mfs_unlink(volume, root, S("d"), MFS_REMOVE_ANY, file), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_can_remove(volume, directory), MFS_NOT_EMPTY);
	EXPECT_EQ(mfs_can_remove(volume, file), MFS_OK);
	EXPECT(mfs_can_remove(volume, root) != MFS_OK);
	number = mfs_node_number(file);
	EXPECT_EQ(mfs_unlink(volume, directory, S("f"), MFS_REMOVE_FILE, file), MFS_OK);
	/* Deleted but open: it lives, and is known by its number. */
	EXPECT_EQ(info_of(volume, file).links, 0);
	found = mfs_node_by_number(volume, number);
	EXPECT(found == file);
	mfs_node_drop_many(volume, file, 2);
	EXPECT(!mfs_node_by_number(volume, number));
	/* A directory that is deleted while it is open is empty, and stays so. */
	EXPECT_EQ(unlink_any(volume, root, "d"), MFS_OK);
	EXPECT_EQ(mfs_create(volume, directory, S("late"), &plain, NULL), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_parent(volume, directory, &inner), MFS_NOT_FOUND);
	EXPECT_LIST(volume, directory, "");
	EXPECT_EQ(info_of(volume, directory).links, 0);
	file = make(volume, root, "g", MFS_FILE);
	EXPECT_EQ(mfs_link(volume, file, directory, S("g")), MFS_NOT_FOUND);
	EXPECT_EQ(move(volume, root, "g", directory, "g", MFS_RENAME_REPLACE), MFS_NOT_FOUND);
	EXPECT_EQ(info_of(volume, file).links, 1);
	EXPECT_EQ(unlink_any(volume, root, "g"), MFS_OK);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, directory);
	EXPECT_EQ(info_of(volume, root).links, 2);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void links(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file, *directory, *nameless;
	const struct mfs_new plain = {.kind = MFS_FILE}, of_directory = {.kind = MFS_DIRECTORY};
	uint64_t start = used_bytes(volume);
	struct mfs_info before;

	file = make(volume, root, "a", MFS_FILE);
	directory = make(volume, root, "d", MFS_DIRECTORY);
	EXPECT_EQ(mfs_link(volume, file, directory, S("b")), MFS_OK);
	before = info_of(volume, file);
	EXPECT_EQ(before.links, 2);
	EXPECT_EQ(mfs_link(volume, file, directory, S("b")), MFS_EXISTS);
	EXPECT_EQ(mfs_link(volume, directory, root, S("e")), MFS_NOT_PERMITTED);
	EXPECT_EQ(info_of(volume, file).links, 2);
	EXPECT_EQ(number_of(volume, directory, "b"), before.number);
	/* Two names of one node: moving one onto the other does nothing. */
	EXPECT_EQ(move(volume, root, "a", directory, "b", MFS_RENAME_REPLACE), MFS_OK);
	EXPECT_EQ(number_of(volume, root, "a"), before.number);
	EXPECT_EQ(move(volume, root, "a", directory, "b", 0), MFS_EXISTS);
	EXPECT_EQ(unlink_any(volume, root, "a"), MFS_OK);
	EXPECT_EQ(info_of(volume, file).links, 1);
	EXPECT_EQ(unlink_any(volume, directory, "b"), MFS_OK);
	EXPECT_EQ(mfs_link(volume, file, root, S("again")), MFS_NOT_FOUND);
	mfs_node_drop(volume, file);

	EXPECT_EQ(mfs_create_nameless(volume, &of_directory, &nameless), MFS_INVALID);
	EXPECT_EQ(mfs_create_nameless(volume, &plain, &nameless), MFS_OK);
	EXPECT_EQ(info_of(volume, nameless).links, 0);
	/* An attempt that fails leaves it nameless, to be named later. */
	EXPECT_EQ(mfs_link(volume, nameless, root, S("d")), MFS_EXISTS);
	EXPECT_EQ(mfs_link(volume, nameless, root, S("n")), MFS_OK);
	EXPECT_EQ(info_of(volume, nameless).links, 1);
	EXPECT_EQ(unlink_any(volume, root, "n"), MFS_OK);
	EXPECT_EQ(mfs_link(volume, nameless, root, S("n")), MFS_NOT_FOUND);
	mfs_node_drop(volume, nameless);
	mfs_node_drop(volume, directory);
	EXPECT_EQ(unlink_any(volume, root, "d"), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static bool same_time(const struct mfs_time *a, const struct mfs_time *b)
{
	return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/* A call that fails leaves the times alone too. */
static void failures_touch_nothing(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_set past = {.what = MFS_SET_WRITE | MFS_SET_CHANGE, .write = {5, 6}, .change = {7, 8}};
	struct mfs_info info;
	size_t done;

	EXPECT_EQ(mfs_node_set(volume, file, &past), MFS_OK);
	EXPECT_EQ(mfs_node_set(volume, root, &past), MFS_OK);
	EXPECT_EQ(mfs_link(volume, file, root, S("f")), MFS_EXISTS);
	EXPECT_EQ(mfs_link(volume, file, root, S("..")), MFS_NAME_INVALID);
	EXPECT_EQ(move(volume, root, "none", root, "f", MFS_RENAME_REPLACE), MFS_NOT_FOUND);
	EXPECT_EQ(write_at(volume, file, UINT64_MAX, "x", 1, 0, &done), MFS_TOO_BIG);
	EXPECT_EQ(unlink_any(volume, root, "none"), MFS_NOT_FOUND);
	past.write.nanoseconds = 1000000000;
	EXPECT_EQ(mfs_node_set(volume, file, &past), MFS_INVALID);
	info = info_of(volume, file);
	EXPECT(same_time(&info.change, &past.change));
	info = info_of(volume, root);
	EXPECT(same_time(&info.change, &past.change) && info.write.seconds == 5);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void renames(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *a, *b, *c, *found;
	uint64_t start = used_bytes(volume), one, two, number;

	a = make(volume, root, "a", MFS_DIRECTORY);
	b = make(volume, a, "b", MFS_DIRECTORY);
	c = make(volume, b, "c", MFS_DIRECTORY);
	EXPECT_EQ(move(volume, root, "a", b, "x", 0), MFS_LOOP);
	EXPECT_EQ(move(volume, root, "a", a, "x", 0), MFS_LOOP);
	EXPECT_EQ(move(volume, root, "a", a, "b", MFS_RENAME_EXCHANGE), MFS_LOOP);
	EXPECT_EQ(move(volume, a, "b", root, "a", MFS_RENAME_EXCHANGE), MFS_LOOP);
	EXPECT_EQ(move(volume, b, "c", root, "a", MFS_RENAME_REPLACE), MFS_NOT_EMPTY);
	EXPECT_EQ(move(volume, b, "c", root, "c", 0), MFS_OK);
	EXPECT_EQ(info_of(volume, root).links, 4);
	EXPECT_EQ(info_of(volume, b).links, 2);
	EXPECT_EQ(mfs_parent(volume, c, &found), MFS_OK);
	EXPECT(found == root);
	mfs_node_drop(volume, found);
	EXPECT_EQ(mfs_parent(volume, root, &found), MFS_OK);
	EXPECT(found == root);
	mfs_node_drop(volume, found);

	/* Over things: files over files, directories over empty directories, nothing else. */
	mfs_node_drop(volume, make(volume, root, "f", MFS_FILE));
	mfs_node_drop(volume, make(volume, b, "g", MFS_FILE));
	EXPECT_EQ(move(volume, root, "f", b, "g", 0), MFS_EXISTS);
	EXPECT_EQ(move(volume, root, "f", root, "c", MFS_RENAME_REPLACE), MFS_IS_DIRECTORY);
	EXPECT_EQ(move(volume, root, "c", root, "f", MFS_RENAME_REPLACE), MFS_NOT_DIRECTORY);
	EXPECT_EQ(move(volume, root, "c", a, "b", MFS_RENAME_REPLACE), MFS_NOT_EMPTY);
	EXPECT_EQ(move(volume, a, "b", root, "c", MFS_RENAME_REPLACE | MFS_RENAME_FILES_ONLY),
		  MFS_IS_DIRECTORY);
	one = number_of(volume, root, "f");
	EXPECT_EQ(move(volume, root, "f", b, "g", MFS_RENAME_REPLACE), MFS_OK);
	EXPECT_EQ(number_of(volume, b, "g"), one);
	EXPECT_EQ(number_of(volume, root, "f"), 0);
	number = mfs_node_number(b);
	EXPECT_EQ(move(volume, a, "b", root, "c", MFS_RENAME_REPLACE), MFS_OK);
	EXPECT_EQ(number_of(volume, root, "c"), number);
	EXPECT_EQ(info_of(volume, c).links, 0);
	EXPECT_EQ(info_of(volume, root).links, 4);
	EXPECT_EQ(info_of(volume, a).links, 2);
	mfs_node_drop(volume, c);

	/* Both places change, of different kinds too. */
	mfs_node_drop(volume, make(volume, a, "h", MFS_FILE));
	two = number_of(volume, a, "h");
	EXPECT_EQ(move(volume, root, "c", a, "h", MFS_RENAME_EXCHANGE), MFS_OK);
	EXPECT_EQ(number_of(volume, a, "h"), number);
	EXPECT_EQ(number_of(volume, root, "c"), two);
	EXPECT_EQ(info_of(volume, root).links, 3);
	EXPECT_EQ(info_of(volume, a).links, 3);
	EXPECT_EQ(move(volume, root, "c", a, "none", MFS_RENAME_EXCHANGE), MFS_NOT_FOUND);
	EXPECT_EQ(move(volume, root, "c", root, "a", MFS_RENAME_EXCHANGE | MFS_RENAME_REPLACE), MFS_INVALID);
	EXPECT_EQ(mfs_rename(volume, root, S("c"), root, S("i"), 0, a), MFS_NOT_FOUND);

	/* A whiteout stays behind. */
	EXPECT_EQ(move(volume, root, "c", root, "i", MFS_RENAME_WHITEOUT), MFS_OK);
	EXPECT_EQ(mfs_lookup(volume, root, S("c"), &found), MFS_OK);
	EXPECT_EQ(info_of(volume, found).kind, MFS_CHAR_DEVICE);
	EXPECT_EQ(info_of(volume, found).device, 0);
	mfs_node_drop(volume, found);
	EXPECT_EQ(number_of(volume, root, "i"), two);

	EXPECT_EQ(unlink_any(volume, root, "c"), MFS_OK);
	EXPECT_EQ(unlink_any(volume, root, "i"), MFS_OK);
	EXPECT_EQ(unlink_any(volume, b, "g"), MFS_OK);
	EXPECT_EQ(unlink_any(volume, a, "h"), MFS_OK);
	EXPECT_EQ(unlink_any(volume, root, "a"), MFS_OK);
	mfs_node_drop_many(volume, a, 1);
	mfs_node_drop(volume, b);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Into a directory above that is younger, and back: builds that watch over the order of locks see whether the
 * one above is locked first. */
static void moves_up_and_down(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *old = make(volume, root, "old", MFS_DIRECTORY);
	struct mfs_node *young = make(volume, root, "young", MFS_DIRECTORY);
	struct mfs_node *file = make(volume, old, "f", MFS_FILE);
	uint64_t number = mfs_node_number(file);

	EXPECT(mfs_node_number(old) < mfs_node_number(young));
	EXPECT_EQ(move(volume, root, "old", young, "old", 0), MFS_OK);
	EXPECT_EQ(move(volume, old, "f", young, "f", 0), MFS_OK);
	EXPECT_EQ(number_of(volume, young, "f"), number);
	EXPECT_EQ(move(volume, young, "f", old, "f", 0), MFS_OK);
	EXPECT_EQ(number_of(volume, old, "f"), number);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, young);
	mfs_node_drop(volume, old);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void whiteouts_belong_to_somebody(void)
{
	const struct mfs_new theirs = {.kind = MFS_CHAR_DEVICE, .uid = 1000, .gid = 2000};
	const struct mfs_new folder = {.kind = MFS_DIRECTORY};
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *found;
	uint64_t number;

	mfs_node_drop(volume, make(volume, root, "a", MFS_FILE));
	number = number_of(volume, root, "a");
	EXPECT_EQ(mfs_rename_whiteout(volume, root, S("a"), root, S("b"), MFS_RENAME_WHITEOUT, NULL, &theirs),
		  MFS_OK);
	EXPECT_EQ(number_of(volume, root, "b"), number);
	EXPECT_EQ(mfs_lookup(volume, root, S("a"), &found), MFS_OK);
	EXPECT_EQ(info_of(volume, found).kind, MFS_CHAR_DEVICE);
	EXPECT_EQ(info_of(volume, found).uid, theirs.uid);
	EXPECT_EQ(info_of(volume, found).gid, theirs.gid);
	EXPECT_EQ(info_of(volume, found).links, 1);
	mfs_node_drop(volume, found);

	/* None without the flag, and no directory. */
	EXPECT_EQ(mfs_rename_whiteout(volume, root, S("b"), root, S("c"), 0, NULL, &theirs), MFS_OK);
	EXPECT_EQ(number_of(volume, root, "b"), 0);
	EXPECT_EQ(mfs_rename_whiteout(volume, root, S("c"), root, S("b"), MFS_RENAME_WHITEOUT, NULL, &folder),
		  MFS_INVALID);
	EXPECT_EQ(number_of(volume, root, "c"), number);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void spellings(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "Name", MFS_FILE);
	struct mfs_node *other = make(volume, root, "Other", MFS_FILE);
	uint64_t number = mfs_node_number(file);
	const struct mfs_new plain = {.kind = MFS_FILE};

	EXPECT_EQ(mfs_create(volume, root, S("nAME"), &plain, NULL), MFS_EXISTS);
	EXPECT_EQ(number_of(volume, root, "NAME"), number);
	EXPECT_EQ(move(volume, root, "name", root, "nAmE", 0), MFS_OK);
	EXPECT_LIST(volume, root, "nAmE,Other,");
	EXPECT_EQ(move(volume, root, "NAME", root, "nAmE", 0), MFS_OK);
	/* The target's old spelling goes with the target. */
	EXPECT_EQ(move(volume, root, "name", root, "OTHER", MFS_RENAME_REPLACE), MFS_OK);
	EXPECT_LIST(volume, root, "OTHER,");
	EXPECT_EQ(number_of(volume, root, "other"), number);
	EXPECT_EQ(info_of(volume, other).links, 0);
	/* One name never stands twice, whatever stays behind. */
	EXPECT_EQ(move(volume, root, "other", root, "oTHER", MFS_RENAME_WHITEOUT), MFS_INVALID);
	EXPECT_LIST(volume, root, "OTHER,");
	EXPECT_EQ(info_of(volume, root).entries, 1);
	mfs_node_drop(volume, other);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* ---- paths -------------------------------------------------------------------------------- */

static enum mfs_status walk(struct mfs_volume *volume, const char *path, uint64_t *number, size_t *reparse_at)
{
	struct mfs_place place;
	enum mfs_status status = mfs_walk(volume, path, strlen(path), '\\', &place);

	*number = place.node ? mfs_node_number(place.node) : 0;
	if (reparse_at)
		*reparse_at = place.reparse_at;
	if (status == MFS_NOT_FOUND)
		EXPECT(place.parent && place.name && !place.node);
	mfs_place_drop(volume, &place);
	return status;
}

static const unsigned char odd_tag[24] = {0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};

static void walks(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *a = make(volume, root, "Aa", MFS_DIRECTORY);
	struct mfs_node *file = make(volume, a, "File", MFS_FILE),
			*point = make(volume, a, "Point", MFS_DIRECTORY);
	uint64_t number;
	size_t at, needed;
	char text[64];

	EXPECT_EQ(mfs_reparse_set(volume, point, odd_tag, sizeof(odd_tag), 0), MFS_OK);
	EXPECT_EQ(walk(volume, "\\", &number, NULL), MFS_OK);
	EXPECT_EQ(number, 1);
	EXPECT_EQ(walk(volume, "", &number, NULL), MFS_OK);
	EXPECT_EQ(walk(volume, "\\aA\\FILE", &number, NULL), MFS_OK);
	EXPECT_EQ(number, mfs_node_number(file));
	EXPECT_EQ(walk(volume, "\\aa\\none", &number, NULL), MFS_NOT_FOUND);
	EXPECT_EQ(walk(volume, "\\aa\\none\\", &number, NULL), MFS_NOT_FOUND);
	EXPECT_EQ(walk(volume, "\\aa\\none\\x", &number, NULL), MFS_PATH_NOT_FOUND);
	EXPECT_EQ(walk(volume, "\\aa\\file\\x", &number, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(walk(volume, "\\aa\\..\\x", &number, NULL), MFS_NAME_INVALID);
	EXPECT_EQ(walk(volume, "\\aa\\point", &number, NULL), MFS_OK);
	EXPECT_EQ(walk(volume, "\\aa\\point\\x\\y", &number, &at), MFS_REPARSE);
	EXPECT_EQ(number, mfs_node_number(point));
	EXPECT_EQ(at, 9);

	EXPECT_EQ(mfs_normalize(volume, S("\\aA\\fILe"), '\\', text, sizeof(text), &needed), MFS_OK);
	EXPECT(needed == 8 && memcmp(text, "\\Aa\\File", 8) == 0);
	EXPECT_EQ(mfs_normalize(volume, S("\\aA\\nEw"), '\\', text, 7, &needed), MFS_OK);
	EXPECT(needed == 7 && memcmp(text, "\\Aa\\nEw", 7) == 0);
	text[6] = '#';
	EXPECT_EQ(mfs_normalize(volume, S("\\aA\\nEw"), '\\', text, 6, &needed), MFS_BUFFER_TOO_SMALL);
	EXPECT(needed == 7 && text[6] == '#');
	EXPECT_EQ(mfs_normalize(volume, S("\\"), '\\', text, 1, &needed), MFS_OK);
	EXPECT(needed == 1 && text[0] == '\\');
	EXPECT_EQ(mfs_normalize(volume, S("\\"), '\\', text, 0, &needed), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(mfs_normalize(volume, S("\\no\\x"), '\\', text, 60, &needed), MFS_PATH_NOT_FOUND);
	EXPECT_EQ(mfs_normalize(volume, S("\\aa\\point\\x"), '\\', text, 60, &needed), MFS_REPARSE);
	EXPECT_EQ(mfs_normalize(volume, S("\\aa\\file\\x"), '\\', text, 60, &needed), MFS_NOT_DIRECTORY);
	mfs_node_drop(volume, point);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, a);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* ---- data ----------------------------------------------------------------------------------- */

static void writes_and_reads(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file), *handle = mfs_main_stream(root);
	uint64_t start = used_bytes(volume), found;
	unsigned char bytes[8] = {0};
	size_t done = 9;

	EXPECT_EQ(mfs_read(volume, stream, 0, bytes, 8, &done), MFS_END_OF_FILE);
	EXPECT_EQ(mfs_read(volume, stream, 99, bytes, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_write(volume, stream, 3, "abc", 3, 0, &done), MFS_OK);
	EXPECT_EQ(done, 3);
	EXPECT_EQ(mfs_read(volume, stream, 0, bytes, 8, &done), MFS_OK);
	EXPECT(done == 6 && memcmp(bytes, "\0\0\0abc", 6) == 0);
	EXPECT_EQ(mfs_write(volume, stream, 0, "de", 2, MFS_WRITE_APPEND, &done), MFS_OK);
	EXPECT_EQ(mfs_write(volume, stream, 7, "xyz", 3, MFS_WRITE_CONSTRAINED, &done), MFS_OK);
	EXPECT_EQ(done, 1);
	EXPECT_EQ(mfs_write(volume, stream, 8, "xyz", 3, MFS_WRITE_CONSTRAINED, &done), MFS_OK);
	EXPECT_EQ(done, 0);
	EXPECT_EQ(mfs_read(volume, stream, 3, bytes, 8, &done), MFS_OK);
	EXPECT(done == 5 && memcmp(bytes, "abcdx", 5) == 0);
	EXPECT_EQ(info_of(volume, file).size, 8);
	EXPECT_EQ(info_of(volume, file).stored, 512);
	/* At the very end of what there can be. */
	EXPECT_EQ(mfs_write(volume, stream, (uint64_t)MFS_SIZE_MAX - 2, "12345", 5, MFS_WRITE_ALL, &done),
		  MFS_TOO_BIG);
	EXPECT_EQ(mfs_write(volume, stream, (uint64_t)MFS_SIZE_MAX, "1", 1, 0, &done), MFS_TOO_BIG);
	EXPECT_EQ(info_of(volume, file).size, 8);
	EXPECT_EQ(mfs_write(volume, stream, (uint64_t)MFS_SIZE_MAX - 2, "12345", 5, 0, &done), MFS_OK);
	EXPECT_EQ(done, 2);
	EXPECT_EQ(info_of(volume, file).size, (uint64_t)MFS_SIZE_MAX);
	EXPECT_EQ(mfs_read(volume, stream, (uint64_t)MFS_SIZE_MAX - 4, bytes, 8, &done), MFS_OK);
	EXPECT(done == 4 && memcmp(bytes,
				   "\0\0"
				   "12",
				   4) == 0);
	EXPECT_EQ(mfs_next_data(volume, stream, 512, &found), MFS_OK);
	EXPECT_EQ(found, 512 * ((uint64_t)MFS_SIZE_MAX / 512));
	EXPECT_EQ(mfs_next_hole(volume, stream, 0, &found), MFS_OK);
	EXPECT_EQ(found, 512);
	EXPECT_EQ(mfs_next_hole(volume, stream, (uint64_t)MFS_SIZE_MAX - 1, &found), MFS_OK);
	EXPECT_EQ(found, (uint64_t)MFS_SIZE_MAX);
	EXPECT_EQ(mfs_next_data(volume, stream, (uint64_t)MFS_SIZE_MAX, &found), MFS_NO_DATA);
	EXPECT_EQ(mfs_set_size(volume, stream, UINT64_MAX), MFS_TOO_BIG);
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, UINT64_MAX, 0), MFS_TOO_BIG);
	/* Cut inside a sector, then grown: what was cut off is gone. */
	EXPECT_EQ(mfs_set_size(volume, stream, 4), MFS_OK);
	EXPECT_EQ(mfs_set_size(volume, stream, 8), MFS_OK);
	EXPECT_EQ(mfs_read(volume, stream, 0, bytes, 8, &done), MFS_OK);
	EXPECT(done == 8 && memcmp(bytes, "\0\0\0a\0\0\0\0", 8) == 0);
	EXPECT_EQ(mfs_set_size(volume, stream, 0), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);

	EXPECT_EQ(mfs_write(volume, handle, 0, "x", 1, 0, &done), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_read(volume, handle, 0, bytes, 1, &done), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_set_size(volume, handle, 1), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_set_allocation(volume, handle, 1), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_fallocate(volume, handle, 0, 1, 0), MFS_IS_DIRECTORY);
	EXPECT_EQ(mfs_next_hole(volume, handle, 0, &found), MFS_IS_DIRECTORY);
	mfs_stream_drop(volume, stream);
	mfs_stream_drop(volume, handle);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Fills a stream with bytes that tell where they are. */
static void fill(struct mfs_volume *volume, struct mfs_stream *stream, size_t size, unsigned char salt)
{
	unsigned char *bytes = malloc(size);
	size_t done;

	REQUIRE(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i % 241 + i / 4096 + salt) | 1;
	REQUIRE(mfs_write(volume, stream, 0, bytes, size, MFS_WRITE_ALL, &done) == MFS_OK && done == size);
	free(bytes);
}

static unsigned char byte_at(size_t at, unsigned char salt)
{
	return (unsigned char)(at % 241 + at / 4096 + salt) | 1;
}

/* Whether [at, at + size) holds what was filled in at `from`, or zeros where that is SIZE_MAX. */
static bool holds(struct mfs_volume *volume, struct mfs_stream *stream, size_t at, size_t size, size_t from,
		  unsigned char salt)
{
	unsigned char *bytes = malloc(size);
	size_t done, i = 0;

	REQUIRE(bytes);
	if (mfs_read(volume, stream, at, bytes, size, &done) == MFS_OK && done == size)
		while (i < size && bytes[i] == (from == SIZE_MAX ? 0 : byte_at(from + i, salt)))
			i++;
	free(bytes);
	return i == size;
}

static void ranges(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file);
	size_t end = 10 * PAGE + 700;
	uint64_t start = used_bytes(volume), found;

	fill(volume, stream, end, 3);
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 0, 0), MFS_INVALID);
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 1, MFS_FALLOCATE_PUNCH | MFS_FALLOCATE_ZERO), MFS_INVALID);
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 1, 32), MFS_INVALID);
	EXPECT_EQ(mfs_fallocate(volume, stream, 100, PAGE, MFS_FALLOCATE_COLLAPSE), MFS_INVALID);
	EXPECT_EQ(mfs_fallocate(volume, stream, 8 * PAGE, 3 * PAGE, MFS_FALLOCATE_COLLAPSE), MFS_INVALID);
	EXPECT_EQ(mfs_fallocate(volume, stream, 11 * PAGE, PAGE, MFS_FALLOCATE_INSERT), MFS_INVALID);
	EXPECT(holds(volume, stream, 0, end, 0, 3));

	EXPECT_EQ(mfs_fallocate(volume, stream, PAGE - 100, PAGE + 200, MFS_FALLOCATE_PUNCH), MFS_OK);
	EXPECT(holds(volume, stream, 0, PAGE - 100, 0, 3));
	EXPECT(holds(volume, stream, PAGE - 100, PAGE + 200, SIZE_MAX, 3));
	EXPECT(holds(volume, stream, 2 * PAGE + 100, end - 2 * PAGE - 100, 2 * PAGE + 100, 3));
	EXPECT_EQ(mfs_next_hole(volume, stream, 0, &found), MFS_OK);
	EXPECT_EQ(found, PAGE);
	EXPECT_EQ(info_of(volume, file).stored, (end + 511) / 512 * 512 - PAGE);

	EXPECT_EQ(mfs_fallocate(volume, stream, 2 * PAGE, 3 * PAGE, MFS_FALLOCATE_COLLAPSE), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, end - 3 * PAGE);
	EXPECT(holds(volume, stream, 2 * PAGE, end - 5 * PAGE, 5 * PAGE, 3));
	EXPECT_EQ(mfs_fallocate(volume, stream, 3 * PAGE, 2 * PAGE, MFS_FALLOCATE_INSERT), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, end - PAGE);
	EXPECT(holds(volume, stream, 2 * PAGE, PAGE, 5 * PAGE, 3));
	EXPECT(holds(volume, stream, 3 * PAGE, 2 * PAGE, SIZE_MAX, 3));
	EXPECT(holds(volume, stream, 5 * PAGE, end - 6 * PAGE, 6 * PAGE, 3));

	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 3 * PAGE, MFS_FALLOCATE_ZERO), MFS_OK);
	EXPECT(holds(volume, stream, 0, 3 * PAGE, SIZE_MAX, 3));
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 64 * PAGE, MFS_FALLOCATE_KEEP_SIZE), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, end - PAGE);
	EXPECT_EQ(info_of(volume, file).stored, 64 * PAGE);
	EXPECT_EQ(mfs_fallocate(volume, stream, 64 * PAGE, 1, 0), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, 64 * PAGE + 1);
	EXPECT(holds(volume, stream, end - PAGE, 65 * PAGE + 1 - end, SIZE_MAX, 3));
	EXPECT_EQ(mfs_set_size(volume, stream, 0), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void copies(void)
{
	for (unsigned promise = 0; promise < 2; promise++) {
		struct mfs_volume *volume = promise ? ntfs_volume() : posix_volume();
		struct mfs_node *root = mfs_volume_root(volume), *a = make(volume, root, "a", MFS_FILE);
		struct mfs_node *b = make(volume, root, "b", MFS_FILE);
		struct mfs_stream *from = mfs_main_stream(a), *to = mfs_main_stream(b);
		size_t size = 5 * PAGE + 77, big = 3 << 20;
		uint64_t done;

		fill(volume, from, size, 9);
		fill(volume, to, size, 60);
		EXPECT_EQ(mfs_fallocate(volume, from, PAGE, 2 * PAGE, MFS_FALLOCATE_PUNCH), MFS_OK);
		EXPECT_EQ(mfs_copy(volume, from, 10, to, 700, UINT64_MAX, &done), MFS_OK);
		EXPECT_EQ(done, size - 10);
		EXPECT(holds(volume, to, 0, 700, 0, 60));
		EXPECT(holds(volume, to, 700, PAGE - 10, 10, 9));
		EXPECT(holds(volume, to, 700 + PAGE - 10, 2 * PAGE, SIZE_MAX, 9));
		EXPECT(holds(volume, to, 700 + 3 * PAGE - 10, size - 3 * PAGE, 3 * PAGE, 9));
		EXPECT_EQ(info_of(volume, b).size, size + 690);
		EXPECT_EQ(mfs_copy(volume, from, size, to, 0, 5, &done), MFS_OK);
		EXPECT_EQ(done, 0);
		EXPECT_EQ(mfs_copy(volume, from, 0, from, PAGE, PAGE + 1, &done), MFS_INVALID);
		EXPECT_EQ(mfs_copy(volume, from, UINT64_MAX, to, 0, 1, &done), MFS_TOO_BIG);
		fill(volume, from, big, 5);
		EXPECT_EQ(mfs_copy(volume, from, 0, from, big, big, &done), MFS_OK);
		EXPECT_EQ(done, big);
		EXPECT(holds(volume, from, big, big, 0, 5));
		if (promise)
			EXPECT(info_of(volume, b).stored >= info_of(volume, b).size);
		mfs_stream_drop(volume, from);
		mfs_stream_drop(volume, to);
		mfs_node_drop(volume, a);
		mfs_node_drop(volume, b);
		mfs_node_drop(volume, root);
		mfs_volume_destroy(volume);
	}
}

static int no_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	(void)pieces;
	*(size_t *)context = count + bytes;
	return 42;
}

static int join_pieces(void *context, const struct mfs_piece *pieces, size_t count, size_t bytes)
{
	unsigned char *to = context;

	for (size_t i = 0; i < count; to += pieces[i++].size)
		memcpy(to, pieces[i].data, pieces[i].size);
	return (int)bytes;
}

static void pieces(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file);
	static unsigned char got[40 * PAGE];
	size_t none = 1;

	EXPECT_EQ(mfs_read_pieces(volume, stream, 0, 10, no_pieces, &none), 42);
	EXPECT_EQ(none, 0);
	fill(volume, stream, 10 * PAGE, 1);
	EXPECT_EQ(mfs_fallocate(volume, stream, PAGE, PAGE, MFS_FALLOCATE_PUNCH), MFS_OK);
	EXPECT_EQ(mfs_set_size(volume, stream, 30 * PAGE), MFS_OK);
	EXPECT_EQ(mfs_read_pieces(volume, stream, 100, SIZE_MAX, join_pieces, got), 30 * PAGE - 100);
	for (size_t i = 0; i < 30 * PAGE - 100; i++)
		REQUIRE(got[i] == (i + 100 < 10 * PAGE && (i + 100) / PAGE != 1 ? byte_at(i + 100, 1) : 0));
	EXPECT_EQ(mfs_read_pieces(volume, stream, UINT64_MAX, 10, no_pieces, &none), 42);
	EXPECT_EQ(none, 0);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Where sizes are promises, every byte of a size is charged, before anything changes. */
static void promised_sizes(void)
{
	struct mfs_options options = {.order = MFS_BY_NAME,
				      .case_insensitive = true,
				      .size_is_promise = true,
				      .unit = PAGE,
				      .max_bytes = 1 << 20};
	struct mfs_volume *volume = volume_with(&options);
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file);
	uint64_t start = used_bytes(volume), used;
	struct mfs_overwrite how = {.allocation = 0};
	static unsigned char bytes[800000];
	size_t done;

	EXPECT_EQ(mfs_set_size(volume, stream, 2 << 20), MFS_NO_SPACE);
	EXPECT_EQ(mfs_set_allocation(volume, stream, 2 << 20), MFS_NO_SPACE);
	EXPECT_EQ(mfs_write(volume, stream, 2 << 20, "x", 1, 0, &done), MFS_NO_SPACE);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_fallocate(volume, stream, 2 << 20, 1, 0), MFS_NO_SPACE);
	EXPECT_EQ(mfs_fallocate(volume, stream, 2 << 20, 1, MFS_FALLOCATE_ZERO), MFS_NO_SPACE);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_set_size(volume, stream, 100001), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start + 100001 / 512 * 512 + 512);
	EXPECT_EQ(info_of(volume, file).allocation, (100001 + PAGE - 1) / PAGE * PAGE);
	/* A gap is paid for as well; what does not fit is not written, what does is. */
	EXPECT_EQ(mfs_write(volume, stream, 200000, "x", 1, 0, &done), MFS_OK);
	EXPECT_EQ(info_of(volume, file).stored, 200192);
	EXPECT_EQ(mfs_set_size(volume, stream, 1000), MFS_OK);
	EXPECT_EQ(mfs_write(volume, stream, 500000, bytes, sizeof(bytes), MFS_WRITE_ALL, &done),
		  MFS_NO_SPACE);
	EXPECT_EQ(info_of(volume, file).stored, 1024);
	EXPECT_EQ(mfs_write(volume, stream, 500000, bytes, sizeof(bytes), 0, &done), MFS_OK);
	EXPECT(done > 500000 && done < sizeof(bytes));
	EXPECT_EQ(info_of(volume, file).size, 500000 + done);
	EXPECT_EQ(mfs_set_size(volume, stream, 1000), MFS_OK);
	/* Set aside, then given back by a smaller allocation; below the size it cuts. */
	EXPECT_EQ(mfs_set_allocation(volume, stream, 400000), MFS_OK);
	EXPECT(info_of(volume, file).allocation >= 400000);
	EXPECT_EQ(mfs_set_allocation(volume, stream, 1000), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, 1000);
	/* An overwrite that does not fit changes nothing, sparse or not. */
	used = used_bytes(volume);
	how.allocation = 2 << 20;
	EXPECT_EQ(mfs_overwrite(volume, stream, &how), MFS_NO_SPACE);
	EXPECT_EQ(info_of(volume, file).size, 1000);
	EXPECT_EQ(used_bytes(volume), used);
	how.allocation = 300000;
	EXPECT_EQ(mfs_overwrite(volume, stream, &how), MFS_OK);
	EXPECT_EQ(info_of(volume, file).size, 0);
	EXPECT(info_of(volume, file).allocation >= 300000);
	EXPECT_EQ(mfs_set_size(volume, stream, 0), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* A file of holes, overwritten with more than there is room for. */
static void overwrites_a_sparse_file(void)
{
	struct mfs_options options = {.max_bytes = 1 << 20};
	struct mfs_volume *volume = volume_with(&options);
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file);
	const struct mfs_overwrite how = {.allocation = 4 << 20};

	EXPECT_EQ(mfs_set_size(volume, stream, 8 << 20), MFS_OK);
	EXPECT_EQ(mfs_overwrite(volume, stream, &how), MFS_NO_SPACE);
	EXPECT_EQ(info_of(volume, file).size, 8 << 20);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* A full volume takes every byte that is free, and not one more; deleting brings all back. */
static void fills_up(void)
{
	struct random random;

	random_seed(&random, 8);
	for (unsigned i = 0; i < 200; i++) {
		struct mfs_options options = {.max_bytes = 300000 + random_below(&random, 4000),
					      .size_is_promise = i % 2};
		struct mfs_volume *volume = volume_with(&options);
		struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
		struct mfs_stream *stream = mfs_main_stream(file);
		static unsigned char bytes[400000];
		struct mfs_space space;
		uint64_t start = used_bytes(volume), offset = 0;
		size_t done;

		memset(bytes, 1, sizeof(bytes));
		EXPECT_EQ(mfs_write(volume, stream, 0, bytes, sizeof(bytes), MFS_WRITE_ALL, &done),
			  MFS_NO_SPACE);
		EXPECT_EQ(used_bytes(volume), start);
		while (mfs_write(volume, stream, offset, bytes, 1 + random_below(&random, sizeof(bytes)), 0,
				 &done) == MFS_OK)
			offset += done;
		EXPECT_EQ(info_of(volume, file).size, offset);
		mfs_volume_space(volume, &space);
		EXPECT(space.free_bytes < 512 + 32);
		EXPECT_EQ(space.total_bytes, options.max_bytes);
		EXPECT_EQ(space.used_bytes + space.free_bytes, space.total_bytes);
		/* What is there can be written again, and be cut. */
		EXPECT_EQ(mfs_write(volume, stream, 0, bytes, 5000, MFS_WRITE_ALL, &done), MFS_OK);
		EXPECT_EQ(mfs_fallocate(volume, stream, 3 * PAGE, PAGE, MFS_FALLOCATE_PUNCH), MFS_OK);
		EXPECT_EQ(mfs_set_size(volume, stream, 0), MFS_OK);
		EXPECT_EQ(used_bytes(volume), start);
		mfs_stream_drop(volume, stream);
		mfs_node_drop(volume, file);
		mfs_node_drop(volume, root);
		mfs_volume_destroy(volume);
	}
}

/* ---- named streams ------------------------------------------------------------------------------ */

static bool stream_names(void *context, const struct mfs_stream_entry *entry)
{
	strncat(context, entry->name, entry->name_size);
	strcat(context, ",");
	return true;
}

static void streams(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *one, *two, *main = mfs_main_stream(file), *found;
	uint64_t start = used_bytes(volume);
	const struct mfs_overwrite how = {.allocation = 0};
	struct mfs_info info;
	char names[64] = "";
	size_t done;

	EXPECT_EQ(mfs_stream_open(volume, file, S("one"), &found), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_stream_create(volume, file, "", 0, &found), MFS_NAME_INVALID);
	EXPECT_EQ(mfs_stream_create(volume, file, S("one"), &one), MFS_OK);
	EXPECT_EQ(mfs_stream_create(volume, file, S("ONE"), &two), MFS_EXISTS);
	EXPECT_EQ(mfs_stream_create(volume, file, S("two"), &two), MFS_OK);
	EXPECT(mfs_stream_node(one) == file && !mfs_stream_is_main(one) && mfs_stream_is_main(main));
	EXPECT_EQ(mfs_write(volume, one, 0, "1234567", 7, 0, &done), MFS_OK);
	mfs_stream_info(volume, one, &info);
	EXPECT_EQ(info.size, 7);
	EXPECT_EQ(info_of(volume, file).size, 0);
	EXPECT_EQ(mfs_stream_rename(volume, file, S("one"), S("Two"), false), MFS_EXISTS);
	EXPECT_EQ(mfs_stream_rename(volume, file, S("none"), S("x"), false), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_stream_rename(volume, file, S("one"), S("ONE"), false), MFS_OK);
	mfs_streams_each(volume, file, stream_names, names);
	EXPECT(strcmp(names, "ONE,two,") == 0);
	EXPECT_EQ(mfs_stream_remove(volume, file, S("two"), one), MFS_NOT_FOUND);
	/* The replaced one lives on while it is open. */
	EXPECT_EQ(mfs_stream_rename(volume, file, S("one"), S("TWO"), true), MFS_OK);
	EXPECT_EQ(mfs_write(volume, two, 0, "late", 4, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_stream_open(volume, file, S("two"), &found), MFS_OK);
	EXPECT(found == one);
	mfs_stream_drop(volume, found);
	mfs_stream_drop(volume, two);
	/* An overwrite of the file drops its streams; so does its end. */
	EXPECT_EQ(mfs_overwrite(volume, main, &how), MFS_OK);
	EXPECT_EQ(mfs_stream_open(volume, file, S("two"), &found), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_write(volume, one, 7, "8", 1, 0, &done), MFS_OK);
	mfs_stream_drop(volume, one);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_stream_create(volume, root, S("of a directory"), &one), MFS_OK);
	EXPECT_EQ(mfs_write(volume, one, 0, "x", 1, 0, &done), MFS_OK);
	mfs_stream_drop(volume, one);
	EXPECT_EQ(mfs_stream_remove(volume, root, S("of a directory"), NULL), MFS_OK);
	EXPECT_EQ(mfs_stream_create(volume, file, S("kept"), &one), MFS_OK);
	EXPECT_EQ(mfs_write(volume, one, 100000, "x", 1, 0, &done), MFS_OK);
	EXPECT_EQ(unlink_any(volume, root, "f"), MFS_OK);
	mfs_stream_drop(volume, main);
	mfs_node_drop(volume, file);
	/* The open stream alone keeps the node. */
	EXPECT_EQ(mfs_write(volume, one, 0, "x", 1, 0, &done), MFS_OK);
	mfs_stream_drop(volume, one);
	EXPECT(used_bytes(volume) < start);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* ---- metadata ------------------------------------------------------------------------------------- */

static void xattrs(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	static char value[MFS_XATTR_MAX + 1], name[256];
	uint64_t start = used_bytes(volume);
	size_t size;

	memset(name, 'n', sizeof(name));
	EXPECT_EQ(mfs_xattr_get(volume, file, S("a"), value, 9, &size), MFS_NO_ATTRIBUTE);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("a"), "xy", 2, MFS_XATTR_REPLACE), MFS_NO_ATTRIBUTE);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("a"), "xy", 2, MFS_XATTR_CREATE), MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("a"), "z", 1, MFS_XATTR_CREATE), MFS_EXISTS);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("b"), "", 0, 0), MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("a"), "new", 3, MFS_XATTR_REPLACE), MFS_OK);
	EXPECT_EQ(mfs_xattr_get(volume, file, S("a"), value, 2, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(size, 3);
	EXPECT_EQ(mfs_xattr_get(volume, file, S("a"), value, 3, &size), MFS_OK);
	EXPECT(memcmp(value, "new", 3) == 0);
	EXPECT_EQ(mfs_xattr_get(volume, file, S("b"), value, 0, &size), MFS_OK);
	EXPECT_EQ(size, 0);
	EXPECT_EQ(mfs_xattr_list(volume, file, value, 3, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(size, 4);
	EXPECT_EQ(mfs_xattr_list(volume, file, value, 4, &size), MFS_OK);
	EXPECT(memcmp(value, "a\0b", 4) == 0);
	/* A name that would fit behind one that does not is not written either. */
	EXPECT_EQ(mfs_xattr_remove(volume, file, S("a")), MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("longer"), "xy", 2, 0), MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("a"), "new", 3, 0), MFS_OK);
	memset(value, '#', 20);
	EXPECT_EQ(mfs_xattr_list(volume, file, value, 5, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(size, 11);
	EXPECT(memcmp(value + 2, "##################", 18) == 0);
	EXPECT_EQ(mfs_xattr_remove(volume, file, S("longer")), MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, S("c"), value, sizeof(value), 0), MFS_TOO_LARGE);
	EXPECT(mfs_xattr_set(volume, file, name, 256, value, 1, 0) != MFS_OK);
	EXPECT(mfs_xattr_set(volume, file, name, 0, value, 1, 0) != MFS_OK);
	EXPECT_EQ(mfs_xattr_set(volume, file, name, 255, value, MFS_XATTR_MAX, 0), MFS_OK);
	EXPECT_EQ(mfs_xattr_remove(volume, file, name, 255), MFS_OK);
	EXPECT_EQ(mfs_xattr_remove(volume, file, S("a")), MFS_OK);
	EXPECT_EQ(mfs_xattr_remove(volume, file, S("a")), MFS_NO_ATTRIBUTE);
	EXPECT_EQ(mfs_xattr_remove(volume, file, S("b")), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	/* The list may be as long as its limit, not longer. */
	for (unsigned i = 0; i < MFS_XATTR_MAX / 256; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		name[3] = 'n';
		EXPECT_EQ(mfs_xattr_set(volume, file, name, 255, "v", 1, 0), MFS_OK);
	}
	EXPECT_EQ(mfs_xattr_set(volume, file, S("x"), "v", 1, 0), MFS_TOO_LARGE);
	EXPECT_EQ(mfs_xattr_list(volume, file, value, MFS_XATTR_MAX, &size), MFS_OK);
	EXPECT_EQ(size, MFS_XATTR_MAX);
	EXPECT_EQ(unlink_any(volume, root, "f"), MFS_OK);
	mfs_node_drop(volume, file);
	EXPECT(used_bytes(volume) < start);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Two EAs: "A" = "12" and "B" = "345" (which demands to be known); and a list that deletes "a". */
static const unsigned char two_eas[] = {12, 0, 0, 0,	0, 1, 2, 0,   'a', 0,	'1', '2', 0,
					0,  0, 0, 0x80, 1, 3, 0, 'B', 0,   '3', '4', '5'};
static const unsigned char no_a[] = {0, 0, 0, 0, 0, 1, 0, 0, 'A', 0};
static const unsigned char no_b[] = {0, 0, 0, 0, 0, 1, 0, 0, 'b', 0};

static void eas(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file);
	const struct mfs_overwrite how = {.eas = two_eas, .eas_size = sizeof(two_eas)},
				   none = {.eas_size = 0};
	uint64_t start = used_bytes(volume);
	unsigned char got[64];
	size_t size;

	EXPECT_EQ(mfs_ea_get(volume, file, got, sizeof(got), &size), MFS_OK);
	EXPECT_EQ(size, 0);
	EXPECT_EQ(mfs_ea_set(volume, file, two_eas, 11, false), MFS_EA_INVALID);
	EXPECT_EQ(mfs_ea_set(volume, file, no_a, sizeof(no_a), false), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_ea_set(volume, file, two_eas, sizeof(two_eas), false), MFS_OK);
	EXPECT(mfs_ea_needed(volume, file));
	EXPECT_EQ(info_of(volume, file).ea_size, 5 + 1 + 2 + 5 + 1 + 3);
	EXPECT_EQ(mfs_ea_get(volume, file, got, 3, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(mfs_ea_get(volume, file, got, sizeof(got), &size), MFS_OK);
	EXPECT(size == sizeof(two_eas) && got[8] == 'A' && got[20] == 'B');
	EXPECT_EQ(mfs_ea_set(volume, file, no_b, sizeof(no_b), false), MFS_OK);
	EXPECT(!mfs_ea_needed(volume, file));
	EXPECT_EQ(mfs_ea_set(volume, file, no_a, sizeof(no_a), false), MFS_OK);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_overwrite(volume, stream, &how), MFS_OK);
	EXPECT(mfs_ea_needed(volume, file));
	EXPECT_EQ(mfs_overwrite(volume, stream, &none), MFS_OK);
	EXPECT_EQ(info_of(volume, file).ea_size, 0);
	EXPECT_EQ(used_bytes(volume), start);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void reparse_points(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_node *directory = make(volume, root, "d", MFS_DIRECTORY), *symlink;
	unsigned char other[24], got[64], mount[] = {3, 0, 0, 0xa0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	const struct mfs_new plain = {.kind = MFS_FILE},
			     point = {.kind = MFS_FILE, .reparse = mount, .reparse_size = sizeof(mount)};
	uint64_t start = used_bytes(volume);
	size_t size;

	memcpy(other, odd_tag, sizeof(other));
	other[23] = 99;
	EXPECT_EQ(mfs_reparse_get(volume, file, got, sizeof(got), &size), MFS_NOT_REPARSE_POINT);
	EXPECT_EQ(mfs_reparse_remove(volume, file, NULL, 0), MFS_NOT_REPARSE_POINT);
	EXPECT_EQ(mfs_reparse_set(volume, file, odd_tag, 24, MFS_REPARSE_REPLACE), MFS_NOT_REPARSE_POINT);
	EXPECT_EQ(mfs_reparse_set(volume, file, odd_tag, 23, 0), MFS_REPARSE_INVALID);
	EXPECT_EQ(mfs_reparse_set(volume, file, mount, sizeof(mount), 0), MFS_NOT_DIRECTORY);
	EXPECT_EQ(mfs_create(volume, root, S("p"), &point, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(used_bytes(volume), start);
	EXPECT_EQ(mfs_reparse_set(volume, file, odd_tag, 24, MFS_REPARSE_CREATE), MFS_OK);
	EXPECT_EQ(mfs_reparse_set(volume, file, odd_tag, 24, MFS_REPARSE_CREATE), MFS_EXISTS);
	EXPECT_EQ(mfs_reparse_set(volume, file, other, 24, 0), MFS_GUID_MISMATCH);
	other[0] = 0x35;
	EXPECT_EQ(mfs_reparse_set(volume, file, other, 24, 0), MFS_TAG_MISMATCH);
	EXPECT_EQ(mfs_reparse_remove(volume, file, other, 24), MFS_TAG_MISMATCH);
	EXPECT(mfs_reparse_remove(volume, file, odd_tag, 4) != MFS_OK);
	EXPECT_EQ(info_of(volume, file).reparse_tag, 0x1234);
	EXPECT(info_of(volume, file).attributes & MFS_A_REPARSE_POINT);
	EXPECT_EQ(mfs_reparse_set(volume, file, other, 24, MFS_REPARSE_ANY_TAG), MFS_OK);
	EXPECT_EQ(mfs_reparse_get(volume, file, got, 23, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(mfs_reparse_get(volume, file, got, 24, &size), MFS_OK);
	EXPECT(size == 24 && memcmp(got, other, 24) == 0);
	EXPECT_EQ(mfs_reparse_remove(volume, file, other, 24), MFS_OK);
	EXPECT_EQ(info_of(volume, file).attributes, MFS_A_NORMAL);
	EXPECT_EQ(used_bytes(volume), start);

	/* A directory with entries becomes no reparse point; one that is takes no entries. */
	EXPECT_EQ(mfs_create(volume, directory, S("x"), &plain, NULL), MFS_OK);
	EXPECT_EQ(mfs_reparse_set(volume, directory, mount, sizeof(mount), 0), MFS_NOT_EMPTY);
	EXPECT_EQ(unlink_any(volume, directory, "x"), MFS_OK);
	EXPECT(mfs_reparse_set(volume, root, mount, sizeof(mount), 0) != MFS_OK);
	EXPECT_EQ(mfs_reparse_set(volume, directory, mount, sizeof(mount), 0), MFS_OK);
	EXPECT_EQ(mfs_create(volume, directory, S("x"), &plain, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(info_of(volume, directory).kind, MFS_SYMLINK);
	EXPECT(info_of(volume, directory).directory);
	EXPECT_EQ(mfs_unlink(volume, root, S("d"), MFS_REMOVE_DIRECTORY, NULL), MFS_NOT_DIRECTORY);
	EXPECT_EQ(mfs_unlink(volume, root, S("d"), MFS_REMOVE_FILE, NULL), MFS_OK);
	mfs_node_drop(volume, directory);

	symlink = make(volume, root, "s", MFS_SYMLINK);
	EXPECT_EQ(info_of(volume, symlink).kind, MFS_SYMLINK);
	EXPECT_EQ(info_of(volume, symlink).size, 6);
	EXPECT_EQ(mfs_symlink_target(volume, symlink, (char *)got, 5, &size), MFS_BUFFER_TOO_SMALL);
	EXPECT_EQ(size, 6);
	EXPECT_EQ(mfs_symlink_target(volume, symlink, (char *)got, 6, &size), MFS_OK);
	EXPECT(memcmp(got, "target", 6) == 0);
	EXPECT_EQ(mfs_symlink_target(volume, file, (char *)got, 6, &size), MFS_INVALID);
	mfs_node_drop(volume, symlink);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* A descriptor with one SID as owner, whose last number tells them apart. */
static void descriptor(unsigned char to[36], unsigned char which)
{
	static const unsigned char from[36] = {1, 0, 0, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					       0, 0, 0, 0,    0,  1, 1, 0, 0, 0, 0, 0, 5, 18};

	memcpy(to, from, 36);
	to[28] = which;
}

static void security(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *nodes[600];
	unsigned char bytes[36], got[36];
	uint64_t start = used_bytes(volume), shared = 0;
	size_t size = 9;
	char name[8];

	EXPECT_EQ(mfs_security_get(volume, root, got, 0, &size), MFS_OK);
	EXPECT_EQ(size, 0);
	EXPECT_EQ(mfs_security_set(volume, root, got, 3), MFS_SECURITY_INVALID);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		nodes[i] = make(volume, root, name, MFS_FILE);
		descriptor(bytes, 1);
		EXPECT_EQ(mfs_security_set(volume, nodes[i], bytes, 36), MFS_OK);
		if (i == 0)
			shared = used_bytes(volume);
	}
	/* One descriptor for all: the last 599 nodes paid for none. */
	EXPECT_EQ(mfs_security_set(volume, root, bytes, 36), MFS_OK);
	EXPECT((used_bytes(volume) - shared) % 599 == 0);
	for (unsigned i = 0; i < 600; i++) {
		descriptor(bytes, (unsigned char)(i % 200));
		EXPECT_EQ(mfs_security_set(volume, nodes[i], bytes, 36), MFS_OK);
	}
	for (unsigned i = 0; i < 600; i++) {
		EXPECT_EQ(mfs_security_get(volume, nodes[i], got, 35, &size), MFS_BUFFER_TOO_SMALL);
		EXPECT_EQ(mfs_security_get(volume, nodes[i], got, 36, &size), MFS_OK);
		EXPECT(size == 36 && got[28] == i % 200);
		snprintf(name, sizeof(name), "%03u", i);
		EXPECT_EQ(unlink_any(volume, root, name), MFS_OK);
		mfs_node_drop(volume, nodes[i]);
	}
	EXPECT(used_bytes(volume) > start && used_bytes(volume) < start + 200);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void fields(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE), *device;
	struct mfs_new what = {.kind = MFS_BLOCK_DEVICE, .device = UINT64_C(8) << 32 | 1, .mode = 0170600};
	struct mfs_set set = {.what = MFS_SET_ATTRIBUTES | MFS_SET_MODE | MFS_SET_UID | MFS_SET_GID |
				      MFS_SET_BIRTH | MFS_SET_ACCESS | MFS_SET_WRITE | MFS_SET_CHANGE,
			      .attributes = UINT32_MAX,
			      .mode = UINT32_MAX,
			      .uid = 1,
			      .gid = 2,
			      .birth = {-1, 1},
			      .access = {2, 2},
			      .write = {3, 3},
			      .change = {4, 999999999}};
	struct mfs_info info;

	EXPECT_EQ(info_of(volume, file).attributes, MFS_A_NORMAL);
	EXPECT_EQ(info_of(volume, root).attributes, MFS_A_DIRECTORY);
	EXPECT_EQ(info_of(volume, root).number, 1);
	EXPECT_EQ(mfs_node_set(volume, file, &set), MFS_OK);
	info = info_of(volume, file);
	EXPECT_EQ(info.attributes, MFS_A_SETTABLE);
	EXPECT_EQ(info.mode, 07777);
	EXPECT(info.uid == 1 && info.gid == 2);
	EXPECT(same_time(&info.birth, &set.birth) && same_time(&info.change, &set.change));
	/* By relatime's rule: written later than read, so reading counts; then not until the next day. */
	mfs_node_accessed(volume, file, false);
	info = info_of(volume, file);
	EXPECT(info.access.seconds > 4);
	set = (struct mfs_set){.what = MFS_SET_ACCESS | MFS_SET_KEEP_CHANGE, .access = info.access};
	set.access.seconds -= 1000;
	EXPECT_EQ(mfs_node_set(volume, file, &set), MFS_OK);
	mfs_node_accessed(volume, file, false);
	info = info_of(volume, file);
	EXPECT(same_time(&info.access, &set.access) && info.change.seconds == 4);
	mfs_node_accessed(volume, file, true);
	info = info_of(volume, file);
	EXPECT(info.access.seconds > set.access.seconds);
	/* A change counts as a write does, and a nanosecond decides. */
	set = (struct mfs_set){.what = MFS_SET_ACCESS | MFS_SET_WRITE | MFS_SET_CHANGE,
			       .access = {info.access.seconds - 1000, 5},
			       .write = {1, 1},
			       .change = {info.access.seconds - 1000, 4}};
	EXPECT_EQ(mfs_node_set(volume, file, &set), MFS_OK);
	mfs_node_accessed(volume, file, false);
	info = info_of(volume, file);
	EXPECT(same_time(&info.access, &set.access));
	set.change.nanoseconds = 5;
	EXPECT_EQ(mfs_node_set(volume, file, &set), MFS_OK);
	mfs_node_accessed(volume, file, false);
	EXPECT(info_of(volume, file).access.seconds > set.access.seconds);
	for (unsigned i = 0; i < 4; i++) {
		const struct mfs_time wrong = {5, 1000000000};
		static const uint32_t what[] = {MFS_SET_BIRTH, MFS_SET_ACCESS, MFS_SET_WRITE, MFS_SET_CHANGE};

		set = (struct mfs_set){
			.what = what[i], .birth = wrong, .access = wrong, .write = wrong, .change = wrong};
		EXPECT_EQ(mfs_node_set(volume, file, &set), MFS_INVALID);
	}
	EXPECT_EQ(mfs_create(volume, root, S("dev"), &what, &device), MFS_OK);
	info = info_of(volume, device);
	EXPECT(info.device == what.device && info.mode == 0600 && info.kind == MFS_BLOCK_DEVICE);
	what.kind = (enum mfs_kind)77;
	EXPECT_EQ(mfs_create(volume, root, S("odd"), &what, NULL), MFS_INVALID);
	what = (struct mfs_new){.kind = MFS_SYMLINK};
	EXPECT_EQ(mfs_create(volume, root, S("odd"), &what, NULL), MFS_INVALID);
	mfs_node_drop(volume, device);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* ---- times ------------------------------------------------------------------------------------------ */

enum {
	MOVES_NONE,
	MOVES_ACCESS = 1,
	MOVES_WRITE = 2,
	MOVES_CHANGE = 4,
	MOVES_DATA = MOVES_WRITE | MOVES_CHANGE
};

static void make_old(struct mfs_volume *volume, struct mfs_node *node)
{
	const struct mfs_set past = {
		.what = MFS_SET_BIRTH | MFS_SET_ACCESS | MFS_SET_WRITE | MFS_SET_CHANGE,
		.birth = {1, 1},
		.access = {4, 4},
		.write = {3, 3},
		.change = {2, 2},
	};

	EXPECT_EQ(mfs_node_set(volume, node, &past), MFS_OK);
}

/* Which times of a node that was old have moved; it is old again. */
static unsigned moved(struct mfs_volume *volume, struct mfs_node *node)
{
	struct mfs_info info = info_of(volume, node);

	EXPECT_EQ(info.birth.seconds, 1);
	make_old(volume, node);
	return (info.access.seconds != 4 ? MOVES_ACCESS : 0) | (info.write.seconds != 3 ? MOVES_WRITE : 0) |
	       (info.change.seconds != 2 ? MOVES_CHANGE : 0);
}

static void times_of_data(void)
{
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *file = make(volume, root, "f", MFS_FILE);
	struct mfs_stream *stream = mfs_main_stream(file), *named;
	const struct mfs_overwrite how = {.allocation = 0};
	uint64_t copied;
	size_t done;

	make_old(volume, file);
	EXPECT_EQ(mfs_write(volume, stream, 0, "abc", 3, 0, &done), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_write(volume, stream, 0, "abc", 0, 0, &done), MFS_OK);
	EXPECT_EQ(mfs_write(volume, stream, 0, "abc", 3, MFS_WRITE_KEEP_TIMES, &done), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_NONE);
	EXPECT_EQ(mfs_set_size(volume, stream, 5000), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_set_allocation(volume, stream, 9000), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_fallocate(volume, stream, 0, 10, MFS_FALLOCATE_PUNCH), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_copy(volume, stream, 0, stream, 100, 10, &copied), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_copy(volume, stream, 6000, stream, 100, 10, &copied), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_NONE);
	EXPECT_EQ(mfs_overwrite(volume, stream, &how), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA | MOVES_ACCESS);
	EXPECT_EQ(mfs_stream_create(volume, file, S("s"), &named), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_CHANGE);
	EXPECT_EQ(mfs_write(volume, named, 0, "abc", 3, 0, &done), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_DATA);
	EXPECT_EQ(mfs_stream_rename(volume, file, S("s"), S("t"), false), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_CHANGE);
	EXPECT_EQ(mfs_stream_remove(volume, file, S("t"), NULL), MFS_OK);
	EXPECT_EQ(moved(volume, file), MOVES_CHANGE);
	mfs_stream_drop(volume, named);
	mfs_stream_drop(volume, stream);
	mfs_node_drop(volume, file);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

static void times_of_names(void)
{
	struct mfs_volume *volume = posix_volume();
	struct mfs_node *root = mfs_volume_root(volume), *a = make(volume, root, "a", MFS_DIRECTORY);
	struct mfs_node *b = make(volume, root, "b", MFS_DIRECTORY), *file = make(volume, a, "f", MFS_FILE);
	struct mfs_node *other = make(volume, b, "g", MFS_FILE);
	struct mfs_node *all[] = {root, a, b, file, other};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		make_old(volume, all[i]);
	EXPECT_EQ(mfs_link(volume, file, b, S("link")), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, b) == MOVES_DATA);
	EXPECT_EQ(unlink_any(volume, b, "link"), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, b) == MOVES_DATA);
	EXPECT_EQ(moved(volume, a), MOVES_NONE);
	EXPECT_EQ(move(volume, a, "f", a, "h", 0), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, a) == MOVES_DATA);
	EXPECT_EQ(move(volume, a, "h", b, "f", 0), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, a) == MOVES_DATA);
	EXPECT_EQ(moved(volume, b), MOVES_DATA);
	mfs_node_drop(volume, make(volume, a, "h", MFS_DIRECTORY));
	EXPECT_EQ(moved(volume, a), MOVES_DATA);
	EXPECT_EQ(move(volume, b, "f", a, "h", MFS_RENAME_EXCHANGE), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, a) == MOVES_DATA);
	EXPECT_EQ(moved(volume, b), MOVES_DATA);
	EXPECT_EQ(move(volume, b, "g", a, "h", MFS_RENAME_REPLACE), MFS_OK);
	EXPECT(moved(volume, file) == MOVES_CHANGE && moved(volume, other) == MOVES_CHANGE);
	EXPECT(moved(volume, a) == MOVES_DATA && moved(volume, b) == MOVES_DATA);
	EXPECT_EQ(moved(volume, root), MOVES_NONE);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mfs_node_drop(volume, all[i]);
	mfs_volume_destroy(volume);
}

/* ---- the volume ------------------------------------------------------------------------------------ */

static void limits(void)
{
	struct mfs_options options = {.max_bytes = 1 << 20,
				      .max_nodes = 3,
				      .label = "Label",
				      .label_size = 5,
				      .serial = 77,
				      .unit = 8192};
	struct mfs_volume *volume = volume_with(&options);
	struct mfs_node *root = mfs_volume_root(volume), *node = NULL;
	const struct mfs_new plain = {.kind = MFS_FILE};
	struct mfs_space space;
	char label[96];

	mfs_volume_space(volume, &space);
	EXPECT(space.total_bytes == 1 << 20 && space.total_nodes == 3 && space.used_nodes == 1 &&
	       space.free_nodes == 2);
	EXPECT_EQ(mfs_create(volume, root, S("a"), &plain, NULL), MFS_OK);
	EXPECT_EQ(mfs_create(volume, root, S("b"), &plain, &node), MFS_OK);
	EXPECT_EQ(mfs_create(volume, root, S("c"), &plain, NULL), MFS_NO_NODES);
	EXPECT_EQ(mfs_create(volume, root, S("b"), &plain, NULL), MFS_EXISTS);
	EXPECT_EQ(mfs_link(volume, node, root, S("c")), MFS_OK);
	EXPECT_EQ(mfs_volume_resize(volume, 1 << 20, 2), MFS_INVALID);
	EXPECT_EQ(mfs_volume_resize(volume, 16, 0), MFS_INVALID);
	EXPECT_EQ(mfs_volume_resize(volume, 2 << 20, 0), MFS_OK);
	EXPECT_EQ(mfs_create(volume, root, S("d"), &plain, NULL), MFS_OK);
	EXPECT_EQ(mfs_volume_serial(volume), 77);
	EXPECT_EQ(mfs_volume_unit(volume), 8192);
	EXPECT(mfs_volume_label(volume, label) == 5 && memcmp(label, "Label", 5) == 0);
	EXPECT_EQ(mfs_volume_set_label(volume, S("123456789012345678901234567890123")), MFS_NAME_TOO_LONG);
	EXPECT_EQ(mfs_volume_set_label(volume, S("\xff")), MFS_NAME_INVALID);
	EXPECT_EQ(mfs_volume_set_label(volume, S("a\0b")), MFS_NAME_INVALID);
	EXPECT_EQ(mfs_volume_set_label(volume, S("12345678901234567890123456789012")), MFS_OK);
	EXPECT_EQ(mfs_volume_label(volume, label), 32);
	mfs_node_drop(volume, node);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);

	options.unit = 100;
	EXPECT_EQ(mfs_volume_create(&options, &volume), MFS_INVALID);
	options.unit = 131072;
	EXPECT_EQ(mfs_volume_create(&options, &volume), MFS_INVALID);
	options.unit = 0;
	options.label = "\xff\xff";
	options.label_size = 2;
	EXPECT_EQ(mfs_volume_create(&options, &volume), MFS_NAME_INVALID);
	options.label = NULL;
	options.max_bytes = 16;
	EXPECT_EQ(mfs_volume_create(&options, &volume), MFS_NO_SPACE);
	options.max_bytes = 0;
	options.root_security = "no";
	options.root_security_size = 2;
	EXPECT_EQ(mfs_volume_create(&options, &volume), MFS_SECURITY_INVALID);
}

static void read_only(void)
{
	unsigned char bytes[36];
	struct mfs_options options = {.read_only = true,
				      .root_security = bytes,
				      .root_security_size = 36,
				      .order = MFS_BY_NAME,
				      .case_insensitive = true};
	struct mfs_volume *volume;
	struct mfs_node *root, *node = NULL;
	struct mfs_stream *stream;
	const struct mfs_new plain = {.kind = MFS_FILE};
	const struct mfs_set set = {.what = MFS_SET_MODE};
	struct mfs_info before, after;
	uint64_t used;
	size_t size;

	descriptor(bytes, 5);
	volume = volume_with(&options);
	root = mfs_volume_root(volume);
	used = used_bytes(volume);
	before = info_of(volume, root);
	EXPECT_EQ(mfs_create(volume, root, S("a"), &plain, &node), MFS_READ_ONLY);
	EXPECT_EQ(mfs_create_nameless(volume, &plain, &node), MFS_READ_ONLY);
	EXPECT_EQ(mfs_unlink(volume, root, S("a"), MFS_REMOVE_ANY, NULL), MFS_READ_ONLY);
	EXPECT_EQ(move(volume, root, "a", root, "b", 0), MFS_READ_ONLY);
	EXPECT_EQ(mfs_link(volume, root, root, S("b")), MFS_READ_ONLY);
	EXPECT_EQ(mfs_node_set(volume, root, &set), MFS_READ_ONLY);
	EXPECT_EQ(mfs_stream_create(volume, root, S("s"), &stream), MFS_READ_ONLY);
	EXPECT_EQ(mfs_xattr_set(volume, root, S("s"), "", 0, 0), MFS_READ_ONLY);
	EXPECT_EQ(mfs_ea_set(volume, root, two_eas, sizeof(two_eas), false), MFS_READ_ONLY);
	EXPECT_EQ(mfs_security_set(volume, root, bytes, 36), MFS_READ_ONLY);
	EXPECT_EQ(mfs_reparse_remove(volume, root, NULL, 0), MFS_READ_ONLY);
	EXPECT_EQ(mfs_volume_set_label(volume, S("x")), MFS_READ_ONLY);
	EXPECT_EQ(mfs_can_remove(volume, root), MFS_READ_ONLY);
	mfs_node_accessed(volume, root, true);
	EXPECT_EQ(mfs_lookup(volume, root, S("a"), &node), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_security_get(volume, root, bytes, 36, &size), MFS_OK);
	after = info_of(volume, root);
	EXPECT(same_time(&before.access, &after.access) && same_time(&before.change, &after.change));
	EXPECT_EQ(used_bytes(volume), used);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* Volumes know nothing of each other. */
static void several_volumes(void)
{
	struct mfs_volume *volumes[5];
	struct mfs_node *roots[5];
	char name[8];
	size_t done;

	for (unsigned i = 0; i < 5; i++) {
		volumes[i] = i % 2 ? ntfs_volume() : posix_volume();
		roots[i] = mfs_volume_root(volumes[i]);
	}
	EXPECT(mfs_volume_serial(volumes[0]) != mfs_volume_serial(volumes[2]));
	for (unsigned round = 0; round < 300; round++)
		for (unsigned i = 0; i < 5; i++) {
			struct mfs_node *node;

			snprintf(name, sizeof(name), "n%u", round);
			node = make(volumes[i], roots[i], name, MFS_FILE);
			EXPECT_EQ(write_at(volumes[i], node, 0, &i, sizeof(i), 0, &done), MFS_OK);
			mfs_node_drop(volumes[i], node);
		}
	mfs_volume_destroy(volumes[1]);
	mfs_volume_destroy(volumes[3]);
	for (unsigned i = 0; i < 5; i += 2) {
		struct mfs_node *node;
		struct mfs_stream *stream;
		unsigned got = 99;

		EXPECT_EQ(info_of(volumes[i], roots[i]).entries, 300);
		EXPECT_EQ(mfs_lookup(volumes[i], roots[i], S("n299"), &node), MFS_OK);
		stream = mfs_main_stream(node);
		EXPECT_EQ(mfs_read(volumes[i], stream, 0, &got, sizeof(got), &done), MFS_OK);
		EXPECT_EQ(got, i);
		/* Destroyed with references held: they die with it. */
		mfs_volume_destroy(volumes[i]);
	}
	mfs_volume_destroy(NULL);
}

/* What chattr keeps; and how an entry is spelled that was asked for otherwise. */
static void flags_and_spellings(void)
{
	const struct mfs_new new = {.flags = MFS_F_NODUMP | 0x100};
	struct mfs_set set = {.what = MFS_SET_FLAGS, .flags = MFS_F_IMMUTABLE | MFS_F_APPEND | 0xf0};
	struct mfs_volume *volume = ntfs_volume();
	struct mfs_node *root = mfs_volume_root(volume), *node;
	struct mfs_info info;
	char spelling[MFS_NAME_BYTES_MAX];
	size_t size = 0;

	REQUIRE(mfs_create(volume, root, S("ReadMe"), &new, &node) == MFS_OK);
	EXPECT_EQ(mfs_node_flags(node), MFS_F_NODUMP);
	EXPECT_EQ(mfs_node_set(volume, node, &set), MFS_OK);
	EXPECT_EQ(mfs_node_flags(node), MFS_F_IMMUTABLE | MFS_F_APPEND);
	mfs_node_info(volume, node, &info);
	EXPECT_EQ(info.flags, MFS_F_IMMUTABLE | MFS_F_APPEND);
	set = (struct mfs_set){.what = MFS_SET_MODE, .mode = 0700};
	EXPECT_EQ(mfs_node_set(volume, node, &set), MFS_OK);
	EXPECT_EQ(mfs_node_flags(node), MFS_F_IMMUTABLE | MFS_F_APPEND);
	EXPECT_EQ(mfs_spelling(volume, root, S("README"), spelling, &size), MFS_OK);
	EXPECT(size == 6 && memcmp(spelling, "ReadMe", 6) == 0);
	EXPECT_EQ(mfs_spelling(volume, root, S("none"), spelling, &size), MFS_NOT_FOUND);
	EXPECT_EQ(mfs_spelling(volume, node, S("none"), spelling, &size), MFS_NOT_DIRECTORY);
	mfs_node_drop(volume, node);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

struct resized {
	struct mfs_volume *volume;
	struct mfs_stream *stream;
	_Atomic bool stop;
};

static void *resize_body(void *argument)
{
	struct resized *resized = argument;

	while (!atomic_load(&resized->stop)) {
		mfs_set_size(resized->volume, resized->stream, 3 << 20);
		mfs_set_size(resized->volume, resized->stream, 0);
	}
	return NULL;
}

static bool is_whole(void *context, const struct mfs_stream_entry *entry)
{
	(void)context;
	EXPECT(entry->allocation >= entry->size);
	return true;
}

/* What is told of a stream that changes meanwhile still belongs together. */
static void sizes_fit_allocations(void)
{
	struct resized resized = {.volume = ntfs_volume()};
	struct mfs_node *root = mfs_volume_root(resized.volume), *node;
	const struct mfs_new new = {.kind = MFS_FILE};
	struct mfs_info info;
	pthread_t thread;

	REQUIRE(mfs_create(resized.volume, root, "f", 1, &new, &node) == MFS_OK);
	for (int named = 0; named < 2; named++) {
		if (named)
			REQUIRE(mfs_stream_create(resized.volume, node, "s", 1, &resized.stream) == MFS_OK);
		else
			resized.stream = mfs_main_stream(node);
		atomic_store(&resized.stop, false);
		REQUIRE(!pthread_create(&thread, NULL, resize_body, &resized));
		for (int i = 0; i < 200000; i++) {
			mfs_stream_info(resized.volume, resized.stream, &info);
			EXPECT(info.allocation >= info.size);
			if (named)
				mfs_streams_each(resized.volume, node, is_whole, NULL);
		}
		atomic_store(&resized.stop, true);
		pthread_join(thread, NULL);
		mfs_stream_drop(resized.volume, resized.stream);
	}
	mfs_node_drop(resized.volume, node);
	mfs_node_drop(resized.volume, root);
	mfs_volume_destroy(resized.volume);
}

int main(void)
{
	RUN(lists_by_position);
	RUN(lists_by_name);
	RUN(large_directories);
	RUN(bad_names);
	RUN(makes_and_removes);
	RUN(links);
	RUN(failures_touch_nothing);
	RUN(renames);
	RUN(moves_up_and_down);
	RUN(whiteouts_belong_to_somebody);
	RUN(spellings);
	RUN(walks);
	RUN(writes_and_reads);
	RUN(ranges);
	RUN(copies);
	RUN(pieces);
	RUN(promised_sizes);
	RUN(sizes_fit_allocations);
	RUN(overwrites_a_sparse_file);
	RUN(fills_up);
	RUN(streams);
	RUN(xattrs);
	RUN(eas);
	RUN(reparse_points);
	RUN(security);
	RUN(fields);
	RUN(times_of_data);
	RUN(times_of_names);
	RUN(limits);
	RUN(read_only);
	RUN(several_volumes);
	RUN(flags_and_spellings);
	return tests_end();
}
