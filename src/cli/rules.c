/*
 * rules: the table of options, and what each does. --help is printed from it, so that an option
 * cannot exist without its line.
 */
#include "parse.h"

#include <string.h>

static bool take_insensitive(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->case_insensitive = true;
	return true;
}

static bool take_flush(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->flush_and_purge = true;
	return true;
}

/* WinFsp keeps a file system's name in 16 units, one of them for the end. */
static bool take_filesystem_name(struct parse *parse, const char *value)
{
	if (!*value)
		return parse_refuse(parse, "%s: the name is empty", parse->spelled);
	parse->options->filesystem_name = value;
	return parse_units(parse, value, 15);
}

static bool take_root_sddl(struct parse *parse, const char *value)
{
	if (!*value)
		return parse_refuse(parse, "%s: the security descriptor is empty", parse->spelled);
	parse->options->root_sddl = value;
	return true;
}

/* Two components or more, one backslash before each: \Server\Share. */
static bool share_path(const char *value)
{
	size_t components = 0;

	while (*value == '\\') {
		size_t size = strcspn(++value, "\\/");

		if (!size)
			return false;
		value += size;
		components++;
	}
	return !*value && components >= 2;
}

/* "" is no prefix, as the launcher's command line has it for a disk. What the launcher will put in
 * place of %1 can't be judged before. */
static bool take_volume_prefix(struct parse *parse, const char *value)
{
	parse->options->volume_prefix = *value ? value : NULL;
	if (*value && *value != '%' && !share_path(value))
		return parse_refuse(parse, "%s: '%s' is not of the form \\Server\\Share", parse->spelled,
				    value);
	return parse_units(parse, value, 191);
}

static bool take_mount_point(struct parse *parse, const char *value)
{
	parse->point = value;
	return true;
}

static bool take_timeout(struct parse *parse, const char *value)
{
	parse->options->timeout_given = true;
	return parse_unsigned(parse, value, &parse->options->timeout,
			      "a number of milliseconds, or -1 for ever");
}

static bool take_debug_flags(struct parse *parse, const char *value)
{
	return parse_unsigned(parse, value, &parse->options->debug_flags,
			      "a number: decimal, 0x..., or -1 for all");
}

static bool take_debug_log(struct parse *parse, const char *value)
{
	if (!*value)
		return parse_refuse(parse, "%s: the file's name is empty", parse->spelled);
	parse->options->debug_log = value;
	return true;
}

static bool take_foreground(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->foreground = true;
	return true;
}

static bool take_verbose(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->verbose = true;
	return true;
}

static bool take_action(struct parse *parse, enum cli_action action, const char *name, const char *target)
{
	if (parse->action_name && parse->options->action != action)
		return parse_refuse(parse, "%s and %s cannot go together", parse->action_name, name);
	if (parse->action_name)
		return parse_refuse(parse, "%s is given twice: '%s' and '%s'", name, parse->options->target,
				    target);
	parse->action_name = name;
	parse->options->action = action;
	parse->options->target = target;
	return true;
}

static bool take_unmount(struct parse *parse, const char *value)
{
	if (!*value)
		return parse_refuse(parse, "%s: the mount point is empty", parse->spelled);
	return take_action(parse, CLI_UNMOUNT, "--unmount", value);
}

static bool take_status(struct parse *parse, const char *value)
{
	if (!*value)
		return parse_refuse(parse, "%s: the mount point is empty", parse->spelled);
	return take_action(parse, CLI_STATUS, "--status", value);
}

static bool take_stats(struct parse *parse, const char *value)
{
	return take_action(parse, CLI_STATS, "--stats", value);
}

/* Services and launcher entries are keys of the registry: no separators, at most 255 units. */
static bool take_entry(struct parse *parse, enum cli_action action, const char *name, const char *value)
{
	if (!*value || strpbrk(value, "\\/"))
		return parse_refuse(parse, "%s: '%s' is not a name (it is empty, or has a \\ or / in it)",
				    parse->spelled, value);
	return parse_units(parse, value, 255) && take_action(parse, action, name, value);
}

static bool take_install_service(struct parse *parse, const char *value)
{
	return take_entry(parse, CLI_INSTALL_SERVICE, "--install-service", value);
}

static bool take_remove_service(struct parse *parse, const char *value)
{
	return take_entry(parse, CLI_REMOVE_SERVICE, "--remove-service", value);
}

