"""NTFS's formats, for the tests that speak of them."""
import ctypes
import errno
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 1, 2, 4, 0x10, 0x20, 0x80
REPARSE = 0x400
TAG_MOUNT_POINT, TAG_SYMLINK, TAG_LX_SYMLINK = 0xA0000003, 0xA000000C, 0xA000001D
EPOCH_1601 = 11644473600


def get(path, name, size=1 << 16):
    """getxattr of the path itself, with a buffer of just this size (0: asks the size)."""
    buffer = ctypes.create_string_buffer(max(size, 1))
    done = libc.lgetxattr(os.fsencode(path), name.encode(), buffer, ctypes.c_size_t(size))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return buffer.raw[:done] if size else done


def put(path, name, value, flags=0):
    os.setxattr(path, name, value, flags, follow_symlinks=False)


def remove(path, name):
    os.removexattr(path, name, follow_symlinks=False)


def outcome(call, *arguments):
    """What a call gives, or the name of its errno."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def filetime(nanoseconds):
    return nanoseconds // 100 + EPOCH_1601 * 10**7


def symlink(target, relative=True, shown=None):
    """A symlink reparse buffer with this Windows target; `shown`: a print name that differs."""
    real, shown = (name.encode("utf-16le") for name in (target, target if shown is None else shown))
    names = struct.pack("<HHHHI", 0, len(real), len(real), len(shown), int(relative)) + real + shown
    return struct.pack("<IHH", TAG_SYMLINK, len(names), 0) + names


def junction(target, shown=None):
    """A mount point reparse buffer for this Windows path (X:\\...); `shown` as above."""
    real = ("\\??\\" + target).encode("utf-16le")
    shown = (target if shown is None else shown).encode("utf-16le")
    names = struct.pack("<HHHH", 0, len(real), len(real) + 2, len(shown)) + real + b"\0\0" + shown + b"\0\0"
    return struct.pack("<IHH", TAG_MOUNT_POINT, len(names), 0) + names


def lx_symlink(target):
    return struct.pack("<IHHI", TAG_LX_SYMLINK, 4 + len(target), 0, 2) + target


def other_tag(tag, guid, data):
    return struct.pack("<IHH", tag, len(data), 0) + guid + data


def ea_list(*entries, last=0):
    """FILE_FULL_EA_INFORMATION; `last`: 1 chains the last entry as well (which ntfs-3g wants)."""
    made = b""
    for place, (name, value) in enumerate(entries):
        entry = struct.pack("<BBH", 0, len(name), len(value)) + name + b"\0" + value
        size = (4 + len(entry) + 3) & ~3
        chained = place + 1 < len(entries) or last
        made += struct.pack("<I", size if chained else 0) + entry
        made += bytes(size - 4 - len(entry)) if chained else b""
    return made


def ea_entries(made):
    """The (name, value) pairs of a list."""
    found, at = [], 0
    while at < len(made):
        following, _, name_size, value_size = struct.unpack_from("<IBBH", made, at)
        name = made[at + 8:at + 8 + name_size]
        value = made[at + 9 + name_size:at + 9 + name_size + value_size]
        found.append((name, value))
        if not following:
            break
        at += following
    return found
