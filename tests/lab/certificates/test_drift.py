"""What differs between a client of certificates and its server is found, and only that."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpc_ssh_guard.keys.certificates.ca import Authority
from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.finding import Kind
from tests.lab.process import run

from .site import LABEL, Site, open_certified_site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

RESTORE = "web1-restore"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_certified_site(tmp_path_factory.mktemp("drift"), "web1") as site:
        yield site


@pytest.fixture
def certified(opened: Site) -> Site:
    """Return the site with its lines and fresh certificates, and nothing that differs."""
    return sound(opened)


def sound(opened: Site) -> Site:
    """Return OPENED with nothing that differs."""
    opened.write_policy()
    path = Path(opened.client.folder, "policy")
    admitted = "    Grants remote\n    From 127.0.0.1\n"  # as the configuration has it
    path.write_text(path.read_text().replace("    Grants remote\n", admitted))
    opened.configure(opened.server, str(opened.authorities.folder))
    opened.ca("issue")
    opened.allow(*opened.lines())
    opened.server.run("verify")
    return opened


def found(certified: Site, label: str = LABEL) -> list[tuple[str, str]]:
    """Return error and text of each finding of LABEL; the other label has none."""
    records = certified.server.records("verify", status=1)
    ended = {each["label"]: each["outcome"] for each in records if each["outcome"] != "found"}
    other = RESTORE if label == LABEL else LABEL
    assert ended == {label: "drift", other: "clean"}
    return [(each["error"], each["text"]) for each in records if each["outcome"] == "found"]


def kinds(certified: Site, label: str = LABEL) -> list[str]:
    return [kind for kind, _ in found(certified, label)]


def stranger(certified: Site, folder: Path, generation: int = 7) -> tuple[Authority, str]:
    """Return an authority of somebody else, and the line that lets its certificates in."""
    other = Authority(Pairs(folder / "stranger", mode=0o600).generate(generation))
    own = certified.authorities.current()
    line = next(each for each in certified.lines() if f":{LABEL}:" in each)
    line = line.replace(own.id, other.id).replace(f":g{own.generation}", f":g{generation}")
    return other, line.replace(own.pair.public, other.pair.public)


def test_a_line_that_is_gone_is_missing(certified: Site) -> None:
    certified.allow(*[line for line in certified.lines() if f":{LABEL}:" not in line])
    ((kind, text),) = found(certified)
    assert kind == Kind.MISSING
    assert certified.authorities.current().id in text
    assert "ca lines" in text


def test_an_authority_of_somebody_else_is_told_and_can_be_taken_out(
    certified: Site, tmp_path: Path
) -> None:
    other, line = stranger(certified, tmp_path)
    certified.allow(*certified.lines(), line)
    ((kind, text),) = found(certified)
    assert (kind, other.id in text) == (Kind.UNKNOWN_AUTHORITY, True)
    words = text[text.index("bpc-ssh-keys ") :].split()[1:]

    # It is of a later generation than ours, so only the client's admin can.
    (told,) = [each for each in certified.server.records(*words, status=1) if each["error"]]
    assert (told["error"], "take its line out on the client" in told["text"]) == ("refused", True)
    assert line in certified.client.lines()


def test_a_strange_authority_that_is_staged_is_taken_out_by_the_command_that_is_shown(
    certified: Site, tmp_path: Path
) -> None:
    other, _ = stranger(certified, tmp_path, certified.authorities.current().generation + 1)
    request = f"stage {LABEL} g{other.generation} cert-authority {other.pair.public}"
    assert b'"staged"' in ask(certified, request)
    ((kind, text),) = found(certified)
    assert kind == Kind.UNKNOWN_AUTHORITY
    words = text[text.index("bpc-ssh-keys ") :].split()[1:]

    (would,) = certified.server.records(*words, "--dry-run", status=1)
    assert (would["outcome"], would["key"]) == ("would", other.id)
    assert [each["outcome"] for each in certified.server.records(*words)] == ["revoked"]

    certified.server.run("verify")
    assert other.id not in "".join(certified.client.lines())


def test_the_own_authority_is_not_taken_out_by_name(certified: Site) -> None:
    own = certified.authorities.current().id
    (told,) = certified.server.records("revoke", "--host", "web1", "--label", LABEL, "--key", own,
                                  status=1)
    assert (told["error"], "ca rotate" in told["text"]) == ("refused", True)
    certified.server.run("verify")


def with_wider_address(certified: Site) -> None:
    """Let the line of LABEL be of more addresses than the policy says."""
    lines = [line.replace('from="127.0.0.1"', 'from="127.0.0.0/8"') if f":{LABEL}:" in line
             else line for line in certified.client.lines()]
    certified.client.sshd.authorize(lines)


def test_a_line_with_another_address_than_the_policys_is_inconsistent(certified: Site) -> None:
    with_wider_address(certified)
    assert kinds(certified) == [Kind.INCONSISTENT]


def test_lines_that_are_the_admins_own_are_held_against_the_policy_too(tmp_path: Path) -> None:
    """The client's policy says no Certificates: it leaves the authorities to its admin."""
    with open_certified_site(tmp_path) as opened:
        with_wider_address(sound(opened))
        assert kinds(opened) == [Kind.INCONSISTENT]


def test_a_line_that_was_changed_by_hand_is_unmanaged(certified: Site) -> None:
    certified.client.sshd.authorize([line.replace("restrict,", "restrict,pty,")
                                if f":{LABEL}:" in line else line
                                for line in certified.client.lines()])
    assert kinds(certified) == [Kind.MISSING, Kind.UNMANAGED]


