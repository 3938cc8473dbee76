/*
 * backing: a table of files. A number is a place in it, and the file's name in the tmpfs. A place is free,
 * ready (made ahead, with an id), in use, or doomed (to be removed by the keeper).
 *
 * When the last descriptor of a file is closed it may still be mapped, and changed. So an empty file goes to
 * another node then only if it was never opened for reading. When its node is gone it is not: a mapping holds
 * the node.
 */
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contents.h"
#include "tmpfs.h"
#include "waiting.h"

/* The protocol's, since 7.40; older headers do not have them. */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

#define CHUNK 1024u	 /* places that the table grows by */
#define READY_MOST 64u	 /* files made ahead */
#define READY_LOW 32u	 /* when more are made */
#define STOCK_MOST 4096u /* files ready, with those that were used before and emptied */
#define STOCK_SHARE 64u	 /* at most this part of the limit is what they cost */
#define STOCK_MS 5000	 /* those that nobody wanted for so long are removed */
#define IDS_KEPT 32768u	 /* ids kept of files that nobody has open */
#define CHARGE 1280u	 /* inode, name and id of a file in the kernel, about */
#define RETRY_MS 20	 /* how long the keeper waits when no file can be made */
#define TEND_MS 100	 /* how often the machine's memory is looked at while files are open */
#define TIGHT_SHARE 16u	 /* of the limit is left: what is deleted goes at once */

/* Whoever deletes many files is not to wait for their removal: so many, with so much in them, may wait for so
 * long, while there is room. */
#define DOOMED_MOST 4096u
#define DOOMED_SHARE 64u /* of the limit */
#define DOOMED_BYTES ((uint64_t)64 << 20)
#define MOMENT_MS 100
#define SLICE_MS 10 /* between two looks at the room */

struct item {
	int32_t id;	     /* 0: none */
	uint32_t opens;	     /* by the kernel */
	uint32_t prev, next; /* in the list that it is in; 0: none */
	bool read;	     /* it was opened for reading: it may be mapped */
	bool kept;	     /* it is in the list of this name */
};

struct list {
	uint32_t first, last, count;
};

struct backing {
	struct tmpfs tmpfs; /* first: all that contents.c knows of this */
	struct mfs_backing place;
	int device;		/* constant once started; -1 */
	_Atomic uint64_t limit; /* of the tmpfs */
	pthread_mutex_t lock;	/* what follows */
	pthread_cond_t wake;	/* the keeper has something to do */
	pthread_cond_t removed; /* removing has become 0 */
	struct item **chunks;
	uint32_t places; /* in the table, the one at 0 never used */
	uint32_t free;	 /* list of free places */
	struct list ready, doomed;
	uint64_t doomed_bytes; /* in the doomed ones; what is taken out counts until none is left */
	uint64_t given;	       /* files out of the list of the ready ones, until now */
	uint64_t seen_given;   /* what that was when the keeper last rested */
	unsigned unwanted;     /* milliseconds that it has not changed */
	struct list kept;      /* with an id, not open, longest unused first */
	uint32_t removing;     /* doomed files that are being removed */
	uint32_t opens;	       /* opens by the kernel, of all files */
	bool idle;	       /* the keeper waits for work to come */
	bool asleep;	       /* and for nothing else */
	bool opened;	       /* a file was opened since the keeper last looked */
	bool ending;
	bool tight; /* nearly full when last looked */
	struct mfs_volume *volume;
	pthread_t keeper;
	bool started;
};

static struct item *item_of(struct backing *backing, uint32_t number)
{
	return &backing->chunks[number / CHUNK][number % CHUNK];
}

/* ---- lists (locked) ----------------------------------------------------------------------------- */

static void push(struct backing *backing, struct list *list, uint32_t number)
{
	struct item *item = item_of(backing, number);

	item->next = 0;
	item->prev = list->last;
	if (list->last)
		item_of(backing, list->last)->next = number;
	else
		list->first = number;
	list->last = number;
	list->count++;
}

