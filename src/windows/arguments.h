/*
 * arguments.h: the command line as Windows gives it, and command lines made for later.
 */
#ifndef MEMEFS_WINDOWS_ARGUMENTS_H
#define MEMEFS_WINDOWS_ARGUMENTS_H

#include <stdbool.h>

#include "abi.h"

struct arguments {
	int argc;
	WCHAR **wide;			/* from LocalAlloc */
	char **bytes;			/* the same words as WTF-8; from malloc */
	const WCHAR *launcher_security; /* --launcher-security=SDDL, which is in neither; NULL: not given */
};

/* The words of this process's command line. False: no memory. */
bool arguments_get(struct arguments *arguments);
void arguments_free(struct arguments *arguments);

#define COMMAND_LINE_UNITS 8192u

/* A command line that grows word by word. */
struct command_line {
	size_t units;
	bool overflow;
	WCHAR text[COMMAND_LINE_UNITS]; /* terminated */
};

/* Adds a word so that a C program finds it whole again. With `for_launcher` a '%' that is not
 * one of the launcher's own placeholders is doubled. */
void command_line_add(struct command_line *line, const WCHAR *word, bool for_launcher);

/* Adds every word behind the program's name, without `skip` words from `at` on. */
void command_line_add_rest(struct command_line *line, const struct arguments *arguments, int at, int skip,
			   bool for_launcher);

/* The full path of this program. False: too long. */
bool program_path(WCHAR *to, DWORD capacity);

#endif
