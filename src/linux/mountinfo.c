/*
 * mountinfo: reads /proc/self/mountinfo, as proc(5) describes it.
 */
#include "mountinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Turns \ooo into the byte it stands for, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' && text[2] <= '7' &&
		    text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

/* "36 35 98:0 /root /point options tags - type source ..."; true when it is about `path`. */
static bool parse_line(char *line, const char *path, struct mountinfo *found)
{
	char *fields[5], *rest = line, *type;
	struct mountinfo this;

	for (size_t i = 0; i < 5; i++) {
		fields[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	unescape(fields[4]);
	type = strstr(rest, " - ");
	if (strcmp(fields[4], path) || !type || sscanf(fields[2], "%u:%u", &this.major, &this.minor) != 2)
		return false;
	type += 3;
	snprintf(this.type, sizeof this.type, "%.*s", (int)strcspn(type, " "), type);
	*found = this;
	return true;
}

bool mountinfo_find(const char *path, struct mountinfo *found)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t capacity = 0;
	bool any = false;

	if (!table)
		return false;
	/* A later line is on top of an earlier one. */
	while (getline(&line, &capacity, table) > 0)
		any |= parse_line(line, path, found);
	free(line);
	fclose(table);
	return any;
}
