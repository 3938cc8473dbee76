#!/usr/bin/env python3
"""What conformance suites look at: ACLs, chattr's attributes, set-id bits, births, handles, O_TMPFILE,
mount options, renames by case only.

Where the kernel's own tmpfs defines the answer, the same calls run there and are compared.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import shutil
import stat
import struct
import subprocess
import time

from compared import (
    ACCESS, APPEND, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, DEFAULT, EXCHANGE, GROUP, GROUP_OBJ, IMMUTABLE,
    MASK, NOATIME, NODUMP, NOREPLACE, OTHER, USER, USER_OBJ, WHITEOUT, acl, as_user, check, fallocate, get_flags,
    in_a_child, libc, mode_of, need_root, open_to_all, opened, outcome, refuses, renameat2, same_as_tmpfs,
    set_flags, simple, write)
from mounted import Skip, Volume, main, need, run

NOBODY = 65534
KEEP_SIZE, PUNCH, ZERO, COLLAPSE, INSERT = 1, 2, 16, 8, 32
FSGETXATTR, FSSETXATTR = 0x801C581F, 0x401C5820


# ---- ACLs ----------------------------------------------------------------------------------------------


def test_acls_are_enforced():
    with open_to_all() as v:
        path = v / "f"
        write(path, "secret", 0o600)

        def reading():
            return opened(path, os.O_RDONLY, lambda file: os.read(file, 6))

        def writing():
            return opened(path, os.O_WRONLY, lambda file: os.write(file, b"S"))

        assert as_user(1000, 1000, reading) == "EACCES"
        os.setxattr(path, ACCESS, simple(6, 0, 0, (USER, 6, 1000), (GROUP, 4, 2000), mask=6))
        assert as_user(1000, 1000, reading) == b"secret"
        assert as_user(1000, 1000, writing) == 1
        assert as_user(1001, 1001, reading) == "EACCES"
        assert as_user(1001, 2000, reading) == b"Secret"
        assert as_user(1001, 1001, reading, groups=[2000]) == b"Secret"
        assert as_user(1001, 2000, writing) == "EACCES"
        assert mode_of(path) == "0o100660"
        os.chmod(path, 0o640)  # the group bits are the mask
        assert as_user(1000, 1000, writing) == "EACCES"
        assert as_user(1000, 1000, reading) == b"Secret"
        os.removexattr(path, ACCESS)
        assert as_user(1000, 1000, reading) == "EACCES"
        os.mkdir(v / "d", 0o700)
        write(v / "d/inside")
        assert as_user(1000, 1000, lambda: os.listdir(v / "d")) == "EACCES"
        os.setxattr(v / "d", ACCESS, simple(7, 0, 0, (USER, 5, 1000), mask=5))
        assert as_user(1000, 1000, lambda: os.listdir(v / "d")) == ["inside"]
        assert as_user(1000, 1000, lambda: write(v / "d/new")) == "EACCES"


def test_the_acl_tools_work():
    need("setfacl", "getfacl")
    with open_to_all() as v:
        os.mkdir(v / "d")
        run("setfacl", "-m", "u:1000:rwx,g:2000:rx", "-d", "-m", "u:1000:rwx,g:2000:rx", v / "d")
        write(v / "d/f")
        text = run("getfacl", "-nc", v / "d/f").stdout.split("\n")
        assert "user:1000:rwx\t\t\t#effective:r--" in text or "user:1000:rwx\t#effective:r--" in text, text
        run("setfacl", "-b", "-k", v / "d")
        assert os.listxattr(v / "d") == []


def test_an_acl_that_says_what_the_mode_says_is_none():
    def scenario(path):
        os.chdir(path)
        write("f")
        os.setxattr("f", ACCESS, simple(7, 5, 1))
        answers = [mode_of("f"), outcome(os.getxattr, "f", ACCESS), os.listxattr("f")]
        os.setxattr("f", ACCESS, simple(7, 5, 1, mask=3))
        answers += [mode_of("f"), os.getxattr("f", ACCESS), os.listxattr("f")]
        os.setxattr("f", ACCESS, simple(6, 4, 0))
        answers += [mode_of("f"), outcome(os.getxattr, "f", ACCESS), os.listxattr("f")]
        os.chdir("/")
        return answers

    same_as_tmpfs(scenario)


def test_setgid_goes_when_a_stranger_sets_an_acl():
    def scenario(path):
        answers = []
        for group, groups in ((1000, ()), (2000, ()), (1000, (2000,))):
            for value in (simple(7, 5, 1), simple(7, 5, 1, (USER, 7, 5), mask=7), None):
                file = os.path.join(path, "f")
                write(file)
                os.chown(file, 1000, 2000)
                os.chmod(file, 0o6755)
                call = (lambda: os.setxattr(file, ACCESS, value)) if value else (
                    lambda: os.removexattr(file, ACCESS))
                answers.append((as_user(1000, group, call, groups), mode_of(file)))
                os.chmod(file, 0o2755)
                answers.append((outcome(call), mode_of(file)))
                answers.append((as_user(1001, 2000, call), mode_of(file)))
                os.unlink(file)
        return answers

    same_as_tmpfs(scenario)


def random_acl(chance):
    perms = lambda: chance.randrange(8)  # noqa: E731
    entries = [(USER_OBJ, perms())]
    entries += [(USER, perms(), chance.randrange(1000, 1004)) for _ in range(chance.choice((0, 0, 1, 2)))]
    entries += [(GROUP_OBJ, perms())]
    entries += [(GROUP, perms(), chance.randrange(2000, 2004)) for _ in range(chance.choice((0, 0, 1, 2)))]
    if len(entries) > 2 or chance.random() < 0.3:
        entries += [(MASK, perms())]
    entries += [(OTHER, perms())]
    fault = chance.randrange(12)
    if fault == 0:
        entries.pop(chance.randrange(len(entries)))
    elif fault == 1:
        chance.shuffle(entries)
    elif fault == 2:
        entries.append((64, 7))
    elif fault == 3:
        entries.append((OTHER, 7))
    elif fault == 4:
        entries = []
    value = acl(*entries)
    return value[:-chance.randrange(1, 8)] if fault == 5 else value


def test_acls_at_random_as_tmpfs_has_them():
    """Sets, removes, inherits and changes modes; everything that shows is compared."""

    def scenario(path):
        chance, answers = random.Random(4), []
        os.chdir(path)
        os.mkdir("d")
        names = ["d"]
        for step in range(1500):
            name, action = chance.choice(names), chance.randrange(8)
            new, mode, mask = f"d/{step}", chance.randrange(0o10000), chance.choice((0, 0o22, 0o77, 0o137))
            value, umask = random_acl(chance), os.umask(mask)
            try:
                if action == 0:
                    result = outcome(os.setxattr, name, ACCESS, value)
                elif action == 1:
                    result = outcome(os.setxattr, chance.choice((name, "d", "d")), DEFAULT, value)
                elif action == 2:
                    result = outcome(os.chmod, name, mode)
                elif action == 3:
                    result = outcome(os.removexattr, name, chance.choice((ACCESS, DEFAULT)))
                elif action == 4:
                    result = outcome(os.mkdir, new, mode & 0o1777)
                    names.append(new)
                elif action == 5:
                    result = outcome(os.close, os.open(new, os.O_CREAT | os.O_WRONLY, mode & 0o7777))
                    names.append(new)
                elif action == 6:
                    kind = chance.choice((stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFREG))
                    result = outcome(os.mknod, new, kind | (mode & 0o777))
                    names.append(new)
                else:
                    result = opened("d", os.O_TMPFILE | os.O_RDWR, lambda file: (
                        oct(os.fstat(file).st_mode), outcome(os.getxattr, file, ACCESS)))
            finally:
                os.umask(umask)
            for which in (name, "d") + ((new,) if os.path.lexists(new) else ()):
                answers.append((step, action, result, mode_of(which), outcome(os.getxattr, which, ACCESS),
                                outcome(os.getxattr, which, DEFAULT), sorted(os.listxattr(which))))
        os.chdir("/")
        return answers

    same_as_tmpfs(scenario)


def test_umask_without_acls():
    def scenario(path):
        answers = []
        old = os.umask(0o027)
        try:
            for i, mode in enumerate((0o666, 0o777, 0o4755, 0o1777)):
                opened(f"{path}/f{i}", os.O_CREAT | os.O_WRONLY)
                os.close(os.open(f"{path}/g{i}", os.O_CREAT | os.O_WRONLY, mode))
                os.mkdir(f"{path}/d{i}", mode)
                os.mknod(f"{path}/p{i}", mode | stat.S_IFIFO)
                os.symlink("x", f"{path}/l{i}")
                answers += [mode_of(f"{path}/{kind}{i}") for kind in "fgdpl"]
        finally:
            os.umask(old)
        return answers

    same_as_tmpfs(scenario)


def test_noxattr_leaves_modes_right():
    with Volume("-o", "noxattr") as v:
        old = os.umask(0o027)
        try:
            write(v / "f", mode=0o666)
        finally:
            os.umask(old)
        assert mode_of(v / "f") == "0o100640"
        refuses(errno.EOPNOTSUPP, os.setxattr, v / "f", ACCESS, simple(7, 7, 7))


# ---- permissions ------------------------------------------------------------------------------------------


def user_actions(d, f, own):
    """What a user may or may not do to the file `f` in `d`, where `own` is the user's; the last one changes `d`."""
    yield "read", lambda: opened(f, os.O_RDONLY, lambda file: os.read(file, 10))
    yield "write", lambda: opened(f, os.O_WRONLY, lambda file: os.write(file, b"1"))
    yield "truncate by opening", lambda: opened(f, os.O_WRONLY | os.O_TRUNC)
    yield "truncate", lambda: os.truncate(f, 1)
    yield "execute", lambda: os.access(f, os.X_OK)
    yield "stat", lambda: os.stat(f).st_size
    yield "chmod", lambda: os.chmod(f, 0o600)
    yield "chown", lambda: os.chown(f, 1001, -1)
    yield "chgrp to a group of its own", lambda: os.chown(f, -1, 2001)
    yield "chgrp to another's", lambda: os.chown(f, -1, 7)
    yield "touch", lambda: os.utime(f)
    yield "set times", lambda: os.utime(f, (1, 1))
    yield "get an attribute", lambda: os.getxattr(f, "user.a")
    yield "set an attribute", lambda: os.setxattr(f, "user.a", b"2")
    yield "remove an attribute", lambda: os.removexattr(f, "user.a")
    yield "list attributes", lambda: os.listxattr(f)
    yield "set an ACL", lambda: os.setxattr(f, ACCESS, simple(7, 7, 7, (USER, 7, 1000), mask=7))
    yield "get an ACL", lambda: os.getxattr(f, ACCESS)
    yield "link", lambda: os.link(f, f + "-link")
    yield "unlink", lambda: os.unlink(f)
    yield "rename", lambda: os.rename(f, f + "-moved")
    yield "rename over", lambda: os.rename(own, f)
    yield "exchange", lambda: renameat2(own, f, EXCHANGE)
    yield "make a whiteout", lambda: renameat2(own, f + "-moved", WHITEOUT)
    yield "list", lambda: len(os.listdir(d))
    yield "create", lambda: opened(f + "-new", os.O_CREAT | os.O_WRONLY)
    yield "make a directory", lambda: os.mkdir(f + "-directory")
    yield "remove a directory", lambda: os.rmdir(f"{d}/empty")
    yield "make a symlink", lambda: os.symlink("x", f + "-link")
    yield "make a fifo", lambda: os.mkfifo(f + "-fifo")
    yield "make a socket", lambda: os.mknod(f + "-socket", stat.S_IFSOCK | 0o644)
    yield "make a device", lambda: os.mknod(f + "-device", stat.S_IFCHR | 0o644, os.makedev(1, 3))
    yield "enter", lambda: os.chdir(d)
    yield "set a default ACL", lambda: os.setxattr(d, DEFAULT, simple(7, 7, 7))


