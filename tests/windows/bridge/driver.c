/*
 * driver.c: what WinFsp's driver and DLL do with the callbacks when a file is opened, created,
 * closed, deleted, renamed or overwritten.
 */
#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTOR_BYTES 1024u /* the DLL's first try */

/* ---- security by name: asked before each open ------------------------------------------------- */

static void check_descriptor(const struct bridge_path *path, PSECURITY_DESCRIPTOR descriptor, SIZE_T size)
{
	/* Wine's first one answers with an NTSTATUS. */
	if (size != 0 && (RtlValidSecurityDescriptor(descriptor) != STATUS_SUCCESS ||
			  RtlLengthSecurityDescriptor(descriptor) != size))
		bridge_odd("GetSecurityByName: no security descriptor of %zu bytes (path of %zu units)",
			   (size_t)size, path->units);
}

/* *descriptor is to be freed; NULL: not wanted. */
static NTSTATUS security(struct bridge *bridge, const struct bridge_path *path, UINT32 *attributes,
			 PSECURITY_DESCRIPTOR *descriptor)
{
	SIZE_T size = DESCRIPTOR_BYTES, room;
	void *buffer = NULL;
	NTSTATUS status;
	do {
		void *more = realloc(buffer, room = size);
		if (more == NULL) {
			free(buffer);
			return STATUS_INSUFFICIENT_RESOURCES;
		}
		buffer = more;
		status = bridge->calls.get_security_by_name(&bridge->api, (WCHAR *)path->text, attributes,
							    buffer, &size);
	} while (status == STATUS_BUFFER_OVERFLOW && size > room);
	if (status == STATUS_SUCCESS)
		check_descriptor(path, buffer, size);
	else if (status == STATUS_REPARSE)
		status = STATUS_OBJECT_PATH_NOT_FOUND; /* a directory became a link meanwhile */
	if (status != STATUS_SUCCESS || descriptor == NULL)
		free(buffer);
	else
		*descriptor = buffer;
	return status;
}

static NTSTATUS security_of_parent(struct bridge *bridge, const struct bridge_path *path,
				   PSECURITY_DESCRIPTOR *descriptor)
{
	struct bridge_path parent = {.units = (size_t)(path->leaf - path->text)};
	UINT32 attributes;
	if (parent.units > 1)
		parent.units--; /* without the backslash */
	memcpy(parent.text, path->text, parent.units * sizeof(WCHAR));
	parent.text[parent.units] = 0;
	return security(bridge, &parent, &attributes, descriptor);
}

/* ---- opens and closes ---------------------------------------------------------------------------- */

struct answer {
	struct wfs_open_file_info info;
	WCHAR normalized[8192];
};

static void answer_begin(struct answer *answer)
{
	memset(&answer->info, 0, sizeof answer->info);
	answer->info.normalized_name = answer->normalized;
	answer->info.normalized_name_size = sizeof answer->normalized;
}

/* The driver takes another spelling of the same length, or none. */
static void check_normalized(struct bridge *bridge, const struct bridge_path *path,
			     const struct answer *answer)
{
	size_t bytes = answer->info.normalized_name_size, units = path->units;
	if (bytes > WFS_PATH_UNITS * sizeof(WCHAR))
		return;
	bool same = bytes == units * sizeof(WCHAR);
	for (size_t i = 0; same && i < units; i++) {
		WCHAR asked = path->text[i], told = answer->normalized[i];
		same = asked == told ||
		       (bridge->insensitive && RtlUpcaseUnicodeChar(asked) == RtlUpcaseUnicodeChar(told));
	}
	if (!same)
		bridge_odd("the normalized name is not the name (%zu bytes for %zu units)", bytes, units);
}

static void check_info(const struct wfs_file_info *info)
{
	if (info->allocation_size < info->file_size && !(info->attributes & FILE_ATTRIBUTE_REPARSE_POINT))
		bridge_odd("%llu bytes allocated for a size of %llu",
			   (unsigned long long)info->allocation_size, (unsigned long long)info->file_size);
	if (!(info->attributes & FILE_ATTRIBUTE_REPARSE_POINT) != (info->reparse_tag == 0))
		bridge_odd("attributes %x with reparse tag %x", info->attributes, info->reparse_tag);
	if (info->attributes == 0 || info->index_number == 0)
		bridge_odd("attributes %x, index number %llu", info->attributes,
			   (unsigned long long)info->index_number);
}

