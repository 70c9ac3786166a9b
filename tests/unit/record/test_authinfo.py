"""Who logged in, as the file of SSH_USER_AUTH says it: read safely, and held to the forced command.

The keys and certificates are made by ssh-keygen.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.record import authinfo
from bpc_ssh_guard.record.line import encode
from bpc_ssh_guard.vocabulary import CERTIFICATE

from . import scenes

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = "web1-backup@web1/7"
SERIAL = 2**64 - 1
TYPES = {
    "ed25519": "ssh-ed25519",
    "rsa": "ssh-rsa",
    "ecdsa": "ecdsa-sha2-nistp256",
    "ecdsa-384": "ecdsa-sha2-nistp384",
    "ecdsa-521": "ecdsa-sha2-nistp521",
}


class Pair:
    """A key pair and its certificate, by ssh-keygen, as words of base64 and as fingerprints."""

    def __init__(self, folder: str, kind: str, authority: str) -> None:
        self.path = f"{folder}/{kind}"
        algorithm, _, bits = kind.partition("-")
        _keygen("-q", "-t", algorithm, *(("-b", bits) if bits else ()), "-N", "", "-f", self.path)
        self.public = _words(f"{self.path}.pub")
        _keygen("-q", "-s", authority, "-I", IDENTITY, "-n", "root,backup", "-z", str(SERIAL),
                "-O", "source-address=192.0.2.0/24", f"{self.path}.pub")
        self.certificate = _words(f"{self.path}-cert.pub")

    @property
    def key_id(self) -> bytes:
        blob = base64.b64decode(self.public[1])
        return hashlib.sha256(blob).hexdigest()[:32].encode()


def _keygen(*arguments: str) -> str:
    done = subprocess.run(
        ["ssh-keygen", *arguments], stdout=subprocess.PIPE, check=True, timeout=60, text=True
    )
    return done.stdout


def _words(path: str) -> tuple[str, str]:
    with open(path, encoding="ascii") as file:
        kind, blob, *_ = file.read().split()
    return kind, blob


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("authority") / "ca")
    _keygen("-q", "-t", "ed25519", "-N", "", "-f", path)
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, authority: str) -> dict[str, Pair]:
    folder = str(tmp_path_factory.mktemp("keys"))
    return {kind: Pair(folder, kind, authority) for kind in TYPES}


@pytest.fixture(params=TYPES)
def pair(pairs: dict[str, Pair], request: pytest.FixtureRequest) -> Pair:
    return pairs[request.param]


def line(words: tuple[str, str]) -> bytes:
    """Return the line that sshd writes for a key."""
    return f"publickey {words[0]} {words[1]}\n".encode()


def write(folder: Path, data: bytes, mode: int = 0o600) -> bytes:
    path = folder / "sshauth"
    path.write_bytes(data)
    path.chmod(mode)
    return os.fsencode(path)


def fingerprint(path: str) -> str:
    return _keygen("-l", "-f", path).split()[1]


def test_names_a_plain_key_as_ssh_keygen_does(pair: Pair, tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, line(pair.public)), pair.key_id)

    assert (found.complaint, found.key_id) == ("", pair.key_id)
    assert dict(found.members) == {
        "ssh.key.fingerprint": fingerprint(f"{pair.path}.pub"),
        "ssh.key.type": pair.public[0],
        "ssh.key.source": "both",
    }


def authority_id(path: str) -> bytes:
    """Return what a line for certificates of the authority at PATH says for a KEYID."""
    blob = base64.b64decode(_words(f"{path}.pub")[1])
    return CERTIFICATE + hashlib.sha256(blob).hexdigest()[:32].encode()


def test_names_the_key_in_a_certificate(pair: Pair, authority: str, tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, line(pair.certificate)), authority_id(authority))

    assert (found.complaint, found.key_id) == ("", pair.key_id)
    assert dict(found.members) == {
        "ssh.key.fingerprint": fingerprint(f"{pair.path}.pub"),
        "ssh.key.type": pair.public[0],
        "ssh.key.source": "authinfo",
        "ssh.cert.id": IDENTITY,
        "ssh.cert.serial": str(SERIAL),
        "ssh.cert.ca_fingerprint": fingerprint(f"{authority}.pub"),
    }


def test_takes_a_certificate_for_the_forced_command_of_its_key(pair: Pair, tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, line(pair.certificate)), pair.key_id)
    assert (found.complaint, found.key_id) == ("", pair.key_id)


def test_another_key_is_a_complaint_that_names_it(pair: Pair, tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, line(pair.public)), b"0" * 32)
    assert (found.complaint, found.key_id) == ("another key logged in", b"0" * 32)
    assert dict(found.members)["ssh.key.fingerprint"] == fingerprint(f"{pair.path}.pub")
    assert dict(found.members)["ssh.key.source"] == "authinfo"


def test_a_plain_key_is_no_certificate(pair: Pair, authority: str, tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, line(pair.public)), authority_id(authority))
    assert found.complaint == "no certificate of the authority logged in"
    assert dict(found.members)["ssh.key.fingerprint"] == fingerprint(f"{pair.path}.pub")


def test_a_certificate_of_another_authority_is_a_complaint(pair: Pair, tmp_path: Path) -> None:
    wanted = CERTIFICATE + b"0" * 32
    found = authinfo.identify(write(tmp_path, line(pair.certificate)), wanted)
    assert found.complaint == "no certificate of the authority logged in"
    assert dict(found.members)["ssh.cert.id"] == IDENTITY


def test_without_the_variable_a_line_for_certificates_fits_nobody() -> None:
    found = authinfo.identify(None, CERTIFICATE + b"0" * 32)
    assert "ExposeAuthInfo yes" in found.complaint
    assert found.members == ()


def test_looks_at_every_key_of_several(pairs: dict[str, Pair], tmp_path: Path) -> None:
    one, other = pairs["ed25519"], pairs["rsa"]
    lines = line(one.public) + b"keyboard-interactive/pam\n" + line(other.public)
    for wanted in (one, other):
        found = authinfo.identify(write(tmp_path, lines), wanted.key_id)
        assert (found.complaint, found.key_id) == ("", wanted.key_id)


def test_a_login_without_a_key_fits_nobody(tmp_path: Path) -> None:
    found = authinfo.identify(write(tmp_path, b"password\n"), scenes.KEY_ID)
    assert (found.complaint, found.members) == ("no key logged in", ())


class TestFile:
    """What is not sshd's own file vouches for nobody."""

    @pytest.fixture
    def good(self, pairs: dict[str, Pair]) -> bytes:
        return line(pairs["ed25519"].public)

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644])
    def test_that_others_may_open_is_refused(self, good: bytes, mode: int, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="alone"):
            authinfo.read(write(tmp_path, good, mode))

    def test_of_another_account_is_refused(self, good: bytes, tmp_path: Path) -> None:
        """Nobody but root can make one: elsewhere one of root's stands in."""
        if os.geteuid() == 0:
            path = write(tmp_path, good)
            os.chown(path, 65534, 65534)
        else:
            path = b"/etc/hostname"
        with pytest.raises(ValueError, match="alone"):
            authinfo.read(path)

    def test_behind_a_link_is_refused(self, good: bytes, tmp_path: Path) -> None:
        os.symlink(write(tmp_path, good), tmp_path / "link")
        with pytest.raises(OSError):
            authinfo.read(os.fsencode(tmp_path / "link"))

    def test_that_is_a_fifo_is_refused_without_waiting(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo", 0o600)
        with pytest.raises(ValueError, match="regular"):
            authinfo.read(os.fsencode(tmp_path / "fifo"))

    def test_over_the_limit_is_refused(self, tmp_path: Path) -> None:
        limit = authinfo.FILE_LIMIT
        assert len(authinfo.read(write(tmp_path, b"x" * limit))) == limit
        with pytest.raises(ValueError, match="more than"):
            authinfo.read(write(tmp_path, b"x" * (limit + 1)))

    def test_that_is_missing_is_a_complaint(self, tmp_path: Path) -> None:
        found = authinfo.identify(os.fsencode(tmp_path / "none"), scenes.KEY_ID)
        assert found.complaint == "SSH_USER_AUTH: No such file or directory"

    def test_leaves_no_descriptor_open(self, good: bytes, tmp_path: Path) -> None:
        before = os.listdir("/proc/self/fd")
        authinfo.read(write(tmp_path, good))
        with pytest.raises(ValueError):
            authinfo.read(write(tmp_path, good, 0o644))
        assert os.listdir("/proc/self/fd") == before

    def test_is_as_sshd_makes_it(self, good: bytes, tmp_path: Path) -> None:
        assert stat.S_IMODE(os.stat(write(tmp_path, good)).st_mode) == 0o600


def changed(pair: Pair, old: bytes, new: bytes) -> bytes:
    """Return the line of PAIR's certificate with NEW for the only OLD in its blob."""
    blob = base64.b64decode(pair.certificate[1])
    assert blob.count(old) == 1
    return line((pair.certificate[0], base64.b64encode(blob.replace(old, new)).decode()))


def test_malformed_lines_vouch_for_nobody(pairs: dict[str, Pair], tmp_path: Path) -> None:
    pair = pairs["ed25519"]
    kind, blob = pair.public
    cert_kind, cert = pair.certificate
    raw = base64.b64decode(cert)
    bad = {
        b"": "cut off",
        line(pair.public)[:-1]: "cut off",
        f"publickey {kind}\n".encode(): "two words",
        f"publickey {kind} {blob} comment\n".encode(): "two words",
        f"publickey {kind} {blob[:-4]}!{blob[-4:]}\n".encode(): "no base64",
        f"publickey {kind} {blob}\xe9\n".encode("latin-1"): "no base64",
        f"publickey ssh-rsa {blob}\n".encode(): "another type",
        f"publickey {kind} AAAA\n".encode(): "cut off",
        line((cert_kind, base64.b64encode(raw[:-1]).decode())): "cut off",
        line((cert_kind, base64.b64encode(raw + b"\0").decode())): "behind its end",
        changed(pair, b"\0\0\0\x01\0\0\0\x12web1", b"\0\0\0\x02\0\0\0\x12web1"): "not a user's",
        changed(pair, b"\0\0\0\x12web1", b"\xff\xff\xff\xffweb1"): "cut off",
    }
    for data, complaint in bad.items():
        found = authinfo.identify(write(tmp_path, data), pair.key_id)
        assert complaint in found.complaint, data
        assert found.members == ()


def test_a_certificate_of_an_unknown_type_vouches_for_nobody(tmp_path: Path) -> None:
    kind = b"ssh-new-cert-v02@openssh.com"
    blob = base64.b64encode(len(kind).to_bytes(4, "big") + kind + bytes(200)).decode()
    found = authinfo.identify(write(tmp_path, line((kind.decode(), blob))),
                              CERTIFICATE + b"0" * 32)
    assert "unknown type" in found.complaint


def test_a_hostile_key_id_is_inert_in_the_record(
    pairs: dict[str, Pair], authority: str, tmp_path: Path
) -> None:
    """The authority's operator may write anything there."""
    hostile = b"\x1b[2J\xff\nx\xe2\x80\xae\"\\</s>ab"
    assert len(hostile) == len(IDENTITY)
    data = changed(pairs["ed25519"], IDENTITY.encode(), hostile)

    found = authinfo.identify(write(tmp_path, data), authority_id(authority))

    record = encode(found.members)
    assert record.isascii()
    assert record.count(b"\n") == 1
    assert b"\\u001b[2J\\\\xff\\nx\\u202e" in record


@given(st.binary(max_size=400), st.integers(0, 600), st.booleans())
def test_any_blob_is_a_key_or_a_value_error(data: bytes, place: int, certified: bool) -> None:
    """Whatever the bytes say of their lengths, nothing but ValueError comes of them."""
    kind = b"ssh-ed25519-cert-v01@openssh.com" if certified else b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + data
    try:
        authinfo.LoginKey.from_blob(kind, blob[:place] + blob[place + 1 :])
    except ValueError:
        return


def test_session_of_a_known_key_shows_it_in_every_record(pairs: dict[str, Pair]) -> None:
    pair = pairs["ed25519"]
    session = scenes.session()
    key = authinfo.LoginKey.from_blob(pair.public[0].encode(), base64.b64decode(pair.public[1]))

    known = session.of_key(scenes.LABEL, key.key_id, key.members("both"))

    assert (known.entity_id, known.peer) == (session.entity_id, session.peer)
    shown = b'"ssh.key.type":"ssh-ed25519","ssh.key.source":"both"'
    for record in (known.greeted(), scenes.denied(known), scenes.ended(known)):
        assert shown in record
        assert b'"bpc.key.id":"%s"' % pair.key_id in record
