"""SSH_CONNECTION: all four parts as sshd writes them, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpc_ssh_guard.record.connection import Connection


def parts(value: bytes) -> tuple[str, int, str, int] | None:
    connection = Connection.from_words(value)
    return connection and (
        connection.source,
        connection.source_port,
        connection.destination,
        connection.destination_port,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"192.0.2.7 1 198.51.100.7 65535", ("192.0.2.7", 1, "198.51.100.7", 65535)),
        (b"2001:db8::7 40112 ::1 22", ("2001:db8::7", 40112, "::1", 22)),
        (b"fe80::1%eth0 40112 fe80::2%br-0.7 22", ("fe80::1", 40112, "fe80::2", 22)),
    ],
)
def test_reads_what_sshd_writes(value, expected) -> None:
    assert parts(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"192.0.2.7 1 198.51.100.7",
        b"192.0.2.7 1 198.51.100.7 22 ",
        b"192.0.2.7  198.51.100.7 22",
        b" 192.0.2.7 1 198.51.100.7 22",
        b"192.0.2.7\t1\t198.51.100.7\t22",
        b"192.0.2.7 1 198.51.100.7 22\n",
        b"192.0.2.7 0 198.51.100.7 22",
        b"192.0.2.7 65536 198.51.100.7 22",
        b"192.0.2.7 022 198.51.100.7 22",
        b"192.0.2.7 +1 198.51.100.7 22",
        b"192.0.2.7 \xd9\xa1 198.51.100.7 22",
        b"192.0.2.07 1 198.51.100.7 22",
        b"192.0.2 1 198.51.100.7 22",
        b"192.0.2.7\0 1 198.51.100.7 22",
        b"192.0.2.7%eth0 1 198.51.100.7 22",
        b"fe80::1% 1 ::1 22",
        b"fe80::1%a/b 1 ::1 22",
        b"fe80::1%a%b 1 ::1 22",
        b"web1.example 1 198.51.100.7 22",
        b"\xff 1 198.51.100.7 22",
        b"UNKNOWN 65535 UNKNOWN 65535",
    ],
)
def test_knows_nothing_of_anything_else(value) -> None:
    assert parts(value) is None


@given(st.binary(max_size=60))
@example(b"::1 1 ::1 " + b"9" * 5000)
def test_never_fails(value) -> None:
    parts(value)
