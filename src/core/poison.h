/*
 * poison: tells AddressSanitizer which memory of ours nobody has, so that it sees a use of it as it would see
 * one of the system's heap. Nothing without it.
 */
#ifndef MEMEFS_POISON_H
#define MEMEFS_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#	define MEMEFS_POISON
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define MEMEFS_POISON
#	endif
#endif

#ifdef MEMEFS_POISON
void __asan_poison_memory_region(const volatile void *at, size_t size);
void __asan_unpoison_memory_region(const volatile void *at, size_t size);
#endif

static inline void poison(const void *at, size_t size)
{
#ifdef MEMEFS_POISON
	__asan_poison_memory_region(at, size);
#else
	(void)at;
	(void)size;
#endif
}

static inline void unpoison(const void *at, size_t size)
{
#ifdef MEMEFS_POISON
	__asan_unpoison_memory_region(at, size);
#else
	(void)at;
	(void)size;
#endif
}

#endif
