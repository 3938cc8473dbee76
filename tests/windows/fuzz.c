/*
 * fuzz.c: the operations of tests/fuzz as calls of the program's callbacks, with arguments that no
 * driver would send.
 *
 * First the inputs that are kept (MEMEFS_HOST_CORPUS, a folder), then new ones by MEMEFS_HOST_SEED for
 * MEMEFS_HOST_SECONDS: random bytes, kept inputs changed here and there, and the head of one with the
 * tail of another. All names lie below one directory. What a callback may write to ends at a page
 * that nobody may touch. Every status must be one that the program knows; when all is closed and deleted,
 * every byte must be back.
 */
#include "check.h"

#include "../fuzz/operation.h"

#define HOME L"\\fuzz"
#define PATH_UNITS 2048u
#define ROOM 131072u /* largest buffer */
#define KEPT_MOST 1024u
#define INPUT_MOST 4096u /* of new ones */

struct context {
	void *context; /* NULL: nothing is open */
	WCHAR path[PATH_UNITS];
	bool directory;
};

struct kept_input {
	UINT8 *bytes; /* owned */
	size_t size;
};

struct fuzz {
	struct host_fs *fs;
	struct kept_input kept[KEPT_MOST];
	unsigned kept_count;
	struct context *slots; /* OPERATION_SLOTS of them */
	struct operation *operation;
	UINT8 *in_end, *out_end; /* where buffers end */
	UINT64 inputs, operations;
	unsigned wrong;
};

static const NTSTATUS known[] = {
	STATUS_SUCCESS,
	STATUS_ACCESS_DENIED,
	STATUS_BUFFER_OVERFLOW,
	STATUS_BUFFER_TOO_SMALL,
	STATUS_CANNOT_DELETE,
	STATUS_CANNOT_MAKE,
	STATUS_DIRECTORY_NOT_EMPTY,
	STATUS_DISK_FULL,
	STATUS_EA_LIST_INCONSISTENT,
	STATUS_EA_TOO_LARGE,
	STATUS_END_OF_FILE,
	STATUS_FILE_IS_A_DIRECTORY,
	STATUS_INSUFFICIENT_RESOURCES,
	STATUS_INVALID_DEVICE_REQUEST,
	STATUS_INVALID_EA_NAME,
	STATUS_INVALID_PARAMETER,
	STATUS_INVALID_SECURITY_DESCR,
	STATUS_IO_REPARSE_DATA_INVALID,
	STATUS_IO_REPARSE_TAG_INVALID,
	STATUS_IO_REPARSE_TAG_MISMATCH,
	STATUS_NOT_A_DIRECTORY,
	STATUS_NOT_A_REPARSE_POINT,
	STATUS_NO_SECURITY_ON_OBJECT,
	STATUS_OBJECT_NAME_COLLISION,
	STATUS_OBJECT_NAME_INVALID,
	STATUS_OBJECT_NAME_NOT_FOUND,
	STATUS_OBJECT_PATH_NOT_FOUND,
	STATUS_REPARSE_ATTRIBUTE_CONFLICT,
	STATUS_REPARSE_POINT_NOT_RESOLVED, /* the DLL's, of a loop */
};

/* Notes what a callback returned, and judges it. `also`: one more that it may return. */
static NTSTATUS judge(struct fuzz *f, unsigned slot, NTSTATUS status, NTSTATUS also)
{
	bool good = status == also;

	for (unsigned i = 0; i < sizeof known / sizeof *known && !good; i++)
		good = status == known[i];
	if (!good && f->wrong++ < 20)
		report_line("%s (%s) returned %08lX", host_slot_name(slot),
			    operation_name(f->operation->kind), (unsigned long)status);
	return host_note(f->fs, slot, status);
}

#define CALL(f, member, ...) \
	judge(f, SLOT(member), (f)->fs->calls.member(&(f)->fs->api, __VA_ARGS__), STATUS_SUCCESS)

static void must(struct fuzz *f, bool condition, const char *what)
{
	if (!condition && f->wrong++ < 20)
		report_line("%s: %s", operation_name(f->operation->kind), what);
}

