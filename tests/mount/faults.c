/*
 * faults: stands between memefs and the C library (LD_PRELOAD) and lets calls fail, as a page says that it
 * shares with test_faults.py: the file that $MEMEFS_FAULTS names. In it are also the names of what can fail,
 * and how often each was called.
 *
 * While the mount serves, only what memefs itself calls counts, and what libfuse asks of malloc. libfuse's
 * calloc does not: without it a request is lost, also one that nobody waits for, and then a node is never
 * forgotten.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BACKING_OPEN_NUMBER 1
#define FUSE_TYPE 229

/* Each is a class of its own, by the name that memefs imports. */
#define CALLS(X)            \
	X(aligned_alloc)    \
	X(calloc)           \
	X(dup)              \
	X(fallocate64)      \
	X(fcntl64)          \
	X(fopen64)          \
	X(fork)             \
	X(fsconfig)         \
	X(fsmount)          \
	X(fsopen)           \
	X(fspick)           \
	X(fstat64)          \
	X(fstatat64)        \
	X(fstatfs64)        \
	X(ftruncate64)      \
	X(futimens)         \
	X(ioctl)            \
	X(lseek64)          \
	X(madvise)          \
	X(malloc)           \
	X(memfd_create)     \
	X(mlock2)           \
	X(mlockall)         \
	X(mmap64)           \
	X(mount)            \
	X(munmap)           \
	X(open64)           \
	X(openat64)         \
	X(opendir)          \
	X(pipe2)            \
	X(poll)             \
	X(pread64)          \
	X(process_vm_readv) \
	X(pthread_create)   \
	X(pwrite64)         \
	X(read)             \
	X(readlink)         \
	X(realloc)          \
	X(realpath)         \
	X(stat64)           \
	X(tsearch)          \
	X(unlinkat)         \
	X(utimensat)

#define CLASS(name) CLASS_##name,
enum class { CALLS(CLASS) CLASSES };
#undef CLASS

struct page {
	_Atomic(uint32_t) on; /* calls count */
	uint32_t class;	      /* what fails */
	uint64_t first, many; /* of its calls, from 1 on: which fail */
	uint32_t error;
	uint32_t all; /* everybody's calls count */
	_Atomic(uint64_t) failed;
	uint64_t classes;
	struct {
		char name[24];
		_Atomic(uint64_t) calls;
	} calls[CLASSES];
};

struct range {
	uintptr_t from, to;
};

static struct {
	struct page *page; /* NULL: not yet, or not asked for */
	struct range memefs, libfuse;
} state;

/* ---- the beginning ------------------------------------------------------------------------------- */

static int note_range(struct dl_phdr_info *info, size_t size, void *context)
{
	struct range range = {UINTPTR_MAX, 0};
	bool *first = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		range.from = from < range.from ? from : range.from;
		range.to = from + info->dlpi_phdr[i].p_memsz > range.to ? from + info->dlpi_phdr[i].p_memsz
									: range.to;
	}
	if (*first)
		state.memefs = range;
	else if (strstr(info->dlpi_name, "libfuse3"))
		state.libfuse = range;
	*first = false;
	return 0;
}

static void __attribute__((constructor)) begin(void)
{
	static const char *const names[] = {
#define NAME(name) #name,
		CALLS(NAME)
#undef NAME
	};
	const char *path = getenv("MEMEFS_FAULTS");
	int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	bool first = true;
	void *page;

	if (file < 0)
		return;
	page = (void *)syscall(SYS_mmap, NULL, sizeof *state.page, PROT_READ | PROT_WRITE, MAP_SHARED, file,
			       0);
	close(file);
	dl_iterate_phdr(note_range, &first);
	if (page == MAP_FAILED)
		return;
	state.page = page;
	state.page->classes = CLASSES;
	for (size_t i = 0; i < CLASSES; i++)
		strncpy(state.page->calls[i].name, names[i], sizeof state.page->calls[i].name - 1);
}

/* ---- which calls fail -------------------------------------------------------------------------------- */

static bool within(const struct range *range, const void *caller)
{
	return (uintptr_t)caller >= range->from && (uintptr_t)caller < range->to;
}

