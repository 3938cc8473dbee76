#!/usr/bin/env python3
"""NTFS's features on Linux: system.ntfs_* attributes, named streams, reparse points, -i."""
import errno
import multiprocessing
import os
import stat
import struct

import compared
import ntfs
from mounted import Skip, Volume, main
from ntfs import get, junction, lx_symlink, put, remove, symlink

NOBODY = 65534


def refuses(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call} succeeded, not errno {number}")


def write(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def readlink(path):
    """Before Linux 6.16 a name can go on as what it was until it is looked at (docs/linux.md)."""
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) < (6, 16):
        os.lstat(path)
    return os.readlink(path)


def as_user(number, call):
    """Calls as this user and group, in a process of its own; its exception comes back."""
    def go(queue):
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)
        try:
            queue.put((True, call()))
        except OSError as error:
            queue.put((False, error.errno))

    if os.geteuid():
        raise Skip("needs root to become another user")
    queue = multiprocessing.SimpleQueue()
    process = multiprocessing.Process(target=go, args=(queue,))
    process.start()
    good, value = queue.get()
    process.join()
    if not good:
        raise OSError(value, os.strerror(value))
    return value


# ---- attributes and times ---------------------------------------------------------------------


def test_attributes():
    with Volume() as v:
        write(v / "f")
        os.mkdir(v / "d")
        assert get(v / "f", "system.ntfs_attrib") == struct.pack("=I", ntfs.ARCHIVE)
        assert get(v / "f", "system.ntfs_attrib_be") == struct.pack(">I", ntfs.ARCHIVE)
        put(v / "f", "system.ntfs_attrib", struct.pack("=I", 0))
        assert get(v / "f", "system.ntfs_attrib") == struct.pack("=I", ntfs.NORMAL)
        put(v / "f", "system.ntfs_attrib", b"\xff" * 4)
        assert get(v / "f", "system.ntfs_attrib") == struct.pack("=I", 0x3127)
        put(v / "d", "system.ntfs_attrib_be", struct.pack(">I", ntfs.HIDDEN))
        assert get(v / "d", "system.ntfs_attrib") == struct.pack("=I", ntfs.HIDDEN | ntfs.DIRECTORY)
        put(v / "f", "system.ntfs_attrib", struct.pack("=II", 2, 99), os.XATTR_REPLACE)
        assert get(v / "f", "system.ntfs_attrib") == struct.pack("=I", 2)
        refuses(errno.EEXIST, put, v / "f", "system.ntfs_attrib", bytes(4), os.XATTR_CREATE)
        refuses(errno.EINVAL, put, v / "f", "system.ntfs_attrib", bytes(3))
        refuses(errno.EPERM, remove, v / "f", "system.ntfs_attrib")
        assert get(v / "f", "system.ntfs_attrib", 0) == 4
        refuses(errno.ERANGE, get, v / "f", "system.ntfs_attrib", 3)
        assert os.listxattr(v / "f") == []
        refuses(errno.EOPNOTSUPP, get, v / "f", "system.ntfs_unheard_of")


def test_readonly_is_shown_not_enforced():
    with Volume("-o", "allow_other,mode=777") as v:
        write(v / "f", b"1")
        os.chown(v / "f", NOBODY, NOBODY)
        put(v / "f", "system.ntfs_attrib", struct.pack("=I", ntfs.READONLY))
        as_user(NOBODY, lambda: write(v / "f", b"2"))
        assert read(v / "f") == b"2"
        assert os.stat(v / "f").st_mode & 0o777 == 0o644
        assert struct.unpack("=I", get(v / "f", "system.ntfs_attrib"))[0] & ntfs.READONLY


