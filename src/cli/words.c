/*
 * words: the -o list. Our own words, those that go on to libfuse and mount(2), and those that
 * are mount(8)'s own business and reach us only by the way.
 */
#include "parse.h"

#include <string.h>

/* `value`: the word has one. `passed`: it goes on to libfuse as well. `take`: NULL: nothing to do.
 * `flag`: the offset of the bool in cli_options that it sets, 0: none. */
struct word_rule {
	const char *name;
	bool value;
	bool passed;
	bool (*take)(struct parse *parse, const char *value);
	size_t flag;
};

static bool take_rw(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->read_only = false;
	return true;
}

static bool take_mode(struct parse *parse, const char *value)
{
	return parse_bounded(parse, value, 8, 07777, &parse->options->root_mode, "an octal mode up to 7777");
}

static bool take_uid(struct parse *parse, const char *value)
{
	return parse_bounded(parse, value, 10, UINT32_MAX - 1, &parse->options->root_uid, "a user's number");
}

static bool take_gid(struct parse *parse, const char *value)
{
	return parse_bounded(parse, value, 10, UINT32_MAX - 1, &parse->options->root_gid, "a group's number");
}

static bool take_diratime(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->no_dir_atime = false;
	return true;
}

static bool take_noatime(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->atime = CLI_ATIME_NEVER;
	return true;
}

/* These two are the program's alone: libfuse knows noatime, and newer ones refuse its opposite. */
static bool take_relatime(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->atime = CLI_ATIME_RELATIVE;
	return true;
}

static bool take_strictatime(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->atime = CLI_ATIME_STRICT;
	return true;
}

static bool take_max_read(struct parse *parse, const char *value)
{
	uint32_t bytes;

	return parse_bounded(parse, value, 10, UINT32_MAX, &bytes, "a number of bytes");
}

static bool take_told(struct parse *parse, const char *value)
{
	(void)value;
	parse->told_by_kernel = true;
	return true;
}

static bool take_fsname(struct parse *parse, const char *value)
{
	parse->fsname = true;
	return *value || parse_refuse(parse, "%s: the name is empty", parse->spelled);
}

static bool take_subtype(struct parse *parse, const char *value)
{
	parse->subtype = true;
	return *value || parse_refuse(parse, "%s: the name is empty", parse->spelled);
}

static bool take_streams(struct parse *parse, const char *value)
{
	if (!strcmp(value, "xattr"))
		parse->options->streams = CLI_STREAMS_XATTR;
	else if (!strcmp(value, "colon"))
		parse->options->streams = CLI_STREAMS_COLON;
	else
		return parse_refuse(parse, "%s: '%s' is not xattr or colon", parse->spelled, value);
	return true;
}

#define FLAG(field) offsetof(struct cli_options, field)

static const struct word_rule word_rules[] = {
	/* the volume: tmpfs's words and the long options' */
	{"size", true, false, parse_size, 0},
	{"nr_inodes", true, false, parse_nodes, 0},
	{"nodes", true, false, parse_nodes, 0},
	{"mode", true, false, take_mode, 0},
	{"uid", true, false, take_uid, 0},
	{"gid", true, false, take_gid, 0},
	{"label", true, false, parse_label, 0},
	{"unit", true, false, parse_unit, 0},
	{"store", true, false, parse_store, 0},
	{"huge", true, false, parse_huge, 0},
	{"case_insensitive", false, false, NULL, FLAG(case_insensitive)},
	{"lock_memory", false, false, NULL, FLAG(lock_memory)},
	{"nonempty", false, false, NULL, FLAG(nonempty)},
	{"noxattr", false, false, NULL, FLAG(noxattr)},
	{"streams", true, false, take_streams, 0},
	/* the mount */
	{"ro", false, true, NULL, FLAG(read_only)},
	{"rw", false, true, take_rw, 0},
	{"exec", false, true, NULL, 0},
	{"noexec", false, true, NULL, 0},
	{"suid", false, true, NULL, 0},
	{"nosuid", false, true, NULL, 0},
	{"dev", false, true, NULL, 0},
	{"nodev", false, true, NULL, 0},
	{"sync", false, true, NULL, 0},
	{"async", false, true, NULL, 0},
	{"dirsync", false, true, NULL, 0},
	{"noatime", false, true, take_noatime, 0},
	{"atime", false, false, take_relatime, 0},
	{"relatime", false, false, take_relatime, 0},
	{"strictatime", false, false, take_strictatime, 0},
	{"nodiratime", false, false, NULL, FLAG(no_dir_atime)},
	{"diratime", false, false, take_diratime, 0},
	{"remount", false, false, NULL, FLAG(remount)},
	{"context", true, true, NULL, 0},
	{"fscontext", true, true, NULL, 0},
	{"defcontext", true, true, NULL, 0},
	{"rootcontext", true, true, NULL, 0},
	/* FUSE */
	{"allow_other", false, true, NULL, FLAG(allow_other)},
	{"allow_root", false, false, NULL, FLAG(allow_root)},
	{"default_permissions", false, false, NULL, FLAG(default_permissions)},
	{"auto_unmount", false, true, NULL, FLAG(auto_unmount)},
	{"max_read", true, true, take_max_read, 0},
	{"io_uring", false, false, NULL, FLAG(rings)},
	{"fsname", true, true, take_fsname, 0},
	{"subtype", true, true, take_subtype, 0},
	/* times are never written late, what is said is little: nothing to do */
	{"lazytime", false, false, NULL, 0},
	{"nolazytime", false, false, NULL, 0},
	{"norelatime", false, false, NULL, 0},
	{"nostrictatime", false, false, NULL, 0},
	{"silent", false, false, NULL, 0},
	{"loud", false, false, NULL, 0},
	/* the kernel's about a mount, which mount(8) reads and hands on when it remounts */
	{"user_id", true, false, take_told, 0},
	{"group_id", true, false, take_told, 0},
	{"blksize", true, false, take_told, 0},
	/* mount(8) has acted on these before it called us */
	{"defaults", false, false, NULL, 0},
	{"auto", false, false, NULL, 0},
	{"noauto", false, false, NULL, 0},
	{"user", false, false, NULL, 0},
	{"users", false, false, NULL, 0},
	{"nouser", false, false, NULL, 0},
	{"owner", false, false, NULL, 0},
	{"group", false, false, NULL, 0},
	{"nofail", false, false, NULL, 0},
	{"_netdev", false, false, NULL, 0},
};

