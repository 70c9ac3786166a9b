"""The type of every field of a record, as bpc-ssh-guard-log(5) has them, for engines.

Engines that guess types from the first lines get them wrong; all are given these.
"""

from __future__ import annotations

from typing import Final

TEXT: Final = "VARCHAR"  # times too: RFC 3339 in UTC sorts as it is
NUMBER: Final = "BIGINT"
TRUTH: Final = "BOOLEAN"
LIST: Final = "VARCHAR[]"

SEQUENCE: Final = "event.sequence"
TIME: Final = "@timestamp"

_NUMBERS: Final = (
    SEQUENCE, "bpc.boottime_ns", "process.pid", "source.port", "destination.port",
    "bpc.command.bytes", "bpc.secluded.count", "bpc.secluded.bytes", "process.args_count",
    "bpc.deny.offset", "process.exit_code", "bpc.signal", "event.duration", "bpc.io.read_bytes",
    "bpc.io.write_bytes", "bpc.rusage.utime_us", "bpc.rusage.stime_us", "bpc.rusage.maxrss_kb",
    "bpc.key.generation", "bpc.recovered.bytes", "bpc.recovered.expected", "bpc.recovered.found",
    "bpc.suppressed.count",
)
_TRUTHS: Final = ("bpc.deny.failure",)
_LISTS: Final = (
    "event.category", "event.type", "bpc.secluded.args", "bpc.paths", "bpc.features",
    "process.args", "bpc.grant.paths",
)
_TEXTS: Final = (
    TIME, "ecs.version", "event.kind", "event.action", "event.outcome", "event.dataset",
    "host.name", "host.boot.id", "observer.version", "process.entity_id", "bpc.key.label",
    "bpc.key.id", "source.ip", "destination.ip", "user.name", "user.id", "ssh.key.fingerprint",
    "ssh.key.type", "ssh.key.source", "ssh.cert.id", "ssh.cert.serial", "ssh.cert.ca_fingerprint",
    "process.command_line", "bpc.command.sha256", "bpc.command.base64", "bpc.secluded.sha256",
    "rule.id", "bpc.purpose", "bpc.program", "bpc.op", "bpc.policy.sha256", "process.executable",
    "bpc.confine.mode", "bpc.confine.layers", "event.code", "event.reason", "bpc.deny.where",
    "bpc.rotation.label", "bpc.rotation.id", "bpc.key.expires", "bpc.grant.id", "bpc.grant.until",
    "bpc.grant.sudo_user", "observer.product", "bpc.chain.id", "bpc.segment.previous",
    "bpc.segment.previous_head", "bpc.recovered.sha256", "event.start", "event.end", "file.path",
    "bpc.policy.previous_sha256", "bpc.checkpoint.nonce", "h", "m",
)

# By name, as DuckDB calls the types.
COLUMNS: Final = {
    **dict.fromkeys(_TEXTS, TEXT),
    **dict.fromkeys(_NUMBERS, NUMBER),
    **dict.fromkeys(_TRUTHS, TRUTH),
    **dict.fromkeys(_LISTS, LIST),
}

# The fields that are shown of restores and grants, or hold the ends of the former to their starts.
NOTABLE: Final = (
    TIME, "host.name", "event.action", "event.code", "event.reason", "bpc.key.label", "bpc.key.id",
    "bpc.op", "bpc.paths", "source.ip", "process.entity_id", "process.exit_code", "event.duration",
    "bpc.io.write_bytes", "bpc.grant.id", "bpc.grant.until", "user.name", "bpc.grant.sudo_user",
    "bpc.rotation.label",
)
# All that the queries ask for: to read all fields takes twice the time.
ASKED: Final = (
    *NOTABLE, "event.outcome", "bpc.rotation.id", "rule.id", "bpc.features", "bpc.io.read_bytes",
)
