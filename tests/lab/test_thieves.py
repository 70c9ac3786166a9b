"""Each thief of bpc-ssh-guard-threats(7) at a real sshd and guard: what he can, and what he can't.

A trial is named by its id in the page's source, and the page has no other ids.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.authorized_keys.authority import AuthorityLine
from bpc_ssh_guard.keys.certificates import certificate
from bpc_ssh_guard.keys.certificates.ca import Authority
from bpc_ssh_guard.keys.certificates.certificate import Terms
from bpc_ssh_guard.keys.files import Pairs
from tests import command_log
from tests.docs.pages import THREATS, text

from .clients import SSH
from .keys import Key
from .keyserver.world import World
from .process import Account, run
from .sshd import SFTP_SERVER, Sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .process import Done

pytestmark = pytest.mark.lab

ALLOWED, ELSEWHERE = "127.0.0.1", "127.0.0.2"
BACKUP, RESTORE, ROTATE = "web1-backup", "web1-restore", "web1-rotate"
TRIALS: set[str] = set()


def trial(name: str) -> Callable[[Any], Any]:
    """Note that a test tries what the page says under NAME."""
    TRIALS.add(name)
    return lambda test: test


class Scene:
    """Two clients below FOLDER; the first one takes certificates, too."""

    def __init__(self, folder: str) -> None:
        self.world = World(folder, ["web1", "web2"])
        self.client = self.world.clients["web1"]
        os.mkdir(f"{folder}/exposing")
        self.client.sshd = Sshd(f"{folder}/exposing", extra=("ExposeAuthInfo yes",))
        self.folder = folder
        self.world.start()
        self.server = self.world.server
        os.mkdir(f"{folder}/ca", 0o700)
        self.authority = Authority(Pairs(Path(folder) / "ca", mode=0o600).generate(1))
        self.program = f"{folder}/guard/sbin/bpc-ssh-guard"

    def begin_again(self) -> None:
        """Let both clients be as their admins have left them."""
        for client in self.world.clients.values():
            client.begin_again()
        self.client.write_policy("    From 127.0.0.1")
        path = f"{self.client.folder}/policy"
        with open(path, encoding="ascii") as file:
            policy = file.read()
        for label in (BACKUP, RESTORE):
            policy = policy.replace(f"Key {label}\n", f"Key {label}\n    Certificates web1\n")
        policy = policy.replace("    Grants remote\n", "    Grants remote\n    From 127.0.0.1\n")
        with open(path, "w", encoding="ascii") as file:
            file.write(policy)
        for client in self.world.clients.values():
            self.server.enrol(client)
        self.client.sshd.authorize([
            *self.client.lines(), *(self.line(label, self.authority) for label in (BACKUP, RESTORE))
        ])

    def line(self, label: str, authority: Authority) -> str:
        """Return the client's line for AUTHORITY."""
        return AuthorityLine(
            self.program.encode(), label.encode(), b"web1", authority.blob, 1, (b"127.0.0.1",),
            f"{self.client.folder}/policy".encode(),
        ).compose().decode()

    def key(self, label: str) -> str:
        """Return the path of the private key of LABEL that a thief has copied."""
        if label.endswith("-rotate"):
            return str(self.server.config.hosts[label.rpartition("-")[0]].rotation_key)
        copy = f"{self.folder}/stolen-{label}"
        shutil.copyfile(self.server.pairs(label).folder / "current", copy)
        os.chmod(copy, 0o600)
        return copy

    def ssh(
        self, key: str, *command: str, address: str = ALLOWED, options: tuple[str, ...] = (),
        host: str = "web1", certificate_path: str = "none",
    ) -> Done[bytes]:
        """Log in with KEY from ADDRESS and ask for COMMAND."""
        sshd = self.world.clients[host].sshd
        settings = (
            "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "LogLevel=ERROR",
            f"CertificateFile={certificate_path}", f"HostKeyAlias={host}",
            f"UserKnownHostsFile={self.server.config.known_hosts}/{host}",
            "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", f"BindAddress={address}",
        )
        words = [word for each in settings for word in ("-o", each)]
        return run([SSH, "-F", "none", "-T", "-p", str(sshd.port), "-i", key, "-l",
                    sshd.login.name, *words, *options, "127.0.0.1", *command])

    def ask(self, request: str, **how: Any) -> dict[str, Any]:
        """Return the answer to REQUEST of the stolen rotation key."""
        done = self.ssh(self.key(ROTATE), f"bpc-key/1 {request}", **how)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def signed(
        self, label: str = BACKUP, authority: Authority | None = None, **changes: Any
    ) -> tuple[str, str]:
        """Return a thief's key and its certificate by AUTHORITY, CHANGES among its terms."""
        authority = authority or self.authority
        pair = Pairs(Path(tempfile.mkdtemp(dir=self.folder)), mode=0o600).generate(1)
        path = f"{pair.path}-cert.pub"
        command = (f"{self.program} --policy {self.client.folder}/policy {label}"
                   f" {authority.id}").encode()
        sources: tuple[bytes, ...] = changes.get("sources", ())
        terms = Terms(label, "web1", changes.get("command", command), sources)
        now = int(time.time())
        with open(path, "wb") as file:
            file.write(certificate.sign(authority, terms, pair, 99, now - 60, now + 600))
        return str(pair.path), path

    def login(self, thief: tuple[str, str], *command: str, **how: Any) -> Done[bytes]:
        """Log in as THIEF, a key and its certificate."""
        return self.ssh(thief[0], *command, certificate_path=thief[1], **how)

    def actions(self) -> list[str]:
        """Return what the client's log says to have happened."""
        return [each["event.action"] for each in self.records()]

    def records(self) -> list[dict[str, Any]]:
        return command_log.records(f"{self.client.folder}/log")

    def backup(self) -> str:
        return f"tar -c -f - -C {self.client.folder}/data ."


