"""A confinement as tests want it: what it is for, and which layers the kernel is said to have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bpc_ssh_guard.confine.abilities import Abilities, ask
from bpc_ssh_guard.confine.account import Account
from bpc_ssh_guard.confine.profile import Mode, Prepared, Profile, prepare

from . import faults

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


@dataclass(frozen=True)
class Setting:
    """Arguments of a profile, and the layers to be taken away from what there really is."""

    operation: str
    roots: tuple[str, ...]
    never: tuple[str, ...] = ()
    devices: bool = False
    setuid: bool = False
    mode: str = Mode.STRICT
    landlock: int = 7
    seccomp: bool = True
    namespace: bool = True
    uid: int | None = None
    state: str = "/nonexistent/state"
    faults: tuple[str, ...] = ()  # system calls that fail from the fork on

    def profile(self, program: str) -> Profile:
        """Return the profile of PROGRAM."""
        return Profile(
            self.operation,
            os.fsencode(program),
            tuple(os.fsencode(root) for root in self.roots),
            never=tuple(os.fsencode(path) for path in self.never),
            devices=self.devices,
            setuid=self.setuid,
            mode=self.mode,
            account=None if self.uid is None else Account(self.uid, self.uid),
            state=os.fsencode(self.state),
        )

    def abilities(self) -> Abilities:
        """Return what this machine has, less what the setting takes away."""
        real = ask(self.landlock)
        return Abilities(
            landlock=real.landlock,
            errata=real.errata,
            seccomp=real.seccomp and self.seccomp,
            namespace=real.namespace and self.namespace,
            jail=real.jail and self.namespace,
            account=real.account,
            limit=real.limit,
            root=real.root,
        )

    def prepare(self, program: str) -> Prepared:
        """Return the confinement of PROGRAM; raises GuardFailure."""
        return prepare(self.profile(program), self.abilities())

    def command(self, *argv: str) -> list[str]:
        """Return the command that runs ARGV confined, its program being an absolute path."""
        return [sys.executable, "-m", "tests.lab.confine.setting", json.dumps(asdict(self)), *argv]

    def run(self, *argv: str, env: Sequence[str] = ()) -> subprocess.CompletedProcess[bytes]:
        """Run ARGV confined with nothing but ENV in its environment."""
        words = [f"--env={each}" for each in env]
        return subprocess.run(
            self.command(*words, *argv), cwd=CHECKOUT, capture_output=True, timeout=60, check=False
        )


def main(argv: Sequence[str]) -> None:
    """Become the program that ARGV, a setting and a command, asks for."""
    values = json.loads(argv[0])
    setting = Setting(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    env = [os.fsencode(word[6:]) for word in argv[1:] if word.startswith("--env=")]
    command = [os.fsencode(word) for word in argv[1 + len(env) :]]
    prepared = setting.prepare(os.fsdecode(command[0]))
    os.umask(0o077)
    os.chdir("/")
    if setting.faults:
        faults.forbid(setting.faults)
    prepared.enter_and_exec(command, dict(each.split(b"=", 1) for each in env))


if __name__ == "__main__":
    main(sys.argv[1:])
