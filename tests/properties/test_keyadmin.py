"""A rotation key's commands: the driver reads them as Lark does, and no bytes become a line."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.authorized_keys import ManagedLine, key_id, parse
from bpc_ssh_guard.authorized_keys.authority import AuthorityLine
from bpc_ssh_guard.errors import GuardFailure, Refused
from bpc_ssh_guard.grammar import driver
from bpc_ssh_guard.grammar.tables import keyadmin
from bpc_ssh_guard.keyagent import proofs, verbs
from bpc_ssh_guard.keyagent.authorities import AuthorityRing
from bpc_ssh_guard.keyagent.entry import Change
from bpc_ssh_guard.keyagent.proofs import Proof
from bpc_ssh_guard.keyagent.ring import KEYS_PER_LABEL, Ring
from bpc_ssh_guard.policy import load
from bpc_ssh_guard.policy.model import Policy
from tests.oracles import lark_parse

from .effort import examples

POLICY = b"""\
Key backup
    Backup /srv
    From 192.0.2.7
    Certificates web1
Key restore
    Restore /srv
    Certificates web1
Key rotate
    Rotate backup restore
"""
PROGRAM = b"/usr/sbin/bpc-ssh-guard"
DAY = 24 * 60 * 60


def blob(number: int) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32


def public(number: int) -> bytes:
    from binascii import b2a_base64

    return b"ssh-ed25519 " + b2a_base64(blob(number), newline=False)


KEYIDS = [key_id(blob(number)) for number in range(5)]
PIECES = st.one_of(
    st.sampled_from([
        b"bpc-key/1 ", b"list", b"stage ", b"confirm ", b"drop ", b"retire ", b"grant ",
        b"ungrant ", b"backup", b"restore", b" ", b"g1 ", b"g17 ", b"g0", b"60", b"86400", b"\0",
        b"\n", b'"', b",", b"pty", public(1), public(2)[:-1], KEYIDS[1], b"ssh-rsa AAAA",
        b"cert-authority ", b"cert-", b"cert-" + KEYIDS[1],
    ]),
    st.binary(max_size=3),
)
COMMANDS = st.lists(PIECES, max_size=8).map(lambda pieces: b"bpc-key/1 " + b"".join(pieces))
LABELS = st.sampled_from([b"backup", b"restore"])
REQUESTS = st.one_of(
    st.builds(b"stage %b g%d %b".__mod__, st.tuples(
        LABELS, st.integers(1, 130), st.integers(0, 4).map(public))),
    st.builds(b"%b %b %b".__mod__, st.tuples(
        st.sampled_from([b"confirm", b"drop", b"retire"]), LABELS, st.sampled_from(KEYIDS))),
)


@examples(400)
@given(COMMANDS | st.binary(max_size=60))
def test_the_driver_reads_a_command_as_lark_does(command: bytes) -> None:
    try:
        tokens = driver.parse(keyadmin, "start", command + b"\0")
    except driver.Unparsable:
        tokens = None
    assert tokens == lark_parse.tokens("keyadmin", "start", command + b"\0")


@examples(400)
@given(COMMANDS)
def test_any_command_is_a_request_of_plain_parts_or_refused(command: bytes) -> None:
    try:
        request = verbs.parse(command)
    except Refused:
        return
    assert request.verb in verbs.VERBS
    parts = [request.verb.encode()]
    if request.label:
        parts.append(request.label)
    if request.generation:
        kind = [b"cert-authority"] if request.is_of_authority else []
        parts += [b"g%d" % request.generation, *kind, public(request.blob[-1])]
        mark = b"cert-" if request.is_of_authority else b""
        assert mark + key_id(request.blob) == request.key_id
    elif request.key_id:
        parts.append(request.key_id)
    if request.seconds:
        parts.append(b"%d" % request.seconds)
    assert command == verbs.PROTOCOL + b" ".join(parts)  # nothing was left out or read otherwise


@pytest.fixture(scope="module")
def policy() -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        return load.parse(POLICY, os.fsencode(folder) + b"/policy")


class Model:
    """A keys file and its proofs as a list and a set, changed by what the ring says."""

    kind: type[Ring] = Ring

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = 1_800_000_000
        self.proofs: dict[bytes, Proof] = {}
        networks = {b"backup": (b"192.0.2.7",)}
        self.lines = [
            ManagedLine(PROGRAM, label, (b"ssh-ed25519", blob(number)), 1,
                        networks.get(label, ()), policy.path).compose()
            for label, number in ((b"backup", 0), (b"restore", 3), (b"rotate", 9))
        ]
        self.greet(KEYIDS[0])

    def managed(self, label: bytes) -> list[ManagedLine]:
        found = (ManagedLine.from_line(parse(raw)) for raw in self.lines)
        return [line for line in found if line is not None and line.mark.label == label]

    def greet(self, key: bytes) -> None:
        for label in (b"backup", b"restore"):
            for line in self.managed(label):
                if line.mark.key_id == key:
                    self.proofs[key] = Proof(label, line.mark.generation, self.now)

    def ask(self, request: bytes) -> None:
        ring = self.kind([parse(raw) for raw in self.lines], self.policy,
                         (b"rotate", key_id(blob(9))), self.proofs.get, self.now)
        asked = verbs.parse(b"bpc-key/1 " + request)
        try:
            change: Change = getattr(ring, asked.verb)(asked)
        except (Refused, GuardFailure):
            return
        lines = []
        for number, raw in enumerate(self.lines, 1):
            new = change.lines.get(number)
            if number not in change.lines:
                lines.append(raw)
            elif new is not None:
                lines.append(new.compose())
        if change.added is not None:
            self.proofs.pop(proofs.name_of(asked.label, asked.key_id), None)
            lines.append(change.added.compose())
        self.lines = lines

    def works(self, label: bytes) -> bool:
        """Tell whether a key of LABEL that has logged in is there to stay."""
        for line in self.managed(label):
            proof = self.proofs.get(line.mark.key_id)
            if proof and proof.generation == line.mark.generation and not line.mark.staged:
                return True
        return False


STEPS = st.lists(
    st.one_of(REQUESTS, st.sampled_from(KEYIDS), st.integers(1, 2 * DAY)), max_size=25
)


@examples(300)
@given(steps=STEPS)
def test_no_sequence_of_requests_breaks_a_rule(policy: Policy, steps: list[bytes | int]) -> None:
    """A server, a second one and a thief may ask in any order, and log in between."""
    model = Model(policy)
    for step in steps:
        before = {label: model.managed(label) for label in (b"backup", b"restore", b"rotate")}
        if isinstance(step, int):
            model.now += step
        elif step in KEYIDS:
            model.greet(step)
        else:
            model.ask(step)
        assert model.works(b"backup")
        assert model.managed(b"rotate") == [] or len(model.managed(b"rotate")) == 1
        for label in (b"backup", b"restore"):
            lines = model.managed(label)
            assert 1 <= len(lines) <= KEYS_PER_LABEL
            known = {line.mark.key_id for line in before[label]}
            for line in lines:
                assert line.networks == ((b"192.0.2.7",) if label == b"backup" else ())
                assert line.command.program == PROGRAM
                assert (line.expiry is not None) >= line.mark.staged
                if line.mark.key_id not in known:  # a new one: later than all, and on trial
                    assert line.mark.staged
                    highest = max(each.mark.generation for each in before[label])
                    assert highest < line.mark.generation <= highest + 100


class AuthorityModel(Model):
    """The same, with authorities in the place of keys; both labels begin with the same one."""

    kind = AuthorityRing

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        networks = {b"backup": (b"192.0.2.7",)}
        self.lines += [
            AuthorityLine(PROGRAM, label, b"web1", blob(5), 1, networks.get(label, ()),
                          policy.path).compose()
            for label in (b"backup", b"restore")
        ]
        self.keys = [line for line in self.lines if b"cert-authority" not in line]
        self.greet(AUTHORITIES[0])

    def of(self, label: bytes) -> list[AuthorityLine]:
        found = (AuthorityLine.from_line(parse(raw)) for raw in self.lines)
        return [line for line in found if line is not None and line.mark.label == label]

    def greet(self, key: bytes) -> None:
        for label in (b"backup", b"restore"):
            for line in self.of(label):
                if line.mark.key_id == key:
                    name = proofs.name_of(label, key)
                    self.proofs[name] = Proof(label, line.mark.generation, self.now)

    def is_let_in(self, label: bytes) -> bool:
        """Tell whether an authority of LABEL whose certificate has logged in is there to stay."""
        for line in self.of(label):
            proof = self.proofs.get(proofs.name_of(label, line.mark.key_id))
            if proof and proof.generation == line.mark.generation and not line.mark.staged:
                return True
        return False


AUTHORITIES = [b"cert-" + key_id(blob(number)) for number in range(5, 10)]
AUTHORITY_REQUESTS = st.one_of(
    st.builds(b"stage %b g%d cert-authority %b".__mod__, st.tuples(
        LABELS, st.integers(1, 130), st.integers(5, 8).map(public))),
    st.builds(b"%b %b %b".__mod__, st.tuples(
        st.sampled_from([b"confirm", b"drop", b"retire"]), LABELS, st.sampled_from(AUTHORITIES))),
)


@examples(300)
@given(steps=st.lists(st.one_of(
    AUTHORITY_REQUESTS, st.sampled_from(AUTHORITIES), st.integers(1, 2 * DAY)), max_size=25))
def test_no_sequence_of_requests_about_authorities_breaks_a_rule(
    policy: Policy, steps: list[bytes | int]
) -> None:
    model = AuthorityModel(policy)
    for step in steps:
        before = {label: model.of(label) for label in (b"backup", b"restore")}
        if isinstance(step, int):
            model.now += step
        elif step in AUTHORITIES:
            model.greet(step)
        else:
            model.ask(step)
        assert [line for line in model.lines if b"cert-authority" not in line] == model.keys
        for label in (b"backup", b"restore"):
            lines = model.of(label)
            assert model.is_let_in(label)
            assert 1 <= len(lines) <= KEYS_PER_LABEL
            known = {line.mark.key_id for line in before[label]}
            for line in lines:
                assert line.networks == ((b"192.0.2.7",) if label == b"backup" else ())
                assert line.principal == b"bpc-%b@web1" % label
                assert (line.expiry is not None) == line.mark.staged
                if line.mark.key_id not in known:
                    highest = max(each.mark.generation for each in before[label])
                    assert highest < line.mark.generation <= highest + 100
