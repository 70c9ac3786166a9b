"""README and its neighbours: they name what exists, and the version that this is."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import __version__, exits
from bpc_ssh_guard.authorized_keys import ManagedLine, parse, parse_file
from bpc_ssh_guard.guardctl import authorize
from bpc_ssh_guard.policy import load

from .console import EXAMPLE, example_lines
from .pages import (
    MAN,
    MARKDOWN,
    PROJECT,
    README,
    SECONDS,
    fenced_blocks,
    manual_pages,
    policies,
    text,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERY_TEXT = pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
TOP = sorted(path.name for path in PROJECT.iterdir())


@EVERY_TEXT
def test_links_lead_to_files_that_exist(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text(path))
    assert [target for target in targets if not (PROJECT / target).exists()] == []


def test_links_within_readme_lead_to_headings() -> None:
    source = text(README)
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", source, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", source))
    assert links
    assert links <= headings


@pytest.mark.parametrize("path", [*MARKDOWN, *manual_pages(), EXAMPLE], ids=lambda path: path.name)
def test_names_no_file_of_the_project_that_does_not_exist(path: Path) -> None:
    folders = "man|tests|bpc_ssh_guard|\\.ci"
    source = text(path)
    named = re.findall(rf"(?<![\w/.-])((?:{folders})/[\w./-]*\w)", source)
    named += re.findall(r"(?<![\w/.-])([A-Z]+\.md|setup\.cfg|Makefile)\b", source)
    assert [name for name in named if not (PROJECT / name).exists()] == []
    pages = re.findall(r"\b(bpc-ssh-[a-z-]+)\(([0-9])\)", source)
    assert [page for page in pages if not (MAN / ".".join(page)).exists()] == []


def test_make_has_every_target_that_readme_names() -> None:
    targets = re.findall(r"^([a-z]+):", text(PROJECT / "Makefile"), re.MULTILINE)
    named = re.findall(r"^ {4}make ([a-z]+)", text(README), re.MULTILINE)
    assert set(named) >= {"demo", "test", "bench"}
    assert set(named) <= set(targets)


def test_changelog_has_this_version_on_top() -> None:
    versions = re.findall(r"^## \[([^]]+)\]", text(PROJECT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == __version__


def test_security_supports_this_version() -> None:
    major, minor, _ = __version__.split(".")
    assert f"| {major}.{minor} | yes |" in text(PROJECT / "SECURITY.md")


@pytest.mark.parametrize("path", [README, *manual_pages()], ids=lambda path: path.name)
def test_greetings_show_this_version(path: Path) -> None:
    versions = set(re.findall(r"\bbpc-ssh-guard ([0-9.]+) label=", text(path)))
    assert versions <= {__version__}


def test_readme_names_every_exit_status() -> None:
    statuses = re.findall(r"^\| (?:below )?([0-9]+)", text(README), re.MULTILINE)
    own = {exits.GUARD_FAILED, exits.REFUSED, exits.NOT_FOUND, exits.SIGNALLED}
    assert {int(status) for status in statuses} == own


def test_lines_for_config_pl_are_perl() -> None:
    (lines,) = fenced_blocks(README, "perl")
    done = subprocess.run(
        ["perl", "-wc", "-"], input=f"use strict; our %Conf;\n{lines}",
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "- syntax OK\n")


def test_ssh_keygen_reads_every_line_of_the_example(tmp_path: Path) -> None:
    copy = shutil.copy(EXAMPLE, tmp_path)
    done = subprocess.run(
        ["ssh-keygen", "-lf", copy], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert len(done.stdout.splitlines()) == len(example_lines()) == 2


def test_lines_of_the_example_are_what_authorize_composes(tmp_path: Path) -> None:
    policy = load.parse(*_readme_policy())
    composed = []
    for number, line in enumerate(parse_file(EXAMPLE.read_bytes())):
        managed = ManagedLine.from_line(line)
        if managed is not None:
            public = tmp_path / f"{number}.pub"
            public.write_text(" ".join(line.raw.decode("ascii").split(" ")[-3:-1]) + "\n")
            label = managed.command.label.decode("ascii")
            composed.append(
                authorize.authorize(policy, label, authorize.read_key(str(public))).line
            )
    assert composed == example_lines()


def _readme_policy() -> tuple[bytes, bytes]:
    ((_, shown),) = [(path, block) for path, block in policies() if path == README]
    return shown.encode(), b"/etc/bpc-ssh-guard/policy"


def test_line_on_the_page_is_one_of_the_example() -> None:
    source = text(MAN / "bpc-ssh-guard.8")
    shown = source.split("\nrestrict,")[1].split("\n.Ed")[0]
    joined = re.sub(r"\\e\n", "", f"restrict,{shown}")
    assert joined in example_lines()
    assert parse(joined.encode()).fault is None
