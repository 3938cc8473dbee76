/*
 * checks_delete.c: CanDelete (SetDelete), Cleanup and Close: when a name goes, and what lives on.
 */
#include "check.h"

static void simple(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_set_delete(file, HOST_DELETE), STATUS_SUCCESS, "deleting a file");
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_DELETE_PENDING,
	     "until it is closed it is pending");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND, "then it is gone");
	file = made_file(c, in(c, L"f"));
	want(host_set_delete(file, HOST_DELETE), STATUS_SUCCESS, "deleting");
	want(host_set_delete(file, 0), STATUS_SUCCESS, "and changing one's mind");
	shut(file);
	yes(exists(c, in(c, L"f")), "leaves it there");
	shut(opened(c, in(c, L"f"), FILE_OPEN, FILE_DELETE_ON_CLOSE));
	yes(!exists(c, in(c, L"f")), "delete on close");
	shut(opened(c, in(c, L"g"), FILE_CREATE, FILE_DELETE_ON_CLOSE));
	yes(!exists(c, in(c, L"g")), "delete on close of a new file");
}

static void directories(struct check *c)
{
	struct host_file *file = made_directory(c, in(c, L"d"));

	make_file(c, in(c, L"d\\f"));
	want(host_set_delete(file, HOST_DELETE), STATUS_DIRECTORY_NOT_EMPTY, "a directory that is not empty");
	want(host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX), STATUS_DIRECTORY_NOT_EMPTY,
	     "in the POSIX way");
	delete_path(c->fs, in(c, L"d\\f"));
	shut(file);
	file = existing(c, in(c, L"d"));
	want(host_set_delete(file, HOST_DELETE), STATUS_SUCCESS, "an empty directory");
	shut(file);
	yes(!exists(c, in(c, L"d")), "goes");
	file = existing(c, L"\\");
	want(host_set_delete(file, HOST_DELETE), STATUS_CANNOT_DELETE, "the root");
	shut(file);
	make_directory(c, in(c, L"e"));
	make_file(c, in(c, L"e\\f"));
	shut(opened(c, in(c, L"e"), FILE_OPEN, FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE));
	yes(exists(c, in(c, L"e\\f")),
	    "delete on close leaves a directory that is not empty, and what is in it");
	delete_path(c->fs, in(c, L"e\\f"));
	shut(opened(c, in(c, L"e"), FILE_OPEN, FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE));
	yes(!exists(c, in(c, L"e")), "delete on close of an empty directory");
}

/* The callback that is asked, itself. */
static NTSTATUS raw_can_delete(struct check *c, struct host_file *file)
{
	struct host_fs *fs = c->fs;
	WCHAR name[1200];

	wcscpy(name, host_name(file));
	if (fs->calls.set_delete)
		return host_note(fs, SLOT(set_delete),
				 fs->calls.set_delete(&fs->api, host_context(file), name, TRUE));
	return host_note(fs, SLOT(can_delete), fs->calls.can_delete(&fs->api, host_context(file), name));
}

static void asked(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f")), *directory = made_directory(c, in(c, L"d"));
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0);
	bool setting = c->fs->calls.set_delete != NULL;

	want(raw_can_delete(c, file), STATUS_SUCCESS, "a file can be deleted");
	want(raw_can_delete(c, stream), STATUS_SUCCESS, "a stream can");
	want(raw_can_delete(c, directory), STATUS_SUCCESS, "an empty directory can");
	make_file(c, in(c, L"d\\f"));
	want(raw_can_delete(c, directory), STATUS_DIRECTORY_NOT_EMPTY, "another cannot");
	yes(exists(c, in(c, L"f")) && exists(c, in(c, L"f:s")) && exists(c, in(c, L"d")),
	    "asking deletes nothing");
	yes(setting || c->fs->calls.can_delete, "one of the two is there");
	struct host_file *root = existing(c, L"\\");
	want(raw_can_delete(c, root), STATUS_CANNOT_DELETE, "the root cannot");
	shut(root);
	shut(stream);
	shut(directory);
	shut(file);
}

static void read_only(struct check *c)
{
	const INT64 times[4] = {0};
	struct host_file *file = made_file(c, in(c, L"f"));

	host_set_basic(file, FILE_ATTRIBUTE_READONLY, times);
	want(host_set_delete(file, HOST_DELETE), STATUS_CANNOT_DELETE, "a read-only file");
	want(host_set_delete(file, HOST_DELETE | HOST_DELETE_READONLY), STATUS_SUCCESS, "unless one insists");
	shut(file);
	yes(!exists(c, in(c, L"f")), "then it goes");
	file = made_directory(c, in(c, L"d"));
	host_set_basic(file, FILE_ATTRIBUTE_READONLY, times);
	want(host_set_delete(file, HOST_DELETE), STATUS_CANNOT_DELETE, "a read-only directory");
	want(host_set_delete(file, HOST_DELETE | HOST_DELETE_READONLY), STATUS_SUCCESS, "unless one insists");
	shut(file);
	yes(!exists(c, in(c, L"d")), "then it goes");
}

