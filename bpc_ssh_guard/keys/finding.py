"""What `verify` can find, by stable words that programs may rely on."""

from __future__ import annotations

from typing import Final

from ..duration import DAY

PENDING: Final = 3 * DAY  # a rotation ends within two nights where nothing is wrong


class Kind:
    """What can be found; a closed set, each explained in bpc-ssh-keys(8)."""

    MISSING: Final = "missing"
    STAGED: Final = "staged"
    UNKNOWN_KEY: Final = "unknown-key"
    UNKNOWN_AUTHORITY: Final = "unknown-authority"
    LASTING: Final = "lasting"
    UNMANAGED: Final = "unmanaged"
    INCONSISTENT: Final = "inconsistent"
    DUPLICATE: Final = "duplicate"
    OPEN_FILE: Final = "open-file"
    UNFINISHED: Final = "unfinished"
    JOURNAL: Final = "journal"
    FILES: Final = "files"
    CERTIFICATE: Final = "certificate"


KINDS: Final = {
    Kind.MISSING: "the client has no line of the key, or authority, in use",
    Kind.STAGED: "the key, or authority, in use ends by itself, since it was never confirmed",
    Kind.UNKNOWN_KEY: "the client has a key of the label that this store doesn't know",
    Kind.UNKNOWN_AUTHORITY: "the client takes certificates of an authority that is not this"
                            " server's",
    Kind.LASTING: "a client of certificates takes a key of the label without one",
    Kind.UNMANAGED: "a line of the label was not written by the guard, so it is never replaced",
    Kind.INCONSISTENT: "a line differs from what the client's policy composes now",
    Kind.DUPLICATE: "a key stands in more than one line, and sshd takes the first",
    Kind.OPEN_FILE: "others can write the client's authorized_keys",
    Kind.UNFINISHED: "a rotation is under way for days",
    Kind.JOURNAL: "the store and the link `current` name different keys",
    Kind.FILES: "a key file is missing, damaged or open to others",
    Kind.CERTIFICATE: "the certificate in use is missing, over, overdue or out of date",
}
