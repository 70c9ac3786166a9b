"""A rotation key at a real sshd replaces keys as the policy lets it, and a thief gets no more."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import paramiko
import pytest

from bpc_ssh_guard import __version__
from bpc_ssh_guard.authorized_keys import expiry

from . import trees
from .process import require, run
from .rotation import RotatedSite, open_rotated_site
from .sshd import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .keys import Key

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def opened() -> Iterator[RotatedSite]:
    with open_rotated_site() as site:
        yield site


@pytest.fixture
def site(opened: RotatedSite) -> RotatedSite:
    """Return the site as its admin has left it."""
    opened.begin_again()
    opened.host.forget_refusals()
    return opened


def staged(site: RotatedSite, label: str = "backup", generation: int = 2) -> Key:
    """Return a new key, staged for LABEL."""
    key = site.new_key()
    assert site.ask(f"stage {label} g{generation} {key.public}")["result"] == "staged"
    return key


def confirmed(site: RotatedSite, label: str = "backup") -> Key:
    """Return a new key of LABEL that has logged in and is confirmed."""
    key = staged(site, label)
    assert site.greeting(key)
    assert site.ask(f"confirm {label} {key.keyid}")["result"] == "confirmed"
    return key


def set_expiry(site: RotatedSite, key: Key, seconds: float) -> None:
    """Let the line of KEY end SECONDS from now."""
    old = [line for line in site.lines() if key.keyid in line]
    end = expiry.at(int(time.time() + seconds)).decode()
    before, _, rest = old[0].partition('expiry-time="')
    new = f'{before}expiry-time="{end}{rest[14:]}'
    site.sshd.authorize([new if line == old[0] else line for line in site.lines()])


def test_a_key_is_replaced_and_the_old_one_refused(site: RotatedSite) -> None:
    old, others = site.keys["backup"], site.others()
    assert site.login(old).run("tar -c -f - -C", site.host.data, ".").returncode == 0

    key = confirmed(site)
    assert site.ask(f"retire backup {old.keyid}")["result"] == "retired"

    assert site.login(key).run("tar -c -f - -C", site.host.data, ".").returncode == 0
    assert b"Permission denied" in site.login(old).run().stderr
    (line,) = site.lines_of("backup")
    assert line.startswith('restrict,command="')
    assert ',from="127.0.0.1" ssh-ed25519 ' in line
    assert line.endswith(f" bpc-ssh-guard:backup:{key.keyid}:g2")
    assert site.others() == others


def test_every_way_to_log_in_without_a_command_is_greeted(site: RotatedSite) -> None:
    key = staged(site)
    greeting = f"bpc-ssh-guard {__version__} label=backup key={key.keyid} generation=2\n"
    client = site.login(key)
    for done in (client.run(), client.run("")):
        assert (done.returncode, done.stdout.decode()) == (126, greeting)
    for ask in (paramiko.Channel.invoke_shell, lambda channel: channel.exec_command("")):
        with paramiko.Transport((ADDRESS, site.sshd.port)) as transport:
            private = paramiko.Ed25519Key.from_private_key_file(key.path)
            transport.connect(username=site.sshd.login.name, pkey=private)
            channel = transport.open_session()
            ask(channel)
            assert channel.makefile().read().decode() == greeting
            assert channel.recv_exit_status() == 126


def test_a_login_without_a_channel_proves_nothing(site: RotatedSite) -> None:
    key = staged(site)
    options = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9")
    assert run(site.login(key).argv(options=options)).returncode == 255
    assert site.ask(f"confirm backup {key.keyid}")["error"] == "refused"


def test_a_foreign_line_has_no_generation_and_no_proof(site: RotatedSite) -> None:
    key = site.new_key()
    line = site.host.managed_line("backup", key).replace("restrict,", "restrict,no-pty,")
    site.sshd.authorize([*site.lines(), line])
    assert site.greeting(key).endswith(" generation=-\n")
    assert key.keyid not in os.listdir(f"{site.state}/proofs")


def test_sshd_refuses_a_staged_key_when_its_day_is_over(site: RotatedSite) -> None:
    key = staged(site)
    assert site.greeting(key)
    set_expiry(site, key, -1)
    assert site.greeting(key) == ""
    assert site.ask(f"confirm backup {key.keyid}")["error"] == "refused"
    assert site.greeting(site.keys["backup"])
    assert site.ask(f"stage backup g2 {key.public}")["result"] == "refreshed"
    assert site.greeting(key)
    assert site.ask(f"confirm backup {key.keyid}")["result"] == "confirmed"


def test_sshd_takes_a_staged_key_to_the_second_the_answer_says(site: RotatedSite) -> None:
    """The line holds local time, and sshd reads it by the machine's zone as the guard wrote it."""
    key = staged(site)
    (listed,) = [each for each in site.ask("list")["keys"] if each["key"] == key.keyid]
    assert abs(listed["until"] - time.time() - 24 * 3600) < 120
    set_expiry(site, key, 120)
    assert site.greeting(key)
    set_expiry(site, key, -120)
    assert not site.greeting(key)


