/*
 * bench.c: the speed and size of memefs.exe at the callback boundary, with memcpy beside it.
 *
 * A script of the test host: it calls the program's callbacks as the DLL would and nothing else,
 * so that what is measured is the program. The peers' numbers come from one earlier run through a
 * stand-in of the same kind; they belong to that machine and are told for comparison only.
 */
#include "check.h"

#include <psapi.h>

#define MIB (1024.0 * 1024.0)

struct bench {
	struct host_fs *fs;
	UINT8 security[1024]; /* what every new file gets: the root's */
	UINT8 *buffer;	      /* 1 MiB */
};

/* ---- clock and memory ------------------------------------------------------------------------------ */

static double seconds(void)
{
	LARGE_INTEGER now, frequency;

	QueryPerformanceCounter(&now);
	QueryPerformanceFrequency(&frequency);
	return (double)now.QuadPart / (double)frequency.QuadPart;
}

static double resident(void)
{
	PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};

	GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters);
	return (double)counters.WorkingSetSize;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

enum better { MORE, LESS };

/* peer 0: none measured. `factor` is what is asked for: times better than the peer. */
static void row(const char *name, double value, const char *unit, double peer, enum better better,
		double factor)
{
	char verdict[64] = "";

	if (peer > 0) {
		double times = better == MORE ? value / peer : peer / value;
		snprintf(verdict, sizeof verdict, "%.1f times the better peer%s", times,
			 factor > 0 && times < factor ? " (asked: more)" : "");
	}
	report_line("%-52s %12.*f %-8s %s", name,
		    value < 10	   ? 3
		    : value < 1000 ? 1
				   : 0,
		    value, unit, verdict);
}

static void row_memcpy(const char *name, double value, double memcpy_speed, bool asked)
{
	double part = 100 * value / memcpy_speed;

	report_line("%-52s %12.0f MB/s     memcpy %.0f, %.0f %% of it%s", name, value, memcpy_speed, part,
		    asked && part < 90 ? " (asked: 90 %)" : "");
}

static void row_limit(const char *name, double value, const char *unit, double limit)
{
	report_line("%-52s %12.*f %-8s at most %.*f are asked%s", name, value < 10 ? 3 : 0, value, unit,
		    limit < 1 ? 1 : 0, limit, value > limit ? ": missed" : "");
}

/* ---- callbacks --------------------------------------------------------------------------------------------
 */

static void *create(struct bench *b, WCHAR *name, UINT32 options)
{
	struct fsp_open_info info;
	WCHAR normalized[1024];
	void *context = NULL;

	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	if (b->fs->calls.create_ex(&b->fs->api, name, options | FILE_CREATE << 24, HOST_DEFAULT_ACCESS, 0,
				   b->security, 0, NULL, 0, FALSE, &context, &info.info) != STATUS_SUCCESS)
		report_check(false, "create %ls", name);
	return context;
}

static void *open_existing(struct bench *b, WCHAR *name)
{
	struct fsp_open_info info;
	WCHAR normalized[1024];
	void *context = NULL;

	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	if (b->fs->calls.open(&b->fs->api, name, FILE_OPEN << 24, HOST_DEFAULT_ACCESS, &context,
			      &info.info) != STATUS_SUCCESS)
		report_check(false, "open %ls", name);
	return context;
}

static void close(struct bench *b, void *context)
{
	b->fs->calls.close(&b->fs->api, context);
}

static void name_of(WCHAR *name, const WCHAR *directory, unsigned number)
{
	WCHAR *to = name;

	while (*directory)
		*to++ = *directory++;
	*to++ = L'\\';
	*to++ = L'f';
	for (unsigned divisor = 100000; divisor > 0; divisor /= 10)
		*to++ = (WCHAR)(L'0' + number / divisor % 10);
	*to = 0;
}

static void create_many(struct bench *b, const WCHAR *directory, unsigned from, unsigned to)
{
	WCHAR name[64];

	for (unsigned i = from; i < to; i++) {
		name_of(name, directory, i);
		close(b, create(b, name, FILE_NON_DIRECTORY_FILE));
	}
}

static void make_directory_named(struct bench *b, const WCHAR *name)
{
	WCHAR copy[64];

	wcscpy(copy, name);
	close(b, create(b, copy, FILE_DIRECTORY_FILE));
}

static void delete_one(struct bench *b, WCHAR *name)
{
	void *context = open_existing(b, name);

	b->fs->calls.cleanup(&b->fs->api, context, name, FSP_CLEANUP_DELETE);
	close(b, context);
}

