"""What the client lists decides where a rotation goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpc_ssh_guard.keys.answer import Key, Listed
from bpc_ssh_guard.keys.files import Pair
from bpc_ssh_guard.keys.journal import STATES, Entry, State
from bpc_ssh_guard.keys.rebuild import derive
from bpc_ssh_guard.keys.resume import next_generation, reconcile, require_known
from bpc_ssh_guard.keys.trouble import Trouble, Word

OLD, NEW, OTHER = "a" * 32, "b" * 32, "c" * 32
NOW = 1000
HOST, LABEL = "web1", "web1-backup"


def key(key_id: str, generation: int | None, *, staged: bool = False, until: int | None = None,
        proven: int | None = 1) -> Key:
    return Key(LABEL, key_id, generation, staged, until, proven, proven, True)


def listed(*keys: Key) -> Listed:
    return Listed(keys, 0, "0600", (), ())


def pairs(**found: str) -> dict[int, Pair]:
    return {int(name[1:]): Pair(int(name[1:]), key_id, "ssh-ed25519 A", Path(name))
            for name, key_id in found.items()}


BOTH = pairs(g1=OLD, g2=NEW)
IDLE = Entry(HOST, LABEL, State.IDLE, 1, OLD, since=1, changed=1)
UNDER_WAY = [IDLE.begun(2, NEW, 5).at(state, 5) for state in STATES if state != State.IDLE]
STAGED = key(NEW, 2, staged=True, until=NOW + 9, proven=None)


def state_of(entry: Entry, now_listed: Listed) -> str | None:
    found = reconcile(entry, now_listed, BOTH, NOW)
    return None if found is None else found.state


@pytest.mark.parametrize("entry", UNDER_WAY, ids=lambda entry: entry.state)
def test_a_new_key_that_is_missing_or_staged_is_staged_again(entry: Entry) -> None:
    assert state_of(entry, listed(key(OLD, 1))) == State.GENERATED
    assert state_of(entry, listed(key(OLD, 1), STAGED)) == State.GENERATED
    assert state_of(entry, listed()) == State.GENERATED


@pytest.mark.parametrize("entry", UNDER_WAY, ids=lambda entry: entry.state)
def test_a_confirmed_key_goes_on_where_it_was_but_not_before(entry: Entry) -> None:
    before = entry.state in (State.GENERATED, State.STAGED, State.PROVEN)
    there = listed(key(OLD, 1), key(NEW, 2))
    assert state_of(entry, there) == (State.CONFIRMED if before else entry.state)
    unproven = listed(key(OLD, 1), key(NEW, 2, proven=None))
    assert state_of(entry, unproven) == (State.STAGED if before else entry.state)


@pytest.mark.parametrize("entry", UNDER_WAY, ids=lambda entry: entry.state)
def test_a_key_that_can_not_be_staged_again_is_given_up(entry: Entry) -> None:
    assert state_of(entry, listed(key(OLD, 1), key(OTHER, 2))) is None
    assert state_of(entry, listed(key(OTHER, 7))) is None
    assert reconcile(entry, listed(key(OLD, 1)), pairs(g1=OLD), NOW) is None
    assert reconcile(entry, listed(key(OLD, 1)), pairs(g1=OLD, g2=OTHER), NOW) is None


def test_a_confirmed_key_whose_private_half_is_lost_is_for_the_admin() -> None:
    with pytest.raises(Trouble) as caught:
        reconcile(UNDER_WAY[0], listed(key(OLD, 1), key(NEW, 2)), pairs(g1=OLD), NOW)
    assert caught.value.word == Word.FILES


@pytest.mark.parametrize(
    ("present", "on_disk", "entry", "expected"),
    [
        (listed(key(OLD, 1)), BOTH, IDLE, 3),
        (listed(key(OLD, 1)), {}, IDLE, 2),
        (listed(), {}, Entry(HOST, LABEL), 1),
        (listed(key(OTHER, 50)), pairs(g1=OLD), IDLE, 51),
        (listed(), pairs(g150=OLD), Entry(HOST, LABEL, State.IDLE, 150, OLD), 1),
        (listed(), pairs(g1=NEW, g150=OLD), Entry(HOST, LABEL, State.IDLE, 150, OLD), 2),
    ],
)
def test_the_next_generation_is_above_all_and_within_reach_of_the_client(
    present: Listed, on_disk: dict[int, Pair], entry: Entry, expected: int
) -> None:
    assert next_generation(entry, present, on_disk) == expected


def test_a_key_of_another_server_stops_a_rotation_before_it_begins() -> None:
    other = key(OTHER, 2, staged=True, until=NOW + 9, proven=None)
    with pytest.raises(Trouble) as caught:
        require_known(IDLE, listed(key(OLD, 1), other), pairs(g1=OLD), NOW)
    assert caught.value.word == Word.CONFLICT
    with pytest.raises(Trouble) as caught:
        require_known(IDLE, listed(key(OLD, 1), key(OTHER, 2)), pairs(g1=OLD), NOW)
    assert caught.value.word == Word.UNKNOWN_KEY
    assert f"--key {OTHER}" in str(caught.value)


def test_a_key_of_another_server_is_no_hindrance_where_it_does_no_harm() -> None:
    over = key(OTHER, 2, staged=True, until=NOW, proven=None)
    assert require_known(IDLE, listed(key(OLD, 1), over), pairs(g1=OLD), NOW) is None
    assert require_known(IDLE, listed(key(OTHER, 2)), pairs(g1=OLD), NOW) is None
    assert require_known(IDLE, listed(key(OLD, 1), key(OTHER, None)), {}, NOW) is None


def test_a_key_of_ours_that_the_journal_lost_is_gone_on_with() -> None:
    assert require_known(IDLE, listed(key(OLD, 1), key(NEW, 2)), BOTH, NOW) == BOTH[2]


DERIVED = {
    "idle": (listed(key(OLD, 1)), BOTH, 1, (State.IDLE, OLD, "")),
    "staged": (listed(key(OLD, 1), STAGED), BOTH, 1, (State.GENERATED, OLD, NEW)),
    "confirmed": (listed(key(OLD, 1), key(NEW, 2)), BOTH, 1, (State.GENERATED, OLD, NEW)),
    "switched": (listed(key(OLD, 1), key(NEW, 2)), BOTH, 2, (State.SWITCHED, OLD, NEW)),
    "retired": (listed(key(NEW, 2)), BOTH, 2, (State.IDLE, NEW, "")),
    "switched and taken out": (listed(key(OLD, 1)), BOTH, 2, (State.CONFIRMED, "", OLD)),
    "switched and staged": (listed(key(OLD, 1), STAGED), BOTH, 2, (State.CONFIRMED, "", OLD)),
    "no link": (listed(key(OLD, 1)), pairs(g1=OLD), None, (State.CONFIRMED, "", OLD)),
    "no files": (listed(key(OLD, 1)), {}, None, (State.IDLE, OLD, "")),
    "of another server": (listed(key(OTHER, 4)), pairs(g1=OLD), 1, (State.IDLE, OTHER, "")),
    "nothing": (listed(), {}, None, (State.IDLE, "", "")),
}


@pytest.mark.parametrize("name", DERIVED)
def test_a_journal_is_made_anew_from_client_and_files(name: str) -> None:
    present, on_disk, current, expected = DERIVED[name]
    used = on_disk.get(current) if current else None
    entry = derive(HOST, LABEL, present, on_disk, used, 7)
    assert (entry.state, entry.key, entry.next_key) == expected
