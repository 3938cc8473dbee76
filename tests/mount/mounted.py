"""What the mount tests share: a mounted volume, and TAP.

The program under test is named by $MEMEFS (else build/release's), the store of its volumes by
$MEMEFS_TEST_STORE (else the program's own choice). A test is a function whose name begins with
test_; it fails by an exception. Skip is for what this machine cannot do.
"""
import os
import pathlib
import shutil
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


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return [line.split()[4] for line in lines]


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
    store = os.environ.get("MEMEFS_TEST_STORE")
    return (f"--store={store}",) if store else ()


class Volume:
    """with Volume("-s", "64m") as v: v.path is the mounted directory, v.pid the daemon."""

    def __init__(self, *options, user=None):
        # First, so that a test which asks for a store gets it: the later one counts.
        self.options, self.user = store_options() + options, user

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="memefs-test-")
        before = children()
        try:
            run(MEMEFS, *self.options, self.path)
        except BaseException:
            os.rmdir(self.path)
            raise
        new = children() - before
        assert len(new) == 1, f"daemons: {new}"
        self.pid = new.pop()
        return self

    def unmount(self):
        if self.path in mounts():
            run(MEMEFS, "--unmount", self.path)
        wait_for("the daemon to end", lambda: not os.path.exists(f"/proc/{self.pid}"))

    def __exit__(self, *_):
        try:
            self.unmount()
        finally:
            if self.path in mounts():
                run("umount", "-l", self.path, check=False)
            os.rmdir(self.path)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def status(self, word):
        """What --status says of the volume."""
        lines = run(MEMEFS, "--status", self.path).stdout.splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith(word + ": "))

    def backed(self):
        """The kernel reads and writes files by itself, in a tmpfs (the tmpfs store)."""
        return self.status("store") == "tmpfs"

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
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")]
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