def test_times():
    with Volume() as v:
        write(v / "f")
        os.utime(v / "f", ns=(1234567890_123456789, 987654321_987654321))
        state = os.stat(v / "f")
        birth, written, accessed, changed = struct.unpack("=4Q", get(v / "f", "system.ntfs_times"))
        assert accessed == ntfs.filetime(state.st_atime_ns) and written == ntfs.filetime(state.st_mtime_ns)
        assert changed == ntfs.filetime(state.st_ctime_ns)
        assert get(v / "f", "system.ntfs_crtime") == struct.pack("=Q", birth)
        assert get(v / "f", "system.ntfs_crtime_be") == struct.pack(">Q", birth)
        assert get(v / "f", "system.ntfs_crtime", 0) == 8
        times = [131000000000000001 + i * 10**13 for i in range(4)]
        put(v / "f", "system.ntfs_times", struct.pack("=4Q", *times))
        seen = struct.unpack(">4Q", get(v / "f", "system.ntfs_times_be"))
        assert list(seen[:3]) == times[:3] and seen[3] >= changed and seen[3] != times[3]
        state = os.stat(v / "f")
        assert ntfs.filetime(state.st_mtime_ns) == times[1] and ntfs.filetime(state.st_atime_ns) == times[2]
        put(v / "f", "system.ntfs_times_be", struct.pack(">Q", times[3]) + b"abcd")
        assert struct.unpack("=3Q", get(v / "f", "system.ntfs_times", 31)) == (times[3], times[1], times[2])
        put(v / "f", "system.ntfs_crtime", struct.pack("=Q", times[0]))
        assert get(v / "f", "system.ntfs_times", 15) == struct.pack("=Q", times[0])
        put(v / "f", "system.ntfs_times", struct.pack("=2Q", times[1], times[0]))
        assert struct.unpack("=3Q", get(v / "f", "system.ntfs_times", 24)) == (times[1], times[0], times[2])
        for name in ("system.ntfs_times", "system.ntfs_crtime"):
            refuses(errno.ERANGE, get, v / "f", name, 7)
            refuses(errno.ERANGE, put, v / "f", name, bytes(7))
            refuses(errno.EEXIST, put, v / "f", name, bytes(8), os.XATTR_CREATE)
            refuses(errno.EPERM, remove, v / "f", name)
        put(v / "f", "system.ntfs_times", bytes(24))
        assert os.stat(v / "f").st_mtime == -ntfs.EPOCH_1601


def test_only_owner_and_root_set():
    values = {"attrib": bytes(4), "attrib_be": bytes(4), "times": bytes(8), "crtime": bytes(8),
              "acl": None, "reparse_data": lx_symlink(b"x"), "ea": ntfs.ea_list((b"A", b"1"))}
    with Volume("-o", "allow_other,mode=777") as v:
        write(v / "theirs")
        write(v / "own")
        os.chmod(v / "theirs", 0o666)
        os.chown(v / "own", NOBODY, NOBODY)
        values["acl"] = get(v / "own", "system.ntfs_acl")
        for name, value in values.items():
            name = "system.ntfs_" + name
            refuses(errno.EPERM, as_user, NOBODY, lambda: put(v / "theirs", name, value))
            refuses(errno.EPERM, as_user, NOBODY, lambda: remove(v / "theirs", name))
            if name == "system.ntfs_reparse_data":  # it makes a link, where NOBODY may not replace files
                refuses(errno.EPERM, as_user, NOBODY, lambda: put(v / "own", name, value))
                put(v / "own", name, value)
            else:
                as_user(NOBODY, lambda: put(v / "own", name, value))
        assert as_user(NOBODY, lambda: len(get(v / "theirs", "system.ntfs_times"))) == 32
        assert readlink(v / "own") == "x"


# ---- security descriptors ------------------------------------------------------------------------


def parse_descriptor(made):
    """(owner SID, group SID, [(type, mask, SID)])"""
    def sid(at):
        count = made[at + 1]
        subs = struct.unpack_from(f"<{count}I", made, at + 8)
        return "S-1-" + "-".join(str(n) for n in (int.from_bytes(made[at + 2:at + 8], "big"), *subs))

    revision, _, control, owner, group, sacl, dacl = struct.unpack_from("<BBHIIII", made)
    assert revision == 1 and control == 0x8004 and sacl == 0
    size, count = struct.unpack_from("<HH", made, dacl + 2)
    at, entries = dacl + 8, []
    for _ in range(count):
        kind, _, ace_size, mask = struct.unpack_from("<BBHI", made, at)
        entries.append((kind, mask, sid(at + 8)))
        at += ace_size
    assert at == dacl + size
    return sid(owner), sid(group), entries


