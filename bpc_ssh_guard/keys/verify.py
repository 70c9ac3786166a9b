"""Drift: where client, files and journal of a label don't say the same."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING, Final

from ..duration import DAY, in_words
from . import resume
from .files import FILE_MODE, Pairs
from .record import Outcome, Record
from .transport import private_key
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .answer import Key, Listed
    from .client import Client
    from .journal import Entry
    from .store import Store

PENDING: Final = 3 * DAY  # a rotation ends within two nights where nothing is wrong


class Kind:
    """What can be found; a closed set, each explained in bpc-ssh-keys(8)."""

    MISSING: Final = "missing"
    STAGED: Final = "staged"
    UNKNOWN_KEY: Final = "unknown-key"
    UNMANAGED: Final = "unmanaged"
    INCONSISTENT: Final = "inconsistent"
    DUPLICATE: Final = "duplicate"
    OPEN_FILE: Final = "open-file"
    UNFINISHED: Final = "unfinished"
    JOURNAL: Final = "journal"
    FILES: Final = "files"


KINDS: Final = {
    Kind.MISSING: "the client has no line of the key in use",
    Kind.STAGED: "the key in use ends by itself, since it was never confirmed",
    Kind.UNKNOWN_KEY: "the client has a key of the label that this store doesn't know",
    Kind.UNMANAGED: "a line of the label was not written by the guard, so it is never replaced",
    Kind.INCONSISTENT: "a line differs from what the client's policy composes now",
    Kind.DUPLICATE: "a key stands in more than one line, and sshd takes the first",
    Kind.OPEN_FILE: "others can write the client's authorized_keys",
    Kind.UNFINISHED: "a rotation is under way for days",
    Kind.JOURNAL: "the store and the link `current` name different keys",
    Kind.FILES: "a key file is missing, damaged or open to others",
}


def look(client: Client, label: str, store: Store) -> Iterator[tuple[str, str]]:
    """Yield kind and text of all that is wrong with LABEL; raises Trouble."""
    entry = store.read(client.host.name, label)
    if entry is None:
        raise Trouble(Word.UNKNOWN_KEY, "the store has no key of this label; put its first one in"
                                        " place, then run bpc-ssh-keys rebuild --host"
                                        f" {client.host.name}")
    yield from _of_client(entry, client.list())
    yield from _of_files(entry, Pairs(client.config.pairs(client.host.name, label)))
    pending = int(time.time()) - entry.changed
    if not entry.is_idle and pending > PENDING:
        yield Kind.UNFINISHED, (f"{entry.state} for {in_words(pending)}:"
                                f" bpc-ssh-keys resume --host {entry.host}")


def verify(client: Client, label: str, store: Store) -> tuple[list[Record], Record]:
    """Return a record for all that is wrong with LABEL, and the last one; raises Trouble."""
    host = client.host.name
    found = [Record(host, label, "", Outcome.FOUND, error=kind, text=text)
             for kind, text in look(client, label, store)]
    if found:
        return found, Record(host, label, "", Outcome.DRIFT, text=f"{len(found)} findings")
    text = f"{client.list().foreign} foreign lines on the client"
    return [], Record(host, label, "", Outcome.CLEAN, text=text)


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
        if each.key in listed.duplicates:
            yield Kind.DUPLICATE, f"{_shown(each)}: stands in more than one line; take one out"
    if int(listed.mode, 8) & (stat.S_IWGRP | stat.S_IWOTH):
        yield Kind.OPEN_FILE, f"authorized_keys has mode {listed.mode}; chmod go-w it"


def _of_key(entry: Entry, key: Key) -> Iterator[tuple[str, str]]:
    if key.generation is None:
        yield Kind.UNMANAGED, f"{_shown(key)}: write its line by bpc-ssh-guardctl authorize"
        return
    if key.key not in (entry.key, entry.next_key) and not resume.is_over(key, int(time.time())):
        yield Kind.UNKNOWN_KEY, (f"{_shown(key)}: if nobody needs it: bpc-ssh-keys revoke --host"
                                 f" {entry.host} --label {entry.label} --key {key.key}")
    if not key.consistent:
        yield Kind.INCONSISTENT, f"{_shown(key)}: the next rotation writes the line anew"


def _of_files(entry: Entry, pairs: Pairs) -> Iterator[tuple[str, str]]:
    number, key = entry.used
    try:
        current, known = pairs.current(), pairs.all()
    except Trouble as trouble:
        yield Kind.FILES, str(trouble)
        return
    if current is None:
        yield Kind.FILES, f"{pairs.folder}/current: leads to no key; bpc-ssh-keys rebuild"
    elif current.key_id != key:
        yield Kind.JOURNAL, (f"current leads to g{current.generation} {current.key_id}, the store"
                             f" has g{number} {key}; bpc-ssh-keys resume, or rebuild")
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
