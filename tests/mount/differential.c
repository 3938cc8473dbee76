/*
 * differential: makes the same random system calls on two directories, each on a file system of its own,
 * and compares everything that can be seen of them. "differential ONE OTHER SEED CALLS [spell]" ends with 0
 * when there was no difference, else it says which call of which seed differed, and the last calls before.
 * With "spell" ONE is case-insensitive and hears of each name in some spelling. Run as root. Two processes
 * take turns, each with its own open files; some calls are an ordinary user's.
 *
 * What may differ, and is therefore not compared or not asked for:
 * - st_ino, st_dev, st_blksize, directory cookies, statfs: every file system has its own.
 * - st_size of directories: POSIX leaves it open; tmpfs counts 20 bytes an entry.
 * - st_blocks, and where SEEK_DATA and SEEK_HOLE find the borders: what is stored in sectors by one is
 *   stored in pages by the other, and tmpfs counts what is only allocated as a hole. Compared is whether
 *   they succeed where that is defined, and what they skip must read as zeros.
 * - The birth time: libfuse before 3.18 has no request for it.
 * - The current time: times are compared exactly once utimensat set them; others need only be current
 *   on both sides, and a call must move mtime and ctime on both sides or on neither.
 * - atime by reading (both are mounted with noatime): the kernel answers reads of a FUSE file from its
 *   cache, of which the daemon learns nothing.
 * - ZERO_RANGE, COLLAPSE_RANGE, INSERT_RANGE and FS_IOC_SETFLAGS: tmpfs has not got all of them.
 * - The access ACL of a whiteout: tmpfs and ext4 let it inherit one, XFS and memefs do not. No program
 *   opens or checks a whiteout. It is taken away.
 * - Removing an ACL that is not there: it moves ctime on tmpfs, and on neither ext4 nor memefs. Not done.
 * - truncate(2), by path, to the size that a file has: ext4 moves its times, tmpfs and XFS do not. FUSE does
 *   not tell it from ftruncate(2), which moves them everywhere. Not done.
 * - chown(2) to -1, -1: POSIX says that ctime need not move; the request does not tell it from others that
 *   change nothing. Not done.
 * - Reading and writing through FIFOs and devices: they are the kernel's, not the file system's.
 * - The order of names in directories and in lists of attributes: both are compared as sets.
 * - With "spell": how names are spelled; renaming to the same name, which changes its spelling; names that
 * are not UTF-8, which a case-insensitive volume does not take.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SIDES 2
#define WORKERS 2
#define SLOTS 12	 /* open files of a worker */
#define PATH_BYTES 700	 /* the longest path that is made up */
#define DATA_BYTES 65536 /* the most that one call reads or writes */
#define OUT_BYTES (2 * DATA_BYTES + 65536)
#define HISTORY 20 /* calls shown before a difference */
#define LINE_BYTES 2200
#define TREE_EVERY 4000 /* calls between comparisons of the whole trees */
#define DEPTH_MOST 24
#define WATCHED 5

/* One call, the same for both sides. `bits` decides whatever a call has to decide besides. */
struct call {
	char path[2][PATH_BYTES];
	int slot, other_slot;
	long offset, size;
	uint32_t bits;
	unsigned user; /* 0: root */
	bool watch;    /* compare the state of everything that is named, before and after */
	bool patient;  /* so that a move of a time shows, wait until the clock has gone on */
	uint64_t data; /* seeds what is written */
};

/* What came of it on one side. */
struct result {
	long value;
	int error;
	size_t size;
	char shown[LINE_BYTES - 200]; /* the arguments, for people */
	char out[OUT_BYTES];	      /* everything else that is compared */
};

/* Shared by the processes; whoever's turn it is uses it. */
struct shared {
	uint64_t random;
	uint64_t step, calls;
	char history[HISTORY][LINE_BYTES];
};

static struct shared *shared;
static uint64_t seed;
static bool spells;
static int roots[SIDES], files[SIDES][SLOTS], worker;
static struct result results[SIDES];
static char buffer[DATA_BYTES];
static bool tells[WATCHED]; /* the clock has gone on since the node's times: they show whether they move */

