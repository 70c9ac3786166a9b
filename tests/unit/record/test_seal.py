"""The evidence's bytes: one chain written once and for ever, and the formulas by other code."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.record import seal
from bpc_ssh_guard.record.chain import Chain

CHAIN = bytes(range(16))
KEY = bytes(range(32))


def test_a_chain_has_the_bytes_of_its_description() -> None:
    """The vector: whatever changes these values makes every log that exists unverifiable."""
    chain = Chain(0, seal.first_head(CHAIN), KEY)
    lines = [chain.append(b'{"a":1}\n'), chain.append(b'{"b":"\\u00e9"}\n')]
    assert seal.first_head(CHAIN).hex() == (
        "e1020f5b534f404d02ff944c06cc4b72434f30c79e63f56f1ed42b3aea8cade9"
    )
    assert seal.next_key(KEY).hex() == (
        "616a8588ce6db641361c91709fb3bbb581471f567d3adb33bd684cc87aae158e"
    )
    assert lines[0].startswith(b'{"event.sequence":0,"a":1,"h":"')
    assert lines[1].startswith(b'{"event.sequence":1,"b":"\\u00e9","h":"')
    assert all(len(line) - line.index(b',"h":"') == seal.TAIL_LENGTH for line in lines)
    again = Chain(0, seal.first_head(CHAIN), KEY)
    assert all(again.accept(line) for line in lines)
    assert (again.head, again.key, again.sequence) == (chain.head, chain.key, 2)


def test_the_proof_of_a_checkpoint_has_the_bytes_of_its_description() -> None:
    head = bytes.fromhex("3f69120b494e9acc4c8822b0afd05f818adca30f481325915ae56b9a62b56847")
    key = bytes.fromhex("0b5a66cd8785ea19f9f42d105db4908a43b8224ddb1aeea226cb89de18c02e6c")
    assert seal.proof(key, CHAIN, 8, head, bytes(16)).hex() == "74df67e5eaaf1a6b9b05cd986e834b56"


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_hmac_is_the_one_of_the_standard_library(key: bytes, message: bytes) -> None:
    assert seal.hmac(key, message) == hmac.new(key, message, hashlib.sha256).digest()
