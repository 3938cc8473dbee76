#!/usr/bin/env python3
"""The same getfattr and setfattr calls on an NTFS image under ntfs-3g and on a memefs mount: the same
answers, but for the differences written down in SCRIPT's neighbours below."""
import os
import re
import tempfile

import ntfs
from mounted import Skip, Volume, main, need, run, wait_for, mounts

# What differs, and why: ntfs-3g answers EIO to a buffer that is too small (ERANGE), and to lstat after a type
# change; a probe of ntfs_crtime's size says 32 (8); the last EA must have a next offset, and comes back
# with one, padded; an EA without value stays (Windows deletes it); XATTR_CREATE over EAs replaces them
# (EEXIST); a mount point is taken on a directory that is not empty (ENOTEMPTY); directories take COMPRESSED;
# new symlinks are SYSTEM files (LX_SYMLINK reparse points); names of EAs keep their case (upper, as
# Windows has it); an unknown system attribute is ENODATA (EOPNOTSUPP).


class Ntfs3g:
    def __enter__(self):
        need("ntfs-3g", "mkfs.ntfs", "getfattr", "setfattr")
        if os.geteuid() or not os.path.exists("/dev/fuse"):
            raise Skip("needs root and /dev/fuse")
        self.folder = tempfile.mkdtemp(prefix="memefs-ntfs3g-")
        self.path = self.folder + "/mount"
        os.mkdir(self.path)
        image = self.folder + "/image"
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        run("mkfs.ntfs", "-q", "-F", "-Q", image)
        done = run("ntfs-3g", image, self.path, "-o", "permissions,streams_interface=xattr", check=False)
        if done.returncode:
            self.clean()
            raise Skip(f"ntfs-3g cannot mount here: {done.stdout.strip().splitlines()[-1:]}")
        return self

    def clean(self):
        os.rmdir(self.path)
        os.unlink(self.folder + "/image")
        os.rmdir(self.folder)

    def __exit__(self, *_):
        run("umount", self.path)
        wait_for("ntfs-3g to unmount", lambda: self.path not in mounts())
        self.clean()

    def __truediv__(self, name):
        return os.path.join(self.path, name)


def number(value, size=4, order="<"):
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little" if order == "<" else "big")


TIMES = [131000000000000000 + i * 10**13 for i in range(4)]
SYMLINK, OTHER = ntfs.symlink("f"), ntfs.other_tag(0x12, bytes(range(16)), b"abcd")
EAS = ntfs.ea_list((b"A", b"1"), (b"LONGER", b"22222"), last=1)
SET, REPLACE, CREATE = "set", "replace", "create"

