/*
 * posix.c: the floor of os.h on Linux: mmap, futex, /proc and control groups.
 *
 * It knows nothing of volumes or files; it is the only engine file that speaks to
 * the Linux kernel.
 */
#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif

#include "order.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DONTNEED_LOCKED 24 /* MADV_DONTNEED_LOCKED; older headers do not have it */

/* ---- memory -------------------------------------------------------------- */

static void *map(size_t size)
{
	void *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* People's data: none of a core dump's business. A kernel that cannot leave it out dumps it. */
	(void)madvise(at, size, MADV_DONTDUMP);
	return at;
}

void *os_pages_reserve(size_t size, size_t align)
{
	if (size == 0)
		return NULL;
	char *at = map(size);
	if (at == NULL || ((uintptr_t)at & (align - 1)) == 0)
		return at;
	munmap(at, size);

	/* Not aligned by luck: take more, and trim both ends. */
	if (size > SIZE_MAX - align)
		return NULL;
	at = map(size + align);
	if (at == NULL)
		return NULL;
	size_t head = (align - ((uintptr_t)at & (align - 1))) & (align - 1);
	if (head > 0)
		munmap(at, head);
	munmap(at + head + size, align - head);
	return at + head;
}

bool os_pages_commit(void *at, size_t size)
{
	/* Memory comes with the first touch; the budget keeps us within what there is. */
	(void)at;
	(void)size;
	return true;
}

bool os_pages_lock(void *at, size_t size)
{
	/* Each page when it is first touched: a range may be larger than what comes to be used. */
	return mlock2(at, size, MLOCK_ONFAULT) == 0;
}

void os_pages_decommit(void *at, size_t size)
{
	if (madvise(at, size, MADV_DONTNEED) == 0 || madvise(at, size, DONTNEED_LOCKED) == 0)
		return;
	/* Locked pages, and a kernel before 5.18. */
	munlock(at, size);
	madvise(at, size, MADV_DONTNEED);
}

void os_pages_release(void *at, size_t size)
{
	munmap(at, size);
}

void os_pages_huge(void *at, size_t size, bool wanted)
{
	/* Advice: a kernel without huge pages refuses it, and that is fine. */
	(void)madvise(at, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/* Reads a small text file whole; -1 when it cannot. */
static ssize_t read_text(const char *path, char *to, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	size_t length = 0;
	while (length < size - 1) {
		ssize_t count = read(file, to + length, size - 1 - length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		length += (size_t)count;
	}
	close(file);
	to[length] = 0;
	return (ssize_t)length;
}

/* The number after `key` at the start of a line; false when there is none. */
static bool find_number(const char *text, const char *key, uint64_t *value)
{
	size_t length = strlen(key);
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0) {
			char *end;
			*value = strtoull(line + length, &end, 10);
			return end != line + length;
		}
		if (*line == 0)
			break;
	}
	return false;
}

/* What /proc/meminfo says under `key`, in bytes; `otherwise` when it says nothing. */
static uint64_t meminfo(const char *key, uint64_t otherwise)
{
	char text[4096];
	uint64_t kibibytes;
	if (read_text("/proc/meminfo", text, sizeof text) < 0 || !find_number(text, key, &kibibytes))
		return otherwise;
	return kibibytes > UINT64_MAX / 1024 ? UINT64_MAX : kibibytes * 1024;
}

/* The files of a memory control group, by the version of its hierarchy. */
struct group_names {
	const char *limit, *current, *inactive;
};

static const struct group_names group_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
					    "total_inactive_file "};
static const struct group_names group_v2 = {"memory.max", "memory.current", "inactive_file "};

static bool group_read(const char *folder, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof path, "%s/%s", folder, name);
	return length > 0 && (size_t)length < sizeof path && read_text(path, text, size) > 0;
}

/* Lowers *total and *left to what one control group allows. */
static void group_apply(const char *folder, const struct group_names *names, uint64_t *total, uint64_t *left)
{
	char text[8192];
	uint64_t limit, current, inactive;
	/* "max" is no number, and version 1 says it with a very large one: no limit here. */
	if (!group_read(folder, names->limit, text, sizeof text) || !find_number(text, "", &limit) ||
	    limit > INT64_MAX / 2)
		return;
	if (limit < *total)
		*total = limit;
	if (left == NULL || !group_read(folder, names->current, text, sizeof text) ||
	    !find_number(text, "", &current))
		return;
	/* Cached files that nobody used lately go first when the group is short. */
	if (!group_read(folder, "memory.stat", text, sizeof text) ||
	    !find_number(text, names->inactive, &inactive))
		inactive = 0;
	current -= inactive < current ? inactive : current;
	uint64_t room = limit > current ? limit - current : 0;
	if (room < *left)
		*left = room;
}