def granted(entries, sids):
    """What a user with these SIDs is granted, as Windows goes through a list."""
    allowed = denied = 0
    for kind, mask, sid in entries:
        if sid in sids and kind == 0:
            allowed |= mask & ~denied
        elif sid in sids:
            denied |= mask & ~allowed
    return allowed


def test_a_descriptor_from_owner_and_mode():
    with Volume() as v:
        write(v / "f")
        os.mkdir(v / "d")
        os.chown(v / "f", 1000, 2000)
        user, group, world = "S-1-22-1-1000", "S-1-22-2-2000", "S-1-1-0"
        for mode in range(0o1000):
            os.chmod(v / "f", mode)
            owner, of, entries = parse_descriptor(get(v / "f", "system.ntfs_acl"))
            assert (owner, of) == (user, group)
            for sids, shift in (({user, group, world}, 6), ({group, world}, 3), ({world}, 0)):
                rights = granted(entries, sids)
                bits = (4 if rights & 1 else 0) | (2 if rights & 2 else 0) | (1 if rights & 0x20 else 0)
                assert bits == mode >> shift & 7, (oct(mode), sids, bits)
        os.chmod(v / "d", 0o700)
        assert (0, 0x1f01ff, "S-1-22-1-0") in parse_descriptor(get(v / "d", "system.ntfs_acl"))[2]


def test_descriptors_are_kept():
    with Volume() as v:
        write(v / "f")
        made = get(v / "f", "system.ntfs_acl").replace(struct.pack("<II", 22, 1), struct.pack("<II", 22, 1))
        other = made[:-4] + struct.pack("<I", 4711)
        put(v / "f", "system.ntfs_acl", other)
        os.chmod(v / "f", 0o600)
        assert get(v / "f", "system.ntfs_acl") == other
        assert get(v / "f", "system.ntfs_acl", 0) == len(other)
        refuses(errno.ERANGE, get, v / "f", "system.ntfs_acl", len(other) - 1)
        for bad in (b"", other[:19], other[:40], b"\xff" * 40, b"\2" + other[1:]):
            refuses(errno.EINVAL, put, v / "f", "system.ntfs_acl", bad)
        refuses(errno.EPERM, remove, v / "f", "system.ntfs_acl")
        assert get(v / "f", "system.ntfs_acl") == other


# ---- EAs -------------------------------------------------------------------------------------------


def test_eas():
    with Volume() as v:
        write(v / "f")
        refuses(errno.ENODATA, get, v / "f", "system.ntfs_ea")
        refuses(errno.ENODATA, remove, v / "f", "system.ntfs_ea")
        first = ntfs.ea_list((b"A", b"1"), (b"LONGER", b"22222"))
        refuses(errno.ENODATA, put, v / "f", "system.ntfs_ea", first, os.XATTR_REPLACE)
        put(v / "f", "system.ntfs_ea", first)
        assert get(v / "f", "system.ntfs_ea") == first
        refuses(errno.EEXIST, put, v / "f", "system.ntfs_ea", first, os.XATTR_CREATE)
        put(v / "f", "system.ntfs_ea", ntfs.ea_list((b"B", b"3"), last=1))
        assert ntfs.ea_entries(get(v / "f", "system.ntfs_ea")) == [(b"B", b"3")]
        for bad in (b"", b"\xff" * 30, b"abc", first[:-1]):
            refuses(errno.EINVAL, put, v / "f", "system.ntfs_ea", bad)
        big = ntfs.ea_list((b"BIG", b"x" * 65000))
        put(v / "f", "system.ntfs_ea", big)
        assert get(v / "f", "system.ntfs_ea") == big
        assert os.listxattr(v / "f") == []
        remove(v / "f", "system.ntfs_ea")
        refuses(errno.ENODATA, get, v / "f", "system.ntfs_ea")


# ---- reparse points -----------------------------------------------------------------------------------


