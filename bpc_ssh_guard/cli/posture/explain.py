"""explain: say what a check looks at, why it matters, and what mends what it finds."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ... import exits
from ...posture.finding import Auto
from ..tables import show
from .common import add_json, new_command, select

if TYPE_CHECKING:
    from ...posture.check import Check
    from .common import Commands

MENDED = {
    Auto.MODE: "bpc-ssh-posture fix takes the mode bits away",
    Auto.CONFIG: "bpc-ssh-posture fix changes the setting",
    Auto.KEYS: "bpc-ssh-keys does it",
    Auto.MANUAL: "a person does it",
}


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "explain", "say what a check looks at, and why", _explain)
    command.add_argument("check", metavar="CHECK", nargs="*", help="its id (default: list all)")
    add_json(command)


def _explain(options: argparse.Namespace) -> int:
    from ...posture.checks import CHECKS

    checks = select(options.check) or list(CHECKS)
    if options.json:
        print(json.dumps([_as_json(check) for check in checks]))
    elif options.check:
        print("\n\n".join(map(_in_words, checks)))
    else:
        rows = [(check.id, check.section.value, check.severity.word, check.title)
                for check in checks]
        show("checks", ("id", "section", "severity", "what would be wrong"), rows, len(rows))
    return exits.YES


def _as_json(check: type[Check]) -> dict[str, Any]:
    return {"id": check.id, "section": check.section.value, "severity": check.severity.word,
            "title": check.title, "looks_at": check.looks_at, "proof": check.proof,
            "why": check.why, "fix": check.fix, "auto": check.auto.value, "live": check.needs_live}


def _in_words(check: type[Check]) -> str:
    live = " Asked only with --live." if check.needs_live else ""
    return (f"{check.id}: {check.title}\n"
            f"  section {check.section.value}, severity {check.severity.word}\n"
            f"  looks at: {check.looks_at}\n"
            f"  proof: {check.proof}.{live}\n"
            f"  why: {check.why}\n"
            f"  fix: {check.fix}\n"
            f"  by whom: {MENDED[check.auto]}")
