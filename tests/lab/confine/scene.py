"""A root, an outside and processes for attempts to escape from the one to the others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bpc_ssh_guard.confine import syscalls
from bpc_ssh_guard.confine.kernel import MACHINE
from bpc_ssh_guard.confine.support import interpreter_of

from . import attempts
from .setting import HERE, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Statically complete apart from what the confinement lets a program read anyway.
PYTHON = os.path.realpath("/usr/bin/python3")
UID = 65520  # the account of the confined program, and of a bystander


@dataclass(frozen=True)
class Scene:
    """The folders of one test."""

    root: str
    outside: str
    facts: Mapping[str, object]

    @property
    def masked(self) -> str:
        """Return the folder to be masked."""
        return f"{self.root}/hidden"

    def command(self) -> list[str]:
        """Return the command that tries everything."""
        return [PYTHON, "-S", "-s", "-B", f"{self.root}/attempts.py", json.dumps(self.facts)]

    def outcome(self, setting: Setting) -> dict[str, int]:
        """Return the errno of every attempt inside SETTING, 0 where it worked."""
        done = setting.run(*self.command(), env=[f"PYTHONHOME={self.root}/python"])
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        told: dict[str, int] = json.loads(done.stdout)
        return told


@contextlib.contextmanager
def open_scene(base: str, uid: int) -> Iterator[Scene]:
    """Make a scene in the empty folder BASE with a bystander of UID; end what it started."""
    root, outside = f"{base}/root", f"{base}/outside"
    _make_outside(outside)
    _make_root(root, outside)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(f"{outside}/socket")
        os.chmod(f"{outside}/socket", 0o777)
        unix.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{outside}/abstract")
        abstract.listen()
        bystander = stack.enter_context(_bystander(uid))
        facts = {
            "root": root,
            "outside": outside,
            "masked": f"{root}/hidden",
            "masked_file": f"{root}/hidden/key",
            "unix_socket": f"{outside}/socket",
            "abstract": f"{outside}/abstract",
            "program": PYTHON,
            "loader": os.fsdecode(interpreter_of(os.fsencode(PYTHON)) or b""),
            "parent": os.getpid(),
            "bystander": bystander.pid,
            "port": listening.getsockname()[1],
            "numbers": {**syscalls.numbers(MACHINE), **_NUMBERS[MACHINE]},
        }
        yield Scene(root, outside, facts)


# Calls that the guard neither makes nor forbids.
_NUMBERS = {
    "x86_64": {"name_to_handle_at": 303},
    "aarch64": {"name_to_handle_at": 264},
}


def _make_outside(outside: str) -> None:
    os.makedirs(f"{outside}/open-folder")
    for name in ("secret", "private", "open-to-all", "open-folder/victim", "open-folder/other"):
        _write(f"{outside}/{name}", attempts.FOLLOWED)
    os.chmod(f"{outside}/private", 0o600)
    os.chmod(f"{outside}/open-to-all", 0o666)
    os.chmod(f"{outside}/open-folder", 0o777)
    os.symlink("secret", f"{outside}/link")
    for name in ("secret", "open-to-all"):
        os.setxattr(f"{outside}/{name}", "user.test", b"attribute")


def _make_root(root: str, outside: str) -> None:
    for name in ("hidden", "aside"):
        os.makedirs(f"{root}/{name}")
    _write(f"{root}/hidden/key", attempts.MASKED)
    for name in ("file", "spare"):
        _write(f"{root}/{name}", "plain")
    os.symlink(f"{outside}/secret", f"{root}/link-to-secret")
    os.symlink(outside, f"{root}/link-to-outside")
    os.mknod(f"{root}/zero-device", 0o20666, os.makedev(1, 5))
    shutil.copy("/bin/true", f"{root}/true")
    shutil.copy(f"{HERE}/attempts.py", root)
    for source, target in _python_files():
        os.makedirs(os.path.dirname(f"{root}/python/{target}"), exist_ok=True)
        shutil.copy(source, f"{root}/python/{target}")


@lru_cache(maxsize=1)
def _python_files() -> Sequence[tuple[str, str]]:
    """Return each file of the standard library that the attempts need, and its relative path."""
    script = (
        "import sys, sysconfig, os, runpy\n"
        f"runpy.run_path({HERE + '/attempts.py'!r})\n"
        "import encodings.utf_8, encodings.ascii, encodings.idna, stringprep, unicodedata\n"
        "files = {getattr(m, '__file__', None) for m in list(sys.modules.values())}\n"
        "print(sys.base_prefix)\n"
        "print(*[f for f in files if f and f.startswith(sys.base_prefix)], sep='\\n')"
    )
    done = subprocess.run(
        [PYTHON, "-I", "-S", "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    prefix, *files = done.stdout.splitlines()
    return [(file, os.path.relpath(file, prefix)) for file in files]


@contextlib.contextmanager
def _bystander(uid: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of UID without any capability, which a confined one could take over."""
    powerless = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    account = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    process = subprocess.Popen([*powerless, *account, "sleep", "300"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
