"""What the installed rsync can do is read from it, and popt files that change it are found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpc_ssh_guard.confine import programs

RSYNC = b"/usr/bin/rsync"


def test_finds_the_protective_options_that_rsync_itself_lists() -> None:
    listed = subprocess.run([RSYNC, "--help"], capture_output=True, check=True).stdout

    expected = {option for option in programs.PROTECTIONS if option in listed}

    assert programs.protections(RSYNC) == expected


@pytest.mark.parametrize("path", [b"/bin/true", b"/nonexistent/rsync"])
def test_finds_none_in_a_program_without_them(path: bytes) -> None:
    assert programs.protections(path) == frozenset()


POPT_SCRIPT = """
from bpc_ssh_guard.confine import programs
from bpc_ssh_guard.errors import Refused
try:
    programs.require_no_popt_alias()
except Refused as refusal:
    print(refusal.reason, refusal.detail)
else:
    print("none")
"""


def with_etc(tmp_path: Path, files: dict[str, str]) -> str:
    """Run POPT_SCRIPT where FILES stand in /etc, in a private mount namespace."""
    etc = tmp_path / "etc"
    (etc / "popt.d").mkdir(parents=True)
    for name, text in files.items():
        (etc / name).write_text(text)
    arguments = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "-r"]
    done = subprocess.run(
        [*arguments, "sh", "-c", 'mount --bind "$0" /etc && exec "$1" -c "$2"',
         str(etc), os.path.realpath(sys.executable), POPT_SCRIPT],
        capture_output=True, text=True, timeout=30, check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    return done.stdout.strip()


def test_refuses_while_a_popt_file_mentions_rsync(tmp_path: Path) -> None:
    found = with_etc(tmp_path, {"popt": "rsync exec --server /tmp/x\n"})

    assert found.startswith("popt-alias /etc/popt ")


def test_refuses_while_a_file_of_the_popt_folder_mentions_rsync(tmp_path: Path) -> None:
    found = with_etc(tmp_path, {"popt.d/site": "rsync alias --server --daemon\n"})

    assert found.startswith("popt-alias /etc/popt.d/site ")


def test_runs_beside_popt_files_of_other_programs(tmp_path: Path) -> None:
    assert with_etc(tmp_path, {"popt": "rpm alias --x --y\n", "popt.d/a": ""}) == "none"
