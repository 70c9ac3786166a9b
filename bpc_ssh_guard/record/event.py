"""The events of one guard run as lines of the command log, under the names of ECS 9.4.0.

A member that is absent is not known; null stands where the table of bpc-ssh-guard-log(5) says so.
"""

from __future__ import annotations

import os
import time

from ..vocabulary import FAILURES, REASONS
from .line import encode, text, texts
from .origin import caller_members, key_members, machine_members
from .request import command_members, secluded_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from resource import struct_rusage
    from typing import Final, Optional, TypedDict

    from typing_extensions import Unpack

    from .line import Member, Value

    class Known(TypedDict, total=False):
        """What the guard knows of a login when it makes a record; None where it doesn't know."""

        command: Optional[bytes]  # SSH_ORIGINAL_COMMAND, raw
        secluded: Optional[bytes]  # the list from standard input, raw
        purpose: Optional[str]  # what the key's block of the policy is for
        operation: Optional[str]
        program: Optional[str]
        paths: Optional[Sequence[bytes]]
        features: Optional[Iterable[str]]
        grant: Optional[str]  # the id of the grant that the restore runs under
        policy_sha256: Optional[str]

ECS_VERSION: Final = "9.4.0"
DATASET: Final = "bpc.guard"
WORD_LIMIT: Final = 256  # of a word of our own: rule, program, mode
REASON_LIMIT: Final = 1024
PATH_LIMIT: Final = 1024  # of the program's path


class Action:
    """What happened: event.action."""

    STARTED: Final = "command-started"
    DENIED: Final = "command-denied"
    ENDED: Final = "command-ended"
    GREETED: Final = "key-greeted"
    KEYS_LISTED: Final = "keys-listed"
    KEY_STAGED: Final = "key-staged"
    KEY_CONFIRMED: Final = "key-confirmed"
    KEY_DROPPED: Final = "key-dropped"
    KEY_RETIRED: Final = "key-retired"
    GRANT_OPENED: Final = "grant-opened"
    GRANT_CLOSED: Final = "grant-closed"
    LOG_ROTATED: Final = "log-rotated"
    LOG_RECOVERED: Final = "log-recovered"
    POLICY_CHANGED: Final = "policy-changed"
    REFUSALS_SUPPRESSED: Final = "refusals-suppressed"
    CHECKPOINT_SERVED: Final = "checkpoint-served"


# event.category, event.type and event.outcome, in pairs that ECS allows.
ACTIONS: Final = {
    Action.STARTED: ("process", "start", "unknown"),
    Action.DENIED: ("intrusion_detection", "denied", "failure"),
    Action.ENDED: ("process", "end", "success"),
    Action.GREETED: ("authentication", "info", "success"),
    Action.KEYS_LISTED: ("configuration", "access", "success"),
    Action.KEY_STAGED: ("configuration", "creation", "success"),
    Action.KEY_CONFIRMED: ("configuration", "change", "success"),
    Action.KEY_DROPPED: ("configuration", "deletion", "success"),
    Action.KEY_RETIRED: ("configuration", "deletion", "success"),
    Action.GRANT_OPENED: ("configuration", "change", "success"),
    Action.GRANT_CLOSED: ("configuration", "change", "success"),
    Action.LOG_ROTATED: ("configuration", "info", "success"),
    Action.LOG_RECOVERED: ("intrusion_detection", "info", "success"),
    Action.POLICY_CHANGED: ("configuration", "change", "success"),
    Action.REFUSALS_SUPPRESSED: ("intrusion_detection", "denied", "failure"),
    Action.CHECKPOINT_SERVED: ("configuration", "access", "success"),
}


