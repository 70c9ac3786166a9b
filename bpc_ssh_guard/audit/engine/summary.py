"""What a report says of a period: the answers to the auditor's questions, as plain values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Optional

from . import queries
from .period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .duck import Engine, Row

SILENT_DAYS: Final = 2  # a nightly backup that failed once is no silence


@dataclass(frozen=True)
class Proof:
    """What verify said of one log: records before `whole` can be trusted, to the time `until`.

    `state` is whole, whole-by-chain (without K_0), damaged or unread; `findings` in words.
    """

    log: str
    state: str
    records: int = 0
    whole: int = 0
    until: str = ""
    findings: Sequence[str] = ()


class State:
    """How far a log is proved."""

    WHOLE: Final = "whole"
    BY_CHAIN: Final = "whole-by-chain"
    DAMAGED: Final = "damaged"
    UNREAD: Final = "unread"


@dataclass(frozen=True)
class Summary:
    """The answers; each list has rows of the query of its name, see queries/*.sql.

    `silent` are rows of `hosts` that were last heard of SILENT_DAYS before the day `asked`, and
    machines of the store without any record.
    """

    period: Period
    made: str
    days: list[Row]
    refusals: list[Row]
    hosts: list[Row]
    keys: list[Row]
    addresses: list[Row]
    shapes: list[Row]
    restores: list[Row]
    grants: list[Row]
    silent: list[Row]
    asked: str = ""
    proofs: list[Proof] = field(default_factory=list)

    def total(self, name: str) -> int:
        """Return the sum of the column NAME of `days`."""
        return sum(int(row[name] or 0) for row in self.days)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json."""
        told = dict(vars(self))
        told["period"] = {"since": self.period.since, "until": self.period.until}
        told["proofs"] = [dict(vars(proof)) for proof in self.proofs]
        return told


def summarize(
    engine: Engine, period: Period, known: Sequence[str] = (), proofs: Sequence[Proof] = (),
    asked: str = "",
) -> Summary:
    """Ask the ENGINE, which has read the records, about PERIOD.

    KNOWN are the machines that should have records, PROOFS what verify said, ASKED the day by
    which a machine should have been heard from, the period's last one or, before that, today.
    """
    asked = asked or min(period.until, _now()[:10])
    engine.set_period(period.since, period.until)
    rows = {name: engine.ask(name) for name in (*queries.OF_COUNTS, *queries.OF_NOTABLE)}
    for row in rows["days"]:
        for name, value in row.items():
            row[name] = value if name == "day" else int(value or 0)
    never = sorted(set(known) - engine.machines())
    return Summary(
        period, _now(), **rows, silent=_silent(rows["hosts"], never, asked), asked=asked,
        proofs=list(proofs),
    )


def _silent(hosts: list[Row], missing: Sequence[str], asked: str) -> list[Row]:
    end = datetime.date.fromisoformat(asked)
    limit = (end - datetime.timedelta(days=SILENT_DAYS)).isoformat()
    heard: list[Row] = [row for row in hosts if str(row["last_time"])[:10] <= limit]
    nothing: Optional[str] = None
    return [
        *({"host": name, "first_time": nothing, "last_time": nothing, "records": 0}
          for name in missing),
        *heard,
    ]


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