/* ---- buffers and names -------------------------------------------------------------------------- */

/* The end of ROOM bytes, with a page behind them that must not be touched. */
static UINT8 *make_room(void)
{
	DWORD old;
	UINT8 *room = VirtualAlloc(NULL, ROOM + 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);

	if (!room || !VirtualProtect(room + ROOM, 4096, PAGE_NOACCESS, &old))
		abort();
	return room + ROOM;
}

static void *out_of(struct fuzz *f, ULONG size)
{
	return f->out_end - size;
}

/* The payload, at the end of what may be read. Aligned as the driver aligns, when its size allows. */
static void *payload_of(struct fuzz *f)
{
	UINT8 *to = f->in_end - f->operation->payload_size;

	memcpy(to, f->operation->payload, f->operation->payload_size);
	return to;
}

static void add_name(WCHAR *path, const struct operation_text *name)
{
	size_t at = wcslen(path);
	int units = 0;

	if (name->size > 0)
		units = MultiByteToWideChar(CP_UTF8, 0, name->bytes, (int)name->size, path + at,
					    (int)(PATH_UNITS - 1 - at));
	path[at + (size_t)(units > 0 ? units : 0)] = 0;
}

/* Below what the slot stands for, or below the home; `colon`: the stream of that name. */
static void path_of(struct fuzz *f, WCHAR path[PATH_UNITS], unsigned slot, const struct operation_text *name,
		    bool colon)
{
	const struct context *base = &f->slots[slot];

	wcscpy(path, base->context && wcslen(base->path) < 600 ? base->path : HOME);
	wcscat(path, colon ? L":" : L"\\");
	add_name(path, name);
}

/* ---- contexts -------------------------------------------------------------------------------------- */

static void close_slot(struct fuzz *f, unsigned slot)
{
	struct context *context = &f->slots[slot];

	if (!context->context)
		return;
	f->fs->calls.close(&f->fs->api, context->context);
	InterlockedIncrement64(&f->fs->closed);
	InterlockedIncrement64(&f->fs->count[SLOT(close)]);
	context->context = NULL;
}

/* What a slot holds; with nothing, the home is opened in it. NULL: that is gone. */
static struct context *context_in(struct fuzz *f, unsigned slot);

static void keep(struct fuzz *f, unsigned slot, void *opened, const WCHAR *path,
		 const struct fsp_file_info *info)
{
	struct context *context = &f->slots[slot];

	close_slot(f, slot);
	InterlockedIncrement64(&f->fs->opened);
	context->context = opened;
	context->directory = info->attributes & FILE_ATTRIBUTE_DIRECTORY;
	wcscpy(context->path, path);
	host_learn(f->fs, NULL, info, "fuzz");
}

static void prepare(struct fsp_open_info *info, WCHAR normalized[1024])
{
	memset(info, 0, sizeof *info);
	info->normalized = normalized;
	info->normalized_bytes = 2048;
}

static NTSTATUS open_path(struct fuzz *f, unsigned slot, WCHAR *path, UINT32 options)
{
	static WCHAR normalized[1024];
	struct fsp_open_info info;
	void *context = NULL;

	prepare(&info, normalized);
	NTSTATUS status =
		CALL(f, open, path, options | FILE_OPEN << 24, HOST_DEFAULT_ACCESS, &context, &info.info);
	if (status == STATUS_SUCCESS)
		keep(f, slot, context, path, &info.info);
	return status;
}

static struct context *context_in(struct fuzz *f, unsigned slot)
{
	WCHAR home[] = HOME;

	if (!f->slots[slot].context)
		open_path(f, slot, home, 0);
	return f->slots[slot].context ? &f->slots[slot] : NULL;
}

/* ---- operations by path ------------------------------------------------------------------------------- */

