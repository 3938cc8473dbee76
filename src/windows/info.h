/*
 * info.h: what the engine knows of a node, as WinFsp wants to be told.
 */
#ifndef MEMEFS_WINDOWS_INFO_H
#define MEMEFS_WINDOWS_INFO_H

#include "abi.h"
#include "memefs.h"

/* A FILETIME (100 ns since 1601-01-01 UTC) and back: exact for every FILETIME; times outside
 * its range become the nearest end. */
UINT64 info_time_to_nt(struct mfs_time time);
struct mfs_time info_time_from_nt(UINT64 time);

/* The present time as a FILETIME. */
UINT64 info_now(void);

/* Of a node and its main stream. */
void info_of_node(struct mfs_volume *volume, struct mfs_node *node, struct wfs_file_info *to);

/* Of an open stream: its own sizes, and a stream of a directory is no directory. */
void info_of_stream(struct mfs_volume *volume, struct mfs_stream *stream, struct wfs_file_info *to);

#endif
