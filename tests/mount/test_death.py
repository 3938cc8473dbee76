#!/usr/bin/env python3
"""The daemon ends: killed, stopped, unmounted, over and over. Programs get errors and hang nowhere, a new
mount works, nothing that was acknowledged is lost to who can still read, nothing is left behind.
"""
import errno
import mmap
import os
import random
import signal
import struct
import subprocess
import tempfile
import time
import zlib

import compared  # noqa: F401 - loads what ordinary users may not be able to
from mounted import (
    MEMEFS, Skip, Volume, as_user, ended, have_mounts_of_our_own, let_users_mount, main, mounts, run, wait_for)

A = 1000
ENDS_WITHIN = 20  # seconds after the death; a hang is for ever
BLOCK = b"b" * 65536
BROKEN = {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO}


# ---- programs at work -------------------------------------------------------------------------------------


class Worker:
    """A process that does step(path, round) again and again; ends with the errno that ended it."""

    def __init__(self, step, path, user, counts, place):
        self.name, self.counts, self.place = step.__name__, counts, place
        self.pid = os.fork()
        if self.pid:
            return
        status = 255
        try:
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            for number in range(1 << 30):
                step(f"{path}/{self.name}", number)
                counts[place * 8:place * 8 + 8] = struct.pack("Q", number + 1)
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)

    def rounds(self):
        return struct.unpack_from("Q", self.counts, self.place * 8)[0]

    def end(self, until):
        """Waits for the end, not longer than this; gives what ended it: an errno, or a signal's name."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                if os.WIFSIGNALED(status):
                    return signal.Signals(os.WTERMSIG(status)).name
                return os.WEXITSTATUS(status)
            if time.monotonic() > until:
                with open(f"/proc/{self.pid}/wchan", encoding="ascii") as where:
                    waits = where.read()
                self.kill()
                raise AssertionError(f"{self.name} hangs in {waits}")
            time.sleep(0.002)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


def put(path, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    file = os.open(path, flags, 0o644)
    try:
        os.write(file, data)
    finally:
        os.close(file)


def writes(path, number):
    put(path, BLOCK, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if number % 64 == 63:
        os.truncate(path, 0)


def reads(path, number):
    if number == 0:
        put(path, BLOCK * 16)
    file = os.open(path, os.O_RDONLY)
    try:
        while os.read(file, 1 << 20):
            pass
    finally:
        os.close(file)


def map_file(path, number, protection, use):
    if number == 0:
        put(path, BLOCK * 16)
    file = os.open(path, os.O_RDWR)
    try:
        with mmap.mmap(file, len(BLOCK) * 16, mmap.MAP_SHARED, protection) as view:
            use(view)
    finally:
        os.close(file)


def reads_mapped(path, number):
    map_file(path, number, mmap.PROT_READ, lambda view: [view[at] for at in range(0, len(view), 4096)])


def writes_mapped(path, number):
    def use(view):
        for at in range(0, len(view), 4096):
            view[at] = number % 256
        if number % 2:
            view.flush()

    map_file(path, number, mmap.PROT_READ | mmap.PROT_WRITE, use)


def lists(path, number):
    if number == 0:
        os.mkdir(path)
        for i in range(500):
            put(f"{path}/{i}", b"")
    put(f"{path}/{number}", b"")  # so that the kernel's copy is out of date
    with os.scandir(path) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)


def makes(path, number):
    if number == 0:
        os.mkdir(path)
    os.mkdir(f"{path}/{number}")
    put(f"{path}/{number}/f", b"x")
    os.link(f"{path}/{number}/f", f"{path}/{number}/g")
    os.symlink("f", f"{path}/{number}/l")
    os.rename(f"{path}/{number}/g", f"{path}/{number}/h")
    if number > 20:
        for name in "fhl":
            os.unlink(f"{path}/{number - 20}/{name}")
        os.rmdir(f"{path}/{number - 20}")


def attributes(path, number):
    if number == 0:
        put(path, b"")
    os.setxattr(path, f"user.{number % 10}", BLOCK[:number % 60000])
    os.getxattr(path, f"user.{number % 10}")
    os.listxattr(path)


def copies(path, number):
    if number == 0:
        put(path, BLOCK * 256)
        os.truncate(path, 1 << 30)
    source, target = os.open(path, os.O_RDONLY), os.open(path + ".copy", os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.copy_file_range(source, target, 64 << 20)
        os.fsync(target)
    finally:
        os.close(source)
        os.close(target)


def asks(path, number):
    if number == 0:
        os.mkdir(path)
    os.statvfs(path)
    os.chmod(path, 0o700 + number % 8)
    os.stat(path)


WORK = (writes, reads, reads_mapped, writes_mapped, lists, makes, attributes, copies, asks)


class Work:
    """with Work(path): every kind of work goes on there."""

    def __init__(self, path, user=None):
        counts = mmap.mmap(-1, 4096)
        self.workers = [Worker(step, path, user, counts, place) for place, step in enumerate(WORK)]

    def __enter__(self):
        for worker in self.workers:
            self.wait(worker, worker.rounds() + 3)
        return self

    def wait(self, worker, rounds):
        def far_enough():
            if os.waitpid(worker.pid, os.WNOHANG)[0]:
                worker.pid = None
                raise AssertionError(f"{worker.name} ended by itself")
            return worker.rounds() >= rounds

        wait_for(worker.name, far_enough)

    def goes_on(self):
        for worker in self.workers:
            self.wait(worker, worker.rounds() + 2)

    def ended(self):
        until = time.monotonic() + ENDS_WITHIN
        ends = {worker.name: worker.end(until) for worker in self.workers}
        for name, how in ends.items():
            assert how in BROKEN or (how == "SIGBUS" and name.endswith("mapped")), ends
        return ends

    def __exit__(self, *_):
        for worker in self.workers:
            worker.kill()


def wait_for_the_end(pid):
    wait_for("the daemon to end", lambda: ended(pid))


def bounded(*command, **more):
    return run(*command, timeout=ENDS_WITHIN, **more)


# ---- death -------------------------------------------------------------------------------------------------------


def killed(user, stopped):
    """kill -9 under load, while requests are served or while they pile up; then a new mount at the same place."""
    with Volume(user=user) as v:
        with Work(v.path, user) as work:
            if stopped:
                os.kill(v.pid, signal.SIGSTOP)
                time.sleep(random.random() / 20)  # more or less of them
            os.kill(v.pid, signal.SIGKILL)
            wait_for_the_end(v.pid)
            work.ended()
        shell = as_user(user) + ["sh", "-c"]
        for command in ("cat {}/reads", "touch {}/new", "rmdir {}/makes", "cp /etc/passwd {}/writes", "df {}"):
            done = bounded(*shell, command.format(v.path) + " 2>&1", check=False)
            assert done.returncode and "not connected" in done.stdout, (command, str(done)[:500])
        bounded(*shell, f"ls -l {v.path}/lists", check=False)  # the kernel may know the names still
        bounded(*shell, f"sync -f {v.path}", check=False)
        done = v.memefs("--status", v.path, check=False)
        assert done.returncode == 2 and "dead" in done.stdout, done
        done = v.memefs(*v.options, v.path)
        assert "dead mount" in done.stdout and len(done.stdout.splitlines()) == 1, done
        assert mounts().count(v.path) == 1
        v.pid = int(v.status()["pid"])
        with Work(v.path, user) as work:
            work.goes_on()


def test_programs_get_errors_when_the_daemon_is_killed():
    for number in range(int(os.environ.get("DEATH_ROUNDS", "2"))):
        killed(None, number % 2)


def test_the_same_on_an_ordinary_users_mount():
    let_users_mount()
    for number in range(int(os.environ.get("DEATH_ROUNDS", "2"))):
        killed(A, number % 2)


def holder(v, user=None):
    """A program that has a file of the volume open and works in it."""
    process = subprocess.Popen([*as_user(user), "sh", "-c", f"exec 3>{v.path}/held; cd {v.path}; echo; exec cat"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_a_dead_mount_goes_though_it_is_in_use():
    let_users_mount()
    for user in None, A:
        for way in "mount", "unmount":
            with Volume(user=user) as v:
                process = holder(v, user)
                try:
                    os.kill(v.pid, signal.SIGKILL)
                    wait_for_the_end(v.pid)
                    if way == "mount":
                        assert "dead mount" in v.memefs(v.path).stdout
                        v.pid = int(v.status()["pid"])
                        assert mounts().count(v.path) == 1
                    else:
                        v.memefs("--unmount", v.path)
                        assert v.path not in mounts()
                finally:
                    process.communicate()


def test_what_is_not_ours_to_take_away_stays():
    let_users_mount()
    with Volume(user=A) as v:
        for user in A + 1, None:
            done = bounded(*as_user(user), MEMEFS, v.path, check=False)
            assert done.returncode == 2 and "already mounted" in done.stdout, done
        os.kill(v.pid, signal.SIGKILL)
        wait_for_the_end(v.pid)
        done = bounded(*as_user(A + 1), MEMEFS, v.path, check=False)
        assert done.returncode == 2 and v.path in done.stdout, done
        assert v.path in mounts()
        v.memefs("--unmount", v.path)
    with tempfile.TemporaryDirectory() as point:
        run("mount", "-t", "tmpfs", "none", point)
        try:
            done = run(MEMEFS, point, check=False)
            assert done.returncode == 2 and "already mounted (tmpfs)" in done.stdout, done
        finally:
            run("umount", point)


def processes_of(path):
    """The processes that were started for this mount point."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as words:
                    words = words.read().split(b"\0")
            except OSError:
                continue
            if os.fsencode(path) in words and words[0] == os.fsencode(MEMEFS):
                found.append(int(entry))
    return found


