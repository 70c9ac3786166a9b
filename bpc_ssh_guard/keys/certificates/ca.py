"""The authority: a key that signs hours of access for every label, held apart from all others.

FOLDER is the account's alone and holds gN and gN.pub of each generation, `current`, a link to the
one that signs, and during a rotation its successor. The key is read when something is signed, and
is in no output, argument or message.
"""

from __future__ import annotations

import contextlib
import os
import stat
from binascii import a2b_base64
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Optional

from ...authorized_keys.authority import authority_id
from ...closed import Open, require_closed, trusted_accounts
from ..durable import sync_folder
from ..files import Pairs
from ..lock import locked
from ..trouble import Trouble, Word
from .serials import Serials

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ..files import Pair

_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_INIT: Final = "bpc-ssh-keys ca init"


@dataclass(frozen=True)
class Authority:
    """One generation of the authority."""

    pair: Pair

    @property
    def generation(self) -> int:
        """Its number, from 1."""
        return self.pair.generation

    @property
    def blob(self) -> bytes:
        """Its public key, as authorized_keys has it behind base64."""
        return a2b_base64(self.pair.public.split()[1])

    @property
    def id(self) -> str:
        """What the client's lines call it: `cert-` and the KEYID of its key."""
        return authority_id(self.blob).decode("ascii")

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """Its private key; raises Trouble, which tells nothing of it."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = self.pair.path
        data = _read_closed(path)
        try:
            key = serialization.load_ssh_private_key(data, None)
        except Exception:  # cryptography raises kinds of several classes, some with the bytes
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise Trouble(Word.FILES, f"{path}: is no Ed25519 key without passphrase")
        shown = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        if shown.decode("ascii") != self.pair.public:
            raise Trouble(Word.FILES, f"{path}: is another key than {path.name}.pub; put the right"
                                      " one back")
        return key


class Authorities:
    """The generations in FOLDER. Raises Trouble."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._pairs: Final = Pairs(folder, mode=_MODE)

    def exclusive(self) -> AbstractContextManager[None]:
        """Let no other run sign or change anything meanwhile; raises Trouble(locked)."""
        self.require()
        return locked(self.folder, "authority", "lock")

    def require(self) -> None:
        """Refuse a folder that is missing or that another account can look into."""
        try:
            status = os.lstat(self.folder)
            require_closed(str(self.folder), trusted_accounts())
        except FileNotFoundError:
            raise Trouble(Word.FILES, f"{self.folder}: is missing; run {_INIT}") from None
        except OSError as error:
            raise Trouble(Word.FILES, f"{self.folder}: {error.strerror}") from None
        except Open as error:
            raise Trouble(Word.FILES, str(error)) from None
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if not is_ours or status.st_mode & 0o077:
            raise Trouble(Word.FILES, f"{self.folder}: is not a folder of this account alone; see"
                                      " that it has mode 0700 and the right owner")

    def begin(self) -> Authority:
        """Make the folder and the first generation; refuse where there is one."""
        try:
            with contextlib.suppress(FileExistsError):
                os.makedirs(self.folder, _FOLDER_MODE)
                os.chmod(self.folder, _FOLDER_MODE)
                sync_folder(self.folder.parent)
            with self.exclusive():
                self.require_none()
                made = self._pairs.all()
                self._pairs.sweep()  # of a run that was killed
                Serials.begin(self.folder)
                pair = made.get(1) or self._pairs.generate(1)
                self._pairs.switch(1)
        except OSError as error:
            raise Trouble(Word.FILES, f"{error.filename}: {error.strerror}") from None
        return Authority(pair)

    def require_none(self) -> None:
        """Refuse a folder that has an authority; one whose making was cut short is none yet."""
        if self._pairs.current() is not None or self._pairs.all().keys() - {1}:
            raise Trouble(Word.FILES, f"{self.folder}: has an authority; replace it by bpc-ssh-keys"
                                      " ca rotate")

    def current(self) -> Authority:
        """Return the one that signs."""
        self.require()
        pair = self._pairs.current()
        if pair is None:
            raise Trouble(Word.FILES, f"{self.folder}: has no authority; run {_INIT}")
        return Authority(pair)

    def all(self) -> list[Authority]:
        """Return every generation, the successor behind the one that it replaces."""
        self.require()
        return [Authority(pair) for pair in self._pairs.all().values()]

    def successor(self) -> Optional[Authority]:
        """Return what replaces the one in use, None where no rotation is under way."""
        number = self.current().generation
        return next((each for each in self.all() if each.generation > number), None)

    def predecessor(self) -> Optional[Authority]:
        """Return what the one in use has replaced and some client may still take."""
        number = self.current().generation
        return next((each for each in self.all() if each.generation < number), None)

    def make_successor(self) -> Authority:
        """Return the successor, made where there is none; the caller holds `exclusive`."""
        found = self.successor()
        if found is not None:
            return found
        self._pairs.sweep()
        return Authority(self._pairs.generate(self.current().generation + 1))

    def promote(self, authority: Authority) -> None:
        """Let AUTHORITY sign from now on; the caller holds `exclusive`."""
        self._pairs.switch(authority.generation)

    def forget(self, authority: Authority) -> None:
        """Remove AUTHORITY, which no client takes any more; the caller holds `exclusive`."""
        self._pairs.remove(authority.generation)


def _read_closed(path: Path) -> bytes:
    """Return what PATH holds; refuse a file that another account can read. Raises Trouble."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read()
    except OSError as error:
        raise Trouble(Word.FILES, f"{path}: {error.strerror}") from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise Trouble(Word.FILES, f"{path}: is not this account's alone; chmod 600, and replace it"
                                  " if anybody has read it: bpc-ssh-keys ca rotate")
    return data
