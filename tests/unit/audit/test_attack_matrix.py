"""What can be done to a log, row by row, and who finds it: the chain, K_0, a witness."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bpc_ssh_guard.errors import GuardFailure
from bpc_ssh_guard.record import seal, segment
from bpc_ssh_guard.record.block import Block

from .written import Log, kinds, rebuilt

if TYPE_CHECKING:
    from pathlib import Path

BOTH = pytest.mark.parametrize("with_key", [False, True], ids=["chain alone", "with K_0"])


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Return a log of eleven records."""
    log = Log(tmp_path / "client")
    log.append(10)
    return log


@BOTH
def test_a_whole_log_is_clean_and_vouched_for_to_its_end(log: Log, with_key: bool) -> None:
    witness = log.witness("collector", nonce=b"n" * 16)
    log.append(5)
    verdict = log.verify(witness, with_key=with_key)
    assert verdict.findings == []
    assert (verdict.records, verdict.whole, verdict.with_key) == (16, 16, with_key)


@BOTH
def test_an_edit_is_found_at_its_record_and_once(log: Log, with_key: bool) -> None:
    lines = log.lines()
    lines[4] = lines[4].replace(b'"text":"x"', b'"text":"y"')
    log.put_lines(lines)
    verdict = log.verify(with_key=with_key)
    assert kinds(verdict) == ["edited"]
    assert verdict.findings[0].records == (4, 4)
    assert verdict.findings[0].offset == sum(map(len, lines[:4]))
    assert verdict.whole == 4


@BOTH
def test_swapped_records_are_found(log: Log, with_key: bool) -> None:
    lines = log.lines()
    lines[3], lines[4] = lines[4], lines[3]
    log.put_lines(lines)
    verdict = log.verify(with_key=with_key)
    assert not verdict.is_clean
    assert verdict.whole == 3


@BOTH
@pytest.mark.parametrize("padded", [False, True])
def test_a_record_deleted_in_the_middle_is_found_padded_to_the_size_or_not(
    log: Log, with_key: bool, padded: bool
) -> None:
    lines = log.lines()
    gone = lines.pop(5)
    if padded:
        lines[5] = lines[5].replace(b'"text":"x"', b'"text":"x%s"' % (b" " * len(gone)))
    log.put_lines(lines)
    verdict = log.verify(with_key=with_key)
    assert "missing" in kinds(verdict)
    [missing] = [each for each in verdict.findings if each.kind == "missing"]
    assert missing.records == (5, 5)
    assert verdict.whole == 5


@BOTH
def test_a_line_without_the_key_behind_the_end_is_found(log: Log, with_key: bool) -> None:
    forged = rebuilt([log.lines()[-1]], log.block.head, b"\0" * 32, 11)
    with open(log.path(), "ab") as file:
        file.writelines(forged)
    assert kinds(log.verify(with_key=True)) == ["forged"]
    log.append()
    verdict = log.verify(with_key=with_key)
    assert not verdict.is_clean  # the guard itself acknowledged it as foreign
    assert verdict.whole == (11 if with_key else 12)


@BOTH
@pytest.mark.parametrize("foreign", [b"hello\n", b"\0" * 100_000, b'{"event.sequence":11}\n'])
def test_foreign_bytes_are_found_acknowledged_or_not(
    log: Log, with_key: bool, foreign: bytes
) -> None:
    with open(log.path(), "ab") as file:
        file.write(foreign)
    assert kinds(log.verify(with_key=with_key)) == ["foreign"]
    log.append()
    verdict = log.verify(with_key=with_key)
    assert kinds(verdict) == ["foreign"]
    assert verdict.whole == 11


@BOTH
def test_the_beginning_of_the_next_record_is_a_warning(log: Log, with_key: bool) -> None:
    with open(log.path(), "ab") as file:
        file.write(b'{"event.sequence":11,"@timest')
    verdict = log.verify(with_key=with_key)
    assert (kinds(verdict), kinds(verdict, "warning")) == ([], ["torn"])
    log.append()
    verdict = log.verify(with_key=with_key)
    assert (kinds(verdict), kinds(verdict, "warning")) == ([], ["torn"])
    assert verdict.records == 13


@BOTH
@pytest.mark.parametrize("how", ["renamed", "copied and truncated", "another host's"])
def test_a_segment_that_others_turned_is_found(log: Log, with_key: bool, how: str,
                                               tmp_path: Path) -> None:
    if how == "renamed":
        os.rename(log.path(), log.path() + ".1")
    elif how == "copied and truncated":
        os.truncate(log.path(), 0)
    else:
        other = Log(tmp_path / "other")
        other.append(10)
        shutil.copyfile(other.path(), log.path())
    log.append(2)
    if how == "another host's":
        assert not log.verify(with_key=with_key).is_clean
        return
    verdict = log.verify(with_key=with_key)
    assert {"missing", "shorter"} <= set(kinds(verdict))
    missing = next(each for each in verdict.findings if each.kind == "missing")
    assert missing.records == (0, 10)


def rewrite_past(log: Log) -> None:
    """Do what root can: edit a record and write everything after it anew, with the key there is."""
    lines, block = log.lines(), log.block
    lines[4] = lines[4].replace(b'"text":"x"', b'"text":"y"')
    head = bytes.fromhex(lines[3][-seal.TAIL_LENGTH:][6:70].decode())
    made = rebuilt(lines[4:], head, block.key, 4)
    log.put_lines(lines[:4] + made)
    last = bytes.fromhex(made[-1][-seal.TAIL_LENGTH:][6:70].decode())
    size = os.path.getsize(log.path())
    log.put_block(Block(block.sequence, size, block.first, block.month, last, block.key,
                        block.chain))


