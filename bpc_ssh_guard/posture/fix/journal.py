"""The undo journal: every act is on disk before it happens, with all that takes it back."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Optional, Union

from ...backuppc.refused import Refused
from .modes import ModeChange

if TYPE_CHECKING:
    from ...backuppc.disk import Disk

SCHEMA = 1
PARENT, FOLDER = "/var/lib", "bpc-ssh-posture"
MOST_BYTES = 4 * 1024 * 1024  # a few hundred acts have 100 kB
_NAME = "journal"


@dataclass(frozen=True)
class ContentChange:
    """A file whose content was replaced; `before` and `after` name copies in the journal's folder.

    BEFORE is None where there was no file.
    """

    path: str
    before: Optional[str]
    after: str
    mode: int
    uid: int
    gid: int


Change = Union[ModeChange, ContentChange]


class Journal:
    """A folder of one run's acts, closed to others: the copies in it hold what the files held.

    Nothing is made until the first act is noted.
    """

    def __init__(self, disk: Disk) -> None:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        parent = os.path.join(disk.root, disk.real(PARENT).lstrip("/"))
        self.path = os.path.join(parent, FOLDER, f"fix-{now}")
        self._file = -1
        self._copies = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was noted."""
        return self._file < 0

    def note_mode(self, change: ModeChange) -> None:
        """Put CHANGE on disk: before it is made, and with its time again after."""
        self._write({"act": "mode", **asdict(change)})

    def note_content(
        self, path: str, before: Optional[bytes], after: bytes, info: tuple[int, int, int],
    ) -> None:
        """Put on disk that PATH's content BEFORE is replaced by AFTER; INFO is mode, uid, gid."""
        self._open()
        self._copies += 1
        old = None if before is None else self._copy(f"{self._copies}.before", before)
        new = self._copy(f"{self._copies}.after", after)
        self._write({"act": "content", **asdict(ContentChange(path, old, new, *info))})

    def close(self) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        if self._file >= 0:
            return
        for folder in (os.path.dirname(self.path), self.path):
            if not os.path.lexists(folder):
                os.mkdir(folder, 0o700)
            info = os.lstat(folder)
            if info.st_uid != os.geteuid() or info.st_mode & 0o022:
                raise Refused(f"{folder}: not ours alone; the journal would not be safe there")
        self._file = _created(os.path.join(self.path, _NAME))
        _sync_folder(self.path)
        _sync_folder(os.path.dirname(self.path))

    def _copy(self, name: str, content: bytes) -> str:
        file = _created(os.path.join(self.path, name))
        try:
            _write_all(file, content)
        finally:
            os.close(file)
        _sync_folder(self.path)
        return name

    def _write(self, record: dict[str, Any]) -> None:
        self._open()
        line = json.dumps({"schema": SCHEMA, **record}, sort_keys=True) + "\n"
        _write_all(self._file, line.encode("ascii"))


def read(path: str) -> list[Change]:
    """Return the acts noted in the journal folder PATH, in their order; raise Refused.

    A last line that was cut short by a crash names an act that never happened. Of an act that was
    noted twice the second note counts.
    """
    info = os.lstat(path) if os.path.lexists(path) else None
    if info is None or info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise Refused(f"{path}: no journal that this account wrote; {PARENT}/{FOLDER} has them")
    try:
        with open(os.path.join(path, _NAME), "rb") as file:
            lines = file.read(MOST_BYTES).split(b"\n")[:-1]
        changes = [_change(json.loads(line)) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}: {_NAME}: can't be read ({type(error).__name__})") from None
    found: dict[object, Change] = {}
    for number, change in enumerate(changes):
        key = replace(change, changed=0) if isinstance(change, ModeChange) else number
        found[key] = change
    return list(found.values())


def copied(path: str, name: str) -> bytes:
    """Return the copy NAME of the journal PATH."""
    with open(os.path.join(path, os.path.basename(name)), "rb") as file:
        return file.read()


def _change(record: dict[str, Any]) -> Change:
    if record.pop("schema") != SCHEMA:
        raise ValueError("another version's")
    kinds = {"mode": ModeChange, "content": ContentChange}
    made: Change = kinds[record.pop("act")](**record)
    return made


def _created(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content):]
    os.fsync(file)


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
