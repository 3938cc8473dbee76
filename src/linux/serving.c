/*
 * serving: how many threads take requests. On a single processor one: a second would only be woken beside it.
 * On several, two: they take turns, so that often one of them last ran where the client is, and the
 * kernel need not wake another processor, which can take longer than all the rest of a request. A watcher
 * looks at the threads every few milliseconds and lets one more take part when all are stuck in a request, or
 * use a processor each to the full; and one less when fewer would do.
 */
#include "serving.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "waiting.h"

#define TICK_MS 4     /* how often the watcher looks */
#define LOAD_TICKS 8  /* looks between two that weigh the load */
#define IDLE_TICKS 16 /* looks without a request, before the watcher sleeps */
#define POKE_NANOSECONDS 1000000
#define STARVED_MOST 1000 /* pauses for want of memory while nobody has a request */
#define FULL_PERCENT 92	  /* of a processor: a thread that uses so much does not keep up */
#define SPARE_PERCENT 60  /* of a processor for each of one thread less: it would do */
#define LINE 64		  /* a processor's cache line */

struct worker {
	_Alignas(LINE) struct serving *serving;
	_Atomic(uint64_t) taken; /* requests */
	atomic_bool reading;	 /* waits for a request, or is about to */
	atomic_bool left;	 /* will not touch the session any more */
	unsigned number;
	unsigned starved; /* its own: pauses one after the other for want of memory */
	pthread_t thread;
	int64_t used; /* the watcher's: nanoseconds of processor time at its last weighing */
};

struct serving {
	struct fuse_session *session;
	unsigned most;
	_Atomic(unsigned) wanted; /* the workers below it take requests, others rest */
	atomic_bool asleep;	  /* the watcher is, until there is a request */
	pthread_mutex_t lock;	  /* what follows */
	pthread_cond_t rested, watch;
	unsigned started;
	bool ending;
	_Atomic(int) error; /* an errno that ended it, or 0 */
	struct worker workers[];
};

/* ---- workers -------------------------------------------------------------------------------- */

static void wake_watcher(struct serving *serving)
{
	pthread_mutex_lock(&serving->lock);
	atomic_store(&serving->asleep, false);
	pthread_cond_signal(&serving->watch);
	pthread_mutex_unlock(&serving->lock);
}

static bool is_surplus(const struct worker *worker)
{
	return worker->number >= atomic_load_explicit(&worker->serving->wanted, memory_order_relaxed);
}

static void rest(struct worker *worker)
{
	struct serving *serving = worker->serving;

	pthread_mutex_lock(&serving->lock);
	while (!serving->ending && is_surplus(worker))
		pthread_cond_wait(&serving->rested, &serving->lock);
	pthread_mutex_unlock(&serving->lock);
}

/* What is being written stands in the buffer: none of a core dump's business. */
static void leave_out_of_dumps(const struct fuse_buf *buffer)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)buffer->mem & ~(page - 1);
	size_t size = malloc_usable_size(buffer->mem) + ((uintptr_t)buffer->mem - from);

	(void)madvise((void *)from, size, MADV_DONTDUMP);
}

/* There are users, who would lose all. */
static bool has_begun(struct serving *serving)
{
	for (unsigned i = 0; i < serving->most; i++)
		if (atomic_load_explicit(&serving->workers[i].taken, memory_order_relaxed))
			return true;
	return false;
}

