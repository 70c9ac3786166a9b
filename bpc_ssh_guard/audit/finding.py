"""What a verification says: findings, warnings and notes, each with its place in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Optional


class Severity:
    """How much a finding weighs."""

    FINDING: Final = "finding"  # the log was changed, or can't be what it says
    WARNING: Final = "warning"  # trouble that the guard itself made good and acknowledged
    NOTE: Final = "note"  # worth knowing; nothing is wrong with the log


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing.

    `kind` is a stable word, `records` the first and the last number it is about, `offset` the byte
    of the segment where it begins.
    """

    severity: str
    kind: str
    text: str
    segment: str = ""
    offset: Optional[int] = None
    records: Optional[tuple[int, int]] = None

    @property
    def place(self) -> str:
        """Return SEGMENT:OFFSET, as far as it is known."""
        if not self.segment or self.offset is None:
            return self.segment
        return f"{self.segment}:{self.offset}"

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        first, last = self.records or (None, None)
        return {
            "severity": self.severity, "kind": self.kind, "text": self.text,
            "segment": self.segment or None, "offset": self.offset, "first": first, "last": last,
        }
