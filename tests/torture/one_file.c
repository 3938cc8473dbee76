/*
 * one_file: works on one file at random, by every way there is to read, write and cut it, and compares it
 * with a copy in memory after each step. "one_file FILE SEED SECONDS"; the file is made and removed.
 *
 * The kernel's cache is thrown away now and then, so that what is read comes from the file system.
 */
#include "torture.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST (4u << 20)	  /* largest size of the file */
#define STEP_MOST 200000u /* most bytes that one step moves */
#define DIRECT 4096u	  /* alignment for O_DIRECT */
#define HISTORY 40

struct file {
	const char *path;
	int plain, appending, direct; /* descriptors; direct -1: there is no O_DIRECT */
	unsigned char *model;	      /* what the file holds: MOST bytes, zeros behind the end */
	size_t size;
	unsigned char *buffer; /* of STEP_MOST bytes and a bit, aligned for O_DIRECT */
	struct chance chance;
	uint64_t seed, steps;
	char history[HISTORY][120];
};

/* ---- failing ------------------------------------------------------------------------------------ */

static __attribute__((format(printf, 2, 3))) void note(struct file *file, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(file->history[file->steps % HISTORY], sizeof file->history[0], format, arguments);
	va_end(arguments);
}

static _Noreturn __attribute__((format(printf, 2, 3))) void fail(struct file *file, const char *format, ...)
{
	uint64_t first = file->steps < HISTORY ? 0 : file->steps - HISTORY + 1;
	va_list arguments;

	printf("seed %llu, step %llu: ", (unsigned long long)file->seed, (unsigned long long)file->steps);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\nthe last steps:\n");
	for (uint64_t i = first; i <= file->steps; i++)
		printf("  %llu %s\n", (unsigned long long)i, file->history[i % HISTORY]);
	exit(1);
}

/* ---- chance ---------------------------------------------------------------------------------------- */

/* Offsets like borders: of sectors, of pages, of the file. */
static size_t some_offset(struct file *file, size_t limit)
{
	size_t at = below(&file->chance, (uint32_t)limit + 1);

	switch (below(&file->chance, 6)) {
	case 0:
		return at & ~(size_t)511;
	case 1:
		return at & ~(size_t)4095;
	case 2:
		return file->size < limit ? file->size : limit;
	case 3:
		return at > 1 ? (at & ~(size_t)511) - (at >= 512) : 0;
	default:
		return at;
	}
}

static size_t some_length(struct file *file, size_t limit)
{
	static const uint32_t most[] = {1, 16, 512, 513, 4096, 4097, 16384, 65536, STEP_MOST};
	size_t length = 1 + below(&file->chance, most[below(&file->chance, sizeof most / sizeof *most)]);

	return length < limit ? length : limit;
}

static void fill(struct file *file, unsigned char *to, size_t size)
{
	unsigned char first = (unsigned char)any(&file->chance) | 1;

	for (size_t i = 0; i < size; i++)
		to[i] = (unsigned char)(first + i * 7 + (i >> 8));
}

/* ---- checking ----------------------------------------------------------------------------------------- */

static void compare(struct file *file, const char *how, size_t offset, const unsigned char *got, size_t size)
{
	const unsigned char *wanted = file->model + offset;

	if (!memcmp(wanted, got, size))
		return;
	for (size_t i = 0; i < size; i++)
		if (wanted[i] != got[i])
			fail(file, "%s: byte %zu of %zu is %u, not %u", how, offset + i, file->size, got[i],
			     wanted[i]);
}

static void check_size(struct file *file)
{
	struct stat state;

	if (fstat(file->plain, &state))
		fail(file, "fstat: %s", strerror(errno));
	if ((size_t)state.st_size != file->size)
		fail(file, "the size is %lld, not %zu", (long long)state.st_size, file->size);
}

