/*
 * engine: how fast the engine is by itself, in one run with memcpy beside it, as a Markdown table.
 *
 * engine [--quick] [--order name|position] [--rounds N] [--clock cpu|wall] [--only GROUP]...
 * Groups: names list moves data memory size threads.
 *
 * One thread that never waits takes as much processor time as wall time on a quiet machine, so the
 * single-threaded rows count the process's processor time (kernel's included) unless told
 * otherwise: neighbours disturb it less. Rows of two threads always count wall time.
 *
 * Each figure is the median of several rounds; where memcpy is the measure, both take turns in every
 * round and their ratio is the median of the rounds' ratios. What a front end does around a call is
 * done here too: paths come as UTF-16 and are converted, created files get a security descriptor,
 * opening asks for the node's info, listings are written out as directory-information records. The
 * column "peer" has the better of the two peers measured through a stand-in for WinFsp's DLL; they
 * paid for that layer and this program does not, so the targets are multiples of their figures.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "measure.h"
#include "memefs.h"

#define MIB ((size_t)1 << 20)
#define PATH_UNITS 64
#define ROWS_MOST 96

enum group {
	GROUP_NAMES = 1,
	GROUP_LIST = 2,
	GROUP_MOVES = 4,
	GROUP_DATA = 8,
	GROUP_MEMORY = 16,
	GROUP_SIZE = 32,
	GROUP_THREADS = 64,
	GROUP_ALL = 127
};

/* How a figure is written, and whether more or less of it is better. */
enum kind { RATE, RATE_BYTES, SECONDS, BYTES, TIMES };

struct row {
	char work[96];
	enum kind kind;
	struct samples ours, base; /* base: memcpy at the same, empty: none */
	double peer;		   /* 0: none */
	double target;		   /* of ours, or of ours / base when `relative`; 0: none */
	bool relative;
};

struct bench {
	bool quick, by_position, wall;
	unsigned rounds, groups;
	struct row rows[ROWS_MOST];
	size_t count;
	uint8_t *block;	  /* 1 MiB, warm: what is written from and read into */
	uint8_t *warm;	  /* `big` bytes that were touched */
	uint8_t *listing; /* room for a whole listing */
	size_t big, listing_size;
	uint64_t noise; /* state of a small generator */
};

static double bench_now(const struct bench *bench)
{
	return bench->wall ? measure_wall() : measure_cpu();
}

/* ---- rows --------------------------------------------------------------------------------- */

static struct row *row(struct bench *bench, enum kind kind, double peer, double target, bool relative,
		       const char *format, ...)
{
	char work[sizeof(bench->rows[0].work)];
	struct row *row;
	va_list list;

	va_start(list, format);
	vsnprintf(work, sizeof(work), format, list);
	va_end(list);
	for (size_t i = 0; i < bench->count; i++)
		if (!strcmp(bench->rows[i].work, work))
			return &bench->rows[i];
	if (bench->count == ROWS_MOST)
		abort();
	row = &bench->rows[bench->count++];
	strcpy(row->work, work);
	row->kind = kind;
	row->peer = peer;
	row->target = target;
	row->relative = relative;
	return row;
}

static bool less_is_better(enum kind kind)
{
	return kind == SECONDS || kind == BYTES;
}

static void write_figure(char *to, size_t size, enum kind kind, double value)
{
	switch (kind) {
	case RATE:
		if (value >= 1e6)
			snprintf(to, size, "%.2fM/s", value / 1e6);
		else
			snprintf(to, size, "%.0fk/s", value / 1e3);
		break;
	case RATE_BYTES:
		snprintf(to, size, "%.0f MB/s", value / 1e6);
		break;
	case SECONDS:
		if (value < 1e-3)
			snprintf(to, size, "%.2f us", value * 1e6);
		else
			snprintf(to, size, "%.2f ms", value * 1e3);
		break;
	case BYTES:
		if (value >= (double)MIB)
			snprintf(to, size, "%.1f MiB", value / (double)MIB);
		else
			snprintf(to, size, "%.0f B", value);
		break;
	case TIMES:
		snprintf(to, size, "%.2f x", value);
		break;
	}
}

static void print_row(const struct row *row)
{
	double ours = samples_median(&row->ours), ratio = samples_ratio(&row->ours, &row->base);
	char figure[32], peer[32] = "", base[32] = "", against[32] = "", target[48] = "";
	const char *verdict = "";

	write_figure(figure, sizeof(figure), row->kind, ours);
	if (row->peer > 0)
		write_figure(peer, sizeof(peer), row->kind, row->peer);
	if (row->base.count) {
		write_figure(base, sizeof(base), row->kind, samples_median(&row->base));
		snprintf(against, sizeof(against), "%.2f", ratio);
	}
	if (row->target > 0) {
		double value = row->relative ? ratio : ours;
		char limit[32];

		if (row->relative)
			snprintf(limit, sizeof(limit), "%.2f of it", row->target);
		else
			write_figure(limit, sizeof(limit), row->kind, row->target);
		snprintf(target, sizeof(target), "%s %s", less_is_better(row->kind) ? "at most" : "at least",
			 limit);
		verdict = (less_is_better(row->kind) ? value <= row->target : value >= row->target)
				  ? "met"
				  : "**not met**";
	}
	printf("| %s | %s | %.0f %% | %s | %s | %s | %s | %s |\n", row->work, figure,
	       samples_spread(&row->ours), peer, base, against, target, verdict);
}

/* ---- small things ------------------------------------------------------------------------------ */

