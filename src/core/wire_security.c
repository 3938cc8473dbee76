/*
 * wire_security: self-relative security descriptors (MS-DTYP 2.4.6).
 *
 * Only whether the bytes hold together, by the rules that Windows itself applies before it
 * takes a descriptor; never what it grants to whom.
 */
#include "bytes.h"
#include "wire.h"

#define DESCRIPTOR_HEADER 20u
#define CONTROL_AT 2u
#define OWNER_AT 4u
#define GROUP_AT 8u
#define SACL_AT 12u
#define DACL_AT 16u
#define CONTROL_DACL_PRESENT 0x0004u
#define CONTROL_SACL_PRESENT 0x0010u
#define CONTROL_SELF_RELATIVE 0x8000u

#define SID_HEADER 8u
#define SID_AUTHORITIES_MAX 15u

#define ACL_HEADER 8u
#define ACL_SIZE_AT 2u
#define ACL_COUNT_AT 4u

#define ACE_HEADER 4u
#define ACE_SIZE_AT 2u
#define ACE_MASK_SIZE 4u
#define ACE_OBJECT_FLAGS_SIZE 4u
#define ACE_OBJECT_TYPE 1u
#define ACE_INHERITED_OBJECT_TYPE 2u
#define GUID_SIZE 16u

/* Of ACE types up to 31, as bits: those whose body is a mask and a SID; a mask, flags, up to
 * two GUIDs and a SID. Others are not looked into. */
#define TYPES_WITH_SID 0x003E660Fu    /* 0-3, 9, 0xA, 0xD, 0xE, 0x11-0x15 */
#define TYPES_WITH_OBJECT 0x000199E0u /* 5-8, 0xB, 0xC, 0xF, 0x10 */

static bool sid_valid(const uint8_t *sid, size_t room)
{
	return room >= SID_HEADER && sid[0] == 1 && sid[1] <= SID_AUTHORITIES_MAX &&
	       room >= SID_HEADER + 4u * sid[1];
}

static bool object_ace_valid(const uint8_t *ace, size_t size)
{
	size_t at = ACE_HEADER + ACE_MASK_SIZE + ACE_OBJECT_FLAGS_SIZE;
	uint32_t flags;

	if (size < at)
		return false;
	flags = bytes_get_u32(ace + ACE_HEADER + ACE_MASK_SIZE);
	at += flags & ACE_OBJECT_TYPE ? GUID_SIZE : 0;
	at += flags & ACE_INHERITED_OBJECT_TYPE ? GUID_SIZE : 0;
	return at <= size && sid_valid(ace + at, size - at);
}

/* `size` is the ACE's own, at least its header. */
static bool ace_valid(const uint8_t *ace, size_t size)
{
	uint32_t type = ace[0] < 32 ? 1u << ace[0] : 0;
	size_t sid_at = ACE_HEADER + ACE_MASK_SIZE;

	if (type & TYPES_WITH_SID)
		return size % 4 == 0 && size >= sid_at && sid_valid(ace + sid_at, size - sid_at);
	if (type & TYPES_WITH_OBJECT)
		return size % 4 == 0 && object_ace_valid(ace, size);
	return size % 2 == 0;
}

static bool acl_valid(const uint8_t *acl, size_t room)
{
	size_t size, at = ACL_HEADER;

	if (room < ACL_HEADER || acl[0] < 2 || acl[0] > 4)
		return false;
	size = bytes_get_u16(acl + ACL_SIZE_AT);
	if (size < ACL_HEADER || size > room)
		return false;
	for (unsigned count = bytes_get_u16(acl + ACL_COUNT_AT); count > 0; count--) {
		size_t ace_size;

		if (size - at < ACE_HEADER)
			return false;
		ace_size = bytes_get_u16(acl + at + ACE_SIZE_AT);
		if (ace_size < ACE_HEADER || ace_size > size - at || !ace_valid(acl + at, ace_size))
			return false;
		at += ace_size;
	}
	return true;
}

typedef bool part_fn(const uint8_t *part, size_t room);

/* The part whose offset stands at `field`; an offset of 0 means none. */
static bool part_valid(const uint8_t *bytes, size_t size, size_t field, part_fn *valid)
{
	size_t offset = bytes_get_u32(bytes + field);

	if (offset == 0)
		return true;
	return offset >= DESCRIPTOR_HEADER && offset % 4 == 0 && offset < size &&
	       valid(bytes + offset, size - offset);
}

/* The offset of an ACL that the control bits call absent is ignored, as Windows does. Over
 * MFS_SECURITY_MAX is MFS_SECURITY_INVALID too. */
enum mfs_status wire_security_check(const void *descriptor, size_t size)
{
	const uint8_t *bytes = descriptor;
	uint16_t control;

	if (size < DESCRIPTOR_HEADER || size > MFS_SECURITY_MAX || bytes[0] != 1)
		return MFS_SECURITY_INVALID;
	control = bytes_get_u16(bytes + CONTROL_AT);
	if (!(control & CONTROL_SELF_RELATIVE))
		return MFS_SECURITY_INVALID;
	if (!part_valid(bytes, size, OWNER_AT, sid_valid) || !part_valid(bytes, size, GROUP_AT, sid_valid))
		return MFS_SECURITY_INVALID;
	if ((control & CONTROL_DACL_PRESENT) && !part_valid(bytes, size, DACL_AT, acl_valid))
		return MFS_SECURITY_INVALID;
	if ((control & CONTROL_SACL_PRESENT) && !part_valid(bytes, size, SACL_AT, acl_valid))
		return MFS_SECURITY_INVALID;
	return MFS_OK;
}
