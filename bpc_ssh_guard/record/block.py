"""The state of the log's chain: one block of 512 bytes that one pwrite replaces.

It knows what the log must look like, and the only key that the next record can be made with.
"""

from __future__ import annotations

from ..lean import sha256
from .seal import CHAIN_BYTES, HEAD_BYTES, KEY_BYTES, first_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SIZE: Final = 512  # a sector: written whole or not at all

_MAGIC: Final = b"bpcg1"
_NUMBER_DIGITS: Final = 20  # of 2**64
_SUM_DIGITS: Final = 16
_LENGTHS: Final = (
    len(_MAGIC), _NUMBER_DIGITS, _NUMBER_DIGITS, _NUMBER_DIGITS, len("YYYYMM"),
    2 * HEAD_BYTES, 2 * KEY_BYTES, 2 * CHAIN_BYTES, _SUM_DIGITS,
)
_LENGTH: Final = sum(_LENGTHS) + len(_LENGTHS) - 1
_REST: Final = b" " * (SIZE - 1 - _LENGTH) + b"\n"


class Damaged(Exception):
    """The state is not what `to_bytes` wrote; the text says how."""


class Block:
    """The chain up to now.

    `sequence` is the number of the next record, `head` h of the one before it, `key` K of the next;
    `first` is the number of the active segment's first record, `size` its bytes, `month` YYYYMM.
    """

    __slots__ = ("chain", "first", "head", "key", "month", "sequence", "size")
    sequence: Final[int]
    size: Final[int]
    first: Final[int]
    month: Final[bytes]
    head: Final[bytes]
    key: Final[bytes]
    chain: Final[bytes]

    def __init__(
        self, sequence: int, size: int, first: int, month: bytes, head: bytes, key: bytes,
        chain: bytes,
    ) -> None:
        self.sequence = sequence
        self.size = size
        self.first = first
        self.month = month
        self.head = head
        self.key = key
        self.chain = chain

    @classmethod
    def begin(cls, chain: bytes, key: bytes, month: bytes) -> Block:
        """Return the block of CHAIN, 16 bytes, without a record; KEY is K_0, 32 bytes."""
        return cls(0, 0, 0, month, first_head(chain), key, chain)

    @classmethod
    def from_bytes(cls, data: bytes) -> Block:
        """Return the block that DATA holds; raises Damaged for any bytes but those of `to_bytes`.

        What was damaged is refused: it is never made anew from what is left of it.
        """
        if len(data) != SIZE:
            raise Damaged(f"it has {len(data)} bytes, not {SIZE}")
        fields = data[:_LENGTH].split(b" ")
        if tuple(map(len, fields)) != _LENGTHS or fields[0] != _MAGIC:
            raise Damaged("it is no state of a log")
        sequence, size, first, month, head, key, chain = fields[1:8]
        if not (sequence + size + first + month).isdigit():
            raise Damaged("its numbers are none")
        # bytes.fromhex takes capitals and white space, too, which `to_bytes` writes nowhere.
        if not ((head + key + chain).isalnum() and data.islower()):
            raise Damaged("its hex digits are none")
        try:
            block = cls(
                int(sequence), int(size), int(first), month, bytes.fromhex(head.decode("ascii")),
                bytes.fromhex(key.decode("ascii")), bytes.fromhex(chain.decode("ascii")),
            )
        except ValueError:
            raise Damaged("its hex digits are none") from None
        if fields[8] != _sum_of(data[: _LENGTH - _SUM_DIGITS]) or data[_LENGTH:] != _REST:
            raise Damaged("its sum is wrong")
        return block

    def to_bytes(self) -> bytes:
        """Return the block as it is stored, SIZE bytes of text."""
        summed = b"%s %020d %020d %020d %s %s %s %s " % (
            _MAGIC, self.sequence, self.size, self.first, self.month,
            self.head.hex().encode("ascii"), self.key.hex().encode("ascii"),
            self.chain.hex().encode("ascii"),
        )
        return summed + _sum_of(summed) + _REST


def _sum_of(summed: bytes) -> bytes:
    return sha256(summed).hexdigest()[:_SUM_DIGITS].encode("ascii")
