"""A client for these tests: a policy and a log in a temporary folder, and how programs run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpc_ssh_guard
from tests import command_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = Path(bpc_ssh_guard.__file__).parent
PYTHON = "/usr/bin/python3"
LABEL = "web1-backup"
KEY_ID = "0123456789abcdef0123456789abcdef"
PLAIN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
SECONDS = 60
# An installation made by another copy of the package than the one under test: FROM PREFIX DESTDIR.
INSTALL_FROM = """
import sys
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard.guardctl.install import install
install(sys.argv[2], destdir=sys.argv[3])
"""


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    status: int
    out: bytes
    err: bytes


def run(argv: Sequence[str | Path], *, environment: Mapping[str, str] | None = None,
        folder: Path | None = None) -> Outcome:
    """Run ARGV with no input and an environment of next to nothing but ENVIRONMENT."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=folder or "/", stdin=subprocess.DEVNULL,
        env={**PLAIN_ENVIRONMENT, **(environment or {})}, capture_output=True,
        timeout=SECONDS, check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Client:
    """A machine with a policy, where the forced command of one key runs."""

    policy: Path

    @classmethod
    def make(cls, folder: Path) -> Client:
        folder.chmod(0o755)
        log = folder / "log"
        log.mkdir(mode=0o750)
        command_log.begin(log)
        policy = folder / "policy"
        policy.write_text(f"Log {log}\nKey {LABEL}\n    Backup /srv/data\n")
        policy.chmod(0o644)
        return cls(policy)

    @property
    def arguments(self) -> list[str]:
        return ["--policy", str(self.policy), LABEL, KEY_ID]

    def log_in(self, guard: Sequence[str | Path], *, environment: Mapping[str, str] | None = None,
               folder: Path | None = None) -> Outcome:
        """Let the key log in without a command: GUARD greets it once all of it is loaded."""
        return run([*guard, *self.arguments], environment=environment, folder=folder)


def greeting(version: str = bpc_ssh_guard.__version__) -> Outcome:
    """Return what a login without a command is answered."""
    words = f"bpc-ssh-guard {version} label={LABEL} key={KEY_ID} generation=-\n"
    return Outcome(126, words.encode(), b"")


def guard_of(prefix: Path) -> Path:
    return prefix / "sbin/bpc-ssh-guard"


def guardctl_of(prefix: Path) -> Path:
    return prefix / "sbin/bpc-ssh-guardctl"


def trees_of(prefix: Path) -> list[Path]:
    """Return the folders of installations below PREFIX, oldest first."""
    lib = prefix / "lib/bpc-ssh-guard"
    return sorted(path for path in lib.iterdir() if path.is_dir() and not path.is_symlink())


def listing(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Return what lies below FOLDER: mode in ls's manner, owner and group by relative path."""
    return {str(path.relative_to(folder)): (stat.filemode(info.st_mode), info.st_uid, info.st_gid)
            for path in sorted(folder.rglob("*")) for info in [path.lstat()]}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file below FOLDER by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}


def copy_of_package(folder: Path, version: str = "") -> Path:
    """Copy the package into FOLDER, as VERSION; return FOLDER for PYTHONPATH."""
    copy = folder / "bpc_ssh_guard"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if version:
        start = copy / "__init__.py"
        text = start.read_text().replace(f'"{bpc_ssh_guard.__version__}"', f'"{version}"')
        start.write_text(text)
    return folder


def other_account() -> int:
    """Return a uid that is neither root nor ours."""
    return os.geteuid() + 4242
