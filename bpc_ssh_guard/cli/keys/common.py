"""What the commands of bpc-ssh-keys share: configuration, hosts to visit, records, problems."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING, Optional

from ... import exits
from ...duration import parse_duration
from ...guardctl.explain import printable
from ...keys import config, fleet
from ...keys.config import Channel
from ...keys.record import Outcome
from ...keys.trouble import Word
from ..commands import add_json, new_command
from ..progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...keys.config import Config, Host
    from ...keys.record import Record
    from ...keys.store import Store
    from ..commands import Commands, Handler

    Wanted = list[tuple[Host, list[str]]]

__all__ = [
    "PROGRAM", "Commands", "Handler", "Problem", "add_config", "add_jobs", "add_json",
    "add_selection", "duration", "load_config", "new_command", "open_store",
    "require_jobs", "select", "show",
]

PROGRAM = "bpc-ssh-keys"
_SHARD = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


def add_config(command: argparse.ArgumentParser) -> None:
    """Add --config."""
    command.add_argument("--config", metavar="FILE", default=config.DEFAULT_CONFIG,
                         help="hosts and folders (default %(default)s)")


def load_config(options: argparse.Namespace) -> Config:
    """Return the configuration that --config names; raises ConfigError and OSError."""
    return config.load(options.config)


def open_store(config: Config) -> Store:
    """Return the store of CONFIG; raises StoreError."""
    from ...keys.store import Store

    return Store(config.database)


def add_selection(command: argparse.ArgumentParser) -> None:
    """Add what narrows a command to some hosts and labels."""
    command.add_argument("--host", metavar="HOST", action="append", default=[],
                         help="this host only; may be repeated")
    command.add_argument("--label", metavar="LABEL", action="append", default=[],
                         help="this label or purpose only; may be repeated")
    command.add_argument("--shard", metavar="I/N", help="the I-th of N parts of the fleet")


def add_jobs(command: argparse.ArgumentParser) -> None:
    """Add --jobs."""
    command.add_argument("--jobs", metavar="N", type=int, default=fleet.JOBS,
                         help="hosts at a time (default %(default)s)")


def require_jobs(options: argparse.Namespace) -> int:
    """Return --jobs; raises Problem."""
    jobs: int = options.jobs
    if not 1 <= jobs <= fleet.MOST_JOBS:
        raise Problem(f"--jobs takes a number from 1 to {fleet.MOST_JOBS}")
    return jobs


def duration(option: str, text: str) -> int:
    """Return the seconds of TEXT, the value of OPTION; raises Problem."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Problem(f"{option}: {error}") from None


def select(
    options: argparse.Namespace, config: Config, channel: Optional[str] = Channel.KEY
) -> Wanted:
    """Return the hosts of CHANNEL, or of any, that OPTIONS name, with their labels.

    Raises Problem.
    """
    for name in options.host:
        if name not in config.hosts:
            raise Problem(f"{config.path}: names no host {name}; write [host.{name}]")
        if channel not in (None, config.hosts[name].channel):
            other = "ca" if channel == Channel.KEY else "rotate"
            raise Problem(f"{name} has channel {config.hosts[name].channel}, not {channel};"
                          f" bpc-ssh-keys {other} is for such hosts")
    hosts = [host for name, host in config.hosts.items()
             if not options.host or name in options.host]
    if options.shard is not None:
        hosts = fleet.shard(hosts, *_shard(options.shard))
    wanted = [(host, _labels(host, options.label)) for host in hosts
              if channel in (None, host.channel)]
    found = [(host, labels) for host, labels in wanted if labels]
    if options.label and not found and options.shard is None:
        raise Problem(f"{config.path}: no host has the label {' or '.join(options.label)}")
    return found


def _labels(host: Host, wanted: Sequence[str]) -> list[str]:
    return [label for purpose, label in host.labels.items()
            if not wanted or label in wanted or purpose in wanted]


def _shard(text: str) -> tuple[int, int]:
    found = _SHARD.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise Problem("--shard takes I/N, as in 1/4 to 4/4")
    return int(found[1]), int(found[2])


def show(records: Iterable[Record], wanted: Wanted, as_json: bool, title: str) -> int:
    """Print RECORDS as they come and return the exit status.

    Steps are told to programs; people see how each label ended.
    """
    ended: list[Record] = []
    with Progress(title, sum(len(labels) for _, labels in wanted)) as progress:
        for record in records:
            if record.is_last:
                ended.append(record)
                progress.step(record.host)
            if as_json:
                print(json.dumps(record.as_json()), flush=True)
            elif record.outcome != Outcome.DONE:
                print(_in_words(record), flush=True)
    return _status(ended)


def _status(ended: Sequence[Record]) -> int:
    """Return the exit status of a run whose labels ENDED so: 2 where other runs have them all."""
    failed = [record for record in ended if record.outcome in (Outcome.FAILED, Outcome.DRIFT)]
    if not failed:
        return exits.NO if any(each.outcome == Outcome.WOULD for each in ended) else exits.YES
    if len(failed) == len(ended) and all(each.error == Word.LOCKED for each in failed):
        return exits.COULD_NOT_RUN
    return exits.NO


def _in_words(record: Record) -> str:
    if record.outcome == Outcome.WOULD:
        key = f" (g{record.generation} {record.key})" if record.key else ""
        return f"{record.host} {record.label}: {printable(record.text.encode())}{key}"
    text = f"{record.host} {record.label}: {record.outcome}"
    if record.error:
        text += f" ({record.error})" + (f" after {record.step}" if record.next_command else "")
    elif record.generation:
        text += f" g{record.generation} {record.key}"
    parts = [text, printable(record.text.encode()), record.next_command]
    return "; ".join(part for part in parts if part)


def warn(text: str) -> None:
    """Tell TEXT on standard error."""
    print(f"{PROGRAM}: {text}", file=sys.stderr)
