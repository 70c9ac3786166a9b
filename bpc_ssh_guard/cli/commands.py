"""What the programs' command lines share: how a command is added, and options of all of them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .. import exits

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[argparse.Namespace], int]
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def new_command(
    commands: Commands, name: str, text: str, handler: Handler
) -> argparse.ArgumentParser:
    """Return the parser of the new command NAME, which HANDLER serves; TEXT is its help."""
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(handler=handler)
    return command


def add_json(command: argparse._ActionsContainer) -> None:
    """Add --json to a command, or to options that exclude each other."""
    command.add_argument("--json", action="store_true", help="JSON on standard output")


def add_completion(commands: Commands, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the command that prints the completion script of a shell for PARSER."""

    def complete(options: argparse.Namespace) -> int:
        top = parser()
        try:
            import shtab  # needed where a package is built, not on a client
        except ImportError:
            message = "shtab is not installed; python3 -m pip install shtab"
            print(f"{top.prog}: {message}", file=sys.stderr)
            return exits.COULD_NOT_RUN
        print(shtab.complete(top, options.shell))
        return exits.YES

    command = new_command(
        commands, "completion", "print the completion script of a shell", complete
    )
    command.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "tcsh"),
                         help="bash, zsh or tcsh")