/* One request. False: there is none to come. */
static bool take(struct worker *worker, struct fuse_buf *buffer)
{
	static const struct timespec pause = {.tv_nsec = POKE_NANOSECONDS};
	struct serving *serving = worker->serving;
	const void *before = buffer->mem;
	int size;

	atomic_store_explicit(&worker->reading, true, memory_order_relaxed);
	size = fuse_session_receive_buf(serving->session, buffer);
	atomic_store_explicit(&worker->reading, false, memory_order_relaxed);
	if (buffer->mem && buffer->mem != before)
		leave_out_of_dumps(buffer);
	if (size == -EINTR)
		return true;
	if (size == -ENOMEM && (has_begun(serving) || worker->starved++ < STARVED_MOST)) {
		/* For libfuse's buffer, or in the kernel: others may give some back soon, or have a buffer
		 * and be about to take the first request. */
		nanosleep(&pause, NULL);
		return true;
	}
	if (size <= 0) {
		if (size < 0)
			atomic_store(&serving->error, -size);
		return false;
	}
	worker->starved = 0;
	/* Before the look: the watcher looks at both the other way round. */
	atomic_fetch_add(&worker->taken, 1);
	if (atomic_load(&serving->asleep))
		wake_watcher(serving);
	fuse_session_process_buf(serving->session, buffer);
	return true;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct serving *serving = worker->serving;
	struct fuse_buf buffer = {.mem = NULL};

	while (!fuse_session_exited(serving->session)) {
		if (is_surplus(worker))
			rest(worker);
		else if (!take(worker, &buffer))
			break;
	}
	free(buffer.mem);
	atomic_store(&worker->left, true);
	pthread_mutex_lock(&serving->lock);
	serving->ending = true;
	pthread_mutex_unlock(&serving->lock);
	wake_watcher(serving);
	return NULL;
}

/* Changes how many take part (locked). Where no thread is to be had, it stays as it was. */
static void set_wanted(struct serving *serving, unsigned wanted)
{
	while (serving->started < wanted) {
		struct worker *worker = &serving->workers[serving->started];
		int error = pthread_create(&worker->thread, NULL, work, worker);

		if (error) {
			if (!serving->started)
				atomic_store(&serving->error, error);
			wanted = serving->started;
			break;
		}
		serving->started++;
	}
	if (!wanted)
		return;
	atomic_store(&serving->wanted, wanted);
	pthread_cond_broadcast(&serving->rested);
}

bool serving_help(struct serving *serving, unsigned waiting)
{
	if (!serving || waiting < atomic_load_explicit(&serving->wanted, memory_order_relaxed))
		return true;
	if (waiting >= serving->most)
		return false;
	pthread_mutex_lock(&serving->lock);
	if (waiting >= atomic_load(&serving->wanted) && !serving->ending)
		set_wanted(serving, waiting + 1);
	pthread_mutex_unlock(&serving->lock);
	return waiting < atomic_load(&serving->wanted);
}

void serving_end(struct serving *serving)
{
	fuse_session_exit(serving->session);
	wake_watcher(serving);
}

/* ---- the watcher ------------------------------------------------------------------------------ */

struct view {
	uint64_t taken;	 /* requests until now */
	unsigned ticks;	 /* since the load was weighed */
	unsigned idle;	 /* looks without a request */
	int64_t weighed; /* when: nanoseconds */
};

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec time = {0};

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint64_t all_taken(struct serving *serving, bool *reading)
{
	uint64_t taken = 0;

	*reading = false;
	for (unsigned i = 0; i < serving->started; i++) {
		taken += atomic_load(&serving->workers[i].taken);
		*reading |= atomic_load_explicit(&serving->workers[i].reading, memory_order_relaxed);
	}
	return taken;
}

/* Percent of a processor that all threads together, and the one that uses least of those that take part, have
 * used since the last weighing. */
static unsigned weigh(struct serving *serving, struct view *view, unsigned *least)
{
	int64_t now = nanoseconds(CLOCK_MONOTONIC), span = now - view->weighed + 1, all = 0, used;
	clockid_t clock;

	*least = 100;
	for (unsigned i = 0; i < serving->started; i++) {
		struct worker *worker = &serving->workers[i];

		if (pthread_getcpuclockid(worker->thread, &clock))
			continue;
		used = nanoseconds(clock);
		all += used - worker->used;
		if (!is_surplus(worker) && (used - worker->used) * 100 / span < *least)
			*least = (unsigned)((used - worker->used) * 100 / span);
		worker->used = used;
	}
	view->weighed = now;
	return (unsigned)(all * 100 / span);
}

