"""The report as its readers open it: in a real browser, light, dark and on paper."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.audit.engine.summary import Proof, State
from bpc_ssh_guard.audit.report.page import page
from tests.unit.audit.report.summaries import summary

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

SECONDS = 120
RUN = "document.title='ran'"
HOSTILE = f"<img src=x onerror=\"{RUN}\"></script><script>{RUN}</script>"
# Measured by the browser itself, in a page around the report: the report allows no script.
PROBE = """<!DOCTYPE html><meta charset=utf-8><title>probe</title>
<iframe id=page src="report.html" style="width:1000px;height:800px"></iframe><pre id=found></pre>
<script>
onload = () => {
  const inside = document.getElementById("page").contentDocument;
  const of = (node) => inside.defaultView.getComputedStyle(node);
  const box = (node) => { const b = node.getBoundingClientRect(); return [b.width, b.height]; };
  document.getElementById("found").textContent = JSON.stringify({
    title: inside.title,
    ground: of(inside.body).backgroundColor,
    text: of(inside.body).color,
    soft: of(inside.querySelector("caption")).color,
    look: of(inside.querySelector(".look")).color,
    bars: [...inside.querySelectorAll("rect")].map((r) => of(r).fill),
    charts: [...inside.querySelectorAll("svg")].map(box),
    wide: inside.documentElement.scrollWidth,
    scripts: inside.scripts.length,
    resources: inside.defaultView.performance.getEntriesByType("resource").length,
  });
};
</script>
"""
DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"


def _chromium(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a network, with a profile of its own; root can't use its sandbox."""
    return subprocess.run(
        ["unshare", "-n", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}",
         "--allow-file-access-from-files", "--enable-logging=stderr", *options],
        capture_output=True, text=True, timeout=SECONDS, check=True, cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    damaged = Proof("web1", State.DAMAGED, 9, 4, "2026-11-03T02:00:00Z", [HOSTILE])
    (folder / "report.html").write_text(page(summary(HOSTILE, proofs=[damaged])))
    (folder / "probe.html").write_text(PROBE)
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, dict[str, Any]]:
    """What the browser made of the page, with each colour scheme."""
    found = {}
    for name, option in (("light", LIGHT), ("dark", DARK)):
        done = _chromium(folder, option, "--virtual-time-budget=4000", "--dump-dom",
                         f"file://{folder}/probe.html")
        [text] = re.findall(r"<pre id=\"found\">(.*?)</pre>", done.stdout, re.DOTALL)
        found[name] = {**json.loads(text.replace("&amp;", "&")), "console": _console(done.stderr)}
    return found


def _console(log: str) -> list[str]:
    return [line for line in log.splitlines() if "CONSOLE" in line]


def _luminance(colour: str) -> float:
    """Return the relative luminance of COLOUR, rgb(...), by WCAG 2."""
    parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(scheme: str, seen) -> None:
    found = seen[scheme]
    for name in ("text", "soft", "look"):  # 4.5 is what WCAG 2 asks of small text
        assert _contrast(found[name], found["ground"]) >= 4.5, name
    for fill in set(found["bars"]):  # 3 is what it asks of graphics
        assert _contrast(fill, found["ground"]) >= 3


def test_dark_is_dark_and_light_is_light(seen) -> None:
    assert _luminance(seen["dark"]["ground"]) < 0.1 < 0.9 < _luminance(seen["light"]["ground"])


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
    done = _chromium(tmp_path, "--virtual-time-budget=4000", "--dump-dom",
                     f"file://{tmp_path}/probe.html")
    assert '"title":"Command log' in done.stdout
    assert "Content Security Policy" in "".join(_console(done.stderr))


def test_the_page_prints(folder: Path, tmp_path) -> None:
    _chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'report.pdf'}",
              f"file://{folder}/report.html")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
