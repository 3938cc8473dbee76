/*
 * checks_ea.c: GetEa and SetEa.
 */
#include "check.h"

static NTSTATUS set(struct host_file *file, const char *name, const void *value, USHORT size)
{
	UINT8 *list = calloc(1, 70000);
	ULONG used = 0;

	add_ea(list, &used, name, value, size, 0);
	NTSTATUS status = host_set_ea(file, list, used);
	free(list);
	return status;
}

static void values(struct check *c)
{
	struct host_file *file = made_file(c, in(c, L"f"));
	char value[64];

	want(set(file, "FIRST", "12345", 5), STATUS_SUCCESS, "setting an EA");
	want_number((UINT64)ea_value(file, "FIRST", value, sizeof value), 5, "it is there");
	yes(memcmp(value, "12345", 5) == 0, "with its value");
	want_number(info_of(file).ea_size, 5 + 5 + 5, "EaSize counts 5, name and value");
	want(set(file, "SECOND", "abc", 3), STATUS_SUCCESS, "another");
	want_number(info_of(file).ea_size, 15 + 5 + 6 + 3, "EaSize is the sum");
	want(set(file, "FIRST", "1", 1), STATUS_SUCCESS, "a shorter value");
	want_number(info_of(file).ea_size, 11 + 14, "EaSize loses the old one");
	want(set(file, "first", "longer than before", 18), STATUS_SUCCESS, "in another case");
	want_number((UINT64)ea_value(file, "FIRST", value, sizeof value), 18, "is the same EA");
	want_number(info_of(file).ea_size, 5 + 5 + 18 + 14, "counted once");
	want(set(file, "FIRST", "", 0), STATUS_SUCCESS, "an empty value");
	want_number((UINT64)(INT64)ea_value(file, "FIRST", NULL, 0), (UINT64)-1, "deletes");
	want_number(info_of(file).ea_size, 14, "EaSize too");
	want(set(file, "NEVER", "", 0), STATUS_SUCCESS, "deleting what is not there");
	want(set(file, "SECOND", "", 0), STATUS_SUCCESS, "the last one");
	want_number(info_of(file).ea_size, 0, "none is left");
	shut(file);
}

static void names(struct check *c)
{
	UINT8 list[512];
	ULONG size = 0;
	struct host_file *file = made_file(c, in(c, L"f"));
	char name[256];

	want(set(file, "lower", "1", 1), STATUS_SUCCESS, "a name in small letters");
	want(host_ea(file, list, sizeof list, &size), STATUS_SUCCESS, "reading");
	yes(strcmp(((struct fsp_ea *)list)->name, "LOWER") == 0, "is kept in capitals");
	memset(name, 'N', 254);
	name[254] = 0;
	want(set(file, name, "x", 1), STATUS_SUCCESS, "a name of 254 bytes");
	want_number((UINT64)ea_value(file, name, NULL, 0), 1, "is there");
	static const char *const bad[] = {"a*b",
					  "a\\b",
					  "a/b",
					  "a:b",
					  "a?b",
					  "a\"b",
					  "a<b",
					  "a|b",
					  "a+b",
					  "a,b",
					  "a;b",
					  "a=b",
					  "a[b",
					  "a]b",
					  "a\x01"
					  "b"};
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		want(set(file, bad[i], "x", 1), STATUS_INVALID_EA_NAME, "the name \"a%cb\"",
		     bad[i][1] < 32 ? '^' : bad[i][1]);
	shut(file);
}

/* SetEa itself, with lists that the driver would have refused. */
static void bad_lists(struct check *c)
{
	UINT8 list[256];
	struct host_file *file = made_file(c, in(c, L"f"));

	set(file, "KEPT", "value", 5);
	struct fsp_ea *ea = (void *)list;
	for (unsigned i = 0; i < 6; i++) {
		ULONG size = 0, given;
		static const char *const what[] = {"a value that runs out", "a name that runs out",
						   "a next that runs out",  "a next inside itself",
						   "half a header",	    "no terminator"};
		memset(list, 0, sizeof list);
		add_ea(list, &size, "NAME", "1234", 4, 0);
		given = size;
		if (i == 0)
			ea->value_length = 5000;
		if (i == 1)
			ea->name_length = 250;
		if (i == 2)
			ea->next = 4000;
		if (i == 3)
			ea->next = 4;
		if (i == 4)
			given = 5;
		if (i == 5)
			ea->name[4] = 'X';
		NTSTATUS status = host_set_ea(file, list, given);
		want(status, STATUS_EA_LIST_INCONSISTENT, "%s", what[i]);
	}
	want_number(info_of(file).ea_size, 5 + 4 + 5, "nothing of it was taken");
	want_number((UINT64)ea_value(file, "KEPT", NULL, 0), 5, "what was there is there");
	shut(file);
}

