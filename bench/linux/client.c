/*
 * client: measures rows on one directory.
 *
 * bench_mount DIRECTORY [PART [DAEMON]], with lines "ROW [NUMBER [NUMBER]]" on its input. It answers each
 * with "ROW WALL OWN DAEMON OPERATIONS" (seconds, see client.h) or "ROW error WHY". PART divides what a batch
 * has; DAEMON is the process whose processor time counts. A row that needs a cold start writes "forget" and
 * waits for a line before it goes on: only root can make the kernel forget, and this program may be
 * somebody else's. One process lives through all rounds, so that starting it disturbs none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "../measure.h"

#define BATCH ((size_t)2000)
#define BIG ((size_t)64 << 20)

static struct client_time now(const struct client *client)
{
	return (struct client_time){
		.own = measure_cpu(),
		.daemon = client->has_daemon ? measure_clock(client->daemon_clock) : 0,
		.wall = measure_wall(),
	};
}

void client_start(struct client *client)
{
	client->started = now(client);
}

void client_stop(struct client *client, size_t done)
{
	const struct client_time stopped = now(client);

	client->took.wall += stopped.wall - client->started.wall;
	client->took.own += stopped.own - client->started.own;
	client->took.daemon += stopped.daemon - client->started.daemon;
	client->done += done;
}

bool client_room(struct client *client, const char *room, size_t count)
{
	char directory[CLIENT_PATH - 32];

	if ((size_t)snprintf(directory, sizeof(directory), "%s/%s", client->root, room) >=
	    sizeof(directory)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(directory, 0755) && errno != EEXIST)
		return false;
	if (count > client->paths_most) {
		free(client->paths);
		client->paths_most = 0;
		client->paths = malloc(count * sizeof(*client->paths));
		if (!client->paths)
			return false;
		client->paths_most = count;
	}
	for (size_t i = 0; i < count; i++)
		snprintf(client->paths[i], CLIENT_PATH, "%s/file%05zu", directory, i);
	return true;
}

bool client_files(struct client *client, const char *room, size_t count, size_t size)
{
	struct stat last;

	if (!client_room(client, room, count))
		return false;
	if (!stat(client->paths[count - 1], &last) && (size_t)last.st_size == size)
		return true;
	for (size_t i = 0; i < count; i++)
		if (!client_write_file(client, client->paths[i], size))
			return false;
	return true;
}

bool client_remove(struct client *client, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (unlink(client->paths[i]) && errno != ENOENT)
			return false;
	return true;
}

bool client_forget(struct client *client)
{
	char line[64];

	(void)client;
	puts("forget");
	if (!fgets(line, sizeof(line), stdin)) {
		errno = EPIPE;
		return false;
	}
	return true;
}

bool client_write_file(const struct client *client, const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	bool done = fd >= 0;

	for (size_t at = 0, part; done && at < size; at += part) {
		part = size - at < CLIENT_BLOCK ? size - at : CLIENT_BLOCK;
		done = client_pwrite(fd, client->block, part, at);
	}
	return fd >= 0 && !close(fd) && done;
}

/* What came instead of `size` bytes; a count that is merely short has no errno of its own. */
static bool whole(ssize_t done, size_t size)
{
	if (done >= 0 && (size_t)done != size)
		errno = EIO;
	return done >= 0 && (size_t)done == size;
}

bool client_pwrite(int fd, const void *from, size_t size, size_t offset)
{
	return whole(pwrite(fd, from, size, (off_t)offset), size);
}

bool client_pread(int fd, void *to, size_t size, size_t offset)
{
	return whole(pread(fd, to, size, (off_t)offset), size);
}

/* ---- the conversation --------------------------------------------------------------------- */

static const struct row *row_find(const char *name)
{
	const struct row *const lists[] = {metadata_rows, data_rows, fill_rows};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const struct row *row = lists[i]; row->name; row++)
			if (!strcmp(row->name, name))
				return row;
	return NULL;
}

static void answer(struct client *client, const char *line)
{
	char name[32];
	const struct row *row;

	client->numbers[0] = client->numbers[1] = 0;
	if (sscanf(line, "%31s %lu %lu", name, &client->numbers[0], &client->numbers[1]) < 1)
		return;
	row = row_find(name);
	if (!row) {
		printf("%s error unknown row\n", name);
		return;
	}
	client->took = (struct client_time){0};
	client->done = 0;
	if (!row->run(client)) {
		printf("%s error %s\n", name, strerror(errno));
		return;
	}
	/* What is still to be written back must not disturb the one that is measured next. */
	syncfs(client->root_fd);
	printf("%s %.9f %.9f %.9f %zu\n", name, client->took.wall, client->took.own, client->took.daemon,
	       client->done);
}

int main(int argc, char **argv)
{
	struct client client = {
		.root = argc >= 2 && argc <= 4 ? argv[1] : NULL,
	};
	const size_t part = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	char line[128];

	if (!client.root || !part) {
		fprintf(stderr, "usage: %s DIRECTORY [PART [DAEMON]], with rows on the input\n", argv[0]);
		return 2;
	}
	if (argc > 3) {
		if (clock_getcpuclockid(atoi(argv[3]), &client.daemon_clock)) {
			fprintf(stderr, "%s: no process %s\n", argv[0], argv[3]);
			return 1;
		}
		client.has_daemon = true;
	}
	client.root_fd = open(client.root, O_RDONLY | O_DIRECTORY);
	client.block = malloc(CLIENT_BLOCK);
	if (client.root_fd < 0 || !client.block) {
		perror(client.root);
		return 1;
	}
	memset(client.block, 'x', CLIENT_BLOCK);
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	client.batch = BATCH / part;
	client.big = BIG / part;
	while (fgets(line, sizeof(line), stdin))
		answer(&client, line);
	return 0;
}
