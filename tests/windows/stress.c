/*
 * stress.c: four threads with a model of what every file must hold.
 *
 * MEMEFS_HOST_SECONDS, MEMEFS_HOST_SEED and MEMEFS_HOST_THREADS say how long and how; the
 * kind of stress is MEMEFS_HOST_VARIANT: files, streams, deleted, renames, or all of them in turn.
 */
#include "check.h"

#define THREADS_MAX 16
#define OBJECTS 64
#define SIZE_MAX_MODEL 300000u

/* ---- random numbers, reporting -------------------------------------------------------------------- */

struct random {
	UINT64 state;
};

static UINT32 next(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (UINT32)(random->state >> 16);
}

static UINT32 below(struct random *random, UINT32 limit)
{
	return next(random) % limit;
}

/* One file or stream with what it must hold. */
struct object {
	CRITICAL_SECTION lock;
	WCHAR name[2][64];	/* two places to be renamed between */
	unsigned at;		/* (lock) which of them it has */
	bool exists;		/* (lock) */
	UINT32 size;		/* (lock) */
	UINT8 *bytes;		/* (lock) SIZE_MAX_MODEL of them; zero behind size */
	struct host_file *kept; /* (lock) a handle that stays open, or NULL */
};

struct stress {
	struct host_fs *fs;
	UINT64 seed;
	ULONGLONG until;
	unsigned threads;
	struct object *objects; /* OBJECTS of them */
	unsigned count;
	volatile LONG64 operations;
	volatile LONG wrong;
	volatile LONG64 serial;
	volatile LONG turn;
};

static void wrong(struct stress *s, const char *what, const WCHAR *name, NTSTATUS status)
{
	if (InterlockedIncrement(&s->wrong) <= 20)
		report_line("wrong: %s of %ls (%08lX)", what, name, (unsigned long)status);
}

static bool going(struct stress *s)
{
	InterlockedIncrement64(&s->operations);
	return !s->fs->stopping && s->wrong == 0 && GetTickCount64() < s->until;
}

static NTSTATUS open_as(struct stress *s, const WCHAR *name, ULONG disposition, ULONG options,
			struct host_file **file)
{
	struct host_open how = {.name = name, .disposition = disposition, .options = options};

	return host_open(s->fs, &how, file, NULL);
}

/* ---- operations on one object, with its lock held ----------------------------------------------------- */

static void compare(struct stress *s, struct object *o, struct host_file *file, UINT32 offset, UINT32 length)
{
	UINT8 *buffer = malloc(length + 1);
	ULONG done = 0;
	UINT32 wanted = offset >= o->size ? 0 : o->size - offset < length ? o->size - offset : length;

	NTSTATUS status = host_read(file, offset, buffer, length, &done);
	if (wanted == 0 && length > 0 ? status != STATUS_END_OF_FILE
				      : status != STATUS_SUCCESS || done != wanted)
		wrong(s, "read", o->name[o->at], status);
	else if (memcmp(buffer, o->bytes + offset, wanted) != 0)
		wrong(s, "contents", o->name[o->at], status);
	free(buffer);
}

static void model_size(struct object *o, UINT32 size)
{
	if (size < o->size)
		memset(o->bytes + size, 0, o->size - size);
	o->size = size;
}

static void write_some(struct stress *s, struct object *o, struct host_file *file, struct random *random)
{
	UINT32 offset = below(random, 4) == 0 ? o->size : below(random, SIZE_MAX_MODEL / 2);
	UINT32 length = below(random, 3) == 0 ? below(random, 100000) : below(random, 5000);
	UINT8 byte = (UINT8)next(random);
	ULONG done = 0;
	NTSTATUS status;

	if (offset + length > SIZE_MAX_MODEL)
		length = SIZE_MAX_MODEL - offset;
	UINT8 *data = malloc(length + 1);
	for (UINT32 i = 0; i < length; i++)
		data[i] = (UINT8)(byte + i * 31);
	unsigned kind = below(random, 8);
	if (kind == 0) {
		status = host_write_cached(file, offset, data, length, 0xee);
		done = length;
	} else if (kind == 1) {
		status = host_write_paging(file, offset, data, length, &done);
		length = offset >= o->size ? 0 : o->size - offset < length ? o->size - offset : length;
	} else {
		status = host_write(file, offset == o->size && below(random, 2) ? HOST_AT_END : offset, data,
				    length, &done);
	}
	if (status != STATUS_SUCCESS || done != length)
		wrong(s, "write", o->name[o->at], status);
	memcpy(o->bytes + offset, data, length);
	if (length > 0 && offset + length > o->size)
		o->size = offset + length;
	free(data);
}

