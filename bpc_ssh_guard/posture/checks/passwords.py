"""Whether share passwords and the server's secret can be read by who shouldn't."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided
from ..check import Check
from ..evidence.commands import commands, credential_files, inline_secret
from ..evidence.copies import Copies, sure
from ..evidence.secrets import ENVIRONMENT, SECRET_KEYS, Secret, length_class, of_file, of_text
from ..evidence.stranger import opens
from ..evidence.unit import find_unit, variable
from ..finding import Auto, Finding, Section, Severity, State
from ..reach import others_enter, others_read
from ..repair import ModeRepair, Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...backuppc.settings import ConfigFile
    from ..site import Site

_OWN: Final = 0o600
_SHARED: Final = 0o640  # the web server reads htpasswd and its own configuration
_FOLDER: Final = 0o750
_SHOWN: Final = 5  # names in one line of evidence


class ReachableSecrets(Check):
    """SEC-01."""

    id = "SEC-01"
    section = Section.PASSWORDS
    severity = Severity.CRITICAL
    title = "password that others can read"
    looks_at = (f"{', '.join(SECRET_KEYS)} in every configuration file; {ENVIRONMENT} of the"
                " service; credential files that commands and the unit name")
    proof = ("the files are parsed, and the mode of each and of all folders above it decides; with"
             " --live, nobody tries to open it")
    why = ("BackupPC keeps these passwords in plain text: who can read the file can log in to the"
           " shares of every client, or give the server orders.")
    fix = ("chmod 0600 the file, set $Conf{UmaskMode} = 077 so that it stays so, and change the"
           " password: it has been open")
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield every place of a password that others can read."""
        sound = []
        for path, secrets in self._places(site):
            finding = self._of(site, path, secrets)
            if finding.state == State.PASS:
                sound.append(finding)
            else:
                yield finding
        if len(sound) == 1:
            yield sound[0]
        elif sound:
            yield self.passed(site.layout.conf_dir, f"{len(sound)} files: none holds a password"
                                                    " that others can read")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close the file."""
        if finding.state == State.FAIL and finding.auto == Auto.MODE:
            yield ModeRepair(site.disk.real(finding.subject), _OWN)

    def _places(self, site: Site) -> Iterator[tuple[str, Optional[ConfigFile]]]:
        """Yield what may hold a password; None for a file that isn't BackupPC's configuration."""
        files = site.settings.files()
        for file in files:
            yield file.path, file
        unit = find_unit(site.disk)
        # A script that fetches the password from elsewhere holds none itself.
        others = {entry.path for entry in variable(site.disk, unit, ENVIRONMENT)
                  if entry.is_literal}
        # LoadCredential=NAME:PATH; an encrypted one may be read by all
        others.update(entry.value.partition(":")[2] for entry in
                      (unit.all("LoadCredential") if unit else ()) if ":/" in entry.value)
        for file in files:
            for _, command in commands(file.keys):
                others.update(credential_files(command))
        for path in sorted(others):
            yield path, None

    def _of(self, site: Site, path: str, file: Optional[ConfigFile]) -> Finding:
        try:
            reach = others_read(site.disk, path)
            if not reach.is_open:
                return self.passed(path, reach.why)
            raw = site.disk.read(site.disk.real(path))
        except FileNotFoundError:
            return self.passed(path, "missing")
        except Undecided as error:
            return self.unknown(path, f"{error.subject}: {error.reason}", error.line)
        if file is None:
            return self._failed(site, path, of_text(raw), reach.why, Auto.MANUAL)
        certain = list(of_file(file))
        if certain:
            return self._failed(site, path, certain, reach.why, Auto.MODE)
        seen = [each for each in of_text(raw) if each.key in SECRET_KEYS]
        if seen and (file.trouble or any(each.comment for each in seen)):
            return self.warned(path, f"seems to hold {seen[0]}; {reach.why}", seen[0].line)
        undecided = file.trouble or next(
            (file.unknown[key] for key in SECRET_KEYS if key in file.unknown), None)
        if undecided is not None:
            return self.unknown(path, f"{undecided.reason}; {reach.why}", undecided.line)
        return self.passed(path, "holds no password")

    def _failed(self, site: Site, path: str, secrets: list[Secret], why: str,
                auto: Auto) -> Finding:
        told = ", ".join(map(str, secrets[:_SHOWN])) or "a password"
        opened = opens(site, path)
        line = secrets[0].line if secrets else None
        if opened is False:  # something beyond modes and ACLs guards it
            return self.warned(path, f"{told}; {why}; yet nobody couldn't open it", line)
        proof = "; nobody could open it" if opened else ""
        return self.found(State.FAIL, path, f"{told}; {why}{proof}", auto=auto, line=line)


class ReadableConfiguration(Check):
    """SEC-02."""

    id = "SEC-02"
    section = Section.PASSWORDS
    severity = Severity.MEDIUM
    title = "configuration that others can read"
    looks_at = "the configuration folder and its files, before there is a password in them"
    proof = "the mode of each file and of all folders above it"
    why = ("The next password is typed into the web interface by somebody who doesn't think of"
           " modes; hosts, owners and commands are anyone's reading now.")
    fix = "chmod 0750 the folder and 0600 the *.pl in it; $Conf{UmaskMode} = 077"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield the folder if anything in it is open, and each file of hosts elsewhere."""
        folder = site.disk.real(site.layout.conf_dir)
        inside, elsewhere = self._open_files(site, folder)
        listed = others_read(site.disk, folder)
        if inside or listed.is_open:
            told = listed.why if listed.is_open else others_enter(site.disk, folder).why
            shown = ", ".join(map(posixpath.basename, inside[:_SHOWN]))
            more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
            yield self.failed(folder, f"{told}; readable: {shown or 'its names'}{more}")
        for path in elsewhere:
            yield self.failed(path, others_read(site.disk, path).why)
        if not inside and not elsewhere and not listed.is_open:
            yield self.passed(folder, listed.why)

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close the files, then the folder."""
        if finding.state != State.FAIL:
            return
        folder = site.disk.real(site.layout.conf_dir)
        if finding.subject != folder:
            yield ModeRepair(finding.subject, _OWN)
            return
        for path in self._open_files(site, folder)[0]:
            yield ModeRepair(path, _OWN if path.endswith(".pl") else _SHARED)
        yield ModeRepair(folder, _FOLDER)

    def _open_files(self, site: Site, folder: str) -> tuple[list[str], list[str]]:
        """Return the files in FOLDER that others can read, and files of hosts elsewhere.

        Files with a password are SEC-01's.
        """
        names = [f"{folder}/{name}" for name in site.disk.names(folder)]
        paths = [path for path in names if _is_file(site, path)]
        held = {site.disk.real(file.path): file for file in site.settings.files()
                if _is_file(site, file.path)}
        paths += [path for path in held if path not in paths]
        found = [path for path in paths if others_read(site.disk, path).is_open
                 and not (path in held and any(of_file(held[path])))]
        inside = [path for path in found if path.startswith(f"{folder}/")]
        return inside, [path for path in found if path not in inside]


class Copied(Check):
    """SEC-03."""

    id = "SEC-03"
    section = Section.PASSWORDS
    severity = Severity.HIGH
    title = "password in a copy that others can read"
    looks_at = (".old .new .pre-* .sample .bak .swp .dpkg-* .ucf-* and other files beside the"
                " configuration, RCS files, git's history, /var/backups, compressed too")
    proof = "whatever others can reach is searched for the settings that hold passwords"
    why = ("A password that was removed or changed lives on in the copy that an editor, an upgrade"
           " or a version control made, often with looser modes than the file itself.")
    fix = "chmod 0600 the copy or remove it (git: chmod 0700 .git), and change the password"
    auto = Auto.MODE

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield every copy with a password, and what could not be searched."""
        copies = Copies(site)
        clean = True
        for copy in copies.found():
            clean = False
            one = sure(copy.secrets)
            told = ", ".join(dict.fromkeys(map(str, copy.secrets[:_SHOWN])))
            yield self.found(
                State.FAIL if one else State.WARN, copy.path, f"{told}; {copy.why}",
                line=(one or copy.secrets[0]).line if copy.by_mode else None,
                auto=Auto.MODE if self._is_ours(site, copy.path) else Auto.MANUAL)
        for trouble in dict.fromkeys((each.subject, each.reason) for each in copies.troubles):
            clean = False
            yield self.unknown(*trouble)
        if clean:
            closed = f"; {'; '.join(copies.closed[:_SHOWN])}" if copies.closed else ""
            yield self.passed(site.layout.conf_dir,
                              f"{copies.read} reachable copies, none with a password{closed}")

    def repairs(self, site: Site, finding: Finding) -> Iterable[Repair]:
        """Close a copy in ConfDir; what lies elsewhere belongs to who put it there."""
        if finding.state == State.FAIL and self._is_ours(site, finding.subject):
            is_git = posixpath.basename(finding.subject) == ".git"
            yield ModeRepair(finding.subject, 0o700 if is_git else _OWN)

    def _is_ours(self, site: Site, path: str) -> bool:
        return posixpath.dirname(path) == site.disk.real(site.layout.conf_dir)