static void do_create(struct fuzz *f, const struct operation *op, bool stream)
{
	static WCHAR path[PATH_UNITS], normalized[1024];
	struct fsp_open_info info;
	UINT8 security[OPERATION_BYTES_MAX];
	void *context = NULL, *extra = payload_of(f);
	NTSTATUS status;

	path_of(f, path, op->slot, &op->name, stream);
	prepare(&info, normalized);
	operation_payload(OP_SECURITY_SET, op->flags, security);
	if (op->kind == OP_NAMELESS)
		status = CALL(f, create, path, FILE_CREATE << 24 | (op->flags & 1), HOST_DEFAULT_ACCESS,
			      op->flags, op->flags & 2 ? security : NULL, op->size, &context, &info.info);
	else
		status = CALL(f, create_ex, path, FILE_CREATE << 24 | (op->flags & 1), HOST_DEFAULT_ACCESS,
			      op->flags, op->flags & 2 ? security : NULL, op->flags & 0x20 ? op->size : 0,
			      op->flags & 4 ? NULL : extra, (ULONG)op->payload_size, op->flags >> 6 == 1,
			      &context, &info.info);
	if (status == STATUS_SUCCESS)
		keep(f, op->other, context, path, &info.info);
}

static void do_open(struct fuzz *f, const struct operation *op, bool stream)
{
	static WCHAR path[PATH_UNITS];
	static const UINT32 options[] = {0, FILE_DIRECTORY_FILE, FILE_NON_DIRECTORY_FILE,
					 FILE_NO_EA_KNOWLEDGE};

	path_of(f, path, op->slot, &op->name, stream);
	open_path(f, op->other, path, options[op->flags & 3]);
}

/* With a buffer that is as long as it says; a link is resolved. */
static void do_lookup(struct fuzz *f, const struct operation *op)
{
	static WCHAR path[PATH_UNITS];
	struct host_fs *fs = f->fs;
	SIZE_T size = op->flags & 1 ? op->length : 64, room = size;
	UINT32 attributes = 0;
	void *to = out_of(f, (ULONG)size);

	path_of(f, path, op->slot, &op->name, op->flags & 0x80);
	if (op->kind == OP_WALK && wcslen(path) + 900 < PATH_UNITS) {
		wcscat(path, L"\\");
		add_name(path, &op->to);
	}
	NTSTATUS status =
		judge(f, SLOT(get_security_by_name),
		      fs->calls.get_security_by_name(&fs->api, path, &attributes, to, &size), STATUS_REPARSE);
	must(f, status != STATUS_SUCCESS || size <= room, "more than the buffer holds");
	if (status == STATUS_REPARSE) {
		IO_STATUS_BLOCK io = {0};
		SIZE_T answer = FSP_RESPONSE_BUFFER_MAX;

		must(f, attributes < wcslen(path), "a component that is none");
		judge(f, SLOT(resolve_reparse_points),
		      fs->calls.resolve_reparse_points(&fs->api, path, attributes, op->flags & 1, &io,
						       out_of(f, FSP_RESPONSE_BUFFER_MAX), &answer),
		      STATUS_REPARSE);
	}
}

static void do_rename(struct fuzz *f, const struct operation *op)
{
	static WCHAR to[PATH_UNITS];
	struct context *context = context_in(f, op->slot);

	if (!context)
		return;
	path_of(f, to, op->other, &op->to, op->kind == OP_STREAM_RENAME);
	if (CALL(f, rename, context->context, context->path, to, op->flags & 1) == STATUS_SUCCESS)
		wcscpy(context->path, to);
}

/* Cleanup with every flag there is, perhaps for a name that is another's by now. */
static void do_cleanup(struct fuzz *f, const struct operation *op)
{
	struct context *context = context_in(f, op->slot);
	ULONG flags = op->flags & (FSP_CLEANUP_ALLOCATION | FSP_CLEANUP_ARCHIVE | FSP_CLEANUP_ACCESS |
				   FSP_CLEANUP_WRITE | FSP_CLEANUP_CHANGE);

	if (!context)
		return;
	if (op->kind == OP_UNLINK || op->kind == OP_STREAM_REMOVE)
		flags |= FSP_CLEANUP_DELETE;
	f->fs->calls.cleanup(&f->fs->api, context->context, op->flags & 1 ? NULL : context->path, flags);
	InterlockedIncrement64(&f->fs->count[SLOT(cleanup)]);
	if (op->kind != OP_TRIM)
		close_slot(f, op->slot);
}

/* ---- operations on what is open ------------------------------------------------------------------------ */

