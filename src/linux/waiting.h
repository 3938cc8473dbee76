/*
 * waiting: a condition that can be waited for so many milliseconds, whatever becomes of the wall clock.
 */
#ifndef MEMEFS_LINUX_WAITING_H
#define MEMEFS_LINUX_WAITING_H

#include <pthread.h>
#include <time.h>

static inline void waiting_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* Until the condition is signalled, or the time is over. `lock` is held by the caller. */
static inline void waiting_for(pthread_cond_t *condition, pthread_mutex_t *lock, long milliseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(condition, lock, &until);
}

#endif