static void must(enum mfs_status status, const char *what)
{
	if (status != MFS_OK) {
		fprintf(stderr, "%s: %s\n", what, mfs_status_text(status));
		exit(1);
	}
}

static void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return memory;
}

static uint64_t noise(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A self-relative descriptor as a file usually has it: owner, group, three grants. */
static size_t make_security(uint8_t to[160])
{
	static const uint8_t head[20] = {1, 0, 4, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 52};
	static const uint8_t sid[16] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};
	size_t size = 52;

	memcpy(to, head, sizeof(head));
	memcpy(to + 20, sid, 16);
	memcpy(to + 36, sid, 16);
	memcpy(to + size, "\2\0\x50\0\3\0\0\0", 8); /* an ACL of 8 + 3 * 24 bytes */
	size += 8;
	for (unsigned i = 0; i < 3; i++, size += 24) {
		memcpy(to + size, "\0\0\x18\0\xFF\1\x1F\0", 8);
		memcpy(to + size + 8, sid, 16);
		to[size + 20] = (uint8_t)(32 + i);
	}
	return size;
}

static struct mfs_volume *volume_new(const struct bench *bench)
{
	struct mfs_options options = {.case_insensitive = !bench->by_position,
				      .size_is_promise = !bench->by_position,
				      .order = bench->by_position ? MFS_BY_POSITION : MFS_BY_NAME};
	struct mfs_volume *volume;

	must(mfs_volume_create(&options, &volume), "making a volume");
	return volume;
}

/* ---- as a front end does it ------------------------------------------------------------------------ */

/* Writes "\directory\file0000123" as UTF-16; returns the units. */
static size_t path_units(uint16_t to[PATH_UNITS], unsigned directory, unsigned number)
{
	char text[PATH_UNITS];
	size_t size = 0;

	text[size++] = '\\';
	text[size++] = 'd';
	text[size++] = (char)('a' + directory / 26 % 26);
	text[size++] = (char)('a' + directory % 26);
	text[size++] = '\\';
	memcpy(text + size, "file", 4);
	for (unsigned i = 7, rest = number; i-- > 0; rest /= 10)
		text[size + 4 + i] = (char)('0' + rest % 10);
	size += 11;
	for (size_t i = 0; i < size; i++)
		to[i] = (unsigned char)text[i];
	return size;
}

/* The path as the engine takes it. */
static size_t path_of(unsigned directory, unsigned number, char to[3 * PATH_UNITS])
{
	uint16_t units[PATH_UNITS];

	return mfs_utf16_to_name(units, path_units(units, directory, number), to, 3 * PATH_UNITS);
}

static void make_directory(struct mfs_volume *volume, unsigned number)
{
	struct mfs_new what = {.kind = MFS_DIRECTORY};
	struct mfs_node *root = mfs_volume_root(volume);
	char path[3 * PATH_UNITS];

	path_of(number, 0, path);
	must(mfs_create(volume, root, path + 1, 3, &what, NULL), "making a directory");
	mfs_node_drop(volume, root);
}

static struct mfs_node *front_create(struct mfs_volume *volume, unsigned directory, unsigned number,
				     const void *security, size_t security_size)
{
	struct mfs_new what = {.security = security, .security_size = security_size};
	char path[3 * PATH_UNITS];
	size_t size = path_of(directory, number, path);
	struct mfs_place place;
	struct mfs_node *node = NULL;
	struct mfs_info info;

	if (mfs_walk(volume, path, size, '\\', &place) != MFS_NOT_FOUND)
		must(MFS_EXISTS, "walking before creating");
	must(mfs_create(volume, place.parent, place.name, place.name_size, &what, &node), "creating");
	mfs_node_info(volume, node, &info);
	mfs_place_drop(volume, &place);
	return node;
}

static void front_open_close(struct mfs_volume *volume, unsigned directory, unsigned number)
{
	char path[3 * PATH_UNITS];
	size_t size = path_of(directory, number, path);
	struct mfs_place place;
	struct mfs_info info;

	must(mfs_walk(volume, path, size, '\\', &place), "opening");
	mfs_node_info(volume, place.node, &info);
	mfs_place_drop(volume, &place);
}

static void front_security(struct mfs_volume *volume, unsigned directory, unsigned number)
{
	char path[3 * PATH_UNITS];
	size_t size = path_of(directory, number, path), got;
	struct mfs_place place;
	struct mfs_info info;
	uint8_t security[1024];

	must(mfs_walk(volume, path, size, '\\', &place), "security by name");
	mfs_node_info(volume, place.node, &info);
	must(mfs_security_get(volume, place.node, security, sizeof(security), &got), "security");
	mfs_place_drop(volume, &place);
}

static void front_delete(struct mfs_volume *volume, unsigned directory, unsigned number)
{
	char path[3 * PATH_UNITS];
	size_t size = path_of(directory, number, path);
	struct mfs_place place;

	must(mfs_walk(volume, path, size, '\\', &place), "before deleting");
	must(mfs_unlink(volume, place.parent, place.name, place.name_size, MFS_REMOVE_ANY, place.node),
	     "deleting");
	mfs_place_drop(volume, &place);
}

