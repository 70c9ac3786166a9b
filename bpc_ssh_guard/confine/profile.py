"""A profile says what one run may do; prepared, its child enters it just before exec.

What can be decided is decided before the fork: which layers there are, and whether they are enough.
In the child every step is checked, and one that fails leaves nothing running half confined.
"""

from __future__ import annotations

from ..errors import GuardFailure
from ..vocabulary import Operation, Reason
from . import account, capabilities, kernel, landlock, namespaces, seccomp
from .abilities import Abilities, ask
from .places import Pathfinder, overlap, real_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Callable, Final, Optional

    from .account import Account

    _Jail = Callable[[bytes, Sequence[bytes], Pathfinder], None]


class Mode:
    """What happens where a layer is missing; off is decided by not coming here."""

    STRICT: Final = "strict"  # refuse
    BEST_EFFORT: Final = "best-effort"  # run with what there is


STATE: Final = b"/var/lib/bpc-ssh-guard"  # the guard's own; hidden whatever Never says
WAIVER: Final = 'the line "Confine best-effort" in the policy runs without'


class Profile:
    """What one run may do: PROGRAM works in ROOTS and never sees what the patterns NEVER name.

    Roots that lie below the folders WITHIN are reached by no symbolic link there.
    """

    __slots__ = (
        "account", "devices", "mode", "never", "operation", "program", "roots", "setuid", "state",
        "within",
    )
    operation: Final[str]
    program: Final[bytes]
    roots: Final[tuple[bytes, ...]]
    never: Final[tuple[bytes, ...]]
    devices: Final[bool]
    setuid: Final[bool]
    mode: Final[str]
    account: Final[Optional[Account]]
    state: Final[bytes]
    within: Final[tuple[bytes, ...]]

    def __init__(
        self,
        operation: str,
        program: bytes,
        roots: tuple[bytes, ...],
        never: tuple[bytes, ...] = (),
        devices: bool = False,
        setuid: bool = False,
        mode: str = Mode.STRICT,
        account: Optional[Account] = None,
        state: bytes = STATE,
        within: tuple[bytes, ...] = (),
    ) -> None:
        self.operation = operation
        self.program = program
        self.roots = roots
        self.never = never
        self.devices = devices
        self.setuid = setuid
        self.mode = mode
        self.account = account
        self.state = state
        self.within = within

    @property
    def writable(self) -> bool:
        """Tell whether the program writes into the roots."""
        return self.operation == Operation.RESTORE


def prepare(profile: Profile, abilities: Optional[Abilities] = None) -> Prepared:
    """Return the confinement of PROFILE, ready to be entered after the fork.

    Raises GuardFailure(cannot-confine) where strict mode lacks a layer, and where a root or a mask
    can't be found safely. Unless ABILITIES are given, strict mode asks for them and best effort,
    which must choose, rehearses.
    """
    try:
        if abilities is None:
            abilities = ask() if profile.mode == Mode.STRICT else _rehearse(profile)
        prepared = Prepared(profile, abilities)
    except OSError as error:
        raise GuardFailure(Reason.CANNOT_CONFINE, error.strerror or str(error)) from None
    missing = list(prepared.missing())
    if missing and profile.mode == Mode.STRICT:
        raise GuardFailure(Reason.CANNOT_CONFINE, f"missing: {'; '.join(missing)}; {WAIVER}")
    return prepared


def _rehearse(profile: Profile) -> Abilities:
    from .probe import rehearse  # a fork and two modules more, for best effort alone

    return rehearse(profile.operation)


class ExecFailed(OSError):
    """The confinement is complete and the program can't be run: missing, or no program."""