@pytest.fixture(scope="module")
def opened() -> Iterator[Scene]:
    folder = tempfile.mkdtemp(prefix="bpc-lab-")
    os.chmod(folder, 0o755)
    scene = Scene(folder)
    try:
        yield scene
    finally:
        scene.world.stop()
        shutil.rmtree(folder)


@pytest.fixture
def scene(opened: Scene) -> Scene:
    """Return the scene before any theft."""
    opened.begin_again()
    return opened


FREE = ("id", "/bin/sh", "internal-sftp", SFTP_SERVER, "scp -f /etc/shadow", "rsync --daemon .")


def require_nothing_free(login: Callable[..., Done[bytes]]) -> None:
    """Hold that no program, terminal, subsystem or port is to be had by LOGIN."""
    for command in FREE:
        done = login(command)
        assert done.returncode == 126, (command, done)
        assert b"uid=" not in done.stdout
    assert login("/dev/null", options=("-W", "127.0.0.1:22")).returncode != 0
    assert login("sftp", options=("-s",)).returncode == 126
    forward = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9")
    assert login(options=forward).returncode == 255


@trial("backup-no-shell")
def test_the_backup_key_gets_no_shell_no_port_and_no_file_transfer(scene: Scene) -> None:
    key = scene.key(BACKUP)
    assert scene.ssh(key, scene.backup()).returncode == 0
    require_nothing_free(lambda *words, **how: scene.ssh(key, *words, **how))


@trial("backup-address")
def test_the_backup_key_is_turned_away_elsewhere(scene: Scene) -> None:
    assert scene.ssh(scene.key(BACKUP), scene.backup(), address=ELSEWHERE).returncode == 255


@trial("backup-no-rotation")
def test_the_backup_key_changes_no_key(scene: Scene) -> None:
    before = scene.client.lines()
    own = Key.generate(f"{tempfile.mkdtemp(dir=scene.folder)}/own")
    for request in ("list", f"stage {BACKUP} g2 {own.public}", f"grant {RESTORE} 600",
                    f"retire {BACKUP} {scene.server.current(BACKUP).key_id}"):
        done = scene.ssh(scene.key(BACKUP), f"bpc-key/1 {request}")
        assert (done.returncode, done.stdout) == (126, b"")
    assert scene.client.lines() == before
    assert scene.actions()[-4:] == ["command-denied"] * 4


@trial("rotation-own-key")
def test_the_rotation_key_puts_a_key_of_the_thief_in_the_place_of_the_rightful_one(
    scene: Scene,
) -> None:
    own = Key.generate(f"{tempfile.mkdtemp(dir=scene.folder)}/own")
    rightful = scene.key(BACKUP)
    assert scene.ask(f"stage {BACKUP} g2 {own.public}")["ok"]
    assert b"generation=2" in scene.ssh(own.path).stdout
    assert scene.ask(f"confirm {BACKUP} {own.keyid}")["ok"]
    assert scene.ask(f"retire {BACKUP} {scene.server.current(BACKUP).key_id}")["ok"]

    assert scene.ssh(rightful, scene.backup()).returncode == 255
    assert scene.ssh(own.path, scene.backup()).returncode == 0
    assert scene.ssh(own.path, scene.backup(), address=ELSEWHERE).returncode == 255
    assert scene.ssh(own.path, "id").returncode == 126
    found = [each for each in scene.records() if each["event.action"] == "key-retired"]
    assert found[-1]["bpc.rotation.label"] == ROTATE
    assert found[-1]["source.ip"] == ALLOWED
    listed = scene.server.records("verify", "--host", "web1", status=1)
    assert "unknown-key" in {each["error"] for each in listed}


