/*
 * one_tree: several processes do at random what can be done with names and files, all in one tree; when
 * they are done, the tree is walked and everything in it has to agree. "one_tree FOLDER SEED SECONDS
 * PROCESSES"; the folder exists and is empty, and is empty again afterwards.
 *
 * Every piece of data is a block that tells by its contents whether it is whole; so after all the
 * writing over each other, cutting and copying, each block of each file is whole or zeros. While they run
 * only errors that cannot be anybody's fault are allowed: names come and go under everybody's hands.
 */
#include "torture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PROCESSES_MOST 16
#define NAMES 24	/* names in each folder */
#define DEPTH 4		/* folders in a path that is made up */
#define SLOTS 8		/* open files of each process */
#define BLOCK 512u	/* bytes that are written together */
#define BLOCKS_MOST 256 /* of a file */
#define ATTRIBUTES 4
#define PATH_BYTES 512
#define CLEARED 5000	  /* steps after which a process removes a folder with all that is in it */
#define TOLD 30		  /* what is wrong after these is only counted */
#define NODES_MOST 200000 /* that the walk at the end remembers */

struct process {
	struct chance chance;
	unsigned number;
	uint64_t steps, seed;
	int slots[SLOTS]; /* -1: nothing is open */
	unsigned char buffer[BLOCKS_MOST * BLOCK];
};

static uint64_t *counts; /* shared: the steps of each process */

/* ---- blocks -------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	return x | 1;
}

static void make_blocks(struct process *process, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t words[BLOCK / 8],
			key = (uint64_t)any(&process->chance) << 32 | any(&process->chance);

		for (size_t j = 0; j < BLOCK / 8; j++)
			words[j] = j ? mix(key + j) : key;
		memcpy(process->buffer + i * BLOCK, words, BLOCK);
	}
}

/* A block is as it was made, or zeros; the last one of a file may be cut off. */
static bool block_is_whole(const unsigned char *block, size_t size)
{
	static const unsigned char zeros[BLOCK];
	uint64_t key, word;

	if (!memcmp(block, zeros, size))
		return true;
	if (size < 8)
		return true;
	memcpy(&key, block, 8);
	for (size_t j = 1; j < (size + 7) / 8; j++) {
		size_t left = size - j * 8 < 8 ? size - j * 8 : 8;

		word = mix(key + j);
		if (memcmp(block + j * 8, &word, left) != 0)
			return false;
	}
	return true;
}

/* ---- failing ---------------------------------------------------------------------------------------- */

