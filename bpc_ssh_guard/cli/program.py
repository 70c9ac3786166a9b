"""What every program of ours does around its commands: parse, run, and tell of trouble."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from .. import __version__, exits
from ..errors import GuardFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .commands import Handler


def new_parser(program: str, description: str, statuses: str) -> argparse.ArgumentParser:
    """Return the parser of PROGRAM without commands; STATUSES tell its exit statuses."""
    parser = argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=f"exit status: {statuses}",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=20),
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    return parser


def run(
    parser: argparse.ArgumentParser, argv: Sequence[str], problems: tuple[type[Exception], ...]
) -> int:
    """Run the command line ARGV without the program's name; return the exit status.

    PROBLEMS are what its commands raise with a text for the admin.
    """
    options = parser.parse_args(argv)
    handler: Handler = options.handler
    try:
        return handler(options)
    except GuardFailure as failure:
        _tell(parser, failure.detail)
    except problems as error:
        _tell(parser, str(error))
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has enough
    except OSError as error:
        _tell(parser, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _tell(parser, "interrupted")
    return exits.COULD_NOT_RUN


def _tell(parser: argparse.ArgumentParser, text: str) -> None:
    print(f"{parser.prog}: {text}", file=sys.stderr)
