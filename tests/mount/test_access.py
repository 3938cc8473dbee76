#!/usr/bin/env python3
"""Nobody gets in, or round a permission: other users without allow_other, two ordinary users with it.

Where the kernel's tmpfs has a rule, the same calls run there and must come out alike. What tmpfs has
not (NTFS's attributes, reparse points, streams) is measured by the rule that it would break.
"""
import ctypes
import fcntl
import mmap
import os
import pickle
import random
import stat
import struct
import subprocess
import tempfile
import traceback

import ntfs
from compared import (
    ACCESS, APPEND, AT_FDCWD, AT_SYMLINK_FOLLOW, DEFAULT, EXCHANGE, GROUP, IMMUTABLE, NODUMP, NOREPLACE, USER,
    WHITEOUT, Tmpfs, as_user, check, fallocate, libc, need_root, open_to_all, opened, outcome, refuses, renameat2,
    same_as_tmpfs, set_flags, simple, write)
from mounted import MEMEFS, Skip, Volume, as_user as user_words, let_users_mount, main, mounts, need, run

A, B, STRANGER, SHARED = 1000, 1001, 1002, 2000
READ, WRITE, BOTH = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
PUNCH_KEEP = 2 | 1
AT_EMPTY_PATH = 0x1000
WORKED = None


# ---- without allow_other ------------------------------------------------------------------------------------


def fill(path):
    write(f"{path}/f", "secret", 0o666)
    os.mkdir(f"{path}/d", 0o777)
    write(f"{path}/d/f", "secret", 0o666)
    os.symlink("secret", f"{path}/l")
    os.chmod(path, 0o777)


def look_around(path):
    """As whoever may: so that the kernel has everything in its caches."""
    for _ in range(3):
        for at, folders, files in os.walk(path):
            os.stat(at), os.statvfs(at), os.listdir(at)
            for name in folders + files:
                os.lstat(f"{at}/{name}")
                outcome(os.readlink, f"{at}/{name}")
                outcome(os.listxattr, f"{at}/{name}")
                outcome(os.getxattr, f"{at}/{name}", ACCESS, follow_symlinks=False)
        outcome(os.stat, f"{path}/none")
        with open(f"{path}/f", encoding="ascii") as file:
            file.read()


def statx(path):
    """Asks for the time of birth as well, which has a request of its own."""
    return check(libc.statx(AT_FDCWD, path.encode(), 0, 0xFFF, ctypes.create_string_buffer(256)))


def no_numbers(space):
    """The kernel tells who is kept out that the file system has nothing."""
    if space.f_blocks == space.f_files == 0:
        raise PermissionError(13, "no numbers")
    return space


def ways_in(path):
    yield "stat", lambda: os.stat(path)
    yield "lstat", lambda: os.lstat(path)
    yield "list", lambda: os.listdir(path)
    yield "enter", lambda: os.chdir(path)
    yield "birth", lambda: statx(path)
    yield "birth of a file", lambda: statx(f"{path}/f")
    yield "statfs", lambda: no_numbers(os.statvfs(path))
    yield "attributes", lambda: os.listxattr(path)
    yield "make", lambda: write(f"{path}/new")
    yield "make a directory", lambda: os.mkdir(f"{path}/new")
    yield "chmod", lambda: os.chmod(path, 0o777)
    yield "stat a file", lambda: os.stat(f"{path}/f")
    yield "stat nothing", lambda: os.stat(f"{path}/none")
    yield "read", lambda: opened(f"{path}/f", READ, lambda file: os.read(file, 9))
    yield "write", lambda: opened(f"{path}/f", WRITE, lambda file: os.write(file, b"x"))
    yield "truncate", lambda: os.truncate(f"{path}/f", 0)
    yield "deeper", lambda: opened(f"{path}/d/f", READ, lambda file: os.read(file, 9))
    yield "read a link", lambda: os.readlink(f"{path}/l")
    yield "link", lambda: os.link(f"{path}/f", f"{path}/d/g")
    yield "rename", lambda: os.rename(f"{path}/f", f"{path}/g")
    yield "unlink", lambda: os.unlink(f"{path}/f")
    yield "NTFS attribute", lambda: os.getxattr(f"{path}/f", "system.ntfs_attrib")
    yield "path only", lambda: opened(f"{path}/f", os.O_PATH)


def kept_out(path, user, by_descriptor):
    """Every way in is EACCES, by path and from a descriptor of the root that somebody let them have."""
    def try_all():
        results = [(name, outcome(way)) for name, way in ways_in(path)]
        for name, way in (("openat", lambda: os.open("f", READ, dir_fd=by_descriptor)),
                          ("fstat", lambda: os.fstat(by_descriptor)),
                          ("statat", lambda: os.stat("f", dir_fd=by_descriptor)),
                          ("fchdir", lambda: os.fchdir(by_descriptor)),
                          ("list by descriptor", lambda: os.listdir(by_descriptor)),
                          ("reopen", lambda: os.open(f"/proc/self/fd/{by_descriptor}", READ))):
            results.append((name, outcome(way)))
        return results

    results = as_user(user, user, try_all)
    # A stranger's chmod may fail before anybody is asked, and what noxattr does not have nobody has.
    let_in = [(name, got) for name, got in results
              if got != "EACCES" and (name, got) not in (("chmod", "EPERM"), ("attributes", "ENOTSUP"))]
    assert not let_in, let_in
    assert len(results) > 25


def test_others_are_kept_out_of_roots_mount():
    need_root()
    for options in (), ("-o", "mode=777"), ("-o", "mode=777,noxattr"), ("-o", "mode=777,allow_root,noxattr"):
        with Volume(*options) as v:
            fill(v.path)
            look_around(v.path)
            folder = os.open(v.path, READ)
            kept_out(v.path, A, folder)
            done = run(*user_words(A), MEMEFS, "--status", v.path, check=False)
            assert done.returncode == 2 and "bytes" not in done.stdout, done.stdout
            done = run(*user_words(A), MEMEFS, "--unmount", v.path, check=False)
            assert done.returncode == 2, done
            os.close(folder)
            look_around(v.path)


def test_root_and_others_are_kept_out_of_a_users_mount():
    let_users_mount()
    with Volume("-o", "mode=777", user=A) as v:
        assert as_user(A, A, lambda: fill(v.path)) is None
        refused = as_user(A, A, lambda: look_around(v.path))
        assert refused is None, refused
        # The descriptor of the mount point, that even who may not enter can have: a path only.
        for user in B, 0:
            results = as_user(user, user, lambda: [outcome(way) for _, way in ways_in(v.path)])
            assert set(results) == {"EACCES"}, results
        # A set-user-id program that A runs is no longer A.
        results = as_user(A, A, lambda: subprocess.run(
            ["fusermount3", "--version"], stdout=subprocess.DEVNULL, cwd=v.path, check=True).returncode)
        assert results == 0


def test_allow_root_lets_root_in_and_nobody_else():
    let_users_mount("user_allow_other")
    for options in ("mode=777,allow_root", "mode=777,allow_root,noxattr"):
        with Volume("-o", options, user=A) as v:
            assert as_user(A, A, lambda: fill(v.path)) is None
            look_around(v.path)
            refused = as_user(A, A, lambda: look_around(v.path))
            assert refused is None, refused
            folder = os.open(v.path, READ)
            kept_out(v.path, B, folder)
            os.close(folder)
            look_around(v.path)


def test_users_mounts_have_no_devices_and_no_set_id_programs():
    let_users_mount()
    for options in ("rw",), ("dev,suid",):
        with Volume("-o", *options, user=A) as v:
            with open("/proc/self/mountinfo", encoding="ascii") as lines:
                words = [line.split()[5].split(",") for line in lines if line.split()[4] == v.path]
            assert len(words) == 1 and {"nosuid", "nodev"} <= set(words[0]), words


def test_a_user_needs_leave_for_allow_other():
    let_users_mount("#")
    with tempfile.TemporaryDirectory() as point:
        os.chown(point, A, A)
        for word in "allow_other", "allow_root":
            done = run(*user_words(A), MEMEFS, "-o", word, point, check=False)
            assert done.returncode == 2 and "user_allow_other" in done.stdout, done
            assert point not in mounts()


