"""One key or authority of a label as its line and its proof say, and a change to such lines."""

from __future__ import annotations

from ..authorized_keys import expiry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, Optional

    from ..authorized_keys import ForcedCommand, Line, Mark
    from ..authorized_keys.file import Changes, Composed
    from .proofs import Proof


class Entry:
    """A key of a label: where its line stands and what it says; `proof` None without one.

    `managed` is None for a line that calls the guard for the label and was not written by it: such
    a line is never changed.
    """

    __slots__ = ("key_id", "label", "line", "managed", "number", "proof")
    number: Final[int]
    line: Final[Line]
    label: Final[bytes]
    key_id: Final[bytes]
    managed: Final[Optional[Composed]]
    proof: Final[Optional[Proof]]

    def __init__(
        self,
        number: int,
        line: Line,
        call: ForcedCommand,
        managed: Optional[Composed],
        proof: Optional[Proof],
    ) -> None:
        self.number = number
        self.line = line
        self.label = call.label
        self.key_id = call.key_id
        self.managed = managed
        generation = managed.mark.generation if managed else 0
        counts = proof is not None and (proof.label, proof.generation) == (call.label, generation)
        self.proof = proof if counts else None

    @property
    def mark(self) -> Optional[Mark]:
        """The mark of a managed line."""
        return self.managed.mark if self.managed else None

    @property
    def generation(self) -> int:
        """The generation, 0 for a line without one."""
        return self.managed.mark.generation if self.managed else 0

    @property
    def staged(self) -> bool:
        """Whether the key waits to be confirmed."""
        return self.managed is not None and self.managed.mark.staged

    @property
    def until(self) -> int:
        """The seconds after the epoch to which the line lasts, 0 for ever."""
        end = self.managed.expiry if self.managed else None
        return 0 if end is None else expiry.seconds_of(end)


class Change:
    """What a request does to the lines: `lines` by their numbers, and one `added`.

    `entry` is what it is about, None for a new key; `dropped` were staged and are too old.
    """

    __slots__ = ("added", "dropped", "entry", "lines")
    lines: Final[Changes]
    added: Final[Optional[Composed]]
    entry: Final[Optional[Entry]]
    dropped: Final[Sequence[Entry]]

    def __init__(
        self,
        entry: Optional[Entry],
        lines: Optional[Changes] = None,
        added: Optional[Composed] = None,
        dropped: Sequence[Entry] = (),
    ) -> None:
        self.entry = entry
        self.lines = lines or {}
        self.added = added
        self.dropped = dropped

    @property
    def is_none(self) -> bool:
        """Whether all was so already."""
        return not self.lines and self.added is None

    @property
    def generation(self) -> int:
        """The generation of the key that it is about, 0 where that is not known."""
        if self.added is not None:
            return self.added.mark.generation
        return self.entry.generation if self.entry else 0

    @property
    def until(self) -> int:
        """The seconds after the epoch to which that key lasts then, 0 for ever or not at all."""
        line = self.added
        if self.entry is not None:
            line = self.lines.get(self.entry.number, self.entry.managed)
        return 0 if line is None or line.expiry is None else expiry.seconds_of(line.expiry)