def test_a_file_becomes_a_symlink_at_once():
    with Volume() as v:
        write(v / "target", b"there")
        write(v / "plain", b"data")
        os.link(v / "plain", v / "second")
        for round in range(50):
            assert stat.S_ISREG(os.lstat(v / "plain").st_mode) and read(v / "second") == b"data"
            put(v / "plain", "system.ntfs_reparse_data", symlink("target"))
            # The first question must be answered as well as the later ones, whichever it is.
            if round % 3 == 0:
                assert readlink(v / "plain") == "target"
            elif round % 3 == 1:
                assert read(v / "plain") == b"there"
            state = os.lstat(v / "plain")
            assert stat.S_ISLNK(state.st_mode) and state.st_size == 6
            assert readlink(v / "second") == "target" and read(v / "second") == b"there"
            assert struct.unpack("=I", get(v / "plain", "system.ntfs_attrib"))[0] & ntfs.REPARSE
            remove(v / "plain", "system.ntfs_reparse_data")
            if round % 2:
                assert read(v / "plain") == b"data"
        assert read(v / "plain") == b"data"


def test_types_change_while_others_look():
    """No look at a node whose type changes ends in EIO. ESTALE is what is left when it changed again
    while the kernel looked a second time."""
    def look(path, stop, queue):
        seen, wrong = set(), []
        while not stop.is_set():
            try:
                seen.add(stat.S_IFMT(os.lstat(path).st_mode))
            except OSError as error:
                wrong.append(error.errno)
        queue.put((seen, wrong))

    with Volume() as v:
        write(v / "f", b"data")
        stop, queue = multiprocessing.Event(), multiprocessing.SimpleQueue()
        others = [multiprocessing.Process(target=look, args=(v / "f", stop, queue)) for _ in range(2)]
        for other in others:
            other.start()
        for _ in range(2000):
            put(v / "f", "system.ntfs_reparse_data", lx_symlink(b"nowhere"))
            remove(v / "f", "system.ntfs_reparse_data")
        stop.set()
        for _ in others:
            seen, wrong = queue.get()
            assert set(wrong) <= {errno.ESTALE}, {errno.errorcode[number] for number in wrong}
            assert seen <= {stat.S_IFREG, stat.S_IFLNK}
        for other in others:
            other.join()
        assert read(v / "f") == b"data"


def test_a_symlink_leads_elsewhere_at_once():
    with Volume() as v:
        os.symlink("one", v / "link")
        assert readlink(v / "link") == "one"
        assert get(v / "link", "system.ntfs_reparse_data") == lx_symlink(b"one")
        for name in ("two", "three", "longer than before", "x"):
            put(v / "link", "system.ntfs_reparse_data", symlink(name))
            assert readlink(v / "link") == name
            assert os.lstat(v / "link").st_size == len(name)
        refuses(errno.EEXIST, put, v / "link", "system.ntfs_reparse_data", symlink("x"), os.XATTR_CREATE)
        remove(v / "link", "system.ntfs_reparse_data")
        assert stat.S_ISREG(os.lstat(v / "link").st_mode) and read(v / "link") == b""
        refuses(errno.ENODATA, put, v / "link", "system.ntfs_reparse_data", symlink("x"), os.XATTR_REPLACE)
        refuses(errno.ENODATA, remove, v / "link", "system.ntfs_reparse_data")
        refuses(errno.ENODATA, get, v / "link", "system.ntfs_reparse_data")


def test_junctions_and_absolute_links_stay_inside():
    with Volume() as v:
        os.makedirs(v / "real/dir")
        write(v / "real/dir/file", b"inside")
        os.makedirs(v / "deep/er/junction")
        assert os.listdir(v / "deep/er/junction") == []
        refuses(errno.ENOENT, os.stat, v / "deep/er/junction/file")
        put(v / "deep/er/junction", "system.ntfs_reparse_data", junction("C:\\real\\dir"))
        assert read(v / "deep/er/junction/file") == b"inside"
        assert os.listdir(v / "deep/er/junction") == ["file"]
        assert readlink(v / "deep/er/junction") == v / "real/dir"
        assert os.lstat(v / "deep/er/junction").st_size == len(v / "real/dir")
        os.rename(v / "deep/er/junction", v / "moved")
        assert read(v / "moved/file") == b"inside"
        for place, (target, resolved) in enumerate((("D:\\real\\dir\\file", "/real/dir/file"),
                                                    ("\\real\\dir\\file", "/real/dir/file"),
                                                    ("\\??\\Z:\\real\\dir\\file", "/real/dir/file"))):
            write(v / f"l{place}")
            put(v / f"l{place}", "system.ntfs_reparse_data", symlink(target, False))
            assert readlink(v / f"l{place}") == v.path + resolved
            assert read(v / f"l{place}") == b"inside"
        os.unlink(v / "moved")
        assert os.listdir(v / "real/dir") == ["file"]
        os.mkdir(v / "again")
        put(v / "again", "system.ntfs_reparse_data", junction("C:\\real"))
        remove(v / "again", "system.ntfs_reparse_data")
        assert os.listdir(v / "again") == []
        os.rmdir(v / "again")


