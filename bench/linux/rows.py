"""The rows: what is done, how it is counted, and what is wanted of it.

A target is time divided by tmpfs's in the same round, for the mount of that name. None: none was set.
"""
import os
import resource
import subprocess
import time

import mounts

FILES, FOLDERS, SOURCES = 4000, 40, 12


class Row:
    def __init__(self, name, title, group, target=None, cpus=1, **targets):
        self.name, self.title, self.group, self.cpus = name, title, group, cpus
        self.targets = dict(targets, **({"memefs": target} if target else {}))

    def measure(self, mount, material):
        """The Time of one operation."""
        return mount.ask(self.name)


class Fio(Row):
    def measure(self, mount, material):
        runtime = 500 // material.part
        command = ["fio", "--name=job", f"--directory={mount.root}", "--numjobs=2", "--rw=randrw", "--bs=4k",
                   "--size=32m", "--ioengine=psync", "--fallocate=none", "--time_based", f"--runtime={runtime}ms",
                   "--group_reporting", "--output-format=terse", "--terse-version=3", "--randrepeat=1",
                   "--thread"]
        fields = material.output(mount, command).split(";")
        return mounts.Time(1 / (float(fields[7]) + float(fields[48])), 0, 0)


class Tree(Row):
    """Commands of a shell; `before` is not counted."""

    def __init__(self, name, title, command, before="true", **more):
        super().__init__(name, title, "trees", **more)
        self.command, self.before = command, before

    def measure(self, mount, material):
        material.shell(mount, self.before)
        mount.settle()
        return material.shell(mount, self.command)


UNTAR = 'mkdir {0} && tar -xf "$MATERIAL/tree.tar" -C {0}'
HAVE_TREE = "[ -d tree ] || { " + UNTAR.format("tree") + "; }"
HAVE_CLONE = '{ [ -d clone ] || git clone -q "$MATERIAL/repository" clone; }'

ROWS = [
    Row("write_new", "1 MiB writes, new file", "data", 1.0, huge=0.25),
    Row("write_over", "1 MiB writes, over old data", "data", 1.0, huge=0.4),
    Row("read", "1 MiB reads", "data", 1.05),
    Row("random_read", "random 4 KiB reads", "data", 1.0),
    Row("random_write", "random 4 KiB writes", "data", 1.15),
    Row("append_4k", "4 KiB appends", "data", 1.15),
    Row("append_100", "100-byte appends", "data", 1.3),
    Row("map_read", "mmap read, a page", "data", 1.1),
    Row("map_write", "mmap write and msync, a page", "data", 1.1),
    Fio("fio", "fio, 2 jobs, random 4 KiB", "data", cpus=2),

    Row("stat", "stat, cached", "metadata", 1.1),
    Row("stat_cold", "stat, uncached", "metadata"),
    Row("missing", "missing name, again", "metadata", 0.6),
    Row("open", "open + close", "metadata", 6.5),
    Row("open_read", "open + read 4 KiB + close", "metadata", 3.3),
    Row("create", "create + close", "metadata", 6, private=5),
    Row("create_write", "create + write 4 KiB + close", "metadata", 5.3, noxattr=4.8),
    Row("unlink", "unlink, empty file", "metadata", 4.5, private=3.8),
    Row("unlink_4k", "unlink, file of 4 KiB", "metadata"),
    Row("mkdir", "mkdir", "metadata", 6, private=5),
    Row("rename", "rename", "metadata", 3.3, private=2.5),
    Row("symlink", "symlink", "metadata", 6),
    Row("chmod", "chmod", "metadata", 5),
    Row("truncate", "truncate", "metadata"),
    Row("write_fstat", "write 4 KiB + fstat", "metadata", 12, noxattr=8),
    Row("list", "list 10,000 names, warm", "metadata", 0.4),
    Row("list_cold", "list 10,000 names, cold", "metadata", 1.5),
    Row("list_stat_cold", "list and stat 10,000, cold", "metadata", 2.2),

    Tree("untar", "untar", UNTAR.format("tree"), "rm -rf tree", target=4.5),
    Tree("ls", "ls -lR", "ls -lR tree >/dev/null", HAVE_TREE),
    Tree("grep", "grep -r", "grep -r needle tree >/dev/null", HAVE_TREE),
    Tree("cp", "cp -r", "cp -r tree copy", HAVE_TREE + "; rm -rf copy", target=4.3),
    Tree("rm", "rm -r", "rm -r copy", HAVE_TREE + "; [ -d copy ] || cp -r tree copy", target=4.3),
    Tree("clone", "git clone", 'git clone -q "$MATERIAL/repository" clone', "rm -rf clone", target=2.3),
    Tree("status", "git status", "git -C clone status --porcelain",
         HAVE_CLONE + " && git -C clone status --porcelain", target=2),
    Tree("compile", "compile C files, make", "make -s -C project",
         'if [ -d project ]; then make -s -C project clean; else cp -r "$MATERIAL/project" project; fi'),
    Tree("untar_two", "two untars side by side",
         "{ " + UNTAR.format("one") + "; } & { " + UNTAR.format("two") + "; } && wait $!", "rm -rf one two",
         target=5, cpus=2),
]


