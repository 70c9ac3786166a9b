"""Rotate, Audit, Grants, Nice and IoNice: what they mean, where they may stand, their errors."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Block
from bpc_ssh_guard.vocabulary import Operation

BACKUP = "Key a\nBackup /srv/data\n"
RESTORE = "Key a\nRestore /srv/restore\n"
LABELS = "a key label is a small letter, then up to 31 small letters, digits or dashes"
LOCALLY = "replace it by bpc-ssh-guardctl authorize, and take it out here"
OTHERS = "Key b\nBackup /srv/b\nKey c\nRestore /srv/c\n"


def block(text: str) -> Block:
    return parse(text.encode(), b"/policy").blocks[b"a"]


def complaint(text: str) -> str:
    with pytest.raises(GuardFailure) as caught:
        parse(text.encode(), b"/policy")
    return caught.value.detail


def test_a_rotation_key_names_the_labels_it_rotates_and_has_no_root() -> None:
    found = block("Key a\nRotate b c\n" + OTHERS)
    assert (found.operation, found.rotates, found.roots) == (Operation.ROTATE, (b"b", b"c"), ())


def test_a_rotation_key_may_rotate_the_key_of_an_audit() -> None:
    assert block("Key a\nRotate b\nKey b\nAudit\n").rotates == (b"b",)


def test_a_rotation_key_may_be_declared_before_and_behind_its_labels() -> None:
    assert block(OTHERS + "Key a\nRotate b\n").rotates == (b"b",)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("Rotate\n", ":2: Rotate names no key label; add one or more"),
        ("Rotate b b\n", ":2: Rotate names a label twice; keep one of them"),
        ("Rotate B\n", f":2: {LABELS}"),
        ("Rotate d\n", ":2: Rotate names d, which has no block; add Key d"),
        ("From 192.0.2.7\nRotate b d\n", ":3: Rotate names d, which has no block; add Key d"),
        ("Rotate a\n", f":2: Rotate names a, a rotation key; {LOCALLY}"),
        ("Rotate e\nKey e\nRotate b\n", f":2: Rotate names e, a rotation key; {LOCALLY}"),
    ],
)
def test_refuses_labels_that_can_not_be_rotated(lines: str, said: str) -> None:
    """A thief of a rotation key that rotates rotation keys would make himself permanent."""
    assert complaint(f"Key a\n{lines}{OTHERS}") == f"/policy{said}"


def test_an_audit_key_has_nothing_but_its_right() -> None:
    found = block("Key a\nAudit\n")
    assert (found.operation, found.roots, found.rotates) == (Operation.AUDIT, (), ())
    assert not found.grants_remote


def test_audit_takes_no_argument() -> None:
    said = "/policy:2: Audit takes no argument, not 2"
    assert complaint("Key a\nAudit b c\n") == said


@pytest.mark.parametrize("right", ["Rotate b", "Audit"])
def test_keys_without_a_program_have_addresses_and_sessions(right: str) -> None:
    found = block(f"Key a\n{right}\nFrom 192.0.2.7\nMaxSessions 2\n{OTHERS}")
    assert (len(found.networks), found.max_sessions) == (1, 2)


@pytest.mark.parametrize("right", ["Rotate b", "Audit"])
@pytest.mark.parametrize(
    "line", ["Never /x", "Tools rsync", "Accept acls", "Nice 5", "IoNice idle"]
)
def test_keys_without_a_program_have_no_line_about_programs(right: str, line: str) -> None:
    keyword = line.split()[0]
    said = f"/policy:3: {keyword} belongs to a block with Backup or Restore"
    assert complaint(f"Key a\n{right}\n{line}\n{OTHERS}") == said


@pytest.mark.parametrize("right", ["Backup /srv/data", "Rotate b", "Audit"])
@pytest.mark.parametrize(
    "line", ["Delete no", "Window always", "Grants remote", "MungeLinks no", "KeepFree 1G"]
)
def test_other_keys_have_no_line_about_restores(right: str, line: str) -> None:
    said = f"/policy:3: {line.split()[0]} belongs to a block with Restore"
    assert complaint(f"Key a\n{right}\n{line}\n{OTHERS}") == said


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ("Backup /srv\nAudit\n", "Backup and Audit"),
        ("Restore /srv/x\nRotate b\n", "Restore and Rotate"),
        ("Rotate b\nAudit\n", "Rotate and Audit"),
        ("", "no right"),
    ],
)
def test_a_key_has_one_right(rights: str, named: str) -> None:
    said = f"/policy:1: Key a has {named}; a key has exactly one right of"
    assert complaint(f"Key a\n{rights}{OTHERS}").startswith(said)


def test_grants_are_local_where_nothing_is_said() -> None:
    assert not block(RESTORE).grants_remote
    assert block(RESTORE + "Grants remote\n").grants_remote
    assert block(RESTORE + "Window granted\nGrants remote\n").grants_remote


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Grants", ":3: Grants takes one argument, not 0"),
        ("Grants remote remote", ":3: Grants takes one argument, not 2"),
        ("Grants local", ':3: Grants knows no "local"; it takes remote'),
        ("Grants remote\nWindow always",
         ":3: Grants remote opens nothing under Window always; keep one"),
    ],
)
def test_refuses_grants_that_mean_nothing(line: str, said: str) -> None:
    assert complaint(f"{RESTORE}{line}\n") == f"/policy{said}"


def test_authorities_are_the_admins_own_where_nothing_is_said() -> None:
    assert block(RESTORE).certificates is None
    assert block(BACKUP + "Certificates web1.example.org\n").certificates == b"web1.example.org"


@pytest.mark.parametrize("name", ["web1@web2", '"web1,web2"', '"a b"', "*", "w" * 254, '""'])
def test_refuses_what_names_no_host(name: str) -> None:
    said = "/policy:3: Certificates takes this host's name; "
    assert complaint(f"{BACKUP}Certificates {name}\n").startswith(said)


@pytest.mark.parametrize("number", [0, 1, 19])
def test_takes_a_niceness(number: int) -> None:
    assert block(f"{BACKUP}Nice {number}\n").nice == number


@pytest.mark.parametrize("word", ["-1", "20", "00005", "+5", "five", "1.5"])
def test_refuses_another_niceness(word: str) -> None:
    assert complaint(f"{BACKUP}Nice {word}\n") == "/policy:3: Nice takes a number from 0 to 19"


@pytest.mark.parametrize(
    ("words", "found"),
    [("idle", (3, 0)), ("best-effort 0", (2, 0)), ("best-effort 7", (2, 7))],
)
def test_takes_an_io_class(words: str, found: tuple[int, int]) -> None:
    assert block(f"{BACKUP}IoNice {words}\n").io == found


@pytest.mark.parametrize(
    "words",
    ["", "idle 3", "best-effort", "best-effort 8", "best-effort -1", "best-effort 07",
     "best-effort 1 2", "real-time", "realtime 0", "3", "Idle"],
)  # fmt: skip
def test_refuses_another_io_class(words: str) -> None:
    """The class real-time could starve the machine."""
    said = "/policy:3: IoNice takes idle, or best-effort and a level from 0 to 7"
    assert complaint(f"{BACKUP}IoNice {words}\n") == said


def test_no_priority_is_demanded_where_nothing_is_said() -> None:
    assert (block(BACKUP).nice, block(BACKUP).io) == (None, None)


def test_never_does_not_hide_the_root_itself() -> None:
    said = "/policy:3: Never / hides every root; name the paths below it to hide"
    assert complaint(f"{BACKUP}Never /\n") == said
    assert complaint(f"{BACKUP}Never /srv/data/x / /y\n") == said


@pytest.mark.parametrize("keyword", ["Rotate b", "Audit", "Grants remote", "Nice 5", "IoNice idle"])
def test_no_line_of_a_block_stands_among_the_settings(keyword: str) -> None:
    name = keyword.split()[0]
    said = f"/policy:1: {name} stands outside a block; put it below a Key line"
    assert complaint(f"{keyword}\n{BACKUP}") == said
