/*
 * messages: the lines that a wrong command line, or an option without effect, ends up in.
 */
#include <stdarg.h>
#include <string.h>

#include "parse.h"

static void put_line(char *to, size_t capacity, const char *format, va_list arguments)
{
	static const char head[] = "memefs: ";
	size_t used = sizeof head - 1;
	int more;

	memcpy(to, head, sizeof head);
	more = vsnprintf(to + used, capacity - used - 1, format, arguments);
	if (more > 0)
		used += (size_t)more < capacity - used - 1 ? (size_t)more : capacity - used - 2;
	/* What the user typed may have line ends or worse in it; a message is one line. */
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)to[i] < ' ' || to[i] == 127)
			to[i] = '?';
	to[used++] = '\n';
	to[used] = 0;
}

bool parse_refuse(struct parse *parse, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put_line(parse->message, CLI_MESSAGE_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

void parse_note(struct parse *parse, const char *format, ...)
{
	char line[CLI_MESSAGE_BYTES];
	va_list arguments;
	size_t size;

	va_start(arguments, format);
	put_line(line, sizeof line, format, arguments);
	va_end(arguments);
	size = strlen(line);
	if (strstr(parse->message, line) || size >= CLI_MESSAGE_BYTES - parse->message_used)
		return;
	memcpy(parse->message + parse->message_used, line, size + 1);
	parse->message_used += size;
}
