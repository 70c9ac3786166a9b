"""secrets: tell where passwords stand in plain text, and let systemd hold what it can."""

from __future__ import annotations

import argparse
import contextlib
import json
from typing import TYPE_CHECKING, Any, Optional

from ... import exits
from ...backuppc.refused import Refused
from ...backuppc.undecided import Undecided
from ...posture.fix import migrate, secrets
from ...posture.fix.journal import Journal
from ...posture.site import Site
from .common import PROGRAM, Problem, add_json, add_root, new_command, root_of, warn
from .fix import SCHEMA, show, taken_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .common import Commands

ACTIONS = ("list", "migrate")


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "secrets",
                          "tell where passwords stand in plain text, and move what can move",
                          _secrets)
    command.add_argument("action", metavar="ACTION", choices=ACTIONS,
                         help="list: say where; migrate: let systemd hold the smb password,"
                              " without --apply only say how")
    add_root(command)
    act = command.add_mutually_exclusive_group()
    act.add_argument("--apply", action="store_true", help="do it, noted in an undo journal")
    act.add_argument("--undo", metavar="JOURNAL",
                     help="put back what the run with this journal moved")
    add_json(command)


def _secrets(options: argparse.Namespace) -> int:
    if options.action == "list" and (options.apply or options.undo):
        raise Problem("--apply and --undo belong to migrate")
    site = Site.open(root_of(options))
    if options.undo:
        status = taken_back(site, options.undo, options.json)
        warn("now: systemctl daemon-reload && systemctl restart backuppc")
        return status
    places = secrets.places(site)
    if options.action == "list":
        return _list(options, site, places)
    return _migrate(options, site, places)


def _list(options: argparse.Namespace, site: Site, places: Sequence[secrets.Place]) -> int:
    unread = list(secrets.unread(site))
    if options.json:
        print(json.dumps({
            "schema": SCHEMA, "places": [_as_json(place) for place in places],
            "unread": [{"path": path, "line": line, "reason": reason}
                       for path, line, reason in unread]}))
    else:
        _show(places)
        for path, line, reason in unread:
            show(f"{path}:{line}: {reason}: what it holds can't be told")
    return exits.NO if places or unread else exits.YES


def _migrate(options: argparse.Namespace, site: Site, places: Sequence[secrets.Place]) -> int:
    if not any(place.key == secrets.KEY for place in places) and not any(secrets.unread(site)):
        _tell(options, places, [], None)
        return exits.NO if places else exits.YES
    try:
        lines = migrate.words(site)
    except (Refused, Undecided) as refused:
        if not options.json:
            _show(places)
        raise Problem(f"nothing can move: {refused}") from None
    if not options.apply:
        _tell(options, places, lines, None)
        warn("nothing was changed; --apply does it")
        return exits.NO
    journal = Journal(site.disk)
    with contextlib.closing(journal):
        try:
            done = migrate.apply(site, journal)
        except (Refused, Undecided) as refused:
            undo = "" if journal.is_empty else (
                f"; {PROGRAM} secrets migrate --undo {journal.path} takes back what was done")
            raise Problem(f"{refused}{undo}") from None
    _tell(options, places, done, journal.path)
    warn("now, or smb backups fail: systemctl daemon-reload && systemctl restart backuppc")
    warn(f"{PROGRAM} secrets migrate --undo {journal.path} puts it back; that folder holds the"
         " password in plain text until you remove it")
    warn(f"the password was in plain text: change it, and see {PROGRAM} audit --only SEC-03 for"
         " copies; a save in the web interface makes undef an empty password (SEC-05)")
    return exits.YES


def _tell(options: argparse.Namespace, places: Sequence[secrets.Place], lines: Sequence[str],
          journal: Optional[str]) -> None:
    if options.json:
        print(json.dumps({"schema": SCHEMA, "applied": journal is not None, "journal": journal,
                          "places": [_as_json(place) for place in places], "steps": list(lines)}))
        return
    _show(places)
    for line in lines:
        show(f"{'done' if journal else 'planned':8} {line}")


def _show(places: Sequence[secrets.Place]) -> None:
    if not places:
        print("no password stands in plain text in a configuration file")
    for place in places:
        stays = "can move" if place.stays is None else f"stays: {place.stays}"
        show(f"{place.path}:{place.line}: {place.key} ({place.length}): {stays}")


def _as_json(place: secrets.Place) -> dict[str, Any]:
    return {"key": place.key, "path": place.path, "line": place.line, "length": place.length,
            "moves": place.stays is None, "reason": place.stays or ""}
