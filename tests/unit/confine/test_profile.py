"""Which layers a run gets, and what strict mode says where one is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.confine.abilities import Abilities, ask
from bpc_ssh_guard.confine.account import Account
from bpc_ssh_guard.confine.profile import ExecFailed, Mode, Prepared, Profile, prepare
from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.vocabulary import Operation, Reason

if TYPE_CHECKING:
    from pathlib import Path

ROOT = {"root": True, "namespace": True, "jail": True, "account": True, "limit": True}


def able(**more: object) -> Abilities:
    """Return what a machine of today gives root, with the differences MORE."""
    return Abilities(**{"landlock": 7, "seccomp": True, **ROOT, **more})  # type: ignore[arg-type]


def layers(
    operation: str, abilities: Abilities, roots: tuple[bytes, ...] = (b"/srv",), **more: object
) -> Prepared:
    """Return the confinement of a backup or restore of ROOTS."""
    own = {"account": Account(65520, 65520), "state": b"/nonexistent/state", **more}
    return prepare(Profile(operation, b"/usr/bin/rsync", roots, **own), abilities)  # type: ignore[arg-type]


def refusal(operation: str, abilities: Abilities, **more: object) -> str:
    """Return what strict mode says."""
    with pytest.raises(GuardFailure) as caught:
        layers(operation, abilities, **more)  # type: ignore[arg-type]
    assert caught.value.reason == Reason.CANNOT_CONFINE
    return caught.value.detail


@pytest.mark.parametrize(
    ("operation", "version", "effective"),
    [
        (Operation.BACKUP, 7, "landlock:7,seccomp,uid,caps,ns"),
        (Operation.BACKUP, 1, "landlock:1,seccomp,uid,caps,ns"),
        (Operation.BACKUP, 0, "jail,seccomp,uid,caps,ns"),
        (Operation.RESTORE, 7, "landlock:7,seccomp,caps,ns"),
        (Operation.RESTORE, 2, "landlock:2,seccomp,caps,ns"),
        (Operation.RESTORE, 1, "jail,seccomp,caps,ns"),
        (Operation.RESTORE, 0, "jail,seccomp,caps,ns"),
    ],
)
def test_names_the_layers_of_root(operation: str, version: int, effective: str) -> None:
    assert layers(operation, able(landlock=version)).effective == effective


def test_whole_system_needs_no_jail() -> None:
    assert layers(Operation.BACKUP, able(landlock=0), (b"/",)).effective.startswith("seccomp,uid")


@pytest.mark.parametrize("operation", [Operation.BACKUP, Operation.RESTORE])
def test_account_without_powers_gets_landlock_and_a_filter(operation: str) -> None:
    assert layers(operation, Abilities(landlock=7, seccomp=True)).effective == "landlock:7,seccomp"


def test_something_is_named_even_where_there_is_nothing() -> None:
    assert layers(Operation.BACKUP, Abilities(), mode=Mode.BEST_EFFORT).effective == "nnp"


@pytest.mark.parametrize(
    ("operation", "without", "words"),
    [
        (Operation.BACKUP, {"seccomp": False}, "seccomp filters"),
        (Operation.BACKUP, {"account": False}, "a uid of its own with CAP_DAC_READ_SEARCH"),
        (Operation.BACKUP, {"landlock": 0, "jail": False}, "Landlock, or mount namespaces"),
        (Operation.RESTORE, {"landlock": 1, "jail": False}, "Landlock 2, or mount namespaces"),
        (Operation.RESTORE, {"limit": False}, "the capabilities of a restore"),
        (Operation.RESTORE, {"namespace": False}, "mount namespaces, which keep the rest"),
    ],
)
def test_strict_mode_names_what_is_missing(
    operation: str, without: dict[str, object], words: str
) -> None:
    detail = refusal(operation, able(**without))

    assert detail.startswith(f"missing: {words}")
    assert detail.endswith('; the line "Confine best-effort" in the policy runs without')


def test_strict_mode_says_why_it_is_missing() -> None:
    failures = (("seccomp", "seccomp: Invalid argument"),)

    detail = refusal(Operation.BACKUP, able(seccomp=False, failures=failures))

    assert "seccomp filters (seccomp: Invalid argument)" in detail


def test_strict_mode_names_everything_at_once() -> None:
    detail = refusal(Operation.RESTORE, able(seccomp=False, limit=False))

    assert "seccomp filters; the capabilities of a restore; the line" in detail


def test_backup_without_namespace_is_strict_enough_without_never() -> None:
    found = layers(Operation.BACKUP, able(namespace=False))

    assert found.effective == "landlock:7,seccomp,uid,caps"


def test_masks_are_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / ".ssh").mkdir(parents=True)
    root = os.fsencode(tmp_path)

    found = layers(Operation.BACKUP, able(), (root,), never=(root + b"/*/.ssh",))

    assert found.effective == "landlock:7,seccomp,uid,caps,ns,masks:2"
    assert found.masked == (root + b"/a/.ssh", root + b"/b/.ssh")


def test_never_that_matches_demands_a_namespace(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "secret").mkdir()

    detail = refusal(
        Operation.BACKUP, able(namespace=False), roots=(root,), never=(root + b"/secret",)
    )

    assert "mount namespaces as root, to hide what Never names" in detail


def test_state_of_the_guard_is_masked_in_a_root_that_holds_it(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "state").mkdir()

    found = layers(Operation.BACKUP, able(), (root,), state=root + b"/state")

    assert found.masked == (root + b"/state",)


def test_root_behind_a_link_that_goes_round_is_refused(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")

    detail = refusal(Operation.BACKUP, able(), roots=(os.fsencode(tmp_path / "round"),))

    assert "round: too many symbolic links" in detail


def test_only_execve_itself_is_the_programs_fault() -> None:
    found = layers(Operation.BACKUP, able())

    assert found.is_complete(ExecFailed(2, "execve"))
    assert not found.is_complete(OSError(2, "mount"))


def test_asking_changes_nothing() -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        before = [line for line in file if line.startswith(("Cap", "NoNew", "Seccomp", "Uid"))]

    found = ask(landlock_limit=4)

    with open("/proc/self/status", encoding="ascii") as file:
        after = [line for line in file if line.startswith(("Cap", "NoNew", "Seccomp", "Uid"))]
    assert after == before
    assert (found.landlock, found.seccomp, found.root) == (4, True, os.geteuid() == 0)
