"""audit: let every check judge the server, and tell what is wrong, worst first."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from typing import TYPE_CHECKING

from ... import exits
from ...page.replace import replace
from ...posture import baseline, waivers
from ...posture.audit import run
from ...posture.finding import Section, Severity
from ...posture.output.html import page
from ...posture.output.json import as_json
from ...posture.output.sarif import as_sarif
from ...posture.output.text import lines
from ...posture.report import Bar, Report
from ...posture.site import Site
from ..progress import Progress
from .common import Problem, add_json, add_root, new_command, root_of, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...posture.check import Check
    from ...posture.output.text import Line
    from .common import Commands

WAIVERS = "/etc/bpc-ssh-posture/waivers.toml"
BARS = [severity.word for severity in sorted(Severity, reverse=True) if severity > Severity.INFO]
NO_BAR = "none"


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "audit",
                          "tell what is wrong on this server, and how to mend it", _audit)
    add_root(command)
    command.add_argument("--live", action="store_true",
                         help="also ask the daemon, the web page and clients, read only")
    add_selection(command)
    command.add_argument("--all", action="store_true", help="tell what is right, too")
    command.add_argument("--fail-on", metavar="SEVERITY", default=BARS[-1],
                         choices=(*BARS, NO_BAR),
                         help="status 1 only from this severity on (default %(default)s)")
    command.add_argument("--strict", action="store_true",
                         help="status 1 for warnings and what is unknown, too")
    command.add_argument("--waivers", metavar="FILE",
                         help=f"risks taken on purpose (default {WAIVERS}, if it is there)")
    command.add_argument("--baseline", metavar="FILE",
                         help="an earlier audit: status 1 only for what is new or worse")
    command.add_argument("--save", metavar="FILE", help="write the JSON to FILE, too")
    command.add_argument("--html", metavar="FILE", help="write one page that needs nothing else")
    told = command.add_mutually_exclusive_group()
    add_json(told)
    told.add_argument("--sarif", action="store_true", help="SARIF 2.1.0 on standard output")


def add_selection(command: argparse.ArgumentParser) -> None:
    """Add what narrows a command to some checks."""
    command.add_argument("--section", metavar="SECTION", action="append", default=[],
                         choices=[section.value for section in Section],
                         help="this section only; may be repeated")
    command.add_argument("--only", metavar="CHECK", action="append", default=[],
                         help="this check only; may be repeated")
    command.add_argument("--skip", metavar="CHECK", action="append", default=[],
                         help="without this check; may be repeated")


def selected(options: argparse.Namespace) -> list[type[Check]]:
    """Return the checks that OPTIONS leave, in their order; raises Problem."""
    from ...posture.checks import CHECKS

    only, skipped = select(options.only), select(options.skip)
    left = [check for check in CHECKS
            if (not only or check in only) and check not in skipped
            and (not options.section or check.section.value in options.section)]
    if not left:
        raise Problem("--only, --skip and --section leave no check")
    return left


def _audit(options: argparse.Namespace) -> int:
    checks = selected(options)
    then = baseline.read(options.baseline) if options.baseline else None
    site = Site.open(root_of(options), options.live)
    with Progress("audit", len(checks)) as progress:
        audit = run(site, checks, progress.step)
    waived = waivers.apply(audit.findings, _waivers(options),
                           datetime.datetime.now(datetime.timezone.utc).date())
    bar = None if options.fail_on == NO_BAR else Severity[options.fail_on.upper()]
    report = Report(audit, waived, then, Bar(bar, options.strict))
    _tell(options, report, checks)
    return exits.YES if report.is_clean else exits.NO


def _waivers(options: argparse.Namespace) -> list[waivers.Waiver]:
    from ...posture.checks import BY_ID

    if options.waivers is None and not os.path.exists(WAIVERS):
        return []
    found = waivers.read(options.waivers or WAIVERS, frozenset(BY_ID))
    # One about a check that isn't asked has not become idle by that.
    asked = {check.id for check in selected(options)}
    return [waiver for waiver in found if waiver.id in asked]


def _tell(options: argparse.Namespace, report: Report, checks: Sequence[type[Check]]) -> None:
    if options.save:
        replace(options.save, json.dumps(as_json(report), indent=1) + "\n")
    if options.html:
        replace(options.html, page(report))
    if options.json:
        print(json.dumps(as_json(report)))
    elif options.sarif:
        print(json.dumps(as_sarif(report, checks, options.all)))
    elif not options.html:
        _show(list(lines(report, options.all)))


def _show(told: Sequence[Line]) -> None:
    """Print TOLD, in colours where a person looks at it and wants them."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            pass  # rich is for looks alone
        else:
            console = Console(highlight=False)
            for line in told:
                console.print(Text(line.text, style=line.style))
            return
    print("\n".join(line.text for line in told))
