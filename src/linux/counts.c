/*
 * counts: the protocol's requests by name.
 */
#include "counts.h"

#include <inttypes.h>
#include <linux/fuse.h>
#include <stdio.h>

static const char *const names[COUNTS] = {
	[1] = "LOOKUP",	     [2] = "FORGET",	    [3] = "GETATTR",	     [4] = "SETATTR",
	[5] = "READLINK",    [6] = "SYMLINK",	    [8] = "MKNOD",	     [9] = "MKDIR",
	[10] = "UNLINK",     [11] = "RMDIR",	    [12] = "RENAME",	     [13] = "LINK",
	[14] = "OPEN",	     [15] = "READ",	    [16] = "WRITE",	     [17] = "STATFS",
	[18] = "RELEASE",    [20] = "FSYNC",	    [21] = "SETXATTR",	     [22] = "GETXATTR",
	[23] = "LISTXATTR",  [24] = "REMOVEXATTR",  [25] = "FLUSH",	     [26] = "INIT",
	[27] = "OPENDIR",    [28] = "READDIR",	    [29] = "RELEASEDIR",     [30] = "FSYNCDIR",
	[31] = "GETLK",	     [32] = "SETLK",	    [33] = "SETLKW",	     [34] = "ACCESS",
	[35] = "CREATE",     [36] = "INTERRUPT",    [37] = "BMAP",	     [38] = "DESTROY",
	[39] = "IOCTL",	     [40] = "POLL",	    [41] = "NOTIFY_REPLY",   [42] = "BATCH_FORGET",
	[43] = "FALLOCATE",  [44] = "READDIRPLUS",  [45] = "RENAME2",	     [46] = "LSEEK",
	[47] = "COPY_RANGE", [48] = "SETUPMAPPING", [49] = "REMOVEMAPPING",  [50] = "SYNCFS",
	[51] = "TMPFILE",    [52] = "STATX",	    [COUNTS - 1] = "others",
};

bool counts_any(const struct counts *counts)
{
	for (unsigned opcode = 0; opcode < COUNTS; opcode++)
		if (opcode != FUSE_INIT && opcode != FUSE_DESTROY && opcode != FUSE_INTERRUPT &&
		    atomic_load_explicit(&counts->of[opcode], memory_order_relaxed))
			return true;
	return false;
}

void counts_tell(const struct counts *counts, char *to, size_t capacity)
{
	size_t used = 0;

	*to = 0;
	for (unsigned opcode = 0; opcode < COUNTS; opcode++) {
		uint64_t count = atomic_load_explicit(&counts->of[opcode], memory_order_relaxed);
		int size;

		if (!count)
			continue;
		if (names[opcode])
			size = snprintf(to + used, capacity - used, "%s: %" PRIu64 "\n", names[opcode],
					count);
		else
			size = snprintf(to + used, capacity - used, "%u: %" PRIu64 "\n", opcode, count);
		if (size < 0 || (size_t)size >= capacity - used) {
			to[used] = 0;
			return;
		}
		used += (size_t)size;
	}
}
