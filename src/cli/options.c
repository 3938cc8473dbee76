/*
 * options: reads a command line by the table of rules, then looks at the whole.
 */
#include "parse.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

#define LONG_BASE 256 /* getopt's answer for a long option: this and the rule's index */
#define RULES_MAX 32

/* ---- options ---------------------------------------------------------------------------- */

static void spell(struct parse *parse, const char *dashes, const char *name)
{
	snprintf(parse->spelled_buffer, sizeof parse->spelled_buffer, "%s%s", dashes, name);
	parse->spelled = parse->spelled_buffer;
}

static bool take_rule(struct parse *parse, const struct option_rule *rule, const char *value)
{
	uint32_t bit = rule->capability;

	if (bit && !((parse->can->honours | parse->can->without_effect) & bit))
		return parse_refuse(parse, "%s: not available on this system", parse->spelled);
	if (rule->volume_only && !*parse->volume_only)
		memcpy(parse->volume_only, parse->spelled_buffer, sizeof parse->volume_only);
	if (!rule->take(parse, value))
		return false;
	if (bit && !(parse->can->honours & bit))
		parse_note(parse, "%s has no effect on this system", parse->spelled_buffer);
	return true;
}

static const struct option_rule *rule_of(int answer)
{
	for (size_t i = 0; i < option_rule_count; i++)
		if (answer == (int)(LONG_BASE + i) || (answer && answer == option_rules[i].letter))
			return &option_rules[i];
	return NULL;
}

/* getopt found fault with a word: says which, and why. */
static bool refuse_word(struct parse *parse, char *const words[])
{
	const struct option_rule *rule = rule_of(optopt);
	char letter[2] = {(char)optopt, 0};

	if (!rule && optopt && optopt < LONG_BASE)
		return parse_refuse(parse, "unknown option '-%s' (--help lists them)", letter);
	if (!rule)
		return parse_refuse(parse, "unknown option '%s' (--help lists them)", words[optind - 1]);
	spell(parse, optopt < LONG_BASE ? "-" : "--", optopt < LONG_BASE ? letter : rule->name);
	if (rule->value)
		return parse_refuse(parse, "%s: a value is missing", parse->spelled);
	return parse_refuse(parse, "%s: takes no value", parse->spelled);
}

/* Where in argv the action's option stands; `value` is a word of argv, or the end of one. */
static void locate_action(struct cli_options *options, int argc, char *const argv[], const char *value)
{
	for (int i = 1; i < argc; i++) {
		size_t word = strlen(argv[i]), size = strlen(value);

		if (word < size || argv[i] + (word - size) != value)
			continue;
		options->action_words = word == size ? 2 : 1;
		options->action_at = word == size ? i - 1 : i;
	}
}

static bool take_options(struct parse *parse, int argc, char *words[], char *const argv[])
{
	struct option longs[RULES_MAX + 1] = {0};
	char shorts[2 * RULES_MAX + 2] = ":";
	size_t used = 1;
	int answer;

	_Static_assert(RULES_MAX < LONG_BASE, "letters and long options must not meet");
	for (size_t i = 0; i < option_rule_count && i < RULES_MAX; i++) {
		const struct option_rule *rule = &option_rules[i];

		longs[i] = (struct option){rule->name, rule->value ? required_argument : no_argument, NULL,
					   (int)(LONG_BASE + i)};
		if (rule->letter)
			shorts[used++] = rule->letter;
		if (rule->letter && rule->value)
			shorts[used++] = ':';
	}
	while ((answer = getopt_long(argc, words, shorts, longs, NULL)) != -1) {
		const struct option_rule *rule = rule_of(answer);
		enum cli_action before = parse->options->action;

		if (!rule)
			return refuse_word(parse, words);
		spell(parse, answer < LONG_BASE ? "-" : "--",
		      answer < LONG_BASE ? (const char[]){(char)answer, 0} : rule->name);
		if (!take_rule(parse, rule, optarg))
			return false;
		if (parse->done)
			return true;
		if (parse->options->action != before)
			locate_action(parse->options, argc, argv, optarg);
	}
	return true;
}