/* The errno that this call fails with; 0: it does not. */
static int error_of(enum class class, const void *caller)
{
	struct page *page = state.page;
	uint64_t number;

	if (!page || !atomic_load(&page->on))
		return 0;
	if (!page->all && !within(&state.memefs, caller) &&
	    !(class == CLASS_malloc && within(&state.libfuse, caller)))
		return 0;
	number = atomic_fetch_add(&page->calls[class].calls, 1) + 1;
	if (class != page->class || number < page->first || number - page->first >= page->many)
		return 0;
	atomic_fetch_add(&page->failed, 1);
	return (int)page->error;
}

#define FAIL(class, failure)                                                       \
	do {                                                                       \
		int error_ = error_of(CLASS_##class, __builtin_return_address(0)); \
		if (error_) {                                                      \
			errno = error_;                                            \
			return failure;                                            \
		}                                                                  \
	} while (0)

#define NEXT(name)                     \
	static __typeof__(name) *next; \
	if (!next)                     \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

/* ---- memory ------------------------------------------------------------------------------------------ */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
	FAIL(malloc, NULL);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	FAIL(calloc, NULL);
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	FAIL(realloc, NULL);
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	FAIL(aligned_alloc, NULL);
	return __libc_memalign(align, size);
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off64_t offset)
{
	FAIL(mmap64, MAP_FAILED);
	return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int mlock2(const void *at, size_t size, unsigned how)
{
	FAIL(mlock2, -1);
	return (int)syscall(SYS_mlock2, at, size, how);
}

int mlockall(int how)
{
	FAIL(mlockall, -1);
	return (int)syscall(SYS_mlockall, how);
}

int munmap(void *at, size_t size)
{
	FAIL(munmap, -1);
	return (int)syscall(SYS_munmap, at, size);
}

int madvise(void *at, size_t size, int advice)
{
	FAIL(madvise, -1);
	return (int)syscall(SYS_madvise, at, size, advice);
}

void *tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	NEXT(tsearch);
	FAIL(tsearch, NULL);
	return next(key, root, compare);
}

/* ---- files ------------------------------------------------------------------------------------------- */

