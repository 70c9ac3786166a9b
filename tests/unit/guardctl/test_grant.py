"""Grants are opened within the policy, recorded before they count, and closed with a record."""

from __future__ import annotations

import fcntl
import os
import pwd
import resource
import signal
import stat
import subprocess
import sys
import time

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.guardctl import grant_store
from bpc_ssh_guard.guardctl.grant import (
    LONGEST,
    SHORTEST,
    GrantError,
    list_grants,
    open_grant,
    revoke,
)
from bpc_ssh_guard.policy import window
from bpc_ssh_guard.policy.grant_store import GrantFolder
from bpc_ssh_guard.policy.window import Clock, Grant
from tests import command_log

from . import scenes

LABEL = "web1-restore"
POLICY = """\
Log {root}/log
Key web1-backup
    Backup  {root}/data
Key web1-restore
    Restore {root}/restored {root}/other
Key old-restore
    Restore {root}/restored
    Window  always
"""


@pytest.fixture
def client(tmp_path) -> scenes.Client:
    """Return a client whose key web1-restore works only while a grant is open."""
    client = scenes.Client(str(tmp_path))
    os.makedirs(f"{client.root}/restored/db")
    os.makedirs(f"{client.root}/other")
    client.write_policy(POLICY.format(root=client.root))
    return client


def state(client: scenes.Client) -> str:
    return os.fsdecode(client.policy.state)


def stored(client: scenes.Client) -> Grant | None:
    """Return the grant that the guard finds."""
    return window.read(client.policy.state, LABEL.encode())


def records(client: scenes.Client) -> list[dict]:
    return command_log.records(f"{client.root}/log")


def events(client: scenes.Client) -> list[tuple[str, str | None, str | None]]:
    """Return action, code and id of each record."""
    names = ("event.action", "event.code", "bpc.grant.id")
    return [tuple(record.get(name) for name in names) for record in records(client)]


def put(client: scenes.Client, opened_ago: int, lasts: int = 60) -> str:
    """Store a grant opened OPENED_AGO seconds ago; return its id."""
    clock = Clock.now()
    begin = clock.wall - opened_ago
    identity = os.urandom(16).hex()
    boottime = max(0, clock.boottime_ns - opened_ago * 10**9)
    grant = Grant(identity.encode(), begin, begin + lasts, clock.boot, boottime)
    os.makedirs(f"{state(client)}/grants", mode=0o700, exist_ok=True)
    put_bytes(client, grant.to_bytes())
    return identity


def put_bytes(client: scenes.Client, data: bytes) -> None:
    with open(f"{state(client)}/grants/{LABEL}", "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)


def complaint(client: scenes.Client, *arguments, **options) -> str:
    with pytest.raises(GrantError) as caught:
        open_grant(client.policy, *arguments, **options)
    return str(caught.value).replace(client.root, "")


def test_opens_a_grant_that_the_guard_finds_open(client) -> None:
    before = int(time.time())
    grant = open_grant(client.policy, LABEL, 7200, reason="disk of db1 lost")
    found = stored(client)
    assert found.identity == grant.identity
    assert found.is_open(Clock.now())
    assert found.until - found.opened == 7200
    assert found.opened >= before
    assert (found.paths, found.reason) == ((), b"disk of db1 lost")
    assert found.opener == os.getuid()


def test_what_it_makes_is_closed_to_others(client) -> None:
    before = os.umask(0)
    try:
        open_grant(client.policy, LABEL, 7200)
    finally:
        os.umask(before)
    modes = {
        name: stat.S_IMODE(os.stat(f"{state(client)}/{name}").st_mode)
        for name in ("", "grants", f"grants/{LABEL}")
    }
    assert modes == {"": 0o700, "grants": 0o700, f"grants/{LABEL}": 0o600}
    assert os.listdir(f"{state(client)}/grants") == [LABEL]


def test_records_the_opening(client, monkeypatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    grant = open_grant(client.policy, LABEL, 7200, reason="disk of db1 lost")
    (record,) = records(client)
    expected = {
        "event.action": "grant-opened",
        "bpc.key.label": LABEL,
        "bpc.grant.id": grant.identity.decode(),
        "bpc.grant.paths": [f"{client.root}/restored", f"{client.root}/other"],
        "event.reason": "disk of db1 lost",
        "bpc.policy.sha256": client.policy.sha256,
        "user.name": pwd.getpwuid(os.getuid()).pw_name,
        "user.id": str(os.getuid()),
        "bpc.grant.sudo_user": "alice",
    }
    assert {name: record[name] for name in expected} == expected


def test_narrows_to_paths_in_their_one_spelling(client) -> None:
    inner = f"{client.root}/restored/db"
    open_grant(client.policy, LABEL, 7200, [f"{inner}/", inner, f"{client.root}/other"])
    expected = [inner, f"{client.root}/other"]
    assert [os.fsdecode(path) for path in stored(client).paths] == expected
    assert records(client)[0]["bpc.grant.paths"] == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{root}", "{root}: is not below a root of the key; "),
        ("{root}/data", "{root}/data: is not below a root of the key; "),
        ("{root}/restored-too", "{root}/restored-too: is not below a root of the key; "),
        ("{root}/restored/../data", "the path has an empty, . or .. component; "),
        ("{root}/restored//db", "the path has an empty, . or .. component; "),
        ("restored", "'restored': the path is relative; "),
        ("{root}/restored/a\nb", "the path holds a control character; "),
        ("{root}/restored/missing", "doesn't exist; make it, or grant the folder above it"),
    ],
)
def test_never_widens(client, path, expected) -> None:
    said = complaint(client, LABEL, 7200, [path.format(root=client.root)])
    assert expected.format(root="") in said
    assert stored(client) is None
    assert records(client) == []


