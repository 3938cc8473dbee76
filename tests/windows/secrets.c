/*
 * secrets.c: what one file held must never be read from another.
 *
 * Round by round: fill files with a secret, delete them, make new ones in the memory that came
 * back, extend them in every way there is, and look: zeros, or what was just written.
 */
#include "check.h"

#define SECRET 0x5a
#define FILES 8
#define LARGEST 100000u

enum way {
	BY_SIZE,
	BY_ALLOCATION,
	BY_WRITE,
	BY_OVERWRITE,
	BY_CACHED,
	BY_CREATE_ALLOCATION,
	BY_SHRINK,
	BY_STREAM,
	WAYS
};
static const char *const way_names[WAYS] = {"SetFileSize",	     "allocation size, then SetFileSize",
					    "a write past the end",  "overwriting",
					    "a cached write",	     "allocation at creation",
					    "shrinking and growing", "a stream"};

struct secrets {
	struct host_fs *fs;
	UINT64 random;
	UINT8 *bytes; /* LARGEST of the secret */
	unsigned leaks[WAYS], rounds[WAYS];
};

static UINT32 below(struct secrets *s, UINT32 limit)
{
	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	return (UINT32)(s->random >> 33) % limit;
}

static struct host_file *open_as(struct secrets *s, const WCHAR *name, ULONG disposition, UINT64 allocation)
{
	struct host_open how = {.name = name, .disposition = disposition, .allocation = allocation};
	struct host_file *file;

	return host_open(s->fs, &how, &file, NULL) == STATUS_SUCCESS ? file : NULL;
}

static void write_secrets(struct secrets *s)
{
	WCHAR name[32];

	for (unsigned i = 0; i < FILES; i++) {
		swprintf(name, 32, L"\\secret%u%ls", i, i % 3 == 2 ? L":stream" : L"");
		struct host_file *file = open_as(s, name, FILE_CREATE, 0);
		put(file, 0, s->bytes, 1 + below(s, LARGEST - 1));
		shut(file);
	}
	for (unsigned i = 0; i < FILES; i++) {
		swprintf(name, 32, L"\\secret%u", i);
		delete_path(s->fs, name);
	}
}

/* True when [from, to) reads as zeros. */
static bool clean(struct host_file *file, UINT64 from, UINT64 to)
{
	return from >= to || holds_byte(file, from, to - from, 0);
}

/* A block somewhere behind the end: what lies before it and, when the file grows on, behind it. */
static bool write_behind(struct secrets *s, struct host_file *file, UINT64 offset, ULONG length)
{
	return put(file, offset, s->bytes, length) && clean(file, 0, offset) &&
	       host_set_size(file, offset + length + 5000) == STATUS_SUCCESS &&
	       clean(file, offset + length, offset + length + 5000);
}

static bool extend(struct secrets *s, enum way way, struct host_file *file, UINT64 size)
{
	UINT64 begin = below(s, 2000);

	switch (way) {
	case BY_SIZE:
	case BY_STREAM:
	case BY_CREATE_ALLOCATION:
		return host_set_size(file, size) == STATUS_SUCCESS && clean(file, 0, size);
	case BY_ALLOCATION:
		return host_set_allocation(file, size) == STATUS_SUCCESS && put(file, 0, "x", 1) &&
		       host_set_size(file, size) == STATUS_SUCCESS && clean(file, 1, size);
	case BY_WRITE:
		return write_behind(s, file, size, 1 + below(s, 5000));
	case BY_CACHED:
		return host_write_cached(file, begin, "x", 1, SECRET) == STATUS_SUCCESS &&
		       clean(file, 0, begin) &&
		       host_write_cached(file, size + begin, "x", 1, SECRET) == STATUS_SUCCESS &&
		       clean(file, begin + 1, size + begin) &&
		       host_set_size(file, 2 * size + 5000) == STATUS_SUCCESS &&
		       clean(file, size + begin + 1, 2 * size + 5000);
	case BY_OVERWRITE:
	case BY_SHRINK:
		return put(file, 0, s->bytes, LARGEST) && host_set_size(file, begin) == STATUS_SUCCESS &&
		       host_set_size(file, size + begin) == STATUS_SUCCESS &&
		       clean(file, begin, size + begin);
	default:
		return false;
	}
}

static void look(struct secrets *s, enum way way)
{
	const WCHAR *name = way == BY_STREAM ? L"\\looker:stream" : L"\\looker";
	UINT64 size = 1 + below(s, LARGEST - 1);

	struct host_file *file = open_as(s, name, FILE_CREATE, way == BY_CREATE_ALLOCATION ? size : 0);
	bool good = file && extend(s, way, file, size);
	shut(file);
	if (way == BY_OVERWRITE) {
		file = open_as(s, name, below(s, 2) ? FILE_OVERWRITE : FILE_SUPERSEDE, below(s, LARGEST));
		good = good && file && host_set_size(file, size) == STATUS_SUCCESS && clean(file, 0, size);
		shut(file);
	}
	delete_path(s->fs, L"\\looker");
	s->rounds[way]++;
	s->leaks[way] += !good;
}

void secrets_run(struct host_fs *fs)
{
	struct secrets s = {.fs = fs, .random = host_setting_number("MEMEFS_HOST_SEED", 1)};
	unsigned rounds = (unsigned)host_setting_number("MEMEFS_HOST_ROUNDS", 1000);
	UINT64 used = bytes_used(fs);

	report_case("secrets");
	s.bytes = malloc(LARGEST);
	if (!s.bytes)
		abort();
	memset(s.bytes, SECRET, LARGEST);
	for (unsigned i = 0; i < rounds && !fs->stopping; i++) {
		write_secrets(&s);
		for (unsigned way = 0; way < WAYS; way++)
			look(&s, (enum way)way);
	}
	for (unsigned way = 0; way < WAYS; way++)
		report_check(s.leaks[way] == 0 && s.rounds[way] == rounds,
			     "%u rounds by %s: only zeros (%u leaks)", s.rounds[way], way_names[way],
			     s.leaks[way]);
	report_check(bytes_used(fs) == used, "every byte comes back");
	free(s.bytes);
}
