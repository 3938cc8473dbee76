/*
 * checks_security.c: GetSecurity and SetSecurity.
 */
#include "check.h"

#include <sddl.h>

static void *from_text(const char *text)
{
	void *descriptor = NULL;
	ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL);
	return descriptor;
}

/* True when a file's descriptor has the same owner, group and access list. */
static bool security_is(struct host_file *file, const char *text)
{
	UINT8 buffer[4096];
	SIZE_T size = sizeof buffer;
	PSID owner[2], group[2];
	PACL list[2];
	BOOL present[2], defaulted;
	void *wanted = from_text(text);
	bool same = wanted && host_security(file, buffer, &size) == STATUS_SUCCESS &&
		    host_descriptor_valid(buffer, size);

	if (same) {
		GetSecurityDescriptorOwner(wanted, &owner[0], &defaulted);
		GetSecurityDescriptorOwner(buffer, &owner[1], &defaulted);
		GetSecurityDescriptorGroup(wanted, &group[0], &defaulted);
		GetSecurityDescriptorGroup(buffer, &group[1], &defaulted);
		GetSecurityDescriptorDacl(wanted, &present[0], &list[0], &defaulted);
		GetSecurityDescriptorDacl(buffer, &present[1], &list[1], &defaulted);
		same = owner[0] && owner[1] && EqualSid(owner[0], owner[1]) && group[0] && group[1] &&
		       EqualSid(group[0], group[1]) && present[0] && present[1] && list[0] && list[1] &&
		       list[0]->AclSize == list[1]->AclSize &&
		       memcmp(list[0], list[1], list[0]->AclSize) == 0;
	}
	LocalFree(wanted);
	return same;
}

#define ROOT_TEXT "O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)"
#define OTHER_TEXT "O:SYG:SYD:P(A;;FR;;;WD)"

static void of_the_root(struct check *c)
{
	struct host_file *root = existing(c, L"\\");

	yes(security_is(root, ROOT_TEXT), "the root has the descriptor that is promised");
	shut(root);
}

static void buffers(struct check *c)
{
	UINT8 buffer[4096];
	SIZE_T size = sizeof buffer, needed;
	struct host_file *file = made_file(c, in(c, L"f"));

	want(host_security(file, buffer, &size), STATUS_SUCCESS, "reading");
	needed = size;
	size = needed - 1;
	want(host_security(file, buffer, &size), STATUS_BUFFER_OVERFLOW, "a buffer one byte short");
	want_number(size, needed, "the needed size");
	want(host_security(file, buffer, &size), STATUS_SUCCESS, "a buffer that just fits");
	size = 0;
	want(host_security(file, NULL, &size), STATUS_BUFFER_OVERFLOW, "no buffer");
	want_number(size, needed, "the needed size again");
	shut(file);
}

static void given(struct check *c)
{
	void *descriptor = from_text(OTHER_TEXT);
	struct host_open how = {.name = in(c, L"f"), .disposition = FILE_CREATE, .security = descriptor};
	struct host_file *file;

	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "a file with a descriptor");
	yes(security_is(file, OTHER_TEXT), "has it");
	shut(file);
	how.name = in(c, L"d");
	how.options = FILE_DIRECTORY_FILE;
	want(host_open(c->fs, &how, &file, NULL), STATUS_SUCCESS, "a directory with a descriptor");
	yes(security_is(file, OTHER_TEXT), "has it");
	shut(file);
	LocalFree(descriptor);
}

static void change(struct check *c)
{
	void *other = from_text(OTHER_TEXT), *first = from_text(ROOT_TEXT);
	struct host_open how = {.name = in(c, L"f"), .disposition = FILE_CREATE, .security = first};
	struct host_file *file;

	host_open(c->fs, &how, &file, NULL);
	want(host_set_security(file, OWNER_SECURITY_INFORMATION, other), STATUS_SUCCESS, "the owner");
	yes(security_is(file, "O:SYG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)"), "changes alone");
	want(host_set_security(file, GROUP_SECURITY_INFORMATION, other), STATUS_SUCCESS, "the group");
	yes(security_is(file, "O:SYG:SYD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)"), "changes alone");
	want(host_set_security(file, DACL_SECURITY_INFORMATION, other), STATUS_SUCCESS, "the access list");
	yes(security_is(file, OTHER_TEXT), "changes alone");
	want(host_set_security(file,
			       OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
				       DACL_SECURITY_INFORMATION,
			       first),
	     STATUS_SUCCESS, "everything");
	yes(security_is(file, ROOT_TEXT), "changes together");
	shut(file);
	file = existing(c, in(c, L"f"));
	yes(security_is(file, ROOT_TEXT), "and stays");
	yes(info_of(file).attributes & FILE_ATTRIBUTE_ARCHIVE, "the archive bit is set");
	shut(file);
	LocalFree(first);
	LocalFree(other);
}

