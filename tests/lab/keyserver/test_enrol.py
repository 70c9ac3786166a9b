"""A client's first keys are brought by its admin's login: whole, proved, once, after a kill too."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import command_log
from tests.lab.host import CHECKOUT
from tests.lab.keys import Key
from tests.lab.process import run

from .enrolment import LABELS, ROOTS, Server, typed
from .machine import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.process import Done

pytestmark = pytest.mark.lab

def test_a_client_is_enrolled_by_its_admins_key_and_a_second_run_finds_it_done(
    logged: Server
) -> None:
    records = logged.enrol()
    assert [each["label"] for each in records if each["outcome"] == "enrolled"] == list(LABELS)
    logged.require_enrolled()
    policy = logged.machine.path("/etc/bpc-ssh-guard/policy").read_text()
    assert policy.startswith("# the admin's own\n\nKey web1-backup\n    Backup /srv\n")
    assert "    From 127.0.0.1\n" in policy
    before = (policy, logged.machine.path("/root/.ssh/authorized_keys").read_bytes())

    again = logged.enrol()

    assert {each["outcome"] for each in again} == {"unchanged"}
    assert before == (logged.machine.path("/etc/bpc-ssh-guard/policy").read_text(),
                      logged.machine.path("/root/.ssh/authorized_keys").read_bytes())
    assert logged.run("verify").returncode == 0
    assert logged.run("rotate", "--emergency", "--label", "backup").returncode == 0


def test_a_dry_run_shows_the_policy_and_changes_nothing(logged: Server) -> None:
    before = logged.machine.path("/root/.ssh/authorized_keys").read_bytes()
    told = logged.enrol("--dry-run", status=1)
    assert {each["outcome"] for each in told} == {"would"}
    assert [each["step"] for each in told] == ["host-key", "policy", "key", "key", "key"]
    assert "+    Backup /srv\n" in told[1]["diff"]
    assert logged.machine.path("/root/.ssh/authorized_keys").read_bytes() == before
    assert list((logged.folder / "var/keys").iterdir()) == []
    assert list((logged.folder / "etc/known_hosts.d").iterdir()) == []


# Each is reached by the run after the one that was killed at the last.
POINTS = ("before:put", "after:put", "after:write_policy", "after:generate", "after:authorize",
          "after:prove", "after:switch", "after:write", "after:generate_alone",
          "after:_prove_rotation")


def test_whoever_kills_it_at_every_step_in_turn_one_more_run_ends_it(logged: Server) -> None:
    program = [sys.executable, "-m", "tests.lab.keyserver.killed_enrolment"]
    for point in POINTS:
        done = run([*program, point, "enroll", "--config", logged.path, *logged.words()],
                   cwd=CHECKOUT)
        assert done.returncode == -signal.SIGKILL, (point, done)
        keys = logged.machine.path("/root/.ssh/authorized_keys").read_text()
        assert keys.startswith(logged.machine.foreign)
    logged.enrol()
    logged.require_enrolled()


def test_an_unknown_host_is_refused_and_its_admin_told_how_to_read_the_key(server: Server) -> None:
    done = server.run("enroll", "web1", "--identity", server.machine.admin.path, *ROOTS, "--yes")
    assert done.returncode == 1
    assert b"(host-key)" in done.stdout
    assert b"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in done.stdout
    assert list((server.folder / "etc/known_hosts.d").iterdir()) == []


def test_a_host_with_another_key_is_refused_before_any_login(server: Server) -> None:
    other = f"SHA256:{'A' * 43}"
    done = server.run("enroll", "web1", "--fingerprint", other, *ROOTS, "--yes", "--identity",
                      server.machine.admin.path)
    assert done.returncode == 1
    assert b"it is another machine" in done.stdout


def test_an_agents_key_serves_and_by_its_public_half_that_one_alone(
    logged: Server, tmp_path: Path
) -> None:
    socket, words = str(tmp_path / "agent"), logged.words()
    at = words.index("--identity")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        env = {"SSH_AUTH_SOCK": socket, "PATH": os.environ["PATH"]}
        other = Key.generate(str(tmp_path / "other"))
        while not os.path.exists(socket):
            assert agent.poll() is None
        for each in (other.path, logged.machine.admin.path):
            assert run(["ssh-add", each], env=env).returncode == 0
        by_other = logged.run("enroll", *words[:at], "--identity", f"{other.path}.pub",
                              *words[at + 2:], env=env)
        assert by_other.returncode == 1
        assert b"(not-accepted)" in by_other.stdout
        done = logged.run("enroll", *words[:at], *words[at + 2:], env=env)
        assert done.returncode == 0, done
    finally:
        agent.terminate()
        agent.wait()
    logged.require_enrolled()


def test_without_a_key_and_a_terminal_it_says_what_would_do(server: Server) -> None:
    words = [each for each in server.words() if each not in ("--identity",
                                                             server.machine.admin.path)]
    done = server.run("enroll", *words)
    assert done.returncode == 1
    assert b"ssh-add one, name it with --identity, or run this on a terminal" in done.stdout


def test_a_machine_with_nothing_is_enrolled_by_a_password_and_its_log_key_shown_once(
    server: Server
) -> None:
    server.machine.begin_again(guard=False)
    words = ["web1", "--fingerprint", server.machine.fingerprint, *ROOTS]
    status, seen = typed(server.argv("enroll", *words), [
        (b"password: ", PASSWORD.encode()), (b"Install the guard", b"y"),
        (b"Write /etc/bpc-ssh-guard/policy?", b"y"),
    ])
    assert status == 0, seen
    assert b"+Key web1-backup" in seen
    server.require_enrolled()
    key = next(line.split()[1] for line in seen.decode().splitlines()
               if line.startswith("key  "))
    assert len(bytes.fromhex(key)) == 32
    policy = server.machine.path("/etc/bpc-ssh-guard/policy")
    assert stat.S_IMODE(policy.stat().st_mode) == 0o644
    kept = [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
    kept += [path.read_bytes() for path in server.machine.path("/var/lib/bpc-ssh-guard").rglob("*")
             if path.is_file()]
    for secret in (key.encode(), bytes.fromhex(key), PASSWORD.encode()):
        assert not any(secret in each for each in kept)
    assert PASSWORD.encode() not in seen
    assert command_log.records(str(server.machine.path("/var/log/bpc-ssh-guard")))


def test_without_a_terminal_no_log_is_begun_and_no_key_told(server: Server) -> None:
    (told,) = [each for each in server.enrol(status=1) if each["error"]]
    assert "bpc-ssh-guardctl log init" in told["text"]
    begun = server.machine.run("/usr/sbin/bpc-ssh-guardctl", "log", "--dry-run", "init")
    assert b"would begin a log" in begun.stdout


def test_who_is_not_root_enrols_by_sudo(logged: Server) -> None:
    refused = logged.run("enroll", *logged.words("--user", "alice"))
    assert (refused.returncode, b"--sudo lets him" in refused.stderr) == (2, True)
    logged.enrol("--user", "alice", "--sudo")
    logged.require_enrolled()


def test_what_is_pasted_on_the_client_enrols_it_and_is_proved_from_here(logged: Server) -> None:
    done = logged.run("enroll", "web1", *ROOTS, "--print")
    assert done.returncode == 0, done
    assert b"PRIVATE" not in done.stdout
    pasted = logged.machine.run("sh", "-c", done.stdout.decode().replace(
        "/usr/sbin/bpc-ssh-guardctl log init\n", ""))
    assert b"g1" in pasted.stdout, pasted
    proved = logged.run("enroll", "web1", "--prove", "--fingerprint", logged.machine.fingerprint)
    assert proved.returncode == 0, proved
    logged.require_enrolled()
    again = logged.run("enroll", "web1", "--prove", "--json")
    assert {json.loads(line)["outcome"] for line in again.stdout.splitlines()} == {"unchanged"}


def test_a_broken_policy_is_told_with_its_line_and_left_alone(logged: Server) -> None:
    path = logged.machine.path("/etc/bpc-ssh-guard/policy")
    path.write_text("# mine\nBakcup /srv\n")
    (told,) = [each for each in logged.enrol(status=1) if each["error"]]
    assert '/etc/bpc-ssh-guard/policy:2: unknown keyword "Bakcup"' in told["text"]
    assert path.read_text() == "# mine\nBakcup /srv\n"


def test_lines_that_were_lost_are_written_for_new_keys(logged: Server) -> None:
    logged.enrol()
    logged.machine.path("/root/.ssh/authorized_keys").write_text(logged.machine.foreign)
    before = {path.resolve().read_bytes() for path in logged.folder.rglob("current")}
    told = logged.enrol()
    enrolled = [each["label"] for each in told if each["outcome"] == "enrolled"]
    assert enrolled == ["web1-backup", "web1-restore"]
    logged.require_enrolled()
    assert not before & {path.resolve().read_bytes() for path in logged.folder.rglob("current")}


KEYS = ("import os, sys; os.chdir(sys.argv.pop(1)); sys.path.insert(0, '');"
        " from bpc_ssh_guard.__main__ import main; sys.exit(main(['keys', *sys.argv[1:]]))")


def test_root_makes_the_account_and_enrols_and_all_of_it_is_the_accounts_own(
    logged: Server
) -> None:
    machine = logged.machine  # here it is the key server as well, with its own /etc and /var

    def as_root(*words: str) -> Done[bytes]:
        return machine.run(sys.executable, "-c", KEYS, CHECKOUT, *words)

    told = as_root("init", "--dry-run")
    assert (told.returncode, b"useradd --system" in told.stdout) == (1, True)
    assert not machine.path("/etc/bpc-ssh-keys").exists()
    made = as_root("init")
    assert made.returncode == 0, made
    assert b"bpckeys" in machine.path("/etc/passwd").read_bytes()
    assert as_root("init", "--dry-run").returncode == 0
    with open(machine.path("/etc/bpc-ssh-keys/config"), "a", encoding="ascii") as file:
        file.write(machine.config)

    done = as_root("enroll", *logged.words())

    assert done.returncode == 0, done
    (line,) = [each.split(":") for each in machine.path("/etc/passwd").read_text().splitlines()
               if each.startswith("bpckeys:")]
    owner = int(line[2])
    (group,) = [int(each.split(":")[2]) for each in
                machine.path("/etc/group").read_text().splitlines()
                if each.startswith("backuppc:")]
    var = machine.path("/var/lib/bpc-ssh-keys")
    found = {path: path.lstat() for path in var.rglob("*")}
    assert {status.st_uid for status in found.values()} == {owner}
    current = var / "keys/web1/web1-backup/g1"
    assert (found[current].st_gid, stat.S_IMODE(found[current].st_mode)) == (group, 0o640)
    rotation = var / "rotation/web1"
    assert stat.S_IMODE(found[rotation].st_mode) == 0o600
    config_file = machine.path("/etc/bpc-ssh-keys/config").stat()
    assert (config_file.st_uid, stat.S_IMODE(config_file.st_mode)) == (0, 0o640)
