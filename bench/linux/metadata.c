/*
 * metadata: the rows about names and attributes. A batch is client.batch operations unless the row says
 * otherwise; paths are absolute and made before the clock starts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#define FEW ((size_t)100) /* files that are used again and again */
#define LISTED ((size_t)10000)
#define LISTINGS 5
#define PAGE ((size_t)4096)

static bool missing(const char *path)
{
	struct stat found;

	if (!stat(path, &found)) {
		errno = EEXIST;
		return false;
	}
	return errno == ENOENT;
}

static bool open_close(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	return fd >= 0 && !close(fd);
}

static bool open_read_close(const struct client *client, const char *path)
{
	int fd = open(path, O_RDONLY);
	bool done = fd >= 0 && client_pread(fd, client->block, PAGE, 0);

	return fd >= 0 && !close(fd) && done;
}

/* ---- what is there -------------------------------------------------------------------------- */

static bool row_stat(struct client *client)
{
	struct stat found;

	if (!client_files(client, "few", FEW, PAGE))
		return false;
	for (size_t i = 0; i < FEW; i++)
		stat(client->paths[i], &found);
	client_start(client);
	for (size_t i = 0; i < client->batch * 10; i++)
		if (stat(client->paths[i % FEW], &found))
			return false;
	client_stop(client, client->batch * 10);
	return true;
}

