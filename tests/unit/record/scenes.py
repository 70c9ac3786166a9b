"""What the tests share: one login, all its records, processes of their own, the log read back."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import bpc_ssh_guard
from bpc_ssh_guard.record import begin as beginning
from bpc_ssh_guard.record import own, segment
from bpc_ssh_guard.record.authinfo import Certificate, LoginKey
from bpc_ssh_guard.record.event import Action, Session
from bpc_ssh_guard.record.grants import CLOSED, Administration
from bpc_ssh_guard.record.keys import UNUSUAL, Rotation
from bpc_ssh_guard.record.logs import checkpoint_served
from bpc_ssh_guard.record.notes import Notes
from bpc_ssh_guard.record.recovery import Tail
from bpc_ssh_guard.record.sink import Sink
from bpc_ssh_guard.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpc_ssh_guard.record.begin import Begun

CHECKOUT = os.path.dirname(os.path.dirname(bpc_ssh_guard.__file__))
LABEL = b"web1-backup"
KEY_ID = b"54d00d867758cef816bc4685f58e327b"
COMMAND = b"/usr/bin/rsync --server --sender -slHogDtprxe.iLsfxC"
SECLUDED = b"rsync\0--timeout=72000\0--numeric-ids\0.\0/etc/\0\0"
GRANT = b"6f1c0b9e2d7a48f3a5e4c1d2b3f40516"
POLICY = "823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812"
HOSTILE = b"rsync --server -logDtpre.iLsfxC . /etc/\x1b[2J\n\xff"


def session(connection: bytes = b"192.0.2.77 40112 198.51.100.7 22") -> Session:
    """Return the session of a new login by the key web1-backup."""
    return Session.from_environment({b"SSH_CONNECTION": connection}, LABEL, KEY_ID)


def started(of: Session, **changed: object) -> bytes:
    """Return the line that starts a backup of /etc/."""
    known = {
        "command": COMMAND,
        "secluded": SECLUDED,
        "executable": b"/usr/bin/rsync",
        "argv": b"/usr/bin/rsync --server --sender -lHogDtprxe.iLsfxC . /etc/".split(b" "),
        "rule": "rsync-send",
        "confine": "off",
        "purpose": "backup",
        "operation": "backup",
        "program": "rsync",
        "paths": [b"/etc/"],
        "features": [],
        "policy_sha256": POLICY,
    }
    return of.started(**{**known, **changed})


def denied(of: Session, **changed: object) -> bytes:
    """Return the line that refuses a command with hostile bytes."""
    known = {
        "reason": Reason.NOT_WORDS,
        "detail": "control character in a word",
        "offset": 39,
        "command": HOSTILE,
        "policy_sha256": POLICY,
        "purpose": "backup",
        "rule": "words",
    }
    return of.denied(**{**known, **changed})


def ended(of: Session, **changed: object) -> bytes:
    """Return the line of a child that ended well, with this process's own resource usage."""
    known = {
        "exit_status": 0,
        "signal": None,
        "duration_ns": 9766769000,
        "read_bytes": 52113344,
        "write_bytes": 51023847,
        "rusage": usage(),
    }
    return of.ended(**{**known, **changed})


