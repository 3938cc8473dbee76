#!/usr/bin/env python3
"""The same random system calls on a memefs mount and on the kernel's tmpfs: no difference.

differential.c says what is compared, and which differences are allowed and why. When it finds another,
it names the seed: DIFFERENTIAL_SEED=n runs that one alone.
"""
import contextlib
import os
import pathlib
import subprocess
import tempfile

from mounted import Skip, Volume, main, need, run

CALLS = 200_000  # in total
SEEDS = (1, 2, 3, 4)
SPELLED = (5, 6)
DRIVER = pathlib.Path(__file__).with_name("differential.c")
LIMIT = 600  # seconds until a driver counts as hanging


@contextlib.contextmanager
def tmpfs():
    path = tempfile.mkdtemp(prefix="memefs-tmpfs-")
    try:
        # Nothing that the calls make is near this size: no side is ever full.
        if run("mount", "-t", "tmpfs", "-o", "noatime,size=512m", "tmpfs", path, check=False).returncode:
            raise Skip("tmpfs cannot be mounted here")
        try:
            yield path
        finally:
            run("umount", path)
    finally:
        os.rmdir(path)


def compare(seeds, *options, words=()):
    if os.geteuid():
        raise Skip("needs root")
    need("cc", "mount", "timeout")
    wanted = os.environ.get("DIFFERENTIAL_SEED")
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as work:
        driver = os.path.join(work, "differential")
        run("cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-o", driver, DRIVER)
        for seed in [int(wanted)] if wanted else seeds:
            with Volume("-s", "512m", "-o", "allow_other,noatime", *options) as v, tmpfs() as other:
                # timeout(1) ends the driver's processes with it.
                done = subprocess.run(["timeout", "-s", "KILL", str(LIMIT), driver, v.path, other, str(seed),
                                       str(CALLS // (len(SEEDS) + len(SPELLED))), *words],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                text = done.stdout.decode("utf-8", "backslashreplace")
                assert done.returncode == 0, f"side 0 is memefs, side 1 tmpfs; status {done.returncode}\n{text}"
                print(f"# {text.strip()}", flush=True)


def test_the_same_calls_on_tmpfs():
    compare(SEEDS)


def test_the_same_calls_in_any_spelling():
    compare(SPELLED, "-i", words=["spell"])


if __name__ == "__main__":
    main(globals())