static int attach(struct bridge *bridge, const struct bridge_path *path, void *context,
		  const struct wfs_file_info *info, struct bridge_open *open)
{
	check_info(info);
	struct bridge_node *node = tree_get(bridge, path, info);
	if (node == NULL) {
		call_close(bridge, context);
		return ENOMEM;
	}
	pthread_mutex_lock(&node->state);
	if (node->opens++ == 0)
		node->context = context;
	else if (node->context != context)
		bridge_odd("another context for a file that is open");
	open->context = node->context;
	pthread_mutex_unlock(&node->state);
	open->node = node;
	open->info = *info;
	open->borrowed = false;
	return 0;
}

/* Inside of a request that has entered the guard, as the two below. */
static NTSTATUS open_path(struct bridge *bridge, const struct bridge_path *path, UINT32 options,
			  UINT32 access, struct answer *answer, void **context)
{
	UINT32 attributes;
	NTSTATUS status = security(bridge, path, &attributes, NULL);
	if (status != STATUS_SUCCESS)
		return status;
	answer_begin(answer);
	status = bridge->calls.open(&bridge->api, (WCHAR *)path->text, options, access, context,
				    &answer->info.info);
	if (status == STATUS_SUCCESS)
		check_normalized(bridge, path, answer);
	return status;
}

static NTSTATUS call_create(struct bridge *bridge, const struct bridge_path *path, UINT32 options,
			    const struct bridge_new *what, PSECURITY_DESCRIPTOR descriptor,
			    struct answer *answer, void **context)
{
	if (bridge->calls.create_ex != NULL)
		return bridge->calls.create_ex(&bridge->api, (WCHAR *)path->text, options, DRIVER_EVERYTHING,
					       what->attributes, descriptor, 0, what->extra, what->extra_size,
					       what->extra_is_reparse_point, context, &answer->info.info);
	if (what->extra_size != 0)
		return STATUS_NOT_SUPPORTED;
	return bridge->calls.create(&bridge->api, (WCHAR *)path->text, options, DRIVER_EVERYTHING,
				    what->attributes, descriptor, 0, context, &answer->info.info);
}

/* A stream has no descriptor of its own. */
static NTSTATUS create_path(struct bridge *bridge, const struct bridge_path *path, UINT32 options,
			    const struct bridge_new *what, bool stream, struct answer *answer, void **context)
{
	PSECURITY_DESCRIPTOR descriptor = NULL;
	NTSTATUS status = stream ? STATUS_SUCCESS : security_of_parent(bridge, path, &descriptor);
	if (status != STATUS_SUCCESS)
		return status;
	answer_begin(answer);
	status = call_create(bridge, path, options, what, descriptor, answer, context);
	free(descriptor);
	if (status == STATUS_SUCCESS)
		check_normalized(bridge, path, answer);
	return status;
}

static NTSTATUS open_or_create(struct bridge *bridge, const struct bridge_path *path,
			       const struct bridge_new *what, bool stream, struct answer *answer,
			       void **context)
{
	struct bridge_call call;
	UINT32 options = what->options | (what->or_open ? FILE_OPEN_IF : FILE_CREATE) << 24;
	NTSTATUS status = call_enter_create(bridge, &call, options, path);
	if (status != STATUS_SUCCESS)
		return status;
	status = STATUS_OBJECT_NAME_NOT_FOUND;
	if (what->or_open)
		status = open_path(bridge, path, options, DRIVER_EVERYTHING, answer, context);
	if (status == STATUS_OBJECT_NAME_NOT_FOUND)
		status = create_path(bridge, path, options, what, stream, answer, context);
	call_leave(bridge, &call);
	return status;
}

static NTSTATUS open_only(struct bridge *bridge, const struct bridge_path *path, UINT32 options,
			  UINT32 access, struct answer *answer, void **context)
{
	struct bridge_call call;
	options |= FILE_OPEN << 24 | FILE_OPEN_REPARSE_POINT;
	NTSTATUS status = call_enter_create(bridge, &call, options, path);
	if (status != STATUS_SUCCESS)
		return status;
	status = open_path(bridge, path, options, access, answer, context);
	call_leave(bridge, &call);
	return status;
}

int driver_open(struct bridge *bridge, const struct bridge_path *path, UINT32 options, UINT32 access,
		struct bridge_open *open)
{
	struct answer answer;
	void *context;
	NTSTATUS status = open_only(bridge, path, options, access, &answer, &context);
	return status == STATUS_SUCCESS ? attach(bridge, path, context, &answer.info.info, open)
					: text_errno(status);
}

int driver_create(struct bridge *bridge, const struct bridge_path *path, const struct bridge_new *what,
		  struct bridge_open *open)
{
	struct answer answer;
	void *context;
	NTSTATUS status = open_or_create(bridge, path, what, false, &answer, &context);
	return status == STATUS_SUCCESS ? attach(bridge, path, context, &answer.info.info, open)
					: text_errno(status);
}

