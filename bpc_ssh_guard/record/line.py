"""One record as one line of ASCII JSON; its length is bounded and no terminal obeys its bytes."""

from __future__ import annotations

from ..lean import json_string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final, Union

    Value = Union[str, int, bool, None, Sequence[str]]
    Member = tuple[str, Value]

RECORD_LIMIT: Final = 64 * 1024
EVIDENCE_ROOM: Final = 256  # left for the members that an evidence chain puts around a line
LINE_LIMIT: Final = RECORD_LIMIT - EVIDENCE_ROOM
TEXT_LIMIT: Final = 4096  # bytes of one text
ARRAY_LIMIT: Final = 64
SHORT_ARRAY_LIMIT: Final = 16


def text(value: bytes, limit: int = TEXT_LIMIT) -> str:
    r"""Return the first LIMIT bytes of VALUE as text, bytes outside UTF-8 as `\xff`.

    Never surrogates: a lone one makes whole log files unreadable to duckdb, polars and pyarrow.
    """
    return value[:limit].decode("utf-8", "backslashreplace")


def texts(values: Sequence[bytes]) -> list[str]:
    """Return the first VALUES as texts, as many as an array may hold."""
    return [text(value) for value in values[:ARRAY_LIMIT]]


def encode(members: Iterable[Member]) -> bytes:
    """Return MEMBERS as one line of ASCII JSON, in their order and with its LF.

    A line over the limit gets shorter arrays, then loses its longest arrays, then its longest
    texts: less is known then, but nothing that is said is untrue.
    """
    members = list(members)
    for array_limit in (ARRAY_LIMIT, SHORT_ARRAY_LIMIT):
        pieces = [_piece(name, value, array_limit) for name, value in members]
        if _length(pieces) <= LINE_LIMIT:
            break
    while _length(pieces) > LINE_LIMIT:
        pieces.remove(max(pieces, key=lambda piece: (piece.endswith("]"), len(piece))))
    return ("{" + ",".join(pieces) + "}\n").encode("ascii")


def _length(pieces: list[str]) -> int:
    return sum(map(len, pieces)) + len(pieces) - 1 + len("{}\n")


def _piece(name: str, value: Value, array_limit: int) -> str:
    return f"{json_string(name)}:{_json(value, array_limit)}"


def _json(value: Value, array_limit: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "[" + ",".join(map(_string, value[:array_limit])) + "]"


def _string(value: str) -> str:
    if not value.isascii():
        # The text of an OSError can hold surrogates, see `text`.
        value = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return json_string(value)
