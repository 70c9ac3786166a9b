"""The policy as immutable objects: settings and one block per key label."""

from __future__ import annotations

from ..vocabulary import PROGRAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Optional

    from .addresses import Network

DEFAULT_PATH: Final = b"/etc/bpc-ssh-guard/policy"
DEFAULT_LOG: Final = b"/var/log/bpc-ssh-guard"
DEFAULT_RSYNC: Final = b"/usr/bin/rsync"
DEFAULT_TAR: Final = b"/usr/bin/tar"


class Block:
    """What one key may do: an operation, its roots, and the conditions."""

    __slots__ = (
        "accept", "delete", "label", "line", "munge_links", "networks", "operation", "roots",
        "tools",
    )
    label: Final[bytes]
    line: Final[int]
    operation: Final[str]
    roots: Final[tuple[bytes, ...]]
    tools: Final[tuple[str, ...]]
    accept: Final[frozenset[str]]
    networks: Final[tuple[Network, ...]]
    delete: Final[bool]
    munge_links: Final[bool]

    def __init__(
        self,
        label: bytes,
        line: int,
        operation: str,
        roots: tuple[bytes, ...],
        tools: tuple[str, ...] = PROGRAMS,
        accept: frozenset[str] = frozenset(),
        networks: tuple[Network, ...] = (),
        delete: bool = True,
        munge_links: bool = False,
    ) -> None:
        self.label = label
        self.line = line
        self.operation = operation
        self.roots = roots
        self.tools = tools
        self.accept = accept
        self.networks = networks
        self.delete = delete
        self.munge_links = munge_links


class Policy:
    """A whole policy file: `sha256` is the hex digest of its bytes, `confine` None where unsaid."""

    __slots__ = ("blocks", "confine", "log", "path", "rsync", "sha256", "tar")
    path: Final[bytes]
    sha256: Final[str]
    log: Final[bytes]
    rsync: Final[bytes]
    tar: Final[bytes]
    confine: Final[Optional[str]]
    blocks: Final[Mapping[bytes, Block]]

    def __init__(
        self,
        path: bytes,
        sha256: str,
        settings: Mapping[str, bytes],
        blocks: Mapping[bytes, Block],
    ) -> None:
        self.path = path
        self.sha256 = sha256
        self.log = settings.get("Log", DEFAULT_LOG)
        self.rsync = settings.get("Rsync", DEFAULT_RSYNC)
        self.tar = settings.get("Tar", DEFAULT_TAR)
        confine = settings.get("Confine")
        self.confine = None if confine is None else confine.decode("ascii")
        self.blocks = blocks

    def executable(self, program: str) -> bytes:
        """Return the absolute path that PROGRAM, rsync or tar, is started from."""
        return self.rsync if program == PROGRAMS[0] else self.tar
