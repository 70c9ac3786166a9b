"""The original command as one typed object: the only way from bytes to a command."""

from __future__ import annotations

from ..vocabulary import FEATURES, Program
from . import prefixes, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Optional, Union

    from .prefixes import Prefixes
    from .rsync import RsyncServer
    from .tar import TarCommand


class Command:
    """An original command understood: what stands before the program, the program, its list."""

    __slots__ = ("prefixes", "secluded", "server")
    prefixes: Final[Prefixes]
    server: Final[Union[RsyncServer, TarCommand]]
    secluded: Final[Optional[bytes]]

    def __init__(
        self,
        prefixes: Prefixes,
        server: Union[RsyncServer, TarCommand],
        secluded: Optional[bytes] = None,
    ) -> None:
        self.prefixes = prefixes
        self.server = server
        self.secluded = secluded

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that a policy must accept, in the order of the vocabulary."""
        needed = (*self.prefixes.features, *self.server.features)
        return tuple(feature for feature in FEATURES if feature in needed)


def understand(command: bytes, read_list: Callable[[], bytes]) -> Command:
    """Return the typed form of COMMAND; raises Refused.

    READ_LIST returns the secluded list with its end; it is called for a command with -s only, and
    only after the visible part has been found right.
    """
    vector = words.split(command)
    before, program, begin = prefixes.parse(vector)
    arguments = vector.joined()[begin:]

    def locate(offset: int) -> int:
        return vector.offset(begin + offset)

    # Only the one program's tables are loaded: each costs 0.5 ms of CPU at every connection.
    if program == Program.TAR:
        from . import tar

        return Command(before, tar.parse(arguments, locate))
    from . import rsync

    server, secluded = rsync.parse(arguments, locate, read_list)
    return Command(before, server, secluded)
