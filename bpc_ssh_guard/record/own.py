"""The records that the log makes of itself: segments, recoveries, the policy, what was left out.

Few runs have one to make, so this is imported where it is needed.
"""

from __future__ import annotations

from .event import Action, opening, timestamp
from .line import encode, text
from .origin import machine_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

    from .line import Member
    from .recovery import Tail

PRODUCT: Final = "bpc-ssh-guard"


class Recovered:
    """What was made good: event.code of a log-recovered."""

    TORN_WRITE: Final = "torn-write"
    FOREIGN_BYTES: Final = "foreign-bytes"
    LOG_SHORTER: Final = "log-shorter"
    LOG_FULL: Final = "log-full"
    END_RECORD_LOST: Final = "end-record-lost"


# One sentence each, for the log and bpc-ssh-guard-log(5).
RECOVERED: Final = {
    Recovered.TORN_WRITE: "a guard was killed while it wrote, and left a piece of a record",
    Recovered.FOREIGN_BYTES: "bytes stand in the log that no guard wrote",
    Recovered.LOG_SHORTER: "the segment is shorter than it was, or gone",
    Recovered.LOG_FULL: "the file system was full and has room again",
    Recovered.END_RECORD_LOST: "the end of a command could not be recorded",
}
# Others than guards have changed the log; the rest is trouble that is over.
_FAILURES: Final = frozenset({Recovered.FOREIGN_BYTES, Recovered.LOG_SHORTER})


class Rotated:
    """Why a segment begins: event.reason of a log-rotated."""

    CREATED: Final = "created"
    SIZE: Final = "size"
    MONTH: Final = "month"
    RESUMED: Final = "resumed"  # a guard was killed between making the file and writing to it


RATE_LIMIT: Final = "rate-limit"  # event.code of a refusals-suppressed


def segment_members(chain: bytes, previous: bytes, head: bytes) -> list[Member]:
    """Return what the first record of a segment says, whatever it records.

    CHAIN is the chain's id, PREVIOUS the name of the segment before, empty for the first one, and
    HEAD the head before this record.
    """
    return [
        ("observer.product", PRODUCT),
        ("bpc.chain.id", chain.hex()),
        ("bpc.segment.previous", text(previous)),
        ("bpc.segment.previous_head", head.hex()),
    ]


def log_rotated(reason: str, segment: list[Member]) -> bytes:
    """Return the line that begins a segment, with its SEGMENT members."""
    return encode(
        [*opening(Action.LOG_ROTATED, machine_members()), ("event.reason", reason), *segment]
    )


def log_recovered(
    code: str,
    entity_id: str = "",
    tail: Optional[Tail] = None,
    sizes: Optional[tuple[int, int]] = None,
    segment: Optional[list[Member]] = None,
) -> bytes:
    """Return the line that acknowledges CODE: the bytes of TAIL, or SIZES expected and found.

    ENTITY_ID is the run that it is about, if it is about one.
    """
    outcome = "failure" if code in _FAILURES else "success"
    members = [
        *opening(Action.LOG_RECOVERED, machine_members(), outcome),
        ("event.code", code),
        ("event.reason", RECOVERED[code]),
    ]
    if entity_id:
        members.append(("process.entity_id", entity_id))
    if tail is not None:
        members += [("bpc.recovered.bytes", tail.count), ("bpc.recovered.sha256", tail.digest)]
    if sizes is not None:
        members += [("bpc.recovered.expected", sizes[0]), ("bpc.recovered.found", sizes[1])]
    return encode([*members, *(segment or ())])


def policy_changed(path: bytes, sha256: str, previous: str) -> bytes:
    """Return the line that says that the policy at PATH is another than at the last run."""
    before: list[Member] = [("bpc.policy.previous_sha256", previous)] if previous else []
    return encode(
        [
            *opening(Action.POLICY_CHANGED, machine_members()),
            ("file.path", text(path)),
            ("bpc.policy.sha256", sha256),
            *before,
        ]
    )


def refusals_suppressed(key: list[Member], count: int, start_ns: int, end_ns: int) -> bytes:
    """Return the line that stands for COUNT refusals of the key with members KEY."""
    return encode(
        [
            *opening(Action.REFUSALS_SUPPRESSED, machine_members()),
            ("event.code", RATE_LIMIT),
            ("event.start", timestamp(start_ns)),
            ("event.end", timestamp(end_ns)),
            *key,
            ("bpc.suppressed.count", count),
        ]
    )
