/*
 * checks_volume.c: the volume: its parameters, sizes, label, mount point; flush; the control code.
 */
#include "check.h"

static void parameters(struct check *c)
{
	const struct fsp_volume_params *p = &c->fs->params;

	want_number(p->version, 504, "parameters are of the newest size");
	want_number(p->sector_size, 512, "a sector has 512 bytes");
	yes(p->sectors_per_unit >= 1 && p->sectors_per_unit <= 128, "the allocation unit is in its limits");
	want_number(p->max_component, 255, "a name has at most 255 units");
	yes(p->creation_time != 0 && p->creation_time <= now_100ns(), "the volume was created before now");
	yes(p->serial != 0, "the volume has a serial number");
	yes(!(p->flags & FSP_CASE_SENSITIVE) == c->mode.insensitive, "case sensitive but for -i");
	yes(!(p->flags & FSP_FLUSH_AND_PURGE) == !c->mode.flush, "flush and purge on cleanup with -f alone");
	const UINT32 on = FSP_CASE_PRESERVED | FSP_UNICODE | FSP_PERSISTENT_ACLS | FSP_REPARSE_POINTS |
			  FSP_NAMED_STREAMS | FSP_EXTENDED_ATTRIBUTES | FSP_CLEANUP_WHEN_MODIFIED |
			  FSP_PASS_FILE_NAME | FSP_DEVICE_CONTROL | FSP_KERNEL_OPEN | FSP_WSL_FEATURES |
			  FSP_REJECT_EARLY | FSP_POSIX_UNLINK_RENAME | FSP_DISPOSITION_WHEN_NEEDED;
	for (UINT32 bit = 1; bit; bit <<= 1)
		if (on & bit)
			yes(p->flags & bit, "flag %08lx is set", (unsigned long)bit);
	const UINT32 off = FSP_REPARSE_ACCESS_CHECK | FSP_HARD_LINKS | FSP_READ_ONLY | FSP_CONTEXT_IS_2 |
			   FSP_CONTEXT_IS_FULL | FSP_UM_RESERVED | FSP_MARKER_IS_OFFSET | FSP_KM_RESERVED;
	want_number(p->flags & off, 0, "no other flag is set");
	yes(p->valid & FSP_VOLUME_TIMEOUT_VALID && p->volume_info_timeout <= 1000,
	    "volume information is never older than a second (%lu ms)",
	    (unsigned long)p->volume_info_timeout);
	yes(wcslen(p->file_system_name) > 0 && wcslen(p->file_system_name) < 16,
	    "the file system has a name");
	yes(c->fs->network == (p->prefix[0] != 0), "a prefix for the network, none for a disk");
}

static void guard(struct check *c)
{
	yes(c->fs->api.enter != FspFileSystemOpEnter, "the DLL's guard is switched off");
	want_number(c->fs->api.dispatcher_threads, 0, "the dispatcher has its default threads");
	yes(!(c->fs->calls.create && c->fs->calls.create_ex) || c->fs->calls.create_ex, "CreateEx is there");
	yes(c->fs->calls.overwrite_ex != NULL, "OverwriteEx is there");
	yes(c->fs->calls.can_delete || c->fs->calls.set_delete, "CanDelete or SetDelete is there");
	for (unsigned slot = 0; slot < 31; slot++)
		if (c->fs->calls.reserved[slot])
			report_check(false, "reserved callback %u is set", slot);
	for (int i = 0; i < 200 && !c->fs->network && !c->fs->api.mount_point; i++)
		Sleep(10);
	yes(c->fs->network || c->fs->api.mount_point, "the volume has a mount point");
}

static void volume_sizes(struct check *c)
{
	struct fsp_volume_info info;
	UINT8 data[4096] = {1};

	want(host_volume(c->fs, &info), STATUS_SUCCESS, "volume information");
	yes(info.total > 0 && info.free <= info.total, "free is at most total");
	if (c->mode.limited)
		want_number(info.total, c->mode.limit, "-s is the total size");
	UINT64 used = bytes_used(c->fs);
	struct host_file *file = made_file(c, in(c, L"f"));
	yes(bytes_used(c->fs) > used, "an empty file is counted");
	UINT64 empty = bytes_used(c->fs);
	put(file, 0, data, sizeof data);
	yes(bytes_used(c->fs) >= empty + sizeof data, "data is counted");
	want(host_set_size(file, 0), STATUS_SUCCESS, "truncating");
	shut(file);
	yes(bytes_used(c->fs) <= empty, "truncating gives the bytes back");
	delete_path(c->fs, in(c, L"f"));
	want_number(bytes_used(c->fs), used, "deleting gives every byte back");
}