static void delete_many(struct bench *b, const WCHAR *directory, unsigned count)
{
	WCHAR name[64];

	for (unsigned i = 0; i < count; i++) {
		name_of(name, directory, i);
		delete_one(b, name);
	}
	wcscpy(name, directory);
	delete_one(b, name);
}

/* ---- names
 * ----------------------------------------------------------------------------------------------------- */

static const unsigned counts[3] = {1000, 10000, 100000};
static const WCHAR *const directories[3] = {L"\\d1000", L"\\d10000", L"\\d100000"};

static double open_random(struct bench *b, const WCHAR *directory, unsigned count, bool security)
{
	UINT8 descriptor[1024];
	WCHAR name[64];
	UINT32 random = 12345, attributes;
	const unsigned opens = 200000;

	double begin = seconds();
	for (unsigned i = 0; i < opens; i++) {
		SIZE_T size = sizeof descriptor;
		random = random * 1664525u + 1013904223u;
		name_of(name, directory, (random >> 8) % count);
		if (security)
			b->fs->calls.get_security_by_name(&b->fs->api, name, &attributes, descriptor, &size);
		close(b, open_existing(b, name));
	}
	return opens / (seconds() - begin);
}

static void names(struct bench *b)
{
	static const double create_peers[3] = {107000, 98000, 73000},
			    open_peers[3] = {482000, 283000, 210000};
	char what[80];

	for (unsigned i = 0; i < 3; i++) {
		double best = 0;
		for (unsigned run = 0; run < (i < 2 ? 5u : 1u); run++) {
			if (run > 0)
				delete_many(b, directories[i], counts[i]);
			make_directory_named(b, directories[i]);
			double begin = seconds();
			create_many(b, directories[i], 0, counts[i]);
			double speed = counts[i] / (seconds() - begin);
			best = speed > best ? speed : best;
		}
		snprintf(what, sizeof what, "create and close, %u in one directory", counts[i]);
		row(what, best, "/s", create_peers[i], MORE, 3);
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(what, sizeof what, "open and close at random, %u files", counts[i]);
		row(what, open_random(b, directories[i], counts[i], false), "/s", open_peers[i], MORE, 3);
	}
	row("GetSecurityByName, open and close, 100000 files",
	    open_random(b, directories[2], counts[2], true), "/s", 120000, MORE, 3);
}

/* Lists a directory from the start to its end; returns the entries. */
static unsigned list_all(struct bench *b, void *context, ULONG length)
{
	WCHAR marker[256] = L"";
	unsigned entries = 0;
	bool end = false;

	while (!end) {
		const struct fsp_dir_info *entry, *last = NULL;
		ULONG size = 0, at = 0;
		if (b->fs->calls.read_directory(&b->fs->api, context, NULL, marker[0] ? marker : NULL,
						b->buffer, length, &size) != STATUS_SUCCESS)
			return 0;
		while (at + 2 <= size) {
			entry = (const void *)(b->buffer + at);
			end = *(const UINT16 *)entry == 0;
			if (end)
				break;
			last = entry;
			entries++;
			at += (entry->size + 7u) & ~7u;
		}
		if (!end && !last)
			return 0;
		if (last)
			host_list_name(last, marker);
	}
	return entries;
}

static double list_time(struct bench *b, const WCHAR *name, ULONG length, unsigned at_least)
{
	WCHAR copy[64];
	double best = 1e9;

	wcscpy(copy, name);
	void *context = open_existing(b, copy);
	for (unsigned run = 0; run < 10; run++) {
		double begin = seconds();
		if (list_all(b, context, length) < at_least)
			report_check(false, "listing %ls", name);
		double time = (seconds() - begin) * 1000;
		best = time < best ? time : best;
	}
	close(b, context);
	return best;
}

static void lists(struct bench *b)
{
	WCHAR from[] = L"\\d10000", to[] = L"\\renamed";
	WCHAR name[64];

	row("list 10000 entries, 64 KiB buffers", list_time(b, L"\\d10000", 65536, 10002), "ms", 5.5, LESS,
	    3);
	row("list 10000 entries, 4 KiB buffers", list_time(b, L"\\d10000", 4096, 10002), "ms", 7.3, LESS, 3);
	for (unsigned i = 0; i < 7; i++) {
		swprintf(name, 64, L"\\extra%u", i);
		make_directory_named(b, name);
	}
	row("list a root of 10 above 100000 files", list_time(b, L"\\", 65536, 10), "ms", 24, LESS, 3);
	for (unsigned i = 0; i < 7; i++) {
		swprintf(name, 64, L"\\extra%u", i);
		delete_one(b, name);
	}
	void *context = open_existing(b, from);
	double begin = seconds();
	NTSTATUS status = b->fs->calls.rename(&b->fs->api, context, from, to, FALSE);
	double time = (seconds() - begin) * 1000;
	if (status != STATUS_SUCCESS ||
	    b->fs->calls.rename(&b->fs->api, context, to, from, FALSE) != STATUS_SUCCESS)
		report_check(false, "rename");
	close(b, context);
	row("rename a directory with 10000 descendants", time, "ms", 146, LESS, 3);
}

