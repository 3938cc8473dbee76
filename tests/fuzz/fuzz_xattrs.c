/*
 * fuzz_xattrs: any names and values through what the Linux program does with extended attributes: named
 * streams, POSIX ACLs, ntfs-3g's attributes, and the rest.
 *
 * Its own files, without FUSE: what they call of libfuse and of their neighbours stands below and notes the
 * answer. Each request must get one answer, within its bounds, and the checker is content after each.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "front.h"
#include "fuzz.h"
#include "node.h"
#include "operation.h"
#include "privileges.h"
#include "reply.h"

/* ---- what stands for libfuse ------------------------------------------------------------------- */

struct fuse_req {
	struct front *front;
	struct fuse_ctx caller;
	bool privileged;
	unsigned answers;
	int error; /* an errno, or 1000 and a status; 0: success */
	size_t size;
	uint8_t *bytes; /* of the answer, or NULL */
};

void *fuse_req_userdata(fuse_req_t req)
{
	return req->front;
}

const struct fuse_ctx *fuse_req_ctx(fuse_req_t req)
{
	return &req->caller;
}

int fuse_reply_err(fuse_req_t req, int error)
{
	MUST(error >= 0 && error < 200);
	req->answers++;
	req->error = error;
	return 0;
}

int fuse_reply_buf(fuse_req_t req, const char *bytes, size_t size)
{
	req->answers++;
	req->size = size;
	req->bytes = malloc(size ? size : 1);
	MUST(req->bytes);
	if (size)
		memcpy(req->bytes, bytes, size);
	return 0;
}

int fuse_reply_xattr(fuse_req_t req, size_t size)
{
	req->answers++;
	req->size = size;
	return 0;
}

/* ---- what stands for their neighbours -------------------------------------------------------------- */

void reply_status(fuse_req_t req, enum mfs_status status)
{
	req->answers++;
	req->error = status == MFS_OK ? 0 : 1000 + (int)status;
}

int reply_errno(enum mfs_status status)
{
	return status == MFS_OK ? 0 : 100 + (int)status;
}

struct changed_kind changed_before(struct front *front, struct mfs_node *node)
{
	struct mfs_info info;

	mfs_node_info(front->volume, node, &info);
	return (struct changed_kind){.kind = info.kind};
}

void changed_reply(fuse_req_t req, struct mfs_node *node, const struct changed_kind *before, int error)
{
	(void)node;
	(void)before;
	fuse_reply_err(req, error);
}

enum mfs_status flags_may_set(const struct mfs_node *node);
enum mfs_status flags_may_set(const struct mfs_node *node)
{
	return mfs_node_flags(node) & MFS_F_IMMUTABLE ? MFS_NOT_PERMITTED : MFS_OK;
}

bool privileges_caller_has(fuse_req_t req, unsigned capability)
{
	(void)capability;
	return req->privileged;
}

bool privileges_in_group(fuse_req_t req, gid_t group)
{
	(void)group;
	return req->privileged;
}

bool privileges_is_member(fuse_req_t req, gid_t group)
{
	return req->caller.gid == group;
}

bool privileges_known(fuse_req_t req)
{
	(void)req;
	return true;
}

bool volume_gives(struct front *front)
{
	(void)front;
	return false;
}

void changed_look_up_again(struct front *front)
{
	(void)front;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *session, fuse_ino_t number, off_t offset,
				     off_t size)
{
	(void)session;
	(void)number;
	(void)offset;
	(void)size;
	return 0;
}

/* ---- requests ----------------------------------------------------------------------------------------- */

