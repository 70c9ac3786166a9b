"""Where BackupPC keeps its things: Debian's layout, upstream's, and that of versions 2 and 3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .undecided import Undecided

if TYPE_CHECKING:
    from .disk import Disk

_HEAD = 64 * 1024  # the version stands at the beginning of Lib.pm


class NoBackupPC(Exception):
    """No configuration of BackupPC lies where a layout has it."""


@dataclass(frozen=True)
class Layout:
    """Folders of one installation; a setting of config.pl with the same meaning wins."""

    name: str
    conf_dir: str
    top_dir: str
    log_dir: str
    run_dir: str
    install_dir: str
    cgi: tuple[str, ...]
    fhs: bool  # host files in ConfDir/pc and nowhere else (Storage/Text.pm)

    @property
    def config(self) -> str:
        """Return the path of the server's configuration."""
        return f"{self.conf_dir}/config.pl"

    @property
    def hosts(self) -> str:
        """Return the path of the list of hosts."""
        return f"{self.conf_dir}/hosts"

    def host_files(self, host: str, top_dir: str) -> tuple[str, ...]:
        """Return where HOST's file may lie; the first that exists is read."""
        if self.fhs:
            return (f"{self.conf_dir}/pc/{host}.pl",)
        return (f"{top_dir}/pc/{host}/config.pl", f"{self.conf_dir}/{host}.pl",
                f"{self.conf_dir}/pc/{host}.pl")


LAYOUTS = (
    Layout("debian", "/etc/backuppc", "/var/lib/backuppc", "/var/lib/backuppc/log",
           "/run/backuppc", "/usr/share/backuppc",
           ("/usr/lib/backuppc/cgi-bin/index.cgi", "/usr/share/backuppc/cgi-bin/index.cgi"),
           False),
    Layout("upstream", "/etc/BackupPC", "/data/BackupPC", "/var/log/BackupPC",
           "/var/run/BackupPC", "/usr/local/BackupPC",
           ("/usr/lib/cgi-bin/BackupPC_Admin", "/var/www/cgi-bin/BackupPC_Admin",
            "/usr/share/BackupPC/sbin/BackupPC_Admin"), True),
    Layout("v3", "/data/BackupPC/conf", "/data/BackupPC", "/data/BackupPC/log",
           "/data/BackupPC/log", "/usr/local/BackupPC",
           ("/usr/lib/cgi-bin/BackupPC_Admin", "/var/www/cgi-bin/BackupPC_Admin"), False),
)


def find_layout(disk: Disk) -> Layout:
    """Return the layout whose config.pl exists; raise NoBackupPC."""
    for layout in LAYOUTS:
        if disk.lstat(layout.config) is not None:
            return layout
    places = ", ".join(layout.config for layout in LAYOUTS)
    raise NoBackupPC(f"no BackupPC below {disk.root}: none of {places}; name another --root")


def version(disk: Disk, install_dir: str) -> str:
    """Return the version that BackupPC's library states, or "" where it can't be told."""
    try:
        head = disk.head(f"{install_dir}/lib/BackupPC/Lib.pm", _HEAD)
    except (FileNotFoundError, Undecided):
        return ""
    stated = re.search(rb"""(?i)\bversion\s*=>\s*['"]([0-9][0-9A-Za-z.]{0,20})['"]""", head)
    return stated[1].decode("ascii") if stated else ""