/* As names are compared; the same name when no spelling is to be looked at. */
static char *folded(char *name, size_t size)
{
	for (size_t i = 0; spells && i < size; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return name;
}

static _Noreturn void die(const char *what)
{
	printf("differential: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void enter(int side)
{
	if (fchdir(roots[side]))
		die("fchdir");
}

static uint32_t any(void)
{
	uint64_t x = shared->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	shared->random = x;
	return (uint32_t)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 32);
}

static uint32_t below(uint32_t limit)
{
	return any() % limit;
}

static void add(struct result *result, const char *format, ...)
{
	size_t room = sizeof result->out - result->size;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(result->out + result->size, room, format, arguments);
	va_end(arguments);
	if (size < 0 || (size_t)size >= room) {
		errno = EOVERFLOW;
		die("too much to compare");
	}
	result->size += (size_t)size;
}

static void add_bytes(struct result *result, const void *bytes, size_t size)
{
	if (size > sizeof result->out - result->size) {
		errno = EOVERFLOW;
		die("too much to compare");
	}
	memcpy(result->out + result->size, bytes, size);
	result->size += size;
}

static __attribute__((format(printf, 2, 3))) void show(struct result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(result->shown, sizeof result->shown, format, arguments);
	va_end(arguments);
}

/* ---- what is compared of a node ------------------------------------------------------------- */

/* Times of the years that the test runs in are the clock's; utimensat below sets none of these. */
static bool is_current(int64_t seconds)
{
	return seconds > 1500000000 && seconds < 4000000000;
}

static void add_time(struct result *result, const char *name, int64_t seconds, uint32_t nanoseconds)
{
	if (is_current(seconds))
		add(result, " %s=now", name);
	else
		add(result, " %s=%lld.%09u", name, (long long)seconds, nanoseconds);
}

static void add_state(struct result *result, const struct stat *state)
{
	add(result, " mode=%o nlink=%lu uid=%u gid=%u", state->st_mode, (unsigned long)state->st_nlink,
	    state->st_uid, state->st_gid);
	if (S_ISCHR(state->st_mode) || S_ISBLK(state->st_mode))
		add(result, " rdev=%u:%u", major(state->st_rdev), minor(state->st_rdev));
	if (!S_ISDIR(state->st_mode))
		add(result, " size=%lld", (long long)state->st_size);
	add_time(result, "atime", state->st_atim.tv_sec, (uint32_t)state->st_atim.tv_nsec);
	add_time(result, "mtime", state->st_mtim.tv_sec, (uint32_t)state->st_mtim.tv_nsec);
	add_time(result, "ctime", state->st_ctim.tv_sec, (uint32_t)state->st_ctim.tv_nsec);
	add(result, "\n");
}

static int by_text(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Names one after the other, each with a NUL: sorted, since their order is nobody's promise. */
static void add_sorted(struct result *result, char *names, size_t size)
{
	char *sorted[1024];
	size_t count = 0;

	for (size_t at = 0; at < size && count < 1024; at += strlen(names + at) + 1)
		sorted[count++] = names + at;
	qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; i < count; i++)
		add(result, " [%s]", sorted[i]);
	add(result, "\n");
}

/* The names and types in an open directory, which is closed; 0 or -1. */
static int list_directory(struct result *result, int directory)
{
	DIR *stream = fdopendir(directory);
	static char names[65536];
	size_t size = 0;
	struct dirent *entry;

	if (!stream) {
		close(directory);
		return -1;
	}
	errno = 0;
	while ((entry = readdir(stream)) && size + 300 < sizeof names)
		size += (size_t)sprintf(names + size, "%s %u", folded(entry->d_name, strlen(entry->d_name)),
					entry->d_type) +
			1;
	if (errno) {
		int error = errno;

		closedir(stream);
		errno = error;
		return -1;
	}
	closedir(stream);
	add_sorted(result, names, size);
	return 0;
}

/* ---- the calls: namespace ------------------------------------------------------------------- */

typedef long perform_fn(const struct call *call, int side, struct result *result);

static void keep(int side, int slot, int file)
{
	if (files[side][slot] >= 0)
		close(files[side][slot]);
	files[side][slot] = file;
}

static long do_open(const struct call *call, int side, struct result *result)
{
	static const int access[] = {O_RDWR, O_RDWR, O_RDONLY, O_WRONLY};
	static const int more[] = {O_CREAT, O_CREAT,	 O_CREAT | O_EXCL, O_CREAT | O_TRUNC,
				   0,	    O_TRUNC,	 O_APPEND,	   O_CREAT | O_APPEND,
				   O_CREAT, O_DIRECTORY, O_NOFOLLOW,	   O_CREAT | O_NOFOLLOW,
				   O_PATH,  O_NOATIME,	 O_TMPFILE,	   O_PATH | O_NOFOLLOW};
	int flags = access[call->bits % 4] | more[call->bits / 4 % 16] | O_NONBLOCK | O_CLOEXEC;
	mode_t mode = call->bits / 64 % 010000;
	int file, slot = (int)(call->data % SLOTS);

	show(result, "open(%s, 0%o, 0%o) -> slot %d", call->path[0], (unsigned)flags, mode, slot);
	file = open(call->path[0], flags, mode);
	if (file < 0)
		return -1;
	keep(side, slot, file);
	return 0;
}

static long do_close(const struct call *call, int side, struct result *result)
{
	show(result, "close(slot %d)", call->slot);
	keep(side, call->slot, -1);
	return 0;
}

static long do_mkdir(const struct call *call, int side, struct result *result)
{
	mode_t mode = call->bits & 1 ? 0777 : call->bits / 2 % 010000;

	(void)side;
	show(result, "mkdir(%s, 0%o)", call->path[0], mode);
	return mkdir(call->path[0], mode);
}

static long do_rmdir(const struct call *call, int side, struct result *result)
{
	(void)side;
	show(result, "rmdir(%s)", call->path[0]);
	return rmdir(call->path[0]);
}

static long do_unlink(const struct call *call, int side, struct result *result)
{
	(void)side;
	show(result, "unlink(%s)", call->path[0]);
	return unlink(call->path[0]);
}

/* The last name of a path, without a slash behind it. */
static void last_name(const char *path, char name[PATH_BYTES])
{
	size_t size = strlen(path);
	const char *slash;

	strcpy(name, path);
	if (size && name[size - 1] == '/')
		name[size - 1] = 0;
	slash = strrchr(name, '/');
	if (slash)
		memmove(name, slash + 1, strlen(slash));
}

static bool same_last_names(const struct call *call)
{
	char names[2][PATH_BYTES];

	for (int i = 0; i < 2; i++)
		last_name(call->path[i], names[i]);
	return !strcasecmp(names[0], names[1]);
}

static long do_rename(const struct call *call, int side, struct result *result)
{
	static const unsigned flags[] = {0,
					 0,
					 0,
					 RENAME_NOREPLACE,
					 RENAME_EXCHANGE,
					 RENAME_EXCHANGE,
					 RENAME_WHITEOUT,
					 RENAME_WHITEOUT | RENAME_NOREPLACE,
					 RENAME_EXCHANGE | RENAME_NOREPLACE,
					 0,
					 0,
					 8};
	unsigned flag = flags[call->bits % 12];
	int value;

	(void)side;
	show(result, "renameat2(%s, %s, %u)", call->path[0], call->path[1], flag);
	if (spells && same_last_names(call))
		return 0;
	value = renameat2(AT_FDCWD, call->path[0], AT_FDCWD, call->path[1], flag);
	if (value == 0 && flag & RENAME_WHITEOUT)
		lremovexattr(call->path[0], "system.posix_acl_access");
	return value;
}

static long do_link(const struct call *call, int side, struct result *result)
{
	int flags = call->bits & 1 ? AT_SYMLINK_FOLLOW : 0;

	(void)side;
	show(result, "linkat(%s, %s, 0%o)", call->path[0], call->path[1], (unsigned)flags);
	return linkat(AT_FDCWD, call->path[0], AT_FDCWD, call->path[1], flags);
}

/* A name for an open file, which may have none (O_TMPFILE), or none any more. */
static long do_link_open(const struct call *call, int side, struct result *result)
{
	char path[64];

	show(result, "linkat(slot %d, %s)", call->slot, call->path[1]);
	snprintf(path, sizeof path, "/proc/self/fd/%d", files[side][call->slot]);
	return linkat(AT_FDCWD, path, AT_FDCWD, call->path[1], AT_SYMLINK_FOLLOW);
}

static long do_symlink(const struct call *call, int side, struct result *result)
{
	(void)side;
	show(result, "symlink(%s, %s)", call->path[0], call->path[1]);
	return symlink(call->path[0], call->path[1]);
}

static long do_readlink(const struct call *call, int side, struct result *result)
{
	char target[4096];
	long size;

	(void)side;
	show(result, "readlink(%s)", call->path[0]);
	size = readlink(call->path[0], target, call->bits & 1 ? sizeof target : 1 + call->bits % 8);
	if (size > 0)
		add_bytes(result, folded(target, (size_t)size), (size_t)size);
	return size;
}

static long do_mknod(const struct call *call, int side, struct result *result)
{
	static const mode_t kinds[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFREG, 0, S_IFDIR};
	mode_t mode = kinds[call->bits % 6] | (call->bits / 8 % 010000);

	(void)side;
	show(result, "mknod(%s, 0%o, 1:3)", call->path[0], mode);
	return mknod(call->path[0], mode, makedev(1, 3));
}

static long do_list(const struct call *call, int side, struct result *result)
{
	int directory;

	(void)side;
	show(result, "readdir(%s)", call->path[0]);
	directory = open(call->path[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : list_directory(result, directory);
}

static long do_list_open(const struct call *call, int side, struct result *result)
{
	int directory;

	show(result, "readdir(slot %d)", call->slot);
	directory = openat(files[side][call->slot], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : list_directory(result, directory);
}

/* ---- the calls: data -------------------------------------------------------------------------- */

/* Whether the data are the file system's own, and if not, errno. */
static bool is_file(int file)
{
	struct stat state;

	if (fstat(file, &state))
		return false;
	errno = EBADF;
	return S_ISREG(state.st_mode) || S_ISDIR(state.st_mode);
}

static const char *data_of(const struct call *call)
{
	uint64_t x = call->data | 1;

	for (size_t at = 0; at + sizeof x <= sizeof buffer && (long)at < call->size; at += sizeof x) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		memcpy(buffer + at, &x, sizeof x);
	}
	return buffer;
}

static long do_pread(const struct call *call, int side, struct result *result)
{
	int file = files[side][call->slot];
	long size;

	show(result, "pread(slot %d, %ld, at %ld)", call->slot, call->size, call->offset);
	if (!is_file(file))
		return -1;
	size = pread(file, buffer, (size_t)call->size, call->offset);
	if (size > 0)
		add_bytes(result, buffer, (size_t)size);
	return size;
}

static long do_pwrite(const struct call *call, int side, struct result *result)
{
	int file = files[side][call->slot];

	show(result, "pwrite(slot %d, %ld, at %ld)", call->slot, call->size, call->offset);
	if (!is_file(file))
		return -1;
	return pwrite(file, data_of(call), (size_t)call->size, call->offset);
}

/* At the file's own position, or at the end with O_APPEND; read at the same position. */
static long do_write(const struct call *call, int side, struct result *result)
{
	int file = files[side][call->slot];
	long value;

	show(result, "%s(slot %d, %ld)", call->bits & 1 ? "write" : "read", call->slot, call->size);
	if (!is_file(file))
		return -1;
	if (call->bits & 1)
		return write(file, data_of(call), (size_t)call->size);
	value = read(file, buffer, (size_t)call->size);
	if (value > 0)
		add_bytes(result, buffer, (size_t)value);
	return value;
}

static long do_truncate(const struct call *call, int side, struct result *result)
{
	struct stat state;
	long size = call->offset;

	(void)side;
	if (!stat(call->path[0], &state) && state.st_size == size)
		size++;
	show(result, "truncate(%s, %ld)", call->path[0], size);
	return truncate(call->path[0], size);
}

static long do_ftruncate(const struct call *call, int side, struct result *result)
{
	show(result, "ftruncate(slot %d, %ld)", call->slot, call->offset);
	return ftruncate(files[side][call->slot], call->offset);
}

static long do_fallocate(const struct call *call, int side, struct result *result)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
				    FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, FALLOC_FL_PUNCH_HOLE};
	int mode = modes[call->bits % 5];

	show(result, "fallocate(slot %d, %d, %ld, %ld)", call->slot, mode, call->offset, call->size);
	return fallocate(files[side][call->slot], mode, call->offset, call->size);
}

/* SEEK_SET, SEEK_CUR and SEEK_END entirely; of the others what is defined, and that holes are zeros. */
static long do_lseek(const struct call *call, int side, struct result *result)
{
	static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE};
	int file = files[side][call->slot], whence = whences[call->bits % 5];
	struct stat state;
	long found, size;

	show(result, "lseek(slot %d, %ld, %d)", call->slot, call->offset, whence);
	if (!is_file(file))
		return -1;
	if (fstat(file, &state) || (S_ISDIR(state.st_mode) && whence != SEEK_SET)) {
		errno = EISDIR;
		return -1;
	}
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return lseek(file, call->offset, whence);
	found = lseek(file, call->offset, whence);
	if (call->offset < 0 || call->offset >= state.st_size)
		return found;
	if ((found < 0 && whence == SEEK_HOLE) ||
	    (found >= 0 && (found < call->offset || found > state.st_size)))
		add(result, "impossible: %ld\n", found);
	size = found < 0 ? DATA_BYTES : found - call->offset < DATA_BYTES ? found - call->offset : DATA_BYTES;
	if (whence == SEEK_DATA && (size = pread(file, buffer, (size_t)size, call->offset)) > 0)
		for (long at = 0; at < size; at++)
			if (buffer[at]) {
				add(result, "data in a hole at %ld\n", call->offset + at);
				break;
			}
	lseek(file, call->offset, SEEK_SET);
	return 0;
}

static long do_copy(const struct call *call, int side, struct result *result)
{
	off_t from = call->offset, to = (off_t)(call->data % 200000);

	show(result, "copy_file_range(slot %d at %ld, slot %d at %ld, %ld)", call->slot, (long)from,
	     call->other_slot, (long)to, call->size);
	return copy_file_range(files[side][call->slot], &from, files[side][call->other_slot], &to,
			       (size_t)call->size, 0);
}

/* ---- the calls: metadata ------------------------------------------------------------------------ */

static const uid_t owners[] = {0, 1001, 1002, 1001, 2002, (uid_t)-1};

static long do_chmod(const struct call *call, int side, struct result *result)
{
	mode_t mode = call->bits & 2 ? 0666 | call->bits / 4 % 010000 : call->bits / 4 % 010000;

	if (call->bits & 1) {
		show(result, "fchmod(slot %d, 0%o)", call->slot, mode);
		return fchmod(files[side][call->slot], mode);
	}
	show(result, "chmod(%s, 0%o)", call->path[0], mode);
	return chmod(call->path[0], mode);
}

static long do_chown(const struct call *call, int side, struct result *result)
{
	uid_t uid = owners[call->bits / 4 % 6];
	gid_t gid = owners[call->bits / 64 % 6];

	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		gid = 1001;
	if ((call->bits & 3) == 0) {
		show(result, "fchown(slot %d, %d, %d)", call->slot, (int)uid, (int)gid);
		return fchown(files[side][call->slot], uid, gid);
	}
	show(result, "%s(%s, %d, %d)", call->bits & 1 ? "lchown" : "chown", call->path[0], (int)uid,
	     (int)gid);
	return call->bits & 1 ? lchown(call->path[0], uid, gid) : chown(call->path[0], uid, gid);
}

static struct timespec a_time(uint32_t bits)
{
	static const int64_t seconds[] = {0, 1, 1000000000, -1, -500000000, 4294967296, 5000000000, 86400};
	static const long special[] = {UTIME_NOW, UTIME_OMIT, 1000000000, -7};
	struct timespec time = {.tv_sec = seconds[bits % 8], .tv_nsec = bits / 64 % 1000000000};

	if ((bits & 0x18) == 0)
		time.tv_nsec = special[bits / 64 % 64 ? bits / 64 % 2 : bits / 4096 % 4];
	return time;
}

static long do_utimens(const struct call *call, int side, struct result *result)
{
	struct timespec times[] = {a_time(call->bits), a_time((uint32_t)call->data)};
	bool none = call->bits >> 29 == 0;

	show(result, "utimensat(%s or slot %d, {%lld.%ld, %lld.%ld}%s)", call->path[0], call->slot,
	     (long long)times[0].tv_sec, times[0].tv_nsec, (long long)times[1].tv_sec, times[1].tv_nsec,
	     none ? " NULL" : "");
	if (call->bits & 0x20)
		return futimens(files[side][call->slot], none ? NULL : times);
	return utimensat(AT_FDCWD, call->path[0], none ? NULL : times,
			 call->bits & 0x10000000 ? AT_SYMLINK_NOFOLLOW : 0);
}

static long do_stat(const struct call *call, int side, struct result *result)
{
	static const char *const names[] = {"stat", "lstat", "fstat"};
	struct stat state;
	int value;

	show(result, "%s(%s or slot %d)", names[call->bits % 3], call->path[0], call->slot);
	value = call->bits % 3 == 0   ? stat(call->path[0], &state)
		: call->bits % 3 == 1 ? lstat(call->path[0], &state)
				      : fstat(files[side][call->slot], &state);
	if (value == 0)
		add_state(result, &state);
	return value;
}

static long do_statx(const struct call *call, int side, struct result *result)
{
	struct statx state;
	int flags = call->bits & 1 ? AT_SYMLINK_NOFOLLOW : 0;

	(void)side;
	flags |= call->bits & 2 ? AT_STATX_FORCE_SYNC : call->bits & 4 ? AT_STATX_DONT_SYNC : 0;
	show(result, "statx(%s, 0x%x)", call->path[0], (unsigned)flags);
	if (statx(AT_FDCWD, call->path[0], flags, STATX_BASIC_STATS, &state))
		return -1;
	if ((state.stx_mask & STATX_BASIC_STATS) != STATX_BASIC_STATS)
		add(result, "mask %x\n", state.stx_mask & STATX_BASIC_STATS);
	add(result, "mode=%o nlink=%u uid=%u gid=%u rdev=%u:%u", state.stx_mode, state.stx_nlink,
	    state.stx_uid, state.stx_gid, state.stx_rdev_major, state.stx_rdev_minor);
	if (!S_ISDIR(state.stx_mode))
		add(result, " size=%llu", (unsigned long long)state.stx_size);
	add_time(result, "atime", state.stx_atime.tv_sec, state.stx_atime.tv_nsec);
	add_time(result, "mtime", state.stx_mtime.tv_sec, state.stx_mtime.tv_nsec);
	add_time(result, "ctime", state.stx_ctime.tv_sec, state.stx_ctime.tv_nsec);
	return 0;
}

static long do_access(const struct call *call, int side, struct result *result)
{
	(void)side;
	show(result, "faccessat(%s, %u)", call->path[0], call->bits % 8);
	return faccessat(AT_FDCWD, call->path[0], (int)(call->bits % 8), 0);
}

static long do_umask(const struct call *call, int side, struct result *result)
{
	mode_t mask = call->bits & 1 ? 0 : call->bits / 2 % 0100;

	(void)side;
	show(result, "umask(0%o)", mask);
	umask(mask);
	return 0;
}

/* ---- the calls: extended attributes ----------------------------------------------------------- */

static const char *attribute_name(uint32_t bits)
{
	static const char *const names[] = {
		"user.a",    "user.b",	   "user.a b",	 "trusted.a",
		"trusted.b", "security.a", "security.b", "user.a",
		"user.",     "other.a",	   "user.c",	 "user.\xc3\xa9",
		"trusted.",  "user.d",	   "user.b",	 "system.posix_acl_access"};

	return names[bits % 16];
}

static long do_setxattr(const struct call *call, int side, struct result *result)
{
	const char *name = attribute_name(call->bits);
	int flags = call->bits / 16 % 4 == 1 ? XATTR_CREATE : call->bits / 16 % 4 == 2 ? XATTR_REPLACE : 0;
	size_t size = call->bits / 64 % 16 == 0 ? call->bits / 1024 % 9000 : call->bits / 1024 % 40;

	if (call->bits >> 25 == 0)
		size = 65536 + (call->bits & 64 ? 1 : 0);
	show(result, "setxattr(%s or slot %d, %s, %zu, %d)", call->path[0], call->slot, name, size, flags);
	memset(buffer, (int)(call->data & 0xff), sizeof buffer);
	if (call->data & 0x100)
		return fsetxattr(files[side][call->slot], name, buffer, size, flags);
	return call->data & 0x200 ? lsetxattr(call->path[0], name, buffer, size, flags)
				  : setxattr(call->path[0], name, buffer, size, flags);
}

static long do_getxattr(const struct call *call, int side, struct result *result)
{
	const char *name = attribute_name(call->bits);
	size_t room = call->bits & 16 ? sizeof buffer : call->bits / 32 % 64;
	long size;

	show(result, "getxattr(%s or slot %d, %s, %zu)", call->path[0], call->slot, name, room);
	size = call->data & 0x100   ? fgetxattr(files[side][call->slot], name, buffer, room)
	       : call->data & 0x200 ? lgetxattr(call->path[0], name, buffer, room)
				    : getxattr(call->path[0], name, buffer, room);
	if (size > 0 && room)
		add_bytes(result, buffer, (size_t)size);
	return size;
}

static long do_listxattr(const struct call *call, int side, struct result *result)
{
	size_t room = call->bits & 1 ? sizeof buffer : call->bits / 2 % 64;
	long size;

	show(result, "listxattr(%s or slot %d, %zu)", call->path[0], call->slot, room);
	size = call->data & 0x100   ? flistxattr(files[side][call->slot], buffer, room)
	       : call->data & 0x200 ? llistxattr(call->path[0], buffer, room)
				    : listxattr(call->path[0], buffer, room);
	if (size > 0 && room)
		add_sorted(result, buffer, (size_t)size);
	return size;
}

static int remove_acl(const char *path, const char *name)
{
	return getxattr(path, name, NULL, 0) < 0 ? -1 : removexattr(path, name);
}

static long do_removexattr(const struct call *call, int side, struct result *result)
{
	const char *name = attribute_name(call->bits);

	show(result, "removexattr(%s or slot %d, %s)", call->path[0], call->slot, name);
	if (!strncmp(name, "system.", 7))
		return remove_acl(call->path[0], name);
	return call->data & 0x100   ? fremovexattr(files[side][call->slot], name)
	       : call->data & 0x200 ? lremovexattr(call->path[0], name)
				    : removexattr(call->path[0], name);
}

/* An ACL as the kernel takes it: now and then one without the mask it needs. */
static size_t make_acl(const struct call *call, unsigned char *acl)
{
	static const uint16_t tags[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20};
	static const uint32_t ids[] = {(uint32_t)-1, 1001, (uint32_t)-1, 2002, (uint32_t)-1, (uint32_t)-1};
	uint32_t version = 2;
	size_t size = sizeof version;
	bool minimal = call->bits >> 28 < 5;

	memcpy(acl, &version, sizeof version);
	for (int i = 0; i < 6; i++) {
		uint16_t permissions = (uint16_t)(call->data >> (3 * i) & 7);

		if ((minimal && (i == 1 || i == 3 || i == 4)) || (i == 4 && call->bits >> 28 == 15))
			continue;
		memcpy(acl + size, &tags[i], 2);
		memcpy(acl + size + 2, &permissions, 2);
		memcpy(acl + size + 4, &ids[i], 4);
		size += 8;
	}
	return size;
}

static long do_acl(const struct call *call, int side, struct result *result)
{
	static const char *const names[] = {"system.posix_acl_access", "system.posix_acl_default"};
	const char *name = names[call->bits & 1];
	unsigned char acl[64];
	size_t size = make_acl(call, acl);
	long value;

	(void)side;
	switch (call->bits / 2 % 4) {
	case 0:
		show(result, "getxattr(%s, %s)", call->path[0], name);
		value = getxattr(call->path[0], name, buffer, sizeof buffer);
		if (value > 0)
			add_bytes(result, buffer, (size_t)value);
		return value;
	case 1:
		show(result, "removexattr(%s, %s)", call->path[0], name);
		return remove_acl(call->path[0], name);
	default:
		show(result, "setxattr(%s, %s, %zu bytes of 0%o)", call->path[0], name, size,
		     (unsigned)call->data & 0777777);
		return setxattr(call->path[0], name, acl, size, 0);
	}
}

/* ---- the choice ------------------------------------------------------------------------------------ */

static const struct operation {
	perform_fn *perform;
	unsigned weight;
} operations[] = {
	{do_open, 180},	    {do_close, 6},	  {do_mkdir, 25},     {do_rmdir, 40},	  {do_unlink, 50},
	{do_rename, 60},    {do_link, 30},	  {do_link_open, 8},  {do_symlink, 22},	  {do_readlink, 20},
	{do_mknod, 18},	    {do_list, 30},	  {do_list_open, 8},  {do_pread, 70},	  {do_pwrite, 70},
	{do_write, 50},	    {do_truncate, 20},	  {do_ftruncate, 20}, {do_fallocate, 30}, {do_lseek, 30},
	{do_copy, 30},	    {do_chmod, 40},	  {do_chown, 30},     {do_utimens, 40},	  {do_stat, 60},
	{do_statx, 20},	    {do_access, 20},	  {do_umask, 6},      {do_setxattr, 40},  {do_getxattr, 30},
	{do_listxattr, 20}, {do_removexattr, 20}, {do_acl, 30},
};

static perform_fn *choose(void)
{
	unsigned sum = 0, left;

	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		sum += operations[i].weight;
	left = below(sum);
	for (size_t i = 0;; i++) {
		if (left < operations[i].weight)
			return operations[i].perform;
		left -= operations[i].weight;
	}
}

/* Mostly one with a regular file that can be read and written; some may stay whatever they are. */
static int a_slot(void)
{
	int slot = (int)below(SLOTS);
	bool wanted = below(8);

	for (int i = 0; i < SLOTS && wanted; i++) {
		struct stat state;
		int file = files[0][slot];

		if (file >= 0 && !fstat(file, &state) && S_ISREG(state.st_mode) &&
		    (fcntl(file, F_GETFL) & (O_ACCMODE | O_PATH)) == O_RDWR)
			break;
		slot = (slot + 1) % SLOTS;
	}
	return slot;
}

/* A few names, so that they meet. The first three tend to be directories. No path leaves the directory: ".."
 * only follows a name and is followed by one. */
static void a_path(char *path)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
	unsigned depth = 1 + (below(2) ? 0 : below(3)), odd = below(400);
	size_t at = 0;

	for (unsigned i = 0; i < depth; i++)
		at += (size_t)sprintf(path + at, "%s%s", i ? "/" : "",
				      names[below(i + 1 < depth && below(8) ? 3 : 12)]);
	if (odd < 4)
		strcpy(path + at, "/");
	else if (odd < 8)
		sprintf(path + at, "/../%s", names[below(12)]);
	else if (odd < 10)
		sprintf(path + at, "/./%s", names[below(12)]);
	else if (odd < 12)
		sprintf(path, "%s/%s%s", names[below(12)], spells ? "\xc3\xa9" : "\xff\xfe",
			names[below(12)]);
	else if (odd < 14)
		sprintf(path, "%0*d", (int)(254 + below(3)), 7);
	else if (odd == 14)
		*path = 0;
}

