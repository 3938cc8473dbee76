/*
 * fill: what the driver looks at the machine's memory with: one large file, many small ones, many open
 * ones. They stay until "empty".
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"

#define IN_ONE_ROOM ((size_t)1000)
#define OPEN_MOST ((size_t)1000)

/* fill_big MIB */
static bool row_fill_big(struct client *client)
{
	bool done;

	if (!client_room(client, "filled", 1))
		return false;
	client_start(client);
	done = client_write_file(client, client->paths[0], client->numbers[0] << 20);
	client_stop(client, client->numbers[0]);
	return done;
}

/* fill_files COUNT SIZE: in directories of IN_ONE_ROOM */
static bool row_fill_files(struct client *client)
{
	char room[32];

	if (!client_room(client, "filled", 1))
		return false;
	client_start(client);
	for (size_t at = 0, part; at < client->numbers[0]; at += part) {
		part = client->numbers[0] - at < IN_ONE_ROOM ? client->numbers[0] - at : IN_ONE_ROOM;
		snprintf(room, sizeof(room), "filled/%05zu", at / IN_ONE_ROOM);
		if (!client_files(client, room, part, client->numbers[1]))
			return false;
	}
	client_stop(client, client->numbers[0]);
	return true;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk)
{
	(void)found, (void)type, (void)walk;
	return remove(path);
}

static bool row_empty(struct client *client)
{
	char path[CLIENT_PATH];

	snprintf(path, sizeof(path), "%s/filled", client->root);
	client_start(client);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
		return false;
	client_stop(client, 1);
	return true;
}

/* held COUNT: opens as many files, then writes "forget" (the driver counts the daemon's descriptors) and
 * closes them when it is answered. */
static bool row_held(struct client *client)
{
	const size_t count = client->numbers[0] < OPEN_MOST ? client->numbers[0] : OPEN_MOST;
	int fds[OPEN_MOST];
	size_t opened = 0;
	bool done;

	if (!client_files(client, "held", count, 1))
		return false;
	while (opened < count && (fds[opened] = open(client->paths[opened], O_RDONLY)) >= 0)
		opened++;
	done = opened == count && client_forget(client);
	while (opened)
		close(fds[--opened]);
	client->done = count;
	return client_remove(client, count) && done;
}

const struct row fill_rows[] = {
	{"fill_big", row_fill_big},
	{"fill_files", row_fill_files},
	{"empty", row_empty},
	{"held", row_held},
	{0},
};
