"""HTML made of elements: the one place where text becomes markup, so that none is forgotten.

Text that strangers wrote is made visible first: control and bidirectional characters, and
everything outside ASCII, are shown as escapes.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, Union

from .inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Content = Union["Markup", str, int, None]

# Longer texts are cut where they are shown; the log has them whole.
SHOWN: Final = 160
_VOID: Final = frozenset({"meta", "rect", "line"})


class Markup(str):
    """Text that is HTML already; only `tag` and `join` make it."""

    __slots__ = ()


def tag(name: str, /, *content: Content, **attributes: str | int | None) -> Markup:
    """Return the element NAME around CONTENT, whose plain text is escaped.

    Of ATTRIBUTES one underscore at the end is dropped, others are dashes; None leaves one out.
    """
    opened = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(value))}"'
        for key, value in attributes.items() if value is not None
    )
    if name in _VOID and not content:
        return Markup(f"<{name}{opened}>" if name == "meta" else f"<{name}{opened}/>")
    return Markup(f"<{name}{opened}>{join(content)}</{name}>")


def join(content: Iterable[Content]) -> Markup:
    """Return CONTENT one after the other."""
    return Markup("".join(_markup(each) for each in content))


def visible(value: object) -> str:
    """Return VALUE as text in which nothing is hidden or reordered."""
    return "" if value is None else inert(str(value))


def cut(value: object, length: int = SHOWN) -> str:
    """Return VALUE as visible text of no more than LENGTH characters."""
    text = visible(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def table(
    caption: str, heads: Mapping[str, bool], rows: Iterable[Iterable[Content]]
) -> Markup:
    """Return a table of ROWS; HEADS tell each column's name and whether it holds numbers."""
    numeric = list(heads.values())
    head = tag("tr", *(tag("th", name, scope="col", class_="n" if is_number else None)
                       for name, is_number in heads.items()))
    body = [
        tag("tr", *(tag("td", cell, class_="n" if is_number else None)
                    for cell, is_number in zip(row, numeric)))
        for row in rows
    ]
    return tag("div", tag("table", tag("caption", caption), tag("thead", head),
                          tag("tbody", *body)), class_="scroll")


def _markup(content: Content) -> str:
    if isinstance(content, Markup):
        return content
    return escape(visible(content))