static _Noreturn void wrong(const struct process *process, const char *what, const char *path)
{
	printf("seed %llu, process %u, step %llu: %s of %s: %s\n", (unsigned long long)process->seed,
	       process->number, (unsigned long long)process->steps, what, path, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* What a call gave: it may fail in these ways (names that are there or not, of another kind than thought,
 * full, in themselves), and in no others. */
static bool good(const struct process *process, const char *what, const char *path, long result)
{
	static const int allowed[] = {ENOENT, EEXIST, ENOTDIR, EISDIR,	   ENOTEMPTY, ELOOP,  EINVAL,
				      ENXIO,  EBUSY,  ENOSPC,  ENODATA,	   EMLINK,    EPERM,  EACCES,
				      EBADF,  EFBIG,  ESPIPE,  EOPNOTSUPP, EAGAIN,    ENODEV, ETXTBSY};

	if (result >= 0)
		return true;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (errno == allowed[i])
			return false;
	wrong(process, what, path);
}

/* ---- chance ----------------------------------------------------------------------------------------- */

static void some_path(struct process *process, char to[PATH_BYTES])
{
	unsigned depth = below(&process->chance, DEPTH);
	size_t used = 0;

	for (unsigned i = 0; i < depth; i++)
		used += (size_t)snprintf(to + used, PATH_BYTES - used, "d%u/", below(&process->chance, 4));
	snprintf(to + used, PATH_BYTES - used, "%c%u", below(&process->chance, 3) ? 'f' : 'd',
		 below(&process->chance, NAMES));
}

static int *some_slot(struct process *process)
{
	return &process->slots[below(&process->chance, SLOTS)];
}

static off_t some_block(struct process *process, unsigned limit)
{
	return (off_t)below(&process->chance, limit) * BLOCK;
}

/* ---- steps ----------------------------------------------------------------------------------------------
 */

static void keep(struct process *process, int file)
{
	int *slot = some_slot(process);

	if (*slot >= 0)
		close(*slot);
	*slot = file;
}

static void step_open(struct process *process)
{
	static const int ways[] = {O_RDWR | O_CREAT,
				   O_RDWR | O_CREAT | O_EXCL,
				   O_RDWR,
				   O_RDWR | O_TRUNC,
				   O_RDONLY | O_DIRECTORY,
				   O_PATH,
				   O_WRONLY | O_CREAT | O_APPEND};
	char path[PATH_BYTES];
	int file;

	some_path(process, path);
	file = open(path, ways[below(&process->chance, sizeof ways / sizeof *ways)] | O_NONBLOCK, 0644);
	if (good(process, "open", path, file))
		keep(process, file);
}

static void step_nameless(struct process *process)
{
	int file = open(".", O_TMPFILE | O_RDWR, 0600);
	char path[PATH_BYTES], own[64];

	if (!good(process, "nameless", ".", file))
		return;
	some_path(process, path);
	snprintf(own, sizeof own, "/proc/self/fd/%d", file);
	if (below(&process->chance, 2))
		good(process, "link of the nameless", path,
		     linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
	keep(process, file);
}

static void step_close(struct process *process)
{
	int *slot = some_slot(process);

	if (*slot >= 0)
		close(*slot);
	*slot = -1;
}

static void step_mkdir(struct process *process)
{
	char path[PATH_BYTES];

	some_path(process, path);
	good(process, "mkdir", path, mkdir(path, 0755));
}

static void step_mknod(struct process *process)
{
	static const mode_t kinds[] = {S_IFIFO, S_IFSOCK, S_IFREG};
	char path[PATH_BYTES];

	some_path(process, path);
	good(process, "mknod", path, mknod(path, kinds[below(&process->chance, 3)] | 0600, 0));
}

static void step_symlink(struct process *process)
{
	char path[PATH_BYTES], target[PATH_BYTES];

	some_path(process, path);
	some_path(process, target);
	good(process, "symlink", path, symlink(target, path));
}

static void step_link(struct process *process)
{
	char path[PATH_BYTES], other[PATH_BYTES];

	some_path(process, path);
	some_path(process, other);
	good(process, "link", path, link(path, other));
}

static void step_rename(struct process *process)
{
	static const unsigned flags[] = {0, 0, 0, 1, 2, 4}; /* no replacing, exchange, whiteout */
	char path[PATH_BYTES], other[PATH_BYTES];

	some_path(process, path);
	some_path(process, other);
	good(process, "rename", path,
	     syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, flags[below(&process->chance, 6)]));
}

static void step_unlink(struct process *process)
{
	char path[PATH_BYTES];

	some_path(process, path);
	good(process, "unlink", path, unlink(path));
}

static void step_rmdir(struct process *process)
{
	char path[PATH_BYTES];

	some_path(process, path);
	good(process, "rmdir", path, rmdir(path));
}

/* Who changes data holds the file's lock shared, who copies from it exclusively: what is read while it is
 * written need not be whole, and must not be kept. */
static bool lock(int file, int how)
{
	return file >= 0 && flock(file, how | LOCK_NB) == 0;
}

static void step_write(struct process *process)
{
	size_t count = 1 + below(&process->chance, below(&process->chance, 8) ? 8 : BLOCKS_MOST);
	off_t at = some_block(process, BLOCKS_MOST - (unsigned)count + 1);
	int file = *some_slot(process);

	/* O_APPEND does not know where blocks begin when somebody has cut one. */
	if (!lock(file, LOCK_SH) || fcntl(file, F_GETFL) & O_APPEND)
		return;
	make_blocks(process, count);
	good(process, "pwrite", "an open file", pwrite(file, process->buffer, count * BLOCK, at));
	flock(file, LOCK_UN);
}

static void step_read(struct process *process)
{
	int file = *some_slot(process);

	if (file >= 0)
		good(process, "pread", "an open file",
		     pread(file, process->buffer, sizeof process->buffer, some_block(process, BLOCKS_MOST)));
}

static void step_map(struct process *process)
{
	int file = *some_slot(process);
	struct stat state;
	unsigned char *at;
	size_t pages;

	if (file < 0 || fstat(file, &state) || !S_ISREG(state.st_mode) || state.st_size < 8192)
		return;
	at = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_SHARED, file, 0);
	if (at == MAP_FAILED) {
		good(process, "mmap", "an open file", -1);
		return;
	}
	/* Others may cut the file meanwhile: read through a call, which says EFAULT and raises no SIGBUS. */
	pages = (size_t)state.st_size / 4096;
	for (size_t i = 0; i < pages; i++) {
		int null = open("/dev/null", O_WRONLY);

		if (null >= 0 && write(null, at + i * 4096, 4096) < 0 && errno != EFAULT)
			wrong(process, "reading a mapping", "an open file");
		close(null);
		if (i > 8)
			break;
	}
	munmap(at, (size_t)state.st_size);
}

static void step_cut(struct process *process)
{
	int file = *some_slot(process);

	if (!lock(file, LOCK_SH))
		return;
	good(process, "ftruncate", "an open file", ftruncate(file, some_block(process, BLOCKS_MOST)));
	flock(file, LOCK_UN);
}

static void step_allocate(struct process *process)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
				    FALLOC_FL_ZERO_RANGE};
	int file = *some_slot(process);

	if (!lock(file, LOCK_SH))
		return;
	good(process, "fallocate", "an open file",
	     fallocate(file, modes[below(&process->chance, 4)], some_block(process, BLOCKS_MOST / 2),
		       some_block(process, BLOCKS_MOST / 2) + BLOCK));
	flock(file, LOCK_UN);
}

static void step_copy(struct process *process)
{
	off_t in = some_block(process, BLOCKS_MOST), out = some_block(process, BLOCKS_MOST / 2);
	int from = *some_slot(process), to = *some_slot(process);

	if (from == to || !lock(from, LOCK_EX))
		return;
	if (lock(to, LOCK_SH) && !(fcntl(to, F_GETFL) & O_APPEND))
		good(process, "copy_file_range", "an open file",
		     copy_file_range(from, &in, to, &out, (size_t)some_block(process, 64), 0));
	if (to >= 0)
		flock(to, LOCK_UN);
	flock(from, LOCK_UN);
}

static void step_seek(struct process *process)
{
	int file = *some_slot(process);

	if (file >= 0)
		good(process, "lseek", "an open file",
		     lseek(file, some_block(process, BLOCKS_MOST),
			   below(&process->chance, 2) ? SEEK_DATA : SEEK_HOLE));
}

static void step_list(struct process *process)
{
	char path[PATH_BYTES];
	DIR *listing;

	some_path(process, path);
	listing = opendir(below(&process->chance, 4) ? path : ".");
	if (!listing) {
		good(process, "opendir", path, -1);
		return;
	}
	errno = 0;
	while (readdir(listing))
		errno = 0;
	if (errno)
		good(process, "readdir", path, -1);
	closedir(listing);
}

static void step_look(struct process *process)
{
	struct statvfs space;
	struct stat state;
	char path[PATH_BYTES], target[PATH_BYTES];

	some_path(process, path);
	good(process, "stat", path, stat(path, &state));
	good(process, "lstat", path, lstat(path, &state));
	good(process, "readlink", path, readlink(path, target, sizeof target));
	good(process, "access", path, access(path, R_OK));
	good(process, "statvfs", path, statvfs(path, &space));
}

