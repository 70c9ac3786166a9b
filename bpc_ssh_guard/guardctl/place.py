"""Where an installation lies: the folders and names below PREFIX, and which of them are in use."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import Final

from ..closed import Open, require_closed, trusted_accounts
from .clientpart import PACKAGE, PROGRAMS

FOLDER: Final = "lib/bpc-ssh-guard"
_TREE: Final = re.compile(r"[0-9][0-9A-Za-z.+]*-([0-9]+)")
# Paths stand in scripts, and are read under whatever locale the peer asks for.
_PLAIN_PATH: Final = re.compile(r"(/[A-Za-z0-9_@%+=:,.~-]+)*")


class InstallError(Exception):
    """It could not be installed; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Place:
    """PREFIX as the launchers name it, lying below DESTDIR until a package is unpacked."""

    prefix: str
    destdir: str

    @classmethod
    def from_options(cls, prefix: str, destdir: str) -> Place:
        """Return the place that the options name; refuse it if others could change it."""
        named = prefix.rstrip("/")
        if not prefix.startswith("/") or not is_plain_path(named):
            raise InstallError(f"{prefix!a}: not an absolute path of plain characters;"
                               " choose a prefix such as /usr or /usr/local")
        place = cls(named, os.path.abspath(destdir) if destdir else "")
        place.require_closed()
        return place

    @property
    def lib(self) -> str:
        return f"{self.destdir}{self.prefix}/{FOLDER}"

    @property
    def sbin(self) -> str:
        return f"{self.destdir}{self.prefix}/sbin"

    @property
    def launchers(self) -> list[str]:
        return [f"{self.sbin}/{program.name}" for program in PROGRAMS]

    @property
    def package_link(self) -> str:
        """The name by which people find the installed package; no program goes through it."""
        return f"{self.lib}/{PACKAGE}"

    @property
    def names(self) -> list[str]:
        """What an installation replaces one by one, in this order."""
        return [*self.launchers, self.package_link]

    def require_closed(self) -> None:
        """Refuse a place that another account could change."""
        try:
            require_closed(self.lib, trusted_accounts())
            require_closed(self.sbin, trusted_accounts())
        except Open as problem:
            raise InstallError(str(problem)) from None

    def trees(self) -> dict[str, int]:
        """Return the folders of installations, whole or not, with their numbers."""
        with contextlib.suppress(FileNotFoundError):
            found = {name: _TREE.fullmatch(name) for name in os.listdir(self.lib)}
            return {name: int(match[1]) for name, match in found.items() if match}
        return {}

    def trees_in_use(self) -> set[str]:
        """Return the folders that a launcher or the package's link names."""
        used = set()
        for launcher in self.launchers:
            with contextlib.suppress(FileNotFoundError), open(launcher, "rb") as file:
                used.update(re.findall(rf"/{FOLDER}/([^/']+)'", file.read().decode("latin-1")))
        with contextlib.suppress(OSError):  # missing, or a folder of some other origin
            used.add(os.path.dirname(os.readlink(self.package_link)))
        return used


def is_plain_path(path: str) -> bool:
    """Tell whether PATH is absolute or empty and has no blank, quote, `.` or `..` in it."""
    return bool(_PLAIN_PATH.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def beside(path: str) -> str:
    """Return the name under which PATH's successor waits to be renamed."""
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}.new"