/* How many take part at least, by the processors that are ours, which may change (taskset). */
static unsigned fewest(const struct serving *serving)
{
	cpu_set_t processors;

	if (serving->most < 2 || pthread_getaffinity_np(pthread_self(), sizeof processors, &processors))
		return 1;
	return CPU_COUNT(&processors) > 1 ? 2 : 1;
}

static void weigh_load(struct serving *serving, struct view *view)
{
	unsigned wanted = atomic_load(&serving->wanted), lower = fewest(serving), least,
		 all = weigh(serving, view, &least);

	if ((least >= FULL_PERCENT && wanted < serving->most) || wanted < lower)
		set_wanted(serving, wanted + 1);
	else if (wanted > lower && all < (wanted - 1) * SPARE_PERCENT)
		set_wanted(serving, wanted - 1);
}

/* One look (locked). */
static void look(struct serving *serving, struct view *view)
{
	unsigned wanted = atomic_load(&serving->wanted);
	bool reading;
	uint64_t taken = all_taken(serving, &reading);

	if (taken == view->taken && !reading && wanted < serving->most) {
		set_wanted(serving, wanted + 1);
		view->ticks = 0;
	} else if (++view->ticks >= LOAD_TICKS) {
		weigh_load(serving, view);
		view->ticks = 0;
	}
	view->idle = taken == view->taken && reading ? view->idle + 1 : 0;
	view->taken = taken;
}

/* Sleeps until there is a request again (locked). */
static void sleep_long(struct serving *serving, struct view *view)
{
	bool reading;

	atomic_store(&serving->asleep, true);
	while (atomic_load(&serving->asleep) && !serving->ending && !fuse_session_exited(serving->session) &&
	       all_taken(serving, &reading) == view->taken)
		pthread_cond_wait(&serving->watch, &serving->lock);
	atomic_store(&serving->asleep, false);
	view->idle = view->ticks = 0;
	weigh(serving, view, &(unsigned){0});
}

static void watch(struct serving *serving)
{
	struct view view = {.weighed = nanoseconds(CLOCK_MONOTONIC)};

	while (!serving->ending && !fuse_session_exited(serving->session)) {
		if (view.idle >= IDLE_TICKS)
			sleep_long(serving, &view);
		else
			waiting_for(&serving->watch, &serving->lock, TICK_MS);
		look(serving, &view);
	}
}

/* A worker may be about to sleep in the kernel, so it is woken until it has left. */
static void end(struct serving *serving)
{
	const struct timespec pause = {.tv_nsec = POKE_NANOSECONDS};

	fuse_session_exit(serving->session);
	for (unsigned i = 0; i < serving->started; i++) {
		while (!atomic_load(&serving->workers[i].left)) {
			pthread_kill(serving->workers[i].thread, SIGUSR1);
			nanosleep(&pause, NULL);
		}
		pthread_join(serving->workers[i].thread, NULL);
	}
}

int serving_run(struct serving *serving)
{
	pthread_mutex_lock(&serving->lock);
	set_wanted(serving, fewest(serving));
	if (serving->started)
		watch(serving);
	serving->ending = true;
	pthread_cond_broadcast(&serving->rested);
	pthread_mutex_unlock(&serving->lock);
	end(serving);
	return atomic_load(&serving->error);
}

struct serving *serving_make(struct fuse_session *session, unsigned most)
{
	size_t size = sizeof(struct serving) + most * sizeof(struct worker);
	struct serving *serving = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);

	if (!serving)
		return NULL;
	memset(serving, 0, size);
	serving->session = session;
	serving->most = most;
	for (unsigned i = 0; i < most; i++) {
		serving->workers[i].serving = serving;
		serving->workers[i].number = i;
	}
	pthread_mutex_init(&serving->lock, NULL);
	pthread_cond_init(&serving->rested, NULL);
	waiting_init(&serving->watch);
	return serving;
}

void serving_free(struct serving *serving)
{
	if (!serving)
		return;
	pthread_cond_destroy(&serving->watch);
	pthread_cond_destroy(&serving->rested);
	pthread_mutex_destroy(&serving->lock);
	free(serving);
}