def test_a_rebuilt_past_deceives_the_chain_and_not_the_key_nor_a_witness(log: Log) -> None:
    seen = log.witness()
    rewrite_past(log)
    log.append(3)
    assert log.verify(with_key=False).is_clean, "the chain alone can't know"
    verdict = log.verify(with_key=True)
    assert kinds(verdict) == ["forged"]
    assert verdict.findings[0].records == (4, 10)
    assert verdict.whole == 4
    assert kinds(log.verify(seen, with_key=False)) == ["contradicted"]


def drop_last(log: Log, count: int) -> None:
    """Do what root can: drop the last records and repair the state, with the key there is."""
    lines, block = log.lines()[:-count], log.block
    log.put_lines(lines)
    head = bytes.fromhex(lines[-1][-seal.TAIL_LENGTH:][6:70].decode())
    log.put_block(Block(block.sequence - count, sum(map(len, lines)), block.first, block.month,
                        head, block.key, block.chain))


def test_a_dropped_end_deceives_the_chain_and_not_the_next_mac_nor_a_witness(log: Log) -> None:
    seen = log.witness()
    drop_last(log, 4)
    assert log.verify(with_key=False).is_clean
    assert kinds(log.verify(seen, with_key=False)) == ["shortened"]
    log.append(2)
    assert log.verify(with_key=False).is_clean
    assert kinds(log.verify(with_key=True)) == ["forged"]
    assert kinds(log.verify(seen, with_key=True)) == ["forged", "shortened"]


def test_a_checkpoint_made_by_a_later_key_is_not_proved(log: Log) -> None:
    drop_last(log, 4)
    forged = log.witness("collector", nonce=b"n" * 16)
    assert kinds(log.verify(forged, with_key=True)) == ["unproved"]


def test_a_log_put_back_deceives_all_but_a_witness(log: Log, tmp_path: Path) -> None:
    shutil.copytree(log.folder, tmp_path / "snapshot", symlinks=True)
    log.append(20)
    seen = log.witness()
    shutil.rmtree(log.folder)
    shutil.copytree(tmp_path / "snapshot", log.folder)
    log.append(3)
    assert log.verify(with_key=True).is_clean, "a rolled back machine is consistent"
    verdict = log.verify(seen, with_key=True)
    assert kinds(verdict) == ["shortened"]
    assert verdict.findings[0].records == (14, 30)


def test_a_log_forked_from_a_stolen_state_is_contradicted_by_a_witness(
    log: Log, tmp_path: Path
) -> None:
    shutil.copytree(log.folder, tmp_path / "stolen")
    log.append(5)
    seen = log.witness()
    shutil.rmtree(log.folder)
    shutil.copytree(tmp_path / "stolen", log.folder)
    log.append(9, text="forged")
    assert log.verify(with_key=True).is_clean
    verdict = log.verify(seen, with_key=True)
    assert kinds(verdict) == ["contradicted"]


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
def test_without_its_state_nothing_is_recorded_and_no_checkpoint_given(
    log: Log, damage: str
) -> None:
    path = log.state + b"/state"
    if damage == "deleted":
        os.unlink(path)
    else:
        with open(path, "r+b") as file:
            file.write(b"\0")
    with pytest.raises(GuardFailure):
        log.append()


def test_segments_follow_on_each_other_and_a_missing_one_is_found(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "SIZE_LIMIT", 1000)
    for _ in range(20):
        log.append(1, text="x" * 300)
    assert log.verify().findings == []
    names = sorted(os.listdir(log.log))
    assert len(names) > 4
    os.unlink(log.log + b"/" + names[2])
    verdict = log.verify()
    assert kinds(verdict) == ["missing"]
    assert verdict.findings[0].records == (
        segment.first_of(names[2]), segment.first_of(names[3]) - 1
    )


def test_a_verification_goes_on_where_the_last_one_ended(log: Log) -> None:
    from bpc_ssh_guard.audit.segments import segments_in
    from bpc_ssh_guard.audit.verdict import Start
    from bpc_ssh_guard.audit.verify import verify

    before = log.verify()
    log.append(5)
    segments = segments_in(os.fsdecode(log.log))
    start = Start(before.records, before.head, before.key)
    after = verify(segments, before.chain, start)
    assert (after.findings, after.records) == ([], 16)
    lines = log.lines()
    lines[13] = lines[13].replace(b'"text":"x"', b'"text":"y"')
    log.put_lines(lines)
    assert kinds(verify(segments, before.chain, start)) == ["edited"]


def test_a_line_that_claims_a_later_number_hides_no_record_behind_it(log: Log) -> None:
    [forged] = rebuilt([log.lines()[-1]], log.block.head, b"\0" * 32, 5000)
    with open(log.path(), "ab") as file:
        file.write(forged)
    log.append(3)
    verdict = log.verify(with_key=True)
    assert kinds(verdict) == ["foreign"]
    assert verdict.records == 15


def test_a_record_too_deeply_nested_for_json_is_read_all_the_same(log: Log) -> None:
    lines = log.lines()
    nested = b',"event.action":"log-recovered","x":' + b"[" * 50_000
    lines.append(rebuilt([lines[-1].replace(b',"text"', nested + b',"text"')],
                         log.block.head, log.block.key, 11)[0])
    log.put_lines(lines)
    assert log.verify(with_key=True).records == 12
