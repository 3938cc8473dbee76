/*
 * guard.c: what is locked around requests, in place of the DLL's own guard.
 *
 * The DLL's guard keeps listings and opens waiting while anything is created. The engine needs
 * no such thing. One thing alone it cannot see: to open a file or else create it, the DLL asks
 * whether the name is there and then creates, and if another thread's creation came in between,
 * the program would hear of a collision that it had not asked for. So requests that may create
 * the same name take turns; all others go their way. A rename cannot come in between: the driver
 * keeps opens and renames apart.
 */
#include <string.h>

#include "front.h"

#define FILE_DISPOSITION_SHIFT 24

static bool may_create(const struct wfs_request *request)
{
	if (request->kind != WFS_KIND_CREATE)
		return false;
	UINT32 disposition = request->create_options >> FILE_DISPOSITION_SHIFT;
	return disposition != FILE_OPEN && disposition != FILE_OVERWRITE;
}

/* Equal for all spellings of a name: looks at ASCII letters without their case, and at other
 * characters only to count them (none of them has an ASCII character for its upper case). */
static unsigned name_guard(const BYTE *name, size_t size)
{
	UINT32 hash = 0;
	for (size_t i = 0; i + sizeof(WCHAR) <= size; i += sizeof(WCHAR)) {
		WCHAR unit;
		memcpy(&unit, name + i, sizeof unit);
		if (unit == L'\0')
			break;
		if (unit >= L'a' && unit <= L'z')
			unit = (WCHAR)(unit - L'a' + L'A');
		/* The last component alone: the path to it may be spelled in more ways than by case. */
		hash = unit == L'\\' ? 0 : hash * 31 + (unit < 0x80 ? unit : 1u) + 1;
	}
	return (hash ^ hash >> 16) % FRONT_GUARDS;
}

/* NULL: this request needs none. */
static SRWLOCK *guard_of(const struct wfs_file_system *fs, const struct wfs_request *request)
{
	if (!may_create(request))
		return NULL;
	size_t offset = request->name_offset, size = request->name_size;
	if (request->size < sizeof *request || offset + size > request->size - sizeof *request)
		size = offset = 0;
	return &front_of(fs)->guards[name_guard(request->buffer + offset, size)];
}

NTSTATUS WFS_CALL guard_enter(struct wfs_file_system *fs, struct wfs_request *request,
			      struct wfs_response *response)
{
	SRWLOCK *guard = guard_of(fs, request);
	(void)response;
	if (guard)
		AcquireSRWLockExclusive(guard);
	return STATUS_SUCCESS;
}

NTSTATUS WFS_CALL guard_leave(struct wfs_file_system *fs, struct wfs_request *request,
			      struct wfs_response *response)
{
	/* The DLL leaves the name in the request as it was. */
	SRWLOCK *guard = guard_of(fs, request);
	(void)response;
	if (guard)
		ReleaseSRWLockExclusive(guard);
	return STATUS_SUCCESS;
}
