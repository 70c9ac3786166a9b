"""bpc-ssh-keys(8) and bpc-ssh-keys.conf(5) have all that the program has, and no other."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.cli import keys
from bpc_ssh_guard.keys import config, fleet, grants, verify, words
from bpc_ssh_guard.keys.duration import DAY, HOUR, in_words
from bpc_ssh_guard.keys.journal import STATES
from bpc_ssh_guard.keys.trouble import WORDS

from .pages import MAN, items, literal_blocks, rendered, section, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = MAN / "bpc-ssh-keys.8"
CONF = MAN / "bpc-ssh-keys.conf.5"


def _subparsers() -> dict[str, argparse.ArgumentParser]:
    (action,) = [each for each in keys.parser()._actions
                 if isinstance(each, argparse._SubParsersAction)]
    return dict(action.choices)


def _long_options(parser: argparse.ArgumentParser) -> set[str]:
    strings = (string for action in parser._actions for string in action.option_strings)
    return {string for string in strings if string.startswith("--")}


def _synopses() -> Iterator[tuple[str, str]]:
    """Yield each subcommand of the synopsis with the text up to the next one."""
    synopsis = rendered(KEYS).split("\nSYNOPSIS\n")[1].split("\nDESCRIPTION\n")[0]
    for shown in re.split(r"^ *bpc-ssh-keys ", synopsis, flags=re.MULTILINE)[1:]:
        name = re.match(r"[a-z]+", shown)
        if name:
            yield name[0], shown


def test_synopsis_has_every_command_with_its_options() -> None:
    shown = {name: set(re.findall(r"--[a-z-]+", words)) for name, words in _synopses()}
    parsed = {name: _long_options(parser) - {"--help"} for name, parser in _subparsers().items()}
    assert shown == parsed


def test_page_explains_every_command() -> None:
    assert sorted(items(section(KEYS, "DESCRIPTION"), "Cm")) == sorted(_subparsers())


def test_page_explains_every_option_in_order_and_no_other() -> None:
    explained = re.findall(r"^\.It (?:Fl h , )?Fl Fl (\S+)", section(KEYS, "OPTIONS"), re.MULTILINE)
    parsers = [keys.parser(), *_subparsers().values()]
    assert {f"--{name}" for name in explained} == set().union(*map(_long_options, parsers))
    assert explained == sorted(explained)


def test_page_explains_every_state_in_its_order() -> None:
    assert items(section(KEYS, "ROTATION"), "Cm") == list(STATES)


def test_page_explains_every_error_in_the_order_of_the_code() -> None:
    assert items(section(KEYS, "DIAGNOSTICS"), "Cm") == list(WORDS)


def test_page_explains_every_finding_in_the_order_of_the_code() -> None:
    assert items(section(KEYS, "FINDINGS"), "Cm") == list(verify.KINDS)


@pytest.mark.parametrize(
    "words",
    [
        f"1 to {fleet.MOST_JOBS}; {fleet.JOBS} by default",
        f"1m to {grants.LONGEST // HOUR}h; {in_words(grants.DEFAULT)} by default",
        f"more than {verify.PENDING // DAY} days",
        config.DEFAULT_CONFIG,
    ],
)
def test_page_has_the_numbers_of_the_code(words: str) -> None:
    assert words in " ".join(rendered(KEYS).split())


def test_conf_explains_every_word_and_no_other() -> None:
    source = text(CONF)
    paths, hosts, *_ = source.split("\n.Ss ")[1:]
    own, defaults = hosts.split("\n.Va [defaults] ,\n")
    assert set(items(paths, "Va")) == set(words.PATHS)
    assert set(items(defaults, "Va")) == set(words.DEFAULTS)
    assert set(items(own, "Va")) == set(words.HOST) - set(words.DEFAULTS)


def test_conf_has_every_default(tmp_path: Path) -> None:
    page = rendered(CONF)
    (tmp_path / "config").write_text("[host.NAME]\nlabels = {backup = 'a'}\nrotation_label = 'b'\n")
    found = config.load(str(tmp_path / "config"))
    host = found.hosts["NAME"]
    for value in (found.etc, found.var, found.reader, host.port, host.user, host.channel,
                  in_words(host.max_age), in_words(host.warn_age), f"{host.soak // HOUR}h"):
        assert f"{value}" in page
    assert host.rotation_key == f"{found.var}/rotation/NAME"


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    (shown,) = literal_blocks(CONF)
    (tmp_path / "config").write_text(shown)
    found = config.load(str(tmp_path / "config"))
    assert list(found.hosts) == ["web1", "db.example.org"]
    assert found.hosts["web1"].source == ("192.0.2.7",)
