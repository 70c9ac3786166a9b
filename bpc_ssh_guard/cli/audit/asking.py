"""What report and diff share: the logs as an engine reads them, and periods."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import tempfile
from typing import TYPE_CHECKING

from ...audit.engine.duck import Engine
from ...audit.engine.parquet import SUFFIX
from ...audit.engine.period import Period, PeriodError, parse
from ..progress import Progress
from .common import Problem, logs, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.segments import Segment


def period_of(text: str) -> Period:
    """Return the period that TEXT means, for argparse."""
    try:
        return parse(text)
    except PeriodError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def known(options: argparse.Namespace) -> list[str]:
    """Return the machines of the store, where no other logs were named."""
    return [] if options.log else open_store(options).hosts()


@contextlib.contextmanager
def engine(options: argparse.Namespace) -> Iterator[Engine]:
    """Give the engine that has read the logs that OPTIONS name; raises Problem, EngineError."""
    files = list(_files(options))
    temporary = tempfile.TemporaryDirectory(prefix="bpc-ssh-audit-")
    with temporary as scratch, Engine(files, scratch) as asked:
        with Progress(f"read {len(files)} files", 1) as progress:
            asked.read()
            progress.step()
        yield asked


def segments_of(options: argparse.Namespace) -> Iterator[tuple[str, list[Segment]]]:
    """Yield name and segments of the logs that OPTIONS name, without Parquet files."""
    named = [name for name in options.log if not _is_parquet(name)]
    if named or not options.log:
        yield from logs(argparse.Namespace(**{**vars(options), "log": named}))


def _files(options: argparse.Namespace) -> Iterator[str]:
    """Yield the files to read: Parquet files that were named, and segments."""
    yield from filter(_is_parquet, options.log)
    for _, segments in segments_of(options):
        yield from (segment.path for segment in segments)


def _is_parquet(name: str) -> bool:
    return name.endswith(SUFFIX) and os.path.isfile(name)


def last_month_of(asked: Engine) -> Period:
    """Return the 31 days that end with the last record; raises Problem where there is none."""
    first, last = asked.days()
    if not last:
        raise Problem("there is no record to report; look at the logs with bpc-ssh-audit verify")
    begin = datetime.date.fromisoformat(last) - datetime.timedelta(days=30)
    return Period(max(first, begin.isoformat()), last)
