"""What a check found: how bad, where, what is wrong and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final


class Severity:
    """Errors let something through or lock something out; warnings may; notes are to know."""

    ERROR: Final = "error"
    WARNING: Final = "warning"
    NOTE: Final = "note"


@dataclass(frozen=True)
class Finding:
    """One thing found at `place`: a path, or path:line."""

    severity: str
    place: str
    message: str
    advice: str = ""

    @classmethod
    def from_complaint(cls, severity: str, complaint: str) -> Finding:
        """Return the finding that COMPLAINT, `place: what is wrong; what to do`, tells."""
        place, _, rest = complaint.partition(": ")
        message, _, advice = rest.partition("; ")
        return cls(severity, place, message, advice)

    def as_json(self) -> dict[str, str]:
        """Return the finding for a JSON report."""
        return asdict(self)

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        text = f"{self.severity}: {self.place}: {self.message}{advice}"
        # Names and comments in it were written by others and could steer a terminal.
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def shown(data: bytes) -> str:
    """Return DATA, a path or a comment, as text."""
    return data.decode("utf-8", "backslashreplace")
