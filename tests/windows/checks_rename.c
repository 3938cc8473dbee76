/*
 * checks_rename.c: Rename: files, directories, replacing, spelling, open handles.
 */
#include "check.h"

static NTSTATUS move(struct check *c, const WCHAR *from, const WCHAR *to, ULONG flags)
{
	struct host_open how = {.name = from, .disposition = FILE_OPEN, .options = FILE_OPEN_REPARSE_POINT};
	struct host_file *file;

	NTSTATUS status = host_open(c->fs, &how, &file, NULL);
	if (status != STATUS_SUCCESS)
		return status;
	status = host_rename(file, to, flags);
	host_close(file);
	return status;
}

static void files(struct check *c)
{
	make_filled(c, in(c, L"a"), "contents");
	make_directory(c, in(c, L"d"));
	struct host_file *file = existing(c, in(c, L"a"));
	UINT64 index = info_of(file).index;
	want(host_rename(file, in(c, L"b"), 0), STATUS_SUCCESS, "a file");
	yes(holds_text(file, 0, "contents"), "the handle goes with it");
	shut(file);
	yes(!exists(c, in(c, L"a")) && exists(c, in(c, L"b")), "the name moved");
	want(move(c, in(c, L"b"), in(c, L"d\\c"), 0), STATUS_SUCCESS, "into another directory");
	file = existing(c, in(c, L"d\\c"));
	want_number(info_of(file).index, index, "it is the same file");
	yes(holds_text(file, 0, "contents"), "with its contents");
	LONG64 before = c->fs->count[SLOT(rename)];
	want(host_rename(file, in(c, L"d\\c"), 0), STATUS_SUCCESS, "to its own name");
	want_number((UINT64)(c->fs->count[SLOT(rename)] - before), 0, "asks nobody");
	shut(file);
	want(move(c, in(c, L"d\\c"), in(c, L"no\\c"), 0), STATUS_OBJECT_PATH_NOT_FOUND,
	     "into a missing directory");
	make_file(c, in(c, L"f"));
	want(move(c, in(c, L"d\\c"), in(c, L"f\\c"), 0), STATUS_NOT_A_DIRECTORY, "into a file");
	yes(exists(c, in(c, L"d\\c")), "what failed changed nothing");
	want(move(c, L"\\", in(c, L"root"), 0), STATUS_INVALID_PARAMETER, "the root stays");
}

static void directories(struct check *c)
{
	make_directory(c, in(c, L"a"));
	make_directory(c, in(c, L"a\\b"));
	make_directory(c, in(c, L"a\\b\\c"));
	make_filled(c, in(c, L"a\\b\\c\\f"), "deep");
	make_directory(c, in(c, L"t"));
	want(move(c, in(c, L"a"), in(c, L"t\\z"), 0), STATUS_SUCCESS, "a directory with what is below it");
	struct host_file *file = existing(c, in(c, L"t\\z\\b\\c\\f"));
	yes(holds_text(file, 0, "deep"), "everything is there");
	shut(file);
	want(try_open(c, in(c, L"a\\b"), FILE_OPEN, 0), STATUS_OBJECT_PATH_NOT_FOUND, "and not where it was");
	NTSTATUS status = move(c, in(c, L"t"), in(c, L"t\\z\\t"), 0);
	yes(!NT_SUCCESS(status), "a directory into itself is refused (%08lX)", (unsigned long)status);
	status = move(c, in(c, L"t\\z"), in(c, L"t\\z\\b\\c\\z"), HOST_RENAME_REPLACE | HOST_RENAME_POSIX);
	yes(!NT_SUCCESS(status), "however deep (%08lX)", (unsigned long)status);
	yes(exists(c, in(c, L"t\\z\\b\\c\\f")), "and nothing was lost");
	want(move(c, in(c, L"t\\z\\b\\c"), in(c, L"c"), 0), STATUS_SUCCESS, "up again");
	want(move(c, in(c, L"t\\z"), in(c, L"z"), 0), STATUS_SUCCESS, "and its parent");
	yes(exists(c, in(c, L"c\\f")) && exists(c, in(c, L"z\\b")), "all there");
}

