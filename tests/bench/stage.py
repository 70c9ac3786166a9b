"""The temporary folders of the bench: the installed guard, its policies, and rrsync beside it."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Optional

from tests import command_log

from . import stub
from .harness import CannotMeasure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = "/usr/bin/python3"  # of the guard's first line; never one from PATH
RSYNC = "/usr/bin/rsync"
TAR = "/usr/bin/tar"
RRSYNC = "/usr/bin/rrsync"
LABEL = "bench-backup"
KEYID = "0123456789abcdef" * 2
GIB = 1 << 30


class Stage:
    """Everything the rows run on, below folders that vanish with it."""

    def __init__(
        self, disk: str, bulk: str, prefix: Optional[str], progress: Callable[[str], None]
    ) -> None:
        self.disk = disk  # on a disk: a log on a tmpfs would cost the guard nothing
        self.bulk = bulk  # in memory where it fits: transfers are not to measure the disk
        self.progress = progress
        self._prefix = prefix
        self.share = self.folder("tree/share")
        self.home = self.folder("home")
        command_log.begin(self.folder("log"))
        self.program = os.path.join(disk, "stub")
        try:
            stub.write(self.program, RSYNC)
        except OSError as error:
            raise CannotMeasure(f"{error}; install it: apt-get install rsync") from None

    @property
    def tree(self) -> str:
        """The folder that the policy admits and that rrsync is restricted to."""
        return os.path.dirname(self.share)

    def folder(self, name: str) -> str:
        """Make the folder NAME on disk and return its path."""
        path = os.path.join(self.disk, name)
        os.makedirs(path, exist_ok=True)
        return path

    def environment(self, **more: str | bytes) -> dict[str, str | bytes]:
        """Return what sshd leaves in the environment, with an empty home, and MORE."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": self.home,
            "USER": "bench",
            "LOGNAME": "bench",
            "SHELL": "/bin/sh",
            "SSH_CONNECTION": "127.0.0.1 40000 127.0.0.1 22",
            **more,
        }

    @functools.cached_property
    def guard(self) -> str:
        """The installed guard's launcher; it is installed at the first use."""
        if self._prefix is None:
            self._prefix = self.folder("prefix")
            self._install(self._prefix)
        launcher = os.path.join(self._prefix, "sbin", "bpc-ssh-guard")
        if not os.access(launcher, os.X_OK):
            raise CannotMeasure(f"no installed guard: {launcher} is missing")
        return launcher

    @property
    def modules(self) -> str:
        """The folder of the installed guard's modules and their pack."""
        prefix = os.path.dirname(os.path.dirname(self.guard))
        package = os.path.join(prefix, "lib", "bpc-ssh-guard", "bpc_ssh_guard")
        return os.path.dirname(os.path.realpath(package))

    def guard_argv(
        self, *, stubbed: bool = False, root: str = "", keyid: str = KEYID, confine: str = "strict"
    ) -> list[str]:
        """Return the forced command of a key that may back up ROOT (the share's tree).

        The policy names the machine's own programs, or STUBBED the one that exits at once.
        """
        programs = "stub" if stubbed else "real"
        name = f"policy-{programs}-{confine}-{os.path.basename(root)}"
        path = os.path.join(self.disk, name)
        rsync, tar = (self.program, self.program) if stubbed else (RSYNC, TAR)
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                f"Log      {self.folder('log')}\n"
                f"Confine  {confine}\n"
                f"Rsync    {rsync}\n"
                f"Tar      {tar}\n"
                f"Key {LABEL}\n"
                f"    Backup   {root or self.tree}\n"
            )
        os.chmod(path, 0o644)
        return [self.guard, "--policy", path, LABEL, keyid]

    def logged(self) -> int:
        """Return how many bytes of records the guard has written so far."""
        log = self.folder("log")
        return sum(entry.stat().st_size for entry in os.scandir(log) if entry.is_file())

    def rrsync(self, *, stubbed: bool = False) -> str:
        """Return a copy of rrsync, STUBBED as above: its program stands in the script alone."""
        program = self.program if stubbed else RSYNC
        path = os.path.join(self.disk, f"rrsync-{os.path.basename(program)}")
        try:
            with open(RRSYNC, encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            raise CannotMeasure(f"{error}; install it: apt-get install rsync") from None
        line = f"\nRSYNC = '{RSYNC}'\n"
        if text.count(line) != 1:
            raise CannotMeasure(f"{RRSYNC} is none of rsync 3.5: no line {line.strip()}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(line, f"\nRSYNC = '{program}'\n"))
        os.chmod(path, 0o755)
        return path

    @property
    def rrsync_name(self) -> str:
        """What rrsync is called in the table: it has its rsync's version."""
        return f"rrsync {version_of_rsync()}"

    def _install(self, prefix: str) -> None:
        self.progress("installing the guard")
        command = [PYTHON, "-m", "bpc_ssh_guard", "guardctl", "install", "--prefix", prefix]
        # As an admin at a checkout does it; the .pyc files must be those of the guard's Python.
        done = subprocess.run(
            command, cwd=CHECKOUT, env=self.environment(), capture_output=True,
            text=True, timeout=120, check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise CannotMeasure(
                f"`{' '.join(command[1:])}` failed: {said[-1] if said else done.returncode}"
            )


@contextlib.contextmanager
def opened(prefix: Optional[str], progress: Callable[[str], None]) -> Iterator[Stage]:
    """Give a stage; its folders are removed at the end."""
    with contextlib.ExitStack() as stack:
        disk = _temporary(_disk_folder(), stack)
        bulk = _temporary("/dev/shm", stack) if _free("/dev/shm") > 3 * GIB else disk
        yield Stage(disk, bulk, prefix, progress)


def _temporary(parent: str, stack: contextlib.ExitStack) -> str:
    path = tempfile.mkdtemp(prefix="bpc-bench-", dir=parent)
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def _disk_folder() -> str:
    usual = tempfile.gettempdir()
    return "/var/tmp" if _file_system(usual) == "tmpfs" else usual


def _file_system(path: str) -> str:
    """Return the type of the file system that holds PATH (proc(5), mountinfo)."""
    found, kind = "", ""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, after = line.split(" - ", 1)
            point = before.split()[4]
            if os.path.commonpath((point, os.path.realpath(path))) == point >= found:
                found, kind = point, after.split()[0]
    return kind


def _free(path: str) -> int:
    try:
        status = os.statvfs(path)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


@functools.cache
def version_of_rsync() -> str:
    """Return the version of the machine's rsync."""
    try:
        said = subprocess.run([RSYNC, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotMeasure(f"{error}; install it: apt-get install rsync") from None
    return said.stdout.split()[2]
