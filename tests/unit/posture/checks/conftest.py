"""A server on which every check of these sections is content, and words to say what one found."""

from __future__ import annotations

import subprocess

import pytest

from bpc_ssh_guard.posture import audit
from bpc_ssh_guard.posture.checks import BY_ID, CHECKS
from tests.posture_tree import BACKUPPC, CONFIG, TOP, ServerTree

DROP_IN = """[Service]
ProtectSystem=strict
ReadWritePaths=/etc/backuppc /var/lib/backuppc
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
UMask=0027
RuntimeDirectoryMode=0750
"""
SSH = f"{TOP}/.ssh"


@pytest.fixture(scope="session")
def sound_tree(pristine, tmp_path_factory):
    """Return the hardened server with a confined service, and no host over ssh."""
    tree = pristine["hardened"].copy(tmp_path_factory.mktemp("sound"))
    tree.write("/etc/systemd/system/backuppc.service.d/confine.conf", DROP_IN)
    tree.append(tree.host_file("localhost"), "$Conf{TarClientRestoreCmd} = '/bin/tar -x -f -';")
    if not tree.owned:  # there the web server's group is the pool's too
        tree.chmod(TOP, 0o700)
    return tree


@pytest.fixture
def sound(sound_tree, tmp_path):
    """Return a copy of it to spoil."""
    return sound_tree.copy(tmp_path)


def found(tree: ServerTree, *ids: str, live: bool = False):
    """Return what the checks IDS, or all, find on TREE."""
    return audit.run(tree.site(live=live), [BY_ID[each] for each in ids] or CHECKS).findings


def troubles(tree: ServerTree, *ids: str):
    """Return id, state, severity and subject of what isn't right on TREE."""
    return {(each.id, each.state.value, each.severity.word, each.subject)
            for each in found(tree, *ids) if each.is_trouble}


def one(tree: ServerTree, id: str):  # noqa: A002 - the table's word
    """Return the only finding of the check ID on TREE."""
    findings = found(tree, id)
    assert len(findings) == 1, findings
    return findings[0]


def add_key(tree: ServerTree, name: str = "id_ed25519", *options: str, mode: int = 0o600) -> str:
    """Make a real private key in ~backuppc/.ssh; return its path on the server."""
    if not tree.path(SSH).exists():
        tree.folder(SSH, 0o700, BACKUPPC)
    path = f"{SSH}/{name}"
    subprocess.run(["ssh-keygen", "-q", *(options or ("-t", "ed25519")), "-N", "", "-C", "",
                    "-f", tree.path(path)], check=True, stdin=subprocess.DEVNULL)
    for each in (path, f"{path}.pub"):
        tree.chown(each, *BACKUPPC)
    tree.chmod(path, mode)
    return path


def line_of(tree: ServerTree, text: str, name: str = CONFIG) -> int:
    """Return the number of the last line of NAME that holds TEXT."""
    numbers = [number for number, line in enumerate(tree.read(name).split("\n"), 1) if text in line]
    return numbers[-1]
