"""What the commands of bpc-ssh-posture share: the server's root folder, checks by id, problems."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...posture.output.json import PROGRAM
from ..commands import add_json, new_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...posture.check import Check
    from ..commands import Commands, Handler

__all__ = [
    "PROGRAM", "Commands", "Handler", "Problem", "add_json", "add_root", "new_command", "root_of",
    "select", "warn",
]


class Problem(Exception):
    """The command could not run; the text says why and what to do."""


def add_root(command: argparse.ArgumentParser) -> None:
    """Add --root."""
    command.add_argument("--root", metavar="DIR", default="/",
                         help="the server's root folder, of a container or a chroot"
                              " (default %(default)s)")


def root_of(options: argparse.Namespace) -> Path:
    """Return the folder that --root names; raises Problem."""
    root = Path(options.root)
    if not root.is_dir():
        raise Problem(f"{root}: no such folder; --root takes the root folder of a server")
    return root


def select(ids: Sequence[str]) -> list[type[Check]]:
    """Return the checks that IDS name; raises Problem for one that there isn't."""
    from ...posture.checks import BY_ID

    for each in ids:
        if each not in BY_ID:
            raise Problem(f"there is no check {each!a}; {PROGRAM} explain lists them")
    return [BY_ID[each] for each in ids]


def warn(text: str) -> None:
    """Tell TEXT on standard error."""
    print(f"{PROGRAM}: {text}", file=sys.stderr)
