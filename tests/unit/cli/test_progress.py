"""Progress is shown to a person on standard error, and data goes where it is wanted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import terminal
from tests.unit.record.scenes import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

SHOW = """
import sys
from bpc_ssh_guard.cli.progress import Progress
with Progress("reading", int(sys.argv[1]) or None, streams=bool(int(sys.argv[2]))) as progress:
    for item in progress.over(["first", "second"], "[red]web1[/red]"):
        print(item, flush=True)
"""


def run(*words: str, output: int = subprocess.PIPE) -> tuple[str, str]:
    """Return what the progress of WORDS said on standard output, and on its terminal."""
    done, shown = terminal.run(["-c", SHOW, *words], output)
    done.check_returncode()
    return (done.stdout or b"").decode(), shown.decode()


@pytest.mark.parametrize("total", ["2", "0"])
def test_data_goes_to_the_pipe_and_the_bar_to_the_terminal(total: str) -> None:
    out, shown = run(total, "0")
    assert out == "first\nsecond\n"
    assert "reading" in shown
    assert "first" not in shown


def test_a_name_is_no_markup() -> None:
    assert "[red]web1" in run("2", "0")[1]


def test_lines_on_the_same_terminal_are_progress_enough() -> None:
    _, shown = run("2", "1", output=terminal.TERMINAL_TOO)
    assert "first" in shown
    assert "reading" not in shown
    assert "reading" in run("2", "0", output=terminal.TERMINAL_TOO)[1]


def test_without_a_terminal_nothing_is_shown(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SHOW, "2", "0"], cwd=CHECKOUT, check=True,
                          capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("first\nsecond\n", "")
