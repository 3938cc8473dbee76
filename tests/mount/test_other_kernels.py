#!/usr/bin/env python3
"""What other kernels than this one ask: a library between the kernel and memefs changes the requests
(other_kernel.c says how)."""
import contextlib
import errno
import os
import pathlib
import subprocess
import tempfile

from mounted import MEMEFS, Volume, children, main, mounts, need, run
from test_posix import (IMMUTABLE, KEEP_SIZE, NODUMP, ZERO, fallocate, fsxattr, get_flags, need_root,
                        opened, refuses, set_flags, write)

SOURCE = pathlib.Path(__file__).with_name("other_kernel.c")
BLOCK = 4096


@contextlib.contextmanager
def other(kernel):
    """What is started meanwhile has another kernel."""
    need("cc")
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as work:
        library = os.path.join(work, "other_kernel.so")
        run("cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE)
        os.environ.update(LD_PRELOAD=library, OTHER_KERNEL=kernel)
        try:
            yield
        finally:
            del os.environ["LD_PRELOAD"], os.environ["OTHER_KERNEL"]


@contextlib.contextmanager
def volume_under(kernel, store="sectors"):  # the kernel of the tmpfs store would refuse by itself
    volume = Volume(f"--store={store}")
    with other(kernel):
        volume.__enter__()
    try:
        yield volume
    finally:
        volume.__exit__()


def test_the_daemon_asks_who_sets_attributes():
    """Before Linux 5.13 nobody else does."""
    need_root()
    with volume_under("stranger") as v:
        for name in ("theirs", "own"):
            write(v / name)
        os.chown(v / "own", 1000, 1000)
        for call in (set_flags, lambda path, flags: fsxattr(path, 0x80)):  # FS_XFLAG_NODUMP
            refuses(errno.EPERM, call, v / "theirs", NODUMP)
            assert get_flags(v / "theirs") == 0
            call(v / "own", NODUMP)
            assert get_flags(v / "own") == NODUMP
            set_flags(v / "own", 0)
        refuses(errno.EPERM, set_flags, v / "own", IMMUTABLE)
        refuses(errno.EPERM, fsxattr, v / "own", 0x8)  # FS_XFLAG_IMMUTABLE
        assert get_flags(v / "own") == 0


def blocks(text):
    """A block for each letter; "-" is one of zeros."""
    return b"".join(bytes(BLOCK) if letter == "-" else letter.encode() * BLOCK for letter in text)


def read_past_the_cache(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def shifted(kernel, at, size, expected):
    """Takes out of, or puts into, a file of three blocks; tells what must be in it then."""
    with volume_under(kernel) as v:
        with open(v / "f", "wb") as file:
            file.write(blocks("abc"))
        opened(v / "f", os.O_RDWR, lambda file: fallocate(file, ZERO | KEEP_SIZE, at * BLOCK, size * BLOCK))
        assert os.stat(v / "f").st_size == len(expected) * BLOCK
        assert read_past_the_cache(v / "f") == blocks(expected)
        stored = len(expected.replace("-", ""))
        assert os.stat(v / "f").st_blocks == stored * BLOCK // 512
        for wrong in (100, 3 * BLOCK * 100):  # no multiple of a block; behind the end
            refuses(errno.EINVAL, opened, v / "f", os.O_RDWR,
                    lambda file: fallocate(file, ZERO | KEEP_SIZE, wrong, BLOCK))
        assert read_past_the_cache(v / "f") == blocks(expected)


def test_ranges_are_collapsed():
    shifted("collapse", 1, 1, "ac")
    shifted("collapse", 0, 2, "c")


def test_ranges_are_inserted():
    shifted("insert", 1, 1, "a-bc")
    shifted("insert", 2, 2, "ab--c")


def test_without_passthrough_there_is_the_sector_store():
    need_root()
    with volume_under("old", store="auto") as v:
        assert v.status()["store"] == "sectors"
        write(v / "f", "hello")
        assert read_past_the_cache(v / "f") == b"hello"
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as point, other("old"):
        running = children()
        done = run(MEMEFS, "--store=tmpfs", point, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 2 and "passthrough" in done.stdout and "6.9" in done.stdout, done
        assert point not in mounts() and children() == running


main(globals())
