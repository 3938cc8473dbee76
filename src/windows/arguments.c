/*
 * arguments.c: words of a command line, there and back.
 */
#include "arguments.h"

#include <shellapi.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* The one option that the shared parser does not know: it only means something here. */
static const WCHAR security_option[] = L"--launcher-security=";
#define SECURITY_OPTION_UNITS (sizeof security_option / sizeof(WCHAR) - 1)

static void take_security(struct arguments *arguments)
{
	int kept = 0;
	for (int i = 0; i < arguments->argc; i++) {
		WCHAR *word = arguments->wide[i];
		if (i > 0 && wcsncmp(word, security_option, SECURITY_OPTION_UNITS) == 0)
			arguments->launcher_security = word + SECURITY_OPTION_UNITS;
		else
			arguments->wide[kept++] = word;
	}
	arguments->argc = kept;
}

bool arguments_get(struct arguments *arguments)
{
	memset(arguments, 0, sizeof *arguments);
	arguments->wide = CommandLineToArgvW(GetCommandLineW(), &arguments->argc);
	if (arguments->wide == NULL)
		return false;
	take_security(arguments);
	arguments->bytes = text_argv(arguments->argc, arguments->wide);
	return arguments->bytes != NULL;
}

void arguments_free(struct arguments *arguments)
{
	free(arguments->bytes);
	if (arguments->wide)
		LocalFree(arguments->wide);
	memset(arguments, 0, sizeof *arguments);
}

static void put(struct command_line *line, WCHAR unit)
{
	if (line->units + 1 >= COMMAND_LINE_UNITS) {
		line->overflow = true;
		return;
	}
	line->text[line->units++] = unit;
	line->text[line->units] = L'\0';
}

static void put_many(struct command_line *line, WCHAR unit, size_t count)
{
	while (count-- > 0)
		put(line, unit);
}

static bool is_placeholder(const WCHAR *percent)
{
	WCHAR next = percent[1];
	return (next >= L'0' && next <= L'9') || (next >= L'A' && next <= L'Z') || next == L'\\';
}

/* A backslash is special only in front of a quote: there they count double. */
static void put_quoted(struct command_line *line, const WCHAR *word, bool for_launcher)
{
	size_t backslashes = 0;
	put(line, L'"');
	for (; *word; word++) {
		if (*word == L'\\') {
			backslashes++;
			continue;
		}
		put_many(line, L'\\', *word == L'"' ? 2 * backslashes + 1 : backslashes);
		backslashes = 0;
		if (for_launcher && *word == L'%' && !is_placeholder(word))
			put(line, L'%');
		put(line, *word);
	}
	put_many(line, L'\\', 2 * backslashes);
	put(line, L'"');
}

void command_line_add(struct command_line *line, const WCHAR *word, bool for_launcher)
{
	if (line->units != 0)
		put(line, L' ');
	/* The launcher quotes what it puts in place of %1, so that stands alone. */
	if (for_launcher && word[0] == L'%' && is_placeholder(word) && word[2] == L'\0') {
		put(line, word[0]);
		put(line, word[1]);
		return;
	}
	if (*word != L'\0' && wcspbrk(word, L" \t\n\v\"%") == NULL) {
		while (*word)
			put(line, *word++);
		return;
	}
	put_quoted(line, word, for_launcher);
}

void command_line_add_rest(struct command_line *line, const struct arguments *arguments, int at, int skip,
			   bool for_launcher)
{
	for (int i = 1; i < arguments->argc; i++)
		if (i < at || i >= at + skip)
			command_line_add(line, arguments->wide[i], for_launcher);
}

bool program_path(WCHAR *to, DWORD capacity)
{
	DWORD units = GetModuleFileNameW(NULL, to, capacity);
	return units != 0 && units < capacity;
}
