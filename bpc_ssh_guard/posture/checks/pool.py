"""Whether others reach the backups. The pool itself is never walked: its modes have a meaning."""

from __future__ import annotations

import posixpath
import stat
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.perl.values import number
from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.logins import method
from ..evidence.mounts import FOREIGN, mount_of
from ..evidence.places import KEY_ACCOUNT
from ..finding import Auto, Finding, Section, Severity, State
from ..reach import others_enter, others_read, others_write
from ..repair import ModeRepair, Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..site import Site

_FIRST_LEVEL: Final = ("pool", "cpool", "pc", "trash", "log")
_NO_OTHERS: Final = 0o7770
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 - looked at, not written to
# What restores and archives are called: restore.zip, host.123.tar.gz
_LEFT: Final = (".zip", ".tar", ".gz", ".bz2", ".raw", ".tgz")
_SHOWN: Final = 5


class Reachable(Check):
    """POL-01."""

    id = "POL-01"
    section = Section.POOL
    severity = Severity.CRITICAL
    title = "backups that others can reach"
    looks_at = "TopDir and pool, cpool, pc, trash and log in it; LogDir"
    proof = "the mode of every folder on the way, and no file of the pool"
    why = ("The pool holds every file of every client, /etc/shadow included, and its own modes"
           " don't say whose they were: one open folder on the way opens all.")
    fix = "chmod o-rwx TopDir, and nothing below it: the modes of pool files carry a meaning"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each folder that others reach."""
        top = site.settings.folder("TopDir")
        logs = site.settings.folder("LogDir")
        if site.disk.stat(top) is None:
            yield self.unknown(top, "missing")
            return
        paths = [top, *(f"{top}/{name}" for name in _FIRST_LEVEL), logs]
        barriers = []
        clean = True
        for path in dict.fromkeys(site.disk.real(each) for each in paths
                                  if site.disk.stat(each) is not None):
            reach = others_enter(site.disk, path)
            if not reach.is_open:
                barriers.append(reach.why)
                reach = others_read(site.disk, path)
            if reach.is_open:
                clean = False
                yield self.failed(path, reach.why)
        if clean:
            yield self.passed(top, "; ".join(dict.fromkeys(barriers)))

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close the folder itself."""
        if finding.state == State.FAIL:
            yield ModeRepair(finding.subject, _NO_OTHERS)


class Surroundings(Check):
    """POL-02."""

    id = "POL-02"
    section = Section.POOL
    severity = Severity.MEDIUM
    title = "backups that leave the pool's protection"
    looks_at = ("ArchiveDest, restores and archives left in /tmp, members of TopDir's group, a"
                " TopDir that is a link or lies on a network file system")
    proof = "lstat, the group file, the table of mounts"
    why = ("An archive or a restored zip file is a backup outside the pool: its folder's modes are"
           " all that guards it, and in /tmp anybody can put a name there first.")
    fix = "an ArchiveDest below TopDir; remove what is left over; empty the group"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each way out."""
        top = site.settings.folder("TopDir")
        clean = True
        for ways in (self._archives(site), self._left_over(site), self._group(site, top),
                     self._mounted(site, top)):
            try:
                for finding in ways:
                    clean = False
                    yield finding
            except Undecided as error:
                clean = False
                yield self.unknown(error.subject, error.reason, error.line)
        if clean:
            yield self.passed(top, "archives, leftovers, group and mount are in order")

    def _archives(self, site: Site) -> Iterator[Finding]:
        seen = set()
        archiving = [host.name for host in site.settings.hosts
                     if method(site, host.name) == "archive"]
        for host in (None, *archiving):
            value = site.setting("ArchiveDest", host)
            place = site.settings.place("ArchiveDest", host)
            if not isinstance(value, str) or not value.startswith("/") or place in seen:
                continue
            seen.add(place)
            info = site.disk.stat(value)
            if info is None or not stat.S_ISDIR(info.st_mode):  # a tape, or not there yet
                continue
            fault = self._open_archive(site, value)
            if fault is not None:
                used = f"{len(archiving)} archive hosts" if archiving else "no archive host yet"
                yield self.failed(
                    f"ArchiveDest in {place.path}" if place else "ArchiveDest",
                    f"{value}: {fault} ({used})", place.line if place else None)

    def _open_archive(self, site: Site, folder: str) -> Optional[str]:
        """Return how others get at archives in FOLDER; archives have BackupPC's umask."""
        if others_write(site.disk, folder).is_open:
            return "others can put names there"
        umask = site.setting("UmaskMode")
        loose = isinstance(umask, str) and not int(number(umask)) & stat.S_IROTH
        if loose and others_enter(site.disk, folder).is_open:
            return "others reach it, and UmaskMode lets them read what is written"
        return None

    def _left_over(self, site: Site) -> Iterator[Finding]:
        uid = site.uid()
        for folder in _TEMPORARY:
            try:
                names = site.disk.names(folder)
            except Undecided as error:
                yield self.unknown(folder, error.reason)
                continue
            for name in names:
                path = f"{folder}/{name}"
                info = site.disk.lstat(path) if name.endswith(_LEFT) else None
                if info is None or info.st_uid != uid or not stat.S_ISREG(info.st_mode):
                    continue
                told = f"left by {site.user}, {stat.S_IMODE(info.st_mode):04o}"
                is_open = others_read(site.disk, path).is_open
                yield self.failed(path, told) if is_open else self.warned(path, told)

    def _group(self, site: Site, top: str) -> Iterator[Finding]:
        info = site.disk.stat(top)
        if info is None or not info.st_mode & stat.S_IRWXG:
            return
        trusted = {site.user, KEY_ACCOUNT, site.accounts.user_name(site.disk.superuser)}
        others = sorted(site.accounts.members(info.st_gid) - trusted)
        if others:
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield self.warned(
                f"group {site.accounts.group_name(info.st_gid)}",
                f"{', '.join(others[:_SHOWN])}{more} can go into"
                f" {top} {stat.S_IMODE(info.st_mode):04o}")

    def _mounted(self, site: Site, top: str) -> Iterator[Finding]:
        real = site.disk.real(top)
        info = site.disk.lstat(top)
        if info is not None and stat.S_ISLNK(info.st_mode):
            yield self.warned(top, f"a link to {real}: who can change that folder's parents can"
                                   " exchange the pool")
        mount = mount_of(site.disk, real)
        if mount is not None and mount.kind in FOREIGN:
            yield self.warned(posixpath.normpath(real),
                              f"on {mount.point} ({mount.kind}), where others than this machine's"
                              " modes decide")


CHECKS = (Reachable, Surroundings)
