"""The auditor's proof of a log: one core's time for it, against the bare arithmetic of a proof.

The log is sealed here as the guard does it, of the records of backups as they are in a real one:
now and then one fails or is refused, and each has another process.
The bare proof is the shortest loop that computes each line's h and m and compares them: it finds
nothing but the first damage, and knows no clock, no end that lacks and no witness.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import resource
import subprocess
from typing import TYPE_CHECKING

from bpc_ssh_guard.record import seal, segment
from bpc_ssh_guard.record.event import Session, timestamp
from bpc_ssh_guard.record.own import Rotated, log_rotated, segment_members

from ..commands import visible
from ..harness import CannotMeasure
from ..outcome import Comparison, Line
from ..samples import Series, ratios
from ..stage import CHECKOUT, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stage import Stage

RECORDS_A_SECOND = 250_000.0
# A processor on which the bare proof makes 349 000 records a second has to make that many.
OF_BARE = RECORDS_A_SECOND / 349_000
RECORDS = 200_000
CHAIN = bytes(range(16))
KEY = bytes(range(32))
FIRST_NIGHT = 1_795_000_000_000_000_000
FIRST_BOOTTIME = 369_803_583_594
BACKUP_EVERY = 643_219_876_543  # nanoseconds: no two records are of the same minute
LASTS = 61_987_654_321
# What a real record has of its own; the rest is the same in all of a kind.
_STAMP = re.compile(rb'("@timestamp":")[^"]*')
_BOOTTIME = re.compile(rb'("bpc.boottime_ns":)[0-9]+')
_PID = re.compile(rb'("process.pid":)[0-9]+')
_ENTITY = re.compile(rb'("process.entity_id":")[0-9a-f]+')
PIDS = 4_194_304  # pid_max of a 64-bit kernel: they have seven digits, or fewer
FAILED, REFUSED = 0.05, 0.02  # of all backups

# Both read the log once before, so that none of them waits for the disk.
_TIMED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from bpc_ssh_guard.audit.events import Events
from bpc_ssh_guard.audit.form import EVIDENCE, TAIL, mac_for
from bpc_ssh_guard.audit.segments import segments_in
from bpc_ssh_guard.audit.verdict import Start
from bpc_ssh_guard.audit.verify import verify
from bpc_ssh_guard.record import seal
from binascii import hexlify
from hashlib import sha256
segments = segments_in(sys.argv[2])
chain, key, records = bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4]), int(sys.argv[5])
begin = time.process_time()
if sys.argv[6] == "bare":
    head = seal.first_head(chain)
    for segment in segments:
        with segment.open() as file:
            for line in file:
                head = sha256(head + line[:TAIL]).digest()
                assert line[TAIL:] == EVIDENCE % (hexlify(head), mac_for(key, head))
                key = sha256(seal.RATCHET_LABEL + key).digest()
else:
    start = Start.of_chain(chain, key if sys.argv[6] == "key" else None)
    events = Events()
    verdict = verify(segments, chain, start, (), events)
    verdict.findings += events.findings()  # all that the command verify does
    assert verdict.is_clean and verdict.whole == records, verdict
print(time.process_time() - begin)
"""


def measure(stage: Stage, rounds: int) -> list[Line]:
    """Verify a log with and without K_0, and by the bare proof, in the same rounds."""
    log = stage.folder("verify-row")
    stage.progress("sealing a log")
    _write(log)
    seconds: dict[str, list[float]] = {"bare": [], "chain": [], "key": []}
    for number in range(1 + rounds):
        stage.progress(f"round {number} of {rounds}" if number else "untimed round")
        for way, found in seconds.items():
            taken = _seconds(log, way)
            if number:
                found.append(taken)
    bare, chained, keyed = (_per_million(found) for found in seconds.values())
    share = ratios(bare, keyed)
    return [
        Line("bare proof, chain and MAC", "s/M", bare, (_rate(bare, None),)),
        Line("chain alone", "s/M", chained, (_rate(chained, None),)),
        Line("chain and MAC", "s/M", keyed, (
            _rate(keyed, RECORDS_A_SECOND),
            Comparison(f"{share.median:.2f} of the bare proof's rate", share.median, OF_BARE,
                       at_least=True, noise=share.uncertainty),
        )),
    ]


