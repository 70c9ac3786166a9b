"""A real BackupPC 4 server below a temporary folder, with the package's own configuration.

Nothing of the system's BackupPC is touched. As root the server's programs run as the account
backuppc, as the package demands; else server, sshd and login are one ordinary account.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from .process import Account, Done, Running, require, run, said, start, terminate, wait_for
from .sshd import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clients import SshClient

PACKAGE = "/usr/share/backuppc"
CONFIGURATION = f"{PACKAGE}/conf/config.pl"  # what the package puts into /etc/backuppc
# Where the package keeps its things, and the folder of the lab that stands for each.
MOVED = (
    (PACKAGE, "inst"),
    ("/etc/backuppc", "conf"),
    ("/var/lib/backuppc", "top"),
    ("/run/backuppc", "run"),
)
# The daemon ends at once when the configuration names a program that is not there.
OPTIONAL_PROGRAMS = (
    "SmbClientPath", "NmbLookupPath", "RrdToolPath", "ParPath", "PingPath", "Ping6Path",
)  # fmt: skip


def server_account() -> Account:
    """Return the account that the server's programs run as."""
    return Account.named("backuppc") if os.geteuid() == 0 else Account.current()


class Backup:
    """What one run of a server program said, and how it ended."""

    def __init__(self, done: Done[bytes]) -> None:
        self.status = done.returncode
        self.text = said(done)

    def completed(self, words: str) -> bool:
        """Tell whether the run ended well, with a line that says WORDS."""
        return self.status == 0 and words in self.text


