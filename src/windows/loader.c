/*
 * loader.c: finding WinFsp's DLL, and its functions in it.
 *
 * The current directory is never searched: the program may run as a service.
 */
#include "loader.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define WHERE_FROM "Install WinFsp 2.2 or later from https://winfsp.dev/rel/ and start memefs again."

struct import {
	const char *name;
	size_t at; /* in struct wfs_api */
	bool optional;
};

static const struct import imports[] = {
	{"FspVersion", offsetof(struct wfs_api, get_version), false},
	{"FspFileSystemCreate", offsetof(struct wfs_api, create), false},
	{"FspFileSystemDelete", offsetof(struct wfs_api, delete_), false},
	{"FspFileSystemSetMountPoint", offsetof(struct wfs_api, set_mount_point), false},
	{"FspFileSystemStartDispatcher", offsetof(struct wfs_api, start_dispatcher), false},
	{"FspFileSystemStopDispatcher", offsetof(struct wfs_api, stop_dispatcher), false},
	{"FspFileSystemStopServiceIfNecessary", offsetof(struct wfs_api, stop_service_if_necessary), true},
	{"FspFileSystemAddDirInfo", offsetof(struct wfs_api, add_dir_info), false},
	{"FspFileSystemAddStreamInfo", offsetof(struct wfs_api, add_stream_info), false},
	{"FspFileSystemResolveReparsePoints", offsetof(struct wfs_api, resolve_reparse_points), false},
	{"FspSetSecurityDescriptor", offsetof(struct wfs_api, set_security), false},
	{"FspDeleteSecurityDescriptor", offsetof(struct wfs_api, delete_security), false},
	{"FspServiceRunEx", offsetof(struct wfs_api, service_run), false},
	{"FspServiceLog", offsetof(struct wfs_api, service_log), false},
	{"FspDebugLogSetHandle", offsetof(struct wfs_api, debug_log_set_handle), false},
};

#define PATH_UNITS 1024u

static HMODULE load_path(const WCHAR *path)
{
	/* With its own folder searched for what the DLL needs itself. */
	return LoadLibraryExW(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
}

static HMODULE load_beside_program(void)
{
	WCHAR path[PATH_UNITS];
	DWORD units = GetModuleFileNameW(NULL, path, PATH_UNITS);
	if (units == 0 || units >= PATH_UNITS)
		return NULL;
	while (units > 0 && path[units - 1] != L'\\')
		units--;
	if (units + sizeof WFS_DLL_NAME / sizeof(WCHAR) > PATH_UNITS)
		return NULL;
	memcpy(path + units, WFS_DLL_NAME, sizeof WFS_DLL_NAME);
	return load_path(path);
}

static HMODULE load_from_path_variable(void)
{
	/* The longest value that an environment variable can have. */
	static const DWORD variable_units = 32768;
	HMODULE module = NULL;
	WCHAR found[PATH_UNITS];
	WCHAR *variable = HeapAlloc(GetProcessHeap(), 0, variable_units * sizeof(WCHAR));
	if (variable == NULL)
		return NULL;
	DWORD units = GetEnvironmentVariableW(L"PATH", variable, variable_units);
	if (units != 0 && units < variable_units) {
		units = SearchPathW(variable, WFS_DLL_NAME, NULL, PATH_UNITS, found, NULL);
		if (units != 0 && units < PATH_UNITS)
			module = load_path(found);
	}
	HeapFree(GetProcessHeap(), 0, variable);
	return module;
}

static HMODULE load_installed(void)
{
	static const WCHAR behind[] = L"bin\\" WFS_DLL_NAME;
	HKEY key;
	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, WFS_REGISTRY_KEY, 0, KEY_QUERY_VALUE | KEY_WOW64_32KEY, &key) !=
	    ERROR_SUCCESS)
		return NULL;
	WCHAR path[PATH_UNITS];
	DWORD type = 0, bytes = sizeof path - sizeof behind - 2 * sizeof(WCHAR);
	LSTATUS error = RegQueryValueExW(key, WFS_REGISTRY_INSTALL_DIR, NULL, &type, (BYTE *)path, &bytes);
	RegCloseKey(key);
	if (error != ERROR_SUCCESS || type != REG_SZ)
		return NULL;
	size_t units = bytes / sizeof(WCHAR);
	while (units > 0 && path[units - 1] == L'\0')
		units--;
	if (units == 0)
		return NULL;
	if (path[units - 1] != L'\\')
		path[units++] = L'\\';
	memcpy(path + units, behind, sizeof behind);
	return load_path(path);
}

bool loader_load(struct wfs_api *api, char message[LOADER_MESSAGE_BYTES])
{
	memset(api, 0, sizeof *api);
	api->module = load_beside_program();
	if (api->module == NULL)
		api->module = load_from_path_variable();
	if (api->module == NULL)
		api->module = load_installed();
	if (api->module == NULL) {
		snprintf(message, LOADER_MESSAGE_BYTES,
			 "memefs: WinFsp is not installed (%ls was not found). " WHERE_FROM, WFS_DLL_NAME);
		return false;
	}

	const char *missing = NULL;
	for (size_t i = 0; i < sizeof imports / sizeof imports[0]; i++) {
		FARPROC found = GetProcAddress(api->module, imports[i].name);
		if (found != NULL)
			memcpy((char *)api + imports[i].at, &found, sizeof found);
		else if (!imports[i].optional && missing == NULL)
			missing = imports[i].name;
	}
	if (api->get_version != NULL && api->get_version(&api->version) < 0)
		api->version = 0;
	if (missing == NULL && api->version >= WFS_VERSION_NEEDED)
		return true;

	snprintf(message, LOADER_MESSAGE_BYTES,
		 "memefs: WinFsp %u.%u is too old: 1.10 is needed, 2.2 or later recommended%s%s. " WHERE_FROM,
		 api->version >> 16, api->version & 0xFFFFu, missing ? "; it lacks " : "",
		 missing ? missing : "");
	return false;
}
