"""The programs before the program: recognised and re-implemented, never executed as written."""

from __future__ import annotations

from ..errors import Refused
from ..grammar import driver
from ..grammar.tables import prefixes as tables
from ..vocabulary import Feature, Program, Reason
from .words import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

_DEFAULT_NICENESS: Final = 10  # nice(1) without a value
_BEST_EFFORT_LEVEL: Final = 4  # ionice(1) without a level


class Prefixes:
    """What stood before the program: sudo, a niceness, an I/O class; env has no effect."""

    __slots__ = ("io_class", "io_level", "nice", "sudo")
    sudo: Final[bool]
    nice: Final[Optional[int]]
    io_class: Final[Optional[int]]
    io_level: Final[int]

    def __init__(
        self,
        sudo: bool = False,
        nice: Optional[int] = None,
        io_class: Optional[int] = None,
        io_level: int = _BEST_EFFORT_LEVEL,
    ) -> None:
        self.sudo = sudo
        self.nice = nice
        self.io_class = io_class
        self.io_level = io_level

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that a policy must accept for these prefixes."""
        asked = (
            (Feature.SUDO, self.sudo),
            (Feature.NICE, self.nice is not None),
            (Feature.IONICE, self.io_class is not None),
        )
        return tuple(feature for feature, wanted in asked if wanted)


def parse(words: Words) -> tuple[Prefixes, str, int]:
    """Return the prefixes, the program's name and where its arguments begin in `words.joined()`.

    Raises Refused(unknown-program).
    """
    data = words.joined()
    try:
        tokens = driver.parse(tables, "start", data)
    except driver.Unparsable as error:
        place = words.offset(error.start)
        detail = "no program or prefix the guard knows"
        raise Refused(Reason.UNKNOWN_PROGRAM, detail, place) from None
    seen: dict[str, bytes] = {}
    program, arguments = "", len(data)
    for name, raw, offset in tokens:
        if name == "REST":
            arguments = offset
            continue
        kind = raw.partition(b"=")[0].decode("ascii") if name == "ENV_LOCALE" else name
        if kind in seen:
            raise Refused(Reason.UNKNOWN_PROGRAM, "a prefix is repeated", words.offset(offset))
        seen[kind] = raw[:-1]
        if name in ("RSYNC", "TAR"):
            program = Program.RSYNC if name == "RSYNC" else Program.TAR
    return _prefixes(seen), program, arguments


def _prefixes(seen: dict[str, bytes]) -> Prefixes:
    """Return the typed form of the tokens SEEN; the grammar has bounded every number."""
    nice = io_class = None
    io_level = _BEST_EFFORT_LEVEL
    if "NICE" in seen:
        value = seen.get("NICE_VALUE") or seen.get("NICE_OLD", b"")[1:]
        nice = int(value) if value else _DEFAULT_NICENESS
    if "IONICE" in seen:
        io_class = int(seen.get("IO_CLASS_VALUE") or seen["IO_CLASS"][2:])
        level = seen.get("IO_LEVEL_VALUE") or seen.get("IO_LEVEL", b"")[2:]
        io_level = int(level) if level else _BEST_EFFORT_LEVEL
    return Prefixes("SUDO" in seen, nice, io_class, io_level)
