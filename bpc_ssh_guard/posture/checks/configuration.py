"""Whether config.pl and its neighbours are plain data, and nothing but BackupPC's own files."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.commands import flat
from ..finding import Auto, Finding, Section, Severity

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from ...backuppc.settings import ConfigFile
    from ..site import Site

_SET_ID: Final = stat.S_ISUID | stat.S_ISGID


class PlainData(Check):
    """CFG-01."""

    id = "CFG-01"
    section = Section.CONFIGURATION
    severity = Severity.HIGH
    title = "configuration that is a program"
    looks_at = "every statement of config.pl and of the hosts' files; commands that begin with &"
    proof = "the files are parsed as plain data, all or nothing, and never run"
    why = ("config.pl is Perl that BackupPC runs: a statement that is more than data acts as"
           " backuppc each time it is read, and nobody can tell from the file what is in effect.")
    fix = "review the line and write it as plain data: $Conf{Key} = 'value';"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield each file that is no data, and each command that is Perl code."""
        dynamic: list[str] = []
        faults = 0
        files = site.settings.files()
        for file in files:
            for finding in self._of(file):
                faults += 1
                yield finding
            dynamic += file.unknown
        if site.settings.hosts_trouble is not None:
            raise site.settings.hosts_trouble  # a host's file may not be among them
        if not faults:
            told = f"; decided when BackupPC starts: {', '.join(dynamic)}" if dynamic else ""
            yield self.passed(site.layout.conf_dir, f"{len(files)} files, all plain data{told}")

    def _of(self, file: ConfigFile) -> Iterator[Finding]:
        trouble = file.trouble
        if trouble is not None and trouble.line is not None and trouble.subject == file.path:
            yield self.failed(
                file.path, f"{trouble.reason}; all settings of the file are unknown", trouble.line)
        elif trouble is not None:
            yield self.unknown(file.path, trouble.reason, trouble.line)
        for name, value in file.keys.items():
            if name.endswith("Cmd") and flat(value).lstrip().startswith("&"):
                place = file.places.get(name)
                yield self.warned(f"{name} in {file.path}", "Perl code that the server evaluates",
                                  place.line if place else None)


class OwnFiles(Check):
    """CFG-02."""

    id = "CFG-02"
    section = Section.CONFIGURATION
    severity = Severity.CRITICAL
    title = "foreign things in the configuration folder"
    looks_at = "links, hard links, foreign owners and set-id files in ConfDir and its pc folder"
    proof = "lstat of every name"
    why = ("backuppc owns this folder, and root's scripts and chowns follow the names in it: a link"
           " placed there makes root change or give away a file elsewhere.")
    fix = "find out who made it, then remove it"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield every strange name."""
        folder = site.disk.real(site.layout.conf_dir)
        trusted = {site.disk.superuser, site.uid()}
        seen = faults = 0
        folders = [folder]
        own = site.disk.lstat(f"{folder}/pc")
        if own is not None and stat.S_ISDIR(own.st_mode):
            folders.append(f"{folder}/pc")
        for each in folders:
            for name in site.disk.names(each):
                path = f"{each}/{name}"
                info = site.disk.lstat(path)
                if info is None:
                    continue
                seen += 1
                fault = self._fault(site, folder, path, info, trusted)
                if fault is not None:
                    faults += 1
                    yield self.failed(path, fault)
        if not faults:
            yield self.passed(folder, f"{seen} names, all files and folders of their owner")

    def _fault(self, site: Site, folder: str, path: str, info: os.stat_result,
               trusted: set[int]) -> Optional[str]:
        if stat.S_ISLNK(info.st_mode):
            # Debian's pc leads back to the folder itself, for programs that expect upstream's place
            if path == f"{folder}/pc" and _leads_to(site, path, folder):
                return None
            return "a symbolic link"
        if info.st_uid not in trusted:
            return f"belongs to {site.accounts.user_name(info.st_uid)}"
        if stat.S_ISDIR(info.st_mode):
            return None
        if not stat.S_ISREG(info.st_mode):
            return "neither file nor folder"
        if info.st_nlink > 1:
            return f"has {info.st_nlink} hard links"
        if info.st_mode & _SET_ID:
            return f"set-id, mode {stat.S_IMODE(info.st_mode):04o}"
        return None


def _leads_to(site: Site, link: str, folder: str) -> bool:
    try:
        return site.disk.real(link) == folder
    except (FileNotFoundError, Undecided):  # nowhere, or round in a ring
        return False


CHECKS = (PlainData, OwnFiles)