def test_the_zone_that_a_login_brings_along_changes_no_end(site: RotatedSite) -> None:
    key, rotate = site.new_key(), site.keys["rotate"]
    done = site.host.run_guard(
        "rotate", rotate, f"bpc-key/1 stage backup g2 {key.public}".encode(),
        environment={"TZ": "UTC+20", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"},
    )
    assert json.loads(done.stdout)["result"] == "staged", done
    (line,) = [line for line in site.lines() if key.keyid in line]
    end = line.partition('expiry-time="')[2][:14].encode()
    assert abs(expiry.seconds_of(end) - time.time() - 24 * 3600) < 120


def test_a_staged_key_that_somebody_took_out_is_staged_again(site: RotatedSite) -> None:
    key = staged(site)
    site.sshd.authorize([line for line in site.lines() if key.keyid not in line])
    assert site.ask(f"confirm backup {key.keyid}")["error"] == "no-such-key"
    assert site.greeting(site.keys["backup"])
    assert site.ask(f"stage backup g2 {key.public}")["result"] == "staged"


def test_a_restore_key_works_while_a_grant_is_open_and_sshd_refuses_it_otherwise(
    site: RotatedSite, tmp_path: Path
) -> None:
    key = confirmed(site, "restore")
    assert site.ask(f"retire restore {site.keys['restore'].keyid}")["result"] == "retired"
    client = site.login(key)
    os.mkdir(f"{tmp_path}/tree")
    trees.write_file(f"{tmp_path}/tree/file", "restored\n")

    def push() -> bytes:
        done = client.rsync("-a", f"{tmp_path}/tree/", f"client:{site.host.restored}/")
        return done.stderr if done.returncode else b""

    assert b"refused (no-window)" in push()  # sshd takes it for what is left of its day
    granted = site.ask("grant restore 600")
    assert granted["result"] == "granted"
    assert abs(granted["until"] - time.time() - 600) < 60
    assert push() == b""
    assert [each["label"] for each in site.ask("list")["grants"]] == ["restore"]
    assert site.ask("ungrant restore")["result"] == "ungranted"
    assert site.ask("ungrant restore")["result"] == "already"
    assert b"Permission denied" in push()
    assert site.ask("list")["grants"] == []
    assert site.ask("grant restore 60")["result"] == "granted"
    assert push() == b""


def test_a_grant_of_the_clients_admin_opens_and_closes_sshd_too(site: RotatedSite) -> None:
    key = confirmed(site, "local-restore")
    grant = [f"{site.host.launcher}ctl", "grant", "--policy", site.host.policy, "local-restore"]
    require(run([*grant, "--for", "1h"]))
    assert site.greeting(key)
    (_, line) = site.lines_of("local-restore")
    end = expiry.seconds_of(line.partition('expiry-time="')[2][:14].encode())
    assert abs(end - time.time() - 3600) < 60
    require(run([*grant, "--revoke"]))
    assert site.greeting(key) == ""
    assert site.greeting(site.keys["local-restore"]) == ""  # it is of the same label


def test_no_grant_is_opened_from_afar_without_the_policys_leave(site: RotatedSite) -> None:
    answer = site.ask("grant local-restore 600")
    assert (answer["error"], answer["retry"]) == ("refused", False)
    assert "bpc-ssh-guardctl grant local-restore" in answer["message"]
    assert site.ask("ungrant local-restore")["result"] == "already"  # to narrow is always allowed
    for seconds in (59, 86401, 99999):
        assert site.ask(f"grant restore {seconds}")["error"] == "syntax"
    assert site.ask("grant backup 600")["error"] == "refused"


STOLEN = (
    "id", "/bin/sh", "internal-sftp", "scp -f /etc/shadow",
    "tar -c -f - -C {data} .", "rsync --server --sender -logDtpre.iLsfxC . {data}/",
    "bpc-log/1 export 0", "bpc-key/2 list", "bpc-key/1 list; id", "bpc-key/1 list\nid",
    "bpc-key/1 stage other g2 {key}", "bpc-key/1 stage rotate g2 {key}",
    "bpc-key/1 stage backup g999999 {key}", "bpc-key/1 stage backup g2 {key} comment",
    "bpc-key/1 stage backup g2 pty,{key}", 'bpc-key/1 stage backup g2 command="id" {key}',
    "bpc-key/1 stage backup g2 {key}\nssh-ed25519 AAAA", "bpc-key/1 stage backup\\ng2 {key}",
    'bpc-key/1 stage backup",pty g2 {key}', "bpc-key/1 stage ../backup g2 {key}",
    "bpc-key/1 retire backup {backup}", "bpc-key/1 retire other {other}",
    "bpc-key/1 drop backup {backup}", "bpc-key/1 confirm backup {backup}x",
    "bpc-key/1 grant local-restore 600", "bpc-key/1 grant restore 9999999",
)


@pytest.mark.parametrize("command", STOLEN)
def test_a_stolen_rotation_key_gets_nothing_else(site: RotatedSite, command: str) -> None:
    names = {"data": site.host.data, "key": site.new_key().public,
             "backup": site.keys["backup"].keyid, "other": site.keys["other"].keyid}
    before = site.lines()
    site.greeting(site.keys["backup"])

    done = site.site.client("rotate").run(command.format(**names))

    assert done.returncode == 126
    assert json.loads(done.stdout)["ok"] is False
    assert done.stderr.startswith(b"bpc-ssh-guard: refused (")
    assert site.lines() == before
    assert site.records()[-1]["event.action"] == "command-denied"
    assert site.greeting(site.keys["backup"])


def test_a_stolen_rotation_key_uses_no_channel_but_its_own(site: RotatedSite) -> None:
    client = site.site.client("rotate")
    for argv in (
        ["sftp", "-F", client.config, f"client:{site.host.data}", "/dev/null"],
        client.argv(options=("-W", "127.0.0.1:22")),
    ):
        assert run(argv).returncode != 0


def test_a_stolen_backup_key_speaks_no_protocol_of_keys(site: RotatedSite) -> None:
    for request in ("list", "ungrant restore", f"stage backup g2 {site.new_key().public}"):
        done = site.site.client("backup").run(f"bpc-key/1 {request}")
        assert (done.returncode, done.stdout) == (126, b"")


FULL_DISK = r"""
set -e
folder=$1; shift
cp -a "$folder" "$folder.saved"
mount -t tmpfs -o size=32k,mode=755 none "$folder"
cp -a "$folder.saved/authorized_keys" "$folder/authorized_keys"
dd if=/dev/zero of="$folder/fill" bs=512 2>/dev/null || true
set +e
"$@"; first=$?
cmp "$folder/authorized_keys" "$folder.saved/authorized_keys" || exit 99
rm "$folder/fill"
"$@"; second=$?
ls -A "$folder" >&2
exit $((first == 125 && second == 0 ? 0 : 98))
"""


def test_a_full_disk_leaves_the_file_as_it_was_and_the_next_run_works(site: RotatedSite) -> None:
    """In a mount namespace of its own, where the keys file lies on a tmpfs of 32 KiB."""
    key = site.new_key()
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22",
           "SSH_ORIGINAL_COMMAND": f"bpc-key/1 stage backup g2 {key.public}"}
    guard = site.host.forced_command("rotate", site.keys["rotate"])
    argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", FULL_DISK, "sh",
            site.sshd.folder, *guard]
    try:
        done = run(argv, env=env)
    finally:
        trees.remove(f"{site.sshd.folder}.saved")
    assert done.returncode == 0, done
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["error"], first["retry"]) == ("io", True)
    assert second["result"] == "staged"
    left = done.stderr.decode().split()
    assert [name for name in left if name.endswith(".new")] == []


def test_four_servers_at_once_end_with_one_new_key(site: RotatedSite) -> None:
    keys = [site.new_key() for _ in range(4)]
    client = site.site.client("rotate")
    started = [
        subprocess.Popen(client.argv(f"bpc-key/1 stage backup g2 {key.public}"),
                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        for key in keys
    ]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert sorted(answer.get("result", answer.get("error")) for answer in answers) == [
        "conflict", "conflict", "conflict", "staged",
    ]  # fmt: skip
    assert len(site.lines_of("backup")) == 2
    assert site.greeting(site.keys["backup"])