# (what, file, attribute[, value]); `what` is get, size, remove, list, or how to set.
SCRIPT = [
    ("get", "f", "system.ntfs_attrib"), ("get", "f", "system.ntfs_attrib_be"), ("get", "d", "system.ntfs_attrib"),
    (SET, "f", "system.ntfs_attrib", number(0x3123)), ("get", "f", "system.ntfs_attrib"),
    ("get", "f", "system.ntfs_attrib_be"), (SET, "f", "system.ntfs_attrib", number(0xfffff7fb)),
    ("get", "f", "system.ntfs_attrib"), (SET, "f", "system.ntfs_attrib_be", number(0, 4, ">")),
    ("get", "f", "system.ntfs_attrib"), (REPLACE, "f", "system.ntfs_attrib", number(2)),
    (CREATE, "f", "system.ntfs_attrib", number(1)), ("get", "f", "system.ntfs_attrib"),
    (SET, "f", "system.ntfs_attrib", b"abc"), (SET, "f", "system.ntfs_attrib", number(1) + b"x"),
    ("get", "f", "system.ntfs_attrib"), ("size", "f", "system.ntfs_attrib"), ("remove", "f", "system.ntfs_attrib"),
    (SET, "d", "system.ntfs_attrib", number(0x3122)), ("get", "d", "system.ntfs_attrib"),
    (SET, "d", "system.ntfs_attrib", number(0)), ("get", "d", "system.ntfs_attrib"),
    (SET, "f", "system.ntfs_times", b"".join(number(t, 8) for t in TIMES)), ("get24", "f", "system.ntfs_times"),
    ("get24", "f", "system.ntfs_times_be"), ("get8", "f", "system.ntfs_times"), ("get16", "f", "system.ntfs_times"),
    ("size", "f", "system.ntfs_times"), ("stat", "f"),
    (SET, "f", "system.ntfs_times", number(TIMES[2], 8)), ("get24", "f", "system.ntfs_times"),
    (SET, "f", "system.ntfs_times_be", number(TIMES[3], 8, ">") + number(TIMES[0], 8, ">")),
    ("get24", "f", "system.ntfs_times"), ("stat", "f"), (SET, "f", "system.ntfs_times", bytes(7)),
    (CREATE, "f", "system.ntfs_times", bytes(8)), (REPLACE, "f", "system.ntfs_times", number(TIMES[1], 8)),
    (SET, "f", "system.ntfs_times", number(TIMES[1], 8) + b"1234"), ("get24", "f", "system.ntfs_times"),
    ("get7", "f", "system.ntfs_times"), ("get15", "f", "system.ntfs_times"), ("remove", "f", "system.ntfs_times"),
    ("get", "f", "system.ntfs_crtime"), ("get", "f", "system.ntfs_crtime_be"),
    (SET, "f", "system.ntfs_crtime", number(TIMES[0], 8)), ("get24", "f", "system.ntfs_times"),
    (SET, "f", "system.ntfs_crtime_be", number(TIMES[1], 8, ">")), ("get", "f", "system.ntfs_crtime"),
    (SET, "f", "system.ntfs_crtime", bytes(4)), (CREATE, "f", "system.ntfs_crtime", bytes(8)),
    ("remove", "f", "system.ntfs_crtime"),
    ("get", "f", "system.ntfs_reparse_data"), ("remove", "f", "system.ntfs_reparse_data"),
    (REPLACE, "f", "system.ntfs_reparse_data", SYMLINK), (SET, "f", "system.ntfs_reparse_data", b""),
    (SET, "f", "system.ntfs_reparse_data", SYMLINK[:-1]), (SET, "f", "system.ntfs_reparse_data", SYMLINK + b"x"),
    (SET, "f", "system.ntfs_reparse_data", bytes(8)), (SET, "f", "system.ntfs_reparse_data", ntfs.junction("C:\\x")),
    (SET, "s", "system.ntfs_reparse_data", SYMLINK), ("get", "s", "system.ntfs_reparse_data"),
    ("get", "s", "system.ntfs_attrib"), ("readlink", "s"), (CREATE, "s", "system.ntfs_reparse_data", SYMLINK),
    (REPLACE, "s", "system.ntfs_reparse_data", SYMLINK), ("size", "s", "system.ntfs_reparse_data"),
    (SET, "s", "system.ntfs_reparse_data", ntfs.symlink("f", shown="o")), ("readlink", "s"),
    ("remove", "s", "system.ntfs_reparse_data"), ("get", "s", "system.ntfs_reparse_data"),
    ("get", "s", "system.ntfs_attrib"), ("remove", "s", "system.ntfs_reparse_data"),
    (SET, "j", "system.ntfs_reparse_data", ntfs.junction("C:\\d")), ("get", "j", "system.ntfs_reparse_data"),
    ("get", "j", "system.ntfs_attrib"), ("readlink", "j"),
    (SET, "j", "system.ntfs_reparse_data", ntfs.junction("C:\\d", "C:\\f")), ("readlink", "j"),
    (SET, "o", "system.ntfs_reparse_data", OTHER), ("get", "o", "system.ntfs_reparse_data"),
    ("get", "o", "system.ntfs_attrib"),
    ("get", "f", "system.ntfs_ea"), ("remove", "f", "system.ntfs_ea"), (REPLACE, "f", "system.ntfs_ea", EAS),
    (SET, "f", "system.ntfs_ea", EAS), ("eas", "f"), (REPLACE, "f", "system.ntfs_ea", ntfs.ea_list((b"X", b"9"), last=1)),
    ("eas", "f"), (SET, "f", "system.ntfs_ea", b""), (SET, "f", "system.ntfs_ea", b"abc"),
    (SET, "f", "system.ntfs_ea", b"\xff" * 30), ("eas", "f"), ("remove", "f", "system.ntfs_ea"), ("eas", "f"),
    ("list", "f"), ("get", "f", "user.x"), (SET, "f", "user.x", b"abc"), ("get", "f", "user.x"), ("size", "f", "user.x"),
    (CREATE, "f", "user.x", b"1"), (REPLACE, "f", "user.y", b"1"), (REPLACE, "f", "user.x", b""), ("get", "f", "user.x"),
    (SET, "f", "user.big", b"z" * 65536), ("get", "f", "user.big"), (SET, "f", "user.big", b"short"),
    ("get", "f", "user.big"), (SET, "d", "user.on directory", b"1"), ("get", "d", "user.on directory"), ("list", "d"),
    ("list", "f"), ("remove", "f", "user.none"), ("remove", "f", "user.x"), ("list", "f"),
    (SET, "f", "system.ntfs_acl", b"\xff" * 40), (SET, "f", "system.ntfs_acl", b""), ("remove", "f", "system.ntfs_acl"),
]


