"""The key pairs of one label on the server's disk, and the link that says which one is in use.

FOLDER holds gN and gN.pub for each generation and `current`, a link to one gN. Everything is
written beside, synced and put in place at once: whoever is killed leaves the old or the new.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
from binascii import Error as NoBase64
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional

from ..authorized_keys import key_id
from ..authorized_keys.line import is_blob_of
from .durable import FILE_MODE, NEW, make_folder, replace, sync_folder, write_new
from .trouble import Trouble, Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CURRENT: Final = "current"
ALONE_MODE: Final = 0o600  # of a rotation key, which BackupPC's group must not read
MAX_PUBLIC: Final = 4096  # bytes of a gN.pub

_TYPE: Final = "ssh-ed25519"
_PUBLIC: Final = re.compile(r"g([1-9][0-9]{0,5})\.pub", re.ASCII)


@dataclass(frozen=True)
class Pair:
    """A key pair: its generation, its id, and the path of its private half."""

    generation: int
    key_id: str
    public: str  # `ssh-ed25519 BASE64`
    path: Path


class Pairs:
    """The pairs in FOLDER; new files get the group GROUP where one is given."""

    def __init__(self, folder: Path, group: Optional[int] = None, mode: int = FILE_MODE) -> None:
        self.folder: Final = folder
        self._group: Final = group
        self._mode: Final = mode

    def all(self) -> dict[int, Pair]:
        """Return the complete pairs by generation; raises Trouble."""
        with _told(self.folder):
            names = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
            found = (_PUBLIC.fullmatch(name) for name in names)
            numbers = [int(each[1]) for each in found if each is not None]
            return {number: self._read(number) for number in sorted(numbers)
                    if f"g{number}" in names}

    def of(self, generation: int) -> Optional[Pair]:
        """Return the complete pair of GENERATION; raises Trouble."""
        with _told(self.folder):
            if not os.path.lexists(self.folder / f"g{generation}"):
                return None
            try:
                return self._read(generation)
            except FileNotFoundError:
                return None

    def of_key(self, wanted: str) -> Optional[Pair]:
        """Return the pair with the id WANTED; raises Trouble."""
        return next((pair for pair in self.all().values() if pair.key_id == wanted), None)

    def current(self) -> Optional[Pair]:
        """Return the pair in use; None where there is none. Raises Trouble."""
        try:
            target = os.readlink(self.folder / CURRENT)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _trouble(self.folder / CURRENT, error) from None
        found = _PUBLIC.fullmatch(f"{target}.pub")
        if found is None:
            raise Trouble(Word.FILES, f"{self.folder / CURRENT}: leads to {target!a}, no key of"
                                      " this folder; remove it and run bpc-ssh-keys rebuild")
        return self.of(int(found[1]))

    def generate(self, generation: int) -> Pair:
        """Make the pair of GENERATION, durable when this returns; raises Trouble."""
        private, public = new_key()
        with _told(self.folder):
            make_folder(self.folder, self._group)
            self._write(f"g{generation}.pub", public)
            self._write(f"g{generation}", private)
            sync_folder(self.folder)
        return pair_of(self.folder, generation, public)

    def switch(self, generation: int) -> None:
        """Let `current` lead to the pair of GENERATION, durably; raises Trouble."""
        link = self.folder / (CURRENT + NEW)
        with _told(self.folder):
            if not (self.folder / f"g{generation}").is_file():
                raise Trouble(Word.FILES, f"{self.folder}/g{generation}: there is no such key")
            link.unlink(missing_ok=True)
            os.symlink(f"g{generation}", link)
            os.rename(link, self.folder / CURRENT)
            sync_folder(self.folder)

    def remove(self, generation: int) -> None:
        """Remove the pair of GENERATION, the private half first; raises Trouble."""
        with _told(self.folder):
            for name in (f"g{generation}", f"g{generation}.pub"):
                (self.folder / name).unlink(missing_ok=True)
            sync_folder(self.folder)

    def sweep(self) -> None:
        """Remove what a killed run left: files beside, public halves alone; raises Trouble.

        A private half alone is no such thing: its public one was taken away by somebody.
        """
        if not self.folder.is_dir():
            return
        with _told(self.folder):
            names = set(os.listdir(self.folder))
            for name in names:
                is_half = _PUBLIC.fullmatch(name) and name[:-len(".pub")] not in names
                if name.endswith(NEW) or is_half:
                    (self.folder / name).unlink()

    def _read(self, generation: int) -> Pair:
        with open(self.folder / f"g{generation}.pub", "rb") as file:
            return pair_of(self.folder, generation, file.read(MAX_PUBLIC))

    def _write(self, name: str, data: bytes) -> None:
        """Write DATA to the new file NAME; FileExistsError where there is one."""
        _write_once(self.folder / name, data, self._mode, self._group)


def pair_of(folder: Path, generation: int, public: bytes) -> Pair:
    """Return the pair of GENERATION in FOLDER whose public line is PUBLIC; raises Trouble."""
    words = public.decode("ascii", "replace").split()
    try:
        blob = a2b_base64(words[1]) if words[0] == _TYPE else b""
    except (IndexError, NoBase64):
        blob = b""
    if not is_blob_of(_TYPE.encode("ascii"), blob):
        raise Trouble(Word.FILES, f"{folder}/g{generation}.pub: no {_TYPE} key; remove the pair, it"
                                  " is of no use")
    return Pair(generation, key_id(blob).decode("ascii"), " ".join(words[:2]),
                folder / f"g{generation}")


def generate_alone(path: Path) -> None:
    """Make a key at PATH, where there is none, that this account alone reads; raises Trouble.

    Its public half is beside it for people; programs read it from the private one.
    """
    private, public = new_key()
    with _told(path.parent):
        make_folder(path.parent)
        replace(path.with_name(path.name + ".pub"), public, FILE_MODE)
        _write_once(path, private, ALONE_MODE)
        sync_folder(path.parent)


def new_key() -> tuple[bytes, bytes]:
    """Return a new private key as OpenSSH's file, and its public line."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return private, key.public_key().public_bytes(*openssh) + b"\n"