/* The same for a group and all above it, up to the mount's own root. */
static void group_walk(const char *mount, const char *group, const struct group_names *names, uint64_t *total,
		       uint64_t *left)
{
	char folder[PATH_MAX];
	int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
	if (length < 0 || (size_t)length >= sizeof folder)
		return;
	for (size_t root = strlen(mount);;) {
		group_apply(folder, names, total, left);
		char *slash = strrchr(folder, '/');
		if (slash == NULL || slash < folder + root)
			break;
		*slash = 0;
	}
}

/* Whether a comma-separated list of controllers names memory. */
static bool names_memory(const char *list)
{
	for (;;) {
		size_t length = strcspn(list, ",");
		if (length == 6 && memcmp(list, "memory", 6) == 0)
			return true;
		if (list[length] == 0)
			return false;
		list += length + 1;
	}
}

/* Lowers *total and *left (unless NULL) to what our control groups allow. */
static void groups_apply(uint64_t *total, uint64_t *left)
{
	char text[8192];
	if (read_text("/proc/self/cgroup", text, sizeof text) < 0)
		return;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		/* hierarchy:controllers:path */
		strsep(&line, ":");
		const char *controllers = line != NULL ? strsep(&line, ":") : NULL;
		if (controllers == NULL || line == NULL || *line != '/')
			continue;
		if (names_memory(controllers)) {
			group_walk("/sys/fs/cgroup/memory", line, &group_v1, total, left);
		} else if (*controllers == 0) {
			group_walk("/sys/fs/cgroup", line, &group_v2, total, left);
			group_walk("/sys/fs/cgroup/unified", line, &group_v2, total, left);
		}
	}
}

uint64_t os_memory_total(void)
{
	uint64_t total = meminfo("MemTotal:", UINT64_MAX);
	groups_apply(&total, NULL);
	return total;
}

uint64_t os_memory_left(void)
{
	uint64_t total = UINT64_MAX;
	uint64_t left = meminfo("MemAvailable:", 0);
	groups_apply(&total, &left);
	return left;
}

/* ---- locks ---------------------------------------------------------------- */

/*
 * The word, of which only the low 32 bits are used (the futex sees those):
 *
 *   WRITER          held exclusively
 *   PENDING         a writer waits for readers, awake or asleep: no new readers
 *   READERS_ASLEEP  implies WRITER or PENDING, so a writer's unlock is sure to come
 *   WRITERS_ASLEEP  whoever lets go last wakes one writer, which sets the bit again
 *                   when it takes the lock, since there may be more
 *   READER * n      held shared by n
 *
 * A writer clears PENDING when it takes the lock (others that wait set it again), and
 * its unlock clears everything, so readers get their turn between two writers.
 */
enum { WRITER = 1, PENDING = 2, READERS_ASLEEP = 4, WRITERS_ASLEEP = 8, READER = 16 };
#define READERS (~(uintptr_t)(READER - 1))
/* How often a waiter looks again before it sleeps, longer apart each time: who holds the lock gets
 * further with it, and with what is in its cache, than when every look takes the line away. */
enum { SPINS = 24, SPIN_STEPS = 5 };
/* Bits for FUTEX_WAIT_BITSET, to wake the one kind without the other. */
enum { SLEEPER_READER = 1, SLEEPER_WRITER = 2 };

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield");
#endif
}

static void pause_for(unsigned spins_left)
{
	unsigned round = SPINS - spins_left;
	for (unsigned i = 4u << (round < SPIN_STEPS ? round : SPIN_STEPS); i > 0; i--)
		pause_cpu();
}

static uint32_t *futex_of(os_lock *lock)
{
	uint32_t *half = (uint32_t *)(void *)&lock->word;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	half += sizeof lock->word / sizeof *half - 1;
#endif
	return half;
}

static void sleep_on(os_lock *lock, uintptr_t word, uint32_t kind)
{
	syscall(SYS_futex, futex_of(lock), FUTEX_WAIT_BITSET_PRIVATE, (uint32_t)word, NULL, NULL, kind);
}

static void wake(os_lock *lock, int count, uint32_t kind)
{
	syscall(SYS_futex, futex_of(lock), FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, kind);
}