def test_starting_can_be_killed():
    """At any moment; afterwards the mount point can be used, at once or after --unmount."""
    have_mounts_of_our_own()
    with tempfile.TemporaryDirectory() as point:
        outcomes = set()
        for _ in range(int(os.environ.get("DEATH_ROUNDS", "2")) * 20):
            started = subprocess.Popen([MEMEFS, point], stderr=subprocess.DEVNULL)
            time.sleep(random.random() / 50)
            # The one, the other, or both; one that is started only now is met in the next round.
            for _ in range(3):
                found = processes_of(point)
                for pid in random.sample(found, len(found)):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            started.wait(timeout=ENDS_WITHIN)
            for pid in processes_of(point):
                os.kill(pid, signal.SIGKILL)
            wait_for("the killed to be gone", lambda: not processes_of(point))
            done = bounded(MEMEFS, point)
            outcomes.add(done.stdout.split("'")[0])
            put(f"{point}/f", b"x")
            bounded(MEMEFS, "--unmount", point)
            assert point not in mounts() and os.listdir(point) == []
        print(f"# {outcomes}")


# ---- the end under load ----------------------------------------------------------------------------------------------

RECORD = 512


def record(writer, number):
    body = struct.pack("<QQ", writer, number) + bytes([writer, number % 251]) * ((RECORD - 20) // 2)
    return body + struct.pack("<I", zlib.crc32(body))


class Journal:
    """Writers append records to files of their own; what was written is counted where all can see it."""

    WRITERS = 2

    def __init__(self, path):
        # Below the mount, when it is gone, there is a directory of the same name.
        self.folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.written = mmap.mmap(-1, 4096)
        self.children = []

    def start(self, what, *arguments):
        child = os.fork()
        if child == 0:
            status = 200
            try:
                what(*arguments)
                status = 0
            except OSError as error:
                status = error.errno
            except AssertionError as error:
                print(f"# {error}", flush=True)
                status = 201
            finally:
                os._exit(status)
        self.children.append(child)

    def acknowledged(self, writer):
        return struct.unpack_from("Q", self.written, writer * 8)[0]

    def write(self, writer, one_descriptor):
        file = None
        for number in range(1 << 30):
            if file is None or not one_descriptor:
                file = os.open(f"journal{writer}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644,
                               dir_fd=self.folder)
            assert os.write(file, record(writer, number)) == RECORD
            self.written[writer * 8:writer * 8 + 8] = struct.pack("Q", number + 1)
            # What the kernel writes by itself (the tmpfs store) goes on without a daemon, while it is open.
            os.fstatvfs(file)
            if not one_descriptor:
                os.close(file)

    def check(self, file, writer, from_record=0):
        """All that was acknowledged before is there, as it was written."""
        count = self.acknowledged(writer)
        while from_record < count:
            data = os.pread(file, RECORD * 64, from_record * RECORD)
            there = min(len(data) // RECORD, count - from_record)
            assert there, f"writer {writer}: {from_record} records, not {count}"
            for i in range(there):
                assert data[i * RECORD:(i + 1) * RECORD] == record(writer, from_record + i), (
                    f"writer {writer}: record {from_record + i} of {count} is not what was written")
            from_record += there
        return from_record

    def read(self, writer, one_descriptor):
        wait_for("the first record", lambda: self.acknowledged(writer))
        file, seen = None, 0
        while True:
            if file is None or not one_descriptor:
                file, seen = os.open(f"journal{writer}", os.O_RDONLY, dir_fd=self.folder), 0
            seen = self.check(file, writer, seen)
            os.fstatvfs(file)
            if not one_descriptor:
                os.close(file)

    def go(self):
        for writer in range(self.WRITERS):
            self.start(self.write, writer, writer == 0)
            for one_descriptor in True, False:
                self.start(self.read, writer, one_descriptor)
        for writer in range(self.WRITERS):
            wait_for("records", lambda: self.acknowledged(writer) > 100)

    def end(self):
        ends = []
        until = time.monotonic() + ENDS_WITHIN
        while self.children:
            pid, status = os.waitpid(self.children[0], os.WNOHANG)
            if pid:
                self.children.pop(0)
                ends.append(os.waitstatus_to_exitcode(status))
            else:
                assert time.monotonic() < until, "a reader or writer hangs"
                time.sleep(0.002)
        return ends

    def kill(self):
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.children = []
        if self.folder is not None:
            os.close(self.folder)
            self.folder = None


def test_a_stop_under_load_shows_nobody_less_than_was_acknowledged():
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL:
        with Volume() as v:
            journal = Journal(v.path)
            try:
                journal.go()
                os.kill(v.pid, number)
                ends = journal.end()
                wait_for_the_end(v.pid)
                assert set(ends) <= BROKEN, ends
            finally:
                journal.kill()
            if number != signal.SIGKILL:
                assert v.path not in mounts()
            else:
                v.memefs("--unmount", v.path)


def test_unmounting_under_load_is_refused_and_harms_nothing():
    with Volume() as v:
        journal = Journal(v.path)
        try:
            journal.go()
            for command in (MEMEFS, "--unmount", v.path), ("umount", v.path):
                for _ in range(20):
                    done = bounded(*command, check=False)
                    assert done.returncode and ("in use" in done.stdout or "busy" in done.stdout), done
            before = [journal.acknowledged(writer) for writer in range(journal.WRITERS)]
            wait_for("more records", lambda: all(journal.acknowledged(writer) > before[writer]
                                                 for writer in range(journal.WRITERS)))
        finally:
            journal.kill()
        for writer in range(journal.WRITERS):
            file = os.open(v / f"journal{writer}", os.O_RDONLY)
            journal.check(file, writer)
            os.close(file)


def test_a_lazy_unmount_leaves_what_is_open():
    """umount -l: who has files open goes on with all of it; the daemon ends when the last one is closed."""
    with Volume() as v:
        file = os.open(v / "f", os.O_RDWR | os.O_CREAT)
        gone = os.open(v / "gone", os.O_RDWR | os.O_CREAT)
        folder = os.open(v.path, os.O_RDONLY)
        os.write(file, BLOCK * 10)
        os.write(gone, b"unlinked")
        os.unlink(v / "gone")
        run("umount", "-l", v.path)
        assert v.path not in mounts() and os.listdir(v.path) == []
        os.lseek(file, 0, os.SEEK_SET)
        assert b"".join(iter(lambda: os.read(file, 1 << 20), b"")) == BLOCK * 10
        assert os.pwrite(file, b"more", 700000) == 4 and os.pread(file, 9, 699999) == b"\0more"
        assert os.pread(gone, 20, 0) == b"unlinked"
        assert os.listdir(folder) == ["f"]
        other = os.open("f", os.O_RDONLY, dir_fd=folder)
        assert os.pread(other, 4, 700000) == b"more"
        for one in file, gone, folder, other:
            assert not ended(v.pid)
            os.close(one)
        wait_for_the_end(v.pid)


# ---- over and over ---------------------------------------------------------------------------------------------------


CONNECTIONS = "/sys/fs/fuse/connections"


def see_connections():
    if not os.listdir(CONNECTIONS):
        done = run("mount", "-t", "fusectl", "none", CONNECTIONS, check=False)
        if done.returncode:
            raise Skip(f"no list of connections: {done.stdout.strip()}")


def connection(minor):
    """Which connection has this number now: numbers are used again, by others as well. None: none has."""
    try:
        return minor, os.stat(f"{CONNECTIONS}/{minor}").st_ino
    except FileNotFoundError:
        return None


def resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_mounting_over_and_over_leaves_nothing():
    have_mounts_of_our_own()
    rounds = int(os.environ.get("MOUNT_ROUNDS", "200"))
    before, memory, seen, most = None, None, set(), 0
    with tempfile.TemporaryDirectory() as point:
        see_connections()
        table = mounts()
        for number in range(rounds):
            run(MEMEFS, "-s", "16m", point)
            (pid,) = processes_of(point)
            seen.add(connection(os.minor(os.stat(point).st_dev)))
            put(f"{point}/f", BLOCK)
            os.mkdir(f"{point}/d")
            assert os.listdir(point) == ["f", "d"]
            most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
            way = number % 5
            if way == 0:
                run("umount", point)
            elif way == 1:
                os.kill(pid, signal.SIGTERM)
            elif way == 2:
                os.kill(pid, signal.SIGKILL)
                wait_for_the_end(pid)
                run("umount", "-l", point)
            else:
                run(MEMEFS, "--unmount", point)
            wait_for_the_end(pid)
            assert len(mounts()) <= len(table), set(mounts()) - set(table)
            descriptors = len(os.listdir("/proc/self/fd"))
            if number == 20:
                before, memory = descriptors, resident()
        assert not processes_of(point)
        assert descriptors == before and resident() - memory < 4 << 20, (before, descriptors, memory, resident())

        assert None not in seen and len(seen) == rounds
        wait_for("all connections to be gone", lambda: not any(connection(one[0]) == one for one in seen))
        print(f"# {rounds} mounts, at most {most} descriptors in a daemon")
        assert most < 20


main(globals())
