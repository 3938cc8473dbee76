/*
 * checks_list.c: ReadDirectory and GetDirInfoByName: order, pages, markers, ends.
 */
#include "check.h"

static bool listed(const struct host_listing *listing, const WCHAR *name)
{
	for (unsigned i = 0; i < listing->count; i++)
		if (wcscmp(listing->entries[i].name, name) == 0)
			return true;
	return false;
}

/* Entries in upper-cased order, after the dots, and none twice. */
static bool in_order(const struct host_listing *listing, unsigned from)
{
	for (unsigned i = from + 1; i < listing->count; i++) {
		const WCHAR *a = listing->entries[i - 1].name, *b = listing->entries[i].name;
		WCHAR x, y;
		do {
			x = RtlUpcaseUnicodeChar(*a);
			y = RtlUpcaseUnicodeChar(*b);
		} while (x == y && *a++ && *b++);
		if (x > y || wcscmp(listing->entries[i - 1].name, listing->entries[i].name) == 0)
			return false;
	}
	return true;
}

static void dots(struct check *c)
{
	struct host_listing listing;
	struct host_file *file = existing(c, c->home), *root = existing(c, L"\\");

	want(host_list(file, HOST_LIST_MAX, &listing), STATUS_SUCCESS, "an empty directory");
	yes(listing.count == 2 && wcscmp(listing.entries[0].name, L".") == 0 &&
		    wcscmp(listing.entries[1].name, L"..") == 0,
	    "has the two dots");
	if (listing.count == 2) {
		want_number(listing.entries[0].info.index, info_of(file).index, "one is itself");
		want_number(listing.entries[1].info.index, info_of(root).index, "two are its parent");
		yes(listing.entries[0].info.attributes & FILE_ATTRIBUTE_DIRECTORY, "a directory");
	}
	host_listing_free(&listing);
	want(host_list(root, HOST_LIST_MAX, &listing), STATUS_SUCCESS, "the root");
	yes(!listed(&listing, L".") && !listed(&listing, L".."), "has no dots");
	yes(listed(&listing, c->home + 1), "but the directory of this case");
	host_listing_free(&listing);
	shut(root);
	shut(file);
}

static void information(struct check *c)
{
	static const WCHAR *const names[] = {L"file", L"directory", L"link"};
	struct host_listing listing;
	struct host_file *file;

	make_filled(c, in(c, names[0]), "12345");
	make_directory(c, in(c, names[1]));
	make_symlink(c, in(c, names[2]), L"file", false);
	struct host_file *home = existing(c, c->home);
	host_list(home, HOST_LIST_MAX, &listing);
	for (unsigned n = 0; n < 3; n++)
		for (unsigned i = 0; i < listing.count; i++)
			if (wcscmp(listing.entries[i].name, names[n]) == 0) {
				file = opened(c, in(c, names[n]), FILE_OPEN, FILE_OPEN_REPARSE_POINT);
				struct fsp_file_info info = info_of(file), told = listing.entries[i].info;
				yes(told.attributes == info.attributes && told.size == info.size &&
					    told.allocation == info.allocation && told.index == info.index &&
					    told.creation == info.creation && told.write == info.write &&
					    told.reparse_tag == info.reparse_tag &&
					    told.ea_size == info.ea_size,
				    "the entry of a %ls tells what its handle tells", names[n]);
				shut(file);
			}
	want_number(listing.count, 5, "three entries and the dots");
	host_listing_free(&listing);
	shut(home);
}

