"""The page of a server's audit in a real browser: readable, within the window, and inert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.posture.audit import run
from bpc_ssh_guard.posture.checks import CHECKS
from bpc_ssh_guard.posture.output.html import page
from bpc_ssh_guard.posture.report import Report
from bpc_ssh_guard.posture.waivers import Waived
from tests.lab.browser import contrast, look, pages
from tests.posture_tree import CONF, ServerTree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("posture")
    tree = ServerTree.stock(folder)
    tree.link(f"{CONF}/{HOSTILE}", f"/tmp/{HOSTILE}")
    audit = run(tree.site(), CHECKS)
    text = page(Report(audit, Waived(audit.findings)))
    assert "&lt;img" in text
    (folder / "report.html").write_text(text)
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, dict[str, Any]]:
    return look(folder)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_and_fits_the_window(scheme: str, seen) -> None:
    found = seen[scheme]
    for name in ("text", "soft", "look"):
        assert contrast(found[name], found["ground"]) >= 4.5, name
    assert found["wide"] <= 1000
    assert len(found["charts"]) >= 7  # a bar for each section


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_stands_in_a_name_runs_or_is_fetched(scheme: str, seen) -> None:
    found = seen[scheme]
    assert found["title"].startswith("BackupPC's server")
    assert (found["scripts"], found["resources"], found["console"]) == (0, 0, [])


def test_it_prints(folder: Path, tmp_path) -> None:
    assert pages(folder, tmp_path / "posture.pdf") >= 1
