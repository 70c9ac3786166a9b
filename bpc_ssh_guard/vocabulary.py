"""The words that every room uses: operations, programs, features and reasons of refusal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PROGRAM_NAME: Final = "bpc-ssh-guard"


class Operation:
    """What a key may ask for; a key has one right, never two."""

    BACKUP: Final = "backup"
    RESTORE: Final = "restore"
    ROTATE: Final = "rotate"
    AUDIT: Final = "audit"


class Program:
    """The programs that the guard starts."""

    RSYNC: Final = "rsync"
    TAR: Final = "tar"


PROGRAMS: Final = (Program.RSYNC, Program.TAR)


class Feature:
    """What a command may need beyond the plain default; the policy's `Accept` admits it."""

    SUDO: Final = "sudo"
    NICE: Final = "nice"
    IONICE: Final = "ionice"
    ACLS: Final = "acls"
    XATTRS: Final = "xattrs"
    ICONV: Final = "iconv"
    COMPRESS: Final = "compress"
    FAKE_SUPER: Final = "fake-super"
    COPY_LINKS: Final = "copy-links"
    SETUID: Final = "setuid"
    DEVICES: Final = "devices"
    WHOLE_SYSTEM: Final = "whole-system"


# What each feature opens, in the admin's words: `explain`, `suggest` and the man page use it.
FEATURES: Final = {
    Feature.SUDO: "the prefix sudo, dropped because the guard runs as root already",
    Feature.NICE: "the prefix nice, applied by the guard itself",
    Feature.IONICE: "the prefix ionice, applied by the guard itself",
    Feature.ACLS: "access control lists (rsync -A, tar --acls)",
    Feature.XATTRS: "extended attributes (rsync -X, tar --xattrs)",
    Feature.ICONV: "file names converted between character sets (rsync --iconv)",
    Feature.COMPRESS: "compressed transfers (rsync -z)",
    Feature.FAKE_SUPER: "ownership kept in extended attributes (rsync --fake-super)",
    Feature.COPY_LINKS: "backups that follow or drop symbolic links (rsync -L, -k, --safe-links)",
    Feature.SETUID: "rsync restores that recreate set-user-id and set-group-id bits",
    Feature.DEVICES: "rsync restores that recreate device nodes and fifos",
    Feature.WHOLE_SYSTEM: "a restore root that holds the system's own configuration",
}


class Reason:
    """Why a command was refused (exit 126) or could not be served (exit 125); a closed set."""

    TOO_LONG: Final = "too-long"
    NOT_WORDS: Final = "not-words"
    NO_COMMAND: Final = "no-command"
    UNKNOWN_PROGRAM: Final = "unknown-program"
    UNKNOWN_OPTION: Final = "unknown-option"
    BAD_OPERAND: Final = "bad-operand"
    BAD_SECLUDED_LIST: Final = "bad-secluded-list"
    TOOL_NOT_ALLOWED: Final = "tool-not-allowed"
    WRONG_OPERATION: Final = "wrong-operation"
    FEATURE_NOT_ACCEPTED: Final = "feature-not-accepted"
    DELETE_NOT_PERMITTED: Final = "delete-not-permitted"
    OUTSIDE_ROOTS: Final = "outside-roots"
    NO_WINDOW: Final = "no-window"
    NO_SPACE: Final = "no-space"
    BUSY: Final = "busy"
    UNKNOWN_KEY: Final = "unknown-key"
    KEY_MISMATCH: Final = "key-mismatch"
    WRONG_ADDRESS: Final = "wrong-address"
    NOT_ROOT: Final = "not-root"
    POPT_ALIAS: Final = "popt-alias"
    NOT_ROTATABLE: Final = "not-rotatable"
    NO_SUCH_KEY: Final = "no-such-key"
    KEY_CONFLICT: Final = "key-conflict"
    NOT_PROVEN: Final = "not-proven"
    LAST_KEY: Final = "last-key"
    BAD_USAGE: Final = "bad-usage"
    BAD_POLICY: Final = "bad-policy"
    BAD_GRANT: Final = "bad-grant"
    KEYS_LOCKED: Final = "keys-locked"
    UNSAFE_KEYS: Final = "unsafe-keys"
    CANNOT_WRITE_KEYS: Final = "cannot-write-keys"
    CANNOT_RECORD: Final = "cannot-record"
    CANNOT_CONFINE: Final = "cannot-confine"
    EXEC_FAILED: Final = "exec-failed"
    INTERNAL: Final = "internal"


