"""What `fix` can do about a finding: take mode bits away, or give one setting a value."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional, Union

from ..backuppc.perl.values import Value


class Generated(enum.Enum):
    """Values that nobody types: `fix` makes them when it acts and never shows them."""

    SECRET = "a new random secret"  # noqa: S105 - says what it will be


@dataclass(frozen=True)
class ModeRepair:
    """Leave PATH those mode bits only that MASK has too (0o750 for "0750 at most").

    Bits are never added: 0700 under mask 0750 stays 0700. MASK has twelve bits, so a set-id bit
    that shall stay must stand in it (0o4750 for the CGI). Links are not followed.
    """

    path: str
    mask: int


@dataclass(frozen=True)
class ConfigRepair:
    """Set $Conf{KEY[0]}{KEY[1]}... to VALUE, in config.pl or in HOST's own file.

    Numbers are decimal text as perl prints them: UmaskMode 027 is "23".
    """

    host: Optional[str]
    key: tuple[str, ...]
    value: Union[Value, Generated]


Repair = Union[ModeRepair, ConfigRepair]
