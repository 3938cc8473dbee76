/*
 * text.c: strings and messages.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "memefs.h"

bool text_to_wide(const char *text, WCHAR *to, size_t capacity)
{
	size_t size = strlen(text), units = 0;
	if (capacity == 0)
		return false;
	if (size != 0) {
		units = mfs_name_to_utf16(text, size, to, capacity - 1);
		if (units == 0)
			return false;
	}
	to[units] = L'\0';
	return true;
}

char *text_from_wide(const WCHAR *wide)
{
	size_t units = wcslen(wide);
	char *text = malloc(units * 3 + 1);
	if (text != NULL)
		text[units ? mfs_utf16_to_name(wide, units, text, units * 3) : 0] = '\0';
	return text;
}

char **text_argv(int argc, WCHAR *const wide[])
{
	size_t count = argc > 0 ? (size_t)argc : 0, bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += wcslen(wide[i]) * 3 + 1;
	char **argv = malloc((count + 1) * sizeof *argv + bytes);
	if (argv == NULL)
		return NULL;
	char *at = (char *)(argv + count + 1);
	for (size_t i = 0; i < count; i++) {
		size_t units = wcslen(wide[i]);
		argv[i] = at;
		at += units ? mfs_utf16_to_name(wide[i], units, at, units * 3) : 0;
		*at++ = '\0';
	}
	argv[count] = NULL;
	return argv;
}

#define LINE_BYTES 1000 /* the DLL formats into 1,024 units */

void text_log(const struct wfs_api *api, WORD type, const char *format, ...)
{
	char line[LINE_BYTES];
	WCHAR wide[LINE_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	line[strcspn(line, "\n")] = '\0';
	if (MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, LINE_BYTES) == 0)
		return;
	WCHAR as_is[] = L"%ls";
	api->service_log(type, as_is, wide);
}

void text_log_alone(WORD type, const char *line)
{
	int size = (int)strcspn(line, "\n");
	fprintf(stderr, "%.*s\n", size, line);
	fflush(stderr);
	WCHAR wide[LINE_BYTES];
	const WCHAR *strings[] = {wide};
	HANDLE source = RegisterEventSourceW(NULL, L"memefs");
	if (source == NULL)
		return;
	int units = size < LINE_BYTES ? MultiByteToWideChar(CP_UTF8, 0, line, size, wide, LINE_BYTES - 1) : 0;
	wide[units] = L'\0';
	if (units != 0)
		ReportEventW(source, type, 0, 1, NULL, 1, 0, strings, NULL);
	DeregisterEventSource(source);
}
