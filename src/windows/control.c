/*
 * control.c: the one DeviceIoControl code: ROT13 of what is given.
 */
#include "front.h"

#define ROT13_CODE ((UINT32)CTL_CODE(0x8000 + 'M', 'R', METHOD_BUFFERED, FILE_ANY_ACCESS))

static BYTE rot13(BYTE byte)
{
	BYTE base = byte & 0x20;
	BYTE letter = (BYTE)(byte - base - 'A');
	if (base + 'A' > byte || letter >= 26)
		return byte;
	return (BYTE)(base + 'A' + (letter + 13) % 26);
}

NTSTATUS WFS_CALL front_control(struct wfs_file_system *fs, void *context, UINT32 code, void *in,
				ULONG in_size, void *out, ULONG out_size, ULONG *done)
{
	(void)fs;
	(void)context;
	*done = 0;
	if (code != ROT13_CODE)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (out_size != in_size)
		return STATUS_INVALID_PARAMETER;
	const BYTE *from = in;
	BYTE *to = out;
	for (ULONG i = 0; i < in_size; i++)
		to[i] = rot13(from[i]);
	*done = in_size;
	return STATUS_SUCCESS;
}
