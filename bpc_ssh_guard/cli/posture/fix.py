"""fix: tell what of an audit's findings can be mended safely, mend it, take it back."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Optional

from ... import exits
from ...backuppc.refused import Refused
from ...guardctl.explain import printable
from ...posture.audit import run
from ...posture.fix import configuration, plan
from ...posture.fix.journal import Journal
from ...posture.repair import ConfigRepair
from ...posture.site import Site
from ..progress import Progress
from .common import PROGRAM, Problem, add_json, add_root, new_command, root_of, select, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...posture.fix.plan import Step
    from .common import Commands

SCHEMA = 1


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "fix",
                          "mend what is safe to mend; without --apply only say what", _fix)
    command.add_argument("checks", metavar="CHECK", nargs="*",
                         help="only what these checks found (default: all)")
    add_root(command)
    act = command.add_mutually_exclusive_group()
    act.add_argument("--apply", action="store_true", help="do it, noted in an undo journal")
    act.add_argument("--undo", metavar="JOURNAL",
                     help="give back what the run with this journal changed")
    add_json(command)


def _fix(options: argparse.Namespace) -> int:
    site = Site.open(root_of(options))
    if options.undo:
        if options.checks:
            raise Problem("--undo takes back a whole run; name no checks with it")
        return taken_back(site, options.undo, options.json)
    from ...posture.checks import BY_ID, CHECKS

    checks = select(options.checks) or list(CHECKS)
    with Progress("audit", len(checks)) as progress:
        audit = run(site, checks, progress.step)
    steps = plan.plan(site, BY_ID, audit.findings)
    if not options.apply:
        _tell(options, steps, None)
        return exits.NO if steps else exits.YES
    journal = Journal(site.disk)
    with contextlib.closing(journal):
        done = list(plan.apply(site, steps, journal))
    if any(isinstance(step.repair, ConfigRepair) and step.state == plan.DONE for step in done):
        reload(site)
    _tell(options, done, journal.path if any(step.state == plan.DONE for step in done) else None)
    return exits.YES if all(step.state == plan.DONE for step in done) else exits.NO


def taken_back(site: Site, path: str, as_json: bool) -> int:
    """Take back what the journal PATH notes and tell it; return the exit status."""
    try:
        left = list(plan.undo(site, path))
    except Refused as refused:
        raise Problem(str(refused)) from None
    reload(site)
    if as_json:
        told = [{"path": each, "state": plan.REFUSED if reason else "undone", "reason": reason}
                for each, reason in left]
        print(json.dumps({"schema": SCHEMA, "journal": path, "steps": told}))
    else:
        for each, reason in left:
            show(f"left alone: {reason}" if reason else f"given back: {each}")
    return exits.NO if any(reason for _, reason in left) else exits.YES


def reload(site: Site) -> None:
    """Let the daemon read its configuration anew, and tell where that failed."""
    trouble = configuration.reload(site)
    if trouble:
        warn(f"{trouble}; as BackupPC's account: BackupPC_serverMesg server reload")


def show(line: str) -> None:
    """Print LINE, in which names of files may hold anything."""
    print(printable(os.fsencode(line)))


def _tell(options: argparse.Namespace, steps: Sequence[Step], journal: Optional[str]) -> None:
    if options.json:
        print(json.dumps({"schema": SCHEMA, "applied": options.apply, "journal": journal,
                          "steps": [_as_json(step) for step in steps]}))
        return
    if not steps:
        print("nothing to mend that can be mended without a person")
    for step in steps:
        ids = " ".join(dict.fromkeys(check for check, _ in step.findings))
        reason = f": {step.reason}" if step.reason else ""
        show(f"{step.state:8} {ids}  {step.words}{reason}")
    if journal is not None:
        warn(f"{PROGRAM} fix --undo {journal} takes it back")
    elif any(step.state == plan.PLANNED for step in steps):
        warn("nothing was changed; --apply does it")


def _as_json(step: Step) -> dict[str, Any]:
    return {
        "findings": [{"id": check, "subject": subject} for check, subject in step.findings],
        "words": step.words, "state": step.state, "reason": step.reason,
    }
