"""A small model of a volume, beside which the mount tests do what may be refused: faults, full volumes.

Every call either completes, and the model has it, or is refused, and then nothing must have changed.
"""
import ctypes
import errno
import fcntl
import os
import stat
import struct

from compared import AT_FDCWD, AT_SYMLINK_FOLLOW, check, libc
from mounted import Skip, Volume

REFUSED = object()  # what a call gives that was refused
STATUS_IOCTL = 2 << 30 | 512 << 16 | ord("m") << 8 | 0xF5  # VOLUME_STATUS_IOCTL of src/linux/front.h
KEEP_SIZE, PUNCH = 1, 2


def need_store(store):
    try:
        with Volume(f"--store={store}"):
            pass
    except AssertionError as error:
        if "no tmpfs store" not in str(error):
            raise
        raise Skip(str(error).splitlines()[-1]) from error


def stores():
    """Those that can be had here."""
    for store in "tmpfs", "sectors":
        try:
            need_store(store)
        except Skip as reason:
            print(f"# {reason}")
        else:
            yield store


def used(path):
    """(bytes, nodes) that a volume holds, after what was deleted is gone."""
    os.statvfs(path)
    folder = os.open(path, os.O_RDONLY)
    try:
        text = fcntl.ioctl(folder, STATUS_IOCTL, bytes(512)).split(b"\0")[0].decode()
    finally:
        os.close(folder)
    told = dict(line.split(": ", 1) for line in text.splitlines())
    return int(told["bytes used"]), int(told["nodes used"])


class Node:
    def __init__(self, kind, target=None):
        self.kind, self.target = kind, target
        self.data, self.xattrs, self.unsure = bytearray(), {}, False
        self.mtime = None  # when it was set by hand and nothing was written since

    def put(self, offset, data):
        self.mtime = None
        if offset > len(self.data) and data:
            self.data += bytes(offset - len(self.data))
        self.data[offset:offset + len(data)] = data

    def resize(self, size):
        self.mtime = None
        del self.data[size:]
        self.data += bytes(size - len(self.data))


