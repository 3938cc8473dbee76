/*
 * checks_create.c: Create, Overwrite and what each disposition does.
 */
#include "check.h"

static ULONG information_of(struct check *c, const WCHAR *name, ULONG disposition, ULONG options,
			    NTSTATUS wanted)
{
	struct host_open how = {.name = name, .disposition = disposition, .options = options};
	struct host_answer *answer = calloc(1, sizeof *answer);
	struct host_file *file;

	NTSTATUS status = host_open(c->fs, &how, &file, answer);
	want(status, wanted, "disposition %lu", (unsigned long)disposition);
	shut(file);
	ULONG information = answer->information;
	free(answer);
	return status == STATUS_SUCCESS ? information : 99;
}

static void new_file(struct check *c)
{
	UINT64 before = now_100ns();
	struct host_file *file = made_file(c, in(c, L"new file"));
	struct fsp_file_info info = info_of(file);

	want_number(info.attributes, FILE_ATTRIBUTE_ARCHIVE, "a new file has the archive bit");
	want_number(info.size, 0, "a new file is empty");
	want_number(info.allocation, 0, "and has nothing set aside");
	want_number(info.ea_size, 0, "no EAs");
	want_number(info.reparse_tag, 0, "no reparse tag");
	yes(info.index != 0, "an index");
	UINT64 slack = 10000000; /* the clock may be a coarse one */
	yes(info.creation + slack >= before && info.creation <= now_100ns() + slack,
	    "its creation time is now");
	yes(info.creation == info.write && info.write == info.change && info.change == info.access,
	    "its four times are the same");
	struct host_file *other = made_file(c, in(c, L"other"));
	yes(info_of(other).index != info.index, "another file has another index");
	shut(other);
	shut(file);
	want_number(information_of(c, in(c, L"third"), FILE_CREATE, 0, STATUS_SUCCESS), FILE_CREATED,
		    "FILE_CREATED");
}

static void new_directory(struct check *c)
{
	struct host_file *file = made_directory(c, in(c, L"d"));
	struct fsp_file_info info = info_of(file);

	want_number(info.attributes, FILE_ATTRIBUTE_DIRECTORY, "a new directory has one attribute");
	want_number(info.size, 0, "no size");
	shut(file);
	struct host_open how = {.name = in(c, L"e"),
				.disposition = FILE_CREATE,
				.options = FILE_DIRECTORY_FILE,
				.attributes = FILE_ATTRIBUTE_HIDDEN};
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "a hidden directory");
	want_number(info_of(file).attributes, FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_HIDDEN,
		    "its attributes");
	shut(file);
	want(try_open(c, in(c, L"d\\e\\"), FILE_CREATE, FILE_DIRECTORY_FILE), STATUS_SUCCESS,
	     "with a backslash behind");
	want(try_open(c, in(c, L"d\\f\\"), FILE_CREATE, 0), STATUS_OBJECT_NAME_INVALID,
	     "which a file must not have");
}

static void new_with_attributes(struct check *c)
{
	const ULONG all = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM |
			  FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED |
			  FILE_ATTRIBUTE_OFFLINE;
	struct host_open how = {.name = in(c, L"f"), .disposition = FILE_CREATE, .attributes = all};
	struct host_file *file;
	ULONG done;

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "with attributes");
	want_number(info_of(file).attributes, all | FILE_ATTRIBUTE_ARCHIVE, "they are kept");
	want(host_write(file, 0, "x", 1, &done), STATUS_SUCCESS, "who creates a read-only file may write it");
	shut(file);
	struct host_open temporary = {.name = in(c, L"t"),
				      .disposition = FILE_CREATE,
				      .options = FILE_DIRECTORY_FILE,
				      .attributes = FILE_ATTRIBUTE_TEMPORARY};
	want(host_open(c->fs, &temporary, &file, NULL), STATUS_INVALID_PARAMETER, "no temporary directory");
	struct host_open doomed = {.name = in(c, L"r"),
				   .disposition = FILE_CREATE,
				   .options = FILE_DELETE_ON_CLOSE,
				   .attributes = FILE_ATTRIBUTE_READONLY};
	want(host_open(c->fs, &doomed, &file, NULL), STATUS_CANNOT_DELETE,
	     "no read-only file that goes on close");
	yes(!exists(c, in(c, L"r")), "and none was made");
}

