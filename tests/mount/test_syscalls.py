#!/usr/bin/env python3
"""System calls one by one: what each answers, and which times it moves."""
import ctypes
import errno
import fcntl
import mmap
import os
import stat
import time

from mounted import Volume, main

libc = ctypes.CDLL(None, use_errno=True)


def refuses(number, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call} succeeded, not {errno.errorcode[number]}")


def write(path, data=b"x"):
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.write(file, data)
    os.close(file)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def pass_time():
    """Until the kernel's coarse clock, which stamps files, has moved."""
    now = time.clock_gettime_ns(5)
    while time.clock_gettime_ns(5) == now:
        pass


class Moves:
    """with Moves(path, "mtime", "ctime"): these times of path move, the others of the two do not."""

    def __init__(self, path, *which):
        self.path, self.which = path, which

    def __enter__(self):
        self.before = os.lstat(self.path)
        pass_time()

    def __exit__(self, failed, *_):
        if failed:
            return
        after = os.lstat(self.path)
        for name in ("mtime", "ctime"):
            old, new = getattr(self.before, f"st_{name}_ns"), getattr(after, f"st_{name}_ns")
            assert (new > old) == (name in self.which) and new >= old, (self.path, name, old, new)


def test_making_and_removing():
    with Volume() as v:
        os.chdir(v.path)
        write("a", b"hello")
        state = os.stat("a")
        assert (read("a"), state.st_size, state.st_nlink, state.st_mode) == (b"hello", 5, 1, 0o100644)
        refuses(errno.EEXIST, os.mkdir, "a")
        refuses(errno.ENOTDIR, os.rmdir, "a")
        refuses(errno.ENOTDIR, os.stat, "a/b")
        refuses(errno.EEXIST, os.open, "a", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.makedirs("d/e")
        refuses(errno.EISDIR, os.unlink, "d")
        refuses(errno.ENOTEMPTY, os.rmdir, "d")
        refuses(errno.EISDIR, os.open, "d", os.O_WRONLY)
        refuses(errno.ENOTDIR, os.open, "a", os.O_RDONLY | os.O_DIRECTORY)
        refuses(errno.ENOENT, os.stat, "none")
        refuses(errno.ENOENT, os.stat, "none")  # and once more, from the kernel's memory
        write("none")
        assert os.stat("none").st_size == 1
        os.unlink("none")
        refuses(errno.ENOENT, os.stat, "none")
        refuses(errno.ENOENT, os.unlink, "none")
        refuses(errno.ENOENT, os.rmdir, "none")
        os.chdir("/")


def test_links_and_special_nodes():
    with Volume() as v:
        os.chdir(v.path)
        write("a", b"hello")
        os.symlink("a", "l")
        assert (os.readlink("l"), os.lstat("l").st_size, read("l")) == ("a", 1, b"hello")
        refuses(errno.ELOOP, os.open, "l", os.O_RDONLY | os.O_NOFOLLOW)
        os.symlink("loop", "loop")
        refuses(errno.ELOOP, os.stat, "loop")
        refuses(errno.EINVAL, os.readlink, "a")
        os.link("a", "h")
        assert os.stat("a").st_nlink == 2 and os.stat("h").st_ino == os.stat("a").st_ino
        refuses(errno.EEXIST, os.link, "a", "h")
        os.unlink("h")
        assert os.stat("a").st_nlink == 1
        os.link("l", "l2", follow_symlinks=False)
        assert os.lstat("l").st_nlink == 2
        os.mkfifo("f")
        ends = os.open("f", os.O_RDONLY | os.O_NONBLOCK), os.open("f", os.O_WRONLY)
        os.write(ends[1], b"through")
        assert os.read(ends[0], 10) == b"through" and os.stat("f").st_size == 0
        for end in ends:
            os.close(end)
        if os.geteuid() == 0:
            os.mknod("c", stat.S_IFCHR | 0o600, os.makedev(259, 70000))
            assert os.stat("c").st_rdev == os.makedev(259, 70000)
            os.mknod("b", stat.S_IFBLK | 0o600, os.makedev(4095, 1048575))
            assert os.stat("b").st_rdev == os.makedev(4095, 1048575)
        os.chdir("/")


def test_times_of_names():
    with Volume() as v:
        os.chdir(v.path)
        os.mkdir("d")
        with Moves("d", "mtime", "ctime"):
            write("d/f")
        with Moves("d"):
            write("d/f", b"longer")
        with Moves("d", "mtime", "ctime"), Moves("d/f", "ctime"):
            os.link("d/f", "d/g")
        with Moves("d", "mtime", "ctime"), Moves("d/f", "ctime"):
            os.unlink("d/g")
        with Moves("d", "mtime", "ctime"):
            os.mkdir("d/sub")
        with Moves("d", "mtime", "ctime"):
            os.rmdir("d/sub")
        with Moves("d", "mtime", "ctime"):
            os.symlink("x", "d/l")
        os.mkdir("other")
        state = os.stat("d/f")
        with Moves("d", "mtime", "ctime"), Moves("other", "mtime", "ctime"):
            os.rename("d/f", "other/f")
        after = os.stat("other/f")
        assert after.st_ctime_ns > state.st_ctime_ns and after.st_mtime_ns == state.st_mtime_ns
        with Moves("d"), Moves("other"):
            os.stat("other/f")
            os.listdir("d")
        os.chdir("/")


def test_times_of_files():
    with Volume() as v:
        os.chdir(v.path)
        write("t", b"0123456789")
        with Moves("t", "mtime", "ctime"):
            os.truncate("t", 10)
        with Moves("t", "mtime", "ctime"):
            os.truncate("t", 5)
        os.truncate("t", 10)
        assert read("t") == b"01234" + bytes(5)
        with Moves("t", "mtime", "ctime"):
            os.close(os.open("t", os.O_WRONLY | os.O_TRUNC))
        assert os.stat("t").st_size == 0
        with Moves("t", "mtime", "ctime"):
            os.close(os.open("t", os.O_WRONLY | os.O_TRUNC))
        with Moves("t"):
            os.close(os.open("t", os.O_WRONLY))
        file = os.open("t", os.O_RDWR)
        with Moves("t", "mtime", "ctime"):
            os.write(file, b"data")
        with Moves("t"):
            os.write(file, b"")
        with Moves("t"):
            os.pread(file, 4, 0)
        os.close(file)
        with Moves("t", "ctime"):
            os.chmod("t", 0o600)
        with Moves("t", "ctime"):
            os.chown("t", -1, os.getegid())
        with Moves("t", "ctime"):
            os.setxattr("t", "user.a", b"1")
        with Moves("t", "ctime"):
            os.removexattr("t", "user.a")
        os.utime("t", ns=(123456789123456789, 987654321987654321))
        state = os.stat("t")
        assert (state.st_atime_ns, state.st_mtime_ns) == (123456789123456789, 987654321987654321)
        os.utime("t", ns=(-5000000001, -7))
        state = os.stat("t")
        assert (state.st_atime_ns, state.st_mtime_ns) == (-5000000001, -7)
        os.chdir("/")


def test_sparse_files():
    with Volume() as v:
        file = os.open(v / "sp", os.O_RDWR | os.O_CREAT, 0o644)
        end = 1 << 40
        os.ftruncate(file, end)
        assert os.fstat(file).st_blocks == 0
        os.pwrite(file, b"E", end - 1)
        assert os.fstat(file).st_blocks <= 8
        assert os.pread(file, 3, end - 3) == b"\0\0E"
        data = os.lseek(file, 0, os.SEEK_DATA)
        assert end - 4096 <= data < end
        assert os.lseek(file, 0, os.SEEK_HOLE) == 0
        assert os.lseek(file, data, os.SEEK_HOLE) == end
        refuses(errno.ENXIO, os.lseek, file, end, os.SEEK_DATA)
        refuses(errno.ENXIO, os.lseek, file, end, os.SEEK_HOLE)
        refuses(errno.EINVAL, os.lseek, file, -1, os.SEEK_SET)
        assert os.pread(file, 8192, 5 << 30) == bytes(8192)
        os.close(file)


def test_copying_ranges():
    with Volume() as v:
        data = os.urandom(3 << 20)
        write(v / "a", data)
        a, b = os.open(v / "a", os.O_RDONLY), os.open(v / "b", os.O_RDWR | os.O_CREAT, 0o644)
        total = 0
        while True:
            done = os.copy_file_range(a, b, 5 << 20)
            if not done:
                break
            total += done
        assert total == 3 << 20 and read(v / "b") == data
        assert os.copy_file_range(a, b, 100, 10, 20) == 100
        assert os.pread(b, 100, 20) == data[10:110]
        refuses(errno.EINVAL, os.copy_file_range, b, b, 1000, 0, 500)
        assert os.copy_file_range(b, b, 500, 0, 1 << 20) == 500
        assert os.pread(b, 500, 1 << 20) == os.pread(b, 500, 0)
        refuses(errno.EBADF, os.copy_file_range, a, a, 10, 0, 1000)
        assert os.sendfile(b, a, 0, 1 << 20) == 1 << 20
        os.close(a)
        os.close(b)


def test_mappings_agree_with_reads():
    with Volume() as v:
        file = os.open(v / "m", os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(file, 1 << 20)
        view = mmap.mmap(file, 1 << 20)
        view[0:4] = b"abcd"
        view[500000:500004] = b"wxyz"
        assert os.pread(file, 4, 500000) == b"wxyz"
        os.pwrite(file, b"1234", 700000)
        assert view[700000:700004] == b"1234"
        private = mmap.mmap(file, 4096, flags=mmap.MAP_PRIVATE)
        private[0:4] = b"mine"
        assert os.pread(file, 4, 0) == b"abcd"
        view.flush()
        view.close()
        private.close()
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)  # not what the kernel remembers
        os.close(file)
        data = read(v / "m")
        assert data[:4] == b"abcd" and data[500000:500004] == b"wxyz" and data[700000:700004] == b"1234"
        assert len(data) == 1 << 20


def test_listings_follow_changes():
    with Volume() as v:
        names = [f"{i:05}" for i in range(3000)]
        for name in names:
            write(v / name)
        for _ in range(2):  # from the daemon, then from the kernel's cache
            assert sorted(os.listdir(v.path)) == names
        os.unlink(v / "00500")
        write(v / "new")
        listed = os.listdir(v.path)
        assert "00500" not in listed and "new" in listed and len(listed) == 3000
        assert all(entry.is_file(follow_symlinks=False) for entry in os.scandir(v.path))


def test_a_deleted_working_directory():
    with Volume() as v:
        os.mkdir(v / "gone")
        os.chdir(v / "gone")
        os.rmdir(v / "gone")
        assert os.listdir(".") == []
        refuses(errno.ENOENT, os.open, "f", os.O_CREAT | os.O_WRONLY)
        refuses(errno.ENOENT, os.mkdir, "d")
        assert os.stat(".").st_nlink == 0
        os.chdir("/")


def test_descriptors():
    with Volume() as v:
        write(v / "f", b"0123456789")
        file = os.open(v / "f", os.O_RDWR)
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)
        os.fsync(file)
        os.fdatasync(file)
        copy = os.dup(file)
        os.lseek(file, 4, os.SEEK_SET)
        assert os.read(copy, 2) == b"45"
        os.unlink(v / "f")
        again = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)  # open what has no name any more
        assert os.read(again, 20) == b"0123456789"
        os.ftruncate(file, 100)
        assert os.fstat(again).st_size == 100
        for number in (file, copy, again):
            os.close(number)
        folder = os.open(v.path, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        path = os.open(v.path, os.O_PATH)
        os.mkdir("by-path", dir_fd=path)
        assert os.listdir(v.path) == ["by-path"]
        os.close(path)
        reading = os.open(v / "r", os.O_RDONLY | os.O_CREAT, 0o644)
        refuses(errno.EBADF, os.write, reading, b"x")
        refuses(errno.EINVAL, os.ftruncate, reading, 1)
        os.close(reading)


def test_statfs():
    with Volume("-s", "64m") as v:
        space = os.statvfs(v.path)
        assert space.f_namemax == 255 and space.f_bfree <= space.f_blocks == (64 << 20) // space.f_frsize
        assert space.f_bavail == space.f_bfree and space.f_ffree <= space.f_files


def test_reading_without_moving_the_access_time():
    with Volume("-o", "strictatime") as v:
        with open(v / "f", "wb") as file:
            file.write(b"x" * 5000)
        before = os.stat(v / "f").st_atime_ns
        for flags, moves in ((os.O_NOATIME, False), (0, True)):
            time.sleep(0.02)
            file = os.open(v / "f", os.O_RDONLY | flags)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.read(file, 5000)
            os.close(file)
            assert (os.stat(v / "f").st_atime_ns > before) == moves, moves


if __name__ == "__main__":
    main(globals())
