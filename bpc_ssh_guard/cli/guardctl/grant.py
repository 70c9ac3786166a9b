"""grant: open, list or close the hours in which a key restores."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from typing import TYPE_CHECKING, Any

from ... import exits
from ...duration import parse_duration
from ...guardctl import explain, grant
from .common import PROGRAM, Problem, add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...policy.window import Grant
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "grant", "open, list or close the hours in which a key restores", _grant
    )
    add_policy(command)
    action = command.add_mutually_exclusive_group(required=True)
    action.add_argument("--for", dest="duration", metavar="TIME", help="open for 90m, 2h, 1d")
    action.add_argument("--list", action="store_true", help="show the grants")
    action.add_argument("--revoke", action="store_true", help="close LABEL's now")
    command.add_argument("--path", metavar="PATH", action="append", default=[],
                         help="narrow the restore roots to PATH; may be repeated")
    command.add_argument("--reason", metavar="TEXT", default="", help="for the record")
    add_json(command)
    command.add_argument("label", metavar="LABEL", nargs="?", help="key label of the policy")


def _grant(options: argparse.Namespace) -> int:
    policy = load_policy(options)
    if options.list:
        return _show_grants(grant.list_grants(policy), options.json)
    if options.label is None:
        raise Problem("say which key: bpc-ssh-guardctl grant LABEL --for 2h")
    if options.revoke:
        if grant.revoke(policy, options.label):
            return exits.YES
        print(f"{PROGRAM}: {options.label} has no grant", file=sys.stderr)
        return exits.NO
    try:
        seconds = parse_duration(options.duration)
    except ValueError as error:
        raise Problem(str(error)) from None
    opened = grant.open_grant(policy, options.label, seconds, options.path, options.reason)
    return _show_grants({options.label: opened}, options.json)


def _show_grants(found: Mapping[str, Grant], as_json: bool) -> int:
    shown = [_grant_members(label, each) for label, each in found.items()]
    if as_json:
        print(json.dumps(shown, indent=2))
    else:
        for each in shown:
            paths = " ".join(each["paths"]) or "all its roots"
            said = f"  ({each['reason']})" if each["reason"] else ""
            print(f"{each['key']}  until {each['until']}  {paths}{said}")
    return exits.YES if shown else exits.NO


def _grant_members(label: str, each: Grant) -> dict[str, Any]:
    until = datetime.datetime.fromtimestamp(each.until, datetime.timezone.utc)
    return {
        "key": label,
        "id": each.identity.decode("ascii"),
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "paths": [explain.printable(path) for path in each.paths],
        "reason": explain.printable(each.reason),
    }
