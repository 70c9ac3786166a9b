"""What can go wrong with one host or label, by stable words that programs may rely on."""

from __future__ import annotations

from typing import Final


class Word:
    """The closed set of the member `error` of a record."""

    # of the way to the client
    UNREACHABLE: Final = "unreachable"
    HOST_KEY: Final = "host-key"
    NOT_ACCEPTED: Final = "not-accepted"
    NO_ANSWER: Final = "no-answer"
    # of the client, as bpc-ssh-keys-protocol(7) has them
    SYNTAX: Final = "syntax"
    NO_SUCH_KEY: Final = "no-such-key"
    CONFLICT: Final = "conflict"
    REFUSED: Final = "refused"
    BUSY: Final = "busy"
    IO: Final = "io"
    UNSAFE_FILE: Final = "unsafe-file"
    # of this side
    WRONG_KEY: Final = "wrong-key"
    STILL_ACCEPTED: Final = "still-accepted"
    UNKNOWN_KEY: Final = "unknown-key"
    LOCKED: Final = "locked"
    FILES: Final = "files"
    STORE: Final = "store"


# One sentence each, for bpc-ssh-keys(8).
WORDS: Final = {
    Word.UNREACHABLE: "the host doesn't answer, or the connection broke before a request",
    Word.HOST_KEY: "the host showed another host key than the stored one, or none is stored",
    Word.NOT_ACCEPTED: "the host turned the key away",
    Word.NO_ANSWER: "the request was sent and no answer came: it may be done or not",
    Word.SYNTAX: "the client's guard doesn't understand the request",
    Word.NO_SUCH_KEY: "the client has no such key of the label",
    Word.CONFLICT: "another key of the label, or another server, is in the way",
    Word.REFUSED: "the client's policy or its rules don't allow it",
    Word.BUSY: "another request holds the client's keys",
    Word.IO: "the client can't write its keys, state or log",
    Word.UNSAFE_FILE: "the client's authorized_keys is missing or others may change it",
    Word.WRONG_KEY: "the greeting is of another key, label or generation than expected",
    Word.STILL_ACCEPTED: "the replaced key still logs in",
    Word.UNKNOWN_KEY: "the client has a key of the label that this store doesn't know",
    Word.LOCKED: "another run works on the label",
    Word.FILES: "the key files can't be read or written",
    Word.STORE: "the store can't be read or written, or is damaged",
}

# What the client itself may answer.
OF_CLIENT: Final = frozenset(
    {
        Word.SYNTAX, Word.NO_SUCH_KEY, Word.CONFLICT, Word.REFUSED, Word.BUSY, Word.IO,
        Word.UNSAFE_FILE,
    }
)


class Trouble(Exception):
    """One host or label could not be served: a word of WORDS, and a sentence for people."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word

    def __reduce__(self) -> tuple[type[Trouble], tuple[str, str]]:
        """Let a child process raise it here."""
        return Trouble, (self.word, str(self))
