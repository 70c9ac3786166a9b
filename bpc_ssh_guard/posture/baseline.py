"""What is new since an earlier audit: an audit's own JSON is the baseline of the next."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Optional

from .audit import WORST_FIRST
from .finding import Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .finding import Finding

SCHEMA: Final = 1
_MOST_BYTES: Final = 64 * 1024 * 1024  # of ten thousand hosts


class BaselineError(Exception):
    """The baseline can't be used; the text says why and what to do."""


class Change(enum.Enum):
    """How a finding stands to the baseline; the words are those of SARIF."""

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"  # another state or severity than then
    ABSENT = "absent"  # there then, gone now


@dataclass(frozen=True)
class Known:
    """What an earlier audit said of one subject."""

    id: str
    subject: str
    title: str
    state: State
    severity: Severity

    @property
    def rank(self) -> tuple[int, int]:
        """Return how bad it was; less is worse."""
        return WORST_FIRST.index(self.state), -self.severity


@dataclass(frozen=True)
class Baseline:
    """The findings of an earlier audit by fingerprint, when it was, and the scores of then."""

    started: str
    known: Mapping[str, Known]
    scores: Mapping[str, Optional[int]]  # by section

    def change_of(self, finding: Finding) -> Change:
        """Return how FINDING stands to the audit of then."""
        then = self.known.get(finding.fingerprint)
        if then is None:
            return Change.NEW
        same = (then.state, then.severity) == (finding.state, finding.severity)
        return Change.UNCHANGED if same else Change.UPDATED

    def is_worse(self, finding: Finding) -> bool:
        """Tell whether FINDING is new or worse than it was."""
        then = self.known.get(finding.fingerprint)
        now = WORST_FIRST.index(finding.state), -finding.severity
        return then is None or now < then.rank

    def absent(self, findings: Iterable[Finding]) -> list[Known]:
        """Return what was wrong then and is not among FINDINGS as wrong now."""
        now = {finding.fingerprint for finding in findings if finding.is_trouble}
        return [known for fingerprint, known in self.known.items()
                if fingerprint not in now and known.state in (State.FAIL, State.WARN)]


def read(path: str) -> Baseline:
    """Return the baseline in the file PATH, as `audit --json` wrote it; raises BaselineError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise BaselineError(f"{path}: no such baseline; bpc-ssh-posture audit --save {path}"
                            " makes one") from None
    if len(data) > _MOST_BYTES:
        raise BaselineError(f"{path}: larger than {_MOST_BYTES} bytes")
    try:
        content = json.loads(data)
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        scores = {str(each["section"]): each["score"] for each in content["scores"]}
        return Baseline(str(content["started"]), _known(content["findings"]), scores)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BaselineError(f"{path}: no JSON of bpc-ssh-posture audit; make it again with --save"
                            ) from None


def _known(findings: list[dict[str, Any]]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for each in findings:
        told = Known(str(each["id"]), str(each["subject"]), str(each["title"]),
                     State(each["state"]), Severity[str(each["severity"]).upper()])
        fingerprint = str(each["fingerprint"])
        if fingerprint not in known or told.rank < known[fingerprint].rank:
            known[fingerprint] = told
    return known
