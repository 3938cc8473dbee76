#!/usr/bin/env python3
"""What is made or changed later is not older, whoever stamps it: the kernel (a write, in the tmpfs store) or
the daemon. make(1) counts on that.

Random calls of one process; behind each no time that is new may lie before one that was seen already.
"""
import errno
import os
import random

from mounted import Volume, main

CALLS = 3000
NAMES = [f"n{i}" for i in range(8)]
FOLDERS = ["", "d0", "d1"]
REFUSED = {errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EPERM, errno.EOPNOTSUPP}


class Player:
    """Makes random calls below a directory, with some files kept open."""

    def __init__(self, root, seed):
        self.root, self.random, self.files = root, random.Random(seed), {}
        for folder in FOLDERS:
            os.makedirs(os.path.join(root, folder), exist_ok=True)

    def paths(self):
        return [os.path.join(self.root, folder) for folder in FOLDERS] + [
            os.path.join(self.root, folder, name) for folder in FOLDERS for name in NAMES]

    def close(self, slot):
        if slot in self.files:
            os.close(self.files.pop(slot))

    def open(self, slot, path):
        self.close(slot)
        how = self.random.choice([os.O_RDWR, os.O_WRONLY, os.O_WRONLY | os.O_APPEND])
        self.files[slot] = os.open(path, os.O_CREAT | how, 0o644)

    def one(self):
        rand = self.random
        a, b = rand.choice(self.paths()[len(FOLDERS):]), rand.choice(self.paths()[len(FOLDERS):])
        slot = rand.randrange(6)
        with_file = [lambda file: os.write(file, b"x" * rand.randrange(1, 5000)),
                     lambda file: os.write(file, b"y"),
                     lambda file: os.ftruncate(file, rand.randrange(9000)),
                     lambda file: os.posix_fallocate(file, 0, rand.randrange(1, 20000)),
                     lambda file: os.utime(file)]
        with_path = [lambda: self.open(slot, a), lambda: self.close(slot),
                     lambda: os.close(os.open(a, os.O_CREAT | os.O_WRONLY)),
                     lambda: os.truncate(a, rand.randrange(9000)), lambda: os.chmod(a, rand.choice([0o600, 0o644])),
                     lambda: os.rename(a, b), lambda: os.link(a, b), lambda: os.unlink(a), lambda: os.utime(a),
                     lambda: os.symlink("to", a), lambda: os.setxattr(a, "user.x", b"%d" % rand.randrange(1000)),
                     lambda: (os.mkdir(f"{a}.d"), os.rmdir(f"{a}.d"))]
        call = rand.choice(with_path + with_file)
        try:
            if call in with_path:
                call()
            elif slot in self.files:
                call(self.files[slot])
        except OSError as error:
            if error.errno not in REFUSED:
                raise

    def end(self):
        for slot in list(self.files):
            self.close(slot)


def look(player, seen, last):
    """Returns the last time of all; `seen` are those that are known."""
    latest = last
    for path in player.paths():
        try:
            state = os.lstat(path)
        except FileNotFoundError:
            continue
        for which, time in ("mtime", state.st_mtime_ns), ("ctime", state.st_ctime_ns):
            if seen.get((state.st_ino, which)) != time:
                assert time >= last, f"{which} of {path} is {last - time} ns before what was seen earlier"
                seen[state.st_ino, which] = time
                latest = max(latest, time)
    return latest


def play(root, seed, every):
    player, seen = Player(root, seed), {}
    last = look(player, seen, 0)
    try:
        for number in range(CALLS):
            player.one()
            if number % every == 0:  # a file that was looked at gets exact times
                last = look(player, seen, last)
    finally:
        player.end()


def rounds(*words):
    with Volume(*words) as v:
        for seed in range(4):
            os.mkdir(v / f"{seed}")
            play(v / f"{seed}", seed, 1 if seed < 2 else 5)


def test_private():
    rounds("--store=auto")


def test_with_others():
    rounds("--store=auto", "-o", "allow_other")


def test_sector_store():
    rounds("--store=sectors")


main(globals())
