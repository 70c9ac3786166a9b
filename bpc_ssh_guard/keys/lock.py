"""One run at a time for each label of a host; the kernel lets go of a lock when a run is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(folder: Path, host: str, label: str) -> Iterator[None]:
    """Hold the lock HOST.LABEL in FOLDER; raises Trouble(locked) where another run has it."""
    path = folder / f"{host}.{label}"  # a label has no dot
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Trouble(Word.LOCKED, f"another run works on {label}; look again later") from None
    finally:
        os.close(descriptor)