def test_links_to_other_machines_lead_nowhere():
    """Their path must not become one of this machine: //etc/hostname is /etc/hostname."""
    with Volume() as v:
        shown = v.path + "/\\\\etc\\hostname"
        for place, target in enumerate(("\\??\\UNC\\etc\\hostname", "\\\\etc\\hostname")):
            write(v / f"l{place}")
            put(v / f"l{place}", "system.ntfs_reparse_data", symlink(target, False))
            assert readlink(v / f"l{place}") == shown, readlink(v / f"l{place}")
            assert os.lstat(v / f"l{place}").st_size == len(shown)
            refuses(errno.ENOENT, os.stat, v / f"l{place}")


def test_links_lead_where_the_substitute_name_says():
    """The print name is there to be shown; it counts where there is no other."""
    with Volume() as v:
        write(v / "f", b"right")
        write(v / "other", b"wrong")
        write(v / "link")
        for target, shown, leads in (("f", "other", "f"), ("f", "", "f"), ("", "f", "f"),
                                     ("\\f", "\\other", v / "f")):
            put(v / "link", "system.ntfs_reparse_data", symlink(target, shown=shown))
            assert readlink(v / "link") == leads and os.lstat(v / "link").st_size == len(leads), (target, shown)
            assert read(v / "link") == b"right"
        put(v / "link", "system.ntfs_reparse_data", symlink("\\??\\C:\\f", False, "C:\\other"))
        assert read(v / "link") == b"right"
        for name in ("d", "wrong", "junction"):
            os.mkdir(v / name)
        write(v / "d/inside")
        put(v / "junction", "system.ntfs_reparse_data", junction("C:\\d", "C:\\wrong"))
        assert os.listdir(v / "junction") == ["inside"]


def test_reparse_data_is_checked():
    with Volume() as v:
        write(v / "f", b"data")
        good = lx_symlink(b"target")
        for bad in (b"", good[:7], good[:-1], good + b"x", struct.pack("<IHH", 0, 0, 0), junction("C:\\x")):
            refuses(errno.EINVAL, put, v / "f", "system.ntfs_reparse_data", bad)
        os.mkdir(v / "full")
        write(v / "full/x")
        refuses(errno.ENOTEMPTY, put, v / "full", "system.ntfs_reparse_data", junction("C:\\x"))
        os.mkfifo(v / "fifo")
        refuses(errno.EPERM, put, v / "fifo", "system.ntfs_reparse_data", good)
        assert stat.S_ISREG(os.lstat(v / "f").st_mode)


def test_other_tags_are_kept():
    with Volume() as v:
        write(v / "f", b"data")
        for value in (ntfs.other_tag(0x12, bytes(range(16)), b"abcd"),
                      ntfs.other_tag(0x80000023, b"", b""), ntfs.other_tag(0x8000001B, b"", b"app")):
            put(v / "f", "system.ntfs_reparse_data", value)
            assert get(v / "f", "system.ntfs_reparse_data") == value
            assert stat.S_ISREG(os.lstat(v / "f").st_mode) and read(v / "f") == b"data"
            assert struct.unpack("=I", get(v / "f", "system.ntfs_attrib"))[0] == ntfs.ARCHIVE | ntfs.REPARSE
        assert os.listxattr(v / "f") == []


# ---- named streams -----------------------------------------------------------------------------------------


