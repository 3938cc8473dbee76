"""What is mounted and how, and the client that works on it."""
import collections
import os
import re
import select
import shutil
import subprocess
import time

import private

NOBODY = 65534
SIZE = "75%"
CPUCLOCK_SCHED = 2  # with the process's number: what clock_getcpuclockid(3) answers
PATIENCE = 180  # seconds until an answer that does not come counts as a failure


# Seconds of an operation: on the clock, of the client's processor time, of the daemon's.
Time = collections.namedtuple("Time", "wall own daemon")


class Refused(Exception):
    """A file system that cannot be mounted here, or a row that it cannot do."""


class Kind:
    """One way to mount. `rows`: only these; `user`: daemon and client are this user's; `twice`: each time a
    row is done once before it counts."""

    def __init__(self, name, title, rows=None, user=None, twice=False):
        self.name, self.title, self.rows, self.user, self.twice = name, title, rows, user, twice

    def command(self, place):
        """The command that serves place.path in the foreground. May make things in place.backing."""
        raise NotImplementedError

    def commands(self, place):
        """Ways to do it; the first one that works is taken."""
        return [self.command(place)]


class Tmpfs(Kind):
    def __init__(self, name, title, options="", **more):
        super().__init__(name, title, **more)
        self.options = options

    def commands(self, place):
        return [None]


class Memefs(Kind):
    """`stores` are tried in their order; "" is the program's own choice."""

    def __init__(self, name, title, stores, options="", **more):
        super().__init__(name, title, **more)
        self.stores, self.options = stores, options

    def commands(self, place):
        for store in self.stores:
            command = [place.programs["memefs"], "--foreground", f"--size={SIZE}"]
            command += [f"--store={store}"] if store else []
            command += ["-o", self.options] if self.options else []
            yield command + [place.path]


class OnTmpfs(Kind):
    """A peer that shows a directory of a tmpfs."""

    def __init__(self, name, title, words):
        super().__init__(name, title)
        self.words = words

    def command(self, place):
        need(self.words[0])
        mount_tmpfs(place.backing)
        return self.words + [place.backing, place.path]


class Ntfs3g(Kind):
    def command(self, place):
        need("ntfs-3g", "mkntfs")
        mount_tmpfs(place.backing)
        image = os.path.join(place.backing, "image")
        with open(image, "wb") as file:
            file.truncate(8 << 30)
        quiet("mkntfs", "--force", "--quick", "--quiet", image)
        return ["ntfs-3g", "-o", "no_detach,permissions,big_writes,allow_other", image, place.path]


class Nothing(Kind):
    """Not a peer: what the requests cost that memefs gets, when nothing is done for them."""

    def command(self, place):
        return [place.programs["nothing"], place.path]


NAMES = {"create", "create_write", "unlink", "unlink_4k", "mkdir", "rename", "symlink", "open", "chmod",
         "write_fstat"}
BEST = ("tmpfs", "")  # the tmpfs store where it can be had, else what the program chooses

KINDS = [
    Tmpfs("tmpfs", "kernel tmpfs"),
    Memefs("memefs", "memefs, tmpfs store", ["tmpfs"], "allow_other"),
    Memefs("sectors", "memefs, sector store", ["sectors"], "allow_other"),
    Memefs("user", "memefs, ordinary user", [""], user=NOBODY),
    OnTmpfs("mergerfs", "mergerfs on tmpfs",
            ["mergerfs", "-f", "-o",
             "allow_other,cache.files=auto-full,cache.readdir=true,cache.symlinks=true"]),
    OnTmpfs("bindfs", "bindfs on tmpfs", ["bindfs", "-f", "-o", "allow_other"]),
    Ntfs3g("ntfs-3g", "ntfs-3g, image in tmpfs"),
    Memefs("private", "memefs, its owner only", BEST, rows=NAMES | {"untar", "rm"}),
    Memefs("noxattr", "memefs, noxattr", BEST, "allow_other,noxattr", rows=NAMES | {"untar", "cp"}),
    Memefs("huge", "memefs, huge=within_size", ["tmpfs"], "allow_other,huge=within_size",
           rows={"write_new", "write_over"}, twice=True),
    Tmpfs("tmpfs-huge", "kernel tmpfs, huge=within_size", ",huge=within_size", rows={"write_new", "write_over"},
          twice=True),
    Nothing("nothing", "nothing, answered at once",
            rows={"open", "create", "unlink", "mkdir", "symlink", "chmod", "truncate"}),
]


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Refused(f"{program} is not installed")


