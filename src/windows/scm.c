/*
 * scm.c: --install-service and --remove-service.
 *
 * WinFsp's launcher starts nothing at boot; a service of our own does, after WinFsp's, and as
 * SYSTEM mounts for every user.
 */
#include <stdio.h>

#include "program.h"
#include "text.h"

#define NAME_UNITS 256u
#define STOP_MILLISECONDS 10000u
#define STOP_STEP 50u

static int complain(const char *what, const char *name, DWORD error)
{
	const char *hint = "";
	if (error == ERROR_ACCESS_DENIED)
		hint = ": an administrator is needed";
	else if (error == ERROR_SERVICE_EXISTS)
		hint = ": there is one of this name";
	else if (error == ERROR_SERVICE_DOES_NOT_EXIST)
		hint = ": there is none of this name";
	else if (error == ERROR_SERVICE_MARKED_FOR_DELETE)
		hint = ": the old one is not gone yet";
	fprintf(stderr, "memefs: %s '%s' failed (error %lu)%s\n", what, name, error, hint);
	return EXIT_FAILED;
}

/* What the event log shows is our text alone when the message file only says "%1". */
static void register_event_source(void)
{
	static const WCHAR file[] = L"%SystemRoot%\\System32\\EventCreate.exe";
	DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
	HKEY key;
	if (RegCreateKeyExW(HKEY_LOCAL_MACHINE,
			    L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\memefs", 0, NULL, 0,
			    KEY_SET_VALUE, NULL, &key, NULL) != ERROR_SUCCESS)
		return;
	RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ, (const BYTE *)file, sizeof file);
	RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types, sizeof types);
	RegCloseKey(key);
}

static void describe(SC_HANDLE service)
{
	WCHAR text[] = L"Mounts a memefs volume: a file system in memory, served through WinFsp.";
	SERVICE_DESCRIPTIONW description = {text};
	ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &description);
}

/* "path\memefs.exe" and the options. False: too long. */
static bool service_command(const struct arguments *arguments, const struct cli_options *options,
			    struct command_line *line)
{
	WCHAR path[WFS_PATH_UNITS];
	if (!program_path(path, WFS_PATH_UNITS))
		return false;
	command_line_add(line, path, false);
	command_line_add_rest(line, arguments, options->action_at, options->action_words, false);
	return !line->overflow;
}

int scm_install(const struct arguments *arguments, const struct cli_options *options)
{
	static const WCHAR depends_on[] = WFS_LAUNCHER_SERVICE L"\0"; /* a list: two terminators */
	struct command_line line = {.units = 0};
	WCHAR name[NAME_UNITS];
	SC_HANDLE manager = NULL, service = NULL;
	int result = EXIT_FAILED;

	if (!text_to_wide(options->target, name, NAME_UNITS) || !service_command(arguments, options, &line)) {
		fprintf(stderr, "memefs: the service's name or command line is too long\n");
		return EXIT_FAILED;
	}
	manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
	if (manager == NULL)
		return complain("installing the service", options->target, GetLastError());
	service = CreateServiceW(manager, name, name, SERVICE_CHANGE_CONFIG, SERVICE_WIN32_OWN_PROCESS,
				 SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, line.text, NULL, NULL, depends_on,
				 NULL, NULL);
	if (service == NULL) {
		result = complain("installing the service", options->target, GetLastError());
		goto out;
	}
	describe(service);
	register_event_source();
	printf("The service '%s' mounts at every boot from now on; \"sc start %s\" mounts now.\n",
	       options->target, options->target);
	CloseServiceHandle(service);
	result = EXIT_SUCCESS;
out:
	CloseServiceHandle(manager);
	return result;
}

/* True: it is stopped now, or was. */
static bool stop(SC_HANDLE service)
{
	SERVICE_STATUS status;
	if (!ControlService(service, SERVICE_CONTROL_STOP, &status))
		return GetLastError() == ERROR_SERVICE_NOT_ACTIVE;
	for (DWORD waited = 0; waited < STOP_MILLISECONDS; waited += STOP_STEP) {
		if (!QueryServiceStatus(service, &status) || status.dwCurrentState == SERVICE_STOPPED)
			return true;
		Sleep(STOP_STEP);
	}
	return false;
}

int scm_remove(const struct cli_options *options)
{
	WCHAR name[NAME_UNITS];
	int result = EXIT_SUCCESS;
	if (!text_to_wide(options->target, name, NAME_UNITS)) {
		fprintf(stderr, "memefs: the service's name is too long\n");
		return EXIT_FAILED;
	}
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
	if (manager == NULL)
		return complain("removing the service", options->target, GetLastError());
	SC_HANDLE service = OpenServiceW(manager, name, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE);
	if (service == NULL) {
		result = complain("removing the service", options->target, GetLastError());
		goto out;
	}
	if (!stop(service))
		fprintf(stderr, "memefs: the service '%s' does not stop; it goes when it has stopped\n",
			options->target);
	if (!DeleteService(service))
		result = complain("removing the service", options->target, GetLastError());
	CloseServiceHandle(service);
out:
	CloseServiceHandle(manager);
	return result;
}
