"""BackupPC's settings in effect: config.pl, with each host's own file laid over it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Optional

from .hosts import HostLine, read_hosts
from .perl.evaluate import Before, Conf, evaluate
from .perl.reader import read
from .perl.values import Value, octets
from .undecided import Undecided

if TYPE_CHECKING:
    from .disk import Disk
    from .layout import Layout

__all__ = ["ConfigFile", "HostLine", "Place", "Settings", "Value"]

# Debian's Storage/Text.pm reads it before config.pl, and again before each host's file.
_LOCAL = "localconfig.pl"
_FOLDERS = {"TopDir": "top_dir", "ConfDir": "conf_dir", "LogDir": "log_dir", "RunDir": "run_dir",
            "InstallDir": "install_dir"}


class Place(NamedTuple):
    """Where a statement begins."""

    path: str
    line: int


@dataclass(frozen=True)
class ConfigFile:
    """One configuration file; HOST is None for the server's.

    TROUBLE says why nothing of it is known; UNKNOWN why single keys aren't. PLACES has the last
    statement that touches a key.
    """

    path: str
    host: Optional[str]
    keys: Mapping[str, Value] = field(default_factory=dict)
    unknown: Mapping[str, Undecided] = field(default_factory=dict)
    trouble: Optional[Undecided] = None
    places: Mapping[str, Place] = field(default_factory=dict)

    @classmethod
    def read(cls, disk: Disk, path: str, host: Optional[str] = None,
             before: Optional[Before] = None) -> ConfigFile:
        """Return PATH as it is read after what BEFORE knows; never raises for bad content."""
        try:
            conf = evaluate(path, read(path, disk.read(path)), before or _unset)
        except Undecided as trouble:
            return cls(path, host, trouble=trouble)
        except FileNotFoundError:
            return cls(path, host, trouble=Undecided(path, "missing"))
        return cls._of(path, host, conf)

    @classmethod
    def _of(cls, path: str, host: Optional[str], conf: Conf) -> ConfigFile:
        places = {name: Place(path, line) for name, line in conf.lines.items()}
        return cls(path, host, conf.known, conf.unknown, None, places)

    def has(self, name: str) -> bool:
        """Return whether it sets NAME; raise Undecided where that, or to what, can't be told."""
        if self.trouble is not None:
            raise self.trouble
        if name in self.unknown:
            raise self.unknown[name]
        return name in self.keys


@dataclass(frozen=True)
class Settings:
    """All configuration files of a server, in the order in which BackupPC reads them."""

    hosts: tuple[HostLine, ...]
    hosts_trouble: Optional[Undecided]
    _server: tuple[ConfigFile, ...]
    _local: tuple[ConfigFile, ...]  # Debian's localconfig.pl once more, over config.pl
    _own: Mapping[str, Optional[ConfigFile]]  # of every host
    _layout: Layout

    @classmethod
    def read(cls, disk: Disk, layout: Layout) -> Settings:
        """Return the settings of the server; what can't be read raises where it is asked for."""
        local = f"{layout.conf_dir}/{_LOCAL}"
        server: tuple[ConfigFile, ...] = ()
        has_local = layout.name == "debian" and disk.lstat(local) is not None
        if has_local:
            server += (ConfigFile.read(disk, local),)
        server += (ConfigFile.read(disk, layout.config, None, _over(server)),)
        again = (ConfigFile.read(disk, local, None, _over(server)),) if has_local else ()
        hosts, trouble = read_hosts(disk, layout.hosts)
        settings = cls(hosts, trouble, server, again, {}, layout)
        over = _over(server + again)
        own = {host.name: settings._read_own(disk, host.name, over) for host in hosts}
        return cls(hosts, trouble, server, again, own, layout)

    def value(self, name: str, host: Optional[str] = None) -> Value:
        """Return $Conf{NAME} for HOST or the server; None where it is unset or undef.

        Raise Undecided where it can't be told.
        """
        file = self._setter(name, host)
        return None if file is None else file.keys[name]

    def is_set(self, name: str, host: Optional[str] = None) -> bool:
        """Return whether there is such a key, be it undef; raise Undecided."""
        return self._setter(name, host) is not None

    def place(self, name: str, host: Optional[str] = None) -> Optional[Place]:
        """Return the statement that gives the value in effect, or that makes it unknown."""
        for file in reversed(self._chain(host)):
            if name in file.places:
                return file.places[name]
        return None

    def folder(self, name: str) -> str:
        """Return the folder NAME in effect ("TopDir"): the setting's, else the layout's.

        Raise Undecided where it can't be told, or isn't an absolute path.
        """
        value = self.value(name)
        if not isinstance(value, str) or not value:
            return str(getattr(self._layout, _FOLDERS[name]))
        if not value.startswith("/") or "\0" in value:
            raise Undecided(name, "not an absolute path")
        path = octets(value).decode("utf-8", "surrogateescape")
        return path.rstrip("/") or "/"

    def files(self) -> tuple[ConfigFile, ...]:
        """Return every file once: the server's, then the hosts' in the order of `hosts`."""
        return self._server + tuple(filter(None, self._own.values()))

    def host_settings(self, host: str) -> Mapping[str, Value]:
        """Return what HOST's own file sets to known values; raise Undecided where it is tainted."""
        file = self._own.get(host)
        if file is None:
            return {}
        if file.trouble is not None:
            raise file.trouble
        return file.keys

    def beneath(self, file: ConfigFile) -> Before:
        """Return the settings that FILE, one of `files`, is laid over."""
        if file.host is not None:
            return _over(self._server + self._local)
        return _over(self._server[:self._server.index(file)])

    def _setter(self, name: str, host: Optional[str]) -> Optional[ConfigFile]:
        return _find(self._chain(host), name)

    def _chain(self, host: Optional[str]) -> tuple[ConfigFile, ...]:
        if host is None:
            return self._server
        if host not in self._own:
            raise Undecided(host, "not in the hosts file")
        own = self._own[host]
        return self._server + self._local + (() if own is None else (own,))

    def _read_own(self, disk: Disk, host: str, over: Before) -> Optional[ConfigFile]:
        """Return HOST's own file: the first name that is there, whatever it is."""
        try:
            top_dir = self.folder("TopDir")
        except Undecided as trouble:
            if not self._layout.fhs:  # it may lie below TopDir
                return ConfigFile(f"{self._layout.conf_dir}/{host}.pl", host, trouble=trouble)
            top_dir = self._layout.top_dir
        for path in self._layout.host_files(host, top_dir):
            if path == self._layout.config:  # a host called "config"
                continue
            try:
                info = disk.lstat(path)
            except Undecided as trouble:
                return ConfigFile(path, host, trouble=trouble)
            if info is not None and not stat.S_ISDIR(info.st_mode):
                return ConfigFile.read(disk, path, host, over)
        return None


def _unset(name: str) -> Value:
    raise KeyError(name)


def _find(chain: tuple[ConfigFile, ...], name: str) -> Optional[ConfigFile]:
    return next((file for file in reversed(chain) if file.has(name)), None)


def _over(chain: tuple[ConfigFile, ...]) -> Before:
    def before(name: str) -> Value:
        file = _find(chain, name)
        if file is None:
            raise KeyError(name)
        return file.keys[name]
    return before