static void last_handle(struct check *c)
{
	struct host_file *first = made_file(c, in(c, L"f")), *second = existing(c, in(c, L"f"));

	put_text(first, 0, "data");
	host_set_delete(first, HOST_DELETE);
	shut(first);
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_DELETE_PENDING,
	     "a deleted file stays while it is open");
	yes(holds_text(second, 0, "data"), "and can be read");
	shut(second);
	yes(!exists(c, in(c, L"f")), "and goes with the last handle");
}

static void posix(struct check *c)
{
	struct host_file *first = made_file(c, in(c, L"f")), *second = existing(c, in(c, L"f"));
	UINT64 index = info_of(first).index;

	put_text(first, 0, "data");
	want(host_set_delete(first, HOST_DELETE | HOST_DELETE_POSIX), STATUS_SUCCESS,
	     "deleting in the POSIX way");
	shut(first);
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND, "the name goes at once");
	yes(holds_text(second, 0, "data"), "the other handle reads");
	yes(put(second, 4, "more", 4) && holds_text(second, 0, "datamore"), "and writes");
	want(host_set_size(second, 100000), STATUS_SUCCESS, "and extends");
	struct host_file *fresh = made_file(c, in(c, L"f"));
	yes(info_of(fresh).index != index, "a new file of that name is another");
	want_number(info_of(fresh).size, 0, "and empty");
	put_text(fresh, 0, "fresh");
	yes(holds_text(second, 0, "data") && holds_text(fresh, 0, "fresh"), "they have nothing in common");
	want(host_set_delete(second, HOST_DELETE), STATUS_FILE_DELETED, "it cannot be deleted twice");
	want(host_rename(second, in(c, L"g"), 0), STATUS_ACCESS_DENIED, "nor renamed");
	shut(second);
	yes(exists(c, in(c, L"f")), "closing it does not harm the new file");
	yes(holds_text(fresh, 0, "fresh"), "nor its data");
	shut(fresh);
}

/* Everything that may be asked of a file between its cleanup and its close, or after it was deleted. */
static void use(struct host_file *file, const char *what)
{
	static const INT64 times[4] = {0};
	UINT8 buffer[2048];
	struct fsp_file_info info;
	SIZE_T size = sizeof buffer;
	ULONG done;

	want(host_info(file, &info), STATUS_SUCCESS, "%s: file information", what);
	yes(put(file, 0, "used", 4) && holds_text(file, 0, "used"), "%s: write and read", what);
	want(host_set_size(file, 5000), STATUS_SUCCESS, "%s: file size", what);
	want(host_set_allocation(file, 10000), STATUS_SUCCESS, "%s: allocation size", what);
	want(host_set_basic(file, FILE_ATTRIBUTE_HIDDEN, times), STATUS_SUCCESS, "%s: basic information",
	     what);
	want(host_flush(file), STATUS_SUCCESS, "%s: flush", what);
	want(host_security(file, buffer, &size), STATUS_SUCCESS, "%s: security", what);
	want(host_streams(file, buffer, sizeof buffer, &done), STATUS_SUCCESS, "%s: streams", what);
	NTSTATUS status = host_ea(file, buffer, sizeof buffer, &done);
	yes(NT_SUCCESS(status), "%s: EAs", what);
	ULONG list_size = 0;
	add_ea(buffer, &list_size, "LATE", "1", 1, 0);
	status = host_set_ea(file, buffer, list_size);
	yes(NT_SUCCESS(status), "%s: setting an EA (%08lX)", what, (unsigned long)status);
	size = sizeof buffer;
	want(host_reparse(file, buffer, &size), STATUS_NOT_A_REPARSE_POINT, "%s: reparse data", what);
}

static void after_delete(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f")),
			 *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0);

	host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX);
	host_cleanup(file);
	use(file, "a deleted file");
	use(stream, "a stream of a deleted file");
	shut(file);
	use(stream, "a stream whose file was closed");
	shut(stream);
	yes(!exists(c, in(c, L"f")), "the file is gone");
}

static void after_cleanup(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));

	host_cleanup(file);
	use(file, "a file between cleanup and close");
	shut(file);
	file = existing(c, in(c, L"f"));
	want_number(info_of(file).size, 5000, "what was done then is done");
	shut(file);
}

