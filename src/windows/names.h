/*
 * names.h: paths and names of requests as the engine takes them, converted on the stack.
 */
#ifndef MEMEFS_WINDOWS_NAMES_H
#define MEMEFS_WINDOWS_NAMES_H

#include <stdbool.h>

#include "abi.h"
#include "memefs.h"

/* A UTF-16 unit becomes at most three bytes. */
#define NAMES_PATH_BYTES (3u * WFS_PATH_UNITS)
#define NAMES_NAME_BYTES (3u * WFS_COMPONENT_UNITS)

struct names_path {
	size_t size;	    /* of the path in bytes, without the stream */
	const char *stream; /* inside `bytes`; NULL: the main stream is meant */
	size_t stream_size;
	char bytes[NAMES_PATH_BYTES]; /* "\dir\file", then the stream's name */
};

/* \dir\file:stream to bytes. Repeated and trailing backslashes are dropped; a stream type
 * ":$DATA" too. STATUS_OBJECT_NAME_INVALID: too long, or an impossible stream. */
NTSTATUS names_path(struct names_path *path, const WCHAR *wide);

/* One component, or the name of a stream, to bytes. Size 0: empty or over 255 units. */
size_t names_component(const WCHAR *wide, char to[NAMES_NAME_BYTES]);

/* Walks to what a path names; `place` is to be dropped whatever comes back. */
enum mfs_status names_walk(struct mfs_volume *volume, const struct names_path *path, struct mfs_place *place);
/* The same for who needs no parent of a node that is there. */
enum mfs_status names_find(struct mfs_volume *volume, const struct names_path *path, struct mfs_place *place);

/* The status for a walk that failed. A parent that is a file is told from one farther up. */
NTSTATUS names_walk_status(struct mfs_volume *volume, const struct names_path *path, enum mfs_status status);

/* Index in `wide`, in units, of the component that ends `behind` bytes into the path. */
UINT32 names_component_index(const struct names_path *path, const WCHAR *wide, size_t behind);

#endif
