"""Proofs: that a key has logged in by its line, kept where only root can write.

A proof is on the disk before the key's login hears of it. It counts for one label and generation,
so what a taken-out key has left proves nothing of a new one. Its file's time is the last use. The
file has the KEYID as its name, and that of an authority the label too: labels share authorities.
"""

from __future__ import annotations

import os

from .. import state as state_folder
from ..vocabulary import is_authority_id, is_label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

FOLDER: Final = b"proofs"
MAX_PROOF: Final = 128  # bytes; the longest that means anything has 86

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | state_folder.OPEN
_MAX_DIGITS: Final = 19
_BESIDE: Final = b".new"  # one name: only who holds the lock uses it


class Proof:
    """That a key of `label` and `generation` logged in at `proven`, and `used` was its last run.

    Both are seconds after the epoch; `used` is none of the proof itself.
    """

    __slots__ = ("generation", "label", "proven", "used")
    label: Final[bytes]
    generation: Final[int]
    proven: Final[int]
    used: Final[int]

    def __init__(self, label: bytes, generation: int, proven: int, used: int = 0) -> None:
        self.label = label
        self.generation = generation
        self.proven = proven
        self.used = used

    def to_bytes(self) -> bytes:
        """Return the file's content: a name, a blank and a value a line."""
        lines = b"label %b\ngeneration %d\nproven %d\n"
        return lines % (self.label, self.generation, self.proven)

    @classmethod
    def from_bytes(cls, data: bytes, used: int) -> Optional[Proof]:
        """Return the proof that DATA writes, None for anything else: then there is no proof."""
        words = data.split()
        if len(words) != 6 or not (words[3].isdigit() and words[5].isdigit()):
            return None
        if not is_label(words[1]) or max(len(words[3]), len(words[5])) > _MAX_DIGITS:
            return None
        proof = cls(words[1], int(words[3]), int(words[5]), used)
        return proof if proof.to_bytes() == data else None


def name_of(label: bytes, key_id: bytes) -> bytes:
    """Return the name of the proof of KEY_ID, as the line of LABEL has it."""
    return key_id + b"." + label if is_authority_id(key_id) else key_id


def read(state: bytes, name: bytes) -> Optional[Proof]:
    """Return the proof NAME in the folder STATE, None without one.

    Raises GuardFailure(bad-grant) for one that others could have written.
    """
    try:
        folder = state_folder.open_folder(state, FOLDER)
    except FileNotFoundError:
        return None
    try:
        return _read_from(folder, name, os.path.join(state, FOLDER, name))
    finally:
        os.close(folder)


def write(state: bytes, name: bytes, proof: Proof) -> None:
    """Put PROOF by its NAME on the disk in the folder STATE; raises GuardFailure(bad-grant).

    Whoever is killed on the way leaves the old proof or the new one, whole.
    """
    path = os.path.join(state, FOLDER, name)
    folder = state_folder.open_folder(state, FOLDER, make=True)
    try:
        state_folder.lock(folder)
        _write_beside(folder, proof.to_bytes())
        os.rename(_BESIDE, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except TimeoutError:
        raise state_folder.failure(path, "another login holds its folder; end that") from None
    except OSError as error:
        raise state_folder.problem(path, error, "the proof can't be stored") from None
    finally:
        os.close(folder)


def remove(state: bytes, name: bytes) -> None:
    """Remove the proof NAME, if there is one; raises GuardFailure(bad-grant)."""
    try:
        folder = state_folder.open_folder(state, FOLDER)
    except FileNotFoundError:
        return
    try:
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        path = os.path.join(state, FOLDER, name)
        raise state_folder.problem(path, error, "the proof can't be removed") from None
    finally:
        os.close(folder)


def touch(state: bytes, name: bytes) -> None:
    """Note that the key of the proof NAME was used now, where there is one; never fails."""
    try:
        os.utime(os.path.join(state, FOLDER, name), follow_symlinks=False)
    except OSError:
        return


def _read_from(folder: int, name: bytes, path: bytes) -> Optional[Proof]:
    try:
        descriptor = os.open(name, os.O_RDONLY | state_folder.OPEN, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise state_folder.problem(path, error) from None
    try:
        status = os.fstat(descriptor)
        state_folder.require_file(path, status)
        return Proof.from_bytes(os.read(descriptor, MAX_PROOF + 1), int(status.st_mtime))
    finally:
        os.close(descriptor)


def _write_beside(folder: int, content: bytes) -> None:
    descriptor = os.open(_BESIDE, _NEW, state_folder.FILE_MODE, dir_fd=folder)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
