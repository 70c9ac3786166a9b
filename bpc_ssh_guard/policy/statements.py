"""The policy file as statements: a keyword, its arguments, its line; and how errors are told."""

from __future__ import annotations

from ..errors import GuardFailure
from ..grammar import driver
from ..grammar.tables import policy as tables
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    # A keyword, its arguments and the number of its line.
    Statement = tuple[str, list[bytes], int]

RIGHTS: Final = ("Backup", "Restore", "Rotate", "Audit")
RESTORE_ONLY: Final = ("Delete", "Window", "Grants", "MungeLinks", "KeepFree")
SETTINGS: Final = ("Log", "State", "AuthorizedKeys", "Confine", "Rsync", "Tar")
# What a key that runs rsync or tar may have, and what every key may have.
TRANSFER_ONLY: Final = ("Never", "Tools", "Accept", "Nice", "IoNice", "Certificates")
BLOCK: Final = (*TRANSFER_ONLY, "From", "MaxSessions")
KEYWORDS: Final = (*SETTINGS, "Key", *RIGHTS, *BLOCK, *RESTORE_ONLY)


def failure(path: bytes, line: int, complaint: str) -> GuardFailure:
    """Return the error about one line: file:line, what is wrong; what to do."""
    place = f"{path.decode('utf-8', 'backslashreplace')}:{line}"
    return GuardFailure(Reason.BAD_POLICY, f"{place}: {complaint}")


def statements(data: bytes, path: bytes) -> Iterator[Statement]:
    """Yield the statements of DATA, the bytes of the file at PATH.

    Raises GuardFailure(bad-policy): syntax and unknown keywords.
    """
    try:
        tokens = driver.parse(tables, "start", data)
    except driver.Unparsable as error:
        line = data.count(b"\n", 0, error.offset) + 1
        raise failure(path, line, _syntax_complaint(data, error.offset)) from None
    for line, words in _lines(tokens):
        keyword = words[0].decode("utf-8", "backslashreplace")
        if keyword not in KEYWORDS:
            hint = nearest(keyword, KEYWORDS)
            advice = f'did you mean "{hint}"?' if hint else "bpc-ssh-guard-policy(5) lists them"
            raise failure(path, line, f'unknown keyword "{keyword}"; {advice}')
        yield keyword, words[1:], line


def _lines(tokens: Iterable[tuple[str, bytes, int]]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the number and the words of each line that has any."""
    line, quoted = 1, False
    words: list[bytes] = []
    for name, text, _ in tokens:
        if name == "NEWLINE":
            if words:
                yield line, words
            line, words = line + 1, []
        elif name == "WORD":
            words.append(text)
        elif name == "QUOTE":
            quoted = not quoted
            if quoted:
                words.append(b"")
        elif name in ("TEXT", "ESCAPE"):
            words[-1] += text if name == "TEXT" else text[1:]
    if words:
        yield line, words


def _syntax_complaint(data: bytes, offset: int) -> str:
    byte = data[offset : offset + 1]
    if byte.strip(b"\n") and data[max(0, offset - 1) : offset] == b"\\":
        return 'a backslash in quotes stands before " and before another backslash only'
    if byte == b"\r":
        return "the line ends in CR LF; write the file with LF alone"
    if byte in (b"", b"\n"):
        return 'a double quote is not closed; add "'
    if byte == b"\\":
        return "a backslash stands outside quotes; quote the argument and double the backslash"
    if byte == b'"':
        return "a double quote stands inside a word; quote the whole argument"
    if byte < b" " or byte == b"\x7f":
        return f"control character 0x{byte.hex()}; take it out"
    shown = byte.decode("ascii", "backslashreplace")
    return f"{shown} is not possible here; part words with blanks"


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the choice that WORD is a likely misspelling of, or ""."""
    distances = {choice: _distance(word.lower(), choice.lower()) for choice in choices}
    best = min(distances, key=distances.__getitem__)
    return best if distances[best] <= max(1, len(best) // 3) else ""


def _distance(left: str, right: str) -> int:
    """Return how many letters to insert, delete or replace to turn LEFT into RIGHT."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left[:64], 1):
        previous, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (a != b)))
    return row[-1]
