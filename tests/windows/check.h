/*
 * check.h: what the check files share: cases, short ways to open things, expectations.
 *
 * A case works in a directory of its own; around it the runner sees that every byte comes back
 * and that the callbacks the case is about were really called.
 */
#ifndef CHECK_H
#define CHECK_H

#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the program was started, read from its command line. */
struct check_mode {
	bool insensitive, flush, limited;
	UINT64 limit; /* bytes, when limited */
	UINT64 nodes; /* node limit; 0: none */
};

struct check {
	struct host_fs *fs;
	struct check_mode mode;
	WCHAR home[32]; /* directory of this case */
	WCHAR paths[8][1100];
	unsigned turn;
};

struct check_case {
	const char *name;
	const char *callbacks; /* that it is about, separated by blanks */
	void (*run)(struct check *c);
};

/* One table for each file, ended by an empty case. */
extern const struct check_case volume_cases[], create_cases[], open_cases[], data_cases[], info_cases[],
	delete_cases[], rename_cases[], list_cases[], stream_cases[], ea_cases[], security_cases[],
	reparse_cases[];

/* A path in the case's directory; good for the next seven calls. */
const WCHAR *in(struct check *c, const WCHAR *name);
const WCHAR *in_format(struct check *c, const WCHAR *format, ...);

/* Expectations: one counted check each. */
bool want(NTSTATUS got, NTSTATUS wanted, const char *format, ...);
bool want_number(UINT64 got, UINT64 wanted, const char *format, ...);
#define yes(condition, ...) report_check((condition), __VA_ARGS__)

/* Opens with a disposition; NULL with a failed check when that fails. */
struct host_file *opened(struct check *c, const WCHAR *name, ULONG disposition, ULONG options);
struct host_file *made_file(struct check *c, const WCHAR *name);
struct host_file *made_directory(struct check *c, const WCHAR *name);
struct host_file *existing(struct check *c, const WCHAR *name);
/* Makes and closes. */
void make_file(struct check *c, const WCHAR *name);
void make_directory(struct check *c, const WCHAR *name);
void make_filled(struct check *c, const WCHAR *name, const char *text);
/* The status of an open that is closed again at once. */
NTSTATUS try_open(struct check *c, const WCHAR *name, ULONG disposition, ULONG options);
bool exists(struct check *c, const WCHAR *name);
/* Deletes what is there. */
NTSTATUS delete_path(struct host_fs *fs, const WCHAR *name);
void delete_tree(struct host_fs *fs, const WCHAR *name);
void shut(struct host_file *file); /* close, NULL is fine */

/* Data. */
bool put(struct host_file *file, UINT64 offset, const void *data, ULONG size);
void put_text(struct host_file *file, UINT64 offset, const char *text);
bool holds(struct host_file *file, UINT64 offset, const void *data, ULONG size);
bool holds_text(struct host_file *file, UINT64 offset, const char *text);
bool holds_byte(struct host_file *file, UINT64 offset, UINT64 size, UINT8 byte);

struct fsp_file_info info_of(struct host_file *file);
/* Bytes in use of the volume: what must be the same again after a case. */
UINT64 bytes_used(struct host_fs *fs);
UINT64 now_100ns(void);

/* Reparse data. */
#define TAG_SYMLINK 0xA000000Cu
#define TAG_MOUNT_POINT 0xA0000003u
#define TAG_LX_SYMLINK 0xA000001Du
SIZE_T symlink_data(void *to, const WCHAR *target, bool relative);
SIZE_T guid_data(void *to, ULONG tag, UINT8 guid, const void *data, USHORT size);
void make_symlink(struct check *c, const WCHAR *name, const WCHAR *target, bool directory);

/* EA lists. `used` begins at 0. */
void add_ea(void *list, ULONG *used, const char *name, const void *value, USHORT size, UINT8 flags);
/* The EA of a file: its value's size, -1 when there is none. */
int ea_value(struct host_file *file, const char *name, void *value, unsigned capacity);

/* Streams: their number; -1 when `name` is looked for and missing, else its size. */
int stream_count(struct host_file *file);
INT64 stream_size(struct host_file *file, const WCHAR *name);

/* The other scripts. */
void stress_run(struct host_fs *fs);
void secrets_run(struct host_fs *fs);
void fuzz_run(struct host_fs *fs);
void service_run(struct host_fs *fs);
void bench_run(struct host_fs *fs);
struct check_mode check_mode_now(void);
void checks_run(struct host_fs *fs);

#endif
