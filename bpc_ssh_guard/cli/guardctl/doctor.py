"""doctor: confine a child as each key's, and show what the kernel really refuses."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ... import exits
from .common import PROGRAM, add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "doctor", "confine a child as each key's, and try what must not work", _doctor
    )
    add_policy(command)
    command.add_argument("--key", metavar="LABEL", help="this key only")
    add_json(command)


def _doctor(options: argparse.Namespace) -> int:
    from ...guardctl import doctor  # ctypes, and what only Linux has, for this command alone
    from ...guardctl.purposes import WITHOUT_PROGRAM

    policy = load_policy(options)
    diagnoses = doctor.examine(policy, options.key)
    for label, block in policy.blocks.items():
        if block.operation in WITHOUT_PROGRAM and options.key in (None, label.decode("ascii")):
            what = f"a key for {block.operation} runs no program, so nothing is confined"
            print(f"{PROGRAM}: {label.decode('ascii')}: {what}", file=sys.stderr)
    if options.json:
        print(json.dumps([diagnosis.as_json() for diagnosis in diagnoses], indent=2))
    else:
        print("\n".join(doctor.in_words(diagnoses)))
    return exits.NO if any(diagnosis.is_failure for diagnosis in diagnoses) else exits.YES
