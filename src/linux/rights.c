/*
 * rights: capabilities, no_new_privs and a seccomp filter. Whoever takes over a daemon that reads hostile
 * requests shall find little to work with: no other program can be started, no socket opened, no process
 * traced.
 */
#include "rights.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#if defined(__x86_64__)
#	define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#	define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#	define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifdef ARCHITECTURE

static const int calls[] = {
	/* requests and their answers */
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_readv,
	SYS_ppoll,
	SYS_ioctl,
	SYS_splice,
	SYS_vmsplice,
	SYS_pipe2,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_eventfd2,
	SYS_mbind,
	SYS_set_mempolicy,
	/* backing files and the tmpfs */
	SYS_openat,
	SYS_close,
	SYS_close_range,
	SYS_fcntl,
	SYS_dup,
	SYS_dup3,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_statfs,
	SYS_ftruncate,
	SYS_truncate,
	SYS_fallocate,
	SYS_pread64,
	SYS_pwrite64,
	SYS_lseek,
	SYS_unlinkat,
	SYS_utimensat,
	SYS_fsconfig,
	SYS_fspick,
	SYS_copy_file_range,
	SYS_getdents64,
	/* the end of the mount */
	SYS_umount2,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlinkat,
	SYS_getcwd,
	SYS_chdir,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_fsync,
	/* memory */
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_mlock,
	SYS_mlock2,
	SYS_munlock,
	SYS_munlockall,
	SYS_membarrier,
	SYS_get_mempolicy,
	SYS_msync,
	/* threads, signals, time */
	SYS_clone,
	SYS_clone3,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_rseq,
	SYS_futex,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sched_setaffinity,
	SYS_sched_getparam,
	SYS_sched_getscheduler,
	SYS_gettid,
	SYS_getpid,
	SYS_getppid,
	SYS_tgkill,
	SYS_tkill,
	SYS_wait4,
	SYS_waitid,
	SYS_exit,
	SYS_exit_group,
	SYS_restart_syscall,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigtimedwait,
	SYS_rt_sigsuspend,
	SYS_rt_sigpending,
	SYS_sigaltstack,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_prctl,
	SYS_set_tid_address,
	/* who asks, and what the machine has */
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getgroups,
	SYS_getresuid,
	SYS_getresgid,
	SYS_capget,
	SYS_process_vm_readv,
	SYS_sysinfo,
	SYS_uname,
	SYS_getrandom,
	SYS_prlimit64,
	SYS_getrlimit,
	SYS_getrusage,
	SYS_getcpu,
	SYS_times,
#	ifdef SYS_open
	/* older architectures */
	SYS_poll,
	SYS_open,
	SYS_dup2,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_time,
#	endif
#	ifdef SYS_arch_prctl
	SYS_arch_prctl,
#	endif
};

#	define COUNT (sizeof calls / sizeof *calls)
_Static_assert(COUNT < 255, "a jump goes no farther");

/* What is not listed is not there (ENOSYS), as on an older kernel: a library that tries something new goes
 * another way, and nobody's data dies with the program. Nothing is allocated, so that nothing can fail
 * half-way. */
static bool keep_calls(void)
{
	struct sock_filter code[COUNT + 5];
	const struct sock_fprog program = {.len = COUNT + 5, .filter = code};
	struct sock_filter *at = code;

	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, COUNT + 1);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT; i++)
		*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
						     (uint8_t)(COUNT - i), 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	/* A kernel may have been built without. */
	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) || errno == EINVAL;
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
