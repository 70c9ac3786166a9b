"""Text that strangers wrote, made harmless where people read it."""

from __future__ import annotations


def inert(text: str) -> str:
    """Return TEXT in printable ASCII: what a terminal obeys or reorders is escaped."""
    return "".join(
        c if " " <= c <= "~" else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )
