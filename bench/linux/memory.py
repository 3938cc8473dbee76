"""What a file system takes of the machine's memory, and what it gives back.

Two ways to count, as differences to what was before: what is not free in the whole machine (MemTotal - MemFree), in
which daemon, kernel and data all are, wherever they are, and the neighbours as well; and the sum of three
counters: shared memory (tmpfs's pages), slabs (the kernel's nodes and names) and the daemon's own memory.
"""
import os
import time

import mounts

KINDS = ("tmpfs", "memefs", "sectors", "user", "mergerfs", "bindfs", "ntfs-3g")
QUICK_KINDS = ("tmpfs", "memefs", "sectors")
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


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def sample(mount):
    mount.settle()
    info = meminfo()
    return {"all": info["MemTotal"] - info["MemFree"], "shared": info["Shmem"], "slab": info["Slab"],
            "daemon": status(mount.daemon.pid, "RssAnon") * 1024 if mount.daemon else 0}


def steady(mount):
    """A sample after dropping what the kernel can drop. Memory comes back a moment after the last name is gone: it
    waits until shared memory and the daemon's have stopped to change, for two seconds at most."""
    drop_caches()
    before, until = sample(mount), time.monotonic() + 2
    while time.monotonic() < until:
        time.sleep(0.1)
        now = sample(mount)
        if now["shared"] == before["shared"] and now["daemon"] == before["daemon"]:
            break
        before = now
    drop_caches()
    return sample(mount)


def less(a, b):
    return {name: a[name] - b[name] for name in a}


def descriptors(mount):
    return len(os.listdir(f"/proc/{mount.daemon.pid}/fd")) if mount.daemon else 0


def measure(kind, base, programs, quick, say):
    """The figures of one kind, each on a mount of its own, as a dictionary by what was written."""
    count, big = (2000, 64) if quick else (100000, 1024)
    works = [(f"{big:,} MiB in one file", ("fill_big", big), big << 20, 1)]
    works += [(f"{count:,} files of {size:,} byte{'s'[:size != 1]}", ("fill_files", count, size), count * size, count)
              for size in ((1,) if quick else (0, 1, 4096))]
    figures = {}
    for title, words, written, files in works:
        mount = mounts.Mount(kind, base, programs)
        try:
            start = steady(mount)
            opened = open_files()
            mount.ask(*words)
            figure = {"cached": less(sample(mount), start), "held": less(steady(mount), start), "written": written,
                      "files": files, "descriptors": descriptors(mount), "opened": open_files() - opened}
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
