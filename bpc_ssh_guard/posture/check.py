"""The shape of every check: what it is called, how it proves, and one method that judges."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Optional

from .finding import Auto, Finding, Section, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .repair import Repair
    from .site import Site


class Check(abc.ABC):
    """A row of the table of checks; an id never changes its meaning."""

    id: ClassVar[str]
    section: ClassVar[Section]
    severity: ClassVar[Severity]
    title: ClassVar[str]  # the fault, in few words
    looks_at: ClassVar[str]
    proof: ClassVar[str]
    why: ClassVar[str]  # a sentence that an admin understands
    fix: ClassVar[str]
    auto: ClassVar[Auto]
    needs_live: ClassVar[bool] = False  # without --live it is UNKNOWN and doesn't run

    @abc.abstractmethod
    def judge(self, site: Site) -> Iterable[Finding]:
        """Yield at least one finding; raise Undecided where SITE doesn't tell."""

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Return what mends FINDING, which this check made of SITE; nothing where a person must."""
        return ()

    def found(
        self, state: State, subject: str, evidence: str, *,
        line: Optional[int] = None, severity: Optional[Severity] = None,
        fix: Optional[str] = None, auto: Optional[Auto] = None,
    ) -> Finding:
        """Return a finding of this check about SUBJECT."""
        return Finding(
            id=self.id, section=self.section, state=state, title=self.title, subject=subject,
            evidence=evidence, proof=self.proof, line=line,
            severity=self.severity if severity is None else severity,
            fix=self.fix if fix is None else fix, auto=self.auto if auto is None else auto,
        )

    def passed(self, subject: str, evidence: str) -> Finding:
        """Return the proof that SUBJECT is right."""
        return self.found(State.PASS, subject, evidence)

    def failed(self, subject: str, evidence: str, line: Optional[int] = None) -> Finding:
        """Return the proof that SUBJECT is wrong."""
        return self.found(State.FAIL, subject, evidence, line=line)

    def warned(self, subject: str, evidence: str, line: Optional[int] = None) -> Finding:
        """Return a finding that needs a person."""
        return self.found(State.WARN, subject, evidence, line=line)

    def unknown(self, subject: str, evidence: str, line: Optional[int] = None) -> Finding:
        """Return a finding that could not be decided, with its reason."""
        return self.found(State.UNKNOWN, subject, evidence, line=line)

    def not_applicable(self, subject: str, evidence: str) -> Finding:
        """Return that there is nothing to judge here."""
        return self.found(State.NOT_APPLICABLE, subject, evidence)
