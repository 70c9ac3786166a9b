"""Logs as the real writer makes them, and changes to them that only root could make."""

from __future__ import annotations

import os
from pathlib import Path

from bpc_ssh_guard.audit.chain import chain_of
from bpc_ssh_guard.audit.segments import segments_in
from bpc_ssh_guard.audit.verdict import Start, Verdict
from bpc_ssh_guard.audit.verify import verify
from bpc_ssh_guard.audit.witness import Witness
from bpc_ssh_guard.record import begin as beginning
from bpc_ssh_guard.record import seal, segment
from bpc_ssh_guard.record.block import Block
from bpc_ssh_guard.record.sink import Sink


class Log:
    """A log below FOLDER, with what its enrolment told: chain and K_0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o755)
        self.log = os.fsencode(folder / "log")
        self.state = os.fsencode(folder / "state")
        self.begun = beginning.begin(self.log, self.state)

    def append(self, count: int = 1, text: str = "x") -> None:
        """Append COUNT records."""
        sink = Sink.open(self.log, self.state)
        try:
            for number in range(count):
                sink.append(
                    b'{"@timestamp":"2026-11-23T02:00:00.%06dZ","text":"%s"}\n'
                    % (number, text.encode("ascii"))
                )
        finally:
            sink.close()

    def witness(self, source: str = "XferLOG.1.z", nonce: bytes = b"") -> Witness:
        """Return what a witness of this moment saw; with NONCE the proof too."""
        block = self.block
        proof = b""
        if nonce:
            proof = seal.proof(block.key, block.chain, block.sequence, block.head, nonce)
        return Witness(block.chain, block.sequence, block.head, source, nonce, proof)

    @property
    def block(self) -> Block:
        with open(self.state + b"/state", "rb") as file:
            return Block.from_bytes(file.read())

    def put_block(self, block: Block) -> None:
        with open(self.state + b"/state", "r+b") as file:
            file.write(block.to_bytes())

    def path(self, first: int = 0) -> str:
        return os.fsdecode(self.log + b"/" + segment.name_of(first))

    def lines(self, first: int = 0) -> list[bytes]:
        with open(self.path(first), "rb") as file:
            return file.read().splitlines(keepends=True)

    def put_lines(self, lines: list[bytes], first: int = 0) -> None:
        with open(self.path(first), "wb") as file:
            file.write(b"".join(lines))

    def verify(self, *witnesses: Witness, with_key: bool = True) -> Verdict:
        """Return the verdict of an auditor, WITH_KEY or by the chain alone."""
        segments = segments_in(os.fsdecode(self.log))
        chain = chain_of(segments)
        start = Start.of_chain(chain, self.begun.key if with_key else None)
        return verify(segments, chain, start, witnesses)


def kinds(verdict: Verdict, severity: str = "finding") -> list[str]:
    return [each.kind for each in verdict.findings if each.severity == severity]


def rebuilt(lines: list[bytes], head: bytes, key: bytes, sequence: int) -> list[bytes]:
    """Return LINES as who has KEY can write them anew from SEQUENCE on, each by the same key."""
    made = []
    for number, line in enumerate(lines, sequence):
        rest = line[line.index(b",") + 1 : -seal.TAIL_LENGTH]
        sealed, head = seal.seal(seal.prefix(number) + rest, head, key)
        made.append(sealed)
    return made
