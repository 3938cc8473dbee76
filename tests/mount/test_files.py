#!/usr/bin/env python3
"""Files as POSIX has them: open and gone, renamed, linked, sized, attributed."""
import ctypes
import errno
import fcntl
import mmap
import os
import stat
import time

from mounted import Volume, main, need, run

libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH, ZERO = 1, 2, 16


def renameat2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def fallocate(file, mode, offset, size):
    if libc.fallocate(file, mode, ctypes.c_long(offset), ctypes.c_long(size)):
        raise OSError(ctypes.get_errno(), "fallocate")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def refuses(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call} succeeded, not errno {number}")


def test_an_unlinked_open_file_lives_on():
    with Volume("-s", "8m") as v:
        before = os.statvfs(v.path)
        file = os.open(v / "file", os.O_CREAT | os.O_RDWR)
        os.write(file, b"a" * 100000)
        os.unlink(v / "file")
        assert not os.path.exists(v / "file")
        os.write(file, b"b" * 100000)
        assert os.pread(file, 200000, 0) == b"a" * 100000 + b"b" * 100000
        assert os.fstat(file).st_nlink == 0
        os.ftruncate(file, 10)
        assert os.fstat(file).st_size == 10
        os.close(file)
        until = time.monotonic() + 30
        while os.statvfs(v.path) != before and time.monotonic() < until:
            pass
        assert os.statvfs(v.path) == before


def test_renames():
    with Volume() as v:
        write(v / "a", "A")
        write(v / "b", "B")
        refuses(errno.EEXIST, renameat2, v / "a", v / "b", NOREPLACE)
        renameat2(v / "a", v / "b", EXCHANGE)
        assert (read(v / "a"), read(v / "b")) == ("B", "A")
        refuses(errno.ENOENT, renameat2, v / "a", v / "c", EXCHANGE)
        renameat2(v / "a", v / "c", NOREPLACE)
        os.rename(v / "c", v / "b")
        assert read(v / "b") == "B" and os.listdir(v.path) == ["b"]
        os.mkdir(v / "d")
        refuses(errno.EISDIR, os.rename, v / "b", v / "d")
        refuses(errno.ENOTDIR, os.rename, v / "d", v / "b")
        refuses(errno.EINVAL, os.rename, v / "d", v / "d/e")
        os.mkdir(v / "e")
        write(v / "e/f", "")
        refuses(errno.ENOTEMPTY, os.rename, v / "d", v / "e")
        os.rename(v / "e", v / "d")
        assert os.listdir(v / "d") == ["f"]
        renameat2(v / "b", v / "w", WHITEOUT)
        state = os.stat(v / "b")
        assert stat.S_ISCHR(state.st_mode) and state.st_rdev == 0


