"""Each program's page has every command, option, default and choice that it has, and no other."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard import exits
from bpc_ssh_guard.cli import audit, guardctl, keys, posture

from .pages import AUDIT, GUARDCTL, KEYS, POSTURE, items, rendered, section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A program, by the page and the function that makes its parser."""

    page: Path
    parser: Callable[[], argparse.ArgumentParser]

    @property
    def commands(self) -> dict[str, argparse.ArgumentParser]:
        (action,) = [each for each in self.parser()._actions
                     if isinstance(each, argparse._SubParsersAction)]
        return dict(action.choices)

    def synopses(self) -> Iterator[tuple[str, str]]:
        """Yield each command that the synopsis names, with the text up to the next program name."""
        synopsis = rendered(self.page).split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
        name = self.parser().prog
        for shown in re.split(rf"^ *{name} ", synopsis, flags=re.MULTILINE)[1:]:
            names = re.match(r"[a-z]+(?: \| [a-z]+)*", shown)
            for command in names[0].split(" | ") if names else ():
                yield command, shown


PROGRAMS = {
    "guardctl": Program(GUARDCTL, guardctl.parser),
    "audit": Program(AUDIT, audit.parser),
    "keys": Program(KEYS, keys.parser),
    "posture": Program(POSTURE, posture.parser),
}
COMMANDS = [(name, command) for name, program in PROGRAMS.items() for command in program.commands]


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Program:
    return PROGRAMS[request.param]


def _long_options(parser: argparse.ArgumentParser) -> set[str]:
    strings = (string for action in parser._actions for string in action.option_strings)
    return {string for string in strings if string.startswith("--")}


def test_synopsis_has_every_command_with_its_options(program: Program) -> None:
    shown: dict[str, set[str]] = {}
    for name, synopsis in program.synopses():
        shown.setdefault(name, set()).update(re.findall(r"--[a-z-]+", synopsis))
    parsed = {name: _long_options(parser) - {"--help"} for name, parser in program.commands.items()}
    assert shown == parsed


def test_page_explains_every_command(program: Program) -> None:
    explained = items(section(program.page, "DESCRIPTION"), "Cm")
    assert sorted(explained) == sorted(program.commands)


def test_page_explains_every_option_in_order_and_no_other(program: Program) -> None:
    source = section(program.page, "OPTIONS")
    explained = re.findall(r"^\.It (?:Fl h , )?Fl Fl (\S+)", source, re.MULTILINE)
    parsers = [program.parser(), *program.commands.values()]
    assert {f"--{name}" for name in explained} == set().union(*map(_long_options, parsers))
    assert explained == sorted(explained)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_page_names_every_default_and_choice(name: str, command: str) -> None:
    page = " ".join(rendered(PROGRAMS[name].page).split())
    for action in PROGRAMS[name].commands[command]._actions:
        values = [*(action.choices or ())]
        if isinstance(action.default, str) and action.default != argparse.SUPPRESS:
            values.append(action.default)
        assert [value for value in values if value not in page] == []


def test_page_explains_the_exit_statuses(program: Program) -> None:
    shown = re.findall(r"^\.It ([0-9]+)", section(program.page, "EXIT STATUS"), re.MULTILINE)
    assert shown == [str(status) for status in (exits.YES, exits.NO, exits.COULD_NOT_RUN)]

