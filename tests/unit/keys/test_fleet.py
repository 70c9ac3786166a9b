"""A fleet in shards, a backup that counts, and durations."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.duration import in_words, parse_duration
from bpc_ssh_guard.keys import fleet, soak
from bpc_ssh_guard.keys.answer import Key
from bpc_ssh_guard.keys.config import Config, Host, load
from bpc_ssh_guard.keys.journal import Entry, State

if TYPE_CHECKING:
    from pathlib import Path


def hosts(count: int) -> list[Host]:
    return [Host(f"web{number}", "192.0.2.1", {}, "") for number in range(count)]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_shards_are_alike_in_size_and_together_all_of_the_fleet(count: int) -> None:
    parts = [fleet.shard(hosts(1000), number, count) for number in range(1, count + 1)]
    assert sorted(host.name for part in parts for host in part) == sorted(
        host.name for host in hosts(1000)
    )
    assert min(len(part) for part in parts) > 1000 / count * 0.7


def test_a_host_stays_in_its_shard_when_others_come() -> None:
    few, many = fleet.shard(hosts(100), 2, 5), fleet.shard(hosts(500), 2, 5)
    assert [host for host in many if host in hosts(100)] == few


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config").write_text(f'[paths]\nbackuppc = "{tmp_path}"\n[host.web1]\n')
    (tmp_path / "pc" / "web1").mkdir(parents=True)
    return load(str(tmp_path / "config"))


# As BackupPC 4.4.0 writes them, cut behind the ninth column.
OLDER = "4\tincr\t999\t1100\t12\t3400\t9\t3000\t3\n"
PARTIAL = "5\tpartial\t1001\t1100\t12\t3400\t9\t3000\t3\n"
ACTIVE = "6\tactive\t1002\t\t0\t0\t0\t0\t0\n"
RUNNING = "6\tfull\t1002\t\t0\t0\t0\t0\t0\n"
GOOD = "7\tincr\t1003\t1200\t12\t3400\t9\t3000\t3\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", False), (OLDER, False), (OLDER + PARTIAL + ACTIVE + RUNNING, False), (GOOD, True),
        (OLDER + PARTIAL + GOOD, True), ("garbage\n" + GOOD, False), ("\0" * 9000, False),
    ],
)
def test_only_a_backup_that_began_later_and_ended_well_counts(
    config: Config, tmp_path: Path, lines: str, expected: bool
) -> None:
    (tmp_path / "pc" / "web1" / "backups").write_text(lines)
    assert soak.has_good_backup(config, "web1", 1000) is expected


def test_without_a_list_of_backups_there_is_none(config: Config) -> None:
    assert not soak.has_good_backup(config, "web1", 0)
    assert not soak.has_good_backup(dataclasses.replace(config, backuppc=None), "web1", 0)


def test_an_old_key_goes_after_a_backup_with_the_new_one_or_in_time(
    config: Config, tmp_path: Path
) -> None:
    host = config.hosts["web1"]
    (tmp_path / "pc" / "web1" / "backups").write_text(GOOD)
    entry = Entry("web1", "web1-backup", State.SWITCHED, 1, "a", 2, "b", 1000, 1000)
    key = Key("web1-backup", "b", 2, False, None, 990, 990, True)
    used = dataclasses.replace(key, used=1100)

    def is_over(seen: Key | None, now: int, soaking: int = 100, label: str = "web1-backup") -> bool:
        at = dataclasses.replace(entry, label=label)
        return soak.is_over(config, host, at, seen, now, soaking)

    assert not is_over(key, 1099)  # the proof is no backup
    assert not is_over(None, 1099)
    assert is_over(used, 1099)
    assert is_over(key, 1100)
    assert is_over(None, 1001, label="web1-restore")
    (tmp_path / "pc" / "web1" / "backups").write_text(OLDER)
    assert not is_over(used, 1099)


def test_durations_are_a_number_and_a_unit() -> None:
    assert [parse_duration(text) for text in ("90m", "2h", "90d")] == [5400, 7200, 7776000]
    for text in ("", "90", "h", "-1h", "1.5h", "2 h", "2H", "1234567d", "\u0661h", "2h\n"):
        with pytest.raises(ValueError, match="no duration"):
            parse_duration(text)
    assert [in_words(each) for each in (0, 59, 7199, 7200, 172800)] == [
        "0m", "0m", "119m", "2h", "2d",
    ]
