"""Keys and authorities taken out by name, and rotations taken back, as a rotation key may do.

The last one that has logged in can't be taken out; it is replaced.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Optional

from ..vocabulary import CERTIFICATE
from .files import Pairs
from .journal import Entry, State
from .record import Outcome, Record
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from .answer import Key
    from .certificates.drift import Known
    from .client import Client
    from .store import Store

AUTHORITY: Final = CERTIFICATE.decode("ascii")  # before the KEYID of an authority


def revoke(
    client: Client, label: str, key_id: str, store: Store, known: Known
) -> Record:
    """Take KEY_ID of LABEL out of the client, a key or an authority that is not in use.

    KNOWN are the authorities of this server. The caller holds the label's lock. Raises Trouble.
    """
    host = client.host.name
    key = find(client, label, key_id)
    if key is None:
        raise Trouble(Word.NO_SUCH_KEY, f"the client has no {key_id} of {label}")
    if key_id.startswith(AUTHORITY):
        _require_strange_authority(key_id, known)
    else:
        _require_not_in_use(key_id, host, label, store)
    store.note(host, label, f"asked to take out {key_id}")
    try:
        if key.staged:
            client.rotation.drop(label, key_id)
        else:
            client.rotation.retire(label, key_id)
    except Trouble as trouble:
        if trouble.word != Word.REFUSED:
            raise
        raise Trouble(trouble.word, f"{trouble}; take its line out on the client, in"
                                    " authorized_keys") from None
    store.note(host, label, f"took out {key_id}")
    return Record(host, label, "", Outcome.REVOKED, key.generation or 0, key_id)


def find(client: Client, label: str, key_id: str) -> Optional[Key]:
    """Return the key or authority KEY_ID of LABEL that the client lists; raises Trouble."""
    if key_id.startswith(AUTHORITY):
        return client.list().find_authority(label, key_id)
    return client.list().find(label, key_id)


def _require_not_in_use(key_id: str, host: str, label: str, store: Store) -> None:
    entry = store.read(host, label)
    if entry is not None and key_id in (entry.used[1], entry.next_key):
        advice = f"bpc-ssh-keys revoke --emergency --host {host} --label {label}"
        raise Trouble(Word.REFUSED, f"{key_id} is the key in use, or its successor; to replace it"
                                    f" at once: {advice}")


def _require_strange_authority(authority: str, known: Known) -> None:
    if authority in known.all:
        raise Trouble(Word.REFUSED, f"{authority} is this server's own authority; to replace it:"
                                    " bpc-ssh-keys ca rotate")


def roll_back(client: Client, label: str, store: Store, group: Optional[int]) -> Record:
    """Take the rotation of LABEL back, as long as its new key is not confirmed; raises Trouble.

    Of one that is switched and not retired the old key is taken into use again: the new one stays
    on the client, which gives no confirmed key up but for a later one. The caller holds the lock.
    """
    host = client.host.name
    entry = store.read(host, label)
    if entry is None or entry.is_idle:
        return Record(host, label, State.IDLE, Outcome.UNCHANGED, text="no rotation is under way")
    pairs, now = Pairs(client.config.pairs(host, label), group), int(time.time())
    old = pairs.of_key(entry.key) if entry.key else None
    key = client.list().find(label, entry.next_key)
    if key is not None and not key.staged:
        return _back_to_old(client, pairs, entry, store)
    current = pairs.current()
    if current is not None and current.key_id == entry.next_key:
        if old is None or client.list().find(label, old.key_id) is None:
            raise Trouble(Word.REFUSED, "the old key is gone; bpc-ssh-keys resume goes on")
        pairs.switch(old.generation)
    if key is not None:
        client.rotation.drop(label, entry.next_key)
    idle = Entry(host, label, State.IDLE, entry.generation, entry.key, changed=now,
                 since=entry.since)
    store.write(idle, f"rolled back g{entry.next_generation} {entry.next_key}")
    pairs.remove(entry.next_generation)
    return Record(host, label, State.IDLE, Outcome.ROLLED_BACK, entry.generation, entry.key)


def _back_to_old(client: Client, pairs: Pairs, entry: Entry, store: Store) -> Record:
    """Use the old key of ENTRY again, though the client has the new one for good."""
    old = pairs.of_key(entry.key) if entry.key else None
    if old is None or entry.state not in (State.CONFIRMED, State.SWITCHED):
        raise Trouble(Word.REFUSED, f"g{entry.next_generation} is confirmed on the client and the"
                                    " old key is given up; bpc-ssh-keys resume goes on")
    if client.list().find(entry.label, old.key_id) is None:
        raise Trouble(Word.REFUSED, f"the client has no line of the old key, g{old.generation};"
                                    " bpc-ssh-keys resume goes on")
    pairs.switch(old.generation)
    back = entry.at(State.CONFIRMED, int(time.time()))
    store.write(back, f"went back to g{old.generation} {old.key_id}")
    text = (f"the client has g{entry.next_generation} {entry.next_key} for good and takes both;"
            " the next resume or rotate switches to it again")
    return Record(entry.host, entry.label, State.CONFIRMED, Outcome.ROLLED_BACK, old.generation,
                  old.key_id, text=text)