static long an_offset(void)
{
	switch (below(40)) {
	case 0:
		return -1;
	case 1:
		return (1L << 33) + below(10000);
	case 2:
	case 3:
	case 4:
		return 0;
	case 5:
	case 6:
	case 7:
	case 8:
		return 4096L * below(50);
	default:
		return below(1u << below(18));
	}
}

static void make_call(struct call *call)
{
	static const unsigned users[] = {0, 0, 0, 0, 0, 0, 1001, 1001, 1002, 1001};

	a_path(call->path[0]);
	a_path(call->path[1]);
	call->slot = a_slot();
	call->other_slot = a_slot();
	call->offset = an_offset();
	call->size = below(30) ? (long)below(1u << below(17)) : 0;
	call->bits = any();
	call->user = users[below(10)];
	call->watch = below(2);
	call->patient = below(24) == 0;
	call->data = (uint64_t)any() << 32 | any();
}

/* ---- around a call --------------------------------------------------------------------------------- */

static void become(unsigned user)
{
	gid_t group = 2002;

	if (user && (setgroups(1, &group) || setresgid(user, user, 0) || setresuid(user, user, 0)))
		die("cannot become a user");
	if (!user && (setresuid(0, 0, 0) || setresgid(0, 0, 0) || setgroups(0, NULL)))
		die("cannot become root");
}

