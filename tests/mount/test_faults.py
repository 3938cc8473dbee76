#!/usr/bin/env python3
"""Every system call and allocation of the daemon's can fail: one after the other does, once and from then on,
while a scripted workload runs. What was acknowledged stays, what was refused changed nothing, and in the end
all can be deleted and the volume is as it was. The same while it starts: it stands, or one line says why not.

faults.c says which calls. FAULTS=all tries every one of them, else there are samples; FAULTS="malloc 17 once"
tries that one alone.
"""
import atexit
import collections
import contextlib
import errno
import mmap
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import threading
import time

import ntfs
from compared import ACCESS, DEFAULT, USER, simple
from modelled import KEEP_SIZE, PUNCH, REFUSED, Model, need_store, security_descriptor, used
from mounted import MEMEFS, Skip, Volume, children, ended, main, mounts, need, run, wait_for

SOURCE = pathlib.Path(__file__).with_name("faults.c")
WANTED = os.environ.get("FAULTS", "")
MOST = 1 << 30 if WANTED == "all" else 24  # of a class, in each way
MOST_STARTS = 1 << 30 if WANTED == "all" else 3
HANGS, BACK = 20, 3  # seconds
ONCE, ON = 1, 1 << 62
WAYS = {"once": ONCE, "on": ON}

# With what a class fails, if not ENOMEM; and what callers may see of it.
ERRORS = {
    "fallocate64": errno.ENOSPC, "ftruncate64": errno.ENOSPC, "pwrite64": errno.ENOSPC, "pread64": errno.EIO,
    "read": errno.EIO, "openat64": errno.ENFILE, "open64": errno.EMFILE, "fopen64": errno.EMFILE,
    "dup": errno.EMFILE, "fcntl64": errno.EMFILE, "pipe2": errno.EMFILE, "opendir": errno.EMFILE,
    "memfd_create": errno.EMFILE, "pthread_create": errno.EAGAIN, "fork": errno.EAGAIN, "madvise": errno.EAGAIN,
    "lseek64": errno.EIO, "process_vm_readv": errno.EPERM,
}
EXPECTED = {errno.ENOSPC, errno.ENOMEM, errno.EIO, errno.ENFILE, errno.EMFILE, errno.EAGAIN}
# Who calls is looked up in /proc; whoever cannot be looked up has no rights.
RIGHTS = {"stat64", "fopen64"}
NO_RIGHT = {errno.EPERM, errno.EACCES}

# What memefs imports and faults.c lets be: it cannot fail, or its failure is no matter of resources; or it
# belongs to the protocol with the kernel, or to `--unmount` and `--status`.
LET_BE = set("""
    __assert_fail __ctype_tolower_loc __cxa_finalize __errno_location __getdelim __gmon_start__ __isoc99_sscanf
    __libc_start_main __sched_cpucount __stack_chk_fail __tls_get_addr __xpg_basename _exit abort access asprintf
    chdir clock_gettime close close_range closedir dirname dup2 execlp explicit_bzero fclose fdopen fprintf fputc fputs free
    fstatvfs64 fwrite getegid getenv geteuid getopt_long getpid getrandom getuid memchr memcmp memcpy memmove memset nanosleep
    optarg opterr optind optopt pidfd_open printf puts readdir64 sched_yield setsid setvbuf sigaction sigaddset
    sigemptyset sigwait snprintf statvfs64 stderr stdout strchr strcmp strcspn strdup strerror strlen strncasecmp
    strncmp strpbrk strrchr strsep strstr strtol strtoull syscall sysconf tdelete tfind umount2 uname vfprintf
    malloc_usable_size munlock prctl
    vsnprintf waitpid write writev _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable
    """.split())
LET_BE_TOO = re.compile(r"fuse_|pthread_(?!create$)|__.*_chk$")


