#!/usr/bin/env python3
"""What was deleted cannot be read again: not in other files, names, attributes or streams, nor in the same file.

Every secret is made of bytes of 128 and more, and nothing else that is written has one: a single byte like that,
anywhere, is a leak. SECRETS_ROUNDS=n is the long form, SECRETS_SEED=n its seed.
"""
import errno
import os
import random
import re

import ntfs
from compared import DEFAULT
from modelled import KEEP_SIZE, PUNCH, Model, Node, fallocate, first_difference, security_descriptor, stores, used
from mounted import Volume, main, wait_for

MIB = 1 << 20
ROUNDS = int(os.environ.get("SECRETS_ROUNDS", "12"))
SEED = int(os.environ.get("SECRETS_SEED", "1"))
SECRET = b"\xd7\xa1\xd7\x95\xd7\x93" * (MIB // 6)
PLAIN = bytes(random.Random(1).randrange(128) for _ in range(MIB))
LEAK = re.compile(rb"[\x80-\xff]+")
STREAMS = ":"  # in a name: it is a stream of a file


def volumes(*options):
    for store in stores():
        with Volume(f"--store={store}", "-o", "streams=colon,allow_other", *options) as v:
            v.store = store
            yield v


# ---- looking ------------------------------------------------------------------------------------------------


def look(what, found):
    leak = LEAK.search(found)
    assert not leak, f"{what}: byte {leak.start()} of {len(found)} is secret: {leak[0][:12]}"


def read(path):
    """What the daemon says, not the kernel's cache."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        found, size = b"", os.fstat(file).st_size
        while len(found) < size:
            found += os.pread(file, size - len(found), len(found))
        return found
    finally:
        os.close(file)


def attributes(path):
    for name in os.listxattr(path, follow_symlinks=False):
        look(f"an attribute's name of {path}", os.fsencode(name))
        yield name
    yield from ("system.ntfs_acl", "system.ntfs_ea", "system.ntfs_reparse_data", "system.ntfs_times", DEFAULT,
                "system.ntfs_attrib")


def look_everywhere(v, model):
    """In all that can be read; where it is known what should be there, that it is."""
    for at, folders, files in os.walk(v.path):
        for name in folders + files:
            path = os.path.join(at, name)
            look("a name", os.fsencode(name))
            for attribute in attributes(path):
                try:
                    value = os.getxattr(path, attribute, follow_symlinks=False)
                except OSError as error:
                    assert error.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.E2BIG), error
                    continue
                if attribute not in ("system.ntfs_times", "system.ntfs_acl"):  # numbers of any bytes
                    look(f"{attribute} of {path}", value)
            if os.path.islink(path):
                look(f"the target of {path}", os.fsencode(os.readlink(path)))
            elif os.path.isfile(path):
                look(path, read(path))
    model.check()
    for name, node in model.streams.items():
        found = read(model.at(name))
        look(name, found)
        assert found == node.data, name


class Files(Model):
    """The model of a volume with streams, which no directory lists."""

    def __init__(self, path, expected=()):
        super().__init__(path, set(expected))
        self.streams = {}

    def stream(self, name, use):
        """use(node, descriptor) with a stream of a file; it is made when there is none."""
        node = self.streams.get(name)
        file = os.open(self.at(name), os.O_RDWR | os.O_CREAT)
        if not node:
            node = self.streams[name] = Node("file")
        try:
            use(node, file)
        finally:
            os.close(file)
        owner = self.nodes[name.split(STREAMS)[0]]
        owner.xattrs["user." + name.split(STREAMS)[1]] = node.data

    def check_attributes(self, name, xattrs):
        """Streams of 64 KiB and more cannot be read as attributes; look_everywhere reads all as files."""
        listed = set(os.listxattr(self.at(name), follow_symlinks=False))
        assert {key for key in xattrs if not key.startswith("system.")} == listed, (name, listed, list(xattrs))
        for key, value in xattrs.items():
            if len(value) < 65536:
                found = os.getxattr(self.at(name), key, follow_symlinks=False)
                assert found == value, f"{name}, {key}: {first_difference(found, value)}"

    def resize_in(self, node, file, size):
        os.ftruncate(file, size)
        node.resize(size)


# ---- secrets -------------------------------------------------------------------------------------------------


def secret(chance, most):
    return SECRET[:chance.randrange(1, most)]


def hide(v, chance):
    """Secrets of every kind, everywhere, which are deleted."""
    os.mkdir(v / "hidden")
    for number in range(24):
        path = v / f"hidden/{number}"
        file = os.open(path, os.O_CREAT | chance.choice((os.O_WRONLY, os.O_RDWR)), 0o666)
        os.write(file, secret(chance, chance.choice((600, 5000, 300000))))
        if number % 4 == 0:  # a file that was written, and is as if it never was
            os.ftruncate(file, 0)
        if number % 4 == 1:
            os.pwrite(file, secret(chance, 3000), chance.randrange(1000000))
        os.close(file)
        os.setxattr(path, "user." + "\u05e1" * chance.randrange(1, 60), secret(chance, 60000))
        os.setxattr(path, "trusted." + "\u05e1" * chance.randrange(1, 60), secret(chance, 5000))
        with open(f"{path}:stream", "wb") as stream:
            stream.write(secret(chance, 200000))
        os.setxattr(path, "system.ntfs_acl", security_descriptor(SECRET[:8]))
        os.setxattr(path, "system.ntfs_ea", ntfs.ea_list((b"NAME", secret(chance, 9000))))
        os.setxattr(path, "system.ntfs_reparse_data", ntfs.other_tag(0x1234, bytes(16), secret(chance, 9000)))
        os.symlink(b"\xd7\xa1" * chance.randrange(1, 1000), v / f"hidden/link{number}")
        os.mkdir(v / ("hidden/" + "\u05e1" * chance.randrange(1, 100) + str(number)))
        os.link(path, v / ("hidden/" + "\u05d5" * chance.randrange(1, 100) + str(number)))
    for at, folders, files in os.walk(v / "hidden", topdown=False):
        for name in files:
            os.unlink(os.path.join(at, name))
        for name in folders:
            os.rmdir(os.path.join(at, name))
    os.rmdir(v / "hidden")


def reuse(w, chance):
    """Ways to get room again, none of which may show what was in it."""
    size = chance.randrange(chance.choice((700, 9000, 300000))) + 1
    at = chance.randrange(chance.choice((600, 9000, 300000)))
    few = PLAIN[at:at + chance.randrange(1, 700)]
    name = chance.choice("abcdefghij")
    way = chance.randrange(14)
    if not w.has(name):
        w.create(name, few[:chance.randrange(100)])
    if way == 0:
        w.truncate(name, size)
    elif way == 1:
        w.write(name, at, few)
    elif way == 2:
        w.fallocate(name, chance.choice((0, KEEP_SIZE)), at, size)
    elif way == 3:
        w.fallocate(name, PUNCH | KEEP_SIZE, at, size)
    elif way == 4:
        w.append(name, few)
    elif way == 5:
        w.truncate(name, at)
        w.truncate(name, at + size)
    elif way == 6:
        w.truncate(name, max(at + len(few), len(w.nodes[name].data)))
        w.store_mapped(name, at, few)
    elif way == 7:
        others = [other for other in w.nodes if other != name]
        if others:
            w.copy(name, chance.choice(others), size, at, at)
    elif way == 8:
        w.open(name, os.O_WRONLY | os.O_TRUNC, lambda node, file: w.write_to(node, file, at, few))
    elif way == 9:
        w.stream(f"{name}:s", lambda node, file: w.write_to(node, file, at, few))
    elif way == 10:
        w.stream(f"{name}:t", lambda node, file: w.resize_in(node, file, size))
    elif way == 11:
        w.stream(f"{name}:t", lambda node, file: w.fallocate_in(node, file, chance.choice((0, KEEP_SIZE)), at, size))
    elif way == 12:
        w.setxattr(name, "user.x", PLAIN[at:at + chance.choice((3, 500, 40000))])
        w.setxattr(name, "trusted.x", few)
    else:
        w.setxattr(name, "system.ntfs_ea", ntfs.ea_list((b"E", few[:30])))
        w.setxattr(name, "system.ntfs_reparse_data", ntfs.other_tag(0x1234, bytes(16), few[:9]))


def clear(w):
    w.streams = {}
    w.remove_all()


def test_nothing_deleted_is_read_again():
    for v in volumes("-s", "96m"):
        chance, start, kept = random.Random(SEED), used(v.path), 0
        w = Files(v.path)
        for number in range(ROUNDS):
            try:
                hide(v, chance)
                for _ in range(60):
                    reuse(w, chance)
                look_everywhere(v, w)
            except AssertionError as error:
                raise AssertionError(f"{v.store} store, SECRETS_SEED={SEED}, round {number}: {error}") from error
            kept += sum(len(node.data) for node in (*w.nodes.values(), *w.streams.values()))
            if number % 3 == 2:
                clear(w)
        clear(w)
        wait_for("the counters to be back", lambda: used(v.path) == start)
        print(f"# figure: {kept >> 10} KiB looked through for secrets ({v.store} store)")


# ---- in one file ---------------------------------------------------------------------------------------------


def each_size():
    return (1, 511, 512, 513, 4095, 4096, 4097, 10000, 65536, 300001)


def test_what_a_file_lost_it_has_not_back():
    """Shrunk and grown, punched, written to behind its end: zeros."""
    for v in volumes():
        for path in v / "file", v / "owner:stream":
            open(v / "owner", "wb").close()
            for size in each_size():
                for less in (0, 1, size // 3, size - 1):
                    for grow in (lambda file: os.ftruncate(file, size + 9000),
                                 lambda file: os.pwrite(file, b"x", size + 8999),
                                 lambda file: fallocate(file, 0, 0, size + 9000)):
                        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
                        os.write(file, SECRET[:size])
                        os.ftruncate(file, less)
                        grow(file)
                        os.close(file)
                        found = read(path)
                        assert found[:less] == SECRET[:less]
                        look(f"{path}, {size} to {less} and {size + 9000}", found[less:])
                        assert not any(found[less:size + 8999])
                    if STREAMS in path:
                        continue  # they have no holes
                    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
                    os.write(file, SECRET[:size])
                    fallocate(file, PUNCH | KEEP_SIZE, less, size)
                    os.close(file)
                    look(f"{path}, a hole", read(path)[less:])
            os.unlink(path)


def test_a_write_that_did_not_fit_shows_nothing():
    """What there was no room for reads as zeros when there is room again."""
    for v in volumes("-s", "2m"):
        for size in 700, 5000, 100000, MIB:
            w = Files(v.path, (errno.ENOSPC,))
            w.create("gone")
            while not w.refusals:
                w.append("gone", SECRET[:65536])
            w.unlink("gone")
            w.create("filler", PLAIN)
            w.append("filler", PLAIN)
            w.truncate("filler", max(0, len(w.nodes["filler"].data) - size // 2))
            w.create("short")
            w.write("short", 100, PLAIN[:size])
            w.setxattr("short", "trusted.x", PLAIN[:60000])
            w.fallocate("short", 0, 0, 2 * size)
            w.unlink("filler")
            w.truncate("short", 2 * size)
            look_everywhere(v, w)
            clear(w)


main(globals())