USERS = ((1000, 1000, ()), (1001, 2000, ()), (1001, 5, (2000, 2001)), (1001, 5, ()))


def test_users_may_what_they_may_on_tmpfs():
    """An owner, members of the group by both ways, a stranger; files and directories of several modes."""
    modes = [(file, 0o777) for file in (0o600, 0o640, 0o067, 0o706, 0)]
    modes += [(0o666, directory) for directory in (0o700, 0o072, 0o711, 0o744, 0o1777)]

    def prepare(d, user, group, mode, directory_mode):
        """A file and one of the user's own for each action, and an empty directory; gives the actions."""
        actions = []
        os.mkdir(d)
        os.mkdir(f"{d}/empty")
        for i in range(len(list(user_actions(d, "", "")))):
            f, own = f"{d}/f{i}", f"{d}/own{i}"
            write(f, "text")
            write(own)
            os.setxattr(f, "user.a", b"1")
            os.chown(own, user, group)
            os.chown(f, 1000, 2000)
            os.chmod(f, mode)
            actions.append(list(user_actions(d, f, own))[i])
        for name, permissions in ((f"{d}/empty", 0o777), (d, directory_mode)):
            os.chown(name, 1000, 2000)
            os.chmod(name, permissions)
        return actions

    def scenario(path):
        answers = []
        for mode, directory_mode in modes:
            for user, group, groups in USERS:
                actions = prepare(f"{path}/d", user, group, mode, directory_mode)
                results = as_user(user, group, lambda: [outcome(call) for _, call in actions], groups)
                assert isinstance(results, list), results
                answers += [(oct(mode), oct(directory_mode), user, groups, what, result)
                            for (what, _), result in zip(actions, results)]
                answers.append([(name, mode_of(f"{path}/d/{name}")) for name in sorted(os.listdir(f"{path}/d"))])
                shutil.rmtree(f"{path}/d")
        return answers

    same_as_tmpfs(scenario)


