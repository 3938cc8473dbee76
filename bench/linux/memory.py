"""What a file system takes of the machine's memory, and what it gives back.

Counted for the whole machine: what is not free (MemTotal - MemFree), after dropping what the kernel may drop
(drop_caches 3), less the same before. So daemon, kernel structures and data are all in it, wherever they are;
neighbours of the machine are, too. Beside it stand the parts that have a counter: shared memory (tmpfs's
pages), slabs (the kernel's nodes and names) and the daemon's resident memory.
"""
import os
import time

import mounts

KINDS = ("tmpfs", "memefs", "sectors", "user", "mergerfs", "bindfs", "ntfs-3g")
HELD = 1000


def meminfo():
    with open("/proc/meminfo", encoding="ascii") as file:
        return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}


def status(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(name + ":")), 0)


def open_files():
    """File structures in the kernel, whoever has them."""
    with open("/proc/sys/fs/file-nr", encoding="ascii") as file:
        return int(file.read().split()[0])


def sample(mount, drop):
    mount.settle()
    if drop:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3")
    info = meminfo()
    return {"all": info["MemTotal"] - info["MemFree"], "shared": info["Shmem"], "slab": info["Slab"],
            "daemon": status(mount.daemon.pid, "VmRSS") * 1024 if mount.daemon else 0}


def steady(mount):
    """A sample after dropping; pages come back a moment after the last name is gone, so it waits until two
    samples differ by less than 64 KiB, for a second at most."""
    before, until = sample(mount, True), time.monotonic() + 1
    while time.monotonic() < until:
        time.sleep(0.05)
        now = sample(mount, True)
        if abs(now["all"] - before["all"]) < 65536:
            return now
        before = now
    return before


def less(a, b):
    return {name: a[name] - b[name] for name in a}


def descriptors(mount):
    return len(os.listdir(f"/proc/{mount.daemon.pid}/fd")) if mount.daemon else 0


def measure(kind, base, programs, quick, say):
    """The figures of one kind, each on a mount of its own, as a dictionary by what was written."""
    count, big = (10000, 128) if quick else (100000, 1024)
    works = [(f"{big} MiB in one file", ("fill_big", big))]
    works += [(f"{count:,} files of {size:,} bytes", ("fill_files", count, size)) for size in (0, 1, 4096)]
    figures = {}
    for title, words in works:
        mount = mounts.Mount(kind, base, programs)
        try:
            start = steady(mount)
            files = open_files()
            mount.ask(*words)
            figure = {"cached": less(sample(mount, False), start), "held": less(steady(mount), start),
                      "descriptors": descriptors(mount), "files": open_files() - files}
            mount.ask("empty")
            figure["left"] = less(steady(mount), start)
            figures[title] = figure
        except mounts.Refused as why:
            say(f"{kind.name}, {title}: {why}")
        finally:
            mount.end()
    figures["held"] = held(kind, base, programs, say)
    return figures


def held(kind, base, programs, say):
    """Descriptors of the daemon: with nothing open, and with HELD files open."""
    mount = mounts.Mount(kind, base, programs)
    found = {}
    try:
        found["idle"] = descriptors(mount)
        mount.ask("held", HELD, pause=lambda: found.update(open=descriptors(mount)))
    except mounts.Refused as why:
        say(f"{kind.name}, {HELD} open files: {why}")
    finally:
        mount.end()
    return found
