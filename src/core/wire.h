/*
 * wire: the byte formats that both front ends hand to the engine: EA lists, reparse
 * buffers, security descriptors. Pure functions over bytes; all input is hostile.
 * Little-endian throughout, no alignment assumed.
 */
#ifndef MEMEFS_WIRE_H
#define MEMEFS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memefs.h"

/* ---- EAs: FILE_FULL_EA_INFORMATION (MS-FSCC 2.4.15): u32 next offset (0 in the last),
 * u8 flags (0 or 0x80 NEED_EA), u8 name length, u16 value length, name, NUL, value;
 * entries begin 4-aligned. */

struct wire_ea {
	uint8_t flags;
	uint8_t name_size;
	uint16_t value_size;
	const char *name; /* inside the list */
	const void *value;
};

/* Checks a whole list: MFS_OK, MFS_EA_INVALID (lengths that run out, bad next, bad flags, no NUL),
 * MFS_EA_NAME_INVALID (empty, or a character NTFS refuses in EA names). Size 0 is an empty list. */
enum mfs_status wire_ea_check(const void *list, size_t size);

/* Steps through a checked list: *at begins at 0. False at the end. */
bool wire_ea_next(const void *list, size_t size, size_t *at, struct wire_ea *ea);

/* The list that results from applying `change` to `list` (both checked): names compare by ASCII
 * case and are stored in upper case; an empty value deletes; later entries win. Writes to
 * `to` (capacity bytes) and the size; with to NULL only tells the size. MFS_TOO_LARGE over MFS_EA_LIST_MAX.
 */
enum mfs_status wire_ea_merge(const void *list, size_t size, const void *change, size_t change_size, void *to,
			      size_t capacity, size_t *needed);

/* NTFS's EaSize: sum over entries of 5 + name length + value length. */
uint32_t wire_ea_size(const void *list, size_t size);

/* True when an entry has the NEED_EA flag. */
bool wire_ea_needed(const void *list, size_t size);

/* ---- reparse buffers (MS-FSCC 2.1.2): u32 tag, u16 data length, u16 reserved, and for tags
 * without Microsoft's bit a 16-byte GUID, then the data. */

#define WIRE_TAG_MOUNT_POINT 0xA0000003u
#define WIRE_TAG_SYMLINK 0xA000000Cu
#define WIRE_TAG_LX_SYMLINK 0xA000001Du
#define WIRE_TAG_AF_UNIX 0x80000023u
#define WIRE_TAG_LX_FIFO 0x80000024u
#define WIRE_TAG_LX_CHR 0x80000025u
#define WIRE_TAG_LX_BLK 0x80000026u

/* MFS_OK; MFS_TAG_INVALID: tag 0, 1 or (non-Microsoft) reserved bits set; MFS_REPARSE_INVALID: size is not
 * exactly header + data length, over MFS_REPARSE_MAX, or, for the symlink and mount-point tags, names
 * that lie outside the data or have odd lengths. */
enum mfs_status wire_reparse_check(const void *buffer, size_t size);
uint32_t wire_reparse_tag(const void *buffer);
/* Whether `change` may replace or remove what is in `present` (both at least headers): MFS_OK,
 * MFS_TAG_MISMATCH, MFS_GUID_MISMATCH. */
enum mfs_status wire_reparse_matches(const void *present, size_t present_size, const void *change,
				     size_t size);

/* The POSIX target of a symlink, mount-point or LX_SYMLINK buffer, no terminator:
 * LX_SYMLINK: the bytes behind the u32 version. SYMLINK: the substitute name (else the print name) with
 * backslashes turned into slashes and a leading \??\ dropped; a drive-relative absolute target ("\x") becomes
 * "/x". MFS_INVALID for other tags; MFS_BUFFER_TOO_SMALL with the needed size. */
enum mfs_status wire_reparse_target(const void *buffer, size_t size, char *to, size_t capacity,
				    size_t *needed);
/* Writes an LX_SYMLINK buffer for a target (1..4095 bytes); returns its size, 12 + target size; `to`
 * must have room. */
size_t wire_reparse_from_target(const char *target, size_t size, void *to);

/* ---- security descriptors: self-relative (MS-DTYP 2.4.6). */

/* MFS_OK or MFS_SECURITY_INVALID: revision 1, SELF_RELATIVE set, owner, group, DACL and SACL inside the
 * buffer and well-formed (SID sizes, ACL sizes, each ACE inside its ACL). */
enum mfs_status wire_security_check(const void *descriptor, size_t size);

#endif