static void check_all(struct file *file)
{
	for (size_t at = 0; at < file->size;) {
		ssize_t got = pread(file->plain, file->buffer, STEP_MOST, (off_t)at);

		if (got <= 0)
			fail(file, "pread at %zu of %zu: %zd, %s", at, file->size, got, strerror(errno));
		compare(file, "all of it", at, file->buffer, (size_t)got);
		at += (size_t)got;
	}
}

static void grew_to(struct file *file, size_t end)
{
	if (end > file->size)
		file->size = end;
}

/* ---- steps ------------------------------------------------------------------------------------------------
 */

static void step_read(struct file *file)
{
	size_t offset = some_offset(file, MOST), size = some_length(file, STEP_MOST);
	size_t wanted = offset >= file->size ? 0 : size < file->size - offset ? size : file->size - offset;
	ssize_t got = pread(file->plain, file->buffer, size, (off_t)offset);

	note(file, "read %zu at %zu", size, offset);
	if (got != (ssize_t)wanted)
		fail(file, "pread: %zd, not %zu (%s)", got, wanted, strerror(errno));
	compare(file, "pread", offset, file->buffer, wanted);
}

static void step_read_directly(struct file *file)
{
	size_t offset = some_offset(file, MOST - 1) / DIRECT * DIRECT;
	size_t size = (some_length(file, STEP_MOST - DIRECT) + DIRECT - 1) / DIRECT * DIRECT;
	size_t wanted = offset >= file->size ? 0 : size < file->size - offset ? size : file->size - offset;
	ssize_t got;

	note(file, "read %zu at %zu directly", size, offset);
	if (file->direct < 0)
		return;
	got = pread(file->direct, file->buffer, size, (off_t)offset);
	if (got != (ssize_t)wanted)
		fail(file, "direct pread: %zd, not %zu (%s)", got, wanted, strerror(errno));
	compare(file, "direct pread", offset, file->buffer, wanted);
}

static void wrote(struct file *file, const char *how, ssize_t got, size_t offset, size_t size)
{
	if (got != (ssize_t)size)
		fail(file, "%s: %zd, not %zu (%s)", how, got, size, strerror(errno));
	memcpy(file->model + offset, file->buffer, size);
	grew_to(file, offset + size);
}

static void step_write(struct file *file)
{
	size_t offset = some_offset(file, MOST - 1), size = some_length(file, MOST - offset);

	note(file, "write %zu at %zu", size, offset);
	fill(file, file->buffer, size);
	wrote(file, "pwrite", pwrite(file->plain, file->buffer, size, (off_t)offset), offset, size);
}

static void step_write_directly(struct file *file)
{
	size_t offset = some_offset(file, MOST - STEP_MOST) / DIRECT * DIRECT;
	size_t size = (some_length(file, STEP_MOST - DIRECT) + DIRECT - 1) / DIRECT * DIRECT;

	note(file, "write %zu at %zu directly", size, offset);
	if (file->direct < 0)
		return;
	fill(file, file->buffer, size);
	wrote(file, "direct pwrite", pwrite(file->direct, file->buffer, size, (off_t)offset), offset, size);
}

static void step_append(struct file *file)
{
	size_t size = file->size < MOST ? some_length(file, MOST - file->size) : 0;

	note(file, "append %zu at %zu", size, file->size);
	if (!size)
		return;
	fill(file, file->buffer, size);
	wrote(file, "append", write(file->appending, file->buffer, size), file->size, size);
}

static unsigned char *map(struct file *file, size_t offset, size_t size, size_t *before, int protection)
{
	unsigned char *at;

	*before = offset % 4096;
	at = mmap(NULL, size + *before, protection, MAP_SHARED, file->plain, (off_t)(offset - *before));
	if (at == MAP_FAILED)
		fail(file, "mmap: %s", strerror(errno));
	return at;
}

static void step_read_mapped(struct file *file)
{
	size_t offset = some_offset(file, file->size ? file->size - 1 : 0), before, size;
	unsigned char *at;

	note(file, "read mapped at %zu", offset);
	if (offset >= file->size)
		return;
	size = some_length(file, file->size - offset);
	at = map(file, offset, size, &before, PROT_READ);
	compare(file, "mapping", offset, at + before, size);
	munmap(at, size + before);
}

