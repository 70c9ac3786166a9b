"""Whether anybody but root can change the programs that BackupPC and root run."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.places import code
from ..evidence.unit import find_unit
from ..finding import Auto, Finding, Section, Severity, State
from ..reach import Fault, weakest
from ..repair import ModeRepair, Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...backuppc.settings import ConfigFile
    from ..site import Site

_STARTED_BY_ROOT: Final = ("/etc/init.d/backuppc", "/etc/default/backuppc")
# These name programs on the clients, or what perl itself looks for elsewhere.
_NOT_HERE: Final = ("TarClientPath", "RsyncClientPath")
_IF_RUNNABLE: Final = re.compile(r"=\s*'(/[^']+)'\s*if\s+-x\s*'\1'\s*;")
_NO_WRITERS: Final = 0o7755

_PACKAGES: Final = ("backuppc", "backuppc-rsync", "libbackuppc-xs-perl",
                    "libbackuppc-xs-perl:amd64", "libbackuppc-xs-perl:arm64")
_INFO: Final = "/var/lib/dpkg/info"
_MOST_FILES: Final = 1000  # 4.4.0 has 154
_MOST_BYTES: Final = 4 * 1024 * 1024  # of one file; the greatest has 300 kB
_MOST_ALL: Final = 64 * 1024 * 1024  # md5 takes 0.1 s
# dpkg may be told to leave these out (path-exclude), and no program reads them.
_PAPER: Final = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/lintian/")


class Writable(Check):
    """INS-01."""

    id = "INS-01"
    section = Section.INSTALLATION
    severity = Severity.CRITICAL
    title = "program that others can change"
    looks_at = ("bin and lib of InstallDir, the unit, the init script, /etc/default/backuppc, the"
                " programs that *Path settings name, and every folder above them")
    proof = "lstat and ACL of each and of all its ancestors"
    why = ("Who can write to a program, or replace a folder on the way to it, runs as backuppc at"
           " the next backup, or as root at the next start: on every client too.")
    fix = "chmod go-w, owner root"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each thing that can be changed, once."""
        root = frozenset({site.disk.superuser})
        seen: set[str] = set()
        count, clean = 0, True
        for path, trusted in self._programs(site, root, root | {site.uid()}):
            count += 1
            try:
                fault = weakest(site.disk, path, trusted)
            except FileNotFoundError:
                continue
            except Undecided as error:
                clean = False
                if error.subject not in seen:
                    seen.add(error.subject)
                    yield self.unknown(error.subject, error.reason)
                continue
            if fault is not None:
                clean = False
                if fault.path not in seen:
                    seen.add(fault.path)
                    yield self._failed(fault)
        for name, trouble in self._undecided(site):
            clean = False
            yield self.unknown(name, trouble.reason, trouble.line)
        if clean:
            yield self.passed(site.settings.folder("InstallDir"),
                              f"{count} files and folders, all closed to group and others")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Take the write bits of group and others away."""
        if finding.state == State.FAIL and finding.auto == Auto.MODE:
            yield ModeRepair(finding.subject, _NO_WRITERS)

    def _failed(self, fault: Fault) -> Finding:
        return self.found(State.FAIL, fault.path, fault.why,
                          auto=Auto.MODE if fault.by_mode else Auto.MANUAL)

    def _programs(self, site: Site, root: frozenset[int], own: frozenset[int]
                  ) -> Iterator[tuple[str, frozenset[int]]]:
        """Yield each path with who may own it: backuppc, where only backuppc runs it (INS-02)."""
        for path in code(site):
            yield path, own
        unit = find_unit(site.disk)
        for path in (*(unit.files if unit else ()), *_STARTED_BY_ROOT):
            yield path, root
        for file in site.settings.files():
            for name, value in (*file.keys.items(), *_conditional(site, file)):
                if name.endswith("Path") and name not in _NOT_HERE and isinstance(value, str):
                    path = value.split(" ")[0]
                    if path.startswith("/"):
                        yield path, own

    def _undecided(self, site: Site) -> Iterator[tuple[str, Undecided]]:
        """Yield what of the settings that name programs isn't known."""
        for file in site.settings.files():
            if file.trouble is not None:
                yield file.path, file.trouble
            known = dict(_conditional(site, file))
            for name, trouble in file.unknown.items():
                if name.endswith("Path") and name not in (*_NOT_HERE, *known):
                    yield f"{name} in {file.path}", trouble


