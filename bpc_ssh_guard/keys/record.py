"""What a run tells of one host and label: a line for people, an object for programs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .journal import STATES, State

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome:
    """How far a step or a label came."""

    DONE: Final = "done"  # one step; more follow
    FOUND: Final = "found"  # one finding, or one key of a list; more follow
    ROTATED: Final = "rotated"
    SOAKING: Final = "soaking"
    UNCHANGED: Final = "unchanged"
    WOULD: Final = "would"  # of a dry run
    FAILED: Final = "failed"
    CLEAN: Final = "clean"
    DRIFT: Final = "drift"
    LISTED: Final = "listed"
    GRANTED: Final = "granted"
    UNGRANTED: Final = "ungranted"
    REVOKED: Final = "revoked"
    ROLLED_BACK: Final = "rolled-back"
    REBUILT: Final = "rebuilt"
    ISSUED: Final = "issued"  # a certificate
    ENROLLED: Final = "enrolled"


@dataclass(frozen=True)
class Record:
    """One step of LABEL on HOST, or with an `error` of trouble.WORDS why it could not be made."""

    host: str
    label: str
    step: str
    outcome: str
    generation: int = 0
    key: str = ""
    error: str = ""
    text: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)  # further members of its JSON

    @property
    def is_last(self) -> bool:
        """Tell whether nothing more of the label follows in this run."""
        return self.outcome not in (Outcome.DONE, Outcome.FOUND)

    @property
    def next_command(self) -> str:
        """What to run once the trouble is over; empty where nothing is under way."""
        if self.error and self.step == Outcome.ISSUED:  # a step of the authority's rotation alone
            return "bpc-ssh-keys ca rotate"
        if self.error and self.step in STATES and self.step != State.IDLE:
            return f"bpc-ssh-keys resume --host {self.host}"
        return ""

    def step_of(self) -> Record:
        """Return it as a step of something longer."""
        return replace(self, step=self.outcome, outcome=Outcome.DONE)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "host": self.host, "label": self.label, "step": self.step, "outcome": self.outcome,
            "gen": self.generation or None, "key": self.key or None, "error": self.error or None,
            "text": self.text or None, "next": self.next_command or None, **self.about,
        }


def counted(count: int, one: str, many: str) -> str:
    """Return COUNT with the word for it: ONE, or MANY of them."""
    return f"{count} {one if count == 1 else many}"
