"""Witnesses of a log: what was seen of its chain by others, at a time when it was whole.

A witness says that the first N records of chain C ended in a head. The client alone can't unsay it:
BackupPC's transfer logs keep one per run of rsync, the collector one per visit.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..record.seal import CHAIN_BYTES, HEAD_BYTES, NONCE_BYTES, PROOF_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The one line that the guard writes on rsync's standard error, see bpc-ssh-guard-log(5).
LINE: Final = re.compile(
    rb"bpc-ssh-guard: checkpoint 1 ([0-9a-f]{32}) ([0-9]{1,20}) ([0-9a-f]{64})"
)
# Before the first file only, whose line BackupPC indents: names are chosen by whoever makes them.
HEADER_LINES: Final = 64


@dataclass(frozen=True)
class Witness:
    """That the first `sequence` records of `chain` end in `head`, told by `source`.

    A checkpoint that answered a nonce has its proof, by which K_0 shows that the client's guard
    made it then.
    """

    chain: bytes
    sequence: int
    head: bytes
    source: str
    nonce: bytes = b""
    proof: bytes = b""

    def as_line(self, time: str) -> str:
        """Return the witness, seen at TIME, as a line of the store's witness file."""
        members = {
            "time": time, "chain": self.chain.hex(), "sequence": self.sequence,
            "head": self.head.hex(), "source": self.source, "nonce": self.nonce.hex(),
            "proof": self.proof.hex(),
        }
        return json.dumps(members) + "\n"


def from_line(line: str) -> Witness:
    """Return the witness that LINE of a witness file holds; raises ValueError."""
    members = json.loads(line)
    if not isinstance(members, dict):
        raise ValueError("no object")
    try:
        texts = [bytes.fromhex(members[name]) for name in ("chain", "head", "nonce", "proof")]
        sequence, source = members["sequence"], members["source"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no witness: {error}") from None
    chain, head, nonce, proof = texts
    sizes = len(chain) == CHAIN_BYTES and len(head) == HEAD_BYTES
    proved = not proof or (
        len(proof) == PROOF_BYTES and NONCE_BYTES[0] <= len(nonce) <= NONCE_BYTES[1]
    )
    known = isinstance(sequence, int) and 0 <= sequence < 2**64 and isinstance(source, str)
    if not (sizes and proved and known):
        raise ValueError("no witness: a value of another form")
    return Witness(chain, sequence, head, source, nonce, proof)


def from_transfer_log(lines: Iterable[bytes], source: str) -> Iterator[Witness]:
    """Yield the witness in LINES of BackupPC's XferLOG or RestoreLOG, decompressed: one or none.

    Only the first line of its form counts, before any line about a file.
    """
    for number, line in enumerate(lines):
        if number >= HEADER_LINES or line[:1] in (b" ", b"\t"):
            return
        found = LINE.fullmatch(line.strip())
        if found:
            chain, sequence, head = found.groups()
            yield Witness(
                bytes.fromhex(chain.decode()), int(sequence), bytes.fromhex(head.decode()), source
            )
            return


def from_answer(answer: dict[str, Any], nonce: bytes, source: str) -> Witness:
    """Return what ANSWER, a checkpoint of bpc-log/1 for NONCE, says; raises ValueError."""
    members = {**answer, "nonce": nonce.hex(), "source": source}
    return from_line(json.dumps(members))
