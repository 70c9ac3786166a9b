"""One ssh connection to a client: requests of bpc-key/1, greetings, and who is turned away.

Host keys come from the host's own file and nowhere else: an unknown or a changed one is refused.
Nothing else of the project speaks ssh for the server's key management.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
import time
from typing import TYPE_CHECKING, Any, Final, Optional, Union

from ..keyagent import verbs
from . import answer
from .config import AGENT
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    import paramiko

    from .answer import Done, Greeting, Listed
    from .config import Config, Host

PROTOCOL: Final = verbs.PROTOCOL.decode("ascii").rstrip()
CONNECT_SECONDS: Final = 10.0  # one host in twenty may be off: this is what each of them costs
STEP_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 60.0  # a client that drips may not hold a worker for ever
# What paramiko still offers and nobody should take.
WEAK: Final = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
}
HOST_KEY_TYPE: Final = "ssh-ed25519"
# The algorithms that a host key of a type may sign with: sha1 is none of them.
_SIGNATURES: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def rotation_key(host: Host) -> paramiko.PKey:
    """Return the rotation key of HOST, from its file or an ssh-agent; raises Trouble."""
    if not host.rotation_key.startswith(AGENT):
        return _own_key(host.rotation_key)
    from .ssh import paramiko

    wanted = host.rotation_key[len(AGENT):]
    try:
        keys = paramiko.Agent().get_keys()
    except (paramiko.SSHException, OSError) as error:
        raise Trouble(Word.FILES, f"the ssh-agent: {error}") from None
    for key in keys:
        if key.fingerprint == wanted:
            return key
    raise Trouble(Word.FILES, f"the ssh-agent has no key {wanted}; ssh-add it, and see that"
                              " SSH_AUTH_SOCK is set")


def _own_key(path: str) -> paramiko.PKey:
    """Return the key at PATH, which nobody else may read: BackupPC's group least of all."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Trouble(Word.FILES, f"{path}: others may read the rotation key (mode {mode:04o});"
                                  f" chmod 0600 {path}")
    return private_key(path)


def private_key(path: Union[Path, str]) -> paramiko.PKey:
    """Return the Ed25519 key in the file at PATH; raises Trouble, which tells nothing of it."""
    from .ssh import paramiko

    try:
        return paramiko.Ed25519Key.from_private_key_file(str(path))
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    except Exception:  # paramiko and cryptography each raise kinds of their own
        # Said without the cause: a traceback of it would stand beside the key's own bytes.
        raise Trouble(Word.FILES, f"{path}: is no Ed25519 key without passphrase") from None


class Connection:
    """An ssh connection to HOST; use it in a with statement. Raises Trouble.

    It is not logged in yet: `login` says with which key, `is_refused` that one is turned away.
    """

    def __init__(
        self, config: Config, host: Host, known: Optional[dict[str, Any]] = None
    ) -> None:
        """Connect; KNOWN are the host's keys by type, by default the stored ones."""
        self._host: Final = host
        known = known_keys(config, host) if known is None else known
        self._transport: Final = _transport(host)
        try:
            self._begin(known)
        except BaseException:
            self._transport.close()
            raise

    def _begin(self, known: dict[str, Any]) -> None:
        types = [each for name in known for each in _SIGNATURES.get(name, (name,))]
        try:
            # Else the server would show the key that paramiko likes best, not the one we have.
            self._transport.get_security_options().key_types = types
        except ValueError:
            raise Trouble(Word.HOST_KEY, f"the stored host key is of a type ({', '.join(known)})"
                                         " that is not taken any more") from None
        shown = _shown_key(self._transport)
        if known.get(shown.get_name()) != shown:
            raise Trouble(Word.HOST_KEY, f"shows the host key {shown.fingerprint}, not the stored"
                                         " one; if that is right: bpc-ssh-keys hostkey verify")

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key that the host has shown."""
        return self._transport.get_remote_server_key().fingerprint

    def login(self, key: paramiko.PKey) -> None:
        """Log in with KEY; raises Trouble."""
        if not self._accepts(key):
            raise Trouble(Word.NOT_ACCEPTED, f"turned the key {key.fingerprint} away")

    def is_refused(self, key: paramiko.PKey) -> bool:
        """Tell whether the server turns KEY away, before any login; raises Trouble."""
        return not self._accepts(key)

    def _accepts(self, key: paramiko.PKey) -> bool:
        from .ssh import paramiko

        with reached():
            try:
                self._transport.auth_publickey(self._host.user, key)
            except paramiko.AuthenticationException:
                if not self._transport.is_active():
                    raise Trouble(Word.UNREACHABLE, "closed the connection") from None
                return False
        return True

    def greeting(self) -> Greeting:
        """Return what this login is told without a command; raises Trouble."""
        return answer.greeting(self._run(None, answer.GREETING_LIMIT))

    def list(self) -> Listed:
        """Return the client's list of keys; raises Trouble."""
        return answer.listed(self._run(f"{PROTOCOL} list", answer.ANSWER_LIMIT))

    def stage(self, label: str, generation: int, public: str) -> Done:
        """Add the key PUBLIC, type and base64, for a day; raises Trouble."""
        return self._change(f"stage {label} g{generation} {public}")

    def stage_authority(self, label: str, generation: int, public: str) -> Done:
        """Take certificates of the authority PUBLIC, type and base64, for a day; raises Trouble."""
        return self._change(f"stage {label} g{generation} cert-authority {public}")

    def confirm(self, label: str, key: str) -> Done:
        """Let the key with the id KEY last; raises Trouble."""
        return self._change(f"confirm {label} {key}")

    def retire(self, label: str, key: str) -> Done:
        """Take out the key with the id KEY, which another one replaces; raises Trouble."""
        return self._change(f"retire {label} {key}")

    def drop(self, label: str, key: str) -> Done:
        """Take out the staged key with the id KEY; raises Trouble."""
        return self._change(f"drop {label} {key}")

    def grant(self, label: str, seconds: int) -> Done:
        """Open a grant of LABEL for SECONDS; raises Trouble."""
        return self._change(f"grant {label} {seconds}")

    def ungrant(self, label: str) -> Done:
        """Close the grant of LABEL; raises Trouble."""
        return self._change(f"ungrant {label}")

    def _change(self, request: str) -> Done:
        return answer.done(self._run(f"{PROTOCOL} {request}", answer.ANSWER_LIMIT))

    def _run(self, command: Optional[str], limit: int) -> bytes:
        """Return what COMMAND says, or a login without one; at most LIMIT bytes."""
        with reached():
            channel = self._transport.open_session(timeout=STEP_SECONDS)
        with channel, answered():
            channel.settimeout(STEP_SECONDS)
            if command is None:
                channel.invoke_shell()  # without a terminal, which `restrict` refuses
            else:
                channel.exec_command(command)
            return _read(channel, limit)


