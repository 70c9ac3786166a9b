"""Never's patterns name what is there when the session starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import masks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (b"id_rsa", b"id_rsa"),
        (b"id_rsa", b"*"),
        (b".ssh", b"*"),
        (b"id_rsa", b"id_*"),
        (b"id_", b"id_*"),
        (b"a.key", b"*.key"),
        (b".key", b"*.key"),
        (b"abcabc", b"a*b*c"),
        (b"abc", b"**"),
        (b"\xff\n", b"*\n"),
        (b"aXbXc", b"a*X*c"),
    ],
)
def test_name_fits(name: bytes, pattern: bytes) -> None:
    assert masks.fits(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (b"id_rsa.pub", b"id_rsa"),
        (b"id", b"id_*"),
        (b"a", b"a*a"),
        (b"ab", b"a*bb*"),
        (b"abc", b"a*c*b"),
        (b"aXc", b"a*X*X*c"),
        (b"a.keys", b"*.key"),
        (b"ax", b"a?"),
    ],
)
def test_name_does_not_fit(name: bytes, pattern: bytes) -> None:
    assert not masks.fits(name, pattern)


@pytest.fixture
def home(tmp_path: Path) -> bytes:
    """Return a folder with three accounts' secrets."""
    for account in ("alice", "bob", ".hidden"):
        (tmp_path / account / ".ssh").mkdir(parents=True)
        (tmp_path / account / ".ssh/id").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    return os.fsencode(tmp_path)


def find(home: bytes, *patterns: bytes, top: bytes = b"") -> list[bytes]:
    """Return what PATTERNS match below HOME, without HOME in front."""
    found = masks.find([home + b"/" + each for each in patterns], [home + top])
    return [path[len(home) + 1 :] for path in found]


def test_star_stands_for_one_component_hidden_ones_included(home: bytes) -> None:
    assert find(home, b"*/.ssh") == [b".hidden/.ssh", b"alice/.ssh", b"bob/.ssh"]
    assert find(home, b"*/id") == []


def test_path_below_another_match_is_left_out(home: bytes) -> None:
    assert find(home, b"*/.ssh/*", b"alice/.ssh", b"bob") == [
        b".hidden/.ssh/id", b"alice/.ssh", b"bob",
    ]


def test_nothing_matches_what_is_not_there(home: bytes) -> None:
    assert find(home, b"carol/.ssh", b"file/below", b"*/.ssh/*/x") == []


def test_only_what_touches_a_root_is_masked(home: bytes) -> None:
    assert find(home, b"*/.ssh", top=b"/alice") == [b"alice/.ssh"]
    assert find(home, b"*/.ssh", top=b"/alice/.ssh/id") == [b"alice/.ssh"]


def test_link_is_not_masked_but_what_it_leads_to(home: bytes) -> None:
    os.symlink(b"bob/.ssh", home + b"/link")

    assert find(home, b"link") == [b"bob/.ssh"]
    assert find(home, b"link/id") == [b"bob/.ssh/id"]


def test_link_to_nowhere_matches_nothing(home: bytes) -> None:
    os.symlink(b"nowhere", home + b"/link")
    os.symlink(b"round", home + b"/round")

    assert find(home, b"link", b"round", b"*/.ssh") == [
        b".hidden/.ssh", b"alice/.ssh", b"bob/.ssh",
    ]


def test_root_reached_by_two_names_is_masked_once(home: bytes) -> None:
    os.symlink(b"alice", home + b"/a")

    assert find(home, b"a/.ssh", b"alice/.ssh") == [b"alice/.ssh"]


def test_staging_folder_is_neither_in_nor_around_what_is_masked() -> None:
    own = os.fsencode(os.path.dirname(masks.__file__))

    assert masks.staging([b"/home/alice/.ssh"]) == own
    for avoided in (own, own + b"/file", os.path.dirname(own), b"/"):
        if avoided == b"/":
            with pytest.raises(OSError, match="no folder is left"):
                masks.staging([avoided])
        else:
            assert masks.staging([avoided]) != own


def test_leaves_no_descriptor_open(home: bytes) -> None:
    before = os.listdir("/proc/self/fd")

    find(home, b"*/.ssh", b"*/*/*", b"file/x")

    assert os.listdir("/proc/self/fd") == before
