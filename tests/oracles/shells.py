"""What dash and bash make of a command line: the words that a program would get from them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import confined

# The kernel takes 128 KiB in one argument, and a line has up to 64 KiB.
_SCRIPT_LIMIT = 60 * 1024
# Ends the words of one line; no word holds a NUL, and the words before it are printed with one.
_END = b"\0end of line\0"
# What a glob would find, a tilde would become, a variable would hold.
_TRAPS = ("a", "b", "-x", "~", "rsync", "=", "x=y", "\u00e9")
_VARIABLES = {b"HOME": b"/expanded/tilde", b"a": b"expanded", b"x": b"expanded", b"IFS": b" :/,="}


@dataclass(frozen=True)
class Shell:
    """A shell and the locale that it runs in."""

    program: str
    locale: str

    def words(self, lines: Iterable[bytes], folder: str) -> list[tuple[bytes, ...]]:
        """Return the words of each of LINES; FOLDER is this oracle's own and empty at first."""
        _set_traps(folder)
        found: list[tuple[bytes, ...]] = []
        for batch in _batches(lines):
            found.extend(self._read(batch, folder))
        return found

    def _read(self, lines: Sequence[bytes], folder: str) -> Iterator[tuple[bytes, ...]]:
        # The words follow a constant one, so no word can be an option, a keyword or an assignment.
        script = b"".join(
            b"printf '%s\\0' " + line + b"\nprintf '\\0end of line\\0'\n" for line in lines
        )
        environment = {**_VARIABLES, b"LC_ALL": self.locale.encode()}
        done = confined.run((self.program, "-c", script), environment, folder)
        if done.returncode or done.stderr:
            raise AssertionError(f"{self}: status {done.returncode}, {done.stderr!r}")
        *answers, rest = done.stdout.split(_END)
        if len(answers) != len(lines) or rest:
            raise AssertionError(f"{self}: {len(answers)} answers to {len(lines)} lines")
        for each in answers:
            yield tuple(each.split(b"\0")[:-1])


SHELLS = tuple(
    Shell(program, locale)
    for program in ("/usr/bin/dash", "/usr/bin/bash")
    for locale in ("C", "C.UTF-8")
)


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and size + len(line) > _SCRIPT_LIMIT:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 64
    if batch:
        yield batch


def _set_traps(folder: str) -> None:
    """Make FOLDER readable by the shells' account and put files there for a glob to find."""
    os.chmod(folder, 0o755)
    for name in _TRAPS:
        with open(os.path.join(folder, name), "wb"):
            pass
