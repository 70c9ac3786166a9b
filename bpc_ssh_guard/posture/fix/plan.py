"""What `fix` would do about the findings of an audit, in words, and the doing of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

from ...backuppc.refused import Refused
from ...backuppc.settings import Settings
from ...backuppc.undecided import Undecided
from ..finding import Auto, State
from ..repair import ConfigRepair, ModeRepair
from . import configuration, modes
from .journal import ContentChange, Journal, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..check import Check
    from ..finding import Finding
    from ..repair import Repair
    from ..site import Site

PLANNED, DONE, REFUSED = "planned", "done", "refused"


@dataclass(frozen=True)
class Step:
    """One repair: for which findings (check id and subject), its words, and how far it came.

    REPAIR is None where what would mend them can't be told.
    """

    repair: Optional[Repair]
    findings: tuple[tuple[str, str], ...]
    words: str
    state: str = PLANNED
    reason: str = ""


def plan(
    site: Site, checks: Mapping[str, type[Check]], findings: Iterable[Finding],
) -> list[Step]:
    """Return what can be done about FINDINGS, and with its reason what can't; nothing twice."""
    wanted: dict[object, tuple[Repair, list[tuple[str, str]]]] = {}
    untold: list[Step] = []
    for finding in findings:
        if finding.state not in (State.FAIL, State.WARN) or finding.waived is not None:
            continue
        if finding.auto not in (Auto.MODE, Auto.CONFIG):
            continue
        about = (finding.id, finding.subject)
        try:
            for repair in checks[finding.id]().repairs(site, finding):
                known, reasons = wanted.get(_key(repair), (repair, []))
                wanted[_key(repair)] = (_joined(known, repair), [*reasons, about])
        except (Undecided, OSError) as error:
            untold.append(Step(None, (about,), f"mend {finding.subject}", REFUSED, str(error)))
    # An edit makes a new file, of which the undoing of a mode would know nothing.
    ordered = sorted(wanted.values(), key=lambda each: isinstance(each[0], ModeRepair))
    steps = (_looked(site, repair, tuple(dict.fromkeys(reasons))) for repair, reasons in ordered)
    return [step for step in steps if step is not None] + untold


def apply(site: Site, steps: Sequence[Step], journal: Journal) -> Iterator[Step]:
    """Do what STEPS plan, in their order, each noted in JOURNAL before; yield how each went."""
    for step in steps:
        if step.repair is None or step.state != PLANNED:
            yield step
            continue
        try:
            if isinstance(step.repair, ModeRepair):
                modes.apply(site, step.repair, journal)
            else:
                configuration.apply(site, step.repair, journal)
                # A host's hash is made from the server's, which this may just have changed.
                site = replace(site, settings=Settings.read(site.disk, site.layout))
        except (Refused, Undecided, OSError) as error:
            yield replace(step, state=REFUSED, reason=str(error))
        else:
            yield replace(step, state=DONE)


def undo(site: Site, path: str) -> Iterator[tuple[str, str]]:
    """Take back what the journal PATH notes, the last first; yield paths, and why one stays."""
    for change in reversed(read(path)):
        try:
            if isinstance(change, ContentChange):
                configuration.undo(site, change, path)
            else:
                modes.undo(site.disk.root, change)
        except (Refused, Undecided, OSError) as error:
            yield change.path, str(error)
        else:
            yield change.path, ""


def _key(repair: Repair) -> object:
    if isinstance(repair, ModeRepair):
        return repair.path
    return repair.host, repair.key


def _joined(known: Repair, repair: Repair) -> Repair:
    if isinstance(known, ModeRepair) and isinstance(repair, ModeRepair):
        return ModeRepair(known.path, known.mask & repair.mask)
    return known  # two values for one setting: the first check's, which is the worse finding's


def _looked(site: Site, repair: Repair, findings: tuple[tuple[str, str], ...]) -> Optional[Step]:
    step = Step(repair, findings, _wish(repair))
    try:
        if isinstance(repair, ModeRepair):
            change = modes.look(site, repair)
            words = None if change is None else (
                f"chmod {change.new:04o} {change.path} (was {change.old:04o})")
        else:
            words = configuration.look(site, repair)
    except (Refused, Undecided) as error:
        return replace(step, state=REFUSED, reason=str(error))
    return None if words is None else replace(step, words=words)


def _wish(repair: Repair) -> str:
    if isinstance(repair, ConfigRepair):
        return configuration.statement(repair)
    return f"leave {repair.path} no mode bits but {repair.mask:04o}"
