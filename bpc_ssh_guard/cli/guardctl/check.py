"""check: test policy, key lines, programs and isolation before they are relied on."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl import check
from .common import add_json, add_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "check", "test policy, key lines, programs and isolation", _check
    )
    add_policy(command)
    command.add_argument("--authorized-keys", metavar="FILE", action="append",
                         help="file with the key lines (default: as sshd says); may be repeated")
    add_json(command)


def _check(options: argparse.Namespace) -> int:
    path = os.path.abspath(options.policy)
    findings = check.check(path, options.authorized_keys)
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
    return exits.NO if any(f.severity == "error" for f in findings) else exits.YES
