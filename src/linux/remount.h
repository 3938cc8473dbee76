/*
 * remount: -o remount, as mount(8) has it.
 */
#ifndef MEMEFS_LINUX_REMOUNT_H
#define MEMEFS_LINUX_REMOUNT_H

#include <stdbool.h>

#include "options.h"

/* Changes the limits and the kernel's flags of the mount at options->target as far as they were given; what
 * can only be chosen when a volume is made stays as it is. All or nothing. False: printed why. */
bool remount(const struct cli_options *options);

#endif
