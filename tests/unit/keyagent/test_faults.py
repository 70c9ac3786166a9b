"""Whatever ends a request half way, the current key works and the next request ends it well.

The guard runs in processes of its own, and they are really killed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time

import pytest

from tests import command_log

from .scenes import BACKUP, NEW, NEXT, Client, keyid, public

# What a request does to the file system, in the order of its calls. `when` counts each by name.
CALLS = ("write", "fchown", "fchmod", "fsync", "fdatasync", "rename", "renameat", "renameat2",
         "unlink", "unlinkat", "mkdirat")
REQUESTS = {
    "stage": f"stage backup g2 {public(NEW)}",
    "confirm": f"confirm backup {keyid(NEW)}",
    "retire": f"retire backup {keyid(BACKUP)}",
    "drop": f"drop backup {keyid(NEW)}",
}


def prepare(client: Client, verb: str) -> None:
    """Bring CLIENT to where VERB comes next."""
    client.begin_again()
    before = {"stage": (), "confirm": ("stage",), "drop": ("stage",)}
    for each in before.get(verb, ("stage", "confirm")):
        client.done(REQUESTS[each])
        client.greet("backup", NEW)


class Saved:
    """The files of CLIENT that a request changes, to be brought back."""

    FOLDERS = ("ssh", "log/state/proofs")

    def __init__(self, client: Client) -> None:
        self.client = client
        for name in self.FOLDERS:
            path = f"{client.root}/{name}"
            if os.path.exists(path):
                shutil.copytree(path, f"{client.root}/saved/{name}", dirs_exist_ok=True)

    def bring_back(self) -> None:
        for name in self.FOLDERS:
            shutil.rmtree(f"{self.client.root}/{name}", ignore_errors=True)
            saved = f"{self.client.root}/saved/{name}"
            if os.path.exists(saved):
                shutil.copytree(saved, f"{self.client.root}/{name}")
                os.chmod(f"{self.client.root}/{name}", 0o700)


def content(client: Client) -> bytes:
    """Return the keys file with another time in place of each end."""
    return re.sub(rb'expiry-time="\d+"', b'expiry-time="-"', client.read_keys())


def traced(client: Client, request: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run REQUEST under strace with OPTIONS; its report is in client.root/trace."""
    strace = ["strace", "-qq", "-y", "-o", f"{client.root}/trace", "-e",
              f"trace={','.join(CALLS)}", *options]
    return client.run("rotate", 1, f"bpc-key/1 {request}", *strace)


def steps_of(client: Client) -> list[tuple[str, int]]:
    """Return each call of the last report, and how many of its name there were before, plus one."""
    with open(f"{client.root}/trace", encoding="utf-8") as file:
        calls = [re.split(r"\W", call)[0] for call in file]
    return [(name, calls[: at + 1].count(name)) for at, name in enumerate(calls)]


@pytest.mark.parametrize("verb", sorted(REQUESTS))
def test_killed_at_any_step_the_current_key_works_and_one_more_run_ends_it(client, verb) -> None:
    request = REQUESTS[verb]
    prepare(client, verb)
    client.ask("list")  # the first run with a policy notes it
    saved, old, others = Saved(client), content(client), client.others("backup")
    done = traced(client, request)
    assert done.returncode == 0, done
    new, steps = content(client), steps_of(client)
    assert old != new
    assert {"fsync", "fdatasync", "write"} < {name for name, _ in steps}
    current = (BACKUP, "1") if verb in ("stage", "confirm", "drop") else (NEW, "2")
    left = set()
    for name, number in steps:
        saved.bring_back()
        done = traced(client, request, "-e", f"inject={name}:signal=SIGKILL:when={number}")
        assert done.returncode == -9, (name, number, done)
        assert content(client) in (old, new), (name, number)
        left.add(content(client))
        assert client.greet("backup", current[0]) == current[1], (name, number)
        client.done(request)
        assert content(client) == new, (name, number)
        assert client.others("backup") == others
        files = [".authorized_keys.bpc-ssh-guard.lock", "authorized_keys"]
        assert sorted(os.listdir(f"{client.root}/ssh")) == files
    assert left == {old, new}
    if verb in ("retire", "drop"):
        gone = BACKUP if verb == "retire" else NEW
        assert keyid(gone) not in os.listdir(f"{client.state}/proofs")


def test_the_record_is_on_the_disk_before_anything_changes(client) -> None:
    prepare(client, "retire")
    assert traced(client, REQUESTS["retire"]).returncode == 0
    with open(f"{client.root}/trace", encoding="utf-8") as file:
        calls = [line for line in file if "ENOENT" not in line]
    recorded = next(at for at, line in enumerate(calls) if line.startswith("fdatasync"))
    changed = [at for at, line in enumerate(calls) if "/ssh" in line or "/proofs" in line]
    assert "/log/commands" in calls[recorded]
    assert len(changed) > 5
    assert min(changed) > recorded


@pytest.mark.parametrize("verb", sorted(REQUESTS))
def test_what_cannot_be_recorded_is_not_done(client, verb) -> None:
    prepare(client, verb)
    old = client.read_keys()
    done = traced(client, REQUESTS[verb], "-e", "inject=fdatasync:error=EIO:when=1")
    assert done.returncode == 125
    assert '"error":"io"' in done.stdout
    assert client.read_keys() == old
    os.chmod(f"{client.root}/log", 0o777)
    done = client.run("rotate", 1, f"bpc-key/1 {REQUESTS[verb]}")
    assert (done.returncode, done.stdout) == (125, "")  # whose request it was is not known yet
    assert client.read_keys() == old


