"""bpc-ssh-guard-log(5): it explains exactly what the records hold, and its examples run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess

import pytest

from bpc_ssh_guard.record.event import ACTIONS
from bpc_ssh_guard.record.grants import CLOSED
from bpc_ssh_guard.record.keys import UNUSUAL
from bpc_ssh_guard.record.own import RATE_LIMIT, RECOVERED
from bpc_ssh_guard.vocabulary import REASONS

from . import scenes

PAGE = os.path.join(scenes.CHECKOUT, "man", "bpc-ssh-guard-log.5")


@pytest.fixture(scope="module")
def source() -> str:
    with open(PAGE, encoding="ascii") as file:
        return file.read()


def test_the_page_is_clean_mdoc() -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_explains_every_field_and_no_other(source, session) -> None:
    explained = re.findall(r"^\.It Va (\S+)$", source, re.MULTILINE)
    lines = [*scenes.every_line(session), *scenes.grant_lines(), *scenes.own_lines()]
    lines += scenes.key_lines(session)
    held = {name for line in lines for name in json.loads(line)}
    held |= {"event.sequence", "h", "m"}  # the chain's
    held |= {name for name, _ in scenes.certified().members("authinfo")}
    assert sorted(explained) == sorted(held)


def test_the_page_gives_every_reason_its_sentence(source) -> None:
    explained = dict(re.findall(r"^\.It Cm (\S+)\n(.*)$", source, re.MULTILINE))
    codes = {word: said for word, said in explained.items() if word not in ACTIONS}
    rate = {RATE_LIMIT: "the key was refused more often than the log takes"}
    assert codes == {**REASONS, **CLOSED, **RECOVERED, **UNUSUAL, **rate}


def test_the_page_explains_every_action(source) -> None:
    for action, pairs in ACTIONS.items():
        items = source.split(f".It Cm {action}\n")
        assert len(items) == 2, action
        assert f".Pq {', '.join(pairs)}" in items[1].split(".It ")[0]


def examples(source: str) -> list[str]:
    """Return the literal blocks of the page as they are displayed."""
    blocks = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", source, re.MULTILINE | re.DOTALL)
    return [block.replace(r"\e", "\\").replace(r"\&", "") for block in blocks]


def test_the_record_on_the_page_is_one_that_the_guard_writes(source, session) -> None:
    shown = json.loads(examples(source)[0].partition("\n")[2])
    command = shown["process.command_line"].encode()
    assert shown["bpc.command.sha256"] == hashlib.sha256(command).hexdigest()
    assert shown["bpc.command.bytes"] == len(command)
    assert command[shown["bpc.deny.offset"] :].decode() == shown["bpc.paths"][0]
    line = session.denied(
        reason=shown["event.code"],
        detail=shown["event.reason"],
        offset=shown["bpc.deny.offset"],
        rule=shown["rule.id"],
        command=command,
        purpose=shown["bpc.purpose"],
        operation=shown["bpc.op"],
        program=shown["bpc.program"],
        paths=[command[shown["bpc.deny.offset"] :]],
        features=[],
        policy_sha256=shown["bpc.policy.sha256"],
    )
    written = json.loads(line)
    its_own = {
        "@timestamp", "bpc.boottime_ns", "host.name", "host.boot.id", "observer.version",
        "process.pid", "process.entity_id", "user.name", "user.id",
    }
    assert ["event.sequence", *written, "h", "m"] == list(shown)
    its_own |= {"event.sequence", "h", "m"}
    assert {k: v for k, v in written.items() if k not in its_own} == {
        k: v for k, v in shown.items() if k not in its_own
    }


def test_the_examples_find_what_they_say(source, directory) -> None:
    finished, unfinished, refused = (scenes.session() for _ in range(3))
    lines = [
        scenes.started(unfinished, command=b'"event.action":"command-denied"'),
        scenes.started(finished),
        scenes.ended(finished),
        *scenes.grant_lines(),
        scenes.restored(finished),
        scenes.ended(finished),
        scenes.denied(refused),
    ]
    scenes.begin(directory)
    scenes.append(directory, *lines)
    lines = [line + b"\n" for line in scenes.log_lines(directory)][1:]

    shown, denied, counted, running, hashed, granted = [
        subprocess.run(
            ["sh", "-c", command], cwd=directory, capture_output=True, check=True, timeout=60
        ).stdout
        for command in (commands(block) for block in examples(source))
    ]
    last, grants = lines[-1], lines[3:-3]
    assert json.loads(shown) == json.loads(last)
    assert shown.isascii()
    assert denied == last
    assert counted.split()[-2:] == [b"1", b'"event.code":"revoked"']
    assert b'1 "event.code":"not-words"\n' in counted
    assert running == b'"process.entity_id":"%s"\n' % unfinished.entity_id.encode()
    assert hashed == b'"h":"%s"\n' % json.loads(last)["h"].encode()
    assert granted == b"".join([*grants, *grants, lines[-3]])


def commands(block: str) -> str:
    """Return what BLOCK types at the prompt; grep's status 1, nothing found, is no error."""
    typed = re.findall(r"^\$ (.*(?:\n {6}.*)*)$", block, re.MULTILINE)
    return "\n".join(typed) + "\nexit 0\n"