int open64(const char *path, int flags, ...)
{
	va_list more;
	int mode;

	FAIL(open64, -1);
	va_start(more, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
	va_end(more);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	va_list more;
	int mode;

	FAIL(openat64, -1);
	va_start(more, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
	va_end(more);
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int fstat64(int file, struct stat64 *to)
{
	FAIL(fstat64, -1);
	return (int)syscall(SYS_newfstatat, file, "", to, AT_EMPTY_PATH);
}

int fstatat64(int folder, const char *restrict path, struct stat64 *restrict to, int flags)
{
	FAIL(fstatat64, -1);
	return (int)syscall(SYS_newfstatat, folder, path, to, flags);
}

int stat64(const char *restrict path, struct stat64 *restrict to)
{
	FAIL(stat64, -1);
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, to, 0);
}

int fstatfs64(int file, struct statfs64 *to)
{
	FAIL(fstatfs64, -1);
	return (int)syscall(SYS_fstatfs, file, to);
}

int ftruncate64(int file, off64_t size)
{
	FAIL(ftruncate64, -1);
	return (int)syscall(SYS_ftruncate, file, size);
}

int fallocate64(int file, int mode, off64_t offset, off64_t size)
{
	FAIL(fallocate64, -1);
	return (int)syscall(SYS_fallocate, file, mode, offset, size);
}

off64_t lseek64(int file, off64_t offset, int whence)
{
	FAIL(lseek64, -1);
	return syscall(SYS_lseek, file, offset, whence);
}

ssize_t pread64(int file, void *to, size_t size, off64_t offset)
{
	FAIL(pread64, -1);
	return syscall(SYS_pread64, file, to, size, offset);
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t offset)
{
	FAIL(pwrite64, -1);
	return syscall(SYS_pwrite64, file, from, size, offset);
}

/* The kernel's requests and the pipe to the parent are no place for errors. */
ssize_t read(int file, void *to, size_t size)
{
	struct stat64 about;

	if (state.page && atomic_load(&state.page->on) &&
	    !syscall(SYS_newfstatat, file, "", &about, AT_EMPTY_PATH) && S_ISREG(about.st_mode))
		FAIL(read, -1);
	return syscall(SYS_read, file, to, size);
}

ssize_t readlink(const char *restrict path, char *restrict to, size_t size)
{
	FAIL(readlink, -1);
	return syscall(SYS_readlinkat, AT_FDCWD, path, to, size);
}

int unlinkat(int folder, const char *name, int flags)
{
	FAIL(unlinkat, -1);
	return (int)syscall(SYS_unlinkat, folder, name, flags);
}

int futimens(int file, const struct timespec times[2])
{
	FAIL(futimens, -1);
	return (int)syscall(SYS_utimensat, file, NULL, times, 0);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
	FAIL(utimensat, -1);
	return (int)syscall(SYS_utimensat, folder, path, times, flags);
}

/* Of the requests to /dev/fuse the registration of a file may fail; to give one back cannot. */
int ioctl(int file, unsigned long command, ...)
{
	va_list more;
	void *argument;

	if (_IOC_TYPE(command) == FUSE_TYPE && _IOC_NR(command) == BACKING_OPEN_NUMBER)
		FAIL(ioctl, -1);
	va_start(more, command);
	argument = va_arg(more, void *);
	va_end(more);
	return (int)syscall(SYS_ioctl, file, command, argument);
}

int fcntl64(int file, int command, ...)
{
	va_list more;
	void *argument;

	FAIL(fcntl64, -1);
	va_start(more, command);
	argument = va_arg(more, void *);
	va_end(more);
	return (int)syscall(SYS_fcntl, file, command, argument);
}

int dup(int file)
{
	FAIL(dup, -1);
	return (int)syscall(SYS_dup, file);
}

int pipe2(int ends[2], int flags)
{
	FAIL(pipe2, -1);
	return (int)syscall(SYS_pipe2, ends, flags);
}

int memfd_create(const char *name, unsigned flags)
{
	FAIL(memfd_create, -1);
	return (int)syscall(SYS_memfd_create, name, flags);
}

int poll(struct pollfd *files, nfds_t count, int milliseconds)
{
	NEXT(poll);
	FAIL(poll, -1);
	return next(files, count, milliseconds);
}

FILE *fopen64(const char *restrict path, const char *restrict mode)
{
	NEXT(fopen64);
	FAIL(fopen64, NULL);
	return next(path, mode);
}

DIR *opendir(const char *path)
{
	NEXT(opendir);
	FAIL(opendir, NULL);
	return next(path);
}

char *realpath(const char *restrict path, char *restrict to)
{
	NEXT(realpath);
	FAIL(realpath, NULL);
	return next(path, to);
}

/* ---- mounts, processes, threads ------------------------------------------------------------------------ */

int fsopen(const char *name, unsigned flags)
{
	FAIL(fsopen, -1);
	return (int)syscall(SYS_fsopen, name, flags);
}

int fsconfig(int context, unsigned command, const char *key, const void *value, int more)
{
	FAIL(fsconfig, -1);
	return (int)syscall(SYS_fsconfig, context, command, key, value, more);
}

int fsmount(int context, unsigned flags, unsigned attributes)
{
	FAIL(fsmount, -1);
	return (int)syscall(SYS_fsmount, context, flags, attributes);
}

int fspick(int folder, const char *path, unsigned flags)
{
	FAIL(fspick, -1);
	return (int)syscall(SYS_fspick, folder, path, flags);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	FAIL(mount, -1);
	return (int)syscall(SYS_mount, source, target, type, flags, data);
}

pid_t fork(void)
{
	NEXT(fork);
	FAIL(fork, -1);
	return next();
}

ssize_t process_vm_readv(pid_t process, const struct iovec *to, unsigned long to_count,
			 const struct iovec *from, unsigned long from_count, unsigned long flags)
{
	FAIL(process_vm_readv, -1);
	return syscall(SYS_process_vm_readv, process, to, to_count, from, from_count, flags);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
		   void *(*run)(void *), void *restrict argument)
{
	int error = error_of(CLASS_pthread_create, __builtin_return_address(0));
	NEXT(pthread_create);

	return error ? error : next(thread, attributes, run, argument);
}
