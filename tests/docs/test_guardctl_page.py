"""bpc-ssh-guardctl(8): every subcommand, option, default and choice of the parser, and no other."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.cli import guardctl

from .pages import GUARDCTL, items, rendered, section

if TYPE_CHECKING:
    from collections.abc import Iterator


def _subparsers() -> dict[str, argparse.ArgumentParser]:
    (action,) = [
        each for each in guardctl.parser()._actions
        if isinstance(each, argparse._SubParsersAction)
    ]
    return dict(action.choices)


def _long_options(parser: argparse.ArgumentParser) -> set[str]:
    strings = (string for action in parser._actions for string in action.option_strings)
    return {string for string in strings if string.startswith("--")}


def _synopses() -> Iterator[tuple[str, str]]:
    """Yield each subcommand that the synopsis of guardctl names, and the line it stands in."""
    synopsis = rendered(GUARDCTL).split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
    for shown in synopsis.strip().splitlines():
        names = re.match(r"bpc-ssh-guardctl ([a-z]+(?: \| [a-z]+)*)", shown.strip())
        for name in names[1].split(" | ") if names else ():
            yield name, shown


def test_synopsis_of_guardctl_has_every_subcommand_with_its_options() -> None:
    shown: dict[str, set[str]] = {}
    for name, synopsis in _synopses():
        shown.setdefault(name, set()).update(re.findall(r"--[a-z-]+", synopsis))
    parsed = {name: _long_options(parser) - {"--help"} for name, parser in _subparsers().items()}
    assert shown == parsed


def test_guardctl_explains_every_subcommand() -> None:
    assert sorted(items(section(GUARDCTL, "DESCRIPTION"), "Cm")) == sorted(_subparsers())


def test_guardctl_explains_every_option_and_no_other() -> None:
    source = section(GUARDCTL, "OPTIONS")
    explained = re.findall(r"^\.It (?:Fl h , )?Fl Fl (\S+)", source, re.MULTILINE)
    parsers = [guardctl.parser(), *_subparsers().values()]
    assert {f"--{name}" for name in explained} == set().union(*map(_long_options, parsers))
    assert explained == sorted(explained)


@pytest.mark.parametrize("command", sorted(_subparsers()))
def test_guardctl_names_every_default_and_choice(command: str) -> None:
    page = rendered(GUARDCTL)
    for action in _subparsers()[command]._actions:
        values = [*(action.choices or ())]
        if isinstance(action.default, str) and action.default != argparse.SUPPRESS:
            values.append(action.default)
        assert [value for value in values if value not in page] == []


def test_guardctl_explains_its_exit_statuses() -> None:
    shown = re.findall(r"^\.It ([0-9]+)", section(GUARDCTL, "EXIT STATUS"), re.MULTILINE)
    assert shown == [str(status) for status in (exits.YES, exits.NO, exits.COULD_NOT_RUN)]