static void deletes(struct bench *b)
{
	double begin = seconds();

	delete_many(b, directories[2], counts[2]);
	row("delete 100000 (open, cleanup, close)", counts[2] / (seconds() - begin), "/s", 52000, MORE, 3);
	delete_many(b, directories[1], counts[1]);
	delete_many(b, directories[0], counts[0]);
}

/* ---- two threads
 * ---------------------------------------------------------------------------------------------------- */

struct part {
	struct bench *b;
	const WCHAR *directory;
	unsigned from, to;
};

static DWORD WINAPI part_main(void *context)
{
	const struct part *part = context;

	create_many(part->b, part->directory, part->from, part->to);
	return 0;
}

static double create_in_threads(struct bench *b, unsigned threads, const WCHAR *first, const WCHAR *second)
{
	struct part parts[2] = {{b, first, 0, 50000}, {b, second, 50000, 100000}};
	HANDLE handles[2];

	double begin = seconds();
	for (unsigned i = 0; i < 2; i++) {
		handles[i] = CreateThread(NULL, 0, part_main, &parts[i], 0, NULL);
		if (threads == 1)
			WaitForSingleObject(handles[i], INFINITE);
	}
	WaitForMultipleObjects(2, handles, TRUE, INFINITE);
	double time = seconds() - begin;
	CloseHandle(handles[0]);
	CloseHandle(handles[1]);
	return 100000 / time;
}

static void threads(struct bench *b)
{
	static const double peers[2] = {83000, 70000};

	for (unsigned n = 1; n <= 2; n++) {
		make_directory_named(b, L"\\t");
		row(n == 1 ? "create, 1 thread" : "create, 2 threads in one directory",
		    create_in_threads(b, n, L"\\t", L"\\t"), "/s", peers[n - 1], MORE, 3);
		delete_many(b, L"\\t", 100000);
	}
	make_directory_named(b, L"\\t");
	make_directory_named(b, L"\\u");
	row("create, 2 threads in two directories", create_in_threads(b, 2, L"\\t", L"\\u"), "/s", 70000,
	    MORE, 3);
	WCHAR name[64];
	for (unsigned i = 0; i < 100000; i++) {
		name_of(name, i < 50000 ? L"\\t" : L"\\u", i);
		delete_one(b, name);
	}
	delete_one(b, wcscpy(name, L"\\t"));
	delete_one(b, wcscpy(name, L"\\u"));
}

/* ---- data
 * -------------------------------------------------------------------------------------------------------------
 */

enum transfer { APPEND, OVERWRITE, READ };
#define DATA_BYTES (256u << 20)
static const ULONG blocks[3] = {4096, 65536, 1 << 20};
static const char *const block_names[3] = {"4K", "64K", "1M"};

static double transfer_once(struct bench *b, void *context, enum transfer what, ULONG block, UINT64 total)
{
	struct fsp_file_info info;
	ULONG done;

	double begin = seconds();
	for (UINT64 at = 0; at < total; at += block) {
		NTSTATUS status =
			what == READ ? b->fs->calls.read(&b->fs->api, context, b->buffer, at, block, &done)
				     : b->fs->calls.write(&b->fs->api, context, b->buffer, at, block, FALSE,
							  FALSE, &done, &info);
		if (status != STATUS_SUCCESS || done != block) {
			report_check(false, "transfer: %08lX", (unsigned long)status);
			break;
		}
	}
	return (double)total / 1e6 / (seconds() - begin);
}

/* The same bytes moved by memcpy: into memory that is fresh, or there already. */
static double memcpy_once(struct bench *b, enum transfer what, ULONG block, UINT64 total)
{
	UINT8 *there = VirtualAlloc(NULL, total, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);

	if (!there)
		return 1;
	if (what != APPEND)
		memset(there, 1, total);
	double begin = seconds();
	for (UINT64 at = 0; at < total; at += block)
		memcpy(what == READ ? b->buffer : there + at, what == READ ? there + at : b->buffer, block);
	double speed = (double)total / 1e6 / (seconds() - begin);
	VirtualFree(there, 0, MEM_RELEASE);
	return speed;
}

