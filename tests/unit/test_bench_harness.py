"""The bench's statistics are right, and it reports no row whose programs did something else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.bench import stub
from tests.bench.__main__ import COULD_NOT_MEASURE, main
from tests.bench.harness import Candidate, Misbehaved, Run, Samples, interleave, run_once
from tests.bench.outcome import MET, NOT_MEASURED, NOT_MET, Comparison, Line, Outcome
from tests.bench.rows import ROWS
from tests.bench.samples import Series, differences, ratio, ratio_of_best, ratios
from tests.bench.table import WIDTH, render

if TYPE_CHECKING:
    from pathlib import Path

PATH = {"PATH": "/usr/bin:/bin"}


def shell(name: str, script: str, *, expect: int = 0, stdin: bytes = b"") -> Candidate:
    return Candidate(name, ["/bin/sh", "-c", script], PATH, frozenset((expect,)), stdin)


def test_median_is_the_middle_value_and_best_the_smallest() -> None:
    series = Series((9.0, 2.0, 100.0))
    assert (series.median, series.best) == (9.0, 2.0)


def test_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    assert Series((1.0, 100.0, 4.0, 2.0)).median == 3.0


def test_spread_of_few_rounds_is_their_whole_range() -> None:
    assert Series((9.0, 10.0, 12.0)).spread == pytest.approx(0.3)


def test_spread_of_many_rounds_spares_one_outlier() -> None:
    assert Series((10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 90.0)).spread == 0.0


def test_a_single_round_says_nothing_of_the_spread() -> None:
    assert Series((9.0,)).spread == 1.0


def test_differences_and_ratios_are_those_of_the_same_round() -> None:
    slowed = Series((11.0, 31.0, 12.0)), Series((10.0, 30.0, 10.0))
    assert differences(*slowed).values == (1.0, 1.0, 2.0)
    assert ratios(*slowed).values == pytest.approx((1.1, 31 / 30, 1.2))
    with pytest.raises(ValueError, match="across rounds"):
        differences(Series((1.0,)), Series((1.0, 2.0)))
    with pytest.raises(ValueError, match="across rounds"):
        ratios(Series((1.0,)), Series((1.0, 2.0)))


def test_a_median_is_the_surer_the_more_rounds_there_are() -> None:
    values = (-3.0, -1.0, 1.0, 3.0)
    few, many = Series(values), Series(values * 16)
    assert few.uncertainty == pytest.approx(1.57 * 5 / 2)
    assert many.uncertainty < few.uncertainty / 3
    assert Series((4.0,)).uncertainty > 4.0


def test_refuses_a_series_without_a_value() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Series(())


def test_ratio_is_that_of_the_medians() -> None:
    assert ratio(Series((1.0, 5.0, 6.0)), Series((10.0, 10.0, 70.0))) == 0.5


def test_ratio_of_best_is_that_of_the_minima() -> None:
    assert ratio_of_best(Series((1.0, 5.0, 6.0)), Series((10.0, 10.0, 70.0))) == 0.1


def test_refuses_a_ratio_across_different_rounds() -> None:
    with pytest.raises(ValueError, match="3 values against 2"):
        ratio(Series((1.0, 2.0, 3.0)), Series((1.0, 2.0)))


def test_refuses_samples_with_one_run_that_ended_otherwise() -> None:
    allowed = Candidate("guard: allowed", ["/bin/true"], PATH, frozenset((42,)))
    with pytest.raises(Misbehaved, match="guard: allowed: exit status 126 instead of 42"):
        Samples(allowed, (Run(42, 1.0, 1.0), Run(126, 1.0, 1.0)))


def test_stops_at_a_run_that_ended_otherwise_and_repeats_what_it_said() -> None:
    with pytest.raises(Misbehaved, match=r"refuses: exit status 3 instead of 42.*no such share"):
        interleave([shell("refuses", "echo no such share >&2; exit 3", expect=42)], 1)


def test_tells_an_end_by_signal_from_an_exit_status() -> None:
    with pytest.raises(Misbehaved, match="exit status -9 instead of 0"):
        run_once(shell("killed", "kill -9 $$"))


def test_runs_each_candidate_once_a_round_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    candidates = [shell(name, f"printf {name} >>{log}") for name in "abc"]
    samples = interleave(candidates, 3, untimed=1)
    assert log.read_text() == "abcbcacababc"
    assert [len(each.runs) for each in samples.values()] == [3, 3, 3]


def test_cpu_time_holds_that_of_the_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.05: pass"
    run = run_once(shell("parent", f"/usr/bin/python3 -IS -c '{burn}'; exit 0"))
    assert run.cpu >= 50.0


def test_gives_standard_input_that_stays_open() -> None:
    script = 'IFS= read -r line && [ "$line" = list ] && ! timeout 0.1 head -c 1'
    run_once(shell("reads", script, stdin=b"list\n"))


def test_gives_a_list_longer_than_a_pipe_holds_by_default() -> None:
    run_once(shell("reads", "exec head -c 131072 >/dev/null", stdin=b"x" * 131072))


def test_the_executed_program_ends_with_its_own_status(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "stub")
    stub.write(path, "/bin/true")
    expect = frozenset((stub.EXECUTED,))
    run_once(Candidate("stub", [path, "--server"], {}, expect))


@pytest.mark.parametrize(
    ("value", "at_least", "noise", "verdict"),
    [
        (0.65, False, 0.0, MET),
        (0.66, False, 0.0, NOT_MET),
        (0.65, True, 0.0, MET),
        (0.64, True, 0.0, NOT_MET),
        (0.64, True, 0.05, NOT_MEASURED),
        (0.59, True, 0.05, NOT_MET),
    ],
)
def test_verdict_follows_the_target_and_a_miss_within_the_noise_is_none(
    value: float, at_least: bool, noise: float, verdict: str
) -> None:
    assert Comparison("", value, 0.65, at_least, noise).verdict == verdict


def test_no_line_of_the_table_is_longer_than_a_hundred_columns() -> None:
    comparison = Comparison("0.999 x rate, median", 0.9, 0.98, True, noise=1.0)
    line = Line("128 KiB list, one argument 0xff", "ms", Series((12345.6,)), (comparison,))
    error = Outcome("memory", "Memory", 1, 1.0, error="a long explanation " * 20)
    text = render(["heading"], [Outcome("start", "Start", 40, 1.0, (line,)), error])
    assert max(len(each) for each in text.splitlines()) <= WIDTH


def test_a_row_without_the_guard_is_not_measured_and_the_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only", "start", "--prefix", os.fspath(tmp_path)]) == COULD_NOT_MEASURE
    assert NOT_MEASURED in capsys.readouterr().out


def test_every_row_has_its_own_name() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
