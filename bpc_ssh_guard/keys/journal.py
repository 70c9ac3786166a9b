"""The states of a label's rotation, and what the store remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final


class State:
    """How far a rotation has come: the last step that is durable, on both sides."""

    GENERATED: Final = "generated"
    STAGED: Final = "staged"
    PROVEN: Final = "proven"
    CONFIRMED: Final = "confirmed"
    SWITCHED: Final = "switched"
    RETIRED: Final = "retired"
    REFUSED: Final = "refused"
    IDLE: Final = "idle"


STATES: Final = (
    State.GENERATED, State.STAGED, State.PROVEN, State.CONFIRMED, State.SWITCHED, State.RETIRED,
    State.REFUSED, State.IDLE,
)


@dataclass(frozen=True)
class Entry:
    """The journal of one label: its key, the successor on its way, and since when.

    `generation` and `key` are of the key that a rotation replaces, until that is idle again; 0 and
    "" where there is none. `changed` is when the state was reached, `since` when the key in use
    was taken into use; both in seconds after the epoch.
    """

    host: str
    label: str
    state: str = State.IDLE
    generation: int = 0
    key: str = ""
    next_generation: int = 0
    next_key: str = ""
    changed: int = 0
    since: int = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether no rotation is under way."""
        return self.state == State.IDLE

    @property
    def is_switched(self) -> bool:
        """Tell whether the successor is in use."""
        return self.state in (State.SWITCHED, State.RETIRED, State.REFUSED)

    @property
    def used(self) -> tuple[int, str]:
        """The generation and id of the key in use."""
        if self.is_switched:
            return self.next_generation, self.next_key
        return self.generation, self.key

    def at(self, state: str, now: int) -> Entry:
        """Return it in STATE, reached NOW."""
        since = now if state == State.SWITCHED else self.since
        return replace(self, state=state, changed=now, since=since)

    def begun(self, generation: int, key: str, now: int) -> Entry:
        """Return it with the successor KEY of GENERATION, generated NOW."""
        return replace(self, state=State.GENERATED, next_generation=generation, next_key=key,
                       changed=now)

    def ended(self, now: int) -> Entry:
        """Return it idle with the key in use, whatever was left of the other one."""
        generation, key = self.used
        return Entry(self.host, self.label, State.IDLE, generation, key, changed=now,
                     since=self.since)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        generation, key = self.used
        return {
            "host": self.host, "label": self.label, "state": self.state,
            "gen": generation or None, "key": key or None, "since": self.since or None,
            "changed": self.changed or None,
            "next_gen": self.next_generation or None if not self.is_switched else None,
            "next_key": self.next_key or None if not self.is_switched else None,
        }
