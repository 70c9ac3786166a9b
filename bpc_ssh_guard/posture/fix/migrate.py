"""Moves the smb password out of the configuration into a credential that systemd holds."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Final, Optional

from ...backuppc.content import Exchange, exchange
from ...backuppc.held import held
from ...backuppc.refused import Refused
from ..repair import ConfigRepair
from . import configuration
from .secrets import ENCRYPTED, KEY, NAME, PLAIN, WRAPPER, WRAPPER_TEXT, holders, password, service

if TYPE_CHECKING:
    from ..site import Site
    from .journal import Journal

_ENCRYPT: Final = ("systemd-creds", "encrypt", f"--name={NAME}", "-", "-")
_VERSION: Final = ("systemctl", "--version")
_OLDEST: Final = 247  # the first with LoadCredential=; with 250 it is encrypted
_LIMIT: Final = 30.0  # seconds: a TPM is slow


def words(site: Site) -> list[str]:
    """Return what `apply` would do, a line each; raise Refused, Undecided where it can't."""
    _require_credentials(site)
    unit = service(site)
    password(site)
    credential = (f"{ENCRYPTED} (encrypted where systemd-creds can, else {PLAIN} 0600)"
                  if _is_running(site) else PLAIN)
    return [
        f"write {credential}: the password, for systemd alone to read",
        f"write {WRAPPER}: hands it to BackupPC as its environment",
        f"write {unit.drop_in}: ExecStart={WRAPPER} {unit.start}",
        *(f"{file.path}: $Conf{{{KEY}}} = undef;" for file in holders(site)),
    ]


def apply(site: Site, journal: Journal) -> list[str]:
    """Do it, each act noted in JOURNAL before; return what was written. Raise as `words`."""
    if os.geteuid() != site.disk.superuser:
        raise Refused("only root writes the files of systemd")
    _require_credentials(site)
    unit, value, files = service(site), password(site), holders(site)
    sealed = _encrypted(value) if _is_running(site) else None
    written = (
        (ENCRYPTED if sealed else PLAIN, sealed or value, 0o600),
        (WRAPPER, WRAPPER_TEXT.encode("ascii"), 0o755),
        (unit.drop_in, unit.drop_in_text(sealed is not None).encode("utf-8"), 0o644),
    )
    for path, content, mode in written:
        _write(site, journal, path, content, mode)
    for file in files:
        configuration.apply(site, ConfigRepair(file.host, (KEY,), None), journal)
    return [path for path, _, _ in written] + [file.path for file in files]


def _is_running(site: Site) -> bool:
    """Return whether the server is this machine, whose key its own systemd has."""
    return os.path.realpath(site.disk.root) == "/"


def _require_credentials(site: Site) -> None:
    """Refuse a systemd that would start BackupPC without the credential."""
    if not _is_running(site):
        return
    try:
        done = subprocess.run(_VERSION, capture_output=True, timeout=_LIMIT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"systemctl --version: {error}; only systemd holds credentials") from None
    found = re.match(rb"systemd ([0-9]{1,4})\b", done.stdout)
    if found is None or int(found[1]) < _OLDEST:
        raise Refused(f"systemctl --version: systemd {_OLDEST} or later is needed for credentials")


def _encrypted(value: bytes) -> Optional[bytes]:
    """Return VALUE as this machine's systemd alone can read it; None where it can't be done."""
    try:
        done = subprocess.run(_ENCRYPT, input=value, capture_output=True, timeout=_LIMIT,  # noqa: S603
                              check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None


def _write(site: Site, journal: Journal, path: str, content: bytes, mode: int) -> None:
    """Write the new file PATH, root's; raise Refused where there is one."""
    if site.disk.lstat(path) is not None:
        raise Refused(f"{path}: is there already; remove it, or take the earlier move back")
    folder, name = os.path.split(path)
    _make_folder(site, folder)
    path = f"{site.disk.real(folder)}/{name}"
    gid = os.getegid()
    journal.note_content(path, None, content, (mode, site.disk.superuser, gid))
    exchange(site.disk.root, Exchange(path, None, content, mode, site.disk.superuser, gid))


def _make_folder(site: Site, path: str) -> None:
    """Make the folder PATH, open to read, and its parents; each must be root's alone to write."""
    parent, name = os.path.split(path)
    if parent != "/":
        _make_folder(site, parent)
    if site.disk.lstat(path) is None:
        with held(site.disk.root, site.disk.real(parent)) as it:
            os.mkdir(name, 0o755, dir_fd=it.descriptor)
            os.chmod(name, 0o755, dir_fd=it.descriptor)  # noqa: S103 - for BackupPC to enter
    info = site.disk.stat(path)
    if info is None or info.st_uid != site.disk.superuser or info.st_mode & 0o022:
        raise Refused(f"{path}: not root's alone; what starts BackupPC can't be kept there")
