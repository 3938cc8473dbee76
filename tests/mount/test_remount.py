#!/usr/bin/env python3
"""-o remount: limits and flags of a volume change while it is mounted, and what is in it stays."""
import errno
import os
import tempfile

from compared import refuses
from mounted import MEMEFS, Skip, Volume, as_user, have_mounts_of_our_own, let_users_mount, main, mounts, run

MIB = 1 << 20
A, B = 1000, 1001


def again(v, words, check=True, user=None):
    return run(*as_user(user), MEMEFS, "-o", f"remount,{words}", v.path, check=check)


def limits(v):
    state = v.status()
    return int(state["bytes"]), int(state["nodes"])


def write(path, size):
    with open(path, "wb", buffering=0) as file:
        while size and (done := file.write(bytes(min(size, MIB)))):
            size -= done


def limits_move(*options):
    with Volume("-s", "20m", "-n", "100", *options) as v:
        write(v / "old", 15 * MIB)
        refuses(errno.ENOSPC, write, v / "new", 10 * MIB)
        again(v, "size=40m")
        write(v / "new", 10 * MIB)
        assert limits(v) == (40 * MIB, 100), limits(v)
        done = again(v, "size=24m", check=False)
        assert done.returncode == 2 and "holds more than that" in done.stdout, done
        assert limits(v)[0] == 40 * MIB
        again(v, "size=26m")
        refuses(errno.ENOSPC, write, v / "third", 2 * MIB)
        os.unlink(v / "new")
        os.unlink(v / "third")
        again(v, "size=16m")
        again(v, "nr_inodes=3")
        os.mkdir(v / "d")
        refuses(errno.ENOSPC, os.mkdir, v / "e")
        assert limits(v) == (16 * MIB, 3)
        again(v, "nr_inodes=0,size=0")
        os.mkdir(v / "e")
        write(v / "new", 30 * MIB)
        with open(v / "old", "rb") as file:
            assert file.read() == bytes(15 * MIB)


def test_limits():
    limits_move()


def test_limits_of_the_sector_store():
    limits_move("--store=sectors")


def flags(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        return set([line.split()[5] for line in lines if line.split()[4] == path][-1].split(","))


def need_root():
    if os.geteuid():
        raise Skip("needs root")


def test_flags():
    need_root()
    with Volume("-o", "nosuid,noatime") as v:
        write(v / "f", 1)
        before = flags(v.path)
        again(v, "ro")
        refuses(errno.EROFS, os.mkdir, v / "d")
        assert flags(v.path) == before - {"rw"} | {"ro"}
        again(v, "rw,noexec")
        os.mkdir(v / "d")
        assert flags(v.path) == before | {"noexec"}
        with open(v / "f", "wb"):
            done = again(v, "ro,size=1m", check=False)
            assert done.returncode == 2 and "open for writing" in done.stdout, done
        assert flags(v.path) == before | {"noexec"} and limits(v)[0] != MIB
        again(v, "exec,suid,noatime,size=3m")
        assert flags(v.path) == before - {"nosuid"} and limits(v)[0] == 3 * MIB
        # All or nothing.
        done = again(v, "ro,size=1k", check=False)
        assert done.returncode == 2 and flags(v.path) == before - {"nosuid"}, done
        run("mount", "-i", "-o", "remount,nosymfollow,rw", v.path)
        again(v, "ro,fsname=a\\,rw,context=\"a,rw\"")
        assert {"ro", "nosymfollow"} <= flags(v.path), flags(v.path)
        again(v, "rw")
        assert "nosymfollow" in flags(v.path)
        done = again(v, "nodiratime,size=4m", check=False)
        assert done.returncode == 2 and "access times" in done.stdout and limits(v)[0] == 3 * MIB, done
        done = again(v, "strictatime,size=4m", check=False)
        assert done.returncode == 2 and "access times" in done.stdout and limits(v)[0] == 3 * MIB, done


def test_by_mount():
    """mount(8) hands on what it knows of the mount, to the helper that is installed in /sbin."""
    need_root()
    have_mounts_of_our_own()
    sbin = os.path.realpath("/sbin")
    with tempfile.TemporaryDirectory() as folder, Volume("-s", "20m", "-o", "nodev,strictatime") as v:
        os.symlink(MEMEFS, f"{folder}/mount.fuse.memefs")
        if run("mount", "-t", "overlay", "-o", f"lowerdir={folder}:{sbin}", "none", sbin, check=False).returncode:
            raise Skip("no overlay, to put a helper into /sbin by")
        try:
            before = flags(v.path)
            run("mount", "-o", "remount,size=30m,ro", v.path)
            assert flags(v.path) == before - {"rw"} | {"ro"} and limits(v)[0] == 30 * MIB
            run("mount", "-o", "remount,rw", v.path)
            assert flags(v.path) == before and limits(v)[0] == 30 * MIB
        finally:
            run("umount", sbin)


def test_only_the_owner_and_root_may():
    need_root()
    let_users_mount("user_allow_other")
    with Volume("-s", "20m", "-o", "allow_other,mode=777", user=A) as v:
        done = again(v, "size=10m", check=False, user=B)
        assert done.returncode == 2 and "not permitted" in done.stdout and limits(v)[0] == 20 * MIB, done
        again(v, "size=10m", user=A)
        assert limits(v)[0] == 10 * MIB
        again(v, "size=15m")
        assert limits(v)[0] == 15 * MIB
        done = again(v, "ro,size=12m", check=False, user=A)
        assert done.returncode == 2 and "flags" in done.stdout and limits(v)[0] == 15 * MIB, done


def test_what_is_not_ours():
    with Volume() as v:
        os.mkdir(v / "d")
        for path in v / "d", "/proc", "/", "/missing":
            done = run(MEMEFS, "-o", "remount,size=1m", path, check=False)
            assert done.returncode == 2 and done.stdout.count("\n") == 1 and path in done.stdout, done
    assert v.path not in mounts()


if __name__ == "__main__":
    main(globals())
