"""bpc-ssh-audit(1) has every command and option that the program has, and no other."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from bpc_ssh_guard.cli import audit

from .pages import AUDIT, items, rendered, section

if TYPE_CHECKING:
    from collections.abc import Iterator


def _subparsers() -> dict[str, argparse.ArgumentParser]:
    (action,) = [each for each in audit.parser()._actions
                 if isinstance(each, argparse._SubParsersAction)]
    return dict(action.choices)


def _long_options(parser: argparse.ArgumentParser) -> set[str]:
    strings = (string for action in parser._actions for string in action.option_strings)
    return {string for string in strings if string.startswith("--")}


def _synopses() -> Iterator[tuple[str, str]]:
    """Yield each subcommand of the synopsis with the text up to the next one."""
    synopsis = rendered(AUDIT).split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
    for shown in re.split(r"^ *bpc-ssh-audit ", synopsis, flags=re.MULTILINE)[1:]:
        name = re.match(r"[a-z]+", shown)
        if name:
            yield name[0], shown


def test_synopsis_has_every_command_with_its_options() -> None:
    shown = {name: set(re.findall(r"--[a-z-]+", text)) for name, text in _synopses()}
    parsed = {name: _long_options(parser) - {"--help"} for name, parser in _subparsers().items()}
    assert shown == parsed


def test_page_explains_every_command() -> None:
    assert sorted(items(section(AUDIT, "DESCRIPTION"), "Cm")) == sorted(_subparsers())


def test_page_explains_every_option_in_order_and_no_other() -> None:
    source = section(AUDIT, "OPTIONS")
    explained = re.findall(r"^\.It (?:Fl h , )?Fl Fl (\S+)", source, re.MULTILINE)
    parsers = [audit.parser(), *_subparsers().values()]
    assert {f"--{name}" for name in explained} == set().union(*map(_long_options, parsers))
    assert explained == sorted(explained)
