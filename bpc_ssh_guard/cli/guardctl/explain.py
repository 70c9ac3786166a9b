"""explain: say what the guard would do with a command, by its real parse and decision."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl import explain
from ...vocabulary import Reason
from .common import PROGRAM, Problem, add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands


def add(commands: Commands) -> None:
    command = new_command(
        commands, "explain", "say what the guard would do with a command, and why", _explain
    )
    add_policy(command)
    command.add_argument("--key", metavar="LABEL",
                         help="key label (default: the policy's only one)")
    command.add_argument("--list", metavar="FILE",
                         help="secluded argument list, as rsync sends it; - for standard input")
    command.add_argument("--batch", action="store_true",
                         help="JSON Lines {id, key, command, stdin_hex} from standard input")
    add_json(command)
    command.add_argument("command", metavar="COMMAND", nargs="?",
                         help="original command as one argument; none: a login without one")


def _explain(options: argparse.Namespace) -> int:
    explainer = explain.Explainer(load_policy(options))
    if options.batch:
        return _explain_batch(explainer)
    command = None if options.command is None else os.fsencode(options.command)
    explanation = explainer.explain(_label(options, explainer), command, _list(options.list))
    if options.json:
        print(json.dumps(explanation.as_json()))
    else:
        print("\n".join(explain.in_words(explanation)))
        if explanation.reason == Reason.BAD_SECLUDED_LIST and options.list is None:
            print(f"{PROGRAM}: the command reads its arguments from standard input;"
                  " give them with --list FILE", file=sys.stderr)
    return exits.YES if explanation.allowed else exits.NO


def _explain_batch(explainer: explain.Explainer) -> int:
    try:
        for answer in explain.batch(explainer, sys.stdin):
            print(answer)
    except ValueError as error:
        message = "each line is an object with id, key, command and stdin_hex"
        raise Problem(f"<stdin>: {error}; {message}") from None
    return exits.YES


def _label(options: argparse.Namespace, explainer: explain.Explainer) -> str:
    if options.key:
        return str(options.key)
    labels = [label.decode() for label in explainer.policy.blocks]
    if len(labels) != 1:
        known = " or ".join(f"--key {label}" for label in labels)
        raise Problem(f"the policy has {len(labels)} keys; say which: {known}")
    return labels[0]


def _list(name: str | None) -> bytes:
    if name is None:
        return b""
    if name == "-":
        return sys.stdin.buffer.read()
    with open(name, "rb") as file:
        return file.read()
