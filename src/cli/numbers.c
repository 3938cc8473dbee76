/*
 * numbers: digits on a command line, with suffixes.
 */
#include "numbers.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A' + 10);
	return 255;
}

/* Digits as far as they go; *end is what follows them. */
static enum number leading(const char *text, unsigned base, uint64_t most, uint64_t *value, const char **end)
{
	uint64_t sum = 0;
	bool big = false;
	const char *at = text;

	for (; digit_value(*at) < base; at++) {
		unsigned digit = digit_value(*at);

		if (digit > most || sum > (most - digit) / base)
			big = true;
		else
			sum = sum * base + digit;
	}
	*end = at;
	if (at == text)
		return NUMBER_WRONG;
	*value = sum;
	return big ? NUMBER_TOO_BIG : NUMBER_OK;
}

enum number number_plain(const char *text, unsigned base, uint64_t most, uint64_t *value)
{
	const char *end;
	uint64_t found = 0;
	enum number number = leading(text, base, most, &found, &end);

	if (*end)
		return NUMBER_WRONG;
	if (number == NUMBER_OK)
		*value = found;
	return number;
}

enum number number_u32(const char *text, uint32_t *value)
{
	uint64_t found = 0;
	enum number number;

	if (!strcmp(text, "-1"))
		found = UINT32_MAX, number = NUMBER_OK;
	else if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		number = number_plain(text + 2, 16, UINT32_MAX, &found);
	else
		number = number_plain(text, 10, UINT32_MAX, &found);
	if (number == NUMBER_OK)
		*value = (uint32_t)found;
	return number;
}

enum number number_count(const char *text, uint64_t *value)
{
	static const char suffixes[] = "kmgt";
	const char *end, *suffix;
	uint64_t found = 0;
	unsigned shift = 0;
	enum number number = leading(text, 10, INT64_MAX, &found, &end);

	if (number == NUMBER_WRONG)
		return number;
	if (*end) {
		suffix = strchr(suffixes, tolower((unsigned char)*end));
		if (!suffix || end[1])
			return NUMBER_WRONG;
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	}
	if (number != NUMBER_OK || found > (uint64_t)INT64_MAX >> shift)
		return NUMBER_TOO_BIG;
	*value = found << shift;
	return NUMBER_OK;
}

enum number number_size(const char *text, uint64_t total, uint64_t *value)
{
	const char *end;
	uint64_t percent = 0, whole, rest;
	enum number number = leading(text, 10, INT64_MAX, &percent, &end);

	if (number == NUMBER_WRONG || strcmp(end, "%"))
		return number_count(text, value);
	if (number == NUMBER_OK && !percent)
		return NUMBER_WRONG;
	/* No memory holds more than all of it. */
	if (number != NUMBER_OK || percent > 100)
		return NUMBER_TOO_BIG;
	/* total * percent / 100 without the product, which may not fit */
	whole = total / 100;
	rest = total % 100;
	*value = whole * percent + rest * percent / 100;
	return NUMBER_OK;
}
