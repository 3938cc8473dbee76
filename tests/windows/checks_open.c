/*
 * checks_open.c: Open and GetSecurityByName.
 */
#include "check.h"

static void open_missing(struct check *c)
{
	make_file(c, in(c, L"f"));
	want(try_open(c, in(c, L"no"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND, "a missing file");
	want(try_open(c, in(c, L"no"), FILE_OPEN, FILE_DIRECTORY_FILE), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a missing directory");
	want(try_open(c, in(c, L"no\\x"), FILE_OPEN, 0), STATUS_OBJECT_PATH_NOT_FOUND,
	     "below a missing directory");
	want(try_open(c, in(c, L"no\\x\\y"), FILE_OPEN, 0), STATUS_OBJECT_PATH_NOT_FOUND, "far below one");
	want(try_open(c, in(c, L"f\\x"), FILE_OPEN, 0), STATUS_NOT_A_DIRECTORY, "below a file");
	want(try_open(c, in(c, L"f\\"), FILE_OPEN, 0), STATUS_OBJECT_NAME_INVALID,
	     "a file with a backslash behind");
	want(try_open(c, L"\\no-such-top\\x", FILE_OPEN, 0), STATUS_OBJECT_PATH_NOT_FOUND, "below the root");
	want(try_open(c, L"\\no-such-top", FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND, "in the root");
}

static void open_kinds(struct check *c)
{
	make_file(c, in(c, L"f"));
	make_directory(c, in(c, L"d"));
	want(try_open(c, in(c, L"f"), FILE_OPEN, FILE_DIRECTORY_FILE), STATUS_NOT_A_DIRECTORY,
	     "a file as a directory");
	want(try_open(c, in(c, L"d"), FILE_OPEN, FILE_NON_DIRECTORY_FILE), STATUS_FILE_IS_A_DIRECTORY,
	     "a directory as a file");
	want(try_open(c, in(c, L"d"), FILE_OPEN, FILE_DIRECTORY_FILE), STATUS_SUCCESS, "a directory");
	want(try_open(c, in(c, L"d\\"), FILE_OPEN, 0), STATUS_SUCCESS, "a directory with a backslash behind");
	want(try_open(c, L"\\", FILE_OPEN, 0), STATUS_SUCCESS, "the root");
	want(try_open(c, L"\\", FILE_OPEN_IF, FILE_DIRECTORY_FILE), STATUS_SUCCESS, "the root, or make it");
	want(try_open(c, in(c, L"f"), FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE),
	     STATUS_INVALID_PARAMETER, "both at once");
}

static void one_context(struct check *c)
{
	struct host_file *first = made_file(c, in(c, L"f")), *second = existing(c, in(c, L"f"));
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0),
			 *again = existing(c, in(c, L"f:s"));

	if (!first || !second || !stream || !again)
		return;
	yes(host_context(first) == host_context(second), "two handles of a file have one context");
	yes(host_context(stream) == host_context(again), "two handles of a stream have one context");
	yes(host_context(stream) != host_context(first), "which is not the file's");
	yes(put(first, 0, "abc", 3) && holds_text(second, 0, "abc"), "one handle reads what the other wrote");
	want_number(info_of(stream).index, info_of(first).index, "a stream has its file's index");
	shut(first);
	yes(holds_text(second, 0, "abc"), "the second handle outlives the first");
	shut(again);
	shut(stream);
	shut(second);
}

static void many_opens(struct check *c)
{
	struct host_file *files[200];
	UINT64 used = bytes_used(c->fs);

	make_filled(c, in(c, L"f"), "x");
	unsigned good = 0;
	for (unsigned i = 0; i < 200; i++)
		good += (files[i] = existing(c, in(c, L"f"))) != NULL;
	want_number(good, 200, "200 handles of one file");
	delete_path(c->fs, in(c, L"f"));
	yes(!exists(c, in(c, L"f")), "deleted under them");
	for (unsigned i = 0; i < 200; i++)
		shut(files[i]);
	want_number(bytes_used(c->fs), used, "its bytes come back with the last of them");
}

/* ---- GetSecurityByName as the DLL uses it, and in ways it may ------------------------------------- */

static NTSTATUS by_name(struct check *c, const WCHAR *path, UINT32 *attributes, void *descriptor,
			SIZE_T *size)
{
	WCHAR name[1200];

	wcscpy(name, path);
	NTSTATUS status =
		host_note(c->fs, SLOT(get_security_by_name),
			  c->fs->calls.get_security_by_name(&c->fs->api, name, attributes, descriptor, size));
	if (wcscmp(name, path) != 0)
		report_check(false, "GetSecurityByName left %ls changed", path);
	return status;
}

static void security_by_name(struct check *c)
{
	UINT8 buffer[1024], same[1024];
	UINT32 attributes = 0;
	SIZE_T size = sizeof buffer, needed, other = sizeof same;

	make_file(c, in(c, L"f"));
	want(by_name(c, in(c, L"f"), NULL, NULL, NULL), STATUS_SUCCESS,
	     "nothing wanted but whether it is there");
	want(by_name(c, in(c, L"no"), NULL, NULL, NULL), STATUS_OBJECT_NAME_NOT_FOUND, "it is not");
	want(by_name(c, in(c, L"f"), &attributes, NULL, NULL), STATUS_SUCCESS, "the attributes");
	want_number(attributes, FILE_ATTRIBUTE_ARCHIVE, "a file's attributes");
	want(by_name(c, in(c, L"f"), &attributes, buffer, &size), STATUS_SUCCESS,
	     "attributes and descriptor");
	yes(size > 20 && host_descriptor_valid(buffer, size), "the descriptor is one");
	needed = size;
	size = needed - 1;
	want(by_name(c, in(c, L"f"), &attributes, buffer, &size), STATUS_BUFFER_OVERFLOW,
	     "a buffer one byte short");
	want_number(size, needed, "the needed size");
	size = needed;
	want(by_name(c, in(c, L"f"), &attributes, buffer, &size), STATUS_SUCCESS, "a buffer that just fits");
	size = 0;
	want(by_name(c, in(c, L"f"), &attributes, NULL, &size), STATUS_BUFFER_OVERFLOW, "no buffer");
	want_number(size, needed, "the needed size again");
	struct host_file *file = existing(c, in(c, L"f"));
	want(host_security(file, same, &other), STATUS_SUCCESS, "GetSecurity");
	yes(other == needed && memcmp(same, buffer, needed) == 0, "is the same descriptor");
	shut(file);
	want(by_name(c, c->home, &attributes, NULL, NULL), STATUS_SUCCESS, "a directory");
	want_number(attributes, FILE_ATTRIBUTE_DIRECTORY, "its attributes");
	want(by_name(c, L"\\", &attributes, NULL, NULL), STATUS_SUCCESS, "the root");
	yes(attributes & FILE_ATTRIBUTE_DIRECTORY, "is a directory");
	want(by_name(c, in(c, L"no\\x"), &attributes, NULL, NULL), STATUS_OBJECT_PATH_NOT_FOUND, "no path");
	want(by_name(c, in(c, L"f\\x"), &attributes, NULL, NULL), STATUS_NOT_A_DIRECTORY,
	     "a file on the way");
}

static void security_by_stream_name(struct check *c)
{
	UINT32 attributes = 0;
	UINT8 buffer[1024], main[1024];
	SIZE_T size = sizeof buffer, main_size = sizeof main;

	make_file(c, in(c, L"f"));
	shut(opened(c, in(c, L"f:s"), FILE_CREATE, 0));
	make_directory(c, in(c, L"d"));
	shut(opened(c, in(c, L"d:s"), FILE_CREATE, 0));
	want(by_name(c, in(c, L"f:s"), &attributes, buffer, &size), STATUS_SUCCESS, "a stream");
	want(by_name(c, in(c, L"f"), NULL, main, &main_size), STATUS_SUCCESS, "its file");
	yes(size == main_size && memcmp(buffer, main, size) == 0, "a stream has its file's descriptor");
	want(by_name(c, in(c, L"d:s"), &attributes, NULL, NULL), STATUS_SUCCESS, "a directory's stream");
	yes(!(attributes & FILE_ATTRIBUTE_DIRECTORY), "is no directory");
	want(by_name(c, in(c, L"f:no"), &attributes, NULL, NULL), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a missing stream");
	want(by_name(c, in(c, L"no:s"), &attributes, NULL, NULL), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a stream of a missing file");
	want(by_name(c, in(c, L"no\\f:s"), &attributes, NULL, NULL), STATUS_OBJECT_PATH_NOT_FOUND,
	     "a stream below a missing directory");
	want(by_name(c, in(c, L"f\\x:s"), &attributes, NULL, NULL), STATUS_NOT_A_DIRECTORY,
	     "a stream below a file");
}

static void security_behind_links(struct check *c)
{
	UINT32 index = 0;
	SIZE_T size = 0;

	make_directory(c, in(c, L"target"));
	make_symlink(c, in(c, L"link"), L"target", true);
	make_directory(c, in(c, L"target\\deep"));
	want(by_name(c, in(c, L"link"), &index, NULL, NULL), STATUS_SUCCESS, "the link itself");
	yes(index & FILE_ATTRIBUTE_REPARSE_POINT, "shows that it is one");
	want(by_name(c, in(c, L"link\\x"), &index, NULL, &size), STATUS_REPARSE, "behind the link");
	want_number(index, wcslen(c->home) + 1, "the index of the link's component");
	want(by_name(c, in(c, L"link\\deep\\more"), &index, NULL, NULL), STATUS_REPARSE,
	     "far behind the link");
	want_number(index, wcslen(c->home) + 1, "the index of the link's component again");
	want(by_name(c, in(c, L"link\\x"), NULL, NULL, NULL), STATUS_REPARSE,
	     "without a place for the index");
	want(by_name(c, in(c, L"link\\x:s"), &index, NULL, NULL), STATUS_REPARSE, "a stream behind the link");
}

static void traverse(struct check *c)
{
	struct host_open how = {.name = in(c, L"a\\b\\f"), .disposition = FILE_OPEN, .check_traverse = true};
	struct host_file *file;

	make_directory(c, in(c, L"a"));
	make_directory(c, in(c, L"a\\b"));
	make_file(c, in(c, L"a\\b\\f"));
	LONG64 asked = c->fs->count[SLOT(get_security_by_name)];
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "every directory on the way is asked");
	want_number((UINT64)(c->fs->count[SLOT(get_security_by_name)] - asked), 5, "root, case, a, b and f");
	shut(file);
	how.name = in(c, L"a\\no\\f");
	want(host_open(c->fs, &how, &file, NULL), STATUS_OBJECT_PATH_NOT_FOUND, "one of them is missing");
	how.name = in(c, L"a\\b\\f\\x");
	want(host_open(c->fs, &how, &file, NULL), STATUS_OBJECT_PATH_NOT_FOUND, "one of them is a file");
	how.name = in(c, L"a\\b\\g");
	how.disposition = FILE_OPEN_IF;
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "creating at the end");
	shut(file);
}

static void target_directory(struct check *c)
{
	struct host_open how = {.name = in(c, L"d\\f"), .disposition = FILE_OPEN, .target_directory = true};
	struct host_answer *answer = calloc(1, sizeof *answer);
	struct host_file *file;

	make_directory(c, in(c, L"d"));
	want(host_open(c->fs, &how, &file, answer), STATUS_SUCCESS, "the directory of a target");
	want_number(answer->information, FILE_DOES_NOT_EXIST, "the target is not there");
	yes(info_of(file).attributes & FILE_ATTRIBUTE_DIRECTORY, "what is open is the directory");
	shut(file);
	make_file(c, in(c, L"d\\f"));
	want(host_open(c->fs, &how, &file, answer), STATUS_SUCCESS,
	     "the directory of a target that is there");
	want_number(answer->information, FILE_EXISTS, "is told so");
	shut(file);
	how.name = in(c, L"no\\f");
	want(host_open(c->fs, &how, &file, answer), STATUS_OBJECT_PATH_NOT_FOUND, "no such directory");
	how.name = in(c, L"d\\f\\x");
	want(host_open(c->fs, &how, &file, answer), STATUS_NOT_A_DIRECTORY, "the directory is a file");
	free(answer);
}

/* Open itself, with what the DLL asks GetSecurityByName for first. */
static void raw_open(struct check *c)
{
	static const struct {
		const WCHAR *name;
		NTSTATUS status;
	} cases[] = {
		{L"no", STATUS_OBJECT_NAME_NOT_FOUND},	 {L"no\\x", STATUS_OBJECT_PATH_NOT_FOUND},
		{L"f\\x", STATUS_NOT_A_DIRECTORY},	 {L"f:no", STATUS_OBJECT_NAME_NOT_FOUND},
		{L"no:s", STATUS_OBJECT_NAME_NOT_FOUND},
	};
	make_file(c, in(c, L"f"));
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fsp_open_info info = {0};
		WCHAR name[1200], normalized[1024];
		void *context = NULL;
		info.normalized = normalized;
		info.normalized_bytes = sizeof normalized;
		wcscpy(name, in(c, cases[i].name));
		want(host_note(
			     c->fs, SLOT(open),
			     c->fs->calls.open(&c->fs->api, name, FILE_OPEN << 24, 1, &context, &info.info)),
		     cases[i].status, "Open itself: %ls", cases[i].name);
	}
}

const struct check_case open_cases[] = {
	{"open what is missing", "GetSecurityByName", open_missing},
	{"open files and directories", "Open Close", open_kinds},
	{"one context for a node", "Open Read Write", one_context},
	{"many handles", "Open Close Cleanup", many_opens},
	{"security by name", "GetSecurityByName GetSecurity", security_by_name},
	{"security by a stream's name", "GetSecurityByName", security_by_stream_name},
	{"security behind links", "GetSecurityByName", security_behind_links},
	{"traverse", "GetSecurityByName Open", traverse},
	{"target directory", "Open GetSecurityByName", target_directory},
	{"open without the DLL", "Open", raw_open},
	{0},
};
