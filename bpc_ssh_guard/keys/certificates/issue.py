"""Certificates issued for the labels of many hosts, all of them or those that are due.

A certificate is put in place at once; until then the old one stands. Nothing is asked of a client,
so all that can stop a run is this machine.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional, Union

from ..durable import FILE_MODE, replace, sync_folder
from ..files import Pairs
from ..first import First, generate_first, is_fresh, put_first
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
    from ..durable import Named
    from ..files import Pair
    from .ca import Authority
    from .certificate import Issued
    from .serials import Serials
    from .settings import Settings

BATCH: Final = 256  # noted in one commit, their folders synced once: syncs would rule the run
WRITERS: Final = 8  # files synced at a time: a journalling file system commits them together


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
    first: Optional[First]  # the pair, where it is in no file yet
    terms: Terms
    authority: Authority


@dataclass(frozen=True)
class _Signed:
    """A certificate that is signed and in no file yet."""

    task: _Task
    serial: int
    item: Item
    text: bytes


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
        if flaw := found.flaw(self._terms(label, found.authority), pair.key_id, now):
            return flaw
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
        with ThreadPoolExecutor(WRITERS) as writers:
            while batch := list(itertools.islice(waiting, BATCH)):
                yield from self._issue(batch, authority, writers)

    def brief(self, label: Label, authority: Authority, seconds: int) -> tuple[Pair, bytes]:
        """Return the pair of LABEL and a certificate of SECONDS, in no file; raises Trouble."""
        task = self._task(label, authority)
        if task.first is not None:
            try:
                put_first(task.first, {}, self._group)
            except OSError as error:
                raise _trouble(task.pair.path, error) from None
        return task.pair, self._sign([task], seconds)[0].text

    def _issue(
        self, labels: Sequence[Label], authority: Optional[Authority], writers: ThreadPoolExecutor
    ) -> Iterator[Record]:
        """Yield how each of LABELS ended, when all that was made for them is durable.

        What computes is done by this thread alone, since others would only wait for each other;
        WRITERS do what waits for the disk.
        """
        begun = [self._begun(label, authority) for label in labels]
        tasks = [each for each in begun if isinstance(each, _Task)]
        records = [each for each in begun if isinstance(each, Record)]
        folders: set[Path] = set()

        def put(signed: _Signed) -> Record:
            return self._put(signed, folders.add)

        records += writers.map(put, self._sign(tasks, self._settings.life))
        troubles = list(filter(None, writers.map(_synced, folders)))
        if troubles:  # what may be lost is not told to be there
            records = [failed(label, troubles[0]) for label in labels]
        yield from records

    def _begun(self, label: Label, authority: Optional[Authority]) -> Union[_Task, Record]:
        try:
            return self._task(label, authority)
        except Trouble as trouble:
            return failed(label, trouble)

    def _put(self, signed: _Signed, named: Named) -> Record:
        """Put a certificate in place, and its pair where that is new; return how it ended."""
        task, serial, item = signed.task, signed.serial, signed.item
        path = task.pair.path.with_name(CERTIFICATE)
        try:
            if task.first is not None:
                put_first(task.first, {CERTIFICATE: signed.text}, self._group, named)
            else:
                replace(path, signed.text, FILE_MODE, self._group, named)
        except OSError as error:
            return failed(task.label, _trouble(path, error))
        members = {"serial": serial, "until": item.ends, "authority": item.authority}
        return Record(
            item.host, item.label, "", Outcome.ISSUED, task.pair.generation, task.pair.key_id,
            text=f"serial {serial}, until {_shown(item.ends)}", about=members,
        )

    def _sign(self, tasks: Sequence[_Task], seconds: int) -> list[_Signed]:
        now = int(time.time())
        begins, ends = now - SLACK, now + seconds
        items = [Item(task.label.host.name, task.label.name, task.authority.generation,
                      task.pair.key_id, begins, ends) for task in tasks]
        serials = self._serials.take(items, now)
        return [
            _Signed(task, serial, item, certificate.sign(task.authority, task.terms, task.pair,
                                                         serial, begins, ends))
            for task, item, serial in zip(tasks, items, serials)
        ]

    def _task(self, label: Label, authority: Optional[Authority]) -> _Task:
        """Return what is to be signed for LABEL; raises Trouble."""
        found = self._pair(self._pairs(label))
        first = found if isinstance(found, First) else None
        pair = found.pair if isinstance(found, First) else found
        if authority is None:
            authority = self._authority(label)
        return _Task(label, pair, first, self._terms(label, authority.blob), authority)

    def _pair(self, pairs: Pairs) -> Union[Pair, First]:
        """Return the pair in use, or one that is to be; raises Trouble."""
        pair = pairs.current()
        if pair is not None:
            return pair
        if is_fresh(pairs.folder):
            return generate_first(pairs.folder)
        pairs.sweep()  # of a run that was killed
        made = pairs.all()
        pair = made[max(made)] if made else pairs.generate(1)
        pairs.switch(pair.generation)
        return pair

    def _authority(self, label: Label) -> Authority:
        if len(self._known) == 1:  # no rotation is under way: there is no need to read
            return self._current
        found = self.in_use(label)
        return self._known.get(found.authority, self._current) if found else self._current

    def _terms(self, label: Label, authority: bytes) -> Terms:
        return Terms.of(self._settings, label.host, label.name, authority)

    def _pairs(self, label: Label) -> Pairs:
        return Pairs(self._config.pairs(label.host.name, label.name), self._group)


def failed(label: Label, trouble: Trouble) -> Record:
    """Return that LABEL could not be served for TROUBLE."""
    return Record(label.host.name, label.name, "", Outcome.FAILED, error=trouble.word,
                  text=str(trouble))


def _synced(folder: Path) -> Optional[Trouble]:
    """Make the names in FOLDER durable; return what hinders that."""
    try:
        sync_folder(folder)
    except OSError as error:
        return _trouble(folder, error)
    return None


def _trouble(path: Path, error: OSError) -> Trouble:
    return Trouble(Word.FILES, f"{error.filename or path}: {error.strerror}")


def _shown(when: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
