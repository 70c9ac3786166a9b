"""Characters that no word, path or argument may hold, because logs and terminals obey them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional


def _characters(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(c) for first, last in ranges for c in range(first, last + 1))


_C0: Final = _characters((0x00, 0x1F), (0x7F, 0x7F))
# C1, line and paragraph separator, and the characters with the Unicode property Bidi_Control.
_CONTROLS: Final = _C0 | _characters(
    (0x80, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069)
)


def find_control(value: bytes) -> Optional[int]:
    """Return the offset of the first control character of VALUE, or None.

    Bytes below 0x20 and 0x7f always count; C1, separators and bidi controls where VALUE is valid
    UTF-8. Anything else that is not UTF-8 is opaque: a file name of another character set.
    """
    try:
        text, forbidden = value.decode("utf-8"), _CONTROLS
    except UnicodeDecodeError:
        text, forbidden = value.decode("latin-1"), _C0
    if forbidden.isdisjoint(text):
        return None
    first = next(i for i, character in enumerate(text) if character in forbidden)
    return len(text[:first].encode("utf-8" if forbidden is _CONTROLS else "latin-1"))
