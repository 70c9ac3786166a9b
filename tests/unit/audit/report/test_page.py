"""The page is whole, bounded, alone, and nothing that a stranger wrote acts in it."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.audit.engine.summary import Proof, State
from bpc_ssh_guard.audit.report import figures
from bpc_ssh_guard.audit.report.page import MOST_ROWS, REST, page
from bpc_ssh_guard.cli import audit
from bpc_ssh_guard.page.html import Markup, tag

from .summaries import summary

LARGEST = 300 * 1024
VOID = {"meta"}
HOSTILE = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" onload="alert(1)',
    "\x1b[2J\x07", "\u202etxt.exe", "a\nb\rc\u2028d", "\udcff\ud800", "=cmd|' /C calc'!A0",
    "x" * 4096, "&lt;b&gt;", "\0", "]]>", "-->", "\u200b\ufeff\u00ad", "']}</style><b>",
)


class Reading(HTMLParser):
    """What a browser would make of a page: its elements, and that each was closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes) -> None:
        self.names.append(name)
        self.attributes += attributes
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes) -> None:
        self.names.append(name)
        self.attributes += attributes

    def handle_endtag(self, name) -> None:
        assert self.open.pop() == name

    def handle_data(self, data) -> None:
        self.text.append(data)


def test_a_page_is_well_formed_ascii_and_says_what_it_is_about() -> None:
    text = page(summary())
    reading = Reading(text)
    assert text.isascii()
    assert {"h1", "svg", "table", "caption", "th"} <= set(reading.names)
    assert "2026-11-01 to 2026-11-30" in "".join(reading.text)


def test_a_page_needs_nothing_from_anywhere() -> None:
    reading = Reading(page(summary()))
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(reading.names)
    assert not [name for name, _ in reading.attributes if name in ("src", "href", "style")
                or name.startswith("on")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reading.attributes


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_strangers_wrote_makes_no_element_and_hides_nothing(text: str) -> None:
    plain, hostile = (Reading(page(summary(words))) for words in ("web1", text))
    assert hostile.names == plain.names
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    shown = "".join(hostile.text)
    assert all(c == "\n" or " " <= c <= "~" for c in shown)


@given(st.text(st.characters(), max_size=300))
def test_no_text_makes_an_element(text: str) -> None:
    element = tag("td", text, title=text)
    reading = Reading(element)
    assert reading.names == ["td"]
    assert [name for name, _ in reading.attributes] == ["title"]


def test_a_page_of_a_thousand_machines_stays_small_and_says_what_it_leaves_out() -> None:
    text = page(summary("x" * 4096, rows=3000, days=2500))
    assert len(text) <= LARGEST
    assert f"and {3000 - MOST_ROWS:,} more: <code>{REST}</code>" in text
    assert audit.parser().parse_args(shlex.split(REST)[1:]).json  # the command that it names


def test_damage_comes_first_and_is_named() -> None:
    proofs = [Proof("log-1", State.WHOLE), Proof("bad", State.DAMAGED, 9, 4, findings=["gap"]),
              Proof("none", State.UNREAD)]
    shown = "".join(Reading(page(summary(proofs=proofs))).text)
    assert shown.index("DAMAGED") < shown.index("could not be read") < shown.index("log-1")
    assert re.search(r"2 *logs damaged or unread", shown)


def test_a_command_that_no_machine_ran_before_stands_out() -> None:
    [never, since] = re.findall(r"<tr>(?:(?!<tr>).)*?rsync-new.*?</tr>",
                                page(summary("rsync-new", rows=1)).split("of a new kind</h2>")[1]
                                .split("<h2")[0], re.DOTALL)
    assert '<span class="look">never</span>' in never
    assert "2026-11-03 02:00</td></tr>" in since


def test_a_page_without_verification_says_so() -> None:
    assert "were not verified" in page(summary(proofs=[]))


def test_an_empty_period_is_a_page_too() -> None:
    nothing = {name: [] for name in ("days", "refusals", "hosts", "keys", "addresses", "shapes",
                                     "restores", "grants", "silent", "proofs")}
    shown = "".join(Reading(page(summary(**nothing))).text)
    assert "none." in shown


def test_charts_tell_each_number_to_who_cannot_see_them() -> None:
    text = page(summary())
    assert "<title>2026-11-03: 5 allowed</title>" in text
    assert text.count('role="img"') == text.count("<desc>") == 3


def test_markup_is_what_tag_returns_and_nothing_else() -> None:
    assert isinstance(tag("p", "x"), Markup)
    assert tag("p", str(tag("b", "x"))) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10**9, "954 MiB"), (None, "0 B"),
     (2**80, "1073741824 PiB")],
)
def test_sizes_have_a_unit_that_fits(number: int | None, shown: str) -> None:
    assert figures.size(number) == shown


def test_durations_are_hours_minutes_seconds() -> None:
    assert figures.duration(3_723_900_000_000) == "1:02:03"
    assert figures.duration(None) == ""