def test_streams_as_attributes():
    with Volume("-s", "64m") as v:
        write(v / "f", b"main")
        os.mkdir(v / "d")
        os.utime(v / "f", ns=(10**18, 10**18))
        before = os.stat(v / "f")
        put(v / "f", "user.one", b"1")
        put(v / "f", "user.empty", b"")
        put(v / "d", "user.on.a.directory", b"x" * 65536)
        assert os.stat(v / "f").st_mtime_ns == 10**18
        assert os.stat(v / "f").st_ctime_ns >= before.st_ctime_ns
        assert sorted(os.listxattr(v / "f")) == ["user.empty", "user.one"]
        assert get(v / "f", "user.one") == b"1" and get(v / "f", "user.empty") == b""
        assert get(v / "d", "user.on.a.directory") == b"x" * 65536
        refuses(errno.EEXIST, put, v / "f", "user.one", b"2", os.XATTR_CREATE)
        refuses(errno.ENODATA, put, v / "f", "user.two", b"2", os.XATTR_REPLACE)
        refuses(errno.E2BIG, put, v / "f", "user.one", b"2" * 65537)
        refuses(errno.EINVAL, put, v / "f", "user.", b"2")
        for value in (b"longer", b"", b"s", b"y" * 65536, b"z"):
            put(v / "f", "user.one", value, os.XATTR_REPLACE)
            assert get(v / "f", "user.one") == value and get(v / "f", "user.one", 0) == len(value)
        put(v / "f", "user.one", b"12345")
        refuses(errno.ERANGE, get, v / "f", "user.one", 4)
        put(v / "f", "user.with/slash", b"kept as an attribute")
        assert get(v / "f", "user.with/slash") == b"kept as an attribute"
        remove(v / "f", "user.with/slash")
        remove(v / "f", "user.one")
        refuses(errno.ENODATA, get, v / "f", "user.one")
        refuses(errno.ENODATA, remove, v / "f", "user.one")
        assert os.listxattr(v / "f") == ["user.empty"] and read(v / "f") == b"main"
        os.symlink("f", v / "link")
        refuses(errno.EPERM, put, v / "link", "user.x", b"1")
        assert sorted(os.listxattr(v / "d")) == ["user.on.a.directory"]


def test_a_stream_that_does_not_fit_changes_nothing():
    with Volume("-s", "1m") as v:
        write(v / "f")
        put(v / "f", "user.kept", b"a" * 1000)
        with open(v / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"f" * 4096):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
        refuses(errno.ENOSPC, put, v / "f", "user.kept", b"b" * 65536)
        refuses(errno.ENOSPC, put, v / "f", "user.new", b"b" * 65536)
        assert get(v / "f", "user.kept") == b"a" * 1000
        assert os.listxattr(v / "f") == ["user.kept"]


def test_a_stream_is_replaced_whole():
    def replace(path, stop):
        while not stop.is_set():
            put(path, "user.s", b"a" * 60000)
            put(path, "user.s", b"b" * 30000)

    with Volume() as v:
        write(v / "f")
        put(v / "f", "user.s", b"b" * 30000)
        stop = multiprocessing.Event()
        other = multiprocessing.Process(target=replace, args=(v / "f", stop))
        other.start()
        try:
            seen = set()
            for _ in range(15000):  # torn ones would be one in a thousand
                seen.add(get(v / "f", "user.s"))
            assert seen <= {b"a" * 60000, b"b" * 30000}, {(len(s), s[:1], s[-1:]) for s in seen}
        finally:
            stop.set()
            other.join()


# ---- file:stream ----------------------------------------------------------------------------------------------


