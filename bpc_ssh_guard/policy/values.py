"""The arguments of a policy's lines as values; every error says file:line and what to do."""

from __future__ import annotations

from ..command.paths import find_fault
from ..vocabulary import is_label
from .addresses import network
from .statements import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final, Optional

    from ..errors import GuardFailure
    from .addresses import Network

    # The statements of one block by keyword: arguments and line.
    Found = dict[str, tuple[list[bytes], int]]

NUMBER_DIGITS: Final = 4  # of the largest number that any line takes
SIZE_DIGITS: Final = 15


class Values:
    """What the lines of the policy at PATH write. Each method raises GuardFailure(bad-policy)."""

    __slots__ = ("path_of_policy",)
    path_of_policy: Final[bytes]

    def __init__(self, path_of_policy: bytes) -> None:
        self.path_of_policy = path_of_policy

    def error(self, line: int, complaint: str) -> GuardFailure:
        """Return the error that COMPLAINT makes of LINE."""
        return failure(self.path_of_policy, line, complaint)

    def one(self, keyword: str, arguments: list[bytes], line: int) -> bytes:
        """Return the only one of ARGUMENTS."""
        if len(arguments) != 1:
            raise self.error(line, f"{keyword} takes one argument, not {len(arguments)}")
        return arguments[0]

    def choice(self, keyword: str, value: bytes, choices: Iterable[str], line: int) -> str:
        """Return VALUE, which is one of CHOICES."""
        text = value.decode("utf-8", "backslashreplace")
        if text not in choices:
            raise self.error(line, f'{keyword} knows no "{text}"; it takes {", ".join(choices)}')
        return text

    def path(self, value: bytes, line: int) -> bytes:
        """Return the absolute path VALUE without a slash at its end."""
        fault = find_fault(value)
        if fault is not None:
            shown = value.decode("utf-8", "backslashreplace")
            advice = "write it from / on, without empty, . and .. components"
            raise self.error(line, f"{shown}: {fault}; {advice}")
        return value.rstrip(b"/") or b"/"

    def label(self, keyword: str, value: bytes, line: int) -> bytes:
        """Return the key label VALUE."""
        if not is_label(value):
            rule = "a small letter, then up to 31 small letters, digits or dashes"
            raise self.error(line, f"a key label is {rule}")
        return value

    def words(self, found: Found, keyword: str, choices: Iterable[str]) -> list[str]:
        """Return the arguments of KEYWORD, each one of CHOICES and none twice."""
        arguments, line = found.get(keyword, ([], 0))
        if line and not arguments:
            raise self.error(line, f"{keyword} names nothing; add a word or take the line out")
        words = [self.choice(keyword, argument, choices, line) for argument in arguments]
        if len(set(words)) != len(words):
            raise self.error(line, f"{keyword} names a word twice; keep one of them")
        return words

    def flag(self, found: Found, keyword: str, default: bool) -> bool:
        """Return what KEYWORD says, yes or no; DEFAULT without the line."""
        if keyword not in found:
            return default
        arguments, line = found[keyword]
        value = self.one(keyword, arguments, line)
        return self.choice(keyword, value, ("yes", "no"), line) == "yes"

    def number(self, found: Found, keyword: str, least: int, most: int) -> Optional[int]:
        """Return the number from LEAST to MOST of KEYWORD; None without the line."""
        if keyword not in found:
            return None
        arguments, line = found[keyword]
        digits = self.one(keyword, arguments, line)
        if not digits.isdigit() or len(digits) > NUMBER_DIGITS or not least <= int(digits) <= most:
            raise self.error(line, f"{keyword} takes a number from {least} to {most}")
        return int(digits)

    def size(self, found: Found, keyword: str) -> int:
        """Return the bytes that NUMBER or NUMBER with K, M, G or T writes; 0 without the line."""
        if keyword not in found:
            return 0
        arguments, line = found[keyword]
        text = self.one(keyword, arguments, line)
        digits = text[:-1] if text[-1:] in b"KMGT" else text
        if not digits.isdigit() or len(digits) > SIZE_DIGITS:
            raise self.error(line, f"{keyword} takes a size such as 500M or 10G")
        return int(digits) << 10 * (b"KMGT".find(text[-1:]) + 1 if text != digits else 0)

    def networks(self, found: Found) -> Iterator[Network]:
        """Yield the networks of From; none without the line."""
        arguments, line = found.get("From", ([], 0))
        if line and not arguments:
            raise self.error(line, "From names no address; add one or take the line out")
        for argument in arguments:
            try:
                yield network(argument.decode("ascii", "backslashreplace"))
            except ValueError as error:
                raise self.error(line, f"{error}; write ADDRESS or ADDRESS/BITS") from None
