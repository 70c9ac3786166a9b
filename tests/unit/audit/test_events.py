"""What verify notes beside the proof: clocks that were set, commands that never ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpc_ssh_guard.audit.events import LONGEST_RUN, Events
from bpc_ssh_guard.record import seal
from bpc_ssh_guard.record.event import timestamp

if TYPE_CHECKING:
    from bpc_ssh_guard.audit.finding import Finding

SECOND = 1_000_000_000
NIGHT = 1_795_000_000 * SECOND


def noted(*records: tuple[str, str, int, int, str]) -> list[Finding]:
    """Return what is noted about RECORDS: action, boot, wall and boottime in ns, entity."""
    head, lines = bytes(32), []
    for number, (action, boot, wall, boottime, entity) in enumerate(records):
        body = (
            f'"@timestamp":"{timestamp(wall)}","event.action":"{action}","host.boot.id":"{boot}",'
            f'"bpc.boottime_ns":{boottime},"process.entity_id":"{entity}"'
        )
        line, head = seal.seal(seal.prefix(number) + body.encode(), head, bytes(32))
        lines.append(line)
    events = Events()
    for line in lines:
        events.take(line)
    return events.findings()


def test_a_clock_that_was_set_is_noted_with_the_record_and_the_seconds() -> None:
    [found] = noted(
        ("key-greeted", "a", NIGHT, 0, "1"),
        ("key-greeted", "a", NIGHT + 60 * SECOND, 60 * SECOND, "2"),
        ("key-greeted", "a", NIGHT - 3530 * SECOND, 70 * SECOND, "3"),
        ("key-greeted", "a", NIGHT - 3520 * SECOND, 80 * SECOND, "4"),
    )
    assert (found.severity, found.kind, found.records) == ("note", "clock", (2, 2))
    assert "-3600 seconds" in found.text


def test_drift_and_a_reboot_are_no_steps_of_the_clock() -> None:
    assert noted(
        ("key-greeted", "a", NIGHT, 0, "1"),
        ("key-greeted", "a", NIGHT + 62 * SECOND, 60 * SECOND, "2"),
        ("key-greeted", "b", NIGHT + 900 * SECOND, 5 * SECOND, "3"),
    ) == []


def test_a_start_without_end_is_noted_once_it_can_not_run_still() -> None:
    later = int(LONGEST_RUN) * SECOND + SECOND
    [found] = noted(
        ("command-started", "a", NIGHT, 0, "lost"),
        ("command-started", "a", NIGHT, 0, "done"),
        ("command-ended", "a", NIGHT, 0, "done"),
        ("command-started", "a", NIGHT + later, later, "running"),
    )
    assert (found.severity, found.kind, found.records) == ("note", "unended", (0, 0))
