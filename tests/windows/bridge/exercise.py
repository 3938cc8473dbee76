#!/usr/bin/env python3
"""Exercises of a mounted directory that need more than the usual programs.

Usage: exercise.py NAME, in the mounted directory. Exit status 0: everything was as it must be.
Each one works in a folder of its own and leaves nothing behind.
"""
import ctypes
import errno
import hashlib
import mmap
import multiprocessing
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import time


def fails(number, function, *arguments, **named):
    """The call must fail with this errno."""
    try:
        function(*arguments, **named)
    except OSError as error:
        assert error.errno == number, f"{error}, not {errno.errorcode[number]}"
    else:
        raise AssertionError(f"no failure, {errno.errorcode[number]} was due")


def eventually(condition):
    """For what follows a close: the kernel does not wait for it, and remembers for a second."""
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about within five seconds")


def write(path, data, mode="wb"):
    with open(path, mode) as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def together(function, *lists):
    """Runs the function at once in one process for each list of arguments."""
    processes = [multiprocessing.Process(target=function, args=arguments) for arguments in lists]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert all(process.exitcode == 0 for process in processes), "a process failed"


# ---- data --------------------------------------------------------------------------------------

def append_lines(who, count):
    descriptor = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number in range(count):
        os.write(descriptor, b"%d:%06d:%s\n" % (who, number, b"x" * (number % 90)))
    os.close(descriptor)


def appenders():
    """Lines that several processes append to one file stay whole and in each one's order."""
    together(append_lines, *[(who, 1500) for who in range(4)])
    found = [0] * 4
    for line in read("log").splitlines():
        who, number, tail = line.split(b":")
        assert int(number) == found[int(who)] and tail == b"x" * (int(number) % 90), line
        found[int(who)] += 1
    assert found == [1500] * 4, found


def zeros():
    """What was written before is never seen again: holes, shrinking, growing, preallocation."""
    chance = random.Random(7)
    for _ in range(150):
        size = chance.randrange(1, 9000)
        write("file", b"\xaa" * size)
        with open("file", "r+b") as file:
            cut, grown = chance.randrange(0, size), size + chance.randrange(1, 9000)
            os.ftruncate(file.fileno(), cut)
            way = chance.randrange(3)
            if way == 0:
                os.ftruncate(file.fileno(), grown)
            elif way == 1:
                os.pwrite(file.fileno(), b"\0", grown - 1)
            else:
                os.posix_fallocate(file.fileno(), 0, grown)
            assert os.fstat(file.fileno()).st_size == grown
        data = read("file")
        assert data == b"\xaa" * cut + bytes(grown - cut), (size, cut, grown, way)
        if chance.randrange(2):
            os.unlink("file")


