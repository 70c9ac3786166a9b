"""The original command as a list of words, read as a shell would, with every expansion refused."""

from __future__ import annotations

from ..errors import Refused
from ..grammar import driver
from ..grammar.tables import words as tables
from ..vocabulary import Reason
from .text import find_control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# The longest command that BackupPC is known to send has 2 000 names in 26 kB; sshd takes 131 050.
MAX_COMMAND: Final = 64 * 1024
MAX_WORDS: Final = 4096
# As much as rsync takes in one argument of a secluded list (io.c, read_args).
MAX_WORD: Final = 4094

_QUOTE: Final = ord("'")
_BACKSLASH: Final = ord("\\")


class Words:
    """The words of a command, unquoted, and where each begins in it."""

    __slots__ = ("_command", "_starts", "items")
    items: Final[tuple[bytes, ...]]

    def __init__(self, command: bytes, items: tuple[bytes, ...], starts: tuple[int, ...]) -> None:
        self.items = items
        self._command = command
        self._starts = starts

    def joined(self) -> bytes:
        """Return the words, each ended by NUL: the form of rsync's secluded list."""
        return b"\0".join(self.items) + b"\0"

    def offset(self, joined_offset: int) -> int:
        """Return the place in the command of the byte at JOINED_OFFSET of `joined()`."""
        for word, start in zip(self.items, self._starts):
            if joined_offset <= len(word):
                return start + _quoted_length(self._command[start:], joined_offset)
            joined_offset -= len(word) + 1
        return len(self._command)


def split(command: bytes) -> Words:
    """Return the words of COMMAND; raises Refused(too-long or not-words) with the byte at fault."""
    _require_limits(command)
    try:
        tokens = driver.parse(tables, "start", command)
    except driver.Unparsable as error:
        raise Refused(Reason.NOT_WORDS, _complaint(command, error.offset), error.offset) from None
    items, starts = [], []
    for name, raw, start in tokens:
        if name == "SP":
            continue
        word = unquote(raw)
        if len(word) > MAX_WORD:
            raise Refused(Reason.TOO_LONG, f"a word has more than {MAX_WORD} bytes", start)
        control = find_control(word)
        if control is not None:
            place = start + _quoted_length(raw, control)
            raise Refused(Reason.NOT_WORDS, "control character in a word", place)
        items.append(word)
        starts.append(start)
    return Words(command, tuple(items), tuple(starts))


def _require_limits(command: bytes) -> None:
    """Refuse what is too long before any work is done on it."""
    if len(command) > MAX_COMMAND:
        detail = f"the command has more than {MAX_COMMAND} bytes"
        raise Refused(Reason.TOO_LONG, detail, MAX_COMMAND)
    # Escaped blanks separate nothing; blanks in quotes count here, which no real command notices.
    bare = command.replace(b"\\\\", b"xx").replace(b"\\ ", b"xx")
    if len(bare.split()) > MAX_WORDS:
        raise Refused(Reason.TOO_LONG, f"the command has more than {MAX_WORDS} words")


def unquote(raw: bytes) -> bytes:
    """Return the word that RAW, a token of words.lark, stands for."""
    if b"'" not in raw and b"\\" not in raw:
        return raw
    word = bytearray()
    quoted = escaped = False
    for byte in raw:
        if escaped:
            escaped = False
        elif byte == _QUOTE:
            quoted = not quoted
            continue
        elif byte == _BACKSLASH and not quoted:
            escaped = True
            continue
        word.append(byte)
    return bytes(word)


def _quoted_length(raw: bytes, length: int) -> int:
    """Return how many bytes of RAW stand before byte number LENGTH of the word it begins with."""
    quoted = escaped = False
    count = 0
    for place, byte in enumerate(raw):
        if not escaped and byte == _QUOTE:
            quoted = not quoted
        elif byte == _BACKSLASH and not quoted and not escaped:
            escaped = True
        else:
            if count == length:
                return place - escaped
            escaped = False
            count += 1
    return len(raw)


def _complaint(command: bytes, offset: int) -> str:
    if offset == len(command):
        return "the command ends inside a quote or behind a backslash, or holds no word"
    byte = command[offset : offset + 1]
    if command[offset - 1 : offset] == b"\\":
        return "a backslash before a byte that needs none"
    if byte < b" " or byte == b"\x7f":
        return "control character; only blanks part words"
    if byte in b"\"$`;&|<>(){}[]*?":
        return f"{byte.decode()} stands unescaped: shell syntax is never interpreted here"
    if byte in b"'\\":
        return "an empty quotation, or a backslash before a byte that needs none"
    return f"{byte.decode('ascii', 'backslashreplace')} is not possible here"