def _write_once(path: Path, data: bytes, mode: int, group: Optional[int] = None) -> None:
    """Write DATA to the new file PATH; FileExistsError where there is one."""
    beside = path.with_name(path.name + NEW)
    beside.unlink(missing_ok=True)
    write_new(beside, data, mode, group)
    try:
        os.link(beside, path)  # rename would replace a key that is there
    finally:
        beside.unlink()


def group_of(reader: str) -> Optional[int]:
    """Return the id of the group READER, None where it is empty; raises Trouble.

    That this account may give it files is made sure of, before any is written.
    """
    if not reader:
        return None
    try:
        group = grp.getgrnam(reader).gr_gid
    except KeyError:
        raise Trouble(Word.FILES, f"there is no group {reader}; install BackupPC, or name the"
                                  " group that reads the keys with reader in [paths]") from None
    if os.geteuid() != 0 and group not in (os.getegid(), *os.getgroups()):
        account = pwd.getpwuid(os.geteuid()).pw_name  # who is no member may give it no file
        raise Trouble(Word.FILES, f"{account} is not in the group {reader}, which is to read the"
                                  f" keys; as root: usermod -a -G {reader} {account}")
    return group


def require_own(folder: Path) -> None:
    """Refuse an account that FOLDER doesn't belong to: what it made the owner could not change.

    One that is missing is nobody's. Raises Trouble.
    """
    with _told(folder):
        owner = os.stat(folder).st_uid if folder.exists() else os.geteuid()
    if owner != os.geteuid():
        raise Trouble(Word.FILES, f"{folder}: belongs to uid {owner}; run this as that account,"
                                  " as in: runuser -u bpckeys -- bpc-ssh-keys ...")


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _trouble(folder, error) from None


def _trouble(path: Path, error: OSError) -> Trouble:
    return Trouble(Word.FILES, f"{error.filename or path}: {error.strerror}")
