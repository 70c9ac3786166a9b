"""Whether systemd keeps the daemon inside what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..check import Check
from ..evidence.unit import exposure, find_unit
from ..finding import Auto, Finding, Section, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..evidence.unit import Unit
    from ..site import Site

_TRUE: Final = ("1", "yes", "true", "on")
_SWITCHES: Final = (
    "PrivateTmp", "PrivateDevices", "ProtectKernelModules", "ProtectKernelTunables",
    "ProtectKernelLogs",
)
_CLOSED_UMASK: Final = 0o027


class Confinement(Check):
    """SYS-01."""

    id = "SYS-01"
    section = Section.SERVICE
    severity = Severity.LOW
    title = "service that systemd doesn't confine"
    looks_at = "the unit with its drop-ins: sandboxing, UMask, RuntimeDirectoryMode"
    proof = "the directives in effect, weighed by systemd-analyze where it can work offline"
    why = ("The stock unit leaves the daemon all of the file system and of the kernel: a hole in"
           " it, or in what the web interface makes it run, is as wide as backuppc's rights.")
    fix = ("a drop-in (systemctl edit backuppc): ProtectSystem=strict, ReadWritePaths=ConfDir"
           " TopDir, PrivateTmp, PrivateDevices, ProtectKernelModules, -Tunables, -Logs,"
           " RestrictNamespaces=yes, RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6, UMask=0027,"
           " RuntimeDirectoryMode=0750")
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield what the unit leaves open."""
        unit = find_unit(site.disk)
        if unit is None:
            yield self.not_applicable("backuppc.service", "no systemd unit")
            return
        missing = list(_missing(unit))
        weighed = exposure(unit)
        told = f"; systemd-analyze: {weighed}" if weighed else ""
        if missing:
            yield self.failed(unit.name, f"not confined by {', '.join(missing)}{told}")
        else:
            yield self.passed(unit.name, f"confined by {', '.join(unit.files)}{told}")


def _missing(unit: Unit) -> Iterator[str]:
    """Yield the directives that are absent or too weak, as they should stand."""
    if unit.value("ProtectSystem") != "strict":
        yield "ProtectSystem=strict"
    for name in _SWITCHES:
        if unit.value(name).lower() not in _TRUE:
            yield f"{name}=yes"
    if unit.value("RestrictNamespaces").lower() not in _TRUE:
        yield "RestrictNamespaces=yes"
    families = unit.value("RestrictAddressFamilies")
    if not families or families.startswith("~"):
        yield "RestrictAddressFamilies="
    if _octal(unit.value("UMask"), 0o022) & _CLOSED_UMASK != _CLOSED_UMASK:
        yield "UMask=0027"
    if unit.value("RuntimeDirectory") and _octal(unit.value("RuntimeDirectoryMode"), 0o755) & 0o007:
        yield "RuntimeDirectoryMode=0750"


def _octal(text: str, default: int) -> int:
    try:
        return int(text, 8)
    except ValueError:
        return default


CHECKS = (Confinement,)
