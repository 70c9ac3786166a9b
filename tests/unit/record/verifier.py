"""An independent reader of the log's evidence, by the public hashlib and hmac.

It shares no code with the writer. A finding is a word and the number of the record it is about.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re

_TAIL = re.compile(rb',"h":"([0-9a-f]{64})","m":"([0-9a-f]{32})"\}\n$')
TAIL_LENGTH = 112


class Verified:
    """What was read: the records, the findings, and where the chain ends."""

    def __init__(self, chain: bytes, key: bytes) -> None:
        self.records: list[dict[str, object]] = []
        self.findings: list[tuple[str, int]] = []
        self.torn = 0
        self.head = hashlib.sha256(b"bpc-ssh-guard chain v1\0" + chain).digest()
        self.key = key

    def take(self, line: bytes) -> bool:
        """Take LINE if it is the next record by number, h and m."""
        tail = _TAIL.search(line[-TAIL_LENGTH:])
        body = line[:-TAIL_LENGTH]
        head = hashlib.sha256(self.head + body).digest()
        mac = hmac.new(self.key, head, "sha256").digest()[:16]
        expected = b'{"event.sequence":%d,' % len(self.records)
        if not tail or not body.startswith(expected):
            return False
        if tail.groups() != (head.hex().encode(), mac.hex().encode()):
            return False
        self.head = head
        self.key = hashlib.sha256(b"bpc-ssh-guard ratchet v1\0" + self.key).digest()
        self.records.append(json.loads(line))
        return True


def verify(directory: bytes, chain: bytes, key: bytes) -> Verified:
    """Return what the log in DIRECTORY holds, from its first record; K_0 is KEY."""
    found = Verified(chain, key)
    for name in sorted(os.listdir(directory)):
        if not name.startswith(b"commands-"):
            continue
        if int(name[9:29]) != len(found.records):
            found.findings.append(("gap", int(name[9:29])))
        with open(directory + b"/" + name, "rb") as file:
            _segment(found, file.read())
    return found


def _segment(found: Verified, content: bytes) -> None:
    junk = b""
    for line in content.splitlines(keepends=True):
        if not found.take(line):
            junk += line
            continue
        _acknowledge(found, junk)
        junk = b""
    if junk:
        found.findings.append(("junk", len(found.records)))


def _acknowledge(found: Verified, junk: bytes) -> None:
    record = found.records[-1]
    number = len(found.records) - 1
    code = record.get("event.code") if record.get("event.action") == "log-recovered" else None
    if code == "foreign-bytes":
        found.findings.append((code, number))
    if code == "log-shorter":
        found.findings.append((code, number))
    if bool(junk) != (code in ("torn-write", "foreign-bytes")):
        found.findings.append(("unacknowledged", number))
    elif junk:
        hashed = hashlib.sha256(junk).hexdigest()
        said = record["bpc.recovered.bytes"], record["bpc.recovered.sha256"]
        if said != (len(junk), hashed):
            found.findings.append(("other bytes", number))
        found.torn += code == "torn-write"
