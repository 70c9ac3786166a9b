"""What Apache is told of BackupPC's page: the file that Debian's package brings, statement by line.

Only that file is read. What other files, or another web server, say of the page is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from ..site import Site

ENABLED: Final = ("/etc/apache2/conf-enabled/backuppc.conf", "/etc/httpd/conf.d/BackupPC.conf",
                  "/etc/apache2/conf.d/backuppc.conf")
_MODULES: Final = "/etc/apache2/mods-enabled"
# Modules that run programs of others than BackupPC's in the web server's own account.
_RUNS_CODE: Final = ("php", "wsgi", "perl", "userdir", "python", "lua", "ruby", "passenger")


@dataclass(frozen=True)
class Page:
    """The directives of BackupPC's page, names in small letters, each with its line."""

    path: str
    directives: tuple[tuple[str, str, int], ...]

    def has(self, name: str, arguments: Optional[str] = None) -> bool:
        """Tell whether NAME stands there, with these ARGUMENTS if they are given."""
        return any(each == name and (arguments is None or said.lower() == arguments)
                   for each, said, _ in self.directives)

    def argument(self, name: str) -> Optional[str]:
        """Return the first argument of the last NAME, without quotes; None where it is missing."""
        said = [arguments for each, arguments, _ in self.directives if each == name]
        return said[-1].split()[0].strip('"') if said and said[-1] else None


def page(site: Site) -> Page:
    """Return what Apache is told of the page; raise Undecided where it isn't told so."""
    for path in ENABLED:
        if site.disk.lstat(path) is None:
            continue
        try:
            real = site.disk.real(path)
            data = site.disk.read(real)
        except FileNotFoundError:
            raise Undecided(path, "a link to nowhere") from None
        return Page(real, tuple(_directives(data.decode("utf-8", "surrogateescape"))))
    raise Undecided("web server", "no configuration of Apache's for BackupPC's page is enabled;"
                                  " another web server's is not read")


def _directives(text: str) -> list[tuple[str, str, int]]:
    found = []
    for number, line in enumerate(text.replace("\\\n", "  ").split("\n"), 1):
        name, _, arguments = line.strip().partition(" ")
        if name and not name.startswith("#"):
            found.append((name.lower(), " ".join(arguments.split()), number))
    return found


def other_code(site: Site) -> list[str]:
    """Return the enabled modules that run other programs with the rights of the web server."""
    names = [name.removesuffix(".load") for name in site.disk.names(_MODULES)
             if name.endswith(".load")]
    return [name for name in names if name.startswith(_RUNS_CODE)]
