/*
 * test_options: the command line of both programs.
 */
#include "options.h"
#include "test.h"

#define GIGA (UINT64_C(1) << 30)

static const struct cli_capabilities on_linux = {
	.honours = CLI_MOUNT_WORDS | CLI_SOURCE | CLI_UNMOUNT_BY_US | CLI_STATUS_BY_US,
	.without_effect =
		CLI_FLUSH | CLI_FILESYSTEM_NAME | CLI_ROOT_SDDL | CLI_VOLUME_PREFIX | CLI_TIMEOUT | CLI_DEBUG,
	.memory_total = 1000 * GIGA,
	.root_mode = 0755,
	.root_uid = 12,
	.root_gid = 34,
};
static const struct cli_capabilities on_linux_tmpfs = {
	.honours = CLI_MOUNT_WORDS | CLI_SOURCE | CLI_TMPFS,
	.memory_total = 1000 * GIGA,
};
static const struct cli_capabilities on_windows = {
	.honours = CLI_FLUSH | CLI_FILESYSTEM_NAME | CLI_ROOT_SDDL | CLI_VOLUME_PREFIX | CLI_TIMEOUT |
		   CLI_DEBUG | CLI_SERVICE | CLI_LAUNCHER,
	.memory_total = 1000 * GIGA,
};

static struct cli_options options;
static char message[CLI_MESSAGE_BYTES];

/* Parses words, argv[0] included; the parser must leave argv as it is. */
static bool parse(const struct cli_capabilities *can, char *argv[])
{
	char *before[64];
	int argc = 0;
	bool taken;

	memset(&options, 0xa5, sizeof options);
	memset(message, 0xa5, sizeof message);
	for (; argv[argc]; argc++)
		before[argc] = argv[argc];
	taken = cli_parse(argc, argv, can, &options, message);
	EXPECT(!memcmp(before, argv, (size_t)argc * sizeof *argv));
	return taken;
}
#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})
#define LINUX(...) parse(&on_linux, WORDS("memefs", __VA_ARGS__))
#define TMPFS(...) parse(&on_linux_tmpfs, WORDS("memefs", __VA_ARGS__))
#define WINDOWS(...) parse(&on_windows, WORDS("memefs.exe", __VA_ARGS__))
#define MOUNT(...) parse(&on_linux, WORDS("/sbin/mount.memefs", __VA_ARGS__))

/* Whether the message is exactly one line with both in it. */
static bool told(const char *option, const char *value)
{
	size_t size = strlen(message);
	bool one = size && strchr(message, '\n') == message + size - 1;

	if (one && !strncmp(message, "memefs: ", 8) && strstr(message, option) && strstr(message, value))
		return true;
	printf("# message: %s#\n", message);
	return false;
}
static bool is(const char *a, const char *b)
{
	if (a && b && !strcmp(a, b))
		return true;
	printf("# '%s' is not '%s'\n", a ? a : "NULL", b ? b : "NULL");
	return false;
}

static void defaults(void)
{
	EXPECT(LINUX("/mnt"));
	EXPECT(is(message, ""));
	EXPECT_EQ(options.action, CLI_MOUNT);
	EXPECT(is(options.target, "/mnt") && is(options.point, "/mnt"));
	EXPECT(is(options.label, "MEMEFS"));
	EXPECT(is(options.mount_words, "fsname=memefs,subtype=memefs"));
	EXPECT_EQ(options.max_bytes, 0);
	EXPECT_EQ(options.max_nodes, 0);
	EXPECT_EQ(options.unit_sectors, 1);
	EXPECT_EQ(options.root_mode, 0755);
	EXPECT_EQ(options.root_uid, 12);
	EXPECT_EQ(options.root_gid, 34);
	EXPECT(!options.case_insensitive && !options.foreground && !options.verbose && !options.read_only);
	EXPECT(!options.lock_memory);
	EXPECT(!options.flush_and_purge && !options.timeout_given && !options.source &&
	       !options.volume_prefix);
	EXPECT(!options.filesystem_name && !options.root_sddl && !options.debug_log && !options.debug_flags);
	EXPECT_EQ(options.store, CLI_STORE_AUTO);
	EXPECT_EQ(options.atime, CLI_ATIME_RELATIVE);
	EXPECT_EQ(options.action_at, 0);
}