static void do_list(struct fuzz *f, struct context *c, const struct operation *op)
{
	static WCHAR marker[PATH_UNITS];
	ULONG size = op->flags & 1 ? HOST_LIST_MIN : (ULONG)op->flags * 37, done = 0;
	UINT8 *to = out_of(f, size);

	marker[0] = 0;
	add_name(marker, &op->name);
	NTSTATUS status =
		CALL(f, read_directory, c->context, NULL, op->flags & 2 ? marker : NULL, to, size, &done);
	must(f, status != STATUS_SUCCESS || done <= size, "more than the buffer holds");
	if (status == STATUS_SUCCESS) {
		ULONG at = 0;
		bool end = false;
		while (host_list_next(f->fs, to, done, &at, &end) != NULL && !end)
			;
	}
}

static void do_find(struct fuzz *f, struct context *c, const struct operation *op)
{
	static WCHAR name[PATH_UNITS];
	union {
		struct fsp_dir_info info;
		UINT8 bytes[sizeof(struct fsp_dir_info) + 255 * sizeof(WCHAR)];
	} *entry = out_of(f, sizeof *entry);

	name[0] = 0;
	add_name(name, &op->name);
	if (CALL(f, get_dir_info_by_name, c->context, name, &entry->info) == STATUS_SUCCESS)
		must(f, entry->info.size <= sizeof *entry, "an entry that is too long");
}

static UINT64 from_end(struct fuzz *f, struct context *c, UINT64 number, bool relative)
{
	struct fsp_file_info info = {0};

	if (relative)
		CALL(f, get_file_info, c->context, &info);
	return number + info.size;
}

static void do_read(struct fuzz *f, struct context *c, const struct operation *op)
{
	ULONG done = 0;
	NTSTATUS status = CALL(f, read, c->context, out_of(f, (ULONG)op->length),
			       from_end(f, c, op->offset, op->offset_from_end), (ULONG)op->length, &done);

	must(f, status != STATUS_SUCCESS || done <= op->length, "more than was asked for");
}

static void do_write(struct fuzz *f, struct context *c, const struct operation *op)
{
	UINT64 offset = op->flags & 2 ? HOST_AT_END : from_end(f, c, op->offset, op->offset_from_end);
	struct fsp_file_info info = {0};
	ULONG done = 0;
	UINT8 *from = f->in_end - op->length;

	memset(from, op->flags, op->length);
	NTSTATUS status = CALL(f, write, c->context, from, offset, (ULONG)op->length, (op->flags & 2) != 0,
			       (op->flags & 4) != 0, &done, &info);
	must(f, status != STATUS_SUCCESS || done <= op->length, "more than was given");
	if (status == STATUS_SUCCESS)
		host_learn(f->fs, NULL, &info, "fuzz");
}

static void do_size(struct fuzz *f, struct context *c, const struct operation *op)
{
	UINT64 size = from_end(f, c, op->size, op->size_from_end);
	struct fsp_file_info info = {0};
	NTSTATUS status = CALL(f, set_file_size, c->context, size, op->kind == OP_ALLOCATION, &info);

	if (status == STATUS_SUCCESS)
		must(f, op->kind == OP_ALLOCATION || info.size == size, "another size than was set");
}

static void do_overwrite(struct fuzz *f, struct context *c, const struct operation *op)
{
	struct fsp_file_info info = {0};

	if (op->flags & 4)
		CALL(f, overwrite_ex, c->context, op->flags, op->flags & 1, op->flags & 2 ? op->size : 0,
		     payload_of(f), (ULONG)op->payload_size, &info);
	else
		CALL(f, overwrite, c->context, op->flags, op->flags & 1, op->flags & 2 ? op->size : 0, &info);
}

static void do_security(struct fuzz *f, struct context *c, const struct operation *op)
{
	UINT8 security[OPERATION_BYTES_MAX];
	SIZE_T size = op->length;

	if (op->kind == OP_SECURITY_GET) {
		NTSTATUS status = CALL(f, get_security, c->context,
				       op->length & 1 ? NULL : out_of(f, (ULONG)size), &size);

		must(f, status != STATUS_SUCCESS || size <= op->length, "more than the buffer holds");
		return;
	}
	/* The driver has looked at what a program gives. */
	operation_payload(OP_SECURITY_SET, op->flags, security);
	CALL(f, set_security, c->context, op->flags & 0xf, security);
}