def usage() -> object:
    """Return what wait4 says about a real child."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.wait4(child, 0)[2]


def restored(of: Session) -> bytes:
    """Return the line that starts a confined restore under a grant."""
    return started(
        of, purpose="restore", operation="restore", rule="rsync-receive", grant=GRANT.decode(),
        confine="strict", layers="landlock:7,seccomp,caps,ns,masks:1",
    )


def grant_opened(of: Administration, **changed: object) -> bytes:
    """Return the line that opens a grant for two hours of the year 2026."""
    known = {
        "identity": GRANT,
        "until": 1795478400,
        "paths": [b"/srv/restore"],
        "reason": b"disk of db1 lost",
        "policy_sha256": POLICY,
    }
    return of.grant_opened(**{**known, **changed})


def grant_lines() -> list[bytes]:
    """Return one line of each kind about a grant, which together hold every member."""
    of = Administration.begin(b"web1-restore", b"alice")
    closed = [of.grant_closed(code=code, identity=GRANT, until=1795478400) for code in CLOSED]
    return [grant_opened(of), *closed]


def key_lines(of: Session) -> list[bytes]:
    """Return one line of each kind about a change of a key, which together hold every member."""
    rotation = Rotation(of, (b"web1-rotate", KEY_ID), b"bpc-key/1 list", POLICY)
    actions = (Action.KEY_CONFIRMED, Action.KEY_DROPPED, Action.KEY_RETIRED)
    key = (LABEL, KEY_ID)
    return [
        rotation.listed(),
        rotation.changed(Action.KEY_STAGED, key, 2, 1795478400),
        *(rotation.changed(action, key, 2) for action in actions),
        *(rotation.changed(Action.KEY_STAGED, key, 2, code=code) for code in UNUSUAL),
    ]


def every_line(of: Session) -> list[bytes]:
    """Return one line of each kind, which together hold every member of a login."""
    return [
        of.greeted(policy_sha256=POLICY, purpose="backup"),
        started(of),
        ended(of),
        ended(of, exit_status=None, signal=15),
        denied(of),
        restored(of),
    ]


def own_lines() -> list[bytes]:
    """Return one line of each kind that the log makes of itself, or of who reads it."""
    first = own.segment_members(bytes(16), b"", bytes(32))
    tail = Tail(52, "0" * 64, lacks_lf=True, torn=True)
    return [
        own.log_rotated(own.Rotated.CREATED, first),
        *(own.log_recovered(code, "", tail, (5, segment.MISSING)) for code in own.RECOVERED),
        own.policy_changed(b"/etc/bpc-ssh-guard/policy", POLICY, "0" * 64),
        own.refusals_suppressed([("bpc.key.label", "web1-backup")], 412, 1, 2),
        checkpoint_served(bytes(16)),
    ]


def certified() -> LoginKey:
    """Return a key that logged in by a certificate."""
    return LoginKey(b"ssh-ed25519", b"key", Certificate(b"web1", 7, b"authority"))


def state_of(directory: bytes) -> bytes:
    """Return the path of the state folder of the log in DIRECTORY."""
    return directory + b"-state"


def begin(directory: bytes) -> Begun:
    """Begin a log in DIRECTORY."""
    return beginning.begin(directory, state_of(directory))


def open_sink(directory: bytes) -> Sink:
    """Return the open log in DIRECTORY."""
    return Sink.open(directory, state_of(directory))


def append(directory: bytes, *lines: bytes, **how: Any) -> None:
    """Append LINES as one guard does."""
    sink = open_sink(directory)
    try:
        for line in lines:
            sink.append(line, **how)
    finally:
        sink.close()


def log_path(directory: bytes, first: int = 0) -> bytes:
    """Return the path of the segment whose first record has the number FIRST."""
    return directory + b"/" + segment.name_of(first)


def log_lines(directory: bytes, first: int = 0) -> list[bytes]:
    """Return the lines of a segment, each without its LF."""
    with open(log_path(directory, first), "rb") as file:
        return file.read().split(b"\n")[:-1]


def records(directory: bytes, first: int = 0) -> list[dict[str, object]]:
    """Return all records of a segment; raise if a line is none."""
    return [json.loads(line) for line in log_lines(directory, first)]


def records_of_all(directory: bytes) -> list[dict[str, object]]:
    """Return all records of all segments."""
    firsts = sorted(segment.first_of(name) for name in os.listdir(directory))
    return [record for first in firsts for record in records(directory, first)]


def notes(directory: bytes) -> Notes:
    """Return the notes beside the log in DIRECTORY."""
    folder = os.open(state_of(directory), os.O_RDONLY | os.O_DIRECTORY)
    try:
        return Notes.read(folder)
    finally:
        os.close(folder)


def told(directory: bytes) -> list[dict[str, object]]:
    """Return the records that were appended, without the log's own and without evidence."""
    evidence = ("event.sequence", "h", "m")
    return [
        {name: value for name, value in record.items() if name not in evidence}
        for record in records(directory)
        if record.get("event.action") not in ("log-rotated", "log-recovered", "policy-changed")
    ]


def start(work: Callable[[], None]) -> int:
    """Run WORK in a process of its own, forked; return its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def run(work: Callable[[], None]) -> int:
    """Run WORK in a process of its own to its end; return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(start(work), 0)[1])
