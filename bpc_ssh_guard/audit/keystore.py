"""The auditor's keys: K_0 of each chain, and how far each was verified with which key next.

A folder of mode 0700 with a file of mode 0600 for each chain, kept by the auditor alone: who has
K_0 can forge the whole log, so the account of BackupPC, the witness, must not have it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Optional

from ..record.seal import CHAIN_BYTES, KEY_BYTES
from .verdict import Start, Verdict


class KeyStoreError(Exception):
    """The keys can't be read or stored; the text says why and what to do."""


class KeyStore:
    """The keys in FOLDER, which is made when the first one is added."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add(self, chain: str, key: str) -> None:
        """Store KEY, K_0 of CHAIN, both hex; raises KeyStoreError."""
        _require_hex("a chain id", chain, CHAIN_BYTES)
        _require_hex("K_0", key, KEY_BYTES)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._require_closed(self.folder)
        path = self._path(chain)
        if os.path.exists(path) and self._read(path) != bytes.fromhex(key):
            raise KeyStoreError(f"{path}: holds another key of this chain; move it away first")
        self._write(path, f"{key}\n")

    def get(self, chain: bytes) -> Optional[bytes]:
        """Return K_0 of CHAIN, None if it is not known; raises KeyStoreError."""
        path = self._path(chain.hex())
        return self._read(path) if os.path.exists(path) else None

    def chains(self) -> list[str]:
        """Return the ids of the chains whose K_0 is known."""
        if not os.path.isdir(self.folder):
            return []
        names = os.listdir(self.folder)
        return sorted(name for name in names if len(name) == 2 * CHAIN_BYTES)

    def start(self, chain: bytes) -> Optional[Start]:
        """Return where the last verification of CHAIN ended, None if there was none."""
        path = self._path(chain.hex()) + ".verified"
        if not os.path.exists(path):
            return None
        self._require_closed(path)
        try:
            with open(path, encoding="ascii") as file:
                members = json.load(file)
            start = Start(
                members["sequence"], bytes.fromhex(members["head"]), bytes.fromhex(members["key"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise KeyStoreError(f"{path}: {error}; remove it to verify from the start") from None
        return start

    def keep(self, verdict: Verdict) -> None:
        """Store where VERDICT, a clean one made with the key, ends."""
        if verdict.key is None or not verdict.is_clean:
            return
        members = {"sequence": verdict.records, "head": verdict.head.hex(),
                   "key": verdict.key.hex()}
        self._write(self._path(verdict.chain.hex()) + ".verified", json.dumps(members) + "\n")

    def _path(self, chain: str) -> str:
        return os.path.join(self.folder, chain)

    def _read(self, path: str) -> bytes:
        self._require_closed(path)
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read(4 * KEY_BYTES).strip()
        _require_hex(f"{path}: K_0", text, KEY_BYTES)
        return bytes.fromhex(text)

    def _require_closed(self, path: str) -> None:
        status = os.stat(path)
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            raise KeyStoreError(f"{path}: others may read it; chmod go= and chown it to yourself")

    def _write(self, path: str, text: str) -> None:
        descriptor, beside = tempfile.mkstemp(dir=self.folder)  # of mode 0600
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.rename(beside, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise


def _require_hex(what: str, text: str, size: int) -> None:
    try:
        fits = len(bytes.fromhex(text)) == size and len(text) == 2 * size
    except ValueError:
        fits = False
    if not fits:
        raise KeyStoreError(f"{what} is {2 * size} hex digits, as bpc-ssh-guardctl log init showed")