static void do_ea(struct fuzz *f, struct context *c, const struct operation *op)
{
	struct fsp_file_info info = {0};
	ULONG done = 0;

	if (op->kind == OP_EA_SET) {
		CALL(f, set_ea, c->context, payload_of(f), (ULONG)op->payload_size, &info);
		return;
	}
	NTSTATUS status = CALL(f, get_ea, c->context, out_of(f, (ULONG)op->length), (ULONG)op->length, &done);
	must(f, status != STATUS_SUCCESS || done <= op->length, "more than the buffer holds");
}

static void do_reparse(struct fuzz *f, struct context *c, const struct operation *op)
{
	SIZE_T size = op->length;

	if (op->kind == OP_REPARSE_SET) {
		CALL(f, set_reparse_point, c->context, c->path, payload_of(f), op->payload_size);
	} else if (op->kind == OP_REPARSE_REMOVE) {
		CALL(f, delete_reparse_point, c->context, c->path, payload_of(f), op->payload_size);
	} else {
		NTSTATUS status =
			CALL(f, get_reparse_point, c->context, c->path, out_of(f, (ULONG)size), &size);

		must(f, status != STATUS_SUCCESS || size <= op->length, "more than the buffer holds");
	}
}

static void do_streams(struct fuzz *f, struct context *c, const struct operation *op)
{
	ULONG size = (ULONG)op->flags * 20, done = 0;
	NTSTATUS status = CALL(f, get_stream_info, c->context, out_of(f, size), size, &done);

	must(f, status != STATUS_SUCCESS || done <= size, "more than the buffer holds");
}

static void do_set(struct fuzz *f, struct context *c, const struct operation *op)
{
	struct fsp_file_info info = {0};
	UINT64 number = from_end(f, c, op->size, op->size_from_end);

	/* The driver gives no times before 1601. */
	number &= INT64_MAX;
	if (CALL(f, set_basic_info, c->context, op->flags & 1 ? INVALID_FILE_ATTRIBUTES : (UINT32)op->size,
		 op->flags & 2 ? number : 0, op->flags & 4 ? number : 0, op->flags & 8 ? number : 0,
		 op->flags & 16 ? number : 0, &info) == STATUS_SUCCESS)
		must(f, info.attributes != 0, "no attributes");
}

static void do_control(struct fuzz *f, struct context *c, const struct operation *op)
{
	ULONG size = (ULONG)op->flags, done = 0;

	memset(f->in_end - size, 'a', size);
	CALL(f, control, c->context, op->flags & 1 ? 0x804D1148u : (UINT32)op->offset, f->in_end - size, size,
	     out_of(f, size), size, &done);
	must(f, done <= size, "more than the buffer holds");
}

static void do_volume(struct fuzz *f, const struct operation *op)
{
	struct fsp_volume_info info;
	static WCHAR label[PATH_UNITS];

	label[0] = 0;
	add_name(label, &op->name);
	if (op->kind == OP_LABEL)
		CALL(f, set_volume_label, label, &info);
	if (CALL(f, get_volume_info, &info) == STATUS_SUCCESS)
		must(f, info.free <= info.total && info.label_bytes <= sizeof info.label,
		     "a volume that cannot be");
}

static void do_info(struct fuzz *f, struct context *c, const struct operation *op)
{
	struct fsp_file_info info = {0};

	if (op->kind == OP_ACCESSED)
		CALL(f, flush, op->flags & 1 ? NULL : c->context, &info);
	else if (op->kind == OP_CAN_REMOVE)
		CALL(f, can_delete, c->context, c->path);
	else if (op->kind == OP_NUMBER)
		CALL(f, set_delete, c->context, c->path, op->flags & 1);
	else if (CALL(f, get_file_info, c->context, &info) == STATUS_SUCCESS)
		host_learn(f->fs, NULL, &info, "fuzz");
}