def mapped():
    """A file that is mapped and shared: what is stored is what is read, and what stays."""
    write("file", bytes(300000))
    with open("file", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[100:105] = b"hello"
        memory[299995:300000] = b"world"
        assert read("file")[100:105] == b"hello"
        memory.flush()
    os.rename("file", "other")
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as caches:
        caches.write("1")
    data = read("other")
    assert len(data) == 300000 and data[100:105] == b"hello" and data[-5:] == b"world"
    assert data.count(0) == 300000 - 10
    with open("other", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
        os.unlink("other")
        memory[0:4] = b"late"
        memory.flush()
        assert os.pread(file.fileno(), 5, 0) == b"late\0"
        memory.close()
    written_after_close()


def written_after_close():
    """Python's own mapping keeps the file open; this one does not: the store comes last of all."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    write("stored", bytes(8000))
    with open("stored", "r+b") as file:
        address = libc.mmap(None, 8000, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file.fileno(), 0)
    assert address not in (None, ctypes.c_void_p(-1).value)
    os.utime("stored", ns=(10**9, 10**9))
    ctypes.memmove(address + 5000, b"stored", 6)
    assert libc.munmap(address, 8000) == 0
    eventually(lambda: os.stat("stored").st_mtime_ns > 10**9)
    assert read("stored") == bytes(5000) + b"stored" + bytes(2994)


def preallocated():
    """Room set aside behind the end is there while the file is open, and given back after."""
    write("file", b"x" * 1000)
    with open("file", "r+b") as file:
        subprocess.run(["fallocate", "--keep-size", "--length", "1000000", "/proc/self/fd/0"], stdin=file,
                       check=True)
        assert os.fstat(file.fileno()).st_size == 1000
    eventually(lambda: os.stat("file").st_blocks <= 2)
    with open("file", "r+b") as file:
        os.posix_fallocate(file.fileno(), 500, 200000)
        assert os.fstat(file.fileno()).st_size == 200500
    assert read("file") == b"x" * 1000 + bytes(199500)


# ---- names ---------------------------------------------------------------------------------------

def unlinked_but_open():
    """A deleted file lives on for those who have it open, beside a new one of its name."""
    with open("file", "w+b") as file:
        file.write(b"first" * 5000)
        file.flush()
        os.unlink("file")
        assert os.fstat(file.fileno()).st_nlink == 0
        fails(errno.ENOENT, os.stat, "file")
        write("file", b"second")
        file.write(b"more")
        file.flush()
        os.ftruncate(file.fileno(), 25002)
        os.fchmod(file.fileno(), 0o600)
        os.utime(file.fileno(), ns=(10**9, 2 * 10**9))
        seen = os.fstat(file.fileno())
        assert (seen.st_size, seen.st_mode & 0o7777, seen.st_mtime_ns) == (25002, 0o600, 2 * 10**9), seen
        file.seek(0)
        assert file.read() == b"first" * 5000 + b"mo"
        assert read("file") == b"second"
        assert os.stat("file").st_ino != seen.st_ino
    os.mkdir("directory")
    with open("directory/inside", "w+b") as file:
        file.write(b"kept")
        file.flush()
        shutil.rmtree("directory")
        file.seek(0)
        assert file.read() == b"kept"
    os.mkdir("directory")
    assert os.listdir("directory") == []


def replaced_but_open():
    """So does a file that another was renamed over."""
    write("old", b"old")
    write("new", b"new")
    with open("old", "r+b") as old, open("new", "r+b") as new:
        os.rename("new", "old")
        assert old.read() == b"old" and new.read() == b"new" and read("old") == b"new"
        old.write(b"er")
        new.write(b"er")
        new.flush()
        assert read("old") == b"newer" and os.fstat(old.fileno()).st_nlink == 0
    assert os.listdir(".") == ["old"]
    os.mkdir("directory")
    write("directory/file", b"")
    os.mkdir("empty")
    fails(errno.EISDIR, os.rename, "old", "empty")
    fails(errno.ENOTDIR, os.rename, "empty", "old")
    fails(errno.ENOTEMPTY, os.rename, "empty", "directory")
    fails(errno.EINVAL, os.rename, "directory", "directory/below")
    fails(errno.ENOTEMPTY, os.rmdir, "directory")
    os.rename("directory", "empty")
    assert os.listdir("empty") == ["file"] and not os.path.exists("directory")
    fails(errno.ENOENT, os.rename, "missing", "old")
    fails(errno.ENOENT, os.rename, "old", "missing/old")
    fails(errno.EPERM, os.link, "old", "link")


def version(number):
    return hashlib.sha256(b"%d" % number).digest() * (1 + number % 200)


def replace_versions(rounds):
    for number in range(rounds):
        write("next", version(number))
        os.rename("next", "current")
    write("done", b"")


def read_versions(known):
    seen = 0
    while not os.path.exists("done"):
        try:
            data = read("current")
        except OSError as error:
            # Between lookup and open it was replaced, twice in a row: FUSE cannot do better.
            if error.errno == errno.ESTALE:
                continue
            raise
        assert data in known, f"a file of {len(data)} bytes that nobody wrote"
        seen += 1
    assert seen > 0


def replacing_is_atomic():
    """Who opens a file that is replaced all the time finds the old one or the new one."""
    write("current", version(0))
    known = {version(number) for number in range(600)}
    processes = [multiprocessing.Process(target=read_versions, args=(known,)) for _ in range(3)]
    for process in processes:
        process.start()
    replace_versions(600)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert read("current") == version(599)


def renamed_directories():
    """Everything below a directory moves along, open files too, while others look."""
    os.makedirs("a/b/c")
    write("a/b/c/file", b"content")

    def look(name):
        while not os.path.exists("done"):
            for top in "a", "z":
                try:
                    assert read(f"{top}/b/c/{name}") == b"content"
                except OSError as error:
                    assert error.errno in (errno.ENOENT, errno.ESTALE), error

    processes = [multiprocessing.Process(target=look, args=("file",)) for _ in range(3)]
    for process in processes:
        process.start()
    with open("a/b/c/file", "r+b") as file:
        for _ in range(300):
            os.rename("a", "z")
            assert os.path.exists("z/b/c/file") and not os.path.exists("a")
            os.rename("z", "a")
        os.rename("a", "z")
        write("done", b"")
        for process in processes:
            process.join()
            assert process.exitcode == 0
        file.seek(0, os.SEEK_END)
        file.write(b" and more")
    assert read("z/b/c/file") == b"content and more"


def churn(who):
    chance = random.Random(who)
    there = set()
    while not os.path.exists("../done"):
        name = "%s%04d" % (chance.choice("!aM~\u00e9"), chance.randrange(500) * 2 + who)
        if name in there:
            os.unlink(name)
            there.remove(name)
        else:
            write(name, b"")
            there.add(name)


def listing_while_changing():
    """Each listing of 10,000 files has every one once, whatever comes and goes meanwhile."""
    os.mkdir("many")
    os.chdir("many")
    stable = {f"stable{number:05}" for number in range(10000)}
    for name in stable:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    processes = [multiprocessing.Process(target=churn, args=(who,)) for who in range(2)]
    for process in processes:
        process.start()
    try:
        for _ in range(12):
            found = os.listdir(".")
            assert len(found) == len(set(found)), "a name was listed twice"
            missing = stable.difference(found)
            assert not missing, f"{len(missing)} names were not listed, such as {min(missing)}"
    finally:
        write("../done", b"")
        for process in processes:
            process.join()
    assert all(process.exitcode == 0 for process in processes)
    os.chdir("..")


def listing_resumes():
    """A listing goes on behind a name that was deleted meanwhile; nothing is missed or repeated."""
    names = [f"{number:04}" for number in range(3000)] + ["!before dots", "-x", "+y", "\u00fc", "~"]
    for name in names:
        write(name, b"")
    found = []
    with os.scandir(".") as entries:
        for entry in entries:
            found.append(entry.name)
            os.unlink(entry.name)
    assert sorted(found) == sorted(names), set(names).symmetric_difference(found)
    assert os.listdir(".") == []


def odd_names():
    """Every name that Linux has and that is text; also those that Windows forbids."""
    names = ["con", "a:b", "a*?", "\"<>|", "back\\slash", "end.", "end ", "\x01\x1f", "\U0001f600",
             "e\u0301", "\u00e9", "\ufffd", "x" * 255, "\u20ac" * 85, "...", "-", "~"]
    for number, name in enumerate(names):
        write(name, b"%d" % number)
    assert sorted(os.listdir(".")) == sorted(names)
    for number, name in enumerate(names):
        assert read(name) == b"%d" % number
    fails(errno.ENAMETOOLONG, write, "x" * 256, b"")
    fails(errno.EILSEQ, write, b"\xff\xfe", b"")
    for name in names:
        os.unlink(name)


def long_paths():
    """The longest path that fits, and one that does not."""
    depth = 0
    top = os.getcwd()
    try:
        while True:
            os.mkdir("x" * 100)
            os.chdir("x" * 100)
            depth += 1
    except OSError as error:
        assert error.errno == errno.ENAMETOOLONG, error
    assert depth == 9, depth
    fails(errno.ENAMETOOLONG, write, "y" * 200, b"")
    write("z", b"deep")
    assert read("z") == b"deep"
    os.chdir(top)
    shutil.rmtree("x" * 100)


# ---- metadata -----------------------------------------------------------------------------------------

def times():
    """Times that are set stay; those that follow from changes move."""
    moment = 1_000_000_000_123_456_700
    write("file", b"x")
    for _ in range(200):
        # The close of the file must not come after the time that is set next.
        write("file", b"y")
        os.utime("file", ns=(moment, moment + 100))
        seen = os.stat("file")
        assert (seen.st_atime_ns, seen.st_mtime_ns) == (moment, moment + 100), seen
    with open("file", "ab") as file:
        before = os.fstat(file.fileno())
        file.write(b"z")
        file.flush()
        written = os.fstat(file.fileno())
        assert written.st_mtime_ns > before.st_mtime_ns and written.st_ctime_ns > before.st_ctime_ns
    closed = os.stat("file")
    assert closed.st_mtime_ns == written.st_mtime_ns, "closing moved the time"
    time.sleep(0.2)
    os.chmod("file", 0o4751)
    assert os.stat("file").st_ctime_ns > closed.st_ctime_ns
    assert os.stat("file").st_mtime_ns == closed.st_mtime_ns
    before = os.stat(".").st_mtime_ns
    time.sleep(0.01)
    os.unlink("file")
    time.sleep(1.1)  # the kernel may remember the directory's for a second
    assert os.stat(".").st_mtime_ns > before


def kinds():
    """Special files, links, owners and modes."""
    os.mkfifo("fifo", 0o640)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    os.mknod("character", stat.S_IFCHR | 0o600, os.makedev(5, 300))
    os.mknod("block", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
    os.symlink("somewhere/\u00e9" * 100, "link")
    os.mkdir("directory", 0o750)
    assert stat.S_ISFIFO(os.stat("fifo").st_mode) and os.stat("fifo").st_mode & 0o7777 == 0o640
    assert stat.S_ISSOCK(os.stat("socket").st_mode)
    assert os.stat("character").st_rdev == os.makedev(5, 300)
    assert os.stat("block").st_rdev == os.makedev(259, 70000)
    assert os.readlink("link") == "somewhere/\u00e9" * 100
    assert os.lstat("link").st_size == len(("somewhere/\u00e9" * 100).encode())
    kinds_listed = {entry.name: entry.inode() for entry in os.scandir(".")}
    assert kinds_listed == {name: os.lstat(name).st_ino for name in os.listdir(".")}
    write("file", b"")
    os.chown("file", 1234, 5678)
    os.chmod("file", 0o6711)
    seen = os.stat("file")
    assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (1234, 5678, 0o6711)
    write("file", b"new", "wb")  # overwrites
    seen = os.stat("file")
    assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o1777) == (1234, 5678, 0o711), oct(seen.st_mode)
    os.rename("link", "renamed")
    os.replace("fifo", "file")
    assert stat.S_ISFIFO(os.stat("file").st_mode)
    assert os.path.islink("renamed")


def streams():
    """user.* attributes are named streams."""
    write("file", b"main")
    for name in "file", ".":
        os.setxattr(name, "user.one", b"1" * 1000)
        os.setxattr(name, "user.Two", b"")
        assert sorted(os.listxattr(name)) == ["user.Two", "user.one"]
        assert os.getxattr(name, "user.one") == b"1" * 1000 and os.getxattr(name, "user.Two") == b""
        os.setxattr(name, "user.one", b"short", os.XATTR_REPLACE)
        assert os.getxattr(name, "user.one") == b"short"
        fails(errno.EEXIST, os.setxattr, name, "user.one", b"", os.XATTR_CREATE)
        fails(errno.ENODATA, os.setxattr, name, "user.three", b"", os.XATTR_REPLACE)
        fails(errno.ENODATA, os.getxattr, name, "user.three")
        fails(errno.ENODATA, os.removexattr, name, "user.three")
        os.removexattr(name, "user.one")
        assert os.listxattr(name) == ["user.Two"]
        os.removexattr(name, "user.Two")
    fails(errno.EOPNOTSUPP, os.setxattr, "file", "trusted.x", b"")
    os.setxattr("file", "user.large", b"L" * 65536)
    os.rename("file", "other")
    assert os.getxattr("other", "user.large") == b"L" * 65536
    write("other", b"emptied and written")
    assert os.getxattr("other", "user.large") == b"L" * 65536 and read("other") == b"emptied and written"


def use_streams(who, rounds):
    chance = random.Random(who)
    for number in range(rounds):
        name, stream = f"file{chance.randrange(4)}", f"user.s{chance.randrange(3)}"
        try:
            what = chance.randrange(8)
            if what < 3:
                os.setxattr(name, stream, bytes([97 + who]) * chance.choice([0, 10, 5000]))
            elif what < 5:
                value = os.getxattr(name, stream)
                assert value == value[:1] * len(value), "a value of two writers"
            elif what == 5:
                os.removexattr(name, stream)
            elif what == 6:
                os.listxattr(name)
            elif number % 2:
                os.unlink(name)
            else:
                write(f"{name}.{who}", b"")
                os.rename(f"{name}.{who}", name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODATA, errno.ERANGE, errno.ESTALE):
                raise


def streams_at_once():
    """Streams used by several processes, of files that are deleted and replaced meanwhile."""
    for number in range(4):
        write(f"file{number}", b"")
    together(use_streams, *[(who, 1200) for who in range(4)])


# ---- everything together -----------------------------------------------------------------------------------

class Model:
    """A tree with contents, beside the real one, changed at random."""

    def __init__(self, top, seed):
        self.top, self.chance = top, random.Random(seed)
        self.files, self.directories = {}, [top]
        os.mkdir(top)

    def path(self):
        return f"{self.chance.choice(self.directories)}/{self.chance.randrange(12)}"

    def free(self, path):
        return path not in self.files and path not in self.directories

    def create(self):
        path = self.path()
        if path in self.directories:
            return
        data = self.chance.randbytes(self.chance.choice([0, 100, 5000, 70000]))
        write(path, data)
        self.files[path] = bytearray(data)

    def change(self):
        if not self.files:
            return
        path = self.chance.choice(list(self.files))
        data = self.files[path]
        with open(path, "r+b", buffering=0) as file:
            if self.chance.randrange(3) == 0:
                size = self.chance.randrange(100000)
                file.truncate(size)
                self.files[path] = data[:size] + bytes(max(0, size - len(data)))
                return
            at, more = self.chance.randrange(90000), self.chance.randbytes(self.chance.randrange(1, 9000))
            os.pwrite(file.fileno(), more, at)
            data.extend(bytes(max(0, at + len(more) - len(data))))
            data[at:at + len(more)] = more

    def check(self):
        if self.files:
            path = self.chance.choice(list(self.files))
            assert read(path) == self.files[path], path

    def remove(self):
        if self.files:
            path = self.chance.choice(list(self.files))
            os.unlink(path)
            del self.files[path]

    def make_directory(self):
        path = self.path()
        if self.free(path) and path.count("/") < 6:
            os.mkdir(path)
            self.directories.append(path)

    def rename(self):
        if not self.files:
            return
        path, to = self.chance.choice(list(self.files)), self.path()
        if to not in self.directories:
            os.rename(path, to)
            self.files[to] = self.files.pop(path)

    def rename_directory(self):
        path, to = self.chance.choice(self.directories), self.path()
        if path == self.top or not self.free(to) or to.startswith(path + "/"):
            return
        os.rename(path, to)

        def moved(name):
            return to + name[len(path):] if name == path or name.startswith(path + "/") else name

        self.directories = [moved(name) for name in self.directories]
        self.files = {moved(name): data for name, data in self.files.items()}

    def check_all(self):
        directories, files = [], {}
        for folder, _, names in os.walk(self.top):
            directories.append(folder)
            for name in names:
                files[f"{folder}/{name}"] = read(f"{folder}/{name}")
        assert sorted(directories) == sorted(self.directories)
        assert files == self.files


def random_tree(seed, rounds):
    model = Model(f"tree{seed}", seed)
    steps = [model.create] * 4 + [model.change] * 4 + [model.check] * 3 + [model.remove] * 2 + \
        [model.make_directory, model.rename, model.rename, model.rename_directory]
    for _ in range(rounds):
        model.chance.choice(steps)()
    model.check_all()


def random_trees():
    """Four processes change trees at random; in the end all is as each one's model has it."""
    together(random_tree, *[(seed, 1200) for seed in range(4)])


def full():
    """Over the limit: ENOSPC, what was there stays, and deleting gives the room back."""
    write("kept", b"k" * 100000)
    before = os.statvfs(".").f_bfree
    with open("large", "wb", buffering=0) as file:
        try:
            while True:
                os.write(file.fileno(), b"l" * 1048576)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        size = os.fstat(file.fileno()).st_size
        fails(errno.ENOSPC, os.ftruncate, file.fileno(), 1 << 40)
        assert os.fstat(file.fileno()).st_size == size
        fails(errno.ENOSPC, os.posix_fallocate, file.fileno(), 0, 1 << 40)
    assert size % 1048576 == 0 and size > before * 512 * 9 // 10, (size, before)
    assert read("kept") == b"k" * 100000
    os.unlink("large")
    eventually(lambda: os.statvfs(".").f_bfree == before)


def spellings():
    """A case-insensitive volume: one file, found by each spelling, listed as it was made."""
    write("ReadMe", b"1")
    assert read("README") == read("readme") == b"1"
    assert os.stat("README").st_ino == os.stat("readme").st_ino
    assert os.listdir(".") == ["ReadMe"]
    fails(errno.EEXIST, os.mkdir, "README")
    fails(errno.EEXIST, os.open, "readMe", os.O_CREAT | os.O_EXCL)
    os.mkdir("\u00c4rger")
    write("\u00e4RGER/x", b"2")
    assert read("\u00c4RGER/X") == b"2"
    write("other", b"3")
    os.rename("OTHER", "README")
    assert read("readme") == b"3" and len(os.listdir(".")) == 2
    os.unlink("rEADmE")
    fails(errno.ENOENT, os.stat, "ReadMe")
    fails(errno.ENOENT, os.stat, "README")
    os.rename("\u00e4rger", "moved")
    assert os.listdir("Moved") == ["x"]


def main():
    name = sys.argv[1]
    os.mkdir(f"exercise-{name}")
    os.chdir(f"exercise-{name}")
    globals()[name]()
    os.chdir("..")
    shutil.rmtree(f"exercise-{name}")


if __name__ == "__main__":
    main()