static void resize(struct stress *s, struct object *o, struct host_file *file, struct random *random)
{
	UINT32 size = below(random, 3) == 0 ? 0 : below(random, SIZE_MAX_MODEL);
	NTSTATUS status;

	if (below(random, 3) > 0) {
		status = host_set_size(file, size);
		model_size(o, size);
	} else {
		UINT32 unit = (UINT32)host_unit(s->fs), rounded = (size + unit - 1) / unit * unit;
		status = host_set_allocation(file, size);
		if (rounded < o->size)
			model_size(o, rounded);
	}
	if (status != STATUS_SUCCESS)
		wrong(s, "size", o->name[o->at], status);
}

static void check_info(struct stress *s, struct object *o, struct host_file *file)
{
	struct fsp_file_info info;

	NTSTATUS status = host_info(file, &info);
	if (status != STATUS_SUCCESS || info.size != o->size)
		wrong(s, "size told", o->name[o->at], status);
}

static void use(struct stress *s, struct object *o, struct host_file *file, struct random *random)
{
	for (unsigned i = below(random, 6) + 1; i > 0; i--)
		switch (below(random, 8)) {
		case 0:
		case 1:
		case 2:
			write_some(s, o, file, random);
			break;
		case 3:
			resize(s, o, file, random);
			break;
		case 4:
			check_info(s, o, file);
			break;
		case 5:
			compare(s, o, file, 0, SIZE_MAX_MODEL);
			break;
		default:
			compare(s, o, file, below(random, SIZE_MAX_MODEL), below(random, 20000));
		}
}

static void let_go(struct object *o)
{
	shut(o->kept);
	o->kept = NULL;
}

static void create(struct stress *s, struct object *o, struct random *random)
{
	static const ULONG ways[] = {FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE_IF, FILE_SUPERSEDE};
	struct host_file *file;

	NTSTATUS status = open_as(s, o->name[o->at], ways[below(random, 4)], 0, &file);
	if (status != STATUS_SUCCESS) {
		wrong(s, "create", o->name[o->at], status);
		return;
	}
	o->exists = true;
	model_size(o, 0);
	use(s, o, file, random);
	if (below(random, 3) == 0 && !o->kept)
		o->kept = file;
	else
		host_close(file);
}

static void reopen(struct stress *s, struct object *o, struct random *random)
{
	static const ULONG ways[] = {FILE_OPEN, FILE_OPEN, FILE_OPEN_IF, FILE_OVERWRITE, FILE_SUPERSEDE};
	struct host_file *file;
	ULONG way = ways[below(random, 5)];

	NTSTATUS status = open_as(s, o->name[o->at], way, 0, &file);
	if (status != STATUS_SUCCESS) {
		wrong(s, "open", o->name[o->at], status);
		return;
	}
	if (way == FILE_OVERWRITE || way == FILE_SUPERSEDE)
		model_size(o, 0);
	use(s, o, file, random);
	if (o->kept && below(random, 2))
		use(s, o, o->kept, random);
	if (below(random, 4) == 0 && !o->kept)
		o->kept = file;
	else
		host_close(file);
}

/* In the POSIX way: another thread may just look at it, and the name must be free again at once. */
static void delete (struct stress *s, struct object *o, struct random *random)
{
	struct host_file *file;

	NTSTATUS status = open_as(s, o->name[o->at], FILE_OPEN, 0, &file);
	if (status == STATUS_SUCCESS) {
		status = host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX);
		host_close(file);
	}
	if (status != STATUS_SUCCESS)
		wrong(s, "delete", o->name[o->at], status);
	if (o->kept) {
		use(s, o, o->kept, random);
		let_go(o);
	}
	o->exists = false;
	model_size(o, 0);
	if (open_as(s, o->name[o->at], FILE_OPEN, 0, &file) != STATUS_OBJECT_NAME_NOT_FOUND)
		wrong(s, "gone", o->name[o->at], status);
}

