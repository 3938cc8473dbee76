#!/usr/bin/env python3
"""The threads that take requests: one on one processor, two on several."""
import os
import tempfile

from mounted import MEMEFS, Skip, Volume, main, one_processor, run, wait_for


def threads(v):
    return len(os.listdir(f"/proc/{v.pid}/task"))


def test_one_processor_has_one_thread():
    if os.cpu_count() < 2:
        raise Skip("there is only one")
    with one_processor(), Volume() as v:
        alone = threads(v)
    with Volume() as v:
        wait_for("another thread", lambda: threads(v) == alone + 1)


def test_free_space_is_exact_with_one_thread():
    """statfs waits for requests that nobody waits for, which another thread must take."""
    with one_processor(), Volume("-s", "64m") as v:
        os.statvfs(v.path)
        for i in range(30):
            before = os.statvfs(v.path).f_bfree
            with open(v / "file", "wb") as file:
                file.write(bytes(8 << 20))
            os.unlink(v / "file")
            assert os.statvfs(v.path).f_bfree == before, i


def test_io_uring_or_the_reason():
    """Where it is not to be had the mount says why, and serves."""
    v = Volume("-s", "64m")
    with tempfile.TemporaryDirectory(prefix="memefs-test-") as point:
        done = run(MEMEFS, *v.options, "-o", "io_uring", point)
        try:
            used = "\nio_uring: yes\n" in run(MEMEFS, "--status", point).stdout
            assert used == ("no io_uring: " not in done.stdout), done.stdout
            for i in range(200):
                path = f"{point}/{i}"
                with open(path, "wb") as file:
                    file.write(bytes([i]) * 5000)
                os.rename(path, path + "+")
                with open(path + "+", "rb") as file:
                    assert file.read() == bytes([i]) * 5000
            counts = run(MEMEFS, "--stats", point).stdout
            assert "\nCREATE: 200\n" in counts and "\nRELEASE: " in counts, counts
            assert "\nRENAME: 200\n" in counts or "\nRENAME2: 200\n" in counts, counts
        finally:
            run(MEMEFS, "--unmount", point)


if __name__ == "__main__":
    main(globals())
