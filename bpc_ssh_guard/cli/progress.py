"""A progress bar on standard error where a person looks at it, and nothing anywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_Item = TypeVar("_Item")


class Progress:
    """The progress of what TITLE says, in TOTAL steps; use it in a with statement.

    Without TOTAL nobody knows how many. STREAMS says that lines are printed all the while: on a
    terminal they are progress enough.
    """

    def __init__(self, title: str, total: Optional[int] = None, streams: bool = False) -> None:
        self._title = title
        self._total = total
        self._is_shown = sys.stderr.isatty() and not (streams and sys.stdout.isatty())
        self._bar: Optional[Any] = None
        self._task: Optional[Any] = None

    def __enter__(self) -> Progress:
        if self._is_shown:
            with contextlib.suppress(ImportError):  # rich is for looks alone
                from rich.console import Console
                from rich.progress import Progress as Bar

                # rich would print to standard error what is meant for a pipe or a file.
                self._bar = Bar(console=Console(stderr=True), transient=True,
                                redirect_stdout=sys.stdout.isatty())
                self._bar.start()
                self._task = self._bar.add_task(self._title, total=self._total)
        return self

    def step(self, text: str = "") -> None:
        """Tell that one more step, TEXT, is done."""
        if self._bar is not None:
            from rich.markup import escape

            description = escape(f"{self._title} {text}")
            self._bar.update(self._task, advance=1, description=description)

    def over(self, items: Sequence[_Item], text: str = "") -> Sequence[_Item]:
        """Return ITEMS, each of which is a step, TEXT, once the next one is asked for."""
        return _Steps(self, items, text)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


class _Steps(Sequence[_Item]):
    """Items that tell a progress as they are gone through."""

    def __init__(self, progress: Progress, items: Sequence[_Item], text: str) -> None:
        self._progress = progress
        self._items = items
        self._text = text

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> _Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_Item]: ...

    def __getitem__(self, index: int | slice) -> _Item | Sequence[_Item]:
        return self._items[index]

    def __iter__(self) -> Iterator[_Item]:
        for item in self._items:
            yield item
            self._progress.step(self._text)
