"""The log's end told to the backup server, whose transfer log keeps it: a witness out of reach.

BackupPC writes what rsync's other side says on standard error into XferLOG, before the first file.
For tar each such line would count as an error, so tar gets none.
"""

from __future__ import annotations

import os

from ..errors import GuardFailure
from ..vocabulary import PROGRAM_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .block import Block
    from .sink import Sink

STDERR: Final = 2
VERSION: Final = 1  # of the line


def line(block: Block) -> bytes:
    """Return the line that says where the chain of BLOCK ends: chain id, records, last head."""
    place = f"{block.chain.hex()} {block.sequence} {block.head.hex()}"
    return f"{PROGRAM_NAME}: checkpoint {VERSION} {place}\n".encode("ascii")


def tell(sink: Sink) -> None:
    """Write the line of SINK's log to standard error, if log and peer let it: nothing hangs on it.

    The start of the command is recorded already, so the line vouches for that record too.
    """
    try:
        os.write(STDERR, line(sink.inspect()))
    except (GuardFailure, OSError):
        return
