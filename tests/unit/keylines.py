"""Lines of authorized_keys of which it is known whether sshd logs their key in.

test_authorized_keys.py holds the parser to the list, test_authorized_keys_sshd.py the list to sshd.
"""

from __future__ import annotations

import re
import subprocess
from binascii import b2a_base64
from dataclasses import dataclass

SERVED = b"served"
COMMAND = b'command="echo served"'


@dataclass(frozen=True)
class Key:
    """A public key, `private` the file of the other half."""

    private: str
    type: bytes
    blob: bytes

    @property
    def base64(self) -> bytes:
        return b2a_base64(self.blob, newline=False)

    @property
    def words(self) -> bytes:
        return self.type + b" " + self.base64


def generate(path: str, kind: str = "ed25519", bits: str = "256") -> Key:
    """Make a key pair at PATH with ssh-keygen."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", path],
        check=True, timeout=60,
    )
    return read(path)


def read(path: str) -> Key:
    """Return the key pair at PATH."""
    with open(path + ".pub", "rb") as file:
        name, encoded = file.read().split()[:2]
    blob = subprocess.run(
        ["base64", "-d"], input=encoded, stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout
    return Key(path, name, blob)


@dataclass(frozen=True)
class KnownLine:
    """A line where COMMAND stands for an option, KEY for TYPE BASE64 and RSA for an RSA key's."""

    what: str
    template: bytes
    served: bool
    rsa: bool = False

    def render(self, ed25519: Key, rsa: Key) -> bytes:
        values = {b"COMMAND": COMMAND, b"KEY": ed25519.words, b"TYPE": ed25519.type,
                  b"BASE64": ed25519.base64, b"RSA": rsa.base64}
        return re.sub(b"|".join(values), lambda found: values[found[0]], self.template)


KNOWN_LINES = (
    KnownLine("restrict and a command", b'restrict,COMMAND KEY comment', True),
    KnownLine("no comment", b"COMMAND KEY", True),
    KnownLine("tabs and many blanks", b"\t COMMAND\t \tTYPE\tBASE64\tcomment", True),
    KnownLine("CR LF behind the key", b"COMMAND KEY\r", True),
    KnownLine("CR LF behind a comment", b"COMMAND KEY comment\r", True),
    KnownLine("a CR behind the options", b"COMMAND\r KEY", False),
    KnownLine("a CR in front", b"\rCOMMAND KEY", False),
    KnownLine("a vertical tab in the base64", b"COMMAND TYPE \x0bBASE64", True),
    KnownLine("a vertical tab in front", b"\x0bCOMMAND KEY", False),
    KnownLine("a NUL in the comment", b"COMMAND KEY a\0b", True),
    KnownLine("a NUL behind the base64", b"COMMAND KEY\0", True),
    KnownLine("a NUL in front", b"\0COMMAND KEY", False),
    KnownLine("a comment line", b"# COMMAND KEY", False),
    KnownLine("an indented comment line", b"  #COMMAND KEY", False),
    KnownLine("a foreign byte in the base64", b"COMMAND TYPE BASE64#", False),
    KnownLine("too much padding", b"COMMAND TYPE BASE64=", False),
    KnownLine("four bytes of padding", b"COMMAND TYPE BASE64====", False),
    KnownLine("an RSA key", b"COMMAND ssh-rsa RSA", True, rsa=True),
    KnownLine("an RSA key by its signature's name", b"COMMAND rsa-sha2-512 RSA", True, rsa=True),
    KnownLine("a type in capitals", b"COMMAND SSH-ED25519 BASE64", False),
    KnownLine("ssh-keygen's name of the type", b"COMMAND ED25519 BASE64", False),
    KnownLine("another key's type", b"COMMAND ssh-ed25519 RSA", False, rsa=True),
    KnownLine("options in capitals", b'RESTRICT,Command="echo served" KEY', True),
    KnownLine("two commands", b'COMMAND,command="echo other" KEY', False),
    KnownLine("two from=", b'from="127.0.0.1",from="127.0.0.1",COMMAND KEY', False),
    KnownLine("restrict twice", b"restrict,restrict,COMMAND KEY", True),
    KnownLine("an unknown option", b"restrict,shell,COMMAND KEY", False),
    KnownLine("a longer name than an option's", b"restricted,COMMAND KEY", False),
    KnownLine("no-restrict", b"no-restrict,COMMAND KEY", False),
    KnownLine("no-cert-authority", b"no-cert-authority,COMMAND KEY", False),
    KnownLine("switches either way", b"no-pty,X11-Forwarding,no-PORT-forwarding,COMMAND KEY", True),
    KnownLine("a comma at the end", b"COMMAND, KEY", True),
    KnownLine("two commas", b"restrict,,COMMAND KEY", True),
    KnownLine("a comma in front", b",COMMAND KEY", True),
    KnownLine("a blank behind a comma", b"restrict, COMMAND KEY", False),
    KnownLine("a quoted quote", b'command="echo \\"served\\"" KEY', True),
    KnownLine("a blank and a comma in quotes", b'environment="A=b, c",COMMAND KEY', True),
    KnownLine("a backslash before the closing quote", b'command="echo served\\" KEY', False),
    KnownLine("two backslashes before it", b'command="echo served\\\\" KEY', False),
    KnownLine("an open quote", b'command="echo served KEY', False),
    KnownLine("a value without quotes", b"command=/bin/true KEY", False),
    KnownLine("a command without a value", b"restrict,command KEY", False),
    KnownLine("a flag with a value", b'restrict="yes",COMMAND KEY', False),
    KnownLine("bytes behind a value", b'COMMANDx KEY', False),
    KnownLine("a type where options belong", b"ssh-rsa COMMAND KEY", False),
    KnownLine("values of other options",
              b'tunnel="0",permitopen="h:1",permitlisten="2",expiry-time="20991231",COMMAND KEY',
              True),
    KnownLine("a very long comment", b"COMMAND KEY " + b"x" * 100_000, True),
)
