"""What is appended to a log from now on, over the ends of its segments."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from .records import parse
from .segments import Segment, segments_in

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_SECONDS: Final = 0.2
_AT_ONCE: Final = 1 << 20  # bytes


def follow(last: Segment, offset: int) -> Iterator[dict[str, Any]]:
    """Yield each record that is written to LAST behind OFFSET, or to a segment after it."""
    folder = os.path.dirname(last.path)
    rest = b""
    following: list[Segment] = []
    while True:
        with last.open() as file:
            file.seek(offset)
            block = file.read(_AT_ONCE)
        offset += len(block)
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            record = parse(line + b"\n")
            if record is not None:
                yield record
        if block:
            continue
        if following:  # was there when the end of LAST was read: nothing more comes into that
            last, offset, rest, following = following[0], 0, b"", []
            continue
        following = [each for each in segments_in(folder) if each.first > last.first]
        if not following:
            time.sleep(POLL_SECONDS)