class Faults:
    """The page that the daemon shares with us."""

    HEAD = struct.Struct("<IIQQIIQQ")
    CLASS = struct.Struct("<24sQ")

    def __init__(self):
        need("cc", "nm")
        self.folder = tempfile.TemporaryDirectory(prefix="memefs-test-")
        self.library = os.path.join(self.folder.name, "faults.so")
        self.file = os.path.join(self.folder.name, "page")
        run("cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", self.library, SOURCE)
        with open(self.file, "wb") as file:
            file.truncate(8192)
        with open(self.file, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8192)
        self.environment = {**os.environ, "LD_PRELOAD": self.library, "MEMEFS_FAULTS": self.file}
        run(MEMEFS, "--version", env=self.environment)  # which writes the names
        count = self.HEAD.unpack_from(self.page)[7]
        self.names = [self.CLASS.unpack_from(self.page, self.HEAD.size + i * self.CLASS.size)[0].rstrip(b"\0").decode()
                      for i in range(count)]
        assert "malloc" in self.names and len(self.names) > 30, self.names

    def on(self, name=None, first=0, many=0, everybody=False):
        """From now on calls count; and of those of this name, `many` from number `first` fail."""
        place = self.names.index(name) if name else len(self.names)
        for i in range(len(self.names)):
            struct.pack_into("<Q", self.page, self.HEAD.size + i * self.CLASS.size + 24, 0)
        error = ERRORS.get(name, errno.ENOMEM)
        self.page[4:self.HEAD.size - 8] = self.HEAD.pack(
            0, place, first, many, error, int(everybody), 0, 0)[4:self.HEAD.size - 8]
        self.page[0:4] = struct.pack("<I", 1)

    def off(self):
        """How many failed."""
        self.page[0:4] = bytes(4)
        return self.HEAD.unpack_from(self.page)[6]

    def counted(self):
        """Calls by class, since they count."""
        calls = (self.CLASS.unpack_from(self.page, self.HEAD.size + i * self.CLASS.size)[1]
                 for i in range(len(self.names)))
        return collections.Counter(dict(zip(self.names, calls)))


_faults = []


def the_faults():
    if not _faults:
        if os.uname().machine not in ("x86_64", "aarch64"):
            raise Skip("faults.c knows 64-bit system calls only")
        _faults.append(Faults())
        atexit.register(_faults[0].folder.cleanup)
    return _faults[0]


class Faulty(Volume):
    """A volume whose daemon's calls can fail."""

    def memefs(self, *words, **more):
        if not words[0] in ("--status", "--unmount"):
            more["env"] = the_faults().environment
        return super().memefs(*words, **more)


@contextlib.contextmanager
def watched(pid, what):
    """Kills a daemon that hangs, which ends whoever waits for it."""
    hung = []

    def end():
        hung.append(True)
        os.kill(pid, 9)

    timer = threading.Timer(HANGS, end)
    timer.start()
    try:
        yield
    except (OSError, AssertionError) as error:
        if hung:
            raise AssertionError(f"{what} hangs") from error
        raise
    finally:
        timer.cancel()
        timer.join()


# ---- the workload --------------------------------------------------------------------------------------------

BYTES = random.Random(1).randbytes(1 << 20)


