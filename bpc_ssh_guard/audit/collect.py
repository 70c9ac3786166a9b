"""Collect: fetch what is new of each client's log, prove it, and only then store it.

Each visit leaves a witness in the store: a later log that is shorter, or another one, is found by
it. What a client sends and does not prove is kept apart and stored nowhere else. A run that was
killed is begun again where the store ends.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Optional, cast

from . import form
from .finding import Finding, Severity
from .keystore import KeyStoreError
from .segments import Segment, lines_of
from .store import StoreError, now
from .transport import Connection, Refused, Unreachable
from .verdict import Start
from .verify import verify
from .witness import Witness, from_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .inventory import Host
    from .store import HostStore, Store

JOBS: Final = 8
EXPORT_LIMIT: Final = 512 << 20  # bytes of one visit: the rest comes with the next
NONCE_BYTES: Final = 16
STORED_AT_ONCE: Final = 1 << 20


class Outcome:
    """What a visit came to."""

    COLLECTED: Final = "collected"
    FINDINGS: Final = "findings"  # the client answered, and its log is not what it was
    UNREACHABLE: Final = "unreachable"
    REFUSED: Final = "refused"
    FAILED: Final = "failed"  # this side: store or keys


@dataclass
class Visit:
    """One visit: how many records came, and what was found."""

    host: str
    outcome: str = Outcome.COLLECTED
    records: int = 0
    total: int = 0
    proved: bool = False  # by K_0, beyond the chain
    text: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "host": self.host, "outcome": self.outcome, "records": self.records,
            "total": self.total, "proved": self.proved, "text": self.text or None,
            "findings": [each.as_json() for each in self.findings],
        }


def collect(hosts: Sequence[Host], store: Store, jobs: int = JOBS) -> Iterator[Visit]:
    """Yield the visit of each of HOSTS as it ends, JOBS of them at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        visits = [pool.submit(visit, host, store) for host in hosts]
        for done in as_completed(visits):
            yield done.result()


def visit(host: Host, store: Store) -> Visit:
    """Return what a visit of HOST came to; nothing is raised for it alone."""
    made = Visit(host.name)
    try:
        place = store.host(host.name)
        with place.locked(), Connection(host) as connection:
            _visit(made, connection, place, store)
    except Unreachable as problem:
        made.outcome, made.text = Outcome.UNREACHABLE, str(problem)
    except Refused as problem:
        made.outcome, made.text = Outcome.REFUSED, str(problem)
    except (StoreError, KeyStoreError, OSError, ValueError) as problem:
        made.outcome, made.text = Outcome.FAILED, str(problem)
    return made


def _visit(made: Visit, connection: Connection, place: HostStore, store: Store) -> None:
    first, when = place.next_record(), now()
    nonce = secrets.token_bytes(NONCE_BYTES)
    seen = from_answer(connection.checkpoint(nonce), nonce, f"the visit of {when}")
    start = _start(place, store, seen, first)
    if seen.sequence < first or start is None:
        what = "another chain" if start is None else f"{seen.sequence} records"
        made.outcome, made.total = Outcome.FINDINGS, first
        made.findings = [Finding(
            Severity.FINDING, "shortened", f"the client tells of {what}, and the store has {first}"
            " records: its log was put back, cut off or begun anew", records=(0, first),
        )]
        return
    with tempfile.NamedTemporaryFile(dir=place.folder, prefix="incoming-") as incoming:
        connection.export(first, cast(BinaryIO, incoming), EXPORT_LIMIT)
        incoming.flush()
        _drop_unfinished(incoming.name)
        earlier = [each for each in place.witnesses() if each.sequence >= first]
        verdict = verify(
            [Segment(first, incoming.name)], seen.chain, start, [*earlier, seen]
        )
        made.findings, made.proved = verdict.findings, verdict.with_key
        made.records, made.total = verdict.records - first, verdict.records
        if not verdict.is_clean:
            made.outcome = Outcome.FINDINGS
            with open(incoming.name, "rb") as file:
                made.text = f"kept apart in {place.reject(file.read(), when)}"
            return
        with open(incoming.name, "rb") as file:
            for lines in _batches(file):
                place.append(lines)
    place.add_witness(seen, when)
    store.keys.keep(verdict)


def _start(place: HostStore, store: Store, seen: Witness, first: int) -> Optional[Start]:
    """Return where what is new begins; None where the client's chain is another than the stored.

    Without K_0, or where the key at that place is not known, by the chain alone.
    """
    if first == 0:
        return Start.of_chain(seen.chain, store.keys.get(seen.chain))
    known = place.witnesses()
    if known and known[-1].chain != seen.chain:
        return None
    kept = store.keys.start(seen.chain)
    if kept is not None and kept.sequence == first:
        return kept
    last = b""
    with place.segments()[-1].open() as file:
        for line in lines_of(file):
            last = line if form.has_form(line) else last
    return Start(first, bytes.fromhex(form.head_of(last).decode("ascii")), None)


def _drop_unfinished(path: str) -> None:
    """Cut a last line without its end off: a guard was writing it, or the limit was reached."""
    with open(path, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            begin = max(0, end - STORED_AT_ONCE)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                file.truncate(begin + found + 1)
                return
            end = begin
        file.truncate(0)


def _batches(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of FILE, a megabyte of whole ones at a time."""
    while lines := file.readlines(STORED_AT_ONCE):
        yield b"".join(lines)
