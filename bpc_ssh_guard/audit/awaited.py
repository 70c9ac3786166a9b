"""What witnesses saw of a chain, held until it is read to the length at which they saw it."""

from __future__ import annotations

from bisect import bisect_right
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple, Optional

from ..record import seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .witness import Witness


class Objection(NamedTuple):
    """Why a witness does not agree with the chain, and the first and last record it is about."""

    kind: str
    text: str
    records: tuple[int, int]


class Awaited:
    """The WITNESSES of CHAIN by the number of records that they saw."""

    def __init__(self, chain: bytes, witnesses: Iterable[Witness]) -> None:
        self._by_length: dict[int, list[Witness]] = {}
        for witness in witnesses:
            if witness.chain == chain:
                self._by_length.setdefault(witness.sequence, []).append(witness)
        self._lengths = sorted(self._by_length)  # those that were met, too

    def __contains__(self, length: int) -> bool:
        """Tell whether one saw LENGTH records."""
        return length in self._by_length

    def is_due(self, begin: int, end: int) -> bool:
        """Tell whether one may be met behind more than BEGIN and at most END records."""
        due = bisect_right(self._lengths, begin)
        return due < len(self._lengths) and self._lengths[due] <= end

    def meet(self, length: int, head: bytes, key: Optional[bytes]) -> Iterator[Objection]:
        """Yield what those who saw LENGTH records object to a chain with HEAD and KEY there."""
        for witness in self._by_length.pop(length, ()):
            objection = _objection(witness, length, head, key)
            if objection is not None:
                yield objection

    def pass_by(self, begin: int, end: int) -> None:
        """Forget those who saw more than BEGIN and fewer than END records: these are missing."""
        for length in [each for each in self._by_length if begin < each < end]:
            del self._by_length[length]

    def end(self, length: int) -> Iterator[Objection]:
        """Yield what those object who saw more than the LENGTH records that there are."""
        for seen in sorted(self._by_length):
            for witness in self._by_length[seen]:
                yield Objection(
                    "shortened",
                    f"{witness.source} saw {seen} records and the log has {length}:"
                    " its end was cut off, or an older state was put back",
                    (length, seen - 1),
                )


def _objection(
    witness: Witness, length: int, head: bytes, key: Optional[bytes]
) -> Optional[Objection]:
    if witness.head != head:
        return Objection("contradicted",
                         f"{witness.source} saw another chain up to record {length - 1}",
                         (0, length - 1))
    if not witness.proof or key is None:
        return None
    proved = seal.proof(key, witness.chain, witness.sequence, witness.head, witness.nonce)
    if compare_digest(proved, witness.proof):
        return None
    return Objection("unproved", f"the checkpoint that {witness.source} was given at {length} is"
                                 " not proved by this chain's key", (length, length))
