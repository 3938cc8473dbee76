#!/usr/bin/env python3
"""The mount of an ordinary user, by fusermount3: what tests of root's mount say holds there too, and
what differs: who may enter, and what the mount may not have.

Users may mount in a mount namespace of the test's own, where fuse.conf is the user's to write. A process
stays root there, to do as others what it is told.
"""
import codecs
import ctypes
import errno
import multiprocessing
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile

import compared
import mounted
import test_ntfs
import test_posix
import test_syscalls
from mounted import Skip, Volume, main, mounts, run
from test_posix import NOATIME, NODUMP, get_flags, opened, outcome, refuses, set_flags, write

libc = ctypes.CDLL(None, use_errno=True)
USER = pwd.getpwnam("nobody")
PR_SET_DUMPABLE = 4
CONFIGURATION = "/etc/fuse.conf"


# ---- becoming a user ---------------------------------------------------------------------------------------


def serve(asked):
    """Root's process: does what it is told, as whom it is told, until nobody is there to tell."""
    while True:
        try:
            user, action, path = asked.recv()
        except EOFError:
            os._exit(0)
        call = {"list": lambda: sorted(os.listdir(path)), "read": lambda: test_ntfs.read(path),
                "write": lambda: test_ntfs.write(path, b"changed")}[action]
        asked.send(test_posix.as_user(user, user, call))


class Others:
    """What others than the user get."""

    def __init__(self):
        self.asking, asked = multiprocessing.Pipe()
        if os.fork() == 0:
            self.asking.close()
            serve(asked)
        asked.close()

    def __call__(self, user, action, path):
        self.asking.send((user, action, path))
        return self.asking.recv()


def prepare():
    """Room for the user, with the program and a tmpfs in it, where users may mount."""
    if not os.path.exists(CONFIGURATION):
        raise Skip(f"there is no {CONFIGURATION}")
    mounted.let_users_mount("")
    os.chown(CONFIGURATION, USER.pw_uid, -1)
    os.environ.pop("MEMEFS_TEST_STORE", None)  # users have one alone
    place = tempfile.mkdtemp(prefix="memefs-user-")
    run("mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=1777", "none", place)
    mounted.MEMEFS = shutil.copy(mounted.MEMEFS, place)
    return place


def become_the_user():
    for encoding in ("ascii", "utf-8", "utf-16le"):  # now: later Python's own files may be out of reach
        codecs.lookup(encoding)
    os.setgroups([])
    os.setresgid(USER.pw_gid, USER.pw_gid, USER.pw_gid)
    os.setresuid(USER.pw_uid, USER.pw_uid, USER.pw_uid)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as a process that was the user's all along


