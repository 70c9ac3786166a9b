"""A folder swapped for a link while it is read gives the backup nothing from outside its root."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .host import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .host import GuardedHost
    from .site import Site

pytestmark = pytest.mark.lab

PASSES = 250  # with each program
_NUMBERS = itertools.count()
SENTINEL = b"TOPSECRET-SENTINEL"

# renameat2(RENAME_EXCHANGE) swaps both names at once.
SWAPPER = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
one, other = (path.encode() for path in sys.argv[1:])
print("ready", flush=True)
while True:
    libc.renameat2(-100, one, -100, other, 2)
    time.sleep(0.0003)
"""


@pytest.fixture
def race(host: GuardedHost) -> Iterator[str]:
    """Return a folder of the backup root that is a link to the outside half of the time."""
    number = next(_NUMBERS)
    folder = f"{host.data}/race-{number}"
    outside = f"{host.folder}/outside-race-{number}"
    for path, text in ((f"{folder}/victim", b"harmless"), (outside, SENTINEL)):
        os.makedirs(path)
        with open(f"{path}/file", "wb") as file:
            file.write(text)
    os.symlink(outside, f"{folder}/link")
    with swapping(f"{folder}/victim", f"{folder}/link"):
        yield folder


@contextlib.contextmanager
def swapping(one: str, other: str) -> Iterator[None]:
    """Swap ONE and OTHER until the end."""
    swapper = subprocess.Popen(
        [sys.executable, "-c", SWAPPER, one, other], stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    try:
        assert swapper.stdout is not None
        assert swapper.stdout.readline() == b"ready\n"
        yield
    finally:
        swapper.kill()
        swapper.wait()
        if swapper.stdout:
            swapper.stdout.close()


def read_by_tar(site: Site, race: str) -> bytes:
    command = f"tar -c -f - -C {race}/victim ."
    return site.host.run_guard("web1-backup", site.keys["web1-backup"], command.encode()).stdout


def read_by_rsync(site: Site, race: str, target: str) -> bytes:
    """Pull by a real client whose remote shell is the guard; return what arrived."""
    shell = f"{target}.sh"
    words = " ".join(site.host.forced_command("web1-backup", site.keys["web1-backup"]))
    with open(shell, "w", encoding="ascii") as script:
        script.write(f'#!/bin/sh\nshift\nSSH_ORIGINAL_COMMAND="$*" exec {words}\n')
    os.chmod(shell, 0o755)
    subprocess.run(
        ["rsync", "-r", "--ignore-times", "-e", shell, f"host:{race}/victim/", target],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )
    found = f"{target}/file"
    if not os.path.exists(found):
        return b""
    with open(found, "rb") as file:
        content = file.read()
    os.unlink(found)
    return content


def test_tar_never_reads_outside_its_root(site: Site, race: str) -> None:
    archives = [read_by_tar(site, race) for _ in range(PASSES)]

    assert [archive for archive in archives if SENTINEL in archive] == []
    assert any(b"harmless" in archive for archive in archives), "the race must be a race"


def test_rsync_never_reads_outside_its_root(site: Site, race: str, tmp_path: str) -> None:
    pulled = [read_by_rsync(site, race, f"{tmp_path}/pulled") for _ in range(PASSES)]

    assert [content for content in pulled if SENTINEL in content] == []
    assert b"harmless" in pulled, "the race must be a race"


def test_tar_without_the_kernel_does_read_outside(site: Site, race: str) -> None:
    """The control: what the two tests above would find."""
    command = ["/usr/bin/tar", "-c", "-f", "-", "-C", f"{race}/victim", "."]
    archives = (subprocess.run(command, capture_output=True, check=False).stdout
                for _ in range(PASSES))

    assert any(SENTINEL in archive for archive in archives)
