"""A grant's path is never reached by a link that a restore under a wider grant could have put."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import profile
from bpc_ssh_guard.errors import GuardFailure

from ..test_swap_race import swapping
from .setting import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

PASSES = 150
# A restore meets the path at several steps, so that few find the folder at each of them.
MOST_PASSES = 20 * PASSES
# Restores an archive below the granted path, as the guard's child does; the links are root's own.
RESTORE = """
import os, sys
from bpc_ssh_guard.confine import profile
root, granted = map(os.fsencode, sys.argv[1:3])
within = (root,) if sys.argv[3] == "within" else ()
wanted = profile.Profile("restore", b"/usr/bin/tar", (granted,), within=within)
prepared = profile.prepare(wanted)
prepared.enter_and_exec((b"tar", b"-x", b"-f", b"-", b"-C", granted), {})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a restore root with a folder to grant, and outside of it one that a link leads to."""
    for name in ("root/granted", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    return tmp_path / "root"


@pytest.mark.parametrize("landlock", [7, 0], ids=["landlock", "jail"])
def test_link_in_place_of_a_granted_path_is_refused(root: Path, landlock: int) -> None:
    from bpc_ssh_guard.confine.probe import rehearse

    wanted = profile.Profile(
        "restore", b"/usr/bin/tar", (bytes(root / "link"),), within=(bytes(root),)
    )
    with pytest.raises(GuardFailure) as refusal:
        profile.prepare(wanted, rehearse("restore", landlock_limit=landlock))

    assert refusal.value.reason == "cannot-confine"
    assert "a symbolic link where a restore may write" in refusal.value.detail


def restored_outside(root: Path, how: str) -> int:
    """Return how many restores below a path that is swapped wrote outside of ROOT.

    PASSES of them, and more, up to MOST_PASSES, until one came through: else it was no race.
    """
    granted = root / "granted"
    found = 0
    with swapping(str(granted), str(root / "link")):
        for number in range(MOST_PASSES):
            if number >= PASSES and (found or restored_inside(root)):
                break
            subprocess.run(
                [sys.executable, "-c", RESTORE, str(root), str(granted), how], cwd=CHECKOUT,
                input=_archive(f"file-{number}"), capture_output=True, timeout=60, check=False,
            )
            found += os.path.exists(root.parent / f"outside/file-{number}")
    return found


def restored_inside(root: Path) -> list[str]:
    """Return the files that came to lie below ROOT."""
    return [each for _, _, files in os.walk(root) for each in files]


def test_restore_never_writes_where_a_swapped_link_leads(root: Path) -> None:
    assert restored_outside(root, "within") == 0
    assert restored_inside(root), "the race must be a race"


def test_without_the_bound_a_swapped_link_does_lead_outside(root: Path) -> None:
    """The control: what the test above would find."""
    assert restored_outside(root, "anywhere") > 0


def _archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()
