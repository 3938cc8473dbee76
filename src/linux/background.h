/*
 * background: leaving the terminal, with an exit status that says whether the mount stands.
 */
#ifndef MEMEFS_LINUX_BACKGROUND_H
#define MEMEFS_LINUX_BACKGROUND_H

#include <stdbool.h>

struct background {
	int ready; /* where the waiting parent is told; -1: foreground, or told already */
	int null;  /* what takes the place of the terminal then */
};

/* Goes on in a child process. True: this is the child (or `foreground`). False: this is the
 * parent and the child is ready or has failed; *status is what to exit with. */
bool background_enter(struct background *background, bool foreground, int *status);

/* The mount stands: gives the terminal's descriptors back and lets the parent exit with 0. */
void background_ready(struct background *background);

#endif
