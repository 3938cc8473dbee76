/*
 * loader.h: WinFsp's DLL, found and loaded at run time.
 */
#ifndef MEMEFS_WINDOWS_LOADER_H
#define MEMEFS_WINDOWS_LOADER_H

#include <stdbool.h>

#include "abi.h"

/* The oldest WinFsp that has everything the program needs (POSIX unlink and rename), and the
 * one that is recommended (it closes published vulnerabilities). */
#define WFS_VERSION_NEEDED WFS_VERSION(1, 10)
#define WFS_VERSION_RECOMMENDED WFS_VERSION(2, 2)

/* The functions of the DLL that the program calls. */
struct wfs_api {
	HMODULE module;
	UINT32 version; /* major << 16 | minor */
	wfs_version_fn *get_version;
	wfs_create_fn *create;
	wfs_delete_fn *delete_;
	wfs_set_mount_point_fn *set_mount_point;
	wfs_start_dispatcher_fn *start_dispatcher;
	wfs_stop_dispatcher_fn *stop_dispatcher;
	wfs_stop_service_if_necessary_fn *stop_service_if_necessary; /* NULL before WinFsp 2.0 */
	wfs_add_dir_info_fn *add_dir_info;
	wfs_add_stream_info_fn *add_stream_info;
	wfs_resolve_reparse_points_fn *resolve_reparse_points;
	wfs_set_security_fn *set_security;
	wfs_delete_security_fn *delete_security;
	wfs_service_run_fn *service_run;
	wfs_service_log_fn *service_log;
	wfs_debug_log_set_handle_fn *debug_log_set_handle;
};

#define LOADER_MESSAGE_BYTES 1024

/* Loads the DLL: beside the program, on the path, or where WinFsp's installer put it. False:
 * `message` says in one line what is wrong, what to install and where it is found. The DLL
 * stays loaded until the process ends. */
bool loader_load(struct wfs_api *api, char message[LOADER_MESSAGE_BYTES]);

#endif
