/*
 * checks_data.c: Read, Write and SetFileSize: ends, holes, alignment, limits.
 */
#include "check.h"

static void read_and_write(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	UINT8 buffer[64];
	ULONG done = 9;

	want(host_read(file, 0, buffer, 10, &done), STATUS_END_OF_FILE, "reading an empty file");
	yes(put(file, 0, "0123456789", 10), "writing ten bytes");
	struct fsp_file_info info;
	host_known_info(file, &info);
	want_number(info.size, 10, "Write tells the size");
	want_number(info.allocation % host_unit(c->fs), 0, "and an allocation of whole units");
	yes(holds_text(file, 0, "0123456789"), "reading them");
	yes(holds_text(file, 3, "3456"), "reading some of them");
	want(host_read(file, 7, buffer, 10, &done), STATUS_SUCCESS, "reading over the end");
	want_number(done, 3, "gives what there is");
	want(host_read(file, 10, buffer, 1, &done), STATUS_END_OF_FILE, "reading at the end");
	want(host_read(file, 11, buffer, 1, &done), STATUS_END_OF_FILE, "reading behind the end");
	want(host_read(file, 1ull << 62, buffer, 1, &done), STATUS_END_OF_FILE, "reading far behind the end");
	want(host_read(file, UINT64_MAX - 3, buffer, 60, &done), STATUS_END_OF_FILE,
	     "reading where offsets wrap");
	yes(put(file, 4, "xy", 2) && holds_text(file, 0, "0123xy6789"), "overwriting two bytes");
	want_number(info_of(file).size, 10, "does not change the size");
	shut(file);
}

static void write_nothing(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	ULONG done = 7;

	put_text(file, 0, "abc");
	want(host_write(file, 0, "", 0, &done), STATUS_SUCCESS, "writing 0 bytes");
	want_number(done, 0, "writes none");
	struct fsp_file_info info;
	host_known_info(file, &info);
	want_number(info.size, 3, "and tells the file's information");
	want(host_write(file, 1000, "", 0, &done), STATUS_SUCCESS, "writing 0 bytes behind the end");
	want_number(info_of(file).size, 3, "does not extend");
	want(host_write(file, HOST_AT_END, "", 0, &done), STATUS_SUCCESS, "appending 0 bytes");
	want_number(info_of(file).size, 3, "does not extend either");
	shut(file);
}

static void append(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	ULONG done;

	want(host_write(file, HOST_AT_END, "one", 3, &done), STATUS_SUCCESS, "appending to nothing");
	want(host_write(file, HOST_AT_END, "two", 3, &done), STATUS_SUCCESS, "appending");
	yes(holds_text(file, 0, "onetwo"), "both are there, in order");
	for (unsigned i = 0; i < 3000; i++)
		put(file, HOST_AT_END, "0123456789", 10);
	want_number(info_of(file).size, 30006, "3,000 times ten bytes");
	yes(holds_text(file, 29996, "0123456789"), "the last of them");
	shut(file);
}

static void constrained(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	ULONG done;

	put_text(file, 0, "0123456789");
	want(host_write_paging(file, 8, "abcdef", 6, &done), STATUS_SUCCESS,
	     "a constrained write over the end");
	want_number(done, 2, "writes what fits");
	yes(holds_text(file, 0, "01234567ab"), "there");
	want_number(info_of(file).size, 10, "and never extends");
	want(host_write_paging(file, 10, "x", 1, &done), STATUS_SUCCESS, "a constrained write at the end");
	want_number(done, 0, "writes nothing");
	want(host_write_paging(file, 5000, "x", 1, &done), STATUS_SUCCESS,
	     "a constrained write behind the end");
	want_number(done, 0, "writes nothing either");
	want(host_write_paging(file, UINT64_MAX - 4096, "xxxxxxxx", 8, &done), STATUS_SUCCESS,
	     "a constrained write far behind the end");
	want_number(info_of(file).size, 10, "the size stays");
	want(host_set_size(file, 64), STATUS_SUCCESS, "growing then");
	yes(holds_byte(file, 10, 54, 0), "shows nothing of what was dropped");
	shut(file);
}

