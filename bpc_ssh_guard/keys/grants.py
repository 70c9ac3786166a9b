"""Grants: the hours in which a restore key works, opened on the client and noted in the store."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from ..duration import HOUR, in_words
from ..keyagent.granting import LONGEST
from ..policy.window import SHORTEST
from .record import Outcome, Record

if TYPE_CHECKING:
    from .client import Client
    from .store import Store

__all__ = ["DEFAULT", "LONGEST", "SHORTEST", "at", "grant", "ungrant"]

DEFAULT: Final = 2 * HOUR


def grant(client: Client, label: str, seconds: int, store: Store) -> Record:
    """Open a grant of LABEL for SECONDS from now; raises Trouble.

    That it was asked for is in the store before the client hears of it.
    """
    host = client.host.name
    store.note(host, label, f"asked for a grant for {in_words(seconds)}")
    until = client.rotation.grant(label, seconds).until or 0
    shown = at(until)
    store.note(host, label, f"grant is open until {shown}")
    return Record(host, label, "", Outcome.GRANTED, text=f"until {shown}", about={"until": until})


def ungrant(client: Client, label: str, store: Store) -> Record:
    """Close the grant of LABEL; raises Trouble."""
    host = client.host.name
    done = client.rotation.ungrant(label)
    store.note(host, label, "grant is closed")
    text = "no grant was open" if done.result == "already" else ""
    return Record(host, label, "", Outcome.UNGRANTED, text=text)


def at(seconds: int) -> str:
    """Return the time SECONDS after the epoch as people and programs read it: UTC."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
