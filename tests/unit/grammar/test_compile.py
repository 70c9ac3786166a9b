"""A grammar that the driver could read otherwise than Lark is refused when it is compiled."""

from __future__ import annotations

import pytest
from interegular import parse_pattern

from bpc_ssh_guard.grammar.compile import Automaton, GrammarRefused


def automaton(**patterns: str) -> Automaton:
    """Return the automaton of terminals by name; each byte is a class of its own."""
    machines = {name: parse_pattern(pattern).to_fsm() for name, pattern in patterns.items()}
    return Automaton(machines, range(256))


def ends_as(machine: Automaton, start: int, text: bytes) -> str:
    """Return the terminal that TEXT is when read from the node START, or ""."""
    node = start
    for byte in text:
        following = machine.rows[node].get(byte)
        if following is None:
            return ""
        node = following
    return machine.accepts[node]


def test_refuses_terminals_that_accept_the_same_text() -> None:
    with pytest.raises(GrammarRefused, match="accept the same text"):
        automaton(ON="on", WORD="[a-z]{2}").start(["ON", "WORD"])


def test_refuses_a_terminal_that_can_be_the_beginning_of_another() -> None:
    with pytest.raises(GrammarRefused, match="SHORT can be the beginning of LONG"):
        automaton(SHORT="--del", LONG="--delete").start(["SHORT", "LONG"])


def test_refuses_a_beginning_that_only_some_texts_have() -> None:
    with pytest.raises(GrammarRefused, match="A can be the beginning of B"):
        automaton(A="x[0-9]", B="x[5-9]y").start(["A", "B"])


def test_refuses_the_same_collision_whatever_the_order_of_the_names() -> None:
    with pytest.raises(GrammarRefused):
        automaton(ON="on", WORD="[a-z]+").start(["WORD", "ON"])


def test_takes_colliding_terminals_that_no_context_expects_together() -> None:
    machine = automaton(ON="on", WORD="[a-z]+")
    assert ends_as(machine, machine.start(["ON"]), b"on") == "ON"
    assert ends_as(machine, machine.start(["WORD"]), b"on") == "WORD"


def test_takes_terminals_that_an_end_mark_keeps_apart() -> None:
    machine = automaton(SHORT="--del\0", LONG="--delete\0")
    start = machine.start(["SHORT", "LONG"])
    assert ends_as(machine, start, b"--del\0") == "SHORT"
    assert ends_as(machine, start, b"--delete\0") == "LONG"
    assert ends_as(machine, start, b"--delet\0") == ""


def test_takes_a_terminal_that_repeats_itself() -> None:
    machine = automaton(SP=" +", WORD="[a-z]+")
    start = machine.start(["SP", "WORD"])
    assert ends_as(machine, start, b"   ") == "SP"


def test_has_no_way_on_where_no_terminal_can_end() -> None:
    machine = automaton(A="ab")
    start = machine.start(["A"])
    assert ends_as(machine, start, b"a") == ""
    assert set(machine.rows[start]) == {ord("a")}


def test_contexts_that_expect_the_same_share_their_nodes() -> None:
    machine = automaton(A="ab", B="cd")
    assert machine.start(["A", "B"]) == machine.start(["B", "A"])


def test_reads_every_byte_value_as_itself() -> None:
    machine = automaton(ANY="[\x00-\xff]")
    start = machine.start(["ANY"])
    assert all(ends_as(machine, start, bytes((byte,))) == "ANY" for byte in range(256))