/* What a call names is held while it runs: afterwards the same nodes are looked at. */
struct watch {
	int file;
	bool own; /* opened here */
	struct stat before;
};

static void watch_one(struct watch *watch, int file, bool own)
{
	watch->file = file;
	watch->own = own && file >= 0;
	if (file >= 0 && fstat(file, &watch->before))
		watch->file = -1;
}

static int open_parent(const char *path)
{
	char parent[PATH_BYTES];
	char *slash;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (slash)
		*slash = 0;
	return open(slash ? parent : ".", O_PATH | O_CLOEXEC);
}

static void watch_all(const struct call *call, int side, struct watch watches[WATCHED])
{
	for (int i = 0; i < 2; i++) {
		watch_one(&watches[2 * i], open(call->path[i], O_PATH | O_NOFOLLOW | O_CLOEXEC), true);
		watch_one(&watches[2 * i + 1], open_parent(call->path[i]), true);
	}
	watch_one(&watches[4], files[side][call->slot], false);
}

static bool is_before(struct timespec one, struct timespec other)
{
	return one.tv_sec != other.tv_sec ? one.tv_sec < other.tv_sec : one.tv_nsec < other.tv_nsec;
}

/* Files are stamped with the kernel's coarse clock. Times that were set are either long ago or far ahead. */
static bool has_gone_on(struct timespec since)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return !is_current(since.tv_sec) || is_before(since, now);
}