static void locking_memory(void)
{
	struct mfs_options volume = {0};

	EXPECT(LINUX("--lock-memory", "/mnt") && options.lock_memory);
	cli_volume_options(&options, &volume);
	EXPECT(volume.lock_memory);
	EXPECT(!LINUX("--lock-memory=yes", "/mnt"));
	EXPECT(WINDOWS("--lock-memory", "-m", "R:") && options.lock_memory);
}

static void short_and_long_names(void)
{
	EXPECT(LINUX("-i", "-s", "64m", "-n", "1000", "-l", "disk", "-v", "/mnt"));
	EXPECT(options.case_insensitive && options.verbose);
	EXPECT_EQ(options.max_bytes, 64 << 20);
	EXPECT_EQ(options.max_nodes, 1000);
	EXPECT(is(options.label, "disk"));
	EXPECT(LINUX("/mnt", "--case-insensitive", "--size=64m", "--nodes", "1k", "--label=", "--foreground",
		     "--verbose", "--unit=128", "--store=sectors"));
	EXPECT(options.case_insensitive && options.verbose && options.foreground);
	EXPECT_EQ(options.max_bytes, 64 << 20);
	EXPECT_EQ(options.max_nodes, 1024);
	EXPECT_EQ(options.unit_sectors, 128);
	EXPECT_EQ(options.store, CLI_STORE_SECTORS);
	EXPECT(is(options.label, "") && is(options.target, "/mnt"));
	EXPECT(LINUX("-is64m", "--", "-odd"));
	EXPECT(options.case_insensitive && is(options.target, "-odd"));
	EXPECT_EQ(options.max_bytes, 64 << 20);
}

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1", 1},
		{"007", 7},
		{"1k", 1024},
		{"1K", 1024},
		{"3m", 3 << 20},
		{"3M", 3 << 20},
		{"2g", 2 * GIGA},
		{"2G", 2 * GIGA},
		{"5t", 5 * 1024 * GIGA},
		{"5T", 5 * 1024 * GIGA},
		{"50%", 500 * GIGA},
		{"1%", 10 * GIGA},
		{"100%", 1000 * GIGA},
		{"9223372036854775807", INT64_MAX},
		{"8388607t", UINT64_C(8388607) << 40},
	};
	static const char *const wrong[] = {"",	  "k",	 "x",  "12x", "1kk",  "1kb",  "1KiB",
					    "-1", "+1",	 " 1", "1 ",  "1.5g", "0x10", "0%",
					    "%",  "1%%", "%1", "1k%", "-5%",  "1p"};
	static const char *const big[] = {"9223372036854775808",
					  "18446744073709551616",
					  "99999999999999999999999999",
					  "8388608t",
					  "9007199254740992k",
					  "99999999999999999999999999k",
					  "101%",
					  "10000000000000000%",
					  "99999999999999999999999999%"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		EXPECT(LINUX("-s", (char *)good[i].text, "/mnt"));
		EXPECT_EQ(options.max_bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		EXPECT(!LINUX("-s", (char *)wrong[i], "/mnt"));
		EXPECT(told("-s: ", wrong[i]) && strstr(message, "is not a size"));
	}
	for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
		EXPECT(!LINUX("--size", (char *)big[i], "/mnt"));
		EXPECT(told("--size: ", big[i]) && strstr(message, "too big"));
	}
}

/* 100% of a memory that does not divide by 100, and of this machine's. */
static void percent_is_exact(void)
{
	struct cli_capabilities odd = {.memory_total = 12345678901u};

	EXPECT(parse(&odd, WORDS("memefs", "-s", "100%", "x")));
	EXPECT_EQ(options.max_bytes, 12345678901u);
	EXPECT(parse(&odd, WORDS("memefs", "-s", "33%", "x")));
	EXPECT_EQ(options.max_bytes, UINT64_C(12345678901) * 33 / 100);
	odd.memory_total = INT64_MAX;
	EXPECT(parse(&odd, WORDS("memefs", "-s", "100%", "x")));
	EXPECT_EQ(options.max_bytes, INT64_MAX);
	odd.memory_total = 0;
	EXPECT(parse(&odd, WORDS("memefs", "-s", "50%", "x")));
	EXPECT(options.max_bytes > 1 << 20);
}

static void nodes(void)
{
	EXPECT(LINUX("-n", "0", "/mnt"));
	EXPECT_EQ(options.max_nodes, 0);
	EXPECT(LINUX("-n", "2M", "/mnt"));
	EXPECT_EQ(options.max_nodes, 2 << 20);
	EXPECT(!LINUX("-n", "many", "/mnt"));
	EXPECT(told("-n: ", "'many'"));
	EXPECT(!LINUX("-n", "10%", "/mnt"));
	EXPECT(told("-n: ", "'10%'"));
	EXPECT(!LINUX("--nodes=9223372036854775808", "/mnt"));
	EXPECT(told("--nodes: ", "too big"));
}

