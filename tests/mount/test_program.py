#!/usr/bin/env python3
"""The program itself: its command line, its exit status, its coming and going."""
import os
import pathlib
import signal
import subprocess
import tempfile

from mounted import MEMEFS, ROOT, Volume, children, main, mounts, run, wait_for


def refused(*words, says):
    """The command line is refused: status 2, one line that names what is wrong, no mount, no process."""
    mounted, running = mounts(), children()
    done = subprocess.run([MEMEFS, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, (words, done)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert all(word in lines[0] for word in ([says] if isinstance(says, str) else says)), lines
    assert mounts() == mounted and children() == running


def test_wrong_options_are_named():
    with tempfile.TemporaryDirectory() as point:
        refused("--no-such-option", point, says="no-such-option")
        refused("-s", "12q", point, says="12q")
        refused("-s", "99999999999999999999g", point, says="99999999999999999999g")
        refused("-s", "-5", point, says="-5")
        refused("-s", "101x%", point, says="101x%")
        refused("-n", "lots", point, says="lots")
        refused("-l", "x" * 33, point, says="x" * 33)
        refused("-o", "size=12q", point, says="12q")
        refused("-o", "no_such_word", point, says="no_such_word")
        refused("-o", "mode=9", point, says="mode")
        refused(point, "one", "two", says="two")
        refused("--unit=3", point, says="3")
        refused("--store=tape", point, says="tape")


def test_wrong_mount_points_are_named():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "file")
        open(file, "w").close()
        refused(file, says=[file, "director"])
        refused(os.path.join(folder, "missing"), says="missing")
        refused(folder, says=[folder, "empty"])
        run(MEMEFS, "-o", "nonempty", folder)
        try:
            assert os.listdir(folder) == []
            refused(folder, says=[folder, "already"])
        finally:
            run(MEMEFS, "--unmount", folder)
        assert os.listdir(folder) == ["file"]
    refused(says="mount point")


def test_options_of_windows_are_said_to_have_no_effect():
    with tempfile.TemporaryDirectory() as point:
        done = run(MEMEFS, "-f", "-F", "NTFS", "-u", "", "-S", "O:BA", point)
        try:
            for option in ("-f", "-F", "-u", "-S"):
                assert any(option in line and "no effect" in line for line in done.stdout.splitlines()), (
                    option, done.stdout)
        finally:
            run(MEMEFS, "--unmount", point)


def test_mount_point_by_option_and_tmpfs_words():
    with tempfile.TemporaryDirectory() as point:
        run(MEMEFS, "-m", point, "-o", "size=1m,nr_inodes=10,mode=1750,uid=12,gid=34")
        try:
            state, space = os.stat(point), os.statvfs(point)
            assert state.st_mode & 0o7777 == 0o1750 and state.st_uid == 12 and state.st_gid == 34
            assert space.f_blocks * space.f_frsize == 1 << 20 and space.f_files == 10
        finally:
            run(MEMEFS, "--unmount", point)


def test_read_only_and_noexec():
    with Volume("-o", "ro") as v:
        try:
            open(v / "f", "w").close()
            raise AssertionError("written")
        except OSError as error:
            assert error.errno == 30
    with Volume("-o", "noexec") as v:
        with open(v / "script", "w", encoding="ascii") as script:
            script.write("#!/bin/sh\n")
        os.chmod(v / "script", 0o755)
        try:
            subprocess.run([v / "script"], check=False)
            raise AssertionError("executed")
        except PermissionError:
            pass


def test_the_exit_status_tells_when_it_stands():
    with tempfile.TemporaryDirectory() as point:
        for _ in range(10):
            run(MEMEFS, point)
            assert point in mounts()
            open(os.path.join(point, "f"), "w").close()
            run(MEMEFS, "--unmount", point)
            assert point not in mounts()


def ends_by(end):
    with tempfile.TemporaryDirectory() as point:
        daemon = subprocess.Popen([MEMEFS, "--foreground", point])
        wait_for("the mount", lambda: point in mounts() and os.stat(point).st_ino == 1)
        open(os.path.join(point, "f"), "w").close()
        end(daemon, point)
        assert daemon.wait(timeout=60) == 0
        assert point not in mounts()


def test_signals_and_unmount_end_it_cleanly():
    ends_by(lambda daemon, point: daemon.send_signal(signal.SIGINT))
    ends_by(lambda daemon, point: daemon.send_signal(signal.SIGTERM))
    ends_by(lambda daemon, point: run("umount", point))
    ends_by(lambda daemon, point: run(MEMEFS, "--unmount", point))


def test_a_busy_mount_is_not_torn_away():
    with Volume() as v:
        file = open(v / "open", "w", encoding="ascii")
        try:
            done = run(MEMEFS, "--unmount", v.path, check=False)
            assert done.returncode != 0 and "in use" in done.stdout, done
            file.write("still here")
            file.flush()
        finally:
            file.close()


def test_nothing_to_unmount():
    with tempfile.TemporaryDirectory() as point:
        done = run(MEMEFS, "--unmount", point, check=False)
        assert done.returncode == 2 and point in done.stdout, done


def test_it_counts_requests():
    with Volume() as v:
        open(v / "f", "w", encoding="ascii").close()
        counts = dict(line.split(": ") for line in v.memefs("--stats", v.path).stdout.splitlines())
        assert int(counts["CREATE"]) == 1 and int(counts["INIT"]) == 1 and int(counts["IOCTL"]) >= 1, counts
        os.mkdir(v / "d")
        again = dict(line.split(": ") for line in v.memefs("--stats", v.path).stdout.splitlines())
        assert int(again["MKDIR"]) == 1 and "MKDIR" not in counts, again
    with tempfile.TemporaryDirectory() as point:
        refused("--stats", point, says=[point, "nothing"])


def test_what_it_does_is_logged():
    with tempfile.TemporaryDirectory() as folder:
        point, log = os.path.join(folder, "with blanks\tand\\more"), os.path.join(folder, "log")
        os.mkdir(point)
        refused("-d", "1", "-D", os.path.join(folder, "none", "log"), point, says=os.path.join(folder, "none", "log"))
        done = run(MEMEFS, "--verbose", "-d", "-1", "-D", log, "-t", "1000", "-s", "10m", point)
        try:
            assert point in done.stdout and "10 MiB" in done.stdout, done.stdout
            os.mkdir(os.path.join(point, "d"))
            assert f"mount point: {point}" in run(MEMEFS, "--status", point).stdout
        finally:
            run(MEMEFS, "--unmount", point)
        with open(log, encoding="utf-8", errors="replace") as lines:
            assert "MKDIR" in lines.read()


def test_what_is_not_ours_stays():
    with tempfile.TemporaryDirectory() as folder:
        refused("--unmount", os.path.join(folder, "missing"), says="missing")
        refused("--status", os.path.join(folder, "missing"), says="missing")
        if os.geteuid():
            return
        run("mount", "-t", "tmpfs", "none", folder)
        try:
            refused("--unmount", folder, says=[folder, "not memefs", "tmpfs"])
        finally:
            run("umount", folder)


def test_a_volume_that_holds_nothing_is_refused():
    with tempfile.TemporaryDirectory() as point:
        refused("-s", "100", point, says="no space")


def test_version_and_help():
    assert run(MEMEFS, "--version").stdout.startswith("memefs ")
    text = run(MEMEFS, "--help").stdout
    for word in ("--size", "--label", "--case-insensitive", "--foreground", "-o"):
        assert word in text, word


def test_several_volumes_at_once():
    with Volume("-s", "1m") as a, Volume("-s", "2m") as b:
        open(a / "only-a", "w").close()
        assert os.listdir(b.path) == []
        assert os.statvfs(b.path).f_blocks == 2 * os.statvfs(a.path).f_blocks


def test_make_run_and_stop():
    """The README's command, in a copy of the project: mounts, says so, says it again, and stops."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy"
        run("git", "-c", "safe.directory=*", "clone", "-q", ROOT, copy)
        before = children()
        first = run("make", "-C", copy, "run").stdout
        try:
            assert str(copy / "ram") in mounts(), first
            assert "make stop" in first, first
            again = run("make", "-C", copy, "run").stdout
            assert "already" in again, again
            (copy / "ram/file").write_text("content")
        finally:
            run("make", "-C", copy, "stop")
        assert str(copy / "ram") not in mounts()
        assert not (copy / "ram").exists()
        assert children() == before


main(globals())
