"""The account of a backup belongs to it alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine import account

if TYPE_CHECKING:
    from pathlib import Path

ROOT = b"root:x:0:0:root:/root:/bin/bash\n"
OWN = b"bpc-ssh-guard:x:997:996::/nonexistent:/usr/sbin/nologin\n"


def choose(tmp_path: Path, passwd: bytes, alone: bool = False) -> tuple[int, int] | None:
    """Return uid and gid that the lines PASSWD lead to."""
    path = tmp_path / "passwd"
    path.write_bytes(passwd)
    found = account.choose(alone, os.fsencode(path))
    return (found.uid, found.gid) if found else None


def test_takes_the_account_that_was_made_for_it(tmp_path: Path) -> None:
    assert choose(tmp_path, ROOT + OWN) == (997, 996)


def test_takes_an_unused_number_where_there_is_none(tmp_path: Path) -> None:
    assert choose(tmp_path, ROOT) == (65533, 65533)


def test_passes_a_number_that_an_account_has(tmp_path: Path) -> None:
    assert choose(tmp_path, ROOT + b"other:x:65533:1::/:/bin/sh\n") == (65532, 65532)


def test_does_not_share_its_own_number_with_another_account(tmp_path: Path) -> None:
    assert choose(tmp_path, OWN + b"other:x:997:1::/:/bin/sh\n") == (65533, 65533)


def test_is_never_root_even_by_that_name(tmp_path: Path) -> None:
    assert choose(tmp_path, b"bpc-ssh-guard:x:0:0::/:/bin/sh\n") == (65533, 65533)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n\n", b"bpc-ssh-guard\n", b"bpc-ssh-guard:\n", b"bpc-ssh-guard:x:997\n",
        b"bpc-ssh-guard:x:a:b:::\n", b"+::::::\n", b"other:x:\n",
    ],
)
def test_leaves_out_lines_that_are_no_account(tmp_path: Path, line: bytes) -> None:
    assert choose(tmp_path, line + ROOT) == (65533, 65533)


def test_machine_without_the_file_has_no_accounts(tmp_path: Path) -> None:
    found = account.choose(alone=False, accounts=os.fsencode(tmp_path / "missing"))

    assert found is not None
    assert found.uid == 65533


def test_gives_up_when_every_number_is_taken(tmp_path: Path) -> None:
    lines = [b"u%d:x:%d:1::/:/bin/sh\n" % (number, number) for number in account.UNUSED]

    assert choose(tmp_path, b"".join(lines)) is None