static void step_change(struct process *process)
{
	struct timespec times[2] = {{.tv_sec = any(&process->chance)}, {.tv_nsec = UTIME_NOW}};
	char path[PATH_BYTES];

	some_path(process, path);
	good(process, "chmod", path, chmod(path, 0700 | below(&process->chance, 0100)));
	good(process, "lchown", path, lchown(path, getuid(), getgid()));
	good(process, "utimensat", path, utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

/* An attribute's value is its name's number, over and over. */
static void step_attribute(struct process *process)
{
	unsigned number = below(&process->chance, ATTRIBUTES);
	char path[PATH_BYTES], name[32];

	some_path(process, path);
	snprintf(name, sizeof name, "user.%u", number);
	if (below(&process->chance, 3)) {
		size_t size = below(&process->chance, 3000);

		memset(process->buffer, '0' + (int)number, size);
		good(process, "setxattr", path, setxattr(path, name, process->buffer, size, 0));
	} else {
		good(process, "removexattr", path, removexattr(path, name));
	}
	good(process, "getxattr", path, getxattr(path, name, process->buffer, sizeof process->buffer));
	good(process, "listxattr", path, listxattr(path, (char *)process->buffer, sizeof process->buffer));
}

static void step_sync(struct process *process)
{
	int file = *some_slot(process);

	if (file < 0)
		return;
	good(process, "fsync", "an open file", fsync(file));
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

static void (*const steps[])(struct process *process) = {
	step_open,   step_open,	     step_open,	    step_open,	step_nameless, step_close,  step_mkdir,
	step_mkdir,  step_mknod,     step_symlink,  step_link,	step_rename,   step_rename, step_unlink,
	step_unlink, step_rmdir,     step_write,    step_write, step_write,    step_read,   step_map,
	step_cut,    step_cut,	     step_allocate, step_copy,	step_seek,     step_list,   step_look,
	step_change, step_attribute, step_sync,
};

static const struct process *clearing;

static int clear_one(const char *path, const struct stat *state, int kind, struct FTW *where)
{
	(void)state;
	(void)kind;
	(void)where;
	good(clearing, "remove", path, remove(path));
	return 0;
}

/* What renames have moved deeper than paths are made up would grow for ever. */
static void clear(struct process *process)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof path, "d%u", below(&process->chance, NAMES));
	clearing = process;
	if (nftw(path, clear_one, 32, FTW_PHYS | FTW_DEPTH) < 0)
		good(process, "walk", path, -1);
}

static _Noreturn void work(struct process *process, double until)
{
	for (unsigned i = 0; i < SLOTS; i++)
		process->slots[i] = -1;
	while (seconds_now() < until) {
		for (int i = 0; i < 50; i++, process->steps++)
			steps[below(&process->chance, sizeof steps / sizeof *steps)](process);
		if (process->steps % CLEARED == 0)
			clear(process);
		counts[process->number] = process->steps;
	}
	_exit(0);
}

/* ---- the walk
 * ----------------------------------------------------------------------------------------------- */

struct node {
	ino_t number;
	nlink_t links, found;
};

static struct node *nodes;
static size_t node_count, entry_count;
static unsigned long wrongs;

static void complain(const char *path, const char *what, unsigned long long is, unsigned long long not_)
{
	if (++wrongs > TOLD)
		return;
	printf("%s: %s is %llu, not %llu\n", path, what, is, not_);
}

static struct node *find_node(const struct stat *state)
{
	for (size_t i = 0; i < node_count; i++)
		if (nodes[i].number == state->st_ino)
			return &nodes[i];
	if (node_count == NODES_MOST)
		cannot("remember so many nodes");
	nodes[node_count] = (struct node){.number = state->st_ino, .links = state->st_nlink};
	return &nodes[node_count++];
}

static void check_data(const char *path, const struct stat *state)
{
	static unsigned char data[BLOCKS_MOST * BLOCK * 2];
	int file = open(path, O_RDONLY);
	ssize_t size = file < 0 ? -1 : read(file, data, sizeof data);

	if (size != state->st_size)
		complain(path, "what can be read", (unsigned long long)size,
			 (unsigned long long)state->st_size);
	for (ssize_t at = 0; at < size; at += BLOCK)
		if (!block_is_whole(data + at, (size_t)(size - at < BLOCK ? size - at : BLOCK)))
			complain(path, "whole blocks: the broken one", (unsigned long long)at / BLOCK, 0);
	if ((unsigned long long)state->st_blocks * 512 > (unsigned long long)(BLOCKS_MOST + 8) * BLOCK * 2)
		complain(path, "st_blocks", (unsigned long long)state->st_blocks, BLOCKS_MOST);
	if (file >= 0)
		close(file);
}

static void check_link(const char *path, const struct stat *state)
{
	char target[PATH_BYTES];
	ssize_t size = readlink(path, target, sizeof target);

	if (size != state->st_size)
		complain(path, "the target's length", (unsigned long long)size,
			 (unsigned long long)state->st_size);
}

static void check_attributes(const char *path)
{
	char list[4096], value[4096];
	ssize_t size = llistxattr(path, list, sizeof list);

	for (const char *name = list; size > 0 && name < list + size; name += strlen(name) + 1) {
		ssize_t length = lgetxattr(path, name, value, sizeof value);

		if (strncmp(name, "user.", 5) != 0 || name[5] < '0' || name[5] >= '0' + ATTRIBUTES || name[6])
			continue; /* somebody else's: security modules have such */
		if (length < 0)
			complain(path, name, (unsigned long long)errno, 0);
		for (ssize_t i = 0; i < length; i++)
			if (value[i] != name[5]) {
				complain(path, name, (unsigned char)value[i], (unsigned char)name[5]);
				break;
			}
	}
}

static unsigned char type_of(mode_t mode)
{
	return (unsigned char)((mode & S_IFMT) >> 12);
}

/* A folder: its entries are there once each, of the kind and number that it tells, and it counts them. */
static void check_folder(const char *path, const struct stat *state)
{
	DIR *listing = opendir(path);
	unsigned long folders = 0;
	struct dirent *entry;

	if (!listing) {
		complain(path, "opendir", (unsigned long long)errno, 0);
		return;
	}
	while ((entry = readdir(listing))) {
		char full[PATH_BYTES * 2];
		struct stat inside;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(full, sizeof full, "%s/%s", path, entry->d_name);
		entry_count++;
		if (lstat(full, &inside)) {
			complain(full, "lstat", (unsigned long long)errno, 0);
			continue;
		}
		if (entry->d_type != DT_UNKNOWN && entry->d_type != type_of(inside.st_mode))
			complain(full, "d_type", entry->d_type, type_of(inside.st_mode));
		if (entry->d_ino != inside.st_ino)
			complain(full, "d_ino", entry->d_ino, inside.st_ino);
		folders += S_ISDIR(inside.st_mode);
		find_node(&inside)->found++;
		check_attributes(full);
		if (S_ISDIR(inside.st_mode))
			check_folder(full, &inside);
		else if (S_ISREG(inside.st_mode))
			check_data(full, &inside);
		else if (S_ISLNK(inside.st_mode))
			check_link(full, &inside);
	}
	closedir(listing);
	if (state->st_nlink != folders + 2)
		complain(path, "st_nlink", state->st_nlink, folders + 2);
}

/* Everything but folders has as many names as it says. */
static int check_single(const char *path, const struct stat *state, int kind, struct FTW *where)
{
	(void)kind;
	(void)where;
	if (!S_ISDIR(state->st_mode)) {
		const struct node *node = find_node(state);

		if (node->found != state->st_nlink)
			complain(path, "st_nlink", state->st_nlink, node->found);
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *state, int kind, struct FTW *where)
{
	(void)state;
	(void)kind;
	if (where->level > 0 && remove(path))
		complain(path, "removing", (unsigned long long)errno, 0);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct process process;
	unsigned processes = argc == 5 ? (unsigned)atoi(argv[4]) : 0;
	struct stat state;
	uint64_t total = 0;
	int status, failed = 0;
	double until;

	if (processes < 1 || processes > PROCESSES_MOST) {
		fprintf(stderr, "usage: one_tree FOLDER SEED SECONDS PROCESSES\n");
		return 2;
	}
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	nodes = calloc(NODES_MOST, sizeof *nodes);
	if (counts == MAP_FAILED || !nodes)
		cannot("get memory");
	if (chdir(argv[1]))
		cannot("enter the folder");
	process.seed = strtoull(argv[2], NULL, 10);
	until = seconds_now() + atof(argv[3]);
	for (unsigned i = 0; i < processes; i++) {
		process.number = i;
		process.chance = chance_of(process.seed * PROCESSES_MOST + i);
		if (fork() == 0)
			work(&process, until);
	}
	for (unsigned i = 0; i < processes; i++) {
		if (wait(&status) < 0)
			cannot("wait");
		failed |= status;
	}
	for (unsigned i = 0; i < processes; i++)
		total += counts[i];
	if (lstat(".", &state))
		cannot("look at the folder");
	check_folder(".", &state);
	nftw(".", check_single, 32, FTW_PHYS);
	printf("%llu steps of %u processes; at the end %zu names of %zu nodes, %lu wrong\n",
	       (unsigned long long)total, processes, entry_count, node_count, wrongs);
	nftw(".", remove_one, 32, FTW_PHYS | FTW_DEPTH);
	return failed || wrongs ? 1 : 0;
}
