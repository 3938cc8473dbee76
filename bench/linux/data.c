/*
 * data: the rows about contents. Opening and closing is not counted. What is overwritten, read and
 * mapped is one file of client.big bytes that stays.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define PAGE ((size_t)4096)
#define PASSES 4 /* over the big file, for one batch */

/* Opens the first file of a room, anew (made and empty) or as it is. */
static int data_open(struct client *client, const char *room, int flags)
{
	if (!client_room(client, room, 1))
		return -1;
	if (flags & O_CREAT)
		unlink(client->paths[0]);
	return open(client->paths[0], flags, 0644);
}

static int big_open(struct client *client)
{
	return client_files(client, "big", 1, client->big) ? data_open(client, "big", O_RDWR) : -1;
}

static bool append(struct client *client, size_t size, size_t count)
{
	int fd = data_open(client, "appended", O_CREAT | O_WRONLY | O_APPEND);
	bool done = fd >= 0;

	client_start(client);
	for (size_t i = 0; done && i < count; i++)
		done = write(fd, client->block, size) == (ssize_t)size;
	client_stop(client, count);
	return fd >= 0 && !close(fd) && done && client_remove(client, 1);
}

static bool row_append_100(struct client *client)
{
	return append(client, 100, 10 * client->batch);
}

static bool row_append_4k(struct client *client)
{
	return append(client, PAGE, 2 * client->batch);
}

static bool row_write_new(struct client *client)
{
	int fd = data_open(client, "new", O_CREAT | O_WRONLY);
	bool done = fd >= 0;

	client_start(client);
	for (size_t at = 0; done && at < 2 * client->big; at += CLIENT_BLOCK)
		done = client_pwrite(fd, client->block, CLIENT_BLOCK, at);
	client_stop(client, 2 * client->big / CLIENT_BLOCK);
	return fd >= 0 && !close(fd) && done && client_remove(client, 1);
}

/* Does something to each block of the big file, from its start to its end, PASSES times. */
static bool blocks(struct client *client, bool each(int fd, struct client *client, size_t offset))
{
	int fd = big_open(client);
	bool done = fd >= 0;

	client_start(client);
	for (size_t at = 0; done && at < PASSES * client->big; at += CLIENT_BLOCK)
		done = each(fd, client, at % client->big);
	client_stop(client, PASSES * client->big / CLIENT_BLOCK);
	return fd >= 0 && !close(fd) && done;
}

/* The same for its pages, in no order; the order is the same in every batch. */
static bool pages(struct client *client, bool each(int fd, struct client *client, size_t offset))
{
	int fd = big_open(client);
	bool done = fd >= 0;
	uint64_t state = 88172645463325252u;

	client_start(client);
	for (size_t i = 0; done && i < client->big / PAGE; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		done = each(fd, client, (size_t)(state % (client->big / PAGE)) * PAGE);
	}
	client_stop(client, client->big / PAGE);
	return fd >= 0 && !close(fd) && done;
}

static bool block_write(int fd, struct client *client, size_t offset)
{
	return client_pwrite(fd, client->block, CLIENT_BLOCK, offset);
}

static bool block_read(int fd, struct client *client, size_t offset)
{
	return client_pread(fd, client->block, CLIENT_BLOCK, offset);
}

static bool page_write(int fd, struct client *client, size_t offset)
{
	return client_pwrite(fd, client->block, PAGE, offset);
}

static bool page_read(int fd, struct client *client, size_t offset)
{
	return client_pread(fd, client->block, PAGE, offset);
}

static bool row_write_over(struct client *client)
{
	return blocks(client, block_write);
}

static bool row_read(struct client *client)
{
	return blocks(client, block_read);
}

static bool row_random_read(struct client *client)
{
	return pages(client, page_read);
}

static bool row_random_write(struct client *client)
{
	return pages(client, page_write);
}

/* Maps the big file, copies every page out of it or into it, writes back, unmaps: all is counted. */
static bool mapped(struct client *client, bool store)
{
	int fd = big_open(client);
	char *at;
	bool done;

	if (fd < 0)
		return false;
	client_start(client);
	at = mmap(NULL, client->big, store ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	done = at != MAP_FAILED;
	for (size_t i = 0; done && i < client->big; i += PAGE)
		memcpy(store ? at + i : client->block, store ? client->block : at + i, PAGE);
	if (done && store)
		done = !msync(at, client->big, MS_SYNC);
	if (at != MAP_FAILED)
		munmap(at, client->big);
	client_stop(client, client->big / PAGE);
	return !close(fd) && done;
}

static bool row_map_read(struct client *client)
{
	return mapped(client, false);
}

static bool row_map_write(struct client *client)
{
	return mapped(client, true);
}

const struct row data_rows[] = {
	{"append_100", row_append_100},
	{"append_4k", row_append_4k},
	{"write_new", row_write_new},
	{"write_over", row_write_over},
	{"read", row_read},
	{"random_read", row_random_read},
	{"random_write", row_random_write},
	{"map_read", row_map_read},
	{"map_write", row_map_write},
	{0},
};
