"""Where a rotation really is: the journal says how far this side came, the client what is true.

Pure: journal, list and pairs in, a decision out. A staged key that ended or was taken out would
stop a rotation for ever if the journal were believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Optional

from ..keyagent.ring import HIGHEST_JUMP
from .journal import Entry, State
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .answer import Key, Listed
    from .files import Pair

_BEFORE_CONFIRMED: Final = (State.GENERATED, State.STAGED, State.PROVEN)


def reconcile(
    entry: Entry, listed: Listed, pairs: Mapping[int, Pair], now: int
) -> Optional[Entry]:
    """Return ENTRY, not idle, in the state that is true; None where its new key can't be used.

    Then the rotation begins anew with another key. Raises Trouble(files) where the client has the
    new key for good and its private half is lost.
    """
    found = listed.find(entry.label, entry.next_key)
    pair = pairs.get(entry.next_generation)
    is_here = pair is not None and pair.key_id == entry.next_key
    if found is not None and found.is_confirmed:
        if not is_here:
            raise Trouble(
                Word.FILES, f"the private half of g{entry.next_generation} {entry.next_key} is"
                " lost, and the client has it for good; take its line out on the client"
            )
        if entry.state not in _BEFORE_CONFIRMED:
            return entry
        return entry.at(State.CONFIRMED if found.proven else State.STAGED, now)
    if not is_here or (found is None and not _can_stage(entry, listed)):
        return None
    return entry.at(State.GENERATED, now)


def _can_stage(entry: Entry, listed: Listed) -> bool:
    highest = listed.highest(entry.label)
    return highest < entry.next_generation <= highest + HIGHEST_JUMP


def next_generation(entry: Entry, listed: Listed, pairs: Mapping[int, Pair]) -> int:
    """Return the generation of a new key of ENTRY: above all that are known, if the client lets it.

    It admits HIGHEST_JUMP above what it has; a label whose lines were all taken out begins again.
    """
    highest = listed.highest(entry.label)
    wanted = max(highest, entry.generation, entry.next_generation, *pairs, 0) + 1
    if wanted <= highest + HIGHEST_JUMP:
        return wanted
    return next(number for number in range(highest + 1, highest + HIGHEST_JUMP + 1)
                if number not in pairs)


def require_known(
    entry: Entry, listed: Listed, pairs: Mapping[int, Pair], now: int
) -> Optional[Pair]:
    """Return the pair of ENTRY's successor where the client has it and the journal has lost it.

    Refuse any other key of the label that ENTRY, an idle one, doesn't name: of another server, or
    of nobody. Where the client has lost ours, such a key may stand beside our next one: only what
    this store has handed out is ever retired by it. Raises Trouble.
    """
    is_ours_lost = listed.find(entry.label, entry.key) is None
    for key in listed.of(entry.label):
        if key.generation is None or key.key == entry.key or is_over(key, now):
            continue
        ours = pairs.get(key.generation)
        if ours is not None and ours.key_id == key.key and key.generation > entry.generation:
            return ours
        shown = f"the client has g{key.generation} {key.key}, which this store doesn't know"
        if key.staged:
            raise Trouble(Word.CONFLICT, f"{shown}: another server replaces the key; let one"
                                         " server have the host")
        if is_ours_lost:
            continue
        advice = f"bpc-ssh-keys revoke --host {entry.host} --label {entry.label} --key {key.key}"
        raise Trouble(Word.UNKNOWN_KEY, f"{shown}; if nobody else needs it: {advice}")
    return None


def is_over(key: Key, now: int) -> bool:
    """Tell whether KEY was staged and its end is over: the client makes room for another."""
    return key.staged and key.until is not None and key.until <= now
