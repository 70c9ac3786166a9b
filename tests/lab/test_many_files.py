"""A hundred thousand small files come out of confined runs exactly as out of an unconfined one."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from .comparison import rsync_differences
from .process import require

if TYPE_CHECKING:
    from pathlib import Path

    from .site import Site

pytestmark = pytest.mark.lab

FILES = 100_000
PER_FOLDER = 1000


@pytest.fixture(scope="module")
def many(site: Site) -> str:
    """Return a folder of the backup root with FILES files in it."""
    top = f"{site.host.data}/many"
    for number in range(FILES):
        folder = f"{top}/{number // PER_FOLDER:03}"
        if number % PER_FOLDER == 0:
            os.makedirs(folder)
        descriptor = os.open(f"{folder}/{number}", os.O_WRONLY | os.O_CREAT, 0o640)
        os.write(descriptor, b"%d\n" % number)
        os.close(descriptor)
    return top


def digest_of(words: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run WORDS; return the status and the hash of what they wrote."""
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **environment}, cwd="/",
    ) as process:
        assert process.stdout is not None
        digest = hashlib.sha256()
        while block := process.stdout.read(1 << 20):
            digest.update(block)
    return process.returncode, digest.hexdigest()


def test_archive_of_many_files_is_the_same_byte_for_byte(site: Site, many: str) -> None:
    guard = site.host.forced_command("web1-backup", site.keys["web1-backup"])
    command = f"tar -c -f - -C {many} ."

    confined = digest_of(guard, {"SSH_ORIGINAL_COMMAND": command})
    plain = digest_of(["/usr/bin/tar", "-c", "-f", "-", "-C", many, "."], {})

    assert confined == plain
    assert plain[0] == 0


def test_rsync_pulls_changes_and_restores_many_files_alike(
    site: Site, many: str, tmp_path: Path
) -> None:
    """Full, incremental and restore, each against the tree that an unconfined rsync compares."""
    options = ("-aH", "--numeric-ids", "--delete", "-s")
    pulled, back = f"{tmp_path}/pulled", f"{site.host.restored}/many"
    backup, restore = site.client("web1-backup"), site.client("web1-restore")

    require(backup.rsync(*options, f"client:{many}/", pulled))
    assert rsync_differences(many, pulled, "-aH") == []

    for folder in range(0, FILES // PER_FOLDER, 10):
        os.unlink(f"{many}/{folder:03}/{folder * PER_FOLDER}")
        with open(f"{many}/{folder:03}/{folder * PER_FOLDER + 1}", "ab") as file:
            file.write(b"changed\n")
    require(backup.rsync(*options, f"client:{many}/", pulled))
    assert rsync_differences(many, pulled, "-aH") == []

    os.mkdir(back)
    require(restore.rsync(*options, f"{pulled}/", f"client:{back}"))
    assert rsync_differences(many, back, "-aH") == []