/* mount(8) calls mount.memefs SOURCE MOUNTPOINT [-sfnvrw] [-t TYPE] [-o LIST], with meanings
 * of its own for the letters. -n (no mtab) and -t (our own name) tell us nothing new. */
static bool take_helper_options(struct parse *parse, int argc, char *words[])
{
	static const struct option none[] = {{0}};
	int answer;

	while ((answer = getopt_long(argc, words, ":sfnvrwho:t:V", none, NULL)) != -1) {
		spell(parse, "-", (const char[]){(char)answer, 0});
		if (answer == 's')
			parse->sloppy = true;
		else if (answer == 'f')
			parse->options->action = CLI_NOTHING;
		else if (answer == 'v')
			parse->options->verbose = true;
		else if ((answer == 'r' && !parse_words(parse, "ro")) ||
			 (answer == 'w' && !parse_words(parse, "rw")) ||
			 (answer == 'o' && !parse_words(parse, optarg)))
			return false;
		else if (answer == ':')
			return parse_refuse(parse, "-%c: a value is missing", optopt);
		else if (answer == '?')
			return parse_refuse(parse, "unknown option '%s'", words[optind - 1]);
		else if (answer == 'h' || answer == 'V') {
			parse->options->action = answer == 'h' ? CLI_HELP : CLI_VERSION;
			parse->done = true;
			return true;
		}
	}
	return true;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What is left when the options are taken: MOUNTPOINT, or SOURCE MOUNTPOINT. */
static bool take_positionals(struct parse *parse, int count, char *const words[])
{
	struct cli_options *options = parse->options;
	int most = parse->can->honours & CLI_SOURCE ? 2 : 1;

	if (parse->point && count)
		return parse_refuse(parse, "the mount point is given twice: -m '%s' and '%s'", parse->point,
				    words[count - 1]);
	if (count > most)
		return parse_refuse(parse, "'%s' is one word too many: the mount point is '%s'", words[most],
				    words[most - 1]);
	if (count == 2)
		options->source = words[0];
	options->point = count ? words[count - 1] : parse->point;
	if (options->point && !*options->point) {
		/* The launcher's command line may fill -m with nothing. */
		if (!(parse->can->honours & CLI_VOLUME_PREFIX))
			return parse_refuse(parse, "the mount point is empty");
		options->point = NULL;
	}
	return true;
}

/* Something must lead to the volume. Launcher entries get theirs from whoever starts them. */
static bool check_reachable(struct parse *parse)
{
	struct cli_options *options = parse->options;
	bool network = parse->can->honours & CLI_VOLUME_PREFIX;

	if (options->point || (network && options->volume_prefix) || options->action == CLI_REGISTER_LAUNCHER)
		return true;
	if (network)
		return parse_refuse(parse,
				    "no mount point: give -m (a drive such as X:, *, a directory) or -u");
	return parse_refuse(parse, "no mount point: memefs [options] MOUNTPOINT");
}

static bool check_volume(struct parse *parse)
{
	struct cli_options *options = parse->options;

	if (options->volume_prefix && *options->volume_prefix == '%' &&
	    options->action != CLI_REGISTER_LAUNCHER)
		return parse_refuse(parse, "-u: '%s' is not of the form \\Server\\Share",
				    options->volume_prefix);
	if (parse->told_by_kernel && !options->remount)
		return parse_refuse(parse, "-o user_id, group_id and blksize are for remount only");
	if (options->allow_other && options->allow_root)
		return parse_refuse(parse, "-o allow_other and -o allow_root cannot go together");
	if (options->store == CLI_STORE_SECTORS && options->huge != CLI_HUGE_NEVER)
		return parse_refuse(parse,
				    "-o huge belongs to the tmpfs store and cannot go with --store=sectors");
	if (options->debug_log && !options->debug_flags && (parse->can->honours & CLI_DEBUG))
		parse_note(parse, "-D has no effect without -d");
	return true;
}

static bool finish_mount(struct parse *parse, int count, char *const words[])
{
	struct cli_options *options = parse->options;
	const char *source;

	if (!take_positionals(parse, count, words) || !check_volume(parse) || !check_reachable(parse))
		return false;
	if (!options->target)
		options->target = options->point;
	if (!(parse->can->honours & CLI_MOUNT_WORDS))
		return true;
	spell(parse, "-", "o");
	source = options->source && *options->source ? options->source : "memefs";
	return (parse->fsname || parse_add_word_value(parse, "fsname=", source)) &&
	       (parse->subtype || parse_add_word_value(parse, "subtype=", "memefs"));
}

static bool finish_other(struct parse *parse, int count, char *const words[])
{
	if (*parse->volume_only)
		return parse_refuse(parse, "%s: %s cannot go with it", parse->action_name,
				    parse->volume_only);
	if (count)
		return parse_refuse(parse, "%s '%s': '%s' is one word too many", parse->action_name,
				    parse->options->target, words[0]);
	return true;
}

static bool finish(struct parse *parse, int count, char *const words[])
{
	switch (parse->options->action) {
	case CLI_HELP:
	case CLI_VERSION:
		return true;
	case CLI_UNMOUNT:
	case CLI_STATUS:
	case CLI_STATS:
	case CLI_REMOVE_SERVICE:
	case CLI_UNREGISTER_LAUNCHER:
		return finish_other(parse, count, words);
	default:
		return finish_mount(parse, count, words);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), less = strlen(end);

	return size >= less && !strcmp(text + size - less, end);
}

/* By the type in fstab, or by the one that the kernel tells. */
static bool called_by_mount(const char *program)
{
	return ends_with(program, "mount.memefs") || ends_with(program, "mount.fuse.memefs");
}

static void set_defaults(struct parse *parse)
{
	struct cli_options *options = parse->options;

	memset(options, 0, sizeof *options);
	options->unit_sectors = 1;
	strcpy(options->label, "MEMEFS");
	options->root_mode = parse->can->root_mode;
	options->root_uid = parse->can->root_uid;
	options->root_gid = parse->can->root_gid;
	parse->memory_total = parse->can->memory_total ? parse->can->memory_total : os_memory_total();
}

bool cli_parse(int argc, char *const argv[], const struct cli_capabilities *can, struct cli_options *options,
	       char message[CLI_MESSAGE_BYTES])
{
	struct parse parse = {.can = can, .options = options, .message = message};
	/* getopt moves the words about; argv is the caller's. */
	char **words = calloc((size_t)argc + 1, sizeof *words);
	bool taken;

	message[0] = 0;
	set_defaults(&parse);
	if (!words)
		return parse_refuse(&parse, "not enough memory");
	memcpy(words, argv, (size_t)argc * sizeof *words);
	parse.helper = argc && (can->honours & CLI_SOURCE) && called_by_mount(argv[0]);
	optind = 0;
	opterr = 0;
	/* Libfuse's own default is nodev,nosuid; root's mounts are as a kernel's file system has them.
	 * What the user says comes later, and wins. */
	taken = !(can->honours & CLI_MOUNT_WORDS) || can->root_uid || parse_words(&parse, "dev,suid");
	options->own_words = parse.words_used;
	if (taken)
		taken = parse.helper ? take_helper_options(&parse, argc, words)
				     : take_options(&parse, argc, words, argv);
	if (taken)
		taken = finish(&parse, argc - optind, words + optind);
	free(words);
	return taken;
}

void cli_volume_options(const struct cli_options *options, struct mfs_options *volume)
{
	volume->max_bytes = options->max_bytes;
	volume->max_nodes = options->max_nodes;
	volume->unit = options->unit_sectors * MFS_SECTOR;
	volume->case_insensitive = options->case_insensitive;
	volume->read_only = options->read_only;
	volume->lock_memory = options->lock_memory;
	volume->label = options->label;
	volume->label_size = strlen(options->label);
	volume->root_mode = options->root_mode;
	volume->root_uid = options->root_uid;
	volume->root_gid = options->root_gid;
}