static bool row_stat_cold(struct client *client)
{
	struct stat found;

	if (!client_files(client, "cold", client->batch, 0) || !client_forget(client))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (stat(client->paths[i], &found))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_missing(struct client *client)
{
	if (!client_room(client, "missing", FEW))
		return false;
	for (size_t i = 0; i < FEW; i++)
		if (!missing(client->paths[i]))
			return false;
	client_start(client);
	for (size_t i = 0; i < client->batch * 10; i++)
		if (!missing(client->paths[i % FEW]))
			return false;
	client_stop(client, client->batch * 10);
	return true;
}

static bool row_open(struct client *client)
{
	if (!client_files(client, "few", FEW, PAGE))
		return false;
	for (size_t i = 0; i < FEW; i++)
		if (!open_close(client->paths[i], O_RDONLY))
			return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (!open_close(client->paths[i % FEW], O_RDONLY))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_open_read(struct client *client)
{
	if (!client_files(client, "few", FEW, PAGE))
		return false;
	for (size_t i = 0; i < FEW; i++)
		if (!open_read_close(client, client->paths[i]))
			return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (!open_read_close(client, client->paths[i % FEW]))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_chmod(struct client *client)
{
	if (!client_files(client, "few", FEW, PAGE))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (chmod(client->paths[i % FEW], i / FEW % 2 ? 0644 : 0600))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_truncate(struct client *client)
{
	if (!client_files(client, "truncated", FEW, PAGE))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (truncate(client->paths[i % FEW], i / FEW % 2 ? (off_t)PAGE : 100))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_write_fstat(struct client *client)
{
	struct stat found;
	bool done = true;
	int fd;

	if (!client_files(client, "few", FEW, PAGE))
		return false;
	fd = open(client->paths[0], O_WRONLY);
	if (fd < 0)
		return false;
	client_start(client);
	for (size_t i = 0; done && i < client->batch; i++)
		done = client_pwrite(fd, client->block, PAGE, 0) && !fstat(fd, &found);
	client_stop(client, client->batch);
	return !close(fd) && done;
}

/* ---- names that come, go and move ------------------------------------------------------------ */

static bool row_create(struct client *client)
{
	if (!client_room(client, "made", client->batch) || !client_remove(client, client->batch))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (!open_close(client->paths[i], O_CREAT | O_WRONLY | O_TRUNC))
			return false;
	client_stop(client, client->batch);
	return client_remove(client, client->batch);
}

static bool row_create_write(struct client *client)
{
	if (!client_room(client, "made", client->batch) || !client_remove(client, client->batch))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (!client_write_file(client, client->paths[i], PAGE))
			return false;
	client_stop(client, client->batch);
	return client_remove(client, client->batch);
}

static bool unlink_of(struct client *client, size_t size)
{
	if (!client_files(client, "made", client->batch, size))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (unlink(client->paths[i]))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_unlink(struct client *client)
{
	return unlink_of(client, 0);
}

static bool row_unlink_4k(struct client *client)
{
	return unlink_of(client, PAGE);
}

static bool row_mkdir(struct client *client)
{
	bool done = true;
	size_t made = 0;

	if (!client_room(client, "folders", client->batch))
		return false;
	for (size_t i = 0; i < client->batch; i++)
		rmdir(client->paths[i]);
	client_start(client);
	while (done && made < client->batch)
		done = !mkdir(client->paths[made++], 0755);
	client_stop(client, client->batch);
	for (size_t i = 0; done && i < client->batch; i++)
		done = !rmdir(client->paths[i]);
	return done;
}

static bool row_rename(struct client *client)
{
	/* The paths are in two halves; names go from one to the other and back. */
	const size_t half = client->batch / 2;

	if (!client_files(client, "moved", half, 0) || !client_room(client, "moved", client->batch))
		return false;
	client_start(client);
	for (size_t i = 0; i < half; i++)
		if (rename(client->paths[i], client->paths[half + i]))
			return false;
	for (size_t i = 0; i < half; i++)
		if (rename(client->paths[half + i], client->paths[i]))
			return false;
	client_stop(client, client->batch);
	return true;
}

static bool row_symlink(struct client *client)
{
	if (!client_room(client, "links", client->batch) || !client_remove(client, client->batch))
		return false;
	client_start(client);
	for (size_t i = 0; i < client->batch; i++)
		if (symlink("../few/file00000", client->paths[i]))
			return false;
	client_stop(client, client->batch);
	return client_remove(client, client->batch);
}

/* ---- listings -------------------------------------------------------------------------------- */

/* Lists the room of LISTED files once, and looks at each if asked to. */
static bool list(const struct client *client, bool look)
{
	char path[CLIENT_PATH];
	struct dirent *entry;
	struct stat found;
	size_t count = 0;
	bool done = true;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/listed", client->root);
	directory = opendir(path);
	if (!directory)
		return false;
	while (done && (entry = readdir(directory)))
		if (entry->d_name[0] != '.') {
			count++;
			done = !look ||
			       !fstatat(dirfd(directory), entry->d_name, &found, AT_SYMLINK_NOFOLLOW);
		}
	closedir(directory);
	if (done && count != LISTED) {
		errno = EIO;
		done = false;
	}
	return done;
}

/* An operation of these rows is a whole listing. */
static bool row_list(struct client *client)
{
	if (!client_files(client, "listed", LISTED, 0) || !list(client, false) || !list(client, false))
		return false;
	client_start(client);
	for (size_t i = 0; i < LISTINGS; i++)
		if (!list(client, false))
			return false;
	client_stop(client, LISTINGS);
	return true;
}

static bool list_cold(struct client *client, bool look)
{
	bool done;

	if (!client_files(client, "listed", LISTED, 0) || !client_forget(client))
		return false;
	client_start(client);
	done = list(client, look);
	client_stop(client, 1);
	return done;
}

static bool row_list_cold(struct client *client)
{
	return list_cold(client, false);
}

static bool row_list_stat_cold(struct client *client)
{
	return list_cold(client, true);
}

const struct row metadata_rows[] = {
	{"stat", row_stat},
	{"stat_cold", row_stat_cold},
	{"missing", row_missing},
	{"open", row_open},
	{"open_read", row_open_read},
	{"create", row_create},
	{"create_write", row_create_write},
	{"unlink", row_unlink},
	{"unlink_4k", row_unlink_4k},
	{"mkdir", row_mkdir},
	{"rename", row_rename},
	{"symlink", row_symlink},
	{"chmod", row_chmod},
	{"truncate", row_truncate},
	{"list", row_list},
	{"list_cold", row_list_cold},
	{"list_stat_cold", row_list_stat_cold},
	{"write_fstat", row_write_fstat},
	{0},
};
