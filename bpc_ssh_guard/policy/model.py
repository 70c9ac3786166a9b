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
DEFAULT_STATE: Final = b"/var/lib/bpc-ssh-guard"
DEFAULT_RSYNC: Final = b"/usr/bin/rsync"
DEFAULT_TAR: Final = b"/usr/bin/tar"
DEFAULT_SESSIONS: Final = 32  # a burst of short jobs passes, a flood of long ones does not


class Confine:
    """What happens where the kernel lacks a layer of confinement."""

    STRICT: Final = "strict"  # refuse
    BEST_EFFORT: Final = "best-effort"  # run with what there is
    OFF: Final = "off"  # don't confine


class Window:
    """When a restore key may work."""

    GRANTED: Final = "granted"  # while a grant is open
    ALWAYS: Final = "always"


class Block:
    """What one key may do: an operation, its roots or the labels it rotates, and the conditions."""

    __slots__ = (
        "accept", "certificates", "delete", "grants_remote", "io", "keep_free", "label", "line",
        "max_sessions", "munge_links", "networks", "never", "nice", "operation", "roots", "rotates",
        "tools", "window",
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
    never: Final[tuple[bytes, ...]]  # patterns with * for a run of bytes of one component
    window: Final[str]
    max_sessions: Final[int]
    keep_free: Final[int]  # bytes
    nice: Final[Optional[int]]  # 0 to 19
    io: Final[Optional[tuple[int, int]]]  # class and level as ioprio_set(2) has them
    rotates: Final[tuple[bytes, ...]]  # the labels whose keys a rotation key may replace
    grants_remote: Final[bool]  # a rotation key may open a grant for this one
    # What authorities call this host, where a rotation key may replace them.
    certificates: Final[Optional[bytes]]

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
        never: tuple[bytes, ...] = (),
        window: str = Window.GRANTED,
        max_sessions: int = DEFAULT_SESSIONS,
        keep_free: int = 0,
        nice: Optional[int] = None,
        io: Optional[tuple[int, int]] = None,
        rotates: tuple[bytes, ...] = (),
        grants_remote: bool = False,
        certificates: Optional[bytes] = None,
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
        self.never = never
        self.window = window
        self.max_sessions = max_sessions
        self.keep_free = keep_free
        self.nice = nice
        self.io = io
        self.rotates = rotates
        self.grants_remote = grants_remote
        self.certificates = certificates


class Policy:
    """A whole policy file; `sha256` is the hex digest of its bytes."""

    __slots__ = (
        "authorized_keys", "blocks", "confine", "log", "path", "rsync", "sha256", "state", "tar",
    )
    path: Final[bytes]
    sha256: Final[str]
    log: Final[bytes]
    rsync: Final[bytes]
    tar: Final[bytes]
    state: Final[bytes]
    authorized_keys: Final[Optional[bytes]]  # None: sshd's default for the account
    confine: Final[str]
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
        # A log elsewhere is an account's or a test's own: its state must not be the machine's.
        beside = self.log + b"/state" if "Log" in settings else DEFAULT_STATE
        self.state = settings.get("State", beside)
        self.authorized_keys = settings.get("AuthorizedKeys")
        self.confine = settings.get("Confine", Confine.STRICT.encode("ascii")).decode("ascii")
        self.blocks = blocks

    def executable(self, program: str) -> bytes:
        """Return the absolute path that PROGRAM, rsync or tar, is started from."""
        return self.rsync if program == PROGRAMS[0] else self.tar
