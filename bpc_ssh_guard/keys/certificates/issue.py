"""Certificates issued for the labels of many hosts, all of them or those that are due.

A certificate is put in place at once; until then the old one stands. Nothing is asked of a client,
so all that can stop a run is this machine.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ..files import FILE_MODE, Pairs, replace
from ..record import Outcome, Record
from ..trouble import Trouble, Word
from . import CERTIFICATE, certificate
from .certificate import Terms
from .serials import Item
from .settings import SLACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ..config import Config, Host
    from ..files import Pair
    from .ca import Authority
    from .certificate import Issued
    from .serials import Serials
    from .settings import Settings

BATCH: Final = 256  # certificates noted in one commit: a disk's sync for each would rule the run


@dataclass(frozen=True)
class Label:
    """One label of one host."""

    host: Host
    name: str


@dataclass(frozen=True)
class _Task:
    """What is to be signed: for which key, under which terms, by whom."""

    label: Label
    pair: Pair
    terms: Terms
    authority: Authority


class Issuer:
    """What issues certificates; its caller holds the lock of the authorities."""

    def __init__(
        self, config: Config, settings: Settings, authorities: Sequence[Authority],
        current: Authority, serials: Serials, group: Optional[int],
    ) -> None:
        self._config: Final = config
        self._settings: Final = settings
        self._known: Final = {each.blob: each for each in authorities}
        self._current: Final = current
        self._serials: Final = serials
        self._group: Final = group

    def due(self, labels: Iterable[Label], now: int) -> list[tuple[Label, str]]:
        """Return those of LABELS that need a certificate, and why."""
        reasons = ((label, self.reason(label, now)) for label in labels)
        return [(label, reason) for label, reason in reasons if reason]

    def reason(self, label: Label, now: int) -> str:
        """Return why LABEL needs a new certificate, empty where it doesn't; raises Trouble."""
        found, pair = self.in_use(label), self._pairs(label).current()
        if found is None or pair is None:
            return "has none"
        if found.authority not in self._known:
            return "is of an authority that is gone"
        if not found.fits(self._terms(label, found.authority), pair.key_id):
            return "says something else than the configuration"
        if not found.begins <= now < found.ends:
            return "is not valid now"
        if now - found.begins - SLACK >= self._settings.renew:
            return "is to be renewed"
        return ""

    def in_use(self, label: Label) -> Optional[Issued]:
        """Return the certificate of LABEL in use; raises Trouble."""
        return certificate.read(self._pairs(label).folder / CERTIFICATE)

    def files(self, label: Label) -> tuple[Optional[Pair], Path]:
        """Return the pair of LABEL in use and the path of its certificate; raises Trouble."""
        pairs = self._pairs(label)
        return pairs.current(), pairs.folder / CERTIFICATE

    def issue(
        self, labels: Iterable[Label], authority: Optional[Authority] = None
    ) -> Iterator[Record]:
        """Issue a certificate for each of LABELS; yield how each ended.

        AUTHORITY signs it; by default the one that has signed the certificate in use: which
        authority a client takes is known by what it was proven with.
        """
        waiting = iter(labels)
        while batch := list(itertools.islice(waiting, BATCH)):
            tasks = []
            for label in batch:
                try:
                    tasks.append(self._task(label, authority))
                except Trouble as trouble:
                    yield failed(label, trouble)
            yield from self._issue(tasks)

    def brief(self, label: Label, authority: Authority, seconds: int) -> tuple[Pair, bytes]:
        """Return the pair of LABEL and a certificate of SECONDS, in no file; raises Trouble."""
        task = self._task(label, authority)
        return task.pair, self._sign([task], seconds)[0][1]

    def _issue(self, tasks: Sequence[_Task]) -> Iterator[Record]:
        signed = self._sign(tasks, self._settings.life)
        for task, (item, text) in zip(tasks, signed):
            path = self._pairs(task.label).folder / CERTIFICATE
            try:
                replace(path, text, FILE_MODE, self._group)
            except OSError as error:
                trouble = Trouble(Word.FILES, f"{error.filename or path}: {error.strerror}")
                yield failed(task.label, trouble)
                continue
            members = {"serial": int(item[0]), "until": item[1].ends,
                       "authority": task.authority.generation}
            yield Record(
                item[1].host, item[1].label, "", Outcome.ISSUED, task.pair.generation,
                task.pair.key_id, text=f"serial {item[0]}, until {_shown(item[1].ends)}",
                about=members,
            )

    def _sign(
        self, tasks: Sequence[_Task], seconds: int
    ) -> list[tuple[tuple[int, Item], bytes]]:
        now = int(time.time())
        begins, ends = now - SLACK, now + seconds
        items = [Item(task.label.host.name, task.label.name, task.authority.generation,
                      task.pair.key_id, begins, ends) for task in tasks]
        serials = self._serials.take(items, now)
        return [
            ((serial, item), certificate.sign(task.authority, task.terms, task.pair, serial,
                                              begins, ends))
            for task, item, serial in zip(tasks, items, serials)
        ]

    def _task(self, label: Label, authority: Optional[Authority]) -> _Task:
        pairs = self._pairs(label)
        pair = pairs.current()
        if pair is None:
            pairs.sweep()  # of a run that was killed
            made = pairs.all()
            pair = made[max(made)] if made else pairs.generate(1)
            pairs.switch(pair.generation)
        if authority is None:
            found = self.in_use(label)
            blob = found.authority if found is not None else b""
            authority = self._known.get(blob, self._current)
        return _Task(label, pair, self._terms(label, authority.blob), authority)

    def _terms(self, label: Label, authority: bytes) -> Terms:
        return Terms.of(self._settings, label.host, label.name, authority)

    def _pairs(self, label: Label) -> Pairs:
        return Pairs(self._config.pairs(label.host.name, label.name), self._group)


def failed(label: Label, trouble: Trouble) -> Record:
    """Return that LABEL could not be served for TROUBLE."""
    return Record(label.host.name, label.name, "", Outcome.FAILED, error=trouble.word,
                  text=str(trouble))


def _shown(when: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
