"""What the assignments of a file leave in %Conf, where that can be told without running Perl."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Optional, Union

from ..undecided import Undecided
from .assigned import Joined, Range, Reference
from .values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .assigned import Assigned, Expression
    from .reader import Statement

# Characters and elements that references and ranges may make of one file: three lines of Perl can
# double a string without end.
MOST_MADE = 1_000_000

# Value of a setting before the file; raises LookupError where it isn't set, Undecided.
Before = Callable[[str], Value]


@dataclass
class Conf:
    """The keys that a file sets: to a known value, or to one that can't be told, and on which line.

    `lines` holds the statement that set a key, or changed something inside it, last.
    """

    known: dict[str, Value] = field(default_factory=dict)
    unknown: dict[str, Undecided] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


class _Unknown(Exception):
    """The value can't be told."""


def evaluate(path: str, statements: Iterable[Statement], before: Before) -> Conf:
    """Return what STATEMENTS of the file PATH set, starting from BEFORE.

    Raise Undecided where an assignment would change more than its own key, or fail.
    """
    file = _File(path, before)
    for statement in statements:
        if statement.assigned is not None:
            file.assign(statement.assigned, statement.line)
    return file.conf


class _File:
    def __init__(self, path: str, before: Before) -> None:
        self.conf = Conf()
        self._path = path
        self._before = before
        self._made = 0

    def assign(self, assigned: Assigned, line: int) -> None:
        name, *inner = assigned.keys
        holder = self._holder(name, inner, line) if inner else None
        self.conf.lines[name] = line
        try:
            if assigned.unknown is not None:
                raise _Unknown(assigned.unknown)
            value = self._value(assigned.expression, line)
        except _Unknown as unknown:
            self.conf.known.pop(name, None)
            self.conf.unknown[name] = Undecided(self._path, f"{name} {unknown}", line)
            return
        self.conf.unknown.pop(name, None)
        if holder is None:
            self.conf.known[name] = value
        else:
            holder[inner[-1]] = value

    def _holder(self, name: str, inner: list[str], line: int) -> dict[str, Value]:
        """Return the hash inside NAME that the last of INNER is a key of, made where missing."""
        if name in self.conf.unknown:
            # It may be another setting's own hash, which would change too.
            raise Undecided(self._path, f"changes a part of {name}, which can't be told", line)
        if name not in self.conf.known:
            self.conf.known[name] = self._copy(name, line)
        top, key = self.conf.known, name
        for following in inner:
            if top.get(key) is None:
                top[key] = {}
            below = top[key]
            if not isinstance(below, dict):
                raise Undecided(self._path, f"takes {name} for a hash, which it isn't", line)
            top, key = below, following
        return top

    def _copy(self, name: str, line: int) -> Value:
        try:
            return _copied(self._before(name))
        except LookupError:
            return None
        except Undecided:
            reason = f"changes a part of {name}, which can't be told"
            raise Undecided(self._path, reason, line) from None

    def _value(self, expression: Expression, line: int) -> Value:
        if isinstance(expression, Joined):
            return self._joined(expression, line)
        if isinstance(expression, list):
            made: list[Value] = []
            for each in expression:
                if isinstance(each, Range):
                    self._spend(each.last - each.first + 1, line)
                    made += map(str, range(each.first, each.last + 1))
                else:
                    made.append(self._value(each, line))
            return made
        if isinstance(expression, dict):
            return {key: self._value(each, line) for key, each in expression.items()}
        if isinstance(expression, Range):
            raise _Unknown("is a range outside a list")  # the grammar has none
        return expression

    def _joined(self, joined: Joined, line: int) -> Value:
        parts = [self._scalar(part) for part in joined.parts]
        if len(parts) == 1:
            return parts[0]
        self._spend(sum(len(part or "") for part in parts), line)
        return "".join(part or "" for part in parts)

    def _scalar(self, part: Union[str, Reference]) -> Optional[str]:
        if isinstance(part, str):
            return part
        value: Value = None
        if part.name in self.conf.unknown:
            raise _Unknown(f"is made from {part.name}, which can't be told")
        try:
            value = (self.conf.known[part.name] if part.name in self.conf.known
                     else self._before(part.name))
        except LookupError:
            return None
        except Undecided:
            raise _Unknown(f"is made from {part.name}, which can't be told") from None
        if isinstance(value, (list, dict)):
            raise _Unknown(f"shares the list or hash of {part.name}")
        return value

    def _spend(self, amount: int, line: int) -> None:
        self._made += max(0, amount)
        if self._made > MOST_MADE:
            raise Undecided(self._path, "values made from others grow too long", line)


def _copied(value: Value) -> Value:
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return value
