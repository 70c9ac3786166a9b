"""The grammar of a rotation key's commands: each verb in one spelling, all else refused."""

from __future__ import annotations

from binascii import b2a_base64

import pytest

from bpc_ssh_guard.errors import Refused
from bpc_ssh_guard.keyagent.verbs import MAX_REQUEST, PROTOCOL, VERBS, parse
from bpc_ssh_guard.vocabulary import Reason

from .scenes import NEW, blob, keyid, public

STAGE = f"bpc-key/1 stage backup g2 {public(NEW)}".encode()
LONGEST = f"bpc-key/1 stage {'a' * 32} g999999 {public(NEW)}".encode()


def refusal(command: bytes) -> Refused:
    """Return why COMMAND is refused."""
    with pytest.raises(Refused) as caught:
        parse(command)
    return caught.value


def test_reads_a_key_to_stage() -> None:
    request = parse(STAGE)
    assert (request.verb, request.label, request.generation) == ("stage", b"backup", 2)
    assert (request.blob, request.key_id) == (blob(NEW), keyid(NEW).encode())


@pytest.mark.parametrize("verb", ["confirm", "drop", "retire"])
def test_reads_a_key_by_its_id(verb) -> None:
    request = parse(f"bpc-key/1 {verb} web1-backup {keyid(NEW)}".encode())
    assert (request.verb, request.label) == (verb, b"web1-backup")
    assert request.key_id == keyid(NEW).encode()


def test_reads_list_grant_and_ungrant() -> None:
    assert parse(b"bpc-key/1 list").verb == "list"
    grant = parse(b"bpc-key/1 grant restore 7200")
    assert (grant.verb, grant.label, grant.seconds) == ("grant", b"restore", 7200)
    assert parse(b"bpc-key/1 ungrant restore").label == b"restore"


def test_the_longest_request_is_far_below_the_limit() -> None:
    assert parse(LONGEST).label == b"a" * 32
    assert len(LONGEST) == 137 < MAX_REQUEST
    assert refusal(LONGEST + b"x" * (MAX_REQUEST - 136)).reason == Reason.TOO_LONG


WRONG_BLOBS = {
    "another length": b"\0\0\0\x0bssh-ed25519\0\0\0\x21" + bytes(33),
    "too short": b"\0\0\0\x0bssh-ed25519\0\0\0\x1f" + bytes(31),
    "more behind it": blob(NEW) + b"\0\0\0",
    "another type": b"\0\0\0\x0bssh-ed25518\0\0\0\x20" + bytes(32),
    "a lie about its length": b"\0\0\0\x0bssh-ed25519\0\0\0\x1f" + bytes(32),
}


@pytest.mark.parametrize("wrong", WRONG_BLOBS.values(), ids=WRONG_BLOBS)
def test_takes_nothing_but_a_whole_ed25519_key(wrong) -> None:
    encoded = b2a_base64(wrong, newline=False)
    command = b"bpc-key/1 stage backup g2 ssh-ed25519 " + encoded
    assert refusal(command).reason == Reason.BAD_OPERAND


BREAKS = tuple(bytes([byte]) for byte in b"\n\r\0\"',\\\t #$;\xff=")


@pytest.mark.parametrize("command", [
    STAGE, f"bpc-key/1 confirm backup {keyid(NEW)}".encode(), b"bpc-key/1 grant restore 7200",
    b"bpc-key/1 ungrant restore", b"bpc-key/1 list",
])  # fmt: skip
def test_no_byte_of_another_language_gets_in_anywhere(command) -> None:
    for at in range(len(PROTOCOL), len(command) + 1):
        for byte in BREAKS:
            assert refusal(command[:at] + byte + command[at:]).reason == Reason.BAD_OPERAND
            if byte != command[at : at + 1] and at < len(command):
                changed = command[:at] + byte + command[at + 1 :]
                assert refusal(changed).reason == Reason.BAD_OPERAND


@pytest.mark.parametrize("command", [
    "bpc-key/1 ", "bpc-key/1 List", "bpc-key/1 list all", "bpc-key/1  list", "bpc-key/1 add x y",
    "bpc-key/1 stage", "bpc-key/1 stage backup", "bpc-key/1 stage Backup g2 " + public(NEW),
    "bpc-key/1 stage 1backup g2 " + public(NEW), f"bpc-key/1 stage {'a' * 33} g2 " + public(NEW),
    "bpc-key/1 stage backup 2 " + public(NEW), "bpc-key/1 stage backup g0 " + public(NEW),
    "bpc-key/1 stage backup g02 " + public(NEW), "bpc-key/1 stage backup g-2 " + public(NEW),
    "bpc-key/1 stage backup g1000000 " + public(NEW), STAGE.decode() + " comment",
    STAGE.decode().replace("ssh-ed25519", "ssh-rsa"), STAGE.decode()[:-1], STAGE.decode() + "=",
    f"bpc-key/1 confirm backup {keyid(NEW).upper()}", f"bpc-key/1 confirm backup {keyid(NEW)}0",
    f"bpc-key/1 drop backup {keyid(NEW)[:-1]}", f"bpc-key/1 retire {keyid(NEW)}",
    "bpc-key/1 grant restore", "bpc-key/1 grant restore 0", "bpc-key/1 grant restore 060",
    "bpc-key/1 grant restore 1h", "bpc-key/1 grant restore 100000", "bpc-key/1 ungrant",
    "bpc-key/1 ungrant restore 60",
])  # fmt: skip
def test_refuses_another_spelling(command) -> None:
    assert refusal(command.encode()).reason == Reason.BAD_OPERAND


def test_says_which_verbs_there_are() -> None:
    assert all(verb in refusal(b"bpc-key/1 ").detail for verb in VERBS)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (b"", Reason.NOT_WORDS), (b"id", Reason.UNKNOWN_PROGRAM), (b"a;b", Reason.NOT_WORDS),
        (b"bpc-key/2 list", Reason.UNKNOWN_PROGRAM),
        (b"bpc-log/1 export 0", Reason.UNKNOWN_PROGRAM),
        (b"rsync --server --sender . /srv", Reason.WRONG_OPERATION),
        (b"sudo tar -c", Reason.WRONG_OPERATION),
    ],
)  # fmt: skip
def test_refuses_what_is_none_of_the_protocol(command, reason) -> None:
    assert refusal(command).reason in (reason, Reason.UNKNOWN_PROGRAM)
