"""`make demo`: a real BackupPC backs up and restores through the guard; stolen keys get nothing.

Everything runs on loopback below one temporary folder. The exit status is 0 only when every step
went as it should, 1 when one did not, 2 when the lab could not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from . import trees
from .comparison import differences, snapshot
from .host import CHECKOUT
from .process import Done, run, said
from .site import Site, open_backuppc, open_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backuppc import Backup, BackupPcServer
    from .clients import SshClient
    from .host import Record

WIDTH = 110
SEND = "rsync --server --sender -logDtpre.iLsfxCIvu"
RECEIVE = "rsync --server -logDtpre.iLsfxCIvu"


class Demo:
    """The steps in their order; `failures` names those that went wrong."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host = site.host
        self.failures: list[str] = []
        site.add_key("web1-backup", f"Backup {self.host.data}")
        site.add_key("web1-restore", f"Restore {self.host.restored}", "Window always")
        site.enrol()
        self.backup_key = site.client("web1-backup")
        self.restore_key = site.client("web1-restore")

    def run(self) -> None:
        """Show everything."""
        self._show_set_up()
        self._prove_keys()
        with open_backuppc(self.site) as server:
            for method in ("rsync", "tar"):
                self._back_up_and_restore(server, method)
        self._attack()
        self._show_log()
        self._prove_log()

    def _show_set_up(self) -> None:
        _title("The client machine: the guard's policy, and a line of authorized_keys for each key")
        with open(self.host.policy, encoding="utf-8") as file:
            self._text(file.read())
        lines = []
        for label, key in self.site.keys.items():
            print(f"\n    $ bpc-ssh-guardctl authorize {label} {label}.pub")
            done = run(self.host.authorize_argv(label, key))
            lines += said(done).splitlines()
            self._text(_short(lines[-1]))
        self.site.sshd.authorize(lines)

    def _prove_keys(self) -> None:
        _title("A login without a command proves a key, and gets no shell")
        for client in (self.backup_key, self.restore_key):
            done = client.run()
            self._check(
                f"ssh with the key {client.label}",
                done.returncode == 126 and f"label={client.label} " in done.stdout.decode(),
                done.stdout.decode().strip(),
            )

    def _back_up_and_restore(self, server: BackupPcServer, method: str) -> None:
        _title(f"BackupPC 4.4 with its stock configuration, by {method}")
        data, restored = f"{self.host.data}/{method}", f"{self.host.restored}/{method}"
        source, target = f"web1-{method}", f"web1-{method}-restore"
        trees.build(data)
        trees.build(restored)  # as a machine that holds an older state
        server.add_host(source, method, [data], self.backup_key)
        server.add_host(target, method, [restored], self.restore_key)
        self._time("full backup", "full backup complete", lambda: server.full(source))
        trees.change(data, delete=method == "rsync")
        self._time("incremental", "incr backup complete", lambda: server.incremental(source))
        restore = lambda: server.restore(source, data, target, restored)  # noqa: E731
        self._time("restore", "restore complete", restore)
        expected = snapshot(data)
        # BackupPC's tar archives name folders in an order in which tar can't keep their times.
        found = differences(
            expected, snapshot(restored), folder_times=method == "rsync"
        )
        self._check(
            "original and restored tree",
            not found,
            f"{len(expected)} names by type, mode, owner, size, time, content and links: "
            f"{len(found)} differences",
        )
        self._text("\n".join(found[:10]))

    def _attack(self) -> None:
        _title("A thief has both keys")
        data, restored = self.host.data, self.host.restored
        target = f"{self.site.folder}/host/written"
        option = f"--log-file={target}"
        secluded = b"rsync\0" + option.encode() + b"\0.\0" + data.encode() + b"/\0\0"
        before = self.host.state()
        backup, restore = self.backup_key, self.restore_key
        self._refused("a shell", backup, "/bin/sh -i")
        self._refused("a program behind the transfer", backup, f"{SEND} . {data}; id")
        self._refused("reading /etc by rsync", backup, f"{SEND} . /etc/")
        self._refused("reading /root by tar", backup, "tar -c -f - -C /root .")
        self._refused("a folder whose name begins alike", backup, f"{SEND} . {data}X/")
        self._refused("writing with the backup key", backup, f"{RECEIVE} --delete . {data}/")
        self._refused("reading with the restore key", restore, f"{SEND} . {restored}/")
        self._refused("writing outside the restore root", restore, f"{RECEIVE} . {data}/")
        self._refused("an option that writes files", backup, f"{SEND} {option} . {data}/")
        hidden = "the same, hidden in secluded arguments"
        self._refused(hidden, backup, "rsync --server --sender -slogDtpre.iLsfxCIvu", secluded)
        self._fails("sftp", ["sftp", "-F", backup.config, "client:/etc/passwd", target])
        forward = backup.argv(options=("-W", f"127.0.0.1:{self.site.sshd.port}"))
        self._fails("a connection to another port", forward)
        self._explain(f"{SEND} . /etc/")
        found = differences(before, self.host.state())
        kept = f"{len(before)} names: data, restored files, guard and policy are as they were"
        self._check("the machine afterwards", not found, kept)
        self._text("\n".join(found[:10]))

    def _explain(self, command: str) -> None:
        print(f"\n    $ bpc-ssh-guardctl explain --key web1-backup '{command}'")
        named = ["--policy", self.host.policy, "--key", "web1-backup"]
        argv = [f"{self.host.launcher}ctl", "explain", *named, command]
        self._text(said(run(argv)))
        print()

    def _show_log(self) -> None:
        _title(f"The guard's records ({self.host.log.path.rpartition('/')[2]}, a line each)")
        records = self.host.log.settled(0)
        for record in records:
            line = self._shown(_line(record))
            print(f"    {line if len(line) <= WIDTH else line[: WIDTH - 1] + '…'}")
        started = sum(record["event.action"] == "command-started" for record in records)
        ended = sum(record["event.action"] == "command-ended" for record in records)
        denied = sum(record["event.action"] == "command-denied" for record in records)
        counts = f"{started} started, {ended} ended, {denied} refused"
        self._check("every attempt is recorded", (started, ended, denied) == (6, 6, 11), counts)

    def _prove_log(self) -> None:
        """Let an auditor prove the log, and a copy in which root changed one byte."""
        _title("The auditor: is the log whole?")
        log, copy = os.path.dirname(self.host.log.path), f"{self.site.folder}/copied"
        begun = self.host.begun
        print("\n    $ bpc-ssh-guardctl log status")
        status = run([f"{self.host.launcher}ctl", "log", "status", "--policy", self.host.policy])
        self._text(said(status))
        self._check("nothing of the log is to be made good", status.returncode == 0, "")
        self._audit("key", begun.chain.hex(), stdin=begun.key.hex().encode("ascii") + b"\n")
        whole = self._audit("verify", log)
        self._check("the log is proved", whole.returncode == 0, "by its chain and K_0")
        page = f"{self.site.folder}/report.html"
        told = self._audit("report", "--html", page, log)
        size = os.path.getsize(page) if os.path.exists(page) else 0
        self._check("the report is written", told.returncode == 0 and size > 0, f"{size} bytes")
        os.mkdir(copy)
        with open(self.host.log.path, "rb") as file:
            changed = file.read().replace(b"/bin/sh -i", b"/bin/sh -l", 1)
        with open(f"{copy}/{os.path.basename(self.host.log.path)}", "wb") as file:
            file.write(changed)
        damaged = self._audit("verify", copy)
        self._check("one changed record is found", damaged.returncode == 1, "with its place")

    def _audit(self, command: str, *words: str, stdin: bytes = b"") -> Done[bytes]:
        named = ["--store", f"{self.site.folder}/auditor", *words]
        shown = " ".join(word for word in words if not word.startswith("-"))
        print(f"\n    $ bpc-ssh-audit {command} {self._shown(shown)}")
        argv = [sys.executable, "-m", "bpc_ssh_guard", "audit", command, *named]
        done = run(argv, stdin=stdin, cwd=CHECKOUT)
        self._text(said(done))
        return done

    def _refused(self, what: str, client: SshClient, command: str, stdin: bytes = b"") -> None:
        done = client.run(command, stdin=stdin)
        answer = done.stderr.decode("utf-8", "backslashreplace").strip()
        good = done.returncode == 126 and answer.startswith("bpc-ssh-guard: refused (")
        self._check(what, good and done.stdout == b"", answer)

    def _fails(self, what: str, argv: list[str | bytes]) -> None:
        done: Done[bytes] = run(argv)
        answer = done.stderr.decode("utf-8", "backslashreplace").split("\n")[0].strip()
        self._check(what, done.returncode not in (0, 125), answer)

    def _time(self, what: str, words: str, operation: Callable[[], Backup]) -> None:
        begin = time.monotonic()
        done = operation()
        good = done.completed(words)
        self._check(what, good, f"{words}, {time.monotonic() - begin:.1f} s")
        if not good:
            self._text(done.text)

    def _check(self, what: str, good: bool, answer: str) -> None:
        print(f"  {'ok    ' if good else 'FAILED'} {what:<40} {answer}", flush=True)
        if not good:
            self.failures.append(what)

    def _text(self, text: str) -> None:
        if text:
            print(textwrap.indent(self._shown(text.rstrip("\n")), "    "), flush=True)

    def _shown(self, text: str) -> str:
        """Return TEXT with the lab's folder by its short name."""
        return text.replace(self.site.folder, "LAB")


