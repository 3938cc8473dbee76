/*
 * checks_reparse.c: reparse points: data, tags, links followed by the DLL and by the I/O manager.
 */
#include "check.h"

static void set_and_get(struct check *c)
{
	UINT8 data[512], back[512];
	SIZE_T size, got = sizeof back;
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_reparse(file, back, &got), STATUS_NOT_A_REPARSE_POINT, "a plain file has none");
	size = symlink_data(data, L"target", true);
	want(host_delete_reparse(file, data, size), STATUS_IO_REPARSE_DATA_INVALID, "deleting with data");
	want(host_set_reparse(file, data, size), STATUS_SUCCESS, "setting");
	struct fsp_file_info info = info_of(file);
	yes(info.attributes & FILE_ATTRIBUTE_REPARSE_POINT && info.reparse_tag == TAG_SYMLINK,
	    "attribute and tag show it");
	got = sizeof back;
	want(host_reparse(file, back, &got), STATUS_SUCCESS, "reading");
	yes(got == size && memcmp(back, data, size) == 0, "the data is the same");
	got = size;
	want(host_reparse(file, back, &got), STATUS_SUCCESS, "into a buffer that just fits");
	got = size - 1;
	want(host_reparse(file, back, &got), STATUS_BUFFER_TOO_SMALL, "into a short buffer");
	size = symlink_data(data, L"another target", true);
	want(host_set_reparse(file, data, size), STATUS_SUCCESS, "replacing with the same tag");
	got = sizeof back;
	yes(host_reparse(file, back, &got) == STATUS_SUCCESS && got == size && memcmp(back, data, size) == 0,
	    "the new data is there");
	memset(data, 0, FSP_REPARSE_HEADER);
	*(ULONG *)data = TAG_SYMLINK;
	want(host_delete_reparse(file, data, FSP_REPARSE_HEADER), STATUS_SUCCESS, "deleting");
	info = info_of(file);
	yes(!(info.attributes & FILE_ATTRIBUTE_REPARSE_POINT) && info.reparse_tag == 0,
	    "attribute and tag are gone");
	want(host_delete_reparse(file, data, FSP_REPARSE_HEADER), STATUS_NOT_A_REPARSE_POINT,
	     "deleting again");
	put_text(file, 0, "a file again");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_SUCCESS, "it is a plain file again");
}

static void tags(struct check *c)
{
	UINT8 data[128];
	SIZE_T size;
	struct host_file *file = made_file(c, in(c, L"f"));

	size = guid_data(data, 0x00000123, 1, "data", 4);
	want(host_set_reparse(file, data, size), STATUS_SUCCESS, "a tag that is not Microsoft's");
	want_number(info_of(file).reparse_tag, 0x123, "is told");
	size = guid_data(data, 0x00000124, 1, "data", 4);
	want(host_set_reparse(file, data, size), STATUS_IO_REPARSE_TAG_MISMATCH, "another tag");
	size = guid_data(data, 0x00000123, 2, "data", 4);
	want(host_set_reparse(file, data, size), STATUS_REPARSE_ATTRIBUTE_CONFLICT, "another GUID");
	size = guid_data(data, 0x00000123, 1, "other", 5);
	want(host_set_reparse(file, data, size), STATUS_SUCCESS, "the same of both");
	size = guid_data(data, 0x00000124, 1, NULL, 0);
	want(host_delete_reparse(file, data, size), STATUS_IO_REPARSE_TAG_MISMATCH, "deleting another tag");
	size = guid_data(data, 0x00000123, 2, NULL, 0);
	want(host_delete_reparse(file, data, size), STATUS_REPARSE_ATTRIBUTE_CONFLICT,
	     "deleting another GUID");
	size = guid_data(data, 0x00000123, 1, NULL, 0);
	want(host_delete_reparse(file, data, size), STATUS_SUCCESS, "deleting it");
	size = guid_data(data, 0x00000001, 1, "data", 4);
	want(host_set_reparse(file, data, size), STATUS_IO_REPARSE_TAG_INVALID, "a reserved tag");
	shut(file);
}

