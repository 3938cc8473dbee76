#!/usr/bin/env python3
"""What the daemon may still do once it has mounted, and where its memory may end up: swap, core dumps."""
import os
import random
import re
import subprocess

import mounted
from mounted import Skip, Volume, as_user, main, mounts, run, wait_for

NOBODY = 65534
DAC_READ_SEARCH, IPC_LOCK, SYS_PTRACE, SYS_ADMIN = 2, 14, 19, 21
SECCOMP_FILTER = 2


def bits(*numbers):
    return sum(1 << number for number in numbers)


def tasks(v):
    """The status of each thread of the daemon, by its words."""
    for task in os.listdir(f"/proc/{v.pid}/task"):
        with open(f"/proc/{v.pid}/task/{task}/status", encoding="ascii", errors="replace") as lines:
            yield dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def has_seccomp():
    return os.uname().machine in ("x86_64", "aarch64", "riscv64")


def limited(v, allowed):
    """All threads have these capabilities at most, and no way to others."""
    found = list(tasks(v))
    assert len(found) >= 3, found
    for task in found:
        for name in ("CapPrm", "CapEff"):
            assert int(task[name], 16) & ~allowed == 0, (name, task[name])
        assert int(task["CapInh"], 16) == 0 and int(task["CapAmb"], 16) == 0, task
        assert task["NoNewPrivs"] == "1", task
        if has_seccomp():
            assert int(task["Seccomp"]) == SECCOMP_FILTER, task


def use(v):
    """The daemon can do what it must."""
    for i in range(200):
        with open(v / f"file{i}", "wb") as file:
            file.write(bytes([i]) * 5000)
            file.truncate(3000)
    with open(v / "file0", "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 100000)
    for i in range(1, 200):
        with open(v / f"file{i}", "rb") as file:
            assert file.read() == bytes([i]) * 3000
        os.unlink(v / f"file{i}")
    os.setxattr(v / "file0", "user.word", b"value")
    assert os.statvfs(v.path).f_blocks > 0


def test_root_keeps_what_serving_takes():
    if os.geteuid():
        raise Skip("needs root")
    with Volume("-o", "allow_other") as v:
        limited(v, bits(DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN))
        use(v)
        limited(v, bits(DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN))


def test_with_a_limit_that_moves():
    """A tmpfs is made larger and smaller, which takes rights."""
    with Volume("-s", "64m") as v:
        for _ in range(3):
            with open(v / "large", "wb") as file:
                for _ in range(50):
                    file.write(os.urandom(1 << 20))
            os.unlink(v / "large")
            for i in range(3000):
                os.close(os.open(v / f"small{i}", os.O_CREAT | os.O_WRONLY, 0o600))
            for i in range(3000):
                os.unlink(v / f"small{i}")


def test_a_signal_still_unmounts_below_a_directory_of_somebody_else():
    if os.geteuid():
        raise Skip("needs root")
    with Volume() as outer:
        folder = outer / "closed"
        os.mkdir(folder, 0o700)
        os.mkdir(folder + "/point")
        os.chown(folder, NOBODY, NOBODY)
        run(mounted.MEMEFS, folder + "/point")
        status = run(mounted.MEMEFS, "--status", folder + "/point").stdout
        pid = int(re.search(r"^pid: (\d+)$", status, re.MULTILINE)[1])
        os.kill(pid, 15)
        mounted.wait_for("the daemon to end", lambda: mounted.ended(pid))
        assert folder + "/point" not in mounts()


def test_an_ordinary_user_has_none():
    with Volume(user=NOBODY) as v:
        for task in tasks(v):
            assert int(task["CapPrm"], 16) == 0, task


# ---- swap ------------------------------------------------------------------------------------------------------


def mappings(v):
    """The daemon's: (from, to, {word: value})."""
    found = []
    with open(f"/proc/{v.pid}/smaps", encoding="ascii", errors="replace") as lines:
        for line in lines:
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if span:
                found.append((int(span[1], 16), int(span[2], 16), {}))
            else:
                name, value = line.split(":", 1)
                found[-1][2][name] = value.split()
    return found


def unlocked(v):
    """KiB of anonymous memory that could be swapped out."""
    return sum(int(words["Anonymous"][0]) - int(words["Locked"][0]) for _, _, words in mappings(v)
               if int(words["Anonymous"][0]) > int(words["Locked"][0]))


def fill(v, size, seed):
    with open(v / "filled", "wb") as file:
        file.write(random.Random(seed).randbytes(size))
    for i in range(500):
        os.mkdir(v / f"directory{i}")


def locked_volume(store):
    if os.geteuid():
        raise Skip("needs root")
    with Volume("--lock-memory", f"--store={store}") as v:
        fill(v, 16 << 20, 1)
        assert unlocked(v) == 0, unlocked(v)
        before = v.held()
        os.unlink(v / "filled")
        os.statvfs(v.path)
        mounted.wait_for("memory to be given back", lambda: before - v.held() > 12 << 20)
    with Volume(f"--store={store}") as v:
        fill(v, 1 << 20, 2)
        assert unlocked(v) > 0


def test_locked_memory_in_sectors():
    locked_volume("sectors")


def test_locked_memory_in_a_tmpfs():
    if os.environ.get("MEMEFS_TEST_STORE") == "sectors":
        raise Skip("not of this store")
    with Volume() as v:
        if not v.backed():
            raise Skip("no tmpfs store here")
    locked_volume("tmpfs")


def test_memory_that_cannot_be_locked():
    with Volume(user=NOBODY) as v:  # so that such a user can mount
        path = v.path + ".locked"
        os.mkdir(path)
        os.chown(path, NOBODY, NOBODY)
        try:
            done = run("prlimit", "--memlock=65536:65536", *as_user(NOBODY), mounted.MEMEFS, "--lock-memory", path,
                       check=False)
            assert done.returncode == 2 and path not in mounts(), done
            assert re.fullmatch(r"memefs: cannot lock memory: .*ulimit -l.*\n", done.stdout), done.stdout
        finally:
            os.rmdir(path)


# ---- core dumps ------------------------------------------------------------------------------------------------


def holding(v, pattern):
    """The flags of the daemon's mappings that hold a pattern."""
    found = []
    with open(f"/proc/{v.pid}/mem", "rb", buffering=0) as memory:
        for start, end, words in mappings(v):
            if not int(words["Rss"][0]):
                continue
            try:
                memory.seek(start)
                if pattern in memory.read(end - start):
                    found.append(words["VmFlags"])
            except OSError:
                continue
    return found


def test_core_dumps_leave_data_out():
    if os.geteuid():
        raise Skip("needs root")
    pattern = b"".join(b"%08x" % number for number in random.Random(3).choices(range(1 << 32), k=4))
    with Volume("--store=sectors") as v:
        for i in range(20):
            with open(v / f"file{i}", "wb") as file:
                file.write(pattern * 4000)
            with open(v / f"file{i}", "rb") as file:
                assert len(file.read()) == len(pattern) * 4000
            os.setxattr(v / f"file{i}", "user.pattern", pattern * 100)
            os.getxattr(v / f"file{i}", "user.pattern")
        assert holding(v, pattern)  # it looks at the right process
        # Who has answered wipes its buffer then: a caller can be quicker.
        wait_for("what holds data to be left out", lambda: all("dd" in flags for flags in holding(v, pattern)))


if __name__ == "__main__":
    main(globals())
