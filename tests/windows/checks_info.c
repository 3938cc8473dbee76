/*
 * checks_info.c: GetFileInfo and SetBasicInfo.
 */
#include "check.h"

static NTSTATUS set_attributes(struct host_file *file, ULONG attributes)
{
	const INT64 times[4] = {0};
	return host_set_basic(file, attributes, times);
}

static void attributes(struct check *c)
{
	static const ULONG settable[] = {FILE_ATTRIBUTE_READONLY,
					 FILE_ATTRIBUTE_HIDDEN,
					 FILE_ATTRIBUTE_SYSTEM,
					 FILE_ATTRIBUTE_ARCHIVE,
					 FILE_ATTRIBUTE_TEMPORARY,
					 FILE_ATTRIBUTE_OFFLINE,
					 FILE_ATTRIBUTE_NOT_CONTENT_INDEXED};
	struct host_file *file = made_file(c, in(c, L"f")), *other = existing(c, in(c, L"f"));

	for (unsigned i = 0; i < sizeof settable / sizeof *settable; i++) {
		want(set_attributes(file, settable[i]), STATUS_SUCCESS, "attribute %lx",
		     (unsigned long)settable[i]);
		want_number(info_of(other).attributes, settable[i], "attribute %lx is set",
			    (unsigned long)settable[i]);
	}
	want(set_attributes(file, FILE_ATTRIBUTE_NORMAL), STATUS_SUCCESS, "none");
	want_number(info_of(other).attributes, FILE_ATTRIBUTE_NORMAL, "none is told as NORMAL");
	want(set_attributes(file, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_NORMAL), STATUS_SUCCESS,
	     "NORMAL and another");
	want_number(info_of(other).attributes, FILE_ATTRIBUTE_HIDDEN, "is the other alone");
	want(set_attributes(file, 0), STATUS_SUCCESS, "leaving them alone");
	want_number(info_of(other).attributes, FILE_ATTRIBUTE_HIDDEN, "leaves them alone");
	want(set_attributes(file, FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_SYSTEM), STATUS_SUCCESS,
	     "a directory bit");
	want_number(info_of(other).attributes, FILE_ATTRIBUTE_SYSTEM, "makes no directory");
	shut(other);
	shut(file);
}

static void directory_attributes(struct check *c)
{
	struct host_file *file = made_directory(c, in(c, L"d"));

	want(set_attributes(file, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_READONLY), STATUS_SUCCESS,
	     "of a directory");
	want_number(info_of(file).attributes,
		    FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_READONLY, "are set");
	want(set_attributes(file, FILE_ATTRIBUTE_NORMAL), STATUS_SUCCESS, "none");
	want_number(info_of(file).attributes, FILE_ATTRIBUTE_DIRECTORY, "leaves it a directory");
	want(set_attributes(file, FILE_ATTRIBUTE_TEMPORARY), STATUS_INVALID_PARAMETER,
	     "no temporary directory");
	shut(file);
	file = existing(c, L"\\");
	ULONG old = info_of(file).attributes;
	want(set_attributes(file, FILE_ATTRIBUTE_SYSTEM), STATUS_SUCCESS, "of the root");
	yes(info_of(file).attributes & FILE_ATTRIBUTE_SYSTEM, "are set");
	want(set_attributes(file, old), STATUS_SUCCESS, "back again");
	shut(file);
}

/* SetBasicInfo itself, with what the driver would have changed. */
static NTSTATUS raw_basic(struct host_file *file, UINT32 attributes, struct fsp_file_info *info)
{
	struct host_fs *fs = file->fs;

	return host_note(
		fs, SLOT(set_basic_info),
		fs->calls.set_basic_info(&fs->api, host_context(file), attributes, 0, 0, 0, 0, info));
}

