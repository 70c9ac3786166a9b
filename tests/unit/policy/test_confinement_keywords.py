"""Confine, Never, Window, State, MaxSessions, KeepFree: defaults, bounds, errors."""

from __future__ import annotations

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Block, Policy

BACKUP = "Key a\nBackup /srv/data\n"
RESTORE = "Key a\nRestore /srv/restore\n"


def policy(text: str) -> Policy:
    return parse(text.encode(), b"/policy")


def block(text: str) -> Block:
    return policy(text).blocks[b"a"]


def complaint(text: str) -> str:
    with pytest.raises(GuardFailure) as caught:
        policy(text)
    return caught.value.detail


def test_confines_strictly_where_nothing_is_said() -> None:
    assert policy("").confine == "strict"


@pytest.mark.parametrize("mode", ["strict", "best-effort", "off"])
def test_takes_each_mode_of_confinement(mode: str) -> None:
    assert policy(f"Confine {mode}\n").confine == mode


def test_refuses_another_mode() -> None:
    assert complaint("Confine loose\n") == (
        '/policy:1: Confine knows no "loose"; it takes strict, best-effort, off'
    )


def test_grants_windows_and_bounds_sessions_and_has_no_floor_by_default() -> None:
    found = block(RESTORE)

    assert (found.window, found.max_sessions, found.keep_free) == ("granted", 32, 0)


def test_keeps_patterns_of_never_in_their_order() -> None:
    assert block(BACKUP + "Never /srv/data/*/.ssh /root\n").never == (b"/srv/data/*/.ssh", b"/root")


@pytest.mark.parametrize("path", ["data", "/srv//x", "/srv/../x", "/srv/./x"])
def test_refuses_a_pattern_of_never_that_is_no_path(path: str) -> None:
    assert complaint(BACKUP + f"Never {path}\n").startswith(f"/policy:3: {path}: the path ")


def test_refuses_never_that_would_hide_nothing() -> None:
    assert complaint("Confine off\n" + BACKUP + "Never /srv/data/x\n") == (
        "/policy:4: Never hides nothing under Confine off; take one of the two lines out"
    )


@pytest.mark.parametrize("number", ["1", "4", "1000"])
def test_takes_a_number_of_sessions(number: str) -> None:
    assert block(BACKUP + f"MaxSessions {number}\n").max_sessions == int(number)


@pytest.mark.parametrize("number", ["0", "1001", "99999", "-1", "four", "1_0", "+1"])
def test_refuses_a_number_of_sessions_out_of_bounds(number: str) -> None:
    assert complaint(BACKUP + f"MaxSessions {number}\n") == (
        "/policy:3: MaxSessions takes a number from 1 to 1000"
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [("0", 0), ("512", 512), ("1K", 1024), ("500M", 500 << 20), ("10G", 10 << 30), ("1T", 1 << 40)],
)
def test_takes_a_size_for_the_floor(size: str, expected: int) -> None:
    assert block(RESTORE + f"KeepFree {size}\n").keep_free == expected


@pytest.mark.parametrize("size", ["1k", "10 G", "G", "1.5G", "-1", "1GB", "9" * 16])
def test_refuses_a_floor_that_is_no_size(size: str) -> None:
    assert complaint(RESTORE + f"KeepFree {size}\n").startswith("/policy:3: KeepFree ")


def test_keeps_the_floor_for_restores() -> None:
    assert complaint(BACKUP + "KeepFree 1G\n") == (
        "/policy:3: KeepFree belongs to a block with Restore"
    )


def test_keeps_state_where_the_log_is_unless_both_are_the_machines() -> None:
    assert policy("").state == b"/var/lib/bpc-ssh-guard"
    assert policy("Log /l\n").state == b"/l/state"
    assert policy("Log /l\nState /s\n").state == b"/s"


@pytest.mark.parametrize("right", ["Backup", "Restore"])
def test_refuses_a_root_below_a_restore_root(right: str) -> None:
    assert complaint(RESTORE + f"Key b\n{right} /srv/restore/x\n") == (
        "/policy:3: /srv/restore/x lies below /srv/restore, a restore root of Key a; its restores"
        " could put a link there: choose separate folders"
    )


def test_takes_the_same_root_for_backups_and_restores() -> None:
    assert set(policy(RESTORE + "Key b\nBackup /srv/restore\n").blocks) == {b"a", b"b"}
