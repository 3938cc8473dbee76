/*
 * service.c: the exports that run a program as a console program or a Windows service, and the logs.
 *
 * The same order of states, callbacks and messages as WinFsp's: the program's start and stop see
 * what they would see there.
 */
#include "host.h"

#include <shellapi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One service for each process, as the service control manager has it. */
static struct {
	struct fsp_service *service;
	HANDLE stop_event; /* console: CTRL-C, CTRL-BREAK or the script's end */
	HANDLE debug_to;
} process = {NULL, NULL, INVALID_HANDLE_VALUE};

/* ---- logs ------------------------------------------------------------------------------------ */

static void write_text(HANDLE to, const char *text)
{
	DWORD done;
	WriteFile(to, text, (DWORD)strlen(text), &done, NULL);
}

FSP_EXPORT void FspDebugLogSetHandle(HANDLE handle)
{
	process.debug_to = handle;
}

FSP_EXPORT void FspDebugLog(const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (process.debug_to != INVALID_HANDLE_VALUE)
		write_text(process.debug_to, text);
	else
		OutputDebugStringA(text);
}

FSP_EXPORT void FspEventLogV(ULONG type, WCHAR *format, va_list arguments)
{
	WCHAR text[1024];
	const WCHAR *strings[1] = {text};

	vswprintf(text, 1024, format, arguments);
	HANDLE source = RegisterEventSourceW(NULL, L"WinFsp");
	if (!source)
		return;
	ReportEventW(source, (WORD)type, 0, 1, NULL, 1, 0, strings, NULL);
	DeregisterEventSource(source);
}

FSP_EXPORT void FspEventLog(ULONG type, WCHAR *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	FspEventLogV(type, format, arguments);
	va_end(arguments);
}

FSP_EXPORT BOOLEAN FspServiceIsInteractive(void)
{
	return !process.service || !process.service->status_handle;
}

FSP_EXPORT void FspServiceLogV(ULONG type, WCHAR *format, va_list arguments)
{
	WCHAR text[1024];
	char bytes[3 * 1024 + 2];

	if (!FspServiceIsInteractive()) {
		FspEventLogV(type, format, arguments);
		return;
	}
	int units = vswprintf(text, 1023, format, arguments);
	int size = units < 0 ? 0 : WideCharToMultiByte(CP_UTF8, 0, text, units, bytes, 3 * 1024, NULL, NULL);
	bytes[size++] = '\n';
	bytes[size] = 0;
	write_text(GetStdHandle(STD_ERROR_HANDLE), bytes);
}

FSP_EXPORT void FspServiceLog(ULONG type, WCHAR *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	FspServiceLogV(type, format, arguments);
	va_end(arguments);
}

/* ---- status codes -------------------------------------------------------------------------------- */

FSP_EXPORT ULONG FspWin32FromNtStatus(NTSTATUS status)
{
	return RtlNtStatusToDosError(status);
}

