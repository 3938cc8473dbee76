/*
 * service.c: the exports that run a program, and what is told to people.
 */
#include "bridge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_ODD 70 /* the status of a process with odd answers */

/* There is one service in a process. */
static struct {
	HANDLE end; /* signalled: the service is to stop */
	HANDLE debug_to;
	atomic_uint oddities;
} process;

void bridge_odd(const char *format, ...)
{
	char text[300];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (atomic_fetch_add(&process.oddities, 1) < 50)
		dprintf(2, "bridge: odd: %s\n", text);
}

unsigned bridge_oddities(void)
{
	return process.oddities;
}

void service_debug(const char *format, ...)
{
	char text[300];
	DWORD done;
	va_list arguments;
	if (process.debug_to == NULL || process.debug_to == INVALID_HANDLE_VALUE)
		return;
	va_start(arguments, format);
	int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (size > 0)
		WriteFile(process.debug_to, text, (DWORD)size, &done, NULL);
}

void __stdcall FspDebugLogSetHandle(HANDLE handle)
{
	process.debug_to = handle;
}

/* In ntdll: formats as wsprintfW does. */
extern int __cdecl _vsnwprintf(WCHAR *to, size_t units, const WCHAR *format, __ms_va_list arguments);

void WINAPIV FspServiceLog(ULONG type, WCHAR *format, ...)
{
	WCHAR text[1024];
	char bytes[3 * 1024 + 1];
	__ms_va_list arguments;
	(void)type;
	__ms_va_start(arguments, format);
	int units = _vsnwprintf(text, 1023, format, arguments);
	__ms_va_end(arguments);
	if (units < 0)
		units = 1023;
	int size = WideCharToMultiByte(CP_UTF8, 0, text, units, bytes, 3 * 1024, NULL, NULL);
	dprintf(2, "%.*s\n", size, bytes);
}

/* ---- running ----------------------------------------------------------------------------------- */

void service_end(void)
{
	if (process.end != NULL)
		SetEvent(process.end);
}

void __stdcall FspFileSystemStopServiceIfNecessary(struct wfs_file_system *fs, BOOLEAN normally)
{
	(void)fs;
	if (!normally)
		service_end();
}

static BOOL WINAPI on_console(DWORD type)
{
	if (type != CTRL_LOGOFF_EVENT)
		service_end();
	return TRUE;
}

static struct wfs_service *service_new(const WCHAR *name)
{
	size_t bytes = (text_units(name) + 1) * sizeof *name;
	struct wfs_service *service = calloc(1, sizeof *service + bytes);
	if (service == NULL)
		return NULL;
	memcpy(service->service_name, name, bytes);
	service->allow_console_mode = TRUE;
	InitializeCriticalSection(&service->status_guard);
	InitializeCriticalSection(&service->stop_guard);
	return service;
}

static void service_free(struct wfs_service *service)
{
	DeleteCriticalSection(&service->stop_guard);
	DeleteCriticalSection(&service->status_guard);
	free(service);
}

/* Start, wait, stop. Returns the exit status of the process. */
static ULONG run(struct wfs_service *service)
{
	WCHAR *words[] = {service->service_name, NULL};
	NTSTATUS status = service->on_start(service, 1, words);
	if (status < 0) {
		dprintf(2, "bridge: the program did not start (status %08x)\n", (unsigned)status);
		return RtlNtStatusToDosError(status);
	}
	WaitForSingleObject(process.end, INFINITE);
	status = service->on_stop != NULL ? service->on_stop(service) : STATUS_SUCCESS;
	if (status < 0) {
		dprintf(2, "bridge: the program did not stop (status %08x)\n", (unsigned)status);
		return RtlNtStatusToDosError(status);
	}
	return service->exit_code;
}

ULONG __stdcall FspServiceRunEx(WCHAR *name, wfs_service_start_fn *start, wfs_service_stop_fn *stop,
				wfs_service_control_fn *control, void *user_context)
{
	struct wfs_service *service = service_new(name);
	process.end = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (service == NULL || process.end == NULL)
		return ERROR_NOT_ENOUGH_MEMORY;
	service->user_context = user_context;
	service->on_start = start;
	service->on_stop = stop;
	service->on_control = control;
	SetConsoleCtrlHandler(on_console, TRUE);
	ULONG code = run(service);
	SetConsoleCtrlHandler(on_console, FALSE);
	service_free(service);
	if (bridge_oddities() != 0)
		dprintf(2, "bridge: %u odd answers\n", bridge_oddities());
	return code == 0 && bridge_oddities() != 0 ? EXIT_ODD : code;
}
