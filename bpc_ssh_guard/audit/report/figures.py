"""Numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEP: Final = 1024
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def count(number: object) -> str:
    """Return NUMBER with its thousands apart."""
    return f"{int(str(number or 0)):,}"


def size(number: object) -> str:
    """Return NUMBER of bytes in the unit that leaves up to four digits."""
    value, unit = float(str(number or 0)), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 100 else (
        f"{value:.1f} {_UNITS[unit]}")


def duration(nanoseconds: object) -> str:
    """Return NANOSECONDS as hours, minutes and seconds."""
    if nanoseconds is None:
        return ""
    seconds = int(str(nanoseconds)) // 1_000_000_000
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def words(items: Optional[Iterable[object]]) -> str:
    """Return ITEMS, which who has root may have filled with anything, one behind the other."""
    return " ".join(map(str, items or ()))


def moment(stamp: object) -> str:
    """Return the time STAMP of a record to the minute."""
    return str(stamp or "")[:16].replace("T", " ")