static bool can_tell(const struct watch *watch)
{
	return watch->file < 0 || (has_gone_on(watch->before.st_atim) && has_gone_on(watch->before.st_mtim) &&
				   has_gone_on(watch->before.st_ctim));
}

static void watch_both(const struct call *call, struct watch watches[SIDES][WATCHED])
{
	for (int side = 0; side < SIDES; side++) {
		enter(side);
		watch_all(call, side, watches[side]);
	}
	for (int i = 0; i < WATCHED; i++)
		do
			tells[i] = can_tell(&watches[0][i]) && can_tell(&watches[1][i]);
		while (call->patient && !tells[i]);
}

static bool moved(struct timespec before, struct timespec after)
{
	return before.tv_sec != after.tv_sec || before.tv_nsec != after.tv_nsec;
}

static void watched(struct watch watches[WATCHED], struct result *result)
{
	for (int i = 0; i < WATCHED; i++) {
		struct watch *watch = &watches[i];
		struct stat after;

		/* The call may have put another file in the slot. */
		if (watch->file >= 0 && !fstat(watch->file, &after) && after.st_ino == watch->before.st_ino) {
			add(result, "watched %d:", i);
			if (tells[i])
				add(result, " moved%s%s%s;",
				    moved(watch->before.st_atim, after.st_atim) ? " atime" : "",
				    moved(watch->before.st_mtim, after.st_mtim) ? " mtime" : "",
				    moved(watch->before.st_ctim, after.st_ctim) ? " ctime" : "");
			add_state(result, &after);
		}
		if (watch->own)
			close(watch->file);
	}
}

