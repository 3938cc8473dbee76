/*
 * checks_streams.c: named streams: opening, listing, data, their file.
 */
#include "check.h"

static void opening(struct check *c)
{
	make_filled(c, in(c, L"f"), "main");
	want(try_open(c, in(c, L"f:s"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND, "a missing stream");
	want(try_open(c, in(c, L"no:s"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a stream of a missing file");
	want(try_open(c, in(c, L"f:s"), FILE_CREATE, 0), STATUS_SUCCESS, "making one");
	want(try_open(c, in(c, L"f:s"), FILE_CREATE, 0), STATUS_OBJECT_NAME_COLLISION, "making it again");
	want(try_open(c, in(c, L"f:s"), FILE_OPEN_IF, 0), STATUS_SUCCESS, "opening or making it");
	want(try_open(c, in(c, L"f:t"), FILE_OPEN_IF, 0), STATUS_SUCCESS, "and another");
	want(try_open(c, in(c, L"f:s"), FILE_OPEN, FILE_DIRECTORY_FILE), STATUS_NOT_A_DIRECTORY,
	     "as a directory");
	want(try_open(c, in(c, L"new:s"), FILE_CREATE, 0), STATUS_SUCCESS, "a stream makes its file");
	yes(exists(c, in(c, L"new")), "which is there");
	want(try_open(c, in(c, L"f:s:$DATA"), FILE_OPEN, 0), STATUS_SUCCESS, "with its type");
	want(try_open(c, in(c, L"f:s:$data"), FILE_OPEN, 0), STATUS_SUCCESS, "in any case");
	want(try_open(c, in(c, L"f:s:$INDEX"), FILE_OPEN, 0), STATUS_OBJECT_NAME_INVALID,
	     "with a wrong type");
	want(try_open(c, in(c, L"f:"), FILE_OPEN, 0), STATUS_OBJECT_NAME_INVALID, "without a name");
	struct host_file *file = existing(c, in(c, L"f::$DATA"));
	yes(holds_text(file, 0, "main"), "::$DATA is the file itself");
	shut(file);
	want(try_open(c, in(c, L"no\\f:s"), FILE_CREATE, 0), STATUS_OBJECT_PATH_NOT_FOUND, "below nothing");
	want(try_open(c, in(c, L"f:s"), FILE_OVERWRITE, 0), STATUS_SUCCESS, "overwriting one");
	want(try_open(c, in(c, L"f:no"), FILE_OVERWRITE, 0), STATUS_OBJECT_NAME_NOT_FOUND,
	     "overwriting none");
	want(try_open(c, in(c, L"f:u"), FILE_OVERWRITE_IF, 0), STATUS_SUCCESS, "overwriting or making one");
	want(try_open(c, in(c, L"f:u"), FILE_SUPERSEDE, 0), STATUS_SUCCESS, "superseding one");
}

static void data(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f")), *one = opened(c, in(c, L"f:one"), FILE_CREATE, 0);
	struct host_file *two = opened(c, in(c, L"f:two"), FILE_CREATE, 0);

	put_text(file, 0, "the file");
	put_text(one, 0, "stream one");
	put_text(two, 1000, "stream two");
	yes(holds_text(file, 0, "the file") && holds_text(one, 0, "stream one") &&
		    holds_text(two, 1000, "stream two"),
	    "each has data of its own");
	yes(holds_byte(two, 0, 1000, 0), "and holes");
	want_number(info_of(file).size, 8, "the file's size");
	want_number(info_of(one).size, 10, "a stream's size");
	want_number(info_of(two).size, 1010, "another's");
	want(host_set_size(one, 3), STATUS_SUCCESS, "cutting one");
	want_number(info_of(file).size, 8, "leaves the file");
	want_number(info_of(one).index, info_of(file).index, "one index for all");
	yes(!(info_of(one).attributes & FILE_ATTRIBUTE_DIRECTORY), "a stream is no directory");
	shut(two);
	shut(one);
	shut(file);
}

static void listing(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));

	put_text(file, 0, "12345");
	want_number((UINT64)stream_count(file), 1, "a plain file has one stream");
	want_number((UINT64)stream_size(file, L""), 5, "without a name, with the file's size");
	struct host_file *stream = opened(c, in(c, L"f:Named"), FILE_CREATE, 0);
	put_text(stream, 0, "123");
	want_number((UINT64)stream_count(file), 2, "one more");
	want_number((UINT64)stream_size(file, L"Named"), 3, "with its name and size");
	want_number((UINT64)stream_count(stream), 2, "asked through the stream it is the same");
	shut(stream);
	shut(file);
	make_directory(c, in(c, L"d"));
	file = existing(c, in(c, L"d"));
	want_number((UINT64)stream_count(file), 0, "a directory has no stream");
	shut(opened(c, in(c, L"d:s"), FILE_CREATE, 0));
	want_number((UINT64)stream_count(file), 1, "but may get one");
	yes(stream_size(file, L"s") == 0, "by its name");
	shut(file);
}

static void short_lists(struct check *c)
{
	UINT8 list[4096];
	ULONG size, full;
	struct host_file *file = made_file(c, in(c, L"f"));

	for (unsigned i = 0; i < 10; i++)
		shut(opened(c, in_format(c, L"f:stream%u", i), FILE_CREATE, 0));
	want(host_streams(file, list, sizeof list, &full), STATUS_SUCCESS, "ten streams");
	bool whole = true;
	for (ULONG length = 0; length < full; length++) {
		memset(list, 0xcc, sizeof list);
		NTSTATUS status = host_streams(file, list, length, &size);
		whole &= (NT_SUCCESS(status) || status == STATUS_INSUFFICIENT_RESOURCES) && size <= length &&
			 list[length] == 0xcc;
	}
	yes(whole, "any shorter buffer is kept to");
	want(host_streams(file, list, full, &size), STATUS_SUCCESS, "a buffer that just fits");
	want_number(size, full, "is filled");
	shut(file);
}

static void names(struct check *c)
{
	WCHAR name[300] = L"f:";

	make_file(c, in(c, L"f"));
	for (unsigned i = 2; i < 254; i++)
		name[i] = 0x4e00;
	name[254] = 0;
	want(try_open(c, in(c, name), FILE_CREATE, 0), STATUS_SUCCESS, "a long stream name");
	struct host_file *file = existing(c, in(c, L"f"));
	want_number((UINT64)stream_size(file, name + 2), 0, "is listed as it is");
	shut(file);
	want(try_open(c, in(c, L"f:Case"), FILE_CREATE, 0), STATUS_SUCCESS, "a stream name");
	want(try_open(c, in(c, L"f:cASE"), FILE_OPEN, 0),
	     c->mode.insensitive ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND, "in another spelling");
	want(try_open(c, in(c, L"f:with *?<>\" in it"), FILE_CREATE, 0), STATUS_SUCCESS,
	     "with what files may not have");
	want(try_open(c, in(c, L"f:with *?<>\" in it"), FILE_OPEN, 0), STATUS_SUCCESS, "is found");
}

static void many(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	unsigned bad = 0;

	for (unsigned i = 0; i < 300; i++) {
		struct host_file *stream = opened(c, in_format(c, L"f:%u", i), FILE_CREATE, 0);
		bad += !put(stream, 0, &i, sizeof i);
		shut(stream);
	}
	want_number(bad, 0, "300 streams");
	want_number((UINT64)stream_count(file), 301, "are all listed");
	for (unsigned i = 0; i < 300; i++) {
		struct host_file *stream = existing(c, in_format(c, L"f:%u", i));
		bad += !holds(stream, 0, &i, sizeof i);
		shut(stream);
	}
	want_number(bad, 0, "with their data");
	shut(file);
}

static void overwritten(struct check *c)
{
	make_filled(c, in(c, L"f"), "main");
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0);
	put_text(stream, 0, "stream");
	shut(stream);
	shut(opened(c, in(c, L"f:t"), FILE_CREATE, 0));
	stream = opened(c, in(c, L"f:s"), FILE_OVERWRITE, 0);
	want_number(info_of(stream).size, 0, "overwriting a stream empties it");
	shut(stream);
	struct host_file *file = existing(c, in(c, L"f"));
	yes(holds_text(file, 0, "main"), "and leaves its file");
	want_number((UINT64)stream_count(file), 3, "and the other streams");
	shut(file);
}

static void with_allocation(struct check *c)
{
	UINT64 unit = host_unit(c->fs);
	struct host_open how = {.name = in(c, L"f:s"), .disposition = FILE_CREATE, .allocation = 5 * unit};
	struct host_file *file;

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "a stream with an allocation");
	want_number(info_of(file).allocation, 5 * unit, "has it");
	shut(file);
	UINT64 used = bytes_used(c->fs);
	file = existing(c, in(c, L"f:s"));
	want(host_set_allocation(file, 100 * unit), STATUS_SUCCESS, "more");
	shut(file);
	yes(bytes_used(c->fs) <= used, "goes with the last handle");
}

const struct check_case stream_cases[] = {
	{"streams: opening", "CreateEx Open OverwriteEx GetSecurityByName", opening},
	{"streams: data", "Read Write SetFileSize GetFileInfo", data},
	{"streams: listing", "GetStreamInfo", listing},
	{"streams: short buffers", "GetStreamInfo", short_lists},
	{"streams: names", "CreateEx GetStreamInfo", names},
	{"streams: many", "CreateEx GetStreamInfo", many},
	{"streams: overwriting", "OverwriteEx GetStreamInfo", overwritten},
	{"streams: allocation", "CreateEx SetFileSize Cleanup", with_allocation},
	{0},
};