class BackupPcServer:
    """One daemon below FOLDER and the operations an admin runs on it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.account = server_account()
        self._process: Running[bytes] | None = None
        self._hosts: list[str] = []
        self._requests = 0
        self._clock = int(time.time())
        with open(CONFIGURATION, encoding="utf-8") as file:
            self._stock = file.read()

    def start(self) -> None:
        """Lay out the folders, write the configuration and start the daemon."""
        for name in ("conf/pc", "top/pc", "run", "log"):
            os.makedirs(f"{self.folder}/{name}")
        for name in ("bin", "lib"):
            shutil.copytree(f"{PACKAGE}/{name}", f"{self.folder}/inst/{name}")
        self._rewrite_programs()
        self._write("conf/config.pl", self._moved(self._stock) + self._overrides())
        self._write_hosts()
        for folder, _, _ in os.walk(self.folder):
            self.account.own(folder)
        self._process = start(
            ["/usr/bin/perl", f"{self.folder}/inst/bin/BackupPC"],
            account=self.account,
            env=self._environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for("BackupPC's daemon answers", self._answers)

    def stop(self) -> None:
        """End the daemon by its process id."""
        if self._process is not None:
            terminate(self._process)
            self._process = None

    def add_host(self, name: str, method: str, shares: Iterable[str], client: SshClient) -> None:
        """Make NAME known, to be backed up by METHOD with CLIENT's key: address and ssh alone."""
        names = ", ".join(_perl(share) for share in shares)
        ssh_settings = ("RsyncSshArgs", "TarClientCmd", "TarClientRestoreCmd")
        self._write(
            f"conf/{name}.pl",
            "use utf8;\n"
            "$Conf{ClientNameAlias} = '127.0.0.1';\n"
            f"$Conf{{XferMethod}} = '{method}';\n"
            f"$Conf{{RsyncShareName}} = [{names}];\n"
            f"$Conf{{TarShareName}} = [{names}];\n"
            + "".join(self._with_ssh_arguments(setting, client) for setting in ssh_settings),
        )
        self._hosts.append(f"{name} 0 {self.account.name}")
        self._write_hosts()
        require(self._run("BackupPC_serverMesg", "server", "reload"))

    def add_stock_host(
        self, name: str, method: str, shares: Iterable[str], alias: str = "", *, dhcp: bool = False
    ) -> None:
        """Make NAME known at ALIAS, to be backed up by METHOD with the server's own settings.

        Without ALIAS it is where BackupPC finds it; with DHCP it is polled for, and backed up then.
        """
        names = ", ".join(_perl(share) for share in shares)
        self._write(
            f"conf/{name}.pl",
            f"$Conf{{ClientNameAlias}} = '{alias}';\n"
            f"$Conf{{XferMethod}} = '{method}';\n"
            f"$Conf{{BackupsDisable}} = {0 if dhcp else 1};\n"
            f"$Conf{{RsyncShareName}} = [{names}];\n"
            f"$Conf{{TarShareName}} = [{names}];\n",
        )
        self._hosts.append(f"{name} {1 if dhcp else 0} {self.account.name}")
        self._write_hosts()
        require(self._run("BackupPC_serverMesg", "server", "reload"))

    def configure(self, lines: Iterable[str]) -> None:
        """Put LINES behind the server's own configuration."""
        with open(f"{self.folder}/conf/config.pl", encoding="utf-8") as file:
            text = file.read()
        self._write("conf/config.pl", text + "".join(f"{line}\n" for line in lines))
        require(self._run("BackupPC_serverMesg", "server", "reload"))

    def full(self, name: str) -> Backup:
        """Make a full backup of NAME."""
        return Backup(self._run("BackupPC_dump", "-v", "-f", name))

    def start_full(self, name: str) -> Running[bytes]:
        """Start a full backup of NAME, which runs by itself; nothing reads what it says."""
        argv = self._argv("BackupPC_dump", "-f", name)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                 "stderr": subprocess.DEVNULL}
        return start(argv, account=self.account, env=self._environment, cwd="/", **quiet)

    def poll(self, name: str) -> None:
        """Let the daemon look who is at the addresses for DHCP, and wait for NAME's backup."""
        require(self._run("BackupPC_serverMesg", "backup", "all"))
        wait_for(f"a backup of {name}", lambda: "full" in self.kinds(name))
        # It is in the list before its program has ended, and until then nothing else may run.
        wait_for(f"the end of {name}'s backup", lambda: self._is_idle(name))

    def _is_idle(self, name: str) -> bool:
        """Tell whether no program has NAME for itself."""
        return f"{name} == 0" in said(self._run("BackupPC_serverMesg", "hostMutexGet", name))

    def incremental(self, name: str) -> Backup:
        """Make an incremental backup of NAME."""
        return Backup(self._run("BackupPC_dump", "-v", "-i", name))

    def restore(
        self, source: str, share: str, target: str, folder: str, address: str = ADDRESS
    ) -> Backup:
        """Restore SHARE of SOURCE's newest backup into FOLDER of the host TARGET at ADDRESS."""
        self._requests += 1
        request = f"restoreReq.{os.getpid()}.{self._requests}"
        self._write(
            f"top/pc/{target}/{request}",
            "use utf8;\n"
            f"%RestoreReq = (num => {self.newest(source)}, hostSrc => '{source}',"
            f" shareSrc => {_perl(share)}, pathHdrSrc => '/', hostDest => '{target}',"
            f" shareDest => {_perl(folder)}, pathHdrDest => '/', fileList => ['/'],"
            f" user => 'backuppc', reqTime => {int(time.time())});\n",
        )
        return Backup(self._run("BackupPC_restore", "-v", "-m", address, target, request))

    def newest(self, name: str) -> int:
        """Return the number of NAME's newest backup."""
        with open(f"{self.folder}/top/pc/{name}/backups", encoding="utf-8") as file:
            return int(file.read().splitlines()[-1].split("\t")[0])

    def ended(self, name: str) -> float:
        """Return when NAME's newest backup ended, in seconds since the epoch."""
        with open(f"{self.folder}/top/pc/{name}/backups", encoding="utf-8") as file:
            return float(file.read().splitlines()[-1].split("\t")[3])

    def kinds(self, name: str) -> list[str]:
        """Return what NAME's backups are: full, incr, partial or active."""
        path = f"{self.folder}/top/pc/{name}/backups"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [line.split("\t")[1] for line in file]

    def transfer_log(self, name: str, file: str) -> str:
        """Return the text of NAME's compressed log FILE, such as XferLOG.bad.z."""
        path = f"{self.folder}/top/pc/{name}/{file}"
        return said(require(self._run("BackupPC_zcat", path)))

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": f"{self.folder}/top",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }

    def _argv(self, program: str, *arguments: str) -> list[str]:
        return ["/usr/bin/perl", f"{self.folder}/inst/bin/{program}", *arguments]

    def _run(self, program: str, *arguments: str) -> Done[bytes]:
        argv = self._argv(program, *arguments)
        return run(argv, account=self.account, env=self._environment, cwd="/")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"BackupPC ended at once; look into {self.folder}/log/LOG")
        if not os.path.exists(f"{self.folder}/run/BackupPC.sock"):
            return False
        return self._run("BackupPC_serverMesg", "status", "info").returncode == 0

    def _with_ssh_arguments(self, setting: str, client: SshClient) -> str:
        """Return the package's own SETTING with CLIENT's ssh configuration in its place."""
        found = re.search(rf"^\$Conf\{{{setting}\}}\s*=[^;]*;\n", self._stock, re.MULTILINE)
        if found is None or found.group().count(" -l root") != 1:
            raise RuntimeError(f"{CONFIGURATION}: {setting} is not as expected")
        return found.group().replace(" -l root", f" -F {client.config} -l {client.login}")

    def _moved(self, text: str) -> str:
        for path, name in MOVED:
            text = text.replace(path, f"{self.folder}/{name}")
        return text

    def _rewrite_programs(self) -> None:
        for folder, _, names in os.walk(f"{self.folder}/inst"):
            for name in names:
                path = f"{folder}/{name}"
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    text = file.read()
                with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(self._moved(text))

    def _overrides(self) -> str:
        folders = {
            "TopDir": "top", "ConfDir": "conf", "LogDir": "log", "RunDir": "run",
            "InstallDir": "inst",
        }  # fmt: skip
        settings = {name: f"'{self.folder}/{folder}'" for name, folder in folders.items()}
        settings |= {
            "ServerHost": "'localhost'",
            "BackupPCUser": f"'{self.account.name}'",
            "BackupPCUserVerify": "1",
            "WakeupSchedule": "[3]",
            "BackupsDisable": "1",
            "PingCmd": "'&{sub {0}}'",
            "NmbLookupCmd": "''",
            "NmbLookupFindHostCmd": "''",
            "FixedIPNetBiosNameCheck": "0",
            "CompressLevel": "3",
            "XferLogLevel": "1",
            "SendmailPath": "'/bin/true'",
            "EMailNotifyMinDays": "1e9",
            "DfMaxUsagePct": "0",
            "DfMaxInodeUsagePct": "0",
            "SshPath": "'/usr/bin/ssh'",
            "TarClientPath": "'/bin/tar'",
        }
        lines = [f"$Conf{{{name}}} = {value};\n" for name, value in settings.items()]
        lines += [f"$Conf{{{name}}} = '';\n" for name in OPTIONAL_PROGRAMS
                  if not os.access(self._program(name), os.X_OK)]
        return "".join(lines)

    def _program(self, name: str) -> str:
        """Return the program that the package's own configuration names; nothing if none."""
        found = re.search(rf"^\$Conf\{{{name}\}}\s*=\s*'([^']*)'", self._stock, re.MULTILINE)
        return found[1] if found else ""

    def _write_hosts(self) -> None:
        """Write conf/hosts with a new whole second as its time, else the daemon reads it not."""
        lines = ["host dhcp user moreUsers", *self._hosts]
        self._write("conf/hosts", "".join(f"{line}\n" for line in lines))
        self._clock += 1
        os.utime(f"{self.folder}/conf/hosts", (self._clock, self._clock))

    def _write(self, name: str, text: str) -> None:
        path = f"{self.folder}/{name}"
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
            self.account.own(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.account.own(path)


def _perl(text: str) -> str:
    """Return TEXT as a string of Perl in which nothing is expanded."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