def workload(model):
    """Some of everything, in a directory that is empty."""
    w = model  # it is named often
    # Files.
    w.mkdir("sub")
    w.create("a", BYTES[:10000])
    w.append("a", BYTES[100:300])
    w.write("a", 50000, BYTES[:777])
    w.stat("a")
    w.truncate("a", 3000)
    w.truncate("a", 70000)
    w.read("a")
    w.create("empty")
    w.create("sub/big", BYTES)
    w.write("sub/big", 123456, BYTES[:5000])
    w.open("sub/big", os.O_WRONLY | os.O_TRUNC, lambda node, file: w.write_to(node, file, 9, BYTES[:100]))
    w.read("sub/big")
    w.create("sub/again", BYTES[:300000])
    w.unlink("sub/again")
    # Room.
    w.create("room", BYTES[:20000])
    w.fallocate("room", 0, 10000, 60000)
    w.fallocate("room", KEEP_SIZE, 50000, 100000)
    w.fallocate("room", PUNCH | KEEP_SIZE, 4096, 8192)
    w.open("room", os.O_RDONLY, seek)
    w.store_mapped("room", 14000, BYTES[:5000])
    w.copy("a", "empty", 3500, 1000, 2000)
    w.read("empty")
    w.copy("room", "a", 30000, 0, 10000)
    w.nameless("nameless", BYTES[:6000])
    w.create("gone", BYTES[:6000])
    w.unlink_open("gone", BYTES[:6000])
    # Names.
    w.link("a", "b")
    w.rename("b", "sub/b")
    w.symlink("link", "a/" * 100)
    w.symlink("short", "x")
    w.mkfifo("fifo")
    w.ask("link", os.readlink)
    w.create("victim", BYTES[:9000])
    w.create("comes", BYTES[:5000])
    w.rename("comes", "victim")
    w.exchange("victim", "sub")
    w.exchange("victim", "sub")
    w.rename("sub", "moved")
    for i in range(12):
        w.create(f"{i:0200}")
    w.list("")
    w.list("moved")
    w.mkdir("deep")
    w.mkdir("deep/er")
    w.rmdir("deep/er")
    for i in range(0, 12, 2):
        w.unlink(f"{i:0200}")
    # Attributes.
    w.setxattr("a", "user.stream", BYTES[:3000])
    w.setxattr("a", "user.stream", BYTES[5:5000])
    w.setxattr("a", "user.big", BYTES[:60000])
    w.setxattr("a", "trusted.t", BYTES[:600])
    w.setxattr("a", "security.s", b"value")
    w.setxattr("deep", "user.of a directory", b"value")
    w.getxattr("a", "user.big")
    w.ask("a", os.listxattr)
    w.removexattr("a", "user.big")
    w.removexattr("a", "security.s")
    w.setxattr("victim", ACCESS, simple(6, 4, 4, (USER, 6, 1000), mask=6))
    w.setxattr("victim", "system.ntfs_acl", security_descriptor())
    w.setxattr("victim", "system.ntfs_ea", ntfs.ea_list((b"NAME", BYTES[:500])))
    w.setxattr("victim", "system.ntfs_reparse_data", ntfs.other_tag(0x1234, bytes(16), BYTES[:700]))
    w.removexattr("victim", "system.ntfs_reparse_data")
    w.setxattr("moved", DEFAULT, simple(7, 5, 5, (USER, 7, 1000), mask=7))
    w.create("moved/inherits")
    become_a_link(w)
    for name in "a", "room", "moved":
        w.ask(name, os.chmod, 0o2755)
        w.utime(name, 5)
        w.ask(name, os.chown, 1000, 1000)
        w.ask(name, os.chown, 0, 0)
    w.truncate("room", 1)
    w.truncate("room", 100000)
    w.attempt(os.statvfs, w.path)
    # More than are kept to be used again.
    for i in range(70):
        w.create(f"gone{i}", b"data")
    for i in range(70):
        if w.has(f"gone{i}"):
            w.unlink(f"gone{i}")
    w.attempt(os.statvfs, w.path)


def seek(_, file):
    for how in os.SEEK_DATA, os.SEEK_HOLE:
        try:
            os.lseek(file, 3, how)
        except OSError as error:
            assert error.errno in EXPECTED | {errno.ENXIO}, error


def become_a_link(w):
    """A directory that is a junction for a while: a thread of its own tells the kernel."""
    w.mkdir("junction")
    if not w.has("junction"):
        return
    value = ntfs.junction("C:\\moved")
    if w.attempt(os.setxattr, w.at("junction"), "system.ntfs_reparse_data", value, 0, follow_symlinks=False) is REFUSED:
        return
    w.nodes["junction"].kind, w.nodes["junction"].target = "link", f"{os.path.dirname(w.path)}/moved"
    if w.attempt(os.removexattr, w.at("junction"), "system.ntfs_reparse_data", follow_symlinks=False) is not REFUSED:
        w.nodes["junction"].kind, w.nodes["junction"].target = "directory", None


# ---- while it serves -----------------------------------------------------------------------------------------