@trial("rotation-own-authority")
def test_the_rotation_key_brings_in_an_authority_of_the_thief_where_the_policy_lets_it(
    scene: Scene,
) -> None:
    own = Authority(Pairs(Path(tempfile.mkdtemp(dir=scene.folder)), mode=0o600).generate(2))
    rightful, thief = scene.signed(), scene.signed(authority=own)
    assert scene.login(rightful, scene.backup()).returncode == 0
    assert scene.ask(f"stage {BACKUP} g2 cert-authority {own.pair.public}")["ok"]
    assert b"generation=2" in scene.login(thief).stdout
    assert scene.ask(f"confirm {BACKUP} {own.id}")["ok"]
    assert scene.ask(f"retire {BACKUP} {scene.authority.id}")["ok"]

    assert scene.login(rightful, scene.backup()).returncode == 255
    assert scene.login(thief, scene.backup()).returncode == 0
    assert scene.login(thief, scene.backup(), address=ELSEWHERE).returncode == 255
    assert scene.login(thief, "id").returncode == 126
    second = scene.world.clients["web2"]
    done = scene.ssh(scene.key("web2-rotate"),
                     f"bpc-key/1 stage web2-backup g2 cert-authority {own.pair.public}",
                     host="web2")
    assert json.loads(done.stdout)["error"] == "refused"  # its policy has no Certificates
    assert [line for line in second.lines() if "cert-authority" in line] == []


@trial("rotation-grant")
def test_the_rotation_key_opens_a_grant_where_the_policy_lets_it(scene: Scene) -> None:
    assert scene.ask(f"grant {RESTORE} 600")["result"] == "granted"
    assert scene.ask(f"grant {BACKUP} 600")["error"] == "refused"
    assert scene.actions()[-2:] == ["grant-opened", "command-denied"]


@trial("rotation-no-shell")
def test_the_rotation_key_gets_no_shell_no_port_and_reads_no_file(scene: Scene) -> None:
    key = scene.key(ROTATE)
    require_nothing_free(lambda *words, **how: scene.ssh(key, *words, **how))
    assert scene.ssh(key, scene.backup()).returncode == 126


@trial("rotation-other-label")
def test_the_rotation_key_touches_no_label_but_its_own_and_not_itself(scene: Scene) -> None:
    own = Key.generate(f"{tempfile.mkdtemp(dir=scene.folder)}/own")
    for label in (ROTATE, "root", "web2-backup"):
        assert scene.ask(f"stage {label} g2 {own.public}")["error"] == "refused"
        assert scene.ask(f"stage {label} g2 cert-authority {own.public}")["error"] == "refused"


@trial("rotation-last-key")
def test_the_rotation_key_takes_out_no_last_key_or_authority(scene: Scene) -> None:
    before = scene.client.lines()
    scene.ssh(scene.key(BACKUP))
    for key in (scene.server.current(BACKUP).key_id, scene.authority.id):
        for verb in ("retire", "drop"):
            assert not scene.ask(f"{verb} {BACKUP} {key}")["ok"]
    assert scene.client.lines() == before


@trial("rotation-address")
def test_the_rotation_key_is_refused_elsewhere(scene: Scene) -> None:
    done = scene.ssh(scene.key(ROTATE), "bpc-key/1 list", address=ELSEWHERE)
    assert (done.returncode, done.stdout) == (126, b"")
    assert scene.records()[-1]["event.code"] == "wrong-address"
    assert scene.records()[-1]["source.ip"] == ELSEWHERE


@trial("rotation-other-host")
def test_the_rotation_key_of_one_host_is_none_of_another(scene: Scene) -> None:
    assert scene.ssh(scene.key(ROTATE), "bpc-key/1 list", host="web2").returncode == 255


@trial("ca-labels")
def test_the_authority_lets_the_thief_in_by_every_label_that_has_its_line(scene: Scene) -> None:
    for label in (BACKUP, RESTORE):
        assert f"label={label} ".encode() in scene.login(scene.signed(label)).stdout
    assert scene.login(scene.signed(), scene.backup()).returncode == 0


