"""Replay gives recorded commands what the guard itself gave, and shows what a change means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.__main__ import main
from bpc_ssh_guard.audit.replay import replay
from bpc_ssh_guard.policy.load import parse
from tests.oracles import corpus

from .test_guard_process import LONGEST, Served, serve_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    """Return what the guard made of some commands of each kind, lists and hostile bytes too."""
    entries = [entry for entry in corpus.all_entries()
               if entry.command and len(entry.command) <= LONGEST and b"\0" not in entry.command
               and not entry.environment][::9]
    assert len(entries) > 60
    return serve_all(entries, tmp_path_factory.mktemp("replayed"))


def test_under_the_same_policy_nothing_changes(served: list[Served]) -> None:
    same = lost = 0
    for each in served:
        found = replay(each.records, parse(corpus.policy_text(each.entry), b"/policy"))
        assert found.changes == {}, each.entry.id
        same += found.same
        lost += found.lost
    assert same > 50
    # Only what the record could not hold: lists that are malformed, cut off or too long.
    assert lost <= sum(b"s" in (each.entry.command or b"") for each in served)


def test_under_a_policy_that_allows_less_the_commands_are_named(served: list[Served]) -> None:
    smaller = parse(b"Key corpus-backup\nBackup /nowhere\nKey corpus-restore\n"
                    b"Restore /srv/other\nWindow always\n", b"/policy")
    after = set()
    for each in served:
        changes = replay(each.records, smaller).changes
        if each.started:
            assert changes or replay(each.records, smaller).lost
        after |= {change.after for change in changes.values() if change.before == "allowed"}
    assert "outside-roots" in after


def test_a_changed_record_is_not_guessed_at(served: list[Served]) -> None:
    each = next(one for one in served if one.started and not one.entry.stdin)
    changed = [{**record, "process.command_line": "rsync --server --sender -r . /home"}
               if record["event.action"] == "command-started" else record
               for record in each.records]
    found = replay(changed, parse(corpus.policy_text(each.entry), b"/policy"))
    assert (found.same, found.lost) == (0, 1)


def test_the_command_tells_what_would_change(
    served: list[Served], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    each = next(one for one in served if one.started and not one.entry.stdin)
    log = next(tmp_path_factory.getbasetemp().glob(f"replayed*/{each.entry.id}-{each.label}/log"))
    policy = tmp_path / "policy"
    policy.write_bytes(corpus.policy_text(each.entry))
    policy.chmod(0o600)
    words = ["audit", "replay", "--store", str(tmp_path), "--policy", str(policy), str(log)]
    assert main(words) == exits.YES
    policy.write_text("Key other\nBackup /home\n")
    assert main(words) == exits.NO
    assert "allowed, would be unknown-key" in capsys.readouterr().out
    assert main([*words, "--json"]) == exits.NO
    told = json.loads(capsys.readouterr().out)
    assert told["changes"][0]["after"] == "unknown-key"
    assert main([*words, "--until", "2000"]) == exits.YES  # nothing of then
    assert "0 commands would get the same answer" in capsys.readouterr().out
    policy.write_text("Bakcup\n")
    assert main(words) == exits.COULD_NOT_RUN
    assert "policy:1: " in capsys.readouterr().err
