/*
 * in_service.c: what is done with the volume of a program that the service manager started.
 *
 * A few requests prove that it is there; then it waits for the stop.
 */
#include "check.h"

static struct host_file *open_as(struct host_fs *fs, const WCHAR *name, ULONG disposition, ULONG options)
{
	struct host_open how = {.name = name, .disposition = disposition, .options = options};
	struct host_file *file;

	NTSTATUS status = host_open(fs, &how, &file, NULL);
	return want(status, STATUS_SUCCESS, "opening %ls", name) ? file : NULL;
}

void service_run(struct host_fs *fs)
{
	UINT64 used = bytes_used(fs);

	report_case("service");
	shut(open_as(fs, L"\\directory", FILE_CREATE, FILE_DIRECTORY_FILE));
	struct host_file *file = open_as(fs, L"\\directory\\file", FILE_CREATE, 0);
	yes(put(file, 0, "in a service", 12) && holds(file, 0, "in a service", 12), "write and read");
	shut(file);
	file = open_as(fs, L"\\directory\\file", FILE_OPEN, 0);
	yes(holds(file, 0, "in a service", 12), "read again");
	shut(file);
	want(delete_path(fs, L"\\directory\\file"), STATUS_SUCCESS, "delete");
	want(delete_path(fs, L"\\directory"), STATUS_SUCCESS, "delete the directory");
	want_number(bytes_used(fs), used, "every byte comes back");
	yes(!FspServiceIsInteractive() == (host_setting("MEMEFS_HOST_CONSOLE") == NULL),
	    "runs as it was started");
}
