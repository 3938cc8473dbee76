"""What the mount tests share: a mounted volume, and TAP.

The program under test is named by $MEMEFS (else build/release's), the store of its volumes by
$MEMEFS_TEST_STORE (else the program's own choice), more -o words by $MEMEFS_TEST_WORDS. A test is a
function whose name begins with test_; it fails by an exception. Skip is for what this machine cannot do.
"""
import atexit
import contextlib
import ctypes
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEMEFS = os.environ.get("MEMEFS") or str(ROOT / "build/release/src/linux/memefs")
WAIT = 60  # seconds until something that must happen counts as failed


class Skip(Exception):
    pass


def run(*command, check=True, **more):
    """Runs a command; its output is shown when it fails though it should not."""
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.STDOUT)
    done = subprocess.run([str(word) for word in command], text=True, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def wait_for(what, true):
    """Waits until something becomes true, by asking for it."""
    until = time.monotonic() + WAIT
    while not true():
        if time.monotonic() > until:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(0.005)


@contextlib.contextmanager
def one_processor():
    """For millions of requests by one process: to wake another processor for each can take longer than all else."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def mounts_and_types():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return [(line.split()[4], line.split(" - ")[1].split()[0]) for line in lines]


def mounts():
    return [path for path, _ in mounts_and_types()]


def children():
    """The processes of the program under test, by what they execute."""
    binary, found = os.path.realpath(MEMEFS), set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/exe") == binary:
                    found.add(int(entry))
            except OSError:
                pass
    return found


def store_options():
    """What every mount of the tests is given."""
    store, words = os.environ.get("MEMEFS_TEST_STORE"), os.environ.get("MEMEFS_TEST_WORDS")
    return ((f"--store={store}",) if store else ()) + (("-o", words) if words else ())


def as_user(user):
    """The words that run a command as an ordinary user, who need not exist."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


def have_mounts_of_our_own():
    """From now on this process and its children have a mount namespace of their own."""
    if os.geteuid():
        raise Skip("needs root")
    if _namespace:
        return
    new_namespace = 0x00020000
    if ctypes.CDLL(None, use_errno=True).unshare(new_namespace):
        raise Skip(f"no mount namespace of our own: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/")
    # Our copies of other FUSE mounts would keep these alive when they are unmounted.
    for path, kind in reversed(mounts_and_types()):
        if kind.startswith("fuse."):
            run("umount", "-l", path)
    _namespace.append(tempfile.mkdtemp(prefix="memefs-own-"))
    run("mount", "-t", "tmpfs", "none", _namespace[0])
    atexit.register(lambda: run("umount", "-l", _namespace[0]) and os.rmdir(_namespace[0]))


def let_users_mount(*fuse_conf):
    """From now on ordinary users can mount, in our mount namespace: this process and its children, and
    nobody else, see a /dev/fuse that all may open, and, when lines for it are given, an /etc/fuse.conf."""
    need("fusermount3", "setpriv")
    if not os.stat(shutil.which("fusermount3")).st_mode & stat.S_ISUID:
        raise Skip("fusermount3 is not setuid root")
    have_mounts_of_our_own()
    device, conf = f"{_namespace[0]}/fuse", f"{_namespace[0]}/fuse.conf"
    if not os.path.exists(device):
        os.mknod(device, stat.S_IFCHR, os.stat("/dev/fuse").st_rdev)
        os.chmod(device, 0o666)
        run("mount", "--bind", device, "/dev/fuse")
    if fuse_conf and os.path.exists("/etc/fuse.conf"):
        with open(conf, "w", encoding="ascii") as file:
            file.write("\n".join(fuse_conf) + "\n")
        run("mount", "--bind", conf, "/etc/fuse.conf")


_namespace = []  # a directory that only we see, once there is one


def ended(pid):
    """A process that has ended is one, too, when nobody has asked yet how it ended. One that was killed and has
    a thread that cannot be is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            state = stat.read().rpartition(")")[2].split()[0]
        return state in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


class Volume:
    """with Volume("-s", "64m") as v: v.path is the mounted directory, v.pid the daemon.

    With user=NUMBER an ordinary user mounts it, and nobody else, root included, can enter."""

    def __init__(self, *options, user=None):
        # First, so that a test which asks for a store gets it: the later one counts. The tmpfs store is root's.
        self.options, self.user = (() if user else store_options()) + options, user

    def __enter__(self):
        if self.user:
            let_users_mount()
        self.path = tempfile.mkdtemp(prefix="memefs-test-")
        try:
            if self.user:
                os.chown(self.path, self.user, self.user)
            self.memefs(*self.options, self.path)
        except BaseException:
            os.rmdir(self.path)
            raise
        self.pid = int(self.status()["pid"])
        return self

    def memefs(self, *words, **more):
        """Runs the program as who mounts this volume."""
        return run(*as_user(self.user), MEMEFS, *words, **more)

    def status(self):
        """What --status tells, by its words."""
        lines = self.memefs("--status", self.path).stdout.splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def unmount(self):
        if self.path in mounts():
            self.memefs("--unmount", self.path)
        wait_for("the daemon to end", lambda: ended(self.pid))

    def __exit__(self, *_):
        try:
            self.unmount()
        finally:
            if self.path in mounts():
                run("umount", "-l", self.path, check=False)
            os.rmdir(self.path)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def backed(self):
        """The kernel reads and writes files by itself, in a tmpfs (the tmpfs store)."""
        return self.status()["store"] == "tmpfs"

    def held(self):
        """Bytes of memory that the volume takes: the daemon's, and the kernel's for all tmpfs."""
        with open("/proc/meminfo", encoding="ascii") as lines:
            shared = next(int(line.split()[1]) for line in lines if line.startswith("Shmem:"))
        return self.resident() + (shared << 10 if self.backed() else 0)

    def resident(self):
        """Resident bytes of the daemon."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(names):
    """Runs the tests of a module (give globals())."""
    tests = [(name, test) for name, test in names.items() if name.startswith("test_") and callable(test)]
    wanted = sys.argv[1:]
    failed = 0
    number = 0
    for name, test in tests:
        if wanted and name not in wanted:
            continue
        number += 1
        words = name[5:].replace("_", " ")
        try:
            test()
            print(f"ok {number} - {words}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {words} # SKIP {reason}", flush=True)
        except Exception:  # noqa: BLE001 - whatever goes wrong is the test's failure
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {words}", flush=True)
    print(f"1..{number}")
    sys.exit(1 if failed else 0)
