"""What the doctor found out with one canary, as an object, as JSON and as a line of a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEADING: Final = ("key", "canary", "expected", "got", "verdict")
_GAP: Final = "  "


class Verdict:
    """What an answer of the kernel is worth."""

    PASSED: Final = "passed"  # as expected, and by a layer that is there to make it so
    OPEN: Final = "open"  # no layer forbids it: by the policy, or because the kernel lacks one
    ODD: Final = "odd"  # forbidden, in a way that no layer explains
    FAILED: Final = "failed"


@dataclass(frozen=True)
class Diagnosis:
    """One canary of one key; `lacks` names what would close an open one."""

    key: str
    operation: str
    canary: str
    words: str
    expected: str
    got: str
    verdict: str
    lacks: str = ""

    @property
    def is_failure(self) -> bool:
        """Tell whether the confinement is not what the guard takes it for."""
        return self.verdict in (Verdict.ODD, Verdict.FAILED)

    def as_json(self) -> dict[str, str]:
        """Return the diagnosis for a JSON report."""
        return asdict(self)


def in_words(diagnoses: Iterable[Diagnosis]) -> Iterator[str]:
    """Yield the lines of a table for an admin, its heading first; nothing for no diagnoses."""
    rows = [_row(each) for each in diagnoses]
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(_HEADING, *rows)]
    for row in (_HEADING, *rows):
        yield _GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _row(each: Diagnosis) -> tuple[str, ...]:
    verdict = f"{each.verdict}, lacks {each.lacks}" if each.lacks else each.verdict
    return each.key, each.words, each.expected, each.got, verdict
