/*
 * names.c: requests that look up, make and take away names.
 */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What Linux is told stays right as long as nobody else changes the tree. Spellings of a
 * case-insensitive name are several for the kernel, so it is to ask each time. */
static uint64_t seconds_valid(const struct bridge *bridge)
{
	return bridge->insensitive ? 0 : 1;
}

int request_entry(struct bridge_request *request, struct bridge_open *open, struct fuse_entry_out *entry)
{
	struct bridge *bridge = request->bridge;
	memset(entry, 0, sizeof *entry);
	int error = metadata_attr(bridge, open, &entry->attr);
	if (error != 0)
		return error;
	tree_hold(bridge, open->node, 1);
	entry->nodeid = tree_id(bridge, open->node);
	entry->entry_valid = seconds_valid(bridge);
	entry->attr_valid = seconds_valid(bridge);
	return 0;
}

static int answer_entry(struct bridge_request *request, struct bridge_open *open)
{
	request->out_size = sizeof(struct fuse_entry_out);
	return request_entry(request, open, request->out);
}

/* Asks an open directory for one entry, as a program does that lists by a full name. */
static int find_in_open(struct bridge *bridge, struct bridge_node *directory, const struct bridge_path *path,
			bool *asked)
{
	union {
		struct wfs_dir_info info;
		char bytes[sizeof(struct wfs_dir_info) + WFS_COMPONENT_UNITS * sizeof(WCHAR)];
	} entry;
	void *context = NULL;
	pthread_rwlock_rdlock(&directory->lock);
	pthread_mutex_lock(&directory->state);
	if (directory->opens > 0 && bridge->calls.get_dir_info_by_name != NULL) {
		directory->borrowers++;
		context = directory->context;
	}
	pthread_mutex_unlock(&directory->state);
	NTSTATUS status = STATUS_SUCCESS;
	if (context != NULL)
		status = call_get_dir_info_by_name(bridge, context, (WCHAR *)path->leaf, &entry.info);
	pthread_rwlock_unlock(&directory->lock);
	*asked = context != NULL;
	if (context != NULL) {
		struct bridge_open borrowed = {.node = directory, .borrowed = true};
		tree_hold(bridge, directory, 1);
		driver_close(bridge, &borrowed);
	}
	size_t bytes = text_units(path->leaf) * sizeof(WCHAR);
	if (context != NULL && status == STATUS_SUCCESS &&
	    (entry.info.size != sizeof entry.info + bytes ||
	     (!bridge->insensitive && memcmp(entry.info.name, path->leaf, bytes) != 0)))
		bridge_odd("GetDirInfoByName: another name than asked for");
	return text_errno(status);
}

int op_lookup(struct bridge_request *request)
{
	struct bridge *bridge = request->bridge;
	struct bridge_node *directory = request_node(request);
	struct bridge_path path;
	struct bridge_open open;
	bool asked = false;
	int error = tree_path_in(bridge, directory, request_string(request, 0, 0), &path);
	if (error == 0)
		error = find_in_open(bridge, directory, &path, &asked);
	if (error == 0)
		error = driver_open(bridge, &path, 0, DRIVER_READ_ONLY, &open);
	if (error == ENOENT && !bridge->insensitive) {
		/* Nothing there: the kernel may remember that, too. */
		struct fuse_entry_out *entry = request->out;
		memset(entry, 0, sizeof *entry);
		entry->entry_valid = seconds_valid(bridge);
		request->out_size = sizeof *entry;
		return 0;
	}
	if (error != 0)
		return error;
	error = answer_entry(request, &open);
	driver_close(bridge, &open);
	return error;
}

int op_forget(struct bridge_request *request)
{
	const struct fuse_forget_in *in = request->body;
	request->silent = true;
	if (request->header->nodeid != FUSE_ROOT_ID)
		tree_drop(request->bridge, request_node(request), in->nlookup);
	return 0;
}

int op_batch_forget(struct bridge_request *request)
{
	const struct fuse_batch_forget_in *in = request->body;
	const struct fuse_forget_one *one = (const void *)(in + 1);
	request->silent = true;
	if (in->count > (request->body_size - sizeof *in) / sizeof *one)
		return 0;
	for (uint32_t i = 0; i < in->count; i++)
		if (one[i].nodeid != FUSE_ROOT_ID)
			tree_drop(request->bridge, tree_node(request->bridge, one[i].nodeid), one[i].nlookup);
	return 0;
}

