/*
 * order: what may be taken beside one of its kind, and the ranks.
 */
#include "order.h"

#ifdef MEMEFS_LOCK_ORDER

#	include "node.h"

static const struct directory *directory_of(const os_lock *lock)
{
	return (const struct directory *)(const void *)((const char *)lock -
							offsetof(struct directory, lock));
}

static bool is_above(const struct directory *directory, const struct directory *below)
{
	for (;;) {
		const struct mfs_node *parent = below->parent;

		if (below == directory)
			return true;
		if (!parent || parent->directory == below)
			return false;
		below = parent->directory;
	}
}

/* With `moving` held, any but one above; else only a directory in the one that is held. What hangs nowhere
 * (it is new, or deleted) is above and below of none. */
static bool directory_beside(const os_lock *held, const os_lock *taken)
{
	const struct directory *directory = directory_of(taken);

	if (os_lock_held(&order_moving, true))
		return !is_above(directory, directory_of(held));
	return !directory->parent || directory->parent->directory == directory_of(held);
}

static bool by_address(const os_lock *held, const os_lock *taken)
{
	return (uintptr_t)held < (uintptr_t)taken;
}

const struct os_lock_kind order_moving = {"moving", 1, NULL};
const struct os_lock_kind order_directory = {"directory", 2, directory_beside};
const struct os_lock_kind order_stream = {"stream", 3, by_address};
const struct os_lock_kind order_node = {"node", 4, NULL};
/* The leaves: nothing but memory is taken below them. */
const struct os_lock_kind order_shard = {"number index", 5, NULL};
const struct os_lock_kind order_security = {"security table", 5, NULL};
const struct os_lock_kind order_label = {"label", 5, NULL};
const struct os_lock_kind order_pool = {"pool", 6, NULL};
const struct os_lock_kind order_pages = {"pages", 7, NULL};

#endif
