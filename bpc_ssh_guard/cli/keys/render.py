"""render: write the files that BackupPC's ssh reads; show or apply the settings naming them."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from ... import exits
from ...guardctl.explain import printable
from ...keys.owner import become_owner
from ...keys.render import render, settings
from .common import Problem, add_config, add_json, load_config, new_command, warn

if TYPE_CHECKING:
    from ...keys.apply import Change
    from ...keys.config import Config
    from ...keys.render import Rendered
    from .common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "render", "write what BackupPC's ssh reads; show or apply its settings", _render
    )
    add_config(command)
    command.add_argument("--apply", action="store_true",
                         help="as root: put the settings into BackupPC's config.pl, too")
    command.add_argument("--backuppc-config", metavar="FILE",
                         help="BackupPC's config.pl (default: where its packages have it)")
    command.add_argument("--dry-run", action="store_true",
                         help="change nothing: 1 if anything would change")
    add_json(command)


def _render(options: argparse.Namespace) -> int:
    config = load_config(options)
    if options.backuppc_config and not options.apply:
        raise Problem("--backuppc-config belongs to --apply")
    change = _planned(config, options) if options.apply else None
    # First the files, then the settings that name them.
    files, lines = _files(config, options), settings(config)
    changed = [each for each in files if each.change != "same"]
    kept, trouble = _applied(change, options) if change is not None else ("", "")
    if options.json:
        told = {"files": [each.as_json() for each in files], "settings": lines}
        if change is not None:
            told["applied"] = {"file": change.path, "diff": change.diff(), "kept": kept,
                               "overriding": list(change.overriding), "reload": trouble}
        print(json.dumps(told))
    else:
        _tell(changed, lines, change)
    due = bool(changed) or (change is not None and change.is_due)
    return exits.NO if trouble or (options.dry_run and due) else exits.YES


def _planned(config: Config, options: argparse.Namespace) -> Change:
    from ...keys import apply  # reads Perl: the other commands start without its parser

    return apply.plan(config, options.backuppc_config)


def _files(config: Config, options: argparse.Namespace) -> list[Rendered]:
    """Render; where root applies too, as the account that the files belong to."""
    dry_run: bool = options.dry_run
    own = os.geteuid() != 0 or not config.var.exists() or config.var.stat().st_uid == 0
    if own or not options.apply:
        return render(config, dry_run)
    from concurrent.futures import ProcessPoolExecutor  # of no use to the other commands
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, get_context("fork"), become_owner, (config.var,)) as child:
        return child.submit(render, config, dry_run).result()


def _applied(change: Change, options: argparse.Namespace) -> tuple[str, str]:
    """Apply CHANGE; return the name of what was kept, and what kept the daemon from reading it."""
    from ...keys import apply

    if not options.json and change.is_due:
        print(change.diff(), end="")
    for told in change.overriding:
        warn(printable(told.encode("utf-8", "surrogateescape")))
    if options.dry_run or not change.is_due:
        return "", ""
    kept = apply.apply(change)
    warn(f"what was in {change.path} is kept in {kept}")
    trouble = apply.tell(change)
    if trouble:
        warn(f"{trouble}; BackupPC reads the settings at its next start or reload")
    return kept, trouble


def _tell(changed: list[Rendered], lines: list[str], change: Change | None) -> None:
    for each in changed:
        print(f"{each.change:<8}{printable(str(each.path).encode())}")
    if change is None:
        print("\n".join(["# For BackupPC's config.pl, behind what is there:", *lines]))
    elif not change.is_due:
        print(f"same    {printable(change.path.encode('utf-8', 'surrogateescape'))}")
