/*
 * program.h: the program's parts besides serving: exit codes, and what --install-service and its
 * like do.
 */
#ifndef MEMEFS_WINDOWS_PROGRAM_H
#define MEMEFS_WINDOWS_PROGRAM_H

#include <stdlib.h>

#include "arguments.h"
#include "options.h"

#define EXIT_FAILED 1
/* 2: CLI_EXIT_WRONG, a wrong command line */
#define EXIT_NO_WINFSP 3

extern const struct cli_capabilities program_capabilities;

/* service.c: serves until it is stopped; the exit code. */
int service_run(const struct arguments *arguments, const struct cli_options *options);

/* scm.c, launcher.c: the exit code; what went wrong is told on stderr. */
int scm_install(const struct arguments *arguments, const struct cli_options *options);
int scm_remove(const struct cli_options *options);
int launcher_register(const struct arguments *arguments, const struct cli_options *options);
int launcher_unregister(const struct cli_options *options);

#endif
