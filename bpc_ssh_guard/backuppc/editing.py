"""One setting of a configuration file, given a new value in the file's text; all else stays."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .perl.evaluate import Before, Conf, evaluate
from .perl.reader import read
from .perl.writing import literal
from .refused import Refused
from .undecided import Undecided

if TYPE_CHECKING:
    from .perl.reader import Statement
    from .perl.values import Value


def edited(path: str, data: bytes, before: Before, keys: tuple[str, ...], value: Value) -> bytes:
    """Return DATA, the file PATH laid over BEFORE, with $Conf{KEYS[0]}{KEYS[1]}... = VALUE.

    The whole value of KEYS[0] is written, as BackupPC's own editor does, so that a later save there
    finds one statement. Raise Undecided where DATA isn't plain data, Refused where the result
    would not be what was asked.
    """
    statements = read(path, data)
    old = evaluate(path, statements, before)
    name, *inner = keys
    wanted = _with(_value(old, before, name), inner, value)
    text = f"$Conf{{{name}}} = {literal(wanted)};".encode("ascii")
    new = _true_at_the_end(path, _placed(path, data, statements, name, text))
    _require_same(evaluate(path, read(path, new), before), old, name, wanted)
    return new


def _placed(
    path: str, data: bytes, statements: tuple[Statement, ...], name: str, text: bytes,
) -> bytes:
    """Return DATA with TEXT for the last statement that sets NAME, or behind all others."""
    touching = [each for each in statements if each.assigned and each.assigned.keys[0] == name]
    last = touching[-1] if touching else None
    if last and last.assigned and last.assigned.keys == (name,) and last.assigned.unknown is None:
        return data[:last.begin] + text + data[last.end:]
    behind = last or (statements[-1] if statements else None)
    if behind is None:
        return data + (b"" if data[-1:] in (b"", b"\n") else b"\n") + text + b"\n"
    for between in (b"\n", b";\n"):  # the last statement may lack its semicolon
        new = data[:behind.end] + between + text + data[behind.end:]
        with contextlib.suppress(Undecided):
            read(path, new)
            return new
    raise Refused("there is no place for another statement; edit the file by hand")


def _true_at_the_end(path: str, data: bytes) -> bytes:
    """Return DATA so that its last statement isn't undef.

    BackupPC takes an undef of `do FILE` for failure where $! is left over from before, as it is
    when a daemon starts (ConfigDataRead of Storage/Text.pm).
    """
    last = read(path, data)[-1]
    if last.assigned is None or last.assigned.expression is not None or last.assigned.unknown:
        return data
    return data[:last.end] + b"\n1;" + data[last.end:]


def _value(conf: Conf, before: Before, name: str) -> Value:
    if name in conf.unknown:
        return None
    if name in conf.known:
        return conf.known[name]
    try:
        return before(name)
    except LookupError:
        return None


def _with(whole: Value, inner: list[str], value: Value) -> Value:
    if not inner:
        return value
    if whole is not None and not isinstance(whole, dict):
        raise Refused("the setting isn't a hash here")
    key, *deeper = inner
    return {**(whole or {}), key: _with((whole or {}).get(key), deeper, value)}


def _require_same(new: Conf, old: Conf, name: str, wanted: Value) -> None:
    kept = {key: value for key, value in old.known.items() if key != name}
    unknown = set(old.unknown) - {name}
    found = {key: value for key, value in new.known.items() if key != name}
    if found != kept or set(new.unknown) != unknown or new.known.get(name, "") != wanted:
        raise Refused("other settings would change with it; edit the file by hand")