def test_a_line_that_stands_twice_is_told(certified: Site) -> None:
    line = next(each for each in certified.lines() if f":{LABEL}:" in each)
    certified.allow(*certified.lines(), line)
    assert set(kinds(certified)) == {Kind.DUPLICATE}


def test_a_key_that_logs_in_without_a_certificate_is_told(certified: Site) -> None:
    pair = certified.server.current(LABEL)
    certified.allow(*certified.lines(), certified.client.line(LABEL, pair.key_id, pair.public))
    assert f"key={pair.key_id}".encode() in certified.login(b"").stdout
    ((kind, text),) = found(certified)
    assert (kind, pair.key_id in text) == (Kind.LASTING, True)


@pytest.mark.parametrize(("begins", "ends", "said"), [
    (-7200, -60, "not valid now"), (-20 * 3600, 6 * 3600, "was not renewed"),
    (-9 * 3600, 17 * 3600, ""), (600, 7200, "not valid now"),
])
def test_a_certificate_is_told_when_it_is_over_or_soon_will_be(
    certified: Site, begins: int, ends: int, said: str
) -> None:
    """One that is due for the next hourly renewal is nothing to tell."""
    certified.path_of(LABEL).write_bytes(certified.signed(begins=begins, ends=ends))
    if not said:
        certified.server.run("verify")
        return
    ((kind, text),) = found(certified)
    assert (kind, said in text) == (Kind.CERTIFICATE, True)


def test_a_certificate_of_other_terms_is_told(certified: Site) -> None:
    certified.path_of(LABEL).write_bytes(certified.signed(sources=(b"192.0.2.1",)))
    ((kind, text),) = found(certified)
    assert (kind, "says something else" in text) == (Kind.CERTIFICATE, True)


def test_a_missing_certificate_is_told_and_issued_by_the_command_shown(certified: Site) -> None:
    certified.path_of(LABEL).unlink()
    ((kind, text),) = found(certified)
    assert kind == Kind.CERTIFICATE
    certified.server.run(*text[text.index("bpc-ssh-keys ") :].split()[1:])
    certified.server.run("verify")


def test_an_open_key_file_is_told(certified: Site) -> None:
    path = certified.server.current(LABEL).path
    path.chmod(0o644)
    try:
        assert kinds(certified) == [Kind.FILES]
    finally:
        path.chmod(0o640)


def test_what_is_wrong_here_is_told_though_the_client_is_not_in_reach(certified: Site) -> None:
    certified.path_of(LABEL).unlink()
    certified.client.sshd.stop()
    try:
        records = certified.server.records("verify", "--label", LABEL, status=1)
    finally:
        certified.client.sshd.start()
    assert [each["error"] for each in records] == [Kind.CERTIFICATE, "unreachable"]


def test_a_rotation_of_the_authority_that_waits_for_days_is_told(certified: Site) -> None:
    new = certified.authorities.make_successor()
    try:
        certified.server.run("verify")
        old = time.time() - 4 * 24 * 3600
        os.utime(new.pair.path, (old, old))
        records: list[dict[str, Any]] = certified.server.records("verify", status=1)
        assert [each["error"] for each in records if each["error"]] == [Kind.UNFINISHED] * 2
    finally:
        certified.authorities.forget(new)


def test_a_fleet_of_keys_alone_needs_no_authority_and_is_told_of_one(
    certified: Site, tmp_path: Path
) -> None:
    server, client = certified.server, certified.client
    other, line = stranger(certified, tmp_path)
    aside = str(certified.authorities.folder)
    server.write_config('from = "127.0.0.1"')
    with open(server.path, "a", encoding="ascii") as file:
        file.write(f'[certificates]\nfolder = "{tmp_path}/none"\n')
    try:
        server.enrol(client)
        server.run("verify", "--label", LABEL)
        client.sshd.authorize([*client.lines(), line])
        records = server.records("verify", "--label", LABEL, status=1)
        assert [each["error"] for each in records] == [Kind.UNKNOWN_AUTHORITY, None]
        assert other.id in records[0]["text"]
    finally:
        certified.configure(server, aside)


def test_list_shows_the_authorities(certified: Site) -> None:
    records = certified.server.records("list", "--label", LABEL)
    assert [each["key"] for each in records[:-1]] == [certified.authorities.current().id]
    assert records[-1]["text"] == "0 keys; 1 authority"


def ask(certified: Site, request: str) -> bytes:
    """Return the client's answer to REQUEST of the rotation key."""
    argv = certified.server.ssh(LABEL, f"bpc-key/1 {request}")
    key = str(certified.server.config.hosts["web1"].rotation_key)
    argv[argv.index("-i") + 1] = key
    return run(argv).stdout


def test_a_host_of_keys_goes_over_to_certificates_without_a_gap(opened: Site) -> None:
    """In the order of bpc-ssh-keys(8); until the last step both let BackupPC in."""
    server, client = sound(opened).server, opened.client
    folder = str(opened.authorities.folder)
    server.write_config('from = "127.0.0.1"')
    server.enrol(client)
    server.run("rotate", "--emergency", "--label", LABEL)
    opened.configure(server, folder)

    opened.ca("issue")
    client.sshd.authorize([*client.lines(), *opened.lines()])
    opened.ca("prove")
    assert server.works(LABEL)
    server.run("render")
    records = server.records("verify", status=1)
    told = [each["text"] for each in records if each["error"]]
    assert [each["error"] for each in records if each["error"]] == [Kind.LASTING] * 2
    client.sshd.authorize([line for line in client.lines()
                           if not any(f":{text.split()[1].rstrip(':')}:" in line for text in told)
                           ])
    server.run("verify")
    assert opened.login(b"").stdout == b""
    assert f"label={LABEL} ".encode() in opened.login(opened.in_use()).stdout
