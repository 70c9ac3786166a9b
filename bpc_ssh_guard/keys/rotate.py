"""The rotation of one label: a new key is proven before anything of the old one is given up.

generated -> staged -> proven -> confirmed -> switched -> retired -> refused -> idle. A state is
stored when the step is done; every step can be repeated. Whoever is killed anywhere on the way
leaves `current` at a key that the client takes, and the next run ends what was begun.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Optional

from ..duration import in_words
from . import resume, soak
from .files import Pairs
from .journal import Entry, State
from .record import Outcome, Record
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import Client
    from .files import Pair
    from .store import Store


@dataclass(frozen=True)
class Wish:
    """What a run is for: begin new rotations or end those under way; how long to soak."""

    begin: bool = True
    older_than: Optional[int] = None  # seconds that a key must have been in use to be replaced
    soak: Optional[int] = None  # seconds; None for what the host has


class Rotation:
    """The rotation of LABEL, whose lock the caller holds, during a visit to CLIENT."""

    def __init__(
        self, client: Client, label: str, store: Store, group: Optional[int],
        tell: Callable[[Record], None],
    ) -> None:
        self._client: Final = client
        self._label: Final = label
        self._store: Final = store
        self._tell: Final = tell
        self._pairs: Final = Pairs(client.config.pairs(client.host.name, label), group)
        self._proven = ""  # the KEYID that logged in during this visit
        self._steps: Final = {
            State.GENERATED: self._stage,
            State.STAGED: self._prove,
            State.PROVEN: self._confirm,
            State.CONFIRMED: self._switch,
            State.SWITCHED: self._retire,
            State.RETIRED: self._refuse,
            State.REFUSED: self._clean,
        }

    def run(self, wish: Wish) -> Record:
        """Go on as far as WISH and the client let it; return how it ended, failures too."""
        try:
            return self._run(wish)
        except Trouble as trouble:
            entry = self._store.read(self._client.host.name, self._label)
            at = Entry(self._client.host.name, self._label) if entry is None else entry
            return replace(self._record(at, Outcome.FAILED, str(trouble)), error=trouble.word)

    def _run(self, wish: Wish) -> Record:
        entry = self._entry()
        if entry.is_idle and not (wish.begin and is_due(entry, wish.older_than, _now())):
            return self._record(entry, Outcome.UNCHANGED)
        entry = self._settled(entry)
        while not entry.is_idle:
            if entry.state == State.SWITCHED and not self._is_soaked(entry, wish):
                return self._soaking(entry, wish)
            entry = self._steps[entry.state](entry)
            if not entry.is_idle:
                self._tell(self._record(entry, Outcome.DONE))
        return self._record(entry, Outcome.ROTATED)

    def _entry(self) -> Entry:
        """Return the journal of the label; raises Trouble where only a rebuild can know it."""
        host = self._client.host.name
        entry = self._store.read(host, self._label)
        if entry is not None:
            return entry
        if self._pairs.current() is not None or self._client.list().of(self._label):
            raise Trouble(Word.UNKNOWN_KEY, "the store has lost the keys of this label; run"
                                            f" bpc-ssh-keys rebuild --host {host}")
        return Entry(host, self._label)

    def _settled(self, entry: Entry) -> Entry:
        """Return ENTRY with a rotation under way, in the state that the client confirms."""
        self._pairs.sweep()
        listed, now = self._client.list(), _now()
        if not entry.is_idle:
            found = resume.reconcile(entry, listed, self._pairs.all(), now)
            if found is not None:
                return found
            entry = self._abandon(entry)
        adopted = resume.require_known(entry, listed, self._pairs.all(), now)
        if adopted is not None:
            return self._adopt(entry, adopted)
        return self._generate(entry)

    def _abandon(self, entry: Entry) -> Entry:
        """Give up the new key of ENTRY, which the client can't take any more."""
        old = self._pairs.of_key(entry.key) if entry.key else None
        current = self._pairs.current()
        if old is not None and old != current:
            self._pairs.switch(old.generation)
        elif current is not None and current.generation == entry.next_generation:
            return self._keep(entry.at(State.REFUSED, _now()).ended(_now()), "lost the new key")
        self._pairs.remove(entry.next_generation)
        idle = Entry(entry.host, entry.label, State.IDLE, entry.generation, entry.key,
                     changed=_now(), since=entry.since)
        return self._keep(idle, f"abandoned g{entry.next_generation} {entry.next_key}")

    def _adopt(self, entry: Entry, pair: Pair) -> Entry:
        """Go on with PAIR, which the client has and the journal has lost."""
        begun = entry.begun(pair.generation, pair.key_id, _now())
        self._keep(begun, f"found g{pair.generation} {pair.key_id}")
        found = resume.reconcile(begun, self._client.list(), self._pairs.all(), _now())
        return begun if found is None else found

    def _generate(self, entry: Entry) -> Entry:
        known = self._pairs.all()
        current = self._pairs.current()
        for pair in known.values():  # of runs that were killed before the journal had them
            if pair.key_id != entry.key and pair != current:
                self._pairs.remove(pair.generation)
        number = resume.next_generation(entry, self._client.list(), self._pairs.all())
        pair = self._pairs.generate(number)
        begun = entry.begun(number, pair.key_id, _now())
        self._keep(begun, f"generated g{number} {pair.key_id}")
        self._tell(self._record(begun, Outcome.DONE))
        return begun

    def _stage(self, entry: Entry) -> Entry:
        pair = self._next(entry)
        self._client.rotation.stage(self._label, pair.generation, pair.public)
        return self._reached(entry, State.STAGED)

    def _prove(self, entry: Entry) -> Entry:
        self._client.prove(self._label, self._next(entry))
        self._proven = entry.next_key
        return self._reached(entry, State.PROVEN)

    def _confirm(self, entry: Entry) -> Entry:
        self._client.rotation.confirm(self._label, entry.next_key)
        return self._reached(entry, State.CONFIRMED)

    def _switch(self, entry: Entry) -> Entry:
        self._pairs.switch(entry.next_generation)
        return self._reached(entry, State.SWITCHED)

    def _retire(self, entry: Entry) -> Entry:
        current = self._pairs.current()
        if current is None or current.key_id != entry.next_key:
            self._pairs.switch(entry.next_generation)
        if self._proven != entry.next_key and not self._waits_for_grant(entry):
            self._client.prove(self._label, self._next(entry))
        if entry.key:
            self._client.rotation.retire(self._label, entry.key)
        return self._reached(entry, State.RETIRED)

    def _refuse(self, entry: Entry) -> Entry:
        old = self._pairs.of_key(entry.key) if entry.key else None
        if old is not None and self._waits_for_grant(entry):
            self._client.require_gone(old)
        elif old is not None:  # of a key that was made elsewhere only the list can tell
            self._client.require_replaced(self._label, old, self._next(entry))
        return self._reached(entry, State.REFUSED)

    def _waits_for_grant(self, entry: Entry) -> bool:
        """Tell whether the client lets the new key in under a grant alone, so that it can't log in.

        It was proven before it was confirmed, and the end of its day came before the rotation's.
        """
        key = self._client.list().find(self._label, entry.next_key)
        if key is None or not key.is_confirmed or key.proven is None or key.until is None:
            return False
        return key.until <= _now()

    def _clean(self, entry: Entry) -> Entry:
        old = self._pairs.of_key(entry.key) if entry.key else None
        if old is not None:
            self._pairs.remove(old.generation)
        number, key = entry.used
        return self._keep(entry.ended(_now()), f"idle with g{number} {key}")

    def _next(self, entry: Entry) -> Pair:
        pair = self._pairs.of(entry.next_generation)
        if pair is None or pair.key_id != entry.next_key:
            raise Trouble(Word.FILES, f"{self._pairs.folder}/g{entry.next_generation}: is not the"
                                      " key that was generated; put it back, or"
                                      " bpc-ssh-keys rollback")
        return pair

    def _reached(self, entry: Entry, state: str) -> Entry:
        text = f"{state} g{entry.next_generation} {entry.next_key}"
        return self._keep(entry.at(state, _now()), text)

    def _keep(self, entry: Entry, what: str) -> Entry:
        self._store.write(entry, what)
        return entry

    def _is_soaked(self, entry: Entry, wish: Wish) -> bool:
        host = self._client.host
        seconds = host.soak if wish.soak is None else wish.soak
        key = self._client.list().find(self._label, entry.next_key)
        if seconds == 0 or not entry.key:
            return True
        return soak.is_over(self._client.config, host, entry, key, _now(), seconds)

    def _soaking(self, entry: Entry, wish: Wish) -> Record:
        seconds = self._client.host.soak if wish.soak is None else wish.soak
        left = in_words(max(entry.changed + seconds - _now(), 0))
        text = f"the old key stays until a good backup with the new one, at most {left}"
        return self._record(entry, Outcome.SOAKING, text)

    def _record(self, entry: Entry, outcome: str, text: str = "") -> Record:
        number, key = entry.used
        if not entry.is_idle:
            number, key = entry.next_generation, entry.next_key
        return Record(entry.host, entry.label, entry.state, outcome, number, key, text=text)


def is_due(entry: Entry, limit: Optional[int], now: int) -> bool:
    """Tell whether the key of ENTRY is in use for longer than LIMIT, or nobody knows how long."""
    return limit is None or not entry.since or now - entry.since > limit


def _now() -> int:
    return int(time.time())
