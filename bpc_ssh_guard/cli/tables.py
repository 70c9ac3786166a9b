"""Tables on a terminal with rich where it is there, in plain columns everywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMERIC = "#"  # ends the name of a column of numbers


def show(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> None:
    """Print the first MOST of ROWS below CAPTION; cells are inert text already."""
    shown = rows[:most]
    if not sys.stdout.isatty() or not _show_rich(caption, heads, shown):
        _show_plain(caption, heads, shown)
    if len(rows) > most:
        print(f"and {len(rows) - most} more")


def _show_rich(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(title=caption, title_justify="left")
    for head in heads:
        table.add_column(Text(_name(head)), justify="right" if _is_numeric(head) else "left",
                         overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # Text: no markup is read in a cell
    Console().print(table)
    return True


def _show_plain(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [tuple(map(_name, heads)), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    print(f"\n{caption}")
    for line in lines:
        cells = [cell.rjust(width) if _is_numeric(head) else cell.ljust(width)
                 for cell, width, head in zip(line, widths, heads)]
        print("  " + "  ".join(cells).rstrip())


def _name(head: str) -> str:
    return head.removesuffix(NUMERIC).rstrip()


def _is_numeric(head: str) -> bool:
    return head.endswith(NUMERIC)