static void unlist(struct backing *backing, struct list *list, uint32_t number)
{
	struct item *item = item_of(backing, number);

	if (item->prev)
		item_of(backing, item->prev)->next = item->next;
	else
		list->first = item->next;
	if (item->next)
		item_of(backing, item->next)->prev = item->prev;
	else
		list->last = item->prev;
	item->prev = item->next = 0;
	list->count--;
}

/* The first of a list, 0 when it is empty. */
static uint32_t pop(struct backing *backing, struct list *list)
{
	uint32_t number = list->first;

	if (number)
		unlist(backing, list, number);
	return number;
}

/* ---- places (locked) ------------------------------------------------------------------------------ */

static bool grow(struct backing *backing)
{
	uint32_t chunk = backing->places / CHUNK;
	struct item **chunks, *items;

	if (backing->places > UINT32_MAX - CHUNK)
		return false;
	/* The pointers move; the items do not. */
	chunks = realloc(backing->chunks, (chunk + 1) * sizeof *chunks);
	if (!chunks)
		return false;
	backing->chunks = chunks;
	items = calloc(CHUNK, sizeof *items);
	if (!items)
		return false;
	chunks[chunk] = items;
	backing->places += CHUNK;
	for (uint32_t at = CHUNK; at-- > (chunk ? 0 : 1);) {
		items[at].next = backing->free;
		backing->free = chunk * CHUNK + at;
	}
	return true;
}

static uint32_t place_take(struct backing *backing)
{
	uint32_t number;

	if (!backing->free && !grow(backing))
		return 0;
	number = backing->free;
	backing->free = item_of(backing, number)->next;
	*item_of(backing, number) = (struct item){0};
	return number;
}

static void place_give(struct backing *backing, uint32_t number)
{
	item_of(backing, number)->next = backing->free;
	backing->free = number;
}

/* ---- files and ids ---------------------------------------------------------------------------------- */

