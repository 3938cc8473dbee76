/*
 * text.c: names between UTF-8 and UTF-16, and statuses between NTSTATUS and errno.
 *
 * Bytes that Windows forbids in names travel as U+F000 + byte, as in WSL; an unpaired surrogate
 * as the three bytes that it would have, so that every name survives both ways.
 */
#include "bridge.h"

#include <errno.h>
#include <string.h>

#define MOVED 0xF000u

static bool forbidden(uint32_t point)
{
	return point < 0x20 || (point < 0x80 && strchr("\"*:<>?|\\", (int)point) != NULL);
}

/* The next code point; 0: not UTF-8. */
static uint32_t decode(const unsigned char **at, const unsigned char *end)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *from = *at;
	unsigned bytes = *from < 0x80 ? 1 : *from >= 0xF0 ? 4 : *from >= 0xE0 ? 3 : 2;
	uint32_t point = bytes == 1 ? *from : *from & (0x7Fu >> bytes);
	if ((*from >= 0x80 && *from < 0xC0) || *from > 0xF4 || (size_t)(end - from) < bytes)
		return 0;
	for (unsigned i = 1; i < bytes; i++) {
		if ((from[i] & 0xC0) != 0x80)
			return 0;
		point = point << 6 | (from[i] & 0x3Fu);
	}
	if (point < least[bytes] || point > 0x10FFFF)
		return 0;
	*at = from + bytes;
	return point;
}

size_t text_to_wide(const char *name, size_t size, WCHAR to[WFS_COMPONENT_UNITS + 1], int *error)
{
	const unsigned char *at = (const unsigned char *)name, *end = at + size;
	size_t units = 0;
	while (at < end) {
		uint32_t point = decode(&at, end);
		if (point == 0) {
			*error = EILSEQ;
			return 0;
		}
		if (units + (point > 0xFFFF) >= WFS_COMPONENT_UNITS) {
			*error = ENAMETOOLONG;
			return 0;
		}
		if (point > 0xFFFF) {
			to[units++] = (WCHAR)(0xD800 + ((point - 0x10000) >> 10));
			to[units++] = (WCHAR)(0xDC00 + (point & 0x3FF));
		} else {
			to[units++] = (WCHAR)(forbidden(point) ? MOVED + point : point);
		}
	}
	to[units] = 0;
	if (units == 0)
		*error = EINVAL;
	return units;
}

static char *encode(char *to, uint32_t point)
{
	if (point < 0x80) {
		*to++ = (char)point;
		return to;
	}
	if (point < 0x800) {
		*to++ = (char)(0xC0 | point >> 6);
	} else {
		if (point < 0x10000) {
			*to++ = (char)(0xE0 | point >> 12);
		} else {
			*to++ = (char)(0xF0 | point >> 18);
			*to++ = (char)(0x80 | (point >> 12 & 0x3F));
		}
		*to++ = (char)(0x80 | (point >> 6 & 0x3F));
	}
	*to++ = (char)(0x80 | (point & 0x3F));
	return to;
}

size_t text_from_wide(const WCHAR *from, size_t units, char to[BRIDGE_NAME_BYTES])
{
	char *at = to;
	if (units > WFS_COMPONENT_UNITS)
		units = WFS_COMPONENT_UNITS;
	for (size_t i = 0; i < units; i++) {
		uint32_t point = from[i];
		bool pair = point >= 0xD800 && point < 0xDC00 && i + 1 < units && from[i + 1] >= 0xDC00 &&
			    from[i + 1] < 0xE000;
		if (pair)
			point = 0x10000 + ((point - 0xD800) << 10) + (from[++i] - 0xDC00u);
		else if (point > MOVED && point < MOVED + 0x80 && forbidden(point - MOVED))
			point -= MOVED;
		at = encode(at, point);
	}
	*at = '\0';
	return (size_t)(at - to);
}

size_t text_units(const WCHAR *text)
{
	size_t units = 0;
	while (text[units] != 0)
		units++;
	return units;
}

int text_errno(NTSTATUS status)
{
	switch (status) {
	case STATUS_SUCCESS:
		return 0;
	case STATUS_OBJECT_NAME_NOT_FOUND:
	case STATUS_OBJECT_PATH_NOT_FOUND:
		return ENOENT;
	case STATUS_OBJECT_NAME_COLLISION:
		return EEXIST;
	case STATUS_NOT_A_DIRECTORY:
		return ENOTDIR;
	case STATUS_FILE_IS_A_DIRECTORY:
		return EISDIR;
	case STATUS_DIRECTORY_NOT_EMPTY:
		return ENOTEMPTY;
	case STATUS_DISK_FULL:
	case STATUS_CANNOT_MAKE:
	case STATUS_EA_TOO_LARGE:
		return ENOSPC;
	case STATUS_ACCESS_DENIED:
		return EACCES;
	case STATUS_CANNOT_DELETE:
		return EPERM;
	case STATUS_MEDIA_WRITE_PROTECTED:
		return EROFS;
	case STATUS_INSUFFICIENT_RESOURCES:
		return ENOMEM;
	case STATUS_OBJECT_NAME_INVALID:
	case STATUS_INVALID_PARAMETER:
	case STATUS_NOT_A_REPARSE_POINT:
		return EINVAL;
	case STATUS_BUFFER_OVERFLOW:
	case STATUS_BUFFER_TOO_SMALL:
		return ERANGE;
	case STATUS_NOT_SUPPORTED:
	case STATUS_INVALID_DEVICE_REQUEST:
		return EOPNOTSUPP;
	default:
		bridge_odd("status %08x where none like it is due", (unsigned)status);
		return EIO;
	}
}
