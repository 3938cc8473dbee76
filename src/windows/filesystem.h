/*
 * filesystem.h: a volume of the engine, mounted through WinFsp.
 */
#ifndef MEMEFS_WINDOWS_FILESYSTEM_H
#define MEMEFS_WINDOWS_FILESYSTEM_H

#include "front.h"

struct cli_options;

/* All zero: not started. Guarded by its user: start and stop are never called at once. */
struct filesystem {
	struct front front;
	HANDLE debug_log; /* to be closed; NULL: none */
};

/* Makes the volume, mounts it and serves it. On failure, what is wrong was logged, and nothing
 * is left behind. */
NTSTATUS filesystem_start(struct filesystem *filesystem, const struct wfs_api *api,
			  const struct cli_options *options);

/* Unmounts, ends the serving threads and frees everything. */
void filesystem_stop(struct filesystem *filesystem);

#endif
