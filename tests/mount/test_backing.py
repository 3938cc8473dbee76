#!/usr/bin/env python3
"""The tmpfs store's files: made ahead, emptied and used again, and never another's."""
import mmap
import os
import random

from mounted import Skip, Volume, main, run, wait_for

MIB = 1 << 20
PATTERN = b"of somebody else's file " * 400
COUNT = 3000


def backed():
    volume = Volume("-s", "512m")
    with volume as v:
        if not v.backed():
            raise Skip("no tmpfs store here")
    return Volume("-s", "512m")


def fill(v, name, count=COUNT, data=PATTERN):
    for i in range(count):
        file = os.open(v / f"{name}{i}", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        assert os.write(file, data) == len(data)
        os.close(file)


def empty(v, name, count=COUNT):
    for i in range(count):
        os.unlink(v / f"{name}{i}")


def kernel_files():
    with open("/proc/sys/fs/file-nr", encoding="ascii") as numbers:
        return int(numbers.read().split()[0])


def test_what_is_used_again_is_empty():
    with backed() as v:
        for _ in range(3):
            fill(v, "old")
            empty(v, "old")
            os.statvfs(v.path)  # waits until what was deleted is gone
            for i in range(COUNT):
                file = os.open(v / f"new{i}", os.O_CREAT | os.O_RDWR, 0o600)
                state = os.fstat(file)
                assert (state.st_size, state.st_blocks) == (0, 0), state
                os.ftruncate(file, len(PATTERN))
                assert os.pread(file, len(PATTERN), 0) == bytes(len(PATTERN))
                os.pwrite(file, b"x", 5000)
                assert os.pread(file, len(PATTERN), 0) == bytes(5000) + b"x" + bytes(len(PATTERN) - 5001)
                os.close(file)
            empty(v, "new")


def stamps(path):
    state = os.lstat(path)
    return min(state.st_mtime_ns, state.st_ctime_ns), max(state.st_mtime_ns, state.st_ctime_ns)


def test_what_comes_later_is_not_older():
    """Whether the kernel stamps it, at a write, or the daemon: make(1) counts on that."""
    later = {"create": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)), "mkdir": os.mkdir,
             "symlink": lambda path: os.symlink("x", path), "link": lambda path: os.link(f"{path}.made", path),
             "utime": lambda path: os.utime(f"{path}.made"), "chmod": lambda path: os.chmod(f"{path}.made", 0o640),
             "truncate": lambda path: os.truncate(f"{path}.made", 7)}
    with backed() as v:
        for how, call in later.items():
            other = v / f"{how}.made" if how in ("link", "utime", "chmod", "truncate") else v / how
            for number in range(60):
                if other.endswith(".made"):
                    os.close(os.open(other, os.O_CREAT | os.O_WRONLY))
                file = os.open(v / f"{how}{number % 3}", os.O_CREAT | (os.O_RDWR if number % 2 else os.O_WRONLY))
                os.write(file, b"x")
                os.fstat(file)
                os.write(file, b"y")  # has a time of its own, for the file was looked at
                if number % 4 < 2:
                    os.close(file)
                call(v / how)
                before, after = stamps(v / f"{how}{number % 3}"), stamps(other)
                assert before[1] <= after[1], (how, number, before, after)
                if how not in ("chmod", "link"):
                    assert before[1] <= after[0], (how, number, before, after)
                if number % 4 >= 2:
                    os.write(file, b"z")
                    assert after[1] <= stamps(v / f"{how}{number % 3}")[0], (how, number)
                    os.close(file)
                (os.rmdir if how == "mkdir" else os.unlink)(other)
                if how == "link":
                    os.unlink(v / how)


def test_a_mapped_file_is_nobody_elses():
    with backed() as v:
        maps = []
        for i in range(200):
            file = os.open(v / f"mapped{i}", os.O_CREAT | os.O_RDWR, 0o600)
            os.write(file, PATTERN)
            maps.append(mmap.mmap(file, len(PATTERN)))
            os.close(file)
            os.unlink(v / f"mapped{i}")
        os.statvfs(v.path)
        fill(v, "other", 500, b"other" * 1000)
        for one in maps:
            assert one[:] == PATTERN
            one[:] = bytes(len(PATTERN))
        for i in range(500):
            with open(v / f"other{i}", "rb") as file:
                assert file.read() == b"other" * 1000
        for one in maps:
            one.close()