# ---- two users, step by step --------------------------------------------------------------------------------------


def prepare(path):
    """A's things, B's things, and places for both."""
    def own(name, mode, user, group=None):
        os.chown(f"{path}/{name}", user, user if group is None else group)
        os.chmod(f"{path}/{name}", mode)

    def folder(name, mode, user, group=None):
        os.mkdir(f"{path}/{name}")
        own(name, mode, user, group)

    def file(name, mode, user, group=None):
        write(f"{path}/{name}", f"what {name} holds")
        os.setxattr(f"{path}/{name}", "user.kept", b"1")
        own(name, mode, user, group)

    os.mkdir(path)
    os.chmod(path, 0o777)
    folder("a", 0o755, A)
    file("a/private", 0o600, A)
    file("a/readable", 0o644, A)
    file("a/writable", 0o666, A)
    file("a/unreadable", 0o622, A)
    file("a/group", 0o660, A, SHARED)
    file("a/program", 0o4755, A)
    file("a/named", 0o600, A)
    os.setxattr(f"{path}/a/named", ACCESS, simple(6, 0, 0, (USER, 4, B), mask=4))
    file("a/denied", 0o666, A)
    os.setxattr(f"{path}/a/denied", ACCESS, simple(6, 6, 6, (USER, 0, B), mask=6))
    file("a/not_the_group", 0o660, A, SHARED)
    os.setxattr(f"{path}/a/not_the_group", ACCESS, simple(6, 0, 0, (USER, 6, STRANGER), mask=6))
    file("a/masked", 0o600, A)
    os.setxattr(f"{path}/a/masked", ACCESS, simple(6, 0, 0, (USER, 7, B), (GROUP, 7, SHARED), mask=0))
    os.symlink("private", f"{path}/a/link")
    os.chown(f"{path}/a/link", A, A, follow_symlinks=False)
    folder("a/closed", 0o700, A)
    file("a/closed/inside", 0o666, A)
    folder("a/blind", 0o711, A)
    file("a/blind/inside", 0o644, A)
    folder("a/flat", 0o744, A)
    file("a/flat/inside", 0o644, A)
    folder("a/open", 0o777, A)
    file("a/open/file", 0o644, A)
    folder("a/inherits", 0o777, A)
    os.setxattr(f"{path}/a/inherits", DEFAULT, simple(7, 0, 0, (USER, 0, B), mask=7))
    folder("b", 0o755, B)
    file("b/own", 0o644, B)
    folder("b/dir", 0o755, B)
    folder("sticky", 0o1777, 0)
    file("sticky/a", 0o666, A)
    file("sticky/b", 0o644, B)
    folder("sticky/dir", 0o777, A)
    folder("sticky/empty", 0o777, A)
    folder("bs_sticky", 0o1777, B)
    file("bs_sticky/a", 0o644, A)
    folder("shared", 0o2775, A, SHARED)
    file("shared/a", 0o644, A, SHARED)


def world(path):
    """All that there is: names, owners, modes, links, contents, attributes."""
    found = []
    for at, folders, files in os.walk(path):
        for name in sorted(folders + files) + (["."] if at == path else []):
            full = f"{at}/{name}"
            state = os.lstat(full)
            content = None
            if stat.S_ISREG(state.st_mode):
                with open(full, "rb") as file:
                    content = file.read()
            attributes = {attribute: os.getxattr(full, attribute, follow_symlinks=False)
                          for attribute in sorted(os.listxattr(full, follow_symlinks=False))}
            found.append((os.path.relpath(full, path), oct(state.st_mode), state.st_uid, state.st_gid,
                          state.st_nlink, content, attributes))
    return sorted(found, key=lambda one: one[0])


def reopen(file, how):
    """Opens the same file anew, as /proc has it."""
    again = os.open(f"/proc/self/fd/{file}", how)
    try:
        return os.pread(again, 4, 0) if how == READ else None
    finally:
        os.close(again)


def link_by_descriptor(file, to):
    return check(libc.linkat(AT_FDCWD, f"/proc/self/fd/{file}".encode(), AT_FDCWD, to.encode(), AT_SYMLINK_FOLLOW))


