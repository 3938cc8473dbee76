#!/usr/bin/env python3
"""A mount that only its owner may enter, where permissions are the daemon's to check: every answer that
the owner gets, with and without capabilities, is compared with kernel tmpfs's."""
import ctypes
import itertools
import os
import pickle
import shutil

from compared import Tmpfs, libc, need_root, outcome, renameat2
from mounted import Volume, main, run

MODES = (0o000, 0o100, 0o300, 0o400, 0o500, 0o070, 0o007, 0o707, 0o750, 0o755, 0o701)
OWNERS = ((0, 0), (1000, 0), (1000, 2000), (1000, 3000))  # of them 2000 is one of the caller's groups
ACCESS = "system.posix_acl_access"


def without_capabilities():
    """Root without its powers, in the groups 0 and 2000."""
    os.setgroups([2000])
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0


def with_capabilities():
    os.setgroups([2000])


def as_who(who, call):
    """Runs call() in a process that who() has changed; its answers, a list, through a pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            who()
            answer = pickle.dumps(call())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            answer = pickle.dumps([repr(error)])
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def write(path, text="x"):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def opened(path, how):
    os.close(os.open(path, how, 0o644))


def use_directory(path):
    """What can be done in a directory; each answer with what was asked."""
    calls = [
        ("stat", lambda: os.stat(f"{path}/f").st_size),
        ("deep", lambda: os.stat(f"{path}/s/deep").st_size),
        ("missing", lambda: os.stat(f"{path}/none")),
        ("list", lambda: sorted(os.listdir(path))),
        ("look", lambda: sorted((e.name, e.stat().st_mode) for e in os.scandir(path))),
        ("read", lambda: open(f"{path}/f", encoding="ascii").read()),
        ("create", lambda: opened(f"{path}/new", os.O_CREAT | os.O_WRONLY)),
        ("exclusive", lambda: opened(f"{path}/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
        ("existing", lambda: opened(f"{path}/f", os.O_CREAT | os.O_RDWR)),
        ("mkdir", lambda: os.mkdir(f"{path}/d")),
        ("symlink", lambda: os.symlink("f", f"{path}/l")),
        ("fifo", lambda: os.mkfifo(f"{path}/p")),
        ("link", lambda: os.link(f"{path}/f", f"{path}/f2")),
        ("link in", lambda: os.link(f"{path}/../outside", f"{path}/in")),
        ("rename", lambda: os.rename(f"{path}/f", f"{path}/g")),
        ("rename out", lambda: os.rename(f"{path}/s", f"{path}/../s-out")),
        ("exchange", lambda: renameat2(f"{path}/s", f"{path}/../other", 2)),
        ("unlink", lambda: os.unlink(f"{path}/g")),
        ("rmdir", lambda: os.rmdir(f"{path}/d")),
        ("chdir", lambda: os.chdir(path)),
        ("tmpfile", lambda: opened(path, os.O_TMPFILE | os.O_RDWR)),
        ("access", lambda: [os.access(path, how) for how in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)]),
        ("xattr", lambda: os.setxattr(path, "user.a", b"1")),
        ("get xattr", lambda: os.getxattr(path, "user.a")),
    ]
    return [(what, outcome(call)) for what, call in calls]


def use_file(path):
    def run_it():
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
                os.execv(path, [path])
            except OSError as error:
                os._exit(100 + error.errno)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    now = {"times": None}
    calls = [
        ("access", lambda: [os.access(path, how) for how in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)]),
        ("open r", lambda: opened(path, os.O_RDONLY)),
        ("open w", lambda: opened(path, os.O_WRONLY)),
        ("open rw", lambda: opened(path, os.O_RDWR)),
        ("open a", lambda: opened(path, os.O_WRONLY | os.O_APPEND)),
        ("execute", run_it),
        ("touch", lambda: os.utime(path, **now)),
        ("set times", lambda: os.utime(path, ns=(10**18, 10**18))),
        ("chgrp same", lambda: os.chown(path, -1, os.stat(path).st_gid)),
        ("chgrp mine", lambda: os.chown(path, -1, 2000)),
        ("chgrp other", lambda: os.chown(path, -1, 3001)),
        ("chown same", lambda: os.chown(path, os.stat(path).st_uid, -1)),
        ("chown", lambda: os.chown(path, 1001, -1)),
        ("owner", lambda: (os.stat(path).st_uid, os.stat(path).st_gid)),
        ("set xattr", lambda: os.setxattr(path, "user.a", b"1")),
        ("get xattr", lambda: os.getxattr(path, "user.a")),
        ("trusted", lambda: os.setxattr(path, "trusted.a", b"1")),
        ("remove xattr", lambda: os.removexattr(path, "user.a")),
        ("setgid", lambda: os.chmod(path, 0o2755)),
        ("mode", lambda: oct(os.stat(path).st_mode)),
        ("truncate", lambda: os.truncate(path, 1)),
        ("open trunc", lambda: opened(path, os.O_RDONLY | os.O_TRUNC)),
        ("size", lambda: os.stat(path).st_size),
    ]
    return [(what, outcome(call)) for what, call in calls]


def fresh_directory(base, owner, mode):
    path = f"{base}/w/x"
    shutil.rmtree(f"{base}/w", ignore_errors=True)
    os.makedirs(f"{path}/s")
    os.mkdir(f"{base}/w/other")
    write(f"{base}/w/outside")
    write(f"{path}/f", "text")
    write(f"{path}/s/deep", "deeper")
    os.chown(path, *owner)
    os.chmod(path, mode)
    os.stat(f"{path}/f"), os.stat(f"{path}/s/deep")  # the kernel knows the names now
    return path


def fresh_file(base, owner, mode):
    shutil.rmtree(f"{base}/w", ignore_errors=True)
    os.mkdir(f"{base}/w")
    path = f"{base}/w/x"
    write(path, "#!/bin/sh\nexit 7\n")
    os.chown(path, *owner)
    os.chmod(path, mode)
    return path


def entry(tag, permissions, number=0xFFFFFFFF):
    return tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + number.to_bytes(4, "little")


def acl(*entries):
    return (2).to_bytes(4, "little") + b"".join(entry(*one) for one in entries)


def same_for_the_owner(scenario, who):
    need_root()
    with Volume() as v, Tmpfs() as t:
        os.chmod(t.path, 0o755)
        ours, theirs = scenario(v.path, who), scenario(t.path, who)
    assert len(ours) == len(theirs) > 0
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    assert not different, f"{len(different)} of {len(ours)} differ (ours, tmpfs's): {different[:6]}"
    print(f"# {len(ours)} answers")


def directories(base, who):
    answers = []
    for owner, mode in itertools.product(OWNERS, MODES):
        path = fresh_directory(base, owner, mode)
        answers += [(owner, oct(mode), *answer) for answer in as_who(who, lambda: use_directory(path))]
        os.chmod(path, 0o755)
    return answers


def files(base, who):
    answers = []
    for owner, mode in itertools.product(OWNERS, MODES + (0o644, 0o4755, 0o2775, 0o111, 0o666)):
        path = fresh_file(base, owner, mode)
        answers += [(owner, oct(mode), *answer) for answer in as_who(who, lambda: use_file(path))]
    return answers


def lists(base, who):
    """Access lists: the caller is named, in a named group, in the owning group, or none of these."""
    answers = []
    people = [[(2, p, 0)] for p in (0, 1, 3, 5, 7)] + [[(8, p, 2000)] for p in (0, 5, 7)]
    people += [[(2, 7, 1234), (8, 7, 4321)], [(2, 1, 0), (8, 7, 2000)]]
    for owner, named, mask in itertools.product(((1000, 3000), (1000, 2000)), people, (0, 1, 7)):
        for group, other in ((0, 7), (7, 0)):
            value = acl((1, 7), *[one for one in named if one[0] == 2], (4, group),
                        *[one for one in named if one[0] == 8], (0x10, mask), (0x20, other))
            path = fresh_directory(base, owner, 0o700)
            os.setxattr(path, ACCESS, value)
            answers += [(owner, named, mask, group, *answer)
                        for answer in as_who(who, lambda: use_directory(path))]
            path = fresh_file(base, owner, 0o700)
            os.setxattr(path, ACCESS, value)
            answers += [(owner, named, mask, group, *answer)
                        for answer in as_who(who, lambda: use_file(path))]
    return answers


def test_directories_without_capabilities():
    same_for_the_owner(directories, without_capabilities)


def test_directories_with_capabilities():
    same_for_the_owner(directories, with_capabilities)


def test_files_without_capabilities():
    same_for_the_owner(files, without_capabilities)


def test_files_with_capabilities():
    same_for_the_owner(files, with_capabilities)


def test_access_lists_without_capabilities():
    same_for_the_owner(lists, without_capabilities)


def test_names_that_the_kernel_knows_do_not_open_a_closed_directory():
    """Looked at while it was open, by everybody's way, then closed: by mode, by owner, by a list."""
    def scenario(base, who):
        answers = []

        def look(path):
            return [outcome(lambda: os.stat(f"{path}/{name}").st_size)
                    for name in ("f", "s/deep", "none")]

        def close_by_mode(path):
            os.chmod(path, 0o600)

        def close_by_owner(path):
            os.chown(path, 1000, 1000)
            os.chmod(path, 0o770)

        def close_by_list(path):
            os.chown(path, 1000, 1000)
            os.setxattr(path, ACCESS, acl((1, 7), (2, 0, 0), (4, 7), (0x10, 7), (0x20, 7)))

        for close in (close_by_mode, close_by_owner, close_by_list):
            path = fresh_directory(base, (0, 0), 0o755)
            answers.append(as_who(who, lambda: look(path)))
            inside = os.open(path, os.O_PATH)
            close(path)
            answers.append(as_who(who, lambda: look(path)))
            answers.append(as_who(who, lambda: look(f"/proc/self/fd/{inside}")))
            os.close(inside)
            os.chown(path, 0, 0)
            os.chmod(path, 0o755)
            answers.append(as_who(who, lambda: look(path)))
        return answers

    same_for_the_owner(scenario, without_capabilities)
    same_for_the_owner(scenario, with_capabilities)