def _rate(series: Series, target: float | None) -> Comparison:
    rate = 1e6 / series.median
    return Comparison(f"{rate:.0f} records/s", rate, target, at_least=True,
                      noise=rate * series.spread)


def _per_million(seconds: list[float]) -> Series:
    return Series(tuple(each * 1e6 / RECORDS for each in seconds))


def _seconds(log: str, way: str) -> float:
    words = [CHECKOUT, log, CHAIN.hex(), KEY.hex(), str(RECORDS), way]
    done = subprocess.run(
        [PYTHON, "-IS", "-c", _TIMED, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotMeasure(f"the verifier's row: {done.stderr.strip()}")
    return float(json.loads(done.stdout))


def _write(log: str) -> None:
    """Write RECORDS records to segments below LOG, sealed by KEY."""
    head, key = seal.first_head(CHAIN), KEY
    lines: list[bytes] = []
    size, first, name = 0, 0, b""
    for number, record in zip(range(RECORDS), _records()):
        if size > segment.SIZE_LIMIT or not number:
            _write_segment(log, first, lines)
            lines, size, first = [], 0, number
            reason = Rotated.SIZE if number else Rotated.CREATED
            record = log_rotated(reason, segment_members(CHAIN, name, head))
            name = segment.name_of(number)
        line, head = seal.seal(seal.prefix(number) + record[1:-2], head, key)
        key = seal.next_key(key)
        lines.append(line)
        size += len(line)
    _write_segment(log, first, lines)


def _write_segment(log: str, first: int, lines: list[bytes]) -> None:
    if lines:
        with open(os.path.join(os.fsencode(log), segment.name_of(first)), "wb") as file:
            file.writelines(lines)


def _records() -> Iterator[bytes]:
    """Yield the records of one backup after the other, each of its own time and process."""
    environment = {b"SSH_CONNECTION": b"192.0.2.77 40112 198.51.100.7 22"}
    session = Session.from_environment(environment, b"bench-backup", b"0" * 32)
    command = visible("/srv/data/").encode()
    start = session.started(
        command=command, executable=b"/usr/bin/rsync", argv=command.split(b" "), rule="rsync-send",
        operation="backup", program="rsync", paths=[b"/srv/data/"], purpose="backup",
    )
    ends = [_end(session, status) for status in (0, 23)]
    refusal = session.denied(reason="outside-roots", command=command, offset=80)
    chance = random.Random(1)
    for number in itertools.count():
        begin, pid = number * BACKUP_EVERY, chance.randrange(300, PIDS)
        if chance.random() < REFUSED:
            yield _at(begin, number, pid, refusal)
            continue
        yield _at(begin, number, pid, start)
        yield _at(begin + LASTS, number, pid, ends[chance.random() < FAILED])


def _end(session: Session, status: int) -> bytes:
    return session.ended(
        exit_status=status, duration_ns=9766769000, read_bytes=52113344,
        write_bytes=51023847, rusage=resource.getrusage(resource.RUSAGE_SELF),
    )


def _at(passed: int, number: int, pid: int, record: bytes) -> bytes:
    """Return RECORD as the guard numbered NUMBER writes it, PASSED nanoseconds after the first."""
    record = _STAMP.sub(rb"\g<1>" + timestamp(FIRST_NIGHT + passed).encode(), record, count=1)
    record = _BOOTTIME.sub(rb"\g<1>%d" % (FIRST_BOOTTIME + passed), record, count=1)
    record = _PID.sub(rb"\g<1>%d" % pid, record, count=1)
    return _ENTITY.sub(rb"\g<1>%032x" % number, record, count=1)