static void collisions(struct check *c)
{
	make_filled(c, in(c, L"f"), "kept");
	make_directory(c, in(c, L"d"));
	want(try_open(c, in(c, L"f"), FILE_CREATE, 0), STATUS_OBJECT_NAME_COLLISION,
	     "a file where a file is");
	want(try_open(c, in(c, L"f"), FILE_CREATE, FILE_DIRECTORY_FILE), STATUS_OBJECT_NAME_COLLISION,
	     "a directory where a file is");
	want(try_open(c, in(c, L"d"), FILE_CREATE, FILE_DIRECTORY_FILE), STATUS_OBJECT_NAME_COLLISION,
	     "a directory where a directory is");
	want(try_open(c, in(c, L"d"), FILE_CREATE, FILE_NON_DIRECTORY_FILE), STATUS_FILE_IS_A_DIRECTORY,
	     "a file where a directory is");
	struct host_file *file = existing(c, in(c, L"f"));
	yes(holds_text(file, 0, "kept"), "what was there is unharmed");
	shut(file);
	want(try_open(c, L"\\", FILE_CREATE, FILE_DIRECTORY_FILE), STATUS_ACCESS_DENIED,
	     "the root cannot be made");
}

static void bad_places(struct check *c)
{
	static const ULONG making[] = {FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE_IF, FILE_SUPERSEDE};

	make_file(c, in(c, L"f"));
	for (unsigned i = 0; i < 4; i++) {
		want(try_open(c, in(c, L"no\\x"), making[i], 0), STATUS_OBJECT_PATH_NOT_FOUND,
		     "below a directory that is missing, disposition %lu", (unsigned long)making[i]);
		want(try_open(c, in(c, L"no\\no\\x"), making[i], 0), STATUS_OBJECT_PATH_NOT_FOUND,
		     "two levels below, disposition %lu", (unsigned long)making[i]);
		want(try_open(c, in(c, L"f\\x"), making[i], 0), STATUS_NOT_A_DIRECTORY,
		     "below a file, disposition %lu", (unsigned long)making[i]);
		/* Who creates asks for the parent first, the others for the whole path. */
		want(try_open(c, in(c, L"f\\x\\y"), making[i], 0),
		     making[i] == FILE_CREATE ? STATUS_NOT_A_DIRECTORY : STATUS_OBJECT_PATH_NOT_FOUND,
		     "two levels below a file, disposition %lu", (unsigned long)making[i]);
	}
	want(try_open(c, in(c, L"a*b"), FILE_CREATE, 0), STATUS_OBJECT_NAME_INVALID, "a name with a star");
	want(try_open(c, in(c, L"a\\\\b"), FILE_CREATE, 0), STATUS_OBJECT_NAME_INVALID, "an empty component");
}

/* The callback itself, with what the driver would have filtered. */
static NTSTATUS raw_create(struct check *c, const WCHAR *name, UINT32 options, const void *extra, ULONG size,
			   UINT64 allocation)
{
	struct host_fs *fs = c->fs;
	WCHAR path[1200];
	void *context = NULL;
	struct fsp_open_info info = {0};
	WCHAR normalized[1024];

	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	wcscpy(path, name);
	NTSTATUS status = host_note(fs, SLOT(create_ex),
				    fs->calls.create_ex(&fs->api, path, options | FILE_CREATE << 24,
							HOST_DEFAULT_ACCESS, 0, NULL, allocation,
							(void *)extra, size, FALSE, &context, &info.info));
	if (NT_SUCCESS(status))
		fs->calls.close(&fs->api, context);
	return status;
}

