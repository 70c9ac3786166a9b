"""The command line of bpc-ssh-guardctl as a whole: help, version, completion, usage errors."""

from __future__ import annotations

import subprocess

import pytest

from bpc_ssh_guard import __version__, exits
from bpc_ssh_guard.__main__ import main

SCREEN = 24  # lines of a terminal that shows a help text at once


def run(*arguments: str) -> int | str | None:
    """Return the status with which argparse leaves."""
    with pytest.raises(SystemExit) as left:
        main(["guardctl", *arguments])
    return left.value.code


def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert len(capsys.readouterr().out.splitlines()) <= SCREEN


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"bpc-ssh-guardctl {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("explain", "--nonsense")])
def test_says_how_to_call_it(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == exits.COULD_NOT_RUN
    assert "usage: bpc-ssh-guardctl" in capsys.readouterr().err


def test_names_the_programs_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == exits.COULD_NOT_RUN
    assert "guard|guardctl" in capsys.readouterr().err


def test_prints_a_completion_that_bash_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guardctl", "completion", "bash"]) == exits.YES

    script = capsys.readouterr().out
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    assert "--batch" in script