static void deleted_directory(struct check *c)
{
	struct host_listing listing;
	struct fsp_file_info info;
	WCHAR found[256];
	struct host_file *first = made_directory(c, in(c, L"d")), *second = existing(c, in(c, L"d"));

	want(host_set_delete(first, HOST_DELETE | HOST_DELETE_POSIX), STATUS_SUCCESS,
	     "deleting an open directory");
	shut(first);
	yes(!exists(c, in(c, L"d")), "the name goes at once");
	want(try_open(c, in(c, L"d\\x"), FILE_CREATE, 0), STATUS_OBJECT_PATH_NOT_FOUND,
	     "nothing can be made in it");
	NTSTATUS status = host_list(second, 4096, &listing);
	unsigned real = 0;
	for (unsigned i = 0; status == STATUS_SUCCESS && i < listing.count; i++)
		real += listing.entries[i].name[0] != L'.';
	yes(real == 0, "it lists nothing (%08lX)", (unsigned long)status);
	host_listing_free(&listing);
	want(host_find(second, L"x", &info, found), STATUS_OBJECT_NAME_NOT_FOUND, "it holds nothing");
	want(host_info(second, &info), STATUS_SUCCESS, "its information can be asked");
	make_directory(c, in(c, L"d"));
	make_file(c, in(c, L"d\\x"));
	want(host_find(second, L"x", &info, found), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a new one of its name is another");
	shut(second);
}

static void streams_under_deleted(struct check *c)
{
	struct host_file *stream = opened(c, in(c, L"f:one"), FILE_CREATE, 0);
	struct host_file *other = opened(c, in(c, L"f:two"), FILE_CREATE, 0);
	struct host_file *file = existing(c, in(c, L"f"));

	put_text(stream, 0, "one");
	put_text(other, 0, "two");
	host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX);
	shut(file);
	yes(!exists(c, in(c, L"f")), "the file is gone");
	yes(holds_text(stream, 0, "one") && put(stream, 3, "more", 4) && holds_text(stream, 0, "onemore"),
	    "its open stream lives on");
	make_filled(c, in(c, L"f"), "new");
	shut(opened(c, in(c, L"f:one"), FILE_CREATE, 0));
	yes(holds_text(stream, 0, "onemore"), "a new file with a stream of that name is another");
	host_set_delete(stream, HOST_DELETE);
	shut(stream);
	yes(exists(c, in(c, L"f:one")), "deleting the old stream leaves the new one");
	yes(holds_text(other, 0, "two"), "the second old stream lives on");
	shut(other);
	yes(exists(c, in(c, L"f")), "and so does the new file");
}

static void delete_stream(struct check *c)
{
	make_filled(c, in(c, L"f"), "main");
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0);
	put_text(stream, 0, "stream");
	want(host_set_delete(stream, HOST_DELETE), STATUS_SUCCESS, "deleting a stream");
	shut(stream);
	yes(!exists(c, in(c, L"f:s")), "it is gone");
	struct host_file *file = existing(c, in(c, L"f"));
	yes(holds_text(file, 0, "main"), "its file is not");
	want_number((UINT64)stream_count(file), 1, "the file has one stream");
	shut(opened(c, in(c, L"f:t"), FILE_CREATE, FILE_DELETE_ON_CLOSE));
	yes(!exists(c, in(c, L"f:t")) && exists(c, in(c, L"f")),
	    "delete on close of a stream takes the stream alone");
	struct host_file *one = opened(c, in(c, L"f:u"), FILE_CREATE, 0), *two = existing(c, in(c, L"f:u"));
	put_text(one, 0, "u");
	host_set_delete(one, HOST_DELETE | HOST_DELETE_POSIX);
	shut(one);
	yes(holds_text(two, 0, "u"), "a stream deleted in the POSIX way lives on for the other handle");
	want_number((UINT64)stream_count(file), 1, "but is not listed");
	shut(two);
	shut(file);
}

static void many(struct check *c)
{
	UINT64 used = bytes_used(c->fs);
	unsigned bad = 0;

	for (unsigned i = 0; i < 3000; i++)
		make_file(c, in_format(c, L"file %u", i));
	for (unsigned i = 0; i < 3000; i++)
		bad += delete_path(c->fs, in_format(c, L"file %u", (i * 7) % 3000)) != STATUS_SUCCESS;
	want_number(bad, 0, "3,000 files are deleted");
	want_number(bytes_used(c->fs), used, "their bytes come back");
}

static void cleanup_calls(struct check *c)
{
	make_filled(c, in(c, L"f"), "x");
	LONG64 before = c->fs->count[SLOT(cleanup)];
	struct host_file *file = existing(c, in(c, L"f"));
	holds_text(file, 0, "x");
	shut(file);
	want_number((UINT64)(c->fs->count[SLOT(cleanup)] - before), 0, "who only reads causes no Cleanup");
	file = existing(c, in(c, L"f"));
	put_text(file, 0, "y");
	shut(file);
	want_number((UINT64)(c->fs->count[SLOT(cleanup)] - before), 1, "who writes causes one");
}

const struct check_case delete_cases[] = {
	{"delete", "Cleanup Close", simple},
	{"delete directories", "Cleanup Close GetFileInfo SetDelete", directories},
	{"ask whether to delete", "GetFileInfo SetDelete", asked},
	{"delete read-only", "Cleanup SetBasicInfo", read_only},
	{"delete with the last handle", "Cleanup", last_handle},
	{"delete in the POSIX way", "Cleanup Read Write", posix},
	{"use after delete", "Cleanup Close", after_delete},
	{"use after cleanup", "Cleanup Close", after_cleanup},
	{"use a deleted directory", "Cleanup ReadDirectory GetDirInfoByName", deleted_directory},
	{"streams of a deleted file", "Cleanup Read Write", streams_under_deleted},
	{"delete streams", "Cleanup GetStreamInfo", delete_stream},
	{"delete many", "Cleanup", many},
	{"when Cleanup comes", "Cleanup", cleanup_calls},
	{0},
};
