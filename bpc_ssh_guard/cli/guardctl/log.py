"""log: begin the command log, show how it stands, vouch for it by a checkpoint."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl import log
from .common import PROGRAM, add_json, add_policy, load_policy, new_command

if TYPE_CHECKING:
    from .common import Commands

NONCE_BYTES = 16


def add(commands: Commands) -> None:
    command = new_command(commands, "log", "begin the command log, show it, vouch for it", _log)
    add_policy(command)
    add_json(command)
    command.add_argument("action", metavar="ACTION", choices=("init", "status", "checkpoint"),
                         help="init, status or checkpoint")
    command.add_argument("--rekey", action="store_true",
                         help="init: move the log that is there aside first")
    command.add_argument("--dry-run", action="store_true",
                         help="init: say what it would do, and do nothing")
    command.add_argument("--nonce", metavar="HEX", help="checkpoint: prove it for this nonce")


def _log(options: argparse.Namespace) -> int:
    _require_fitting(options)
    policy = load_policy(options)
    if options.dry_run:
        steps = log.plan(policy, options.rekey)
        print(json.dumps({"would": steps}) if options.json else
              "\n".join(f"would {step}" for step in steps))
        return exits.YES
    if options.action == "init":
        begun = log.begin_log(policy, options.rekey)
        _show({"chain": begun.chain.hex(), "key": begun.key.hex()}, options.json)
        print(f"{PROGRAM}: the key verifies every record and is stored nowhere on this machine:"
              " give it to the auditor (bpc-ssh-audit key), not to the backup server",
              file=sys.stderr)
    elif options.action == "status":
        status = log.status(policy)
        _show(status.as_json(), options.json)
        return exits.YES if status.is_clean else exits.NO
    else:
        made = os.urandom(NONCE_BYTES).hex()
        nonce = made if options.nonce is None else options.nonce
        found = log.checkpoint(policy, nonce)
        _show({"chain": found.chain.hex(), "sequence": found.sequence, "head": found.head.hex(),
               "nonce": nonce, "proof": found.proof.hex()}, options.json)
    return exits.YES


def _require_fitting(options: argparse.Namespace) -> None:
    """Refuse an option of another action: who gave it expects what would not be done."""
    for given, option, action in (
        (options.dry_run, "--dry-run", "init"), (options.rekey, "--rekey", "init"),
        (options.nonce is not None, "--nonce", "checkpoint"),
    ):
        if given and options.action != action:
            raise log.LogError(f"{option} is for {action} alone")


def _show(members: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(members))
    else:
        for name, value in members.items():
            print(f"{name:<10}{_in_words(value)}")


def _in_words(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "whole" if value else "missing"
    return str(value) or "none"
