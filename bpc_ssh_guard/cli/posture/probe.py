"""probe: ask the daemon, the web page or the clients, and nothing else."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Final

from ... import exits
from ...posture.audit import run
from ...posture.finding import Severity, State
from ...posture.output.json import as_json
from ...posture.output.text import lines
from ...posture.report import Bar, Report
from ...posture.site import Site
from ...posture.waivers import Waived
from .common import add_json, add_root, new_command, root_of, select

if TYPE_CHECKING:
    from .common import Commands

# The checks that a probe serves: what it proves is said there.
_CHECKS: Final = {
    "socket": ("SRV-01", "SRV-02", "SRV-04", "SRV-06"),
    "cgi": ("CGI-03", "CGI-07"),
    "key": ("SSH-01", "SSH-04"),
}


def add(commands: Commands) -> None:
    """Add the command."""
    command = new_command(commands, "probe", "ask daemon, web page or clients alone", _probe)
    command.add_argument("what", metavar="WHAT", choices=tuple(_CHECKS),
                         help="socket, cgi or key")
    add_root(command)
    add_json(command)


def _probe(options: argparse.Namespace) -> int:
    audit = run(Site.open(root_of(options), live=True), select(_CHECKS[options.what]))
    report = Report(audit, Waived(audit.findings), bar=Bar(Severity.LOW))
    if options.json:
        print(json.dumps(as_json(report)))
    else:
        for line in lines(report, all_states=True):
            print(line.text)
    failed = any(each.state == State.FAIL for each in audit.findings)
    return exits.NO if failed else exits.YES
