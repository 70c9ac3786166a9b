"""`python -m tests.bench`: print the performance table; 0 measured, 2 something couldn't be."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from . import machine
from .harness import CannotMeasure
from .outcome import Outcome
from .progress import Progress
from .rows import ROWS, Row
from .stage import Stage, opened
from .table import render

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED = 0
COULD_NOT_MEASURE = 2


def main(argv: Sequence[str]) -> int:
    """Measure the rows that ARGV asks for; a missed target is a finding and no failure."""
    options = _parser().parse_args(argv)
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    progress = Progress()
    load = os.getloadavg()[0]
    outcomes = []
    try:
        with opened(options.prefix, progress) as stage:
            for row in rows:
                progress.row = row.name
                outcomes.append(_outcome(row, stage, _rounds(row, options)))
                progress.clear()
            facts = machine.describe(stage, load)
    except (CannotMeasure, KeyboardInterrupt) as error:
        progress.clear()
        print(f"bench: {error or 'interrupted'}", file=sys.stderr)
        return COULD_NOT_MEASURE
    if options.json:
        print(json.dumps({**facts, "rows": [each.as_json() for each in outcomes]}, indent=1))
    else:
        print(render([f"{name:<8} {fact}" for name, fact in facts.items()], outcomes))
    return COULD_NOT_MEASURE if any(each.error for each in outcomes) else MEASURED


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)


def _outcome(row: Row, stage: Stage, rounds: int) -> Outcome:
    start = time.monotonic()
    try:
        lines = tuple(row.measure(stage, rounds))
    except (CannotMeasure, OSError) as error:
        return Outcome(row.name, row.title, rounds, time.monotonic() - start, error=str(error))
    return Outcome(row.name, row.title, rounds, time.monotonic() - start, lines)


def _rounds(row: Row, options: argparse.Namespace) -> int:
    chosen: int = options.rounds or (row.quick_rounds if options.quick else row.rounds)
    return chosen


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure what the guard costs, beside rrsync and the bare interpreter.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, within a minute")
    parser.add_argument("--json", action="store_true", help="every value measured, as JSON")
    parser.add_argument(
        "--only", metavar="ROW", action="append", choices=[row.name for row in ROWS],
        help=f"this row (may be repeated): {', '.join(row.name for row in ROWS)}",
    )
    parser.add_argument("--rounds", metavar="N", type=_positive, help="N rounds for every row")
    parser.add_argument(
        "--prefix", metavar="DIR", help="an installed guard, instead of the checkout's"
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # or an sshd and gigabytes would stay behind
    sys.exit(main(sys.argv[1:]))