class Material:
    """What the trees are made of, in a tmpfs that is not measured."""

    def __init__(self, base, part=1):
        self.path, self.part = os.path.join(base, "material"), part
        self.files, self.sources = FILES // part, SOURCES // part
        for name in ("tree", "project", "home", "tmp"):
            os.makedirs(os.path.join(self.path, name))
        os.chmod(os.path.join(self.path, "tmp"), 0o1777)
        self.environment = dict(os.environ, MATERIAL=self.path, HOME=os.path.join(self.path, "home"), LC_ALL="C",
                                TMPDIR=os.path.join(self.path, "tmp"), GIT_CONFIG_NOSYSTEM="1")
        self.write("home/.gitconfig", "[safe]\n\tdirectory = *\n[user]\n\tname = bench\n\temail = bench@localhost\n"
                                      "[gc]\n\tauto = 0\n")
        self.make_tree()
        self.make_project()
        self.make_repository()

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
            file.write(text)

    def make_tree(self):
        """Small files: 100 bytes to 8 KiB of words, most of them below 2 KiB, as sources are."""
        words = "int static return if while struct const char void size needle for unsigned".split()
        for folder in range(FOLDERS):
            os.mkdir(os.path.join(self.path, f"tree/folder{folder:02}"))
        for number in range(self.files):
            size = 100 + (number * 7919) % (8092 if number % 4 == 0 else 1900)
            text, at = [], 0
            while at < size:
                word = words[(number * 31 + at * 17) % len(words)] if at % 997 else f"w{number}"
                text.append(word)
                at += len(word) + 1
            self.write(f"tree/folder{number % FOLDERS:02}/file{number:04}.c", "\n".join(text)[:size] + "\n")
        self.run("tar", "-cf", "tree.tar", "-C", "tree", ".")

    def make_project(self):
        """A program of a few files that include each other's headers."""
        numbers = range(self.sources)
        includes = "".join(f'#include "part{number}.h"\n' for number in numbers)
        objects = " ".join(f"part{number}.o" for number in numbers) + " main.o"
        for number in numbers:
            functions = "".join(f"int part{number}_{i}(int x) {{ struct pair p = {{x, x * {i + 1}}}; "
                                f"for (int k = 0; k < {i + 2}; k++) p.a += p.b ^ k; return p.a; }}\n" for i in range(4))
            self.write(f"project/part{number}.h", f"int part{number}_0(int x);\n")
            self.write(f"project/part{number}.c",
                       f"{includes}struct pair {{ int a, b; }};\n{functions}")
        calls = " + ".join(f"part{number}_0(argc)" for number in numbers)
        self.write("project/main.c", f"{includes}int main(int argc, char **argv) {{ (void)argv; return ({calls}) & 1; }}\n")
        self.write("project/Makefile", f"CFLAGS = -O1\nprogram: {objects}\n\t$(CC) -o $@ {objects}\n"
                                       f"{objects}: $(wildcard *.h)\nclean:\n\trm -f program {objects}\n")

    def make_repository(self):
        self.run("cp", "-r", "tree", "repository")
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "tree"],
                      ["repack", "-a", "-d", "-q"]):
            self.run("git", "-C", "repository", *words)

    def run(self, *command):
        subprocess.run(command, cwd=self.path, env=self.environment, check=True)

    def start(self, mount, command, **more):
        return mount.start(command, cwd="/", env=self.environment, text=True, stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, **more)

    def shell(self, mount, command):
        """The Time of a command in the mount's directory. A status that is not 0 is an error."""
        daemon, own, wall = mount.worked(), children(), time.perf_counter()
        process = self.start(mount, ["sh", "-ec", 'cd "$0"; ' + command, mount.root], stdout=subprocess.DEVNULL)
        _, said = answered(mount, process)
        took = mounts.Time(time.perf_counter() - wall, children() - own, mount.worked() - daemon)
        finished(process, said)
        return took

    def output(self, mount, command):
        process = self.start(mount, command, stdout=subprocess.PIPE)
        out, said = answered(mount, process)
        finished(process, said)
        return out


def answered(mount, process):
    try:
        return process.communicate(timeout=mounts.PATIENCE)
    except subprocess.TimeoutExpired:
        mount.abandon()
        process.kill()
        process.wait()
        raise TimeoutError(f"no end in {mounts.PATIENCE} s") from None


def finished(process, said):
    if process.returncode:
        raise mounts.Refused((said.strip().splitlines() or [f"status {process.returncode}"])[-1])


def children():
    """Seconds of processor time of the commands that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
