"""A page as its readers open it: in a real browser without a network, light, dark and on paper."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
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
_DARK = "--blink-settings=preferredColorScheme=0"
_LIGHT = "--blink-settings=preferredColorScheme=1"


def chromium(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a network, with a profile of its own; root can't use its sandbox."""
    return subprocess.run(
        ["unshare", "-n", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}",
         "--allow-file-access-from-files", "--enable-logging=stderr", *options],
        capture_output=True, text=True, timeout=SECONDS, check=True, cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )


def console(log: str) -> list[str]:
    return [line for line in log.splitlines() if "CONSOLE" in line]


def luminance(colour: str) -> float:
    """Return the relative luminance of COLOUR, rgb(...), by WCAG 2."""
    parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def look(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the browser makes of report.html in FOLDER, with each colour scheme."""
    (folder / "probe.html").write_text(PROBE)
    found = {}
    for name, option in (("light", _LIGHT), ("dark", _DARK)):
        done = chromium(folder, option, "--virtual-time-budget=4000", "--dump-dom",
                        f"file://{folder}/probe.html")
        [text] = re.findall(r"<pre id=\"found\">(.*?)</pre>", done.stdout, re.DOTALL)
        found[name] = {**json.loads(text.replace("&amp;", "&")), "console": console(done.stderr)}
    return found


def pages(folder: Path, printed: Path) -> int:
    """Return how many pages report.html in FOLDER has on paper, printed to PRINTED."""
    chromium(printed.parent, "--no-pdf-header-footer", f"--print-to-pdf={printed}",
             f"file://{folder}/report.html")
    content = printed.read_bytes()
    assert content.startswith(b"%PDF-")
    return len(re.findall(rb"/Type\s*/Page\b", content))