static void raw_places(struct check *c)
{
	WCHAR name[400];

	make_file(c, in(c, L"f"));
	want(raw_create(c, in(c, L"f"), 0, NULL, 0, 0), STATUS_OBJECT_NAME_COLLISION, "Create itself: taken");
	want(raw_create(c, in(c, L"no\\x"), 0, NULL, 0, 0), STATUS_OBJECT_PATH_NOT_FOUND,
	     "Create itself: no directory");
	want(raw_create(c, in(c, L"f\\x"), 0, NULL, 0, 0), STATUS_NOT_A_DIRECTORY,
	     "Create itself: below a file");
	wcscpy(name, c->home);
	wcscat(name, L"\\");
	size_t length = wcslen(name);
	for (unsigned i = 0; i < 256; i++)
		name[length + i] = L'n';
	name[length + 256] = 0;
	want(raw_create(c, name, 0, NULL, 0, 0), STATUS_OBJECT_NAME_INVALID, "Create itself: 256 units");
	want(raw_create(c, in(c, L"big"), 0, NULL, 0, UINT64_MAX - 511), STATUS_INVALID_PARAMETER,
	     "Create itself: no such allocation can be");
	yes(!exists(c, in(c, L"big")), "and nothing was made");
	yes(raw_create(c, L"\\", FILE_DIRECTORY_FILE, NULL, 0, 0) == STATUS_OBJECT_NAME_COLLISION,
	    "Create itself: the root is there");
}

static void long_names(struct check *c)
{
	static const WCHAR letters[] = {L'a', 0x00e9, 0x4e00, 0xd83d};
	WCHAR name[256], found[256];
	struct fsp_file_info info;

	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned i = 0; i < 255; i++)
			name[i] = kind < 3 ? letters[kind] : i == 254 ? L'z' : i % 2 ? 0xde00 : 0xd83d;
		name[255] = 0;
		want(try_open(c, in(c, name), FILE_CREATE, 0), STATUS_SUCCESS, "255 units of %04x",
		     letters[kind]);
		struct host_file *home = existing(c, c->home);
		want(host_find(home, name, &info, found), STATUS_SUCCESS, "255 units of %04x are found",
		     letters[kind]);
		yes(wcscmp(found, name) == 0, "255 units of %04x come back as they were", letters[kind]);
		shut(home);
		delete_path(c->fs, in(c, name));
	}
	wcscpy(name, L"lone ");
	name[5] = 0xdc01;
	name[6] = L'x';
	name[7] = 0xd801;
	name[8] = 0;
	want(try_open(c, in(c, name), FILE_CREATE, 0), STATUS_SUCCESS, "half surrogate pairs");
	struct host_file *home = existing(c, c->home);
	yes(host_find(home, name, &info, found) == STATUS_SUCCESS && wcscmp(found, name) == 0,
	    "half surrogate pairs come back as they were");
	shut(home);
	WCHAR longer[257];
	for (unsigned i = 0; i < 256; i++)
		longer[i] = L'n';
	longer[256] = 0;
	want(try_open(c, in(c, longer), FILE_CREATE, 0), STATUS_OBJECT_NAME_INVALID, "256 units");
}

static void allocation(struct check *c)
{
	UINT64 unit = host_unit(c->fs);
	struct host_open how = {.name = in(c, L"f"), .disposition = FILE_CREATE, .allocation = 100000};
	struct host_file *file;
	UINT8 byte;
	ULONG done;

	UINT64 used = bytes_used(c->fs);
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "with 100,000 bytes set aside");
	struct fsp_file_info info = info_of(file);
	want_number(info.size, 0, "the file is empty still");
	want_number(info.allocation, (100000 + unit - 1) / unit * unit,
		    "the allocation is rounded up to the unit");
	yes(bytes_used(c->fs) >= used + 100000, "the bytes are taken");
	want(host_read(file, 0, &byte, 1, &done), STATUS_END_OF_FILE, "and cannot be read");
	shut(file);
	struct host_open huge = {
		.name = in(c, L"huge"), .disposition = FILE_CREATE, .allocation = 1ull << 62};
	want(host_open(c->fs, &huge, &file, NULL), STATUS_DISK_FULL, "2^62 bytes set aside");
	yes(!exists(c, in(c, L"huge")), "a file that cannot have its bytes is not made");
}