def test_permissions_are_checked_without_acls_too():
    """Where the kernel is not told of ACLs, it has to be told to check permissions."""
    need_root()
    with open_to_all("noxattr") as v:
        write(v / "f", "secret", 0o640)
        os.chown(v / "f", 1000, 2000)
        os.mkdir(v / "d", 0o700)
        for user, group, expected in ((1000, 5, b"secret"), (1001, 2000, b"secret"), (1001, 5, "EACCES")):
            assert as_user(user, group, lambda: opened(v / "f", os.O_RDONLY, lambda at: os.read(at, 9))) == expected
        assert as_user(1001, 2000, lambda: opened(v / "f", os.O_WRONLY)) == "EACCES"
        assert as_user(1001, 2000, lambda: os.chmod(v / "f", 0o666)) == "EPERM"
        assert as_user(1000, 1000, lambda: os.listdir(v / "d")) == "EACCES"
        assert as_user(1000, 1000, lambda: os.stat(v / "d/none")) == "EACCES"


# ---- chattr ----------------------------------------------------------------------------------------------


def fsxattr(path, flags=None, extent=0, project=0):
    """Sets, or with no flags gets, by FS_IOC_FS*XATTR."""
    if flags is None:
        return opened(path, os.O_RDONLY, lambda file: fcntl.ioctl(file, FSGETXATTR, bytes(28)))
    value = struct.pack("IIIII8x", flags, extent, 0, project, 0)
    return opened(path, os.O_RDONLY, lambda file: fcntl.ioctl(file, FSSETXATTR, value) and None)