/* Some letters large, by the call's own bits. */
static void spell(struct call *call)
{
	uint64_t bits = call->data ^ call->bits;

	for (int i = 0; i < 2; i++)
		for (char *at = call->path[i]; *at; at++) {
			bits = bits * UINT64_C(6364136223846793005) + 1442695040888963407;
			if (bits >> 63)
				*at = (char)toupper((unsigned char)*at);
		}
}

static void perform(perform_fn *function, const struct call *asked, int side)
{
	struct call own = *asked, *call = &own;
	struct result *result = &results[side];

	if (spells && side == 0)
		spell(call);
	result->size = 0;
	enter(side);
	if (call->user)
		become(call->user);
	errno = 0;
	result->value = function(call, side, result);
	result->error = result->value < 0 ? errno : 0;
	if (call->user)
		become(0);
}

/* ---- the difference -------------------------------------------------------------------------------- */

static void show_out(const struct result *result, size_t from)
{
	/* What is before says what it is about. */
	size_t start = from > 300 ? from - 300 : 0,
	       end = from + 300 < result->size ? from + 300 : result->size;

	for (size_t at = start; at < end; at++)
		if ((result->out[at] >= ' ' && result->out[at] < 127) || result->out[at] == '\n')
			putchar(result->out[at]);
		else
			printf("\\x%02x", (unsigned char)result->out[at]);
	putchar('\n');
}

