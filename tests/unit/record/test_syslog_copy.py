"""The copy to syslog: what arrives at a real socket, and that nothing ever waits for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket

import pytest

from bpc_ssh_guard.record.event import Session
from bpc_ssh_guard.record.syslog_copy import send_copy
from bpc_ssh_guard.vocabulary import Reason

from . import scenes


@pytest.fixture
def daemon(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(10)
        yield receiver


def received(daemon: socket.socket, line: bytes) -> tuple[int, str, dict[str, object]]:
    """Send the copy of LINE; return priority, tag and object that arrive."""
    send_copy(line, daemon.getsockname())
    found = re.fullmatch(rb"<(\d+)>(\S+): @cee:(\{.*\})", daemon.recv(65536))
    return int(found[1]), found[2].decode(), json.loads(found[3])


def test_a_denial_arrives_as_a_warning_with_its_reason(daemon, session) -> None:
    line = scenes.denied(session)
    priority, tag, members = received(daemon, line)
    assert divmod(priority, 8) == (10, 4)  # authpriv, warning
    assert tag == f"bpc-ssh-guard[{os.getpid()}]"
    assert members == {
        "event.action": "command-denied",
        "event.code": "not-words",
        "process.entity_id": session.entity_id,
        "bpc.key.label": "web1-backup",
        "bpc.line.sha256": hashlib.sha256(line).hexdigest(),
    }


def test_a_failure_of_the_guard_arrives_with_what_to_do(daemon, session) -> None:
    line = session.denied(reason=Reason.CANNOT_RECORD, detail="/log: disk full; make room")
    members = received(daemon, line)[2]
    assert members["event.code"] == "cannot-record"
    assert members["event.reason"] == "/log: disk full; make room"


def test_what_is_allowed_arrives_as_information_without_a_code(daemon, session) -> None:
    for line in (scenes.started(session), scenes.ended(session), session.greeted()):
        priority, _, members = received(daemon, line)
        assert divmod(priority, 8) == (10, 6)  # authpriv, info
        assert members["event.action"] == json.loads(line)["event.action"]
        assert members["bpc.key.label"] == "web1-backup"
        assert "event.code" not in members


def test_a_peer_cannot_plant_members(daemon, session) -> None:
    command = b'"event.code":"no-command","bpc.key.label":"other\\","event.outcome":"success"'
    line = scenes.started(session, command=command, secluded=b"rsync\0" + command + b"\0\0")
    priority, _, members = received(daemon, line)
    assert divmod(priority, 8) == (10, 6)
    assert members["bpc.key.label"] == "web1-backup"
    assert "event.code" not in members


def test_a_label_with_quotes_arrives_whole(daemon) -> None:
    session = Session.from_environment({}, b'a"b\\', b"")
    members = received(daemon, session.denied(reason=Reason.BAD_USAGE))[2]
    assert members["bpc.key.label"] == 'a"b\\'


def test_a_daemon_that_reads_nothing_delays_nothing(daemon, session) -> None:
    line = session.greeted()
    for _ in range(1000):
        send_copy(line, daemon.getsockname())
    daemon.setblocking(False)
    arrived = 0
    while True:
        try:
            daemon.recv(65536)
        except BlockingIOError:
            break
        arrived += 1
    assert 0 < arrived < 1000


def test_a_missing_daemon_is_no_error(tmp_path, session) -> None:
    send_copy(session.greeted(), str(tmp_path / "none"))
    send_copy(session.greeted(), str(tmp_path / ("long" * 100)))


def test_a_socket_of_another_kind_is_no_error(tmp_path, session) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.bind(str(tmp_path / "stream"))
        stream.listen(1)
        send_copy(session.greeted(), stream.getsockname())


def test_a_process_without_descriptors_left_is_no_error(daemon, session) -> None:
    import resource

    line, address = session.greeted(), daemon.getsockname()

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        send_copy(line, address)

    assert scenes.run(work) == 0
