/*
 * measure.h: time, memory and middle values for the benchmarks. It must never know what is measured.
 *
 * One small part for each system; everything else is the C library's.
 */
#ifndef MEMEFS_MEASURE_H
#define MEMEFS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32

#	include <windows.h>
#	include <psapi.h>

/* Seconds since some fixed moment. */
static inline double measure_wall(void)
{
	LARGE_INTEGER now, rate;

	QueryPerformanceCounter(&now);
	QueryPerformanceFrequency(&rate);
	return (double)now.QuadPart / (double)rate.QuadPart;
}

#	define MEASURE_HAS_CPU false

/* Windows counts a process's time in ticks of 15 ms: too coarse. */
static inline double measure_cpu(void)
{
	return measure_wall();
}

/* Bytes of memory that this process holds. */
static inline double measure_resident(void)
{
	PROCESS_MEMORY_COUNTERS counters;

	return GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters))
		       ? (double)counters.WorkingSetSize
		       : 0;
}

/* Fresh pages that were never touched. Asking for huge ones has no effect here. */
static inline void *measure_map(size_t size, bool huge)
{
	(void)huge;
	return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static inline void measure_unmap(void *at, size_t size)
{
	(void)size;
	VirtualFree(at, 0, MEM_RELEASE);
}

#else

#	include <sys/mman.h>
#	include <time.h>
#	include <unistd.h>

static inline double measure_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline double measure_wall(void)
{
	return measure_clock(CLOCK_MONOTONIC);
}

#	define MEASURE_HAS_CPU true

/* Seconds of processor time that all threads of this process took, in the program and in the kernel. */
static inline double measure_cpu(void)
{
	return measure_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double measure_resident(void)
{
	unsigned long long all = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file) {
		if (fscanf(file, "%llu %llu", &all, &resident) != 2)
			resident = 0;
		fclose(file);
	}
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

/* Fresh pages that were never touched, huge ones where that is asked for and can be had. */
static inline void *measure_map(size_t size, bool huge)
{
	size_t align = (size_t)2 << 20, before;
	char *at = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = (align - (uintptr_t)at % align) % align;
	if (before)
		munmap(at, before);
	munmap(at + before + size, align - before);
#	ifdef MADV_HUGEPAGE
	madvise(at + before, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#	else
	(void)huge;
#	endif
	return at + before;
}

static inline void measure_unmap(void *at, size_t size)
{
	munmap(at, size);
}

#endif

/* ---- middle values --------------------------------------------------------------------- */

#define MEASURE_MOST 64

/* The values of one figure, one a round. */
struct samples {
	double value[MEASURE_MOST];
	size_t count;
};

static inline void samples_add(struct samples *samples, double value)
{
	if (samples->count < MEASURE_MOST)
		samples->value[samples->count++] = value;
}

static inline int samples_order(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The middle one; with an even number the mean of the middle two. 0: none. */
static inline double samples_median(const struct samples *samples)
{
	struct samples sorted = *samples;
	size_t half = sorted.count / 2;

	if (!sorted.count)
		return 0;
	qsort(sorted.value, sorted.count, sizeof(double), samples_order);
	return sorted.count % 2 ? sorted.value[half] : (sorted.value[half - 1] + sorted.value[half]) / 2;
}

/* From the least to the most, in percent of the median. */
static inline double samples_spread(const struct samples *samples)
{
	double least = samples->count ? samples->value[0] : 0, most = least, median = samples_median(samples);

	for (size_t i = 1; i < samples->count; i++) {
		least = samples->value[i] < least ? samples->value[i] : least;
		most = samples->value[i] > most ? samples->value[i] : most;
	}
	return median > 0 ? (most - least) / median * 100 : 0;
}

/* The median of the ratios, round by round: what slows a whole round down does not count. */
static inline double samples_ratio(const struct samples *top, const struct samples *bottom)
{
	struct samples ratio = {.count = 0};

	for (size_t i = 0; i < top->count && i < bottom->count; i++)
		if (bottom->value[i] > 0)
			samples_add(&ratio, top->value[i] / bottom->value[i]);
	return samples_median(&ratio);
}

#endif
