"""verify: prove logs whole by chain, MACs and witnesses, and say where one is damaged."""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from typing import TYPE_CHECKING

from ... import exits
from ...audit.chain import chain_of
from ...audit.events import Events
from ...audit.finding import Finding, Severity
from ...audit.verdict import Start
from ...audit.verify import verify
from ...audit.witness import from_transfer_log
from ...guardctl.explain import printable
from ..progress import Progress
from .common import add_json, add_logs, logs_and_losses, new_command, open_store, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.store import Store
    from ...audit.verdict import Verdict
    from ...audit.witness import Witness
    from .common import Commands, Log


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
    store, found = open_store(options), logs_and_losses(options)
    told = [witness for path in options.xferlog for witness in _transfer_log(path)]
    status, chains = exits.YES, set()
    with Progress("verify", sum(len(log.segments) for log in found), streams=True) as progress:
        for log in found:
            try:
                verdict, witnesses = prove(log, store, told, progress)
            except Unproved as problem:  # the others are proved all the same
                tell(str(problem))
                status = max(status, exits.COULD_NOT_RUN)
                continue
            chains.add(verdict.chain)
            if options.json:
                witnessed = max((each.sequence for each in witnesses), default=0)
                print(json.dumps({"log": log.name, **verdict.as_json(), "witnessed": witnessed}),
                      flush=True)
            else:
                print("\n".join(_in_words(log.name, verdict, witnesses)), flush=True)
            status = max(status, _status(verdict, options))
    for witness in told:
        if witness.chain not in chains:
            tell(f"{witness.source} saw the chain {witness.chain.hex()}, which none of these logs"
                 " is: the log it saw was replaced, or is another machine's")
            status = max(status, exits.NO)
    return status


class Unproved(Exception):
    """A log could not be read or begins no chain; the text names it and says why."""


def prove(
    log: Log, store: Store, told: Sequence[Witness], progress: Progress
) -> tuple[Verdict, list[Witness]]:
    """Return the verdict on LOG with what STORE knows of it and the witnesses TOLD, and of all
    these those that saw its chain and have nothing against it.

    Raises Unproved.
    """
    events = Events()
    try:
        seen = log.place.witnesses() if log.place else []
        lost = seen and not log.segments  # the store itself lost what was collected
        chain = seen[-1].chain if lost else chain_of(log.segments)
        start = Start.of_chain(chain, store.keys.get(chain))
        segments = progress.over(log.segments, log.name)
        witnesses = [each for each in (*seen, *told) if each.chain == chain]
        verdict = verify(segments, chain, start, witnesses, events)
    except OSError as error:
        where = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise Unproved(f"{log.name}: {where}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise Unproved(f"{log.name}: {error}") from None
    verdict.findings += events.findings()
    if seen and all(each.chain != chain for each in seen):
        _find_replaced(verdict, seen[-1])
    return verdict, [each for each in witnesses
                     if verdict.is_clean or each.sequence < verdict.whole]


def _find_replaced(verdict: Verdict, witness: Witness) -> None:
    """Note in VERDICT that no visit ever saw its chain, as little as WITNESS did."""
    text = (f"{witness.source} saw the chain {witness.chain.hex()}, and what is stored is"
            f" {verdict.chain.hex()}: it was replaced, or is another machine's")
    last = max(0, verdict.records - 1)
    verdict.findings.append(Finding(Severity.FINDING, "another-chain", text, records=(0, last)))
    verdict.whole, verdict.whole_time = 0, ""


def _status(verdict: Verdict, options: argparse.Namespace) -> int:
    warned = options.strict and any(f.severity == Severity.WARNING for f in verdict.findings)
    if not verdict.is_clean or warned:
        return exits.NO
    return exits.YES if verdict.with_key or options.chain_only else exits.COULD_NOT_RUN


def _transfer_log(path: str) -> list[Witness]:
    """Return what the decompressed transfer log at PATH saw; - is standard input."""
    if path == "-":
        found = list(from_transfer_log(sys.stdin.buffer, "the transfer log"))
    else:
        with open(path, "rb") as file:
            found = list(from_transfer_log(file, path))
    if not found:
        tell(f"{path}: no witness: no checkpoint of a guard stands before the first file; is it of"
             " rsync, and decompressed?")
    return found


def _in_words(name: str, verdict: Verdict, witnesses: Sequence[Witness]) -> Iterator[str]:
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
    if witnesses:
        last = max(witnesses, key=lambda each: each.sequence)
        yield (f"  witnessed to record {last.sequence - 1}, by {len(witnesses)}, the last of them"
               f" {printable(last.source.encode())}")
    elif verdict.is_clean:
        yield "  no witness: that the whole machine was put back would not be seen"
    for each in verdict.findings:
        place = f"  [{each.place}]" if each.place else ""
        yield f"  {each.severity}: {each.kind}: {printable(each.text.encode())}{place}"
    if verdict.hidden:
        yield f"  and {verdict.hidden} more"