/* SetReparsePoint itself, with what the driver would have refused. */
static NTSTATUS raw_set(struct host_file *file, void *data, SIZE_T size)
{
	struct host_fs *fs = file->fs;
	WCHAR name[1200];

	wcscpy(name, host_name(file));
	return host_note(fs, SLOT(set_reparse_point),
			 fs->calls.set_reparse_point(&fs->api, host_context(file), name, data, size));
}

static void bad_data(struct check *c)
{
	UINT8 data[128];
	struct host_file *file = made_file(c, in(c, L"f"));

	SIZE_T size = symlink_data(data, L"target", true);
	want(raw_set(file, data, size - 1), STATUS_IO_REPARSE_DATA_INVALID, "data cut short");
	want(raw_set(file, data, 4), STATUS_IO_REPARSE_DATA_INVALID, "a tag alone");
	want(raw_set(file, data, 0), STATUS_IO_REPARSE_DATA_INVALID, "nothing");
	*(ULONG *)data = 0;
	want(raw_set(file, data, size), STATUS_IO_REPARSE_TAG_INVALID, "tag 0");
	yes(!(info_of(file).attributes & FILE_ATTRIBUTE_REPARSE_POINT), "nothing of it was taken");
	shut(file);
}

static void on_directories(struct check *c)
{
	UINT8 data[512];
	SIZE_T size;
	struct fsp_reparse *mount = (void *)data;
	struct host_file *directory = made_directory(c, in(c, L"d"));

	make_file(c, in(c, L"d\\f"));
	size = symlink_data(data, L"target", true);
	want(host_set_reparse(directory, data, size), STATUS_DIRECTORY_NOT_EMPTY,
	     "a directory that is not empty");
	delete_path(c->fs, in(c, L"d\\f"));
	static const WCHAR target[] = L"\\??\\C:\\place";
	memset(data, 0, sizeof data);
	mount->tag = TAG_MOUNT_POINT;
	mount->mount.target_length = sizeof target - 2;
	mount->mount.print_offset = sizeof target;
	memcpy(mount->mount.path, target, sizeof target);
	mount->data_length = 8 + sizeof target + 2;
	size = FSP_REPARSE_HEADER + mount->data_length;
	want(host_set_reparse(directory, data, size), STATUS_SUCCESS, "a mount point on an empty directory");
	yes(info_of(directory).reparse_tag == TAG_MOUNT_POINT, "its tag");
	shut(directory);
	struct host_open how = {.name = in(c, L"d\\x\\y"), .disposition = FILE_OPEN};
	struct host_answer *answer = calloc(1, sizeof *answer);
	struct host_file *file;
	want(host_open(c->fs, &how, &file, answer), STATUS_REPARSE, "opening through it leaves the volume");
	want_number(answer->information, TAG_MOUNT_POINT, "with its tag");
	want_number(answer->reparse.data.reserved, 2 * wcslen(L"\\x\\y"), "and what is left of the path");
	free(answer);
	file = made_file(c, in(c, L"f"));
	NTSTATUS status = host_set_reparse(file, data, size);
	want(status, STATUS_NOT_A_DIRECTORY, "a mount point on a file");
	shut(file);
	directory = opened(c, in(c, L"d"), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
	want(host_set_delete(directory, HOST_DELETE), STATUS_SUCCESS, "deleting it");
	shut(directory);
	yes(!exists(c, in(c, L"d")), "takes it away");
}

static void following(struct check *c)
{
	make_filled(c, in(c, L"file"), "target");
	make_directory(c, in(c, L"dir"));
	make_filled(c, in(c, L"dir\\inner"), "inner");
	make_symlink(c, in(c, L"link"), L"file", false);
	make_symlink(c, in(c, L"linkdir"), L"dir", true);
	make_symlink(c, in(c, L"chain"), L"link", false);
	make_symlink(c, in(c, L"dir\\up"), L"..\\file", false);
	WCHAR absolute[64];
	swprintf(absolute, 64, L"%ls\\dir", c->home);
	make_symlink(c, in(c, L"absolute"), absolute, true);
	make_symlink(c, in(c, L"dangling"), L"nothing", false);
	make_symlink(c, in(c, L"dotted"), L".\\dir\\.\\..\\dir\\inner", false);

	static const struct {
		const WCHAR *name;
		const char *text;
	} reads[] = {{L"link", "target"},	  {L"chain", "target"},	      {L"linkdir\\inner", "inner"},
		     {L"dir\\up", "target"},	  {L"linkdir\\up", "target"}, {L"absolute\\inner", "inner"},
		     {L"absolute\\up", "target"}, {L"dotted", "inner"}};
	for (unsigned i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct host_file *file = existing(c, in(c, reads[i].name));
		yes(holds_text(file, 0, reads[i].text), "%ls leads to %s", reads[i].name, reads[i].text);
		shut(file);
	}
	struct host_file *file = opened(c, in(c, L"link"), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
	yes(info_of(file).attributes & FILE_ATTRIBUTE_REPARSE_POINT, "the link itself can be opened");
	shut(file);
	file = opened(c, in(c, L"linkdir\\up"), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
	yes(info_of(file).reparse_tag == TAG_SYMLINK, "a link behind a link too");
	shut(file);
	want(try_open(c, in(c, L"dangling"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a link to nothing");
	want(try_open(c, in(c, L"link\\x"), FILE_OPEN, 0), STATUS_OBJECT_PATH_NOT_FOUND,
	     "below a link to a file");
	want(try_open(c, in(c, L"linkdir\\new"), FILE_CREATE, 0), STATUS_SUCCESS, "creating behind a link");
	yes(exists(c, in(c, L"dir\\new")), "makes it in the target");
	want(try_open(c, in(c, L"dangling"), FILE_CREATE, 0), STATUS_SUCCESS,
	     "creating through a link to nothing");
	yes(exists(c, in(c, L"nothing")), "makes the target");
	want(try_open(c, in(c, L"link"), FILE_CREATE, 0), STATUS_OBJECT_NAME_COLLISION,
	     "creating through a link to a file");
	want(try_open(c, in(c, L"link"), FILE_CREATE, FILE_OPEN_REPARSE_POINT), STATUS_OBJECT_NAME_COLLISION,
	     "creating over a link");
	file = opened(c, in(c, L"link"), FILE_OVERWRITE, 0);
	want_number(info_of(file).size, 0, "overwriting through a link");
	shut(file);
	file = existing(c, in(c, L"file"));
	want_number(info_of(file).size, 0, "empties the target");
	shut(file);
}

static void stream_of_link(struct check *c)
{
	make_file(c, in(c, L"file"));
	struct host_file *stream = opened(c, in(c, L"file:s"), FILE_CREATE, 0);
	put_text(stream, 0, "stream");
	shut(stream);
	make_symlink(c, in(c, L"link"), L"file", false);
	stream = existing(c, in(c, L"link:s"));
	yes(holds_text(stream, 0, "stream"), "a stream through a link");
	shut(stream);
	want(try_open(c, in(c, L"link:no"), FILE_OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND,
	     "a missing stream through one");
}

static void loops(struct check *c)
{
	make_symlink(c, in(c, L"a"), L"b", false);
	make_symlink(c, in(c, L"b"), L"a", false);
	NTSTATUS status = try_open(c, in(c, L"a"), FILE_OPEN, 0);
	want(status, STATUS_REPARSE_POINT_NOT_RESOLVED, "two links in a circle");
	make_symlink(c, in(c, L"self"), L"self", true);
	want(try_open(c, in(c, L"self\\x"), FILE_OPEN, 0), STATUS_REPARSE_POINT_NOT_RESOLVED,
	     "a link to itself");
	make_file(c, in(c, L"n0"));
	for (unsigned i = 1; i <= 20; i++) {
		WCHAR target[8];
		swprintf(target, 8, L"n%u", i - 1);
		make_symlink(c, in_format(c, L"n%u", i), target, false);
	}
	want(try_open(c, in(c, L"n20"), FILE_OPEN, 0), STATUS_SUCCESS, "twenty links in a row");
}

static void outside(struct check *c)
{
	struct host_open how = {.name = in(c, L"out"), .disposition = FILE_OPEN};
	struct host_answer *answer = calloc(1, sizeof *answer);
	struct host_file *file;

	make_symlink(c, in(c, L"out"), L"\\??\\C:\\elsewhere", false);
	want(host_open(c->fs, &how, &file, answer), STATUS_REPARSE, "a link that leaves the volume");
	const struct fsp_reparse *data = &answer->reparse.data;
	yes(data->tag == TAG_SYMLINK && !(data->symlink.flags & 1) && data->symlink.target_length == 2 * 16 &&
		    memcmp(data->symlink.path + data->symlink.target_offset / 2, L"\\??\\C:\\elsewhere",
			   32) == 0,
	    "is handed on as it is");
	UINT8 lx[64];
	struct fsp_reparse *tagged = (void *)lx;
	memset(lx, 0, sizeof lx);
	tagged->tag = TAG_LX_SYMLINK;
	tagged->data_length = 10;
	memcpy(tagged->data, "\2\0\0\0target", 10);
	file = made_file(c, in(c, L"lx"));
	want(host_set_reparse(file, lx, 18), STATUS_SUCCESS, "a link of WSL");
	shut(file);
	how.name = in(c, L"lx");
	want(host_open(c->fs, &how, &file, answer), STATUS_REPARSE, "is for others to follow");
	yes(answer->information == TAG_LX_SYMLINK && answer->reparse_size == 18 &&
		    memcmp(&answer->reparse, lx, 18) == 0,
	    "with its data");
	free(answer);
}

static void with_others(struct check *c)
{
	const INT64 times[4] = {0};
	UINT8 big[16384], back[16384];
	SIZE_T got = sizeof back;

	make_symlink(c, in(c, L"link"), L"target", false);
	struct host_file *file = opened(c, in(c, L"link"), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
	want(host_set_basic(file, FILE_ATTRIBUTE_HIDDEN, times), STATUS_SUCCESS,
	     "attributes without the reparse bit");
	yes(info_of(file).reparse_tag == TAG_SYMLINK, "leave the link a link");
	shut(file);
	delete_path(c->fs, in(c, L"link"));
	yes(!exists(c, in(c, L"link")), "deleting a link deletes the link");
	file = made_file(c, in(c, L"big"));
	memset(big, 'b', sizeof big);
	SIZE_T size = guid_data(big, 0x55, 3, NULL, 0);
	((struct fsp_reparse *)big)->data_length = (USHORT)(16000 - size);
	want(host_set_reparse(file, big, 16000), STATUS_SUCCESS, "16,000 bytes of data");
	yes(host_reparse(file, back, &got) == STATUS_SUCCESS && got == 16000 && memcmp(back, big, 16000) == 0,
	    "come back");
	shut(file);
}

const struct check_case reparse_cases[] = {
	{"reparse: set and get", "SetReparsePoint GetReparsePoint DeleteReparsePoint", set_and_get},
	{"reparse: tags", "SetReparsePoint DeleteReparsePoint", tags},
	{"reparse: bad data", "SetReparsePoint", bad_data},
	{"reparse: directories", "SetReparsePoint ResolveReparsePoints", on_directories},
	{"reparse: following links", "ResolveReparsePoints GetSecurityByName Open", following},
	{"reparse: a link's stream", "ResolveReparsePoints GetSecurityByName", stream_of_link},
	{"reparse: loops", "ResolveReparsePoints", loops},
	{"reparse: outside", "ResolveReparsePoints", outside},
	{"reparse: with others", "SetReparsePoint SetBasicInfo GetReparsePoint", with_others},
	{0},
};
