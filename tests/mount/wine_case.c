/*
 * wine_case: what a Windows program expects of a case-insensitive drive. Started as
 * "wine_case X:\", it says what went wrong, with the error code, and ends with 1. "wine_case X:\ ask"
 * only asks whether a rename by case alone takes effect ("at once"), or whether Wine itself takes both
 * names for one file and does nothing ("by steps").
 */
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

static WCHAR root[16];
static int failures;

static void check(const char *what, BOOL good)
{
	if (!good) {
		printf("FAILED %s: error %lu\n", what, GetLastError());
		failures++;
	}
}

/* A path on the drive; two at a time. */
static const WCHAR *on(const WCHAR *name)
{
	static WCHAR paths[2][MAX_PATH];
	static unsigned next;
	WCHAR *path = paths[next++ % 2];

	swprintf(path, MAX_PATH, L"%ls%ls", root, name);
	return path;
}

static BOOL put(const WCHAR *name, DWORD how, const char *text)
{
	HANDLE file = CreateFileW(on(name), GENERIC_WRITE, 0, NULL, how, 0, NULL);
	DWORD done = 0;
	BOOL good = file != INVALID_HANDLE_VALUE && WriteFile(file, text, (DWORD)strlen(text), &done, NULL);

	if (file != INVALID_HANDLE_VALUE)
		CloseHandle(file);
	return good && done == strlen(text);
}

static BOOL holds(const WCHAR *name, const char *text)
{
	HANDLE file = CreateFileW(on(name), GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
	char found[64] = "";
	DWORD done = 0;

	if (file == INVALID_HANDLE_VALUE)
		return FALSE;
	ReadFile(file, found, sizeof found - 1, &done, NULL);
	CloseHandle(file);
	return !strcmp(found, text);
}

/* The drive has just these entries, as they are spelled here; names are parted by "|". */
static BOOL lists(const WCHAR *names)
{
	WIN32_FIND_DATAW found;
	HANDLE listing = FindFirstFileW(on(L"*"), &found);
	unsigned count = 0, wanted = names[0] != 0;
	BOOL good = TRUE;

	for (const WCHAR *at = names; *at; at++)
		wanted += *at == '|';
	if (listing == INVALID_HANDLE_VALUE)
		return wanted == 0;
	do {
		size_t size = wcslen(found.cFileName);
		const WCHAR *at = names;

		if (!wcscmp(found.cFileName, L".") || !wcscmp(found.cFileName, L".."))
			continue;
		count++;
		while (at && (wcsncmp(at, found.cFileName, size) || (at[size] && at[size] != '|'))) {
			at = wcschr(at, '|');
			at = at ? at + 1 : NULL;
		}
		if (!at) {
			printf("listed: %ls\n", found.cFileName);
			good = FALSE;
		}
	} while (FindNextFileW(listing, &found));
	FindClose(listing);
	return good && count == wanted;
}

static BOOL at_once;

/* Some versions of Wine do nothing when both names are one file, on any file system: then it takes a
 * name between. */
static BOOL respell(const WCHAR *old, const WCHAR *new)
{
	if (at_once)
		return MoveFileW(on(old), on(new));
	return MoveFileW(on(old), on(L"between")) && MoveFileW(on(L"between"), on(new));
}

static void ask(void)
{
	check("create to ask", put(L"Ask", CREATE_NEW, ""));
	check("rename to ask", MoveFileW(on(L"Ask"), on(L"ASK")));
	at_once = lists(L"ASK");
	check("delete what was asked", DeleteFileW(on(L"ASK")) || DeleteFileW(on(L"Ask")));
	printf(at_once ? "at once\n" : "by steps\n");
}

int main(int argc, char *argv[])
{
	if (argc < 2 || argc > 3 || strlen(argv[1]) > 8)
		return 2;
	swprintf(root, 16, L"%hs", argv[1]);
	ask();
	if (argc == 3)
		return failures != 0;
	check("create", put(L"Read Me.txt", CREATE_NEW, "first"));
	check("create, not ASCII", put(L"\xc4pfel \x0416.txt", CREATE_NEW, "second"));
	check("create a directory", CreateDirectoryW(on(L"Folder"), NULL));
	check("create inside", put(L"FOLDER\\Inner", CREATE_NEW, "inner"));
	check("list", lists(L"Read Me.txt|\xc4pfel \x0416.txt|Folder"));
	check("open by another case", holds(L"READ ME.TXT", "first"));
	check("open by another case, not ASCII", holds(L"\xe4PFEL \x0436.TXT", "second"));
	check("open inside by another case", holds(L"folder\\INNER", "inner"));
	check("create what is there by another case",
	      !put(L"read me.TXT", CREATE_NEW, "x") && GetLastError() == ERROR_FILE_EXISTS);
	check("overwrite by another case", put(L"read me.TXT", CREATE_ALWAYS, "third"));
	check("overwritten, spelling kept",
	      holds(L"Read Me.txt", "third") && lists(L"Read Me.txt|\xc4pfel \x0416.txt|Folder"));
	check("rename by case only", respell(L"Read Me.txt", L"READ me.txt"));
	check("rename by case only, not ASCII", respell(L"\xc4pfel \x0416.txt", L"\xe4pfel \x0436.txt"));
	check("rename a directory by case only", respell(L"Folder", L"FOLDER"));
	check("list after renaming", lists(L"READ me.txt|\xe4pfel \x0436.txt|FOLDER"));
	check("contents after renaming", holds(L"read me.txt", "third") && holds(L"folder\\inner", "inner"));
	check("delete by another case", DeleteFileW(on(L"read ME.TXT")));
	check("delete by another case, not ASCII", DeleteFileW(on(L"\xc4PFEL \x0416.txt")));
	check("delete inside", DeleteFileW(on(L"folder\\inner")));
	check("delete a directory by another case", RemoveDirectoryW(on(L"folder")));
	check("list when all is gone", lists(L""));
	printf(failures ? "%d failed\n" : "all good\n", failures);
	return failures ? 1 : 0;
}
