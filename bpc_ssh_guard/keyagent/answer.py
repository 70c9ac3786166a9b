"""The answers of the protocol bpc-key/1: one line of JSON, as bpc-ssh-keys-protocol(7) has them.

Nothing in them names a path or a command of the client.
"""

from __future__ import annotations

from ..lean import json_string
from ..vocabulary import FAILURES, REASONS, Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final, Optional, Union

    from ..policy.window import Grant
    from .entry import Entry
    from .ring import Ring

    # JSON as it is written, or what it is written of.
    Value = Union[str, int, bool, bytes, None]
    Member = tuple[str, Value]

STDOUT: Final = 1


class Trouble:
    """The closed set of the member `error`."""

    SYNTAX: Final = "syntax"
    NO_SUCH_KEY: Final = "no-such-key"
    CONFLICT: Final = "conflict"
    REFUSED: Final = "refused"
    BUSY: Final = "busy"
    IO: Final = "io"
    UNSAFE_FILE: Final = "unsafe-file"


TROUBLES: Final = (
    Trouble.SYNTAX, Trouble.NO_SUCH_KEY, Trouble.CONFLICT, Trouble.REFUSED, Trouble.BUSY,
    Trouble.IO, Trouble.UNSAFE_FILE,
)

_OF_REASON: Final = {
    Reason.TOO_LONG: Trouble.SYNTAX,
    Reason.NOT_WORDS: Trouble.SYNTAX,
    Reason.UNKNOWN_PROGRAM: Trouble.SYNTAX,
    Reason.UNKNOWN_OPTION: Trouble.SYNTAX,
    Reason.BAD_OPERAND: Trouble.SYNTAX,
    Reason.NO_SUCH_KEY: Trouble.NO_SUCH_KEY,
    Reason.KEY_CONFLICT: Trouble.CONFLICT,
    Reason.BUSY: Trouble.BUSY,
    Reason.KEYS_LOCKED: Trouble.BUSY,
    Reason.UNSAFE_KEYS: Trouble.UNSAFE_FILE,
}
# What these say is of labels, generations and KEYIDs alone, so the caller may read it.
_TOLD: Final = frozenset(
    {
        Reason.NOT_ROTATABLE,
        Reason.NO_SUCH_KEY,
        Reason.KEY_CONFLICT,
        Reason.NOT_PROVEN,
        Reason.LAST_KEY,
    }
)


def trouble_of(reason: str) -> str:
    """Return the member `error` for REASON of the vocabulary."""
    return _OF_REASON.get(reason, Trouble.IO if reason in FAILURES else Trouble.REFUSED)


def refusal(reason: str, detail: str = "") -> bytes:
    """Return the answer that nothing was done, for REASON of the vocabulary.

    DETAIL is told where it is of keys alone; `retry` says that the same request may succeed later.
    """
    said = detail if reason in _TOLD and detail else REASONS.get(reason, "")
    error = trouble_of(reason)
    again = error in (Trouble.BUSY, Trouble.IO)
    return _line((("ok", False), ("error", error), ("message", said), ("retry", again)))


def done(members: Iterable[Member]) -> bytes:
    """Return the answer that the request was done, or was so already, with MEMBERS."""
    return _line((("ok", True), *members))


def listed(
    ring: Ring, authorities: Ring, mode: int, grants: Sequence[tuple[bytes, Grant]]
) -> bytes:
    """Return the answer of list: keys and AUTHORITIES, the MODE of their file, the open GRANTS."""
    keys, signers = ([_key(entry, each.is_consistent(entry)) for entry in each.entries]
                     for each in (ring, authorities))
    opened = [
        _object((("label", label.decode("ascii")), ("id", grant.identity.decode("ascii")),
                 ("until", grant.until)))
        for label, grant in grants
    ]
    twice = [json_string(key_id.decode("ascii")).encode("ascii") for key_id in ring.duplicates()]
    return done(
        (
            ("keys", _array(keys)), ("authorities", _array(signers)),
            ("foreign", ring.foreign()), ("mode", f"{mode:04o}"),
            ("duplicates", _array(twice)), ("grants", _array(opened)),
        )
    )


def send(answer: bytes) -> None:
    """Give ANSWER to the peer; whether anybody reads it changes nothing."""
    try:
        with open(STDOUT, "wb", closefd=False) as output:
            output.write(answer)
    except OSError:
        return


def _key(entry: Entry, consistent: bool) -> bytes:
    proof = entry.proof
    return _object(
        (
            ("label", entry.label.decode("ascii")),
            ("key", entry.key_id.decode("ascii")),
            ("gen", _known(entry.generation)),
            ("staged", entry.staged),
            ("until", _known(entry.until)),
            ("proven", proof.proven if proof else None),
            ("used", proof.used if proof else None),
            ("consistent", consistent),
        )
    )


def _known(number: int) -> Optional[int]:
    return number or None


def _line(members: Iterable[Member]) -> bytes:
    return _object((("v", 1), *members)) + b"\n"


def _object(members: Iterable[Member]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (n.encode("ascii"), _json(v)) for n, v in members) + b"}"


def _array(items: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _json(value: Value) -> bytes:
    """Return VALUE as JSON; bytes are JSON already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return json_string(value).encode("ascii")
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    return b"%d" % value
