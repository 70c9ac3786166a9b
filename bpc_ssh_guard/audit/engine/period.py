"""A period of whole days, UTC, as an auditor writes it."""

from __future__ import annotations

import calendar
import datetime
import re
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_BETWEEN: Final = ".."


class PeriodError(ValueError):
    """What was written is no period; the text says what one looks like."""


@dataclass(frozen=True)
class Period:
    """The days SINCE to UNTIL, YYYY-MM-DD, both included."""

    since: str
    until: str

    def __str__(self) -> str:
        return self.since if self.since == self.until else f"{self.since} to {self.until}"

    @property
    def days(self) -> list[str]:
        """Return every day of it."""
        first = datetime.date.fromisoformat(self.since)
        count = (datetime.date.fromisoformat(self.until) - first).days + 1
        return [(first + datetime.timedelta(days=n)).isoformat() for n in range(count)]


def parse(text: str) -> Period:
    """Return the period that TEXT means: a year, a month or a day, or FROM..TO of such.

    Raises PeriodError.
    """
    first, between, last = text.partition(_BETWEEN)
    begin, end = _days_of(first), _days_of(last if between else first)
    if end[1] < begin[0]:
        raise PeriodError(f"{text!a}: it ends before it begins")
    return Period(begin[0], end[1])


def _days_of(text: str) -> tuple[str, str]:
    """Return the first and the last day of the year, month or day TEXT."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise PeriodError(
            f"{text!a}: no period; write 2026-11, 2026-11-23 or 2026-11-01..2026-11-15"
        )
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        begin = datetime.date(year or 0, month or 1, day or 1)
        last = day or calendar.monthrange(begin.year, month or 12)[1]
        return begin.isoformat(), datetime.date(begin.year, month or 12, last).isoformat()
    except ValueError as error:
        raise PeriodError(f"{text!a}: {error}") from None
