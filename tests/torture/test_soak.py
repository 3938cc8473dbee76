#!/usr/bin/env python3
"""The long form of tests/mount/test_soak.py: programs of our own and stress-ng's, SOAK_SECONDS (200) of each
on each of three kinds of mount: ten minutes of both. At the end the volume is emptied and has to be as it was at
its start.

SOAK_SEED=n repeats what a run did, as far as processes side by side can.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mount"))

os.environ.setdefault("SOAK_SEED", str(time.time_ns() % 1000000))

from mounted import let_users_mount, main  # noqa: E402
from soak import KINDS, SEED, USER, Programs, Soaked  # noqa: E402

SECONDS = int(os.environ.get("SOAK_SECONDS", "200"))


def own(kind):
    if KINDS[kind][1] == USER:
        let_users_mount()
    with Programs() as programs, Soaked(kind) as soaked:
        print(f"# seed {SEED}: {soaked.own(programs, SECONDS)}", flush=True)


def stress(kind):
    if KINDS[kind][1] == USER:
        let_users_mount()
    with Soaked(kind) as soaked:
        print(f"# {soaked.stress(SECONDS)}", flush=True)


def test_files_and_a_tree():
    own("as it comes")


def test_files_and_a_tree_in_the_sector_store():
    own("sector store")


def test_files_and_a_tree_of_an_ordinary_user():
    own("ordinary user")


def test_stress():
    stress("as it comes")


def test_stress_in_the_sector_store():
    stress("sector store")


def test_stress_of_an_ordinary_user():
    stress("ordinary user")


main(globals())