/* A file that was deleted can only be reached by a context that is there. */
static int borrow(struct bridge_node *node, struct bridge_open *open)
{
	bool there = false;
	pthread_rwlock_rdlock(&node->lock); /* waits for a delete that is underway */
	if (node->deleted) {
		pthread_mutex_lock(&node->state);
		there = node->opens > 0;
		node->borrowers += there;
		open->context = node->context;
		pthread_mutex_unlock(&node->state);
	}
	pthread_rwlock_unlock(&node->lock);
	open->node = node;
	open->borrowed = true;
	return there ? 0 : ESTALE; /* the kernel then looks the name up again */
}

int driver_open_node(struct bridge *bridge, struct bridge_node *node, UINT32 options, UINT32 access,
		     struct bridge_open *open)
{
	struct bridge_path path;
	int error = tree_path(bridge, node, &path);
	if (error == 0)
		error = driver_open(bridge, &path, options, access, open);
	if (error == ENOENT) {
		tree_hold(bridge, node, 1);
		error = borrow(node, open);
		if (error != 0)
			tree_drop(bridge, node, 1);
		return error;
	}
	if (error == 0 && open->node != node) {
		driver_close(bridge, open);
		return ESTALE;
	}
	return error;
}

void driver_close(struct bridge *bridge, struct bridge_open *open)
{
	struct bridge_node *node = open->node;
	unsigned closes = 0;
	pthread_mutex_lock(&node->state);
	if (open->borrowed)
		node->borrowers--;
	else
		node->put_off++;
	if (node->borrowers == 0) {
		closes = node->put_off;
		node->put_off = 0;
		node->opens -= closes;
	}
	void *context = node->context;
	pthread_mutex_unlock(&node->state);
	while (closes-- > 0)
		call_close(bridge, context);
	tree_drop(bridge, node, 1);
	open->node = NULL;
}

/* ---- deletes and renames ------------------------------------------------------------------------------ */

static void check_gone(struct bridge *bridge, const struct bridge_path *path, const char *what)
{
	UINT32 attributes;
	NTSTATUS status = security(bridge, path, &attributes, NULL);
	if (status != STATUS_OBJECT_NAME_NOT_FOUND)
		bridge_odd("after %s the old name answers %08x", what, (unsigned)status);
}

int driver_delete(struct bridge *bridge, const struct bridge_path *path, UINT32 options, bool posted)
{
	struct bridge_open open;
	NTSTATUS status = STATUS_SUCCESS;
	int error = driver_open(bridge, path, options, DELETE | SYNCHRONIZE, &open);
	if (error != 0)
		return error;
	posted = posted || !(bridge->params.flags & WFS_POST_DISPOSITION_WHEN_NECESSARY_ONLY);
	pthread_rwlock_wrlock(&open.node->lock);
	if (posted)
		status = call_set_delete(bridge, open.context, path);
	if (status == STATUS_SUCCESS) {
		call_cleanup(bridge, open.context, path, WFS_CLEANUP_DELETE | WFS_CLEANUP_SET_ACCESS_TIME);
		tree_deleted(bridge, open.node);
	}
	pthread_rwlock_unlock(&open.node->lock);
	/* The kernel keeps others away from the directory meanwhile. */
	if (status == STATUS_SUCCESS)
		check_gone(bridge, path, "a delete");
	driver_close(bridge, &open);
	return text_errno(status);
}

/* What stands under the new name: a file is replaced by the rename itself, an empty directory
 * is deleted before, because Windows never replaces one. *victim NULL: nothing. */
static int make_way(struct bridge *bridge, const struct bridge_path *to, struct bridge_node *source,
		    bool replace, struct bridge_node **victim)
{
	struct bridge_open open;
	*victim = NULL;
	int error = driver_open(bridge, to, 0, DRIVER_READ_ONLY, &open);
	if (error != 0)
		return error == ENOENT ? 0 : error;
	bool directory = open.info.attributes & FILE_ATTRIBUTE_DIRECTORY;
	if (open.node != source) {
		if (!replace)
			error = EEXIST;
		else if (directory && !source->directory)
			error = EISDIR;
		else if (!directory) {
			*victim = open.node;
			tree_hold(bridge, open.node, 1);
		}
	}
	bool delete_it = error == 0 && open.node != source && directory;
	driver_close(bridge, &open);
	return delete_it ? driver_delete(bridge, to, FILE_DIRECTORY_FILE, true) : error;
}

static NTSTATUS rename_open(struct bridge *bridge, struct bridge_open *open, const struct bridge_path *from,
			    const struct bridge_path *to, bool replace)
{
	UINT32 attributes;
	/* The DLL asks whether the caller may delete what is replaced. */
	NTSTATUS status = replace ? security(bridge, to, &attributes, NULL) : STATUS_SUCCESS;
	if (status != STATUS_SUCCESS && status != STATUS_OBJECT_NAME_NOT_FOUND)
		return status;
	pthread_rwlock_wrlock(&open->node->lock);
	status = call_rename(bridge, open->context, from, to, replace);
	pthread_rwlock_unlock(&open->node->lock);
	return status;
}

