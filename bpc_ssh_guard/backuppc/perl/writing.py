"""Plain values written as Perl: what the reader of configuration files gives back as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .values import Value


def literal(value: Value, indent: str = "", flat: bool = False) -> str:
    """Return VALUE as Perl, laid out as BackupPC's editor does, or FLAT on one line."""
    deeper = "" if flat else indent + "  "
    between, begin, end = (", ", "", "") if flat else (",\n", "\n", f"\n{indent}")
    if value is None:
        return "undef"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        inside = [f"{deeper}{literal(each, deeper, flat)}" for each in value]
        return f"[{begin}{between.join(inside)}{end}]" if inside else "[]"
    inside = [f"{deeper}{_quoted(key)} => {literal(value[key], deeper, flat)}"
              for key in sorted(value)]
    return f"{{{begin}{between.join(inside)}{end}}}" if inside else "{}"


def _quoted(text: str) -> str:
    if all(" " <= character <= "~" or character in "\t\n" for character in text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return '"' + "".join(
        character if character.isascii() and character.isalnum() else f"\\x{{{ord(character):x}}}"
        for character in text) + '"'
