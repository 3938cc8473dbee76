/*
 * mount: what must be so before a volume can be mounted, and taking it down again.
 */
#ifndef MEMEFS_LINUX_MOUNT_H
#define MEMEFS_LINUX_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

/* Checks a mount point and the right to mount. A dead memefs mount that lies on it is taken away.
 * Returns the absolute path, to be freed; NULL: an error was printed. */
char *mount_check(const char *point, bool nonempty);

/* --unmount: takes a memefs mount away and waits for its daemon to end. False: printed why. */
bool mount_remove(const char *point);

/* Takes memefs mounts away whose daemon has died, and says so. True: none lies on the mount point
 * (any more); else an error was printed. */
bool mount_clear_dead(const char *point);

/* --status: prints what the daemon tells of its volume. False: printed why. */
bool mount_status(const char *point);
/* --stats: prints how many requests of each kind came. False: printed why. */
bool mount_stats(const char *point);

#endif