static const char *const names[] = {
	"system.ntfs_attrib",
	"system.ntfs_attrib_be",
	"system.ntfs_times",
	"system.ntfs_times_be",
	"system.ntfs_crtime",
	"system.ntfs_crtime_be",
	"system.ntfs_acl",
	"system.ntfs_reparse_data",
	"system.ntfs_ea",
	"system.posix_acl_access",
	"system.posix_acl_default",
	"user.a",
	"user.A",
	"user.b",
	"user.a/b",
	"user.",
	"user.\xFF",
	"trusted.t",
	"security.s",
	"system.other",
	"other",
	"",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

struct place {
	struct front front;
	struct mfs_node *nodes[4]; /* a file, a directory, a symlink, a fifo */
	fuse_ino_t numbers[4];
	bool insensitive;
};

static void take_name(struct input *input, char to[256])
{
	uint8_t byte = input_byte(input);
	size_t size = 0;

	if (byte < 0xe0) {
		strcpy(to, names[byte % NAMES]);
		return;
	}
	strcpy(to, byte & 1 ? "user." : "trusted.");
	size = strlen(to);
	for (unsigned left = byte == 0xff ? 250 - (unsigned)size : byte & 0x1e; left > 0; left--) {
		uint8_t one = byte == 0xff ? 'x' : input_byte(input);

		to[size] = (char)(one ? one : 'n');
		size++;
	}
	to[size] = 0;
}

static const uint8_t acl[] = {2, 0, 0,	  0,	1,    0,    6,	  0, 0xff, 0xff, 0xff, 0xff, 2,	   0,	 7,
			      0, 1, 0,	  0,	0,    4,    0,	  4, 0,	   0xff, 0xff, 0xff, 0xff, 0x10, 0,
			      7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 4,	   0,	 0xff, 0xff, 0xff, 0xff};

/* A value that suits the name, damaged perhaps, or noise. */
static size_t take_value(struct input *input, const char *name, uint8_t to[OPERATION_BYTES_MAX])
{
	uint8_t byte = input_byte(input);
	size_t size;

	if (byte >= 0xc0) {
		for (size = 0; size < (byte & 0x3fu); size++)
			to[size] = input_byte(input);
		return size;
	}
	if (strstr(name, "posix_acl"))
		memcpy(to, acl, size = sizeof acl);
	else if (strstr(name, "ntfs_ea"))
		size = operation_payload(OP_EA_SET, byte & 0xf, to);
	else if (strstr(name, "reparse"))
		size = operation_payload(OP_REPARSE_SET, byte & 0xf, to);
	else if (strstr(name, "ntfs_acl"))
		size = operation_payload(OP_SECURITY_SET, byte & 0xf, to);
	else
		size = operation_payload(OP_XATTR_SET, byte & 0xf, to);
	for (unsigned left = byte >> 4 & 3; left > 0 && size > 0; left--) {
		size_t at = input_byte(input) % size;

		to[at] ^= input_byte(input);
	}
	return size;
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* What was set is what is told. */
static void expect_value(struct fuse_req *req, fuse_ino_t number, const char *name, const uint8_t *value,
			 size_t size)
{
	struct fuse_req get = {.front = req->front, .caller = req->caller, .privileged = req->privileged};

	xattrs_get(&get, number, name, 70000);
	MUST(get.answers == 1 && get.error == 0 && get.size == size);
	MUST(memcmp(get.bytes, value, size) == 0);
	free(get.bytes);
}

static void one(struct place *place, struct input *input)
{
	uint8_t kind = input_byte(input), which = input_byte(input);
	fuse_ino_t number = place->numbers[which & 3];
	struct fuse_req req = {
		.front = &place->front, .privileged = which & 4, .caller.uid = which & 8 ? 0 : 1000};
	static uint8_t value[OPERATION_BYTES_MAX];
	size_t size, capacity;
	char name[256];

	take_name(input, name);
	switch (kind % 4) {
	case 0:
		size = take_value(input, name, value);
		/* The kernel splits requests only for what it is: a page at the most for ACLs. */
		xattrs_set(&req, number, name, (const char *)value, size, kind >> 2 & 3);
		if (req.error == 0 &&
		    (begins(name, "trusted.") || begins(name, "security.") || begins(name, "user.")))
			expect_value(&req, number, name, value, size);
		break;
	case 1:
		capacity = kind & 4 ? 0 : (size_t)input_byte(input) * (kind & 8 ? 300 : 1);
		xattrs_get(&req, number, name, capacity);
		MUST(!req.bytes || req.size <= capacity);
		MUST(capacity == 0 || req.error || req.bytes);
		break;
	case 2:
		xattrs_remove(&req, number, name);
		break;
	default:
		capacity = kind & 4 ? 0 : (size_t)input_byte(input) * (kind & 8 ? 300 : 1);
		xattrs_list(&req, number, capacity);
		MUST(!req.bytes || req.size <= capacity);
		MUST(!req.bytes || req.size == 0 || req.bytes[req.size - 1] == 0);
	}
	MUST(req.answers == 1);
	free(req.bytes);
}

/* ---- one input --------------------------------------------------------------------------------------------
 */

static struct mfs_node *make(struct place *place, const char *name, enum mfs_kind kind)
{
	const struct mfs_new what = {
		.kind = kind, .mode = 0644, .uid = 1000, .target = "target", .target_size = 6};
	struct mfs_node *node;

	MUST(mfs_create(place->front.volume, place->front.volume->root, name, 1, &what, &node) == MFS_OK);
	return node;
}

static void begin(struct place *place, uint8_t kind)
{
	const struct mfs_options options = {.case_insensitive = kind & 1,
					    .order = MFS_BY_POSITION,
					    .max_bytes = kind & 2 ? 16 << 10 : 8 << 20};
	static const enum mfs_kind kinds[] = {MFS_FILE, MFS_DIRECTORY, MFS_SYMLINK, MFS_FIFO};

	*place = (struct place){.front = {.acls = !(kind & 4), .noxattr = (kind & 0xf8) == 0xf8}};
	pthread_rwlock_init(&place->front.streams_lock, NULL);
	MUST(mfs_volume_create(&options, &place->front.volume) == MFS_OK);
	place->front.volume->seed = 1;
	for (unsigned i = 0; i < 4; i++) {
		place->nodes[i] = make(place, (const char[]){(char)('a' + i)}, kinds[i]);
		place->numbers[i] = front_number(place->nodes[i], kinds[i]);
	}
}

static void check(struct place *place)
{
	struct mfs_stream *streams[4];
	const struct check_held held = {streams, 4};
	char text[CHECK_TEXT];

	for (unsigned i = 0; i < 4; i++)
		streams[i] = &place->nodes[i]->main;
	if (check_volume(place->front.volume, &held, text))
		return;
	fprintf(stderr, "%s\n", text);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size, 0};
	struct place place;

	begin(&place, input_byte(&input));
	while (input_left(&input)) {
		one(&place, &input);
		check(&place);
	}
	mfs_volume_destroy(place.front.volume);
	pthread_rwlock_destroy(&place.front.streams_lock);
	return 0;
}
