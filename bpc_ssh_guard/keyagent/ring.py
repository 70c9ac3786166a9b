"""The keys of a rotation key's labels as their lines say, and which change a request makes.

Pure: lines, policy, proofs and time in; a change out, or Refused. The rules that keep a client
from being locked out, and a thief's key from lasting, are all here.
"""

from __future__ import annotations

from ..authorized_keys import ForcedCommand, ManagedLine, expiry
from ..authorized_keys.authority import AuthorityLine
from ..errors import GuardFailure, Refused
from ..policy import addresses
from ..policy.model import Window
from ..vocabulary import Operation, Reason
from . import proofs
from .entry import Change, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Final, Optional, Union

    from ..authorized_keys import Line
    from ..authorized_keys.file import Changes, Composed
    from ..policy.model import Block, Policy
    from .proofs import Proof
    from .verbs import Request

KEYS_PER_LABEL: Final = 2  # the one in use, and its successor until that has logged in
STAGED_SECONDS: Final = 24 * 60 * 60
HIGHEST_JUMP: Final = 100  # of generations; g999999 would be the last one for ever
ED25519: Final = b"ssh-ed25519"


class Ring:
    """The LINES of the file as the rotation key CALLER, label and KEYID, of POLICY may see them.

    FIND_PROOF gives the proof of a name, see proofs; NOW are seconds after the epoch. Raises
    GuardFailure(unsafe-keys) where the rotation key's own line is not among LINES: then this is not
    the file that sshd reads.
    """

    __slots__ = ("_call", "_labels", "_lines", "_now", "_policy", "entries")
    _command_kind: type[ForcedCommand] = ForcedCommand
    _line_kind: Union[type[ManagedLine], type[AuthorityLine]] = ManagedLine
    entries: Final[Sequence[Entry]]

    def __init__(
        self,
        lines: Sequence[Line],
        policy: Policy,
        caller: tuple[bytes, bytes],
        find_proof: Callable[[bytes], Optional[Proof]],
        now: int,
    ) -> None:
        self._lines: Final = lines
        self._policy: Final = policy
        self._labels: Final = policy.blocks[caller[0]].rotates
        self._now: Final = now
        self._call: Final = _own_call(lines, caller)
        self.entries = tuple(self._read(find_proof))

    def _read(self, find_proof: Callable[[bytes], Optional[Proof]]) -> Iterator[Entry]:
        for number, line in enumerate(self._lines, 1):
            call = self._command_kind.from_words(line.value(b"command") or b"")
            if call is not None and line.blob is not None and call.label in self._labels:
                managed = self._line_kind.from_line(line)
                proof = find_proof(proofs.name_of(call.label, call.key_id)) if managed else None
                yield Entry(number, line, call, managed, proof)

    def foreign(self) -> int:
        """Return how many lines are not the guard's: neither managed nor empty nor a comment."""
        others = (line for line in self._lines if not line.is_blank)
        return sum(
            ManagedLine.from_line(line) is None and AuthorityLine.from_line(line) is None
            for line in others
        )

    def duplicates(self) -> list[bytes]:
        """Return the KEYIDs whose key stands in more than one line of the file."""
        blobs = [line.blob for line in self._lines if line.blob is not None]
        return sorted({e.key_id for e in self.entries if blobs.count(e.line.blob or b"") > 1})

    def is_consistent(self, entry: Entry) -> bool:
        """Tell whether the line of ENTRY is what the policy composes now."""
        line = entry.managed
        if line is None or line.mark.label not in self._policy.blocks:
            return False
        meant = self._compose(line.mark.label, (line.key_type, line.blob), line.mark.generation)
        return meant.until(line.expiry, line.mark.staged).compose() == line.compose()

    def block(self, label: bytes) -> Block:
        """Return the block of LABEL; refuse one that is not this key's to rotate."""
        if label not in self._labels:
            raise Refused(Reason.NOT_ROTATABLE, f"Rotate does not list {label.decode('ascii')}")
        return self._policy.blocks[label]

    def stage(self, request: Request) -> Change:
        """Return what adds the key of REQUEST for a day."""
        self.block(request.label)
        until = expiry.at(self._now + STAGED_SECONDS)
        line = self._compose(request.label, (ED25519, request.blob), request.generation)
        others = self._with_key_of(request)
        if others:
            entry = self._staged_again(request, others)
            return Change(entry, {entry.number: line.until(until, True)} if entry.staged else {})
        keys = self._keys(request.label)
        self._require_next(request, keys)
        dropped = [each for each in keys if self._is_over(each)]
        if len({each.key_id for each in keys}) - len(dropped) >= KEYS_PER_LABEL:
            raise Refused(Reason.KEY_CONFLICT, f"{_shown(request.label)} has {_all(keys)}; drop or"
                                               " retire one first")
        gone: Changes = {each.number: None for each in dropped}
        return Change(None, gone, line.until(until, True), dropped)

    def confirm(self, request: Request) -> Change:
        """Return what lets the key of REQUEST last."""
        entry = self._find(request)
        if entry is None or entry.managed is None:
            raise Refused(Reason.NO_SUCH_KEY, f"{_shown(request.label)} has no such key; stage it")
        if not entry.staged:
            return Change(entry)
        if self._is_over(entry):
            raise Refused(Reason.NOT_PROVEN, f"{_one(entry)} was staged too long; stage it again,"
                                             " then log in with it")
        if entry.proof is None:
            raise Refused(Reason.NOT_PROVEN, f"{_one(entry)} has not logged in without a command")
        # Of a key that works under grants only, the next grant sets the end.
        kept = entry.managed.expiry if self._needs_grant(request.label) else None
        return Change(entry, {entry.number: entry.managed.until(kept)})

    def drop(self, request: Request) -> Change:
        """Return what takes the staged key of REQUEST out again."""
        entry = self._find(request)
        if entry is None:
            return Change(None)
        if not entry.staged:
            raise Refused(Reason.KEY_CONFLICT, f"{_one(entry)} is confirmed; retire it")
        return self._without(entry)

    def retire(self, request: Request) -> Change:
        """Return what takes the key of REQUEST out, if a later one has logged in."""
        entry = self._find(request)
        if entry is None:
            return Change(None)
        if entry.managed is None:
            raise Refused(Reason.KEY_CONFLICT, f"the line of {_one(entry)} was not written by the"
                                               " guard; take it out on the client")
        if not any(self._replaces(other, entry) for other in self._keys(request.label)):
            raise Refused(Reason.LAST_KEY, f"no later key than {_one(entry)} is confirmed and has"
                                           " logged in")
        return self._without(entry)

    def _without(self, entry: Entry) -> Change:
        """Return what takes all managed lines of ENTRY's key out."""
        numbers = [e.number for e in self.entries if e.key_id == entry.key_id and e.managed]
        return Change(entry, dict.fromkeys(numbers))

    def _replaces(self, other: Entry, entry: Entry) -> bool:
        """Tell whether who has the key of OTHER does without that of ENTRY."""
        if other.managed is None or other.staged or other.proof is None:
            return False
        lasts = other.managed.expiry is None or self._needs_grant(other.label)
        return lasts and other.generation > entry.generation

    def _keys(self, label: bytes) -> list[Entry]:
        return [entry for entry in self.entries if entry.label == label]

    def _find(self, request: Request) -> Optional[Entry]:
        """Return the key of REQUEST, by its managed line if there is one."""
        self.block(request.label)
        found = [entry for entry in self._keys(request.label) if entry.key_id == request.key_id]
        return min(found, key=lambda entry: entry.managed is None, default=None)

    def _needs_grant(self, label: bytes) -> bool:
        """Tell whether the lines of LABEL end with each grant."""
        block = self._policy.blocks[label]
        return block.operation == Operation.RESTORE and block.window == Window.GRANTED

    def _with_key_of(self, request: Request) -> list[Line]:
        """Return the lines that have the key of REQUEST."""
        return [line for line in self._lines if line.blob == request.blob]

    def _staged_again(self, request: Request, others: Sequence[Line]) -> Entry:
        """Return the line of OTHERS, with the key of REQUEST; refuse any other way to have it."""
        same = [each for each in self.entries if any(each.line is line for line in others)]
        mark = same[0].mark if len(others) == len(same) == 1 else None
        if mark is None or (mark.label, mark.generation) != (request.label, request.generation):
            raise Refused(Reason.KEY_CONFLICT, "the key stands in authorized_keys already, and not"
                                               " as this one; make another key")
        return same[0]

    def _require_next(self, request: Request, keys: Sequence[Entry]) -> None:
        """Refuse a generation that is not higher than all others, or out of reach of the next."""
        highest = max((entry.generation for entry in keys), default=0)
        number = request.generation
        is_at = f"{_shown(request.label)} is at g{highest}"
        if number <= highest:
            raise Refused(Reason.KEY_CONFLICT, f"{is_at}; g{number} is not higher")
        if number > highest + HIGHEST_JUMP:
            detail = f"{is_at}; g{number} is more than {HIGHEST_JUMP} higher"
            raise Refused(Reason.KEY_CONFLICT, detail)

    def _is_over(self, entry: Entry) -> bool:
        return entry.staged and entry.until <= self._now

    def _compose(self, label: bytes, key: tuple[bytes, bytes], generation: int) -> Composed:
        call = self._call
        return ManagedLine(call.program, label, key, generation, self._networks(label), call.policy)

    def _networks(self, label: bytes) -> tuple[bytes, ...]:
        return addresses.patterns(self._policy.blocks[label].networks)


def _own_call(lines: Sequence[Line], caller: tuple[bytes, bytes]) -> ForcedCommand:
    """Return how the line of the rotation key CALLER calls the guard: new lines do the same."""
    for line in lines:
        call = ForcedCommand.from_words(line.value(b"command") or b"")
        if call is not None and (call.label, call.key_id) == caller and not call.interpreter:
            return call
    detail = ("authorized_keys has no line of this rotation key; name the file that sshd reads with"
              " AuthorizedKeys in the policy")
    raise GuardFailure(Reason.UNSAFE_KEYS, detail)


def _shown(label: bytes) -> str:
    return label.decode("ascii")


def _one(entry: Entry) -> str:
    return f"g{entry.generation} {entry.key_id.decode('ascii')}"


def _all(entries: Sequence[Entry]) -> str:
    return " and ".join(map(_one, entries))
