/*
 * test_order.c: locks that are taken out of turn end the program, in builds that watch over their order.
 */
#include "os.h"
#include "test.h"

#if defined(MEMEFS_LOCK_ORDER) && !defined(_WIN32)

#	include <signal.h>
#	include <sys/wait.h>
#	include <unistd.h>

#	include "memefs.h"
#	include "node.h"

/* Whether the function ends the program, tried in a child. */
static bool dies(void (*function)(void))
{
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		function();
		_exit(0);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static os_lock first, second;

static void both(const struct os_lock_kind *one, const struct os_lock_kind *other)
{
	os_lock_is(&first, one);
	os_lock_is(&second, other);
	os_lock_exclusive(&first);
	os_lock_shared(&second);
	os_unlock_exclusive(&first);
	os_unlock_shared(&second);
}

static void stream_then_node(void)
{
	both(&order_stream, &order_node);
}

static void node_then_stream(void)
{
	both(&order_node, &order_stream);
}

static void pages_then_pool(void)
{
	both(&order_pages, &order_pool);
}

static void two_nodes(void)
{
	both(&order_node, &order_node);
}

static void two_leaves(void)
{
	both(&order_shard, &order_label);
}

static void ranks(void)
{
	EXPECT(!dies(stream_then_node));
	EXPECT(dies(node_then_stream));
	EXPECT(dies(pages_then_pool));
	EXPECT(dies(two_nodes));
	EXPECT(dies(two_leaves));
}

static void twice(void)
{
	os_lock_is(&first, &order_stream);
	os_lock_shared(&first);
	os_lock_shared(&first);
}

static void not_held(void)
{
	os_lock_is(&first, &order_node);
	os_unlock_shared(&first);
}

static void otherwise(void)
{
	os_lock_is(&first, &order_node);
	os_lock_exclusive(&first);
	os_unlock_shared(&first);
}

static void uses(void)
{
	EXPECT(dies(twice));
	EXPECT(dies(not_held));
	EXPECT(dies(otherwise));
}

static os_lock streams[2];

static void streams_rising(void)
{
	os_lock_is(&streams[0], &order_stream);
	os_lock_is(&streams[1], &order_stream);
	os_lock_shared(&streams[0]);
	os_lock_exclusive(&streams[1]);
}

static void streams_falling(void)
{
	os_lock_is(&streams[0], &order_stream);
	os_lock_is(&streams[1], &order_stream);
	os_lock_shared(&streams[1]);
	os_lock_exclusive(&streams[0]);
}

/* ---- directories: /a, /a/b, /c --------------------------------------------------------------- */

static struct mfs_volume *volume;
static struct mfs_node *a, *b, *c;

static struct mfs_node *make(struct mfs_node *parent, const char *name)
{
	const struct mfs_new what = {.kind = MFS_DIRECTORY};
	struct mfs_node *node;

	REQUIRE(mfs_create(volume, parent, name, strlen(name), &what, &node) == MFS_OK);
	return node;
}

static void lock_two(struct mfs_node *one, struct mfs_node *other)
{
	os_lock_shared(&one->directory->lock);
	os_lock_exclusive(&other->directory->lock);
}

static void parent_then_child(void)
{
	lock_two(a, b);
}

static void child_then_parent(void)
{
	lock_two(b, a);
}

static void unrelated(void)
{
	lock_two(a, c);
}

static void moving_unrelated(void)
{
	os_lock_exclusive(&volume->moving);
	lock_two(b, c);
}

static void moving_child_then_parent(void)
{
	os_lock_exclusive(&volume->moving);
	lock_two(b, a);
}

static void moving_shared(void)
{
	os_lock_shared(&volume->moving);
	lock_two(b, c);
}

static void moving_too_late(void)
{
	os_lock_shared(&a->directory->lock);
	os_lock_shared(&volume->moving);
}

static void directories(void)
{
	const struct mfs_options options = {.order = MFS_BY_POSITION};

	REQUIRE(mfs_volume_create(&options, &volume) == MFS_OK);
	a = make(volume->root, "a");
	b = make(a, "b");
	c = make(volume->root, "c");
	EXPECT(!dies(parent_then_child));
	EXPECT(dies(child_then_parent));
	EXPECT(dies(unrelated));
	EXPECT(!dies(moving_unrelated));
	EXPECT(dies(moving_child_then_parent));
	EXPECT(dies(moving_shared));
	EXPECT(dies(moving_too_late));
	EXPECT(!dies(streams_rising));
	EXPECT(dies(streams_falling));
	mfs_volume_destroy(volume);
}

int main(void)
{
	RUN(ranks);
	RUN(uses);
	RUN(directories);
	return tests_end();
}

#else

int main(void)
{
	printf("1..0 # SKIP nobody watches over the order of locks in this build\n");
	return 0;
}

#endif