static void with_eas(struct check *c)
{
	UINT8 list[256];
	ULONG size = 0;
	struct host_file *file;

	add_ea(list, &size, "ONE", "1234", 4, 0);
	add_ea(list, &size, "TWO", "56", 2, 0);
	struct host_open how = {
		.name = in(c, L"f"), .disposition = FILE_CREATE, .extra = list, .extra_size = size};
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "with EAs");
	want_number(info_of(file).ea_size, 5 + 3 + 4 + 5 + 3 + 2, "their size as NTFS counts it");
	want_number((UINT64)ea_value(file, "two", NULL, 0), 2, "they are there");
	shut(file);
	how.options = FILE_NO_EA_KNOWLEDGE;
	how.name = in(c, L"g");
	want(host_open(c->fs, &how, &file, NULL), STATUS_ACCESS_DENIED, "EAs from one who knows none");
	((struct fsp_ea *)list)->value_length = 60000;
	want(raw_create(c, in(c, L"h"), 0, list, size, 0), STATUS_EA_LIST_INCONSISTENT,
	     "Create itself: a list that runs out of its buffer");
	((struct fsp_ea *)list)->value_length = 4;
	((struct fsp_ea *)list)->name[1] = '*';
	want(raw_create(c, in(c, L"h"), 0, list, size, 0), STATUS_INVALID_EA_NAME,
	     "Create itself: a bad EA name");
	yes(!exists(c, in(c, L"h")) && !exists(c, in(c, L"g")), "and nothing was made");
}

static void with_reparse_data(struct check *c)
{
	UINT8 data[512], back[512];
	SIZE_T size = symlink_data(data, L"elsewhere", true), got = sizeof back;
	struct host_file *file;
	struct host_open how = {.name = in(c, L"l"),
				.disposition = FILE_CREATE,
				.options = FILE_OPEN_REPARSE_POINT,
				.extra = data,
				.extra_size = (ULONG)size,
				.extra_is_reparse = true};

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "with reparse data");
	struct fsp_file_info info = info_of(file);
	yes(info.attributes & FILE_ATTRIBUTE_REPARSE_POINT && info.reparse_tag == TAG_SYMLINK,
	    "it is a link at once");
	want(host_reparse(file, back, &got), STATUS_SUCCESS, "reading it");
	yes(got == size && memcmp(back, data, size) == 0, "the data is the same");
	shut(file);
	how.name = in(c, L"m");
	((struct fsp_reparse *)data)->data_length = 3;
	NTSTATUS status = host_open(c->fs, &how, &file, NULL);
	want(status, STATUS_IO_REPARSE_DATA_INVALID, "with reparse data of a wrong length");
	yes(!exists(c, in(c, L"m")), "and nothing was made");
}

static void open_if(struct check *c)
{
	want_number(information_of(c, in(c, L"f"), FILE_OPEN_IF, 0, STATUS_SUCCESS), FILE_CREATED, "made");
	want_number(information_of(c, in(c, L"f"), FILE_OPEN_IF, 0, STATUS_SUCCESS), FILE_OPENED, "opened");
	want_number(information_of(c, in(c, L"d"), FILE_OPEN_IF, FILE_DIRECTORY_FILE, STATUS_SUCCESS),
		    FILE_CREATED, "a directory made");
	want_number(information_of(c, in(c, L"d"), FILE_OPEN_IF, FILE_DIRECTORY_FILE, STATUS_SUCCESS),
		    FILE_OPENED, "a directory opened");
	want(try_open(c, in(c, L"d"), FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE), STATUS_FILE_IS_A_DIRECTORY,
	     "a directory is no file");
	want(try_open(c, in(c, L"f"), FILE_OPEN_IF, FILE_DIRECTORY_FILE), STATUS_NOT_A_DIRECTORY,
	     "a file no directory");
}