@pytest.mark.parametrize("target", ["../data", "/"])
def test_never_widens_by_a_link_that_a_restore_has_put_there(client, target) -> None:
    os.symlink(target, f"{client.root}/restored/link")
    said = complaint(client, LABEL, 7200, [f"{client.root}/restored/link"])
    assert "a symbolic link leads from the granted /restored/link to " in said


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("nobody", "the policy has no Key 'nobody'; choose from web1-restore"),
        ("web1-backup", "2: Key web1-backup is a backup key, and only restore keys take grants; "),
        ("old-restore", "6: Key old-restore needs no grant: it says Window always; "),
        ("../log", "the policy has no Key '../log'; choose from web1-restore"),
    ],
)
def test_opens_only_for_a_restore_key_that_needs_it(client, label, expected) -> None:
    assert complaint(client, label, 7200).removeprefix("/etc/policy:").startswith(expected)
    assert not os.path.exists(f"{state(client)}/grants")


@pytest.mark.parametrize("seconds", [SHORTEST, LONGEST])
def test_takes_its_shortest_and_longest_time(client, seconds) -> None:
    open_grant(client.policy, LABEL, seconds)
    assert stored(client).is_open(Clock.now())


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (SHORTEST - 1, "a grant lasts at least 1 minute; ask for more"),
        (0, "a grant lasts at least 1 minute; ask for more"),
        (-7200, "a grant lasts at least 1 minute; ask for more"),
        (LONGEST + 1, "a grant lasts at most 7 days; ask for less, then renew"),
    ],
)
def test_refuses_another_time(client, seconds, expected) -> None:
    assert complaint(client, LABEL, seconds) == expected


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "\u202e"])
def test_refuses_a_reason_that_a_terminal_obeys(client, reason) -> None:
    assert "the reason holds a control character" in complaint(client, LABEL, 7200, reason=reason)


def test_refuses_a_long_reason(client) -> None:
    assert "more than 1024 bytes" in complaint(client, LABEL, 7200, reason="é" * 513)
    open_grant(client.policy, LABEL, 7200, reason="é" * 512)


def test_refuses_more_paths_than_a_grant_can_hold(client) -> None:
    folder = f"{client.root}/restored"
    for _ in range(12):
        folder += "/" + "x" * 200
    os.makedirs(folder)
    paths = []
    for i in range(8):
        os.mkdir(f"{folder}/{i}")
        paths.append(f"{folder}/{i}")
    assert "the paths are too long; grant a folder above them" in complaint(
        client, LABEL, 7200, paths
    )
    assert records(client) == []


def test_replaces_an_open_grant_and_records_both(client) -> None:
    first = open_grant(client.policy, LABEL, 7200).identity.decode()
    second = open_grant(client.policy, LABEL, 60).identity.decode()
    assert stored(client).identity.decode() == second
    assert events(client) == [
        ("grant-opened", None, first),
        ("grant-opened", None, second),
        ("grant-closed", "replaced", first),
    ]


def test_closes_an_expired_grant_before_it_opens_another(client) -> None:
    old = put(client, opened_ago=61)
    new = open_grant(client.policy, LABEL, 60).identity.decode()
    assert events(client) == [("grant-closed", "expired", old), ("grant-opened", None, new)]


def test_what_cannot_be_recorded_is_not_opened(client) -> None:
    os.chmod(f"{client.root}/log", 0o777)
    client.write_policy(f"State {client.root}/state\n" + POLICY.format(root=client.root))
    os.rename(f"{client.root}/log/state", f"{client.root}/state")
    os.mkdir(f"{client.root}/state/grants", mode=0o700)
    assert complaint(client, LABEL, 7200).startswith("/log: group or others may write to it")
    assert os.listdir(f"{client.root}/state/grants") == []


