"""Lines of authorized_keys: read as sshd reads them, composed so that nothing can slip in."""

from __future__ import annotations

import os
import subprocess
import sys
from binascii import b2a_base64

import pytest

import bpc_ssh_guard
from bpc_ssh_guard.authorized_keys import (
    ForcedCommand,
    ManagedLine,
    Mark,
    Uncomposable,
    fingerprint,
    key_id,
    parse,
    parse_file,
)

from . import keylines

PROGRAM = b"/usr/sbin/bpc-ssh-guard"
BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
KEY = (b"ssh-ed25519", BLOB)
KEY_ID = b"4f19ec6fc4ef8ff4ad27a2ce0b0e9ef1"


@pytest.fixture(scope="module")
def ed25519(tmp_path_factory):
    return keylines.generate(str(tmp_path_factory.mktemp("keys") / "ed25519"))


@pytest.fixture(scope="module")
def rsa(tmp_path_factory):
    return keylines.generate(str(tmp_path_factory.mktemp("keys") / "rsa"), "rsa", "2048")


@pytest.fixture(scope="module")
def ecdsa(tmp_path_factory):
    return keylines.generate(str(tmp_path_factory.mktemp("keys") / "ecdsa"), "ecdsa")


def fingerprints_of_ssh_keygen(path) -> list[str]:
    """Return what ssh-keygen -l says of the file at PATH; nothing when it finds no key."""
    done = subprocess.run(
        ["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, timeout=60
    )
    return [line.split()[1] for line in done.stdout.splitlines()]


def managed(**changes) -> ManagedLine:
    parts = {"program": PROGRAM, "label": b"web1-backup", "key": KEY, "generation": 1, **changes}
    return ManagedLine(**parts)


# Reading


@pytest.mark.parametrize("known", keylines.KNOWN_LINES, ids=lambda known: known.what)
def test_finds_a_live_key_exactly_where_sshd_does(known, ed25519, rsa):
    line = parse(known.render(ed25519, rsa))
    served = line.fault is None and line.blob == (rsa if known.rsa else ed25519).blob
    assert served == known.served


def test_gives_options_by_small_names_and_unquoted_values():
    line = parse(b'RESTRICT,no-PTY,Command="say \\"a, b\\" \\c" ssh-ed25519 '
                 + b2a_base64(BLOB, newline=False) + b"  a comment ")
    assert line.options == (
        (b"restrict", None), (b"no-pty", None), (b"command", b'say "a, b" \\c'),
    )
    assert (line.key_type, line.blob, line.comment) == (b"ssh-ed25519", BLOB, b"a comment ")


@pytest.mark.parametrize("raw", [b"", b"  \t", b"# ssh-ed25519 AAAA", b"  # x", b"\0x"])
def test_blank_lines_and_comments_hold_nothing(raw):
    line = parse(raw)
    assert line.is_blank
    assert (line.raw, line.options, line.key_type, line.blob) == (raw, (), None, None)


@pytest.mark.parametrize(
    "raw",
    [b"word", b"ssh-ed25519", b"ssh-ed25519 ", b"ssh-ed25519 AAAA", b'command="x', b"\xff \xfe"],
)
def test_lines_without_a_whole_key_hold_none_and_are_not_blank(raw):
    line = parse(raw)
    assert not line.is_blank
    assert line.blob is None
    assert line.comment is None


def test_an_unknown_option_is_a_fault_and_the_key_is_still_told():
    line = parse(b"shell " + b" ".join((b"ssh-ed25519", b2a_base64(BLOB, newline=False))))
    assert line.fault == "unknown option 'shell'"
    assert line.blob == BLOB


def test_a_fault_cannot_steer_a_terminal():
    line = parse(b"\x1b[2J " + b" ".join((b"ssh-ed25519", b2a_base64(BLOB, newline=False))))
    assert line.fault == r"unknown option '\x1b[2j'"


def test_base64_with_spare_bits_or_without_padding_is_no_key(tmp_path, ecdsa):
    assert ecdsa.base64.endswith(b"=")
    assert not ecdsa.base64.endswith(b"==")
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters.index(ecdsa.base64[-2:-1])
    spare = ecdsa.base64[:-2] + letters[last + 1 : last + 2] + b"="
    for encoded in (spare, ecdsa.base64[:-1]):
        raw = ecdsa.type + b" " + encoded
        (tmp_path / "keys").write_bytes(raw + b"\n")
        assert fingerprints_of_ssh_keygen(tmp_path / "keys") == []
        assert parse(raw).blob is None


@pytest.mark.parametrize(
    "blob",
    [BLOB + b"x", BLOB[:-1], BLOB[:15] + b"\0\0\0\x1f" + bytes(31), BLOB[:15], BLOB + b"\0\0\0\0"],
    ids=["longer", "shorter", "31 bytes", "no field", "one field more"],
)
def test_a_blob_that_is_not_whole_is_no_key(blob):
    assert parse(b"ssh-ed25519 " + b2a_base64(blob, newline=False)).blob is None


def test_lines_joined_again_are_the_file():
    data = b"\n# a\n\nssh-ed25519 x\r\n\0\nlast without LF"
    assert b"\n".join(line.raw for line in parse_file(data)) == data


def test_the_same_keys_as_ssh_keygen_finds(tmp_path, ed25519, rsa, ecdsa):
    options = b'restrict,command="a \\" b",from="::1" '
    lines = [b"# comment", b"", ed25519.words, b"garbage " * 9, options + rsa.words + b" mine",
             b'command="open ' + ecdsa.words, b"  " + ecdsa.words + b" x y"]
    path = tmp_path / "authorized_keys"
    path.write_bytes(b"\n".join(lines) + b"\n")
    ours = [fingerprint(line.blob) for line in parse_file(path.read_bytes()) if line.blob]
    assert ours == fingerprints_of_ssh_keygen(path)
    assert len(ours) == 3


def test_key_id_is_half_a_sha256_of_the_blob(ed25519):
    digest = subprocess.run(
        ["sha256sum"], input=ed25519.blob, stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout
    assert key_id(ed25519.blob) == digest[:32]


# Composing


def test_composes_the_line_of_the_manual():
    assert managed(networks=(b"192.0.2.7", b"2001:db8::/32")).compose() == (
        b'restrict,command="/usr/sbin/bpc-ssh-guard web1-backup %b",from="192.0.2.7,2001:db8::/32"'
        b" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
        b" bpc-ssh-guard:web1-backup:%b:g1" % (key_id(BLOB), key_id(BLOB))
    )


def test_names_another_policy_before_the_label_and_staged_at_the_end():
    line = managed(policy=b"/srv/policy", staged=True, expiry=b"20261125104803").compose()
    assert b'"/usr/sbin/bpc-ssh-guard --policy /srv/policy web1-backup ' in line
    assert b'",expiry-time="20261125104803" ssh-ed25519 ' in line
    assert line.endswith(b":g1:staged")


@pytest.mark.parametrize(
    "changes",
    [
        {"program": b'/usr/sbin/bpc-ssh-guard"'},
        {"program": b"/usr/sbin/bpc-ssh-guard\n"},
        {"program": b"/usr/sbin/bpc-ssh-guard x"},
        {"program": b"/usr/sbin\\/bpc-ssh-guard"},
        {"program": b"/usr/sbin/$HOME"},
        {"program": b"/usr/sbin/../bpc-ssh-guard"},
        {"program": b"bpc-ssh-guard"},
        {"program": b""},
        {"program": b"/usr/sbin/bpc-ssh-guard\0"},
        {"program": "/usr/sbin/bpc-ssh-guardé".encode()},
        {"policy": b"/etc/policy;id"},
        {"policy": b'/etc/"policy'},
        {"policy": b"/etc/po\nlicy"},
        {"policy": b"/etc//policy"},
        {"policy": b""},
        {"label": b"Web1"},
        {"label": b'web1"'},
        {"label": b"web1\n"},
        {"label": b"web1 x"},
        {"label": b""},
        {"label": b"w" * 33},
        {"networks": (b'192.0.2.7"',)},
        {"networks": (b"192.0.2.7,0.0.0.0/0",)},
        {"networks": (b"*",)},
        {"networks": (b"192.0.2.7\n",)},
        {"networks": (b"",)},
        {"expiry": b""},
        {"expiry": b"20261125"},
        {"expiry": b"20261125104803Z"},
        {"expiry": b'2026112510480"'},
        {"staged": True},
        {"generation": 0},
        {"generation": 1_000_000},
        {"key": (b"ssh-rsa", BLOB)},
        {"key": (b"ssh-ed25519\n", BLOB)},
        {"key": (b"ssh-ed25519", BLOB + b"x")},
        {"key": (b"ssh-ed25519", b"")},
        {"key": (b"ssh-ed25519-cert-v01@openssh.com", b"\0\0\0\x01x")},
    ],
    ids=repr,
)
def test_refuses_to_compose_what_could_inject(changes):
    with pytest.raises(Uncomposable):
        managed(**changes)


def test_reads_back_what_it_composed():
    line = managed(networks=(b"192.0.2.7",), policy=b"/srv/policy", generation=17, staged=True,
                   expiry=b"20261125104803")
    again = ManagedLine.from_line(parse(line.compose()))
    assert again is not None
    assert again.compose() == line.compose()
    assert (again.mark.generation, again.mark.staged, again.networks) == (17, True, (b"192.0.2.7",))
    assert again.expiry == b"20261125104803"
    assert (again.command.label, again.command.policy) == (b"web1-backup", b"/srv/policy")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"restrict,", b""),
        (b"restrict,", b"restrict,pty,"),
        (b"restrict,", b"RESTRICT,"),
        (b"restrict,", b" restrict,"),
        (b" ssh-ed25519", b"  ssh-ed25519"),
        (b":g1", b":g01"),
        (b":g1", b":g1 "),
        (b":g1", b":g1\r"),
        (b":g1", b":g1:stage"),
        (b":g1", b":1g2"),
        (b":g1", b":g"),
        (b":g1", b":g-1"),
        (b":g1", b":g\xc2\xb2"),
        (b"bpc-ssh-guard:", b"bpc-ssh-guard::"),
        (b":web1-backup:", b":web2-backup:"),
        (b"web1-backup ", b"web1-backup  "),
        (b'from="192.0.2.7"', b'from="192.0.2.7,"'),
        (b'from="192.0.2.7"', b'from="!192.0.2.7"'),
    ],
)
def test_a_line_that_differs_by_anything_is_foreign(old, new):
    raw = managed(networks=(b"192.0.2.7",)).compose()
    assert old in raw
    assert ManagedLine.from_line(parse(raw.replace(old, new, 1))) is None