def test_streams_as_paths():
    with Volume("-o", "streams=colon") as v:
        write(v / "f", b"main")
        refuses(errno.ENOENT, os.stat, v / "f:s")
        write(v / "f:s", b"stream")
        assert read(v / "f:s") == b"stream" and read(v / "f") == b"main"
        assert get(v / "f", "user.s") == b"stream" and os.listxattr(v / "f") == ["user.s"]
        assert os.listdir(v.path) == ["f"]
        state = os.stat(v / "f:s")
        assert stat.S_ISREG(state.st_mode) and state.st_size == 6 and state.st_nlink == 1
        assert state.st_mode == os.stat(v / "f").st_mode and state.st_ino != os.stat(v / "f").st_ino
        big = os.urandom(3 << 20)
        with open(v / "f:s", "r+b") as file:
            file.write(big)
        assert read(v / "f:s") == big
        refuses(errno.E2BIG, get, v / "f", "user.s")
        with open(v / "f:s", "ab") as file:
            file.write(b"end")
        assert os.stat(v / "f:s").st_size == len(big) + 3
        os.truncate(v / "f:s", 5)
        assert read(v / "f:s") == big[:5] == get(v / "f", "user.s")
        put(v / "f", "user.s", b"set as an attribute")
        assert read(v / "f:s") == b"set as an attribute" and os.stat(v / "f:s").st_size == 19
        os.rename(v / "f:s", v / "f:t")
        assert os.listxattr(v / "f") == ["user.t"] and read(v / "f:t") == b"set as an attribute"
        refuses(errno.EXDEV, os.rename, v / "f:t", v / "g")
        refuses(errno.EXDEV, os.rename, v / "f", v / "f:u")
        with open(v / "f:t", "rb") as file:
            os.unlink(v / "f:t")
            assert file.read() == b"set as an attribute"
        assert os.listxattr(v / "f") == [] and read(v / "f") == b"main"
        refuses(errno.ENOENT, open, v / "f:t")
        refuses(errno.ENOENT, open, v / "none:t", "w")
        refuses(errno.EINVAL, os.mkdir, v / "f:d")
        refuses(errno.EINVAL, os.symlink, "x", v / "f:l")
        refuses(errno.EPERM, os.link, v / "f", v / "f:h")
        os.mkdir(v / "d")
        write(v / "d:s", b"of a directory")
        assert get(v / "d", "user.s") == b"of a directory" and read(v / "d:s") == b"of a directory"
        os.unlink(v / "f")
        os.rename(v / "d", v / "e")
        assert read(v / "e:s") == b"of a directory"
        refuses(errno.ENOENT, os.stat, v / "d:s")


def test_stream_paths_have_ranges():
    with Volume("-o", "streams=colon") as v:
        write(v / "f", b"main")
        file, main_file = os.open(v / "f:s", os.O_RDWR | os.O_CREAT), os.open(v / "f", os.O_RDWR)
        try:
            compared.fallocate(file, 0, 0, 10000)
            assert os.fstat(file).st_size == 10000
            compared.fallocate(file, 1, 0, 20000)  # FALLOC_FL_KEEP_SIZE
            assert os.fstat(file).st_size == 10000
            os.pwrite(file, b"x" * 10000, 0)
            compared.fallocate(file, 3, 4096, 4096)  # and PUNCH_HOLE
            assert os.pread(file, 10000, 0) == b"x" * 4096 + bytes(4096) + b"x" * 1808
            os.pwrite(file, b"xyz", 100000)
            assert os.lseek(file, 50000, os.SEEK_DATA) == 100000 // 512 * 512
            assert os.lseek(file, 100001, os.SEEK_HOLE) == 100003
            refuses(errno.ENXIO, os.lseek, file, 100003, os.SEEK_DATA)
            assert os.copy_file_range(file, main_file, 3, 100000, 0) == 3 and read(v / "f") == b"xyzn"
        finally:
            os.close(file)
            os.close(main_file)
        with open(v / "f:s", "wb") as emptied:
            assert os.fstat(emptied.fileno()).st_size == 0
        os.utime(v / "f:s", ns=(10**18, 2 * 10**18))
        assert os.stat(v / "f").st_mtime_ns == 2 * 10**18 == os.stat(v / "f:s").st_mtime_ns
        os.utime(v / "f:s")
        assert os.stat(v / "f").st_mtime_ns < 2 * 10**18
        os.mknod(v / "f:n", stat.S_IFREG | 0o600)
        assert read(v / "f:n") == b""
        refuses(errno.EINVAL, os.mknod, v / "f:p", stat.S_IFIFO | 0o600)
        refuses(errno.EPERM, os.link, v / "f:s", v / "g")


def test_stream_paths_move_the_files_times():
    with Volume("-o", "streams=colon") as v:
        write(v / "f", b"main")
        os.utime(v / "f", ns=(10**18, 10**18))
        assert os.stat(v / "f").st_mtime_ns == 10**18
        write(v / "f:s", b"1")
        assert os.stat(v / "f").st_mtime_ns > 10**18


