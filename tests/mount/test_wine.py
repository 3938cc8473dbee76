#!/usr/bin/env python3
"""A Windows program under Wine on a drive that is a case-insensitive volume."""
import os
import pathlib
import shutil
import tempfile

from mounted import Skip, Volume, main, run

COMPILER = "x86_64-w64-mingw32-gcc"
SOURCE = pathlib.Path(__file__).with_name("wine_case.c")


def wine():
    for program in ("/usr/lib/wine/wine64", shutil.which("wine64"), shutil.which("wine")):
        if program and os.path.exists(program):
            return program
    raise Skip("Wine is not installed")


def test_a_windows_program_sees_a_case_insensitive_drive():
    program = wine()
    if not shutil.which(COMPILER):
        raise Skip(f"{COMPILER} is not installed")
    folder = tempfile.mkdtemp(prefix="memefs-wine-")
    environment = dict(os.environ, WINEPREFIX=folder + "/prefix", WINEDEBUG="-all", DISPLAY="", LC_ALL="C.UTF-8",
                       WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe=")
    server = os.path.join(os.path.dirname(os.path.realpath(program)), "wineserver64")
    try:
        run(COMPILER, "-O1", "-Wall", "-Wextra", "-o", folder + "/case.exe", SOURCE)
        run(program, "wineboot", "--init", env=environment, check=False, errors="replace")
        with Volume("-i") as v:
            os.mkdir(folder + "/plain")
            os.symlink(v.path, folder + "/prefix/dosdevices/q:")
            os.symlink(folder + "/plain", folder + "/prefix/dosdevices/r:")
            try:
                plain = run(program, folder + "/case.exe", "R:\\", "ask", env=environment, check=False, errors="replace")
                done = run(program, folder + "/case.exe", "Q:\\", env=environment, check=False, errors="replace")
            finally:
                # Its processes stand in the drive as long as they live.
                for command in (server, "/usr/lib/wine/wineserver"):
                    if os.path.exists(command):
                        run(command, "-k", "-w", env=environment, check=False, errors="replace")
                        break
            assert done.returncode == 0 and "all good" in done.stdout, done.stdout
            # Wine does on this drive what it does elsewhere, if not more.
            assert "at once" in done.stdout or "by steps" in plain.stdout, done.stdout
            print("#", *[line for line in done.stdout.splitlines() if line in ("at once", "by steps")])
            assert os.listdir(v.path) == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main(globals())
