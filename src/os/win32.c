/*
 * win32.c: the floor of os.h on Windows 7 and later.
 *
 * It knows nothing of volumes, files or WinFsp.
 */
#ifndef _WIN32_WINNT
#	define _WIN32_WINNT 0x0601
#endif
#define WIN32_LEAN_AND_MEAN

#include "order.h"
#include "os.h"

#include <windows.h>
#include <ntsecapi.h>
#include <stdlib.h>

/* ---- memory -------------------------------------------------------------- */

/* Others may map what was just found free; each round is a new chance. */
enum { RESERVE_ROUNDS = 64 };

void *os_pages_reserve(size_t size, size_t align)
{
	if (size == 0)
		return NULL;
	char *at = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE);
	if (at == NULL || ((uintptr_t)at & (align - 1)) == 0)
		return at;
	VirtualFree(at, 0, MEM_RELEASE);
	if (size > SIZE_MAX - align)
		return NULL;

	/* A reservation cannot be trimmed: find a hole that is wide enough, and take its aligned part. */
	for (int round = 0; round < RESERVE_ROUNDS; round++) {
		char *hole = VirtualAlloc(NULL, size + align, MEM_RESERVE, PAGE_READWRITE);
		if (hole == NULL)
			return NULL;
		VirtualFree(hole, 0, MEM_RELEASE);
		char *aligned = hole + ((align - ((uintptr_t)hole & (align - 1))) & (align - 1));
		at = VirtualAlloc(aligned, size, MEM_RESERVE, PAGE_READWRITE);
		if (at == aligned)
			return at;
		if (at != NULL)
			VirtualFree(at, 0, MEM_RELEASE);
	}
	return NULL;
}

bool os_pages_commit(void *at, size_t size)
{
	return VirtualAlloc(at, size, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

/* Windows locks no more than the working set's least size, less some pages. */
static bool grow_working_set(size_t more)
{
	SIZE_T least, most;

	if (!GetProcessWorkingSetSize(GetCurrentProcess(), &least, &most) || more > SIZE_MAX / 2 - least ||
	    more > SIZE_MAX / 2 - most)
		return false;
	return SetProcessWorkingSetSize(GetCurrentProcess(), least + more, most + more);
}

bool os_pages_lock(void *at, size_t size)
{
	enum { SPARE = 1 << 20 };

	if (VirtualLock(at, size))
		return true;
	return GetLastError() == ERROR_WORKING_SET_QUOTA && size <= SIZE_MAX - SPARE &&
	       grow_working_set(size + SPARE) && VirtualLock(at, size);
}

void os_pages_decommit(void *at, size_t size)
{
	VirtualFree(at, size, MEM_DECOMMIT);
}

void os_pages_release(void *at, size_t size)
{
	(void)size;
	VirtualFree(at, 0, MEM_RELEASE);
}

void os_pages_huge(void *at, size_t size, bool wanted)
{
	/* Large pages need a privilege and can never be given back in part: not for us. */
	(void)at;
	(void)size;
	(void)wanted;
}

static MEMORYSTATUSEX memory_status(void)
{
	MEMORYSTATUSEX status = {.dwLength = sizeof status};
	if (!GlobalMemoryStatusEx(&status))
		status = (MEMORYSTATUSEX){0};
	return status;
}

uint64_t os_memory_total(void)
{
	return memory_status().ullTotalPhys;
}

uint64_t os_memory_left(void)
{
	/* AvailPageFile is what may still be committed, by the system and by our job. */
	MEMORYSTATUSEX status = memory_status();
	uint64_t left =
		status.ullAvailPhys < status.ullAvailPageFile ? status.ullAvailPhys : status.ullAvailPageFile;
	/* In a 32-bit process the address space ends first. */
	return left < status.ullAvailVirtual ? left : status.ullAvailVirtual;
}

/* ---- locks ---------------------------------------------------------------- */

_Static_assert(sizeof(SRWLOCK) == sizeof(((os_lock *)0)->word), "a slim lock is one word, zero when free");

enum { SPINS = 100 };

static SRWLOCK *slim(os_lock *lock)
{
	return (SRWLOCK *)(void *)&lock->word;
}

static bool try_exclusive(os_lock *lock)
{
	for (int spin = 0; spin < SPINS; spin++) {
		if (TryAcquireSRWLockExclusive(slim(lock)))
			return true;
		YieldProcessor();
	}
	return false;
}

void os_lock_exclusive(os_lock *lock)
{
	order_asks(lock);
	if (!try_exclusive(lock))
		AcquireSRWLockExclusive(slim(lock));
	order_has(lock, true);
}

void os_unlock_exclusive(os_lock *lock)
{
	order_gives(lock, true);
	ReleaseSRWLockExclusive(slim(lock));
}

static bool try_shared(os_lock *lock)
{
	for (int spin = 0; spin < SPINS; spin++) {
		if (TryAcquireSRWLockShared(slim(lock)))
			return true;
		YieldProcessor();
	}
	return false;
}

void os_lock_shared(os_lock *lock)
{
	order_asks(lock);
	if (!try_shared(lock))
		AcquireSRWLockShared(slim(lock));
	order_has(lock, false);
}

void os_unlock_shared(os_lock *lock)
{
	order_gives(lock, false);
	ReleaseSRWLockShared(slim(lock));
}

/* ---- the rest ---------------------------------------------------------------- */

void os_clock_wall(int64_t *seconds, uint32_t *nanoseconds)
{
	/* A FILETIME counts 100 ns since 1601. */
	FILETIME time;
	GetSystemTimeAsFileTime(&time);
	int64_t ticks = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
	ticks -= INT64_C(11644473600) * 10000000;
	int64_t whole = ticks / 10000000, part = ticks % 10000000;
	if (part < 0) {
		whole--;
		part += 10000000;
	}
	*seconds = whole;
	*nanoseconds = (uint32_t)(part * 100);
}

uint64_t os_clock_milliseconds(void)
{
	return GetTickCount64();
}

void os_random(void *to, size_t size)
{
	char *at = to;
	while (size > 0) {
		ULONG count = size < 1 << 20 ? (ULONG)size : 1 << 20;
		/* No guessable bytes in place of random ones. */
		if (!RtlGenRandom(at, count))
			abort();
		at += count;
		size -= count;
	}
}

unsigned os_thread_lane(void)
{
	/* Thread numbers are multiples of 4. */
	return (unsigned)GetCurrentThreadId() / 4;
}
