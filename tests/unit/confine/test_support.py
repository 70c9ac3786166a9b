"""What a program needs besides its data is found in its own headers and in the usual places."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import support

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("program", [b"/usr/bin/tar", b"/usr/bin/rsync"])
def test_names_the_loader_that_the_program_asks_for(program: bytes) -> None:
    loader = support.interpreter_of(program)

    assert loader is not None
    assert os.path.basename(loader).startswith(b"ld-")
    assert os.path.exists(loader)
    assert list(support.programs(program)) == [program, loader]


def test_static_program_needs_itself_alone(tmp_path: Path) -> None:
    with open("/usr/bin/tar", "rb") as file:
        image = bytearray(file.read(4096))
    first = int.from_bytes(image[32:40], "little")
    size, count = (int.from_bytes(image[at : at + 2], "little") for at in (54, 56))
    for start in range(first, first + size * count, size):
        image[start] = 1 if image[start] == 3 else image[start]  # PT_INTERP becomes PT_LOAD
    (tmp_path / "static").write_bytes(image)

    assert support.interpreter_of(os.fsencode(tmp_path / "static")) is None


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b"\x7fELF\x02\x01" + bytes(100),
        b"\x7fELF\x01\x01" + b"\xff" * 200,
        b"\x7fELF\x02\x01" + b"\xff" * 200,
        b"\x7fELF\x02\x02" + b"\x03" * 200,
    ],
)
def test_file_that_is_no_program_of_this_machine_has_no_loader(
    tmp_path: Path, image: bytes
) -> None:
    (tmp_path / "odd").write_bytes(image)

    assert support.interpreter_of(os.fsencode(tmp_path / "odd")) is None


@pytest.mark.parametrize("path", [b"/nonexistent/rsync", b"/etc", b"/dev/null"])
def test_what_can_not_be_read_has_no_loader(path: bytes) -> None:
    assert support.interpreter_of(path) is None


def test_no_folder_of_data_is_readable_for_support() -> None:
    folders = [path for path in support.readable() if os.path.isdir(path)]

    assert all(path.startswith((b"/usr/lib", b"/lib", b"/usr/share")) for path in folders)
