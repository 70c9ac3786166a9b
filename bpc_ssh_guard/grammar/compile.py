"""Turn each grammar into a table module: LALR actions and one automaton per set of terminals.

Build time only. Lark builds the parse table, interegular the automata; `make tables` writes the
modules into tables/, where they are committed, and a test proves them fresh. A grammar that
the driver could read otherwise than Lark is refused here.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from interegular import parse_pattern
from interegular.fsm import FSM, State, TransitionKey, anything_else
from lark import Lark
from lark.parsers.lalr_analysis import Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lark.grammar import Rule
    from lark.parsers.lalr_analysis import ParseTable

    ParserState = frozenset[Any]  # Lark's RulePtr objects; opaque here
    Node = tuple[tuple[str, State], ...]
    Row = dict[str, tuple[Any, ...]]
    Numbers = dict[ParserState, int]

HERE = os.path.dirname(os.path.abspath(__file__))
END = "$END"  # Lark's own name for the end of the input

# Every grammar and the symbols that a parse may start from.
GRAMMARS = {
    "words": ("start",),
    "prefixes": ("start",),
    "rsync": ("command", "sender_list", "receiver_list"),
    "tar": ("start",),
    "policy": ("start",),
    "logverbs": ("start",),
    "keyadmin": ("start",),
}


class GrammarRefused(Exception):
    """The driver and Lark could read this grammar differently."""


class Automaton:
    """One deterministic automaton for all contexts; each context starts at a node of its own.

    A node is the set of terminals still possible, each with the state of its own automaton, so
    contexts that expect the same rest share their nodes. `rows` holds {byte class: next node}
    and `accepts` a terminal or "" per node.
    """

    def __init__(self, machines: dict[str, FSM], representatives: Sequence[int]) -> None:
        self.machines = machines
        self.representatives = representatives
        self.nodes: dict[Node, int] = {}
        self.rows: list[dict[int, int]] = []
        self.accepts: list[str] = []

    def start(self, names: Iterable[str]) -> int:
        """Return the node that reads any of the terminals NAMES; raises GrammarRefused."""
        first = tuple((n, self.machines[n].initial) for n in sorted(names))
        queue = [first]
        for node in queue:
            if node in self.nodes and self.nodes[node] < len(self.rows):
                continue
            self._number(node)
            row = {}
            for byte_class, byte in enumerate(self.representatives):
                target = self._behind(node, byte)
                if target:
                    row[byte_class] = self._number(target)
                    queue.append(target)
            self.rows.append(row)
            self.accepts.append(self._accepted(node, row))
        return self.nodes[first]

    def _number(self, node: Node) -> int:
        return self.nodes.setdefault(node, len(self.nodes))

    def _behind(self, node: Node, byte: int) -> Node:
        """Return the node behind BYTE without the terminals that can't end any more."""
        steps = ((n, _step(self.machines[n], s, byte)) for n, s in node)
        return tuple((n, s) for n, s in steps if s is not None)

    def _accepted(self, node: Node, row: dict[int, int]) -> str:
        """Return the terminal that ends at NODE, or "".

        Raises GrammarRefused when two of them accept the same text, or when one is the beginning
        of another: then Lark's ordered alternatives and the driver's longest match could differ.
        """
        ends = [n for n, s in node if s in self.machines[n].finals]
        if len(ends) > 1:
            raise GrammarRefused(f"{' and '.join(ends)} accept the same text")
        others = [n for n, s in node if n not in ends]
        if ends and others and row:
            raise GrammarRefused(f"{ends[0]} can be the beginning of {', '.join(others)}")
        return ends[0] if ends else ""


