"""The journal made anew from the key files and what the client lists, where the store was lost."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Optional

from .files import Pairs
from .journal import Entry, State
from .record import Outcome, Record
from .store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .answer import Key, Listed
    from .client import Client
    from .files import Pair


def rebuild(client: Client, label: str, store: Store) -> Record:
    """Store the journal of LABEL as client and files tell it; raises Trouble.

    The caller holds the label's lock.
    """
    host = client.host.name
    pairs = Pairs(client.config.pairs(host, label))
    pairs.sweep()
    listed = client.list()
    entry = derive(host, label, listed, pairs.all(), pairs.current(), _switched_at(pairs))
    store.write(entry, f"rebuilt: {entry.state}")
    number, key = entry.used
    text = "" if entry.is_idle else f"a rotation is under way: bpc-ssh-keys resume --host {host}"
    if key and pairs.of_key(key) is None:
        text = f"its private half is not here: bpc-ssh-keys rotate --host {host} --label {label}"
    return Record(host, label, entry.state, Outcome.REBUILT, number, key, text=text)


def derive(
    host: str, label: str, listed: Listed, pairs: Mapping[int, Pair], current: Optional[Pair],
    since: int,
) -> Entry:
    """Return the journal of LABEL that fits what is LISTED, the PAIRS and the one in use."""
    keys = sorted((key for key in listed.of(label) if key.generation is not None),
                  key=lambda key: key.generation or 0)
    lasting = [key for key in keys if not key.staged]
    ours = [key for key in keys if _is_ours(key, pairs)]
    now = int(time.time())
    used = next((key for key in ours if current is not None and key.key == current.key_id), None)
    if used is None or used.staged:  # the key in use is none that lasts
        new = max((key for key in ours if not key.staged), default=used,
                  key=lambda key: key.generation or 0)
        if new is None:
            return _idle(host, label, lasting[-1] if lasting else None, now)
        old = next((key for key in lasting if _number(key) < _number(new)), None)
        state = State.GENERATED if new.staged else State.CONFIRMED
        return _under_way(host, label, old, new, state, now)
    older = next((key for key in lasting if _number(key) < _number(used)), None)
    if older is not None:
        entry = _under_way(host, label, older, used, State.SWITCHED, now)
        return replace(entry, since=since or now)
    newer = next((key for key in ours if _number(key) > _number(used)), None)
    if newer is not None:
        entry = _under_way(host, label, used, newer, State.GENERATED, now)
        return replace(entry, since=since)
    return Entry(host, label, State.IDLE, _number(used), used.key, changed=now, since=since)


def open_or_begin(path: Path) -> tuple[Store, str]:
    """Return the store at PATH; a damaged one is put aside, and the text says where it is."""
    try:
        store = Store(path)
        store.check()
    except StoreError as error:
        if not path.exists():
            raise
        aside = f"{path}.damaged-{int(time.time())}"
        for tail in ("-wal", "-shm", ""):
            beside = f"{path}{tail}"
            if os.path.exists(beside):
                os.rename(beside, f"{aside}{tail}")
        return Store(path), f"{error}; it is kept as {aside}"
    return store, ""


def _idle(host: str, label: str, key: Optional[Key], now: int) -> Entry:
    if key is None:
        return Entry(host, label, changed=now)
    return Entry(host, label, State.IDLE, _number(key), key.key, changed=now)


def _under_way(
    host: str, label: str, old: Optional[Key], new: Key, state: str, now: int
) -> Entry:
    base = _idle(host, label, old, now)
    return base.begun(_number(new), new.key, now).at(state, now)


def _is_ours(key: Key, pairs: Mapping[int, Pair]) -> bool:
    pair = pairs.get(_number(key))
    return pair is not None and pair.key_id == key.key


def _number(key: Key) -> int:
    return key.generation or 0


def _switched_at(pairs: Pairs) -> int:
    """Return when `current` was made, 0 where it is not there."""
    try:
        return int(os.lstat(pairs.folder / "current").st_mtime)
    except OSError:
        return 0
