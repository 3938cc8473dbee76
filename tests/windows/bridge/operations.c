/*
 * operations.c: the table of the kernel's requests.
 */
#include "bridge.h"

/* WinFsp has no hard links. */
static int op_link(struct bridge_request *request)
{
	(void)request;
	return 1; /* EPERM */
}

static const struct bridge_operation operations[] = {
	[FUSE_INIT] = {"INIT", op_init, 16, false},
	[FUSE_DESTROY] = {"DESTROY", op_destroy, 0, false},
	[FUSE_INTERRUPT] = {"INTERRUPT", op_interrupt, 0, false},
	[FUSE_FORGET] = {"FORGET", op_forget, sizeof(struct fuse_forget_in), false},
	[FUSE_BATCH_FORGET] = {"BATCH_FORGET", op_batch_forget, sizeof(struct fuse_batch_forget_in), false},
	[FUSE_LOOKUP] = {"LOOKUP", op_lookup, 1, true},
	[FUSE_GETATTR] = {"GETATTR", op_getattr, sizeof(struct fuse_getattr_in), true},
	[FUSE_SETATTR] = {"SETATTR", op_setattr, sizeof(struct fuse_setattr_in), true},
	[FUSE_READLINK] = {"READLINK", op_readlink, 0, true},
	[FUSE_SYMLINK] = {"SYMLINK", op_symlink, 1, true},
	[FUSE_MKNOD] = {"MKNOD", op_mknod, sizeof(struct fuse_mknod_in), true},
	[FUSE_MKDIR] = {"MKDIR", op_mkdir, sizeof(struct fuse_mkdir_in), true},
	[FUSE_CREATE] = {"CREATE", op_create, sizeof(struct fuse_create_in), true},
	[FUSE_LINK] = {"LINK", op_link, 0, false},
	[FUSE_UNLINK] = {"UNLINK", op_unlink, 1, true},
	[FUSE_RMDIR] = {"RMDIR", op_rmdir, 1, true},
	[FUSE_RENAME] = {"RENAME", op_rename, sizeof(struct fuse_rename_in), false},
	[FUSE_RENAME2] = {"RENAME2", op_rename2, sizeof(struct fuse_rename2_in), false},
	[FUSE_OPEN] = {"OPEN", op_open, sizeof(struct fuse_open_in), true},
	[FUSE_READ] = {"READ", op_read, sizeof(struct fuse_read_in), false},
	[FUSE_WRITE] = {"WRITE", op_write, sizeof(struct fuse_write_in), false},
	[FUSE_FLUSH] = {"FLUSH", op_flush, sizeof(struct fuse_flush_in), false},
	[FUSE_RELEASE] = {"RELEASE", op_release, sizeof(struct fuse_release_in), false},
	[FUSE_FSYNC] = {"FSYNC", op_fsync, sizeof(struct fuse_fsync_in), false},
	[FUSE_FALLOCATE] = {"FALLOCATE", op_fallocate, sizeof(struct fuse_fallocate_in), false},
	[FUSE_OPENDIR] = {"OPENDIR", op_opendir, sizeof(struct fuse_open_in), true},
	[FUSE_READDIR] = {"READDIR", op_readdir, sizeof(struct fuse_read_in), false},
	[FUSE_RELEASEDIR] = {"RELEASEDIR", op_releasedir, sizeof(struct fuse_release_in), false},
	[FUSE_FSYNCDIR] = {"FSYNCDIR", op_fsyncdir, sizeof(struct fuse_fsync_in), false},
	[FUSE_STATFS] = {"STATFS", op_statfs, 0, false},
	[FUSE_SYNCFS] = {"SYNCFS", op_syncfs, 0, false},
	[FUSE_SETXATTR] = {"SETXATTR", op_setxattr, FUSE_COMPAT_SETXATTR_IN_SIZE, true},
	[FUSE_GETXATTR] = {"GETXATTR", op_getxattr, sizeof(struct fuse_getxattr_in), true},
	[FUSE_LISTXATTR] = {"LISTXATTR", op_listxattr, sizeof(struct fuse_getxattr_in), true},
	[FUSE_REMOVEXATTR] = {"REMOVEXATTR", op_removexattr, 1, true},
};

const struct bridge_operation *operation_find(uint32_t opcode)
{
	bool known = opcode < sizeof operations / sizeof operations[0] && operations[opcode].handler != NULL;
	return known ? &operations[opcode] : NULL;
}
