/*
 * text.h: wide strings of Windows and byte strings of the program, and who reads messages.
 */
#ifndef MEMEFS_WINDOWS_TEXT_H
#define MEMEFS_WINDOWS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

struct wfs_api;

/* Bytes (WTF-8, terminated) to a terminated wide string. False: not WTF-8, or no room. */
bool text_to_wide(const char *text, WCHAR *to, size_t capacity);

/* As bytes from malloc, terminated; NULL: no memory. */
char *text_from_wide(const WCHAR *wide);

/* argv from wide strings, in one piece to be freed with free; NULL: no memory. It has a
 * NULL behind the last. */
char **text_argv(int argc, WCHAR *const wide[]);

/* A line for the user: console or event log, as WinFsp decides for a program. `type`:
 * EVENTLOG_*_TYPE. */
#ifdef __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
void text_log(const struct wfs_api *api, WORD type, const char *format, ...);

/* The same when there is no DLL to ask: stderr and the event log. */
void text_log_alone(WORD type, const char *line);

#endif
