"""A folder that becomes a link between check and use gives nothing of what it leads to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .setting import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

SECRET = b"secret of outside"
# Exchanges two names for ever: what stands at the first is now a folder, now a link.
SWAPPER = """
import ctypes, sys
rename = ctypes.CDLL(None).renameat2
while True:
    rename(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)
"""


@pytest.fixture
def swapped(tmp_path: Path) -> Iterator[str]:
    """Return the path of a folder with a file that is now and then a link to another folder."""
    for name, text in (("root/folder", b"plain"), ("outside", SECRET)):
        os.makedirs(tmp_path / name)
        (tmp_path / name / "file").write_bytes(text)
    os.symlink(tmp_path / "outside", tmp_path / "root/link")
    names = [str(tmp_path / "root/folder"), str(tmp_path / "root/link")]
    process = subprocess.Popen([sys.executable, "-c", SWAPPER, *names])
    try:
        yield names[0]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("landlock", "passes"), [(7, 500), (0, 100)])
def test_confined_tar_never_sends_the_other_folder(
    swapped: str, landlock: int, passes: int
) -> None:
    root = os.path.dirname(swapped)
    prepared = Setting("backup", (root,), landlock=landlock).prepare("/usr/bin/tar")

    sent = [
        _output(lambda argv: prepared.enter_and_exec(argv, {}), swapped) for _ in range(passes)
    ]

    assert [archive for archive in sent if SECRET in archive] == []
    assert any(b"plain" in archive for archive in sent)


def test_unconfined_tar_sends_it_sooner_or_later(swapped: str) -> None:
    leaked = False
    while not leaked:
        leaked = SECRET in _output(lambda argv: os.execve(argv[0], argv, {}), swapped)


def _output(become: Callable[[list[bytes]], None], folder: str) -> bytes:
    """Return what tar, started by BECOME, sends of FOLDER after a look at what it is."""
    while os.path.islink(folder):
        pass
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with contextlib.suppress(OSError):
                become([b"/usr/bin/tar", b"-cf", b"-", b"-C", os.fsencode(folder), b"."])
        finally:
            os._exit(125)
    os.close(writing)
    with open(reading, "rb") as stream:
        sent = stream.read()
    os.waitpid(child, 0)
    return sent
