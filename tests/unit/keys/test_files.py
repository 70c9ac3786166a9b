"""Key pairs are made once, put in place whole, and never replaced or half removed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from bpc_ssh_guard.keys.files import Pairs
from bpc_ssh_guard.keys.transport import private_key
from bpc_ssh_guard.keys.trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    return Pairs(tmp_path / "keys" / "web1" / "web1-backup", os.getegid())


def test_a_pair_is_closed_to_others_and_its_halves_fit(pairs: Pairs) -> None:
    pair = pairs.generate(7)
    assert pairs.all() == {7: pair}
    assert stat.S_IMODE(os.stat(pair.path).st_mode) == 0o640
    for folder in (pairs.folder, pairs.folder.parent, pairs.folder.parent.parent):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o750
    private = serialization.load_ssh_private_key(pair.path.read_bytes(), None)
    form = serialization.PublicFormat.OpenSSH
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, form)
    assert public.decode("ascii") == pair.public
    assert private_key(pair.path).get_base64() == pair.public.split()[1]
    assert sorted(os.listdir(pairs.folder)) == ["g7", "g7.pub"]


def test_two_pairs_are_never_alike(pairs: Pairs) -> None:
    assert pairs.generate(1).key_id != pairs.generate(2).key_id


def test_a_key_that_is_there_is_not_replaced(pairs: Pairs) -> None:
    pair = pairs.generate(1)
    before = pair.path.read_bytes()
    with pytest.raises(Trouble, match="File exists"):
        pairs.generate(1)
    assert pair.path.read_bytes() == before
    assert sorted(os.listdir(pairs.folder)) == ["g1", "g1.pub"]


def test_current_leads_to_the_pair_that_was_switched_to(pairs: Pairs) -> None:
    assert pairs.current() is None
    first, second = pairs.generate(1), pairs.generate(2)
    pairs.switch(1)
    assert pairs.current() == first
    (pairs.folder / "current.new").symlink_to("g9")  # a killed run's
    pairs.switch(2)
    assert pairs.current() == second
    assert os.readlink(pairs.folder / "current") == "g2"
    with pytest.raises(Trouble, match="no such key"):
        pairs.switch(3)
    assert pairs.current() == second


@pytest.mark.parametrize("target", ["/etc/shadow", "../g1", "g0", "g1.pub", "g\u0661"])
def test_a_link_to_anywhere_else_is_refused(pairs: Pairs, target: str) -> None:
    pairs.generate(1)
    (pairs.folder / "current").symlink_to(target)
    with pytest.raises(Trouble, match="no key of this folder"):
        pairs.current()


def test_only_what_a_killed_run_left_is_swept(pairs: Pairs) -> None:
    pairs.generate(1)
    pairs.generate(2)
    pairs.switch(1)
    (pairs.folder / "g1.pub").unlink()  # by an admin's mistake: the key in use stays
    (pairs.folder / "g3.pub").write_text("half a pair")
    (pairs.folder / "g3.new").write_text("not in place yet")
    pairs.sweep()
    assert sorted(os.listdir(pairs.folder)) == ["current", "g1", "g2", "g2.pub"]


def test_removing_begins_with_the_private_half_and_may_be_repeated(pairs: Pairs) -> None:
    pairs.generate(1)
    pairs.remove(1)
    pairs.remove(1)
    assert os.listdir(pairs.folder) == []


@pytest.mark.parametrize("text", [
    "", "ssh-rsa AAAA", "ssh-ed25519", "ssh-ed25519 !", "\0\xff", "ssh-ed25519 AAAA",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAB",
])
def test_a_public_half_that_is_none_is_told(pairs: Pairs, text: str) -> None:
    pairs.generate(1)
    (pairs.folder / "g1.pub").write_text(text, encoding="latin-1")
    with pytest.raises(Trouble, match=r"g1\.pub"):
        pairs.all()
