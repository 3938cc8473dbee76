/*
 * log: what the program says: one line for each error on stderr, and the debug log of -D.
 */
#ifndef MEMEFS_LINUX_LOG_H
#define MEMEFS_LINUX_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Prints "memefs: ..." with a line end on stderr, and in the debug log when there is one. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the debug log; "-" is stderr as it is now. False: an error was printed. */
bool log_open(const char *path);

/* Takes over libfuse's messages. Errors are kept back until log_fuse_release, so that
 * a mount that fails has one line; afterwards they are printed like ours. */
void log_take_fuse(void);
void log_fuse_release(void);

/* libfuse's last error, without its "fuse: " and line end; "" when there was none. */
const char *log_fuse_last(void);

/* While diverted, stderr is kept back, that of child processes too: fusermount3 explains itself
 * there. log_divert gives what log_divert_end needs; that one puts stderr back and returns
 * the last line that came, without "program: " and line end, in `line` ("" when nothing came). */
struct log_divert {
	int saved, kept; /* -1: nothing is diverted */
};
void log_divert(struct log_divert *divert);
void log_divert_end(struct log_divert *divert, char *line, size_t capacity);

#endif
