/*
 * service.c: console program, Windows service and child of WinFsp's launcher in one, as
 * FspServiceRunEx has it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "filesystem.h"
#include "loader.h"
#include "program.h"
#include "text.h"

/* Start and stop come from different threads, one after the other. */
struct program {
	struct wfs_api api;
	const struct cli_options *options; /* of the process's command line */
	struct filesystem filesystem;
};

/* Words given to StartService replace those of the service's command line. Both begin with a
 * name; as a console program they are the same. */
static NTSTATUS start_with_words(struct program *program, ULONG argc, WCHAR **wide)
{
	char message[CLI_MESSAGE_BYTES];
	struct cli_options options;
	NTSTATUS result = STATUS_INVALID_PARAMETER;
	char **argv = text_argv((int)argc, wide);
	if (argv == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!cli_parse((int)argc, argv, &program_capabilities, &options, message))
		text_log(&program->api, EVENTLOG_ERROR_TYPE, "%s", message);
	else if (options.action != CLI_MOUNT)
		text_log(&program->api, EVENTLOG_ERROR_TYPE, "A service can only mount.");
	else
		result = filesystem_start(&program->filesystem, &program->api, &options);
	free(argv);
	return result;
}

static NTSTATUS WFS_CALL on_start(struct wfs_service *service, ULONG argc, WCHAR **argv)
{
	struct program *program = service->user_context;
	if (argc > 1)
		return start_with_words(program, argc, argv);
	return filesystem_start(&program->filesystem, &program->api, program->options);
}

static NTSTATUS WFS_CALL on_stop(struct wfs_service *service)
{
	struct program *program = service->user_context;
	filesystem_stop(&program->filesystem);
	return STATUS_SUCCESS;
}

int service_run(const struct arguments *arguments, const struct cli_options *options)
{
	char message[LOADER_MESSAGE_BYTES];
	struct program program = {.options = options};
	WCHAR name[] = L"memefs";
	(void)arguments;
	if (!loader_load(&program.api, message)) {
		text_log_alone(EVENTLOG_ERROR_TYPE, message);
		return EXIT_NO_WINFSP;
	}
	return (int)program.api.service_run(name, on_start, on_stop, NULL, &program);
}
