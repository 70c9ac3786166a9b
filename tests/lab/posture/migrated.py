"""A real server whose smb password moves to systemd, in a mount namespace of its own.

Run as root below `unshare --mount --net`: FOLDER's etc, lib and run stand for /etc, /var/lib and
/run there. systemd doesn't run: what it does with the unit is done here, from the drop-in's words.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

PASSWORD = "it's \"odd\" $x \\ %y \u00e9 "
CONFIG = "/etc/backuppc/config.pl"
SEEN = "/var/lib/backuppc/seen"
_RECORDER = "/var/lib/backuppc/recorder"
_PATIENCE = 30.0
_OVERRIDES = {
    "ServerHost": "'localhost'", "BackupsDisable": "1", "WakeupSchedule": "[3]",
    "SmbClientPath": f"'{_RECORDER}'", "SendmailPath": "'/bin/true'", "XferMethod": "'smb'",
    "PingCmd": "'&{sub {0}}'", "NmbLookupCmd": "''", "NmbLookupFindHostCmd": "''",
    "FixedIPNetBiosNameCheck": "0", "EMailNotifyMinDays": "1e9", "DfMaxUsagePct": "101",
    "DfMaxInodeUsagePct": "101", "NmbLookupPath": "''", "RrdToolPath": "''", "PingPath": "''",
    "Ping6Path": "''", "BackupPCUserVerify": "1", "PoolV3Enabled": "0",
}  # fmt: skip


def lay_out(folder: Path) -> None:
    """Put FOLDER's copies over the machine's own folders."""
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    for name in ("lib", "run"):
        (folder / name).mkdir(mode=0o755)
    for name, place in (("etc", "/etc"), ("lib", "/var/lib"), ("run", "/run")):
        subprocess.run(["mount", "--bind", folder / name, place], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    for name in ("/var/lib/systemd", "/run/systemd"):
        os.mkdir(name, 0o755)
    for name in ("", "/pc", "/pool", "/cpool", "/log"):
        _own(f"/var/lib/backuppc{name}", 0o750)
    _own("/run/backuppc", 0o750)


def configure() -> None:
    """Write the server's configuration, with the password in it."""
    text = Path("/usr/share/backuppc/conf/config.pl").read_text(encoding="utf-8")
    text += "".join(f"$Conf{{{name}}} = {value};\n" for name, value in _OVERRIDES.items())
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    text += f"$Conf{{SmbSharePasswd}} = '{quoted}';\n"
    account = pwd.getpwnam("backuppc")
    shutil.rmtree("/etc/backuppc")
    _own("/etc/backuppc", 0o750)
    # smbclient reads this very variable; what else it does needs a client with a share.
    recorder = f'#!/bin/sh\nprintf %s "$PASSWD" >{SEEN}.new\nmv {SEEN}.new {SEEN}\nexit 1\n'
    for path, content in ((CONFIG, text), ("/etc/backuppc/hosts", "host dhcp user\nshare 0 x\n"),
                          (_RECORDER, recorder)):
        Path(path).write_text(content, encoding="utf-8")
        os.chmod(path, 0o750)
        os.chown(path, account.pw_uid, account.pw_gid)


def started() -> subprocess.Popen[bytes]:
    """Start the service as systemd starts it with our drop-in (systemd.exec(5), CREDENTIALS)."""
    (drop_in,) = Path("/etc/systemd/system/backuppc.service.d").iterdir()
    entries = dict(line.split("=", 1) for line in drop_in.read_text().splitlines() if "=" in line)
    name, _, source = entries["LoadCredentialEncrypted"].partition(":")
    folder = "/run/credentials/backuppc.service"
    os.makedirs(folder)
    subprocess.run(["systemd-creds", "decrypt", f"--name={name}", source, f"{folder}/{name}"],
                   check=True, capture_output=True)
    account = pwd.getpwnam("backuppc")
    for path, mode in ((f"{folder}/{name}", 0o400), (folder, 0o500)):
        os.chown(path, account.pw_uid, account.pw_gid)
        os.chmod(path, mode)
    return subprocess.Popen(
        entries["ExecStart"].split(), user=account.pw_uid, group=account.pw_gid, extra_groups=[],
        cwd="/", env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": folder},
        stdin=subprocess.DEVNULL, stdout=sys.stderr)


def backed_up() -> str:
    """Let the daemon make a backup, and return the password that its child's program was given."""
    account = pwd.getpwnam("backuppc")
    _wait(lambda: os.path.exists("/run/backuppc/BackupPC.sock"))
    subprocess.run(
        ["/usr/share/backuppc/bin/BackupPC_serverMesg", "backup", "share", "share", "x", "1"],
        user=account.pw_uid, group=account.pw_gid, extra_groups=[], check=True, cwd="/",
        capture_output=True, env={"PATH": "/usr/bin:/bin"}, timeout=_PATIENCE)
    _wait(lambda: os.path.exists(SEEN))
    return Path(SEEN).read_bytes().decode()


def main(folder: Path) -> None:
    """Tell as JSON what came of it."""
    from bpc_ssh_guard.posture.fix import configuration, migrate, plan
    from bpc_ssh_guard.posture.fix.journal import Journal
    from bpc_ssh_guard.posture.site import Site

    lay_out(folder)
    configure()
    before = Path(CONFIG).read_bytes()
    site = Site.open(Path("/"))
    with contextlib.closing(Journal(site.disk)) as journal:
        written = migrate.apply(site, journal)
    moved = Path(CONFIG).read_bytes()
    seals = [path for path in written if path.endswith(".cred")]
    daemon = started()
    try:
        seen = backed_up()
        reload = configuration.reload(site)
        closed = subprocess.run(["cat", f"/proc/{daemon.pid}/environ"], user=65534,
                                extra_groups=[], capture_output=True, check=False)
    finally:
        daemon.terminate()
        daemon.wait(timeout=_PATIENCE)
    left = [reason for _, reason in plan.undo(Site.open(Path("/")), journal.path) if reason]
    print(json.dumps({
        "reload": reload, "log": Path("/var/lib/backuppc/log/LOG").read_text(encoding="utf-8"),
        "seen": seen, "sealed": len(seals), "environment": closed.returncode,
        "in_config": _quoted() in moved, "left": left,
        "restored": Path(CONFIG).read_bytes() == before,
        "remaining": [path for path in written if path != CONFIG and os.path.exists(path)],
    }))


def _quoted() -> bytes:
    return PASSWORD.replace("\\", "\\\\").replace("'", "\\'").encode()


def _own(path: str, mode: int) -> None:
    account = pwd.getpwnam("backuppc")
    os.mkdir(path, mode)
    os.chown(path, account.pw_uid, account.pw_gid)


def _wait(true) -> None:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("BackupPC doesn't come so far; see its LOG")
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