/* Creates and closes `count` files in a directory. With `step` above 1 the names come in no order. */
static void create_many(struct mfs_volume *volume, unsigned directory, unsigned count, unsigned step)
{
	uint8_t security[160];
	size_t size = make_security(security);

	for (unsigned i = 0, number = 0; i < count; i++, number = (number + step) % count)
		mfs_node_drop(volume, front_create(volume, directory, number, security, size));
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* One round with `count` files a directory; small directories come several times. */
static void names_round(struct bench *bench, unsigned count, double create_peer, double open_peer)
{
	unsigned directories = count < 20000 ? 20000 / count : 1, opens = bench->quick ? 30000 : 100000;
	struct mfs_volume *volume = volume_new(bench);
	double start;

	for (unsigned i = 0; i < directories; i++)
		make_directory(volume, i);
	start = bench_now(bench);
	for (unsigned i = 0; i < directories; i++)
		create_many(volume, i, count, 1);
	samples_add(&row(bench, RATE, create_peer, 5 * create_peer, false, "create + close, directory of %uk",
			 count / 1000)
			     ->ours,
		    (double)count * directories / (bench_now(bench) - start));
	start = bench_now(bench);
	for (unsigned i = 0; i < opens; i++) {
		uint64_t random = noise(&bench->noise);

		front_open_close(volume, (unsigned)(random >> 40) % directories,
				 (unsigned)(random & 0xFFFFFF) % count);
	}
	samples_add(&row(bench, RATE, open_peer, 5 * open_peer, false, "open + close at random, %uk",
			 count / 1000)
			     ->ours,
		    opens / (bench_now(bench) - start));
	mfs_volume_destroy(volume);
}

/* What is asked at 100k only: names in no order, security by name, deleting. */
static void names_more(struct bench *bench, unsigned count)
{
	struct mfs_volume *volume = volume_new(bench);
	unsigned opens = bench->quick ? 30000 : 100000;
	double start;

	make_directory(volume, 0);
	start = bench_now(bench);
	create_many(volume, 0, count, 38671);
	samples_add(
		&row(bench, RATE, 0, 0, false, "create + close, %uk, names in no order", count / 1000)->ours,
		count / (bench_now(bench) - start));
	start = bench_now(bench);
	for (unsigned i = 0; i < opens; i++) {
		unsigned number = (unsigned)(noise(&bench->noise) & 0xFFFFFF) % count;

		front_security(volume, 0, number);
		front_open_close(volume, 0, number);
	}
	samples_add(
		&row(bench, RATE, 120e3, 600e3, false, "security by name + open + close, %uk", count / 1000)
			 ->ours,
		opens / (bench_now(bench) - start));
	start = bench_now(bench);
	for (unsigned i = 0; i < count; i++)
		front_delete(volume, 0, i);
	samples_add(&row(bench, RATE, 52e3, 260e3, false, "delete %uk", count / 1000)->ours,
		    count / (bench_now(bench) - start));
	mfs_volume_destroy(volume);
}

static void bench_names(struct bench *bench)
{
	unsigned most = bench->quick ? 30000 : 100000;

	for (unsigned i = 0; i < bench->rounds; i++) {
		names_round(bench, 1000, 107e3, 482e3);
		names_round(bench, 10000, 98e3, 283e3);
		names_round(bench, most, 73e3, 210e3);
		names_more(bench, most);
	}
}

/* ---- listing
 * ----------------------------------------------------------------------------------------------- */

#define RECORD_HEADER 104u

struct listing {
	struct bench *bench;
	struct mfs_volume *volume;
	size_t room, used, entries;
	uint64_t position;
	uint16_t last[MFS_NAME_MAX]; /* where to resume, as a caller would hand it in */
	size_t last_units;
};

/* Writes one record: size, the node's info, the name as UTF-16; 8-aligned. */
static bool list_entry(void *context, const struct mfs_entry *entry)
{
	struct listing *list = context;
	uint8_t *record = list->bench->listing + list->used;
	struct mfs_info info;
	size_t units, size;

	if (list->used + RECORD_HEADER + 2 * entry->name_size > list->room)
		return false;
	units = mfs_name_to_utf16(entry->name, entry->name_size, (uint16_t *)(void *)(record + RECORD_HEADER),
				  (list->room - list->used - RECORD_HEADER) / 2);
	size = RECORD_HEADER + 2 * units;
	mfs_node_info(list->volume, entry->node, &info);
	memset(record, 0, RECORD_HEADER);
	memcpy(record, &size, 2);
	memcpy(record + 8, &info.attributes, 4);
	memcpy(record + 16, &info.allocation, 8);
	memcpy(record + 24, &info.size, 8);
	memcpy(record + 32, &info.birth.seconds, 8);
	memcpy(record + 40, &info.access.seconds, 8);
	memcpy(record + 48, &info.write.seconds, 8);
	memcpy(record + 56, &info.change.seconds, 8);
	memcpy(record + 64, &info.number, 8);
	memcpy(list->last, record + RECORD_HEADER, 2 * units);
	list->last_units = units;
	list->position = entry->position;
	list->used += (size + 7) / 8 * 8;
	list->entries++;
	return true;
}

/* Lists a directory in buffers of `room` bytes; returns the number of entries. */
static size_t list_all(struct bench *bench, struct mfs_volume *volume, struct mfs_node *directory,
		       size_t room)
{
	struct listing list = {.bench = bench, .volume = volume, .room = room};
	bool at_end = false;

	while (!at_end) {
		char name[MFS_NAME_BYTES_MAX];
		size_t size = list.last_units
				      ? mfs_utf16_to_name(list.last, list.last_units, name, sizeof(name))
				      : 0;

		list.used = 0;
		if (bench->by_position)
			must(mfs_list_after_position(volume, directory, list.position, list_entry, &list,
						     &at_end),
			     "listing");
		else
			must(mfs_list_after_name(volume, directory, name, size, list_entry, &list, &at_end),
			     "listing");
	}
	return list.entries;
}

static struct mfs_node *lookup(struct mfs_volume *volume, const char *path)
{
	struct mfs_place place;
	struct mfs_node *node;

	must(mfs_walk(volume, path, strlen(path), '\\', &place), path);
	node = mfs_node_hold(place.node);
	mfs_place_drop(volume, &place);
	return node;
}

static void list_row(struct bench *bench, struct row *row, struct mfs_volume *volume,
		     struct mfs_node *directory, size_t room, size_t wanted, unsigned repeats)
{
	double start = bench_now(bench);

	for (unsigned i = 0; i < repeats; i++) {
		if (list_all(bench, volume, directory, room) != wanted) {
			fprintf(stderr, "a listing was not complete\n");
			exit(1);
		}
	}
	samples_add(&row->ours, (bench_now(bench) - start) / repeats);
}

static void bench_list(struct bench *bench)
{
	unsigned most = bench->quick ? 30000 : 100000;
	struct mfs_volume *volume = volume_new(bench);
	struct mfs_node *directory, *root = mfs_volume_root(volume);

	for (unsigned i = 0; i < 10; i++)
		make_directory(volume, i);
	create_many(volume, 0, 10000, 3571);
	create_many(volume, 1, most, 38671);
	directory = lookup(volume, "\\daa");
	for (unsigned i = 0; i < bench->rounds; i++) {
		list_row(bench, row(bench, SECONDS, 0, 1e-3, false, "list 10k entries, all at once"), volume,
			 directory, bench->listing_size, 10000, 5);
		list_row(bench, row(bench, SECONDS, 5.5e-3, 1e-3, false, "list 10k entries, 64 KiB buffer"),
			 volume, directory, 65536, 10000, 5);
		list_row(bench, row(bench, SECONDS, 7.3e-3, 1e-3, false, "list 10k entries, 4 KiB buffer"),
			 volume, directory, 4096, 10000, 5);
		list_row(bench,
			 row(bench, SECONDS, 24e-3, 20e-6, false, "list a root of 10 above %uk files",
			     most / 1000),
			 volume, root, 65536, 10, 1000);
	}
	mfs_node_drop(volume, directory);
	mfs_node_drop(volume, root);
	mfs_volume_destroy(volume);
}

/* ---- moving
 * -------------------------------------------------------------------------------------------------- */

/* Renames by path, there and back. */
static void move_row(const struct bench *bench, struct row *row, struct mfs_volume *volume, const char *from,
		     const char *to, unsigned repeats)
{
	double start = bench_now(bench);

	for (unsigned i = 0; i < 2 * repeats; i++) {
		const char *old = i % 2 ? to : from, *new = i % 2 ? from : to;
		struct mfs_place a, b;

		must(mfs_walk(volume, old, strlen(old), '\\', &a), "before renaming");
		if (mfs_walk(volume, new, strlen(new), '\\', &b) != MFS_NOT_FOUND)
			must(MFS_EXISTS, "before renaming");
		must(mfs_rename(volume, a.parent, a.name, a.name_size, b.parent, b.name, b.name_size, 0,
				a.node),
		     "renaming");
		mfs_place_drop(volume, &a);
		mfs_place_drop(volume, &b);
	}
	samples_add(&row->ours, (bench_now(bench) - start) / (2 * repeats));
}

static void bench_moves(struct bench *bench)
{
	unsigned most = bench->quick ? 30000 : 100000;
	struct mfs_volume *volume = volume_new(bench);

	for (unsigned i = 0; i < 3; i++)
		make_directory(volume, i);
	create_many(volume, 0, 10000, 1);
	create_many(volume, 1, most, 1);
	for (unsigned i = 0; i < bench->rounds; i++) {
		move_row(bench,
			 row(bench, SECONDS, 146e-3, 20e-6, false, "rename a directory with 10k descendants"),
			 volume, "\\daa", "\\moved", 500);
		move_row(bench,
			 row(bench, SECONDS, 146e-3, 20e-6, false, "rename a directory with %uk descendants",
			     most / 1000),
			 volume, "\\dab", "\\moved", 500);
		move_row(bench, row(bench, SECONDS, 146e-3, 20e-6, false, "the same, into another directory"),
			 volume, "\\dab", "\\dac\\moved", 500);
	}
	mfs_volume_destroy(volume);
}

/* ---- data
 * ------------------------------------------------------------------------------------------------------ */

/* The compiler must not see that nobody looks at the bytes. */
static void used(const void *at)
{
	__asm__ volatile("" : : "r"(at) : "memory");
}

/* Copies the block over and over to rising addresses; seconds. */
static double copy_to(const struct bench *bench, uint8_t *to, size_t total, const uint8_t *block, size_t size)
{
	double start = bench_now(bench);

	for (size_t at = 0; at < total; at += size) {
		memcpy(to + at, block, size);
		used(to);
	}
	return bench_now(bench) - start;
}

static double copy_from(const struct bench *bench, uint8_t *block, const uint8_t *from, size_t total,
			size_t size)
{
	double start = bench_now(bench);

	for (size_t at = 0; at < total; at += size) {
		memcpy(block, from + at, size);
		used(block);
	}
	return bench_now(bench) - start;
}

static double copy_fresh(const struct bench *bench, size_t total, const uint8_t *block, size_t size,
			 bool huge)
{
	uint8_t *fresh = need(measure_map(total, huge));
	double took = copy_to(bench, fresh, total, block, size);

	measure_unmap(fresh, total);
	return took;
}

static double write_all(const struct bench *bench, struct mfs_volume *volume, struct mfs_stream *stream,
			const uint8_t *block, size_t total, size_t size, unsigned flags)
{
	double start = bench_now(bench);

	for (size_t at = 0; at < total; at += size) {
		size_t done;

		must(mfs_write(volume, stream, at, block, size, flags, &done), "writing");
		if (done != size)
			must(MFS_NO_SPACE, "writing");
	}
	return bench_now(bench) - start;
}

static double read_all(const struct bench *bench, struct mfs_volume *volume, struct mfs_stream *stream,
		       uint8_t *block, size_t total, size_t size)
{
	double start = bench_now(bench);

	for (size_t at = 0; at < total; at += size) {
		size_t done;

		must(mfs_read(volume, stream, at, block, size, &done), "reading");
	}
	return bench_now(bench) - start;
}

static struct mfs_stream *file_new(struct mfs_volume *volume, const char *name)
{
	struct mfs_new what = {.kind = MFS_FILE};
	struct mfs_node *root = mfs_volume_root(volume), *node;
	struct mfs_stream *stream;

	must(mfs_create(volume, root, name, strlen(name), &what, &node), "making a file");
	stream = mfs_main_stream(node);
	mfs_node_drop(volume, node);
	mfs_node_drop(volume, root);
	return stream;
}

static void file_end(struct mfs_volume *volume, struct mfs_stream *stream, const char *name)
{
	struct mfs_node *root = mfs_volume_root(volume);

	mfs_stream_drop(volume, stream);
	must(mfs_unlink(volume, root, name, strlen(name), MFS_REMOVE_FILE, NULL), "removing a file");
	mfs_node_drop(volume, root);
}

/* What was written must be there: a look at both ends and somewhere between. */
static void check_file(struct bench *bench, struct mfs_volume *volume, struct mfs_stream *stream, size_t size)
{
	size_t places[3] = {0, (size_t)(noise(&bench->noise) % (bench->big / size)) * size,
			    bench->big - size};
	uint8_t *got = need(malloc(size));

	for (unsigned i = 0; i < 3; i++) {
		size_t done;

		must(mfs_read(volume, stream, places[i], got, size, &done), "checking");
		if (done != size || memcmp(got, bench->block, size)) {
			fprintf(stderr, "what was written did not come back\n");
			exit(1);
		}
	}
	free(got);
}

static const char *size_text(size_t size)
{
	return size == 4096 ? "4K" : size == 65536 ? "64K" : "1M";
}

/* One round at one block size: append, overwrite, read, each beside its memcpy. */
static void data_round(struct bench *bench, size_t size, double append_peer, double over_peer,
		       double read_peer)
{
	const char *text = size_text(size);
	double target = size > 4096 ? 0.9 : 0, total = (double)bench->big;
	struct row *append = row(bench, RATE_BYTES, append_peer, target, true,
				 "append, %s; memcpy into fresh pages", text);
	struct row *huge =
		row(bench, RATE_BYTES, 0, 0, true, "append, %s; memcpy into fresh huge pages", text);
	struct row *over =
		row(bench, RATE_BYTES, over_peer, target, true, "overwrite, %s; memcpy to warm memory", text);
	struct row *read = row(bench, RATE_BYTES, read_peer, target, true,
			       "sequential read, %s; memcpy from warm memory", text);
	struct mfs_volume *volume = volume_new(bench);
	struct mfs_stream *stream = file_new(volume, "big");
	double took;

	for (size_t i = 0; i < size; i++)
		bench->block[i] = (uint8_t)noise(&bench->noise);
	samples_add(&append->base, total / copy_fresh(bench, bench->big, bench->block, size, false));
	took = write_all(bench, volume, stream, bench->block, bench->big, size, MFS_WRITE_APPEND);
	samples_add(&append->ours, total / took);
	samples_add(&huge->base, total / copy_fresh(bench, bench->big, bench->block, size, true));
	samples_add(&huge->ours, total / took);
	check_file(bench, volume, stream, size);
	samples_add(&over->base, total / copy_to(bench, bench->warm, bench->big, bench->block, size));
	samples_add(&over->ours, total / write_all(bench, volume, stream, bench->block, bench->big, size, 0));
	check_file(bench, volume, stream, size);
	samples_add(&read->base, total / copy_from(bench, bench->block, bench->warm, bench->big, size));
	samples_add(&read->ours, total / read_all(bench, volume, stream, bench->block, bench->big, size));
	file_end(volume, stream, "big");
	mfs_volume_destroy(volume);
}

static void random_round(struct bench *bench)
{
	unsigned count = bench->quick ? 50000 : 200000;
	struct mfs_volume *volume = volume_new(bench);
	struct mfs_stream *stream = file_new(volume, "big");
	struct row *read = row(bench, RATE_BYTES, 0, 0, true, "random read, 4K; memcpy from warm memory");
	struct row *write = row(bench, RATE_BYTES, 0, 0, true, "random write, 4K; memcpy to warm memory");
	uint64_t seed = bench->noise, state = seed;
	double start, bytes = (double)count * 4096;
	size_t blocks = bench->big / 4096, done;

	write_all(bench, volume, stream, bench->block, bench->big, MIB, 0);
	start = bench_now(bench);
	for (unsigned i = 0; i < count; i++) {
		memcpy(bench->block, bench->warm + noise(&state) % blocks * 4096, 4096);
		used(bench->block);
	}
	samples_add(&read->base, bytes / (bench_now(bench) - start));
	state = seed;
	start = bench_now(bench);
	for (unsigned i = 0; i < count; i++)
		must(mfs_read(volume, stream, noise(&state) % blocks * 4096, bench->block, 4096, &done),
		     "reading");
	samples_add(&read->ours, bytes / (bench_now(bench) - start));
	state = seed;
	start = bench_now(bench);
	for (unsigned i = 0; i < count; i++) {
		memcpy(bench->warm + noise(&state) % blocks * 4096, bench->block, 4096);
		used(bench->warm);
	}
	samples_add(&write->base, bytes / (bench_now(bench) - start));
	state = seed;
	start = bench_now(bench);
	for (unsigned i = 0; i < count; i++)
		must(mfs_write(volume, stream, noise(&state) % blocks * 4096, bench->block, 4096, 0, &done),
		     "writing");
	samples_add(&write->ours, bytes / (bench_now(bench) - start));
	bench->noise = state;
	file_end(volume, stream, "big");
	mfs_volume_destroy(volume);
}

static void bench_data(struct bench *bench)
{
	for (unsigned i = 0; i < bench->rounds; i++) {
		data_round(bench, 4096, 1137e6, 7837e6, 11545e6);
		data_round(bench, 65536, 1189e6, 11391e6, 12513e6);
		data_round(bench, MIB, 1221e6, 11965e6, 9868e6);
		random_round(bench);
	}
}

/* ---- memory
 * -------------------------------------------------------------------------------------------------------- */

static void memory_round(struct bench *bench, size_t size, double peer, double target)
{
	unsigned count = bench->quick ? 30000 : 100000;
	struct mfs_volume *volume = volume_new(bench);
	uint8_t security[160];
	size_t security_size = make_security(security), done;
	double before;

	make_directory(volume, 0);
	before = measure_resident();
	for (unsigned i = 0; i < count; i++) {
		struct mfs_node *node = front_create(volume, 0, i, security, security_size);

		if (size) {
			struct mfs_stream *stream = mfs_main_stream(node);

			must(mfs_write(volume, stream, 0, bench->block, size, 0, &done), "writing");
			mfs_stream_drop(volume, stream);
		}
		mfs_node_drop(volume, node);
	}
	samples_add(&row(bench, BYTES, peer, target, false, "resident memory for a file of %zu bytes, of %uk",
			 size, count / 1000)
			     ->ours,
		    (measure_resident() - before) / count);
	mfs_volume_destroy(volume);
}

static void bench_memory(struct bench *bench)
{
	for (unsigned i = 0; i < bench->rounds; i++) {
		memory_round(bench, 0, 608, 400);
		memory_round(bench, 1, 1198, 0);
		memory_round(bench, 4096, 4902, 4600);
	}
}

static void bench_size(struct bench *bench)
{
	for (unsigned i = 0; i < bench->rounds; i++) {
		struct mfs_options options = {
			.case_insensitive = true, .order = MFS_BY_NAME, .size_is_promise = true};
		struct mfs_volume *volume;
		struct mfs_stream *stream;
		double start, before;

		must(mfs_volume_create(&options, &volume), "making a volume");
		stream = file_new(volume, "big");
		before = measure_resident();
		start = bench_now(bench);
		must(mfs_set_size(volume, stream, (uint64_t)1 << 30), "setting a size");
		samples_add(&row(bench, SECONDS, 651e-3, 130e-3, false, "set a size of 1 GiB, promised: time")
				     ->ours,
			    bench_now(bench) - start);
		samples_add(&row(bench, BYTES, 1024 * (double)MIB, 64 * 1024, false,
				 "set a size of 1 GiB, promised: memory taken")
				     ->ours,
			    measure_resident() - before);
		file_end(volume, stream, "big");
		mfs_volume_destroy(volume);
	}
}

/* ---- threads
 * ----------------------------------------------------------------------------------------------------------
 */

/* SAME: both in one directory or file; OTHER: each in its own; APART: each in its own volume, which
 * tells what this machine's two processors could do at most. */
enum labour {
	CREATE_SAME,
	CREATE_OTHER,
	CREATE_APART,
	OPEN_SAME,
	OPEN_OTHER,
	OPEN_APART,
	READ_SAME,
	READ_OTHER,
	WRITE_SAME,
	WRITE_OTHER,
	COPY
};

struct start {
	_Atomic int ready;
	_Atomic bool go;
	int wanted;
	double time;
};

struct hand {
	struct bench *bench;
	struct mfs_volume *volume;
	struct mfs_stream *stream;
	enum labour labour;
	unsigned index, count;
	uint8_t *block, *place;
	struct start *start;
	double end;
};

#define HAND_FILES 20000u
#define HAND_BYTES (64 * MIB)

static void hand_names(struct hand *hand)
{
	uint64_t state = 77 + hand->index;
	bool same = hand->labour == CREATE_SAME || hand->labour == OPEN_SAME;
	unsigned directory = same ? 0 : hand->index, first = hand->index * HAND_FILES;
	uint8_t security[160];
	size_t size = make_security(security);

	if (hand->labour <= CREATE_APART) {
		for (unsigned i = 0; i < hand->count; i++)
			mfs_node_drop(hand->volume,
				      front_create(hand->volume, directory, first + i, security, size));
		return;
	}
	for (unsigned i = 0; i < hand->count; i++)
		front_open_close(hand->volume, directory,
				 (same ? 0 : first) + (unsigned)(noise(&state) & 0xFFFFFF) % HAND_FILES);
}

static void hand_data(struct hand *hand)
{
	size_t size = 65536, done;

	for (unsigned i = 0; i < hand->count; i++) {
		/* In one file the two work on different halves. */
		bool same = hand->labour == READ_SAME || hand->labour == WRITE_SAME;
		size_t half = HAND_BYTES / 2, at = i * size % half + (same ? hand->index * half : 0);

		if (hand->labour == COPY) {
			memcpy(hand->place + at, hand->block, size);
			used(hand->place);
		} else if (hand->labour == READ_SAME || hand->labour == READ_OTHER) {
			must(mfs_read(hand->volume, hand->stream, at, hand->block, size, &done), "reading");
		} else {
			must(mfs_write(hand->volume, hand->stream, at, hand->block, size, 0, &done),
			     "writing");
		}
	}
}

/* The last to arrive gives the sign; nobody else is kept busy meanwhile. */
static void *hand_main(void *context)
{
	struct hand *hand = context;

	if (atomic_fetch_add(&hand->start->ready, 1) + 1 == hand->start->wanted) {
		hand->start->time = measure_wall();
		atomic_store(&hand->start->go, true);
	}
	while (!atomic_load(&hand->start->go))
		;
	if (hand->labour <= OPEN_APART)
		hand_names(hand);
	else
		hand_data(hand);
	hand->end = measure_wall();
	return NULL;
}

/* What the hands will find: directories, files, and their contents. */
static void hands_prepare(struct bench *bench, enum labour labour, struct mfs_volume *const volumes[2],
			  struct mfs_stream *streams[2])
{
	uint8_t security[160];
	size_t size = make_security(security);

	for (unsigned i = 0; i < 2; i++) {
		make_directory(volumes[0], i);
		if (volumes[1] != volumes[0])
			make_directory(volumes[1], i);
		streams[i] = file_new(volumes[i], i ? "second" : "first");
		if (labour >= READ_SAME && labour != COPY)
			write_all(bench, volumes[i], streams[i], bench->block, HAND_BYTES, MIB, 0);
	}
	if (labour == OPEN_SAME)
		create_many(volumes[0], 0, HAND_FILES, 1);
	for (unsigned i = 0; i < 2 * HAND_FILES && (labour == OPEN_OTHER || labour == OPEN_APART); i++)
		mfs_node_drop(volumes[i / HAND_FILES],
			      front_create(volumes[i / HAND_FILES], i / HAND_FILES, i, security, size));
}

/* Lets `count` hands begin at once; seconds until the last is done. */
static double hands_work(struct hand *hand, unsigned count)
{
	struct start sign = {.wanted = (int)count};
	pthread_t thread[2];
	double end = 0;

	for (unsigned i = 0; i < count; i++) {
		hand[i].start = &sign;
		if (pthread_create(&thread[i], NULL, hand_main, &hand[i]) != 0)
			must(MFS_NO_SPACE, "starting a thread");
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(thread[i], NULL);
		end = hand[i].end > end ? hand[i].end : end;
	}
	return end - sign.time;
}

/* Work done in a second by `count` hands together. */
static double hands(struct bench *bench, enum labour labour, unsigned count)
{
	bool apart = labour == CREATE_APART || labour == OPEN_APART, names = labour <= OPEN_APART;
	bool same = labour == READ_SAME || labour == WRITE_SAME;
	struct mfs_volume *volumes[2] = {volume_new(bench), NULL};
	struct mfs_stream *streams[2];
	struct hand hand[2];
	double took;

	volumes[1] = apart ? volume_new(bench) : volumes[0];
	hands_prepare(bench, labour, volumes, streams);
	for (unsigned i = 0; i < count; i++) {
		hand[i] = (struct hand){.bench = bench,
					.volume = volumes[i],
					.stream = streams[same ? 0 : i],
					.labour = labour,
					.index = i,
					.count = labour <= CREATE_APART ? HAND_FILES
						 : names		? 5 * HAND_FILES
									: 4096};
		hand[i].block = need(malloc(65536));
		memset(hand[i].block, (int)i + 1, 65536);
		hand[i].place = bench->warm + i * HAND_BYTES / 2;
	}
	took = hands_work(hand, count);
	for (unsigned i = 0; i < 2; i++) {
		if (i < count)
			free(hand[i].block);
		mfs_stream_drop(volumes[i], streams[i]);
	}
	mfs_volume_destroy(volumes[0]);
	if (apart)
		mfs_volume_destroy(volumes[1]);
	return (double)hand[0].count * count * (names ? 1 : 65536) / took;
}

static void bench_threads(struct bench *bench)
{
	static const struct {
		const char *work;
		enum labour labour;
		double target; /* two hands, as a multiple of one */
	} rows[] = {
		{"two threads: create, same directory", CREATE_SAME, 0.9},
		{"two threads: create, different directories", CREATE_OTHER, 1.0},
		{"two threads: create, different volumes", CREATE_APART, 0},
		{"two threads: open, same directory", OPEN_SAME, 0.9},
		{"two threads: open, different directories", OPEN_OTHER, 1.0},
		{"two threads: open, different volumes", OPEN_APART, 0},
		{"two threads: read 64K, same file", READ_SAME, 0},
		{"two threads: read 64K, different files", READ_OTHER, 1.0},
		{"two threads: overwrite 64K, same file", WRITE_SAME, 0},
		{"two threads: overwrite 64K, different files", WRITE_OTHER, 1.0},
		{"two threads: memcpy 64K to warm memory", COPY, 0},
	};

	/* These swing most, and are short. */
	for (unsigned i = 0; i < 2 * bench->rounds && i < MEASURE_MOST; i++) {
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			double one = hands(bench, rows[j].labour, 1), two = hands(bench, rows[j].labour, 2);
			enum kind kind = rows[j].labour <= OPEN_APART ? RATE : RATE_BYTES;

			samples_add(
				&row(bench, TIMES, 0, rows[j].target, false, "%s, times one", rows[j].work)
					 ->ours,
				two / one);
			samples_add(&row(bench, kind, 0, 0, false, "%s, both", rows[j].work)->ours, two);
		}
	}
}

