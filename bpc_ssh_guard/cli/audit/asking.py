"""What report and diff share: the logs as an engine reads them, and periods."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import tempfile
from typing import TYPE_CHECKING, Final

from ...audit.engine.duck import Engine
from ...audit.engine.parquet import SUFFIX
from ...audit.engine.period import Period, PeriodError, parse
from ...audit.records import Reader
from ..progress import Progress
from .common import Problem, logs, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.segments import Segment
    from .common import Log

_TIME_LENGTHS: Final = tuple(map(len, (
    "2026", "2026-11", "2026-11-23", "2026-11-23T02", "2026-11-23T02:00", "2026-11-23T02:00:00",
)))


def period_of(text: str) -> Period:
    """Return the period that TEXT means, for argparse."""
    try:
        return parse(text)
    except PeriodError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def known(options: argparse.Namespace) -> list[str]:
    """Return the machines of the store by the names in their records; none where LOGs were named.

    A host of the inventory need not be called as it calls itself; one without records is.
    """
    if options.log:
        return []
    store = open_store(options)
    return [_own_name(store.host(name).segments()) or name for name in store.hosts()]


def _own_name(segments: Sequence[Segment]) -> str:
    """Return how the machine calls itself in the newest of SEGMENTS, nothing if that tells not."""
    try:
        first = next(iter(Reader(segments[-1:])), {})
    except OSError:  # a damaged archive; who reads all of it tells so
        return ""
    return str(first.get("host.name") or "")


def time_of(text: str) -> str:
    """Return TEXT if it is the beginning of a time, UTC, as records have it, or none; for argparse.

    argparse hands over the option's default, too.
    """
    form = "0000-01-01T00:00:00"
    if not text:
        return text
    try:
        datetime.datetime.fromisoformat(text + form[len(text) :])
        if len(text) not in _TIME_LENGTHS or text != text.replace(" ", "T"):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!a}: no time; write 2026-11, 2026-11-23 or 2026-11-23T02:00, UTC"
        ) from None
    return text


@contextlib.contextmanager
def engine(options: argparse.Namespace, chosen: Sequence[Log]) -> Iterator[Engine]:
    """Give the engine that has read the logs CHOSEN, and the Parquet files that OPTIONS name.

    Raises EngineError.
    """
    files = [*filter(_is_parquet, options.log),
             *(segment.path for log in chosen for segment in log.segments)]
    temporary = tempfile.TemporaryDirectory(prefix="bpc-ssh-audit-")
    with temporary as scratch, Engine(files, scratch) as asked:
        with Progress(f"read {len(files)} files", len(asked.steps)) as progress:
            asked.read(progress.over)
        yield asked


def segments_of(options: argparse.Namespace) -> list[Log]:
    """Return the logs that OPTIONS name, without Parquet files."""
    named = [name for name in options.log if not _is_parquet(name)]
    if options.log and not named:
        return []
    return logs(argparse.Namespace(**{**vars(options), "log": named}))


def _is_parquet(name: str) -> bool:
    return name.endswith(SUFFIX) and os.path.isfile(name)


def today() -> str:
    """Return the day, UTC."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def last_month_of(asked: Engine) -> Period:
    """Return the 31 days that end with the last record; raises Problem where there is none."""
    first, last = asked.days()
    if not last:
        raise Problem("there is no record to report; look at the logs with bpc-ssh-audit verify")
    begin = datetime.date.fromisoformat(last) - datetime.timedelta(days=30)
    return Period(max(first, begin.isoformat()), last)
