"""A progress bar on standard error where a person looks at it, and nothing anywhere else."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """The progress of what TITLE says, in TOTAL steps; use it in a with statement."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._bar: Optional[Any] = None
        self._task: Optional[Any] = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            with contextlib.suppress(ImportError):  # rich is for looks alone
                from rich.console import Console
                from rich.progress import Progress as Bar

                self._bar = Bar(console=Console(stderr=True), transient=True)
                self._bar.start()
                self._task = self._bar.add_task(self._title, total=self._total)
        return self

    def step(self, text: str = "") -> None:
        """Tell that one more step, TEXT, is done."""
        if self._bar is not None:
            description = f"{self._title} {text}"
            self._bar.update(self._task, advance=1, description=description)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