static bool take_register_launcher(struct parse *parse, const char *value)
{
	return take_entry(parse, CLI_REGISTER_LAUNCHER, "--register-launcher", value);
}

static bool take_unregister_launcher(struct parse *parse, const char *value)
{
	return take_entry(parse, CLI_UNREGISTER_LAUNCHER, "--unregister-launcher", value);
}

static bool take_lock_memory(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->lock_memory = true;
	return true;
}

static bool take_help(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->action = CLI_HELP;
	parse->done = true;
	return true;
}

static bool take_version(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->action = CLI_VERSION;
	parse->done = true;
	return true;
}

const struct option_rule option_rules[] = {
	{"case-insensitive", 'i', NULL, 0, true, take_insensitive,
	 "names that differ only in case are the same"},
	{"size", 's', "SIZE", 0, true, parse_size,
	 "most that the volume may hold: bytes, with k, m, g or t, or % of the memory; 0: what the machine "
	 "has left"},
	{"nodes", 'n', "N", 0, true, parse_nodes, "most files, directories and others; 0: no such limit"},
	{"label", 'l', "LABEL", 0, true, parse_label, "the volume's label, at most 32 characters (MEMEFS)"},
	{"mount-point", 'm', "WHERE", 0, true, take_mount_point,
	 "the mount point, instead of naming it last"},
	{"unit", 0, "N", 0, true, parse_unit,
	 "sectors of 512 bytes in an allocation unit: 1, 2, 4 ... 128 (1)"},
	{"store", 0, "STORE", 0, true, parse_store, "where data lives: auto, tmpfs or sectors (auto)"},
	{"lock-memory", 0, NULL, 0, true, take_lock_memory, "keep the volume out of the system's swap"},
	{"options", 'o', "LIST", CLI_MOUNT_WORDS, true, parse_words,
	 "words with commas between them, see below; may be repeated"},
	{"flush", 'f', NULL, CLI_FLUSH, true, take_flush, "flush and purge a file's cache at cleanup"},
	{"filesystem-name", 'F', "NAME", CLI_FILESYSTEM_NAME, true, take_filesystem_name,
	 "name of the file system that programs see, such as NTFS"},
	{"root-sddl", 'S', "SDDL", CLI_ROOT_SDDL, true, take_root_sddl,
	 "security descriptor of the root directory"},
	{"volume-prefix", 'u', "\\SERVER\\SHARE", CLI_VOLUME_PREFIX, true, take_volume_prefix,
	 "be a network file system of this name; \"\": be a disk"},
	{"timeout", 't', "MS", CLI_TIMEOUT, true, take_timeout,
	 "how long file information may be cached, -1: for ever"},
	{"debug-flags", 'd', "FLAGS", CLI_DEBUG, true, take_debug_flags, "what to log of requests, -1: all"},
	{"debug-log", 'D', "FILE", CLI_DEBUG, true, take_debug_log, "where to log it, -: standard error"},
	{"foreground", 0, NULL, 0, true, take_foreground, "stay in the foreground"},
	{"verbose", 'v', NULL, 0, false, take_verbose, "say more"},
	{"unmount", 0, "WHERE", CLI_UNMOUNT_BY_US, false, take_unmount, "unmount the volume mounted there"},
	{"status", 0, "WHERE", CLI_STATUS_BY_US, false, take_status, "tell about the volume mounted there"},
	{"stats", 0, "WHERE", CLI_STATUS_BY_US, false, take_stats, "count the requests that came for it"},
	{"install-service", 0, "NAME", CLI_SERVICE, false, take_install_service,
	 "install a service which mounts at boot, with the other options given here"},
	{"remove-service", 0, "NAME", CLI_SERVICE, false, take_remove_service, "remove that service"},
	{"register-launcher", 0, "NAME", CLI_LAUNCHER, false, take_register_launcher,
	 "register with WinFsp's launcher, with the other options"},
	{"unregister-launcher", 0, "NAME", CLI_LAUNCHER, false, take_unregister_launcher,
	 "take that registration back"},
	{"help", 'h', NULL, 0, false, take_help, "this text"},
	{"version", 'V', NULL, 0, false, take_version, "version, licence and notices"},
};
const size_t option_rule_count = sizeof option_rules / sizeof *option_rules;
