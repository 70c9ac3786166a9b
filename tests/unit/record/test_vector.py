"""A whole chain with all that a log can hold, as it was described before there was a writer."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bpc_ssh_guard.audit.segments import segments_in
from bpc_ssh_guard.audit.verdict import Start
from bpc_ssh_guard.audit.verify import verify
from bpc_ssh_guard.audit.witness import Witness
from bpc_ssh_guard.record import seal, segment
from bpc_ssh_guard.record.chain import Chain
from bpc_ssh_guard.record.recovery import read_surplus

if TYPE_CHECKING:
    from pathlib import Path

VECTOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vector.jsonl")
CHAIN, KEY = bytes(range(16)), bytes(range(32))
NEXT_KEY = "0b5a66cd8785ea19f9f42d105db4908a43b8224ddb1aeea226cb89de18c02e6c"
PROOF = "74df67e5eaaf1a6b9b05cd986e834b56"


def test_the_writer_reads_it_as_its_own_the_torn_piece_between() -> None:
    chain = Chain(0, seal.first_head(CHAIN), KEY)
    descriptor = os.open(VECTOR, os.O_RDONLY)
    try:
        surplus = read_surplus(descriptor, 0, chain)
    finally:
        os.close(descriptor)
    assert (surplus.tail, surplus.lacks_lf) == (None, False)
    assert surplus.size == os.path.getsize(VECTOR)
    assert (chain.sequence, chain.key.hex()) == (8, NEXT_KEY)
    assert seal.proof(chain.key, CHAIN, 8, chain.head, bytes(16)).hex() == PROOF


def test_the_auditor_proves_it_with_its_checkpoint_and_one_warning(tmp_path: Path) -> None:
    shutil.copyfile(VECTOR, tmp_path / segment.name_of(0).decode("ascii"))
    with open(VECTOR, "rb") as file:
        last = file.read().splitlines()[-1]
    head = bytes.fromhex(last[-seal.TAIL_LENGTH + 7 :][:64].decode("ascii"))
    seen = Witness(CHAIN, 8, head, "the checkpoint", bytes(16), bytes.fromhex(PROOF))
    verdict = verify(segments_in(str(tmp_path)), CHAIN, Start.of_chain(CHAIN, KEY), [seen])
    assert [each.kind for each in verdict.findings] == ["torn"]
    assert (verdict.is_clean, verdict.records, verdict.whole) == (True, 8, 8)
    assert verdict.key is not None
    assert verdict.key.hex() == NEXT_KEY
