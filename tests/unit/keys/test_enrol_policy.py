"""The blocks that enrolment writes: behind what is there, and no word begins another line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.keys.config import parse
from bpc_ssh_guard.keys.enroll.policy import Wish, difference, extended
from bpc_ssh_guard.keys.trouble import Trouble
from bpc_ssh_guard.policy.load import parse as parse_policy

if TYPE_CHECKING:
    from bpc_ssh_guard.keys.config import Host

PATH = "/etc/bpc-ssh-guard/policy"
WISH = Wish(("/srv", "/my data"), ("/srv/*/x",), ("/restored",), ("192.0.2.7",))


@pytest.fixture
def host() -> Host:
    return parse("config", b"[host.web1]\n").hosts["web1"]


def test_missing_blocks_stand_behind_what_is_there(host: Host) -> None:
    before = b"# mine\nConfine best-effort\nKey other\n    Backup /etc\n    # no line end"
    after = extended(before, PATH, host, WISH)
    assert after.startswith(before + b"\n\nKey web1-backup\n")
    policy = parse_policy(after, PATH.encode())
    assert list(policy.blocks) == [b"other", b"web1-backup", b"web1-restore", b"web1-rotate"]
    assert policy.blocks[b"web1-backup"].roots == (b"/srv", b"/my data")
    assert policy.blocks[b"web1-backup"].never == (b"/srv/*/x",)
    assert policy.blocks[b"web1-rotate"].rotates == (b"web1-backup", b"web1-restore")
    assert all(policy.blocks[label].networks for label in list(policy.blocks)[1:])
    assert not policy.blocks[b"web1-restore"].grants_remote


def test_a_policy_that_has_all_blocks_is_left_to_the_byte(host: Host) -> None:
    whole = extended(None, PATH, host, WISH)
    assert extended(whole, PATH, host, Wish()) == whole
    assert difference(whole, whole, PATH) == ""


@pytest.mark.parametrize("path", ["/srv\nConfine off", "/srv\n    Restore /", "/a\x1b[2J", "/a\rb"])
def test_refuses_a_path_that_would_begin_a_line_of_its_own(host: Host, path: str) -> None:
    with pytest.raises(Trouble, match="control characters"):
        extended(None, PATH, host, Wish((path,), (), ("/restored",), ("192.0.2.7",)))


@pytest.mark.parametrize("path", ['/a"b', "/a b", "/a\\b", "/a#b", "/#b", "/ä"])
def test_a_path_with_signs_of_the_language_is_read_back_as_it_was(host: Host, path: str) -> None:
    wish = Wish((path,), (), ("/restored",), ("192.0.2.7",))
    policy = parse_policy(extended(None, PATH, host, wish), PATH.encode())
    assert policy.blocks[b"web1-backup"].roots == (path.encode(),)


@pytest.mark.parametrize("source", ["192.0.2.7\nConfine off", "somewhere", ""])
def test_refuses_a_source_that_is_no_address(host: Host, source: str) -> None:
    with pytest.raises(Trouble, match="--from"):
        extended(None, PATH, host, Wish(("/srv",), (), ("/restored",), (source,)))


def test_refuses_keys_that_would_work_from_anywhere(host: Host) -> None:
    with pytest.raises(Trouble, match="works from anywhere"):
        extended(None, PATH, host, Wish(("/srv",), (), ("/restored",)))


@pytest.mark.parametrize(("there", "said"), [
    (b"Key web1-backup\n    Restore /x\n", "Key web1-backup of its policy is for restore"),
    (b"Key web1-backup\n    Backup /x\nKey web1-rotate\n    Rotate web1-backup\n",
     "doesn't Rotate web1-restore"),
])
def test_a_block_that_is_for_something_else_is_told(host: Host, there: bytes, said: str) -> None:
    with pytest.raises(Trouble, match=said):
        extended(there, PATH, host, WISH)


def test_refuses_a_new_block_without_roots(host: Host) -> None:
    with pytest.raises(Trouble, match="--restore PATH"):
        extended(None, PATH, host, Wish(("/srv",), (), (), ("192.0.2.7",)))


def test_the_difference_shows_nothing_that_a_terminal_obeys() -> None:
    assert "\x1b" not in difference(b"# \x1b[2J\n", b"# \x1b[2J\nKey a\n", PATH)