static void __attribute__((noinline)) lock_exclusive_slowly(os_lock *lock)
{
	uintptr_t slept = 0;
	unsigned spins = SPINS;
	uintptr_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
	for (;;) {
		if ((word & (WRITER | READERS)) == 0) {
			uintptr_t next = (word & ~(uintptr_t)PENDING) | WRITER | slept;
			if (atomic_compare_exchange_weak_explicit(&lock->word, &word, next,
								  memory_order_acquire, memory_order_relaxed))
				return;
			continue;
		}
		if (spins > 0) {
			/* A writer's unlock clears it anyway. */
			if ((word & READERS) != 0 && (word & PENDING) == 0) {
				atomic_compare_exchange_weak_explicit(&lock->word, &word, word | PENDING,
								      memory_order_relaxed,
								      memory_order_relaxed);
			}
			pause_for(spins--);
			word = atomic_load_explicit(&lock->word, memory_order_relaxed);
			continue;
		}
		uintptr_t next = word | WRITERS_ASLEEP | ((word & READERS) != 0 ? PENDING : 0);
		if (word != next &&
		    !atomic_compare_exchange_weak_explicit(&lock->word, &word, next, memory_order_relaxed,
							   memory_order_relaxed))
			continue;
		sleep_on(lock, next, SLEEPER_WRITER);
		slept = WRITERS_ASLEEP;
		spins = SPINS;
		word = atomic_load_explicit(&lock->word, memory_order_relaxed);
	}
}

void os_lock_exclusive(os_lock *lock)
{
	uintptr_t free = 0;
	order_asks(lock);
	if (!atomic_compare_exchange_strong_explicit(&lock->word, &free, WRITER, memory_order_acquire,
						     memory_order_relaxed))
		lock_exclusive_slowly(lock);
	order_has(lock, true);
}

void os_unlock_exclusive(os_lock *lock)
{
	order_gives(lock, true);
	uintptr_t word = atomic_exchange_explicit(&lock->word, 0, memory_order_release);
	if (word & READERS_ASLEEP)
		wake(lock, INT_MAX, SLEEPER_READER);
	if (word & WRITERS_ASLEEP)
		wake(lock, 1, SLEEPER_WRITER);
}

static void __attribute__((noinline)) lock_shared_slowly(os_lock *lock)
{
	unsigned spins = SPINS;
	uintptr_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
	for (;;) {
		if ((word & (WRITER | PENDING)) == 0) {
			if (atomic_compare_exchange_weak_explicit(&lock->word, &word, word + READER,
								  memory_order_acquire, memory_order_relaxed))
				return;
			continue;
		}
		if (spins > 0) {
			pause_for(spins--);
			word = atomic_load_explicit(&lock->word, memory_order_relaxed);
			continue;
		}
		uintptr_t next = word | READERS_ASLEEP;
		if (word != next &&
		    !atomic_compare_exchange_weak_explicit(&lock->word, &word, next, memory_order_relaxed,
							   memory_order_relaxed))
			continue;
		sleep_on(lock, next, SLEEPER_READER);
		spins = SPINS;
		word = atomic_load_explicit(&lock->word, memory_order_relaxed);
	}
}

void os_lock_shared(os_lock *lock)
{
	uintptr_t free = 0;
	order_asks(lock);
	if (!atomic_compare_exchange_strong_explicit(&lock->word, &free, READER, memory_order_acquire,
						     memory_order_relaxed))
		lock_shared_slowly(lock);
	order_has(lock, false);
}

void os_unlock_shared(os_lock *lock)
{
	order_gives(lock, false);
	uintptr_t word = atomic_fetch_sub_explicit(&lock->word, READER, memory_order_release) - READER;
	/* The last one out wakes a writer; whoever came in between does it in our place. */
	while ((word & (READERS | WRITER)) == 0 && (word & WRITERS_ASLEEP) != 0) {
		if (atomic_compare_exchange_weak_explicit(&lock->word, &word,
							  word & ~(uintptr_t)WRITERS_ASLEEP,
							  memory_order_relaxed, memory_order_relaxed)) {
			wake(lock, 1, SLEEPER_WRITER);
			break;
		}
	}
}

/* ---- the rest ---------------------------------------------------------------- */

void os_clock_wall(int64_t *seconds, uint32_t *nanoseconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	*seconds = now.tv_sec;
	*nanoseconds = (uint32_t)now.tv_nsec;
}

uint64_t os_clock_milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void os_random(void *to, size_t size)
{
	char *at = to;
	while (size > 0) {
		ssize_t count = getrandom(at, size, 0);
		if (count < 0) {
			/* Before 3.17 or in a sandbox: no guessable bytes in place of random ones. */
			if (errno != EINTR)
				abort();
			continue;
		}
		at += count;
		size -= (size_t)count;
	}
}

unsigned os_thread_lane(void)
{
	/* Thread numbers count up, so threads that start together spread evenly. */
	static _Thread_local unsigned lane;
	if (lane == 0)
		lane = (unsigned)syscall(SYS_gettid);
	return lane;
}
