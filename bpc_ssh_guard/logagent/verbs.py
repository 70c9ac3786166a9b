"""The original command of an audit key as a typed request; everything else is refused."""

from __future__ import annotations

from ..command import prefixes, words
from ..errors import Refused
from ..grammar import driver
from ..grammar.tables import logverbs as tables
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Union

    Request = Union["CheckpointRequest", "ExportRequest"]

PROTOCOL: Final = b"bpc-log/1 "
MAX_REQUEST: Final = 512  # the longest that means anything has 86 bytes


class CheckpointRequest:
    """`checkpoint NONCE`: where the log ends, proved for NONCE of 16 to 32 bytes."""

    __slots__ = ("nonce",)
    nonce: Final[bytes]

    def __init__(self, nonce: bytes) -> None:
        self.nonce = nonce


class ExportRequest:
    """`export FROM`: the lines of the log from record FROM on; `offset` is its place."""

    __slots__ = ("first", "offset")
    first: Final[int]
    offset: Final[int]

    def __init__(self, first: int, offset: int) -> None:
        self.first = first
        self.offset = offset


def parse(command: bytes) -> Request:
    """Return the request that COMMAND makes; raises Refused."""
    if not command.startswith(PROTOCOL):
        _refuse_other(command)
    if len(command) > MAX_REQUEST:
        detail = f"a request has at most {MAX_REQUEST} bytes"
        raise Refused(Reason.TOO_LONG, detail, MAX_REQUEST)
    try:
        ((name, raw, offset),) = driver.parse(tables, "start", command + b"\0")
    except driver.Unparsable as error:
        forms = "checkpoint NONCE (16 to 32 bytes in hex) or export NUMBER"
        offset = min(error.offset, len(command))
        raise Refused(Reason.BAD_OPERAND, f"a request is {forms}", offset) from None
    value = raw[:-1].decode("ascii")
    if name == "NONCE":
        return CheckpointRequest(bytes.fromhex(value))
    return ExportRequest(int(value), offset)


def _refuse_other(command: bytes) -> None:
    """Refuse COMMAND, which is none of this protocol; raises Refused."""
    _, program, _ = prefixes.parse(words.split(command))
    raise Refused(Reason.WRONG_OPERATION, f"the command runs {program}, the key is for audit")
