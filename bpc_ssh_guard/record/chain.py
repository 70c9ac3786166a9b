"""The end of the chain while the log is locked: it seals the next records, each by a new key."""

from __future__ import annotations

from . import seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .block import Block


class Chain:
    """The next record's number, the head before it and the key it is made with."""

    __slots__ = ("head", "key", "sequence")

    def __init__(self, sequence: int, head: bytes, key: bytes) -> None:
        self.sequence = sequence
        self.head = head
        self.key = key

    @classmethod
    def after(cls, block: Block) -> Chain:
        """Return the chain where BLOCK says that it ends."""
        return cls(block.sequence, block.head, block.key)

    def append(self, record: bytes) -> bytes:
        """Return the line that RECORD, `{…}` and LF without number or evidence, becomes here."""
        line, head = seal.seal(seal.prefix(self.sequence) + record[1:-2], self.head, self.key)
        self._advance(head)
        return line

    def accept(self, line: bytes) -> bool:
        """Tell whether LINE, with its LF, is the next record; go on behind it if so."""
        body = line[: -seal.TAIL_LENGTH]
        if not body.startswith(seal.prefix(self.sequence)):
            return False
        sealed, head = seal.seal(body, self.head, self.key)
        if sealed != line:
            return False
        self._advance(head)
        return True

    def _advance(self, head: bytes) -> None:
        self.head = head
        self.key = seal.next_key(self.key)
        self.sequence += 1