@pytest.mark.parametrize(
    "command",
    [b"/usr/sbin/bpc-ssh-guard", b"/bin/sh", b"", b"bpc-ssh-guard web1 x",
     b"/usr/sbin/bpc-ssh-guard web1 " + KEY_ID + b"; id",
     b"/usr/sbin/bpc-ssh-guard  web1 " + KEY_ID,
     b"/usr/sbin/bpc-ssh-guard --policy web1 " + KEY_ID,
     b"/usr/sbin/bpc-ssh-guard --policy x web1 " + KEY_ID],
)
def test_another_command_is_no_call_of_the_guard(command):
    assert ForcedCommand.from_words(command) is None


def test_tells_the_interpreter_that_stands_before_the_guard():
    call = ForcedCommand.from_words(b"/usr/bin/python3 -IS " + PROGRAM + b" web1 " + KEY_ID)
    assert call is not None
    assert call.interpreter == (b"/usr/bin/python3", b"-IS")
    assert (call.program, call.label, call.key_id) == (PROGRAM, b"web1", KEY_ID)


def test_the_highest_generation_has_six_digits():
    comment = b"bpc-ssh-guard:web1:%b:g999999" % KEY_ID
    mark = Mark.from_comment(comment)
    assert mark is not None
    assert mark.compose() == comment
    assert Mark.from_comment(comment + b"9") is None


def test_loads_none_of_the_modules_that_make_a_start_slow():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bpc_ssh_guard.authorized_keys;"
        " print(*sys.modules)"
    )
    checkout = os.path.dirname(os.path.dirname(bpc_ssh_guard.__file__))
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", script, checkout],
        stdout=subprocess.PIPE, text=True, check=True, timeout=60,
    )
    slow = {"base64", "collections", "dataclasses", "enum", "hashlib", "json", "re", "typing"}
    assert not slow & set(done.stdout.split())