static void collisions(struct check *c)
{
	make_filled(c, in(c, L"a"), "a");
	make_filled(c, in(c, L"b"), "b");
	make_directory(c, in(c, L"d"));
	make_directory(c, in(c, L"e"));
	want(move(c, in(c, L"a"), in(c, L"b"), 0), STATUS_OBJECT_NAME_COLLISION, "onto a file");
	want(move(c, in(c, L"a"), in(c, L"d"), 0), STATUS_OBJECT_NAME_COLLISION, "onto a directory");
	want(move(c, in(c, L"d"), in(c, L"e"), 0), STATUS_OBJECT_NAME_COLLISION, "a directory onto one");
	want(move(c, in(c, L"d"), in(c, L"a"), 0), STATUS_OBJECT_NAME_COLLISION, "a directory onto a file");
	want(move(c, in(c, L"a"), in(c, L"d"), HOST_RENAME_REPLACE), STATUS_ACCESS_DENIED,
	     "replacing a directory");
	want(move(c, in(c, L"d"), in(c, L"e"), HOST_RENAME_REPLACE), STATUS_ACCESS_DENIED,
	     "a directory replacing a directory");
	struct host_file *file = existing(c, in(c, L"a"));
	yes(holds_text(file, 0, "a"), "what failed changed nothing");
	shut(file);
	want(move(c, in(c, L"a"), in(c, L"b"), HOST_RENAME_REPLACE), STATUS_SUCCESS, "replacing a file");
	file = existing(c, in(c, L"b"));
	yes(holds_text(file, 0, "a"), "leaves the one that came");
	shut(file);
	yes(!exists(c, in(c, L"a")), "under its new name alone");
	want(move(c, in(c, L"b"), in(c, L"c"), HOST_RENAME_REPLACE), STATUS_SUCCESS, "replacing nothing");
}

static void replaced_victims(struct check *c)
{
	const INT64 times[4] = {0};

	make_filled(c, in(c, L"a"), "winner");
	make_filled(c, in(c, L"b"), "victim");
	struct host_file *stream = opened(c, in(c, L"b:s"), FILE_CREATE, 0);
	put_text(stream, 0, "its stream");
	shut(stream);
	stream = opened(c, in(c, L"a:mine"), FILE_CREATE, 0);
	put_text(stream, 0, "moves");
	shut(stream);
	want(move(c, in(c, L"a"), in(c, L"b"), HOST_RENAME_REPLACE), STATUS_SUCCESS,
	     "over a file with a stream");
	yes(!exists(c, in(c, L"b:s")), "the victim's stream is gone");
	yes(exists(c, in(c, L"b:mine")), "the winner's stream came along");
	make_file(c, in(c, L"r"));
	struct host_file *file = existing(c, in(c, L"r"));
	host_set_basic(file, FILE_ATTRIBUTE_READONLY, times);
	shut(file);
	want(move(c, in(c, L"b"), in(c, L"r"), HOST_RENAME_REPLACE), STATUS_CANNOT_DELETE,
	     "over a read-only file");
	want(move(c, in(c, L"b"), in(c, L"r"), HOST_RENAME_REPLACE | HOST_RENAME_READONLY), STATUS_SUCCESS,
	     "unless one insists");
}

static void open_handles(struct check *c)
{
	make_filled(c, in(c, L"a"), "mover");
	make_filled(c, in(c, L"b"), "victim");
	struct host_file *mover = existing(c, in(c, L"a")), *reader = existing(c, in(c, L"a"));
	struct host_file *victim = existing(c, in(c, L"b"));

	want(host_rename(mover, in(c, L"d"), 0), STATUS_SUCCESS, "a file with another handle");
	want(host_rename(mover, in(c, L"c"), HOST_RENAME_POSIX), STATUS_SUCCESS, "in the POSIX way");
	yes(holds_text(reader, 0, "mover"), "the other handle goes along");
	want(host_rename(mover, in(c, L"b"), HOST_RENAME_REPLACE), STATUS_ACCESS_DENIED,
	     "over a file that is open");
	want(host_rename(mover, in(c, L"b"), HOST_RENAME_REPLACE | HOST_RENAME_POSIX), STATUS_SUCCESS,
	     "in the POSIX way");
	yes(holds_text(victim, 0, "victim") && put(victim, 0, "VICTIM", 6),
	    "the victim lives on while it is open");
	struct host_file *file = existing(c, in(c, L"b"));
	yes(holds_text(file, 0, "mover"), "its name means the other now");
	host_set_delete(victim, HOST_DELETE | HOST_DELETE_POSIX);
	shut(victim);
	yes(exists(c, in(c, L"b")), "deleting the victim again harms nobody");
	shut(file);
	shut(reader);
	shut(mover);
}

static void open_tree(struct check *c)
{
	make_directory(c, in(c, L"d"));
	make_filled(c, in(c, L"d\\f"), "inside");
	struct host_file *directory = existing(c, in(c, L"d")), *file = existing(c, in(c, L"d\\f"));

	want(host_rename(directory, in(c, L"e"), 0), STATUS_ACCESS_DENIED, "a directory with an open file");
	want(host_rename(directory, in(c, L"e"), HOST_RENAME_POSIX), STATUS_SUCCESS, "in the POSIX way");
	yes(holds_text(file, 0, "inside"), "the file inside can be used");
	yes(wcscmp(host_name(file), in(c, L"e\\f")) == 0, "under its new name");
	host_set_delete(file, HOST_DELETE);
	shut(file);
	yes(!exists(c, in(c, L"e\\f")), "and is deleted under it");
	shut(directory);
}