def shown_host_key(host: Host) -> tuple[str, str, str]:
    """Return type, base64 and fingerprint of the Ed25519 key that HOST shows, whoever it is.

    Nothing is sent to it but the handshake. Raises Trouble.
    """
    with contextlib.closing(_transport(host)) as transport:
        transport.get_security_options().key_types = (HOST_KEY_TYPE,)
        shown = _shown_key(transport)
    return shown.get_name(), shown.get_base64(), shown.fingerprint


def _transport(host: Host) -> paramiko.Transport:
    """Return a transport that is connected to HOST and has said nothing yet."""
    from .ssh import paramiko

    # It prints tracebacks of failed handshakes; what failed is told by our own words.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    try:
        stream = socket.create_connection((host.address, host.port), CONNECT_SECONDS)
    except OSError as error:
        raise Trouble(Word.UNREACHABLE, f"{host.address} port {host.port}: {_said(error)}; see that"
                                        " sshd listens there and this server is let through"
                      ) from None
    try:
        transport = paramiko.Transport(stream, disabled_algorithms=WEAK)
    except BaseException:
        stream.close()
        raise
    # Those that authenticate by themselves come first: paramiko computes and compares a MAC of its
    # own in Python, packet by packet, and that was a quarter of a connection's CPU time.
    options = transport.get_security_options()
    options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "-gcm@" not in name))
    return transport


def _shown_key(transport: paramiko.Transport) -> paramiko.PKey:
    """Shake hands and return the key that the server shows."""
    with reached():
        transport.banner_timeout = STEP_SECONDS
        transport.auth_timeout = STEP_SECONDS
        transport.start_client(timeout=STEP_SECONDS)
        return transport.get_remote_server_key()


def _read(channel: paramiko.Channel, limit: int) -> bytes:
    deadline = time.monotonic() + ANSWER_SECONDS
    data = b""
    while piece := channel.recv(limit + 1 - len(data)):
        data += piece
        if len(data) > limit:
            raise Trouble(Word.NO_ANSWER, f"its answer is longer than {limit} bytes")
        if time.monotonic() > deadline:
            raise Trouble(Word.NO_ANSWER, f"its answer took more than {ANSWER_SECONDS:.0f} s")
    return data


def known_keys(config: Config, host: Host) -> dict[str, Any]:
    """Return the stored host keys of HOST by type; raises Trouble."""
    from .ssh import paramiko

    path = config.known_hosts / host.name
    advice = f"bpc-ssh-keys hostkey pin {host.name}"
    try:
        found = paramiko.HostKeys(str(path)).lookup(host.name)
    except FileNotFoundError:
        raise Trouble(Word.HOST_KEY, f"{path}: no host key is stored; {advice}") from None
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    except Exception as error:  # InvalidHostKey, and what cryptography says of a bad key
        raise Trouble(Word.HOST_KEY, f"{path}: {type(error).__name__}; {advice}") from None
    if not found:
        raise Trouble(Word.HOST_KEY, f"{path}: has no line of {host.name}; {advice}")
    return {name: found[name] for name in found}


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Tell what hinders a connection in our words: nothing was asked of the client yet."""
    from .ssh import paramiko

    try:
        yield
    except (OSError, paramiko.SSHException, EOFError) as error:
        raise Trouble(Word.UNREACHABLE, _said(error)) from None


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Tell that a request was sent and its outcome is unknown."""
    from .ssh import paramiko

    try:
        yield
    except (OSError, paramiko.SSHException, EOFError) as error:
        raise Trouble(Word.NO_ANSWER, _said(error)) from None


def _said(error: BaseException) -> str:
    known = error.strerror if isinstance(error, OSError) else None
    text = " ".join((known or str(error)).split())
    return text or type(error).__name__