/* ---- which is which ---------------------------------------------------------------------------------------
 */

static void with_context(struct fuzz *f, const struct operation *op)
{
	static void (*const run[OP_KINDS])(struct fuzz *, struct context *, const struct operation *) = {
		[OP_PARENT] = do_find,
		[OP_LIST] = do_list,
		[OP_STREAMS] = do_streams,
		[OP_READ] = do_read,
		[OP_WRITE] = do_write,
		[OP_SIZE] = do_size,
		[OP_ALLOCATION] = do_size,
		[OP_OVERWRITE] = do_overwrite,
		[OP_SECURITY_GET] = do_security,
		[OP_SECURITY_SET] = do_security,
		[OP_EA_GET] = do_ea,
		[OP_EA_SET] = do_ea,
		[OP_REPARSE_GET] = do_reparse,
		[OP_REPARSE_SET] = do_reparse,
		[OP_REPARSE_REMOVE] = do_reparse,
		[OP_SET] = do_set,
		[OP_SEEK] = do_control,
		[OP_XATTR_GET] = do_find,
		[OP_XATTR_REMOVE] = do_find,
	};
	struct context *context = context_in(f, op->slot);

	if (!context)
		return;
	if (run[op->kind])
		run[op->kind](f, context, op);
	else
		do_info(f, context, op);
}

static void one(struct fuzz *f, const struct operation *op)
{
	switch (op->kind) {
	case OP_LOOKUP:
	case OP_WALK:
	case OP_TARGET:
		do_lookup(f, op);
		break;
	case OP_CREATE:
	case OP_NAMELESS:
	case OP_XATTR_SET:
		do_create(f, op, false);
		break;
	case OP_STREAM_CREATE:
		do_create(f, op, true);
		break;
	case OP_LINK:
	case OP_HOLD:
		do_open(f, op, false);
		break;
	case OP_STREAM_OPEN:
		do_open(f, op, true);
		break;
	case OP_RENAME:
	case OP_STREAM_RENAME:
		do_rename(f, op);
		break;
	case OP_UNLINK:
	case OP_STREAM_REMOVE:
	case OP_TRIM:
		do_cleanup(f, op);
		break;
	case OP_DROP:
		close_slot(f, op->slot);
		break;
	case OP_LABEL:
	case OP_SPACE:
	case OP_RESIZE:
		do_volume(f, op);
		break;
	default:
		with_context(f, op);
	}
	f->operations++;
}

/* ---- the end of an input ------------------------------------------------------------------- */

/* By the callbacks alone, for no driver would open some of the names. Renames a directory to a short name
 * at the root (what lies deep in it may have no path that is short enough), deletes anything else. */
static void take_away(struct fuzz *f, WCHAR *path, const struct fsp_file_info *info, unsigned *lifted)
{
	WCHAR to[16];

	swprintf(to, 16, L"\\%u", *lifted);
	if (open_path(f, 0, path, 0) != STATUS_SUCCESS)
		return;
	if (info->attributes & FILE_ATTRIBUTE_DIRECTORY && info->reparse_tag == 0 &&
	    CALL(f, rename, f->slots[0].context, path, to, FALSE) == STATUS_SUCCESS)
		++*lifted;
	else
		f->fs->calls.cleanup(&f->fs->api, f->slots[0].context, path, FSP_CLEANUP_DELETE);
	close_slot(f, 0);
}

/* Takes everything out of a directory, and then the directory. */
static void delete_directory(struct fuzz *f, WCHAR *path, unsigned *lifted)
{
	static UINT8 page[HOST_LIST_MAX];
	WCHAR name[256], below[300];
	const struct fsp_dir_info *entry;
	ULONG size = 0, at = 0;
	bool end;

	if (open_path(f, 1, path, 0) != STATUS_SUCCESS)
		return;
	/* What is taken away makes room for the rest: always from the start. */
	while (CALL(f, read_directory, f->slots[1].context, NULL, L"..", page, sizeof page, &size) ==
	       STATUS_SUCCESS) {
		for (at = 0; (entry = host_list_next(f->fs, page, size, &at, &end)) != NULL;) {
			host_list_name(entry, name);
			swprintf(below, 300, L"%ls\\%ls", path, name);
			take_away(f, below, &entry->info, lifted);
		}
		if (end)
			break;
		size = 0;
	}
	f->fs->calls.cleanup(&f->fs->api, f->slots[1].context, path, FSP_CLEANUP_DELETE);
	close_slot(f, 1);
}

