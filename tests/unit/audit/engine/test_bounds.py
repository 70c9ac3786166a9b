"""Segments are read in bounded batches, in the order in which their records were written."""

from __future__ import annotations

import os

from bpc_ssh_guard.audit.engine.batches import batches


def _files(folder, sizes: dict[str, int]) -> list[str]:
    for name, size in sizes.items():
        os.makedirs((folder / name).parent, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return [str(folder / name) for name in sizes]


def _named(folder, found: list[list[str]]) -> list[list[str]]:
    return [[os.path.relpath(name, folder) for name in batch] for batch in found]


def test_a_batch_is_as_large_as_it_may_be_and_no_larger(tmp_path) -> None:
    files = _files(tmp_path, {"1": 40, "2": 60, "3": 1, "4": 500, "5": 0, "6": 100})
    assert _named(tmp_path, batches(files, 100)) == [["1", "2"], ["3"], ["4"], ["5", "6"]]


def test_segments_come_by_their_numbers_whatever_the_folders(tmp_path) -> None:
    files = _files(tmp_path, {"now/commands-9.jsonl": 1, "old/commands-2.jsonl": 1})
    assert _named(tmp_path, batches(files)) == [["old/commands-2.jsonl", "now/commands-9.jsonl"]]


def test_a_packed_segment_counts_as_what_it_unpacks_to(tmp_path) -> None:
    files = _files(tmp_path, {"1.jsonl.gz": 10, "2.jsonl": 1})
    assert [len(batch) for batch in batches(files, 100)] == [1, 1]


def test_a_file_that_is_gone_is_left_to_the_engine_to_tell(tmp_path) -> None:
    assert batches([str(tmp_path / "gone")]) == [[str(tmp_path / "gone")]]