def test_a_listing_that_the_kernel_knows_does_not_open_a_directory():
    def scenario(base, who):
        path = fresh_directory(base, (0, 0), 0o755)
        answers = [as_who(who, lambda: outcome(lambda: sorted(os.listdir(path)))) for _ in range(2)]
        for mode in (0o300, 0o755, 0o100, 0o755):
            os.chmod(path, mode)
            answers += [as_who(who, lambda: outcome(lambda: sorted(os.listdir(path)))) for _ in range(2)]
        return answers

    same_for_the_owner(scenario, without_capabilities)


def test_others_are_kept_out():
    need_root()
    with Volume() as v:
        write(f"{v.path}/f")
        for user, group in ((1000, 1000), (0, 1000), (1000, 0)):
            done = run("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--bounding-set=-all",
                       "--inh-caps=-all", "cat", f"{v.path}/f", check=False)
            assert done.returncode and "denied" in done.stdout, (user, group, done.stdout)


def test_an_ordinary_users_mount():
    """The same answers for a user who never had capabilities."""
    need_root()

    def become():
        os.setgroups([2000])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)

    def scenario(base):
        answers = []
        for mode in MODES:
            path = f"{base}/x"
            os.makedirs(f"{path}/s")
            os.mkdir(f"{base}/other")
            write(f"{base}/outside")
            write(f"{path}/f", "text")
            write(f"{path}/s/deep", "deeper")
            os.stat(f"{path}/s/deep")
            os.chmod(path, mode)
            answers += [(oct(mode), *answer) for answer in use_directory(path)]
            os.chdir("/")
            os.chmod(path, 0o700)
            for name in os.listdir(base):
                shutil.rmtree(f"{base}/{name}", ignore_errors=True)
                if os.path.lexists(f"{base}/{name}"):
                    os.unlink(f"{base}/{name}")
            write(f"{base}/f", "#!/bin/sh\nexit 7\n")
            os.chmod(f"{base}/f", mode)
            answers += [(oct(mode), *answer) for answer in use_file(f"{base}/f")]
            os.unlink(f"{base}/f")
        return answers

    with Volume(user=1000) as v, Tmpfs() as t:
        os.chmod(t.path, 0o777)
        ours = as_who(become, lambda: scenario(v.path))
        theirs = as_who(become, lambda: scenario(t.path))
    different = [(a, b) for a, b in zip(ours, theirs) if a != b]
    assert len(ours) == len(theirs) > 100 and not different, (len(ours), len(theirs), different[:6])
    print(f"# {len(ours)} answers")


main(globals())