def main() -> int:
    """Run the demo and return its exit status."""
    try:
        with open_site() as site:
            print(f"A lab on loopback; LAB is {site.folder}, and nothing outside it is touched.")
            demo = Demo(site)
            demo.run()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    print()
    if demo.failures:
        print(f"demo: {len(demo.failures)} steps FAILED: {'; '.join(demo.failures)}")
        return 1
    print("demo: every step went as it should, and nothing of the lab is left")
    return 0


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def _short(line: str) -> str:
    """Return a line of authorized_keys with most of its key left out."""
    words = line.split(" ")
    return " ".join(f"{word[:12]}…" if word.startswith("AAAA") else word for word in words)


def _line(record: Record) -> str:
    """Return what an admin wants to see of RECORD."""
    action = record["event.action"].removeprefix("command-")
    label = record["bpc.key.label"]
    if "process.exit_code" in record:
        what = f"exit {record['process.exit_code']}, wrote {record['bpc.io.write_bytes']} bytes"
    else:
        code = f"{record['event.code']}: " if "event.code" in record else ""
        asked = [record.get("process.command_line", ""), *record.get("bpc.secluded.args", ())]
        what = code + " ".join(record.get("process.args", asked))
    return f"{record['@timestamp'][11:19]} {action:<11} {label:<12} {what}"


if __name__ == "__main__":
    sys.exit(main())
