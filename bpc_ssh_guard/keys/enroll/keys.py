"""The first keys of a client, one a label: made here, authorized there, proved, taken into use.

What stands on the client decides: a pair whose line is there is never made anew, and one that was
ever in use and has lost its line is never given another, since it may have been taken out.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Optional

from ...authorized_keys import key_id
from ..client import Client
from ..config import AGENT
from ..files import Pairs, generate_alone
from ..journal import Entry, State
from ..record import Outcome, Record
from ..transport import Connection, rotation_key
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..config import Config, Host
    from ..files import Pair
    from ..store import Store
    from .machine import KeyLine

    # Lets the client write the line of a public key for a label.
    Authorize = Callable[[str, str], None]


class FirstKeys:
    """The keys of HOST, whose locks the caller holds; LINES are the client's lines of the guard."""

    def __init__(
        self, config: Config, host: Host, store: Store, group: Optional[int],
        lines: Sequence[KeyLine], authorize: Authorize,
    ) -> None:
        self._config: Final = config
        self._host: Final = host
        self._store: Final = store
        self._group: Final = group
        self._lines: Final = lines
        self._authorize: Final = authorize

    def enrol(self, label: str) -> Record:
        """Give LABEL, which BackupPC uses, its key; raises Trouble."""
        pairs = Pairs(self._config.pairs(self._host.name, label), self._group)
        pairs.sweep()
        entry, current = self._store.read(self._host.name, label), pairs.current()
        if entry is not None and current is not None and self._line(label, current.key_id):
            return self._record(label, Outcome.UNCHANGED, current.generation, current.key_id)
        pair = self._with_line(label, pairs)
        if pair is None:
            pair = self._new(label, pairs, entry)
            self._authorize(label, pair.public)
        record = self._use(label, pair, pairs)
        for other in pairs.all().values():
            if other != pair and not self._line(label, other.key_id):
                pairs.remove(other.generation)
        return record

    def prepare(self, label: str) -> Optional[Pair]:
        """Return the pair whose line somebody is to bring to the client; None if one is in use."""
        pairs = Pairs(self._config.pairs(self._host.name, label), self._group)
        pairs.sweep()
        if self._store.read(self._host.name, label) is not None:
            return None
        return max(pairs.all().values(), key=lambda pair: pair.generation, default=None
                   ) or pairs.generate(1)

    def accept(self, label: str) -> Record:
        """Prove the pair whose line somebody has brought to the client; raises Trouble."""
        pairs = Pairs(self._config.pairs(self._host.name, label), self._group)
        entry, pair = self._store.read(self._host.name, label), self.prepare(label)
        if entry is not None or pair is None:
            number, key = (0, "") if entry is None else entry.used
            return self._record(label, Outcome.UNCHANGED, number, key)
        return self._use(label, pair, pairs)

    def _use(self, label: str, pair: Pair, pairs: Pairs) -> Record:
        """Prove PAIR of PAIRS and take it into use for LABEL; raises Trouble."""
        with Client(self._config, self._host) as client:
            client.prove(label, pair)
        pairs.switch(pair.generation)
        now = int(time.time())
        entry = Entry(self._host.name, label, State.IDLE, pair.generation, pair.key_id,
                      changed=now, since=now)
        self._store.write(entry, f"enrolled g{pair.generation} {pair.key_id}")
        return self._record(label, Outcome.ENROLLED, pair.generation, pair.key_id)

    def enrol_rotation(self) -> Record:
        """Give the client the key by which the others are replaced; raises Trouble."""
        label = self._host.rotation_label
        key, public = self.rotation()
        if self._line(label, key) is None:
            self._authorize(label, public)
        return self.accept_rotation()

    def accept_rotation(self) -> Record:
        """Prove the rotation key, whose line the client has; raises Trouble."""
        label = self._host.rotation_label
        key, _ = self.rotation()
        number = self._prove_rotation(key)
        told = f"enrolled {key}"
        if any(told == event[-1] for event in self._store.events(self._host.name, label)):
            return self._record(label, Outcome.UNCHANGED, number, key)
        self._store.note(self._host.name, label, told)
        return self._record(label, Outcome.ENROLLED, number, key)

    def rotation(self) -> tuple[str, str]:
        """Return the KEYID and the public line of the rotation key, made if it is missing."""
        path = self._host.rotation_key
        if not path.startswith(AGENT) and not os.path.lexists(path):
            generate_alone(Path(path))
        key = rotation_key(self._host)
        return key_id(key.asbytes()).decode("ascii"), f"{key.get_name()} {key.get_base64()}"

    def _prove_rotation(self, key: str) -> int:
        """Log in with the rotation key, whose KEYID is KEY; return its generation there."""
        with Connection(self._config, self._host) as connection:
            connection.login(rotation_key(self._host))
            told = connection.greeting()
        if (told.label, told.key) != (self._host.rotation_label, key) or told.generation is None:
            raise Trouble(Word.WRONG_KEY, f"greeted {told.label} {told.key}, not"
                          f" {self._host.rotation_label} {key}; take the other line of the key out")
        return told.generation

    def _line(self, label: str, key: str) -> Optional[KeyLine]:
        return next((line for line in self._lines if (line.label, line.key_id) == (label, key)
                     and not line.staged), None)

    def _with_line(self, label: str, pairs: Pairs) -> Optional[Pair]:
        """Return the newest pair whose line the client has, as a run that was killed left it."""
        found = [pair for pair in pairs.all().values() if self._line(label, pair.key_id)]
        return max(found, key=lambda pair: pair.generation, default=None)

    def _new(self, label: str, pairs: Pairs, entry: Optional[Entry]) -> Pair:
        """Return a pair of the generation that the client gives next, as guardctl counts them."""
        used = (line.generation for line in self._lines if line.label == label)
        number = max(used, default=0) + 1
        found = pairs.all().get(number)
        if found is not None:
            current = pairs.current()
            known = () if entry is None else (entry.key, entry.next_key)
            if found != current and found.key_id not in known:
                return found  # of a run that was killed before the client had it
            pairs.remove(number)
        return pairs.generate(number)

    def _record(self, label: str, outcome: str, generation: int, key: str) -> Record:
        others = [f"g{line.generation} {line.key_id}" for line in self._lines
                  if line.label == label and line.key_id != key and not self._is_ours(line)]
        text = ""
        if others:
            text = f"the client has {', '.join(others)} too: if nobody needs it, take its line out"
            if label != self._host.rotation_label:
                text += f" by bpc-ssh-keys revoke --host {self._host.name} --label {label} --key"
        return Record(self._host.name, label, "key", outcome, generation, key, text=text)

    def _is_ours(self, line: KeyLine) -> bool:
        pairs = Pairs(self._config.pairs(self._host.name, line.label))
        return pairs.of_key(line.key_id) is not None
