#!/usr/bin/env python3
"""Real programs do real work on a mounted volume."""
import hashlib
import os
import random
import shutil
import subprocess

from mounted import MEMEFS, ROOT, Volume, main, need, run


def test_a_copied_tree_is_the_same():
    with Volume() as v:
        run("cp", "-a", "/usr/include", v.path)
        run("diff", "-r", "--no-dereference", "/usr/include", v / "include")


def test_git_clone_and_a_full_build_inside():
    need("git", "meson", "ninja")
    if not (ROOT / ".git").exists():
        raise AssertionError("the tests run from a clone")
    with Volume() as v:
        run("git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", ROOT, v / "clone")
        run("git", "-C", v / "clone", "status", "--porcelain")
        run("meson", "setup", v / "build", v / "clone")
        run("ninja", "-C", v / "build")
        run(v / "build/src/linux/memefs", "--version")


def tree_digest(top):
    digest = hashlib.sha256()
    for folder, names, files in os.walk(top):
        names.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            state = os.lstat(path)
            digest.update(f"{os.path.relpath(path, top)} {state.st_mode} {state.st_size} "
                          f"{state.st_mtime_ns}".encode())
            with open(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()


def test_tar_round_trip_of_20000_files():
    random.seed(20000)
    with Volume() as v:
        source = v / "source"
        for i in range(200):
            os.makedirs(f"{source}/{i:03}")
            for j in range(100):
                with open(f"{source}/{i:03}/{j}", "wb") as file:
                    file.write(random.randbytes(random.choice((0, 1, 100, 511, 512, 4096, 10000))))
        run("tar", "--format=posix", "-C", v.path, "-cf", v / "a.tar", "source")
        os.mkdir(v / "copy")
        run("tar", "-C", v / "copy", "-xpf", v / "a.tar")
        assert tree_digest(source) == tree_digest(v / "copy/source")


def fio(folder, *words):
    need("fio")
    run("fio", "--name=job", f"--directory={folder}", "--size=64m", "--verify=crc32c", "--verify_fatal=1",
        "--do_verify=1", "--randrepeat=1", *words)


def test_fio_verifies_sequential_writes():
    with Volume() as v:
        for size in ("4k", "1m"):
            fio(v.path, "--rw=write", f"--bs={size}", "--ioengine=psync")


def test_fio_verifies_random_writes():
    with Volume() as v:
        for size in ("4k", "1m"):
            fio(v.path, "--rw=randwrite", f"--bs={size}", "--ioengine=psync")


def test_fio_verifies_mapped_writes():
    with Volume() as v:
        for size in ("4k", "1m"):
            fio(v.path, "--rw=randwrite", f"--bs={size}", "--ioengine=mmap")


def test_fio_verifies_two_jobs_at_once():
    with Volume() as v:
        fio(v.path, "--rw=randrw", "--bs=4k", "--ioengine=psync", "--numjobs=2")


def test_a_program_runs_from_the_volume():
    with Volume() as v:
        shutil.copy(MEMEFS, v / "copy")
        assert "memefs" in run(v / "copy", "--version").stdout


def test_sqlite_like_locking():
    """Locks are the kernel's: two processes exclude each other."""
    with Volume() as v:
        path = v / "lock"
        open(path, "w").close()
        script = "exec 9>%s; flock -n 9 && echo got" % path
        holder = subprocess.Popen(["flock", path, "cat"], stdin=subprocess.PIPE)
        try:
            done = subprocess.run(["sh", "-c", "until ! flock -n %s true; do :; done" % path], timeout=60)
            assert done.returncode == 0
            assert run("sh", "-c", script, check=False).stdout == ""
        finally:
            holder.communicate()
        assert run("sh", "-c", script).stdout == "got\n"


main(globals())
