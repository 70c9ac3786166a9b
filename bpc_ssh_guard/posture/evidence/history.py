"""Old text in a folder's history: git's objects and packs, RCS files, packed copies.

Git itself isn't run: the repository may belong to who is to be distrusted, and names programs.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Optional, Protocol

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backuppc.disk import Disk

MOST_OBJECT: Final = 4 * 1024 * 1024  # bytes of one text; the reader of config.pl takes 2 MiB
MOST_TEXT: Final = 32 * 1024 * 1024  # bytes of all: 0.2 s, and 40 MB of memory
MOST_PACK: Final = 16 * 1024 * 1024
MOST_LOOSE: Final = 5000  # git packs them at 6700 (gc.auto)
_MOST_MEMORY: Final = 64 * 1024 * 1024  # xz -9 wants it
_CHUNK: Final = 16 * 1024
_BLOB, _OFFSET_DELTA, _NAMED_DELTA = 3, 6, 7  # gitformat-pack(5)
_NAME: Final = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")


def unpacked(path: str, data: bytes) -> bytes:
    """Return DATA, the content of PATH, without gzip, bzip2 or xz; raise Undecided if too long.

    A tar file needs no unpacking: its members' text lies in it as it is.
    """
    if data.startswith(b"\x1f\x8b"):
        return _bounded(path, zlib.decompressobj(31), data)
    if data.startswith(b"BZh"):
        return _bounded(path, bz2.BZ2Decompressor(), data)
    if data.startswith(b"\xfd7zXZ\0"):
        return _bounded(path, lzma.LZMADecompressor(memlimit=_MOST_MEMORY), data)
    return data.replace(b"@@", b"@") if path.endswith(",v") else data  # rcsfile(5)


class _Machine(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, most: int, /) -> bytes: ...


def _bounded(path: str, machine: _Machine, data: bytes) -> bytes:
    try:
        text = machine.decompress(data, MOST_TEXT)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        raise Undecided(path, "can't be unpacked") from None
    if not machine.eof:
        raise Undecided(path, f"cut off, or longer than {MOST_TEXT} bytes")
    return text


def blobs(disk: Disk, repository: str) -> Iterator[tuple[str, bytes]]:
    """Yield file and text of every content that the git REPOSITORY keeps.

    Raise Undecided where there is more than can be read, or something that isn't understood.
    """
    objects = f"{repository}/objects"
    if disk.lstat(f"{objects}/info/alternates") is not None:
        raise Undecided(repository, "has objects elsewhere (alternates)")
    budget = _Budget(repository)
    yield from _loose(disk, objects, budget)
    for name in disk.names(f"{objects}/pack"):
        if name.endswith(".pack"):
            path = f"{objects}/pack/{name}"
            for text in _Pack(path, disk.read(path, MOST_PACK), budget).blobs():
                yield path, text


class _Budget:
    def __init__(self, repository: str) -> None:
        self._repository = repository
        self._left = MOST_TEXT

    def take(self, size: int) -> None:
        self._left -= size
        if size > MOST_OBJECT or self._left < 0:
            raise Undecided(self._repository, "has more history than an audit reads")


def _loose(disk: Disk, objects: str, budget: _Budget) -> Iterator[tuple[str, bytes]]:
    count = 0
    for folder in (f"{number:02x}" for number in range(256)):
        for name in disk.names(f"{objects}/{folder}"):
            count += 1
            path = f"{objects}/{folder}/{name}"
            if count > MOST_LOOSE:
                raise Undecided(objects, f"more than {MOST_LOOSE} loose objects")
            if not _NAME.fullmatch(name):
                continue
            head = zlib.decompressobj()
            try:
                text = head.decompress(disk.read(path, MOST_OBJECT), MOST_OBJECT)
            except zlib.error:
                raise Undecided(path, "no object of git") from None
            budget.take(len(text) if head.eof else MOST_OBJECT + 1)
            if text.startswith(b"blob "):
                yield path, text.partition(b"\0")[2]


@dataclass
class _Entry:
    kind: int
    body: bytes
    base: Optional[int] = None  # the offset of what a delta changes
    text: Optional[bytes] = field(default=None, repr=False)


class _Pack:
    """One pack file, read from its beginning to its end, without its index."""

    def __init__(self, path: str, data: bytes, budget: _Budget) -> None:
        self._path, self._data, self._budget = path, data, budget
        if data[:4] != b"PACK" or int.from_bytes(data[4:8], "big") not in (2, 3):
            raise Undecided(path, "no pack of git")
        self._entries: dict[int, _Entry] = {}
        place = 12
        try:
            for _ in range(int.from_bytes(data[8:12], "big")):
                place = self._read(place)
        except (IndexError, zlib.error):
            raise self._damaged() from None

    def blobs(self) -> Iterator[bytes]:
        """Yield the text of each blob."""
        for place in self._entries:
            chain = self._chain(place)
            if self._entries[chain[-1]].kind == _BLOB:
                yield self._text(chain)

    def _read(self, place: int) -> int:
        """Read the entry at PLACE; return where the next begins."""
        start, data = place, self._data
        byte = data[place]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 128:
            place += 1
            byte = data[place]
            size |= (byte & 127) << shift
            shift += 7
        place += 1
        base = None
        if kind == _OFFSET_DELTA:
            byte, place = data[place], place + 1
            back = byte & 127
            while byte & 128:
                byte, place = data[place], place + 1
                back = (back + 1) << 7 | byte & 127
            base = start - back
        elif kind == _NAMED_DELTA:
            raise Undecided(self._path, "has deltas against named objects, which isn't read")
        self._budget.take(size)
        body, place = self._inflate(place, size)
        self._entries[start] = _Entry(kind, body, base)
        return place

    def _inflate(self, place: int, size: int) -> tuple[bytes, int]:
        """Return the SIZE bytes packed at PLACE, and where they end."""
        machine = zlib.decompressobj()
        body = b""
        while not machine.eof:
            chunk = self._data[place : place + _CHUNK]
            if not chunk:
                raise self._damaged()
            body += machine.decompress(chunk, size + 1 - len(body))
            place += len(chunk) - len(machine.unconsumed_tail) - len(machine.unused_data)
            if len(body) > size:
                raise self._damaged()
        return body, place

    def _chain(self, place: int) -> list[int]:
        """Return the entry at PLACE and its bases: each lies before what it is the base of."""
        chain = [place]
        while (base := self._entries[chain[-1]].base) is not None:
            if base >= chain[-1] or base not in self._entries:
                raise self._damaged()
            chain.append(base)
        return chain

    def _text(self, chain: list[int]) -> bytes:
        text = b""
        for place in reversed(chain):
            entry = self._entries[place]
            if entry.text is None:
                if entry.base is not None:
                    entry.text = self._applied(entry.body, text)
                    self._budget.take(len(entry.text))
                else:
                    entry.text = entry.body
            text = entry.text
        return text

    def _applied(self, delta: bytes, base: bytes) -> bytes:
        """Return BASE changed as DELTA says; raise Undecided where it doesn't fit."""
        try:
            _, place = _size(delta, 0)
            length, place = _size(delta, place)
            if length > MOST_OBJECT:
                raise self._damaged()
            parts, made = [], 0
            while place < len(delta):
                part, place = _instruction(delta, place, base)
                made += len(part)
                if made > length:
                    raise self._damaged()
                parts.append(part)
        except IndexError:
            raise self._damaged() from None
        return b"".join(parts)

    def _damaged(self) -> Undecided:
        return Undecided(self._path, "a damaged pack of git")


def _size(delta: bytes, place: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = delta[place]
        place += 1
        size |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return size, place


def _instruction(delta: bytes, place: int, base: bytes) -> tuple[bytes, int]:
    """Return what the instruction at PLACE adds, and where the next begins."""
    code = delta[place]
    place += 1
    if not code & 128:
        return delta[place : place + code], place + code
    numbers = []
    for bits in (range(4), range(4, 7)):
        number = 0
        for position, bit in enumerate(bits):
            if code >> bit & 1:
                number |= delta[place] << 8 * position
                place += 1
        numbers.append(number)
    offset, size = numbers
    return base[offset : offset + (size or 0x10000)], place
