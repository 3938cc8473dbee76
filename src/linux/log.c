/*
 * log: what the program says. libfuse hands its messages to a function without a context, so
 * this room, alone, has state of its own.
 */
#include "log.h"

#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock; /* for all below */
	FILE *debug;	      /* NULL: none */
	bool released;	      /* libfuse's errors are printed */
	char last[256];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void say(const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	fputs("memefs: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	if (state.debug) {
		vfprintf(state.debug, format, again);
		fputc('\n', state.debug);
	}
	va_end(again);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&state.lock);
	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	pthread_mutex_unlock(&state.lock);
}

bool log_open(const char *path)
{
	bool to_stderr = !strcmp(path, "-");
	int fd = to_stderr ? dup(STDERR_FILENO) : -1;
	FILE *file = to_stderr ? fd < 0 ? NULL : fdopen(fd, "a") : fopen(path, "ae");

	if (!file) {
		log_error("cannot open the log '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	setvbuf(file, NULL, _IOLBF, 0);
	pthread_mutex_lock(&state.lock);
	state.debug = file;
	pthread_mutex_unlock(&state.lock);
	return true;
}

static void keep(const char *format, va_list arguments)
{
	static const char head[] = "fuse: ";
	char text[sizeof state.last];
	const char *from = text;

	vsnprintf(text, sizeof text, format, arguments);
	if (!strncmp(text, head, sizeof head - 1))
		from += sizeof head - 1;
	snprintf(state.last, sizeof state.last, "%.*s", (int)strcspn(from, "\n"), from);
}

static void from_fuse(enum fuse_log_level level, const char *format, va_list arguments)
{
	va_list again;

	pthread_mutex_lock(&state.lock);
	if (level <= FUSE_LOG_ERR) {
		va_copy(again, arguments);
		keep(format, again);
		va_end(again);
		if (state.released)
			fprintf(stderr, "memefs: %s\n", state.last);
	}
	if (state.debug)
		vfprintf(state.debug, format, arguments);
	pthread_mutex_unlock(&state.lock);
}

void log_take_fuse(void)
{
	fuse_set_log_func(from_fuse);
}

void log_fuse_release(void)
{
	pthread_mutex_lock(&state.lock);
	state.released = true;
	pthread_mutex_unlock(&state.lock);
}

const char *log_fuse_last(void)
{
	return state.last;
}

/* ---- diverting ---------------------------------------------------------------------------- */

void log_divert(struct log_divert *divert)
{
	divert->kept = memfd_create("stderr", MFD_CLOEXEC);
	divert->saved = divert->kept < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (divert->saved >= 0)
		dup2(divert->kept, STDERR_FILENO);
}

/* The last line of a text, without its "program: ". */
static void last_line(char *text, char *line, size_t capacity)
{
	size_t size = strlen(text);
	const char *from;

	while (size > 0 && text[size - 1] == '\n')
		text[--size] = 0;
	from = strrchr(text, '\n');
	from = from ? from + 1 : text;
	if (strstr(from, ": "))
		from = strstr(from, ": ") + 2;
	snprintf(line, capacity, "%s", from);
}

void log_divert_end(struct log_divert *divert, char *line, size_t capacity)
{
	char text[1024];
	ssize_t size = -1;

	if (divert->saved >= 0) {
		dup2(divert->saved, STDERR_FILENO);
		close(divert->saved);
		size = pread(divert->kept, text, sizeof text - 1, 0);
	}
	if (divert->kept >= 0)
		close(divert->kept);
	text[size < 0 ? 0 : size] = 0;
	last_line(text, line, capacity);
}
