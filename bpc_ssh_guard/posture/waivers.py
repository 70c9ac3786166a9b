"""Risks that the admin has taken: each with its reason, and with an end."""

from __future__ import annotations

import datetime
import os
import stat
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .finding import Finding

_WORDS: Final = ("id", "subject", "reason", "expires")
_MOST_BYTES: Final = 1024 * 1024  # a thousand waivers; more are no exceptions any longer


class WaiverError(Exception):
    """The file of waivers can't be used; the text says where and what to do."""


@dataclass(frozen=True)
class Waiver:
    """Lets the finding of check ID about SUBJECT pass until the end of the day EXPIRES."""

    id: str
    subject: str
    reason: str
    expires: datetime.date

    def as_json(self, trouble: str) -> dict[str, Any]:
        """Return it for --json, with why it does nothing."""
        return {"id": self.id, "subject": self.subject, "reason": self.reason,
                "expires": self.expires.isoformat(), "trouble": trouble}


def read(path: str, known: frozenset[str]) -> list[Waiver]:
    """Return the waivers in the TOML file PATH about the checks KNOWN; raises WaiverError, OSError.

    Whoever can write it can silence findings, so that is its owner alone, root or the caller.
    """
    with open(path, "rb") as file:
        info = os.fstat(file.fileno())
        if info.st_uid not in (0, os.geteuid()) or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise WaiverError(f"{path}: others than its owner can write it, or its owner is"
                              " neither root nor you; chown root and chmod go-w")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise WaiverError(f"{path}: larger than {_MOST_BYTES} bytes; mend something instead")
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WaiverError(f"{path}: {error}") from None
    entries = content.pop("waiver", [])
    if content or not isinstance(entries, list):
        raise WaiverError(f"{path}: only [[waiver]] tables are known")
    return [_waiver(f"{path}: waiver {number}", entry, known)
            for number, entry in enumerate(entries, 1)]


def _waiver(where: str, entry: object, known: frozenset[str]) -> Waiver:
    if not isinstance(entry, dict) or sorted(entry) != sorted(_WORDS):
        raise WaiverError(f"{where}: needs {', '.join(_WORDS)} and nothing else")
    for word in _WORDS[:3]:
        if not isinstance(entry[word], str) or not entry[word].strip():
            raise WaiverError(f"{where}: {word} must be text")
    if type(entry["expires"]) is not datetime.date:  # a datetime is a date too
        raise WaiverError(f"{where}: expires must be a day, as in 2027-01-31 without quotes")
    if entry["id"] not in known:
        raise WaiverError(f"{where}: there is no check {entry['id']!a}; bpc-ssh-posture explain")
    return Waiver(**entry)


@dataclass(frozen=True)
class Waived:
    """FINDINGS with their waivers applied, and the waivers that did nothing, with the reason."""

    findings: tuple[Finding, ...]
    troubles: tuple[tuple[Waiver, str], ...] = ()


def apply(
    findings: Sequence[Finding], waivers: Sequence[Waiver], today: datetime.date
) -> Waived:
    """Return FINDINGS with what WAIVERS say of them on TODAY."""
    valid = {(each.id, each.subject): each for each in waivers if each.expires >= today}
    told = {(finding.id, finding.subject) for finding in findings if finding.is_trouble}
    troubles = [(each, "has expired") for each in waivers if each.expires < today]
    troubles += [(each, "nothing found that it waives") for key, each in valid.items()
                 if key not in told]
    return Waived(tuple(_with(finding, valid) for finding in findings), tuple(troubles))


def _with(finding: Finding, valid: dict[tuple[str, str], Waiver]) -> Finding:
    waiver = valid.get((finding.id, finding.subject)) if finding.is_trouble else None
    return finding if waiver is None else replace(finding, waived=waiver.reason)