def name_actions(path):
    """What may be done to d/f by its name."""
    f, d, other = f"{path}/d/f", f"{path}/d", f"{path}/other"
    yield "open for writing", lambda: opened(f, os.O_WRONLY)
    yield "open for both", lambda: opened(f, os.O_RDWR)
    yield "open for reading", lambda: opened(f, os.O_RDONLY)
    yield "open for appending", lambda: opened(f, os.O_WRONLY | os.O_APPEND)
    yield "append", lambda: opened(f, os.O_WRONLY | os.O_APPEND, lambda file: os.write(file, b"more"))
    yield "open and truncate", lambda: opened(f, os.O_WRONLY | os.O_TRUNC)
    yield "append and truncate", lambda: opened(f, os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
    yield "read and truncate", lambda: opened(f, os.O_RDONLY | os.O_TRUNC)
    yield "create over", lambda: opened(f, os.O_WRONLY | os.O_CREAT)
    yield "truncate", lambda: os.truncate(f, 1)
    yield "grow", lambda: os.truncate(f, 100000)
    yield "chmod", lambda: os.chmod(f, 0o600)
    yield "chown", lambda: os.chown(f, 1, 1)
    yield "touch", lambda: os.utime(f)
    yield "set times", lambda: os.utime(f, (1, 1))
    yield "set an attribute", lambda: os.setxattr(f, "user.b", b"1")
    yield "remove an attribute", lambda: os.removexattr(f, "user.a")
    yield "set a trusted attribute", lambda: os.setxattr(f, "trusted.b", b"1")
    yield "set an ACL", lambda: os.setxattr(f, ACCESS, simple(7, 7, 7, mask=7))
    yield "link", lambda: os.link(f, f"{d}/g")
    yield "link from outside", lambda: os.link(other, f"{d}/h")
    yield "rename inside", lambda: os.rename(f, f"{d}/k") or os.rename(f"{d}/k", f)
    yield "rename out", lambda: os.rename(f, f"{path}/out") or os.rename(f"{path}/out", f)
    yield "rename in", lambda: os.rename(other, f"{d}/in") or os.rename(f"{d}/in", other)
    yield "exchange", lambda: renameat2(f, other, EXCHANGE) or renameat2(f, other, EXCHANGE)
    yield "exchange back", lambda: renameat2(other, f, EXCHANGE) or renameat2(f, other, EXCHANGE)
    yield "whiteout", lambda: renameat2(f, f"{d}/w", WHITEOUT) or os.rename(f"{d}/w", f)
    yield "make a directory", lambda: os.mkdir(f"{d}/sub")
    yield "remove a directory", lambda: os.rmdir(f"{d}/empty")
    yield "make a fifo", lambda: os.mkfifo(f"{d}/fifo")
    yield "make a symlink", lambda: os.symlink("x", f"{d}/symlink")
    yield "create", lambda: opened(f"{d}/new", os.O_CREAT | os.O_WRONLY)
    yield "nameless", lambda: opened(d, os.O_TMPFILE | os.O_RDWR)
    yield "chmod the directory", lambda: os.chmod(d, 0o755)
    yield "touch the directory", lambda: os.utime(d)
    yield "attribute of the directory", lambda: os.setxattr(d, "user.d", b"")
    yield "move the directory", lambda: os.rename(d, f"{path}/d2") or os.rename(f"{path}/d2", d)
    yield "replace", lambda: os.rename(other, f)
    yield "unlink", lambda: os.unlink(f)


def file_actions(path):
    """What may be done by a descriptor, opened while it was allowed."""
    yield "fallocate", lambda file: fallocate(file, 0, 0, 50000)
    yield "fallocate beyond", lambda file: fallocate(file, KEEP_SIZE, 60000, 50000)
    yield "punch", lambda file: fallocate(file, PUNCH | KEEP_SIZE, 0, 4096)
    yield "fchmod", lambda file: os.fchmod(file, 0o600)
    yield "fchown", lambda file: os.fchown(file, 1, 1)
    yield "futimes", lambda file: os.utime(file, (1, 1))
    yield "set an attribute", lambda file: os.setxattr(file, "user.c", b"1")


def prepare_flagged(path):
    os.mkdir(f"{path}/d")
    os.mkdir(f"{path}/d/empty")
    write(f"{path}/d/f", "text")
    write(f"{path}/other", "other")
    os.setxattr(f"{path}/d/f", "user.a", b"1")


def flag_matrix(path):
    answers = []
    for on in ("d/f", "d"):
        for flags in (0, IMMUTABLE, APPEND, IMMUTABLE | APPEND):
            for what in [name for name, _ in name_actions(path)]:
                prepare_flagged(path)
                set_flags(f"{path}/{on}", flags)
                action = dict(name_actions(path))[what]
                answers.append((on, flags, what, outcome(action)))
                set_flags(f"{path}/{on}" if os.path.exists(f"{path}/{on}") else f"{path}/d", 0)
                for name in os.listdir(path):
                    left = f"{path}/{name}"
                    if name == "other" and os.path.isfile(left):
                        set_flags(left, 0)
                    shutil.rmtree(left) if os.path.isdir(left) else os.unlink(left)
    return answers


def test_immutable_and_append_only_by_name():
    same_as_tmpfs(flag_matrix)


def test_immutable_and_append_only_by_descriptor():
    def scenario(path):
        answers = []
        for flags in (0, IMMUTABLE, APPEND):
            for what, action in file_actions(path):
                prepare_flagged(path)
                with open(f"{path}/d/f", "r+b", buffering=0) as file:
                    set_flags(f"{path}/d/f", flags)
                    answers.append((flags, what, outcome(action, file.fileno())))
                set_flags(f"{path}/d/f", 0)
                shutil.rmtree(f"{path}/d")
                os.unlink(f"{path}/other")
        return answers

    same_as_tmpfs(scenario)


def test_descriptors_from_before_are_held_to_the_attributes_too():
    """tmpfs lets these write on, and so must we where the kernel writes by itself; disk file systems do not,
    and neither do we where writes come to us."""
    need_root()
    with Volume() as v:
        write(v / "f", "0123456789")
        write(v / "source", "abcdef")
        with open(v / "f", "r+b", buffering=0) as file, open(v / "source", "rb") as source:
            number = file.fileno()
            for flags in (IMMUTABLE, APPEND):
                set_flags(v / "f", flags)
                refuses(errno.EPERM, os.ftruncate, number, 0)
                if not v.backed():
                    refuses(errno.EPERM, os.pwrite, number, b"X", 0)
                    refuses(errno.EPERM, os.copy_file_range, source.fileno(), number, 6, 0, 0)
            assert os.pwrite(number, b"end", 10) == 3
            if not v.backed():
                refuses(errno.EPERM, os.pwrite, number, b"X", 12)
            assert os.pread(number, 20, 0) == b"0123456789end"
        appending = os.open(v / "f", os.O_WRONLY | os.O_APPEND)
        fcntl.fcntl(appending, fcntl.F_SETFL, 0)
        refuses(errno.EPERM, os.pwrite, appending, b"X", 0)
        os.close(appending)
        set_flags(v / "f", 0)
        with open(v / "f", "rb") as file:
            assert file.read() == b"0123456789end"


def test_mappings_do_not_change_what_append_only_files_hold():
    need_root()
    with Volume() as v:
        # Often: the close of who wrote it can be behind the open that follows.
        for number in range(60):
            path = v / f"f{number}"
            write(path, "0123456789")
            set_flags(path, APPEND)
            file = os.open(path, os.O_RDWR | os.O_APPEND)
            try:
                with mmap.mmap(file, 10) as view:
                    view[0:1] = b"X"
                    assert outcome(view.flush) in ("EPERM", "EIO")
            except OSError as error:
                assert v.backed() and error.errno == errno.ENODEV, error
            finally:
                os.close(file)
            set_flags(path, 0)
        forget_everything()
        for number in range(60):
            read_afresh(v / f"f{number}")
            with open(v / f"f{number}", "rb") as file:
                assert file.read() == b"0123456789"


def test_who_may_set_the_attributes():
    def scenario(path):
        answers = []
        file = f"{path}/f"
        write(file)
        os.chown(file, 1000, 1000)
        for user in (1000, 1001, 0):
            for flags in (NODUMP, NOATIME, NODUMP | NOATIME, IMMUTABLE, APPEND | NODUMP, 0):
                answers.append((user, flags, as_user(user, user, lambda: set_flags(file, flags)),
                                get_flags(file) & 0xF0))
            set_flags(file, IMMUTABLE)
            answers.append((as_user(user, user, lambda: set_flags(file, 0)), get_flags(file)))
            set_flags(file, 0)
        return answers

    same_as_tmpfs(scenario)


def test_flag_ioctls():
    def scenario(path):
        file, folder = f"{path}/f", f"{path}/d"
        write(file)
        os.mkdir(folder)
        answers = []
        for which in (file, folder):
            for flags in (0, NODUMP, NOATIME, APPEND, IMMUTABLE, 0xF0, 0):
                answers.append((outcome(set_flags, which, flags), get_flags(which), fsxattr(which)))
            for xflags in (0x8, 0x10, 0x40, 0x80, 0xD8, 0x20, 0x2, 0x1, 0):  # FS_XFLAG_...
                answers.append((xflags, outcome(fsxattr, which, xflags), get_flags(which), fsxattr(which)))
            answers.append(outcome(fsxattr, which, 0, extent=4096))
            answers.append(outcome(fsxattr, which, 0, project=7))
            for flags in (1, 2, 4, 8, 0x100, 0x800000, 0x10000, 0x80000):
                answers.append((flags, outcome(set_flags, which, flags), get_flags(which)))
            for number in (0x1234, 0x40046612, 0x80086613, 0xC0106614, 0x80087601):
                answers.append(opened(which, os.O_RDONLY, lambda at: outcome(
                    fcntl.ioctl, at, number, bytes(64))))
        return answers

    same_as_tmpfs(scenario)


def test_attributes_are_inherited_and_change_ctime():
    def scenario(path):
        os.mkdir(f"{path}/d")
        set_flags(f"{path}/d", NODUMP | NOATIME)
        write(f"{path}/d/f")
        os.mkdir(f"{path}/d/d")
        before = os.stat(f"{path}/d/f").st_ctime_ns
        wait_for_the_clock(before)
        set_flags(f"{path}/d/f", NODUMP | NOATIME | APPEND)
        changed = os.stat(f"{path}/d/f").st_ctime_ns > before
        set_flags(f"{path}/d/f", NODUMP)
        set_flags(f"{path}/d", APPEND)
        write(f"{path}/d/g")
        answers = [changed, get_flags(f"{path}/d/f"), get_flags(f"{path}/d/d"), get_flags(f"{path}/d/g")]
        set_flags(f"{path}/d", 0)
        return answers

    same_as_tmpfs(scenario)


def now():
    """The kernel's coarse clock, which stamps files."""
    return time.clock_gettime_ns(5)


def wait_for_the_clock(moment):
    """Until the clock has left a moment behind."""
    while now() <= moment:
        pass


# ---- set-id bits ------------------------------------------------------------------------------------------


def set_id_actions(path):
    f = f"{path}/f"
    yield "write", lambda: opened(f, os.O_WRONLY, lambda file: os.write(file, b"1"))
    yield "append", lambda: opened(f, os.O_WRONLY | os.O_APPEND, lambda file: os.write(file, b"1"))
    yield "open", lambda: opened(f, os.O_WRONLY)
    yield "truncate", lambda: os.truncate(f, 3)
    yield "ftruncate", lambda: opened(f, os.O_RDWR, lambda file: os.ftruncate(file, 3))
    yield "O_TRUNC", lambda: opened(f, os.O_WRONLY | os.O_TRUNC)
    yield "allocate", lambda: opened(f, os.O_RDWR, lambda file: fallocate(file, 0, 0, 100000))
    yield "keep size", lambda: opened(f, os.O_RDWR, lambda file: fallocate(file, KEEP_SIZE, 0, 9000))
    yield "punch", lambda: opened(f, os.O_RDWR, lambda file: fallocate(file, PUNCH | KEEP_SIZE, 0, 4096))
    yield "copy", lambda: opened(f, os.O_RDWR, lambda file: opened(
        f"{path}/source", os.O_RDONLY, lambda source: os.copy_file_range(source, file, 100)))
    yield "chmod", lambda: os.chmod(f, 0o6755)
    yield "chown to itself", lambda: os.chown(f, os.geteuid(), -1)
    yield "chgrp", lambda: os.chown(f, -1, os.getegid())
    yield "chown nothing", lambda: os.chown(f, -1, -1)
    yield "touch", lambda: os.utime(f)
    yield "link", lambda: os.link(f, f"{path}/g")


CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def test_set_id_bits():
    def scenario(path):
        answers = []
        write(f"{path}/source", "q" * 5000)
        for what in [name for name, _ in set_id_actions(path)]:
            for mode in (0o6777, 0o6767, 0o2766, 0o4700, 0o6755, 0o755):
                for user, group, groups in ((0, 0, ()), (1000, 1000, ()), (1000, 5, (2000,)), (1000, 5, ())):
                    f = f"{path}/f"
                    write(f, "x" * 8192)
                    os.chown(f, 1000, 1000 if group == 1000 else 2000)
                    os.chmod(f, mode)
                    if mode == 0o755:
                        os.setxattr(f, "security.capability", CAPABILITY)
                    result = as_user(user, group, dict(set_id_actions(path))[what], groups)
                    answers.append((what, oct(mode), user, group, groups, result, mode_of(f),
                                    outcome(os.getxattr, f, "security.capability")))
                    for name in ("f", "g"):
                        if os.path.exists(f"{path}/{name}"):
                            os.unlink(f"{path}/{name}")
        return answers

    same_as_tmpfs(scenario)


def test_setgid_directories_and_sticky_ones():
    def scenario(path):
        d = f"{path}/d"
        os.mkdir(d)
        os.chown(d, 1000, 2000)
        os.chmod(d, 0o2777)

        def make():
            old = os.umask(0)
            write(f"{d}/f", mode=0o6777)
            write(f"{d}/p", mode=0o644)
            os.mkdir(f"{d}/d")
            os.symlink("x", f"{d}/l")
            os.mkfifo(f"{d}/q")
            opened(d, os.O_TMPFILE | os.O_RDWR, lambda file: check(libc.linkat(
                AT_FDCWD, b"/proc/self/fd/%d" % file, AT_FDCWD, f"{d}/t".encode(), AT_SYMLINK_FOLLOW)))
            os.umask(old)

        answers = [as_user(1000, 1000, make)]
        for name in "fpdlqt":
            state = os.lstat(f"{d}/{name}")
            answers.append((name, oct(state.st_mode), state.st_uid, state.st_gid))
        os.chmod(d, 0o1777)
        for user in (1001, 1000):
            answers.append(as_user(user, user, lambda: os.unlink(f"{d}/f")))
            answers.append(as_user(user, user, lambda: os.rename(f"{d}/p", f"{d}/p2")))
            answers.append(as_user(user, user, lambda: os.rmdir(f"{d}/d")))
        write(f"{path}/m")
        os.chown(f"{path}/m", 1000, 2000)
        answers.append((as_user(1000, 1000, lambda: os.chmod(f"{path}/m", 0o2755)), mode_of(f"{path}/m")))
        answers.append((as_user(1000, 2000, lambda: os.chmod(f"{path}/m", 0o2755)), mode_of(f"{path}/m")))
        answers.append(as_user(1000, 1000, lambda: os.chown(f"{path}/m", 1001, -1)))
        answers.append(as_user(1000, 1000, lambda: os.chown(f"{path}/m", -1, 7)))
        return answers

    same_as_tmpfs(scenario)


# ---- times and births ---------------------------------------------------------------------------------------


class Statx(ctypes.Structure):
    _fields_ = [("mask", ctypes.c_uint32), ("blksize", ctypes.c_uint32), ("attributes", ctypes.c_uint64),
                ("nlink", ctypes.c_uint32), ("uid", ctypes.c_uint32), ("gid", ctypes.c_uint32),
                ("mode", ctypes.c_uint16), ("pad", ctypes.c_uint16), ("ino", ctypes.c_uint64),
                ("size", ctypes.c_uint64), ("blocks", ctypes.c_uint64), ("attributes_mask", ctypes.c_uint64),
                ("times", ctypes.c_int64 * 8), ("rest", ctypes.c_uint64 * 32)]

    def time(self, which):
        """0 access, 1 birth, 2 change, 3 modification: nanoseconds."""
        return self.times[2 * which] * 10**9 + (self.times[2 * which + 1] & 0xFFFFFFFF)


def statx(path):
    answer = Statx()
    check(libc.statx(AT_FDCWD, path.encode(), 0x100, 0xFFF, ctypes.byref(answer)))
    return answer


def test_birth_times():
    with Volume() as v:
        before = now()
        write(v / "f", "hello")
        os.mkdir(v / "d")
        os.symlink("f", v / "l")
        after = time.time_ns()
        os.utime(v / "f", ns=(5, 6))
        for name in ("f", "d", "l", "f"):
            answer, state = statx(v / name), os.lstat(v / name)
            if not answer.mask & 0x800 and os.uname().release.split(".")[:2] < ["6", "6"]:
                raise Skip("the kernel's FUSE has no birth times")
            assert answer.mask & 0x800, name
            assert before <= answer.time(1) <= after, (before, answer.time(1), after)
            assert (answer.mode, answer.size, answer.ino, answer.nlink, answer.blocks, answer.uid) == (
                state.st_mode, state.st_size, state.st_ino, state.st_nlink, state.st_blocks, state.st_uid)
            assert answer.time(0) == state.st_atime_ns and answer.time(2) == state.st_ctime_ns
            assert answer.time(3) == state.st_mtime_ns
        born = statx(v / "f").time(1)
        write(v / "f", "more")
        os.rename(v / "f", v / "g")
        assert statx(v / "g").time(1) == born
        with open(v / "g", "rb") as file:
            answer = Statx()
            check(libc.statx(file.fileno(), b"", AT_EMPTY_PATH, 0xFFF, ctypes.byref(answer)))
            assert answer.time(1) == born


def read_afresh(path):
    """Reads past the kernel's cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.read()


def test_access_times():
    old, older = 10**18, 10**17
    for option, expected in (("relatime", (True, False)), ("strictatime", (True, True)),
                             ("noatime", (False, False))):
        with Volume("-o", option) as v:
            write(v / "f", "hello")
            os.sync()
            for atime, moves in ((older, expected[0]), (time.time_ns() + 10**12, expected[1])):
                os.utime(v / "f", ns=(atime, old))
                read_afresh(v / "f")
                assert (os.stat(v / "f").st_atime_ns != atime) == moves, (option, atime)
    with Volume("-o", "strictatime") as v:
        write(v / "f", "hello")
        set_flags(v / "f", NOATIME)
        os.utime(v / "f", ns=(old, old))
        read_afresh(v / "f")
        assert os.stat(v / "f").st_atime_ns == old
        set_flags(v / "f", 0)
        read_afresh(v / "f")
        assert os.stat(v / "f").st_atime_ns != old


# ---- O_TMPFILE ------------------------------------------------------------------------------------------------


def test_nameless_files():
    def scenario(path):
        answers = []

        def link(file, name):
            return check(libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % file, AT_FDCWD,
                                     f"{path}/{name}".encode(), AT_SYMLINK_FOLLOW))

        file = os.open(path, os.O_TMPFILE | os.O_RDWR, 0o640)
        os.write(file, b"nameless")
        answers += [os.listdir(path), os.fstat(file).st_nlink, oct(os.fstat(file).st_mode)]
        answers += [outcome(link, file, "named"), os.fstat(file).st_nlink, os.listdir(path)]
        answers += [outcome(link, file, "named"), outcome(link, file, "again"), os.fstat(file).st_nlink]
        os.unlink(f"{path}/named")
        os.unlink(f"{path}/again")
        answers += [os.fstat(file).st_nlink, outcome(link, file, "back"), os.pread(file, 10, 0)]
        os.close(file)
        file = os.open(path, os.O_TMPFILE | os.O_WRONLY | os.O_EXCL)
        answers += [outcome(link, file, "excluded")]
        os.close(file)
        answers += [outcome(os.open, path, os.O_TMPFILE | os.O_RDONLY), os.listdir(path)]
        os.mkdir(f"{path}/closed", 0o755)
        answers += [as_user(1000, 1000, lambda: opened(f"{path}/closed", os.O_TMPFILE | os.O_RDWR))]
        answers += [as_user(1000, 1000, lambda: opened(
            path, os.O_TMPFILE | os.O_RDWR, lambda at: (os.fstat(at).st_uid, os.fstat(at).st_gid)))]
        return answers

    same_as_tmpfs(scenario)


def test_nameless_files_leave_nothing():
    with Volume("-s", "8m") as v:
        before = os.statvfs(v.path)
        for _ in range(100):
            opened(v.path, os.O_TMPFILE | os.O_RDWR, lambda file: os.write(file, b"x" * 70000))
        until = time.monotonic() + 30
        while os.statvfs(v.path) != before and time.monotonic() < until:
            pass
        assert os.statvfs(v.path) == before


# ---- handles ----------------------------------------------------------------------------------------------------


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]


def handle_of(path):
    handle, mount = Handle(bytes=128), ctypes.c_int()
    check(libc.name_to_handle_at(AT_FDCWD, path.encode(), ctypes.byref(handle), ctypes.byref(mount), 0))
    return handle


def open_handle(v, handle, how=os.O_RDONLY):
    mount = os.open(v.path, os.O_RDONLY)
    try:
        return check(libc.open_by_handle_at(mount, ctypes.byref(handle), how))
    finally:
        os.close(mount)


def forget_everything():
    with open("/proc/sys/vm/drop_caches", "w") as caches:
        caches.write("2")


def test_file_handles():
    need_root()
    with Volume() as v:
        os.makedirs(v / "a/b")
        write(v / "a/b/f", "by handle")
        write(v / "gone")
        handles = {name: handle_of(v / name) for name in ("a", "a/b", "a/b/f", "gone")}
        forget_everything()
        file = open_handle(v, handles["a/b/f"])
        assert os.read(file, 20) == b"by handle"
        os.close(file)
        os.rename(v / "a/b", v / "moved")
        forget_everything()
        folder = open_handle(v, handles["a/b"], os.O_RDONLY | os.O_DIRECTORY)
        assert os.listdir(folder) == ["f"]
        parent = os.open("..", os.O_RDONLY, dir_fd=folder)
        assert os.fstat(parent).st_ino == os.stat(v.path).st_ino
        os.close(parent)
        os.close(folder)
        os.unlink(v / "gone")
        forget_everything()
        refuses(errno.ESTALE, open_handle, v, handles["gone"])
    with Volume() as v:
        write(v / "f", "another volume")
        refuses(errno.ESTALE, open_handle, v, handles["a/b/f"])
        # A number that is there, with the generation of the volume before (behind the 64-bit number).
        handle = handle_of(v / "f")
        os.close(open_handle(v, handle))
        old, new = bytearray(handles["a/b/f"].data), bytearray(handle.data)
        assert old[8:12] != new[8:12]
        new[8:12] = old[8:12]
        handle.data[:] = list(new)
        forget_everything()
        refuses(errno.ESTALE, open_handle, v, handle)


# ---- extended attributes -------------------------------------------------------------------------------------------


def test_attribute_names_and_rights():
    def scenario(path):
        answers = []
        f = f"{path}/f"
        write(f, mode=0o666)
        os.chmod(f, 0o666)
        os.symlink("f", f"{path}/l")
        os.mkdir(f"{path}/sticky")
        os.chmod(f"{path}/sticky", 0o1777)
        os.mkfifo(f"{path}/p")
        for name in ("trusted.t", "security.s", "user.u", "system.none", "plain", "other.o", "trusted.",
                     "security.", "user.", "user." + "n" * 250, "user." + "n" * 251):
            answers.append((name, outcome(os.setxattr, f, name, b"1"), outcome(os.getxattr, f, name)))
        for user in (1000, 0):
            for name in ("trusted.t", "security.s", "user.u"):
                answers.append((user, name, as_user(user, user, lambda: os.getxattr(f, name)),
                                as_user(user, user, lambda: os.setxattr(f, name, b"2")),
                                as_user(user, user, lambda: os.removexattr(f, name))))
                os.setxattr(f, name, b"1")
            answers.append(sorted(as_user(user, user, lambda: os.listxattr(f))))
            for place in ("l", "p", "sticky"):
                for name in ("user.u", "trusted.t", "security.s"):
                    answers.append((user, place, name, as_user(user, user, lambda: os.setxattr(
                        f"{path}/{place}", name, b"1", follow_symlinks=False))))
        os.setxattr(f, "user.big", b"B" * 65536)
        answers.append(outcome(os.setxattr, f, "user.big", b"B" * 65537))
        short = ctypes.create_string_buffer(10)
        answers.append((libc.getxattr(f.encode(), b"user.big", short, 10), ctypes.get_errno()))
        answers.append((libc.listxattr(f.encode(), short, 3), ctypes.get_errno()))
        answers.append((libc.getxattr(f.encode(), b"user.big", None, 0), ctypes.get_errno()))
        return answers

    same_as_tmpfs(scenario)


# ---- names, sizes, places -----------------------------------------------------------------------------------------


def test_lengths():
    def scenario(path):
        long, longer = "n" * 255, "n" * 256
        os.mkdir(f"{path}/d")
        answers = [outcome(write, f"{path}/{name}") for name in (long, longer)]
        for call in (os.stat, os.mkdir, os.unlink, os.rmdir, os.readlink, os.mkfifo, os.listdir):
            answers.append(outcome(call, f"{path}/{longer}"))
            answers.append(outcome(call, f"{path}/{longer}/x"))
        answers.append(outcome(os.symlink, "x", f"{path}/{longer}"))
        answers.append(outcome(os.link, f"{path}/{long}", f"{path}/{longer}"))
        answers.append(outcome(os.rename, f"{path}/{long}", f"{path}/{longer}"))
        answers.append(outcome(os.rename, f"{path}/{longer}", f"{path}/{long}"))
        answers += [outcome(os.symlink, "t" * size, f"{path}/s{size}") for size in (4095, 4096)]
        answers.append(outcome(os.readlink, f"{path}/s4095"))
        answers.append(os.lstat(f"{path}/s4095").st_size)
        answers.append(os.statvfs(path).f_namemax)
        os.mkdir(f"{path}/{'é' * 127}")
        os.chdir(path)
        for size in (4094, 4095, 4096):  # of a path, with the NUL behind it
            answers.append(outcome(os.mkdir, "d" + "/" * (size - 3 - 1) + "new"))
            answers.append(outcome(os.rmdir, "d/new"))
        os.chdir("/")
        return answers + sorted(os.listdir(path))

    same_as_tmpfs(scenario)


def test_huge_offsets():
    most = (1 << 63) - 1

    def scenario(path):
        file = os.open(f"{path}/f", os.O_CREAT | os.O_RDWR)
        answers = []
        for size in (1 << 40, most, most - 4096, 0):
            answers.append((size, outcome(os.ftruncate, file, size), os.fstat(file).st_size,
                            os.fstat(file).st_blocks))
        for offset in (most - 1, most - 4096, most - 1):
            answers.append((offset, outcome(os.pwrite, file, b"E", offset), os.fstat(file).st_size))
            answers.append(outcome(os.pread, file, 10, offset))
        answers.append(outcome(os.pwrite, file, b"EE", most - 1))
        answers.append(outcome(os.pwrite, file, b"E", most))
        answers.append(outcome(os.ftruncate, file, -1))
        answers.append(os.lseek(file, 0, os.SEEK_DATA) // 4096)  # tmpfs counts pages, we sectors
        answers.append(outcome(os.lseek, file, most, os.SEEK_DATA))
        answers.append(outcome(os.lseek, file, most, os.SEEK_SET))
        answers.append(outcome(fallocate, file, 0, most - 10, 100))
        answers.append(outcome(fallocate, file, KEEP_SIZE, 0, most))
        answers.append(outcome(fallocate, file, 0, 0, 0))
        answers.append(outcome(fallocate, file, PUNCH | KEEP_SIZE, 0, most))
        answers.append(outcome(fallocate, file, 0, -1, 10))
        answers.append(os.fstat(file).st_size)
        os.close(file)
        return answers

    same_as_tmpfs(scenario)


def test_places_in_directories():
    """telldir's places stay good while the directory changes."""
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    for name in ("readdir", "telldir", "closedir"):
        getattr(libc, name).argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]

    def next_name(listing):
        entry = libc.readdir(listing)
        return ctypes.string_at(entry + 19) if entry else None

    with Volume() as v:
        for i in range(500):
            write(v / f"f{i:03}")
        listing = libc.opendir(v.path.encode())
        places, names = [], []
        while True:
            places.append(libc.telldir(listing))
            name = next_name(listing)
            if name is None:
                break
            names.append(name)
        assert len(set(names)) == 502 and len(set(places)) == 503
        for i in range(0, 500, 3):
            os.unlink(v / f"f{i:03}")
        for i in range(100):
            write(v / f"new{i}")
        left = set(os.fsencode(name) for name in os.listdir(v.path)) | {b".", b".."}
        for at in random.Random(1).sample(range(len(names)), 100):
            libc.seekdir(listing, places[at])
            expected = next((name for name in names[at:] if name in left), None)
            got = next_name(listing)
            assert got == expected or (expected is None and got.startswith(b"new")), (at, got, expected)
        libc.closedir(listing)