/* Four threads want the same names, whether they are there or not. */
struct race {
	struct check *c;
	ULONG disposition;
	volatile LONG bad, made;
	volatile LONG *rounds;
};

static DWORD WINAPI race_main(void *context)
{
	struct race *race = context;
	struct host_answer *answer = calloc(1, sizeof *answer);
	WCHAR name[64];

	for (LONG i; (i = InterlockedIncrement(race->rounds)) <= 12000;) {
		struct host_open how = {.name = name, .disposition = race->disposition};
		struct host_file *file;
		swprintf(name, 64, L"%ls\\r%ld", race->c->home, (long)i / 4);
		NTSTATUS status = host_open(race->c->fs, &how, &file, answer);
		if (status != STATUS_SUCCESS)
			InterlockedIncrement(&race->bad);
		else if (answer->information == FILE_CREATED)
			InterlockedIncrement(&race->made);
		shut(file);
	}
	free(answer);
	return 0;
}

static void races(struct check *c)
{
	static const ULONG dispositions[] = {FILE_OPEN_IF, FILE_OVERWRITE_IF, FILE_SUPERSEDE, FILE_CREATE};

	for (unsigned i = 0; i < 4; i++) {
		volatile LONG rounds = 3;
		struct race race = {.c = c, .disposition = dispositions[i], .rounds = &rounds};
		HANDLE threads[4];
		for (unsigned t = 0; t < 4; t++)
			threads[t] = CreateThread(NULL, 0, race_main, &race, 0, NULL);
		WaitForMultipleObjects(4, threads, TRUE, INFINITE);
		for (unsigned t = 0; t < 4; t++)
			CloseHandle(threads[t]);
		want_number((UINT64)race.made, 3000, "disposition %lu: each file is made once",
			    (unsigned long)dispositions[i]);
		want_number((UINT64)race.bad, dispositions[i] == FILE_CREATE ? 8997 : 0,
			    "disposition %lu: who comes second gets what he asked for",
			    (unsigned long)dispositions[i]);
		for (unsigned n = 0; n <= 3000; n++)
			delete_path(c->fs, in_format(c, L"r%u", n));
	}
}

static void overwrite(struct check *c)
{
	UINT8 list[128];
	ULONG size = 0;
	struct host_open how = {
		.name = in(c, L"f"), .disposition = FILE_OVERWRITE, .attributes = FILE_ATTRIBUTE_HIDDEN};
	struct host_file *file;

	want(try_open(c, in(c, L"f"), FILE_OVERWRITE, 0), STATUS_OBJECT_NAME_NOT_FOUND,
	     "FILE_OVERWRITE of nothing");
	make_filled(c, in(c, L"f"), "old contents");
	file = opened(c, in(c, L"f:stream"), FILE_CREATE, 0);
	put_text(file, 0, "old stream");
	shut(file);
	file = existing(c, in(c, L"f"));
	add_ea(list, &size, "NAME", "value", 5, 0);
	want(host_set_ea(file, list, size), STATUS_SUCCESS, "an EA");
	UINT64 index = info_of(file).index;
	shut(file);

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "FILE_OVERWRITE");
	struct fsp_file_info info = info_of(file);
	want_number(info.size, 0, "the file is empty");
	want_number(info.index, index, "and still the same");
	want_number(info.attributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE, "attributes are added");
	want_number(info.ea_size, 0, "EAs are gone");
	want_number((UINT64)stream_count(file), 1, "named streams are gone");
	yes(host_set_size(file, 12) == STATUS_SUCCESS && holds_byte(file, 0, 12, 0),
	    "the old contents are not left");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OVERWRITE, 0), STATUS_ACCESS_DENIED,
	     "a hidden file must be told hidden");
	want_number(information_of(c, in(c, L"new"), FILE_OVERWRITE_IF, 0, STATUS_SUCCESS), FILE_CREATED,
		    "FILE_OVERWRITE_IF makes");
	want_number(information_of(c, in(c, L"new"), FILE_OVERWRITE_IF, 0, STATUS_SUCCESS), FILE_OVERWRITTEN,
		    "FILE_OVERWRITE_IF overwrites");
}

