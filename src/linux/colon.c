/*
 * colon: operations on "file:stream". Each stands before the ordinary one and takes what concerns a
 * stream. A stream that the kernel knows has a number with the highest bit set, which no node has,
 * and stays in a table until the kernel forgets it. That it does late, for it does not know that a stream
 * goes with its file: what has no name any more and is not open is let go before. Nothing about a stream is
 * cached by the kernel, for the same bytes can be changed as an extended attribute.
 */
#include "colon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "flags.h"
#include "reply.h"
#include "streams.h"

#define STREAM_BIT (UINT64_C(1) << 63)
#define SEPARATOR ':'

struct known {
	uint64_t number;
	const struct mfs_node *file; /* the stream's */
	struct mfs_stream *stream;   /* a reference; NULL: let go */
	uint64_t lookups, opens;     /* the kernel's */
	bool gone;		     /* it has no name, and is not in by_stream */
};

struct colon {
	const struct fuse_lowlevel_ops *plain; /* constant */
	pthread_mutex_t lock;
	void *by_number, *by_stream; /* lock: trees (tsearch) of the same struct known */
	uint64_t last;		     /* lock: numbers given so far */
};

/* ---- the table ------------------------------------------------------------------------------ */

static int compare_numbers(const void *a, const void *b)
{
	const struct known *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

static int compare_pointers(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return x < y ? -1 : x > y;
}

/* By file; without a stream any one of the file's is meant. */
static int compare_streams(const void *a, const void *b)
{
	const struct known *left = a, *right = b;
	int order = compare_pointers(left->file, right->file);

	if (order || !left->stream || !right->stream)
		return order;
	return compare_pointers(left->stream, right->stream);
}

static const struct fuse_lowlevel_ops *plain(fuse_req_t req)
{
	return front_of(req)->colon->plain;
}

void colon_free(struct front *front)
{
	struct colon *colon = front->colon;

	if (!colon)
		return;
	front->colon = NULL;
	while (colon->by_number) {
		struct known *known = *(struct known **)colon->by_number;

		tdelete(known, &colon->by_number, compare_numbers);
		if (!known->gone)
			tdelete(known, &colon->by_stream, compare_streams);
		mfs_stream_drop(front->volume, known->stream);
		free(known);
	}
	pthread_mutex_destroy(&colon->lock);
	free(colon);
}

static bool is_stream(uint64_t number)
{
	return number & STREAM_BIT;
}

/* A stream that the kernel has not seen; takes a reference of its own. Under the lock. */
static struct known *add(struct colon *colon, struct mfs_stream *stream)
{
	struct known *known = calloc(1, sizeof *known);

	if (!known)
		return NULL;
	known->number = STREAM_BIT | ++colon->last;
	known->stream = stream;
	known->file = mfs_stream_node(stream);
	if (!tsearch(known, &colon->by_number, compare_numbers))
		goto fail;
	if (!tsearch(known, &colon->by_stream, compare_streams)) {
		tdelete(known, &colon->by_number, compare_numbers);
		goto fail;
	}
	mfs_stream_hold(stream);
	return known;
fail:
	free(known);
	return NULL;
}

/* One lookup of the kernel's more: the stream's number, 0: no memory. */
static uint64_t look_up(struct colon *colon, struct mfs_stream *stream)
{
	struct known key = {.file = mfs_stream_node(stream), .stream = stream}, **found, *known;
	uint64_t number = 0;

	pthread_mutex_lock(&colon->lock);
	found = tfind(&key, &colon->by_stream, compare_streams);
	known = found ? *found : add(colon, stream);
	if (known) {
		known->lookups++;
		number = known->number;
	}
	pthread_mutex_unlock(&colon->lock);
	return number;
}

/* The stream with this number, with a reference; NULL: none. `opens` of it more are open. */
static struct mfs_stream *find_to_open(struct colon *colon, uint64_t number, unsigned opens)
{
	struct known key = {.number = number}, **found;
	struct mfs_stream *stream = NULL;

	pthread_mutex_lock(&colon->lock);
	found = tfind(&key, &colon->by_number, compare_numbers);
	if (found && (*found)->stream) {
		stream = mfs_stream_hold((*found)->stream);
		(*found)->opens += opens;
	}
	pthread_mutex_unlock(&colon->lock);
	return stream;
}

static struct mfs_stream *find(struct colon *colon, uint64_t number)
{
	return find_to_open(colon, number, 0);
}

/* What has no name and is not open is let go (locked): the reference, which the caller drops. */
static struct mfs_stream *let_go(struct known *known)
{
	struct mfs_stream *stream = known->gone && !known->opens ? known->stream : NULL;

	if (stream)
		known->stream = NULL;
	return stream;
}

/* It is open once less. */
static void closed(struct front *front, uint64_t number)
{
	struct colon *colon = front->colon;
	struct known key = {.number = number}, **found;
	struct mfs_stream *stream = NULL;

	pthread_mutex_lock(&colon->lock);
	found = tfind(&key, &colon->by_number, compare_numbers);
	if (found) {
		(*found)->opens--;
		stream = let_go(*found);
	}
	pthread_mutex_unlock(&colon->lock);
	mfs_stream_drop(front->volume, stream);
}

/* The file's streams have no name any more. */
static void lose(struct front *front, const struct mfs_node *file)
{
	struct colon *colon = front->colon;
	struct known key = {.file = file}, **found, *known;

	do {
		struct mfs_stream *lost = NULL;

		pthread_mutex_lock(&colon->lock);
		found = tfind(&key, &colon->by_stream, compare_streams);
		if (found) {
			known = *found;
			tdelete(known, &colon->by_stream, compare_streams);
			known->gone = true;
			lost = let_go(known);
		}
		pthread_mutex_unlock(&colon->lock);
		mfs_stream_drop(front->volume, lost);
	} while (found);
}

static void forget_lookups(struct front *front, uint64_t number, uint64_t lookups)
{
	struct colon *colon = front->colon;
	struct known key = {.number = number}, **found, *known = NULL;

	pthread_mutex_lock(&colon->lock);
	found = tfind(&key, &colon->by_number, compare_numbers);
	if (found && (*found)->lookups <= lookups) {
		known = *found;
		tdelete(known, &colon->by_number, compare_numbers);
		if (!known->gone)
			tdelete(known, &colon->by_stream, compare_streams);
	} else if (found) {
		(*found)->lookups -= lookups;
	}
	pthread_mutex_unlock(&colon->lock);
	if (known)
		mfs_stream_drop(front->volume, known->stream);
	free(known);
}

/* What stands under a name that may be taken away, for `after`. NULL: nothing. statfs waits until then. */
static struct mfs_node *before(struct front *front, fuse_ino_t parent_number, const char *name)
{
	struct mfs_node *parent = front_node(front, parent_number), *file = NULL;

	if (parent && mfs_lookup(front->volume, parent, name, strlen(name), &file) != MFS_OK)
		file = NULL;
	mfs_node_drop(front->volume, parent);
	atomic_fetch_add_explicit(&front->settling, 1, memory_order_relaxed);
	return file;
}

static void after(struct front *front, struct mfs_node *file)
{
	struct mfs_info info;

	if (file) {
		mfs_node_info(front->volume, file, &info);
		if (info.links == 0)
			lose(front, file);
		mfs_node_drop(front->volume, file);
	}
	front_settled(front);
}

/* ---- names -------------------------------------------------------------------------------------- */

struct place {
	struct mfs_node *file; /* a reference */
	const char *stream;    /* inside the name */
	size_t stream_size;
};

static bool has_stream(const char *name)
{
	return strchr(name, SEPARATOR) != NULL;
}

/* Finds the file of "file:stream"; files and directories have streams. */
static int find_place(struct front *front, fuse_ino_t parent_number, const char *name, struct place *place)
{
	size_t file_size = strcspn(name, ":");
	struct mfs_node *parent;
	struct mfs_info info;
	enum mfs_status status;

	place->stream = name + file_size + 1;
	place->stream_size = strlen(place->stream);
	if (!file_size || !place->stream_size)
		return EINVAL;
	if (place->stream_size > STREAMS_NAME_MOST)
		return ENAMETOOLONG;
	parent = front_node(front, parent_number);
	if (!parent)
		return ESTALE;
	status = mfs_lookup(front->volume, parent, name, file_size, &place->file);
	mfs_node_drop(front->volume, parent);
	if (status != MFS_OK)
		return reply_errno(status);
	mfs_node_info(front->volume, place->file, &info);
	if (info.kind == MFS_FILE || info.kind == MFS_DIRECTORY)
		return 0;
	mfs_node_drop(front->volume, place->file);
	return EPERM;
}

/* The same, to change what streams the file has, and with `also` (ACCESS_...) for more than that: the kernel
 * has asked the directory, and not the file, for permission. */
static int find_writable(fuse_req_t req, fuse_ino_t parent, const char *name, unsigned also,
			 struct place *place)
{
	struct front *front = front_of(req);
	int error = find_place(front, parent, name, place);

	if (error)
		return error;
	if (flags_may_set(place->file) != MFS_OK)
		error = EPERM;
	else if (!access_allows(req, front, place->file, ACCESS_WRITE | also))
		error = EACCES;
	if (error)
		mfs_node_drop(front->volume, place->file);
	return error;
}

/* The file's times have moved and the kernel does not know. Waits for nothing. */
static void file_changed(struct front *front, struct mfs_node *file)
{
	fuse_lowlevel_notify_inval_inode(front->session, mfs_node_number(file), -1, 0);
}

/* ---- answers --------------------------------------------------------------------------------------- */

static void fill_info(struct front *front, struct mfs_stream *stream, uint64_t number, struct mfs_info *info)
{
	mfs_stream_info(front->volume, stream, info);
	/* A directory's stream cannot be searched, and a program's is not run as its owner. */
	info->mode &= info->directory ? 0666 : 0777;
	info->kind = MFS_FILE;
	info->number = number;
	info->links = 1;
}

bool colon_info(struct front *front, uint64_t number, struct mfs_info *info)
{
	struct mfs_stream *stream = front->colon && is_stream(number) ? find(front->colon, number) : NULL;

	if (!stream)
		return false;
	fill_info(front, stream, number, info);
	mfs_stream_drop(front->volume, stream);
	return true;
}

static void fill_stat(struct front *front, struct mfs_stream *stream, uint64_t number, struct stat *stat)
{
	struct mfs_info info;

	fill_info(front, stream, number, &info);
	reply_stat(&info, stat);
}

/* False: no memory. */
static bool fill_entry(struct front *front, struct mfs_stream *stream, struct fuse_entry_param *entry)
{
	memset(entry, 0, sizeof *entry);
	entry->ino = look_up(front->colon, stream);
	entry->generation = front->generation;
	if (entry->ino)
		fill_stat(front, stream, entry->ino, &entry->attr);
	return entry->ino != 0;
}

/* The caller's reference stays the caller's. */
static void reply_stream(fuse_req_t req, struct mfs_stream *stream)
{
	struct front *front = front_of(req);
	struct fuse_entry_param entry;

	if (!fill_entry(front, stream, &entry))
		fuse_reply_err(req, ENOMEM);
	else if (fuse_reply_entry(req, &entry))
		forget_lookups(front, entry.ino, 1);
}

/* Makes an open file, which takes the caller's reference. */
static void fill_open(struct mfs_stream *stream, struct fuse_file_info *info)
{
	info->fh = (uintptr_t)stream;
	info->direct_io = 1;
	info->noflush = 1;
}

/* ---- finding ------------------------------------------------------------------------------------------ */

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_stream *stream;
	struct place place;
	enum mfs_status status;
	int error;

	if (!has_stream(name)) {
		plain(req)->lookup(req, parent, name);
		return;
	}
	error = find_place(front, parent, name, &place);
	if (error) {
		/* What cannot be is not there; that it cannot be made is for the making to say. */
		fuse_reply_err(req, error == EINVAL || error == EPERM ? ENOENT : error);
		return;
	}
	status = mfs_stream_open(front->volume, place.file, place.stream, place.stream_size, &stream);
	mfs_node_drop(front->volume, place.file);
	if (status != MFS_OK) {
		reply_status(req, status);
		return;
	}
	reply_stream(req, stream);
	mfs_stream_drop(front->volume, stream);
}

