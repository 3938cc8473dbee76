/*
 * launcher.c: --register-launcher and --unregister-launcher: the entry in the registry from
 * which WinFsp's launcher starts file systems.
 *
 * With it, "net use X: \\NAME\share" and launchctl mount.
 */
#include "program.h"

#include <sddl.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define KEY_UNITS 512u

/* Only SYSTEM and administrators may start, stop and ask. */
static const WCHAR default_security[] = L"D:P(A;;RPWPLC;;;SY)(A;;RPWPLC;;;BA)";

static int complain(const char *what, const char *name, LSTATUS error)
{
	fprintf(stderr, "memefs: %s '%s' failed (error %ld)%s\n", what, name, error,
		error == ERROR_ACCESS_DENIED	? ": an administrator is needed"
		: error == ERROR_FILE_NOT_FOUND ? ": there is none of this name"
						: "");
	return EXIT_FAILED;
}

/* SOFTWARE\WinFsp\Services\NAME */
static bool key_path(const char *name, WCHAR path[KEY_UNITS])
{
	static const WCHAR head[] = WFS_REGISTRY_SERVICES L"\\";
	memcpy(path, head, sizeof head);
	return text_to_wide(name, path + sizeof head / sizeof(WCHAR) - 1,
			    KEY_UNITS - sizeof head / sizeof(WCHAR));
}

/* Whether one of the user's own words has a placeholder in it. */
static bool mentions(const struct arguments *arguments, const WCHAR *placeholder)
{
	for (int i = 1; i < arguments->argc; i++)
		if (wcsstr(arguments->wide[i], placeholder))
			return true;
	return false;
}

/* The launcher puts the share's name for %1 and the drive for %2. */
static bool instance_command(const struct arguments *arguments, const struct cli_options *options,
			     struct command_line *line)
{
	command_line_add_rest(line, arguments, options->action_at, options->action_words, true);
	if (line->units == 0) {
		command_line_add(line, L"-i", true);
		command_line_add(line, L"-F", true);
		command_line_add(line, L"NTFS", true);
	}
	if (!mentions(arguments, L"%1")) {
		command_line_add(line, L"-u", true);
		command_line_add(line, L"%1", true);
	}
	if (!mentions(arguments, L"%2")) {
		command_line_add(line, L"-m", true);
		command_line_add(line, L"%2", true);
	}
	return !line->overflow;
}

static bool is_security(const WCHAR *sddl)
{
	PSECURITY_DESCRIPTOR descriptor;
	if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1, &descriptor, NULL))
		return false;
	LocalFree(descriptor);
	return true;
}

static LSTATUS set_text(HKEY key, const WCHAR *name, const WCHAR *value)
{
	return RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)value,
			      (DWORD)((wcslen(value) + 1) * sizeof(WCHAR)));
}

static LSTATUS write_entry(const WCHAR *path, const WCHAR *program, const WCHAR *command,
			   const WCHAR *security)
{
	HKEY key;
	DWORD job_control = 1; /* the instance ends with the launcher */
	LSTATUS error = RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_SET_VALUE | KEY_WOW64_32KEY,
					NULL, &key, NULL);
	if (error != ERROR_SUCCESS)
		return error;
	error = set_text(key, L"Executable", program);
	if (error == ERROR_SUCCESS)
		error = set_text(key, L"CommandLine", command);
	if (error == ERROR_SUCCESS)
		error = set_text(key, L"Security", security);
	if (error == ERROR_SUCCESS)
		error = RegSetValueExW(key, L"JobControl", 0, REG_DWORD, (const BYTE *)&job_control,
				       sizeof job_control);
	RegCloseKey(key);
	if (error != ERROR_SUCCESS)
		RegDeleteKeyExW(HKEY_LOCAL_MACHINE, path, KEY_WOW64_32KEY, 0);
	return error;
}

int launcher_register(const struct arguments *arguments, const struct cli_options *options)
{
	struct command_line line = {.units = 0};
	WCHAR path[KEY_UNITS], program[WFS_PATH_UNITS];
	const WCHAR *security =
		arguments->launcher_security ? arguments->launcher_security : default_security;

	if (!key_path(options->target, path) || !program_path(program, WFS_PATH_UNITS) ||
	    !instance_command(arguments, options, &line)) {
		fprintf(stderr, "memefs: the launcher entry's name or command line is too long\n");
		return EXIT_FAILED;
	}
	if (!is_security(security)) {
		fprintf(stderr, "memefs: --launcher-security is not a security descriptor in SDDL\n");
		return CLI_EXIT_WRONG;
	}
	LSTATUS error = write_entry(path, program, line.text, security);
	if (error != ERROR_SUCCESS)
		return complain("registering", options->target, error);
	printf("WinFsp's launcher knows '%s' now: \"net use X: \\\\%s\\share\" mounts.\n", options->target,
	       options->target);
	return EXIT_SUCCESS;
}

int launcher_unregister(const struct cli_options *options)
{
	WCHAR path[KEY_UNITS];
	if (!key_path(options->target, path)) {
		fprintf(stderr, "memefs: the launcher entry's name is too long\n");
		return EXIT_FAILED;
	}
	LSTATUS error = RegDeleteKeyExW(HKEY_LOCAL_MACHINE, path, KEY_WOW64_32KEY, 0);
	return error == ERROR_SUCCESS ? EXIT_SUCCESS : complain("unregistering", options->target, error);
}
