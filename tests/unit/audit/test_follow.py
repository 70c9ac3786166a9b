"""Whoever follows a log misses no record, whenever a segment ends."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from bpc_ssh_guard.audit.follow import follow
from bpc_ssh_guard.audit.segments import Segment
from bpc_ssh_guard.record import seal, segment

if TYPE_CHECKING:
    from pathlib import Path


def lines(first: int, count: int) -> bytes:
    head, key = bytes(32), bytes(32)
    return b"".join(seal.seal(seal.prefix(number) + b'"a":1', head, key)[0]
                    for number in range(first, first + count))


class Turning(Segment):
    """A segment that gets its last records, and a successor, between a look and the next one."""

    def open(self) -> BinaryIO:
        with super().open() as file:
            seen = file.read()
        if seen.count(b"\n") == 1:
            with open(self.path, "ab") as file:
                file.write(lines(1, 2))
            with open(self.path.replace("0.jsonl", "3.jsonl"), "wb") as file:
                file.write(lines(3, 2))
        return io.BytesIO(seen)


def test_records_at_the_end_of_a_segment_are_shown_before_those_of_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / segment.name_of(0).decode()
    path.write_bytes(lines(0, 1))
    followed = follow(Turning(0, str(path)), len(lines(0, 1)))
    for number in (1, 2, 3, 4):
        assert next(followed)["event.sequence"] == number
