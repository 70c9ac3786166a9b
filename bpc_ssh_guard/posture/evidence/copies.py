"""Copies of the configuration that others can reach: old files, backups, version control."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.disk import MOST_BYTES
from ...backuppc.undecided import Undecided
from ..reach import others_enter, others_read
from .history import blobs, unpacked
from .secrets import of_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..site import Site
    from .secrets import Secret

BACKUPS: Final = "/var/backups"
_DEEPEST: Final = 2  # folders below ConfDir or /var/backups that are looked into
_MOST_LOOKED: Final = 20_000  # names: what an audit's second has room for
# In /var/backups lie dpkg's and apt's databases too, which are no copies of a configuration.
_TELLING: Final = re.compile(r"backuppc|config\.pl|\.pl(?![a-z])|\betc\b", re.IGNORECASE)
# History of git is read as one thing; a mail spool or a pool isn't configuration.
_GIT: Final = ".git"


@dataclass(frozen=True)
class Copy:
    """A file that others can read and that holds what looks like a secret; WHY says how."""

    path: str
    why: str
    secrets: tuple[Secret, ...]
    by_mode: bool  # whether its own mode can be narrowed: no object of git


class Copies:
    """Walks the places of copies once; what can't be read is kept in `troubles`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._disk = site.disk
        self._live = {site.disk.real(file.path) for file in site.settings.files()
                      if site.disk.lstat(file.path) is not None}
        self._looked = 0
        self.closed: list[str] = []
        self.troubles: list[Undecided] = []
        self.read = 0

    def found(self) -> Iterator[Copy]:
        """Yield each copy with a secret."""
        conf = self._disk.real(self._site.layout.conf_dir)
        yield from self._folder(conf, 0, everything=True)
        yield from self._repository(f"{conf.rpartition('/')[0]}/{_GIT}")
        yield from self._folder(BACKUPS, 0, everything=False)
        yield from self._legacy()

    def _legacy(self) -> Iterator[Copy]:
        """Look beside the hosts' files below TopDir, where versions 2 and 3 kept them."""
        try:
            top = self._site.settings.folder("TopDir")
        except Undecided as error:
            self.troubles.append(error)
            return
        for host in self._site.settings.hosts:
            folder = f"{top}/pc/{host.name}"
            if not self._is_open(folder):
                continue
            for name in self._disk.names(folder):
                if name.startswith(("config.pl", ".rsyncdpw")):
                    yield from self._file(f"{folder}/{name}")

    def _folder(self, folder: str, depth: int, *, everything: bool) -> Iterator[Copy]:
        if not self._is_open(folder):
            return
        try:
            names = self._disk.names(folder)
        except Undecided as error:
            self.troubles.append(error)
            return
        for name in names:
            path = f"{folder}/{name}"
            if name == _GIT:
                yield from self._repository(path)
                continue
            self._looked += 1
            if self._looked > _MOST_LOOKED:
                self.troubles.append(Undecided(folder, f"more than {_MOST_LOOKED} names"))
                return
            info = self._disk.lstat(path)
            if info is not None and stat.S_ISDIR(info.st_mode) and depth < _DEEPEST:
                yield from self._folder(path, depth + 1, everything=everything)
            elif everything or _TELLING.search(path):
                yield from self._file(path)

    def _is_open(self, folder: str) -> bool:
        """Return whether others can go through FOLDER; where an ACL hides it, look all the same."""
        try:
            reach = others_enter(self._disk, folder)
        except FileNotFoundError:
            return False
        except Undecided as error:
            self.troubles.append(error)
            return True
        if not reach.is_open and reach.why not in self.closed:
            self.closed.append(reach.why)
        return reach.is_open

    def _file(self, path: str) -> Iterator[Copy]:
        if path in self._live:
            return
        try:
            info = self._disk.lstat(path)
            if info is None or not stat.S_ISREG(info.st_mode):
                return
            reach = others_read(self._disk, path)
            if not reach.is_open:
                return
            self.read += 1
            secrets = of_text(unpacked(path, self._disk.read(path, 2 * MOST_BYTES)))
        except FileNotFoundError:
            return
        except Undecided as error:
            self.troubles.append(error)
            return
        if secrets:
            yield Copy(path, reach.why, tuple(secrets), True)

    def _repository(self, repository: str) -> Iterator[Copy]:
        if self._disk.lstat(repository) is None or not self._is_open(f"{repository}/objects"):
            return
        found: dict[str, tuple[str, list[Secret]]] = {}
        try:
            for path, text in blobs(self._disk, repository):
                self.read += 1
                secrets = of_text(text)
                if secrets and path not in found:
                    reach = others_read(self._disk, path)
                    if reach.is_open:
                        found[path] = (reach.why, secrets)
        except FileNotFoundError:
            self.troubles.append(Undecided(repository, "changed while it was read"))
        except Undecided as error:
            self.troubles.append(error)
        if found:
            path, (why, secrets) = next(iter(found.items()))
            more = f", and {len(found) - 1} more files" if len(found) > 1 else ""
            yield Copy(repository, f"its history: {why}{more}", tuple(secrets), False)


def sure(secrets: tuple[Secret, ...]) -> Optional[Secret]:
    """Return the first that is a value beyond doubt: no expression and no comment."""
    return next((each for each in secrets if each.literal and not each.comment), None)