static void delete_home(struct fuzz *f)
{
	WCHAR name[16] = HOME;
	unsigned lifted = 0;

	delete_directory(f, name, &lifted);
	for (unsigned i = 0; i < lifted; i++) {
		swprintf(name, 16, L"\\%u", i);
		delete_directory(f, name, &lifted);
	}
}

/* ---- inputs
 * -------------------------------------------------------------------------------------------------- */

static void run_input(struct fuzz *f, const UINT8 *bytes, size_t size)
{
	struct input input = {bytes, size, 0};
	UINT64 used = bytes_used(f->fs);
	unsigned wrong = f->wrong;
	WCHAR home[] = HOME;
	struct host_open how = {.name = home, .disposition = FILE_CREATE, .options = FILE_DIRECTORY_FILE};
	struct host_file *file;

	f->operation->kind = OP_CREATE;
	if (host_open(f->fs, &how, &file, NULL) != STATUS_SUCCESS)
		must(f, false, "the home cannot be made");
	else
		host_close(file);
	while (operation_next(&input, f->operation))
		one(f, f->operation);
	for (unsigned i = 0; i < OPERATION_SLOTS; i++)
		close_slot(f, i);
	delete_home(f);
	f->operation->kind = OP_SPACE;
	must(f, bytes_used(f->fs) == used, "not every byte came back");
	must(f, f->fs->opened == f->fs->closed, "not every context was closed");
	if (f->wrong > wrong)
		report_line("input %llu", (unsigned long long)f->inputs);
	f->inputs++;
}

static void keep_input(struct fuzz *f, const UINT8 *bytes, size_t size)
{
	struct kept_input *kept = &f->kept[f->kept_count];

	if (f->kept_count == KEPT_MOST || size > INPUT_MOST)
		return;
	kept->bytes = malloc(size);
	if (!kept->bytes)
		abort();
	memcpy(kept->bytes, bytes, size);
	kept->size = size;
	f->kept_count++;
}

static void run_kept(struct fuzz *f, const char *folder, UINT8 *bytes)
{
	char path[1024];
	WIN32_FIND_DATAA found;

	snprintf(path, sizeof path, "Z:%s/*", folder);
	HANDLE search = FindFirstFileA(path, &found);
	if (search == INVALID_HANDLE_VALUE)
		return;
	do {
		if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
			continue;
		snprintf(path, sizeof path, "Z:%s/%s", folder, found.cFileName);
		FILE *file = fopen(path, "rb");
		size_t size = file ? fread(bytes, 1, ROOM, file) : 0;
		if (file)
			fclose(file);
		if (size <= 2) /* two bytes say what volume it is */
			continue;
		run_input(f, bytes + 2, size - 2);
		keep_input(f, bytes + 2, size - 2);
	} while (!f->fs->stopping && FindNextFileA(search, &found));
	FindClose(search);
}