# ---- renames ---------------------------------------------------------------------------------------------------------


def test_rename_flags():
    def scenario(path):
        answers = []
        for flags in (0, NOREPLACE, EXCHANGE, WHITEOUT, NOREPLACE | WHITEOUT, NOREPLACE | EXCHANGE,
                      EXCHANGE | WHITEOUT, 8, 0x80000000 - 0x100000000):
            for source in ("file", "dir", "full", "link", "none"):
                for target in ("file2", "dir2", "full2", "none2", source):
                    os.mkdir(f"{path}/t")
                    for name in ("dir", "full", "dir2", "full2", "full/x", "full2/x"):
                        os.mkdir(f"{path}/t/{name}")
                    write(f"{path}/t/file", "1")
                    write(f"{path}/t/file2", "22")
                    os.symlink("file", f"{path}/t/link")
                    answers.append((flags, source, target, outcome(
                        renameat2, f"{path}/t/{source}", f"{path}/t/{target}", flags), sorted(
                            (name, mode_of(f"{path}/t/{name}"), os.lstat(f"{path}/t/{name}").st_nlink,
                             os.lstat(f"{path}/t/{name}").st_rdev) for name in os.listdir(f"{path}/t"))))
                    shutil.rmtree(f"{path}/t")
        # A whiteout is its maker's, and the group's that the directory gives.
        os.mkdir(f"{path}/group")
        os.chown(f"{path}/group", 1000, 2000)
        os.chmod(f"{path}/group", 0o2777)
        for place in (path, f"{path}/group"):
            write(f"{place}/mine")
            os.chown(f"{place}/mine", 1000, 1000)
            answers.append(as_user(1000, 1000, lambda: renameat2(f"{place}/mine", f"{place}/w", WHITEOUT)))
            for name in ("mine", "w"):
                state = os.lstat(f"{place}/{name}")
                answers.append((oct(state.st_mode), state.st_uid, state.st_gid, state.st_rdev, state.st_nlink))
        return answers

    same_as_tmpfs(scenario)


