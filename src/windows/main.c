/*
 * main.c: what the command line asks for.
 */
#include <stdio.h>

#include "loader.h"
#include "program.h"
#include "text.h"

const struct cli_capabilities program_capabilities = {
	.honours = CLI_FLUSH | CLI_FILESYSTEM_NAME | CLI_ROOT_SDDL | CLI_VOLUME_PREFIX | CLI_TIMEOUT |
		   CLI_DEBUG | CLI_SERVICE | CLI_LAUNCHER,
	.root_mode = 0755,
};

static const char notice[] = "WinFsp - Windows File System Proxy, Copyright (C) Bill Zissimopoulos\n"
			     "https://github.com/winfsp/winfsp\n";

/* Tells the version of WinFsp when it is there; --help and --version need none. */
static void put_text(const struct cli_options *options)
{
	char system[128], message[LOADER_MESSAGE_BYTES];
	struct wfs_api api;
	loader_load(&api, message);
	if (api.version != 0)
		snprintf(system, sizeof system, "Windows, WinFsp %u.%u", api.version >> 16,
			 api.version & 0xFFFFu);
	else
		snprintf(system, sizeof system, "Windows, WinFsp not installed");
	const struct cli_program program = {.version = MEMEFS_VERSION, .system = system, .notice = notice};
	if (options->action == CLI_VERSION) {
		cli_version(stdout, &program);
		return;
	}
	cli_help(stdout, &program_capabilities, &program);
	fputs("\nWith --register-launcher, --launcher-security=SDDL says who may start it\n"
	      "(administrators and SYSTEM when not given).\n",
	      stdout);
}

static int act(const struct arguments *arguments, const struct cli_options *options)
{
	switch (options->action) {
	case CLI_HELP:
	case CLI_VERSION:
		put_text(options);
		return EXIT_SUCCESS;
	case CLI_INSTALL_SERVICE:
		return scm_install(arguments, options);
	case CLI_REMOVE_SERVICE:
		return scm_remove(options);
	case CLI_REGISTER_LAUNCHER:
		return launcher_register(arguments, options);
	case CLI_UNREGISTER_LAUNCHER:
		return launcher_unregister(options);
	case CLI_MOUNT:
		return service_run(arguments, options);
	case CLI_UNMOUNT:
	case CLI_STATUS:
	case CLI_STATS:
	case CLI_NOTHING:
		break;
	}
	return EXIT_FAILED; /* not among our capabilities */
}

int main(void)
{
	char message[CLI_MESSAGE_BYTES];
	struct arguments arguments;
	struct cli_options options;
	int result = CLI_EXIT_WRONG;

	if (!arguments_get(&arguments)) {
		fputs("memefs: no memory\n", stderr);
		result = EXIT_FAILED;
	} else if (!cli_parse(arguments.argc, arguments.bytes, &program_capabilities, &options, message)) {
		/* A service has nobody at stderr. */
		text_log_alone(EVENTLOG_ERROR_TYPE, message);
	} else if (arguments.launcher_security && options.action != CLI_REGISTER_LAUNCHER) {
		fputs("memefs: --launcher-security goes with --register-launcher only\n", stderr);
	} else {
		fputs(message, stderr);
		result = act(&arguments, &options);
	}
	arguments_free(&arguments);
	return result;
}
