"""A key is used by whatever it asks for: commands, a greeting, checkpoints, other keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bpc_ssh_guard.audit.usage import Usage, usages
from bpc_ssh_guard.record.logs import checkpoint_served
from tests.unit.record import scenes

if TYPE_CHECKING:
    from collections.abc import Iterable


def used(lines: Iterable[bytes]) -> dict[str, Usage]:
    return {each.label: each for each in usages(map(json.loads, lines))}


def test_a_rotation_key_is_used_by_what_it_changes_and_the_changed_key_is_not() -> None:
    session = scenes.session(b"198.51.100.9 5 192.0.2.1 22")
    changes = [line for line in scenes.key_lines(session) if b"bpc.rotation.label" in line]
    found = used(changes)
    assert list(found) == ["web1-rotate"]
    assert found["web1-rotate"].asked == len(changes)
    assert list(found["web1-rotate"].addresses) == ["198.51.100.9"]


def test_an_audit_key_is_used_by_its_checkpoints_and_the_machine_itself_is_no_key() -> None:
    session = scenes.session()
    lines = [checkpoint_served(bytes(16), session), checkpoint_served(bytes(16))]
    assert [each.asked for each in used(lines).values()] == [1]


def test_commands_and_greetings_are_counted_apart() -> None:
    [found] = used(scenes.every_line(scenes.session())).values()
    assert (found.started > 0, found.denied, found.greeted, found.asked) == (True, 1, 1, 0)