static void raw_attributes(struct check *c)
{
	struct fsp_file_info info = {0};
	struct host_file *file = made_file(c, in(c, L"f")), *directory = made_directory(c, in(c, L"d"));

	want(raw_basic(file, FILE_ATTRIBUTE_HIDDEN, &info), STATUS_SUCCESS, "SetBasicInfo itself");
	want(raw_basic(file, INVALID_FILE_ATTRIBUTES, &info), STATUS_SUCCESS, "all bits");
	want_number(info.attributes, FILE_ATTRIBUTE_HIDDEN, "leave the attributes alone");
	want(raw_basic(file, 0, &info), STATUS_SUCCESS, "no bits");
	want_number(info.attributes, FILE_ATTRIBUTE_NORMAL, "are NORMAL");
	want(raw_basic(directory, 0, &info), STATUS_SUCCESS, "no bits for a directory");
	want_number(info.attributes, FILE_ATTRIBUTE_DIRECTORY, "leave the directory bit");
	want(raw_basic(file, FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_HIDDEN, &info), STATUS_SUCCESS,
	     "a reparse bit");
	yes(!(info.attributes & FILE_ATTRIBUTE_REPARSE_POINT) && info.reparse_tag == 0,
	    "makes no reparse point");
	shut(directory);
	shut(file);
	make_symlink(c, in(c, L"l"), L"f", false);
	file = opened(c, in(c, L"l"), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
	want(raw_basic(file, FILE_ATTRIBUTE_HIDDEN, &info), STATUS_SUCCESS, "no reparse bit for a link");
	yes(info.attributes == (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_HIDDEN) &&
		    info.reparse_tag == TAG_SYMLINK,
	    "leaves it a link");
	shut(file);
}

static bool times_are(struct host_file *file, const INT64 times[4])
{
	struct fsp_file_info info = info_of(file);

	return info.creation == (UINT64)times[0] && info.access == (UINT64)times[1] &&
	       info.write == (UINT64)times[2] && info.change == (UINT64)times[3];
}

static void times(struct check *c)
{
	static const INT64 sets[][4] = {
		{1, 2, 3, 4},
		{116444736000000001, 116444736000000002, 116444735999999999, 116444736000000000},
		{0x01da000012345679, 0x01da00001234567a, 0x01da00001234567b, 0x01da00001234567c},
		{0x7fffffffffffffff, 0x7ffffffffffffffe, 0x7ffffffffffffffd, 0x7ffffffffffffffc},
	};
	struct host_file *file = made_file(c, in(c, L"f"));

	for (unsigned i = 0; i < 4; i++) {
		want(host_set_basic(file, 0, sets[i]), STATUS_SUCCESS, "times, set %u", i);
		yes(times_are(file, sets[i]), "times, set %u, are kept to 100 ns", i);
	}
	for (unsigned i = 0; i < 4; i++) {
		INT64 one[4] = {0}, expected[4];
		memcpy(expected, sets[1], sizeof expected);
		host_set_basic(file, 0, sets[1]);
		one[i] = expected[i] = 0x01da000012340000;
		/* A change time that is not given becomes now: compare all but it. */
		want(host_set_basic(file, 0, one), STATUS_SUCCESS, "time %u alone", i);
		struct fsp_file_info info = info_of(file);
		yes(info.creation == (UINT64)expected[0] && info.access == (UINT64)expected[1] &&
			    info.write == (UINT64)expected[2] &&
			    (i < 3 || info.change == (UINT64)expected[3]),
		    "time %u alone changes no other", i);
	}
	const INT64 never[4] = {-1, -1, -1, -1};
	host_set_basic(file, 0, sets[2]);
	want(host_set_basic(file, 0, never), STATUS_SUCCESS, "times of -1");
	struct fsp_file_info info = info_of(file);
	yes(info.creation == (UINT64)sets[2][0] && info.write == (UINT64)sets[2][2], "leave them alone");
	shut(file);
	struct host_file *directory = made_directory(c, in(c, L"d"));
	want(host_set_basic(directory, 0, sets[2]), STATUS_SUCCESS, "times of a directory");
	yes(times_are(directory, sets[2]), "are kept");
	shut(directory);
}

static void directory_times(struct check *c)
{
	const INT64 old[4] = {1000, 1000, 1000, 1000};
	struct host_file *directory = made_directory(c, in(c, L"d"));

	host_set_basic(directory, 0, old);
	make_file(c, in(c, L"d\\f"));
	yes(info_of(directory).write > 1000, "a new entry moves the directory's last write");
	host_set_basic(directory, 0, old);
	delete_path(c->fs, in(c, L"d\\f"));
	yes(info_of(directory).write > 1000, "a deleted entry moves it too");
	shut(directory);
}

static void through_streams(struct check *c)
{
	const INT64 times[4] = {5000, 6000, 7000, 8000};
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0), *file = existing(c, in(c, L"f"));

	want(host_set_basic(stream, FILE_ATTRIBUTE_HIDDEN, times), STATUS_SUCCESS,
	     "basic information of a stream");
	yes(times_are(file, times) && info_of(file).attributes == FILE_ATTRIBUTE_HIDDEN, "is the file's");
	shut(stream);
	stream = existing(c, in(c, L"f:s"));
	put_text(stream, 0, "12345");
	want_number(info_of(stream).size, 5, "the size is the stream's");
	want_number(info_of(file).size, 0, "and not the file's");
	shut(stream);
	yes(info_of(file).write > 7000, "the cleanup of a written stream moves the file's last write");
	shut(file);
}

const struct check_case info_cases[] = {
	{"attributes", "SetBasicInfo GetFileInfo", attributes},
	{"attributes of directories", "SetBasicInfo GetFileInfo", directory_attributes},
	{"attributes without the driver", "SetBasicInfo", raw_attributes},
	{"times", "SetBasicInfo GetFileInfo", times},
	{"times of directories", "SetBasicInfo GetFileInfo", directory_times},
	{"information of streams", "SetBasicInfo GetFileInfo", through_streams},
	{0},
};