bool parse_add_word(struct parse *parse, const char *word, size_t size)
{
	struct cli_options *options = parse->options;
	size_t comma = parse->words_used != 0;

	if (size >= sizeof options->mount_words - parse->words_used - comma)
		return parse_refuse(parse, "%s: the list is longer than %u bytes", parse->spelled,
				    (unsigned)sizeof options->mount_words - 1);
	if (comma)
		options->mount_words[parse->words_used++] = ',';
	memcpy(options->mount_words + parse->words_used, word, size);
	parse->words_used += size;
	options->mount_words[parse->words_used] = 0;
	return true;
}

bool parse_add_word_value(struct parse *parse, const char *name, const char *value)
{
	char word[CLI_WORDS_BYTES];
	size_t used = strlen(name);

	memcpy(word, name, used);
	for (; *value && used < sizeof word - 2; value++) {
		/* libfuse takes a list's commas for ends unless a backslash says no. */
		if (*value == ',' || *value == '\\')
			word[used++] = '\\';
		word[used++] = *value;
	}
	return parse_add_word(parse, word, used);
}

static const struct word_rule *find_rule(const char *word, size_t name_size)
{
	for (size_t i = 0; i < sizeof word_rules / sizeof *word_rules; i++)
		if (strlen(word_rules[i].name) == name_size && !memcmp(word_rules[i].name, word, name_size))
			return &word_rules[i];
	return NULL;
}

/* The kinds of word that mount(8) and systemd keep in fstab for themselves. */
static bool comment_word(const char *word)
{
	return !strncmp(word, "x-", 2) || !strncmp(word, "X-", 2) || !strncmp(word, "comment=", 8) ||
	       !strncmp(word, "user=", 5);
}

/* A comma inside a value was written as "\\,". */
static void unescape(char *word)
{
	char *to = word;

	for (; *word; word++) {
		if (*word == '\\' && word[1])
			word++;
		*to++ = *word;
	}
	*to = 0;
}

static bool take_word(struct parse *parse, char *word, size_t size)
{
	size_t name_size = strcspn(word, "=");
	const struct word_rule *rule = find_rule(word, name_size);
	char spelled[64];
	bool taken;

	if (comment_word(word))
		return true;
	parse->spelled = "-o";
	if (!rule && parse->sloppy) {
		parse_note(parse, "-o: unknown option '%s' skipped", word);
		return true;
	}
	if (!rule)
		return parse_refuse(parse, "-o: unknown option '%s'", word);
	if (rule->value && !word[name_size])
		return parse_refuse(parse, "-o %s: a value is missing (%s=VALUE)", rule->name, rule->name);
	if (!rule->value && word[name_size])
		return parse_refuse(parse, "-o %s: takes no value ('%s')", rule->name, word + name_size + 1);
	snprintf(spelled, sizeof spelled, "-o %s", rule->name);
	parse->spelled = spelled;
	if (rule->flag)
		*(bool *)((char *)parse->options + rule->flag) = true;
	taken = !rule->passed || parse_add_word(parse, word, size);
	if (!rule->passed)
		unescape(word);
	taken = taken && (!rule->take || rule->take(parse, word + name_size + rule->value));
	parse->spelled = "-o";
	return taken;
}

size_t cli_word_length(const char *list)
{
	bool quoted = false;
	size_t at = 0;

	for (; list[at] && (list[at] != ',' || quoted); at++) {
		if (list[at] == '"')
			quoted = !quoted;
		else if (list[at] == '\\' && list[at + 1])
			at++;
	}
	return at;
}

bool parse_words(struct parse *parse, const char *list)
{
	char word[CLI_WORDS_BYTES];

	while (*list) {
		size_t size = cli_word_length(list);

		if (size >= sizeof word)
			return parse_refuse(parse, "-o: the list is longer than %u bytes",
					    (unsigned)sizeof word - 1);
		memcpy(word, list, size);
		word[size] = 0;
		if (size && !take_word(parse, word, size))
			return false;
		list += size + (list[size] == ',');
	}
	return true;
}