def attempts(path):
    """(what, what must come of it: WORKED, an errno's name, or ... for whatever tmpfs has, the call), for B."""
    def p(name):
        return f"{path}/{name}"

    # Reading and writing
    yield "read private", "EACCES", lambda: opened(p("a/private"), READ)
    yield "read through a link", "EACCES", lambda: opened(p("a/link"), READ)
    yield "read in a closed directory", "EACCES", lambda: opened(p("a/closed/inside"), READ)
    yield "read unreadable", "EACCES", lambda: opened(p("a/unreadable"), READ)
    yield "read and write unreadable", "EACCES", lambda: opened(p("a/unreadable"), BOTH)
    yield "write unreadable", WORKED, lambda: opened(p("a/unreadable"), WRITE)
    yield "write readable", "EACCES", lambda: opened(p("a/readable"), WRITE)
    yield "truncate by opening", "EACCES", lambda: opened(p("a/readable"), READ | os.O_TRUNC)
    yield "truncate readable", "EACCES", lambda: os.truncate(p("a/readable"), 0)
    yield "create over private", "EACCES", lambda: opened(p("a/private"), BOTH | os.O_CREAT)
    yield "read the group's", "EACCES", lambda: opened(p("a/group"), READ)
    yield "run what is no program", "EACCES", lambda: subprocess.run([p("a/readable")], check=False)
    yield "list closed", "EACCES", lambda: os.listdir(p("a/closed"))
    yield "stat in closed", "EACCES", lambda: os.stat(p("a/closed/inside"))
    yield "stat nothing in closed", "EACCES", lambda: os.stat(p("a/closed/none"))
    yield "list blind", "EACCES", lambda: os.listdir(p("a/blind"))
    yield "read in blind", WORKED, lambda: opened(p("a/blind/inside"), READ)
    yield "list flat", ["inside"], lambda: os.listdir(p("a/flat"))
    yield "stat in flat", "EACCES", lambda: os.stat(p("a/flat/inside"))
    yield "make in a's", "EACCES", lambda: write(p("a/new"))
    yield "unlink a's", "EACCES", lambda: os.unlink(p("a/writable"))
    # Access lists
    yield "read named", WORKED, lambda: opened(p("a/named"), READ)
    yield "write named", "EACCES", lambda: opened(p("a/named"), WRITE)
    yield "read denied", "EACCES", lambda: opened(p("a/denied"), READ)
    yield "write denied", "EACCES", lambda: opened(p("a/denied"), WRITE)
    yield "read masked", "EACCES", lambda: opened(p("a/masked"), READ)
    yield "set an access list", "EPERM", lambda: os.setxattr(p("a/writable"), ACCESS, simple(7, 7, 7))
    yield "remove an access list", "EPERM", lambda: os.removexattr(p("a/denied"), ACCESS)
    yield "access list by descriptor", "EPERM", lambda: opened(
        p("a/writable"), BOTH, lambda file: os.setxattr(file, ACCESS, simple(7, 7, 7)))
    yield "default list of another's", "EPERM", lambda: os.setxattr(p("a/open"), DEFAULT, simple(7, 7, 7))
    yield "own, that denies its maker", "EACCES", lambda: (
        os.close(os.open(p("a/inherits/new"), WRITE | os.O_CREAT, 0o666)), os.chown(p("a/inherits/new"), B, B),
        opened(p("a/inherits/new"), READ), opened(p("a/denied"), READ))
    # Hard links
    yield "link private", ..., lambda: os.link(p("a/private"), p("b/got"))
    yield "link readable", ..., lambda: os.link(p("a/readable"), p("b/got"))
    yield "link a set-id program", ..., lambda: os.link(p("a/program"), p("b/got"))
    yield "link, then read", "EACCES", lambda: (
        outcome(os.link, p("a/private"), p("b/got")), opened(p("a/private"), READ))
    yield "link, then chmod", "EPERM", lambda: (
        outcome(os.link, p("a/writable"), p("b/got")), os.chmod(p("a/writable"), 0o777))
    yield "link a symlink", ..., lambda: os.link(p("a/link"), p("b/got"), follow_symlinks=False)
    yield "link a directory", "EPERM", lambda: os.link(p("a/open"), p("b/got"))
    yield "link into a's", "EACCES", lambda: os.link(p("b/own"), p("a/got"))
    # Renames
    yield "rename out of a's", "EACCES", lambda: os.rename(p("a/writable"), p("b/got"))
    yield "rename into a's", "EACCES", lambda: os.rename(p("b/own"), p("a/got"))
    yield "replace a's", "EACCES", lambda: os.rename(p("b/own"), p("a/private"))
    yield "exchange with a's", "EACCES", lambda: renameat2(p("b/own"), p("a/private"), EXCHANGE)
    yield "exchange a's with b's", "EACCES", lambda: renameat2(p("a/private"), p("b/own"), EXCHANGE)
    yield "rename sticky", "EPERM", lambda: os.rename(p("sticky/a"), p("sticky/got"))
    yield "rename out of sticky", "EPERM", lambda: os.rename(p("sticky/a"), p("b/got"))
    yield "replace in sticky", "EPERM", lambda: os.rename(p("sticky/b"), p("sticky/a"))
    yield "replace in sticky from outside", "EPERM", lambda: os.rename(p("b/own"), p("sticky/a"))
    yield "replace a directory in sticky", "EPERM", lambda: os.rename(p("b/dir"), p("sticky/empty"))
    yield "exchange in sticky", "EPERM", lambda: renameat2(p("sticky/b"), p("sticky/a"), EXCHANGE)
    yield "exchange into sticky", "EPERM", lambda: renameat2(p("sticky/a"), p("b/own"), EXCHANGE)
    yield "whiteout in sticky", "EPERM", lambda: renameat2(p("sticky/a"), p("sticky/w"), WHITEOUT)
    yield "own in sticky", WORKED, lambda: os.rename(p("sticky/b"), p("sticky/got"))
    yield "move a directory of a's", "EACCES", lambda: os.rename(p("a/open"), p("b/got"))
    yield "move a sticky directory", "EPERM", lambda: os.rename(p("sticky/dir"), p("b/got"))
    yield "move an unwritable directory", "EACCES", lambda: (
        os.chmod(p("b/dir"), 0o555), os.rename(p("b/dir"), p("sticky/got")))
    yield "unlink sticky", "EPERM", lambda: os.unlink(p("sticky/a"))
    yield "rmdir sticky", "EPERM", lambda: os.rmdir(p("sticky/empty"))
    yield "unlink in own sticky", WORKED, lambda: os.unlink(p("bs_sticky/a"))
    yield "rename in own sticky", WORKED, lambda: os.rename(p("bs_sticky/a"), p("bs_sticky/c"))
    yield "unlink in a's open directory", WORKED, lambda: os.unlink(p("a/open/file"))
    yield "create over sticky", ..., lambda: opened(p("sticky/a"), WRITE | os.O_CREAT)
    yield "take the sticky bit", "EPERM", lambda: os.chmod(p("sticky"), 0o777)
    yield "follow a link in sticky", ..., lambda: (
        os.symlink(p("b/own"), p("sticky/l")), opened(p("sticky/l"), READ))
    # Owners, modes, times
    yield "chmod a's", "EPERM", lambda: os.chmod(p("a/writable"), 0o777)
    yield "chown a's", "EPERM", lambda: os.chown(p("a/writable"), B, B)
    yield "lchown a's link", "EPERM", lambda: os.chown(p("a/link"), B, B, follow_symlinks=False)
    yield "chown a's program to nobody else", "EPERM", lambda: os.chown(p("a/program"), -1, -1)
    yield "give away", "EPERM", lambda: os.chown(p("b/own"), A, -1)
    yield "give to a group", "EPERM", lambda: os.chown(p("b/own"), -1, SHARED)
    yield "set-id of a foreign group", WORKED, lambda: (
        os.mkdir(p("shared_b")), os.chmod(p("b/own"), 0o6755)) and None
    yield "touch writable", WORKED, lambda: os.utime(p("a/writable"))
    yield "touch readable", "EACCES", lambda: os.utime(p("a/readable"))
    yield "backdate writable", "EPERM", lambda: os.utime(p("a/writable"), (1, 1))
    yield "write a set-id program", "EACCES", lambda: opened(p("a/program"), WRITE)
    # Attributes
    yield "user attribute of readable", "EACCES", lambda: os.setxattr(p("a/readable"), "user.x", b"1")
    yield "user attribute of writable", WORKED, lambda: os.setxattr(p("a/writable"), "user.x", b"1")
    yield "read one of unreadable", "EACCES", lambda: os.getxattr(p("a/unreadable"), "user.kept")
    yield "read one of private", "EACCES", lambda: os.getxattr(p("a/private"), "user.kept")
    yield "remove one of readable", "EACCES", lambda: os.removexattr(p("a/readable"), "user.kept")
    yield "user attribute in sticky", "EPERM", lambda: os.setxattr(p("sticky"), "user.x", b"1")
    yield "user attribute of a link", "EPERM", lambda: os.setxattr(
        p("a/link"), "user.x", b"1", follow_symlinks=False)
    yield "trusted attribute", "EPERM", lambda: os.setxattr(p("b/own"), "trusted.x", b"1")
    yield "read a trusted attribute", "ENODATA", lambda: os.getxattr(p("b/own"), "trusted.x")
    yield "security attribute", "EPERM", lambda: os.setxattr(p("b/own"), "security.x", b"1")
    yield "capability", "EPERM", lambda: os.setxattr(
        p("b/own"), "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 21, 0, 0, 0))
    # chattr's
    yield "make immutable", "EPERM", lambda: set_flags(p("b/own"), IMMUTABLE)
    yield "make append-only", "EPERM", lambda: set_flags(p("b/own"), APPEND)
    yield "flags of a's", "EPERM", lambda: set_flags(p("a/writable"), NODUMP)
    # Descriptors
    yield "write what is open to read", "EBADF", lambda: opened(
        p("a/writable"), READ, lambda file: os.write(file, b"x"))
    yield "truncate what is open to read", "EINVAL", lambda: opened(
        p("a/writable"), READ, lambda file: os.ftruncate(file, 0))
    yield "allocate what is open to read", "EBADF", lambda: opened(
        p("a/writable"), READ, lambda file: fallocate(file, 0, 0, 9))
    yield "copy into what is open to read", "EBADF", lambda: opened(p("b/own"), READ, lambda source: opened(
        p("a/writable"), READ, lambda file: os.copy_file_range(source, file, 4)))
    yield "copy from what is open to write", "EBADF", lambda: opened(
        p("a/unreadable"), WRITE, lambda source: opened(
            p("b/own"), WRITE, lambda file: os.copy_file_range(source, file, 4)))
    yield "reopen to write", "EACCES", lambda: opened(p("a/readable"), READ, lambda file: reopen(file, WRITE))
    yield "reopen for both", "EACCES", lambda: opened(p("a/readable"), READ, lambda file: reopen(file, BOTH))
    yield "reopen to read", "EACCES", lambda: opened(p("a/unreadable"), WRITE, lambda file: reopen(file, READ))
    yield "reopen to truncate", "EACCES", lambda: opened(
        p("a/readable"), READ, lambda file: reopen(file, READ | os.O_TRUNC))
    yield "reopen a path", "EACCES", lambda: opened(p("a/private"), os.O_PATH, lambda file: reopen(file, READ))
    yield "reopen a path to write", "EACCES", lambda: opened(
        p("a/readable"), os.O_PATH, lambda file: reopen(file, WRITE))
    yield "chmod by descriptor", "EPERM", lambda: opened(
        p("a/writable"), BOTH, lambda file: os.fchmod(file, 0o777))
    yield "chmod by /proc", "EPERM", lambda: opened(
        p("a/writable"), BOTH, lambda file: os.chmod(f"/proc/self/fd/{file}", 0o777))
    yield "chown by descriptor", "EPERM", lambda: opened(p("a/writable"), BOTH, lambda file: os.fchown(file, B, B))
    yield "attribute by descriptor", "EACCES", lambda: opened(
        p("a/readable"), READ, lambda file: os.setxattr(file, "user.x", b"1"))
    yield "attribute by /proc", "EACCES", lambda: opened(
        p("a/readable"), READ, lambda file: os.setxattr(f"/proc/self/fd/{file}", "user.x", b"1"))
    yield "link by /proc", ..., lambda: opened(
        p("a/readable"), READ, lambda file: link_by_descriptor(file, p("b/got")))
    yield "link a path by /proc", ..., lambda: opened(
        p("a/private"), os.O_PATH, lambda file: link_by_descriptor(file, p("b/got")))
    yield "link by descriptor alone", ..., lambda: opened(p("a/readable"), READ, lambda file: check(
        libc.linkat(file, b"", AT_FDCWD, p("b/got").encode(), AT_EMPTY_PATH)))
    yield "nameless in a's", "EACCES", lambda: opened(p("a"), os.O_TMPFILE | BOTH)
    yield "nameless, linked into a's", "EACCES", lambda: opened(
        p("b"), os.O_TMPFILE | BOTH, lambda file: link_by_descriptor(file, p("a/got")))
    yield "in a closed directory by descriptor", "EACCES", lambda: opened(
        p("a/closed"), os.O_PATH, lambda folder: os.close(os.open("inside", READ, dir_fd=folder)))
    yield "write by a read-only mapping's descriptor", "EACCES", lambda: opened(
        p("a/readable"), READ, lambda file: mmap.mmap(file, 4))
    # Nodes
    yield "make a device", "EPERM", lambda: os.mknod(p("b/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    yield "open by handle", "EPERM", lambda: check(libc.open_by_handle_at(AT_FDCWD, struct.pack("IiQ", 8, 1, 0), 0))


def step_by_step(path, groups=()):
    answers, place = [], None
    for number, what in enumerate([what for what, _, _ in attempts("/")]):
        if not place:
            place = f"{path}/{number}"
            prepare(place)
            fresh = world(place)
        expected, call = {name: (expected, call) for name, expected, call in attempts(place)}[what]
        result = as_user(B, B, call, groups)
        after = world(place)
        answers.append((what, expected, result, after))
        if after != fresh:
            place = None
    return answers


def test_two_users_step_by_step():
    names = [what for what, _, _ in attempts("/")]
    assert len(names) == len(set(names))
    for what, expected, result, _ in same_as_tmpfs(step_by_step):
        assert expected is ... or result == expected, (what, expected, result)


def test_a_member_of_the_group_step_by_step():
    """The same with B in the group, which opens what the group may, and nothing else."""
    differs = {"read the group's": WORKED, "give to a group": WORKED}
    for what, expected, result, _ in same_as_tmpfs(lambda path: step_by_step(path, (SHARED,))):
        expected = differs.get(what, expected)
        assert expected is ... or result == expected, (what, expected, result)


# ---- what was opened while it was allowed ---------------------------------------------------------------------------


def as_user_between(user, before, between, after):
    """before() as a user, then between() as ourselves, then after(what before gave) as the same user."""
    ready, go, answer = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            had = before()
            os.write(ready[1], b"1")
            os.read(go[0], 1)
            os.write(answer[1], pickle.dumps(outcome(after, had)))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - told to the parent
            os.write(answer[1], pickle.dumps(traceback.format_exc()))
            os._exit(1)
    for pipe in ready[1], go[0], answer[1]:
        os.close(pipe)
    try:
        if os.read(ready[0], 1):
            between()
            os.write(go[1], b"1")
        with os.fdopen(answer[0], "rb") as result:
            return pickle.loads(result.read())
    finally:
        os.close(ready[0])
        os.close(go[1])
        os.waitpid(child, 0)


def test_what_was_opened_before_is_all_that_stays_open():
    """A shuts B out: B keeps what it has open, and gets nothing new by it."""
    def scenario(path):
        answers = []

        def shut():
            os.chmod(f"{path}/w/a/writable", 0o600)

        def shut_folder():
            os.chmod(f"{path}/w/a/open", 0o700)

        def shut_by_list():
            os.setxattr(f"{path}/w/a/writable", ACCESS, simple(6, 6, 6, (USER, 0, B), mask=6))

        def give_away():
            os.chown(f"{path}/w/a/writable", STRANGER, STRANGER)
            os.chmod(f"{path}/w/a/writable", 0o640)

        def delete():
            os.unlink(f"{path}/w/a/writable")

        def use(file):
            return [outcome(os.pread, file, 4, 0), outcome(os.pwrite, file, b"W", 0),
                    outcome(reopen, file, READ), outcome(reopen, file, WRITE), outcome(reopen, file, BOTH),
                    outcome(os.setxattr, file, "user.x", b"1"), outcome(os.getxattr, file, "user.kept"),
                    outcome(os.fchmod, file, 0o777), outcome(os.utime, file),
                    outcome(link_by_descriptor, file, f"{path}/w/b/got"),
                    outcome(os.lstat(f"{path}/w/b").st_mode.__index__)]

        def use_folder(folder):
            return [outcome(lambda: os.close(os.open("file", READ, dir_fd=folder))),
                    outcome(lambda: os.stat("file", dir_fd=folder).st_uid),
                    outcome(lambda: os.mkdir("new", dir_fd=folder)),
                    outcome(lambda: os.unlink("file", dir_fd=folder)),
                    outcome(lambda: os.rename("file", f"{path}/w/b/got", src_dir_fd=folder)),
                    outcome(os.fchdir, folder), outcome(lambda: sorted(os.listdir(folder))),
                    outcome(lambda: os.listdir(f"/proc/self/fd/{folder}"))]

        for between in shut, shut_by_list, give_away, delete:
            for how in READ, WRITE, BOTH, os.O_PATH:
                prepare(f"{path}/w")
                answers.append((between.__name__, how, as_user_between(
                    B, lambda: os.open(f"{path}/w/a/writable", how), between, use), world(f"{path}/w")))
                run("rm", "-rf", f"{path}/w")
        for how in READ, os.O_PATH:
            prepare(f"{path}/w")
            answers.append((how, as_user_between(
                B, lambda: os.open(f"{path}/w/a/open", how), shut_folder, use_folder), world(f"{path}/w")))
            run("rm", "-rf", f"{path}/w")
        return answers

    for answer in same_as_tmpfs(scenario)[:12]:
        assert answer[2][2:5] == ["EACCES"] * 3, answer


# ---- two users and root, at random ----------------------------------------------------------------------------------


class Person:
    """A user in a directory, who does what he is told: a name of do_*, and its arguments.

    The directory is all that he sees: links that lead out of it lead nowhere else."""

    def __init__(self, path, user, groups):
        self.to, self.back = os.pipe(), os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                self.proc = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY)
                os.chroot(path)
                os.chdir("/")
                os.setgroups(list(groups))
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                os.umask(0)
                self.slots = {}
                self.serve(os.fdopen(self.to[0], "rb"), os.fdopen(self.back[1], "wb"))
            finally:
                os._exit(1)
        os.close(self.to[0])
        os.close(self.back[1])
        self.orders, self.answers = os.fdopen(self.to[1], "wb"), os.fdopen(self.back[0], "rb")

    def serve(self, orders, answers):
        while True:
            name, *arguments = pickle.load(orders)
            if name == "end":
                os._exit(0)
            try:
                answer = outcome(getattr(self, f"do_{name}"), *arguments)
            except Exception:  # noqa: BLE001 - told to the parent, on both sides alike
                answer = traceback.format_exc()
            pickle.dump(answer, answers)
            answers.flush()

    def tell(self, *order):
        pickle.dump(order, self.orders)
        self.orders.flush()
        return pickle.load(self.answers)

    def end(self):
        pickle.dump(("end",), self.orders)
        self.orders.close()
        self.answers.close()
        os.waitpid(self.child, 0)

    # What can be done; every answer is comparable.
    do_mkdir = staticmethod(os.mkdir)
    do_rmdir = staticmethod(os.rmdir)
    do_unlink = staticmethod(os.unlink)
    do_symlink = staticmethod(os.symlink)
    do_rename = staticmethod(renameat2)
    do_chmod = staticmethod(os.chmod)
    do_truncate = staticmethod(os.truncate)
    do_setxattr = staticmethod(lambda path, name, value: os.setxattr(path, name, value, follow_symlinks=False))
    do_getxattr = staticmethod(lambda path, name: os.getxattr(path, name, follow_symlinks=False))
    do_removexattr = staticmethod(lambda path, name: os.removexattr(path, name, follow_symlinks=False))
    do_flags = staticmethod(set_flags)

    def do_link(self, source, target, follow):
        os.link(source, target, follow_symlinks=follow)

    def do_mkfifo(self, path, mode):
        os.mkfifo(path, mode)

    def do_chown(self, path, user, group, follow):
        os.chown(path, user, group, follow_symlinks=follow)

    def do_list(self, path):
        return sorted(os.listdir(path))

    def do_readlink(self, path):
        return os.readlink(path)

    def do_stat(self, path):
        state = os.lstat(path)
        folder = stat.S_ISDIR(state.st_mode)
        return state.st_mode, state.st_uid, state.st_gid, state.st_nlink, 0 if folder else state.st_size

    def do_listxattr(self, path):
        return sorted(os.listxattr(path, follow_symlinks=False))

    def do_utime(self, path, now):
        os.utime(path, None if now else (1, 1))

    def do_access(self, path, how):
        return os.access(path, how)

    def do_open(self, slot, path, how, mode):
        self.do_close(slot)
        self.slots[slot] = os.open(path, how | os.O_NONBLOCK, mode)

    def do_close(self, slot):
        if slot in self.slots:
            os.close(self.slots.pop(slot))

    def do_close_all(self):
        for slot in list(self.slots):
            self.do_close(slot)

    def file(self, slot):
        return self.slots.get(slot, 9999)

    def do_read(self, slot):
        return os.pread(self.file(slot), 64, 0)

    def do_write(self, slot, data, at):
        return os.pwrite(self.file(slot), data, at)

    def do_ftruncate(self, slot, size):
        os.ftruncate(self.file(slot), size)

    def do_fallocate(self, slot, mode):
        return fallocate(self.file(slot), mode, 0, 100)

    def do_fchmod(self, slot, mode):
        os.fchmod(self.file(slot), mode)

    def do_fchown(self, slot, user, group):
        os.fchown(self.file(slot), user, group)

    def do_fsetxattr(self, slot, name, value):
        os.setxattr(self.file(slot), name, value)

    def do_flink(self, slot, target):
        return check(libc.linkat(self.proc, str(self.file(slot)).encode(), AT_FDCWD, target.encode(), AT_SYMLINK_FOLLOW))

    def do_reopen(self, slot, other, how):
        again = os.open(str(self.file(slot)), how | os.O_NONBLOCK, dir_fd=self.proc)
        self.do_close(other)
        self.slots[other] = again

    def do_openat(self, slot, other, name, how):
        again = os.open(name, how | os.O_NONBLOCK, 0o600, dir_fd=self.file(slot))
        self.do_close(other)
        self.slots[other] = again

    def do_copy(self, slot, other):
        return os.copy_file_range(self.file(slot), self.file(other), 20, 0, 0)

    def do_world(self):
        found = []
        for at, folders, files in os.walk("."):
            for name in sorted(folders + files):
                full = f"{at}/{name}"
                found.append((full, self.do_stat(full), self.do_listxattr(full), outcome(os.readlink, full),
                              outcome(os.getxattr, full, ACCESS), outcome(os.getxattr, full, DEFAULT)))
        return sorted(found)


NAMES = "abcde"
FOLDERS = ("", "", "x/", "y/", "x/y/", "s/", "s/x/", "a/", "b/")
MODES = (0o777, 0o755, 0o700, 0o711, 0o1777, 0o2775, 0o666, 0o644, 0o600, 0o640, 0o622, 0o4755, 0o2755, 0o000, 0o6777)
WHO = (0, A, B, STRANGER)


def some_list(chance):
    entries = [(USER, chance.randrange(8), chance.choice((A, B)))] if chance.random() < 0.7 else []
    entries += [(GROUP, chance.randrange(8), SHARED)] if chance.random() < 0.5 else []
    return simple(chance.randrange(8), chance.randrange(8), chance.randrange(8), *entries,
                  mask=chance.randrange(8) if entries else None)


def some_order(chance, flagged):
    """An order that means the same on both sides."""
    def path():
        return chance.choice(FOLDERS) + chance.choice(NAMES + "xys")

    def slot():
        return chance.randrange(3)

    how = chance.choice((READ, WRITE, BOTH)) | chance.choice((0, 0, os.O_TRUNC, os.O_APPEND))
    attribute = chance.choice(("user.u", "user.u", "trusted.t", "security.s", ACCESS, ACCESS, DEFAULT))
    value = some_list(chance) if attribute in (ACCESS, DEFAULT) else b"v"
    orders = (
        ("open", slot(), path(), how | chance.choice((0, os.O_CREAT, os.O_CREAT | os.O_EXCL)), chance.choice(MODES)),
        ("open", slot(), path(), chance.choice((os.O_PATH, READ | os.O_DIRECTORY, READ | os.O_NOFOLLOW)), 0),
        ("open", slot(), chance.choice(FOLDERS) or ".", os.O_TMPFILE | BOTH, chance.choice(MODES)),
        ("mkdir", path(), chance.choice(MODES)), ("rmdir", path()), ("unlink", path()),
        ("symlink", chance.choice(("a", "../b", "x/c", "y", "/nowhere", "..")), path()),
        ("link", path(), path(), chance.random() < 0.5), ("mkfifo", path(), chance.choice(MODES)),
        ("rename", path(), path(), chance.choice((0, 0, 0, NOREPLACE, EXCHANGE, WHITEOUT))),
        ("chmod", path(), chance.choice(MODES)), ("chmod", path(), chance.choice(MODES)),
        ("chown", path(), chance.choice(WHO), chance.choice(WHO + (SHARED, -1)), chance.random() < 0.7),
        ("chown", path(), -1, chance.choice(WHO + (SHARED,)), chance.random() < 0.7),
        ("list", path()), ("readlink", path()), ("stat", path()), ("listxattr", path()),
        ("utime", path(), chance.random() < 0.5), ("truncate", path(), chance.randrange(50)),
        ("setxattr", path(), attribute, value), ("getxattr", path(), attribute), ("removexattr", path(), "user.u"),
        ("close", slot()), ("read", slot()), ("write", slot(), b"data", chance.randrange(20)),
        ("ftruncate", slot(), chance.randrange(50)), ("fallocate", slot(), chance.choice((0, 1, PUNCH_KEEP))),
        ("fchmod", slot(), chance.choice(MODES)), ("fchown", slot(), chance.choice(WHO), chance.choice(WHO)),
        ("fsetxattr", slot(), attribute, value), ("flink", slot(), path()), ("reopen", slot(), slot(), how),
        ("openat", slot(), slot(), chance.choice(NAMES), how | chance.choice((0, os.O_CREAT))),
        ("copy", slot(), slot()),
    )
    if not flagged:  # which access(2) does not know of: docs/linux.md
        orders += (("access", path(), chance.randrange(1, 8)),)
    return chance.choice(orders)


def test_those_users_cannot_leave_their_directory():
    """What they do at random must not reach the machine's own files."""
    need_root()
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as outside:
        os.mkdir(f"{outside}/inside")
        write(f"{outside}/victim")
        before = os.stat(outside), os.stat(f"{outside}/victim")
        person = Person(f"{outside}/inside", 0, ())
        try:
            person.tell("symlink", "..", "up")
            person.tell("symlink", "../../../../victim", "victim")
            person.tell("symlink", f"{outside}/victim", "far")
            assert person.tell("list", "up") == person.tell("list", "/") == ["far", "up", "victim"]
            assert person.tell("stat", "up/victim")[0] == stat.S_IFLNK | 0o777
            for order in (("chmod", "victim", 0), ("chmod", "far", 0), ("truncate", "up/../victim", 0),
                          ("flags", "../victim", IMMUTABLE), ("unlink", "../../inside")):
                assert person.tell(*order) in ("ENOENT", "ELOOP"), order
            assert person.tell("chmod", "up", 0o711) is None  # its own
            person.tell("open", 0, ".", READ, 0)
            assert person.tell("openat", 0, 1, "../victim", READ) in ("ENOENT", "ELOOP")
        finally:
            person.end()
        assert os.stat(f"{outside}/inside").st_mode & 0o777 == 0o711
        after = os.stat(outside), os.stat(f"{outside}/victim")
        assert [(a.st_mode, a.st_size, a.st_ctime_ns) for a in after] == [
            (b.st_mode, b.st_size, b.st_ctime_ns) for b in before]


def test_users_at_random_as_on_tmpfs():
    """ACCESS_SEEDS="3 4" runs these; a seed's failure names it."""
    need_root()
    seen = {}
    for seed in os.environ.get("ACCESS_SEEDS", "1 2").split():
        at_random(int(seed), 6000, seen)
    tried = [name for name, results in seen.items() if "worked" in results and results & {"EACCES", "EPERM"}]
    assert len(tried) > 15, seen


def at_random(seed, steps, seen):
    members = {0: (), A: (SHARED,), B: (SHARED,), STRANGER: ()}
    chance = random.Random(seed)
    with open_to_all("noatime") as v, Tmpfs() as t:
        people = [{user: Person(side.path, user, groups) for user, groups in members.items()} for side in (v, t)]
        try:
            for side in people:
                side[0].tell("chmod", ".", 0o777)
                for name, mode, owner in (("x", 0o777, A), ("y", 0o755, B), ("s", 0o1777, 0), ("x/y", 0o775, A),
                                          ("s/x", 0o777, A), ("a", 0o711, A), ("b", 0o700, B)):
                    side[0].tell("mkdir", name, mode)
                    side[0].tell("chown", name, owner, SHARED, True)
                    side[0].tell("chmod", name, mode)
            # While something is immutable, what is refused may be refused for another reason: of tmpfs the kernel
            # knows it before it looks at anything else, of ours nobody knows until the daemon is asked.
            flagged, history = {}, []
            for step in range(steps):
                user = chance.choice((A, A, A, B, B, B, STRANGER, 0))
                order = some_order(chance, flagged)
                if step % 150 == 100:  # root makes a few things immutable or append-only ...
                    for side in people:
                        for person in side.values():
                            person.tell("close_all")  # ours holds descriptors to it too: docs/linux.md
                    flagged = {f"{chance.choice(FOLDERS)}{chance.choice(NAMES + 'xys')}":
                               chance.choice((IMMUTABLE, APPEND, IMMUTABLE | APPEND)) for _ in range(4)}
                    orders = [(0, ("flags", path, flags)) for path, flags in flagged.items()]
                elif step % 150 == 149:  # ... and takes it back
                    paths = ["."] + [path for path, *_ in people[1][0].tell("world")]
                    orders = [(0, ("flags", path, 0)) for path in paths
                              if stat.S_IFMT(os.lstat(f"{t.path}/{path}").st_mode) in (stat.S_IFREG, stat.S_IFDIR)]
                    flagged = {}
                else:
                    orders = [(user, order)]
                for who, what in orders:
                    ours, theirs = (side[who].tell(*what) for side in people)
                    history.append((step, who, what, ours))
                    seen.setdefault(what[0], set()).add(theirs if isinstance(theirs, str) else "worked")
                    both_refuse = flagged and isinstance(ours, str) and isinstance(theirs, str)
                    assert ours == theirs or both_refuse, (
                        f"seed {seed}: ours {ours}, tmpfs's {theirs}; the last calls:\n" +
                        "\n".join(map(str, history[-12:])))
                if step % 100 == 99 or step == steps - 1:
                    ours, theirs = (side[0].tell("world") for side in people)
                    different = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
                    assert len(ours) == len(theirs) and not different, (
                        f"seed {seed}: after {step}: {different or (ours, theirs)}\n" +
                        "\n".join(map(str, history[-120:])))
        finally:
            for side in people:
                for person in side.values():
                    person.end()


# ---- user namespaces -------------------------------------------------------------------------------------------------


def test_root_of_a_user_namespace_is_nobody_here():
    need("unshare")

    def scenario(path):
        answers = []
        for number, script in enumerate((
                "cat a/private", "chown 0:0 a/writable", "chmod 777 a/writable", "rm a/writable",
                "touch a/new", "mv a/private b/got", "rm sticky/a", "setfattr -n trusted.x -v 1 b/own",
                "setfattr -n security.x -v 1 b/own", "chattr +i b/own", "chattr +a b/own", "mknod b/null c 1 3",
                "chmod 2755 b/group", "chmod 4755 b/own", "chown 0:0 b/own", "chown 1:1 b/own",
                "setfacl -m u:0:rwx a/writable", "setfacl -m u:0:rwx b/own", "ln a/private b/got",
                "truncate -s 0 a/readable", "touch -d 2000-01-01 a/writable", "cat a/denied", "ls a/closed")):
            place = f"{path}/{number}"
            prepare(place)
            write(f"{place}/b/group")
            os.chown(f"{place}/b/group", B, SHARED)
            done = subprocess.run(["setpriv", f"--reuid={B}", f"--regid={B}", "--clear-groups", "unshare", "-Ur",
                                   "sh", "-c", script], cwd=place, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            answers.append((script, done.returncode, done.stdout, world(place)))
        return answers

    probe = subprocess.run(["setpriv", f"--reuid={B}", f"--regid={B}", "--clear-groups", "unshare", "-Ur", "true"],
                           check=False)
    if probe.returncode:
        raise Skip("no user namespaces for ordinary users here")
    same_as_tmpfs(scenario)


# ---- rights that are lent -----------------------------------------------------------------------------------------------


def test_lent_rights_are_the_users_and_not_the_lenders():
    """A root process that acts as a user (io_uring's personalities; nfsd does the like) has the user's rights."""
    need("cc")
    with open_to_all() as v, tempfile.TemporaryDirectory(prefix="memefs-test-") as work:
        program = os.path.join(work, "personality")
        run("cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", program,
            os.path.join(os.path.dirname(os.path.abspath(__file__)), "personality.c"))
        write(v / "roots")
        write(v / "own")
        os.chown(v / "own", B, B)

        def put(name, attribute):
            done = run(program, B, v / name, attribute, "12345678", check=False)
            if done.returncode:
                raise Skip(done.stdout.strip())
            return done.stdout.strip()

        assert put("own", "user.x") == "worked" and os.listxattr(v / "own") == ["user.x"]
        assert put("roots", "user.x") == "EACCES"
        assert put("own", "system.ntfs_times") == "worked"
        assert put("roots", "system.ntfs_times") == "EPERM"
        assert put("own", "trusted.x") == "EPERM"


# ---- NTFS's attributes --------------------------------------------------------------------------------------------------


def ntfs_values(path):
    return {"attrib": struct.pack("=I", 2), "attrib_be": struct.pack(">I", 2), "times": struct.pack("=Q", 1),
            "times_be": struct.pack(">Q", 1), "crtime": struct.pack("=Q", 1), "crtime_be": struct.pack(">Q", 1),
            "acl": ntfs.get(f"{path}/b/own", "system.ntfs_acl"), "ea": ntfs.ea_list((b"A", b"1")),
            "reparse_data": ntfs.symlink("own")}


def test_ntfs_attributes_are_their_owners():
    with open_to_all() as v:
        prepare(v / "w")
        before = world(v / "w")
        for name, value in ntfs_values(v / "w").items():
            name = f"system.ntfs_{name}"
            for which, error in (("a/writable", "EPERM"), ("a/readable", "EPERM"), ("a/private", "EPERM"),
                                 ("a/open", "EPERM"), ("sticky", "EPERM"), ("a/link", "EPERM"),
                                 ("a/closed/inside", "EACCES")):
                path = v / f"w/{which}"
                assert as_user(B, B, lambda: ntfs.put(path, name, value)) == error, (name, which)
                assert as_user(B, B, lambda: ntfs.remove(path, name)) == error, (name, which)
            assert as_user(B, B, lambda: opened(v / "w/a/writable", BOTH, lambda file: os.setxattr(
                file, name, value))) == "EPERM", name
            assert as_user(B, B, lambda: opened(v / "w/a/writable", BOTH, lambda file: os.setxattr(
                f"/proc/self/fd/{file}", name, value))) == "EPERM", name
            assert as_user(B, B, lambda: ntfs.get(v / "w/a/closed/inside", name)) == "EACCES", name
        assert world(v / "w") == before


def test_ntfs_attributes_do_not_move_what_is_immutable():
    with open_to_all() as v:
        prepare(v / "w")
        for flag in IMMUTABLE, APPEND:
            for which in "b/own", "b/dir":
                set_flags(v / f"w/{which}", flag)
                before = world(v / "w"), os.stat(v / f"w/{which}").st_mtime_ns
                for name, value in ntfs_values(v / "w").items():
                    for user in B, 0:
                        path = v / f"w/{which}"
                        assert as_user(user, user, lambda: ntfs.put(path, f"system.ntfs_{name}", value)) == "EPERM"
                        assert as_user(user, user, lambda: ntfs.remove(path, f"system.ntfs_{name}")) == "EPERM"
                assert (world(v / "w"), os.stat(v / f"w/{which}").st_mtime_ns) == before
                set_flags(v / f"w/{which}", 0)


def test_a_descriptor_gives_no_rights():
    """system.ntfs_acl is kept for programs: what it says opens nothing and closes nothing."""
    with open_to_all() as v:
        prepare(v / "w")
        everybody = ntfs.get(v / "w/a/writable", "system.ntfs_acl")
        ntfs.put(v / "w/a/private", "system.ntfs_acl", everybody)
        assert as_user(B, B, lambda: opened(v / "w/a/private", READ)) == "EACCES"
        assert as_user(B, B, lambda: os.chmod(v / "w/a/private", 0o777)) == "EPERM"


# ---- reparse points --------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_link_only_where_its_owner_could_replace_it():
    """Who opens a file by a name in a directory that only he can write to does not follow the file's owner."""
    with open_to_all() as v:
        os.mkdir(v / "etc", 0o755)
        os.mkdir(v / "etc/dir", 0o755)
        write(v / "etc/as", "log")
        os.symlink("as", v / "etc/link")
        for name in "etc/as", "etc/dir", "etc/link":
            os.chown(v / name, A, A, follow_symlinks=False)
        write(v / "victim", "root's", 0o600)
        for name in "etc/as", "etc/dir", "etc/link":
            for value in (ntfs.symlink("..\\victim"), ntfs.lx_symlink(b"../victim"), ntfs.symlink("\\victim", False)):
                assert as_user(A, A, lambda: ntfs.put(v / name, "system.ntfs_reparse_data", value)) == "EPERM", name
        assert as_user(A, A, lambda: ntfs.put(
            v / "etc/dir", "system.ntfs_reparse_data", ntfs.junction("C:\\"))) == "EPERM"
        assert as_user(A, A, lambda: ntfs.remove(v / "etc/link", "system.ntfs_reparse_data")) == "EPERM"
        assert os.readlink(v / "etc/link") == "as" and os.path.isdir(v / "etc/dir")
        with open(v / "etc/as", "a", encoding="ascii") as file:
            file.write("ged")
        with open(v / "victim", encoding="ascii") as file:
            assert file.read() == "root's"
        # Other tags change nothing for Linux, and are the owner's.
        value = ntfs.other_tag(0x1234, bytes(range(16)), b"data")
        assert as_user(A, A, lambda: ntfs.put(v / "etc/as", "system.ntfs_reparse_data", value)) is None
        assert as_user(A, A, lambda: ntfs.remove(v / "etc/as", "system.ntfs_reparse_data")) is None
        # A directory that A may replace.
        os.mkdir(v / "dir")
        os.chown(v / "dir", A, A)
        os.chmod(v.path, 0o1777)
        assert as_user(A, A, lambda: ntfs.put(
            v / "dir", "system.ntfs_reparse_data", ntfs.junction("C:\\etc"))) is None
        assert os.path.samefile(v / "dir", v / "etc")
        # Root may, everywhere.
        ntfs.put(v / "etc/as", "system.ntfs_reparse_data", ntfs.symlink("..\\victim"))
        assert os.path.samefile(v / "etc/as", v / "victim")
        ntfs.remove(v / "etc/as", "system.ntfs_reparse_data")
        with open(v / "etc/as", encoding="ascii") as file:
            assert file.read() == "logged"


def test_who_mounts_makes_links_of_files():
    let_users_mount()
    with Volume(user=A) as v:
        def scenario():
            os.mkdir(v / "d")
            write(v / "d/f", "there")
            write(v / "f", "here")
            ntfs.put(v / "f", "system.ntfs_reparse_data", ntfs.symlink("d\\f"))
            with open(v / "f", encoding="ascii") as file:
                return file.read()

        assert as_user(A, A, scenario) == "there"


def test_links_lead_only_where_one_may_go():
    """A link or junction gives no more than its target does, and its file is as shut as before."""
    with open_to_all() as v:
        prepare(v / "w")
        os.chmod(v.path, 0o1777)
        os.mkdir(v / "j")
        os.chown(v / "j", B, B)
        for value in (ntfs.junction("C:\\w\\a\\closed"), ntfs.symlink("w\\a\\closed"), ntfs.lx_symlink(b"w/a/closed"),
                      ntfs.symlink("\\w\\a\\closed", False)):
            assert as_user(B, B, lambda: ntfs.put(v / "j", "system.ntfs_reparse_data", value)) is None
            for call in (lambda: os.listdir(v / "j"), lambda: os.stat(v / "j/inside"),
                         lambda: opened(v / "j/inside", READ), lambda: write(v / "j/new"),
                         lambda: os.chmod(v / "j", 0o777) or os.listdir(v / "j")):
                assert as_user(B, B, call) in ("EACCES", "EPERM"), value
            assert os.listdir(v / "w/a/closed") == ["inside"]
        assert as_user(B, B, lambda: ntfs.remove(v / "j", "system.ntfs_reparse_data")) is None
        assert as_user(B, B, lambda: os.listdir(v / "j")) == []
        # A private file of A's that is a link for a while.
        ntfs.put(v / "w/a/private", "system.ntfs_reparse_data", ntfs.symlink("readable"))
        assert as_user(B, B, lambda: opened(v / "w/a/private", READ, lambda file: os.read(file, 15))) == (
            b"what a/readable")
        assert as_user(B, B, lambda: opened(v / "w/a/private", READ | os.O_NOFOLLOW)) == "ELOOP"
        for name in "user.kept", "system.ntfs_reparse_data":
            got = as_user(B, B, lambda: os.getxattr(v / "w/a/private", name, follow_symlinks=False))
            assert got == ("ENODATA" if name == "user.kept" else ntfs.symlink("readable")), (name, got)
        assert as_user(B, B, lambda: ntfs.remove(v / "w/a/private", "system.ntfs_reparse_data")) == "EPERM"
        ntfs.remove(v / "w/a/private", "system.ntfs_reparse_data")
        assert as_user(B, B, lambda: opened(v / "w/a/private", READ)) == "EACCES"
        assert stat.S_IMODE(os.stat(v / "w/a/private").st_mode) == 0o600


def test_what_became_a_link_is_not_reached_by_what_knew_it_before():
    """B's path-only descriptor of a file that changed hands while it was a link opens nothing."""
    with open_to_all() as v:
        write(v / "f", "secret", 0o644)
        os.chown(v / "f", B, B)

        def between():
            ntfs.put(v / "f", "system.ntfs_reparse_data", ntfs.symlink("x"))
            os.chown(v / "f", A, A, follow_symlinks=False)
            ntfs.remove(v / "f", "system.ntfs_reparse_data")
            os.chmod(v / "f", 0o600)

        def use(file):
            return [outcome(reopen, file, READ), outcome(reopen, file, BOTH), outcome(os.fchmod, file, 0o777),
                    outcome(os.chmod, f"/proc/self/fd/{file}", 0o777), outcome(opened, v / "f", READ)]

        assert as_user_between(B, lambda: os.open(v / "f", os.O_PATH), between, use) == [
            "EACCES", "EACCES", "EBADF", "EPERM", "EACCES"]


# ---- loops ------------------------------------------------------------------------------------------------------------


def test_loops_of_symlinks_end():
    def scenario(path):
        os.symlink("self", f"{path}/self")
        os.symlink("two", f"{path}/one")
        os.symlink("one", f"{path}/two")
        os.symlink(".", f"{path}/here")
        os.symlink("file", f"{path}/l0")
        write(f"{path}/file")
        for i in range(1, 60):
            os.symlink(f"l{i - 1}", f"{path}/l{i}")
        answers = []
        # 40 are followed. The kernel starts a walk again when a name changes beside it, and counts on.
        sure = [*range(20), *range(41, 60)]
        for name in ["self", "one", "two", "self/x", "one/x"] + [f"l{i}" for i in sure] + [
                "/".join(["here"] * count) for count in (1, 19, 41, 100)]:
            for call in (os.stat, os.listdir, lambda at: opened(at, READ), lambda at: opened(at, BOTH | os.O_CREAT),
                         lambda at: os.truncate(at, 0), lambda at: os.chmod(at, 0o700), os.path.exists):
                got = outcome(call, f"{path}/{name}")
                answers.append((name, got if isinstance(got, (str, bool)) else "worked"))
            answers.append((name, outcome(os.readlink, f"{path}/{name}")))
        return answers

    answers = same_as_tmpfs(scenario)
    assert ("self", "ELOOP") in answers and ("l59", "ELOOP") in answers and ("l19", "worked") in answers


def test_loops_of_reparse_points_end():
    for make in (lambda to: ntfs.junction(f"C:\\{to}"), lambda to: ntfs.symlink(f"\\{to}", False), ntfs.symlink):
        for options in (), ("-i",):
            with Volume(*options) as v:
                for name, to in (("self", "self"), ("one", "two"), ("two", "one"), ("root", "")):
                    os.mkdir(v / name)
                    if to or make is not ntfs.symlink:
                        ntfs.put(v / name, "system.ntfs_reparse_data", make(to))
                for name in "self", "one", "two", "self/x", "one/x/y":
                    for call in (os.stat, os.listdir, lambda at: opened(at, READ),
                                 lambda at: opened(at, WRITE | os.O_CREAT)):
                        refuses(40, call, v / name)  # ELOOP
                    assert not os.path.exists(v / name)
                if make is not ntfs.symlink:
                    # A junction to the root in the root: as often as one likes, up to the kernel's forty.
                    assert os.path.samefile(v / "/".join(["root"] * 10), v.path)
                    refuses(40, os.stat, v / "/".join(["root"] * 41))
                # And whoever walks the tree comes to an end.
                run("find", v.path, timeout=60)
                run("find", "-L", v.path, check=False, timeout=60)
                run("du", "-s", v.path, timeout=60)
                run("rm", "-r", v / "self", v / "one", v / "two", v / "root", timeout=60)
                assert os.listdir(v.path) == []


# ---- streams as paths ----------------------------------------------------------------------------------------------------


def test_streams_are_as_shut_as_their_file():
    """`file:stream` has the file's permissions, access list included, for making and deleting too."""
    with open_to_all("streams=colon") as v:
        prepare(v / "w")
        os.mkdir(v / "all", 0o777)  # so that nothing but the file's permissions is in the way
        os.chmod(v / "all", 0o777)
        for name in "private", "denied", "not_the_group", "masked", "readable", "unreadable", "named":
            os.rename(v / f"w/a/{name}", v / f"all/{name}")
            os.setxattr(v / f"all/{name}", "user.s", b"secret")
        ways = {
            "read": lambda path: opened(f"{path}:s", READ, lambda file: os.read(file, 6)),
            "write": lambda path: opened(f"{path}:s", WRITE),
            "both": lambda path: opened(f"{path}:s", BOTH | os.O_CREAT),
            "make": lambda path: opened(f"{path}:new", BOTH | os.O_CREAT),
            "make a node": lambda path: os.mknod(f"{path}:new", stat.S_IFREG | 0o666),
            "truncate": lambda path: os.truncate(f"{path}:s", 0),
            "unlink": lambda path: os.unlink(f"{path}:s"),
            "rename": lambda path: os.rename(f"{path}:s", f"{path}:t"),
        }
        shut = {"private": ways, "denied": ways, "not_the_group": ways, "masked": ways,
                "readable": set(ways) - {"read"}, "unreadable": {"read", "both"}}
        for name, names in shut.items():
            for way in names:
                for groups in (), (SHARED,):
                    got = as_user(B, B, lambda: ways[way](v / f"all/{name}"), groups)
                    assert got == "EACCES", (name, way, groups, got)
            assert os.getxattr(v / f"all/{name}", "user.s") == b"secret", name
        assert as_user(B, B, lambda: opened(v / "all/readable:s", READ, lambda file: os.read(file, 9))) == b"secret"
        assert as_user(B, B, lambda: opened(v / "all/named:new", WRITE | os.O_CREAT)) == "EACCES"
        os.setxattr(v / "all/named", ACCESS, simple(6, 0, 0, (USER, 6, B), mask=6))
        assert as_user(B, B, lambda: opened(v / "all/named:new", WRITE | os.O_CREAT)) is None
        assert as_user(B, B, lambda: os.unlink(v / "all/named:s")) is None
        os.setxattr(v / "all/masked", ACCESS, simple(6, 0, 0, (GROUP, 2, SHARED), mask=2))
        assert as_user(B, B, lambda: opened(v / "all/masked:new", WRITE | os.O_CREAT)) == "EACCES"
        assert as_user(B, B, lambda: opened(v / "all/masked:new", WRITE | os.O_CREAT), (SHARED,)) is None


def test_streams_of_immutable_and_append_only_files():
    need_root()
    with open_to_all("streams=colon") as v:
        for flag in IMMUTABLE, APPEND:
            write(v / "f", "main")
            write(v / "f:s", "0123456789")
            before = os.open(v / "f:s", BOTH)
            appending = os.open(v / "f:s", WRITE | os.O_APPEND)
            set_flags(v / "f", flag)
            refuses(1, opened, v / "f:new", WRITE | os.O_CREAT)
            refuses(1, os.unlink, v / "f:s")
            refuses(1, os.rename, v / "f:s", v / "f:t")
            refuses(1, os.truncate, v / "f:s", 0)
            refuses(1, opened, v / "f:s", WRITE)
            refuses(1, os.pwrite, before, b"X", 0)
            refuses(1, os.ftruncate, before, 0)
            if flag == IMMUTABLE:
                refuses(1, fallocate, before, 0, 0, 100)
                refuses(1, os.write, appending, b"X")
            fcntl.fcntl(appending, fcntl.F_SETFL, 0)
            refuses(1, os.pwrite, appending, b"X", 0)
            os.close(before)
            os.close(appending)
            if flag == APPEND:
                assert opened(v / "f:s", WRITE | os.O_APPEND, lambda file: os.write(file, b"A")) == 1
            set_flags(v / "f", 0)
            with open(v / "f:s", encoding="ascii") as file:
                assert file.read() == "0123456789" + ("A" if flag == APPEND else "")
            os.unlink(v / "f")


def test_a_stream_made_meanwhile_is_not_opened_unasked():
    """Write permission makes streams; it does not read one that somebody made at the same moment."""
    need_root()
    with open_to_all("streams=colon") as v:
        write(v / "f", "main")
        os.chown(v / "f", A, A)
        os.chmod(v / "f", 0o622)
        maker = os.fork()
        if maker == 0:
            try:
                os.setresgid(A, A, A)
                os.setresuid(A, A, A)
                while True:
                    os.setxattr(v / "f", "user.s", b"secret")
                    os.removexattr(v / "f", "user.s")
            finally:
                os._exit(1)

        def race():
            got = set()
            for _ in range(4000):
                got.add(outcome(opened, v / "f:s", BOTH | os.O_CREAT, lambda file: os.pread(file, 6, 0)))
            return got

        try:
            got = as_user(B, B, race)
        finally:
            os.kill(maker, 9)
            assert os.waitpid(maker, 0)[1] == 9, "the maker ended"
        assert got <= {"EACCES"}, got


main(globals())
