/*
 * status.h: the engine's outcomes as NTSTATUS.
 */
#ifndef MEMEFS_WINDOWS_STATUS_H
#define MEMEFS_WINDOWS_STATUS_H

#include "abi.h"
#include "memefs.h"

/* What NTFS says in the same case. An operation for which NTFS has another word translates
 * that one outcome itself, before it asks here. */
NTSTATUS status_to_nt(enum mfs_status status);

#endif
