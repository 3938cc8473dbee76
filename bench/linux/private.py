"""A place of its own: mounts and processes that nobody else sees, and that are gone with the driver.

The driver's work runs as the first process of a new process namespace with mounts of its own. When it
ends, in whatever way, the kernel ends every process below it and takes all mounts down; so there is
nothing to clean up that could be forgotten, even by SIGKILL.
"""
import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import sys
import tempfile

CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000
MS_REMOUNT, MS_REC, MS_PRIVATE = 32, 16384, 1 << 18
MS_RELATIME, ST_RELATIME = 1 << 21, 4096
ST_SAME = 1 | 2 | 4 | 8 | 1024 | 2048  # ro nosuid nodev noexec noatime nodiratime: the same bits for mount(2)
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def inside(work):
    """Calls work(directory) in such a place, on an empty tmpfs. Returns what to exit with."""
    directory = tempfile.mkdtemp(prefix="memefs-bench-")
    os.chmod(directory, 0o755)
    child = None

    def hand_on(*_):
        if child:
            os.kill(child, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    try:
        must(libc.unshare(CLONE_NEWPID), "a process namespace")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            first_process(directory, work)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 130
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def first_process(directory, work):
    """The child's whole life."""
    status = 1
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)  # the first process of a namespace is not killed by these
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        must(libc.unshare(CLONE_NEWNS), "a mount namespace")
        must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
        must(libc.mount(b"proc", b"/proc", b"proc", 0, None), "/proc")
        must(libc.mount(b"tmpfs", directory.encode(), b"tmpfs", 0, b"mode=755,size=75%"), directory)
        open_fuse(directory)
        status = work(directory)
    except BaseException as error:  # noqa: BLE001 - the namespace must end, whatever it was
        sys.excepthook(*sys.exc_info())
        status = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def open_fuse(directory):
    """/dev/fuse as udev makes it: for every user. Here only, whatever it is outside."""
    device = os.path.join(directory, "fuse")
    with contextlib.suppress(OSError, subprocess.CalledProcessError):  # then that user's mount is refused, no more
        os.mknod(device, 0o666 | stat.S_IFCHR, os.stat("/dev/fuse").st_rdev)
        os.chmod(device, 0o666)
        subprocess.run(["mount", "--bind", device, "/dev/fuse"], check=True)


def forget(path):
    """Makes the kernel drop the names, attributes and cached data of one mounted file system, as far as
    nothing holds them: what a remount does first. tmpfs, which keeps its names there, loses nothing."""
    flags = os.statvfs(path).f_flag
    flags = flags & ST_SAME | (MS_RELATIME if flags & ST_RELATIME else 0)
    must(libc.mount(None, os.fsencode(path), None, MS_REMOUNT | flags, None), f"remounting {path}")
