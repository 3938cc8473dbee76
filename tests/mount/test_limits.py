#!/usr/bin/env python3
"""Limits, sparse files, memory: what is charged, what df shows, what comes back."""
import errno
import os

from mounted import Volume, main, run, wait_for

MIB = 1 << 20


def fill(path, chunk=b"x" * MIB):
    """Writes until the volume is full; returns how many bytes were taken."""
    written = 0
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            written += os.write(file, chunk)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
    finally:
        os.close(file)
    return written


def free_bytes(path):
    state = os.statvfs(path)
    return state.f_bfree * state.f_frsize


def test_the_byte_limit_is_exact():
    with Volume("-s", "64m") as v:
        first = os.statvfs(v.path)
        assert first.f_blocks * first.f_frsize == 64 * MIB
        written = fill(v / "file")
        assert written > 63 * MIB, written
        assert os.stat(v / "file").st_size == written
        with open(v / "file", "rb") as file:
            assert file.read() == b"x" * written
        full = os.statvfs(v.path)
        assert full.f_bfree == 0 and full.f_bavail == 0, full
        assert run("df", "--output=avail", v.path).stdout.split()[-1] == "0"
        os.unlink(v / "file")
        assert os.statvfs(v.path) == first


def test_small_writes_reach_the_limit_too():
    with Volume("-s", "1m") as v:
        first = os.statvfs(v.path)
        written = fill(v / "file", b"y" * 100)
        assert written > MIB * 9 // 10, written
        with open(v / "file", "rb") as file:
            assert file.read() == b"y" * written
        os.unlink(v / "file")
        assert os.statvfs(v.path) == first


def test_names_and_attributes_count():
    with Volume("-s", "1m") as v:
        first = free_bytes(v.path)
        count = 0
        try:
            while True:
                os.mkdir(v / f"{count:0200}")
                count += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        assert 100 < count < MIB // 200, count
        for i in range(count):
            os.rmdir(v / f"{i:0200}")
        assert free_bytes(v.path) == first
        open(v / "file", "w").close()
        before = free_bytes(v.path)
        os.setxattr(v / "file", "user.big", b"v" * 60000)
        assert before - free_bytes(v.path) >= 60000 - 4096
        os.unlink(v / "file")
        assert free_bytes(v.path) == first


def test_a_full_volume_can_be_cleaned():
    with Volume("-s", "2m") as v:
        first = os.statvfs(v.path)
        os.mkdir(v / "folder")
        fill(v / "folder/file")
        os.rename(v / "folder/file", v / "a much longer name than the one before")
        os.truncate(v / "a much longer name than the one before", 100)
        os.unlink(v / "a much longer name than the one before")
        os.rmdir(v / "folder")
        assert os.statvfs(v.path) == first


def test_the_node_limit():
    with Volume("-n", "1000") as v:
        state = os.statvfs(v.path)
        assert state.f_files == 1000
        count = 0
        try:
            while True:
                open(v / str(count), "w").close()
                count += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        assert count == state.f_ffree, (count, state.f_ffree)
        assert os.statvfs(v.path).f_ffree == 0
        os.unlink(v / "0")
        open(v / "again", "w").close()
        for name in os.listdir(v.path):
            os.unlink(v / name)
        assert os.statvfs(v.path).f_ffree == state.f_ffree


def test_a_percentage_is_of_the_memory():
    with open("/proc/meminfo", encoding="ascii") as info:
        total = int(info.readline().split()[1]) << 10
    with Volume("-s", "50%") as v:
        state = os.statvfs(v.path)
        size = state.f_blocks * state.f_frsize
        assert total * 0.01 < size <= total * 0.5, (size, total)


def test_without_a_limit_it_is_what_the_machine_has():
    with open("/proc/meminfo", encoding="ascii") as info:
        available = [int(line.split()[1]) << 10 for line in info if line.startswith("MemAvailable")][0]
    with Volume() as v:
        free = free_bytes(v.path)
        assert available / 8 < free < available, (free, available)


def test_a_sparse_tebibyte():
    with Volume("-s", "64m") as v:
        path = v / "sparse"
        open(path, "w").close()
        before, resident = free_bytes(v.path), v.resident()
        os.truncate(path, 1 << 40)
        assert os.stat(path).st_size == 1 << 40
        assert os.stat(path).st_blocks == 0
        assert free_bytes(v.path) == before
        with open(path, "r+b") as file:
            file.seek((1 << 40) - 1)
            file.write(b"!")
        assert os.stat(path).st_blocks == (8 if v.backed() else 1), os.stat(path)  # a page, or a sector
        assert before - free_bytes(v.path) <= 4096
        with open(path, "rb", buffering=0) as file:
            assert file.read(MIB) == bytes(MIB)
            file.seek((1 << 40) - MIB)
            assert file.read(MIB) == bytes(MIB - 1) + b"!"
            last = (1 << 40) - (4096 if v.backed() else 512)
            assert os.lseek(file.fileno(), 0, os.SEEK_DATA) == last
            assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 0
            assert os.lseek(file.fileno(), last, os.SEEK_HOLE) == 1 << 40
            assert os.lseek(file.fileno(), (1 << 40) - 1, os.SEEK_DATA) == (1 << 40) - 1
        assert v.resident() - resident < 8 * MIB


def test_seeking_agrees_with_what_was_written():
    with Volume() as v:
        with open(v / "holes", "w+b", buffering=0) as file:
            spots = [i * 1000 * 4096 for i in range(50)]
            for spot in spots:
                os.pwrite(file.fileno(), b"d" * 4096, spot)
            at, seen = 0, []
            while True:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                except OSError as error:
                    assert error.errno == errno.ENXIO
                    break
                end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
                seen.append((at, end))
                at = end
            assert seen == [(spot, spot + 4096) for spot in spots], seen
        run("cp", "--sparse=always", v / "holes", v / "copy")
        run("cmp", v / "holes", v / "copy")
        assert os.stat(v / "copy").st_blocks <= os.stat(v / "holes").st_blocks


def test_memory_comes_back():
    with Volume() as v:
        start = v.held()
        with open(v / "big", "wb") as file:
            for _ in range(256):
                file.write(b"m" * MIB)
        assert v.held() - start > 250 * MIB
        os.unlink(v / "big")
        wait_for("the memory to be given back", lambda: v.held() - start < 16 * MIB)


def test_memory_for_each_file():
    count = 100000
    with Volume() as v:
        start = v.held()
        for i in range(count):
            os.close(os.open(v / f"e{i:06}", os.O_CREAT | os.O_WRONLY, 0o644))
        empty = (v.held() - start) / count
        assert empty <= 400, empty
        for i in range(count):
            file = os.open(v / f"e{i:06}", os.O_WRONLY)
            os.write(file, b"4" * 4096)
            os.close(file)
        full = (v.held() - start) / count
        assert full <= 4600, full
        print(f"# {empty:.0f} bytes for an empty file, {full:.0f} for one of 4 KiB")


main(globals())
