"""A hundred thousand small files come out of a confined run exactly as out of an unconfined one."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
