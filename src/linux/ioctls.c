/*
 * ioctls: which room answers which command. What none of them knows is ENOTTY.
 */
#include "flags.h"

void ioctls_handle(fuse_req_t req, fuse_ino_t number, unsigned command, void *argument,
		   struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
		   size_t out_size)
{
	if (!flags_ioctl(req, number, command, in, in_size, out_size))
		volume_ioctl(req, number, command, argument, info, flags, in, in_size, out_size);
}