static void units(void)
{
	static const char *const wrong[] = {"0", "3", "129", "256", "", "k", "-1", "4294967297"};
	char text[8];

	for (unsigned unit = 1; unit <= 128; unit *= 2) {
		snprintf(text, sizeof text, "%u", unit);
		EXPECT(WINDOWS("--unit", text, "-m", "X:"));
		EXPECT_EQ(options.unit_sectors, unit);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		EXPECT(!WINDOWS("--unit", (char *)wrong[i], "-m", "X:"));
		EXPECT(told("--unit: ", wrong[i]));
	}
}

static void labels(void)
{
	/* 32 units in 32, 96 and (as pairs of surrogates) 64 bytes */
	char plain[40], wide[120] = "", pairs[100] = "";

	memset(plain, 'x', 32);
	plain[32] = 0;
	EXPECT(LINUX("-l", plain, "/mnt") && is(options.label, plain));
	strcat(plain, "x");
	EXPECT(!LINUX("-l", plain, "/mnt"));
	EXPECT(told("-l: ", plain) && strstr(message, "32 UTF-16 units"));
	for (int i = 0; i < 32; i++)
		strcat(wide, "\xe2\x82\xac");
	EXPECT(LINUX("-l", wide, "/mnt") && is(options.label, wide));
	strcat(wide, "\xe2\x82\xac");
	EXPECT(!LINUX("--label", wide, "/mnt"));
	EXPECT(told("--label: ", wide));
	for (int i = 0; i < 16; i++)
		strcat(pairs, "\xf0\x9f\x98\x80");
	EXPECT(LINUX("-l", pairs, "/mnt") && is(options.label, pairs));
	strcat(pairs, "x");
	EXPECT(!LINUX("-l", pairs, "/mnt"));
	EXPECT(told("-l: ", pairs));
	EXPECT(!LINUX("-l", "\xff\xfe", "/mnt"));
	EXPECT(told("-l: ", "UTF-8"));
}

static void mount_points(void)
{
	EXPECT(LINUX("-m", "/mnt"));
	EXPECT(is(options.target, "/mnt") && !options.source);
	EXPECT(LINUX("server:/x", "/mnt"));
	EXPECT(is(options.source, "server:/x") && is(options.target, "/mnt"));
	EXPECT(is(options.mount_words, "fsname=server:/x,subtype=memefs"));
	EXPECT(LINUX("a,b\\c", "/mnt"));
	EXPECT(is(options.mount_words, "fsname=a\\,b\\\\c,subtype=memefs"));
	EXPECT(!LINUX("-i"));
	EXPECT(told("no mount point", ""));
	EXPECT(!parse(&on_linux, WORDS("memefs")));
	EXPECT(told("no mount point", ""));
	EXPECT(!LINUX("a", "b", "c"));
	EXPECT(told("'c'", "'b'"));
	EXPECT(!LINUX("-m", "a", "b"));
	EXPECT(told("'a'", "'b'"));
	EXPECT(!LINUX(""));
	EXPECT(told("mount point is empty", ""));
	EXPECT(!LINUX("-u", "\\a\\b"));
	EXPECT(told("no mount point", ""));
	EXPECT(WINDOWS("R:") && is(options.point, "R:"));
	EXPECT(!WINDOWS("R:", "S:"));
	EXPECT(told("'S:'", "'R:'"));
	EXPECT(!WINDOWS("-i"));
	EXPECT(told("-m", "-u"));
	EXPECT(!WINDOWS("-u", "", "-m", ""));
	EXPECT(told("-m", "-u"));
}

