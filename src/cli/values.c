/*
 * values: what an option and an -o word of the same meaning have in common.
 */
#include "parse.h"

#include <string.h>

#include "numbers.h"

static bool refuse_number(struct parse *parse, enum number number, const char *value, const char *what)
{
	if (number == NUMBER_OK)
		return true;
	if (number == NUMBER_TOO_BIG)
		return parse_refuse(parse, "%s: '%s' is too big", parse->spelled, value);
	return parse_refuse(parse, "%s: '%s' is not %s", parse->spelled, value, what);
}

bool parse_size(struct parse *parse, const char *value)
{
	parse->options->bytes_given = true;
	return refuse_number(parse, number_size(value, parse->memory_total, &parse->options->max_bytes),
			     value, "a size: digits and then k, m, g, t, % or nothing");
}

bool parse_nodes(struct parse *parse, const char *value)
{
	parse->options->nodes_given = true;
	return refuse_number(parse, number_count(value, &parse->options->max_nodes), value,
			     "a number of nodes: digits and then k, m, g or nothing");
}

bool parse_unsigned(struct parse *parse, const char *value, uint32_t *to, const char *what)
{
	return refuse_number(parse, number_u32(value, to), value, what);
}

bool parse_bounded(struct parse *parse, const char *value, unsigned base, uint32_t most, uint32_t *to,
		   const char *what)
{
	uint64_t found = 0;

	if (!refuse_number(parse, number_plain(value, base, most, &found), value, what))
		return false;
	*to = (uint32_t)found;
	return true;
}

bool parse_units(struct parse *parse, const char *value, size_t most)
{
	uint16_t units[3 * 255];
	size_t size = strlen(value), count;

	if (!size)
		return true;
	/* A UTF-16 unit is at most three bytes, so that whatever is longer has too many. */
	if (size > 3 * most)
		return parse_refuse(parse, "%s: '%s' is longer than %u UTF-16 units", parse->spelled, value,
				    (unsigned)most);
	count = mfs_name_to_utf16(value, size, units, sizeof units / sizeof *units);
	if (!count)
		return parse_refuse(parse, "%s: '%s' is not UTF-8", parse->spelled, value);
	if (count > most)
		return parse_refuse(parse, "%s: '%s' is longer than %u UTF-16 units", parse->spelled, value,
				    (unsigned)most);
	return true;
}

bool parse_label(struct parse *parse, const char *value)
{
	if (!parse_units(parse, value, MFS_LABEL_MAX))
		return false;
	memcpy(parse->options->label, value, strlen(value) + 1);
	return true;
}

bool parse_unit(struct parse *parse, const char *value)
{
	static const char what[] = "a number of sectors: 1, 2, 4, 8, 16, 32, 64 or 128";
	uint32_t sectors = 0;

	if (!parse_bounded(parse, value, 10, UINT32_MAX, &sectors, what))
		return false;
	if (!sectors || sectors > 128 || (sectors & (sectors - 1)))
		return refuse_number(parse, NUMBER_WRONG, value, what);
	parse->options->unit_sectors = sectors;
	return true;
}

bool parse_store(struct parse *parse, const char *value)
{
	if (!strcmp(value, "auto"))
		parse->options->store = CLI_STORE_AUTO;
	else if (!strcmp(value, "sectors"))
		parse->options->store = CLI_STORE_SECTORS;
	else if (strcmp(value, "tmpfs"))
		return parse_refuse(parse, "%s: '%s' is not a store: auto, tmpfs or sectors", parse->spelled,
				    value);
	else if (!(parse->can->honours & CLI_TMPFS))
		return parse_refuse(parse, "%s: this build has no '%s' store: auto or sectors",
				    parse->spelled, value);
	else
		parse->options->store = CLI_STORE_TMPFS;
	return true;
}

bool parse_huge(struct parse *parse, const char *value)
{
	static const char *const names[] = {
		[CLI_HUGE_NEVER] = "never",
		[CLI_HUGE_ALWAYS] = "always",
		[CLI_HUGE_WITHIN_SIZE] = "within_size",
		[CLI_HUGE_ADVISE] = "advise",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(value, names[i]))
			continue;
		if (!(parse->can->honours & CLI_TMPFS))
			return parse_refuse(parse, "%s: '%s' needs the tmpfs store, which this build has not",
					    parse->spelled, value);
		parse->options->huge = (enum cli_huge)i;
		return true;
	}
	return parse_refuse(parse, "%s: '%s' is not never, always, within_size or advise", parse->spelled,
			    value);
}
