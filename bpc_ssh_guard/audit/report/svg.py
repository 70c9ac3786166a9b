"""Charts as inline SVG: bars for each day, with the numbers in their titles for who can't see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...page.html import Markup, join, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH: Final = 720
HEIGHT: Final = 160
MOST_BARS: Final = 120  # beyond that several days share a bar: none is thinner than it can be seen

_LEFT: Final = 56
_BOTTOM: Final = 18
_TOP: Final = 12


def bars(
    title: str,
    names: Sequence[str],
    series: Sequence[tuple[str, str, Sequence[int]]],
    shown: Callable[[object], str],
) -> Markup:
    """Return a chart of stacked bars, one for each of NAMES.

    SERIES: name, class of colour and values of each part; SHOWN writes a value.
    """
    names, series = _folded(names, series)
    highest = max((sum(values) for values in zip(*(part[2] for part in series))), default=0)
    step = (WIDTH - _LEFT) / max(1, len(names))
    parts = [_axis(highest, shown), *_labels(names, step)]
    for index, name in enumerate(names):
        parts += _stack(name, index * step + _LEFT, step, highest, shown,
                        [(label, kind, values[index]) for label, kind, values in series])
    described = f"{title}: highest {shown(highest)}; {len(names)} bars"
    chart = tag("svg", tag("title", title), tag("desc", described), *parts,
                viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", class_="chart")
    legend = join(tag("span", label, class_=f"key {kind}") for label, kind, _ in series)
    return tag("figure", tag("figcaption", title, " ", legend), chart)


def _stack(
    name: str, left: float, step: float, highest: int, shown: Callable[[object], str],
    parts: Sequence[tuple[str, str, int]],
) -> list[Markup]:
    room, floor, drawn = HEIGHT - _BOTTOM - _TOP, float(HEIGHT - _BOTTOM), []
    for label, kind, value in parts:
        if value <= 0:
            continue
        tall = max(1.0, value / highest * room)
        floor -= tall
        drawn.append(tag(
            "rect", tag("title", f"{name}: {shown(value)} {label}"), class_=kind,
            x=f"{left + 0.5:.1f}", y=f"{floor:.1f}", width=f"{max(1.0, step - 1):.1f}",
            height=f"{tall:.1f}",
        ))
    return drawn


def _axis(highest: int, shown: Callable[[object], str]) -> Markup:
    base = HEIGHT - _BOTTOM
    return join((
        tag("line", x1=_LEFT, y1=base, x2=WIDTH, y2=base, class_="axis"),
        tag("line", x1=_LEFT, y1=_TOP, x2=WIDTH, y2=_TOP, class_="axis faint"),
        tag("text", shown(highest), x=_LEFT - 4, y=_TOP + 4, class_="scale"),
        tag("text", "0", x=_LEFT - 4, y=base, class_="scale"),
    ))


def _labels(names: Sequence[str], step: float) -> list[Markup]:
    """Return the names below the bars, as many as have room."""
    every = max(1, round(90 / step))
    return [
        tag("text", name, x=f"{_LEFT + index * step:.1f}", y=HEIGHT - 4, class_="tick")
        for index, name in enumerate(names) if index % every == 0
    ]


def _folded(
    names: Sequence[str], series: Sequence[tuple[str, str, Sequence[int]]]
) -> tuple[Sequence[str], Sequence[tuple[str, str, Sequence[int]]]]:
    """Return NAMES and SERIES with so many neighbours added up that the bars can be seen."""
    group = -(-len(names) // MOST_BARS)
    if group <= 1:
        return names, series
    starts = range(0, len(names), group)
    folded = [
        (label, kind, [sum(values[start : start + group]) for start in starts])
        for label, kind, values in series
    ]
    return [f"{names[start]} +{group}d" for start in starts], folded