static void move(struct stress *s, struct object *o)
{
	struct host_file *file;

	NTSTATUS status = open_as(s, o->name[o->at], FILE_OPEN, 0, &file);
	if (status == STATUS_SUCCESS) {
		status = host_rename(file, o->name[!o->at], HOST_RENAME_POSIX);
		host_close(file);
	}
	if (status != STATUS_SUCCESS)
		wrong(s, "rename", o->name[o->at], status);
	o->at = !o->at;
}

/* ---- files and streams -----------------------------------------------------------------------------------
 */

/* Looks around without a lock: whatever it finds, nothing may break. */
static void look_around(struct stress *s, struct random *random)
{
	struct object *o = &s->objects[below(random, s->count)];
	struct host_listing listing;
	struct host_file *file;
	UINT8 buffer[4096];
	ULONG done;
	WCHAR directory[64];

	wcscpy(directory, o->name[below(random, 2)]);
	*wcsrchr(directory, L'\\') = 0;
	if (below(random, 4) == 0 &&
	    open_as(s, directory, FILE_OPEN, FILE_DIRECTORY_FILE, &file) == STATUS_SUCCESS) {
		NTSTATUS status = host_list(file, HOST_LIST_MIN + below(random, 8000), &listing);
		if (status != STATUS_SUCCESS)
			wrong(s, "list", directory, status);
		host_listing_free(&listing);
		host_close(file);
	} else if (open_as(s, o->name[below(random, 2)], FILE_OPEN, 0, &file) == STATUS_SUCCESS) {
		host_read(file, below(random, SIZE_MAX_MODEL), buffer, sizeof buffer, &done);
		host_streams(file, buffer, sizeof buffer, &done);
		host_close(file);
	}
}

static void objects_worker(struct stress *s, struct random *random, bool may_move)
{
	while (going(s)) {
		struct object *o = &s->objects[below(random, s->count)];
		if (below(random, 10) == 0) {
			look_around(s, random);
			continue;
		}
		if (!TryEnterCriticalSection(&o->lock))
			continue;
		unsigned what = below(random, 12);
		if (!o->exists)
			create(s, o, random);
		else if (what == 0)
			delete (s, o, random);
		else if (what == 1 && may_move)
			move(s, o);
		else if (what == 2)
			let_go(o);
		else
			reopen(s, o, random);
		LeaveCriticalSection(&o->lock);
	}
}

static void objects_begin(struct stress *s)
{
	s->objects = calloc(OBJECTS, sizeof *s->objects);
	s->count = OBJECTS;
	for (unsigned i = 0; i < OBJECTS; i++) {
		InitializeCriticalSection(&s->objects[i].lock);
		s->objects[i].bytes = calloc(1, SIZE_MAX_MODEL);
	}
}

static void objects_end(struct stress *s)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *o = &s->objects[i];
		struct host_file *file;
		if (o->exists && s->wrong == 0) {
			NTSTATUS status = open_as(s, o->name[o->at], FILE_OPEN, 0, &file);
			if (status == STATUS_SUCCESS) {
				check_info(s, o, file);
				compare(s, o, file, 0, SIZE_MAX_MODEL);
				host_close(file);
			} else {
				wrong(s, "final open", o->name[o->at], status);
			}
		}
		let_go(o);
		DeleteCriticalSection(&o->lock);
		free(o->bytes);
	}
	free(s->objects);
}

static void files_begin(struct stress *s)
{
	objects_begin(s);
	for (unsigned i = 0; i < OBJECTS; i++) {
		swprintf(s->objects[i].name[0], 64, L"\\stress\\d%u\\file%u", i % 4, i);
		swprintf(s->objects[i].name[1], 64, L"\\stress\\d%u\\moved%u", (i + 1) % 4, i);
	}
}

static void files_worker(struct stress *s, struct random *random)
{
	objects_worker(s, random, true);
}

/* Eight files with eight streams each; the files themselves stay. */
static void streams_begin(struct stress *s)
{
	objects_begin(s);
	for (unsigned i = 0; i < OBJECTS; i++) {
		swprintf(s->objects[i].name[0], 64, L"\\stress\\d%u\\shared%u:stream%u", i % 4, i % 8, i);
		wcscpy(s->objects[i].name[1], s->objects[i].name[0]);
	}
}

static void streams_worker(struct stress *s, struct random *random)
{
	objects_worker(s, random, false);
}

