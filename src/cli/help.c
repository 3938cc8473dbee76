/*
 * help: the texts of --help and --version.
 */
#include "parse.h"

#include <string.h>

#define COLUMN 31 /* where an option's explanation begins */
#define MARGIN 79 /* where it ends */

/* Words up to the right margin, further lines indented; returns the column reached. */
static size_t put_text(FILE *to, const char *text, size_t column)
{
	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > COLUMN && column + 1 + word > MARGIN) {
			fprintf(to, "\n%*s", COLUMN, "");
			column = COLUMN;
		} else if (column > COLUMN) {
			fputc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", (int)word, text);
		column += word;
		text += word + (text[word] == ' ');
	}
	return column;
}

static void put_rule(FILE *to, const struct option_rule *rule, bool effective)
{
	char left[64];
	size_t column;
	char letter[] = {'-', rule->letter, ',', 0};
	int width = snprintf(left, sizeof left, "  %-3s --%s%s%s", rule->letter ? letter : "", rule->name,
			     rule->value ? "=" : "", rule->value ? rule->value : "");

	fputs(left, to);
	if (width >= COLUMN) {
		fputc('\n', to);
		width = 0;
	}
	fprintf(to, "%*s", COLUMN - width, "");
	column = put_text(to, rule->help, COLUMN);
	if (!effective)
		put_text(to, "[no effect on this system]", column);
	fputc('\n', to);
}

static const char words_text[] =
	"\nWords for -o, with commas between them:\n"
	"  size=SIZE nr_inodes=N          as -s and -n\n"
	"  mode=OCTAL uid=N gid=N         permissions and owner of the root directory\n"
	"  label=LABEL unit=N store=STORE case_insensitive lock_memory\n"
	"                                 as the options of these names\n"
	"  huge=WHEN                      huge pages in the tmpfs store: never, always,\n"
	"                                 within_size or advise\n"
	"  nonempty                       mount over a directory that has entries\n"
	"  noxattr                        no extended attributes: fewer requests\n"
	"  streams=HOW                    named streams as attributes only (xattr), or as\n"
	"                                 paths FILE:STREAM as well (colon)\n"
	"  allow_other, allow_root        let other users, or root, in\n"
	"  default_permissions auto_unmount max_read=BYTES fsname=NAME subtype=NAME\n"
	"                                 as for every FUSE file system\n"
	"  io_uring                       take requests through io_uring, if the kernel and\n"
	"                                 libfuse have it (Linux 6.14, libfuse 3.18)\n"
	"  ro rw noexec nosuid nodev sync dirsync noatime nodiratime relatime strictatime\n"
	"  context=...                    as mount(8) has them\n"
	"  remount                        change a mounted volume's limits (size, nr_inodes)\n"
	"                                 and flags (ro, noexec, nosuid, nodev, sync)\n";

void cli_help(FILE *to, const struct cli_capabilities *can, const struct cli_program *program)
{
	uint32_t known = can->honours | can->without_effect;
	bool network = can->honours & CLI_VOLUME_PREFIX;

	fprintf(to, "memefs %s: a file system in memory\n\n", program->version);
	fprintf(to, network ? "usage: memefs [options] -m WHERE\n       memefs [options] -u \\SERVER\\SHARE "
			      "[-m WHERE]\n"
			    : "usage: memefs [options] MOUNTPOINT\n");
	if (can->honours & CLI_UNMOUNT_BY_US)
		fputs("       memefs --unmount MOUNTPOINT\n", to);
	fputs("\noptions:\n", to);
	for (size_t i = 0; i < option_rule_count; i++) {
		uint32_t bit = option_rules[i].capability;

		if (!bit || (known & bit))
			put_rule(to, &option_rules[i], !bit || (can->honours & bit));
	}
	if (known & CLI_MOUNT_WORDS)
		fputs(words_text, to);
	if (program->notice)
		fprintf(to, "\n%s", program->notice);
}

void cli_version(FILE *to, const struct cli_program *program)
{
	fprintf(to,
		"memefs %s (%s)\nCopyright (c) 2026 The memefs authors\n"
		"MIT License: you may use, copy, change and pass it on; there is no warranty.\n",
		program->version, program->system);
	if (program->notice)
		fprintf(to, "\n%s", program->notice);
}
