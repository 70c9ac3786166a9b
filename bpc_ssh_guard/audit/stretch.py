"""Many lines at once, proved as whole records that follow on each other, or not judged at all.

Nearly every line of a log is such a record, and steps over columns of many lines cost a fraction of
the same steps for each line. Whatever is not in order here is for verify to look at line by line.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Final, Optional

from ..record import seal
from .form import BEGIN, HEX_HEAD, INNER, MAC_DIGITS, OUTER, PADDING, TAIL

if TYPE_CHECKING:
    from collections.abc import Sequence

# The last bytes of a record: mark, h, mark, m, end.
_EVIDENCE: Final = Struct(
    f"{len(seal.HEAD_MARK)}s{HEX_HEAD}s{len(seal.MAC_MARK)}s{MAC_DIGITS}s{len(seal.END)}s"
)
_KEY: Final = Struct(f"{seal.KEY_BYTES}s")
_INNER_PADDING: Final = PADDING.translate(INNER)
_OUTER_PADDING: Final = PADDING.translate(OUTER)


def prove(
    lines: Sequence[bytes], first: int, head: bytes, key: Optional[bytes]
) -> Optional[tuple[bytes, Optional[bytes]]]:
    """Return head and key behind LINES if they are the records from FIRST on and each is whole.

    LINES: at least one. HEAD is what is before them, KEY the first one's, None
    to be content with the chain. None is returned where one of them is anything else.
    """
    openings = _openings(first, len(lines))
    width = len(seal.prefix(first))
    if b"".join([line[:width] for line in lines]) != openings:
        return None
    tails = b"".join([line[TAIL:] for line in lines])
    if len(tails) != len(lines) * _EVIDENCE.size:
        return None
    marks, heads, mac_marks, macs, ends = zip(*_EVIDENCE.iter_unpack(tails))
    count = len(lines)
    if not (
        marks.count(seal.HEAD_MARK) == mac_marks.count(seal.MAC_MARK) == count
        and ends.count(seal.END) == count
    ):
        return None
    made = _heads(lines, head, heads)
    if not made or hexlify(b"".join(made)) != b"".join(heads):
        return None
    if key is None:
        return made[-1], None
    keys = _keys(key, len(lines))
    if hexlify(b"".join(_macs(keys, made))) != b"".join(macs):
        return None
    return made[-1], keys[-1]


def _openings(first: int, count: int) -> bytes:
    """Return what COUNT records from FIRST on begin with, one behind the other."""
    numbers = repr([*range(first, first + count)])[1:-1].encode("ascii")
    return BEGIN + numbers.replace(b", ", b"," + BEGIN) + b","


def _heads(lines: Sequence[bytes], head: bytes, said: Sequence[bytes]) -> list[bytes]:
    """Return h of each of LINES, by the one that the line before SAID; none if that is no hex."""
    try:
        before = [head, *map(unhexlify, said)]
    except ValueError:
        return []
    return [sha256(each + line[:TAIL]).digest() for each, line in zip(before, lines)]


def _keys(key: bytes, count: int) -> list[bytes]:
    """Return KEY, the COUNT - 1 keys that follow on it, and the one behind them."""
    keys, label = [key], seal.RATCHET_LABEL
    for _ in range(count):
        key = sha256(label + key).digest()
        keys.append(key)
    return keys


def _macs(keys: Sequence[bytes], heads: Sequence[bytes]) -> list[bytes]:
    """Return m for each of HEADS by its key; all keys are masked together."""
    joined, size = b"".join(keys), seal.MAC_BYTES
    inner, outer = joined.translate(INNER), joined.translate(OUTER)
    hashes = [
        sha256(key + _INNER_PADDING + head).digest()
        for (key,), head in zip(_KEY.iter_unpack(inner), heads)
    ]
    return [
        sha256(key + _OUTER_PADDING + digest).digest()[:size]
        for (key,), digest in zip(_KEY.iter_unpack(outer), hashes)
    ]