def test_renaming_by_case_only():
    need_root()
    with Volume("-i", "-o", "allow_other,mode=777") as v:
        os.chmod(v.path, 0o777)
        write(v / "readme.txt", "text")
        number = os.stat(v / "readme.txt").st_ino

        def names(place="."):
            return sorted(os.listdir(v / place))

        os.rename(v / "readme.txt", v / "README.txt")
        assert names() == ["README.txt"]
        os.rename(v / "readme.TXT", v / "ReadMe.txt")  # in a third spelling
        assert names() == ["ReadMe.txt"]
        renameat2(v / "ReadMe.txt", v / "readme.txt", NOREPLACE)
        assert names() == ["readme.txt"]
        renameat2(v / "readme.txt", v / "README.TXT", EXCHANGE)  # one file: nothing to exchange
        assert names() == ["readme.txt"]
        place = os.open(v.path, os.O_RDONLY)
        os.rename("readme.txt", "README.TXT", src_dir_fd=place, dst_dir_fd=place)
        assert names() == ["README.TXT"]
        os.rename("README.TXT", "äöü-Ж", src_dir_fd=place, dst_dir_fd=place)
        os.rename("äöü-Ж", "ÄöÜ-ж", src_dir_fd=place, dst_dir_fd=place)
        os.close(place)
        assert names() == ["ÄöÜ-ж"] and os.stat(v / "äÖü-Ж").st_ino == number
        run("mv", v / "ÄöÜ-ж", v / "äöü-ж")
        assert names() == ["äöü-ж"]
        os.makedirs(v / "Dir/dir")
        write(v / "Dir/dir/f")
        os.rename(v / "Dir/dir", v / "Dir/DIR")
        assert names("Dir") == ["DIR"] and names("dir/dir") == ["f"]
        os.rename(v / "Dir", v / "dir")
        assert names() == ["dir", "äöü-ж"]
        os.rename(v / "DIR/dir/f", v / "dir/DIR/F")
        assert names("dir/dir") == ["F"]
        os.link(v / "dir/dir/F", v / "dir/dir/second")
        os.rename(v / "dir/dir/F", v / "dir/dir/SECOND")  # two names of one file: nothing, as POSIX has it
        assert names("dir/dir") == ["F", "second"]
        write(v / "other")
        os.rename(v / "other", v / "DIR/dir/SECOND")
        assert [name.lower() for name in names("dir/dir")] == ["f", "second"]
        write(v / "user")
        os.chown(v / "user", 1000, 1000)
        assert as_user(1000, 1000, lambda: os.rename(v / "user", v / "USER")) is None
        assert "USER" in names()
        os.chmod(v.path, 0o1777)
        assert as_user(1001, 1001, lambda: os.rename(v / "USER", v / "user")) == "EPERM"
        assert "USER" in names()
        refuses(errno.EEXIST, renameat2, v / "äöü-ж", v / "user", NOREPLACE)