static _Noreturn void differ(const char *what)
{
	size_t at = 0;

	while (at < results[0].size && at < results[1].size && results[0].out[at] == results[1].out[at])
		at++;
	printf("difference: seed %llu, step %llu, worker %d: %s\nthe calls before:\n",
	       (unsigned long long)seed, (unsigned long long)shared->step, worker, what);
	for (unsigned i = 0; i < HISTORY; i++)
		fputs(shared->history[(shared->step + i) % HISTORY], stdout);
	for (int side = 0; side < SIDES; side++) {
		printf("side %d: %ld %s; what was seen, around byte %zu:\n", side, results[side].value,
		       strerrorname_np(results[side].error), at);
		show_out(&results[side], at);
	}
	fflush(stdout);
	_exit(1);
}

static bool same_results(void)
{
	return results[0].value == results[1].value && results[0].error == results[1].error &&
	       results[0].size == results[1].size && !memcmp(results[0].out, results[1].out, results[0].size);
}

static void step(void)
{
	struct watch watches[SIDES][WATCHED];
	struct call call;
	perform_fn *function = choose();

	make_call(&call);
	if (call.watch)
		watch_both(&call, watches);
	for (int side = 0; side < SIDES; side++) {
		perform(function, &call, side);
		if (call.watch)
			watched(watches[side], &results[side]);
	}
	snprintf(shared->history[shared->step % HISTORY], LINE_BYTES, "%llu worker %d user %u: %s = %ld %s\n",
		 (unsigned long long)shared->step, worker, call.user, results[0].shown, results[0].value,
		 results[0].error ? strerrorname_np(results[0].error) : "");
	if (!same_results())
		differ(results[0].shown);
	shared->step++;
}

/* ---- whole trees ------------------------------------------------------------------------------------- */

static void compare_out(const char *path)
{
	char what[PATH_BYTES * 2];

	snprintf(what, sizeof what, "the trees at %s", path);
	if (!same_results())
		differ(what);
}

