"""A client below one folder: a policy, a keys file's folder, and keys by ssh-keygen."""

from __future__ import annotations

import os
from binascii import b2a_base64

from bpc_ssh_guard.authorized_keys import ManagedLine, key_id
from bpc_ssh_guard.guardctl.authorize import Authorization, PublicKey, authorize
from bpc_ssh_guard.guardctl.check import Finding, check
from bpc_ssh_guard.guardctl.checks.account import Account
from bpc_ssh_guard.policy import load
from tests import command_log

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))

LABELS = ("web1-backup", "web1-restore", "db-backup")
POLICY = """\
Log {root}/log
Key web1-backup
    Backup  {root}/data
    From    192.0.2.7 2001:db8::/32
Key web1-restore
    Restore {root}/restored
    Window  always
Key db-backup
    Backup  {root}/data
"""


def public_key(number: int = 1) -> PublicKey:
    """Return an ed25519 key that nobody has the private half of, another for each NUMBER."""
    return PublicKey(b"ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32)


def words(key: PublicKey) -> bytes:
    """Return KEY as it stands in a line."""
    return key.key_type + b" " + b2a_base64(key.blob, newline=False)


class Client:
    """Everything lies below ROOT, which nobody else can change."""

    def __init__(self, root: str) -> None:
        self.root = root
        for name in ("log", "data", "restored", "home/.ssh", "etc"):
            os.makedirs(f"{root}/{name}", mode=0o700)
        command_log.begin(f"{root}/log")
        self.policy_path = f"{root}/etc/policy"
        self.write_policy(POLICY.format(root=root))
        self.folder = f"{root}/home/.ssh"
        self.keys_file = f"{self.folder}/authorized_keys"

    def write_policy(self, text: str) -> None:
        with open(self.policy_path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.policy_path, 0o644)

    @property
    def policy(self):
        return load.load(os.fsencode(self.policy_path))

    def write_keys(self, *lines: bytes, mode: int = 0o600) -> bytes:
        """Write LINES to the keys file; return its content."""
        return self.write_keys_exactly(b"".join(line + b"\n" for line in lines), mode)

    def write_keys_exactly(self, data: bytes, mode: int = 0o600) -> bytes:
        with open(self.keys_file, "wb") as file:
            file.write(data)
        os.chmod(self.keys_file, mode)
        return data

    def read_keys(self) -> bytes:
        with open(self.keys_file, "rb") as file:
            return file.read()

    def compose(self, label: str, key: PublicKey, **options: str) -> bytes:
        return authorize(self.policy, label, key, **options).line.encode("ascii")

    def add(self, label: str, key: PublicKey, **options) -> Authorization:
        return authorize(self.policy, label, key, path=self.keys_file, **options)

    def mark(self, label: str, key: PublicKey, generation: int = 1) -> bytes:
        return b"bpc-ssh-guard:%b:%b:g%d" % (label.encode(), key_id(key.blob), generation)


class CheckedClient(Client):
    """A client with the guard installed and a key for each label; nothing to complain about."""

    def __init__(self, root: str, prefix: str) -> None:
        super().__init__(root)
        self.program = f"{prefix}/sbin/bpc-ssh-guard"
        self.shell = "/bin/sh"
        self.home = f"{root}/home"
        self.good = [
            self.compose(label, key, program=self.program)
            for label, key in zip(LABELS, map(public_key, (1, 2, 3)))
        ]
        self.write_keys(*self.good)

    @property
    def account(self) -> Account:
        return Account("root", os.geteuid(), self.home, self.shell)

    def findings(self, *severities: str) -> list[Finding]:
        """Return the findings of SEVERITIES, all if none are given."""
        found = check(self.policy_path, [self.keys_file], account=self.account)
        return [each for each in found if not severities or each.severity in severities]

    def complaints(self) -> list[str]:
        """Return errors and warnings as text, paths from the client's root on."""
        return [str(each).replace(self.root, "") for each in self.findings("error", "warning")]

    def notes(self) -> list[str]:
        return [str(each).replace(self.root, "") for each in self.findings("note")]

    def managed(self, key: PublicKey, **changes) -> bytes:
        """Return a managed line with CHANGES, its own policy named."""
        parts = {"program": os.fsencode(self.program), "label": b"db-backup", "generation": 1,
                 "policy": os.fsencode(self.policy_path), **changes}
        return ManagedLine(key=(key.key_type, key.blob), **parts).compose()
