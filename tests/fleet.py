"""A fleet's command logs, as large as wanted and the same for the same seed, for engines to read.

The records have what a guard writes, without evidence: no verifier is to be fed with them.
"""

from __future__ import annotations

import datetime
import json
import os
import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS: Final = 30
FIRST_DAY: Final = datetime.datetime(2026, 10, 1, tzinfo=datetime.timezone.utc)
SEGMENT_RECORDS: Final = 8000  # about the 8 MiB that a segment has
SHARES: Final = ("/etc/", "/home/", "/srv/", "/var/lib/postgresql/", "/var/www/")
RSYNC: Final = (
    "/usr/bin/rsync --server --sender -slHogDtprxe.iLsfxC --timeout=%d --numeric-ids . %s"
)
TAR: Final = "/usr/bin/env LC_ALL=C /bin/tar -c -v -f - -C %s --totals --newer=2026-10-%02d ."
HOSTILE: Final = (
    "/bin/sh -c id", "rsync --server -logDtpre.iLsfxC . /etc/\x1b[2J\n\\xff", "=cmd|' /C calc'!A0",
    "</script><img src=x onerror=alert(1)>", "\u202eevil", "x" * 4000,
)
CODES: Final = ("not-words", "unknown-program", "outside-roots", "wrong-operation", "no-window")


class Machine:
    """One client of the fleet: what a key of its does in one session, as two records or one."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.name = f"web{number:04}"
        self.address = f"192.0.2.{chance.randrange(1, 4)}"
        self._chance = chance
        self._sequence = 0
        self._keys = {purpose: f"{chance.getrandbits(128):032x}" for purpose in
                      ("backup", "restore")}

    def session(self, when: datetime.datetime) -> Iterator[dict[str, Any]]:
        """Yield the records of a session that begins at WHEN."""
        kind = self._chance.random()
        if kind < 0.02:
            yield self._denied(when)
        elif kind < 0.023:
            yield from self._restore(when)
        else:
            share = self._chance.choice(SHARES)
            line = RSYNC % (72000, share) if kind < 0.8 else TAR % (share, when.day)
            yield from self._run(when, "backup", line, share, None)

    def _restore(self, when: datetime.datetime) -> Iterator[dict[str, Any]]:
        grant = f"{self._chance.getrandbits(128):032x}"
        until = when + datetime.timedelta(hours=2)
        yield self._record(when, "grant-opened", "restore", **{
            "bpc.grant.id": grant, "bpc.grant.until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "bpc.grant.paths": ["/srv/restore"], "user.name": "root", "event.outcome": "success",
        })
        line = "/usr/bin/rsync --server -slHogDtprxe.iLsfxC . /srv/restore/"
        yield from self._run(when, "restore", line, "/srv/restore/", grant)

    def _run(
        self, when: datetime.datetime, operation: str, line: str, share: str, grant: str | None
    ) -> Iterator[dict[str, Any]]:
        entity, seconds = f"{self._chance.getrandbits(128):032x}", self._chance.expovariate(1 / 300)
        began = {
            "process.entity_id": entity, "source.ip": self.address, "event.outcome": "unknown",
            "process.command_line": line, "bpc.op": operation, "bpc.paths": [share],
            "bpc.purpose": operation, "rule.id": f"rsync-{operation}", "bpc.features": [],
            "process.args": line.split(" "), "process.args_count": line.count(" ") + 1,
            "process.executable": line.split(" ")[0], "bpc.confine.mode": "strict",
            "bpc.policy.sha256": "ab" * 32, "bpc.command.sha256": "cd" * 32,
        }
        if grant:
            began["bpc.grant.id"] = grant
        yield self._record(when, "command-started", operation, **began)
        status = self._chance.choice((0,) * 19 + (23,))
        yield self._record(
            when + datetime.timedelta(seconds=seconds), "command-ended", operation, **{
                "process.entity_id": entity, "process.exit_code": status,
                "event.outcome": "failure" if status else "success",
                "event.duration": int(seconds * 1e9),
                "bpc.io.read_bytes": self._chance.randrange(10**9),
                "bpc.io.write_bytes": self._chance.randrange(10**9),
            }
        )

    def _denied(self, when: datetime.datetime) -> dict[str, Any]:
        return self._record(when, "command-denied", "backup", **{
            "source.ip": self.address, "event.outcome": "failure",
            "event.code": self._chance.choice(CODES), "event.reason": "the reason in words",
            "process.command_line": self._chance.choice(HOSTILE),
        })

    def _record(
        self, when: datetime.datetime, action: str, purpose: str, **members: Any
    ) -> dict[str, Any]:
        self._sequence += 1
        return {
            "event.sequence": self._sequence - 1, "@timestamp": f"{when:%Y-%m-%dT%H:%M:%S.%fZ}",
            "ecs.version": "9.4.0", "event.kind": "event", "event.action": action,
            "event.dataset": "bpc.guard", "host.name": self.name, "bpc.boottime_ns": 1,
            "observer.version": "0.1.0", "process.pid": 1412,
            "bpc.key.label": f"{self.name}-{purpose}", "bpc.key.id": self._keys[purpose],
            **members, "h": "ef" * 32, "m": "01" * 16,
        }


def write(folder: str, records: int, machines: int = 40, seed: int = 1) -> list[str]:
    """Write logs of about RECORDS records of MACHINES below FOLDER; return the segments' paths."""
    chance = random.Random(seed)
    paths = []
    for number in range(machines):
        machine = Machine(number, chance)
        paths += _write_machine(machine, os.path.join(folder, machine.name), records // machines,
                                chance)
    return paths


def _write_machine(
    machine: Machine, folder: str, records: int, chance: random.Random
) -> Iterator[str]:
    segments = os.path.join(folder, "segments")
    os.makedirs(segments)
    step = datetime.timedelta(days=DAYS) / max(1, records // 2)
    when, lines, first, count = FIRST_DAY, [], 0, 0
    while count < records:
        when += step * (0.5 + chance.random())
        for record in machine.session(when):
            lines.append(json.dumps(record, separators=(",", ":")))
            count += 1
        if len(lines) >= SEGMENT_RECORDS or count >= records:
            path = os.path.join(segments, f"commands-{first:020}.jsonl")
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
            yield path
            first, lines = count, []