/* The id of an open file; negative: an errno. */
static int32_t id_open(const struct backing *backing, int file)
{
	const struct backing_map map = {.fd = file};
	int32_t id = ioctl(backing->device, BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static void id_close(const struct backing *backing, int32_t id)
{
	uint32_t number = (uint32_t)id;

	if (id > 0)
		ioctl(backing->device, BACKING_CLOSE, &number);
}

/* Makes the file of a place, with an id where that goes. False: errno. */
static bool file_make(struct backing *backing, uint32_t number, int32_t *id)
{
	int file = tmpfs_create(&backing->tmpfs, number);

	*id = 0;
	if (file < 0)
		return false;
	if (backing->device >= 0)
		*id = id_open(backing, file);
	if (*id < 0)
		*id = 0; /* whoever opens it tries again, and tells */
	close(file);
	return true;
}

/* Gives a file up (locked, given up meanwhile). False: the kernel lacked something, it is doomed again. */
static bool file_end(struct backing *backing, uint32_t number)
{
	int32_t id = item_of(backing, number)->id;
	bool gone;

	item_of(backing, number)->id = 0;
	backing->removing++;
	pthread_mutex_unlock(&backing->lock);
	id_close(backing, id);
	gone = tmpfs_remove(&backing->tmpfs, number);
	pthread_mutex_lock(&backing->lock);
	if (gone)
		place_give(backing, number);
	else
		push(backing, &backing->doomed, number);
	if (!--backing->removing)
		pthread_cond_broadcast(&backing->removed);
	return gone;
}

/* The file is open, or gone. */
static void unkeep(struct backing *backing, uint32_t number)
{
	if (item_of(backing, number)->kept)
		unlist(backing, &backing->kept, number);
	item_of(backing, number)->kept = false;
}

/* Nobody has the file open: its id stays a while. */
static void keep_id(struct backing *backing, uint32_t number)
{
	struct item *item = item_of(backing, number);

	if (item->opens || !item->id || item->kept)
		return;
	push(backing, &backing->kept, number);
	item->kept = true;
}

/* Lets ids go that were not used for long; the lock is given up meanwhile. */
static void forget_ids(struct backing *backing, uint32_t most)
{
	while (backing->kept.count > most) {
		uint32_t number = pop(backing, &backing->kept);
		int32_t id = item_of(backing, number)->id;

		item_of(backing, number)->id = 0;
		item_of(backing, number)->kept = false;
		pthread_mutex_unlock(&backing->lock);
		id_close(backing, id);
		pthread_mutex_lock(&backing->lock);
	}
}

/* There is work for the keeper; `urgent`: it is not to wait for more. */
static void wake(struct backing *backing, bool urgent)
{
	if (!backing->idle && !urgent)
		return;
	backing->idle = backing->asleep = false;
	pthread_cond_signal(&backing->wake);
}

/* ---- the keeper ---------------------------------------------------------------------------------------- */

/* Makes files until enough are ready. False: the kernel lacks something for it. */
static bool make_ready(struct backing *backing)
{
	while (backing->ready.count < READY_MOST && !backing->ending) {
		uint32_t number = place_take(backing);
		int32_t id;
		bool made;

		if (!number)
			return false;
		pthread_mutex_unlock(&backing->lock);
		made = file_make(backing, number, &id);
		pthread_mutex_lock(&backing->lock);
		if (!made) {
			place_give(backing, number);
			return false;
		}
		item_of(backing, number)->id = id;
		push(backing, &backing->ready, number);
	}
	return true;
}

/* How many files may be ready. */
static uint32_t stock_most(const struct backing *backing)
{
	uint64_t most = atomic_load_explicit(&backing->limit, memory_order_relaxed) / STOCK_SHARE / CHARGE;

	return most < READY_MOST ? READY_MOST : most > STOCK_MOST ? STOCK_MOST : (uint32_t)most;
}

/* A file is emptied and used again: that is quicker than to remove it and make another (locked, given up
 * meanwhile). False: it is to be removed. */
static bool use_again(struct backing *backing, uint32_t number)
{
	bool again =
		item_of(backing, number)->id && !backing->tight && backing->ready.count < stock_most(backing);

	if (!again)
		return false;
	backing->removing++;
	pthread_mutex_unlock(&backing->lock);
	again = tmpfs_empty(&backing->tmpfs, number);
	pthread_mutex_lock(&backing->lock);
	if (again) {
		item_of(backing, number)->read = false;
		push(backing, &backing->ready, number);
	}
	if (!--backing->removing)
		pthread_cond_broadcast(&backing->removed);
	return again;
}

/* One file that waits to be removed. False: the kernel lacks something for it. */
static bool end_one(struct backing *backing)
{
	uint32_t number = pop(backing, &backing->doomed);

	if (!backing->doomed.count)
		backing->doomed_bytes = 0;
	return use_again(backing, number) || file_end(backing, number);
}

/* False: some are left. */
static bool end_doomed(struct backing *backing)
{
	while (backing->doomed.count)
		if (!end_one(backing))
			return false;
	return true;
}

/* Too many to be left for a moment, or too large. */
static bool has_many_doomed(const struct backing *backing)
{
	uint64_t most = atomic_load_explicit(&backing->limit, memory_order_relaxed) / DOOMED_SHARE;

	return backing->doomed.count >= DOOMED_MOST ||
	       backing->doomed_bytes > (most < DOOMED_BYTES ? most : DOOMED_BYTES);
}

/* Files are wanted now: of those that wait to be removed as many as are needed. */
static void refill(struct backing *backing)
{
	while (backing->ready.count < READY_MOST && backing->doomed.count && end_one(backing))
		;
}

/* Removes what is ready beyond what is made ahead. */
static void end_stock(struct backing *backing)
{
	while (backing->ready.count > READY_MOST && !backing->ending)
		if (!file_end(backing, pop(backing, &backing->ready)))
			break;
}

static void look_at_room(struct backing *backing)
{
	uint64_t used = tmpfs_used(&backing->tmpfs);
	uint64_t limit = atomic_load_explicit(&backing->limit, memory_order_relaxed);

	backing->tight = used > limit || limit - used < limit / TIGHT_SHARE;
}

static void wait_for(struct backing *backing, long milliseconds)
{
	waiting_for(&backing->wake, &backing->lock, milliseconds);
}

static bool has_work(const struct backing *backing)
{
	return backing->doomed.count || backing->ready.count < READY_LOW;
}

/* Lets deletions gather for a moment, if that can be. */
static void gather(struct backing *backing)
{
	for (int waited = 0; waited < MOMENT_MS && backing->ready.count >= READY_LOW &&
			     !has_many_doomed(backing) && !backing->tight && !backing->ending;
	     waited += SLICE_MS) {
		wait_for(backing, SLICE_MS);
		look_at_room(backing);
	}
}

static void work(struct backing *backing)
{
	bool good = true;

	gather(backing);
	if (backing->ready.count < READY_LOW && !has_many_doomed(backing))
		refill(backing);
	else
		good = end_doomed(backing);
	if (!make_ready(backing) || !good)
		wait_for(backing, RETRY_MS);
	look_at_room(backing);
}

/* Files that nobody has wanted for a while are not kept ready. */
static void watch_stock(struct backing *backing)
{
	backing->unwanted = backing->given == backing->seen_given ? backing->unwanted + TEND_MS : 0;
	backing->seen_given = backing->given;
	if (backing->unwanted < STOCK_MS)
		return;
	end_stock(backing);
	backing->unwanted = 0;
}

/* Nothing to do. While files are open the room may shrink unseen. */
static void rest(struct backing *backing)
{
	backing->idle = true;
	if (!backing->opens && !backing->opened && backing->ready.count <= READY_MOST) {
		backing->asleep = true;
		pthread_cond_wait(&backing->wake, &backing->lock);
		backing->idle = backing->asleep = false;
		return;
	}
	backing->opened = false;
	wait_for(backing, TEND_MS);
	backing->idle = false;
	watch_stock(backing);
	look_at_room(backing);
	pthread_mutex_unlock(&backing->lock);
	mfs_volume_tend(backing->volume);
	pthread_mutex_lock(&backing->lock);
}

static void *keep(void *argument)
{
	struct backing *backing = argument;

	pthread_mutex_lock(&backing->lock);
	while (!backing->ending)
		if (has_work(backing))
			work(backing);
		else
			rest(backing);
	pthread_mutex_unlock(&backing->lock);
	return NULL;
}

/* ---- the place, for the engine ------------------------------------------------------------ */

static enum mfs_status place_make(void *context, uint64_t *file)
{
	struct backing *backing = context;
	enum mfs_status status = MFS_OK;
	uint32_t number;

	pthread_mutex_lock(&backing->lock);
	number = pop(backing, &backing->ready);
	backing->given += number != 0;
	if (backing->ready.count < READY_LOW)
		wake(backing, backing->ready.count == READY_LOW - 1);
	if (!number) {
		int32_t id = 0;

		number = place_take(backing);
		pthread_mutex_unlock(&backing->lock);
		if (!number)
			return MFS_NO_SPACE;
		if (!file_make(backing, number, &id))
			status = contents_status(errno);
		pthread_mutex_lock(&backing->lock);
		if (status == MFS_OK)
			item_of(backing, number)->id = id;
		else
			place_give(backing, number);
	}
	pthread_mutex_unlock(&backing->lock);
	*file = number;
	return status;
}

/* Takes a file that is as it was made for another node's use, if nobody can have it mapped (locked). */
static bool take_again(struct backing *backing, uint32_t number)
{
	if (item_of(backing, number)->read || backing->ready.count >= stock_most(backing))
		return false;
	unkeep(backing, number);
	push(backing, &backing->ready, number);
	return true;
}

static bool place_reclaim(void *context, uint64_t file)
{
	struct backing *backing = context;
	bool again;

	pthread_mutex_lock(&backing->lock);
	again = take_again(backing, (uint32_t)file);
	pthread_mutex_unlock(&backing->lock);
	return again;
}

static void place_remove(void *context, uint64_t file, uint64_t stored)
{
	struct backing *backing = context;
	uint32_t number = (uint32_t)file;

	pthread_mutex_lock(&backing->lock);
	unkeep(backing, number);
	if (backing->tight) {
		if (!file_end(backing, number))
			wake(backing, false);
	} else {
		bool had_many = has_many_doomed(backing);

		push(backing, &backing->doomed, number);
		backing->doomed_bytes += stored;
		wake(backing, !had_many && has_many_doomed(backing));
	}
	pthread_mutex_unlock(&backing->lock);
}

static uint64_t place_used(void *context)
{
	const struct backing *backing = context;

	return tmpfs_used(&backing->tmpfs);
}

static bool place_limit(void *context, uint64_t bytes)
{
	struct backing *backing = context;

	if (!tmpfs_limit(&backing->tmpfs, bytes))
		return false;
	atomic_store_explicit(&backing->limit, bytes, memory_order_relaxed);
	return true;
}

static const struct mfs_backing functions = {
	.charge = CHARGE,
	.make = place_make,
	.remove = place_remove,
	.reclaim = place_reclaim,
	.info = contents_info,
	.read = contents_read,
	.write = contents_write,
	.resize = contents_resize,
	.allocate = contents_allocate,
	.reset = contents_reset,
	.seek = contents_seek,
	.used = place_used,
	.limit = place_limit,
};

/* ---- beginning and ending -------------------------------------------------------------- */

#define FIRST_LIMIT ((uint64_t)1 << 20) /* until the volume says how much it lends */

/* The initial user namespace: the right to register files counts there only. */
static bool in_first_namespace(void)
{
	char target[64] = "";

	return readlink("/proc/self/ns/user", target, sizeof target - 1) > 0 &&
	       !strcmp(target, "user:[4026531837]");
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Linux 6.13 and later give a write a time of its own when the one before was looked at. */
static bool is_coarse(const struct tmpfs *tmpfs)
{
	struct stat before = {0}, after = {0};
	int file = tmpfs_create(tmpfs, 0);
	bool coarse = true;

	if (file < 0)
		return true;
	/* Three looks: the clock may tick between two. */
	for (int round = 0; round < 3; round++) {
		if (pwrite(file, "", 1, 0) != 1 || fstat(file, round ? &after : &before))
			goto out;
		if (round && nanoseconds(before.st_mtim) == nanoseconds(after.st_mtim))
			goto out;
		before = round ? after : before;
	}
	coarse = false;
out:
	close(file);
	tmpfs_remove(tmpfs, 0);
	return coarse;
}

static bool make_tmpfs(struct tmpfs *tmpfs, const struct cli_options *options, const char **why)
{
	*why = "only root may register files with the kernel (CAP_SYS_ADMIN)";
	if (!in_first_namespace())
		return false;
	if (tmpfs_make(tmpfs, FIRST_LIMIT, options->huge, options->atime, options->lock_memory))
		return true;
	if (errno == EINVAL && options->lock_memory)
		*why = "this kernel cannot keep a tmpfs out of swap (Linux 6.4 can)";
	else if (errno != EPERM)
		*why = strerror(errno);
	return false;
}

struct backing *backing_make(const struct cli_options *options, const char **why)
{
	struct backing *backing = calloc(1, sizeof *backing);

	*why = "out of memory";
	if (!backing)
		return NULL;
	if (!make_tmpfs(&backing->tmpfs, options, why)) {
		free(backing);
		return NULL;
	}
	*why = NULL;
	backing->place = functions;
	backing->place.context = backing;
	backing->place.coarse = is_coarse(&backing->tmpfs);
	backing->place.now = backing->place.coarse ? NULL : contents_now;
	backing->place.strict = options->atime == CLI_ATIME_STRICT;
	backing->device = -1;
	pthread_mutex_init(&backing->lock, NULL);
	waiting_init(&backing->wake);
	pthread_cond_init(&backing->removed, NULL);
	return backing;
}

void backing_free(struct backing *backing)
{
	if (!backing)
		return;
	tmpfs_end(&backing->tmpfs);
	for (uint32_t chunk = 0; chunk < backing->places / CHUNK; chunk++)
		free(backing->chunks[chunk]);
	free(backing->chunks);
	pthread_cond_destroy(&backing->removed);
	pthread_cond_destroy(&backing->wake);
	pthread_mutex_destroy(&backing->lock);
	free(backing);
}

const struct mfs_backing *backing_place(const struct backing *backing)
{
	return &backing->place;
}

int backing_start(struct backing *backing, int device, struct mfs_volume *volume)
{
	int error;

	backing->device = device;
	backing->volume = volume;
	error = pthread_create(&backing->keeper, NULL, keep, backing);
	backing->started = !error;
	return error;
}

void backing_stop(struct backing *backing)
{
	if (!backing || !backing->started)
		return;
	pthread_mutex_lock(&backing->lock);
	backing->ending = true;
	wake(backing, true);
	pthread_mutex_unlock(&backing->lock);
	pthread_join(backing->keeper, NULL);
	backing->started = false;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* Registers the file with the kernel (locked, given up meanwhile). 0 or an errno. */
static int register_file(struct backing *backing, uint32_t number)
{
	int32_t id;
	int file;

	pthread_mutex_unlock(&backing->lock);
	file = tmpfs_open(&backing->tmpfs, number);
	id = file < 0 ? -errno : id_open(backing, file);
	if (file >= 0)
		close(file);
	pthread_mutex_lock(&backing->lock);
	if (id <= 0)
		return id ? -id : EIO;
	if (item_of(backing, number)->id) {
		id_close(backing, id); /* another thread was quicker */
		return 0;
	}
	item_of(backing, number)->id = id;
	return 0;
}

int backing_open(struct backing *backing, uint64_t file, bool reads, int32_t *id)
{
	uint32_t number = (uint32_t)file;
	struct item *item;
	int error = 0;

	pthread_mutex_lock(&backing->lock);
	item = item_of(backing, number);
	item->opens++;
	unkeep(backing, number);
	if (!item->id)
		error = register_file(backing, number);
	if (error == ENOMEM || error == ENFILE || error == EMFILE) {
		forget_ids(backing, backing->kept.count / 2);
		error = register_file(backing, number);
	}
	*id = item->id;
	if (error) {
		item->opens--;
		keep_id(backing, number);
	} else {
		item->read |= reads;
		backing->opens++;
		backing->opened = true;
		if (backing->asleep)
			wake(backing, false);
	}
	pthread_mutex_unlock(&backing->lock);
	return error;
}

void backing_close(struct backing *backing, uint64_t file)
{
	uint32_t number = (uint32_t)file;

	pthread_mutex_lock(&backing->lock);
	backing->opens--;
	item_of(backing, number)->opens--;
	keep_id(backing, number);
	forget_ids(backing, IDS_KEPT);
	pthread_mutex_unlock(&backing->lock);
}

bool backing_is_open(struct backing *backing, uint64_t file)
{
	bool open;

	pthread_mutex_lock(&backing->lock);
	open = item_of(backing, (uint32_t)file)->opens > 0;
	pthread_mutex_unlock(&backing->lock);
	return open;
}

bool backing_is_tight(struct backing *backing)
{
	uint64_t limit = atomic_load_explicit(&backing->limit, memory_order_relaxed);

	return tmpfs_used(&backing->tmpfs) > limit / 2;
}

void backing_settle(struct backing *backing)
{
	pthread_mutex_lock(&backing->lock);
	end_doomed(backing);
	while (backing->removing)
		pthread_cond_wait(&backing->removed, &backing->lock);
	pthread_mutex_unlock(&backing->lock);
}