class OwnedByItself(Check):
    """INS-02."""

    id = "INS-02"
    section = Section.INSTALLATION
    severity = Severity.LOW
    title = "programs that belong to backuppc"
    looks_at = "the owner of InstallDir's bin and lib"
    proof = "lstat of each"
    why = ("A hole in the daemon or in the web interface is then enough to change BackupPC for"
           " good; no script of root may ever run such a program.")
    fix = "chown -R root:root InstallDir (upstream's installer gives it to backuppc)"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield one finding for all programs."""
        base = site.settings.folder("InstallDir")
        paths = code(site)
        uid = site.uid()
        infos = [(path, site.disk.lstat(path)) for path in paths]
        own = [path for path, info in infos
               if info is not None and info.st_uid == uid != site.disk.superuser]
        if infos[0][1] is None:
            yield self.not_applicable(base, "missing")
        elif own:
            yield self.failed(base, f"{len(own)} of {len(paths)} belong to {site.user}: {own[0]}")
        else:
            yield self.passed(base, f"none of {len(paths)} files and folders belongs to"
                                    f" {site.user}")


class Changed(Check):
    """INS-03."""

    id = "INS-03"
    section = Section.INSTALLATION
    severity = Severity.MEDIUM
    title = "program that isn't the package's"
    looks_at = "the files of the packages of BackupPC, but not its documents"
    proof = "dpkg's md5sums; they were written at installation and cover no modes"
    why = ("Nobody edits these files by hand for long: the next upgrade undoes it. A difference is"
           " a forgotten patch, a broken disk, or somebody's back door.")
    fix = "look at the difference, then apt-get install --reinstall the package"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield every file that differs or is missing."""
        sums = dict(self._sums(site))
        if not sums:
            yield self.not_applicable("dpkg", "no package of BackupPC is installed")
            return
        moved = _diverted(site)
        left, clean = _MOST_ALL, True
        for path, expected in sums.items():
            try:
                data = site.disk.read(site.disk.real(moved.get(path, path)), min(left, _MOST_BYTES))
            except FileNotFoundError:
                clean = False
                yield self.failed(path, "missing")
                continue
            except Undecided as error:
                clean = False
                yield self.unknown(path, error.reason)
                continue
            left -= len(data)
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != expected:
                clean = False
                yield self.failed(path, "its content isn't what the package brought")
        if clean:
            yield self.passed("dpkg", f"{len(sums)} files are as the package brought them")

    def _sums(self, site: Site) -> Iterator[tuple[str, str]]:
        """Yield path and MD5 of each packaged file."""
        count = 0
        for package in _PACKAGES:
            try:
                text = site.disk.read(f"{_INFO}/{package}.md5sums").decode("utf-8", "replace")
            except FileNotFoundError:
                continue
            for line in text.splitlines():
                expected, _, name = line.partition("  ")
                if len(expected) == 32 and name and not name.startswith(("etc/", *_PAPER)):
                    count += 1
                    if count > _MOST_FILES:
                        raise Undecided(_INFO, f"more than {_MOST_FILES} packaged files")
                    yield f"/{name}", expected


def _conditional(site: Site, file: ConfigFile) -> list[tuple[str, str]]:
    """Return what FILE sets only if it can be run (Debian's SshPath): its path is known.

    Raise Undecided where FILE can't be read again.
    """
    if not file.unknown or file.trouble is not None:
        return []
    try:
        lines = site.disk.read(file.path).decode("latin-1").split("\n")
    except FileNotFoundError:
        return []
    found = []
    for name in file.unknown:
        place = file.places.get(name)
        path = _IF_RUNNABLE.search(lines[place.line - 1]) if place and place.line <= len(lines) \
            else None
        if path:
            found.append((name, path[1]))
    return found


def _diverted(site: Site) -> dict[str, str]:
    """Return where dpkg-divert has put files: their names, the new names, who, over and over."""
    try:
        lines = site.disk.read("/var/lib/dpkg/diversions").decode("utf-8", "replace").split("\n")
    except (FileNotFoundError, Undecided):
        return {}
    return dict(zip(lines[::3], lines[1::3]))


CHECKS = (Writable, OwnedByItself, Changed)