def test_stream_paths_ask_the_file_for_permission():
    with Volume("-o", "streams=colon,allow_other,mode=777") as v:
        write(v / "theirs", b"main")
        write(v / "theirs:s", b"stream")
        write(v / "own")
        os.chown(v / "own", NOBODY, NOBODY)
        refuses(errno.EACCES, as_user, NOBODY, lambda: write(v / "theirs:new", b"x"))
        refuses(errno.EACCES, as_user, NOBODY, lambda: write(v / "theirs:s", b"x"))
        refuses(errno.EACCES, as_user, NOBODY, lambda: os.unlink(v / "theirs:s"))
        refuses(errno.EACCES, as_user, NOBODY, lambda: os.rename(v / "theirs:s", v / "theirs:t"))
        assert as_user(NOBODY, lambda: read(v / "theirs:s")) == b"stream"
        as_user(NOBODY, lambda: write(v / "own:s", b"x"))
        as_user(NOBODY, lambda: os.unlink(v / "own:s"))
        os.chmod(v / "theirs", 0o600)
        refuses(errno.EACCES, as_user, NOBODY, lambda: read(v / "theirs:s"))


def test_many_streams_come_and_go():
    with Volume("-s", "32m", "-o", "streams=colon") as v:
        write(v / "f")
        os.stat(v / "f")
        before = os.statvfs(v.path)
        for i in range(2000):
            write(v / f"f:{i}", b"%d" % i)
        assert len(os.listxattr(v / "f")) == 2000
        for i in range(2000):
            assert read(v / f"f:{i}") == b"%d" % i
            os.unlink(v / f"f:{i}")
        assert os.listxattr(v / "f") == []
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
            drop.write("2")
        assert os.statvfs(v.path).f_bfree == before.f_bfree


def test_without_the_option_a_colon_is_a_letter():
    with Volume() as v:
        write(v / "a:b", b"1")
        assert os.listdir(v.path) == ["a:b"] and not os.path.exists(v / "a")


# ---- names ---------------------------------------------------------------------------------------------------


def test_case_insensitive_names():
    pairs = (("Plain", "pLAIN"), ("Größe", "GRÖßE"), ("ΑΒΓ", "αβγ"), ("Привет", "пРИВЕТ"), ("é", "É"), ("ÿ", "Ÿ"))
    with Volume("-i") as v:
        for name, other in pairs:
            write(v / name, name.encode())
            assert read(v / other) == name.encode()
            refuses(errno.EEXIST, os.mkdir, v / other)
            assert os.path.samefile(v / name, v / other)
        assert sorted(os.listdir(v.path)) == sorted(name for name, _ in pairs)
        # NTFS's table knows no folding of sharp s, dotless i or final sigma.
        for name, other in (("ß", "SS"), ("ı", "I"), ("ς", "σ")):
            write(v / name)
            assert not os.path.exists(v / other), other
        put(v / "Plain", "user.Stream", b"1")
        assert get(v / "plain", "user.sTREAM") == b"1" and os.listxattr(v / "plain") == ["user.Stream"]
        os.unlink(v / "größe")
        assert "Größe" not in os.listdir(v.path)


def test_lengths_of_case_insensitive_names():
    """255 UTF-16 units, which can be more bytes."""
    with Volume("-i") as v:
        for letter in ("x", "é", "€", "\U0001F600"):
            most = 255 // (len(letter.encode("utf-16le")) // 2)
            write(v / (letter * most))
            assert os.listdir(v.path) == [letter * most]
            refuses(errno.ENAMETOOLONG, write, v / (letter * (most + 1)))
            refuses(errno.ENAMETOOLONG, os.rename, v / (letter * most), v / (letter * (most + 1)))
            os.unlink(v / (letter * most))


def test_bytes_that_are_not_utf8():
    bad = (b"\xff", b"a\x80b", b"\xc3", b"\xf5\x80\x80\x80", b"\xc0\xaf")
    with Volume("-i") as v:
        root = os.fsencode(v.path)
        for name in bad:
            path = root + b"/" + name
            refuses(errno.EILSEQ, open, path, "w")
            refuses(errno.EILSEQ, os.mkdir, path)
            refuses(errno.EILSEQ, os.stat, path)
        assert os.listdir(v.path) == []
    with Volume() as v:
        root = os.fsencode(v.path)
        for name in bad:
            write(root + b"/" + name, name)
        assert sorted(os.listdir(root)) == sorted(bad)
        for name in bad:
            assert read(root + b"/" + name) == name


if __name__ == "__main__":
    main(globals())
