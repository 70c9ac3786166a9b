"""One audit: every check judges the server, and what can't be told is UNKNOWN, never healthy."""

from __future__ import annotations

import datetime
import os
import platform
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..backuppc.layout import version
from ..backuppc.undecided import Undecided
from .finding import Finding, Section, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..backuppc.disk import Disk
    from .check import Check
    from .site import Site

# From bad to good: what a check as a whole came to is the worst of its findings.
WORST_FIRST: Final = (
    State.FAIL, State.WARN, State.UNKNOWN, State.PASS, State.NOT_APPLICABLE,
)
_HOST_NAME: Final = 253  # bytes, the longest of DNS


@dataclass(frozen=True)
class Audit:
    """What all checks found on one server at one time (UTC, ISO 8601)."""

    host: str
    started: str
    layout: str
    backuppc: str  # version, "" where it can't be told
    findings: tuple[Finding, ...]

    @property
    def checks(self) -> dict[str, list[Finding]]:
        """Return the findings of each check by its id, in the order of the checks."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.id, []).append(finding)
        return found

    @property
    def total(self) -> int:
        """Return how many checks ran."""
        return len(self.checks)

    @property
    def decided(self) -> int:
        """Return how many of them left nothing unknown."""
        return sum(all(finding.state != State.UNKNOWN for finding in findings)
                   for findings in self.checks.values())


def run(
    site: Site, checks: Sequence[type[Check]], step: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Return what CHECKS find on SITE; STEP is told the id of each that is done."""
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    findings: list[Finding] = []
    for check in checks:
        findings += _judged(check(), site)
        step(check.id)
    return Audit(_host_name(site.disk), started, site.layout.name,
                 version(site.disk, site.layout.install_dir), tuple(findings))


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state of FINDINGS, of which there is one at least."""
    return min((finding.state for finding in findings), key=WORST_FIRST.index)


def by_section(findings: Iterable[Finding]) -> Iterator[tuple[Section, list[Finding]]]:
    """Yield the findings of each section that has any, in the sections' order."""
    told = list(findings)
    for section in Section:
        own = [finding for finding in told if finding.section == section]
        if own:
            yield section, own


def _judged(check: Check, site: Site) -> list[Finding]:
    if check.needs_live and not site.live:
        return [check.unknown("probe", "asked only with --live")]
    found: list[Finding] = []
    try:
        for finding in check.judge(site):
            found.append(finding)
    except Undecided as error:
        found.append(check.unknown(error.subject, error.reason, error.line))
    except Exception as error:  # one check that fails must not hide what the others find
        found.append(check.unknown("check", _told(error)))
    return found or [check.unknown("check", "it said nothing; please report this")]


def _told(error: Exception) -> str:
    """Return what ERROR was, without its text: that may quote a secret."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return (f"it failed ({type(error).__name__} at {os.path.basename(at.filename)}:{at.lineno});"
            " please report this")


def _host_name(disk: Disk) -> str:
    """Return the name of the server: of its own file, else of the machine we run on."""
    try:
        name = disk.read("/etc/hostname").decode("ascii", "replace").strip()
    except (FileNotFoundError, Undecided):
        name = ""
    return name if 0 < len(name) <= _HOST_NAME else platform.node()
