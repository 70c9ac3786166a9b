"""No input crashes the guard's reading or gets an option or path past the policy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzz import TARGETS, run_briefly

REPOSITORY = Path(__file__).parent.parent.parent
# All targets together.
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "600"))
FINDING_SHOWN = 4000  # bytes of the fuzzer's last words


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_made_from_legitimate_ones_find_nothing(target: str) -> None:
    run_briefly(target, 2500)


@pytest.mark.fuzz
@pytest.mark.parametrize("target", TARGETS)
def test_coverage_guided_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seconds = max(1, FUZZ_SECONDS // len(TARGETS))
    done = subprocess.run(
        [sys.executable, "-m", "tests.properties.fuzz", target, str(corpus),
         f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10",
         f"-artifact_prefix={tmp_path}/"],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds * 2 + 120,
        check=False,
    )  # fmt: skip
    said = done.stdout[-FINDING_SHOWN:].decode("utf-8", "backslashreplace")
    assert done.returncode == 0, said
    assert "DONE" in said or "Done" in said, said