/* ---- making -------------------------------------------------------------------------------- */

static struct bridge_owner new_owner(const struct bridge_request *request, uint32_t mode)
{
	return (struct bridge_owner){.uid = request->header->uid, .gid = request->header->gid, .mode = mode};
}

/* A file or directory with its owner in EAs. */
static int make(struct bridge_request *request, const char *name, const struct bridge_owner *owner,
		bool or_open, struct bridge_open *open)
{
	char eas[OWNER_BYTES] __attribute__((aligned(8)));
	struct bridge_path path;
	bool directory = S_ISDIR(owner->mode);
	const struct bridge_new what = {
		.options = directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE,
		.attributes = directory ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_NORMAL,
		.extra = eas,
		.extra_size = metadata_to_eas(owner, eas),
		.or_open = or_open,
	};
	int error = tree_path_in(request->bridge, request_node(request), name, &path);
	return error != 0 ? error : driver_create(request->bridge, &path, &what, open);
}

int op_mkdir(struct bridge_request *request)
{
	const struct fuse_mkdir_in *in = request->body;
	const struct bridge_owner owner = new_owner(request, S_IFDIR | (in->mode & 07777));
	struct bridge_open open;
	int error = make(request, request_string(request, sizeof *in, 0), &owner, false, &open);
	if (error != 0)
		return error;
	error = answer_entry(request, &open);
	driver_close(request->bridge, &open);
	return error;
}

int op_create(struct bridge_request *request)
{
	const struct fuse_create_in *in = request->body;
	const struct bridge_owner owner = new_owner(request, S_IFREG | (in->mode & 07777));
	struct bridge_open open;
	struct fuse_entry_out *entry = request->out;
	struct fuse_open_out *opened = (void *)(entry + 1);
	int error =
		make(request, request_string(request, sizeof *in, 0), &owner, !(in->flags & O_EXCL), &open);
	if (error != 0)
		return error;
	struct bridge_handle *handle = handle_new(&open);
	error = handle != NULL ? 0 : ENOMEM;
	if (error == 0 && in->flags & O_TRUNC && open.info.file_size != 0)
		error = handle_truncate(request->bridge, &open);
	if (error == 0)
		error = request_entry(request, &open, entry);
	if (error != 0) {
		if (handle != NULL)
			handle_free(request->bridge, handle);
		else
			driver_close(request->bridge, &open);
		return error;
	}
	memset(opened, 0, sizeof *opened);
	opened->fh = (uintptr_t)handle;
	request->out_size = sizeof *entry + sizeof *opened;
	return 0;
}

/* A special file is a reparse point without data from its creation on; its owner comes next. */
static int make_special(struct bridge_request *request, const char *name, UINT32 tag,
			const struct bridge_owner *owner, struct bridge_open *open)
{
	struct bridge_reparse reparse = {.tag = tag};
	struct bridge_path path;
	const struct bridge_new what = {
		.options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
		.attributes = FILE_ATTRIBUTE_NORMAL,
		.extra = &reparse,
		.extra_size = REPARSE_HEADER,
		.extra_is_reparse_point = true,
	};
	int error = tree_path_in(request->bridge, request_node(request), name, &path);
	if (error == 0)
		error = driver_create(request->bridge, &path, &what, open);
	if (error != 0)
		return error;
	pthread_rwlock_wrlock(&open->node->lock);
	error = metadata_set_owner(request->bridge, open->context, owner);
	pthread_rwlock_unlock(&open->node->lock);
	if (error != 0)
		driver_close(request->bridge, open);
	return error;
}

static UINT32 special_tag(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return TAG_FIFO;
	case S_IFSOCK:
		return TAG_AF_UNIX;
	case S_IFCHR:
		return TAG_CHAR_DEVICE;
	case S_IFBLK:
		return TAG_BLOCK_DEVICE;
	default:
		return 0;
	}
}

int op_mknod(struct bridge_request *request)
{
	const struct fuse_mknod_in *in = request->body;
	const char *name = request_string(request, sizeof *in, 0);
	struct bridge_owner owner = new_owner(request, in->mode);
	struct bridge_open open;
	int error;
	owner.major = in->rdev >> 8 & 0xFFF;
	owner.minor = (in->rdev & 0xFF) | (in->rdev >> 12 & 0xFFF00);
	if (S_ISREG(in->mode))
		error = make(request, name, &owner, false, &open);
	else if (special_tag(in->mode) != 0)
		error = make_special(request, name, special_tag(in->mode), &owner, &open);
	else
		error = EINVAL;
	if (error != 0)
		return error;
	error = answer_entry(request, &open);
	driver_close(request->bridge, &open);
	return error;
}