static void supersede(struct check *c)
{
	struct host_open how = {
		.name = in(c, L"f"), .disposition = FILE_SUPERSEDE, .attributes = FILE_ATTRIBUTE_SYSTEM};
	struct host_open again = {.name = in(c, L"f"),
				  .disposition = FILE_SUPERSEDE,
				  .attributes = FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_HIDDEN};
	struct host_open plain = {.name = in(c, L"g"), .disposition = FILE_SUPERSEDE};
	struct host_file *file;

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "FILE_SUPERSEDE makes");
	put_text(file, 0, "old");
	shut(file);
	want(host_open(c->fs, &again, &file, NULL), STATUS_SUCCESS, "FILE_SUPERSEDE replaces");
	struct fsp_file_info info = info_of(file);
	want_number(info.attributes, FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE,
		    "attributes are replaced");
	want_number(info.size, 0, "the file is empty");
	shut(file);
	struct host_open offline = {.name = in(c, L"g"),
				    .disposition = FILE_CREATE,
				    .attributes = FILE_ATTRIBUTE_NOT_CONTENT_INDEXED};
	want(host_open(c->fs, &offline, &file, NULL), STATUS_SUCCESS, "a file with an attribute");
	shut(file);
	want(host_open(c->fs, &plain, &file, NULL), STATUS_SUCCESS, "superseded with none");
	want_number(info_of(file).attributes, FILE_ATTRIBUTE_ARCHIVE, "loses it");
	shut(file);
	want_number(information_of(c, in(c, L"g"), FILE_SUPERSEDE, 0, STATUS_SUCCESS), FILE_SUPERSEDED,
		    "and tells FILE_SUPERSEDED");
}

static void overwrite_more(struct check *c)
{
	UINT8 list[128];
	ULONG size = 0;
	UINT64 unit = host_unit(c->fs);
	struct host_file *file;

	make_filled(c, in(c, L"f"), "0123456789");
	add_ea(list, &size, "FRESH", "12", 2, 0);
	struct host_open how = {.name = in(c, L"f"),
				.disposition = FILE_OVERWRITE,
				.allocation = 5000,
				.extra = list,
				.extra_size = size};
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "with EAs and an allocation");
	struct fsp_file_info info = info_of(file);
	want_number(info.ea_size, 5 + 5 + 2, "the new EAs are there");
	want_number(info.allocation, (5000 + unit - 1) / unit * unit, "and the allocation");
	put_text(file, 0, "precious");
	shut(file);
	struct host_open huge = {
		.name = in(c, L"f"), .disposition = FILE_OVERWRITE, .allocation = 1ull << 62};
	want(host_open(c->fs, &huge, &file, NULL), STATUS_DISK_FULL, "an allocation that nobody has");
	file = existing(c, in(c, L"f"));
	yes(holds_text(file, 0, "precious"), "leaves the file as it was");
	want_number((UINT64)ea_value(file, "FRESH", NULL, 0), 2, "with its EAs");
	const INT64 times[4] = {0};
	want(host_set_basic(file, FILE_ATTRIBUTE_READONLY, times), STATUS_SUCCESS, "read-only");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OVERWRITE, 0), STATUS_ACCESS_DENIED,
	     "a read-only file is not overwritten");
	make_directory(c, in(c, L"d"));
	want(try_open(c, in(c, L"d"), FILE_OVERWRITE, FILE_NON_DIRECTORY_FILE), STATUS_FILE_IS_A_DIRECTORY,
	     "nor a directory");
	want(try_open(c, in(c, L"d"), FILE_OVERWRITE, 0), STATUS_FILE_IS_A_DIRECTORY,
	     "nor a directory opened as such");
	yes(exists(c, in(c, L"d")), "the directory is unharmed");
}

