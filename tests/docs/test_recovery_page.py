"""Each command of bpc-ssh-keys-recovery(7) is one that its program takes; no case is missing."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.cli import guardctl, keys

from .pages import RECOVERY, text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "bpc-ssh-keys": keys.parser, "bpc-ssh-guardctl": guardctl.parser,
}
COMMANDS = re.findall(r"^\.Dl (.*)$", text(RECOVERY), re.MULTILINE)
OURS = [command for command in COMMANDS if command.split()[0] in PARSERS]
CASES = (
    "The server's store is lost or damaged", "The server's key files are lost",
    "A rotation key is lost", "A rotation key is in wrong hands",
    "A backup or restore key is in wrong hands", "A rotation is stuck half way",
    "A client turns every key away", "A client was installed anew, or its lines are gone",
    "A clock is wrong", "Two servers keep the keys of one client",
    "The certificate authority is in wrong hands",
)


@pytest.mark.parametrize("command", sorted(set(OURS)))
def test_a_command_of_the_page_is_one_that_its_program_takes(command: str) -> None:
    program, *words = shlex.split(command)
    assert PARSERS[program]().parse_args(words).handler


def test_the_page_shows_no_other_commands_than_ours_and_one_of_openssh() -> None:
    others = {command.split()[0] for command in COMMANDS if command not in OURS}
    assert others == {"ssh-keygen"}
    assert {command.split()[1] for command in OURS if command.startswith("bpc-ssh-keys ")} >= {
        "rebuild", "resume", "rollback", "revoke", "rotate", "verify", "list", "enroll", "init",
        "hostkey", "ca",
    }


def test_the_page_has_every_case_with_a_command() -> None:
    found = text(RECOVERY).split("\n.Ss ")[1:]
    assert [case.split("\n", 1)[0] for case in found] == list(CASES)
    assert all("\n.Dl " in case for case in found)
