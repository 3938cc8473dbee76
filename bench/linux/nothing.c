/*
 * nothing: the least that a FUSE file system can cost: it answers every request at once, knows no names, and
 * forgets what is written. The kernel's own memory of names and attributes makes it look real enough to
 * create, change, rename and delete on it. What a row takes here is the kernel's and the task switches'
 * share, which no file system in a daemon gets below. The kernel sends it what it sends memefs.
 *
 *   nothing MOUNTPOINT   serves until it is unmounted
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_BYTES (1u << 20)
#define FOREVER 1000000000u
#define NOFLUSH (1u << 5) /* FOPEN_NOFLUSH; older headers do not have it */

struct nothing {
	int device;
	uint64_t last; /* node number given out */
	union {
		struct fuse_in_header head;
		char bytes[REQUEST_BYTES + 4096];
	} request;
	struct {
		struct fuse_out_header head;
		char bytes[1024];
	} answer;
};

static void fill_attributes(struct fuse_attr *attributes, uint64_t number, uint32_t mode)
{
	*attributes = (struct fuse_attr){.ino = number, .mode = mode, .nlink = 1, .blksize = 4096};
}

/* A directory's number is odd, a link's divisible by four. */
static uint32_t mode_of(uint64_t number)
{
	return number & 1 ? S_IFDIR | 0755 : number & 2 ? S_IFREG | 0644 : S_IFLNK | 0777;
}

static uint64_t new_number(struct nothing *nothing, uint32_t type)
{
	nothing->last += 4;
	return nothing->last + (type == S_IFDIR ? 1 : type == S_IFREG ? 2 : 0);
}

static size_t entry(struct nothing *nothing, uint32_t type)
{
	struct fuse_entry_out *out = (void *)nothing->answer.bytes;

	*out = (struct fuse_entry_out){.entry_valid = FOREVER, .attr_valid = FOREVER};
	if (type) {
		out->nodeid = new_number(nothing, type);
		fill_attributes(&out->attr, out->nodeid, mode_of(out->nodeid));
	}
	return sizeof *out;
}

static size_t opened(char *to)
{
	const struct fuse_open_out out = {.open_flags = NOFLUSH | FOPEN_KEEP_CACHE};

	memcpy(to, &out, sizeof out);
	return sizeof out;
}

static size_t created(struct nothing *nothing)
{
	size_t size = entry(nothing, S_IFREG);

	return size + opened(nothing->answer.bytes + size);
}

static size_t attributes(struct nothing *nothing)
{
	struct fuse_attr_out *out = (void *)nothing->answer.bytes;
	uint64_t number = nothing->request.head.nodeid;

	*out = (struct fuse_attr_out){.attr_valid = FOREVER};
	fill_attributes(&out->attr, number, mode_of(number));
	return sizeof *out;
}

static size_t init(struct nothing *nothing)
{
	const struct fuse_init_in *in = (void *)(&nothing->request.head + 1);
	struct fuse_init_out *out = (void *)nothing->answer.bytes;

	*out = (struct fuse_init_out){
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ATOMIC_O_TRUNC |
				      FUSE_PARALLEL_DIROPS | FUSE_NO_OPENDIR_SUPPORT |
				      FUSE_HANDLE_KILLPRIV_V2 | FUSE_POSIX_ACL | FUSE_DONT_MASK),
		.max_write = REQUEST_BYTES,
		.max_pages = REQUEST_BYTES / 4096,
		.time_gran = 1,
	};
	return sizeof *out;
}

static size_t written(struct nothing *nothing)
{
	const struct fuse_write_in *in = (void *)(&nothing->request.head + 1);
	struct fuse_write_out *out = (void *)nothing->answer.bytes;

	*out = (struct fuse_write_out){.size = in->size};
	return sizeof *out;
}

/* The answer's size; negative: an error. */
static long answer(struct nothing *nothing)
{
	switch (nothing->request.head.opcode) {
	case FUSE_INIT:
		return (long)init(nothing);
	case FUSE_LOOKUP:
		return (long)entry(nothing, 0);
	case FUSE_MKDIR:
		return (long)entry(nothing, S_IFDIR);
	case FUSE_SYMLINK:
		return (long)entry(nothing, S_IFLNK);
	case FUSE_CREATE:
		return (long)created(nothing);
	case FUSE_OPEN:
		return (long)opened(nothing->answer.bytes);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		return (long)attributes(nothing);
	case FUSE_WRITE:
		return (long)written(nothing);
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_RELEASE:
		return 0;
	case FUSE_GETXATTR:
		return -ENODATA;
	default:
		return -ENOSYS;
	}
}

static bool wants_answer(uint32_t opcode)
{
	return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT;
}

static int serve(struct nothing *nothing)
{
	for (;;) {
		ssize_t got = read(nothing->device, &nothing->request, sizeof nothing->request);
		long size;

		if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (got < (ssize_t)sizeof nothing->request.head)
			return got < 0 && errno == ENODEV ? 0 : 1;
		if (!wants_answer(nothing->request.head.opcode))
			continue;
		size = answer(nothing);
		nothing->answer.head = (struct fuse_out_header){
			.len = (uint32_t)(sizeof nothing->answer.head + (size_t)(size > 0 ? size : 0)),
			.error = size < 0 ? (int32_t)size : 0,
			.unique = nothing->request.head.unique,
		};
		if (write(nothing->device, &nothing->answer, nothing->answer.head.len) < 0 && errno != ENOENT)
			return 1;
	}
}

int main(int count, char **words)
{
	static struct nothing nothing;
	char options[128];

	nothing.device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (count != 2 || nothing.device < 0) {
		fprintf(stderr, "nothing: %s\n", count != 2 ? "one mount point is needed" : strerror(errno));
		return 1;
	}
	snprintf(options, sizeof options,
		 "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions", nothing.device);
	if (mount("nothing", words[1], "fuse.nothing", MS_NOSUID | MS_NODEV, options)) {
		fprintf(stderr, "nothing: %s\n", strerror(errno));
		return 1;
	}
	return serve(&nothing);
}
