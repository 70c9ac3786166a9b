"""completion: print the completion script of a shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ... import exits
from .common import Problem, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "completion", "print the completion script of a shell", _complete
    )
    command.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "tcsh"),
                         help="bash, zsh or tcsh")


def _complete(options: argparse.Namespace) -> int:
    try:
        import shtab  # needed where a package is built, not on a client
    except ImportError:
        raise Problem("shtab is not installed; python3 -m pip install shtab") from None
    from . import parser

    print(shtab.complete(parser(), options.shell))
    return exits.YES
