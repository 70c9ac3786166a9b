"""Every policy that a document shows loads, and what it calls not yet enforced is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.command import parse
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy import decide, load
from bpc_ssh_guard.vocabulary import FEATURES

from .pages import GUARD, POLICY, README, items, manual_pages, policies, section, text

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = policies()
EVERY_POLICY = pytest.mark.parametrize(
    "shown", [block for _, block in POLICIES],
    ids=[f"{path.name}-{number}" for number, (path, _) in enumerate(POLICIES)],
)


@EVERY_POLICY
def test_shown_policy_loads(shown: str, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.write_text(shown, encoding="utf-8")
    path.chmod(0o600)
    assert load.load(bytes(path)).blocks


def test_readme_shows_a_policy_of_ten_lines_at_most() -> None:
    ((_, shown),) = [(path, block) for path, block in POLICIES if path == README]
    assert len(shown.splitlines()) <= 10


NOT_YET = {
    "Grants": "Key a\nRestore /srv/restore\nWindow always\nGrants remote\n",
    "Rotate": "Key a\nRotate b\n",
    "Audit": "Key a\nAudit\n",
}


def test_page_lists_what_is_not_yet_enforced() -> None:
    assert items(section(POLICY, "NOT YET ENFORCED"), "Ic") == list(NOT_YET)


@pytest.mark.parametrize("keyword", NOT_YET)
def test_refuses_what_the_page_calls_not_yet_enforced(keyword: str) -> None:
    with pytest.raises(GuardFailure) as refusal:
        load.parse(NOT_YET[keyword].encode(), b"/policy")
    assert "is not yet enforced by this version" in refusal.value.detail


@pytest.mark.parametrize("line", re.findall(r"^/etc\S+policy.*$", text(POLICY), re.MULTILINE))
def test_error_on_the_page_is_what_the_reader_says(line: str) -> None:
    with pytest.raises(GuardFailure) as refusal:
        load.parse(b"Key a\nBakcup /srv\n", b"/etc/bpc-ssh-guard/policy")
    assert refusal.value.detail == line


def test_page_shows_at_least_one_error() -> None:
    assert "\n/etc/bpc-ssh-guard/policy:" in text(POLICY)


COMMANDS = (
    "rsync --server --sender -r . /srv/a",
    "rsync --server -r . /srv/b",
    "tar -c -f - -C /srv/a .",
    "tar -x -f - -C /srv/b",
)
BLOCKS = "Key a\nBackup /srv/a\nKey b\nRestore /srv/b\nWindow always\nMungeLinks yes\nTools rsync\n"
BLOCKS += "Key c\nRestore /srv/b\nWindow always\n"


def test_page_names_every_option_that_the_guard_adds() -> None:
    policy = load.parse(BLOCKS.encode(), b"/policy")
    added: set[str] = set()
    for command, label in zip(COMMANDS, (b"a", b"b", b"a", b"c")):
        plan = decide.decide(
            policy, policy.blocks[label], parse.understand(command.encode(), bytes),
            (b"--confine-root", b"--drop-D"),
        )
        added |= {option.decode().partition("=")[0] for option in plan.injected}
    source = section(GUARD, "WHAT THE GUARD ADDS")
    assert {f"--{name}" for name in items(source, "Fl Fl")} == added


def test_every_feature_is_named_by_a_command_or_an_option_of_the_guard() -> None:
    """Features that a command needs stand in bpc-ssh-guard(8); the rest widen restores."""
    page = text(GUARD)
    assert [name for name in FEATURES if name not in page] == ["whole-system"]


def test_pages_with_policies_are_those_of_policy_and_guardctl() -> None:
    shown = {path.name for path, _ in POLICIES if path in manual_pages()}
    assert shown == {"bpc-ssh-guard-policy.5", "bpc-ssh-guardctl.8"}
