#!/usr/bin/env python3
"""Programs of our own work a volume hard for a few seconds; the long form is in tests/torture."""
import os

from mounted import let_users_mount, main
from soak import KINDS, SEED, USER, Programs, Soaked

SECONDS = int(os.environ.get("SOAK_SECONDS", "7"))


def soak(kind):
    if KINDS[kind][1] == USER:
        let_users_mount()
    with Programs() as programs, Soaked(kind) as soaked:
        print(f"# seed {SEED}: {soaked.own(programs, SECONDS)}", flush=True)


def test_files_and_a_tree():
    soak("as it comes")


def test_files_and_a_tree_in_the_sector_store():
    soak("sector store")


def test_files_and_a_tree_of_an_ordinary_user():
    soak("ordinary user")


main(globals())