static void cached(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	UINT8 data[10000];

	memset(data, 'd', sizeof data);
	want(host_write_cached(file, 0, data, 100, 0xee), STATUS_SUCCESS,
	     "a cached write: size first, whole pages then");
	want_number(info_of(file).size, 100, "the size is what was asked");
	yes(holds_byte(file, 0, 100, 'd'), "the data is there");
	want(host_set_size(file, 8192), STATUS_SUCCESS, "growing");
	yes(holds_byte(file, 100, 8092, 0), "what the page held behind the end does not show");
	want(host_write_cached(file, 6000, data, sizeof data, 0xee), STATUS_SUCCESS,
	     "a cached write over the end");
	want_number(info_of(file).size, 16000, "has its size");
	yes(holds_byte(file, 100, 5900, 0) && holds_byte(file, 6000, 10000, 'd'), "and its data");
	want(host_write_cached(file, 20001, data, 1, 0xee), STATUS_SUCCESS, "a cached write behind the end");
	yes(holds_byte(file, 16000, 4001, 0) && holds_byte(file, 20001, 1, 'd'), "zeros before it");
	shut(file);
}

static void holes(struct check *c)
{
	static const UINT64 gaps[] = {1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 1000001};
	struct host_file *file = made_file(c, in(c, L"f"));

	for (unsigned i = 0; i < sizeof gaps / sizeof *gaps; i++) {
		host_set_size(file, 0);
		put_text(file, 0, "begin");
		put_text(file, 5 + gaps[i], "end");
		yes(holds_text(file, 0, "begin") && holds_byte(file, 5, gaps[i], 0) &&
			    holds_text(file, 5 + gaps[i], "end"),
		    "a gap of %llu bytes reads as zeros", gaps[i]);
	}
	shut(file);
}

static void set_size(struct check *c)
{
	UINT64 unit = host_unit(c->fs);
	struct host_file *file = made_file(c, in(c, L"f"));

	put_text(file, 0, "0123456789");
	want(host_set_size(file, 4), STATUS_SUCCESS, "shrinking");
	want_number(info_of(file).size, 4, "is told");
	want(host_set_size(file, 10), STATUS_SUCCESS, "growing");
	yes(holds(file, 0, "0123\0\0\0\0\0\0", 10), "what was cut off is zero");
	want(host_set_size(file, 10 * unit + 1), STATUS_SUCCESS, "growing by units");
	struct fsp_file_info info = info_of(file);
	want_number(info.size, 10 * unit + 1, "the size");
	want_number(info.allocation, 11 * unit, "takes whole units");
	yes(holds_byte(file, 4, 10 * unit - 3, 0), "all zeros");
	want(host_set_size(file, 0), STATUS_SUCCESS, "emptying");
	want_number(info_of(file).allocation, 0, "sets nothing aside");
	want(host_set_size(file, 0), STATUS_SUCCESS, "emptying again");
	shut(file);
}

static void shrink_inside(struct check *c)
{
	static const UINT64 cuts[] = {1, 100, 511, 512, 513, 4000, 4096, 8191};
	UINT8 data[8192];
	struct host_file *file = made_file(c, in(c, L"f"));

	memset(data, 's', sizeof data);
	for (unsigned i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		put(file, 0, data, sizeof data);
		host_set_size(file, cuts[i]);
		host_set_size(file, sizeof data);
		yes(holds_byte(file, 0, cuts[i], 's') && holds_byte(file, cuts[i], sizeof data - cuts[i], 0),
		    "cut at %llu and grown by SetFileSize", cuts[i]);
		put(file, 0, data, sizeof data);
		host_set_size(file, cuts[i]);
		put(file, 9000, "x", 1);
		yes(holds_byte(file, cuts[i], 9000 - cuts[i], 0), "cut at %llu and grown by a write",
		    cuts[i]);
		put(file, 0, data, sizeof data);
		host_set_size(file, cuts[i]);
		host_set_allocation(file, 20000);
		host_set_size(file, sizeof data);
		yes(holds_byte(file, cuts[i], sizeof data - cuts[i], 0),
		    "cut at %llu and grown into an allocation", cuts[i]);
	}
	shut(file);
}

static void set_allocation(struct check *c)
{
	UINT64 unit = host_unit(c->fs);
	struct host_file *file = made_file(c, in(c, L"f"));

	put_text(file, 0, "0123456789");
	want(host_set_allocation(file, 100 * unit), STATUS_SUCCESS, "setting bytes aside");
	struct fsp_file_info info = info_of(file);
	want_number(info.size, 10, "keeps the size");
	want_number(info.allocation, 100 * unit, "and has them");
	yes(holds_text(file, 0, "0123456789"), "the data is there");
	want(host_set_allocation(file, 10 * unit), STATUS_SUCCESS, "fewer");
	want_number(info_of(file).allocation, 10 * unit, "has those");
	host_set_size(file, 5 * unit + 7);
	want(host_set_allocation(file, 2 * unit), STATUS_SUCCESS, "less than the size");
	info = info_of(file);
	want_number(info.size, 2 * unit, "cuts the size");
	want_number(info.allocation, 2 * unit, "and the allocation");
	host_set_size(file, 5 * unit);
	yes(holds_text(file, 0, "0123456789") && holds_byte(file, 10, 5 * unit - 10, 0),
	    "what is gained again is zero");
	want(host_set_allocation(file, 0), STATUS_SUCCESS, "none");
	info = info_of(file);
	want_number(info.size + info.allocation, 0, "empties the file");
	shut(file);
}

