/*
 * descriptor: owner and group are Samba's Unix SIDs (S-1-22-1-uid, S-1-22-2-gid), everyone else is
 * S-1-1-0. Windows adds up what all matching entries allow, where POSIX takes one class alone; so a
 * class that may do less than a later one is denied the difference first.
 */
#include "descriptor.h"

#include <endian.h>
#include <string.h>

#define HEADER 20u
#define CONTROL 0x8004u /* self-relative, a DACL is there */
#define ACL_HEADER 8u
#define ACL_REVISION 2
#define ACE_HEADER 8u
#define ACE_ALLOWED 0
#define ACE_DENIED 1

#define READ_DATA 0x1u
#define WRITE_DATA 0x2u
#define APPEND_DATA 0x4u
#define READ_EA 0x8u
#define WRITE_EA 0x10u
#define EXECUTE 0x20u
#define DELETE_CHILD 0x40u
#define READ_ATTRIBUTES 0x80u
#define WRITE_ATTRIBUTES 0x100u
#define DELETE 0x10000u
#define READ_CONTROL 0x20000u
#define WRITE_DAC 0x40000u
#define WRITE_OWNER 0x80000u
#define SYNCHRONIZE 0x100000u

/* What everybody may, and what the owner may whatever the mode says (as chmod and utimes show). */
#define ALWAYS (READ_ATTRIBUTES | READ_CONTROL | SYNCHRONIZE)
#define OWNERS (WRITE_ATTRIBUTES | DELETE | WRITE_DAC | WRITE_OWNER)

struct writer {
	uint8_t *at;
	unsigned aces;
};

static void put16(uint8_t *to, unsigned number)
{
	uint16_t little = htole16((uint16_t)number);

	memcpy(to, &little, sizeof little);
}

static void put32(uint8_t *to, uint32_t number)
{
	number = htole32(number);
	memcpy(to, &number, sizeof number);
}

/* S-1-authority-first[-second]; returns its size. */
static size_t put_sid(uint8_t *to, unsigned count, uint8_t authority, uint32_t first, uint32_t second)
{
	memset(to, 0, 8);
	to[0] = 1;
	to[1] = (uint8_t)count;
	to[7] = authority;
	put32(to + 8, first);
	if (count > 1)
		put32(to + 12, second);
	return 8 + 4 * count;
}

enum class { OWNER, GROUP, OTHER };

static size_t put_class(uint8_t *to, enum class class, const struct mfs_info *info)
{
	switch (class) {
	case OWNER:
		return put_sid(to, 2, 22, 1, info->uid);
	case GROUP:
		return put_sid(to, 2, 22, 2, info->gid);
	default:
		return put_sid(to, 1, 1, 0, 0);
	}
}

static void put_ace(struct writer *writer, uint8_t type, uint32_t mask, enum class class,
		    const struct mfs_info *info)
{
	size_t size = ACE_HEADER + put_class(writer->at + ACE_HEADER, class, info);

	writer->at[0] = type;
	writer->at[1] = 0;
	put16(writer->at + 2, (unsigned)size);
	put32(writer->at + 4, mask);
	writer->at += size;
	writer->aces++;
}

/* What a class's three bits mean. */
static uint32_t mask_of(unsigned bits, bool directory)
{
	return (bits & 4 ? READ_DATA | READ_EA : 0) |
	       (bits & 2 ? WRITE_DATA | APPEND_DATA | WRITE_EA | (directory ? DELETE_CHILD : 0) : 0) |
	       (bits & 1 ? EXECUTE : 0);
}

static void put_aces(struct writer *writer, const struct mfs_info *info)
{
	unsigned bits[] = {info->mode >> 6 & 7, info->mode >> 3 & 7, info->mode & 7};

	for (enum class class = OWNER; class <= OTHER; class ++) {
		unsigned later = class == OWNER	  ? bits[GROUP] | bits[OTHER]
				 : class == GROUP ? bits[OTHER]
						  : 0;
		uint32_t allowed = mask_of(bits[class], info->directory) | ALWAYS;

		if (later & ~bits[class])
			put_ace(writer, ACE_DENIED, mask_of(later & ~bits[class], info->directory), class,
				info);
		put_ace(writer, ACE_ALLOWED, class == OWNER ? allowed | OWNERS : allowed, class, info);
	}
}

size_t descriptor_from_mode(const struct mfs_info *info, void *to)
{
	uint8_t *bytes = to, *acl = bytes + HEADER;
	struct writer writer = {.at = acl + ACL_HEADER};

	memset(bytes, 0, HEADER + ACL_HEADER);
	put_aces(&writer, info);
	bytes[0] = 1;
	put16(bytes + 2, CONTROL);
	put32(bytes + 16, HEADER);
	acl[0] = ACL_REVISION;
	put16(acl + 2, (unsigned)(writer.at - acl));
	put16(acl + 4, writer.aces);
	put32(bytes + 4, (uint32_t)(writer.at - bytes));
	writer.at += put_class(writer.at, OWNER, info);
	put32(bytes + 8, (uint32_t)(writer.at - bytes));
	writer.at += put_class(writer.at, GROUP, info);
	return (size_t)(writer.at - bytes);
}
