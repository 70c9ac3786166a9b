"""verify: prove logs whole by chain, MACs and witnesses, and say where one is damaged."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...audit.chain import chain_of
from ...audit.events import Events
from ...audit.finding import Severity
from ...audit.verdict import Start
from ...audit.verify import verify
from ...audit.witness import from_transfer_log
from ...guardctl.explain import printable
from .common import Problem, add_json, add_logs, logs, new_command, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.segments import Segment
    from ...audit.store import Store
    from ...audit.verdict import Verdict
    from ...audit.witness import Witness
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "verify",
                          "prove logs whole, and say what is damaged and where", _verify)
    add_logs(command)
    command.add_argument("--chain-only", action="store_true",
                         help="be content without K_0: whoever had root could rewrite the past")
    command.add_argument("--xferlog", metavar="FILE", action="append", default=[],
                         help="a transfer log as BackupPC_zcat prints it, as a witness; - for"
                              " standard input; may be repeated")
    command.add_argument("--strict", action="store_true", help="count warnings as findings")
    add_json(command)


def _verify(options: argparse.Namespace) -> int:
    store = open_store(options)
    told = [witness for path in options.xferlog for witness in _transfer_log(path)]
    status = exits.YES
    for name, segments in logs(options):
        try:
            verdict = prove(name, segments, store, told)
        except ValueError as error:
            raise Problem(f"{name}: {error}") from None
        if options.json:
            print(json.dumps({"log": name, **verdict.as_json()}))
        else:
            print("\n".join(_in_words(name, verdict)))
        status = max(status, _status(verdict, options))
    return status


def prove(name: str, segments: list[Segment], store: Store, told: list[Witness]) -> Verdict:
    """Return the verdict on the log NAME with what STORE knows of it and the witnesses TOLD.

    Raises ValueError where SEGMENTS begin no chain.
    """
    chain = chain_of(segments)
    seen = [] if os.path.isdir(name) else store.host(name).witnesses()
    start = Start.of_chain(chain, store.keys.get(chain))
    events = Events()
    verdict = verify(segments, chain, start, [*seen, *told], events)
    verdict.findings += events.findings()
    return verdict


def _status(verdict: Verdict, options: argparse.Namespace) -> int:
    warned = options.strict and any(f.severity == Severity.WARNING for f in verdict.findings)
    if not verdict.is_clean or warned:
        return exits.NO
    return exits.YES if verdict.with_key or options.chain_only else exits.COULD_NOT_RUN


def _transfer_log(path: str) -> list[Witness]:
    """Return what the decompressed transfer log at PATH saw; - is standard input."""
    if path == "-":
        return list(from_transfer_log(sys.stdin.buffer, "the transfer log"))
    with open(path, "rb") as file:
        return list(from_transfer_log(file, path))


def _in_words(name: str, verdict: Verdict) -> Iterator[str]:
    proved = "chain and MACs" if verdict.with_key else "the chain alone"
    until = f" ({verdict.first_time} to {verdict.last_time})" if verdict.records else ""
    shown = printable(name.encode("utf-8", "surrogateescape"))
    yield f"{shown}: {verdict.records} records{until}, by {proved}"
    if verdict.is_clean:
        yield "  whole, as far as that proves" if not verdict.with_key else "  whole"
    else:
        until = f" (to {verdict.whole_time})" if verdict.whole_time else ""
        yield f"  damaged: records before {verdict.whole} can be trusted{until}, later ones can't"
    if not verdict.with_key:
        yield "  without K_0: root could have rewritten all of it; bpc-ssh-audit key"
    for each in verdict.findings:
        yield f"  {each.severity}: {each.kind}: {printable(each.text.encode())}  [{each.place}]"
    if verdict.hidden:
        yield f"  and {verdict.hidden} more"