static void allocation_ends(struct check *c)
{
	UINT64 unit = host_unit(c->fs);
	struct host_file *file = made_file(c, in(c, L"f"));

	put_text(file, 0, "0123456789");
	UINT64 used = bytes_used(c->fs);
	want(host_set_allocation(file, 1000 * unit), STATUS_SUCCESS, "setting much aside");
	yes(bytes_used(c->fs) >= used + 990 * unit, "takes it");
	shut(file);
	/* Down to whole units; in sectors a short file may have begun with less. */
	yes(bytes_used(c->fs) == used || (unit > 512 && bytes_used(c->fs) < used + unit),
	    "the last cleanup gives it back (%lld bytes are missing)", (long long)(bytes_used(c->fs) - used));
	file = existing(c, in(c, L"f"));
	want_number(info_of(file).allocation, unit * ((10 + unit - 1) / unit),
		    "the allocation is the size again");
	yes(holds_text(file, 0, "0123456789"), "the data is there");
	shut(file);
}

static void too_big(struct check *c)
{
	static const UINT64 sizes[] = {1ull << 63, UINT64_MAX - 511, UINT64_MAX};
	struct host_file *file = made_file(c, in(c, L"f"));
	ULONG done;

	put_text(file, 0, "kept");
	UINT64 used = bytes_used(c->fs);
	for (unsigned i = 0; i < 3; i++) {
		want(host_set_size(file, sizes[i]), STATUS_INVALID_PARAMETER, "a size of %llx", sizes[i]);
		if (sizes[i] < UINT64_MAX)
			want(host_set_allocation(file, sizes[i]), STATUS_INVALID_PARAMETER,
			     "an allocation of %llx", sizes[i]);
		if (sizes[i] < UINT64_MAX)
			want(host_write(file, sizes[i], "x", 1, &done), STATUS_INVALID_PARAMETER,
			     "a byte at %llx", sizes[i]);
	}
	want(host_write(file, INT64_MAX, "x", 1, &done), STATUS_INVALID_PARAMETER,
	     "a byte at the very last place");
	want(host_write(file, INT64_MAX - 1, "xxxx", 4, &done), STATUS_INVALID_PARAMETER,
	     "bytes over the last place");
	want(host_set_size(file, 1ull << 62), STATUS_DISK_FULL, "more than the machine has");
	want(host_set_allocation(file, 1ull << 62), STATUS_DISK_FULL, "more set aside than the machine has");
	want(host_write(file, 1ull << 62, "x", 1, &done), STATUS_DISK_FULL, "a byte where the machine ends");
	want_number(info_of(file).size, 4, "nothing changed the size");
	want_number(bytes_used(c->fs), used, "nothing took space");
	yes(holds_text(file, 0, "kept"), "nothing changed the data");
	shut(file);
}

static void on_directories(struct check *c)
{
	struct host_file *file = existing(c, c->home);
	UINT8 buffer[16];
	ULONG done;

	want(host_read(file, 0, buffer, 16, &done), STATUS_FILE_IS_A_DIRECTORY, "reading a directory");
	want(host_write(file, 0, buffer, 16, &done), STATUS_FILE_IS_A_DIRECTORY, "writing a directory");
	want(host_set_size(file, 16), STATUS_FILE_IS_A_DIRECTORY, "a directory's size");
	want(host_set_allocation(file, 16), STATUS_FILE_IS_A_DIRECTORY, "a directory's allocation");
	shut(file);
}

