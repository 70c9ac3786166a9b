"""An assignment to %Conf as it was written, before anything is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Union

from lark import Token, Transformer


@dataclass(frozen=True)
class Reference:
    """`$Conf{NAME}` inside a value."""

    name: str


@dataclass(frozen=True)
class Joined:
    """Strings and references joined by dots, or one reference alone."""

    parts: tuple[Union[str, Reference], ...]


@dataclass(frozen=True)
class Range:
    """`FIRST..LAST` inside a list."""

    first: int
    last: int


# A right side as it was written. Without Joined and Range in it, it is its own value.
Expression = Union[None, str, Joined, Range, list["Expression"], dict[str, "Expression"]]


@dataclass(frozen=True)
class Assigned:
    """`$Conf{KEYS[0]}{KEYS[1]}... = EXPRESSION`; UNKNOWN says why its value can't be told."""

    keys: tuple[str, ...]
    expression: Expression = None
    unknown: Optional[str] = None


class Builder(Transformer[Token, Any]):
    """Makes of config.lark's rules what they mean; a statement becomes (begin, end, Assigned).

    Lark calls a method per rule with its children, values already or tokens.
    """

    def start(self, children: list[Any]) -> list[tuple[int, int, Optional[Assigned]]]:
        return [each for each in children if not isinstance(each, Token)]

    def statement(self, children: list[Any]) -> tuple[int, int, Optional[Assigned]]:
        (begin, assigned), semicolon = children
        return begin, semicolon.end_pos, assigned

    def assignment(self, children: list[Any]) -> tuple[int, Assigned]:
        target, expression = children
        return target.start_pos, Assigned(target.value, expression)

    def conditional(self, children: list[Any]) -> tuple[int, Assigned]:
        return self._unknown(children[0], "depends on a program that may be there or not")

    def command(self, children: list[Any]) -> tuple[int, Assigned]:
        return self._unknown(children[0], "is what a command prints")

    def chomped(self, children: list[Any]) -> tuple[int, Assigned]:
        return self._unknown(children[0], "loses the end of a line")

    def _unknown(self, target: Token, reason: str) -> tuple[int, Assigned]:
        return target.start_pos or 0, Assigned(target.value, unknown=reason)

    def unkept(self, children: list[Token]) -> tuple[int, None]:
        return children[0].start_pos or 0, None

    def undefined(self, children: list[Any]) -> None:
        return None

    def joined(self, children: list[Token]) -> Expression:
        if len(children) == 1 and children[0].type != "CONF":
            return str(children[0].value)
        return Joined(tuple(
            Reference(part.value[0]) if part.type == "CONF" else str(part.value)
            for part in children))

    def array(self, children: list[Expression]) -> Expression:
        return children

    def span(self, children: list[Token]) -> Range:
        return Range(*children[0].value)

    def hash(self, children: list[tuple[str, Expression]]) -> Expression:
        return dict(children)  # of a key that comes twice the last wins, as in Perl

    def pair(self, children: list[Any]) -> tuple[str, Expression]:
        return str(children[0].value), children[1]
