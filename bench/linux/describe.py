"""The words of the report: on which machine and how it was measured."""
import os
import pathlib
import platform
import subprocess
import time

import memory
import rows

ROOT = pathlib.Path(__file__).resolve().parents[2]


def said_by(*command):
    """What a command prints; nothing if it fails or is not there."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def commit():
    git = ("git", "-c", "safe.directory=*")
    changed = said_by(*git, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
    return (said_by(*git, "rev-parse", "--short", "HEAD") or "unknown") + (" with changes to it" if changed else "")


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return models[0] if models else platform.machine()


def machine(quick):
    libfuse = said_by("pkg-config", "--modversion", "fuse3") or said_by("fusermount3", "--version").split(" ")[-1]
    words = [f"{processor()}, {os.cpu_count()} processors", f"{memory.meminfo()['MemTotal'] / 2**30:.0f} GiB",
             f"Linux {platform.release()}", f"libfuse {libfuse}"]
    for package in ("mergerfs", "bindfs", "ntfs-3g"):
        version = said_by("dpkg-query", "-W", "-f", "${Version}", package)
        words += [f"{package} {version}"] if version else []
    return [f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit()}: {', '.join(words)}."
            + (" **A quick run: its figures are rough.**" if quick else "")]


def method(clock, part, rounds, processor):
    """`part`: what batches and trees were divided by."""
    processor_time = (" **Time here is the processor time of client and daemon (--clock cpu); only in rows with two jobs "
                      "it is that on the clock.**")
    return [
        f"Figures are time divided by kernel tmpfs's: the median of {rounds} rounds after one that is not counted, and in "
        "brackets the least and the most. All mounts take turns in each round; each row of each mount comes right after "
        "the same row on tmpfs, and is divided by that; with huge pages it is done twice, and the second time counts, "
        "for whoever is first to take such pages waits for the machine's host to give them. Driver, client and daemon share "
        "one processor "
        f"({processor}); rows with two jobs have two." + (processor_time if clock == "cpu" else ""),
        "",
        f"A row of single operations is a batch of {2000 // part:,} of them or more by one process: on 100 files again and "
        "again where the files are there already, on new names otherwise; paths are absolute. Reads and writes go to a "
        f"file of {64 // part} MiB (new: {128 // part} MiB) that is open already; mmap rows count mapping, copying each "
        "page and unmapping. \"Cold\" and \"uncached\": the kernel was made to forget the mount's names, attributes and "
        "listings by remounting it (mount(2) with MS_REMOUNT drops the unused entries of that one file system); tmpfs "
        f"keeps its names in the same cache and forgets nothing. Trees: {rows.FILES // part:,} files of 0.1 to 8 KiB in "
        f"{rows.FOLDERS} directories, by the usual programs, their start counted; archive and repository lie in another "
        "tmpfs. mergerfs gives itself a higher priority, as is its default.",
    ]


MEMORY = [
    "MiB, one measurement each on a fresh mount, as differences to before. *At once*: what the whole machine had less "
    "free (MemFree of /proc/meminfo), caches and all; *held*: the same after dropping what the kernel can drop "
    "(drop_caches 3); *left*: that after everything was deleted. Whatever else runs on the machine is in these three. "
    "*By counters* is the sum of shared memory (Shmem: tmpfs's pages), slabs (Slab: the kernel's nodes and names) and "
    "the daemon's own memory (RssAnon), after dropping. *Descriptors* are the daemon's while the files are there; the "
    "kernel's open files are what /proc/sys/fs/file-nr grew by, neighbours' included.",
]