class Tried:
    """A mount on which one fault after the other is tried."""

    def __init__(self, store, options, work):
        self.faults, self.store, self.volume = the_faults(), store, None
        self.options, self.work = options, work
        self.failures, self.injected = [], 0

    def __enter__(self):
        return self

    def mount(self):
        self.volume = Faulty(f"--store={self.store}", "-s", "5m", *self.options)
        self.volume.__enter__()
        assert self.volume.status()["store"] == self.store
        self.start = used(self.volume.path)

    def __exit__(self, *_):
        self.faults.off()
        if self.volume:
            volume, self.volume = self.volume, None
            volume.__exit__()

    def renew(self):
        """Some memory is asked for at the first use only."""
        if self.volume:
            self.__exit__()

    def forget(self):
        """The volume is not what it should be."""
        self.faults.off()
        try:
            os.kill(self.volume.pid, 9)
        except ProcessLookupError:
            pass
        self.__exit__()

    def run(self, name=None, first=0, many=0):
        """The workload with this fault; afterwards all must be well. Gives the calls that there were."""
        if not self.volume:
            self.mount()
        path = self.volume / "work"
        os.mkdir(path)
        model = Model(path, EXPECTED | (NO_RIGHT if name in RIGHTS else set()))
        self.faults.on(name, first, many)
        try:
            self.work(model)
        finally:
            failed = self.faults.off()
            calls = self.faults.counted()
        assert name or not model.refusals, "refused without a fault"
        assert not ended(self.volume.pid), "the daemon has ended"
        model.check()
        model.remove_all()
        os.rmdir(path)
        until = time.monotonic() + BACK
        while used(self.volume.path) != self.start and time.monotonic() < until:
            time.sleep(0.005)
        assert used(self.volume.path) == self.start, f"used {used(self.volume.path)}, at the start {self.start}"
        self.injected += failed > 0
        return calls

    def attempt(self, name, first, way):
        what = f"{name} {first} {way}"
        if not self.volume:
            self.mount()
        try:
            with watched(self.volume.pid, what):
                self.run(name, first, WAYS[way])
        except (AssertionError, OSError) as error:
            self.failures.append(f"FAULTS=\"{what}\": {error}")
            self.forget()


def numbers(count, most):
    """Some of 1 ... count: the first ones, and others evenly."""
    if count <= most:
        return range(1, count + 1)
    return sorted({1, 2, 3, *(1 + round(i * (count - 1) / (most - 1)) for i in range(most))})


def chosen():
    """The fault that $FAULTS names: (name, number, way), or nothing."""
    words = WANTED.split()
    return (words[0], int(words[1]), words[2]) if len(words) == 3 else None


def serve(store, *options, work=workload):
    need_store(store)
    began = time.monotonic()
    with Tried(store, options, work) as tried:
        fresh = tried.run()
        warm = tried.run()
        calls = fresh | warm
        print("# calls: " + ", ".join(f"{name} {count}" for name, count in sorted(calls.items()) if count))
        if chosen():
            tried.attempt(*chosen())
        else:
            for name, count in sorted(calls.items()):
                for first in numbers(count, MOST):
                    for way in WAYS:
                        if len(tried.failures) < 12:
                            if warm[name] < fresh[name]:
                                tried.renew()
                            tried.attempt(name, first, way)
        assert not tried.failures, f"{len(tried.failures)} of {tried.injected}:\n" + "\n".join(tried.failures)
        print(f"# figure: {tried.injected} faults injected ({store} store, {time.monotonic() - began:.0f} s)")
    return calls


def test_everything_fails_in_the_tmpfs_store():
    calls = serve("tmpfs")
    for name in ("openat64", "fstatat64", "fstat64", "futimens", "ftruncate64", "fallocate64", "unlinkat", "ioctl",
                 "fstatfs64", "fsconfig", "malloc", "pthread_create"):
        assert calls[name], name


def test_everything_fails_in_the_sector_store():
    calls = serve("sectors")
    for name in "mmap64", "malloc", "calloc", "realloc", "pthread_create":
        assert calls[name], name


def stream_paths(w):
    """A stream as a path, twice: which the kernel knows, and which it does not."""
    w.create("a", BYTES[:5000])
    attributes = w.nodes["a"].xattrs if w.has("a") else {}
    for name in "path", "another":
        file = w.attempt(os.open, w.at(f"a:{name}"), os.O_CREAT | os.O_RDWR) if w.has("a") else REFUSED
        if file is REFUSED:
            continue
        attributes[f"user.{name}"] = b""
        try:
            done = w.attempt(os.pwrite, file, BYTES[:5000], 0)
            attributes[f"user.{name}"] = b"" if done is REFUSED else BYTES[:done]
            w.attempt(os.pread, file, 5000, 0)
        finally:
            os.close(file)
        w.getxattr("a", f"user.{name}")
        w.ask("a", lambda path, name=name: os.stat(f"{path}:{name}"))
    if "user.path" in attributes and w.attempt(os.unlink, w.at("a:path")) is not REFUSED:
        del attributes["user.path"]