/* The best of five runs of each, in turn, so that both meet the same machine. */
static void data_row(struct bench *b, enum transfer kind, unsigned block)
{
	static const char *const names[3] = {"append to 256 MiB", "overwrite", "read"};
	WCHAR name[] = L"\\data";
	double best = 0, best_memcpy = 0;
	char what[80];

	void *context = create(b, name, 0);
	if (kind != APPEND)
		transfer_once(b, context, APPEND, 1 << 20, DATA_BYTES);
	for (unsigned run = 0; run < 5; run++) {
		struct fsp_file_info info;
		if (kind == APPEND)
			b->fs->calls.set_file_size(&b->fs->api, context, 0, TRUE, &info);
		double speed = transfer_once(b, context, kind, blocks[block], DATA_BYTES);
		best = speed > best ? speed : best;
		speed = memcpy_once(b, kind, blocks[block], DATA_BYTES);
		best_memcpy = speed > best_memcpy ? speed : best_memcpy;
	}
	close(b, context);
	delete_one(b, name);
	snprintf(what, sizeof what, "%s, %s blocks", names[kind], block_names[block]);
	row_memcpy(what, best, best_memcpy, block > 0);
}

static void data(struct bench *b)
{
	for (unsigned kind = APPEND; kind <= READ; kind++)
		for (unsigned block = 0; block < 3; block++)
			data_row(b, (enum transfer)kind, block);
}

/* ---- memory
 * ------------------------------------------------------------------------------------------------------------
 */

static double bytes_per_file(struct bench *b, ULONG size)
{
	const unsigned count = 50000;
	struct fsp_file_info info;
	WCHAR name[64];
	ULONG done;

	make_directory_named(b, L"\\m");
	double before = resident();
	for (unsigned i = 0; i < count; i++) {
		name_of(name, L"\\m", i);
		void *context = create(b, name, 0);
		if (size > 0) {
			b->fs->calls.write(&b->fs->api, context, b->buffer, 0, size, FALSE, FALSE, &done,
					   &info);
			b->fs->calls.cleanup(&b->fs->api, context, NULL,
					     FSP_CLEANUP_ALLOCATION | FSP_CLEANUP_ARCHIVE);
		}
		close(b, context);
	}
	double each = (resident() - before) / count;
	delete_many(b, L"\\m", count);
	return each;
}

static void memory(struct bench *b)
{
	struct fsp_file_info info;
	WCHAR name[] = L"\\big";

	row_limit("resident bytes of an empty file", bytes_per_file(b, 0), "bytes", 450);
	row("resident bytes of a 1 byte file", bytes_per_file(b, 1), "bytes", 1198, LESS, 0);
	row_limit("resident bytes of a 4 KiB file", bytes_per_file(b, 4096), "bytes", 4700);
	void *context = create(b, name, 0);
	double before = resident(), begin = seconds();
	NTSTATUS status = b->fs->calls.set_file_size(&b->fs->api, context, 1u << 30, FALSE, &info);
	double time = (seconds() - begin) * 1000, taken = (resident() - before) / MIB;
	if (status != STATUS_SUCCESS)
		report_check(false, "SetFileSize to 1 GiB: %08lX", (unsigned long)status);
	row_limit("SetFileSize to 1 GiB", time, "ms", 0.1);
	row_limit("memory that it takes", taken < 0 ? 0 : taken, "MiB", 0.5);
	close(b, context);
	delete_one(b, name);
}

void bench_run(struct host_fs *fs)
{
	struct bench b = {.fs = fs};
	WCHAR root[] = L"\\";
	SIZE_T size = sizeof b.security;
	UINT32 attributes;

	report_case("bench");
	b.buffer = VirtualAlloc(NULL, 1 << 20, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
	if (!b.buffer || fs->calls.get_security_by_name(&fs->api, root, &attributes, b.security, &size) !=
				 STATUS_SUCCESS) {
		report_check(false, "the benchmark cannot begin");
		return;
	}
	memset(b.buffer, 0x42, 1 << 20);
	UINT64 used = bytes_used(fs);
	memory(&b);
	names(&b);
	lists(&b);
	deletes(&b);
	threads(&b);
	data(&b);
	report_check(bytes_used(fs) == used, "every byte comes back");
}