static void windows_options(void)
{
	EXPECT(WINDOWS("-i", "-f", "-F", "NTFS", "-u", "", "-m", "\\\\.\\R:", "-s", "1g", "-S", "O:BAG:BA",
		       "-t", "-1", "-d", "0xffff", "-D", "-"));
	EXPECT(is(message, ""));
	EXPECT(options.case_insensitive && options.flush_and_purge);
	EXPECT(is(options.filesystem_name, "NTFS") && is(options.point, "\\\\.\\R:") &&
	       !options.volume_prefix);
	EXPECT(is(options.root_sddl, "O:BAG:BA") && is(options.debug_log, "-"));
	EXPECT(options.timeout_given);
	EXPECT_EQ(options.timeout, UINT32_MAX);
	EXPECT_EQ(options.debug_flags, 0xffff);
	EXPECT(WINDOWS("-u", "\\memefs\\share", "-t", "0", "-d", "-1"));
	EXPECT(!options.point && is(options.volume_prefix, "\\memefs\\share"));
	EXPECT(options.timeout_given && options.timeout == 0);
	EXPECT_EQ(options.debug_flags, UINT32_MAX);
	EXPECT(WINDOWS("-u\\memefs\\share", "-m*"));
	EXPECT(is(options.point, "*") && is(options.volume_prefix, "\\memefs\\share"));
	EXPECT(is(options.mount_words, ""));
	EXPECT(WINDOWS("-D", "log", "-m", "*"));
	EXPECT(told("-D", "without -d"));
}

static void windows_wrong_values(void)
{
	static const char *const prefixes[] = {"memefs",   "\\memefs",	    "\\\\memefs\\share", "\\memefs\\",
					       "\\a\\b\\", "/memefs/share", "\\a/b\\c",		 "%1"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		EXPECT(!WINDOWS("-u", (char *)prefixes[i], "-m", "X:"));
		EXPECT(told("-u: ", prefixes[i]));
	}
	EXPECT(WINDOWS("-F", "fifteen-letters", "-m", "X:"));
	EXPECT(!WINDOWS("-F", "sixteen--letters", "-m", "X:"));
	EXPECT(told("-F: ", "sixteen--letters"));
	EXPECT(!WINDOWS("-F", "", "-m", "X:"));
	EXPECT(told("-F: ", "empty"));
	EXPECT(!WINDOWS("-S", "", "-m", "X:"));
	EXPECT(told("-S: ", "empty"));
	EXPECT(!WINDOWS("-D", "", "-m", "X:"));
	EXPECT(told("-D: ", "empty"));
	EXPECT(!WINDOWS("-t", "soon", "-m", "X:"));
	EXPECT(told("-t: ", "'soon'"));
	EXPECT(!WINDOWS("-t", "4294967296", "-m", "X:"));
	EXPECT(told("-t: ", "too big"));
	EXPECT(!WINDOWS("-d", "0x", "-m", "X:"));
	EXPECT(told("-d: ", "'0x'"));
	EXPECT(!WINDOWS("-d", "-2", "-m", "X:"));
	EXPECT(told("-d: ", "'-2'"));
	EXPECT(!WINDOWS("--store=tmpfs", "-m", "X:"));
	EXPECT(told("--store: ", "'tmpfs'"));
	EXPECT(!WINDOWS("--store=disk", "-m", "X:"));
	EXPECT(told("--store: ", "'disk'"));
}

static void services(void)
{
	EXPECT(WINDOWS("-i", "--install-service", "mem", "-m", "R:"));
	EXPECT_EQ(options.action, CLI_INSTALL_SERVICE);
	EXPECT(is(options.target, "mem") && is(options.point, "R:"));
	EXPECT_EQ(options.action_at, 2);
	EXPECT_EQ(options.action_words, 2);
	EXPECT(WINDOWS("-m", "R:", "-i", "--install-service=mem"));
	EXPECT_EQ(options.action_at, 4);
	EXPECT_EQ(options.action_words, 1);
	EXPECT(!WINDOWS("--install-service", "mem"));
	EXPECT(told("no mount point", ""));
	EXPECT(!WINDOWS("--install-service", "a\\b", "-m", "R:"));
	EXPECT(told("--install-service: ", "'a\\b'"));
	EXPECT(!WINDOWS("--install-service", "", "-m", "R:"));
	EXPECT(told("--install-service: ", "''"));
	EXPECT(!WINDOWS("--install-service", "a", "--install-service", "b", "-m", "R:"));
	EXPECT(told("--install-service", "twice"));
	EXPECT(WINDOWS("--remove-service", "mem") && is(options.target, "mem"));
	EXPECT_EQ(options.action, CLI_REMOVE_SERVICE);
	EXPECT(!WINDOWS("--remove-service", "mem", "-i"));
	EXPECT(told("--remove-service", "-i"));
	EXPECT(!WINDOWS("--remove-service", "mem", "more"));
	EXPECT(told("--remove-service", "'more'"));
	EXPECT(!WINDOWS("--remove-service", "mem", "--install-service", "mem"));
	EXPECT(told("--remove-service", "--install-service"));
	EXPECT(WINDOWS("--register-launcher", "mem", "-i", "-F", "NTFS"));
	EXPECT_EQ(options.action, CLI_REGISTER_LAUNCHER);
	EXPECT(is(options.target, "mem") && !options.point);
	EXPECT(WINDOWS("--register-launcher", "mem", "-u", "%1", "-m", "%2"));
	EXPECT(is(options.volume_prefix, "%1") && is(options.point, "%2"));
	EXPECT(WINDOWS("--unregister-launcher", "mem"));
	EXPECT_EQ(options.action, CLI_UNREGISTER_LAUNCHER);
	EXPECT(!LINUX("--install-service", "mem"));
	EXPECT(told("--install-service: ", "not available on this system"));
}