static void of_streams(struct check *c)
{
	void *other = from_text(OTHER_TEXT);
	struct host_file *stream = opened(c, in(c, L"f:s"), FILE_CREATE, 0), *file = existing(c, in(c, L"f"));

	want(host_set_security(stream,
			       OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
				       DACL_SECURITY_INFORMATION,
			       other),
	     STATUS_SUCCESS, "set through a stream");
	yes(security_is(file, OTHER_TEXT), "belongs to the file");
	yes(security_is(stream, OTHER_TEXT), "and is read through the stream");
	shut(file);
	shut(stream);
	LocalFree(other);
}

static void long_list(struct check *c)
{
	char text[8000] = "O:BAG:BAD:P";
	UINT8 *buffer = malloc(65536);
	SIZE_T size = 65536;

	for (unsigned i = 0; i < 150; i++)
		sprintf(text + strlen(text), "(A;;FR;;;S-1-5-21-1-2-3-%u)", 1000 + i);
	void *descriptor = from_text(text);
	struct host_file *file = made_file(c, in(c, L"f"));
	want(host_set_security(file, DACL_SECURITY_INFORMATION, descriptor), STATUS_SUCCESS,
	     "a list of 150 entries");
	want(host_security(file, buffer, &size), STATUS_SUCCESS, "reading it");
	yes(size > 4000, "it is long");
	shut(file);
	want(try_open(c, in(c, L"f"), FILE_OPEN, 0), STATUS_SUCCESS, "opening takes a second, larger buffer");
	LocalFree(descriptor);
	free(buffer);
}

/* Create itself, with a descriptor that is none. */
static void bad_descriptor(struct check *c)
{
	struct fsp_open_info info = {0};
	WCHAR path[64], normalized[1024];
	void *context = NULL;
	UINT8 junk[64];

	memset(junk, 0xff, sizeof junk);
	junk[0] = 1;
	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	wcscpy(path, in(c, L"f"));
	NTSTATUS status = STATUS_NOT_IMPLEMENTED;
	/* The DLL hands on what GetSecurityDescriptorLength can read: header with wild offsets. */
	SECURITY_DESCRIPTOR_RELATIVE *header = (void *)junk;
	header->Revision = 1;
	header->Sbz1 = 0;
	header->Control = SE_SELF_RELATIVE | SE_DACL_PRESENT;
	header->Owner = 20;
	header->Group = 0;
	header->Sacl = 0;
	header->Dacl = 0;
	memset(junk + 20, 0, 44);
	junk[20] = 9; /* a SID of revision 9 */
	junk[21] = 1;
	status = host_note(c->fs, SLOT(create_ex),
			   c->fs->calls.create_ex(&c->fs->api, path, FILE_CREATE << 24, 1, 0, junk, 0, NULL,
						  0, FALSE, &context, &info.info));
	if (NT_SUCCESS(status))
		c->fs->calls.close(&c->fs->api, context);
	want(status, STATUS_INVALID_SECURITY_DESCR, "a descriptor that contradicts itself");
	yes(!exists(c, in(c, L"f")), "and nothing was made");
}

/* A file that was made without a descriptor, as the DLL never makes one. */
static void none(struct check *c)
{
	struct fsp_open_info info = {0};
	WCHAR path[64], normalized[1024];
	void *context = NULL, *other = from_text(OTHER_TEXT);
	SIZE_T size = 0;

	info.normalized = normalized;
	info.normalized_bytes = sizeof normalized;
	wcscpy(path, in(c, L"f"));
	want(c->fs->calls.create_ex(&c->fs->api, path, FILE_CREATE << 24, HOST_DEFAULT_ACCESS, 0, NULL, 0,
				    NULL, 0, FALSE, &context, &info.info),
	     STATUS_SUCCESS, "a file without a descriptor");
	c->fs->calls.close(&c->fs->api, context);
	struct host_file *file = existing(c, in(c, L"f"));
	want(host_security(file, NULL, &size), STATUS_SUCCESS, "can be asked for it");
	want_number(size, 0, "and has none");
	want(host_set_security(file, OWNER_SECURITY_INFORMATION, other), STATUS_NO_SECURITY_ON_OBJECT,
	     "there is nothing to change");
	shut(file);
	LocalFree(other);
}

const struct check_case security_cases[] = {
	{"security: the root", "GetSecurity", of_the_root},
	{"security: buffers", "GetSecurity", buffers},
	{"security: given", "CreateEx GetSecurity", given},
	{"security: changes", "SetSecurity GetSecurity Cleanup", change},
	{"security: streams", "SetSecurity GetSecurity", of_streams},
	{"security: a long list", "SetSecurity GetSecurity GetSecurityByName", long_list},
	{"security: none", "CreateEx GetSecurity SetSecurity", none},
	{"security: a bad descriptor", "CreateEx", bad_descriptor},
	{0},
};
