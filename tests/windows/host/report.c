/*
 * report.c: the output of a script as TAP, to standard output or to a file.
 *
 * One report for each process; it must never know what is being checked.
 */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The DLL is one per process, and so is its report. */
static struct {
	CRITICAL_SECTION lock;
	HANDLE to;
	unsigned checks, failed; /* (lock) */
	char name[64];		 /* (lock) of the case that is running */
	bool open, finished;
} report;

static void settings_path(char path[MAX_PATH])
{
	HMODULE module = NULL;

	path[0] = 0;
	GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
				   GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
			   (const char *)&report, &module);
	DWORD size = GetModuleFileNameA(module, path, MAX_PATH);
	char *slash = size > 0 && size < MAX_PATH ? strrchr(path, '\\') : NULL;
	if (slash && slash - path + sizeof "winfsp-host.conf" < MAX_PATH)
		strcpy(slash + 1, "winfsp-host.conf");
	else
		path[0] = 0;
}

/* A service does not inherit the environment of who starts it: it reads the file. */
static const char *setting_from_file(const char *name, char *value, size_t capacity)
{
	char path[MAX_PATH], line[1024];
	const char *found = NULL;

	settings_path(path);
	FILE *file = path[0] ? fopen(path, "r") : NULL;
	while (file && !found && fgets(line, sizeof line, file)) {
		size_t length = strlen(name);
		if (strncmp(line, name, length) != 0 || line[length] != '=')
			continue;
		snprintf(value, capacity, "%s", line + length + 1);
		value[strcspn(value, "\r\n")] = 0;
		found = value;
	}
	if (file)
		fclose(file);
	return found;
}

const char *host_setting(const char *name)
{
	static __thread char value[4][1024];
	static __thread unsigned turn;
	char *to = value[turn++ % 4];

	DWORD size = GetEnvironmentVariableA(name, to, sizeof value[0]);
	if (size > 0 && size < sizeof value[0])
		return to;
	return setting_from_file(name, to, sizeof value[0]);
}

unsigned long long host_setting_number(const char *name, unsigned long long otherwise)
{
	const char *text = host_setting(name);
	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

void report_open(void)
{
	if (report.open)
		return;
	InitializeCriticalSection(&report.lock);
	const char *path = host_setting("MEMEFS_HOST_OUTPUT");
	report.to = path ? CreateFileA(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
				       OPEN_ALWAYS, 0, NULL)
			 : GetStdHandle(STD_OUTPUT_HANDLE);
	report.open = true;
}

bool report_started(void)
{
	return report.open;
}

static void put(const char *text, size_t size)
{
	while (size > 0) {
		DWORD done = 0;
		if (!WriteFile(report.to, text, (DWORD)size, &done, NULL) || done == 0)
			return;
		text += done;
		size -= done;
	}
}

static void put_formatted(const char *prefix, const char *format, va_list arguments)
{
	char line[1200];

	int at = snprintf(line, sizeof line, "%s", prefix);
	int more = vsnprintf(line + at, sizeof line - (size_t)at - 1, format, arguments);
	at += more < 0 ? 0 : more;
	if (at > (int)sizeof line - 2)
		at = (int)sizeof line - 2;
	line[at++] = '\n';
	put(line, (size_t)at);
}

void report_line(const char *format, ...)
{
	va_list arguments;

	if (!report.open)
		return;
	va_start(arguments, format);
	EnterCriticalSection(&report.lock);
	put_formatted("# ", format, arguments);
	LeaveCriticalSection(&report.lock);
	va_end(arguments);
}

void report_case(const char *name)
{
	EnterCriticalSection(&report.lock);
	snprintf(report.name, sizeof report.name, "%s", name);
	LeaveCriticalSection(&report.lock);
}

bool report_check(bool passed, const char *format, ...)
{
	char prefix[120];
	va_list arguments;

	va_start(arguments, format);
	EnterCriticalSection(&report.lock);
	report.checks++;
	report.failed += !passed;
	snprintf(prefix, sizeof prefix, "%sok %u - %s: ", passed ? "" : "not ", report.checks, report.name);
	put_formatted(prefix, format, arguments);
	LeaveCriticalSection(&report.lock);
	va_end(arguments);
	return passed;
}

static void tell_statuses(struct host_fs *fs)
{
	for (unsigned slot = 0; slot < HOST_SLOTS; slot++) {
		char line[1000];
		int at = snprintf(line, sizeof line, "callback %s called %lld statuses", host_slot_name(slot),
				  (long long)fs->count[slot]);
		for (unsigned i = 0; i < HOST_STATUSES && fs->seen[slot][i] != -1; i++)
			at += snprintf(line + at, sizeof line - (size_t)at, " %08lX",
				       (unsigned long)fs->seen[slot][i]);
		if (fs->count[slot] > 0)
			report_line("%s", line);
	}
}

void report_finish(struct host_fs *fs)
{
	char line[64];

	if (!report.open || report.finished)
		return;
	report.finished = true;
	report_case("end");
	report_check(fs->opened == fs->closed, "every context was closed (%lld given, %lld closed)",
		     (long long)fs->opened, (long long)fs->closed);
	report_check(fs->nodes == 0, "the driver holds no file any more (%ld)", (long)fs->nodes);
	report_check(fs->oddities == 0, "no answer contradicts the contract (%ld)", (long)fs->oddities);
	tell_statuses(fs);
	EnterCriticalSection(&report.lock);
	int size = snprintf(line, sizeof line, "# failed %u\n1..%u\n", report.failed, report.checks);
	put(line, (size_t)size);
	LeaveCriticalSection(&report.lock);
}
