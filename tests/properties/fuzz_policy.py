"""Fuzz target: any bytes as a policy file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bpc_ssh_guard.command.parse import understand
from bpc_ssh_guard.errors import GuardFailure, Refused
from bpc_ssh_guard.policy.decide import decide
from bpc_ssh_guard.policy.load import parse
from bpc_ssh_guard.policy.model import Block
from tests.oracles import corpus, language
from tests.oracles.answers import PROTECTIONS, no_list

from .sentences import POLICY_PARTS

PATH = b"/policy"
SEPARATOR = b"\n"
TOKENS = (
    *POLICY_PARTS, b"Key k", b"    Backup /srv/data", b"    Restore /srv/restore", b"Confine off",
    b"    Window always", b"    Delete no", b"    Tools tar", b"    Accept sudo acls", b"Log /l",
    b"    From 192.0.2.0/24 2001:db8::1", b'    Backup "/srv/My Data" /', b"    MungeLinks yes",
    b"    Accept whole-system", b"Rsync /opt/rsync", b"Key a\n    Backup /srv\nKey b",
)  # fmt: skip
COMMANDS = tuple(
    understand(text, no_list)
    for text in (
        b"rsync --server --sender -lr . /srv/data/x", b"rsync --server -lr --delete . /srv/restore",
        b"sudo tar -c -f - -C /srv/data --acls .", b"tar -x -p -f - -C /srv/restore/x",
        b"rsync --server --sender -lrAzL . /etc /srv/data",
    )
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Yield policies to begin with."""
    yield from {corpus.policy_text(entry) for entry in corpus.all_entries()}
    yield b'Log /l # note\nConfine off\n\nKey web1\n\tBackup "/a \\"b\\\\" /c\n  From ::1\n'


def one_input(data: bytes) -> None:
    """Hold every property to the policy DATA."""
    try:
        policy = parse(data, PATH)
    except GuardFailure as failure:
        place = re.match(r"/policy:([0-9]+): .", failure.detail)
        if place is None or not 1 <= int(place.group(1)) <= data.count(b"\n") + 1:
            raise AssertionError(f"{data!r}: {failure.detail}") from None
        return
    for label, block in policy.blocks.items():
        if label != block.label or not block.roots:
            raise AssertionError(f"{data!r}: {label!r}")
        for command in COMMANDS:
            try:
                plan = decide(policy, block, command, PROTECTIONS)
            except Refused:
                continue
            argv = (b"/" + command.server.program.encode(), *plan.arguments)
            wrong = language.complaints(argv, _right_of(block))
            if wrong or plan.executable not in (policy.rsync, policy.tar):
                raise AssertionError(f"{data!r}: {plan.argv!r}: {wrong}")


def _right_of(block: Block) -> language.Right:
    return language.Right(
        block.operation, block.roots, frozenset(block.accept), block.delete, block.munge_links
    )
