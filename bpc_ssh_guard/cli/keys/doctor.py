"""doctor: see whether BackupPC uses the keys that are kept here, and who else could."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl.explain import printable
from .common import Problem, add_config, add_json, load_config, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "doctor", "see whether BackupPC uses these keys", _doctor)
    add_config(command)
    command.add_argument("--root", metavar="DIR", default="/",
                         help="where BackupPC's files are (default %(default)s)")
    add_json(command)


def _doctor(options: argparse.Namespace) -> int:
    from ...backuppc.disk import Disk
    from ...backuppc.layout import NoBackupPC, find_layout
    from ...backuppc.settings import Settings
    from ...keys.doctor import Verdict, examine

    config = load_config(options)
    try:
        disk = Disk(Path(options.root))
        settings = Settings.read(disk, find_layout(disk))
    except NoBackupPC as none:
        raise Problem(str(none)) from None
    found = list(examine(config, settings))
    if options.json:
        print(json.dumps([each.as_json() for each in found], indent=2))
    else:
        for each in found:
            text = f"{each.verdict:<8}{each.subject}{each.text and ': '}{each.text}"
            print(printable(text.encode()))
    wrong = [each for each in found if each.verdict != Verdict.RIGHT]
    return exits.NO if wrong else exits.YES
