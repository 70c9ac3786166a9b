"""The way from bpc-ssh-guardctl to the files of grants, and into the log."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..errors import GuardFailure
from ..policy.grant_store import GrantFolder, GrantStore
from ..record.grants import Administration
from ..record.sink import Sink
from ..record.syslog_copy import send_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..policy.model import Policy


class GrantError(Exception):
    """A grant was not opened or closed as asked; the text says what is wrong and what to do."""


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell the failure of a part that the guard shares as this program's own."""
    try:
        yield
    except GuardFailure as failure:
        raise GrantError(failure.detail) from None


def session_of(label: bytes) -> Administration:
    """Return the session of this process, about the grant of LABEL."""
    return Administration.begin(label, os.environb.get(b"SUDO_USER"))


def store(folder: GrantFolder, policy: Policy, session: Administration, label: bytes) -> GrantStore:
    """Return the place of LABEL's grant in the locked FOLDER; its records go to POLICY's log."""
    return GrantStore(folder, label, session, lambda line: record(policy, line))


def record(policy: Policy, line: bytes) -> None:
    """Write LINE to the log, and a copy of what was written to syslog. Raises GuardFailure."""
    sink = Sink.open(policy.log, policy.state)
    sink.policy = policy.path, policy.sha256
    try:
        lines = sink.append(line)
    finally:
        sink.close()
    for each in lines:
        send_copy(each)
