/*
 * fuzz_options: any words as a command line, of either system, and numbers by themselves.
 *
 * Input: a byte of capabilities, then words with a NUL (or a line end) behind each.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "numbers.h"
#include "options.h"

enum { WORDS = 12 };

#define LINUX                                                                                            \
	(CLI_MOUNT_WORDS | CLI_SOURCE | CLI_UNMOUNT_BY_US | CLI_STATUS_BY_US | CLI_TIMEOUT | CLI_DEBUG | \
	 CLI_TMPFS)
#define WINDOWS                                                                                          \
	(CLI_FLUSH | CLI_FILESYSTEM_NAME | CLI_ROOT_SDDL | CLI_VOLUME_PREFIX | CLI_TIMEOUT | CLI_DEBUG | \
	 CLI_SERVICE | CLI_LAUNCHER)

/* ---- numbers --------------------------------------------------------------------------------- */

/* The digits at the start, as far as a number can hold them; false: there are none, or too many. */
static bool digits(const char *text, uint64_t *value, size_t *count)
{
	*value = 0;
	for (*count = 0; text[*count] >= '0' && text[*count] <= '9'; ++*count) {
		if (*value > (UINT64_MAX - 9) / 10)
			return false;
		*value = *value * 10 + (uint64_t)(text[*count] - '0');
	}
	return *count > 0;
}

static void try_number(const char *text)
{
	uint64_t value = 1, expected, total = UINT64_C(123456789012);
	enum number answer = number_count(text, &value);
	size_t count;
	bool known = digits(text, &expected, &count);
	uint32_t narrow = 1;

	if (answer == NUMBER_OK)
		MUST(known && value <= INT64_MAX && value >= expected &&
		     value % (expected ? expected : 1) == 0);
	if (known && !text[count])
		MUST(expected <= INT64_MAX ? answer == NUMBER_OK && value == expected
					   : answer == NUMBER_TOO_BIG);
	answer = number_size(text, total, &value);
	if (known && strcmp(text + count, "%") == 0)
		MUST(expected >= 1 && expected <= 100 ? answer == NUMBER_OK && value <= total
						      : answer != NUMBER_OK);
	answer = number_u32(text, &narrow);
	if (known && !text[count])
		MUST(expected <= UINT32_MAX ? answer == NUMBER_OK && narrow == expected
					    : answer == NUMBER_TOO_BIG);
	for (unsigned base = 8; base <= 16; base += base == 8 ? 2 : 6)
		if (number_plain(text, base, 07777, &value) == NUMBER_OK)
			MUST(value <= 07777);
}

/* ---- command lines ----------------------------------------------------------------------------- */

/* Each message is of whole lines of text, that name the program. */
static void check_message(const char *message, bool good)
{
	size_t size = strlen(message), lines = 0;

	MUST(size < CLI_MESSAGE_BYTES);
	for (size_t i = 0; i < size; i++) {
		if (i == 0 || message[i - 1] == '\n')
			MUST(strncmp(message + i, "memefs: ", 8) == 0);
		MUST((unsigned char)message[i] >= ' ' || message[i] == '\n');
		lines += message[i] == '\n';
	}
	MUST(size == 0 || message[size - 1] == '\n');
	MUST(good || lines == 1);
}

/* What a command line may make of a volume is what a volume can be. */
static void check_volume(const struct cli_options *options)
{
	struct mfs_options volume = {.order = MFS_BY_POSITION};
	struct mfs_volume *made;
	enum mfs_status status;

	MUST(options->max_bytes <= INT64_MAX && options->max_nodes <= INT64_MAX);
	MUST(options->root_mode <= 07777);
	cli_volume_options(options, &volume);
	status = mfs_volume_create(&volume, &made);
	MUST(status == MFS_OK || (status == MFS_NO_SPACE && options->max_bytes > 0));
	if (status == MFS_OK)
		mfs_volume_destroy(made);
}

static void check_options(const struct cli_options *options, const struct cli_capabilities *can, int argc)
{
	MUST((unsigned)options->action <= CLI_UNREGISTER_LAUNCHER);
	MUST(options->unit_sectors >= 1 && options->unit_sectors <= 128);
	MUST(memchr(options->label, 0, sizeof options->label));
	MUST(memchr(options->mount_words, 0, sizeof options->mount_words));
	MUST(options->action_at >= 0 && options->action_at < argc);
	if (options->action == CLI_MOUNT) {
		MUST(options->point || options->volume_prefix);
		if (can->honours & CLI_MOUNT_WORDS)
			MUST(strstr(options->mount_words, "fsname=") &&
			     strstr(options->mount_words, "subtype="));
		check_volume(options);
	}
	if (options->action >= CLI_INSTALL_SERVICE)
		MUST(options->target && options->action_at > 0);
}

static void try_line(int argc, char **argv, uint8_t kind)
{
	struct cli_capabilities can = {.honours = kind & 1 ? WINDOWS : LINUX,
				       .memory_total = UINT64_C(1) << 34,
				       .root_mode = 0755,
				       .root_uid = kind & 2 ? 1000 : 0};
	static char message[CLI_MESSAGE_BYTES];
	static struct cli_options options;
	char *before[WORDS + 1];
	bool good;

	if (kind & 4)
		can.without_effect = (LINUX | WINDOWS) & ~can.honours;
	memcpy(before, argv, sizeof before);
	memset(message, 'x', sizeof message);
	good = cli_parse(argc, argv, &can, &options, message);
	MUST(memchr(message, 0, sizeof message));
	MUST(memcmp(before, argv, sizeof before) == 0);
	check_message(message, good);
	if (good)
		check_options(&options, &can, argc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *argv[WORDS + 1] = {0}, *at;
	int argc = 1;

	if (size < 1 || size > 8192)
		return 0;
	text = malloc(size);
	MUST(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	argv[0] = data[0] & 8 ? "/sbin/mount.memefs" : "memefs";
	for (at = text; argc < WORDS && at < text + size; at += strlen(at) + 1) {
		char *end = strchr(at, '\n');

		if (end)
			*end = 0;
		argv[argc++] = at;
	}
	for (int i = 1; i < argc; i++)
		try_number(argv[i]);
	try_line(argc, argv, data[0]);
	free(text);
	return 0;
}
