"""Statistics of repeated runs: medians, minima and ratios, of series from the same rounds only."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """One figure of one candidate, a value per round."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a series needs at least one value")

    @property
    def median(self) -> float:
        """The middle value; of CPU times the figure that moves least on a busy machine."""
        return statistics.median(self.values)

    @property
    def best(self) -> float:
        """The smallest value; of wall times the figure that noise, which only adds, spares most."""
        return min(self.values)

    @property
    def spread(self) -> float:
        """How far the values lie apart, as a part of their median: the noise of this series.

        A single value says nothing of it and counts as all noise.
        """
        return 1.0 if len(self.values) == 1 else self._range / abs(self.median)

    @property
    def uncertainty(self) -> float:
        """How far the median may be from that of ever more rounds, in 19 of 20 benches.

        1.57 interquartile ranges by the root of their number: McGill, Tukey and Larsen, 1978.
        """
        return 1.57 * self._range / math.sqrt(len(self.values))

    @property
    def _range(self) -> float:
        """The interquartile range; of few values all of it, a single one is all noise."""
        if len(self.values) == 1:
            return abs(self.median)
        if len(self.values) < 4:
            return max(self.values) - min(self.values)
        first, _, third = statistics.quantiles(self.values, n=4)
        return third - first


def differences(of: Series, to: Series) -> Series:
    """Return OF less TO, round by round: what slowed a round of one slowed the other's too."""
    _require_same_rounds(of, to)
    return Series(tuple(one - other for one, other in zip(of.values, to.values)))


def ratios(of: Series, to: Series) -> Series:
    """Return OF by TO, round by round."""
    _require_same_rounds(of, to)
    return Series(tuple(one / other for one, other in zip(of.values, to.values)))


def ratio(of: Series, to: Series) -> float:
    """Return the median of OF over the median of TO."""
    _require_same_rounds(of, to)
    return of.median / to.median


def ratio_of_best(of: Series, to: Series) -> float:
    """Return the minimum of OF over the minimum of TO."""
    _require_same_rounds(of, to)
    return of.best / to.best


def _require_same_rounds(one: Series, other: Series) -> None:
    if len(one.values) != len(other.values):
        raise ValueError(
            f"no ratio across rounds: {len(one.values)} values against {len(other.values)}"
        )
