"""Where a password stands: key, file and line, and how long it is in words; never what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from .commands import inline_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.settings import ConfigFile

# The settings of versions 2 to 4 that hold a password in plain text.
SECRET_KEYS: Final = ("SmbSharePasswd", "RsyncdPasswd", "FtpPasswd", "ServerMesgSecret")
ENVIRONMENT: Final = "BPC_SMB_PASSWD"
MOST: Final = 20  # of one file: who reads the report needs no more to act
SHORT: Final = 12  # characters; what is shorter is guessed from one captured exchange

# A setting's name and what is assigned to it, on one line: in a copy, a comment or a program that
# the reader refuses. `=>` is a hash's, where 0 and 1 say who may edit the setting.
_ASSIGNED: Final = re.compile(
    rb"""\b(SmbSharePasswd|RsyncdPasswd|FtpPasswd|ServerMesgSecret)\b['"]?\s{0,9}\}?\s{0,9}=>?\s{0,9}
         (?:'([^'\n]*)'|"([^"\n]*)"|([^\s'";,][^\n;,]*))""",
    re.VERBOSE)
_EXPORTED: Final = re.compile(rb"""\bBPC_SMB_PASSWD=(?:'([^'\n]*)'|"([^"\n]*)"|([^\s'";]*))""")
_COMMAND: Final = re.compile(rb"Cmd\b[^\n]*")
_NO_VALUE: Final = re.compile(rb"(?:undef|[01])\b")


@dataclass(frozen=True)
class Secret:
    """One place that holds a secret.

    LITERAL is false where only something like one was seen, COMMENT true behind a #.
    """

    key: str
    line: int
    length: str  # "short" or "ok"
    literal: bool = True
    comment: bool = False

    def __str__(self) -> str:
        told = self.length if self.literal else "an expression"
        return f"{self.key} ({told}{', in a comment' if self.comment else ''})"


def length_class(value: str) -> str:
    """Return how long VALUE is, as far as a report may say it."""
    if not value:
        return "empty"
    return "short" if len(value) < SHORT else "ok"


def of_file(file: ConfigFile) -> Iterator[Secret]:
    """Yield the secret settings of FILE that aren't empty, as it was parsed."""
    for key in SECRET_KEYS:
        value = file.keys.get(key)
        if isinstance(value, str) and not _is_blank(value):
            place = file.places.get(key)
            yield Secret(key, place.line if place else 1, length_class(value))


def of_text(data: bytes) -> list[Secret]:
    """Return what looks like a secret in DATA, whatever else it is: once for key and line."""
    found: dict[tuple[str, int], Secret] = {}
    for key, place, value, literal in _seen(data):
        line = data.count(b"\n", 0, place) + 1
        comment = data[data.rfind(b"\n", 0, place) + 1 : place].lstrip().startswith(b"#")
        found.setdefault((key, line), Secret(key, line, length_class(value), literal, comment))
        if len(found) >= MOST:
            break
    return list(found.values())


def _seen(data: bytes) -> Iterator[tuple[str, int, str, bool]]:
    """Yield name, place, value, and whether it is written out."""
    for match in _ASSIGNED.finditer(data):
        key, single, double, bare = match.groups()
        quoted = single if single is not None else double
        value = _told(quoted, bare or b"")
        if value is not None:
            yield key.decode("ascii"), match.start(), value, quoted is not None
    for match in _EXPORTED.finditer(data):
        value = _told(next((each for each in match.groups() if each is not None), b""), b"")
        if value is not None:
            yield ENVIRONMENT, match.start(), value, True
    for match in _COMMAND.finditer(data):
        form = inline_secret(match[0].decode("latin-1"))
        if form is not None:
            yield f"a command with {form}", match.start(), "-" * SHORT, True


def _told(quoted: Optional[bytes], bare: bytes) -> Optional[str]:
    """Return the value, None where it is none or comes from elsewhere."""
    if quoted is not None:
        text = quoted.decode("latin-1")
        return None if _is_blank(text) else text
    if not bare or bare.startswith(b"$") or _NO_VALUE.match(bare):
        return None
    return bare.decode("latin-1")


def _is_blank(value: str) -> bool:
    """Return whether VALUE is nothing, the web interface's mask, or a variable."""
    return not value.strip("*") or value.startswith("$")