/* ---- files deleted under open streams
 * ---------------------------------------------------------------------- */

/* Every thread has a stream of its own name in files that any thread may delete at any time. */
static void deleted_once(struct stress *s, struct random *random, unsigned thread)
{
	WCHAR file_name[64], name[80];
	struct object o = {.bytes = calloc(1, SIZE_MAX_MODEL)};
	struct host_file *stream, *file;

	swprintf(file_name, 64, L"\\stress\\d%u\\doomed%u", below(random, 4), below(random, 4));
	swprintf(name, 80, L"%ls:t%u-%lld", file_name, thread, (long long)InterlockedIncrement64(&s->serial));
	wcscpy(o.name[0], name);
	NTSTATUS status = open_as(s, name, FILE_CREATE, 0, &stream);
	if (status == STATUS_SUCCESS) {
		for (unsigned i = below(random, 8); i > 0; i--) {
			use(s, &o, stream, random);
			if (below(random, 3) == 0 &&
			    open_as(s, file_name, FILE_OPEN, 0, &file) == STATUS_SUCCESS) {
				host_set_delete(file,
						HOST_DELETE | (below(random, 2) ? HOST_DELETE_POSIX : 0));
				host_close(file);
			}
		}
		compare(s, &o, stream, 0, SIZE_MAX_MODEL);
		if (below(random, 3) == 0)
			host_set_delete(stream, HOST_DELETE);
		host_close(stream);
	} else if (status != STATUS_DELETE_PENDING) {
		wrong(s, "create a stream", name, status);
	}
	free(o.bytes);
}

static void deleted_worker(struct stress *s, struct random *random)
{
	unsigned thread = (unsigned)InterlockedIncrement(&s->turn);

	while (going(s))
		deleted_once(s, random, thread);
}

/* ---- replacing renames
 * --------------------------------------------------------------------------------------- */

/* A file's whole contents follow from the number in its first eight bytes. */
static UINT32 pattern_size(UINT64 number)
{
	return 8 + (UINT32)(number * 2654435761u % 60000);
}

static void pattern(UINT64 number, UINT8 *bytes)
{
	UINT32 size = pattern_size(number);

	memcpy(bytes, &number, 8);
	for (UINT32 i = 8; i < size; i++)
		bytes[i] = (UINT8)(number * 7 + i * 13 + (i >> 8));
}

static void verify(struct stress *s, struct host_file *file, const WCHAR *name)
{
	UINT8 *bytes = malloc(70000), *wanted = malloc(70000);
	ULONG done = 0;
	UINT64 number;

	NTSTATUS status = host_read(file, 0, bytes, 70000, &done);
	memcpy(&number, bytes, 8);
	if (status != STATUS_SUCCESS || done < 8 || done != pattern_size(number)) {
		wrong(s, "size of a replaced file", name, status);
	} else {
		pattern(number, wanted);
		if (memcmp(bytes, wanted, done) != 0)
			wrong(s, "contents of a replaced file", name, status);
	}
	free(wanted);
	free(bytes);
}

static void replace_once(struct stress *s, const WCHAR *name)
{
	WCHAR fresh[64];
	UINT8 *bytes = malloc(70000);
	struct host_file *file;
	UINT64 number = (UINT64)InterlockedIncrement64(&s->serial);

	swprintf(fresh, 64, L"\\stress\\d%llu\\fresh%llu", number % 4, number);
	pattern(number, bytes);
	NTSTATUS status = open_as(s, fresh, FILE_CREATE, 0, &file);
	if (status == STATUS_SUCCESS) {
		if (!put(file, 0, bytes, pattern_size(number)))
			wrong(s, "write", fresh, STATUS_SUCCESS);
		status = host_rename(file, name, HOST_RENAME_REPLACE | HOST_RENAME_POSIX);
		verify(s, file, name);
		host_close(file);
	}
	if (status != STATUS_SUCCESS)
		wrong(s, "replacing rename", name, status);
	free(bytes);
}

