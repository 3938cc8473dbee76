/*
 * rights: gives up what the program has no more need of once it has mounted.
 */
#ifndef MEMEFS_LINUX_RIGHTS_H
#define MEMEFS_LINUX_RIGHTS_H

#include <stdbool.h>

#include "options.h"

/* Before there are other threads. Root keeps the few capabilities that serving takes, may never gain others,
 * and has no system calls but those that it uses. An ordinary user's program has no rights to give up, and
 * must still be able to call fusermount3, which has more: nothing changes. False: it did not work, which is
 * logged. */
bool rights_drop(const struct cli_options *options);

#endif