/* No more can be told than fits into one answer: what is taken must be readable again. */
static void large(struct check *c)
{
	UINT8 *value = malloc(65536), *list = malloc(65536);
	ULONG size = 0, total = 0;
	struct host_file *file = made_file(c, in(c, L"f"));
	NTSTATUS status = STATUS_SUCCESS;

	memset(value, 'v', 65536);
	want(set(file, "BIG", value, 16000), STATUS_SUCCESS, "a value of 16,000 bytes");
	want_number((UINT64)ea_value(file, "BIG", NULL, 0), 16000, "is there");
	want(host_ea(file, list, 1000, &size), STATUS_BUFFER_OVERFLOW, "a short buffer");
	want(set(file, "BIG", value, 2), STATUS_SUCCESS, "a short value again");
	set(file, "TWO", value, 300);
	want(host_ea(file, list, FSP_RESPONSE_BUFFER_MAX, &size), STATUS_SUCCESS, "two EAs");
	ULONG full = size;
	want(host_ea(file, list, full, &size), STATUS_SUCCESS, "a buffer that just fits");
	want(host_ea(file, list, full - 1, &size), STATUS_BUFFER_OVERFLOW, "a byte less");
	for (char name[] = "A"; name[0] < 'Z' && NT_SUCCESS(status); name[0]++, total += NT_SUCCESS(status))
		status = set(file, name, value, 4000);
	want(status, STATUS_EA_TOO_LARGE, "more than there can be, after %lu times 4,000 bytes",
	     (unsigned long)total);
	want(host_ea(file, list, FSP_RESPONSE_BUFFER_MAX, &size), STATUS_SUCCESS,
	     "what was taken can be read");
	shut(file);
	free(list);
	free(value);
}

static void of_streams(struct check *c)
{
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0), *file = existing(c, in(c, L"f"));

	want(set(stream, "NAME", "123", 3), STATUS_SUCCESS, "set through a stream");
	want_number((UINT64)ea_value(file, "NAME", NULL, 0), 3, "belong to the file");
	want_number((UINT64)ea_value(stream, "NAME", NULL, 0), 3, "and are read through the stream");
	want_number(info_of(stream).ea_size, 5 + 4 + 3, "EaSize too");
	shut(file);
	shut(stream);
	file = existing(c, c->home);
	want(set(file, "DIR", "1", 1), STATUS_SUCCESS, "a directory's EA");
	want_number((UINT64)ea_value(file, "DIR", NULL, 0), 1, "is there");
	set(file, "DIR", "", 0);
	shut(file);
}

static void needed(struct check *c)
{
	UINT8 list[128];
	ULONG size = 0;
	struct host_file *file = made_file(c, in(c, L"f"));

	add_ea(list, &size, "MUST", "1", 1, FSP_EA_NEEDED);
	want(host_set_ea(file, list, size), STATUS_SUCCESS, "an EA that must be known");
	want(host_ea(file, list, sizeof list, &size), STATUS_SUCCESS, "reading it");
	want_number(((struct fsp_ea *)list)->flags, FSP_EA_NEEDED, "keeps the flag");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OPEN, FILE_NO_EA_KNOWLEDGE), STATUS_ACCESS_DENIED,
	     "who knows none may not open");
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_SUCCESS, "who does may");
	want(try_open(c, in(c, L"f"), FILE_OVERWRITE, FILE_NO_EA_KNOWLEDGE), STATUS_ACCESS_DENIED,
	     "nor overwrite");
	file = existing(c, in(c, L"f"));
	set(file, "MUST", "", 0);
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OPEN, FILE_NO_EA_KNOWLEDGE), STATUS_SUCCESS,
	     "without it, anybody");
}

static void lists(struct check *c)
{
	UINT8 *list = calloc(1, 65536);
	ULONG size = 0;
	char name[16];
	struct host_file *file = made_file(c, in(c, L"f"));
	unsigned bad = 0;

	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "N%u", i);
		add_ea(list, &size, name, &i, i % 5 + 1, 0);
	}
	want(host_set_ea(file, list, size), STATUS_SUCCESS, "200 EAs at once");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "N%u", i);
		bad += ea_value(file, name, NULL, 0) != (int)(i % 5 + 1);
	}
	want_number(bad, 0, "are all there");
	size = 0;
	memset(list, 0, 65536);
	add_ea(list, &size, "N1", "", 0, 0);
	add_ea(list, &size, "NEW", "1", 1, 0);
	add_ea(list, &size, "N2", "changed", 7, 0);
	want(host_set_ea(file, list, size), STATUS_SUCCESS, "one deleted, one new, one changed");
	yes(ea_value(file, "N1", NULL, 0) == -1 && ea_value(file, "NEW", NULL, 0) == 1 &&
		    ea_value(file, "N2", NULL, 0) == 7,
	    "in one list");
	shut(file);
	file = made_file(c, in(c, L"none"));
	want(host_ea(file, list, 65536, &size), STATUS_SUCCESS, "no EAs");
	want_number(size, 0, "are an empty list");
	shut(file);
	free(list);
}

const struct check_case ea_cases[] = {
	{"EAs: values", "SetEa GetEa GetFileInfo", values},
	{"EAs: names", "SetEa GetEa", names},
	{"EAs: lists that contradict themselves", "SetEa", bad_lists},
	{"EAs: large", "SetEa GetEa", large},
	{"EAs: of streams and directories", "SetEa GetEa", of_streams},
	{"EAs: that must be known", "SetEa Open", needed},
	{"EAs: lists", "SetEa GetEa", lists},
	{0},
};