/* ---- the program
 * -------------------------------------------------------------------------------------------------------- */

static bool parse(struct bench *bench, int count, char **values)
{
	static const struct {
		const char *name;
		enum group group;
	} groups[] = {{"names", GROUP_NAMES},	 {"list", GROUP_LIST},	   {"moves", GROUP_MOVES},
		      {"data", GROUP_DATA},	 {"memory", GROUP_MEMORY}, {"size", GROUP_SIZE},
		      {"threads", GROUP_THREADS}};

	for (int i = 1; i < count; i++) {
		if (!strcmp(values[i], "--quick")) {
			bench->quick = true;
		} else if (!strcmp(values[i], "--order") && i + 1 < count) {
			i++;
			bench->by_position = !strcmp(values[i], "position");
			if (!bench->by_position && strcmp(values[i], "name") != 0)
				return false;
		} else if (!strcmp(values[i], "--clock") && i + 1 < count) {
			i++;
			bench->wall = !strcmp(values[i], "wall");
			if (!bench->wall && strcmp(values[i], "cpu") != 0)
				return false;
		} else if (!strcmp(values[i], "--rounds") && i + 1 < count) {
			bench->rounds = (unsigned)strtoul(values[++i], NULL, 10);
			if (bench->rounds < 1 || bench->rounds > MEASURE_MOST)
				return false;
		} else if (!strcmp(values[i], "--only") && i + 1 < count) {
			unsigned before = bench->groups;

			i++;
			for (size_t j = 0; j < sizeof(groups) / sizeof(groups[0]); j++)
				bench->groups |=
					strcmp(values[i], groups[j].name) ? 0 : (unsigned)groups[j].group;
			if (bench->groups == before)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static void run_groups(struct bench *bench)
{
	static const struct {
		enum group group;
		void (*run)(struct bench *bench);
		const char *name;
	} groups[] = {{GROUP_MEMORY, bench_memory, "memory"},	{GROUP_NAMES, bench_names, "names"},
		      {GROUP_LIST, bench_list, "listing"},	{GROUP_MOVES, bench_moves, "moving"},
		      {GROUP_SIZE, bench_size, "sizes"},	{GROUP_DATA, bench_data, "data"},
		      {GROUP_THREADS, bench_threads, "threads"}};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (!(bench->groups & (unsigned)groups[i].group))
			continue;
		fprintf(stderr, "%s...\n", groups[i].name);
		groups[i].run(bench);
	}
}

int main(int count, char **values)
{
	struct bench *bench = need(calloc(1, sizeof(*bench)));
	unsigned unmet = 0;

	if (!parse(bench, count, values)) {
		fprintf(stderr,
			"usage: engine [--quick] [--order name|position] [--rounds 1..%d] [--clock cpu|wall] "
			"[--only names|list|moves|data|memory|size|threads]...\n",
			MEASURE_MOST);
		return 2;
	}
	if (!bench->rounds)
		bench->rounds = bench->quick ? 3 : 7;
	if (!bench->groups)
		bench->groups = GROUP_ALL;
	bench->noise = 0x243F6A8885A308D3u;
	bench->big = bench->quick ? 128 * MIB : 256 * MIB;
	bench->listing_size = 4 * MIB;
	bench->block = need(malloc(MIB));
	bench->listing = need(malloc(bench->listing_size));
	bench->warm = need(measure_map(bench->big, false));
	memset(bench->block, 'b', MIB);
	memset(bench->listing, 'l', bench->listing_size);
	memset(bench->warm, 'w', bench->big);
	run_groups(bench);
	printf("Engine, %s, %u rounds%s; %s time, wall time for two threads. Files of %zu MiB. memcpy ran in "
	       "the "
	       "same rounds.\n\n",
	       bench->by_position ? "case-sensitive, ordered by position"
				  : "case-insensitive, ordered by name",
	       bench->rounds, bench->quick ? ", quick: smaller figures, not for comparing" : "",
	       bench->wall || !MEASURE_HAS_CPU ? "wall" : "processor", bench->big / MIB);
	printf("| work | memefs | spread | peer | memcpy | ratio | target | "
	       "|\n|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < bench->count; i++) {
		const struct row *row = &bench->rows[i];
		double value =
			row->relative ? samples_ratio(&row->ours, &row->base) : samples_median(&row->ours);

		print_row(row);
		unmet += row->target > 0 &&
			 (less_is_better(row->kind) ? value > row->target : value < row->target);
	}
	printf("\n%u targets not met.\n", unmet);
	measure_unmap(bench->warm, bench->big);
	free(bench->listing);
	free(bench->block);
	free(bench);
	return 0;
}