int driver_rename(struct bridge *bridge, const struct bridge_path *from, const struct bridge_path *to,
		  bool replace)
{
	struct bridge_open open;
	struct bridge_node *victim = NULL;
	NTSTATUS status = STATUS_SUCCESS;
	int error = driver_open(bridge, from, 0, DELETE | SYNCHRONIZE, &open);
	if (error != 0)
		return error;
	error = make_way(bridge, to, open.node, replace, &victim);
	if (error == 0) {
		status = rename_open(bridge, &open, from, to, replace);
		error = text_errno(status);
	}
	if (error == 0 && victim != NULL) {
		pthread_rwlock_wrlock(&victim->lock);
		tree_deleted(bridge, victim);
		pthread_rwlock_unlock(&victim->lock);
	}
	if (error == 0) {
		tree_moved(bridge, open.node, to);
		if (!bridge->insensitive)
			check_gone(bridge, from, "a rename");
	}
	if (victim != NULL)
		tree_drop(bridge, victim, 1);
	driver_close(bridge, &open);
	return error;
}

/* ---- changes of an open file ----------------------------------------------------------------------------
 */

int driver_tell_written(struct bridge *bridge, struct bridge_node *node, void *context)
{
	struct wfs_file_info info;
	if (node->written == 0)
		return 0;
	NTSTATUS status = call_set_times(bridge, context, 0, node->written, node->written, &info);
	if (status == STATUS_SUCCESS && info.last_write_time != node->written)
		bridge_odd("SetBasicInfo: another write time than the one that was set");
	node->written = 0;
	return text_errno(status);
}

int driver_overwrite(struct bridge *bridge, struct bridge_open *open)
{
	char eas[4096] __attribute__((aligned(8)));
	ULONG eas_size = 0;
	struct wfs_file_info info;
	NTSTATUS status = STATUS_SUCCESS;
	/* Owner and mode would be dropped with the other EAs. */
	if (open->info.ea_size != 0)
		status = call_get_ea(bridge, open->context, eas, sizeof eas, &eas_size);
	if (status == STATUS_SUCCESS)
		status = call_overwrite(bridge, open->context, eas, eas_size, &info);
	if (status == STATUS_SUCCESS && info.file_size != 0)
		bridge_odd("Overwrite: a size of %llu is left", (unsigned long long)info.file_size);
	return text_errno(status);
}

/* ---- named streams
 * ------------------------------------------------------------------------------------------ */

static int stream_path(struct bridge *bridge, struct bridge_node *node, const WCHAR *name,
		       struct bridge_path *path)
{
	size_t units = text_units(name);
	int error = tree_path(bridge, node, path);
	if (error != 0)
		return error;
	if (path->units + 1 + units >= WFS_PATH_UNITS)
		return ENAMETOOLONG;
	path->text[path->units] = ':';
	memcpy(path->text + path->units + 1, name, (units + 1) * sizeof *name);
	path->units += 1 + units;
	return 0;
}

int driver_open_stream(struct bridge *bridge, struct bridge_node *node, const WCHAR *name, bool create,
		       bool exclusive, void **context, struct wfs_file_info *info)
{
	const struct bridge_new what = {
		.options = FILE_NON_DIRECTORY_FILE,
		.attributes = FILE_ATTRIBUTE_NORMAL,
		.or_open = !exclusive,
	};
	struct answer answer;
	struct bridge_path path;
	int error = stream_path(bridge, node, name, &path);
	if (error != 0)
		return error;
	NTSTATUS status = create ? open_or_create(bridge, &path, &what, true, &answer, context)
				 : open_only(bridge, &path, 0, DRIVER_EVERYTHING, &answer, context);
	*info = answer.info.info;
	return text_errno(status);
}

void driver_close_stream(struct bridge *bridge, void *context)
{
	call_close(bridge, context);
}

int driver_delete_stream(struct bridge *bridge, struct bridge_node *node, const WCHAR *name)
{
	struct bridge_path path;
	struct answer answer;
	void *context;
	int error = stream_path(bridge, node, name, &path);
	if (error == 0)
		error = text_errno(open_only(bridge, &path, 0, DELETE | SYNCHRONIZE, &answer, &context));
	if (error != 0)
		return error;
	call_cleanup(bridge, context, &path, WFS_CLEANUP_DELETE);
	check_gone(bridge, &path, "a stream's delete");
	call_close(bridge, context);
	return 0;
}