class Session:
    """One run of the guard: what all its records share, and the records themselves, as lines.

    `peer` is the address of the other side, None if it is not known.
    """

    __slots__ = ("_caller", "_key", "_machine", "entity_id", "peer")
    entity_id: Final[str]
    peer: Final[Optional[str]]

    def __init__(
        self,
        entity_id: str,
        machine: Sequence[Member],
        caller: Sequence[Member],
        key: Sequence[Member],
    ) -> None:
        self.entity_id = entity_id
        self.peer = next((str(value) for name, value in caller if name == "source.ip"), None)
        self._machine: Final = machine
        self._caller: Final = caller
        self._key: Final = key

    @classmethod
    def from_environment(
        cls, environ: Mapping[bytes, bytes], label: bytes, key_id: bytes
    ) -> Session:
        """Return the session of this process, which sshd started for the key LABEL, KEY_ID."""
        return cls(
            os.urandom(16).hex(),
            machine_members(),
            caller_members(environ.get(b"SSH_CONNECTION")),
            key_members(label, key_id),
        )

    def of_key(self, label: bytes, key_id: bytes, more: Sequence[Member]) -> Session:
        """Return this session by the key LABEL, KEY_ID, of which MORE members are known."""
        key = [*key_members(label, key_id), *more]
        return Session(self.entity_id, self._machine, self._caller, key)

    def started(
        self,
        *,
        executable: bytes,
        argv: Sequence[bytes],
        rule: Optional[str] = None,
        confine: Optional[str] = None,
        layers: Optional[str] = None,
        **known: Unpack[Known],
    ) -> bytes:
        """Return the line that allows the command; it is durable before ARGV runs.

        CONFINE is the mode, LAYERS what holds the program then, as in "landlock:7,seccomp,uid".
        """
        return encode(
            [
                *self.opening(Action.STARTED),
                *_asked(known),
                ("process.executable", text(executable, PATH_LIMIT)),
                ("process.args", texts(argv)),
                ("process.args_count", len(argv)),
                *_understood(known, rule),
                *_present(
                    ("bpc.confine.mode", _word(confine)), ("bpc.confine.layers", _word(layers))
                ),
            ]
        )

    def denied(
        self,
        *,
        reason: str,
        detail: str = "",
        offset: Optional[int] = None,
        where: str = "command",
        rule: Optional[str] = None,
        failure: bool = False,
        **known: Unpack[Known],
    ) -> bytes:
        """Return the line that says why the command doesn't run.

        WHERE is "command" or "secluded-list", what OFFSET counts in. FAILURE: the guard's side is
        broken, as it is for each of vocabulary.FAILURES anyway.
        """
        place = () if offset is None else (("bpc.deny.where", where), ("bpc.deny.offset", offset))
        return encode(
            [
                *self.opening(Action.DENIED),
                *_asked(known),
                *_explanation(reason, detail),
                ("bpc.deny.failure", failure or reason in FAILURES),
                *place,
                *_understood(known, rule),
            ]
        )

    def ended(
        self,
        *,
        exit_status: Optional[int] = None,
        signal: Optional[int] = None,
        duration_ns: Optional[int] = None,
        read_bytes: Optional[int] = None,
        write_bytes: Optional[int] = None,
        rusage: Optional[struct_rusage] = None,
        code: Optional[str] = None,
        detail: str = "",
    ) -> bytes:
        """Return the line that says how the child ended, by EXIT_STATUS or by SIGNAL.

        CODE, with DETAIL, is why it never became the program. A program's byte counts are None
        where the kernel didn't show them: the only null of a record.
        """
        succeeded = exit_status == 0 and signal is None and code is None
        counts = (("bpc.io.read_bytes", read_bytes), ("bpc.io.write_bytes", write_bytes))
        return encode(
            [
                *self.opening(Action.ENDED, "success" if succeeded else "failure"),
                *_present(("process.exit_code", exit_status), ("bpc.signal", signal)),
                *(_explanation(code, detail) if code else ()),
                *_present(("event.duration", duration_ns)),
                *(_present(*counts) if code else counts),
                *_usage(rusage),
            ]
        )

    def greeted(self, **known: Unpack[Known]) -> bytes:
        """Return the line of a login without a command, which proves that the key works."""
        return encode([*self.opening(Action.GREETED), *_asked(known), *_understood(known, None)])

    def opening(self, action: str, outcome: Optional[str] = None) -> list[Member]:
        """Return the members that open the record of ACTION, in the order of every record."""
        # An end says no address again: process.entity_id joins it to its start.
        caller = () if action == Action.ENDED else self._caller
        return [
            *opening(action, self._machine, outcome),
            ("process.entity_id", self.entity_id),
            *caller,
            *self._key,
        ]


def opening(
    action: str, machine: Sequence[Member], outcome: Optional[str] = None
) -> list[Member]:
    """Return the members that open every record: when, what, and on which MACHINE."""
    category, kind, usual_outcome = ACTIONS[action]
    return [
        ("@timestamp", timestamp(time.time_ns())),
        ("ecs.version", ECS_VERSION),
        ("event.kind", "event"),
        ("event.category", [category]),
        ("event.type", [kind]),
        ("event.action", action),
        ("event.outcome", outcome or usual_outcome),
        ("event.dataset", DATASET),
        ("bpc.boottime_ns", time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
        *machine,
    ]


def timestamp(nanoseconds: int) -> str:
    """Return the time NANOSECONDS after the epoch as ECS writes it: UTC, 6 decimals, Z."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    date = f"{year:04}-{month:02}-{day:02}"
    return f"{date}T{hour:02}:{minute:02}:{second:02}.{rest // 1000:06}Z"


def _asked(known: Known) -> list[Member]:
    return [*command_members(known.get("command")), *secluded_members(known.get("secluded"))]


def _understood(known: Known, rule: Optional[str]) -> list[Member]:
    """Return the members that say what the command was understood to be, as far as it was."""
    paths, features = known.get("paths"), known.get("features")
    return _present(
        ("rule.id", _word(rule)),
        ("bpc.purpose", _word(known.get("purpose"))),
        ("bpc.program", _word(known.get("program"))),
        ("bpc.op", _word(known.get("operation"))),
        ("bpc.paths", None if paths is None else texts(paths)),
        ("bpc.features", None if features is None else sorted(features)),
        ("bpc.grant.id", _word(known.get("grant"))),
        ("bpc.policy.sha256", _word(known.get("policy_sha256"))),
    )


def _explanation(code: str, detail: str) -> list[Member]:
    reason = detail or REASONS.get(code, "")
    return [("event.code", code), ("event.reason", reason[:REASON_LIMIT])]


def _usage(rusage: Optional[struct_rusage]) -> list[Member]:
    if rusage is None:
        return []
    return [
        ("bpc.rusage.utime_us", round(rusage.ru_utime * 1_000_000)),
        ("bpc.rusage.stime_us", round(rusage.ru_stime * 1_000_000)),
        ("bpc.rusage.maxrss_kb", rusage.ru_maxrss),
    ]


def _present(*members: tuple[str, Optional[Value]]) -> list[Member]:
    return [(name, value) for name, value in members if value is not None]


def _word(word: Optional[str]) -> Optional[str]:
    return None if word is None else word[:WORD_LIMIT]