FSP_EXPORT NTSTATUS FspNtStatusFromWin32(DWORD error)
{
	static const struct {
		DWORD error;
		NTSTATUS status;
	} known[] = {
		{ERROR_SUCCESS, STATUS_SUCCESS},
		{ERROR_FILE_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
		{ERROR_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
		{ERROR_ACCESS_DENIED, STATUS_ACCESS_DENIED},
		{ERROR_NOT_ENOUGH_MEMORY, STATUS_INSUFFICIENT_RESOURCES},
		{ERROR_ALREADY_EXISTS, STATUS_OBJECT_NAME_COLLISION},
		{ERROR_FILE_EXISTS, STATUS_OBJECT_NAME_COLLISION},
		{ERROR_SHARING_VIOLATION, STATUS_SHARING_VIOLATION},
		{ERROR_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
		{ERROR_INVALID_NAME, STATUS_OBJECT_NAME_INVALID},
		{ERROR_DISK_FULL, STATUS_DISK_FULL},
		{ERROR_INSUFFICIENT_BUFFER, STATUS_BUFFER_TOO_SMALL},
		{ERROR_INVALID_SECURITY_DESCR, STATUS_INVALID_SECURITY_DESCR},
		{ERROR_PRIVILEGE_NOT_HELD, STATUS_PRIVILEGE_NOT_HELD},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].error == error)
			return known[i].status;
	return STATUS_UNSUCCESSFUL;
}

/* ---- states -------------------------------------------------------------------------------------- */

static void set_state(struct fsp_service *service, DWORD state, DWORD accepted)
{
	EnterCriticalSection(&service->status_guard);
	service->status.dwCurrentState = state;
	service->status.dwControlsAccepted = accepted;
	if (service->status_handle)
		SetServiceStatus(service->status_handle, &service->status);
	else if (process.stop_event && state == SERVICE_STOPPED)
		SetEvent(process.stop_event);
	LeaveCriticalSection(&service->status_guard);
}

FSP_EXPORT void FspServiceAllowConsoleMode(struct fsp_service *service)
{
	service->console_allowed = TRUE;
}

FSP_EXPORT void FspServiceAcceptControl(struct fsp_service *service, ULONG control)
{
	service->accept = control & ~(ULONG)SERVICE_ACCEPT_PAUSE_CONTINUE;
}

FSP_EXPORT void FspServiceRequestTime(struct fsp_service *service, ULONG time)
{
	EnterCriticalSection(&service->status_guard);
	service->status.dwCheckPoint++;
	service->status.dwWaitHint = time;
	if (service->status_handle)
		SetServiceStatus(service->status_handle, &service->status);
	LeaveCriticalSection(&service->status_guard);
}

FSP_EXPORT void FspServiceSetExitCode(struct fsp_service *service, ULONG code)
{
	service->exit_code = code;
}

FSP_EXPORT ULONG FspServiceGetExitCode(struct fsp_service *service)
{
	return service->status.dwWin32ExitCode;
}

FSP_EXPORT void FspServiceStop(struct fsp_service *service)
{
	if (!TryEnterCriticalSection(&service->stop_guard))
		return;
	DWORD before = service->status.dwCurrentState, accepted = service->status.dwControlsAccepted;
	if (before == SERVICE_STOPPED)
		goto out;
	set_state(service, SERVICE_STOP_PENDING, 0);
	NTSTATUS status = service->on_stop ? service->on_stop(service) : STATUS_SUCCESS;
	if (NT_SUCCESS(status)) {
		FspServiceLog(EVENTLOG_INFORMATION_TYPE, L"The service %ls has been stopped.", service->name);
		service->status.dwWin32ExitCode = service->exit_code;
		set_state(service, SERVICE_STOPPED, 0);
	} else {
		set_state(service, before, accepted);
		FspServiceLog(EVENTLOG_ERROR_TYPE, L"The service %ls has failed to stop (Status=%lx).",
			      service->name, (unsigned long)status);
	}
out:
	LeaveCriticalSection(&service->stop_guard);
}

static DWORD WINAPI stop_main(void *context)
{
	FspServiceStop(context);
	return 0;
}

void host_stop_service(void)
{
	if (process.stop_event) {
		SetEvent(process.stop_event);
	} else if (process.service) {
		HANDLE thread = CreateThread(NULL, 0, stop_main, process.service, 0, NULL);
		if (thread)
			CloseHandle(thread);
	}
}

FSP_EXPORT void FspFileSystemStopServiceIfNecessary(fsp_fs *fs, BOOLEAN normally)
{
	(void)fs;
	if (!normally)
		host_stop_service();
}

static void start(struct fsp_service *service, DWORD count, WCHAR **arguments)
{
	set_state(service, SERVICE_RUNNING, 0);
	NTSTATUS status = service->on_start ? service->on_start(service, count, arguments) : STATUS_SUCCESS;
	if (NT_SUCCESS(status)) {
		set_state(service, SERVICE_RUNNING, service->accept);
		FspServiceLog(EVENTLOG_INFORMATION_TYPE, L"The service %ls has been started.", service->name);
	} else {
		service->status.dwWin32ExitCode = FspWin32FromNtStatus(status);
		FspServiceLog(EVENTLOG_ERROR_TYPE, L"The service %ls has failed to start (Status=%lx).",
			      service->name, (unsigned long)status);
		set_state(service, SERVICE_STOPPED, 0);
	}
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
	struct fsp_service *service = context;

	switch (control) {
	case SERVICE_CONTROL_SHUTDOWN:
	case SERVICE_CONTROL_STOP:
		FspServiceStop(service);
		return NO_ERROR;
	case SERVICE_CONTROL_PAUSE:
	case SERVICE_CONTROL_CONTINUE:
		return ERROR_CALL_NOT_IMPLEMENTED;
	case SERVICE_CONTROL_INTERROGATE:
		return NO_ERROR;
	default:
		return service->on_control
			       ? FspWin32FromNtStatus(service->on_control(service, control, type, data))
			       : NO_ERROR;
	}
}

static void WINAPI service_main(DWORD count, WCHAR **arguments)
{
	struct fsp_service *service = process.service;

	service->status_handle = RegisterServiceCtrlHandlerExW(service->name, on_control, service);
	if (service->status_handle)
		start(service, count, arguments);
}

/* ---- console ---------------------------------------------------------------------------------------- */

static BOOL WINAPI on_console(DWORD type)
{
	if (type == CTRL_LOGOFF_EVENT)
		return TRUE;
	SetEvent(process.stop_event);
	return TRUE;
}

void host_press(DWORD type)
{
	on_console(type);
}

static DWORD WINAPI console_main(void *context)
{
	WCHAR **arguments = context;
	DWORD count = 0;

	while (arguments[count])
		count++;
	start(process.service, count, arguments);
	return 0;
}

static NTSTATUS run_in_console(struct fsp_service *service)
{
	int count;

	process.stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!process.stop_event || !SetConsoleCtrlHandler(on_console, TRUE))
		return FspNtStatusFromWin32(GetLastError());
	WCHAR **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
	if (!arguments)
		return FspNtStatusFromWin32(GetLastError());
	arguments[0] = service->name;
	HANDLE thread = CreateThread(NULL, 0, console_main, arguments, 0, NULL);
	if (!thread) {
		LocalFree(arguments);
		return FspNtStatusFromWin32(GetLastError());
	}
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
	LocalFree(arguments);
	WaitForSingleObject(process.stop_event, INFINITE);
	if (service->accept & SERVICE_ACCEPT_STOP)
		FspServiceStop(service);
	return STATUS_SUCCESS;
}

static struct fsp_service *service_new(const WCHAR *name)
{
	size_t bytes = (wcslen(name) + 1) * sizeof *name;
	struct fsp_service *service = calloc(1, sizeof *service + bytes);

	if (!service)
		return NULL;
	memcpy(service->name, name, bytes);
	service->status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
	service->status.dwCurrentState = SERVICE_STOPPED;
	InitializeCriticalSection(&service->status_guard);
	InitializeCriticalSection(&service->stop_guard);
	return service;
}

FSP_EXPORT NTSTATUS FspServiceCreate(WCHAR *name, fsp_start_fn *on_start, fsp_stop_fn *on_stop,
				     fsp_control_fn *on_ctl, struct fsp_service **result)
{
	struct fsp_service *service = *result = service_new(name);

	if (!service)
		return STATUS_INSUFFICIENT_RESOURCES;
	service->on_start = on_start;
	service->on_stop = on_stop;
	service->on_control = on_ctl;
	service->accept = on_stop ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
	return STATUS_SUCCESS;
}

FSP_EXPORT void FspServiceDelete(struct fsp_service *service)
{
	DeleteCriticalSection(&service->stop_guard);
	DeleteCriticalSection(&service->status_guard);
	free(service);
}

FSP_EXPORT NTSTATUS FspServiceLoop(struct fsp_service *service)
{
	SERVICE_TABLE_ENTRYW table[2] = {{service->name, service_main}, {NULL, NULL}};
	NTSTATUS status = STATUS_SUCCESS;

	process.service = service;
	/* A script run is a console program; asking the service manager would only cost time. */
	bool console = host_setting("MEMEFS_HOST_CONSOLE") != NULL;
	if (console || !StartServiceCtrlDispatcherW(table)) {
		DWORD error = console ? ERROR_FAILED_SERVICE_CONTROLLER_CONNECT : GetLastError();
		if (!service->console_allowed || error != ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
			status = FspNtStatusFromWin32(error);
		else
			status = run_in_console(service);
	}
	process.service = NULL;
	return status;
}

FSP_EXPORT ULONG FspServiceRunEx(WCHAR *name, fsp_start_fn *on_start, fsp_stop_fn *on_stop,
				 fsp_control_fn *on_ctl, void *context)
{
	struct fsp_service *service;

	NTSTATUS status = FspServiceCreate(name, on_start, on_stop, on_ctl, &service);
	if (!NT_SUCCESS(status))
		return FspWin32FromNtStatus(status);
	service->user_context = context;
	FspServiceAllowConsoleMode(service);
	status = FspServiceLoop(service);
	ULONG code = FspServiceGetExitCode(service);
	FspServiceDelete(service);
	if (!NT_SUCCESS(status)) {
		FspServiceLog(EVENTLOG_ERROR_TYPE, L"The service %ls has failed to run (Status=%lx).", name,
			      (unsigned long)status);
		return FspWin32FromNtStatus(status);
	}
	return code;
}
