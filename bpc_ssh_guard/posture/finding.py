"""What a check found: one state, one subject, its evidence, and never a secret."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Optional

FINGERPRINT_LENGTH = 16  # hex digits: 64 bits keep the subjects of one server apart


class State(enum.Enum):
    """How far a check came; only PASS and FAIL are proofs."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    WARN = "warn"  # needs a person's judgement
    UNKNOWN = "unknown"  # could not be decided; never counted as PASS
    NOT_APPLICABLE = "n-a"


class Severity(enum.IntEnum):
    """How much a FAIL costs the admin; greater is worse."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """Return the word of the command line and of the reports."""
        return self.name.lower()


class Auto(enum.Enum):
    """Who can mend it."""

    MODE = "mode"  # `fix` takes mode bits away
    CONFIG = "config"  # `fix` offers an edit of the configuration
    KEYS = "keys"  # bpc-ssh-keys does it
    MANUAL = "manual"  # a person does it


class Section(enum.Enum):
    """The sections of BackupPC's security FAQ, and two of our own."""

    CONFIGURATION = "configuration"
    PASSWORDS = "passwords"
    SERVER_SOCKET = "server-socket"
    INSTALLATION = "installation"
    POOL = "pool"
    SHARES = "shares"
    SSH_KEYS = "ssh-keys"
    CGI = "cgi"
    SERVICE = "service"


@dataclass(frozen=True)
class Finding:
    """One judgement of one check about one SUBJECT: a path, a host, a setting.

    Evidence says what was seen and never holds the value of a secret.
    """

    id: str
    section: Section
    severity: Severity
    state: State
    title: str
    subject: str
    evidence: str
    proof: str
    fix: str
    auto: Auto
    line: Optional[int] = None
    waived: Optional[str] = None  # the reason that the waiver gives

    @property
    def is_trouble(self) -> bool:
        """Tell whether it is wrong, may be, or could not be decided."""
        return self.state in (State.FAIL, State.WARN, State.UNKNOWN)

    @property
    def fingerprint(self) -> str:
        """Return what waivers and baselines know it by: neither line nor value takes part."""
        text = f"{self.id}\0{self.subject}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(text).hexdigest()[:FINGERPRINT_LENGTH]
