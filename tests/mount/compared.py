"""What the tests that compare with the kernel's own tmpfs share: calls, users, access lists."""
import codecs
import ctypes
import errno
import fcntl
import os
import pickle
import struct
import tempfile

from mounted import Skip, Volume, run

libc = ctypes.CDLL(None, use_errno=True)
codecs.lookup("ascii")  # loaded now: Python's own files may be shut to the users that we become
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
AT_FDCWD, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW = -100, 0x1000, 0x400
GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
IMMUTABLE, APPEND, NODUMP, NOATIME = 0x10, 0x20, 0x40, 0x80
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


class Tmpfs:
    """The kernel's own memory file system, as Volume has it."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="memefs-tmpfs-")
        run("mount", "-t", "tmpfs", "none", self.path)
        return self

    def __exit__(self, *_):
        run("umount", "-l", self.path)
        os.rmdir(self.path)

    def __truediv__(self, name):
        return os.path.join(self.path, name)


def open_to_all(*options):
    need_root()
    return Volume("-o", ",".join(("allow_other", "mode=777") + options))


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def same_as_tmpfs(scenario, *options):
    """Runs scenario(path) on a volume and on tmpfs; what it returns, a list, must be the same."""
    need_root()
    with open_to_all(*options) as v, Tmpfs() as t:
        os.chmod(v.path, 0o777)
        os.chmod(t.path, 0o777)
        ours, theirs = scenario(v.path), scenario(t.path)
    assert len(ours) == len(theirs) and ours, (ours, theirs)
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    assert not different, f"{len(different)} differences (ours, tmpfs's): {different[:8]}"
    return ours


def outcome(call, *arguments, **more):
    """What a call gives: its value, or the name of its errno."""
    try:
        value = call(*arguments, **more)
    except OSError as error:
        return errno.errorcode[error.errno]
    return value


def refuses(number, call, *arguments, **more):
    got = outcome(call, *arguments, **more)
    assert got == errno.errorcode[number], got


def in_a_child(call, prepare=lambda: None):
    """Runs call() in a process of its own; gives its outcome."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            answer = pickle.dumps(outcome(call))
        except BaseException as error:  # noqa: BLE001 - told to the parent
            answer = pickle.dumps(f"{error!r}")
        os.write(writing, answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def as_user(user, group, call, groups=()):
    """The same as somebody else."""
    def become():
        os.setgroups(list(groups))
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)

    return in_a_child(call, become)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "libc")
    return result


def renameat2(old, new, flags, old_directory=AT_FDCWD, new_directory=AT_FDCWD):
    return check(libc.renameat2(old_directory, old.encode(), new_directory, new.encode(), flags))


def fallocate(file, mode, offset, size):
    return check(libc.fallocate(file, mode, ctypes.c_long(offset), ctypes.c_long(size)))


def write(path, text="x", mode=0o644):
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, mode), "w") as file:
        file.write(text)


def mode_of(path):
    return oct(os.lstat(path).st_mode)


def opened(path, how, use=lambda file: None):
    file = os.open(path, how, 0o644)
    try:
        return use(file)
    finally:
        os.close(file)


# ---- chattr's attributes ------------------------------------------------------------------------------------


def get_flags(path):
    return opened(path, os.O_RDONLY | os.O_NONBLOCK, lambda file: struct.unpack(
        "i", fcntl.ioctl(file, GETFLAGS, struct.pack("i", 0)))[0])


def set_flags(path, flags):
    opened(path, os.O_RDONLY | os.O_NONBLOCK,
           lambda file: fcntl.ioctl(file, SETFLAGS, struct.pack("i", flags)) and None)


# ---- access lists -------------------------------------------------------------------------------------------

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32


def acl(*entries):
    """Entries: (tag, permissions) or (tag, permissions, id)."""
    value = struct.pack("<I", 2)
    for tag, permissions, *identity in entries:
        value += struct.pack("<HHI", tag, permissions, identity[0] if identity else 0xFFFFFFFF)
    return value


def simple(user, group, other, *named, mask=None):
    users = [entry for entry in named if entry[0] == USER]
    groups = [entry for entry in named if entry[0] == GROUP]
    masks = [] if mask is None else [(MASK, mask)]
    return acl((USER_OBJ, user), *users, (GROUP_OBJ, group), *groups, *masks, (OTHER, other))
