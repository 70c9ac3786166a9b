"""Authorities are replaced by a rotation key as keys are, and never the last one that is proven."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)

from bpc_ssh_guard.authorized_keys import expiry, key_id, parse
from bpc_ssh_guard.authorized_keys.authority import AuthorityLine

from .scenes import BACKUP, NEW, PROGRAM, Client, blob, keyid, public


class Signer:
    """The authority NUMBER, which can sign."""

    def __init__(self, number: int) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)

    @cached_property
    def public(self) -> str:
        words = self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return words.decode()

    @property
    def blob(self) -> bytes:
        return parse(self.public.encode()).blob or b""

    @property
    def id(self) -> str:
        return f"cert-{key_id(self.blob).decode()}"

    def certificate(self) -> str:
        """Return a certificate of the key 9 as sshd shows it; the guard looks at no signature."""
        holder = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32).public_key()
        builder = SSHCertificateBuilder().type(SSHCertificateType.USER).public_key(holder)
        builder = builder.serial(1).key_id(b"backup@web1/1").valid_principals([b"bpc-backup@web1"])
        now = int(time.time())
        signed = builder.valid_after(now - 60).valid_before(now + 60).sign(self.key)
        return signed.public_bytes().decode().strip()


OLD, NEXT, THIRD = (Signer(number) for number in (21, 22, 23))


class Certified:
    """A client that takes the certificates of OLD for two labels."""

    def __init__(self, client: Client) -> None:
        self.client = client
        lines = client.read_keys().split(b"\n")[:-1]
        client.write_keys(*lines, self.line("backup", OLD), self.line("restore", OLD))

    def line(self, label: str, signer: Signer, generation: int = 1, **changes: Any) -> bytes:
        """Return the line of SIGNER as the policy has it."""
        networks = (b"192.0.2.7",) if label == "backup" else ()
        parts = {"networks": networks, "policy": os.fsencode(self.client.policy_path), **changes}
        return AuthorityLine(PROGRAM, label.encode(), b"web1", signer.blob, generation,
                             **parts).compose()

    def lines_of(self, label: str) -> list[bytes]:
        found = self.client.read_keys().split(b"\n")
        return [raw for raw in found if f" bpc-ssh-guard:{label}:cert-".encode() in raw]

    def stage(self, signer: Signer, generation: int = 2, label: str = "backup") -> str:
        return f"stage {label} g{generation} cert-authority {signer.public}"

    def login(self, signer: Signer, label: str = "backup", exposed: bool = True) -> str:
        """Log in by a certificate of SIGNER, as sshd lets it in; return what it is told."""
        path = f"{self.client.root}/userauth"
        with open(path, "w", encoding="ascii", opener=_closed) as file:
            file.write(f"publickey {signer.certificate()}\n")
        prefix = ("env", f"SSH_USER_AUTH={path}") if exposed else ()
        done = self.client.run_as(label, signer.id, None, *prefix)
        return done.stdout.rstrip("\n").partition("generation=")[2]

    def listed(self, label: str = "backup") -> list[dict[str, Any]]:
        return [each for each in self.client.ask("list")["authorities"] if each["label"] == label]


def _closed(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@pytest.fixture
def certified(client: Client) -> Certified:
    return Certified(client)


def test_an_authority_is_replaced_and_every_other_line_stays(certified: Certified) -> None:
    client = certified.client
    before = [raw for raw in client.read_keys().split(b"\n") if raw not in
              certified.lines_of("backup")]
    assert client.done(certified.stage(NEXT)) == "staged"
    assert certified.login(NEXT) == f"2 authority={NEXT.id[5:]}"
    assert client.done(f"confirm backup {NEXT.id}") == "confirmed"
    assert client.done(f"retire backup {OLD.id}") == "retired"
    assert certified.lines_of("backup") == [certified.line("backup", NEXT, 2)]
    after = client.read_keys().split(b"\n")
    assert [raw for raw in after if raw not in certified.lines_of("backup")] == before


def test_the_staged_line_is_the_policys_and_ends_after_a_day(certified: Certified) -> None:
    answer = certified.client.ask(certified.stage(NEXT))
    assert abs(answer["until"] - time.time() - 24 * 3600) < 60
    assert (answer["label"], answer["key"], answer["gen"]) == ("backup", NEXT.id, 2)
    end = expiry.at(answer["until"])
    assert certified.lines_of("backup")[1] == certified.line("backup", NEXT, 2, staged=True,
                                                             expiry=end)


def test_every_verb_can_be_repeated(certified: Certified) -> None:
    client = certified.client
    assert client.done(certified.stage(NEXT)) == "staged"
    assert client.done(certified.stage(NEXT)) == "refreshed"
    certified.login(NEXT)
    for request in (f"confirm backup {NEXT.id}", f"retire backup {OLD.id}"):
        assert client.done(request) != "already"
        content = client.read_keys()
        assert client.done(request) == "already"
        assert client.read_keys() == content
    assert client.done(certified.stage(NEXT)) == "already"
    assert client.done(certified.stage(THIRD, 3)) == "staged"
    assert client.done(f"drop backup {THIRD.id}") == "dropped"
    assert client.done(f"drop backup {THIRD.id}") == "already"


def test_no_authority_is_confirmed_before_a_certificate_of_it_logged_in(
    certified: Certified,
) -> None:
    client = certified.client
    client.done(certified.stage(NEXT))
    client.done(certified.stage(NEXT, 2, "restore"))
    assert client.refused(f"confirm backup {NEXT.id}") == "refused"
    certified.login(OLD)
    assert client.refused(f"confirm backup {NEXT.id}") == "refused"
    certified.login(NEXT, "restore")  # proves nothing of the other label
    assert client.refused(f"confirm backup {NEXT.id}") == "refused"
    assert certified.login(NEXT, exposed=False) == ""  # nor does who can't be told apart
    assert client.refused(f"confirm backup {NEXT.id}") == "refused"
    certified.login(NEXT)
    assert client.done(f"confirm backup {NEXT.id}") == "confirmed"


def test_the_last_proven_authority_is_never_retired(certified: Certified) -> None:
    client = certified.client
    certified.login(OLD)
    assert client.refused(f"retire backup {OLD.id}") == "refused"
    client.done(certified.stage(NEXT))
    certified.login(NEXT)
    assert client.refused(f"retire backup {OLD.id}") == "refused"  # the new one isn't confirmed
    client.done(f"confirm backup {NEXT.id}")
    assert client.refused(f"retire backup {NEXT.id}") == "refused"
    assert client.done(f"retire backup {OLD.id}") == "retired"


def test_a_proven_key_stands_for_no_authority_nor_the_other_way(certified: Certified) -> None:
    client = certified.client
    client.done(f"stage backup g2 {public(NEW)}")
    client.greet("backup", NEW)
    client.done(f"confirm backup {keyid(NEW)}")
    assert client.refused(f"retire backup {OLD.id}") == "refused"
    client.done(f"retire backup {keyid(BACKUP)}")
    client.done(certified.stage(NEXT))
    certified.login(NEXT)
    client.done(f"confirm backup {NEXT.id}")
    assert client.refused(f"retire backup {keyid(NEW)}") == "refused"


def test_two_servers_get_a_conflict_and_not_two_authorities(certified: Certified) -> None:
    client = certified.client
    assert client.refused(certified.stage(NEXT, 1)) == "conflict"
    assert client.refused(certified.stage(NEXT, 102)) == "conflict"
    client.done(certified.stage(NEXT))
    assert client.refused(certified.stage(THIRD)) == "conflict"
    assert client.refused(certified.stage(THIRD, 3)) == "conflict"


def test_a_key_is_no_authority_and_an_authority_no_key(certified: Certified) -> None:
    client = certified.client
    assert client.refused(f"stage backup g2 cert-authority {public(BACKUP)}") == "conflict"
    assert client.refused(f"stage backup g2 {OLD.public}") == "conflict"
    assert client.done(f"retire backup {OLD.id[5:]}") == "already"  # no key has that id
    assert certified.lines_of("backup") == [certified.line("backup", OLD)]


def test_a_staged_authority_that_is_too_old_makes_room(certified: Certified) -> None:
    client = certified.client
    client.done(certified.stage(NEXT))
    certified.login(NEXT)
    raw = client.read_keys()
    end = certified.lines_of("backup")[1].partition(b'expiry-time="')[2][:14]
    client.write_keys(*raw.replace(end, expiry.at(int(time.time()) - 60)).split(b"\n")[:-1])
    assert client.refused(f"confirm backup {NEXT.id}") == "refused"
    assert client.done(certified.stage(THIRD, 3)) == "staged"
    assert [each["key"] for each in certified.listed()] == [OLD.id, THIRD.id]


def test_without_certificates_in_the_policy_no_authority_is_touched(certified: Certified) -> None:
    client = certified.client
    with open(client.policy_path, encoding="utf-8") as file:
        policy = file.read()
    client.write_policy(policy.replace("    Certificates web1\n", "", 1))
    for request in (certified.stage(NEXT), f"confirm backup {OLD.id}", f"drop backup {OLD.id}",
                    f"retire backup {OLD.id}"):
        assert client.refused(request) == "refused"
    assert client.done(certified.stage(NEXT, 2, "restore")) == "staged"
    assert client.refused(certified.stage(NEXT, 2, "other")) == "refused"
    assert client.refused(certified.stage(NEXT, 2, "rotate")) == "refused"


def test_of_a_line_that_is_the_admins_only_the_host_is_his_to_say(certified: Certified) -> None:
    client = certified.client
    with open(client.policy_path, encoding="utf-8") as file:
        policy = file.read().replace("    Certificates web1\n", "", 1)
    client.write_policy(policy)
    assert certified.listed()[0]["consistent"]
    client.write_policy(policy.replace("192.0.2.7", "192.0.2.99", 1))
    assert not certified.listed()[0]["consistent"]


def test_the_list_has_the_authorities_beside_the_keys(certified: Certified) -> None:
    certified.login(OLD)
    (listed,) = certified.listed()
    assert (listed["key"], listed["gen"], listed["staged"]) == (OLD.id, 1, False)
    assert listed["consistent"]
    assert abs(listed["proven"] - time.time()) < 60
    assert certified.client.ask("list")["foreign"] == 1


def test_another_principal_than_the_policys_is_told(certified: Certified) -> None:
    client = certified.client
    raw = client.read_keys().replace(b"bpc-backup@web1", b"bpc-backup@web2")
    client.write_keys(*raw.split(b"\n")[:-1])
    assert not certified.listed()[0]["consistent"]


def test_a_line_that_was_changed_is_left_alone(certified: Certified) -> None:
    client = certified.client
    raw = client.read_keys().replace(b'"bpc-backup@web1",restrict', b'"bpc-backup@web1,x",restrict')
    client.write_keys(*raw.split(b"\n")[:-1])
    assert certified.login(OLD) == f"- authority={OLD.id[5:]}"
    assert [each["gen"] for each in certified.listed()] == [None]
    assert client.refused(f"retire backup {OLD.id}") == "conflict"


def test_each_change_of_an_authority_is_in_the_log(certified: Certified) -> None:
    client = certified.client
    client.done(certified.stage(NEXT))
    certified.login(NEXT)
    client.done(f"confirm backup {NEXT.id}")
    client.done(f"retire backup {OLD.id}")
    found = [(each["event.action"], each["bpc.key.id"]) for each in client.records()
             if each["event.action"].startswith("key-")]
    assert found == [
        ("key-staged", NEXT.id), ("key-greeted", _holder()), ("key-confirmed", NEXT.id),
        ("key-retired", OLD.id),
    ]  # fmt: skip


def _holder() -> str:
    words = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32).public_key().public_bytes(
        Encoding.OpenSSH, PublicFormat.OpenSSH)
    return key_id(parse(words).blob or b"").decode()


@pytest.mark.parametrize(
    "request_",
    ["stage backup g2 cert-authority", "stage backup g2 cert-authority  {key}",
     "stage backup g2 cert-authority,pty {key}",
     "stage backup g2 cert-authority cert-authority {key}",
     "stage backup g2 CERT-AUTHORITY {key}", "stage backup cert-authority g2 {key}",
     "confirm backup cert-", "confirm backup cert-cert-{id}", "confirm backup Cert-{id}",
     'stage backup g2 principals="*",cert-authority {key}', "retire backup cert-{id} x"],
)
def test_nothing_else_is_a_request_about_an_authority(certified: Certified, request_: str) -> None:
    filled = request_.format(key=NEXT.public, id=OLD.id[5:])
    assert certified.client.refused(filled) == "syntax"


def test_blobs_of_no_other_type_become_authorities() -> None:
    line = AuthorityLine(PROGRAM, b"backup", b"web1", blob(NEW), 1)
    assert AuthorityLine.from_line(parse(line.compose())) is not None
    assert AuthorityLine.from_line(parse(line.compose().replace(b"restrict,", b""))) is None