# One sentence each, for the log, `explain` and bpc-ssh-guard-log(5).
REASONS: Final = {
    Reason.TOO_LONG: "the command, one of its words or their number is over a limit",
    Reason.NOT_WORDS: "the command is not a plain list of words",
    Reason.NO_COMMAND: "the login asked for no command",
    Reason.UNKNOWN_PROGRAM: "the program or a prefix before it is not one the guard knows",
    Reason.UNKNOWN_OPTION: "an option is unknown, repeated, out of place or has a bad value",
    Reason.BAD_OPERAND: "a path, name or operand is missing, malformed or too many",
    Reason.BAD_SECLUDED_LIST: "the argument list on standard input is malformed, cut off or late",
    Reason.TOOL_NOT_ALLOWED: "the key's block does not list this program in Tools",
    Reason.WRONG_OPERATION: "the key has another right than the command needs",
    Reason.FEATURE_NOT_ACCEPTED: "the command needs a feature that the key's block does not accept",
    Reason.DELETE_NOT_PERMITTED: "the command deletes and the key's block says Delete no",
    Reason.OUTSIDE_ROOTS: "a path is not below a root of the key's block",
    Reason.NO_WINDOW: "the key restores only while a grant is open, and none is",
    Reason.NO_SPACE: "a restore root has less free space than KeepFree demands",
    Reason.BUSY: "the key has as many sessions open as MaxSessions allows",
    Reason.UNKNOWN_KEY: "the policy has no block for this key label",
    Reason.KEY_MISMATCH: "the key that logged in is not the key of the forced command",
    Reason.WRONG_ADDRESS: "the connection comes from an address that From does not list",
    Reason.NOT_ROOT: "the command asks for sudo and the guard does not run as root",
    Reason.POPT_ALIAS: "a machine-wide popt file changes what rsync does",
    Reason.NOT_ROTATABLE: "the rotation key may not do this to keys of that label",
    Reason.NO_SUCH_KEY: "authorized_keys has no such key of the label",
    Reason.KEY_CONFLICT: "another key of the label, or another line of the key, is in the way",
    Reason.NOT_PROVEN: "the key has not logged in since it was staged",
    Reason.LAST_KEY: "no later key of the label is confirmed and has logged in",
    Reason.BAD_USAGE: "the forced command in authorized_keys is written wrongly",
    Reason.BAD_POLICY: "the policy can't be read, is unsafe or has an error",
    Reason.BAD_GRANT: "the grant or the state folder can't be read, or is unsafe",
    Reason.KEYS_LOCKED: "another run changes authorized_keys and does not end",
    Reason.UNSAFE_KEYS: "authorized_keys is missing, or others can change it",
    Reason.CANNOT_WRITE_KEYS: "authorized_keys could not be changed",
    Reason.CANNOT_RECORD: "the command log can't be written",
    Reason.CANNOT_CONFINE: "the child could not be prepared as the policy demands",
    Reason.EXEC_FAILED: "the program is missing or can't be run",
    Reason.INTERNAL: "the guard itself failed",
}

# Failures of the guard's side, exit 125 or 127; every other reason is the answer no, exit 126.
FAILURES: Final = frozenset(
    {
        Reason.BAD_USAGE,
        Reason.BAD_POLICY,
        Reason.BAD_GRANT,
        Reason.KEYS_LOCKED,
        Reason.UNSAFE_KEYS,
        Reason.CANNOT_WRITE_KEYS,
        Reason.CANNOT_RECORD,
        Reason.CANNOT_CONFINE,
        Reason.EXEC_FAILED,
        Reason.INTERNAL,
    }
)

LABEL_LENGTH_LIMIT: Final = 32
KEY_ID_LENGTH: Final = 32  # hex digits: half of a SHA-256, enough to tell keys apart
CERTIFICATE: Final = b"cert-"  # before the KEYID of an authority, in the line that takes its own

_LABEL_BYTES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-"
_HEX_DIGITS: Final = b"0123456789abcdef"
_HOST_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_HOST_LENGTH_LIMIT: Final = 253  # the longest name in DNS


def is_label(text: bytes) -> bool:
    """Tell whether TEXT is a key label: [a-z][a-z0-9-]{0,31}."""
    return (
        0 < len(text) <= LABEL_LENGTH_LIMIT
        and not text.strip(_LABEL_BYTES)
        and text[:1].isalpha()
    )


def is_key_id(text: bytes) -> bool:
    """Tell whether TEXT is a KEYID: the first 32 hex digits of the SHA-256 of the key's blob."""
    return len(text) == KEY_ID_LENGTH and not text.strip(_HEX_DIGITS)


def is_authority_id(text: bytes) -> bool:
    """Tell whether TEXT is `cert-` and the KEYID of an authority that signs certificates."""
    return text.startswith(CERTIFICATE) and is_key_id(text[len(CERTIFICATE):])


def is_host_name(text: bytes) -> bool:
    """Tell whether TEXT can name a host in a certificate's principal."""
    return 0 < len(text) <= _HOST_LENGTH_LIMIT and not text.strip(_HOST_BYTES)
