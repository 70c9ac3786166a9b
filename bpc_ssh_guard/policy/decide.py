"""The decision: a block and a command give a plan, or the reason why not; no file, no clock."""

from __future__ import annotations

from ..command.paths import is_beneath
from ..errors import Refused
from ..vocabulary import Feature, Operation, Program, Reason
from .model import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Optional, TypeVar

    from ..command.parse import Command
    from .model import Block, Policy
    from .window import Grant

    # The higher, the politer: a niceness, or I/O class and level (idle is class 3).
    _Rank = TypeVar("_Rank", int, tuple[int, int])


class Plan:
    """What will run: program and argument vector rendered anew, its roots and its priority."""

    __slots__ = ("arguments", "command", "executable", "injected", "io", "nice", "roots")
    executable: Final[bytes]
    arguments: Final[tuple[bytes, ...]]
    injected: Final[tuple[bytes, ...]]
    roots: Final[tuple[bytes, ...]]
    command: Final[Command]
    nice: Final[Optional[int]]
    io: Final[Optional[tuple[int, int]]]  # class and level as ioprio_set(2) has them

    def __init__(
        self,
        executable: bytes,
        arguments: tuple[bytes, ...],
        injected: tuple[bytes, ...],
        roots: tuple[bytes, ...],
        command: Command,
        block: Block,
    ) -> None:
        self.executable = executable
        self.arguments = arguments
        self.injected = injected
        self.roots = roots
        self.command = command
        # The politer of what the command asks for and what the policy demands.
        before = command.prefixes
        self.nice = _highest(before.nice, block.nice)
        asked = None if before.io_class is None else (before.io_class, before.io_level)
        self.io = _highest(asked, block.io)

    @property
    def argv(self) -> tuple[bytes, ...]:
        """Return the whole argument vector, the program first."""
        return (self.executable, *self.arguments)


def decide(
    policy: Policy,
    block: Block,
    command: Command,
    protections: Iterable[bytes],
    grant: Optional[Grant] = None,
) -> Plan:
    """Return the plan for COMMAND under BLOCK; raises Refused.

    PROTECTIONS are the protective options that the installed rsync knows; GRANT is the one that is
    open for the block, if any.
    """
    server = command.server
    needs = command.features
    if server.program not in block.tools:
        raise Refused(Reason.TOOL_NOT_ALLOWED, f"Tools does not list {server.program}", needs=needs)
    if server.operation != block.operation:
        detail = f"the command is a {server.operation}, the key is for {block.operation}"
        raise Refused(Reason.WRONG_OPERATION, detail, needs=needs)
    missing = [feature for feature in needs if feature not in block.accept]
    if missing:
        detail = f"Accept does not list {', '.join(missing)}"
        raise Refused(Reason.FEATURE_NOT_ACCEPTED, detail, needs=needs)
    if server.deletes and not block.delete:
        detail = "the command says --delete, the block Delete no"
        raise Refused(Reason.DELETE_NOT_PERMITTED, detail, needs=needs)
    if block.operation == Operation.RESTORE and block.window == Window.GRANTED and grant is None:
        advice = f"bpc-ssh-guardctl grant {block.label.decode()} --for 2h opens one"
        detail = f"no grant is open; {advice}"
        raise Refused(Reason.NO_WINDOW, detail, needs=needs)
    admitted = _narrowed(block.roots, grant)
    roots = tuple(_root_of(path, admitted, needs) for path in server.paths)
    injected = _protective_options(block, command, roots, frozenset(protections))
    arguments = server.arguments(injected)
    return Plan(policy.executable(server.program), arguments, injected, roots, command, block)


def _highest(asked: Optional[_Rank], demanded: Optional[_Rank]) -> Optional[_Rank]:
    ranks = [rank for rank in (asked, demanded) if rank is not None]
    return max(ranks) if ranks else None


def _narrowed(roots: tuple[bytes, ...], grant: Optional[Grant]) -> tuple[bytes, ...]:
    """Return the ROOTS as far as GRANT leaves them: it may narrow them, never widen."""
    if grant is None or not grant.paths:
        return roots
    return tuple(p for p in grant.paths if any(is_beneath(p, root) for root in roots))


def _root_of(path: bytes, roots: Iterable[bytes], needs: tuple[str, ...]) -> bytes:
    """Return the root that PATH lies in: the narrowest, where several do."""
    holding = [root for root in roots if is_beneath(path, root)]
    if not holding:
        shown = path.decode("utf-8", "backslashreplace")
        raise Refused(Reason.OUTSIDE_ROOTS, f"{shown} is not below a root", needs=needs)
    return max(holding, key=len)


def _protective_options(
    block: Block, command: Command, roots: tuple[bytes, ...], protections: frozenset[bytes]
) -> tuple[bytes, ...]:
    """Return the options that the guard adds of its own, as far as the program has them."""
    server = command.server
    if server.program == Program.TAR:
        # Extracting: keeps mode and owner of folders that exist, the restore root's above all.
        # Creating: tar takes escapes in names, and ./\056\056 for ./.. (names.c, unquote_option).
        restore = server.operation == Operation.RESTORE
        return (b"--no-overwrite-dir",) if restore else (b"--no-unquote",)
    if server.operation == Operation.BACKUP:
        top = _common(roots)
        # Filter rules travel in the protocol; this keeps their merge files within the root.
        confined = b"--confine-root" in protections and top != b"/"
        return (b"--confine-root=" + top,) if confined else ()
    wanted = (
        (b"--drop-D", Feature.DEVICES not in block.accept and b"--drop-D" in protections),
        (b"--chmod=ug-s", Feature.SETUID not in block.accept),
        (b"--munge-links", block.munge_links),
    )
    return tuple(option for option, inject in wanted if inject)


def _common(roots: tuple[bytes, ...]) -> bytes:
    """Return the deepest folder that holds all ROOTS."""
    top = roots[0]
    while not all(is_beneath(root, top) for root in roots):
        top = top.rpartition(b"/")[0] or b"/"
    return top