static int set_target(struct bridge *bridge, struct bridge_open *open, const char *target)
{
	struct bridge_reparse reparse = {.tag = TAG_SYMLINK, .version = SYMLINK_VERSION};
	size_t size = strlen(target);
	if (size > sizeof reparse.target)
		return ENAMETOOLONG;
	memcpy(reparse.target, target, size);
	reparse.data_size = (UINT16)(SYMLINK_HEADER - REPARSE_HEADER + size);
	pthread_rwlock_wrlock(&open->node->lock);
	NTSTATUS status = call_set_reparse_point(bridge, open->context, &reparse, SYMLINK_HEADER + size);
	pthread_rwlock_unlock(&open->node->lock);
	return text_errno(status);
}

/* As WSL does it: a file that becomes a reparse point. */
int op_symlink(struct bridge_request *request)
{
	struct bridge *bridge = request->bridge;
	const struct bridge_owner owner = new_owner(request, S_IFLNK | 0777);
	const char *name = request_string(request, 0, 0), *target = request_string(request, 0, 1);
	struct bridge_open open;
	struct bridge_path path;
	int error = target != NULL ? make(request, name, &owner, false, &open) : EINVAL;
	if (error != 0)
		return error;
	error = set_target(bridge, &open, target);
	if (error == 0)
		error = answer_entry(request, &open);
	driver_close(bridge, &open);
	if (error != 0 && tree_path_in(bridge, request_node(request), name, &path) == 0)
		driver_delete(bridge, &path, FILE_NON_DIRECTORY_FILE, false);
	return error;
}

int op_readlink(struct bridge_request *request)
{
	struct bridge_reparse reparse;
	struct bridge_open open;
	int error = driver_open_node(request->bridge, request_node(request), 0, DRIVER_READ_ONLY, &open);
	if (error != 0)
		return error;
	pthread_rwlock_rdlock(&open.node->lock);
	int size = metadata_target(request->bridge, open.context, &reparse, &error);
	pthread_rwlock_unlock(&open.node->lock);
	driver_close(request->bridge, &open);
	if (size < 0)
		return error;
	memcpy(request->out, reparse.target, (size_t)size);
	request->out_size = (size_t)size;
	return 0;
}

/* ---- taking away and moving ------------------------------------------------------------------- */

int op_unlink(struct bridge_request *request)
{
	struct bridge_path path;
	int error =
		tree_path_in(request->bridge, request_node(request), request_string(request, 0, 0), &path);
	return error != 0 ? error : driver_delete(request->bridge, &path, FILE_NON_DIRECTORY_FILE, false);
}

int op_rmdir(struct bridge_request *request)
{
	struct bridge_path path;
	int error =
		tree_path_in(request->bridge, request_node(request), request_string(request, 0, 0), &path);
	return error != 0 ? error : driver_delete(request->bridge, &path, FILE_DIRECTORY_FILE, true);
}

static int rename_to(struct bridge_request *request, uint64_t directory, size_t skip, uint32_t flags)
{
	struct bridge *bridge = request->bridge;
	struct bridge_path from, to;
	if (flags & ~1u) /* RENAME_NOREPLACE alone; Windows knows neither exchange nor whiteout */
		return EINVAL;
	pthread_rwlock_wrlock(&bridge->tree);
	int error = tree_path_in(bridge, request_node(request), request_string(request, skip, 0), &from);
	if (error == 0)
		error = tree_path_in(bridge, tree_node(bridge, directory), request_string(request, skip, 1),
				     &to);
	if (error == 0)
		error = driver_rename(bridge, &from, &to, flags == 0);
	pthread_rwlock_unlock(&bridge->tree);
	return error;
}

int op_rename(struct bridge_request *request)
{
	const struct fuse_rename_in *in = request->body;
	return rename_to(request, in->newdir, sizeof *in, 0);
}

int op_rename2(struct bridge_request *request)
{
	const struct fuse_rename2_in *in = request->body;
	return rename_to(request, in->newdir, sizeof *in, in->flags);
}
