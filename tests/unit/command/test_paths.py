"""Paths: one spelling each, bounded, and compared with roots component by component."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.command.paths import find_fault, find_name_fault, is_beneath

COMPONENT = b"c" * 255
LONG = (b"/" + COMPONENT) * 16  # 4096 bytes


@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/srv", b"/srv/", b"/srv/data", b"/srv/data/", b"/srv/...", b"/srv/.x", b"/srv/..x",
        b"/srv/x..", b"/srv/a b", b"/srv/~", b"/srv/$a;`", b"/\xff", "/é".encode(), b"/-rf",
        b"/" + COMPONENT, b"/" + COMPONENT + b"/", LONG[:4094],
    ],
)  # fmt: skip
def test_takes_an_absolute_path_in_its_only_spelling(path: bytes) -> None:
    assert find_fault(path) is None


@pytest.mark.parametrize("path", [b"", b".", b"..", b"srv", b"./srv", b"~", b"~/x", b" /srv"])
def test_names_a_relative_path(path: bytes) -> None:
    assert find_fault(path) == "the path is relative"


@pytest.mark.parametrize(
    "path",
    [
        b"//", b"//srv", b"/srv//", b"/srv//data", b"/.", b"/./", b"/srv/.", b"/srv/./data", b"/..",
        b"/../", b"/srv/..", b"/srv/../etc", b"/srv/data/..", b"/srv/data/../", b"///",
    ],
)  # fmt: skip
def test_names_an_empty_or_dotted_component(path: bytes) -> None:
    assert find_fault(path) == "the path has an empty, . or .. component"


@pytest.mark.parametrize("tail", [b"", b"/", b"/x"])
def test_names_a_component_of_256_bytes(tail: bytes) -> None:
    assert find_fault(b"/x/" + COMPONENT + b"c" + tail) is not None
    assert find_fault(b"/x/" + COMPONENT + tail) is None


@pytest.mark.parametrize("length", [4095, 4096])
def test_names_a_path_of_more_than_4094_bytes(length: int) -> None:
    assert find_fault(LONG[:length]) == "the path has more than 4094 bytes"


def test_counts_a_trailing_slash() -> None:
    assert find_fault(LONG[:4093] + b"/") is None
    assert find_fault(LONG[:4094] + b"/") is not None


@pytest.mark.parametrize("control", [b"\n", b"\x1b", b"\x7f", b"\xc2\x85", b"\xe2\x80\xae", b"\0"])
def test_names_a_control_character(control: bytes) -> None:
    assert find_fault(b"/srv/a" + control) == "the path holds a control character"


def test_takes_a_name_below_a_folder_and_the_folder_itself() -> None:
    assert find_name_fault(b"") is None
    assert find_name_fault(b"a/b/") is None
    assert find_name_fault(b"a//b") is not None
    assert find_name_fault(b"../b") is not None


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (b"/srv/data", b"/srv/data"), (b"/srv/data/", b"/srv/data"), (b"/srv/data", b"/srv/data/"),
        (b"/srv/data/x", b"/srv/data"), (b"/srv/data/x/y/", b"/srv/data/"), (b"/srv", b"/"),
        (b"/", b"/"),
    ],
)  # fmt: skip
def test_path_is_beneath_its_root(path: bytes, root: bytes) -> None:
    assert is_beneath(path, root)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (b"/srv/dataX", b"/srv/data"), (b"/srv/dat", b"/srv/data"), (b"/srv", b"/srv/data"),
        (b"/", b"/srv"), (b"/SRV/data", b"/srv/data"), (b"/srv/data-old/x", b"/srv/data"),
        ("/srv/e\u0301".encode(), "/srv/é".encode()),
    ],
)  # fmt: skip
def test_path_with_the_same_beginning_is_not_beneath(path: bytes, root: bytes) -> None:
    assert not is_beneath(path, root)
