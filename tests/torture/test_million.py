#!/usr/bin/env python3
"""A million small files: made, listed, read back by sample, deleted. The daemon holds few descriptors all the
time, and the memory is back at the end. FILES in the environment makes them fewer."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mount"))

from mounted import Volume, main, wait_for  # noqa: E402

COUNT = int(os.environ.get("FILES", "1000000"))
FOLDER = 10000  # files in each folder
DESCRIPTORS = 100


def text(number):
    return b"%d\n" % number * (number % 50 + 1)


def path(v, number):
    return f"{v.path}/{number // FOLDER}/{number}"


def slabs():
    with open("/proc/meminfo", encoding="ascii") as lines:
        values = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}
    return values["Shmem"] + values["Slab"]


def test_a_million_small_files():
    most = 0
    with Volume("-s", "16g") as v:
        def descriptors():
            nonlocal most
            most = max(most, len(os.listdir(f"/proc/{v.pid}/fd")))

        first, used = v.status(), v.held()
        kernel = slabs()
        for number in range(COUNT):
            if number % FOLDER == 0:
                os.mkdir(f"{v.path}/{number // FOLDER}")
                descriptors()
            file = os.open(path(v, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            os.write(file, text(number))
            os.close(file)
        full = v.held()
        seen = 0
        for folder in range((COUNT + FOLDER - 1) // FOLDER):
            names = sorted(int(name) for name in os.listdir(f"{v.path}/{folder}"))
            assert names == list(range(folder * FOLDER, min(COUNT, (folder + 1) * FOLDER)))
            seen += len(names)
            descriptors()
        assert seen == COUNT
        chosen = random.Random(1)
        for _ in range(20000):
            number = chosen.randrange(COUNT)
            with open(path(v, number), "rb", buffering=0) as file:
                assert file.read() == text(number), number
        descriptors()
        for number in range(COUNT):
            os.unlink(path(v, number))
            if number % FOLDER == FOLDER - 1 or number == COUNT - 1:
                os.rmdir(f"{v.path}/{number // FOLDER}")
                descriptors()
        last = v.status()
        assert last == first, (first, last)
        wait_for("the memory to be given back", lambda: v.held() - used < 64 << 20)
        wait_for("the kernel to give back its own", lambda: slabs() - kernel < 128 << 20)
        print(f"# figure: {v.status()['store']} store: {(full - used) / COUNT:.0f} bytes for a file of about 200, "
              f"{most} descriptors at most, {(v.held() - used) >> 20} MiB left at the end")
        assert most <= DESCRIPTORS, most


main(globals())
