"""keys: when each key was last used and from where, and which never was."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from ... import exits
from ...audit.usage import usages
from ...errors import GuardFailure
from ...page.inert import inert
from ...policy import load
from ..tables import show
from .asking import time_of
from .common import Problem, add_json, add_logs, new_command, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...audit.usage import Usage
    from .common import Commands


HEADS = ("machine", "key", "KEYID", "first used", "last used", "allowed #", "refused #",
         "greeted #", "asked #", "from")


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "keys", "show each key's use: first, last, from where", _keys)
    add_logs(command)
    command.add_argument("--since", metavar="TIME", default="", type=time_of,
                         help="name the addresses first seen since then: 1 if there are any")
    command.add_argument("--policy", metavar="FILE",
                         help="name its labels that were never used: 1 if there are any")
    add_json(command)


def _keys(options: argparse.Namespace) -> int:
    found = usages(records(options))
    never = list(_never_used(options.policy, found)) if options.policy else []
    new = {id(used): [address for address, seen in used.addresses.items()
                      if options.since and seen >= options.since] for used in found}
    if options.json:
        print(json.dumps({
            "keys": [{**used.as_json(), "new_addresses": new[id(used)]} for used in found],
            "never": never,
        }))
    else:
        if found:
            show("Keys, the latest used first", HEADS,
                 [_cells(used, new[id(used)]) for used in found], len(found))
        for label in never:
            print(f"{label}  never used")
    return exits.NO if never or any(new.values()) else exits.YES


def _never_used(path: str, found: list[Usage]) -> Iterator[str]:
    labels = {used.label for used in found}
    try:
        policy = load.load(os.fsencode(os.path.abspath(path)))
    except GuardFailure as failure:
        raise Problem(failure.detail) from None
    for label in policy.blocks:
        if label.decode("ascii") not in labels:
            yield label.decode("ascii")


def _cells(used: Usage, new: list[str]) -> tuple[str, ...]:
    """Return the row of a key: inert text."""
    addresses = [f"{each} (NEW)" if each in new else each for each in used.addresses]
    told = (used.host, used.label, used.key_id, used.first[:19], used.last[:19],
            f"{used.started:,}", f"{used.denied:,}", f"{used.greeted:,}", f"{used.asked:,}",
            " ".join(addresses))
    return tuple(map(inert, told))
