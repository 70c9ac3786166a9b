"""The report as its readers open it: in a real browser, light, dark and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.audit.engine.summary import Proof, State
from bpc_ssh_guard.audit.report.page import page
from tests.lab.browser import PROBE, chromium, console, contrast, look, luminance, pages
from tests.unit.audit.report.summaries import summary

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

RUN = "document.title='ran'"
HOSTILE = f"<img src=x onerror=\"{RUN}\"></script><script>{RUN}</script>"

@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    damaged = Proof("web1", State.DAMAGED, 9, 4, "2026-11-03T02:00:00Z", [HOSTILE])
    (folder / "report.html").write_text(page(summary(HOSTILE, proofs=[damaged])))
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, dict[str, Any]]:
    return look(folder)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(scheme: str, seen) -> None:
    found = seen[scheme]
    for name in ("text", "soft", "look"):  # 4.5 is what WCAG 2 asks of small text
        assert contrast(found[name], found["ground"]) >= 4.5, name
    for fill in set(found["bars"]):  # 3 is what it asks of graphics
        assert contrast(fill, found["ground"]) >= 3


def test_dark_is_dark_and_light_is_light(seen) -> None:
    assert luminance(seen["dark"]["ground"]) < 0.1 < 0.9 < luminance(seen["light"]["ground"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_drawn_and_fit_the_window(scheme: str, seen) -> None:
    found = seen[scheme]
    assert len(found["charts"]) == 3
    assert all(width > 500 and height > 100 for width, height in found["charts"])
    assert len(found["bars"]) > 90
    assert found["wide"] <= 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_a_stranger_wrote_runs_or_is_fetched(scheme: str, seen) -> None:
    found = seen[scheme]
    assert found["title"].startswith("Command log")
    assert (found["scripts"], found["resources"], found["console"]) == (0, 0, [])


def test_the_page_policy_stops_a_script_that_got_in(folder: Path, tmp_path) -> None:
    """The second barrier: even markup that was not escaped could run nothing."""
    text = (folder / "report.html").read_text()
    broken = text.replace("</main>", "<script>document.title='ran'</script></main>")
    assert broken != text
    (tmp_path / "report.html").write_text(broken)
    (tmp_path / "probe.html").write_text(PROBE)
    done = chromium(tmp_path, "--virtual-time-budget=4000", "--dump-dom",
                     f"file://{tmp_path}/probe.html")
    assert '"title":"Command log' in done.stdout
    assert "Content Security Policy" in "".join(console(done.stderr))


def test_the_page_prints(folder: Path, tmp_path) -> None:
    assert pages(folder, tmp_path / "report.pdf") >= 2