static void renames_worker(struct stress *s, struct random *random)
{
	struct host_file *kept[4] = {0};

	while (going(s)) {
		WCHAR name[64];
		struct host_file *file;
		unsigned slot = below(random, 4), what = below(random, 10);
		swprintf(name, 64, L"\\stress\\d%u\\target%u", below(random, 4), below(random, 3));
		if (what < 4) {
			replace_once(s, name);
		} else if (what == 4) {
			if (open_as(s, name, FILE_OPEN, 0, &file) == STATUS_SUCCESS) {
				host_set_delete(file, HOST_DELETE | HOST_DELETE_POSIX);
				host_close(file);
			}
		} else if (what == 5 && kept[slot]) {
			verify(s, kept[slot], name);
			shut(kept[slot]);
			kept[slot] = NULL;
		} else if (open_as(s, name, FILE_OPEN, 0, &file) == STATUS_SUCCESS) {
			verify(s, file, name);
			if (kept[slot])
				host_close(file);
			else
				kept[slot] = file;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		shut(kept[i]);
}

/* ---- running
 * ------------------------------------------------------------------------------------------------------ */

struct variant {
	const char *name;
	void (*begin)(struct stress *);
	void (*work)(struct stress *, struct random *);
	void (*end)(struct stress *);
};

static const struct variant variants[] = {
	{"files", files_begin, files_worker, objects_end},
	{"streams", streams_begin, streams_worker, objects_end},
	{"deleted", NULL, deleted_worker, NULL},
	{"renames", NULL, renames_worker, NULL},
};

struct worker {
	struct stress *stress;
	const struct variant *variant;
	struct random random;
};

static DWORD WINAPI worker_main(void *context)
{
	struct worker *worker = context;

	worker->variant->work(worker->stress, &worker->random);
	return 0;
}

static void make_directories(struct host_fs *fs)
{
	static const WCHAR *const names[] = {L"\\stress", L"\\stress\\d0", L"\\stress\\d1", L"\\stress\\d2",
					     L"\\stress\\d3"};
	for (unsigned i = 0; i < 5; i++) {
		struct host_open how = {
			.name = names[i], .disposition = FILE_CREATE, .options = FILE_DIRECTORY_FILE};
		struct host_file *file;
		if (host_open(fs, &how, &file, NULL) == STATUS_SUCCESS)
			host_close(file);
	}
}

static void run_variant(struct host_fs *fs, const struct variant *variant, UINT64 seed, unsigned seconds)
{
	struct stress s = {.fs = fs, .seed = seed};
	struct worker workers[THREADS_MAX];
	HANDLE threads[THREADS_MAX];
	UINT64 used = bytes_used(fs);
	LONG odd = fs->oddities;

	s.threads = (unsigned)host_setting_number("MEMEFS_HOST_THREADS", 4);
	if (s.threads == 0 || s.threads > THREADS_MAX)
		s.threads = 4;
	report_case(variant->name);
	make_directories(fs);
	if (variant->begin)
		variant->begin(&s);
	s.until = GetTickCount64() + seconds * 1000ull;
	for (unsigned i = 0; i < s.threads; i++) {
		workers[i] = (struct worker){
			&s, variant, {(seed + 1) * 0x9e3779b97f4a7c15ull + i * 0x1234567ull + 1}};
		threads[i] = CreateThread(NULL, 0, worker_main, &workers[i], 0, NULL);
	}
	WaitForMultipleObjects(s.threads, threads, TRUE, INFINITE);
	for (unsigned i = 0; i < s.threads; i++)
		CloseHandle(threads[i]);
	if (variant->end)
		variant->end(&s);
	delete_tree(fs, L"\\stress");
	report_check(s.wrong == 0, "seed %llu, %u threads, %u s, %lld operations: nothing is wrong", seed,
		     s.threads, seconds, (long long)s.operations);
	report_check(bytes_used(fs) == used, "every byte comes back (%lld are missing)",
		     (long long)(bytes_used(fs) - used));
	report_check(fs->opened == fs->closed && fs->oddities == odd, "every context is closed, nothing odd");
}

void stress_run(struct host_fs *fs)
{
	const char *only = host_setting("MEMEFS_HOST_VARIANT");
	UINT64 seed = host_setting_number("MEMEFS_HOST_SEED", 1);
	unsigned seconds = (unsigned)host_setting_number("MEMEFS_HOST_SECONDS", 5);

	for (unsigned i = 0; i < sizeof variants / sizeof *variants && !fs->stopping; i++)
		if (!only || strcmp(only, variants[i].name) == 0)
			run_variant(fs, &variants[i], seed, seconds);
}
