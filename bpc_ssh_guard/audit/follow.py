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


def follow(last: Segment, offset: int) -> Iterator[dict[str, Any]]:
    """Yield each record that is written to LAST behind OFFSET, or to a segment after it."""
    folder = os.path.dirname(last.path)
    rest = b""
    while True:
        with last.open() as file:
            file.seek(offset)
            block = file.read()
        offset += len(block)
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            record = parse(line + b"\n")
            if record is not None:
                yield record
        if block:
            continue
        following = [each for each in segments_in(folder) if each.first > last.first]
        if following:
            last, offset, rest = following[0], 0, b""
        else:
            time.sleep(POLL_SECONDS)