class InlineSecrets(Check):
    """SEC-04."""

    id = "SEC-04"
    section = Section.PASSWORDS
    severity = Severity.HIGH
    title = "password in a command"
    looks_at = "the *Cmd settings: -pPASSWORD, --password=, user%password, PGPASSWORD= and the like"
    proof = "the values are parsed; the form is named, never the password"
    why = ("Everybody on the machine sees the arguments of a running program (ps), and BackupPC"
           " writes the command into its log.")
    fix = ("a credential file of mode 0600: smbclient -A FILE, mysql --defaults-extra-file=FILE,"
           " ~/.pgpass")
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield every command with a password in it."""
        count, clean = 0, True
        for file in site.settings.files():
            if file.trouble is not None:
                clean = False
                yield self.unknown(file.path, file.trouble.reason, file.trouble.line)
            for name, trouble in file.unknown.items():
                if name.endswith("Cmd"):
                    clean = False
                    yield self.unknown(f"{name} in {file.path}", trouble.reason, trouble.line)
            for name, text in commands(file.keys):
                count += 1
                form = inline_secret(text)
                if form is not None:
                    clean = False
                    place = file.places.get(name)
                    yield self.failed(f"{name} in {file.path}", f"holds a password as {form}",
                                      place.line if place else None)
        if clean:
            yield self.passed(site.layout.conf_dir, f"{count} commands, none with a password")


class DeadEnvironment(Check):
    """SEC-05."""

    id = "SEC-05"
    section = Section.PASSWORDS
    severity = Severity.LOW
    title = f"{ENVIRONMENT} that is never used"
    looks_at = f"{ENVIRONMENT} of the service, and SmbSharePasswd"
    proof = "the unit with its files and the init script's defaults, against the settings"
    why = ("A defined SmbSharePasswd wins, the empty one too, and any save in the web interface"
           " makes '' of undef: backups then run with an empty password and fail.")
    fix = "$Conf{SmbSharePasswd} = undef; or better smbclient -A FILE in the Smb*Cmd settings"
    auto = Auto.MANUAL

    def judge(self, site: Site) -> Iterator[Finding]:
        """Yield whether the environment's password gets through."""
        given = next(variable(site.disk, find_unit(site.disk), ENVIRONMENT), None)
        if given is None:
            yield self.not_applicable(ENVIRONMENT, "the service doesn't set it")
            return
        value = site.setting("SmbSharePasswd")
        if value is None:
            yield self.passed("SmbSharePasswd", f"undefined, so {given.path} counts")
            return
        place = site.settings.place("SmbSharePasswd")
        length = length_class(value) if isinstance(value, str) else "a list"
        yield self.failed("SmbSharePasswd", f"defined ({length}), so {ENVIRONMENT} of {given.path}"
                                            " isn't used", place.line if place else None)


def _is_file(site: Site, path: str) -> bool:
    info = site.disk.lstat(path)
    return info is not None and info.st_mode & 0o170000 == 0o100000


CHECKS = (ReachableSecrets, ReadableConfiguration, Copied, InlineSecrets, DeadEnvironment)
