"""Every policy that a document shows loads, and every error it shows is what the reader says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.command import parse
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.logagent import answer, verbs
from bpc_ssh_guard.policy import decide, load, statements
from bpc_ssh_guard.record import seal, sink
from bpc_ssh_guard.vocabulary import FEATURES

from .pages import (
    GUARD,
    POLICY,
    README,
    items,
    literal_blocks,
    manual_pages,
    policies,
    section,
    text,
)

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


PLACE = "/etc/bpc-ssh-guard/policy"
BACKUP = "Key web1\nBackup /srv\n"
RESTORE = "Key web1\nRestore /srv/restore\n"
# A policy for each error that the page shows, in the page's order, and the line of the error.
WRONG = (
    ("Key web1\nAudit\nRotate web2\n", 1),
    ("Key web1\nRotate\n", 2),
    ("Key web1\nRotate web2 web2\n", 2),
    ("Key web1\nRotate web2\n", 2),
    ("Key web1\nRotate web1\n", 2),
    ("Key web1\nAudit web1\n", 2),
    ("Key web1\nAudit\nNice 5\n", 3),
    (f"{BACKUP}Grants remote\n", 3),
    (f"{RESTORE}Grants local\n", 3),
    (f"{RESTORE}Window always\nGrants remote\n", 4),
    (f"{BACKUP}Certificates web1,web2\n", 3),
    (f"{BACKUP}Nice 20\n", 3),
    (f"{BACKUP}IoNice realtime 0\n", 3),
    (f"{BACKUP}Never /\n", 3),
)


def complaint(policy: str) -> str:
    """Return what the reader says of POLICY."""
    with pytest.raises(GuardFailure) as refusal:
        load.parse(policy.encode(), PLACE.encode())
    return refusal.value.detail


def test_errors_on_the_page_are_what_the_reader_says() -> None:
    shown = re.findall(r"^\.It (.*)$", section(POLICY, "DIAGNOSTICS"), re.MULTILINE)
    said = [(complaint(policy), line) for policy, line in WRONG]
    assert [f"{PLACE}:{line}: {words}" for words, (_, line) in zip(shown, said)] == [
        each.replace('"', r"\(dq") for each, _ in said
    ]
    assert len(shown) == len(said)


@pytest.mark.parametrize("line", re.findall(r"^/etc\S+policy.*$", text(POLICY), re.MULTILINE))
def test_error_on_the_page_is_what_the_reader_says(line: str) -> None:
    assert complaint("Key a\nBakcup /srv\n") == line


def test_page_names_the_keywords_that_only_programs_have() -> None:
    item = section(POLICY, "DIAGNOSTICS").split(".It Nice belongs")[1].split("\n.It ")[0]
    named = re.findall(r"^\.Ic (\S+)", item, re.MULTILINE)
    assert sorted(["Nice", *named]) == sorted(statements.TRANSFER_ONLY)


def test_requests_on_the_page_are_served_and_nothing_longer() -> None:
    shown = re.findall(r"^\.It Li (\S+ \S+) Ar (\S+)$", section(POLICY, "AUDIT KEYS"), re.MULTILINE)
    assert [argument for _, argument in shown] == ["nonce", "number"]
    for verb, argument in shown:
        verbs.parse(f"{verb} {'ab' * 16 if argument == 'nonce' else '9' * 20}".encode())
    page = section(POLICY, "AUDIT KEYS")
    assert f"at most {verbs.MAX_REQUEST} bytes" in page
    assert "is {} to {} bytes".format(*seal.NONCE_BYTES) in page


def test_answers_on_the_page_have_the_members_of_the_guards_own() -> None:
    yes, no = (json.loads(block) for block in literal_blocks(POLICY) if block.startswith('{"v"'))
    point = sink.Checkpoint(b"", 8, b"", b"")
    assert list(yes) == list(json.loads(answer.checkpoint(point)))
    assert list(no) == list(json.loads(answer.refusal(no["error"])))


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