static UINT64 next(UINT64 *state)
{
	UINT64 x = *state += 0x9E3779B97F4A7C15u;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

/* Random bytes, of which low ones come more often: they mean what is ordinary. */
static size_t make_random(UINT64 *seed, UINT8 *bytes)
{
	size_t size = 50 + (size_t)(next(seed) % 3000);
	unsigned plain = (unsigned)(next(seed) % 100);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (UINT8)(next(seed) % 100 < plain ? next(seed) % 24 : next(seed));
	return size;
}

static const struct kept_input *any_kept(const struct fuzz *f, UINT64 *seed)
{
	return &f->kept[next(seed) % f->kept_count];
}

/* One change: a byte, a bit, bytes left out, or bytes of another input put in. Returns the new size. */
static size_t change(const struct fuzz *f, UINT64 *seed, UINT8 *bytes, size_t size)
{
	size_t at = (size_t)(next(seed) % size), count = 1 + (size_t)(next(seed) % 16);
	const struct kept_input *other;
	size_t from;

	switch (next(seed) % 4) {
	case 0:
		bytes[at] = (UINT8)next(seed);
		break;
	case 1:
		bytes[at] ^= (UINT8)(1u << next(seed) % 8);
		break;
	case 2:
		if (at + count >= size)
			break;
		memmove(bytes + at, bytes + at + count, size - at - count);
		return size - count;
	default:
		other = any_kept(f, seed);
		from = (size_t)(next(seed) % other->size);
		if (count > other->size - from)
			count = other->size - from;
		if (size + count > INPUT_MOST)
			break;
		memmove(bytes + at + count, bytes + at, size - at);
		memcpy(bytes + at, other->bytes + from, count);
		return size + count;
	}
	return size;
}

static size_t make_changed(const struct fuzz *f, UINT64 *seed, UINT8 *bytes)
{
	const struct kept_input *one = any_kept(f, seed);
	size_t size = one->size;

	memcpy(bytes, one->bytes, size);
	for (UINT64 changes = 1 + next(seed) % 32; changes; changes--)
		size = change(f, seed, bytes, size);
	return size;
}

/* The head of one input, the tail of another, some changes. */
static size_t make_spliced(const struct fuzz *f, UINT64 *seed, UINT8 *bytes)
{
	const struct kept_input *one = any_kept(f, seed), *other = any_kept(f, seed);
	size_t size = 1 + (size_t)(next(seed) % one->size), from = (size_t)(next(seed) % other->size);
	size_t tail = other->size - from;

	if (tail > INPUT_MOST - size)
		tail = INPUT_MOST - size;
	memcpy(bytes, one->bytes, size);
	memcpy(bytes + size, other->bytes + from, tail);
	size += tail;
	for (UINT64 changes = next(seed) % 8; changes; changes--)
		size = change(f, seed, bytes, size);
	return size;
}

static void run_new(struct fuzz *f, UINT64 seed, UINT8 *bytes)
{
	UINT64 way = f->kept_count ? next(&seed) % 3 : 0;
	size_t size = way == 0	 ? make_random(&seed, bytes)
		      : way == 1 ? make_changed(f, &seed, bytes)
				 : make_spliced(f, &seed, bytes);

	run_input(f, bytes, size);
}

void fuzz_run(struct host_fs *fs)
{
	const char *folder = host_setting("MEMEFS_HOST_CORPUS");
	UINT64 seed = host_setting_number("MEMEFS_HOST_SEED", 1), kept;
	ULONGLONG seconds = host_setting_number("MEMEFS_HOST_SECONDS", 10);
	struct fuzz f = {.fs = fs, .in_end = make_room(), .out_end = make_room()};
	UINT64 used = bytes_used(fs);
	UINT8 *bytes = malloc(ROOM);

	f.slots = calloc(OPERATION_SLOTS, sizeof *f.slots);
	f.operation = calloc(1, sizeof *f.operation);
	if (!f.slots || !f.operation || !bytes)
		abort();
	report_case("fuzz");
	if (folder)
		run_kept(&f, folder, bytes);
	kept = f.inputs;
	report_check(f.wrong == 0 && (kept > 0 || !folder), "%llu inputs that are kept",
		     (unsigned long long)kept);
	for (ULONGLONG until = GetTickCount64() + seconds * 1000;
	     GetTickCount64() < until && !fs->stopping;) {
		/* The last line before a crash tells which it was. */
		if (f.inputs % 64 == 0)
			report_line("input %llu of seed %llu", (unsigned long long)f.inputs, seed);
		run_new(&f, seed + f.inputs * 0x1234567, bytes);
	}
	report_check(f.wrong == 0, "seed %llu: nothing is wrong", seed);
	report_check(bytes_used(fs) == used, "every byte comes back");
	report_line("figure: callbacks: %llu inputs, %llu calls in %llu s", (unsigned long long)f.inputs,
		    (unsigned long long)f.operations, seconds);
	while (f.kept_count)
		free(f.kept[--f.kept_count].bytes);
	free(bytes);
	free(f.operation);
	free(f.slots);
}