def test_nobody_gets_past_the_sticky_bit_by_lying():
    """Arguments that change under way must not let a stranger replace somebody's file."""
    need_root()
    with Volume("-i", "-o", "allow_other,mode=777") as v:
        os.chmod(v.path, 0o1777)
        write(v / "Victim", "mine")
        os.chown(v / "Victim", 1000, 1000)
        write(v / "attack", "stranger's")
        os.chown(v / "attack", 1001, 1001)
        paths = [os.fsencode(v / name) for name in ("attack", "Victim")]
        target = os.fsencode(v / "VICTIM")
        shared = mmap.mmap(-1, 4096)
        shared[: len(paths[0]) + 1] = paths[0] + b"\0"
        source = (ctypes.c_char * 4096).from_buffer(shared)
        child = os.fork()
        if child == 0:
            at = len(paths[0]) - 6
            while True:  # until killed
                shared[at : at + 6] = b"Victim"
                shared[at : at + 6] = b"attack"

        def attack():
            for _ in range(3000):
                libc.renameat2(AT_FDCWD, source, AT_FDCWD, target, 0)

        try:
            as_user(1001, 1001, attack)
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
        del source
        assert sorted(os.listdir(v.path)) == ["Victim", "attack"]
        with open(v / "victim", encoding="ascii") as file:
            assert file.read() == "mine"


