"""Drift: where client, files, journal and configuration of a label don't say the same."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

from ..duration import in_words
from . import resume
from .certificates import drift
from .config import Channel
from .durable import FILE_MODE
from .files import Pairs
from .finding import KINDS, PENDING, Kind
from .record import Outcome, Record, counted
from .transport import private_key
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .answer import Key, Listed
    from .client import Client
    from .journal import Entry
    from .store import Store

__all__ = ["KINDS", "PENDING", "look", "verify"]


def verify(
    client: Client, label: str, store: Store, known: drift.Known, tell: Callable[[Record], None]
) -> Record:
    """Tell all that is wrong with LABEL, and return how it ended; raises Trouble."""
    host, count = client.host.name, 0
    for kind, text in look(client, label, store, known):
        count += 1
        tell(Record(host, label, "", Outcome.FOUND, error=kind, text=text))
    if count:
        return Record(host, label, "", Outcome.DRIFT, text=counted(count, "finding", "findings"))
    text = f"{counted(client.list().foreign, 'foreign line', 'foreign lines')} on the client"
    return Record(host, label, "", Outcome.CLEAN, text=text)


def look(
    client: Client, label: str, store: Store, known: drift.Known
) -> Iterator[tuple[str, str]]:
    """Yield kind and text of all that is wrong with LABEL; raises Trouble.

    What is wrong on this side comes first, as the client may not be in reach.
    """
    host = client.host
    pairs = Pairs(client.config.pairs(host.name, label))
    if host.channel == Channel.CERTIFICATE:
        yield from _of_pairs(pairs)
        yield from drift.of_certificate(known, host, label)
    else:
        entry = store.read(host.name, label)
        if entry is None:
            raise Trouble(Word.UNKNOWN_KEY, "the store has no key of this label; put its first one"
                                            " in place, then run bpc-ssh-keys rebuild --host"
                                            f" {host.name}")
        yield from _of_journal(entry, pairs)
        yield from _of_pairs(pairs)
        yield from _of_client(entry, client.list())
    listed = client.list()
    yield from _of_file(listed, label)
    yield from drift.of_lines(known, host, label, listed)


def _of_client(entry: Entry, listed: Listed) -> Iterator[tuple[str, str]]:
    number, key = entry.used
    found = listed.find(entry.label, key)
    again = f"bpc-ssh-keys rotate --host {entry.host} --label {entry.label}"
    if found is None:
        yield Kind.MISSING, f"g{number} {key}: the client has no line of it; {again}"
    elif found.staged:
        yield Kind.STAGED, f"g{number} {key}: it was staged and not confirmed; {again}"
    for each in listed.of(entry.label):
        yield from _of_key(entry, each)


def _of_file(listed: Listed, label: str) -> Iterator[tuple[str, str]]:
    for each in listed.of(label):
        if each.generation is None:
            yield Kind.UNMANAGED, f"{_shown(each)}: write its line by bpc-ssh-guardctl authorize"
        if each.key in listed.duplicates:
            yield Kind.DUPLICATE, f"{_shown(each)}: stands in more than one line; take one out"
    if int(listed.mode, 8) & (stat.S_IWGRP | stat.S_IWOTH):
        yield Kind.OPEN_FILE, f"authorized_keys has mode {listed.mode}; chmod go-w it"


def _of_key(entry: Entry, key: Key) -> Iterator[tuple[str, str]]:
    if key.generation is None:
        return
    if key.key not in (entry.key, entry.next_key) and not resume.is_over(key, int(time.time())):
        yield Kind.UNKNOWN_KEY, (f"{_shown(key)}: if nobody needs it: bpc-ssh-keys revoke --host"
                                 f" {entry.host} --label {entry.label} --key {key.key}")
    if not key.consistent:
        yield Kind.INCONSISTENT, f"{_shown(key)}: the next rotation writes the line anew"


def _of_journal(entry: Entry, pairs: Pairs) -> Iterator[tuple[str, str]]:
    number, key = entry.used
    pending = int(time.time()) - entry.changed
    if not entry.is_idle and pending > PENDING:
        yield Kind.UNFINISHED, (f"{entry.state} for {in_words(pending)}:"
                                f" bpc-ssh-keys resume --host {entry.host}")
    try:
        current = pairs.current()
    except Trouble as trouble:
        yield Kind.FILES, str(trouble)
        return
    if current is None:
        yield Kind.FILES, f"{pairs.folder}/current: leads to no key; bpc-ssh-keys rebuild"
    elif current.key_id != key:
        yield Kind.JOURNAL, (f"current leads to g{current.generation} {current.key_id}, the store"
                             f" has g{number} {key}; bpc-ssh-keys resume, or rebuild")


def _of_pairs(pairs: Pairs) -> Iterator[tuple[str, str]]:
    try:
        known = pairs.all()
    except Trouble as trouble:
        yield Kind.FILES, str(trouble)
        return
    for pair in known.values():
        mode = stat.S_IMODE(pair.path.lstat().st_mode)
        if mode & ~FILE_MODE:
            yield Kind.FILES, f"{pair.path}: has mode {mode:04o}; chmod {FILE_MODE:04o} it"
        try:
            private = private_key(pair.path)
        except Trouble as trouble:
            yield Kind.FILES, str(trouble)
            continue
        if f"{private.get_name()} {private.get_base64()}" != pair.public:
            yield Kind.FILES, f"{pair.path}: is not the key of {pair.path}.pub"


def _shown(key: Key) -> str:
    return key.key if key.generation is None else f"g{key.generation} {key.key}"
