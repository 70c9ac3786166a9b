"""A BackupPC server's own files below one folder: Debian's real ones, with Debian's modes.

The files are those of the installed packages backuppc and apache2. As root they belong to the
real accounts; else all are the current account's, which the tree's passwd calls root and backuppc.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bpc_ssh_guard.posture.site import Site

CONF, TOP, RUN = "/etc/backuppc", "/var/lib/backuppc", "/run/backuppc"
CODE = "/usr/share/backuppc"
CONFIG, HOSTS = f"{CONF}/config.pl", f"{CONF}/hosts"
CGI = "/usr/lib/backuppc/cgi-bin/index.cgi"
UNIT = "/lib/systemd/system/backuppc.service"
APACHE = f"{CONF}/apache.conf"
SOCKET = f"{RUN}/BackupPC.sock"

ROOT = ("root", "root")
BACKUPPC = ("backuppc", "backuppc")
SHARED = ("backuppc", "www-data")  # what the package's postinst makes of /etc/backuppc

# What the packages and their postinst leave behind; folders on the way are root's, 0755.
_FOLDERS = (
    (CONF, 0o755, SHARED),
    (TOP, 0o750, BACKUPPC), (f"{TOP}/cpool", 0o750, BACKUPPC), (f"{TOP}/log", 0o750, BACKUPPC),
    (f"{TOP}/pc", 0o750, BACKUPPC), (f"{TOP}/pc/localhost", 0o750, BACKUPPC),
    (f"{TOP}/pool", 0o750, BACKUPPC),
    (RUN, 0o755, BACKUPPC),  # RuntimeDirectory= of the unit
    ("/tmp", 0o1777, ROOT), ("/var/tmp", 0o1777, ROOT),
    ("/root", 0o700, ROOT), ("/home", 0o755, ROOT), ("/var/backups", 0o755, ROOT),
)  # fmt: skip
# Where the pristine text of a file lies, if not at its own place.
_CONFIGURATION = (
    (CONFIG, f"{CODE}/conf/config.pl"), (f"{CONFIG}.sample", f"{CONFIG}.sample"),
    (HOSTS, f"{HOSTS}.sample"), (f"{HOSTS}.sample", f"{HOSTS}.sample"),
    (f"{CONF}/localhost.pl", "/usr/share/doc/backuppc/examples/localhost.pl"), (APACHE, APACHE),
)  # fmt: skip
_SYSTEM = (UNIT, "/etc/default/backuppc", "/etc/init.d/backuppc",
           "/var/lib/dpkg/info/backuppc.list", "/var/lib/dpkg/info/backuppc.conffiles",
           "/etc/apache2/apache2.conf", "/etc/apache2/ports.conf", "/etc/apache2/envvars",
           "/etc/apache2/magic")  # fmt: skip
_MERGED = ("bin", "lib", "sbin")  # links to /usr/bin ... of a merged /usr
_PASSWORD = "bpcadmin:$2y$05$" + "x" * 53  # the form of a bcrypt line, of no password


class ServerTree:
    """The files of one server below ROOT; every path given is the server's own ("/etc/...")."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.owned = os.geteuid() == 0  # whether files can have owners other than this account

    @classmethod
    def stock(cls, folder: Path) -> ServerTree:
        """Make Debian's server as installed, with Apache, below FOLDER."""
        tree = cls(folder / "server")
        tree._make()
        return tree

    @classmethod
    def hardened(cls, folder: Path) -> ServerTree:
        """Make that server as its FAQ and this product want it, below FOLDER."""
        tree = cls.stock(folder)
        tree._harden()
        return tree

    def copy(self, folder: Path) -> ServerTree:
        """Make the same server once more, below FOLDER: faster than anew."""
        tree = ServerTree(folder / "server")
        subprocess.run(["cp", "-a", self.root, tree.root], check=True, timeout=60)
        return tree

    def site(self, *, live: bool = False) -> Site:
        """Return what the checks look at."""
        from bpc_ssh_guard.posture.site import Site

        return Site.open(self.root, live)

    def path(self, name: str) -> Path:
        """Return where the server's NAME really lies."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """Return the text of NAME."""
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name: str, text: str | bytes, mode: int = 0o644,
              owner: tuple[str, str] = ROOT) -> None:
        """Write the file NAME; folders that are missing are made, root's and 0755."""
        path = self.path(name)
        self._folders(os.path.dirname(name))
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.chown(name, *owner)
        path.chmod(mode)

    def folder(self, name: str, mode: int = 0o755, owner: tuple[str, str] = ROOT) -> None:
        """Make the folder NAME, or give it that mode and owner."""
        self._folders(name)
        self.chown(name, *owner)
        self.path(name).chmod(mode)

    def link(self, name: str, target: str) -> None:
        """Make the symbolic link NAME to TARGET, as it stands."""
        self._folders(os.path.dirname(name))
        self.path(name).symlink_to(target)

    def socket(self, name: str, mode: int, owner: tuple[str, str] = BACKUPPC) -> None:
        """Make the name of a unix socket that nobody listens on."""
        os.mknod(self.path(name), stat.S_IFSOCK | 0o600)
        self.chown(name, *owner)
        self.path(name).chmod(mode)

    def remove(self, name: str) -> None:
        """Remove the file, link or folder NAME."""
        path = self.path(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def chmod(self, name: str, mode: int) -> None:
        """Set the mode of NAME."""
        self.path(name).chmod(mode)

    def chown(self, name: str, user: str, group: str) -> None:
        """Give NAME to USER and GROUP of the tree; without effect unless we are root."""
        if self.owned:
            os.chown(self.path(name), _number(self.read("/etc/passwd"), user),
                     _number(self.read("/etc/group"), group), follow_symlinks=False)

    def replace(self, name: str, old: str, new: str) -> None:
        """Put NEW for OLD, which must stand in the file NAME; owner and mode stay."""
        text = self.read(name)
        if old not in text:
            raise ValueError(f"{name} has no {old!r}")
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")

    def append(self, name: str, *lines: str) -> None:
        """Put LINES behind the file NAME; owner and mode stay."""
        with self.path(name).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def configure(self, *lines: str) -> None:
        """Put LINES of Perl behind config.pl."""
        self.append(CONFIG, *lines)

    def host_file(self, host: str) -> str:
        """Return the path of HOST's own configuration."""
        return f"{CONF}/{host}.pl"

    def add_host(self, host: str, *lines: str, user: str = "backuppc", more: str = "") -> None:
        """Make HOST known; LINES of Perl are its own file, which there is not without any."""
        self.append(HOSTS, f"{host} 0 {user} {more}".rstrip())
        if lines:
            mode = stat.S_IMODE(self.path(CONFIG).stat().st_mode)
            self.write(self.host_file(host), "".join(f"{line}\n" for line in lines), mode, SHARED)

    def add_account(self, name: str, uid: int, gid: int, home: str = "/nonexistent",
                    shell: str = "/bin/sh") -> None:
        """Make the account NAME."""
        self.append("/etc/passwd", f"{name}:x:{uid}:{gid}::{home}:{shell}")

    def add_member(self, group: str, name: str) -> None:
        """Make NAME a member of GROUP, which there must be."""
        pattern = rf"^({re.escape(group)}:.*?:\d+:)(.*)$"
        text, found = re.subn(
            pattern, lambda line: f"{line[1]}{line[2]}{',' if line[2] else ''}{name}",
            self.read("/etc/group"), flags=re.MULTILINE)
        if not found:
            raise ValueError(f"no group {group}")
        self.path("/etc/group").write_text(text, encoding="utf-8")

    def _make(self) -> None:
        self.root.mkdir(mode=0o755)
        with _umask(0o022):
            self._make_accounts()
            for name in _MERGED:
                self.folder(f"/usr/{name}")
                self.link(f"/{name}", f"usr/{name}")
            for name, mode, owner in _FOLDERS:
                self.folder(name, mode, owner)
            self.link("/var/run", "/run")
            for name, source in _CONFIGURATION:
                with open(source, "rb") as file:
                    self.write(name, file.read(), 0o644, SHARED)
            self.write(f"{CONF}/htpasswd", "backuppc:$apr1$" + "x" * 31 + "\n", 0o640, SHARED)
            self.link(f"{CONF}/pc", CONF)
            for name in _SYSTEM:
                self._copy(name)
            self._make_code()
            self._make_apache()
            self._make_programs()
            self.link("/etc/systemd/system/multi-user.target.wants/backuppc.service", UNIT)
            self.socket(SOCKET, 0o750)
            self.write(f"{RUN}/BackupPC.pid", "4000000", 0o640, BACKUPPC)  # above PID_MAX_DEFAULT

    def _make_accounts(self) -> None:
        uid, gid = os.geteuid(), os.getegid()
        backuppc = pwd.getpwnam("backuppc") if self.owned else pwd.getpwuid(uid)
        web = grp.getgrnam("www-data").gr_gid if self.owned else gid
        own = backuppc.pw_gid if self.owned else gid
        self._folders("/etc")
        users = (f"root:x:{uid}:{gid}:root:/root:/bin/bash",
                 f"www-data:x:{pwd.getpwnam('www-data').pw_uid}:{web}::/var/www:/usr/sbin/nologin",
                 f"backuppc:x:{backuppc.pw_uid}:{own}:BackupPC,,,:{TOP}:/bin/sh",
                 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin")
        groups = (f"root:x:{gid}:", f"www-data:x:{web}:", f"backuppc:x:{own}:", "nogroup:x:65534:")
        for name, lines in (("passwd", users), ("group", groups)):
            path = self.path(f"/etc/{name}")
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _make_code(self) -> None:
        """Copy the programs, and what dpkg knows of them."""
        unread = set()
        for name in self.read("/var/lib/dpkg/info/backuppc.list").splitlines():
            if not name.startswith(("/usr/", "/etc/")) or self.path(name).exists():
                continue
            if not self._copy(name):
                unread.add(name.lstrip("/"))
        self.chown(CGI, *SHARED)
        self.chmod(CGI, 0o4750)
        self.write("/var/lib/dpkg/statoverride", f"backuppc www-data 4750 {CGI}\n")
        with open("/var/lib/dpkg/info/backuppc.md5sums", encoding="utf-8") as file:
            sums = [line for line in file if line.split(maxsplit=1)[1].rstrip("\n") not in unread]
        self.write("/var/lib/dpkg/info/backuppc.md5sums", "".join(sums))
        with open("/var/lib/dpkg/status", encoding="utf-8") as file:
            stanzas = file.read().split("\n\n")
        own = [each for each in stanzas if each.startswith("Package: backuppc\n")]
        self.write("/var/lib/dpkg/status", "\n\n".join(own) + "\n")

    def _make_apache(self) -> None:
        """Enable what the packages enable, and BackupPC's page with what it needs."""
        for kind in ("mods", "conf", "sites"):
            self.folder(f"/etc/apache2/{kind}-enabled")
            for name in os.listdir(f"/etc/apache2/{kind}-enabled"):
                self._enable(kind, name)
        for name in ("cgid.load", "auth_basic.load", "authn_file.load", "authz_user.load"):
            self._enable("mods", name)
        self.link("/etc/apache2/conf-available/backuppc.conf", APACHE)
        self.link("/etc/apache2/conf-enabled/backuppc.conf", "../conf-available/backuppc.conf")

    def _enable(self, kind: str, name: str) -> None:
        link = f"/etc/apache2/{kind}-enabled/{name}"
        if not os.path.lexists(self.path(link)) and name != "backuppc.conf":
            self._copy(f"/etc/apache2/{kind}-available/{name}")
            self.link(link, f"../{kind}-available/{name}")

    def _make_programs(self) -> None:
        """Make the programs that settings name, empty: who may change them is what counts."""
        for name in set(re.findall(r"^\$Conf\{\w+Path\}\s*=\s*['\"](/[^'\"]+)",
                                   self.read(CONFIG), re.MULTILINE)):
            if os.path.isfile(name):
                self.write(name, "", 0o755)

    def _harden(self) -> None:
        self.path(f"{CONF}/localhost.pl").chmod(0o600)
        for name in ("config.pl", "config.pl.sample", "hosts", "hosts.sample", "apache.conf"):
            self.chmod(f"{CONF}/{name}", 0o600)
        self.write(f"{CONF}/htpasswd", f"{_PASSWORD}\n", 0o640, SHARED)
        self.chmod(CONF, 0o750)
        self.chmod(RUN, 0o750)
        self.chmod(SOCKET, 0o700)
        self.configure(
            "$Conf{UmaskMode} = 077;",
            "$Conf{ArchiveDest} = '/var/lib/backuppc/archive';",
            "$Conf{CgiAdminUserGroup} = '';",
            "$Conf{CgiAdminUsers} = 'bpcadmin';",
            "$Conf{CgiUserConfigEditEnable} = 0;",
        )
        # The FAQ's own advice: a web server of BackupPC's own, so nothing needs to be set-id.
        self.write("/var/lib/dpkg/statoverride", f"backuppc backuppc 0750 {CGI}\n")
        self.chown(CGI, *BACKUPPC)
        self.chmod(CGI, 0o750)
        self.replace("/etc/apache2/envvars", "APACHE_RUN_USER=www-data", "APACHE_RUN_USER=backuppc")
        self.replace("/etc/apache2/envvars", "APACHE_RUN_GROUP=www-data",
                     "APACHE_RUN_GROUP=backuppc")
        self.replace(APACHE, "#SSLRequireSSL", "SSLRequireSSL")
        self.replace("/etc/passwd", f"{TOP}:/bin/sh", f"{TOP}:/usr/sbin/nologin")

    def _copy(self, name: str) -> bool:
        """Copy NAME of this machine with its mode; say whether its content could be read."""
        if os.path.islink(name):
            self.link(name, os.readlink(name))
            return True
        mode = stat.S_IMODE(os.stat(name).st_mode)
        if os.path.isdir(name):
            self.folder(name, mode)
            return True
        try:
            with open(name, "rb") as file:
                content = file.read()
        except PermissionError:  # the set-id wrapper, closed to us as it should be
            content = b""
        self.write(name, content, mode)
        return bool(content)

    def _folders(self, name: str) -> None:
        """Make the folder NAME and those on the way to it; links among them are passed."""
        with _umask(0o022):
            os.makedirs(self.path(name), exist_ok=True)


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _number(text: str, name: str) -> int:
    """Return the number of NAME in the TEXT of passwd or group."""
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split(":")[2])
    raise ValueError(f"no account or group {name}")