def test_a_proof_that_cannot_be_stored_is_not_told(client) -> None:
    client.greet("backup", BACKUP)
    os.chmod(f"{client.state}/proofs", 0o777)
    done = client.run("backup", BACKUP, None)
    assert (done.returncode, done.stdout) == (125, "")


@pytest.mark.parametrize("step", ["fsync", "renameat"])
def test_a_login_killed_before_its_proof_is_stored_is_told_nothing(client, step) -> None:
    client.done(REQUESTS["stage"])
    os.makedirs(f"{client.state}/proofs", mode=0o700)
    traced_login = ["strace", "-qq", "-y", "-o", f"{client.root}/trace", "-e", f"trace={step}"]
    done = client.run("backup", NEW, None, *traced_login)
    assert done.returncode == 126
    with open(f"{client.root}/trace", encoding="utf-8") as file:
        calls = file.read().splitlines()
    number = next(at for at, call in enumerate(calls, 1) if "/proofs" in call)
    os.unlink(f"{client.state}/proofs/{keyid(NEW)}")
    inject = f"inject={step}:signal=SIGKILL:when={number}"
    done = client.run("backup", NEW, None, *traced_login, "-e", inject)
    assert (done.returncode, done.stdout) == (-9, "")
    assert client.refused(REQUESTS["confirm"]) == "refused"
    assert client.greet("backup", NEW) == "2"  # what is left does no harm
    assert client.done(REQUESTS["confirm"]) == "confirmed"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_a_file_that_others_can_write_is_refused(client, mode) -> None:
    os.chmod(client.keys_file, mode)
    for request in (*REQUESTS.values(), "list"):
        assert client.refused(request) == "unsafe-file"
    os.chmod(client.keys_file, 0o600)
    assert client.done(REQUESTS["stage"]) == "staged"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_of_the_file_stays_as_it_is(client, mode) -> None:
    os.chmod(client.keys_file, mode)
    client.done(REQUESTS["stage"])
    assert os.stat(client.keys_file).st_mode & 0o7777 == mode
    assert client.ask("list")["mode"] == f"{mode:04o}"


def test_a_symbolic_link_in_place_of_the_file_or_its_folder_is_refused(client) -> None:
    os.rename(client.keys_file, f"{client.root}/ssh/real")
    os.symlink("real", client.keys_file)
    for request in (*REQUESTS.values(), "list"):
        assert client.refused(request) == "unsafe-file"
    os.unlink(client.keys_file)
    os.rename(f"{client.root}/ssh/real", client.keys_file)
    os.rename(f"{client.root}/ssh", f"{client.root}/elsewhere")
    os.symlink("elsewhere", f"{client.root}/ssh")
    assert client.refused(REQUESTS["stage"]) == "unsafe-file"


def test_a_missing_file_is_refused(client) -> None:
    os.unlink(client.keys_file)
    assert client.ask(REQUESTS["stage"])["error"] == "unsafe-file"
    assert not os.path.exists(client.keys_file)


@pytest.mark.parametrize("call", ["write", "fsync", "renameat", "fchmod"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_failing_disk_leaves_the_file_as_it_was(client, call, error) -> None:
    client.ask("list")  # the first run with a policy notes it
    assert traced(client, REQUESTS["stage"]).returncode == 0
    with open(f"{client.root}/trace", encoding="utf-8") as file:
        calls = [line for line in file if line.startswith(f"{call}(")]
    number = next(at for at, line in enumerate(calls, 1) if "/ssh" in line)
    client.begin_again()
    old = client.read_keys()
    done = traced(client, REQUESTS["stage"], "-e", f"inject={call}:error={error}:when={number}")
    assert done.returncode == 125
    assert '"error":"io"' in done.stdout
    assert '"retry":true' in done.stdout
    assert client.read_keys() == old
    files = [".authorized_keys.bpc-ssh-guard.lock", "authorized_keys"]
    assert sorted(os.listdir(f"{client.root}/ssh")) == files
    assert client.records()[-1]["event.code"] == "cannot-write-keys"
    assert client.done(REQUESTS["stage"]) == "staged"


def test_a_request_gives_up_when_another_does_not_end(client) -> None:
    client.done(REQUESTS["stage"])
    with open(f"{client.root}/ssh/.authorized_keys.bpc-ssh-guard.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begin = time.monotonic()
        answer = client.ask(REQUESTS["drop"])
        assert time.monotonic() - begin >= 10
    assert (answer["error"], answer["retry"]) == ("busy", True)
    assert client.done(REQUESTS["drop"]) == "dropped"


def test_four_at_once_stage_one_key(client) -> None:
    started = [
        subprocess.Popen(
            client.argv("rotate", keyid(1)), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=client.environment(f"bpc-key/1 stage backup g2 {public(number)}"), text=True,
            stderr=subprocess.PIPE,
        )
        for number in range(NEXT, NEXT + 4)
    ]
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert sum('"result":"staged"' in answer for answer in answers) == 1
    assert sum('"error":"conflict"' in answer for answer in answers) == 3
    assert [line.mark.generation for line in client.lines_of("backup")] == [1, 2]
    command_log.records(f"{client.root}/log")  # all of them are whole
