/*
 * client: what the rows of the mounts' benchmark have in common. A row works in one directory and
 * knows nothing of what is mounted there.
 */
#ifndef MEMEFS_BENCH_CLIENT_H
#define MEMEFS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define CLIENT_BLOCK ((size_t)1 << 20) /* bytes of client.block */
#define CLIENT_PATH 256

/* Seconds: on the clock, of this process's processor time, of the daemon's. */
struct client_time {
	double wall, own, daemon;
};

struct client {
	const char *root; /* where it may work */
	int root_fd;
	char (*paths)[CLIENT_PATH]; /* of the room last asked for */
	size_t paths_most;
	char *block;  /* written from and read into; was touched */
	size_t batch; /* single operations, and bytes of the large file: */
	size_t big;
	unsigned long numbers[2]; /* what followed the row's name */
	clockid_t daemon_clock;	  /* processor time of the daemon that serves the root */
	bool has_daemon;
	struct client_time started, took;
	size_t done; /* operations that took the time */
};

/* What a row does before client_start and after client_stop is not counted. False: errno says why. */
struct row {
	const char *name;
	bool (*run)(struct client *client);
};

/* Each ends with a row without a name. */
extern const struct row metadata_rows[], data_rows[], fill_rows[];

void client_start(struct client *client);
void client_stop(struct client *client, size_t done);

/* Makes the directory `room` in the root if it is not there, and `paths` those of `count` names in it. */
bool client_room(struct client *client, const char *room, size_t count);
/* The same, and files of `size` bytes of these names, unless the last of them is there. */
bool client_files(struct client *client, const char *room, size_t count, size_t size);
/* Removes what the paths name, as far as it is there. */
bool client_remove(struct client *client, size_t count);
/* Asks the driver to make the kernel forget what it knows of the names here, and waits until it has. */
bool client_forget(struct client *client);

/* Opens, writes `size` bytes, closes. */
bool client_write_file(const struct client *client, const char *path, size_t size);
/* A whole write or read at an offset; a short one is an error. */
bool client_pwrite(int fd, const void *from, size_t size, size_t offset);
bool client_pread(int fd, void *to, size_t size, size_t offset);

#endif
