/*
 * script.c: which script runs inside the program, named by MEMEFS_HOST_SCRIPT.
 */
#include "check.h"

/* A stop that comes while the program starts finds a script that waits for nothing else. */
static void wait_for_stop(struct host_fs *fs)
{
	while (!fs->stopping)
		Sleep(10);
}

bool script_run(struct host_fs *fs)
{
	const char *name = host_setting("MEMEFS_HOST_SCRIPT");

	report_open();
	if (!name || strcmp(name, "serve") == 0) {
		wait_for_stop(fs);
		return false;
	}
	if (strcmp(name, "break") == 0) {
		host_press(CTRL_BREAK_EVENT);
		wait_for_stop(fs);
		return false;
	}
	if (strcmp(name, "service") == 0) {
		service_run(fs);
		wait_for_stop(fs);
		return false;
	}
	if (strcmp(name, "checks") == 0)
		checks_run(fs);
	else if (strcmp(name, "stress") == 0)
		stress_run(fs);
	else if (strcmp(name, "secrets") == 0)
		secrets_run(fs);
	else if (strcmp(name, "fuzz") == 0)
		fuzz_run(fs);
	else if (strcmp(name, "bench") == 0)
		bench_run(fs);
	else
		report_check(false, "no script is called %s", name);
	return true;
}