def test_everything_fails_with_paths_of_streams():
    calls = serve("sectors", "-o", "streams=colon,allow_other", work=stream_paths)
    assert calls["tsearch"] and calls["calloc"], calls


# ---- while it starts -----------------------------------------------------------------------------------------


def start(store, name, first, way, point):
    """One start with a fault: it stands and works, or tells why not in one line and has left nothing."""
    faults, before = the_faults(), children()
    faults.on(name, first, WAYS[way], everybody=True)
    try:
        done = subprocess.run([MEMEFS, f"--store={store}", "-s", "64m", point], env=faults.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=HANGS, check=False)
    except subprocess.TimeoutExpired as error:
        for pid in children() - before:
            os.kill(pid, 9)
        raise AssertionError("it hangs") from error
    finally:
        failed = faults.off()
    stands = point in mounts()
    assert done.returncode in (0, 2), f"status {done.returncode}: {done.stdout}"
    if done.returncode == 2:
        wait_for("processes to end", lambda: not children() - before)
        assert not stands, "it is mounted"
        assert done.stdout.count("\n") == 1 and done.stdout.startswith("memefs: "), f"it says: {done.stdout!r}"
        return failed
    assert stands, "it is not mounted"
    assert done.stdout == "", f"it says: {done.stdout!r}"
    os.mkdir(f"{point}/work")
    model = Model(f"{point}/work", set())
    workload(model)
    model.check()
    model.remove_all()
    run(MEMEFS, "--unmount", point)
    wait_for("the daemon to end", lambda: not children() - before)
    return failed


def starts(store):
    need_store(store)
    faults, failures, injected = the_faults(), [], 0
    point = tempfile.mkdtemp(prefix="memefs-test-")
    try:
        assert start(store, None, 0, "once", point) == 0
        faults.on(everybody=True)
        run(MEMEFS, f"--store={store}", "-s", "64m", point, env=faults.environment)
        faults.off()
        calls = faults.counted()
        run(MEMEFS, "--unmount", point)
        print("# calls: " + ", ".join(f"{name} {count}" for name, count in sorted(calls.items()) if count))
        tries = [chosen()] if chosen() else [
            (name, first, way) for name, count in sorted(calls.items()) for first in numbers(count, MOST_STARTS)
            for way in WAYS]
        for name, first, way in tries:
            try:
                injected += start(store, name, first, way, point) > 0
            except (AssertionError, OSError) as error:
                failures.append(f"FAULTS=\"{name} {first} {way}\": {error}")
                clear(point)
        assert not failures, f"{len(failures)} of {injected}:\n" + "\n".join(failures)
        print(f"# figure: {injected} faults injected while it starts ({store} store)")
    finally:
        clear(point)
        os.rmdir(point)


def clear(point):
    while point in mounts():
        run("umount", "-l", point)


def test_everything_fails_while_it_starts_with_the_tmpfs_store():
    starts("tmpfs")


def test_everything_fails_while_it_starts_with_the_sector_store():
    starts("sectors")


# ---- what can fail -------------------------------------------------------------------------------------------


def test_no_call_is_left_out():
    """What memefs asks of the C library is either made to fail here, or is let be for a reason."""
    faults = the_faults()
    if "__gcov_" in run("nm", MEMEFS).stdout:
        raise Skip("gcc's counters ask for more")
    lines = run("nm", "-D", "--undefined-only", MEMEFS).stdout.splitlines()
    imported = {line.split()[-1].split("@")[0] for line in lines}
    unknown = {name for name in imported - set(faults.names) - LET_BE if not LET_BE_TOO.match(name)}
    assert "malloc" in imported and not unknown, unknown


if __name__ == "__main__":
    main(globals())