@trial("ca-no-shell")
def test_the_authority_gives_no_shell_whatever_the_certificate_says(scene: Scene) -> None:
    thief = scene.signed()
    require_nothing_free(lambda *words, **how: scene.login(thief, *words, **how))
    other = scene.signed(command=b"/bin/sh")
    assert scene.login(other, "id").returncode == 255


@trial("ca-address")
def test_a_certificate_of_the_thief_works_from_no_other_address(scene: Scene) -> None:
    thief = scene.signed(sources=(b"127.0.0.0/8",))
    assert b"label=" in scene.login(thief).stdout
    assert scene.login(thief, address=ELSEWHERE).returncode == 255


@trial("ca-no-grant")
def test_the_authority_opens_no_grant_and_restores_nothing_without(scene: Scene) -> None:
    thief = scene.signed(RESTORE)
    done = scene.login(thief, f"tar -x -p -v -f - -C {scene.client.folder}/restored")
    assert (done.returncode, done.stderr) == (126, b"bpc-ssh-guard: refused (no-window)\n")
    assert scene.login(thief, f"bpc-key/1 grant {RESTORE} 600").returncode == 126


@trial("ca-no-rotation")
def test_the_authority_signs_no_rotation_key(scene: Scene) -> None:
    for label in (ROTATE, "web2-backup"):
        assert scene.login(scene.signed(label), "bpc-key/1 list").returncode == 255
    assert scene.login(scene.signed(), host="web2").returncode == 255


@trial("ca-recorded")
def test_a_certificate_of_the_thief_is_in_the_log(scene: Scene) -> None:
    assert scene.login(scene.signed(), "id").returncode == 126
    record = scene.records()[-1]
    assert record["event.action"] == "command-denied"
    assert (record["ssh.cert.id"], record["ssh.cert.serial"]) == (f"{BACKUP}@web1/99", "99")


TRIES = """
import json, os, sys
found = {}
for path in sys.argv[1:]:
    for name, flags in (("read", os.O_RDONLY), ("write", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags))
        except OSError:
            continue
        found.setdefault(path, []).append(name)
    try:
        os.rename(path, path + ".mine")
    except OSError:
        continue
    found.setdefault(path, []).append("rename")
print(json.dumps(found))
"""


def tried_by(account: Account, *paths: str) -> dict[str, list[str]]:
    """Return what ACCOUNT can do to each of PATHS: read, write, rename."""
    done = run(["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups",
                "/usr/bin/python3", "-c", TRIES, *paths])
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@trial("account-files")
def test_backuppcs_account_uses_the_keys_and_changes_nothing_of_the_key_server(
    scene: Scene,
) -> None:
    if os.geteuid() != 0:
        pytest.fail("this needs root, to be another account: run the lab as root")
    with open(scene.server.path, encoding="ascii") as file:
        config = file.read()
    with open(scene.server.path, "w", encoding="ascii") as file:
        file.write(config.replace('reader = ""', 'reader = "backuppc"'))
    account = Account.named("backuppc")
    for name in ("", "etc", "var", "etc/known_hosts.d"):
        path = os.path.join(scene.server.folder, name)
        shutil.chown(path, group="backuppc")
        os.chmod(path, 0o750)
    for folder, _, _ in os.walk(scene.server.config.keys):
        shutil.chown(folder, group="backuppc")  # as the program makes them where there is a reader
    scene.server.run("rotate", "--emergency", "--host", "web1")
    scene.server.run("render")
    pairs = scene.server.pairs(BACKUP).folder
    current = os.path.realpath(pairs / "current")
    stanza = str(scene.server.config.stanzas / "web1.backup.conf")
    known = str(scene.server.config.known_hosts / "web1")
    secret = [scene.key(ROTATE), str(scene.server.config.database), str(scene.authority.pair.path)]

    tried = tried_by(account, current, str(pairs / "current"), stanza, known, *secret,
                     scene.server.path)

    assert tried[current] == ["read"]
    assert tried[stanza] == ["read"]
    assert {what for each in tried.values() for what in each} == {"read"}
    assert [path for path in secret if path in tried] == []


def test_the_page_tells_each_trial_and_no_other() -> None:
    named = [line.partition("tried: ")[2] for line in text(THREATS).splitlines()
             if line.startswith('.\\" tried: ')]
    assert sorted(named) == sorted(TRIALS)
