"""The members of each record: what is known is there under its name, what isn't is absent."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import pwd
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpc_ssh_guard import __version__
from bpc_ssh_guard.record.event import Session, timestamp
from bpc_ssh_guard.record.line import LINE_LIMIT
from bpc_ssh_guard.vocabulary import FAILURES, REASONS, Reason

from . import scenes

CALLER = {"source.ip", "source.port", "destination.ip", "destination.port"}


def test_every_record_says_when_where_and_for_whom(session) -> None:
    before = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    for line in scenes.every_line(session):
        record = json.loads(line)
        when = datetime.datetime.strptime(record["@timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
        assert when >= before
        assert record["bpc.boottime_ns"] >= boottime
        assert record["ecs.version"] == "9.4.0"
        assert record["event.kind"] == "event"
        assert record["event.dataset"] == "bpc.guard"
        assert record["host.name"] == os.uname().nodename
        with open("/proc/sys/kernel/random/boot_id") as file:
            assert record["host.boot.id"] == file.read().strip()
        assert record["observer.version"] == __version__
        assert record["process.pid"] == os.getpid()
        assert record["process.entity_id"] == session.entity_id
        assert record["bpc.key.label"] == "web1-backup"
        assert record["bpc.key.id"] == scenes.KEY_ID.decode()


def test_each_action_has_its_category_type_and_outcome(session) -> None:
    names = ("event.action", "event.category", "event.type", "event.outcome")
    seen = [
        tuple(json.loads(line)[name] for name in names) for line in scenes.every_line(session)
    ]
    assert seen == [
        ("key-greeted", ["authentication"], ["info"], "success"),
        ("command-started", ["process"], ["start"], "unknown"),
        ("command-ended", ["process"], ["end"], "success"),
        ("command-ended", ["process"], ["end"], "failure"),
        ("command-denied", ["intrusion_detection"], ["denied"], "failure"),
        ("command-started", ["process"], ["start"], "unknown"),
    ]


def test_two_sessions_are_told_apart() -> None:
    assert scenes.session().entity_id != scenes.session().entity_id


def test_a_record_says_who_called(session) -> None:
    record = json.loads(session.greeted())
    assert record["source.ip"] == session.peer == "192.0.2.77"
    assert record["source.port"] == 40112
    assert record["destination.ip"] == "198.51.100.7"
    assert record["destination.port"] == 22
    assert record["user.name"] == pwd.getpwuid(os.getuid()).pw_name
    assert record["user.id"] == str(os.getuid())


def test_a_malformed_connection_is_not_recorded() -> None:
    session = scenes.session(b"192.0.2.77 40112 198.51.100.7 0")
    assert session.peer is None
    assert CALLER.isdisjoint(json.loads(session.greeted()))


def test_a_missing_connection_is_not_recorded() -> None:
    session = Session.from_environment({}, scenes.LABEL, scenes.KEY_ID)
    assert CALLER.isdisjoint(json.loads(session.greeted()))


def test_a_start_holds_command_list_and_what_runs(session) -> None:
    record = json.loads(scenes.started(session))
    expected = {
        "process.command_line": scenes.COMMAND.decode(),
        "bpc.command.bytes": 52,
        # Both hashes stand in the published example of a log.
        "bpc.command.sha256": "9ca27ba4dd40e867347fba20fc62d82614a7a1017b58b36154f255e068576129",
        "bpc.secluded.args": ["--timeout=72000", "--numeric-ids", ".", "/etc/"],
        "bpc.secluded.count": 4,
        "bpc.secluded.bytes": 45,
        "bpc.secluded.sha256": "a7ae423aa07f2c7bdb5a42ccab79e44050b7917ad77aea8415d899ebb079788b",
        "process.executable": "/usr/bin/rsync",
        "process.args_count": 6,
        "rule.id": "rsync-send",
        "bpc.purpose": "backup",
        "bpc.program": "rsync",
        "bpc.op": "backup",
        "bpc.paths": ["/etc/"],
        "bpc.features": [],
        "bpc.policy.sha256": scenes.POLICY,
        "bpc.confine.mode": "off",
    }
    assert {name: record[name] for name in expected} == expected
    assert "bpc.command.base64" not in record


def test_a_confined_start_under_a_grant_says_what_holds_it(session) -> None:
    record = json.loads(scenes.restored(session))
    assert record["bpc.confine.mode"] == "strict"
    assert record["bpc.confine.layers"] == "landlock:7,seccomp,caps,ns,masks:1"
    assert record["bpc.grant.id"] == scenes.GRANT.decode()


def test_an_unconfined_start_without_a_grant_names_neither(session) -> None:
    record = json.loads(scenes.started(session))
    assert {"bpc.confine.layers", "bpc.grant.id"}.isdisjoint(record)


def test_a_denial_under_a_grant_names_it(session) -> None:
    record = json.loads(scenes.denied(session, grant=scenes.GRANT.decode()))
    assert record["bpc.grant.id"] == scenes.GRANT.decode()


def test_features_stand_in_one_order(session) -> None:
    record = json.loads(scenes.started(session, features=frozenset({"xattrs", "acls", "nice"})))
    assert record["bpc.features"] == ["acls", "nice", "xattrs"]


def test_hostile_bytes_are_recorded_and_can_be_had_back(session) -> None:
    line = scenes.denied(session)
    record = json.loads(line)
    assert record["process.command_line"] == "rsync --server -logDtpre.iLsfxC . /etc/\x1b[2J\n\\xff"
    assert base64.b64decode(record["bpc.command.base64"]) == scenes.HOSTILE
    assert record["bpc.command.sha256"] == hashlib.sha256(scenes.HOSTILE).hexdigest()
    assert line.count(b"\n") == 1
    assert b"\x1b" not in line


def test_a_long_command_is_cut_and_hashed_whole(session) -> None:
    command = b"rsync " + b"x" * 131_044
    record = json.loads(scenes.denied(session, command=command))
    assert record["process.command_line"] == command[:4096].decode()
    assert record["bpc.command.bytes"] == 131_050
    assert record["bpc.command.sha256"] == hashlib.sha256(command).hexdigest()


def test_a_long_list_keeps_its_count(session) -> None:
    arguments = [b"/srv/%d" % number for number in range(500)]
    secluded = b"\0".join([b"rsync", *arguments]) + b"\0\0"
    record = json.loads(scenes.started(session, secluded=secluded, paths=arguments))
    assert record["bpc.secluded.args"] == [word.decode() for word in arguments[:64]]
    assert record["bpc.secluded.count"] == 500
    assert record["bpc.paths"] == [word.decode() for word in arguments[:64]]


@pytest.mark.parametrize(
    ("secluded", "arguments"),
    [
        (b"", []),
        (b"\0", []),
        (b"rsync\0\0", []),
        (b"rsync\0.\0/a", [".", "/a"]),
        (b"rsync\0.\0/a\0", [".", "/a"]),
        (b"rsync\0.\0\xff\x1b\0\0", [".", "\\xff\x1b"]),
    ],
)
def test_a_cut_off_list_is_shown_as_far_as_it_came(session, secluded, arguments) -> None:
    record = json.loads(scenes.denied(session, secluded=secluded))
    assert record["bpc.secluded.args"] == arguments
    assert record["bpc.secluded.count"] == len(arguments)
    assert record["bpc.secluded.bytes"] == len(secluded)


def test_a_denial_says_why_and_where(session) -> None:
    record = json.loads(scenes.denied(session, where="secluded-list"))
    assert record["event.code"] == "not-words"
    assert record["event.reason"] == "control character in a word"
    assert record["bpc.deny.where"] == "secluded-list"
    assert record["bpc.deny.offset"] == 39
    assert record["bpc.deny.failure"] is False


def test_a_denial_without_a_place_has_none(session) -> None:
    record = json.loads(session.denied(reason=Reason.UNKNOWN_KEY))
    assert record["event.reason"] == REASONS[Reason.UNKNOWN_KEY]
    assert {"bpc.deny.where", "bpc.deny.offset"}.isdisjoint(record)


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_a_failure_of_the_guard_is_a_denial_that_says_so(session, reason) -> None:
    record = json.loads(session.denied(reason=reason, command=scenes.COMMAND))
    assert record["event.action"] == "command-denied"
    assert record["event.code"] == reason
    assert record["bpc.deny.failure"] is True


def test_an_end_says_status_time_bytes_and_usage(session) -> None:
    record = json.loads(scenes.ended(session, exit_status=23))
    assert record["event.outcome"] == "failure"
    assert record["process.exit_code"] == 23
    assert "bpc.signal" not in record
    assert record["event.duration"] == 9766769000
    assert record["bpc.io.read_bytes"] == 52113344
    assert record["bpc.io.write_bytes"] == 51023847
    assert record["bpc.rusage.maxrss_kb"] > 0
    assert record["bpc.rusage.utime_us"] >= 0
    assert record["bpc.rusage.stime_us"] >= 0


def test_an_end_by_a_signal_has_no_exit_code(session) -> None:
    record = json.loads(scenes.ended(session, exit_status=None, signal=9))
    assert record["bpc.signal"] == 9
    assert "process.exit_code" not in record
    assert record["event.outcome"] == "failure"


def test_unreadable_byte_counts_are_null(session) -> None:
    record = json.loads(scenes.ended(session, read_bytes=None, write_bytes=None))
    assert record["bpc.io.read_bytes"] is None
    assert record["bpc.io.write_bytes"] is None


def test_a_program_that_never_ran_has_a_reason_and_no_counts(session) -> None:
    record = json.loads(session.ended(code=Reason.EXEC_FAILED, detail="/usr/bin/rsync: missing"))
    assert record["event.outcome"] == "failure"
    assert record["event.code"] == "exec-failed"
    assert record["event.reason"] == "/usr/bin/rsync: missing"
    assert not any(name.startswith(("bpc.io.", "bpc.rusage.")) for name in record)


def test_a_greeting_shows_no_command(session) -> None:
    record = json.loads(session.greeted(policy_sha256=scenes.POLICY, purpose="backup"))
    assert not any(name.startswith(("process.command", "bpc.command")) for name in record)
    assert record["bpc.policy.sha256"] == scenes.POLICY


def test_no_name_is_both_a_value_and_a_folder_of_others(session) -> None:
    names = {name for line in scenes.every_line(session) for name in json.loads(line)}
    assert not [(a, b) for a in names for b in names if b.startswith(a + ".")]


def test_only_the_byte_counts_are_ever_null(session) -> None:
    lines = [*scenes.every_line(session), session.denied(reason=Reason.INTERNAL), session.ended()]
    null = {n for line in lines for n, value in json.loads(line).items() if value is None}
    assert null <= {"bpc.io.read_bytes", "bpc.io.write_bytes"}


def test_a_wrong_label_is_recorded_as_far_as_it_tells() -> None:
    session = Session.from_environment({}, b"\xff\n" + b"x" * 1000, b"")
    record = json.loads(session.denied(reason=Reason.BAD_USAGE))
    assert record["bpc.key.label"] == "\\xff\n" + "x" * 62


@given(st.integers(0, 4102444800 * 10**9))
def test_a_timestamp_is_utc_with_six_decimals(nanoseconds) -> None:
    microseconds = nanoseconds // 1000
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
    assert timestamp(nanoseconds) == when.isoformat(timespec="microseconds") + "Z"


PIECES = [b"\x00", b"\x1b", b"\xff", b"a", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b'"']
HOSTILE_BYTES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda piece, times: piece * times,
        st.sampled_from(PIECES),
        st.integers(0, 5000),
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    label=HOSTILE_BYTES,
    command=HOSTILE_BYTES,
    secluded=HOSTILE_BYTES,
    words=st.lists(HOSTILE_BYTES, max_size=100),
    detail=HOSTILE_BYTES,
)
def test_whatever_the_peer_sends_the_essence_of_the_record_fits(
    label, command, secluded, words, detail
) -> None:
    session = Session.from_environment({b"SSH_CONNECTION": command}, label, label)
    known = {"command": command, "secluded": secluded, "paths": words, "features": ["acls"]}
    reason = os.fsdecode(detail)
    for line in (
        session.started(executable=command, argv=words, rule=reason, **known),
        session.denied(reason=Reason.BAD_OPERAND, detail=reason, offset=7, **known),
        session.greeted(**known),
    ):
        assert len(line) <= LINE_LIMIT
        record = json.loads(line)
        assert record["event.category"]
        assert record["bpc.command.sha256"] == hashlib.sha256(command).hexdigest()
        assert "process.command_line" in record
