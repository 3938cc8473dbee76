/*
 * status.c: what each outcome is called in a log.
 */
#include "memefs.h"

/* No default: the compiler names the status that has no text. */
const char *mfs_status_text(enum mfs_status status)
{
	switch (status) {
	case MFS_OK:
		return "no error";
	case MFS_NOT_FOUND:
		return "not found";
	case MFS_PATH_NOT_FOUND:
		return "path not found";
	case MFS_EXISTS:
		return "already exists";
	case MFS_NOT_DIRECTORY:
		return "not a directory";
	case MFS_IS_DIRECTORY:
		return "is a directory";
	case MFS_NOT_EMPTY:
		return "directory not empty";
	case MFS_NO_SPACE:
		return "no space left";
	case MFS_NO_NODES:
		return "no nodes left";
	case MFS_TOO_BIG:
		return "file too big";
	case MFS_NAME_TOO_LONG:
		return "name too long";
	case MFS_NAME_INVALID:
		return "invalid name";
	case MFS_INVALID:
		return "invalid argument";
	case MFS_LOOP:
		return "directory would contain itself";
	case MFS_TOO_MANY_LINKS:
		return "too many links";
	case MFS_END_OF_FILE:
		return "end of file";
	case MFS_NO_DATA:
		return "no data beyond the offset";
	case MFS_NO_ATTRIBUTE:
		return "no such extended attribute";
	case MFS_BUFFER_TOO_SMALL:
		return "buffer too small";
	case MFS_TOO_LARGE:
		return "list or value too large";
	case MFS_REPARSE:
		return "path crosses a reparse point";
	case MFS_NOT_REPARSE_POINT:
		return "not a reparse point";
	case MFS_TAG_INVALID:
		return "invalid reparse tag";
	case MFS_TAG_MISMATCH:
		return "another reparse tag is set";
	case MFS_GUID_MISMATCH:
		return "another reparse GUID is set";
	case MFS_REPARSE_INVALID:
		return "invalid reparse data";
	case MFS_EA_INVALID:
		return "invalid list of extended attributes";
	case MFS_EA_NAME_INVALID:
		return "invalid name of an extended attribute";
	case MFS_SECURITY_INVALID:
		return "invalid security descriptor";
	case MFS_ACCESS_DENIED:
		return "access denied";
	case MFS_NOT_PERMITTED:
		return "operation not permitted";
	case MFS_READ_ONLY:
		return "volume is read-only";
	case MFS_NOT_SUPPORTED:
		return "not supported";
	case MFS_STATUS_COUNT:
		break;
	}
	return "unknown status";
}
