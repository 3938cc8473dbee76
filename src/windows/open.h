/*
 * open.h: what Open and Create end with.
 */
#ifndef MEMEFS_WINDOWS_OPEN_H
#define MEMEFS_WINDOWS_OPEN_H

#include "front.h"
#include "names.h"

/* Hands a stream to the driver with its info and, on a case-insensitive volume, the path as
 * the names are stored. Takes over the caller's reference. */
void open_finish(struct front *front, const struct names_path *path, struct mfs_stream *stream,
		 void **context, struct wfs_file_info *info);

#endif