static void page_sizes(struct check *c)
{
	static const ULONG sizes[] = {616,  617,  618,	624,   640,   700,  1000,
				      1024, 4096, 8191, 16384, 65535, 65536};
	struct host_listing whole, listing;
	struct host_file *home = existing(c, c->home);

	for (unsigned i = 0; i < 700; i++)
		make_file(c, in_format(c, L"%u and a tail of %.*ls", (i * 7919) % 1000, i % 40,
				       L"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	want(host_list(home, HOST_LIST_MAX, &whole), STATUS_SUCCESS, "700 files in one page or two");
	want_number(whole.count, 702, "every one is listed");
	yes(in_order(&whole, 2), "in order");
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		host_list(home, sizes[i], &listing);
		bool same = listing.count == whole.count;
		for (unsigned j = 0; same && j < whole.count; j++)
			same = wcscmp(listing.entries[j].name, whole.entries[j].name) == 0;
		yes(same, "pages of %lu bytes give the same (%u pages)", (unsigned long)sizes[i],
		    listing.pages);
		host_listing_free(&listing);
	}
	host_listing_free(&whole);
	shut(home);
}

/* A page that takes every entry but not the end: the next one is the end alone. */
static void end_marker(struct check *c)
{
	UINT8 page[8192];
	ULONG size, at = 0, entries = 0, last;
	bool end;
	WCHAR name[256] = L"";
	const struct fsp_dir_info *entry;

	for (unsigned i = 0; i < 5; i++)
		make_file(c, in_format(c, L"file%u", i));
	struct host_file *home = existing(c, c->home);
	want(host_list_page(home, NULL, NULL, page, sizeof page, &size), STATUS_SUCCESS, "one page");
	while ((entry = host_list_next(c->fs, page, size, &at, &end)) != NULL) {
		entries++;
		host_list_name(entry, name);
	}
	yes(end && entries == 7, "ends");
	last = at;
	for (ULONG length = last; length < last + 2; length++) {
		host_list_page(home, NULL, NULL, page, length, &size);
		at = entries = 0;
		while ((entry = host_list_next(c->fs, page, size, &at, &end)) != NULL)
			entries++;
		yes(entries == 7 && !end, "%lu bytes hold the entries and not the end",
		    (unsigned long)length);
		host_list_page(home, NULL, name, page, length, &size);
		at = 0;
		entry = host_list_next(c->fs, page, size, &at, &end);
		yes(!entry && end, "then the end comes alone");
	}
	shut(home);
}

static void markers(struct check *c)
{
	static const struct {
		const WCHAR *marker, *next;
	} cases[] = {
		{L".", L".."},	      {L"..", L"!first"}, {L"!first", L"#a"}, {L"#a", L"+"},
		{L"+", L"-x"},	      {L"-x", L"..."},	  {L"...", L".a"},    {L".a", L"b"},
		{L"a-missing", L"b"}, {L"b", L"d"},	  {L"c-gone", L"d"},  {L"d", NULL},
		{L"zzz", NULL},	      {L"!", L"!first"},  {L"\"", L"#a"},     {L"..b", L".a"},
	};
	static const WCHAR *const names[] = {L"!first", L"#a", L"+", L"-x", L"...", L".a", L"b", L"d"};
	UINT8 page[4096];
	ULONG size, at;
	bool end;
	WCHAR name[256];

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		make_file(c, in(c, names[i]));
	struct host_file *home = existing(c, c->home);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		at = 0;
		name[0] = 0;
		NTSTATUS status = host_list_page(home, NULL, cases[i].marker, page, sizeof page, &size);
		const struct fsp_dir_info *entry = host_list_next(c->fs, page, size, &at, &end);
		if (entry)
			host_list_name(entry, name);
		yes(status == STATUS_SUCCESS &&
			    (cases[i].next ? entry && wcscmp(name, cases[i].next) == 0 : !entry && end),
		    "after %ls comes %ls (%ls)", cases[i].marker, cases[i].next ? cases[i].next : L"the end",
		    name);
	}
	shut(home);
	home = existing(c, L"\\");
	at = 0;
	host_list_page(home, NULL, L"!", page, sizeof page, &size);
	yes(host_list_next(c->fs, page, size, &at, &end) != NULL, "a marker before all others in the root");
	shut(home);
}

static void while_changing(struct check *c)
{
	UINT8 page[HOST_LIST_MIN * 4];
	ULONG size, at;
	bool end = false;
	WCHAR marker[256] = L"";
	unsigned seen = 0, made = 0;

	for (unsigned i = 0; i < 500; i++)
		make_file(c, in_format(c, L"m%05u", i * 2));
	struct host_file *home = existing(c, c->home);
	/* Deletes everything it is shown, the marker included, and adds files behind and before. */
	while (!end) {
		WCHAR names[64][256];
		unsigned count = 0;
		const struct fsp_dir_info *entry;
		host_list_page(home, NULL, marker[0] ? marker : NULL, page, sizeof page, &size);
		at = 0;
		while ((entry = host_list_next(c->fs, page, size, &at, &end)) != NULL && count < 64)
			host_list_name(entry, names[count++]);
		for (unsigned i = 0; i < count; i++) {
			wcscpy(marker, names[i]);
			if (names[i][0] == L'm')
				seen += delete_path(c->fs, in(c, names[i])) == STATUS_SUCCESS;
		}
		if (!end && made < 40)
			make_file(c, in_format(c, L"a%05u", made++));
		if (count == 0)
			break;
	}
	want_number(seen, 500, "every file is shown once although all are deleted meanwhile");
	yes(end, "and the listing ends");
	shut(home);
}