static void forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups)
{
	if (!is_stream(number)) {
		plain(req)->forget(req, number, lookups);
		return;
	}
	forget_lookups(front_of(req), number, lookups);
	front_settled(front_of(req));
	fuse_reply_none(req);
}

static void forget_many(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_stream(forgets[i].ino))
			forget_lookups(front_of(req), forgets[i].ino, forgets[i].nlookup);
		else
			forgets[kept++] = forgets[i];
	}
	plain(req)->forget_multi(req, kept, forgets);
}

static void getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_stream *stream;
	struct stat stat;

	if (!is_stream(number)) {
		plain(req)->getattr(req, number, info);
		return;
	}
	stream = find(front->colon, number);
	if (!stream) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	fill_stat(front, stream, number, &stat);
	mfs_stream_drop(front->volume, stream);
	fuse_reply_attr(req, &stat, 0);
}

static struct mfs_time time_of(struct timespec time)
{
	return (struct mfs_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

static void collect_times(const struct stat *to, int what, struct mfs_set *set)
{
	set->access = time_of(to->st_atim);
	set->write = time_of(to->st_mtim);
	if (what & FUSE_SET_ATTR_ATIME_NOW)
		set->what |= MFS_SET_ACCESS_NOW;
	else if (what & FUSE_SET_ATTR_ATIME)
		set->what |= MFS_SET_ACCESS;
	if (what & FUSE_SET_ATTR_MTIME_NOW)
		set->what |= MFS_SET_WRITE_NOW;
	else if (what & FUSE_SET_ATTR_MTIME)
		set->what |= MFS_SET_WRITE;
}

/* Permissions and owner are the file's, and to be changed there. Its times can be set by either. */
static enum mfs_status set_stream(struct front *front, struct mfs_stream *stream, const struct stat *to,
				  int what)
{
	struct mfs_set set = {0};
	enum mfs_status status = flags_may_setattr(mfs_stream_node(stream), what);

	if (what & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		return MFS_NOT_PERMITTED;
	if (status == MFS_OK && what & FUSE_SET_ATTR_SIZE)
		status = to->st_size < 0 ? MFS_INVALID
					 : mfs_set_size(front->volume, stream, (uint64_t)to->st_size);
	collect_times(to, what, &set);
	if (status == MFS_OK && set.what)
		status = mfs_node_set(front->volume, mfs_stream_node(stream), &set);
	file_changed(front, mfs_stream_node(stream));
	return status;
}

static void setattr(fuse_req_t req, fuse_ino_t number, struct stat *to, int what, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct mfs_stream *stream;
	enum mfs_status status;
	struct stat stat;

	if (!is_stream(number)) {
		plain(req)->setattr(req, number, to, what, info);
		return;
	}
	stream = find(front->colon, number);
	if (!stream) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = set_stream(front, stream, to, what);
	fill_stat(front, stream, number, &stat);
	mfs_stream_drop(front->volume, stream);
	if (status == MFS_OK)
		fuse_reply_attr(req, &stat, 0);
	else
		reply_status(req, status);
}

/* ---- making and removing ---------------------------------------------------------------------------- */

/* The stream of a name, made unless it is there and `flags` (open's) allow that. */
static int make(fuse_req_t req, fuse_ino_t parent, const char *name, int flags, struct mfs_stream **stream,
		bool *made)
{
	struct front *front = front_of(req);
	struct place place;
	enum mfs_status status;
	/* Also when it is made: another may make it meanwhile, and fill it. */
	unsigned also = (flags & O_ACCMODE) == O_WRONLY ? 0 : ACCESS_READ;
	int error = find_writable(req, parent, name, also, &place);

	if (error)
		return error;
	status = mfs_stream_create(front->volume, place.file, place.stream, place.stream_size, stream);
	*made = status == MFS_OK;
	if (status == MFS_EXISTS && !(flags & O_EXCL))
		status = mfs_stream_open(front->volume, place.file, place.stream, place.stream_size, stream);
	if (status == MFS_OK)
		file_changed(front, place.file);
	mfs_node_drop(front->volume, place.file);
	return reply_errno(status);
}

/* There was no memory to tell of it. Takes the caller's reference. */
static void give_up(fuse_req_t req, const char *name, struct mfs_stream *stream, bool made)
{
	struct front *front = front_of(req);
	const char *own = strchr(name, SEPARATOR) + 1;

	if (made)
		mfs_stream_remove(front->volume, mfs_stream_node(stream), own, strlen(own), stream);
	mfs_stream_drop(front->volume, stream);
	fuse_reply_err(req, ENOMEM);
}

static void create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	struct fuse_entry_param entry;
	struct mfs_stream *stream;
	bool made;
	int error;

	if (!has_stream(name)) {
		plain(req)->create(req, parent, name, mode, info);
		return;
	}
	error = make(req, parent, name, info->flags, &stream, &made);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	fill_open(stream, info);
	if (!fill_entry(front, stream, &entry)) {
		give_up(req, name, stream, made);
		return;
	}
	if (!made && info->flags & O_TRUNC) {
		mfs_set_size(front->volume, stream, 0);
		fill_stat(front, stream, entry.ino, &entry.attr);
	}
	mfs_stream_drop(front->volume, find_to_open(front->colon, entry.ino, 1));
	if (fuse_reply_create(req, &entry, info)) {
		closed(front, entry.ino);
		forget_lookups(front, entry.ino, 1);
		mfs_stream_drop(front->volume, stream);
	}
}

static void mknod_(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct front *front = front_of(req);
	struct fuse_entry_param entry;
	struct mfs_stream *stream;
	bool made;
	int error;

	if (!has_stream(name)) {
		plain(req)->mknod(req, parent, name, mode, device);
		return;
	}
	error = mode & S_IFMT && !S_ISREG(mode) ? EINVAL
						: make(req, parent, name, O_WRONLY | O_EXCL, &stream, &made);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	if (!fill_entry(front, stream, &entry)) {
		give_up(req, name, stream, made);
		return;
	}
	if (fuse_reply_entry(req, &entry))
		forget_lookups(front, entry.ino, 1);
	mfs_stream_drop(front->volume, stream);
}

static void mkdir_(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (has_stream(name))
		fuse_reply_err(req, EINVAL);
	else
		plain(req)->mkdir(req, parent, name, mode);
}

static void symlink_(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	if (has_stream(name))
		fuse_reply_err(req, EINVAL);
	else
		plain(req)->symlink(req, target, parent, name);
}

static void link_(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char *name)
{
	if (is_stream(number) || has_stream(name))
		fuse_reply_err(req, EPERM);
	else
		plain(req)->link(req, number, parent, name);
}

static void unlink_(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_node *file;
	struct place place;
	enum mfs_status status;
	int error;

	if (!has_stream(name)) {
		file = before(front, parent, name);
		plain(req)->unlink(req, parent, name);
		after(front, file);
		return;
	}
	error = find_writable(req, parent, name, 0, &place);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	status = mfs_stream_remove(front->volume, place.file, place.stream, place.stream_size, NULL);
	if (status == MFS_OK)
		file_changed(front, place.file);
	mfs_node_drop(front->volume, place.file);
	reply_status(req, status);
}

static void rmdir_(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct front *front = front_of(req);
	struct mfs_node *directory = before(front, parent, name);

	plain(req)->rmdir(req, parent, name);
	after(front, directory);
}

/* A stream can be renamed where it is; to any other place it has to be copied (mv does, on EXDEV). */
static void rename_(fuse_req_t req, fuse_ino_t from, const char *from_name, fuse_ino_t to,
		    const char *to_name, unsigned flags)
{
	struct front *front = front_of(req);
	struct place old, new;
	int error;

	if (!has_stream(from_name) && !has_stream(to_name)) {
		struct mfs_node *victim = before(front, to, to_name);

		plain(req)->rename(req, from, from_name, to, to_name, flags);
		after(front, victim);
		return;
	}
	if (!has_stream(from_name) || !has_stream(to_name)) {
		fuse_reply_err(req, EXDEV);
		return;
	}
	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	error = find_writable(req, from, from_name, 0, &old);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	error = find_place(front, to, to_name, &new);
	if (!error) {
		error = EXDEV;
		if (new.file == old.file)
			error = reply_errno(mfs_stream_rename(front->volume, old.file, old.stream,
							      old.stream_size, new.stream, new.stream_size,
							      !(flags & RENAME_NOREPLACE)));
		mfs_node_drop(front->volume, new.file);
	}
	if (!error)
		file_changed(front, old.file);
	mfs_node_drop(front->volume, old.file);
	fuse_reply_err(req, error);
}

/* ---- data --------------------------------------------------------------------------------------------- */

static void open_(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status;
	struct mfs_stream *stream;

	if (!is_stream(number)) {
		plain(req)->open(req, number, info);
		return;
	}
	stream = find_to_open(front->colon, number, 1);
	if (!stream) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	status = flags_may_open(mfs_stream_node(stream), info->flags);
	if (status == MFS_OK && info->flags & O_TRUNC) {
		status = mfs_set_size(front->volume, stream, 0);
		file_changed(front, mfs_stream_node(stream));
	}
	fill_open(stream, info);
	if (status != MFS_OK)
		reply_status(req, status);
	else if (!fuse_reply_open(req, info))
		return; /* the open file has the reference */
	closed(front, number);
	mfs_stream_drop(front->volume, stream);
}

static void release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
	struct front *front = front_of(req);

	if (!is_stream(number)) {
		plain(req)->release(req, number, info);
		return;
	}
	if ((info->flags & O_ACCMODE) != O_RDONLY)
		mfs_stream_trim(front->volume, front_stream(info));
	mfs_stream_drop(front->volume, front_stream(info));
	closed(front, number);
	fuse_reply_err(req, 0);
	front_settled(front);
}

static void read_(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status = MFS_INVALID;
	size_t done = 0;
	char *bytes;

	if (!is_stream(number)) {
		plain(req)->read(req, number, size, offset, info);
		return;
	}
	bytes = malloc(size ? size : 1);
	if (!bytes)
		status = MFS_NO_SPACE;
	else if (offset >= 0)
		status = mfs_read(front->volume, front_stream(info), (uint64_t)offset, bytes, size, &done);
	if (status == MFS_OK || status == MFS_END_OF_FILE)
		fuse_reply_buf(req, bytes, done);
	else
		reply_status(req, status);
	front_wipe(bytes, done);
}

static void write_(fuse_req_t req, fuse_ino_t number, const char *from, size_t size, off_t offset,
		   struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	unsigned how = info->flags & O_APPEND ? MFS_WRITE_APPEND : 0;
	enum mfs_status status = MFS_INVALID;
	size_t done = 0;

	if (!is_stream(number)) {
		plain(req)->write(req, number, from, size, offset, info);
		return;
	}
	/* At the end, wherever that is. */
	if (offset >= 0)
		status = flags_may_write(front, front_stream(info), how ? UINT64_MAX : (uint64_t)offset,
					 false);
	if (status == MFS_OK)
		status = mfs_write(front->volume, front_stream(info), (uint64_t)offset, from, size, how,
				   &done);
	if (status != MFS_OK) {
		reply_status(req, status);
		return;
	}
	file_changed(front, mfs_stream_node(front_stream(info)));
	fuse_reply_write(req, done);
}

static void fallocate_(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t size,
		       struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status;
	unsigned flags;

	if (!is_stream(number)) {
		plain(req)->fallocate(req, number, mode, offset, size, info);
		return;
	}
	if (!files_fallocate_flags(mode, &flags))
		status = MFS_NOT_SUPPORTED;
	else if (offset < 0 || size <= 0)
		status = MFS_INVALID;
	else
		status = flags_may_allocate(mfs_stream_node(front_stream(info)), mode);
	if (status == MFS_OK)
		status = mfs_fallocate(front->volume, front_stream(info), (uint64_t)offset, (uint64_t)size,
				       flags);
	file_changed(front, mfs_stream_node(front_stream(info)));
	reply_status(req, status);
}

static void lseek_(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, struct fuse_file_info *info)
{
	struct front *front = front_of(req);
	enum mfs_status status = MFS_NO_DATA;
	uint64_t found = 0;

	if (!is_stream(number)) {
		plain(req)->lseek(req, number, offset, whence, info);
		return;
	}
	if (offset >= 0 && whence == SEEK_DATA)
		status = mfs_next_data(front->volume, front_stream(info), (uint64_t)offset, &found);
	else if (offset >= 0 && whence == SEEK_HOLE)
		status = mfs_next_hole(front->volume, front_stream(info), (uint64_t)offset, &found);
	if (status == MFS_OK)
		fuse_reply_lseek(req, (off_t)found);
	else
		reply_status(req, status);
}

/* The kernel then copies by reading and writing. */
static void copy(fuse_req_t req, fuse_ino_t from_number, off_t from_offset, struct fuse_file_info *from,
		 fuse_ino_t to_number, off_t to_offset, struct fuse_file_info *to, size_t size, int flags)
{
	if (is_stream(from_number) || is_stream(to_number))
		fuse_reply_err(req, EOPNOTSUPP);
	else
		plain(req)->copy_file_range(req, from_number, from_offset, from, to_number, to_offset, to,
					    size, flags);
}

/* ---- attributes of streams: the file's access list alone -------------------------------------------------
 */

/* The number of the stream's file, 0: the stream is gone. */
static fuse_ino_t file_number(struct front *front, fuse_ino_t number)
{
	struct mfs_stream *stream = find(front->colon, number);
	fuse_ino_t file = stream ? mfs_node_number(mfs_stream_node(stream)) : 0;

	mfs_stream_drop(front->volume, stream);
	return file;
}

static void getxattr_(fuse_req_t req, fuse_ino_t number, const char *name, size_t size)
{
	fuse_ino_t file = is_stream(number) ? file_number(front_of(req), number) : number;

	if (!is_stream(number) || (file && !strcmp(name, "system.posix_acl_access")))
		plain(req)->getxattr(req, file, name, size);
	else
		fuse_reply_err(req, file ? ENODATA : ESTALE);
}

static void setxattr_(fuse_req_t req, fuse_ino_t number, const char *name, const char *value, size_t size,
		      int flags)
{
	if (is_stream(number))
		fuse_reply_err(req, EOPNOTSUPP);
	else
		plain(req)->setxattr(req, number, name, value, size, flags);
}

static void listxattr_(fuse_req_t req, fuse_ino_t number, size_t size)
{
	if (!is_stream(number))
		plain(req)->listxattr(req, number, size);
	else if (size)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_xattr(req, 0);
}

static void removexattr_(fuse_req_t req, fuse_ino_t number, const char *name)
{
	if (is_stream(number))
		fuse_reply_err(req, ENODATA);
	else
		plain(req)->removexattr(req, number, name);
}

/* The ordinary ioctls are about nodes. */
static void ioctl_(fuse_req_t req, fuse_ino_t number, unsigned command, void *argument,
		   struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
		   size_t out_size)
{
	if (is_stream(number))
		fuse_reply_err(req, ENOTTY);
	else
		plain(req)->ioctl(req, number, command, argument, info, flags, in, in_size, out_size);
}

bool colon_attach(struct front *front, const struct fuse_lowlevel_ops *plain, struct fuse_lowlevel_ops *with)
{
	struct colon *colon = calloc(1, sizeof *colon);

	if (!colon)
		return false;
	colon->plain = plain;
	pthread_mutex_init(&colon->lock, NULL);
	front->colon = colon;
	*with = *plain;
	with->lookup = lookup;
	with->forget = forget;
	with->forget_multi = forget_many;
	with->getattr = getattr;
	with->setattr = setattr;
	with->create = create;
	with->mknod = mknod_;
	with->mkdir = mkdir_;
	with->symlink = symlink_;
	with->link = link_;
	with->unlink = unlink_;
	with->rmdir = rmdir_;
	with->rename = rename_;
	with->open = open_;
	with->release = release;
	with->read = read_;
	with->write = write_;
	with->fallocate = fallocate_;
	with->lseek = lseek_;
	with->copy_file_range = copy;
	with->getxattr = getxattr_;
	with->setxattr = setxattr_;
	with->listxattr = listxattr_;
	with->removexattr = removexattr_;
	with->ioctl = ioctl_;
	return true;
}
