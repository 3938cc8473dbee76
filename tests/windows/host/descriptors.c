/*
 * descriptors.c: security descriptors, merged and inherited as far as tests need it.
 *
 * Windows has calls for this, but Wine's are stubs; what is built here has the same parts in
 * the same places. No access is ever decided with it.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

#define ALL_ACCESS 0x001f01ffu

/* A descriptor in parts. The pointers lead into somebody else's memory. */
struct parts {
	PSID owner, group;
	PACL dacl, sacl;
	bool has_dacl, has_sacl;
	SECURITY_DESCRIPTOR_CONTROL control;
};

static bool take_apart(const void *descriptor, struct parts *parts)
{
	void *from = (void *)descriptor;
	BOOL present, defaulted;
	DWORD revision;

	memset(parts, 0, sizeof *parts);
	if (!from)
		return true;
	if (!GetSecurityDescriptorOwner(from, &parts->owner, &defaulted) ||
	    !GetSecurityDescriptorGroup(from, &parts->group, &defaulted) ||
	    !GetSecurityDescriptorControl(from, &parts->control, &revision))
		return false;
	if (!GetSecurityDescriptorDacl(from, &present, &parts->dacl, &defaulted))
		return false;
	parts->has_dacl = present;
	if (!present)
		parts->dacl = NULL;
	if (!GetSecurityDescriptorSacl(from, &present, &parts->sacl, &defaulted))
		return false;
	parts->has_sacl = present;
	if (!present)
		parts->sacl = NULL;
	return true;
}

static NTSTATUS put_together(const struct parts *parts, void **result)
{
	SECURITY_DESCRIPTOR absolute;
	DWORD size = 0;

	if (!InitializeSecurityDescriptor(&absolute, SECURITY_DESCRIPTOR_REVISION) ||
	    !SetSecurityDescriptorOwner(&absolute, parts->owner, FALSE) ||
	    !SetSecurityDescriptorGroup(&absolute, parts->group, FALSE))
		return FspNtStatusFromWin32(GetLastError());
	if (parts->has_dacl && !SetSecurityDescriptorDacl(&absolute, TRUE, parts->dacl, FALSE))
		return FspNtStatusFromWin32(GetLastError());
	if (parts->has_sacl && !SetSecurityDescriptorSacl(&absolute, TRUE, parts->sacl, FALSE))
		return FspNtStatusFromWin32(GetLastError());
	absolute.Control |= parts->control & (SE_DACL_PROTECTED | SE_SACL_PROTECTED | SE_DACL_AUTO_INHERITED);
	MakeSelfRelativeSD(&absolute, NULL, &size);
	void *made = calloc(1, size);
	if (!made)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!MakeSelfRelativeSD(&absolute, made, &size)) {
		NTSTATUS status = FspNtStatusFromWin32(GetLastError());
		free(made);
		return status;
	}
	*result = made;
	return STATUS_SUCCESS;
}

void host_descriptor_free(void *descriptor)
{
	free(descriptor);
}

bool host_descriptor_valid(const void *descriptor, SIZE_T size)
{
	return size >= 20 && IsValidSecurityDescriptor((void *)descriptor) &&
	       GetSecurityDescriptorLength((void *)descriptor) <= size;
}

/* The entries of a directory's list that its children get. */
static PACL inherit(PACL from, bool directory)
{
	if (!from)
		return NULL;
	PACL to = calloc(1, from->AclSize);
	if (!to || !InitializeAcl(to, from->AclSize, from->AclRevision)) {
		free(to);
		return NULL;
	}
	for (DWORD i = 0; i < from->AceCount; i++) {
		ACE_HEADER *ace, *added;
		BYTE wanted = directory ? CONTAINER_INHERIT_ACE : OBJECT_INHERIT_ACE;
		if (!GetAce(from, i, (void **)&ace) || !(ace->AceFlags & wanted))
			continue;
		DWORD at = to->AceCount;
		if (!AddAce(to, to->AclRevision, MAXDWORD, ace, ace->AceSize) ||
		    !GetAce(to, at, (void **)&added))
			continue;
		BYTE flags = (BYTE)(added->AceFlags & ~INHERIT_ONLY_ACE);
		if (!directory || flags & NO_PROPAGATE_INHERIT_ACE)
			flags &= (BYTE) ~(CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE |
					  NO_PROPAGATE_INHERIT_ACE);
		added->AceFlags = flags | INHERITED_ACE;
	}
	if (to->AceCount > 0)
		return to;
	free(to);
	return NULL;
}

NTSTATUS host_descriptor_create(const void *parent, const void *creator, bool directory, void **result)
{
	struct parts above, given;
	PACL inherited = NULL;

	*result = NULL;
	if (!take_apart(parent, &above) || !take_apart(creator, &given))
		return STATUS_INVALID_SECURITY_DESCR;
	if (!given.owner)
		given.owner = above.owner;
	if (!given.group)
		given.group = above.group;
	if (!given.has_dacl) {
		inherited = inherit(above.dacl, directory);
		given.dacl = inherited ? inherited : above.dacl;
		given.has_dacl = above.has_dacl;
		given.control |= inherited ? SE_DACL_AUTO_INHERITED : 0;
	}
	NTSTATUS status = put_together(&given, result);
	free(inherited);
	return status;
}

NTSTATUS host_descriptor_merge(const void *old, SECURITY_INFORMATION which, void *change, void **result)
{
	struct parts before, after;

	*result = NULL;
	if (!old)
		return STATUS_NO_SECURITY_ON_OBJECT;
	if (!take_apart(old, &before) || !take_apart(change, &after))
		return STATUS_INVALID_SECURITY_DESCR;
	if (which & OWNER_SECURITY_INFORMATION && !after.owner)
		return STATUS_INVALID_OWNER;
	if (which & OWNER_SECURITY_INFORMATION)
		before.owner = after.owner;
	if (which & GROUP_SECURITY_INFORMATION)
		before.group = after.group;
	if (which & DACL_SECURITY_INFORMATION) {
		before.dacl = after.dacl;
		before.has_dacl = after.has_dacl;
		before.control =
			(SECURITY_DESCRIPTOR_CONTROL)((before.control & SE_SACL_PROTECTED) | after.control);
	}
	if (which & SACL_SECURITY_INFORMATION) {
		before.sacl = after.sacl;
		before.has_sacl = after.has_sacl;
	}
	return put_together(&before, result);
}

/* ---- exports ------------------------------------------------------------------------------------ */

FSP_EXPORT NTSTATUS FspSetSecurityDescriptor(void *old, SECURITY_INFORMATION which, void *change,
					     void **result)
{
	return host_descriptor_merge(old, which, change, result);
}

FSP_EXPORT void FspDeleteSecurityDescriptor(void *descriptor, NTSTATUS (*made_by)(void))
{
	(void)made_by;
	host_descriptor_free(descriptor);
}

FSP_EXPORT GENERIC_MAPPING *FspGetFileGenericMapping(void)
{
	static GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
					  ALL_ACCESS};
	return &mapping;
}
