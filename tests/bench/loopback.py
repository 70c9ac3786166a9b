"""A throw-away sshd on 127.0.0.1 with one key, and so one forced command or none, per lane."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Optional

from tests.lab.keys import Key
from tests.lab.sshd import Sshd

from .harness import CannotMeasure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .stage import Stage

SSH = "/usr/bin/ssh"
# From a KEYID to the forced command of its key; None is a key without one.
Lane = Optional["Callable[[str], list[str]]"]


@contextlib.contextmanager
def serving(stage: Stage, name: str, lanes: Mapping[str, Lane]) -> Iterator[list[str]]:
    """Serve LANES; give the words of an ssh command that only lacks the lane and the command.

    The account's own start files stay out: the sessions' HOME is the stage's empty one.
    """
    folder = stage.folder(name)
    try:
        server = Sshd(
            folder,
            (
                f"SetEnv HOME={stage.home}",
                # The lane without a forced command must log in, also as root.
                "Match all",
                "PermitRootLogin prohibit-password",
            ),
        )
        keys = {lane: Key.generate(os.path.join(folder, f"key-{lane}")) for lane in lanes}
        server.authorize(_line(keys[lane], forced) for lane, forced in lanes.items())
        server.start()
    except (OSError, RuntimeError) as error:
        raise CannotMeasure(f"no sshd on loopback: {error}") from None
    try:
        yield [SSH, "-F", _client_config(folder, server, keys)]
    finally:
        server.stop()


def _line(key: Key, forced: Lane) -> str:
    options = ["restrict"]
    if forced is not None:
        options.append(f'command="{shlex.join(forced(key.keyid))}"')
    return f"{','.join(options)} {key.public}"


def _client_config(folder: str, server: Sshd, keys: Mapping[str, Key]) -> str:
    hosts = os.path.join(folder, "known_hosts")
    with open(hosts, "w", encoding="ascii") as file:
        file.write(f"[127.0.0.1]:{server.port} {server.host_key.public}\n")
    path = os.path.join(folder, "ssh_config")
    with open(path, "w", encoding="ascii") as file:
        for lane, key in keys.items():
            file.write(f"Host {lane}\n    IdentityFile {key.path}\n")
        file.write(
            "Host *\n"
            "    HostName 127.0.0.1\n"
            f"    Port {server.port}\n"
            f"    User {server.login.name}\n"
            f"    UserKnownHostsFile {hosts}\n"
            "    GlobalKnownHostsFile /dev/null\n"
            "    StrictHostKeyChecking yes\n"
            "    IdentitiesOnly yes\n"
            "    IdentityAgent none\n"
            "    BatchMode yes\n"
            "    LogLevel ERROR\n"
        )
    return path
