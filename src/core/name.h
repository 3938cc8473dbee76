/*
 * name: names as bytes, and how they compare.
 *
 * WTF-8 on case-insensitive volumes; any bytes on sensitive ones. Comparison and order
 * follow NTFS: UTF-16 units, upper-cased by the 973-entry table of a volume that Windows
 * 10 formatted.
 */
#ifndef MEMEFS_NAME_H
#define MEMEFS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memefs.h"

/* The upper case of a UTF-16 unit, by NTFS's table. */
uint16_t name_upper(uint16_t unit);

/* Whether bytes may be an entry's (or a stream's) name: MFS_OK, MFS_NAME_TOO_LONG (over 255
 * bytes, or over 255 UTF-16 units with `insensitive`), MFS_NAME_INVALID (empty, ".", "..",
 * NUL, '/', or with `insensitive` not WTF-8). */
enum mfs_status name_check(const char *name, size_t size, bool insensitive);

/* Number of UTF-16 units of WTF-8 bytes, or SIZE_MAX when they are not WTF-8. */
size_t name_units(const char *name, size_t size);

/* Same name? By bytes, or by upper-cased units with `insensitive`. Both were checked. */
bool name_equal(const char *a, size_t a_size, const char *b, size_t b_size, bool insensitive);

/* A hash that is equal for equal names; `seed` keeps strangers from choosing collisions. */
uint32_t name_hash(const char *name, size_t size, bool insensitive, uint64_t seed);

/* NTFS's order: by upper-cased UTF-16 units; names that are then equal by plain units, then
 * by bytes (so it is total for any bytes; what is not WTF-8 counts as single units above
 * all others, 0x10000 + byte). Negative, 0, positive. */
int name_compare(const char *a, size_t a_size, const char *b, size_t b_size);

/* The first four upper-cased units as a number that orders as name_compare does (equal
 * numbers say nothing). Units above 0xFFFF count as 0xFFFF. */
uint64_t name_prefix(const char *name, size_t size);

#endif
