"""Collect: fetch what is new of each client's log, prove it, and only then store it.

Each visit leaves a witness in the store: a later log that is shorter, or another one, is found by
it. What a client sends and does not prove is kept apart and stored nowhere else. A run that was
killed is begun again where the store ends.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Optional

from . import form
from .chain import chain_of
from .finding import Finding, Severity
from .keystore import KeyStoreError
from .segments import Segment, lines_of, since
from .store import StoreError, now, records_end
from .transport import Connection, Refused, Unreachable
from .verdict import Start
from .verify import ACKNOWLEDGED, verify
from .witness import Witness, from_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .inventory import Host
    from .store import HostStore, Store
    from .verdict import Verdict

JOBS: Final = 8
CHUNK: Final = 64 << 20  # bytes that one export may send: what a worker has on the disk at a time
NONCE_BYTES: Final = 16


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

    def find(self, kind: str, text: str, first: int, last: int) -> None:
        """Note the finding KIND about the records FIRST to LAST."""
        self.outcome = Outcome.FINDINGS
        self.findings.append(Finding(Severity.FINDING, kind, text, records=(first, last)))

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "host": self.host, "outcome": self.outcome, "records": self.records,
            "total": self.total, "proved": self.proved, "text": self.text or None,
            "findings": [each.as_json() for each in self.findings],
        }


def collect(hosts: Sequence[Host], store: Store, jobs: int = JOBS) -> Iterator[Visit]:
    """Yield the visit of each of HOSTS as it ends, JOBS of them at a time."""
    pool = ThreadPoolExecutor(jobs)
    try:
        visits = [pool.submit(visit, host, store) for host in hosts]
        for done in as_completed(visits):
            yield done.result()
    finally:  # who interrupts it waits for those that are begun, and not for thousands
        pool.shutdown(cancel_futures=True)


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
    when, nonce = now(), secrets.token_bytes(NONCE_BYTES)
    seen = from_answer(connection.checkpoint(nonce), nonce, f"the visit of {when}")
    if not _is_of_known_chain(made, place, store, seen.chain):
        return
    start = _start(made, place, store, seen.chain)
    if start is None:
        return
    made.total = start.sequence
    if seen.sequence < start.sequence:
        made.find(
            "shortened", f"the client tells of {seen.sequence} records, and the store has"
            f" {start.sequence}: its log was cut off, or an older state was put back",
            seen.sequence, start.sequence - 1,
        )
        return
    following: Optional[Start] = start
    while following is not None and following.sequence < seen.sequence:
        following = _fetch(made, connection, place, store, following, seen)
    if following is not None:
        place.add_witness(seen, when)


def _is_of_known_chain(made: Visit, place: HostStore, store: Store, chain: bytes) -> bool:
    """Tell whether CHAIN may be stored here: the first one, the stored one, or one begun anew.

    A log that was begun anew is believed once the auditor has its K_0: only the client's
    administrator can have told it.
    """
    stored, seen = place.segments(), place.witnesses()
    known = chain_of(stored) if stored else seen[-1].chain if seen else chain
    if chain == known:
        return True
    if store.keys.get(chain) is not None and all(each.chain != chain for each in seen):
        place.put_aside(known)
        return True
    made.find(
        "another-chain", f"the client has the chain {chain.hex()}, and the store {known.hex()}: if"
        " its administrator began the log anew, add the new key; if not, it was replaced", 0, 0,
    )
    return False


def _start(made: Visit, place: HostStore, store: Store, chain: bytes) -> Optional[Start]:
    """Return where what is new of CHAIN begins, with its key where K_0 is known.

    The key of a place past the last verification that was kept, of a run that was killed or had
    no K_0 yet, is found by reading the store once more; None where that finds it damaged.
    """
    first = place.resume()
    start = Start.of_chain(chain, store.keys.get(chain))
    if start.key is not None:
        kept = store.keys.start(chain)
        if kept is not None and kept.sequence <= first:
            start = kept
    if start.sequence == first:
        return start
    stored = place.segments()
    if start.key is None:
        return Start(first, _last_head(stored[-1], first), None)
    verdict = verify(since(stored, start.sequence), chain, start)
    if verdict.records == first and _is_proved(verdict):
        return Start(first, verdict.head, verdict.key)
    made.outcome, made.findings = Outcome.FINDINGS, verdict.findings
    made.text = "the store itself is damaged; nothing was fetched"
    return None


def _last_head(segment: Segment, following: int) -> bytes:
    """Return h of the record before FOLLOWING, the last one of SEGMENT."""
    last = b""
    with segment.open() as file:
        for line in lines_of(file):
            last = line if form.number_of(line) == following - 1 else last
    return bytes.fromhex(form.head_of(last).decode("ascii"))


def _fetch(
    made: Visit, connection: Connection, place: HostStore, store: Store, start: Start,
    seen: Witness,
) -> Optional[Start]:
    """Fetch, prove and store the lines from START on, a chunk of them at most.

    Return where they end; None where they were not proved.
    """
    with place.incoming() as incoming:
        cut = connection.export(start.sequence, incoming, CHUNK) >= CHUNK
        incoming.flush()
        end, following = records_end(incoming.name, start.sequence)
        cut = cut and following > start.sequence
        if cut:
            incoming.truncate(end)
        witnesses = [
            each for each in (*place.witnesses(), seen)
            if each.sequence >= start.sequence and not (cut and each.sequence > following)
        ]
        verdict = verify([Segment(start.sequence, incoming.name)], seen.chain, start, witnesses)
        made.findings += verdict.findings
        made.proved = verdict.with_key
        if not verdict.is_clean:
            made.outcome = Outcome.FINDINGS
        if not _is_proved(verdict) or verdict.records != following:
            made.text = place.reject(incoming.name, start.sequence)
            return None
        place.append(incoming.name, start.sequence, end)
    made.records += following - start.sequence
    made.total = following
    store.keys.keep(verdict)
    return Start(following, verdict.head, verdict.key)


def _is_proved(verdict: Verdict) -> bool:
    """Tell whether VERDICT proves every record, though foreign bytes may stand between them.

    Who can append a line could stop the collection otherwise.
    """
    return verdict.hidden == 0 and all(
        each.severity != Severity.FINDING or each.kind in ACKNOWLEDGED for each in verdict.findings
    )
