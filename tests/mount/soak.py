"""Programs that work a mounted volume hard, for a while: tests/torture's own, and stress-ng's. Used by the
short form (tests/mount/test_soak.py) and the long one (tests/torture/test_soak.py)."""
import os
import subprocess
import tempfile

from mounted import ROOT, Volume, as_user, need, run, wait_for

SEED = int(os.environ.get("SOAK_SEED", "1"))
USER = 1000
KINDS = {"as it comes": ((), None), "sector store": (("--store=sectors",), None), "ordinary user": ((), USER)}

# stress-ng's stressors that work in the folder they are given. Left out: those that test the kernel's pipes,
# memory and scheduling, that need a device, or an ioctl that tmpfs has not got either (fiemap).
STRESSORS = """access aio aiol chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dup fallocate fcntl
    file-ioctl filename flock fpunch fsize fstat getdent handle hdd inode-flags inotify io iomix lease link locka
    lockf lockofd mknod mmap open readahead rename revio seek sendfile splice symlink sync-file touch utime
    xattr""".split()
MORE = {"hdd": ["--hdd-bytes", "64m"], "mmap": ["--mmap-file", "--mmap-bytes", "32m"],
        "iomix": ["--iomix-bytes", "64m"], "aiol": ["--aiol-requests", "16"]}


class Programs:
    """Our own, compiled: with Programs() as programs."""

    def __enter__(self):
        need("cc")
        self.folder = tempfile.TemporaryDirectory(prefix="memefs-test-")
        os.chmod(self.folder.name, 0o755)
        for name in "one_file", "one_tree":
            run("cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self[name],
                ROOT / f"tests/torture/{name}.c")
        return self

    def __getitem__(self, name):
        return os.path.join(self.folder.name, name)

    def __exit__(self, *_):
        self.folder.cleanup()


class Soaked:
    """A volume that must be as it was at the end: with Soaked(kind) as soaked."""

    def __init__(self, kind):
        options, self.user = KINDS[kind]
        self.volume = Volume("-s", "1g", *options, user=self.user)

    def __enter__(self):
        self.volume.__enter__()
        self.before = self.used()
        return self

    def used(self):
        state = self.volume.status()
        return state["bytes used"], state["nodes used"]

    def run(self, *commands, seconds):
        """Side by side, as the volume's user; each must end well, not much later than it was told to."""
        started = [subprocess.Popen([*as_user(self.user), *map(str, command)], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, cwd="/") for command in commands]
        said = []
        try:
            for process, command in zip(started, commands):
                out, _ = process.communicate(timeout=seconds * 3 + 120)
                assert process.returncode == 0, f"{' '.join(map(str, command))}: {process.returncode}\n{out[-6000:]}"
                said.append(out)
        finally:
            for process in started:
                process.kill()
                process.wait()
        return said

    def folder(self, name):
        path = self.volume / name
        run(*as_user(self.user), "mkdir", path)
        return path

    def own(self, programs, seconds):
        """Our programs: two files and a tree at once. Gives what they counted."""
        said = self.run((programs["one_file"], self.volume / "file1", SEED, seconds),
                        (programs["one_file"], self.volume / "file2", SEED + 1, seconds),
                        (programs["one_tree"], self.folder("tree"), SEED, seconds, 3), seconds=seconds)
        return "; ".join(text.strip() for text in said)

    def stress(self, seconds):
        """stress-ng, one stressor after the other."""
        need("stress-ng")
        path = self.folder("stress")
        each = max(2, seconds // len(STRESSORS))
        for stressor in STRESSORS:
            self.run(("stress-ng", f"--{stressor}", 2, *MORE.get(stressor, []), "--temp-path", path, "--verify",
                      "--timeout", each), seconds=each)
        return f"{len(STRESSORS)} stressors, {each} s each"

    def __exit__(self, failed, *_):
        try:
            if not failed:
                run(*as_user(self.user), "sh", "-c", f"rm -rf {self.volume.path}/*")
                wait_for(f"the volume to be as it was ({self.before}, not {self.used()})",
                         lambda: self.used() == self.before)
        finally:
            self.volume.__exit__()
