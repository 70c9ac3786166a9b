"""Logins by certificate that prove something: the right greeting, by the right authority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...authorized_keys import key_id
from ..record import Outcome, Record
from ..transport import private_key
from ..trouble import Trouble, Word
from . import certificate
from .issue import Label

if TYPE_CHECKING:
    import paramiko

    from ..client import Client
    from ..files import Pair
    from ..transport import Connection
    from .ca import Authority
    from .issue import Issuer


def prove(client: Client, label: str, pair: Pair, text: bytes, authority: Authority) -> None:
    """Log in with PAIR and its certificate TEXT and hold the greeting to it; raises Trouble."""
    key = certified(pair, text)
    with client.connect() as connection:
        connection.login(key)
        require_greeting(connection, label, pair, authority)


def certified(pair: Pair, text: bytes) -> paramiko.PKey:
    """Return the key of PAIR with its certificate TEXT; raises Trouble."""
    key = private_key(pair.path)
    key.load_certificate(text.decode("ascii").strip())
    return key


def require_greeting(
    connection: Connection, label: str, pair: Pair, authority: Authority
) -> None:
    """Refuse any greeting but that of PAIR of LABEL, certified by AUTHORITY; raises Trouble."""
    _require_greeting(connection, label, pair, authority.blob)


def prove_in_use(issuer: Issuer, client: Client, name: str) -> Record:
    """Log in with the certificate of the label NAME in use; raises Trouble."""
    label = Label(client.host, name)
    pair, path = issuer.files(label)
    found = certificate.read(path)
    if pair is None or found is None:
        raise Trouble(Word.FILES, f"{path}: is missing; bpc-ssh-keys ca issue --host"
                                  f" {client.host.name}")
    with open(path, "rb") as file:
        key = certified(pair, file.read())
    with client.connect() as connection:
        connection.login(key)
        _require_greeting(connection, name, pair, found.authority)
    return Record(client.host.name, name, "", Outcome.CLEAN, pair.generation, pair.key_id,
                  text=f"serial {found.serial}", about={"serial": found.serial})


def _require_greeting(connection: Connection, label: str, pair: Pair, authority: bytes) -> None:
    try:
        told = connection.greeting()
    except Trouble as trouble:
        if trouble.word != Word.NO_ANSWER:
            raise
        raise Trouble(Word.WRONG_KEY, "logged in and was not greeted; see that the client's"
                                      " sshd_config says ExposeAuthInfo yes") from None
    signer = key_id(authority).decode("ascii")
    if (told.label, told.key, told.authority) != (label, pair.key_id, signer):
        raise Trouble(Word.WRONG_KEY, f"greeted {told.label} {told.key} by authority"
                                      f" {told.authority or '-'}, not {label} {pair.key_id} by"
                                      f" {signer}; look for another line of the authority")
