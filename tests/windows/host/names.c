/*
 * names.c: which names the driver lets through, and the table of open nodes by name.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

WCHAR *host_copy_name(const WCHAR *name, size_t length)
{
	WCHAR *copy = malloc((length + 1) * sizeof *copy);

	if (copy) {
		memcpy(copy, name, length * sizeof *copy);
		copy[length] = 0;
	}
	return copy;
}

static bool insensitive(const struct host_fs *fs)
{
	return !(fs->params.flags & FSP_CASE_SENSITIVE);
}

int host_compare(struct host_fs *fs, const WCHAR *a, const WCHAR *b)
{
	for (;; a++, b++) {
		WCHAR x = *a, y = *b;
		if (insensitive(fs)) {
			x = RtlUpcaseUnicodeChar(x);
			y = RtlUpcaseUnicodeChar(y);
		}
		if (x != y)
			return x < y ? -1 : 1;
		if (x == 0)
			return 0;
	}
}

/* Characters that NTFS forbids in names; a stream's name may have some of them. */
static bool unit_valid(WCHAR unit, bool stream)
{
	if (unit < 32)
		return stream && unit > 0;
	return !wcschr(stream ? L"/" : L"\"*/<>?|", unit);
}

/* `keep` gets the units that count (a path that ends in ":$DATA" loses that), `stream_at` the place
 * of the colon before a stream's name (0: none), `data_type` whether the type was given. */
bool host_name_valid(struct host_fs *fs, const WCHAR *path, size_t *keep, size_t *stream_at, bool *data_type)
{
	size_t colons = 0, component = 0, at[2] = {0, 0}, i;

	if (path[0] != L'\\')
		return false;
	for (i = 0; path[i]; i++) {
		if (path[i] == L'\\') {
			if (colons > 0 || i - component > fs->params.max_component || path[i + 1] == L'\\')
				return false;
			component = i + 1;
		} else if (path[i] == L':') {
			if (!(fs->params.flags & FSP_NAMED_STREAMS) || colons == 2)
				return false;
			at[colons++] = i;
		} else if (!unit_valid(path[i], colons > 0)) {
			return false;
		}
	}
	*data_type = colons == 2;
	*stream_at = colons == 0 || (colons == 2 && at[1] == at[0] + 1) ? 0 : at[0];
	*keep = colons < 2 ? i : *stream_at ? at[1] : at[0];
	if (i - component > fs->params.max_component || (colons == 1 && i == at[0] + 1))
		return false;
	return colons < 2 || _wcsicmp(path + at[1] + 1, L"$DATA") == 0;
}

/* ---- table ---------------------------------------------------------------------------------------- */

#define BUCKETS (sizeof((struct host_fs *)0)->table / sizeof(void *))

static unsigned bucket(const WCHAR *name)
{
	UINT32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ RtlUpcaseUnicodeChar(*name)) * 16777619u;
	return hash % BUCKETS;
}

static struct host_node **place_of(struct host_fs *fs, const WCHAR *name)
{
	struct host_node **at = &fs->table[bucket(name)];

	while (*at && host_compare(fs, (*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void host_table_drop(struct host_fs *fs, struct host_node *node)
{
	while (node && --node->references == 0) {
		struct host_node *main = node->main;
		if (node->listed)
			host_table_take_out(fs, node);
		free(node->name);
		free(node);
		InterlockedDecrement(&fs->nodes);
		node = main;
	}
}

void host_table_take_out(struct host_fs *fs, struct host_node *node)
{
	struct host_node **at = &fs->table[bucket(node->name)];

	while (*at && *at != node)
		at = &(*at)->next;
	if (*at)
		*at = node->next;
	node->listed = false;
}

/* The node that stands for an opened name: the one that is open already, else the fresh one.
 * Takes over the fresh node's reference. NULL with a status: it may not be opened now. */
struct host_node *host_table_open(struct host_fs *fs, struct host_node *fresh, NTSTATUS *status)
{
	struct host_node *node = NULL;

	EnterCriticalSection(&fs->table_lock);
	*status = STATUS_DELETE_PENDING;
	if (fresh->main && (fresh->main->delete_pending || fresh->main->posix_delete))
		goto out;
	struct host_node **at = place_of(fs, fresh->name);
	if (*at && ((*at)->delete_pending || (*at)->posix_delete))
		goto out;
	*status = STATUS_SUCCESS;
	if (*at) {
		node = *at;
		node->references++;
	} else {
		node = *at = fresh;
		node->next = NULL;
		node->listed = true;
		node->references++;
	}
	if (node->context != fresh->context)
		host_odd(fs, "another context for %ls, which is open", fresh->name);
	node->open_count++;
	node->handle_count++;
out:
	host_table_drop(fs, fresh);
	LeaveCriticalSection(&fs->table_lock);
	return node;
}

/* True when `name` lies below `top`, or is it (not with below_only), or is a stream of it. */
static bool is_under(struct host_fs *fs, const WCHAR *name, const WCHAR *top, bool below_only)
{
	size_t length = wcslen(top);
	WCHAR head[1200];

	if (wcslen(name) < length || length >= 1200)
		return false;
	memcpy(head, name, length * sizeof *head);
	head[length] = 0;
	if (host_compare(fs, head, top) != 0)
		return false;
	return name[length] == L'\\' || (!below_only && (name[length] == L':' || name[length] == 0));
}

bool host_table_busy(struct host_fs *fs, const WCHAR *name, struct host_node *self, bool below_only)
{
	bool busy = false;

	EnterCriticalSection(&fs->table_lock);
	for (size_t i = 0; i < BUCKETS && !busy; i++)
		for (struct host_node *node = fs->table[i]; node && !busy; node = node->next)
			busy = node != self && node->handle_count > 0 &&
			       is_under(fs, node->name, name, below_only);
	LeaveCriticalSection(&fs->table_lock);
	return busy;
}

/* Gives every open node at or below `from` its new name; what stood under a new name is replaced. */
void host_table_rename(struct host_fs *fs, const WCHAR *from, const WCHAR *to)
{
	struct host_node *moved = NULL, *node;
	size_t from_length = wcslen(from), to_length = wcslen(to);

	EnterCriticalSection(&fs->table_lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct host_node **at = &fs->table[i]; (node = *at) != NULL;) {
			if (!is_under(fs, node->name, from, false)) {
				at = &node->next;
				continue;
			}
			*at = node->next;
			node->next = moved;
			moved = node;
		}
	while ((node = moved) != NULL) {
		moved = node->next;
		size_t rest = wcslen(node->name) - from_length;
		WCHAR *name = malloc((to_length + rest + 1) * sizeof *name);
		if (!name)
			abort();
		memcpy(name, to, to_length * sizeof *name);
		memcpy(name + to_length, node->name + from_length, (rest + 1) * sizeof *name);
		free(node->name);
		node->name = name;
		struct host_node **at = place_of(fs, name);
		if (*at) {
			struct host_node *replaced = *at;
			*at = replaced->next;
			replaced->listed = false;
			replaced->open_count = 0;
			at = place_of(fs, name);
		}
		node->next = *at;
		*at = node;
	}
	LeaveCriticalSection(&fs->table_lock);
}
