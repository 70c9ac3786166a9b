"""Places are found through descriptors, past no link that somebody else could turn."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine.places import Pathfinder, overlap, real_paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def top(tmp_path: Path) -> bytes:
    """Return a folder with a file, a folder and links to both."""
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "real/file").write_bytes(b"")
    (tmp_path / "relative").symlink_to("real/deep")
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "round").symlink_to("round")
    return os.fsencode(tmp_path)


@pytest.mark.parametrize(
    ("name", "real"),
    [
        (b"real/file", b"real/file"),
        (b"relative", b"real/deep"),
        (b"absolute/deep", b"real/deep"),
        (b"absolute/../real/file", b"real/file"),
        (b"./real//deep/", b"real/deep"),
    ],
)
def test_finds_the_only_path_without_links(top: bytes, name: bytes, real: bytes) -> None:
    with Pathfinder().find(top + b"/" + name) as place:
        assert place.path == top + b"/" + real
        assert os.fstat(place.descriptor).st_ino == os.stat(top + b"/" + name).st_ino


def test_finds_the_root_itself() -> None:
    with Pathfinder().find(b"/") as place:
        assert place.path == b"/"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"missing", FileNotFoundError),
        (b"missing/file", FileNotFoundError),
        (b"real/file/below", NotADirectoryError),
    ],
)
def test_raises_what_open_would(top: bytes, name: bytes, error: type[OSError]) -> None:
    with pytest.raises(error):
        Pathfinder().find(top + b"/" + name)


def test_gives_up_on_links_that_go_round(top: bytes) -> None:
    with pytest.raises(OSError, match="too many symbolic links") as caught:
        Pathfinder().find(top + b"/round")

    assert caught.value.errno == errno.ELOOP


def test_remembers_the_links_that_it_followed(top: bytes) -> None:
    finder = Pathfinder()

    with finder.find(top + b"/absolute/../relative"):
        assert finder.followed == {
            top + b"/absolute": top + b"/real", top + b"/relative": b"real/deep",
        }


def test_leaves_no_descriptor_open(top: bytes) -> None:
    before = os.listdir("/proc/self/fd")

    for name in (b"absolute/deep", b"missing/file", b"real/file/below", b"round"):
        try:
            with Pathfinder().find(top + b"/" + name):
                continue
        except OSError:
            continue

    assert os.listdir("/proc/self/fd") == before


def test_real_path_of_what_is_missing_is_its_name(top: bytes) -> None:
    assert real_paths([top + b"/relative", top + b"/no"]) == [top + b"/real/deep", top + b"/no"]


def test_paths_overlap_when_one_holds_the_other() -> None:
    assert overlap(b"/srv", b"/srv/data")
    assert overlap(b"/srv/data", b"/srv")
    assert overlap(b"/", b"/srv")
    assert not overlap(b"/srv/data", b"/srv/data2")
