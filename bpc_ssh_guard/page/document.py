"""A whole page: its head, its parts and its foot; offline, without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .html import Markup, tag
from .style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .html import Content

# No script, no address: even markup that got through could fetch and run nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, summary: Content, sections: Iterable[Content], footer: str) -> str:
    """Return a page of HTML in ASCII: TITLE, SUMMARY below it, SECTIONS and FOOTER."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("header", tag("h1", title), summary), tag("main", *sections),
               tag("footer", footer))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def section(title: str, *content: Content) -> Markup:
    """Return CONTENT below the heading TITLE."""
    return tag("section", tag("h2", title), *content)