class Model:
    """What is in a directory: `nodes`, by path. `expected`: the errnos that a refusal may have."""

    def __init__(self, path, expected):
        self.path, self.expected, self.nodes, self.refusals = path, expected, {}, 0

    def at(self, name):
        return f"{self.path}/{name}"

    def has(self, *names):
        return all(name in self.nodes for name in names)

    def free(self, *names):
        """None of these is there, and where they would be is a directory."""
        return all(name not in self.nodes and self.is_directory(os.path.dirname(name)) for name in names)

    def is_directory(self, name):
        return not name or (name in self.nodes and self.nodes[name].kind == "directory")

    def attempt(self, call, *arguments, **more):
        """What the call gives, or REFUSED."""
        try:
            return call(*arguments, **more)
        except OSError as error:
            if error.errno not in self.expected:
                raise AssertionError(
                    f"{getattr(call, '__name__', call)}{arguments!r:.200}: {errno.errorcode[error.errno]}") from error
            self.refusals += 1
            return REFUSED

    def ask(self, name, call, *arguments, **more):
        """A call that changes nothing which the model has, on what is there."""
        if self.has(name):
            self.attempt(call, self.at(name), *arguments, **more)

    # ---- names

    def mkdir(self, name):
        if self.free(name) and self.attempt(os.mkdir, self.at(name)) is not REFUSED:
            self.nodes[name] = Node("directory")

    def symlink(self, name, target):
        if self.free(name) and self.attempt(os.symlink, target, self.at(name)) is not REFUSED:
            self.nodes[name] = Node("link", target)

    def mkfifo(self, name):
        if self.free(name) and self.attempt(os.mkfifo, self.at(name)) is not REFUSED:
            self.nodes[name] = Node("fifo")

    def link(self, old, new):
        if self.has(old) and self.free(new) and self.attempt(os.link, self.at(old), self.at(new)) is not REFUSED:
            self.nodes[new] = self.nodes[old]

    def rename(self, old, new):
        if not self.has(old) or not (self.has(new) or self.free(new)):
            return
        if self.attempt(os.rename, self.at(old), self.at(new)) is REFUSED:
            return
        if self.nodes.get(new) is self.nodes[old]:
            return  # rename(2) of two links of one file does nothing
        for name in [name for name in self.nodes if name == old or name.startswith(old + "/")]:
            self.nodes[new + name[len(old):]] = self.nodes.pop(name)

    def exchange(self, a, b):
        if self.has(a, b) and self.attempt(renameat2, self.at(a), self.at(b), 2) is not REFUSED:
            self.nodes[a], self.nodes[b] = self.nodes[b], self.nodes[a]

    def unlink(self, name):
        if self.has(name) and self.attempt(os.unlink, self.at(name)) is not REFUSED:
            del self.nodes[name]

    def rmdir(self, name):
        if self.has(name) and self.attempt(os.rmdir, self.at(name)) is not REFUSED:
            del self.nodes[name]

    # ---- data

    def open(self, name, flags, use):
        """use(node, descriptor), with an existing file."""
        if not self.has(name):
            return
        file = self.attempt(os.open, self.at(name), flags)
        if file is REFUSED:
            return
        if flags & os.O_TRUNC:
            self.nodes[name].resize(0)
        try:
            use(self.nodes[name], file)
        finally:
            os.close(file)

    def create(self, name, data=b""):
        if not self.free(name):
            return
        file = self.attempt(os.open, self.at(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if file is REFUSED:
            return
        self.nodes[name] = Node("file")
        try:
            self.write_to(self.nodes[name], file, 0, data)
        finally:
            os.close(file)

    def write_to(self, node, file, offset, data):
        if data:
            done = self.attempt(os.pwrite, file, data, offset)
            if done is not REFUSED:
                node.put(offset, data[:done])

    def write(self, name, offset, data):
        self.open(name, os.O_WRONLY, lambda node, file: self.write_to(node, file, offset, data))

    def append(self, name, data):
        def use(node, file):
            done = self.attempt(os.write, file, data)
            if done is not REFUSED:
                node.put(len(node.data), data[:done])

        self.open(name, os.O_WRONLY | os.O_APPEND, use)

    def truncate(self, name, size):
        if self.has(name) and self.attempt(os.truncate, self.at(name), size) is not REFUSED:
            self.nodes[name].resize(size)

    def fallocate_in(self, node, file, mode, offset, size):
        if self.attempt(fallocate, file, mode, offset, size) is REFUSED:
            return
        node.mtime = None
        if mode & PUNCH:
            end = min(offset + size, len(node.data))
            node.data[offset:end] = bytes(max(0, end - offset))
        elif not mode & KEEP_SIZE and offset + size > len(node.data):
            node.resize(offset + size)

    def fallocate(self, name, mode, offset, size):
        self.open(name, os.O_RDWR, lambda node, file: self.fallocate_in(node, file, mode, offset, size))

    def copy(self, source, target, size, offset, to):
        """copy_file_range, as far as it comes."""
        def use(node, file):
            def inner(other, output):
                done = self.attempt(os.copy_file_range, file, output, size, offset, to)
                if done is not REFUSED:
                    other.put(to, node.data[offset:offset + done])

            self.open(target, os.O_WRONLY, inner)

        if self.has(source, target):
            self.open(source, os.O_RDONLY, use)

    def store_mapped(self, name, offset, data):
        """Stores through a shared mapping, in a process of its own: where no page can be had, it is killed."""
        def use(node, file):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = store(file, offset, data)
                finally:
                    os._exit(status)
            if os.waitpid(child, 0)[1] == 0:
                node.put(offset, data)
            else:
                node.unsure = True
                self.refusals += 1

        if self.has(name) and len(self.nodes[name].data) >= offset + len(data):
            self.open(name, os.O_RDWR, use)

    def nameless(self, name, data):
        """O_TMPFILE, and a name for it."""
        file = self.attempt(os.open, self.path, os.O_TMPFILE | os.O_RDWR, 0o644)
        if file is REFUSED:
            return
        node = Node("file")
        try:
            self.write_to(node, file, 0, data)
            if self.free(name) and self.attempt(link_descriptor, file, self.at(name)) is not REFUSED:
                self.nodes[name] = node
        finally:
            os.close(file)

    def unlink_open(self, name, data):
        """Deletes a file that is open, and goes on with it."""
        def use(node, file):
            self.unlink(name)
            self.write_to(node, file, len(node.data), data)
            self.look_at(node, file)

        self.open(name, os.O_RDWR, use)

    def look_at(self, node, file):
        """What is read is what there is, or nothing is read."""
        got = self.attempt(os.pread, file, len(node.data) + 1, 0)
        if got is not REFUSED and not node.unsure:
            assert node.data.startswith(got), f"read {first_difference(got, node.data)}"

    def read(self, name):
        self.open(name, os.O_RDONLY, self.look_at)

    # ---- attributes

    def setxattr(self, name, attribute, value):
        if not self.has(name):
            return
        done = self.attempt(os.setxattr, self.at(name), attribute, value, 0, follow_symlinks=False)
        if done is not REFUSED:
            self.nodes[name].xattrs[attribute] = value

    def getxattr(self, name, attribute):
        if self.has(name) and attribute in self.nodes[name].xattrs:
            got = self.attempt(os.getxattr, self.at(name), attribute, follow_symlinks=False)
            assert got in (REFUSED, self.nodes[name].xattrs[attribute]), (name, attribute, got)

    def removexattr(self, name, attribute):
        if not self.has(name) or attribute not in self.nodes[name].xattrs:
            return
        if self.attempt(os.removexattr, self.at(name), attribute, follow_symlinks=False) is not REFUSED:
            del self.nodes[name].xattrs[attribute]

    def utime(self, name, seconds):
        if self.has(name) and self.attempt(os.utime, self.at(name), (seconds, seconds)) is not REFUSED:
            self.nodes[name].mtime = seconds

    def stat(self, name):
        if self.has(name):
            state = self.attempt(os.lstat, self.at(name))
            node = self.nodes[name]
            if state is not REFUSED and node.kind == "file":
                assert state.st_size == len(node.data), (name, state.st_size, len(node.data))

    def list(self, name):
        """A listing is whole, or refused."""
        if name and not self.has(name):
            return
        found = self.attempt(os.listdir, self.at(name))
        if found is not REFUSED:
            wanted = {os.path.basename(path) for path in self.nodes if os.path.dirname(path) == name}
            assert set(found) == wanted, (name, found)

    # ---- in the end

    def check(self):
        """All is as the model has it."""
        found = set()
        for at, folders, files in os.walk(self.path):
            found |= {os.path.relpath(os.path.join(at, name), self.path) for name in folders + files}
        assert found == set(self.nodes), f"names: {found ^ set(self.nodes)}"
        for name, node in self.nodes.items():
            self.check_node(name, node)

    def check_node(self, name, node):
        path, state = self.at(name), os.lstat(self.at(name))
        kinds = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK, "fifo": stat.S_ISFIFO}
        assert kinds[node.kind](state.st_mode), (name, oct(state.st_mode))
        self.check_attributes(name, node.xattrs)
        if node.kind == "link":
            assert os.readlink(path) == node.target, name
        if node.kind == "file":
            links = sum(other is node for other in self.nodes.values())
            assert state.st_nlink == links, (name, state.st_nlink, links)
            assert node.mtime in (None, state.st_mtime), f"{name}: time {state.st_mtime}, not {node.mtime}"
            assert state.st_size == len(node.data), f"{name}: size {state.st_size}, not {len(node.data)}"
            with open(path, "rb", buffering=0) as file:
                got = file.read(len(node.data) + 1)
                while len(got) < len(node.data):
                    more = file.read(len(node.data) + 1 - len(got))
                    if not more:
                        break
                    got += more
            assert node.unsure or got == node.data, f"{name}: {first_difference(got, node.data)}"

    def check_attributes(self, name, xattrs):
        path = self.at(name)
        listed = {key for key in os.listxattr(path, follow_symlinks=False) if not key.startswith("system.")}
        assert listed == {key for key in xattrs if not key.startswith("system.")}, (name, listed, list(xattrs))
        for key, value in xattrs.items():
            found = os.getxattr(path, key, follow_symlinks=False)
            assert found == value, f"{name}, {key}: {first_difference(found, value)}"

    def remove_all(self):
        """From the leaves up; this must always work."""
        for name in sorted(self.nodes, key=lambda name: -name.count("/")):
            if self.nodes[name].kind == "directory":
                os.rmdir(self.at(name))
            else:
                os.unlink(self.at(name))
        self.nodes = {}


def first_difference(got, wanted):
    for at, (a, b) in enumerate(zip(got, wanted)):
        if a != b:
            return f"byte {at} is {a}, not {b} ({len(got)} bytes, not {len(wanted)})"
    return f"{len(got)} bytes, not {len(wanted)}"


def store(file, offset, data):
    """0: it is stored. In Python itself a mapping has no length but that of the file at its start."""
    size = offset % 4096 + len(data)
    libc.mmap.restype = ctypes.c_void_p
    at = libc.mmap(None, ctypes.c_size_t(size), 3, 1, file, ctypes.c_long(offset - offset % 4096))
    if at in (None, ctypes.c_void_p(-1).value):
        return 2
    ctypes.memmove(at + offset % 4096, bytes(data), len(data))
    if libc.msync(ctypes.c_void_p(at), ctypes.c_size_t(size), 4):
        return 3
    return 0


def fallocate(file, mode, offset, size):
    return check(libc.fallocate(file, mode, ctypes.c_long(offset), ctypes.c_long(size)))


def renameat2(old, new, flags):
    return check(libc.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags))


def link_descriptor(file, path):
    return check(libc.linkat(AT_FDCWD, f"/proc/self/fd/{file}".encode(), AT_FDCWD, path.encode(), AT_SYMLINK_FOLLOW))


def security_descriptor(name=b""):
    """A self-relative one, with an owner; `name`: up to 8 bytes of it."""
    sid = struct.pack("<BB6s", 1, 2, b"\0\0\0\0\0\x05") + name.ljust(8, b"\1")[:8]
    return struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 0, 0, 0) + sid