static void step_write_mapped(struct file *file)
{
	size_t offset = some_offset(file, file->size ? file->size - 1 : 0), before, size;
	unsigned char *at;

	note(file, "write mapped at %zu", offset);
	if (offset >= file->size)
		return;
	size = some_length(file, file->size - offset);
	at = map(file, offset, size, &before, PROT_READ | PROT_WRITE);
	fill(file, at + before, size);
	memcpy(file->model + offset, at + before, size);
	if (below(&file->chance, 2) && msync(at, size + before, MS_SYNC))
		fail(file, "msync: %s", strerror(errno));
	munmap(at, size + before);
}

static void step_truncate(struct file *file)
{
	size_t size = some_offset(file, MOST);
	int failed;

	note(file, "truncate %zu to %zu", file->size, size);
	failed = below(&file->chance, 2) ? ftruncate(file->plain, (off_t)size)
					 : truncate(file->path, (off_t)size);
	if (failed)
		fail(file, "truncate: %s", strerror(errno));
	if (size < file->size)
		memset(file->model + size, 0, file->size - size);
	file->size = size;
}

/* False: there is no such mode here. */
static bool allocate(struct file *file, int mode, size_t offset, size_t size)
{
	if (!fallocate(file->plain, mode, (off_t)offset, (off_t)size))
		return true;
	if (errno != EOPNOTSUPP)
		fail(file, "fallocate %d of %zu at %zu: %s", mode, size, offset, strerror(errno));
	return false;
}

static void step_allocate(struct file *file)
{
	size_t offset = some_offset(file, MOST - 1), size = some_length(file, MOST - offset);
	bool keep = below(&file->chance, 2);

	note(file, "allocate %zu at %zu%s", size, offset, keep ? ", size kept" : "");
	if (allocate(file, keep ? FALLOC_FL_KEEP_SIZE : 0, offset, size) && !keep)
		grew_to(file, offset + size);
}

static void clear(struct file *file, size_t offset, size_t size)
{
	if (offset < file->size)
		memset(file->model + offset, 0, size < file->size - offset ? size : file->size - offset);
}

static void step_punch(struct file *file)
{
	size_t offset = some_offset(file, MOST - 1), size = some_length(file, MOST - offset);

	note(file, "punch %zu at %zu", size, offset);
	if (allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size))
		clear(file, offset, size);
}

static void step_zero(struct file *file)
{
	size_t offset = some_offset(file, MOST - 1), size = some_length(file, MOST - offset);
	bool keep = below(&file->chance, 2);

	note(file, "zero %zu at %zu%s", size, offset, keep ? ", size kept" : "");
	if (!allocate(file, FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0), offset, size))
		return;
	clear(file, offset, size);
	if (!keep)
		grew_to(file, offset + size);
}

static void step_copy(struct file *file)
{
	size_t from = some_offset(file, file->size), size = some_length(file, STEP_MOST), to;
	off_t in = (off_t)from, out;
	ssize_t got;

	size = size < file->size - from ? size : file->size - from;
	to = some_offset(file, MOST - STEP_MOST);
	out = (off_t)to;
	note(file, "copy %zu from %zu to %zu", size, from, to);
	if (!size || (to < from + size && from < to + size))
		return;
	got = copy_file_range(file->plain, &in, file->plain, &out, size, 0);
	if (got <= 0)
		fail(file, "copy_file_range: %zd, %s", got, strerror(errno));
	memcpy(file->model + to, file->model + from, (size_t)got);
	grew_to(file, to + (size_t)got);
}

