"""The admin's own ssh login to a client: by an ssh-agent, a key file, or a password he types.

None of the keys that this server keeps is ever offered, and a host that is not known is not
trusted because it answers.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Optional

from .. import hostkeys
from ..transport import STEP_SECONDS, Connection, answered, reached
from ..trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from ..config import Config, Host

    # Asks the admin for a secret by a prompt; None where nobody is there to ask.
    Ask = Optional[Callable[[str], str]]

MOST_KEYS: Final = 5  # of an ssh-agent: sshd ends a login at the sixth failure (MaxAuthTries)
RUN_SECONDS: Final = 300.0  # an installation compiles the guard, on a small machine for a while
OUTPUT_LIMIT: Final = 17 << 20  # bytes: an authorized_keys may have 16 MiB
MAX_KEY_FILE: Final = 64 * 1024

_PASSWORDS: Final = frozenset({"password", "keyboard-interactive"})


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit status and output."""

    status: int
    output: bytes
    errors: bytes


class Login(Connection):
    """A login of USER to HOST, whose key is the stored one or has the FINGERPRINT.

    Raises Trouble.
    """

    def __init__(self, config: Config, host: Host, user: str, fingerprint: Optional[str]) -> None:
        self.line: Final = _line_to_store(config, host, fingerprint)
        known = None if self.line is None else _known(host, self.line)
        super().__init__(config, replace(host, user=user), known)
        if fingerprint and fingerprint != self.fingerprint:
            self._transport.close()
            raise Trouble(Word.HOST_KEY, f"shows the host key {self.fingerprint}, which is stored,"
                                         f" not {fingerprint}; on {host.name}: {hostkeys.READ_IT}")

    def __enter__(self) -> Login:
        return self

    def authenticate(self, identity: Optional[str], ask: Ask) -> None:
        """Log in by the key IDENTITY, else by an ssh-agent's keys, else by what ASK is told."""
        keys = _identity(identity, ask) if identity else _agent_keys()[:MOST_KEYS]
        further = {"password"} if not identity else set()
        for key in keys:
            left = self._offer(key)
            if left == set():
                return
            if left is not None:
                further = left  # accepted, and another kind of proof is asked for
                break
        if ask is not None and further & _PASSWORDS and self._transport.is_active():
            self._password(ask)
            return
        if identity:
            raise Trouble(Word.NOT_ACCEPTED, f"turned the key {identity} of {self._host.user} away")
        raise Trouble(Word.NOT_ACCEPTED, f"took no key of the ssh-agent for {self._host.user}"
                      f" ({len(keys)} offered): ssh-add one, name it with --identity, or run this"
                      " on a terminal to type the password")

    def _offer(self, key: paramiko.PKey) -> Optional[set[str]]:
        """Return what is still asked for after KEY, nothing once logged in, None if refused."""
        from ..ssh import paramiko

        with reached():
            try:
                return set(self._transport.auth_publickey(self._host.user, key))
            except paramiko.AuthenticationException:
                if not self._transport.is_active():
                    raise Trouble(Word.UNREACHABLE, "closed the connection after too many keys;"
                                                    " name one with --identity") from None
                return None

    def _password(self, ask: Callable[[str], str]) -> None:
        from ..ssh import paramiko

        secret = ask(f"{self._host.user}@{self._host.name}'s password: ")
        with reached():
            try:
                left = self._transport.auth_password(self._host.user, secret)
            except (paramiko.AuthenticationException, paramiko.BadAuthenticationType):
                left = ["password"]
        if left:
            raise Trouble(Word.NOT_ACCEPTED, f"turned the password of {self._host.user} away")

    def run(self, command: str, stdin: bytes = b"") -> Said:
        """Run COMMAND in the login's shell with STDIN; raises Trouble."""
        with reached():
            channel = self._transport.open_session(timeout=STEP_SECONDS)
        with channel, answered():
            channel.settimeout(RUN_SECONDS)
            channel.exec_command(command)
            with contextlib.suppress(OSError):  # it ended without reading all: its status tells
                channel.sendall(stdin)
            channel.shutdown_write()
            output = _drain(channel.recv)
            errors = _drain(channel.recv_stderr)
            return Said(channel.recv_exit_status(), output, errors)


def _drain(receive: Callable[[int], bytes]) -> bytes:
    deadline = time.monotonic() + RUN_SECONDS
    data = b""
    while piece := receive(1 << 16):
        data += piece
        if len(data) > OUTPUT_LIMIT or time.monotonic() > deadline:
            raise Trouble(Word.NO_ANSWER, f"its answer is longer than {OUTPUT_LIMIT} bytes or"
                                          f" {RUN_SECONDS:.0f} s")
    return data


def _line_to_store(config: Config, host: Host, fingerprint: Optional[str]) -> Optional[bytes]:
    """Return the line of the host key that is to be stored; None where one is."""
    if hostkeys.stored(config, host):
        return None
    line, _ = hostkeys.require_shown(host, fingerprint or host.fingerprint)
    return line


def _known(host: Host, line: bytes) -> dict[str, Any]:
    from paramiko.hostkeys import HostKeyEntry

    entry = HostKeyEntry.from_line(line.decode("ascii"))
    if entry is None or entry.key is None:
        raise Trouble(Word.HOST_KEY, f"shows a host key that can't be read; on {host.name}:"
                                     f" {hostkeys.READ_IT}")
    return {entry.key.get_name(): entry.key}


def _agent_keys() -> list[paramiko.AgentKey]:
    from ..ssh import paramiko

    try:
        return list(paramiko.Agent().get_keys())
    except (paramiko.SSHException, OSError) as error:
        raise Trouble(Word.FILES, f"the ssh-agent: {error}") from None


def _identity(path: str, ask: Ask) -> list[paramiko.PKey]:
    """Return the key in the file at PATH; the ssh-agent's, where that is its public half."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_KEY_FILE)
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    if b"PRIVATE KEY-----" in data:
        return [_private(path, ask)]
    words = data.decode("ascii", "replace").split()
    found = [key for key in _agent_keys() if key.get_base64() in words[1:2]]
    if not found:
        raise Trouble(Word.FILES, f"{path}: the ssh-agent has no such key; ssh-add it, and see"
                                  " that SSH_AUTH_SOCK is set")
    return list(found)


def _private(path: str, ask: Ask) -> paramiko.PKey:
    key = _loaded(path, None)
    if key is None and ask is None:
        raise Trouble(Word.FILES, f"{path}: has a passphrase; run this on a terminal, or ssh-add it"
                                  " and name its .pub")
    if key is None and ask is not None:
        key = _loaded(path, ask(f"passphrase of {path}: "))
    if key is None:
        raise Trouble(Word.FILES, f"{path}: has another passphrase")
    return key


def _loaded(path: str, passphrase: Optional[str]) -> Optional[paramiko.PKey]:
    """Return the key in the file at PATH; None where that needs a passphrase. Raises Trouble."""
    from ..ssh import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(path, passphrase)
        except paramiko.PasswordRequiredException:
            return None
        except Exception:  # noqa: S112 - of another kind; each raises exceptions of its own
            continue
    # Said without the cause: a traceback of it would stand beside the key's own bytes.
    raise Trouble(Word.FILES, f"{path}: is no private key that can be used, or has another"
                              " passphrase")