/* Attributes of a node, with their values. */
static void add_attributes(struct result *result, const char *path)
{
	char names[8192];
	long size = llistxattr(path, names, sizeof names);

	add(result, "attributes %ld\n", size);
	if (size < 0)
		return;
	add_sorted(result, names, (size_t)size);
	for (long at = 0; at < size; at += (long)strlen(names + at) + 1) {
		long length = lgetxattr(path, names + at, buffer, sizeof buffer);
		uint64_t sum = (uint64_t)length;

		for (long i = 0; i < length; i++)
			sum = sum * 31 + (unsigned char)buffer[i];
		/* A sum of sums does not depend on the order. */
		result->value += (long)(sum * strlen(names + at) % 1000000007);
	}
}

/* The beginning of a file, and its end. */
static void add_data(struct result *result, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	struct stat state;

	if (file < 0 || fstat(file, &state))
		die("cannot open a file of the tree");
	for (long at = 0; at < state.st_size; at += DATA_BYTES) {
		long size;

		if (at == 8 * DATA_BYTES && state.st_size > 16 * DATA_BYTES)
			at = state.st_size - 2 * DATA_BYTES;
		size = pread(file, buffer, DATA_BYTES, at);
		for (long i = 0; i < size; i++)
			sum = sum * 31 + (unsigned char)buffer[i];
	}
	close(file);
	add(result, "data %llx\n", (unsigned long long)sum);
}

static void add_node(struct result *result, const char *path)
{
	struct stat state;
	char target[4096];

	if (lstat(path, &state))
		die("lstat of a file of the tree");
	add_state(result, &state);
	add_attributes(result, path);
	if (S_ISLNK(state.st_mode)) {
		size_t size = (size_t)readlink(path, target, sizeof target);

		add_bytes(result, folded(target, size), size);
	} else if (S_ISREG(state.st_mode))
		add_data(result, path);
	else if (S_ISDIR(state.st_mode) && list_directory(result, open(path, O_RDONLY | O_DIRECTORY)))
		die("readdir of the tree");
}

static void see_node(const char *path)
{
	for (int side = 0; side < SIDES; side++) {
		results[side].size = 0;
		results[side].value = results[side].error = 0;
		enter(side);
		add_node(&results[side], path);
	}
	compare_out(path);
}

/* Both have the same names by now: a directory was compared before what is in it. */
static void compare_trees(const char *path, unsigned depth)
{
	DIR *directory;
	struct dirent *entry;

	see_node(path);
	enter(0);
	directory = depth < DEPTH_MOST ? opendir(path) : NULL;
	while (directory && (entry = readdir(directory))) {
		char below_it[PATH_BYTES * 8];
		unsigned char type = entry->d_type;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(below_it, sizeof below_it, "%s/%s", path,
			 folded(entry->d_name, strlen(entry->d_name)));
		if (type == DT_DIR)
			compare_trees(below_it, depth + 1);
		else
			see_node(below_it);
	}
	if (directory)
		closedir(directory);
}

/* ---- the processes ----------------------------------------------------------------------------------- */

/* Each waits for the other's byte, makes a few calls, and wakes the other. */
static _Noreturn void work(int wait_for, int wake)
{
	char token = 0;

	while (read(wait_for, &token, 1) == 1) {
		uint64_t until = shared->step + 1 + below(12);

		while (shared->step < until && shared->step < shared->calls) {
			step();
			if (shared->step % TREE_EVERY == 0)
				compare_trees(".", 0);
		}
		if (shared->step >= shared->calls)
			break;
		if (write(wake, &token, 1) != 1)
			break;
	}
	if (worker == 0 && shared->step >= shared->calls)
		compare_trees(".", 0);
	_exit(0);
}

static pid_t start(int number, int pipes[WORKERS][2])
{
	pid_t child = fork();
	int other = (number + 1) % WORKERS;

	if (child < 0)
		die("fork");
	if (child)
		return child;
	worker = number;
	umask(022);
	close(pipes[number][1]);
	close(pipes[other][0]);
	work(pipes[number][0], pipes[other][1]);
}

static int open_root(const char *path)
{
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || fchmod(root, 0777) || mkdirat(root, "w", 0777))
		die(path);
	close(root);
	root = open(path, O_RDONLY | O_DIRECTORY);
	if (root < 0 || fchmodat(root, "w", 0777, 0))
		die(path);
	return openat(root, "w", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int main(int count, char **arguments)
{
	int pipes[WORKERS][2], worst = 0, status;
	pid_t children[WORKERS];

	if (count < 5 || count > 6)
		return 2;
	spells = count == 6;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	seed = strtoull(arguments[3], NULL, 10);
	shared->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	shared->calls = strtoull(arguments[4], NULL, 10);
	for (int side = 0; side < SIDES; side++) {
		roots[side] = open_root(arguments[1 + side]);
		for (int slot = 0; slot < SLOTS; slot++)
			files[side][slot] = -1;
	}
	for (int i = 0; i < WORKERS; i++)
		if (pipe2(pipes[i], O_CLOEXEC))
			die("pipe");
	for (int i = 0; i < WORKERS; i++)
		children[i] = start(i, pipes);
	if (write(pipes[0][1], "", 1) != 1)
		die("write");
	for (int i = 0; i < WORKERS; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	for (int i = 0; i < WORKERS; i++) {
		if (waitpid(children[i], &status, 0) < 0)
			die("waitpid");
		if (status)
			worst = WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 1 : 2;
	}
	if (!worst)
		printf("seed %llu: %llu calls without a difference\n", (unsigned long long)seed,
		       (unsigned long long)shared->step);
	return worst;
}
