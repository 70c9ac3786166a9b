"""Many lines at once, proved as whole records that follow on each other, or not judged at all.

Nearly every line of a log is such a record, and steps over columns of many lines cost a fraction of
the same steps for each line. Whatever is not in order here is for verify to look at line by line.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from hashlib import sha256
from operator import add
from struct import Struct
from typing import TYPE_CHECKING, Final, Optional

from ..record import seal
from .form import BEGIN, HEX_HEAD, INNER, MAC_DIGITS, OUTER, PADDING, TAIL, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

# The last bytes of a record: mark, h, mark, m, end.
_EVIDENCE: Final = Struct(
    f"{len(seal.HEAD_MARK)}s{HEX_HEAD}s{len(seal.MAC_MARK)}s{MAC_DIGITS}s{len(seal.END)}s"
)
_BLOCK: Final = Struct(f"{seal.KEY_BYTES + len(PADDING)}s")
_MAC: Final = Struct(f"{seal.MAC_BYTES}s{seal.HEAD_BYTES - seal.MAC_BYTES}x")  # of its hash
_RATCHET: Final = sha256(seal.RATCHET_LABEL)


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
    keys, behind = _keys(key, len(lines))
    if hexlify(_macs(keys, made)) != b"".join(macs):
        return None
    return made[-1], behind


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
    made = []
    for each, line in zip(before, lines):
        digest = sha256(each)
        digest.update(line[:TAIL])  # to join the two first takes a copy more
        made.append(digest.digest())
    return made


def _keys(key: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Return KEY with the COUNT - 1 keys that follow on it, and the one behind them."""
    keys = []
    for _ in range(count):
        keys.append(key)
        digest = _RATCHET.copy()
        digest.update(key)
        key = digest.digest()
    return keys, key


def _macs(keys: Sequence[bytes], heads: Sequence[bytes]) -> bytes:
    """Return m of each of HEADS by its key, one behind the other; all keys are masked together."""
    padded = PADDING.join(keys) + PADDING
    inner = pieces(_BLOCK, padded.translate(INNER))
    hashes = [each.digest() for each in map(sha256, map(add, inner, heads))]
    outer = pieces(_BLOCK, padded.translate(OUTER))
    whole = b"".join([each.digest() for each in map(sha256, map(add, outer, hashes))])
    return b"".join(pieces(_MAC, whole))