/* What SEEK_DATA skips must be zeros, and so must what lies behind SEEK_HOLE up to the next data. */
static void step_seek(struct file *file)
{
	off_t at = (off_t)some_offset(file, file->size), data = lseek(file->plain, at, SEEK_DATA), hole;
	off_t end = data < 0 ? (off_t)file->size : data;

	note(file, "seek from %lld", (long long)at);
	if (data < 0 && errno != ENXIO)
		fail(file, "SEEK_DATA: %s", strerror(errno));
	if (data >= 0 && (data < at || (size_t)data >= file->size))
		fail(file, "SEEK_DATA from %lld: %lld of %zu", (long long)at, (long long)data, file->size);
	for (off_t i = at; i < end; i++)
		if (file->model[i])
			fail(file, "SEEK_DATA from %lld to %lld skips data at %lld", (long long)at,
			     (long long)data, (long long)i);
	if ((size_t)at >= file->size)
		return;
	hole = lseek(file->plain, at, SEEK_HOLE);
	if (hole < at || (size_t)hole > file->size)
		fail(file, "SEEK_HOLE from %lld: %lld of %zu", (long long)at, (long long)hole, file->size);
	if ((size_t)hole < file->size && file->model[hole])
		fail(file, "SEEK_HOLE finds data at %lld", (long long)hole);
}

static void close_all(struct file *file)
{
	close(file->plain);
	close(file->appending);
	if (file->direct >= 0)
		close(file->direct);
}

static void open_all(struct file *file, int how)
{
	file->plain = open(file->path, O_RDWR | how, 0600);
	file->appending = open(file->path, O_WRONLY | O_APPEND);
	file->direct = open(file->path, O_RDWR | O_DIRECT);
	if (file->plain < 0 || file->appending < 0)
		fail(file, "open: %s", strerror(errno));
}

static void step_reopen(struct file *file)
{
	bool empty = below(&file->chance, 8) == 0;

	note(file, "reopen%s", empty ? ", truncating" : "");
	close_all(file);
	open_all(file, empty ? O_TRUNC : 0);
	if (empty) {
		memset(file->model, 0, file->size);
		file->size = 0;
	}
}

/* The kernel forgets its copy: what is read next comes from the file system. */
static void step_forget(struct file *file)
{
	note(file, "forget");
	if (fsync(file->plain))
		fail(file, "fsync: %s", strerror(errno));
	posix_fadvise(file->plain, 0, 0, POSIX_FADV_DONTNEED);
}

static void step_rename(struct file *file)
{
	char other[4096];

	note(file, "rename there and back");
	snprintf(other, sizeof other, "%s.other", file->path);
	if (rename(file->path, other) || rename(other, file->path))
		fail(file, "rename: %s", strerror(errno));
}

static void (*const steps[])(struct file *file) = {
	step_read,	     step_read,	    step_read_directly, step_write,	   step_write,
	step_write_directly, step_append,   step_read_mapped,	step_write_mapped, step_copy,
	step_truncate,	     step_allocate, step_punch,		step_zero,	   step_seek,
	step_forget,	     step_forget,   step_reopen,	step_rename,
};

int main(int argc, char *argv[])
{
	struct file file = {.path = argc > 1 ? argv[1] : NULL};
	double until;

	if (argc != 4) {
		fprintf(stderr, "usage: one_file FILE SEED SECONDS\n");
		return 2;
	}
	file.seed = strtoull(argv[2], NULL, 10);
	file.chance = chance_of(file.seed);
	file.model = calloc(1, MOST);
	file.buffer = aligned_alloc(DIRECT, STEP_MOST + DIRECT - STEP_MOST % DIRECT);
	if (!file.model || !file.buffer)
		cannot("get memory");
	until = seconds_now() + atof(argv[3]);
	open_all(&file, O_CREAT | O_EXCL);
	do {
		for (int i = 0; i < 100; i++, file.steps++) {
			steps[below(&file.chance, sizeof steps / sizeof *steps)](&file);
			check_size(&file);
		}
		file.steps--;
		check_all(&file);
		file.steps++;
	} while (seconds_now() < until);
	close_all(&file);
	if (unlink(file.path))
		cannot("remove the file");
	printf("%llu steps\n", (unsigned long long)file.steps);
	return 0;
}