static void overwrite_while_open(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0);

	put_text(file, 0, "data");
	put_text(stream, 0, "stream");
	want(try_open(c, in(c, L"f"), FILE_OVERWRITE, 0), STATUS_SUCCESS, "overwriting an open file");
	want_number(info_of(file).size, 0, "the other handle sees it empty");
	UINT8 byte;
	ULONG done;
	NTSTATUS status = host_read(stream, 0, &byte, 1, &done);
	yes(status == STATUS_SUCCESS || status == STATUS_END_OF_FILE,
	    "the open stream can still be used (%08lX)", (unsigned long)status);
	want_number((UINT64)stream_count(file), 1, "but is not listed any more");
	yes(put(stream, 100, "x", 1), "the open stream can still be written");
	shut(stream);
	shut(file);
}

static void node_limit(struct check *c)
{
	NTSTATUS status = STATUS_SUCCESS;
	unsigned made = 0;

	if (c->mode.nodes == 0)
		return;
	while (made < 2 * c->mode.nodes && status == STATUS_SUCCESS) {
		status = try_open(c, in_format(c, L"%u", made), FILE_CREATE, 0);
		made += status == STATUS_SUCCESS;
	}
	want(status, STATUS_CANNOT_MAKE, "files beyond the node limit (%u were made)", made);
	yes(made + 3 >= c->mode.nodes && made < c->mode.nodes, "as many as were promised");
	want(try_open(c, in(c, L"d"), FILE_CREATE, FILE_DIRECTORY_FILE), STATUS_CANNOT_MAKE,
	     "a directory beyond it");
	delete_path(c->fs, in(c, L"0"));
	want(try_open(c, in(c, L"again"), FILE_CREATE, 0), STATUS_SUCCESS, "a deleted file makes room");
}

/* The callbacks that have a successor which is called in their place. */
static void plain_callbacks(struct check *c)
{
	struct host_fs *fs = c->fs;
	struct fsp_open_info info = {0};
	WCHAR path[64], normalized[1024];
	void *context = NULL;

	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	wcscpy(path, in(c, L"plain"));
	if (fs->calls.create) {
		want(host_note(fs, SLOT(create),
			       fs->calls.create(&fs->api, path, FILE_CREATE << 24, HOST_DEFAULT_ACCESS,
						FILE_ATTRIBUTE_HIDDEN, NULL, 0, &context, &info.info)),
		     STATUS_SUCCESS, "Create");
		want_number(info.info.attributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE,
			    "makes what CreateEx makes");
		fs->calls.close(&fs->api, context);
	} else {
		make_file(c, path);
	}
	struct host_file *file = existing(c, path);
	put_text(file, 0, "text");
	if (fs->calls.overwrite) {
		want(host_note(fs, SLOT(overwrite),
			       fs->calls.overwrite(&fs->api, host_context(file), FILE_ATTRIBUTE_SYSTEM, TRUE,
						   0, &info.info)),
		     STATUS_SUCCESS, "Overwrite");
		yes(info.info.size == 0 &&
			    info.info.attributes == (FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE),
		    "does what OverwriteEx does");
	}
	if (fs->calls.can_delete)
		want(host_note(fs, SLOT(can_delete),
			       fs->calls.can_delete(&fs->api, host_context(file), path)),
		     STATUS_SUCCESS, "CanDelete");
	shut(file);
	struct host_file *home = existing(c, c->home);
	if (fs->calls.can_delete)
		want(host_note(fs, SLOT(can_delete),
			       fs->calls.can_delete(&fs->api, host_context(home), c->home)),
		     STATUS_DIRECTORY_NOT_EMPTY, "CanDelete of a directory that is not empty");
	shut(home);
}