static void spelling(struct check *c)
{
	struct host_listing listing;

	make_filled(c, in(c, L"name"), "same");
	if (!c->mode.insensitive) {
		make_file(c, in(c, L"NAME"));
		want(move(c, in(c, L"name"), in(c, L"NAME"), 0), STATUS_OBJECT_NAME_COLLISION,
		     "another spelling is another name");
		want(move(c, in(c, L"name"), in(c, L"Name"), 0), STATUS_SUCCESS, "one that is free");
		yes(exists(c, in(c, L"Name")) && !exists(c, in(c, L"name")), "is where it moved");
		return;
	}
	want(move(c, in(c, L"name"), in(c, L"NAME"), 0), STATUS_SUCCESS, "another spelling of the same name");
	struct host_file *home = existing(c, c->home);
	host_list(home, 4096, &listing);
	yes(listing.count == 3 && wcscmp(listing.entries[2].name, L"NAME") == 0, "is listed");
	host_listing_free(&listing);
	shut(home);
	struct host_file *file = existing(c, in(c, L"nAmE"));
	yes(holds_text(file, 0, "same"), "and is the same file");
	want(host_rename(file, in(c, L"Name"), HOST_RENAME_REPLACE), STATUS_SUCCESS, "replacing oneself");
	yes(holds_text(file, 0, "same"), "loses nothing");
	shut(file);
	make_directory(c, in(c, L"dir"));
	make_file(c, in(c, L"dir\\f"));
	want(move(c, in(c, L"dir"), in(c, L"DIR"), 0), STATUS_SUCCESS, "a directory's spelling");
	yes(exists(c, in(c, L"Dir\\F")), "what is in it is there");
	make_file(c, in(c, L"other"));
	want(move(c, in(c, L"other"), in(c, L"dir\\F"), 0), STATUS_OBJECT_NAME_COLLISION,
	     "names collide in any case");
}

static void metadata_moves(struct check *c)
{
	const INT64 times[4] = {1000, 2000, 3000, 4000};
	UINT8 list[64];
	ULONG size = 0;
	struct host_file *file = made_file(c, in(c, L"a"));

	add_ea(list, &size, "KEPT", "value", 5, 0);
	host_set_ea(file, list, size);
	host_set_basic(file, FILE_ATTRIBUTE_HIDDEN, times);
	shut(file);
	want(move(c, in(c, L"a"), in(c, L"b"), 0), STATUS_SUCCESS, "a file with much about it");
	file = existing(c, in(c, L"b"));
	struct fsp_file_info info = info_of(file);
	yes(info.attributes == FILE_ATTRIBUTE_HIDDEN ||
		    info.attributes == (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE),
	    "keeps its attributes");
	yes(info.creation == 1000 && info.write == 3000, "its times");
	want_number((UINT64)ea_value(file, "KEPT", NULL, 0), 5, "its EAs");
	shut(file);
	make_symlink(c, in(c, L"l"), L"b", false);
	want(move(c, in(c, L"l"), in(c, L"m"), 0), STATUS_SUCCESS, "a link itself");
	file = existing(c, in(c, L"m"));
	want_number(info_of(file).creation, 1000, "still leads where it led");
	shut(file);
}

static void long_target(struct check *c)
{
	WCHAR name[300];

	make_file(c, in(c, L"a"));
	for (unsigned i = 0; i < 255; i++)
		name[i] = 0x4e00;
	name[255] = 0;
	want(move(c, in(c, L"a"), in(c, name), 0), STATUS_SUCCESS, "to 255 units");
	name[255] = 0x4e00;
	name[256] = 0;
	struct host_file *file = opened(c, in(c, L"f"), FILE_CREATE, 0);
	WCHAR from[64], to[1200];
	wcscpy(from, in(c, L"f"));
	wcscpy(to, in(c, name));
	want(host_note(c->fs, SLOT(rename),
		       c->fs->calls.rename(&c->fs->api, host_context(file), from, to, FALSE)),
	     STATUS_OBJECT_NAME_INVALID, "Rename itself: to 256 units");
	shut(file);
}

const struct check_case rename_cases[] = {
	{"rename files", "Rename", files},
	{"rename directories", "Rename", directories},
	{"rename onto something", "Rename GetSecurityByName", collisions},
	{"what a rename replaces", "Rename", replaced_victims},
	{"rename with open handles", "Rename Read Write Cleanup", open_handles},
	{"rename a directory with open files", "Rename Cleanup", open_tree},
	{"rename to another spelling", "Rename", spelling},
	{"what a rename keeps", "Rename GetEa", metadata_moves},
	{"rename to long names", "Rename", long_target},
	{0},
};
