"""One block of the policy: the lines below `Key LABEL` as what that key may do."""

from __future__ import annotations

from ..vocabulary import FEATURES, PROGRAMS, Feature, Operation, Program, is_host_name
from .model import DEFAULT_SESSIONS, Block, Confine, Window
from .statements import RESTORE_ONLY, RIGHTS, TRANSFER_ONLY
from .values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final, Optional

    from .model import Policy
    from .statements import Statement
    from .values import Found

MOST_SESSIONS: Final = 1000  # each holds 10 MB of the guard and a program of its own
MOST_NICE: Final = 19  # setpriority(2)
IO_BEST_EFFORT: Final = 2  # ioprio_set(2)
IO_IDLE: Final = 3
LEAST_IO_LEVEL: Final = 7  # of best effort; 0 comes first

_OPERATION_OF: Final = {
    "Backup": Operation.BACKUP,
    "Restore": Operation.RESTORE,
    "Rotate": Operation.ROTATE,
    "Audit": Operation.AUDIT,
}
_TRANSFERS: Final = (Operation.BACKUP, Operation.RESTORE)


class BlockReader(Values):
    """The reader of the blocks of one policy; raises GuardFailure(bad-policy)."""

    __slots__ = ()

    def block(self, label: bytes, statements: list[Statement], policy: Policy) -> Block:
        """Return the block LABEL of STATEMENTS, `Key` first; POLICY holds the settings."""
        line = statements[0][2]
        found = {keyword: (arguments, where) for keyword, arguments, where in statements[1:]}
        right = self._right(label, found, line)
        operation = _OPERATION_OF[right]
        self._require_suited(found, operation)
        networks = tuple(self.networks(found))
        sessions = self.number(found, "MaxSessions", 1, MOST_SESSIONS) or DEFAULT_SESSIONS
        if operation not in _TRANSFERS:
            return Block(
                label, line, operation, (), networks=networks, max_sessions=sessions,
                rotates=self._rotates(label, found),
            )
        accept = frozenset(self.words(found, "Accept", FEATURES))
        roots = tuple(self.path(root, found[right][1]) for root in found[right][0])
        if not roots:
            raise self.error(found[right][1], f"{right} names no path; add one or more")
        if operation == Operation.RESTORE and Feature.WHOLE_SYSTEM not in accept:
            self._require_harmless(roots, found[right][1], policy)
        tools = tuple(self.words(found, "Tools", PROGRAMS)) or PROGRAMS
        return Block(
            label, line, operation, roots, tools, accept, networks,
            self.flag(found, "Delete", default=True), self._munge_links(found, tools),
            tuple(self._never(found, policy)), self._window(found), sessions,
            self.size(found, "KeepFree"), self.number(found, "Nice", 0, MOST_NICE),
            self._io(found), grants_remote=self._grants(found),
            certificates=self._certificates(found),
        )

    def _right(self, label: bytes, found: Found, line: int) -> str:
        rights = [keyword for keyword in RIGHTS if keyword in found]
        if len(rights) != 1:
            found_rights = " and ".join(rights) or "no right"
            complaint = f"Key {label.decode()} has {found_rights}; a key has exactly one right"
            raise self.error(line, f"{complaint} of {', '.join(RIGHTS)}")
        return rights[0]

    def _require_suited(self, found: Found, operation: str) -> None:
        """Refuse lines that have no effect on a key of OPERATION."""
        for keyword, (_, line) in found.items():
            if keyword in RESTORE_ONLY and operation != Operation.RESTORE:
                raise self.error(line, f"{keyword} belongs to a block with Restore")
            if keyword in TRANSFER_ONLY and operation not in _TRANSFERS:
                raise self.error(line, f"{keyword} belongs to a block with Backup or Restore")

    def _rotates(self, label: bytes, found: Found) -> tuple[bytes, ...]:
        """Return the labels of Rotate; none for Audit, which takes no argument."""
        if "Audit" in found:
            arguments, line = found["Audit"]
            if arguments:
                raise self.error(line, f"Audit takes no argument, not {len(arguments)}")
            return ()
        arguments, line = found["Rotate"]
        if not arguments:
            raise self.error(line, "Rotate names no key label; add one or more")
        labels = tuple(self.label("Rotate", argument, line) for argument in arguments)
        if len(set(labels)) != len(labels):
            raise self.error(line, "Rotate names a label twice; keep one of them")
        return labels

    def _munge_links(self, found: Found, tools: tuple[str, ...]) -> bool:
        munge_links = self.flag(found, "MungeLinks", default=False)
        if munge_links and tools != (Program.RSYNC,):
            advice = "it has no effect on tar: say Tools rsync"
            raise self.error(found["MungeLinks"][1], f"MungeLinks yes in a block for tar; {advice}")
        return munge_links

    def _grants(self, found: Found) -> bool:
        if "Grants" not in found:
            return False
        arguments, line = found["Grants"]
        self.choice("Grants", self.one("Grants", arguments, line), ("remote",), line)
        if self._window(found) == Window.ALWAYS:
            raise self.error(line, "Grants remote opens nothing under Window always; keep one")
        return True

    def _certificates(self, found: Found) -> Optional[bytes]:
        if "Certificates" not in found:
            return None
        arguments, line = found["Certificates"]
        name = self.one("Certificates", arguments, line)
        if not is_host_name(name):
            advice = "letters, digits, dots, dashes and underscores, as bpc-ssh-keys has it"
            raise self.error(line, f"Certificates takes this host's name; {advice}")
        return name

    def _window(self, found: Found) -> str:
        if "Window" not in found:
            return Window.GRANTED
        arguments, line = found["Window"]
        choices = (Window.GRANTED, Window.ALWAYS)
        return self.choice("Window", self.one("Window", arguments, line), choices, line)

    def _never(self, found: Found, policy: Policy) -> Iterator[bytes]:
        arguments, line = found.get("Never", ([], 0))
        if line and policy.confine == Confine.OFF:
            complaint = "Never hides nothing under Confine off; take one of the two lines out"
            raise self.error(line, complaint)
        if line and not arguments:
            raise self.error(line, "Never names no path; add one or take the line out")
        for argument in arguments:
            pattern = self.path(argument, line)
            if pattern == b"/":
                raise self.error(line, "Never / hides every root; name the paths below it to hide")
            yield pattern

    def _io(self, found: Found) -> Optional[tuple[int, int]]:
        """Return the I/O class and level of `IoNice idle` and `IoNice best-effort LEVEL`."""
        arguments, line = found.get("IoNice", ([], 0))
        if not line:
            return None
        if arguments == [b"idle"]:
            return IO_IDLE, 0
        known = len(arguments) == 2 and arguments[0] == b"best-effort" and len(arguments[1]) == 1
        if known and arguments[1].isdigit() and int(arguments[1]) <= LEAST_IO_LEVEL:
            return IO_BEST_EFFORT, int(arguments[1])
        forms = f"idle, or best-effort and a level from 0 to {LEAST_IO_LEVEL}"
        raise self.error(line, f"IoNice takes {forms}")

    def _require_harmless(self, roots: Iterable[bytes], line: int, policy: Policy) -> None:
        """Refuse restore roots that would give away the machine, unless the block accepts it."""
        from .system import find_overlap  # the backup key's way does without it

        own = [policy.path, policy.log, policy.state, policy.rsync, policy.tar]
        own += [policy.authorized_keys] if policy.authorized_keys else []
        for root in roots:
            overlap = find_overlap(root, own)
            if overlap is not None:
                shown, what = (x.decode("utf-8", "backslashreplace") for x in (root, overlap))
                advice = "choose a folder of its own, or say Accept whole-system"
                raise self.error(line, f"Restore {shown} would write over {what}; {advice}")
