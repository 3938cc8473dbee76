#!/usr/bin/env python3
"""Directories: large, deep, and listed while they change."""
import multiprocessing
import os

from mounted import Volume, main, one_processor


def churn(path, ready, stop, done):
    """Creates and deletes files of its own until told to stop."""
    rounds = 0
    while not stop.is_set():
        for i in range(200):
            os.close(os.open(f"{path}/churn-{i}", os.O_CREAT | os.O_WRONLY, 0o600))
        for i in range(200):
            os.unlink(f"{path}/churn-{i}")
        rounds += 1
        ready.set()
    done.value = rounds


def test_a_million_entries_listed_while_others_come_and_go():
    count = 1000000
    with one_processor(), Volume() as v:
        folder = v / "many"
        os.mkdir(folder)
        for i in range(count):
            os.close(os.open(f"{folder}/stay-{i}", os.O_CREAT | os.O_WRONLY, 0o600))
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        done = multiprocessing.Value("Q", 0)
        other = multiprocessing.Process(target=churn, args=(folder, ready, stop, done))
        other.start()
        try:
            ready.wait()
            for _ in range(2):
                names = [name for name in os.listdir(folder) if name.startswith("stay-")]
                assert len(names) == count, len(names)
                assert len(set(names)) == count
        finally:
            stop.set()
            other.join()
        assert done.value > 0
        assert len(os.listdir(folder)) == count
        for i in range(count):
            os.unlink(f"{folder}/stay-{i}")
        assert os.listdir(folder) == []
        os.rmdir(folder)


def test_200_directories_deep():
    with Volume() as v:
        here = os.open(v.path, os.O_RDONLY)
        name = "d" * 100
        for _ in range(200):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        file = os.open("leaf", os.O_CREAT | os.O_RDWR, dir_fd=here)
        os.write(file, b"deep")
        os.close(file)
        os.close(here)
        short = v.path
        for _ in range(30):
            short += "/" + name
        assert os.path.isdir(short)
        seen = 0
        for _, folders, files in os.walk(v.path, followlinks=False):
            seen += len(folders)
            if files:
                assert files == ["leaf"]
            if len(folders) == 0 or seen > 30:
                break
        walked = os.open(v.path, os.O_RDONLY)
        for _ in range(200):
            below = os.open(name, os.O_RDONLY, dir_fd=walked)
            os.close(walked)
            walked = below
        with os.fdopen(os.open("leaf", os.O_RDONLY, dir_fd=walked), "rb") as leaf:
            assert leaf.read() == b"deep"
        os.close(walked)


def test_seekdir_places_stay_good():
    """A place told before entries went is good afterwards: nothing is missed or doubled."""
    with Volume() as v:
        for i in range(3000):
            open(v / f"f{i}", "w").close()
        with os.scandir(v.path) as listing:
            first = [next(listing).name for _ in range(500)]
            for name in first[:400]:
                os.unlink(v / name)
            rest = [entry.name for entry in listing]
        assert len(set(first + rest)) == 3000, len(set(first + rest))
        assert len(first + rest) == 3000


def test_removed_while_listed():
    with Volume() as v:
        for i in range(20000):
            open(v / f"f{i}", "w").close()
        for entry in os.scandir(v.path):
            os.unlink(entry.path)
        assert os.listdir(v.path) == []


def test_renaming_while_listing_ends():
    with Volume() as v:
        for i in range(2000):
            open(v / f"f{i}", "w").close()
        for count, entry in enumerate(os.scandir(v.path)):
            assert count < 2000
            os.rename(entry.path, entry.path + ".x")
        assert sorted(os.listdir(v.path)) == sorted(f"f{i}.x" for i in range(2000))


def test_link_counts():
    with Volume() as v:
        os.mkdir(v / "a")
        assert os.stat(v / "a").st_nlink == 2
        for i in range(5):
            os.mkdir(v / f"a/{i}")
        assert os.stat(v / "a").st_nlink == 7
        os.rename(v / "a/0", v / "moved")
        assert os.stat(v / "a").st_nlink == 6
        assert os.stat(v.path).st_nlink == 4
        os.rmdir(v / "moved")
        assert os.stat(v.path).st_nlink == 3
        open(v / "f", "w").close()
        os.link(v / "f", v / "g")
        assert os.stat(v / "f").st_nlink == 2
        os.unlink(v / "f")
        assert os.stat(v / "g").st_nlink == 1


main(globals())
