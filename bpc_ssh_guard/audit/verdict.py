"""Where a verification begins and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from ..record import seal
from .finding import Finding, Severity


@dataclass
class Start:
    """Where a verification begins: the number of the first record, the head before it, its key.

    `key` is None without K_0.
    """

    sequence: int
    head: bytes
    key: Optional[bytes]

    @classmethod
    def of_chain(cls, chain: bytes, key: Optional[bytes]) -> Start:
        """Return the beginning of CHAIN, with K_0 in KEY if it is known."""
        return cls(0, seal.first_head(chain), key)


@dataclass
class Verdict:
    """What a verification found.

    The first `records` records were read, `head` is where they end and `key` the key of the next
    one. `whole` is how many of them come before the first finding, `whole_time` the time of the
    last one of these where the reading knew it.
    """

    chain: bytes
    records: int
    head: bytes
    key: Optional[bytes]
    whole: int
    findings: list[Finding] = field(default_factory=list)
    hidden: int = 0  # findings beyond REPORTED
    first_time: str = ""
    last_time: str = ""
    whole_time: str = ""
    with_key: bool = False

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found that is worse than a warning."""
        return not any(each.severity == Severity.FINDING for each in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it for --json; no key is in it."""
        return {
            "chain": self.chain.hex(), "records": self.records, "head": self.head.hex(),
            "whole": self.whole, "until": self.whole_time or None, "clean": self.is_clean,
            "mac": self.with_key,
            "first": self.first_time or None, "last": self.last_time or None,
            "findings": [each.as_json() for each in self.findings], "hidden": self.hidden,
        }
