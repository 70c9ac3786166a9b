"""A grant lasts as long as both clocks say, and is read only as it was written by root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpc_ssh_guard.errors import GuardFailure, Refused
from bpc_ssh_guard.policy import window
from bpc_ssh_guard.policy.window import Clock, Grant
from bpc_ssh_guard.vocabulary import Reason

SECOND = 1_000_000_000
OPENED = 1_795_478_400
LASTS = 7200
BOOT, NEXT_BOOT = b"8a6f1c0e-5e0a-4f5b-9d3e-0b3c8b1f6a11", b"0d2f5c1e-9a3b-4c7d-8e6f-1a2b3c4d5e6f"
BEGIN = 500 * SECOND
GRANT = Grant(
    b"6f1c0b9e2d7a48f3a5e4c1d2b3f40516", OPENED, OPENED + LASTS, BOOT, BEGIN,
    (b"/srv/restore/db", b"/srv/restore/My Data"), b"disk of db1 lost", 1000,
)


def later(seconds: int, wall: int | None = None, boot: bytes = BOOT) -> Clock:
    """Return the clock SECONDS after the opening, its wall clock set to WALL after it."""
    return Clock(OPENED + (seconds if wall is None else wall), BEGIN + seconds * SECOND, boot)


def rebooted(wall: int, uptime: int) -> Clock:
    return Clock(OPENED + wall, uptime * SECOND, NEXT_BOOT)


@pytest.mark.parametrize("seconds", [0, 1, LASTS - 1])
def test_is_open_until_its_end(seconds: int) -> None:
    assert GRANT.is_open(later(seconds))


@pytest.mark.parametrize("seconds", [LASTS, LASTS + 1, 10 * LASTS])
def test_is_over_from_its_end_on(seconds: int) -> None:
    assert not GRANT.is_open(later(seconds))


@pytest.mark.parametrize("wall", [0, 1, LASTS - 1])
def test_a_wall_clock_set_back_does_not_prolong_it(wall: int) -> None:
    assert not GRANT.is_open(later(LASTS, wall=wall))


def test_a_wall_clock_before_the_opening_closes_it() -> None:
    assert not GRANT.is_open(later(10, wall=-1))


def test_a_wall_clock_set_forward_ends_it() -> None:
    assert not GRANT.is_open(later(10, wall=LASTS))


def test_a_boot_clock_before_the_opening_closes_it() -> None:
    assert not GRANT.is_open(later(-1, wall=10))


@pytest.mark.parametrize(("wall", "uptime"), [(60, 30), (LASTS - 1, 30), (LASTS - 1, LASTS - 1)])
def test_lasts_over_a_reboot(wall: int, uptime: int) -> None:
    assert GRANT.is_open(rebooted(wall, uptime))


@pytest.mark.parametrize("wall", [-1, LASTS])
def test_ends_by_the_wall_clock_over_a_reboot(wall: int) -> None:
    assert not GRANT.is_open(rebooted(wall, 30))


def test_a_clock_set_back_over_a_reboot_does_not_prolong_it_by_more_than_its_time() -> None:
    assert not GRANT.is_open(rebooted(60, LASTS))


@given(st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_no_wall_clock_opens_it_after_its_time_in_the_same_boot(beyond: int, wall: int) -> None:
    assert not GRANT.is_open(later(LASTS + beyond, wall=wall))


def test_tells_the_time_of_this_boot() -> None:
    earlier, now = Clock.now(), Clock.now()
    assert earlier.boottime_ns <= now.boottime_ns
    assert earlier.boot == now.boot
    assert len(now.boot) == 36


def fields(grant: Grant) -> tuple[object, ...]:
    return tuple(getattr(grant, name) for name in Grant.__slots__)


def test_is_read_as_it_was_written() -> None:
    assert fields(Grant.from_bytes(GRANT.to_bytes())) == fields(GRANT)


def test_is_read_without_paths_and_reason() -> None:
    plain = Grant(GRANT.identity, OPENED, OPENED + 60, BOOT, BEGIN)
    assert fields(Grant.from_bytes(plain.to_bytes())) == fields(plain)


def test_nothing_cut_off_is_a_grant() -> None:
    data = GRANT.to_bytes()
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r".+"):
            Grant.from_bytes(data[:length])


def test_no_line_can_be_missing_repeated_or_elsewhere() -> None:
    lines = GRANT.to_bytes().splitlines(keepends=True)
    paths = (6, 7)
    for i in range(len(lines)):
        for changed in ([*lines[:i], *lines[i + 1 :]], [*lines[: i + 1], *lines[i:]]):
            if i not in paths:  # without one or with one twice it is another grant
                with pytest.raises(ValueError, match=r".+"):
                    Grant.from_bytes(b"".join(changed))
    with pytest.raises(ValueError, match="in its place"):
        Grant.from_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"id 6f", b"id ../"),
        (b"id 6f1c", b"id 6F1C"),
        (b"opened 1", b"opened -1"),
        (b"opened 1", b"opened +1"),
        (b"opened 1", b"opened 1_"),
        (b"until ", b"until x"),
        (b"until 1795485600", b"until 1795478400"),  # ends as it begins
        (b"until 1795485600", b"until 1796083201"),  # a second over the longest
        (b"until 1795485600", b"until " + b"9" * 5000),
        (b"boottime 5", b"boottime 5 "),
        (b"boottime ", b"boottime"),
        (b"opener 1000", b"opener root"),
        (b"path /srv", b"path srv"),
        (b"path /srv", b"path /.."),
        (b"path /srv", b"path /srv//"),
        (b"path /srv", b"root /srv"),
        (b"reason disk", b"reason \x1b[2J"),
        (b"reason disk", b"reason " + b"x" * 1024),
        (b"boot 8", b"boot " + b"8" * 40),
    ],
)
def test_no_other_value_is_a_grant(old: bytes, new: bytes) -> None:
    data = GRANT.to_bytes()
    assert data.count(old) >= 1
    with pytest.raises(ValueError, match=r".+"):
        Grant.from_bytes(data.replace(old, new, 1))


def test_nothing_longer_than_the_bound_is_a_grant() -> None:
    many = Grant(GRANT.identity, OPENED, OPENED + 60, BOOT, BEGIN, (b"/" + b"x" * 250,) * 70)
    with pytest.raises(ValueError, match="too long"):
        Grant.from_bytes(many.to_bytes())


@given(st.binary(max_size=400))
def test_whatever_stands_there_is_a_grant_or_malformed(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Grant.from_bytes(data)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state folder with a grant for web1-restore."""
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/grants").mkdir(mode=0o700)
    put(tmp_path / "state", GRANT.to_bytes())
    return tmp_path / "state"