static bool label_is(struct host_fs *fs, const WCHAR *label)
{
	struct fsp_volume_info info;

	return host_volume(fs, &info) == STATUS_SUCCESS && info.label_bytes == wcslen(label) * 2 &&
	       memcmp(info.label, label, info.label_bytes) == 0;
}

static void label(struct check *c)
{
	static const WCHAR longest[] = L"12345678901234567890123456789012";
	static const WCHAR odd[] = {0x00e9, 0x4e00, 0xd83d, 0xde00, L' ', L'x', 0};
	struct fsp_volume_info old, info;
	WCHAR name[33] = {0};

	host_volume(c->fs, &old);
	memcpy(name, old.label, old.label_bytes);
	want(host_set_label(c->fs, L"other", &info), STATUS_SUCCESS, "setting a label");
	yes(info.label_bytes == 10 && memcmp(info.label, L"other", 10) == 0,
	    "the answer tells the new label in bytes");
	yes(info.total == old.total || !c->mode.limited, "and the sizes");
	yes(label_is(c->fs, L"other"), "the label is set");
	want(host_set_label(c->fs, longest, &info), STATUS_SUCCESS, "32 units");
	yes(label_is(c->fs, longest), "32 units are kept");
	want(host_set_label(c->fs, L"x", &info), STATUS_SUCCESS, "a short label");
	want(host_set_label(c->fs, L"123456789012345678901234567890123", &info), STATUS_SUCCESS, "33 units");
	yes(label_is(c->fs, L"12345678901234567890123456789012"), "33 units are cut to 32");
	want(host_set_label(c->fs, odd, &info), STATUS_SUCCESS, "letters from everywhere");
	yes(label_is(c->fs, odd), "letters from everywhere are kept");
	want(host_set_label(c->fs, L"", &info), STATUS_SUCCESS, "no label");
	yes(label_is(c->fs, L""), "no label is kept");
	want(host_set_label(c->fs, name, &info), STATUS_SUCCESS, "the first label again");
}

static void flush(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));

	put_text(file, 0, "text");
	want(host_flush(file), STATUS_SUCCESS, "flushing a file");
	struct fsp_file_info info;
	host_known_info(file, &info);
	want_number(info.size, 4, "flushing tells the file's size");
	want(host_flush_volume(c->fs), STATUS_SUCCESS, "flushing the volume");
	shut(file);
	file = existing(c, c->home);
	want(host_flush(file), STATUS_SUCCESS, "flushing a directory");
	shut(file);
}

/* Device type 0x8000 + 'M', function 'R', METHOD_BUFFERED, FILE_ANY_ACCESS. */
#define ROT13 ((0x804du << 16) | ('R' << 2))

static void control(struct check *c)
{
	char out[64] = {0};
	ULONG done = 99;
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_control(file, ROT13, "Hello", 5, out, 5, &done), STATUS_SUCCESS, "ROT13");
	yes(done == 5 && memcmp(out, "Uryyb", 5) == 0, "ROT13 of Hello");
	want(host_control(file, ROT13, "azAZ19!\xff", 8, out, 8, &done), STATUS_SUCCESS,
	     "ROT13 of other bytes");
	yes(done == 8 && memcmp(out, "nmNM19!\xff", 8) == 0, "ROT13 leaves other bytes alone");
	want(host_control(file, ROT13, "", 0, out, 0, &done), STATUS_SUCCESS, "ROT13 of nothing");
	want_number(done, 0, "ROT13 of nothing is nothing");
	want(host_control(file, ROT13, "Hello", 5, out, 4, &done), STATUS_INVALID_PARAMETER,
	     "into a shorter buffer");
	want(host_control(file, ROT13, "Hello", 5, out, 6, &done), STATUS_INVALID_PARAMETER,
	     "into a longer buffer");
	want(host_control(file, ROT13 + 4, "Hello", 5, out, sizeof out, &done), STATUS_INVALID_DEVICE_REQUEST,
	     "another code");
	shut(file);
}

const struct check_case volume_cases[] = {
	{"volume parameters", "", parameters},
	{"guard and dispatcher", "", guard},
	{"volume sizes", "GetVolumeInfo CreateEx Cleanup", volume_sizes},
	{"volume label", "SetVolumeLabel GetVolumeInfo", label},
	{"flush", "Flush", flush},
	{"control code", "Control", control},
	{0},
};
