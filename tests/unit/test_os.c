/*
 * test_os.c: the floor of os.h: pages, memory figures, the lock under load, clocks.
 */
#include "test.h"

#include <pthread.h>

#include "../../src/os/os.h"

enum { THREADS = 8 };

static void run_threads(void *(*body)(void *), void *argument, unsigned count)
{
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < count; i++)
		REQUIRE(pthread_create(&threads[i], NULL, body, argument) == 0);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void reserves_aligned(void)
{
	static const size_t aligns[] = {OS_PAGE_SIZE, 1 << 16, 1 << 21, 1 << 25};
	for (unsigned i = 0; i < sizeof aligns / sizeof *aligns; i++) {
		for (unsigned pages = 1; pages <= 513; pages += 512) {
			char *at[4];
			for (unsigned k = 0; k < 4; k++) {
				at[k] = os_pages_reserve(pages * OS_PAGE_SIZE, aligns[i]);
				REQUIRE(at[k] != NULL);
				EXPECT_EQ((uintptr_t)at[k] & (aligns[i] - 1), 0);
				REQUIRE(os_pages_commit(at[k], pages * OS_PAGE_SIZE));
				at[k][0] = at[k][pages * OS_PAGE_SIZE - 1] = (char)k;
			}
			for (unsigned k = 0; k < 4; k++) {
				EXPECT_EQ(at[k][0], k);
				EXPECT_EQ(at[k][pages * OS_PAGE_SIZE - 1], k);
				os_pages_release(at[k], pages * OS_PAGE_SIZE);
			}
		}
	}
	EXPECT(os_pages_reserve(0, OS_PAGE_SIZE) == NULL);
	EXPECT(os_pages_reserve(SIZE_MAX & ~(OS_PAGE_SIZE - 1), OS_PAGE_SIZE) == NULL);
	EXPECT(os_pages_reserve(SIZE_MAX & ~(OS_PAGE_SIZE - 1), 1 << 25) == NULL);
}

static void commits_again(void)
{
	size_t size = 64 * OS_PAGE_SIZE;
	char *at = os_pages_reserve(size, OS_PAGE_SIZE);
	REQUIRE(at != NULL && os_pages_commit(at, size));
	os_pages_huge(at, size, true);
	os_pages_huge(at, size, false);
	memset(at, 7, size);
	/* Committing what is committed keeps it. */
	REQUIRE(os_pages_commit(at, size));
	EXPECT_EQ(at[size - 1], 7);
	os_pages_decommit(at + 8 * OS_PAGE_SIZE, 8 * OS_PAGE_SIZE);
	EXPECT_EQ(at[8 * OS_PAGE_SIZE - 1], 7);
	EXPECT_EQ(at[16 * OS_PAGE_SIZE], 7);
	REQUIRE(os_pages_commit(at + 8 * OS_PAGE_SIZE, 8 * OS_PAGE_SIZE));
	memset(at, 9, size);
	EXPECT_EQ(at[10 * OS_PAGE_SIZE], 9);
	os_pages_release(at, size);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANITIZED 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#		define SANITIZED 1
#	endif
#endif

/* A sanitizer has memory of its own for ours, and locks none. */
#if defined(__linux__) && !defined(SANITIZED)
/* A number of kB out of this process's /proc/self/status. */
static long status_of(const char *word)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long value = -1;

	REQUIRE(file != NULL);
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, word, strlen(word)))
			value = strtol(line + strlen(word) + 1, NULL, 10);
	fclose(file);
	return value;
}
#else
static long status_of(const char *word)
{
	(void)word;
	return -1;
}
#endif

/* Locked pages are given back like others, and can be had again. */
static void locks(void)
{
	size_t size = 4 << 20;
	char *at = os_pages_reserve(size, OS_PAGE_SIZE);
	long before = status_of("VmLck"), resident;

	REQUIRE(at != NULL && os_pages_commit(at, size));
	EXPECT(os_pages_lock(at, size));
	if (before >= 0)
		EXPECT_EQ(status_of("VmLck") - before, (long)size >> 10);
	resident = status_of("VmRSS");
	memset(at, 5, size);
	if (before >= 0)
		EXPECT(status_of("VmRSS") - resident > 3 << 10);
	os_pages_decommit(at, size);
	if (before >= 0)
		EXPECT(status_of("VmRSS") - resident < 1 << 10);
	REQUIRE(os_pages_commit(at, size) && os_pages_lock(at, size));
	memset(at, 6, size);
	EXPECT_EQ(at[size - 1], 6);
	os_pages_release(at, size);
	if (before >= 0)
		EXPECT_EQ(status_of("VmLck"), before);
	EXPECT(!os_pages_lock((void *)OS_PAGE_SIZE, OS_PAGE_SIZE));
}

static void tells_memory(void)
{
	uint64_t total = os_memory_total(), left = os_memory_left();
	EXPECT(total >= (uint64_t)16 << 20);
	EXPECT(total <= (uint64_t)1 << 56);
	EXPECT(left > 0);
	EXPECT(left <= total || left <= (uint64_t)1 << 56);
}

struct shared {
	os_lock lock;
	uint64_t left, right; /* equal whenever the lock is free */
	_Atomic unsigned readers, writers;
	_Atomic unsigned broken;
	_Atomic bool stop;
	_Atomic uint64_t reads;
	unsigned rounds;
};