def quiet(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Refused(f"{command[0]}: {done.stdout.strip() or done.returncode}")


def mount_tmpfs(path, options=""):
    os.makedirs(path, exist_ok=True)
    quiet("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755{options}", "tmpfs", path)


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return any(line.split()[4] == path for line in lines)


class Mount:
    """A mounted file system with its daemon and its client."""

    def __init__(self, kind, base, programs, part=1):
        self.kind, self.name, self.programs = kind, kind.name, programs
        self.path = os.path.join(base, "mounts", kind.name)
        self.backing = os.path.join(base, "backing", kind.name)
        self.root = os.path.join(self.path, "bench")
        self.daemon = self.client = self.shown = None
        self.identity = {"user": kind.user, "group": kind.user, "extra_groups": []} if kind.user else {}
        try:
            self.mount()
            self.client = self.start(["mkdir", self.root])
            if self.client.wait():
                raise Refused("nothing can be made on it")
            client = [programs["client"], self.root, str(part)] + ([str(self.daemon.pid)] if self.daemon else [])
            self.client = self.start(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        except BaseException:
            self.end()
            raise

    def start(self, command, **more):
        return subprocess.Popen(command, **self.identity, **more)

    def mount(self):
        os.makedirs(self.path, exist_ok=True)
        if self.kind.user:
            os.chown(self.path, self.kind.user, self.kind.user)
        said = ""
        for command in self.kind.commands(self):
            if command is None:
                mount_tmpfs(self.path, self.kind.options)
                self.shown = f"mount -t tmpfs -o size={SIZE}{self.kind.options}"
                return
            self.shown = " ".join(os.path.basename(word) if word.startswith("/") else word
                                  for word in command if word not in (self.path, self.backing))
            with open(os.path.join(os.path.dirname(self.path), f"{self.name}.log"), "w+", encoding="utf-8") as log:
                self.daemon = self.start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                while self.daemon.poll() is None:
                    if is_mounted(self.path):
                        return
                    time.sleep(0.002)
                log.seek(0)
                said = (log.read().strip().splitlines() or [f"status {self.daemon.returncode}"])[-1]
        raise Refused(said)

    def tasks(self):
        """The threads of the daemon."""
        try:
            return os.listdir(f"/proc/{self.daemon.pid}/task") if self.daemon else []
        except OSError:
            return []

    def worked(self):
        """Seconds of processor time that the daemon has used, in the program and in the kernel."""
        if not self.daemon:
            return 0.0
        try:
            return time.clock_gettime(~self.daemon.pid << 3 | CPUCLOCK_SCHED)
        except OSError:
            return 0.0

    def settle(self):
        """Waits until the daemon has done what it put off, for two seconds at most."""
        until, before = time.monotonic() + 2, self.worked()
        while self.daemon and time.monotonic() < until:
            time.sleep(0.003)
            now = self.worked()
            if now == before:
                return
            before = now

    def ask(self, *words, pause=None):
        """Has the client do a row; returns the time of an operation. `pause` is called when it waits."""
        self.client.stdin.write(" ".join(map(str, words)) + "\n")
        while True:
            if not select.select([self.client.stdout], [], [], PATIENCE)[0]:
                raise TimeoutError(f"{self.name}: no answer to {words[0]} in {PATIENCE} s")
            line = self.client.stdout.readline()
            if not line:
                raise TimeoutError(f"{self.name}: the client has ended at {words[0]}")
            if line != "forget\n":
                break
            (pause or self.forget)()
            self.client.stdin.write("\n")
        answer = re.fullmatch(r"\S+ ([0-9.]+) ([0-9.]+) ([0-9.]+) ([0-9]+)\n", line)
        if not answer:
            raise Refused(line.split(" error ", 1)[-1].strip())
        return Time(*(float(seconds) / max(int(answer[4]), 1) for seconds in answer.groups()[:3]))

    def forget(self):
        private.forget(self.path)
        self.settle()

    def abandon(self):
        """Ends it by force: with the daemon gone, whatever waits for it gets an error."""
        for process in (self.daemon, self.client):
            if process:
                process.kill()
                process.wait()
        subprocess.run(["umount", "--lazy", self.path], stderr=subprocess.DEVNULL, check=False)

    def end(self):
        """Unmounts; the daemon must end by itself. Returns what went wrong, or nothing."""
        trouble = None
        if self.client:
            if self.client.stdin:
                self.client.stdin.close()
            self.client.wait()
        if is_mounted(self.path):
            done = subprocess.run(["umount", self.path], stderr=subprocess.PIPE, text=True, check=False)
            trouble = done.stderr.strip() or None
        if self.daemon:
            try:
                if self.daemon.wait(60):
                    trouble = trouble or f"{self.name}: the daemon ended with status {self.daemon.returncode}"
            except subprocess.TimeoutExpired:
                trouble = f"{self.name}: the daemon did not end in 60 s"
                self.daemon.kill()
                self.daemon.wait()
        if is_mounted(self.backing):
            quiet("umount", self.backing)
        if os.path.isdir(self.backing):
            os.rmdir(self.backing)
        return trouble