def put(state: Path, data: bytes) -> None:
    path = state / "grants/web1-restore"
    path.write_bytes(data)
    path.chmod(0o600)


def read(state: Path, label: bytes = b"web1-restore") -> Grant | None:
    return window.read(os.fsencode(state), label)


def complaint(state: Path) -> str:
    with pytest.raises(GuardFailure) as caught:
        read(state)
    assert caught.value.reason == Reason.BAD_GRANT
    assert caught.value.detail.startswith(str(state))
    return caught.value.detail


def test_reads_the_grant_of_a_label(state: Path) -> None:
    found = read(state)
    assert found is not None
    assert fields(found) == fields(GRANT)


def test_finds_none_where_none_was_opened(state: Path) -> None:
    assert read(state, b"other") is None


def test_finds_none_without_a_state_folder_and_makes_none(tmp_path: Path) -> None:
    assert read(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_refuses_a_file_that_others_may_write_to(state: Path, mode: int) -> None:
    (state / "grants/web1-restore").chmod(mode)
    assert "is writable by group or others; " in complaint(state)


def test_refuses_a_folder_that_others_may_write_to(state: Path) -> None:
    (state / "grants").chmod(0o730)
    assert "is writable by group or others; " in complaint(state)


@pytest.mark.lab
def test_refuses_a_file_of_another_account(state: Path) -> None:
    os.chown(state / "grants/web1-restore", 12345, -1)
    assert "belongs to uid 12345; " in complaint(state)


def test_refuses_a_symbolic_link(state: Path) -> None:
    (state / "grants/web1-restore").rename(state / "other")
    (state / "grants/web1-restore").symlink_to("../other")
    assert "grant --revoke web1-restore removes it" in complaint(state)


def test_refuses_a_fifo_without_waiting(state: Path) -> None:
    (state / "grants/web1-restore").unlink()
    os.mkfifo(state / "grants/web1-restore", 0o600)
    assert "is no regular file; " in complaint(state)


@pytest.mark.parametrize("data", [b"", b"\n", GRANT.to_bytes() + b"\n", b"\0" * 20000])
def test_refuses_a_malformed_file_and_says_how_to_be_rid_of_it(state: Path, data: bytes) -> None:
    put(state, data)
    assert "grant --revoke web1-restore removes it" in complaint(state)


def test_leaves_no_descriptor_open(state: Path) -> None:
    before = os.listdir("/proc/self/fd")
    read(state)
    read(state, b"other")
    put(state, b"")
    complaint(state)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a restore root with a folder in it, and a folder beside it."""
    (tmp_path / "root/db").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return tmp_path / "root"


def require(root: Path, *paths: str) -> None:
    window.require_within([os.fsencode(root / path) for path in paths], [os.fsencode(root)])


def test_admits_what_lies_in_the_root(root: Path) -> None:
    (root / "link").symlink_to("db")
    require(root, "db", "db/missing", ".", "link/below")


@pytest.mark.parametrize("target", ["../outside", "..", "/"])
@pytest.mark.parametrize("path", ["link", "link/below"])
def test_refuses_a_link_that_a_restore_has_put_there(root: Path, target: str, path: str) -> None:
    (root / "link").symlink_to(target)
    with pytest.raises(Refused) as caught:
        require(root, "db", path)
    assert caught.value.reason == Reason.OUTSIDE_ROOTS
    assert f"from the granted {root}/{path} to " in caught.value.detail


def test_admits_a_root_that_is_itself_behind_a_link(root: Path) -> None:
    (root.parent / "way").symlink_to("root")
    require(root.parent / "way", "db")