def step(place, what, file, name=None, value=b""):
    path = place / file
    if what == "list":
        return sorted(os.listxattr(path))
    if what == "remove":
        return ntfs.remove(path, name)
    if what == "readlink":
        # ntfs-3g lets the kernel go on with the old type until it forgets the name.
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
            drop.write("2")
        return os.readlink(path).replace(place.path, "MOUNT")
    if what == "stat":
        state = os.stat(path)
        return state.st_mtime_ns, state.st_atime_ns
    if what == "eas":
        return ntfs.ea_entries(ntfs.get(path, "system.ntfs_ea"))
    if what == "size":
        return ntfs.get(path, name, 0)
    if what.startswith("get"):
        return ntfs.get(path, name, int(what[3:] or 1 << 16))
    return ntfs.put(path, name, value, {SET: 0, CREATE: os.XATTR_CREATE, REPLACE: os.XATTR_REPLACE}[what])


def prepare(place):
    for name in "fso":
        open(place / name, "w", encoding="ascii").close()
    for name in "dj":
        os.mkdir(place / name)


def test_the_same_answers_as_ntfs_3g():
    differences = []
    with Ntfs3g() as theirs, Volume() as ours:
        prepare(theirs)
        prepare(ours)
        for line in SCRIPT:
            pair = [ntfs.outcome(step, place, *line) for place in (theirs, ours)]
            if pair[0] != pair[1]:
                differences.append((line, *pair))
    for difference in differences:
        print("#", *difference)
    assert not differences, f"{len(differences)} of {len(SCRIPT)} answers differ"
    print(f"# {len(SCRIPT)} calls")


def test_descriptors_go_over():
    """A descriptor that ntfs-3g made is taken and told unchanged here, and ours there."""
    with Ntfs3g() as theirs, Volume() as ours:
        prepare(theirs)
        prepare(ours)
        made = ntfs.get(theirs / "f", "system.ntfs_acl")
        ntfs.put(ours / "f", "system.ntfs_acl", made)
        assert ntfs.get(ours / "f", "system.ntfs_acl") == made
        made = ntfs.get(ours / "d", "system.ntfs_acl")
        ntfs.put(theirs / "d", "system.ntfs_acl", made)
        assert ntfs.get(theirs / "d", "system.ntfs_acl") == made


def answer(*command):
    done = run(*command, check=False)
    return done.returncode, re.sub(r"/?tmp/memefs-\w+-\w+(/mount)?", "MOUNT", done.stdout)


def test_getfattr_and_setfattr():
    """The tools themselves, with what they print."""
    with Ntfs3g() as theirs, Volume() as ours:
        prepare(theirs)
        prepare(ours)
        for words in (("setfattr", "-h", "-n", "system.ntfs_attrib_be", "-v", "0x00000022"),
                      ("getfattr", "-h", "-e", "hex", "-n", "system.ntfs_attrib_be"),
                      ("setfattr", "-h", "-n", "user.stream", "-v", "text"),
                      ("getfattr", "-h", "-d", "-m", "-"),
                      ("setfattr", "-h", "-n", "system.ntfs_crtime_be", "-v", "0x01d170e6a0062000"),
                      ("getfattr", "-h", "-e", "hex", "-n", "system.ntfs_crtime_be"),
                      ("setfattr", "-h", "-x", "user.stream"), ("setfattr", "-h", "-x", "user.stream"),
                      ("getfattr", "-h", "-n", "system.ntfs_reparse_data"), ("getfattr", "-h", "-d", "-m", "-")):
            pair = [answer(*words, place / "f") for place in (theirs, ours)]
            assert pair[0] == pair[1], (words, pair)


main(globals())