class Directory:
    """A directory on the kernel's tmpfs, in place of a tmpfs of its own."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(dir=place)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)


# ---- what differs ------------------------------------------------------------------------------------------------


def test_the_mount_is_the_users_and_has_no_privileges():
    with Volume() as v:
        with open("/proc/self/mounts", encoding="utf-8") as lines:
            kind, options = next(line.split()[2:4] for line in lines if line.split()[1] == v.path)
        assert kind == "fuse.memefs", kind
        assert {"nosuid", "nodev", f"user_id={os.getuid()}"} <= set(options.split(",")), options
        state = os.stat(v.path)
        assert (state.st_uid, state.st_gid, oct(state.st_mode)) == (os.getuid(), os.getgid(), "0o40755")
        for name, mode in (("c", stat.S_IFCHR), ("b", stat.S_IFBLK)):
            refuses(errno.EPERM, os.mknod, v / name, mode | 0o666, os.makedev(1, 3))
        shutil.copy("/usr/bin/id", v / "id")
        os.chmod(v / "id", 0o6755)
        assert stat.S_IMODE(os.stat(v / "id").st_mode) == 0o6755
        assert run(v / "id", "-u").stdout.strip() == str(os.getuid())


def test_only_the_user_enters():
    with Volume() as v:
        write(v / "f", "own", 0o666)
        assert test_ntfs.read(v / "f") == b"own"
        for user in (0, 1000):
            assert others(user, "list", v.path) == "EACCES"
            assert others(user, "read", v / "f") == "EACCES"


def refused_mount(*words, says, mode=0o700):
    """One line says why, and nothing is mounted."""
    point = tempfile.mkdtemp(prefix="memefs-test-")
    os.chmod(point, mode)
    done = run(mounted.MEMEFS, *words, point, check=False)
    stands = point in mounts()
    if stands:
        run(mounted.MEMEFS, "--unmount", point)
    os.rmdir(point)
    assert done.returncode == 2 and not stands, done
    assert says in done.stdout and len(done.stdout.splitlines()) == 1, done


def test_the_tmpfs_store_is_roots():
    refused_mount("--store=tmpfs", says="CAP_SYS_ADMIN")
    with Volume("--store=auto") as v:
        assert v.status()["store"] == "sectors"


def allow(words):
    with open(CONFIGURATION, "w", encoding="ascii") as configuration:
        configuration.write(words)


def test_others_are_let_in_only_when_the_machine_allows_it():
    for option in ("allow_other", "allow_root"):
        refused_mount("-o", option, says="user_allow_other")
    allow("user_allow_other\n")
    try:
        with Volume("-o", "allow_other") as v:
            write(v / "private", "p", 0o600)
            write(v / "public", "P", 0o644)
            for user in (0, 1000):
                assert others(user, "list", v.path) == ["private", "public"]
                assert others(user, "read", v / "public") == b"P"
            assert others(1000, "read", v / "private") == "EACCES"
            assert others(1000, "write", v / "public") == "EACCES"
            assert others(1000, "write", v / "new") == "EACCES"
            os.chmod(v / "public", 0o666)
            assert others(1000, "write", v / "public") is None
            assert others(0, "read", v / "private") == b"p"
            assert test_ntfs.read(v / "public") == b"changed"
        with Volume("-o", "allow_root") as v:
            write(v / "f", "f", 0o666)
            assert others(0, "read", v / "f") == b"f"
            assert others(1000, "read", v / "f") == "EACCES"
    finally:
        allow("")


def test_a_mount_point_that_cannot_be_used():
    refused_mount(says="cannot read mount point", mode=0o300)
    refused_mount("-o", "nonempty", says="write access", mode=0o500)
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as above:
        point = os.path.join(above, "point")
        os.mkdir(point)
        os.chmod(above, 0)
        done = run(mounted.MEMEFS, point, check=False)
        os.chmod(above, 0o700)
        assert done.returncode == 2 and len(done.stdout.splitlines()) == 1, done
        assert "Permission denied" in done.stdout and os.listdir(above) == ["point"], done


def test_an_owner_without_permission():
    with Volume() as v:
        write(v / "f", "text", 0o200)
        refuses(errno.EACCES, opened, v / "f", os.O_RDONLY)
        os.chmod(v / "f", 0)
        refuses(errno.EACCES, opened, v / "f", os.O_WRONLY)
        os.mkdir(v / "d", 0o500)
        refuses(errno.EACCES, write, v / "d/f")
        os.chmod(v / "d", 0)
        refuses(errno.EACCES, os.listdir, v / "d")
        refuses(errno.EPERM, os.chown, v / "f", 0, -1)
        refuses(errno.EPERM, os.setxattr, v / "f", "trusted.t", b"1")
        refuses(errno.EPERM, os.setxattr, v / "f", "security.s", b"1")
        os.chmod(v / "d", 0o700)


def test_mount_options():
    with Volume("-o", "ro") as v:
        refuses(errno.EROFS, write, v / "f")
        assert os.statvfs(v.path).f_flag & os.ST_RDONLY
    for option, expected in (("exec", 0), ("noexec", "EACCES")):
        with Volume("-o", option) as v:
            shutil.copy("/bin/true", v / "true")
            assert outcome(lambda: subprocess.run([v / "true"], check=False).returncode) == expected


def test_attributes_of_chattr():
    with Volume() as v:
        write(v / "f")
        set_flags(v / "f", NODUMP | NOATIME)
        assert get_flags(v / "f") == NODUMP | NOATIME
        for flags in (test_posix.IMMUTABLE, test_posix.APPEND):
            refuses(errno.EPERM, set_flags, v / "f", flags)
        assert get_flags(v / "f") == NODUMP | NOATIME


def test_renaming_by_case_only():
    """The daemon looks at what the caller is doing, which it may for its own user's processes."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as scope:
            if int(scope.read()):
                raise Skip("ptrace_scope forbids to look at other processes")
    except FileNotFoundError:
        pass
    with Volume("-i") as v:
        write(v / "readme")
        os.rename(v / "readme", v / "README")
        assert os.listdir(v.path) == ["README"]


# ---- what does not differ ----------------------------------------------------------------------------------------


def take(module, *names):
    """Tests of another module, as tests of this one."""
    for name in names or [name for name in vars(module) if name.startswith("test_")]:
        globals()[f"{name}_in_the_mount_of_a_user"] = getattr(module, name)


take(test_syscalls)
take(test_posix, "test_the_acl_tools_work", "test_an_acl_that_says_what_the_mode_says_is_none",
     "test_umask_without_acls", "test_noxattr_leaves_modes_right",
     "test_flag_ioctls", "test_birth_times", "test_nameless_files_leave_nothing", "test_lengths",
     "test_huge_offsets", "test_places_in_directories", "test_locks", "test_stores_through_mappings_move_mtime")
take(test_ntfs, "test_attributes", "test_times", "test_descriptors_are_kept", "test_eas",
     "test_a_file_becomes_a_symlink_at_once", "test_a_symlink_leads_elsewhere_at_once",
     "test_junctions_and_absolute_links_stay_inside", "test_links_lead_where_the_substitute_name_says",
     "test_reparse_data_is_checked", "test_other_tags_are_kept", "test_streams_as_attributes",
     "test_streams_as_paths", "test_stream_paths_move_the_files_times", "test_case_insensitive_names",
     "test_bytes_that_are_not_utf8")

def run_as_the_user():
    """In a process of its own; root stays, to take away what was made."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    become_the_user()
    os.chdir("/")
    for module in (compared, test_posix):
        module.Tmpfs, module.need_root = Directory, lambda: None
        module.open_to_all = lambda *options: Volume(*(("-o", ",".join(options)) if options else ()))
    try:
        main(globals())
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code)


if __name__ == "__main__":
    try:
        place = prepare()
    except Skip as reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    others = Others()
    status = run_as_the_user()
    run("umount", "-l", place)
    os.rmdir(place)
    sys.exit(status)
