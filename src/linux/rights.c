/*
 * rights: capabilities, no_new_privs and a seccomp filter. Whoever takes over a daemon that reads hostile
 * requests shall find little to work with: no other program can be started, no socket opened, no process
 * traced.
 */
#include "rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#	include <seccomp.h>
#endif

#include "log.h"

#define BIT(capability) (UINT64_C(1) << (capability))

/* ---- capabilities -------------------------------------------------------------------------------- */

static uint64_t needed(const struct cli_options *options)
{
	/* To register backing files, resize the tmpfs and unmount; to get to the mount point then; and to
	 * look at a caller's /proc where others are kept out of it. */
	uint64_t all = BIT(CAP_SYS_ADMIN) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYS_PTRACE);

	return options->lock_memory ? all | BIT(CAP_IPC_LOCK) : all;
}

static bool keep_only(uint64_t needed)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return false;
	for (int half = 0; half < 2; half++) {
		data[half].permitted &= (uint32_t)(needed >> 32 * half);
		data[half].effective = data[half].permitted;
		data[half].inheritable = 0;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return !syscall(SYS_capset, &head, data);
}

/* ---- system calls ---------------------------------------------------------------------------------- */

#ifdef HAVE_SECCOMP

#	define CALL(name) SCMP_SYS(name)

/* Numbers of calls that an architecture has not are negative, and mean nothing there. */
static const int calls[] = {
	/* requests and their answers */
	CALL(read),
	CALL(write),
	CALL(writev),
	CALL(readv),
	CALL(poll),
	CALL(ppoll),
	CALL(ioctl),
	CALL(splice),
	CALL(vmsplice),
	CALL(pipe2),
	CALL(io_uring_setup),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	/* backing files and the tmpfs */
	CALL(open),
	CALL(openat),
	CALL(close),
	CALL(close_range),
	CALL(fcntl),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(stat),
	CALL(fstat),
	CALL(lstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(fstatfs),
	CALL(statfs),
	CALL(ftruncate),
	CALL(truncate),
	CALL(fallocate),
	CALL(pread64),
	CALL(pwrite64),
	CALL(lseek),
	CALL(unlinkat),
	CALL(utimensat),
	CALL(fsconfig),
	CALL(copy_file_range),
	CALL(getdents64),
	/* the end of the mount */
	CALL(umount2),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getcwd),
	CALL(chdir),
	CALL(setfsuid),
	CALL(setfsgid),
	CALL(fsync),
	/* memory */
	CALL(mmap),
	CALL(munmap),
	CALL(mprotect),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mlock),
	CALL(mlock2),
	CALL(munlock),
	CALL(munlockall),
	CALL(membarrier),
	CALL(get_mempolicy),
	CALL(msync),
	/* threads, signals, time */
	CALL(clone),
	CALL(clone3),
	CALL(set_robust_list),
	CALL(get_robust_list),
	CALL(rseq),
	CALL(futex),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(gettid),
	CALL(getpid),
	CALL(getppid),
	CALL(tgkill),
	CALL(tkill),
	CALL(wait4),
	CALL(waitid),
	CALL(exit),
	CALL(exit_group),
	CALL(restart_syscall),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigtimedwait),
	CALL(rt_sigsuspend),
	CALL(rt_sigpending),
	CALL(sigaltstack),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(prctl),
	CALL(set_tid_address),
	CALL(arch_prctl),
	/* who asks, and what the machine has */
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getgroups),
	CALL(getresuid),
	CALL(getresgid),
	CALL(capget),
	CALL(process_vm_readv),
	CALL(sysinfo),
	CALL(uname),
	CALL(getrandom),
	CALL(prlimit64),
	CALL(getrlimit),
	CALL(getrusage),
	CALL(getcpu),
	CALL(times),
};

/* What is not listed is not there (ENOSYS), as on an older kernel: a library that tries something new goes
 * another way, and nobody's data dies with the program. */
static bool keep_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < sizeof calls / sizeof *calls; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	errno = -error;
	return !error;
}

#else

static bool keep_calls(void)
{
	return true;
}

#endif

bool rights_drop(const struct cli_options *options)
{
	if (geteuid() != 0)
		return true;
	if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && keep_only(needed(options)) && keep_calls())
		return true;
	log_error("cannot give up rights: %s", strerror(errno));
	return false;
}
