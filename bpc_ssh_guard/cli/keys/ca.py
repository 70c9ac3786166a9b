"""ca: the authority whose certificates last for hours, and what it signs."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from ... import exits
from ...keys import fleet
from ...keys.certificates import proof, rotation, settings
from ...keys.certificates.ca import Authorities
from ...keys.certificates.issue import Issuer, Label
from ...keys.certificates.lines import line
from ...keys.certificates.serials import Serials
from ...keys.config import Channel
from ...keys.files import group_of
from ...keys.record import Outcome, Record
from .common import (
    PROGRAM,
    add_config,
    add_jobs,
    add_json,
    add_selection,
    load_config,
    new_command,
    open_store,
    require_jobs,
    select,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...keys.certificates.ca import Authority
    from ...keys.client import Client
    from ...keys.fleet import Tell
    from .common import Commands, Wanted


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "ca", "sign certificates that last for hours", _ca)
    add_config(command)
    add_selection(command)
    add_jobs(command)
    command.add_argument("--dry-run", action="store_true", help="show what would be done")
    add_json(command)
    command.add_argument("action", metavar="ACTION", choices=tuple(_ACTIONS),
                         help=", ".join(_ACTIONS))


def _ca(options: argparse.Namespace) -> int:
    return _ACTIONS[options.action](_Work(options))


class _Work:
    """What the actions share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.config = load_config(options)
        self.settings = settings.load(self.config)
        self.wanted = select(options, self.config, Channel.CERTIFICATE)
        self.authorities = Authorities(self.settings.folder)

    @property
    def labels(self) -> list[Label]:
        """The labels that the options leave."""
        return _labels(self.wanted)

    def issuer(self) -> Issuer:
        """Return what issues certificates; the caller holds the lock of the authorities."""
        return Issuer(self.config, self.settings, self.authorities.all(),
                      self.authorities.current(), Serials(self.settings.folder),
                      group_of(self.config.reader))

    def note(self, what: str) -> None:
        """Store the event WHAT, which is about the authority, not a host."""
        with contextlib.closing(open_store(self.config)) as store:
            store.note("", "ca", what)


def _init(work: _Work) -> int:
    if work.options.dry_run:
        if work.settings.folder.is_dir():
            work.authorities.require_none()
        return _foretell(work, f"would make an authority in {work.settings.folder}")
    open_store(work.config).close()  # before anything is made that a second try would find
    authority = work.authorities.begin()
    work.note(f"authority g1 {authority.pair.key_id}")
    _show_lines(work, [authority])
    print(f"{PROGRAM}: whoever has {authority.pair.path} can let himself in wherever these lines"
          " are; keep it from backups and other accounts", file=sys.stderr)
    return exits.YES


def _foretell(work: _Work, text: str) -> int:
    """Tell that TEXT would be done to the authority, which is no host's."""
    print(json.dumps({"would": text}) if work.options.json else text)
    return exits.NO


def _lines(work: _Work) -> int:
    _show_lines(work, work.authorities.all())
    return exits.YES


def _show_lines(work: _Work, authorities: list[Authority]) -> None:
    for host, labels in work.wanted:
        if not work.options.json:
            print(f"# {host.name}, whose sshd_config must say ExposeAuthInfo yes")
        for authority in authorities:
            for label in labels:
                _show_line(work, authority, Label(host, label))


def _show_line(work: _Work, authority: Authority, label: Label) -> None:
    text = line(work.settings, label.host, label.name, authority)
    members: dict[str, Any] = {"host": label.host.name, "label": label.name,
                               "authority": authority.generation, "line": text}
    print(json.dumps(members) if work.options.json else text)


def _issue(work: _Work) -> int:
    with work.authorities.exclusive():
        return _issued(work, work.issuer(), [(label, "") for label in work.labels])


def _renew(work: _Work) -> int:
    with work.authorities.exclusive():
        issuer = work.issuer()
        return _issued(work, issuer, issuer.due(work.labels, int(time.time())))


def _issued(work: _Work, issuer: Issuer, chosen: list[tuple[Label, str]]) -> int:
    wanted = [(label.host, [label.name]) for label, _ in chosen]
    if work.options.dry_run:
        records = [Record(label.host.name, label.name, "", Outcome.WOULD,
                          text=f"would issue a certificate{reason and ': it ' + reason}")
                   for label, reason in chosen]
        return show(records, wanted, work.options.json, "")
    serials: list[int] = []

    def told() -> Iterator[Record]:
        for record in issuer.issue(label for label, _ in chosen):
            serials.extend([record.about["serial"]] if not record.error else [])
            yield record

    status = show(told(), wanted, work.options.json, "issuing")
    if serials:
        work.note(f"issued {len(serials)} certificates, serials {serials[0]} to {serials[-1]}")
    return status


def _prove(work: _Work) -> int:
    issuer = work.issuer()

    def prove(client: Client, label: str, tell: Tell) -> Record:
        return proof.prove_in_use(issuer, client, label)

    return _visit(work, prove)


def _rotate(work: _Work) -> int:
    if work.options.dry_run:
        found = rotation.under_way(work.authorities)
        return _foretell(
            work, f"would go on from authority g{found[0].generation} to g{found[1].generation}"
            if found else "would make another authority and prove it on the clients")
    with work.authorities.exclusive(), contextlib.closing(open_store(work.config)) as store:
        is_new = rotation.under_way(work.authorities) is None
        old, new = rotation.begin(work.authorities)
        if is_new:
            store.note("", "ca", f"authority g{new.generation} {new.pair.key_id} is to replace"
                                 f" g{old.generation}")
        change = rotation.Rotation(work.settings, work.issuer(), old, new, store.note)
        refused = []

        def serve(client: Client, label: str, tell: Tell) -> Record:
            record = change.serve(client, label, tell)
            refused.extend([label] if record.outcome == Outcome.ROTATED else [])
            return record

        status = _visit(work, serve)
        everyone = _labels([(host, list(host.labels.values()))
                            for host in work.config.hosts.values()
                            if host.channel == Channel.CERTIFICATE])
        done = rotation.finish(work.authorities, change, everyone, old, new, len(refused),
                               store.note)
    if done:
        print(f"{PROGRAM}: {done}", file=sys.stderr)
    return status


def _visit(work: _Work, serve: fleet.Work) -> int:
    jobs = require_jobs(work.options)
    records = fleet.run(work.config, work.wanted, jobs, serve, exclusive=False)
    return show(records, work.wanted, work.options.json, "asking")


def _labels(wanted: Wanted) -> list[Label]:
    return [Label(host, label) for host, labels in wanted for label in labels]


_ACTIONS = {
    "init": _init, "lines": _lines, "issue": _issue, "renew": _renew, "prove": _prove,
    "rotate": _rotate,
}
