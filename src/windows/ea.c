/*
 * ea.c: GetEa and SetEa. Extended attributes belong to the node, whichever stream is open.
 *
 * GetEa has one answer for the whole list and no way to ask for more: a list that would not fit
 * is refused when it is made.
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "status.h"

NTSTATUS WFS_CALL front_get_ea(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size,
			       ULONG *done)
{
	size_t bytes = 0;
	enum mfs_status status =
		mfs_ea_get(front_of(fs)->volume, mfs_stream_node(context), eas, size, &bytes);
	if (status != MFS_OK)
		return status_to_nt(status);
	*done = (ULONG)bytes;
	return STATUS_SUCCESS;
}

/* Steps through a list. NULL: at the end, or behind the last entry that makes sense; whether all
 * do is the engine's to judge. */
static const struct wfs_ea *next_ea(const void *list, size_t size, size_t *at)
{
	size_t here = *at;
	if (here > size || size - here < sizeof(struct wfs_ea))
		return NULL;
	const struct wfs_ea *ea = (const void *)((const char *)list + here);
	size_t bytes = sizeof *ea + ea->name_size + 1u + ea->value_size;
	if (bytes > size - here)
		return NULL;
	*at = ea->next == 0 || ea->next > size - here ? size : here + ea->next;
	return ea;
}

static bool same_name(const struct wfs_ea *a, const struct wfs_ea *b)
{
	if (a->name_size != b->name_size)
		return false;
	for (size_t i = 0; i < a->name_size; i++) {
		char x = a->name[i], y = b->name[i];
		x = x >= 'a' && x <= 'z' ? (char)(x - 'a' + 'A') : x;
		y = y >= 'a' && y <= 'z' ? (char)(y - 'a' + 'A') : y;
		if (x != y)
			return false;
	}
	return true;
}

static bool is_in(const struct wfs_ea *ea, const void *list, size_t size, size_t at)
{
	const struct wfs_ea *other;
	while ((other = next_ea(list, size, &at)) != NULL)
		if (same_name(ea, other))
			return true;
	return false;
}

/* Most bytes that the list can have after the change. */
static size_t size_after(const void *present, size_t present_size, const void *change, size_t change_size)
{
	const struct wfs_ea *ea;
	size_t total = 0, at = 0;
	while ((ea = next_ea(present, present_size, &at)) != NULL)
		if (!is_in(ea, change, change_size, 0))
			total += (sizeof *ea + ea->name_size + 1u + ea->value_size + 3u) & ~(size_t)3;
	at = 0;
	while ((ea = next_ea(change, change_size, &at)) != NULL)
		if (ea->value_size != 0 &&
		    !is_in(ea, change, change_size, at)) /* the last of a name counts */
			total += (sizeof *ea + ea->name_size + 1u + ea->value_size + 3u) & ~(size_t)3;
	return total;
}

static enum mfs_status fits(struct mfs_volume *volume, struct mfs_node *node, const void *change,
			    size_t change_size)
{
	size_t size = 0;
	enum mfs_status status = mfs_ea_get(volume, node, NULL, 0, &size);
	if (status != MFS_OK && status != MFS_BUFFER_TOO_SMALL)
		return status;
	if (size + 4 + change_size <= FRONT_ANSWER_MAX)
		return MFS_OK;
	void *present = malloc(size + 1);
	if (present == NULL)
		return MFS_NO_SPACE;
	status = mfs_ea_get(volume, node, present, size, &size);
	if (status == MFS_OK && size_after(present, size, change, change_size) > FRONT_ANSWER_MAX)
		status = MFS_TOO_LARGE;
	free(present);
	return status;
}

NTSTATUS WFS_CALL front_set_ea(struct wfs_file_system *fs, void *context, struct wfs_ea *eas, ULONG size,
			       struct wfs_file_info *info)
{
	struct front *front = front_of(fs);
	struct mfs_node *node = mfs_stream_node(context);
	AcquireSRWLockExclusive(&front->changes);
	enum mfs_status status = fits(front->volume, node, eas, size);
	if (status == MFS_OK)
		status = mfs_ea_set(front->volume, node, eas, size, false);
	ReleaseSRWLockExclusive(&front->changes);
	if (status != MFS_OK)
		return status_to_nt(status);
	info_of_stream(front->volume, context, info);
	return STATUS_SUCCESS;
}