def test_special_nodes_and_links():
    with Volume() as v:
        os.mkfifo(v / "fifo")
        os.mknod(v / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(v / "socket", 0o600 | stat.S_IFSOCK)
        assert stat.S_ISFIFO(os.stat(v / "fifo").st_mode)
        assert os.stat(v / "null").st_rdev == os.makedev(1, 3)
        with open(v / "null", "wb") as null:
            null.write(b"gone")
        os.symlink("x" * 4000, v / "link")
        assert os.readlink(v / "link") == "x" * 4000
        assert os.lstat(v / "link").st_size == 4000
        refuses(errno.ENAMETOOLONG, write, v / ("n" * 256), "")
        write(v / ("n" * 255), "")
        os.mkdir(v / "dir")
        refuses(errno.EPERM, os.link, v / "dir", v / "dir2")


def test_holes_are_punched_and_zeroed():
    with Volume() as v:
        with open(v / "f", "w+b", buffering=0) as file:
            number = file.fileno()
            os.write(number, b"z" * 65536)
            blocks = os.fstat(number).st_blocks
            fallocate(number, PUNCH | KEEP_SIZE, 4096, 8192)
            assert blocks - os.fstat(number).st_blocks == 16
            assert os.pread(number, 65536, 0) == b"z" * 4096 + bytes(8192) + b"z" * 53248
            fallocate(number, PUNCH | KEEP_SIZE, 20000, 100)
            assert os.pread(number, 300, 19900) == b"z" * 100 + bytes(100) + b"z" * 100
            fallocate(number, ZERO, 60000, 10000)
            assert os.fstat(number).st_size == 70000
            assert os.pread(number, 20000, 59000) == b"z" * 1000 + bytes(10000)
            fallocate(number, KEEP_SIZE, 1 << 20, 4096)
            assert os.fstat(number).st_size == 70000
            fallocate(number, 0, 1 << 20, 4096)
            assert os.fstat(number).st_size == (1 << 20) + 4096
            assert os.lseek(number, 4096, os.SEEK_DATA) == 12288
            refuses(errno.EOPNOTSUPP, fallocate, number, PUNCH, 0, 4096)


def test_old_bytes_do_not_come_back():
    with Volume() as v:
        with open(v / "f", "w+b", buffering=0) as file:
            number = file.fileno()
            for size in (1, 100, 511, 513, 4095, 5000, 100000):
                os.ftruncate(number, 0)
                os.pwrite(number, b"S" * 200000, 0)
                os.ftruncate(number, size)
                os.ftruncate(number, 200000)
                assert os.pread(number, 200000, 0) == b"S" * size + bytes(200000 - size), size
                os.ftruncate(number, size)
                os.pwrite(number, b"e", 150000)
                assert os.pread(number, 200000, size) == bytes(150000 - size) + b"e", size


def test_times():
    with Volume() as v:
        write(v / "f", "1")
        os.utime(v / "f", ns=(1234567890123456789, 987654321098765432))
        state = os.stat(v / "f")
        assert state.st_atime_ns == 1234567890123456789 and state.st_mtime_ns == 987654321098765432
        old = time.time_ns() - 10**9
        os.utime(v / "f", ns=(old, old))
        write(v / "f", "2")
        assert os.stat(v / "f").st_mtime_ns > old
        os.utime(v.path, ns=(old, old))
        os.unlink(v / "f")
        assert os.stat(v.path).st_mtime_ns > old
        for moment in (-1, -(10**9) * 86400 * 365 * 100, 4102444800 * 10**9, 10**9 * 16725225600):
            write(v / "g", "")
            os.utime(v / "g", ns=(moment, moment))
            assert os.stat(v / "g").st_mtime_ns == moment


def test_user_attributes():
    with Volume() as v:
        path = v / "f"
        write(path, "")
        os.setxattr(path, "user.one", b"1")
        os.setxattr(path, "user.two", b"2" * 65536)
        assert sorted(os.listxattr(path)) == ["user.one", "user.two"]
        assert os.getxattr(path, "user.two") == b"2" * 65536
        refuses(errno.EEXIST, os.setxattr, path, "user.one", b"", os.XATTR_CREATE)
        refuses(errno.ENODATA, os.setxattr, path, "user.three", b"", os.XATTR_REPLACE)
        os.setxattr(path, "user.one", b"", os.XATTR_REPLACE)
        assert os.getxattr(path, "user.one") == b""
        os.removexattr(path, "user.one")
        refuses(errno.ENODATA, os.getxattr, path, "user.one")
        refuses(errno.ENODATA, os.removexattr, path, "user.one")


def test_copy_file_range():
    with Volume() as v:
        with open(v / "a", "w+b", buffering=0) as a, open(v / "b", "w+b", buffering=0) as b:
            a.write(b"0123456789" * 1000)
            os.ftruncate(a.fileno(), 1 << 20)
            total = 0
            while True:
                done = os.copy_file_range(a.fileno(), b.fileno(), 1 << 21, total, total)
                if not done:
                    break
                total += done
            assert total == 1 << 20
            assert os.pread(b.fileno(), 1 << 20, 0) == b"0123456789" * 1000 + bytes((1 << 20) - 10000)
            # The kernel itself copies backing files, as tmpfs's, and holes become zeros.
            assert v.backed() or os.fstat(b.fileno()).st_blocks < 64


def test_shared_mappings():
    with Volume() as v:
        with open(v / "m", "w+b") as file:
            file.truncate(1 << 20)
            with mmap.mmap(file.fileno(), 1 << 20) as view:
                view[5000:5005] = b"hello"
                view.flush()
            assert os.pread(file.fileno(), 5, 5000) == b"hello"


def test_appends_from_two_descriptors():
    with Volume() as v:
        a = os.open(v / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        b = os.open(v / "log", os.O_WRONLY | os.O_APPEND)
        for i in range(1000):
            os.write(a, b"a%06d\n" % i)
            os.write(b, b"b%06d\n" % i)
        os.close(a)
        os.close(b)
        with open(v / "log", "rb") as file:
            lines = file.read().splitlines()
        assert lines[0::2] == [b"a%06d" % i for i in range(1000)]
        assert lines[1::2] == [b"b%06d" % i for i in range(1000)]


def test_set_id_bits_go_when_others_write():
    need("setpriv")
    with Volume("-o", "allow_other,mode=777") as v:
        path = v / "suid"
        write(path, "x")
        os.chmod(path, 0o6777)
        run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", f"echo y >> {path}")
        assert os.stat(path).st_mode & 0o7777 == 0o777, oct(os.stat(path).st_mode)
        os.chmod(path, 0o6777)
        run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "truncate", "-s", "5", path)
        assert os.stat(path).st_mode & 0o7777 == 0o777, oct(os.stat(path).st_mode)
        os.chmod(path, 0o6777)
        os.chown(path, 1, 1)
        assert os.stat(path).st_mode & 0o7777 == 0o777, oct(os.stat(path).st_mode)


def test_unknown_ioctls_are_refused():
    with Volume() as v:
        write(v / "f", "")
        with open(v / "f", "rb") as file:
            refuses(errno.ENOTTY, fcntl.ioctl, file, 0x12345678)


def test_identities():
    with Volume() as v:
        write(v / "a", "")
        first = os.stat(v / "a").st_ino
        os.unlink(v / "a")
        write(v / "a", "")
        assert os.stat(v / "a").st_ino != first
        assert os.stat(v.path).st_ino == 1


main(globals())
