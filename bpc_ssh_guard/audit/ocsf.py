"""Records as events of OCSF 1.9.0-dev: commands as Process Activity, the rest as base events.

OCSF's fingerprint means a hash of the OCSF event; ours is of the record's own line, which is
therefore carried in `raw_data`. What OCSF has no place for stands in `unmapped`: the address of a
login, too, for neither class has an endpoint, and it is an observable beside.
"""

from __future__ import annotations

import datetime
import json
from typing import Any, Final, NamedTuple, Optional

VERSION: Final = "1.9.0-dev"
PROCESS_ACTIVITY: Final = 1007
BASE_EVENT: Final = 0
_LAUNCH: Final = 1
_TERMINATE: Final = 2
_OTHER: Final = 99
_SHA256: Final = 3  # fingerprint.algorithm_id
_IP_ADDRESS: Final = 2  # observable.type_id
_SERVER: Final = 1  # device.type_id
_GUARD: Final = "bpc-ssh-guard"
_ACTIVITY: Final = {
    "command-started": _LAUNCH, "command-denied": _LAUNCH, "command-ended": _TERMINATE,
}
_STATUS: Final = {"success": 1, "failure": 2}  # status_id; 0 is unknown
_ALLOWED: Final = 1  # action_id and disposition_id
_DENIED: Final = 2
_HIGH, _INFORMATIONAL = 4, 1  # severity_id
# What is told elsewhere in the event.
_MAPPED: Final = frozenset({
    "@timestamp", "event.sequence", "host.name", "user.name", "user.id", "process.command_line",
    "process.pid", "process.entity_id", "process.exit_code", "event.code", "event.reason", "h",
    "bpc.policy.sha256", "observer.version", "event.outcome",
})


class Link(NamedTuple):
    """Where a record stands: the id of its chain, and number and h of the one before, if any."""

    chain: str
    previous: Optional[tuple[int, str]] = None


def to_ocsf(record: dict[str, Any], line: str, link: Link) -> dict[str, Any]:
    """Return the event of RECORD, whose line of the log is LINE and whose place is LINK."""
    action = str(record.get("event.action"))
    activity = _ACTIVITY.get(action, _OTHER)
    class_uid = PROCESS_ACTIVITY if action in _ACTIVITY else BASE_EVENT
    number, address = record.get("event.sequence"), record.get("source.ip")
    event: dict[str, Any] = {
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": _HIGH if record.get("event.outcome") == "failure" else _INFORMATIONAL,
        "time": _milliseconds(record.get("@timestamp")),
        "metadata": {
            "version": VERSION, "sequence": number, "uid": f"{link.chain}:{number}",
            "product": {"name": _GUARD, "vendor_name": "bpc_ssh_guard",
                        "version": record.get("observer.version")},
            "profiles": ["security_control", "record_integrity"],
        },
        "device": {"hostname": record.get("host.name"), "type_id": _SERVER},
        "actor": {"app_name": _GUARD,
                  "user": {"name": record.get("user.name"), "uid": record.get("user.id")}},
        "status_id": _STATUS.get(str(record.get("event.outcome")), 0),
        "status_code": record.get("event.code"),
        "status_detail": record.get("event.reason"),
        "policy": {"uid": record.get("bpc.policy.sha256")},
        "attestation_list": [_attestation(record, link)],
        "raw_data": line,
        "unmapped": {name: value for name, value in record.items() if name not in _MAPPED},
    }
    if class_uid == PROCESS_ACTIVITY:
        event["process"] = _process(record, activity, event["time"])
        allowed = _DENIED if action == "command-denied" else _ALLOWED
        event["action_id"] = event["disposition_id"] = allowed
    if action == "command-ended":
        event["exit_code"] = record.get("process.exit_code")
    if address is not None:
        event["observables"] = [{"name": "source.ip", "type_id": _IP_ADDRESS, "value": address}]
    return _without_nothing(event)


def _process(record: dict[str, Any], activity: int, time: int) -> dict[str, Any]:
    """Return the process of a command, whose record of ACTIVITY is of TIME.

    OCSF's `duration` is for events that stand for many: how long it ran is between its times.
    """
    process = {
        "cmd_line": record.get("process.command_line"), "pid": record.get("process.pid"),
        "uid": record.get("process.entity_id"),
    }
    if activity == _TERMINATE:
        process["terminated_time"], duration = time, record.get("event.duration")
        if isinstance(duration, int):
            process["created_time"] = time - duration // 1_000_000
    return process


def _attestation(record: dict[str, Any], link: Link) -> dict[str, Any]:
    found: dict[str, Any] = {"chain_uid": link.chain, "fingerprint": _fingerprint(record.get("h"))}
    if link.previous is not None:
        number, head = link.previous
        found["prev_event"] = {"uid": f"{link.chain}:{number}", "fingerprint": _fingerprint(head)}
    return found


def _fingerprint(value: object) -> dict[str, Any]:
    return {"algorithm_id": _SHA256, "value": value}


def _milliseconds(stamp: object) -> int:
    """Return the time of STAMP, `YYYY-MM-DDTHH:MM:SS.ffffffZ`; 0 for anything else."""
    try:
        moment = datetime.datetime.fromisoformat(str(stamp).removesuffix("Z"))
    except ValueError:
        return 0
    whole = int(moment.replace(microsecond=0, tzinfo=datetime.timezone.utc).timestamp())
    return whole * 1000 + moment.microsecond // 1000


def _without_nothing(event: dict[str, Any]) -> dict[str, Any]:
    """Return EVENT without the members that are not known."""
    found = {}
    for name, value in event.items():
        kept = _without_nothing(value) if isinstance(value, dict) else value
        if kept is not None and kept != {}:
            found[name] = kept
    return found


def as_line(event: dict[str, Any]) -> str:
    """Return EVENT as one line of ASCII JSON."""
    return json.dumps(event)