# ---- mount options, locks, mappings ------------------------------------------------------------------------------


def test_mount_options():
    need_root()
    for option, flag in (("ro", os.ST_RDONLY), ("noexec", os.ST_NOEXEC), ("nosuid", os.ST_NOSUID),
                         ("nodev", os.ST_NODEV)):
        with Volume("-o", option) as v, Volume() as plain:
            assert os.statvfs(v.path).f_flag & flag and not os.statvfs(plain.path).f_flag & flag, option
    with Volume("-o", "ro") as v:
        refuses(errno.EROFS, write, v / "f")
        refuses(errno.EROFS, os.mkdir, v / "d")
        refuses(errno.EROFS, os.setxattr, v.path, "user.a", b"")
        refuses(errno.EROFS, set_flags, v.path, NODUMP)
    for option, expected in (("exec", 0), ("noexec", "EACCES")):
        with Volume("-o", option) as v:
            shutil.copy("/bin/true", v / "true")
            os.chmod(v / "true", 0o755)
            assert outcome(lambda: subprocess.run([v / "true"], check=False).returncode) == expected
    for option, expected in (("dev", None), ("nodev", "EACCES")):
        with Volume("-o", option) as v:
            os.mknod(v / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            assert outcome(opened, v / "null", os.O_WRONLY) == expected
    for option, expected in (("suid", "0"), ("nosuid", "1000")):
        with Volume("-o", "allow_other," + option) as v:
            shutil.copy("/usr/bin/id", v / "id")
            os.chmod(v / "id", 0o4755)
            assert as_user(1000, 1000, lambda: subprocess.run(
                [v / "id", "-u"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()) == expected


def test_only_the_owner_enters_without_allow_other():
    need_root()
    with Volume() as v:
        write(v / "f")
        assert as_user(1000, 1000, lambda: os.listdir(v.path)) == "EACCES"
    with open_to_all() as v:
        write(v / "private", mode=0o600)
        assert as_user(1000, 1000, lambda: os.listdir(v.path)) == ["private"]
        assert as_user(1000, 1000, lambda: opened(v / "private", os.O_RDONLY)) == "EACCES"
        assert as_user(1000, 1000, lambda: os.chmod(v / "private", 0o666)) == "EPERM"


def test_locks():
    def asked(file, start, size):
        """What stands in the way of a lock: its kind and place (F_GETLK)."""
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, start, size, 0)
        return struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, lock))[:4]

    def scenario(path):
        write(f"{path}/f", "0123456789")
        answers = []
        with open(f"{path}/f", "r+b") as one, open(f"{path}/f", "r+b") as two:
            fcntl.flock(one, fcntl.LOCK_EX)
            answers.append(outcome(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB))
            fcntl.flock(one, fcntl.LOCK_UN)
            answers.append(outcome(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB))
            fcntl.lockf(one, fcntl.LOCK_EX, 5, 0)
            for start in (0, 5):
                answers.append(in_a_child(lambda: fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, start)))
            answers.append(in_a_child(lambda: asked(two, 0, 5)))
            answers.append(in_a_child(lambda: asked(two, 5, 5)))
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 5, 0)
            fcntl.lockf(one, fcntl.LOCK_UN)
            answers.append(outcome(fcntl.fcntl, one, 37, lock) == lock)  # F_OFD_SETLK
            answers.append(outcome(fcntl.fcntl, two, 37, lock))
        return answers

    same_as_tmpfs(scenario)


def test_stores_through_mappings_move_mtime():
    with Volume() as v:
        write(v / "f", "0" * 8192)
        os.utime(v / "f", ns=(10**18, 10**18))
        with open(v / "f", "r+b") as file, mmap.mmap(file.fileno(), 8192) as view:
            view[100] = 65
            view.flush()
            assert os.fstat(file.fileno()).st_mtime_ns > 10**18
            assert os.pread(file.fileno(), 1, 100) == b"A"


def test_stores_through_mappings_move_mtime_when_nobody_looks():
    """What the kernel knew of the file before it was opened is not to last; a second late it may be."""
    with Volume() as v:
        for made, name in ((True, "old"), (False, "new")):
            if made:
                write(v / name, "0" * 8192)
            file = os.open(v / name, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(file, 8192)
            os.close(file)
            before = os.stat(v / name).st_mtime_ns
            time.sleep(1.1)
            again = os.stat(v / name)
            assert again.st_mtime_ns == before
            with open(v / name, "r+b") as file, mmap.mmap(file.fileno(), 8192) as view:
                view[100] = 65
            time.sleep(1.1)
            assert os.stat(v / name).st_mtime_ns > before and os.stat(v / name).st_ctime_ns > before, name
        write(v / "third", "0" * 8192)
        before = os.stat(v / "third").st_mtime_ns
        time.sleep(0.05)
        with open(v / "third", "r+b") as file, mmap.mmap(file.fileno(), 8192) as view:
            view[100] = 65
            view.flush()  # without a tmpfs store it is the write-back that moves it
            assert os.stat(v / "third").st_mtime_ns > before


if __name__ == "__main__":
    main(globals())