def load(name: str) -> Lark:
    """Build Lark's own parser of the grammar NAME, the oracle that the driver is held against."""
    with open(os.path.join(HERE, name + ".lark"), encoding="ascii") as file:
        source = file.read()
    return Lark(
        source,
        start=list(GRAMMARS[name]),
        parser="lalr",
        lexer="contextual",
        strict=True,
        use_bytes=True,
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def compile_grammar(name: str) -> str:
    """Return the text of the table module of the grammar NAME; the same text in every run.

    Raises GrammarRefused.
    """
    lark = load(name)
    table: ParseTable = lark.parser.parser._parse_table
    machines = {t.name: _machine(t.pattern.to_regexp()) for t in lark.terminals}
    classes, representatives = _byte_classes(machines.values())
    automaton = Automaton(machines, representatives)
    numbers = _renumber(table)
    rows = [table.states[state] for state in sorted(numbers, key=numbers.__getitem__)]
    actions = [_actions(row, numbers) for row in rows]
    for start in GRAMMARS[name]:  # Lark ends a parse by its state; the driver by shifting $END
        actions[numbers[table.end_states[start]]][END] = numbers[table.end_states[start]]
    contexts = [automaton.start(n for n in row if n in machines) for row in actions]
    starts = {start: numbers[table.start_states[start]] for start in GRAMMARS[name]}
    return "\n".join(
        (
            f'"""Tables of {name}.lark, generated by compile.py; do not edit."""',
            "",
            "from __future__ import annotations",
            "",
            "# The class of each byte; per node {class: next node} and the terminal that ends",
            "# there; per parser state the node where its terminals begin, actions and gotos.",
            f"CLASSES: bytes = {classes!r}",
            _tuple("ROWS", "dict[int, int]", automaton.rows),
            _tuple("ACCEPTS", "str", automaton.accepts),
            _tuple("CONTEXTS", "int", contexts),
            _tuple("ACTIONS", "dict[str, int | tuple[str, int]]", actions),
            _tuple("GOTOS", "dict[str, int]", [_gotos(row, numbers) for row in rows]),
            f"STARTS: dict[str, int] = {starts!r}",
            "",
        )
    )


def _tuple(name: str, kind: str, items: Iterable[object]) -> str:
    lines = (f"    {item!r}," for item in items)
    return "\n".join((f"{name}: tuple[{kind}, ...] = (", *lines, ")"))


def _machine(pattern: str) -> FSM:
    """Return the automaton of the regular expression PATTERN, over bytes as Latin-1."""
    return parse_pattern(pattern).to_fsm()


def _byte_classes(machines: Iterable[FSM]) -> tuple[bytes, list[int]]:
    """Return the class of each of the 256 bytes, and one byte of each class.

    Bytes that no terminal tells apart share a class.
    """
    signatures: dict[tuple[int, ...], int] = {}
    machines = list(machines)
    classes = bytearray()
    representatives: list[int] = []
    for byte in range(256):
        signature = tuple(_symbol(machine, byte) for machine in machines)
        if signature not in signatures:
            signatures[signature] = len(signatures)
            representatives.append(byte)
        classes.append(signatures[signature])
    return bytes(classes), representatives


def _symbol(machine: FSM, byte: int) -> int:
    character = chr(byte)
    alphabet = machine.alphabet
    return int(alphabet[character if character in alphabet else anything_else])


def _renumber(table: ParseTable) -> Numbers:
    """Number the states breadth-first with names sorted; Lark's own numbers vary."""
    queue = [table.start_states[start] for start in sorted(table.start_states)]
    numbers = {state: i for i, state in enumerate(queue)}
    for state in queue:
        row = table.states[state]
        for name in sorted(row):
            action, target = row[name]
            if action is Shift and target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
    return numbers


def _actions(row: Row, numbers: Numbers) -> dict[str, object]:
    """Return {terminal: next state, or (left side, length) of the rule to reduce by}.

    Where every terminal asks for the same rule it stands under "" alone and the driver reduces
    before it reads on: then it knows which of several contexts the state is in.
    """
    result: dict[str, object] = {}
    for name in sorted(row):
        if not _is_terminal(name):
            continue
        action, target = row[name]
        if action is Shift:
            result[name] = numbers[target]
        else:
            rule: Rule = target
            result[name] = (str(rule.origin.name), len(rule.expansion))
    only = set(map(repr, result.values()))
    default = next(iter(result.values()), 0)
    return {"": default} if len(only) == 1 and isinstance(default, tuple) else result


def _gotos(row: Row, numbers: Numbers) -> dict[str, int]:
    return {str(n): numbers[row[n][1]] for n in sorted(row) if not _is_terminal(n)}


def _is_terminal(name: str) -> bool:
    return name == END or name.isupper()


def _step(machine: FSM, state: State, byte: int) -> State | None:
    """Return the state behind BYTE, or None when no end can be reached from there."""
    target = machine.map.get(state, {}).get(TransitionKey(_symbol(machine, byte)))
    live = target is not None and machine.islive(target)  # type: ignore[no-untyped-call]
    return target if live else None


def path_of(name: str) -> str:
    """Return the path of the table module of the grammar NAME."""
    return os.path.join(HERE, "tables", name + ".py")


def main() -> int:
    """Write every table module; `make tables`."""
    for name in GRAMMARS:
        text = compile_grammar(name)
        with open(path_of(name), "w", encoding="ascii") as file:
            file.write(text)
        sys.stderr.write(f"{name}: {len(text)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