class Prepared:
    """The layers of one run. `effective` names them for the record; `masked` the paths hidden."""

    __slots__ = (
        "_abilities", "_account", "_executable", "_filter", "_finder", "_jail", "_landlock",
        "_namespace", "_needs", "_profile", "masked",
    )

    def __init__(self, profile: Profile, abilities: Abilities) -> None:
        self._profile: Final = profile
        self._abilities: Final = abilities
        self._finder: Final = Pathfinder(linkless=real_paths(profile.within))
        enough = landlock.suffices(abilities.landlock, profile.writable)
        self._landlock: Final = abilities.landlock if enough else 0
        self._needs: Final = landlock.needs(profile.program) if self._landlock else ()
        self._namespace: Final = abilities.root and abilities.namespace
        self._jail: Final = self._choose_jail()
        self._account: Final = self._choose_account()
        self.masked: Final = self._find_masks()
        # The filter knows the one path that may be executed by its address.
        self._executable: Final = kernel.Buffer(profile.program + b"\0")
        self._filter: Final = self._make_filter() if abilities.seccomp else None

    @property
    def effective(self) -> str:
        """Return the layers in the form of a record, as in landlock:7,seccomp,uid,caps,ns,masks:3.

        no_new_privs is always there, and named where nothing else is.
        """
        layers = (
            (f"landlock:{self._landlock}", self._landlock),
            ("jail", self._jail),
            ("seccomp", self._abilities.seccomp),
            ("uid", self._account),
            ("caps", self._abilities.root),
            ("ns", self._namespace),
            (f"masks:{len(self.masked)}", self._namespace and self.masked),
        )
        return ",".join(name for name, there in layers if there) or "nnp"

    def missing(self) -> Iterator[str]:
        """Yield what strict mode demands and is not to be had here."""
        root, writable = self._abilities.root, self._profile.writable
        if not (self._landlock or self._jail or b"/" in self._profile.roots):
            version = "Landlock 2" if writable else "Landlock"
            yield self._because("landlock", f"{version}, or mount namespaces as root for a jail")
        if not self._abilities.seccomp:
            yield self._because("seccomp", "seccomp filters")
        if root and not writable and self._account is None:
            yield self._because("account", "a uid of its own with CAP_DAC_READ_SEARCH")
        if root and writable and not self._abilities.limit:
            yield self._because("limit", "the capabilities of a restore")
        if root and writable and not self._namespace:
            yield self._because("namespace", "mount namespaces, which keep the rest read-only")
        if self.masked and not self._namespace:
            yield self._because("namespace", "mount namespaces as root, to hide what Never names")

    def _because(self, layer: str, words: str) -> str:
        fault = dict(self._abilities.failures).get(layer)
        return f"{words} ({fault})" if fault else words

    def enter_and_exec(self, argv: Sequence[bytes], env: Mapping[bytes, bytes]) -> None:
        """Confine this process and turn it into the program; never returns.

        Raises ExecFailed where only the last step failed, else OSError: then the process may be
        half confined and must end.
        """
        words = kernel.Vector(argv)
        variables = kernel.Vector([name + b"=" + value for name, value in env.items()])
        self.enter()
        try:
            kernel.call("execve", self._executable.address, words.address, variables.address)
        except OSError as error:
            raise ExecFailed(error.errno, error.strerror) from None

    def is_complete(self, error: OSError) -> bool:
        """Tell whether ERROR of enter_and_exec is the program's own: the layers were all there."""
        return isinstance(error, ExecFailed)

    def enter(self) -> None:
        """Confine this process for good, in the order that works; raises OSError.

        Nothing may be imported from here on, and nothing forked before the program runs.
        """
        profile, rules = self._profile, None
        capabilities.forbid_inspection()
        if self._namespace:
            self._enter_namespace()
        if self._landlock:
            rights = landlock.root_rights(profile.writable, profile.devices)
            rules = landlock.ruleset(
                self._landlock, self._needs, profile.roots, rights, self._finder
            )
        self._give_up_powers()
        capabilities.forbid_new_privileges()
        if rules is not None:
            rules.enforce()
        if self._filter is not None:
            seccomp.install(self._filter)

    def _enter_namespace(self) -> None:
        profile = self._profile
        namespaces.enter(profile.roots if profile.writable else (), self._finder)
        if self.masked:
            from . import masks  # imported before the fork already

            masks.cover(self.masked)
        if self._jail is not None:
            self._jail(profile.program, profile.roots, self._finder)

    def _make_filter(self) -> bytes:
        profile = self._profile
        address = self._executable.address
        return seccomp.program(kernel.MACHINE, address, not profile.writable, profile.setuid)

    def _choose_jail(self) -> Optional[_Jail]:
        possible = self._namespace and self._abilities.jail
        if self._landlock or not possible or b"/" in self._profile.roots:
            return None
        from . import jail  # before the fork, and on older kernels only

        return jail.enter

    def _choose_account(self) -> Optional[Account]:
        abilities = self._abilities
        if self._profile.writable or not (abilities.root and abilities.account):
            return None
        # Landlock keeps processes of one uid out of each other's /proc entries.
        return self._profile.account or account.choose(alone=not self._landlock)

    def _find_masks(self) -> tuple[bytes, ...]:
        """Return what must be hidden, in the order in which it can be."""
        profile, abilities = self._profile, self._abilities
        state, *tops = real_paths((profile.state, *profile.roots), self._finder)
        if self._landlock and not profile.never and not any(overlap(state, top) for top in tops):
            return ()  # the plain case
        from . import masks

        bounded = self._landlock or self._jail
        paths = masks.find((*profile.never, profile.state), tops if bounded else (b"/",))
        if not abilities.root:
            paths = [path for path in paths if masks.is_reachable(path)]
        if self._namespace and not self._landlock:
            paths += masks.find_proc(tops)
        return tuple(paths)

    def _give_up_powers(self) -> None:
        profile, abilities = self._profile, self._abilities
        restore = capabilities.for_restore(profile.devices, profile.setuid)
        if self._account is not None:
            capabilities.become_reader(self._account.uid, self._account.gid)
        elif abilities.root and profile.writable and abilities.limit:
            capabilities.limit_root(restore)
        elif profile.writable:
            capabilities.lower(restore)
        else:
            capabilities.lower(capabilities.for_reading())