static void write_once(struct shared *shared)
{
	os_lock_exclusive(&shared->lock);
	if (atomic_fetch_add(&shared->writers, 1) != 0 || atomic_load(&shared->readers) != 0)
		shared->broken++;
	shared->left++;
	if (shared->left != shared->right + 1)
		shared->broken++;
	shared->right++;
	atomic_fetch_sub(&shared->writers, 1);
	os_unlock_exclusive(&shared->lock);
}

static void read_once(struct shared *shared)
{
	os_lock_shared(&shared->lock);
	atomic_fetch_add(&shared->readers, 1);
	if (atomic_load(&shared->writers) != 0 || shared->left != shared->right)
		shared->broken++;
	atomic_fetch_sub(&shared->readers, 1);
	os_unlock_shared(&shared->lock);
	shared->reads++;
}

static void *mixed_body(void *argument)
{
	struct shared *shared = argument;
	unsigned random;
	os_random(&random, sizeof random);
	for (unsigned i = 0; i < shared->rounds; i++) {
		random = random * 1664525 + 1013904223;
		if (random >> 30 == 0)
			write_once(shared);
		else
			read_once(shared);
	}
	return NULL;
}

static void *writer_body(void *argument)
{
	struct shared *shared = argument;
	for (unsigned i = 0; i < shared->rounds; i++)
		write_once(shared);
	return NULL;
}

static void *reader_body(void *argument)
{
	struct shared *shared = argument;
	while (!shared->stop)
		read_once(shared);
	return NULL;
}

static void lock_excludes(void)
{
	struct shared shared = {.rounds = 20000};
	run_threads(mixed_body, &shared, THREADS);
	EXPECT_EQ(shared.broken, 0);
	EXPECT_EQ(shared.left, THREADS * 20000 - shared.reads);
	EXPECT_EQ(shared.left, shared.right);
	EXPECT_EQ(shared.lock.word, 0);
}

static void lock_counts(void)
{
	struct shared shared = {.rounds = 20000};
	run_threads(writer_body, &shared, THREADS);
	EXPECT_EQ(shared.left, THREADS * 20000);
	EXPECT_EQ(shared.broken, 0);
	EXPECT_EQ(shared.lock.word, 0);
}

/* Ends only when the writer gets its turns among readers that never pause. */
static void writers_do_not_starve(void)
{
	struct shared shared = {.rounds = 500};
	pthread_t readers[3];
	for (unsigned i = 0; i < 3; i++)
		REQUIRE(pthread_create(&readers[i], NULL, reader_body, &shared) == 0);
	writer_body(&shared);
	shared.stop = true;
	for (unsigned i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	EXPECT_EQ(shared.left, 500);
	EXPECT_EQ(shared.broken, 0);
	EXPECT_EQ(shared.lock.word, 0);
}

static void readers_share(void)
{
	os_lock lock = {0};
	/* Would hang if the second reader had to wait for the first. */
	os_lock_shared(&lock);
	os_lock_shared(&lock);
	os_unlock_shared(&lock);
	os_unlock_shared(&lock);
	os_lock_exclusive(&lock);
	os_unlock_exclusive(&lock);
	EXPECT_EQ(lock.word, 0);
}

static void clocks_advance(void)
{
	int64_t seconds, before = 0;
	uint32_t nanoseconds, fraction = 0;
	uint64_t start = os_clock_milliseconds(), last = start;
	do {
		os_clock_wall(&seconds, &nanoseconds);
		EXPECT(nanoseconds < 1000000000);
		EXPECT(seconds > before || (seconds == before && nanoseconds >= fraction));
		before = seconds;
		fraction = nanoseconds;
		uint64_t now = os_clock_milliseconds();
		EXPECT(now >= last);
		last = now;
	} while (last - start < 30);
	EXPECT(seconds > INT64_C(1700000000));
	EXPECT(seconds < INT64_C(32503680000));
}

static void random_differs(void)
{
	unsigned char a[300] = {0}, b[300] = {0};
	os_random(a, sizeof a);
	os_random(b, sizeof b);
	EXPECT(memcmp(a, b, sizeof a) != 0);
	unsigned seen = 0;
	for (unsigned i = 0; i < sizeof a; i++)
		seen += a[i] != 0;
	EXPECT(seen > 200);
	os_random(a, 0);
}

static void *lane_body(void *argument)
{
	_Atomic unsigned *lanes = argument;
	unsigned lane = os_thread_lane();
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(os_thread_lane(), lane);
	atomic_fetch_or(lanes, 1U << (lane & 3));
	return NULL;
}

static void lanes_stay(void)
{
	_Atomic unsigned lanes = 0;
	/* 64 threads, some at the same time: not all on one lane. */
	for (unsigned i = 0; i < 8; i++)
		run_threads(lane_body, &lanes, THREADS);
	EXPECT((lanes & (lanes - 1)) != 0);
}

int main(void)
{
	RUN(reserves_aligned);
	RUN(commits_again);
	RUN(locks);
	RUN(tells_memory);
	RUN(readers_share);
	RUN(lock_counts);
	RUN(lock_excludes);
	RUN(writers_do_not_starve);
	RUN(clocks_advance);
	RUN(random_differs);
	RUN(lanes_stay);
	return tests_end();
}