def test_a_grant_stays_when_its_replacement_cannot_be_recorded(client) -> None:
    client.write_policy(f"State {client.root}/state\n" + POLICY.format(root=client.root))
    os.rename(f"{client.root}/log/state", f"{client.root}/state")
    first = open_grant(client.policy, LABEL, 7200)
    os.chmod(f"{client.root}/log", 0o777)
    complaint(client, LABEL, 60)
    assert stored(client).identity == first.identity
    assert os.listdir(f"{client.root}/state/grants") == [LABEL]


def in_a_process_without_room(client: scenes.Client) -> str:
    """Open a grant where no file may grow; return the complaint."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
            os.write(write_end, complaint(client, LABEL, 60).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with open(read_end) as file:
        return file.read()


def test_a_full_disk_leaves_the_old_grant_and_no_half_of_the_new(client) -> None:
    first = open_grant(client.policy, LABEL, 7200)
    assert "the grant can't be stored: file too large" in in_a_process_without_room(client)
    assert stored(client).identity == first.identity
    assert os.listdir(f"{state(client)}/grants") == [LABEL]
    assert [event[0] for event in events(client)] == ["grant-opened"]


def test_says_in_the_log_when_a_recorded_grant_could_not_be_stored(client) -> None:
    os.makedirs(f"{state(client)}/grants", mode=0o700)
    label = LABEL.encode()
    with GrantFolder(client.policy.state) as folder:
        place = grant_store.store(folder, client.policy, grant_store.session_of(label), label)
        clock = Clock.now()
        grant = Grant(b"0" * 32, clock.wall, clock.wall + 60, clock.boot, clock.boottime_ns)
        with pytest.raises(GuardFailure, match="the grant can't be stored: no such file"):
            place.put_in_place(grant)  # nothing was written beside
    assert events(client) == [("grant-closed", "not-stored", "0" * 32)]


SCRIPT = """
import os, sys
from bpc_ssh_guard.guardctl import grant
from bpc_ssh_guard.policy import load
call = getattr(grant, sys.argv[2])
call(load.load(os.fsencode(sys.argv[1])), "web1-restore", *map(int, sys.argv[3:]))
"""


def run_killed(client: scenes.Client, step: str, *call: str) -> None:
    """Run CALL in a process that is killed as it enters the system call STEP for the first time."""
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", f"inject={step}:signal=KILL:when=1",
         sys.executable, "-c", SCRIPT, client.policy_path, *call],
        cwd=scenes.CHECKOUT, timeout=60, check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_the_grant_and_its_record_are_on_the_disk_before_it_counts(client) -> None:
    os.makedirs(f"{state(client)}/grants", mode=0o700)
    trace = f"{client.root}/trace"
    subprocess.run(
        ["strace", "-qq", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,renameat",
         sys.executable, "-c", SCRIPT, client.policy_path, "open_grant", "7200"],
        cwd=scenes.CHECKOUT, timeout=60, check=True,
    )
    with open(trace) as file:
        calls = [line.partition("<")[::2] for line in file]
    found = [(name.split("(")[0], rest.split(">")[0].replace(client.root, ""))
             for name, rest in calls]
    assert found == [
        ("fsync", f"/log/state/grants/.{LABEL}.new"),
        ("fdatasync", f"/log/{os.path.basename(command_log.first_segment(''))}"),
        ("renameat", "/log/state"),  # the log's notes
        ("renameat", "/log/state/grants"),
        ("fsync", "/log/state/grants"),
    ]


@pytest.mark.parametrize("step", ["fsync", "fdatasync", "renameat"])
def test_a_kill_before_the_grant_is_in_place_opens_nothing(client, step) -> None:
    run_killed(client, step, "open_grant", "7200")
    assert stored(client) is None
    assert list_grants(client.policy) == {}


def test_the_next_run_removes_what_a_killed_one_left(client) -> None:
    run_killed(client, "renameat", "open_grant", "7200")
    assert os.listdir(f"{state(client)}/grants") == [f".{LABEL}.new"]
    open_grant(client.policy, LABEL, 7200)
    assert os.listdir(f"{state(client)}/grants") == [LABEL]


def test_a_grant_that_is_in_place_was_recorded_before(client) -> None:
    run_killed(client, "renameat", "open_grant", "7200")
    assert [event[0] for event in events(client)] == ["grant-opened"]


def test_a_kill_before_a_revocation_is_recorded_leaves_it_closed(client) -> None:
    open_grant(client.policy, LABEL, 7200)
    run_killed(client, "fdatasync", "revoke")
    assert stored(client) is None


def test_revokes(client) -> None:
    grant = open_grant(client.policy, LABEL, 7200)
    assert revoke(client.policy, LABEL) is True
    assert stored(client) is None
    assert events(client)[1:] == [("grant-closed", "revoked", grant.identity.decode())]


def test_revokes_for_a_key_that_the_policy_has_no_longer(client) -> None:
    open_grant(client.policy, LABEL, 7200)
    client.write_policy(f"Log {client.root}/log\nKey web1-backup\n    Backup /srv\n")
    assert revoke(client.policy, LABEL) is True
    assert stored(client) is None


def test_revokes_nothing_where_nothing_is_open(client) -> None:
    assert revoke(client.policy, LABEL) is False
    open_grant(client.policy, LABEL, 60)
    assert revoke(client.policy, "old-restore") is False
    assert [event[0] for event in events(client)] == ["grant-opened"]


def test_revoking_an_expired_grant_records_that_it_was_over(client) -> None:
    identity = put(client, opened_ago=61)
    assert revoke(client.policy, LABEL) is False
    assert events(client) == [("grant-closed", "expired", identity)]
    assert os.listdir(f"{state(client)}/grants") == []


def test_revokes_a_grant_that_cannot_be_read(client) -> None:
    put(client, opened_ago=0)
    put_bytes(client, b"nonsense")
    assert revoke(client.policy, LABEL) is True
    assert events(client) == [("grant-closed", "revoked", None)]
    assert os.listdir(f"{state(client)}/grants") == []


def test_a_grant_is_revoked_even_where_that_cannot_be_recorded(client) -> None:
    client.write_policy(f"State {client.root}/state\n" + POLICY.format(root=client.root))
    os.rename(f"{client.root}/log/state", f"{client.root}/state")
    open_grant(client.policy, LABEL, 7200)
    os.chmod(f"{client.root}/log", 0o777)
    with pytest.raises(GrantError, match="the grant is closed, and that could not be recorded: "):
        revoke(client.policy, LABEL)
    assert stored(client) is None


def test_refuses_to_revoke_what_is_no_label(client) -> None:
    with pytest.raises(GrantError, match="is no key label; "):
        revoke(client.policy, "../policy")


def test_lists_what_is_open_by_label(client) -> None:
    more = POLICY.format(root=client.root) + f"Key a-restore\n    Restore {client.root}/other\n"
    client.write_policy(more)
    grants = {label: open_grant(client.policy, label, 7200) for label in (LABEL, "a-restore")}
    found = list_grants(client.policy)
    assert list(found) == ["a-restore", LABEL]
    assert {label: found[label].identity for label in found} == {
        label: grants[label].identity for label in grants
    }


def test_listing_closes_what_is_over_once(client) -> None:
    identity = put(client, opened_ago=61)
    assert list_grants(client.policy) == {}
    assert list_grants(client.policy) == {}
    assert events(client) == [("grant-closed", "expired", identity)]


def test_listing_makes_nothing(client) -> None:
    assert list_grants(client.policy) == {}
    assert not os.path.exists(f"{state(client)}/grants")


def test_listing_names_a_grant_that_cannot_be_read(client) -> None:
    put(client, opened_ago=0)
    put_bytes(client, b"nonsense")
    with pytest.raises(GrantError, match="grant --revoke web1-restore removes it"):
        list_grants(client.policy)


def test_refuses_an_unsafe_state_folder(client) -> None:
    os.makedirs(f"{state(client)}/grants", mode=0o700)
    os.chmod(state(client), 0o770)
    assert "is writable by group or others" in complaint(client, LABEL, 7200)
    with pytest.raises(GrantError, match="is writable by group or others"):
        list_grants(client.policy)


def test_gives_up_when_another_run_does_not_end(client) -> None:
    os.makedirs(f"{state(client)}/grants", mode=0o700)
    folder = os.open(f"{state(client)}/grants", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    said = complaint(client, LABEL, 7200)
    os.close(folder)
    assert said.endswith("by another run of this; wait for that or end it")
    open_grant(client.policy, LABEL, 7200)


def test_many_at_once_leave_one_grant_and_a_log_that_ends_all_others(client) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                open_grant(client.policy, LABEL, 7200)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    opened = {identity for action, _, identity in events(client) if action == "grant-opened"}
    closed = {identity for action, _, identity in events(client) if action == "grant-closed"}
    assert len(opened) == 6
    assert opened - closed == {stored(client).identity.decode()}
