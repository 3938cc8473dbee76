#!/usr/bin/env python3
"""The threads that take requests: one on one processor, two on several."""
import os

from mounted import Skip, Volume, main, one_processor, wait_for


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


if __name__ == "__main__":
    main(globals())
