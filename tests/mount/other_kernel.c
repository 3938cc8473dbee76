/*
 * other_kernel: preloaded into memefs, it hands it the kernel's requests as another kernel would make
 * them. $OTHER_KERNEL says which:
 *
 *   stranger   an older kernel, which passes chattr's ioctls on without asking whose they are: they come
 *              from user 1000, who has no capability
 *   collapse   a newer one, which knows more of fallocate: ZERO_RANGE | KEEP_SIZE is COLLAPSE_RANGE
 *   insert     and INSERT_RANGE
 *   old        one from before Linux 6.9, without passthrough
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRANGER 1000

/* Of the INIT request, which older headers do not have whole. */
#define INIT_FLAGS2 4
#define INIT2_PASSTHROUGH (UINT32_C(1) << 5)

static void change(struct fuse_in_header *head, const char *kernel)
{
	const struct fuse_ioctl_in *ioctl = (const void *)(head + 1);
	struct fuse_fallocate_in *allocate = (void *)(head + 1);
	uint32_t *init = (void *)(head + 1);

	if (head->opcode == FUSE_INIT && !strcmp(kernel, "old")) {
		init[INIT_FLAGS2] &= ~INIT2_PASSTHROUGH;
	} else if (head->opcode == FUSE_IOCTL && !strcmp(kernel, "stranger") &&
	    (ioctl->cmd == FS_IOC_SETFLAGS || ioctl->cmd == FS_IOC_FSSETXATTR)) {
		head->uid = head->gid = STRANGER;
		head->pid = 0;
	} else if (head->opcode == FUSE_FALLOCATE &&
		   allocate->mode == (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)) {
		if (!strcmp(kernel, "collapse"))
			allocate->mode = FALLOC_FL_COLLAPSE_RANGE;
		else if (!strcmp(kernel, "insert"))
			allocate->mode = FALLOC_FL_INSERT_RANGE;
	}
}

/* Nothing but the kernel's messages is read in pieces so large. */
ssize_t read(int fd, void *buffer, size_t capacity)
{
	ssize_t (*real)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	const char *kernel = getenv("OTHER_KERNEL");
	ssize_t size = real(fd, buffer, capacity);

	if (kernel && capacity >= FUSE_MIN_READ_BUFFER &&
	    size >= (ssize_t)sizeof(struct fuse_in_header) + (ssize_t)sizeof(struct fuse_fallocate_in))
		change(buffer, kernel);
	return size;
}
