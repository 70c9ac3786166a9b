"""report: what happened in a period, for people: on the terminal, or as one HTML file."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ... import exits
from ...audit.engine.summary import Proof, State, summarize
from ...audit.report.page import page
from ...audit.report.text import MOST_ROWS, tables, trust
from ...page.replace import replace
from ..progress import Progress
from ..tables import show
from .asking import engine, known, last_month_of, period_of, segments_of, today
from .common import add_json, add_logs, new_command, open_store
from .verify import Unproved, prove

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.engine.summary import Summary
    from ...audit.store import Store
    from .common import Commands, Log


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "report", "tell what happened, as text or as a page", _report)
    add_logs(command)
    command.add_argument("--html", metavar="FILE", help="write one page that needs nothing else")
    command.add_argument("--period", metavar="PERIOD", type=period_of,
                         help="2026-11, 2026-11-23 or FROM..TO (default: the last 31 days)")
    command.add_argument("--no-verify", action="store_true",
                         help="don't prove the logs: quicker, and says so")
    add_json(command)


def _report(options: argparse.Namespace) -> int:
    machines, chosen = known(options), segments_of(options)
    proofs = [] if options.no_verify else list(_proofs(chosen, open_store(options)))
    unread = {proof.log for proof in proofs if proof.state == State.UNREAD}
    with engine(options, [log for log in chosen if log.name not in unread]) as asked:
        period = options.period or last_month_of(asked)
        # Without a period it ends with the last record, when nobody is silent yet.
        summary = summarize(asked, period, machines, proofs, "" if options.period else today())
    if options.html:
        replace(options.html, page(summary))
    if options.json:
        print(json.dumps(summary.as_json()))
    elif not options.html:
        print(trust(summary))
        for caption, heads, rows in tables(summary):
            show(caption, heads, rows, MOST_ROWS)
    return exits.NO if _is_bad(summary) else exits.YES


def _is_bad(summary: Summary) -> bool:
    """Tell whether a log is damaged or unread: then the report is not to be trusted."""
    return any(proof.state in (State.DAMAGED, State.UNREAD) for proof in summary.proofs)


def _proofs(chosen: Sequence[Log], store: Store) -> Iterator[Proof]:
    with Progress("verify", sum(len(log.segments) for log in chosen)) as progress:
        for log in chosen:
            try:
                verdict, _ = prove(log, store, [], progress)
            except Unproved as problem:
                yield Proof(log.name, State.UNREAD, findings=[str(problem)])
                continue
            state = State.WHOLE if verdict.with_key else State.BY_CHAIN
            yield Proof(
                log.name, state if verdict.is_clean else State.DAMAGED, verdict.records,
                verdict.whole, verdict.whole_time,
                [f"{each.severity}: {each.text}" + (f" [{each.place}]" if each.place else "")
                 for each in verdict.findings],
            )
