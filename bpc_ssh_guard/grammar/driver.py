"""Run a grammar's tables over bytes: the tokens, or the first byte that no sentence can have there.

Linear in the length of the input: each byte is read once, by a table look-up, and compile.py has
refused every grammar whose automaton would have to go back. No regular expressions, no recursion.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol, Union

    # Terminal, its bytes, offset of its first byte.
    Token = tuple[str, bytes, int]
    # The next state, or the left side and the length of the rule to reduce by.
    Action = Union[int, tuple[str, int]]

    class Table(Protocol):
        """A module of tables/; compile.py says what its names hold."""

        @property
        def CLASSES(self) -> bytes: ...
        @property
        def ROWS(self) -> Sequence[Mapping[int, int]]: ...
        @property
        def ACCEPTS(self) -> Sequence[str]: ...
        @property
        def CONTEXTS(self) -> Sequence[int]: ...
        @property
        def ACTIONS(self) -> Sequence[Mapping[str, Action]]: ...
        @property
        def GOTOS(self) -> Sequence[Mapping[str, int]]: ...
        @property
        def STARTS(self) -> Mapping[str, int]: ...


END = "$END"


class Unparsable(Exception):
    """The input is no sentence of the grammar.

    `offset` is the first offending byte (the length of the input when it ends too early), `start`
    the first byte of the terminal that it belongs to.
    """

    def __init__(self, offset: int, start: int) -> None:
        super().__init__(offset, start)
        self.offset = offset
        self.start = start


def parse(table: Table, start: str, data: bytes) -> list[Token]:
    """Return the tokens of DATA as a sentence of the symbol START; raises Unparsable.

    Tokens whose name begins with an underscore are punctuation and left out.
    """
    classes = data.translate(table.CLASSES)
    stack = [table.STARTS[start]]
    tokens: list[Token] = []
    position = 0
    while position < len(data):
        _settle(table, stack)
        node, end = _walk(table, stack, classes, position)
        name = table.ACCEPTS[node]
        if not name:
            raise Unparsable(end, position)
        _shift(table, stack, name, position)
        if name[0] != "_":
            tokens.append((name, data[position:end], position))
        position = end
    _settle(table, stack)
    _shift(table, stack, END, position)
    return tokens


def _walk(table: Table, stack: list[int], classes: bytes, position: int) -> tuple[int, int]:
    """Return the last node on the way of the terminals at POSITION, and the byte it ends before."""
    rows = table.ROWS
    node = table.CONTEXTS[stack[-1]]
    for index in range(position, len(classes)):
        following = rows[node].get(classes[index])
        if following is None:
            return node, index
        node = following
    return node, len(classes)


def _settle(table: Table, stack: list[int]) -> None:
    """Reduce as far as no terminal is needed to know by which rule."""
    while not isinstance(action := table.ACTIONS[stack[-1]].get("", 0), int):
        _reduce(table, stack, action)


def _shift(table: Table, stack: list[int], name: str, position: int) -> None:
    """Reduce as far as NAME demands, then put its state on the STACK."""
    while True:
        row = table.ACTIONS[stack[-1]]
        action = row.get(name, row.get(""))
        if action is None:
            raise Unparsable(position, position)
        if isinstance(action, int):
            stack.append(action)
            return
        _reduce(table, stack, action)


def _reduce(table: Table, stack: list[int], action: tuple[str, int]) -> None:
    """Replace what a rule's right side left on the STACK by its left side."""
    left, length = action
    if length:
        del stack[-length:]
    stack.append(table.GOTOS[stack[-1]][left])