static void by_name(struct check *c)
{
	struct fsp_file_info info;
	WCHAR found[256];

	make_filled(c, in(c, L"Name"), "123");
	make_directory(c, in(c, L"Directory"));
	struct host_file *home = existing(c, c->home);
	want(host_find(home, L"Name", &info, found), STATUS_SUCCESS, "one name");
	yes(wcscmp(found, L"Name") == 0 && info.size == 3, "is found with its information");
	want(host_find(home, L"Directory", &info, found), STATUS_SUCCESS, "a directory");
	yes(info.attributes == FILE_ATTRIBUTE_DIRECTORY, "is one");
	want(host_find(home, L"No", &info, found), STATUS_OBJECT_NAME_NOT_FOUND, "a missing name");
	NTSTATUS status = host_find(home, L"nAmE", &info, found);
	want(status, c->mode.insensitive ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND, "another spelling");
	yes(!c->mode.insensitive || wcscmp(found, L"Name") == 0, "is told as it is stored");
	shut(home);
	home = existing(c, L"\\");
	want(host_find(home, c->home + 1, &info, found), STATUS_SUCCESS, "in the root");
	shut(home);
}

static void of_files(struct check *c)
{
	struct fsp_file_info info;
	WCHAR found[256];
	UINT8 page[1024];
	ULONG size;
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_list_page(file, NULL, NULL, page, sizeof page, &size), STATUS_NOT_A_DIRECTORY,
	     "listing a file");
	want(host_find(file, L"x", &info, found), STATUS_NOT_A_DIRECTORY, "looking into a file");
	shut(file);
}

static void patterns(struct check *c)
{
	UINT8 page[4096];
	ULONG size, at = 0;
	bool end, matching = false;
	const struct fsp_dir_info *entry;
	WCHAR name[256];

	make_file(c, in(c, L"a.txt"));
	make_file(c, in(c, L"b.dat"));
	struct host_file *home = existing(c, c->home);
	want(host_list_page(home, L"*.txt", NULL, page, sizeof page, &size), STATUS_SUCCESS,
	     "with a pattern");
	while ((entry = host_list_next(c->fs, page, size, &at, &end)) != NULL) {
		host_list_name(entry, name);
		matching |= wcscmp(name, L"a.txt") == 0;
	}
	yes(matching && end, "what matches is there");
	shut(home);
}

static void mixed_case_order(struct check *c)
{
	static const WCHAR *const names[] = {L"b", L"A", L"c", L"B2", L"a1", L"_", L"Z", L"[", L"z1"};
	struct host_listing listing;

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		make_file(c, in(c, names[i]));
	struct host_file *home = existing(c, c->home);
	host_list(home, HOST_LIST_MIN, &listing);
	want_number(listing.count, 11, "names of mixed case");
	yes(in_order(&listing, 2), "are listed as if in capitals");
	host_listing_free(&listing);
	shut(home);
}

const struct check_case list_cases[] = {
	{"list: dots", "ReadDirectory", dots},
	{"list: information", "ReadDirectory GetFileInfo", information},
	{"list: page sizes", "ReadDirectory", page_sizes},
	{"list: end", "ReadDirectory", end_marker},
	{"list: markers", "ReadDirectory", markers},
	{"list: while it changes", "ReadDirectory Cleanup", while_changing},
	{"list: one name", "GetDirInfoByName", by_name},
	{"list: files", "ReadDirectory GetDirInfoByName", of_files},
	{"list: patterns", "ReadDirectory", patterns},
	{"list: mixed case", "ReadDirectory", mixed_case_order},
	{0},
};
