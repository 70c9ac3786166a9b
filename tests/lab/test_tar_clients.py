"""tar over ssh, asked for as BackupPC does, creates and extracts through the guard."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from . import trees
from .clients import shell_escape
from .comparison import differences, rsync_differences, snapshot
from .process import require

if TYPE_CHECKING:
    from .clients import SshClient

pytestmark = pytest.mark.lab


def test_tar_creates_and_extracts_everything(
    backup_key: SshClient, restore_key: SshClient, data: str, restored: str
) -> None:
    trees.build(data)

    archive = backup_key.tar_create(data)
    require(restore_key.tar_extract(restored, archive))

    assert differences(snapshot(data), snapshot(restored)) == []
    assert rsync_differences(data, restored) == []


def test_tar_takes_dates_patterns_and_names(backup_key: SshClient, data: str) -> None:
    trees.build(data)

    date = shell_escape("--newer=2020-01-01 00:00:00")
    archive = backup_key.tar_create(
        data, date, "--exclude=./folder/nested", "--exclude=\\*.txt", "./folder", "./plain.txt",
        shell_escape("./odd/with space"), shell_escape("./odd/$folder 'with' \"all\" [of] *it*"),
    )  # fmt: skip

    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        assert sorted(members.getnames()) == [
            "./folder",
            "./folder/hard 3",
            "./odd/$folder 'with' \"all\" [of] *it*",
            "./odd/$folder 'with' \"all\" [of] *it*/file",
            "./odd/with space",
        ]


def test_tar_leaves_the_restore_root_itself_as_it_is(
    backup_key: SshClient, restore_key: SshClient, data: str, restored: str
) -> None:
    os.chmod(data, 0o777)
    os.chmod(restored, 0o750)

    require(restore_key.tar_extract(restored, backup_key.tar_create(data)))

    assert oct(os.stat(restored).st_mode & 0o7777) == oct(0o750)
