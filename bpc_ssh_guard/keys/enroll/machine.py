"""What an admin's login sees and does on a client: its guard, policy, log and key lines.

Everything is one `sh -c` with words that need no quoting; what has a free form goes through
standard input. A file arrives whole or not at all: its digest is compared before it is in place.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Optional

from ... import exits
from ...authorized_keys import Mark, key_id, parse_file
from ...policy.model import DEFAULT_PATH
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from .login import Login, Said

DEFAULT_PREFIX: Final = "/usr"
DEFAULT_POLICY: Final = DEFAULT_PATH.decode("ascii")

_PLAIN: Final = re.compile(r"(/[A-Za-z0-9_@%+=:,.~-]+)+", re.ASCII)
_ABSENT: Final = 3  # our own status: there is no such file
_NOT_FOUND: Final = 127  # sh(1): there is no such program
_SHOWN: Final = 500  # characters of a client's own words that are passed on
_VERSION: Final = re.compile(rb"bpc-ssh-guardctl ([!-~]{1,64})\n")
_LOG_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class KeyLine:
    """A line of a label in authorized_keys, by the mark that the guard left."""

    label: str
    key_id: str
    generation: int
    staged: bool


class Machine:
    """The client that LOGIN is on; its guard is below PREFIX, its policy at POLICY.

    USER is whom the keys log in as. SUDO: the login is not root's and becomes root by sudo(8).
    """

    def __init__(
        self, login: Login, user: str, prefix: str = DEFAULT_PREFIX, policy: str = DEFAULT_POLICY,
        sudo: bool = False,
    ) -> None:
        self._login: Final = login
        self._user: Final = user
        self._sudo: Final = sudo
        self.prefix: Final = _plain(prefix)
        self.policy: Final = _plain(policy)
        self._guard: Final = f"{self.prefix}/sbin/bpc-ssh-guard"

    def version(self) -> Optional[str]:
        """Return the version of the guard that is installed, None where none is."""
        said = self._run(f"{self._guard}ctl --version")
        if said.status == _NOT_FOUND:
            return None
        found = _VERSION.fullmatch(said.output)
        if said.status or found is None:
            raise self._trouble(f"{self._guard}ctl", said)
        return found[1].decode("ascii")

    def install(self, guardctl: bytes) -> None:
        """Install the guard by GUARDCTL, which is bpc-ssh-guardctl in one file."""
        program = "$d/bpc-ssh-guardctl"
        self._done("the installation", self._run(
            f"umask 077; d=$(mktemp -d) || exit; cat > {program} && {_is(program, guardctl)} &&"
            f" /usr/bin/python3 -IS {program} install --prefix {self.prefix}; s=$?;"
            " rm -rf $d; exit $s", guardctl))

    def read_policy(self) -> Optional[bytes]:
        """Return the policy's bytes, None where there is none."""
        return self._read(self.policy)

    def write_policy(self, old: Optional[bytes], new: bytes) -> None:
        """Put NEW in the place of the policy, which is OLD still, durably; its mode stays."""
        path, beside = self.policy, f"{self.policy}.bpc-ssh-keys"
        folder = path.rpartition("/")[0]
        unchanged = f"[ ! -e {path} ]" if old is None else _is(path, old)
        kept = "" if old is None else f"cp -p {path} {beside} &&"
        self._done(path, self._run(
            f"umask 022; mkdir -p {folder} && rm -f {beside} && {kept} cat > {beside} &&"
            f" {_is(beside, new)} && {unchanged} && sync {beside} && mv {beside} {path} &&"
            f" sync {folder}", new))

    def check(self, keys: str) -> list[dict[str, str]]:
        """Return what bpc-ssh-guardctl check finds, as its --json has it."""
        said = self._run(f"{self._ctl('check')} --authorized-keys {_plain(keys)} --json")
        try:
            found = json.loads(said.output)
        except ValueError:
            found = None
        if said.status not in (exits.YES, exits.NO) or not isinstance(found, list):
            raise self._trouble("bpc-ssh-guardctl check", said)
        return [{name: str(each.get(name, "")) for name in ("severity", "place", "message",
                                                            "advice")}
                for each in found if isinstance(each, dict)]

    def has_log(self) -> bool:
        """Tell whether the command log was begun; in what state it is, the guard itself tells."""
        return self._run(f"{self._ctl('log')} status").status in (exits.YES, exits.NO)

    def begin_log(self) -> tuple[str, str]:
        """Begin the command log; return its chain and its first key, which is nowhere else."""
        said = self._run(f"{self._ctl('log')} --json init")
        if said.status:  # told without its output, which may have the key
            raise self._trouble("bpc-ssh-guardctl log init", replace(said, output=b""))
        try:
            begun: Any = json.loads(said.output)
            chain, key = str(begun["chain"]), str(begun["key"])
        except (ValueError, KeyError, TypeError):
            chain = key = ""
        if not _LOG_KEY.fullmatch(key):  # told without it, whatever it was
            raise Trouble(Word.NO_ANSWER, "log init told no key: on the client, bpc-ssh-guardctl"
                                          " log init --rekey")
        return chain, key

    def keys_file(self, named: Optional[bytes]) -> str:
        """Return the path of authorized_keys: the policy's NAMED, else the account's own."""
        if named is not None:
            return _plain(named.decode("utf-8", "backslashreplace"))
        said = self._done("the home folder", self._run(f"echo ~{self._user}"))
        return _plain(f"{said.output.decode('utf-8', 'backslashreplace').strip()}"
                      "/.ssh/authorized_keys")

    def lines(self, keys: str) -> list[KeyLine]:
        """Return the guard's lines in the file KEYS, in their order."""
        found = []
        for line in parse_file(self._read(keys) or b""):
            mark = Mark.from_comment(line.comment or b"")
            if mark is None or line.blob is None or line.fault or key_id(line.blob) != mark.key_id:
                continue
            found.append(KeyLine(mark.label.decode("ascii"), mark.key_id.decode("ascii"),
                                 mark.generation, mark.staged))
        return found

    def authorize(self, label: str, public: str, keys: str) -> None:
        """Let the client write the line of the key PUBLIC for LABEL into the file KEYS."""
        folder = _plain(keys).rpartition("/")[0]
        self._done("bpc-ssh-guardctl authorize", self._run(
            f"[ -d {folder} ] || install -d -m 700 -o {self._user} {folder} &&"
            f" {self._ctl('authorize')} --program {self._guard} --add {keys} {label} -",
            f"{public}\n".encode("ascii")))

    def _ctl(self, command: str) -> str:
        return f"{self._guard}ctl {command} --policy {self.policy}"

    def _read(self, path: str) -> Optional[bytes]:
        said = self._run(f"[ -e {path} ] || exit {_ABSENT}; cat {path}")
        return None if said.status == _ABSENT else self._done(path, said).output

    def _run(self, script: str, stdin: bytes = b"") -> Said:
        return self._login.run(f"{'sudo -n ' if self._sudo else ''}sh -c '{script}'", stdin)

    def _done(self, what: str, said: Said) -> Said:
        if said.status:
            raise self._trouble(what, said)
        return said

    def _trouble(self, what: str, said: Said) -> Trouble:
        words = (said.errors or said.output).decode("utf-8", "backslashreplace").split()
        text = " ".join(words)[:_SHOWN] or f"ended with status {said.status}"
        return Trouble(Word.REFUSED, f"on the client: {what}: {text}")


def _is(path: str, content: bytes) -> str:
    """Return the test that the file at PATH has the CONTENT."""
    digest = hashlib.sha256(content).hexdigest()
    return f'[ "$(sha256sum < {path} | cut -c1-64)" = {digest} ]'


def _plain(path: str) -> str:
    """Refuse PATH unless a shell reads it as one word; raises Trouble."""
    if not _PLAIN.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise Trouble(Word.REFUSED, f"{path!a} is no absolute path of plain characters; enrol this"
                                    " client by hand: --print")
    return path