static void linux_words(void)
{
	EXPECT(LINUX("/mnt", "-o",
		     "size=10%,nr_inodes=2k,mode=1777,uid=1,gid=2,label=a\\,b,unit=8,store=sectors", "-o",
		     "nonempty,noxattr,case_insensitive,lock_memory,default_permissions"));
	EXPECT_EQ(options.max_bytes, 100 * GIGA);
	EXPECT_EQ(options.max_nodes, 2048);
	EXPECT_EQ(options.root_mode, 01777);
	EXPECT_EQ(options.root_uid, 1);
	EXPECT_EQ(options.root_gid, 2);
	EXPECT_EQ(options.unit_sectors, 8);
	EXPECT_EQ(options.store, CLI_STORE_SECTORS);
	EXPECT(is(options.label, "a,b"));
	EXPECT(options.lock_memory && options.nonempty && options.noxattr && options.case_insensitive &&
	       options.default_permissions);
	EXPECT(!options.rings);
	EXPECT(is(options.mount_words, "fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "io_uring") && options.rings);
	EXPECT(is(options.mount_words, "fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "rw,user_id=0,group_id=0,remount,size=2g,nodiratime") && options.remount);
	EXPECT(options.bytes_given && !options.nodes_given && options.max_bytes == 2 * GIGA);
	EXPECT(options.no_dir_atime &&
	       is(options.mount_words + options.own_words, "rw,fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "nodiratime,diratime,lazytime") && !options.no_dir_atime &&
	       !options.remount);
	EXPECT(!LINUX("/mnt", "-o", "user_id=0") && told("-o user_id", "remount only"));
	EXPECT(!LINUX("/mnt", "-o", "io_uring=1") && told("-o io_uring", "takes no value"));
	EXPECT(LINUX("/mnt",
		     "-oro,allow_other,,noexec,nosuid,nodev,fsname=a\\,b,auto_unmount,max_read=4096"));
	EXPECT(options.read_only && options.allow_other && options.auto_unmount && !options.allow_root);
	EXPECT(is(options.mount_words,
		  "ro,allow_other,noexec,nosuid,nodev,fsname=a\\,b,auto_unmount,max_read=4096,"
		  "subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "ro,rw,noatime,subtype=x") && !options.read_only);
	EXPECT(is(options.mount_words, "ro,rw,noatime,subtype=x,fsname=memefs"));
	EXPECT_EQ(options.atime, CLI_ATIME_NEVER);
	EXPECT_EQ(options.streams, CLI_STREAMS_XATTR);
	EXPECT(LINUX("/mnt", "-o", "streams=colon"));
	EXPECT_EQ(options.streams, CLI_STREAMS_COLON);
	EXPECT(is(options.mount_words, "fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "streams=colon,streams=xattr"));
	EXPECT_EQ(options.streams, CLI_STREAMS_XATTR);
	EXPECT(!LINUX("/mnt", "-o", "streams=windows"));
	EXPECT(told("-o streams: ", "'windows' is not xattr or colon"));
	EXPECT(!LINUX("/mnt", "-o", "streams"));
	EXPECT(told("-o streams: ", "streams=VALUE"));
	EXPECT(LINUX("/mnt", "-o", "noatime,strictatime"));
	EXPECT_EQ(options.atime, CLI_ATIME_STRICT);
	EXPECT(is(options.mount_words, "noatime,fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "context=\"a:b,c\",allow_root") && options.allow_root);
	EXPECT(is(options.mount_words, "context=\"a:b,c\",fsname=memefs,subtype=memefs"));
	EXPECT(LINUX("/mnt", "-o", "") && is(message, ""));
	EXPECT_EQ(options.streams, CLI_STREAMS_XATTR);
	EXPECT(LINUX("/mnt", "-o", "streams=colon"));
	EXPECT_EQ(options.streams, CLI_STREAMS_COLON);
}

static void linux_words_of_fstab(void)
{
	EXPECT(LINUX("/mnt", "-o",
		     "defaults,noauto,user,user=me,nofail,_netdev,x-systemd.requires=a,comment=b,X-c"));
	EXPECT(is(options.mount_words, "fsname=memefs,subtype=memefs"));
}

static void linux_wrong_words(void)
{
	static const char *const wrong[][3] = {
		{"nosuch", "-o", "'nosuch'"},
		{"ro,nosuch=3", "-o", "'nosuch=3'"},
		{"sizes=3", "-o", "'sizes=3'"},
		{"size", "-o size", "missing"},
		{"size=", "-o size", "''"},
		{"size=x", "-o size", "'x'"},
		{"ro=1", "-o ro", "'1'"},
		{"mode=8", "-o mode", "'8'"},
		{"mode=10000", "-o mode", "'10000'"},
		{"uid=me", "-o uid", "'me'"},
		{"gid=4294967295", "-o gid", "'4294967295'"},
		{"uid=-1", "-o uid", "'-1'"},
		{"max_read=x", "-o max_read", "'x'"},
		{"unit=5", "-o unit", "'5'"},
		{"store=x", "-o store", "'x'"},
		{"fsname=", "-o fsname", "empty"},
		{"allow_other,allow_root", "allow_other", "allow_root"},
		{"huge=always", "-o huge", "'always'"},
		{"huge=now", "-o huge", "'now'"},
		{"streams=", "-o streams", "''"},
	};
	char longest[CLI_WORDS_BYTES * 2];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		EXPECT(!LINUX("/mnt", "-o", (char *)wrong[i][0]));
		EXPECT(told(wrong[i][1], wrong[i][2]));
	}
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "fsname=", 7);
	for (size_t size = CLI_WORDS_BYTES - 40; size < CLI_WORDS_BYTES + 40; size++) {
		longest[size] = 0;
		if (!LINUX("/mnt", "-o", longest))
			EXPECT(told("-o", "longer than"));
		longest[size] = 'x';
	}
	longest[sizeof longest - 1] = 0;
	EXPECT(!LINUX("/mnt", "-o", longest));
	EXPECT(told("-o", "longer than"));
	EXPECT(!LINUX(longest, "/mnt"));
	EXPECT(told("-o", "longer than"));
	EXPECT(!LINUX("/mnt", "-s", longest));
	EXPECT(told("-s", "xxx"));
}

static void tmpfs_store(void)
{
	EXPECT(TMPFS("/mnt", "--store=tmpfs", "-o", "huge=within_size"));
	EXPECT_EQ(options.store, CLI_STORE_TMPFS);
	EXPECT_EQ(options.huge, CLI_HUGE_WITHIN_SIZE);
	EXPECT(TMPFS("/mnt", "-o", "huge=always,store=auto"));
	EXPECT_EQ(options.huge, CLI_HUGE_ALWAYS);
	EXPECT(!TMPFS("/mnt", "-o", "huge=always,store=sectors"));
	EXPECT(told("huge", "sectors"));
}

static void without_effect_is_told(void)
{
	char *const lines[] = {"-F ", "-S ", "-u ", "-t ", "-d ", "-D ", "-f "};

	EXPECT(LINUX("-F", "NTFS", "-S", "D:", "-u", "", "-t", "100", "-d", "-1", "-D", "x", "-f", "-f",
		     "/mnt"));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		EXPECT(strstr(message, lines[i]));
	EXPECT(strstr(message, "memefs: -F has no effect on this system\n") == message);
	EXPECT(strchr(message, '\n') &&
	       strlen(message) == 7 * strlen("memefs: -F has no effect on this system\n"));
	EXPECT(!LINUX("-t", "x", "/mnt"));
	EXPECT(told("-t: ", "'x'"));
	EXPECT(!WINDOWS("-o", "ro", "-m", "X:"));
	EXPECT(told("-o: ", "not available"));
}

static void other_actions(void)
{
	EXPECT(LINUX("--unmount", "/mnt") && is(options.target, "/mnt") && !options.point);
	EXPECT_EQ(options.action, CLI_UNMOUNT);
	EXPECT(LINUX("--verbose", "--unmount=/mnt") && options.verbose);
	EXPECT(LINUX("--status", "/mnt") && is(options.target, "/mnt"));
	EXPECT_EQ(options.action, CLI_STATUS);
	EXPECT(LINUX("--stats", "/mnt") && is(options.target, "/mnt"));
	EXPECT_EQ(options.action, CLI_STATS);
	EXPECT(!LINUX("--unmount", "/mnt", "-s", "1g"));
	EXPECT(told("--unmount", "-s"));
	EXPECT(!LINUX("--unmount", "/mnt", "--size=1g"));
	EXPECT(told("--unmount", "--size"));
	EXPECT(!LINUX("--unmount", "/mnt", "/other"));
	EXPECT(told("--unmount", "'/other'"));
	EXPECT(!LINUX("--unmount", "/a", "--status", "/a"));
	EXPECT(told("--unmount", "--status"));
	EXPECT(!LINUX("--unmount", ""));
	EXPECT(told("--unmount: ", "empty"));
	EXPECT(!LINUX("--unmount"));
	EXPECT(told("--unmount: ", "missing"));
	EXPECT(!WINDOWS("--unmount", "R:"));
	EXPECT(told("--unmount: ", "not available"));
	EXPECT(LINUX("--help", "-s", "wrong"));
	EXPECT_EQ(options.action, CLI_HELP);
	EXPECT(LINUX("-V"));
	EXPECT_EQ(options.action, CLI_VERSION);
}

static void unknown_options(void)
{
	EXPECT(!LINUX("-q", "/mnt"));
	EXPECT(told("'-q'", "unknown option"));
	EXPECT(!LINUX("-iq", "/mnt"));
	EXPECT(told("'-q'", "unknown option"));
	EXPECT(!LINUX("/mnt", "--nosuch", "x"));
	EXPECT(told("'--nosuch'", "unknown option"));
	EXPECT(!LINUX("/mnt", "--nosuch=5", "x"));
	EXPECT(told("'--nosuch=5'", "unknown option"));
	EXPECT(!LINUX("/mnt", "-s"));
	EXPECT(told("-s: ", "missing"));
	EXPECT(!LINUX("/mnt", "--size"));
	EXPECT(told("--size: ", "missing"));
	EXPECT(!LINUX("/mnt", "--foreground=yes"));
	EXPECT(told("--foreground: ", "no value"));
	EXPECT(!LINUX("/mnt", "-s", "two\nlines\x1b[1m"));
	EXPECT(told("-s: ", "two?lines?[1m"));
}

static void called_by_mount(void)
{
	EXPECT(MOUNT("none", "/mnt", "-v", "-n", "-o", "rw,size=1g,nosuid", "-t", "memefs"));
	EXPECT_EQ(options.action, CLI_MOUNT);
	EXPECT(options.verbose && is(options.source, "none") && is(options.target, "/mnt"));
	EXPECT_EQ(options.max_bytes, GIGA);
	EXPECT(is(options.mount_words, "rw,nosuid,fsname=none,subtype=memefs"));
	EXPECT(MOUNT("none", "/mnt", "-f", "-r"));
	EXPECT_EQ(options.action, CLI_NOTHING);
	EXPECT(options.read_only);
	EXPECT(!MOUNT("none", "/mnt", "-o", "nosuch"));
	EXPECT(told("-o", "'nosuch'"));
	EXPECT(MOUNT("none", "/mnt", "-s", "-o", "nosuch,size=1g"));
	EXPECT(told("-o", "'nosuch'") && options.max_bytes == GIGA);
	EXPECT(!MOUNT("none", "/mnt", "-Z"));
	EXPECT(told("'-Z'", "unknown option"));
	EXPECT(!MOUNT("none", "/mnt", "-o"));
	EXPECT(told("-o", "missing"));
	EXPECT(!MOUNT("-n", "-v"));
	EXPECT(told("no mount point", ""));
	EXPECT(parse(&on_windows, WORDS("mount.memefs", "-s", "1g", "-m", "X:")));
	EXPECT_EQ(options.max_bytes, GIGA);
}

/* Root's mounts take device nodes and set-user-id programs unless told otherwise. */
static void mounted_by_root(void)
{
	struct cli_capabilities by_root = on_linux;

	by_root.root_uid = 0;
	EXPECT(parse(&by_root, WORDS("memefs", "/mnt", "-o", "nosuid,uid=5")));
	EXPECT(is(options.mount_words, "dev,suid,nosuid,fsname=memefs,subtype=memefs"));
	EXPECT(parse(&by_root, WORDS("/sbin/mount.fuse.memefs", "none", "/mnt", "-n")));
	EXPECT(parse(&by_root, WORDS("mount.memefs", "none", "/mnt")));
	EXPECT(is(options.mount_words, "dev,suid,fsname=none,subtype=memefs"));
	EXPECT(parse(&on_windows, WORDS("memefs", "-m", "X:")) && is(options.mount_words, ""));
}

static void later_wins(void)
{
	EXPECT(LINUX("-s", "1g", "-o", "size=2g", "/mnt"));
	EXPECT_EQ(options.max_bytes, 2 * GIGA);
	EXPECT(LINUX("-o", "size=2g", "-s", "1g", "/mnt"));
	EXPECT_EQ(options.max_bytes, GIGA);
}

static void volume_options(void)
{
	struct mfs_options volume = {.serial = 7, .order = MFS_BY_NAME, .size_is_promise = true};

	EXPECT(LINUX("-i", "-s", "1m", "-n", "9", "--unit=4", "-l", "x", "-o", "ro,mode=700,uid=5,gid=6",
		     "/mnt"));
	cli_volume_options(&options, &volume);
	EXPECT(volume.case_insensitive && volume.read_only && volume.size_is_promise);
	EXPECT_EQ(volume.max_bytes, 1 << 20);
	EXPECT_EQ(volume.max_nodes, 9);
	EXPECT_EQ(volume.unit, 2048);
	EXPECT_EQ(volume.label_size, 1);
	EXPECT(is(volume.label, "x"));
	EXPECT_EQ(volume.root_mode, 0700);
	EXPECT_EQ(volume.root_uid, 5);
	EXPECT_EQ(volume.root_gid, 6);
	EXPECT_EQ(volume.serial, 7);
	EXPECT_EQ(volume.order, MFS_BY_NAME);
}

/* What --help or --version writes, as one string. */
static const char *printed(const struct cli_capabilities *can, const struct cli_program *program)
{
	static char text[8192];
	FILE *file = tmpfile();
	size_t size;

	REQUIRE(file);
	if (can)
		cli_help(file, can, program);
	else
		cli_version(file, program);
	rewind(file);
	size = fread(text, 1, sizeof text - 1, file);
	text[size] = 0;
	fclose(file);
	return text;
}

static void texts(void)
{
	const struct cli_program plain = {.version = "1.2.3", .system = "here"};
	const struct cli_program noted = {.version = "1.2.3", .system = "here", .notice = "A notice\n"};
	const char *const both[] = {"-i, --case-insensitive", "-s, --size=", "--unit=", "-h, --help",
				    "1.2.3"};
	const char *text;

	for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
		EXPECT(strstr(printed(&on_linux, &plain), both[i]));
		EXPECT(strstr(printed(&on_windows, &plain), both[i]));
	}
	text = printed(&on_linux, &plain);
	EXPECT(strstr(text, "--unmount MOUNTPOINT") && strstr(text, "nr_inodes") &&
	       strstr(text, "no effect"));
	EXPECT(!strstr(text, "--install-service") && !strstr(text, "A notice"));
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		EXPECT(strcspn(line, "\n") < 84);
	text = printed(&on_windows, &noted);
	EXPECT(strstr(text, "--install-service") && strstr(text, "A notice\n") && !strstr(text, "no effect"));
	EXPECT(!strstr(text, "nr_inodes"));
	text = printed(NULL, &noted);
	EXPECT(strstr(text, "memefs 1.2.3 (here)\n") == text && strstr(text, "A notice\n") &&
	       strstr(text, "MIT"));
}

int main(void)
{
	RUN(defaults);
	RUN(short_and_long_names);
	RUN(locking_memory);
	RUN(sizes);
	RUN(percent_is_exact);
	RUN(nodes);
	RUN(units);
	RUN(labels);
	RUN(mount_points);
	RUN(windows_options);
	RUN(windows_wrong_values);
	RUN(services);
	RUN(linux_words);
	RUN(linux_words_of_fstab);
	RUN(linux_wrong_words);
	RUN(tmpfs_store);
	RUN(without_effect_is_told);
	RUN(other_actions);
	RUN(unknown_options);
	RUN(called_by_mount);
	RUN(mounted_by_root);
	RUN(later_wins);
	RUN(volume_options);
	RUN(texts);
	return tests_end();
}