static void times_and_archive(struct check *c)
{
	const INT64 old[4] = {1000, 2000, 3000, 4000};
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_set_basic(file, FILE_ATTRIBUTE_NORMAL, old), STATUS_SUCCESS, "old times, no attributes");
	shut(file);
	file = existing(c, in(c, L"f"));
	yes(info_of(file).write == 3000, "the old times are there");
	put_text(file, 0, "x");
	shut(file);
	file = existing(c, in(c, L"f"));
	struct fsp_file_info info = info_of(file);
	yes(info.write > 3000 && info.change > 4000,
	    "the cleanup of a written file moves last write and change");
	want_number(info.creation, 1000, "but not the creation time");
	yes(info_of(file).attributes & FILE_ATTRIBUTE_ARCHIVE, "and sets the archive bit");
	want(host_set_basic(file, FILE_ATTRIBUTE_NORMAL, old), STATUS_SUCCESS, "old times again");
	shut(file);
	file = existing(c, in(c, L"f"));
	want(host_set_size(file, 100), STATUS_SUCCESS, "a new size");
	shut(file);
	file = existing(c, in(c, L"f"));
	info = info_of(file);
	yes(info.write > 3000 && info.attributes & FILE_ATTRIBUTE_ARCHIVE, "counts as a change as well");
	shut(file);
	file = existing(c, in(c, L"f"));
	put_text(file, 0, "y");
	want(host_set_basic(file, FILE_ATTRIBUTE_HIDDEN, old), STATUS_SUCCESS, "times set after writing");
	shut(file);
	file = existing(c, in(c, L"f"));
	info = info_of(file);
	yes(info.write == 3000 && info.change == 4000 && info.attributes == FILE_ATTRIBUTE_HIDDEN,
	    "are not touched by the cleanup");
	shut(file);
}

static void disk_full(struct check *c)
{
	struct fsp_volume_info space;
	struct host_file *file;
	static UINT8 data[1 << 20];
	ULONG done;

	if (!c->mode.limited)
		return;
	memset(data, 'f', sizeof data);
	file = made_file(c, in(c, L"f"));
	UINT64 used = bytes_used(c->fs), size = 0;
	NTSTATUS status;
	while ((status = host_write(file, size, data, sizeof data, &done)) == STATUS_SUCCESS &&
	       done == sizeof data)
		size += done;
	want(status, STATUS_DISK_FULL, "writing until nothing is left");
	want_number(info_of(file).size, size, "the write that failed changed nothing");
	yes(holds_byte(file, size - 1000, 1000, 'f'), "what was written is there");
	while (host_write(file, size, data, 512, &done) == STATUS_SUCCESS && done == 512)
		size += done;
	host_volume(c->fs, &space);
	yes(space.free < 65536, "the last bytes can be used (%llu left)", space.free);
	want(host_set_size(file, size + (4 << 20)), STATUS_DISK_FULL, "SetFileSize");
	want(host_set_allocation(file, size + (4 << 20)), STATUS_DISK_FULL, "an allocation");
	want(host_write(file, size + (8 << 20), data, 1, &done), STATUS_DISK_FULL,
	     "a byte far behind the end");
	want(host_write(file, HOST_AT_END, data, sizeof data, &done), STATUS_DISK_FULL, "appending");
	want_number(info_of(file).size, size, "the file is as it was");
	yes(put(file, 100, data, 5000), "overwriting needs no space");
	unsigned made = 0;
	while (made < 100000 &&
	       (status = try_open(c, in_format(c, L"small%u", made), FILE_CREATE, 0)) == STATUS_SUCCESS)
		made++;
	want(status, STATUS_DISK_FULL, "creating files until nothing is left");
	unsigned streams = 0;
	while (streams < 100 &&
	       (status = try_open(c, in_format(c, L"f:%u", streams), FILE_CREATE, 0)) == STATUS_SUCCESS)
		streams++;
	want(status, STATUS_DISK_FULL, "creating streams until nothing is left");
	want_number((UINT64)stream_count(file), streams + 1, "those that were made are there");
	for (unsigned i = 0; i < made; i++)
		delete_path(c->fs, in_format(c, L"small%u", i));
	for (unsigned i = 0; i < streams; i++)
		delete_path(c->fs, in_format(c, L"f:%u", i));
	want(host_set_size(file, 0), STATUS_SUCCESS, "giving it all back");
	want_number(bytes_used(c->fs), used, "every byte is free again");
	yes(put(file, 0, data, sizeof data), "and can be written");
	shut(file);
}

const struct check_case data_cases[] = {
	{"read and write", "Read Write", read_and_write},
	{"write nothing", "Write", write_nothing},
	{"append", "Write Read", append},
	{"constrained writes", "Write SetFileSize", constrained},
	{"cached writes", "Write SetFileSize Read", cached},
	{"holes", "Write Read", holes},
	{"file size", "SetFileSize Read", set_size},
	{"old bytes after shrinking", "SetFileSize Write Read", shrink_inside},
	{"allocation size", "SetFileSize", set_allocation},
	{"allocation ends with the last handle", "SetFileSize Cleanup", allocation_ends},
	{"too big", "SetFileSize Write", too_big},
	{"data of directories", "Read Write SetFileSize", on_directories},
	{"times and archive bit", "Write SetBasicInfo Cleanup", times_and_archive},
	{"disk full", "", disk_full},
	{0},
};
