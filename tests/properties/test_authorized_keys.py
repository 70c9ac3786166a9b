"""authorized_keys: anything can be read, and what was composed is read back as it was."""

from __future__ import annotations

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.authorized_keys import (
    ForcedCommand,
    ManagedLine,
    Mark,
    Uncomposable,
    key_id,
    parse,
    parse_file,
)
from bpc_ssh_guard.authorized_keys.file import KeysFile

from .effort import examples

LABELS = st.from_regex(rb"[a-z][a-z0-9-]{0,31}", fullmatch=True)
NAMES = st.from_regex(rb"[A-Za-z0-9_@%+=:,.~-]{1,20}", fullmatch=True).filter(
    lambda name: name not in (b".", b"..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map(lambda names: b"/" + b"/".join(names))
NETWORKS = st.one_of(
    st.ip_addresses().map(lambda address: str(address).encode()),
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda pair: b"%b/%d" % (
        str(pair[0]).encode(), pair[1])),
)


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


KEYS = st.one_of(
    st.binary(min_size=32, max_size=32).map(
        lambda point: (b"ssh-ed25519", field(b"ssh-ed25519") + field(point))),
    st.tuples(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=300)).map(
        lambda pair: (b"ssh-rsa", b"".join(map(field, (b"ssh-rsa", *pair))))),
)
MANAGED = st.builds(
    ManagedLine, PATHS.map(lambda path: path + b"/bpc-ssh-guard"), LABELS, KEYS,
    st.integers(1, 999999), st.lists(NETWORKS, max_size=4).map(tuple),
    st.none() | PATHS,
)
EXPIRY = st.from_regex(rb"[0-9]{14}", fullmatch=True)
MANAGED |= st.builds(
    ManagedLine, PATHS.map(lambda path: path + b"/bpc-ssh-guard"), LABELS, KEYS,
    st.integers(1, 999999), st.lists(NETWORKS, max_size=4).map(tuple),
    st.none() | PATHS, st.booleans(), EXPIRY,
)

# Bytes that mean something to sshd, more often than chance has them.
PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([
        b" ", b"\t", b"\r", b"\n", b"\0", b"#", b",", b"=", b'"', b'\\"', b"\\", b"restrict",
        b"no-pty", b'command="', b'from="', b"cert-authority", b"ssh-ed25519 ", b"ssh-rsa ",
        b"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        b" bpc-ssh-guard:a:", b":g1", b":staged",
    ]),
)
CONTENTS = st.lists(PIECES, max_size=30).map(b"".join)


@examples(300)
@given(MANAGED)
def test_a_composed_line_is_read_back_as_it_was(managed):
    raw = managed.compose()
    line = parse(raw)
    again = ManagedLine.from_line(line)
    assert again is not None
    assert again.compose() == raw
    assert (line.fault, line.blob) == (None, managed.blob)
    assert (again.networks, again.expiry) == (managed.networks, managed.expiry)
    for one, other in ((again.command, managed.command), (again.mark, managed.mark)):
        assert all(getattr(one, name) == getattr(other, name) for name in one.__slots__)


@examples(300)
@given(MANAGED)
def test_a_composed_line_is_one_line_of_printable_ascii_with_the_options_meant(managed):
    raw = managed.compose()
    assert raw.isascii()
    assert raw.decode().isprintable()
    names = [name for name, _ in parse(raw).options]
    optional = [b"from"] * bool(managed.networks) + [b"expiry-time"] * bool(managed.expiry)
    assert names == [b"restrict", b"command", *optional]


def perhaps_with_more(good):
    """Return what is GOOD, or that with any bytes before or behind it."""
    behind = st.builds(bytes.__add__, good, CONTENTS)
    return good | behind | st.builds(bytes.__add__, CONTENTS, good)


@examples(500)
@given(perhaps_with_more(PATHS), perhaps_with_more(LABELS), perhaps_with_more(NETWORKS), KEYS)
def test_what_is_composed_of_any_bytes_holds_just_them(path, label, network, key):
    try:
        managed = ManagedLine(path, label, key, 1, (network,), path)
    except Uncomposable:
        return
    line = parse(managed.compose())
    words = (path, b"--policy", path, label, key_id(key[1]))
    assert line.options == (
        (b"restrict", None), (b"command", b" ".join(words)), (b"from", network),
    )
    assert (line.key_type, line.blob) == key
    assert line.comment == b"bpc-ssh-guard:%b:%b:g1" % (label, key_id(key[1]))


@examples(500)
@given(CONTENTS)
def test_any_bytes_are_read_and_joined_again_are_themselves(data):
    lines = parse_file(data)
    assert b"\n".join(line.raw for line in lines) == data
    for line in lines:
        assert (line.blob is None) == (line.key_type is None) == (line.comment is None)
        managed = ManagedLine.from_line(line)
        assert managed is None or managed.compose() == line.raw


@examples(300)
@given(st.binary())
def test_any_bytes_are_read_as_command_and_comment(data):
    call, mark = ForcedCommand.from_words(data), Mark.from_comment(data)
    assert call is None or call.compose() == data
    assert mark is None or mark.compose() == data


@examples(60)
@given(CONTENTS, MANAGED)
def test_adding_to_any_file_leaves_all_of_it_byte_for_byte(data, managed):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "authorized_keys")
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o600)
        with KeysFile.locked(path) as keys:
            keys.put({}, managed)
        with open(path, "rb") as file:
            written = file.read()
        gap = b"" if data.endswith(b"\n") or not data else b"\n"
        assert written == data + gap + managed.compose() + b"\n"
        with KeysFile.opened(path) as keys:
            assert keys.lines[-2].raw == managed.compose()


@examples(60)
@given(CONTENTS, st.lists(MANAGED, min_size=1, max_size=4), CONTENTS, st.data())
def test_changing_and_taking_out_lines_leaves_all_others_byte_for_byte(before, ours, behind, data):
    parts = [before.replace(b"\n", b"") + b"\n", *(line.compose() + b"\n" for line in ours), behind]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "authorized_keys")
        with open(path, "wb") as file:
            file.write(b"".join(parts))
        os.chmod(path, 0o600)
        numbers = range(2, len(ours) + 2)
        changes = data.draw(st.dictionaries(st.sampled_from(numbers), st.none() | MANAGED))
        with KeysFile.locked(path) as keys:
            keys.put(changes)
        for number, line in changes.items():
            parts[number - 1] = b"" if line is None else line.compose() + b"\n"
        with open(path, "rb") as file:
            assert file.read() == b"".join(parts)
