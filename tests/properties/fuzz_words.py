"""Fuzz target: any bytes as a command line."""

from __future__ import annotations

from collections.abc import Iterator

from bpc_ssh_guard.command import words
from bpc_ssh_guard.command.text import find_control
from bpc_ssh_guard.errors import Refused
from tests.oracles import corpus
from tests.oracles.admitted import require_admitted
from tests.oracles.writing import line

SEPARATOR = b" "
TOKENS = (
    b"'", b"\\ ", b"\\'", b"'a b'", b"~", b"#", b"!", b"$(id)", b"`id`", b";", b"&&", b"|", b">x",
    b"\n", b"\t", b"\xc2\x85", b"\xe2\x80\xae", b"\xff", b"a=~", b"\\\\", b"sudo", b"nice -n 19",
    b"ionice -c3", b"env LC_ALL=C", b"/usr/bin/rsync", b"--server", b"--sender", b"-lre.iLs", b".",
    b"/srv/data/a\\ b", b"/srv/restore", b"/bin/tar", b"-c", b"-f", b"-", b"-C", b"./a",
    b"./\\\\056\\\\056/x",
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Yield commands to begin with."""
    for entry in corpus.all_entries():
        if entry.command and len(entry.command) < 1000:
            yield entry.command
    yield b"tar -c -f - -C /srv/data ./\\\\056\\\\056/x './\\056'"


def one_input(data: bytes) -> None:
    """Hold every property to the command line DATA."""
    require_admitted(data, b"")
    try:
        found = words.split(data).items
    except Refused:
        return
    if any(find_control(word) is not None or not word for word in found):
        raise AssertionError(f"{data!r}: {found!r}")
    if words.split(line(found)).items != found:
        raise AssertionError(f"{data!r}: {found!r} reads back otherwise")
