/*
 * acl: POSIX access control lists. The kernel checks permissions by them; keeping them, keeping the
 * mode in step and giving them to new nodes is ours.
 */
#ifndef MEMEFS_LINUX_ACL_H
#define MEMEFS_LINUX_ACL_H

#include "front.h"

/* The attribute is an ACL: system.posix_acl_access or system.posix_acl_default. */
bool acl_is_name(const char *name);

/* Sets an ACL from its wire form (acl(5), linux/posix_acl_xattr.h) and the mode with it. One that says
 * no more than the mode does is not kept. MFS_INVALID: malformed, or a default one for no directory;
 * MFS_NOT_SUPPORTED: a symlink, or a mount without ACLs. */
enum mfs_status acl_set(fuse_req_t req, struct mfs_node *node, const char *name, const void *value,
			size_t size);
/* Takes an ACL away; it is no error if there is none. */
enum mfs_status acl_remove(fuse_req_t req, struct mfs_node *node, const char *name);

/* The mode was or will be set: changes the access ACL accordingly. */
enum mfs_status acl_chmod(struct front *front, struct mfs_node *node, uint32_t mode);

/* Whether its access ACL lets the caller, who does not own the node, do what is asked (access.h). *listed is
 * false, and nothing is said, when it has none. */
bool acl_allows(fuse_req_t req, struct front *front, struct mfs_node *node, const struct mfs_owner *owner,
		unsigned what, bool *listed);

#define ACL_BYTES 4096u /* largest ACL that the kernel takes in: a page */

/* What a new node gets from its directory. */
struct acl_inherited {
	size_t access, whole; /* bytes; 0: none. `whole` is the directory's, which subdirectories keep */
	unsigned char access_value[ACL_BYTES], whole_value[ACL_BYTES];
};

/* Works out the ACLs of a node that is to be made, and its mode: by the directory's default ACL, else
 * by the caller's umask. `new` has the mode as asked for. */
enum mfs_status acl_inherit(fuse_req_t req, struct mfs_node *parent, struct mfs_new *new,
			    struct acl_inherited *inherited);
/* Puts them on the node. */
enum mfs_status acl_bestow(struct front *front, struct mfs_node *node, const struct acl_inherited *inherited);

#endif
