#!/usr/bin/env python3
"""Samba shares a mount, with named streams and NT ACLs kept in it: a server of its own on loopback."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from mounted import Skip, Volume, main, run, wait_for

CONFIG = """
[global]
	server role = standalone server
	workgroup = MEMEFS
	netbios name = MEMEFSTEST
	interfaces = {address}/8
	bind interfaces only = yes
	smb ports = {port} 445
	disable netbios = yes
	map to guest = never
	load printers = no
	printing = bsd
	disable spoolss = yes
	private dir = {folder}/private
	lock directory = {folder}/lock
	state directory = {folder}/state
	cache directory = {folder}/cache
	pid directory = {folder}/pid
	ncalrpc dir = {folder}/ncalrpc
	log file = {folder}/log
	passdb backend = tdbsam:{folder}/private/passdb.tdb
	smb encrypt = off

[share]
	path = {path}
	read only = no
	vfs objects = acl_xattr streams_xattr
	acl_xattr:ignore system acls = yes
	store dos attributes = yes
	ea support = yes
"""


# smbcacls knows no port but the standard one: an address of loopback that nobody else has.
ADDRESS = "127.77.45.1"


class Samba:
    """smbd for one directory, in the foreground, so that its process is ours."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        for program in ("smbd", "smbclient", "smbcacls", "smbpasswd"):
            if not self.find(program):
                raise Skip(f"{program} is not installed")
        if os.geteuid():
            raise Skip("smbd needs root")
        self.folder = tempfile.mkdtemp(prefix="memefs-samba-")
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
            os.mkdir(f"{self.folder}/{name}", 0o755)
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            self.port = free.getsockname()[1]
        self.config = self.folder + "/smb.conf"
        with open(self.config, "w", encoding="ascii") as config:
            config.write(CONFIG.format(address=ADDRESS, port=self.port, folder=self.folder, path=self.path))
        run(self.find("smbpasswd"), "-c", self.config, "-L", "-s", "-a", "root", input="secret\nsecret\n")
        # It makes a session of its own (so it must not lead one already): when it ends it ends its whole
        # process group.
        self.process = subprocess.Popen([self.find("smbd"), "--foreground", "-s", self.config],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for("smbd to answer", self.answers)
        return self

    @staticmethod
    def find(program):
        return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def answers(self):
        assert self.process.poll() is None, open(self.folder + "/log", encoding="utf-8", errors="replace").read()
        with socket.socket() as probe:
            return probe.connect_ex((ADDRESS, self.port)) == 0

    def helpers(self):
        """What smbd has started, in sessions of their own: they outlive it."""
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as words:
                    if f"--configfile={self.config}".encode() in words.read().split(b"\0"):
                        yield int(entry)
            except OSError:
                pass

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        for pid in self.helpers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_for("smbd's helpers to end", lambda: not any(self.helpers()))
        shutil.rmtree(self.folder)

    def client(self, commands):
        done = run("smbclient", f"//{ADDRESS}/share", "-s", self.config, "-p", self.port, "-U", "root%secret",
                   "-c", commands, cwd=self.folder)
        assert "NT_STATUS" not in done.stdout, done.stdout
        return done.stdout

    def acls(self, *words):
        return run("smbcacls", f"//{ADDRESS}/share", *words, "-s", self.config, "-U", "root%secret").stdout


def local(samba, name, data=None):
    """A file beside the server, written or read."""
    with open(f"{samba.folder}/{name}", "rb" if data is None else "wb") as file:
        return file.read() if data is None else file.write(data)


def test_files_through_samba():
    with Volume() as v, Samba(v.path) as samba:
        data = os.urandom(3 << 20)
        local(samba, "in", data)
        samba.client("mkdir folder; put in folder\\file; put in Other.bin")
        with open(v / "folder/file", "rb") as file:
            assert file.read() == data
        listing = samba.client("ls; cd folder; ls")
        assert re.search(rf"^  file\s+\w*\s+{len(data)} ", listing, re.M), listing
        assert "folder" in listing and "Other.bin" in listing
        samba.client("get folder\\file out; rename Other.bin folder\\moved; del folder\\file")
        assert local(samba, "out") == data
        assert os.listdir(v / "folder") == ["moved"]
        samba.client("setmode folder\\moved +rh")
        assert "HR" in samba.client("allinfo folder\\moved").replace("RH", "HR")
        samba.client("setmode folder\\moved -rh; deltree folder")
        assert os.listdir(v.path) == []


def test_named_streams_through_samba():
    with Volume() as v, Samba(v.path) as samba:
        local(samba, "main", b"main data")
        local(samba, "stream", b"stream data" * 100)
        samba.client("put main file; put stream file:first; put main file:second")
        names = [name for name in os.listxattr(v / "file") if name.startswith("user.DosStream.")]
        assert sorted(names) == ["user.DosStream.first:$DATA", "user.DosStream.second:$DATA"], names
        listing = samba.client("allinfo file")
        assert re.search(r"stream: \[:first:\$DATA\], 1100 bytes", listing), listing
        assert re.search(r"stream: \[:second:\$DATA\], 9 bytes", listing), listing
        samba.client("get file:first out; get file main-out")
        assert local(samba, "out") == b"stream data" * 100 and local(samba, "main-out") == b"main data"
        os.removexattr(v / "file", "user.DosStream.second:$DATA")
        listing = samba.client("allinfo file")
        assert "second" not in listing and "first" in listing
        with open(v / "file", "rb") as file:
            assert file.read() == b"main data"


def test_security_descriptors_through_samba():
    with Volume() as v, Samba(v.path) as samba:
        local(samba, "main", b"main data")
        samba.client("mkdir folder; put main file; put main folder\\file")
        before = samba.acls("file")
        assert "OWNER:" in before and "ACL:" in before, before
        samba.acls("file", "--add", "ACL:S-1-5-32-545:ALLOWED/0x0/READ", "--numeric")
        samba.acls("folder", "--add", "ACL:S-1-5-32-546:DENIED/OI|CI/0x2", "--numeric")
        assert "security.NTACL" in os.listxattr(v / "file")
        after = samba.acls("file", "--numeric")
        assert re.search(r"^ACL:(S-1-5-32-545|BUILTIN\\Users):0/0x0/0x001200a9|^ACL:S-1-5-32-545:0/0x0/", after, re.M), after
        assert samba.acls("folder", "--numeric") != samba.acls("file", "--numeric")
        assert re.search(r"^ACL:S-1-5-32-546:1/", samba.acls("folder", "--numeric"), re.M)
        samba.acls("file", "--delete", "ACL:S-1-5-32-545:ALLOWED/0x0/READ", "--numeric")
        assert "S-1-5-32-545" not in samba.acls("file", "--numeric")


main(globals())