static void case_rules(struct check *c)
{
	static const WCHAR pairs[][2] = {{L'a', L'A'},	   {0x00e9, 0x00c9}, {0x044f, 0x042f},
					 {0x00ff, 0x0178}, {0x01c6, 0x01c4}, {0x1e9e, 0x00df},
					 {0x0131, L'I'},   {0x212a, L'k'},   {0x03c2, 0x03c3},
					 {0x017f, L's'},   {0x2c30, 0x2c00}, {0x24d0, 0x24b6}};
	static const bool same[] = {true,  true,  true,	 true,	true, false,
				    false, false, false, false, true, true};
	WCHAR name[4] = {0};

	for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
		name[0] = pairs[i][0];
		make_file(c, in(c, name));
		name[0] = pairs[i][1];
		want(try_open(c, in(c, name), FILE_OPEN, 0),
		     c->mode.insensitive && same[i] ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND,
		     "%04x for %04x", pairs[i][1], pairs[i][0]);
		want(try_open(c, in(c, name), FILE_CREATE, 0),
		     c->mode.insensitive && same[i] ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS,
		     "%04x beside %04x", pairs[i][1], pairs[i][0]);
		delete_path(c->fs, in(c, name));
		name[0] = pairs[i][0];
		delete_path(c->fs, in(c, name));
	}
	make_file(c, in(c, L"MiXed"));
	struct host_file *file = existing(c, in(c, c->mode.insensitive ? L"mIxED" : L"MiXed"));
	if (file && c->mode.insensitive)
		yes(wcscmp(host_name(file) + wcslen(c->home) + 1, L"MiXed") == 0,
		    "Open tells how the name is spelled");
	shut(file);
	make_directory(c, in(c, L"Dir"));
	make_file(c, in(c, c->mode.insensitive ? L"dIR\\Deep" : L"Dir\\Deep"));
	want(try_open(c, in(c, L"DIR\\DEEP"), FILE_OPEN, 0),
	     c->mode.insensitive ? STATUS_SUCCESS : STATUS_OBJECT_PATH_NOT_FOUND, "a path in capitals");
}

const struct check_case create_cases[] = {
	{"create a file", "CreateEx Close GetSecurityByName GetFileInfo", new_file},
	{"create a directory", "CreateEx", new_directory},
	{"create with attributes", "CreateEx", new_with_attributes},
	{"create where something is", "CreateEx GetSecurityByName", collisions},
	{"create where nothing can be", "GetSecurityByName", bad_places},
	{"create without the driver", "CreateEx", raw_places},
	{"long and odd names", "CreateEx GetDirInfoByName", long_names},
	{"create with an allocation", "CreateEx Read", allocation},
	{"create with EAs", "CreateEx GetEa", with_eas},
	{"create with reparse data", "CreateEx GetReparsePoint", with_reparse_data},
	{"open or create", "Open CreateEx", open_if},
	{"open or create from four threads", "Open CreateEx", races},
	{"overwrite", "OverwriteEx Open CreateEx", overwrite},
	{"supersede", "OverwriteEx Open CreateEx", supersede},
	{"overwrite: EAs, allocation, failures", "OverwriteEx Open Close", overwrite_more},
	{"overwrite an open file", "OverwriteEx", overwrite_while_open},
	{"node limit", "CreateEx", node_limit},
	{"plain callbacks", "Create Overwrite CanDelete", plain_callbacks},
	{"case of names", "Open CreateEx GetSecurityByName", case_rules},
	{0},
};