def test_an_open_file_is_nobody_elses():
    with backed() as v:
        files = []
        for i in range(200):
            files.append(os.open(v / f"open{i}", os.O_CREAT | os.O_WRONLY, 0o600))
            os.write(files[-1], PATTERN)
            os.unlink(v / f"open{i}")
        os.statvfs(v.path)
        fill(v, "other", 500, b"other" * 1000)
        for file in files:
            assert os.fstat(file).st_size == len(PATTERN)
            os.pwrite(file, PATTERN, len(PATTERN))
            os.close(file)
        for i in range(500):
            with open(v / f"other{i}", "rb") as file:
                assert file.read() == b"other" * 1000


def test_the_stock_is_given_back():
    with backed() as v:
        os.close(os.open(v / "first", os.O_CREAT | os.O_WRONLY, 0o600))
        used, before = v.status()["bytes used"], kernel_files()
        fill(v, "file")
        empty(v, "file")
        assert v.status()["bytes used"] == used
        wait_for("the stock to go", lambda: kernel_files() - before < 300)
        fill(v, "file")
        for i in range(COUNT):
            with open(v / f"file{i}", "rb") as file:
                assert file.read() == PATTERN
        empty(v, "file")
        assert v.status()["bytes used"] == used


def test_nearly_full():
    """Files are deleted and made again where there is hardly room for any."""
    with Volume("-s", "8m") as v:
        for _ in range(20):
            made = 0
            try:
                while True:
                    with open(v / f"file{made}", "wb", buffering=0) as file:
                        made += 1
                        if file.write(PATTERN) < len(PATTERN):
                            break
            except OSError:
                pass
            assert made > 300, made
            for i in range(made):
                if os.path.exists(v / f"file{i}"):
                    os.unlink(v / f"file{i}")
        run("df", v.path)


def in_huge_pages():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next((int(line.split()[1]) << 10 for line in lines if line.startswith("ShmemHugePages:")), None)


def test_huge_pages():
    """They are taken when asked for, hold what pages hold, count as what they take, and go again."""
    with backed():
        if in_huge_pages() is None or not os.path.exists("/sys/kernel/mm/transparent_hugepage/shmem_enabled"):
            raise Skip("no huge pages for tmpfs here")
    data = random.Random(5).randbytes(8 * MIB)
    for huge, large, small in (("never", 0, 4096), ("within_size", 8 * MIB, 4096), ("always", 8 * MIB, 2 * MIB)):
        with Volume("-s", "64m", "--store=tmpfs", "-o", f"huge={huge}") as v:
            before, free, used = in_huge_pages(), os.statvfs(v.path).f_bavail, v.status()["bytes used"]
            with open(v / "large", "w+b", buffering=0) as file:
                assert file.write(data) == len(data)
                assert os.fstat(file.fileno()).st_blocks * 512 == len(data)
                taken = in_huge_pages() - before
                assert taken == large or huge != "never" and taken > 0, (huge, taken)
                os.ftruncate(file.fileno(), 5 * MIB + 100)
                os.ftruncate(file.fileno(), 8 * MIB)
                assert os.pread(file.fileno(), 9 * MIB, 0) == data[:5 * MIB + 100] + bytes(3 * MIB - 100)
            made = 0
            for i in range(200):
                with open(v / f"small{i}", "wb", buffering=0) as file:
                    made += file.write(PATTERN[:1000]) == 1000
            assert made == 200, (huge, made)  # where there is no room for a huge page a small one will do
            assert os.stat(v / "small0").st_blocks * 512 in (4096, small), huge
            for i in range(200):
                with open(v / f"small{i}", "rb") as file:
                    assert file.read() == PATTERN[:1000]
            for name in os.listdir(v.path):
                os.unlink(v / name)
            assert (os.statvfs(v.path).f_bavail, v.status()["bytes used"]) == (free, used), huge
            wait_for("the huge pages to go", lambda: in_huge_pages() <= before)


if __name__ == "__main__":
    main(globals())
